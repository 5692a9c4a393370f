"""Correct schedules written otherwise: exact fractions, rounded to a float once at the end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from spec_tests.adapter import Declaration, ScheduleCase

DECLARATION = Declaration("fractions", frozenset({"SCHEDULE"}))


@dataclass(frozen=True)
class Fractions:
    """Every curve as a fraction of the way; the geometric one through logarithms."""

    declaration: Declaration = DECLARATION

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """Check, then ask every step."""
        _check(case.initial, case.final)
        numbers = (case.begin, case.end, case.every, steps)
        if any(type(number) is not int for number in numbers) or not 0 <= case.begin <= case.end <= steps:
            raise ValueError("steps")
        if case.every < 1:
            raise ValueError("every")
        return [(_fires(case, step), _sparsity(case, step)) for step in range(steps + 1)]

    def rounds(self, curve: str, final: float, count: int) -> Sequence[float]:
        """Return the sparsity of steps 1 to count of [0, count]."""
        if type(count) is not int or count < 1:
            raise ValueError("count")
        return [sparsity for _, sparsity in self.trace(ScheduleCase(curve, final, count), count)][1:]


def _check(initial: float, final: float) -> None:
    for value in (initial, final):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError("sparsity")
    if initial > final:
        raise ValueError("falling")


def _fires(case: ScheduleCase, step: int) -> bool:
    return step == case.end or (case.begin <= step < case.end and (step - case.begin) % case.every == 0)


def _sparsity(case: ScheduleCase, step: int) -> float:
    if step >= case.end:
        return float(case.final)
    if step <= case.begin:
        return float(case.initial)
    way = Fraction(step - case.begin, case.end - case.begin)
    first, last = Fraction(case.initial), Fraction(case.final)
    if case.curve == "linear":
        return float((1 - way) * first + way * last)
    if case.curve == "cubic":
        return float(last + (first - last) * (1 - way) ** 3)
    if last in (1, first):
        return float(case.final)
    kept = (1 - first) * Fraction(math.exp(float(way) * math.log1p(float((first - last) / (1 - first)))))
    return float(min(max(1 - kept, first), last))


ALTERNATIVES = (Fractions(),)
