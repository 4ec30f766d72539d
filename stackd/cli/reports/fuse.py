"""What `stackd fuse` says about its result: an object for programs, a few lines for people."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stackd.cli.terminal import say
from stackd.model.verdict import Judgement
from stackd.service.once.fuse import FuseOutcome

PROBABILITY_DIGITS = 4

VERDICTS: Mapping[Judgement, tuple[str | None, str]] = MappingProxyType(
    {
        Judgement.PASS: (None, "Verdict: pass"),
        Judgement.REVIEW: ("yellow", "Verdict: review, somebody should look at it"),
        Judgement.REJECT: ("red", "Verdict: reject, it is most likely no good"),
    }
)
"""How each judgement looks and what it says."""


def as_object(outcome: FuseOutcome) -> dict[str, Any]:
    """Describe the result as plain JSON values."""
    composite = outcome.composite
    area = composite.valid_area
    return {
        "composite": str(outcome.path),
        "depth_map": None if outcome.depth_map is None else str(outcome.depth_map),
        "page": None if outcome.page is None else str(outcome.page),
        "reference": composite.reference_path,
        "frame_size_px": {"width": composite.frame_shape[1], "height": composite.frame_shape[0]},
        "method": composite.method,
        "frames": [
            {
                "path": frame.path,
                "matrix": None if frame.matrix is None else [[float(value) for value in row] for row in frame.matrix],
                "residual_px": frame.residual_px,
                "overlap": frame.overlap,
                "used": frame.used,
                "reason": frame.reason,
            }
            for frame in composite.frames
        ],
        "verdict": {
            "judgement": composite.verdict.judgement.value,
            "rejection_probability": round(composite.verdict.rejection_probability, PROBABILITY_DIGITS),
            "reasons": list(composite.verdict.reasons),
        },
        "valid_area": {"left": area.left, "top": area.top, "right": area.right, "bottom": area.bottom},
        "warnings": [{"code": finding.code, "sentence": finding.sentence} for finding in composite.findings],
        "seconds": {stage: round(seconds, 3) for stage, seconds in outcome.seconds.items()},
        "peak_rss_bytes": outcome.peak_rss_bytes,
    }


def print_summary(outcome: FuseOutcome) -> None:
    """Say in plain words what was made and what to know about it."""
    composite = outcome.composite
    used = sum(frame.used for frame in composite.frames)
    height, width = composite.image.shape[:2]
    seconds = sum(outcome.seconds.values())
    say(f"{outcome.path}: {used} frames, {width}×{height} px, {composite.method}, {seconds:.1f} s")
    if outcome.depth_map is not None:
        say(f"{outcome.depth_map}: depth map")
    if outcome.page is not None:
        say(f"{outcome.page}: the report, for the browser")
    judgement = composite.verdict.judgement
    colour, words = VERDICTS[judgement]
    say(f"{words} ({composite.verdict.likely})", colour=colour, bold=colour is not None)
    for finding in composite.findings:
        say(f"{finding.severity.value}: {finding.sentence}", colour="yellow")
