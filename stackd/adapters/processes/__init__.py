"""Processes that do the work which may crash or hang, and how one talks with them."""
