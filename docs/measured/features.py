"""Which pairs of frames of known motion are placed, by pixels and by features, at what cost, and what strangers do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product
from math import radians
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from composites import SUBJECTS, scene
from measured.printed import say, show_table, timed

from stackd.imaging.ground.matrices import inverse, transformed
from stackd.imaging.lay_over.warp import warp
from stackd.imaging.register import register
from stackd.imaging.register.engine.feature_guess import guess_from_features
from stackd.imaging.register.engine.pairwise import FirstGuess
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.imaging.register.models import MotionRegistration
from stackd.model.pixels import Gray, Matrix
from stackd.model.registration import FailedRegistration, Registration
from stackd.rendering.scenes import Move, render_stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How the second frame of a pair is moved, whatever the size of the frames."""

    aside: float = 0.0
    """Share of the width."""
    turn_deg: float = 0.0
    scale: float = 1.0
    """Size of the moved frame's px: 0.5 is zoomed in twofold."""

    def matrix(self, shape: tuple[int, int]) -> Matrix:
        """Moved frame → the same frame unmoved."""
        shift_px = (self.aside * shape[1], self.aside * shape[0] / 4)
        return Move(shift_px=shift_px, turn_rad=radians(self.turn_deg), scale=self.scale).matrix(shape)


MOTIONS: Mapping[str, tuple[Motion, ...]] = MappingProxyType(
    {
        "aside by 20 to 30 % of the width, one of them turned by 8°": (
            Motion(aside=0.2),
            Motion(aside=-0.3),
            Motion(aside=0.25, turn_deg=8),
        ),
        "turned by 15°": (Motion(turn_deg=15),),
        "turned by 30° to 180°, up to 40 % aside": (
            Motion(turn_deg=30),
            Motion(turn_deg=-60, aside=0.2),
            Motion(turn_deg=90),
            Motion(turn_deg=135, aside=-0.1),
            Motion(turn_deg=180, aside=0.4),
        ),
        "zoomed in 1.45 times; 1.6 times and turned by 40°": (Motion(scale=1 / 1.45), Motion(scale=1 / 1.6, turn_deg=40)),
        "zoomed out twofold": (Motion(scale=2.0),),
        "zoomed in twofold": (Motion(scale=0.5),),
        "zoomed in 2.5 times and aside by 10 %": (Motion(scale=0.4, aside=0.1),),
    }
)

FIRST_GUESSES: tuple[FirstGuess, ...] = ("pixels", "auto", "features")

PLACED_PX = 1.0
"""A frame that lies so near to where it belongs is placed; RMS over what both frames show."""

GRID_POINTS = 20
"""Points a side at which errors are taken."""

PREPARED, FEATURES = "prepare a frame", "find its features"
BY_PIXELS, IN_VAIN = "register a pair by pixels", "search by pixels in vain"
GUESSED = "guess a pair from its features"
COSTS = (PREPARED, FEATURES, BY_PIXELS, IN_VAIN, GUESSED)
"""What seconds are measured of."""

WHOLE_PX = (640, 960)
"""Rows and columns of whole frames; of real ones, which are reduced to that, the middle."""

