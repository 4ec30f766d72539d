"""Judging composites whose truth is known."""
