"""Planes come back from disk as they went in, and nothing is left behind."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from stackd.adapters.output.scratch_planes import PlaneFile, scratch_folder
from stackd.errors import OutputBlocked
from stackd.imaging.ground.frames import PlanesInMemory


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.float16, np.bool_])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 0), slice(3, 7), slice(8, 99), slice(-2, None)])
def test_a_file_of_planes_answers_as_planes_in_memory_do(tmp_path: Path, dtype: type, rows: slice):
    rng = np.random.default_rng(0)
    on_disk, in_memory = PlaneFile(tmp_path), PlanesInMemory()
    for _ in range(4):
        plane = rng.integers(0, 2, (10, 7, 2)).astype(dtype)
        on_disk.append(plane)
        in_memory.append(plane)

    assert len(on_disk) == len(in_memory)
    for index in (3, 0, 2, 1):
        assert np.array_equal(on_disk.read(index, rows), in_memory.read(index, rows))
        assert on_disk.read(index, rows).dtype == dtype


def test_a_view_is_stored_as_it_looks(tmp_path: Path):
    store = PlaneFile(tmp_path)
    plane = np.arange(60, dtype=np.float32).reshape(6, 10)

    store.append(plane[::-1, ::2])

    assert np.array_equal(store.read(0, slice(None)), plane[::-1, ::2])


def test_what_is_read_is_the_caller_s_own(tmp_path: Path):
    store = PlaneFile(tmp_path)
    store.append(np.ones((4, 4), np.float32))

    store.read(0, slice(None))[:] = 7

    assert store.read(0, slice(None)).max() == 1


def test_the_file_has_no_name(tmp_path: Path):
    store = PlaneFile(tmp_path)
    store.append(np.ones((4, 4), np.float32))

    assert list(tmp_path.iterdir()) == []


def test_planes_of_another_shape_are_refused(tmp_path: Path):
    store = PlaneFile(tmp_path)
    store.append(np.ones((4, 4), np.float32))

    with pytest.raises(ValueError, match="plane 1"):
        store.append(np.ones((4, 5), np.float32))


def test_a_folder_that_cannot_hold_planes_is_named(tmp_path: Path):
    with pytest.raises(OutputBlocked, match="missing"):
        PlaneFile(tmp_path / "gone")


def test_scratch_lies_where_tmpdir_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)

    assert scratch_folder() == tmp_path
