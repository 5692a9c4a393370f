"""How far two evaluations of a network may be apart when both round, derived from the network.

In: the network, its parameters and examples. Out: for every logit a bound. With the unit roundoff u and
gamma_k = k u / (1 - k u), and E the bound on the error of the inputs x of a node, computed with any order of its sums,
fused or not, the error of its outputs is at most

    |w| E + gamma_k (|w| (|x| + 2 E) + |b|)        k roundings from an input to an output, |x| + 2 E bounds what is read

A sum of k products has k roundings, and one more with a bias or a quotient. The same with |gamma| / root in place of
|w| and |beta| + |gamma| |mean| / root in place of |b| for a normalisation, and with the weights 1 and 1 / n for a sum
and a mean. ReLU and maxima bring no error, and move no two numbers further apart than they were. The derivative of the
sigmoid is at most 1/4. The examples are exact. Two evaluations are at most 2 E apart. Underflow is left out: no number
here is that small.
"""

from dataclasses import replace
from math import prod

import numpy as np

from refprune.arrays import Array
from refprune.backprop import forward
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    Input,
    Network,
    Node,
    Shape,
    Sigmoid,
    Split,
    build,
    owner,
    parameters,
    values_of,
)

NORMALISATION = 12
"""Roundings of a normalisation in any order of its steps, folded into the layer before it or not: eps, var + eps and
its root (2), a quotient, products with gamma, with the weight, the bias and the mean, and three sums."""
SIGMOID = 16
"""Units roundoff that the sigmoid of a library may be off by: an assumption, its exponential is a rational function."""
OFFSETS = (".bias", ".beta", ".running_mean")
"""Parameters that are added or subtracted."""


def rounding_bound(network: Network, params: dict[str, Array], x: Array) -> Array:
    """Return how far two evaluations in the dtype of x (N, ...) may be apart, for every logit (N, classes)."""
    roundoff = float(np.finfo(x.dtype).eps) / 2
    exact = {name: array.astype(np.float64) for name, array in params.items()}
    values = {network[0].name: x.astype(np.float64)}
    errors = {network[0].name: np.zeros(x.shape)}
    for node in network[1:]:
        read = [values[name] for name in node.inputs]
        wrong = [errors[name] for name in node.inputs]
        found = _errors(node, exact, read, wrong, roundoff)
        errors |= dict(zip(values_of(node), found, strict=True))
        values |= dict(zip(values_of(node), _outputs(node, exact, read), strict=True))
    return 2 * errors[network[-1].name]


def _errors(
    node: Node, params: dict[str, Array], read: list[Array], wrong: list[Array], roundoff: float
) -> list[Array]:
    """Return the bound on the error of every output of a node that reads these values with these errors."""
    if isinstance(node, Sigmoid):
        return [wrong[0] / 4 + SIGMOID * roundoff]
    k = _roundings(node, read[0].shape[1:], params)
    gamma = k * roundoff / (1 - k * roundoff)
    sizes = [np.abs(x) + 2 * error for x, error in zip(read, wrong, strict=True)]
    passed = _outputs(node, {name: _magnitude(name, array, offset=0) for name, array in params.items()}, wrong)
    made = _outputs(node, {name: _magnitude(name, array, offset=1) for name, array in params.items()}, sizes)
    return [old + gamma * new for old, new in zip(passed, made, strict=True)]


def _magnitude(name: str, array: Array, offset: int) -> Array:
    """Return |array|, times `offset` where it is added, and negative where it is subtracted."""
    sign = -1 if name.endswith(".running_mean") else 1
    return np.abs(array) * (sign * offset if name.endswith(OFFSETS) else 1)


def _outputs(node: Node, params: dict[str, Array], read: list[Array]) -> list[Array]:
    """Return what one node computes of these inputs (N, ...)."""
    match node:
        case Add():
            return [np.sum(read, axis=0)]
        case Concat():
            return [np.concatenate(read, axis=1)]
        case Split():
            return np.split(read[0], np.cumsum(node.sizes)[:-1], axis=1)
    alone = replace(node, inputs=("x",))
    if isinstance(alone, Dense | Conv2d):
        alone = replace(alone, shares="")
    own = dict(zip(parameters(alone), (params[name] for name in parameters(node)), strict=True))
    return [forward(build(Input("x", read[0].shape[1:]), alone), own, read[0])]


def _roundings(node: Node, shape: Shape, params: dict[str, Array]) -> int:
    """Return how many roundings are between an input and an output of a node."""
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            return prod(params[f"{owner(node)}.weight"].shape[1:]) + 1
        case BatchNorm():
            return NORMALISATION
        case AvgPool2d():
            return prod(node.size) + 1
        case GlobalAvgPool2d():
            return prod(shape[1:]) + 1
        case Add():
            return len(node.inputs) - 1
    return 0
