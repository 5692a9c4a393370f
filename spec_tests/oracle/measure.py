"""The definition of every count: one more for each thing that is there, in plain Python loops."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from refprune.arrays import Masks, Params
from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, MaxPool2d, Network
from spec_tests.oracle.layers import windows

Shape = tuple[int, ...]


def positions(network: Network, params: Params) -> dict[str, int]:
    """Return layer -> at how many positions it is applied, by walking through the network window by window."""
    shape: Shape = ()
    found = {}
    for node in network:
        match node:
            case Dense(name=name):
                found[name], shape = 1, params[f"{name}.bias"].shape
            case Conv2d(name=name):
                weight = params[f"{name}.weight"].shape
                places = windows(shape[1:], weight[2:], node.stride, node.padding)
                found[name], shape = len(places), (weight[0], *_sides(places))
            case MaxPool2d() | AvgPool2d():
                shape = (shape[0], *_sides(windows(shape[1:], node.size, node.stride, node.padding)))
            case Flatten():
                shape = (sum(1 for _ in product(*map(range, shape))),)
            case _:
                shape = getattr(node, "shape", shape)
    return found


def _sides(places: Mapping[Any, Any]) -> Shape:
    """Return how many rows and columns of windows there are."""
    return len({i for i, _ in places}), len({j for _, j in places})


def kept(name: str, params: Params, masks: Masks) -> int:
    """Return how many entries no mask removes."""
    if name not in masks:
        return sum(1 for _ in params[name].flat)
    return sum(1 for entry in masks[name].flat if entry)


def counts(network: Network, params: Params, masks: Masks) -> dict[str, int]:
    """Return the nine counts."""
    places = positions(network, params)
    ranked = [f"{layer}.weight" for layer in places]
    sizes = {name: kept(name, params, {}) for name in params}
    left = {name: kept(name, params, masks) for name in params}
    bytes_of = {name: array.dtype.itemsize for name, array in params.items()}
    return {
        "parameters": sum(sizes.values()),
        "parameters_kept": sum(left.values()),
        "prunable": sum(sizes[name] for name in ranked),
        "prunable_kept": sum(left[name] for name in ranked),
        "macs": sum(sizes[f"{layer}.weight"] for layer, times in places.items() for _ in range(times)),
        "macs_nonzero": sum(left[f"{layer}.weight"] for layer, times in places.items() for _ in range(times)),
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
