"""docs/spec/schedules.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import nextafter
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import schedules
from spec_tests.adapter import Backend, Declaration, ScheduleCase
from spec_tests.applicability import claimed, needs_default
from spec_tests.oracle.schedules import comes, exact_sparsity, exact_value, fires, held, progress, tolerance
from spec_tests.strategies import schedules as draw
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement


def sparsities(backend: Backend, case: ScheduleCase, steps: int) -> list[float]:
    """Return s(0) ... s(steps)."""
    trace = backend.trace(case, steps)
    expect_equal(len(trace), steps + 1, f"len({call('trace', case, steps)})")
    return [sparsity for _, sparsity in trace]


def firing(backend: Backend, case: ScheduleCase, steps: int) -> list[int]:
    """Return the steps that fire."""
    trace = backend.trace(case, steps)
    expect_equal(len(trace), steps + 1, f"len({call('trace', case, steps)})")
    return [step for step, (now, _) in enumerate(trace) if now]


def accepted(backend: Backend, *calls: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return those calls (case, steps, ...) of an example that are inside the declaration; skip when none is."""
    inside = claimed(backend, "trace", *calls)
    return [asked for asked in inside if comes(backend.declaration, asked[0], asked[1])]


def close(backend: Backend, got: list[float], should: list[float], said: str) -> None:
    """Require these values within the tolerance of SCH-03 and one rounding of the literal (an eighth of it)."""
    expect_close(got, should, 1.125 * float(tolerance(backend.declaration)), said)


def goes(backend: Backend, *rows: tuple[ScheduleCase, list[float]]) -> None:
    """Require that a schedule goes through these values, the last one for ever.

    They are the values at p (end - begin) + begin = 0, 1, 2, ...: two steps further at step t, where the state before
    the first update is number 1 and progress is measured one step ahead.
    """
    declared = backend.declaration
    ahead = declared.first_step + (declared.progress == "next")
    for case, steps, values in accepted(backend, *((case, case.end, values) for case, values in rows)):
        should = [values[min(step + ahead, len(values) - 1)] for step in range(steps + 1)]
        close(backend, sparsities(backend, case, steps), should, call("trace", case, steps))


def on_curve(backend: Backend, case: ScheduleCase) -> None:
    """Require the exact value at every step, within the tolerance."""
    steps, declared = case.end + 3, backend.declaration
    assume(comes(declared, case, steps))
    for step, got in enumerate(sparsities(backend, case, steps)):
        should = exact_sparsity(declared, case, step)
        if not abs(Fraction(float(got)) - should) <= tolerance(declared):
            fail(f"{got} at step {step}", f"{float(should)} within 4 ulp of 1", call("trace", case, steps))


# SCH-01 Ends


def keeps_ends(backend: Backend, case: ScheduleCase, steps: int) -> None:
    """Require the initial sparsity where the progress is 0 and the final one where it is 1, both as they are held."""
    declared = backend.declaration
    got, said = sparsities(backend, case, steps), call("trace", case, steps)
    for step, value in enumerate(got):
        if progress(declared, case, step) in (0, 1):
            should = float(exact_sparsity(declared, case, step))
            if value != should:
                fail(f"{value} at step {step}", should, said)


@requirement("SCH-01", "example", "SCHEDULE")
def test_ends_example(backend: Backend) -> None:
    needs_default(backend, "progress", "first_step", "arithmetic")
    ((case, steps),) = claimed(backend, "trace", (ScheduleCase("linear", 0.8, 6, begin=2), 8))
    got = sparsities(backend, case, steps)
    expect_equal(got[:3] + got[6:], [0, 0, 0, 0.8, 0.8, 0.8], call("trace", case, 8))
    rows = ((ScheduleCase(curve, 0.7, 3, 0.1, 1), 4) for curve in draw.CURVES)
    for case, steps in accepted(backend, *rows):
        got = sparsities(backend, case, steps)
        expect_equal(got[:2] + got[3:], [0.1, 0.1, 0.7, 0.7], call("trace", case, 4))


@requirement("SCH-01", "example", "SCHEDULE")
def test_ends_wherever_progress_is_measured_example(backend: Backend) -> None:
    """From 0 to 1/2 over [3, 7]: 0 up to number 3 and 1/2 from number 7 on, or each of them one number before."""
    ((case, steps),) = claimed(backend, "trace", (ScheduleCase("linear", 0.5, 7, begin=3), 9))
    got, declared = sparsities(backend, case, steps), backend.declaration
    ahead = declared.first_step + (declared.progress == "next")
    ends = got[: 4 - ahead] + got[7 - ahead :]
    expect_equal(ends, [0] * (4 - ahead) + [0.5] * (3 + ahead), call("trace", case, steps))
    if not 0 < got[4 - ahead] < 0.5:
        fail(got, f"a value above 0 at step {4 - ahead}", call("trace", case, steps))


