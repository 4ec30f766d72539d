"""Stacks with faults of known strength, and the counting of what was said of them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stackd.bench.findings.counting import LEAST_CONCERNED, VISIBLE_FROM, is_ruined, judged, recalls
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


def test_each_stack_is_tried_without_a_fault_and_with_others_and_each_strength_comes_up() -> None:
    tries = sum(fault.times * len(fault.strengths) for fault in FAULTS.values())
    chosen = list(trials(tries))
    assert all([trial.fault is None for trial in of_one_stack] == [True, False, False] for of_one_stack in chosen)
    assert all(len({(trial.seed, trial.subject) for trial in of_one_stack}) == 1 for of_one_stack in chosen)
    assert Counter((trial.fault, trial.strength) for _, *harmed in chosen for trial in harmed) == {
        (name, strength): 2 * fault.times for name, fault in FAULTS.items() for strength in fault.strengths
    }
    assert len({sound.seed for sound, *_ in chosen}) == len(chosen)


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
    assert damage(composite, truth, harmed, reference) < 0.01
    assert damage(composite, truth[:, ::-1].copy(), harmed, reference) > 0.5


def test_what_is_cut_off_is_damaged_and_what_is_brighter_alone_is_not(tmp_path: Path) -> None:
    """Pulled down to the truth's exposure a bright picture is as good, save where it was white."""
    found = {}
    for strength in (1.0, 20.0):
        harmed, (truth,) = rendered(Trial(seed=5, subject="sheets", fault="clipping", strength=strength))
        frames = [write_frame(tmp_path / f"{strength:.0f}-{number}", pixels) for number, pixels in enumerate(harmed.stack.frames)]
        composite = fuse_by_default(frames, tmp_path / f"{strength:.0f}.tif")
        reference = [frame.name for frame in frames].index(Path(composite.reference_path).name)
        found[strength] = damage(composite, truth, harmed, reference)
    assert found[1] < 0.02
    assert found[20] > 0.1


def test_what_lies_far_beyond_an_end_is_background() -> None:
    """A far wall five steps behind the last frame is as soft as one behind a portrait; three steps behind it is just soft."""
    far, near = (
        rendered(Trial(seed=5, subject="hairs", fault="far end", strength=strength))[0].background for strength in (5, 3)
    )
    assert far is not None
    assert near is not None
    assert far.mean() > 0.3
    assert not near.any()


def test_recall_counts_what_a_person_notices_where_it_touches_the_picture() -> None:
    said = [
        _said("shaken", 1),
        _said("shaken", 5, codes=["frame-shaken"]),
        _said("shaken", 8),
        _said("shaken", 8, concerned=LEAST_CONCERNED / 2),
        _said(None, codes=["frame-shaken"]),
        _said(None),
    ]
    (shaken,) = (one for one in recalls(said) if one.fault == "shaken")
    assert shaken.by_strength == ((1, 1, 0), (5, 1, 1), (8, 1, 0))
    assert shaken.recall == pytest.approx(0.5)
    assert (shaken.false_alarms, shaken.without_fault) == (1, 2)


def test_of_missing_frames_those_count_whose_composites_show_it() -> None:
    said = [
        _said("gap", 2, damage=VISIBLE_FROM / 2),
        _said("gap", 2, damage=2 * VISIBLE_FROM, codes=["focus-gap"]),
        _said("gap", 4, damage=2 * VISIBLE_FROM),
    ]
    (gap,) = (one for one in recalls(said) if one.fault == "gap")
    assert gap.by_strength == ((2, 1, 1), (4, 1, 0))
    assert gap.recall == pytest.approx(0.5)


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
