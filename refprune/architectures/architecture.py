"""What an architecture is, and the pieces that the named ones are put together from.

In: nodes, each with the shape of its weight. Out: a network, and the shape of every parameter in its order.
Specification: docs/spec/architectures.md.
"""

from collections.abc import Iterable
from typing import NamedTuple

from refprune.errors import InvalidInput, check_integer
from refprune.network import BatchNorm, Conv2d, Dense, DepthwiseConv2d, Network, Node, Relu, Shape, build, parameters


class Architecture(NamedTuple):
    """A network and the shapes its parameters start with."""

    network: Network
    shapes: dict[str, Shape]


class Step(NamedTuple):
    """A node, and the shape of its weight; of a batch norm (channels,), of a node without parameters ()."""

    node: Node
    shape: Shape = ()


Steps = tuple[Step, ...]
"""Steps in the order of the network."""


def assemble(*steps: Step | Node) -> Architecture:
    """Return the network of these steps, and its parameters' shapes; the last step is dense, with a row a class."""
    whole = [step if isinstance(step, Step) else Step(step) for step in steps]
    check_integer("classes", whole[-1].shape[0], 1)  # ARC-04
    network = build(*(step.node for step in whole))
    return Architecture(network, _shapes((node, step.shape) for node, step in zip(network, whole, strict=True)))


def _shapes(nodes: Iterable[tuple[Node, Shape]]) -> dict[str, Shape]:
    """Return the shape of every array, node by node: weights as given, all others one entry for each output."""
    return {
        name: shape if name.endswith(".weight") else shape[:1] for node, shape in nodes for name in parameters(node)
    }  # ARC-11


def check_images(name: str, example: Shape, least: int) -> None:
    """Refuse examples that are not images of `least` rows and columns or more."""
    if len(example) != 3 or min(example[1:]) < least:
        raise InvalidInput(name, f"examples of shape {example}", f"(C, H, W) with H and W >= {least}")  # ARC-04


def dense(name: str, inputs: int, outputs: int) -> Step:
    """Return a dense layer with a bias."""
    return Step(Dense(name), (outputs, inputs))


def conv(
    name: str,
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    reads: tuple[str, ...] = (),
    *,
    bias: bool = False,
) -> Step:
    """Return a convolution with an odd square kernel, padded so that stride 1 keeps rows and columns."""
    side = kernel // 2
    node = Conv2d(name, (stride, stride), (side, side, side, side), bias=bias, inputs=reads)
    return Step(node, (outputs, inputs, kernel, kernel))


def norm_relu(name: str, channels: int, reads: tuple[str, ...] = ()) -> Steps:
    """Return batch norm `name_bn`, then ReLU `name_relu` [Ioffe2015]."""
    return Step(BatchNorm(f"{name}_bn", inputs=reads), (channels,)), Step(Relu(f"{name}_relu"))


def conv_norm_relu(
    name: str,
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    reads: tuple[str, ...] = (),
    *,
    bias: bool = False,
) -> Steps:
    """Return a convolution, batch norm, ReLU: the last value is `name_relu`."""
    return conv(name, inputs, outputs, kernel, stride, reads, bias=bias), *norm_relu(name, outputs)


def depthwise_norm_relu(name: str, channels: int, stride: int = 1, reads: tuple[str, ...] = ()) -> Steps:
    """Return a depthwise 3x3 convolution of one output a channel, batch norm, ReLU."""
    node = DepthwiseConv2d(name, (stride, stride), (1, 1, 1, 1), bias=False, inputs=reads)
    return Step(node, (channels, 1, 3, 3)), *norm_relu(name, channels)
