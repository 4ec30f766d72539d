"""The front door: quick, honest about failure, and it teaches."""

import subprocess
import sys
from pathlib import Path

import pytest

from stackd import __version__
from stackd.cli.main import commands, exit_code
from stackd.errors import AlreadyRunning, OutputBlocked, UnreadableFrame, WrongConfiguration

HEAVY = ("numpy", "cv2", "skimage", "scipy", "rawpy", "exiv2", "watchdog", "tifffile", "imagecodecs", "pydantic", "rich.console")


def stackd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stackd", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={"PATH": "/usr/bin", **environment}
    )


def test_the_version_is_printed():
    assert stackd("--version").stdout == f"stackd {__version__}\n"


def test_help_names_every_command_and_gives_examples():
    shown = stackd("--help")

    assert shown.returncode == 0
    for name in commands():
        assert (line := next((line for line in shown.stdout.splitlines() if line.startswith(f"  {name} ")), ""))
        assert not line.endswith("..."), "the summary of a command fits its line"
    assert "stackd fuse IMG_04*.JPG -o beetle.tif" in shown.stdout


@pytest.mark.parametrize("name", commands())
def test_every_command_teaches_by_example(name: str):
    shown = stackd(name, "--help")

    assert shown.returncode == 0
    assert f"\n  stackd {name}" in shown.stdout, "an example"
    assert "[bold]" not in shown.stdout


def test_help_loads_nothing_heavy():
    script = f"""
import sys
sys.argv = ["stackd", "--help"]
from stackd.cli.main import main
try:
    main()
except SystemExit:
    pass
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert shown.stdout.splitlines()[-1] == "LOADED []"


def test_a_slip_gets_a_suggestion_and_exit_code_2():
    refused = stackd("stauts")

    assert refused.returncode == 2
    assert "Did you mean" in refused.stderr


def test_a_wrong_configuration_is_one_message_and_exit_code_78(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text("[intake]\nsettle_s = -1\nquite_s = 3\n", encoding="utf-8")

    refused = stackd("config", "check", "--config", str(path))

    assert refused.returncode == 78
    assert refused.stderr.startswith(f"stackd: {path}: [intake] settle_s: must be at least")
    assert 'Did you mean "quiet_s"?' in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WrongConfiguration("x"), 78),
        (AlreadyRunning("x"), 75),
        (UnreadableFrame("x"), 1),
        (OutputBlocked("x"), 1),
    ],
)
def test_the_exit_code_tells_what_kind_of_failure_it_was(error: Exception, code: int):
    assert exit_code(error) == code


UNFORESEEN = """
import sys
from stackd.wiring import on_demand

def fail(*arguments, **options):
    raise {error}

on_demand.{function} = fail
sys.argv = ["stackd", *{arguments!r}]
from stackd.cli.main import main
main()
"""


def _meet(error: str, function: str, *arguments: str, state_home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose work ends with an error that nobody foresaw."""
    script = UNFORESEEN.format(error=error, function=function, arguments=arguments)
    environment = {"PATH": "/usr/bin", "XDG_STATE_HOME": str(state_home), "HOME": str(state_home)}
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60, env=environment
    )


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("fuse_now", ("fuse", "a.tif", "-o", "b.tif")), ("sort_now", ("group", ".")), ("check_up", ("doctor",))],
)
def test_an_unforeseen_error_is_told_in_a_sentence_and_its_traceback_kept(
    tmp_path: Path, function: str, arguments: tuple[str, ...]
):
    """A mistake in the program ended `stackd fuse` with a page of traceback and nothing else."""
    told = _meet('ZeroDivisionError("division\\nby zero")', function, *arguments, state_home=tmp_path)

    assert told.returncode == 1
    assert told.stderr.startswith("stackd: Something unexpected happened: ZeroDivisionError: division by zero\n")
    assert "Traceback" not in told.stderr
    (kept,) = tmp_path.rglob("unexpected-error.txt")
    assert str(kept) in told.stderr
    assert "Traceback" in kept.read_text(encoding="utf-8")
    assert repr(list(arguments)) in kept.read_text(encoding="utf-8")


def test_too_little_memory_is_told_as_such(tmp_path: Path):
    told = _meet("MemoryError", "fuse_now", "fuse", "a.tif", "-o", "b.tif", state_home=tmp_path)

    assert told.returncode == 1
    assert told.stderr.startswith("stackd: There was not enough memory for it.\n")


def test_a_traceback_that_cannot_be_kept_is_shown(tmp_path: Path):
    no_folder = tmp_path / "file"
    no_folder.touch()

    told = _meet("KeyError('x')", "fuse_now", "fuse", "a.tif", "-o", "b.tif", state_home=no_folder)

    assert told.returncode == 1
    assert "Traceback" in told.stderr
    assert "stackd: Something unexpected happened: KeyError: 'x'" in told.stderr


def test_status_does_not_wait_for_the_imaging_core(tmp_path: Path):
    # typer itself loads pydantic to read options.
    script = f"""
import sys
sys.argv = ["stackd", "status"]
from stackd.cli.main import main
try:
    main()
except SystemExit:
    pass
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules and name != "pydantic"])
"""
    environment = {"PATH": "/usr/bin", "XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60, env=environment
    )

    assert shown.stdout.splitlines()[-1] == "LOADED []"
