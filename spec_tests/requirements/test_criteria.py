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
from spec_tests.applicability import KINDS, needs_granularity, needs_within
from spec_tests.oracle.scores import UNIT_LEVEL, scores
from spec_tests.strategies import scores as draw
from spec_tests.strategies.selection import masks_for
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement

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


def knows(backend: Backend, case: ScoreCase) -> None:
    """Leave tiles and units to backends that declare them."""
    needs_granularity(backend, KINDS[type(case.granularity)])


def scores_are(backend: Backend, case: ScoreCase, should: list[Any]) -> None:
    """Require exactly these scores of the one weight `a.weight`."""
    knows(backend, case)
    expect_equal(backend.score(case), {"a.weight": np.array(should, np.float64)}, call("score", case))


def of(criterion: str, weights: Array, granularity: Any = None, reducer: str = "l1", **evidence: Array) -> ScoreCase:
    """Return a case of one weight `a.weight` with this evidence about it."""
    known: dict[str, Any] = {name: {"a.weight": array} for name, array in evidence.items() if name != "mask"}
    within = {"a.weight": evidence["mask"]} if "mask" in evidence else None
    chosen = Elements() if granularity is None else granularity
    return ScoreCase(criterion, {"a.weight": weights}, **known, granularity=chosen, reducer=reducer, within=within)


def expect_defined(backend: Backend, case: ScoreCase) -> None:
    """Require the scores of the definition.

    Products and sums of these small numbers are exact. A root or a quotient rounds once, a quotient by way of
    the reciprocal twice, and once more when the score is stored: at most 3 eps / 2 of the weights' dtype in all.
    """
    knows(backend, case)
    got, should, said = backend.score(case), scores(case), call("score", case)
    reducer = case.granularity.reducer if isinstance(case.granularity, Blocks) else case.reducer
    if isinstance(case.granularity, Elements) or reducer not in ("l2", "mean"):
        expect_equal(got, should, said)
        return
    expect_equal(sorted(got), sorted(should), f"the names of {said}")
    for name, values in should.items():
        eps = float(np.finfo(case.params[name].dtype).eps)
        expect_close(got[name], values, 2 * eps * float(values.max()), f"{said}[{name!r}]")


# CRI-01 Finite weights


@requirement("CRI-01", "example", "SCORE")
def test_finite_example(backend: Backend) -> None:
    for wrong in (NAN, INF, -INF):
        weights = matrix([1, wrong])
        for case in (of("magnitude", weights), of("random", weights, draws=matrix([0.5, 0.5]))):
            refuses(lambda case=case: backend.score(case), call("score", case))  # type: ignore[misc]
    needs_within(backend)
    for removed in (NAN, INF):
        case = of("magnitude", matrix([1, removed]), mask=np.array([[True, False]]))
        got = np.asarray(backend.score(case)["a.weight"])
        expect_equal(got[0, 0], 1.0, f"the alive entry of {call('score', case)}")


@requirement("CRI-01", "property", "SCORE")
@given(draw.score_cases(ALL), st.sampled_from((NAN, INF, -INF)), st.data())
def test_finite(backend: Backend, case: ScoreCase, wrong: float, data: st.DataObject) -> None:
    knows(backend, case)
    name = data.draw(st.sampled_from([name for name in case.params if name.endswith(".weight")]))
    params = {key: array.copy() for key, array in case.params.items()}
    params[name].flat[data.draw(st.integers(0, params[name].size - 1))] = wrong
    broken = replace(case, params=params)
    refuses(lambda: backend.score(broken), call("score", broken))


# CRI-02 Missing evidence


@requirement("CRI-02", "example", "SCORE")
def test_missing_example(backend: Backend) -> None:
    for criterion in NEEDS:
        granularity = Units() if criterion in UNIT_LEVEL else Elements()
        case = ScoreCase(criterion, {"a.weight": matrix([1, 2])}, granularity=granularity)
        refuses(lambda case=case: backend.score(case), call("score", case))  # type: ignore[misc]
    scores_are(backend, of("magnitude", matrix([1, 2])), [[1, 2]])


@requirement("CRI-02", "example")
def test_missing_says_so() -> None:
    evidence = Evidence({"a.weight": matrix([1, 2])})
    for criterion, need in NEEDS.items():
        error = refuses(lambda name=criterion: contribute(CRITERIA[name], evidence), f"contribute({criterion})")  # type: ignore[misc]
        should = f"criterion {criterion}: got no {need}, expected evidence with {need}"
        expect_equal((type(error), str(error)), (InvalidInput, should), f"contribute({criterion}) without evidence")


