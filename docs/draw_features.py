"""Draw what features make possible: two frames from a hand that turned, and one laid over the other. Run by `nox -s picture`."""

from pathlib import Path

import cv2
import numpy as np

from stackd.imaging.ground.luminance import as_gray, luma
from stackd.imaging.ground.matrices import Vectors, corners, transformed
from stackd.imaging.lay_over.warp import covered, warp
from stackd.imaging.register import MotionRegistration, register
from stackd.imaging.register.engine.feature_guess import guess_from_features
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.model.pixels import Image, Matrix
from stackd.rendering.flower import flower
from stackd.rendering.scenes import Move, SceneSettings, render_stack

PICTURE = Path(__file__).parent / "images" / "features.jpg"

SCENE = SceneSettings(
    subject=flower,
    height_px=400,
    width_px=600,
    frame_count=10,
    blur_px=1.5,
    full_well_electrons=10_000,
    moves=((5, Move(shift_px=(60, 25), turn_rad=1.9, scale=0.7)),),
    seed=2,
)
"""Ten frames; the sixth is taken from aside, turned by 109° and closer up."""

REFERENCE, MOVING = 4, 5

SAME_PLACE_PX = 4.0
"""A feature that the guess lays so near to one of the other frame is that one."""

LINES_DRAWN = 30
"""More lines than this hide the frames."""

GAP_PX = 8

LINE_BGR, OUTLINE_BGR, PAPER_BGR = (90, 220, 255), (255, 255, 255), (40, 40, 40)

DIMMED = 0.45
"""Share of its light that the reference keeps where nothing lies over it."""

JPEG_QUALITY = 82


def main() -> None:
    """Render both frames, register them and write the picture."""
    stack = render_stack(SCENE)
    images = [np.asarray(stack.read(i)[..., ::-1], np.float32) / 255 for i in (REFERENCE, MOVING)]
    reference, moving = (prepare(as_gray(luma(stack.read(i)))) for i in (REFERENCE, MOVING))
    sampling = guess_from_features(reference, moving)
    found = register(reference, moving, MotionRegistration())
    if sampling is None or not found:
        raise SystemExit("The frames of the picture were not found: draw other ones.")
    gap = np.full((stack.shape[0], GAP_PX, 3), PAPER_BGR, np.float32) / 255
    drawn = np.hstack([images[0], gap, images[1], gap, _laid_over(*images, found.matrix)])
    aside = np.array([stack.shape[1] + GAP_PX, 0])
    for here, there in _same_features(reference, moving, sampling):
        cv2.line(drawn, *(tuple(int(v) for v in np.rint(p)) for p in (here, there + aside)), _light(LINE_BGR), 1, cv2.LINE_AA)
        for point in (here, there + aside):
            cv2.circle(drawn, tuple(int(v) for v in np.rint(point)), 4, _light(LINE_BGR), 1, cv2.LINE_AA)
    small = cv2.resize(drawn, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(PICTURE), np.rint(small * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _same_features(reference: PreparedFrame, moving: PreparedFrame, sampling: Matrix) -> list[tuple[Vectors, Vectors]]:
    """Some features (x, y) of the reference and the one of the moving frame that the guess lays each of them on."""
    here, there = reference.features.points, moving.features.points
    distances = np.linalg.norm(transformed(sampling, here)[:, None] - there[None], axis=2)
    same = np.flatnonzero(distances.min(axis=1) < SAME_PLACE_PX)
    return [(here[i], there[distances[i].argmin()]) for i in same[:: max(1, len(same) // LINES_DRAWN)]]


def _laid_over(reference: Image, moving: Image, matrix: Matrix) -> Image:
    shape = (reference.shape[0], reference.shape[1])
    over = np.where(covered(matrix, shape, shape)[..., None], warp(moving, matrix, shape), DIMMED * reference)
    outline = np.rint(transformed(matrix, corners(shape))).astype(np.int32)
    return np.asarray(cv2.polylines(over, [outline], True, _light(OUTLINE_BGR), 2, cv2.LINE_AA), np.float32)


def _light(colour: tuple[int, int, int]) -> tuple[float, ...]:
    return tuple(part / 255 for part in colour)


if __name__ == "__main__":
    main()
