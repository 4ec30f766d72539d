"""One exposure in many guises: what is one is counted once, and no frame is lost."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackd.intake.evidence.content import signature
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.grouping import group
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame
from stackd.model.override import Dismiss, Release, Split, frame_key, frame_keys
from stackd.model.stack import Decision
from tests.intake.build import SETTINGS, focused, frame, looks, noisy, scene, sizes, sorted_out

COUNT = 6


@cache
def pictures(seed: int = 1) -> tuple[np.ndarray, ...]:
    """Frames of a fine stack: focus moves by a third of its depth from one to the next."""
    subject = scene(seed, height=240, width=360)
    return tuple(noisy(focused(subject, 0.3 + 0.07 * index), index) for index in range(COUNT))


def as_it_is(picture: np.ndarray) -> np.ndarray:
    return picture


def saved_again(picture: np.ndarray) -> np.ndarray:
    """Rounded to 8 bit, with the little errors of a JPEG."""
    errors = np.random.default_rng(5).normal(0.0, 0.003, picture.shape).astype(np.float32)
    return np.round(np.clip(picture + errors, 0, 1) * 255).astype(np.float32) / 255


def toned(picture: np.ndarray) -> np.ndarray:
    """Developed anew: darker, and with more contrast."""
    bright = np.clip(picture, 0, 1) ** 1.4
    return (bright * bright * (3 - 2 * bright)).astype(np.float32)


def half(picture: np.ndarray) -> np.ndarray:
    return picture.reshape(120, 2, 180, 2).mean(axis=(1, 3)).astype(np.float32)


Look = dict[str, ContentSignature]


def files(
    name: Callable[[int], str],
    made: Callable[[np.ndarray], np.ndarray] = as_it_is,
    *,
    beat_s: float = 1.0,
    which: range | list[int] = range(COUNT),
    **meta: object,
) -> tuple[list[Frame], Look]:
    """Some files of the stack's exposures, and what they look like."""
    found: list[Frame] = []
    contents: Look = {}
    for index in which:
        at_s = float(int(index * beat_s)) if beat_s < 1.0 else index * beat_s
        each = frame(name(index), at_s, time_resolution_s=1.0, **{"width_px": 6000, "height_px": 4000, **meta})
        size_bytes = 1000 + sum(each.path.encode())
        found.append(replace(each, fingerprint=Fingerprint(size_bytes=size_bytes, mtime_ns=index)))
        contents[each.path] = signature(np.clip(made(pictures()[index]), 0, 1).astype(np.float32))
    return found, contents


def stripped(frames: list[Frame]) -> list[Frame]:
    """Files that lost all metadata, as a program for the web leaves them."""
    empty = dict.fromkeys(("captured_at", "make", "camera_model", "lens", "exposure_time_s", "f_number", "iso"))
    return [replace(each, meta=replace(each.meta, **empty, sources=MappingProxyType({}))) for each in frames]


def both(*sets: tuple[list[Frame], Look]) -> tuple[list[Frame], Look]:
    return [each for frames, _ in sets for each in frames], {path: look for _, looks in sets for path, look in looks.items()}


def stacked(grouping: Grouping) -> list[list[str]]:
    return [[each.path for each in stack.captured] for stack in grouping.stacks]


def every_file(grouping: Grouping) -> list[str]:
    in_stacks = [each.path for stack in grouping.stacks for each in stack.frames]
    return sorted([*in_stacks, *(each.path for each in grouping.singles), *grouping.ignored])


def shot(index: int) -> str:
    return f"IMG_{4001 + index}.JPG"


# ------------------------------------------------------------ several kinds


@pytest.mark.parametrize(
    ("name", "made", "meta"),
    [
        (lambda n: f"IMG_{4001 + n}.CR3", toned, {"width_px": 6024, "height_px": 4022}),
        (lambda n: f"RAW/IMG_{4001 + n}.CR3", toned, {}),
        (lambda n: f"IMG_{4001 + n}.tif", toned, {}),
        (lambda n: f"developed/beetle {n + 1} of 6.tif", toned, {}),
        (lambda n: f"IMG_{4001 + n}_RAW.DNG", as_it_is, {}),
        (lambda n: f"PXL_{n:03d}.RAW-02.ORIGINAL.dng", toned, {}),
    ],
)
def test_exposures_written_in_two_kinds_are_one_stack_of_the_better_kind(
    name: Callable[[int], str], made: Callable[[np.ndarray], np.ndarray], meta: dict[str, object]
):
    better, jpegs = files(name, made, **meta), files(shot, saved_again)
    frames, contents = both(jpegs, better)

    grouping = sorted_out(frames, contents)

    assert stacked(grouping) == [[each.path for each in better[0]]]
    assert all(grouping.ignored[each.path].startswith("it is the same exposure as") for each in jpegs[0])
    assert all(shot(index) in each.companion_paths for index, each in enumerate(grouping.stacks[0].captured))


