"""What `stackd fuse` says about its result: an object for programs, a few lines for people."""

from typing import Any

from stackd.service.once.fuse import FuseOutcome


def as_object(outcome: FuseOutcome) -> dict[str, Any]:
    """Describe the result as plain JSON values."""
    composite = outcome.composite
    area = composite.valid_area
    return {
        "composite": str(outcome.path),
        "depth_map": None if outcome.depth_map is None else str(outcome.depth_map),
        "page": None if outcome.page is None else str(outcome.page),
        "reference": composite.reference_path,
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
        "valid_area": {"left": area.left, "top": area.top, "right": area.right, "bottom": area.bottom},
        "warnings": [{"code": finding.code, "sentence": finding.sentence} for finding in composite.findings],
        "seconds": {stage: round(seconds, 3) for stage, seconds in outcome.seconds.items()},
        "peak_rss_bytes": outcome.peak_rss_bytes,
    }


def print_summary(outcome: FuseOutcome) -> None:
    """Say in plain words what was made and what to know about it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    composite = outcome.composite
    used = sum(frame.used for frame in composite.frames)
    height, width = composite.image.shape[:2]
    seconds = sum(outcome.seconds.values())
    console.print(Text(f"{outcome.path}: {used} frames, {width}×{height} px, {composite.method}, {seconds:.1f} s"))
    if outcome.depth_map is not None:
        console.print(Text(f"{outcome.depth_map}: depth map"))
    if outcome.page is not None:
        console.print(Text(f"{outcome.page}: the report, for the browser"))
    for finding in composite.findings:
        console.print(Text(f"{finding.severity.value}: {finding.sentence}", style="yellow"))
