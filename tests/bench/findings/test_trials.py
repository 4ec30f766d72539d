"""Stacks with faults of known strength, and the counting of what was said of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stackd.bench.findings.counting import LEAST_CONCERNED, is_ruined, judged, recalls
from stackd.bench.findings.trials import FRAMES, Said, Trial, damage, rendered, trials
from stackd.bench.programs.desk import write_frame
from stackd.bench.wiring import fuse_by_default
from stackd.model.verdict import Judgement
from stackd.rendering.faults import FAULTS


def _said(
    fault: str | None,
    strength: float = 0,
    *,
    codes: Sequence[str] = (),
    judgement: Judgement = Judgement.PASS,
    damage: float = 0.0,
    concerned: float = 1.0,
) -> Said:
    return Said(
        trial=Trial(seed=1, subject="plane", fault=fault, strength=strength),
        codes=frozenset(codes),
        judgement=judgement,
        probability=0.0 if judgement is Judgement.PASS else 0.9,
        measures={},
        concerned=concerned,
        damage=damage,
        usual_damage=0.0,
    )


def test_every_second_stack_has_a_fault_and_each_strength_comes_up() -> None:
    strengths = sum(len(fault.strengths) for fault in FAULTS.values())
    chosen = list(trials(2 * strengths))
    assert [trial.fault is None for trial in chosen] == [False, True] * strengths
    assert {(trial.fault, trial.strength) for trial in chosen if trial.fault} == {
        (name, strength) for name, fault in FAULTS.items() for strength in fault.strengths
    }
    assert len({trial.seed for trial in chosen}) == len(chosen)


def test_the_same_trial_is_the_same_stack() -> None:
    trial = Trial(seed=3, subject="sky", fault="walker", strength=6)
    (one, _), (other, _) = rendered(trial), rendered(trial)
    assert all(np.array_equal(a, b) for a, b in zip(one.stack.frames, other.stack.frames, strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_the_frames_as_it_says(name: str) -> None:
    """Each does something to the stack, and keeps its truth, matrices and gains as long as its frames."""
    fault = FAULTS[name]
    clean, _ = rendered(Trial(seed=4, subject="plane", fault=None, strength=0))
    harmed, truths = rendered(Trial(seed=4, subject="plane", fault=name, strength=fault.strengths[-1]))
    same = len(harmed.stack) == len(clean.stack) and all(
        np.array_equal(a, b) for a, b in zip(harmed.stack.frames, clean.stack.frames, strict=True)
    )
    assert not same
    assert len(harmed.stack.frames) == len(harmed.stack.matrices) == len(harmed.stack.gains)
    assert 0 <= harmed.concerned <= 1
    assert truths


def test_missing_frames_concern_what_only_they_had_in_focus() -> None:
    """Five of fourteen frames gone at the near end of a plane: the four steps that lie farther than one from the rest."""
    harmed, _ = rendered(Trial(seed=4, subject="plane", fault="near end", strength=5))
    assert len(harmed.stack) == FRAMES - 5
    assert harmed.concerned == pytest.approx(4 / (FRAMES - 1), abs=0.03)


def test_the_truth_is_undamaged_and_a_smeared_one_is_not(tmp_path: Path) -> None:
    harmed, (truth,) = rendered(Trial(seed=4, subject="plane", fault=None, strength=0))
    frames = [write_frame(tmp_path / f"{number}", pixels) for number, pixels in enumerate(harmed.stack.frames)]
    composite = fuse_by_default(frames, tmp_path / "out.tif")
    reference = [frame.name for frame in frames].index(Path(composite.reference_path).name)
    assert damage(composite, truth, harmed.stack, reference) < 0.01
    assert damage(composite, truth[:, ::-1].copy(), harmed.stack, reference) > 0.5


def test_recall_counts_what_a_person_notices_where_it_touches_the_picture() -> None:
    said = [
        _said("gap", 1),
        _said("gap", 2, codes=["focus-gap"]),
        _said("gap", 3),
        _said("gap", 4, concerned=LEAST_CONCERNED / 2),
        _said(None, codes=["focus-gap"]),
        _said(None),
    ]
    (gap,) = (one for one in recalls(said) if one.fault == "gap")
    assert gap.by_strength == ((1, 1, 0), (2, 1, 1), (3, 1, 0))
    assert gap.recall == pytest.approx(0.5)
    assert (gap.false_alarms, gap.without_fault) == (1, 2)


def test_verdicts_are_held_against_what_composites_look_like() -> None:
    said = [
        _said("walker", 6, judgement=Judgement.REJECT, damage=0.2),
        _said("walker", 6, damage=0.2),
        _said(None),
        _said(None, judgement=Judgement.REVIEW),
    ]
    counted = judged(said)
    assert (counted.ruined, counted.ruined_told, counted.good, counted.good_stopped) == (2, 1, 2, 1)
    assert [is_ruined(one) for one in said] == [True, True, False, False]
    assert sum(count for _, _, count in counted.bins) == 4
