"""What blur costs a picture: measured on the composite itself, by blurring its sharpest places.

A picture that is soft at its best loses little. All is told on a grid, which may be that of the camera or of a screen: the same
blur is seen at full size and lost in a small view.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.judge.cells import DETAIL_SIGMA_PX
from stackd.model.pixels import Gray

TILE_PX: Final = 96
LOOKED_AT_PX: Final = 4_000_000
LEAST_ROWS: Final = 16
"""In larger grids only the middle rows of every tile are looked at for the sharpest: so many px in all, so many rows at least.
Looking at all of 24 megapixels costs as much as fusing a frame."""
SHARPEST_TILES: Final = 12
"""Tiles of the composite, those with most detail, on which it is tried what blur would cost."""
RADII_PX: Final = (0.5, 0.75, 1.0, 1.5, 2.25, 3.0, 4.5, 7.0, 10.0)
"""Radii tried, px of the grid."""

SOFT_BELOW: Final = 0.55
"""Amplitude of fine detail kept, below which a place looks soft. At steps as photographers are told to make them 0.8 to 0.9 is
kept half-way between two frames; one frame missing leaves 0.6, two leave 0.4 (measured)."""
BACKGROUND_BELOW: Final = 0.12
"""And below which it is background that was never meant to be sharp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Softening:
    """What blur would cost the composite."""

    kept: tuple[float, ...]
    """Amplitude of fine detail that is left at each of `RADII_PX`, 0–1."""

    @classmethod
    def of(cls, gray: Gray) -> "Softening":
        """Try it where the composite's luminance, on the grid in question, is sharpest."""
        energies = np.zeros(len(RADII_PX))
        whole = 0.0
        for rows, columns in _sharpest(gray):
            tile = gray[rows, columns]
            light = to_light(tile)
            whole += _energy(tile)
            energies += [_energy(to_display(blurred(light, radius))) for radius in RADII_PX]
        kept = np.sqrt(energies / max(whole, np.finfo(float).tiny))
        return cls(kept=tuple(np.minimum.accumulate(kept).tolist()))  # more blur never leaves more, whatever rounding says

    def at(self, radius_px: float) -> float:
        """Amplitude kept at a radius."""
        return float(np.interp(radius_px, (0.0, *RADII_PX), (1.0, *self.kept)))

    def radius_for(self, kept: float) -> float:
        """Radius at which so much is kept, px."""
        return float(np.interp(-kept, [-share for share in (1.0, *self.kept)], (0.0, *RADII_PX)))

    def kept_again(self, radius_px: float) -> float:
        """Amplitude kept by what was blurred by a radius already and is blurred as much once more: variances add."""
        return self.at(radius_px * float(np.sqrt(2))) / max(self.at(radius_px), float(np.finfo(float).tiny))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How blur of a stack is seen on a grid."""

    softening: Softening
    blur_px: float
    """Growth of the blur's radius a step of focus, px of the grid; 0 where nothing tells."""

    @property
    def soft_radius_px(self) -> float:
        """Radius from which a place looks soft, px."""
        return self.softening.radius_for(SOFT_BELOW)

    @property
    def soft_from(self) -> float:
        """Steps from the nearest focus from which a place looks soft; infinite where nothing tells."""
        return self.soft_radius_px / self.blur_px if self.blur_px else float("inf")

    @property
    def background_from(self) -> float:
        """Steps from which it is background."""
        return self.softening.radius_for(BACKGROUND_BELOW) / self.blur_px if self.blur_px else float("inf")


def _sharpest(gray: Gray) -> Iterator[tuple[slice, slice]]:
    down, across = (side // TILE_PX for side in gray.shape)
    rows = max(round(TILE_PX * min(LOOKED_AT_PX / gray.size, 1)), LEAST_ROWS)
    first = (TILE_PX - rows) // 2
    energies = np.empty((down, across), np.float32)
    for tile in range(down if across else 0):
        start = tile * TILE_PX + first
        band = gray[start : start + rows, : across * TILE_PX]
        rest = np.square(band - cv2.GaussianBlur(band, (0, 0), DETAIL_SIGMA_PX))
        energies[tile] = rest.mean(axis=0).reshape(across, TILE_PX).mean(axis=1)
    for flat in np.argsort(energies, axis=None, kind="stable")[::-1][:SHARPEST_TILES]:
        row, column = (int(place) for place in np.unravel_index(flat, energies.shape))
        yield slice(row * TILE_PX, (row + 1) * TILE_PX), slice(column * TILE_PX, (column + 1) * TILE_PX)


def _energy(tile: Gray) -> float:
    return float(np.square(tile - cv2.GaussianBlur(tile, (0, 0), DETAIL_SIGMA_PX)).mean())
