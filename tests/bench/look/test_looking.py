"""Composites of several programs are laid over one another and shown side by side; what fails costs its own column."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.bench.look.looking import TRUTH, Sight, Subject, View, look
from stackd.bench.look.sheet import EDGE_PX, EMPTY, window_around
from stackd.bench.look.worst_places import PlaceKind
from stackd.bench.programs.benchmark import Program
from stackd.errors import StackdError, UnreadableFrame
from stackd.imaging.ground.frames import ignore_progress
from tests.fakes.shell import FakeDesk, FakeShell

VIEW = View(places=2, tile_px=120)
FRAMES = (Path("/frames/a.jpg"), Path("/frames/b.jpg"))


def scene(height: int = 300, width: int = 420) -> np.ndarray:
    noise = np.random.default_rng(4).normal(0, 1, (height, width, 3)).astype(np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 3) + 2 * cv2.GaussianBlur(noise, (0, 0), 12)
    return np.clip(0.5 + 0.12 * coarse / coarse.std(), 0, 1).astype(np.float32)


def pixels(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16)


def with_ghost(image: np.ndarray, *, x: int, y: int) -> np.ndarray:
    spoilt = image.copy()
    spoilt[y - 20 : y + 20, x - 20 : x + 20] = image[y - 20 : y + 20, x + 25 : x + 65]
    return spoilt


class Shelf:
    """The `Gallery`, without files: each program's composite under its name."""

    def __init__(self, composites: Mapping[str, np.ndarray]) -> None:
        self._composites = composites

    def keep(self, output: Path) -> Path:
        return Path(output.read_text())

    def read(self, kept: Path) -> np.ndarray:
        if str(kept) not in self._composites:
            raise UnreadableFrame(f"{kept} is no picture.")
        return self._composites[str(kept)]


def seen(
    composites: Mapping[str, np.ndarray],
    tmp_path: Path,
    *,
    programs: tuple[str, ...] | None = None,
    truth: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    but: str = "none",
) -> Sight:
    def write(path: Path) -> Callable[[str], str | None]:
        def work(command: str) -> str | None:
            name = command.split(maxsplit=1)[0]
            if name == but:
                return None
            path.write_text(name)
            return ""

        return work

    names = programs or tuple(composites)
    return look(
        [Program(name=name, command=f"{name} {{frames}} {{output}}", is_ours=index == 0) for index, name in enumerate(names)],
        Subject(name="moss", frames=FRAMES, truth=truth, valid=valid),
        VIEW,
        shell=FakeShell(write(tmp_path / "composite.tif")),
        desk=FakeDesk(tmp_path),
        gallery=Shelf(composites),
        progress=ignore_progress,
    )


def test_the_worst_place_is_shown_first(tmp_path: Path):
    sight = seen({"ours": pixels(scene()), "peer": pixels(with_ghost(scene(), x=150, y=120))}, tmp_path)

    first = sight.places[0]
    assert first.kind is PlaceKind.STRUCTURE
    assert first.program == "peer"
    assert np.hypot(first.x_px - 150, first.y_px - 120) < 30
    assert sight.compared_with == "ours"
    assert (sight.width_px, sight.height_px) == (420, 300)
    assert not sight.failures


def test_another_size_place_and_brightness_are_no_difference(tmp_path: Path):
    ghost = with_ghost(scene(), x=150, y=120)
    cropped = ghost[13:-7, 21:-11] * np.float32([0.8, 0.9, 0.85]) + 0.05

    plain, moved = (seen({"ours": pixels(scene()), "peer": pixels(image)}, tmp_path) for image in (ghost, cropped))

    assert (moved.places[0].x_px, moved.places[0].y_px) == (plain.places[0].x_px, plain.places[0].y_px)
    assert moved.places[0].difference == pytest.approx(plain.places[0].difference, rel=0.05)
    elsewhere = [place for place in moved.places if np.hypot(place.x_px - 150, place.y_px - 120) > 40]
    assert elsewhere
    assert all(place.difference < 1 for place in elsewhere)


def test_8_bits_are_compared_with_16(tmp_path: Path):
    eight = np.rint(scene() * 255).astype(np.uint8)

    sight = seen({"ours": pixels(scene()), "peer": eight}, tmp_path)

    assert all(place.difference < 1 for place in sight.places)


def test_a_program_that_fails_costs_its_own_column_only(tmp_path: Path):
    composites = {"ours": pixels(scene()), "bad": pixels(scene()), "peer": pixels(with_ghost(scene(), x=150, y=120))}

    sight = seen(composites, tmp_path, but="bad")

    assert list(sight.failures) == ["bad"]
    assert "no luck" in sight.failures["bad"]
    assert not sight.ours_failed
    assert (sight.sheet == EMPTY).all(axis=2).sum() == len(sight.places) * VIEW.tile_px**2
    assert sight.places[0].program == "peer"


