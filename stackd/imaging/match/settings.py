"""What a user can choose about matching frames in brightness and colour; the measuring is in `brightness` and `tone`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class MatchSettings(BaseModel):
    """Even out flicker between the frames of a stack, which would show as seams in the composite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Annotated[
        Literal["gains", "histogram"],
        Field(
            description="gains: a factor a channel on linear light, as lamps and apertures flicker."
            " histogram: a curve a channel, for phones and cameras that map tones anew for every frame."
        ),
    ] = "gains"
    brightness: Annotated[
        bool, Field(description="Match every frame in brightness. Switch off when the light was constant and exact values count.")
    ] = True
    white_balance: Annotated[
        bool, Field(description="Match red, green and blue each for itself, as lamps and automatic white balance need it.")
    ] = True
