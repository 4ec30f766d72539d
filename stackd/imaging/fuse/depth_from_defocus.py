"""Fuse by depth from defocus: the frame in focus is the one that, blurred, explains all the others.

Sharpness alone is a poor witness. The rim of a defocused highlight, a bright wall seen through a defocused leaf and grain are
sharp too, in the wrong frame. Defocus is known physics, though: if a surface is in focus in frame k, then frame j shows it
blurred by a disc whose radius is proportional to |j − k|. So every frame is blurred, in linear light, and compared with
witnesses spread through the stack; what is left over, plus what a frame lacks in fine detail beside its neighbours, is its
cost. Frames whose costs are as good as equal are averaged, which lowers grain where nothing decides.

Subbarao, Surya, "Depth from defocus: a spatial domain approach", IJCV 13 (1994), for the comparison by re-blurring; the
combination with detail, the treatment of highlights and the averaging are ours: docs/decisions/0010-fusion-by-depth-from-
defocus.md.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.blend import blend_by_weight
from stackd.imaging.defocus import blurred, estimate_blur_per_frame, to_display, to_light
from stackd.imaging.focus_measure import lay_over_reference
from stackd.imaging.frames import AlignedFrames, MakePlaneStore, PlanesInMemory, PlaneStore, Progress, ignore_progress
from stackd.imaging.fused import Fused
from stackd.model.composite import DepthMap
from stackd.model.pixels import Gray

REDUCTION = 2
"""Decisions are made at half size. Full size gains nothing (measured), quarter size loses hairs and 0.4 dB."""

USUAL_BLUR_PX = 0.75
"""Growth of the blur radius per frame, in reduced px, where nothing has texture enough to measure it: then it hardly matters."""

HIGHLIGHT = (0.7, 0.9)
"""Display value from which a witness loses its say, and where it has none: a clipped highlight is brighter than it looks, so its
disc cannot be predicted. Measured; a lower start loses white subjects."""

BRIGHTER_COUNTS = 0.5
"""Weight (of an amplitude) of witnesses brighter than predicted: highlights from elsewhere add light, nothing takes it."""

VEIL_PX = 9
"""Reduced px. Differences smoother than two boxes of this side are mostly veils of defocused neighbours …"""
VEIL_COUNTS = 0.3
"""… and count only this much of their amplitude. Both measured on hairs over a wall."""

NEAR_WINDOW_PX = 0.5
"""Sigma, reduced px, over which witnesses in front of a frame are averaged: hairs are sharp there, and thin."""
FAR_WINDOW_PX = 1.0
"""The same for witnesses behind: what they show through a blurred hair is not the hair."""

DETAIL_SIGMA_PX = 1.0
"""Reduced px: detail is what this Gaussian takes away."""
LOCAL_WINDOW_PX, LOCAL_WEIGHT, LOCAL_REACH = 1.25, 3.0, 3
"""Detail missing against the best neighbour within three frames: it places the focus finely without rewarding far peaks."""
WIDE_WINDOW_PX, WIDE_WEIGHT = 2.0, 0.5
"""Detail in a wider window, against all frames: it decides where colours differ but brightness does not."""


class DepthFromDefocus(BaseModel):
    """The frame that explains the others best when blurred (Subbarao & Surya, IJCV 13, 1994), averaged where several do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["depth_from_defocus"] = "depth_from_defocus"
    tolerance: Annotated[
        float,
        Field(
            gt=0,
            le=0.1,
            description=(
                "Frames whose misfits differ by less than this (root mean square, as a share of white) are averaged."
                " More: less grain; too much: softer."
            ),
        ),
    ] = 0.003
    witnesses: Annotated[
        int,
        Field(
            ge=2, le=32, description="Frames, spread through the stack, each frame is compared with. More: slower, more memory."
        ),
    ] = 8
    blur_px_per_frame: Annotated[
        float | None,
        Field(gt=0, le=100, description="Growth in px of the blur's radius from frame to frame. Leave out to have it measured."),
    ] = None


