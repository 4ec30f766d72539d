"""Files that were given their length before they were filled, and pictures that only end in black."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stackd.adapters.formats.frame_headers import frame_header
from stackd.adapters.formats.opened_image import open_image
from stackd.adapters.frames.reader import FrameFiles
from stackd.errors import UnreadableFrame
from stackd.service.ports import FrameFile
from tests import make_frames

HEIGHT, WIDTH = 300, 430

LAYOUTS: dict[str, dict[str, object]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 16},
    "tiles": {"tile": (64, 64)},
    "deflate": {"compression": "zlib", "rowsperstrip": 16},
    "lzw": {"compression": "lzw", "rowsperstrip": 16},
    "big": {"bigtiff": True, "rowsperstrip": 16},
    "deflate in tiles": {"compression": "zlib", "tile": (64, 64)},
}


def refusal(path: Path) -> str:
    try:
        with open_image(path) as image:
            frame_header(image)
    except UnreadableFrame as error:
        return str(error)
    return ""


def tiff(path: Path, pixels: np.ndarray, **layout: object) -> Path:
    return make_frames.write_tiff(path, pixels, photometric="rgb", metadata=None, **layout)


def broken_off(path: Path, share: float) -> Path:
    """What a copy leaves that set the length first."""
    content = path.read_bytes()
    arrived = int(len(content) * share)
    path.write_bytes(content[:arrived] + bytes(len(content) - arrived))
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.31, 0.62, 0.93])
def test_a_copy_that_has_not_come_to_its_end_is_told(tmp_path: Path, layout: str, bits: int, share: float):
    path = tiff(tmp_path / "a.tif", make_frames.textured(HEIGHT, WIDTH, bits=bits), **LAYOUTS[layout])
    assert refusal(path) == ""

    told = refusal(broken_off(path, share))

    assert "nothing but zeros" in told
    assert "a.tif" in told
    assert f"of {path.stat().st_size}" in told


def test_the_place_named_is_where_the_zeros_begin(tmp_path: Path):
    path = tiff(tmp_path / "a.tif", make_frames.textured(HEIGHT, WIDTH))
    content = path.read_bytes()
    begin = int(len(content) * 0.4)
    while content[begin - 1] == 0:
        begin -= 1
    path.write_bytes(content[:begin] + bytes(len(content) - begin))

    assert f"from byte {begin} of" in refusal(path)


def bar(pixels: np.ndarray) -> np.ndarray:
    pixels[200:] = 0
    return pixels


def cut_out(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels[((rows - 120) / 100) ** 2 + ((columns - 200) / 150) ** 2 > 1] = 0
    return pixels


def turned(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels[rows > 250 - 0.1 * columns] = 0
    return pixels


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("black", [bar, cut_out, turned])
def test_a_picture_that_ends_in_black_is_one(tmp_path: Path, layout: str, black: Callable[[np.ndarray], np.ndarray]):
    pixels = black(make_frames.textured(HEIGHT, WIDTH))

    assert refusal(tiff(tmp_path / "a.tif", pixels, **LAYOUTS[layout])) == ""


def test_a_frame_that_ends_where_its_neighbours_go_on_is_left_out(tmp_path: Path):
    """The copy broke off at the end of a row, as a black bar would begin."""
    frames = []
    for number in range(4):
        pixels = make_frames.textured(HEIGHT, WIDTH, seed=number)
        if number == 2:
            pixels[250:] = 0
        frames.append(FrameFile(path=tiff(tmp_path / f"{number}.tif", pixels)))

    refused = FrameFiles().check(frames)

    assert list(refused) == [frames[2]]
    assert "the last 17% of its pixels are zeros" in refused[frames[2]]


def test_frames_that_all_end_in_black_are_taken(tmp_path: Path):
    frames = []
    for number in range(4):
        pixels = make_frames.textured(HEIGHT, WIDTH, seed=number)
        pixels[250 - 10 * number :] = 0
        frames.append(FrameFile(path=tiff(tmp_path / f"{number}.tif", pixels)))

    assert FrameFiles().check(frames) == {}


def test_zeros_behind_the_pixels_are_nothing_to_tell(tmp_path: Path):
    path = tiff(tmp_path / "a.tif", make_frames.textured(HEIGHT, WIDTH))
    path.write_bytes(path.read_bytes() + bytes(20_000))

    assert refusal(path) == ""


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_formats_with_an_end_mark_are_told_too(tmp_path: Path, suffix: str):
    pixels = make_frames.textured(HEIGHT, WIDTH)
    write = make_frames.write_png if suffix == "png" else make_frames.write_jpeg
    path = broken_off(write(tmp_path / f"a.{suffix}", pixels), 0.6)

    assert "cut off" in refusal(path)


def test_a_raw_file_is_told(tmp_path: Path):
    path = broken_off(make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(HEIGHT, WIDTH, bits=16)), 0.4)

    assert "nothing but zeros" in refusal(path)


def boxes(*found: tuple[bytes, bytes]) -> bytes:
    return b"".join((len(content) + 8).to_bytes(4, "big") + kind + content for kind, content in found)


def test_a_heic_is_told_but_not_one_that_was_padded(tmp_path: Path):
    beginning = (b"ftyp", b"heic\x00\x00\x00\x00mif1heic")
    full, half = bytes(range(1, 256)) * 100, bytes(range(1, 256)) * 50 + bytes(255 * 50)
    broken, padded = tmp_path / "broken.heic", tmp_path / "padded.heic"
    broken.write_bytes(boxes(beginning, (b"mdat", half)))
    padded.write_bytes(boxes(beginning, (b"mdat", full), (b"free", bytes(9000))))

    assert "nothing but zeros" in refusal(broken)
    assert "nothing but zeros" not in refusal(padded)
