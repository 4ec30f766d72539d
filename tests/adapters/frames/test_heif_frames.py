"""HEIC frames are read where what reads them is installed, and refused with the remedy where it is not."""

import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from stackd.adapters.frames.reader import FrameFiles
from stackd.adapters.metadata.tags import fetch_tags
from stackd.config.develop import DevelopSettings
from stackd.service.ports import FrameFile
from tests import make_frames

pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")


def a_heic(folder: Path, *, bits: int = 8, icc: bytes | None = None) -> Path:
    path = folder / "IMG_1.HEIC"
    pixels = make_frames.textured(64, 96, bits=bits)
    heif = pillow_heif.from_bytes("RGB" if bits == 8 else "RGB;16", (96, 64), pixels.tobytes())
    heif.save(path, quality=95, chroma=444, **({} if icc is None else {"icc_profile": icc}))
    return path


@pytest.mark.parametrize("bits", [8, 16])
def test_a_heic_comes_out_as_it_went_in(tmp_path: Path, bits: int):
    stack = FrameFiles().open([FrameFile(path=a_heic(tmp_path, bits=bits))], DevelopSettings())

    pixels = stack.read(0)

    assert stack.shape == (64, 96)
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(pixels - make_frames.textured(64, 96, bits=bits).astype(float)).mean() < 0.02 * np.iinfo(pixels.dtype).max


def test_the_wide_colours_of_phones_keep_their_profile(tmp_path: Path):
    profile = bytes(imagecodecs.cms_profile("adobergb"))

    assert fetch_tags(a_heic(tmp_path, icc=profile)).icc == profile


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_cut_off_heic_is_refused(tmp_path: Path, share: float):
    path = make_frames.cut(a_heic(tmp_path), share)

    (reason,) = FrameFiles().check([FrameFile(path=path)]).values()

    assert "cut off" in reason


def test_without_its_reader_a_heic_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = a_heic(tmp_path)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    (reason,) = FrameFiles().check([FrameFile(path=path)]).values()

    assert "pip install stackd[heif]" in reason
