"""Pictures are written whole, and only what stackd drew is ever replaced."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.adapters.output.pictures import check_target, is_marked, write_picture
from stackd.errors import NameTaken, OutputBlocked, WrongUse

MARK = b"drawn by a test"


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_a_png_is_read_back_exactly(tmp_path: Path):
    write_picture(picture(), tmp_path / "a.png", mark=MARK, quality=90)

    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], picture())


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_of_ours_may_be_replaced_and_a_foreign_one_not(tmp_path: Path, name: str):
    ours, foreign = tmp_path / name, tmp_path / f"foreign-{name}"
    write_picture(picture(), ours, mark=MARK, quality=90)
    cv2.imwrite(str(foreign), picture())

    check_target(ours, mark=MARK)

    assert is_marked(ours, mark=MARK)
    assert cv2.imread(str(ours)).shape == (40, 60, 3)
    with pytest.raises(NameTaken):
        check_target(foreign, mark=MARK)
    with pytest.raises(NameTaken):
        check_target(ours, mark=b"another kind of picture")


@pytest.mark.parametrize("name", ["a.tif", "a", "missing/a.png"])
def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str):
    with pytest.raises(WrongUse):
        check_target(tmp_path / name, mark=MARK)


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    target = tmp_path / "a.png"
    target.mkdir()

    with pytest.raises(OutputBlocked):
        write_picture(picture(), target, mark=MARK, quality=90)

    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
