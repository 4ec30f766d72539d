"""Settle, once for a stack, what its pixel values mean, and how each frame is brought there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stackd.adapters.colour.conversion import Conversion, LinearValues
from stackd.adapters.colour.declared import Declared, declared_colour
from stackd.adapters.colour.profiles import is_linear, name_of, same_colours, space_of
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.adapters.formats.opened_image import OpenedImage
from stackd.config.develop import DevelopSettings
from stackd.model.composite import Noticed, Severity
from stackd.model.pixels import Colour, ColourSpace
from stackd.model.tags import FileKind, Header

NAMES_TOLD: Final = 1
"""Frames that are named of several that have the same trouble; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameColour:
    """What one frame declares, and whether it is gray."""

    declared: Declared
    is_gray: bool = False
    is_taken_for_linear: bool = False
    """Whether it is decimal and says nothing, and so was taken for linear light."""

    @property
    def meant(self) -> bytes:
        """Profile of its pixels; that of sRGB where nothing is declared that can be used."""
        if self.declared.icc is not None:
            return self.declared.icc
        return (gray_profile_of if self.is_gray else profile_of)(ColourSpace.SRGB)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackColour:
    """What the pixels of a stack mean, one conversion a frame where it takes one, and what there is to tell of it."""

    colour: Colour
    conversions: tuple[Conversion | None, ...]
    noticed: tuple[Noticed, ...]


def frame_colour(image: OpenedImage, header: Header, develop: DevelopSettings) -> FrameColour:
    """Tell what the pixels of a frame mean: as its file declares, or as it will be developed."""
    if header.kind is FileKind.RAW:
        return FrameColour(declared=Declared(icc=profile_of(ColourSpace(develop.colour_space))))
    declared = declared_colour(image, header)
    if header.is_decimal and declared == Declared() and develop.decimal_values == "linear":
        return FrameColour(
            declared=Declared(icc=linear_profile(is_gray=header.is_gray)), is_gray=header.is_gray, is_taken_for_linear=True
        )
    return FrameColour(declared=declared, is_gray=header.is_gray)


def settle_colour(frames: Sequence[FrameColour], wanted: ColourSpace | None) -> StackColour:
    """Choose the profile of a stack.

    It is that of the middle frame, which is the reference as a rule, as long as no two frames differ: then nothing is converted.
    Frames that do differ are brought to the reference's, or straight to the one that is `wanted` of the composite, so that the
    detour through a smaller space costs no colours. Gray among colour becomes colour; gray alone stays gray.

    Parameters
    ----------
    frames : sequence of FrameColour
        Near → far.
    wanted : ColourSpace or None
        What the composite shall be in; None for what its frames are in.
    """
    is_gray = all(frame.is_gray for frame in frames)
    middle = len(frames) // 2
    order = sorted(range(len(frames)), key=lambda position: abs(position - middle))
    reference = frames[next(position for position in order if frames[position].is_gray == is_gray)]
    # Of frames that mean the same, one that says so speaks for the others.
    alike = (frames[position] for position in order if same_colours(frames[position].meant, reference.meant))
    icc = next((frame.declared.icc for frame in alike if frame.declared.icc is not None and frame.is_gray == is_gray), None)
    distinct = {frame.meant for frame in frames}
    is_mixed = not all(same_colours(own, reference.meant) for own in distinct)
    if is_mixed and wanted is not None:
        icc = (gray_profile_of if is_gray else profile_of)(wanted)
    meant = reference.meant if icc is None else icc
    encode = LinearValues(meant) if is_linear(meant) else None
    steps = {own: _step(own, meant, encode) for own in distinct}
    return StackColour(
        colour=Colour(
            icc=icc,
            space=None if is_gray else space_of(meant),
            is_gray=is_gray,
            is_linear=encode is not None,
        ),
        conversions=tuple(steps[frame.meant] for frame in frames),
        noticed=(*_unusable(frames), *_hdr(frames), *_taken_for_linear(frames), *_converted(frames, meant)),
    )


def _step(own: bytes, meant: bytes, encode: LinearValues | None) -> Conversion | None:
    if not same_colours(own, meant):
        return Conversion(source=own, target=meant, encode=encode)
    return None if encode is None else Conversion(encode=encode)


def _converted(frames: Sequence[FrameColour], meant: bytes) -> Iterator[Noticed]:
    others = [frame for frame in frames if not same_colours(frame.meant, meant)]
    if not others:
        return
    counts = Counter(name_of(frame.meant) for frame in others)
    found = ", ".join(f"{name} ({count})" for name, count in counts.items())
    untagged = sum(frame.declared.icc is None for frame in frames)
    taken = _untagged(untagged) if untagged else ""
    yield Noticed(
        code="colours-converted",
        severity=Severity.NOTE,
        sentence=_braced(
            f"The frames have different colour profiles: {len(others)} of {len(frames)} were converted to {name_of(meant)}, from"
            f" {found}.{taken}"
        ),
    )


def _untagged(count: int) -> str:
    return f" {count} without a profile {'was' if count == 1 else 'were'} taken for sRGB."


def _unusable(frames: Sequence[FrameColour]) -> Iterator[Noticed]:
    troubled: dict[str, list[int]] = {}
    for position, frame in enumerate(frames):
        if frame.declared.trouble:
            troubled.setdefault(frame.declared.trouble, []).append(position)
    for trouble, positions in troubled.items():
        yield Noticed(
            code="profile-unusable",
            severity=Severity.WARNING,
            sentence=f"The colour profile of {_named(positions)} {_braced(trouble)}: colours were taken for sRGB."
            " Export the frames with an intact profile, or convert them to sRGB.",
            positions=tuple(positions),
        )


def _hdr(frames: Sequence[FrameColour]) -> Iterator[Noticed]:
    positions = [position for position, frame in enumerate(frames) if frame.declared.hdr]
    if positions:
        yield Noticed(
            code="hdr-curve",
            severity=Severity.WARNING,
            sentence=f"The {frames[positions[0]].declared.hdr} curve of HDR screens in {_named(positions)} was taken for that of"
            " sRGB: the composite looks flat. Export the frames as SDR.",
            positions=tuple(positions),
        )


def _taken_for_linear(frames: Sequence[FrameColour]) -> Iterator[Noticed]:
    positions = tuple(position for position, frame in enumerate(frames) if frame.is_taken_for_linear)
    if positions:
        yield Noticed(
            code="decimals-taken-for-linear",
            severity=Severity.NOTE,
            sentence=f"There are decimal values without a colour profile in {_named(positions)}: they were taken for linear light"
            '. If they are display values, set develop.decimal_values = "display".',
            positions=positions,
        )


def clipped_values(shares: Mapping[int, float]) -> Iterator[Noticed]:
    """Tell of decimal values above white. `shares` has the share of the values that were, a position."""
    if shares:
        positions = tuple(sorted(shares, key=lambda position: (-shares[position], position)))
        yield Noticed(
            code="decimals-clipped",
            severity=Severity.WARNING,
            sentence=f"There are decimal values above white, which is 1, in {_named(positions)}: they were clipped, up to"
            f" {_percent(max(shares.values()))} of a frame. Export the frames darker if detail is missing there.",
            positions=positions,
        )


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"  # noqa: PLR2004


def _named(positions: Sequence[int]) -> str:
    """Name the first of some frames as `Noticed` does, and count the others."""
    more = len(positions) - NAMES_TOLD
    return "{0}" if not more else f"{{0}} and {more} more"


def _braced(text: str) -> str:
    """Keep braces in names of profiles from being taken for those of frames."""
    return text.replace("{", "(").replace("}", ")")
