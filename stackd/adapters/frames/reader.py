"""The FrameReader port: look at frames, check that they fit together, and hand out the pixels of a stack."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TypeVar

from stackd.adapters.beneath import stat_frame
from stackd.adapters.formats.frame_headers import frame_header
from stackd.adapters.formats.opened_image import BEHIND_A_LINK, OpenedImage, damaged, open_image
from stackd.adapters.formats.picture_hash import hash_file
from stackd.adapters.formats.wholeness.zero_ends import WHEN, zero_share
from stackd.adapters.frames import image_files, raw_files
from stackd.adapters.frames.orientations import one_way_up
from stackd.adapters.frames.spool import FrameSpool
from stackd.adapters.frames.stack_colour import FrameColour, clipped_values, frame_colour, settle_colour
from stackd.adapters.frames.thumbnails import read_signature
from stackd.config.develop import DevelopSettings
from stackd.errors import FrameChanged, MixedStack, UnreadableFrame
from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.luminance import reduce_to_gray
from stackd.model.composite import Noticed
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint
from stackd.model.names import shown
from stackd.model.pixels import Alpha, Colour, ColourSpace, Gray, Pixels
from stackd.model.tags import FileKind, Header
from stackd.service.ports import FrameFile

ZEROS_TOLD_FROM = 0.01
"""Share of a frame's pixels at its end that must be zeros to be spoken of …"""
ZEROS_APART = 2.0
"""… and how many times what is usual in its stack it must exceed (both guesses)."""

DECODED = TypeVar("DECODED", Pixels, Gray, Alpha)


class FrameFiles:
    """Reads frames of every supported format. Sources are opened for reading only.

    Parameters
    ----------
    scratch_folder : Path or None
        Where developed RAW frames are kept for a second read, in an unnamed file; None to develop them each time.
    """

    def __init__(self, *, scratch_folder: Path | None = None) -> None:
        self._scratch_folder = scratch_folder
        self._remarks: dict[FrameFile, str] = {}

    def fingerprint(self, path: Path) -> Fingerprint:
        """Read a file whole, once, and hash it and the picture in it.

        Raises
        ------
        UnreadableFrame
            If it cannot be opened or read.
        FrameChanged
            If it changed while it was read.
        """
        try:
            before = _fingerprint(stat_frame(path))
            hashes = hash_file(path)
            after = _fingerprint(stat_frame(path))
        except FileNotFoundError as error:
            raise UnreadableFrame(f"{shown(path.name)} is no longer there.", hint="Put it back, or leave it out.") from error
        except OSError as error:
            why = "it is a link or lies behind one" if error.errno in BEHIND_A_LINK else error.strerror
            raise UnreadableFrame(
                f"{shown(path.name)} cannot be read: {why}.", hint="Check the permissions and the disk."
            ) from error
        if not after.is_untouched_since(before):
            raise FrameChanged(f"{shown(path.name)} changed while it was read.", hint="Wait until the copy is complete.")
        return replace(after, content_sha256=hashes.content_sha256, picture=hashes.picture)

    def glance(self, path: Path) -> ContentSignature | None:
        """Look at a frame as cheaply as its format allows; None where its pixels cannot be read."""
        return read_signature(path)

    def untouched(self, path: Path, since: Fingerprint) -> bool:
        """Whether nothing happened to a file since its fingerprint was taken."""
        try:
            return _fingerprint(stat_frame(path)).is_untouched_since(since)
        except OSError:
            return False

    def check(self, frames: Sequence[FrameFile]) -> Mapping[FrameFile, str]:
        """Name the frames that cannot take part, each with the reason: unreadable, cut off, ending in zeros, or of another size.

        The size that most frames share wins; of two equally frequent ones that of the earlier frame.
        """
        refused: dict[FrameFile, str] = {}
        headers: dict[FrameFile, Header] = {}
        zeros: dict[FrameFile, float] = {}
        for frame in frames:
            try:
                with open_image(frame.path) as image:
                    headers[frame] = frame_header(image)
                    if frame.page is None:
                        zeros[frame] = zero_share(image)
            except UnreadableFrame as error:
                refused[frame] = str(error)
        shapes = {frame: image_files.upright_shape(header) for frame, header in one_way_up(headers).items()}
        if shapes:
            (height, width), _ = Counter(shapes.values()).most_common(1)[0]
            for frame, (own_height, own_width) in shapes.items():
                if (own_height, own_width) != (height, width):
                    refused[frame] = (
                        f"{shown(frame.path.name)} is {own_width}×{own_height} px but most frames of its stack are"
                        f" {width}×{height} px."
                    )
        return refused | _without_their_ends({frame: share for frame, share in zeros.items() if frame not in refused})

    def open(self, frames: Sequence[FrameFile], develop: DevelopSettings, *, wanted: ColourSpace | None = None) -> "StackOfFiles":
        """Prepare to read frames of one stack, near → far; RAW files all developed alike by the recipe's `develop` table.

        `wanted` is the colour space the composite shall have, None for that of its frames: RAW files are developed in it, and
        frames that differ from each other are brought to it.

        Raises
        ------
        UnreadableFrame
            If a frame cannot be read; its `frame` names it.
        MixedStack
            If sizes differ; `check` tells beforehand which frames do.
        """
        self._remarks = {}
        return StackOfFiles(frames, develop, scratch_folder=self._scratch_folder, wanted=wanted, remarks=self._remarks)

    @property
    def remarks(self) -> Mapping[FrameFile, str]:
        """What was odd about frames that could be read all the same, in plain words; of those read since the last `open`."""
        return MappingProxyType(self._remarks)


