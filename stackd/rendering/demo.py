"""What the demo shows: the rendered stack, and the picture of before and after."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.rendering.flower import flower
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack

DEMO_SCENE = SceneSettings(
    subject=flower,
    height_px=600,
    width_px=900,
    frame_count=10,
    blur_px=3.0,
    shift_px=4.0,
    turn_rad=0.002,
    breathing=0.003,
    flicker=0.03,
    full_well_electrons=12_000,
    seed=7,
)
"""A hand-held macro with a lens that breathes, under light that flickers, at about ISO 400."""

GAP_PX = 6
JPEG_QUALITY = 88


def demo_stack() -> RenderedStack:
    """Render the demo's stack: a few seconds of work."""
    return render_stack(DEMO_SCENE)


def before_and_after(frame: NDArray[np.uint8] | NDArray[np.uint16], composite: Path, picture: Path) -> Path:
    """Write one frame and the composite side by side as JPEG.

    Returns
    -------
    Path
        `picture`.
    """
    after = np.asarray(cv2.imdecode(np.fromfile(composite, np.uint8), cv2.IMREAD_COLOR))
    before = cv2.cvtColor(np.asarray(frame, np.uint8), cv2.COLOR_RGB2BGR)
    height, width = after.shape[:2]
    top, left = (before.shape[0] - height) // 2, (before.shape[1] - width) // 2
    gap = np.full((height, GAP_PX, 3), 255, np.uint8)
    both = np.hstack([before[top : top + height, left : left + width], gap, after])
    encoded = cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    picture.write_bytes(encoded.tobytes())
    return picture
