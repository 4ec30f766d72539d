"""Write what was done with which frames, as JSON: enough to make the same composite again, and to see why it looks as it does."""

import json
from typing import Any

from stackd.adapters.output.staging import StagingFile
from stackd.model.composite import Composite, Finding, FrameReport, Rectangle
from stackd.model.names import shown


def write_report(file: StagingFile, composite: Composite) -> None:
    """Write the report of a composite as UTF-8 JSON."""
    file.write((json.dumps(report_of(composite), indent=1, ensure_ascii=False) + "\n").encode())


def report_of(composite: Composite) -> dict[str, Any]:
    """Everything but the pixels, as plain JSON values. Names that are not UTF-8 are spelled with escapes."""
    provenance = composite.provenance
    hashes = {frame.name: frame for frame in provenance.frames}
    frames = []
    for frame in composite.frames:
        source = hashes.get(frame.path)
        frames.append(
            _frame(frame)
            | {
                "sha256": source.content_sha256 if source else None,
                "size_bytes": source.size_bytes if source else None,
            }
        )
    return {
        "stackd": provenance.stackd_version,
        "method": composite.method,
        "size_px": {"width": composite.image.shape[1], "height": composite.image.shape[0]},
        "valid_area_px": _rectangle(composite.valid_area),
        "reference": shown(composite.reference_path),
        "frames": frames,
        "findings": [_finding(finding) for finding in composite.findings],
        "recipe_name": provenance.recipe_name,
        "recipe": dict(provenance.recipe),
        "seconds": {stage: round(seconds, 3) for stage, seconds in composite.seconds.items()},
        "libraries": dict(provenance.libraries),
    }


def _frame(frame: FrameReport) -> dict[str, Any]:
    return {
        "name": shown(frame.path),
        "used": frame.used,
        "reason": frame.reason or None,
        "matrix_to_reference": None if frame.matrix is None else frame.matrix.tolist(),
        "residual_px": frame.residual_px,
        "overlap": frame.overlap,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "sentence": finding.sentence,
        "frames": [shown(name) for name in finding.frames],
        "region_px": None if finding.region is None else _rectangle(finding.region),
    }


def _rectangle(area: Rectangle) -> dict[str, int]:
    return {"left": area.left, "top": area.top, "right": area.right, "bottom": area.bottom}
