"""Where stackd keeps its things when nobody says otherwise. Light: `stackd status` needs no more than this."""

import os
import re
import tomllib
from pathlib import Path

import platformdirs

from stackd.errors import WrongConfiguration

CONFIG_NAME = "stackd.toml"

CONFIG_VARIABLE = "STACKD_CONFIG"
"""Environment variable that names the configuration file, for services and containers."""


_UNSET_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})")


def default_state_folder() -> Path:
    """Folder for the journal and caches, as the platform wants it."""
    return platformdirs.user_state_path("stackd", appauthor=False)


def default_config_path() -> Path:
    """Path of the user's configuration file, as the platform wants it."""
    return platformdirs.user_config_path("stackd", appauthor=False) / CONFIG_NAME


def find_config(asked: Path | None) -> Path | None:
    """Choose the configuration file: the one asked for, else the environment's, else the user's own if there is one.

    Returns
    -------
    Path or None
        None when nobody asked for a file and the user has none: the defaults hold.

    Raises
    ------
    WrongConfiguration
        If the file that was asked for does not exist.
    """
    wanted = asked
    if wanted is None and os.environ.get(CONFIG_VARIABLE):
        wanted = Path(os.environ[CONFIG_VARIABLE])
    if wanted is None:
        own = default_config_path()
        return own if own.is_file() else None
    if not wanted.is_file():
        raise WrongConfiguration(
            f"There is no configuration file {wanted}.", hint=f"Write one with `stackd config init {wanted}`, then edit it."
        )
    return wanted


def read_toml(path: Path) -> dict[str, object]:
    """Parse a TOML file.

    Raises
    ------
    WrongConfiguration
        If the file cannot be read or is not TOML; says where.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongConfiguration(f"{path} cannot be read: {error.strerror}.", hint="Check the name and permissions.") from error
    except UnicodeDecodeError as error:
        raise WrongConfiguration(f"{path} is not a text file in UTF-8.", hint="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise WrongConfiguration(
            f"{path}: not valid TOML: {error}.", hint='Text values need quotes, as in recipe = "macro".'
        ) from error


def state_folder(asked: Path | None = None) -> Path:
    """Find the state folder of a configuration without reading the rest of it.

    Parameters
    ----------
    asked : Path or None
        Configuration file; None means as `find_config` chooses.

    Raises
    ------
    WrongConfiguration
        If the file is missing, is no TOML, or `state.folder` is no path.
    """
    config = find_config(asked)
    if config is None:
        return default_state_folder()
    state = read_toml(config).get("state", {})
    folder = state.get("folder") if isinstance(state, dict) else state
    if folder is None:
        return default_state_folder()
    if not isinstance(folder, str):
        raise WrongConfiguration(f"{config}: [state] folder: must be a path in quotes.")
    try:
        return resolve_path(Path(folder), Path(os.path.abspath(config)).parent)  # noqa: PTH100  (keeps links as written)
    except ValueError as error:
        raise WrongConfiguration(f"{config}: [state] folder: {error}.") from error


def resolve_path(path: Path, base_folder: Path) -> Path:
    """Expand `~` and environment variables, and make a relative path absolute.

    Links are left as they are: what the user wrote is what messages show.

    Raises
    ------
    ValueError
        If a variable is not set, or `~name` names nobody.
    """
    text = os.path.expandvars(path)
    if unset := _UNSET_VARIABLE.search(text):
        raise ValueError(f"{unset.group(0)} is not set in the environment")
    try:
        expanded = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder for {Path(text).parts[0]}") from error
    return Path(os.path.normpath(base_folder / expanded))
