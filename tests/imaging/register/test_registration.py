"""Known motions are recovered; what cannot be registered says so."""

import cv2
import numpy as np
import pytest
from skimage import transform

from stackd.errors import MixedStack
from stackd.imaging.ground.matrices import corners, inverse, rescale_matrix, transformed
from stackd.imaging.register import (
    AutoRegistration,
    MotionRegistration,
    NoRegistration,
    register,
)
from stackd.imaging.register.engine.pairwise import is_duplicate
from stackd.imaging.register.engine.prepared_frame import prepare
from stackd.model.registration import Registration, RegistrationModel
from stackd.rendering.scenes import RenderedStack, SceneSettings, Subject, render_stack, tilted_plane, two_planes

SHAPE = (320, 480)


def texture(shape: tuple[int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Smooth random texture at several scales, as gray float32 in [0, 1]."""
    random = np.random.default_rng(seed)
    total = np.zeros(shape, np.float32)
    for sigma in (1.5, 4, 12, 40):
        layer = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(0.5 + 0.09 * total, 0, 1)


def moved(image: np.ndarray, moving_to_reference: np.ndarray) -> np.ndarray:
    """What the camera sees when `image` is the reference and the frame lies so."""
    size = image.shape[1::-1]
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, moving_to_reference, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def similarity(*, x: float = 0, y: float = 0, turn_rad: float = 0, scale: float = 1) -> np.ndarray:
    """Around the centre of the frame."""
    centre = np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.array([[np.cos(turn_rad), -np.sin(turn_rad)], [np.sin(turn_rad), np.cos(turn_rad)]])
    matrix[:2, 2] = centre - matrix[:2, :2] @ centre + (x, y)
    return matrix


def corner_error_px(found: np.ndarray, true: np.ndarray, shape: tuple[int, int] = SHAPE) -> float:
    difference = transformed(found, corners(shape)) - transformed(true, corners(shape))
    return float(np.sqrt((difference**2).sum(axis=1).mean()))


def gray(stack: RenderedStack, position: int) -> np.ndarray:
    return stack.read_gray(position, 1)


@pytest.mark.parametrize(
    "true",
    [
        similarity(x=0.3, y=-0.7),
        similarity(x=14, y=-9, scale=1.005),
        similarity(turn_rad=0.04, scale=0.98, x=5),
        similarity(x=48, y=-20, turn_rad=-0.05),
        similarity(turn_rad=0.12, scale=1.08, x=-20),
    ],
    ids=["subpixel", "breathing", "tripod nudged", "a tenth of the width by hand", "far out"],
)
def test_a_known_similarity_is_recovered(true: np.ndarray):
    scene = texture()

    found = register(scene, moved(scene, true), MotionRegistration())

    assert found
    assert corner_error_px(found.matrix, true) < 0.05


def test_a_known_shift_is_recovered_and_nothing_but_shift():
    scene, true = texture(), similarity(x=-3.4, y=7.7)

    found = register(scene, moved(scene, true), MotionRegistration(model="translation"))

    assert found
    assert corner_error_px(found.matrix, true) < 0.03
    np.testing.assert_array_equal(found.matrix[:2, :2], np.eye(2))


def test_a_turned_frame_is_not_placed_by_a_model_that_knows_only_shifts():
    """The search for rotations answered, and what was called a translation held a turn of 5°."""
    scene = texture()

    found = register(scene, moved(scene, similarity(turn_rad=0.09)), MotionRegistration(model="translation"))

    assert not found


def test_a_known_shear_is_recovered():
    scene, true = texture(), similarity(x=4) @ np.array([[1.004, 0.006, 0], [0.002, 0.997, 0], [0, 0, 1]])

    found = register(scene, moved(scene, true), MotionRegistration(model="affine"))

    assert found
    assert corner_error_px(found.matrix, true) < 0.05


def test_a_known_keystone_is_recovered():
    scene, true = texture(), similarity(x=4) @ np.array([[1, 0, 0], [0, 1, 0], [3e-5, -2e-5, 1]])

    found = register(scene, moved(scene, true), MotionRegistration(model="homography"))

    assert found
    assert corner_error_px(found.matrix, true) < 0.08


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("none", transform.EuclideanTransform),
        ("translation", transform.EuclideanTransform),
        ("similarity", transform.SimilarityTransform),
        ("affine", transform.AffineTransform),
        ("homography", transform.ProjectiveTransform),
    ],
)
def test_a_registration_is_handed_out_as_the_transform_scikit_image_has_for_it(
    model: RegistrationModel, kind: type[transform.ProjectiveTransform]
):
    matrix = similarity(x=3) if model in ("none", "translation") else similarity(x=3, turn_rad=0.02, scale=1.01)

    found = Registration(matrix=matrix, model=model, residual_px=0, overlap=1).transform

    assert type(found) is kind
    np.testing.assert_allclose(found(corners(SHAPE)), transformed(matrix, corners(SHAPE)))


@pytest.mark.parametrize("subject", [tilted_plane, two_planes])
def test_neighbours_of_a_noisy_breathing_stack_are_registered_to_a_twentieth_of_a_pixel(subject: Subject):
    scene = SceneSettings(
        subject=subject,
        height_px=SHAPE[0],
        width_px=SHAPE[1],
        shift_px=8,
        turn_rad=0.02,
        breathing=0.005,
        flicker=0.03,
        full_well_electrons=5_000,
        bits=16,
    )
    stack = render_stack(scene)

    for position in range(1, len(stack)):
        found = register(gray(stack, position - 1), gray(stack, position), MotionRegistration())

        assert found
        assert corner_error_px(found.matrix, inverse(stack.matrices[position - 1]) @ stack.matrices[position]) < 0.05


def test_defocus_alone_is_not_taken_for_motion():
    scene = texture()

    found = register(scene, cv2.GaussianBlur(scene, (0, 0), 2.5), MotionRegistration())

    assert found
    assert corner_error_px(found.matrix, np.eye(3)) < 0.05


def test_brightness_does_not_matter():
    scene, true = texture(), similarity(x=3, y=1)

    found = register(scene, moved(scene, true) * np.float32(0.6), MotionRegistration())

    assert found
    assert corner_error_px(found.matrix, true) < 0.05


def test_faint_sixteen_bit_frames_are_registered_as_well_as_bright_ones():
    """A fluorescence stack used a hundredth of the scale and counted as blank."""
    scene, true = texture(), similarity(x=3, y=1)

    found = register(scene * np.float32(0.01), moved(scene, true) * np.float32(0.01), MotionRegistration())

    assert found
    assert corner_error_px(found.matrix, true) < 0.05


def test_another_subject_is_refused_with_a_reason():
    found = register(texture(seed=1), texture(seed=2), MotionRegistration())

    assert not found
    assert "does not show the same subject" in found.reason


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_a_blank_frame_is_refused_with_a_reason(level: float):
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    blank = np.clip(level + noise, 0, 1).astype(np.float32)

    found = register(texture(), blank, MotionRegistration())

    assert not found
    assert found.reason


def test_a_frame_without_a_single_tone_is_blank():
    found = register(texture(), np.zeros(SHAPE, np.float32), MotionRegistration())

    assert not found
    assert "blank" in found.reason


def test_a_frame_blurred_everywhere_is_refused_with_a_reason():
    noise = np.random.default_rng(7).normal(0, 0.01, SHAPE)
    shaken = (cv2.GaussianBlur(texture(), (0, 0), 8) + noise).astype(np.float32)

    found = register(texture(), shaken, MotionRegistration())

    assert not found
    assert "blurred everywhere" in found.reason


def test_the_same_exposure_twice_is_known_and_another_is_not():
    random = np.random.default_rng(5)
    first, second = (texture() + random.normal(0, 0.02, SHAPE).astype(np.float32) for _ in range(2))

    assert is_duplicate(prepare(first), prepare(first.copy()))
    assert not is_duplicate(prepare(first), prepare(second))
    assert not is_duplicate(prepare(first), prepare(texture((300, 480))))


def test_auto_is_content_with_a_similarity_where_it_explains_the_frames():
    scene, true = texture(), similarity(x=5, y=2, turn_rad=0.02, scale=1.004)

    found = register(scene, moved(scene, true), AutoRegistration())

    assert found.model == "similarity"
    assert corner_error_px(found.matrix, true) < 0.05


def test_auto_takes_shear_where_the_frames_insist_on_it():
    scene, true = texture(), np.array([[1.012, 0.01, -3], [0.004, 0.99, 2], [0, 0, 1]])

    found = register(scene, moved(scene, true), AutoRegistration())

    assert found.model == "affine"
    assert corner_error_px(found.matrix, true) < 0.1


def test_auto_takes_keystone_where_the_frames_insist_on_it():
    scene, true = texture(), np.array([[1.0, 0, -3], [0, 1, 2], [8e-5, -5e-5, 1]])

    found = register(scene, moved(scene, true), AutoRegistration())

    assert found.model == "homography"
    assert corner_error_px(found.matrix, true) < 0.1


def test_no_alignment_touches_nothing():
    found = register(texture(seed=1), texture(seed=2), NoRegistration())

    assert found
    np.testing.assert_array_equal(found.matrix, np.eye(3))


def test_frames_of_different_size_do_not_belong_together():
    with pytest.raises(MixedStack, match="480×320"):
        register(texture(), texture((300, 480)), MotionRegistration())


def test_prepared_frames_give_the_same_result_and_do_so_again():
    scene, true = texture(), similarity(x=3, y=1, turn_rad=0.01)
    reference, moving = prepare(scene), prepare(moved(scene, true))

    once = register(reference, moving, MotionRegistration())
    again = register(scene, moved(scene, true), MotionRegistration())

    np.testing.assert_array_equal(once.matrix, again.matrix)


def test_a_wrong_initial_guess_does_no_harm():
    scene, true = texture(), similarity(x=3, y=1)

    found = register(scene, moved(scene, true), MotionRegistration(), initial=similarity(x=-150, turn_rad=0.5))

    assert found
    assert corner_error_px(found.matrix, true) < 0.05


@pytest.mark.parametrize("reduction", [2, 4])
def test_a_matrix_found_on_reduced_copies_holds_on_the_full_grid(reduction: int):
    true = similarity(x=8.2, y=-3.1, turn_rad=0.01, scale=1.003)
    scene = texture()
    small = (SHAPE[1] // reduction, SHAPE[0] // reduction)
    reduced = [cv2.resize(a, small, interpolation=cv2.INTER_AREA) for a in (scene, moved(scene, true))]

    found = register(*reduced, MotionRegistration())

    assert found
    assert corner_error_px(rescale_matrix(found.matrix, reduction), true) < 0.05 * reduction


def test_the_claimed_uncertainty_is_honest():
    """Over many noisy pairs, errors are of the size that the registrations claim."""
    scene, errors, claims = texture(), [], []
    for seed in range(6):
        random = np.random.default_rng(100 + seed)
        true = similarity(x=random.uniform(-4, 4), y=random.uniform(-4, 4), scale=1.003)
        frames = [np.clip(f + random.normal(0, 0.03, SHAPE), 0, 1).astype(np.float32) for f in (scene, moved(scene, true))]
        found = register(*frames, MotionRegistration())
        errors.append(corner_error_px(found.matrix, true))
        claims.append(found.uncertainty_px)

    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(claims)))
    assert 0.2 < ratio < 3
