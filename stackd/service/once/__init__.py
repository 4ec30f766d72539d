"""What is done once and is then over: one stack made, one folder sorted, one report."""
