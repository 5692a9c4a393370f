"""Schedules: short runs, ends that coincide, steps that do not divide, sparsities a hair apart."""

from math import nextafter

from hypothesis import strategies as st

from spec_tests.adapter import ScheduleCase

CURVES = ("linear", "cubic", "geometric")
SPARSITIES = st.one_of(
    st.sampled_from((0.0, -0.0, 0.1, 0.29, 0.5, 0.8, 0.9, 0.99, 1.0)), st.floats(1e-6, 1.0), st.integers(0, 1)
)


@st.composite
def cases(draw: st.DrawFn, *curves: str) -> ScheduleCase:
    """Draw 0 <= initial <= final <= 1, sometimes neighbours, and 0 <= begin <= end."""
    initial, final = sorted(draw(st.tuples(SPARSITIES, SPARSITIES)))
    if draw(st.integers(0, 9)) == 0:
        final = min(nextafter(float(initial), 2.0), 1.0)
    begin = draw(st.integers(0, 12))
    end = begin + draw(st.one_of(st.integers(0, 12), st.integers(13, 60)))
    every = draw(st.integers(1, 20))
    return ScheduleCase(draw(st.sampled_from(curves or CURVES)), final, end, initial, begin, every)
