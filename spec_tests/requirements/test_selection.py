"""docs/spec/selection.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import selection
from refprune.errors import InvalidInput
from refprune.selection import global_, keep_best, keep_best_fast, least_under_caps, local, select
from spec_tests.adapter import Backend, Blocks, Elements, NofM, SelectCase, Session, Units
from spec_tests.applicability import (
    declared,
    needs,
    needs_default,
    needs_granularity,
    needs_pools,
    needs_repeatable,
    needs_singles,
    needs_within,
)
from spec_tests.declared import applicable, as_masks, keeps, keeps_by, keeps_each, kept, not_shown, refuses_each
from spec_tests.faults import Fault
from spec_tests.oracle.selection import (
    DEFAULT,
    check_masks_form,
    check_selection,
    check_widths,
    differs,
    judge,
    parts,
    pool_entries,
    pools,
    read_masks,
    refusal,
    removal_count,
    removed_in_all,
    unclear,
)
from spec_tests.strategies import selection as draw
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement, show

INF, NAN = float("inf"), float("nan")


def scores(*values: float) -> np.ndarray[Any, Any]:
    """Return float64 scores."""
    return np.array(values, np.float64)


def alive(*values: int) -> np.ndarray[Any, Any]:
    """Return a mask."""
    return np.array(values, bool)


def removed(backend: Backend, case: SelectCase) -> int:
    """Return how many entries are removed in all."""
    return sum(int((~mask).sum()) for mask in kept(backend, case).values())


# SEL-01 Count


@requirement("SEL-01", "example", "SELECT")
def test_count_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(1, 2, 3, 4, 5)}, 0.5), a=[0, 0, 1, 1, 1])


ROUNDED = (
    (100, 0.29, {"half_even": 29, "trunc": 28, "ceil": 29, "keep_half_even": 29, "keep_trunc": 29}),
    (7, 0.5, {"half_even": 4, "trunc": 3, "ceil": 4, "keep_half_even": 3, "keep_trunc": 4}),
    (5, 0.5, {"half_even": 2, "trunc": 2, "ceil": 3, "keep_half_even": 3, "keep_trunc": 3}),
    (9, 0.25, {"half_even": 2, "trunc": 2, "ceil": 3, "keep_half_even": 2, "keep_trunc": 3}),
    (10, 0.9, {"half_even": 9, "trunc": 9, "ceil": 9, "keep_half_even": 9, "keep_trunc": 10}),
    (45, 0.7, {"half_even": 31, "trunc": 31, "ceil": 32, "keep_half_even": 31, "keep_trunc": 32}),
    (45, 0.1, {"half_even": 4, "trunc": 4, "ceil": 5, "keep_half_even": 5, "keep_trunc": 5}),
    (10, 0.0, {"half_even": 0, "trunc": 0, "ceil": 0, "keep_half_even": 0, "keep_trunc": 0}),
    (3, 1.0, {"half_even": 3, "trunc": 3, "ceil": 3, "keep_half_even": 3, "keep_trunc": 3}),
)
"""n, s, and how many go by each rule. The double products are 28.999... for 0.29 of 100, 0.999... for the tenth of 10
that stays at 0.9, 31.499... for 0.7 of 45, 4.5 for 0.1 of 45, and 40.5 for what stays of it."""


@requirement("SEL-01", "example", "SELECT")
def test_rounding_example(backend: Backend) -> None:
    needs_default(backend, "arithmetic")
    for size, sparsity, gone in ROUNDED:
        count = gone[backend.declaration.count]
        if count < size or backend.declaration.emptied == "allowed":
            removes(backend, size, sparsity, count)


PRODUCTS = {
    "half_even": (
        (45, 0.7, {"float64": 31, "float32": 32, "exact": 31}),
        (45, 0.1, {"float64": 4, "float32": 4, "exact": 5}),
        (100, 0.29, {"float64": 29, "float32": 29, "exact": 29}),
        (95, 0.3, {"float64": 28, "float32": 29, "exact": 28}),
    ),
    "trunc": (
        (100, 0.29, {"float64": 28, "float32": 29, "exact": 28}),
        (5, 0.6, {"float64": 3, "float32": 3, "exact": 2}),
    ),
    "ceil": (
        (25, 0.6, {"float64": 15, "float32": 16, "exact": 15}),
        (5, 0.2, {"float64": 1, "float32": 1, "exact": 2}),
    ),
    "keep_half_even": (
        (45, 0.3, {"float64": 14, "float32": 13, "exact": 13}),
        (10, 0.05, {"float64": 0, "float32": 0, "exact": 1}),
        (10, 0.85, {"float64": 8, "float32": 9, "exact": 8}),
    ),
    "keep_trunc": (
        (5, 0.6, {"float64": 3, "float32": 4, "exact": 3}),
        (5, 0.2, {"float64": 1, "float32": 1, "exact": 2}),
    ),
}
"""Count -> n, s, and how many go in each arithmetic.

Single precision rounds 31.4999995 to 31.5, 28.9999992 to 29, 15.0000006 to 15.000001 and 28.5000011 to 28.500002, while
the double product of 95 and 0.3 is 28.5, in whichever precision it is held. The doubles 0.1, 0.2 and 0.05 are above
their decimals, 0.6 and 0.7 below.
"""


@requirement("SEL-01", "example", "SELECT")
def test_arithmetic_example(backend: Backend) -> None:
    for size, sparsity, gone in PRODUCTS[backend.declaration.count]:
        removes(backend, size, sparsity, gone[backend.declaration.arithmetic])


def removes(backend: Backend, size: int, sparsity: float, gone: int) -> None:
    """Require that so many of the scores 1, 2, ... go."""
    case = declared(backend, SelectCase({"a": np.arange(1.0, size + 1)}, sparsity))
    needs(backend, case)
    expect_equal(f"{removed(backend, case)} removed", f"{gone} removed", call("select", case))


@requirement("SEL-01", "example", "SELECT")
def test_base_example(backend: Backend) -> None:
    """With two of four removed before, half of four is none more, and half of two is one more."""
    case = SelectCase({"a": scores(1, 2, 3, 4)}, 0.5, within={"a": alive(1, 0, 1, 0)})
    keeps_by(backend, "base", (case, {"all": [1, 0, 1, 0], "alive": [0, 0, 1, 0]}))


@requirement("SEL-01", "example", "SELECT")
def test_emptied_example(backend: Backend) -> None:
    """All of three, and all of what is left of three."""
    three = SelectCase({"a": scores(1, 3, 2)}, 1.0)
    rest = SelectCase({"a": scores(1, 9, 2)}, 1.0, within={"a": alive(1, 0, 1)})
    both = SelectCase({"a": scores(1, 3), "b": scores(4, 2)}, 1.0, "global")
    keeps_by(
        backend,
        "emptied",
        (three, {"allowed": [0, 0, 0], "keeps_one": [0, 1, 0], "skipped": [1, 1, 1], "refused": None}),
        (rest, {"allowed": [0, 0, 0], "keeps_one": [0, 0, 1], "skipped": [1, 0, 1], "refused": None}),
        (
            both,
            {
                "allowed": {"a": [0, 0], "b": [0, 0]},
                "keeps_one": {"a": [0, 0], "b": [1, 0]},
                "skipped": {"a": [1, 1], "b": [1, 1]},
                "refused": None,
            },
        ),
    )


@requirement("SEL-01", "property", "SELECT")
@given(draw.COUNTED, st.permutations(range(120)))
def test_count(backend: Backend, counted: tuple[int, float], order: list[int]) -> None:
    size, sparsity = counted
    scores, single = np.array([rank + 1.0 for rank in order if rank < size]), draw.singles_of(backend.declaration)
    case = declared(backend, SelectCase({"a": scores}, sparsity, granularity=single))
    needs(backend, case)
    removes_as_declared(backend, case)


def removes_as_declared(backend: Backend, case: SelectCase) -> None:
    """Require the number of entries of a case of distinct scores that goes, or an error."""
    gone = removed_in_all(case, backend.declaration)
    if gone is None:
        refuses(lambda: backend.select(case), call("select", case))
    else:
        expect_equal(f"{removed(backend, case)} removed", f"{gone} removed", call("select", case))


@requirement("SEL-01", "property", "SELECT")
@given(st.data())
def test_base(backend: Backend, data: st.DataObject) -> None:
    """The number that goes where some are removed before, and a NaN is not asked about."""
    needs_within(backend)
    needs_singles(backend)
    case = data.draw(draw.element_cases(removed="some", declaration=backend.declaration))
    case = replace(case, scores=data.draw(draw.distinct(dict(case.scores))))
    assume(not unclear(case, backend.declaration))
    removes_as_declared(backend, case)


# SEL-02 Integer counts


@requirement("SEL-02", "example", "SELECT")
def test_integer_example(backend: Backend) -> None:
    four = {"a": scores(1, 2, 3, 4)}
    within = {"a": alive(0, 1, 1, 1)}
    keeps_by(
        backend,
        "integers",
        (SelectCase(four, 1), {"total": [0, 1, 1, 1], "more": [0, 1, 1, 1], "refused": None}),
        (SelectCase(four, 1.0), {"total": [0, 0, 0, 0], "more": [0, 0, 0, 0], "refused": [0, 0, 0, 0]}),
        (SelectCase(four, 2, within=within), {"total": [0, 0, 1, 1], "more": [0, 0, 0, 1], "refused": None}),
        (SelectCase(four, 4, within=within), {"total": [0, 0, 0, 0], "more": None, "refused": None}),
    )


@requirement("SEL-02", "example")
def test_numpy_number_example() -> None:
    got = select({"a": scores(1, 2, 3, 4)}, np.int64(1)).masks  # type: ignore[arg-type]  # no int of Python
    expect_equal(got, {"a": alive(0, 1, 1, 1)}, "select({'a': array([1., 2., 3., 4.])}, int64(1))")
    nothing = select({"a": scores(1, 2, 3, 4)}, 0).masks
    expect_equal(nothing, {"a": alive(1, 1, 1, 1)}, "select({'a': array([1., 2., 3., 4.])}, 0)")
    got = select({"a": np.arange(45.0)}, np.float32(0.1)).masks  # type: ignore[arg-type]  # no float of Python
    expect_equal(int((~got["a"]).sum()), 5, "select({'a': arange(45.)}, float32(0.1))")


@requirement("SEL-02", "example", "SELECT")
def test_numpy_number_read_example(backend: Backend) -> None:
    """A backend may refuse a number of NumPy's, but it reads none as something else."""
    one: Any = np.int64(1)
    tenth: Any = np.float32(0.1)
    for case in (SelectCase({"a": np.arange(1.0, 46)}, tenth), SelectCase({"a": np.arange(1.0, 5)}, one)):
        asked = declared(backend, case)
        needs(backend, asked)
        try:
            got = removed(backend, asked)
        except (AssertionError, Fault):
            raise
        except Exception:  # noqa: BLE001, S112  any exception is a refusal
            continue
        should = removed_in_all(asked, backend.declaration)
        expect_equal(f"{got} removed", f"{should} removed", call("select", asked))


