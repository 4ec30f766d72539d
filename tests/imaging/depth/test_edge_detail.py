"""Beside edges in depth fine detail may come from another frame than the rest."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.edge_detail import EdgeDetail
from stackd.imaging.ground.frames import PlanesInMemory

Plane = NDArray[np.float32]

SHAPE = (24, 40)
GRAIN = 1e-5
EDGE = slice(18, 22)
"""Columns on both sides of the edge."""


def _taken() -> Plane:
    """Frame 1 to the left, frame 6 to the right."""
    taken = np.full(SHAPE, 1, np.float32)
    taken[:, 20:] = 6
    return taken


def _detail_in(frame: int, energy: float = 0.01, *, frames: int = 8) -> list[Plane]:
    """Detail all over one frame, grain in the others."""
    return [np.full(SHAPE, energy if position == frame else GRAIN, np.float32) for position in range(frames)]


def _changes(
    details: list[Plane], *, unexplained: float = 0.0, gray: float = 0.5, taken: Plane | None = None, blur_px: float = 1.0
) -> list[Plane]:
    edges = EdgeDetail(PlanesInMemory(), SHAPE, grain=GRAIN)
    for detail in details:
        edges.add(np.full(SHAPE, gray, np.float32), detail)
    taken = _taken() if taken is None else taken
    choice = edges.settle().edges(taken, focus=FocusPositions.even(len(details)), blur_px=blur_px)
    for position in range(len(details)):
        choice.consider(position, np.full(SHAPE, unexplained, np.float32))
    decided = choice.decide()
    weights = [(taken == position).astype(np.float32) for position in range(len(details))]
    found = [decided.change(position, weight, np.ones(SHAPE, np.float32)) for position, weight in enumerate(weights)]
    return [np.zeros(SHAPE, np.float32) if change is None else change for change in found]


def test_close_to_an_edge_detail_comes_from_the_frame_between_that_has_most():
    changes = _changes(_detail_in(4))

    assert (changes[4][:, EDGE] == 1).all()
    assert (changes[1][:, 18:20] == -1).all()
    assert (changes[6][:, 20:22] == -1).all()
    assert np.allclose(sum(changes), 0)


def test_away_from_edges_nothing_changes():
    changes = np.abs(_changes(_detail_in(4)))

    assert changes[:, :, :16].max() == 0
    assert changes[:, :, 24:].max() == 0


@pytest.mark.parametrize(
    "unfit",
    [
        {"details": _detail_in(0)},  # a frame nearer than any that is taken there
        {"details": _detail_in(4, 3 * GRAIN)},  # grain
        {"details": _detail_in(4), "unexplained": 0.02},  # the rim of a disc
        {"details": _detail_in(4), "gray": 0.99},  # clipped
        {"details": _detail_in(4), "blur_px": 0.1},  # five frames that are equally sharp
        {"details": _detail_in(2), "taken": np.full(SHAPE, 1, np.float32)},  # no edge
    ],
)
def test_detail_is_left_alone_where_it_is_none_or_there_is_no_edge(unfit: dict):
    assert not np.any(_changes(**unfit))


def test_a_frame_beside_the_one_taken_shows_it_as_well_and_is_not_fetched():
    changes = _changes(_detail_in(2))

    assert not np.any(changes[2][:, 18:20])
    assert (changes[2][:, 20:22] == 1).all()


def test_texture_is_told_from_the_rim_of_a_disc():
    edges = EdgeDetail(PlanesInMemory(), SHAPE, grain=GRAIN)
    rim = np.full(SHAPE, GRAIN, np.float32)
    rim[:, 30:32] = 0.01
    rim[:, :15] = 0.01
    edges.add(np.full(SHAPE, 0.5, np.float32), rim)

    textured = edges.settle().textured(np.zeros(SHAPE, np.float32))

    assert textured[:, :12].all()
    assert not textured[:, 20:].any()


def _patches(details: list[Plane], *, side: int = 4, blur_px: float = 2.0) -> NDArray[np.bool_]:
    """Frame 1 is taken all around, frame 5 in a square in the middle."""
    edges = EdgeDetail(PlanesInMemory(), SHAPE, grain=GRAIN)
    for detail in details:
        edges.add(np.full(SHAPE, 0.5, np.float32), detail)
    around, taken = np.full(SHAPE, 1, np.float32), np.full(SHAPE, 1, np.float32)
    taken[10 : 10 + side, 18 : 18 + side] = 5
    found = np.zeros(SHAPE, bool)
    focus = FocusPositions.even(len(details))
    found.ravel()[edges.settle().bare_patches(taken, around, side_px=9, focus=focus, blur_px=blur_px)] = True
    assert not found[taken == 1].any()
    return found[taken == 5]


def test_a_patch_that_shows_only_the_blur_of_its_surroundings_is_found():
    assert _patches(_detail_in(1)).all()


def test_a_patch_inside_a_clipped_glint_is_found_by_the_detail_of_the_rim():
    details = _detail_in(1)
    details[1][10:12, 18:20] = 0

    assert _patches(details, side=2).all()


@pytest.mark.parametrize(
    "real",
    [
        {"details": _detail_in(5)},  # a hair
        {"details": _detail_in(3)},  # neither frame shows anything
        {"details": _detail_in(1), "blur_px": 0.5},  # the surroundings are hardly blurred: they do not reach across
    ],
)
def test_a_patch_that_may_be_something_is_left_alone(real: dict):
    assert not _patches(**real).any()
