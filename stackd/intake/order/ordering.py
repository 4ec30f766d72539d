"""Frames in order of capture: by the camera's own count, else by time, else by the numbers in their names."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from stackd.intake.evidence import counter, sharpness, time
from stackd.intake.order import pictures
from stackd.intake.order.clock import with_one_clock
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import Shot, focus_scale

SAME_TIME_FRAMES = 3
"""So many frames of one moment were not taken in it: an export stamped them all alike."""

DISORDER_FROM = 0.20
DISORDER_TO = 0.80
"""Share of steps at which time runs against the numbers.

Beyond a fifth the times are not those of capture, unless nearly all run backwards, as when the names were given in reverse.
"""

PHONE_DISORDER_S = 1.0
"""Within a second phone apps write files out of order: there time is right and the numbers are not."""

MIN_DISORDER_STEPS = 4
"""Fewer steps show no disorder that could not be chance."""

NEAR_WRAP = 2_000
"""Numbers this close to both ends, with none between, show a counter that passed 9999 (longer stacks are not shot in one go)."""


def in_order(shots: Sequence[Shot], settings: GroupingSettings) -> list[Shot]:
    """Sort shots by capture; times found to be unreliable are taken out of the shots.

    The result depends on the set of shots alone, not on the order given.
    """
    shots = with_one_clock(unwrapped(shots), settings)
    timed = sorted((shot for shot in shots if shot.time_s is not None), key=_time_key)
    untimed = [shot for shot in shots if shot.time_s is None]
    ordered: list[Shot] = []
    for cluster in map(unwrapped, _clusters(timed, settings.max_gap_s)):
        if _times_mislead(cluster):
            ordered.extend(replace(shot, time_s=None) for shot in sorted(cluster, key=_count_key))
        else:
            ordered.extend(_by_sequence(sorted(cluster, key=_time_key)))
    return [*ordered, *sorted(unwrapped(untimed), key=_count_key)]


def _clusters(timed: Sequence[Shot], max_gap_s: float) -> list[list[Shot]]:
    """Part the frames where nothing can join them in time, so that one shoot's clock is judged by its own frames."""
    clusters: list[list[Shot]] = []
    for shot in timed:
        if clusters and _time(shot) - _time(clusters[-1][-1]) <= max_gap_s:
            clusters[-1].append(shot)
        else:
            clusters.append([shot])
    return clusters


def _times_mislead(cluster: Sequence[Shot]) -> bool:
    if len(cluster) >= SAME_TIME_FRAMES and len({_time(shot) for shot in cluster}) == 1:
        return True
    counted = sorted((shot for shot in cluster if shot.number is not None), key=_count_key)
    steps = [
        (counter.step(first, second), _time(second) - _time(first), max(first.resolution_s, PHONE_DISORDER_S))
        for first, second in pairwise(counted)
    ]
    comparable = [(backward_s < -tolerance_s) for step, backward_s, tolerance_s in steps if step is not None and step > 0]
    if len(comparable) < MIN_DISORDER_STEPS or len(comparable) < len(counted) - 1:
        # Numbers that repeat or belong to several series come from several cameras or cards: they prove nothing about the clock.
        return False
    if not DISORDER_FROM < sum(comparable) / len(comparable) < DISORDER_TO:
        return False
    return not _time_makes_more_sense(cluster, counted)


def _time_makes_more_sense(by_time: Sequence[Shot], by_count: Sequence[Shot]) -> bool:
    """Tell whether the names were shuffled and not the times.

    Then focus goes a shorter way in time, pictures contradict the times less than the names, or the rhythm is even.
    """
    scale = focus_scale(by_time)
    ways = [[position for shot in order if (position := scale.at(shot)) is not None] for order in (by_time, by_count)]
    if len(ways[0]) == len(by_time) and len(set(ways[0])) > 1:
        in_time, in_count = (sum(abs(b - a) for a, b in pairwise(way)) for way in ways)
        return in_time < in_count
    matrices = [sharpness.sharpness_matrix(order) for order in (by_time, by_count)]
    if matrices[0] is not None and matrices[1] is not None:
        in_time, in_count = (pictures.contradiction(pictures.rises(matrix)) for matrix in matrices if matrix is not None)
        return in_time < in_count
    return time.beat_s([gap for a, b in pairwise(by_time) if (gap := time.gap_s(a, b)) is not None]) is not None


def _by_sequence(cluster: Sequence[Shot]) -> list[Shot]:
    """Put the frames of one camera sequence into the camera's own order, at the place in time where the sequence begins."""
    begins_s: dict[str, float] = {}
    for shot in cluster:
        identity = shot.frame.meta.sequence_id
        if identity is not None and shot.frame.meta.sequence_number is not None:
            begins_s[identity] = min(begins_s.get(identity, _time(shot)), _time(shot))

    def key(shot: Shot) -> tuple[object, ...]:
        meta = shot.frame.meta
        if meta.sequence_id is not None and meta.sequence_number is not None:
            return begins_s[meta.sequence_id], meta.sequence_id, meta.sequence_number, *_time_key(shot)
        return _time(shot), "", 0, *_time_key(shot)

    return sorted(cluster, key=key)


def _time_key(shot: Shot) -> tuple[object, ...]:
    return _time(shot), *_count_key(shot)


def _count_key(shot: Shot) -> tuple[object, ...]:
    return shot.series, -1 if shot.number is None else shot.number, shot.sort_key


def _time(shot: Shot) -> float:
    return 0.0 if shot.time_s is None else shot.time_s


def unwrapped(shots: Sequence[Shot]) -> list[Shot]:
    """Renumber shots whose counter passed 9999 so that the numbers grow through them.

    Only names can show it when there are no times: numbers near both ends of the range and none in the middle.
    """
    high = counter.WRAP - NEAR_WRAP
    by_series: dict[str, list[int]] = defaultdict(list)
    for shot in shots:
        if shot.number is not None:
            by_series[shot.series].append(shot.number)
    wrapped = {
        series
        for series, numbers in by_series.items()
        if max(numbers) < counter.WRAP
        and min(numbers) <= NEAR_WRAP
        and max(numbers) >= high
        and not any(NEAR_WRAP < number < high for number in numbers)
    }
    # Some cameras go on at 0000, others at 0001: either way the next number follows 9999 directly.
    return [
        replace(shot, number=shot.number + counter.WRAP - (0 if min(by_series[shot.series]) == 0 else 1))
        if shot.series in wrapped and shot.number is not None and shot.number <= NEAR_WRAP
        else shot
        for shot in shots
    ]
