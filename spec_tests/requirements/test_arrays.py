"""docs/spec/arrays.md, requirement by requirement: a literal example, then a property."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.arrays import (
    Array,
    Masks,
    Params,
    apply_masks,
    check_float_arrays,
    count_kept,
    learned,
    sparsity,
)
from refprune.errors import InvalidInput
from refprune.network import BatchNorm, Dense, Input, build
from spec_tests.adapter import Backend, Blocks, Elements, NofM, ScoreCase, SelectCase, Units
from spec_tests.applicability import needs_default
from spec_tests.oracle.scores import count_true, indices, same_value
from spec_tests.oracle.selection import check_masks_form, differs, refusal, unclear
from spec_tests.strategies import scores as draw
from spec_tests.strategies.graphs import graphs
from spec_tests.strategies.networks import Drawn, chains, masks_of
from spec_tests.strategies.selection import masks_for, named_arrays, shapes
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement

INF, NAN = float("inf"), float("nan")


def array(*values: float) -> Array:
    """Return a float64 array."""
    return np.array(values, np.float64)


def expect_applied(backend: Backend, params: Params, masks: Masks) -> None:
    """Require 0 where a mask says removed and the very same number everywhere else."""
    got = {name: np.asarray(value) for name, value in backend.apply(params, masks).items()}
    said = call("apply", params, masks)
    if set(got) != set(params):
        fail(f"arrays {sorted(got)}", f"arrays {sorted(params)}", said)
    for name, given_values in params.items():
        if got[name].shape != given_values.shape:
            fail(f"{name!r} of shape {got[name].shape}", f"shape {given_values.shape}", said)
        for index in indices(given_values.shape):
            kept = name not in masks or bool(masks[name][index])
            value, should = float(got[name][index]), float(given_values[index])
            if not (same_value(value, should) if kept else value == 0):
                fail(f"{value} at {name!r}{list(index)}", should if kept else 0.0, said)


def refused_as_invalid(action: Any, said: str, *words: str) -> None:
    """Require InvalidInput with these words in its sentence."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput) or not all(word in str(error) for word in ("got", "expected", *words)):
        fail(f"{type(error).__name__}: {error}", f"InvalidInput naming {words}, what it got and expected", said)


# ARR-01 Removed is zero, kept is untouched


@requirement("ARR-01", "example", "APPLY")
def test_apply_example(backend: Backend) -> None:
    params = {"fc.weight": array(1, -2, 3, -4), "fc.bias": array(5)}
    got = backend.apply(params, {"fc.weight": np.array([True, False, True, False])})
    should = {"fc.weight": array(1, 0, 3, 0), "fc.bias": array(5)}
    expect_equal(got, should, call("apply", params, {"fc.weight": [True, False, True, False]}))
    expect_applied(backend, {"a": array(-0.0, 1e-310, 7)}, {"a": np.array([True, True, False])})
    expect_applied(backend, params, {})
    expect_applied(backend, params, {name: np.zeros(value.shape, bool) for name, value in params.items()})


