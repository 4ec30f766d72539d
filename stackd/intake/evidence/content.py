"""What frames look like: whether two of them show the same subject, framed alike.

Thumbnails are low-passed so far that a change of focus hardly shows: between neighbours of the real stacks this was tuned on the
correlation is 0.958–1.000, between neighbours of different subjects at most 0.67, even after the best shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import Shot
from stackd.model.content import ContentSignature
from stackd.model.pixels import Gray

WORKING_SIDE_PX = 512
"""Sharpness is measured at this size at most: enough for any defocus that matters, small enough for embedded previews."""

THUMBNAIL_SIDE_PX = 48
THUMBNAIL_BLUR_PX = 1.5
"""With 48 px, a blur circle of 3 % of the width: more than neighbours of a stack differ by."""

TILES = 8
"""Tiles a side for sharpness: finer than the depth bands of real subjects, coarse enough that each holds texture."""

DIFFERENT_BELOW = 0.90
SAME_FROM = 0.97
ALIKE_FROM = 0.95
BRACKET_DIFFERENT_BELOW = 0.60
"""Within an exposure bracket clipped highlights and shadows lower the correlation (a guess, well above other subjects)."""

MAX_SHIFT = 0.20
"""Share of the width by which framing may drift between neighbours and still be looked for."""

PANORAMA_SHIFT = 0.05
"""Share of the width a frame; a steady drift above it is a pan, not an unsteady hand."""

DARK = 0.02
DARKER_THAN_OTHERS = 5.0
"""A lens-cap frame is dark, and darker than its neighbours by this factor: a fluorescence stack is dark throughout."""

UNLIT_RATIO = 2.0
"""Of two mean display values, about two stops apart: a flash that did not fire leaves the light of the room, less by more."""

DETAIL_SIDE = 84
"""Cells a side of the detail that tells exposures apart: with fewer a fine step of focus does not show, with more a small copy
for the web no longer looks like its original.
"""

DETAIL_BLUR = 1.2
DETAIL_CONTRAST_BLUR = 1.8
"""In cells: what is finer than the first is detail, and its contrast is evened out over the second."""

DETAIL_FLOOR = np.float32(1e-3)
"""Local contrast below this is rounding and no structure; a quarter of an 8-bit step."""

DETAIL_SCALE = np.float32(32.0)
"""Detail is kept as whole numbers, in 32nds of the local contrast."""

NO_DETAIL = 0.008
"""Spread of a featureless thumbnail: a cap, a hand, a sheet of paper (real frames, even the most defocused: 0.044 and more)."""


def signature(luminance: Gray) -> ContentSignature:
    """Reduce a frame to its content signature.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)
        Display-encoded, range [0, 1]; any size, the stored orientation. Best between 512 and 1024 px on the long side.
    """
    height_px, width_px = luminance.shape
    scale = THUMBNAIL_SIDE_PX / max(height_px, width_px)
    rows, columns = max(round(height_px * scale), 1), max(round(width_px * scale), 1)
    thumbnail = _mean_in_boxes(luminance, rows, columns)
    blur_rows, blur_columns = _blur_matrix(thumbnail.shape[0]), _blur_matrix(thumbnail.shape[1])
    return ContentSignature(
        thumbnail=(blur_rows @ thumbnail @ blur_columns.T).astype(np.float32),
        sharpness=_tile_sharpness(luminance),
        detail=_detail(luminance),
        brightness=float(thumbnail.mean()),
    )


def detail_vector(content: ContentSignature | None, orientation: int = 1) -> NDArray[np.float32] | None:
    """Give the fine structure of a picture as it is looked at, as a vector of length 1; None where it shows none.

    The product of two such vectors tells how alike two pictures are, −1 to 1. Encoding, size, tones, colour and sharpening hardly
    change it: over ten real stacks a file of the same exposure was more like its frame than any other frame was, in the coarsest
    (0.99 to 0.38) as in the finest (0.95 to 0.94).

    Parameters
    ----------
    orientation : int
        EXIF orientation of the stored pixels, 1–8.
    """
    if content is None or not content.detail.any():
        return None
    upright = content.detail
    if orientation in MIRRORED:
        upright = upright[:, ::-1]
    upright = np.rot90(upright, TURNS_TO_UPRIGHT.get(orientation, 0))
    vector = upright.astype(np.float32).ravel()
    vector -= vector.mean()
    length = float(np.sqrt(vector @ vector))
    return vector / np.float32(length) if length > 0.0 else None


MIRRORED = frozenset({2, 4, 5, 7})
TURNS_TO_UPRIGHT = MappingProxyType({3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1})
"""Quarter turns to the left, after mirroring left and right."""


def is_lit_unlike(first: Shot, second: Shot) -> bool:
    """Tell whether one of two frames got so much less light that it did not come out, though it may show the same.

    Focus leaves the mean of a picture as it is, and lamps that flicker change it by a tenth of a stop.
    """
    if first.content is None or second.content is None:
        return False
    darker, brighter = sorted((first.content.brightness, second.content.brightness))
    return brighter > UNLIT_RATIO * darker


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike two frames look."""

    correlation: float
    """Of the low-passed thumbnails, −1 to 1, at the best shift; gain and offset do not matter."""
    shift: tuple[float, float]
    """That shift (x, y), as a share of width and height."""


