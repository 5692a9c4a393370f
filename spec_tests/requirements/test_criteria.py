"""docs/spec/criteria.md, requirement by requirement: a literal example, then a property."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array
from refprune.criteria import CRITERIA, Evidence, contribute
from refprune.errors import InvalidInput
from spec_tests.adapter import Backend, Blocks, Elements, ScoreCase, Units
from spec_tests.applicability import claimed as inside
from spec_tests.applicability import needs_within
from spec_tests.oracle.scores import UNIT_LEVEL, check_scores, reducer_of
from spec_tests.strategies import scores as draw
from spec_tests.strategies.selection import masks_for
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement

INF, NAN = float("inf"), float("nan")
ALL = (*draw.CRITERIA, *draw.UNIT_CRITERIA)
NEEDS = {
    "gradient": "grads",
    "taylor": "grads",
    "taylor_gate": "gates",
    "random": "draws",
    "random_unit": "unit_draws",
}


def matrix(*rows: list[float]) -> Array:
    """Return a float64 matrix."""
    return np.array(rows, np.float64)


def claimed(backend: Backend, *cases: ScoreCase) -> list[ScoreCase]:
    """Return the cases inside the declaration; skip when none of them is."""
    return [case for (case,) in inside(backend, "score", *((case,) for case in cases))]


def scores_are(backend: Backend, *expected: tuple[ScoreCase, list[Any]]) -> None:
    """Require exactly these scores of the one weight `a.weight`, of every case inside the declaration."""
    known = claimed(backend, *(case for case, _ in expected))
    for case, should in expected:
        if any(case is other for other in known):
            expect_equal(backend.score(case), {"a.weight": np.array(should, np.float64)}, call("score", case))


def refuses_all(backend: Backend, *wrong: ScoreCase) -> None:
    """Require a refusal of every case inside the declaration."""
    for case in claimed(backend, *wrong):
        refuses(lambda case=case: backend.score(case), call("score", case))  # type: ignore[misc]


def of(criterion: str, weights: Array, granularity: Any = None, reducer: str = "l1", **evidence: Array) -> ScoreCase:
    """Return a case of one weight `a.weight` with this evidence about it."""
    known: dict[str, Any] = {name: {"a.weight": array} for name, array in evidence.items() if name != "mask"}
    within = {"a.weight": evidence["mask"]} if "mask" in evidence else None
    chosen = Elements() if granularity is None else granularity
    return ScoreCase(criterion, {"a.weight": weights}, **known, granularity=chosen, reducer=reducer, within=within)


def expect_defined(backend: Backend, case: ScoreCase) -> None:
    """Require the scores of the definition."""
    check_scores(backend.score(case), case, backend.declaration.unit_norm)


# CRI-01 Finite weights


@requirement("CRI-01", "example", "SCORE")
def test_finite_example(backend: Backend) -> None:
    cases = []
    for wrong in (NAN, INF, -INF):
        weights, draws, unit_draws = matrix([1, wrong]), matrix([0.5, 0.5]), np.array([0.5])
        cases += [of("magnitude", weights, kind) for kind in (Elements(), Units(), Blocks(1, None))]
        cases += [of("random", weights, kind, draws=draws) for kind in (Elements(), Units(), Blocks(1, 1))]
        cases += [of("random_unit", weights, Units(), unit_draws=unit_draws)]
    refuses_all(backend, *cases)


@requirement("CRI-01", "example", "SCORE")
def test_removed_need_not_be_finite_example(backend: Backend) -> None:
    needs_within(backend)
    cases = (of("magnitude", matrix([1, removed]), mask=np.array([[True, False]])) for removed in (NAN, INF))
    for case in claimed(backend, *cases):
        got = np.asarray(backend.score(case)["a.weight"])
        expect_equal(got[0, 0], 1.0, f"the alive entry of {call('score', case)}")


@requirement("CRI-01", "property", "SCORE")
@given(st.data(), st.sampled_from((NAN, INF, -INF)))
def test_finite(backend: Backend, data: st.DataObject, wrong: float) -> None:
    case = draw.declared_case(backend, data, ALL)
    name = data.draw(st.sampled_from([name for name in case.params if name.endswith(".weight")]))
    params = {key: array.copy() for key, array in case.params.items()}
    params[name].flat[data.draw(st.integers(0, params[name].size - 1))] = wrong
    broken = replace(case, params=params)
    refuses(lambda: backend.score(broken), call("score", broken))


@requirement("CRI-01", "example", "SCORE")
def test_finite_among_the_alive_example(backend: Backend) -> None:
    """A mask changes nothing for what is alive, in whichever weight."""
    needs_within(backend)
    mask = np.array([[True, False]])
    for wrong in (NAN, INF):
        refuses_all(
            backend,
            of("magnitude", matrix([wrong, 1]), mask=mask),
            of("magnitude", matrix([wrong, wrong]), mask=mask),
            replace(
                of("magnitude", matrix([1, 1]), mask=mask),
                params={"a.weight": matrix([1, 1]), "b.weight": matrix([wrong])},
            ),
        )


# CRI-02 Missing evidence


@requirement("CRI-02", "example", "SCORE")
def test_missing_example(backend: Backend) -> None:
    weights = matrix([1, 2])
    entries = [criterion for criterion in NEEDS if criterion not in UNIT_LEVEL]
    kinds = (Elements(), Units(), Blocks(1, 1))
    refuses_all(backend, *(of(criterion, weights, kind) for criterion in entries for kind in kinds),
                *(of(criterion, weights, Units()) for criterion in UNIT_LEVEL))  # fmt: skip
    scores_are(
        backend,
        (of("magnitude", weights), [[1, 2]]),
        (of("magnitude", weights, Units()), [3]),
        (of("magnitude", weights, Blocks(1, 1)), [[1, 2]]),
    )


@requirement("CRI-02", "example")
def test_missing_says_so() -> None:
    evidence = Evidence({"a.weight": matrix([1, 2])})
    for criterion, need in NEEDS.items():
        error = refuses(lambda name=criterion: contribute(CRITERIA[name], evidence), f"contribute({criterion})")  # type: ignore[misc]
        should = f"criterion {criterion}: got no {need}, expected evidence with {need}"
        expect_equal((type(error), str(error)), (InvalidInput, should), f"contribute({criterion}) without evidence")


@requirement("CRI-02", "property", "SCORE")
@given(st.data())
def test_missing(backend: Backend, data: st.DataObject) -> None:
    """Whatever else is known does not stand in for what is needed."""
    case = draw.declared_case(backend, data, tuple(NEEDS))
    everything = dict.fromkeys(NEEDS.values(), case.params) | {NEEDS[case.criterion]: None}
    wrong = replace(case, **everything)  # type: ignore[arg-type]  # the fields are named in NEEDS
    refuses(lambda: backend.score(wrong), call("score", wrong))


# CRI-03 to CRI-05 Criteria of entries

ROWS = matrix([1, -2], [-3, 4])
GRADS = matrix([5, -1], [2, 0])


@requirement("CRI-03", "example", "SCORE")
def test_magnitude_example(backend: Backend) -> None:
    scores_are(
        backend,
        (of("magnitude", ROWS), [[1, 2], [3, 4]]),
        (of("magnitude", ROWS, Units(), "sum_then_square"), [1, 1]),
        (of("magnitude", ROWS, Blocks(1, None, "sum_then_square")), [[1], [1]]),
        (of("magnitude", ROWS, grads=GRADS), [[1, 2], [3, 4]]),
    )


@requirement("CRI-03", "property", "SCORE")
@given(st.data())
def test_magnitude(backend: Backend, data: st.DataObject) -> None:
    """The definition; signs do not matter, and two times the weights give two times the scores, or four."""
    case = draw.declared_case(backend, data, ("magnitude",))
    expect_defined(backend, case)
    got = {name: np.asarray(array) for name, array in backend.score(case).items()}
    turned = replace(case, params={name: -array for name, array in case.params.items()})
    expect_equal(backend.score(turned), got, call("score", turned))
    doubled = replace(case, params={name: 2 * array for name, array in case.params.items()})
    squares = {"sum_then_square"} | ({"l2"} if backend.declaration.unit_norm == "square" else set())
    factor = 4 if reducer_of(case) in squares else 2
    expect_equal(backend.score(doubled), {name: factor * array for name, array in got.items()}, call("score", doubled))


@requirement("CRI-04", "example", "SCORE")
def test_gradient_example(backend: Backend) -> None:
    scores_are(
        backend,
        (of("gradient", ROWS, grads=GRADS), [[5, 1], [2, 0]]),
        (of("gradient", ROWS, grads=matrix([50, -7], [-9, 8])), [[50, 7], [9, 8]]),
        (of("gradient", ROWS, Units(), "sum_then_square", grads=GRADS), [16, 4]),
        (of("gradient", ROWS, Blocks(1, None, "sum_then_square"), grads=GRADS), [[16], [4]]),
        (of("gradient", ROWS, grads=matrix([INF, 1], [0, -INF])), [[INF, 1], [0, INF]]),
    )


@requirement("CRI-04", "property", "SCORE")
@given(st.data())
def test_gradient(backend: Backend, data: st.DataObject) -> None:
    case = draw.declared_case(backend, data, ("gradient",))
    expect_defined(backend, case)


@requirement("CRI-05", "example", "SCORE")
def test_taylor_example(backend: Backend) -> None:
    cancels, grads, norm = matrix([1, -2]), matrix([5, 1]), backend.declaration.unit_norm
    scores_are(
        backend,
        (of("taylor", ROWS, grads=GRADS), [[5, 2], [6, 0]]),
        (of("taylor", matrix([6, -7]), grads=matrix([3, 9])), [[18, 63]]),
        (of("taylor", ROWS, Units(), "l1", grads=GRADS), [7, 6]),
        (of("taylor", cancels, Units(), "sum_then_square", grads=grads), [9]),
        (of("taylor", cancels, Blocks(1, 2, "sum_then_square"), grads=grads), [[9]]),
        (of("taylor", matrix([3, -4]), Units(), "l2", grads=matrix([1, 1])), {"root": [5], "square": [25]}[norm]),
    )


@requirement("CRI-05", "property", "SCORE")
@given(st.data())
def test_taylor(backend: Backend, data: st.DataObject) -> None:
    """The definition; and moving a power of two from the weights to the gradients changes nothing."""
    case = draw.declared_case(backend, data, ("taylor",))
    expect_defined(backend, case)
    assert case.grads is not None
    moved = replace(
        case,
        params={name: array * 2 for name, array in case.params.items()},
        grads={name: array / 2 for name, array in case.grads.items()},
    )
    expect_equal(backend.score(moved), backend.score(case), call("score", moved))


# CRI-06 and CRI-07 Gates and draws


@requirement("CRI-06", "example", "SCORE")
def test_gate_example(backend: Backend) -> None:
    gates = np.array([3.0, -2.0])
    scores_are(backend, (of("taylor_gate", ROWS, Units(), "sum_then_square", gates=gates), [9, 4]))
    scores_are(backend, (of("taylor_gate", ROWS, Units(), "l1", gates=gates), [3, 2]))


@requirement("CRI-06", "property", "SCORE")
@given(st.data())
def test_gate(backend: Backend, data: st.DataObject) -> None:
    """The definition; and the weights themselves decide nothing."""
    case = draw.declared_case(backend, data, ("taylor_gate",))
    expect_defined(backend, case)
    other = replace(case, params={name: np.ones_like(array) for name, array in case.params.items()})
    expect_equal(backend.score(other), backend.score(case), call("score", other))


@requirement("CRI-07", "example", "SCORE")
def test_random_example(backend: Backend) -> None:
    draws, unit_draws = matrix([0.5, 0.25], [0.75, 0.125]), np.array([0.25, 0.5])
    entry = (of("random", ROWS, draws=draws), [[0.5, 0.25], [0.75, 0.125]])
    tile = (of("random", ROWS, Blocks(1, 1), draws=draws), [[0.5, 0.25], [0.75, 0.125]])
    units = (of("random_unit", ROWS, Units(), reducer, unit_draws=unit_draws) for reducer in ("l1", "mean", "max"))
    scores_are(backend, entry, entry, tile, *((case, [0.25, 0.5]) for case in units))


@requirement("CRI-07", "property", "SCORE")
@given(st.data())
def test_random(backend: Backend, data: st.DataObject) -> None:
    """The draws as given, whatever the weights are, and the same again."""
    case = draw.declared_case(backend, data, ("random", "random_unit"))
    expect_defined(backend, case)
    other = replace(case, params={name: np.ones_like(array) for name, array in case.params.items()})
    expect_equal(backend.score(other), backend.score(case), call("score", other))


# CRI-08 Removed entries


@requirement("CRI-08", "example", "SCORE")
def test_removed_example(backend: Backend) -> None:
    needs_within(backend)
    mask, rows = np.array([[True, False], [True, True]]), list[tuple[ScoreCase, list[Any]]]()
    for stale in (100.0, NAN, INF):
        weights, grads = matrix([1, stale], [-3, 4]), matrix([5, stale], [2, 0])
        for criterion, should in (("magnitude", [1, 7]), ("gradient", [5, 2]), ("taylor", [5, 6])):
            rows += [(of(criterion, weights, Units(), grads=grads, mask=mask), should)]
            tiles = of(criterion, weights, Blocks(1, None), grads=grads, mask=mask)
            rows += [(tiles, [[score] for score in should])]
    scores_are(backend, *rows, (of("gradient", ROWS, Units(), "mean", grads=GRADS, mask=mask), [2.5, 1]))


@requirement("CRI-08", "example", "SCORE")
def test_removed_gate_example(backend: Backend) -> None:
    needs_within(backend)
    gone = np.array([[False, False], [True, True]])
    for case in claimed(backend, of("taylor_gate", ROWS, Units(), gates=np.array([NAN, 2.0]), mask=gone)):
        expect_equal(np.asarray(backend.score(case)["a.weight"])[1], 2.0, f"the alive unit of {call('score', case)}")


@requirement("CRI-08", "property", "SCORE")
@given(st.data(), st.sampled_from((100.0, NAN, INF)))
def test_removed(backend: Backend, data: st.DataObject, stale: float) -> None:
    """What stands at removed entries, in the weights or in the evidence, changes no score of a unit or tile."""
    needs_within(backend)
    case = draw.declared_case(backend, data, kinds=frozenset({"unit", "block"}), within=True)
    expect_defined(backend, case)
    assert case.within is not None

    def spoilt(arrays: Any) -> Any:
        if arrays is None:
            return None
        copies = {name: array.copy() for name, array in arrays.items()}
        for name, mask in (case.within or {}).items():
            copies[name][~mask] = stale
        return copies

    other = replace(case, params=spoilt(case.params), grads=spoilt(case.grads), draws=spoilt(case.draws))
    expect_equal(backend.score(other), backend.score(case), call("score", other))


@requirement("CRI-08", "example", "SCORE")
def test_half_removed_unit_example(backend: Backend) -> None:
    """A unit with one weight left is alive: its gate counts in full."""
    needs_within(backend)
    if "unit" in backend.declaration.granularities:
        mask = np.array([[True, False], [True, True]])
        case = of("taylor_gate", ROWS, Units(), gates=np.array([3.0, 2.0]), mask=mask)
        scores_are(backend, (case, [3, 2]))


# CRI-09 and CRI-10 Evidence that does not fit


@requirement("CRI-09", "example", "SCORE")
def test_fit_example(backend: Backend) -> None:
    weights = matrix([1, 2], [3, 4])
    refuses_all(
        backend,
        of("taylor", weights, grads=matrix([1, 2])),
        of("taylor", weights, grads=matrix([1], [2])),
        of("gradient", weights, grads=np.ones((2, 2, 1))),
        of("gradient", weights, Units(), grads=matrix([1, 2])),
        of("gradient", weights, Blocks(1, 2), grads=matrix([1], [2])),
        of("random", weights, draws=np.ones(2)),
        of("taylor_gate", weights, Units(), gates=np.ones(3)),
        of("taylor_gate", weights, Units(), gates=np.ones((2, 2))),
        of("random_unit", weights, Units(), unit_draws=np.ones(1)),
        ScoreCase("gradient", {"a.weight": weights}, grads={"b.weight": weights}),
        ScoreCase("magnitude", {"a.weight": weights}, within={"a.weight": np.ones(2, bool)}),
    )


@requirement("CRI-09", "property", "SCORE")
@given(st.data())
def test_fit(backend: Backend, data: st.DataObject) -> None:
    """Evidence of one array is missing, has an axis too many, or is one longer."""
    case = draw.declared_case(backend, data, tuple(NEEDS))
    need = NEEDS[case.criterion]
    evidence = getattr(case, need)
    name = data.draw(st.sampled_from([name for name in evidence if name.endswith(".weight")]))
    array = evidence[name]
    changes: tuple[dict[str, Any], ...] = ({name: array[None]}, {name: np.concatenate([array, array[:1]])}, {})
    change = data.draw(st.sampled_from(changes))
    rest = {key: value for key, value in evidence.items() if key != name}
    wrong = replace(case, **{need: rest | change})
    refuses(lambda: backend.score(wrong), call("score", wrong))


@requirement("CRI-10", "example", "SCORE")
def test_number_example(backend: Backend) -> None:
    refuses_all(
        backend,
        of("gradient", ROWS, grads=matrix([1, NAN], [0, 0])),
        of("gradient", ROWS, Units(), grads=matrix([1, NAN], [0, 0])),
        of("gradient", ROWS, Blocks(1, 2), grads=matrix([1, NAN], [0, 0])),
        of("taylor", matrix([0, 1]), grads=matrix([INF, 1])),
        of("random", matrix([1, 2]), draws=matrix([0.5, NAN])),
        of("taylor_gate", ROWS, Units(), gates=np.array([1, NAN])),
    )


@requirement("CRI-10", "property", "SCORE")
@given(st.data())
def test_number(backend: Backend, data: st.DataObject) -> None:
    case = draw.declared_case(backend, data, tuple(NEEDS))
    need = NEEDS[case.criterion]
    evidence = {name: array.copy() for name, array in getattr(case, need).items()}
    name = data.draw(st.sampled_from([name for name in evidence if name.endswith(".weight")]))
    evidence[name].flat[data.draw(st.integers(0, evidence[name].size - 1))] = NAN
    known: dict[str, Any] = {need: evidence}
    wrong = replace(case, **known)
    refuses(lambda: backend.score(wrong), call("score", wrong))


# CRI-11 Given things stay as they are


def copies(case: ScoreCase) -> dict[str, Any]:
    """Return a copy of every array of a case."""
    fields = ("params", "grads", "gates", "draws", "unit_draws", "within")
    named = {field: getattr(case, field) or {} for field in fields}
    return {field: {name: np.array(array) for name, array in arrays.items()} for field, arrays in named.items()}


def expect_untouched(backend: Backend, case: ScoreCase) -> None:
    """Require that scoring changes nothing given, shares no memory with it, and gives the same again."""
    before, said = copies(case), call("score", case)
    first = {name: np.asarray(array) for name, array in backend.score(case).items()}
    expect_equal(copies(case), before, f"what was given after {said}")
    named = (case.params, case.grads, case.gates, case.draws, case.unit_draws, case.within)
    given_arrays = [array for arrays in named for array in (arrays or {}).values()]
    if any(np.shares_memory(got, array) for got in first.values() for array in given_arrays):
        fail("scores that share memory with what was given", "scores of their own", said)
    expect_equal(backend.score(case), first, said)


@requirement("CRI-11", "example", "SCORE")
def test_pure_example(backend: Backend) -> None:
    weights = matrix([-1], [2])
    cases = (
        of("magnitude", weights),
        of("gradient", weights, grads=matrix([1], [-1])),
        of("random", weights, draws=matrix([0.5], [0.25])),
        of("magnitude", weights, Blocks(1, 1)),
        of("magnitude", weights, Units(), "max"),
        of("taylor_gate", weights, Units(), gates=np.array([-1.0, 2])),
        of("random_unit", weights, Units(), unit_draws=np.array([0.5, 0.25])),
    )
    for case in claimed(backend, *cases):
        expect_untouched(backend, case)


@requirement("CRI-11", "property", "SCORE")
@given(st.data())
def test_pure(backend: Backend, data: st.DataObject) -> None:
    case = draw.declared_case(backend, data, ALL)
    within = data.draw(masks_for(dict(case.params))) if backend.declaration.within else None
    expect_untouched(backend, replace(case, within=within))
