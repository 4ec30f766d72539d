"""Freed memory is kept for the next step."""

import subprocess
import sys

import pytest

FAULTS_OF_PLANES = """
import resource, sys
import numpy as np
from stackd.adapters.machine.freed_memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for size in (3, 5, 15, 5, 3, 15):
    planes = [np.ones(size << 18, np.uint32) for _ in range(3)]
    del planes
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for size in (3, 5, 15, 5, 3, 15):
    planes = [np.ones(size << 18, np.uint32) for _ in range(3)]
    del planes
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    found = subprocess.run([sys.executable, "-c", FAULTS_OF_PLANES, how], capture_output=True, check=True, text=True)
    return int(found.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only the allocator of Linux is asked")
def test_planes_made_again_cost_no_fresh_pages():
    assert _faults("kept") < _faults("returned") / 10
