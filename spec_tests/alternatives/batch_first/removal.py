"""Removal on graphs: everything that hangs together with a channel is found by walking from neighbour to neighbour.

A thing is a channel of a value, a row of an array or a column of a weight. Things are neighbours when one cannot go
without the other; all that can be reached from a row goes with it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from refprune.network import (
    Concat,
    Conv2d,
    Dense,
    Input,
    Network,
    Node,
    Split,
    owner,
    parameters,
    values_of,
)
from spec_tests.alternatives.batch_first.layers import Array, Arrays
from spec_tests.alternatives.batch_first.network import run

Thing = tuple[str, str, int]
"""("value" or "row" or "column", the name of the value or array, an index)."""
Unit = frozenset[Thing]


def remove(
    network: Network, params: Arrays, units: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Array], dict[str, list[int]]]:
    """Return the arrays without these rows and all that goes with them, and what is left of every layer."""
    everything = _units(_neighbours(network, params))
    ends = (network[0].name, network[-1].name)
    unit_of = {thing: unit for unit in everything if not _at_an_end(unit, ends) for thing in unit}
    asked = {unit for layer, rows in units.items() for unit in _asked(params, unit_of, layer, rows)}
    emptied = {_places(unit) for unit in everything} - {_places(unit) for unit in everything if unit not in asked}
    if emptied:
        raise ValueError(f"no unit left in {emptied}")
    gone = frozenset[Thing]().union(*asked)
    small = {name: _without(name, array, gone) for name, array in params.items()}
    weights = [name for name in params if name.endswith(".weight")]
    left = {name: [row for row in range(len(params[name])) if ("row", name, row) not in gone] for name in weights}
    return small, {name.removesuffix(".weight"): rows for name, rows in left.items()}


def _asked(params: Arrays, unit_of: Mapping[Thing, Unit], layer: str, rows: Sequence[int]) -> list[Unit]:
    """Return the units of these rows; refuse what is no list of rows that can go."""
    removable = [row for row in range(len(params[f"{layer}.weight"])) if ("row", f"{layer}.weight", row) in unit_of]
    integers = all(isinstance(row, int | np.integer) and not isinstance(row, bool) for row in rows)
    if not removable or not integers or len(set(rows)) != len(rows) or not set(rows) <= set(removable):
        raise IndexError(f"{layer}: {rows}")
    return [unit_of["row", f"{layer}.weight", row] for row in rows]


def _without(name: str, array: Array, gone: Unit) -> Array:
    """Return a copy of the array without its rows and columns that are gone."""
    for axis, kind in enumerate(("row", "column")[: array.ndim]):
        array = np.delete(array, [index for one, other, index in gone if (one, other) == (kind, name)], axis)
    return array


def _at_an_end(unit: Unit, ends: Iterable[str]) -> bool:
    return any(kind == "value" and name in ends for kind, name, _ in unit)


def _places(unit: Unit) -> frozenset[tuple[tuple[str, str], int]]:
    """Return in which values and arrays a unit is, and how often; statistics are where their gamma is."""
    return frozenset(Counter((kind, name) for kind, name, _ in unit).items())


def _units(neighbours: Mapping[Thing, Iterable[Thing]]) -> list[Unit]:
    """Return what hangs together, each thing once."""
    seen, units = set[Thing](), []
    for thing in neighbours:
        if thing not in seen:
            units.append(_reached(neighbours, thing))
            seen |= units[-1]
    return units


def _reached(neighbours: Mapping[Thing, Iterable[Thing]], thing: Thing) -> Unit:
    """Spread to all neighbours until nothing is new."""
    found, fresh = {thing}, {thing}
    while fresh:
        fresh = {other for one in fresh for other in neighbours[one]} - found
        found |= fresh
    return frozenset(found)


def _neighbours(network: Network, params: Arrays) -> dict[Thing, set[Thing]]:
    """Return for every thing what cannot stay without it."""
    widths = _widths(network, params)
    neighbours: dict[Thing, set[Thing]] = {
        ("value", name, channel): set() for name, width in widths.items() for channel in range(width)
    }
    for node in network[1:]:
        for one, other in _bonds(node, params, widths):
            neighbours.setdefault(one, set()).add(other)
            neighbours.setdefault(other, set()).add(one)
    return neighbours


def _widths(network: Network, params: Arrays) -> dict[str, int]:
    """Return how many channels every value has: run on ones and see."""
    first = network[0]
    assert isinstance(first, Input)
    ones = {name: np.ones(array.shape) for name, array in params.items()}
    values = run(network, ones, np.zeros((1, *first.shape)), training=False).values
    return {name: value.shape[1] for name, value in values.items()}


def _bonds(node: Node, params: Arrays, widths: Mapping[str, int]) -> Iterator[tuple[Thing, Thing]]:
    """Yield pairs of things that only go together."""
    for array in parameters(node):
        yield from ((("row", array, i), ("value", node.name, i)) for i in range(widths[node.name]))
    if isinstance(node, Dense | Conv2d):
        yield from _bonds_of_a_layer(node, params, widths)
    elif isinstance(node, Split):
        parts = [("value", part, i) for part in values_of(node) for i in range(widths[part])]
        yield from ((("value", node.inputs[0], i), part) for i, part in enumerate(parts))
    elif isinstance(node, Concat):
        joined = [("value", name, i) for name in node.inputs for i in range(widths[name])]
        yield from ((one, ("value", node.name, i)) for i, one in enumerate(joined))
    else:
        for name in node.inputs:
            span = widths[node.name] // widths[name]  # above 1 for a flatten, and for a depthwise convolution
            yield from ((("value", name, i // span), ("value", node.name, i)) for i in range(widths[node.name]))


def _bonds_of_a_layer(node: Dense | Conv2d, params: Arrays, widths: Mapping[str, int]) -> Iterator[tuple[Thing, Thing]]:
    """Yield columns with the channels they read, and outputs with those at their position in the first group."""
    weight, groups = f"{owner(node)}.weight", getattr(node, "groups", 1)
    rows, columns = params[weight].shape[:2]
    for channel in range(widths[node.inputs[0]]):
        yield ("column", weight, channel % columns), ("value", node.inputs[0], channel)
    for row in range(rows):
        yield ("value", node.name, row % (rows // groups)), ("value", node.name, row)
