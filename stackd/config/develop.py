"""The `[recipe.….develop]` table: base adjustments, the same for every frame of a stack."""

from typing import Annotated, Literal

from pydantic import Field

from stackd.config.fields import Table


class DevelopSettings(Table):
    """How RAW frames are developed. One development serves all frames of a stack: nothing is decided frame by frame."""

    white_balance: Annotated[
        Literal["camera", "daylight"],
        Field(
            description="camera: as the reference frame was shot. daylight: the sensor's daylight balance, the same every day."
        ),
    ] = "camera"
    exposure_ev: Annotated[
        float, Field(ge=-3, le=3, description="Brightens RAW frames by so many stops; highlights above white are clipped.")
    ] = 0.0
    highlights: Annotated[
        Literal["clip", "blend", "reconstruct"],
        Field(
            description="Burnt-out parts. clip: plain white. blend, reconstruct: guessed from channels that still hold detail."
        ),
    ] = "clip"
    colour_space: Annotated[
        Literal["srgb", "adobe-rgb", "display-p3", "prophoto"],
        Field(
            description="What RAW frames are developed in, unless export.profile names a space. Wide ones hold colours that sRGB"
            " screens do not show; the composite carries the matching profile."
        ),
    ] = "srgb"
    decimal_values: Annotated[
        Literal["linear", "display"],
        Field(
            description="What decimal TIFFs without a colour profile hold. linear: light, as editors and microscopes write it."
            " display: values as screens show them."
        ),
    ] = "linear"
    demosaic: Annotated[
        Literal["ahd", "ppg", "dht"],
        Field(description="How colours are filled in. ahd: good. ppg: half the time, mazes in fine detail. dht: twice the time."),
    ] = "ahd"
