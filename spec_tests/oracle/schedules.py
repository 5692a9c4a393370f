"""The definition of schedules, exactly: Fractions, and 50 decimal digits where a root is taken."""

from decimal import Decimal, localcontext
from fractions import Fraction

from spec_tests.adapter import ScheduleCase

TOLERANCE = Fraction(4, 2**52)
"""4 ulp of 1 (SCH-03 derives it)."""


def exact_sparsity(case: ScheduleCase, step: int) -> Fraction:
    """Return s(t) by the formula of the curve, the ends as given."""
    initial, final = Fraction(case.initial), Fraction(case.final)
    if step >= case.end:
        return final
    if step <= case.begin:
        return initial
    return exact_value(case.curve, initial, final, Fraction(step - case.begin, case.end - case.begin))


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


def fires(case: ScheduleCase, step: int) -> bool:
    """Say whether pruning happens after `step` updates."""
    on_the_way = case.begin <= step < case.end and (step - case.begin) % case.every == 0
    return on_the_way or step == case.end
