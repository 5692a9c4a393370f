"""Measure: what a network predicts, and exact counts of what it costs.

In: network, parameters, masks, data. Out: fractions, and Python integers that are exact.
Specification: docs/spec/measure.md.
"""

from math import inf, prod
from typing import NamedTuple

import numpy as np

from refprune import ops
from refprune.arrays import Array, Masks, Params, check_masks, learned, weights
from refprune.backprop import check_labels, forward
from refprune.errors import InvalidInput
from refprune.network import Network, layers, owner
from refprune.shapes import infer_shapes


def accuracy(network: Network, params: Params, x: Array, labels: Array) -> float:
    """Return the fraction of examples whose largest logit is their label's; ties go to the lowest class.

    Raises:
        InvalidInput: examples that do not fit, or labels that are not one class for each.
    """
    return float((_logits(network, params, x, labels).argmax(axis=1) == labels).mean())  # MEA-01


def loss(network: Network, params: Params, x: Array, labels: Array) -> float:
    """Return the mean cross-entropy over all examples, natural logarithm.

    Raises:
        InvalidInput: examples that do not fit, or labels that are not one class for each.
    """
    return ops.softmax_cross_entropy(_logits(network, params, x, labels).T, labels)[0]  # MEA-02


def _logits(network: Network, params: Params, x: Array, labels: Array) -> Array:
    """Return the logits (N, classes), once the labels fit them."""
    logits = forward(network, params, x)
    check_labels(labels, len(x), logits.shape[1:])  # MEA-09
    return logits


class Counts(NamedTuple):
    """Exact counts. `prunable` are the weights; `parameters` all that is learned, biases included.

    Running statistics are bytes, and no parameters.
    """

    parameters: int
    parameters_kept: int
    prunable: int
    prunable_kept: int
    macs: int
    macs_nonzero: int
    bytes_dense: int
    bytes_bitmask: int
    bytes_csr: int

    @property
    def sparsity_prunable(self) -> float:
        """Return removed / all of the weights."""
        return (self.prunable - self.prunable_kept) / self.prunable  # MEA-03

    @property
    def sparsity_all(self) -> float:
        """Return removed / all of all parameters."""
        return (self.parameters - self.parameters_kept) / self.parameters  # MEA-03

    @property
    def compression_ratio(self) -> float:
        """Return prunable / kept; infinite when none is kept."""
        return self.prunable / self.prunable_kept if self.prunable_kept else inf  # MEA-04


def count(network: Network, params: Params, masks: Masks | None = None) -> Counts:
    """Return what the network costs: with masks, kept entries; MACs of one example; bytes on disk.

    Raises:
        InvalidInput: parameters or masks that do not fit, or no weight at all.
    """
    masks = masks or {}
    check_masks(masks, params)
    positions, ranked = output_positions(network, params), weights(params)
    if not any(array.size for array in ranked.values()):  # MEA-09
        raise InvalidInput("network", "no weight", "at least one: a fraction of nothing has no meaning")
    kept = {name: _kept(array, masks, name) for name, array in params.items()}  # MEA-12: nothing is written
    return Counts(
        parameters=sum(array.size for array in learned(params).values()),  # MEA-13
        parameters_kept=sum(kept[name] for name in learned(params)),
        prunable=sum(array.size for array in ranked.values()),
        prunable_kept=sum(kept[name] for name in ranked),
        macs=sum(ranked[name].size * positions[name] for name in ranked),  # MEA-05
        macs_nonzero=sum(kept[name] * positions[name] for name in ranked),  # MEA-06
        bytes_dense=sum(array.nbytes for array in params.values()),  # MEA-07
        bytes_bitmask=sum(bitmask_bytes(array, kept[name]) for name, array in params.items()),
        bytes_csr=sum(csr_bytes(array, kept[name]) for name, array in params.items()),
    )


def output_positions(network: Network, params: Params) -> dict[str, int]:
    """Return weight name -> at how many positions it is applied: 1 for dense, OH * OW for a convolution.

    A weight that several layers share is applied by each of them.
    """
    shapes = infer_shapes(network, params)
    positions = {f"{owner(node)}.weight": 0 for node in layers(network)}
    for node in layers(network):
        positions[f"{owner(node)}.weight"] += prod(shapes[node.name][1:])  # MEA-10, MEA-14
    return positions


def bitmask_bytes(array: Array, kept: int) -> int:
    """Return ceil(n / 8) + kept * itemsize."""
    return -(-array.size // 8) + kept * array.itemsize  # MEA-07


def csr_bytes(array: Array, kept: int) -> int:
    """Return kept * (itemsize + 4) + 4 * (rows + 1), rows = shape[0], indices of 32 bits."""
    return kept * (array.itemsize + 4) + 4 * (len(array) + 1)  # MEA-08


def _kept(array: Array, masks: Masks, name: str) -> int:
    return int(np.count_nonzero(masks[name])) if name in masks else array.size  # MEA-11
