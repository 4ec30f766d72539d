"""Draw the pictures of docs/methods-finishing.md and print the numbers beside them. Run by `nox -s picture`."""

from pathlib import Path

import cv2
import numpy as np
from composites import composite, psnr_db, scene, softened
from numpy.typing import NDArray

from stackd.imaging.finish import Deconvolve, Denoise, FinishingStep, LocalContrast, finish
from stackd.model.pixels import Image
from stackd.rendering.flower import flower
from stackd.rendering.lettering import LINE_HEIGHT_PX, PAPER, write_line
from stackd.rendering.scenes import render_stack

IMAGES = Path(__file__).parent / "images"
JPEG_QUALITY = 85
GAP_PX = 8
SOFT_LENS_SIGMA_PX = 1.2
"""About what diffraction leaves at an effective aperture of f/16 on pixels of 4 µm."""


def main() -> None:
    """Draw one picture a step: as fused on the left, finished on the right."""
    grainy, true = composite(render_stack(scene(flower, iso=6400)))
    draw("finish-denoise.jpg", grainy, true, (Denoise(),), crop=(slice(290, 410), slice(210, 350)), zoom=3)
    clean, true = composite(render_stack(scene(flower, iso=100)))
    draw("finish-local-contrast.jpg", clean, true, (LocalContrast(),), crop=(slice(60, 420), slice(80, 660)), zoom=1)
    soft, true = composite(softened(scene(flower, iso=200), SOFT_LENS_SIGMA_PX))
    draw("finish-deconvolve.jpg", soft, true, (Deconvolve(),), crop=(slice(190, 370), slice(250, 460)), zoom=2)


def draw(name: str, image: Image, true: Image, steps: tuple[FinishingStep, ...], *, crop: tuple[slice, slice], zoom: int) -> None:
    """Write before and after side by side, and print what changed."""
    finished = finish(image, steps)
    before = labelled(image[crop], "as fused", zoom=zoom)
    after = labelled(finished[crop], f"with {steps[0].step}", zoom=zoom)
    sheet = np.hstack([before, np.full((before.shape[0], GAP_PX, 3), PAPER, np.uint8), after])
    cv2.imwrite(str(IMAGES / name), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    size_kb = (IMAGES / name).stat().st_size / 1000
    print(f"{name}: {size_kb:.0f} kB, {psnr_db(image, true):.2f} dB before, {psnr_db(finished, true):.2f} dB after")  # noqa: T201


def labelled(picture: Image, label: str, *, zoom: int) -> NDArray[np.uint8]:
    """Enlarge, every pixel a square, and write a line above."""
    large = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    sheet = np.full((large.shape[0] + LINE_HEIGHT_PX, large.shape[1], 3), PAPER, np.uint8)
    sheet[LINE_HEIGHT_PX:] = np.rint(large * 255)
    write_line(sheet, label, left_px=4)
    return sheet


if __name__ == "__main__":
    main()
