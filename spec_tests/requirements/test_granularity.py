"""docs/spec/granularity.md, requirement by requirement: a literal example, then a property."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.arrays import Array
from refprune.errors import InvalidInput
from refprune.granularity import REDUCERS, Granularity, Group, Slice, block, element, n_of_m, unit
from spec_tests.adapter import Backend, Blocks, Declaration, NofM, ScoreCase, SelectCase, Units
from spec_tests.applicability import KINDS, inside, needs_granularity, needs_within
from spec_tests.declared import keeps_by, keeps_each
from spec_tests.oracle.scores import check_scores, indices, reducer_of, score
from spec_tests.oracle.scores import scores as defined_scores
from spec_tests.oracle.selection import judge, read_masks, refusal, tiles, unclear
from spec_tests.strategies import scores as draw
from spec_tests.strategies.scores import runs_of
from spec_tests.strategies.selection import arrays as arrays_of
from spec_tests.strategies.selection import (
    block_cases,
    masks_for,
    n_of_m_cases,
    n_of_m_rules,
    pools_of_runs,
    whole_runs,
)
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement


def matrix(*rows: list[float]) -> Array:
    """Return a float64 matrix."""
    return np.array(rows, np.float64)


def scores_are(backend: Backend, case: ScoreCase, **should: list[Any]) -> None:
    """Require exactly these scores of `name.weight`."""
    expected = {f"{name}.weight": np.array(values, np.float64) for name, values in should.items()}
    expect_equal(backend.score(case), expected, call("score", case))


def unit_scores_are(backend: Backend, reducer: str, weights: dict[str, Array], **should: list[float]) -> None:
    """Require these scores of the rows of each weight, by magnitude."""
    needs_granularity(backend, "unit")
    params = {f"{name}.weight": array for name, array in weights.items()}
    scores_are(backend, ScoreCase("magnitude", params, granularity=Units(), reducer=reducer), **should)


def pooled(backend: Backend, case: SelectCase) -> SelectCase:
    """Return the case with pools that are declared: for one array, and for n of m, it is the same question."""
    known = backend.declaration.pools
    return case if case.pools in known else replace(case, pools="global" if "global" in known else "local")


def needs_kind_of_score(backend: Backend) -> None:
    """Skip when nothing that has a score is declared."""
    if not backend.declaration.granularities & draw.KINDS:
        pytest.skip(f"not applicable: {backend.declaration.name} declares none of {sorted(draw.KINDS)}")


def keeps(backend: Backend, *rows: tuple[SelectCase, list[Any]]) -> None:
    """Require exactly these masks of the one array `a`."""
    keeps_each(backend, *((pooled(backend, case), {"a": should}) for case, should in rows))


def expect_defined(backend: Backend, case: ScoreCase) -> None:
    """Require the scores of the definition."""
    check_scores(backend.score(case), case, backend.declaration.unit_norm)


def check_reducer(backend: Backend, data: st.DataObject, reducer: str) -> None:
    """Require the reduction by definition on drawn rows or tiles of signed weights, whichever are declared."""
    case = draw.declared_case(backend, data, ("magnitude",), frozenset({"unit", "block"}))
    if isinstance(case.granularity, Blocks):
        expect_defined(backend, replace(case, granularity=replace(case.granularity, reducer=reducer)))
    else:
        expect_defined(backend, replace(case, reducer=reducer))


# GRA-01 Element


@requirement("GRA-01", "example", "SCORE")
def test_element_example(backend: Backend) -> None:
    needs_granularity(backend, "element")
    scores_are(backend, ScoreCase("magnitude", {"a.weight": matrix([-3, 0, 2])}), a=[[3, 0, 2]])


@requirement("GRA-01", "property", "SCORE")
@given(draw.layers())
def test_element(backend: Backend, params: dict[str, Array]) -> None:
    needs_granularity(backend, "element")
    expect_defined(backend, ScoreCase("magnitude", params))


# GRA-02 to GRA-06 Reducers


@requirement("GRA-02", "example", "SCORE")
def test_l1_example(backend: Backend) -> None:
    unit_scores_are(backend, "l1", {"a": matrix([1, -2], [0, 3], [2, -2])}, a=[3, 3, 4])


@requirement("GRA-02", "property", "SCORE")
@given(st.data())
def test_l1(backend: Backend, data: st.DataObject) -> None:
    check_reducer(backend, data, "l1")


@requirement("GRA-03", "example", "SCORE")
def test_l2_example(backend: Backend) -> None:
    should = {"root": [5.0, 2.0], "square": [25.0, 4.0]}[backend.declaration.unit_norm]
    unit_scores_are(backend, "l2", {"a": matrix([3, -4], [0, 2])}, a=should)


@requirement("GRA-03", "property", "SCORE")
@given(st.data())
def test_l2(backend: Backend, data: st.DataObject) -> None:
    check_reducer(backend, data, "l2")


@requirement("GRA-04", "example", "SCORE")
def test_mean_example(backend: Backend) -> None:
    unit_scores_are(backend, "mean", {"a": matrix([2, -4]), "b": matrix([1, -1, 1, -1])}, a=[3], b=[1])
    needs_granularity(backend, "block")
    ragged = ScoreCase("magnitude", {"a.weight": matrix([2, 4, 6])}, granularity=Blocks(1, 2, "mean"))
    scores_are(backend, ragged, a=[[3, 6]])


@requirement("GRA-04", "property", "SCORE")
@given(st.data())
def test_mean(backend: Backend, data: st.DataObject) -> None:
    check_reducer(backend, data, "mean")


@requirement("GRA-05", "example", "SCORE")
def test_max_example(backend: Backend) -> None:
    unit_scores_are(backend, "max", {"a": matrix([1, -5], [2, 2], [-1, -3])}, a=[5, 2, 3])


@requirement("GRA-05", "property", "SCORE")
@given(st.data())
def test_max(backend: Backend, data: st.DataObject) -> None:
    check_reducer(backend, data, "max")


@requirement("GRA-06", "example", "SCORE")
def test_sum_then_square_example(backend: Backend) -> None:
    unit_scores_are(backend, "sum_then_square", {"a": matrix([2, -2], [2, 1], [-1, -1])}, a=[0, 9, 4])


@requirement("GRA-06", "property", "SCORE")
@given(st.data())
def test_sum_then_square(backend: Backend, data: st.DataObject) -> None:
    check_reducer(backend, data, "sum_then_square")


# GRA-07 and GRA-12 Tiles


def tile_scores_are(backend: Backend, array: Array, rows: int | None, columns: int | None, should: Any) -> None:
    """Require the l1 scores of these tiles of one array."""
    scores_are(backend, ScoreCase("magnitude", {"a.weight": array}, granularity=Blocks(rows, columns)), a=should)


@requirement("GRA-07", "example", "SCORE")
def test_tiles_example(backend: Backend) -> None:
    needs_granularity(backend, "block")
    square = matrix([1, 2, 3], [4, 5, 6], [7, 8, 9])
    tile_scores_are(backend, square, 2, 2, [[12, 9], [15, 9]])
    tile_scores_are(backend, square, 1, None, [[6], [15], [24]])
    tile_scores_are(backend, square, None, 2, [[27, 18]])
    tile_scores_are(backend, square, 4, 5, [[45]])
    kernels = np.arange(1.0, 9.0).reshape(2, 2, 1, 2)
    tile_scores_are(backend, kernels, 1, 2, [[3, 7], [11, 15]])
    tile_scores_are(backend, np.arange(1.0, 17.0).reshape(4, 4), 3, 3, [[54, 24], [42, 16]])


@requirement("GRA-07", "property", "SCORE")
@given(draw.layers(), st.integers(1, 5), st.integers(1, 10))
def test_tiles(backend: Backend, params: dict[str, Array], rows: int, columns: int) -> None:
    needs_granularity(backend, "block")
    for sides in ((rows, columns), (None, columns), (rows, None), (None, None)):
        expect_defined(backend, ScoreCase("magnitude", params, granularity=Blocks(*sides)))


@requirement("GRA-12", "example", "SELECT")
def test_whole_tiles_example(backend: Backend) -> None:
    needs_granularity(backend, "block")
    square = matrix([1, 2, 3], [4, 5, 6], [7, 8, 9])
    kernels = np.array([[[[1.0, 1]], [[9, 9]]], [[[5, 5]], [[0, 3]]]])
    should = [[[[0, 0]], [[1, 1]]], [[[1, 1]], [[0, 0]]]]
    keeps(
        backend,
        (SelectCase({"a": square}, 0.5, granularity=Blocks(2, 2)), [[1, 1, 0], [1, 1, 0], [1, 1, 0]]),
        (SelectCase({"a": kernels}, 0.5, granularity=Blocks(1, 2)), should),
        (SelectCase({"a": square}, 2, granularity=Blocks(2, 2)), [[1, 1, 0], [1, 1, 0], [1, 1, 0]]),
        (SelectCase({"a": square}, 1, granularity=Blocks(1, None)), [[0, 0, 0], [1, 1, 1], [1, 1, 1]]),
    )


def rows_within(sparsity: float | int) -> SelectCase:
    """Return four rows as tiles, of which the first and the third are removed."""
    alive = {"a": matrix([0, 0], [1, 1], [0, 0], [1, 1]).astype(bool)}
    four = matrix([1, 1], [2, 2], [3, 3], [4, 4])
    return SelectCase({"a": four}, sparsity, granularity=Blocks(1, None), within=alive)


AS_THEY_ARE = [[0, 0], [1, 1], [0, 0], [1, 1]]
ONE_LEFT = [[0, 0], [0, 0], [0, 0], [1, 1]]


@requirement("GRA-12", "example", "SELECT")
def test_base_of_tiles_example(backend: Backend) -> None:
    rows(backend, "base", (rows_within(0.5), {"all": AS_THEY_ARE, "alive": ONE_LEFT}))


@requirement("GRA-12", "example", "SELECT")
def test_falling_of_tiles_example(backend: Backend) -> None:
    rows(backend, "falling", (rows_within(0.25), {"refused": None, "kept": AS_THEY_ARE}))


@requirement("GRA-12", "example", "SELECT")
def test_count_of_tiles_example(backend: Backend) -> None:
    rows(
        backend,
        "integers",
        (rows_within(2), {"total": AS_THEY_ARE, "more": [[0, 0]] * 4, "refused": None}),
        (rows_within(1), {"more": ONE_LEFT}),
    )


@requirement("GRA-12", "property", "SELECT")
@given(st.data())
def test_whole_tiles(backend: Backend, data: st.DataObject) -> None:
    needs_granularity(backend, "block")
    judge(backend, data.draw(block_cases(backend.declaration)))


@requirement("GRA-12", "property", "SELECT")
@given(st.data())
def test_whole_tiles_again(backend: Backend, data: st.DataObject) -> None:
    """What a selection of tiles left is a start for the next one."""
    needs_granularity(backend, "block")
    needs_within(backend)
    case = data.draw(block_cases(backend.declaration))
    assert case.sparsity is not None
    first = replace(case, sparsity=case.sparsity / 2)
    assume(not refusal(first, backend.declaration) and not unclear(first, backend.declaration))
    kept = read_masks(backend.select(first), first)
    judge(backend, replace(case, within=kept))


# GRA-08 and GRA-09 Units

FC = Group("fc", 2, (runs_of("fc.weight", 0, 2), runs_of("fc.bias", 0, 2)), (runs_of("out.weight", 1, 2),))
FC_PARAMS = {
    "fc.weight": matrix([1, -2], [3, 4]),
    "fc.bias": np.array([100.0, 0.0]),
    "out.weight": matrix([50, 0]),
    "out.bias": np.array([9.0]),
}


@requirement("GRA-08", "example", "SCORE")
def test_unit_score_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    case = ScoreCase("magnitude", FC_PARAMS, granularity=Units())
    scores_are(backend, case, fc=[3, 7], out=[50])
    kernels = {"a.weight": np.array([[[[1.0, -1]], [[2, 0]]], [[[0, 0]], [[0, -3]]]])}
    scores_are(backend, ScoreCase("magnitude", kernels, granularity=Units()), a=[4, 3])


@requirement("GRA-08", "example")
def test_group_score_example() -> None:
    got = unit([FC]).reduce(FC_PARAMS)
    expect_equal(got, {"fc": np.array([3.0, 7.0])}, f"unit([{FC}]).reduce({FC_PARAMS})")
    both = Group("sum", 2, (runs_of("a.weight", 0, 2), runs_of("b.weight", 0, 2)), ())
    values = {"a.weight": matrix([1], [2]), "b.weight": matrix([10, 10], [0, -5])}
    for reducer, should in (("l1", [21.0, 7.0]), ("mean", [7.0, 7 / 3]), ("sum_then_square", [441.0, 9.0])):
        expect_equal(unit([both], REDUCERS[reducer]).reduce(values)["sum"], np.array(should), f"{reducer} of {values}")
    spans = Group("wide", 2, (runs_of("c.weight", 1, 2, 2),), ())
    got = unit([spans]).reduce({"c.weight": matrix([1, 2, 3, 4], [0, 0, 0, 1])})
    expect_equal(got, {"wide": np.array([3.0, 8.0])}, "units of two columns each")
    mixed = Group("mixed", 2, (Slice("d.weight", 0, (1, -1, 0, 1)), runs_of("d_bn.gamma", 0, 2)), ())
    got = unit([mixed]).reduce({"d.weight": matrix([1], [2], [4], [8]), "d_bn.gamma": np.array([50.0, 0])})
    expect_equal(got, {"mixed": np.array([4.0, 9.0])}, "rows of labels 1, -1, 0, 1")


@requirement("GRA-08", "property", "SCORE")
@given(st.data())
def test_unit_score(backend: Backend, data: st.DataObject) -> None:
    expect_defined(backend, draw.declared_case(backend, data, kinds=frozenset({"unit"})))


@requirement("GRA-08", "property")
@given(draw.groups(), st.sampled_from(("l1", "max", "sum_then_square")))
def test_group_score(drawn: tuple[tuple[Group, ...], dict[str, Array]], reducer: str) -> None:
    """Every weight of a group counts, along whatever axis and with whatever labels; nothing else does."""
    groups, params = drawn
    should = {}
    for group in groups:
        entries = [entries_of(part, group.size, params) for part in group.producers if part.array.endswith(".weight")]
        joined = [[value for member in entries for value in member[number]] for number in range(group.size)]
        should[group.name] = np.array([score(reducer, values) for values in joined])
    expect_equal(unit(groups, REDUCERS[reducer]).reduce(params), should, f"unit({groups}, {reducer}).reduce({params})")


def entries_of(part: Slice, size: int, params: dict[str, Array]) -> list[list[float]]:
    """Return for each unit its entries in one array."""
    entries: list[list[float]] = [[] for _ in range(size)]
    for index in indices(params[part.array].shape):
        if part.units[index[part.axis]] >= 0:
            entries[part.units[index[part.axis]]].append(float(params[part.array][index]))
    return entries


@requirement("GRA-09", "example")
def test_unit_mask_example() -> None:
    got = unit([FC]).expand({"fc": np.array([False, True])}, FC_PARAMS)
    should = {"fc.weight": np.array([[False, False], [True, True]]), "fc.bias": np.array([False, True])}
    expect_equal(got, should, f"unit([{FC}]).expand")
    wide = Group("wide", 2, (runs_of("c.weight", 1, 2, 2),), ())
    got = unit([wide]).expand({"wide": np.array([True, False])}, {"c.weight": np.ones((1, 4))})
    expect_equal(got, {"c.weight": np.array([[True, True, False, False]])}, "units of two columns each")
    mixed = Group("mixed", 2, (Slice("c.weight", 1, (1, -1, 0, 1)),), (), (runs_of("c_bn.running_mean", 0, 2),))
    arrays = {"c.weight": np.ones((1, 4)), "c_bn.running_mean": np.ones(2)}
    got = unit([mixed]).expand({"mixed": np.array([True, False])}, arrays)
    expect_equal(got, {"c.weight": np.array([[False, True, True, False]])}, "columns of labels 1, -1, 0, 1")
    crossed = [
        Group("rows", 2, (runs_of("d.weight", 0, 2),), ()),
        Group("columns", 2, (runs_of("d.weight", 1, 2),), ()),
    ]
    masks = {"rows": np.array([True, False]), "columns": np.array([False, True])}
    got = unit(crossed).expand(masks, {"d.weight": np.ones((2, 2))})
    expect_equal(got, {"d.weight": np.array([[False, True], [False, False]])}, "a row and a column removed")
    expect_equal(unit([FC]).expand({}, FC_PARAMS), {}, "no masks of units")


@requirement("GRA-09", "example")
def test_mask_of_every_maker_example() -> None:
    """Weights, biases, gamma and beta, whoever owns them."""
    names = ("a.weight", "a.bias", "b.weight", "n.gamma", "n.beta")
    makers = Group("sum", 2, tuple(runs_of(name, 0, 2) for name in names), ())
    got = unit([makers]).expand({"sum": np.array([True, False])}, {name: np.ones(2) for name in names})
    expect_equal(got, dict.fromkeys(names, np.array([True, False])), f"unit([{makers}]).expand")


@requirement("GRA-09", "property")
@given(draw.groups(), st.data())
def test_unit_mask(drawn: tuple[tuple[Group, ...], dict[str, Array]], data: st.DataObject) -> None:
    """Every producer of a removed unit is masked, biases included, and the way back gives the units again."""
    groups, params = drawn
    masks = data.draw(masks_for({group.name: np.empty(group.size) for group in groups}))
    granularity = unit(groups)
    got = granularity.expand(masks, params)
    said = f"unit({groups}).expand({masks}, {params})"
    should = {}
    for group in (group for group in groups if group.name in masks):
        for part in group.producers:
            shape = params[part.array].shape
            labels = [part.units[index[part.axis]] for index in indices(shape)]
            flat = [label < 0 or bool(masks[group.name][label]) for label in labels]
            should[part.array] = np.array(flat).reshape(shape)
    expect_equal(got, should, said)
    back = {group.name: masks.get(group.name, np.ones(group.size, bool)) for group in groups}
    expect_equal(granularity.collapse(got, params), back, f"collapse of {said}")


# GRA-10, GRA-11 and GRA-13 to GRA-15 n of m


def runs(keep: int, of: int, *rows: list[float], axis: int = 1, within: Any = None) -> SelectCase:
    """Return a case of one matrix `a`."""
    alive = None if within is None else {"a": np.array(within, bool)}
    return SelectCase({"a": matrix(*rows)}, None, granularity=NofM(keep, of, axis), within=alive)


@requirement("GRA-10", "example", "SELECT")
def test_kept_example(backend: Backend) -> None:
    """1 of 4 and 3 of 4 say what stays, or what goes; 2 of 4 reads the same either way."""
    needs_granularity(backend, "n_of_m")
    four, eight = [1.0, 4, 3, 2], [1.0, 2, 3, 4, 80, 70, 60, 50]
    rows(
        backend,
        "names",
        (runs(1, 4, four), {"kept": [0, 1, 0, 0], "removed": [0, 1, 1, 1]}),
        (runs(3, 4, four), {"kept": [0, 1, 1, 1], "removed": [0, 1, 0, 0]}),
        (runs(2, 4, eight), {"kept": [0, 0, 1, 1, 1, 1, 0, 0], "removed": [0, 0, 1, 1, 1, 1, 0, 0]}),
        (runs(4, 4, [1, 2, 3, 4]), {"kept": [1, 1, 1, 1]}),
    )


def rows(backend: Backend, field: str, *cases: tuple[SelectCase, dict[str, Any]]) -> None:
    """Require the mask of one row that goes with the declared value of a field."""
    keeps_by(backend, field, *((pooled(backend, case), table) for case, table in cases))


@requirement("GRA-10", "example", "SELECT")
def test_transform_example(backend: Backend) -> None:
    needs_granularity(backend, "n_of_m")
    rows(backend, "transform", (runs(2, 4, [-9, 1, -3, 2]), {"none": [0, 1, 0, 1], "abs": [1, 0, 1, 0]}))


@requirement("GRA-10", "property", "SELECT")
@given(st.data())
def test_kept(backend: Backend, data: st.DataObject) -> None:
    """Whole runs of distinct scores: what every library with this naming does alike."""
    needs_granularity(backend, "n_of_m")
    judge(backend, data.draw(whole_runs(backend.declaration)))


@requirement("GRA-11", "example", "SELECT")
def test_tail_example(backend: Backend) -> None:
    """What a tail of two, of three, of one, and of three without a whole run before it keeps."""
    needs_granularity(backend, "n_of_m")
    two, three = runs(2, 4, [1, 2, 3, 4, 5, 6]), runs(2, 4, [1, 2, 3, 4, 5, 6, 7])
    rows(
        backend,
        "tail",
        (
            two,
            {"proportional": [0, 0, 1, 1, 0, 1], "padded": [0, 0, 1, 1, 1, 1], "dense": [0, 0, 1, 1, 1, 1]}
            | {"refused": None},
        ),
        (
            three,
            {"proportional": [0, 0, 1, 1, 0, 1, 1], "padded": [0, 0, 1, 1, 0, 1, 1], "dense": [0, 0, 1, 1, 1, 1, 1]}
            | {"refused": None},
        ),
        (
            runs(1, 4, [1, 2, 3, 4, 5]),
            {"proportional": [0, 0, 0, 1, 1], "padded": [0, 0, 0, 1, 1], "dense": [0, 0, 0, 1, 1], "refused": None},
        ),
        (
            runs(2, 4, [7, 8, 9]),
            {"proportional": [0, 1, 1], "padded": [0, 1, 1], "dense": [1, 1, 1], "refused": None},
        ),
    )


@requirement("GRA-11", "property", "SELECT")
@given(st.data())
def test_tail(backend: Backend, data: st.DataObject) -> None:
    needs_granularity(backend, "n_of_m")
    judge(backend, data.draw(n_of_m_cases(backend.declaration)))


@requirement("GRA-11", "property", "SELECT")
@given(st.data(), st.integers(1, 9))
def test_one_row(backend: Backend, data: st.DataObject, length: int) -> None:
    """A row of any length, with a tail or without."""
    needs_granularity(backend, "n_of_m")
    rule = data.draw(n_of_m_rules(backend.declaration))
    ranks = np.array(data.draw(st.permutations(range(1, length + 1))), np.float64)
    shape = tuple(length if axis == rule.axis else 1 for axis in range(max(2, rule.axis + 1)))
    judge(backend, SelectCase({"a": ranks.reshape(shape)}, None, pools_of_runs(backend.declaration), rule))


@requirement("GRA-13", "example", "SELECT")
def test_runs_example(backend: Backend) -> None:
    needs_granularity(backend, "n_of_m")
    kernels = SelectCase({"a": np.array([[[[1.0, 2]], [[3, 4]]]])}, None, granularity=NofM(1, 2))
    channels = np.arange(4.0).reshape(1, 4, 1, 1)
    along_last = SelectCase({"a": np.array([[[[1.0, 2]], [[4, 3]]]])}, None, granularity=NofM(1, 2, axis=3))
    keeps(
        backend,
        (runs(1, 2, [3, 1, 2], [1, 2, 3]), [[1, 0, 1], [0, 1, 1]]),
        (runs(1, 2, [3, 1, 2, 4], [1, 2, 4, 3]), [[1, 0, 0, 1], [0, 1, 1, 0]]),
        (runs(1, 2, [1, 2], [4, 3], axis=0), [[0, 0], [1, 1]]),
        (kernels, [[[[0, 0]], [[1, 1]]]]),
        (SelectCase({"a": channels}, None, granularity=NofM(1, 2)), [[[[0]], [[1]], [[0]], [[1]]]]),
        (along_last, [[[[0, 1]], [[1, 0]]]]),
    )


@requirement("GRA-13", "property", "SELECT")
@given(st.data(), st.integers(1, 2))
def test_runs(backend: Backend, data: st.DataObject, positions: int) -> None:
    """Along every declared axis every position has runs of its own, and so has every row."""
    needs_granularity(backend, "n_of_m")
    judge(backend, data.draw(whole_runs(backend.declaration, positions)))


@requirement("GRA-14", "example", "SELECT")
def test_run_ties_example(backend: Backend) -> None:
    needs_granularity(backend, "n_of_m")
    rows(
        backend,
        "run_ties",
        (runs(2, 4, [1, 1, 1, 1]), {"first": [1, 1, 0, 0], "last": [0, 0, 1, 1], "unspecified": 2}),
        (runs(2, 4, [1, 1, 1, 2]), {"first": [1, 0, 0, 1], "last": [0, 0, 1, 1], "unspecified": 2}),
        (runs(1, 2, [-0.0, 0.0, 0.0, -0.0]), {"first": [1, 0, 1, 0], "last": [0, 1, 0, 1], "unspecified": 2}),
    )


@requirement("GRA-14", "property", "SELECT")
@given(st.data())
def test_run_ties(backend: Backend, data: st.DataObject) -> None:
    """Runs of two values, both zeros among them."""
    needs_granularity(backend, "n_of_m")
    case = data.draw(whole_runs(backend.declaration))
    values = st.sampled_from((0.0, -0.0, 1.0))
    judge(
        backend, replace(case, scores={"a": data.draw(arrays_of(st.just(case.scores["a"].shape), values, np.float64))})
    )


@requirement("GRA-15", "example", "SELECT")
def test_run_within_example(backend: Backend) -> None:
    needs_granularity(backend, "n_of_m")
    keeps(
        backend,
        (runs(2, 4, [9, 1, 2, 3], within=[[0, 1, 1, 1]]), [[0, 0, 1, 1]]),
        (runs(2, 4, [9, 9, 9, 0], within=[[0, 0, 0, 1]]), [[0, 0, 0, 1]]),
        (runs(2, 4, [1, 2, 3, 4], within=[[0, 0, 0, 0]]), [[0, 0, 0, 0]]),
        (runs(1, 2, [float("nan"), 1], within=[[0, 1]]), [[0, 1]]),
    )


@requirement("GRA-15", "example", "SELECT")
def test_run_nan_example(backend: Backend) -> None:
    """A NaN of an alive entry, and one beside what was removed."""
    needs_granularity(backend, "n_of_m")
    nan = float("nan")
    rows(
        backend,
        "nan",
        (runs(1, 2, [5, nan]), {"refused": None, "highest": [0, 1], "lowest": [1, 0]}),
        (runs(1, 2, [nan, 5, nan, 1], within=[[0, 1, 1, 1]]), {"refused": None, "highest": [0, 1, 1, 0]}),
    )


@requirement("GRA-15", "property", "SELECT")
@given(st.sampled_from((float("nan"), float("inf"), 9.0)), st.data())
def test_run_within(backend: Backend, stale: float, data: st.DataObject) -> None:
    """Whatever stands at removed entries, they stay removed and decide nothing."""
    needs_granularity(backend, "n_of_m")
    needs_within(backend)
    case = data.draw(n_of_m_cases(backend.declaration))
    within = case.within or data.draw(masks_for(dict(case.scores)))
    scores = {name: array.copy() for name, array in case.scores.items()}
    for name, mask in within.items():
        scores[name][~mask] = stale
    judge(backend, replace(case, within=within))
    judge(backend, replace(case, scores=scores, within=within))


# GRA-16 Units in part


@requirement("GRA-16", "example", "SELECT")
def test_part_example(backend: Backend) -> None:
    needs_granularity(backend, "block")
    needs_within(backend)
    half = {"a": np.array([[True, False], [True, True]])}
    case = pooled(backend, SelectCase({"a": np.ones((2, 2))}, 0.5, granularity=Blocks(1, None), within=half))
    refuses(lambda: backend.select(case), call("select", case))


@requirement("GRA-16", "example")
def test_grids_example() -> None:
    """Tiles of 1 x 1 and 2 x 2; grids of 2 x 3 and 3 x 1: scores of tiles, and masks of them read back."""
    numbers = np.arange(12.0).reshape(2, 6)
    wide, tall = [[1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1]], [[1, 1], [1, 1], [0, 0], [0, 0], [1, 1], [1, 1]]
    tiles: tuple[tuple[Granularity, Array, list[list[int]], list[list[int]], list[list[int]]], ...] = (
        (block(1, 2), numbers, [[1, 5, 9], [13, 17, 21]], wide, [[1, 0, 1], [0, 1, 1]]),
        (block(1, 1), numbers[:, :2], [[0, 1], [6, 7]], [[1, 0], [0, 1]], [[1, 0], [0, 1]]),
        (block(2, 2), numbers.reshape(6, 2), [[6], [22], [38]], tall, [[1], [0], [1]]),
    )
    for granularity, array, scores, whole, left in tiles:
        expect_equal(granularity.reduce({"a": array}), {"a": np.array(scores, np.float64)}, f"reduce of {array}")
        mask, grid = {"a": np.array(whole, bool)}, {"a": np.array(left, bool)}
        expect_equal(granularity.collapse(mask, {"a": array}), grid, f"collapse({mask})")
        expect_equal(granularity.expand(grid, {"a": array}), mask, f"expand({grid})")
    expect_equal(block(1, 2).reduce({"a": np.ones((0, 4))})["a"].shape, (0, 2), "the tiles of an array of shape (0, 4)")


@requirement("GRA-16", "example")
def test_group_part_example() -> None:
    granularity = unit([FC])
    rows = np.array([[False, False], [True, True]])
    whole = {"fc.weight": rows, "fc.bias": np.array([False, True])}
    expect_equal(granularity.collapse(whole, FC_PARAMS), {"fc": np.array([False, True])}, "collapse of a whole unit")
    expect_equal(granularity.collapse({}, FC_PARAMS), {"fc": np.array([True, True])}, "collapse of no masks")
    for part in ({"fc.weight": rows}, whole | {"fc.weight": np.array([[False, True], [True, True]])}):
        expect_invalid(lambda part=part: granularity.collapse(part, FC_PARAMS), f"collapse({part})", "in part")


@requirement("GRA-16", "example")
def test_parts_of_a_unit_example() -> None:
    """Rows of the second maker, or a gamma, that are still there: the unit is removed in part."""
    makers = [runs_of(name, 0, 2) for name in ("a.weight", "b.weight", "n.gamma")]
    params = {"a.weight": np.ones((2, 1)), "b.weight": np.ones((2, 1)), "n.gamma": np.ones(2)}
    granularity = unit([Group("sum", 2, tuple(makers), ())])
    masks = granularity.expand({"sum": np.array([False, True])}, params)
    expect_equal(granularity.collapse(masks, params), {"sum": np.array([False, True])}, "collapse of a whole unit")
    for name in params:
        rest = {other: mask for other, mask in masks.items() if other != name}
        expect_invalid(lambda rest=rest: granularity.collapse(rest, params), f"collapse without {name}", "in part")


@requirement("GRA-16", "property", "SELECT")
@given(st.data())
def test_part(backend: Backend, data: st.DataObject) -> None:
    """One entry out of a tile of several is no removed tile."""
    needs_granularity(backend, "block")
    needs_within(backend)
    case = data.draw(block_cases(backend.declaration))
    assert isinstance(case.granularity, Blocks)
    name = data.draw(st.sampled_from(list(case.scores)))
    scores = {key: np.stack([array, array], axis=1) for key, array in case.scores.items()}
    mask = np.ones(scores[name].shape, bool)
    mask[data.draw(st.sampled_from(list(indices(mask.shape))))] = False
    rows = Blocks(case.granularity.rows, None, case.granularity.reducer)
    wrong = pooled(backend, SelectCase(scores, 1.0, case.pools, rows, {name: mask}))
    refuses(lambda: backend.select(wrong), call("select", wrong))


# GRA-17 Accumulation


@requirement("GRA-17", "example", "SCORE")
def test_accumulation_example(backend: Backend) -> None:
    needs_granularity(backend, "unit")
    weights = {"a.weight": np.array([[2**24, 1]], np.float32)}
    for reducer, should in (("l1", 2.0**24 + 1), ("sum_then_square", (2.0**24 + 1) ** 2)):
        case = ScoreCase("magnitude", weights, granularity=Units(), reducer=reducer)
        if reducer in backend.declaration.reducers:
            scores_are(backend, case, a=[should])


@requirement("GRA-17", "example", "SCORE")
def test_accumulation_of_squares_example(backend: Backend) -> None:
    """The squares are beyond what float32 holds."""
    should = {"root": 5 * 2.0**70, "square": 25 * 2.0**140}[backend.declaration.unit_norm]
    unit_scores_are(backend, "l2", {"a": np.array([[3 * 2.0**70, -4 * 2.0**70]], np.float32)}, a=[should])


@requirement("GRA-17", "property", "SCORE")
@given(st.lists(st.integers(-(2**24), 2**24), min_size=1, max_size=8), st.sampled_from(("l1", "sum_then_square")))
def test_accumulation(backend: Backend, values: list[int], reducer: str) -> None:
    """Integers that float32 holds, but not their sums; the square of a sum below 2^27 rounds once."""
    needs_granularity(backend, "unit")
    params = {"a.weight": np.array([values], np.float32)}
    case = ScoreCase("magnitude", params, granularity=Units(), reducer=reducer)
    total = float(sum(map(abs, values)) if reducer == "l1" else sum(values) ** 2)
    scores_are(backend, case, a=[total])


# GRA-18 What is no granularity


def expect_invalid(action: Any, said: str, *words: str) -> None:
    """Require InvalidInput with these words in its sentence."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput) or not all(word in str(error) for word in ("got", "expected", *words)):
        fail(f"{type(error).__name__}: {error}", f"InvalidInput naming {words}, what it got and expected", said)


