"""The daemon itself under load: thousands of frames and years of history, in a process of its own."""
