"""The default recipe stays as good as it was: small rendered stacks, fixed, with room below today's numbers.

The bounds lie 0.4 to 1 dB below what was measured when they were set. The seeds are fixed, so noise cannot trip them: only the
engine and the libraries change the numbers, and versions of the libraries change them by less than 0.1 dB.
A change that lowers quality on purpose lowers a bound here, and says so. `stackd bench quality` measures more and larger stacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from stackd.bench.noticing import NOTICING
from stackd.bench.quality.quality import DepthQuality, Quality, judge, judge_depth
from stackd.bench.quality.truth import Truth, registration_error_px, truth_of
from stackd.bench.scenes import shot, suite
from stackd.config.settings import Recipe
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.average import Average
from stackd.imaging.fuse.pyramid import PyramidFusion
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import RenderedStack, render_stack

BLUR_PX = 2.0
FLICKER = 0.05
"""Stronger than in the suite: brightness that is not matched must show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """At least, or where it says so at most."""

    psnr_db: float
    halo_psnr_db: float | None = None
    moving_psnr_db: float | None = None
    noise_ratio_at_most: float | None = None
    sharp_kept: float
    sharp_excess_at_most: float = 0.03
    depth_spearman: float
    depth_error_frames_at_most: float = 0.5
    registration_px_at_most: float


