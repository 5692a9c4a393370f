"""Coupling: from the network to its groups, which slices of which arrays are one unit.

In: the network and its parameters. Out: groups, plain data (see granularity).
Specification: docs/spec/coupling.md.
"""

from itertools import pairwise

from refprune.arrays import Params
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice
from refprune.network import Conv2d, Dense, Flatten, Network, Shape, infer_shapes


def find_groups(network: Network, params: Params) -> tuple[Group, ...]:
    """Return one group for each layer whose output is read by another layer, in the network's order.

    A unit is one output of a dense layer or one channel of a convolution: its weights and bias, and the
    slices that read it behind activations, pooling and flatten. The last layer makes the network's output
    and forms no group.

    Raises:
        InvalidInput: a network that is not a chain.
    """
    check_chain(network)
    shapes = infer_shapes(network, params)
    groups: list[Group] = []
    maker, span = "", 1
    for node in network:
        match node:
            case Dense(name=name) | Conv2d(name=name):
                if maker:
                    groups.append(_group(maker, name, span, params))
                maker, span = name, 1
            case Flatten():
                span *= _pixels(shapes[node.inputs[0]])  # CPL-02, a second flatten has one entry a row
    return tuple(groups)  # CPL-03, SUR-11: nobody reads the last maker


def _group(maker: str, reader: str, span: int, params: Params) -> Group:
    weight, bias = f"{maker}.weight", f"{maker}.bias"
    size = params[weight].shape[0]
    producers, consumers = (Slice(weight, 0), Slice(bias, 0)), (Slice(f"{reader}.weight", 1, span),)
    return Group(maker, size, producers, consumers)  # CPL-01


def _pixels(shape: Shape) -> int:
    """Return H * W of (C, H, W): flatten gives channel c the rows [c * H * W, (c + 1) * H * W)."""
    return shape[1] * shape[2] if len(shape) == 3 else 1


def check_chain(network: Network) -> None:
    """Refuse a network in which a node reads anything but the one before it."""
    for before, node in pairwise(network):
        if node.inputs != (before.name,):  # CPL-04
            raise InvalidInput(f"node {node.name!r}", f"inputs {node.inputs}", f"the one before, {before.name!r}")
