"""The service end to end on fakes: what is dropped comes out once, whatever happens in between."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.errors import FrameChanged, OutputBlocked, UnreadableFrame
from stackd.model.job import MAX_ATTEMPTS, JobState
from stackd.service.plan.values import RecipeChoice
from stackd.service.ports import Crashed, StackingRequest, StagedFile, WishKind
from tests.fakes.house import House
from tests.fakes.output import DictPublisher
from tests.fakes.workers import work_well

A_WHILE_S = 60.0


def test_frames_dropped_in_the_folder_come_out_as_one_composite() -> None:
    house = House()
    house.drop_stack("beetle", count=5)

    house.let_pass(A_WHILE_S)

    assert house.output.visible() == ["beetle_01-beetle_05_5f.json", "beetle_01-beetle_05_5f.html", "beetle_01-beetle_05_5f.tif"]
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.output.temporary() == []


def test_nothing_is_done_twice_however_long_the_service_runs_on() -> None:
    house = House()
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)
    house.let_pass(600.0, step_s=5.0)

    assert len(house.workers.started) == 1


def test_two_stacks_in_one_folder_come_out_as_two_composites() -> None:
    house = House()
    house.drop_stack("beetle", count=5)
    house.drop_stack("fly", count=4)

    house.let_pass(A_WHILE_S)

    assert sorted(name for name in house.output.visible() if name.endswith(".tif")) == [
        "beetle_01-beetle_05_5f.tif",
        "fly_01-fly_04_4f.tif",
    ]


def test_a_lost_event_costs_time_but_no_frame() -> None:
    house = House()
    house.folder.events = False
    house.let_pass(5.0)
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_file_still_growing_is_not_taken() -> None:
    house = House()
    house.drop_stack("beetle", count=3)
    for size in range(40):
        house.folder.drop("beetle_04.jpg", size_bytes=1_000 + size)
        house.let_pass(1.0)
        assert house.jobs() == []

    house.let_pass(A_WHILE_S)

    assert [len(request.stack.frames) for request in house.workers.started] == [4]


def test_a_frame_that_somebody_has_open_for_writing_is_waited_for() -> None:
    house = House()
    house.drop_stack("beetle", count=3)
    house.folder.drop("beetle_04.jpg", being_written=True)
    house.let_pass(A_WHILE_S)
    before = house.jobs()

    house.folder.close_writer("beetle_04.jpg")
    house.let_pass(A_WHILE_S)

    assert before == []
    assert [len(request.stack.frames) for request in house.workers.started] == [4]


@pytest.mark.parametrize("year_s", [-1_000_000_000, 0, 4_000_000_000])
def test_file_times_in_the_past_or_future_do_not_matter(year_s: int) -> None:
    house = House()
    for number in range(1, 5):
        house.folder.drop(f"beetle_{number:02d}.jpg", mtime_ns=year_s * 1_000_000_000)

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_frame_that_cannot_be_read_is_set_aside_with_its_reason_and_looked_at_again_when_it_changes() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.describer.unreadable["beetle_03.jpg"] = "beetle_03.jpg is cut off."
    house.let_pass(30.0)
    assert house.jobs() == []
    assert house.daemon is not None
    report = house.daemon.state.folders["/card"].reported
    assert report is not None
    assert report.set_aside == {"beetle_03.jpg": "beetle_03.jpg is cut off."}

    del house.describer.unreadable["beetle_03.jpg"]
    house.folder.drop("beetle_03.jpg", size_bytes=2_000)
    house.let_pass(A_WHILE_S)

    assert [len(request.stack.frames) for request in house.workers.started] == [4]


def test_a_frame_that_could_not_be_opened_for_a_while_is_read_when_it_can_be_though_it_did_not_change() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.describer.unreachable["beetle_03.jpg"] = "beetle_03.jpg is no longer there."
    house.let_pass(30.0)
    del house.describer.unreachable["beetle_03.jpg"]

    house.let_pass(A_WHILE_S)

    assert [len(request.stack.frames) for request in house.workers.started] == [4]


def test_a_frame_whose_permissions_were_changed_is_read_again() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.describer.unreadable["beetle_03.jpg"] = "beetle_03.jpg cannot be opened: Permission denied."
    house.let_pass(30.0)
    del house.describer.unreadable["beetle_03.jpg"]

    house.folder.files["beetle_03.jpg"] = replace(house.folder.files["beetle_03.jpg"], changed_ns=99)
    house.let_pass(A_WHILE_S)

    assert [len(request.stack.frames) for request in house.workers.started] == [4]


def test_what_could_not_be_read_while_a_share_went_away_is_read_when_it_is_back() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.describer.unreadable["beetle_03.jpg"] = "beetle_03.jpg cannot be read: reading it took longer than 60 seconds."
    house.let_pass(20.0)
    house.folder.online = False
    house.let_pass(40.0)
    del house.describer.unreadable["beetle_03.jpg"]

    house.folder.online = True
    house.let_pass(A_WHILE_S)

    assert [len(request.stack.frames) for request in house.workers.started] == [4]


def test_a_broken_file_does_not_keep_its_neighbours_for_ever() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.folder.drop("notes_01.jpg")
    house.describer.unreadable["notes_01.jpg"] = "notes_01.jpg is no picture."

    house.let_pass(120.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_late_frame_makes_a_second_version_and_the_first_stays() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.let_pass(A_WHILE_S)

    house.folder.drop("beetle_05.jpg")
    house.let_pass(A_WHILE_S)
    house.let_pass(A_WHILE_S)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1), (JobState.DONE, 2)]
    assert [name for name in house.output.visible() if name.endswith(".tif")] == [
        "beetle_01-beetle_04_4f.tif",
        "beetle_01-beetle_05_5f_v2.tif",
    ]


def test_raw_files_that_come_after_their_jpegs_were_stacked_make_a_second_version() -> None:
    house = House()
    for path in house.drop_stack("beetle", count=4):
        assert path.endswith(".jpg")
    house.let_pass(A_WHILE_S)

    for number in range(1, 5):
        house.folder.drop(f"beetle_{number:02d}.dng")
    house.let_pass(A_WHILE_S)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1), (JobState.DONE, 2)]
    assert [frame.path for frame in house.workers.started[-1].stack.frames] == [f"beetle_{n:02d}.dng" for n in range(1, 5)]


def test_a_late_frame_while_the_work_runs_replaces_the_stack_and_only_one_composite_appears() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle", count=4)
    house.let_pass(30.0)
    assert [job.state for job in house.jobs()] == [JobState.RUNNING]

    house.folder.drop("beetle_05.jpg")
    house.let_pass(30.0)
    house.workers.hold = False
    house.let_pass(30.0)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.SUPERSEDED, 1), (JobState.DONE, 1)]
    assert [name for name in house.output.visible() if name.endswith(".tif")] == ["beetle_01-beetle_05_5f.tif"]


def test_a_frame_replaced_while_the_work_runs_is_stacked_anew() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle", count=4)
    house.let_pass(30.0)

    house.folder.drop("beetle_02.jpg", size_bytes=5_000)
    house.let_pass(30.0)
    house.workers.hold = False
    house.let_pass(30.0)

    assert [job.state for job in house.jobs()] == [JobState.SUPERSEDED, JobState.DONE]
    assert "beetle_02.jpg was changed" in (house.jobs()[0].error or "")
    assert house.output.temporary() == []


def test_a_frame_removed_while_the_work_runs_is_named_and_the_rest_is_stacked() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle", count=5)
    house.let_pass(30.0)

    house.folder.remove("beetle_05.jpg")
    house.let_pass(30.0)
    house.workers.hold = False
    house.let_pass(30.0)

    assert [job.state for job in house.jobs()] == [JobState.SUPERSEDED, JobState.DONE]
    assert "beetle_05.jpg was removed" in (house.jobs()[0].error or "")


def test_a_frame_changed_between_the_work_and_publishing_is_not_published() -> None:
    house = House()
    house.drop_stack("beetle", count=4)

    def change_at_the_end(request: StackingRequest) -> None:
        if request.job_id == 1:
            house.folder.drop("beetle_02.jpg", size_bytes=5_000)

    house.workers.behave = change_at_the_end
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.SUPERSEDED, JobState.DONE]
    assert len(house.output.visible()) == 3
    assert house.output.temporary() == []


def test_frames_cleared_away_after_the_composite_leave_it_alone() -> None:
    house = House()
    paths = house.drop_stack("beetle", count=6)
    house.let_pass(A_WHILE_S)

    for path in paths[:2]:
        house.folder.remove(path)
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_folder_that_is_away_changes_nothing_and_is_used_again_when_it_is_back() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)

    house.folder.online = False
    house.let_pass(A_WHILE_S)
    while_away = [job.state for job in house.jobs()]
    house.folder.online = True
    house.workers.hold = False
    house.let_pass(A_WHILE_S)

    assert while_away == [JobState.RUNNING]
    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_full_disk_blocks_a_stack_with_the_reason_and_it_resumes_by_itself() -> None:
    house = House()
    house.output.refuses = "The output folder is full."
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)
    blocked = house.jobs()

    house.output.refuses = ""
    house.let_pass(300.0)

    assert [(job.state, job.error) for job in blocked] == [(JobState.BLOCKED, "The output folder is full.")]
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.output.temporary() == []


def test_a_blocked_stack_is_tried_less_and_less_often() -> None:
    house = House()
    house.output.refuses = "The output folder is full."
    house.drop_stack("beetle")

    house.let_pass(3600.0, step_s=5.0)

    # The output is tried, not the work: stacking for a full disk is work for nothing.
    assert len(house.workers.started) == 1
    assert [job.state for job in house.jobs()] == [JobState.BLOCKED]
    assert 10 <= house.output.refusals <= 25


def test_one_stack_that_fails_does_not_stop_the_others() -> None:
    house = House()

    def fail_the_beetle(request: StackingRequest) -> UnreadableFrame | None:
        if request.stack.frames[0].path.startswith("beetle"):
            return UnreadableFrame("beetle_01.jpg is broken.", hint="Take it out.")
        return None

    house.workers.behave = fail_the_beetle
    house.drop_stack("beetle")
    house.drop_stack("fly")
    house.let_pass(A_WHILE_S)

    by_state = {job.state: job for job in house.jobs()}
    assert set(by_state) == {JobState.FAILED, JobState.DONE}
    assert by_state[JobState.FAILED].error == "beetle_01.jpg is broken."
    assert by_state[JobState.FAILED].hint == "Take it out."


def test_a_stack_that_brings_down_its_worker_is_set_aside_after_three_tries() -> None:
    house = House()
    house.workers.behave = lambda request: Crashed(job_id=request.job_id, reason="the worker was killed (SIGSEGV)")
    house.drop_stack("beetle")

    house.let_pass(300.0)

    (job,) = house.jobs()
    assert (job.state, job.crashes, len(house.workers.started)) == (JobState.QUARANTINED, MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert house.output.files == {}


def test_retry_gives_a_stack_that_was_set_aside_all_its_tries_again() -> None:
    house = House()
    house.workers.behave = lambda request: Crashed(job_id=request.job_id, reason="killed")
    house.drop_stack("beetle")
    house.let_pass(300.0)
    (job,) = house.jobs()

    house.workers.behave = work_well
    house.journal.ask(WishKind.RETRY, job.stack_id, at=house.clock.now_at())
    house.start()
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.journal.wishes()[0].answer == "tried again"


def test_a_dismissed_stack_is_never_worked_on() -> None:
    house = House()
    house.workers.behave = lambda _request: UnreadableFrame("broken")
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)

    house.journal.ask(WishKind.DISMISS, house.jobs()[0].stack_id, at=house.clock.now_at())
    house.start()
    house.let_pass(A_WHILE_S)
    house.start()
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DISMISSED]


def test_a_worker_that_says_a_frame_changed_is_tried_again_without_a_tight_loop() -> None:
    house = House()
    house.workers.behave = lambda _request: FrameChanged("beetle_01.jpg changed while it was read.")
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.BLOCKED]
    assert len(house.workers.started) <= 5


def test_an_output_name_that_exists_is_never_overwritten() -> None:
    house = House()
    house.output.files["beetle_01-beetle_04_4f.tif"] = "somebody else's"
    house.drop_stack("beetle", count=4)

    house.let_pass(A_WHILE_S)

    assert house.output.files["beetle_01-beetle_04_4f.tif"] == "somebody else's"
    assert "beetle_01-beetle_04_4f_2.tif" in house.output.files


def test_a_trickle_of_frames_does_not_starve_another_stack() -> None:
    house = House()
    house.drop_stack("fly")
    for number in range(1, 31):
        house.folder.drop(f"sub/beetle_{number:02d}.jpg")
        house.let_pass(8.0)

    assert any("fly" in name for name in house.output.visible())


def test_a_stop_in_the_middle_of_work_leaves_the_stack_ready_and_nothing_behind(tmp_path: Path) -> None:
    house = House(journal=SqliteJournal(tmp_path / "journal.sqlite3"))
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    assert house.daemon is not None

    house.signals.stop = True
    house.daemon.run()

    house.journal = SqliteJournal(tmp_path / "journal.sqlite3")
    assert [(job.state, job.attempt) for job in house.jobs()] == [(JobState.READY, 0)]
    assert house.workers.running() == frozenset()
    assert house.inboxes[-1].closed
    assert house.manager.told[-1] == "stopping"


def test_a_good_configuration_is_taken_over_and_a_bad_one_keeps_the_old() -> None:
    house = House()
    daemon = house.start()
    house.let_pass(1.0)

    daemon.reload()
    after_bad = list(house.manager.told)
    (watched,) = house.settings.watched
    house.next_settings = replace(house.settings, watched=(watched, replace(watched, watch="/other", label="other")))
    daemon.reload()
    daemon.turn()

    assert after_bad[-3] == "reloading"
    assert "the old one stays" in after_bad[-2]
    assert after_bad[-1] == "ready"
    assert set(daemon.state.folders) == {"/card", "/other"}


def test_the_loop_itself_says_that_it_is_alive() -> None:
    house = House()
    house.let_pass(5.0)

    assert house.manager.told.count("alive") >= 10


def test_a_stack_the_service_crashed_over_again_and_again_is_set_aside_and_the_service_starts_clean() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)

    for _ in range(MAX_ATTEMPTS):
        house.start(crashed_inside=True)
        house.let_pass(30.0)

    (job,) = house.jobs()
    assert job.state is JobState.QUARANTINED
    assert house.workers.started == []


def test_being_killed_often_is_not_the_stacks_fault() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    for _ in range(10):
        house.start()
        house.let_pass(5.0)

    house.workers.hold = False
    house.let_pass(30.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_frames_that_arrive_under_a_temporary_name_are_counted_once_and_waited_for() -> None:
    house = House()
    house.drop_stack("beetle", count=3)
    for size in range(40):
        house.folder.drop(".beetle_04.jpg.x7Yz", size_bytes=size)
        house.let_pass(1.0)
    while_arriving = house.jobs()

    house.folder.remove(".beetle_04.jpg.x7Yz")
    house.folder.drop("beetle_04.jpg")
    house.let_pass(A_WHILE_S)

    assert while_arriving == []
    assert [[frame.path for frame in request.stack.frames] for request in house.workers.started] == [
        ["beetle_01.jpg", "beetle_02.jpg", "beetle_03.jpg", "beetle_04.jpg"]
    ]


def test_names_that_are_no_text_go_all_the_way() -> None:
    house = House()
    for number in range(1, 5):
        house.folder.drop(f"k\udcff\n_{number:02d}.jpg")

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_full_journal_pauses_intake_and_loses_nothing(tmp_path: Path) -> None:
    house = House(journal=SqliteJournal(tmp_path / "journal.sqlite3"))
    house.start()
    house.let_pass(1.0)
    database = house.journal._db
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    house.drop_stack("beetle", count=400)
    house.let_pass(30.0)
    assert house.daemon is not None
    trouble, while_full = house.daemon.state.journal_trouble, house.jobs()

    database.execute("PRAGMA max_page_count = 1000000")
    house.let_pass(400.0)

    assert "full" in trouble
    assert while_full == []
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.daemon.state.journal_trouble == ""


def test_a_journal_that_can_be_read_but_not_written_is_not_taken_for_well(tmp_path: Path) -> None:
    house = House(journal=SqliteJournal(tmp_path / "journal.sqlite3"))
    house.start()
    house.let_pass(1.0)
    house.journal._db.execute("PRAGMA query_only = ON")
    house.drop_stack("beetle")
    assert house.daemon is not None
    troubled = []
    for _ in range(60):
        house.let_pass(1.0)
        troubled.append(bool(house.daemon.state.journal_trouble))

    house.journal._db.execute("PRAGMA query_only = OFF")
    house.let_pass(400.0)

    assert all(troubled[15:])
    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_job_that_runs_with_a_recipe_changed_meanwhile_says_so_in_the_journal() -> None:
    house = House()
    house.behave = house.workers.behave = lambda _: OutputBlocked("The disk is full.")
    house.drop_stack("beetle")
    house.let_pass(30.0)
    assert [(job.state, job.recipe_hash) for job in house.jobs()] == [(JobState.BLOCKED, "r1")]

    house.settings = replace(house.settings, recipes=MappingProxyType({"default": RecipeChoice(recipe=None, recipe_hash="r2")}))
    house.behave = house.workers.behave = work_well
    house.start()
    house.let_pass(A_WHILE_S)

    assert [(job.state, job.recipe_hash) for job in house.jobs()] == [(JobState.DONE, "r2")]


def test_a_share_that_hangs_while_frames_are_compared_does_not_hang_the_service() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    house.folder.hangs = True
    house.workers.hold = False
    house.let_pass(A_WHILE_S)
    while_hanging = [job.state for job in house.jobs()]

    house.folder.hangs = False
    house.let_pass(A_WHILE_S)

    assert while_hanging == [JobState.PUBLISHING]
    assert [job.state for job in house.jobs()] == [JobState.DONE]


@pytest.mark.parametrize("refused", ["", "The disk reports an error."])
def test_a_publication_stopped_half_way_leaves_no_file_of_a_stem_of_its_own(refused: str) -> None:
    class SomebodyElse:
        """Takes the composite's name, or breaks the disk, when its sidecar is visible already."""

        def __init__(self, publisher: object) -> None:
            self._publisher = publisher
            self._came = False

        def __getattr__(self, name: str) -> object:
            return getattr(self._publisher, name)

        def publish(self, folder: Path, staged: StagedFile, name: str) -> None:
            if name.endswith(".tif") and not self._came:
                self._came = True
                if refused:
                    raise OutputBlocked(refused)
                house.output.files[name] = "foreign"
            self._publisher.publish(folder, staged, name)  # type: ignore[attr-defined]

    house = House()
    house.start(wrap=lambda port: SomebodyElse(port) if isinstance(port, DictPublisher) else port)
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    stem = "beetle_01-beetle_04_4f"
    endings = (".json", ".html", ".tif")
    expected = {f"{stem}{end}" for end in endings} if refused else {f"{stem}.tif", *(f"{stem}_2{end}" for end in endings)}
    assert set(house.output.files) == expected
    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_released_and_split_stacks_obey_the_user() -> None:
    house = House()
    house.drop_stack("beetle", count=6)
    house.let_pass(A_WHILE_S)
    (job,) = house.jobs()

    house.journal.ask(WishKind.SPLIT, job.stack_id, at=house.clock.now_at(), frames=("beetle_04.jpg",))
    house.start()
    house.let_pass(A_WHILE_S)

    new = [one for one in house.jobs() if one.id != job.id]
    # They are stacks of their own: nothing of them is a second version, and their names do not say so.
    assert [(one.state, one.version) for one in new] == [(JobState.DONE, 1), (JobState.DONE, 1)]
    assert not any("_v2" in name for name in house.output.visible())
    stacks = [house.journal.stack(one.stack_id) for one in new]
    assert sorted(len(stack.frames) for stack in stacks if stack is not None) == [3, 3]