@pytest.mark.parametrize("beat_s", [0.2, 1.0])
@pytest.mark.parametrize(
    "name", [lambda n: f"web/IMG_{4001 + n}.jpg", lambda n: f"IMG_{4001 + n}_small.jpg", lambda n: f"web/beetle-{n}.jpg"]
)
def test_small_copies_for_the_web_are_companions(name: Callable[[int], str], beat_s: float):
    large = files(shot, beat_s=beat_s)
    frames, contents = both(large, files(name, half, beat_s=beat_s, width_px=1200, height_px=800))

    grouping = sorted_out(frames, contents)

    assert [sorted(paths) for paths in stacked(grouping)] == [sorted(each.path for each in large[0])]
    assert len(grouping.ignored) == COUNT


def test_small_copies_without_metadata_are_companions_too():
    large, small = files(shot), files(lambda n: f"web/IMG_{4001 + n}.jpg", half, width_px=1200, height_px=800)
    frames, contents = both(large, (stripped(small[0]), small[1]))

    grouping = sorted_out(frames, contents)

    assert stacked(grouping) == [[each.path for each in large[0]]]


@pytest.mark.parametrize("missing", [[0], [2, 3, 4], [5]])
def test_where_some_raws_are_missing_the_jpegs_of_all_are_stacked_and_that_is_said(missing: list[int]):
    raws = files(lambda n: f"IMG_{4001 + n}.CR3", toned, which=[n for n in range(COUNT) if n not in missing])
    jpegs = files(shot)
    frames, contents = both(raws, jpegs)

    grouping = sorted_out(frames, contents)

    assert stacked(grouping) == [[each.path for each in jpegs[0]]]
    assert any("have no RAW" in sentence or "has no RAW" in sentence for sentence in grouping.stacks[0].evidence)


def test_each_stack_is_of_the_kind_that_all_its_own_frames_have():
    raws, jpegs = files(lambda n: f"IMG_{4001 + n}.CR3", toned), files(shot)
    later = [
        replace(
            each, path=each.path.replace("40", "50"), meta=replace(each.meta, captured_at=each.meta.captured_at.replace(hour=18))
        )
        for each in (*jpegs[0], *raws[0][2:])
    ]
    contents = jpegs[1] | raws[1]
    later_looks = {path.replace("40", "50"): look for path, look in contents.items()}

    grouping = sorted_out([*jpegs[0], *raws[0], *later], contents | later_looks)

    assert [{path[-3:] for path in paths} for paths in stacked(grouping)] == [{"CR3"}, {"JPG"}]


def test_frames_that_no_kind_has_all_of_are_stacked_together():
    frames, contents = both(files(shot, which=range(3)), files(lambda n: f"IMG_{4001 + n}.tif", which=range(3, 6)))

    grouping = sorted_out(frames, contents)

    assert sizes(grouping) == [COUNT]
    assert any("no kind of file is there for all frames" in sentence for sentence in grouping.stacks[0].evidence)


@pytest.mark.parametrize(("preference", "suffix"), [("raw", "CR3"), ("tiff", "tif"), ("jpeg", "JPG"), ("rendered", "tif")])
def test_the_setting_says_which_kind_is_stacked(preference: str, suffix: str):
    frames, contents = both(
        files(lambda n: f"IMG_{4001 + n}.CR3", toned), files(lambda n: f"IMG_{4001 + n}.tif", toned), files(shot)
    )

    grouping = sorted_out(frames, contents, pair_preference=preference)

    assert {path[-3:] for paths in stacked(grouping) for path in paths} == {suffix}
    assert sizes(grouping) == [COUNT]


def test_pictures_of_other_subjects_at_one_moment_are_no_exposure_together():
    """Two phones, or an export that stamped all files alike."""
    ours = files(shot)
    other = files(lambda n: f"wasp_{n}.png")
    looks = {path: signature(np.clip(scene(70 + n, height=240, width=360), 0, 1)) for n, path in enumerate(other[1])}

    grouping = sorted_out([*ours[0], *other[0]], ours[1] | looks)

    assert len(grouping.ignored) == 0


def test_the_second_stack_of_one_subject_in_another_folder_is_no_backup():
    """Rendered or stripped of metadata, shot once more: nothing but noise tells them apart."""
    first, second = files(lambda n: f"a/{n:02d}.png"), files(lambda n: f"b/{n:02d}.png", saved_again)

    grouping = sorted_out([*stripped(first[0]), *stripped(second[0])], first[1] | second[1])

    assert sizes(grouping) == [COUNT, COUNT]


# -------------------------------------------------------------------- copies

COPY_NAMES = [
    "IMG_{} (Anna's conflicted copy 2024-05-04).JPG",
    "IMG_{} (In Konflikt stehende Kopie von Anna 2024-05-04).JPG",
    "IMG_{}.sync-conflict-20240504-101500-ABCDEFG.JPG",
    "IMG_{}-LAPTOP.JPG",
    "IMG_{} - Copy.JPG",
    "Kopie von IMG_{}.JPG",
    "Copie de IMG_{}.JPG",
    "IMG_{} - コピー.JPG",
    "IMG_{}的副本.JPG",
    "IMG_{} (1).JPG",
    "IMG_{}~2.JPG",
    "IMG_E{}.JPG",
    "backup/IMG_{}.JPG",
    "other/renamed {}.JPG",
]


