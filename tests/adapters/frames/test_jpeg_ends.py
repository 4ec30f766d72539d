"""JPEGs without an end mark: whole ones are used, with a word on it; damaged ones are refused as ever."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stackd.adapters.frames.reader import FrameFiles
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.service.ports import FrameFile
from tests import make_frames

PIXELS = make_frames.textured(120, 170)
SOMETHING = b"SEFH" + np.random.default_rng(3).bytes(60_000)


def encoded(**options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", quality=92, **options)
    return file.getvalue()


def read(path: Path) -> tuple[np.ndarray, str]:
    reader = FrameFiles()
    frame = FrameFile(path=path)
    assert reader.check([frame]) == {}
    pixels = reader.open([frame], DevelopSettings()).read(0)
    return pixels, reader.remarks.get(frame, "")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "kind", [{}, {"progressive": True}, {"restart_marker_blocks": 3}], ids=["plain", "progressive", "restart"]
)
@pytest.mark.parametrize(
    "behind",
    [b"", SOMETHING, SOMETHING + b"\xff\xd9SEFT", encoded(), bytes(40_000) + b"\xff\xd9"],
    ids=["nothing", "something", "something with a mark", "another picture", "zeros"],
)
def test_a_whole_picture_is_used_with_a_word_on_it(tmp_path: Path, kind: dict[str, object], behind: bytes):
    whole, nothing_to_say = read(written(tmp_path / "whole.jpg", encoded(**kind)))

    pixels, remark = read(written(tmp_path / "a.jpg", encoded(**kind)[:-2] + behind))

    assert np.array_equal(pixels, whole)
    assert nothing_to_say == ""
    # Padding of zeros before an end mark is usual, and nothing to tell.
    assert ("a.jpg has no end mark" in remark) == (behind[:1] != b"\x00")


def test_whatever_lies_behind_is_told_from_picture(tmp_path: Path):
    """Marks in what lies behind are as they come; of two hundred kinds one looks like an end."""
    used = 0
    for seed in range(40):
        behind = b"SEFH" + np.random.default_rng(seed).bytes(20_000)
        reader = FrameFiles()
        frame = FrameFile(path=written(tmp_path / f"{seed}.jpg", encoded()[:-2] + behind))
        try:
            used += reader.open([frame], DevelopSettings()).read(0).shape == PIXELS.shape
        except UnreadableFrame:
            continue

    assert used >= 37


@pytest.mark.parametrize("lost", [40, 400, 4000])
def test_a_picture_that_lacks_its_end_is_cut_off(tmp_path: Path, lost: int):
    frame = FrameFile(path=written(tmp_path / "a.jpg", encoded()[:-lost]))

    assert "cut off" in FrameFiles().check([frame])[frame]


@pytest.mark.parametrize("behind", [SOMETHING, b"\xff\xd9"], ids=["something", "its end"])
def test_a_picture_that_lacks_a_piece_is_refused(tmp_path: Path, behind: bytes):
    content = encoded()[:-2]
    place = int(len(content) * 0.6)
    frame = FrameFile(path=written(tmp_path / "a.jpg", content[:place] + content[place + 300 :] + behind))

    with pytest.raises(UnreadableFrame, match=r"cut off|damaged"):
        FrameFiles().open([frame], DevelopSettings()).read(0)
