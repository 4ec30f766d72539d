"""Commands that have stackd watch folders: in the foreground, or as a service of the system."""
