"""The places where composites differ are found, whatever kind of fault it is."""

import cv2
import numpy as np
import pytest

from stackd.bench.look.worst_places import Compared, Differences, PlaceKind, differences, to_compare_with, worst_places

CELL_PX = 8
SHAPE = (320, 480)


def texture(seed: int = 0) -> np.ndarray:
    """Coarse patches on the left, next to nothing on the right."""
    noise = np.random.default_rng(seed).normal(0, 1, SHAPE).astype(np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 3)
    fade = np.linspace(1, 0, SHAPE[1], dtype=np.float32) ** 2
    return np.clip(0.5 + fade * coarse / coarse.std() * 0.15, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def compared() -> Compared:
    return to_compare_with(texture(), np.ones(SHAPE, bool), cell_px=CELL_PX)


def differing(compared: Compared, gray: np.ndarray, matrix: np.ndarray | None = None) -> Differences:
    return differences(compared, gray.astype(np.float32), np.eye(3) if matrix is None else matrix)


def worst(compared: Compared, gray: np.ndarray, kind: PlaceKind) -> tuple[int, int, float]:
    """Where one kind of difference is greatest (x, y of the cell's middle), and how great."""
    cells = differing(compared, gray).of(kind)
    row, column = np.unravel_index(np.argmax(cells), cells.shape)
    return column * CELL_PX + CELL_PX // 2, row * CELL_PX + CELL_PX // 2, float(cells[row, column])


def test_a_ghost_is_found_as_structure(compared: Compared):
    ghost = texture()
    ghost[100:130, 96:126] = ghost[100:130, 130:160]

    x, y, difference = worst(compared, ghost, PlaceKind.STRUCTURE)

    assert np.hypot(x - 111, y - 115) < 24
    assert difference > 5


def test_noise_is_found_where_all_is_smooth(compared: Compared):
    noisy = texture()
    noisy[200:240, 400:440] += np.random.default_rng(1).normal(0, 0.02, (40, 40))

    x, y, difference = worst(compared, noisy, PlaceKind.SMOOTH)

    assert np.hypot(x - 420, y - 220) < 24
    assert difference == pytest.approx(0.02 * 255, rel=0.2)


def test_lost_noise_differs_as_much_as_added_noise():
    grain = np.random.default_rng(1).normal(0, 0.02, SHAPE).astype(np.float32)
    smooth, grainy = (to_compare_with(gray, np.ones(SHAPE, bool), cell_px=CELL_PX) for gray in (texture(), texture() + grain))

    *_, added = worst(smooth, texture() + grain, PlaceKind.SMOOTH)
    *_, lost = worst(grainy, texture(), PlaceKind.SMOOTH)

    assert lost == pytest.approx(added, rel=0.2)


def test_copied_pixels_are_found_along_the_border(compared: Compared):
    streaked = texture()
    streaked[:8, 40:90] = streaked[8, 40:90]

    x, y, _ = worst(compared, streaked, PlaceKind.BORDER)

    assert y < 16
    assert 32 <= x <= 98


def test_slow_changes_of_brightness_are_no_structure(compared: Compared):
    vignetted = texture() + np.linspace(0, 0.1, SHAPE[1], dtype=np.float32)
    ghost = texture()
    ghost[100:130, 96:126] += 0.1

    slow, quick = (worst(compared, gray, PlaceKind.STRUCTURE)[2] for gray in (vignetted, ghost))

    assert slow < 0.1 * quick


def test_what_a_composite_does_not_cover_is_no_difference(compared: Compared):
    crop = texture()[40:280, 60:420]
    there = np.array([[1, 0, 60], [0, 1, 40], [0, 0, 1]], float)

    different = differing(compared, crop, there)

    assert all(different.of(kind).max() < 0.2 for kind in PlaceKind)


def test_nothing_is_looked_for_outside_the_valid_area():
    valid = np.zeros(SHAPE, bool)
    valid[40:280, 60:420] = True
    compared = to_compare_with(texture(), valid, cell_px=CELL_PX)

    places = worst_places({"peer": differing(compared, texture(seed=5))}, compared, each=4, apart_px=40)

    assert all(60 <= place.x_px < 420 and 40 <= place.y_px < 280 for place in places)
    rims = [place for place in places if place.kind is PlaceKind.BORDER]
    assert len(rims) >= 3
    assert all(min(place.x_px - 60, 420 - place.x_px, place.y_px - 40, 280 - place.y_px) <= 16 for place in rims)


def test_places_of_a_kind_are_spread_over_the_picture(compared: Compared):
    places = worst_places({"peer": differing(compared, texture(seed=5))}, compared, each=4, apart_px=40)

    for kind in PlaceKind:
        points = [(place.x_px, place.y_px) for place in places if place.kind is kind]
        assert len(points) == 4
        assert all(np.hypot(*np.subtract(a, b)) >= 60 for i, a in enumerate(points) for b in points[:i]), kind


def test_the_worst_place_of_a_kind_comes_first(compared: Compared):
    places = worst_places({"peer": differing(compared, texture(seed=5))}, compared, each=3, apart_px=40)

    structure = [place.difference for place in places if place.kind is PlaceKind.STRUCTURE]
    assert structure == sorted(structure, reverse=True)


def test_programs_take_turns_so_that_a_bad_one_leaves_room(compared: Compared):
    bad, good = differing(compared, texture(seed=5)), differing(compared, texture() * np.float32(0.99))

    places = worst_places({"bad": bad, "good": good}, compared, each=2, apart_px=40)

    assert [place.program for place in places] == ["bad", "good"] * 3


def test_no_two_rows_show_the_same_place(compared: Compared):
    ghost = texture()
    ghost[100:130, 96:126] = ghost[100:130, 130:160]

    places = worst_places({"peer": differing(compared, ghost)}, compared, each=3, apart_px=40)

    points = [(place.x_px, place.y_px) for place in places]
    assert len(points) > 1
    assert all(np.hypot(*np.subtract(a, b)) >= 20 for i, a in enumerate(points) for b in points[:i])


def test_equal_composites_have_no_places(compared: Compared):
    assert worst_places({"peer": differing(compared, texture())}, compared, each=3, apart_px=40) == ()


def test_a_picture_too_small_for_all_places_gives_fewer():
    small = texture()[:64, :64]
    compared = to_compare_with(small, np.ones(small.shape, bool), cell_px=CELL_PX)

    places = worst_places({"peer": differing(compared, texture(seed=5)[:64, :64])}, compared, each=9, apart_px=40)

    assert 0 < len(places) < 27
    assert all(0 <= place.x_px < 64 and 0 <= place.y_px < 64 for place in places)
