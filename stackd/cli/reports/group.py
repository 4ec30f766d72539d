"""What `stackd group` says: a table and sentences for people, an object for programs. Text in, text out."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from stackd.cli.terminal import is_plain, say
from stackd.intake.evidence.time import in_words
from stackd.intake.grouping.candidates import CandidateStack, Grouping, OtherSequence
from stackd.intake.shot import WEAK_TIME_SOURCES, in_metres, span_in_metres
from stackd.model.frame import Frame
from stackd.model.names import shown
from stackd.model.stack import Decision, FocusMotion, StackKind
from stackd.service.once.group import Sorted

KINDS = {
    StackKind.EXPOSURE: "exposure bracket",
    StackKind.BURST: "burst",
    StackKind.PANORAMA: "panorama",
    StackKind.TIMELAPSE: "time-lapse",
    StackKind.FOCUS: "focus stack",
    StackKind.FOCUS_AND_EXPOSURE: "focus stack of exposure brackets",
    StackKind.UNKNOWN: "sequence",
}

MOTIONS = {
    FocusMotion.LENS: "the lens was focused from frame to frame",
    FocusMotion.RAIL: "the lens stayed as it was: the camera or the subject was moved",
}

LEAST_NAMES = 20
"""Characters of a line that names need at least; where a table leaves them less, none is shown."""

WIDEST = 10_000
"""Columns at which no table is folded."""

IGNORED_SHOWN = 12
"""Lines of files left out; the rest is counted."""


def as_object(outcome: Sorted, *, why: bool) -> dict[str, Any]:
    """Describe a grouping as plain JSON values; with `why` also the boundaries and the sequences that are no focus stacks."""
    grouping = outcome.grouping
    described: dict[str, Any] = {
        "stacks": [
            {
                "frames": [name_of_frame(frame) for frame in stack.frames],
                "confidence": round(stack.confidence, 3),
                "kind": stack.kind.value,
                "decision": stack.decision.value,
                "evidence": list(stack.evidence),
            }
            for stack in grouping.stacks
        ],
        "singles": [name_of_frame(frame) for frame in grouping.singles],
        "ignored": [{"path": path, "reason": reason} for path, reason in outcome.ignored.items()],
    }
    if why:
        described["boundaries"] = [
            {"after": boundary.after, "before": boundary.before, "because": boundary.sentence} for boundary in grouping.boundaries
        ]
        described["sequences"] = [
            {
                "frames": [name_of_frame(frame) for frame in other.frames],
                "kind": other.kind.value,
                "evidence": list(other.evidence),
            }
            for other in grouping.others
        ]
    return described


def name_of_frame(frame: Frame) -> str:
    """Name a frame: its path, with the plane of a multi-page file from 1."""
    return frame.path if frame.page is None else f"{frame.path}#page={frame.page + 1}"


def print_report(outcome: Sorted, *, why: bool) -> None:
    """Show a grouping as a table, and with `why` everything that led to it."""
    grouping = outcome.grouping
    if grouping.stacks:
        _print_stacks(grouping.stacks)
    say(*summary_lines(outcome))
    if why:
        for heading, lines in why_sections(grouping):
            _print_section(heading, lines)
    if outcome.ignored:
        _print_section("Left out", ignored_lines(outcome, all_of_them=why))


def _print_section(heading: str, lines: Iterable[str]) -> None:
    say()
    say(heading, bold=True)
    say(*(f"  {line}" for line in lines))


def _print_stacks(stacks: Sequence[CandidateStack]) -> None:
    """Print a table, or where the terminal is too narrow for one, a few short lines for each stack."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(highlight=False, no_color=is_plain())
    table = _table(stacks)
    whole = Measurement.get(console, console.options.update(width=WIDEST), table).maximum
    longest = max(len(row_of(number, stack)[2]) for number, stack in enumerate(stacks, start=1))
    if whole - longest + min(longest, LEAST_NAMES) <= console.width:
        console.print(table)
        return
    for number, stack in enumerate(stacks, start=1):
        _, count, names, taken, within, focus, sure, decision = row_of(number, stack)
        say(f"{number}  {names}", f"   {count} frames, {decision}, {sure} sure", f"   {taken} within {within}, {focus}")
    say()


