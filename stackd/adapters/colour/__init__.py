"""Colour profiles: what files declare, which profiles can be used, and bringing pixels from one to another by LittleCMS."""
