"""Coupling: from the network to its groups, which slices of which arrays are one unit.

In: the network and its parameters. Out: groups, plain data (see granularity).

Every channel of every value gets a number, its channel id; a node hands ids on, puts them one behind the other,
or makes new ones. Two ids that can only go together are the same unit. What is left is bookkeeping.
Specification: docs/spec/coupling.md.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from math import prod
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Params, is_statistic, is_weight
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice
from refprune.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    Network,
    Node,
    Shape,
    Split,
    owner,
    parameters,
    values_of,
)
from refprune.shapes import infer_shapes

Ids = Array
"""(length of an axis,) integers: the channel id of each index."""


class _Marks(NamedTuple):
    """What the walk through the network has marked."""

    values: dict[str, Ids]
    """Value -> the ids of its channels."""
    producers: dict[tuple[str, int], Ids]
    """(array, axis) -> ids; weights, biases, gamma, beta."""
    consumers: dict[tuple[str, int], Ids]
    """(weight, 1) -> ids."""
    statistics: dict[tuple[str, int], Ids]
    """(running mean or variance, 0) -> ids."""
    coupled: list[tuple[Ids, Ids]]
    """Ids that are pairwise the same unit."""


def find_groups(network: Network, params: Params) -> tuple[Group, ...]:
    """Return the groups of a network, in the order of their first maker.

    A unit is all channels that can only be removed together, with the rows that make them and the columns that
    read them. Units that are in the same values and arrays, equally often, form a group. Units that touch the
    network's input or output, or that no layer reads, are in none.

    Raises:
        InvalidInput: parameters that do not fit, naming the node; a layer that is called as rows of another.
    """
    marks = _walk(network, infer_shapes(network, params), params)
    unit_of = _merged(marks.coupled, 1 + max(int(ids.max()) for ids in marks.values.values()))
    fixed = unit_of[np.concatenate([marks.values[network[0].name], marks.values[network[-1].name]])]
    table = _occurrences(marks, unit_of)
    read = sum((_counts(unit_of[ids], len(unit_of)) for ids in marks.consumers.values()), np.zeros(len(unit_of), int))
    free = np.setdiff1d(np.flatnonzero(read), fixed)  # CPL-03, SUR-11
    alike: dict[bytes, list[int]] = {}
    for unit in free:
        alike.setdefault(table[unit].tobytes(), []).append(unit)  # CPL-05
    groups = tuple(_group(np.array(units), marks, unit_of) for units in alike.values())  # CPL-01
    _check_names(groups)
    return groups


def _check_names(groups: Iterable[Group]) -> None:
    """Refuse two groups of one name: a mask for one would remove units of both."""
    for name, count in Counter(group.name for group in groups).items():
        if count > 1:  # CPL-05
            raise InvalidInput(f"group {name!r}", f"{count} groups of this name", "no layer called as rows of another")


def _walk(network: Network, shapes: Mapping[str, Shape], params: Params) -> _Marks:
    """Give every channel an id, from the input to the output."""
    nothing = np.arange(0)
    marks = _Marks({}, {}, {}, {}, [(nothing, nothing)])
    used = 0
    for node in network:
        if not node.inputs:
            used = shapes[node.name][0]
            marks.values[node.name] = np.arange(used)
            continue
        inputs = [marks.values[name] for name in node.inputs]
        match node:
            case Dense() | Conv2d():
                marks.values[node.name] = _mark_layer(node, inputs[0], used, params, marks)
                used = max(used, 1 + int(marks.values[node.name].max()))
            case DepthwiseConv2d():
                rows = np.repeat(inputs[0], shapes[node.name][0] // len(inputs[0]))  # CPL-08
                marks.values[node.name] = _mark_vectors(node, rows, marks)
            case BatchNorm():
                marks.values[node.name] = _mark_vectors(node, inputs[0], marks)  # CPL-06
            case Split():
                cuts = np.split(inputs[0], np.cumsum(node.sizes)[:-1])
                marks.values.update(zip(values_of(node), cuts, strict=True))  # CPL-10
            case _:
                marks.values[node.name] = _passed_on(node, inputs, shapes[node.inputs[0]], marks)
    return marks


def _mark_layer(node: Dense | Conv2d, x: Ids, used: int, params: Params, marks: _Marks) -> Ids:
    """Mark the columns that read x and the rows that make new ids; a layer that shares takes its owner's ids."""
    weight, groups = f"{owner(node)}.weight", node.groups if isinstance(node, Conv2d) else 1
    width = len(x) // groups
    marks.coupled.append((x, np.tile(x[:width], groups)))  # CPL-11
    shared = (weight, 1) in marks.consumers
    rows = marks.producers[weight, 0] if shared else used + np.arange(len(params[weight]))
    marks.coupled.append((rows, np.tile(rows[: len(rows) // groups], groups)))  # CPL-11
    if shared:
        marks.coupled.append((x[:width], marks.consumers[weight, 1]))  # CPL-12
        return rows
    marks.consumers[weight, 1] = x[:width]
    return _mark_vectors(node, rows, marks)


def _mark_vectors(node: Node, rows: Ids, marks: _Marks) -> Ids:
    """Mark axis 0 of every array of a node."""
    for name in parameters(node):
        (marks.statistics if is_statistic(name) else marks.producers)[name, 0] = rows
    return rows


def _passed_on(node: Node, inputs: list[Ids], shape: Shape, marks: _Marks) -> Ids:
    """Return the ids of a node that makes none."""
    match node:
        case Flatten():
            return np.repeat(inputs[0], prod(shape[1:]))  # CPL-02
        case Add():
            marks.coupled.extend((inputs[0], other) for other in inputs[1:])  # CPL-07
            return inputs[0]
        case Concat():
            return np.concatenate(inputs)  # CPL-09
    return inputs[0]


def _merged(coupled: Iterable[tuple[Ids, Ids]], count: int) -> Ids:
    """Return for each id the lowest id it is coupled with, directly or through others."""
    left, right = (np.concatenate(ids) for ids in zip(*coupled, strict=True))
    lowest = np.arange(count)
    while True:
        both = np.minimum(lowest[left], lowest[right])
        lower = lowest.copy()
        np.minimum.at(lower, left, both)
        np.minimum.at(lower, right, both)
        lower = lower[lower]
        if np.array_equal(lower, lowest):
            return lowest
        lowest = lower


def _occurrences(marks: _Marks, unit_of: Ids) -> Array:
    """Return (units, places): how often each unit is in each value and along each axis of an array."""
    places = chain(marks.values.values(), marks.producers.values(), marks.consumers.values())
    return np.stack([_counts(unit_of[ids], len(unit_of)) for ids in places], axis=1)


def _counts(units: Ids, count: int) -> Array:
    return np.bincount(units, minlength=count)


def _group(units: Ids, marks: _Marks, unit_of: Ids) -> Group:
    """Return the group of these units, numbered in the order of their ids."""
    number = np.full(len(unit_of), -1)
    number[units] = np.arange(len(units))
    numbers = number[unit_of]  # id -> unit of this group, or -1

    def slices(places: Mapping[tuple[str, int], Ids]) -> tuple[Slice, ...]:
        found = ((array, axis, numbers[ids]) for (array, axis), ids in places.items())
        return tuple(Slice(array, axis, tuple(each.tolist())) for array, axis, each in found if each.max() >= 0)

    producers = slices(marks.producers)
    values = slices({(name, 0): ids for name, ids in marks.values.items()})
    return Group(_name(producers), len(units), producers, slices(marks.consumers), slices(marks.statistics), values)


def _name(producers: Iterable[Slice]) -> str:
    """Return the name of the first maker, with the rows where others of its rows are in another group."""
    first = next(part for part in producers if is_weight(part.array))
    maker, rows = first.array.removesuffix(".weight"), np.flatnonzero(np.array(first.units) >= 0)
    if len(rows) == len(first.units):
        return maker
    if rows[-1] - rows[0] + 1 == len(rows):
        return f"{maker}[{rows[0]}:{rows[-1] + 1}]"
    return f"{maker}{rows.tolist()}".replace(" ", "")


def as_table(group: Group) -> str:
    """Return the group as text: a line for each slice, and on it, unit by unit, the indices that belong to it."""
    roles = (("makes", group.producers), ("reads", group.consumers), ("stats", group.statistics))
    rows = [
        (role, part.array, f"axis {part.axis}", "  ".join(_indices(part, unit) for unit in range(group.size)))
        for role, parts in roles
        for part in parts
    ]
    width = max(len(array) for _, array, _, _ in rows)
    lines = [f"{role}  {array:{width}}  {axis}  {indices}" for role, array, axis, indices in rows]
    return "\n".join([f"{group.name}: {group.size} unit{'s' * (group.size > 1)}", *lines])  # CPL-13


def _indices(part: Slice, unit: int) -> str:
    """Return the indices of one unit, runs as first-last: 0-3,8 for 0, 1, 2, 3, 8."""
    places = np.flatnonzero(np.array(part.units) == unit)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
