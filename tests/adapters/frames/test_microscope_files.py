"""Z-stacks in the files of microscopes, and what else such files hold."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from stackd.adapters.frames.reader import FrameFiles
from stackd.adapters.metadata.reader import FileMetadata
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.service.ports import FrameFile
from tests import make_frames

HEIGHT, WIDTH = 20, 30


def planes(count: int, bits: int = 16) -> np.ndarray:
    return np.stack([make_frames.textured(HEIGHT, WIDTH, seed=number, bits=bits)[..., 0] for number in range(count)])


def read_all(path: Path, count: int) -> np.ndarray:
    frames = [FrameFile(path=path, page=page) for page in range(count)]
    assert FrameFiles().check(frames) == {}
    stack = FrameFiles().open(frames, DevelopSettings())
    return np.stack([stack.read(position) for position in range(count)])


def write_czi(path: Path, stored: np.ndarray, **sizes: int) -> Path:
    """Planes first; `sizes` repeat them along other dimensions."""
    czi = pytest.importorskip("pylibCZIrw.czi")
    with czi.create_czi(str(path)) as writer:
        for number, pixels in enumerate(stored):
            for name, size in {"C": 1, **sizes}.items():
                for place in range(size):
                    writer.write(pixels, plane={"Z": number, "C": 0, "T": 0, name: place})
        writer.write_metadata("a", scale_x=1e-7, scale_y=1e-7, scale_z=5e-7)
    return path


def write_lif(path: Path, *stacks: np.ndarray, times: int = 1) -> Path:
    """A minimal LIF, as its description (Leica, 2010) says: a header in XML, then one block of memory an image."""
    pytest.importorskip("liffile")
    elements, blocks = "", b""
    for number, stored in enumerate(stacks, start=1):
        count, height, width = stored.shape
        pixel_bytes = stored.dtype.itemsize
        strides = [(1, width, pixel_bytes), (2, height, width * pixel_bytes), (3, count // times, height * width * pixel_bytes)]
        if times > 1:
            strides.append((4, times, count // times * height * width * pixel_bytes))
        dimensions = "".join(
            f'<DimensionDescription DimID="{axis}" NumberOfElements="{size}" Origin="0" Length="{(size - 1) * 5e-7}" Unit="m"'
            f' BitInc="0" BytesInc="{stride}"/>'
            for axis, size, stride in strides
        )
        elements += (
            f'<Element Name="Series{number}" Visibility="1"><Data><Image><ImageDescription><Channels>'
            f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="{8 * pixel_bytes}" NameOfMeasuredQuantity="" Min="0"'
            f' Max="1" Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="0" BitInc="0"/></Channels>'
            f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
            f'<Memory Size="{stored.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
        )
        name = f"MemBlock_{number}".encode("utf-16-le")
        head = b"\x2a" + struct.pack("<Q", stored.nbytes) + b"\x2a" + struct.pack("<I", len(name) // 2) + name
        blocks += struct.pack("<II", 0x70, len(head)) + head + stored.tobytes()
    whole = f'<Element Name="a"><Children>{elements}</Children></Element>'
    text = f'<LMSDataContainerHeader Version="2">{whole}</LMSDataContainerHeader>'.encode("utf-16-le")
    head = b"\x2a" + struct.pack("<I", len(text) // 2) + text
    path.write_bytes(struct.pack("<II", 0x70, len(head)) + head + blocks)
    return path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("write", [write_czi, write_lif], ids=["czi", "lif"])
def test_a_z_stack_is_a_stack(tmp_path: Path, write: object, bits: int):
    assert callable(write)
    stored = planes(4, bits)
    path = write(tmp_path / "z.bin", stored)

    meta = FileMetadata().describe(path)

    assert meta.page_count == 4
    assert meta.page_positions_m == pytest.approx((0, 5e-7, 1e-6, 1.5e-6))
    assert np.array_equal(read_all(path, 4)[..., 1], stored)


def test_colours_of_a_czi_are_red_green_and_blue(tmp_path: Path):
    stored = np.stack([make_frames.textured(HEIGHT, WIDTH, seed=number) for number in range(2)])
    path = write_czi(tmp_path / "z.czi", np.ascontiguousarray(stored[..., ::-1]))

    assert np.array_equal(read_all(path, 2), stored)


@pytest.mark.parametrize(("sizes", "told"), [({"C": 2}, "2 channels"), ({"T": 3}, "3 points in time")])
def test_what_lies_beside_the_planes_of_a_czi_is_refused_by_name(tmp_path: Path, sizes: dict[str, int], told: str):
    with pytest.raises(UnreadableFrame, match=rf"z\.czi holds {told}"):
        FileMetadata().describe(write_czi(tmp_path / "z.czi", planes(2), **sizes))


def test_a_mosaic_is_refused_by_name(tmp_path: Path):
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = tmp_path / "z.czi"
    with czi.create_czi(str(path)) as writer:
        for number, pixels in enumerate(planes(3)):
            for tile in range(2):
                writer.write(pixels, plane={"Z": number, "C": 0, "T": 0}, location=(WIDTH * tile, 0))
        writer.write_metadata("a")

    with pytest.raises(UnreadableFrame, match=r"z\.czi holds 2 tiles of a mosaic"):
        FileMetadata().describe(path)


def test_any_name_will_do(tmp_path: Path):
    path = write_czi(tmp_path / "z.czi", planes(2)).rename(tmp_path / "z\udcff.czi")

    assert FileMetadata().describe(path).page_count == 2


def test_points_in_time_of_a_lif_are_refused_by_name(tmp_path: Path):
    with pytest.raises(UnreadableFrame, match=r"z\.lif holds 3 points in time"):
        FileMetadata().describe(write_lif(tmp_path / "z.lif", planes(6), times=3))


def test_several_images_of_a_lif_are_refused_by_name(tmp_path: Path):
    with pytest.raises(UnreadableFrame, match=r"z\.lif holds 2 images \(.*Series1.*Series2"):
        FileMetadata().describe(write_lif(tmp_path / "z.lif", planes(3), planes(3)))


@pytest.mark.parametrize("write", [write_czi, write_lif], ids=["czi", "lif"])
def test_a_damaged_file_is_refused(tmp_path: Path, write: object):
    assert callable(write)
    path = write(tmp_path / "z.bin", planes(4))
    path.write_bytes(path.read_bytes()[:700])

    with pytest.raises(UnreadableFrame):
        FileMetadata().describe(path)


@pytest.mark.parametrize(("start", "told"), [(b"ZISRAWFILE", "CZI"), (b"\x70\0\0\0\x20\0\0\0\x2a", "LIF")])
def test_without_the_libraries_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes, told: str
):
    monkeypatch.setitem(sys.modules, "pylibCZIrw", None)
    monkeypatch.setitem(sys.modules, "liffile", None)
    path = tmp_path / "z.bin"
    path.write_bytes(start + bytes(200))

    with pytest.raises(UnreadableFrame, match=told) as caught:
        FileMetadata().describe(path)

    assert "stackd[microscopy]" in caught.value.hint
