"""docs/spec/schedules.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import nextafter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune import schedules
from spec_tests.adapter import Backend, ScheduleCase
from spec_tests.oracle.schedules import TOLERANCE, exact_sparsity, exact_value, fires
from spec_tests.strategies import schedules as draw
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement


def sparsities(backend: Backend, case: ScheduleCase, steps: int) -> list[float]:
    """Return s(0) ... s(steps)."""
    trace = backend.trace(case, steps)
    expect_equal(len(trace), steps + 1, f"len({call('trace', case, steps)})")
    return [sparsity for _, sparsity in trace]


def firing(backend: Backend, case: ScheduleCase, steps: int) -> list[int]:
    """Return the steps that fire."""
    return [step for step, (now, _) in enumerate(backend.trace(case, steps)) if now]


def close(got: list[float], should: list[float], said: str) -> None:
    """Require these values within the tolerance of SCH-03 and one rounding of the literal (below 2^-53)."""
    expect_close(got, should, float(TOLERANCE) + 2**-53, said)


def on_curve(backend: Backend, case: ScheduleCase) -> None:
    """Require the exact value at every step, within the tolerance."""
    for step, got in enumerate(sparsities(backend, case, case.end + 3)):
        should = exact_sparsity(case, step)
        if not abs(Fraction(got) - should) <= TOLERANCE:
            fail(f"{got} at step {step}", f"{float(should)} within 4 ulp of 1", call("trace", case, case.end + 3))


# SCH-01 Ends


@requirement("SCH-01", "example", "SCHEDULE")
def test_ends_example(backend: Backend) -> None:
    case = ScheduleCase("linear", 0.8, 6, begin=2)
    got = sparsities(backend, case, 8)
    expect_equal(got[:3] + got[6:], [0, 0, 0, 0.8, 0.8, 0.8], call("trace", case, 8))
    for curve in draw.CURVES:
        case = ScheduleCase(curve, 0.7, 3, 0.1, 1)
        got = sparsities(backend, case, 4)
        expect_equal(got[:2] + got[3:], [0.1, 0.1, 0.7, 0.7], call("trace", case, 4))


@requirement("SCH-01", "property", "SCHEDULE")
@given(draw.cases(), st.integers(0, 5))
def test_ends(backend: Backend, case: ScheduleCase, more: int) -> None:
    got = sparsities(backend, case, case.end + more)
    said = call("trace", case, case.end + more)
    expect_equal(got[case.end :], [case.final] * (more + 1), said)
    before = case.begin + 1 if case.begin < case.end else case.begin
    expect_equal(got[:before], [case.initial] * before, said)


# SCH-02 Monotone


def in_order(backend: Backend, case: ScheduleCase, steps: int) -> None:
    """Require values between the ends that never fall by more than the tolerance."""
    got = sparsities(backend, case, steps)
    if not (case.initial <= min(got) and max(got) <= case.final):
        fail(got, f"values in [{case.initial}, {case.final}]", call("trace", case, steps))
    if any(Fraction(before) - Fraction(after) > TOLERANCE for before, after in pairwise(got)):
        fail(got, "values that never fall", call("trace", case, steps))


@requirement("SCH-02", "example", "SCHEDULE")
def test_monotone_example(backend: Backend) -> None:
    for curve in draw.CURVES:
        in_order(backend, ScheduleCase(curve, 0.8, 4, begin=2), 6)
        in_order(backend, ScheduleCase(curve, 0.75, 9, 0.25, 1), 12)
    case = ScheduleCase("geometric", nextafter(0.1, 1), 2, initial=0.1)
    between = sparsities(backend, case, 2)[1]
    expect_equal({between, case.initial, case.final}, {case.initial, case.final}, call("trace", case, 2))


@requirement("SCH-02", "property", "SCHEDULE")
@given(draw.cases())
def test_monotone(backend: Backend, case: ScheduleCase) -> None:
    in_order(backend, case, case.end + 2)


# SCH-03, SCH-04, SCH-05 Curves


@requirement("SCH-03", "example", "SCHEDULE")
def test_linear_example(backend: Backend) -> None:
    case = ScheduleCase("linear", 0.8, 4)
    close(sparsities(backend, case, 4), [0, 0.2, 0.4, 0.6, 0.8], call("trace", case, 4))
    case = ScheduleCase("linear", 1.0, 4, 0.5, 2)
    close(sparsities(backend, case, 4), [0.5, 0.5, 0.5, 0.75, 1], call("trace", case, 4))


@requirement("SCH-03", "property", "SCHEDULE")
@given(draw.cases("linear"))
def test_linear(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


@requirement("SCH-04", "example", "SCHEDULE")
def test_cubic_example(backend: Backend) -> None:
    case = ScheduleCase("cubic", 0.8, 2)
    close(sparsities(backend, case, 2), [0, 0.7, 0.8], call("trace", case, 2))
    case = ScheduleCase("cubic", 1.0, 12, 0.5, 10)
    close(sparsities(backend, case, 12)[10:], [0.5, 0.9375, 1], call("trace", case, 12))


@requirement("SCH-04", "property", "SCHEDULE")
@given(draw.cases("cubic"))
def test_cubic(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


@requirement("SCH-05", "example", "SCHEDULE")
def test_geometric_example(backend: Backend) -> None:
    case = ScheduleCase("geometric", 0.75, 2)
    close(sparsities(backend, case, 2), [0, 0.5, 0.75], call("trace", case, 2))
    case = ScheduleCase("geometric", 0.875, 6, 0.5, 4)
    close(sparsities(backend, case, 6)[4:], [0.5, 0.75, 0.875], call("trace", case, 6))
    for case in (ScheduleCase("geometric", 1.0, 3), ScheduleCase("geometric", 1.0, 3, 0.5)):
        close(sparsities(backend, case, 3), [case.initial, 1, 1, 1], call("trace", case, 3))
    case = ScheduleCase("geometric", 1.0, 2, 1.0)
    close(sparsities(backend, case, 2), [1, 1, 1], call("trace", case, 2))


@requirement("SCH-05", "property", "SCHEDULE")
@given(draw.cases("geometric"))
def test_geometric(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


# SCH-06 Firing


@requirement("SCH-06", "example", "SCHEDULE")
def test_firing_example(backend: Backend) -> None:
    for begin, end, every, should in (
        (2, 9, 3, [2, 5, 8, 9]),
        (0, 10, 4, [0, 4, 8, 10]),
        (1, 5, 2, [1, 3, 5]),
        (3, 10, 100, [3, 10]),
        (0, 2, 1, [0, 1, 2]),
    ):
        case = ScheduleCase("linear", 0.8, end, begin=begin, every=every)
        for steps in (end, end + 5, end + 100):
            expect_equal(firing(backend, case, steps), should, call("trace", case, steps))


@requirement("SCH-06", "property", "SCHEDULE")
@given(draw.cases(), st.one_of(st.integers(0, 25), st.just(100)))
def test_firing(backend: Backend, case: ScheduleCase, more: int) -> None:
    steps = case.end + more
    should = [step for step in range(steps + 1) if fires(case, step)]
    expect_equal(firing(backend, case, steps), should, call("trace", case, steps))


# SCH-07 What is no schedule

SCHEDULE = ScheduleCase("cubic", 0.5, 4, 0.25, 2)
WRONG: tuple[dict[str, Any], ...] = (
    {"begin": 5},
    {"begin": -1},
    {"end": 1},
    {"every": 0},
    {"every": 1.5},
    {"every": True},
    {"final": 0.125},
    {"final": 1.5},
    {"final": float("nan")},
    {"final": True},
    {"final": "0.5"},
    {"initial": -0.5},
    {"initial": None},
)


@requirement("SCH-07", "example", "SCHEDULE")
def test_no_schedule_example(backend: Backend) -> None:
    for wrong in WRONG:
        case = replace(SCHEDULE, **wrong)
        refuses(lambda case=case: backend.trace(case, 9), call("trace", case, 9))  # type: ignore[misc]
    case = ScheduleCase("linear", 0.8, 10)
    refuses(lambda: backend.trace(case, 9), call("trace", case, 9))
    expect_equal(firing(backend, case, 10), list(range(11)), call("trace", case, 10))
    wrong_rounds: list[tuple[Any, Any]] = [(0.5, count) for count in (0, -1, 1.5, True, None)]
    wrong_rounds += [(final, 2) for final in (1.5, -0.25, float("nan"), True, None)]
    for final, count in wrong_rounds:
        refuses(lambda f=final, n=count: backend.rounds("linear", f, n), call("rounds", "linear", final, count))  # type: ignore[misc]


NO_FRACTIONS = st.one_of(
    st.floats(max_value=-1e-9), st.floats(min_value=1 + 1e-9), st.just(float("nan")), st.booleans(), st.none()
)


@st.composite
def no_schedules(draw_: st.DrawFn) -> tuple[ScheduleCase, int]:
    """Draw a good schedule and run, and make one thing of them wrong."""
    case = draw_(draw.cases())
    no_step = st.one_of(st.integers(max_value=-1), st.floats(0, 9), st.booleans(), st.none())
    wrong: dict[str, st.SearchStrategy[Any]] = {
        "final": NO_FRACTIONS,
        "initial": NO_FRACTIONS,
        "begin": st.one_of(no_step, st.integers(case.end + 1, case.end + 9)),
        "end": no_step,
        "every": st.one_of(no_step, st.just(0)),
    }
    name = draw_(st.sampled_from([*wrong, "steps"]))
    if name == "steps":
        return replace(case, end=case.end + 1), draw_(st.integers(0, case.end))
    return replace(case, **{name: draw_(wrong[name])}), 200


@requirement("SCH-07", "property", "SCHEDULE")
@given(no_schedules())
def test_no_schedule(backend: Backend, drawn: tuple[ScheduleCase, int]) -> None:
    refuses(lambda: backend.trace(*drawn), call("trace", *drawn))


@requirement("SCH-07", "property", "SCHEDULE")
@given(st.sampled_from(draw.CURVES), draw.SPARSITIES, st.integers(1, 9), st.data())
def test_no_rounds(backend: Backend, curve: str, final: Any, count: Any, data: st.DataObject) -> None:
    """A good number of rounds and a good sparsity, and one of them made wrong."""
    if data.draw(st.booleans()):
        final = data.draw(NO_FRACTIONS)
    else:
        count = data.draw(st.one_of(st.integers(max_value=0), st.floats(0, 9), st.booleans(), st.none()))
    refuses(lambda: backend.rounds(curve, final, count), call("rounds", curve, final, count))


@requirement("SCH-07", "property")
@given(no_schedules())
def test_refusals_speak(drawn: tuple[ScheduleCase, int]) -> None:
    """The reference says what, got and expected."""
    case, steps = drawn
    curve = schedules.CURVES[case.curve]

    def ask() -> object:
        wrong = schedules.Schedule(curve, case.final, case.end, case.initial, case.begin, case.every)
        return schedules.firing_steps(wrong, steps)

    error = refuses(ask, f"firing_steps({case}, {steps})")
    for part in ("schedule", ": got ", ", expected "):
        if part not in str(error):
            fail(str(error), f"a message with {part!r}", f"firing_steps({case}, {steps})")


# SCH-08 Rounds


@requirement("SCH-08", "example", "SCHEDULE")
def test_rounds_example(backend: Backend) -> None:
    for curve, final, should in (
        ("geometric", 0.75, [0.5, 0.75]),
        ("linear", 0.8, [0.2, 0.4, 0.6, 0.8]),
        ("cubic", 0.8, [0.7, 0.8]),
        ("cubic", 0.3, [0.3]),
    ):
        close(list(backend.rounds(curve, final, len(should))), should, call("rounds", curve, final, len(should)))


@requirement("SCH-08", "property", "SCHEDULE")
@given(st.sampled_from(draw.CURVES), draw.SPARSITIES, st.integers(1, 30))
def test_rounds(backend: Backend, curve: str, final: float, count: int) -> None:
    got, said = list(backend.rounds(curve, final, count)), call("rounds", curve, final, count)
    expect_equal((len(got), got[-1]), (count, final), said)
    for number, sparsity in enumerate(got[:-1], 1):
        should = exact_value(curve, Fraction(0), Fraction(final), Fraction(number, count))
        if not abs(Fraction(sparsity) - should) <= TOLERANCE:
            fail(f"{sparsity} in round {number}", f"{float(should)} within 4 ulp of 1", said)


# SCH-09 Fractions


def floats(values: Sequence[object], said: str) -> None:
    """Require floats, so that none is taken for a count."""
    expect_equal([type(value) for value in values], [float] * len(values), f"the types in {values!r} of {said}")


@requirement("SCH-09", "example")
def test_fractions_example() -> None:
    schedule = schedules.Schedule(schedules.linear, 1, end=2, initial=0)
    got = [schedules.sparsity_at(schedule, step) for step in range(4)]
    expect_equal(got, [0.0, 0.5, 1.0, 1.0], "linear to the int 1 at step 2")
    floats(got, "linear to the int 1 at step 2")
    floats(schedules.rounds(schedules.linear, 1, 2), "two rounds to the int 1")


@requirement("SCH-09", "property")
@given(draw.cases(), st.sampled_from((int, float, np.float64, np.float32, Fraction)))
def test_fractions(case: ScheduleCase, number: Any) -> None:
    ends = number(case.initial), number(case.final)
    schedule = schedules.Schedule(schedules.CURVES[case.curve], ends[1], case.end, ends[0], case.begin)
    got = [schedules.sparsity_at(schedule, step) for step in range(case.end + 2)]
    floats(got, str(schedule))
    expect_equal((got[0], got[-1]), (float(ends[0] if case.end else ends[1]), float(ends[1])), str(schedule))


# SCH-10 One-shot


@requirement("SCH-10", "example", "SCHEDULE")
def test_one_shot_example(backend: Backend) -> None:
    case = ScheduleCase("cubic", 0.5, 3, begin=3)
    shot, before = (True, 0.5), (False, 0.0)
    expect_equal(
        list(map(tuple, backend.trace(case, 5))),
        [before, before, before, shot, (False, 0.5), (False, 0.5)],
        call("trace", case, 5),
    )
    case = ScheduleCase("geometric", 0.5, 0)
    expect_equal(list(map(tuple, backend.trace(case, 1))), [shot, (False, 0.5)], call("trace", case, 1))
    case = ScheduleCase("linear", 0.5, 0)
    expect_equal(list(map(tuple, backend.trace(case, 0))), [shot], call("trace", case, 0))


@requirement("SCH-10", "example")
def test_one_shot_record_example() -> None:
    expect_equal(schedules.firing_steps(schedules.one_shot(0.5, 3), 5), (3,), "firing_steps(one_shot(0.5, 3), 5)")
    expect_equal(schedules.firing_steps(schedules.one_shot(0.5), 5), (0,), "firing_steps(one_shot(0.5), 5)")
    got = [schedules.sparsity_at(schedules.one_shot(0.5, 3), step) for step in range(5)]
    expect_equal(got, [0, 0, 0, 0.5, 0.5], "sparsity_at(one_shot(0.5, 3), ...)")


@requirement("SCH-10", "property", "SCHEDULE")
@given(draw.cases(), st.integers(0, 9))
def test_one_shot(backend: Backend, case: ScheduleCase, more: int) -> None:
    case = replace(case, begin=case.end)
    said = call("trace", case, case.end + more)
    expect_equal(firing(backend, case, case.end + more), [case.end], said)
    should = [case.initial] * case.end + [case.final] * (more + 1)
    expect_equal(sparsities(backend, case, case.end + more), should, said)