def fuse_by_depth_from_defocus(
    frames: AlignedFrames,
    settings: DepthFromDefocus,
    *,
    make_store: MakePlaneStore = PlanesInMemory,
    progress: Progress = ignore_progress,
) -> Fused:
    """Weigh every frame at every pixel by how well it explains the others, then put the frames together.

    Parameters
    ----------
    frames : AlignedFrames
        Read reduced and gray once (the witnesses twice), then once in full where used.
    settings : DepthFromDefocus
        Tolerance, number of witnesses, blur per frame.
    make_store : MakePlaneStore
        Keeps one reduced plane a frame (half a byte per pixel of the frame).
    progress : Progress
        Told after every frame of both passes.

    Returns
    -------
    Fused
        With a depth map; its confidence is 1 where one frame alone explains the others, less where several do.
    """
    shape = _reduced(frames.shape)
    witnesses = [_Witness.of(frames, position, shape) for position in _spread(len(frames), settings.witnesses)]
    if settings.blur_px_per_frame is not None:
        blur_px = settings.blur_px_per_frame / REDUCTION
    else:
        grays = [witness.gray for witness in witnesses]
        blur_px = estimate_blur_per_frame(grays, [witness.position for witness in witnesses]) or USUAL_BLUR_PX
    store = make_store()
    least = np.full(shape, np.inf, np.float32)
    for position, cost in enumerate(_costs(frames, witnesses, blur_px, shape)):
        kept = np.minimum(cost / np.float32(settings.tolerance**2), np.finfo(np.float16).max).astype(np.float16)
        store.append(kept)
        np.minimum(least, kept, out=least)
        progress("measure", position + 1, len(frames))
    del witnesses
    weights = _Weights(store, least)
    image = blend_by_weight(frames, weights.read, reduction=REDUCTION, progress=progress)
    return Fused(image=image, depth=weights.depth(frames.shape))


def _spread(count: int, wanted: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(wanted, count))})


