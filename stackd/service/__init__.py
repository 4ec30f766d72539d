"""The daemon: ports, a pure planner, and the loop that performs what was planned."""
