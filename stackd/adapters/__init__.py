"""One module per outside thing; the only place that touches it."""
