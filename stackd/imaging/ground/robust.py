"""Constants of robust statistics, where outliers must have no say."""

TUKEY = 4.685
"""Tukey's biweight at 95 % efficiency for normal errors."""

ROUNDS = 12
"""Of reweighting; the weights have settled by then."""

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation of a normal distribution."""
