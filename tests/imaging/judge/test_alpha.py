"""What is no picture is not judged."""

import numpy as np
import pytest

from stackd.imaging.ground.grain import estimate_grain
from stackd.imaging.judge.light import clipped, clipped_share
from stackd.imaging.lay_over.transparency import OPAQUE


def test_white_that_is_no_picture_is_not_cut_off():
    composite = np.full((80, 120, 3), 0.5, np.float32)
    composite[:, 40:] = 1
    alpha = np.full((80, 120), OPAQUE, np.uint8)
    alpha[:, 40:] = 0

    assert clipped_share(composite) == pytest.approx(2 / 3)
    assert clipped_share(composite, alpha) == 0
    assert not list(clipped(composite, alpha))
    alpha[:, 40:60] = OPAQUE
    assert clipped_share(composite, alpha) == pytest.approx(1 / 3)


def test_grain_is_measured_where_there_is_picture():
    rng = np.random.default_rng(2)
    gray = np.full((160, 240), 0.5, np.float32)
    gray[:, :120] += 0.02 * rng.standard_normal((160, 120)).astype(np.float32)
    shown = np.zeros((160, 240), np.bool_)
    shown[:, :112] = True

    assert estimate_grain([gray]) < 0.002
    assert estimate_grain([gray], [shown]) == pytest.approx(0.02, rel=0.15)
