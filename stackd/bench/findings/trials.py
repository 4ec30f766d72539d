"""Random stacks, each without a fault and with two, and what stackd says of them."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np

from stackd.bench.programs.desk import write_frame
from stackd.bench.scenes import BLUR_PX, ELECTRONS_AT_ISO_100, SUBJECTS
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.ground.frames import Progress
from stackd.model.composite import Composite
from stackd.model.pixels import Gray, Image
from stackd.model.verdict import Judgement
from stackd.rendering.faults import FAULTS, Harmed
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack

Fuse: TypeAlias = Callable[[Sequence[Path], Path], Composite]
"""Fuses frames as a user would; the path is where the composite goes."""

FIRST_SEED: Final = 10_000
"""Of the stacks that tables report; whoever chooses a number in stackd uses others."""
SIZE_PX: Final = (320, 480)
"""Rows and columns."""
FRAMES: Final = 14
FAULTS_A_STACK: Final = 2
"""Tried on every random stack, one by one, beside the stack as it is."""

CELL_PX: Final = 16
"""Side of the cells in which a composite is compared with the truth."""
WRONG_FROM: Final = 0.08
"""Root mean square error of a cell, display units, from which it looks wrong."""
SOFT_BELOW: Final = 0.35
"""Energy of fine detail over the truth's, below which a cell looks soft …"""
TEXTURED_FROM: Final = 1e-4
"""… where the truth has so much of it, mean squared display units: a contrast of one in a hundred."""
FINE_PX: Final = 1.0
"""Sigma of what is taken away to leave fine detail."""
BORDER_PX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A stack to try."""

    seed: int
    subject: str
    fault: str | None
    """Of `FAULTS`; None: nothing is wrong."""
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What stackd said of a stack, and what was true."""

    trial: Trial
    codes: frozenset[str]
    judgement: Judgement
    probability: float
    measures: dict[str, float]
    concerned: float
    """Share of the picture that the fault touches."""
    damage: float
    """Share of the composite that looks wrong or soft beside the truth."""
    usual_damage: float
    """The same of the stack without the fault: hairs over texture are hard for anybody."""


def trials(count: int, *, first_seed: int = FIRST_SEED) -> Iterator[tuple[Trial, ...]]:
    """List so many random stacks, each without a fault first, and then with two of all faults and strengths in turn."""
    harms = [(name, strength) for name, fault in FAULTS.items() for strength in fault.strengths for _ in range(fault.times)]
    subjects = tuple(SUBJECTS)
    order = np.random.default_rng(first_seed).permutation(len(harms))
    for number in range(count):
        subject = subjects[int(np.random.default_rng((first_seed, number)).integers(len(subjects)))]
        sound = Trial(seed=first_seed + number, subject=subject, fault=None, strength=0.0)
        chosen = [harms[order[(FAULTS_A_STACK * number + place) % len(harms)]] for place in range(FAULTS_A_STACK)]
        yield (sound, *(replace(sound, fault=fault, strength=strength) for fault, strength in chosen))


def tried(of_one_stack: Sequence[Trial], fuse: Fuse) -> Iterator[Said]:
    """Render a stack, let stackd fuse it without a fault first, then with others, and compare."""
    usual = None
    for trial in of_one_stack:
        harmed, truths = rendered(trial)
        composite, reference = _fused(harmed.stack, fuse)
        found = min(damage(composite, truth, harmed, reference) for truth in truths)
        usual = found if usual is None else usual
        yield _said(trial, composite, harmed, found, usual)


def _said(trial: Trial, composite: Composite, harmed: Harmed, found: float, usual: float) -> Said:
    return Said(
        trial=trial,
        codes=frozenset(finding.code for finding in composite.findings),
        judgement=composite.verdict.judgement,
        probability=composite.verdict.rejection_probability,
        measures=dict(composite.verdict.measures),
        concerned=harmed.concerned,
        damage=found,
        usual_damage=usual,
    )


