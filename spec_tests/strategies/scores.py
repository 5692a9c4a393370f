"""Score cases: layers of small integers with ties and both zeros, and the evidence that goes with them."""

from typing import Any

import pytest
from hypothesis import strategies as st

from refprune.arrays import Array
from refprune.granularity import Group, Slice
from spec_tests.adapter import Backend, Blocks, Elements, ScoreCase, Units
from spec_tests.strategies.selection import DTYPES, arrays, masks_for, shapes

SMALL = st.sampled_from((0.0, -0.0, 1.0, 1.0, -1.0, 2.0, -3.0))
"""Integers whose products and sums are exact in float32: both zeros, ties, both signs."""
SPECIAL = st.sampled_from((0.0, -0.0, 1.5, -2.0, 1e-40, 6e4, float("inf"), -float("inf"), float("nan")))
FINITE = st.sampled_from((0.0, -0.0, 1.5, -2.0, -1e-40, 6e4))
DRAWN = st.sampled_from((0.0, 0.25, 0.5, 0.5, 0.75))
CRITERIA = ("magnitude", "gradient", "taylor", "random")
UNIT_CRITERIA = ("taylor_gate", "random_unit")
REDUCERS = ("l1", "l2", "mean", "max", "sum_then_square")
KINDS = frozenset({"element", "unit", "block"})
"""What a score can be for."""


@st.composite
def layers(draw: st.DrawFn, values: st.SearchStrategy[float] = SMALL, least_axes: int = 2) -> dict[str, Array]:
    """Draw one or two layers: a weight of two to four axes, and its bias."""
    dtype = draw(DTYPES)
    params: dict[str, Array] = {}
    for name in ("conv", "fc")[: draw(st.integers(1, 2))]:
        weight = draw(arrays(shapes(least_axes, 4, 3), values, dtype))
        params[f"{name}.weight"] = weight
        params[f"{name}.bias"] = draw(arrays(st.just(weight.shape[:1]), values, dtype))
    return params


@st.composite
def like(draw: st.DrawFn, params: dict[str, Array], values: st.SearchStrategy[float] = SMALL) -> dict[str, Array]:
    """Draw arrays of the shapes and dtypes of these."""
    return {name: draw(arrays(st.just(array.shape), values, array.dtype)) for name, array in params.items()}


@st.composite
def by_unit(draw: st.DrawFn, params: dict[str, Array], values: st.SearchStrategy[float] = SMALL) -> dict[str, Array]:
    """Draw one number for each index of axis 0 of every weight."""
    return {
        name: draw(arrays(st.just(array.shape[:1]), values, array.dtype))
        for name, array in params.items()
        if name.endswith(".weight")
    }


@st.composite
def score_cases(
    draw: st.DrawFn,
    criteria: tuple[str, ...] = CRITERIA,
    kinds: frozenset[str] = KINDS,
    *,
    within: bool = False,
    reducers: tuple[str, ...] = REDUCERS,
) -> ScoreCase:
    """Draw a criterion of these with the evidence it needs, for entries, tiles or units: these `kinds`."""
    criterion = draw(st.sampled_from(criteria))
    params = draw(layers())
    reducer = draw(st.sampled_from(reducers))
    evidence: dict[str, Any] = {}
    if criterion in ("gradient", "taylor"):
        evidence["grads"] = draw(like(params))
    if criterion == "random":
        evidence["draws"] = draw(like(params, DRAWN))
    if criterion == "taylor_gate":
        evidence["gates"] = draw(by_unit(params))
    if criterion == "random_unit":
        evidence["unit_draws"] = draw(by_unit(params, DRAWN))
    side = st.one_of(st.none(), st.integers(1, 4))
    granularity: Elements | Units | Blocks = Units()
    if criterion not in UNIT_CRITERIA:
        tiles = Blocks(draw(side), draw(side), draw(st.sampled_from(reducers)))
        choices: dict[str, Elements | Units | Blocks] = {"element": Elements(), "unit": Units(), "block": tiles}
        granularity = choices[draw(st.sampled_from([kind for kind in choices if kind in kinds]))]
    alive = draw(masks_for(params)) if within else None
    return ScoreCase(criterion, params, **evidence, granularity=granularity, reducer=reducer, within=alive)


def declared_case(
    backend: Backend,
    data: st.DataObject,
    criteria: tuple[str, ...] = CRITERIA,
    kinds: frozenset[str] = KINDS,
    *,
    within: bool = False,
) -> ScoreCase:
    """Draw a case of these inside the declaration; skip when nothing of them is declared."""
    declared = backend.declaration
    known = kinds & declared.granularities
    reducers = tuple(name for name in REDUCERS if name in declared.reducers)
    known = known if reducers else known & {"element"}
    usable = tuple(
        name for name in criteria if name in declared.criteria and (name not in UNIT_CRITERIA or "unit" in known)
    )
    if not usable or not known:
        pytest.skip(f"not applicable: {declared.name} declares none of {list(criteria)} for {sorted(kinds)}")
    return data.draw(score_cases(usable, known, within=within, reducers=reducers or REDUCERS))


def runs_of(array: str, axis: int, size: int, span: int = 1) -> Slice:
    """Return the slice in which unit i owns [i * span, (i + 1) * span)."""
    return Slice(array, axis, tuple(unit for unit in range(size) for _ in range(span)))


@st.composite
def groups(draw: st.DrawFn) -> tuple[tuple[Group, ...], dict[str, Array]]:
    """Draw groups of one to three units and the arrays they cut, along any axis, with labels in any order.

    Every unit has one or two indices of each axis, and some indices belong to no unit.
    """
    dtype = draw(DTYPES)
    drawn: list[Group] = []
    params: dict[str, Array] = {}
    for name in ("g", "h")[: draw(st.integers(1, 2))]:
        size = draw(st.integers(1, 3))
        parts = []
        for number in range(draw(st.integers(1, 2))):
            rank, span = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            axis = draw(st.integers(0, rank - 1))
            labels = [*range(size)] * span + [-1] * draw(st.integers(0, 1))
            shape = tuple(len(labels) if i == axis else draw(st.integers(1, 3)) for i in range(rank))
            key = f"{name}{number}.weight"
            params[key] = draw(arrays(st.just(shape), SMALL, dtype))
            parts.append(Slice(key, axis, tuple(draw(st.permutations(labels)))))
        params[f"{name}.bias"] = draw(arrays(st.just((size,)), SMALL, dtype))
        drawn.append(Group(name, size, (*parts, runs_of(f"{name}.bias", 0, size)), ()))
    return tuple(drawn), params
