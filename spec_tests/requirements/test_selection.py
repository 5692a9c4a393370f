"""docs/spec/selection.md, requirement by requirement: a literal example, then a property."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.selection import keep_best, keep_best_fast, select
from spec_tests.adapter import Backend, SelectCase, Units
from spec_tests.applicability import (
    inside,
    needs,
    needs_default_count,
    needs_exact_count,
    needs_first_of_ties,
    needs_granularity,
    needs_pools,
    needs_repeatable,
    needs_within,
)
from spec_tests.oracle.selection import check_masks_form, check_selection, pool_entries, pools, removal_count
from spec_tests.strategies import selection as draw
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement, show


def scores(*values: float) -> np.ndarray[Any, Any]:
    """Return float64 scores."""
    return np.array(values, np.float64)


def keeps(backend: Backend, case: SelectCase, **should: list[int]) -> None:
    """Require exactly these masks."""
    needs(backend, case)
    got = check_masks_form(backend.select(case), case)
    expect_equal(
        got,
        {name: np.array(mask, bool).reshape(got[name].shape) for name, mask in should.items()},
        call("select", case),
    )


def removed(backend: Backend, case: SelectCase) -> int:
    """Return how many entries are removed in all."""
    return sum(int((~mask).sum()) for mask in check_masks_form(backend.select(case), case).values())


# SEL-01 Count


@requirement("SEL-01", "example", "SELECT")
def test_count_example(backend: Backend) -> None:
    needs_default_count(backend)
    keeps(backend, SelectCase({"a": scores(1, 2, 3, 4, 5)}, 0.5), a=[0, 0, 1, 1, 1])
    for size, sparsity, gone in (
        (100, 0.29, 29),
        (7, 0.5, 4),
        (10, 0.9, 9),
        (45, 0.7, 31),
        (10, 0.0, 0),
        (3, 1.0, 3),
    ):
        case = SelectCase({"a": np.arange(1.0, size + 1)}, sparsity)
        expect_equal(removed(backend, case), gone, call("select", case))


@requirement("SEL-01", "property", "SELECT")
@given(st.integers(1, 120), draw.SPARSITIES, st.permutations(range(120)))
def test_count(backend: Backend, size: int, sparsity: float, order: list[int]) -> None:
    case = SelectCase({"a": np.array([rank + 1.0 for rank in order if rank < size])}, sparsity)
    needs(backend, case)
    should = removal_count(backend.declaration.count, sparsity, size)
    expect_equal(removed(backend, case), should, call("select", case))


# SEL-02 Integer counts


@requirement("SEL-02", "example", "SELECT")
def test_integer_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(1, 2, 3, 4)}, 1), a=[0, 1, 1, 1])
    keeps(backend, SelectCase({"a": scores(1, 2, 3, 4)}, 1.0), a=[0, 0, 0, 0])
    needs_within(backend)
    before = {"a": np.array([False, True, True, True])}
    keeps(backend, SelectCase({"a": scores(1, 2, 3, 4)}, 2, within=before), a=[0, 0, 1, 1])


@requirement("SEL-02", "property", "SELECT")
@given(st.data(), st.integers(1, 12))
def test_integer(backend: Backend, data: st.DataObject, size: int) -> None:
    count = data.draw(st.integers(0, size))
    case = SelectCase({"a": np.array(data.draw(st.permutations(range(1, size + 1))), np.float64)}, count)
    needs(backend, case)
    expect_equal(removed(backend, case), count, call("select", case))


# SEL-03 What is no sparsity

NO_SPARSITY = (-0.5, 1.5, float("nan"), True, False, 5, -1, float("inf"), "0.5", None, 0.5j)


@requirement("SEL-03", "example", "SELECT")
def test_no_sparsity_example(backend: Backend) -> None:
    for wrong in NO_SPARSITY:
        case = SelectCase({"a": scores(1, 2, 3, 4)}, wrong)  # type: ignore[arg-type]  # wrong on purpose
        refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]


@requirement("SEL-03", "property", "SELECT")
@given(
    draw.element_cases(removed="none"),
    st.one_of(
        st.floats(max_value=-1e-9),
        st.floats(min_value=1.0 + 1e-9),
        st.integers(max_value=-1),
        st.just(float("nan")),
        st.booleans(),
    ),
)
def test_no_sparsity(backend: Backend, case: SelectCase, wrong: Any) -> None:
    case = SelectCase(case.scores, wrong, case.pools)
    before = {name: array.copy() for name, array in case.scores.items()}
    refuses(lambda: backend.select(case), call("select", case))
    expect_equal(case.scores, before, "the scores afterwards")


# SEL-04 Order and ties


@requirement("SEL-04", "example", "SELECT")
def test_ties_example(backend: Backend) -> None:
    needs_first_of_ties(backend)
    keeps(backend, SelectCase({"a": scores(1, 1, 1, 1)}, 0.5), a=[1, 1, 0, 0])
    keeps(backend, SelectCase({"a": scores(2, -0.0, 0.0, 2)}, 0.25), a=[1, 1, 0, 1])
    keeps(backend, SelectCase({"a": scores(2, 0.0, -0.0, 2)}, 0.25), a=[1, 1, 0, 1])
    keeps(backend, SelectCase({"a": np.ones(40)}, 0.25), a=[1] * 30 + [0] * 10)
    keeps(backend, SelectCase({"a": scores(3, 1, 2, 1, 3, 2)}, 3), a=[1, 0, 1, 0, 1, 0])


@requirement("SEL-04", "property", "SELECT")
@given(st.one_of(draw.element_cases(), draw.element_cases(values=draw.EXTREME)))
def test_ties(backend: Backend, case: SelectCase) -> None:
    assume(inside(backend, case))
    check_selection(backend.select(case), case, backend.declaration)


@requirement("SEL-04", "property")
@given(st.one_of(draw.element_cases(), draw.element_cases(values=draw.EXTREME)), st.data())
def test_fast_path_equals_audited_form(case: SelectCase, data: st.DataObject) -> None:
    """The reference's partition keeps what its one-line order keeps."""
    entries = [entry for names in pools(case) for entry in pool_entries(case, names)]
    flat = np.array([score for score, _, _ in entries])
    alive = np.array([lives for _, lives, _ in entries])
    count = data.draw(st.integers(int((~alive).sum()), alive.size))
    said = f"keep_best_fast({show(flat)}, {show(alive)}, {count})"
    expect_equal(keep_best_fast(flat, alive, count), keep_best(flat, alive, count), said)