@requirement("ARR-01", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_apply(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    expect_applied(backend, params, data.draw(masks_for(params)))


@requirement("ARR-01", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_apply_twice(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    """One mask after another is the mask of what both keep; the same one again changes nothing."""
    first, second = data.draw(masks_for(params)), data.draw(masks_for(params))
    both = first | {name: mask & first[name] if name in first else mask for name, mask in second.items()}
    once = backend.apply(params, first)
    said = call("apply", params, first)
    expect_equal(backend.apply(once, first), once, f"{said}, applied again")
    expect_equal(backend.apply(once, second), backend.apply(params, both), f"{said}, then {second}")


# ARR-02 Masks that do not fit


@requirement("ARR-02", "example", "APPLY")
def test_masks_example(backend: Backend) -> None:
    params = {"a": np.ones((2, 2))}
    for wrong in (
        {"b": np.ones((2, 2), bool)},
        {"a": np.ones((2, 3), bool)},
        {"a": np.ones((1, 2), bool)},
        {"a": np.ones(4, bool)},
        {"a": np.ones((), bool)},
        {"a": np.full((2, 2), 2.0)},
        {"a": np.full((2, 2), 0.5)},
    ):
        refuses(lambda wrong=wrong: backend.apply(params, wrong), call("apply", params, wrong))  # type: ignore[misc]
    expect_equal(params, {"a": np.ones((2, 2))}, "the parameters afterwards")


@requirement("ARR-02", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_masks(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(params)))
    shape = params[name].shape
    wrong = data.draw(
        st.sampled_from(
            (
                {f"{name}2": np.ones(shape, bool)},
                {name: np.ones((*shape, 1), bool)},
                {name: np.ones((1, *shape), bool)},
                {name: np.ones(shape[:-1], bool)},
                {name: np.ones((shape[0] + 1, *shape[1:]), bool)},
                {name: np.full(shape, 2.0)},
                {name: np.full(shape, NAN)},
            )
        )
    )
    before = {key: value.copy() for key, value in params.items()}
    refuses(lambda: backend.apply(params, wrong), call("apply", params, wrong))
    expect_equal(params, before, "the parameters afterwards")


@requirement("ARR-02", "property")
@given(draw.layers(), st.sampled_from((np.int64, np.uint8, np.float64, object)), st.integers(0, 1))
def test_masks_are_bool(params: dict[str, Array], dtype: Any, value: int) -> None:
    """The reference takes bool and nothing that only looks like it."""
    name = next(iter(params))
    shape = params[name].shape
    for wrong in (np.full(shape, value, dtype), [True] * shape[0], None):
        masks: Any = {name: wrong}
        refused_as_invalid(lambda masks=masks: apply_masks(params, masks), f"apply_masks with {masks}", name, "bool")


@requirement("ARR-02", "example", "APPLY")
def test_masks_of_a_run_example(backend: Backend) -> None:
    """Running takes the masks that applying takes, and no others."""
    network, x = build(Input("x", (2,)), Dense("out")), np.ones((1, 2))
    params = {"out.weight": np.ones((2, 2)), "out.bias": np.zeros(2)}
    for wrong in (
        {"nobody.weight": np.ones((2, 2), bool)},
        {"out.weight": np.ones((2, 3), bool)},
        {"out.weight": np.ones((1, 2), bool)},
        {"out.bias": np.ones((), bool)},
        {"out.weight": np.full((2, 2), 2.0)},
    ):
        said = call("forward", network, params, wrong, x)
        refuses(lambda wrong=wrong: backend.forward(network, params, wrong, x), said)  # type: ignore[misc]


@requirement("ARR-02", "property", "APPLY")
@given(chains(), st.data())
def test_masks_of_a_run(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(drawn.params)))
    shape = drawn.params[name].shape
    changes: tuple[Masks, ...] = (
        {f"{name}2": np.ones(shape, bool)},
        {name: np.ones((1, *shape), bool)},
        {name: np.ones((shape[0] + 1, *shape[1:]), bool)},
        {name: np.full(shape, 2.0)},
    )
    wrong = data.draw(masks_of(drawn.params)) | dict(data.draw(st.sampled_from(changes)))
    said = call("forward", drawn.network, drawn.params, wrong, drawn.x)
    refuses(lambda: backend.forward(drawn.network, drawn.params, wrong, drawn.x), said)


# ARR-03 Floating point


def selections(backend: Backend, scores: dict[str, Array]) -> list[SelectCase]:
    """Return a selection of each declared granularity that keeps all of these, and of runs one that keeps a 10."""
    pools: Any = "local" if "local" in backend.declaration.pools else "global"
    along = min(backend.declaration.run_axes, default=1)
    flat = {name: array.ravel() for name, array in scores.items()}
    beside = {name: np.stack([array, np.full_like(array, 10)])[:, None, None, :] for name, array in flat.items()}
    runs = {name: np.moveaxis(array, 0, along) for name, array in beside.items()}
    axes = min(array.ndim for array in scores.values())
    cases = {
        "element": (0, SelectCase(scores, 0.0, pools)),
        "unit": (1, SelectCase(flat, 0.0, pools, Units())),
        "block": (1, SelectCase(scores, 0.0, pools, Blocks(1, None))),
        "n_of_m": (1, SelectCase(runs, None, pools, NofM(1, 2, along))),
    }
    known = backend.declaration.granularities
    return [case for kind, (least, case) in cases.items() if kind in known and axes >= least]


@requirement("ARR-03", "example", "SELECT")
def test_integer_scores_example(backend: Backend) -> None:
    for shape in ((2,), (1, 2)):
        for wrong in (np.int64, np.uint8, np.bool_):
            for case in selections(backend, {"a": np.ones(shape, wrong)}):
                refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]


@requirement("ARR-03", "example", "SELECT")
def test_scores_example(backend: Backend) -> None:
    for shape in ((2,), (1, 2)):
        for dtype in (np.float16, np.float32, np.float64):
            for case in selections(backend, {"a": np.array([1, 2], dtype).reshape(shape)}):
                got = check_masks_form(backend.select(case), case)
                should = (
                    case.scores["a"] == 10 if isinstance(case.granularity, NofM) else np.ones(np.shape(got["a"]), bool)
                )
                expect_equal(got, {"a": should}, call("select", case))
    for case in selections(backend, {"a": np.array(2.0)}):
        for removed in (0.0, 1.0):
            one = replace(case, sparsity=removed)
            if differs(one, backend.declaration):
                continue
            got = check_masks_form(backend.select(one), one)
            expect_equal(got, {"a": np.array(removed == 0.0)}, call("select", one))


@requirement("ARR-03", "property", "SELECT")
@given(named_arrays(shapes(2, 2, 3)), st.sampled_from((np.int32, np.int64, np.uint8, np.bool_)))
def test_integer_scores(backend: Backend, scores: dict[str, Array], dtype: Any) -> None:
    """One array of integers among others is refused."""
    last = list(scores)[-1]
    for one in selections(backend, scores):
        wrong = replace(one, scores=dict(one.scores) | {last: np.abs(one.scores[last]).astype(dtype)})
        refuses(lambda wrong=wrong: backend.select(wrong), call("select", wrong))  # type: ignore[misc]


@requirement("ARR-03", "property", "SELECT")
@given(named_arrays(shapes(2, 2, 3)))
def test_scores(backend: Backend, scores: dict[str, Array]) -> None:
    """float16 selects as float64 does."""
    for one in selections(backend, scores):
        half = replace(one, scores={name: array.astype(np.float16) for name, array in one.scores.items()})
        if isinstance(one.granularity, Elements) and backend.declaration.ties != "unspecified":
            half = replace(half, sparsity=0.5)
            assume(not refusal(half, backend.declaration) and not unclear(half, backend.declaration))
        double = replace(half, scores={name: array.astype(np.float64) for name, array in one.scores.items()})
        got = check_masks_form(backend.select(half), half)
        expect_equal(got, check_masks_form(backend.select(double), double), call("select", half))


@requirement("ARR-03", "example")
def test_floats_example() -> None:
    wrongs: tuple[Any, ...] = (
        np.array([1, 2]),
        np.array([True]),
        np.array([1j]),
        np.array([None]),
        [1.0, 2.0],
        1.0,
    )
    for wrong in wrongs:
        said = f"apply_masks({{'a': {wrong!r}}}, {{}})"
        refused_as_invalid(lambda wrong=wrong: apply_masks({"a": wrong}, {}), said, "parameter 'a'")
    other_order = np.ones(2, np.dtype(np.float64).newbyteorder())
    refused_as_invalid(lambda: apply_masks({"a": other_order}, {}), f"apply_masks of {other_order.dtype}", "native")
    for dtype in (np.float16, np.float32, np.float64):
        expect_equal(apply_masks({"a": np.ones(2, dtype)}, {})["a"], array(1, 1), f"apply_masks with {dtype}")


@requirement("ARR-03", "property")
@given(draw.layers(), st.sampled_from((np.int8, np.int64, np.uint32, np.bool_, np.complex64, object)), st.data())
def test_floats(params: dict[str, Array], dtype: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(params)))
    wrong = params | {name: params[name].astype(dtype)}
    said = f"of dtype {np.dtype(dtype)}"
    refused_as_invalid(lambda: apply_masks(wrong, {}), f"apply_masks {said}", name)
    refused_as_invalid(lambda: check_float_arrays("scores", wrong), f"check_float_arrays {said}", "scores", name)


# ARR-04 Counting


@requirement("ARR-04", "example")
def test_count_example() -> None:
    arrays = {"a": array(0, 0, 0, 0), "b": array(1)}
    mask = np.array([True, True, True, False])
    expect_equal(count_kept({"a": mask}, arrays), (4, 5), "count_kept: one of five removed, four of them 0")
    expect_equal(sparsity({"a": mask}, arrays), 0.2, "sparsity: one of five removed")
    four = {"a": np.zeros(4)}
    expect_equal(count_kept({"a": mask}, four), (3, 4), "count_kept: one of four removed")
    expect_equal(sparsity({"a": mask}, four), 0.25, "sparsity: one of four removed")
    expect_equal(sparsity({}, arrays), 0.0, "sparsity without masks")
    expect_equal(sparsity({"b": np.array([False])}, {"b": array(1)}), 1.0, "sparsity with everything removed")
    large = {"a": np.broadcast_to(np.float32(0), (16_777_217,))}
    kept = {"a": np.broadcast_to(np.True_, (16_777_217,))}
    expect_equal(count_kept(kept, large), (16_777_217, 16_777_217), "count_kept of 2^24 + 1 entries")
    refused_as_invalid(lambda: sparsity({}, {}), "sparsity({}, {})", "sparsity")
    refused_as_invalid(lambda: sparsity({}, {"a": array()}), "sparsity of an empty array", "sparsity")


@requirement("ARR-04", "property")
@given(draw.layers(), st.data())
def test_count(params: dict[str, Array], data: st.DataObject) -> None:
    masks = data.draw(masks_for(params))
    size = sum(len(list(indices(value.shape))) for value in params.values())
    gone = sum(value.size - count_true(masks[name]) for name, value in params.items() if name in masks)
    kept = count_kept(masks, params)
    expect_equal(kept, (size - gone, size), f"count_kept({masks}, ...)")
    if not all(type(count) is int for count in kept):
        fail(f"counts of type {[type(count).__name__ for count in kept]}", "Python integers", "count_kept")
    expect_equal(sparsity(masks, params), gone / size, f"sparsity({masks}, ...)")


@requirement("ARR-04", "example", "ACCOUNT")
def test_account_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), Dense("out"))
    params = {"out.weight": np.zeros((2, 2)), "out.bias": np.ones(2)}
    masks = {"out.weight": np.array([[True, True], [True, False]])}
    got = backend.count(network, params, masks)
    should = {"parameters": 6, "parameters_kept": 5, "prunable": 4, "prunable_kept": 3, "sparsity_prunable": 0.25}
    expect_equal({name: got[name] for name in should}, should, call("count", network, params, masks))


