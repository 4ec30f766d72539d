"""What a composite loses or gains when one number of the pipeline is halved or doubled."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

import stackd.imaging
from stackd.bench.constants.numbers import Constant, Value
from stackd.bench.constants.patching import Place, patched, places_of, reads_noted, replaced
from stackd.bench.constants.scaling import FACTORS, NotScaled, scaled
from stackd.bench.quality.quality import Quality, judge, judge_depth
from stackd.bench.quality.truth import Truth, truth_of
from stackd.bench.scenes import BenchScene
from stackd.config.settings import Recipe
from stackd.imaging import stacker as stacker_module
from stackd.imaging.chain.chain import SolvedChain
from stackd.imaging.ground.frames import Progress, ignore_progress
from stackd.imaging.judge.jury import Case, Jury, Opinion
from stackd.imaging.match.brightness import Gain
from stackd.imaging.match.tone import ToneCurve
from stackd.imaging.stacker import Stacked, Stacker
from stackd.rendering.scenes import RenderedStack, render_stack

NO_EFFECT_DB = 0.02
"""A change below this on every scene is none: nobody could see it, and other versions of the libraries change as much."""

NO_EFFECT_SPEARMAN = 0.005
"""The same for the rank correlation of depth: as much comes and goes with the noise (guess)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one composite."""

    scene: str
    factor: float
    psnr_db: float
    """More than with the constant as it is; NaN where there was no composite."""
    depth_spearman: float = 0.0
    """The same of the rank correlation between the depth map and the true depth."""
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """What a constant does to the composites of all scenes that read it."""

    constant: Constant
    changes: tuple[Change, ...]
    """Empty where no scene reads it."""
    not_scaled: tuple[str, ...]
    """Why it has no half or double, or neither."""

    @property
    def greatest(self) -> Change | None:
        """The composite that changed most; None without any."""
        made = [change for change in self.changes if not change.failure]
        return max(made, key=lambda change: abs(change.psnr_db), default=None)

    @property
    def mean_db(self) -> float:
        """Mean size of the change, whichever way; NaN without any."""
        sizes = [abs(change.psnr_db) for change in self.changes if not change.failure]
        return float(np.mean(sizes)) if sizes else float("nan")

    @property
    def best_factor(self) -> tuple[float, float]:
        """The factor with which composites are nearest to the truth, and the mean change with it, dB."""
        means = {
            factor: float(np.mean([change.psnr_db for change in self.changes if change.factor == factor and not change.failure]))
            for factor in dict.fromkeys(change.factor for change in self.changes if not change.failure)
        }
        return max(means.items(), key=lambda item: item[1], default=(1.0, 0.0))

    @property
    def failures(self) -> tuple[Change, ...]:
        """Where there was no composite."""
        return tuple(change for change in self.changes if change.failure)

    @property
    def depth_spearman(self) -> float:
        """Greatest change of the rank correlation of depth; 0 without any."""
        found = [change.depth_spearman for change in self.changes if not change.failure]
        return max(found, key=abs, default=0.0)

    @property
    def has_effect(self) -> bool:
        """Whether any composite or depth map changed so that it counts, or failed."""
        greatest = self.greatest
        seen = greatest is not None and abs(greatest.psnr_db) >= NO_EFFECT_DB
        return bool(self.failures) or seen or abs(self.depth_spearman) >= NO_EFFECT_SPEARMAN


def try_constants(
    constants: Sequence[Constant], scenes: Sequence[BenchScene], modules: Sequence[ModuleType], *, progress: Progress
) -> tuple[Effect, ...]:
    """Fuse every scene by the default recipe with each constant halved and doubled.

    A constant that nothing reads while a scene is fused is passed over there: its composite is the same.

    Parameters
    ----------
    constants : sequence of Constant
        What is scaled, one at a time.
    scenes : sequence of BenchScene
        What is rendered.
    modules : sequence of ModuleType
        Where constants may have been imported.
    progress : Progress
        Told after every constant of every scene.

    Returns
    -------
    tuple of Effect
        One a constant, in the same order.
    """
    trials = [
        (constant, factor, value, places_of(constant, modules))
        for constant in constants
        for factor in FACTORS
        if not isinstance(value := scaled(constant, factor), NotScaled)
    ]
    changes: dict[str, list[Change]] = {constant.full_name: [] for constant in constants}
    total = len(trials) * len(scenes)
    with replaced(stacker_module, "Jury", _SilentJury), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # strange numbers make strange arithmetic, which the composite tells of
        for place, wanted in enumerate(scenes):
            scene = _Scene(wanted, modules)
            for number, (constant, factor, value, places) in enumerate(trials):
                changes[constant.full_name] += scene.changes(constant, factor, value, places)
                progress("constants", place * len(trials) + number + 1, total)
    return tuple(
        Effect(
            constant=constant,
            changes=tuple(changes[constant.full_name]),
            not_scaled=tuple(value.reason for factor in FACTORS if isinstance(value := scaled(constant, factor), NotScaled)),
        )
        for constant in constants
    )


class _Scene:
    """A rendered stack, its composite, and what is read to make it."""

    def __init__(self, wanted: BenchScene, modules: Sequence[ModuleType]) -> None:
        self._name = wanted.name
        self._modules = modules
        self._stack = render_stack(wanted.scene)
        self._truth = truth_of(self._stack, blur_px=wanted.scene.blur_px)
        with reads_noted(stackd.imaging) as self._read_adding:
            self._stacker = _StackerInStages(self._stack)
        with reads_noted(stackd.imaging) as self._read_placing:
            self._stacker.place()
        with reads_noted(stackd.imaging) as self._read_finishing:
            made = self._stacker.finish()
        self._usual = _nearness(made, self._truth)

    def changes(self, constant: Constant, factor: float, value: Value, places: frozenset[Place]) -> Iterator[Change]:
        """Make the composite with another value of a constant that is read at `places`; nothing where it is not read here."""
        if not places & (self._read_adding | self._read_placing | self._read_finishing):
            return
        try:
            with patched(constant, value, self._modules):
                psnr_db, depth_spearman = _nearness(self._again(places), self._truth)
        except Exception as error:  # noqa: BLE001  (a number that makes no sense can break anything, and that is the answer)
            failure = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            yield Change(scene=self._name, factor=factor, psnr_db=float("nan"), failure=failure)
        else:
            usual_db, usual_spearman = self._usual
            yield Change(
                scene=self._name,
                factor=factor,
                psnr_db=psnr_db - usual_db,
                depth_spearman=depth_spearman - usual_spearman,
            )

    def _again(self, places: frozenset[Place]) -> Stacked:
        """Start from the first stage that reads one of the places: the stages before it would do the same again."""
        if places & self._read_adding:
            return _StackerInStages(self._stack).finish()
        kept = self._stacker.kept
        if places & self._read_placing:
            self._stacker.kept = None
        try:
            return self._stacker.finish()
        finally:
            self._stacker.kept = kept


class _StackerInStages(Stacker):
    """A stacker of the default recipe that has every frame of a stack, and finishes as often as it is asked to."""

    def __init__(self, stack: RenderedStack) -> None:
        recipe = Recipe()
        super().__init__(stack, align=recipe.align, match=recipe.match, fuse=recipe.fuse, finish=recipe.finish)
        self.kept: tuple[SolvedChain, Sequence[Gain | ToneCurve]] | None = None
        """Where the frames lie and what makes them equally bright, once `place` has found that."""
        for position in range(len(stack)):
            self.add(position)

    def place(self) -> None:
        """Find where frames lie and what makes them equally bright, once for all composites that follow."""
        placed = super()._placed()
        self.kept = placed, super()._matched(placed)

    def _placed(self) -> SolvedChain:
        return super()._placed() if self.kept is None else self.kept[0]

    def _matched(self, placed: SolvedChain) -> Sequence[Gain | ToneCurve]:
        return super()._matched(placed) if self.kept is None else self.kept[1]


def _nearness(made: Stacked, truth: Truth) -> tuple[float, float]:
    """PSNR of a composite, dB, and rank correlation of its depth map with the true depth."""
    cropped = np.array([[1, 0, made.valid_area.left], [0, 1, made.valid_area.top], [0, 0, 1]], float)
    where = truth.matrices[made.reference] @ cropped
    quality = judge(made.image, truth, where)
    if not isinstance(quality, Quality):
        msg = f"nothing to judge: {quality.reason}"
        raise ValueError(msg)  # noqa: TRY004  (no wrong type, but a composite that is nowhere)
    depth = None if made.depth is None else judge_depth(made.depth.position, truth, where)
    return quality.psnr_db, 0.0 if depth is None else depth.depth_spearman


class _SilentJury(Jury):
    """Judges nothing: that would take a quarter of the time, and what is said of a composite does not change it."""

    def judge(self, case: Case, *, progress: Progress = ignore_progress) -> Opinion:
        """Say nothing."""
        del case, progress
        return Opinion(noticed=(), measures={})
