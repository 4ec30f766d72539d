"""What a user can set about intake: when a file is whole, which frames belong together, when a stack is complete."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stackd.intake.name_pattern import BadPatternError, parse_pattern


class GroupingSettings(BaseModel):
    """How frames are told apart into stacks (docs/grouping.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gap_s: float = Field(
        default=3.0,
        gt=0.0,
        le=3600.0,
        description="Seconds between two frames that part two stacks where the shooting rhythm is not regular enough to tell.",
    )
    max_gap_s: float = Field(
        default=120.0,
        gt=0.0,
        le=86400.0,
        description="Seconds between two frames that always part two stacks, whatever else speaks for one.",
    )
    min_frames: int = Field(
        default=3,
        ge=2,
        le=1000,
        description="Fewest frames of a stack. Two are enough where the camera, a folder or a manifest says that they are one.",
    )
    auto_confidence: float = Field(
        default=0.7,
        ge=0.0,
        le=1.0,
        description="Confidence, 0–1, from which a stack is processed without being asked.",
    )
    hold_confidence: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        description="Confidence, 0–1, from which a stack is held for review; below it the frames stay single.",
    )
    eager: bool = Field(default=False, description="Process stacks that would be held.")
    subfolders: Literal["separate", "stack", "together"] = Field(
        default="separate",
        description=(
            "separate: frames of different subfolders never share a stack; stack: every subfolder with frames in it is one "
            "stack, decided; together: subfolders do not matter."
        ),
    )
    name_pattern: str = Field(
        default="",
        description=(
            'How the names of frames are built, without folder and suffix, such as "{stack}_{focus}": frames of the same '
            "{stack} are one stack, decided. May also name {view} {light} {x} {y} {z} {date} {any}. Empty: names are understood "
            "without."
        ),
    )
    pair_preference: Literal["raw", "rendered", "tiff", "heif", "jpeg"] = Field(
        default="raw",
        description=(
            "Which file of an exposure is stacked where there are several: this kind if every frame of the stack has one, then "
            "RAW, TIFF, PNG, HEIF, JPEG in this order. rendered: RAW last."
        ),
    )
    nested_brackets: Literal["hold", "split"] = Field(
        default="hold",
        description=(
            "A focus stack in which every step is an exposure bracket: hold it for review, or split it into one focus stack "
            "for each exposure."
        ),
    )
    manifests: bool = Field(default=True, description="Obey a stack.json dropped with the frames.")

    @field_validator("name_pattern")
    @classmethod
    def _can_be_used(cls, text: str) -> str:
        if text:
            try:
                parse_pattern(text)
            except BadPatternError as bad:
                raise ValueError(f'"{text}" {bad}') from bad
        return text


class IntakeSettings(BaseModel):
    """When a file is whole and when a stack is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settle_s: float = Field(
        default=2.0,
        ge=0.0,
        le=3600.0,
        description="Seconds a file must stay unchanged before it is read. 10 is a good value for a network share.",
    )
    quiet_s: float = Field(
        default=10.0,
        ge=0.0,
        le=86400.0,
        description="Seconds without a new frame that complete a stack, at least; slow arrival stretches them to four intervals.",
    )
    max_quiet_s: float = Field(
        default=300.0, ge=0.0, le=86400.0, description="Most seconds that slow arrival can stretch the quiet time to."
    )
    max_wait_s: float = Field(
        default=1800.0,
        gt=0.0,
        le=604800.0,
        description="Seconds after its first frame arrived at which a stack is closed even though frames still arrive.",
    )
    grouping: GroupingSettings = Field(default_factory=GroupingSettings, description="Which frames belong together.")
