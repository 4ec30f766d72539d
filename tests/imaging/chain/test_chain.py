"""Links between neighbours become one matrix a frame; wrong links and odd frames do not bend the chain."""

from functools import cache

import numpy as np
import pytest

from stackd.imaging.chain.chain import Chain, Link, extended, solved
from stackd.imaging.ground.matrices import corners, inverse, transformed
from stackd.imaging.register import MotionRegistration, register
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.model.registration import FailedRegistration, MotionModel, Registration
from stackd.rendering.scenes import SceneSettings, render_stack, tilted_plane

SHAPE = (200, 300)


def step(random: np.random.Generator, spread: float = 1.0) -> np.ndarray:
    matrix = np.eye(3)
    turn, scale = random.normal(0, 0.01 * spread), 1 + random.normal(0, 0.005 * spread)
    matrix[:2, :2] = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[:2, 2] = random.normal(0, 4 * spread, 2)
    return matrix


def link(
    reference: int, moving: int, matrix: np.ndarray, model: MotionModel = "similarity", uncertainty_px: float = 0.05
) -> Link:
    found = Registration(matrix=matrix, model=model, residual_px=0.05, overlap=1.0, uncertainty_px=uncertainty_px)
    return Link(reference=reference, moving=moving, registration=found)


def chain_of(truths: list[np.ndarray], noise: np.random.Generator | None = None, *, skip: bool = True) -> Chain:
    links = []
    for moving in range(1, len(truths)):
        for reference in range(max(0, moving - (2 if skip else 1)), moving):
            error = step(noise, 0.01) if noise else np.eye(3)
            matrix = inverse(truths[reference]) @ truths[moving] @ error
            links.append(link(reference, moving, matrix, uncertainty_px=0.05 if noise else 0))
    return Chain(frames=len(truths), links=tuple(links))


def error_px(found: np.ndarray | None, true: np.ndarray) -> float:
    assert found is not None
    return float(np.abs(transformed(found, corners(SHAPE)) - transformed(true, corners(SHAPE))).max())


