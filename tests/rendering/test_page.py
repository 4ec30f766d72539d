"""The page of a composite: tells all that is known, asks for nothing, and lets no name become markup."""

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

from stackd.model.composite import Composite, Finding, Rectangle, Severity
from stackd.model.verdict import Judgement, Verdict
from stackd.rendering.page.naming import FrameNames
from stackd.rendering.page.page import on_composite, render_page
from stackd.rendering.page.pictures import Crop, PagePictures, Picture
from stackd.rendering.page.plots import Curve, Quantity, drawn, number
from tests.make_composite import BORDER_PX, composite_of

DOT = Picture(content=b"\xff\xd8\xff", width_px=30, height_px=20)

DUST = Finding(
    code="dust", severity=Severity.NOTE, sentence="Dust at the left.", region=Rectangle(left=20, top=30, right=60, bottom=50)
)


def page_of(composite: Composite, *, title: str = "beetle") -> str:
    crops = {
        place: Crop(picture=DOT, area=Rectangle(left=0, top=0, right=30, bottom=20))
        for place, finding in enumerate(composite.findings)
        if finding.region is not None
    }
    shown = {place: DOT for place, frame in enumerate(composite.frames) if frame.preview is not None}
    pictures = PagePictures(composite=DOT, frames=shown, depth=DOT if composite.depth else None, crops=crops)
    return render_page(composite, pictures, title=title, mark="urn:stackd")