# SEL-05 Nesting


@requirement("SEL-05", "example", "SELECT")
def test_nesting_example(backend: Backend) -> None:
    needs_within(backend)
    before = {"a": np.array([False, True, True, True])}
    keeps(backend, SelectCase({"a": scores(9, 1, 2, 3)}, 0.5, within=before), a=[0, 0, 1, 1])
    case = SelectCase({"a": scores(9, 1, 2, 3)}, 0.0, within=before)
    refuses(lambda: backend.select(case), call("select", case))


@requirement("SEL-05", "property", "SELECT")
@given(draw.element_cases(removed="none"), st.one_of(draw.SPARSITIES, st.integers(0, 6)))
def test_nesting(backend: Backend, first: SelectCase, target: float) -> None:
    """A second selection within the first keeps nothing the first removed; a lower target is refused."""
    needs_within(backend)
    assume(inside(backend, first))
    kept = check_masks_form(backend.select(first), first)
    again = SelectCase(first.scores, target, first.pools, within=kept)
    sizes, gone = draw.pool_sizes(again)
    assume(inside(backend, again) and target <= min(sizes))
    wanted = [removal_count(backend.declaration.count, target, size) for size in sizes]
    if any(count < before for count, before in zip(wanted, gone, strict=True)):
        refuses(lambda: backend.select(again), call("select", again))
    else:
        check_selection(backend.select(again), again, backend.declaration)


@requirement("SEL-05", "property", "STATEFUL")
@given(
    draw.element_cases(removed="none"),
    st.lists(st.sampled_from(draw.FRACTIONS), min_size=1, max_size=4).map(sorted),
)
def test_nesting_of_a_session(backend: Backend, case: SelectCase, targets: list[float]) -> None:
    """A session at rising targets never brings an entry back, and reaches each target's count of ALL entries."""
    needs_exact_count(backend)
    session = backend.begin(case)
    alive = {name: np.ones(array.shape, bool) for name, array in case.scores.items()}
    for target in targets:
        here = SelectCase(case.scores, target, case.pools, within=alive)
        now = check_masks_form(session.select(case.scores, target), here)
        check_selection(now, here, backend.declaration)
        alive = now


