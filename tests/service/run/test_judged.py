"""What becomes of composites that do not pass: where they lie, who is asked, and what is kept of it."""

import pytest

from stackd.errors import JournalBlocked
from stackd.model.job import JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import Crashed, Handling, Placing, WishKind
from tests.fakes.house import House
from tests.fakes.output import DictPublisher
from tests.fakes.workers import judging, pass_all

A_WHILE_S = 60.0
STEM = "beetle_01-beetle_04_4f"


def house_that_judges(judgement: Judgement, placing: Placing | None = None) -> House:
    house = House()
    house.workers.judge = judging(judgement)
    if placing is not None:
        house.place(placing)
    return house


def decide(house: House, kind: WishKind) -> None:
    (job,) = house.jobs()
    house.journal.ask(kind, job.stack_id, at=house.clock.now_at())
    house.start()
    house.let_pass(A_WHILE_S)


def files_of(stem: str) -> set[str]:
    return {f"{stem}{ending}" for ending in (".json", ".html", ".tif")}


@pytest.mark.parametrize(
    ("judgement", "handling", "stem"),
    [
        (Judgement.PASS, Handling.FOLDER, STEM),
        (Judgement.PASS, Handling.HOLD, STEM),
        (Judgement.REVIEW, Handling.FOLDER, f"review/{STEM}_review"),
        (Judgement.REVIEW, Handling.PUBLISH, f"{STEM}_review"),
        (Judgement.REJECT, Handling.FOLDER, f"reject/{STEM}_reject"),
        (Judgement.REJECT, Handling.PUBLISH, f"{STEM}_reject"),
    ],
)
def test_a_composite_goes_where_its_judgement_sends_it(judgement: Judgement, handling: Handling, stem: str) -> None:
    house = house_that_judges(judgement, Placing(review=handling, reject=handling))
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    (job,) = house.jobs(JobState.DONE)
    assert set(house.output.files) == files_of(stem)
    assert job.composite_path == f"/out/{stem}.tif"
    assert job.verdict is not None
    assert job.verdict.judgement is judgement


def test_each_judgement_has_its_own_place() -> None:
    house = house_that_judges(Judgement.REJECT, Placing(review=Handling.HOLD, reject=Handling.PUBLISH))
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    assert set(house.output.files) == files_of(f"{STEM}_reject")


def test_a_held_composite_is_not_published_and_the_user_is_told_why_and_what_to_do() -> None:
    house = house_that_judges(Judgement.REJECT, Placing(reject=Handling.HOLD))
    house.drop_stack("beetle")

    house.let_pass(300.0)
    house.start()
    house.let_pass(A_WHILE_S)

    (job,) = house.jobs(JobState.HELD)
    assert house.output.files == {}
    assert len(house.workers.started) == 0
    assert job.error == (
        "The composite is held as a reject: 60 % likely that you would reject it. Nothing is sharp between frames 2 and 3."
    )
    assert job.hint is not None
    for part in (f"`stackd release {job.stack_id}`", "puts it into reject/", f"`stackd retry {job.stack_id}`", "dismiss"):
        assert part in job.hint


def test_a_held_composite_that_is_released_is_made_again_and_lies_in_its_folder() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)

    decide(house, WishKind.RELEASE)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert set(house.output.files) == files_of(f"review/{STEM}_review")
    assert house.journal.wishes()[0].answer == "released"


def test_a_composite_without_the_name_its_recipe_wants_is_held_however_good_it_is_until_it_is_released() -> None:
    house = house_that_judges(Judgement.PASS)
    house.workers.unnamed = "No barcode was found."
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    (job,) = house.jobs(JobState.HELD)
    assert job.error == "The composite is held: No barcode was found."
    assert job.hint is not None
    assert "makes it again and publishes it" in job.hint
    assert house.output.files == {}

    decide(house, WishKind.RELEASE)

    assert [one.state for one in house.jobs()] == [JobState.DONE]
    assert set(house.output.files) == files_of(STEM)


def test_a_release_still_holds_after_the_work_crashed_and_the_service_was_started_anew() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)
    house.workers.behave = lambda request: Crashed(job_id=request.job_id, reason="killed")

    decide(house, WishKind.RELEASE)
    house.workers.behave = lambda _request: None
    decide(house, WishKind.RETRY)

    assert set(house.output.files) == files_of(f"review/{STEM}_review")


def test_a_release_before_the_work_does_not_release_the_composite_unseen() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.workers.behave = lambda request: Crashed(job_id=request.job_id, reason="killed")
    house.drop_stack("beetle")
    house.let_pass(300.0)
    (job,) = house.jobs(JobState.QUARANTINED)
    house.journal.move(job.id, JobState.READY, at=house.clock.now_at(), forgive=True)
    house.journal.move(job.id, JobState.HELD, at=house.clock.now_at())
    house.workers.behave = lambda _request: None

    decide(house, WishKind.RELEASE)

    assert [one.state for one in house.jobs()] == [JobState.HELD]
    assert house.output.files == {}


