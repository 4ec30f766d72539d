"""Working tile by tile gives what working on the whole image would give."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.tiles import TILE_PX, TilePlace, TileWork, count_tiles, enlarged, run_on_tiles, spans


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(0, 1, (height, width, 3)).astype(np.float32)


def soften(tile: np.ndarray, _: TilePlace) -> np.ndarray:
    return cv2.blur(tile, (9, 9), borderType=cv2.BORDER_REFLECT_101)


SOFTEN = TileWork(run=soften, margin_px=8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (700, 530), (TILE_PX, TILE_PX + 1), (2 * TILE_PX + 300, TILE_PX + 300)])
def test_no_tile_shows(shape: tuple[int, int]):
    image = picture(*shape)

    assert np.allclose(run_on_tiles(image, SOFTEN), soften(image, TilePlace(top=0, left=0, height=0, width=0)), atol=1e-6)


def test_the_result_may_be_written_over_the_image():
    image = picture(3 * TILE_PX + 10, 700)
    wanted = run_on_tiles(image, SOFTEN)

    written = run_on_tiles(image, SOFTEN, out=image)

    assert written is image
    assert np.array_equal(image, wanted)


def test_without_out_the_image_stays_as_it_is():
    image = picture(600, 600)
    before = image.copy()

    run_on_tiles(image, SOFTEN)

    assert np.array_equal(image, before)


def test_every_pixel_belongs_to_one_tile():
    for side in (1, 511, 512, 513, 767, 768, 5000):
        covered = np.concatenate([np.arange(span.start, span.stop) for span in spans(side)])

        assert np.array_equal(covered, np.arange(side))


def test_a_box_says_where_its_tile_lies():
    rows, columns = np.mgrid[0:900, 0:1200].astype(np.float32)
    image = np.dstack([rows, columns, rows * 0])

    def check(tile: np.ndarray, box: TilePlace) -> np.ndarray:
        assert tile.shape == (box.height, box.width, 3)
        inside = tile[16:-16, 16:-16]
        assert inside[0, 0, 0] == box.top + 16
        assert inside[0, 0, 1] == box.left + 16
        return tile

    assert np.array_equal(run_on_tiles(image, TileWork(run=check, margin_px=16)), image)


def test_a_coarse_map_is_the_same_in_every_tile_and_right_in_the_middle_of_cells():
    coarse = np.random.default_rng(1).uniform(size=(9, 12)).astype(np.float32)

    whole = enlarged(coarse, TilePlace(top=0, left=0, height=81, width=108), cell_px=9)
    part = enlarged(coarse, TilePlace(top=-7, left=33, height=40, width=50), cell_px=9)

    assert np.array_equal(part[7:], whole[:33, 33:83])
    assert np.array_equal(part[0], part[7])
    assert np.allclose(whole[4::9, 4::9], coarse, atol=1e-6)


def test_work_can_be_stopped_between_tiles():
    done = []

    def stop() -> None:
        done.append(1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_on_tiles(picture(2 * TILE_PX, 2 * TILE_PX), SOFTEN, progress=stop)

    assert len(done) == 1


def test_progress_is_told_once_a_tile():
    image = picture(2 * TILE_PX, 3 * TILE_PX)
    told = []

    run_on_tiles(image, SOFTEN, progress=lambda: told.append(1))

    assert len(told) == count_tiles(image.shape) == 6
