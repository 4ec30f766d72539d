"""Frames laid over the reference: warped, matched, and cut to what all of them cover."""