def test_the_parts_of_a_stack_that_was_split_before_it_was_done_supersede_it_once(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle", count=6)
    house.let_pass(30.0)
    (job,) = house.jobs()

    house.journal.ask(WishKind.SPLIT, job.stack_id, at=house.clock.now_at(), frames=("beetle_04.jpg",))
    house.start()
    house.let_pass(30.0)
    house.workers.hold = False
    house.let_pass(A_WHILE_S)

    assert [one.state for one in house.jobs()] == [JobState.SUPERSEDED, JobState.DONE, JobState.DONE]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_merged_stacks_become_one() -> None:
    house = House()
    house.drop_stack("beetle", count=4)
    house.drop_stack("fly", count=4)
    house.let_pass(A_WHILE_S)
    first, second = house.jobs()

    house.journal.ask(WishKind.MERGE, first.stack_id, at=house.clock.now_at(), other_stack_ids=(second.stack_id,))
    house.start()
    house.let_pass(A_WHILE_S)

    newest = house.jobs()[-1]
    stack = house.journal.stack(newest.stack_id)
    assert newest.state is JobState.DONE
    assert stack is not None
    assert len(stack.frames) == 8


def test_frames_copied_again_after_the_composite_are_no_new_stack_before_or_after_a_restart() -> None:
    house = House()
    paths = house.drop_stack("beetle", count=4)
    house.let_pass(A_WHILE_S)

    for path in paths:
        house.folder.drop(path)  # the same size, another time
    house.let_pass(A_WHILE_S)
    house.start()
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_frames_of_other_content_under_old_names_are_a_new_stack() -> None:
    house = House()
    paths = house.drop_stack("beetle", count=4)
    house.let_pass(A_WHILE_S)

    for path in paths:
        house.folder.drop(path, size_bytes=7_777)
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE, JobState.DONE]
    assert len(house.output.visible()) == 6