# SEL-06 Alive is what the mask says


@requirement("SEL-06", "example", "SELECT")
def test_alive_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(0, 5, 6, 7)}, 1), a=[0, 1, 1, 1])
    needs_within(backend)
    for stale in (99.0, float("nan"), 0.0):
        before = {"a": np.array([True, True, True, False])}
        keeps(backend, SelectCase({"a": scores(0, 5, 6, stale)}, 2, within=before), a=[0, 1, 1, 0])


@requirement("SEL-06", "property", "SELECT")
@given(draw.element_cases(removed="some"), st.sampled_from((float("nan"), float("inf"), 0.0, 5.0)))
def test_alive(backend: Backend, case: SelectCase, stale: float) -> None:
    """Whatever stands at removed entries, the masks are the same."""
    needs_within(backend)
    needs_repeatable(backend)
    assume(inside(backend, case))
    assert case.within is not None
    other = {name: array.copy() for name, array in case.scores.items()}
    for name, mask in case.within.items():
        other[name][~mask] = stale
    changed = SelectCase(other, case.sparsity, case.pools, within=case.within)
    should = check_masks_form(backend.select(case), case)
    expect_equal(check_masks_form(backend.select(changed), changed), should, call("select", changed))


# SEL-07 Not a number


@requirement("SEL-07", "example", "SELECT")
def test_nan_example(backend: Backend) -> None:
    nan, inf = float("nan"), float("inf")
    case = SelectCase({"a": scores(1, nan)}, 0.5)
    refuses(lambda: backend.select(case), call("select", case))
    keeps(backend, SelectCase({"a": scores(1, inf, -inf)}, 2), a=[0, 1, 0])


@requirement("SEL-07", "property", "SELECT")
@given(draw.element_cases(removed="none"), st.data())
def test_nan(backend: Backend, case: SelectCase, data: st.DataObject) -> None:
    assume(inside(backend, case))
    name = data.draw(st.sampled_from(list(case.scores)))
    broken = {key: array.copy() for key, array in case.scores.items()}
    broken[name].flat[data.draw(st.integers(0, broken[name].size - 1))] = np.nan
    wrong = SelectCase(broken, case.sparsity, case.pools)
    refuses(lambda: backend.select(wrong), call("select", wrong))


# SEL-08 and SEL-09 Pools


@requirement("SEL-08", "example", "SELECT")
def test_local_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(1, 2), "b": scores(10, 20)}, 0.5, "local"), a=[0, 1], b=[0, 1])


@requirement("SEL-08", "property", "SELECT")
@given(draw.element_cases(pools=st.just("local")))
def test_local(backend: Backend, case: SelectCase) -> None:
    """Each tensor alone gives the mask it has in company."""
    needs_repeatable(backend)
    assume(inside(backend, case))
    together = check_masks_form(backend.select(case), case)
    for name, array in case.scores.items():
        within = {name: case.within[name]} if case.within and name in case.within else None
        alone = SelectCase({name: array}, case.sparsity, "local", within=within)
        expect_equal(together[name], check_masks_form(backend.select(alone), alone)[name], call("select", case))


@requirement("SEL-09", "example", "SELECT")
def test_global_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(1, 20), "b": scores(10, 2, 30)}, 2, "global"), a=[0, 1], b=[1, 0, 1])
    needs_first_of_ties(backend)
    keeps(backend, SelectCase({"b": scores(7, 7), "a": scores(7, 7, 7)}, 2, "global"), b=[1, 1], a=[1, 0, 0])


@requirement("SEL-09", "property", "SELECT")
@given(draw.element_cases(removed="none"))
def test_global(backend: Backend, case: SelectCase) -> None:
    """The masks are those of one long tensor, cut back."""
    needs_repeatable(backend)
    needs_pools(backend, "global")
    needs_pools(backend, "local")
    assume(backend.declaration.integer_counts or isinstance(case.sparsity, float))
    whole = {"all": np.concatenate([array.ravel() for array in case.scores.values()])}
    assume(not isinstance(case.sparsity, int) or case.sparsity <= whole["all"].size)
    one = SelectCase(whole, case.sparsity, "local")
    many = SelectCase(case.scores, case.sparsity, "global")
    flat = check_masks_form(backend.select(one), one)["all"]
    masks = check_masks_form(backend.select(many), many)
    expect_equal(np.concatenate([mask.ravel() for mask in masks.values()]), flat, call("select", many))


