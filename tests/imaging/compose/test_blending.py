"""Averaging by weights, box by box, is held to averaging whole images."""

import cv2
import numpy as np
import pytest

from stackd.imaging.compose import blending
from stackd.imaging.compose.blending import BlendingByPosition, BlendingByWeight, FrameWeight
from stackd.imaging.compose.gaps import LEAST_SHARE
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Gain
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane

MOVED = [
    np.array([[1.004, -0.002, 3.3], [0.002, 1.004, -2.7], [0, 0, 1]]),
    np.eye(3),
    np.array([[0.99, 0.001, -1.6], [-0.001, 0.99, 4.2], [0, 0, 1]]),
]
GAINS = [Gain(red=1.1, green=1.0, blue=0.9), Gain(), Gain(red=0.95, green=0.95, blue=0.95)]


def _frames(bits: int = 8, *, height_px: int = 203, width_px: int = 301) -> FramesOnReference:
    settings = SceneSettings(subject=tilted_plane, bits=bits, frame_count=3, height_px=height_px, width_px=width_px)
    stack: RenderedStack = render_stack(settings)
    return FramesOnReference(stack, positions=range(3), matrices=MOVED, gains=GAINS)


def _weights(frames: FramesOnReference, reduction: int) -> np.ndarray:
    """Three frames side by side with soft transitions, and a speck in each corner that is the third's alone."""
    height, width = (-(-side // reduction) for side in frames.shape)
    place = np.broadcast_to(np.linspace(-0.5, 2.5, width, dtype=np.float32), (height, width))
    weights = np.stack([np.maximum(1 - np.abs(place.clip(0, 2) - index), 0) for index in range(3)])
    for row in (0, height - 1):
        for column in (0, width - 1):
            weights[:, row, column] = (0, 0, 1)
    return weights


class Fixed:
    """Weights that are given."""

    def __init__(self, weights: np.ndarray) -> None:
        self._weights = weights

    def weight(self, position: int) -> FrameWeight:
        return FrameWeight(whole=self._weights[position])


def _expected(frames: FramesOnReference, weights: np.ndarray, reduction: int) -> np.ndarray:
    height, width = frames.shape
    total, shown = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for index, weight in enumerate(weights):
        full = cv2.resize(weight, None, fx=reduction, fy=reduction, interpolation=cv2.INTER_LINEAR)[:height, :width]
        full = (full * frames.covered(index))[..., None]
        total += frames.read(index) * full
        shown += full
    return np.where(shown < LEAST_SHARE, frames.read(1), total / np.maximum(shown, LEAST_SHARE)).clip(0, 1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_boxes_give_what_whole_images_give(bits: int, reduction: int):
    frames = _frames(bits)
    weights = _weights(frames, reduction)

    blended = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=reduction).image()

    expected = _expected(frames, weights, reduction)
    # OpenCV places samples to 1/32 px, which a box may round to the other side.
    assert np.abs(blended - expected).max() < 0.02
    assert np.abs(blended - expected).mean() < 1e-3


def test_a_frame_with_all_weight_keeps_its_pixels():
    frames = _frames()
    weights = np.zeros((3, 102, 151), np.float32)
    weights[1] = 1

    blended = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=2).image()

    np.testing.assert_allclose(blended, frames.read(1), atol=1e-6)


def test_one_weight_in_a_corner_is_not_lost():
    frames = _frames(height_px=204, width_px=304)
    weights = np.zeros((3, 51, 76), np.float32)
    weights[1] = 1
    weights[:, 0, 75] = (1, 0, 0)

    blended = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=4).image()

    np.testing.assert_allclose(blended[0, -1], frames.read(0)[0, -1], atol=0.02)
    np.testing.assert_allclose(blended[8:, :-8], frames.read(1)[8:, :-8], atol=1e-6)


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_a_frame_gives_nothing_where_it_shows_nothing(reduction: int):
    frames = _frames()
    height, width = (-(-side // reduction) for side in frames.shape)
    weights = np.zeros((3, height, width), np.float32)
    weights[2] = 1

    blended = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=reduction).image()

    hidden = ~frames.covered(2)
    assert hidden.any()
    np.testing.assert_allclose(blended[hidden], frames.read(1)[hidden], atol=1e-6)
    assert np.abs(blended - frames.read(2))[~hidden].max() < 0.02


def test_the_number_of_threads_changes_no_pixel(monkeypatch: pytest.MonkeyPatch):
    frames = _frames()
    weights = _weights(frames, 2)
    two = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=2).image()

    monkeypatch.setattr(blending, "WORKERS", 1)
    one = BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=2).image()

    np.testing.assert_array_equal(one, two)


def test_frames_without_weight_are_not_decoded():
    frames = _frames()
    decoded: list[int] = []
    read_native = frames.read_native
    frames.read_native = lambda position: decoded.append(position) or read_native(position)  # type: ignore[method-assign]
    weights = np.zeros((3, 102, 151), np.float32)
    weights[1] = 1

    BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=2).image()

    assert decoded == [1]


@pytest.mark.parametrize("reduction", [2, 4])
def test_layers_are_what_the_image_is_made_of(reduction: int):
    frames = _frames(height_px=204, width_px=304)
    made = BlendingByWeight(frames=frames, weights=Fixed(_weights(frames, reduction)), reduction=reduction)

    layers = list(made.layers())

    assert [layer.position for layer in layers] == [0, 1, 2]
    assert min(layer.weight.min() for layer in layers) >= 0
    np.testing.assert_allclose(sum(layer.weight for layer in layers), 1, atol=1e-5)
    mixed = sum(frames.read(layer.position) * layer.weight[..., None] for layer in layers)
    assert np.abs(mixed - made.image()).mean() < 1e-3


def test_layers_of_a_map_of_positions_are_what_its_image_is_made_of():
    frames = _frames()
    height, width = frames.shape
    position = np.broadcast_to(np.linspace(0, 2, width, dtype=np.float32), (height, width)).copy()
    made = BlendingByPosition(frames=frames, position=position, feather_px=3.0)

    layers = list(made.layers())

    np.testing.assert_allclose(sum(layer.weight for layer in layers), 1, atol=1e-5)
    mixed = sum(frames.read(layer.position) * layer.weight[..., None] for layer in layers)
    assert np.abs(mixed - made.image()).mean() < 1e-3


def test_a_layer_has_no_weight_where_its_frame_shows_nothing():
    frames = _frames()
    height, width = (-(-side // 2) for side in frames.shape)
    weights = np.zeros((3, height, width), np.float32)
    weights[2] = 1

    layers = list(BlendingByWeight(frames=frames, weights=Fixed(weights), reduction=2).layers())

    hidden = ~frames.covered(2)
    assert hidden.any()
    assert not layers[2].weight[hidden].any()
    np.testing.assert_array_equal(layers[1].weight[hidden], 1)
