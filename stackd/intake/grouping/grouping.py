"""Which frames belong together, how sure, and why. Frames in, stacks out: the result depends on the set of frames alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from stackd.intake.arrival.admit import name_of
from stackd.intake.arrival.manifest import Manifest
from stackd.intake.exposures.pair import pair
from stackd.intake.exposures.versions import Versions
from stackd.intake.grouping.building import Building
from stackd.intake.grouping.candidates import Boundary, CandidateStack, Grouping, OtherSequence
from stackd.intake.grouping.decided import Decided
from stackd.intake.grouping.partition import partition, stack_folder
from stackd.intake.grouping.results import result_reasons
from stackd.intake.names import name_parts, natural_key
from stackd.intake.order.numbering import numbering
from stackd.intake.order.one_stack import numbered_shot
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame
from stackd.model.override import Override
from stackd.model.stack import SealReason


def group(
    frames: Iterable[Frame],
    contents: Mapping[str, ContentSignature],
    settings: GroupingSettings,
    *,
    manifests: Sequence[Manifest] = (),
    overrides: Sequence[Override] = (),
    beside: Mapping[str, int] | None = None,
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
    beside : mapping of str to int, optional
        How many more frames there are in folders of which these are only some.

    Returns
    -------
    Grouping
        Every file in exactly one of stacks, singles and ignored.
    """
    remaining = sorted(set_of(frames), key=lambda frame: natural_key(frame.path))
    results = result_reasons(remaining)
    paired = pair([frame for frame in remaining if frame.path not in results], lambda frame: contents.get(frame.path))
    versions = Versions(paired.exposures, settings)
    decided = Decided(versions.about_representatives(overrides))
    building = Building(settings=settings, contents=contents, begins=decided.begins())
    after_manifests = building.take_manifests(remaining, manifests if settings.manifests else ())
    if len(after_manifests) < len(remaining):
        # What a manifest took speaks for its exposures; the rest is sorted without them.
        taken = {frame.path for frame in remaining} - {frame.path for frame in after_manifests}
        building.ignored.update(_beside_taken(paired.exposures, taken))
        remaining = [frame for frame in after_manifests if frame.path not in building.ignored]
        results = result_reasons(remaining)
        paired = pair([frame for frame in remaining if frame.path not in results], lambda frame: contents.get(frame.path))
        versions = Versions(paired.exposures, settings)
    building.ignored.update(results)
    linkable = [frame for frame in remaining if frame.path in results]
    building.ignored.update(paired.copies)
    remaining = building.take_pages(versions.frames)
    remaining = building.take_decided(remaining, decided)
    remaining = building.take_named(remaining)
    if settings.subfolders == "stack":
        remaining = building.take_subfolders(remaining)
    building.counts.update(name_parts(frame.path).folder for frame in remaining)
    building.counts.update(beside or {})
    numbers = numbering((frame.path for frame in remaining), contents)
    for part in partition(remaining, numbers, settings):
        building.take_sequence([numbered_shot(frame, contents, numbers) for frame in part])
    return _with_chosen_files(building.finished(linkable), versions, settings)


def _beside_taken(exposures: Iterable[Sequence[Frame]], taken: set[str]) -> dict[str, str]:
    """Name the other files of exposures of which a manifest took one."""
    found: dict[str, str] = {}
    for exposure in exposures:
        first = next((frame for frame in exposure if frame.path in taken), None)
        if first is not None:
            others = (frame for frame in exposure if frame.path not in taken)
            found |= {other.path: f"it is the same exposure as {name_of(first.path)}, which is stacked" for other in others}
    return found


def _with_chosen_files(found: Grouping, versions: Versions, settings: GroupingSettings) -> Grouping:
    """Put the file that is to be stacked in the place of the one that represented its exposure."""
    ignored = dict(found.ignored)
    replaced: dict[str, Frame] = {}

    def choose(frames: Sequence[Frame]) -> str | None:
        chosen = versions.chosen(frames)
        replaced.update({frame.path: file for frame, file in zip(frames, chosen.frames, strict=True)})
        ignored.update(chosen.companions)
        return chosen.note

    stacks = tuple(_stack_of_chosen(stack, choose, replaced, settings) for stack in found.stacks)
    others: list[OtherSequence] = []
    for other in found.others:
        choose(other.frames)
        others.append(replace(other, frames=tuple(replaced[frame.path] for frame in other.frames)))
    for frame in found.singles:
        if frame.path not in replaced:
            choose([frame])
    for path in found.ignored:
        for file in versions.files_of(path):
            ignored.setdefault(file.path, found.ignored[path])
    return Grouping(
        stacks=stacks,
        others=tuple(others),
        singles=tuple(sorted((replaced[frame.path] for frame in found.singles), key=lambda frame: natural_key(frame.path))),
        ignored=MappingProxyType(dict(sorted(ignored.items(), key=lambda entry: natural_key(entry[0])))),
        boundaries=tuple(
            Boundary(
                after=replaced[each.after].path if each.after in replaced else each.after,
                before=replaced[each.before].path if each.before in replaced else each.before,
                sentence=each.sentence,
            )
            for each in found.boundaries
        ),
    )


def _stack_of_chosen(
    stack: CandidateStack,
    choose: Callable[[Sequence[Frame]], str | None],
    replaced: Mapping[str, Frame],
    settings: GroupingSettings,
) -> CandidateStack:
    if stack.decided_by is SealReason.MANIFEST or stack.frames[0].page is not None:
        return stack
    captured = stack.captured or stack.frames
    note = choose(captured)
    files = tuple(replaced[frame.path] for frame in captured)
    return replace(
        stack,
        frames=tuple(replaced[frame.path] for frame in stack.frames),
        captured=files,
        evidence=stack.evidence if note is None else (*stack.evidence, note),
        outliers=tuple(replaced[path].path for path in stack.outliers),
        folder=stack.folder if stack.decided_by is SealReason.FOLDER else stack_folder(files[0].path, settings),
    )


def set_of(frames: Iterable[Frame]) -> list[Frame]:
    """Drop frames given twice; of two versions of one file the one with the later fingerprint counts."""
    latest: dict[str, Frame] = {}
    for frame in frames:
        known = latest.get(frame.path)
        if known is None or known.fingerprint.mtime_ns <= frame.fingerprint.mtime_ns:
            latest[frame.path] = frame
    return list(latest.values())
