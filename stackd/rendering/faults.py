"""What goes wrong while a stack is shot, done to rendered frames: each fault at a strength that is known.

Numbers of what is drawn (spots, things that walk by) are brush strokes, chosen by eye.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import to_display, to_light
from stackd.model.pixels import Pixels
from stackd.rendering.scenes import RenderedStack


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Harmed:
    """A stack to which something was done."""

    stack: RenderedStack
    concerned: float = 1.0
    """Share of the picture that this touches."""
    brighter: float = 1.0
    """Times by which all frames got more light than the stack's truth."""
    background: NDArray[np.bool_] | None = None
    """What of the truth lies so far beyond an end that it looks like background, shape (H, W); None: nothing."""


Harm: TypeAlias = Callable[[RenderedStack, float, np.random.Generator], Harmed]
"""Does something to a stack, as strongly as said, where chance decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, what tells of it, and the strengths it is tried at."""

    findings: frozenset[str]
    """Codes that tell of it: one is enough."""
    unit: str
    """What a strength counts."""
    strengths: tuple[float, ...]
    noticed_from: float | None
    """Strength from which a person notices; None where the composite shows whether anything is lost."""
    harm: Harm
    times: int = 1
    """How many times as often as others it is tried: what depends on where in the picture it falls needs more."""


def without_frames(stack: RenderedStack, gone: Sequence[int]) -> RenderedStack:
    """Leave frames out; depth still counts the steps of the whole stack."""
    kept = [position for position in range(len(stack)) if position not in set(gone)]
    nearest = min(range(len(kept)), key=lambda place: abs(kept[place] - stack.reference))
    return _reordered(stack, kept, reference=nearest)


def _reordered(stack: RenderedStack, order: Sequence[int], *, reference: int) -> RenderedStack:
    return replace(
        stack,
        frames=tuple(stack.frames[i] for i in order),
        matrices=tuple(stack.matrices[i] for i in order),
        gains=tuple(stack.gains[i] for i in order),
        reference=reference,
    )


def _changed(stack: RenderedStack, change: Callable[[int, NDArray[np.float32]], NDArray[np.float32]]) -> RenderedStack:
    """Change the linear light of every frame."""
    frames: list[Pixels] = [_relit(frame, partial(change, position)) for position, frame in enumerate(stack.frames)]
    return replace(stack, frames=tuple(frames))