@requirement("GRA-18", "example", "SELECT")
def test_no_granularity_example(backend: Backend) -> None:
    nan = float("nan")
    wrongs: tuple[tuple[NofM | Blocks, Any], ...] = (
        (NofM(0, 4), [[1.0, 2]]),
        (NofM(3, 2), [[1.0, 2]]),
        (NofM(-1, 2), [[1.0, 2]]),
        (NofM(1, 2, axis=2), [[1.0, 2]]),
        (NofM(1, 2, axis=3), [[1.0, 2]]),
        (NofM(1, 2, axis=-1), [[1.0, 2]]),
        (NofM(1, 2), [1.0, 2]),
        (NofM(1, 2), [[1.0, nan]]),
        (Blocks(0, 1), [[1.0, 2]]),
        (Blocks(1, -1), [[1.0, 2]]),
    )
    if not backend.declaration.granularities & {"n_of_m", "block"}:
        pytest.skip(f"not applicable: {backend.declaration.name} declares neither granularity block nor n_of_m")
    for granularity, wrong_scores in wrongs:
        sparsity = 0.5 if isinstance(granularity, Blocks) else None
        case = pooled(backend, SelectCase({"a": np.array(wrong_scores)}, sparsity, granularity=granularity))
        nothing_goes = backend.declaration.names == "removed" and granularity == NofM(0, 4)
        asked = inside(backend, case) and not nothing_goes
        if asked and (backend.declaration.nan == "refused" or not np.isnan(wrong_scores).any()):
            refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]


