"""`stackd retry｜release｜dismiss｜split｜merge`: what the user decides about a stack. Kept in the journal; wins ever after."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stackd.service.once.report import JobRecord
    from stackd.service.ports import WishKind

StackArgument = Annotated[
    str, typer.Argument(metavar="STACK", help="The stack's id as `stackd status` shows it, or its beginning.")
]
ConfigOption = Annotated[Path | None, typer.Option(help="Configuration file, for its state folder.", show_default=False)]

EXAMPLES = {
    "retry": """
[bold]Example[/bold]

  stackd retry 7f3a      7f3a is the beginning of the stack's id in `stackd status`
""",
    "release": """
[bold]Example[/bold]

  stackd release 7f3a
""",
    "dismiss": """
[bold]Example[/bold]

  stackd dismiss 7f3a
""",
    "split": """
[bold]Example[/bold]

  stackd split 7f3a --before card/IMG_0412.JPG      cuts between 0411 and 0412
""",
    "merge": """
[bold]Example[/bold]

  stackd merge 7f3a 90cd      both become one stack
""",
}

FRAMES_NAMED = 10
"""Frames named when one is not found."""


def retry(stack: StackArgument, config: ConfigOption = None) -> None:
    """Try a failed, blocked or dismissed stack again.

    Also one that was set aside because it brought down its worker several times, and one whose composite was held: after you
    changed its recipe, what comes out is judged anew.
    """
    from stackd.service.ports import WishKind

    _ask(WishKind.RETRY, stack, config)


def release(stack: StackArgument, config: ConfigOption = None) -> None:
    """Let a held stack go on, however sure stackd is of it.

    One that was held because its frames may not belong together is stacked. One whose composite was held is made again and
    published, in the folder for what is to be reviewed or rejected. For one that lies there already it says that you have looked
    at it: it then counts as done.
    """
    from stackd.service.ports import WishKind

    _ask(WishKind.RELEASE, stack, config)


def dismiss(stack: StackArgument, config: ConfigOption = None) -> None:
    """Never work on a stack. Its frames stay where they are."""
    from stackd.service.ports import WishKind

    _ask(WishKind.DISMISS, stack, config)


def split(
    stack: StackArgument,
    before: Annotated[
        list[str],
        typer.Option(
            "--before", metavar="FRAME", help="First frame of a new stack; may be given several times.", show_default=False
        ),
    ],
    config: ConfigOption = None,
) -> None:
    """Cut a stack in two or more.

    Each part of two frames or more becomes a stack of its own and is worked on. A composite that is already there stays.
    """
    from stackd.service.ports import WishKind

    _ask(WishKind.SPLIT, stack, config, frames=tuple(before))


def merge(
    stack: StackArgument,
    others: Annotated[list[str], typer.Argument(metavar="OTHERS…", help="The stacks to join with it.", show_default=False)],
    config: ConfigOption = None,
) -> None:
    """Join stacks into one. Composites that are already there stay."""
    from stackd.service.ports import WishKind

    _ask(WishKind.MERGE, stack, config, others=tuple(others))


def _ask(
    kind: "WishKind", stack: str, config: Path | None, *, frames: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> None:
    from stackd.cli.reports.records import SHORTEST_ID, find_record
    from stackd.cli.terminal import say
    from stackd.config.places import state_folder
    from stackd.errors import WrongUse
    from stackd.model.job import JobState
    from stackd.service.ports import DECIDABLE, WishKind, is_decidable
    from stackd.wiring.journal import note_wish, read_stacks, running_process

    folder = state_folder(config)
    records = read_stacks(folder, [one for one in (stack, *others) if len(one) >= SHORTEST_ID])
    found = find_record(stack, records)
    state = found.job.state
    if not is_decidable(kind, found.job):
        states = ", ".join(sorted(DECIDABLE[kind]))
        hint = f"`{kind}` is for stacks that are {states}."
        if kind is WishKind.RELEASE and state is JobState.DONE:
            hint = "Its composite passes: there is nothing to look at."
        if state in DECIDABLE[kind]:
            hint = "It was never tried: `stackd release` lets it be worked on."
        raise WrongUse(f"Stack {found.job.stack_id} is {state}, so there is nothing to {kind}.", hint=hint)
    joined = {find_record(other, records).job.stack_id: None for other in others}
    if found.job.stack_id in joined:
        raise WrongUse(f"Stack {found.job.stack_id} cannot be joined with itself.", hint="Name another stack beside it.")
    others = tuple(joined)
    frames = tuple(_frame_of(found, frame) for frame in frames)
    note_wish(folder, kind, found.job.stack_id, frames=frames, others=others)
    when = "now" if running_process(folder) is not None else "when stackd runs again"
    say(f"Asked for: {kind} {found.job.stack_id} ({found.frame_count} frames). It is taken up {when}; see `stackd status`.")


def _frame_of(record: "JobRecord", wanted: str) -> str:
    """Find a frame by its path or, where that is clear, by its name alone."""
    from stackd.errors import WrongUse
    from stackd.model.names import shown

    found = [frame for frame in record.frames if wanted in (frame, frame.rpartition("/")[2])]
    if len(found) == 1 or wanted in found:
        return wanted if wanted in found else found[0]
    some = [shown(frame) for frame in record.frames[:FRAMES_NAMED]]
    more = " …" if len(record.frames) > len(some) else ""
    raise WrongUse(f"{shown(wanted)} is no frame of stack {record.job.stack_id}.", hint=f"Its frames: {', '.join(some)}{more}")
