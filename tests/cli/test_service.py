"""`stackd service` writes what a service manager takes, below a folder of the test; never over what somebody edited."""

import os
import plistlib
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stackd.adapters.installation.managers import expect_systemd
from stackd.adapters.installation.owned_files import PlannedFile, write_files
from stackd.cli.daemon.service import app
from stackd.cli.main import exit_code
from stackd.errors import StackdError, WrongConfiguration, WrongUse

PROJECT = Path(__file__).parents[2]
UNIT = "etc/systemd/system/stackd.service"
DROP_IN = f"{UNIT}.d/10-stackd.conf"

CONFIG = """\
[state]
folder = "/var/lib/stackd"
[[watch]]
input = "/srv/photos/in"
output = "/srv/photos/my 100% \\\\ out"
[[watch]]
input = "/srv/more"
output = "/srv/finished"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc" / "stackd").mkdir(parents=True)
    (root / "etc" / "stackd" / "stackd.toml").write_text(CONFIG, encoding="utf-8")
    return root


@pytest.fixture
def home(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", "/home/anna")
    return root / "home" / "anna"


def call(command: str, root: Path, *options: str) -> Result:
    return CliRunner().invoke(app, [command, "--root", str(root), *options])


def install(root: Path, *options: str) -> Result:
    return call("install", root, "--system", "--program", "/usr/bin/stackd", *options)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def refusal(result: Result) -> StackdError:
    assert isinstance(result.exception, StackdError)
    return result.exception


def test_a_service_of_the_system_is_the_unit_a_drop_in_and_a_user(root: Path) -> None:
    result = install(root)

    written = files(root)
    assert result.exit_code == 0
    assert set(written) == {"etc/stackd/stackd.toml", UNIT, DROP_IN, "etc/sysusers.d/stackd.conf"}
    assert all(f"Wrote {root / name}" in result.output for name in (UNIT, DROP_IN, "etc/sysusers.d/stackd.conf"))
    assert written[UNIT].startswith((PROJECT / "systemd" / "stackd.service").read_bytes())


def test_only_outputs_and_state_can_be_written_and_names_are_quoted(root: Path) -> None:
    (root / "etc/stackd/stackd.toml").write_text(CONFIG.replace("/var/lib/stackd", "/mnt/fast/state"))
    install(root)

    drop_in = (root / DROP_IN).read_text()
    assert re.findall(r"^ReadWritePaths=(.*)$", drop_in, re.MULTILINE) == [
        "",
        r'"-/srv/photos/my 100%% \\ out" -/srv/finished -/mnt/fast/state',
    ]
    assert 'RequiresMountsFor=/srv/photos/in /srv/more "' in drop_in
    assert "ExecStart=\nExecStart=/usr/bin/stackd run --config /etc/stackd/stackd.toml\n" in drop_in
    assert "ProtectHome" not in drop_in


def test_homes_are_opened_for_reading_only_where_a_folder_lies_there(root: Path) -> None:
    (root / "etc/stackd/stackd.toml").write_text(CONFIG.replace("/srv/more", "/home/anna/card"))

    install(root)

    assert "\nProtectHome=read-only\n" in (root / DROP_IN).read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("kind", ["--system", "--manager=systemd"])
def test_systemd_finds_no_mistake_in_what_was_installed(root: Path, home: Path, tmp_path: Path, kind: str) -> None:
    program = tmp_path / "a program" / "100% $tackd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    call("install", root, kind, "--config", "/etc/stackd/stackd.toml", "--program", str(program))
    unit = root / UNIT if kind == "--system" else home / ".config/systemd/user/stackd.service"
    # Its own program is asked for too, though the drop-in takes it back.
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))

    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)

    assert [line for line in checked.stderr.splitlines() if "stackd" in line] == []


def test_a_service_of_a_user_lies_in_the_home(root: Path, home: Path) -> None:
    result = call("install", root, "--config", "/etc/stackd/stackd.toml", "--program", "/home/anna/.local/bin/stackd")

    assert result.exit_code == 0
    drop_in = (home / ".config/systemd/user/stackd.service.d/10-stackd.conf").read_text()
    assert "ExecStart=/home/anna/.local/bin/stackd run --config /etc/stackd/stackd.toml\n" in drop_in
    assert (home / ".config/systemd/user/stackd.service").is_file()


def test_an_agent_of_launchd_is_a_property_list_with_the_keys_of_the_template(root: Path, home: Path) -> None:
    odd = root / "etc/stackd/a & b <c>.toml"
    odd.write_text(CONFIG)

    call("install", root, "--manager", "launchd", "--config", "/etc/stackd/a & b <c>.toml", "--program", "/opt/x y/stackd")

    agent = plistlib.loads((home / "Library/LaunchAgents/org.stackd.stackd.plist").read_bytes())
    template = plistlib.loads((PROJECT / "launchd" / "org.stackd.stackd.plist").read_bytes())
    assert {key: type(value) for key, value in agent.items()} == {key: type(value) for key, value in template.items()}
    assert agent["ProgramArguments"] == ["/opt/x y/stackd", "run", "--config", "/etc/stackd/a & b <c>.toml"]
    assert agent["StandardErrorPath"] == agent["StandardOutPath"] == "/home/anna/Library/Logs/stackd.log"


def test_installing_again_changes_nothing(root: Path) -> None:
    install(root)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    result = install(root)

    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert result.output.count("is as it should be.") == 3


def test_installing_again_takes_over_a_changed_configuration(root: Path) -> None:
    install(root)
    (root / "etc/stackd/stackd.toml").write_text(CONFIG.replace("/srv/finished", "/srv/elsewhere"))

    result = install(root)

    assert "-/srv/elsewhere" in (root / DROP_IN).read_text()
    assert result.output.count("Wrote ") == 1


def test_what_somebody_edited_is_left_alone_and_nothing_else_is_changed(root: Path) -> None:
    install(root)
    edited = root / UNIT
    edited.write_text(edited.read_text().replace("Nice=10", "Nice=19"))
    (root / DROP_IN).unlink()
    before = files(root)

    result = install(root)

    assert str(edited) in refusal(result).message
    assert "--force" in refusal(result).hint
    assert exit_code(refusal(result)) == 1
    assert files(root) == before


def test_force_overwrites_what_was_edited_and_keeps_it_beside(root: Path) -> None:
    (root / UNIT).parent.mkdir(parents=True)
    (root / UNIT).write_text("mine\n")

    result = install(root, "--force")

    assert result.exit_code == 0
    assert (root / f"{UNIT}.before-stackd").read_text() == "mine\n"
    assert "Type=notify" in (root / UNIT).read_text()


def test_a_link_in_the_place_of_a_unit_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / UNIT).parent.mkdir(parents=True)
    (root / UNIT).symlink_to(tmp_path / "target")

    result = install(root)

    assert "edited" in refusal(result).message
    assert not (tmp_path / "target").exists()


def test_a_rehearsal_writes_nothing_and_names_all(root: Path) -> None:
    before = files(root)

    result = install(root, "--dry-run")

    assert files(root) == before
    assert result.output.count("Would write ") == 3


def test_uninstalling_takes_back_what_was_written_and_leaves_what_was_edited(root: Path) -> None:
    install(root)
    own = root / f"{UNIT}.d" / "override.conf"
    own.write_text("[Service]\nNice=19\n")
    edited = root / "etc/sysusers.d/stackd.conf"
    edited.write_text("u stackd 990\n")

    rehearsed = call("uninstall", root, "--system", "--dry-run")
    result = call("uninstall", root, "--system")
    again = call("uninstall", root, "--system")

    assert rehearsed.output.count("Would remove") == 2
    assert result.output.count("Removed") == 2
    assert f"Left {edited}" in result.output
    assert set(files(root)) == {"etc/stackd/stackd.toml", str(own.relative_to(root)), str(edited.relative_to(root))}
    assert again.exit_code == 0


def test_uninstalling_all_leaves_no_folder_of_its_own(root: Path) -> None:
    install(root)

    call("uninstall", root, "--system")
    nothing = call("uninstall", root, "--system")

    assert set(files(root)) == {"etc/stackd/stackd.toml"}
    assert not (root / f"{UNIT}.d").exists()
    assert nothing.output.startswith("Nothing is installed here.")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "There is no configuration"),
        ('[[watch]]\ninput = "/srv/in"\noutput = "/srv/out"\n', "names no state folder"),
        ('[state]\nfolder = "/var/lib/stackd"\n', "names no folder to watch"),
        (CONFIG.replace("/srv", "/tmp"), "lies in a folder for temporary files"),  # noqa: S108  (never made)
    ],
)
def test_without_a_fitting_configuration_nothing_is_written_and_it_is_said_why(root: Path, config: str | None, said: str) -> None:
    path = root / "etc" / "stackd" / "stackd.toml"
    path.unlink() if config is None else path.write_text(config)
    before = files(root)

    error = refusal(install(root))

    assert isinstance(error, WrongConfiguration)
    assert exit_code(error) == 78
    assert said in error.message
    assert files(root) == before


def test_a_service_for_everybody_is_not_for_launchd(root: Path) -> None:
    assert isinstance(refusal(install(root, "--manager", "launchd")), WrongUse)


def test_a_machine_without_systemd_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackdError, match="systemd does not run this machine") as told:
        expect_systemd(tmp_path / "run" / "systemd" / "system")

    assert "--root" in told.value.hint


def test_the_log_of_an_agent_is_shown_and_of_nothing_installed_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    nothing = CliRunner().invoke(app, ["logs"])
    for name in ("Library/LaunchAgents/org.stackd.stackd.plist", "Library/Logs/stackd.log"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("service.started\n")

    shown = CliRunner().invoke(app, ["logs"])

    assert "not installed as a service" in refusal(nothing).message
    assert shown.exit_code == 0
    assert capfd.readouterr().out == "service.started\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody without permission takes root")
def test_whoever_has_no_permission_is_told_whose_business_it_is() -> None:
    # Not below pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(StackdError, match="you have no permission") as told:
                write_files([PlannedFile(path=Path("/etc/x.service"), text="")], root=root, force=False, rehearse=False)
        finally:
            os.seteuid(0)

        assert str(root / "etc" / "x.service") in told.value.message
        assert "sudo" in told.value.hint
        assert list(root.iterdir()) == []


def test_the_commands_that_a_sentence_names_are_whole(root: Path) -> None:
    sentence = refusal(call("install", root, "--system", "--config", "/nowhere.toml")).hint

    words = shlex.split(re.findall(r"`([^`]+)`", sentence)[0])
    assert words == ["stackd", "config", "init", str(root / "nowhere.toml")]
