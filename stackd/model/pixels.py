"""Names for the arrays that travel through the house.

Arrays are (row, column, channel); points are (x, y) px with pixel centres at integers.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
"""RGB, shape (H, W, 3), nominal range [0, 1], display-encoded (docs/decisions/0001)."""

Gray: TypeAlias = NDArray[np.float32]
"""Luminance, shape (H, W), nominal range [0, 1], display-encoded."""

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""RGB as decoded from a file, shape (H, W, 3), upright, full range of its integer type."""

Mask: TypeAlias = NDArray[np.bool_]
"""Truth per pixel, shape (H, W)."""

Matrix: TypeAlias = NDArray[np.float64]
"""Homogeneous transform of (x, y, 1) px, shape (3, 3)."""
