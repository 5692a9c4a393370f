"""Surgery: removed units leave the arrays.

In: arrays keyed as the parameters, the groups, masks of units. Out: smaller arrays. The network stays as it is,
since its record stores no widths, except for the sizes of its splits.
Specification: docs/spec/surgery.md.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Mask, Masks, Params, check_masks, is_weight
from refprune.errors import InvalidInput, check_integer
from refprune.granularity import Group, Slice, along, check_parts, check_unit_masks, spread, unit_labels
from refprune.network import Network, Split, values_of


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
    check_unit_masks(groups, unit_masks)
    kept = {group.name: _kept(group, unit_masks) for group in groups}
    stays: dict[tuple[str, int], Mask] = {}
    for group in groups:
        parts = [part for part in group.parts if part.array in arrays]  # SUR-01, SUR-12, SUR-17
        check_parts(group, parts, arrays)  # SUR-14
        for part in parts:
            here, whole = (part.array, part.axis), np.ones(len(part.units), np.bool_)
            stays[here] = stays.get(here, whole) & along(unit_masks.get(group.name, _all(group)), part)  # SUR-15
    # SUR-08: nothing is computed, so no constant of a removed unit gets into the reader's bias.
    return Compacted({name: _take(name, array, stays) for name, array in arrays.items()}, kept)


def _all(group: Group) -> Mask:
    return np.ones(group.size, np.bool_)


def _kept(group: Group, unit_masks: Masks) -> Array:
    """Return the indices of the units that stay, ascending."""
    kept = np.flatnonzero(unit_masks.get(group.name, _all(group)))  # SUR-03
    if not kept.size:  # SUR-04
        raise InvalidInput(f"group {group.name!r}", "no unit left", "at least one: a layer needs an output")
    return kept


def _take(name: str, array: Array, stays: Mapping[tuple[str, int], Mask]) -> Array:
    """Return a copy of the array with only the indices that stay, along each axis."""
    small = array
    for axis in range(array.ndim):
        mask = stays.get((name, axis))
        if mask is not None and not mask.all():
            small = np.take(small, np.flatnonzero(mask), axis=axis)  # SUR-02, SUR-09
    return array.copy() if small is array else small  # SUR-13


def compact_network(network: Network, groups: Iterable[Group], unit_masks: Masks) -> Network:
    """Return the network with the sizes of its splits as they are without the removed units.

    No other record changes: none stores a width.

    Raises:
        InvalidInput: a mask of an unknown group or of another size, one that leaves no unit, or a part of a split
            that is not as wide as the units of its group.
    """
    groups = tuple(groups)
    check_unit_masks(groups, unit_masks)
    splits = [node for node in network if isinstance(node, Split)]
    widths = {name: np.empty(size) for node in splits for name, size in zip(values_of(node), node.sizes, strict=True)}
    gone: Counter[str] = Counter()
    for group in groups:
        _kept(group, unit_masks)
        parts = [part for part in group.values if part.array in widths]
        check_parts(group, parts, widths)  # SUR-14
        for part in parts:
            gone[part.array] += int(np.count_nonzero(~along(unit_masks.get(group.name, _all(group)), part)))
    return tuple(_smaller(node, gone) if isinstance(node, Split) else node for node in network)  # SUR-16


def _smaller(node: Split, gone: Mapping[str, int]) -> Split:
    sizes = zip(node.sizes, values_of(node), strict=True)
    return replace(node, sizes=tuple(size - gone[value] for size, value in sizes))


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


def masks_without_rows(groups: Iterable[Group], rows: Mapping[str, Sequence[int]]) -> dict[str, Mask]:
    """Return the unit masks that remove these outputs of these layers, with all that goes together with them.

    Raises:
        InvalidInput: a layer that makes no unit, or an index that is no integer, out of range, negative, named
            twice, or of an output that cannot go.
    """
    groups = tuple(groups)
    made = [(part.array.removesuffix(".weight"), group, part) for group in groups for part in makers(group)]
    unknown = sorted(set(rows) - {layer for layer, _, _ in made})
    if unknown:
        raise InvalidInput("units", f"of {unknown}", f"layers among {sorted({layer for layer, _, _ in made})}")
    masks = {group.name: _all(group) for group in groups}
    for layer, indices in rows.items():
        owners = [(group, part) for name, group, part in made if name == layer]
        removable = np.any([np.array(part.units) >= 0 for _, part in owners], axis=0)
        for index in _distinct(layer, indices, removable):
            for group, part in owners:
                if part.units[index] >= 0:
                    masks[group.name][part.units[index]] = False
    return masks


def _distinct(layer: str, indices: Sequence[int], removable: Mask) -> list[int]:
    """Return distinct indices of outputs that can go."""
    checked = [check_integer(f"unit of {layer!r}", index, least=0) for index in indices]  # SUR-07
    wrong = any(index >= len(removable) or not removable[index] for index in checked)
    if wrong or len(set(checked)) != len(checked):
        expected = f"distinct indices among {np.flatnonzero(removable).tolist()}"
        raise InvalidInput(f"units of {layer!r}", list(indices), expected)
    return checked


def makers(group: Group) -> list[Slice]:
    """Return the slices of the weights that make the group's units."""
    return [part for part in group.producers if is_weight(part.array)]


