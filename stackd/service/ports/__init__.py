"""What the service needs of the world, worded for the service: small protocols, each with one real adapter and one fake.

Types that bring numpy along are named for the type checker only: `stackd status` imports this package and must answer at once.
"""

from stackd.service.ports.clock import Clock, Meter
from stackd.service.ports.decisions import DECIDABLE, FolderReport, LeftAlone, OpenStack, Wish, WishKind, is_decidable
from stackd.service.ports.inbox import Compared, FileSighting, Inbox, Look, Signals, Waker
from stackd.service.ports.journal import Journal, Publication, Recollection, TakenFrame, Warned
from stackd.service.ports.output import Exporter, Publisher, StagedFile
from stackd.service.ports.placing import Handling, Placing, subfolder_of
from stackd.service.ports.reading import (
    Answer,
    CodeReader,
    Described,
    Describer,
    FrameFile,
    FrameReader,
    ManifestRead,
    MetadataReader,
    NotDescribed,
)
from stackd.service.ports.service_manager import ServiceManager
from stackd.service.ports.telling import Disk, Event, Health, RunningJob, Teller, Telling, WatchHealth
from stackd.service.ports.workers import (
    Cause,
    Crashed,
    Failed,
    Finished,
    Progressed,
    StackingRequest,
    StackingResult,
    WorkerEvent,
    Workers,
)

__all__ = [
    "DECIDABLE",
    "Answer",
    "Cause",
    "Clock",
    "CodeReader",
    "Compared",
    "Crashed",
    "Described",
    "Describer",
    "Disk",
    "Event",
    "Exporter",
    "Failed",
    "FileSighting",
    "Finished",
    "FolderReport",
    "FrameFile",
    "FrameReader",
    "Handling",
    "Health",
    "Inbox",
    "Journal",
    "LeftAlone",
    "Look",
    "ManifestRead",
    "MetadataReader",
    "Meter",
    "NotDescribed",
    "OpenStack",
    "Placing",
    "Progressed",
    "Publication",
    "Publisher",
    "Recollection",
    "RunningJob",
    "ServiceManager",
    "Signals",
    "StackingRequest",
    "StackingResult",
    "StagedFile",
    "TakenFrame",
    "Teller",
    "Telling",
    "Waker",
    "Warned",
    "WatchHealth",
    "Wish",
    "WishKind",
    "WorkerEvent",
    "Workers",
    "is_decidable",
    "subfolder_of",
]
