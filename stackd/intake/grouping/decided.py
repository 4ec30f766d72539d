"""What the user decided about stacks, looked up by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from stackd.model.override import Dismiss, FrameKey, Merge, Override, Release, Split


@dataclass(frozen=True, slots=True)
class Decided:
    """The user's decisions, looked up by frame."""

    overrides: Sequence[Override]

    def begins(self) -> frozenset[FrameKey]:
        """First frames of the parts that the user cut stacks into."""
        return frozenset(each.before for each in self.overrides if isinstance(each, Split))

    def sets(self) -> list[Release | Dismiss | Merge]:
        """Decisions about whole stacks, newest first: a later one takes its frames before an earlier one can."""
        return [each for each in reversed(self.overrides) if not isinstance(each, Split)]

    def begins_after(self, decision: Override) -> frozenset[FrameKey]:
        """First frames of the parts the user asked for after this decision."""
        later = self.overrides[[index for index, each in enumerate(self.overrides) if each is decision][-1] + 1 :]
        return frozenset(each.before for each in later if isinstance(each, Split))
