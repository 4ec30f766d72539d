"""Take back what a wandering hand does to a stack: every frame displaced by a shift that grows with depth.

A camera that moves sideways shows near things displaced against far ones: by an amount that is linear in how deep they lie,
counted in focus steps. So four numbers a frame are enough, and hairs that no dense flow would follow obey them too. Each frame is
blurred by what lies between it and the reference, and laid over it; what it has in focus counts most, since only that is shown.

Baker, Matthews, "Lucas-Kanade 20 years on: a unifying framework", IJCV 56 (2004), for the refinement; Kroeger et al., "Fast
optical flow using dense inverse search", ECCV 2016, for the start.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.colour import to_display, to_light
from stackd.model.pixels import Gray

Plane = NDArray[np.float32]
Coefficients = NDArray[np.float64]
"""Shape (2, 2): displacement (x, y) of what is in focus in the frame, and its growth per frame of depth; px of the decisions."""

LARGEST_SHARE = 0.02
"""Of the long side: displacements beyond are no hand's (guess)."""
FOCUS_FRAMES, FIRST_FOCUS_FRAMES = 2.0, 3.0
"""Frames of depth (sigma) around what is in focus that count; for the start some more."""
ROBUST = 0.02
"""Display units: differences beyond count less."""
ROBUST_PX = 0.5
"""The same for displacements, px of the decisions."""
FLATTEN_PX = 6.0
"""Sigma: differences smoother than this are veils and brightness."""
ROUNDS, HALVINGS = 10, 3
"""Steps of the refinement, and how often one is shortened before it ends."""
WINDOW_PX = 2.5
"""Sigma of the windows of local refinement and of what textures are."""
NORMAL_PX, NORMAL_FLOOR = 12.0, 0.02
"""Contrast is evened out over so many px before the start is sought; below this many display units nothing is amplified."""
TRUSTED_PERCENTILE = 50
"""Half of the places, those with most texture and least misfit, decide the start."""
CALM_PX = 5
"""Side of the median over flow and depth, px."""
RIDGE = 0.02
"""Weight of no growth with depth, where all that is in focus lies at one depth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parallax:
    """How each frame is displaced against the reference, by depth."""

    depth: Plane
    """Position of the frame in focus, grid of the decisions."""
    coefficients: tuple[Coefficients, ...]

    def displacement(self, position: int) -> NDArray[np.float32]:
        """Where each pixel of the reference lies in a frame, minus where it is: (x, y), px of the decisions, shape (H, W, 2)."""
        return _field(self.coefficients[position], self.depth - np.float32(position))

    def largest_px(self) -> float:
        """Largest displacement of what is in focus, px of the decisions."""
        return max(float(np.hypot(*found[0])) for found in self.coefficients)


def calmed_depth(taken: Plane) -> Plane:
    """Give the depth that displacements are made from."""
    if taken.max() > np.iinfo(np.uint8).max:
        return np.asarray(cv2.medianBlur(taken, CALM_PX), np.float32)
    return np.asarray(cv2.medianBlur(taken.astype(np.uint8), CALM_PX), np.float32)


def estimate_displacement(gray: Gray, reference: Gray, depth: Plane, *, position: int, apart_px: float) -> Coefficients:
    """Estimate how a frame is displaced against the reference.

    Parameters
    ----------
    gray, reference : ndarray of float32, shape (H, W)
        Display-encoded, aligned as a whole.
    depth : ndarray of float32, shape (H, W)
        Position of the frame in focus.
    position : int
        Of the frame.
    apart_px : float
        Radius of the blur between the frame and the reference, px.
    """
    moving = to_display(blurred(to_light(gray), apart_px))
    beside = depth - np.float32(position)
    start = _start(reference, moving, beside)
    return _refined(reference, moving, beside, start)


def displaced(plane: Plane, displacement: NDArray[np.float32], interpolation: int = cv2.INTER_CUBIC) -> Plane:
    """Sample a plane or an image where a displacement says."""
    height, width = plane.shape[:2]
    x = displacement[..., 0] + np.arange(width, dtype=np.float32)
    y = displacement[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(plane, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _field(found: Coefficients, beside: Plane) -> NDArray[np.float32]:
    return np.asarray(found[0] + beside[..., None] * found[1], np.float32)


def _start(reference: Gray, moving: Gray, beside: Plane) -> Coefficients:
    """Fit dense flow, where there is texture and it fits, by a shift that grows with depth."""
    flow = _flow(reference, moving)
    slopes = [cv2.Sobel(reference, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    xx, xy, yy = (_mean(a * b) for a, b in ((slopes[0], slopes[0]), (slopes[0], slopes[1]), (slopes[1], slopes[1])))
    corners = (xx + yy) / 2 - np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    misfit = _mean(np.square(displaced(moving, flow) - reference))
    weight = corners / (misfit + np.float32(1e-5)) * np.exp(-np.square(beside / np.float32(FIRST_FOCUS_FRAMES)) / 2)
    trusted = np.hypot(flow[..., 0], flow[..., 1]) < LARGEST_SHARE * max(reference.shape)
    trusted &= weight > np.percentile(weight, TRUSTED_PERCENTILE)
    if not trusted.any():
        return np.zeros((2, 2))
    weights = np.minimum(weight[trusted], np.percentile(weight[trusted], 90)).astype(np.float64)
    moved = flow[trusted].astype(np.float64)
    terms = np.stack([np.ones(len(moved)), beside[trusted].astype(np.float64)], axis=1)
    say = 1 / (1 + np.square(np.hypot(*(moved - np.median(moved, axis=0)).T) / (4 * ROBUST_PX)))
    found = np.zeros((2, 2))
    for _ in range(ROUNDS):
        heard = (weights * say)[:, None]
        normal = (terms * heard).T @ terms + np.diag([1e-9, RIDGE * float(heard.sum())])
        found = np.linalg.solve(normal, (terms * heard).T @ moved)
        say = 1 / (1 + np.square(np.hypot(*(moved - terms @ found).T) / ROBUST_PX))
    return found


def _flow(reference: Gray, moving: Gray) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    even = [np.rint(_even(plane) * 255).astype(np.uint8) for plane in (reference, moving)]
    flow = np.asarray(search.calc(even[0], even[1], np.zeros((*reference.shape, 2), np.float32)), np.float32)
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(flow[..., axis]), CALM_PX) for axis in (0, 1)]).astype(np.float32)


def _even(plane: Gray) -> Gray:
    rest = plane - cv2.GaussianBlur(plane, (0, 0), NORMAL_PX)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), NORMAL_PX)) + np.float32(NORMAL_FLOOR)
    return np.asarray(np.clip(0.5 + 0.2 * rest / spread, 0, 1), np.float32)


def _mean(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), WINDOW_PX), np.float32)


def _refined(reference: Gray, moving: Gray, beside: Plane, start: Coefficients) -> Coefficients:
    """Lower the difference itself, step by step, from the best of three starts."""
    weight = np.exp(-np.square(beside / np.float32(FOCUS_FRAMES)) / 2)

    def rest_of(found: Coefficients) -> tuple[Plane, float]:
        rest = displaced(moving, _field(found, beside)) - reference
        rest -= cv2.GaussianBlur(rest, (0, 0), FLATTEN_PX)
        return rest, float((weight * np.log1p(np.square(rest / np.float32(ROBUST)))).sum())

    starts = (np.zeros((2, 2)), start, np.stack([start[0], np.zeros(2)]))
    found = min(starts, key=lambda tried: rest_of(tried)[1])
    rest, cost = rest_of(found)
    for _ in range(ROUNDS):
        step = _step(displaced(moving, _field(found, beside)), rest, beside, weight)
        for halving in range(HALVINGS):
            tried = found - step / 3**halving
            tried_rest, tried_cost = rest_of(tried)
            if tried_cost < cost:
                found, rest, cost = tried, tried_rest, tried_cost
                break
        else:
            break
    return found


def _step(moved: Gray, rest: Plane, beside: Plane, weight: Plane) -> Coefficients:
    """Gauss-Newton: the change of coefficients that would take a difference away."""
    x, y = (cv2.Sobel(moved, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    terms = np.stack([x, y, x * beside, y * beside], axis=-1).reshape(-1, 4).astype(np.float64)
    heard = (weight / (1 + np.square(rest / np.float32(ROBUST)))).reshape(-1, 1).astype(np.float64)
    normal = (terms * heard).T @ terms
    normal += np.diag(np.diag(normal) * 1e-3 + 1e-9)
    return np.asarray(np.linalg.solve(normal, (terms * heard).T @ rest.reshape(-1, 1))[:, 0].reshape(2, 2), np.float64)