@requirement("GRA-18", "example")
def test_numpy_integers_example() -> None:
    """Eight bits do not wrap around."""
    keep, of, axis = np.uint8(2), np.uint8(4), np.uint8(1)
    got: Any = n_of_m({"a": matrix([1, 2, 3, 4])}, keep, of, None, axis)  # type: ignore[arg-type]  # NumPy's are integers
    expect_equal(got, {"a": np.array([[False, False, True, True]])}, f"n_of_m, keep {keep!r}, of {of!r}")
    tiles: Any = block(np.int8(1), np.uint8(2)).reduce({"a": matrix([1, 2, 3])})  # type: ignore[arg-type]  # as above
    expect_equal(tiles, {"a": matrix([3, 3])}, "tiles of one row and two columns, as NumPy integers")


@requirement("GRA-18", "property", "SELECT")
@given(st.data())
def test_no_granularity(backend: Backend, data: st.DataObject) -> None:
    needs_granularity(backend, "n_of_m")
    case = data.draw(n_of_m_cases(backend.declaration))
    assert isinstance(case.granularity, NofM)
    axis, axes = case.granularity.axis, case.scores["a"].ndim
    least = 0 if backend.declaration.names == "kept" else -1
    wrong_axes = [
        i for i in (*range(axes, 10), *range(-9, 0)) if i not in Declaration.run_axes - backend.declaration.run_axes
    ]
    keep, of, axis = data.draw(
        st.one_of(
            st.tuples(st.integers(max_value=least), st.integers(1, 4), st.just(axis)),
            st.tuples(st.integers(3, 5), st.integers(-1, 2), st.just(axis)),
            st.tuples(st.just(1), st.just(2), st.sampled_from(wrong_axes)),
        )
    )
    wrong = pooled(backend, SelectCase(case.scores, None, granularity=NofM(keep, of, axis)))
    before = {name: array.copy() for name, array in case.scores.items()}
    refuses(lambda: backend.select(wrong), call("select", wrong))
    expect_equal(case.scores, before, "the scores afterwards")


