"""Find the stack a user means among those of the journal, and the page of its composite. Light: no numpy."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stackd.errors import WrongUse
from stackd.model.job import JobState
from stackd.model.names import excerpt, shown

if TYPE_CHECKING:
    from stackd.service.once.report import JobRecord

SHORTEST_ID = 3
"""Digits of an id that are asked for at least: fewer are a slip more often than a choice."""


def find_record(wanted: str, records: "Sequence[JobRecord]") -> "JobRecord":
    """Give the newest job of the stack whose id begins so.

    Raises
    ------
    WrongUse
        If there is none, or there are several.
    """
    if len(wanted) < SHORTEST_ID:
        raise WrongUse(
            f"“{excerpt(wanted)}” is too short to name a stack.",
            hint=f"Give at least {SHORTEST_ID} digits of its id; `stackd status --all` lists them.",
        )
    newest = {record.job.stack_id: record for record in records}
    found = [record for stack_id, record in newest.items() if stack_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(record.job.stack_id for record in found)
        raise WrongUse(f"{wanted} is the beginning of several stacks: {ids}.", hint="Give more digits.")
    raise WrongUse(f"There is no stack {excerpt(wanted)}.", hint="`stackd status --all` lists them.")


def page_of(wanted: str, records: "Sequence[JobRecord]") -> Path:
    """Find the page of a stack's newest composite.

    Raises
    ------
    WrongUse
        If there is no such stack, it is not finished, was made without a page, or the page is no longer there.
    """
    found = find_record(wanted, records)
    stack_id = found.job.stack_id
    done = [record for record in records if record.job.stack_id == stack_id and record.job.state is JobState.DONE]
    if not done:
        raise WrongUse(f"Stack {stack_id} is {found.job.state}, so there is no report yet.", hint="`stackd status` says more.")
    pages = [Path(output) for output in done[-1].outputs if output.endswith(".html")]
    if not pages:
        raise WrongUse(
            f"Stack {stack_id} was made without a page.",
            hint="Set page = true in the export table of its recipe; it holds for stacks made from then on.",
        )
    if not pages[0].exists():
        raise WrongUse(f"{shown(pages[0])} is no longer there.", hint="Look where it was moved to, or on the disk it lies on.")
    return pages[0]
