"""Numbers in names: which one counts the frames, and which tell stacks apart."""

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackd.intake.order.name_fields import stack_title
from stackd.intake.order.numbering import numbering

SPELLINGS = {
    "scan_001_01": lambda stack, frame: f"scan_{stack:03}_{frame:02}",
    "s1_f1": lambda stack, frame: f"s{stack}_f{frame}",
    "stack1-frame001": lambda stack, frame: f"stack{stack}-frame{frame:03}",
    "set1 (1)": lambda stack, frame: f"set{stack} ({frame})",
    "A-01": lambda stack, frame: f"{'ABCDEFGH'[stack]}-{frame:02}",
    "1-1": lambda stack, frame: f"{stack}-{frame}",
    "1.01": lambda stack, frame: f"{stack}.{frame:02}",
    "z before": lambda stack, frame: f"z{frame:02}_stack{stack}",
    "slice before": lambda stack, frame: f"slice {frame} of specimen {stack}",
    "StackFrame": lambda stack, frame: f"Stack{stack}Frame{frame:02}",
    "view light step": lambda stack, frame: f"view {stack // 2:03} light {stack % 2} step {frame:02}",
    "coordinates": lambda stack, frame: f"X{1000 + 250 * stack:05}Y00900Z{500 + 50 * frame:05}",
    "coordinates, no words": lambda stack, frame: f"{1000 + 250 * (stack % 3):05}_{300 * (stack // 3):05}_{50 * frame:05}",
    "micrometres": lambda stack, frame: f"cell{stack}_{2.5 * frame:.2f}um",
    "millimetres with a comma": lambda stack, frame: f"fly{stack} " + f"{0.25 * frame - 0.75:.2f}mm".replace(".", ","),
    "signed": lambda stack, frame: f"t{stack}_z{frame - 3:+d}",
    "signed below nought": lambda stack, frame: f"t{stack}_z{frame - 3}",
    "date before": lambda stack, frame: f"2024-05-04_{stack}_{frame}",
    "day of each": lambda stack, frame: f"2024_05_{stack + 1:02}_{frame:03}",
    "German date": lambda stack, frame: f"{stack + 1:02}.05.2024 {frame:02}",
    "date without marks": lambda stack, frame: f"beetle_202405{stack + 1:02}_{frame:02}",
    "session": lambda stack, frame: f"20240504_1{stack}1500_{frame:03}",
    "counter before": lambda stack, frame: f"{100 * stack + frame:04}_set{stack}_z{frame:02}",
    "word behind": lambda stack, frame: f"{15 * stack:03}deg_{frame:02}",
    "depth behind": lambda stack, frame: f"{frame:03}z_{stack}",
    "two counters of one thing": lambda stack, frame: f"Stack{stack:04} Img{frame:04} Focus{37 * frame:05}",
    "time of each frame": lambda stack, frame: f"s{stack}_f{frame}_20240504_10{15 + stack}{10 + frame}",
    "letters for frames": lambda stack, frame: f"scan{stack}{'abcdefghijklmnop'[frame - 1]}",
    "letters for stacks, behind": lambda stack, frame: f"{frame:02}-{'ABCDEFGH'[stack]}",
    "counter of all": lambda stack, frame: f"stack{stack}_img{20 * stack + frame:04}",
}
"""How people and programs count stacks and frames: (stack from 0, frame from 1) → stem."""

MOMENTS = {"session"}
"""Told apart by their times."""


def by_series(stems: list[str]) -> list[list[str]]:
    """Stems of each series, in order of their numbers."""
    found = numbering(f"{stem}.png" for stem in stems)
    series: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path, numbered in found.items():
        series[numbered.series].append((numbered.number or 0, path.removesuffix(".png")))
    return sorted([stem for _, stem in sorted(members)] for members in series.values())


