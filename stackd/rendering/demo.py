"""What the demo shows: the rendered stack, and the picture of before and after."""

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
"""White between the two."""


def demo_stack() -> RenderedStack:
    """Render the demo's stack: a few seconds of work."""
    return render_stack(DEMO_SCENE)


def before_and_after(frame: NDArray[np.uint8], composite: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay one frame and the composite side by side.

    Parameters
    ----------
    frame, composite : ndarray of uint8, shape (H, W, 3)
        RGB; the composite may be cropped, and the middle of the frame is shown as large.

    Returns
    -------
    ndarray of uint8, RGB
    """
    height, width = composite.shape[:2]
    top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
    gap = np.full((height, GAP_PX, 3), 255, np.uint8)
    return np.hstack([frame[top : top + height, left : left + width], gap, composite])