NO_INTEGER = st.sampled_from((True, 1.0, "1", float("nan"), 0, -2))


@requirement("GRA-18", "property")
@given(NO_INTEGER, st.sampled_from(("rows", "columns", "keep", "of", "axis")))
def test_no_integer(wrong: Any, where: str) -> None:
    """Sides, keep, of and axis are integers, neither bools nor floats."""
    scores = {"a": np.ones((2, 2))}
    assume(not (where == "axis" and type(wrong) is int and wrong == 0))
    sides: dict[str, Any] = {"rows": 1, "columns": 1} | {where: wrong}
    numbers: dict[str, Any] = {"keep": 1, "of": 2, "axis": 1} | {where: wrong}
    if where in ("rows", "columns"):
        expect_invalid(lambda: block(sides["rows"], sides["columns"]), f"block({sides})", where)
    else:
        expect_invalid(
            lambda: n_of_m(scores, numbers["keep"], numbers["of"], None, numbers["axis"]),
            f"n_of_m({numbers})",
            where,
        )


@requirement("GRA-18", "example")
def test_no_group_example() -> None:
    alive = {"fc": np.ones(2, bool)}
    for name, arrays in (
        ("missing", {"other.weight": np.ones((2, 2))}),
        ("too long", {"fc.weight": np.ones((3, 2)), "fc.bias": np.ones(3)}),
        ("no such axis", {"fc.weight": np.ones(()), "fc.bias": np.ones(2)}),
    ):
        expect_invalid(lambda arrays=arrays: unit([FC]).reduce(arrays), f"reduce, {name}", "fc")
        expect_invalid(lambda arrays=arrays: unit([FC]).expand(alive, arrays), f"expand, {name}", "fc")
        expect_invalid(lambda arrays=arrays: unit([FC]).collapse({}, arrays), f"collapse, {name}", "fc")
    for labels in ((0, 2), (0, -2)):
        strange = Group("fc", 2, (Slice("fc.weight", 0, labels),), ())
        expect_invalid(lambda strange=strange: unit([strange]).reduce(FC_PARAMS), f"labels {labels} of 2 units", "fc")
        expect_invalid(lambda strange=strange: unit([strange]).expand(alive, FC_PARAMS), f"labels {labels}", "fc")
    weightless = Group("norm", 2, (runs_of("fc.bias", 0, 2),), ())
    expect_invalid(lambda: unit([weightless]).reduce(FC_PARAMS), "reduce of a bias", "norm", "weight")
    expect_invalid(lambda: unit([FC, FC]), "two groups of one name", "fc")
    expect_invalid(lambda: unit([FC]).expand({"nobody": np.ones(2, bool)}, FC_PARAMS), "an unknown group", "nobody")
    expect_invalid(lambda: block(1, 1).expand({"b": np.ones((1, 1), bool)}, {"a": np.ones((1, 1))}), "b of a", "b")
    expect_invalid(lambda: block(1, 1).reduce({"a": np.array(1.0)}), "tiles of a number", "axis")


