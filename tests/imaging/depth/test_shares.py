"""A depth map tells on how much of the composite each frame is the sharpest."""

import numpy as np

from stackd.imaging.depth.shares import sampled, sharpest_shares
from stackd.model.composite import DepthMap


def depth_of(position: np.ndarray, frame_count: int) -> DepthMap:
    return DepthMap(position=position.astype(np.float32), confidence=np.ones(position.shape, np.float32), frame_count=frame_count)


def test_shares_are_those_of_the_nearest_frames():
    position = np.zeros((100, 100))
    position[:25] = 1.6
    position[25:35] = 0.9

    assert np.allclose(sharpest_shares(depth_of(position, 4)), (0.65, 0.10, 0.25, 0.0))


def test_shares_of_a_large_map_add_up_and_hardly_differ():
    position = np.tile(np.linspace(0, 4, 5003), (1203, 1))

    shares = sharpest_shares(depth_of(position, 5))

    assert np.isclose(sum(shares), 1.0)
    assert np.allclose(shares, (0.125, 0.25, 0.25, 0.25, 0.125), atol=0.002)


def test_a_sample_is_no_larger_than_wanted_and_never_empty():
    for shape in ((1, 1), (1, 5000), (4001, 6001), (3, 2)):
        sample = sampled(depth_of(np.zeros(shape), 2), 160)

        assert 1 <= max(sample.position.shape) <= 160
        assert sample.position.size
        assert sample.confidence.shape == sample.position.shape
