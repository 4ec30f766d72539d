"""What speaks against each frame: what it cannot explain of the witnesses, and the detail it lacks beside its neighbours."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.defocus import predicted
from stackd.imaging.depth.evidence import Watchers
from stackd.imaging.fuse.depth_from_defocus.grid import Grid, GridView, detail_of
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_light
from stackd.imaging.ground.frames import AlignedFrames, Step
from stackd.imaging.motion.contradiction import Neighbours
from stackd.model.pixels import Gray

HIGHLIGHT = (0.7, 0.9)
"""Display value from which a witness loses its say, and where it has none: a clipped highlight is brighter than it looks, so its
disc cannot be predicted. Measured; a lower start loses white subjects."""

HEARD_SHARE = 0.5
"""Share of the witnesses that must have a say for what they say to count in full; below, it counts in proportion, and depth is
continued from around. In the middle of a blown highlight only frames far out of focus have one, and without this they won: white
solder was given beige patches. Measured."""
BRIGHTER_COUNTS = 0.5
"""Weight (of an amplitude) of witnesses brighter than predicted: highlights from elsewhere add light, nothing takes it."""

VEIL_PX = 9
"""Reduced px. Differences smoother than a box of this side are mostly veils of defocused neighbours …"""
VEIL_COUNTS = 0.3
"""… and count only this much of their amplitude. Both measured on hairs over a wall."""
VEIL_BOX = np.full(VEIL_PX, 1 / VEIL_PX, np.float32)
"""The same box as a filter of rows and columns, which OpenCV runs faster."""

NEAR_WINDOW_PX = 0.5
"""Sigma, reduced px, over which witnesses in front of a frame are averaged: hairs are sharp there, and thin."""
FAR_WINDOW_PX = 1.0
"""The same for witnesses behind: what they show through a blurred hair is not the hair."""
LOCAL_WINDOW_PX, LOCAL_WEIGHT = 1.25, 3.0
"""Detail missing against the best neighbour: it places the focus finely without rewarding far peaks. It is measured on a grid
twice as fine as that of the decisions: on the same grid a seventh of the detail of a real rose was lost."""
REACH_FRAMES, REACH_FRAMES_PER_PX = (3, 8), 5.0
"""How many frames away neighbours are looked for, and by how much more where blur grows fast (px of the decisions per frame). The
rim of a disc is no rival once it has moved on, and texture that is back six frames later is one: with three frames, fibres of a
wing in amber were lost, which no frame explains; with six, hairs lose 0.15 dB where blur grows slowly (measured)."""
WIDE_WINDOW_PX, WIDE_WEIGHT = 2.0, 0.5
"""Detail in a wider window, against all frames: it decides where colours differ but brightness does not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Witness:
    """A frame others are compared with: `trust` is 0–1, low at highlights and where the frame shows nothing."""

    position: int
    view: GridView
    trust: NDArray[np.float32]

    @classmethod
    def of(cls, view: GridView, outside: NDArray[np.bool_], *, position: int) -> "Witness":
        """Tell how far a frame is to be trusted, given what it does not show."""
        start, end = HIGHLIGHT
        trust = np.clip((np.float32(end) - view.gray) / np.float32(end - start), 0, 1)
        trust[outside] = 0
        return cls(position=position, view=view, trust=trust)


