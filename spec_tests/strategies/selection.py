"""Selection cases: short lists of small numbers, ties, both zeros, ragged shapes, entries removed before."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from refprune.arrays import Array
from spec_tests.adapter import Blocks, Declaration, Elements, NofM, SelectCase, Units
from spec_tests.oracle.selection import DEFAULT, by_tiles, pool_entries, pools, ruling

NAMES = ("a", "b", "c")
DTYPES = st.sampled_from((np.float64, np.float32))
FRACTIONS = (0.0, 1.0, 0.5, 0.25, 0.1, 0.29, 0.3, 0.7, 0.9, 0.99, 1 / 3, 2 / 3)
SPARSITIES = st.one_of(st.sampled_from(FRACTIONS), st.floats(0.0, 1.0))
Pools = Literal["local", "global"]
POOLS: st.SearchStrategy[Pools] = st.sampled_from(("local", "global"))
TIED = st.sampled_from((0.0, -0.0, 1.0, 1.0, 2.0, 3.0, -1.0, -3.0))
"""Few values: ties are common, and both zeros are there; a score may be negative."""
EXTREME = st.sampled_from((0.0, -0.0, 1.0, 1 + 1e-12, 2.0, float("inf"), -float("inf"), 5e-324, 1e-45, 3e38))
"""Infinities, the smallest numbers of both dtypes, and two that float32 cannot tell apart."""
COUNTED: st.SearchStrategy[tuple[int, float]] = st.one_of(
    st.sampled_from(
        ((5, 0.5), (5, 0.8), (7, 0.5), (10, 0.1), (10, 0.3), (10, 0.9), (20, 0.9), (45, 0.1), (45, 0.7), (100, 0.29))
    ),
    st.tuples(st.integers(1, 120), SPARSITIES),
)
"""Sizes and sparsities: those at which rules and arithmetics part, the smallest first, and any."""
EVERYTHING = DEFAULT
"""What is drawn when nothing is left out."""


def pools_of(declaration: Declaration) -> st.SearchStrategy[Pools]:
    """Draw declared pools."""
    both: tuple[Pools, ...] = ("local", "global")
    return st.sampled_from([pools for pools in both if pools in declaration.pools])


def pools_of_runs(declaration: Declaration) -> Pools:
    """Return declared pools for runs of n of m, which make no difference there."""
    return "local" if "local" in declaration.pools else "global"


def sparsities_of(declaration: Declaration, most: int) -> st.SearchStrategy[float | int]:
    """Draw fractions, and counts up to `most` where there are any."""
    return st.one_of(SPARSITIES, st.integers(0, most)) if declaration.integers != "refused" else SPARSITIES


def singles_of(declaration: Declaration) -> Elements | Units:
    """Return what is selected one by one: entries, or units without a reserve where a backend knows no entries."""
    return Elements() if "element" in declaration.granularities else Units(min_kept=0)


def shapes(least_axes: int = 1, most_axes: int = 3, longest: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw ragged little shapes."""
    return st.lists(st.integers(1, longest), min_size=least_axes, max_size=most_axes).map(tuple)


@st.composite
def arrays(
    draw: st.DrawFn, shape: st.SearchStrategy[tuple[int, ...]], values: st.SearchStrategy[float], dtype: Any
) -> Array:
    """Draw an array entry by entry, in C order: other orders belong to SEL-14."""
    size = draw(shape)
    flat = draw(st.lists(values, min_size=int(np.prod(size)), max_size=int(np.prod(size))))
    return np.array(flat, dtype=dtype).reshape(size)


@st.composite
def named_arrays(
    draw: st.DrawFn,
    shape: st.SearchStrategy[tuple[int, ...]] | None = None,
    values: st.SearchStrategy[float] = TIED,
    most: int = 3,
) -> dict[str, Array]:
    """Draw one to three arrays of one dtype."""
    dtype = draw(DTYPES)
    count = draw(st.integers(1, most))
    return {name: draw(arrays(shapes() if shape is None else shape, values, dtype)) for name in NAMES[:count]}


@st.composite
def masks_for(draw: st.DrawFn, named: dict[str, Array]) -> dict[str, Array]:
    """Draw masks for some of the arrays; a missing one is dense."""
    chosen = [name for name in named if draw(st.booleans())]
    return {
        name: np.array(
            draw(st.lists(st.booleans(), min_size=named[name].size, max_size=named[name].size)), dtype=bool
        ).reshape(named[name].shape)
        for name in chosen
    }