@requirement("GRA-18", "property")
@given(draw.groups(), st.data())
def test_no_group(drawn: tuple[tuple[Group, ...], dict[str, Array]], data: st.DataObject) -> None:
    """An array that is missing, or longer than the group, is refused by name."""
    groups, params = drawn
    weights = [part for group in groups for part in group.producers if part.array.endswith(".weight")]
    part = data.draw(st.sampled_from(weights))
    array = params[part.array]
    longer = params | {part.array: np.concatenate([array, array], axis=part.axis)}
    missing = {name: value for name, value in params.items() if name != part.array}
    masks = {group.name: np.ones(group.size, bool) for group in groups}
    for arrays in (longer, missing):
        expect_invalid(lambda arrays=arrays: unit(groups).reduce(arrays), f"unit({groups}).reduce", part.array)
        expect_invalid(lambda arrays=arrays: unit(groups).expand(masks, arrays), f"unit({groups}).expand", part.array)


# GRA-19 The reserve


@requirement("GRA-19", "example")
def test_reserve_example() -> None:
    reserves = [element().min_kept, block(1, None).min_kept, unit([FC]).min_kept, unit([FC], min_kept=2).min_kept]
    expect_equal(reserves, [0, 0, 1, 2], "min_kept of element, block, unit and unit(min_kept=2)")