def costs_of(
    frames: AlignedFrames,
    witnesses: Sequence[Witness],
    focus: FocusPositions,
    blur_px: float,
    grid: Grid,
    watchers: Watchers,
    grain_detail: float,
    step: Step,
    neighbours: Neighbours | None,
) -> Iterator[NDArray[np.float32]]:
    """Yield each frame's cost, mean squared display units: what it cannot explain, and the detail it lacks.

    Detail is compared with the neighbours, so costs come a few frames late; no more than those few are held. `watchers` are
    shown every frame on the way, and `step` is told of it; `grain_detail` is the mean squared fine detail that is grain alone.
    """
    known = {witness.position: witness.view for witness in witnesses}
    costs: deque[NDArray[np.float32]] = deque()  # so far, of the frames still due
    local: dict[int, NDArray[np.float32]] = {}  # detail of the frames within reach, by position
    coverage = Coverage(frames)
    reach = _reach(blur_px)
    due = 0  # next position to yield
    for position in range(len(frames)):
        view = known[position] if position in known else grid.view(frames, position)
        detail = detail_of(view.gray)
        outside = grid.outside(view, frames, position)
        shows_all = coverage.take_part(position) is None and view.kept_back is None
        hidden = None if shows_all else grid.hidden(view, frames, position)
        watchers.add(position, view.gray, view.fine_detail, detail, hidden)
        if neighbours is not None:
            neighbours.add(view.gray, outside)
        cost = _misfit(view.gray, position, witnesses, focus, blur_px)
        cost -= np.float32(WIDE_WEIGHT) * cv2.GaussianBlur(detail, (0, 0), WIDE_WINDOW_PX)
        cost[outside] = np.finfo(np.float16).max
        costs.append(cost)
        local[position] = np.asarray(cv2.GaussianBlur(view.fine_detail, (0, 0), LOCAL_WINDOW_PX), np.float32)
        step()
        while due + reach <= position or (position == len(frames) - 1 and due < len(frames)):
            lack = local[due].copy()
            for other in range(max(due - reach, 0), min(due + reach, position) + 1):
                cv2.max(lack, local[other], dst=lack)
            # Of seven frames one always seems to have a little more detail than the others: that much is grain.
            lack -= local[due] + np.float32(grain_detail)
            yield np.asarray(cv2.scaleAdd(np.maximum(lack, 0, out=lack), LOCAL_WEIGHT, costs.popleft()), np.float32)
            local.pop(due - reach, None)
            due += 1


def _reach(blur_px: float) -> int:
    """Frames to either side with which detail is compared, given how blur grows per frame."""
    least, most = REACH_FRAMES
    return min(max(round(REACH_FRAMES_PER_PX * blur_px), least), most)


def _misfit(
    gray: Gray, position: int, witnesses: Sequence[Witness], focus: FocusPositions, blur_px: float
) -> NDArray[np.float32]:
    """Mean squared difference between the witnesses and what this frame, blurred, predicts of them."""
    light = to_light(gray)
    coarse = block_means(light, 2, edge=Edge.REPEATED)
    scratch = np.empty_like(gray)  # fresh memory for every step would cost more than the steps
    misfits = [np.zeros_like(gray), np.zeros_like(gray)]
    trusts = [np.full_like(gray, np.finfo(np.float32).eps) for _ in range(2)]
    for witness in witnesses:
        if witness.position == position:
            continue
        excess = predicted(light, coarse, blur_px * focus.apart(witness.position, position))
        behind = int(witness.position > position)
        cv2.subtract(excess, witness.view.gray, dst=excess)
        veil = cv2.sepFilter2D(cv2.multiply(excess, witness.trust, dst=scratch), -1, VEIL_BOX, VEIL_BOX, dst=scratch)
        cv2.scaleAdd(veil, VEIL_COUNTS - 1, excess, dst=excess)
        cv2.max(excess, np.multiply(excess, np.float32(BRIGHTER_COUNTS), out=scratch), dst=excess)
        cv2.accumulateProduct(cv2.multiply(excess, excess, dst=excess), witness.trust, misfits[behind])
        cv2.accumulate(witness.trust, trusts[behind])
    windows = (NEAR_WINDOW_PX, FAR_WINDOW_PX)
    near, far = (cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(misfits, windows, strict=True))
    trust = sum(cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(trusts, windows, strict=True))
    asked = max(sum(witness.position != position for witness in witnesses), 1)
    heard = np.minimum(trust / np.float32(HEARD_SHARE * asked), 1)
    return np.asarray((near + far) / trust * heard, np.float32)


def heard(witnesses: Sequence[Witness]) -> NDArray[np.float32]:
    """0–1: what counts of all that the witnesses of a pixel say."""
    trust = np.zeros_like(witnesses[0].trust)
    for witness in witnesses:
        cv2.accumulate(witness.trust, trust)
    spread = cv2.GaussianBlur(trust, (0, 0), FAR_WINDOW_PX) / np.float32(HEARD_SHARE * len(witnesses))
    return np.asarray(np.minimum(spread, 1), np.float32)
