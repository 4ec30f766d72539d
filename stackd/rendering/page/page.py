"""Write the page of a composite: what was done, what was noticed, and where."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import log2
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stackd.imaging.depth.shares import nearest_frames, sampled, sharpest_shares
from stackd.imaging.ground.matrices import corners, motion_at_centre, transformed
from stackd.model.composite import Composite, Finding, FrameReport, Rectangle
from stackd.rendering.page.judged import judged_words
from stackd.rendering.page.naming import FrameNames
from stackd.rendering.page.pictures import Crop, PagePictures, Picture
from stackd.rendering.page.plots import Curve, Plot, Quantity, drawn, number, place_of

if TYPE_CHECKING:
    from jinja2 import Environment, Template

LEFT_OUT: Final = frozenset({"frame-left-out", "duplicate-frame"})
"""Findings of these codes are told by the list of frames that were left out, so that nothing stands there twice."""

WINNERS_SIDE_PX: Final = 160
"""Long side of the map that tells which frame is sharpest where one points: a finger is wider than a cell, and it takes 45 kB."""

MARK_SHARE: Final = 1 / 36
"""Of the composite's long side: a number on it can be read on a phone and does not shout on a screen (taste)."""

OUTLINE_MARGIN: Final = 0.02
"""Of the long side, around the outlines of the frames, so that lines are not cut (taste)."""

LEAST_SHIFT_PX: Final = 1.0
LEAST_ROTATION_DEG: Final = 0.01
LEAST_MAGNIFICATION_PERCENT: Final = 0.02
"""What an axis covers at least: about a pixel at the border of a frame of 24 megapixels. Less would draw mountains of nothing."""

LEAST_RESIDUAL_PX: Final = 0.5
"""Misfits below that are as good as none."""

LEAST_STOPS: Final = 0.05
"""Of brightness; a difference nobody sees."""

LEAST_SHARE_PERCENT: Final = 5.0
"""Of the composite, so that even shares of many frames look small."""

LEAST_STEPS: Final = 1.0
"""Of focus: frames that are all at one place look flat."""

ALL_PERCENT: Final = 100.0

NEUTRAL: Final = 0.002
"""Gains of the channels that differ by less are one curve: half a grey level of 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """A frame as the page tells of it."""

    position: int
    name: str
    used: bool
    is_reference: bool
    reason: str
    cells: tuple[str, ...]
    """Numbers of the table, in the order of its columns."""
    used_position: int | None
    """Its number among the frames that took part."""
    place: float
    """Where it stands in every plot."""
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCard:
    """A finding as the page tells of it."""

    number: int
    finding: Finding
    sentence: str
    region: Rectangle | None
    """Px of the composite, what of it lies inside."""
    crop: Crop | None


def render_page(composite: Composite, pictures: PagePictures, *, title: str, mark: str) -> str:
    """Write the page.

    It is whole in itself: pictures are in it, nothing is fetched, and a policy in its head forbids browsers to.

    Parameters
    ----------
    composite : Composite
        What was made, with what is known of its frames.
    pictures : PagePictures
        Small pictures of it and its frames.
    title : str
        Name of the composite.
    mark : str
        Put into the head: by it stackd knows the page as its own.

    Returns
    -------
    str
        HTML. Names stay names, whatever letters they hold.
    """
    names = FrameNames(frame.path for frame in composite.frames)
    shares = _shares(composite)
    rows = _rows(composite, pictures, names, shares)
    style = _template("page.css").render(aspect=f"{pictures.composite.width_px / pictures.composite.height_px:.5f}")
    script = _template("page.js").render()
    area, (rows_px, columns_px) = composite.valid_area, composite.frame_shape
    return _template("page.html").render(
        title=title,
        mark=mark,
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; img-src data:; style-src '{_hash_of(style)}'; script-src '{_hash_of(script)}';"
            " base-uri 'none'; form-action 'none'"
        ),
        composite=composite,
        version=composite.provenance.stackd_version,
        recipe_name=composite.provenance.recipe_name,
        method=composite.method.replace("_", " "),
        size=f"{composite.image.shape[1]} × {composite.image.shape[0]}",
        kept=number(100 * area.width_px * area.height_px / (rows_px * columns_px), 1),
        seconds=number(sum(composite.seconds.values()), 1),
        pictures=pictures,
        rows=rows,
        strip=[row for row in rows if row.used and row.picture is not None],
        shown_first=_shown_first(rows),
        left_out=[row for row in rows if not row.used],
        judged=judged_words(composite.verdict, composite.findings, names),
        cards=_cards(composite, pictures, names),
        brighter=number(pictures.brighter_stops, 0 if pictures.brighter_stops >= 1 else 1) if pictures.brighter_stops else "",
        are_matched=any(frame.gain is not None for frame in composite.frames),
        mark_px=round(max(composite.image.shape[:2]) * MARK_SHARE, 1),
        outlines=_outlines(composite),
        plots=_plots(composite),
        shares=_share_plot(shares),
        winners=_winners(composite),
        ends=_ends(rows),
        timings=_timings(composite.seconds),
        recipe=tuple(_flat(composite.provenance.recipe)),
        libraries=composite.provenance.libraries,
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("stackd.rendering.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> "Template":
    return _environment().get_template(name)


def _hash_of(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


# ----------------------------------------------------------------------------- frames


def _rows(
    composite: Composite, pictures: PagePictures, names: FrameNames, shares: Sequence[float | None]
) -> tuple[FrameRow, ...]:
    rows = []
    used_so_far = 0
    for position, frame in enumerate(composite.frames):
        rows.append(
            FrameRow(
                position=position,
                name=names.name(frame.path),
                used=frame.used,
                is_reference=frame.path == composite.reference_path,
                reason=names.sentence(frame.reason),
                cells=_cells(frame, _moved(frame, composite), shares[position]),
                used_position=used_so_far if frame.used else None,
                place=place_of(position, len(composite.frames)),
                picture=pictures.frames.get(position),
            )
        )
        used_so_far += frame.used
    return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a frame was moved to lie on the reference; None all along for one that was left out."""

    right_px: float | None = None
    down_px: float | None = None
    rotation_deg: float | None = None
    enlarged_percent: float | None = None


