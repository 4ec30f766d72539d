"""Running stackd and other programs on the same frames, and counting what it costs."""