def rows_kept(groups: Iterable[Group], unit_masks: Masks) -> dict[str, Array]:
    """Return layer -> the original indices of the outputs that are left, of every layer that makes a unit.

    Raises:
        InvalidInput: a mask of an unknown group or of another size.
    """
    groups = tuple(groups)
    check_unit_masks(groups, unit_masks)
    stays: dict[str, Mask] = {}
    for group in groups:
        for part in makers(group):
            mask = along(unit_masks.get(group.name, _all(group)), part)
            stays[part.array] = stays.get(part.array, mask) & mask
    return {array.removesuffix(".weight"): np.flatnonzero(mask) for array, mask in stays.items()}  # SUR-02


def cut_outgoing(arrays: Mapping[str, Array], groups: Iterable[Group], unit_masks: Masks) -> dict[str, Array]:
    """Return arrays of full size in which nothing reads a removed unit: what compaction must equal.

    Raises:
        InvalidInput: a mask of an unknown group or of another size, or an array that is not as long as the units of
            its group.
    """
    groups = tuple(groups)
    check_unit_masks(groups, unit_masks)
    cut = {name: array.copy() for name, array in arrays.items()}
    for group in groups:
        mask = unit_masks.get(group.name, _all(group))
        check_parts(group, group.consumers, cut)  # SUR-14
        for part in group.consumers:
            cut[part.array][~spread(mask, part, cut[part.array].shape)] = 0  # SUR-05
    return cut


def unread_units(params: Params, groups: Iterable[Group], masks: Masks) -> dict[str, Mask]:
    """Return unit masks without the units nothing reads any more: every entry that reads them is masked.

    Removing them changes nothing, whatever they output. A unit read only by dropped units is unread too.
    The masks of the arrays decide, never zeros; a group that nobody reads keeps its first unit.

    Raises:
        InvalidInput: masks that do not fit, or an array that is not as long as the units of its group.
    """
    check_masks(masks, params)
    groups = tuple(groups)
    for group in groups:
        check_parts(group, (*makers(group), *group.consumers), params)  # SUR-14
    left = {name: masks.get(name, np.ones(array.shape, np.bool_)) for name, array in params.items()}
    unit_masks = {group.name: _all(group) for group in groups}
    while True:  # what has been dropped reads nothing any more, so that others may be unread now
        read = {group.name: _read(group, left) for group in groups}
        if all(np.array_equal(unit_masks[name], mask) for name, mask in read.items()):
            return unit_masks
        unit_masks = read
        for group in groups:
            for part in makers(group):
                left[part.array] = left[part.array] & spread(read[group.name], part, left[part.array].shape)


def _read(group: Group, left: Masks) -> Mask:
    """Return which units an entry reads that is left; the first, if none is."""
    read = sum((_entries(left[part.array], part, group.size) for part in group.consumers), start=np.zeros(group.size))
    mask: Mask = np.asarray(read > 0)  # SUR-06
    if not mask.any():
        mask[0] = True
    return mask


def _entries(mask: Mask, part: Slice, size: int) -> Array:
    """Return how many entries of the mask belong to each unit."""
    labels = unit_labels(part, mask.shape)
    return np.bincount(labels[labels >= 0], np.ravel(mask)[labels >= 0], size)
