"""The stacks of a folder while they are put together: by what people say first, then by evidence."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType

from stackd.intake.arrival.admit import name_of
from stackd.intake.arrival.manifest import Manifest, is_fit_for_file_names
from stackd.intake.evidence import brackets, camera, content, time
from stackd.intake.evidence.continuity import are_one_subject_at_several_focus
from stackd.intake.exposures.pair import pair
from stackd.intake.exposures.versions import choose
from stackd.intake.grouping.candidates import Boundary, CandidateStack, Grouping, OtherSequence
from stackd.intake.grouping.cuts import Cut, Run, cut_into_runs
from stackd.intake.grouping.decided import Decided
from stackd.intake.grouping.focus_motion import focus_motion
from stackd.intake.grouping.named import named_stacks
from stackd.intake.grouping.partition import is_camera_folder, stack_folder
from stackd.intake.grouping.results import result_reasons
from stackd.intake.grouping.weigh import judge
from stackd.intake.names import name_parts, natural_key
from stackd.intake.order.focus_order import near_to_far
from stackd.intake.order.numbering import numbering
from stackd.intake.order.one_stack import numbered_shot, pages_of
from stackd.intake.order.ordering import in_order
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import Shot, take_shot
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame
from stackd.model.override import Dismiss, FrameKey, Merge, Release, frame_key
from stackd.model.stack import Decision, FocusMotion, SealReason, StackKind

RESULT_FOLLOWS_S = 60.0
"""A camera finishes its own composite of a bracket within this time (seconds in practice; the margin is a guess)."""

CERTAIN = 1.0
"""Confidence of what a person or a manifest decided."""

FOLDER_CONFIDENCE = 0.8
"""That the few frames of one subject that have a folder to themselves are a stack (a guess, as there is no more to ask)."""

FEW_FRAMES = 5
"""More frames that no rhythm holds together are a collection (a guess)."""

SPLIT_OFF = "you split it off"


@dataclass(slots=True, kw_only=True)
class Building:
    """The grouping while it is put together."""

    settings: GroupingSettings
    contents: Mapping[str, ContentSignature]
    counts: Counter[str] = field(default_factory=Counter)
    """How many frames, manifests' excepted, lie in each folder."""
    begins: frozenset[FrameKey]
    """First frames of the parts that the user cut stacks into."""
    stacks: list[CandidateStack] = field(default_factory=list)
    others: list[OtherSequence] = field(default_factory=list)
    singles: list[Frame] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    boundaries: list[Boundary] = field(default_factory=list)

    # ------------------------------------------------------------ decided by somebody

    def take_manifests(self, frames: Sequence[Frame], manifests: Sequence[Manifest]) -> list[Frame]:
        """Make the stacks that manifests name; a manifest decides alone."""
        remaining = list(frames)
        for manifest in sorted(manifests, key=lambda each: natural_key(each.folder)):
            named = frozenset(manifest.frames)
            members = [
                frame
                for frame in remaining
                if (frame.path in named if named else name_parts(frame.path).folder == manifest.folder)
            ]
            missing = tuple(path for path in manifest.frames if path not in {frame.path for frame in members})
            if not members:
                continue
            if not named:
                results = result_reasons(members)
                paired = pair([frame for frame in members if frame.path not in results], lambda f: self.contents.get(f.path))
                chosen = choose(paired.exposures, self.settings)
                self.ignored.update(results)
                self.ignored.update(paired.copies)
                self.ignored.update(chosen.companions)
                taken = {frame.path for frame in members}
                members = list(chosen.frames)
            else:
                taken = {frame.path for frame in members}
            remaining = [frame for frame in remaining if frame.path not in taken]
            stack = self._decided_stack(
                members, SealReason.MANIFEST, f"the manifest of {name_of(manifest.folder) or 'the folder'} says so"
            )
            self._take_cut(
                replace(
                    stack,
                    name=manifest.name,
                    recipe=manifest.recipe,
                    expected_count=manifest.count,
                    expected_count_is_exact=manifest.count is not None,
                    missing=missing,
                )
            )
        return remaining

    def take_pages(self, frames: Sequence[Frame]) -> list[Frame]:
        """Make a stack of every multi-page file."""
        remaining: list[Frame] = []
        for frame in frames:
            if frame.meta.page_count < self.settings.min_frames or frame.page is not None:
                remaining.append(frame)
                continue
            count = frame.meta.page_count
            pages = pages_of(frame)
            shots = [take_shot(page, None) for page in pages]
            self._take_cut(
                CandidateStack(
                    frames=tuple(shot.frame for shot in near_to_far(shots)),
                    captured=pages,
                    kind=StackKind.FOCUS,
                    confidence=CERTAIN,
                    decision=Decision.PROCESS,
                    evidence=(f"{name_of(frame.path)} holds {count} planes of one z-stack",),
                    focus_motion=FocusMotion.RAIL if len(frame.meta.page_positions_m) == count else FocusMotion.UNKNOWN,
                    folder=name_parts(frame.path).folder,
                    expected_count=count,
                    expected_count_is_exact=True,
                )
            )
        return remaining

    def take_decided(self, frames: Sequence[Frame], decided: Decided) -> list[Frame]:
        """Carry out what the user decided about whole stacks."""
        remaining = list(frames)
        for decision in decided.sets():
            wanted = decision.frames
            members = [frame for frame in remaining if frame_key(frame) in wanted]
            drawn = self._in_stacks(wanted) if isinstance(decision, Merge) else []
            members += drawn
            if not members or (not isinstance(decision, Dismiss) and len(members) < min(len(wanted), 2)):
                continue
            remaining = [frame for frame in remaining if frame_key(frame) not in wanted]
            if drawn:
                self._draw_from_stacks(wanted)
            match decision:
                case Dismiss():
                    self.singles.extend(members)
                case Release():
                    self._take_parts(members, decided.begins_after(decision), "you released it")
                case Merge():
                    self._take_parts(members, decided.begins_after(decision), "you merged its frames")
        return remaining

    def _take_parts(self, members: Sequence[Frame], begins: frozenset[FrameKey], because: str) -> None:
        """Make a stack of frames the user decided on, or one of each part they were cut into later."""
        parts = _cut_before(tuple(shot.frame for shot in self._ordered(members)), begins)
        for part in parts:
            if len(part) > 1:
                self.stacks.append(self._decided_stack(part, SealReason.ASKED, SPLIT_OFF if len(parts) > 1 else because))
            else:
                self.singles.extend(part)

    def _take_cut(self, stack: CandidateStack) -> None:
        """Take a stack that a manifest, a folder or a multi-page file made, in parts where the user cut it."""
        parts = _cut_before(stack.captured, self.begins)
        if len(parts) == 1:
            self.stacks.append(stack)
            return
        for part in parts:
            if len(part) > 1:
                decided = self._decided_stack(part, SealReason.ASKED, SPLIT_OFF)
                self.stacks.append(replace(decided, recipe=stack.recipe, focus_motion=stack.focus_motion))
            else:
                self.singles.extend(part)

    def _in_stacks(self, wanted: frozenset[FrameKey]) -> list[Frame]:
        """Find frames in the stacks that manifests and multi-page files made."""
        made = [stack for stack in self.stacks if stack.decided_by is not SealReason.ASKED]
        return [frame for stack in made for frame in stack.captured if frame_key(frame) in wanted]

    def _draw_from_stacks(self, wanted: frozenset[FrameKey]) -> None:
        """Take frames out of those stacks; what is left of one goes on as a stack."""
        for stack in [each for each in self.stacks if each.decided_by is not SealReason.ASKED]:
            rest = tuple(frame for frame in stack.captured if frame_key(frame) not in wanted)
            if len(rest) == len(stack.captured):
                continue
            self.stacks.remove(stack)
            if len(rest) > 1:
                self.stacks.append(self._decided_stack(rest, SealReason.ASKED, "you merged its other frames into another stack"))
            else:
                self.singles.extend(rest)

    def take_subfolders(self, frames: Sequence[Frame]) -> list[Frame]:
        """Make every subfolder one stack, where the settings say so."""
        by_folder: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            by_folder[name_parts(frame.path).folder].append(frame)
        remaining: list[Frame] = by_folder.pop("", [])
        for folder in sorted(by_folder, key=natural_key):
            members = by_folder[folder]
            if len(members) < 2:  # noqa: PLR2004
                remaining.extend(members)
                continue
            stack = self._decided_stack(members, SealReason.FOLDER, f"its frames have the folder {name_of(folder)} to themselves")
            name = folder.rpartition("/")[2]
            self._take_cut(replace(stack, name=name if is_fit_for_file_names(name) else None))
        return remaining

    def take_named(self, frames: Sequence[Frame]) -> list[Frame]:
        """Make the stacks that the pattern of names tells, where the settings have one."""
        stacks, remaining = named_stacks(frames, self.settings)
        for named in stacks:
            stack = self._decided_stack(named.frames, SealReason.NAME, named.because)
            self._take_cut(replace(stack, name=named.title))
        return remaining

    def _decided_stack(self, members: Sequence[Frame], reason: SealReason, because: str) -> CandidateStack:
        shots = self._ordered(members)
        return CandidateStack(
            frames=tuple(shot.frame for shot in near_to_far(shots)),
            captured=tuple(shot.frame for shot in shots),
            kind=StackKind.FOCUS,
            confidence=CERTAIN,
            decision=Decision.PROCESS,
            evidence=(because,),
            folder=name_parts(members[0].path).folder,
            decided_by=reason,
        )

    def _ordered(self, members: Sequence[Frame]) -> list[Shot]:
        numbers = numbering(frame.path for frame in members)
        return in_order([numbered_shot(frame, self.contents, numbers) for frame in members], self.settings)

    # ------------------------------------------------------------ found by evidence

    def take_sequence(self, shots: Sequence[Shot]) -> None:
        """Cut one camera's frames into runs and judge each."""
        ordered = in_order(shots, self.settings)
        found = cut_into_runs(ordered, self.settings)
        self.ignored.update({shot.path: "it is a blank frame, taken to part two stacks" for shot in found.spacers})
        alone = self._alone_in_folder(ordered, found.runs)
        if alone is not None:
            self.stacks.append(alone)
            return
        self.boundaries.extend(_boundary(cut) for cut in found.cuts)
        for run in found.runs:
            parts = self._split(run)
            for part in parts:
                if len(parts) > 1 and len(part.shots) > 1:
                    frames = [shot.frame for shot in part.shots]
                    self.stacks.append(self._decided_stack(frames, SealReason.ASKED, SPLIT_OFF))
                else:
                    self._take_run(part)

    def _alone_in_folder(self, shots: Sequence[Shot], runs: Sequence[Run]) -> CandidateStack | None:
        """Make a stack of the few frames of a subfolder that hold nothing else, if they show one subject at several focus.

        Only where the folder would be left without any stack: a folder of several stacks tells nothing by itself.
        """
        folder = name_parts(shots[0].path).folder
        if not folder or is_camera_folder(folder) or self.settings.subfolders != "separate":
            return None
        if len(shots) < 2 or len(shots) != self.counts[folder] or any(frame_key(shot.frame) in self.begins for shot in shots):  # noqa: PLR2004
            return None
        if any(len(run.shots) >= self.settings.min_frames or camera.is_flagged(run.shots) for run in runs if len(run.shots) > 1):
            return None
        if len(shots) > FEW_FRAMES or not are_one_subject_at_several_focus(shots):
            return None
        evidence = (
            f"its frames have the folder {name_of(folder)} to themselves",
            "they show the same subject, and the focus moved",
        )
        return self._stack(shots, FOLDER_CONFIDENCE, evidence, (), process=True)

    def _split(self, run: Run) -> list[Run]:
        """Cut a run where the user said so."""
        at = [index for index, shot in enumerate(run.shots) if index and frame_key(shot.frame) in self.begins]
        edges = [0, *at, len(run.shots)]
        for index in at:
            self.boundaries.append(
                Boundary(after=run.shots[index - 1].path, before=run.shots[index].path, sentence="you split the stack here")
            )
        return [
            replace(
                run,
                shots=run.shots[start:stop],
                gaps_s=run.gaps_s[start : stop - 1],
                likenesses=run.likenesses[start : stop - 1],
                outliers=tuple(path for path in run.outliers if path in {shot.path for shot in run.shots[start:stop]}),
            )
            for start, stop in pairwise(edges)
        ]

    def _take_run(self, run: Run) -> None:
        frames = tuple(shot.frame for shot in run.shots)
        enough = 2 if camera.is_flagged(run.shots) else self.settings.min_frames
        if len(frames) < enough:
            self.singles.extend(frames)
            return
        judgement = judge(run)
        if judgement.kind is StackKind.FOCUS_AND_EXPOSURE:
            self._take_nested(run, judgement.confidence, judgement.evidence)
            return
        if judgement.kind is not StackKind.FOCUS:
            self.others.append(
                OtherSequence(frames=frames, kind=judgement.kind, evidence=judgement.evidence, confidence=judgement.confidence)
            )
            self.singles.extend(frames)
            return
        if judgement.confidence < self.settings.hold_confidence:
            self.others.append(
                OtherSequence(frames=frames, kind=StackKind.UNKNOWN, evidence=judgement.evidence, confidence=judgement.confidence)
            )
            self.singles.extend(frames)
            return
        sure = judgement.confidence >= self.settings.auto_confidence or self.settings.eager
        self.stacks.append(self._stack(run.shots, judgement.confidence, judgement.evidence, run.outliers, process=sure))

    def _take_nested(self, run: Run, confidence: float, evidence: tuple[str, ...]) -> None:
        """Split a stack of exposure brackets by exposure, or hold it, as the settings say."""
        cycle = brackets.period(run.shots)
        note = "the focus moves from one exposure bracket to the next"
        if cycle is None or self.settings.nested_brackets == "hold":
            stack = self._stack(run.shots, max(confidence, self.settings.hold_confidence), (note, *evidence), (), process=False)
            self.stacks.append(replace(stack, kind=StackKind.FOCUS_AND_EXPOSURE))
            return
        for level in range(cycle):
            part = run.shots[level::cycle]
            alike = tuple(content.look_alike(a, b) for a, b in pairwise(part))
            judgement = judge(Run(shots=part, gaps_s=tuple(time.gap_s(a, b) for a, b in pairwise(part)), likenesses=alike))
            sure = judgement.confidence >= self.settings.auto_confidence or self.settings.eager
            self.stacks.append(self._stack(part, judgement.confidence, (note, *judgement.evidence), (), process=sure))

    def _stack(
        self,
        shots: Sequence[Shot],
        confidence: float,
        evidence: tuple[str, ...],
        outliers: tuple[str, ...],
        *,
        process: bool,
    ) -> CandidateStack:
        total, exact = camera.announced(shots) or (None, False)
        notes = tuple(f"{name_of(path)} is exposed or looks unlike its neighbours" for path in outliers)
        return CandidateStack(
            frames=tuple(shot.frame for shot in near_to_far(shots)),
            captured=tuple(shot.frame for shot in shots),
            kind=StackKind.FOCUS,
            confidence=confidence,
            decision=Decision.PROCESS if process else Decision.HOLD,
            evidence=(*evidence, *notes),
            folder=stack_folder(shots[0].path, self.settings),
            expected_count=total,
            expected_count_is_exact=exact,
            outliers=outliers,
            focus_motion=focus_motion(shots),
        )

    def finished(self, results: Sequence[Frame]) -> Grouping:
        """Put everything into a fixed order."""
        stacks = [_with_results(stack, results) for stack in self.stacks]
        stacks.sort(key=stack_order)
        return Grouping(
            stacks=tuple(stacks),
            others=tuple(sorted(self.others, key=lambda other: natural_key(other.frames[0].path))),
            singles=tuple(sorted(self.singles, key=lambda frame: natural_key(frame.path))),
            ignored=MappingProxyType(dict(sorted(self.ignored.items(), key=lambda entry: natural_key(entry[0])))),
            boundaries=tuple(self.boundaries),
        )


