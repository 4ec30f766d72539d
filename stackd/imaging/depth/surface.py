"""The visible surface: where in the stack lies what the composite shows at each pixel.

The frame a pixel was taken from does not tell. Beside a hair the wall is taken from the frame that shows the hair sharp, because
there it is veiled least; and where nothing has texture any frame will do. So depth is believed only where the composite itself
has detail that stands out of its surroundings (*seeds*), and is carried from there along like colours:

- Seeds amid texture are surfaces. A seed on its own (a hair, an outline) parts two surfaces and belongs to the nearer one, so
  what lies beside it is at least as far: among such seeds the farther ones count more.
- What every seed says of its surroundings is compared with what most of them say; seeds much nearer than that are something in
  front, and take no part in a second round.
- A thin thing keeps the depth of its own seeds; the rim of its blur, which has the colour of what lies behind, does not.

Colours are compared on a copy of the composite from which a median has taken everything thin: surfaces go on behind hairs.
Spreading is a recursive filter along rows and columns, after Gastal, Oliveira, "Domain transform for edge-aware image and video
processing", SIGGRAPH 2011. What was tried: docs/decisions/0015-depth-of-the-visible-surface.md.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means, squeezed, stretched
from stackd.imaging.ground.grain import HIGH_PASS_SHARE
from stackd.model.composite import DepthMap
from stackd.model.pixels import Image, Mask

Plane = NDArray[np.float32]
Colours = NDArray[np.uint8]

DETAIL_SIGMA_PX = 1.0
"""Detail is what this Gaussian takes away, on a grid twice as fine as that of the depth: as the fusion measures it."""
SEED_WINDOW_PX = 0.5
"""Sigma over which detail is averaged. As narrow as can be: what a wider window adds beside an edge bleeds from the edge
(of seeds 2 to 3 px from a hair 34 % are wrong with 0.7 px and 50 % with 1.25 px, 14 % without a window)."""
SEED_OVER_GRAIN = (3.0, 9.0)
"""Times the energy of grain: detail is doubtful below the first, texture from the second on. Halving or doubling changes
rank correlation by 0.002."""
LEAST_GRAIN = 0.0015
"""Display units: rounding to 8 bits, where there is no grain."""
AROUND_PX, STANDS_OUT = 2.5, (0.15, 0.35)
"""Detail that is less than the first share of what surrounds it (a Gaussian of this sigma) bleeds from a neighbour; from the
second share on it is its own. (0.1, 0.25) and (0.25, 0.5) do as well; without it rank correlation is lower by 0.01."""
ALIKE_SIDE_PX, ALIKE_FRAMES = 5, 1.5
"""A seed must lie within so many frames of the median around it: grain puts single pixels anywhere."""

COVERED_SIDE_PX, COVERED = 33, (0.3, 0.6)
"""Share of seeds in a box of this side: hairs and outlines cover less than the first, texture more than the second (printed text
half). With (0.2, 0.5) surfaces behind tangled hairs are lost."""
LONE_SIDE_PX, LONE_SUPPORT = 9, (0.15, 0.3)
"""A seed on its own must at least be a line: it counts from so large a share of seeds in a box of this side. Up to the larger,
those at another depth than what surrounds them are specks.
Without this, strays decide where nothing else does: errors above one frame in a "layers" 3.5 → 5.9 %."""
FARTHER_COUNTS = 4.0
"""Of two such seeds at the two ends of the stack, the farther counts exp(4) times as much. Less, and hairs pull the wall to
them (rank correlation on seven stacks 0.87 with 0, 0.91 with 2, 0.92 with 3 to 6); more, and a speck can decide over a whole
surface."""
FAINT_COUNTS, FAINT_OVER_GRAIN = 0.03, (3.0, 6.0)
"""Weight of the frame that explains the others best where there is no texture to speak of within `COVERED_SIDE_PX`, and the mean
detail there, times grain, up to which that holds: shading and paper still decide a little, and no edge is near to mislead.
Without it the table a rose lies on goes to the far end; with 0.1 the veil of a near hair decides tens of pixels away from it."""

GUIDE_SIDE_PX = 11
"""Side of the median that takes hairs from the guide; 9 to 15 do the same."""
ALIKE_COLOURS = 0.03
"""Display units in any channel: two neighbours that differ by this are linked exp(−1) as strongly as equal ones …"""
WEAKEST_LINK = 8.0
"""… and never weaker than exp(−8): an enclosed surface without seeds must get some depth. 5 and 14 do as well."""
REACH_PX = 80.0
"""Over which spreading fades to 1/e, per round. Half of it leaves some gaps between hairs to the hairs; 140 flattens slopes."""
NEAR_REACH_PX, AFAR_COUNTS = 6.0, 0.01
"""The last round spreads over so few pixels, so that holes in texture are filled from their rims; what came from afar takes part
with this weight."""
LOCAL_REACH_PX = 10.0
"""Amid texture only so close surroundings tell what is in front: compared with those of `REACH_PX`, the upper part of a slope
is in front of the lower, and was torn (a beetle's back). 8 to 14 do the same."""
ROUNDS = 2
"""Times rows and columns are gone along; once leaves streaks, and rank correlation is lower by 0.015."""

STACK_SHARE = 0.1
"""Of the frames of a stack: what `FRONT_FRAMES` and `OTHER_FRAMES` are at least, since deep stacks are measured less finely."""
FRONT_FRAMES = 0.7
"""Frames by which a seed may be nearer than its surroundings before it counts less.
Without this rank correlation is lower by 0.06."""
END_FRAMES = 0.4
"""Seeds in an end frame may lie beyond it. They are entered so much beyond, and the result is cut to the stack: a few other seeds
among them shall not pull a wall at the end away from it (without this, rank correlation in "layers" falls from 0.95 to 0.74)."""

RIM_SIDE_PX, RIM_SHARE = 5, 0.4
"""A seed is the rim of something thin if the thing, within a box of this side, stands out of the guide, and the seed itself by
less than this share of that. If rims are kept, rank correlation is lower by 0.03."""
OTHER_FRAMES = 1.0
"""From so many frames on two depths are two surfaces: a steep one differs from its own surroundings, too."""
SPLIT_FRAMES = 0.25
"""A pixel that would lie farther than this from the depth of the grid's closest pixel is at an edge and takes that depth: a
quarter of a pixel from the grid's, that is where neighbours differ by one frame."""
SMOOTH_SIDE_PX = 5
"""Side of the last median, which spares thin things."""
SURE = 0.5
"""Depth is sure where this share of the surroundings are seeds that lie within so many frames of it: half, by half a frame."""

STRIP_PX, STRIP_MARGIN_PX = 128, 4
"""Rows measured at once, and rows on either side that detail in them depends on."""
WHITE = 255
UNKNOWN = np.float32(1e-20)
"""Weight of the overall mean: nothing beside any seed, and far above the smallest float32, with which arithmetic is slow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texture:
    """Where the composite shows texture, on the grid of the depth.

    `detail` is its mean squared detail in units of grain, float32 (h, w); `colours` are 8 bits, (h, w, 3).
    """

    detail: Plane
    colours: Colours

    @classmethod
    def of(cls, composite: Image, *, reduction: int, grain_detail: float, brightness: float = 1.0) -> "Texture":
        """Measure a composite, strip by strip: whole planes at full size would cost more memory than everything else here.

        Parameters
        ----------
        composite : ndarray of float32, shape (H, W, 3)
            Display-encoded.
        reduction : int
            Even: how many px of the composite one px of the depth spans.
        grain_detail : float
            Mean squared detail that is grain alone, in the (brightened) frames on a grid twice as fine as that of the depth.
        brightness : float
            By how much faint frames were brightened.
        """
        shape = tuple(-(-side // reduction) for side in composite.shape[:2])
        texture = cls(detail=np.empty(shape, np.float32), colours=np.empty((*shape, 3), np.uint8))
        unit = max(grain_detail, HIGH_PASS_SHARE * LEAST_GRAIN**2) / brightness**2
        for start in range(0, shape[0], STRIP_PX):
            margin = min(start, STRIP_MARGIN_PX)
            stop = min(start + STRIP_PX, shape[0])
            fine = block_means(
                composite[(start - margin) * reduction : (stop + STRIP_MARGIN_PX) * reduction], reduction // 2, edge=Edge.REPEATED
            )
            gray = cv2.cvtColor(fine, cv2.COLOR_RGB2GRAY)
            rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX))
            inside = slice(margin, margin + stop - start)
            texture.detail[start:stop] = block_means(
                np.asarray(cv2.multiply(rest, rest, scale=1 / unit), np.float32), 2, edge=Edge.REPEATED
            )[inside]
            levels = np.clip(block_means(fine, 2, edge=Edge.REPEATED)[inside] * np.float32(WHITE * brightness), 0, WHITE)
            texture.colours[start:stop] = np.rint(levels, out=levels)
        return texture


def visible_surface(measured: DepthMap, texture: Texture) -> DepthMap:
    """Find the depth of what is seen at every pixel.

    Parameters
    ----------
    measured : DepthMap
        Pixel by pixel the frame (near → far) that explains the stack best; its confidence is how surely one frame does.
    texture : Texture
        Of the composite, on the same grid.

    Returns
    -------
    DepthMap
        Its confidence is 1 where at least half of the closest surroundings are texture in focus at this depth, 0 where depth
        is only continued from elsewhere.
    """
    last = np.float32(max(measured.frame_count - 1, 1))
    position = measured.position
    typical = np.asarray(cv2.medianBlur(position, ALIKE_SIDE_PX), np.float32)
    seeds = _seeds(texture.detail) * (np.abs(position - typical) < ALIKE_FRAMES)
    guide = np.asarray(cv2.medianBlur(texture.colours, GUIDE_SIDE_PX), np.uint8)
    around = _continued(_beyond_the_ends(position, last), _weights(measured, texture, seeds), guide, last)
    other = max(OTHER_FRAMES, STACK_SHARE * float(last))
    strange = np.abs(position - around) > other
    strange &= _is_rim(texture.colours, guide) | (_share(seeds, LONE_SIDE_PX) < LONE_SUPPORT[1])
    seeds[strange] = 0
    seen = seeds > 0.5  # noqa: PLR2004  # rather texture than not
    surface = np.asarray(cv2.medianBlur(np.where(seen, position, around).astype(np.float32), SMOOTH_SIDE_PX), np.float32)
    thin = seen & (np.abs(typical - around) > other)
    surface[thin] = typical[thin]
    decided = seeds * (np.abs(position - surface) < SURE)
    confidence = np.minimum(_share(decided, LONE_SIDE_PX) / np.float32(SURE), 1)
    return DepthMap(position=surface, confidence=confidence, frame_count=measured.frame_count)


def enlarged(depth: DepthMap, *, reduction: int, shape: tuple[int, int]) -> DepthMap:
    """Bring a depth map to full size: smoothly along surfaces, but without depths in between where one ends.

    Parameters
    ----------
    depth : DepthMap
        On the reduced grid.
    reduction : int
        How many px one of its pixels spans.
    shape : tuple of int
        Rows and columns wanted.
    """
    height, width = shape
    position, confidence = (
        np.ascontiguousarray(
            cv2.resize(plane, None, fx=reduction, fy=reduction, interpolation=cv2.INTER_LINEAR)[:height, :width], np.float32
        )
        for plane in (depth.position, depth.confidence)
    )
    for row, line in enumerate(depth.position):
        smooth = position[row * reduction : (row + 1) * reduction]
        steps = np.repeat(line, reduction)[:width]
        np.copyto(smooth, steps, where=np.abs(smooth - steps) > SPLIT_FRAMES)
    return DepthMap(position=position, confidence=confidence, frame_count=depth.frame_count)


def _seeds(detail: Plane) -> Plane:
    """Mark, 0–1, pixels with detail of their own."""
    own = _blurred(detail, SEED_WINDOW_PX)
    seeds = _ramp(np.log2(own + np.finfo(np.float32).eps), *np.log2(SEED_OVER_GRAIN))
    seeds *= _ramp(own / (_blurred(detail, AROUND_PX) + np.finfo(np.float32).eps), *STANDS_OUT)
    return seeds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weights:
    """How much each pixel's depth counts for others."""

    seeds: Plane
    """Texture, and lines and outlines."""
    faint: Plane
    """Pixels without texture, far from any."""
    covered: Plane
    """How much of the surroundings is texture, 0–1."""


def _weights(measured: DepthMap, texture: Texture, seeds: Plane) -> _Weights:
    covered = _ramp(_share(seeds, COVERED_SIDE_PX), *COVERED)
    farther = np.exp(np.float32(FARTHER_COUNTS) * (measured.position / np.float32(max(measured.frame_count - 1, 1)) - 1))
    alone = seeds * farther * _ramp(_share(seeds, LONE_SIDE_PX), *LONE_SUPPORT)
    calm = 1 - _ramp(np.log2(_share(texture.detail, COVERED_SIDE_PX) + np.finfo(np.float32).eps), *np.log2(FAINT_OVER_GRAIN))
    faint = np.float32(FAINT_COUNTS) * calm * np.square(measured.confidence)
    return _Weights(seeds=np.maximum(seeds * covered, alone), faint=faint.astype(np.float32), covered=covered)


def _beyond_the_ends(position: Plane, last: np.float32) -> Plane:
    moved = position.copy()
    moved[position <= 0] = -END_FRAMES
    moved[position >= last] = last + np.float32(END_FRAMES)
    return moved


def _continued(position: Plane, weights: _Weights, guide: Colours, last: np.float32) -> Plane:
    """Carry depth to where there is none: what is seen around a pixel, but not in front of it."""
    links = _Links.between(squeezed(guide, 2))

    def averaged(weight: Plane, reach_px: float) -> Plane:
        moment, small = (squeezed(plane, 2) for plane in (weight * position, weight))
        return stretched(links.spread(moment, small, reach_px=reach_px / 2), position.shape)

    everything = np.maximum(weights.seeds, weights.faint)
    expected = averaged(everything, REACH_PX)
    # Amid texture only the closest surroundings are asked: a slope goes on, and is not in front of its own far end.
    expected += weights.covered * (averaged(everything, LOCAL_REACH_PX) - expected)
    # On an outline two surfaces meet, and only what is nearer than both is in front.
    nearer = np.maximum(cv2.erode(expected, np.ones((3, 3))) - position, 0) / max(FRONT_FRAMES, STACK_SHARE * last)
    behind = weights.seeds * np.exp(-np.square(nearer) / 2)
    weight = np.maximum(behind, weights.faint)
    afar = averaged(weight, REACH_PX)
    weight_afar = np.float32(AFAR_COUNTS)
    near = _Links.between(guide).spread(weight * position + weight_afar * afar, weight + weight_afar, reach_px=NEAR_REACH_PX)
    return np.clip(near, 0, last)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Links:
    """How alike the colours of neighbours are, 0–1: `across` from the left one, `down` from the upper one."""

    across: Plane
    down: Plane

    @classmethod
    def between(cls, guide: Colours) -> "_Links":
        steps = np.arange(WHITE + 1, dtype=np.float32) / np.float32(WHITE * ALIKE_COLOURS)
        alike = np.exp(-np.minimum(np.square(steps), np.float32(WEAKEST_LINK)))
        across, down = (np.ones(guide.shape[:2], np.float32) for _ in range(2))
        across[:, 1:] = alike[_difference(guide[:, 1:], guide[:, :-1])]
        down[1:] = alike[_difference(guide[1:], guide[:-1])]
        return cls(across=across, down=down)

    def spread(self, moment: Plane, weight: Plane, *, reach_px: float) -> Plane:
        """Return the mean `moment / weight` of the surroundings, those linked by like colours before all."""
        total = float(weight.sum())
        mean = np.float32(float(moment.sum()) / total if total else 0)
        fading = np.float32(np.exp(-1 / reach_px))
        down = self.down * fading
        across = np.ascontiguousarray((self.across * fading).T)
        # Rows, quantity, columns. A grain of the mean everywhere: something must be known where nothing reaches.
        planes = np.stack([moment + UNKNOWN * mean, weight + UNKNOWN], axis=1).astype(np.float32)
        for _ in range(ROUNDS):
            turned = np.ascontiguousarray(planes.transpose(2, 1, 0))
            _sweep(turned, across)
            planes = np.ascontiguousarray(turned.transpose(2, 1, 0))
            _sweep(planes, down)
        return planes[:, 0] / planes[:, 1]


def _sweep(planes: NDArray[np.float32], links: Plane) -> None:
    """Let every line, forth and back, take from the one before as much as the link lets through. In place."""
    passed = np.empty_like(planes[0])
    for line in range(1, len(planes)):
        planes[line] += np.multiply(planes[line - 1], links[line], out=passed)
    for line in range(len(planes) - 2, -1, -1):
        planes[line] += np.multiply(planes[line + 1], links[line + 1], out=passed)


def _is_rim(colours: Colours, guide: Colours) -> Mask:
    """Mark what surrounds thin things and has the colour of what lies behind them."""
    difference = _difference(colours, guide)
    return np.asarray(difference < RIM_SHARE * cv2.dilate(difference, np.ones((RIM_SIDE_PX, RIM_SIDE_PX))), np.bool_)


def _difference(one: Colours, other: Colours) -> NDArray[np.uint8]:
    """Greatest difference of a channel."""
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _share(plane: Plane, side_px: int) -> Plane:
    return np.asarray(cv2.blur(plane, (side_px, side_px)), np.float32)


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _ramp(plane: Plane, start: float, end: float) -> Plane:
    return np.asarray(np.clip((plane - start) / (end - start), 0, 1), np.float32)