@requirement("GRA-19", "property")
@given(draw.groups(), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3))
def test_reserve(drawn: tuple[tuple[Group, ...], dict[str, Array]], min_kept: int, rows: int, columns: int) -> None:
    """Only units set something aside, and as much as they are told to."""
    groups, _ = drawn
    reserves = [unit(groups).min_kept, unit(groups, min_kept=min_kept).min_kept, block(rows, columns).min_kept]
    expect_equal(reserves, [1, min_kept, 0], f"min_kept of unit, unit(min_kept={min_kept}), block({rows}, {columns})")


# GRA-20 The precision of a score

PRECISE = st.one_of(st.just(0.0), st.floats(2.0**-10, 2.0**10), st.floats(-(2.0**10), -(2.0**-10)))
"""Numbers whose squares and sums neither under- nor overflow in float32."""


def expect_precise(backend: Backend, case: ScoreCase) -> None:
    """Require entries and maxima exactly, all else to (m + 3) eps of the score of |c|.

    Squares, and a sum of m terms in any order, are at most m roundings of eps / 2 deep; squaring the sum doubles
    that, and a root halves it. Root, quotient by way of the reciprocal, or square, and storing add at most three.
    """
    norm = backend.declaration.unit_norm
    got, should, said = backend.score(case), defined_scores(case, norm), call("score", case)
    known = case.params if case.criterion == "magnitude" else case.draws
    assert known is not None
    absolute = {name: np.abs(array) for name, array in known.items()}
    positive = replace(case, params=absolute) if known is case.params else replace(case, draws=absolute)
    reach = defined_scores(positive, norm)
    expect_equal(sorted(got), sorted(should), f"the names of {said}")
    for name, values in should.items():
        if reducer_of(case) in ("", "max"):
            expect_equal(np.asarray(got[name]), values, f"{said}[{name!r}]")
            continue
        entries = max(len(tile) for tile in members(case, name))
        scores = np.asarray(got[name])
        expect_equal(scores.shape, values.shape, f"the shape of {said}[{name!r}]")
        for index in indices(values.shape):
            bound = (entries + 3) * float(np.finfo(known[name].dtype).eps) * float(reach[name][index])
            expect_close(scores[index], values[index], bound, f"{said}[{name!r}][{index}]")


