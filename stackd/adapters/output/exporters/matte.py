"""Lay a picture that is transparent in places on a plain ground, for formats without alpha."""

from typing import Final, Literal

import numpy as np

from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.model.pixels import Alpha, Image

Matte = Literal["white", "black"]

LEVELS: Final = {"white": 1.0, "black": 0.0}


def laid_on(image: Image, alpha: Alpha | None, matte: Matte) -> Image:
    """Fill what is no picture.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Display-encoded; not modified.
    alpha : ndarray of uint8, shape (H, W), or None
        What of it is picture; None for all, which gives the image itself.
    matte : {"white", "black"}
        What shows through.
    """
    if alpha is None:
        return image
    share = (alpha.astype(np.float32) / OPAQUE)[..., None]
    return np.asarray(image * share + np.float32(LEVELS[matte]) * (1 - share), np.float32)