MIDDLE_PX = (WHOLE_PX[0] // 2, WHOLE_PX[1] // 2)
"""What is registered: the middle can be moved without leaving the frame."""

TO_WHOLE = np.array([[1, 0, MIDDLE_PX[1] // 2], [0, 1, MIDDLE_PX[0] // 2], [0, 0, 1.0]])
"""Middle → whole frame."""

STRANGE_MOTIONS = (Motion(), Motion(turn_deg=30), Motion(scale=2.0))
"""How frames lie that are held against those of other subjects."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """Two frames, gray, and where the second one lies: moving → reference px."""

    subject: str
    reference: Gray
    moving: Gray
    true: Matrix

    def reference_middle(self) -> Gray:
        """Cut the first frame."""
        return np.asarray(warp(self.reference, inverse(TO_WHOLE), MIDDLE_PX), np.float32)

    def moved_middle(self, motion: Motion) -> tuple[Gray, Matrix]:
        """Cut the second frame as it looks after a motion, and tell where that lies on the middle of the first."""
        place = TO_WHOLE @ motion.matrix(MIDDLE_PX)
        # Seen from farther away, what is finer than a pixel must not turn into moiré.
        blur_px = float(0.5 * np.sqrt(max(motion.scale**2 - 1, 0)))
        seen = cv2.GaussianBlur(self.moving, (0, 0), blur_px) if blur_px else self.moving
        cut = warp(np.asarray(seen, np.float32), inverse(place), MIDDLE_PX)
        return np.asarray(cut, np.float32), inverse(TO_WHOLE) @ self.true @ place


def measure_features(stacks: Path | None) -> None:
    """Print what is placed of rendered pairs, and of real ones where there are any; then what is made of strangers."""
    # No seed twice: it decides the texture, and scenes that share it are no strangers.
    rendered = [_rendered(name, seed) for seed, name in enumerate(2 * tuple(SUBJECTS))]
    real = [] if stacks is None else list(_read_stacks(stacks))
    for name, pairs in (("rendered", rendered), ("real", real)):
        if pairs:
            _show_placed(name, pairs)
    _show_strangers([*rendered, *real])


def _rendered(subject: str, seed: int) -> Neighbours:
    settings = replace(
        scene(SUBJECTS[subject], iso=800, frame_count=4), height_px=WHOLE_PX[0], width_px=WHOLE_PX[1], blur_px=2.0, seed=seed
    )
    stack = render_stack(settings)
    return Neighbours(subject=subject, reference=stack.read_gray(2, 1), moving=stack.read_gray(1, 1), true=np.eye(3))


def _read_stacks(folder: Path) -> Iterator[Neighbours]:
    """Read the middle neighbours of every stack, by name; where they lie unmoved is what pixels find of the whole frames."""
    for stack in sorted(path for path in folder.iterdir() if path.is_dir()):
        frames = sorted(stack.iterdir())
        moving, reference = (_read_gray(path) for path in frames[len(frames) // 2 - 1 :][:2])
        found = register(reference, moving, MotionRegistration(first_guess="pixels"))
        if not found:
            raise SystemExit(f"{stack.name}: the frames in its middle are no neighbours. {found.reason}")
        yield Neighbours(subject=stack.name, reference=reference, moving=moving, true=found.matrix)


def _read_gray(path: Path) -> Gray:
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if gray is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads. Leave nothing but frames in the folder of a stack.")
    factor = max(wanted / side for wanted, side in zip(WHOLE_PX, gray.shape, strict=True))
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    top, left = ((side - wanted) // 2 for side, wanted in zip(small.shape, WHOLE_PX, strict=True))
    middle = small[top : top + WHOLE_PX[0], left : left + WHOLE_PX[1]]
    return np.asarray(middle / np.float32(np.iinfo(gray.dtype).max), np.float32)


def _show_placed(name: str, neighbours: Sequence[Neighbours]) -> None:
    references = [prepare(pair.reference_middle()) for pair in neighbours]
    errors_px: list[float] = []
    seconds: dict[str, list[float]] = {cost: [] for cost in COSTS}
    rows = []
    for kind, motions in MOTIONS.items():
        placed = dict.fromkeys(FIRST_GUESSES, 0)
        for (pair, reference), motion in product(zip(neighbours, references, strict=True), motions):
            gray, true = pair.moved_middle(motion)
            moving = _frame_measured(gray, seconds)
            for first_guess, found in _registered(reference, moving, seconds).items():
                if found:
                    errors_px.append(_error_px(found.matrix, true, MIDDLE_PX))
                    placed[first_guess] += errors_px[-1] < PLACED_PX
        rows.append([kind, str(len(neighbours) * len(motions)), *(str(placed[first_guess]) for first_guess in FIRST_GUESSES)])
    show_table([f"second frame, {name}", "pairs", *FIRST_GUESSES], rows)
    good_px = [error for error in errors_px if error < PLACED_PX]
    say(
        f"Of {len(errors_px)} that were believed, {len(errors_px) - len(good_px)} lie wrong by {PLACED_PX:g} px or more;"
        f" the others by {np.median(good_px):.3f} px in the median, {max(good_px):.2f} px at most."
    )
    costs = [[cost, f"{1000 * np.median(values):.0f}", f"{1000 * max(values):.0f}"] for cost, values in seconds.items() if values]
    show_table([f"CPU ms, {name}", "median", "most"], costs)


def _frame_measured(gray: Gray, seconds: Mapping[str, list[float]]) -> PreparedFrame:
    took_s, frame = timed(partial(prepare, gray))
    seconds[PREPARED].append(took_s)
    took_s, _ = timed(lambda: frame.features)
    seconds[FEATURES].append(took_s)
    return frame


def _registered(
    reference: PreparedFrame, moving: PreparedFrame, seconds: Mapping[str, list[float]]
) -> Mapping[FirstGuess, Registration | FailedRegistration]:
    found = {}
    for first_guess in FIRST_GUESSES:
        settings = MotionRegistration(first_guess=first_guess)
        took_s, found[first_guess] = timed(partial(register, reference, moving, settings))
        if first_guess == "pixels":
            seconds[BY_PIXELS if found[first_guess] else IN_VAIN].append(took_s)
    took_s, _ = timed(partial(guess_from_features, reference, moving))
    seconds[GUESSED].append(took_s)
    return found


def _error_px(found: Matrix, true: Matrix, shape: tuple[int, int]) -> float:
    """RMS over what both frames show, px of the reference."""
    x, y = np.meshgrid(np.linspace(0, shape[1] - 1, GRID_POINTS), np.linspace(0, shape[0] - 1, GRID_POINTS))
    points = np.column_stack([x.ravel(), y.ravel()])
    there = transformed(true, points)
    common = ((there >= 0) & (there <= (shape[1] - 1, shape[0] - 1))).all(axis=1)
    return float(np.sqrt(((transformed(found, points) - there)[common] ** 2).sum(axis=1).mean()))


def _show_strangers(neighbours: Sequence[Neighbours]) -> None:
    """Hold frames against those of other subjects: none must be believed."""
    frames = [(pair.subject, prepare(pair.moved_middle(motion)[0])) for pair, motion in product(neighbours, STRANGE_MOTIONS)]
    strangers = [(one, other) for (subject, one), (other_subject, other) in combinations(frames, 2) if subject != other_subject]
    believed = sum(bool(register(*pair, MotionRegistration())) for pair in strangers)
    guessed = sum(guess_from_features(*pair) is not None for pair in strangers)
    say(f"Of {len(strangers)} pairs of frames of different subjects {believed} were believed; features gave {guessed} guesses.")