def truths_of(frames: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    matrices = [np.eye(3)]
    for _ in range(frames - 1):
        matrices.append(matrices[-1] @ step(random))
    return matrices


@pytest.mark.parametrize("reference", [0, 4, 8])
def test_exact_links_give_exact_matrices_for_any_reference(reference: int):
    truths = truths_of(9)

    result = solved(chain_of(truths), SHAPE, reference=reference)

    for found, true in zip(result.matrices, truths, strict=True):
        assert error_px(found, inverse(truths[reference]) @ true) < 0.005


def test_the_middle_frame_is_the_reference_unless_asked_otherwise():
    result = solved(chain_of(truths_of(7)), SHAPE)

    assert result.reference == 3
    np.testing.assert_array_equal(result.matrices[3], np.eye(3))


def test_exact_homographies_stay_exact():
    truths = [matrix @ np.array([[1, 0, 0], [0, 1, 0], [1e-5 * i, -2e-5 * i, 1]]) for i, matrix in enumerate(truths_of(6))]
    links = [link(i - 1, i, inverse(truths[i - 1]) @ truths[i], "homography") for i in range(1, 6)]

    result = solved(Chain(frames=6, links=tuple(links)), SHAPE, reference=2)

    for found, true in zip(result.matrices, truths, strict=True):
        assert error_px(found, inverse(truths[2]) @ true) < 1e-6


def test_one_wrong_link_does_not_bend_the_chain():
    truths = truths_of(9)
    honest = chain_of(truths)
    wrong = link(3, 5, inverse(truths[3]) @ truths[5] @ np.array([[1, 0, 15.0], [0, 1, -9], [0, 0, 1]]))
    links = tuple(wrong if (one.reference, one.moving) == (3, 5) else one for one in honest.links)

    result = solved(Chain(frames=9, links=links), SHAPE)

    for found, true in zip(result.matrices, truths, strict=True):
        assert error_px(found, inverse(truths[4]) @ true) < 0.05


def test_skip_links_slow_the_drift_of_a_long_stack():
    truths = truths_of(60)

    def drift(skip: bool) -> float:  # noqa: FBT001
        runs = [solved(chain_of(truths, np.random.default_rng(seed), skip=skip), SHAPE, reference=0) for seed in range(8)]
        return float(np.sqrt(np.mean([error_px(run.matrices[-1], truths[-1]) ** 2 for run in runs])))

    assert drift(skip=True) < 0.9 * drift(skip=False)


def test_a_frame_no_link_reaches_is_left_out_and_named():
    truths = truths_of(6)
    links = tuple(one for one in chain_of(truths).links if 2 not in (one.reference, one.moving))

    result = solved(Chain(frames=6, links=links, failures={2: "It is blank."}), SHAPE)

    assert result.matrices[2] is None
    assert dict(result.left_out) == {2: "It is blank."}
    assert error_px(result.matrices[5], inverse(truths[result.reference]) @ truths[5]) < 0.005


@cache
def stack_with(odd: int | None) -> tuple[list[np.ndarray], tuple[np.ndarray, ...]]:
    scene = SceneSettings(subject=tilted_plane, frame_count=6, shift_px=3, breathing=0.004, seed=3)
    stack = render_stack(scene)
    frames = [stack.read_gray(position, 1) for position in range(len(stack))]
    if odd is not None:
        alien = render_stack(SceneSettings(subject=tilted_plane, frame_count=1, seed=9))
        frames[odd] = np.ascontiguousarray(alien.read_gray(0, 1)[::-1, ::-1])
    return frames, stack.matrices


def linked(frames: list[np.ndarray]) -> Chain:
    chain = Chain()
    for frame in frames:
        chain = extended(chain, prepare(frame), similarity)
    return chain


def similarity(reference: PreparedFrame, moving: PreparedFrame, initial: np.ndarray | None) -> Registration | FailedRegistration:
    return register(reference, moving, MotionRegistration(), initial=initial)


@pytest.mark.parametrize("odd", [0, 2, 5])
def test_a_foreign_frame_anywhere_is_left_out_and_bridged(odd: int):
    frames, truths = stack_with(odd)

    result = solved(linked(frames), frames[0].shape)

    assert set(result.left_out) == {odd}
    assert result.left_out[odd]
    for position, found in enumerate(result.matrices):
        if position != odd:
            assert error_px(found, inverse(truths[result.reference]) @ truths[position]) < 0.3


@pytest.mark.parametrize("again", [0, 2, 5])
def test_an_exposure_that_comes_twice_is_used_once_and_named(again: int):
    frames, _ = stack_with(None)

    result = solved(linked([*frames[: again + 1], frames[again].copy(), *frames[again + 1 :]]), frames[0].shape)

    assert [i for i, matrix in enumerate(result.matrices) if matrix is None] == [again + 1]
    assert "same exposure" in result.left_out[again + 1]


def test_one_exposure_over_and_over_is_one_frame():
    frames, _ = stack_with(None)

    result = solved(linked([frames[0]] * 3), frames[0].shape)

    assert [matrix is not None for matrix in result.matrices] == [True, False, False]


def test_what_the_chain_keeps_does_not_grow_with_the_stack():
    frames, _ = stack_with(None)

    short, long = linked(frames[:3]), linked(frames)

    assert len(long.recent) == len(short.recent) == 2


def test_linking_leaves_the_chain_it_was_given_unchanged():
    frames, _ = stack_with(None)
    before = linked(frames[:2])

    extended(before, prepare(frames[2]), similarity)

    assert before.frames == 2
    assert len(before.links) == 1


def test_a_stack_that_did_not_move_is_left_exactly_as_it_is():
    stack = render_stack(SceneSettings(subject=tilted_plane, frame_count=6, full_well_electrons=5_000, flicker=0.03))

    result = solved(linked([stack.read_gray(position, 1) for position in range(6)]), stack.shape)

    for matrix in result.matrices:
        np.testing.assert_array_equal(matrix, np.eye(3))


def test_a_slow_drift_is_not_mistaken_for_standing_still():
    truths = [np.array([[1, 0, 0.02 * i], [0, 1, 0], [0, 0, 1.0]]) for i in range(100)]

    result = solved(chain_of(truths), SHAPE, reference=0)

    assert error_px(result.matrices[-1], truths[-1]) < 1e-6


def test_a_single_frame_is_its_own_reference():
    frames, _ = stack_with(None)

    result = solved(linked(frames[:1]), frames[0].shape)

    assert result.reference == 0
    np.testing.assert_array_equal(result.matrices[0], np.eye(3))
    assert not result.left_out


@pytest.mark.parametrize("blank", [0, 2, 5])
def test_a_blank_frame_anywhere_is_said_to_be_blank(blank: int):
    """The first frame meets none before it that could refuse it: that it is blank was lost, it "fits none around it"."""
    frames = list(stack_with(None)[0])
    frames[blank] = np.full_like(frames[blank], 0.5)

    result = solved(linked(frames), frames[0].shape)

    assert dict(result.left_out) == {blank: "It is blank: no detail stands out of the noise."}
