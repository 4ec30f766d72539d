"""Match the brightness and white balance of a frame to its neighbour, as one gain a channel in linear light.

Exposure flickers from frame to frame (apertures, lamps), and automatic white balance drifts. Both are multiplications of linear
light, and defocus conserves linear light over areas wider than the blur: so both frames are brought to linear light first,
averaged over cells, and the ratio of cells that lie over each other is voted on. What cannot be matched keeps its brightness.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import decode_srgb
from stackd.imaging.ground.frames import Progress, Steps, ignore_progress
from stackd.imaging.ground.matrices import inverse, rescale_matrix
from stackd.imaging.ground.robust import MAD_TO_SIGMA, ROUNDS, TUKEY
from stackd.model.pixels import Image, Mask, Matrix, Pixels

CELLS = 64
"""Cells along the long side: wide enough to hold the blur of neighbours, many enough to vote (guess, insensitive)."""

SAMPLES_PER_CELL = 5
"""Pixels read along a cell's side; a cell's mean is then good to a percent of its texture (guess)."""

SMOOTHING_CELLS = 0.8
"""Sigma, in cells, of the blur both frames get before they are compared (halves the bias of a link, measured)."""

ALL_OF_IT = 0.999
"""Share of a cell that is all of it, but for rounding."""

HOPS = (1, 2, 4, 8, 16)
"""Distances, in frames, over which brightness is compared: a link's error does not grow with distance, so long links stop drift
(200 rendered frames: 3.4 % adrift with neighbours alone, 0.4 % with all of these)."""

DARKEST, BRIGHTEST = 0.004, 0.9
"""Linear light below which noise and flare decide a ratio, and above which highlights may be clipped."""

LEAST_CELLS = 40
"""Fewer cells in common cannot outvote an outlier."""

LARGEST_GAIN = 4.0
"""Two stops; more is no flicker but another exposure, and matching it would amplify noise."""

STEADY = 0.002
"""Log gain that nobody sees (a fifth of a per cent); half a grey level of 255 at mid-grey."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Brightness:
    """What matching needs of a frame: linear light averaged over cells, float32 (h, w, 3), and px per cell."""

    cells: NDArray[np.float32]
    unclipped: NDArray[np.float32]
    cell_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Factors on linear red, green and blue; `reason` says why they are 1 when nothing could be measured."""

    red: float = 1.0
    green: float = 1.0
    blue: float = 1.0
    spread: float = 0.0
    reason: str = ""

    @property
    def channels(self) -> tuple[float, float, float]:
        """Red, green, blue."""
        return (self.red, self.green, self.blue)

    @property
    def is_one(self) -> bool:
        """Whether applying it changes nothing."""
        return self.channels == (1.0, 1.0, 1.0)

    def for_all(self) -> "Gain":
        """The same gain for all channels, their mean: brightness is matched, white balance is not."""
        mean = self._mean()
        return Gain(red=mean, green=mean, blue=mean)

    def without_brightness(self) -> "Gain":
        """What the channels change beyond their mean: white balance is matched, brightness is not."""
        mean = self._mean()
        return Gain(red=self.red / mean, green=self.green / mean, blue=self.blue / mean)

    def _mean(self) -> float:
        return float(np.exp(np.mean(np.log(self.channels))))


def measure_brightness(pixels: Pixels | Image, *, reduction: int = 1, shown: Mask | None = None) -> Brightness:
    """Average linear light over cells.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16 or float32, shape (H, W, 3)
        Display-encoded (sRGB) RGB.
    reduction : int
        Px of the frame that one of `pixels` is the mean of, along each side.
    shown : ndarray of bool, shape (H, W), optional
        Which of `pixels` are picture; all by default. The others count like clipped ones.

    Returns
    -------
    Brightness
    """
    height, width = pixels.shape[:2]
    cell = max(1, min(max(height, width) // CELLS, min(height, width) // 2))  # even a strip has some
    stride = max(1, cell // SAMPLES_PER_CELL)
    per_cell = max(1, cell // stride)
    rows, columns = height // (stride * per_cell), width // (stride * per_cell)
    start = stride // 2
    places = slice(start, rows * per_cell * stride, stride), slice(start, columns * per_cell * stride, stride)
    sampled = pixels[places]
    linear = _linear_of(sampled)
    clipped = (linear.max(axis=2) > BRIGHTEST) | (linear.max(axis=2) <= 0)
    if shown is not None:
        clipped |= ~shown[places]
    shape = (rows, per_cell, columns, per_cell)
    cells = linear.reshape(*shape, 3).mean(axis=(1, 3), dtype=np.float32)
    unclipped = 1 - clipped.reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    return Brightness(cells=cells, unclipped=unclipped, cell_px=float(stride * per_cell * reduction))


def estimate_gain(reference: Brightness, moving: Brightness, moving_to_reference: Matrix) -> Gain:
    """Estimate the gains that give `moving` the brightness and white balance of `reference`.

    Parameters
    ----------
    reference, moving : Brightness
        Of neighbours in the stack.
    moving_to_reference : ndarray of float64, shape (3, 3)
        Where the moving frame lies, px of the full frame.

    Returns
    -------
    Gain
        Ones, with the reason, when too few cells can be compared.
    """
    target, laid, evenness = compared_cells(reference, moving, moving_to_reference)
    if len(evenness) < LEAST_CELLS:
        return Gain(reason="Too few evenly lit areas are neither black nor clipped; its brightness is kept.")
    ratio = np.log(target / laid).astype(np.float64)
    centres, spreads = zip(*(_robust_centre(channel, evenness) for channel in ratio.T), strict=True)
    gains = np.exp(centres)
    if max(gains.max(), 1 / gains.min()) > LARGEST_GAIN:
        return Gain(
            reason=f"It is {gains.mean():.1f} times as bright as its neighbour: another exposure; its brightness is kept."
        )
    red, green, blue = gains.tolist()
    return Gain(red=red, green=green, blue=blue, spread=float(max(spreads)))


def compared_cells(
    reference: Brightness, moving: Brightness, moving_to_reference: Matrix
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Find the cells of two frames that lie over each other and are neither black nor clipped.

    Parameters
    ----------
    reference, moving : Brightness
    moving_to_reference : ndarray of float64, shape (3, 3)
        Where the moving frame lies, px of the full frame.

    Returns
    -------
    ndarray of float32, shape (N, 3)
        Linear light of the reference.
    ndarray of float32, shape (N, 3)
        Linear light of the moving frame in the same places.
    ndarray of float64, shape (N,)
        Trust, 0–1. Where brightness changes steeply from cell to cell, focus carries light across; even places tell.
    """
    rows, columns = reference.cells.shape[:2]
    sampling = inverse(rescale_matrix(moving_to_reference, 1 / reference.cell_px))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    # Both are smoothed: interpolation smooths the moving frame alone, and the logarithm of the smoother one is larger on average.
    target = np.asarray(cv2.GaussianBlur(reference.cells, (0, 0), SMOOTHING_CELLS), dtype=np.float32)
    smooth = cv2.GaussianBlur(moving.cells, (0, 0), SMOOTHING_CELLS)
    laid = cv2.warpPerspective(smooth, sampling, (columns, rows), flags=flags, borderValue=(-1, -1, -1))
    unclipped = cv2.warpPerspective(_whole(moving.unclipped), sampling, (columns, rows), flags=flags, borderValue=0)
    usable = (
        (unclipped > ALL_OF_IT) & (_whole(reference.unclipped) > ALL_OF_IT) & (np.minimum(laid, target).min(axis=2) > DARKEST)
    )
    return target[usable], np.asarray(laid[usable], np.float32), _evenness(target)[usable]


