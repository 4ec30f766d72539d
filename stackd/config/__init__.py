"""What a user writes in the configuration file."""
