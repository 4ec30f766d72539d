"""Composites with all that is known of them, without stacking anything."""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from stackd.model.composite import Composite, DepthMap, Finding, FrameReport, Preview, Rectangle
from stackd.model.provenance import FrameProvenance, Provenance
from stackd.model.verdict import Judgement, Verdict
from tests import make_frames

BORDER_PX = 6
"""What was cropped from the frames on each side."""


PASSED = Verdict(judgement=Judgement.PASS, rejection_probability=0.01)


def composite_of(
    names: Sequence[str] = ("IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg", "IMG_4.jpg"),
    *,
    shape: tuple[int, int] = (90, 130),
    preview: tuple[int, int] | None = (45, 65),
    left_out: Sequence[int] = (),
    findings: Sequence[Finding] = (),
    with_depth: bool = True,
    noise: bool = False,
    verdict: Verdict = PASSED,
) -> Composite:
    """Frames breathe, drift and flicker a little; those left out have a reason with their name in it."""
    height, width = shape
    random = np.random.default_rng(1)

    def picture(rows: int, columns: int, seed: int) -> np.ndarray:
        if noise:
            return random.integers(0, 256, (rows, columns, 3), np.uint8)
        return make_frames.textured(rows, columns, seed=seed)

    reports = []
    for number, name in enumerate(names):
        matrix = np.diag([1 + 0.002 * number, 1 + 0.002 * number, 1.0])
        matrix[:2, 2] = 0.5 * number, -0.25 * number
        small = None if preview is None else picture(*preview, seed=number)
        if number in left_out:
            shot = None if small is None else Preview(pixels=small, is_laid_over=False)
            reports.append(FrameReport(path=name, used=False, reason=f"{name} is cut off.", preview=shot))
            continue
        reports.append(
            FrameReport(
                path=name,
                used=True,
                reason="",
                matrix=matrix,
                residual_px=0.1 + 0.01 * number,
                overlap=0.98,
                gain=(1.0 + 0.01 * number,) * 3,
                preview=None if small is None else Preview(pixels=small, is_laid_over=True),
            )
        )
    used = len(names) - len(left_out)
    position = np.tile(np.linspace(0, used - 1, width, dtype=np.float32), (height, 1))
    return Composite(
        image=picture(height, width, seed=99).astype(np.float32) / np.float32(255),
        valid_area=Rectangle(left=BORDER_PX, top=BORDER_PX, right=width + BORDER_PX, bottom=height + BORDER_PX),
        frame_shape=(height + 2 * BORDER_PX, width + 2 * BORDER_PX),
        reference_path=names[len(names) // 2],
        frames=tuple(reports),
        depth=DepthMap(position=position, confidence=np.ones(shape, np.float32), frame_count=used) if with_depth else None,
        findings=tuple(findings),
        provenance=Provenance(
            stackd_version="1.2.3",
            recipe_name="macro",
            recipe=MappingProxyType({"fuse": {"method": "pyramid"}, "finish": {"steps": []}}),
            frames=tuple(FrameProvenance(name=name, content_sha256="ab" * 32, size_bytes=5) for name in names),
            libraries=MappingProxyType({"numpy": "2"}),
        ),
        method="depth_from_defocus",
        verdict=verdict,
        seconds=MappingProxyType({"read": 0.5, "fuse": 1.5}),
    )