# SEL-10 and SEL-11 Units


@requirement("SEL-10", "example", "SELECT")
def test_reserve_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    groups = {"a": scores(1, 2), "b": scores(10, 20, 30)}
    keeps(backend, SelectCase(groups, 3, "global", Units()), a=[0, 1], b=[0, 0, 1])
    keeps(backend, SelectCase(groups, 3, "global", Units(min_kept=0)), a=[0, 0], b=[0, 1, 1])
    keeps(backend, SelectCase({"a": scores(3, 1, 2)}, 1.0, "local", Units()), a=[1, 0, 0])


@requirement("SEL-10", "property", "SELECT")
@given(draw.unit_cases())
def test_reserve(backend: Backend, case: SelectCase) -> None:
    needs_granularity(backend, "unit")
    needs_default_count(backend)
    needs_first_of_ties(backend)
    assume(inside(backend, case))
    check_selection(backend.select(case), case, backend.declaration)


@requirement("SEL-11", "example", "SELECT")
def test_short_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    case = SelectCase({"a": scores(1, 2), "b": scores(3)}, 1.0, "global", Units())
    keeps(backend, case, a=[0, 1], b=[1])
    expect_equal(dict(backend.shortfall(case)), {"global": 2}, call("shortfall", case))


@requirement("SEL-11", "property", "SELECT")
@given(draw.unit_cases())
def test_short(backend: Backend, case: SelectCase) -> None:
    """What is short is the request less what is removed."""
    needs_granularity(backend, "unit")
    needs_default_count(backend)
    needs_first_of_ties(backend)
    assume(inside(backend, case))
    assert case.sparsity is not None
    masks = check_masks_form(backend.select(case), case)
    short = backend.shortfall(case)
    for names in pools(case):
        size = len(pool_entries(case, names))
        gone = sum(int((~masks[name]).sum()) for name in names)
        pool = "global" if case.pools == "global" else names[0]
        expect_equal(short[pool], removal_count("half_even", case.sparsity, size) - gone, call("shortfall", case))


# SEL-12 Empty pools


@requirement("SEL-12", "example", "SELECT")
def test_empty_example(backend: Backend) -> None:
    for case in (SelectCase({"a": scores()}, 0.5), SelectCase({}, 0.5, "global")):
        needs(backend, case)
        refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]


@requirement("SEL-12", "property", "SELECT")
@given(draw.SPARSITIES, st.sampled_from(((0,), (0, 3), (2, 0))), draw.POOLS)
def test_empty(backend: Backend, sparsity: float, shape: tuple[int, ...], pool: draw.Pools) -> None:
    case = SelectCase({"a": np.ones(shape)}, sparsity, pool)
    assume(inside(backend, case))
    refuses(lambda: backend.select(case), call("select", case))


# SEL-13 and SEL-14 What selection depends on


@requirement("SEL-13", "example", "SELECT")
def test_pure_example(backend: Backend) -> None:
    given_scores = scores(3, 1, 2)
    within = {"a": np.array([True, True, True])} if backend.declaration.within else None
    case = SelectCase({"a": given_scores}, 1, within=within)
    first = backend.select(case)
    expect_equal(given_scores, scores(3, 1, 2), f"the scores after {call('select', case)}")
    if within:
        expect_equal(within["a"], np.array([True] * 3), f"within after {call('select', case)}")
        unchanged = SelectCase({"a": given_scores}, 0, within=within)
        if np.shares_memory(np.asarray(backend.select(unchanged)["a"]), within["a"]):
            fail("a mask that shares memory with within", "a mask of its own", call("select", unchanged))
    expect_equal(backend.select(case), first, call("select", case))


