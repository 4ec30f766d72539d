"""Show what moves as it was at one moment: which moment, and which frames agree with it where.

In a place where things moved, one frame gives the moment. Another frame may take part in a pixel only if some blur of either
makes the two look alike there: then it shows the same thing at the same place, perhaps sharper. So the walker comes from one
frame alone, and the wall that both show from the frame in focus on it.

Near still surfaces are an exception: their blurred edges let what lies behind shine through, so that no blur of the near frame
alone explains a far one. Where the near frame shows fine detail and agrees with its own neighbours, it is allowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.defocus import predicted
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_light
from stackd.imaging.motion.contradiction import CELL_PX, Contradictions
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]
Box = tuple[slice, slice]

SHARES_OF_BLUR = (0.35, 0.7, 1.0)
"""Of the blur that lies between two frames, that either is given: things at any depth differ by one of these, nearly."""
AGREE_WINDOW_PX = 1.5
"""Sigma of the windows in which frames agree or not, px of the decisions."""
AGREE_WITHIN, AGREE_GRAINS = 0.03, 4.0
"""Display units (RMS), and in units of the grain. Twice as much leaves ghosts, half as much blurs walls (guess)."""
AROUND_CELLS = 5
"""Side of what a contradiction is widened by, cells: edges of what moves are too faint to be told (measured)."""
LEAST_CELLS = 12
"""Cells of contradiction in one place from which something moved: still scenes have at most a few side by side (measured)."""
PADDING_PX = 12
"""Around a place, px of the decisions, so that blurs see what they would see."""
DETAIL_WINDOW_PX = 1.25
"""Sigma, px of the decisions, over which detail is averaged."""
CANDIDATES = 6
"""Moments looked at closely in each place."""
ANOTHER_MOMENT = 1.25
"""By how much better another moment must be in one place than the one best for all: what touches should not be torn apart."""
STILL_DETAIL = 40.0
"""Fine detail over the square of the grain from which a near surface is in focus."""
STILL_REACH_PX = 2
"""Px of the decisions around such detail that belong to it. Measured: 4 shows walkers of another moment beside near edges (−3 dB
there), 1 loses the edges (−1 dB elsewhere)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """A frame on the grid of the decisions: luminance and mean squared fine detail."""

    gray: Gray
    fine_detail: Plane


