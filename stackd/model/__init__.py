"""Frozen values the whole house speaks in; standard library and numpy only."""