def likeness(first: ContentSignature, second: ContentSignature) -> Likeness:
    """Compare two frames, allowing for some drift of the framing."""
    one, two = first.thumbnail, second.thumbnail
    if one.shape != two.shape:
        return Likeness(correlation=-1.0, shift=(0.0, 0.0))
    in_place = _correlation(one, two)
    if in_place >= SAME_FROM:
        return Likeness(correlation=in_place, shift=(0.0, 0.0))
    return _best_shift(one, two)


def neighbours_verdict(alike: Likeness | None, before: Verdict | None, *, in_exposure_bracket: bool = False) -> Verdict | None:
    """Let the pictures decide where time could not: `before` is the soft cut that time found, or None."""
    if alike is None:
        return None
    if alike.correlation < (BRACKET_DIFFERENT_BELOW if in_exposure_bracket else DIFFERENT_BELOW):
        return Verdict(link=Link.CUT, because="the picture shows something else")
    if before is not None and before.link is Link.SOFT_CUT and alike.correlation >= SAME_FROM:
        return Verdict(link=Link.KEEP, because="the picture is the same")
    return None


def is_spacer(content: ContentSignature, usual_brightness: float, usual_detail: float) -> bool:
    """Tell a frame taken to part stacks (lens cap, hand, paper) among frames that are usually brighter and richer."""
    dark = content.brightness < DARK and content.brightness * DARKER_THAN_OTHERS < usual_brightness
    spread = detail(content)
    return dark or (spread < NO_DETAIL and spread * DARKER_THAN_OTHERS < usual_detail)


def detail(content: ContentSignature) -> float:
    """Spread of the low-passed luminance, 0–1: 0 for a featureless picture."""
    return float(content.thumbnail.std())


def run_evidence(likenesses: Sequence[Likeness | None]) -> Evidence | None:
    """Say whether all neighbours of a run look alike."""
    known = [alike.correlation for alike in likenesses if alike is not None]
    if not known or len(known) < len(likenesses):
        return None
    if min(known) >= ALIKE_FROM:
        return Evidence(points=1.0, sentence="every picture shows the same subject, framed alike")
    return Evidence(points=0.0, sentence="the framing or the subject changes a little from picture to picture")


def is_panorama(likenesses: Sequence[Likeness | None]) -> bool:
    """Tell a pan: every picture lies further along than the one before, by more than a hand trembles."""
    shifts = [alike.shift for alike in likenesses if alike is not None]
    if len(shifts) < 2 or len(shifts) < len(likenesses):  # noqa: PLR2004  three frames
        return False
    steps = np.array(shifts)
    along = steps[:, int(np.abs(steps.sum(axis=0)).argmax())]
    return bool((along > PANORAMA_SHIFT).all() or (along < -PANORAMA_SHIFT).all())


def look_alike(first: Shot, second: Shot) -> Likeness | None:
    """Compare two shots; None when the content of one is not known.

    Where their files say that they stand another way up, as they are stored and as they are looked at: one of the two is how the
    camera saw them.
    """
    if first.content is None or second.content is None:
        return None
    stored = likeness(first.content, second.content)
    if first.frame.meta.orientation == second.frame.meta.orientation:
        return stored
    upright = likeness(*(_upright(shot.content, shot.frame.meta.orientation) for shot in (first, second) if shot.content))
    return max(stored, upright, key=lambda alike: alike.correlation)


