"""The network as data: a tuple of frozen records in topological order, written to JSON and read back.

Each record has a name and the names of its inputs. No record stores a width: widths follow from the
parameters, so that removal changes arrays and nothing else.
Specification: docs/spec/network.md.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from math import inf
from typing import Any

from refprune.errors import InvalidInput
from refprune.ops import Padding, Pair

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """Where the data enters: the shape of one example, (C, H, W) or (features,)."""

    name: str
    shape: Shape
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dense:
    """`ops.dense` with parameters `name.weight` (out, in) and, with a bias, `name.bias` (out,).

    A layer that `shares` uses the parameters of the layer of that name, and owns none.
    """

    name: str
    bias: bool = True
    shares: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conv2d:
    """`ops.conv2d` with parameters `name.weight` (out, in / groups, kh, kw) and, with a bias, `name.bias` (out,)."""

    name: str
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    groups: int = 1
    bias: bool = True
    shares: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class DepthwiseConv2d:
    """`ops.conv2d` with as many groups as channels, however many there are: `name.weight` (m * C, 1, kh, kw).

    Output r reads channel r // m.
    """

    name: str
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    bias: bool = True
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchNorm:
    """`ops.batch_norm` with `name.gamma`, `name.beta`, `name.running_mean`, `name.running_var`, each (channels,)."""

    name: str
    eps: float = 1e-5
    momentum: float = 0.1
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaxPool2d:
    """`ops.max_pool2d`."""

    name: str
    size: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Padding = (0, 0, 0, 0)
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class AvgPool2d:
    """`ops.avg_pool2d`."""

    name: str
    size: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Padding = (0, 0, 0, 0)
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class GlobalAvgPool2d:
    """`ops.global_avg_pool2d`: one pixel a channel, (C, 1, 1)."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relu:
    """`ops.relu`."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sigmoid:
    """`ops.sigmoid`."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dropout:
    """`ops.dropout` in training, with a mask that is data; nothing in evaluation."""

    name: str
    rate: float = 0.5
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flatten:
    """`ops.flatten`."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Add:
    """`ops.add` of two values or more of one shape; the same one twice is allowed."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Concat:
    """`ops.concat` of two values or more along the channels; the same one twice is allowed."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """`ops.split` into parts of `sizes` channels: the one node with several values, `name[0]`, `name[1]`, ...

    The sizes are the one width that no array tells; removal changes them (`surgery.compact_network`).
    """

    name: str
    sizes: tuple[int, ...]
    inputs: tuple[str, ...] = ()


Node = (
    Input | Dense | Conv2d | DepthwiseConv2d | BatchNorm | MaxPool2d | AvgPool2d | GlobalAvgPool2d
    | Relu | Sigmoid | Dropout | Flatten | Add | Concat | Split
)  # fmt: skip
"""A named step; `inputs` names the values it reads (the one before, when not said)."""
Network = tuple[Node, ...]
"""Nodes in topological order, the `Input` first, the logits last, every input named."""

OPS: Mapping[str, type[Node]] = {
    "input": Input,
    "dense": Dense,
    "conv2d": Conv2d,
    "depthwise_conv2d": DepthwiseConv2d,
    "batch_norm": BatchNorm,
    "max_pool2d": MaxPool2d,
    "avg_pool2d": AvgPool2d,
    "global_avg_pool2d": GlobalAvgPool2d,
    "relu": Relu,
    "sigmoid": Sigmoid,
    "dropout": Dropout,
    "flatten": Flatten,
    "add": Add,
    "concat": Concat,
    "split": Split,
}
"""The JSON name of every record."""
INTEGER_FIELDS: Mapping[str, tuple[int | None, int]] = {
    "shape": (None, 1),
    "sizes": (None, 1),
    "size": (2, 1),
    "stride": (2, 1),
    "padding": (4, 0),
}
"""Field of a record -> how many integers it has (None: one or more), and the least of each."""
NUMBER_FIELDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "groups": ("an integer >= 1", lambda value: type(value) is int and value >= 1),
    "bias": ("true or false", lambda value: type(value) is bool),
    "shares": ("the name of a layer, or none", lambda value: type(value) is str),
    "eps": ("a float above 0", lambda value: type(value) is float and 0 < value < inf),
    "momentum": ("a float in [0, 1]", lambda value: type(value) is float and 0 <= value <= 1),
    "rate": ("a float in [0, 1)", lambda value: type(value) is float and 0 <= value < 1),
}
"""Field of a record -> what it has to be."""


def values_of(node: Node) -> tuple[str, ...]:
    """Return the names of what a node computes: its own, or that of each part of a split."""
    return tuple(f"{node.name}[{part}]" for part in range(len(node.sizes))) if isinstance(node, Split) else (node.name,)


def owner(node: Node) -> str:
    """Return the name of the layer whose parameters a layer uses: its own, unless it shares another's."""
    return getattr(node, "shares", "") or node.name


def layers(network: Network) -> list[Node]:
    """Return the dense and convolution nodes, in order."""
    return [node for node in network if isinstance(node, Dense | Conv2d | DepthwiseConv2d)]


def parameters(node: Node) -> tuple[str, ...]:
    """Return the names of the arrays a node uses."""
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            parts: tuple[str, ...] = ("weight", "bias") if node.bias else ("weight",)
        case BatchNorm():
            parts = ("gamma", "beta", "running_mean", "running_var")
        case _:
            parts = ()
    return tuple(f"{owner(node)}.{part}" for part in parts)