@requirement("SCH-01", "property", "SCHEDULE")
@given(draw.cases(), st.integers(0, 5))
def test_ends(backend: Backend, case: ScheduleCase, more: int) -> None:
    assume(comes(backend.declaration, case, case.end + more))
    keeps_ends(backend, case, case.end + more)


# SCH-02 Monotone


def in_order(backend: Backend, case: ScheduleCase, steps: int) -> None:
    """Require values between the ends that never fall by more than the tolerance."""
    got, declared = [Fraction(float(value)) for value in sparsities(backend, case, steps)], backend.declaration
    initial, final = held(declared, case.initial), held(declared, case.final)
    if not (initial <= min(got) and max(got) <= final):
        fail([*map(float, got)], f"values in [{float(initial)}, {float(final)}]", call("trace", case, steps))
    if any(before - after > tolerance(declared) for before, after in pairwise(got)):
        fail([*map(float, got)], "values that never fall", call("trace", case, steps))


@requirement("SCH-02", "example", "SCHEDULE")
def test_monotone_example(backend: Backend) -> None:
    rows: list[tuple[ScheduleCase, int]] = []
    for curve in draw.CURVES:
        rows += [(ScheduleCase(curve, 0.8, 4, begin=2), 6), (ScheduleCase(curve, 0.75, 9, 0.25, 1), 12)]
    for case, steps in accepted(backend, *rows):
        in_order(backend, case, steps)


@requirement("SCH-02", "example", "SCHEDULE")
def test_between_neighbours_example(backend: Backend) -> None:
    needs_default(backend, "arithmetic")
    case = ScheduleCase("geometric", nextafter(0.1, 1), 2, initial=0.1)
    between = sparsities(backend, case, 2)[1]
    expect_equal({between, case.initial, case.final}, {case.initial, case.final}, call("trace", case, 2))


@requirement("SCH-02", "property", "SCHEDULE")
@given(draw.cases())
def test_monotone(backend: Backend, case: ScheduleCase) -> None:
    assume(comes(backend.declaration, case, case.end + 2))
    in_order(backend, case, case.end + 2)


# SCH-03, SCH-04, SCH-05 Curves


@requirement("SCH-03", "example", "SCHEDULE")
def test_linear_example(backend: Backend) -> None:
    goes(
        backend,
        (ScheduleCase("linear", 0.8, 4), [0, 0.2, 0.4, 0.6, 0.8]),
        (ScheduleCase("linear", 1.0, 4, 0.5, 2), [0.5, 0.5, 0.5, 0.75, 1]),
    )


