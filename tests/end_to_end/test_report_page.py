"""The page of a real stack in a real browser: it works by hand and by keyboard, in light and dark, and asks for nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.adapters.output.exporters import CompositeExporter
from stackd.model.composite import Finding, Rectangle, Severity
from stackd.model.verdict import Judgement, Verdict
from stackd.rendering.scenes import SceneSettings, render_stack, tilted_plane
from tests.headless_browser import EXECUTABLE, Browser, browser
from tests.make_composite import composite_of
from tests.make_frames import shot_at, write_jpeg

pytestmark = pytest.mark.end_to_end

needs_browser = pytest.mark.skipif(EXECUTABLE is None, reason="chromium is not installed")

SCENE = SceneSettings(subject=tilted_plane, height_px=240, width_px=360, frame_count=6, shift_px=2.0, breathing=0.002)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `stackd fuse --report` writes for a small stack; its second frame shows nothing."""
    folder = tmp_path_factory.mktemp("secret-place")
    frames = [np.asarray(frame, np.uint8) for frame in render_stack(SCENE).frames]
    paths = [write_jpeg(folder / f"IMG_{i}.jpg", pixels, tags=shot_at(i)) for i, pixels in enumerate(frames)]
    (folder / "cut.jpg").write_bytes(paths[0].read_bytes()[:900])
    command = [sys.executable, "-m", "stackd", "fuse", *map(str, paths), str(folder / "cut.jpg"), "-o", "out.jpg"]

    done = subprocess.run([*command, "--report", "out.html"], cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    return folder / "out.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture
def opened(page: Path, chromium: Browser) -> Iterator[Browser]:
    chromium.complaints.clear()
    chromium.asked_for.clear()
    chromium.open(page)
    yield chromium
    assert chromium.complaints == []
    assert {url.partition(":")[0] for url in chromium.asked_for} <= {"file", "data"}
    assert {url for url in chromium.asked_for if url.startswith("file:")} == {page.as_uri()}


def test_fuse_writes_a_page_that_tells_of_every_frame_and_of_no_folder(page: Path) -> None:
    text = page.read_text("utf-8")

    assert len(re.findall("<button", text)) == 6
    assert "secret-place" not in text
    assert "cut.jpg" in text
    assert "1 frame was left out." in text


def test_a_page_is_written_again_only_over_one_of_stackds_own(page: Path) -> None:
    foreign = page.with_name("foreign.html")
    foreign.write_text("mine")
    frames = sorted(map(str, page.parent.glob("IMG_*.jpg")))

    def fuse(report: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stackd", "fuse", *frames, "-o", str(page.with_name("again.jpg"))]
        return subprocess.run([*command, "--report", str(report)], capture_output=True, text=True, check=False)

    again, refused = fuse(page.with_name("again.html")), fuse(foreign)

    assert again.returncode == 0, again.stderr
    assert fuse(page.with_name("again.html")).returncode == 0
    assert refused.returncode != 0
    assert "already there" in refused.stderr
    assert foreign.read_text() == "mine"


@needs_browser
def test_the_wipe_moves_by_keyboard_and_by_hand(opened: Browser) -> None:
    def shown_from() -> str:
        return str(opened.value("getComputedStyle(document.querySelector('#over')).clipPath"))

    opened.value("document.querySelector('#at').focus()")
    before = shown_from(), opened.screenshot()
    for _ in range(20):
        opened.press("ArrowRight")
    by_key = shown_from(), opened.screenshot()
    box = opened.value("(b => [b.left, b.top, b.width, b.height])(document.querySelector('#wipe').getBoundingClientRect())")
    opened.click(box[0] + 0.2 * box[2], box[1] + 0.5 * box[3])

    assert before[0] == "inset(0px 0px 0px 50%)"
    assert by_key[0] == "inset(0px 0px 0px 70%)"
    assert before[1] != by_key[1]
    assert abs(float(re.search(r"([\d.]+)%", shown_from()).group(1)) - 20) <= 2


@needs_browser
def test_a_chosen_frame_is_shown_in_wipe_plots_and_table(opened: Browser) -> None:
    opened.value("document.querySelector('#strip button[aria-pressed=true]').focus()")
    opened.press("Home")
    for _ in range(2):
        opened.press("ArrowRight")

    assert opened.value("document.querySelector('#over-name').textContent") == "3 · IMG_2.jpg"
    assert opened.value("document.querySelector('#over').src === document.querySelectorAll('#strip img')[2].src")
    assert opened.value("document.querySelector('#frames .chosen th').textContent.trim()").startswith("IMG_2.jpg")
    assert opened.value("new Set([...document.querySelectorAll('.now')].map(l => l.getAttribute('x1'))).size") == 1


@needs_browser
def test_the_depth_map_leads_to_the_frame_that_is_sharpest_there(opened: Browser) -> None:
    opened.value("document.querySelector('#map').scrollIntoView({block: 'center'})")
    left, top, width, height = opened.value(
        "(b => [b.left, b.top, b.width, b.height])(document.querySelector('#map').getBoundingClientRect())"
    )
    chosen = []
    for share in (0.95, 0.05):  # the scene is near at the bottom
        opened.click(left + 0.5 * width, top + share * height)
        chosen.append(opened.value("document.querySelector('#over-name').textContent"))

    assert int(chosen[0].split()[0]) < int(chosen[1].split()[0])
    assert "IMG_" in opened.value("document.querySelector('#pointed').textContent")


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width_px", [390, 1280])
def test_a_page_fits_every_screen(opened: Browser, page: Path, width_px: int, *, dark: bool) -> None:
    opened.open(page, width_px=width_px, height_px=844, dark=dark)

    picture = cv2.imdecode(np.frombuffer(opened.screenshot(), np.uint8), cv2.IMREAD_COLOR)

    assert opened.value("document.documentElement.scrollWidth <= innerWidth")
    assert bool(picture[4, 4].mean() < 60) is dark
    assert picture.std() > 20


CONTRAST = """
(() => {
  const light = (colour) => {
    const numbers = colour.match(/-?[\\d.]+/g).slice(0, 3).map(Number);
    const share = colour.startsWith("color") ? numbers : numbers.map((n) => n / 255);
    const [r, g, b] = share.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = light(getComputedStyle(document.querySelector("#judged")).backgroundColor);
  return ["#judged h2", "#judged div p", "#judged li"].map((part) => {
    const words = light(getComputedStyle(document.querySelector(part)).color);
    return (Math.max(words, behind) + 0.05) / (Math.min(words, behind) + 0.05);
  });
})()
"""
"""How much words of the verdict stand out from what is behind them (WCAG 2)."""


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("judgement", [Judgement.REVIEW, Judgement.REJECT])
def test_a_composite_that_does_not_pass_cannot_be_overlooked(
    chromium: Browser, tmp_path: Path, judgement: Judgement, *, dark: bool
) -> None:
    finding = Finding(code="focus-gap", severity=Severity.WARNING, sentence="Nothing is sharp between frames 2 and 3.")
    verdict = Verdict(judgement=judgement, rejection_probability=0.6, reasons=("focus-gap",))
    composite = composite_of(findings=[finding], verdict=verdict)
    measured = tuple(
        replace(frame, focus_position=1.1 * number, focus_error=0.3, sharpness=0.4 + 0.15 * number)
        for number, frame in enumerate(composite.frames)
    )
    staged = CompositeExporter().stage_page(
        replace(composite, frames=measured),
        folder=tmp_path,
        temporary_prefix="page-",
        title="beetle",
    )
    page = staged.temporary_path.rename(tmp_path / "page.html")
    chromium.complaints.clear()

    chromium.open(page, dark=dark)

    assert chromium.complaints == []
    top, height = chromium.value("(b => [b.top, b.height])(document.querySelector('#judged').getBoundingClientRect())")
    assert 0 <= top < 100
    assert height > 60
    assert min(chromium.value(CONTRAST)) >= 4.5
    assert "Nothing is sharp between frames 2 and 3." in chromium.value("document.querySelector('#judged').innerText")


@needs_browser
def test_names_and_sentences_stay_words_in_a_browser(chromium: Browser, tmp_path: Path) -> None:
    names = ["<script>document.title='broken'</script>.jpg", "\"'><img src=x onerror=alert(1)>.jpg", "🪲.jpg", "a\udcff.jpg"]
    region = Rectangle(left=20, top=20, right=60, bottom=50)
    finding = Finding(code="<b>", severity=Severity.WARNING, sentence="</script><b>bold</b>", region=region)
    staged = CompositeExporter().stage_page(
        composite_of(names, findings=[finding, replace(finding, code="other")]),
        folder=tmp_path,
        temporary_prefix="page-",
        title=names[0],
    )
    page = staged.temporary_path.rename(tmp_path / "page.html")
    chromium.complaints.clear()

    chromium.open(page)

    assert chromium.complaints == []
    assert chromium.value("document.title") == f"{names[0]} – stackd"
    assert chromium.value("[...document.querySelectorAll('#strip button')].map(b => b.dataset.name)") == [
        *names[:3],
        "a\\xff.jpg",
    ]
    assert chromium.value("document.querySelectorAll('b, img[onerror]').length") == 0
    assert chromium.value("document.querySelectorAll('#marks rect').length") == 2


def test_the_template_is_part_of_an_installed_stackd() -> None:
    files = distribution("stackd").files or []
    installed = {str(file) for file in files}
    if "stackd/cli/main.py" not in installed:
        pytest.skip("stackd runs from its checkout, where nothing is packed")

    assert {f"stackd/rendering/page/page.{ending}" for ending in ("html", "css", "js")} <= installed
