"""Pictures as a page holds them: encoded, with their size, named by what they show."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from stackd.model.composite import Rectangle


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded JPEG."""

    content: bytes
    width_px: int
    height_px: int

    @property
    def data_uri(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/jpeg;base64,{b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A piece of the composite at full size, px for px."""

    picture: Picture
    area: Rectangle
    """Which piece, px of the composite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePictures:
    """All pictures of a page."""

    composite: Picture
    frames: Mapping[int, Picture]
    """By the frame's place in the composite's list."""
    depth: Picture | None
    crops: Mapping[int, Crop]
    """By the finding's place in the composite's list."""
    brighter_stops: float = 0.0
    """By how much all but the depth map are shown brighter than they are."""