def _upright(content: ContentSignature, orientation: int) -> ContentSignature:
    """Turn and mirror a thumbnail as an EXIF orientation, 1–8, says."""
    thumbnail = content.thumbnail
    if orientation in {2, 4, 5, 7}:
        thumbnail = thumbnail[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return replace(content, thumbnail=np.ascontiguousarray(np.rot90(thumbnail, turns)))


def _tile_sharpness(luminance: Gray) -> NDArray[np.float32]:
    height_px, width_px = luminance.shape
    reduction = max(-(-max(height_px, width_px) // WORKING_SIDE_PX), 1)
    small = (
        luminance if reduction == 1 else _mean_in_boxes(luminance, max(height_px // reduction, 1), max(width_px // reduction, 1))
    )
    small = np.pad(small, 2, mode="edge")
    # A light binomial blur keeps sensor noise from passing for detail; the Laplacian then picks up edges.
    soft = (small[:-2] + 2.0 * small[1:-1] + small[2:]) * np.float32(0.25)
    soft = (soft[:, :-2] + 2.0 * soft[:, 1:-1] + soft[:, 2:]) * np.float32(0.25)
    edges = 4.0 * soft[1:-1, 1:-1] - soft[:-2, 1:-1] - soft[2:, 1:-1] - soft[1:-1, :-2] - soft[1:-1, 2:]
    energy = _mean_in_boxes(edges * edges, TILES, TILES)
    # The floor is the rounding of an 8-bit picture: below it there is nothing to measure.
    sharpness: NDArray[np.float32] = (0.5 * np.log(energy + _ENERGY_FLOOR)).astype(np.float32)
    return sharpness


def _detail(luminance: Gray) -> NDArray[np.int8]:
    if min(luminance.shape) < DETAIL_SIDE:
        return np.zeros((DETAIL_SIDE, DETAIL_SIDE), np.int8)
    cells = _mean_in_boxes(luminance, DETAIL_SIDE, DETAIL_SIDE)
    narrow, wide = _blur_matrix(DETAIL_SIDE, DETAIL_BLUR), _blur_matrix(DETAIL_SIDE, DETAIL_CONTRAST_BLUR)
    fine = cells - narrow @ cells @ narrow.T
    contrast = np.sqrt(np.maximum(wide @ (fine * fine) @ wide.T, 0.0))
    return np.asarray(np.clip(np.rint(DETAIL_SCALE * fine / (contrast + DETAIL_FLOOR)), -127, 127), np.int8)


_ENERGY_FLOOR = np.float32((0.05 / 255.0) ** 2)
"""A twentieth of an 8-bit step: far below visible detail, above the rounding of float32."""


def _mean_in_boxes(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Average over boxes of as equal size as whole pixels allow; never more boxes than pixels."""
    rows, columns = min(rows, values.shape[0]), min(columns, values.shape[1])
    row_edges = np.linspace(0, values.shape[0], rows + 1).astype(np.intp)
    column_edges = np.linspace(0, values.shape[1], columns + 1).astype(np.intp)
    sums = np.add.reduceat(np.add.reduceat(values, row_edges[:-1], axis=0), column_edges[:-1], axis=1)
    areas = np.diff(row_edges)[:, None] * np.diff(column_edges)[None, :]
    means: NDArray[np.float32] = (sums / areas).astype(np.float32)
    return means


@lru_cache(maxsize=128)
def _blur_matrix(size: int, sigma: float = THUMBNAIL_BLUR_PX) -> NDArray[np.float32]:
    distance = np.arange(size)[:, None] - np.arange(size)[None, :]
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    blur: NDArray[np.float32] = np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
    return blur


def _correlation(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), two - two.mean()
    power = float((a * a).sum()) * float((b * b).sum())
    return float((a * b).sum()) / power**0.5 if power > 0.0 else 0.0


_NO_POWER = 1e-12
"""Of an overlap without any detail; far below a single 8-bit step in one pixel."""


def _best_shift(one: NDArray[np.float32], two: NDArray[np.float32]) -> Likeness:
    """Find the shift of best correlation, each computed over the overlap alone.

    All sums over overlaps come from correlations done with the FFT (D. Padfield, "Masked object registration in the Fourier
    domain", IEEE Trans. Image Processing 21(5), 2706-2718, 2012, DOI 10.1109/TIP.2011.2181402).
    """
    height, width = one.shape
    padded = (2 * height, 2 * width)
    a, b = one - one.mean(), two - two.mean()
    ones = np.ones_like(a)

    def transform(values: NDArray[np.float32]) -> NDArray[np.complex128]:
        return np.asarray(np.fft.rfft2(values, padded), dtype=np.complex128)

    def overlap_sum(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> NDArray[np.float64]:
        return np.asarray(np.fft.irfft2(left * np.conj(right), padded), dtype=np.float64)

    fa, fa2, fb, fb2, f1 = transform(a), transform(a * a), transform(b), transform(b * b), transform(ones)
    area = np.maximum(overlap_sum(f1, f1), 1.0)
    sum_a, sum_b = overlap_sum(fa, f1), overlap_sum(f1, fb)
    covariance = overlap_sum(fa, fb) - sum_a * sum_b / area
    power = (overlap_sum(fa2, f1) - sum_a**2 / area) * (overlap_sum(f1, fb2) - sum_b**2 / area)
    correlation = np.where(power > _NO_POWER, covariance / np.sqrt(np.maximum(power, _NO_POWER)), 0.0)
    rows = np.arange(-int(height * MAX_SHIFT), int(height * MAX_SHIFT) + 1)
    columns = np.arange(-int(width * MAX_SHIFT), int(width * MAX_SHIFT) + 1)
    window = correlation[np.ix_(rows % padded[0], columns % padded[1])]
    best_row, best_column = np.unravel_index(int(window.argmax()), window.shape)
    return Likeness(
        correlation=min(float(window[best_row, best_column]), 1.0),
        shift=(float(columns[best_column]) / width, float(rows[best_row]) / height),
    )