class Read(HTMLParser):
    """What a browser makes of a page, roughly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


# ------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>.jpg",
        '"><img src=x onerror=alert(1)>.jpg',
        "it's `quoted` & {{ 7*7 }} {% raw %}.jpg",
        "🪲 Käfer.jpg",
        "</style></script>.jpg",
    ],
)
def test_a_name_stays_a_name(name: str):
    names = ["IMG_1.jpg", name, "IMG_3.jpg"]
    plain = Read(page_of(composite_of(["IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg"])))

    read = Read(page_of(composite_of(names), title=name))

    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    assert name in [button["data-name"] for button in read.all("button")]
    assert name in read.words


def test_names_that_are_no_text_are_spelled_with_escapes():
    page = page_of(composite_of(["a\udcff.jpg", "b\u202e.jpg", "c.jpg"]))

    assert page.encode("utf-8")
    assert "a\\xff.jpg" in page
    assert "b\\u202e.jpg" in page


def test_sentences_and_reasons_are_no_markup_either():
    finding = replace(DUST, sentence="<b>\udcffbold</b>", code='"><i>')
    plain = Read(page_of(composite_of(findings=[DUST])))

    read = Read(page_of(composite_of(findings=[finding])))

    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    assert "<b>\\xffbold</b>" in read.words


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["macro/a.jpg", "macro/b.jpg"], ["a.jpg", "b.jpg"]),
        (["/home/me/card/1/a.jpg", "/home/me/card/2/a.jpg"], ["1/a.jpg", "2/a.jpg"]),
        (["../x/a.jpg", "../x/b.jpg"], ["a.jpg", "b.jpg"]),
        (["../x/a.jpg", "/home/me/b.jpg"], ["a.jpg", "b.jpg"]),
        (["/a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["z.tif#1", "z.tif#2"], ["z.tif#1", "z.tif#2"]),
        (["/home/me/z.tif#1", "/home/me/z.tif#2"], ["z.tif#1", "z.tif#2"]),
    ],
)
def test_frames_are_named_by_what_tells_them_apart(paths: Sequence[str], names: Sequence[str]):
    short = FrameNames(paths)

    assert [short.name(path) for path in paths] == names


def test_no_folder_above_the_frames_is_told():
    paths = [f"/home/secret/shoot/{number}.jpg" for number in range(3)]
    finding = replace(DUST, sentence=f"{paths[1]} and /home/secret/shoot/sub/x.jpg have dust.")

    page = page_of(composite_of(paths, left_out=[0], findings=[finding]))

    assert "secret" not in page
    assert "1.jpg and sub/x.jpg have dust." in page
    assert "0.jpg is cut off." in page


# ------------------------------------------------------------------------------ safety


def test_nothing_is_fetched():
    page = page_of(composite_of(findings=[DUST], left_out=[1]))
    read = Read(page)

    addresses = [
        value
        for _, attributes in read.elements
        for key, value in attributes.items()
        if key in {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    ]

    assert addresses
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    assert not read.all("link")


def test_the_policy_allows_this_script_and_style_and_nothing_else():
    page = page_of(composite_of())
    read = Read(page)
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")

    def hashes(kind: str) -> list[str]:
        import base64

        inside = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        return [base64.b64encode(sha256(text.encode()).digest()).decode() for text in inside]

    (script,), (style,) = hashes("script"), hashes("style")
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}';"
        " base-uri 'none'; form-action 'none'"
    )
    # What the policy would forbid is not there.
    assert not any(key == "style" or key.startswith("on") for _, attributes in read.elements for key in attributes)


def test_every_picture_has_words_for_those_who_cannot_see_it():
    read = Read(page_of(composite_of(findings=[DUST], left_out=[1])))

    assert all(picture["alt"] for picture in read.all("img") if picture.get("id") != "over")
    assert all(drawing.get("aria-label") or drawing.get("aria-hidden") for drawing in read.all("svg"))
    assert all(slider["aria-label"] for slider in read.all("input") if slider["type"] == "range")


# ---------------------------------------------------------------------- what it tells


def test_findings_are_told_with_their_place_and_a_crop():
    read = Read(page_of(composite_of(findings=[DUST])))

    marks = [rectangle for rectangle in read.all("rect") if rectangle.get("class") == "note"]
    assert [(mark["x"], mark["y"], mark["width"], mark["height"]) for mark in marks] == [
        (str(20 - BORDER_PX), str(30 - BORDER_PX), "40", "20")
    ]
    for words in ("Dust at the left.", "dust", "note", "At 100 %: 30 × 20 px"):
        assert words in read.words
    assert "1 thing was noticed." in read.words


def test_a_region_that_was_cropped_away_is_not_drawn():
    composite = composite_of()

    assert on_composite(Rectangle(left=0, top=0, right=BORDER_PX, bottom=9), composite) is None
    assert on_composite(Rectangle(left=0, top=0, right=10, bottom=9), composite) == Rectangle(
        left=0, top=0, right=10 - BORDER_PX, bottom=9 - BORDER_PX
    )


@pytest.mark.parametrize("code", ["frame-left-out", "duplicate-frame"])
def test_frames_left_out_are_told_once_with_their_reasons(code: str):
    left_out = Finding(code=code, severity=Severity.WARNING, sentence="IMG_2.jpg was left out: x", frames=("IMG_2.jpg",))

    read = Read(page_of(composite_of(left_out=[1], findings=[left_out])))

    assert read.words.count("IMG_2.jpg is cut off.") == 1
    assert "IMG_2.jpg was left out" not in read.words
    assert "1 frame was left out." in read.words
    assert [button["data-name"] for button in read.all("button")] == ["IMG_1.jpg", "IMG_3.jpg", "IMG_4.jpg"]


def test_nothing_noticed_is_said():
    read = Read(page_of(composite_of()))

    assert "Nothing was noticed. Every frame was used." in " ".join(read.words.split())


# ---------------------------------------------------------------------------- verdicts

GAPS = [Finding(code="focus-gap", severity=Severity.WARNING, sentence=f"A gap at {number}.") for number in range(5)]


def judged(judgement: Judgement, *reasons: str, findings: Sequence[Finding] = ()) -> Composite:
    return composite_of(findings=findings, verdict=Verdict(judgement=judgement, rejection_probability=0.42, reasons=reasons))


def test_a_composite_that_passes_is_told_quietly():
    read = Read(page_of(judged(Judgement.PASS)))

    assert "Pass. stackd trusts this composite (42 % likely that you would reject it)." in " ".join(read.words.split())
    assert not any("judged" in (section.get("class") or "") for section in read.all("section"))


@pytest.mark.parametrize(
    ("judgement", "words"),
    [
        (Judgement.REVIEW, "! To review Look at this composite before you use it: 42 % likely that you would reject it."),
        (Judgement.REJECT, "✕ Reject This composite is most likely no good: 42 % likely that you would reject it."),
    ],
)
def test_a_composite_that_does_not_pass_is_told_before_anything_else_in_words_and_not_by_colour_alone(
    judgement: Judgement, words: str
):
    page = page_of(judged(judgement, "focus-gap", "unknown-code", findings=GAPS[:1]))
    body = " ".join(Read(page[page.index("<body>") :]).words.split())

    assert body.startswith(f"{words} A gap at 0.unknown-code")
    assert f'class="judged {judgement.value}" aria-labelledby="judged-as"' in page


def test_many_reasons_of_a_kind_are_counted():
    page = page_of(judged(Judgement.REVIEW, "focus-gap", findings=GAPS))
    banner = page[page.index('id="judged"') : page.index("</section>")]

    assert re.findall("<li>(.*?)</li>", banner) == [
        "A gap at 0.",
        "A gap at 1.",
        "A gap at 2.",
        "2 more like that are told below.",
    ]


def test_reasons_are_no_markup_and_tell_no_folder():
    paths = [f"/home/secret/shoot/{number}.jpg" for number in range(4)]
    finding = replace(DUST, sentence=f"<b>{paths[1]} moved.</b>")
    verdict = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.4, reasons=("dust", "<i>"))

    page = page_of(composite_of(paths, findings=[finding], verdict=verdict))

    assert "secret" not in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_focus_and_sharpness_are_drawn_where_frames_have_them():
    plain = composite_of()
    measured = replace(
        plain,
        frames=tuple(
            replace(frame, focus_position=1.0 * number, focus_error=0.2, sharpness=0.5)
            for number, frame in enumerate(plain.frames)
        ),
    )

    without, with_them = page_of(plain), page_of(measured)

    assert "Focus position" not in without
    assert "Sharpness" not in without
    assert "Focus position over the frames: 0.0 to 3.0 steps." in with_them
    assert "Sharpness over the frames: 50.0 to 50.0 %." in with_them
    assert with_them.count('class="error"') == 4


@pytest.mark.parametrize(("stops", "words"), [(0.0, None), (0.84, "0.8 stops"), (1.2, "1 stop"), (4.6, "5 stops")])
def test_it_is_said_by_how_much_pictures_are_brightened(stops: float, words: str | None):
    pictures = PagePictures(composite=DOT, frames={}, depth=None, crops={}, brighter_stops=stops)

    page = render_page(composite_of(preview=None, with_depth=False), pictures, title="dark", mark="urn:stackd")

    assert ("brighter than they are" in page) is (words is not None)
    assert words is None or f"shown {words} brighter" in page


def test_a_stack_without_depth_or_previews_has_a_page_without_them():
    read = Read(page_of(composite_of(with_depth=False, preview=None)))

    assert not read.all("button")
    assert not any(picture.get("id") == "map" for picture in read.all("img"))
    assert "Share of the composite" not in read.words


def test_the_recipe_is_told_as_it_can_be_set():
    assert "fuse.method=&#34;pyramid&#34;\nfinish.steps=[]" in page_of(composite_of())


# ------------------------------------------------------------------------------- plots


def quantity(*values: float | None, least_span: float = 1.0) -> Quantity:
    return Quantity(title="Shift", unit="px", meaning="", curves=(Curve(label="", values=values),), least_span=least_span)


def test_a_curve_breaks_where_a_frame_is_missing():
    plot = drawn(quantity(1.0, 2.0, None, 3.0, 4.0))

    assert plot is not None
    assert plot.lines[0].path.count("M") == 2
    assert len(plot.missing_at) == 1
    assert len(plot.lines[0].dots) == 4


def test_what_does_not_matter_looks_flat():
    plot = drawn(quantity(0.0, 0.001, -0.001))

    assert plot is not None
    heights = [y for _, y in plot.lines[0].dots]
    assert max(heights) - min(heights) < 0.5


@pytest.mark.parametrize("values", [(5.0,), (0.0,), (1e-9, -1e-9), (-1e5, 1e6), (0.0, 0.0, 0.0), tuple(np.linspace(0, 1, 999))])
def test_every_curve_stays_inside_its_axes(values: tuple[float, ...]):
    plot = drawn(quantity(*values))

    assert plot is not None
    assert 2 <= len(plot.ticks) <= 8
    assert all(12 <= tick.at <= 124 for tick in plot.ticks)
    assert all(46 <= x <= 330 and 12 <= y <= 124 for x, y in plot.lines[0].dots)


def test_error_bars_lie_inside_the_axes_around_their_values_and_only_where_they_are_known():
    curve = Curve(label="", values=(0.0, 1.0, None, 3.0), errors=(0.5, None, 0.5, 4.0))

    plot = drawn(Quantity(title="Focus position", unit="steps", meaning="", curves=(curve,), least_span=1.0))

    assert plot is not None
    (first, last) = plot.lines[0].errors
    assert all(12 <= y <= 124 for _, low, high in (first, last) for y in (low, high))
    assert last[1] - last[2] == pytest.approx(8 * (first[1] - first[2]), abs=2)
    assert (first[1] + first[2]) / 2 == pytest.approx(plot.lines[0].dots[0][1], abs=0.2)


def test_what_is_not_known_of_any_frame_is_not_drawn():
    assert drawn(quantity(None, None)) is None


def test_numbers_have_a_true_minus_and_zero_has_none():
    assert (number(-1.25, 1), number(-0.001, 2), number(3, 0)) == ("−1.2", "0.00", "3")