def _moved(frame: FrameReport, composite: Composite) -> Moved:
    if frame.matrix is None:
        return Moved()
    motion = motion_at_centre(frame.matrix, composite.frame_shape)
    return Moved(
        right_px=motion.shift_x_px,
        down_px=motion.shift_y_px,
        rotation_deg=motion.rotation_deg,
        enlarged_percent=100 * (motion.magnification - 1),
    )


def _cells(frame: FrameReport, moved: Moved, share: float | None) -> tuple[str, ...]:
    return (
        _cell(moved.right_px, 2),
        _cell(moved.down_px, 2),
        _cell(moved.rotation_deg, 3),
        _cell(moved.enlarged_percent, 3),
        _cell(frame.residual_px, 2),
        _cell(None if frame.overlap is None else 100 * frame.overlap, 1),
        _cell(None if frame.gain is None else _stops(frame.gain), 2),
        _cell(None if share is None else 100 * share, 1),
    )


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else number(value, digits)


def _stops(gain: Sequence[float]) -> float:
    return log2(max(sum(gain) / len(gain), np.finfo(float).tiny))


def _shown_first(rows: Sequence[FrameRow]) -> int | None:
    """Choose the frame that the composite is compared with at first: the reference, which the user framed by, or one near it."""
    choices = [row.position for row in rows if row.used and row.picture is not None]
    reference = next((row.position for row in rows if row.is_reference), 0)
    return min(choices, key=lambda position: abs(position - reference), default=None)


def _ends(rows: Sequence[FrameRow]) -> tuple[str, str]:
    used = [row.name for row in rows if row.used]
    return (used[0], used[-1]) if used else ("", "")


# ---------------------------------------------------------------------- what was noticed


def _cards(composite: Composite, pictures: PagePictures, names: FrameNames) -> tuple[FindingCard, ...]:
    told = [(position, finding) for position, finding in enumerate(composite.findings) if finding.code not in LEFT_OUT]
    return tuple(
        FindingCard(
            number=count,
            finding=finding,
            sentence=names.sentence(finding.sentence),
            region=on_composite(finding.region, composite),
            crop=pictures.crops.get(position),
        )
        for count, (position, finding) in enumerate(told, start=1)
    )


def on_composite(region: Rectangle | None, composite: Composite) -> Rectangle | None:
    """Express a finding's region in px of the composite, cut to it; None where nothing of it is seen."""
    if region is None:
        return None
    area = composite.valid_area
    rows, columns = composite.image.shape[:2]
    seen = Rectangle(
        left=max(region.left - area.left, 0),
        top=max(region.top - area.top, 0),
        right=min(region.right - area.left, columns),
        bottom=min(region.bottom - area.top, rows),
    )
    return seen if seen.width_px > 0 and seen.height_px > 0 else None


# --------------------------------------------------------------------------------- plots


