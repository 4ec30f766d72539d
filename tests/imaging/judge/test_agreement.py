"""Frames contradict one another where something moved, and nowhere else."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.bench.scenes import SUBJECTS
from stackd.imaging.ground.luminance import reduce_to_gray
from stackd.imaging.judge.agreement import Agreement, Contradictions
from stackd.model.pixels import Gray
from stackd.rendering.scenes import SceneSettings, render_stack

BLUR_PX = 1.5
FRAMES = 9
GRAIN = 0.002


def _grays(subject: str, seed: int = 3) -> list[Gray]:
    """A stack from a tripod: every frame lies where the others do."""
    scene = SceneSettings(
        subject=SUBJECTS[subject],
        height_px=200,
        width_px=300,
        frame_count=FRAMES,
        blur_px=BLUR_PX,
        full_well_electrons=20_000,
        seed=seed,
    )
    return [reduce_to_gray(frame, 1) for frame in render_stack(scene).frames]


def _looked_at(grays: list[Gray], positions: list[float] | None = None) -> Contradictions:
    agreement = Agreement(grays[0].shape, grain=GRAIN, blur_px=BLUR_PX, positions=positions or list(range(len(grays))))
    for gray in grays:
        agreement.add(gray, np.ones(gray.shape, bool))
    return agreement.settle()


def _with_a_walker(grays: list[Gray], step_px: float) -> tuple[list[Gray], NDArray[np.bool_]]:
    """A disc in a patterned coat that goes to the right; the mask is where it was in any frame."""
    coat = np.asarray(1 - grays[len(grays) // 2][::-1], np.float32)
    been = np.zeros(grays[0].shape, np.uint8)
    changed = []
    for number, gray in enumerate(grays):
        body = np.zeros(gray.shape, np.float32)
        cv2.circle(body, (int(80 + step_px * number), 100), 25, 1.0, -1, cv2.LINE_AA)
        been |= (body > 0).astype(np.uint8)
        worn = np.roll(coat, int(step_px * number), axis=1)
        changed.append(np.asarray(gray * (1 - body) + worn * body, np.float32))
    return changed, been.astype(bool)


@pytest.mark.parametrize("subject", ["plane", "sheets", "hairs", "sky"])
def test_a_still_scene_contradicts_itself_nowhere_to_speak_of(subject: str) -> None:
    """Neither edges before far walls, nor hairs, nor discs of glints count as motion."""
    assert _looked_at(_grays(subject)).places.mean() < 0.005


@pytest.mark.parametrize(("step_px", "share"), [(4.0, 0.08), (15.0, 0.5)])
def test_what_walks_by_is_found_where_it_was(step_px: float, share: float) -> None:
    """Slow things by their front and back, fast ones all along their way; and nothing else."""
    grays, been = _with_a_walker(_grays("plane"), step_px)
    seen = _looked_at(grays).places
    around = cv2.dilate(been.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool)
    assert seen[been].mean() > share
    assert seen[~around].mean() < 0.001


def test_a_gap_in_focus_is_no_motion() -> None:
    """Whether it is known how wide it is or not."""
    grays = _grays("sheets")
    without = [gray for number, gray in enumerate(grays) if number not in (3, 4, 5)]
    kept = [float(number) for number in range(len(grays)) if number not in (3, 4, 5)]
    assumed = _looked_at(without).places.mean()
    known = _looked_at(without, kept).places.mean()
    assert known < 0.005
    assert assumed < 0.005


def test_what_a_frame_does_not_show_contradicts_nothing() -> None:
    grays, _ = _with_a_walker(_grays("plane"), 15.0)
    agreement = Agreement(grays[0].shape, grain=GRAIN, blur_px=BLUR_PX, positions=list(range(len(grays))))
    for gray in grays:
        agreement.add(gray, np.zeros(gray.shape, bool))
    assert not agreement.settle().places.any()
