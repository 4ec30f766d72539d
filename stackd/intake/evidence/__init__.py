"""Kinds of evidence, one file each: pure functions from two neighbours, or from a run of frames, to what they say.

`cuts` weighs what speaks for and against a boundary between two neighbours; `weigh` weighs what speaks for and against a whole
run being a focus stack. A new kind of evidence is one file here and one line there.
"""
