"""Pixels in, pixels out: registration, photometric match, fusion and finishing. No paths, clocks or logs."""
