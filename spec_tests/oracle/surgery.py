"""The definition of removal, in plain Python: which channels, rows and columns can only go together.

Every channel of every value, every row and every column of an array has a name. A node says which of them are tied;
what goes is whatever can be reached from the rows that are named. NumPy only carries the data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

from refprune.arrays import Array, Masks, Params
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    MaxPool2d,
    Network,
    Node,
    Shape,
    Split,
    layers,
    owner,
    parameters,
    values_of,
)
from spec_tests.oracle.layers import windows

Units = Mapping[str, Sequence[int]]
"""Layer -> the outputs that go."""
Thing = tuple[str, str, int]
"""("channel", value, place), ("row", array, place) or ("column", weight, place)."""
Unit = frozenset[Thing]


# What is tied


def ties(network: Network, params: Params) -> dict[Thing, set[Thing]]:
    """Return thing -> the things it is tied to."""
    shapes = _shapes(network, params)
    tied: dict[Thing, set[Thing]] = {
        ("channel", value, place): set() for value, shape in shapes.items() for place in range(shape[0])
    }
    for node in network[1:]:
        for one, other in _node_ties(node, shapes, params):
            tied.setdefault(one, set()).add(other)
            tied.setdefault(other, set()).add(one)
    return tied


def _node_ties(node: Node, shapes: Mapping[str, Shape], params: Params) -> Iterator[tuple[Thing, Thing]]:
    """Return the pairs of things that a node ties."""
    width = shapes[node.inputs[0]][0]
    match node:
        case Dense() | Conv2d():
            yield from _layer_ties(node, width, params)
        case DepthwiseConv2d():
            multiplier = len(params[f"{node.name}.weight"]) // width
            for row in range(multiplier * width):
                yield ("row", f"{node.name}.weight", row), ("channel", node.inputs[0], row // multiplier)
                yield from _row_ties(node, row)
        case BatchNorm():
            for place in range(width):
                yield ("channel", node.name, place), ("channel", node.inputs[0], place)
                yield from _row_ties(node, place)
        case Split() | Concat():
            yield from _run_ties(node, shapes)
        case Flatten():
            span = shapes[node.name][0] // width
            for place in range(shapes[node.name][0]):
                yield ("channel", node.name, place), ("channel", node.inputs[0], place // span)
        case _:
            for source in node.inputs:  # a sum has several
                for place in range(width):
                    yield ("channel", node.name, place), ("channel", source, place)


def _layer_ties(node: Dense | Conv2d, width: int, params: Params) -> Iterator[tuple[Thing, Thing]]:
    """Tie channels to the columns that read them, and rows to outputs; equal places of all groups to one another."""
    weight, groups = f"{owner(node)}.weight", node.groups if isinstance(node, Conv2d) else 1
    rows, columns = params[weight].shape[:2]
    for channel in range(width):
        yield ("channel", node.inputs[0], channel), ("column", weight, channel % columns)
    for row in range(rows):
        yield ("row", weight, row), ("row", weight, row % (rows // groups))
        yield from _row_ties(node, row)


def _row_ties(node: Node, row: int) -> Iterator[tuple[Thing, Thing]]:
    """Tie an output to its row of every array of the node."""
    for array in parameters(node):
        yield ("channel", node.name, row), ("row", array, row)


def _run_ties(node: Split | Concat, shapes: Mapping[str, Shape]) -> Iterator[tuple[Thing, Thing]]:
    """Tie what lies one behind the other to the whole: the parts of a split, or the inputs of a concatenation."""
    whole, parts = (node.inputs[0], values_of(node)) if isinstance(node, Split) else (node.name, node.inputs)
    ends = [(part, place) for part in parts for place in range(shapes[part][0])]
    for place, (part, inside) in enumerate(ends):
        yield ("channel", whole, place), ("channel", part, inside)


def reached(tied: Mapping[Thing, set[Thing]], start: set[Thing]) -> set[Thing]:
    """Return everything that goes when these go."""
    found, new = set(start), set(start)
    while new:
        new = {other for thing in new for other in tied[thing]} - found
        found |= new
    return found


def gone(network: Network, params: Params, units: Units) -> set[Thing]:
    """Return everything that goes when these outputs of these layers go."""
    start: set[Thing] = {("row", f"{layer}.weight", row) for layer, rows in units.items() for row in rows}
    return reached(ties(network, params), start)


# Units and groups


def groups(network: Network, params: Params) -> list[list[Unit]]:
    """Return the units that can go, those that are in the same places equally often in one list.

    Unit after unit in the order of their first rows; groups in that of their first units.
    """
    tied = ties(network, params)
    ends: set[Thing] = {thing for thing in tied if thing[1] in (network[0].name, network[-1].name)}
    kinds: dict[frozenset[tuple[tuple[str, str], int]], list[Unit]] = {}
    seen = reached(tied, ends)
    for node in layers(network):
        for row in range(len(params[f"{owner(node)}.weight"])):
            start: Thing = ("row", f"{owner(node)}.weight", row)
            unit = frozenset(reached(tied, {start}))
            if start not in seen and any(kind == "column" for kind, _, _ in unit):
                kinds.setdefault(_places(unit), []).append(unit)
            seen |= unit
    return list(kinds.values())


def _places(unit: Unit) -> frozenset[tuple[tuple[str, str], int]]:
    """Return in which values and arrays a unit is, and how often."""
    return frozenset(Counter((kind, name) for kind, name, _ in unit).items())


def rows_of(unit: Unit) -> dict[str, list[int]]:
    """Return layer -> the outputs that are this unit, ascending."""
    made: dict[str, list[int]] = {}
    for kind, array, row in sorted(unit):
        if kind == "row" and array.endswith(".weight"):
            made.setdefault(array.removesuffix(".weight"), []).append(row)
    return made


# What is left


def compacted(network: Network, params: Params, units: Units) -> dict[str, Array]:
    """Return the parameters without these outputs and what goes with them."""
    return without(params, gone(network, params, units))


def without(arrays: Params, missing: set[Thing]) -> dict[str, Array]:
    """Return arrays keyed as the parameters without these rows and columns."""
    small: dict[str, Array] = {}
    for name, array in arrays.items():
        small[name] = array[_left("row", name, len(array), missing)]
        if array.ndim > 1:
            small[name] = small[name][:, _left("column", name, array.shape[1], missing)]
    return small


def _left(kind: str, name: str, length: int, missing: set[Thing]) -> list[int]:
    return [place for place in range(length) if (kind, name, place) not in missing]


def compacted_network(network: Network, params: Params, units: Units) -> Network:
    """Return the network whose splits have the sizes of what is left."""
    missing = gone(network, params, units)
    return tuple(replace(node, sizes=_sizes(node, missing)) if isinstance(node, Split) else node for node in network)


def _sizes(node: Split, missing: set[Thing]) -> tuple[int, ...]:
    parts = zip(values_of(node), node.sizes, strict=True)
    return tuple(len(_left("channel", value, size, missing)) for value, size in parts)


def kept(network: Network, params: Params, units: Units) -> dict[str, list[int]]:
    """Return layer -> the original indices of the outputs that are left, of every layer that owns a weight."""
    missing = gone(network, params, units)
    arrays = {node.name: f"{node.name}.weight" for node in layers(network) if owner(node) == node.name}
    return {layer: _left("row", array, len(params[array]), missing) for layer, array in arrays.items()}


def cut(network: Network, params: Params, units: Units) -> dict[str, Array]:
    """Return parameters of full size in which nothing reads what goes."""
    full = {name: array.copy() for name, array in params.items()}
    for kind, name, place in gone(network, params, units):
        if kind == "column":
            full[name][:, place] = 0
    return full


def masked(network: Network, params: Params, units: Units) -> dict[str, Array]:
    """Return parameters of full size in which what goes has no weight, bias, gamma and beta."""
    full = {name: array.copy() for name, array in params.items()}
    for kind, name, place in gone(network, params, units):
        if kind == "row" and not name.endswith(("running_mean", "running_var")):
            full[name][place] = 0
    return full


# What nobody reads


def unread(network: Network, params: Params, masks: Masks) -> list[list[int]]:
    """Return for each group its units that only removed entries read, found step by step; the first unit stays.

    An entry is removed when it is masked, or stands in a row of an unread unit.
    """
    every = groups(network, params)
    left = {name: _entries(array, masks.get(name)) for name, array in params.items() if name.endswith("weight")}
    dropped: list[list[int]] = [[] for _ in every]
    while True:
        now = [_unread_of(units, left) for units in every]
        for unit in [units[place] for units, places in zip(every, now, strict=True) for place in places]:
            rows = {(name, row) for kind, name, row in unit if kind == "row"}
            left = {name: [index for index in own if (name, index[0]) not in rows] for name, own in left.items()}
        if now == dropped:
            return now
        dropped = now


def _entries(array: Array, mask: Array | None) -> list[tuple[int, int]]:
    """Return the row and column of every entry that is not masked."""
    shape = array.shape
    every = [(row, column) for row in range(shape[0]) for column in range(shape[1])]
    return every if mask is None else [(row, column) for row, column in every if mask[row, column].any()]


def _unread_of(units: list[Unit], left: Mapping[str, list[tuple[int, int]]]) -> list[int]:
    """Return which units no entry that is left reads; not the first, where none is read."""
    read = {name: {column for _, column in own} for name, own in left.items()}
    silent = [
        place
        for place, unit in enumerate(units)
        if not any(kind == "column" and column in read[name] for kind, name, column in unit)
    ]
    return silent[1:] if len(silent) == len(units) else silent


# Shapes


def _shapes(network: Network, params: Params) -> dict[str, Shape]:
    """Return the shape of every value."""
    shapes: dict[str, Shape] = {}
    for node in network:
        inputs = [shapes[name] for name in node.inputs]
        if isinstance(node, Split):
            shapes |= {value: (size, *inputs[0][1:]) for value, size in zip(values_of(node), node.sizes, strict=True)}
        else:
            shapes[node.name] = _shape(node, inputs, params)
    return shapes


def _shape(node: Node, inputs: list[Shape], params: Params) -> Shape:
    """Return the shape of what a node with one value computes."""
    if not inputs:
        return node.shape  # type: ignore[union-attr]  # only an Input reads nothing
    first = inputs[0]
    match node:
        case Dense():
            return params[f"{owner(node)}.weight"].shape[:1]
        case Conv2d() | DepthwiseConv2d():
            weight = params[f"{owner(node)}.weight"].shape
            return (weight[0], *_positions(first[1:], weight[2:], node.stride, node.padding))
        case MaxPool2d() | AvgPool2d():
            return (first[0], *_positions(first[1:], node.size, node.stride, node.padding))
        case GlobalAvgPool2d():
            return (first[0], 1, 1)
        case Flatten():
            return (prod(first),)
        case Concat():
            return (sum(shape[0] for shape in inputs), *first[1:])
        case Add():
            assert len(set(inputs)) == 1
    return first


def _positions(image: Shape, size: Shape, stride: Shape, padding: Sequence[int]) -> Shape:
    rows, columns = max(windows(image, size, stride, padding))
    return rows + 1, columns + 1
