"""Normal equations in blocks are held to the same equations written out in full."""

import numpy as np
import pytest

from stackd.imaging.ground.linked import NormalEquations

FRAMES, UNKNOWNS = 7, 3


def _links(seed: int, reach: int) -> list[tuple[dict[int, np.ndarray], np.ndarray, float]]:
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(FRAMES) for b in range(a + 1, min(a + reach, FRAMES - 1) + 1)]
    links = [({b: rng.normal(size=(5, UNKNOWNS)), a: rng.normal(size=(5, UNKNOWNS))}, rng.normal(size=5), 0.5) for a, b in pairs]
    return [*links, ({0: np.eye(UNKNOWNS)}, rng.normal(size=UNKNOWNS), 2.0)]


@pytest.mark.parametrize("reach", [1, 2, FRAMES])
def test_the_solution_is_that_of_least_squares(reach: int):
    links = _links(seed=reach, reach=reach)
    equations = NormalEquations(FRAMES, UNKNOWNS)
    rows, targets = [], []
    for parts, target, weight in links:
        equations.add(parts, target, weight)
        row = np.zeros((len(target), FRAMES * UNKNOWNS))
        for frame, part in parts.items():
            row[:, frame * UNKNOWNS : (frame + 1) * UNKNOWNS] = part
        rows.append(np.sqrt(weight) * row)
        targets.append(np.sqrt(weight) * target)

    found, log_determinant = equations.solve()

    design = np.concatenate(rows)
    expected = np.linalg.lstsq(design, np.concatenate(targets), rcond=None)[0]
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)
    assert log_determinant == pytest.approx(np.linalg.slogdet(design.T @ design)[1])


def test_solving_twice_gives_the_same():
    equations = NormalEquations(FRAMES, UNKNOWNS)
    for parts, target, weight in _links(seed=0, reach=2):
        equations.add(parts, target, weight)

    first, _ = equations.solve()
    second, _ = equations.solve()

    np.testing.assert_array_equal(first, second)


def test_what_is_left_undetermined_is_refused():
    equations = NormalEquations(2, 1)
    equations.add({0: np.array([[1.0]])}, np.array([1.0]))

    with pytest.raises(np.linalg.LinAlgError):
        equations.solve()