@pytest.mark.parametrize("name", COPY_NAMES)
def test_copies_under_any_name_are_counted_once(name: str):
    originals = files(shot)
    frames, contents = both(originals, files(lambda n: name.format(4001 + n), which=[1, 3, 4]))

    grouping = sorted_out(frames, contents)

    assert stacked(grouping) == [[each.path for each in originals[0]]]
    assert len(grouping.ignored) == 3


@pytest.mark.parametrize("name", COPY_NAMES[:9])
@pytest.mark.parametrize("made", [saved_again, toned])
def test_copies_that_were_saved_again_are_counted_once_where_the_name_says_copy(
    name: str, made: Callable[[np.ndarray], np.ndarray]
):
    originals = files(shot)
    frames, contents = both(originals, files(lambda n: name.format(4001 + n), made, which=[1, 3, 4]))

    assert stacked(sorted_out(frames, contents)) == [[each.path for each in originals[0]]]


@pytest.mark.parametrize(
    "name",
    [
        lambda n: f"beetle-{n + 1}.jpg" if n else "beetle.jpg",
        lambda n: f"20240504_101500({n - 1}).jpg" if n else "20240504_101500.jpg",
        lambda n: f"IMG_20240504_101500_{n}.jpg" if n else "IMG_20240504_101500.jpg",
        lambda n: f"beetle copy {n + 1}.jpg" if n else "beetle copy.jpg",
        lambda n: f"beetle{'abcdef'[n]}.jpg",
    ],
)
@pytest.mark.parametrize("beat_s", [0.1, 0.2, 0.5])
def test_no_frame_of_a_burst_is_lost_because_its_name_looks_like_that_of_a_copy(name: Callable[[int], str], beat_s: float):
    frames, _ = files(name, beat_s=beat_s)
    subject = scene(3, height=240, width=360)
    steps = [0.30, 0.33, 0.40, 0.47, 0.50, 0.57]  # uneven, as by hand: some neighbours are much more alike than others

    grouping = sorted_out(frames, looks(frames, [noisy(focused(subject, place), n) for n, place in enumerate(steps)]))

    assert grouping.ignored == {}
    assert sizes(grouping) == [COUNT]


# ------------------------------------------------------------ what users say


def test_a_decision_about_the_raws_means_the_exposures_whatever_represents_them():
    """More JPEGs than RAWs lie in the folder, so that JPEGs stand for the exposures while they are sorted."""
    raws, jpegs = files(lambda n: f"IMG_{4001 + n}.CR3", toned), files(shot)
    more = [frame(f"IMG_{5000 + n}.JPG", 9000.0 + 500 * n) for n in range(4)]
    frames, contents = both(raws, jpegs)

    def asked(*decisions: object) -> list[int]:
        return sizes(group([*frames, *more], contents, SETTINGS, overrides=decisions))

    assert asked(Dismiss(frames=frame_keys(raws[0]))) == []
    assert asked(Release(frames=frame_keys(jpegs[0][:3]))) == [3, 3]
    assert asked(Split(before=frame_key(raws[0][2]))) == [2, 4]


# ------------------------------------------------------------ any of it mixed


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_else_lies_there_every_exposure_is_stacked_once_and_every_file_is_told_of(data: st.DataObject):
    beat_s = data.draw(st.sampled_from([0.2, 1.0, 7.0]))
    some = st.lists(st.integers(0, COUNT - 1), unique=True).map(sorted)
    sets = [files(shot, beat_s=beat_s)]
    kinds = {
        "CR3": (lambda n: f"IMG_{4001 + n}.CR3", toned, {}),
        "tif": (lambda n: f"tiff/IMG_{4001 + n}.tif", toned, {}),
        "web": (lambda n: f"web/IMG_{4001 + n}.jpg", half, {"width_px": 1200, "height_px": 800}),
    }
    for kind in data.draw(st.lists(st.sampled_from(sorted(kinds)), unique=True)):
        name, made, meta = kinds[kind]
        sets.append(files(name, made, beat_s=beat_s, which=data.draw(some), **meta))
    copies = data.draw(st.lists(st.sampled_from(COPY_NAMES), unique=True, max_size=2))
    sets += [files(lambda n, name=name: name.format(4001 + n), beat_s=beat_s, which=data.draw(some)) for name in copies]
    frames, contents = both(*sets)

    grouping = sorted_out(data.draw(st.permutations(frames)), contents)

    (stack,) = grouping.stacks
    assert sorted(stack.captured[index].meta.captured_at for index in range(COUNT)) == sorted(
        each.meta.captured_at for each in sets[0][0]
    )
    assert len({each.path.rpartition(".")[2] for each in stack.frames}) == 1
    assert every_file(grouping) == sorted(each.path for each in frames)
    assert stack.decision is Decision.PROCESS
