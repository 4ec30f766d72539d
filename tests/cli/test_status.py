"""`stackd status` and the decisions: from the journal alone, at once, and plain about what they cannot find."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.cli import terminal
from stackd.cli.reports import status as status_report
from stackd.cli.reports.status import as_lines
from stackd.model.frame import Fingerprint, Frame
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.service.ports import FolderReport, LeftAlone, OpenStack

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def add_stack(journal: SqliteJournal, *names: str) -> str:
    frames = tuple(Frame(path=name, fingerprint=Fingerprint(size_bytes=1, mtime_ns=1)) for name in names)
    stack = Stack(
        id=stack_id(frames),
        frames=frames,
        kind=StackKind.FOCUS,
        reason=SealReason.GAP,
        confidence=0.5,
        decision=Decision.HOLD,
        evidence=("the focus moves on",),
    )
    journal.record_sealed(stack, watch="/card", recipe_name="default", recipe_hash="r", state=JobState.HELD, version=1, at=AT)
    return stack.id


def stackd(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "stackd", *arguments], capture_output=True, text=True, check=False)


def test_status_before_the_first_run_says_so(config: Path) -> None:
    told = stackd("status", "--config", str(config))

    assert told.returncode == 0
    assert "not running" in told.stdout
    assert "no journal" in told.stdout


def test_status_tells_folders_stacks_and_reasons_and_escapes_names(config: Path, journal: SqliteJournal) -> None:
    held = add_stack(journal, "a\x1b[31m\udcff.jpg", "b.jpg")
    journal.note_folder(
        FolderReport(
            watch="/card",
            at=AT,
            online=True,
            trouble="Changes are not announced.",
            files=3,
            open_stacks=(OpenStack(frames=("c.jpg", "d.jpg"), waits_for="waits for more"),),
            set_aside=MappingProxyType({"cut.jpg": "cut.jpg is cut off."}),
            passed_over_count=1,
            left_alone=(LeftAlone(kind="exposure", count=3, first="x.jpg", last="z.jpg"),),
        )
    )

    text = stackd("status", "--config", str(config)).stdout
    told = json.loads(stackd("status", "--json", "--config", str(config)).stdout)

    for part in (
        held,
        "held",
        "release",
        "b.jpg; 50 % sure",
        "left alone: exposure bracket of 3, x.jpg … z.jpg",
        "1 other file",
        "c.jpg … d.jpg: waits for more",
        "cut.jpg is cut off.",
        "not announced",
    ):
        assert part in text
    assert "\x1b" not in text
    assert told["running"] is False
    assert told["stacks"][0]["id"] == held
    assert told["stacks"][0]["first"] == "a\\x1b[31m\\xff.jpg"
    assert told["folders"][0]["set_aside"] == {"cut.jpg": "cut.jpg is cut off."}


def test_status_shows_a_stack_that_was_given_up_unless_another_took_its_frames(config: Path, journal: SqliteJournal) -> None:
    replaced, vanished = add_stack(journal, "a.jpg", "b.jpg"), add_stack(journal, "y.jpg", "z.jpg")
    for job in journal.jobs():
        journal.move(job.id, JobState.SUPERSEDED, at=AT, error=f"{job.stack_id} was removed.")
    add_stack(journal, "a.jpg", "b.jpg", "c.jpg")

    text = stackd("status", "--config", str(config)).stdout

    assert f"{vanished} was removed." in text
    assert replaced not in text


def test_a_full_disk_of_the_journal_is_told_though_the_journal_cannot_tell_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "\n".join(as_lines(None, None, tmp_path))
    monkeypatch.setattr(status_report, "LEAST_ROOM_BYTES", 1 << 80)

    assert "is full" not in told
    assert "is full" in "\n".join(as_lines(None, None, tmp_path))


def test_a_frame_to_split_before_may_be_named_without_its_folder(config: Path, journal: SqliteJournal) -> None:
    stack = add_stack(journal, "card/a.jpg", "card/b.jpg", "card/c.jpg")

    stackd("split", stack, "--before", "b.jpg", "--config", str(config))

    assert [wish.frames for wish in journal.wishes()] == [("card/b.jpg",)]


def test_status_loads_no_numpy_and_writes_nothing(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    add_stack(journal, "a.jpg", "b.jpg")
    journal.close()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "state").iterdir()}
    program = (
        f"import sys; sys.argv = ['stackd', 'status', '--config', {str(config)!r}]\n"
        "from stackd.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'cv2', 'skimage', 'rawpy', 'watchdog', 'exiv2'} & set(sys.modules)))"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.splitlines()[-1] == "[]"
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "state").iterdir()} == before


def test_a_decision_is_kept_by_the_beginning_of_the_stacks_id(config: Path, journal: SqliteJournal) -> None:
    held = add_stack(journal, "a.jpg", "b.jpg")

    told = stackd("release", held[:4], "--config", str(config))

    assert told.returncode == 0, told.stderr
    assert held in told.stdout
    assert "when stackd runs again" in told.stdout
    assert [(wish.kind, wish.stack_id) for wish in journal.wishes()] == [("release", held)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry", "ffff"], "There is no stack ffff"),
        (["retry", "f"], "“f” is too short to name a stack"),
        (["release", "58"], "“58” is too short to name a stack"),
        (["merge", "{id}", "{id}"], "cannot be joined with itself"),
        (["split", "{id}", "--before", "nobody.jpg"], "nobody.jpg is no frame of stack"),
        (["merge", "{id}", "ffff"], "There is no stack ffff"),
        (["retry", "{id}"], "is held, so there is nothing to retry"),
    ],
)
def test_a_decision_about_what_is_not_there_is_refused_with_code_2(
    config: Path, journal: SqliteJournal, arguments: list[str], said: str
) -> None:
    held = add_stack(journal, "a.jpg", "b.jpg")

    told = stackd(*[argument.format(id=held) for argument in arguments], "--config", str(config))

    assert told.returncode == 2
    assert said in told.stderr
    assert journal.wishes() == ()


def test_split_takes_frames_and_merge_takes_stacks(config: Path, journal: SqliteJournal) -> None:
    one, two = add_stack(journal, "a.jpg", "b.jpg", "c.jpg"), add_stack(journal, "d.jpg", "e.jpg")

    split = stackd("split", one, "--before", "b.jpg", "--config", str(config))
    merge = stackd("merge", one, two, "--config", str(config))

    assert (split.returncode, merge.returncode) == (0, 0)
    assert [(wish.kind, wish.frames, wish.other_stack_ids) for wish in journal.wishes()] == [
        ("split", ("b.jpg",), ()),
        ("merge", (), (two,)),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_status_needs_no_permission_to_write(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    add_stack(journal, "a.jpg", "b.jpg")
    (tmp_path / "state").chmod(0o500)

    assert stackd("status", "--config", str(config)).returncode == 0


def test_a_name_holds_no_line_of_its_own_and_moves_no_cursor(config: Path, journal: SqliteJournal) -> None:
    evil = "a\nstackd is not running\x1b[2J\u202e\ud800\udcff"
    # A name on disk can hold any byte; half a character comes from JSON alone.
    stack_id = add_stack(journal, evil.replace("\ud800", ""), "b.jpg")
    (job,) = journal.jobs()
    journal.move(job.id, JobState.SUPERSEDED, at=AT, error=f"{evil} was removed.", hint=evil)
    reasons = MappingProxyType({evil: evil})
    open_stacks = (OpenStack(frames=(evil, evil), waits_for=evil),)
    alone = (LeftAlone(kind="exposure", count=3, first=evil, last=evil),)
    report = FolderReport(
        watch="/a\x1b[2J\n\udcff", at=AT, online=True, trouble=evil, open_stacks=open_stacks, set_aside=reasons, left_alone=alone
    )
    journal.note_folder(report)

    text = stackd("status", "--config", str(config))
    told = stackd("status", "--json", "--config", str(config))

    assert (text.returncode, told.returncode) == (0, 0)
    assert stack_id in text.stdout
    assert text.stdout.count("stackd is not running") == 1 + text.stdout.count(r"\nstackd is not running")
    for mark in ("\x1b", "\u202e"):
        assert mark not in text.stdout + told.stdout
    assert json.loads(told.stdout)["folders"][0]["trouble"].startswith(r"a\nstackd")


def test_without_colours_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    terminal.say("fine", colour="green", bold=True)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.say("fine", colour="green", bold=True)

    coloured, plain = capsys.readouterr().out.splitlines()
    assert "\x1b" in coloured
    assert plain == "fine"


def test_what_needs_a_hand_comes_first(config: Path, journal: SqliteJournal) -> None:
    add_stack(journal, "a.jpg", "b.jpg")
    add_stack(journal, "c.jpg", "d.jpg")
    done, held = journal.jobs()
    journal.move(done.id, JobState.READY, at=AT)
    alone = (LeftAlone(kind="single", count=2, first="x.jpg", last="z.jpg"),)
    aside = MappingProxyType({"cut.jpg": "cut.jpg is cut off."})
    trouble = "The watched folder /card does not answer."
    report = FolderReport(watch="/card", at=AT, online=False, trouble=trouble, left_alone=alone, set_aside=aside)
    journal.note_folder(report)

    text = stackd("status", "--config", str(config)).stdout

    places = [
        text.index(part)
        for part in (trouble, "need you", held.stack_id, "the focus moves on", "cut off", "single frames", done.stack_id)
    ]
    assert places == sorted(places)
    assert text.count(trouble) == 1