@requirement("CRI-02", "property", "SCORE")
@given(draw.score_cases(tuple(NEEDS)))
def test_missing(backend: Backend, case: ScoreCase) -> None:
    """Whatever else is known does not stand in for what is needed."""
    knows(backend, case)
    everything = dict.fromkeys(NEEDS.values(), case.params) | {NEEDS[case.criterion]: None}
    wrong = replace(case, **everything)  # type: ignore[arg-type]  # the fields are named in NEEDS
    refuses(lambda: backend.score(wrong), call("score", wrong))


# CRI-03 to CRI-05 Criteria of entries

ROWS = matrix([1, -2], [-3, 4])
GRADS = matrix([5, -1], [2, 0])


@requirement("CRI-03", "example", "SCORE")
def test_magnitude_example(backend: Backend) -> None:
    scores_are(backend, of("magnitude", ROWS), [[1, 2], [3, 4]])
    scores_are(backend, of("magnitude", ROWS, Units(), "sum_then_square"), [1, 1])
    scores_are(backend, of("magnitude", ROWS, grads=GRADS), [[1, 2], [3, 4]])


@requirement("CRI-03", "property", "SCORE")
@given(draw.score_cases(("magnitude",)))
def test_magnitude(backend: Backend, case: ScoreCase) -> None:
    """The definition; signs do not matter, and a factor of two does as much to every score."""
    expect_defined(backend, case)
    plain = ScoreCase("magnitude", case.params)
    got = {name: np.asarray(array) for name, array in backend.score(plain).items()}
    turned = replace(plain, params={name: -array for name, array in case.params.items()})
    expect_equal(backend.score(turned), got, call("score", turned))
    doubled = replace(plain, params={name: 2 * array for name, array in case.params.items()})
    expect_equal(backend.score(doubled), {name: 2 * array for name, array in got.items()}, call("score", doubled))


@requirement("CRI-04", "example", "SCORE")
def test_gradient_example(backend: Backend) -> None:
    scores_are(backend, of("gradient", ROWS, grads=GRADS), [[5, 1], [2, 0]])
    scores_are(backend, of("gradient", ROWS, Units(), "sum_then_square", grads=GRADS), [16, 4])
    scores_are(backend, of("gradient", ROWS, grads=matrix([INF, 1], [0, -INF])), [[INF, 1], [0, INF]])


@requirement("CRI-04", "property", "SCORE")
@given(draw.score_cases(("gradient",)))
def test_gradient(backend: Backend, case: ScoreCase) -> None:
    expect_defined(backend, case)


@requirement("CRI-05", "example", "SCORE")
def test_taylor_example(backend: Backend) -> None:
    scores_are(backend, of("taylor", ROWS, grads=GRADS), [[5, 2], [6, 0]])
    scores_are(backend, of("taylor", ROWS, Units(), "l1", grads=GRADS), [7, 6])
    scores_are(backend, of("taylor", matrix([1, -2]), Units(), "sum_then_square", grads=matrix([5, 1])), [9])
    scores_are(backend, of("taylor", matrix([3, -4]), Units(), "l2", grads=matrix([1, 1])), [5])


@requirement("CRI-05", "property", "SCORE")
@given(draw.score_cases(("taylor",)))
def test_taylor(backend: Backend, case: ScoreCase) -> None:
    """The definition; and moving a power of two from the weights to the gradients changes nothing."""
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
    scores_are(backend, of("taylor_gate", ROWS, Units(), "sum_then_square", gates=gates), [9, 4])
    scores_are(backend, of("taylor_gate", ROWS, Units(), "l1", gates=gates), [3, 2])


@requirement("CRI-06", "property", "SCORE")
@given(draw.score_cases(("taylor_gate",)))
def test_gate(backend: Backend, case: ScoreCase) -> None:
    """The definition; and the weights themselves decide nothing."""
    expect_defined(backend, case)
    other = replace(case, params={name: np.ones_like(array) for name, array in case.params.items()})
    expect_equal(backend.score(other), backend.score(case), call("score", other))


@requirement("CRI-07", "example", "SCORE")
def test_random_example(backend: Backend) -> None:
    case = of("random", ROWS, draws=matrix([0.5, 0.25], [0.75, 0.125]))
    for _ in range(2):
        scores_are(backend, case, [[0.5, 0.25], [0.75, 0.125]])
    for reducer in ("l1", "mean", "max"):
        draws = np.array([0.25, 0.5])
        scores_are(backend, of("random_unit", ROWS, Units(), reducer, unit_draws=draws), [0.25, 0.5])


@requirement("CRI-07", "property", "SCORE")
@given(draw.score_cases(("random", "random_unit")))
def test_random(backend: Backend, case: ScoreCase) -> None:
    """The draws as given, whatever the weights are, and the same again."""
    expect_defined(backend, case)
    other = replace(case, params={name: np.ones_like(array) for name, array in case.params.items()})
    expect_equal(backend.score(other), backend.score(case), call("score", other))


