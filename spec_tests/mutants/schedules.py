"""Wrong schedules."""

from dataclasses import replace
from typing import Any

from spec_tests.mutants.mutant import Mutant, original

SCHEDULES = "refprune.schedules"
AT, FIRING, ROUNDS, RECORD = (f"{SCHEDULES}.{name}" for name in ("sparsity_at", "firing_steps", "rounds", "Schedule"))
_at, _firing, _record, _rounds = original(AT), original(FIRING), original(RECORD), original(ROUNDS)


def _unclamped(schedule: Any, step: int) -> Any:
    """Follow the curve before begin and after end."""
    length = max(schedule.end - schedule.begin, 1)
    return schedule.curve(schedule.initial, schedule.final, (step - schedule.begin) / length)


def _curve_unclamped(schedule: Any, step: int) -> Any:
    """Trust the curve between the ends."""
    return _unclamped(schedule, step) if schedule.begin < step < schedule.end else _at(schedule, step)


def _squared(initial: float, final: float, progress: float) -> float:
    """Return (p - 2)^2 in place of 1 - (1 - p)^2: twice the target at first."""
    return initial + (final - initial) * (2 - progress) ** 2 / 2


def _ends_computed(schedule: Any, step: int) -> Any:
    """Let the curve say what its ends are."""
    if schedule.begin < step < schedule.end:
        return _at(schedule, step)
    return schedule.curve(schedule.initial, schedule.final, float(step >= schedule.end))


def _from_zero(schedule: Any, step: int) -> Any:
    """Measure progress from step 0."""
    return _at(replace(schedule, begin=0), step) if step > schedule.begin else _at(schedule, step)


def _no_initial(schedule: Any, step: int) -> Any:
    """Forget the initial sparsity once the schedule has begun."""
    return _at(replace(schedule, initial=0.0), step) if step > schedule.begin else _at(schedule, step)


def _by_every_only(schedule: Any, steps: int) -> Any:
    """Fire at begin + i every and at no other step."""
    _firing(schedule, steps)
    return tuple(range(schedule.begin, schedule.end + 1, schedule.every))


def _end_exclusive(schedule: Any, steps: int) -> Any:
    return tuple(step for step in _firing(schedule, steps) if step < schedule.end)


def _after_the_end(schedule: Any, steps: int) -> Any:
    """Go on firing until the run is over."""
    return tuple(sorted({*_firing(schedule, steps), *range(schedule.begin, steps + 1, schedule.every)}))


def _multiples(schedule: Any, steps: int) -> Any:
    """Fire at multiples of every between begin and end."""
    return tuple(step for step in range(schedule.begin, schedule.end + 1) if step % schedule.every == 0)


def _counts_from_one(schedule: Any, steps: int) -> Any:
    return tuple(step for step in _firing(schedule, steps) if step > 0)


def _end_twice(schedule: Any, steps: int) -> Any:
    """Fire once more, one step after the end."""
    return tuple(step for step in (*_firing(schedule, steps), schedule.end + 1) if step <= steps)


def _second_cycle(schedule: Any, steps: int) -> Any:
    """Begin again some 30 steps after the end."""
    return (*_firing(schedule, steps), *range(schedule.end + 31, steps + 1, schedule.every))


def _any_run(schedule: Any, steps: int) -> Any:
    """Accept a run that ends before the schedule does."""
    return tuple(step for step in _firing(schedule, max(steps, schedule.end)) if step <= steps)


def _unchecked(self: Any) -> None:
    """Check nothing."""


class _Unchecked(_record):  # type: ignore[misc, valid-type]  # a wrong record that looks like the right one
    __post_init__ = _unchecked


class _Falling(_record):  # type: ignore[misc, valid-type]  # a wrong record that looks like the right one
    def __post_init__(self) -> None:
        """Check everything but that the sparsity does not fall."""
        _record(self.curve, max(self.final, self.initial), self.end, self.initial, self.begin, self.every)


def _from_round_zero(curve: Any, final: float, count: int) -> Any:
    schedule = _record(curve, final, end=count)
    return tuple(_at(schedule, step) for step in range(count))


def _compounded(curve: Any, final: float, count: int) -> Any:
    """Take the target of every round from what is left."""
    left, targets = 1.0, []
    for step in range(1, count + 1):
        left *= 1 - _at(_record(curve, final, end=count), step)
        targets.append(1 - left)
    return tuple(targets)


def _as_given(schedule: Any, step: int) -> Any:
    """Hand the numbers on as they came."""
    if step >= schedule.end:
        return schedule.final
    return schedule.initial if step <= schedule.begin else _at(schedule, step)


def _never_at_once(schedule: Any, steps: int) -> Any:
    """Fire only where there is a way from begin to end."""
    return _firing(schedule, steps) if schedule.begin < schedule.end else ()


