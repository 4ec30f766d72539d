"""Folders of systems and programs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackd.intake.arrival.admit import Role, admit
from stackd.intake.arrival.keep_out import KEPT_OUT, table_markdown

NAMES = [name for each in KEPT_OUT for name in each.names]


@settings(deadline=None)
@given(
    name=st.sampled_from(NAMES),
    above=st.lists(st.sampled_from(["shoot", "2024", "Beetle Cache"]), max_size=2),
    below=st.lists(st.sampled_from(["x", "GMT-2024.05.04-10.00.00"]), max_size=2),
    fold=st.sampled_from([str.upper, str.lower, str.title]),
)
def test_nothing_in_such_a_folder_is_a_frame_in_any_case_and_at_any_depth(
    name: str, above: list[str], below: list[str], fold: Callable[[str], str]
):
    made = fold(name.replace("[0-9]", "0").replace("*", "Macro"))

    admission = admit("/".join([*above, made, *below, "IMG_1.jpg"]))

    assert admission.role is Role.IGNORED
    assert "which holds" in admission.reason


@pytest.mark.parametrize(
    "folder",
    [
        *(
            "Cache",
            "Settings",
            "Previews",
            "Backup",
            "recycle",
            "snapshot",
            "sync",
            "Trash beetle",
            "lrdata",
            "CaptureOne",
            "tmp",
        ),
        *("Shoot/Cache", "CaptureOne/Output", "x.cocatalog/Originals", "found.abc", "OneDrive", "Photos Library"),
    ],
)
def test_a_folder_that_a_photographer_could_name_so_is_looked_into(folder: str):
    assert admit(f"{folder}/IMG_1.jpg").role is Role.FRAME


def test_the_docs_show_the_table_as_it_is():
    assert table_markdown() in (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_no_folder_is_named_twice():
    assert len({name.casefold() for name in NAMES}) == len(NAMES)
