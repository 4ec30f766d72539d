"""The journal on disk, in SQLite."""