LINEAR, CUBIC, GEOMETRIC = (f"{SCHEDULES}.{name}" for name in ("linear", "cubic", "geometric"))
MUTANTS = (
    Mutant("one step ahead", "SCH-01", "M61: t + 1; JaxPruner", {AT: lambda s, t: _at(s, t + 1)}),
    Mutant("ends computed", "SCH-01", "1 - (1 - 0.1) is not 0.1", {AT: _ends_computed}),
    Mutant("not clamped", "SCH-02", "M65: the curve goes on before begin and after end", {AT: _unclamped}),
    Mutant("curve not clamped", "SCH-02", "one rounding below the initial sparsity", {AT: _curve_unclamped}),
    Mutant("falls from twice", "SCH-02", "M65: even exponent; llm-compressor", {AT: _unclamped, LINEAR: _squared}),
    Mutant("linear from step 0", "SCH-03", "M67: anchored at 0; JaxPruner", {AT: _from_zero}),
    Mutant(
        "linear without initial",
        "SCH-03",
        "M68: initial sparsity forgotten",
        {AT: lambda s, t: s.final * (t - s.begin) / (s.end - s.begin) if s.begin < t < s.end else _at(s, t)},
    ),
    Mutant("convex cubic", "SCH-04", "M66: p^3; INC", {CUBIC: lambda i, f, p: i + (f - i) * p**3}),
    Mutant("cubic from step 0", "SCH-04", "M67: anchored at 0; JaxPruner", {AT: _from_zero}),
    Mutant("cubic without initial", "SCH-04", "M68: initial ignored; JaxPruner, NNI", {AT: _no_initial}),
    Mutant("quadratic", "SCH-04", "another exponent", {CUBIC: lambda i, f, p: i + (f - i) * (1 - (1 - p) ** 2)}),
    Mutant("geometric as linear", "SCH-05", "a straight line", {GEOMETRIC: original(LINEAR)}),
    Mutant(
        "geometric without initial",
        "SCH-05",
        "M68: 1 - (1 - s)^p only",
        {GEOMETRIC: lambda i, f, p: 1 - (1 - f) ** p},
    ),
    Mutant(
        "geometric divides by zero",
        "SCH-05",
        "initial = final = 1 crashes",
        {GEOMETRIC: lambda i, f, p: 1 - (1 - i) * ((1 - f) / (1 - i)) ** p},
    ),
    Mutant("end missed", "SCH-06", "M62: every does not divide; TFMOT, JaxPruner", {FIRING: _by_every_only}),
    Mutant("end exclusive", "SCH-06", "M64: distiller", {FIRING: _end_exclusive}),
    Mutant("fires after the end", "SCH-06", "M64: updates go on", {FIRING: _after_the_end}),
    Mutant("fires twice at the end", "SCH-06", "M64: once more, one step later", {FIRING: _end_twice}),
    Mutant("fires again later", "SCH-06", "M64: a second cycle after the end", {FIRING: _second_cycle}),
    Mutant("multiples of every", "SCH-06", "M67: phase counted from 0; JaxPruner", {FIRING: _multiples}),
    Mutant("step 0 never fires", "SCH-06", "M63: steps counted from 1; TFMOT", {FIRING: _counts_from_one}),
    Mutant("run too short", "SCH-07", "M63: the end lies behind the run", {FIRING: _any_run}),
    Mutant("nothing checked", "SCH-07", "M22: 1.5, begin after end; JaxPruner", {RECORD: _Unchecked}),
    Mutant("falling accepted", "SCH-07", "initial above final", {RECORD: _Falling}),
    Mutant(
        "rounds to any sparsity",
        "SCH-07",
        "1.5 is clipped, NaN and True pass",
        {
            ROUNDS: lambda curve, final, n: _rounds(
                curve, min(max(float(final), 0.0), 1.0) if final == final else 0.0, n
            )
        },
    ),
    Mutant(
        "True as one round",
        "SCH-07",
        "a bool is an int",
        {ROUNDS: lambda curve, final, n: _rounds(curve, final, int(n) if isinstance(n, bool) else n)},
    ),
    Mutant("first round prunes nothing", "SCH-08", "rounds from t = 0", {ROUNDS: _from_round_zero}),
    Mutant("rounds compound", "SCH-08", "M16: targets taken from what is left", {ROUNDS: _compounded}),
    Mutant("int handed on", "SCH-09", "M21: 1 becomes one entry", {AT: _as_given}),
    Mutant("one-shot never fires", "SCH-10", "M63: begin = end; TFMOT", {FIRING: _never_at_once}),
    Mutant("one-shot fires at begin + 1", "SCH-10", "M61", {FIRING: lambda s, n: tuple(t + 1 for t in _firing(s, n))}),
)
