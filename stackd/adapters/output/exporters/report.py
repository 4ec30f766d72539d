"""Write what was done with which frames, as JSON: enough to make the same composite again, and to see why it looks as it does."""

import json
from math import isfinite
from typing import Any, Final

from stackd.adapters.colour.profiles import name_of
from stackd.adapters.output.staging import StagingFile
from stackd.imaging.depth.shares import sharpest_shares
from stackd.imaging.ground.matrices import motion_at_centre
from stackd.model.composite import Composite, Finding, FrameReport, Rectangle
from stackd.model.names import shown
from stackd.model.pixels import Colour
from stackd.model.verdict import Verdict

FORMAT_VERSION: Final = 1
"""Goes up when a key changes its meaning or goes; what is only added leaves it. Reports without it are older."""

DIGITS: Final = 6
"""After the point: a thousandth of what can be measured of shifts, angles and factors."""


def write_report(file: StagingFile, composite: Composite) -> None:
    """Write the report of a composite as UTF-8 JSON."""
    file.write((json.dumps(report_of(composite), indent=1, ensure_ascii=False) + "\n").encode())


def report_of(composite: Composite) -> dict[str, Any]:
    """Everything but the pixels, as plain JSON values. Names that are not UTF-8 are spelled with escapes."""
    provenance = composite.provenance
    hashes = {frame.name: frame for frame in provenance.frames}
    frames = []
    shares = iter(() if composite.depth is None else sharpest_shares(composite.depth))
    for frame in composite.frames:
        source = hashes.get(frame.path)
        frames.append(
            _frame(frame, composite.frame_shape)
            | {"share_sharpest": _rounded(next(shares, None)) if frame.used else None}
            | {
                "sha256": source.content_sha256 if source else None,
                "size_bytes": source.size_bytes if source else None,
            }
        )
    return {
        "format_version": FORMAT_VERSION,
        "stackd": provenance.stackd_version,
        "method": composite.method,
        "size_px": {"width": composite.image.shape[1], "height": composite.image.shape[0]},
        "frame_size_px": {"width": composite.frame_shape[1], "height": composite.frame_shape[0]},
        "valid_area_px": _rectangle(composite.valid_area),
        "reference": shown(composite.reference_path),
        "colours": _colours(composite.colour),
        "frames": frames,
        "verdict": _verdict(composite.verdict),
        "barcodes": [shown(code) for code in composite.codes],
        "findings": [_finding(finding) for finding in composite.findings],
        "recipe_name": provenance.recipe_name,
        "recipe": dict(provenance.recipe),
        "seconds": {stage: round(seconds, 3) for stage, seconds in composite.seconds.items()},
        "libraries": dict(provenance.libraries),
    }


def _frame(frame: FrameReport, shape: tuple[int, int]) -> dict[str, Any]:
    motion = None if frame.matrix is None else motion_at_centre(frame.matrix, shape)
    return {
        "name": shown(frame.path),
        "used": frame.used,
        "reason": shown(frame.reason) or None,
        "matrix_to_reference": None if frame.matrix is None else frame.matrix.tolist(),
        "shift_px": None if motion is None else {"x": _rounded(motion.shift_x_px), "y": _rounded(motion.shift_y_px)},
        "rotation_deg": None if motion is None else _rounded(motion.rotation_deg),
        "magnification": None if motion is None else _rounded(motion.magnification),
        "gain": None if frame.gain is None else dict(zip(("red", "green", "blue"), map(_rounded, frame.gain), strict=True)),
        "residual_px": frame.residual_px,
        "overlap": frame.overlap,
        "focus_position": _rounded(frame.focus_position),
        "focus_error": _rounded(frame.focus_error),
        "sharpness": _rounded(frame.sharpness),
    }


def _colours(colour: Colour) -> dict[str, Any]:
    return {
        "profile": None if colour.icc is None else name_of(colour.icc),
        "gray": colour.is_gray,
        "linear": colour.is_linear,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "judgement": verdict.judgement.value,
        "rejection_probability": _rounded(verdict.rejection_probability),
        "reasons": list(verdict.reasons),
        "measures": {name: _rounded(value) for name, value in verdict.measures.items()},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "sentence": shown(finding.sentence),
        "frames": [shown(name) for name in finding.frames],
        "region_px": None if finding.region is None else _rectangle(finding.region),
    }


def _rectangle(area: Rectangle) -> dict[str, int]:
    return {"left": area.left, "top": area.top, "right": area.right, "bottom": area.bottom}


def _rounded(number: float | None) -> float | None:
    """Round; what is no number in JSON (not a number, without end) becomes null."""
    return None if number is None or not isfinite(number) else round(float(number), DIGITS)