@requirement("SEL-02", "property", "SELECT")
@given(st.data(), st.integers(1, 12))
def test_integer(backend: Backend, data: st.DataObject, size: int) -> None:
    """A count, with some removed before where masks are declared, refused where it is below them or above all."""
    needs_singles(backend)
    count = data.draw(st.integers(0, size))
    ranks = np.array(data.draw(st.permutations(range(1, size + 1))), np.float64)
    within = data.draw(draw.masks_for({"a": ranks})) if backend.declaration.within else None
    case = declared(backend, SelectCase({"a": ranks}, count, "local", draw.singles_of(backend.declaration), within))
    assume(not unclear(case, backend.declaration))
    removes_as_declared(backend, case)


# SEL-03 What is no sparsity

NO_SPARSITY: tuple[Any, ...] = (-0.5, 1.5, NAN, True, False, np.True_, 5, -1, INF, "0.5", None, 0.5j)


@requirement("SEL-03", "example", "SELECT")
def test_no_sparsity_example(backend: Backend) -> None:
    refuses_each(backend, *(SelectCase({"a": scores(1, 2, 3, 4)}, wrong) for wrong in NO_SPARSITY))


@requirement("SEL-03", "example", "SELECT")
def test_outside_example(backend: Backend) -> None:
    four = {"a": scores(1, 2, 3, 4)}
    keeps_by(
        backend,
        "outside",
        (SelectCase(four, -0.5), {"refused": None, "clamped": [1, 1, 1, 1]}),
        (SelectCase(four, 1.5), {"refused": None, "clamped": [0, 0, 0, 0]}),
        (SelectCase(four, -INF), {"refused": None, "clamped": [1, 1, 1, 1]}),
        (SelectCase(four, INF), {"refused": None, "clamped": [0, 0, 0, 0]}),
    )


@requirement("SEL-03", "property", "SELECT")
@given(st.data())
def test_no_sparsity(backend: Backend, data: st.DataObject) -> None:
    """What is no fraction and no count, by the declaration; what is one there gives its masks."""
    needs_singles(backend)
    case = data.draw(draw.element_cases(removed="none", declaration=backend.declaration))
    most = max(draw.pool_sizes(case)[0])
    fractions = (st.floats(max_value=-1e-9), st.floats(min_value=1.0 + 1e-9), st.just(NAN))
    counts = (st.integers(max_value=-1), st.integers(min_value=most + 1), st.booleans())
    refused = (st.integers(0, most),) * (backend.declaration.integers == "refused")
    case = replace(case, sparsity=data.draw(st.one_of(*fractions, *counts, *refused)))
    before = {name: array.copy() for name, array in case.scores.items()}
    judge(backend, case)
    expect_equal(case.scores, before, "the scores afterwards")


# SEL-04 Order and ties


@requirement("SEL-04", "example", "SELECT")
def test_large_example(backend: Backend) -> None:
    """300,000 entries, more than libraries sort at once: each of 0..999 stands there 300 times, as 0, 919, 838, ...

    The reference looks at a sample first from 262,144 entries on. An int is a count. 150,000 removed are all below 500;
    the 100 after them are of the 300 entries of 500, of which the first or last 200 stay; 297,000 are all below 990.
    """
    values = (np.arange(300_000.0) * 7919) % 1000
    should = values >= 500
    case = SelectCase({"a": values[:100_000], "b": values[100_000:].reshape(400, 500)}, 0.5, "global")
    needs(backend, declared(backend, case))
    expect_split(backend, declared(backend, case), should)
    tied, by_ties = np.flatnonzero(values == 500), {"first": slice(200, None), "last": slice(None, 100)}
    if backend.declaration.integers != "refused" and backend.declaration.ties in by_ties:
        should[tied[by_ties[backend.declaration.ties]]] = False
        expect_split(backend, declared(backend, replace(case, sparsity=150_100)), should)
        expect_split(backend, declared(backend, replace(case, sparsity=297_000)), values >= 990)


def expect_split(backend: Backend, case: SelectCase, should: np.ndarray[Any, Any]) -> None:
    """Require the masks of the two tensors of a pool that is given flat; the call is too long to be shown."""
    got = backend.select(case)
    flat = np.concatenate([np.asarray(got[name]).astype(bool).ravel() for name in case.scores])
    wrong = np.flatnonzero(flat != should)
    said = f"entries of 300,000 kept or removed wrongly, asked for {case.sparsity} of (arange(300_000) * 7919) % 1000"
    expect_equal(wrong.size, 0, said)


@requirement("SEL-04", "example", "SELECT")
def test_precision_example(backend: Backend) -> None:
    """Scores that only float64 tells apart are not tied, and the smallest number is above 0."""
    keeps_each(
        backend,
        (SelectCase({"a": scores(1, 1 + 1e-12)}, 0.5), {"a": [0, 1]}),
        (SelectCase({"a": scores(1 + 1e-12, 1)}, 0.5), {"a": [1, 0]}),
        (SelectCase({"a": scores(0, 5e-324)}, 0.5), {"a": [0, 1]}),
        (SelectCase({"a": scores(5e-324, 0)}, 0.5), {"a": [1, 0]}),
    )


@requirement("SEL-04", "example", "SELECT")
def test_long_ties_example(backend: Backend) -> None:
    """Sorts change their ways with the length: all equal, then three values in turn."""
    last = backend.declaration.ties == "last"
    if not last:
        needs_default(backend, "ties")
    for size in (17, 20, 33, 257, 1000):
        case = declared(backend, SelectCase({"a": np.ones(size)}, 0.5))
        needs(backend, case)
        gone = removal_count(backend.declaration.count, 0.5, size)
        first_stay = [1] * (size - gone) + [0] * gone
        expect_equal(kept(backend, case)["a"], alive(*first_stay[:: -1 if last else 1]), call("select", case))
        turns = [index % 3 for index in range(size)]
        ones = gone - turns.count(0)
        tied_ones = [index for index in range(size) if turns[index] == 1]
        going = tied_ones[:ones] if last else tied_ones[-ones:]
        should = [int(turns[index] > 0 and index not in going) for index in range(size)]
        case = replace(case, scores={"a": np.array(turns, np.float64)})
        expect_equal(kept(backend, case)["a"], alive(*should), call("select", case))


@requirement("SEL-04", "example", "SELECT")
def test_transform_example(backend: Backend) -> None:
    keeps_by(
        backend,
        "transform",
        (SelectCase({"a": scores(-5, 1, 2, 3)}, 0.25), {"none": [0, 1, 1, 1], "abs": [1, 0, 1, 1]}),
        (SelectCase({"a": scores(-1, -2, 0, -3)}, 0.5), {"none": [1, 0, 1, 0], "abs": [0, 1, 0, 1]}),
        (SelectCase({"a": scores(-1, 1, 2, -3)}, 0.25), {"none": [1, 1, 1, 0], "abs": [1, 0, 1, 1]}),
        (SelectCase({"a": scores(1, -INF, 3, 4)}, 0.25), {"none": [1, 0, 1, 1], "abs": [0, 1, 1, 1]}),
    )


