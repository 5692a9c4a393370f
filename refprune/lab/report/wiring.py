"""Where every box of a network's drawing stands: rows by depth, lanes beside one another.

In: a network. Out: boxes for layers, sums, concatenations and splits, with the small nodes told in the box that they
follow or precede, and rows of places that no two boxes share.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Sigmoid,
    Split,
    values_of,
)

SMALL: Mapping[type[Node], str] = {
    BatchNorm: "norm",
    MaxPool2d: "max pool",
    AvgPool2d: "mean pool",
    GlobalAvgPool2d: "mean",
    Relu: "relu",
    Sigmoid: "sigmoid",
    Dropout: "dropout",
    Flatten: "flatten",
}
"""Nodes that get no box where another one's can tell of them -> what it says."""
PLAIN: Mapping[type[Node], str] = {
    Input: "input",
    Dense: "fully connected",  # a dense network is one before pruning
    Conv2d: "conv",
    DepthwiseConv2d: "depthwise",
    Add: "add",
    Concat: "concat",
    Split: "split",
}


@dataclass
class Box:
    """A node that is drawn, with the small ones it speaks for.

    Attributes:
        node: whose name and width it has.
        sources: names of the boxes it reads.
        steps: what it does, in order.
        depth: edges of the longest path from the input.
    """

    node: Node
    sources: tuple[str, ...]
    steps: list[str]
    depth: int = field(default=0)


def boxes(network: Network) -> dict[str, Box]:
    """Return the boxes by name, sources first.

    A small node goes to the box it follows, if nobody else reads what it reads; else to the box that it leads to, if
    that is one; else it is a box.
    """
    readers = {value: 0 for node in network for value in values_of(node)}
    for node in network:
        for value in node.inputs:
            readers[value] += 1
    made: dict[str, Box] = {}
    of_value: dict[str, str] = {}
    pending: dict[str, tuple[str, list[str]]] = {}
    for node in network:
        sources = tuple(dict.fromkeys(_source(value, of_value, pending) for value in node.inputs))
        steps = [step for value in node.inputs if value in pending for step in pending[value][1]]
        small = type(node) in SMALL
        if small and not steps and readers[node.inputs[0]] == 1:
            made[sources[0]].steps.append(SMALL[type(node)])
            of_value[node.name] = sources[0]
        elif small and readers[node.name] == 1:
            pending[node.name] = (sources[0], [*steps, SMALL[type(node)]])
        else:
            made[node.name] = Box(node, sources, [*steps, SMALL.get(type(node)) or PLAIN[type(node)]])
            made[node.name].depth = 1 + max((made[source].depth for source in sources), default=-1)
            of_value |= dict.fromkeys(values_of(node), node.name)
    return made


def _source(value: str, of_value: Mapping[str, str], pending: Mapping[str, tuple[str, list[str]]]) -> str:
    """Return the box that a value comes from."""
    return pending[value][0] if value in pending else of_value[value]


@dataclass
class Placed:
    """A box, or the place in a row where an edge passes by.

    Attributes:
        edge: source and target of the edge; a box has its own name as both.
        width: of the box; an edge has none.
        x: its middle; the middle of the drawing is 0.
    """

    edge: tuple[str, str]
    width: float = 0.0
    x: float = 0.0

    @property
    def is_box(self) -> bool:
        """Say whether it is a box."""
        return self.edge[0] == self.edge[1]


def place(made: Mapping[str, Box], widest: float, whole: float, gap: float) -> list[dict[tuple[str, str], Placed]]:
    """Return the rows from the top: every box, and every place where an edge passes a row.

    Args:
        made: what `boxes` returns.
        widest: a box where there is room.
        whole: the width of the drawing.
        gap: between two things in a row.
    """
    rows: list[dict[tuple[str, str], Placed]] = []
    crowd = max(Counter(box.depth for box in made.values()).values())
    crowded = min(widest, whole / crowd - gap)
    for depth in range(1 + max(box.depth for box in made.values())):
        names = [name for name, box in made.items() if box.depth == depth]
        row = [Placed((name, name), crowded if len(names) > 1 else widest) for name in names]
        passing = [
            Placed((source, name))
            for name, box in made.items()
            for source in box.sources
            if made[source].depth < depth < box.depth
        ]
        _spread(row, [_wanted(one, made, rows) for one in row], gap)
        _pass_by(passing, row, rows, gap)
        rows.append({one.edge: one for one in [*row, *passing]})
    return rows


def _wanted(one: Placed, made: Mapping[str, Box], rows: Sequence[Mapping[tuple[str, str], Placed]]) -> float:
    """Return where a box would best stand: below what it alone reads, or in the middle."""
    sources = made[one.edge[0]].sources
    return _above(one.edge, sources[0], rows) if len(sources) == 1 else 0.0


def _above(edge: tuple[str, str], source: str, rows: Sequence[Mapping[tuple[str, str], Placed]]) -> float:
    """Return where an edge leaves the row above."""
    row = rows[-1]
    return (row.get((source, edge[1])) or row[source, source]).x


def _spread(row: list[Placed], wanted: list[float], gap: float) -> None:
    """Set the boxes of a row side by side, in the order of what they want, around the mean of it."""
    order = sorted(range(len(row)), key=lambda number: (wanted[number], number))
    middle = sum(wanted) / len(wanted)
    for position, number in enumerate(order):
        row[number].x = middle + (position - (len(row) - 1) / 2) * (row[number].width + gap)


def _pass_by(
    passing: list[Placed],
    row: Sequence[Placed],
    rows: Sequence[Mapping[tuple[str, str], Placed]],
    gap: float,
) -> None:
    """Lead edges past the boxes of a row: straight on where there is room, else by the nearer side, the right first."""
    taken = [(one.x - one.width / 2, one.x + one.width / 2) for one in row]
    for one in passing:
        from_above = _above(one.edge, one.edge[0], rows)
        places = [from_above, *(side for left, right in taken for side in (right + gap, left - gap))]
        free = [x for x in places if all(x <= left - gap or x >= right + gap for left, right in taken)]
        one.x = min(free, key=lambda x: (round(abs(x - from_above), 6), -x))
        taken.append((one.x, one.x))
