"""Alpha of every kind of file: colours under it are never read, and what is picture is told."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from stackd.adapters.frames.reader import FrameFiles, StackOfFiles
from stackd.adapters.frames.thumbnails import read_signature
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.service.ports import FrameFile
from tests import make_frames

HEIGHT, WIDTH = 40, 60


def opened(path: Path) -> StackOfFiles:
    return FrameFiles().open([FrameFile(path=path, page=None)], DevelopSettings())


def cut_out(bits: int) -> np.ndarray:
    """Alpha that ends in a soft rim."""
    columns = np.linspace(-0.5, 3, WIDTH).clip(0, 1)
    return np.rint(np.tile(columns, (HEIGHT, 1)) * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def written(path: Path, kind: str, *, bits: int, gray: bool, hidden: int) -> tuple[Path, np.ndarray, np.ndarray]:
    """A file with alpha, what its colours are, and its alpha."""
    pixels = make_frames.textured(HEIGHT, WIDTH, bits=bits)
    colours = pixels[..., :1] if gray else pixels
    alpha = cut_out(bits)
    highest = (1 << bits) - 1
    if kind == "associated":
        stored = np.rint(colours * (alpha[..., None] / highest)).astype(pixels.dtype)
    else:
        stored = np.where(alpha[..., None] == 0, pixels.dtype.type(hidden), colours)
    stored = np.dstack([stored, alpha])
    if kind == "png":
        return make_frames.write_png(path.with_suffix(".png"), stored), colours, alpha
    extra = {"associated": "assocalpha", "unassociated": "unassalpha", "unspecified": "unspecified"}[kind]
    photometric = "minisblack" if gray else "rgb"
    tiff = make_frames.write_tiff(
        path.with_suffix(".tif"), stored, photometric=photometric, extrasamples=[extra], planarconfig="contig", metadata=None
    )
    return tiff, colours, alpha


@pytest.mark.parametrize("gray", [False, True], ids=["rgb", "gray"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["png", "associated", "unassociated", "unspecified"])
def test_colours_and_alpha_are_told_apart(tmp_path: Path, kind: str, bits: int, *, gray: bool):
    path, colours, alpha = written(tmp_path / "a", kind, bits=bits, gray=gray, hidden=0)

    stack = opened(path)

    found = stack.read_alpha(0)
    assert found is not None
    assert np.array_equal(found == 255, alpha == (1 << bits) - 1)
    assert np.array_equal(found == 0, alpha < (1 if bits == 8 else 257))
    wanted = np.broadcast_to(colours, (HEIGHT, WIDTH, 3)).astype(int)
    read = stack.read(0).astype(int)
    assert np.array_equal(read[found == 255], wanted[found == 255])
    soft = (found > 64) & (found < 255)
    assert soft.any()
    # Colours multiplied by a quarter are known to four steps of 8 bits.
    assert np.abs(read - wanted)[soft].max() <= (4 if kind == "associated" else 0)
    assert read[found == 0].min() > 0


def test_what_hides_under_alpha_changes_nothing(tmp_path: Path):
    black, _, _ = written(tmp_path / "black", "unassociated", bits=8, gray=False, hidden=0)
    white, _, _ = written(tmp_path / "white", "png", bits=8, gray=False, hidden=255)

    assert np.array_equal(opened(black).read(0), opened(white).read(0))
    assert np.array_equal(opened(black).read_gray(0, 2), opened(white).read_gray(0, 2))


def test_grouping_sees_no_hidden_colours(tmp_path: Path):
    pixels = make_frames.textured(800, 1300)
    alpha = np.full((800, 1300), 255, np.uint8)
    alpha[:, :500] = 0
    signatures = []
    for hidden in (0, 255):
        stored = np.dstack([np.where(alpha[..., None] == 0, np.uint8(hidden), pixels), alpha])
        path = make_frames.write_tiff(
            tmp_path / f"{hidden}.tif", stored, photometric="rgb", extrasamples=["unassalpha"], metadata=None
        )
        signatures.append(read_signature(path))

    first, second = signatures
    assert first is not None
    assert second is not None
    assert np.array_equal(first.thumbnail, second.thumbnail)


def test_a_saved_selection_is_no_alpha(tmp_path: Path):
    pixels = make_frames.textured(HEIGHT, WIDTH)
    stored = np.dstack([pixels, cut_out(8)])
    path = make_frames.write_tiff(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unspecified"], metadata=None)

    stack = opened(path)

    assert stack.read_alpha(0) is None
    assert np.array_equal(stack.read(0), pixels)


def test_one_transparent_colour_of_a_png_is_alpha(tmp_path: Path):
    from PIL import Image  # writes what our own encoder does not

    pixels = make_frames.textured(HEIGHT, WIDTH)
    pixels[:, :20] = (255, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(255, 0, 255))

    found = opened(tmp_path / "a.png").read_alpha(0)

    assert found is not None
    assert (found[:, :20] == 0).all()
    assert (found[:, 20:] == 255).all()


def test_alpha_stands_upright_as_its_frame_does(tmp_path: Path):
    path, _, alpha = written(tmp_path / "a", "unassociated", bits=8, gray=False, hidden=0)
    turned = make_frames.add_tags(path, {"Exif.Image.Orientation": "6"})

    found = opened(turned).read_alpha(0)

    assert found is not None
    assert np.array_equal(found == 255, np.rot90(alpha, -1) == 255)


def test_a_layer_of_half_opacity_is_all_picture(tmp_path: Path):
    pixels = make_frames.textured(HEIGHT, WIDTH)
    path = make_frames.write_png(tmp_path / "a.png", np.dstack([pixels, np.full((HEIGHT, WIDTH), 128, np.uint8)]))

    assert opened(path).read_alpha(0) is None
    assert np.array_equal(opened(path).read(0), pixels)


def test_a_frame_without_any_picture_is_refused(tmp_path: Path):
    path = make_frames.write_png(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH, 4), np.uint8))

    with pytest.raises(UnreadableFrame, match="transparent all over"):
        opened(path).read_alpha(0)


def test_frames_without_alpha_are_not_decoded_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = make_frames.write_png(tmp_path / "a.png", make_frames.textured(HEIGHT, WIDTH))
    stack = opened(path)
    decoded: list[int] = []
    decode = imagecodecs.png_decode
    monkeypatch.setattr(imagecodecs, "png_decode", lambda content: decoded.append(1) or decode(content))

    assert stack.read_alpha(0) is None
    assert not decoded
