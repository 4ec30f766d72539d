"""Frames matched in brightness and white balance."""