Look = Callable[[int], View]
"""Gives a frame by its position."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where something moved, and the moment that is shown there. Planes are cut to `box`, px of the decisions."""

    box: Box
    mask: Mask
    moment: int
    gray: Gray
    """Of the moment."""
    still_near: NDArray[np.float32]
    """Position of the near frame that shows a still surface in focus; −9 where none does."""
    detail: float
    """Detail shown at the moment over the most that any frames show there, 0–1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """All places, and what it takes to tell which frames agree with their moments."""

    places: tuple[Place, ...]
    focus: FocusPositions
    blur_px: float
    agree_within: float

    def kept_back(self, position: int, gray: Gray) -> Mask:
        """Mark where a frame must not take part, shape (H, W)."""
        kept = np.zeros(gray.shape, np.bool_)
        for place in self.places:
            if position == place.moment:
                continue
            misfit = disagreement(gray[place.box], place.gray, self.blur_px * self.focus.apart(position, place.moment))
            differs = (misfit > self.agree_within**2) & place.mask
            kept[place.box] |= differs & (np.abs(place.still_near - position) > 1)
        return kept


def disagreement(one: Gray, other: Gray, radius_px: float) -> Plane:
    """Mean squared difference of two frames around each pixel, once either is blurred as suits best.

    Parameters
    ----------
    one, other : ndarray of float32, shape (H, W)
        Display-encoded.
    radius_px : float
        Growth of the blur's radius between them, px.
    """
    pairs: list[tuple[Gray, Gray]] = [(one, other)]
    lights = [to_light(one), to_light(other)]
    coarse = [block_means(light, 2, edge=Edge.REPEATED) for light in lights]
    for share in SHARES_OF_BLUR:
        pairs.append((predicted(lights[0], coarse[0], share * radius_px), other))
        pairs.append((one, predicted(lights[1], coarse[1], share * radius_px)))
    least: Plane | None = None
    for left, right in pairs:
        difference = cv2.subtract(left, right)
        spread = cv2.GaussianBlur(cv2.multiply(difference, difference), (0, 0), AGREE_WINDOW_PX)
        least = np.asarray(spread if least is None else cv2.min(least, spread), np.float32)
    if least is None:
        msg = "there is always the pair without blur"
        raise AssertionError(msg)
    return least


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Area:
    """A connected place, before its moment is chosen."""

    box: Box
    mask: Mask
    own: NDArray[np.float64]
    """Of every frame: its detail where it contradicts its neighbours."""


def chosen_moments(
    look: Look, found: Contradictions, taken: Plane, *, focus: FocusPositions, blur_px: float, grain: float
) -> Moments:
    """Choose the moment that shows best what moved, in every place where something did.

    Two things count alike: the detail a frame itself shows where it contradicts its neighbours, which is what moves, in focus;
    and all detail that frames show which agree with it.

    Parameters
    ----------
    look : Look
        Gives the frames.
    found : Contradictions
        Where neighbours contradict each other.
    taken : ndarray of float32, shape (H, W)
        Position of the frame taken.
    focus : FocusPositions
        Where the frames are focused.
    blur_px : float
        Growth of the blur's radius per usual step of focus, px of the decisions.
    grain : float
        Standard deviation of grain, display units.
    """
    within = float(np.hypot(AGREE_WITHIN, AGREE_GRAINS * grain))
    frames = found.frames
    labels = places_of(found)
    shape = (taken.shape[0], taken.shape[1])
    boxes = [_box_of(labels == label, shape) for label in range(1, int(labels.max()) + 1)]
    masks = [enlarged_cells(labels == label, shape)[box] for label, box in enumerate(boxes, start=1)]
    own = np.zeros((len(boxes), frames))
    for position in range(frames):
        detail = _amplitude(look(position).fine_detail) * enlarged_cells(found.around(position), shape)
        own[:, position] = [float(detail[box][mask].sum()) for box, mask in zip(boxes, masks, strict=True)]
    areas = [_Area(box=box, mask=mask, own=row) for box, mask, row in zip(boxes, masks, own, strict=True)]
    wanted = _candidates(own)
    grays = {moment: look(moment).gray for moment in wanted}
    scores, shown = _scores(areas, grays, look, focus, blur_px=blur_px, within=within)
    moments = _settled(scores, own, wanted)
    still = _still_near(areas, moments, look, taken, blur_px=blur_px, within=within, least_detail=STILL_DETAIL * grain**2)
    return Moments(
        places=tuple(
            Place(
                box=area.box,
                mask=area.mask,
                moment=moment,
                gray=grays[moment][area.box].copy(),
                still_near=near,
                detail=float(details[wanted.index(moment)]),
            )
            for area, moment, near, details in zip(areas, moments, still, shown, strict=True)
        ),
        focus=focus,
        blur_px=blur_px,
        agree_within=within,
    )


def places_of(found: Contradictions) -> NDArray[np.int32]:
    """Number the connected places, on cells, in which the frame taken is contradicted, from 1; 0 is outside.

    A place is as large as all contradictions of the whole stack that touch, so that it holds all of a thing's way.
    """
    square = np.ones((2, 2), np.uint8)
    core = cv2.morphologyEx(found.taken.view(np.uint8), cv2.MORPH_OPEN, square)
    everywhere = cv2.bitwise_or(cv2.morphologyEx(found.anywhere.view(np.uint8), cv2.MORPH_OPEN, square), core)
    around = cv2.dilate(everywhere, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (AROUND_CELLS, AROUND_CELLS)))
    count, labels = cv2.connectedComponents(around, connectivity=4)
    cells = np.bincount(labels[core > 0], minlength=count)
    kept = cells >= LEAST_CELLS
    kept[0] = False
    return np.asarray(np.where(kept, np.cumsum(kept), 0)[labels], np.int32)


def enlarged_cells(cells: Mask, shape: tuple[int, int]) -> Mask:
    """Bring a mask of cells to the grid of the decisions."""
    rows, columns = (np.minimum(np.arange(side) // CELL_PX, cells.shape[axis] - 1) for axis, side in enumerate(shape))
    return np.asarray(cells[rows][:, columns])


def _box_of(cells: Mask, shape: tuple[int, int]) -> Box:
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) * CELL_PX for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - PADDING_PX, 0), min(int(rows[-1]) + CELL_PX + PADDING_PX, shape[0])),
        slice(max(int(columns[0]) - PADDING_PX, 0), min(int(columns[-1]) + CELL_PX + PADDING_PX, shape[1])),
    )


def _amplitude(fine_detail: Plane) -> Plane:
    return np.asarray(np.sqrt(np.maximum(cv2.GaussianBlur(fine_detail, (0, 0), DETAIL_WINDOW_PX), 0)), np.float32)


def _candidates(own: NDArray[np.float64]) -> list[int]:
    """Frames that show most of what moves, of all places together and of each alone."""
    best = own.argmax(axis=1).tolist()
    together = np.argsort(-own.sum(axis=0), kind="stable")[:CANDIDATES].tolist()
    return sorted({*together, *best[:CANDIDATES]})


def _scores(
    areas: Sequence[_Area], grays: dict[int, Gray], look: Look, focus: FocusPositions, *, blur_px: float, within: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How well each candidate suits each place, and the share of all detail it leaves, 0–1: places by candidates."""
    floor = np.finfo(np.float64).eps
    any_frame = [np.zeros(area.mask.shape, np.float32) for area in areas]
    most = [[np.zeros(area.mask.shape, np.float32) for _ in grays] for area in areas]
    for position in range(len(focus.steps)):
        view = look(position)
        detail = _amplitude(view.fine_detail)
        for area, planes, plane_of_all in zip(areas, most, any_frame, strict=True):
            np.maximum(plane_of_all, detail[area.box], out=plane_of_all)
            for (moment, gray), plane in zip(grays.items(), planes, strict=True):
                shown = detail[area.box]
                if position != moment:
                    misfit = disagreement(view.gray[area.box], gray[area.box], blur_px * focus.apart(position, moment))
                    shown = np.where(misfit > within**2, np.float32(0), shown)
                np.maximum(plane, shown, out=plane)
    reached = np.array([[float(plane[area.mask].sum()) for plane in planes] for area, planes in zip(areas, most, strict=True)])
    own = np.array([[area.own[moment] for moment in grays] for area in areas])
    available = np.array([[float(plane[area.mask].sum())] for area, plane in zip(areas, any_frame, strict=True)])
    scores = reached / (reached.max(axis=1, keepdims=True) + floor) / 2 + own / (own.max(axis=1, keepdims=True) + floor) / 2
    return scores, reached / (available + floor)