def test_a_share_that_hangs_counts_as_away_while_other_work_and_the_heartbeat_go_on() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    house.folder.hangs = True
    house.let_pass(30.0 + 90.0)
    assert house.daemon is not None
    (folder,) = house.daemon.state.folders.values()
    alive_before = house.manager.told.count("alive")
    house.let_pass(10.0)
    alive_after = house.manager.told.count("alive")

    house.folder.hangs = False
    house.inboxes[-1].ask()
    house.workers.hold = False
    house.let_pass(30.0)

    assert not folder.online
    assert "does not answer" in folder.trouble
    assert alive_after > alive_before
    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_folder_whose_settings_change_is_watched_on_although_a_look_was_under_way() -> None:
    house = House()
    daemon = house.start()
    house.let_pass(5.0)
    house.folder.hangs = True
    house.drop_stack("beetle")
    house.let_pass(2.0)

    house.folder.hangs = False
    (watched,) = house.settings.watched
    house.next_settings = replace(house.settings, watched=(replace(watched, rescan_s=5.0),))
    daemon.reload()
    house.let_pass(A_WHILE_S)

    assert [inbox.closed for inbox in house.inboxes] == [True, False]
    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_folder_that_another_service_watches_is_refused_and_the_old_configuration_stays() -> None:
    house = House()
    daemon = house.start()
    (watched,) = house.settings.watched
    house.next_settings = replace(house.settings, watched=(watched, replace(watched, watch="/other", label="other")))
    house.taken_folders.add("/other")

    daemon.reload()
    daemon.turn()

    assert set(daemon.state.folders) == {"/card"}
    assert any("already watches" in line for line in house.manager.told)
