"""Which frames belong together, how sure, why, and when a stack is complete."""
