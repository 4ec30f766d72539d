"""Tone curves that a camera changed from frame to frame are found and undone; focus is not taken for tone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stackd.bench.scenes import sheets, sky
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse.average import Average
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Brightness, Gain, measure_brightness
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.match.tone import KNOTS, ToneCurve, apply_curve, match_tones
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import RenderedStack, SceneSettings, Subject, render_stack

SEEN = np.linspace(0.25, 0.75, 11)
"""Display values that both scenes show."""
EXPONENTS = (1.08, 0.93, 1.0, 1.05, 0.95)
"""A drift of gamma of which the middle frame is free."""


@cache
def stack(subject: Subject = sheets, blur_px: float = 2.0) -> RenderedStack:
    return render_stack(SceneSettings(subject=subject, height_px=240, width_px=360, blur_px=blur_px, shift_px=2, bits=16))


def toned(frame: np.ndarray, exponents: tuple[float, float, float]) -> np.ndarray:
    return np.rint((frame / 65535) ** np.array(exponents) * 65535).astype(np.uint16)


def drifting(frames: RenderedStack) -> RenderedStack:
    return replace(frames, frames=tuple(toned(f, (e, e, e)) for f, e in zip(frames.frames, EXPONENTS, strict=True)))


def cells(frames: RenderedStack) -> dict[int, Brightness]:
    return {i: measure_brightness(frame) for i, frame in enumerate(frames.frames)}


def curve_of(found: Gain | ToneCurve) -> ToneCurve:
    assert isinstance(found, ToneCurve)
    return found


@pytest.mark.parametrize("subject", [sheets, sky])
def test_a_drift_of_gamma_is_undone(subject: Subject):
    frames = drifting(stack(subject))

    curves = match_tones(cells(frames), frames.matrices, frames.reference)

    for exponent, curve in zip(EXPONENTS, curves, strict=True):
        if exponent != 1:
            assert np.allclose(apply_curve(SEEN**exponent, curve_of(curve).green), SEEN, atol=0.01)


def test_each_channel_has_its_own_curve():
    frames = stack()
    warm = replace(frames, frames=(toned(frames.frames[0], (0.92, 1.0, 1.08)), *frames.frames[1:]))

    curve = curve_of(match_tones(cells(warm), warm.matrices, warm.reference)[0])

    for exponent, channel in zip((0.92, 1.0, 1.08), curve.channels, strict=True):
        assert np.allclose(apply_curve(SEEN**exponent, channel), SEEN, atol=0.012)


def test_focus_alone_is_hardly_taken_for_tone():
    frames = stack(sheets, 3.0)

    for curve in match_tones(cells(frames), frames.matrices, frames.reference):
        if isinstance(curve, ToneCurve):
            assert np.allclose(curve.channels, KNOTS, atol=0.02)


def test_where_nobody_would_see_a_difference_no_pixel_is_touched():
    frames = stack(sky, 0.0)

    assert all(gain.is_one for gain in match_tones(cells(frames), frames.matrices, frames.reference))


def test_curves_never_fall_and_keep_black_and_white():
    frames = stack()
    rough = replace(frames, frames=(toned(frames.frames[0], (0.7, 0.7, 0.7)), *frames.frames[1:]))

    for curve in match_tones(cells(rough), rough.matrices, rough.reference):
        for channel in getattr(curve, "channels", ()) if isinstance(curve, ToneCurve) else ():
            assert np.all(np.diff(channel) >= 0)
            assert (channel[0], channel[-1]) == (0, 1)


def test_another_exposure_and_black_frames_keep_their_tones():
    frames = stack()
    odd = replace(frames, frames=(toned(frames.frames[0], (3, 3, 3)), frames.frames[1] * 0, *frames.frames[2:]))

    found = match_tones(cells(odd), odd.matrices, odd.reference)

    assert found[0].is_one
    assert found[1].is_one
    assert "kept" in getattr(found[0], "reason", "kept")


def test_frames_left_out_do_not_disturb_the_others():
    frames = drifting(stack())
    matrices = [None, *frames.matrices[1:]]

    found = match_tones(cells(frames), matrices, frames.reference)

    assert found[0].is_one
    assert np.allclose(apply_curve(SEEN ** EXPONENTS[1], curve_of(found[1]).green), SEEN, atol=0.01)


def test_brightness_and_white_balance_can_be_matched_each_alone():
    curve = ToneCurve(
        red=tuple(knot**0.9 for knot in KNOTS), green=tuple(knot**0.8 for knot in KNOTS), blue=tuple(knot**0.7 for knot in KNOTS)
    )

    assert len(set(curve.for_all().channels)) == 1
    assert np.allclose(np.mean(curve.without_brightness().channels, axis=0), KNOTS, atol=1e-6)


def test_frames_and_their_luminance_follow_the_curve():
    frames = stack()
    curve = ToneCurve(red=(line := tuple(knot**0.8 for knot in KNOTS)), green=line, blue=line)
    plain, matched = (FramesOnReference(frames, positions=[2], matrices=[np.eye(3)], gains=[gain]) for gain in (Gain(), curve))

    assert np.allclose(matched.read(0), apply_curve(plain.read(0), line), atol=1e-4)
    assert np.allclose(matched.read_gray_native(0, 2), apply_curve(plain.read_gray_native(0, 2), line), atol=1e-4)


def test_a_stack_from_a_camera_that_maps_tones_anew_is_fused_better_than_by_gains():
    frames = drifting(stack(sky))
    area = slice(16, -16)

    def average(source: RenderedStack, match: MatchSettings) -> np.ndarray:
        stacker = Stacker(
            source, align=MotionRegistration(model="similarity"), match=match, fuse=Average(), finish=FinishSettings(crop=False)
        )
        for position in range(len(source)):
            stacker.add(position)
        return stacker.finish().image[area, area]

    def error(match: MatchSettings) -> float:
        return float(np.sqrt(np.mean((average(frames, match) - average(stack(sky), match)) ** 2)))

    assert error(MatchSettings(method="histogram")) < 0.5 * error(MatchSettings())
