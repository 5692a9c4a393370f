"""Surgery: removed units leave the arrays.

In: arrays keyed as the parameters, the groups, masks of units. Out: smaller arrays; the network stays as
it is, since its record stores no widths.
Specification: docs/spec/surgery.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Mask, Masks, Params, check_masks
from refprune.errors import InvalidInput, check_integer
from refprune.granularity import Group, Slice, check_parts, spread, unit_labels


class Compacted(NamedTuple):
    """The smaller arrays, and for each group the original indices of the units that are left."""

    arrays: dict[str, Array]
    kept: dict[str, Array]


def compact(arrays: Mapping[str, Array], groups: Iterable[Group], unit_masks: Masks) -> Compacted:
    """Return the arrays without the units that `unit_masks` removes, rows of makers and columns of readers.

    Works on parameters, gradients, masks and optimiser slots alike. Units are taken from the masks, never
    inferred from zeros; survivors keep their order and their bits.

    Args:
        arrays: keyed as the parameters; arrays of no group are copied, one that is missing (a mask, when
            its parameter is dense) stays missing.
        groups: what a unit consists of.
        unit_masks: group name -> (size,) bool; a group without a mask stays whole.

    Raises:
        InvalidInput: a mask of an unknown group or of another size, one that leaves no unit, or an array
            that is not as long as the units of its group.
    """
    groups = tuple(groups)
    check_masks(unit_masks, {group.name: np.empty(group.size) for group in groups})
    kept = {group.name: _kept(group, unit_masks) for group in groups}
    small = {name: array.copy() for name, array in arrays.items()}  # SUR-13
    for group in groups:
        parts = [part for part in (*group.producers, *group.consumers) if part.array in small]  # SUR-01, SUR-12
        check_parts(group, parts, small)  # SUR-14
        for part in parts:
            # SUR-08: nothing is computed, so no constant of a removed unit gets into the reader's bias.
            small[part.array] = _take(small[part.array], part, kept[group.name])
    return Compacted(small, kept)


def _kept(group: Group, unit_masks: Masks) -> Array:
    """Return the indices of the units that stay, ascending."""
    kept = np.flatnonzero(unit_masks.get(group.name, np.ones(group.size, np.bool_)))  # SUR-03
    if not kept.size:  # SUR-04
        raise InvalidInput(f"group {group.name!r}", "no unit left", "at least one: a layer needs an output")
    return kept


def _take(array: Array, part: Slice, kept: Array) -> Array:
    """Return the array with only the entries of these units along the slice's axis."""
    indices = (kept[:, None] * part.span + np.arange(part.span)).ravel()  # SUR-09
    return np.take(array, indices, axis=part.axis)  # SUR-02


def masks_without(groups: Iterable[Group], units: Mapping[str, Sequence[int]]) -> dict[str, Mask]:
    """Return the unit masks that remove these indices of these groups, and nothing else.

    Raises:
        InvalidInput: an unknown group, or an index that is no integer, out of range, negative or named twice.
    """
    sizes = {group.name: group.size for group in groups}
    unknown = sorted(set(units) - set(sizes))
    if unknown:
        raise InvalidInput("units", f"of {unknown}", f"groups among {sorted(sizes)}")  # SUR-07
    masks = {name: np.ones(size, np.bool_) for name, size in sizes.items()}  # SUR-10
    for name, indices in units.items():
        for index in indices:
            check_integer(f"unit of {name!r}", index, least=0)  # SUR-07
            if index >= sizes[name] or not masks[name][index]:  # SUR-07
                raise InvalidInput(f"units of {name!r}", list(indices), f"distinct indices below {sizes[name]}")
            masks[name][index] = False
    return masks


def cut_outgoing(arrays: Mapping[str, Array], groups: Iterable[Group], unit_masks: Masks) -> dict[str, Array]:
    """Return arrays of full size in which nothing reads a removed unit: what compaction must equal."""
    groups = tuple(groups)
    check_masks(unit_masks, {group.name: np.empty(group.size) for group in groups})
    cut = {name: array.copy() for name, array in arrays.items()}
    for group in groups:
        mask = unit_masks.get(group.name, np.ones(group.size, np.bool_))
        for part in group.consumers:
            cut[part.array][~spread(mask, part, cut[part.array].shape)] = 0  # SUR-05
    return cut


def unread_units(params: Params, groups: Iterable[Group], masks: Masks) -> dict[str, Mask]:
    """Return unit masks without the units nothing reads any more: every entry that reads them is masked.

    Removing them changes nothing, whatever they output. A unit read only by dropped units is unread too.
    The masks of the arrays decide, never zeros; a group that nobody reads keeps its first unit.
    """
    check_masks(masks, params)
    left = {name: masks.get(name, np.ones(array.shape, np.bool_)) for name, array in params.items()}
    unit_masks: dict[str, Mask] = {}
    for group in reversed(tuple(groups)):  # readers before what they read
        nobody = np.zeros(group.size)
        reads = sum((_entries(left[part.array], part, group.size) for part in group.consumers), start=nobody)
        unit_masks[group.name] = reads > 0  # SUR-06
        if not unit_masks[group.name].any():
            unit_masks[group.name][0] = True
        for part in group.producers:
            left[part.array] = left[part.array] & spread(unit_masks[group.name], part, left[part.array].shape)
    return unit_masks


def _entries(mask: Mask, part: Slice, size: int) -> Array:
    """Return how many entries of the mask belong to each unit."""
    return np.bincount(unit_labels(part, mask.shape), np.ravel(mask), size)
