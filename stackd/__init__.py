"""stackd: unattended focus stacking. Drop frames into a folder; a finished composite appears in another."""

__version__ = "0.1.0"
