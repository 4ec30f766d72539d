"""stackd as a service of the system: the files that systemd and launchd want, where they lie, and who takes them up."""
