"""Rendered stacks on disk, as `stackd bench quality` reads and writes them.

A stack is a folder with `frames/`, which is all that programs see, and `truth/`: `aif.tif` (all in focus, 16 bit), `depth.tif`
(float32, in frames, 0 is the nearest), the masks `valid.png`, `halo.png` and `flat.png`, and `truth.json` (each frame's file,
matrix frame → reference, and gain; which one is the reference).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from stackd.adapters.frames.reader import StackOfFiles
from stackd.bench.programs.desk import write_frame
from stackd.bench.quality.judging import KnownStack
from stackd.bench.quality.truth import Truth, grain, gray_of, truth_of
from stackd.bench.scenes import BenchScene
from stackd.config.develop import DevelopSettings
from stackd.errors import StackdError, WrongUse
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Gain
from stackd.model.pixels import Image, Mask
from stackd.rendering.scenes import render_stack
from stackd.service.ports import FrameFile

HIGHEST = 65535


class StacksInFolder:
    """The `Stacks` that lie in a folder: one with frames/ and truth/, or one that holds several such.

    Raises
    ------
    WrongUse
        If there is none.
    """

    def __init__(self, folder: Path) -> None:
        found = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
        self._folders = [path for path in found if (path / "truth" / "truth.json").is_file()]
        if not self._folders:
            raise WrongUse(
                f"{folder} holds no rendered stack.", hint="A stack has frames/ and truth/truth.json; see docs/benchmarks.md."
            )

    def __len__(self) -> int:
        return len(self._folders)

    def read(self, index: int) -> KnownStack:
        """Read a stack's truth."""
        return read_stack(self._folders[index])

    def aligned(self, stack: KnownStack) -> FramesOnReference:
        """Lay the frames over the reference as they truly lie, and match their brightness."""
        source = StackOfFiles([FrameFile(path=frame) for frame in stack.frames], DevelopSettings())
        gains = [Gain(red=1 / red, green=1 / green, blue=1 / blue) for red, green, blue in stack.truth.gains]
        return FramesOnReference(source, positions=range(len(source)), matrices=stack.truth.matrices, gains=gains)

    def read_image(self, path: Path) -> Image:
        """Read a composite."""
        return _read_image(path)

    def read_depth(self, path: Path) -> NDArray[np.float32]:
        """Read a depth map: 0 for the first frame that was used to 1 for the last."""
        return np.asarray(tifffile.imread(path) / np.float32(HIGHEST), np.float32)


class RenderedStacks(StacksInFolder):
    """The `Stacks` of a list of scenes, rendered into a folder when they are asked for."""

    def __init__(self, scenes: Sequence[BenchScene], folder: Path) -> None:
        self._scenes = tuple(scenes)
        self._folder = folder

    def __len__(self) -> int:
        return len(self._scenes)

    def read(self, index: int) -> KnownStack:
        """Render a stack, write it, and read it back as any other."""
        wanted = self._scenes[index]
        folder = self._folder / wanted.name
        write_stack(folder, wanted)
        return read_stack(folder)


def write_stack(folder: Path, wanted: BenchScene) -> None:
    """Render a scene into a folder, frames and truth."""
    stack = render_stack(wanted.scene)
    truth = truth_of(stack, blur_px=wanted.scene.blur_px)
    frames, answers = folder / "frames", folder / "truth"
    for needed in (frames, answers):
        needed.mkdir(parents=True, exist_ok=True)
    files = [write_frame(frames / f"{i + 1:04d}", pixels) for i, pixels in enumerate(stack.frames)]
    tifffile.imwrite(answers / "aif.tif", np.rint(truth.image * HIGHEST).astype(np.uint16), photometric="rgb")
    tifffile.imwrite(answers / "depth.tif", truth.depth_position)
    for name, mask in {"valid": truth.valid, "halo": truth.halo, "flat": truth.flat}.items():
        cv2.imwrite(str(answers / f"{name}.png"), mask.astype(np.uint8) * 255)
    records = [
        {"file": file.name, "matrix": matrix.tolist(), "gain": gain}
        for file, matrix, gain in zip(files, truth.matrices, truth.gains, strict=True)
    ]
    told = {"reference": truth.reference, "frames": records}
    (answers / "truth.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def read_stack(folder: Path) -> KnownStack:
    """Read frames' names and truth of a rendered stack.

    Raises
    ------
    WrongUse
        If something is missing or makes no sense.
    """
    answers = folder / "truth"
    try:
        told: dict[str, Any] = json.loads((answers / "truth.json").read_text(encoding="utf-8"))
        records = told["frames"]
        frames = tuple(folder / "frames" / str(record["file"]) for record in records)
        matrices = tuple(np.asarray(record["matrix"], np.float64) for record in records)
        gains = tuple((float(red), float(green), float(blue)) for red, green, blue in (record["gain"] for record in records))
        reference = int(told["reference"])
        depth = np.asarray(tifffile.imread(answers / "depth.tif"), np.float32)
        flat = _read_mask(answers / "flat.png")
        truth = Truth(
            image=_read_image(answers / "aif.tif"),
            depth_position=depth,
            valid=_read_mask(answers / "valid.png"),
            halo=_read_mask(answers / "halo.png"),
            flat=flat,
            matrices=matrices,
            gains=gains,
            reference=reference,
            reference_grain=grain(gray_of(_read_image(frames[reference])), flat),
        )
    except (OSError, KeyError, ValueError, IndexError, StackdError) as error:
        raise WrongUse(f"{folder} is no rendered stack: {error}", hint="See docs/benchmarks.md for what it must hold.") from error
    return KnownStack(name=folder.name, frames=frames, truth=truth)


def _read_image(path: Path) -> Image:
    pixels = StackOfFiles([FrameFile(path=path)], DevelopSettings()).read(0)
    return np.asarray(pixels / np.float32(np.iinfo(pixels.dtype.name).max), np.float32)


def _read_mask(path: Path) -> Mask:
    return np.asarray(StackOfFiles([FrameFile(path=path)], DevelopSettings()).read(0)[..., 0] > 0)
