"""Which frames lie elsewhere in focus than their names say."""

from collections.abc import Sequence

from stackd.intake.names import natural_key
from stackd.intake.order.focus_order import longest_rise


def out_of_turn(names: Sequence[str]) -> tuple[int, ...]:
    """Find the fewest frames without which the names of the others run one way.

    Parameters
    ----------
    names : sequence of str
        Near → far.

    Returns
    -------
    tuple of int
        Their positions; empty where all names run one way, up or down.
    """
    ranked = sorted(range(len(names)), key=lambda position: natural_key(names[position]))
    turns = [0] * len(names)
    for turn, position in enumerate(ranked):
        turns[position] = turn
    upwards, downwards = longest_rise(turns), longest_rise([-turn for turn in turns])
    kept = set(upwards) if len(upwards) >= len(downwards) else {-turn for turn in downwards}
    return tuple(position for position, turn in enumerate(turns) if turn not in kept)