def _settled(scores: NDArray[np.float64], own: NDArray[np.float64], wanted: Sequence[int]) -> list[int]:
    """Choose one moment for all places, but another where that is much better."""
    favourite = int((scores * own.max(axis=1, keepdims=True)).sum(axis=0).argmax())
    best = scores.argmax(axis=1)
    differs = scores.max(axis=1) > ANOTHER_MOMENT * scores[:, favourite]
    return [wanted[choice] for choice in np.where(differs, best, favourite).tolist()]


def _still_near(
    areas: Sequence[_Area],
    moments: Sequence[int],
    look: Look,
    taken: Plane,
    *,
    blur_px: float,
    within: float,
    least_detail: float,
) -> list[Plane]:
    """Find still surfaces in front of what moves: which near frame shows them in focus, −9 where there are none."""
    near = [np.full(area.mask.shape, np.float32(-9)) for area in areas]
    views: dict[int, View] = {}
    reach = np.ones((2 * STILL_REACH_PX + 1,) * 2, np.uint8)
    for position in range(max(moments, default=0) - 1):
        views = {index: views.get(index) or look(index) for index in (position - 1, position, position + 1) if index >= 0}
        detail = cv2.GaussianBlur(views[position].fine_detail, (0, 0), 1.0)
        for area, moment, plane in zip(areas, moments, near, strict=True):
            here = taken[area.box]
            sharp = (here == position) & (detail[area.box] > least_detail) & area.mask
            if position >= moment - 1 or not sharp.any():
                continue
            for other, view in views.items():
                if other != position:
                    sharp &= disagreement(views[position].gray[area.box], view.gray[area.box], blur_px) < within**2
            belongs = cv2.dilate(sharp.view(np.uint8), reach) > 0
            plane[belongs & (np.abs(here - position) <= 1)] = position
    return near
