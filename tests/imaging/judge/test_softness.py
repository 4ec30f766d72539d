"""What is soft, shaken or white, on cells and planes drawn by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.judge.cells import Cells
from stackd.imaging.judge.ends import inner_frame, kept_of_itself, missing_beyond
from stackd.imaging.judge.focus import Coverage
from stackd.imaging.judge.light import clipped_of_subject
from stackd.imaging.judge.shaken import dips
from stackd.imaging.judge.softening import SOFT_BELOW, Sight, Softening
from stackd.model.composite import Rectangle
from stackd.rendering.scenes import Canvas, speckle

Plane = NDArray[np.float32]

AREA = Rectangle(left=0, top=0, right=192, bottom=128)
EVEN = Softening(kept=(0.95, 0.85, 0.75, 0.55, 0.35, 0.2, 0.1, 0.05, 0.02))


def _texture() -> Plane:
    """Draw fine texture, with nothing sharp in the left third: grain is read from there."""
    canvas = Canvas(height_px=192, width_px=288, margin_px=0, seed=3)
    light = speckle(canvas, 1, dark=(0.05, 0.05, 0.05), bright=(0.7, 0.7, 0.7))[..., 0]
    light[:, :96] = 0.3
    return to_display(light)


def _defocused(gray: Plane, radius_px: float) -> Plane:
    return to_display(blurred(to_light(gray), radius_px))


def test_what_is_soft_already_loses_little_by_more_blur() -> None:
    sharp = _texture()
    softening = Softening.of(sharp)
    radius_px = softening.radius_for(SOFT_BELOW)

    before, after = (kept_of_itself(gray, radius_px)[:, 7:] for gray in (sharp, _defocused(sharp, 1.5 * radius_px)))

    assert np.median(before) < softening.kept_again(radius_px) < np.median(after)


@pytest.mark.parametrize(("beyond", "told"), [(0.0, False), (2.5, True), (12.0, False)])
def test_what_lies_behind_the_last_frame_is_missing_unless_it_is_background(beyond: float, told: bool) -> None:  # noqa: FBT001
    """Blur grows by 1 px a step; the frame compared is focused three steps farther inside."""
    sharp = _texture()
    end, other = (_defocused(sharp, beyond + steps) for steps in (0, 3))

    found = missing_beyond(end, other, apart=3, sight=Sight(softening=Softening.of(sharp), blur_px=1.0))[:, 7:]

    assert found.mean() > 0.7 if told else found.mean() < 0.1


def test_coarse_texture_in_focus_is_not_missing() -> None:
    """It loses little by more blur, as if it were soft; but a frame farther inside is blurred as what is in focus is."""
    fine = _texture()
    coarse = _defocused(fine, 4.0)
    other = _defocused(coarse, 3.0)

    found = missing_beyond(coarse, other, apart=3, sight=Sight(softening=Softening.of(fine), blur_px=1.0))[:, 7:]

    assert found.mean() < 0.1


def test_what_is_sharp_is_not_missing_where_a_step_is_longer_than_thought() -> None:
    """The frame compared is blurred by 5 px, where steps have it 3: as if the place lay nearly three steps behind the end."""
    sharp = _texture()

    found = missing_beyond(sharp, _defocused(sharp, 5.0), apart=3, sight=Sight(softening=Softening.of(sharp), blur_px=1.0))

    assert found[:, 7:].mean() < 0.1


def test_an_end_is_compared_with_a_frame_by_blur_and_not_by_number() -> None:
    steps = tuple(float(place) for place in range(14))
    assert inner_frame(steps, blur_px=1.0, from_last=True) == 10
    assert inner_frame(steps, blur_px=3.0, from_last=False) == 1
    assert inner_frame((0.0, 0.2), blur_px=1.0, from_last=False) is None


def _in_focus_at(depth: float, steps: tuple[float, ...]) -> Cells:
    """Cells all in focus at one depth, whose detail falls off as blur of 1 px a step has it; sixteen of them without texture."""
    energy = np.stack([np.full((8, 12), 1e-3 * EVEN.at(abs(depth - step)) ** 2 + 1e-6, np.float32) for step in steps])
    energy[:, :, :2] = 1e-6
    return Cells(energy=energy, slopes=np.zeros((*energy.shape, 3), np.float32), floor=1e-6, side_px=16)


@pytest.mark.parametrize(("depth", "share"), [(3.0, 0.0), (3.8, 0.0), (5.5, 1.0)])
def test_a_gap_counts_by_what_is_far_from_both_its_frames(depth: float, share: float) -> None:
    steps = (0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 10.0)
    sight = Sight(softening=EVEN, blur_px=1.0)
    coverage = Coverage(cells=_in_focus_at(depth, steps), steps=steps, sight=sight, positions=tuple(range(len(steps))), area=AREA)

    assert coverage.gap_share(sight.soft_from) == pytest.approx(share)
    assert [one.positions for one in coverage.noticed()] == ([(3, 4)] if share else [])


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.2])
def test_a_smear_is_noticed_along_whichever_way_it_goes(angle: float) -> None:
    """The frame keeps all slopes across the smear and a hundredth of those along it: of all together, half."""
    cells = _in_focus_at(3.0, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    along, across = np.ones((7, 1, 1)), np.ones((7, 1, 1))
    along[3] = 0.01
    cosine, sine = np.cos(angle), np.sin(angle)
    slopes = np.stack(
        [
            cells.energy * (cosine**2 * along + sine**2 * across),
            cells.energy * (sine**2 * along + cosine**2 * across),
            cells.energy * cosine * sine * (along - across),
        ],
        axis=3,
    ).astype(np.float32)
    smeared = Cells(energy=cells.energy, slopes=slopes, floor=cells.floor, side_px=16)

    found = dips(smeared)

    assert found[3] > 0.9
    assert max(found[:3] + found[4:]) == 0


def test_white_counts_where_the_subject_is() -> None:
    composite = np.full((128, 192, 3), 0.5, np.float32)
    composite[:, :96] = 1.0
    textured = np.zeros((8, 12), np.bool_)
    textured[:, 6:] = True
    assert clipped_of_subject(composite, textured, side_px=16, area=AREA) == 0
    textured[:, 4:6] = True
    assert clipped_of_subject(composite, textured, side_px=16, area=AREA) == pytest.approx(0.25)
    assert clipped_of_subject(composite, np.zeros((8, 12), np.bool_), side_px=16, area=AREA) == 0
