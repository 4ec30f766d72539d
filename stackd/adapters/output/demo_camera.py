"""A camera for `stackd demo`: writes rendered frames as JPEGs with the metadata a real one writes."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import exiv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from stackd.adapters.formats.exiv2_library import exiv2_library

SECONDS_A_FRAME: Final = 0.6
"""A usual pace of in-camera focus bracketing with flash."""

NEAREST_M: Final = 0.180
STEP_M: Final = 0.0015
"""Focus moves on by 1.5 mm a frame, as for a flower a hand across."""

JPEG_QUALITY: Final = 95


class DemoCamera:
    """Hands out files as a camera does: one after the other, numbered, dated, with the focus moving on."""

    def __init__(self, folder: Path, *, began_at: datetime) -> None:
        self._folder = folder
        self._began_at = began_at
        self._count = 0
        self._first = 0

    def begin_again(self, after_s: float) -> None:
        """Let time pass before the next stack; its focus begins at the near end."""
        self._began_at += timedelta(seconds=after_s)
        self._first = self._count

    def expose(self, pixels: NDArray[np.uint8]) -> Path:
        """Write the next frame into the folder.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (H, W, 3)
            RGB.

        Returns
        -------
        Path
            The file.
        """
        taken_at = self._began_at + timedelta(seconds=self._count * SECONDS_A_FRAME)
        tenths_mm = round((NEAREST_M + (self._count - self._first) * STEP_M) * 10_000)
        self._count += 1
        plain = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
        )
        path = self._folder / f"DEMO{self._count:04d}.JPG"
        path.write_bytes(_with_metadata(bytes(plain), taken_at, distance_m=f"{tenths_mm}/10000", number=self._count))
        return path


def _with_metadata(plain: bytes, taken_at: datetime, *, distance_m: str, number: int) -> bytes:
    with exiv2_library():
        image = exiv2.ImageFactory.open(plain)
        image.readMetadata()
        exif = image.exifData()
        exif["Exif.Image.Make"] = "stackd"
        exif["Exif.Image.Model"] = "demo camera"
        exif["Exif.Image.ImageDescription"] = f"Rendered frame {number}"
        exif["Exif.Photo.BodySerialNumber"] = "0001"
        exif["Exif.Photo.LensModel"] = "Rendered 90mm F2.8 Macro"
        exif["Exif.Photo.DateTimeOriginal"] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
        exif["Exif.Photo.SubSecTimeOriginal"] = f"{taken_at.microsecond // 1000:03d}"
        exif["Exif.Photo.OffsetTimeOriginal"] = "+00:00"
        exif["Exif.Photo.ExposureTime"] = "1/160"
        exif["Exif.Photo.FNumber"] = "56/10"
        exif["Exif.Photo.ISOSpeedRatings"] = "400"
        exif["Exif.Photo.FocalLength"] = "90/1"
        exif["Exif.Photo.SubjectDistance"] = distance_m
        image.writeMetadata()
        written = bytes(image.io().mmap())
        image.io().munmap()
        return written
