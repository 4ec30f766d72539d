"""`stackd state backup` and `stackd forget`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.cli.status import backup, forget
from stackd.errors import WrongUse
from stackd.model.frame import Fingerprint, Frame, FrameMeta
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id

AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "state").mkdir()
    config = tmp_path / "stackd.toml"
    config.write_text(f'[state]\nfolder = "{tmp_path / "state"}"\n', encoding="utf-8")
    return config


def record(tmp_path: Path, name: str, state: JobState) -> str:
    frames = (Frame(path=name, fingerprint=Fingerprint(size_bytes=1, mtime_ns=1), meta=FrameMeta()),)
    stack = Stack(
        id=stack_id(frames),
        frames=frames,
        kind=StackKind.FOCUS,
        reason=SealReason.GAP,
        confidence=0.9,
        decision=Decision.PROCESS,
        evidence=(),
    )
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite3")
    watch = str(tmp_path / "in")
    job = journal.record_sealed(
        stack, watch=watch, recipe_name="default", recipe_hash="r", state=JobState.READY, version=1, at=AT
    )
    if state is not JobState.READY:
        journal.move(job.id, state, at=AT)
    journal.close()
    return stack.id


def stacks_known(tmp_path: Path) -> list[str]:
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite3")
    found = [job.stack_id for job in journal.jobs()]
    journal.close()
    return found


def test_a_backup_says_what_it_holds(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, "a.jpg", JobState.READY)

    backup(tmp_path / "copy.sqlite3", config)

    assert capsys.readouterr().out.endswith("copy.sqlite3 holds 1 stack.\n")


def test_a_stack_that_is_over_and_whose_frames_are_gone_is_forgotten(tmp_path: Path, config: Path) -> None:
    over = record(tmp_path, "a.jpg", JobState.DISMISSED)
    other = record(tmp_path, "b.jpg", JobState.DISMISSED)

    forget([over[:6]], config)

    assert stacks_known(tmp_path) == [other]


def test_what_would_be_stacked_again_or_is_not_over_is_not_forgotten(tmp_path: Path, config: Path) -> None:
    waiting = record(tmp_path, "a.jpg", JobState.READY)
    there = record(tmp_path, "b.jpg", JobState.DISMISSED)
    (tmp_path / "in" / "b.jpg").write_bytes(b"x")

    with pytest.raises(WrongUse, match="is ready"):
        forget([waiting], config)
    with pytest.raises(WrongUse, match="still lies in"):
        forget([there], config)
    with pytest.raises(WrongUse, match="“ab” is too short"):
        forget(["ab"], config)
    (tmp_path / "in").rename(tmp_path / "away")
    with pytest.raises(WrongUse, match="nobody can tell"):
        forget([there], config)

    assert stacks_known(tmp_path) == [waiting, there]
