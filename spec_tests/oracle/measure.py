"""The definition of every count: one more for each thing that is there, in plain Python loops."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from refprune.arrays import Masks, Params
from refprune.network import (
    Add,
    AvgPool2d,
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
    Split,
)
from spec_tests.oracle.layers import windows

Shape = tuple[int, ...]


def positions(network: Network, params: Params) -> dict[str, int]:
    """Return weight -> at how many positions it is applied, by walking through the network window by window."""
    shapes: dict[str, Shape] = {}
    found: dict[str, int] = {}
    for node in network:
        own = _shapes(node, [shapes[name] for name in node.inputs], params)
        if isinstance(node, Split):
            shapes |= {f"{node.name}[{part}]": shape for part, shape in enumerate(own)}
        else:
            shapes[node.name] = own[0]
        if isinstance(node, Dense | Conv2d | DepthwiseConv2d):
            weight = _weight(node)
            found[weight] = found.get(weight, 0) + sum(1 for _ in product(*map(range, own[0][1:])))
    return found


def _weight(node: Node) -> str:
    """Return the name of the weight a layer uses."""
    return f"{getattr(node, 'shares', '') or node.name}.weight"


def _shapes(node: Node, inputs: list[Shape], params: Params) -> list[Shape]:
    """Return the shape of every value of a node."""
    shape = inputs[0] if inputs else ()
    match node:
        case Input():
            return [node.shape]
        case Dense():
            return [params[_weight(node)].shape[:1]]
        case Conv2d() | DepthwiseConv2d():
            weight = params[_weight(node)].shape
            return [(weight[0], *_sides(windows(shape[1:], weight[2:], node.stride, node.padding)))]
        case MaxPool2d() | AvgPool2d():
            return [(shape[0], *_sides(windows(shape[1:], node.size, node.stride, node.padding)))]
        case GlobalAvgPool2d():
            return [(shape[0], 1, 1)]
        case Flatten():
            return [(sum(1 for _ in product(*map(range, shape))),)]
        case Concat():
            return [(sum(each[0] for each in inputs), *shape[1:])]
        case Split():
            return [(size, *shape[1:]) for size in node.sizes]
        case Add():
            return [inputs[-1]]
    return [shape]


def _sides(places: Mapping[Any, Any]) -> Shape:
    """Return how many rows and columns of windows there are."""
    return len({i for i, _ in places}), len({j for _, j in places})


def kept(name: str, params: Params, masks: Masks) -> int:
    """Return how many entries no mask removes."""
    if name not in masks:
        return sum(1 for _ in params[name].flat)
    return sum(1 for entry in masks[name].flat if entry)


def counts(network: Network, params: Params, masks: Masks, mac: int = 1, *, biases: bool = False) -> dict[str, int]:
    """Return the nine counts: `mac` operations for a multiply-add, and one for each bias that is added, if counted."""
    places = positions(network, params)
    learned = [name for name in params if not name.endswith(("running_mean", "running_var"))]
    sizes = {name: kept(name, params, {}) for name in params}
    left = {name: kept(name, params, masks) for name in params}
    work = [(name, times, mac) for name, times in places.items()]
    added = [(name.removesuffix("weight") + "bias", times, 1) for name, times in places.items()]
    work += [one for one in added if biases and one[0] in params]
    bytes_of = {name: array.dtype.itemsize for name, array in params.items()}
    return {
        "parameters": sum(sizes[name] for name in learned),
        "parameters_kept": sum(left[name] for name in learned),
        "prunable": sum(sizes[name] for name in places),
        "prunable_kept": sum(left[name] for name in places),
        "macs": sum(cost * sizes[name] for name, times, cost in work for _ in range(times)),
        "macs_nonzero": sum(cost * left[name] for name, times, cost in work for _ in range(times)),
        "bytes_dense": sum(sizes[name] * bytes_of[name] for name in params),
        "bytes_bitmask": sum(left[name] * bytes_of[name] + len(range(0, sizes[name], 8)) for name in params),
        "bytes_csr": sum(left[name] * (bytes_of[name] + 4) + 4 * len(params[name]) + 4 for name in params),
    }


def fractions(found: Mapping[str, int]) -> dict[str, float]:
    """Return the two sparsities and the compression ratio, each the float nearest to the exact quotient."""

    def removed(of: str) -> float:
        return float(Fraction(found[of] - found[f"{of}_kept"], found[of]))

    none_kept = not found["prunable_kept"]
    ratio = float("inf") if none_kept else float(Fraction(found["prunable"], found["prunable_kept"]))
    return {
        "sparsity_prunable": removed("prunable"),
        "sparsity_all": removed("parameters"),
        "compression_ratio": ratio,
    }
