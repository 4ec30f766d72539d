"""Metrics are well-formed text for Prometheus, named by its conventions, and replaced in one step."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from stackd.adapters.telling.exposition import exposition
from stackd.adapters.telling.health_file import HEALTH_NAME, read_health, write_health
from stackd.adapters.telling.whole_file import write_whole
from stackd.service.ports import Disk, Health, RunningJob, WatchHealth

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

HEALTH = Health(
    process=7,
    version="1.2",
    started_at=AT,
    written_at=AT,
    written_s=100.0,
    watches=(
        WatchHealth(
            watch='/a"b\\c',
            label="card",
            online=True,
            trouble="",
            events=False,
            canary_heard=None,
            looked_s=10.0,
            looking_s=None,
            late_s=90.0,
            files=12,
        ),
    ),
    journal_trouble="It is locked.",
    running=(RunningJob(stack_id="abc", seconds=3.0),),
    waiting=MappingProxyType({"held": 2}),
    moves=MappingProxyType({"done": 5}),
    published=MappingProxyType({"pass": 4, "review": 1}),
    disks=(Disk(use="state", folder="/s", free_bytes=99), Disk(use="output", folder="/o", free_bytes=None)),
    errors=3,
    last_error="plan.stumbled",
    last_error_at=AT,
    notices=2,
    notices_failed=1,
)

LINE = re.compile(r'(?P<name>[a-z_]+)(\{[a-z_]+="(\\["\\n]|[^"\\])*"(,[a-z_]+="(\\["\\n]|[^"\\])*")*\})? -?[0-9.e+]+')


def test_every_line_is_a_sample_of_a_family_with_help_and_kind() -> None:
    kinds = {}
    helped = set()
    for line in exposition(HEALTH, up=True).splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
            assert len(line.split()) > 3
        elif line.startswith("# TYPE "):
            kinds[line.split()[2]] = line.split()[3]
        else:
            found = LINE.fullmatch(line)
            assert found, line
            assert found["name"] in kinds

    assert helped == set(kinds)
    assert {name for name, kind in kinds.items() if kind == "counter"} == {name for name in kinds if name.endswith("_total")}
    assert set(kinds.values()) == {"counter", "gauge"}


@pytest.mark.parametrize(
    "line",
    [
        "stackd_up 1.0",
        "stackd_journal_ok 0.0",
        'stackd_watch_online{watch="card",folder="/a\\"b\\\\c"} 1.0',
        f'stackd_watch_last_look_timestamp_seconds{{watch="card",folder="/a\\"b\\\\c"}} {AT.timestamp() - 10}',
        'stackd_stacks{state="held"} 2.0',
        'stackd_stacks{state="failed"} 0.0',
        'stackd_stack_moves_total{state="done"} 5.0',
        'stackd_composites_total{judgement="review"} 1.0',
        'stackd_disk_free_bytes{use="state",folder="/s"} 99.0',
        "stackd_errors_total 3.0",
        "stackd_notices_failed_total 1.0",
    ],
)
def test_the_facts_are_told(line: str) -> None:
    assert line in exposition(HEALTH, up=True).splitlines()


def test_a_disk_that_does_not_answer_is_missing_and_a_stopped_service_is_down() -> None:
    told = exposition(HEALTH, up=False)

    assert "/o" not in told
    assert "stackd_up 0.0" in told


def test_health_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_health(tmp_path, HEALTH)

    assert read_health(tmp_path) == HEALTH
    assert [path.name for path in tmp_path.iterdir()] == [HEALTH_NAME]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"format_version": 2}', b'{"format_version": 1}', b"\xff\xfe"])
def test_health_that_makes_no_sense_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HEALTH_NAME).write_bytes(content)

    assert read_health(tmp_path) is None


def test_a_reader_holds_the_old_file_whole_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "stackd.prom"
    write_whole(path, "old")
    with path.open() as held:
        write_whole(path, "new")
        assert held.read() == "old"

    assert path.read_text() == "new"


def test_what_cannot_be_written_leaves_nothing_and_makes_no_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", "text")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", "text")

    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "stackd.prom").symlink_to(tmp_path / "precious")

    write_whole(tmp_path / "stackd.prom", "metrics")

    assert (tmp_path / "precious").read_text() == "mine"
