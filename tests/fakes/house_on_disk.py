"""A whole service whose journal, staging and publishing are real and lie on a disk; frames, clock and stacking are fakes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.adapters.output.exporters import CompositeExporter
from stackd.adapters.output.publisher import FolderPublisher
from stackd.config.export import ExportSettings
from stackd.config.settings import Recipe
from stackd.errors import OutputBlocked
from stackd.model.verdict import Judgement, Verdict
from stackd.service.once.stack import stage
from stackd.service.plan.values import RecipeChoice
from stackd.service.ports import Failed, Finished, Placing, StackingRequest, StackingResult, WorkerEvent
from tests.fakes.house import House
from tests.fakes.output import DictPublisher
from tests.fakes.workers import InlineWorkers
from tests.make_composite import composite_of

RECIPE = Recipe(export=ExportSettings(depth_map=False, depth_picture=False, page=False))

REVIEW = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.4)


class StagingWorkers(InlineWorkers):
    """Stage real files, as workers do, of a composite that does not pass."""

    def _end(self, request: StackingRequest) -> WorkerEvent:
        names = [frame.path for frame in request.stack.frames]
        composite = composite_of(names, shape=(20, 30), preview=None, with_depth=False, verdict=REVIEW)
        try:
            staged = stage(composite, request, exporter=CompositeExporter())
        except OutputBlocked as error:
            return Failed.by(error, job_id=request.job_id)
        result = StackingResult(
            staged=staged,
            verdict=REVIEW,
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
        self.place_on_disk.mkdir(exist_ok=True)
        (watched,) = self.settings.watched
        self.settings = replace(
            self.settings,
            watched=(replace(watched, output=self.place_on_disk, placing=placing),),
            recipes=MappingProxyType({"default": RecipeChoice(recipe=RECIPE, recipe_hash="r1")}),
        )

    def switch_on(self, wrap: Callable[[object], object] = lambda port: port) -> None:
        """Start the service, with `wrap` between it and its ports."""

        def real(port: object) -> object:
            if isinstance(port, DictPublisher):
                return wrap(FolderPublisher())
            if isinstance(port, InlineWorkers):
                return wrap(StagingWorkers(self.output))
            return wrap(port)

        self.start(wrap=real)

    def files(self) -> set[str]:
        """All files in the output folder and below, hidden ones too."""
        found = self.place_on_disk.rglob("*")
        return {str(path.relative_to(self.place_on_disk)) for path in found if path.is_file()}
