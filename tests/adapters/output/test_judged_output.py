"""Composites that do not pass are staged in a folder of their own, under names that tell, and never through a link."""

import os
from pathlib import Path

import pytest

from stackd.adapters.output.exporters import CompositeExporter
from stackd.adapters.output.publisher import FolderPublisher
from stackd.config.settings import Recipe
from stackd.errors import OutputBlocked
from stackd.model.frame import Fingerprint, Frame
from stackd.model.stack import Decision, SealReason, Stack, StackKind
from stackd.model.verdict import Judgement, Verdict
from stackd.service.once.stack import stage
from stackd.service.ports import Handling, Placing, StackingRequest, StagedFile
from tests.make_composite import composite_of

NAMES = ("IMG_1.jpg", "IMG_2.jpg")
STEM = "IMG_1-IMG_2_2f_depth_from_defocus"


def request_for(folder: Path, placing: Placing, version: int = 1) -> StackingRequest:
    frames = tuple(Frame(path=name, fingerprint=Fingerprint(size_bytes=1, mtime_ns=1)) for name in NAMES)
    return StackingRequest(
        job_id=1,
        attempt=1,
        stack=Stack(
            id="abc",
            frames=frames,
            kind=StackKind.FOCUS,
            reason=SealReason.ASKED,
            confidence=1.0,
            decision=Decision.PROCESS,
            evidence=(),
        ),
        input_folder=folder / "in",
        output_folder=folder / "out",
        recipe_name="default",
        recipe=Recipe(),
        version=version,
        placing=placing,
        owner="a",
    )


def staged(folder: Path, judgement: Judgement, placing: Placing | None = None, *, version: int = 1) -> tuple[StagedFile, ...]:
    (folder / "out").mkdir(exist_ok=True)
    composite = composite_of(NAMES, shape=(20, 30), preview=None, verdict=Verdict(judgement=judgement, rejection_probability=0.5))
    return stage(composite, request_for(folder, placing or Placing(), version), exporter=CompositeExporter())


@pytest.mark.parametrize(
    ("judgement", "handling", "folder", "stem"),
    [
        (Judgement.PASS, Handling.FOLDER, "out", STEM),
        (Judgement.REVIEW, Handling.PUBLISH, "out", f"{STEM}_review"),
        (Judgement.REVIEW, Handling.FOLDER, "out/review", f"{STEM}_review"),
        (Judgement.REJECT, Handling.PUBLISH, "out", f"{STEM}_reject"),
        (Judgement.REJECT, Handling.FOLDER, "out/reject", f"{STEM}_reject"),
    ],
)
def test_the_folder_and_all_names_tell_the_judgement(
    tmp_path: Path, judgement: Judgement, handling: Handling, folder: str, stem: str
):
    files = staged(tmp_path, judgement, Placing(review=handling, reject=handling))

    assert [file.final_name.removeprefix(stem) for file in files] == ["_depth.tif", "_depth.png", ".json", ".html", ".tif"]
    assert {file.temporary_path.parent for file in files} == {tmp_path / folder}


def test_a_new_version_tells_its_judgement_last(tmp_path: Path):
    files = staged(tmp_path, Judgement.REVIEW, version=2)

    assert files[-1].final_name == f"{STEM}_v2_review.tif"


def test_of_a_composite_that_is_held_nothing_is_written(tmp_path: Path):
    files = staged(tmp_path, Judgement.REVIEW, Placing(review=Handling.HOLD))

    assert files == ()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_second_composite_uses_the_folder_of_the_first_and_names_that_are_taken_get_a_number(tmp_path: Path):
    folder, publisher = tmp_path / "out" / "review", FolderPublisher()
    for _ in range(2):
        files = staged(tmp_path, Judgement.REVIEW)
        for file, name in zip(files, publisher.choose_names(folder, files), strict=True):
            publisher.publish(folder, file, name)

    assert {path.name for path in folder.glob("*_review*.tif")} == {
        f"{STEM}_review_depth.tif",
        f"{STEM}_review.tif",
        f"{STEM}_review_2_depth.tif",
        f"{STEM}_review_2.tif",
    }


def test_a_link_of_that_name_is_not_followed(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "review").symlink_to(tmp_path / "in")

    with pytest.raises(OutputBlocked, match="is a link"):
        staged(tmp_path, Judgement.REVIEW)

    assert list((tmp_path / "in").iterdir()) == []


def test_a_folder_replaced_by_a_link_after_staging_publishes_nothing_through_it(tmp_path: Path):
    folder = tmp_path / "out" / "review"
    *_, composite = staged(tmp_path, Judgement.REVIEW)
    folder.rename(tmp_path / "moved")
    (tmp_path / "in").mkdir()
    folder.symlink_to(tmp_path / "in")

    with pytest.raises(OutputBlocked, match="disappeared"):
        FolderPublisher().publish(folder, composite, composite.final_name)

    assert list((tmp_path / "in").iterdir()) == []


def test_a_file_of_that_name_is_told_and_left_alone(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "reject").write_text("mine")

    with pytest.raises(OutputBlocked, match=r"reject cannot be written: it is no folder"):
        staged(tmp_path, Judgement.REJECT)

    assert (tmp_path / "out" / "reject").read_text() == "mine"


def test_an_output_folder_that_is_missing_is_not_made_for_the_sake_of_one_inside(tmp_path: Path):
    (tmp_path / "out").mkdir()
    request = request_for(tmp_path, Placing())
    (tmp_path / "out").rmdir()
    composite = composite_of(NAMES, preview=None, verdict=Verdict(judgement=Judgement.REVIEW, rejection_probability=0.5))

    with pytest.raises(OutputBlocked, match=r"out cannot be written: the folder is missing"):
        stage(composite, request, exporter=CompositeExporter())

    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_may_not_be_written_is_told(tmp_path: Path):
    (tmp_path / "out").mkdir(mode=0o500)

    with pytest.raises(OutputBlocked, match="not allowed"):
        staged(tmp_path, Judgement.REVIEW)
