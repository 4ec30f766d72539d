"""The real daemon and a card of frames; after every test on it the promises are checked that hold after any fault."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.invariants import assert_invariants, fingerprints
from tests.real_service import RealService, shoot


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Frames of one small stack."""
    return shoot(tmp_path_factory.mktemp("card"))


@pytest.fixture
def service(tmp_path: Path, card: list[Path], request: pytest.FixtureRequest) -> Iterator[RealService]:
    """A service that a test may start, stop and kill."""
    service = RealService(tmp_path)
    whole = fingerprints(card[0].parent)
    yield service
    try:
        if request.node.get_closest_marker("checks_itself") is None:
            assert_invariants(service, _taken(service, whole))
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()


def _taken(service: RealService, whole: dict[str, str]) -> dict[str, str]:
    """Frames of the card that the service made stacks of: where they lie, and what they held when they were shot."""
    if not service.journal.exists():
        return {}
    paths = [os.fsdecode(path) for (path,) in service.rows("SELECT path FROM stack_frame")]  # type: ignore[arg-type]
    return {path: whole[Path(path).name] for path in paths if Path(path).name in whole}
