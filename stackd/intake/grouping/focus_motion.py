"""Was the lens focused, or the camera moved on a rail? Told where the files tell it, for stages that care."""

from collections.abc import Sequence

from stackd.intake.evidence import camera, focus, sharpness
from stackd.intake.shot import Shot, focus_scale
from stackd.model.stack import FocusMotion

FINE_QUANTUM = 0.07
"""Share of the distance: a lens that reports steps this fine and stays at one while sharpness wanders did not focus."""


def focus_motion(shots: Sequence[Shot]) -> FocusMotion:
    """Say what was moved between the frames of one stack.

    Parameters
    ----------
    shots : sequence of Shot
        In order of capture.
    """
    if camera.is_flagged(shots):
        return FocusMotion.LENS
    from_names = {shot.frame.meta.sources.get("order_hint") == "name" for shot in shots}
    if from_names == {True}:
        # A stage height or a plane's number in the name: a microscope's stage moved, or nobody knows.
        return FocusMotion.UNKNOWN
    moved = focus.run_evidence(shots, focus_scale(shots))
    if moved is not None and moved.points > 0.0:
        return FocusMotion.LENS
    distances_m = {shot.frame.meta.focus_distance_m for shot in shots}
    wandered = sharpness.run_evidence(shots)
    stays = len(distances_m) == 1 and all(_is_fine(shot) for shot in shots)
    return FocusMotion.RAIL if stays and wandered is not None and wandered.points > 0.0 else FocusMotion.UNKNOWN


def _is_fine(shot: Shot) -> bool:
    distance_m, quantum_m = shot.frame.meta.focus_distance_m, shot.frame.meta.focus_quantum_m
    return bool(distance_m and quantum_m and quantum_m <= FINE_QUANTUM * distance_m)
