"""Aligned frames held in memory, for tests of methods."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.match.brightness import Gain
from stackd.model.pixels import Alpha, Gray, Image, Mask, Matrix, Pixels

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


class ArrayFrames:
    """An `AlignedFrames` over float32 RGB arrays; pixels are kept as uint16."""

    def __init__(self, images: Sequence[Image], matrices: Sequence[Matrix] | None = None) -> None:
        self._natives = [np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16) for image in images]
        self._matrices = list(matrices) if matrices is not None else [np.eye(3) for _ in images]
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self._natives)

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self._natives[0].shape[:2]
        return height, width

    @property
    def frame_shape(self) -> tuple[int, int]:
        return self.shape

    @property
    def matrices(self) -> Sequence[Matrix]:
        return self._matrices

    def read(self, position: int) -> Image:
        height, width = self.shape
        return self.warp_tile(self.read_native(position), position, slice(0, height), slice(0, width))

    def read_native(self, position: int) -> Pixels:
        self.reads.append(position)
        native = self._natives[position].view()
        native.flags.writeable = False
        return native

    def read_gray_native(self, position: int, reduction: int) -> Gray:
        gray = self._natives[position].astype(np.float32) / 65535 @ LUMINANCE
        height, width = (-(-side // reduction) for side in gray.shape)
        padded = cv2.copyMakeBorder(
            gray, 0, height * reduction - gray.shape[0], 0, width * reduction - gray.shape[1], cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        shift = np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1.0]])
        size = (columns.stop - columns.start, rows.stop - rows.start)
        if np.array_equal(self._matrices[position], np.eye(3)):
            return np.asarray(native[rows, columns] / np.float32(65535), np.float32)
        warped = cv2.warpPerspective(
            native, shift @ self._matrices[position], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped / np.float32(65535), np.float32)

    def covered(self, position: int) -> Mask:
        height, width = self.shape
        inside = cv2.warpPerspective(
            np.ones((height, width), np.uint8), self._matrices[position], (width, height), flags=cv2.INTER_NEAREST
        )
        return np.asarray(inside > 0)

    def alpha(self, position: int) -> Alpha | None:
        del position
        return None


def matched_in_light(frame: Pixels, gain: Gain) -> NDArray[np.float64]:
    """What a gain makes of a frame, computed plainly: display-encoded, 0 to 1."""
    return encode_srgb(np.clip(decode_srgb(frame / np.iinfo(frame.dtype).max) * gain.channels, 0, 1))
