"""Frames laid over the reference on demand."""

import numpy as np
import pytest

from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.frames import AlignedFrames, PlanesInMemory
from stackd.imaging.ground.luminance import luma
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference, KeptLuma, _float_table
from stackd.imaging.match.brightness import Gain
from stackd.model.composite import Rectangle
from stackd.rendering.scenes import SceneSettings, render_stack, tilted_plane
from tests.imaging.array_frames import matched_in_light

MOVED = np.array([[1.004, -0.002, 3.3], [0.002, 1.004, -2.7], [0, 0, 1]])


def _frames(
    *, bits: int = 8, gain: Gain | None = None, matrix: np.ndarray | None = None, window: Rectangle | None = None
) -> tuple[FramesOnReference, np.ndarray]:
    stack = render_stack(SceneSettings(subject=tilted_plane, bits=bits, frame_count=2))
    frames = FramesOnReference(
        stack,
        positions=[1],
        matrices=[np.eye(3) if matrix is None else matrix],
        gains=[Gain() if gain is None else gain],
        window=window,
    )
    return frames, stack.frames[1]


def test_it_keeps_the_protocol():
    frames, _ = _frames()
    as_protocol: AlignedFrames = frames

    assert len(as_protocol) == 1


@pytest.mark.parametrize("bits", [8, 16])
def test_a_frame_that_stayed_in_place_keeps_its_pixels(bits: int):
    frames, native = _frames(bits=bits)

    np.testing.assert_allclose(frames.read(0), native / np.iinfo(native.dtype).max, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tile_has_the_values_of_the_whole(bits: int):
    frames, _ = _frames(bits=bits, matrix=MOVED)
    whole = frames.read(0)
    native = frames.read_native(0)

    for rows, columns in [(slice(0, 40), slice(0, 50)), (slice(101, 160), slice(133, 240)), (slice(60, 61), slice(7, 9))]:
        tile = frames.warp_tile(native, 0, rows, columns)

        # OpenCV places samples to 1/32 px, which a tile may round to the other side.
        np.testing.assert_allclose(tile, whole[rows, columns], atol=0.02)
        assert np.abs(tile - whole[rows, columns]).mean() < 1e-3


def test_a_tile_far_outside_the_frame_repeats_its_border():
    frames, native = _frames(matrix=np.array([[1, 0, 500.0], [0, 1, 0], [0, 0, 1]]))

    tile = frames.warp_tile(frames.read_native(0), 0, slice(0, 10), slice(0, 10))

    np.testing.assert_allclose(tile, np.repeat(native[:10, :1] / 255, 10, axis=1), atol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_gain_is_applied_in_linear_light(bits: int):
    gain = Gain(red=1.1, green=1.0, blue=0.9)
    frames, native = _frames(bits=bits, gain=gain)

    matched = frames.read(0)

    np.testing.assert_allclose(matched, matched_in_light(native, gain), atol=1e-6)


def test_nothing_leaves_the_range_of_an_image():
    frames, _ = _frames(matrix=MOVED, gain=Gain(red=1.5, green=1.5, blue=1.5))

    image = frames.read(0)

    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("matrix", [None, MOVED], ids=["in place", "moved"])
def test_a_window_shows_that_part_of_the_whole(matrix: np.ndarray | None):
    window = Rectangle(left=32, top=16, right=160, bottom=112)
    whole, _ = _frames(matrix=matrix)
    part, _ = _frames(matrix=matrix, window=window)

    assert part.shape == (96, 128)
    assert np.abs(part.read(0) - whole.read(0)[16:112, 32:160]).mean() < 1e-3
    np.testing.assert_array_equal(part.covered(0), whole.covered(0)[16:112, 32:160])


def test_the_reference_is_copied_into_a_window_untouched():
    frames, native = _frames(window=Rectangle(left=32, top=16, right=160, bottom=112))

    np.testing.assert_allclose(frames.read(0), native[16:112, 32:160] / 255, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_kept_luminance_is_that_of_the_frame(bits: int):
    stack = render_stack(SceneSettings(subject=tilted_plane, bits=bits, frame_count=2))
    kept = KeptLuma(PlanesInMemory, reduction=2)
    for frame in stack.frames:
        kept.append(reduced(luma(frame), 2))
    frames = FramesOnReference(stack, positions=[1], matrices=[np.eye(3)], gains=[Gain(red=1.1, green=1.1, blue=1.1)], kept=kept)
    decoded = FramesOnReference(stack, positions=[1], matrices=[np.eye(3)], gains=[Gain(red=1.1, green=1.1, blue=1.1)])

    np.testing.assert_allclose(frames.read_gray_native(0, 2), decoded.read_gray_native(0, 2), atol=1 / 255)
    np.testing.assert_array_equal(frames.read_gray_native(0, 4), decoded.read_gray_native(0, 4))


def test_luminance_is_kept_of_frames_of_8_and_16_bit_in_any_order():
    """The place for it takes planes of one type, and all went into one: a TIFF after a JPEG could not be kept."""
    kept = KeptLuma(PlanesInMemory, reduction=2)
    planes = [np.full((2, 3), value, kind) for value, kind in ((51, np.uint8), (13107, np.uint16), (102, np.uint8))]
    for plane in planes:
        kept.append(plane)

    read = [float(kept.read(position).mean()) for position in range(3)]

    assert read == pytest.approx([0.2, 0.2, 0.4])


def test_what_will_not_be_seen_counts_as_covered_by_frames_that_cover_the_rest():
    stack = render_stack(SceneSettings(subject=tilted_plane, frame_count=2))
    window = Rectangle(left=16, top=16, right=224, bottom=144)
    moved = [np.array([[1, 0, dx], [0, 1, 0], [0, 0, 1.0]]) for dx in (30, 50)]

    def covered(position: int, shown: Rectangle | None) -> np.ndarray:
        frames = FramesOnReference(stack, positions=range(2), matrices=moved, gains=[Gain()] * 2, window=window, shown=shown)
        return frames.covered(position)

    shown = Rectangle(left=40, top=16, right=200, bottom=144)
    assert covered(0, shown).all()
    np.testing.assert_array_equal(covered(1, shown), covered(1, None))
    assert not covered(0, None)[:, :14].any()
    assert covered(0, None)[:, 14:].all()


def test_memory_does_not_grow_with_the_number_of_frames_that_are_matched():
    """Each of 400 frames of 16 bits that flickered kept a table of 0.8 MB: 300 MB in all."""
    _float_table.cache_clear()
    for number in range(20):
        frames, _ = _frames(bits=16, gain=Gain(red=1 + number / 100, green=1.0, blue=1.0))
        frames.read(0)

    assert _float_table.cache_info().currsize <= 4
