"""The `[recipe.….export]` table: what is written, and how."""

from typing import Annotated, Literal

from pydantic import Field

from stackd.config.fields import Table
from stackd.model.pixels import ColourSpace


class ExportSettings(Table):
    """Format and name of the composite, and what lies beside it."""

    format: Annotated[
        Literal["tiff", "png", "jpeg"],
        Field(description="File format of the composite: tiff and png keep 16 bits a channel, jpeg is small."),
    ] = "tiff"
    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=150,
            description=(
                "Name without extension. {first}, {last}: names of those frames; {stack}: what all their names have before the"
                " number that counts them, such as view 012 light 3; {count}: how many frames; {method}: of fusion."
            ),
        ),
    ] = "{first}-{last}_{count}f_{method}"
    barcode: Annotated[
        Literal["off", "name"],
        Field(
            description="name: the barcode or Data Matrix in the picture names the composite, and without exactly one it is held."
            " Takes `pip install 'stackd[barcode]'`."
        ),
    ] = "off"
    bit_depth: Annotated[
        Literal[8, 16],
        Field(description="Bits a channel for tiff and png; jpeg always has 8. 16 keeps room for later editing."),
    ] = 16
    compression: Annotated[
        Literal["none", "deflate", "zstd"],
        Field(
            description="Only for tiff. none: fastest, read by everything. deflate: slow and read by everything."
            " zstd: fast and small, but few programs read it."
        ),
    ] = "none"
    matte: Annotated[
        Literal["white", "black"],
        Field(description="Only for jpeg: what shows where the frames are transparent. tiff and png stay transparent there."),
    ] = "white"
    profile: Annotated[
        Literal["input", "srgb", "adobe-rgb", "display-p3", "prophoto"],
        Field(
            description="Colour space of the composite. input: that of its frames. Any other: converted to it, and RAW frames are"
            " developed in it. prophoto is too wide for jpeg."
        ),
    ] = "input"
    jpeg_quality: Annotated[int, Field(ge=1, le=100, description="Only for jpeg: higher is larger and cleaner.")] = 95
    depth_map: Annotated[bool, Field(description="Also write the depth map as 16-bit TIFF, for programs.")] = True
    depth_picture: Annotated[bool, Field(description="Also write the depth map as a coloured PNG, for people.")] = True
    report: Annotated[bool, Field(description="Also write what was done with which frames, as JSON.")] = True
    page: Annotated[
        bool,
        Field(
            description="Also write a page for the browser: the composite against every frame, what was noticed, and plots."
            " 1 to 6 MB."
        ),
    ] = True

    @property
    def wanted_space(self) -> ColourSpace | None:
        """The space of the composite; None for that of its frames."""
        return None if self.profile == "input" else ColourSpace(self.profile)
