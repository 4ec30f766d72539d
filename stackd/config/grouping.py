"""The `[intake]` table. The classes live beside the code they steer, below this package; this names them for the configuration."""

from stackd.intake.settings import GroupingSettings, IntakeSettings

__all__ = ["GroupingSettings", "IntakeSettings"]
