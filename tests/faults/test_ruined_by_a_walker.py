"""The real daemon beside a real fault: something walks through the stack, and nobody watches."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import exiv2
import numpy as np
import pytest

from stackd.adapters.output.demo_camera import DemoCamera
from stackd.bench.findings.trials import Trial, rendered
from stackd.rendering.faults import MOTION
from tests.real_service import RealService, wait_until

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RealService]:
    service = RealService(tmp_path)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


def _shoot(folder: Path, fault: str | None, strength: float) -> None:
    """Shoot a textured plane; frames of 8 bits, as a camera's JPEGs are."""
    folder.mkdir(parents=True)
    stack = rendered(Trial(seed=21, subject="plane", fault=fault, strength=strength))[0].stack
    camera = DemoCamera(folder, began_at=datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    for frame in stack.frames:
        camera.expose(frame if frame.dtype == np.uint8 else np.asarray(frame >> 8, np.uint8))


def _done(service: RealService) -> bool:
    return service.journal.exists() and "done" in service.states()


def test_what_is_ruined_lies_apart_and_says_so_everywhere(service: RealService) -> None:
    _shoot(service.inbox / "shoot", "walker", 14)
    service.start()
    wait_until(lambda: _done(service), what="the composite")
    service.stop()

    (composite,) = service.composites()
    judgement = composite.parent.name
    assert judgement in {"review", "reject"}
    assert composite.stem.endswith(f"_{judgement}")
    told = json.loads(composite.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["verdict"]["judgement"] == judgement
    assert told["verdict"]["reasons"][0] in MOTION
    (moved,) = [finding for finding in told["findings"] if finding["code"] in MOTION][:1]
    assert moved["region_px"] is not None
    image = exiv2.ImageFactory.open(str(composite))
    image.readMetadata()
    assert image.xmpData()["Xmp.stackd.Verdict"].toString() == judgement
    assert service.outputs_match_the_journal()


def test_the_same_stack_without_the_walker_passes(service: RealService) -> None:
    _shoot(service.inbox / "shoot", None, 0)
    service.start()
    wait_until(lambda: _done(service), what="the composite")
    service.stop()

    (composite,) = service.composites()
    assert composite.parent == service.output
    told = json.loads(composite.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["verdict"]["judgement"] == "pass"
    assert told["findings"] == []