def _plots(composite: Composite) -> tuple[Plot, ...]:
    moves = [_moved(frame, composite) for frame in composite.frames]
    quantities = (
        Quantity(
            title="Focus position",
            unit="steps",
            meaning="Where each frame is focused, near to far, in usual steps from the first; bars show how sure that is.",
            curves=(
                Curve(
                    label="",
                    values=[frame.focus_position for frame in composite.frames],
                    errors=[frame.focus_error for frame in composite.frames],
                ),
            ),
            least_span=LEAST_STEPS,
        ),
        Quantity(
            title="Sharpness",
            unit="%",
            meaning="How much detail each frame shows, of that in the frame that shows most.",
            curves=(Curve(label="", values=[_percent(frame.sharpness) for frame in composite.frames]),),
            least_span=ALL_PERCENT,
            is_share=True,
        ),
        Quantity(
            title="Shift",
            unit="px",
            meaning="How far the middle of each frame was moved to lie on the reference.",
            curves=(
                Curve(label="right", values=[moved.right_px for moved in moves]),
                Curve(label="down", values=[moved.down_px for moved in moves]),
            ),
            least_span=LEAST_SHIFT_PX,
        ),
        Quantity(
            title="Breathing",
            unit="%",
            meaning="How much each frame was enlarged: the lens changes its magnification as it focuses.",
            curves=(Curve(label="", values=[moved.enlarged_percent for moved in moves]),),
            least_span=LEAST_MAGNIFICATION_PERCENT,
        ),
        Quantity(
            title="Rotation",
            unit="°",
            meaning="How far each frame was turned, clockwise.",
            curves=(Curve(label="", values=[moved.rotation_deg for moved in moves]),),
            least_span=LEAST_ROTATION_DEG,
        ),
        Quantity(
            title="Misfit",
            unit="px",
            meaning="How far details lie apart after each frame was laid over its neighbour.",
            curves=(Curve(label="", values=[frame.residual_px for frame in composite.frames]),),
            least_span=LEAST_RESIDUAL_PX,
        ),
        Quantity(
            title="Brightness",
            unit="stops",
            meaning="How much brighter each frame was made to match the reference.",
            curves=tuple(_gain_curves(composite.frames)),
            least_span=LEAST_STOPS,
        ),
    )
    return tuple(plot for quantity in quantities if (plot := drawn(quantity)) is not None)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _gain_curves(frames: Sequence[FrameReport]) -> Iterator[Curve]:
    gains = [frame.gain for frame in frames]
    if all(gain is None or max(gain) - min(gain) < NEUTRAL for gain in gains):
        yield Curve(label="", values=[None if gain is None else _stops(gain) for gain in gains])
        return
    for channel, label in enumerate(("red", "green", "blue")):
        yield Curve(label=label, values=[None if gain is None else _stops(gain[channel : channel + 1]) for gain in gains])


def _shares(composite: Composite) -> tuple[float | None, ...]:
    """Tell for every frame on which share of the composite it is the sharpest; None of those left out, or where no map tells."""
    shares = iter(() if composite.depth is None else sharpest_shares(composite.depth))
    return tuple(next(shares, None) if frame.used else None for frame in composite.frames)


def _share_plot(shares: Sequence[float | None]) -> Plot | None:
    return drawn(
        Quantity(
            title="Share of the composite",
            unit="%",
            meaning="On how much of the composite each frame is the sharpest.",
            curves=(Curve(label="", values=[_percent(share) for share in shares]),),
            least_span=LEAST_SHARE_PERCENT,
            is_share=True,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Winners:
    """Which of the frames that took part is sharpest where, coarsely."""

    columns: int
    rows: int
    numbers: str
    """Two bytes a cell, the lower first, in base64."""


def _winners(composite: Composite) -> Winners | None:
    if composite.depth is None:
        return None
    nearest = nearest_frames(sampled(composite.depth, WINNERS_SIDE_PX))
    rows, columns = nearest.shape
    return Winners(columns=columns, rows=rows, numbers=b64encode(nearest.astype("<u2").tobytes()).decode("ascii"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """Where the frames lie on the reference, and what of it was kept."""

    view_box: str
    frames: tuple[str, ...]
    """Corners, as SVG's `points`."""
    kept: Rectangle


def _outlines(composite: Composite) -> Outlines:
    shape = composite.frame_shape
    found = [transformed(frame.matrix, corners(shape)) for frame in composite.frames if frame.matrix is not None]
    everything = np.concatenate([corners(shape), *found])
    margin = OUTLINE_MARGIN * max(shape)
    low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    return Outlines(
        view_box=f"{low[0]:.0f} {low[1]:.0f} {high[0] - low[0]:.0f} {high[1] - low[1]:.0f}",
        frames=tuple(" ".join(f"{x:.1f},{y:.1f}" for x, y in each) for each in found),
        kept=composite.valid_area,
    )


# ------------------------------------------------------------------------ how it was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a stage took."""

    stage: str
    seconds: str
    percent: float
    """Of the longest one."""


def _timings(seconds: Mapping[str, float]) -> tuple[Timing, ...]:
    longest = max(seconds.values(), default=0.0) or 1.0
    return tuple(
        Timing(stage=stage.replace("_", " "), seconds=number(taken, 2), percent=round(100 * max(taken, 0.0) / longest, 1))
        for stage, taken in seconds.items()
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Write a recipe as lines of key and value, as `--set` takes them."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False, default=str)