def match_brightness(
    brightness: Mapping[int, Brightness],
    matrices: Sequence[Matrix | None],
    reference: int,
    *,
    progress: Progress = ignore_progress,
) -> list[Gain]:
    """Find the gains that give every frame of a stack the brightness and white balance of the reference.

    Parameters
    ----------
    brightness : mapping of position to Brightness
        Of the frames that take part.
    matrices : sequence of ndarray of float64, shape (3, 3), or None
        Frame → reference px, one a frame; None for frames left out.
    reference : int
        Position of the frame whose brightness all take on.
    progress : Progress
        Told after every frame.

    Returns
    -------
    list of Gain
        As `compose_gains` gives them, one a frame.
    """
    placed = [(i, matrix) for i, matrix in enumerate(matrices) if matrix is not None and i in brightness]
    links = []
    step = Steps(progress, "match", len(placed))
    for far, (moving, moving_matrix) in enumerate(placed):
        for hop in HOPS:
            if hop <= far:
                other, other_matrix = placed[far - hop]
                gain = estimate_gain(brightness[other], brightness[moving], inverse(other_matrix) @ moving_matrix)
                links.append((other, moving, gain))
        step()
    return compose_gains(links, len(matrices), reference)


def compose_gains(links: Sequence[tuple[int, int, Gain]], frames: int, reference: int) -> list[Gain]:
    """Turn gains between neighbours into gains to one reference frame.

    Parameters
    ----------
    links : sequence of (reference index, moving index, Gain)
        As estimated; skip links over a frame keep errors from adding up.
    frames : int
        How many frames the stack has.
    reference : int
        The frame whose brightness all take on.

    Returns
    -------
    list of Gain
        One a frame; ones, with a reason, for frames no link reaches. When all frames agree to within what anyone could see, all
        are exactly one, and no pixel is touched.
    """
    measured = [(i, j, np.log(gain.channels), gain.spread) for i, j, gain in links if not gain.reason]
    together = reached([(i, j) for i, j, _, _ in measured], reference)
    order = sorted(together - {reference})
    column = {frame: position for position, frame in enumerate(order)}
    design = np.zeros((len(measured), len(order)))
    target = np.zeros((len(measured), 3))
    for row, (i, j, logs, spread) in enumerate(measured):
        if j not in together:
            continue
        weight = 1 / (spread + STEADY)
        # log gain to the reference frame: moving = link + reference's own.
        if j in column:
            design[row, column[j]] = weight
        if i in column:
            design[row, column[i]] = -weight
        target[row] = weight * logs
    solution = np.linalg.lstsq(design, target, rcond=None)[0] if order else np.zeros((0, 3))
    if not order or np.abs(solution).max() < STEADY:
        solution = np.zeros_like(solution)
    gains = []
    for frame in range(frames):
        if frame == reference:
            gains.append(Gain())
        elif frame in column:
            red, green, blue = np.exp(solution[column[frame]]).tolist()
            gains.append(Gain(red=red, green=green, blue=blue))
        else:
            gains.append(Gain(reason="No neighbour could be compared; its brightness is kept."))
    return gains