@requirement("SEL-04", "example", "SELECT")
def test_ties_example(backend: Backend) -> None:
    zeros, other_zeros = scores(2, -0.0, 0.0, 2), scores(2, 0.0, -0.0, 2)
    by_zeros = {"first": [1, 1, 0, 1], "last": [1, 0, 1, 1], "keep_all": [1, 1, 1, 1], "remove_all": [1, 0, 0, 1]}
    ones, pairs = SelectCase({"a": np.ones(40)}, 0.25), SelectCase({"a": scores(3, 1, 2, 1, 3, 2)}, 0.5)
    keeps_by(
        backend,
        "ties",
        (
            SelectCase({"a": scores(1, 1, 1, 1)}, 0.5),
            {"first": [1, 1, 0, 0], "last": [0, 0, 1, 1], "keep_all": [1, 1, 1, 1], "remove_all": [0, 0, 0, 0]}
            | {"unspecified": 2},
        ),
        (
            SelectCase({"a": scores(1, 1, 1, 1)}, 0.5, granularity=Units(min_kept=0)),
            {"first": [1, 1, 0, 0], "last": [0, 0, 1, 1], "keep_all": [1, 1, 1, 1], "remove_all": [0, 0, 0, 0]}
            | {"unspecified": 2},
        ),
        (SelectCase({"a": zeros}, 0.25), by_zeros),
        (SelectCase({"a": other_zeros}, 0.25), by_zeros),
        (
            ones,
            {"first": [1] * 30 + [0] * 10, "last": [0] * 10 + [1] * 30, "keep_all": [1] * 40, "remove_all": [0] * 40},
        ),
        (
            pairs,
            {
                "unspecified": 3,
                "first": [1, 0, 1, 0, 1, 0],
                "last": [1, 0, 0, 0, 1, 1],
                "keep_all": [1, 0, 1, 0, 1, 1],
                "remove_all": [1, 0, 0, 0, 1, 0],
            },
        ),
    )


@requirement("SEL-04", "property", "SELECT")
@given(st.data())
def test_ties(backend: Backend, data: st.DataObject) -> None:
    needs_singles(backend)
    drawn = [draw.element_cases(values, declaration=backend.declaration) for values in (draw.TIED, draw.EXTREME)]
    judge(backend, data.draw(st.one_of(*drawn)))


@requirement("SEL-04", "property")
@given(st.one_of(draw.element_cases(), draw.element_cases(values=draw.EXTREME)), st.data())
def test_fast_path_equals_audited_form(case: SelectCase, data: st.DataObject) -> None:
    """The reference's partition keeps what its one-line order keeps, however small the sample it looks at first."""
    entries = [entry for names in pools(case) for entry in pool_entries(case, names)]
    flat = np.array([score for score, _, _ in entries])
    lives = np.array([living for _, living, _ in entries])
    count = data.draw(st.integers(int((~lives).sum()), lives.size))
    cut = data.draw(st.integers(0, flat.size))
    with patch.object(selection, "SAMPLE", data.draw(st.sampled_from((1, 2, 4, 1 << 16)))):
        kept = keep_best_fast([flat[:cut], flat[cut:]], [lives[:cut], lives[cut:]], count)
    said = f"keep_best_fast({show([flat[:cut], flat[cut:]])}, {show([lives[:cut], lives[cut:]])}, {count})"
    expect_equal(np.concatenate(kept), keep_best(flat, lives, count), said)


@requirement("SEL-04", "property")
@given(st.integers(0, 2**32 - 1), st.sampled_from(("normal", "ties", "ascending", "waves")), st.data())
def test_sampled_threshold(seed: int, kind: str, data: st.DataObject) -> None:
    """The same where the sample misleads: scores in order, scores with a period, hardly any alive."""
    rng, size = np.random.default_rng(seed), data.draw(st.integers(64, 2000))
    values = {
        "normal": rng.standard_normal(size),
        "ties": rng.integers(0, 3, size).astype(float),
        "ascending": np.arange(float(size)),
        "waves": np.tile([0.0, 9, 1, 9, 2, 9, 3, 9], size // 8 + 1)[:size],
    }[kind]
    lives = rng.random(size) < data.draw(st.sampled_from((1.0, 0.5, 0.01)))
    count, cut = data.draw(st.integers(int((~lives).sum()), size)), data.draw(st.integers(0, size))
    with patch.object(selection, "SAMPLE", data.draw(st.sampled_from((1, 4, 16)))):
        kept = keep_best_fast([values[:cut], values[cut:]], [lives[:cut], lives[cut:]], count)
    said = f"keep_best_fast of {kind} {size}, seed {seed}, {count} to remove"
    expect_equal(np.concatenate(kept), keep_best(values, lives, count), said)


@requirement("SEL-04", "example")
def test_sample_of_the_living_example() -> None:
    """0 to 40,959, the odd ones removed before; of the even ones half or a hundred stay, the highest."""
    values = np.arange(40_960.0)
    lives = values % 2 == 0
    for left, least in ((10_240, 20_480), (100, 40_760)):
        with patch.object(selection, "SAMPLE", 1024):
            kept = keep_best_fast([values[:7], values[7:]], [lives[:7], lives[7:]], 40_960 - left)
        said = f"keep_best_fast of 40,960 entries, the odd ones removed before, {left} left"
        expect_equal(np.concatenate(kept), lives & (values >= least), said)


@requirement("SEL-04", "example")
def test_one_too_many_above_the_sample_example() -> None:
    """A sample of 0 to 1023 guesses that 4035 lie above 987. 4036 do: 4000 that it has not seen, and 988 to 1023."""
    values = np.full(40_960, -1.0)
    values[::40] = np.arange(1024.0)
    values[np.flatnonzero(values < 0)[:4000]] = 5000.0
    with patch.object(selection, "SAMPLE", 1024):
        (kept,) = keep_best_fast([values], [np.ones(40_960, bool)], 40_960 - 4035)
    expect_equal(kept, values >= 989, "keep_best_fast of 40,960 entries, 4035 left")


@requirement("SEL-04", "example")
def test_misleading_sample_example() -> None:
    """A sample of every 40th entry sees the 1024 highest only; half of 40,960 go, and they are among the others."""
    values = np.arange(40_960.0)
    values[::40] += 1e6
    order = np.argsort(values)
    should = np.ones(40_960, bool)
    should[order[:20_480]] = False
    for cut in (0, 5, 20_000):
        with patch.object(selection, "SAMPLE", 1024):
            kept = keep_best_fast(
                [values[:cut], values[cut:]], [np.ones(cut, bool), np.ones(40_960 - cut, bool)], 20_480
            )
        expect_equal(np.concatenate(kept), should, f"keep_best_fast of 40,960 entries, cut at {cut}")
    low = -values
    with patch.object(selection, "SAMPLE", 1024):
        kept = keep_best_fast([low], [np.ones(40_960, bool)], 20_480)
    expect_equal(kept[0], ~should, "keep_best_fast of 40,960 entries where the sample sees the lowest only")


# SEL-05 Nesting


@requirement("SEL-05", "example", "SELECT")
def test_nesting_example(backend: Backend) -> None:
    needs_within(backend)
    case = SelectCase({"a": scores(9, 1, 2, 3)}, 0.5, within={"a": alive(0, 1, 1, 1)})
    keeps_each(backend, (case, {"a": [0, 0, 1, 1]}))
    keeps_by(backend, "falling", (replace(case, sparsity=0.0), {"refused": None, "kept": [0, 1, 1, 1]}))


@requirement("SEL-05", "example", "SELECT")
def test_nesting_of_each_pool_example(backend: Backend) -> None:
    """One pool is above the target and the other below: their sum says nothing."""
    both = SelectCase({"a": scores(1, 2, 3, 4), "b": scores(1, 2, 3, 4)}, 0.25, within={"a": alive(0, 0, 1, 1)})
    keeps_by(backend, "falling", (both, {"refused": None, "kept": {"a": [0, 0, 1, 1], "b": [0, 1, 1, 1]}}))


@requirement("SEL-05", "example", "SELECT")
def test_no_falling_example(backend: Backend) -> None:
    """Of those alive no fraction falls: nothing more goes at 0, and half of the four that are left at 0.5."""
    six = {"a": scores(9, 1, 2, 3, 4, 5)}
    within = {"a": alive(0, 0, 1, 1, 1, 1)}
    keeps_by(
        backend,
        "base",
        (SelectCase(six, 0.0, within=within), {"all": None, "alive": [0, 0, 1, 1, 1, 1]}),
        (SelectCase(six, 0.5, within=within), {"all": [0, 0, 0, 1, 1, 1], "alive": [0, 0, 0, 0, 1, 1]}),
    )


@requirement("SEL-05", "property", "SELECT")
@given(st.data())
def test_nesting(backend: Backend, data: st.DataObject) -> None:
    """A second selection within the first keeps nothing the first removed; a lower target is refused."""
    needs_within(backend)
    needs_singles(backend)
    first = data.draw(draw.element_cases(removed="none", declaration=backend.declaration))
    nests(backend, replace(first, within=kept(backend, first)), data)


@requirement("SEL-05", "property", "SELECT")
@given(st.data())
def test_nesting_of_each_pool(backend: Backend, data: st.DataObject) -> None:
    """Within any masks: refused as soon as the target is below what one pool has lost."""
    needs_within(backend)
    needs_singles(backend)
    nests(backend, data.draw(draw.element_cases(removed="some", declaration=backend.declaration)), data)


def nests(backend: Backend, case: SelectCase, data: st.DataObject) -> None:
    """Draw any target: require what is due where it falls, and the definition's masks elsewhere."""
    sparsities = draw.sparsities_of(backend.declaration, min(draw.pool_sizes(case)[0]))
    judge(backend, replace(case, sparsity=data.draw(sparsities)))


@requirement("SEL-05", "example", "SELECT")
def test_nesting_of_several_tensors_example(backend: Backend) -> None:
    """All that is removed before counts, in whichever tensor of the pool: 2 of 4 are gone, and 1 is asked for."""
    both = {"a": scores(1, 2), "b": scores(3, 4)}
    one, each = {"b": alive(0, 0)}, {"a": alive(1, 0), "b": alive(0, 1)}
    keeps_by(
        backend,
        "falling",
        (SelectCase(both, 0.25, "global", within=one), {"refused": None, "kept": {"a": [1, 1], "b": [0, 0]}}),
        (SelectCase(both, 0.25, "global", within=each), {"refused": None, "kept": {"a": [1, 0], "b": [0, 1]}}),
    )


# SEL-06 Alive is what the mask says


@requirement("SEL-06", "example", "SELECT")
def test_alive_example(backend: Backend) -> None:
    after = [SelectCase({"a": scores(0, 5, 6, x)}, 0.5, within={"a": alive(1, 1, 1, 0)}) for x in (99.0, NAN, 0.0)]
    kept_before = SelectCase({"a": scores(5, -INF, 3, 4)}, 0.25, within={"a": alive(0, 1, 1, 1)})
    keeps_each(
        backend,
        (SelectCase({"a": scores(0, 5, 6, 7)}, 0.25), {"a": [0, 1, 1, 1]}),
        *((case, {"a": [0, 1, 1, 0]}) for case in after),
        (kept_before, {"a": [0, 1, 1, 1]}),
    )


@requirement("SEL-06", "property", "SELECT")
@given(st.data(), st.sampled_from((NAN, INF, 0.0, 5.0)))
def test_alive(backend: Backend, data: st.DataObject, stale: float) -> None:
    """Whatever stands at removed entries, the masks are the same."""
    needs_within(backend)
    needs_singles(backend)
    case = data.draw(draw.element_cases(removed="some", declaration=backend.declaration))
    assert case.within is not None
    other = {name: array.copy() for name, array in case.scores.items()}
    for name, mask in case.within.items():
        other[name][~mask] = stale
    judge(backend, replace(case, scores=other))


# SEL-07 Not a number


@requirement("SEL-07", "example", "SELECT")
def test_nan_example(backend: Backend) -> None:
    """Above or below the infinities, and equal to one another."""
    each, one, several = {"a": scores(1, 2), "b": scores(NAN, 3)}, scores(1, NAN, INF, -INF), scores(NAN, 1, NAN, NAN)
    by_units: dict[str, Any] = {"highest": [0, 1], "lowest": [1, 0]}
    keeps_by(
        backend,
        "nan",
        (SelectCase({"a": scores(1, NAN)}, 0.5), {"refused": None, "highest": [0, 1], "lowest": [1, 0]}),
        (
            SelectCase(each, 0.5),
            {"refused": None, "highest": {"a": [0, 1], "b": [1, 0]}, "lowest": {"a": [0, 1], "b": [0, 1]}},
        ),
        (
            SelectCase(each, 0.25, "global"),
            {"refused": None, "highest": {"a": [0, 1], "b": [1, 1]}, "lowest": {"a": [1, 1], "b": [0, 1]}},
        ),
        (SelectCase({"a": one}, 0.75), {"refused": None, "highest": [0, 1, 0, 0], "lowest": [0, 0, 1, 0]}),
        (SelectCase({"a": one}, 0.25), {"refused": None, "highest": [1, 1, 1, 0], "lowest": [1, 0, 1, 1]}),
        (SelectCase({"a": scores(INF, NAN)}, 0.5), {"refused": None, "highest": [0, 1], "lowest": [1, 0]}),
        (SelectCase({"a": scores(NAN, INF)}, 0.5), {"refused": None, "highest": [1, 0], "lowest": [0, 1]}),
        (SelectCase({"a": scores(-INF, NAN)}, 0.5), {"refused": None, "highest": [0, 1], "lowest": [1, 0]}),
        (SelectCase({"a": scores(NAN, -INF)}, 0.5), {"refused": None, "highest": [1, 0], "lowest": [0, 1]}),
        (SelectCase({"a": several}, 0.75), {"refused": None, "highest": [1, 0, 0, 0], "lowest": [0, 1, 0, 0]}),
        (SelectCase({"a": several}, 0.25), {"refused": None, "highest": [1, 0, 1, 1], "lowest": [1, 1, 1, 0]}),
        (SelectCase({"a": scores(1, NAN)}, 0.5, granularity=Units(0)), {"refused": None} | by_units),
    )


@requirement("SEL-07", "example", "SELECT")
def test_infinity_example(backend: Backend) -> None:
    keeps_each(
        backend,
        (SelectCase({"a": scores(1, INF, -INF, 2)}, 0.75), {"a": [0, 1, 0, 0]}),
        (SelectCase({"a": scores(1, INF, -INF, 2)}, 0.25), {"a": [1, 1, 0, 1]}),
        (SelectCase({"a": scores(1, INF, 0, 2)}, 0.75), {"a": [0, 1, 0, 0]}),
    )


@requirement("SEL-07", "property", "SELECT")
@given(st.data())
def test_nan(backend: Backend, data: st.DataObject) -> None:
    needs_singles(backend)
    if backend.declaration.nan == "unspecified":
        needs_default(backend, "nan")
    values = data.draw(st.sampled_from((draw.TIED, draw.EXTREME)))
    case = data.draw(draw.element_cases(values, removed="none", declaration=backend.declaration))
    broken = {key: array.copy() for key, array in case.scores.items()}
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(list(case.scores)))
        broken[name].flat[data.draw(st.integers(0, broken[name].size - 1))] = np.nan
    judge(backend, replace(case, scores=broken))


