"""From registrations of neighbours to one matrix a frame: the chain.

Frames are registered to their neighbours, because the ends of a deep stack share no sharp detail with its middle. Going from link
to link would add up their errors, so every frame is also linked to the one before its neighbour, and all matrices are found
together as those that contradict the links least, where magnification may be steadied by how evenly the stack breathes. A frame
that fits nowhere is left out, with the reason, and the chain bridges over it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias, assert_never

import numpy as np

from stackd.imaging.chain.breathing import LEAST_FRAMES, smoothed_magnifications
from stackd.imaging.ground.frames import Progress, Step, Steps, ignore_progress
from stackd.imaging.ground.linked import NormalEquations
from stackd.imaging.ground.matrices import Vectors, corners, inverse, normalised, px_to_unit, transformed
from stackd.imaging.ground.robust import ROUNDS
from stackd.imaging.register.engine.pairwise import BLANK, is_duplicate
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, MotionModel, Registration

Register: TypeAlias = Callable[[PreparedFrame, PreparedFrame, Matrix | None], Registration | FailedRegistration]
"""Registers (reference, moving, initial moving → reference)."""

LINKS_PER_FRAME = 2
"""Each frame is linked to its neighbour and the one before: contradictions show, and errors do not add up freely."""

STRANGERS_KEPT = 2
"""So many frames that fitted nowhere are tried again with later frames: the first frame of a stack may be the odd one."""

SURE_PX = 0.02
"""No link is trusted to be better than this at the corners."""

STILL_SIGMAS = 3.0
"""Motion within so many standard errors of none is none."""

CAUCHY = 3.0
"""A link off by this many standard errors counts half: one wrong link among many must not bend the chain."""

DUPLICATE = "It is the same exposure as a frame before it."
"""Reason why such a frame is left out."""

HOMOGRAPHY_ELEMENTS = 9
"""All elements of a homography are free; scaling to unit determinant fixes their common factor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """A registration between two frames of the stack, by position."""

    reference: int
    moving: int
    registration: Registration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """Frames linked so far. A value: `extended` gives a new one.

    `recent` holds the prepared frames that the next one will be compared with; it does not grow with the stack. `parts` are the
    groups of frames that hang together, kept so that linking a frame need not go through all links again.
    """

    frames: int = 0
    links: tuple[Link, ...] = ()
    failures: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    recent: tuple[tuple[int, PreparedFrame], ...] = ()
    parts: tuple[frozenset[int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedChain:
    """One matrix a frame, frame → reference px; None for frames left out, whose `left_out` gives the reason."""

    reference: int
    matrices: tuple[Matrix | None, ...]
    left_out: Mapping[int, str]

    def without(self, failed: Mapping[int, str]) -> "SolvedChain":
        """Leave out more frames, with their reasons; where the reference is one of them, the nearest left takes its place."""
        places = {i: m for i, m in enumerate(self.matrices) if m is not None and i not in failed}
        reference = min(places, key=lambda position: abs(position - self.reference))
        to_reference = None if reference == self.reference else inverse(places[reference])
        return SolvedChain(
            reference=reference,
            matrices=tuple(
                None if (m := places.get(i)) is None else m if to_reference is None else normalised(to_reference @ m)
                for i in range(len(self.matrices))
            ),
            left_out={**self.left_out, **failed},
        )


def extended(chain: Chain, frame: PreparedFrame, register: Register) -> Chain:
    """Link the next frame to the ones before it.

    Parameters
    ----------
    chain : Chain
        Frames so far, near → far.
    frame : PreparedFrame
        The next frame.
    register : callable
        Registers (reference, moving, initial); see `Register`.

    Returns
    -------
    Chain
        With the links found, or the reason why there are none: a frame that fits nowhere, or the same exposure once more.
    """
    position = chain.frames
    if any(is_duplicate(kept, frame) for _, kept in chain.recent):
        reason = DUPLICATE
        return replace(chain, frames=position + 1, failures=MappingProxyType({**chain.failures, position: reason}))
    main = _largest(chain.parts) if chain.parts else frozenset()
    linked = [(i, kept) for i, kept in reversed(chain.recent) if i in main]
    strangers = [(i, kept) for i, kept in reversed(chain.recent) if i not in main]
    found, reason = _link(position, frame, linked, chain.links, register, wanted=LINKS_PER_FRAME)
    if not found:
        found, other = _link(position, frame, strangers, chain.links, register, wanted=1)
        reason = reason or other
        if frame.is_blank:
            # The first frame meets no other that could tell.
            reason = BLANK
    failures = {**chain.failures, position: reason} if reason and not found else dict(chain.failures)
    parts = _joined(chain.parts, frozenset([position, *(link.reference for link in found)]))
    return Chain(
        frames=position + 1,
        links=(*chain.links, *found),
        failures=MappingProxyType(failures),
        recent=_worth_keeping((*chain.recent, (position, frame)), parts),
        parts=parts,
    )


def nearest_reference(chain: Chain, wanted: int) -> int:
    """Give the frame nearest to the one wanted among those that hang together; of two the earlier one."""
    return min(sorted(_main_part(_parts_of(chain), chain)), key=lambda position: abs(position - wanted))


def solved(
    chain: Chain, shape: tuple[int, int], *, reference: int | None = None, progress: Progress = ignore_progress
) -> SolvedChain:
    """Find the matrices that contradict the links least.

    Parameters
    ----------
    chain : Chain
        All frames, linked.
    shape : (int, int)
        Rows and columns of the frames.
    reference : int, optional
        Position of the frame that stays where it is; the middle of those that hang together by default.
    progress : Progress
        Told after every round of the solver: many hundreds of frames take seconds.

    Returns
    -------
    SolvedChain
        Frames outside the largest group that hangs together are left out; so is everything but the group of `reference` where one
        is asked for.
    """
    parts = _parts_of(chain)
    if reference is None:
        members = sorted(_main_part(parts, chain))
        reference = members[len(members) // 2]
    else:
        members = sorted(next(part for part in parts if reference in part))
    links = [link for link in chain.links if link.reference in members]
    is_steadied = _model(links) == "similarity" and len(members) >= LEAST_FRAMES
    step = Steps(progress, "place", (1 + is_steadied) * ROUNDS)
    matrices, trust = _solve(links, members, reference, shape, step)
    if is_steadied:
        matrices, _ = _solve(_steadied(links, trust, members, shape), members, reference, shape, step)
    if _is_still(matrices, links, reference, shape):
        matrices = dict.fromkeys(matrices, np.eye(3))
    unexplained = "It fits none of the frames around it."
    left_out = {i: chain.failures.get(i, unexplained) for i in range(chain.frames) if i not in matrices}
    return SolvedChain(
        reference=reference,
        matrices=tuple(matrices.get(i) for i in range(chain.frames)),
        left_out=MappingProxyType(left_out),
    )


def _main_part(parts: Sequence[frozenset[int]], chain: Chain) -> frozenset[int]:
    # A frame that was refused is never preferred to one it was compared with.
    return _largest([part for part in parts if not part <= chain.failures.keys()] or parts)


def _is_still(matrices: Mapping[int, Matrix], links: Sequence[Link], reference: int, shape: tuple[int, int]) -> bool:
    """Tell whether the links leave open that no frame moved at all; then not one pixel need be resampled.

    Errors add up like a random walk from the reference, so frames far from it may seem to have moved farther.
    """
    if not links:
        return False
    per_link_px = float(np.sqrt(np.mean([link.registration.uncertainty_px**2 for link in links]) + SURE_PX**2))
    here = corners(shape)
    for position, matrix in matrices.items():
        moved_px = float(np.sqrt(((transformed(matrix, here) - here) ** 2).sum(axis=1).mean()))
        if moved_px > STILL_SIGMAS * per_link_px * np.sqrt(abs(position - reference)):
            return False
    return True


def _link(
    position: int,
    frame: PreparedFrame,
    candidates: Sequence[tuple[int, PreparedFrame]],
    links: Sequence[Link],
    register: Register,
    *,
    wanted: int,
) -> tuple[list[Link], str]:
    """Register a frame to the nearest candidates; the first reason for failure is the nearest neighbour's."""
    found: list[Link] = []
    reason = ""
    for other, kept in candidates:
        initial = _through(found[0], other, links) if found else None
        result = register(kept, frame, initial)
        if isinstance(result, Registration):
            found.append(Link(reference=other, moving=position, registration=result))
        else:
            reason = reason or result.reason
        if len(found) == wanted:
            break
    return found, reason


def _through(first: Link, other: int, links: Sequence[Link]) -> Matrix | None:
    """Moving → `other` by way of the neighbour just found."""
    for link in reversed(links):
        if link.moving == first.reference and link.reference == other:
            return normalised(link.registration.matrix @ first.registration.matrix)
    return None


def _worth_keeping(
    recent: tuple[tuple[int, PreparedFrame], ...], parts: Sequence[frozenset[int]]
) -> tuple[tuple[int, PreparedFrame], ...]:
    main = _largest(parts)
    linked = [entry for entry in recent if entry[0] in main][-LINKS_PER_FRAME:]
    strangers = [entry for entry in recent if entry[0] not in main][-STRANGERS_KEPT:]
    return tuple(sorted([*linked, *strangers], key=lambda entry: entry[0]))


def _parts_of(chain: Chain) -> tuple[frozenset[int], ...]:
    """Groups of frames that hang together; a frame without links is one of its own."""
    parts: tuple[frozenset[int], ...] = ()
    for link in chain.links:
        parts = _joined(parts, frozenset([link.reference, link.moving]))
    alone = set(range(chain.frames)).difference(*parts)
    return (*parts, *(frozenset([position]) for position in sorted(alone)))


def _joined(parts: tuple[frozenset[int], ...], linked: frozenset[int]) -> tuple[frozenset[int], ...]:
    """Make one group of all that share a frame with `linked`, and of `linked` itself; it comes last."""
    apart = tuple(part for part in parts if part.isdisjoint(linked))
    return (*apart, linked.union(*(part for part in parts if not part.isdisjoint(linked))))


def _largest(parts: Sequence[frozenset[int]]) -> frozenset[int]:
    """The largest group; of equals the one joined last, which the coming frames are more likely to fit."""
    return max(parts[::-1], key=len)


def _solve(
    links: Sequence[Link], members: Sequence[int], reference: int, shape: tuple[int, int], step: Step
) -> tuple[dict[int, Matrix], Vectors]:
    """Solve M_moving · p = M_reference · L · p at the corners p of every link L, by least squares with Cauchy weights.

    The unknowns are the free elements of each M, in units of half the frame, so that the equations are linear for every model:
    for homographies both sides are scaled to unit determinant first, which leaves no free factor between them. Also tells how far
    each link is trusted, 0–1. A step a round.
    """
    if not links:
        return {reference: np.eye(3)}, np.ones(0)
    half = max(shape) / 2
    to_unit = px_to_unit(shape)
    from_unit = inverse(to_unit)
    constant, free = _elements(links)
    unit_corners = transformed(to_unit, corners(shape))
    points = np.column_stack([unit_corners, np.ones(len(unit_corners))]).T
    unknown = [i for i in members if i != reference]
    number = {i: index for index, i in enumerate(unknown)}
    placed = np.stack([(element @ points).ravel() for element in free], axis=1)
    placed_constant = (constant @ points).ravel()
    equations: list[tuple[dict[int, Vectors], Vectors]] = []  # of each link: factors of the unknowns of its frames, and their sum
    for link in links:
        hop = to_unit @ link.registration.matrix @ from_unit
        if len(free) == HOMOGRAPHY_ELEMENTS:
            hop = hop / np.cbrt(np.linalg.det(hop))
        hopped = hop @ points
        factors, target = {}, np.zeros(points.size)
        if link.moving == reference:
            target -= points.ravel()
        else:
            factors[number[link.moving]] = placed
            target -= placed_constant
        if link.reference == reference:
            target += hopped.ravel()
        else:
            factors[number[link.reference]] = -np.stack([(element @ hopped).ravel() for element in free], axis=1)
            target += (constant @ hopped).ravel()
        equations.append((factors, target))
    sigma = _errors_px(links)
    trust = np.ones(len(links))
    for _ in range(ROUNDS):
        normal = NormalEquations(len(unknown), len(free))
        for (factors, target), weight in zip(equations, (trust / sigma**2).tolist(), strict=True):
            normal.add(factors, target, weight)
        solution, _ = normal.solve()
        rests = [sum((part @ solution[i] for i, part in factors.items()), -target) for factors, target in equations]
        off = np.array([float(np.sqrt((rest**2).sum() / points.shape[1])) for rest in rests]) * half
        trust = 1 / (1 + (off / (CAUCHY * sigma)) ** 2)
        step()
    matrices = {reference: np.eye(3)}
    for i in unknown:
        unit = constant + np.tensordot(solution[number[i]], free, 1)
        matrices[i] = normalised(from_unit @ unit @ to_unit)
    return matrices, trust


def _errors_px(links: Sequence[Link]) -> Vectors:
    """Standard errors of the links at the corners.

    What defocus does to an estimate grows with the distance in focus, which the estimate itself cannot tell in full (measured).
    """
    return np.array([np.hypot(link.registration.uncertainty_px, SURE_PX) * (link.moving - link.reference) for link in links])


def _steadied(links: Sequence[Link], trust: Vectors, members: Sequence[int], shape: tuple[int, int]) -> list[Link]:
    """Give all links the magnification on which they and the evenness of the stack agree; where centres go is left as it is."""
    height, width = shape
    reach_px = float(np.hypot(height, width)) / 2
    number = {position: index for index, position in enumerate(members)}
    pairs = np.array([(number[link.reference], number[link.moving]) for link in links])
    measured = np.log([link.registration.scale for link in links])
    found = smoothed_magnifications(
        pairs, measured * reach_px, _errors_px(links) / np.sqrt(trust), np.array(members, dtype=np.float64)
    )
    changes = np.exp(np.diff(found[pairs], axis=1)[:, 0] / reach_px - measured)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    steadied = []
    for link, change in zip(links, changes, strict=True):
        magnify = np.diag([change, change, 1.0])
        magnify[:2, 2] = (1 - change) * centre
        registration = replace(link.registration, matrix=link.registration.matrix @ magnify)
        steadied.append(replace(link, registration=registration))
    return steadied


def _model(links: Sequence[Link]) -> MotionModel:
    """The model that most links share."""
    models = Counter(link.registration.model for link in links if link.registration.model != "none").most_common(1)
    return models[0][0] if models else "translation"


def _elements(links: Sequence[Link]) -> tuple[Matrix, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """The fixed part of a matrix and its free elements, for the model most links share."""
    single = np.eye(9).reshape(9, 3, 3)
    turn = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=np.float64)
    match model := _model(links):
        case "translation":
            return np.eye(3), single[[2, 5]]
        case "similarity":
            return single[8], np.concatenate([turn, single[[2, 5]]])
        case "affine":
            return single[8], single[:6]
        case "homography":
            return np.zeros((3, 3)), single
        case _:
            assert_never(model)
