"""The loop of the service, and the performer of what the plan asks for."""
