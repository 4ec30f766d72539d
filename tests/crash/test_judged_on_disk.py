"""Cut the power while composites that do not pass are published on a real disk: each appears once, whole, where it belongs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.adapters.output.exporters import CompositeExporter
from stackd.adapters.output.publisher import FolderPublisher
from stackd.config.export import ExportSettings
from stackd.config.settings import Recipe
from stackd.model.job import JobState
from stackd.model.verdict import Judgement, Verdict
from stackd.service.once.stack import stage
from stackd.service.plan.values import RecipeChoice
from stackd.service.ports import Finished, Handling, Placing, StackingRequest, StackingResult, WishKind, WorkerEvent
from tests.crash.test_power_cuts import Fuse, PowerCut
from tests.fakes.house import House
from tests.fakes.output import DictPublisher
from tests.fakes.workers import InlineWorkers
from tests.make_composite import composite_of

RECIPE = Recipe(export=ExportSettings(depth_map=False, depth_picture=False, page=False))

VERDICT = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.4)

STEM = "beetle_01-beetle_03_3f_depth_from_defocus_review"

CUTS = 36
"""More than a run of one stack makes that is held and released; see `test_power_cuts`, where the same steps are counted."""


class StagingWorkers(InlineWorkers):
    """Stage real files, as workers do, of a composite that does not pass."""

    def _end(self, request: StackingRequest) -> WorkerEvent:
        names = [frame.path for frame in request.stack.frames]
        composite = composite_of(names, shape=(20, 30), preview=None, with_depth=False, verdict=VERDICT)
        result = StackingResult(
            staged=stage(composite, request, exporter=CompositeExporter()),
            verdict=VERDICT,
            findings=(),
            seconds=MappingProxyType({}),
            peak_rss_bytes=1,
            fingerprints=MappingProxyType({frame.path: frame.fingerprint for frame in request.stack.frames}),
        )
        return Finished(job_id=request.job_id, result=result)


class HouseOnDisk(House):
    """The service with a real journal, exporter and publisher."""

    def __init__(self, place: Path, placing: Placing) -> None:
        super().__init__(journal=SqliteJournal(place / "journal.sqlite3"))
        self.place_on_disk = place / "out"
        self.place_on_disk.mkdir()
        (watched,) = self.settings.watched
        self.settings = replace(
            self.settings,
            watched=(replace(watched, output=self.place_on_disk, placing=placing),),
            recipes=MappingProxyType({"default": RecipeChoice(recipe=RECIPE, recipe_hash="r1")}),
        )

    def switch_on(self, fuse: Fuse) -> None:
        def real(port: object) -> object:
            if isinstance(port, DictPublisher):
                return fuse.wrap(FolderPublisher())
            if isinstance(port, InlineWorkers):
                return fuse.wrap(StagingWorkers(self.output))
            return fuse.wrap(port)

        self.start(wrap=real)

    def survive(self, act: Callable[[], object]) -> None:
        """Do something; when the power is cut meanwhile, start anew, with power for good."""
        try:
            act()
        except PowerCut:
            self.switch_on(Fuse(calls=0))

    def files(self) -> set[str]:
        found = self.place_on_disk.rglob("*")
        return {str(path.relative_to(self.place_on_disk)) for path in found if path.is_file()}


@pytest.mark.parametrize("handling", Handling)
@pytest.mark.parametrize("cut", range(1, CUTS))
def test_what_does_not_pass_appears_once_and_nothing_is_left_behind(tmp_path: Path, cut: int, handling: Handling) -> None:
    house, fuse = HouseOnDisk(tmp_path, Placing(review=handling)), Fuse(calls=cut)

    house.survive(lambda: house.switch_on(fuse))
    house.drop_stack("beetle", count=3)
    house.survive(lambda: house.let_pass(40.0))
    house.let_pass(40.0)
    for job in house.jobs(JobState.HELD):
        house.journal.ask(WishKind.RELEASE, job.stack_id, at=house.clock.now_at())
        house.survive(lambda: house.switch_on(Fuse(calls=max(fuse.left, 0))))
        house.survive(lambda: house.let_pass(40.0))
        house.let_pass(40.0)

    where = "" if handling is Handling.PUBLISH else "review/"
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.files() == {f"{where}{STEM}.json", f"{where}{STEM}.tif"}
    house.journal.close()
