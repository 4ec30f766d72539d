"""The machine and its system: clock, memory, locks, logs, the service manager, and whether all of it is well."""
