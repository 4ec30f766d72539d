"""The sheet shows pixels as they are, in the row and column where they belong."""

import numpy as np
import pytest

from stackd.bench.look.sheet import EMPTY, Window, cut, look_sheet, window_around, zoom_for
from stackd.bench.look.worst_places import Place, PlaceKind
from stackd.rendering.lettering import PAPER, folded, line_width_px

SHAPE = (90, 120)


def place(x: int, y: int) -> Place:
    return Place(kind=PlaceKind.BORDER, x_px=x, y_px=y, program="peer", difference=1.0)


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (*SHAPE, 3), np.uint8)


def found_at(sheet: np.ndarray, crop: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the sheet where exactly these pixels stand."""
    height, width = crop.shape[:2]
    for row, column in np.argwhere((sheet == crop[0, 0]).all(axis=2)):
        if np.array_equal(sheet[row : row + height, column : column + width], crop):
            return int(row), int(column)
    return None


@pytest.mark.parametrize(("x", "y"), [(0, 0), (119, 89), (60, 45), (5, 80)])
def test_a_window_stays_within_the_picture_and_shows_its_place(x: int, y: int):
    window = window_around(place(x, y), np.ones(SHAPE, bool), side_px=40)

    assert 0 <= window.left_px <= 80
    assert 0 <= window.top_px <= 50
    assert window.left_px <= x < window.left_px + 40
    assert window.top_px <= y < window.top_px + 40


def test_a_window_stays_within_what_may_be_compared():
    valid = np.zeros(SHAPE, bool)
    valid[10:85, 20:110] = True

    corners = [window_around(place(x, y), valid, side_px=40) for x, y in ((20, 10), (109, 84))]

    assert [(window.left_px, window.top_px) for window in corners] == [(20, 10), (70, 45)]


def test_what_reaches_beyond_a_picture_is_paper():
    pixels = picture()

    crop = cut(pixels, Window(left_px=-10, top_px=70, side_px=40), lambda piece: piece)

    np.testing.assert_array_equal(crop[:20, 10:], pixels[70:, :30])
    assert (crop[20:] == PAPER).all()
    assert (crop[:, :10] == PAPER).all()


@pytest.mark.parametrize(("left", "top"), [(120, 0), (0, 90), (-40, 0), (0, -55)])
def test_a_window_outside_a_picture_shows_nothing(left: int, top: int):
    assert cut(picture(), Window(left_px=left, top_px=top, side_px=40), lambda piece: piece) is None


def test_every_crop_stands_in_its_row_and_column():
    windows = [Window(left_px=10, top_px=20, side_px=40), Window(left_px=70, top_px=40, side_px=40)]
    pictures = {"one": picture(), "two": 255 - picture()}
    columns = {name: [cut(pixels, window, lambda piece: piece) for window in windows] for name, pixels in pictures.items()}

    sheet = look_sheet(picture(), windows, SHAPE, labels=["a", "b"], columns=columns, legend=["what it is"], tile_px=40)

    spots = {name: [found_at(sheet, crop) for crop in crops] for name, crops in columns.items()}
    (one_a, one_b), (two_a, two_b) = spots["one"], spots["two"]
    assert one_a[0] == two_a[0] < one_b[0] == two_b[0]
    assert one_a[1] == one_b[1] < two_a[1] == two_b[1]


def test_small_pictures_are_enlarged_without_smoothing():
    window = Window(left_px=10, top_px=20, side_px=40)
    crop = cut(picture(), window, lambda piece: piece)

    sheet = look_sheet(picture(), [window], SHAPE, labels=["a"], columns={"one": [crop]}, legend=[], tile_px=80)

    assert found_at(sheet, crop.repeat(2, axis=0).repeat(2, axis=1)) is not None
    assert zoom_for(SHAPE) == 2
    assert zoom_for((4000, 6000)) == 1


def test_a_program_without_a_composite_has_empty_tiles():
    window = Window(left_px=10, top_px=20, side_px=40)

    sheet = look_sheet(picture(), [window], SHAPE, labels=["a"], columns={"failed": [None]}, legend=[], tile_px=40)

    assert (sheet == EMPTY).all(axis=2).sum() == 40 * 40


def test_long_lines_are_folded_between_words():
    text = "a program that failed says why at some length " * 5

    lines = folded(text, 200)

    assert len(lines) > 3
    assert all(line_width_px(line) <= 200 for line in lines)
    assert " ".join(lines).split() == text.split()
