"""What the tests of commands that read the journal share."""

from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    config = tmp_path / "stackd.toml"
    config.write_text('[state]\nfolder = "state"\n[[watch]]\ninput = "in"\noutput = "out"\n')
    return config


@pytest.fixture
def journal(tmp_path: Path, config: Path) -> SqliteJournal:
    del config
    return SqliteJournal(tmp_path / "state" / JOURNAL_NAME)
