"""Sort the files of a folder into stacks now, once: what the daemon does over time, for `stackd group`."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stackd.imaging.ground.frames import Progress
from stackd.intake.arrival.admit import Admitted, sort_out
from stackd.intake.arrival.manifest import Manifest, parse_manifest
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.parts import Sorting, sort_again
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame
from stackd.service.ports import Answer, Described, Describer, FileSighting, ManifestRead, NotDescribed, Waker

WATCH: Final = "group"
"""Stands for the folder in what a describer is asked."""

DESCRIBERS: Final = 2
"""Processes that read at once: decoding keeps both cores of a small machine busy, and a card reader is not faster."""

FILES_WORTH_A_PROCESS: Final = 24
"""A further process takes a second to start, as long as one reads so many files."""

ASKED_AHEAD: Final = 2
"""Files asked of one describer at a time: one in work, one waiting, so that none idles and none hoards."""

WAIT_S: Final = 1.0
"""Longest sleep while describers work; an answer ends it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A folder sorted out."""

    grouping: Grouping
    ignored: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Everything that is no frame, is left out, or could not be read: path → reason."""


def sort_files(
    files: Sequence[FileSighting],
    folder: Path,
    settings: GroupingSettings,
    *,
    describers: Sequence[Describer],
    waker: Waker,
    progress: Progress,
    passed_over: Mapping[str, str] = MappingProxyType({}),
) -> Sorted:
    """Describe files with several describers at once and group the frames among them.

    Parameters
    ----------
    files : sequence of FileSighting
        Paths are relative to `folder`.
    folder : Path
    settings : GroupingSettings
    describers : sequence of Describer
        Each reads one file at a time.
    waker : Waker
        Ends its sleep when a describer has an answer.
    progress : Progress
    passed_over : mapping of str to str
        What the look at the folder left out already, with the reason.
    """
    fingerprints = {file.path: file.fingerprint for file in files}
    admitted = sort_out(fingerprints)
    manifests = admitted.manifests if settings.manifests else ()
    answers = _describe([*manifests, *admitted.frames], fingerprints, folder, describers, waker, progress)
    ignored = {**passed_over, **admitted.ignored}
    frames: list[Frame] = []
    contents: dict[str, ContentSignature] = {}
    obeyed: list[Manifest] = []
    for path, answer in answers.items():
        match answer:
            case Described():
                frames.append(_frame(answer, admitted))
                if answer.content is not None:
                    contents[path] = answer.content
            case NotDescribed():
                ignored[path] = answer.reason
            case ManifestRead():
                manifest = parse_manifest(answer.content, path=path)
                if isinstance(manifest, Manifest):
                    obeyed.append(manifest)
                    ignored[path] = "it is the manifest of its folder"
                else:
                    ignored[path] = f"the manifest is not obeyed: {manifest.reason}"
    grouping = sort_again(Sorting(), frames, contents, settings, manifests=obeyed).grouping
    return Sorted(grouping=grouping, ignored=MappingProxyType(dict(sorted({**ignored, **grouping.ignored}.items()))))


def _frame(answer: Described, admitted: Admitted) -> Frame:
    return Frame(
        path=answer.path,
        fingerprint=answer.fingerprint,
        meta=answer.meta,
        companion_paths=admitted.sidecars.get(answer.path, ()),
    )


def _describe(
    paths: Sequence[str],
    fingerprints: Mapping[str, Fingerprint],
    folder: Path,
    describers: Sequence[Describer],
    waker: Waker,
    progress: Progress,
) -> Mapping[str, Answer]:
    waiting = deque(paths)
    answers: dict[str, Answer] = {}
    asked = [0] * len(describers)
    while len(answers) < len(paths):
        for index, describer in enumerate(describers):
            for answer in describer.answers():
                answers[answer.path] = answer
                asked[index] -= 1
            while waiting and asked[index] < ASKED_AHEAD:
                path = waiting.popleft()
                describer.ask(WATCH, folder, path, fingerprints[path])
                asked[index] += 1
        progress("read", len(answers), len(paths))
        if len(answers) < len(paths):
            waker.wait(WAIT_S)
    return answers
