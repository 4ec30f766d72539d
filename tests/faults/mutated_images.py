# ruff: noqa: T201  (a program that tells another what it found)
"""Images damaged at random, and a running service that has to make something of each of them.

`python -m tests.faults.mutated_images --count 5000 --seed 1` (or `nox -s fuzz`) tries many and tells what became of them.
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import make_frames
from tests.real_service import RealService, children_of, wait_until

AT_ONCE = 250
"""Files dropped together: the service is asked for patience by other tests."""

HEADER_BYTES = 512
"""Where the sizes, offsets and tags of small images stand."""

EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)

FORESEEN = re.compile(r"^(?!.*(SIG[A-Z]+|unexpected|Traceback|longer than)).+", re.DOTALL)
"""A reason that was meant to be told; not the end of a process, an unforeseen error, or a file that hangs."""


def whole_images(folder: Path) -> list[Path]:
    """Write one small image of every kind that is mutated."""
    folder.mkdir(parents=True, exist_ok=True)
    small, deep = make_frames.textured(72, 96), make_frames.textured(72, 96, bits=16)
    tags = make_frames.shot_at(1, distance="25/100")
    return [
        make_frames.write_jpeg(folder / "a.jpg", small, tags=tags),  # type: ignore[arg-type]
        make_frames.write_tiff(folder / "b.tif", deep, tags=tags),
        make_frames.write_tiff(folder / "c.tif", small, compression="deflate", tile=(32, 32)),
        make_frames.write_png(folder / "d.png", deep),
        make_frames.write_bayer_dng(folder / "e.dng", deep, tags=tags),  # type: ignore[arg-type]
    ]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Cut off, flip bits anywhere, or write over a part of the header."""
    kind = chance.choice(("cut", "flip", "header", "header"))
    if kind == "cut":
        return content[: chance.randrange(len(content))]
    damaged = bytearray(content)
    if kind == "flip":
        for _ in range(chance.randint(1, 32)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    else:
        at = chance.randrange(HEADER_BYTES)
        for position in range(at, min(at + chance.randint(1, 8), len(damaged))):
            damaged[position] = chance.choice((*EXTREMES, chance.randrange(256)))
    return bytes(damaged)


@dataclass
class Fuzzed:
    """What became of the images."""

    accepted: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """Name → why."""
    peak_mb: float = 0.0
    """Largest resident memory of a process that read them."""
    readers: set[int] = field(default_factory=set)
    """Processes that read them: one unless it was brought down."""

    def not_foreseen(self) -> dict[str, str]:
        return {name: reason for name, reason in self.refused.items() if not FORESEEN.match(reason)}


def fuzz(place: Path, *, count: int, seed: int) -> Fuzzed:
    """Drop mutated images into a running service until it has said something of each.

    Raises
    ------
    TimeoutError
        If it has not.
    AssertionError
        If the service ended meanwhile, or did not end well when asked to.
    """
    whole = [(path.suffix, path.read_bytes()) for path in whole_images(place / "whole")]
    chance = random.Random(seed)  # noqa: S311  (damage, not secrets)
    service = RealService(place / "place", quiet_s=3_600.0)
    process = service.start()
    result = Fuzzed()
    try:
        for start in range(0, count, AT_ONCE):
            wanted = min(start + AT_ONCE, count)
            for number in range(start, wanted):
                suffix, content = chance.choice(whole)
                (service.inbox / f"{number:05d}{suffix}").write_bytes(mutated(content, chance))

            def all_told(wanted: int = wanted) -> bool:
                assert process.poll() is None, service.log()[-2_000:]
                _measure(result, process.pid)
                return len(_accepted(service)) + len(_refused(service)) == wanted

            wait_until(all_told, timeout_s=600.0, what="an answer for every image")
        code = service.stop()
        assert code == 0, code
    finally:
        if process.poll() is None:
            service.kill()
    result.accepted, result.refused = len(_accepted(service)), _refused(service)
    return result


def _accepted(service: RealService) -> list[tuple[object, ...]]:
    return service.rows("SELECT path FROM described")


def _refused(service: RealService) -> dict[str, str]:
    """Name → reason, as `stackd status` tells it."""
    folders = service.rows("SELECT set_aside FROM folder")
    reasons: dict[str, str] = json.loads(str(folders[0][0])) if folders else {}
    return reasons


def _measure(result: Fuzzed, daemon: int) -> None:
    for pid in children_of(daemon):
        for line in _status(pid):
            if line.startswith("VmHWM:"):
                result.readers.add(pid)
                result.peak_mb = max(result.peak_mb, int(line.split()[1]) / 1024)


def _status(pid: int) -> Iterator[str]:
    try:
        yield from (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return


def main() -> None:
    """Fuzz and tell; ends with 1 where something happened that nobody foresaw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        result = fuzz(Path(place), count=asked.count, seed=asked.seed)
    print(f"{asked.count} images: {result.accepted} accepted, {len(result.refused)} refused")
    print(f"read by {len(result.readers)} processes, of which the largest had {result.peak_mb:.0f} MB")
    for reason, number in Counter(re.sub(r"\d+", "N", reason) for reason in result.refused.values()).most_common(30):
        print(f"{number:6} {reason}")
    for name, reason in result.not_foreseen().items():
        print(f"not foreseen: {name}: {reason}")
    sys.exit(1 if result.not_foreseen() else 0)


if __name__ == "__main__":
    main()
