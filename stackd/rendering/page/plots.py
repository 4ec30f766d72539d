"""Plots over a stack, as coordinates for SVG: the template only writes them down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10

LEFT, RIGHT, TOP, BOTTOM = 46.0, 330.0, 12.0, 124.0
"""Borders of what is drawn in, in units of the 340 × 150 of a plot in `page.html`: room for numbers on the left and below. Where
plots lie two or three side by side on a screen, or alone on a phone, a unit is about a px."""

ROUNDING = 1e-9
"""Shares of a step that are a whole step but for rounding."""

WIDEST_BAR = 24.0
"""Of few frames, SVG units (taste)."""

INSET = WIDEST_BAR / 2 + 2
"""From the ends of the axis to the first and last frame: half a bar, so that it stays off the numbers."""

HEADROOM = 0.06
"""Of an axis, above and below its curve: dots are not cut (taste)."""

MOST_NUMBERED = 8
"""Frames up to which each is numbered along the axis: more numbers run into one another."""

MOST_DOTS = 45
"""Frames above which dots on a line run into one another."""

TICKS = 3
"""Steps along the vertical axis, about: enough to read a value, few enough to be quiet."""

BAR_SHARE = 0.7
"""Of the way from frame to frame that a bar takes (taste)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One quantity of every frame; None where it is not known."""

    label: str
    values: Sequence[float | None]
    errors: Sequence[float | None] = ()
    """Standard errors, one a value; empty where there are none."""

    def reach(self) -> tuple[tuple[float, float] | None, ...]:
        """Tell from where to where each value may be; None where it, or its error, is not known."""
        pairs = zip(self.values, self.errors, strict=True) if self.errors else ()
        return tuple(None if value is None or error is None else (value - error, value + error) for value, error in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What one plot shows."""

    title: str
    unit: str
    meaning: str
    """A sentence that says what the numbers are."""
    curves: tuple[Curve, ...]
    least_span: float
    """The axis covers at least so much, so that what does not matter looks flat."""
    is_share: bool = False
    """Drawn as bars from zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A number on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve as drawn."""

    label: str
    path: str
    dots: tuple[tuple[float, float], ...]
    errors: tuple[tuple[float, float, float], ...]
    """x, and from which y to which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A quantity with everything an SVG needs."""

    title: str
    unit: str
    meaning: str
    summary: str
    """For those who cannot see it."""
    lines: tuple[Line, ...]
    bars: tuple[tuple[float, float, float, float], ...]
    """x, y, width, height."""
    ticks: tuple[Tick, ...]
    frame_ticks: tuple[Tick, ...]
    zero_at: float | None
    missing_at: tuple[float, ...]
    """Where frames stand that have no value."""


def place_of(position: int, count: int) -> float:
    """Tell where on the horizontal axis a frame stands."""
    return (LEFT + RIGHT) / 2 if count == 1 else round(LEFT + INSET + (RIGHT - LEFT - 2 * INSET) * position / (count - 1), 1)


def drawn(quantity: Quantity) -> Plot | None:
    """Lay out a plot; None where nothing is known to draw."""
    known = [value for curve in quantity.curves for value in curve.values if value is not None]
    if not known:
        return None
    reach = [end for curve in quantity.curves for ends in curve.reach() if ends is not None for end in ends]
    low, high = _span([*known, *reach], quantity)
    step = _step((high - low) / TICKS)
    count = len(quantity.curves[0].values)
    places = [place_of(position, count) for position in range(count)]

    def height_of(value: float) -> float:
        return round(BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP), 1)

    first, last = ceil(low / step - ROUNDING), floor(high / step + ROUNDING)
    digits = max(0, -floor(log10(step) + ROUNDING))
    lines = () if quantity.is_share else tuple(_line(curve, places, height_of) for curve in quantity.curves)
    return Plot(
        title=quantity.title,
        unit=quantity.unit,
        meaning=quantity.meaning,
        summary=_summary(quantity, digits),
        lines=lines,
        bars=_bars(quantity.curves[0].values, places, height_of) if quantity.is_share else (),
        ticks=tuple(Tick(at=height_of(n * step), label=number(n * step, digits)) for n in range(first, last + 1)),
        frame_ticks=tuple(Tick(at=places[position], label=str(position + 1)) for position in _marked(count)),
        zero_at=height_of(0) if low <= 0 <= high else None,
        missing_at=tuple(place for i, place in enumerate(places) if all(curve.values[i] is None for curve in quantity.curves)),
    )


def number(value: float, digits: int) -> str:
    """Write a number with a true minus, and zero without one."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _span(known: Sequence[float], quantity: Quantity) -> tuple[float, float]:
    low, high = min(known), max(known)
    if quantity.is_share:
        return 0.0, max(high, quantity.least_span)
    lacking = max(quantity.least_span - (high - low), 0.0)
    low, high = low - lacking / 2, high + lacking / 2
    if min(known) >= 0 > low:  # what is never negative has no axis below zero
        low, high = 0.0, high - low
    margin = (high - low) * HEADROOM
    return (low - margin if low else low), high + margin


def _step(about: float) -> float:
    """Round up to 1, 2 or 5 with zeros."""
    magnitude = 10.0 ** floor(log10(about))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= about * (1 - ROUNDING))


def _marked(count: int) -> tuple[int, ...]:
    """Frames that are numbered along the axis: both ends, and a few between where there is room."""
    return tuple(sorted({0, count // 4, count // 2, 3 * count // 4, count - 1})) if count > MOST_NUMBERED else tuple(range(count))


def _line(curve: Curve, places: Sequence[float], height_of: Callable[[float], float]) -> Line:
    points = [None if value is None else (place, height_of(value)) for place, value in zip(places, curve.values, strict=True)]
    runs = [
        [point for point in run if point] for is_known, run in groupby(points, key=lambda point: point is not None) if is_known
    ]
    path = " ".join("M" + " L".join(f"{x:g} {y:g}" for x, y in run) for run in runs)
    alone = tuple(run[0] for run in runs if len(run) == 1)
    return Line(
        label=curve.label,
        path=path,
        dots=tuple(point for point in points if point) if len(points) <= MOST_DOTS else alone,
        errors=tuple(
            (place, height_of(ends[0]), height_of(ends[1])) for place, ends in zip(places, curve.reach(), strict=False) if ends
        ),
    )


def _bars(
    values: Sequence[float | None], places: Sequence[float], height_of: Callable[[float], float]
) -> tuple[tuple[float, float, float, float], ...]:
    width = round(min((RIGHT - LEFT) / max(len(places), 1) * BAR_SHARE, WIDEST_BAR), 2)
    return tuple(
        (round(place - width / 2, 2), height_of(value), width, round(BOTTOM - height_of(value), 2))
        for place, value in zip(places, values, strict=True)
        if value is not None
    )


def _summary(quantity: Quantity, digits: int) -> str:
    parts = []
    for curve in quantity.curves:
        known = [value for value in curve.values if value is not None]
        if known:
            ends = f"{number(min(known), digits + 1)} to {number(max(known), digits + 1)} {quantity.unit}"
            parts.append(f"{curve.label} {ends}".strip())
    return f"{quantity.title} over the frames: {', '.join(parts)}."
