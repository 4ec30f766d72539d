"""Which numbers of the pipeline matter: each is scaled, one at a time, and composites are compared with the truth."""