def build(*nodes: Node) -> Network:
    """Return the network of these nodes, in this order, with every omitted input filled in.

    Raises:
        InvalidInput: no Input first, a name twice, an input that does not come before its reader, or a
            field that is not what its record says.
    """
    if not nodes or not isinstance(nodes[0], Input):
        raise InvalidInput("network", f"{nodes[:1]} as the first node", "an Input")
    network: list[Node] = []
    for node in nodes:
        if not isinstance(node, Node):
            raise InvalidInput("network", f"the node {node!r}", "one of the records of this module")
        network.append(_checked_node(_with_inputs(node, network), network))
    if isinstance(network[-1], Split):
        raise InvalidInput(f"node {network[-1].name!r}", "a split as the last node", "a node with one value")
    return tuple(network)


def _with_inputs(node: Node, before: list[Node]) -> Node:
    """Return the node reading the one before it, if it does not say what it reads."""
    silent = bool(before) and isinstance(node.inputs, tuple) and not node.inputs
    return replace(node, inputs=(before[-1].name,)) if silent else node  # NET-01


def _checked_node(node: Node, before: list[Node]) -> Node:
    _check_fields(node)  # NET-05
    values = [value for earlier in before for value in values_of(earlier)]
    taken = {*values, *(earlier.name for earlier in before)}
    if taken & {node.name, *values_of(node)}:
        raise InvalidInput("network", f"a second node named {node.name!r}", "one name for each node")
    if isinstance(node, Input) == bool(before):
        raise InvalidInput(f"node {node.name!r}", "an Input", "an Input as the first node and nowhere else")
    for name in node.inputs:
        if name not in values:
            raise InvalidInput(f"node {node.name!r}", f"input {name!r}", f"one of the values before it, {values}")
    least, most = (2, inf) if isinstance(node, Add | Concat) else (1, 1)
    if before and not least <= len(node.inputs) <= most:
        expected = "one input" if most == 1 else "two inputs or more"
        raise InvalidInput(f"node {node.name!r}", f"inputs {node.inputs}", expected)
    _check_shared(node, before)
    return node


def _check_shared(node: Node, before: list[Node]) -> None:
    """Refuse parameters of a layer that is not before this one, is of another kind, or owns none itself."""
    if not getattr(node, "shares", ""):
        return
    source = next((earlier for earlier in before if earlier.name == owner(node)), None)
    if type(source) is not type(node) or owner(source) != source.name or parameters(source) != parameters(node):
        expected = f"a {type(node).__name__} before it with parameters of its own and bias {getattr(node, 'bias', '')}"
        raise InvalidInput(f"node {node.name!r}", f"shares {owner(node)!r}", expected)  # NET-07


def _check_fields(node: Node) -> None:
    """Refuse names that are no text, and numbers that are no Python numbers in range."""
    texts = (node.name, *node.inputs) if isinstance(node.inputs, tuple) else (None,)
    if not all(isinstance(text, str) and text for text in texts):
        raise InvalidInput(f"node {node.name!r}", f"inputs {node.inputs!r}", "a name and a tuple of names, as text")
    for field, (length, least) in INTEGER_FIELDS.items():
        if hasattr(node, field) and not _are_integers(getattr(node, field), length, least):
            got = f"{field} {getattr(node, field)!r}"
            raise InvalidInput(f"node {node.name!r}", got, f"a tuple of {length or 'some'} integers >= {least}")
    for field, (expected, fits) in NUMBER_FIELDS.items():
        if hasattr(node, field) and not fits(getattr(node, field)):
            raise InvalidInput(f"node {node.name!r}", f"{field} {getattr(node, field)!r}", expected)


def _are_integers(value: object, length: int | None, least: int) -> bool:
    """Say whether this is a tuple of `length` Python integers (None: one or more), none below `least`."""
    if not isinstance(value, tuple) or len(value) != (length or max(len(value), 1)):
        return False
    return all(type(number) is int and number >= least for number in value)


def to_json(network: Network) -> str:
    """Write the network as JSON text, one node a line, inputs always named."""
    names = {kind: op for op, kind in OPS.items()}
    lines = [json.dumps({"op": names[type(node)], **asdict(node)}) for node in network]  # NET-02
    return '{"format": "refprune-network", "version": 0, "nodes": [\n' + ",\n".join(lines) + "\n]}\n"


def from_json(text: str) -> Network:
    """Read what `to_json` wrote.

    Raises:
        InvalidInput: not JSON, another format or version, an unknown op or field, a graph `build` refuses.
    """
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:  # no text at all, or text that is not JSON
        raise InvalidInput("network", f"text that is not JSON ({error})", "what to_json writes") from error
    head = {key: document.get(key) for key in ("format", "version")} if isinstance(document, dict) else document
    known = head == {"format": "refprune-network", "version": 0} and type(head["version"]) is int  # False == 0.0 == 0
    if not known or not isinstance(document.get("nodes"), list):
        raise InvalidInput("network", head, "format refprune-network, version 0, with a list of nodes")
    return build(*(_node_from_json(entry) for entry in document["nodes"]))  # NET-02


def _node_from_json(entry: Any) -> Node:
    op = entry.get("op") if isinstance(entry, dict) else None
    kind = OPS.get(op) if isinstance(op, str) else None
    if kind is None:
        raise InvalidInput("network", f"node {entry}", f"an op among {sorted(OPS)}")
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not needed <= set(entry) - {"op"} <= known:  # NET-06
        got, expected = f"fields {sorted(entry)}", f"op, {sorted(needed)} and maybe {sorted(known - needed)}"
        raise InvalidInput(f"node {entry.get('name')!r}", got, expected)
    return kind(**{key: _tuples(value) for key, value in entry.items() if key != "op"})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