def _table(stacks: Sequence[CandidateStack]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    days = {moment.date() for stack in stacks for moment in _moments(stack.frames)}
    one_day = len(days) == 1
    rows = [row_of(number, stack, with_day=not one_day) for number, stack in enumerate(stacks, start=1)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    if one_day:
        table.title = f"Stacks of {days.pop():%Y-%m-%d}"
    for heading in ("#", "frames", "from – to", "taken", "within", "near – far", "sure", "decision"):
        is_figure = heading in ("#", "frames", "within", "sure")
        is_names = heading == "from – to"
        table.add_column(heading, justify="right" if is_figure else "left", no_wrap=not is_names, overflow="fold")
    for row, stack in zip(rows, stacks, strict=True):
        style = "" if stack.decision is Decision.PROCESS else "yellow"
        table.add_row(*(Text(shown(cell), style=style) for cell in row))
    return table


def row_of(number: int, stack: CandidateStack, *, with_day: bool = True) -> tuple[str, ...]:
    """Write a stack as a row of the table."""
    captured = stack.captured or stack.frames
    return (
        str(number),
        str(len(stack.frames)),
        from_to(_short_name(captured[0]), _short_name(captured[-1])),
        *time_span(captured, with_day=with_day),
        focus_span(stack.frames),
        f"{100 * stack.confidence:.0f} %",
        "process" if stack.decision is Decision.PROCESS else "hold",
    )


def from_to(first: str, last: str) -> str:
    """Name a run of files: what both ends have in common is written once (`IMG_4446 – 4498.JPG`)."""
    first_stem, _, first_suffix = first.rpartition(".")
    last_stem, _, last_suffix = last.rpartition(".")
    if first == last or not first_stem or first_suffix != last_suffix:
        return first if first == last else f"{first} – {last}"
    common = next((at for at, (a, b) in enumerate(zip(first_stem, last_stem, strict=False)) if a != b), len(first_stem))
    while common and first_stem[common - 1].isdigit():
        common -= 1
    return f"{first_stem} – {last_stem[common:]}.{last_suffix}"


def time_span(frames: Sequence[Frame], *, with_day: bool = True) -> tuple[str, str]:
    """Say when frames were taken, and within which time."""
    times = _moments(frames)
    if not times:
        return "–", "–"
    begin, length = min(times), max(times) - min(times)
    return f"{begin:%Y-%m-%d %H:%M}" if with_day else f"{begin:%H:%M:%S}", in_words(length.total_seconds()) if length else "–"


def _moments(frames: Sequence[Frame]) -> list[datetime]:
    """Moments of capture; a file's own time is none."""
    return [
        frame.meta.captured_at
        for frame in frames
        if frame.meta.captured_at is not None and frame.meta.sources.get("captured_at") not in WEAK_TIME_SOURCES
    ]


def focus_span(frames: Sequence[Frame]) -> str:
    """Say from where to where the focus went, in metres where known."""
    distances = [frame.meta.focus_distance_m for frame in frames if frame.meta.focus_distance_m is not None]
    if distances:
        near, far = min(distances), max(distances)
        if near == far:
            return in_metres(near)
        ends = span_in_metres(near, far)
        return f"{ends[0]} – {ends[1] if isfinite(far) else '∞'}".replace(" m –", " –")
    hints = [frame.meta.order_hint for frame in frames if frame.meta.order_hint is not None]
    return f"{abs(max(hints) - min(hints)):g} steps" if hints else "–"


def summary_lines(outcome: Sorted) -> Iterable[str]:
    """Count what became of everything."""
    grouping = outcome.grouping
    process = sum(stack.decision is Decision.PROCESS for stack in grouping.stacks)
    held = len(grouping.stacks) - process
    recognised = [other for other in grouping.others if other.kind is not StackKind.UNKNOWN]
    in_others = sum(len(other.frames) for other in recognised)
    parts = [
        _counted(process, "stack") + " to process",
        *([_counted(held, "stack") + " held for review"] if held else []),
        *(_counted_kinds(recognised)),
        _counted(len(grouping.singles) - in_others, "single frame"),
        *([_counted(len(outcome.ignored), "file") + " left out"] if outcome.ignored else []),
    ]
    yield ", ".join(parts) + "."


def why_sections(grouping: Grouping) -> Iterable[tuple[str, list[str]]]:
    """Tell what speaks for every group, and why each boundary is where it is."""
    for number, stack in enumerate(grouping.stacks, start=1):
        captured = stack.captured or stack.frames
        ends = from_to(_short_name(captured[0]), _short_name(captured[-1]))
        heading = f"Stack {number}: {ends}, {100 * stack.confidence:.0f} % sure"
        linked = [f"{shown(path)} is the camera's own composite of it" for path in stack.linked]
        motion = MOTIONS.get(stack.focus_motion)
        yield heading, [*stack.evidence, *([motion] if motion else []), *linked]
    for other in grouping.others:
        ends = from_to(_short_name(other.frames[0]), _short_name(other.frames[-1]))
        if other.kind is StackKind.UNKNOWN:
            yield f"Left single: {ends}, only {100 * other.confidence:.0f} % sure that they are a stack", list(other.evidence)
        else:
            yield f"No focus stack but {_with_article(KINDS[other.kind])}: {ends}", list(other.evidence)
    if grouping.boundaries:
        yield "Boundaries", [boundary.sentence for boundary in grouping.boundaries]


def ignored_lines(outcome: Sorted, *, all_of_them: bool) -> Iterable[str]:
    """Name the files that were left out, each with the reason."""
    entries = list(outcome.ignored.items())
    count = len(entries) if all_of_them else IGNORED_SHOWN
    for path, reason in entries[:count]:
        yield f"{shown(path)}: {reason}"
    if len(entries) > count:
        yield f"and {len(entries) - count} more; --why names them all"


def _short_name(frame: Frame) -> str:
    return shown(frame.path.rpartition("/")[2])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _counted_kinds(others: Sequence[OtherSequence]) -> Iterable[str]:
    for kind in sorted({other.kind for other in others}):
        yield _counted(sum(other.kind is kind for other in others), KINDS[kind])


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
