"""A command of the user's hears of each event: once, over a crash at least once, without a shell, within its time."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stackd.adapters.journal.event_log import EventLog
from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal
from stackd.adapters.telling.command import run_command
from stackd.adapters.telling.notices import TOLD_NAME, Notices
from stackd.model.job import Job, JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import Event, Telling
from tests.cli.test_judged_status import AT, hold, publish, running

WRITE = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    told = {name: value for name, value in os.environ.items() if name.startswith("STACKD_")}
    file.write(json.dumps(told) + "\\n")
"""


class Heard:
    """A command that notes what it is told, on a journal."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.journal = SqliteJournal(place / JOURNAL_NAME)
        self.telling = Telling(command=(sys.executable, "-c", WRITE, str(place / "heard")), on=frozenset(Event), timeout_s=60.0)

    def notices(self, telling: Telling | None = None) -> Notices:
        """Begin as a service does, but for the thread: `tell_all` is called by the test."""
        notices = Notices(EventLog(self.place / JOURNAL_NAME), self.place)
        notices._thread = threading.Thread()
        notices.follow(self.telling if telling is None else telling)
        notices._begin()
        return notices

    @property
    def told(self) -> list[dict[str, str]]:
        path = self.place / "heard"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(one["STACKD_EVENT"], one["STACKD_STACK"]) for one in self.told]


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    return Heard(tmp_path)


def fail(journal: SqliteJournal, name: str, state: JobState = JobState.FAILED) -> Job:
    return journal.move(running(journal, name).id, state, at=AT, error=f"{name} cannot be stacked.")


def test_each_event_is_told_once_with_what_happened(heard: Heard) -> None:
    notices = heard.notices()
    failed = fail(heard.journal, "failed")
    set_aside = fail(heard.journal, "aside", JobState.QUARANTINED)
    blocked = fail(heard.journal, "blocked", JobState.BLOCKED)
    held = hold(heard.journal, "held")
    doubtful = publish(heard.journal, "doubtful", Judgement.REVIEW, 0.4)
    rejected = publish(heard.journal, "rejected", Judgement.REJECT, 0.9)
    publish(heard.journal, "fine", Judgement.PASS, 0.01)

    notices.tell_all()
    notices.tell_all()

    assert heard.events == [
        ("failed", failed.stack_id),
        ("failed", set_aside.stack_id),
        ("blocked", blocked.stack_id),
        ("held", held.stack_id),
        ("review", doubtful.stack_id),
        ("review", rejected.stack_id),
    ]
    assert heard.told[0]["STACKD_SENTENCE"] == "failed cannot be stacked."
    assert heard.told[0]["STACKD_COMPOSITE"] == heard.told[0]["STACKD_VERDICT"] == ""
    assert heard.told[4]["STACKD_COMPOSITE"] == "/out/doubtful.tif"
    assert heard.told[4]["STACKD_VERDICT"] == "review"
    assert "40 % likely" in heard.told[4]["STACKD_SENTENCE"]
    assert (notices.run, notices.failed) == (6, 0)


def test_what_happened_before_the_command_was_configured_is_not_told(heard: Heard) -> None:
    fail(heard.journal, "before")
    notices = heard.notices()
    after = fail(heard.journal, "after")

    notices.tell_all()

    assert heard.events == [("failed", after.stack_id)]


def test_what_happened_while_nobody_ran_is_told_at_the_next_start_and_nothing_twice(heard: Heard) -> None:
    first = heard.notices()
    one = fail(heard.journal, "one")
    first.tell_all()
    two = fail(heard.journal, "two")

    heard.notices().tell_all()
    heard.notices().tell_all()

    assert heard.events == [("failed", one.stack_id), ("failed", two.stack_id)]


def test_only_what_is_asked_for_is_told(heard: Heard) -> None:
    notices = heard.notices(Telling(command=heard.telling.command, on=frozenset({Event.HELD})))
    fail(heard.journal, "failed")
    held = hold(heard.journal, "held")

    notices.tell_all()

    assert heard.events == [("held", held.stack_id)]


def test_a_stack_that_is_blocked_again_and_again_is_told_once(heard: Heard) -> None:
    notices = heard.notices()
    blocked = fail(heard.journal, "blocked", JobState.BLOCKED)
    notices.tell_all()
    for state in (JobState.READY, JobState.RUNNING, JobState.BLOCKED):
        heard.journal.move(blocked.id, state, at=AT)
    notices.tell_all()

    assert heard.events == [("blocked", blocked.stack_id)]


def test_what_has_passed_meanwhile_is_not_told(heard: Heard) -> None:
    notices = heard.notices()
    blocked = fail(heard.journal, "blocked", JobState.BLOCKED)
    heard.journal.move(blocked.id, JobState.READY, at=AT)

    notices.tell_all()

    assert heard.events == []


def test_a_command_that_fails_is_told_in_the_log_and_not_repeated(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    program = "import sys; sys.stderr.write('no \\x1b[31mmail'); sys.exit(3)"
    notices = heard.notices(Telling(command=(sys.executable, "-c", program), on=frozenset(Event)))
    fail(heard.journal, "failed")

    with caplog.at_level(logging.WARNING, "stackd"):
        notices.tell_all()
        notices.tell_all()

    (record,) = caplog.records
    assert "exit code 3: no \\x1b[31mmail" in record.getMessage().replace("\\\\", "\\")
    assert (notices.run, notices.failed) == (1, 1)


def test_a_stop_leaves_the_event_for_the_next_start(heard: Heard) -> None:
    notices = heard.notices()
    failed = fail(heard.journal, "failed")
    notices._stopping.set()
    notices.tell_all()
    assert heard.events == []

    heard.notices().tell_all()

    assert heard.events == [("failed", failed.stack_id)]


def test_a_journal_that_was_begun_anew_is_told_from_its_beginning(heard: Heard) -> None:
    (heard.place / TOLD_NAME).write_text("1000\n")
    failed = fail(heard.journal, "failed")

    heard.notices().tell_all()

    assert heard.events == [("failed", failed.stack_id)]


def test_without_a_command_nothing_is_told_later_of_that_time(heard: Heard) -> None:
    heard.notices()
    assert (heard.place / TOLD_NAME).exists()
    heard_nothing = Notices(EventLog(heard.place / JOURNAL_NAME), heard.place)
    heard_nothing.follow(Telling())
    fail(heard.journal, "failed")

    heard.notices().tell_all()

    assert heard.events == []


def test_the_thread_tells_when_it_is_woken(heard: Heard) -> None:
    notices = Notices(EventLog(heard.place / JOURNAL_NAME), heard.place)
    notices.follow(heard.telling)
    failed = fail(heard.journal, "failed")
    deadline = threading.Event()
    for _ in range(600):
        notices.wake()
        if heard.events:
            break
        deadline.wait(0.1)
    notices.close()

    assert heard.events == [("failed", failed.stack_id)]


def test_there_is_no_shell(tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    odd = "$(touch x); `y` 'z' \udcff"

    failed = run_command(
        (sys.executable, "-c", program, str(tmp_path / "said"), "$(echo a) *"),
        {"STACKD_SENTENCE": f"{odd}\0"},
        timeout_s=60.0,
        stopping=threading.Event(),
    )

    assert failed == ""
    assert (tmp_path / "said").read_text() == "$(echo a) *"


@pytest.mark.parametrize("command", [("/nowhere/program",), ("/",)])
def test_a_program_that_is_not_there_is_said_so(command: tuple[str, ...]) -> None:
    failed = run_command(command, {}, timeout_s=60.0, stopping=threading.Event())

    assert failed is not None
    assert "could not be started" in failed


SLOW = """
import os, sys, time
if os.fork() == 0:
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""


def is_running(process: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    failed = run_command((sys.executable, "-c", SLOW, str(tmp_path / "child")), {}, timeout_s=2.0, stopping=threading.Event())

    assert failed == "it took longer than 2 s"
    assert not is_running(int((tmp_path / "child").read_text()))


def test_a_process_left_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\nif os.fork() == 0:\n    open(sys.argv[1], 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    )
    program += "while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():\n    time.sleep(0.01)\n"

    failed = run_command(
        (sys.executable, "-c", program, str(tmp_path / "child")), {}, timeout_s=500.0, stopping=threading.Event()
    )
    left = int((tmp_path / "child").read_text())
    still_there = is_running(left)
    os.kill(left, signal.SIGKILL)

    assert failed == ""
    assert still_there