@requirement("SEL-13", "property", "SELECT")
@given(draw.element_cases())
def test_pure(backend: Backend, case: SelectCase) -> None:
    assume(inside(backend, case))
    before = {name: array.copy() for name, array in case.scores.items()}
    alive = {name: mask.copy() for name, mask in (case.within or {}).items()}
    masks = {name: np.array(mask) for name, mask in backend.select(case).items()}
    expect_equal(case.scores, before, f"the scores after {call('select', case)}")
    expect_equal(case.within or {}, alive, f"within after {call('select', case)}")
    if backend.declaration.ties != "unspecified":
        expect_equal(backend.select(case), masks, call("select", case))


@requirement("SEL-14", "example", "SELECT")
def test_memory_example(backend: Backend) -> None:
    needs_first_of_ties(backend)
    for matrix in (np.ones((2, 2)), np.asfortranarray(np.ones((2, 2))), np.ones((4, 4))[::2, ::2]):
        keeps(backend, SelectCase({"a": matrix}, 0.5), a=[1, 1, 0, 0])


@requirement("SEL-14", "property", "SELECT")
@given(draw.element_cases())
def test_memory(backend: Backend, case: SelectCase) -> None:
    """Fortran order, strides and float64 change nothing."""
    needs_repeatable(backend)
    assume(inside(backend, case))
    should = check_masks_form(backend.select(case), case)
    for change in (
        np.asfortranarray,
        np.ascontiguousarray,
        lambda a: a.astype(np.float64),
        lambda a: np.repeat(a, 2, 0)[::2],
    ):
        other = SelectCase(
            {name: change(a) for name, a in case.scores.items()}, case.sparsity, case.pools, within=case.within
        )
        expect_equal(check_masks_form(backend.select(other), other), should, call("select", other))


# SEL-15 and SEL-16


@requirement("SEL-15", "example", "SELECT")
def test_core_example(backend: Backend) -> None:
    keeps(backend, SelectCase({"a": scores(3, 1, 4, 2)}, 0.5), a=[1, 0, 1, 0])


@requirement("SEL-15", "property", "SELECT")
@given(draw.core_cases())
def test_core(backend: Backend, case: SelectCase) -> None:
    assume(inside(backend, case))
    check_selection(backend.select(case), case, backend.declaration)


@requirement("SEL-16", "example", "RANDOM")
def test_random_example(backend: Backend) -> None:
    said = call("random_mask", {"a": (8,)}, 0.5, "local", 0)
    first, again = (backend.random_mask({"a": (8,)}, 0.5, "local", 0) for _ in range(2))
    expect_equal(int(np.asarray(first["a"]).sum()), 4, said)
    expect_equal(again, first, said)
    gone = ~np.array(
        [np.asarray(backend.random_mask({"a": (8,)}, 0.5, "local", seed)["a"], bool) for seed in range(40)]
    )
    expect_equal(gone.any(axis=0), np.ones(8, bool), f"what goes for seeds 0 to 39 of {said}")


@requirement("SEL-16", "property", "RANDOM")
@given(st.integers(1, 30), draw.SPARSITIES, st.integers(0, 2**31 - 1), draw.POOLS)
def test_random(backend: Backend, size: int, sparsity: float, seed: int, pool: draw.Pools) -> None:
    sizes = {"a": (size,), "b": (2, 3)}
    masks = backend.random_mask(sizes, sparsity, pool, seed)
    said = call("random_mask", sizes, sparsity, pool, seed)
    kept = {name: int(np.asarray(mask).sum()) for name, mask in masks.items()}
    rule = backend.declaration.count
    if pool == "global":
        expect_equal(sum(kept.values()), size + 6 - removal_count(rule, sparsity, size + 6), said)
    else:
        expect_equal(
            kept,
            {"a": size - removal_count(rule, sparsity, size), "b": 6 - removal_count(rule, sparsity, 6)},
            said,
        )


# SEL-17 Pools are a partition


@requirement("SEL-17", "example")
def test_partition_example() -> None:
    two = {"a": scores(1, 2), "b": scores(3, 4)}
    for wrong in ({"p": ("a",), "q": ("a", "b")}, {"p": ("a",)}, {"p": ("a", "b", "c")}, {}):
        refuses(lambda wrong=wrong: select(two, 0.5, lambda _: wrong), f"select({two}, 0.5, {wrong})")  # type: ignore[misc]


@requirement("SEL-17", "property")
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=3), max_size=4))
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