@requirement("ARR-04", "property", "ACCOUNT")
@given(chains(), st.data())
def test_account(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    """What is counted are masks, whatever the values are."""
    masks = data.draw(masks_of(drawn.params))
    kept = {name: count_true(masks[name]) if name in masks else value.size for name, value in drawn.params.items()}
    prunable = [name for name in drawn.params if name.endswith(".weight")]
    got = backend.count(drawn.network, drawn.params, masks)
    should = {
        "parameters": sum(value.size for value in drawn.params.values()),
        "parameters_kept": sum(kept.values()),
        "prunable": sum(drawn.params[name].size for name in prunable),
        "prunable_kept": sum(kept[name] for name in prunable),
    }
    said = call("count", drawn.network, drawn.params, masks)
    expect_equal({name: got[name] for name in should}, should, said)


# ARR-05 What is ranked by default


@requirement("ARR-05", "example", "SCORE")
def test_ranked_example(backend: Backend) -> None:
    params = {
        "first.weight": np.ones((1, 2)),
        "first.bias": array(9),
        "norm.gamma": array(9),
        "norm.beta": array(9),
        "weight": array(9),
        "out.weight": np.full((1, 1), 2.0),
        "out.bias": array(9),
    }
    rules: dict[str, Any] = {"element": Elements(), "unit": Units(), "block": Blocks(1, 1)}
    known = [rule for kind, rule in rules.items() if kind in backend.declaration.granularities]
    if not known:
        pytest.skip(f"not applicable: {backend.declaration.name} declares none of {sorted(rules)}")
    for rule in known:
        case = ScoreCase("magnitude", params, granularity=rule, reducer="max")
        ones = np.ones(1) if isinstance(rule, Units) else np.ones((1, 2))
        twos = np.full(1, 2.0) if isinstance(rule, Units) else np.full((1, 1), 2.0)
        expect_equal(backend.score(case), {"first.weight": ones, "out.weight": twos}, call("score", case))


@requirement("ARR-05", "property", "SCORE")
@given(st.data())
def test_ranked(backend: Backend, data: st.DataObject) -> None:
    case = draw.declared_case(backend, data, (*draw.CRITERIA, *draw.UNIT_CRITERIA))
    should = {name for name in case.params if name in ("conv.weight", "fc.weight")}
    expect_equal(set(backend.score(case)), should, f"the names of {call('score', case)}")


# ARR-06 and ARR-07 What stands at a removed entry


@requirement("ARR-06", "example", "APPLY")
def test_nonfinite_example(backend: Backend) -> None:
    params = {"a": array(INF, -INF, NAN, 4)}
    masks = {"a": np.array([False, False, False, True])}
    expect_equal(backend.apply(params, masks), {"a": array(0, 0, 0, 4)}, call("apply", params, masks))
    expect_applied(backend, {"a": array(INF, NAN, 1)}, {"a": np.array([True, True, False])})


@requirement("ARR-06", "property", "APPLY")
@given(draw.layers(draw.SPECIAL), st.data())
def test_nonfinite(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    expect_applied(backend, params, data.draw(masks_for(params)))


@requirement("ARR-07", "example", "APPLY")
def test_sign_example(backend: Backend) -> None:
    needs_default(backend, "removed_zero")
    params, masks = {"a": array(-1, -0.0, 1, -2)}, {"a": np.array([False, False, False, True])}
    got = np.signbit(np.asarray(backend.apply(params, masks)["a"]))
    expect_equal(got, np.array([False, False, False, True]), f"sign bits of {call('apply', params, masks)}")


@requirement("ARR-07", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_sign(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    needs_default(backend, "removed_zero")
    masks = data.draw(masks_for(params))
    got = backend.apply(params, masks)
    for name, mask in masks.items():
        signs = np.signbit(np.asarray(got[name]))[~mask]
        expect_equal(signs, np.zeros(signs.shape, bool), f"sign bits of {call('apply', params, masks)}")


@requirement("ARR-06", "example")
def test_every_width_example() -> None:
    """Half, single, double and extended floats: what is removed is +0.0, what is kept has its last bit."""
    for dtype in (np.float16, np.float32, np.float64, np.longdouble):
        fine = 1 + np.finfo(dtype).eps
        params = {"a": np.array([fine, INF, -fine, NAN, -0.0], dtype)}
        got = apply_masks(params, {"a": np.array([True, False, False, False, True])})["a"]
        expect_equal(got, np.array([fine, 0, 0, 0, -0.0], dtype), f"masks applied in {np.dtype(dtype).name}")
        expect_equal(got.dtype, np.dtype(dtype), "dtype")
        expect_equal(np.signbit(got).tolist(), [False, False, False, False, True], f"signs in {np.dtype(dtype).name}")


# ARR-08 and ARR-09 What applying masks leaves alone


@requirement("ARR-08", "example", "APPLY")
def test_dtype_example(backend: Backend) -> None:
    for dtype in (np.float32, np.float64):
        params = {"a": np.ones(2, dtype), "b": np.ones((1, 2), dtype)}
        got = backend.apply(params, {"a": np.array([True, False])})
        seen = {name: (str(np.asarray(value).dtype), np.shape(value)) for name, value in got.items()}
        name = np.dtype(dtype).name
        expect_equal(seen, {"a": (name, (2,)), "b": (name, (1, 2))}, call("apply", params, {"a": [True, False]}))


@requirement("ARR-08", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_dtype(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    masks = data.draw(masks_for(params))
    got = {name: np.asarray(value).dtype for name, value in backend.apply(params, masks).items()}
    should = {name: value.dtype for name, value in params.items()}
    expect_equal(got, should, f"dtypes of {call('apply', params, masks)}")


@requirement("ARR-09", "example", "APPLY")
def test_pure_example(backend: Backend) -> None:
    params, masks = {"a": array(1, 2), "b": array(3, 4)}, {"a": np.array([True, False])}
    got = backend.apply(params, masks)
    said = call("apply", {"a": array(1, 2), "b": array(3, 4)}, masks)
    expect_equal(params, {"a": array(1, 2), "b": array(3, 4)}, f"the parameters after {said}")
    expect_equal(masks, {"a": np.array([True, False])}, f"the masks after {said}")
    shared = {name: np.shares_memory(np.asarray(got[name]), params[name]) for name in params}
    expect_equal(shared, {"a": False, "b": False}, f"memory shared after {said}")


@requirement("ARR-09", "property", "APPLY")
@given(draw.layers(draw.FINITE), st.data())
def test_pure(backend: Backend, params: dict[str, Array], data: st.DataObject) -> None:
    masks = data.draw(masks_for(params))
    before = {name: value.copy() for name, value in params.items()}
    masks_before = {name: mask.copy() for name, mask in masks.items()}
    got = backend.apply(params, masks)
    said = call("apply", before, masks)
    expect_equal(params, before, f"the parameters after {said}")
    expect_equal(masks, masks_before, f"the masks after {said}")
    shared = [name for name in params if np.shares_memory(np.asarray(got[name]), params[name])]
    expect_equal(shared, [], f"memory shared after {said}")


@requirement("ARR-08", "example", "APPLY")
def test_memory_example(backend: Backend) -> None:
    """Entries are matched by index, whatever the memory order of the weights and of the mask, and in views."""
    weights, mask = array(1, 2, 3, 4, 5, 6).reshape(2, 3), np.array([[True, False, True], [False, True, True]])
    should = array(1, 0, 3, 0, 5, 6).reshape(2, 3)
    big, every = np.zeros((4, 6)), np.zeros((4, 6), bool)
    big[::2, ::2], every[::2, ::2] = weights, mask
    for one in (weights, np.asfortranarray(weights), big[::2, ::2]):
        for other in (mask, np.asfortranarray(mask), every[::2, ::2]):
            expect_equal(
                backend.apply({"a": one}, {"a": other}), {"a": should}, call("apply", {"a": one}, {"a": other})
            )
    for one in (np.asfortranarray(weights), big[::2, ::2]):
        expect_equal(backend.apply({"a": one}, {}), {"a": weights}, call("apply", {"a": one}, {}))


# ARR-10 The masked network


@requirement("ARR-10", "example", "APPLY")
def test_masked_network_example(backend: Backend) -> None:
    network, x = build(Input("x", (2,)), Dense("out")), np.array([[1.0, 1]])
    masks = {"out.weight": np.array([[True, False], [True, True]]), "out.bias": np.array([True, False])}
    for stale in (100.0, INF, -INF, NAN):
        params = {"out.weight": np.array([[1, stale], [2, 3]]), "out.bias": array(4, stale)}
        got = np.asarray(backend.forward(network, params, masks, x))
        expect_equal(got, np.array([[5.0, 5.0]]), call("forward", network, params, masks, x))
    params = {"out.weight": np.array([[1.0, 100], [2, 3]]), "out.bias": array(4, 7)}
    for known, should in (
        ({}, [[105.0, 12]]),
        ({"out.bias": np.array([False, True])}, [[101.0, 12]]),
        ({name: np.zeros(value.shape, bool) for name, value in params.items()}, [[0.0, 0]]),
    ):
        got = np.asarray(backend.forward(network, params, known, x))
        expect_equal(got, np.array(should), call("forward", network, params, known, x))


@requirement("ARR-10", "example", "APPLY")
def test_masked_normalisation_example(backend: Backend) -> None:
    """Gamma and beta have masks like any others: (3 - 1) / 2 * 5 + 7 = 12, without gamma 7, without beta 5."""
    network, x = build(Input("x", (1,)), BatchNorm("n", eps=1.0)), np.array([[3.0]])
    params = {"n.gamma": array(5), "n.beta": array(7), "n.running_mean": array(1), "n.running_var": array(3)}
    gone = np.array([False])
    for masks, should in (({}, 12.0), ({"n.gamma": gone}, 7.0), ({"n.beta": gone}, 5.0)):
        got = np.asarray(backend.forward(network, params, masks, x))
        expect_equal(got, np.array([[should]]), call("forward", network, params, masks, x))


@requirement("ARR-10", "property", "APPLY")
@given(chains(), st.sampled_from((100.0, INF, NAN)), st.data())
def test_masked_network(backend: Backend, drawn: Drawn, stale: float, data: st.DataObject) -> None:
    """Running with masks is running what applying them gives, whatever stands under them; sums are exact here."""
    masks = data.draw(masks_of(drawn.params))
    applied = backend.apply(drawn.params, masks)
    should = np.asarray(backend.forward(drawn.network, applied, {}, drawn.x))
    spoilt = {name: np.where(masks.get(name, True), array, stale) for name, array in drawn.params.items()}
    for params in (drawn.params, spoilt):
        got = np.asarray(backend.forward(drawn.network, params, masks, drawn.x))
        # A transformed convolution may add otherwise once it knows what is removed.
        bound = 0.0 if backend.declaration.exact else 2.0**-33 * max(1.0, float(np.abs(should).max()))
        expect_close(got, should, bound, call("forward", drawn.network, params, masks, drawn.x))


# ARR-11 What is learned

NORM = ("gamma", "beta", "running_mean", "running_var")


@requirement("ARR-11", "example")
def test_learned_example() -> None:
    params = {f"norm.{part}": array(1) for part in NORM} | {"running.weight": array(2), "running.bias": array(3)}
    got = learned(params)
    should = ["norm.gamma", "norm.beta", "running.weight", "running.bias"]
    expect_equal(list(got), should, f"the names of learned({params})")
    expect_equal(got, {name: params[name] for name in should}, f"learned({params})")


@requirement("ARR-11", "example", "TRAIN")
def test_gradients_of_the_learned_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), BatchNorm("norm"), Dense("running"))
    params = {f"norm.{part}": array(1, 1) for part in NORM}
    params |= {"running.weight": np.ones((2, 2)), "running.bias": array(1, 1)}
    x, labels = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([0, 1])
    _, grads = backend.loss_and_grads(network, params, {}, x, labels)
    should = {"norm.gamma", "norm.beta", "running.weight", "running.bias"}
    expect_equal(set(grads), should, f"the names of {call('loss_and_grads', network, params, {}, x, labels)}")


@requirement("ARR-11", "property")
@given(graphs(("batch_norm", "conv2d", "concat", "unused")))
def test_learned(drawn: Drawn) -> None:
    """The very arrays, in the order given; left out are two of every normalisation."""
    norms = [node.name for node in drawn.network if isinstance(node, BatchNorm)]
    still = {f"{name}.{part}" for name in norms for part in ("running_mean", "running_var")}
    got = learned(drawn.params)
    expect_equal(list(got), [name for name in drawn.params if name not in still], f"the names of learned({drawn})")
    for name, value in got.items():
        expect_equal(value is drawn.params[name], True, f"whether {name!r} of learned({drawn}) is the array given")  # noqa: FBT003
