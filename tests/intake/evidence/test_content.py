"""Content signatures: what they bear and what they tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackd.intake.evidence.content import DIFFERENT_BELOW, SAME_FROM, likeness, signature
from tests.intake.build import focused, noisy, scene


@pytest.mark.parametrize("seed", range(5))
def test_a_change_of_focus_hardly_shows_and_another_subject_does(seed: int):
    subject = scene(seed)

    assert likeness(signature(focused(subject, 0.1)), signature(focused(subject, 0.3))).correlation >= SAME_FROM
    assert likeness(signature(subject), signature(scene(seed + 50))).correlation < DIFFERENT_BELOW


def test_exposure_does_not_matter():
    subject = scene(3)

    assert likeness(signature(subject), signature(subject * 0.3 + 0.1)).correlation > 0.999


@pytest.mark.parametrize(("dx", "dy"), [(12, 0), (-15, 6), (0, -12), (20, 10)])
def test_a_drift_of_the_framing_is_found(dx: int, dy: int):
    wide = scene(4, height=160, width=220)
    here, there = wide[30:126, 30:174], wide[30 + dy : 126 + dy, 30 + dx : 174 + dx]

    found = likeness(signature(np.ascontiguousarray(here)), signature(np.ascontiguousarray(there)))

    assert found.correlation > 0.95
    assert found.shift == pytest.approx((dx / 144, dy / 96), abs=0.035)


def test_pictures_of_different_shape_are_never_alike():
    assert likeness(signature(scene(1)), signature(scene(1).T.copy())).correlation == -1.0


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.0, 0.5, 1.0]))
def test_any_size_has_a_signature(height: int, width: int, level: float):
    content = signature(np.full((height, width), level, np.float32))

    assert np.isfinite(content.sharpness).all()
    assert content.brightness == pytest.approx(level, abs=1e-5)
    assert likeness(content, content).correlation <= 1.0


def test_noise_alone_moves_sharpness_far_less_than_focus():
    subject = scene(6, height=300, width=450)

    def moved(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.sqrt(np.mean((signature(first).sharpness - signature(second).sharpness) ** 2)))

    again = moved(noisy(subject, 1, 0.01), noisy(subject, 2, 0.01))
    refocused = moved(focused(subject, 0.2), focused(subject, 0.5))
    assert again < 0.05
    assert refocused > 5 * again