@requirement("SEL-07", "example", "SELECT")
def test_nan_among_the_alive_example(backend: Backend) -> None:
    """A mask changes nothing for what is alive; a NaN under it says nothing."""
    case = SelectCase({"a": scores(1, NAN, 3, 4), "b": scores(5, 6)}, 0.5, within={"a": alive(0, 1, 1, 1)})
    refuses_each(backend, case, replace(case, within={"a": alive(1, 1, 1, 1), "b": alive(1, 1)}))
    both = {"a": scores(1, 2, 3, 4), "b": scores(5, NAN)}
    refuses_each(backend, replace(case, scores=both), replace(case, scores=both, within={"b": alive(0, 1)}))
    keeps(backend, replace(case, within={"a": alive(1, 0, 1, 1)}), a=[0, 0, 1, 1], b=[0, 1])


# SEL-08 and SEL-09 Pools


@requirement("SEL-08", "example", "SELECT")
def test_local_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(1, 2), "b": scores(10, 20)}, 0.5, "local"), a=[0, 1], b=[0, 1])


@requirement("SEL-08", "property", "SELECT")
@given(st.data())
def test_local(backend: Backend, data: st.DataObject) -> None:
    """Each tensor alone gives the mask it has in company."""
    needs_repeatable(backend)
    needs_pools(backend, "local")
    needs_singles(backend)
    case = data.draw(draw.element_cases(pools=st.just("local"), declaration=backend.declaration))
    together = kept(backend, case)
    for name, array in case.scores.items():
        within = {name: case.within[name]} if case.within and name in case.within else None
        alone = SelectCase({name: array}, case.sparsity, "local", case.granularity, within)
        expect_equal(together[name], kept(backend, alone)[name], call("select", case))


@requirement("SEL-09", "example", "SELECT")
def test_global_example(backend: Backend) -> None:
    equal = SelectCase({"b": scores(7, 7), "a": scores(7, 7, 7)}, 0.4, "global")
    keeps_each(
        backend,
        (SelectCase({"a": scores(1, 20), "b": scores(10, 2, 30)}, 0.4, "global"), {"a": [0, 1], "b": [1, 0, 1]}),
        (SelectCase({"a": scores(1, 20), "b": scores(10, 2)}, 0.5, "global"), {"a": [0, 1], "b": [1, 0]}),
    )
    keeps_by(backend, "ties", (equal, {"first": {"b": [1, 1], "a": [1, 0, 0]}, "last": {"b": [0, 0], "a": [1, 1, 1]}}))


@requirement("SEL-09", "property", "SELECT")
@given(st.data())
def test_global(backend: Backend, data: st.DataObject) -> None:
    """The masks are those of one long tensor, cut back."""
    needs_repeatable(backend)
    needs_pools(backend, "global")
    needs_singles(backend)
    many = data.draw(draw.element_cases(removed="none", pools=st.just("global"), declaration=backend.declaration))
    one = replace(many, scores={"all": np.concatenate([array.ravel() for array in many.scores.values()])})
    masks = kept(backend, many).values()
    expect_equal(np.concatenate([mask.ravel() for mask in masks]), kept(backend, one)["all"], call("select", many))


# SEL-10 and SEL-11 Units


