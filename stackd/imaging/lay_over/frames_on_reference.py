"""Frames laid over the reference and matched in brightness, made on demand from frames as they are on disk."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import decode_srgb, encode_srgb, gain_for_display
from stackd.imaging.ground.frames import FrameSource, MakePlaneStore, PlaneStore
from stackd.imaging.ground.luminance import Luma, as_gray
from stackd.imaging.ground.matrices import inverse, transformed
from stackd.imaging.lay_over import warp as warping
from stackd.imaging.lay_over.alphas import KeptAlphas, laid_over
from stackd.imaging.lay_over.crop import ROUNDING_PX
from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.imaging.match.brightness import Gain
from stackd.imaging.match.tone import ToneCurve, apply_curve
from stackd.model.composite import Rectangle
from stackd.model.pixels import Alpha, Gray, Image, Mask, Matrix, Pixels

BAND_ROWS = 512
"""Rows warped at once when a whole frame is wanted: temporaries stay small beside the frame itself."""

TABLES_KEPT = 4
"""Tables of what values become that are kept: two frames are in work at once. One of 16 bits takes 0.8 MB and 4 ms to make, so
that keeping those of all frames would let memory grow with the stack."""

KERNEL_REACH_PX = 4
"""A cubic kernel looks 2 px to each side; the rest is margin against rounding."""


class KeptLuma:
    """Reduced luminance of the frames of a source, one plane a frame, in the integer type of their pixels.

    Frames of 8 and of 16 bit may come in any order; what is read of either has the same range.

    Parameters
    ----------
    make_store : MakePlaneStore
        Opens a place for planes of one type: a byte or two per reduced pixel.
    reduction : int
        Px of a frame that one of these is the mean of, along each side.
    """

    def __init__(self, make_store: MakePlaneStore, *, reduction: int) -> None:
        self._make_store = make_store
        self._stores: dict[str, PlaneStore] = {}  # by type
        self._places: list[tuple[PlaneStore, int]] = []  # of every frame
        self.reduction = reduction

    def append(self, plane: Luma) -> None:
        """Take the next frame's."""
        store = self._stores.get(plane.dtype.name)
        if store is None:
            store = self._stores[plane.dtype.name] = self._make_store()
        store.append(plane)
        self._places.append((store, len(store) - 1))

    def read(self, position: int) -> Gray:
        """Luminance of a frame of the source, range [0, 1], a new array."""
        store, place = self._places[position]
        return as_gray(cast("Luma", store.read(place, slice(None))))


class FramesOnReference:
    """An `AlignedFrames` over a source: decodes, matches and warps what is asked for, and remembers nothing.

    Parameters
    ----------
    source : FrameSource
        All frames of the stack.
    positions : sequence of int
        Frames of the source that take part, near → far.
    matrices : sequence of ndarray of float64, shape (3, 3)
        Frame → reference px, one a position.
    gains : sequence of Gain or ToneCurve
        Brightness match, one a position.
    kept : KeptLuma, optional
        Luminance seen when the frames were added, which saves decoding them again.
    alphas : KeptAlphas, optional
        Which pixels of the frames are picture; all by default.
    window : Rectangle, optional
        The part of the reference that is wanted; it becomes the reference grid. All of it by default.
    shown : Rectangle, optional
        The part of the window, px of the reference, that will be seen; around it frames may as well repeat their border, as long
        as what is seen stays the same. All of the window by default.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        positions: Sequence[int],
        matrices: Sequence[Matrix],
        gains: Sequence[Gain | ToneCurve],
        kept: KeptLuma | None = None,
        alphas: KeptAlphas | None = None,
        window: Rectangle | None = None,
        shown: Rectangle | None = None,
    ) -> None:
        height, width = source.shape
        window = window or Rectangle(left=0, top=0, right=width, bottom=height)
        to_window = np.array([[1, 0, -window.left], [0, 1, -window.top], [0, 0, 1]], np.float64)
        self._source = source
        self._positions = tuple(positions)
        self._shape = (window.height_px, window.width_px)
        self._matrices = tuple(to_window @ matrix for matrix in matrices)
        self._samplings = tuple(inverse(matrix) for matrix in self._matrices)
        self._are_whole_shifts = tuple(_is_whole_shift(sampling) for sampling in self._samplings)
        self._gains = tuple(gains)
        self._kept = kept
        self._alphas = alphas
        self._shown = shown or window
        self._window = window

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the reference grid."""
        return self._shape

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of the frames themselves."""
        return self._source.shape

    @property
    def matrices(self) -> Sequence[Matrix]:
        """Frame → reference px, one (3, 3) a frame."""
        return self._matrices

    def read(self, position: int) -> Image:
        """Aligned, matched RGB float32 (H, W, 3); outside the frame the border is replicated."""
        native = self.read_native(position)
        height, width = self.shape
        aligned = np.empty((height, width, 3), np.float32)
        for top in range(0, height, BAND_ROWS):
            rows = slice(top, min(top + BAND_ROWS, height))
            aligned[rows] = self.warp_tile(native, position, rows, slice(0, width))
        return aligned

    def read_native(self, position: int) -> Pixels:
        """The frame as decoded, for `warp_tile`."""
        return self._source.read(self._positions[position])

    def read_gray_native(self, position: int, reduction: int) -> Gray:
        """Luminance on the frame's own grid, matched in brightness, reduced as `FrameSource.read_gray` says."""
        if self._kept is not None and self._kept.reduction == reduction:
            gray = self._kept.read(self._positions[position])
        else:
            gray = self._source.read_gray(self._positions[position], reduction)
        return matched_gray(gray, self._gains[position])

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        """Cut a tile of the reference grid out of `native`: float32, matched in brightness, cubic interpolation."""
        table = _float_table(self._gains[position], native.dtype.name)
        sampling = self._samplings[position]
        tile_shape = (rows.stop - rows.start, columns.stop - columns.start)
        if self._are_whole_shifts[position]:
            own_rows, own_columns = _needed(sampling, native.shape, rows, columns, margin_px=0)
            if (own_rows.stop - own_rows.start, own_columns.stop - own_columns.start) == tile_shape:
                return _look_up(native[own_rows, own_columns], table)
        own_rows, own_columns = _needed(sampling, native.shape, rows, columns, margin_px=KERNEL_REACH_PX)
        from_tile = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1]], np.float64)
        to_part = np.array([[1, 0, -own_columns.start], [0, 1, -own_rows.start], [0, 0, 1]], np.float64)
        part = _look_up(native[own_rows, own_columns], table)
        warped = warping.sample(part, to_part @ sampling @ from_tile, tile_shape)
        # A cubic kernel overshoots beside hard edges; no frame is brighter than white.
        return np.clip(warped, 0, 1, out=warped)

    def covered(self, position: int) -> Mask:
        """Pixels of the reference grid inside the frame that are picture, (H, W); all of them if no other will be seen."""
        alpha = self.alpha(position)
        inside = self._inside(position)
        return inside if alpha is None else inside & (alpha == OPAQUE)

    def alpha(self, position: int) -> Alpha | None:
        """How much of each pixel of the reference grid the frame shows, (H, W), 0 outside it; None if it has no alpha."""
        alpha = None if self._alphas is None else self._alphas.read(self._positions[position])
        return None if alpha is None else laid_over(alpha, self._matrices[position], self._shape)

    def _inside(self, position: int) -> Mask:
        shown, window = self._shown, self._window
        x, y = (shown.left - window.left, shown.right - 1 - window.left), (shown.top - window.top, shown.bottom - 1 - window.top)
        height, width = self._source.shape
        # A frame's outline is convex: it covers a rectangle as soon as it covers its corners.
        own = transformed(self._samplings[position], np.array([(x[i], y[j]) for i in (0, 1) for j in (0, 1)], np.float64))
        if ((own >= -ROUNDING_PX) & (own <= (width - 1 + ROUNDING_PX, height - 1 + ROUNDING_PX))).all():
            return np.broadcast_to(np.True_, self._shape)
        return warping.covered(self._matrices[position], self._source.shape, self._shape)


