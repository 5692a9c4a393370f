"""Folding: units that are constant go, and what they said stays in the next bias.

In: network, parameters, groups, masks of units whose weights are all 0. Out: parameters with other biases, ready
for `surgery.compact`. Without it removal drops what such a unit still outputs: the activation of its bias.
Specification: docs/spec/folding.md.
"""

from collections.abc import Iterable

import numpy as np

from refprune.arrays import Array, Masks, Params
from refprune.backprop import values
from refprune.errors import InvalidInput
from refprune.granularity import Group, along, check_parts, check_unit_masks, spread
from refprune.network import Conv2d, Dense, Input, Network, layers, owner
from refprune.surgery import makers


def fold_constants(network: Network, params: Params, groups: Iterable[Group], unit_masks: Masks) -> dict[str, Array]:
    """Return parameters in which the readers' biases hold what the removed units output.

    `bias += sum over removed channels c of (sum of weight[:, c]) * constant[c]`. A unit without weights outputs the
    same number whatever the input, so that one pass over any input shows it.

    Raises:
        InvalidInput: a removed unit with a weight that is not 0, or a reader that has no bias, shares its parameters
            with another layer, or has zero padding, at which a constant other than 0 ends; masks of units, or
            parameters, that do not fit the groups.
    """
    groups = tuple(groups)
    check_unit_masks(groups, unit_masks)  # FLD-02
    _check_weightless(params, groups, unit_masks)
    first = network[0]
    assert isinstance(first, Input)  # build says so
    dtype = next((array.dtype for array in params.values()), np.dtype(np.float64))
    seen = values(network, params, np.zeros((1, *first.shape), dtype))
    folded = {name: array.copy() for name, array in params.items()}  # FLD-03
    for node in layers(network):
        if isinstance(node, Dense | Conv2d):
            constants = _constants(seen, node.inputs[0], groups, unit_masks)
            if constants.any():
                _check_reader(node, network)
                shift = _shift(node, params[f"{node.name}.weight"], constants)
                folded[f"{node.name}.bias"] = (params[f"{node.name}.bias"] + shift).astype(dtype)  # FLD-01
    return folded


def _check_weightless(params: Params, groups: Iterable[Group], unit_masks: Masks) -> None:
    """Refuse removed units that compute something."""
    for group in groups:
        mask = unit_masks.get(group.name, np.ones(group.size, np.bool_))
        check_parts(group, makers(group), params)  # FLD-02
        for part in makers(group):
            weight = params[part.array]
            if weight[~spread(mask, part, weight.shape)].any():  # FLD-02
                got = f"removed units with weights in {part.array!r}"
                raise InvalidInput(f"group {group.name!r}", got, "units whose weights are all 0: they are constant")


def _constants(seen: Params, value: str, groups: Iterable[Group], unit_masks: Masks) -> Array:
    """Return (channels,): what each removed channel of a value always is, 0 for all others."""
    constants = seen[value].reshape(len(seen[value]), -1)[:, 0].astype(np.float64)
    gone = np.zeros(len(constants), np.bool_)
    for group in groups:
        for part in group.values:
            if part.array == value and group.name in unit_masks:
                gone |= ~along(unit_masks[group.name], part)
    return np.where(gone, constants, 0.0)


def _check_reader(node: Dense | Conv2d, network: Network) -> None:
    """Refuse a layer whose bias cannot hold a constant."""
    uses = sum(owner(other) == owner(node) for other in layers(network))
    padded = isinstance(node, Conv2d) and any(node.padding)
    for wrong, got in ((not node.bias, "no bias"), (uses > 1, "shared parameters"), (padded, "zero padding")):
        if wrong:  # FLD-02
            raise InvalidInput(f"node {node.name!r}", got, "a layer with a bias of its own and no padding")


def _shift(node: Dense | Conv2d, weight: Array, constants: Array) -> Array:
    """Return (out,): what each output reads of the constants, added up in float64."""
    groups = node.groups if isinstance(node, Conv2d) else 1
    sums = weight.astype(np.float64).reshape(*weight.shape[:2], -1).sum(axis=2)  # (out, in / groups)
    read = sums.reshape(groups, -1, sums.shape[1]) * constants.reshape(groups, 1, -1)
    return np.asarray(read.sum(axis=2).ravel())
