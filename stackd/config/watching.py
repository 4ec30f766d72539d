"""Settings of the daemon itself: where it remembers, what it watches, how much it does at once, and whom it tells."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stackd.config.fields import FolderPath, Table
from stackd.config.places import default_state_folder


class StateSettings(Table):
    """Where stackd remembers what it has seen and done."""

    folder: FolderPath = Field(
        default_factory=default_state_folder,
        description="Folder for the journal and caches. Keep it on a local disk: the journal is not safe on a network share.",
    )
    keep_days: Annotated[
        int,
        Field(
            ge=0,
            le=36_500,
            description="Days for which a stack that is over is remembered once its frames are no longer in the watched folder."
            " Frames that come back later are stacked again. 0: for ever; 100,000 frames take 70 MB.",
        ),
    ] = 0


class QualitySettings(Table):
    """What is done with composites that stackd itself does not trust."""

    review: Annotated[
        Literal["publish", "folder", "hold"],
        Field(
            description="A composite that somebody should look at. publish: beside the others. folder: into review/ inside the"
            " output folder. hold: not at all until you release it. Its name ends with _review in any case."
        ),
    ] = "folder"
    reject: Annotated[
        Literal["publish", "folder", "hold"],
        Field(
            description="The same for one that you would most likely reject. Its folder is reject/, its name ends with _reject."
        ),
    ] = "folder"


class WatchSettings(Table):
    """A folder to watch and where its composites go."""

    name: Annotated[
        str,
        Field(
            max_length=64,
            description="Short name in status and logs. Empty: the name of the input folder.",
        ),
    ] = ""
    input: Annotated[FolderPath, Field(description="Folder that frames are dropped into. stackd never changes anything in it.")]
    output: Annotated[
        FolderPath,
        Field(description="Folder for the composites. Must not lie inside an input: a composite is not a frame."),
    ]
    recipe: Annotated[str, Field(min_length=1, description="Which recipe turns the stacks of this folder into composites.")] = (
        "default"
    )

    rescan_s: Annotated[
        float,
        Field(
            ge=0.5,
            le=3600,
            description="Look through the folder at least this often. Change notices only make it quicker: shares can lose them.",
        ),
    ] = 30.0
    events: Annotated[
        bool,
        Field(description="Listen for the system's change notices. Switch off where they do harm; rescans find everything too."),
    ] = True

    quality: Annotated[
        QualitySettings, Field(description="Where composites go that stackd does not trust; those that pass go to the output.")
    ] = QualitySettings()

    @property
    def label(self) -> str:
        """What this folder is called in status and logs."""
        return self.name or self.input.name or str(self.input)


class WorkSettings(Table):
    """How much stackd does at once."""

    jobs_at_once: Annotated[
        int,
        Field(
            ge=0,
            le=16,
            description="Most stacks worked on at the same time, each in a process of its own. 0: as many as there are cores,"
            " up to four.",
        ),
    ] = 0
    memory_share: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of the memory that the stacks worked on at the same time may need, as the size of their frames"
            " tells: of the machine's, or of what the service or container is allowed. One stack is always worked on.",
        ),
    ] = 0.5
    job_timeout_s: Annotated[
        float,
        Field(
            ge=10,
            le=604_800,
            description="Seconds after which a stack counts as hung: its process is ended and it is tried again.",
        ),
    ] = 3600.0


class MetricsSettings(Table):
    """Facts for Prometheus."""

    file: Annotated[
        FolderPath | None,
        Field(
            description="File that is replaced every 15 seconds with facts in the text format of Prometheus, for the textfile"
            " collector of node_exporter; its name must end with .prom there. Its folder must exist. Left out: none is written."
        ),
    ] = None


class NotifySettings(Table):
    """A command of yours that is run when a stack needs somebody."""

    command: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")], ...],
        Field(
            max_length=64,
            description="Program and its arguments, run without a shell, once for an event. What happened is in the environment"
            " variables STACKD_EVENT, STACKD_STACK, STACKD_COMPOSITE, STACKD_VERDICT and STACKD_SENTENCE. Empty: nothing is run.",
        ),
    ] = ()
    on: Annotated[
        tuple[Literal["held", "review", "failed", "blocked"], ...],
        Field(
            description="For which events. held: it waits for your decision. review: its composite is in doubt, or as good as"
            " rejected. failed: it cannot be stacked, or is set aside. blocked: its output cannot be written."
        ),
    ] = ("held", "review", "failed", "blocked")
    timeout_s: Annotated[
        float, Field(ge=1, le=600, description="Seconds after which the command is ended, with all that it started.")
    ] = 30.0