@requirement("SCH-03", "property", "SCHEDULE")
@given(draw.cases("linear"))
def test_linear(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


@requirement("SCH-04", "example", "SCHEDULE")
def test_cubic_example(backend: Backend) -> None:
    goes(
        backend,
        (ScheduleCase("cubic", 0.8, 2), [0, 0.7, 0.8]),
        (ScheduleCase("cubic", 0.8, 4, begin=2), [0, 0, 0, 0.7, 0.8]),
        (ScheduleCase("cubic", 1.0, 12, 0.5, 10), [0.5] * 11 + [0.9375, 1]),
    )


@requirement("SCH-04", "property", "SCHEDULE")
@given(draw.cases("cubic"))
def test_cubic(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


@requirement("SCH-05", "example", "SCHEDULE")
def test_geometric_example(backend: Backend) -> None:
    goes(
        backend,
        (ScheduleCase("geometric", 0.75, 2), [0, 0.5, 0.75]),
        (ScheduleCase("geometric", 0.875, 6, 0.5, 4), [0.5] * 5 + [0.75, 0.875]),
        (ScheduleCase("geometric", 1.0, 3), [0, 1]),
        (ScheduleCase("geometric", 1.0, 3, 0.5), [0.5, 1]),
        (ScheduleCase("geometric", 0.9375, 4), [0, 0.5, 0.75, 0.875, 0.9375]),
        (ScheduleCase("geometric", 0.36, 2), [0, 0.2, 0.36]),
        (ScheduleCase("geometric", 1.0, 2, float("1")), [1]),
    )


@requirement("SCH-05", "property", "SCHEDULE")
@given(draw.cases("geometric"))
def test_geometric(backend: Backend, case: ScheduleCase) -> None:
    on_curve(backend, case)


# SCH-06 Firing

FIRING: tuple[tuple[ScheduleCase, dict[tuple[str, bool], list[int]]], ...] = (
    (
        ScheduleCase("linear", 0.8, 9, begin=2, every=3),
        {
            ("begin", True): [2, 5, 8, 9],
            ("begin", False): [2, 5, 8],
            ("zero", True): [3, 6, 9],
            ("zero", False): [3, 6, 9],
        },
    ),
    (
        ScheduleCase("linear", 0.8, 10, every=4),
        {
            ("begin", True): [0, 4, 8, 10],
            ("begin", False): [0, 4, 8],
            ("zero", True): [0, 4, 8, 10],
            ("zero", False): [0, 4, 8],
        },
    ),
    (
        ScheduleCase("linear", 0.8, 5, begin=1, every=2),
        {
            ("begin", True): [1, 3, 5],
            ("begin", False): [1, 3, 5],
            ("zero", True): [2, 4, 5],
            ("zero", False): [2, 4],
        },
    ),
    (
        ScheduleCase("linear", 0.8, 10, begin=3, every=100),
        {("begin", True): [3, 10], ("begin", False): [3], ("zero", True): [10], ("zero", False): []},
    ),
    (
        ScheduleCase("linear", 0.8, 2),
        {
            ("begin", True): [0, 1, 2],
            ("begin", False): [0, 1, 2],
            ("zero", True): [0, 1, 2],
            ("zero", False): [0, 1, 2],
        },
    ),
)
"""Schedules, and the numbers that fire: by where they are counted from, and whether the end fires in any case."""


@requirement("SCH-06", "example", "SCHEDULE")
def test_firing_example(backend: Backend) -> None:
    declared = backend.declaration
    rows = [(case, steps, table) for case, table in FIRING for steps in (case.end, case.end + 5, case.end + 100)]
    for case, steps, table in accepted(backend, *rows):
        numbers = table[declared.anchor, declared.reaches_end]
        should = [number - declared.first_step for number in numbers if number >= declared.first_step]
        expect_equal(firing(backend, case, steps), should, call("trace", case, steps))


@requirement("SCH-06", "property", "SCHEDULE")
@given(draw.cases(), st.one_of(st.integers(0, 25), st.just(100)))
def test_firing(backend: Backend, case: ScheduleCase, more: int) -> None:
    steps, declared = case.end + more, backend.declaration
    assume(comes(declared, case, steps))
    should = [step for step in range(steps + 1) if fires(declared, case, step)]
    expect_equal(firing(backend, case, steps), should, call("trace", case, steps))


# SCH-07 What is no schedule

SCHEDULE = ScheduleCase("cubic", 0.5, 4, begin=2)
WRONG: tuple[dict[str, Any], ...] = (
    {"begin": 5},
    {"begin": -1},
    {"end": 1},
    {"every": 0},
    {"every": 1.5},
    {"every": True},
    {"initial": 0.25, "final": 0.125},
    {"final": 1.5},
    {"final": float("nan")},
    {"final": True},
    {"final": "0.5"},
    {"initial": -0.5},
    {"initial": None},
)


@requirement("SCH-07", "example", "SCHEDULE")
def test_no_schedule_example(backend: Backend) -> None:
    known = next(curve for curve in draw.CURVES if curve in backend.declaration.curves)
    for asked in claimed(backend, "trace", *((replace(SCHEDULE, curve=known, **wrong), 9) for wrong in WRONG)):
        refuses(lambda asked=asked: backend.trace(*asked), call("trace", *asked))  # type: ignore[misc]


@requirement("SCH-07", "example", "SCHEDULE")
def test_no_rounds_example(backend: Backend) -> None:
    wrong: list[tuple[Any, Any]] = [(0.5, count) for count in (0, -1, 1.5, True, None)]
    wrong += [(final, 2) for final in (1.5, -0.25, float("nan"), True, None)]
    known = next(curve for curve in draw.CURVES if curve in backend.declaration.curves)
    for final, count in wrong:
        refuses(lambda f=final, n=count: backend.rounds(known, f, n), call("rounds", known, final, count))  # type: ignore[misc]


@requirement("SCH-07", "example", "SCHEDULE")
def test_never_example(backend: Backend) -> None:
    """An end after the run; a first step that is no number; numbers that no multiple of `every` meets."""
    declared = backend.declaration
    arrives = declared.reaches_end or declared.anchor == "begin"
    at_begin = [3 - declared.first_step][: declared.anchor == "begin"]
    rows = (
        (ScheduleCase("linear", 0.8, 10), 7, False, [*range(8)]),
        (ScheduleCase("linear", 0.8, 10), 10, True, [*range(11 - declared.first_step)]),
        (ScheduleCase("linear", 0.8, 0), 4, declared.first_step == 0, [0][declared.first_step :]),
        (ScheduleCase("linear", 0.8, 4, begin=3, every=100), 2, False, at_begin),
        (ScheduleCase("linear", 0.8, 3, begin=3, every=100), 9, arrives, [3 - declared.first_step][:arrives]),
    )
    for case, steps, fires_and_ends, should in claimed(backend, "trace", *rows):
        said = call("trace", case, steps)
        if fires_and_ends or declared.never == "allowed":
            expect_equal(firing(backend, case, steps), [step for step in should if step <= steps], said)
        else:
            refuses(lambda case=case, steps=steps: backend.trace(case, steps), said)  # type: ignore[misc]


@requirement("SCH-07", "example", "SCHEDULE")
def test_cut_off_example(backend: Backend) -> None:
    """Half over 8 numbers or 1024, and a run of four updates: refused, or the way as far as it goes."""
    declared = backend.declaration
    ahead = declared.first_step + (declared.progress == "next")
    for case, steps in claimed(backend, "trace", *((ScheduleCase("linear", 0.5, end), 4) for end in (8, 1024))):
        said = call("trace", case, steps)
        if declared.never == "refused":
            refuses(lambda case=case, steps=steps: backend.trace(case, steps), said)  # type: ignore[misc]
            continue
        way = [(step + ahead) / (2 * case.end) for step in range(5)]
        close(backend, sparsities(backend, case, steps), way, said)


@requirement("SCH-07", "example", "SCHEDULE")
def test_full_example(backend: Backend) -> None:
    """A schedule to the sparsity 1 gets there, or is refused if that is declared."""
    for case, steps in claimed(backend, "trace", *((ScheduleCase(curve, 1.0, 3), 5) for curve in draw.CURVES)):
        said = call("trace", case, steps)
        if backend.declaration.full == "refused":
            refuses(lambda case=case, steps=steps: backend.trace(case, steps), said)  # type: ignore[misc]
        else:
            expect_equal(sparsities(backend, case, steps)[3:], [1, 1, 1], said)


NO_FRACTIONS = st.one_of(
    st.floats(max_value=-1e-9), st.floats(min_value=1 + 1e-9), st.just(float("nan")), st.booleans(), st.none()
)
DEFAULT = Declaration("refprune", frozenset({"SCHEDULE"}))


@st.composite
def no_schedules(draw_: st.DrawFn, declaration: Declaration = DEFAULT) -> tuple[ScheduleCase, int]:
    """Draw a good schedule and run, and make one thing of them wrong under this declaration."""
    case = draw_(draw.cases())
    no_step = st.one_of(st.integers(max_value=-1), st.floats(0, 9), st.booleans(), st.none())
    wrong: dict[str, st.SearchStrategy[Any]] = {
        "final": NO_FRACTIONS if declaration.full == "reached" else st.one_of(NO_FRACTIONS, st.just(1.0)),
        "initial": NO_FRACTIONS,
        "begin": st.one_of(no_step, st.integers(case.end + 1, case.end + 9)),
        "end": no_step,
        "every": st.one_of(no_step, st.just(0)),
    }
    name = draw_(st.sampled_from([*wrong, "steps"] if declaration.never == "refused" else [*wrong]))
    if name == "steps":
        steps = draw_(st.integers(0, max(case.end - 1, 0)))
        assume(not comes(declaration, case, steps))
        return case, steps
    return replace(case, **{name: draw_(wrong[name])}), 200


@requirement("SCH-07", "property", "SCHEDULE")
@given(st.data())
def test_no_schedule(backend: Backend, data: st.DataObject) -> None:
    asked = data.draw(no_schedules(backend.declaration))
    refuses(lambda: backend.trace(*asked), call("trace", *asked))


@requirement("SCH-07", "property", "SCHEDULE")
@given(draw.cases(), st.integers(0, 80), st.sampled_from((0, 0, 100, 1000)))
def test_never(backend: Backend, case: ScheduleCase, steps: int, later: int) -> None:
    """A schedule that never fires, or ends after the run, be it long after: refused, or as far as the run goes."""
    case, declared = replace(case, end=case.end + later), backend.declaration
    assume(comes(replace(declared, never="allowed"), case, steps))
    assume(not comes(replace(declared, never="refused"), case, steps))
    if declared.never == "refused":
        refuses(lambda: backend.trace(case, steps), call("trace", case, steps))
    else:
        should = [step for step in range(steps + 1) if fires(declared, case, step)]
        expect_equal(firing(backend, case, steps), should, call("trace", case, steps))
        values = [float(exact_sparsity(declared, case, step)) for step in range(steps + 1)]
        close(backend, sparsities(backend, case, steps), values, call("trace", case, steps))


@requirement("SCH-07", "property", "SCHEDULE")
@given(draw.cases(), st.sampled_from((1.0, 1)), st.integers(0, 9))
def test_full(backend: Backend, case: ScheduleCase, one: float, more: int) -> None:
    case, declared = replace(case, final=one), backend.declaration
    assume(comes(replace(declared, full="reached"), case, case.end + more))
    said = call("trace", case, case.end + more)
    if declared.full == "refused":
        refuses(lambda: backend.trace(case, case.end + more), said)
    else:
        expect_equal(sparsities(backend, case, case.end + more)[case.end :], [1] * (more + 1), said)


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
    rows = (
        ("geometric", 0.75, [0.5, 0.75]),
        ("linear", 0.8, [0.2, 0.4, 0.6, 0.8]),
        ("cubic", 0.8, [0.7, 0.8]),
        ("cubic", 0.3, [0.3]),
    )
    for curve, final, should in claimed(backend, "rounds", *rows):
        close(
            backend, list(backend.rounds(curve, final, len(should))), should, call("rounds", curve, final, len(should))
        )


@requirement("SCH-08", "property", "SCHEDULE")
@given(st.sampled_from(draw.CURVES), draw.SPARSITIES, st.integers(1, 30))
def test_rounds(backend: Backend, curve: str, final: float, count: int) -> None:
    declared, said = backend.declaration, call("rounds", curve, final, count)
    if final == 1 and declared.full == "refused":
        refuses(lambda: backend.rounds(curve, final, count), said)
        return
    got, last = list(backend.rounds(curve, final, count)), held(declared, final)
    expect_equal((len(got), got[-1]), (count, float(last)), said)
    for number, sparsity in enumerate(got[:-1], 1):
        should = exact_value(curve, Fraction(0), last, Fraction(number, count))
        if not abs(Fraction(float(sparsity)) - should) <= tolerance(declared):
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
    """Number 3, which every = 1 meets wherever it is counted from, and the state before the first update."""
    first = backend.declaration.first_step
    before, shot, after = (False, 0.0), (True, 0.5), (False, 0.5)
    for case, steps in claimed(backend, "trace", *((ScheduleCase(curve, 0.5, 3, begin=3), 5) for curve in draw.CURVES)):
        should = [*[before] * (3 - first), shot, *[after] * (2 + first)]
        expect_equal(list(map(tuple, backend.trace(case, steps))), should, call("trace", case, steps))
    at_once = (ScheduleCase(curve, 0.5, first, begin=first) for curve in draw.CURVES)
    for case, steps in claimed(backend, "trace", *((case, steps) for case in at_once for steps in (0, 1))):
        expect_equal(
            list(map(tuple, backend.trace(case, steps))), [shot, after][: steps + 1], call("trace", case, steps)
        )


@requirement("SCH-10", "example")
def test_one_shot_record_example() -> None:
    expect_equal(schedules.firing_steps(schedules.one_shot(0.5, 3), 5), (3,), "firing_steps(one_shot(0.5, 3), 5)")
    expect_equal(schedules.firing_steps(schedules.one_shot(0.5), 5), (0,), "firing_steps(one_shot(0.5), 5)")
    got = [schedules.sparsity_at(schedules.one_shot(0.5, 3), step) for step in range(5)]
    expect_equal(got, [0, 0, 0, 0.5, 0.5], "sparsity_at(one_shot(0.5, 3), ...)")


@requirement("SCH-10", "property", "SCHEDULE")
@given(draw.cases(), st.integers(0, 9))
def test_one_shot(backend: Backend, case: ScheduleCase, more: int) -> None:
    case, steps, declared = replace(case, begin=case.end), case.end + more, backend.declaration
    assume(comes(declared, case, steps))
    said = call("trace", case, steps)
    should = [step for step in range(steps + 1) if fires(declared, case, step)]
    expect_equal(firing(backend, case, steps), should, said)
    values = [float(exact_sparsity(declared, case, step)) for step in range(steps + 1)]
    expect_equal(sparsities(backend, case, steps), values, said)
