"""`stackd status` leads with what needs somebody, says what to do about it, and gives monitoring an exit code."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stackd.adapters.journal.dealt_with import not_dealt_with
from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.adapters.machine.instance_lock import InstanceLock
from stackd.adapters.telling.health_file import write_health
from stackd.cli.reports.next_step import STEPS
from stackd.model.job import JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import FolderReport, Health, WatchHealth, WishKind
from tests.cli.test_judged_status import AT, hold, publish, running, stackd


def health(*, age_s: float = 1.0, process: int | None = None, looked_s: float = 3.0, journal_trouble: str = "") -> Health:
    return Health(
        process=os.getpid() if process is None else process,
        version="1",
        started_at=AT,
        written_at=AT,
        written_s=time.monotonic() - age_s,
        watches=(
            WatchHealth(
                watch="/card",
                label="card",
                online=True,
                trouble="",
                events=True,
                canary_heard=True,
                looked_s=looked_s,
                looking_s=None,
                late_s=90.0,
                files=0,
            ),
        ),
        journal_trouble=journal_trouble,
    )


@pytest.fixture
def service(tmp_path: Path, config: Path) -> Iterator[Path]:
    """A state folder that is held as a running service holds it."""
    del config
    lock = InstanceLock(tmp_path / "state")
    yield tmp_path / "state"
    lock.close()


def checked(config: Path) -> tuple[int, str]:
    told = stackd("status", "--check", "--config", str(config))
    return told.returncode, told.stdout


def test_all_is_well_where_the_service_told_so_just_now(config: Path, journal: SqliteJournal, service: Path) -> None:
    publish(journal, "fine", Judgement.PASS, 0.01)
    write_health(service, health())

    assert checked(config) == (0, "All is well.\n")


def test_a_service_that_does_not_run_is_told(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    del journal
    write_health(tmp_path / "state", health())

    code, said = checked(config)

    assert code == 2
    assert "`stackd run`" in said


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"age_s": 600.0}, "hangs"),
        ({"process": 1}, "not begun"),
        ({"age_s": -10_000.0}, "not begun"),
    ],
)
def test_a_service_that_hangs_or_has_told_nothing_is_stuck(config: Path, service: Path, told: dict[str, Any], words: str) -> None:
    write_health(service, health(**told))

    code, said = checked(config)

    assert code == 2
    assert words in said


def test_facts_of_another_process_are_not_shown_as_those_of_this_one(config: Path, journal: SqliteJournal, service: Path) -> None:
    del journal
    write_health(service, health(process=1))

    assert "Watch card" not in stackd("status", "--config", str(config)).stdout


def test_a_health_file_that_makes_no_sense_is_none(config: Path, service: Path) -> None:
    (service / "health.json").write_bytes(b'{"format_version": 1, "watches": [3]}')

    assert checked(config)[0] == 2


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"looked_s": 9_000.0}, "card: the last look was finished 2 hours ago"),
        ({"journal_trouble": "The journal is locked."}, "The journal is locked."),
    ],
)
def test_a_look_that_is_late_and_a_journal_in_trouble_need_a_person(
    config: Path, service: Path, told: dict[str, Any], words: str
) -> None:
    write_health(service, health(**told))

    code, said = checked(config)

    assert code == 1
    assert words in said


def test_folders_in_trouble_need_a_person_but_not_those_no_longer_watched(
    config: Path, journal: SqliteJournal, service: Path
) -> None:
    write_health(service, health())
    journal.note_folder(FolderReport(watch="/old", at=AT, online=False, trouble="It is away."))
    before = checked(config)[0]
    journal.note_folder(FolderReport(watch="/card", at=AT, online=False, trouble="It is away."))

    assert before == 0
    assert checked(config)[0] == 1


def in_trouble(journal: SqliteJournal) -> dict[str, str]:
    """One stack in each state that needs somebody."""
    failed = running(journal, "failed")
    journal.move(failed.id, JobState.FAILED, at=AT, error="The frames differ in size.", hint="Take out b.jpg.")
    blocked = running(journal, "blocked")
    journal.move(blocked.id, JobState.BLOCKED, at=AT, error="The disk is full.", hint="Make room.")
    unsure = running(journal, "unsure")
    journal.move(unsure.id, JobState.READY, at=AT)
    journal.move(unsure.id, JobState.HELD, at=AT)
    quarantined = running(journal, "quarantined")
    journal.move(quarantined.id, JobState.QUARANTINED, at=AT, error="It ended three times.")
    doubtful = publish(journal, "doubtful", Judgement.REVIEW, 0.4)
    return {
        failed.stack_id: "retry",
        blocked.stack_id: "retry",
        unsure.stack_id: "release",
        quarantined.stack_id: "retry",
        doubtful.stack_id: "release",
    }


def test_trouble_leads_with_the_command_for_each_however_old_it_is(config: Path, journal: SqliteJournal, service: Path) -> None:
    write_health(service, health())
    steps = in_trouble(journal)
    for number in range(55):
        publish(journal, f"fine{number}", Judgement.PASS, 0.01)

    text = stackd("status", "--config", str(config)).stdout
    head, _, rest = text.partition("/out/fine")
    told = json.loads(stackd("status", "--json", "--config", str(config)).stdout)
    code, said = checked(config)

    assert text.splitlines()[2] == "These need you:"
    for stack, step in steps.items():
        assert f"`stackd {step} {stack}`" in head
        assert stack not in rest
    assert told["format_version"] == 1
    assert told["check"] == code == 1
    assert {one["id"] for one in told["stacks"] if one["needs_you"]} == set(steps)
    assert all(one["next_step"] for one in told["stacks"])
    assert [part for part in ("1 held.", "1 failed.", "1 blocked.", "1 set aside.", "1 to review.") if part not in said] == []


def test_every_state_says_what_to_do() -> None:
    assert set(STEPS) == set(JobState)


def test_the_facts_of_the_service_are_shown_with_their_age_now(config: Path, journal: SqliteJournal, service: Path) -> None:
    del journal
    write_health(service, health(age_s=20.0))

    text = stackd("status", "--config", str(config)).stdout
    told = json.loads(stackd("status", "--json", "--config", str(config)).stdout)["health"]

    assert "Watch card: last look finished" in text
    assert "change notices arrive" in text
    assert 20.0 <= told["age_s"] < 60.0
    assert told["watches"][0]["looked_s"] - told["age_s"] == pytest.approx(3.0, abs=0.01)
    assert told["journal_ok"] is True


def review_in(folder: Path, journal: SqliteJournal) -> Path:
    """Publish a doubtful composite into a real folder."""
    composite = folder / "a.tif"
    composite.parent.mkdir(parents=True)
    composite.write_bytes(b"pixels")
    publish(journal, "a", Judgement.REVIEW, 0.4, folder=folder)
    return composite


def summary(config: Path) -> dict[str, int]:
    told = json.loads(stackd("status", "--json", "--config", str(config)).stdout)
    found: dict[str, int] = told["summary"]
    return found


def test_to_review_shrinks_when_the_file_is_taken_away(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    composite = review_in(tmp_path / "out" / "review", journal)
    before = summary(config)
    composite.rename(tmp_path / "a.tif")

    assert before == {"to_review": 1}
    assert summary(config) == {"done": 1}


def test_to_review_shrinks_when_somebody_released_it(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    review_in(tmp_path / "out" / "review", journal)
    (job,) = journal.jobs()

    told = stackd("release", job.stack_id[:5], "--config", str(config))

    assert told.returncode == 0
    assert summary(config) == {"done": 1}
    assert "review, dealt with" in stackd("status", "--config", str(config)).stdout


def test_a_composite_that_passes_cannot_be_released(config: Path, journal: SqliteJournal) -> None:
    job = publish(journal, "fine", Judgement.PASS, 0.01)

    told = stackd("release", job.stack_id, "--config", str(config))

    assert told.returncode == 2
    assert "passes" in told.stderr


def test_a_share_that_is_away_has_taken_no_composite(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    review_in(tmp_path / "out" / "review", journal)
    (tmp_path / "out").rename(tmp_path / "share")
    (tmp_path / "out").mkdir()

    assert summary(config) == {"to_review": 1}


def test_beside_the_others_an_empty_folder_proves_nothing(journal: SqliteJournal, tmp_path: Path) -> None:
    composite = review_in(tmp_path / "out", journal)
    composite.unlink()
    jobs = journal.jobs()

    assert not_dealt_with(jobs, ()) == jobs
    (tmp_path / "out" / "other.tif").touch()
    assert not_dealt_with(jobs, ()) == ()


def test_a_release_of_an_earlier_making_says_nothing_of_this_one(journal: SqliteJournal) -> None:
    job = publish(journal, "a", Judgement.REVIEW, 0.4)
    before = journal.ask(WishKind.RELEASE, job.stack_id, at=AT - timedelta(days=1))
    after = journal.ask(WishKind.RELEASE, job.stack_id, at=AT)

    assert not_dealt_with([job], [before]) == (job,)
    assert not_dealt_with([job], [before, after]) == ()


def test_one_that_was_held_and_released_is_wanted_as_it_is(journal: SqliteJournal) -> None:
    held = hold(journal, "held")
    journal.move(held.id, JobState.READY, at=AT, accept=True)
    journal.move(held.id, JobState.RUNNING, at=AT)
    job = publish(journal, "held", Judgement.REJECT, 0.9, begun=held)

    assert job.accepted
    assert not_dealt_with([job], ()) == ()


def test_check_loads_no_numpy(config: Path) -> None:
    program = (
        f"import sys; sys.argv = ['stackd', 'status', '--check', '--config', {str(config)!r}]\n"
        "from stackd.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'cv2', 'watchdog', 'exiv2'} & set(sys.modules)))"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.splitlines()[-1] == "[]"
