"""Whether stackd notices what went wrong: stacks with faults of known strength, and as many without."""