def _reduced(shape: tuple[int, int]) -> tuple[int, int]:
    return -(-shape[0] // REDUCTION), -(-shape[1] // REDUCTION)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Witness:
    """A frame others are compared with: `trust` is 0–1, low at highlights and where the frame shows nothing."""

    position: int
    gray: Gray
    trust: NDArray[np.float32]

    @classmethod
    def of(cls, frames: AlignedFrames, position: int, shape: tuple[int, int]) -> "_Witness":
        gray = _aligned_gray(frames, position, frames.read_gray_native(position, REDUCTION), shape)
        start, end = HIGHLIGHT
        trust = np.clip((end - gray) / np.float32(end - start), 0, 1)
        trust[~_covered(frames, position, shape)] = 0
        return cls(position=position, gray=gray, trust=trust)


def _aligned_gray(frames: AlignedFrames, position: int, native: Gray, shape: tuple[int, int]) -> Gray:
    return lay_over_reference(native, frames.matrices[position], reduction=REDUCTION, shape=shape, interpolation=cv2.INTER_CUBIC)


def _covered(frames: AlignedFrames, position: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return frames.covered(position)[::REDUCTION, ::REDUCTION][: shape[0], : shape[1]]


# ------------------------------------------------------------------ costs


def _costs(
    frames: AlignedFrames, witnesses: Sequence[_Witness], blur_px: float, shape: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Yield each frame's cost, mean squared display units: what it cannot explain, and the detail it lacks.

    Detail is compared with the neighbours, so costs come a few frames late; no more than those few are held.
    """
    waiting: deque[tuple[NDArray[np.float32], NDArray[np.float32]]] = deque()  # (cost so far, local detail) by position
    first = 0  # position of waiting[0]
    due = 0  # next position to yield
    for position in range(len(frames)):
        native = frames.read_gray_native(position, REDUCTION)
        local, wide = _detail(native, frames, position, shape)
        cost = _misfit(_aligned_gray(frames, position, native, shape), position, witnesses, blur_px)
        cost -= np.float32(WIDE_WEIGHT) * wide
        cost[~_covered(frames, position, shape)] = np.finfo(np.float16).max
        waiting.append((cost, local))
        while due + LOCAL_REACH <= position or (position == len(frames) - 1 and due < len(frames)):
            best = waiting[0][1]
            for other in range(max(due - LOCAL_REACH, first), min(due + LOCAL_REACH, position) + 1):
                best = np.maximum(best, waiting[other - first][1])
            cost, local = waiting[due - first]
            yield cost + np.float32(LOCAL_WEIGHT) * (best - local)
            due += 1
            if due - LOCAL_REACH > first:
                waiting.popleft()
                first += 1


def _detail(
    native: Gray, frames: AlignedFrames, position: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure the energy of fine detail in two windows on the frame's own grid: interpolation would change it."""
    energy = np.square(native - cv2.GaussianBlur(native, (0, 0), DETAIL_SIGMA_PX))
    planes = [cv2.GaussianBlur(energy, (0, 0), window_px) for window_px in (LOCAL_WINDOW_PX, WIDE_WINDOW_PX)]
    local, wide = (lay_over_reference(plane, frames.matrices[position], reduction=REDUCTION, shape=shape) for plane in planes)
    return local, wide


def _misfit(gray: Gray, position: int, witnesses: Sequence[_Witness], blur_px: float) -> NDArray[np.float32]:
    """Mean squared difference between the witnesses and what this frame, blurred, predicts of them."""
    light = to_light(gray)
    misfits = [np.zeros_like(gray), np.zeros_like(gray)]
    trusts = [np.full_like(gray, np.finfo(np.float32).eps) for _ in range(2)]
    for witness in witnesses:
        if witness.position == position:
            continue
        predicted = to_display(blurred(light, blur_px * abs(witness.position - position)))
        behind = int(witness.position > position)
        excess = cv2.subtract(predicted, witness.gray, dst=predicted)
        veil = cv2.blur(cv2.blur(excess * witness.trust, (VEIL_PX, VEIL_PX)), (VEIL_PX, VEIL_PX))
        excess = cv2.scaleAdd(veil, VEIL_COUNTS - 1, excess, dst=excess)
        excess = np.maximum(excess, np.float32(BRIGHTER_COUNTS) * excess, out=excess)
        misfits[behind] += np.square(excess, out=excess) * witness.trust
        trusts[behind] += witness.trust
    windows = (NEAR_WINDOW_PX, FAR_WINDOW_PX)
    near, far = (cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(misfits, windows, strict=True))
    trust = sum(cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(trusts, windows, strict=True))
    return np.asarray((near + far) / trust, np.float32)


# ---------------------------------------------------------------- weights


class _Weights:
    """How much each frame takes part, from its cost above the least of all frames at the pixel."""

    def __init__(self, store: PlaneStore, least: NDArray[np.float32]) -> None:
        self._store = store
        self._least = least
        self._total = np.zeros_like(least)
        self._moment = np.zeros_like(least)

    def read(self, position: int) -> NDArray[np.float32]:
        """Relative weights of a frame on the reduced grid: 1 for the best, less by a Gaussian in the root of the excess cost."""
        excess = self._least - self._store.read(position, slice(0, self._least.shape[0])).astype(np.float32)
        weight = np.exp(excess, out=excess)
        weight[weight < 0.02] = 0  # noqa: PLR2004  # saves warping tiles for nothing that could be seen
        self._total += weight
        self._moment += weight * position
        return weight

    def depth(self, shape: tuple[int, int]) -> DepthMap:
        """Depth from the weights read so far, when every frame has been read once."""
        total = np.maximum(self._total, np.float32(1))
        return DepthMap(
            position=_enlarged(np.asarray(self._moment / total, np.float32), shape),
            confidence=_enlarged(np.asarray(1 / total, np.float32), shape),
            frame_count=len(self._store),
        )


def _enlarged(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    full = cv2.resize(plane, None, fx=REDUCTION, fy=REDUCTION, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(full[: shape[0], : shape[1]], np.float32)
