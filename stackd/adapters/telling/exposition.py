"""The service's facts in the text format of Prometheus (version 0.0.4), for the textfile collector of node_exporter.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for counters. Moments are told instead of ages:
they stay true while the file lies there.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from stackd.model.job import JobState
from stackd.model.names import encodable
from stackd.model.verdict import Judgement
from stackd.service.ports import Health

UNFINISHED = tuple(state for state in JobState if state not in (JobState.DONE, JobState.SUPERSEDED, JobState.DISMISSED))

Sample = tuple[Mapping[str, str], float]


def exposition(health: Health, *, up: bool) -> str:
    """Write the facts; `up` is False for those of a service that was stopped."""
    families = (
        ("stackd_up", "gauge", "Whether stackd runs; 0 after it was stopped, still 1 after it was killed.", _one(float(up))),
        ("stackd_build_info", "gauge", "Always 1; the version is a label.", [({"version": health.version}, 1.0)]),
        ("stackd_start_time_seconds", "gauge", "When stackd started, Unix time.", _one(health.started_at.timestamp())),
        (
            "stackd_last_turn_timestamp_seconds",
            "gauge",
            "When the loop turned last, as of this file, Unix time; grows old when stackd hangs.",
            _one(health.written_at.timestamp()),
        ),
        ("stackd_journal_ok", "gauge", "Whether the journal can be written.", _one(float(not health.journal_trouble))),
        ("stackd_watch_online", "gauge", "Whether a watched folder can be looked at.", _watches(health, "online")),
        ("stackd_watch_events", "gauge", "Whether change notices are listened for.", _watches(health, "events")),
        ("stackd_watch_files", "gauge", "Frames in a watched folder.", _watches(health, "files")),
        (
            "stackd_watch_last_look_timestamp_seconds",
            "gauge",
            "When the last look at a watched folder was finished, Unix time.",
            [
                (_watch(one.watch, one.label), (health.written_at - timedelta(seconds=one.looked_s)).timestamp())
                for one in health.watches
                if one.looked_s is not None
            ],
        ),
        (
            "stackd_stacks",
            "gauge",
            "Unfinished stacks by state.",
            [({"state": state.value}, float(health.waiting.get(state, 0))) for state in UNFINISHED],
        ),
        (
            "stackd_stack_moves_total",
            "counter",
            "Steps of stacks by the state they came to.",
            [({"state": state.value}, float(health.moves.get(state, 0))) for state in JobState],
        ),
        (
            "stackd_composites_total",
            "counter",
            "Published composites by what was judged of them.",
            [({"judgement": one.value}, float(health.published.get(one, 0))) for one in Judgement],
        ),
        (
            "stackd_disk_free_bytes",
            "gauge",
            "Room where stackd writes; missing where a disk does not answer.",
            [
                ({"use": one.use, "folder": one.folder}, float(one.free_bytes))
                for one in health.disks
                if one.free_bytes is not None
            ],
        ),
        ("stackd_errors_total", "counter", "Errors in the log.", _one(health.errors)),
        ("stackd_notices_total", "counter", "Runs of the command of [notify].", _one(health.notices)),
        ("stackd_notices_failed_total", "counter", "Those of them that failed.", _one(health.notices_failed)),
    )
    return "".join(line for name, kind, told, samples in families for line in _family(name, kind, told, samples))


def _family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterable[str]:
    yield f"# HELP {name} {told}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {value!r}\n" if inside else f"{name} {value!r}\n"


def _one(value: float) -> list[Sample]:
    return [({}, float(value))]


def _watches(health: Health, fact: str) -> list[Sample]:
    return [(_watch(one.watch, one.label), float(getattr(one, fact))) for one in health.watches]


def _watch(watch: str, label: str) -> Mapping[str, str]:
    return {"watch": label, "folder": watch}


def _escaped(text: str) -> str:
    return encodable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
