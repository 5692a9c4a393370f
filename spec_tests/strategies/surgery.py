"""Units to remove from drawn networks, and lists that are no units."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from refprune.network import Network, layers
from spec_tests.adapter import Backend
from spec_tests.applicability import undeclared
from spec_tests.oracle import surgery as define
from spec_tests.strategies.graphs import graphs
from spec_tests.strategies.networks import Drawn, chains

CHAIN_OPS = frozenset({"dense", "conv2d", "max_pool2d", "avg_pool2d", "relu", "flatten"})
"""What `chains` draws."""
DTYPES = st.sampled_from((np.float64, np.float32))


def needs_op(backend: Backend, op: str) -> None:
    """Skip when the op is not declared."""
    if op not in backend.declaration.ops:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no op {op}")


def needs_ops(backend: Backend, network: Network) -> None:
    """Skip the example when something of the network is not declared."""
    reason = undeclared(backend.declaration, network)
    if reason:
        pytest.skip(f"not applicable: {reason}")


@st.composite
def networks(draw: st.DrawFn, *, images: bool | None = None) -> Drawn:
    """Draw a chain of small integers in float64 or float32."""
    drawn: Drawn = draw(chains(draw(DTYPES), images=images))
    return drawn


@st.composite
def cases(draw: st.DrawFn, ops: frozenset[str], *, images: bool | None = None) -> Drawn:
    """Draw a chain, or a graph where these ops make one: networks with something to remove."""
    graph = not ops <= CHAIN_OPS and draw(st.booleans())
    drawn: Drawn = draw(graphs(ops, steps=7)) if graph else draw(networks(images=images))
    return drawn


def graphs_with(ops: frozenset[str], op: str) -> st.SearchStrategy[Drawn]:
    """Draw graphs in which this op is frequent, whatever else is in them."""
    return graphs(ops, often=op)


def widths(drawn: Drawn) -> dict[str, int]:
    """Return layer -> its outputs, of every layer of a chain but the last."""
    return {node.name: len(drawn.params[f"{node.name}.bias"]) for node in layers(drawn.network)[:-1]}


def makers(drawn: Drawn) -> list[tuple[str, int]]:
    """Return the layers with an output that can go, and how many outputs each has."""
    units = [unit for group in define.groups(drawn.network, drawn.params) for unit in group]
    names = sorted({layer for unit in units for layer in define.rows_of(unit)})
    return [(name, len(drawn.params[f"{name}.weight"])) for name in names]


def some_layer(drawn: Drawn) -> st.SearchStrategy[tuple[str, int]]:
    """Draw a layer with an output that can go, and how many outputs it has."""
    found = makers(drawn)
    assume(found)
    return st.sampled_from(found)


@st.composite
def removals(draw: st.DrawFn, drawn: Drawn) -> dict[str, list[int]]:
    """Draw units of some groups in any order, each by one of its outputs or by several; one stays in each group."""
    named: dict[str, list[int]] = {}
    for units in define.groups(drawn.network, drawn.params):
        for place in draw(some_units(len(units))):
            made = [(layer, row) for layer, rows in define.rows_of(units[place]).items() for row in rows]
            for layer, row in draw(st.lists(st.sampled_from(made), min_size=1, max_size=2, unique=True)):
                named.setdefault(layer, []).append(row)
    return named


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
