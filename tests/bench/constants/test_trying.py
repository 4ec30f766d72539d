"""Numbers of the pipeline are tried on small scenes."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import stackd.imaging
from stackd.bench.commands.bench import app
from stackd.bench.commands.constants import constants_object
from stackd.bench.constants.numbers import Constant, constants_of, modules_of
from stackd.bench.constants.trying import Change, Effect, try_constants
from stackd.bench.noticing import noticing
from stackd.bench.scenes import BenchScene
from stackd.bench.wiring import try_every_constant
from stackd.errors import WrongUse
from stackd.imaging.ground.frames import ignore_progress

MODULES = modules_of(stackd.imaging)


def constant(name: str) -> Constant:
    return next(found for module in MODULES for found in constants_of(module) if found.full_name == f"stackd.imaging.{name}")


def small(name: str) -> BenchScene:
    scene = next(scene for scene in noticing() if scene.name == name)
    return replace(scene, scene=replace(scene.scene, height_px=96, width_px=144, frame_count=5))


def test_what_matters_what_does_not_and_what_is_never_read_are_told_apart():
    wanted = (
        "fuse.depth_from_defocus.costs.NEAR_WINDOW_PX",
        "compose.blending.WORKERS",
        "finish.denoise.PATCH_SIDE_PX",
        "ground.colour.GAMMA",
    )

    told = []
    matters, workers, other, fixed = try_constants(
        [constant(name) for name in wanted], [small("sheets")], MODULES, progress=lambda *step: told.append(step)
    )

    assert matters.has_effect
    assert {change.factor for change in matters.changes} == {0.5, 2.0}
    assert workers.changes
    assert workers.greatest.psnr_db == 0
    assert not workers.has_effect
    assert other.changes == fixed.changes == ()
    assert not other.not_scaled
    assert fixed.not_scaled
    assert told[-1] == ("constants", 6, 6)


def test_a_number_that_breaks_the_pipeline_is_reported_and_put_back():
    percentile = constant("ground.luminance.WHITE_PERCENTILE")

    (effect,) = try_constants([percentile], [small("dark")], MODULES, progress=ignore_progress)

    assert [(change.factor, bool(change.failure)) for change in effect.changes] == [(0.5, False), (2.0, True)]
    assert effect.has_effect
    assert vars(next(m for m in MODULES if m.__name__ == percentile.module))[percentile.name] is percentile.value


def test_the_greatest_and_the_mean_change_count_composites_only():
    changes = (
        Change(scene="one", factor=0.5, psnr_db=-0.5),
        Change(scene="one", factor=2.0, psnr_db=0.1),
        Change(scene="two", factor=2.0, psnr_db=float("nan"), failure="ValueError"),
    )
    effect = Effect(constant=constant("compose.blending.WORKERS"), changes=changes, not_scaled=())

    assert effect.greatest == changes[0]
    assert effect.mean_db == pytest.approx(0.3)
    assert effect.best_factor == (2.0, 0.1)
    assert effect.failures == changes[2:]
    (plain,) = constants_object([effect])
    assert [change["psnr_db"] for change in plain["changes"]] == [-0.5, 0.1, None]


def test_the_command_prints_what_it_found_and_lists_what_does_nothing():
    said = CliRunner().invoke(app, ["constants", "--scenes", "dark", "--only", "chain.chain.S"])

    assert said.exit_code == 0, said.output
    assert "chain.chain.STRANGERS_KEPT" in said.output.split("Without effect")[0]
    assert "chain.chain.STRANGERS_KEPT" in said.output.split("Without effect")[1]


@pytest.mark.parametrize(("scenes", "only"), [(["moon"], ""), ([], "no_such_number")])
def test_scenes_and_numbers_that_do_not_exist_are_refused(scenes: list[str], only: str):
    with pytest.raises(WrongUse):
        try_every_constant(scenes, only=only, progress=ignore_progress)


def test_every_scene_has_a_seed_of_its_own_and_another_than_the_suite():
    seeds = [scene.scene.seed for scene in noticing()]

    assert len(set(seeds)) == len(seeds)
    assert not np.isin(seeds, (1, 2, 3)).any()
