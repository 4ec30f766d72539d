"""Text from outside (names, manifests, what a camera wrote) harms nothing: no loop, journal, terminal or log."""

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackd.model.names import UNSAFE_CATEGORIES
from tests.make_frames import add_tags
from tests.real_service import RealService, shoot, wait_until

pytestmark = pytest.mark.end_to_end

EVIL = "\x1b]0;title\x07\x1b[2J\u202e\n"
"""Sets a window's title, clears the screen, turns the reading direction and ends the line."""

MANIFESTS = [
    r'{"name":"\ud800x"}',
    r'{"recipe":"\ud800x"}',
    r'{"\ud800x": 1}',
    r'{"frames":["\ud800.jpg"]}',
    r'{"frames":["a.jpg\u001b[2J"], "count": "\u001b]0;title\u0007"}',
    r'{"\u001b]0;title\u0007\u202e\n": 1}',
]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Frames of one small stack."""
    return shoot(tmp_path_factory.mktemp("card"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RealService]:
    service = RealService(tmp_path)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


def stackd(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "stackd", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


def set_aside(service: RealService) -> dict[str, str]:
    told = json.loads(stackd("status", "--json", "--config", str(service.config)).stdout)
    reasons: dict[str, str] = told["folders"][0]["set_aside"]
    return reasons


def is_harmless(printed: bytes) -> bool:
    """Whether a terminal shows it line by line and does nothing else."""
    return not any(unicodedata.category(character) in UNSAFE_CATEGORIES for character in printed.decode().replace("\n", ""))


def test_no_manifest_ends_the_service_or_a_command_and_each_is_refused_with_a_reason(
    service: RealService, card: list[Path]
) -> None:
    for number, manifest in enumerate(MANIFESTS):
        folder = service.inbox / f"{number}\x1b[31m"
        folder.mkdir()
        (folder / "stack.json").write_text(manifest)
    service.start()
    for frame in card:
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")
    first = service.stop()
    service.start()
    wait_until(lambda: len(set_aside(service)) == len(MANIFESTS), what="the reading of every manifest after the start")

    status = stackd("status", "--config", str(service.config))
    sorted_out = stackd("group", str(service.inbox))

    assert (first, service.stop()) == (0, 0)
    assert (status.returncode, sorted_out.returncode) == (0, 0)
    for printed in (status.stdout, sorted_out.stdout, (service.place / "log").read_bytes()):
        assert is_harmless(printed)


def test_frames_and_folders_of_any_name_come_out_as_a_composite(service: RealService, card: list[Path]) -> None:
    folder = os.fsencode(service.inbox) + b"/\xff" + EVIL.encode()
    os.mkdir(folder)  # noqa: PTH102  (bytes)
    for number, frame in enumerate(card):
        shutil.copy(frame, folder + b"/" + EVIL.encode() + b"\xfe%02d.jpg" % number)

    service.start()
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")
    status = stackd("status", "--config", str(service.config))
    service.stop()

    assert is_harmless(status.stdout)
    assert is_harmless((service.place / "log").read_bytes())
    assert service.outputs_match_the_journal()
    (composite,) = service.composites()
    assert is_harmless(os.fsencode(composite.name))
    assert is_harmless(composite.with_suffix(".json").read_bytes())
    assert b"\x1b" not in composite.with_suffix(".html").read_bytes()
    xmp = re.search(rb"<x:xmpmeta.*</x:xmpmeta>", composite.read_bytes(), re.DOTALL)
    assert xmp is not None
    assert is_harmless(xmp.group())
    assert rb"\x1b]0;title" in xmp.group()


def test_what_a_camera_wrote_reaches_the_terminal_as_escapes(tmp_path: Path, card: list[Path]) -> None:
    for number, frame in enumerate(card):
        copy = shutil.copy(frame, tmp_path / f"IMG_{number:04d}.JPG")
        add_tags(Path(copy), {"Exif.Photo.LensModel": f"Lens {number // 3}{EVIL}"})

    told = stackd("group", "--why", str(tmp_path))

    assert told.returncode == 0
    assert rb"\x1b]0;title\x07" in told.stdout
    assert is_harmless(told.stdout)


@pytest.mark.parametrize("command", [["status"], ["group"], ["retry", "abc" + EVIL], ["config", "check"]])
def test_a_terminal_that_knows_ascii_only_gets_escapes_and_no_error(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "stackd.toml"
    config.write_text('[state]\nfolder = "Zustände"\n[[watch]]\ninput = "Käfer"\noutput = "Bilder"\n')
    options = [str(tmp_path)] if command[0] == "group" else ["--config", str(config)]

    told = stackd(*command, *options, PYTHONIOENCODING="ascii")

    assert b"unexpected" not in told.stderr
    assert told.returncode in (0, 2)
    assert is_harmless(told.stdout)
    assert is_harmless(told.stderr)
