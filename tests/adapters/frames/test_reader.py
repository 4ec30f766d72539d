"""Frames of every format come out upright, whole, and as they are; what is no whole frame is refused in plain words."""

import os
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from stackd.adapters.frames.image_files import upright
from stackd.adapters.frames.reader import FrameFiles, StackOfFiles
from stackd.adapters.metadata.reader import FileMetadata
from stackd.config.develop import DevelopSettings
from stackd.errors import FrameChanged, MixedStack, UnreadableFrame
from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.luminance import reduce_to_gray
from stackd.service.ports import FrameFile
from tests import make_frames


def opened(*paths: Path) -> StackOfFiles:
    return FrameFiles().open([FrameFile(path=path) for path in paths], DevelopSettings())


def refusal(path: Path) -> str:
    return FrameFiles().check([FrameFile(path=path)]).get(FrameFile(path=path), "")


# ------------------------------------------------------------- pixels come out as they are


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
def test_a_tiff_comes_out_as_it_went_in(tmp_path: Path, bits: int, compression: str | None):
    pixels = make_frames.textured(37, 53, bits=bits)
    path = make_frames.write_tiff(tmp_path / "a.tif", pixels, photometric="rgb", compression=compression)

    read = opened(path).read(0)

    assert read.dtype == pixels.dtype
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize("options", [{"planarconfig": "separate"}, {"tile": (32, 32)}, {"byteorder": ">"}, {"bigtiff": True}])
def test_every_layout_of_a_tiff_is_read(tmp_path: Path, options: dict[str, object]):
    pixels = make_frames.textured(40, 50, bits=16)
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    path = make_frames.write_tiff(tmp_path / "a.tif", stored, photometric="rgb", **options)

    assert np.array_equal(opened(path).read(0), pixels)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_comes_out_as_it_went_in(tmp_path: Path, bits: int):
    pixels = make_frames.textured(37, 53, bits=bits)

    assert np.array_equal(opened(make_frames.write_png(tmp_path / "a.png", pixels)).read(0), pixels)


def test_a_jpeg_comes_out_as_its_decoder_says(tmp_path: Path):
    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(37, 53))

    assert np.array_equal(opened(path).read(0), simplejpeg.decode_jpeg(path.read_bytes()))


def test_the_content_decides_and_not_the_name(tmp_path: Path):
    pixels = make_frames.textured(20, 30)
    path = make_frames.write_png(tmp_path / "really-a-png.jpg", pixels)

    assert np.array_equal(opened(path).read(0), pixels)


def test_gray_becomes_three_equal_channels(tmp_path: Path):
    gray = make_frames.textured(20, 30, bits=16)[..., 0]
    path = make_frames.write_tiff(tmp_path / "a.tif", gray, photometric="minisblack")

    assert np.array_equal(opened(path).read(0), np.repeat(gray[..., np.newaxis], 3, axis=2))


def test_white_is_zero_is_turned_round(tmp_path: Path):
    gray = make_frames.textured(20, 30)[..., 0]
    path = make_frames.write_tiff(tmp_path / "a.tif", 255 - gray, photometric="miniswhite")

    assert np.array_equal(opened(path).read(0)[..., 1], gray)


def test_transparency_is_dropped(tmp_path: Path):
    pixels = make_frames.textured(20, 30)
    with_alpha = np.dstack([pixels, np.full((20, 30), 128, np.uint8)])

    assert np.array_equal(opened(make_frames.write_png(tmp_path / "a.png", with_alpha)).read(0), pixels)


def test_a_palette_is_looked_up(tmp_path: Path):
    colours = np.random.default_rng(0).integers(0, 65_536, (3, 256)).astype(np.uint16)
    numbers = np.random.default_rng(1).integers(0, 256, (20, 30)).astype(np.uint8)
    path = make_frames.write_tiff(tmp_path / "a.tif", numbers, photometric="palette", colormap=colours)

    assert np.array_equal(opened(path).read(0), colours.T[numbers])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_decimal_display_values_from_0_to_1_become_16_bit(tmp_path: Path, kind: type):
    values = np.linspace(0, 1, 600).reshape(20, 30).astype(kind)
    path = make_frames.write_tiff(tmp_path / "a.tif", values, photometric="minisblack")

    read = FrameFiles().open([FrameFile(path=path)], DevelopSettings(decimal_values="display")).read(0)

    assert read.dtype == np.uint16
    assert np.abs(read[..., 0] / 65_535 - values).max() < 1e-5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_frames_come_out_upright(tmp_path: Path, orientation: int, name: str):
    scene = make_frames.textured(16, 24)
    scene[:4, :4] = 255
    turn_back = {6: 8, 8: 6}.get(orientation, orientation)
    stored = upright(scene, turn_back)
    tags = {"Exif.Image.Orientation": str(orientation)}
    if name == "a.jpg":
        path = make_frames.write_jpeg(tmp_path / name, stored, quality=100, tags=tags)
    else:
        path = make_frames.write_tiff(tmp_path / name, stored, photometric="rgb", tags=tags)

    stack = opened(path)

    assert stack.shape == (16, 24)
    assert np.abs(stack.read(0).astype(int) - scene).mean() < 2
    assert np.abs(stack.read_gray(0, 2) - reduce_to_gray(scene, 2)).mean() < 0.02


