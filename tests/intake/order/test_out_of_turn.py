"""Which frames lie elsewhere in focus than their names say."""

import pytest

from stackd.intake.order.out_of_turn import out_of_turn


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["a_1", "a_2", "a_9", "a_10", "a_11"], ()),
        (["a_11", "a_10", "a_9", "a_2", "a_1"], ()),
        (["1", "2", "7", "3", "4", "5", "6", "8"], (2,)),
        (["8", "6", "5", "1", "4", "3", "2"], (3,)),
        (["only"], ()),
        ([], ()),
    ],
)
def test_the_fewest_frames_that_break_the_run_are_found(names: list[str], odd: tuple[int, ...]) -> None:
    assert out_of_turn(names) == odd


def test_shuffled_names_are_mostly_out_of_turn() -> None:
    names = [str(17 * number % 101) for number in range(101)]
    assert len(out_of_turn(names)) > 50


def test_thousands_of_names_are_no_burden() -> None:
    """The longest run is found in n log n steps: a quadratic way would not end within the test's time."""
    names = [f"IMG_{number:06d}.jpg" for number in range(20_000)]
    names[70], names[9000] = names[9000], names[70]
    assert set(out_of_turn(names)) == {70, 9000}