@requirement("SEL-10", "example", "SELECT")
def test_reserve_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    groups = {"a": scores(1, 2), "b": scores(10, 20, 30)}
    keeps_each(
        backend,
        (SelectCase(groups, 0.6, "global", Units()), {"a": [0, 1], "b": [0, 0, 1]}),
        (SelectCase(groups, 0.6, "global", Units(min_kept=0)), {"a": [0, 0], "b": [0, 1, 1]}),
        (SelectCase({"a": scores(3, 1, 2)}, 1.0, "local", Units()), {"a": [1, 0, 0]}),
        (SelectCase({"a": scores(1)}, 1.0, "local", Units(min_kept=2)), {"a": [1]}),
        (SelectCase({"a": scores(9, 1, 2)}, 1.0, "local", Units(), {"a": alive(0, 1, 1)}), {"a": [0, 0, 1]}),
    )


@requirement("SEL-10", "example")
def test_reserve_of_each_example() -> None:
    """A number for each group; one that is not named sets nothing aside, and an unknown name is refused."""
    groups = {"a": scores(1, 2), "b": scores(10, 20, 30)}
    for least, a, b in (
        ({"b": 2}, [0, 0], [0, 1, 1]),
        ({"a": 1, "b": 1}, [0, 1], [0, 0, 1]),
        ({"a": 2}, [1, 1], [0, 0, 0]),
        ({}, [0, 0], [0, 1, 1]),
    ):
        got = select(groups, 0.6, global_, min_kept=least).masks
        expect_equal(got, {"a": alive(*a), "b": alive(*b)}, f"select({show(groups)}, 0.6, global_, min_kept={least})")
    found = select(groups, 0.8, global_, min_kept={"b": 2})
    expect_equal(found.masks["a"], alive(0, 0), "0.8 of five, with two of b set aside")
    expect_equal(found.short, {"global": 1}, "what is short of four, with two of five set aside")
    wrongs: tuple[Any, ...] = ({"c": 1}, {"a": -1}, {"a": 1.0}, {"a": True}, -1, 0.5)
    for wrong in wrongs:
        is_invalid(lambda wrong=wrong: select(groups, 0.6, global_, min_kept=wrong), f"min_kept={wrong}")  # type: ignore[misc]


@requirement("SEL-10", "example")
def test_reserve_of_the_dead_example() -> None:
    """What is set aside stays, then what is alive: the best score is that of an entry that was removed before."""
    got = keep_best(scores(9, 1, 2, 3), alive(0, 1, 1, 1), 2, alive(0, 1, 0, 0))
    expect_equal(got, alive(0, 1, 0, 1), "keep_best of 9 (removed before), 1 (set aside), 2 and 3, without 2 of 4")


@requirement("SEL-10", "property")
@given(draw.unit_cases(), st.data())
def test_reserve_of_each(case: SelectCase, data: st.DataObject) -> None:
    """By name, each group keeps its number of best alive units; one number for all is the same number by name."""
    least = {name: data.draw(st.integers(0, 3)) for name in case.scores if data.draw(st.booleans())}
    assert case.sparsity is not None
    scope = global_ if case.pools == "global" else local
    got = select(case.scores, case.sparsity, scope, case.within, least).masks
    said = f"select({show(case.scores)}, {case.sparsity}, {case.pools}, {show(case.within)}, min_kept={least})"
    for name, number in least.items():
        lives = np.ones(got[name].size, bool) if not case.within else case.within.get(name, np.ones(got[name].size))
        best = sorted(np.flatnonzero(lives).tolist(), key=lambda i, own=case.scores[name]: -own[i])[:number]  # type: ignore[misc]
        expect_equal(got[name][best].all(), np.True_, f"whether the best {number} of {name!r} stay: {said}")
    same = select(case.scores, case.sparsity, scope, case.within, dict.fromkeys(case.scores, 2)).masks
    expect_equal(select(case.scores, case.sparsity, scope, case.within, 2).masks, same, said)


@requirement("SEL-10", "property", "SELECT")
@given(st.data())
def test_reserve(backend: Backend, data: st.DataObject) -> None:
    needs_granularity(backend, "unit")
    case = data.draw(draw.unit_cases(backend.declaration))
    judge(backend, case)


@requirement("SEL-11", "example", "SELECT")
def test_short_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    groups = {"a": scores(1, 2), "b": scores(3)}
    five = scores(1, 2, 3, 4, 5)
    for case, short in applicable(
        backend,
        (SelectCase(groups, 1.0, "global", Units()), {"global": 2}),
        (SelectCase(groups, 1.0, "local", Units()), {"a": 1, "b": 1}),
        (SelectCase({"a": scores(5), "b": five}, 2 / 3, "global", Units()), {"global": 0}),
        (SelectCase({"a": five}, 0.4, "local", Units(multiple=4)), {"a": 1}),
        (SelectCase({"a": five, "b": scores(6)}, 1.0, "local", Units(multiple=4)), {"a": 4, "b": 1}),
    ):
        if case.scores is groups:
            keeps(backend, case, a=[0, 1], b=[1])
        should = short if case.pools == "local" else {"global": sum(short.values())}
        expect_equal(dict(backend.shortfall(case)), should, call("shortfall", case))


@requirement("SEL-11", "property", "SELECT")
@given(st.data())
def test_short(backend: Backend, data: st.DataObject) -> None:
    """What is short is the request less what goes, whether a reserve or a multiple keeps it."""
    needs_granularity(backend, "unit")
    case = data.draw(draw.width_cases(backend.declaration))
    masks = kept(backend, case)
    short = backend.shortfall(case)
    for names, part in zip(pools(case), parts(case, backend.declaration), strict=True):
        stay = sum(int(masks[name].sum()) for name in names)
        gone = sum(entry.alive for entry in part.entries) - stay
        pool = "global" if case.pools == "global" else names[0]
        expect_equal(short[pool], part.ruling.asked - gone, call("shortfall", case))


# SEL-12 Empty pools


@requirement("SEL-12", "example", "SELECT")
def test_empty_example(backend: Backend) -> None:
    beside = {"a": scores(), "b": scores(1, 2)}
    refuses_each(
        backend,
        SelectCase({"a": scores()}, 0.5),
        SelectCase({}, 0.5, "global"),
        SelectCase(beside, 0.5, "local"),
        SelectCase(dict(reversed(beside.items())), 0.5, "local"),
    )


@requirement("SEL-12", "example", "SELECT")
def test_empty_tensor_example(backend: Backend) -> None:
    """The pool has entries, although one of its tensors has none."""
    keeps(backend, SelectCase({"a": scores(), "b": scores(1, 2)}, 0.5, "global"), a=[], b=[0, 1])


@requirement("SEL-12", "example")
def test_empty_pool_example() -> None:
    """The reference's own error, also for a scope of the caller's that has a pool of no tensors."""
    is_invalid(lambda: select({}, 0.5, global_), "select({}, 0.5, global_)")
    with_empty = {"p": ("a",), "q": ()}
    said = f"select({{'a': array([1.])}}, 0.5, lambda _: {with_empty})"
    is_invalid(lambda: select({"a": scores(1)}, 0.5, lambda _: with_empty), said)


