"""Settings of what the daemon tells by itself: facts for monitoring, and events for a command of the user's."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stackd.config.fields import FolderPath, Table


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
