"""The agent for launchd: the template with the program, configuration and log of this user."""

import plistlib
import re
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from stackd.adapters.installation.owned_files import PlannedFile
from stackd.adapters.installation.service_place import ServicePlace
from stackd.adapters.installation.templates import AGENT, template

LABEL: Final = "org.stackd.stackd"

_PROGRAM: Final = re.compile(r"(<key>ProgramArguments</key>\s*<array>\n)(.*?)( *</array>)", re.DOTALL)
_LOG: Final = re.compile(r"<string>/Users/YOU/Library/Logs/stackd\.log</string>")


def agent_file(place: ServicePlace) -> PlannedFile:
    """Plan the agent of one user."""
    words = [*place.program, "run", "--config", str(place.config)]
    array = "".join(f"        <string>{escape(word)}</string>\n" for word in words)
    log = f"<string>{escape(str(log_path(place.home)))}</string>"
    text = _PROGRAM.sub(lambda found: found.group(1) + array + found.group(3), template(AGENT))
    text = _LOG.sub(lambda _: log, text)
    # What launchd would read, and nobody would tell.
    agent = plistlib.loads(text.encode())
    assert agent["ProgramArguments"] == words  # noqa: S101  the template is ours
    return PlannedFile(path=agent_path(place.home), text=text)


def agent_path(home: Path) -> Path:
    """Where the agents of a user lie."""
    return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def log_path(home: Path) -> Path:
    """Where the agent writes what it has to say."""
    return home / "Library" / "Logs" / "stackd.log"
