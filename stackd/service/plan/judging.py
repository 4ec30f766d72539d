"""What becomes of a composite that is not published because of what was judged of it, in words. PURE."""

from collections.abc import Iterable
from typing import Final

from stackd.model.composite import Finding, Severity
from stackd.model.job import Job
from stackd.model.verdict import Judgement
from stackd.service.plan.effects import Hold
from stackd.service.ports import Placing, StackingResult, Warned, subfolder_of

HELD_AS: Final = {Judgement.REVIEW: "for review", Judgement.REJECT: "as a reject"}


def hold(job: Job, result: StackingResult, placing: Placing) -> Hold:
    """Keep a composite back, and say what was found and what to do."""
    verdict = result.verdict
    told = {finding.code: finding.sentence for finding in reversed(result.findings)}
    weightiest = next((told[code] for code in verdict.reasons if code in told), "")
    held = f"held {HELD_AS.get(verdict.judgement, 'back')}: {verdict.likely}. {weightiest}".strip()
    folder = subfolder_of(verdict.judgement, placing.accepted().of(verdict.judgement))
    where = f"puts it into {folder}/" if folder else "publishes it"
    return Hold(
        job_id=job.id,
        verdict=verdict,
        warnings=warnings_of(result.findings),
        error=f"The composite is held: {result.held_because}" if result.held_because else f"The composite is {held}",
        hint=f"`stackd release {job.stack_id}` makes it again and {where}, `stackd retry {job.stack_id}` judges it anew after you"
        f" changed its recipe, `stackd dismiss {job.stack_id}` drops it.",
    )


def warnings_of(findings: Iterable[Finding]) -> tuple[Warned, ...]:
    """Pick what the journal keeps of the findings about a composite."""
    return tuple(
        Warned(code=finding.code, sentence=finding.sentence) for finding in findings if finding.severity is Severity.WARNING
    )
