"""Physical removal: finding the groups of a network and compacting it, against slicing its arrays by hand."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from refprune.architectures import ARCHITECTURES
from refprune.arrays import Array, Masks, Params
from refprune.coupling import find_groups
from refprune.initialisation import initialise
from refprune.network import layers
from refprune.surgery import compact
from spec_tests.benchmarks.clock import Side
from spec_tests.benchmarks.comparison import Comparison

VECTORS = ("bias", "gamma", "beta", "running_mean", "running_var")


def half_of_vgg_16(channels: int) -> Comparison:
    """Compare coupling and compacting VGG-16 at half its units to taking the same slices by name.

    Args:
        channels: of the images.
    """
    network, shapes = ARCHITECTURES["vgg-16"]((channels, 32, 32), 10)
    params = initialise(shapes, np.random.default_rng(0))
    masks = {group.name: np.arange(group.size) % 2 == 0 for group in find_groups(network, params)}
    names = [node.name for node in layers(network)]

    def ours() -> dict[str, Array]:
        return compact(params, find_groups(network, params), masks).arrays

    def by_hand() -> dict[str, Array]:
        return sliced(params, names, masks)

    def check() -> None:
        here, there = ours(), by_hand()
        if set(here) != set(there) or not all(np.array_equal(here[name], there[name]) for name in here):
            raise ValueError("compact and slicing by hand differ")

    return Comparison(Side(lambda: ours), Side(lambda: by_hand), check)


def sliced(params: Params, names: list[str], masks: Masks) -> dict[str, Array]:
    """Return the arrays of a chain without the removed units; `name_bn` is the normalisation of layer `name`."""
    small: dict[str, Array] = {name: array.copy() for name, array in params.items() if name.startswith(names[-1])}
    kept: Mapping[str, Array] = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    for name in names[:-1]:
        small[f"{name}.weight"] = params[f"{name}.weight"][kept[name]]
        for place in (name, f"{name}_bn"):
            small |= {
                f"{place}.{part}": params[f"{place}.{part}"][kept[name]]
                for part in VECTORS
                if f"{place}.{part}" in params
            }
    for name, reader in pairwise(names):
        small[f"{reader}.weight"] = small[f"{reader}.weight"][:, kept[name]]
    return small