@st.composite
def distinct(draw: st.DrawFn, named: dict[str, Array]) -> dict[str, Array]:
    """Draw other scores for these arrays, no two of them equal."""
    ranks = iter(draw(st.permutations(range(sum(array.size for array in named.values())))))
    return {
        name: np.array([next(ranks) for _ in range(array.size)], array.dtype).reshape(array.shape)
        for name, array in named.items()
    }


@st.composite
def core_cases(draw: st.DrawFn, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw what every correct library does alike: distinct positive scores, s n an integer, nothing emptied.

    Single entries; the units of one group where a backend knows no entries.
    """
    size = draw(st.sampled_from((4, 8, 16)))
    count = draw(st.integers(1, size - 1))
    order = draw(st.permutations(range(1, size + 1)))
    dtype = draw(DTYPES)
    scores = np.array(order, dtype=dtype)
    tensors, pool = draw(st.integers(1, 2)), draw(pools_of(declaration))
    if "element" not in declaration.granularities:
        return SelectCase({"t0": scores}, count / size, pool, Units())
    if pool == "local":
        shaped = {f"t{i}": scores.reshape(draw(st.sampled_from(((size,), (2, size // 2))))) + i for i in range(tensors)}
        return SelectCase(shaped, count / size, "local")
    return SelectCase({"t0": scores[:3], "t1": scores[3:]}, count / size, "global")


@st.composite
def element_cases(
    draw: st.DrawFn,
    values: st.SearchStrategy[float] = TIED,
    removed: Literal["none", "some", "either"] = "either",
    pools: st.SearchStrategy[Pools] | None = None,
    declaration: Declaration = EVERYTHING,
) -> SelectCase:
    """Draw ties, zeros, removed entries, any sparsity that does not ask for regrowth, local or global.

    Single entries; units without a reserve where a backend knows no entries.
    """
    single = singles_of(declaration)
    scores = draw(named_arrays(shapes() if isinstance(single, Elements) else shapes(1, 1, 6), values))
    either = removed == "either" and declaration.within and draw(st.booleans())
    alive = draw(masks_for(scores)) if removed == "some" or either else None
    if removed == "some" and not alive:
        alive = {name: np.arange(array.size).reshape(array.shape) > 0 for name, array in scores.items()}
    pool = draw(pools_of(declaration) if pools is None else pools)
    return draw(with_sparsity(SelectCase(scores, 0.0, pool, single, alive), declaration))


@st.composite
def unit_cases(draw: st.DrawFn, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw units: 1-d scores, a reserve of 0 to 2, some removed before; distinct where other ties may be reserved."""
    scores, least = draw(named_arrays(shapes(1, 1, 6), draw(st.sampled_from((TIED, EXTREME))))), draw(st.integers(0, 2))
    if declaration.ties != "first" and least:
        scores = draw(distinct(scores))
    alive = draw(masks_for(scores)) if declaration.within and draw(st.booleans()) else None
    case = SelectCase(scores, 0.0, draw(pools_of(declaration)), Units(least), alive)
    return draw(with_sparsity(case, declaration))


@st.composite
def width_cases(draw: st.DrawFn, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw units whose number is rounded up to a multiple, where that is declared."""
    case = draw(unit_cases(declaration))
    if declaration.ties != "first":
        case = draw(with_sparsity(replace(case, scores=draw(distinct(dict(case.scores)))), declaration))
    assert isinstance(case.granularity, Units)
    multiple = draw(st.integers(1, 5)) if declaration.multiples else 1
    return replace(case, granularity=replace(case.granularity, multiple=multiple))


@st.composite
def with_sparsity(draw: st.DrawFn, case: SelectCase, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw a sparsity, float or int, to which masks are due in every pool."""
    tiled = by_tiles(case)
    entries = [pool_entries(tiled, names, declaration) for names in pools(tiled)]

    def answered(sparsity: float) -> bool:
        due = [ruling(pool, sparsity, declaration) for pool in entries]
        return not any(one.refusal or one.unclear for one in due)

    counts = range(min(map(len, entries)) + 1) if declaration.integers != "refused" else ()
    asked = [s for s in (*FRACTIONS, draw(st.floats(0.0, 1.0)), *counts) if answered(s)]
    assume(asked)
    return replace(case, sparsity=draw(st.sampled_from(asked)))


def pool_sizes(case: SelectCase) -> tuple[list[int], list[int]]:
    """Return the size of every pool and how many of it are removed already."""
    size = {name: scores.size for name, scores in case.scores.items()}
    gone = {name: int((~case.within[name]).sum()) if case.within and name in case.within else 0 for name in case.scores}
    if case.pools == "global":
        return [sum(size.values())], [sum(gone.values())]
    return list(size.values()), list(gone.values())


@st.composite
def block_cases(draw: st.DrawFn, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw tiles that do not divide the array, rows, kernels; integers, so that sums are exact."""
    values = st.integers(-3, 3).map(float)
    scores = draw(named_arrays(shapes(1, 4, 3), values, most=2))
    side = st.one_of(st.none(), st.integers(1, 4))
    known = sorted({"l1", "l2", "max", "sum_then_square"} & declaration.reducers)
    assume(known)
    granularity = Blocks(draw(side), draw(side), draw(st.sampled_from(known)))
    case = SelectCase(scores, 0.0, draw(pools_of(declaration)), granularity)
    return draw(with_sparsity(case, declaration))


@st.composite
def n_of_m_rules(draw: st.DrawFn, declaration: Declaration) -> NofM:
    """Draw what is kept or removed of a run, neither nothing nor all of what is removed."""
    axis = draw(st.sampled_from([*(1,) * 2 * (1 in declaration.run_axes), *sorted(declaration.run_axes)]))
    if declaration.names == "kept":
        keep = draw(st.integers(1, 3))
        return NofM(keep, draw(st.integers(keep, 4)), axis)
    gone = draw(st.integers(1, 3))
    return NofM(gone, draw(st.integers(gone + 1, 4)), axis)


@st.composite
def n_of_m_cases(draw: st.DrawFn, declaration: Declaration = EVERYTHING) -> SelectCase:
    """Draw runs with tails, ties and removed entries, where masks are due."""
    rule = draw(n_of_m_rules(declaration))
    least = max(2, rule.axis + 1)
    scores = draw(named_arrays(shapes(least, max(3, least), 5 if least < 4 else 3), most=2))
    if declaration.tail == "refused":
        scores = {name: np.concatenate([array] * rule.of, axis=rule.axis) for name, array in scores.items()}
    alive = draw(masks_for(scores)) if declaration.within and draw(st.booleans()) else None
    return SelectCase(scores, None, pools_of_runs(declaration), rule, alive)


@st.composite
def whole_runs(draw: st.DrawFn, declaration: Declaration, positions: int = 1) -> SelectCase:
    """Draw whole runs of distinct scores, with so many runs beside each other at each row."""
    rule = draw(n_of_m_rules(declaration))
    height, length = draw(st.integers(1, 3)), draw(st.integers(1, 3)) * rule.of
    order = draw(st.permutations(range(1, height * positions * length + 1)))
    rows = np.array(order, np.float64).reshape(height, positions, 1, length)
    scores = np.moveaxis(rows, -1, rule.axis)
    if rule.axis < 2 and positions == 1:
        scores = scores.reshape(scores.shape[:2] if rule.axis == 1 else (length, height))
    return SelectCase({"a": scores}, None, pools_of_runs(declaration), rule)


def declared_cases(declaration: Declaration) -> list[st.SearchStrategy[SelectCase]]:
    """Return a strategy for each declared granularity."""
    kinds = {"element": element_cases(declaration=declaration), "unit": unit_cases(declaration)}
    kinds |= {"block": block_cases(declaration), "n_of_m": n_of_m_cases(declaration)}
    return [cases for kind, cases in kinds.items() if kind in declaration.granularities]


@st.composite
def beginnings(draw: st.DrawFn, declaration: Declaration) -> SelectCase:
    """Draw what a session begins with: entries or units, masks of what is alive where they are declared."""
    units = "element" not in declaration.granularities or ("unit" in declaration.granularities and draw(st.booleans()))
    case = draw(unit_cases(declaration) if units else element_cases(declaration=declaration))
    return case if declaration.ties == "first" else replace(case, scores=draw(distinct({**case.scores})))


@st.composite
def next_calls(draw: st.DrawFn, last: SelectCase, declaration: Declaration) -> SelectCase:
    """Draw new scores, 99 or NaN where an entry is removed, and a sparsity that rises more often than it falls."""
    scores = {name: array.copy() for name, array in last.scores.items()}
    if declaration.ties == "first":
        scores = {name: draw(arrays(st.just(a.shape), TIED, a.dtype)) for name, a in scores.items()}
    else:
        scores = draw(distinct(scores))
    for name, mask in (last.within or {}).items():
        scores[name][~mask] = draw(st.sampled_from((99.0, float("nan"))))
    case = replace(last, scores=scores)
    if draw(st.integers(0, 3)):
        return draw(with_sparsity(case, declaration))
    return replace(case, sparsity=draw(sparsities_of(declaration, min(pool_sizes(case)[0]))))