def members(case: ScoreCase, name: str) -> list[list[Any]]:
    """Return the entries of every tile, or of every unit, which is a row."""
    rule = case.granularity if isinstance(case.granularity, Blocks) else Blocks(1, None)
    return list(tiles(case.params[name].shape, rule.rows, rule.columns).values())


@requirement("GRA-20", "example", "SCORE")
def test_precision_example(backend: Backend) -> None:
    needs_kind_of_score(backend)
    known = backend.declaration.granularities
    weights = {"a.weight": matrix([0.1, 1 - 2.0**-53])}
    l2 = {"root": 1.01**0.5, "square": 1.01}[backend.declaration.unit_norm]
    if "element" in known:
        scores_are(backend, ScoreCase("magnitude", weights), a=[[0.1, 1 - 2.0**-53]])
        draws = {"a.weight": matrix([0.5, 0.5 + 2.0**-53])}
        single = {"a.weight": np.ones((1, 2), np.float32)}
        scores_are(backend, ScoreCase("random", single, draws=draws), a=[[0.5, 0.5 + 2.0**-53]])
    for kind in (kind for kind in (Units(), Blocks(1, None)) if KINDS[type(kind)] in known):
        for reducer, should in (("max", 1 - 2.0**-53), ("l1", 1.1), ("mean", 0.55), ("l2", l2)):
            chosen = replace(kind, reducer=reducer) if isinstance(kind, Blocks) else kind
            case = ScoreCase("magnitude", weights, granularity=chosen, reducer=reducer)
            got = np.ravel(np.asarray(backend.score(case)["a.weight"]))
            expect_close(got, np.array([should]), 5 * 2.0**-52 * should, call("score", case))