BOUNDS: Mapping[str, Bound] = {
    "plane": Bound(psnr_db=33.0, sharp_kept=0.79, depth_spearman=0.95, registration_px_at_most=0.1),
    "sheets": Bound(psnr_db=32.7, halo_psnr_db=27.5, sharp_kept=0.69, depth_spearman=0.9, registration_px_at_most=0.25),
    "hairs": Bound(psnr_db=26.8, halo_psnr_db=24.1, sharp_kept=0.66, depth_spearman=0.73, registration_px_at_most=0.5),
    "sky": Bound(psnr_db=42.0, noise_ratio_at_most=0.7, sharp_kept=0.8, depth_spearman=0.85, registration_px_at_most=0.9),
    "rail": Bound(psnr_db=26.8, halo_psnr_db=24.1, sharp_kept=0.63, depth_spearman=0.73, registration_px_at_most=0.7),
    "bokeh": Bound(
        psnr_db=28.6,
        halo_psnr_db=24.7,
        sharp_kept=0.78,
        sharp_excess_at_most=0.045,
        depth_spearman=0.77,
        registration_px_at_most=0.6,
    ),
    "blown": Bound(psnr_db=29.7, halo_psnr_db=24.9, sharp_kept=0.775, depth_spearman=0.94, registration_px_at_most=0.1),
    "beyond": Bound(
        psnr_db=32.7,
        halo_psnr_db=28.5,
        sharp_kept=0.74,
        depth_spearman=0.7,
        depth_error_frames_at_most=0.8,
        registration_px_at_most=0.2,
    ),
    "backlit": Bound(
        psnr_db=28.4,
        halo_psnr_db=21.8,
        noise_ratio_at_most=0.65,
        sharp_kept=0.59,
        depth_spearman=0.75,
        depth_error_frames_at_most=2.6,
        registration_px_at_most=3.3,
    ),
    "walker": Bound(
        psnr_db=29.6,
        halo_psnr_db=25.4,
        moving_psnr_db=24.6,
        sharp_kept=0.61,
        depth_spearman=0.65,
        registration_px_at_most=0.25,
    ),
}
"""Measured when set: plane 34.1, sheets 33.1 / 27.9, hairs 27.3 / 24.6, sky 43.2 (noise ratio 0.45), rail 27.4 / 24.7 dB; detail
kept 0.81, 0.70, 0.68, 0.82, 0.65. Bounds on detail lie close, because only they notice when detail no longer places the focus
(hairs 0.64, rail 0.62); sheets fall to 32.5 / 27.2 dB when fine detail beside edges comes from the same frame as all
else. Ranks of depth were 1.00, 0.95, 0.77, 0.91, 0.78: in "sky" painted patches are taken for things before the slope.

Smaller ones notice what those do not. Measured when set, and where they fall with one number of the pipeline changed: bokeh
29.2 / 25.2 dB (26.7 if witnesses against a brighter frame count twice), blown 30.2 / 25.4 dB (28.6 if highlights lose their
say from half their brightness on), beyond 33.2 / 29.1 dB (29.3 if discs of highlights pass for contrast), backlit 28.9 /
22.3 dB (26.1 if agreement is trusted from half of what it must be). "beyond" loses part of a stem nearer than the first
frame, and in "backlit" what is turned is not found (2.9 px at the corners): bounds that better methods will raise. "walker" has
30.3 / 26.0 dB, and 25.4 where papers walk; 21.7 there if nobody notices or what is noticed is not treated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    quality: Quality
    depth: DepthQuality | None
    registration_px: float


@cache
def scene(name: str) -> tuple[RenderedStack, Truth]:
    if name in NOTICING:
        small = shot(NOTICING[name], rail=False, iso=200, jpeg=False, seed=1, size=(200, 300), frames=8)
    else:
        scenes = suite(height_px=300, width_px=450, frame_count=8, seeds=1)
        small = next(wanted.scene for wanted in scenes if wanted.name == f"{name}-1")
    stack = render_stack(replace(small, blur_px=BLUR_PX, flicker=FLICKER))
    return stack, truth_of(stack, blur_px=BLUR_PX)


@cache
def judged(name: str, method: Fusion | None = None) -> Judged:
    """Fuse by the default recipe, or by another method."""
    recipe = Recipe()
    stack, truth = scene(name)
    stacker = Stacker(stack, align=recipe.align, match=recipe.match, fuse=method or recipe.fuse, finish=recipe.finish)
    for position in range(len(stack)):
        stacker.add(position)
    made = stacker.finish()
    cropped = np.array([[1, 0, made.valid_area.left], [0, 1, made.valid_area.top], [0, 0, 1]], float)
    where = truth.matrices[made.reference] @ cropped
    quality = judge(made.image, truth, where)
    assert isinstance(quality, Quality), quality
    return Judged(
        quality=quality,
        depth=None if made.depth is None else judge_depth(made.depth.position, truth, where),
        registration_px=registration_error_px([frame.matrix for frame in made.frames], truth, reference=made.reference),
    )


@pytest.mark.parametrize("name", BOUNDS)
def test_the_default_recipe_is_as_near_the_truth_as_it_was(name: str):
    bound, found = BOUNDS[name], judged(name)

    assert found.quality.psnr_db >= bound.psnr_db
    if bound.halo_psnr_db is not None:
        assert found.quality.halo_psnr_db >= bound.halo_psnr_db
    if bound.moving_psnr_db is not None:
        assert found.quality.moving_psnr_db >= bound.moving_psnr_db
    if bound.noise_ratio_at_most is not None:
        assert found.quality.noise_ratio <= bound.noise_ratio_at_most
    assert found.quality.sharp_kept >= bound.sharp_kept
    assert found.quality.sharp_excess <= bound.sharp_excess_at_most
    assert found.registration_px <= bound.registration_px_at_most


@pytest.mark.parametrize("name", BOUNDS)
def test_its_depth_map_is_as_near_the_truth_as_it_was(name: str):
    depth = judged(name).depth

    assert depth is not None
    assert depth.depth_spearman >= BOUNDS[name].depth_spearman
    assert depth.depth_median_error_frames <= BOUNDS[name].depth_error_frames_at_most


@pytest.mark.parametrize("name", BOUNDS)
def test_the_default_recipe_beats_the_mean_of_all_frames(name: str):
    assert judged(name).quality.psnr_db > judged(name, Average()).quality.psnr_db + 3


def test_the_default_recipe_beats_a_plain_pyramid():
    ours, pyramid = ([judged(name, method).quality.psnr_db for name in BOUNDS] for method in (None, PyramidFusion()))

    assert np.mean(ours) > np.mean(pyramid)
