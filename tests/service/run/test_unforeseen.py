"""What nobody foresaw in a watched folder costs that file or that folder, is told, and never ends the loop."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from stackd.model.frame import Fingerprint, FrameMeta
from stackd.model.job import JobState
from stackd.service.plan import folder as planning
from stackd.service.plan.effects import TellUnforeseen
from stackd.service.plan.taken import NOTHING_TAKEN
from stackd.service.plan.unforeseen import AGAIN_S, take_any_answers
from stackd.service.plan.values import Folder
from stackd.service.ports import Described, FileSighting, ManifestRead
from tests.fakes.house import WATCH, House, bracket_frame


def strange(path: str) -> FrameMeta:
    """Describe frames named `strange` by what no sorting can work with."""
    meta = bracket_frame(path)
    return replace(meta, time_resolution_s="coarse") if path.startswith("strange") else meta  # type: ignore[arg-type]


def nonsense(path: str) -> FrameMeta:
    """Describe frames named `strange` by what cannot even be compared with recorded frames."""
    meta = bracket_frame(path)
    return replace(meta, captured_at="yesterday") if path.startswith("strange") else meta  # type: ignore[arg-type]


def told_of(house: House) -> str:
    (trouble,) = [str(row["trouble"]) for row in house.journal._db.execute("SELECT trouble FROM folder")]
    return trouble


def test_frames_that_cannot_be_sorted_hold_up_their_folder_only_and_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.drop_stack("beetle")
    house.let_pass(20.0)
    daemon = house.start()
    house.describer._meta_of = strange
    house.folder.drop("strange_01.jpg")

    house.let_pass(3 * AGAIN_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert "cannot be sorted: something unexpected happened (" in told_of(house)
    assert daemon.state.folders[WATCH].online
    stumbles = [record for record in caplog.records if "plan.stumbled" in record.message]
    assert 2 <= len(stumbles) <= 5
    assert all(record.exc_info for record in stumbles)


def test_once_they_are_gone_everything_goes_on() -> None:
    house = House()
    house.start()
    house.describer._meta_of = strange
    house.folder.drop("strange_01.jpg")
    house.drop_stack("beetle")
    house.let_pass(30.0)
    before = [job.state for job in house.jobs()]

    house.folder.remove("strange_01.jpg")
    house.let_pass(AGAIN_S + 30.0)

    assert before == []
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert told_of(house) == ""


def test_a_folder_that_stumbled_is_looked_at_no_more_often_than_others() -> None:
    house = House()
    house.start()
    house.describer._meta_of = strange
    house.folder.drop("strange_01.jpg")
    house.let_pass(30.0)
    before = house.inboxes[-1].looks

    house.let_pass(AGAIN_S)

    assert house.inboxes[-1].looks - before <= 5


def test_a_frame_that_cannot_be_compared_with_recorded_ones_is_set_aside_alone(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.start()
    house.describer._meta_of = nonsense
    house.folder.drop("strange_01.jpg")
    house.drop_stack("beetle")

    house.let_pass(90.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    (row,) = house.journal._db.execute("SELECT set_aside FROM folder").fetchall()
    assert "strange_01.jpg cannot be made sense of: something unexpected happened (AttributeError" in row["set_aside"]
    assert [record.message for record in caplog.records if "stumbled" in record.message] == [
        "answer.stumbled about='strange_01.jpg'"
    ]


def test_one_of_many_answers_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(content: bytes, *, path: str) -> None:
        raise RecursionError(f"{path} is too deep, {len(content)} bytes")

    monkeypatch.setattr(planning, "parse_manifest", stumble)
    there = {
        path: FileSighting(path=path, fingerprint=Fingerprint(size_bytes=2, mtime_ns=1), inode=1, changed_ns=1)
        for path in ("a.jpg", "b.json")
    }
    prints = {path: sighting.fingerprint for path, sighting in there.items()}
    folder = Folder(sightings=MappingProxyType(there), asked=MappingProxyType(prints))
    frame = Described(watch=WATCH, path="a.jpg", fingerprint=prints["a.jpg"], meta=bracket_frame("a_01.jpg"))
    manifest = ManifestRead(watch=WATCH, path="b.json", fingerprint=prints["b.json"], content=b"{}")

    step = take_any_answers(folder, (manifest, frame), taken=NOTHING_TAKEN)

    assert step.folder.descriptions["a.jpg"] is frame
    assert step.folder.unreadable == {"b.json"}
    assert not step.folder.asked
    assert [effect.about for effect in step.effects if isinstance(effect, TellUnforeseen)] == ["b.json"]


def test_a_folder_that_stumbled_wakes_nobody_before_it_is_tried_again() -> None:
    waiting = Folder(last_look_s=0.0, regroup=True)

    assert planning.next_plan_s(waiting) == float("-inf")
    assert planning.next_plan_s(replace(waiting, stumbled_due_s=AGAIN_S)) == AGAIN_S


def test_a_file_that_nobody_can_make_sense_of_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(content: bytes, *, path: str) -> None:
        raise RecursionError(f"{path} is too deep, {len(content)} bytes")

    monkeypatch.setattr(planning, "parse_manifest", stumble)
    house = House()
    house.describer.manifests["macro/stack.json"] = b"{}"
    house.folder.drop("macro/stack.json")
    house.drop_stack("beetle")

    house.let_pass(30.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    (row,) = house.journal._db.execute("SELECT set_aside FROM folder").fetchall()
    assert "macro/stack.json cannot be made sense of: something unexpected happened (RecursionError" in row["set_aside"]
