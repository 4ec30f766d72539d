"""The files for service managers start what exists, stop it cleanly, and hold no key that the manager does not know."""

import plistlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from stackd.adapters.installation.templates import AGENT, SYSTEM_UNIT, SYSTEM_USER, USER_UNIT, template
from stackd.cli.main import EXIT_ALREADY_RUNNING, EXIT_WRONG_CONFIGURATION

ROOT = Path(__file__).parents[2]
MOST_EXPOSED = 1.5
"""Of ten, as `systemd-analyze security` counts: 2 and below is "OK", 1 and below "SAFE"."""

UNITS = [ROOT / "systemd" / "stackd.service", ROOT / "systemd" / "user" / "stackd.service"]
PLIST = ROOT / "launchd" / "org.stackd.stackd.plist"

LAUNCHD_KEYS = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "ProcessType": str,
    "LowPriorityIO": bool,
    "Nice": int,
    "StandardOutPath": str,
    "StandardErrorPath": str,
}
"""Keys of launchd.plist(5) that we use, with their types."""


@pytest.mark.parametrize("unit", UNITS, ids=["system", "user"])
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_knows_every_line(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / "stackd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", unit.read_text(), flags=re.MULTILINE)
    copy = tmp_path / unit.name
    copy.write_text(text)

    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)

    # It returns 0 on an unknown key: only what it says counts. What it says of other units of this machine does not.
    assert [line for line in checked.stderr.splitlines() if str(copy) in line or "stackd" in line] == []


@pytest.mark.parametrize("unit", UNITS, ids=["system", "user"])
def test_a_unit_starts_the_daemon_and_gives_it_time_to_stop(unit: Path) -> None:
    text = unit.read_text()

    assert re.search(r"^ExecStart=\S+/stackd run( --config \S+)?$", text, re.MULTILINE)
    assert "\nType=notify\n" in text
    assert "\nKillMode=mixed\n" in text
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) > 10
    assert int(re.findall(r"^WatchdogSec=(\d+)$", text, re.MULTILINE)[0]) > 10
    never_again = {int(code) for code in re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)[0].split()}
    assert never_again == {EXIT_WRONG_CONFIGURATION}
    assert EXIT_ALREADY_RUNNING not in never_again


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_of_the_system_is_hardly_exposed() -> None:
    command = ["systemd-analyze", "security", "--offline=yes", str(UNITS[0])]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in told.stderr:
        pytest.skip("this systemd-analyze does not look at files")

    (exposure,) = re.findall(r"Overall exposure level for stackd\.service: ([\d.]+)", told.stdout)

    assert float(exposure) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", UNITS, ids=["system", "user"])
def test_every_line_of_a_unit_that_confines_has_its_reason(unit: Path) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    confining = unit.read_text().partition("# What follows takes away")[2].partition("[Install]")[0]
    keys = set(re.findall(r"^(\w+)=", confining, re.MULTILINE))

    assert len(keys) >= 10
    assert [key for key in sorted(keys) if f"`{key}" not in page] == []


def test_the_launchd_agent_is_a_property_list_with_known_keys_only() -> None:
    agent = plistlib.loads(PLIST.read_bytes())

    assert {key: type(value) for key, value in agent.items()} == LAUNCHD_KEYS
    assert agent["ProgramArguments"][1:] == ["run"]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ExitTimeOut"] > 10


def test_the_wheel_brings_the_files_along() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    for name in (SYSTEM_UNIT, USER_UNIT, SYSTEM_USER, AGENT):
        folder = name.partition("/")[0]
        assert included[folder] == f"stackd/adapters/installation/{folder}"
        assert template(name) == (ROOT / name).read_text(encoding="utf-8")
