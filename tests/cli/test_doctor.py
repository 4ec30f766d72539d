"""`stackd doctor` finds what is wrong and says what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from stackd.cli.doctor import doctor

app = Typer()
app.command()(doctor)


def examine(tmp_path: Path, text: str, *arguments: str) -> Result:
    path = tmp_path / "stackd.toml"
    path.write_text(f'[state]\nfolder = "state"\n{text}', encoding="utf-8")
    return CliRunner().invoke(app, ["--config", str(path), *arguments])


WATCH = '[[watch]]\ninput = "in"\noutput = "out"\n'


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def test_a_healthy_set_up_is_called_ready(folders: Path):
    result = examine(folders, WATCH)

    assert result.exit_code == 0, result.output
    assert "stackd is ready." in result.output
    assert not list((folders / "out").iterdir()), "the probe file is gone"


def test_a_missing_input_is_named_with_what_to_do(folders: Path):
    (folders / "in").rmdir()

    result = examine(folders, WATCH)

    assert result.exit_code == 1
    assert f"The watched folder {folders / 'in'} is not there." in result.output
    assert f"mkdir -p '{folders / 'in'}'" in result.output


def test_a_folder_for_composites_that_do_not_pass_that_cannot_be_used_is_trouble(folders: Path):
    (folders / "elsewhere").mkdir()
    (folders / "out" / "review").symlink_to(folders / "elsewhere")
    (folders / "out" / "reject").write_text("mine")

    result = examine(folders, WATCH)

    assert result.exit_code == 1
    assert "it is a link" in result.output
    assert "it is no folder" in result.output


def test_a_missing_output_is_trouble(folders: Path):
    (folders / "out").rmdir()

    result = examine(folders, WATCH)

    assert result.exit_code == 1
    assert not (folders / "out").exists(), "a missing folder may be a disk that is not connected"


def test_an_output_that_is_a_file_is_trouble(folders: Path):
    (folders / "out").rmdir()
    (folders / "out").write_text("", encoding="utf-8")

    assert examine(folders, WATCH).exit_code == 1


def test_a_wrong_configuration_is_one_of_the_findings(folders: Path):
    result = examine(folders, "[intake]\nsettle_s = -1\n")

    assert result.exit_code == 1
    assert "[intake] settle_s: must be at least" in result.output
    assert "Python" in result.output, "the other checks are still made"


def test_a_running_daemon_is_mentioned(folders: Path):
    (folders / "state").mkdir()
    daemon = subprocess.Popen([sys.executable, "-c", "input()", "stackd", "run"], stdin=subprocess.PIPE)
    try:
        (folders / "state" / "stackd.lock").write_text(f"{daemon.pid}\n", encoding="ascii")
        running = examine(folders, WATCH).output
    finally:
        daemon.kill()
        daemon.communicate()
    stopped = examine(folders, WATCH).output

    assert f"The daemon is running (process {daemon.pid})." in running
    assert "The daemon is running" not in stopped


def test_json_is_for_scripts(folders: Path):
    report = json.loads(examine(folders, WATCH, "--json").stdout)

    assert report["healthy"] is True
    assert {"about", "verdict", "sentence", "remedy"} == set(report["checks"][0])


def test_without_a_folder_to_watch_only_what_needs_none_is_called_ready(tmp_path: Path):
    """`stackd run` ends with code 78 on such a configuration."""
    result = examine(tmp_path, "")

    assert result.exit_code == 0, result.output
    assert "`stackd run` needs a folder to watch." in result.output
    assert "stackd is ready." not in result.output
