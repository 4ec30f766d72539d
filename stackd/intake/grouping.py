"""Which frames belong together, how sure, and why. Frames in, stacks out: the result depends on the set of frames alone."""

from collections.abc import Iterable, Mapping, Sequence

from stackd.intake.candidates import Grouping
from stackd.intake.manifest import Manifest
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame
from stackd.model.override import Override


def group(
    frames: Iterable[Frame],
    contents: Mapping[str, ContentSignature],
    settings: GroupingSettings,
    *,
    manifests: Sequence[Manifest] = (),
    overrides: Sequence[Override] = (),
) -> Grouping:
    """Sort the frames of a watched folder into stacks.

    Parameters
    ----------
    frames : iterable of Frame
        Everything that was admitted and described, in any order; frames of stacks already sealed may be among them.
    contents : mapping of str to ContentSignature
        What the frames look like, by path. A frame without one is judged by its metadata alone.
    settings : GroupingSettings
    manifests : sequence of Manifest
        From `parse_manifest`.
    overrides : sequence of Override
        The user's decisions, oldest first.

    Returns
    -------
    Grouping
        Every frame in exactly one of stacks, singles and ignored.
    """
    raise NotImplementedError
