"""Sightings and metadata in, stacks out: which frames belong together, how sure, and why. Pure."""
