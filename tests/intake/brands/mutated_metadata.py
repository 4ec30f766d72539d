"""Read mutated metadata in a process of its own: `python mutated_metadata.py COUNT FILES…` prints one line when all were read.

Flips random bytes in the first kilobytes of real files, where EXIF, XMP and maker notes lie, and describes each.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from stackd.adapters.metadata.tags import fetch_tags
from stackd.errors import UnreadableFrame
from stackd.intake.brands import frame_meta

METADATA_BYTES = 60_000
FLIPS = (1, 3, 10, 40)


def main() -> None:
    count, files = int(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    described = refused = 0
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            chance = random.Random(seed)  # noqa: S311  (the same every time)
            source = files[seed % len(files)]
            content = bytearray(source.read_bytes())
            for _ in range(chance.choice(FLIPS)):
                content[chance.randrange(2, min(len(content), METADATA_BYTES))] = chance.randrange(256)
            mutated = Path(folder) / f"mutated{source.suffix}"
            mutated.write_bytes(content)
            begin_s = time.monotonic()
            try:
                frame_meta(fetch_tags(mutated), path=mutated.name, mtime_ns=0)
                described += 1
            except UnreadableFrame:
                refused += 1
            slowest_s = max(slowest_s, time.monotonic() - begin_s)
    print(described, refused, f"{slowest_s:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