def matched_gray(gray: Gray, gain: Gain | ToneCurve) -> Gray:
    """Match luminance as its colours are; `gray`, which its caller made, may be overwritten."""
    if gain.is_one:
        return gray
    match gain:
        case Gain():
            return np.multiply(gray, np.float32(gain_for_display(float(np.mean(gain.channels)))), out=gray)
        case ToneCurve():
            return apply_curve(gray, gain.for_all().green)
        case _:
            assert_never(gain)


def _needed(sampling: Matrix, shape: tuple[int, ...], rows: slice, columns: slice, *, margin_px: int) -> tuple[slice, slice]:
    """Rows and columns of the frame that a tile is made from.

    For a tile that lies wholly outside these are the nearest border pixels, so that replication gives the same values as from the
    whole.
    """
    (a, b, c), (d, e, f), (g, h, i) = sampling.tolist()
    corners = [(x, y) for x in (columns.start, columns.stop - 1) for y in (rows.start, rows.stop - 1)]
    scales = [1 / (g * x + h * y + i) for x, y in corners]
    across = [(a * x + b * y + c) * scale for (x, y), scale in zip(corners, scales, strict=True)]
    down = [(d * x + e * y + f) * scale for (x, y), scale in zip(corners, scales, strict=True)]
    return _span(down, shape[0], margin_px), _span(across, shape[1], margin_px)


def _span(places: list[float], length: int, margin_px: int) -> slice:
    start = min(max(math.floor(min(places)) - margin_px, 0), length - 1)
    return slice(start, min(max(math.ceil(max(places)) + margin_px + 1, start + 1), length))


def _is_whole_shift(sampling: Matrix) -> bool:
    """Whether pixels fall on pixels, as those of the reference do."""
    return bool(np.array_equal(sampling[:, :2], np.eye(3)[:, :2]) and np.array_equal(sampling, np.rint(sampling)))


def _look_up(pixels: Pixels, table: NDArray[np.float32]) -> Image:
    """Turn integer pixels into matched float32 ones."""
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, table[None]), np.float32)
    matched = np.empty(pixels.shape, np.float32)
    for channel in range(3):
        np.take(table[:, channel], pixels[..., channel], out=matched[..., channel])
    return matched


@lru_cache(maxsize=TABLES_KEPT)
def _float_table(gain: Gain | ToneCurve, dtype: str) -> NDArray[np.float32]:
    """What every integer value becomes: display-encoded float32 [0, 1], shape (256 or 65536, 3)."""
    values = np.linspace(0, 1, int(np.iinfo(dtype).max) + 1)
    columns: list[NDArray[np.floating]]
    match gain:
        case Gain():
            linear = decode_srgb(values)
            columns = [values if factor == 1 else encode_srgb(np.clip(linear * factor, 0, 1)) for factor in gain.channels]
        case ToneCurve():
            columns = [apply_curve(values, curve) for curve in gain.channels]
        case _:
            assert_never(gain)
    return np.stack(columns, axis=1).astype(np.float32)
