"""What a method of the journal wrote lies on the disk when it returns: a power cut a moment later takes nothing back."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal

FULL = 2
"""`PRAGMA synchronous`: 0 off, 1 normal (in WAL: nothing is synced at commit), 2 full, 3 extra."""

WRITE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from {module} import SqliteJournal
from stackd.service.ports import WishKind

journal = SqliteJournal(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    journal.ask(WishKind.RETRY, "abc", at=datetime(2026, 5, 1, tzinfo=UTC))
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    yield journal
    journal.close()


def told(journal: SqliteJournal, setting: str) -> object:
    return journal._db.execute(f"PRAGMA {setting}").fetchone()[0]


def test_every_commit_waits_for_the_disk(journal: SqliteJournal) -> None:
    assert told(journal, "synchronous") == FULL


def test_every_commit_of_a_journal_opened_again_waits_for_the_disk(tmp_path: Path) -> None:
    """The setting belongs to the connection, not to the file."""
    SqliteJournal(tmp_path / "journal.sqlite3").close()

    again = SqliteJournal(tmp_path / "journal.sqlite3")

    assert told(again, "synchronous") == FULL
    again.close()


def test_commands_can_read_while_the_service_writes(tmp_path: Path, journal: SqliteJournal) -> None:
    other = SqliteJournal(tmp_path / "journal.sqlite3")

    journal._db.execute("BEGIN IMMEDIATE")
    read = other.jobs()
    journal._db.execute("ROLLBACK")

    assert told(journal, "journal_mode") == "wal"
    assert read == ()
    other.close()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_is_asked_to_sync_once_a_commit_at_least(tmp_path: Path) -> None:
    script = WRITE.format(module=SqliteJournal.__module__)

    def syncs(commits: int) -> int:
        place = tmp_path / str(commits)
        place.mkdir()
        calls = place / "calls"
        command = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(calls), sys.executable, "-c", script]
        traced = subprocess.run(
            [*command, str(place / "journal.sqlite3"), str(commits)], capture_output=True, text=True, check=False
        )
        if "ptrace" in traced.stderr.lower():
            pytest.skip("this machine does not let strace watch")
        assert traced.returncode == 0, traced.stderr
        return len(re.findall(r"\bf(?:data)?sync\(", calls.read_text()))

    assert syncs(commits=5) - syncs(commits=0) >= 5
