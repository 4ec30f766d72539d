"""Images damaged at random are each taken or refused with a reason, and the service goes on."""

import sys
from pathlib import Path

import pytest

from stackd.adapters.processes.describing import USUAL_PROCESSES
from tests.faults.mutated_images import fuzz

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

COUNT = 200

MOST_MB = 250.0
"""What reading images of a few kilobytes may take at most; 87 was measured, most of it libraries."""


def test_every_mutated_image_is_taken_or_refused_with_a_reason(tmp_path: Path) -> None:
    result = fuzz(tmp_path, count=COUNT, seed=11)

    assert result.accepted + len(result.refused) == COUNT
    assert result.accepted >= COUNT / 10
    assert len(result.refused) >= COUNT / 10
    assert result.not_foreseen() == {}
    # None of them died: a reader that does is begun anew under another number.
    assert len(result.readers) <= USUAL_PROCESSES
    assert result.peak_mb < MOST_MB
