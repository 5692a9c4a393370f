"""The definition of schedules, exactly: Fractions, and 50 decimal digits where a root is taken."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from spec_tests.adapter import Declaration, ScheduleCase


def tolerance(declaration: Declaration) -> Fraction:
    """Return 4 ulp of 1 in what is declared (SCH-03 derives it)."""
    return Fraction(4, 2**23 if declaration.arithmetic == "float32" else 2**52)


def held(declaration: Declaration, sparsity: float) -> Fraction:
    """Return a sparsity as it can be held: the nearest single, where that is declared."""
    return Fraction(float(np.float32(sparsity)) if declaration.arithmetic == "float32" else sparsity)


def number(declaration: Declaration, step: int) -> int:
    """Return the number of the state after `step` updates."""
    return step + declaration.first_step


def progress(declaration: Declaration, case: ScheduleCase, step: int) -> Fraction:
    """Return how far it is from begin to end after `step` updates, in [0, 1]."""
    if case.begin == case.end:
        return Fraction(number(declaration, step) >= case.end)
    ahead = number(declaration, step) + (declaration.progress == "next") - case.begin
    return min(max(Fraction(ahead, case.end - case.begin), Fraction(0)), Fraction(1))


def exact_sparsity(declaration: Declaration, case: ScheduleCase, step: int) -> Fraction:
    """Return the sparsity after `step` updates by the formula of the curve, the ends as they can be held."""
    initial, final = held(declaration, case.initial), held(declaration, case.final)
    way = progress(declaration, case, step)
    if way in (0, 1):
        return final if way else initial
    return exact_value(case.curve, initial, final, way)


def exact_value(curve: str, initial: Fraction, final: Fraction, progress: Fraction) -> Fraction:
    """Return the value of a curve between its ends."""
    if curve == "linear":
        return initial + (final - initial) * progress
    if curve == "cubic":
        return final - (final - initial) * (1 - progress) ** 3
    assert curve == "geometric"
    if initial == final:
        return final
    return 1 - (1 - initial) * power((1 - final) / (1 - initial), progress)


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return base to the exponent, to 50 digits."""
    with localcontext() as context:
        context.prec = 50
        decimal_base = Decimal(base.numerator) / Decimal(base.denominator)
        decimal_exponent = Decimal(exponent.numerator) / Decimal(exponent.denominator)
        return Fraction(decimal_base**decimal_exponent)


def fires(declaration: Declaration, case: ScheduleCase, step: int) -> bool:
    """Say whether pruning happens after `step` updates."""
    now = number(declaration, step)
    counted = now - case.begin if declaration.anchor == "begin" else now
    regular = case.begin <= now <= case.end and counted % case.every == 0
    return regular or (declaration.reaches_end and now == case.end)


def comes(declaration: Declaration, case: ScheduleCase, steps: int) -> bool:
    """Say whether a good schedule is accepted for a run of `steps` updates."""
    if declaration.full == "refused" and case.final == 1:
        return False
    runs = any(fires(declaration, case, step) for step in range(steps + 1))
    return declaration.never == "allowed" or (runs and case.end <= number(declaration, steps))
