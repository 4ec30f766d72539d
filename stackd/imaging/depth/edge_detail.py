"""Beside edges in depth: fine detail from the frame that shows it best, whichever frame the rest is taken from.

Next to the outline of a near surface no frame shows the one behind well. The frame focused behind is veiled by the defocused
outline, but veils are smooth: its texture is there. The frame focused in front has no veil, and no texture either. So close to
such edges two questions are asked instead of one: which frame explains the others (`stackd.imaging.fuse.depth_from_defocus`)
decides what is coarse, and which of the frames taken close by has most detail decides what is fine. Fine means what is smaller
than a few pixels of the grid of the decisions, as in fusion by pyramids [1]_, but among a few sensible frames only.

.. [1] Burt, Kolczynski, "Enhanced image capture through fusion", ICCV 1993.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.ground.frames import PlaneStore, Step, ignore_step
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

LEVELS = 40_000
"""Steps per display unit in which detail is kept, as an amplitude: whole numbers are compared several times as fast as half
precision, and at most 1.4 units fit into 16 bits."""
WINDOW_PX = 0.5
"""Sigma, px of the decisions, in which detail is compared. Measured: wider costs hairs."""
REACH_PX = 2
"""Px of the decisions around a pixel within which frames are taken: what lies there can veil it. More gains hairs over texture
what it loses at the rims of glints. Measured."""
LEAST_JUMP_PX = 1.5
"""Difference of blur, px of the decisions, between the frames taken there that makes an edge. Where it is less, veils are no
larger than the detail; twice as much loses a tenth of the gain. Measured."""
LEAST_FRAMES = 2
"""Between the frame chosen and the one taken: a neighbour shows nearly the same. It halves the places to be worked on for 0.01 dB
(measured)."""
UNEXPLAINED = 0.005
"""Mean squared display units by which a frame may explain the others worse than the best one: what it shows is then a rim of a
disc rather than detail. Half as much costs "sheets" 0.15 dB, twice as much costs "insect" 0.13 and "mixed" 0.2 dB (measured)."""
ABOVE_GRAIN = 6.0
"""Energy of detail over that of grain, from which on it is detail. With 1.5 grain rises by a tenth and "flat" loses 0.2 dB, with
12 nothing changes (measured)."""
TEXTURE_SIDE_PX, TEXTURE_SHARE = 7, 0.7
"""Px of the decisions: where detail fills so much of a square of this side it is texture. Rims are lines, and leave more than
half of it empty. Sides of 7 to 15 do the same (measured)."""
CLIPPED = 0.95
"""Display value from which a highlight may be cut off: the rim of its disc is detail that is not there. Without this "flat" loses
1.4 dB (measured)."""

BARE = 0.25
"""Amplitude of detail in the frame taken over that in the frame taken around it, up to which a small patch is nothing of its own.
Twice as much costs "mixed" 0.05 dB (measured)."""


class EdgeDetail:
    """Sees all frames go by and keeps their fine detail; `settle`, once it has, is asked about it.

    Parameters
    ----------
    store : PlaneStore
        Keeps one plane a frame.
    shape : tuple of int
        Rows and columns of the grid of the decisions.
    grain : float
        Mean squared detail that is grain alone, as in what `add` is given.
    """

    def __init__(self, store: PlaneStore, shape: tuple[int, int], *, grain: float) -> None:
        self._store = store
        self._least = round(LEVELS * float(np.sqrt(ABOVE_GRAIN * grain)))
        self._clipped = np.zeros(shape, bool)
        self._frame_edges = np.zeros(shape, bool)

    def add(self, gray: Gray, detail: Plane, outside: Mask | None = None) -> None:
        """Take the next frame, on the grid of the decisions: luminance, squared fine detail, and what it does not show."""
        self._clipped |= gray > CLIPPED
        amplitude = cv2.sqrt(cv2.GaussianBlur(detail, (0, 0), WINDOW_PX))
        if outside is not None:
            amplitude[outside] = 0
            both_sides = cv2.morphologyEx(outside.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
            self._frame_edges |= both_sides.view(np.bool_)
        self._store.append(cv2.addWeighted(amplitude, LEVELS, amplitude, 0, 0, dtype=cv2.CV_16U))

    def settle(self) -> "DetailSeen":
        """Give the detail of all frames."""
        return DetailSeen(store=self._store, least=self._least, clipped=self._clipped, frame_edges=self._frame_edges)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetailSeen:
    """The fine detail of all frames, in steps of one display unit over `LEVELS`."""

    store: PlaneStore
    least: int
    """Detail that stands out of grain."""
    clipped: Mask
    """Where a highlight may be cut off in some frame."""
    frame_edges: Mask
    """Where some frame ends."""

    def edges(self, taken: Plane, *, focus: FocusPositions, blur_px: float) -> "EdgeChoice":
        """Find where frames far apart are taken side by side.

        Parameters
        ----------
        taken : ndarray of float32, shape (H, W)
            Position of the frame with the greatest weight.
        focus : FocusPositions
            Where the frames are focused.
        blur_px : float
            Growth of the blur's radius per usual step, px of the decisions.
        """
        around = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
        first, last = (np.asarray(spread(taken, around), np.float32) for spread in (cv2.erode, cv2.dilate))
        near = np.abs(focus.of(last) - focus.of(first)) * np.float32(blur_px) >= LEAST_JUMP_PX
        near &= cv2.dilate(self.clipped.view(np.uint8), around) == 0
        # What is too coarse to be detail is taken away on this grid, and a frame may end between its pixels.
        near &= ~self.frame_edges
        places = np.flatnonzero(near)
        first, last, taken = (np.asarray(plane.ravel()[places], np.float32) for plane in (first, last, taken))
        return EdgeChoice(self, places, first, last, taken)

    def textured(self, taken: Plane, *, step: Step = ignore_step) -> NDArray[np.bool_]:
        """Mark where the frame taken shows detail all around: texture rather than the thin rim of a disc. A step a frame."""
        found = np.zeros(taken.shape, np.uint8)
        for position in range(len(self.store)):
            found |= ((taken == position) & (self._read(position, taken.shape[0]) > self.least)).view(np.uint8)
            step()
        side = TEXTURE_SIDE_PX
        return np.asarray(cv2.blur(found.astype(np.float32), (side, side)) > TEXTURE_SHARE)

    def bare_patches(
        self, taken: Plane, around: Plane, *, side_px: int, focus: FocusPositions, blur_px: float, step: Step = ignore_step
    ) -> NDArray[np.intp]:
        """Find small patches where a frame is taken that shows nothing there but the blur of what is around.

        Where the blur reaches across the whole patch, a frame that has something in focus there would show detail.

        Parameters
        ----------
        taken : ndarray of float32, shape (H, W)
            Position of the frame with the greatest weight.
        around : ndarray of float32, shape (H, W)
            The one taken in most of the square of side `side_px` around each pixel.
        side_px : int
            Px of the decisions.
        focus : FocusPositions
            Where the frames are focused.
        blur_px : float
            Growth of the blur's radius per usual step, px of the decisions.
        step : Step
            Told after every frame.

        Returns
        -------
        ndarray of int
            Indices into the flattened plane.
        """
        places = np.flatnonzero(np.abs(focus.of(taken) - focus.of(around)) * np.float32(blur_px) >= side_px / 2)
        theirs, ours = (plane.ravel()[places] for plane in (around, taken))
        near = np.ones((side_px // 2 + 1, side_px // 2 + 1), np.uint8)  # what is flat inside, as a clipped glint, has a rim
        shown = [np.zeros(places.shape, np.float32) for _ in range(2)]
        for position in range(len(self.store)):
            detail = cv2.dilate(self._read(position, taken.shape[0]), near).ravel()[places]
            for positions, plane in zip((ours, theirs), shown, strict=True):
                np.copyto(plane, detail, where=positions == position)
            step()
        return places[shown[0] < BARE * shown[1]]

    def _read(self, position: int, rows: int) -> NDArray[np.uint16]:
        return self.store.read(position, slice(0, rows)).astype(np.uint16, copy=False)

    def at(self, places: NDArray[np.intp], position: int, rows: int) -> NDArray[np.uint16]:
        """Detail of a frame at places of the flattened grid of so many rows."""
        return self._read(position, rows).ravel()[places]


class EdgeChoice:
    """Chooses at places beside edges whose detail to show: `consider` every frame in order, then `decide`.

    Parameters
    ----------
    seen : DetailSeen
        The detail of all frames.
    places : ndarray of int
        Indices into the flattened plane.
    first, last, taken : ndarray of float32
        There: the first and the last frame taken close by, and the one taken.
    """

    def __init__(self, seen: DetailSeen, places: NDArray[np.intp], first: Plane, last: Plane, taken: Plane) -> None:
        self._seen = seen
        self._places, self._first, self._last, self._taken = places, first, last, taken
        self._chosen = np.full(places.shape, -1, np.int32)
        self._most = np.full(places.shape, seen.least, np.uint16)

    def consider(self, position: int, unexplained: Plane) -> None:
        """Choose a frame's detail where it is the strongest so far.

        Parameters
        ----------
        position : int
            Of the frame.
        unexplained : ndarray of float32, shape (H, W)
            How much worse than the best frame it explains the others, mean squared display units.
        """
        detail = self._seen.at(self._places, position, unexplained.shape[0])
        wins = (detail > self._most) & (self._first <= position) & (position <= self._last)
        wins &= unexplained.ravel()[self._places] < UNEXPLAINED
        self._chosen[wins] = position
        self._most[wins] = detail[wins]

    def decide(self) -> "EdgeChanges":
        """Keep the places where the frame chosen is another one than that taken."""
        changed = (self._chosen >= 0) & (np.abs(self._chosen - self._taken) >= LEAST_FRAMES)
        return EdgeChanges(places=self._places[changed], chosen=self._chosen[changed])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeChanges:
    """Where fine detail comes from another frame than the rest."""

    places: NDArray[np.intp]
    """Indices into the flattened grid of the decisions."""
    chosen: NDArray[np.int32]
    """Position of the frame whose detail is shown there."""

    def change(self, position: int, weight: Plane, share: Plane) -> Plane | None:
        """Tell by how much a frame's weight changes for fine detail; over all frames the changes sum to zero.

        Parameters
        ----------
        position : int
            Of the frame.
        weight : ndarray of float32, shape (H, W)
            Its weight.
        share : ndarray of float32, shape (H, W)
            0–1, how much of the change is wanted.

        Returns
        -------
        ndarray of float32, shape (H, W), or None
            None where nothing changes.
        """
        change = ((self.chosen == position) - weight.ravel()[self.places]) * share.ravel()[self.places]
        if not change.any():
            return None
        plane = np.zeros_like(weight)
        plane.ravel()[self.places] = change
        return plane
