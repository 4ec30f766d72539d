"""Log, service manager and status tell what a user needs to know: which watch, what a reload left out, why a stack is held."""

import logging
from dataclasses import replace

import pytest

from stackd.model.job import JobState
from stackd.service.ports import WishKind
from tests.fakes.house import House


def test_every_line_about_a_stack_names_its_watch(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()
    house.drop_stack("beetle")

    house.let_pass(60.0)

    lines = [record.message for record in caplog.records if record.message.startswith("stack.")]
    assert {line.partition(" ")[0] for line in lines} >= {"stack.sealed", "stack.begun", "stack.published"}
    assert all(" watch=card " in line for line in lines)


def test_who_asks_for_more_hears_of_looks_files_and_workers(caplog: pytest.LogCaptureFixture) -> None:
    """`--verbose` changed nothing: there was nothing more to hear."""
    caplog.set_level(logging.DEBUG)
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    house.workers.hold = False

    house.let_pass(60.0)

    told = {record.message.partition(" ")[0] for record in caplog.records if record.levelno == logging.DEBUG}
    assert told >= {"folder.woken", "look.done", "file.read", "worker.told", "worker.ended"}


def test_a_reload_takes_over_how_long_a_stack_may_take() -> None:
    house = House()
    daemon = house.start()
    house.next_settings = replace(house.settings, job_timeout_s=77.0)

    daemon.reload()
    house.drop_stack("beetle")
    house.let_pass(60.0)

    assert [request.timeout_s for request in house.workers.started] == [77.0]


def test_a_reload_says_what_takes_a_new_start(caplog: pytest.LogCaptureFixture) -> None:
    """It said "reloaded" for a state folder that it did not take over."""
    house = House()
    daemon = house.start()
    house.next_settings = replace(house.settings, takes_a_restart=("[state] folder",))

    daemon.reload()

    sentence = "The new configuration holds, but for [state] folder: start stackd again for that."
    assert house.manager.told[-2:] == [sentence, "ready"]
    assert "configuration.waits_for_restart keys='[state] folder'" in [record.message for record in caplog.records]


def test_a_manifest_that_asks_for_an_unknown_recipe_is_held_with_the_reason_until_the_user_decides() -> None:
    """Another recipe was used, and nobody was told."""
    house = House()
    paths = [f"m/{path}" for path in house.drop_stack("beetle")]
    house.folder.files.clear()
    for path in paths:
        house.folder.drop(path)
    house.describer.manifests["m/stack.json"] = b'{"recipe": "nonsense"}'
    house.folder.drop("m/stack.json")

    house.let_pass(60.0)
    (held,) = house.jobs()
    stack = house.journal.stack(held.stack_id)
    house.journal.ask(WishKind.RELEASE, held.stack_id, at=house.clock.now_at())
    house.start()
    house.let_pass(60.0)

    assert held.state is JobState.HELD
    assert stack is not None
    assert stack.evidence[0] == (
        'the manifest asks for the recipe "nonsense", which is not configured; released, it is made with "default"'
    )
    assert [(job.state, job.recipe_name) for job in house.jobs()] == [(JobState.DONE, "default")]
