"""Features of a frame: places that can be told from one another, whichever way up and however large they appear.

They are sought in the normalised structure that registration compares, not in the brightness: a defocused frame has them there as
strongly as a sharp one (docs/decisions/0025).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.matrices import Vectors
from stackd.model.pixels import Gray

STRUCTURE_SPAN = 6.0
"""SIFT expects values from 0 to 1, structure has unit variance: three standard deviations either way are told apart."""

MOST_FEATURES = 1500
"""More are not kept, the widest first, since they survive defocus: comparing all with all then takes 0.15 s. Real frames have 300
and more (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Where features lie and what they look like.

    `points` are x and y, px of the image they were found in, shape (N, 2); `descriptors` has a row for each, shape (N, 128).
    """

    points: Vectors
    descriptors: NDArray[np.uint8]


def find_features(structure: Gray) -> Features:
    """Find a frame's features, with descriptors that do not depend on rotation or magnification.

    Parameters
    ----------
    structure : ndarray of float32, shape (H, W)
        Normalised structure, about unit variance where there is texture.

    Returns
    -------
    Features
        At most `MOST_FEATURES`; none where nothing stands out.

    References
    ----------
    .. [1] Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 60, 91–110 (2004).
           DOI 10.1023/B:VISI.0000029664.99615.94
    """
    from skimage.feature import SIFT

    # Detail as fine as a pixel, for which SIFT doubles the image, is what defocus takes first; without it, it is much faster.
    sift = SIFT(upsampling=1)
    try:
        sift.detect_and_extract(np.clip(structure / np.float32(STRUCTURE_SPAN) + np.float32(0.5), 0, 1))
    except RuntimeError:  # how skimage says that it found none
        return Features(points=np.zeros((0, 2)), descriptors=np.zeros((0, 128), np.uint8))
    sigmas, positions, descriptors = (np.asarray(found) for found in (sift.sigmas, sift.positions, sift.descriptors))
    widest = np.argsort(-sigmas, kind="stable")[:MOST_FEATURES]
    return Features(points=positions[widest, ::-1].astype(np.float64), descriptors=descriptors[widest])
