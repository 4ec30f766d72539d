"""Pixels of frames: decoding, developing, and looking at them cheaply."""
