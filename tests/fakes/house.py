"""A whole service on fakes: one watched folder, one output folder, a clock turned by hand, and restarts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.errors import AlreadyRunning, WrongConfiguration
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import BracketKind, FrameMeta
from stackd.model.job import Job, JobState
from stackd.service.plan.values import RecipeChoice, ServiceSettings, Watched
from stackd.service.ports import Inbox, Journal, Placing, Publisher, Workers
from stackd.service.run.daemon import Daemon
from stackd.service.run.performer import World
from tests.fakes.clock import START_AT, CrankingWaker, HandCrankedClock
from tests.fakes.describer import TellingDescriber
from tests.fakes.folder import ScriptedFolder, ScriptedInbox
from tests.fakes.manager import RememberingManager, SentSignals
from tests.fakes.output import DictPublisher, OutputFolder
from tests.fakes.workers import Behave, InlineWorkers, work_well

WATCH = "/card"

INTAKE = IntakeSettings(settle_s=2.0, quiet_s=10.0)


def bracket_frame(path: str) -> FrameMeta:
    """Describe `NAME_07.jpg` as the seventh frame of a focus bracket the camera calls NAME, half a second apart."""
    stem = Path(path).stem
    sequence, _, number = stem.rpartition("_")
    step = int(number) if number.isdecimal() else 0
    return FrameMeta(
        captured_at=START_AT + timedelta(seconds=3600 * (sum(sequence.encode("utf-8", "surrogateescape")) % 97) + 0.5 * step),
        time_resolution_s=0.01,
        sequence_id=sequence,
        sequence_number=step,
        order_hint=float(step),
        bracket_kind=BracketKind.FOCUS,
        make="Test",
        camera_model="T1",
        exposure_time_s=0.01,
        f_number=4.0,
        iso=100.0,
        focal_length_mm=100.0,
        width_px=600,
        height_px=400,
    )


class House:
    """The service with its world in memory. What lies on disk (folder, output, journal) survives `restart`."""

    def __init__(self, behave: Behave = work_well, journal: SqliteJournal | None = None, jobs_at_once: int = 1) -> None:
        self.clock = HandCrankedClock()
        self.folder = ScriptedFolder()
        self.output = OutputFolder()
        self.journal = SqliteJournal(None) if journal is None else journal
        self.behave = behave
        self.settings = ServiceSettings(
            watched=(
                Watched(watch=WATCH, label="card", input=Path(WATCH), output=Path("/out"), recipe_name="default", rescan_s=30.0),
            ),
            intake=INTAKE,
            recipes=MappingProxyType({"default": RecipeChoice(recipe=None, recipe_hash="r1")}),
            jobs_at_once=jobs_at_once,
        )
        self.next_settings: ServiceSettings | None = None
        self.signals = SentSignals()
        self.manager = RememberingManager()
        self.describer = TellingDescriber(bracket_frame)
        self.workers = InlineWorkers(self.output, behave)
        self.taken_folders: set[str] = set()
        self.inboxes: list[ScriptedInbox] = []
        self.daemon: Daemon | None = None

    def start(
        self,
        *,
        crashed_inside: bool = False,
        wrap: Callable[[object], object] = lambda port: port,
    ) -> Daemon:
        """Start the service on what lies on disk; `wrap` may put something between it and its ports."""
        told = self.describer
        self.describer = TellingDescriber(bracket_frame)
        self.describer.unreadable, self.describer.unreachable = told.unreadable, told.unreachable
        self.describer.manifests = told.manifests
        before = self.workers
        self.workers = InlineWorkers(self.output, before.behave)
        self.workers.hold, self.workers.judge, self.workers.unnamed = before.hold, before.judge, before.unnamed
        self.signals = SentSignals()
        journal, publisher, workers = wrap(self.journal), wrap(DictPublisher(self.output)), wrap(self.workers)
        world = World(
            clock=self.clock,
            waker=CrankingWaker(self.clock),
            signals=self.signals,
            manager=self.manager,
            journal=_as_journal(journal),
            describer=self.describer,
            workers=_as_workers(workers),
            publisher=_as_publisher(publisher),
            open_inbox=self._open_inbox,
            load_settings=self._load_settings,
        )
        self.daemon = Daemon(self.settings, world, crashed_inside=crashed_inside)
        return self.daemon

    def _open_inbox(self, watched: Watched) -> Inbox:
        if watched.watch in self.taken_folders:
            raise AlreadyRunning(f"Another stackd already watches {watched.watch}.")
        self.inboxes.append(ScriptedInbox(self.folder))
        return self.inboxes[-1]

    def _load_settings(self) -> ServiceSettings:
        if self.next_settings is None:
            raise WrongConfiguration("stackd.toml: [watch] input: is missing.")
        return self.next_settings

    def let_pass(self, seconds: float, step_s: float = 0.5) -> None:
        """Turn the loop while time passes."""
        daemon = self.daemon or self.start()
        until_s = self.clock.now_s() + seconds
        daemon.turn()
        while self.clock.now_s() < until_s:
            self.clock.pass_s(step_s)
            daemon.turn()

    def drop_stack(self, name: str, count: int = 4) -> list[str]:
        """Drop a focus bracket all at once."""
        paths = [f"{name}_{number:02d}.jpg" for number in range(1, count + 1)]
        for path in paths:
            self.folder.drop(path)
        return paths

    def jobs(self, *states: JobState) -> list[Job]:
        """Jobs in these states, all when none are named."""
        return list(self.journal.jobs(states or None))

    def place(self, placing: Placing) -> None:
        """Change where composites that do not pass go; takes effect at the next start."""
        (watched,) = self.settings.watched
        self.settings = replace(self.settings, watched=(replace(watched, placing=placing),))

    def set_intake(self, **changes: object) -> None:
        """Change how intake is configured; takes effect at the next start."""
        self.settings = replace(self.settings, intake=self.settings.intake.model_copy(update=changes))


def _as_journal(port: object) -> Journal:
    return port  # type: ignore[return-value]  # a wrapper passes every call on


def _as_publisher(port: object) -> Publisher:
    return port  # type: ignore[return-value]


def _as_workers(port: object) -> Workers:
    return port  # type: ignore[return-value]
