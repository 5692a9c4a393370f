"""The network as data: a tuple of frozen records in topological order, written to JSON and read back.

Each record has a name and the names of its inputs. No record stores a width: widths follow from the
parameters, so that removal changes arrays and nothing else.
Specification: docs/spec/network.md.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from math import prod
from typing import Any

from refprune import ops
from refprune.arrays import Params
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
    """`ops.dense` with parameters `name.weight` (out, in) and `name.bias` (out,)."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conv2d:
    """`ops.conv2d` with parameters `name.weight` (out, in, kh, kw) and `name.bias` (out,)."""

    name: str
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
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
class Relu:
    """`ops.relu`."""

    name: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flatten:
    """`ops.flatten`."""

    name: str
    inputs: tuple[str, ...] = ()


Node = Input | Dense | Conv2d | MaxPool2d | AvgPool2d | Relu | Flatten
"""A named step; `inputs` names the nodes it reads (the one before, when not said)."""
Network = tuple[Node, ...]
"""Nodes in topological order, the `Input` first, the logits last, every input named."""

OPS: Mapping[str, type[Node]] = {
    "input": Input,
    "dense": Dense,
    "conv2d": Conv2d,
    "max_pool2d": MaxPool2d,
    "avg_pool2d": AvgPool2d,
    "relu": Relu,
    "flatten": Flatten,
}
"""The JSON name of every record."""
INTEGER_FIELDS: Mapping[str, tuple[int | None, int]] = {
    "shape": (None, 1),
    "size": (2, 1),
    "stride": (2, 1),
    "padding": (4, 0),
}
"""Field of a record -> how many integers it has (None: one or more), and the least of each."""


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
        before = tuple(earlier.name for earlier in network)
        network.append(_checked_node(_with_inputs(node, before), before))
    return tuple(network)


def _with_inputs(node: Node, before: tuple[str, ...]) -> Node:
    """Return the node reading the one before it, if it does not say what it reads."""
    return replace(node, inputs=before[-1:]) if before and node.inputs == () else node  # NET-01


def _checked_node(node: Node, before: tuple[str, ...]) -> Node:
    _check_fields(node)  # NET-05
    if node.name in before:
        raise InvalidInput("network", f"a second node named {node.name!r}", "one name for each node")
    if isinstance(node, Input) == bool(before):
        raise InvalidInput(f"node {node.name!r}", "an Input", "an Input as the first node and nowhere else")
    for name in node.inputs:
        if name not in before:
            raise InvalidInput(f"node {node.name!r}", f"input {name!r}", f"one of the nodes before it, {before}")
    if before and len(node.inputs) != 1:
        raise InvalidInput(f"node {node.name!r}", f"inputs {node.inputs}", "one input")
    return node


def _check_fields(node: Node) -> None:
    """Refuse names that are no text and numbers that are no tuples of Python integers in range."""
    texts = (node.name, *node.inputs) if isinstance(node.inputs, tuple) else (None,)
    if not all(isinstance(text, str) and text for text in texts):
        raise InvalidInput(f"node {node.name!r}", f"inputs {node.inputs!r}", "a name and a tuple of names, as text")
    for field, (length, least) in INTEGER_FIELDS.items():
        if hasattr(node, field) and not _are_integers(getattr(node, field), length, least):
            got = f"{field} {getattr(node, field)!r}"
            raise InvalidInput(f"node {node.name!r}", got, f"a tuple of {length or 'some'} integers >= {least}")


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
    known = head == {"format": "refprune-network", "version": 0} and head["version"] is not False  # False == 0
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


def infer_shapes(network: Network, params: Params) -> dict[str, Shape]:
    """Return the shape of one example at every node, and refuse what does not fit, naming the node.

    Raises:
        InvalidInput: a parameter missing, unknown, or of a shape the node cannot use; no output left.
    """
    expected = {f"{node.name}.{part}" for node in layers(network) for part in ("weight", "bias")}
    if set(params) != expected:  # NET-04
        got = f"missing {sorted(expected - set(params))}, unknown {sorted(set(params) - expected)}"
        raise InvalidInput("parameters", got, f"exactly {sorted(expected)}")
    shapes: dict[str, Shape] = {}
    for node in network:
        shapes[node.name] = _node_shape(node, [shapes[name] for name in node.inputs], params)  # NET-03
    return shapes


def layers(network: Network) -> list[Node]:
    """Return the nodes that own parameters, in order."""
    return [node for node in network if isinstance(node, Dense | Conv2d)]


def _node_shape(node: Node, inputs: list[Shape], params: Params) -> Shape:
    match node:
        case Input():
            return node.shape
        case Dense():
            return _dense_shape(node, inputs[0], params)
        case Conv2d():
            return _conv_shape(node, inputs[0], params)
        case MaxPool2d() | AvgPool2d():
            _require(node, inputs[0], 3)
            return (inputs[0][0], *_window_shape(node, inputs[0], node.size, node.stride, node.padding))
        case Flatten():
            return (prod(inputs[0]),)
        case Relu():
            return inputs[0]
    raise InvalidInput(f"node {node.name!r}", type(node).__name__, f"one of {sorted(OPS)}")


def _dense_shape(node: Dense, shape: Shape, params: Params) -> Shape:
    _require(node, shape, 1)
    weight, bias = params[f"{node.name}.weight"].shape, params[f"{node.name}.bias"].shape
    if len(weight) != 2 or weight[1] != shape[0]:
        raise InvalidInput(f"{node.name}.weight", f"shape {weight}", f"(out, {shape[0]}), its input being {shape}")
    return _checked_bias(node, bias, weight)


def _conv_shape(node: Conv2d, shape: Shape, params: Params) -> Shape:
    _require(node, shape, 3)
    weight, bias = params[f"{node.name}.weight"].shape, params[f"{node.name}.bias"].shape
    if len(weight) != 4 or weight[1] != shape[0]:
        raise InvalidInput(f"{node.name}.weight", f"shape {weight}", f"(out, {shape[0]}, kh, kw), its input {shape}")
    window = _window_shape(node, shape, weight[2:], node.stride, node.padding)
    return (*_checked_bias(node, bias, weight), *window)


def _checked_bias(node: Node, bias: Shape, weight: Shape) -> Shape:
    if bias != weight[:1] or not weight[0]:
        raise InvalidInput(f"{node.name}.bias", f"shape {bias}", f"({max(weight[0], 1)},)")
    return bias


def _require(node: Node, shape: Shape, rank: int) -> None:
    if len(shape) != rank:
        kind = "(features,)" if rank == 1 else "(C, H, W)"
        raise InvalidInput(f"node {node.name!r}", f"an input of shape {shape}", f"an input of shape {kind}")


def _window_shape(node: Node, shape: Shape, size: Shape, stride: Pair, padding: Padding) -> Pair:
    """Return the output's rows and columns; every window must hold at least one entry that is not padding."""
    if min(size) < 1:
        raise InvalidInput(f"node {node.name!r}", f"a window of {size}", "at least one row and one column")
    if any(side >= window for side, window in zip(padding, (*size, *size), strict=True)):
        raise InvalidInput(f"node {node.name!r}", f"padding {padding}", f"less than the window {size} on every side")
    top, left, bottom, right = padding
    padded = (shape[1] + top + bottom, shape[2] + left + right)
    if padded[0] < size[0] or padded[1] < size[1]:
        raise InvalidInput(f"node {node.name!r}", f"an input of {padded} with padding", f"at least {size}")
    return ops.output_size(padded, (size[0], size[1]), stride)
