"""Units to remove from drawn networks, and lists that are no units."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from refprune.network import layers
from spec_tests.strategies.networks import Drawn, chains

DTYPES = st.sampled_from((np.float64, np.float32))


@st.composite
def networks(draw: st.DrawFn, *, images: bool | None = None) -> Drawn:
    """Draw a chain of small integers in float64 or float32."""
    drawn: Drawn = draw(chains(draw(DTYPES), images=images))
    return drawn


def widths(drawn: Drawn) -> dict[str, int]:
    """Return layer -> its units, of every layer but the last."""
    return {node.name: len(drawn.params[f"{node.name}.bias"]) for node in layers(drawn.network)[:-1]}


@st.composite
def removals(draw: st.DrawFn, drawn: Drawn) -> dict[str, list[int]]:
    """Draw units of some layers in any order; at least one stays in each."""
    chosen = [name for name in widths(drawn) if draw(st.booleans())]
    return {name: draw(some_units(widths(drawn)[name])) for name in chosen}


def some_units(width: int) -> st.SearchStrategy[list[int]]:
    """Draw distinct units, not all of them."""
    return st.permutations(range(width)).flatmap(lambda order: st.integers(0, width - 1).map(lambda n: order[:n]))


def no_units(width: int) -> st.SearchStrategy[list[Any]]:
    """Draw a list with something in it that names no unit, or one twice."""
    wrong = st.one_of(
        st.integers(max_value=-1),
        st.integers(min_value=width),
        st.sampled_from((True, False, 0.0, 0.5, float("nan"), "0", "", None)),
    )
    twice = st.integers(0, width - 1).map(lambda unit: [unit, unit])
    return st.one_of(wrong.map(lambda entry: [entry]), wrong.map(lambda entry: [0, entry]), twice)