def test_when_ours_fails_the_others_are_compared_without_it(tmp_path: Path):
    composites = {"ours": pixels(scene()), "one": pixels(scene()), "two": pixels(with_ghost(scene(), x=150, y=120))}

    sight = seen(composites, tmp_path, but="ours")

    assert sight.ours_failed
    assert sight.compared_with == "one"
    assert {place.program for place in sight.places} == {"two"}


def test_a_composite_that_cannot_be_read_is_told_of(tmp_path: Path):
    sight = seen({"ours": pixels(scene()), "peer": pixels(scene() * 0.9)}, tmp_path, programs=("ours", "text", "peer"))

    assert "text is no picture" in sight.failures["text"]


def test_a_picture_of_something_else_is_told_of(tmp_path: Path):
    other = np.random.default_rng(9).uniform(0, 1, (300, 420, 3)).astype(np.float32)
    composites = {"ours": pixels(scene()), "odd": pixels(cv2.GaussianBlur(other, (0, 0), 3)), "peer": pixels(scene() ** 1.1)}

    sight = seen(composites, tmp_path)

    assert "cannot be laid over" in sight.failures["odd"]
    assert {place.program for place in sight.places} == {"peer"}


def test_alone_there_is_nothing_to_look_at(tmp_path: Path):
    with pytest.raises(StackdError, match=r"no two composites.*peer: .*no luck"):
        seen({"ours": pixels(scene()), "peer": pixels(scene())}, tmp_path, but="peer")


def test_without_any_composite_every_reason_is_given(tmp_path: Path):
    with pytest.raises(StackdError, match=r"No program.*peer: .*no luck.*ours: .*ours is no picture"):
        seen({}, tmp_path, programs=("ours", "peer"), but="peer")


def test_where_the_truth_is_known_every_program_is_held_against_it(tmp_path: Path):
    valid = np.zeros((300, 420), bool)
    valid[20:280, 20:400] = True
    composites = {
        "ours": pixels(with_ghost(scene(), x=300, y=200)),
        "peer": pixels(with_ghost(scene(), x=120, y=100)),
    }

    sight = seen(composites, tmp_path, truth=pixels(scene()), valid=valid)

    assert sight.compared_with == TRUTH
    where = {place.program: (place.x_px, place.y_px) for place in sight.places if place.kind is PlaceKind.STRUCTURE}
    assert np.hypot(where["ours"][0] - 300, where["ours"][1] - 200) < 30
    assert np.hypot(where["peer"][0] - 120, where["peer"][1] - 100) < 30
    assert all(valid[place.y_px, place.x_px] for place in sight.places)


def test_a_dark_subject_is_compared_as_if_it_were_bright(tmp_path: Path):
    dark = 0.004

    bright, faint = (
        seen({"ours": pixels(scene() * light), "peer": pixels(with_ghost(scene(), x=150, y=120) * light)}, tmp_path)
        for light in (1.0, dark)
    )

    assert faint.places[0].difference == pytest.approx(bright.places[0].difference, rel=0.3)


def test_crops_are_the_programs_own_pixels(tmp_path: Path):
    ours, peer = (np.rint(image * 255).astype(np.uint8) for image in (scene(), with_ghost(scene(), x=150, y=120)[9:, 14:]))

    sight = seen({"ours": ours, "peer": peer}, tmp_path)

    side_px = VIEW.tile_px // 2
    window = window_around(sight.places[0], np.ones(ours.shape[:2], bool), side_px=side_px)
    rows, columns = (slice(start, start + side_px) for start in (window.top_px, window.left_px))
    mine = ours[rows, columns].repeat(2, axis=0).repeat(2, axis=1)
    theirs = peer[window.top_px - 9 :, window.left_px - 14 :][:side_px, :side_px].repeat(2, axis=0).repeat(2, axis=1)
    starts = np.argwhere((sight.sheet == mine[0, 0]).all(axis=2))
    row, column = next(
        (int(row), int(column))
        for row, column in starts
        if np.array_equal(sight.sheet[row : row + VIEW.tile_px, column : column + VIEW.tile_px], mine)
    )
    beside = sight.sheet[row : row + VIEW.tile_px, column + VIEW.tile_px + EDGE_PX :][:, : VIEW.tile_px]
    assert np.abs(beside.astype(int) - theirs).max() <= 3, "moved by whole pixels, brightness matched"