class StackOfFiles:
    """Frames of one stack on disk (the `FrameSource` of daily use). May be read from several threads at once."""

    def __init__(
        self,
        frames: Sequence[FrameFile],
        develop: DevelopSettings,
        *,
        scratch_folder: Path | None = None,
        remarks: dict[FrameFile, str] | None = None,
        wanted: ColourSpace | None = None,
    ) -> None:
        if not frames:
            raise MixedStack("There are no frames to read.")
        self._frames = tuple(frames)
        self._headers: list[Header] = []
        self._remarks = {} if remarks is None else remarks
        self._stamps: list[tuple[int, ...]] = []
        if wanted is not None:
            develop = develop.model_copy(update={"colour_space": wanted.value})
        colours: list[FrameColour] = []
        for frame in self._frames:
            with _naming(frame), open_image(frame.path) as image:
                self._headers.append(frame_header(image))
                self._stamps.append(_stamp(image))
                colours.append(frame_colour(image, self._headers[-1], develop))
        if len({header.orientation for header in self._headers}) > 1:
            settled = one_way_up(dict(zip(self._frames, self._headers, strict=True)))
            self._headers = [settled[frame] for frame in self._frames]
        self._shape = image_files.upright_shape(self._headers[0])
        for frame, header in zip(self._frames, self._headers, strict=True):
            height, width = image_files.upright_shape(header)
            if (height, width) != self._shape:
                raise MixedStack(
                    f"{shown(frame.path.name)} is {width}×{height} px but this stack is {self._shape[1]}×{self._shape[0]} px.",
                    hint="Leave it out.",
                )

        self._settled = settle_colour(colours, wanted)
        self._clipped: dict[int, float] = {}
        self._development = self._settle_development(develop)
        self._spool = None if scratch_folder is None else FrameSpool(scratch_folder, shape=(*self._shape, 3))

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the same for every frame."""
        return self._shape

    @property
    def colour(self) -> Colour:
        """What the pixels of all frames mean."""
        return self._settled.colour

    @property
    def noticed(self) -> tuple[Noticed, ...]:
        """What there is to tell of colours; what was clipped is known of frames that were read."""
        return (*self._settled.noticed, *clipped_values(self._clipped))

    def read(self, position: int, reduction: int = 1) -> Pixels:
        """Decode a frame: upright RGB uint8 or uint16, shape (ceil(H / reduction), ceil(W / reduction), 3).

        Raises
        ------
        UnreadableFrame
            If the pixels are damaged; its `frame` names the file.
        FrameChanged
            If the file is no longer the one that was opened.
        """
        frame = self._frames[position]
        with _naming(frame), open_image(frame.path) as image:
            self._check_unchanged(position, image)
            if image.kind is FileKind.RAW:
                pixels = reduced(self._developed(position, image), reduction)
            else:
                pixels = image_files.read_pixels(
                    image, self._headers[position], frame.page, reduction, tell_clipped=partial(self._note_clipped, position)
                )
                if image.remarks:
                    self._remarks[frame] = " ".join(image.remarks)
            self._checked(position, pixels, reduction)
        conversion = self._settled.conversions[position]
        return pixels if conversion is None else conversion(pixels)

    def read_gray(self, position: int, reduction: int) -> Gray:
        """Decode luminance reduced by 1, 2, 4 or 8: float32 (ceil(H / reduction), ceil(W / reduction)), range [0, 1].

        Raises
        ------
        UnreadableFrame, FrameChanged
            As `read`.
        """
        if self._settled.conversions[position] is not None:
            return reduce_to_gray(self.read(position, reduction), 1)
        frame = self._frames[position]
        with _naming(frame), open_image(frame.path) as image:
            self._check_unchanged(position, image)
            if image.kind is FileKind.RAW:
                gray = self._gray_of_raw(position, image, reduction)
            else:
                gray = image_files.read_gray(image, self._headers[position], frame.page, reduction)
            return self._checked(position, gray, reduction)

    def read_alpha(self, position: int) -> Alpha | None:
        """Tell which pixels of a frame are picture, upright, shape (H, W); None where all are.

        Raises
        ------
        UnreadableFrame, FrameChanged
            As `read`.
        """
        frame = self._frames[position]
        with _naming(frame), open_image(frame.path) as image:
            self._check_unchanged(position, image)
            alpha = image_files.read_alpha(image, self._headers[position], frame.page)
            return None if alpha is None else self._checked(position, alpha)

    def _note_clipped(self, position: int, share: float) -> None:
        if share:
            self._clipped[position] = share

    def _settle_development(self, settings: DevelopSettings) -> raw_files.Development | None:
        raw = [number for number, header in enumerate(self._headers) if header.kind is FileKind.RAW]
        if not raw:
            return None
        frame = self._frames[raw[len(raw) // 2]]
        with _naming(frame), open_image(frame.path) as image:
            return raw_files.settle_development(image, settings)

    def _developed(self, position: int, image: OpenedImage) -> Pixels:
        kept = None if self._spool is None else self._spool.take(position)
        if kept is not None:
            return kept
        if self._development is None:
            raise FrameChanged(f"{shown(image.path.name)} was another kind of file before.", hint="Try again.")
        pixels = self._checked(position, raw_files.develop(image, self._development))
        if self._spool is not None:
            self._spool.keep(position, pixels)
        return pixels

    def _gray_of_raw(self, position: int, image: OpenedImage, reduction: int) -> Gray:
        if reduction == 1 or self._development is None or (self._spool is not None and position in self._spool):
            return reduce_to_gray(self._developed(position, image), reduction)
        # Half size is made from every 2 × 2 pixels of the sensor: at once and, for looking, as good.
        half = raw_files.develop(image, self._development, half_size=True)
        # Sensors that see all colours in every pixel come out whole.
        return reduce_to_gray(half, reduction if half.shape[:2] == self._shape else reduction // 2)

    def _check_unchanged(self, position: int, image: OpenedImage) -> None:
        if _stamp(image) != self._stamps[position]:
            raise FrameChanged(
                f"{shown(image.path.name)} was changed while its stack was being worked on.",
                hint="The stack is looked at again by itself.",
            )

    def _checked(self, position: int, pixels: DECODED, reduction: int = 1) -> DECODED:
        if pixels.shape[:2] != tuple(-(-side // reduction) for side in self._shape):
            raise damaged(self._frames[position].path, "it holds another number of pixels than its header says")
        return pixels


def _without_their_ends(zeros: Mapping[FrameFile, float]) -> dict[FrameFile, str]:
    """Name frames that end in zeros where the others of their stack show something, by the share of zeros at their ends.

    Frames cut out of their background end in as much black as their neighbours, give or take what moves and breathes.
    """
    usual = median(zeros.values()) if zeros else 0.0
    return {
        frame: f"{shown(frame.path.name)} is not all there: the last {share:.0%} of its pixels are zeros,"
        f" and those of most frames of its stack are not. {WHEN}"
        for frame, share in zeros.items()
        if share > ZEROS_TOLD_FROM + ZEROS_APART * usual
    }


def _stamp(image: OpenedImage) -> tuple[int, ...]:
    return image.size_bytes, image.mtime_ns, image.changed_ns, image.inode


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, changed_ns=status.st_ctime_ns, inode=status.st_ino)


@contextmanager
def _naming(frame: FrameFile) -> Iterator[None]:
    """Tell in an `UnreadableFrame` which frame it happened to."""
    try:
        yield
    except UnreadableFrame as error:
        error.frame = frame
        raise
