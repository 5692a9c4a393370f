"""Shapes: what every node of a network computes for one example, from the input's shape and the parameters.

In: the network and its parameters. Out: a shape for each value. What does not fit is refused, naming the node.
Specification: docs/spec/network.md.
"""

from math import prod

from refprune import ops
from refprune.arrays import Params
from refprune.errors import InvalidInput
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
    Input,
    MaxPool2d,
    Network,
    Node,
    Shape,
    Split,
    owner,
    parameters,
    values_of,
)
from refprune.ops import Padding, Pair


def infer_shapes(network: Network, params: Params) -> dict[str, Shape]:
    """Return the shape of one example of every value, and refuse what does not fit, naming the node.

    Raises:
        InvalidInput: a parameter missing, unknown, or of a shape the node cannot use; no output left.
    """
    expected = {name for node in network for name in parameters(node)}
    if set(params) != expected:  # NET-04
        got = f"missing {sorted(expected - set(params))}, unknown {sorted(set(params) - expected)}"
        raise InvalidInput("parameters", got, f"exactly {sorted(expected)}")
    shapes: dict[str, Shape] = {}
    for node in network:
        found = _node_shapes(node, [shapes[name] for name in node.inputs], params)
        shapes.update(zip(values_of(node), found, strict=True))  # NET-03
    return shapes


def _node_shapes(node: Node, inputs: list[Shape], params: Params) -> tuple[Shape, ...]:
    """Return the shape of each value of a node."""
    match node:
        case Input():
            return (node.shape,)
        case Dense() | Conv2d() | DepthwiseConv2d() | BatchNorm():
            return (_layer_shape(node, inputs[0], params),)
        case MaxPool2d() | AvgPool2d() | GlobalAvgPool2d():
            return (_pool_shape(node, inputs[0]),)
        case Add() | Concat():
            return (_joined_shape(node, inputs),)
        case Split():
            return _split_shapes(node, inputs[0])
        case Flatten():
            return ((prod(inputs[0]),),)
    return (inputs[0],)


def _layer_shape(node: Dense | Conv2d | DepthwiseConv2d | BatchNorm, shape: Shape, params: Params) -> Shape:
    match node:
        case Dense():
            return _dense_shape(node, shape, params)
        case Conv2d():
            return _conv_shape(node, shape, params, node.groups)
        case DepthwiseConv2d():
            return _conv_shape(node, shape, params, groups=shape[0])
    _check_vectors(parameters(node), shape[0], params)
    return shape


def _pool_shape(node: MaxPool2d | AvgPool2d | GlobalAvgPool2d, shape: Shape) -> Shape:
    _require(node, shape, 3)
    if isinstance(node, GlobalAvgPool2d):
        return (shape[0], 1, 1)
    return (shape[0], *_window_shape(node, shape, node.size, node.stride, node.padding))


def _dense_shape(node: Dense, shape: Shape, params: Params) -> Shape:
    _require(node, shape, 1)
    weight = params[f"{owner(node)}.weight"].shape
    if len(weight) != 2 or weight[1] != shape[0]:
        raise InvalidInput(f"{owner(node)}.weight", f"shape {weight}", f"(out, {shape[0]}), its input being {shape}")
    return _checked_outputs(node, weight, params)


def _conv_shape(node: Conv2d | DepthwiseConv2d, shape: Shape, params: Params, groups: int) -> Shape:
    _require(node, shape, 3)
    weight = params[f"{owner(node)}.weight"].shape
    if shape[0] % groups:
        raise InvalidInput(f"node {node.name!r}", f"{shape[0]} channels", f"channels that {groups} groups divide")
    if len(weight) != 4 or weight[1] != shape[0] // groups or weight[0] % groups:
        outputs = "out" if groups == 1 else f"{groups} * n"
        expected = f"({outputs}, {shape[0] // groups}, kh, kw), its input {shape}"
        raise InvalidInput(f"{owner(node)}.weight", f"shape {weight}", expected)
    window = _window_shape(node, shape, weight[2:], node.stride, node.padding)
    return (*_checked_outputs(node, weight, params), *window)


def _checked_outputs(node: Dense | Conv2d | DepthwiseConv2d, weight: Shape, params: Params) -> Shape:
    """Return (out,): at least one, and as many biases where there are any."""
    if not weight[0]:
        raise InvalidInput(f"{owner(node)}.weight", f"shape {weight}", "at least one output")
    _check_vectors(parameters(node)[1:], weight[0], params)
    return weight[:1]


def _check_vectors(names: tuple[str, ...], length: int, params: Params) -> None:
    for name in names:
        if params[name].shape != (length,):
            raise InvalidInput(name, f"shape {params[name].shape}", f"({length},)")


def _joined_shape(node: Add | Concat, inputs: list[Shape]) -> Shape:
    """Return the shape of a sum, whose inputs are alike, or of a concatenation, where channels may differ."""
    if isinstance(node, Add):
        if len(set(inputs)) != 1:
            raise InvalidInput(f"node {node.name!r}", f"inputs of shapes {inputs}", "inputs of one shape")
        return inputs[0]
    if len({shape[1:] for shape in inputs}) != 1:
        raise InvalidInput(f"node {node.name!r}", f"inputs of shapes {inputs}", "shapes that differ in channels only")
    return (sum(shape[0] for shape in inputs), *inputs[0][1:])


def _split_shapes(node: Split, shape: Shape) -> tuple[Shape, ...]:
    if sum(node.sizes) != shape[0]:
        raise InvalidInput(f"node {node.name!r}", f"sizes {node.sizes}", f"sizes of the sum {shape[0]}, its channels")
    return tuple((size, *shape[1:]) for size in node.sizes)


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
