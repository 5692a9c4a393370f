"""When a run of a network, or a step of its training, makes no rounding at all.

A value whose numbers are integers times 2^-p, and whose sums of magnitudes are at most b, needs b 2^p < 2^53 (2^24 in
float32). Both are bounded here, node by node; averages are over a power of two of entries, and the roots of a
normalisation are powers of two.
"""

from math import ceil, log2, prod
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Params
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    GlobalAvgPool2d,
    MaxPool2d,
    Network,
    Node,
    owner,
    parameters,
    values_of,
)
from refprune.shapes import infer_shapes
from refprune.training import State
from spec_tests.strategies.networks import Drawn

POWERS = (1, 2, 4, 8, 16, 32)
"""Pixels of an image that is averaged as a whole."""


class _Size(NamedTuple):
    """How large the numbers of a value can get, and the smallest power of two they are multiples of: 2^-places."""

    bound: float
    places: float


def peak(network: Network, params: Params, x: Array) -> float:
    """Return a bound on all partial sums of a run on x, in units of the last place of the same value.

    A value whose numbers are integers times 2^-p, and whose sums of magnitudes are at most b, gives b 2^p.
    """
    return max(map(_units, _sizes(network, params, x).values()))


def _units(size: _Size) -> float:
    """Return the bound in units of the last place."""
    return size.bound * float(2.0**size.places)


def _both(one: _Size, other: _Size) -> _Size:
    """Return the size of a sum."""
    return _Size(one.bound + other.bound, max(one.places, other.places))


def _sizes(network: Network, params: Params, x: Array) -> dict[str, _Size]:
    """Return the size of every value, that of its partial sums included."""
    sizes = {network[0].name: _Size(float(np.abs(x).max()), 0)}
    for node in network[1:]:
        sizes |= dict.fromkeys(values_of(node), _size(node, [sizes[name] for name in node.inputs], params))
    return sizes


def _size(node: Node, inputs: list[_Size], params: Params) -> _Size:
    """Return the size of what a node computes, its partial sums included."""
    bound, places = max(size.bound for size in inputs), max(size.places for size in inputs)
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            weight, finest = np.abs(params[f"{owner(node)}.weight"]), _places(params[f"{owner(node)}.weight"])
            bias = [np.abs(params[name]) for name in parameters(node)[1:]]
            places = max([places + finest, *map(_places, bias)])
            most = max((own.max() for own in bias), default=0.0)
            return _Size(float(bound * weight.reshape(len(weight), -1).sum(axis=1).max() + most), places)
        case BatchNorm(eps=eps):
            gamma, beta, mean, var = (np.abs(params[name]).max() for name in parameters(node))
            return _Size(float((bound + mean) * max(gamma, 1) + beta), places + float(np.log2(var + eps)) / 2)
        case AvgPool2d(size=window):
            return _Size(bound * prod(window), places + log2(prod(window)))
        case GlobalAvgPool2d():
            return _Size(bound * POWERS[-1], places + log2(POWERS[-1]))
        case Add():
            return _Size(sum(size.bound for size in inputs), places)
        case Dropout():
            return _Size(2 * bound, places)  # in training with rate 1/2
    return _Size(bound, places)


def _places(array: Array) -> float:
    """Return the least p for which all entries are integers times 2^-p."""
    return next((float(p) for p in range(60) if np.array_equal(array * 2.0**p, np.floor(array * 2.0**p))), np.inf)


# Training without rounding


def anchored(drawn: Drawn) -> Drawn:
    """Return the network with two examples, of class 1, and logit 0 so far above the others that it takes all.

    The softmax is then exactly (1, 0, ...): the gradient of the logits is (1, -1, 0, ...) / 2, whatever they are.
    """
    params = {**drawn.params, "out.bias": np.zeros_like(drawn.params["out.bias"])}
    logits = _sizes(drawn.network, params, drawn.x)[drawn.network[-1].name].bound
    params["out.bias"][0] = 2.0 ** ceil(log2(8 * logits + 8000))
    return Drawn(drawn.network, params, drawn.x[:2], np.ones(2, np.int64))


def training_peak(network: Network, params: Params, x: Array) -> float:
    """Return a bound on all partial sums of a step of an anchored network, in units of the last place.

    Infinite where the anchor does not hold any more, or where there is a normalisation: its batch's root is no dyadic.
    """
    sizes = _sizes(network, params, x)
    free = {**params, "out.bias": params["out.bias"] * (np.arange(len(params["out.bias"])) > 0)}
    if params["out.bias"][0] < 2 * _sizes(network, free, x)[network[-1].name].bound + 1000:
        return float("inf")
    back = _sizes_back(network, params, len(x))
    grads = _gradient_sizes(network, params, len(x), sizes, back)
    return max(map(_units, [*sizes.values(), *back.values(), *grads.values()]))


def _sizes_back(network: Network, params: Params, count: int) -> dict[str, _Size]:
    """Return the size of the gradient of every value that is read, for this many examples."""
    back = {network[-1].name: _Size(1.0, log2(count))}
    for node in reversed(network[1:]):
        own = [back[name] for name in values_of(node) if name in back]
        if own:
            dy = _Size(max(size.bound for size in own), max(size.places for size in own))
            dx = _size_back(node, dy, params)
            for name in node.inputs:
                back[name] = _both(back[name], dx) if name in back else dx
    return back


def _gradient_sizes(
    network: Network, params: Params, count: int, sizes: dict[str, _Size], back: dict[str, _Size]
) -> dict[str, _Size]:
    """Return the size of the gradients of every layer that owns parameters."""
    shapes, grads = infer_shapes(network, params), dict[str, _Size]()
    for node in (node for node in network if parameters(node) and node.name in back):
        read, dy = sizes[node.inputs[0]], back[node.name]
        entries = count * prod(shapes[node.name][1:])
        own = _Size(dy.bound * entries * max(read.bound, 1.0), dy.places + read.places)
        grads[owner(node)] = _both(grads[owner(node)], own) if owner(node) in grads else own
    return grads


def moves_exactly(state: State, grads: Params) -> bool:
    """Say whether an update of SGD at rate 1/4 with momentum 0 or 1/2, Nesterov's too, makes no rounding."""
    for name, g in grads.items():
        w, v = state.params[name], state.slots[name][0]
        finest = max(_places(w), _places(v) + 4, _places(g) + 4)  # halved twice and quartered
        if float(np.abs(w).max() + np.abs(v).max() + 2 * np.abs(g).max()) * 2.0**finest >= 2.0**53:
            return False
    return True


def _size_back(node: Node, dy: _Size, params: Params) -> _Size:
    """Return the size of what a node adds to the gradient of one of its inputs."""
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            weight = params[f"{owner(node)}.weight"]
            return _Size(dy.bound * float(np.abs(weight).sum()), dy.places + _places(weight))
        case BatchNorm():
            return _Size(np.inf, 0)
        case MaxPool2d(size=window):
            return _Size(dy.bound * prod(window), dy.places)
        case AvgPool2d(size=window):
            return _Size(dy.bound * prod(window), dy.places + log2(prod(window)))
        case GlobalAvgPool2d():
            return _Size(dy.bound, dy.places + log2(POWERS[-1]))
        case Dropout():
            return _Size(dy.bound * 2, dy.places)
    return dy
