"""`stackd config` writes, checks and shows."""

from pathlib import Path

from typer.testing import CliRunner

from stackd.cli.config import app
from stackd.config.load import load_settings
from stackd.errors import StackdError

run = CliRunner().invoke


def test_init_writes_a_configuration_that_can_be_used(tmp_path: Path):
    path = tmp_path / "new" / "stackd.toml"

    result = run(app, ["init", str(path)])

    assert result.exit_code == 0
    assert len(load_settings(path).settings.watch) == 1


def test_init_never_overwrites(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text("# mine\n", encoding="utf-8")

    result = run(app, ["init", str(path)])

    assert isinstance(result.exception, StackdError)
    assert path.read_text(encoding="utf-8") == "# mine\n"


def test_check_says_what_is_watched(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text('[[watch]]\ninput = "in"\noutput = "out"\nrecipe = "macro"\n', encoding="utf-8")

    result = run(app, ["check", "--config", str(path)])

    assert f'Watching {tmp_path / "in"} → {tmp_path / "out"} with recipe "macro".' in result.output


def test_show_takes_changes_from_the_command_line(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text("", encoding="utf-8")

    result = run(app, ["show", "--config", str(path), "--set", "intake.quiet_s=42"])

    assert "quiet_s = 42.0  # --set" in result.output
