"""A job in a process of its own: whatever becomes of it, the service hears one end of it."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackd.adapters.machine.system_clock import SystemClock
from stackd.adapters.machine.wakeup import Wakeup
from stackd.adapters.processes import describing
from stackd.adapters.processes.describing import DescribingProcess, DescribingProcesses
from stackd.adapters.processes.workers import WorkerProcesses
from stackd.model.frame import Fingerprint, FrameMeta
from stackd.model.stack import Decision, SealReason, Stack, StackKind
from stackd.service.ports import (
    Answer,
    Cause,
    Crashed,
    Described,
    Failed,
    Finished,
    ManifestRead,
    NotDescribed,
    Progressed,
    StackingRequest,
    WorkerEvent,
)

ROOT = Path(__file__).parents[3]
LONGEST_S = 20.0

EMPTY_STACK = Stack(
    id="abc",
    frames=(),
    kind=StackKind.FOCUS,
    reason=SealReason.ASKED,
    confidence=1.0,
    decision=Decision.PROCESS,
    evidence=(),
    sealed_at=datetime(2026, 5, 1, tzinfo=UTC),
)


def request(behaviour: str, job_id: int = 1, attempt: int = 1) -> StackingRequest:
    return StackingRequest(
        job_id=job_id,
        attempt=attempt,
        stack=EMPTY_STACK,
        input_folder=Path("/in"),
        output_folder=Path("/out"),
        recipe_name="r",
        recipe=behaviour,
    )


class Bench:
    """Workers with a waker, and a way to wait for what they say."""

    def __init__(self, *, silent_s: float = 60.0, timeout_s: float = 60.0, **staying: float) -> None:
        self.wakeup = Wakeup()
        self.workers = WorkerProcesses(
            "tests.adapters.processes.work_entries:work",
            clock=SystemClock(),
            job_timeout_s=timeout_s,
            silent_s=silent_s,
            watch=self.wakeup.watch,
            unwatch=self.wakeup.unwatch,
            **staying,  # type: ignore[arg-type]
        )
        self.heard: list[WorkerEvent] = []

    def process_of(self, job_id: int, behaviour: str = "tell process", attempt: int = 1, timeout_s: float | None = None) -> int:
        """Have a job done, and tell by which process."""
        self.workers.start(replace(request(behaviour, job_id, attempt), timeout_s=timeout_s))
        done = self.hear(Finished, count=1 + sum(isinstance(event, Finished) for event in self.heard))
        assert isinstance(done[-1], Finished)
        return int(done[-1].result.seconds["process"])

    def hear(self, *kinds: type[WorkerEvent], count: int = 1) -> list[WorkerEvent]:
        deadline_s = time.monotonic() + LONGEST_S
        while sum(isinstance(event, kinds) for event in self.heard) < count:
            assert time.monotonic() < deadline_s, self.heard
            self.wakeup.wait(0.1)
            self.heard += self.workers.events()
        return [event for event in self.heard if isinstance(event, kinds)]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench()
    yield bench
    bench.workers.close()
    bench.wakeup.close()


def test_a_job_reports_progress_and_its_result(bench: Bench) -> None:
    bench.workers.start(request("well"))

    (finished,) = bench.hear(Finished)

    assert isinstance(finished, Finished)
    assert finished.result.seconds == {"fuse": 1.0}
    assert bench.heard[0] == Progressed(job_id=1, stage="fuse", done=1, total=2)
    assert bench.workers.running() == frozenset()


def test_a_crash_in_a_library_costs_that_job_only(bench: Bench) -> None:
    bench.workers.start(request("crash", job_id=1))
    bench.workers.start(request("well", job_id=2))

    ends = bench.hear(Crashed, Finished, count=2)

    crashed = next(event for event in ends if isinstance(event, Crashed))
    assert crashed.job_id == 1
    assert "SIGSEGV" in crashed.reason
    assert any(isinstance(event, Finished) and event.job_id == 2 for event in ends)


def test_a_worker_that_did_well_stays_for_the_next_job_and_each_has_its_whole_time(bench: Bench) -> None:
    processes = [bench.process_of(job_id) for job_id in range(1, 4)]

    left_s = [event.result.seconds["cpu_left"] for event in bench.heard if isinstance(event, Finished)]
    assert len(set(processes)) == 1
    assert left_s[0] == pytest.approx(left_s[-1], abs=1.0)


def test_a_worker_is_replaced_after_some_jobs_and_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench(jobs_a_process=2, stays_below_bytes=150_000_000)

    first, again, fresh = (bench.process_of(job_id) for job_id in range(1, 4))
    grown, after = bench.process_of(4, "grow"), bench.process_of(5)
    bench.workers.close()

    assert first == again != fresh
    assert fresh == grown != after


def test_a_job_that_is_tried_again_and_one_after_a_crash_get_a_fresh_worker(bench: Bench) -> None:
    first = bench.process_of(1)
    again = bench.process_of(2, attempt=2)
    bench.workers.start(request("crash", job_id=3))
    (crashed,) = bench.hear(Crashed)
    after = bench.process_of(4)

    assert isinstance(crashed, Crashed)
    assert crashed.job_id == 3
    assert again != first
    assert after in (first, again)


def test_a_worker_that_dies_while_it_waits_is_nobodys_crash(bench: Bench) -> None:
    os.kill(bench.process_of(1), signal.SIGKILL)

    assert bench.process_of(2) > 0
    assert not [event for event in bench.heard if isinstance(event, Crashed)]


def test_a_worker_without_work_ends_after_a_while_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench(idle_s=0.0)
    process = bench.process_of(1)

    deadline_s = time.monotonic() + LONGEST_S
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline_s
        bench.wakeup.wait(0.05)
        bench.workers.events()

    assert bench.process_of(2) != process
    bench.workers.close()


def test_an_error_in_plain_words_arrives_as_it_was_said(bench: Bench) -> None:
    bench.workers.start(request("blocked"))

    (failed,) = bench.hear(Failed)

    assert failed == Failed(
        job_id=1, message="The disk is full.", hint="Make room.", cause=Cause.OUTPUT_BLOCKED, retry_helps=True
    )


def test_an_error_nobody_foresaw_is_told_and_not_retried(bench: Bench) -> None:
    bench.workers.start(request("unexpected"))

    (failed,) = bench.hear(Failed)

    assert isinstance(failed, Failed)
    assert "ZeroDivisionError" in failed.message
    assert not failed.retry_helps


def test_a_job_that_reports_nothing_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench(silent_s=0.5)
    bench.workers.start(request("hang"))

    (crashed,) = bench.hear(Crashed)

    assert isinstance(crashed, Crashed)
    assert "no progress" in crashed.reason
    assert bench.workers.running() == frozenset()


def test_a_job_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench(timeout_s=0.8)
    bench.workers.start(request("report on"))

    (crashed,) = bench.hear(Crashed)

    assert isinstance(crashed, Crashed)
    assert "longer than" in crashed.reason


def test_a_cancelled_job_ends_at_its_next_report_and_says_nothing_more(bench: Bench) -> None:
    bench.workers.start(request("report on"))
    bench.hear(Progressed)

    began_s = time.monotonic()
    bench.workers.cancel(1)
    took_s = time.monotonic() - began_s

    assert took_s < 2.0
    assert bench.workers.running() == frozenset()
    assert bench.workers.events() == ()


def test_a_job_that_does_not_listen_is_killed_within_the_time_a_stop_may_take(bench: Bench) -> None:
    bench.workers.start(request("stubborn", job_id=1))
    bench.workers.start(request("stubborn", job_id=2))
    bench.hear(Progressed, count=4)

    began_s = time.monotonic()
    bench.workers.close()
    took_s = time.monotonic() - began_s

    assert took_s < 5.0
    assert bench.workers.running() == frozenset()


def test_a_worker_is_polite_and_keeps_within_limits(bench: Bench) -> None:
    bench.workers.start(request("tell limits"))

    (finished,) = bench.hear(Finished)

    assert isinstance(finished, Finished)
    assert finished.result.seconds["nice"] >= 10
    assert finished.result.seconds["core"] == 0
    assert finished.result.seconds["session"] == 1
    assert finished.result.seconds["open_files"] <= 4096


def test_files_that_hang_the_reading_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two hang at once; those sent behind them are read by others, each once."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(describing, "SLOW_S", 0.3)
    monkeypatch.setattr(describing, "START_S", 3.0)
    wakeup = Wakeup()
    describer = DescribingProcesses(
        "tests.adapters.processes.work_entries:describe", clock=SystemClock(), watch=wakeup.watch, unwatch=wakeup.unwatch
    )
    names = ["hang1.jpg", *(f"a{number}.jpg" for number in range(30)), "hang2.jpg", *(f"b{number}.jpg" for number in range(30))]
    for name in names:
        describer.ask("w", tmp_path, name, Fingerprint(size_bytes=1, mtime_ns=1))

    answers: list[Answer] = []
    deadline_s = time.monotonic() + LONGEST_S
    while len(answers) < 60:
        assert time.monotonic() < deadline_s, len(answers)
        wakeup.wait(0.1)
        answers += describer.answers()
    describer.close()

    assert sorted(answer.path for answer in answers) == sorted(name for name in names if not name.startswith("hang"))


def test_a_file_that_crashes_the_reading_costs_that_file_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    wakeup = Wakeup()
    (tmp_path / "stack.json").write_bytes(b"{}")
    describer = DescribingProcess(
        "tests.adapters.processes.work_entries:describe", clock=SystemClock(), watch=wakeup.watch, unwatch=wakeup.unwatch
    )
    fingerprint = Fingerprint(size_bytes=1, mtime_ns=1)
    names = ["a.jpg", "crash.jpg", "broken.jpg", "stack.json", "b.jpg"]
    for name in names:
        describer.ask("w", tmp_path, name, fingerprint)

    answers: list[Answer] = []
    deadline_s = time.monotonic() + LONGEST_S
    while len(answers) < len(names):
        assert time.monotonic() < deadline_s, answers
        wakeup.wait(0.1)
        answers += describer.answers()
    describer.close()

    by_name = {answer.path: answer for answer in answers}
    assert isinstance(by_name["a.jpg"], Described)
    assert by_name["a.jpg"].meta == FrameMeta(iso=100.0)
    crashed, broken = by_name["crash.jpg"], by_name["broken.jpg"]
    assert isinstance(crashed, NotDescribed)
    assert "SIGSEGV" in crashed.reason
    assert isinstance(broken, NotDescribed)
    assert broken.reason == "broken.jpg is cut off."
    assert by_name["stack.json"] == ManifestRead(watch="w", path="stack.json", fingerprint=fingerprint, content=b"{}")
    assert isinstance(by_name["b.jpg"], Described)


def test_a_job_may_bring_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reloaded configuration says of it counts for the next job."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bench = Bench()
    bench.workers.start(replace(request("hang"), timeout_s=1.0))

    (crashed,) = bench.hear(Crashed)

    assert isinstance(crashed, Crashed)
    assert "longer than 1 seconds" in crashed.reason
    bench.workers.close()


def test_a_job_with_another_time_gets_a_worker_whose_limit_fits(bench: Bench) -> None:
    first = bench.process_of(1)

    assert bench.process_of(2, timeout_s=50.0) != first
    assert bench.process_of(3) == first


def test_the_trace_of_an_error_nobody_foresaw_is_escaped_too(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.workers.start(request("unexpected"))
    bench.hear(Failed)
    bench.workers.close()

    said = capfd.readouterr().err
    assert "ZeroDivisionError: of all things\\x1b[2J" in said
    assert "\x1b" not in said