def is_invalid(action: Callable[[], object], said: str) -> None:
    """Require the reference's error itself, not one that NumPy happens to raise."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


@requirement("SEL-12", "property", "SELECT")
@given(st.data(), draw.SPARSITIES, st.sampled_from(((0,), (0, 3), (2, 0))))
def test_empty(backend: Backend, data: st.DataObject, sparsity: float, shape: tuple[int, ...]) -> None:
    needs_singles(backend)
    pool, single = data.draw(draw.pools_of(backend.declaration)), draw.singles_of(backend.declaration)
    case = SelectCase({"a": np.ones(shape if isinstance(single, Elements) else 0)}, sparsity, pool, single)
    refuses(lambda: backend.select(case), call("select", case))


# SEL-13 and SEL-14 What selection depends on


@requirement("SEL-13", "example", "SELECT")
def test_pure_example(backend: Backend) -> None:
    three, four = {"a": scores(3, 1, 2)}, {"a": scores(1, 2, 3, 4)}
    full = {"a": alive(1, 1, 1)} if backend.declaration.within else None
    for case, _ in applicable(backend, (SelectCase(three, 1 / 3, within=full), None)):
        first = kept(backend, case)
        expect_equal(three["a"], scores(3, 1, 2), f"the scores after {call('select', case)}")
        expect_equal(case.within, full and {"a": alive(1, 1, 1)}, f"within after {call('select', case)}")
        expect_equal(kept(backend, case), first, call("select", case))
    needs_within(backend)
    both = {"a": scores(1, 2), "b": scores(5, 6)}
    for case, _ in applicable(
        backend,
        (SelectCase(three, 0.0, within=full), None),
        (SelectCase(four, 0.25, within={"a": alive(0, 1, 1, 1)}), None),
        (SelectCase(both, 0.25, "global", within={"a": alive(1, 1), "b": alive(1, 1)}), None),
    ):
        own_memory(backend.select(case), case)


def own_memory(masks: Any, case: SelectCase) -> None:
    """Require masks that share no memory with what was given."""
    given_arrays = [*case.scores.values(), *(case.within or {}).values()]
    for name, mask in masks.items():
        if any(np.shares_memory(np.asarray(mask), array) for array in given_arrays):
            fail(
                f"a mask of {name!r} that shares memory with what was given", "a mask of its own", call("select", case)
            )


@requirement("SEL-13", "property", "SELECT")
@given(st.data())
def test_pure(backend: Backend, data: st.DataObject) -> None:
    needs_singles(backend)
    case = data.draw(draw.element_cases(declaration=backend.declaration))
    before = {name: array.copy() for name, array in case.scores.items()}
    lives = {name: mask.copy() for name, mask in (case.within or {}).items()}
    masks = backend.select(case)
    own_memory(masks, case)
    first = {name: np.array(mask) for name, mask in masks.items()}
    expect_equal(case.scores, before, f"the scores after {call('select', case)}")
    expect_equal(case.within or {}, lives, f"within after {call('select', case)}")
    if backend.declaration.ties != "unspecified":
        expect_equal(backend.select(case), first, call("select", case))


@requirement("SEL-14", "example", "SELECT")
def test_memory_example(backend: Backend) -> None:
    matrices = (np.ones((2, 2)), np.asfortranarray(np.ones((2, 2))), np.ones((4, 4))[::2, ::2])
    table = {"first": [1, 1, 0, 0], "last": [0, 0, 1, 1], "keep_all": [1, 1, 1, 1]}
    keeps_by(backend, "ties", *((SelectCase({"a": matrix}, 0.5), table) for matrix in matrices))


@requirement("SEL-14", "example", "SELECT")
def test_memory_of_distinct_example(backend: Backend) -> None:
    matrix = np.array([[3.0, 1.0], [4.0, 2.0]])
    for other in (matrix, np.asfortranarray(matrix), np.repeat(matrix, 2, 0)[::2]):
        keeps(backend, SelectCase({"a": other}, 0.5), a=[1, 0, 1, 0])


@requirement("SEL-14", "property", "SELECT")
@given(st.data())
def test_memory(backend: Backend, data: st.DataObject) -> None:
    """Fortran order, strides and float64 change nothing; scores are distinct where any of equal ones may stay."""
    needs_singles(backend)
    known = backend.declaration
    case = data.draw((draw.core_cases if known.ties == "unspecified" else draw.element_cases)(declaration=known))
    should = kept(backend, case)
    for change in (
        np.asfortranarray,
        np.ascontiguousarray,
        lambda a: a.astype(np.float64),
        lambda a: np.repeat(a, 2, 0)[::2],
    ):
        other = replace(case, scores={name: change(a) for name, a in case.scores.items()})
        expect_equal(kept(backend, other), should, call("select", other))


# SEL-15 and SEL-16


@requirement("SEL-15", "example", "SELECT")
def test_core_example(backend: Backend) -> None:
    """Entries, or units where a backend knows no entries."""
    kind = Elements() if "element" in backend.declaration.granularities else Units()
    keeps(backend, SelectCase({"a": scores(3, 1, 4, 2)}, 0.5, granularity=kind), a=[1, 0, 1, 0])


@requirement("SEL-15", "property", "SELECT")
@given(st.data())
def test_core(backend: Backend, data: st.DataObject) -> None:
    needs_singles(backend)
    case = data.draw(draw.core_cases(backend.declaration))
    check_selection(kept(backend, case), case, DEFAULT)


Shapes = Mapping[str, tuple[int, ...]]


def random_masks(
    backend: Backend, shapes: Shapes, sparsity: Any, pool: draw.Pools, seed: int
) -> tuple[dict[str, Any], str]:
    """Return the masks as bool, and the call."""
    said = call("random_mask", shapes, sparsity, pool, seed)
    like = SelectCase({name: np.zeros(shape) for name, shape in shapes.items()}, sparsity, pool)
    return read_masks(backend.random_mask(shapes, sparsity, pool, seed), like, said), said


def random_case(shapes: Shapes, sparsity: Any, pool: draw.Pools) -> SelectCase:
    """Return a selection from distinct scores that removes as many."""
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    ranks = np.split(np.arange(1.0, sum(sizes) + 1), np.cumsum(sizes)[:-1])
    scored = {name: rank.reshape(shape) for (name, shape), rank in zip(shapes.items(), ranks, strict=True)}
    return SelectCase(scored, sparsity, pool)


def random_pools(backend: Backend, shapes: Shapes, sparsity: Any) -> list[draw.Pools]:
    """Return the pools in which the reference's rules for this are the backend's."""
    asked: tuple[draw.Pools, ...] = ("local", "global")
    cases = [random_case(shapes, sparsity, pool) for pool in asked if pool in backend.declaration.pools]
    return [case.pools for case in cases if not differs(case, backend.declaration)]


@requirement("SEL-16", "example", "RANDOM")
def test_random_example(backend: Backend) -> None:
    """Half goes, the same ones with the same seed, and every entry of every tensor goes for some seed."""
    for shapes, gone in (({"a": (8,)}, 4), ({"a": (8,), "b": (2, 3)}, 7)):
        for pool in random_pools(backend, shapes, 0.5):
            drawn = [random_masks(backend, shapes, 0.5, pool, seed) for seed in range(40)]
            for seed, (masks, said) in enumerate(drawn):
                expect_equal(sum(int((~mask).sum()) for mask in masks.values()), gone, said)
                expect_equal(random_masks(backend, shapes, 0.5, pool, seed)[0], masks, said)
            for name, shape in shapes.items():
                ever = ~np.array([masks[name] for masks, _ in drawn]).all(axis=0)
                expect_equal(ever, np.ones(shape, bool), f"what of {name!r} goes for seeds 0 to 39 of {drawn[0][1]}")


@requirement("SEL-16", "example", "RANDOM")
def test_random_count_example(backend: Backend) -> None:
    """An int is a count, and what is no sparsity is none here."""
    shapes = {"a": (4,)}
    for pool in random_pools(backend, shapes, 1):
        masks, said = random_masks(backend, shapes, 1, pool, 0)
        expect_equal(int((~masks["a"]).sum()), 1, said)
    for wrong in NO_SPARSITY:
        for pool in random_pools(backend, shapes, wrong):
            said = call("random_mask", shapes, wrong, pool, 0)
            refuses(lambda wrong=wrong, pool=pool: backend.random_mask(shapes, wrong, pool, 0), said)  # type: ignore[misc]


@requirement("SEL-16", "property", "RANDOM")
@given(st.data(), st.integers(1, 30), st.integers(0, 2**31 - 1))
def test_random(backend: Backend, data: st.DataObject, size: int, seed: int) -> None:
    shapes = {"a": (size,), "b": (2, 3)}
    pool = data.draw(draw.pools_of(backend.declaration))
    most = size + 6 if pool == "global" else min(size, 6)
    sparsity = data.draw(draw.sparsities_of(backend.declaration, most))
    parted = parts(random_case(shapes, sparsity, pool), backend.declaration)
    if any(part.ruling.refusal for part in parted):
        said = call("random_mask", shapes, sparsity, pool, seed)
        refuses(lambda: backend.random_mask(shapes, sparsity, pool, seed), said)
        return
    masks, said = random_masks(backend, shapes, sparsity, pool, seed)
    gone = [int((~mask).sum()) for mask in masks.values()]
    should = [len(part.entries) - part.ruling.quota for part in parted]
    expect_equal(gone if pool == "local" else [sum(gone)], should, said)
    expect_equal(random_masks(backend, shapes, sparsity, pool, seed)[0], masks, said)


# SEL-17 Pools are a partition


@requirement("SEL-17", "example")
def test_partition_example() -> None:
    two = {"a": scores(1, 2), "b": scores(3, 4)}
    for wrong in ({"p": ("a",), "q": ("a", "b")}, {"p": ("a",)}, {"p": ("a", "b", "c")}, {}):
        refuses(lambda wrong=wrong: select(two, 0.5, lambda _: wrong), f"select({two}, 0.5, {wrong})")  # type: ignore[misc]


@requirement("SEL-17", "property")
@given(
    st.tuples(st.permutations("abc"), st.text("abcd", max_size=1)).map(
        lambda drawn: [[*drawn[0][:2]], [drawn[0][2], *drawn[1]]]
    )
)
def test_partition(drawn: list[list[str]]) -> None:
    """Any pools but a partition of a, b and c are refused, and a partition is not."""
    three = {name: scores(1, 2) for name in "abc"}
    pools_drawn = {str(number): tuple(names) for number, names in enumerate(drawn)}
    members = [name for names in drawn for name in names]
    said = f"select({three}, 0.5, {pools_drawn})"
    if sorted(members) == ["a", "b", "c"] and all(drawn):
        expect_equal(sum(int(mask.sum()) for mask in select(three, 0.5, lambda _: pools_drawn).masks.values()), 3, said)
    else:
        refuses(lambda: select(three, 0.5, lambda _: pools_drawn), said)


@requirement("SEL-17", "example")
def test_order_within_a_pool_example() -> None:
    """The scope says who competes; the mapping says in which order."""
    tied = {"a": scores(1, 1), "b": scores(1, 1)}
    got = select(tied, 0.5, lambda _: {"p": ("b", "a")}).masks
    expect_equal(got, {"a": alive(1, 1), "b": alive(0, 0)}, f"select({show(tied)}, 0.5, lambda _: {{'p': ('b', 'a')}})")


# SEL-18 Masks

MATRIX = {"a": np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]]), "b": np.array([[1.0, 2.0]])}
"""Not square, and two tensors: a transposed mask has another shape, and a lost one is missed."""


@requirement("SEL-18", "example", "SELECT")
def test_form_example(backend: Backend) -> None:
    units = {"a": scores(3, 1, 2), "b": scores(1, 2)}
    asked: tuple[draw.Pools, ...] = ("local", "global")
    for case, _ in applicable(
        backend,
        *((SelectCase(MATRIX, 0.5, pool), None) for pool in asked),
        *((SelectCase(units, 0.5, pool, Units()), None) for pool in asked),
        *((SelectCase(MATRIX, 0.5, pool, Blocks(1, 2)), None) for pool in asked),
        (SelectCase(MATRIX, None, granularity=NofM(1, 2)), None),
    ):
        check_masks_form(backend.select(case), case)


@requirement("SEL-18", "property", "SELECT")
@given(st.data())
def test_form(backend: Backend, data: st.DataObject) -> None:
    """Every declared granularity gives masks of the form of its scores."""
    case = data.draw(st.one_of(draw.declared_cases(backend.declaration)))
    check_masks_form(backend.select(case), case)


@requirement("SEL-18", "example", "RANDOM")
def test_random_form_example(backend: Backend) -> None:
    shapes = {name: array.shape for name, array in MATRIX.items()}
    for pool in random_pools(backend, shapes, 0.5):
        masks = backend.random_mask(shapes, 0.5, pool, 0)
        check_masks_form(masks, SelectCase(MATRIX, 0.5, pool), call("random_mask", shapes, 0.5, pool, 0))


@requirement("SEL-18", "property", "RANDOM")
@given(st.data(), st.lists(draw.shapes(), min_size=1, max_size=3), draw.SPARSITIES)
def test_random_form(backend: Backend, data: st.DataObject, drawn: list[tuple[int, ...]], sparsity: float) -> None:
    shapes = dict(zip(draw.NAMES, drawn, strict=False))
    pool = data.draw(draw.pools_of(backend.declaration))
    like = random_case(shapes, sparsity, pool)
    assume(not refusal(like, backend.declaration))
    said = call("random_mask", shapes, sparsity, pool, 0)
    check_masks_form(backend.random_mask(shapes, sparsity, pool, 0), like, said)


@requirement("SEL-18", "example", "STATEFUL")
def test_session_form_example(backend: Backend) -> None:
    for case, _ in applicable(backend, (SelectCase(MATRIX, 0.5), None), (SelectCase(MATRIX, 0.5, "global"), None)):
        talk = begin(backend, case)
        for sparsity in (0.5, 1.0)[: 1 if backend.declaration.emptied == "refused" else 2]:
            check_masks_form(talk.session.select(case.scores, sparsity), case, talk.calls)


# SEL-19 Sessions


@dataclass
class Talk:
    """A session, and what was said to it."""

    session: Session
    case: SelectCase
    calls: str

    def select(self, given_scores: Any, sparsity: float | int) -> Any:
        """Return the masks as they come."""
        self.calls += f"; {call('select', given_scores, sparsity).replace('backend', 'session', 1)}"
        return self.session.select(given_scores, sparsity)

    def refuses(self, given_scores: Any, sparsity: float | int) -> None:
        """Require an error, and that the session goes on as if nothing had been said."""
        said = f"{self.calls}; {call('select', given_scores, sparsity).replace('backend', 'session', 1)}"
        refuses(lambda: self.session.select(given_scores, sparsity), said)

    def keeps(self, given_scores: Any, sparsity: float | int, **should: list[int]) -> Any:
        """Require exactly these masks, and return them as they came."""
        masks = self.select(given_scores, sparsity)
        expect_equal(read_masks(masks, self.case, self.calls), as_masks(self.case, should), self.calls)
        return masks


def begin(backend: Backend, case: SelectCase) -> Talk:
    """Begin a session; skip when it is not declared."""
    case = declared(backend, case)
    needs(backend, case)
    return Talk(backend.begin(case), case, f"session = {call('begin', case)}")


def four(*values: float) -> dict[str, Any]:
    """Return scores of one tensor."""
    return {"a": scores(*values)}


@requirement("SEL-19", "example", "STATEFUL")
def test_session_example(backend: Backend) -> None:
    """New scores at each call, with anything at what is removed; a falling target changes nothing."""
    needs_default(backend, "base", "falling")
    talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0.0))
    first = talk.keeps(four(1, 2, 3, 4), 0.25, a=[0, 1, 1, 1])
    second = talk.keeps(four(99, 3, 2, 9), 0.5, a=[0, 1, 0, 1])
    talk.refuses(four(99, 3, 2, 9), 0.25)
    talk.keeps(four(NAN, 1, 99, 2), 0.5, a=[0, 1, 0, 1])
    talk.keeps(four(NAN, 1, NAN, 2), 0.75, a=[0, 0, 0, 1])
    for masks, should in ((first, [0, 1, 1, 1]), (second, [0, 1, 0, 1])):
        got = read_masks(masks, talk.case, talk.calls)
        expect_equal(got, as_masks(talk.case, {"a": should}), f"an earlier result after {talk.calls}")


@requirement("SEL-19", "example", "STATEFUL")
def test_session_base_example(backend: Backend) -> None:
    """A half, and a half again: of four nothing more, of the two that are left one more; then nothing."""
    again = {"all": [0, 0, 1, 1], "alive": [0, 0, 1, 0]}[backend.declaration.base]
    talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0.5))
    talk.keeps(four(1, 2, 3, 4), 0.5, a=[0, 0, 1, 1])
    talk.keeps(four(99, 99, 3, 2), 0.5, a=again)
    if backend.declaration.base == "alive":
        talk.keeps(four(99, NAN, 3, 99), 0.0, a=again)


@requirement("SEL-19", "example", "STATEFUL")
def test_session_falling_example(backend: Backend) -> None:
    """A falling target is refused, or leaves the masks as they are; a rising one goes on from there."""
    needs_default(backend, "base")
    talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0.5))
    talk.keeps(four(1, 2, 3, 4), 0.5, a=[0, 0, 1, 1])
    for lower in (0.25, 0.0):
        if backend.declaration.falling == "kept":
            talk.keeps(four(9, 8, 3, 2), lower, a=[0, 0, 1, 1])
        else:
            talk.refuses(four(9, 8, 3, 2), lower)
    talk.keeps(four(9, 8, 3, 2), 0.75, a=[0, 0, 1, 0])


@requirement("SEL-19", "example", "STATEFUL")
def test_session_count_example(backend: Backend) -> None:
    """An int is the total, however often it is said, or so many more."""
    if backend.declaration.integers == "more":
        talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0))
        talk.keeps(four(1, 2, 3, 4), 1, a=[0, 1, 1, 1])
        talk.keeps(four(99, 3, 2, 9), 2, a=[0, 0, 0, 1])
        talk.refuses(four(99, 99, 99, 9), 2)
        talk.keeps(four(99, 99, 99, 9), 0, a=[0, 0, 0, 1])
        return
    needs_default(backend, "integers", "falling")
    talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0))
    talk.keeps(four(1, 2, 3, 4), 1, a=[0, 1, 1, 1])
    talk.keeps(four(99, 3, 2, 9), 2, a=[0, 1, 0, 1])
    talk.keeps(four(99, 3, 99, 9), 2, a=[0, 1, 0, 1])
    talk.refuses(four(99, 3, 99, 9), 1)


@requirement("SEL-19", "example", "STATEFUL")
def test_session_within_example(backend: Backend) -> None:
    """What is removed at the beginning stays removed, and counts."""
    needs_default(backend, "base", "falling")
    within = {"a": alive(0, 1, 1, 1)}
    talk = begin(backend, SelectCase(four(1, 1, 1, 1), 0.0, within=within))
    talk.refuses(four(9, 1, 2, 3), 0.0)
    talk.keeps(four(9, 1, 2, 3), 0.5, a=[0, 0, 1, 1])
    expect_equal(within, {"a": alive(0, 1, 1, 1)}, f"within after {talk.calls}")


@requirement("SEL-19", "example", "STATEFUL")
def test_session_units_example(backend: Backend) -> None:
    needs_default(backend, "base")
    talk = begin(backend, SelectCase(four(4, 3, 2, 1), 0.0, granularity=Units()))
    talk.keeps(four(1, 2, 3, 4), 0.25, a=[0, 1, 1, 1])
    talk.keeps(four(99, 3, 2, 9), 1.0, a=[0, 0, 0, 1])


SESSION_RULES: tuple[tuple[str, tuple[float, ...], float, dict[str, list[int] | None]], ...] = (
    (
        "ties",
        (1, 1, 1, 1),
        0.5,
        {"first": [1, 1, 0, 0], "last": [0, 0, 1, 1], "keep_all": [1, 1, 1, 1], "remove_all": [0, 0, 0, 0]},
    ),
    ("nan", (2, NAN, 1, 3), 0.25, {"refused": None, "highest": [1, 1, 0, 1], "lowest": [1, 0, 1, 1]}),
    ("transform", (1, -2, 3, 4), 0.25, {"none": [1, 0, 1, 1], "abs": [0, 1, 1, 1]}),
    (
        "emptied",
        (1, 4, 3, 2),
        1.0,
        {"allowed": [0, 0, 0, 0], "keeps_one": [0, 1, 0, 0], "skipped": [1, 1, 1, 1], "refused": None},
    ),
)
"""Field, scores, a sparsity, and what the first call of a session keeps by the declared value; None: an error."""


@requirement("SEL-19", "example", "STATEFUL")
def test_session_rules_example(backend: Backend) -> None:
    """What is declared of a selection holds in a session."""
    rows = []
    for field, values, sparsity, table in SESSION_RULES:
        case, value = SelectCase(four(*values), sparsity), getattr(backend.declaration, field)
        if value in table and not not_shown(backend, case, replace(DEFAULT, **{field: value})):
            rows.append((case, sparsity, table[value]))
    if not rows:
        pytest.skip(f"not applicable: {backend.declaration.name} declares none of these rules alone")
    for case, sparsity, should in rows:
        talk = begin(backend, case)
        if should is None:
            talk.refuses(case.scores, sparsity)
        else:
            talk.keeps(case.scores, sparsity, a=should)


@requirement("SEL-19", "property", "STATEFUL")
@given(st.data())
def test_session(backend: Backend, data: st.DataObject) -> None:
    """Every call is the selection, by the definition, within what the calls before it left."""
    declaration = backend.declaration
    needs_singles(backend)
    case = data.draw(draw.beginnings(declaration))
    talk, now, earlier = begin(backend, case), case, []
    for _ in range(2):
        now = data.draw(draw.next_calls(now, declaration))
        assert now.sparsity is not None
        assume(not unclear(now, declaration))
        if refusal(now, declaration):
            talk.refuses(now.scores, now.sparsity)
            continue
        masks = talk.select(now.scores, now.sparsity)
        read = read_masks(masks, now, talk.calls)
        check_selection(read, now, declaration)
        earlier.append((masks, read))
        now = replace(now, within=read)
    for masks, read in earlier:
        expect_equal(read_masks(masks, now, talk.calls), read, f"an earlier result after {talk.calls}")


# SEL-20 Caps


@requirement("SEL-20", "example")
def test_caps_example() -> None:
    for size, cap, least in (
        (20, 0.5, 10),
        (5, 0.5, 3),
        (3, 1.0, 1),
        (3, 0.0, 3),
        (100, 0.29, 72),
        (10, 0.99, 1),
        (4, 1, 1),
    ):
        expect_equal(least_under_caps({"a": size}, {"a": cap}), {"a": least}, f"least_under_caps: {cap} of {size}")
    expect_equal(least_under_caps({"a": 8, "b": 8}, {"b": 0.5}), {"a": 1, "b": 4}, "no cap of a")


@requirement("SEL-20", "example")
def test_caps_hold_example() -> None:
    """After one step, and after a second one that begins at the cap."""
    groups = {"a": scores(1, 2, 3, 4), "b": scores(5, 6, 7, 8)}
    least = least_under_caps({"a": 4, "b": 4}, {"a": 0.5})
    first = select(groups, 0.5, global_, min_kept=least)
    expect_equal(first.masks, {"a": alive(0, 0, 1, 1), "b": alive(0, 0, 1, 1)}, "half of eight, a under a cap of 0.5")
    second = select(groups, 0.75, global_, first.masks, least)
    expect_equal(second.masks, {"a": alive(0, 0, 1, 1), "b": alive(0, 0, 0, 1)}, "three quarters of eight")
    expect_equal((first.short, second.short), ({"global": 0}, {"global": 1}), "what is short")
    large = {"a": np.arange(20.0), "b": np.arange(100.0, 120.0)}
    got = select(large, 0.45, global_, min_kept=least_under_caps({"a": 20, "b": 20}, {"a": 0.5, "b": 0.5})).masks
    expect_equal({name: int(mask.sum()) for name, mask in got.items()}, {"a": 10, "b": 12}, "18 of 40, under caps")


@requirement("SEL-20", "example")
def test_no_caps_example() -> None:
    wrongs: tuple[Any, ...] = (-0.1, 1.1, NAN, True, "0.5", None, 2)
    for wrong in wrongs:
        is_invalid(lambda wrong=wrong: least_under_caps({"a": 4}, {"a": wrong}), f"least_under_caps(4, {wrong!r})")  # type: ignore[misc]
    is_invalid(lambda: least_under_caps({"a": 4}, {"b": 0.5}), "a cap of nobody")


@requirement("SEL-20", "property")
@given(st.data())
def test_caps(data: st.DataObject) -> None:
    """From step to step no group ever loses more than its cap, and none its last unit."""
    groups = data.draw(draw.named_arrays(draw.shapes(1, 1, 8)))
    caps = {name: data.draw(draw.SPARSITIES) for name in groups if data.draw(st.booleans())}
    least = least_under_caps({name: array.size for name, array in groups.items()}, caps)
    scope = data.draw(st.sampled_from((local, global_)))
    within = None
    for sparsity in sorted(data.draw(st.lists(draw.SPARSITIES, min_size=1, max_size=3))):
        said = f"select({show(groups)}, {sparsity}, {scope.__name__}, {show(within)}, {least})"
        within = select(groups, sparsity, scope, within, least).masks
        for name, mask in within.items():
            gone, most = int((~mask).sum()), caps.get(name, 1.0) * float(groups[name].size)
            if gone > most or not mask.any():
                fail(f"{gone} of {name!r} removed", f"at most {most}, and one that stays", said)


# SEL-21 Multiples


@requirement("SEL-21", "example", "SELECT")
def test_multiple_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    five, eight = {"a": scores(1, 2, 3, 4, 5)}, {"a": scores(1, 2, 3, 4, 5, 6, 7, 8)}
    two = {"a": scores(1, 2, 3, 4), "b": scores(5, 6, 7, 8)}
    keeps_each(
        backend,
        (SelectCase(five, 0.4, "local", Units(multiple=4)), {"a": [0, 1, 1, 1, 1]}),
        (SelectCase(five, 0.4, "local", Units(multiple=2)), {"a": [0, 1, 1, 1, 1]}),
        (SelectCase(five, 0.4, "local", Units(multiple=3)), {"a": [0, 0, 1, 1, 1]}),
        (SelectCase(five, 0.4, "local", Units(multiple=8)), {"a": [1, 1, 1, 1, 1]}),
        (SelectCase(eight, 0.875, "local", Units(multiple=4)), {"a": [0, 0, 0, 0, 1, 1, 1, 1]}),
        (SelectCase(eight, 0.5, "local", Units(multiple=4)), {"a": [0, 0, 0, 0, 1, 1, 1, 1]}),
        (SelectCase(five, 1.0, "local", Units(0, multiple=2)), {"a": [0, 0, 0, 0, 0]}),
        (SelectCase(two, 0.625, "global", Units(multiple=2)), {"a": [0, 0, 1, 1], "b": [0, 0, 1, 1]}),
        (SelectCase(five, 0.4, "local", Units(multiple=4), {"a": alive(1, 1, 1, 1, 0)}), {"a": [1, 1, 1, 1, 0]}),
        (SelectCase(five, 0.6, "local", Units(multiple=4), {"a": alive(1, 0, 1, 1, 0)}), {"a": [1, 0, 1, 1, 0]}),
    )


@requirement("SEL-21", "example")
def test_no_multiple_example() -> None:
    wrongs: tuple[Any, ...] = (0, -2, 2.0, True, None)
    for wrong in wrongs:
        is_invalid(lambda wrong=wrong: select(four(1, 2, 3, 4), 0.5, multiple=wrong), f"multiple={wrong!r}")  # type: ignore[misc]


@requirement("SEL-21", "property", "SELECT")
@given(st.data())
def test_multiple(backend: Backend, data: st.DataObject) -> None:
    needs_granularity(backend, "unit")
    case = data.draw(draw.width_cases(backend.declaration))
    check_widths(backend.select(case), case, backend.declaration)


# SEL-22 A sparsity for each pool


@requirement("SEL-22", "example")
def test_each_pool_example() -> None:
    two = {"a": scores(1, 2, 3, 4), "b": scores(5, 6)}
    got = select(two, {"b": 1.0, "a": 0.25})
    expect_equal(got.masks, {"a": alive(0, 1, 1, 1), "b": alive(0, 0)}, "select of a at 0.25 and b at 1.0")
    expect_equal(got.short, {"a": 0, "b": 0}, "how many are short of a at 0.25 and b at 1.0")
    everything = select(two, {"global": 0.5}, global_).masks
    expect_equal(everything, {"a": alive(0, 0, 0, 1), "b": alive(1, 1)}, "select of one pool, named, at 0.5")
    for wrong in ({"a": 0.25}, {"a": 0.25, "b": 1.0, "c": 0.5}, {"a": 0.25, "c": 0.5}, {}, {"global": 0.5}):
        is_invalid(lambda wrong=wrong: select(two, wrong), f"select({two}, {wrong})")  # type: ignore[misc]


@requirement("SEL-22", "property")
@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1), st.data()
)
def test_each_pool(drawn: dict[str, list[int]], data: st.DataObject) -> None:
    """Every pool as if it were there alone."""
    tensors = {name: scores(*values) for name, values in drawn.items()}
    each = {name: data.draw(st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))) for name in reversed(tensors)}
    got = select(tensors, each).masks
    should = {name: select({name: array}, each[name]).masks[name] for name, array in tensors.items()}
    expect_equal(got, should, f"select({show(tensors)}, {each})")
