"""A frame with what grouping derives from its metadata and name: its moment, number, place of focus and exposure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log2

from stackd.intake.arrival.admit import name_of
from stackd.intake.names import NaturalKey, name_parts, natural_key
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame

WEAK_TIME_SOURCES = frozenset({"mtime"})
"""A file time says when a copy was written: it can order frames at best, and never tells a pause between exposures."""

FARTHEST_M = 1e4
"""Distances beyond this are infinity to any lens, and some cameras write 655.35 m or 1.7e6 m for it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """A frame as grouping sees it."""

    frame: Frame
    content: ContentSignature | None
    time_s: float | None
    """Moment of capture, seconds; only differences mean anything. None when unknown or not to be trusted."""
    resolution_s: float
    number: int | None
    """The counter in its name."""
    series: str
    """The name without its counter: numbers are comparable within one series."""
    stacks_named: int
    """How many stacks the names around it count; with more than one, its series is its stack."""
    upright_px: tuple[int, int] | None
    """Width and height as the picture is looked at."""

    @property
    def path(self) -> str:
        """Path of the frame."""
        return self.frame.path

    @property
    def name(self) -> str:
        """Last part of the path, as sentences name it; with its plane for a multi-page file."""
        return name_of(self.path) if self.frame.page is None else f"plane {self.frame.page + 1} of {name_of(self.path)}"

    @property
    def exposure_s(self) -> float:
        """How long the shutter was open; 0 when unknown."""
        return self.frame.meta.exposure_time_s or 0.0

    @property
    def sort_key(self) -> tuple[NaturalKey, int]:
        """Natural order of names; different shots never compare equal."""
        return natural_key(self.path), -1 if self.frame.page is None else self.frame.page


def take_shot(
    frame: Frame,
    content: ContentSignature | None,
    *,
    series: str | None = None,
    number: int | None = None,
    stacks_named: int = 1,
) -> Shot:
    """Derive a `Shot`; `series` and `number` come from `numbering` where neighbours tell which number counts."""
    meta = frame.meta
    trusted = meta.captured_at is not None and meta.sources.get("captured_at") not in WEAK_TIME_SOURCES
    parts = name_parts(frame.path)
    if series is None:
        series, number = parts.skeleton, parts.numbers[-1] if parts.numbers else None
    size = None
    if meta.width_px and meta.height_px:
        turned = meta.orientation >= 5  # noqa: PLR2004  EXIF 5–8 turn by a quarter
        size = (meta.height_px, meta.width_px) if turned else (meta.width_px, meta.height_px)
    return Shot(
        frame=frame,
        content=content,
        time_s=meta.captured_at.timestamp() if trusted and meta.captured_at is not None else None,
        resolution_s=meta.time_resolution_s,
        number=number,
        series=series,
        stacks_named=stacks_named,
        upright_px=size,
    )


def exposure_difference_ev(first: Shot, second: Shot) -> float | None:
    """Tell by how many stops the second frame is exposed more (shutter, aperture, ISO); None when a shutter time is unknown."""
    one, two = first.frame.meta, second.frame.meta
    if not one.exposure_time_s or not two.exposure_time_s:
        return None
    stops = log2(two.exposure_time_s / one.exposure_time_s)
    if one.iso and two.iso:
        stops += log2(two.iso / one.iso)
    if one.f_number and two.f_number:
        stops -= 2.0 * log2(two.f_number / one.f_number)
    return stops


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusScale:
    """Where every shot of a sequence is focused, on one scale that grows with distance where its direction is known."""

    positions: Mapping[str, float]
    """Path → place of focus; shots without a value are missing."""
    quantum: float
    """Smallest step the scale can express; 0 when unknown."""
    is_distance: bool
    """True for distances (as −1/m, so that steps of a focus ring are about even), False for counted steps."""

    def at(self, shot: Shot) -> float | None:
        """Place of focus of a shot."""
        return self.positions.get(_position_key(shot))


def focus_scale(shots: Sequence[Shot]) -> FocusScale:
    """Choose the sharper scale that the shots share: counted focus steps before distances."""
    steps = {_position_key(s): float(s.frame.meta.order_hint) for s in shots if s.frame.meta.order_hint is not None}
    distances = {
        _position_key(s): _vergence(s.frame.meta.focus_distance_m) for s in shots if s.frame.meta.focus_distance_m is not None
    }
    if len(steps) >= max(len(distances), 1) or len(set(steps.values())) > len(set(distances.values())):
        return FocusScale(positions=steps, quantum=0.0, is_distance=False)
    quanta = [
        s.frame.meta.focus_quantum_m / s.frame.meta.focus_distance_m**2
        for s in shots
        if s.frame.meta.focus_quantum_m and s.frame.meta.focus_distance_m and isfinite(s.frame.meta.focus_distance_m)
    ]
    return FocusScale(positions=distances, quantum=max(quanta, default=0.0), is_distance=True)


def describe_focus(shot: Shot) -> str:
    """Say where a shot is focused: a distance where known, else the camera's step."""
    distance_m = shot.frame.meta.focus_distance_m
    if distance_m is not None:
        return in_metres(distance_m)
    hint = shot.frame.meta.order_hint
    return "an unknown distance" if hint is None else f"step {hint:g}"


def describe_focus_span(first: Shot, last: Shot) -> str:
    """Say from where to where the focus went, precisely enough that the ends differ where the camera tells them apart."""
    first_m, last_m = first.frame.meta.focus_distance_m, last.frame.meta.focus_distance_m
    if first_m is None or last_m is None:
        return f"from {describe_focus(first)} to {describe_focus(last)}"
    begin, end = span_in_metres(first_m, last_m)
    return f"from {begin} to {end}"


def span_in_metres(first_m: float, last_m: float) -> tuple[str, str]:
    """Write two distances with as many digits as it takes to tell them apart."""
    for decimals in range(2, MOST_DECIMALS + 1):
        ends = in_metres(first_m, decimals=decimals), in_metres(last_m, decimals=decimals)
        if first_m == last_m or ends[0] != ends[1]:
            break
    return ends


MOST_DECIMALS = 5
"""Hundredths of a millimetre: finer than any lens reports."""


def in_metres(distance_m: float, *, decimals: int = 2) -> str:
    """Write a distance as a photographer would."""
    if distance_m > FARTHEST_M:
        return "infinity"
    if distance_m < 0.01:  # noqa: PLR2004  below a centimetre metres are hard to read
        return f"{distance_m * 1000.0:.2g} mm"
    return f"{distance_m:.{decimals}f} m" if distance_m < 10.0 else f"{distance_m:.0f} m"  # noqa: PLR2004  digits enough


def _vergence(distance_m: float) -> float:
    return 0.0 if distance_m in (inf, 0.0) or distance_m > FARTHEST_M else -1.0 / distance_m


def _position_key(shot: Shot) -> str:
    return shot.path if shot.frame.page is None else f"{shot.path}\0{shot.frame.page}"
