"""One exposure, several files: which files are one, which of them is stacked, and what is a copy of what."""
