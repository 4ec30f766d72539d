"""Which files can be frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.intake.arrival.admit import Role, admit, sort_out


@pytest.mark.parametrize(
    "path",
    [
        "IMG_1.JPG",
        "a/b/DSC_0001.nef",
        "x.TIFF",
        "y.heic",
        "z.png",
        "-rf.jpg",
        "%s.cr3",
        "CON.tif",
        "ends with space .jpg",
        "ü.dng",
    ],
)
def test_pictures_are_frames(path: str):
    assert admit(path).role is Role.FRAME


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".hidden.jpg", "hidden"),
        ("._IMG_1.tif", "hidden"),
        (".stackd-7-1.tmp", "hidden"),
        ("IMG_1.jpg.part", "temporary"),
        ("IMG_1.jpg.crdownload", "temporary"),
        ("~IMG_1.jpg", "temporary"),
        ("IMG_1.jpg~", "temporary"),
        ("Thumbs.db", "a system made it"),
        ("@eaDir/a.tif", "it lies in @eaDir (Synology), which holds small copies"),
        ("shoot/#RECYCLE/day/a.tif", "(Synology, TerraMaster), which holds what was deleted"),
        (".secret/a.tif", "hidden folder"),
        ("film.mov", "not a picture"),
        ("noextension", "not a picture"),
        ("/".join(["d"] * 40) + "/a.jpg", "folders deep"),
    ],
)
def test_everything_else_is_named_with_its_reason(path: str, reason: str):
    admission = admit(path)

    assert admission.role is Role.IGNORED
    assert reason in admission.reason


def test_manifests_and_done_markers_are_told_from_sidecars():
    assert admit("a/stack.json").role is Role.MANIFEST
    assert admit("a/.done").role is Role.DONE_MARKER
    assert admit("a/IMG_1.xmp").role is Role.SIDECAR


def test_sidecars_go_with_their_frames():
    admitted = sort_out(["IMG_1.CR3", "IMG_1.xmp", "IMG_2.NEF", "IMG_2.NEF.pp3", "IMG_3.xmp", "a/.done", "a/stack.json"])

    assert admitted.frames == ("IMG_1.CR3", "IMG_2.NEF")
    assert admitted.sidecars == {"IMG_1.CR3": ("IMG_1.xmp",), "IMG_2.NEF": ("IMG_2.NEF.pp3",)}
    assert admitted.ignored["IMG_1.xmp"] == "it is the sidecar of IMG_1.CR3"
    assert admitted.ignored["IMG_3.xmp"] == "it is a sidecar, not a picture"
    assert admitted.done_folders == {"a"}
    assert admitted.manifests == ("a/stack.json",)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40), max_size=8))
def test_no_name_makes_it_fail_and_none_is_lost(paths: list[str]):
    admitted = sort_out(paths)

    known = [*admitted.frames, *admitted.ignored, *admitted.manifests]
    assert {path for path in paths if admit(path).role is not Role.DONE_MARKER} == set(known)


def test_a_name_that_is_no_text_is_escaped_in_sentences():
    admitted = sort_out(["bad\udcff.CR3", "bad\udcff.xmp"])

    assert admitted.ignored["bad\udcff.xmp"] == "it is the sidecar of bad\\xff.CR3"