# CRI-08 Removed entries


@requirement("CRI-08", "example", "SCORE")
def test_removed_example(backend: Backend) -> None:
    needs_within(backend)
    mask = np.array([[True, False], [True, True]])
    for stale in (100.0, NAN, INF):
        weights, grads = matrix([1, stale], [-3, 4]), matrix([5, stale], [2, 0])
        for criterion, should in (("magnitude", [1, 7]), ("gradient", [5, 2]), ("taylor", [5, 6])):
            scores_are(backend, of(criterion, weights, Units(), grads=grads, mask=mask), should)
    scores_are(backend, of("gradient", ROWS, Units(), "mean", grads=GRADS, mask=mask), [2.5, 1])
    gone = np.array([[False, False], [True, True]])
    case = of("taylor_gate", ROWS, Units(), gates=np.array([NAN, 2.0]), mask=gone)
    expect_equal(np.asarray(backend.score(case)["a.weight"])[1], 2.0, f"the alive unit of {call('score', case)}")


@requirement("CRI-08", "property", "SCORE")
@given(draw.score_cases(within=True), st.sampled_from((100.0, NAN, INF)))
def test_removed(backend: Backend, case: ScoreCase, stale: float) -> None:
    """What stands at removed entries, in the weights or in the evidence, changes no score of a unit or tile."""
    needs_within(backend)
    case = replace(case, granularity=Units()) if isinstance(case.granularity, Elements) else case
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


# CRI-09 and CRI-10 Evidence that does not fit


@requirement("CRI-09", "example", "SCORE")
def test_fit_example(backend: Backend) -> None:
    weights = matrix([1, 2], [3, 4])
    for case in (
        of("taylor", weights, grads=matrix([1, 2])),
        of("taylor", weights, grads=matrix([1], [2])),
        of("gradient", weights, grads=np.ones((2, 2, 1))),
        of("random", weights, draws=np.ones(2)),
        of("taylor_gate", weights, Units(), gates=np.ones(3)),
        of("taylor_gate", weights, Units(), gates=np.ones((2, 2))),
        of("random_unit", weights, Units(), unit_draws=np.ones(1)),
        ScoreCase("gradient", {"a.weight": weights}, grads={"b.weight": weights}),
        ScoreCase("magnitude", {"a.weight": weights}, within={"a.weight": np.ones(2, bool)}),
    ):
        refuses(lambda case=case: backend.score(case), call("score", case))  # type: ignore[misc]


@requirement("CRI-09", "property", "SCORE")
@given(draw.score_cases(tuple(NEEDS)), st.data())
def test_fit(backend: Backend, case: ScoreCase, data: st.DataObject) -> None:
    """Evidence of one array is missing, has an axis too many, or is one longer."""
    knows(backend, case)
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
    for case in (
        of("gradient", ROWS, grads=matrix([1, NAN], [0, 0])),
        of("taylor", matrix([0, 1]), grads=matrix([INF, 1])),
        of("random", matrix([1, 2]), draws=matrix([0.5, NAN])),
        of("taylor_gate", ROWS, Units(), gates=np.array([1, NAN])),
    ):
        refuses(lambda case=case: backend.score(case), call("score", case))  # type: ignore[misc]


@requirement("CRI-10", "property", "SCORE")
@given(draw.score_cases(tuple(NEEDS)), st.data())
def test_number(backend: Backend, case: ScoreCase, data: st.DataObject) -> None:
    knows(backend, case)
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
    given_arrays = [array for arrays in (case.params, case.grads or {}, case.draws or {}) for array in arrays.values()]
    if any(np.shares_memory(got, array) for got in first.values() for array in given_arrays):
        fail("scores that share memory with what was given", "scores of their own", said)
    expect_equal(backend.score(case), first, said)


@requirement("CRI-11", "example", "SCORE")
def test_pure_example(backend: Backend) -> None:
    expect_untouched(backend, of("magnitude", matrix([-1, 2])))
    expect_untouched(backend, of("gradient", matrix([-1, 2]), grads=matrix([1, -1])))
    expect_untouched(backend, of("random", matrix([-1, 2]), draws=matrix([0.5, 0.25])))


@requirement("CRI-11", "property", "SCORE")
@given(draw.score_cases(ALL), st.data())
def test_pure(backend: Backend, case: ScoreCase, data: st.DataObject) -> None:
    knows(backend, case)
    within = data.draw(masks_for(dict(case.params))) if backend.declaration.within else None
    expect_untouched(backend, replace(case, within=within))
