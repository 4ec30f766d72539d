"""The errors a user can meet: what happened, what to do, and whether trying again can help."""

from pathlib import Path
from typing import ClassVar


class StackdError(Exception):
    """A failure told in plain words.

    Parameters
    ----------
    message : str
        What, where, and what was found, as one sentence a photographer understands.
    hint : str
        What to do about it; empty when there is nothing to do.
    """

    retry_helps: ClassVar[bool] = False
    """Whether the same work can succeed later without anyone changing the frames."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process boundaries; keyword-only arguments need help with pickling.
        return (_rebuild, (type(self), self.message, self.hint), self.__dict__)


def _rebuild(kind: type[StackdError], message: str, hint: str) -> StackdError:
    return kind(message, hint=hint)


class WrongUse(StackdError):
    """A command was asked for something that makes no sense; nothing was begun. Exit code 2."""


class WrongConfiguration(StackdError):
    """The configuration cannot be used; names file and key. Exit code 78."""


class UnreadableFrame(StackdError):
    """A file that should be a frame cannot be decoded, or only in part.

    `frame` is the `FrameFile` it happened to, where that is known, so that the rest of the stack can go on without it.
    """

    frame: object | None = None


class UnreachableFrame(UnreadableFrame):
    """The system would not hand out a file: gone for a moment, no permission, a share that failed."""

    retry_helps = True


class MixedStack(StackdError):
    """Frames of one stack do not fit together (size, or too few that can be used)."""


class OutputBlocked(StackdError):
    """The output cannot be written now: disk full, folder missing, or no permission.

    `folder` is the one that refused, where that is known, so that it is tried before work is done for it again.
    """

    folder: Path | None = None

    retry_helps: ClassVar[bool] = True


class JournalBlocked(StackdError):
    """The journal cannot be read or written now: disk full, locked, or away."""

    retry_helps: ClassVar[bool] = True


class JournalUnusable(JournalBlocked):
    """The journal will not be readable by waiting: it is damaged, another program's, or that of a later stackd."""

    retry_helps: ClassVar[bool] = False


class AlreadyRunning(StackdError):
    """Another stackd uses the same state folder. Exit code 75."""

    retry_helps: ClassVar[bool] = True


class FrameChanged(StackdError):
    """A frame was replaced, changed or removed while its stack was being worked on."""

    retry_helps: ClassVar[bool] = True


class Cancelled(StackdError):
    """The work was asked to stop; nothing was published."""

    retry_helps: ClassVar[bool] = True


class NameTaken(StackdError):
    """A file of that name, with other content, already lies in the output folder."""

    retry_helps: ClassVar[bool] = True


class IllegalTransition(StackdError):
    """A job was asked to take a step its state does not allow."""
