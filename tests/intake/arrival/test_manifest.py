"""Manifests come from outside: obeyed where they make sense, never trusted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.intake.arrival.manifest import Manifest, RefusedManifest, parse_manifest
from stackd.intake.grouping.grouping import group
from stackd.model.stack import Decision, SealReason
from tests.intake.build import SETTINGS, frame, shoot


def parsed(document: object, path: str = "macro/stack.json") -> Manifest | RefusedManifest:
    return parse_manifest(json.dumps(document).encode(), path=path)


def test_a_manifest_names_frames_of_its_own_folder():
    manifest = parsed({"frames": ["a.tif", "b.tif"], "name": "beetle", "recipe": "macro"})

    assert manifest == Manifest(folder="macro", frames=("macro/a.tif", "macro/b.tif"), count=2, name="beetle", recipe="macro")


@pytest.mark.parametrize(
    "name", ["../a.tif", "/etc/passwd", "sub/a.tif", "..", ".", "", "C:a.tif", "C:\\a.tif", "a\0.tif", "..\\a.tif"]
)
def test_no_name_leads_out_of_the_folder(name: str):
    manifest = parsed({"frames": [name]})

    assert isinstance(manifest, RefusedManifest)
    assert "own folder" in manifest.reason


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "not an object"),
        ({"frame": []}, "unknown key “frame”"),
        ({"frames": "a.tif"}, "not a list"),
        ({"frames": ["a.tif", "a.tif"]}, "twice"),
        ({"frames": ["a.tif"], "count": 2}, "names 1 frames but its count is 2"),
        ({"count": 0}, "whole number"),
        ({"count": True}, "whole number"),
        ({"count": 1.5}, "whole number"),
        ({"name": "../x"}, "cannot be part of a file name"),
        ({"name": "-rf"}, "cannot be part of a file name"),
        ({"name": "a\u202eb"}, "cannot be part of a file name"),
        ({"name": "x" * 101}, "1 to 100 characters"),
        ({"recipe": 7}, "recipe is not a text"),
        ({"command": "rm"}, "unknown key"),
        ({"name": "\ud800x"}, r"name \ud800x cannot be part of a file name"),
        ({"recipe": "\ud800x"}, r"recipe \ud800x cannot be part of a file name"),
        ({"recipe": "a\x1b[2J"}, r"recipe a\x1b[2J cannot be part of a file name"),
        ({"\ud800": 1}, r"unknown key “\ud800”"),
        ({"frames": ["\ud800.tif"]}, r"frame “\ud800.tif” is not the name of a file"),
        ({"count": "\ud800"}, "count is '\\ud800'; it must be a whole number"),
        ({"count": [[[]]]}, "count is a list or an object"),
    ],
)
def test_what_makes_no_sense_is_refused_in_plain_words(document: object, reason: str):
    manifest = parsed(document)

    assert isinstance(manifest, RefusedManifest)
    assert reason in manifest.reason


@pytest.mark.parametrize("document", [{"x" * 900_000: 1}, {"count": "x" * 900_000}, {"frames": ["x/" * 400_000]}])
def test_a_reason_stays_a_line_however_long_the_manifest_is(document: object):
    manifest = parsed(document)

    assert isinstance(manifest, RefusedManifest)
    assert len(manifest.reason) < 200


def test_a_name_whose_bytes_are_no_text_can_be_listed_as_programs_write_it():
    manifest = parsed({"frames": ["\udcff1.tif", "\udcff2.tif"]})

    assert isinstance(manifest, Manifest)
    assert manifest.frames == ("macro/\udcff1.tif", "macro/\udcff2.tif")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b" " * 2_000_000])
def test_what_is_no_json_is_refused(content: bytes):
    assert isinstance(parse_manifest(content, path="stack.json"), RefusedManifest)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "recipe", "frames", "count", "x\ud800"]), inner),
        max_leaves=8,
    )
)
def test_no_json_makes_it_fail_or_says_what_cannot_be_written(document: object):
    manifest = parsed(document)

    if isinstance(manifest, RefusedManifest):
        manifest.reason.encode()
    else:
        f"{manifest.name}{manifest.recipe}".encode()


@given(st.binary(max_size=100))
def test_no_bytes_make_it_fail(content: bytes):
    parse_manifest(content, path="stack.json")


def test_a_manifest_decides_alone_and_names_what_is_missing():
    frames = [frame(f"m/{name}", 1000.0 * index) for index, name in enumerate(["a.tif", "b.tif", "x.tif"])]
    manifest = Manifest(folder="m", frames=("m/a.tif", "m/b.tif", "m/c.tif"), count=3, name="beetle", recipe="macro")

    grouping = group(frames, {}, SETTINGS, manifests=[manifest])

    (stack,) = grouping.stacks
    assert {each.path for each in stack.frames} == {"m/a.tif", "m/b.tif"}
    assert (stack.decision, stack.decided_by, stack.name, stack.recipe) == (
        Decision.PROCESS,
        SealReason.MANIFEST,
        "beetle",
        "macro",
    )
    assert stack.missing == ("m/c.tif",)
    assert [each.path for each in grouping.singles] == ["m/x.tif"]


def test_a_manifest_without_names_means_its_whole_folder():
    frames = [*shoot(4, name="m/IMG_{:04d}.NEF", beat_s=500.0), *shoot(4, name="m/IMG_{:04d}.JPG", beat_s=500.0)]

    (stack,) = group(frames, {}, SETTINGS, manifests=[Manifest(folder="m", count=4)]).stacks

    assert [each.path for each in stack.captured] == [f"m/IMG_{number:04d}.NEF" for number in range(1, 5)]


def test_manifests_can_be_switched_off():
    frames = shoot(4, name="m/IMG_{:04d}.JPG", beat_s=500.0)
    settings = SETTINGS.model_copy(update={"manifests": False})

    assert group(frames, {}, settings, manifests=[Manifest(folder="m")]).stacks == ()
