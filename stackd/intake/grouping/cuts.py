"""Where one group ends and the next begins: the one place that weighs what speaks for a boundary between two neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from stackd.intake.evidence import brackets, camera, content, continuity, counter, focus, sharpness, time
from stackd.intake.evidence import settings as camera_settings
from stackd.intake.evidence.content import Likeness
from stackd.intake.evidence.focus import FocusCourse
from stackd.intake.evidence.verdict import Link, Verdict
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import FocusScale, Shot, focus_scale

LOOK_AHEAD = 4
"""Frames after a pair that evidence may look at: as many as the longest needs."""

MOST_MISFIRES = 2
"""Frames in a row that did not come out and over which a run goes on: a flash that recharges misses one or two."""

SPACER_NEIGHBOURS = 4
"""Frames on each side that show what is usual: a stack shot at night must not look blank beside the day's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbours in order of capture with no cut between them."""

    shots: tuple[Shot, ...]
    gaps_s: tuple[float | None, ...] = ()
    """Between neighbours."""
    likenesses: tuple[Likeness | None, ...] = ()
    """Between neighbours."""
    outliers: tuple[str, ...] = ()
    in_exposure_bracket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The boundary after a shot."""

    after: Shot
    before: Shot
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """A sequence of shots cut into runs."""

    runs: tuple[Run, ...]
    cuts: tuple[Cut, ...] = ()
    spacers: tuple[Shot, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Growing:
    """The run that is being built."""

    shots: list[Shot]
    gaps_s: list[float | None] = field(default_factory=list)
    likenesses: list[Likeness | None] = field(default_factory=list)
    outliers: list[str] = field(default_factory=list)
    course: FocusCourse = field(default_factory=FocusCourse)
    last_sound: int = 0
    """Index in the whole sequence of the last shot that is no outlier."""

    def finished(self, *, in_exposure_bracket: bool) -> Run:
        return Run(
            shots=tuple(self.shots),
            gaps_s=tuple(self.gaps_s),
            likenesses=tuple(self.likenesses),
            outliers=tuple(self.outliers),
            in_exposure_bracket=in_exposure_bracket,
        )


def cut_into_runs(shots: Sequence[Shot], settings: GroupingSettings) -> Runs:
    """Cut a sequence of shots where one group ends and the next begins.

    Costs a fixed number of comparisons a shot.

    Parameters
    ----------
    shots : sequence of Shot
        Of one camera body and picture size, in order of capture.
    settings : GroupingSettings
    """
    sound, spacers, misfires = _without_spacers(shots, settings)
    if not sound:
        return Runs(runs=(), spacers=spacers)
    scene = _Scene(sound, settings, frozenset(shot.path for shot in spacers), shots)
    scene.misfires = misfires
    runs: list[Run] = []
    cuts: list[Cut] = []
    growing = scene.begin(0)
    begin = 0
    for index in range(len(sound) - 1):
        verdict = scene.verdict(growing, index)
        if verdict is not None and verdict.link is not Link.KEEP:
            runs.append(growing.finished(in_exposure_bracket=scene.is_bracketed(begin, index)))
            cuts.append(Cut(after=sound[index], before=sound[index + 1], because=verdict.because))
            begin = index + 1
            growing = scene.begin(begin)
        else:
            scene.grow(growing, index + 1)
    runs.append(growing.finished(in_exposure_bracket=scene.is_bracketed(begin, len(sound) - 1)))
    merged, remaining = _merge(runs, cuts, scene, settings)
    return Runs(runs=merged, cuts=remaining, spacers=spacers)


class _Scene:
    """The whole sequence, with what is computed once for each pair of neighbours."""

    def __init__(
        self, shots: Sequence[Shot], settings: GroupingSettings, spacers: frozenset[str], with_spacers: Sequence[Shot]
    ) -> None:
        self.shots = shots
        self.settings = settings
        self.scale: FocusScale = focus_scale(shots)
        self.gaps_s = [time.gap_s(a, b) for a, b in pairwise(shots)]
        self.likenesses = [content.look_alike(a, b) for a, b in pairwise(shots)]
        self.misfires: frozenset[str] = frozenset()
        """Blank frames over which a run goes on."""
        self.parted_by_spacer = _followed_by_spacer(with_spacers, spacers)
        joined = [self._only_exposure_can_part(index) for index in range(len(shots) - 1)]
        self.bracketed = brackets.bracketed(shots, joined)

    def begin(self, index: int) -> _Growing:
        shot = self.shots[index]
        course = FocusCourse().extended(self.scale.at(shot), self.scale.quantum)
        return _Growing(shots=[shot], course=course, last_sound=index)

    def grow(self, growing: _Growing, index: int) -> None:
        shot = self.shots[index]
        growing.gaps_s.append(self.gaps_s[index - 1])
        growing.likenesses.append(self.likenesses[index - 1])
        growing.shots.append(shot)
        growing.course = growing.course.extended(self.scale.at(shot), self.scale.quantum)
        if shot.path not in growing.outliers:
            growing.last_sound = index

    def is_bracketed(self, first: int, last: int) -> bool:
        return all(self.bracketed[first : last + 1])

    def verdict(self, growing: _Growing, index: int) -> Verdict | None:
        """Weigh everything that is known of the boundary after `index`: the first that is sure decides."""
        first, second = self.shots[index], self.shots[index + 1]
        if first.path in self.parted_by_spacer:
            return Verdict(link=Link.CUT, because="a blank frame follows")
        by_camera = camera.neighbours_verdict(first, second)
        if by_camera is not None and by_camera.link is Link.CUT:
            return by_camera
        by_settings = camera_settings.framing_verdict(first, second)
        if by_settings is not None:
            return by_settings
        if self._is_outlier(growing, index + 1):
            growing.outliers.append(second.path)
            return None
        if growing.outliers and first.path == growing.outliers[-1]:
            # The frame before is an outlier: judge by the last sound one, which was found to go on here.
            return None
        by_exposure = self._exposure_verdict(index)
        if by_exposure is not None:
            return by_exposure
        if by_camera is not None and self._counts_on_in_time(index):
            return None
        following = self.shots[index + 2 : index + 2 + LOOK_AHEAD]
        by_focus = focus.neighbours_verdict(growing.course, first, second, following, self.scale)
        if by_focus is not None:
            return by_focus
        return self._time_and_content_verdict(growing, index, following)

    def _time_and_content_verdict(self, growing: _Growing, index: int, following: Sequence[Shot]) -> Verdict | None:
        second = self.shots[index + 1]
        pause = self._pause(growing, index)
        by_time = time.neighbours_verdict(pause, self.settings)
        if by_time is not None and by_time.link is Link.CUT:
            return by_time
        by_counter = counter.neighbours_verdict(self.shots[index], second, len(growing.shots), by_time)
        if by_counter is not None:
            return by_counter
        in_bracket = self.bracketed[index] and self.bracketed[index + 1]
        by_content = content.neighbours_verdict(self.likenesses[index], by_time, in_exposure_bracket=in_bracket)
        if by_content is not None and by_content.link is Link.CUT:
            return (
                by_content if by_time is None else Verdict(link=Link.CUT, because=f"{by_time.because}, and {by_content.because}")
            )
        if by_content is not None:
            # The same picture after a pause: a slow hand or deleted frames, unless the pause is out of all proportion or the
            # focus started anew.
            starts_anew = self._sharpness_verdict(growing, second, following)
            if starts_anew is not None and by_time is not None:
                return Verdict(link=Link.CUT, because=f"{by_time.because}, and {starts_anew.because}")
            return by_time if pause is not None and pause.is_long else None
        if by_time is None and not in_bracket:
            return self._sharpness_verdict(growing, second, following)
        return by_time

    def _sharpness_verdict(self, growing: _Growing, second: Shot, following: Sequence[Shot]) -> Verdict | None:
        """Ask the pictures whether the focus started anew, unless the camera says that it moves on."""
        if growing.course.direction and self.scale.at(second) is not None:
            return None
        return sharpness.neighbours_verdict(growing.shots, second, following)

    def _exposure_verdict(self, index: int) -> Verdict | None:
        if self.bracketed[index] and self.bracketed[index + 1]:
            return None
        if self.bracketed[index] != self.bracketed[index + 1]:
            change = "begins" if self.bracketed[index + 1] else "ends"
            return Verdict(link=Link.CUT, because=f"an exposure bracket {change}")
        return camera_settings.exposure_verdict(self.shots[index], self.shots[index + 1])

    def _counts_on_in_time(self, index: int) -> bool:
        """A number that goes on by chance, hours later and without an id, joins nothing."""
        gap = self.gaps_s[index]
        return self.shots[index].frame.meta.sequence_id is not None or gap is None or gap <= self.settings.max_gap_s

    def _pause(self, growing: _Growing, index: int) -> time.Pause | None:
        gap = self.gaps_s[index]
        if gap is None:
            return None
        left = [each for each in growing.gaps_s[-time.LEFT_GAPS :] if each is not None]
        right = [each for each in self.gaps_s[index + 1 : index + 1 + time.RIGHT_GAPS] if each is not None]
        resolution_s = max(self.shots[index].resolution_s, self.shots[index + 1].resolution_s)
        return time.pause(gap, left, right, resolution_s, self.settings)

    def _is_outlier(self, growing: _Growing, index: int) -> bool:
        """Tell a frame that is unlike its neighbours on both sides while these go on over it: a flash that did not fire."""
        if self.shots[index].path in self.misfires:
            return True
        if index + 1 >= len(self.shots) or self.bracketed[index]:
            return False
        before, odd = self.shots[growing.last_sound], self.shots[index]
        if index - growing.last_sound > MOST_MISFIRES or not self._differs(before, odd):
            return False
        for place in range(index + 1, min(index + 1 + MOST_MISFIRES, len(self.shots))):
            if self._goes_on_over(before, odd, place):
                return not any(self._is_pause(growing, position) for position in range(index - 1, place))
        return False

    def _goes_on_over(self, before: Shot, odd: Shot, place: int) -> bool:
        after = self.shots[place]
        if not self._differs(odd, after) or self._differs(before, after):
            return False
        if camera_settings.framing_verdict(before, after) is not None:
            return False
        around = content.look_alike(before, after)
        return around is not None or self.gaps_s[place - 1] is not None

    def _is_pause(self, growing: _Growing, position: int) -> bool:
        pause = self._pause(growing, position)
        return pause is not None and pause.is_pause

    def _differs(self, first: Shot, second: Shot) -> bool:
        if camera_settings.exposure_verdict(first, second) is not None:
            return True
        if content.is_lit_unlike(first, second):
            return True
        alike = content.look_alike(first, second)
        return alike is not None and alike.correlation < content.DIFFERENT_BELOW

    def _only_exposure_can_part(self, index: int) -> bool:
        first, second = self.shots[index], self.shots[index + 1]
        gap = self.gaps_s[index]
        return (
            first.path not in self.parted_by_spacer
            and (gap is None or gap <= self.settings.max_gap_s)
            and camera_settings.framing_verdict(first, second) is None
        )


def _merge(
    runs: Sequence[Run], cuts: Sequence[Cut], scene: _Scene, settings: GroupingSettings
) -> tuple[tuple[Run, ...], tuple[Cut, ...]]:
    """Join runs that a pause parted although the counted focus steps go straight on."""
    merged: list[Run] = [runs[0]]
    remaining: list[Cut] = []
    for cut, run in zip(cuts, runs[1:], strict=True):
        left = merged[-1]
        gap = time.gap_s(cut.after, cut.before)
        alike = content.look_alike(cut.after, cut.before)
        may_join = (
            gap is not None
            and gap <= settings.max_gap_s
            and camera_settings.framing_verdict(cut.after, cut.before) is None
            and camera_settings.exposure_verdict(cut.after, cut.before) is None
            and camera.neighbours_verdict(cut.after, cut.before) is None
            and cut.after.path not in scene.parted_by_spacer
            and (alike is None or alike.correlation >= content.DIFFERENT_BELOW)
        )
        if may_join and _continues(left, run, scene.scale):
            merged[-1] = Run(
                shots=(*left.shots, *run.shots),
                gaps_s=(*left.gaps_s, gap, *run.gaps_s),
                likenesses=(*left.likenesses, alike, *run.likenesses),
                outliers=(*left.outliers, *run.outliers),
                in_exposure_bracket=left.in_exposure_bracket and run.in_exposure_bracket,
            )
        else:
            merged.append(run)
            remaining.append(cut)
    return tuple(merged), tuple(remaining)


def _continues(left: Run, right: Run, scale: FocusScale) -> bool:
    course = FocusCourse()
    for shot in left.shots:
        course = course.extended(scale.at(shot), scale.quantum)
    onward = [position for shot in right.shots if (position := scale.at(shot)) is not None]
    return len(onward) == len(right.shots) and focus.continues(course, onward, scale)


def _without_spacers(shots: Sequence[Shot], settings: GroupingSettings) -> tuple[list[Shot], tuple[Shot, ...], frozenset[str]]:
    """Take out blank frames that were taken to part stacks; those within a run, over which it goes on, stay and are named."""
    blank = frozenset(index for index, shot in enumerate(shots) if _is_blank(shots, index))
    misfires = _misfires(shots, blank, settings)
    spacers = tuple(shots[index] for index in sorted(blank - misfires))
    sound = [shot for index, shot in enumerate(shots) if index not in blank or index in misfires]
    return sound, spacers, frozenset(shots[index].path for index in misfires)


def _is_blank(shots: Sequence[Shot], index: int) -> bool:
    sides = [
        [other.content for other in side if other.content is not None]
        for side in (shots[max(index - SPACER_NEIGHBOURS, 0) : index], shots[index + 1 : index + 1 + SPACER_NEIGHBOURS])
    ]
    known = [side for side in sides if side]
    shown = shots[index].content
    if shown is None or not known:
        return False
    # The plainer side counts: the first frames of a dark stack stand out from one side only.
    usual_brightness = min(median(each.brightness for each in side) for side in known)
    usual_detail = min(median(content.detail(each) for each in side) for side in known)
    return content.is_spacer(shown, usual_brightness, usual_detail)


def _misfires(shots: Sequence[Shot], blank: frozenset[int], settings: GroupingSettings) -> frozenset[int]:
    """Find the blank frames that did not come out within a run: shot in its rhythm, and focus goes straight on over them."""
    found: set[int] = set()
    for index in sorted(blank):
        if index - 1 in blank:
            continue
        stop = index + 1
        while stop in blank:
            stop += 1
        left = _sound_before(shots, blank, index, settings)
        right = _sound_behind(shots, blank, stop, settings)
        if stop - index > MOST_MISFIRES or not left or not right:
            continue
        gaps = [time.gap_s(a, b) for row in (left, right) for a, b in pairwise(row)]
        over = [time.gap_s(a, b) for a, b in pairwise(shots[index - 1 : stop + 1])]
        known, paused = [gap for gap in gaps if gap is not None], [gap for gap in over if gap is not None]
        in_rhythm = all(not time.pause(gap, known, known, left[-1].resolution_s, settings).is_pause for gap in paused)
        if in_rhythm and continuity.goes_on(left, right, focus_scale([*left, *right]), missing=stop - index):
            found.update(range(index, stop))
    return frozenset(found)


def _sound_before(shots: Sequence[Shot], blank: frozenset[int], index: int, settings: GroupingSettings) -> list[Shot]:
    row: list[Shot] = []
    for place in range(index - 1, max(index - 1 - continuity.REACH, -1), -1):
        if place in blank or (row and _far_apart(shots[place], row[0], settings)):
            break
        row.insert(0, shots[place])
    return row


def _sound_behind(shots: Sequence[Shot], blank: frozenset[int], stop: int, settings: GroupingSettings) -> list[Shot]:
    row: list[Shot] = []
    for place in range(stop, min(stop + continuity.REACH, len(shots))):
        if place in blank or (row and _far_apart(row[-1], shots[place], settings)):
            break
        row.append(shots[place])
    return row


def _far_apart(first: Shot, second: Shot, settings: GroupingSettings) -> bool:
    gap = time.gap_s(first, second)
    return gap is not None and gap > settings.max_gap_s


def _followed_by_spacer(shots: Sequence[Shot], spacers: frozenset[str]) -> frozenset[str]:
    followed: set[str] = set()
    last_sound: Shot | None = None
    for shot in shots:
        if shot.path not in spacers:
            last_sound = shot
        elif last_sound is not None:
            followed.add(last_sound.path)
    return frozenset(followed)