def test_a_12_bit_tiff_fills_the_whole_range(tmp_path: Path):
    """Twelve bits must not come out as a picture sixteen times too dark."""
    values = np.array([[0, 4_095], [2_048, 1_024]], np.uint16)
    path = tmp_path / "a.tif"
    rows = b"".join(int(a << 12 | b).to_bytes(3, "big") for a, b in values.tolist())
    entries = [(256, 2), (257, 2), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 2), (279, len(rows))]
    directory = struct.pack(">H", len(entries)) + b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in entries)
    path.write_bytes(b"MM\x00*" + struct.pack(">I", 8 + len(rows)) + rows + directory + bytes(4))

    read = opened(path).read(0)[..., 0]

    assert read.tolist() == [[0, 65_535], [2_048 * 65_535 // 4_095, 1_024 * 65_535 // 4_095]]


# ------------------------------------------------------------------------ reduced luminance


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 93)])
def test_reduced_gray_of_a_jpeg_lies_where_the_mean_of_its_pixels_lies(tmp_path: Path, reduction: int, height: int, width: int):
    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(height, width), quality=100)
    stack = opened(path)

    gray = stack.read_gray(0, reduction)

    expected = reduce_to_gray(stack.read(0), reduction)
    assert gray.dtype == np.float32
    assert gray.shape == expected.shape
    inner = (slice(0, height // reduction), slice(0, width // reduction))
    assert np.abs(gray[inner] - expected[inner]).mean() < 0.01
    assert shift_of(expected[inner], gray[inner]) < 0.02


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_reduced_colours_lie_where_the_mean_of_the_pixels_lies(tmp_path: Path, name: str, orientation: int, reduction: int):
    pixels = make_frames.textured(61, 93)
    write = make_frames.write_jpeg if name == "a.jpg" else partial(make_frames.write_tiff, photometric="rgb")
    stack = opened(write(tmp_path / name, pixels, tags={"Exif.Image.Orientation": str(orientation)}))

    small = stack.read(0, reduction)

    expected = reduced(stack.read(0), reduction)
    assert small.dtype == np.uint8
    assert small.shape == expected.shape
    inner = tuple(slice(0, side // reduction) for side in stack.shape)
    assert np.abs(small[inner].astype(float) - expected[inner]).mean() < 3
    assert shift_of(expected[inner].mean(axis=2), small[inner].mean(axis=2)) < 0.02


def test_a_cut_off_jpeg_is_refused_reduced_as_well(tmp_path: Path):
    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(200, 300), quality=95)
    whole = path.read_bytes()
    # It ends as it should, so that a look at the end alone takes it for whole.
    path.write_bytes(whole[: len(whole) // 2] + whole[-2:])
    stack = opened(path)

    with pytest.raises(UnreadableFrame):
        stack.read(0, 2)


def shift_of(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How far `other` lies from `one`, px, by least squares over the gradient."""
    rows, columns = np.gradient(one)
    slopes = np.stack([rows.ravel(), columns.ravel()], axis=1)
    shift, *_ = np.linalg.lstsq(slopes, (one - other).ravel(), rcond=None)
    return float(np.abs(shift).max())


def test_gray_of_16_bit_frames_uses_all_bits(tmp_path: Path):
    pixels = np.full((20, 30, 3), 1_000, np.uint16)
    path = make_frames.write_tiff(tmp_path / "a.tif", pixels, photometric="rgb")

    assert opened(path).read_gray(0, 4) == pytest.approx(1_000 / 65_535, rel=1e-3)


def test_two_threads_may_read_one_stack(tmp_path: Path):
    paths = [make_frames.write_jpeg(tmp_path / f"{n}.jpg", make_frames.textured(60, 80, seed=n)) for n in range(6)]
    stack = opened(*paths)
    alone = [stack.read(position) for position in range(6)]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(stack.read, range(6)))

    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


# ------------------------------------------------------------------------------ refusals


def write_one(folder: Path, kind: str) -> Path:
    pixels = make_frames.textured(120, 160)
    match kind:
        case "jpeg":
            return make_frames.write_jpeg(folder / "a.jpg", pixels)
        case "png":
            return make_frames.write_png(folder / "a.png", pixels)
        case "tiff":
            return make_frames.write_tiff(folder / "a.tif", pixels, photometric="rgb")
        case "compressed tiff":
            return make_frames.write_tiff(folder / "a.tif", pixels, photometric="rgb", compression="deflate", rowsperstrip=8)
        case _:
            return make_frames.write_bayer_dng(
                folder / "a.dng", make_frames.textured(120, 160, bits=16), tags=make_frames.shot_at(1)
            )


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "compressed tiff", "raw"])
def test_a_cut_off_frame_is_refused_from_its_structure(tmp_path: Path, kind: str, share: float):
    path = make_frames.cut(write_one(tmp_path, kind), share)

    reason = refusal(path)

    assert path.name in reason
    assert "cut off" in reason
    with pytest.raises(UnreadableFrame):
        opened(path)


@pytest.mark.parametrize("kind", ["jpeg", "png", "compressed tiff"])
def test_damage_inside_a_frame_names_the_frame(tmp_path: Path, kind: str):
    path = write_one(tmp_path, kind)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = bytes(600)
    path.write_bytes(content)
    stack = opened(path)

    with pytest.raises(UnreadableFrame, match=path.name) as caught:
        stack.read(0)

    assert caught.value.frame == FrameFile(path=path)


@pytest.mark.parametrize("error", [KeyError(17), ValueError("Unsupported marker")])
def test_whatever_the_jpeg_decoder_raises_means_a_damaged_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def broken(*_: object, **__: object) -> None:
        raise error

    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(40, 50))
    monkeypatch.setattr(simplejpeg, "decode_jpeg", broken)

    with pytest.raises(UnreadableFrame, match=r"a\.jpg"):
        opened(path).read(0)


def test_a_picture_beside_padding_is_still_read(tmp_path: Path):
    """Cameras pad with zeros and hang films behind the picture; libjpeg warns of the former, and no pixel suffers."""
    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(40, 60))
    pixels = opened(path).read(0)
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes(7) + content[-2:] + b"MotionPhoto" * 50)

    assert np.array_equal(opened(path).read(0), pixels)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "0 bytes"),
        ("page.jpg", b"<!DOCTYPE html><html><head><title>Sign in to continue</title></head>" * 3, "web page"),
        ("notes.tif", "Ein Blatt voll Notizen, mit Umlauten: äöü".encode() * 3, "text"),
        ("noise.png", bytes(range(256)) * 4, "no image"),
        ("page.nef", b"<html><body>404 not found</body></html>" * 9, "web page"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_it_is(tmp_path: Path, name: str, content: bytes, words: str):
    path = tmp_path / name
    path.write_bytes(content)

    assert words in refusal(path)


def test_a_missing_frame_is_refused(tmp_path: Path):
    assert "no longer there" in refusal(tmp_path / "gone.tif")


def test_a_pipe_is_refused_at_once(tmp_path: Path):
    path = tmp_path / "pipe.tif"
    os.mkfifo(path)

    assert "no ordinary file" in refusal(path)


@pytest.mark.parametrize("write", [make_frames.png_header_only, make_frames.tiff_header_only])
def test_a_picture_of_60000_px_a_side_is_refused_from_its_header(tmp_path: Path, write):  # noqa: ANN001
    path = write(tmp_path / "bomb", width=60_000, height=60_000)

    assert "600 million px" in refusal(path)


@pytest.mark.parametrize(("worst", "of_them"), [(np.nan, 1), (np.inf, 1), (-np.inf, 1), (-0.5, 301), (300.0, 301)])
def test_decimal_values_without_a_meaning_are_refused(tmp_path: Path, worst: float, of_them: int):
    values = np.full((20, 30), 0.5, np.float32)
    values.flat[:of_them] = worst
    stack = opened(make_frames.write_tiff(tmp_path / "a.tif", values, photometric="minisblack"))

    with pytest.raises(UnreadableFrame, match=r"a\.tif holds"):
        stack.read(0)


def test_print_colours_are_refused_with_a_remedy(tmp_path: Path):
    stack = opened(make_frames.write_tiff(tmp_path / "a.tif", np.zeros((20, 30, 4), np.uint8), photometric="separated"))

    with pytest.raises(UnreadableFrame, match="CMYK") as caught:
        stack.read(0)

    assert "RGB" in caught.value.hint


def test_directories_in_a_circle_are_refused(tmp_path: Path):
    path = make_frames.write_tiff(tmp_path / "a.tif", make_frames.textured(20, 30), photometric="rgb")
    content = bytearray(path.read_bytes())
    first = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[first : first + 2], "little")
    content[first + 2 + 12 * count :][:4] = content[4:8]
    end = first + 2 + 12 * count
    content[end : end + 4] = content[4:8]
    path.write_bytes(content)

    assert "circle" in refusal(path)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3_000), (3_000, 1)])
def test_the_smallest_and_the_narrowest_pictures_are_read(tmp_path: Path, height: int, width: int):
    pixels = np.full((height, width, 3), 77, np.uint8)
    stack = opened(make_frames.write_png(tmp_path / "a.png", pixels))

    assert np.array_equal(stack.read(0), pixels)
    assert stack.read_gray(0, 8).shape == (-(-height // 8), -(-width // 8))


# --------------------------------------------------------------------------- whole stacks


def test_the_frame_of_another_size_is_named_and_the_majority_wins(tmp_path: Path):
    small = make_frames.write_png(tmp_path / "0.png", make_frames.textured(10, 20))
    others = [make_frames.write_png(tmp_path / f"{n}.png", make_frames.textured(30, 40)) for n in (1, 2)]
    frames = [FrameFile(path=path) for path in (small, *others)]

    refused = FrameFiles().check(frames)

    assert list(refused) == [frames[0]]
    assert "20×10" in refused[frames[0]]
    assert "40×30" in refused[frames[0]]
    with pytest.raises(MixedStack, match=r"1\.png is 40×30"):
        FrameFiles().open(frames, DevelopSettings())


def test_portrait_and_landscape_of_one_sensor_are_different_sizes(tmp_path: Path):
    landscape = make_frames.write_jpeg(tmp_path / "1.jpg", make_frames.textured(16, 24))
    again = make_frames.write_jpeg(tmp_path / "2.jpg", make_frames.textured(16, 24))
    other = 255 - make_frames.textured(16, 24)
    portrait = make_frames.write_jpeg(tmp_path / "3.jpg", other, tags={"Exif.Image.Orientation": "6"})
    frames = [FrameFile(path=path) for path in (landscape, again, portrait)]

    assert list(FrameFiles().check(frames)) == [frames[2]]


def test_a_frame_replaced_while_its_stack_is_read_is_noticed(tmp_path: Path):
    path = make_frames.write_png(tmp_path / "a.png", make_frames.textured(30, 40))
    stack = opened(path)
    make_frames.write_png(path, make_frames.textured(30, 40, seed=5))
    os.utime(path, ns=(0, 1))

    with pytest.raises(FrameChanged, match=r"a\.png"):
        stack.read(0)


def test_reading_never_changes_a_source(tmp_path: Path):
    paths = [write_one(tmp_path, kind) for kind in ("jpeg", "png", "tiff", "raw")]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    for path in paths:
        path.chmod(0o400)

    for path in paths:
        FileMetadata().describe(path)
        opened(path).read(0)

    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths] == before


NAMES = [
    b"invalid-\xff\xfe.jpg",
    b"new\nline.jpg",
    "na\u0308ive.jpg".encode(),
    b"-rf.jpg",
    "\u202egpj.jpg".encode(),
    b"%s 'quoted' \".jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_can_be_read_and_described(tmp_path: Path, name: bytes):
    path = tmp_path / os.fsdecode(name)
    plain = make_frames.write_jpeg(tmp_path / "plain.jpg", make_frames.textured(20, 30), tags=make_frames.shot_at(7))
    plain.rename(path)

    assert opened(path).read(0).shape == (20, 30, 3)
    assert FileMetadata().describe(path).exposure_time_s == pytest.approx(0.02)


@pytest.mark.parametrize("name", NAMES)
def test_refusals_of_any_name_can_be_printed(tmp_path: Path, name: bytes):
    path = tmp_path / os.fsdecode(name)
    path.touch()

    reason = refusal(path)

    assert reason.encode("utf-8")
    assert all(character.isprintable() for character in reason)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "compressed tiff", "raw"])
def test_damage_anywhere_is_told_in_plain_words_or_does_no_harm(tmp_path: Path, kind: str):
    """Decoders raise whatever they stumble over; none of it may get past the reader."""
    whole = write_one(tmp_path, kind)
    damaged = whole.with_name(f"x-{whole.name}")
    rng = np.random.default_rng(0)

    for _ in range(40):
        content = bytearray(whole.read_bytes())
        for where in rng.integers(0, rng.choice([60, 600, len(content)]), rng.integers(1, 9)):
            content[min(where, len(content) - 1)] = rng.integers(0, 256)
        damaged.write_bytes(content)

        assert outcome_of_reading(damaged) in {"whole", f"names {damaged.name}"}


def outcome_of_reading(path: Path) -> str:
    try:
        FileMetadata().describe(path)
        stack = opened(path)
        pixels = stack.read(0)
    except UnreadableFrame as error:
        return f"names {path.name}" if path.name in error.message else "names nothing"
    return "whole" if pixels.shape == (*stack.shape, 3) else "in part"
