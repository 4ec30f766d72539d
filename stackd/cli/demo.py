"""`stackd demo`: a rendered stack goes through the real daemon, from the first frame dropped to the composite."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stackd.cli.terminal import say
from stackd.errors import StackdError, WrongUse

EXAMPLES = """
[bold]Examples[/bold]

  stackd demo                     everything in a new temporary folder
  stackd demo --folder ~/demo     keep it there
"""

CONFIG = """\
[state]
folder = "state"
[[watch]]
name = "demo"
input = "inbox"
output = "composites"
recipe = "macro"
[intake]
settle_s = 0.5
quiet_s = 4.0
[recipe.macro.export]
format = "png"
"""
"""As little patience as a demo needs: its frames come quickly and whole."""

WRITTEN = ("stackd.toml", "stackd.log", "before-after.jpg", "inbox", "composites", "state")
"""What the demo makes in its folder."""

SECONDS_BETWEEN_FRAMES = 0.4
LONGEST_WAIT_S = 120
"""Far more than a slow machine needs for ten frames of half a megapixel."""
LOG_LINES_SHOWN = 15


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where to do it; a new temporary folder when left out.", show_default=False)
    ] = None,
) -> None:
    """See it work: a rendered stack goes through the daemon.

    A small macro stack is rendered, the daemon started on a folder, the frames dropped in one by one as a camera would, and
    the composite awaited. Nothing is downloaded, and nothing outside the demo's own folder is touched.
    """
    import numpy as np
    from rich.console import Console

    from stackd.rendering.demo import demo_stack
    from stackd.wiring.on_demand import demo_camera, write_before_and_after

    place = Path(tempfile.mkdtemp(prefix="stackd-demo-")) if folder is None else folder.absolute()
    inbox, composites = place / "inbox", place / "composites"
    for own in WRITTEN:
        # Whoever names a folder in use, as `.`, must find it as it was: a stackd.toml there is the user's own.
        if (place / own).is_file() or ((place / own).is_dir() and any((place / own).iterdir())):
            raise WrongUse(
                f"{place / own} is there already, and the demo would write it.", hint="Choose a new folder for the demo."
            )
    for needed in (inbox, composites):
        needed.mkdir(parents=True, exist_ok=True)
    config = place / "stackd.toml"
    config.write_text(CONFIG, encoding="utf-8")
    console = Console()
    say(f"Rendering a stack: a flower, focused from its near petals to its far ones, in {place}")
    with console.status("Rendering …"):
        stack = demo_stack()
    with _daemon(config, place / "stackd.log") as process:
        camera = demo_camera(inbox)
        for number, frame in enumerate(stack.frames, start=1):
            say(f"Dropped {camera.expose(np.asarray(frame, np.uint8)).name} into the watched folder ({number} of {len(stack)})")
            time.sleep(SECONDS_BETWEEN_FRAMES)
        say("The shoot is over. stackd waits until it is quiet, then stacks …")
        with console.status("Stacking …"):
            composite = _wait_for_composite(composites, process, place / "stackd.log")
    picture = place / "before-after.jpg"
    write_before_and_after(np.asarray(stack.frames[len(stack) // 2], np.uint8), composite, picture)
    say("Done: ten frames became one composite.", colour="green", bold=True)
    say(f"  composite     {composite}")
    say(f"  page          {composite.with_suffix('.html')}")
    say(f"  report        {composite.with_suffix('.json')}")
    say(f"  before/after  {picture}")
    say("Next: stackd config init, and set your own folders.")


@contextmanager
def _daemon(config: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the real daemon, and end it the way a service manager does."""
    with log.open("wb") as output:
        command = [sys.executable, "-m", "stackd", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _wait_for_composite(composites: Path, process: "subprocess.Popen[bytes]", log: Path) -> Path:
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        finished = [
            # One that does not pass lies in a folder of its own.
            path
            for path in composites.rglob("*.png")
            if not path.name.startswith(".") and not path.stem.endswith("_depth")
        ]
        if finished:
            return finished[0]
        time.sleep(0.1)
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:])
    raise StackdError(f"The daemon made no composite. Its last words:\n{tail}", hint="`stackd doctor` may tell why.")