def _cut_before(frames: Sequence[Frame], begins: frozenset[FrameKey]) -> list[list[Frame]]:
    """Cut frames, in order of capture, before those the user named."""
    parts: list[list[Frame]] = [[]]
    for frame in frames:
        if frame_key(frame) in begins and parts[-1]:
            parts.append([])
        parts[-1].append(frame)
    return parts


def _boundary(cut: Cut) -> Boundary:
    return Boundary(after=cut.after.path, before=cut.before.path, sentence=f"cut after {cut.after.name}: {cut.because}")


def _with_results(stack: CandidateStack, results: Sequence[Frame]) -> CandidateStack:
    """Link the in-camera composites that followed the stack's frames."""
    times = [frame.meta.captured_at for frame in stack.frames if frame.meta.captured_at is not None]
    if not times:
        return stack
    begin, end = min(times), max(times)
    linked = tuple(
        result.path
        for result in results
        if result.meta.result_of
        and result.meta.captured_at is not None
        and result.meta.camera_model == stack.frames[0].meta.camera_model
        and stack_folders_match(result.path, stack.folder)
        and (result.meta.captured_at - begin).total_seconds() >= -1.0
        and (result.meta.captured_at - end).total_seconds() <= RESULT_FOLLOWS_S
    )
    return replace(stack, linked=linked) if linked else stack


def stack_folders_match(path: str, folder: str) -> bool:
    """Tell whether a file lies in a stack's folder or below it."""
    return not folder or path.startswith(f"{folder}/")


def stack_order(stack: CandidateStack) -> tuple[datetime, object]:
    """Give a key that puts stacks in order of capture."""
    first = stack.captured[0] if stack.captured else stack.frames[0]
    return first.meta.captured_at or datetime.min.replace(tzinfo=UTC), natural_key(first.path)
