"""The definition of contributions, reductions, units and masks, in plain Python: loops and Fractions."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import copysign, isnan, sqrt
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, Elements, ScoreCase, Units
from spec_tests.oracle.selection import reduce_exactly, tiles
from spec_tests.verdicts import call, expect_close, expect_equal

Index = tuple[int, ...]
UNIT_LEVEL = {"taylor_gate": "gates", "random_unit": "unit_draws"}
"""The criteria that speak of units -> the evidence they read."""


def indices(shape: Index) -> Iterator[Index]:
    """Return every index in logical C order."""
    return product(*map(range, shape))


def score(reducer: str, values: list[float], unit_norm: str = "root") -> float:
    """Return the score of these contributions: exact, or rounded once (mean, the root of l2)."""
    reduced = reduce_exactly(reducer, values)
    return sqrt(float(reduced)) if reducer == "l2" and unit_norm == "root" else float(reduced)


def contribution(case: ScoreCase, name: str, index: Index) -> float:
    """Return the signed contribution of one entry, or of one unit of a criterion that speaks of units."""
    evidence: Mapping[str, Mapping[str, Any] | None] = {
        "magnitude": case.params,
        "gradient": case.grads,
        "taylor": case.grads,
        "taylor_gate": case.gates,
        "random": case.draws,
        "random_unit": case.unit_draws,
    }
    known = evidence[case.criterion]
    assert known is not None
    if case.criterion not in UNIT_LEVEL and case.within and name in case.within and not case.within[name][index]:
        return 0.0
    value = float(known[name][index])
    return value * float(case.params[name][index]) if case.criterion == "taylor" else value


def scores(case: ScoreCase, unit_norm: str = "root") -> dict[str, Any]:
    """Return the scores of a whole case as float64 arrays."""
    return {name: _scores(case, name, unit_norm) for name in case.params if name.endswith(".weight")}


def _scores(case: ScoreCase, name: str, unit_norm: str) -> Any:
    shape = case.params[name].shape
    if isinstance(case.granularity, Units):
        return np.array([_unit_score(case, name, unit, unit_norm) for unit in range(shape[0])])
    if isinstance(case.granularity, Blocks):
        members = tiles(shape, case.granularity.rows, case.granularity.columns)
        rows, columns = (max(grid[axis] for grid in members) + 1 for axis in (0, 1))
        values = [
            score(case.granularity.reducer, [contribution(case, name, index) for index in tile], unit_norm)
            for tile in members.values()
        ]
        return np.array(values).reshape(rows, columns)
    return np.array([abs(contribution(case, name, index)) for index in indices(shape)]).reshape(shape)


def _unit_score(case: ScoreCase, name: str, unit: int, unit_norm: str) -> float:
    if case.criterion in UNIT_LEVEL:
        return score(case.reducer, [contribution(case, name, (unit,))], unit_norm)
    entries = [index for index in indices(case.params[name].shape) if index[0] == unit]
    return score(case.reducer, [contribution(case, name, index) for index in entries], unit_norm)


def reducer_of(case: ScoreCase) -> str:
    """Return the reducer that decides a case; entries have none."""
    if isinstance(case.granularity, Blocks):
        return case.granularity.reducer
    return "" if isinstance(case.granularity, Elements) else case.reducer


def check_scores(got: Mapping[str, Any], case: ScoreCase, unit_norm: str = "root") -> None:
    """Require the scores of the definition, l2 with a root or without.

    Products and sums of the small numbers that are drawn are exact in float32. Roots and quotients are required
    to the precision of float32 sums of at most so many entries: what more is due is GRA-20's to say.
    """
    should, said = scores(case, unit_norm), call("score", case)
    if reducer_of(case) not in ("l2", "mean"):
        expect_equal(got, should, said)
        return
    expect_equal(sorted(got), sorted(should), f"the names of {said}")
    for name, values in should.items():
        bound = (case.params[name].size + 3) * float(np.finfo(np.float32).eps) * float(values.max())
        expect_close(got[name], values, bound, f"{said}[{name!r}]")


def exact_sum(values: list[float]) -> Fraction:
    """Return the exact sum of floats."""
    return sum(map(Fraction, values), Fraction(0))


def same_value(got: float, should: float) -> bool:
    """Say whether two numbers are the same, signs of zeros included; NaN is NaN."""
    if isnan(got) or isnan(should):
        return isnan(got) and isnan(should)
    return got == should and copysign(1, got) == copysign(1, should)


def count_true(mask: Any) -> int:
    """Count the kept entries one by one."""
    return sum(1 for entry in np.asarray(mask).ravel().tolist() if entry)