def _linear_of(pixels: Pixels | Image) -> NDArray[np.float32]:
    """Linear light of display-encoded pixels; of integers by table, since powers are slow."""
    if pixels.dtype == np.float32:
        return np.asarray(decode_srgb(np.asarray(pixels, dtype=np.float32)), dtype=np.float32)
    return _decoding_table(int(np.iinfo(pixels.dtype.name).max))[pixels]


@cache
def _decoding_table(top: int) -> NDArray[np.float32]:
    return np.asarray(decode_srgb(np.arange(top + 1) / top), dtype=np.float32)


def _whole(unclipped: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let a clipped pixel discredit the cells that smoothing mixes it into."""
    return np.asarray(cv2.erode(unclipped, np.ones((3, 3), np.uint8)), dtype=np.float32)


def _evenness(cells: NDArray[np.float32]) -> NDArray[np.float64]:
    """Trust in a cell, 0–1, that falls where brightness changes steeply from cell to cell."""
    logs = np.log(np.maximum(cells.mean(axis=2), DARKEST))
    rough = cv2.GaussianBlur((logs - cv2.GaussianBlur(logs, (0, 0), 1.0)) ** 2, (0, 0), 1.0)
    return np.asarray(1 / (1 + rough / (0.05**2)), dtype=np.float64)  # 5 %: contrast that defocus may carry across a cell (guess)


def _robust_centre(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Tukey's estimate of the centre, and its standard error."""
    centre = float(np.median(values))
    for _ in range(ROUNDS):
        scale = MAD_TO_SIGMA * float(np.median(np.abs(values - centre))) + float(np.finfo(np.float32).eps)
        vote = weights * np.clip(1 - ((values - centre) / (TUKEY * scale)) ** 2, 0, None) ** 2
        centre = float((vote * values).sum() / (vote.sum() + 1e-12))
    effective = float(vote.sum() ** 2 / ((vote**2).sum() + 1e-12))
    return centre, scale / float(np.sqrt(max(effective, 1.0)))


def reached(links: Iterable[tuple[int, int]], start: int) -> set[int]:
    """Find the frames that hang together with one, by links between pairs of frames."""
    links = list(links)
    found = {start}
    grown = True
    while grown:
        new = {b for a, b in links if a in found} | {a for a, b in links if b in found}
        grown = not new <= found
        found |= new
    return found
