"""Folders for `stackd bench`: room for a program to work in, and frames made for measuring."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
import simplejpeg
import tifffile
from numpy.typing import NDArray

from stackd.adapters.frames.reader import StackOfFiles
from stackd.bench.programs.benchmark import Room
from stackd.config.develop import DevelopSettings
from stackd.imaging.ground.frames import Progress
from stackd.model.pixels import Pixels
from stackd.rendering.flower import flower
from stackd.rendering.scenes import SceneSettings, render_stack
from stackd.service.ports import FrameFile

JPEG_QUALITY: Final = 95
"""What cameras call fine."""

LARGE_SIZE: Final = (6000, 4000)
"""Width and height of a frame of 24 megapixels."""

LARGE_COUNT: Final = 10

GRAIN_LEVELS: Final = 2.0
"""Spread, in grey levels, of the noise laid over enlarged frames: without it they would be smooth, and cheaper to decode than
photographs."""

STEP_PX: Final = 8
"""Copies of a frame are displaced by multiples of this: far enough that they are different exposures even to a registration that
looks at frames reduced by four."""

COPIES_A_ROW: Final = 4


class BenchDesk:
    """The `Desk` of daily use: one folder, emptied for every program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay_out(self, frames: Sequence[Path]) -> Room:
        """Make fresh folders and link the frames into one of them; what was there before is removed.

        Links are numbered near → far, for programs that go by the name.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        folder, scratch = self._folder / "frames", self._folder / "scratch"
        for needed in (folder, scratch):
            needed.mkdir(parents=True)
        links = tuple(folder / f"{number:04d}{frame.suffix.lower()}" for number, frame in enumerate(frames, start=1))
        for link, frame in zip(links, frames, strict=True):
            link.symlink_to(frame.absolute())
        return Room(
            folder=folder, frames=links, output=self._folder / "composite.tif", depth=self._folder / "depth.tif", scratch=scratch
        )


class ShiftedCopies:
    """The `FrameCopies` of daily use: each frame several times in a row, displaced and with other noise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, frames: Sequence[Path], count: int, *, progress: Progress) -> tuple[tuple[Path, ...], int]:
        """Write `count` frames that are all different files of different exposures; give them, and the pixels of one."""
        source = StackOfFiles([FrameFile(path=frame) for frame in frames], DevelopSettings())
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        random = np.random.default_rng(0)
        noise = _noise(source.shape, random)
        made = []
        position, pixels = -1, None
        for number in range(count):
            wanted = number * len(source) // count
            if pixels is None or wanted != position:
                position, pixels = wanted, source.read(wanted)
                first = number
            down, across = (STEP_PX * step for step in divmod(number - first, COPIES_A_ROW))
            shifted = _with_noise(_shifted(pixels, down, across), np.roll(noise, 31 * number, axis=1))
            made.append(write_frame(self._folder / f"{number + 1:04d}", shifted))
            progress(f"write {count} frames", number + 1, count)
        return tuple(made), source.shape[0] * source.shape[1]


def render_large_frames(folder: Path, *, progress: Progress) -> tuple[Path, ...]:
    """Render the flower, enlarge it to 24 megapixels, lay noise over it, and write it as JPEG."""
    stack = render_stack(
        SceneSettings(
            subject=flower,
            height_px=800,
            width_px=1200,
            frame_count=LARGE_COUNT,
            blur_px=3.0,
            shift_px=2.0,
            breathing=0.002,
            flicker=0.02,
            seed=24,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    noise = _noise(LARGE_SIZE[::-1], np.random.default_rng(24))
    made = []
    for number, frame in enumerate(stack.frames):
        large = np.asarray(cv2.resize(frame, LARGE_SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
        made.append(write_frame(folder / f"{number + 1:04d}", _with_noise(large, np.roll(noise, 31 * number, axis=1))))
        progress("render 24 MP frames", number + 1, len(stack))
    return tuple(made)


def write_frame(path: Path, pixels: Pixels) -> Path:
    """Write 8 bits as JPEG, 16 as uncompressed TIFF; gives the path with its extension."""
    if pixels.dtype == np.uint8:
        target = path.with_suffix(".jpg")
        encoded = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="420"
        )
        target.write_bytes(encoded)
        return target
    target = path.with_suffix(".tif")
    tifffile.imwrite(target, pixels, photometric="rgb")
    return target


def _noise(shape: tuple[int, int], random: np.random.Generator) -> NDArray[np.int16]:
    spread = random.standard_normal((shape[0], shape[1], 1), np.float32) * np.float32(GRAIN_LEVELS)
    return np.asarray(np.rint(spread), np.int16)


def _with_noise(pixels: Pixels, noise: NDArray[np.int16]) -> Pixels:
    top = np.iinfo(pixels.dtype.name).max
    noisy = pixels.astype(np.int32) + noise * np.int32(1 if top == np.iinfo(np.uint8).max else 257)
    clipped = np.clip(noisy, 0, top)
    return clipped.astype(np.uint8) if pixels.dtype == np.uint8 else clipped.astype(np.uint16)


def _shifted(pixels: Pixels, down: int, across: int) -> Pixels:
    """Move the picture; what comes in at the border repeats it."""
    height, width = pixels.shape[:2]
    grown = cast("Pixels", cv2.copyMakeBorder(pixels, down, 0, across, 0, cv2.BORDER_REPLICATE))
    return cast("Pixels", np.ascontiguousarray(grown[:height, :width]))
