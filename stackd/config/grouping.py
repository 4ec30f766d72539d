"""The `[intake]` table: its classes live beside the code they steer, below this package; here they are named for users."""

from stackd.intake.settings import GroupingSettings, IntakeSettings

__all__ = ["GroupingSettings", "IntakeSettings"]