def test_a_held_composite_that_is_tried_again_is_judged_anew() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)

    decide(house, WishKind.RETRY)
    still_held = [job.state for job in house.jobs()]
    house.workers.judge = pass_all
    decide(house, WishKind.RETRY)

    assert still_held == [JobState.HELD]
    assert set(house.output.files) == files_of(STEM)


def test_a_held_composite_that_is_dismissed_is_never_published() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)

    decide(house, WishKind.DISMISS)

    assert [job.state for job in house.jobs()] == [JobState.DISMISSED]
    assert house.output.files == {}


def test_late_frames_replace_a_held_composite() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)
    house.workers.judge = pass_all

    house.folder.drop("beetle_05.jpg")
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.SUPERSEDED, JobState.DONE]
    assert set(house.output.files) == files_of("beetle_01-beetle_05_5f")


def test_a_full_journal_holds_the_composite_as_soon_as_it_can_be_written() -> None:
    class RefusingOnce:
        def __init__(self, journal: object) -> None:
            self._journal = journal
            self.refused = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._journal, name)

        def hold(self, *arguments: object, **named: object) -> object:
            if not self.refused:
                self.refused += 1
                raise JournalBlocked("The disk is full.")
            return self._journal.hold(*arguments, **named)  # type: ignore[attr-defined]

    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.HOLD))
    house.start(wrap=lambda port: RefusingOnce(port) if port is house.journal else port)
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.HELD]
    assert len(house.workers.started) == 1


def test_a_name_that_is_taken_in_the_folder_for_review_gets_a_number_and_the_verdict_is_kept() -> None:
    class SomebodyElse:
        """Takes the composite's name when its sidecars are visible already."""

        def __init__(self, publisher: object) -> None:
            self._publisher = publisher

        def __getattr__(self, name: str) -> object:
            return getattr(self._publisher, name)

        def publish(self, folder: object, staged: object, name: str) -> None:
            if name == f"{STEM}_review.tif":
                house.output.files[f"review/{name}"] = "foreign"
            self._publisher.publish(folder, staged, name)  # type: ignore[attr-defined]

    house = house_that_judges(Judgement.REVIEW)
    house.start(wrap=lambda port: SomebodyElse(port) if isinstance(port, DictPublisher) else port)
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    (job,) = house.jobs(JobState.DONE)
    assert set(house.output.files) == {f"review/{STEM}_review.tif", *files_of(f"review/{STEM}_review_2")}
    assert job.verdict is not None


def test_remains_in_the_folders_inside_the_output_are_swept_at_the_start_whatever_is_configured() -> None:
    house = house_that_judges(Judgement.REVIEW, Placing(review=Handling.PUBLISH, reject=Handling.HOLD))
    owner = house.journal.owner()
    for folder in ("", "review/", "reject/"):
        house.output.files[f"{folder}.stackd-{owner}-7-1-x.tmp"] = "half"

    house.start()

    assert house.output.files == {}


def test_a_crash_while_a_composite_is_staged_leaves_nothing_in_any_folder() -> None:
    house = house_that_judges(Judgement.REVIEW)

    def crash(request: object) -> Crashed:
        house.output.files[f"review/{request.temporary_prefix}half.tmp"] = "half"  # type: ignore[attr-defined]
        return Crashed(job_id=request.job_id, reason="killed")  # type: ignore[attr-defined]

    house.workers.behave = crash
    house.drop_stack("beetle")

    house.let_pass(300.0)

    assert [job.state for job in house.jobs()] == [JobState.QUARANTINED]
    assert house.output.files == {}


def test_what_is_configured_when_the_work_is_done_does_not_move_what_was_staged_before() -> None:
    house = house_that_judges(Judgement.REVIEW)
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)
    before = house.settings
    house.place(Placing(review=Handling.PUBLISH))
    house.next_settings, house.settings = house.settings, before

    assert house.daemon is not None
    house.daemon.reload()
    house.workers.hold = False
    house.let_pass(A_WHILE_S)

    assert set(house.output.files) == files_of(f"review/{STEM}_review")


def test_a_folder_for_review_that_cannot_be_written_blocks_the_stack_and_no_work_is_done_for_it_again_and_again() -> None:
    house = house_that_judges(Judgement.REVIEW)
    house.output.refusing_folder = "review"
    house.drop_stack("beetle")
    house.let_pass(600.0)
    works = len(house.workers.started)
    (job,) = house.jobs(JobState.BLOCKED)

    house.output.refusing_folder = ""
    house.let_pass(301.0)

    assert works == 1
    assert job.error == "/out/review cannot be written: writing there is not allowed."
    assert set(house.output.files) == files_of(f"review/{STEM}_review")


def test_stacks_that_pass_go_on_while_the_folder_for_review_cannot_be_written() -> None:
    house = House()
    house.output.refusing_folder = "review"
    house.drop_stack("beetle")

    house.let_pass(A_WHILE_S)

    assert set(house.output.files) == files_of(STEM)
