"""Where a composite goes, by what was judged of it: beside the others, into a folder of its own, or nowhere for now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from stackd.model.verdict import Judgement


class Handling(StrEnum):
    """What is done with composites of one judgement."""

    PUBLISH = "publish"
    """They lie among the others; only their names tell."""
    FOLDER = "folder"
    """They lie in a folder of their own inside the output folder."""
    HOLD = "hold"
    """Nothing is published before the user says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """What is done with composites that do not pass; those that pass are always published."""

    review: Handling = Handling.FOLDER
    reject: Handling = Handling.FOLDER
    is_accepted: bool = False
    """The user wants the composite in any case."""

    def of(self, judgement: Judgement) -> Handling:
        """Say what is done with a composite."""
        match judgement:
            case Judgement.PASS:
                return Handling.PUBLISH
            case Judgement.REVIEW:
                return self.review
            case Judgement.REJECT:
                return self.reject
            case _:
                assert_never(judgement)

    def accepted(self) -> Placing:
        """Tell the same for a stack whose composite the user wants in any case: into its folder what would be held."""

        def let_go(handling: Handling) -> Handling:
            return Handling.FOLDER if handling is Handling.HOLD else handling

        return Placing(review=let_go(self.review), reject=let_go(self.reject), is_accepted=True)


def subfolder_of(judgement: Judgement, handling: Handling) -> str:
    """Name the folder inside the output folder that a composite goes into; empty for the output folder itself."""
    return judgement.value if handling is Handling.FOLDER else ""
