"""`stackd status` tells what was judged of every composite, and what to do about those that do not pass."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.cli.fuse import EXIT_NOT_PASSED, exit_code
from stackd.model.frame import Fingerprint, Frame
from stackd.model.job import Job, JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import Publication, StagedFile, Warned

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
GAP = Warned(code="focus-gap", sentence="Nothing is sharp between a.jpg and b.jpg.")


def running(journal: SqliteJournal, name: str) -> Job:
    frames = tuple(Frame(path=f"{name}_{n}.jpg", fingerprint=Fingerprint(size_bytes=1, mtime_ns=n)) for n in (1, 2))
    stack = Stack(
        id=stack_id(frames),
        frames=frames,
        kind=StackKind.FOCUS,
        reason=SealReason.GAP,
        confidence=1.0,
        decision=Decision.PROCESS,
        evidence=(),
    )
    job = journal.record_sealed(
        stack, watch="/card", recipe_name="default", recipe_hash="r", state=JobState.READY, version=1, at=AT
    )
    return journal.move(job.id, JobState.RUNNING, at=AT)


def publish(
    journal: SqliteJournal,
    name: str,
    judgement: Judgement,
    probability: float,
    *,
    folder: Path = Path("/out"),
    begun: Job | None = None,
) -> Job:
    job = running(journal, name) if begun is None else begun
    file = StagedFile(temporary_path=Path(f"/out/.stackd-{name}.tmp"), final_name=f"{name}.tif", sha256="0", size_bytes=1)
    verdict = Verdict(judgement=judgement, rejection_probability=probability, reasons=("focus-gap",))
    journal.begin_publication(
        Publication(job_id=job.id, folder=folder, files=((file, file.final_name),), verdict=verdict, warnings=(GAP,)), at=AT
    )
    return journal.finish_publication(job.id, at=AT)


def hold(journal: SqliteJournal, name: str) -> Job:
    job = running(journal, name)
    verdict = Verdict(judgement=Judgement.REJECT, rejection_probability=0.9, reasons=("focus-gap",))
    return journal.hold(
        job.id, verdict, [GAP], at=AT, error=f"The composite is held as a reject. {GAP.sentence}", hint="`stackd release` it."
    )


def stackd(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "stackd", *arguments], capture_output=True, text=True, check=False)


def test_status_tells_every_verdict_and_sums_them_up(config: Path, journal: SqliteJournal) -> None:
    for number in range(3):
        publish(journal, f"fine{number}", Judgement.PASS, 0.01)
    publish(journal, "doubtful", Judgement.REVIEW, 0.4)
    bad = publish(journal, "bad", Judgement.REJECT, 0.95)
    held = hold(journal, "held")

    text = stackd("status", "--config", str(config)).stdout
    told = json.loads(stackd("status", "--json", "--config", str(config)).stdout)

    assert "review: look at it, 40 % likely that you would reject it" in text
    assert "reject: 95 % likely that you would reject it" in text
    assert "3 done, 1 to review, 1 rejected, 1 held." in text
    assert told["summary"] == {"done": 3, "to_review": 1, "rejected": 1, "held": 1}
    verdicts = {stack["id"]: stack["verdict"] for stack in told["stacks"]}
    assert verdicts[bad.stack_id] == {"judgement": "reject", "rejection_probability": 0.95, "reasons": ["focus-gap"]}
    assert verdicts[held.stack_id]["judgement"] == "reject"


def test_a_held_composite_is_told_with_the_sentence_and_what_to_do_and_nothing_twice(
    config: Path, journal: SqliteJournal
) -> None:
    hold(journal, "held")

    text = stackd("status", "--config", str(config)).stdout

    assert "held_1.jpg … held_2.jpg" in text
    assert "The composite is held as a reject." in text
    assert "`stackd release` it." in text
    assert text.count(GAP.sentence) == 1
    assert "sure that they are one stack" not in text


def test_the_sum_counts_all_stacks_though_only_the_newest_are_told(config: Path, journal: SqliteJournal) -> None:
    for number in range(55):
        publish(journal, f"fine{number}", Judgement.PASS, 0.01)

    text = stackd("status", "--config", str(config)).stdout

    assert text.count("/out/fine") == 50
    assert "55 done." in text


def test_a_held_composite_can_be_tried_again_but_not_a_stack_that_was_never_tried(config: Path, journal: SqliteJournal) -> None:
    held = hold(journal, "held")
    unsure = running(journal, "unsure")
    journal.move(unsure.id, JobState.READY, at=AT)
    journal.move(unsure.id, JobState.HELD, at=AT)

    tried = stackd("retry", held.stack_id, "--config", str(config))
    refused = stackd("retry", unsure.stack_id, "--config", str(config))

    assert tried.returncode == 0
    assert refused.returncode == 2
    assert "stackd release" in refused.stderr
    assert [wish.stack_id for wish in journal.wishes()] == [held.stack_id]


@pytest.mark.parametrize(
    ("judgement", "strict", "code"),
    [
        (Judgement.PASS, True, 0),
        (Judgement.REVIEW, True, EXIT_NOT_PASSED),
        (Judgement.REJECT, True, EXIT_NOT_PASSED),
        (Judgement.REJECT, False, 0),
    ],
)
def test_only_the_strict_are_told_by_exit_code_that_a_composite_does_not_pass(
    judgement: Judgement, *, strict: bool, code: int
) -> None:
    assert exit_code(Verdict(judgement=judgement, rejection_probability=0.5), strict=strict) == code


def test_what_is_hardly_likely_is_not_said_to_be_impossible() -> None:
    assert Verdict(judgement=Judgement.PASS, rejection_probability=0.001).likely.startswith("less than 1 % likely")
    assert Verdict(judgement=Judgement.REVIEW, rejection_probability=0.42).likely.startswith("42 % likely")
