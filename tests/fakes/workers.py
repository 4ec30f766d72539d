"""Workers that stage files into an output folder in memory, and crash, hang or fail on demand."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from stackd.errors import OutputBlocked, StackdError
from stackd.model.composite import Finding, Severity
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import (
    Crashed,
    Failed,
    Finished,
    Handling,
    Progressed,
    StackingRequest,
    StackingResult,
    StagedFile,
    WorkerEvent,
    subfolder_of,
)
from tests.fakes.describer import hashed
from tests.fakes.output import OutputFolder, place_of, refuse_inside

Behave = Callable[[StackingRequest], StackdError | Crashed | None]
"""Decides what a job does: an error to report, a crash, or (None) its work."""


Judge = Callable[[StackingRequest], Verdict]
"""Decides what is judged of a job's composite."""

FINDINGS = (
    Finding(code="focus-gap", severity=Severity.WARNING, sentence="Nothing is sharp between frames 2 and 3."),
    Finding(code="small-valid-area", severity=Severity.NOTE, sentence="A tenth was cut off."),
)
"""Of every composite that does not pass."""


def pass_all(request: StackingRequest) -> Verdict:
    del request
    return Verdict(judgement=Judgement.PASS, rejection_probability=0.01)


def judging(judgement: Judgement, probability: float = 0.6) -> Judge:
    """Judge all composites alike."""
    verdict = Verdict(judgement=judgement, rejection_probability=probability, reasons=("focus-gap",))
    return lambda _request: verdict


def work_well(request: StackingRequest) -> None:
    del request


class InlineWorkers:
    """A job is done by the second call of `events` after its start; `hold` keeps all jobs running."""

    def __init__(self, output: OutputFolder, behave: Behave = work_well) -> None:
        self._output = output
        self._running: dict[int, StackingRequest] = {}
        self._reported: set[int] = set()
        self.behave = behave
        self.hold = False
        self.judge: Judge = pass_all
        self.unnamed = ""
        """Why no composite has a name, where a recipe wants one from the picture; empty where it has."""
        self.started: list[StackingRequest] = []
        self.cancelled: list[int] = []

    def start(self, request: StackingRequest) -> None:
        self._running[request.job_id] = request
        self.started.append(request)

    def cancel(self, job_id: int) -> None:
        self._running.pop(job_id, None)
        self._reported.discard(job_id)
        self.cancelled.append(job_id)

    def events(self) -> tuple[WorkerEvent, ...]:
        events: list[WorkerEvent] = []
        for job_id, request in list(self._running.items()):
            if job_id not in self._reported:
                self._reported.add(job_id)
                events.append(Progressed(job_id=job_id, stage="fuse", done=1, total=2))
            elif not self.hold:
                del self._running[job_id]
                self._reported.discard(job_id)
                events.append(self._end(request))
        return tuple(events)

    def running(self) -> frozenset[int]:
        return frozenset(self._running)

    def close(self) -> None:
        for job_id in list(self._running):
            self.cancel(job_id)

    def _end(self, request: StackingRequest) -> WorkerEvent:
        outcome = self.behave(request)
        if isinstance(outcome, Crashed):
            self._output.files[f"{request.temporary_prefix}half.tmp"] = "half"
            return outcome
        if outcome is None and self._output.refuses:
            outcome = OutputBlocked(self._output.refuses, hint="Make room.")
        if isinstance(outcome, StackdError):
            return Failed.by(outcome, job_id=request.job_id)
        try:
            result = stage(request, self._output, self.judge(request), "" if request.placing.is_accepted else self.unnamed)
            return Finished(job_id=request.job_id, result=result)
        except OutputBlocked as error:
            return Failed.by(error, job_id=request.job_id)


def stage(request: StackingRequest, output: OutputFolder, verdict: Verdict, unnamed: str = "") -> StackingResult:
    """Put two sidecars and a composite under temporary names; all depend on the frames alone, as real ones do."""
    handling = request.placing.of(verdict.judgement)
    folder = request.output_folder / subfolder_of(verdict.judgement, handling)
    refuse_inside(output, folder)
    mark = "" if verdict.judgement is Judgement.PASS else f"_{verdict.judgement}"
    frames = sorted(frame.path for frame in request.stack.frames)
    version = f"_v{request.version}" if request.version > 1 else ""
    stem = f"{Path(frames[0]).stem}-{Path(frames[-1]).stem}_{len(frames)}f{version}{mark}"
    staged = []
    for number, suffix in enumerate((".json", ".html", ".tif") if handling is not Handling.HOLD and not unnamed else ()):
        name = f"{request.temporary_prefix}{number}.tmp"
        sha256 = hashlib.sha256(f"{request.stack.id}{suffix}".encode()).hexdigest()
        output.files[place_of(folder / name)] = sha256
        staged.append(StagedFile(temporary_path=folder / name, final_name=stem + suffix, sha256=sha256, size_bytes=len(sha256)))
    return StackingResult(
        staged=tuple(staged),
        verdict=verdict,
        findings=FINDINGS if verdict.reasons else (),
        seconds=MappingProxyType({"fuse": 1.0}),
        peak_rss_bytes=1 << 20,
        held_because=unnamed,
        fingerprints=MappingProxyType({frame.path: hashed(frame.path, frame.fingerprint) for frame in request.stack.frames}),
    )