def _relit(frame: Pixels, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Pixels:
    white = np.iinfo(frame.dtype).max
    light = change(to_light(frame.astype(np.float32) / np.float32(white)))
    shown = np.rint(to_display(np.clip(light, 0, 1).astype(np.float32)) * np.float32(white))
    return np.asarray(shown, np.uint8) if frame.dtype == np.uint8 else np.asarray(shown, np.uint16)


def _missing(stack: RenderedStack, gone: Sequence[int]) -> Harmed:
    """Leave frames out; what lies farther than a step from all others is touched by that."""
    kept = np.array([position for position in range(len(stack)) if position not in set(gone)])
    away = np.abs(stack.depth_position[..., None] - kept).min(axis=2)
    beyond = np.maximum(kept[0] - stack.depth_position, stack.depth_position - kept[-1])
    return Harmed(
        stack=without_frames(stack, gone),
        concerned=float(((away > 1) & _textured(stack)).mean()),
        background=np.asarray(beyond >= BACKGROUND_STEPS),
    )


BACKGROUND_STEPS: Final = 4
"""Steps beyond an end from which a place is background: discs of 8 px in a picture 480 px wide, 1.7 % of it, as soft as a wall
one metre behind a portrait at 85 mm and f/2. Nobody who sees only the picture can tell whether it was meant to be sharp."""


def _textured(stack: RenderedStack) -> NDArray[np.bool_]:
    """Mark where the truth shows something that can be sharp."""
    gray = cv2.cvtColor(stack.truth, cv2.COLOR_RGB2GRAY)
    detail = np.square(gray - cv2.GaussianBlur(gray, (0, 0), 1.0))
    return np.asarray(cv2.GaussianBlur(detail, (0, 0), TEXTURE_PX) > TEXTURED_FROM)


TEXTURE_PX: Final = 4.0
TEXTURED_FROM: Final = 1e-4
"""Mean squared detail, display units, within such a sigma: a contrast of one in a hundred."""


def _gap(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    first = _where_something_is(stack, random, range(len(stack) // 4, len(stack) // 2), reach=strength / 2)
    return _missing(stack, range(first, first + int(strength)))


def _where_something_is(stack: RenderedStack, random: np.random.Generator, frames: Sequence[int], *, reach: float) -> int:
    """Choose one of some frames by chance, the likelier the more of the picture is in focus there or within a reach behind it."""
    textured = stack.depth_position[_textured(stack)]
    found = [np.count_nonzero(np.abs(textured - (frame + reach - 0.5)) <= max(reach, 0.5)) + 1.0 for frame in frames]
    return int(random.choice(np.asarray(frames), p=np.asarray(found) / sum(found)))


def _near_end(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:  # noqa: ARG001
    return _missing(stack, range(int(strength)))


def _far_end(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:  # noqa: ARG001
    return _missing(stack, range(len(stack) - int(strength), len(stack)))


def _shaken(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    victim, angle = _where_something_is(stack, random, range(2, len(stack) - 2), reach=0.5), random.uniform(0, np.pi)
    side = 2 * int(np.ceil(strength)) + 3
    smear = np.zeros((side, side), np.float32)
    middle, reach = side // 2, strength / 2
    ends = [np.array([middle, middle]) + sign * reach * np.array([np.cos(angle), np.sin(angle)]) for sign in (-1, 1)]
    (x0, y0), (x1, y1) = (np.rint(end * 16).astype(int).tolist() for end in ends)
    cv2.line(smear, (x0, y0), (x1, y1), 1.0, lineType=cv2.LINE_AA, shift=4)
    smear /= smear.sum()
    sharp_there = np.abs(stack.depth_position - np.float32(victim)) < 0.5  # noqa: PLR2004  (half a step)
    shaken = _changed(stack, lambda i, light: np.asarray(cv2.filter2D(light, -1, smear), np.float32) if i == victim else light)
    return Harmed(stack=shaken, concerned=float((sharp_there & _textured(stack)).mean()))


def _brighter(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    victim, sign = _not_reference(stack, random), random.choice([-1.0, 1.0])
    return Harmed(stack=_changed(stack, lambda i, light: light * np.float32(2.0 ** (sign * strength)) if i == victim else light))


def _tinted(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    victim = _not_reference(stack, random)
    tint = np.array([1 + strength, 1, 1 / (1 + strength)], np.float32)
    return Harmed(stack=_changed(stack, lambda i, light: light * tint if i == victim else light))


def _clipped(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:  # noqa: ARG001
    """Make everything so much brighter that this share of the picture, in percent, is white."""
    brightest = np.median(to_light(stack.truth), axis=2)
    factor = np.float32(1.02 / np.percentile(brightest, 100 - strength))
    return Harmed(stack=_changed(stack, lambda _, light: light * factor), brighter=float(factor))


def _again(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    twice = random.choice(len(stack), int(strength), replace=False)
    order = sorted([*range(len(stack)), *twice.tolist()])
    return Harmed(stack=_reordered(stack, order, reference=order.index(stack.reference)))


def _out_of_turn(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    """Move a frame so many places."""
    victim = int(random.integers(0, len(stack)))
    steps = int(strength)
    target = victim + steps if victim + steps < len(stack) else victim - steps
    order = [i for i in range(len(stack)) if i != victim]
    order.insert(target, victim)
    return Harmed(stack=_reordered(stack, order, reference=order.index(stack.reference)))


def _hot(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    """Give the sensor so many pixels that are always bright."""
    height, width = stack.shape
    rows, columns = random.integers(8, height - 8, int(strength)), random.integers(8, width - 8, int(strength))
    frames = []
    for frame in stack.frames:
        spoilt = frame.copy()
        spoilt[rows, columns] = np.iinfo(frame.dtype).max * np.array([0.95, 0.9, 0.9])
        frames.append(spoilt)
    return Harmed(stack=replace(stack, frames=tuple(frames)))


def _walker(stack: RenderedStack, strength: float, random: np.random.Generator) -> Harmed:
    """Let something in focus in the middle of the stack walk by, so many px from frame to frame."""
    height, width = stack.shape
    size, angle = random.uniform(0.12, 0.2) * height, random.uniform(0, 2 * np.pi)
    middle = np.array([random.uniform(0.35, 0.65) * width, random.uniform(0.35, 0.65) * height])
    step = strength * np.array([np.cos(angle), np.sin(angle)])
    depth, side = len(stack) / 2, int(3 * size)
    coarse = random.uniform(0.02, 0.9, (side // 6 + 2, side // 6 + 2, 3)).astype(np.float32)
    coat = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:side, :side].astype(np.float32) - side / 2
    body = np.clip(size - np.hypot(x / 0.7, y), 0, 1).astype(np.float32)

    def pass_by(position: int, light: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
        layer = cv2.GaussianBlur(np.dstack([coat * body[..., None], body]), (0, 0), max(radius / 2, 0.3))
        x0, y0 = middle + step * (position - depth) - side / 2
        placed = cv2.warpAffine(layer, np.array([[1, 0, x0], [0, 1, y0]], np.float32), (width, height))
        return np.asarray(light * (1 - placed[..., 3:]) + placed[..., :3], np.float32)

    walked = _changed(stack, lambda i, light: pass_by(i, light, BLUR_OF_WALKER_PX * abs(i - depth)))
    sharp = to_light(stack.truth)
    moments = tuple(to_display(np.clip(pass_by(i, sharp, 0), 0, 1)) for i in range(len(stack)))
    return Harmed(stack=replace(walked, moments=moments))


BLUR_OF_WALKER_PX: Final = 1.0
"""Radius per frame, as the scenes of the bench have it."""


def _not_reference(stack: RenderedStack, random: np.random.Generator) -> int:
    return int(random.choice([position for position in range(len(stack)) if position != stack.reference]))


def _fault(
    *findings: str, unit: str, strengths: tuple[float, ...], noticed_from: float | None, harm: Harm, times: int = 1
) -> Fault:
    return Fault(findings=frozenset(findings), unit=unit, strengths=strengths, noticed_from=noticed_from, harm=harm, times=times)


MOTION: Final = ("subject-moved", "moment-taken", "motion-unresolved")
ORDER: Final = ("frame-out-of-order", "names-out-of-order")

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "gap": _fault("focus-gap", unit="frames missing", strengths=(1, 2, 3, 4), noticed_from=None, harm=_gap, times=5),
        "near end": _fault("near-end-early", unit="frames missing", strengths=(1, 2, 3, 5), noticed_from=None, harm=_near_end),
        "far end": _fault(
            "far-end-early", unit="frames missing", strengths=(1, 2, 3, 5), noticed_from=None, harm=_far_end, times=5
        ),
        "shaken": _fault("frame-shaken", unit="px of smear", strengths=(3, 5, 8), noticed_from=5, harm=_shaken, times=5),
        "brightness": _fault("exposure-off", unit="stops", strengths=(0.1, 0.3, 0.6, 1), noticed_from=0.3, harm=_brighter),
        "white balance": _fault("white-balance-off", unit="", strengths=(0.03, 0.1, 0.2), noticed_from=0.1, harm=_tinted),
        "clipping": _fault("clipped", unit="% white", strengths=(1, 5, 10, 20), noticed_from=5, harm=_clipped),
        "duplicate": _fault("duplicate-frame", unit="frames", strengths=(1, 2), noticed_from=1, harm=_again),
        "order": _fault(*ORDER, unit="places", strengths=(1, 2, 4, 6), noticed_from=2, harm=_out_of_turn),
        "hot pixels": _fault("hot-pixels", unit="pixels", strengths=(3, 20, 60), noticed_from=20, harm=_hot),
        "walker": _fault(*MOTION, unit="px a frame", strengths=(1, 3, 6, 12), noticed_from=3, harm=_walker),
    }
)
"""By name."""
