"""From registrations of neighbours to one matrix a frame."""