def _fused(stack: RenderedStack, fuse: Fuse) -> tuple[Composite, int]:
    """Fuse a stack; the number is the place of the frame that the composite lies on."""
    with tempfile.TemporaryDirectory(prefix="stackd-findings-") as folder:
        frames = [write_frame(Path(folder) / f"{number + 1:04d}", pixels) for number, pixels in enumerate(stack.frames)]
        composite = fuse(frames, Path(folder) / "composite.tif")
    return composite, [frame.name for frame in frames].index(Path(composite.reference_path).name)


def rendered(trial: Trial) -> tuple[Harmed, Sequence[Image]]:
    """Render a stack with its fault, and the images that would be right: several, if something moves."""
    random = np.random.default_rng((trial.seed, 77))
    is_rail = trial.subject == "rail"
    scene = SceneSettings(
        subject=SUBJECTS[trial.subject],
        height_px=SIZE_PX[0],
        width_px=SIZE_PX[1],
        frame_count=FRAMES,
        blur_px=BLUR_PX,
        shift_px=float(random.uniform(2, 8)),
        turn_rad=0.002,
        breathing=0.0 if is_rail else float(random.uniform(-0.003, 0.003)),
        parallax=0.002 if is_rail else 0.0,
        flicker=0.02,
        full_well_electrons=ELECTRONS_AT_ISO_100 * 100 / float(random.choice([100, 200, 400, 800])),
        bits=int(random.choice([8, 16])),
        seed=trial.seed,
    )
    stack = render_stack(scene)
    if trial.fault is None:
        return Harmed(stack=stack, concerned=0.0), (stack.truth,)
    harm = FAULTS[trial.fault].harm
    harmed = harm(stack, trial.strength, np.random.default_rng((trial.seed, 78)))
    return harmed, harmed.stack.moments or (harmed.stack.truth,)


def damage(composite: Composite, truth: Image, harmed: Harmed, reference: int) -> float:
    """Tell which share of a composite looks wrong or soft.

    Parameters
    ----------
    composite : Composite
        Of the stack.
    truth : ndarray of float32, shape (H, W, 3)
        What would be right, on the grid of the stack's own reference.
    harmed : Harmed
        The stack: where frames lie, what of it is background, and how much brighter than the truth it was shot. Who pulls a
        picture down that is too bright finds nothing where it was cut off.
    reference : int
        Frame that the composite lies on, by its place in the stack.
    """
    area = composite.valid_area
    to_truth = harmed.stack.matrices[reference] @ np.array([[1, 0, area.left], [0, 1, area.top], [0, 0, 1]], np.float64)
    rows, columns = composite.image.shape[:2]
    right = cv2.warpPerspective(truth, to_truth, (columns, rows), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    inner = (slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX))
    image, right = composite.image[inner], right[inner]
    if harmed.brighter != 1:
        image = to_display(to_light(image) / np.float32(harmed.brighter))
    # No stacker promises a frame's exact brightness.
    gain = float((image * right).sum() / max(float((image * image).sum()), np.finfo(float).tiny))
    wrong = _cells(np.square(image * np.float32(gain) - right).mean(axis=2)) > WRONG_FROM**2
    seen, there = (_cells(np.square(_fine(one))) for one in (image * np.float32(gain), np.asarray(right, np.float32)))
    soft = (there > TEXTURED_FROM) & (seen < SOFT_BELOW * there)
    found = wrong | soft
    if harmed.background is not None:
        shown = cv2.warpPerspective(
            harmed.background.astype(np.float32), to_truth, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        found &= _cells(np.asarray(shown[inner], np.float32)) < 0.5  # noqa: PLR2004  (most of it)
    return float(found.mean())


def _fine(image: Image) -> Gray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray - cv2.GaussianBlur(gray, (0, 0), FINE_PX), np.float32)


def _cells(plane: Gray) -> Gray:
    return block_means(np.asarray(plane, np.float32), CELL_PX, edge=Edge.LEFT_OUT)


def run(chosen: Sequence[Sequence[Trial]], fuse: Fuse, *, progress: Progress) -> tuple[Said, ...]:
    """Try stack after stack."""
    said: list[Said] = []
    for done, of_one_stack in enumerate(chosen):
        progress("try", done, len(chosen))
        said.extend(tried(of_one_stack, fuse))
    progress("try", len(chosen), len(chosen))
    return tuple(said)
