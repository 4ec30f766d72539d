"""Camera settings: a stack is shot with one lens, one zoom, one aperture, one way up, and about one exposure."""

from collections.abc import Sequence
from math import log2

from stackd.intake.evidence.content import SAME_FROM, look_alike
from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import Shot, exposure_difference_ev

ZOOM_TOLERANCE = 0.01
"""Share of the focal length: rounding in the file stays below it."""

APERTURE_TOLERANCE_EV = 0.2
"""Macro lenses report the effective aperture, which creeps while they focus; a third of a stop is a decision."""

EXPOSURE_TOLERANCE_EV = 0.7
"""Automatic exposure drifts through real stacks (five shutter times in ten frames); brackets step by more."""


def framing_verdict(first: Shot, second: Shot) -> Verdict | None:
    """Cut where size, orientation, lens, zoom or aperture changed."""
    one, two = first.frame.meta, second.frame.meta
    if one.orientation != two.orientation and _is_the_same_way_up(first, second):
        pass
    elif first.upright_px is not None and second.upright_px is not None and first.upright_px != second.upright_px:
        if first.upright_px == second.upright_px[::-1]:
            return Verdict(link=Link.CUT, because="the camera was turned between portrait and landscape")
        return Verdict(
            link=Link.CUT,
            because=f"the picture size changed from {_size(first.upright_px)} to {_size(second.upright_px)}",
        )
    elif one.orientation != two.orientation:
        return Verdict(link=Link.CUT, because="the camera was turned")
    if one.lens and two.lens and one.lens != two.lens:
        return Verdict(link=Link.CUT, because=f"the lens changed from {one.lens} to {two.lens}")
    if one.focal_length_mm and two.focal_length_mm:
        change = abs(two.focal_length_mm - one.focal_length_mm) / one.focal_length_mm
        if change > ZOOM_TOLERANCE:
            return Verdict(
                link=Link.CUT, because=f"the zoom changed from {one.focal_length_mm:g} mm to {two.focal_length_mm:g} mm"
            )
    if one.f_number and two.f_number and abs(2.0 * log2(two.f_number / one.f_number)) > APERTURE_TOLERANCE_EV:
        return Verdict(link=Link.CUT, because=f"the aperture changed from f/{one.f_number:g} to f/{two.f_number:g}")
    return None


def _is_the_same_way_up(first: Shot, second: Shot) -> bool:
    """Whether two frames whose files say otherwise show the same the same way up.

    A camera that points straight down cannot tell which way up it is, and says now this, now that. And of frames turned by a
    program without loss some are stored turned, others only say so.
    """
    stored = [(shot.frame.meta.width_px, shot.frame.meta.height_px) for shot in (first, second)]
    fits = stored[0] == stored[1] or first.upright_px == second.upright_px
    alike = look_alike(first, second)
    return fits and alike is not None and alike.correlation >= SAME_FROM


def exposure_verdict(first: Shot, second: Shot) -> Verdict | None:
    """Cut where the exposure changed by more than automatic exposure drifts."""
    difference_ev = exposure_difference_ev(first, second)
    if difference_ev is None or abs(difference_ev) <= EXPOSURE_TOLERANCE_EV:
        return None
    return Verdict(link=Link.CUT, because=f"the exposure changed by {difference_ev:+.1f} stops")


def run_evidence(shots: Sequence[Shot]) -> Evidence | None:
    """Say whether a run was exposed alike."""
    differences = [exposure_difference_ev(shots[0], shot) for shot in shots[1:]]
    known = [0.0, *(difference for difference in differences if difference is not None)]
    if len(known) < len(shots):
        return None
    if max(known) - min(known) <= EXPOSURE_TOLERANCE_EV:
        return Evidence(points=1.0, sentence="all frames are exposed alike")
    return Evidence(points=0.0, sentence=f"the exposure varies by {max(known) - min(known):.1f} stops")


def _size(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]}×{size_px[1]} px"
