"""What a publication that was given up leaves visible is taken back as soon as its folder can be written."""

from stackd.model.job import JobState
from stackd.service.ports import StagedFile
from tests.fakes.clock import START_AT
from tests.fakes.house import House
from tests.fakes.output import DictPublisher
from tests.fakes.workers import work_well


def read_only_after_the_first_file(house: House):
    """Let the disk become read-only when the first file of a composite is visible."""

    class Refusing(DictPublisher):
        def publish(self, folder, staged: StagedFile, name: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            super().publish(folder, staged, name)
            house.output.refuses = "The disk is read-only."

    def wrap(port: object) -> object:
        return Refusing(house.output) if type(port) is DictPublisher else port

    return wrap


def half_published() -> House:
    house = House(work_well)
    house.start(wrap=read_only_after_the_first_file(house))
    house.drop_stack("beetle")
    house.let_pass(30.0)
    assert [job.state for job in house.jobs()] == [JobState.BLOCKED]
    assert len(house.output.visible()) == 1
    return house


def test_once_the_disk_can_be_written_one_whole_composite_is_there_under_its_own_name() -> None:
    house = half_published()
    first = house.output.visible()

    house.start()
    house.output.refuses = ""
    house.let_pass(60.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert set(first) < set(house.output.visible())
    assert not any("_2" in name for name in house.output.visible())
    assert house.output.temporary() == []


def test_the_running_service_takes_it_back_before_it_makes_it_again() -> None:
    house = half_published()
    house.workers.hold = True

    house.output.refuses = ""
    house.let_pass(45.0)

    assert [job.state for job in house.jobs()] == [JobState.RUNNING]
    assert house.output.visible() == []
    assert house.output.temporary() == []


def test_what_a_dismissed_stack_left_is_gone_after_the_next_start() -> None:
    house = half_published()
    (job,) = house.jobs()
    house.journal.move(job.id, JobState.DISMISSED, at=START_AT)

    house.output.refuses = ""
    house.start()
    house.let_pass(5.0)

    assert house.output.visible() == []
    assert house.output.temporary() == []
    assert house.journal.left_publications() == ()


def test_a_file_that_a_finished_composite_has_under_that_name_stays() -> None:
    house = half_published()
    (job,) = house.jobs()
    (left,) = house.journal.left_publications()
    house.journal.move(job.id, JobState.DISMISSED, at=START_AT)
    # The user removed the left-over file, and another stack's composite took the name with the same content.
    db = house.journal._db
    db.execute(
        "INSERT INTO job (stack_id, watch, recipe_name, recipe_hash, state, attempt, crashes, version, queued_at) "
        "SELECT stack_id, watch, recipe_name, recipe_hash, 'done', 1, 0, 1, queued_at FROM job"
    )
    db.execute(
        "INSERT INTO output SELECT (SELECT MAX(id) FROM job), position, folder, temporary_path, final_name, sha256, size_bytes "
        "FROM output"
    )

    house.output.refuses = ""
    house.start()

    assert house.output.visible() == [left.files[0][1]]
