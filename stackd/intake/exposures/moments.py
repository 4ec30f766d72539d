"""Were two files taken at one moment by one body? As far as their metadata tells."""

from stackd.intake.shot import WEAK_TIME_SOURCES
from stackd.model.frame import Frame

PAIR_TOLERANCE_S = 2.0
"""A RAW and its JPEG carry the same moment; programs that round or convert shift it by a second at most."""

QUARTER_S = 900.0
"""Time zones differ by whole quarters of an hour."""

WIDEST_ZONE_S = 26 * 3600.0
"""From UTC−12 to UTC+14."""


def has_moment(frame: Frame) -> bool:
    """Tell whether the file says when it was taken; the time of a copy on disk does not count."""
    return frame.meta.captured_at is not None and frame.meta.sources.get("captured_at") not in WEAK_TIME_SOURCES


def same_moment(first: Frame, second: Frame) -> bool:
    """Tell whether two files can be of one moment: nothing speaks against it where one does not say.

    A program that drops the time zone shifts by whole quarters of an hour: that is still the same moment.
    """
    one, two = first.meta.captured_at, second.meta.captured_at
    if one is None or two is None or not has_moment(first) or not has_moment(second):
        return True
    apart_s = abs((one - two).total_seconds())
    return min(apart_s % QUARTER_S, QUARTER_S - apart_s % QUARTER_S) <= PAIR_TOLERANCE_S and apart_s <= WIDEST_ZONE_S


def same_body(first: Frame, second: Frame) -> bool:
    """Tell whether one camera can have taken both; what a file leaves out speaks against nothing."""
    one, two = first.meta, second.meta
    if one.body_serial and two.body_serial:
        return one.body_serial.strip() == two.body_serial.strip()
    if not one.camera_model or not two.camera_model:
        return True
    return one.camera_model.strip().casefold() == two.camera_model.strip().casefold()
