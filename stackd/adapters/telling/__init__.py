"""What the service tells of itself: a file with its health, one for Prometheus, and a command of the user's."""
