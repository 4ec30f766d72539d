"""All RAW frames of a stack are developed by one development, and what is missing is never taken for black."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stackd.adapters.frames.reader import FrameFiles, StackOfFiles
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.imaging.ground.luminance import reduce_to_gray
from stackd.service.ports import FrameFile
from tests import make_frames
from tests.shared_data import shared_data


def opened(*paths: Path, scratch_folder: Path | None = None, **develop: object) -> StackOfFiles:
    return FrameFiles(scratch_folder=scratch_folder).open(
        [FrameFile(path=path) for path in paths], DevelopSettings.model_validate(develop)
    )


def test_developing_gives_back_the_scene_the_sensor_saw(tmp_path: Path):
    scene = make_frames.textured(80, 96, bits=16)
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", scene, neutral=(0.5, 1, 0.625))

    developed = opened(path).read(0)

    inner = (slice(4, -4), slice(4, -4))
    assert developed.dtype == np.uint16
    assert np.abs(developed[inner].astype(float) - scene[inner]).mean() / 65_535 < 0.005
    assert developed.mean(axis=(0, 1)) == pytest.approx(scene.mean(axis=(0, 1)), rel=0.01)


def test_white_balance_is_that_of_the_middle_frame_for_all(tmp_path: Path):
    """Automatic white balance drifts within a stack; developed frame by frame the composite would be patched in colour."""
    scene = make_frames.textured(40, 48, bits=16)
    neutrals = [(0.4, 1, 0.5), (0.5, 1, 0.625), (0.6, 1, 0.7)]
    paths = [
        make_frames.write_bayer_dng(tmp_path / f"{number}.dng", scene, neutral=neutral) for number, neutral in enumerate(neutrals)
    ]
    # The same light and sensor: what the sensor counted is the same, only what the camera thought of it differs.
    counts = tifffile.imread(paths[1])
    for path in paths:
        with tifffile.TiffFile(path) as tiff:
            offset = tiff.pages[0].dataoffsets[0]
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(counts.tobytes())

    stack = opened(*paths)
    alone = opened(paths[0]).read(0)

    first, middle, last = (stack.read(position) for position in range(3))
    assert np.array_equal(first, middle)
    assert np.array_equal(last, middle)
    assert not np.allclose(alone.mean(axis=(0, 1)), first.mean(axis=(0, 1)), rtol=0.02)


def test_brightness_is_never_adapted_to_the_content(tmp_path: Path):
    scene = make_frames.textured(40, 48, bits=16)
    brighter = scene.copy()
    brighter[:10] = 65_535
    darker = scene.copy()
    darker[:10] = 0
    paths = [make_frames.write_bayer_dng(tmp_path / f"{n}.dng", image) for n, image in enumerate((brighter, darker, scene // 4))]
    stack = opened(*paths)

    one, other, dark = (stack.read(position)[16:-4, 4:-4].mean() for position in range(3))

    assert one == pytest.approx(other, rel=1e-3)
    assert dark == pytest.approx(one / 4, rel=0.02)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_frames_come_out_upright_in_both_ways_of_reading(tmp_path: Path, orientation: int):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16), orientation=orientation)

    stack = opened(path)

    assert stack.shape == ((48, 40) if orientation in {6, 8} else (40, 48))
    assert stack.read(0).shape[:2] == stack.shape
    assert np.abs(stack.read_gray(0, 2) - reduce_to_gray(stack.read(0), 2)).mean() < 0.02


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_gray_is_the_same_before_and_after_the_full_development(tmp_path: Path, reduction: int):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(80, 96, bits=16))
    stack = opened(path, scratch_folder=tmp_path)

    quick = stack.read_gray(0, reduction)
    stack.read(0)
    thorough = stack.read_gray(0, reduction)

    assert quick.shape == thorough.shape
    assert np.abs(quick - thorough).mean() < 0.01


def test_a_second_read_comes_from_the_spool_and_leaves_nothing_behind(tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    paths = [make_frames.write_bayer_dng(tmp_path / f"{n}.dng", make_frames.textured(40, 48, seed=n, bits=16)) for n in range(3)]
    stack = opened(*paths, scratch_folder=scratch)

    first = [stack.read(position) for position in (2, 0, 1)]
    again = [stack.read(position) for position in (2, 0, 1)]

    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert list(scratch.iterdir()) == []


def test_a_full_disk_only_costs_the_second_read(tmp_path: Path):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16))
    stack = opened(path, scratch_folder=tmp_path / "missing")

    assert np.array_equal(stack.read(0), stack.read(0))


def test_exposure_is_given_in_stops(tmp_path: Path):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16) // 3)

    def light(pixels: np.ndarray) -> np.ndarray:
        return ((pixels / 65_535 + 0.055) / 1.055) ** 2.4

    plain, brighter = opened(path).read(0), opened(path, exposure_ev=1).read(0)

    bright_enough = plain > 6_000
    assert (light(brighter[bright_enough]) / light(plain[bright_enough])).mean() == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    "develop",
    [
        {"highlights": "blend"},
        {"highlights": "reconstruct"},
        {"demosaic": "ppg"},
        {"demosaic": "dht"},
        {"white_balance": "daylight"},
    ],
)
def test_every_way_of_developing_gives_a_whole_picture(tmp_path: Path, develop: dict[str, object]):
    scene = make_frames.textured(60, 72, bits=16)
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", scene)

    assert opened(path, **develop).read(0).shape == scene.shape


def test_adobe_rgb_holds_the_same_colours_in_other_numbers(tmp_path: Path):
    scene = np.zeros((40, 48, 3), np.uint16)
    scene[..., 1] = 50_000
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", scene)

    plain, adobe = opened(path).read(0), opened(path, colour_space="adobe-rgb").read(0)

    assert plain[20, 20, 0] < 500
    assert adobe[20, 20, 0] > 20_000


def test_a_raw_of_one_even_tone_is_refused(tmp_path: Path):
    """RAW libraries decode a file whose pixels are missing as black, without an error."""
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", np.zeros((40, 48, 3), np.uint16))
    stack = opened(path)

    with pytest.raises(UnreadableFrame, match="pixels are missing"):
        stack.read(0)


def test_a_raw_whose_last_rows_decode_to_nothing_is_refused(tmp_path: Path):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16))
    with tifffile.TiffFile(path) as tiff:
        begins, length = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[begins + length // 2 : begins + length] = bytes(length - length // 2)
    path.write_bytes(content)

    with pytest.raises(UnreadableFrame, match="last pixels are missing"):
        opened(path).read(0)


def test_a_file_that_only_claims_to_be_raw_is_refused(tmp_path: Path):
    path = tmp_path / "a.orf"
    path.write_bytes(bytes(range(128, 256)) * 20)

    (reason,) = FrameFiles().check([FrameFile(path=path)]).values()

    assert "a.orf cannot be decoded as RAW" in reason


def test_raw_and_jpeg_frames_of_one_size_may_share_a_stack(tmp_path: Path):
    scene = make_frames.textured(40, 48)
    raw = make_frames.write_bayer_dng(tmp_path / "a.dng", scene.astype(np.uint16) * 257)
    jpeg = make_frames.write_jpeg(tmp_path / "b.jpg", scene)

    stack = opened(raw, jpeg)

    assert stack.read(0).dtype == np.uint16
    assert stack.read(1).dtype == np.uint8


@pytest.mark.parametrize(
    "name",
    [
        "Canon-R6-pruned.CR3",
        "Canon_EOS-5D_real.CR2",
        "Sony_ILME-FX3_real.ARW",
        "Sony_SLT-A33_real.ARW",
        "canon-r6.cr3",
        "fixture-Leica-M10.dng",
        "fixture-sony-zv-e10.arw",
    ],
)
def test_raw_files_of_real_cameras_cut_behind_their_header_are_refused(name: str):
    """An ARW cut to 1 MiB once came out all black, without an error."""
    path = shared_data("raw", "header_only", name)

    with pytest.raises(UnreadableFrame, match=name) as caught:
        opened(path).read(0)

    assert "Copy it again" in caught.value.hint


@pytest.mark.parametrize("name", ["CRW.CRW", "RAW_KODAK_C330_FORMAT_NONE_YRGB.raw", "RAW_KODAK_DC50.KDC", "RAW_NIKON_D1.NEF"])
def test_raw_files_of_real_cameras_are_developed(name: str):
    stack = opened(shared_data("raw", name))

    assert stack.read(0).shape[:2] == stack.shape
    assert 0.1 < stack.read_gray(0, 4).mean() < 0.6


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", ["CRW.CRW", "RAW_KODAK_DC50.KDC", "RAW_NIKON_D1.NEF"])
def test_raw_files_of_real_cameras_cut_anywhere_are_refused(tmp_path: Path, name: str, share: float):
    copy = tmp_path / name
    copy.write_bytes(shared_data("raw", name).read_bytes())

    with pytest.raises(UnreadableFrame):
        opened(make_frames.cut(copy, share)).read(0)