@requirement("GRA-20", "property", "SCORE")
@given(st.data(), st.booleans())
def test_precision(backend: Backend, data: st.DataObject, drawn: bool) -> None:  # noqa: FBT001  a drawn switch
    """Weights of either dtype; and draws, which are float64 whatever the weights are."""
    case = draw.declared_case(backend, data, ("magnitude",))
    names = [name for name in case.params if name.endswith(".weight")]
    dtypes = {name: np.float64 if drawn else case.params[name].dtype for name in names}
    shapes = {name: case.params[name].shape for name in names}
    values = {name: data.draw(arrays_of(st.just(shapes[name]), PRECISE, dtypes[name])) for name in names}
    if drawn:
        case = replace(case, criterion="random", draws=values)
    else:
        case = replace(case, params=dict(case.params) | values)
    expect_precise(backend, case)


# GRA-21 Members combined

PAIR = Group("sum", 2, (runs_of("a.weight", 0, 2), runs_of("a.bias", 0, 2), runs_of("b.weight", 0, 2)), ())
PAIR_PARAMS = {"a.weight": matrix([3], [6]), "a.bias": np.array([90.0, 0]), "b.weight": matrix([-4, 0], [4, -4])}


@requirement("GRA-21", "example")
def test_combined_example() -> None:
    for reducer, combine, should in (
        ("l1", "l1", [7.0, 14.0]),
        ("l1", "mean", [3.5, 7.0]),
        ("l1", "max", [4.0, 8.0]),
        ("l1", "l2", [5.0, 10.0]),
        ("mean", "mean", [2.5, 5.0]),
        ("sum_then_square", "l1", [25.0, 36.0]),
    ):
        got = unit([PAIR], REDUCERS[reducer], combine=REDUCERS[combine]).reduce(PAIR_PARAMS)
        expect_equal(got, {"sum": np.array(should)}, f"unit([{PAIR}], {reducer}, combine={combine})")
    for reducer, together in (("mean", [7 / 3, 14 / 3]), ("sum_then_square", [1.0, 36.0])):
        got = unit([PAIR], REDUCERS[reducer]).reduce(PAIR_PARAMS)
        expect_equal(got, {"sum": np.array(together)}, f"unit([{PAIR}], {reducer})")


@requirement("GRA-21", "example")
def test_combined_rows_example() -> None:
    """A member with two rows of each unit counts once: by l1 3, 7 and 1, 2; the mean is 2, 4.5."""
    rows = Group("rows", 2, (Slice("d.weight", 0, (0, 0, 1, 1)), runs_of("a.weight", 0, 2)), ())
    values = {"d.weight": matrix([1], [2], [3], [4]), "a.weight": matrix([1], [2])}
    got = unit([rows], REDUCERS["l1"], combine=REDUCERS["mean"]).reduce(values)
    expect_equal(got, {"rows": np.array([2.0, 4.5])}, f"the mean of members of {values}")


@requirement("GRA-21", "example")
def test_combined_unit_level_example() -> None:
    """One contribution for each unit and member, as a criterion of units gives them."""
    gates = {"a.weight": np.array([1.0, -2]), "b.weight": np.array([3.0, 4])}
    got = unit([PAIR], combine=REDUCERS["mean"]).reduce(gates)
    expect_equal(got, {"sum": np.array([2.0, 3.0])}, "the mean of |1|, |3| and of |-2|, |4|")


@requirement("GRA-21", "property")
@given(draw.groups(), st.sampled_from(("l1", "max", "sum_then_square")), st.sampled_from(("l1", "max")))
def test_combined(drawn: tuple[tuple[Group, ...], dict[str, Array]], reducer: str, combine: str) -> None:
    """Member by member, then over the members; one member says what it says alone."""
    groups, params = drawn
    should = {}
    for group in groups:
        entries = [entries_of(part, group.size, params) for part in group.producers if part.array.endswith(".weight")]
        members = [[score(reducer, member[number]) for member in entries] for number in range(group.size)]
        should[group.name] = np.array([score(combine, values) for values in members])
    got = unit(groups, REDUCERS[reducer], combine=REDUCERS[combine]).reduce(params)
    expect_equal(got, should, f"unit({groups}, {reducer}, combine={combine}).reduce({params})")
