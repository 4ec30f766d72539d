"""What must hold after any fault, whatever it was."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from stackd.model.job import JobState
from stackd.model.names import shown
from tests.real_service import RealService, wait_until

HALF_WAY = {JobState.RUNNING, JobState.PUBLISHING}
"""Where no stack may be while no service runs."""


def fingerprints(folder: Path) -> dict[str, str]:
    """Hash every regular file in a folder and below; links are not followed."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def assert_invariants(service: RealService, sources: Mapping[str, str]) -> None:
    """Stop the service, where it runs, and check the five promises.

    Parameters
    ----------
    sources : mapping of str to str
        Frames that lay in the watched folder, with their hashes (`fingerprints`).

    Raises
    ------
    AssertionError
        If a frame was changed or taken away; a stack is half way, or is worked on as two jobs; a published file does not match
        the journal; a temporary file is left after the next start; or a reason to wait or fail is not in `stackd status`.
    """
    if service.process is not None and service.process.poll() is None:
        service.stop()
    now = fingerprints(service.inbox)
    assert {name: now.get(name) for name in sources} == dict(sources)
    if not service.journal.exists():
        assert service.composites() == []
        return
    rows = service.rows("SELECT stack_id, state, error FROM job")
    assert not {state for _, state, _ in rows} & HALF_WAY
    live = Counter(stack for stack, state, _ in rows if state not in (JobState.SUPERSEDED, JobState.DONE))
    assert not [stack for stack, count in live.items() if count > 1]
    assert service.outputs_match_the_journal()
    if service.temporary():
        service.start()
        wait_until(lambda: not service.temporary(), timeout_s=10.0, what="the sweeping")
        service.stop()
    told = [error for _, state, error in rows if error and state not in (JobState.SUPERSEDED, JobState.DONE, JobState.DISMISSED)]
    if told:
        command = [sys.executable, "-m", "stackd", "status", "--json", "--config", str(service.config)]
        document = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        said = json.dumps(document, ensure_ascii=False)
        for reason in told:
            assert json.dumps(shown(str(reason)), ensure_ascii=False)[1:-1] in said
