"""The files for service managers as they lie in systemd/ and launchd/ of the checkout; the wheel brings them along."""

from importlib.resources import files
from pathlib import Path

SYSTEM_UNIT = "systemd/stackd.service"
USER_UNIT = "systemd/user/stackd.service"
SYSTEM_USER = "systemd/sysusers.d/stackd.conf"
AGENT = "launchd/org.stackd.stackd.plist"


def template(name: str) -> str:
    """Read a file for a service manager: inside the installed package, or in the checkout it is installed from."""
    installed = files("stackd.adapters.installation").joinpath(name)
    found = installed if installed.is_file() else Path(__file__).parents[3] / name
    return found.read_text(encoding="utf-8")
