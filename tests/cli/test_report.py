"""`stackd report`: the page of a stack is found through the journal, or it is said why there is none."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.model.frame import Fingerprint, Frame
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.service.ports import Publication, StagedFile

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def add_stack(journal: SqliteJournal, *, version: int = 1, published: tuple[Path, ...] = ()) -> str:
    frames = tuple(Frame(path=name, fingerprint=Fingerprint(size_bytes=1, mtime_ns=1)) for name in ("a.jpg", "b.jpg"))
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
        stack, watch="/card", recipe_name="default", recipe_hash="r", state=JobState.READY, version=version, at=AT
    )
    if published:
        files = tuple(
            (StagedFile(temporary_path=path.with_suffix(".tmp"), final_name=path.name, sha256="0", size_bytes=1), path.name)
            for path in published
        )
        journal.move(job.id, JobState.RUNNING, at=AT)
        journal.begin_publication(Publication(job_id=job.id, folder=published[0].parent, files=files), at=AT)
        journal.finish_publication(job.id, at=AT)
    return stack.id


def report(config: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stackd", "report", *arguments, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_the_page_of_the_newest_composite_is_named(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    for name in ("x.html", "x_v2.html"):
        (tmp_path / name).touch()
    stack = add_stack(journal, published=(tmp_path / "x.json", tmp_path / "x.html", tmp_path / "x.tif"))
    add_stack(journal, version=2, published=(tmp_path / "x_v2.html", tmp_path / "x_v2.tif"))

    told = report(config, stack[:4])

    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == str(tmp_path / "x_v2.html")


def test_a_page_is_opened_in_the_browser(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    page = tmp_path / "a b#1.html"
    page.touch()
    stack = add_stack(journal, published=(page, tmp_path / "x.tif"))
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)

    told = report(config, stack, "--open", BROWSER=f"{browser} %s")

    assert told.returncode == 0, told.stderr
    assert (tmp_path / "opened").read_text() == page.as_uri()


def test_where_there_is_no_browser_that_is_said(config: Path, journal: SqliteJournal, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    page.touch()
    stack = add_stack(journal, published=(page, tmp_path / "x.tif"))

    told = report(config, stack, "--open", BROWSER="/bin/false %s", PATH="/nowhere", DISPLAY="")

    assert told.returncode == 1
    assert "no browser" in told.stderr
    assert str(page) in told.stdout


@pytest.mark.parametrize(
    ("outputs", "said"),
    [((), "is ready, so there is no report yet"), (("x.tif",), "without a page"), (("x.html", "x.tif"), "no longer there")],
)
def test_a_page_that_is_not_there_is_explained(
    config: Path, journal: SqliteJournal, tmp_path: Path, outputs: tuple[str, ...], said: str
) -> None:
    stack = add_stack(journal, published=tuple(tmp_path / name for name in outputs))

    told = report(config, stack)

    assert told.returncode == 2
    assert said in told.stderr
