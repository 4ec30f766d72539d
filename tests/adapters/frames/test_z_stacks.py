"""A multi-page file is a stack, one plane a frame; anything else in it is refused, not mixed up."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stackd.adapters.frames.reader import FrameFiles
from stackd.adapters.metadata.reader import FileMetadata
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.service.ports import FrameFile
from tests import make_frames


def planes(count: int = 5) -> np.ndarray:
    return np.stack([make_frames.textured(20, 30, seed=number, bits=16)[..., 0] for number in range(count)])


def read_all(path: Path, count: int) -> np.ndarray:
    stack = FrameFiles().open([FrameFile(path=path, page=page) for page in range(count)], DevelopSettings())
    return np.stack([stack.read(position)[..., 0] for position in range(count)])


def test_a_plain_multi_page_tiff_is_a_stack(tmp_path: Path):
    stored = planes()
    path = make_frames.write_tiff(tmp_path / "z.tif", stored, photometric="minisblack", metadata=None)

    assert FileMetadata().describe(path).page_count == 5
    assert np.array_equal(read_all(path, 5), stored)


def test_colour_pages_are_frames_too(tmp_path: Path):
    stored = np.stack([make_frames.textured(20, 30, seed=number) for number in range(3)])
    path = make_frames.write_tiff(tmp_path / "z.tif", stored, photometric="rgb", metadata=None)

    assert FileMetadata().describe(path).page_count == 3
    assert np.array_equal(read_all(path, 3), stored[..., 0])


def test_an_ome_tiff_tells_the_height_of_every_plane(tmp_path: Path):
    stored = planes()
    path = tmp_path / "z.ome.tif"
    metadata = {"axes": "ZYX", "Plane": {"PositionZ": [0.0, 1.5, 3.0, 4.5, 6.0], "PositionZUnit": ["µm"] * 5}}
    tifffile.imwrite(path, stored, photometric="minisblack", metadata=metadata, ome=True)

    meta = FileMetadata().describe(path)

    assert meta.page_count == 5
    assert meta.page_positions_m == pytest.approx((0, 1.5e-6, 3e-6, 4.5e-6, 6e-6))
    assert np.array_equal(read_all(path, 5), stored)


@pytest.mark.parametrize("count", [1, 5])
def test_an_imagej_stack_tells_its_spacing(tmp_path: Path, count: int):
    stored = planes(count)
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, stored, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"})

    meta = FileMetadata().describe(path)

    assert meta.page_count == count
    assert meta.page_positions_m == pytest.approx(tuple(2e-6 * number for number in range(count)))
    assert np.array_equal(read_all(path, count), stored)


def test_an_imagej_stack_with_one_directory_for_all_planes_is_read(tmp_path: Path):
    """Stacks beyond 4 GiB have one directory; the other planes follow without any."""
    stored = planes()
    path = tmp_path / "z.tif"
    tifffile.imwrite(path, stored, imagej=True, metadata={"axes": "ZYX"})
    content = bytearray(path.read_bytes())
    order = "big" if content[:2] == b"MM" else "little"
    first = int.from_bytes(content[4:8], order)
    count = int.from_bytes(content[first : first + 2], order)
    end = first + 2 + 12 * count
    content[end : end + 4] = bytes(4)
    path.write_bytes(content)

    assert FileMetadata().describe(path).page_count == 5
    assert np.array_equal(read_all(path, 5), stored)


@pytest.mark.parametrize("shape", [{"axes": "ZCYX"}, {"axes": "TZYX"}])
def test_channels_and_points_in_time_are_refused_with_a_remedy(tmp_path: Path, shape: dict[str, str]):
    stored = np.stack([planes(3), planes(3)], axis=1 if shape["axes"] == "ZCYX" else 0)
    path = tmp_path / "z.ome.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", metadata=shape, ome=True)

    with pytest.raises(UnreadableFrame, match=r"z\.ome\.tif holds") as caught:
        FileMetadata().describe(path)

    assert "Export each channel" in caught.value.hint


def test_a_thumbnail_behind_the_picture_is_no_frame(tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(make_frames.textured(20, 30), photometric="rgb", metadata=None)
        tiff.write(make_frames.textured(5, 7), photometric="rgb", metadata=None, subfiletype=1)

    assert FileMetadata().describe(path).page_count == 1


def test_a_plane_that_is_not_there_is_refused(tmp_path: Path):
    path = make_frames.write_tiff(tmp_path / "z.tif", planes(), photometric="minisblack", metadata=None)
    stack = FrameFiles().open([FrameFile(path=path, page=7)], DevelopSettings())

    with pytest.raises(UnreadableFrame, match="no plane 8"):
        stack.read(0)


def two_images(path: Path, *, count: int = 5) -> Path:
    with tifffile.TiffWriter(path, ome=True) as writer:
        for name in ("Pos1", "Pos2"):
            axes = {"axes": "ZYX", "Name": name} if count > 1 else {"axes": "YX", "Name": name}
            writer.write(planes(count) if count > 1 else planes(1)[0], photometric="minisblack", metadata=axes)
    return path


@pytest.mark.parametrize("count", [1, 5])
def test_several_images_in_one_file_are_refused_by_name(tmp_path: Path, count: int):
    """Two stage positions of five planes were taken for one stack of ten, and five were lost."""
    with pytest.raises(UnreadableFrame, match=r"holds 2 images, of positions, tiles or views \(Pos1, Pos2\)") as caught:
        FileMetadata().describe(two_images(tmp_path / "z.ome.tif", count=count))

    assert "file of its own" in caught.value.hint


def test_a_file_that_only_speaks_of_other_images_is_a_stack(tmp_path: Path):
    """Microscopes write one file a position, and describe all positions in each."""
    both = two_images(tmp_path / "both.ome.tif")
    with tifffile.TiffFile(both) as tiff:
        description = tiff.ome_metadata
    path = tmp_path / "z.ome.tif"
    tifffile.imwrite(path, planes(), photometric="minisblack", description=description, metadata=None)

    assert FileMetadata().describe(path).page_count == 5