@pytest.mark.parametrize("spelling", sorted(set(SPELLINGS) - MOMENTS))
@settings(deadline=None)
@given(
    depths=st.lists(st.integers(5, 14), min_size=2, max_size=7),
    seed=st.integers(0, 1000),
)
def test_the_outer_number_parts_stacks_and_the_inner_counts_frames(spelling: str, depths: list[int], seed: int):
    if spelling.startswith("coordinates"):
        depths = [depths[0]] * len(depths)
    names = [[SPELLINGS[spelling](stack, frame) for frame in range(1, depth + 1)] for stack, depth in enumerate(depths)]
    poured = [stem for stack in names for stem in stack]
    Random(seed).shuffle(poured)  # noqa: S311

    assert by_series(poured) == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_{n:04}",
        "DSC{n:05}",
        "_DSC{n:04}",
        "P101{n:04}",
        "IMG_1234-{n}",
        "2024-05-04 IMG_{n:04}",
        "20240504_{n:04}",
        "shoot-{n} of 40",
        "beetle 100mm f2.8 {n}",
        "100_{n:04}",
        "focus {n}.50mm",
        "z-0.{n:02}mm",
    ],
)
@pytest.mark.parametrize("count", [3, 14, 40])
def test_one_counter_is_one_series(name: str, count: int):
    stems = [name.format(n=number) for number in range(1, count + 1)]

    assert len(by_series(stems)) == 1


@pytest.mark.parametrize(
    "moment",
    [
        "IMG_20240504_{h:02}{m:02}{s:02}",
        "2024-05-04 {h:02}.{m:02}.{s:02}",
        "shot {h:02}-{m:02}-{s:02}",
        "04.05.2024_{h:02}-{m:02}-{s:02}",
    ],
)
@pytest.mark.parametrize("beat_s", [2, 7, 20])
def test_minutes_are_no_stacks(moment: str, beat_s: int):
    seconds = [10 * 3600 + 15 * 60 + beat_s * index for index in range(40)]
    stems = [moment.format(h=each // 3600, m=each // 60 % 60, s=each % 60) for each in seconds]

    assert len(by_series(stems)) == 1


def test_five_frames_a_second_with_a_suffix_each_are_one_series():
    stems = [f"20240504_1015{second:02}-{index}" for second in range(8) for index in range(1, 6)]

    assert by_series(stems) == [stems]


def test_a_folder_of_the_camera_in_the_name_parts_nothing():
    stems = [*(f"100_{number:04}" for number in range(990, 1000)), *(f"101_{number:04}" for number in range(1, 11))]

    assert len(by_series(stems)) == 1


def test_days_whose_counter_runs_on_are_one_series():
    stems = [f"2024-05-0{4 + number // 9}_{number:04}" for number in range(1, 28)]

    assert by_series(stems) == [stems]


@pytest.mark.parametrize(
    ("stems", "depths"),
    [
        (["z-1", "z0", "z+1"], [-1, 0, 1]),
        (["a_-0,25mm", "a_0,00mm", "a_0,25mm"], [-250, 0, 250]),
        (["cell_2.50um", "cell_5.00um", "cell_7.50um"], [2.5, 5.0, 7.5]),
        (["step07", "step08"], [7, 8]),
        (["Z+0.05um", "Z-0.05um"], [0.05, -0.05]),
        (["IMG_1", "IMG_2"], [None, None]),
        (["beetle-1", "beetle-2"], [None, None]),
    ],
)
def test_depth_is_read_with_its_sign_its_decimals_and_its_unit(stems: list[str], depths: list[float | None]):
    found = numbering(f"{stem}.tif" for stem in stems)

    assert [found[f"{stem}.tif"].depth for stem in stems] == pytest.approx(depths)


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab01279_-+., ()z"), min_size=1, max_size=12), unique=True, max_size=20))
def test_every_name_is_in_one_series_whatever_it_is(stems: list[str]):
    paths = [f"{stem}.jpg" for stem in stems]

    assert set(numbering(paths)) == set(paths)
    assert numbering(reversed(paths)) == numbering(paths)


@pytest.mark.parametrize(
    ("spelling", "title"),
    [
        ("view 012 light 3 step {n:02}", "view 012 light 3"),
        ("scan_001_{n:02}", "scan_001"),
        ("stack1-frame{n:03}", "stack1"),
        ("set1 ({n})", "set1"),
        ("X05250Y00900Z{n:05}", "X05250Y00900"),
        ("z{n:02}_stack7", "stack7"),
        ("cell 3 {n}.50um", "cell 3"),
        ("beetle_{n}", "beetle"),
        ("IMG_{n:04}", ""),
        ("{n}", ""),
    ],
)
def test_a_stack_is_called_what_its_names_have_in_common(spelling: str, title: str):
    assert stack_title([spelling.format(n=number) for number in range(1, 13)]) == title
