"""What is no picture is filled in from what lies around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.imaging.lay_over.transparency import OPAQUE, filled, opaque
from tests import make_frames

HIDDEN = 0


def cut_out(height: int, width: int) -> np.ndarray:
    """An ellipse that fills most of the frame."""
    rows, columns = np.mgrid[:height, :width]
    inside = ((rows - height / 2) / (0.4 * height)) ** 2 + ((columns - width / 2) / (0.4 * width)) ** 2 < 1
    return np.where(inside, OPAQUE, HIDDEN).astype(np.uint8)


@pytest.mark.parametrize("bits", [8, 16])
def test_hidden_colours_never_show(bits: int):
    pixels = make_frames.textured(61, 90, bits=bits)
    alpha = cut_out(61, 90)
    highest = (1 << bits) - 1
    black, white = pixels.copy(), pixels.copy()
    black[alpha == HIDDEN] = 0
    white[alpha == HIDDEN] = highest

    from_black, from_white = filled(black, alpha), filled(white, alpha)

    assert np.array_equal(from_black, from_white)
    assert np.array_equal(from_black[alpha == OPAQUE], pixels[alpha == OPAQUE])
    assert pixels.min() - 2 <= from_black.min() <= from_black.max() <= pixels.max() + 2


def test_a_colour_goes_on_unchanged():
    alpha = cut_out(50, 70)
    pixels = np.where(alpha[..., None] == OPAQUE, np.uint8(140), np.uint8(3)).repeat(3, axis=2)

    assert np.abs(filled(pixels, alpha).astype(int) - 140).max() <= 2


def test_gray_is_filled_as_colour_is():
    alpha = cut_out(40, 60)
    gray = make_frames.textured(40, 60)[..., 0].copy()

    assert np.array_equal(filled(gray, alpha), filled(np.dstack([gray] * 3), alpha)[..., 0])


def test_where_nothing_is_known_it_is_black():
    assert not filled(np.full((9, 12, 3), 70, np.uint8), np.zeros((9, 12), np.uint8)).any()


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 4, 8]), st.integers(0, 2**32 - 1))
def test_a_block_is_picture_only_if_all_of_it_is(height: int, width: int, reduction: int, seed: int):
    alpha = np.random.default_rng(seed).choice([OPAQUE, OPAQUE, OPAQUE, 254, 0], (height, width)).astype(np.uint8)

    found = opaque(alpha, reduction)

    assert found.shape == (-(-height // reduction), -(-width // reduction))
    for (row, column), told in np.ndenumerate(found):
        block = alpha[row * reduction : (row + 1) * reduction, column * reduction : (column + 1) * reduction]
        assert told == (block == OPAQUE).all()
