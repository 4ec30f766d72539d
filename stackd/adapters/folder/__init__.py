"""Watched folders: noticing changes and finding out what is there."""
