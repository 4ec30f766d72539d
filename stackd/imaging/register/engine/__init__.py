"""How any model is estimated: frames prepared, a first guess, coarse to fine, and whether to believe it."""
