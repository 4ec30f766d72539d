"""Where the real test data lies: `STACKD_SHARED`, or `shared` beside the checkout. It is never part of the project."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("STACKD_SHARED") or Path(__file__).parents[2] / "shared")


def shared_data(*parts: str) -> Path:
    """Give the path of real test data; skips the test where it is not there."""
    path = SHARED.joinpath("data", *parts)
    if not path.exists():
        pytest.skip(f"real test data is not here ({'/'.join(('shared', 'data', *parts))}); set STACKD_SHARED to where it lies")
    return path
