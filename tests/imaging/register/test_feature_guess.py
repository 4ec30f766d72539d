"""Frames too far apart for a search over pixels are placed by features that both show; strangers are not."""

from functools import cache
from itertools import combinations
from math import radians

import numpy as np
import pytest

from stackd.imaging.ground.matrices import inverse, transformed
from stackd.imaging.register import AutoRegistration, MotionRegistration, register
from stackd.imaging.register.engine.coarse_to_fine import pair_levels
from stackd.imaging.register.engine.feature_guess import guess_from_features
from stackd.imaging.register.engine.features import find_features
from stackd.imaging.register.engine.pairwise import FirstGuess
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.model.registration import MotionModel
from stackd.rendering.scenes import Move, SceneSettings, render_stack, tilted_plane

SHAPE = (320, 480)

SHIFTED = Move(shift_px=(-144, 20))
FAR = {
    "turned by 30°": Move(turn_rad=radians(30)),
    "upright after lying": Move(turn_rad=radians(90)),
    "upside down and aside": Move(turn_rad=radians(180), shift_px=(40, 0)),
    "zoomed in twofold": Move(scale=0.5),
    "zoomed out twofold": Move(scale=2.0, shift_px=(30, -20)),
    "zoomed and turned": Move(scale=0.6, turn_rad=radians(-40)),
}


@cache
def neighbours(move: Move, seed: int = 0) -> tuple[PreparedFrame, PreparedFrame, np.ndarray]:
    """Two noisy frames of a stack, one step of focus apart, the second moved; and moving → reference px."""
    scene = SceneSettings(
        subject=tilted_plane,
        height_px=SHAPE[0],
        width_px=SHAPE[1],
        frame_count=4,
        full_well_electrons=5_000,
        bits=16,
        seed=seed,
        moves=((1, move),),
    )
    stack = render_stack(scene)
    return prepare(stack.read_gray(2, 1)), prepare(stack.read_gray(1, 1)), inverse(stack.matrices[2]) @ stack.matrices[1]


def error_px(found: np.ndarray, true: np.ndarray) -> float:
    """RMS over the part of the moving frame that lies in the reference, px of the reference."""
    x, y = np.meshgrid(np.linspace(0, SHAPE[1] - 1, 20), np.linspace(0, SHAPE[0] - 1, 20))
    points = np.column_stack([x.ravel(), y.ravel()])
    there = transformed(true, points)
    common = ((there >= 0) & (there <= (SHAPE[1] - 1, SHAPE[0] - 1))).all(axis=1)
    return float(np.sqrt(((transformed(found, points) - there)[common] ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize("first_guess", ["auto", "features"])
@pytest.mark.parametrize("move", [SHIFTED, *FAR.values()], ids=["a third of the width aside", *FAR])
def test_frames_far_apart_are_placed(move: Move, first_guess: FirstGuess):
    reference, moving, true = neighbours(move)

    found = register(reference, moving, MotionRegistration(first_guess=first_guess))

    assert found
    assert error_px(found.matrix, true) < 0.05
    assert found.uncertainty_px < 0.1


@pytest.mark.parametrize("move", FAR.values(), ids=FAR)
def test_pixels_alone_do_not_place_them(move: Move):
    reference, moving, _ = neighbours(move)

    found = register(reference, moving, MotionRegistration(first_guess="pixels"))

    assert not found


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_richer_models_start_from_features_too(model: MotionModel):
    reference, moving, true = neighbours(FAR["upright after lying"])

    found = register(reference, moving, MotionRegistration(model=model))

    assert found
    assert found.model == model
    assert error_px(found.matrix, true) < 0.1


def test_the_model_that_is_chosen_stays_a_similarity_where_one_explains_the_frames():
    reference, moving, true = neighbours(FAR["zoomed in twofold"])

    found = register(reference, moving, AutoRegistration())

    assert found.model == "similarity"
    assert error_px(found.matrix, true) < 0.05


def test_a_shift_from_features_is_nothing_but_a_shift():
    reference, moving, true = neighbours(SHIFTED)

    found = register(reference, moving, MotionRegistration(model="translation", first_guess="features"))

    assert found
    np.testing.assert_array_equal(found.matrix[:2, :2], np.eye(2))
    assert error_px(found.matrix, true) < 0.05


@pytest.mark.parametrize("move", [Move(), Move(shift_px=(20, -9), turn_rad=0.03), SHIFTED], ids=["still", "nudged", "by hand"])
def test_where_pixels_suffice_features_are_not_even_looked_for(move: Move):
    reference, moving, _ = neighbours(move)
    again = [prepare_again(frame) for frame in (reference, moving)]

    pixels = register(reference, moving, MotionRegistration(first_guess="pixels"))
    auto = register(*again, MotionRegistration(first_guess="auto"))

    np.testing.assert_array_equal(auto.matrix, pixels.matrix)
    assert (auto.residual_px, auto.uncertainty_px, auto.overlap) == (pixels.residual_px, pixels.uncertainty_px, pixels.overlap)
    assert not any("features" in vars(frame) for frame in again)


def test_a_frame_whose_place_its_neighbour_tells_is_not_looked_for_by_features():
    """Links that failed beside one that was found cost a real stack of six frames two seconds, for nothing."""
    strangers = [prepare_again(neighbours(Move(), seed)[0]) for seed in (1, 2)]

    found = register(*strangers, MotionRegistration(first_guess="auto"), initial=np.eye(3))

    assert not found
    assert not any("features" in vars(frame) for frame in strangers)


def prepare_again(frame: PreparedFrame) -> PreparedFrame:
    """The same frame, with nothing known of its features."""
    return PreparedFrame(shape=frame.shape, levels=frame.levels)


@pytest.mark.parametrize("first_guess", ["auto", "features"])
def test_another_subject_is_refused_whatever_features_say(first_guess: FirstGuess):
    moves = (Move(), FAR["turned by 30°"], FAR["zoomed out twofold"])
    strangers = [neighbours(move, seed)[1] for seed, move in enumerate(moves)]

    found = [register(*pair, MotionRegistration(first_guess=first_guess)) for pair in combinations(strangers, 2)]

    assert not any(found)


def test_more_than_three_times_as_large_is_refused_though_it_could_be_found():
    reference, moving, _ = neighbours(Move(scale=0.3))

    found = register(reference, moving, MotionRegistration(first_guess="features"))

    assert not found


def test_a_zoomed_frame_is_not_taken_for_a_blurred_one_from_either_side():
    """A frame magnified twofold has detail twice as coarse beside its neighbour, and is as sharp."""
    reference, moving, true = neighbours(FAR["zoomed in twofold"])

    back = register(moving, reference, MotionRegistration())

    assert back
    assert error_px(inverse(back.matrix), true) < 0.05
    assert back.overlap == 1
    assert register(reference, moving, MotionRegistration()).overlap == pytest.approx(0.25, abs=0.03)


def test_the_same_frames_give_the_same_guess():
    reference, moving, _ = neighbours(FAR["zoomed and turned"])

    guesses = [guess_from_features(prepare_again(reference), prepare_again(moving)) for _ in range(2)]

    assert guesses[0] is not None
    np.testing.assert_array_equal(guesses[0], guesses[1])


def test_where_nothing_stands_out_there_are_no_features():
    found = find_features(np.zeros(SHAPE, np.float32))

    assert found.points.shape == (0, 2)


def test_levels_are_paired_by_how_large_they_show_things():
    reference, moving, _ = neighbours(Move())

    pairs = [(level.reduction, other.reduction) for level, other in pair_levels(reference, moving, -1)]

    assert pairs == [(4, 2), (2, 1)]
