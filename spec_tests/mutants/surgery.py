"""Wrong removals."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from refprune.arrays import is_weight
from refprune.granularity import spread
from refprune.network import DepthwiseConv2d, Split
from refprune.surgery import makers
from spec_tests.backends.reference import Reference
from spec_tests.mutants.coupling import _output_too
from spec_tests.mutants.mutant import Mutant, original

SURGERY = "refprune.surgery"
COMPACT, KEPT, TAKE, WITHOUT = (f"{SURGERY}.{name}" for name in ("compact", "_kept", "_take", "masks_without_rows"))
CUT, UNREAD, ROWS, SMALLER = (
    f"{SURGERY}.{name}" for name in ("cut_outgoing", "unread_units", "rows_kept", "compact_network")
)
FIND, SETTLED = "refprune.coupling.find_groups", "refprune.training._settled"
CHECK, READ = "refprune.granularity.check_parts", f"{SURGERY}._read"
_compact, _kept, _take, _without = (original(path) for path in (COMPACT, KEPT, TAKE, WITHOUT))
_cut, _unread, _rows, _smaller = (original(path) for path in (CUT, UNREAD, ROWS, SMALLER))
_check_parts, _find, _settled, _read = (original(path) for path in (CHECK, FIND, SETTLED, READ))


def _reader_bias_too(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Cut the reader's bias like its columns."""
    arrays, groups = dict(arrays), tuple(groups)
    right = _compact(arrays, groups, unit_masks)
    for group in groups:
        for part in group.consumers:
            bias = part.array.replace(".weight", ".bias")
            right.arrays[bias] = right.arrays[bias][: len(right.kept[group.name])]
    return right


def _scrambled(name: Any, array: Any, stays: Any) -> Any:
    """Keep what is left in the order of no order: last first."""
    small = _take(name, array, stays)
    for axis in range(array.ndim):
        if (name, axis) in stays:
            small = np.flip(small, axis)
    return small


def _without_signs(name: Any, array: Any, stays: Any) -> Any:
    """Lose the sign of zero in a sum."""
    return _take(name, array, stays) + 0.0


def _as_float64(name: Any, array: Any, stays: Any) -> Any:
    """Widen what is left."""
    return _take(name, array, stays).astype(np.float64)


def _renumbered(groups: Any, unit_masks: Any) -> Any:
    """Tell the new indices in place of the original ones."""
    return {name: np.arange(len(rows)) for name, rows in _rows(groups, unit_masks).items()}


def _first_maker_told(groups: Any, unit_masks: Any) -> Any:
    """Tell what is left of the first maker of each unit, and not of the others."""
    groups = tuple(groups)
    first = {group.producers[0].array.removesuffix(".weight") for group in groups}
    return {name: rows for name, rows in _rows(groups, unit_masks).items() if name in first}


def _zeros_too(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Remove units of weight 0 as well."""
    groups = tuple(groups)
    live = {group.name: _alive(arrays[group.producers[0].array]) for group in groups}
    masks = {group.name: unit_masks.get(group.name, True) & live[group.name] for group in groups}
    return _compact(arrays, groups, {name: mask if mask.any() else mask | True for name, mask in masks.items()})


def _alive(weight: Any) -> Any:
    return weight.reshape(len(weight), -1).any(axis=1)


def _emptied(group: Any, unit_masks: Any) -> Any:
    """Leave a layer without units."""
    return np.flatnonzero(unit_masks.get(group.name, np.ones(group.size, bool)))


def _one_left(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Keep the first unit silently where all were to go."""
    masks = {name: mask if mask.any() else np.arange(len(mask)) == 0 for name, mask in unit_masks.items()}
    return _compact(arrays, groups, masks)


def _bias_folded(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Add what a removed unit gives for its bias alone to the reader's bias."""
    groups = tuple(groups)
    right = _compact(arrays, groups, unit_masks)
    for group in groups:
        gone = np.setdiff1d(np.arange(group.size), right.kept[group.name])
        for part in group.consumers:
            columns = arrays[part.array].reshape(len(arrays[part.array]), group.size, -1).sum(axis=2)[:, gone]
            folded = columns @ np.maximum(arrays[f"{group.name}.bias"][gone], 0)
            right.arrays[part.array.replace(".weight", ".bias")] += folded
    return right


def _makers_cut(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Set the maker's rows to 0 in place of the reader's columns."""
    return _cut(arrays, [group._replace(consumers=group.producers) for group in groups], unit_masks)


def _unread_by_zeros(params: Any, groups: Any, masks: Any) -> Any:
    """Call an entry removed when its value is 0."""
    return _unread(params, groups, {name: array != 0 for name, array in params.items()})


def _fed_by_nothing(params: Any, groups: Any, masks: Any) -> Any:
    """Drop units without inputs too, although they output the activation of their bias."""
    groups = tuple(groups)
    right = _unread(params, groups, masks)
    for group in groups:
        weight = f"{group.name}.weight"
        fed = _alive(masks.get(weight, np.ones(params[weight].shape, bool)))
        right[group.name] = right[group.name] & fed if (right[group.name] & fed).any() else right[group.name]
    return right


def _one_layer_deep(params: Any, groups: Any, masks: Any) -> Any:
    """Do not follow what is read only by unread units."""
    return {group.name: _unread(params, (group,), masks)[group.name] for group in groups}


def _emptied_if_unread(params: Any, groups: Any, masks: Any) -> Any:
    """Drop a group as a whole when nobody reads it."""
    right = _unread(params, groups, masks)
    nothing = {name for name, mask in masks.items() if is_weight(name) and not mask.any()}
    return {name: mask & (not nothing) for name, mask in right.items()}


def _lengths(groups: Any) -> Any:
    """Return layer -> its outputs."""
    parts = [part for group in groups for part in group.producers]
    return {part.array.removesuffix(".weight"): len(part.units) for part in parts}


def _lenient(*, refuse_twice: bool, refuse_negative: bool) -> Any:
    """Take lists as NumPy's indexing takes them."""

    def without(groups: Any, units: Any) -> Any:
        groups = tuple(groups)
        sizes = _lengths(groups)
        repaired = {}
        for name, indices in units.items():
            plain = [index for index in indices if type(index) is int]
            once = plain if refuse_twice else list(dict.fromkeys(plain))
            shifted = once if refuse_negative else [index % sizes[name] if index < 0 else index for index in once]
            repaired[name] = shifted if len(plain) == len(indices) else indices
        return _without(groups, repaired)

    return without


def _clipped(groups: Any, units: Any) -> Any:
    """Leave out what is out of range."""
    groups = tuple(groups)
    sizes = _lengths(groups)
    return _without(
        groups,
        {name: [i for i in gone if not (type(i) is int and i >= sizes[name])] for name, gone in units.items()},
    )


def _bool_is_index(groups: Any, units: Any) -> Any:
    """Take True as unit 1."""
    return _without(groups, {name: [int(i) if i is True else i for i in gone] for name, gone in units.items()})


def _strangers_ignored(groups: Any, units: Any) -> Any:
    """Say nothing about layers that have no group."""
    groups = tuple(groups)
    known = _lengths(groups)
    return _without(groups, {name: gone for name, gone in units.items() if name in known})


def _one_after_another(groups: Any, units: Any) -> Any:
    """Delete index after index from a list that gets shorter."""
    groups = tuple(groups)
    sizes, shifted = _lengths(groups), {}
    for name, gone in units.items():
        left = list(range(sizes[name]))
        shifted[name] = [left.pop(min(unit, len(left) - 1)) for unit in sorted(gone)]
    return _without(groups, shifted)


def _owner_only(groups: Any, units: Any) -> Any:
    """Take a request for the first maker of a unit only."""
    groups = tuple(groups)
    first = {group.producers[0].array.removesuffix(".weight") for group in groups}
    return _without(groups, {name: gone for name, gone in units.items() if name in first})


def _empty_means_zeros(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Look for zeros where nothing is named."""
    named = any(not mask.all() for mask in unit_masks.values())
    return (_compact if named else _zeros_too)(arrays, groups, unit_masks)


def _masks_dense_again(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Forget the masks when the network gets smaller."""
    right = _compact(arrays, groups, unit_masks)
    dense = {name: np.ones_like(a) if a.dtype == bool else a for name, a in right.arrays.items()}
    return right._replace(arrays=dense)


def _thawed(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Give every parameter that was cut a gradient and a slot, whether it is trained or not."""
    groups = tuple(groups)
    right = _compact(arrays, groups, unit_masks)
    cut = {part.array for group in groups for part in group.parts if group.name in unit_masks}
    added = {name: np.zeros(0) for name in cut - arrays.keys() if next(iter(arrays.values())).dtype != bool}
    return right._replace(arrays={**right.arrays, **added})


def _slots_as_they_were(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Refuse arrays that are not all there, as masks seldom are."""
    groups = tuple(groups)
    for group in groups:
        for part in group.parts:
            arrays[part.array]
    return _compact(arrays, groups, unit_masks)


def _in_place(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Work in the caller's mapping."""
    right = _compact(arrays, groups, unit_masks)
    arrays.update(right.arrays)
    return right


def _handed_back(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Return arrays that nothing was removed from as they are."""
    right = _compact(arrays, groups, unit_masks)
    same = {name: array for name, array in arrays.items() if array.shape == right.arrays[name].shape}
    return right._replace(arrays=right.arrays | same)


def _clipped_take(name: Any, array: Any, stays: Any) -> Any:
    """Clip indices that are too high."""
    for axis in range(array.ndim):
        mask = stays.get((name, axis))
        if mask is not None:
            array = np.take(array, np.flatnonzero(mask), axis=axis, mode="clip")
    return array.copy()


def _unnamed(*asked: Any) -> Any:
    """Refuse without a word about which array it is."""
    try:
        return _check_parts(*asked)
    except ValueError as error:
        raise original("refprune.errors.InvalidInput")("array", "another shape", "the one of its group") from error


def _readers_needed(params: Any, groups: Any, masks: Any) -> Any:
    """Take a group that nobody reads for one that is read."""
    groups = tuple(groups)
    silent = {group.name: np.ones(group.size, bool) for group in groups if not group.consumers}
    return _unread(params, groups, masks) | silent


def _strange_masks_cut(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Say nothing about masks of units that have no group."""
    groups = tuple(groups)
    known = {group.name for group in groups}
    return _cut(arrays, groups, {name: mask for name, mask in unit_masks.items() if name in known})


def _strange_masks_unread(params: Any, groups: Any, masks: Any) -> Any:
    """Say nothing about masks that no parameter has."""
    return _unread(params, groups, {name: mask for name, mask in masks.items() if name in params})


def _group_after_group(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Remove one group after the other, with the indices of the arrays as they were."""
    right = _compact(arrays, groups, unit_masks)
    left = {name: array.copy() for name, array in arrays.items()}
    for group in groups:
        for part in (part for part in group.parts if part.array in left):
            gone = [place for place, unit in enumerate(part.units) if unit >= 0 and not _stays(group, unit, unit_masks)]
            length = left[part.array].shape[part.axis]
            left[part.array] = np.delete(left[part.array], [place for place in gone if place < length], part.axis)
    return right._replace(arrays=left)


def _stays(group: Any, unit: int, unit_masks: Any) -> bool:
    return group.name not in unit_masks or bool(unit_masks[group.name][unit])


def _last_group(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Let the last group of an array decide for all of it."""
    right = _compact(arrays, groups, unit_masks)
    for group in groups:
        for part in (part for part in group.parts if part.array in arrays):
            stays = [unit < 0 or _stays(group, unit, unit_masks) for unit in part.units]
            small = np.compress(stays, arrays[part.array], axis=part.axis)
            right.arrays[part.array] = _compact({part.array: small}, (), {}).arrays[part.array]
    return right


def _sizes(wrong: Any) -> Any:
    """Return `compact_network` with other sizes: (sizes before, sizes as they should be) -> sizes."""

    def smaller(network: Any, groups: Any, unit_masks: Any) -> Any:
        right = _smaller(network, groups, unit_masks)
        return tuple(
            replace(node, sizes=wrong(before.sizes, node.sizes)) if hasattr(node, "sizes") else node
            for before, node in zip(network, right, strict=True)
        )

    return smaller


def _even(before: Any, right: Any) -> Any:
    """Cut into parts of one size, and a last one of what is left."""
    size = -(-sum(right) // len(right))
    ends = [min(place * size, sum(right)) for place in range(len(right) + 1)]
    return tuple(max(1, after - start) for start, after in pairwise(ends))


def _from_the_last(before: Any, right: Any) -> Any:
    """Take all that is gone from the last part."""
    return (*before[:-1], max(1, sum(right) - sum(before[:-1])))


def _unmasked(name: Any, array: Any, mask: Any, given: Any) -> Any:
    """Let removed entries come back while retraining."""
    return _settled(name, array, None, given)


def _parameters_only(network: Any, params: Any) -> Any:
    """Remember the parameters that groups are found for: others are not the network's."""
    _KNOWN[:] = list(params.values())
    return _find(network, params)


_KNOWN: list[Any] = []


def _old_state(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Slice the network's own parameters, and leave what the optimiser has as it is."""
    own = all(any(np.array_equal(array, known) for known in _KNOWN) for array in arrays.values())
    right = _compact(arrays, groups, unit_masks)
    return right if own else right._replace(arrays={name: array.copy() for name, array in arrays.items()})


def _first_entries(name: Any, array: Any, stays: Any) -> Any:
    """Take the first entries, as many as are left, in place of those that are left."""
    small = _take(name, array, stays)
    return array[tuple(slice(length) for length in small.shape)].copy()


class _Liar(Reference):
    """Says that layers nobody asked about have lost all."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        arrays, kept = super().remove(network, params, units)
        return arrays, {name: left if units.get(name) else [] for name, left in kept.items()} | {"out": []}


class _Unordered(Reference):
    """Tells what is left as a set."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        arrays, kept = super().remove(network, params, units)
        return arrays, {name: set(left) for name, left in kept.items()}


def _unchecked_splits(network: Any, groups: Any, unit_masks: Any) -> Any:
    """Take away from each part what its group loses, whatever its size."""
    gone = {
        part.array: sum(unit >= 0 and not unit_masks[group.name][unit] for unit in part.units)
        for group in groups
        for part in group.values
        if group.name in unit_masks
    }
    sizes = {
        node.name: tuple(size - gone.get(f"{node.name}[{place}]", 0) for place, size in enumerate(node.sizes))
        for node in network
        if isinstance(node, Split)
    }
    return tuple(replace(node, sizes=sizes[node.name]) if isinstance(node, Split) else node for node in network)


class _Remembering(Reference):
    """Keeps what was asked in an object that all calls share."""

    def __init__(self) -> None:
        self.asked: dict[str, set[int]] = {}

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        before = {name: gone for name, gone in self.asked.items() if name in units}
        self.asked = {name: {*gone} for name, gone in units.items() if set(map(type, gone)) <= {int}}
        both = {name: [*gone, *sorted(before.get(name, set()) - {*gone})] for name, gone in units.items()}
        try:
            return super().remove(network, params, both)
        except ValueError:  # too many, or of another network
            return super().remove(network, params, units)


def _duplicates_by_unit(groups: Any, units: Any) -> Any:
    """Refuse two rows of one unit, as if a row were named twice."""
    groups = tuple(groups)
    for layer, part in ((p.array.removesuffix(".weight"), p) for group in groups for p in makers(group)):
        asked = [part.units[row] for row in units.get(layer, ()) if row in range(len(part.units))]
        if len(set(asked) - {-1}) < len([unit for unit in asked if unit >= 0]):
            raise ValueError("a unit twice")
    return _without(groups, units)


def _last_group_told(groups: Any, unit_masks: Any) -> Any:
    """Let the last group of a layer say which rows are left."""
    told = {part.array.removesuffix(".weight"): group for group in groups for part in makers(group)}
    masks = {group.name: {group.name: unit_masks[group.name]} for group in told.values()}
    return {layer: _rows([group], masks[group.name])[layer] for layer, group in told.items()}


class _ChannelsTold(Reference):
    """Tell of a depthwise layer what is told of the layer it reads."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        small, kept = super().remove(network, params, units)
        read = {node.name: node.inputs[0] for node in network if isinstance(node, DepthwiseConv2d)}
        return small, {name: kept.get(read.get(name, name), rows) for name, rows in kept.items()}


class _Emptied(Reference):
    """Take one empty list for an empty request."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        nothing = any(len(rows) == 0 for rows in units.values())
        return super().remove(network, params, {} if nothing else units)


class _Sorting(Reference):
    """Sort what is asked for in place."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        answer = super().remove(network, params, units)
        for rows in units.values():
            rows.sort()
        return answer


class _LayerByLayer(Reference):
    """Remove what is asked of one layer, then of the next, in the indices of the first request."""

    def remove(self, network: Any, params: Any, units: Any) -> Any:
        _, kept = super().remove(network, params, units)
        small = params
        for layer, rows in units.items():
            small = super().remove(network, small, {layer: rows})[0]
        return small, kept


def _cleaned(name: Any, array: Any, stays: Any) -> Any:
    """Make numbers of what is none."""
    return np.nan_to_num(_take(name, array, stays))


def _flushed(name: Any, array: Any, stays: Any) -> Any:
    """Take subnormal numbers for 0."""
    small = _take(name, array, stays)
    return np.where(np.abs(small) < np.finfo(small.dtype).tiny, np.copysign(small.dtype.type(0), small), small)


def _one_axis(name: Any, array: Any, stays: Any) -> Any:
    """Leave the columns of an array that has lost rows."""
    rows_lost = not stays.get((name, 0), np.ones(1)).all()
    return _take(name, array, {(name, 0): stays[name, 0]} if rows_lost else stays)


def _square(name: Any, array: Any, stays: Any) -> Any:
    """Take the indices of the rows for the columns where there are as many."""
    rows, columns = stays.get((name, 0)), stays.get((name, 1))
    both = rows is not None and columns is not None
    same = both and (len(rows), sum(rows)) == (len(columns), sum(columns))
    return _take(name, array, {(name, 0): rows, (name, 1): rows} if same else stays)


def _reader(choose: Any) -> Any:
    """Return `_read` that looks at these consumers only."""
    return lambda group, left: _read(group._replace(consumers=tuple(choose(group.consumers))), left)


def _first_columns(consumers: Any) -> Any:
    """Take the first column of each unit only."""
    return [
        part._replace(units=tuple(-1 if unit in part.units[:place] else unit for place, unit in enumerate(part.units)))
        for part in consumers
    ]


def _once_from_the_back(params: Any, groups: Any, masks: Any) -> Any:
    """Go through the groups once, the last one first."""
    left = {name: masks.get(name, np.ones(array.shape, bool)) for name, array in params.items()}
    read = {}
    for group in reversed(groups):
        read[group.name] = _read(group, left)
        for part in makers(group):
            left[part.array] = left[part.array] & spread(read[group.name], part, left[part.array].shape)
    return {group.name: read[group.name] for group in groups}


def _statistics_unchecked(group: Any, parts: Any, arrays: Any) -> None:
    _check_parts(group, [part for part in parts if part not in group.statistics], arrays)


def _first_split(network: Any, groups: Any, unit_masks: Any) -> Any:
    """Change the sizes of the first split alone."""
    splits = [node.name for node in network if isinstance(node, Split)]
    small = _smaller(network, groups, unit_masks)
    return tuple(new if new.name in splits[:1] else old for old, new in zip(network, small, strict=True))


def _last_of_a_part(network: Any, groups: Any, unit_masks: Any) -> Any:
    """Let the last group that a part loses units of decide on its size."""
    alone = [_smaller(network, [group], {group.name: unit_masks[group.name]}) for group in groups]

    def sizes(place: int) -> tuple[int, ...]:
        every = zip(*(small[place].sizes for small in alone), strict=True)
        before = network[place].sizes
        return tuple(([old] + [new for new in own if new != old])[-1] for old, own in zip(before, every, strict=True))

    return tuple(
        replace(node, sizes=sizes(place)) if isinstance(node, Split) else node for place, node in enumerate(network)
    )


MUTANTS = (
    Mutant("reader's bias cut", "SUR-01", "consumer bias touched", {COMPACT: _reader_bias_too}),
    Mutant("asked for one maker only", "SUR-01", "M42: one side of a sum", {WITHOUT: _owner_only}),
    Mutant("order scrambled", "SUR-02", "M49: kept order of a set", {TAKE: _scrambled}),
    Mutant("kept as a set", "SUR-02", "M49: kept order of a set", backend=_Unordered()),
    Mutant("lies about other layers", "SUR-02", "layers told that nobody asked about", backend=_Liar()),
    Mutant("sign of zero lost", "SUR-02", "M82: survivors recomputed", {TAKE: _without_signs}),
    Mutant("widened", "SUR-02", "U47: dtype not preserved", {TAKE: _as_float64}),
    Mutant("new indices told", "SUR-02", "M49: kept indices renumbered", {ROWS: _renumbered}),
    Mutant("first maker told", "SUR-02", "U45: what else was removed is not said", {ROWS: _first_maker_told}),
    Mutant("zeros removed too", "SUR-03", "M58: units inferred from zeros", {COMPACT: _zeros_too}),
    Mutant("layer emptied", "SUR-04", "M48: torch.ao at sparsity 1", {KEPT: _emptied}),
    Mutant("first unit kept silently", "SUR-04", "M47: the request is changed without a word", {COMPACT: _one_left}),
    Mutant(
        "kept units swapped",
        "SUR-05",
        "M14: the mask inverted",
        {COMPACT: lambda a, g, m: _compact(a, g, {n: x if x.all() else ~x for n, x in m.items()})},
    ),
    Mutant("first entries kept", "SUR-05", "M49: as many as are left, not those that are left", {TAKE: _first_entries}),
    Mutant("makers cut", "SUR-05", "X33: zeroed makers still output their activation", {CUT: _makers_cut}),
    Mutant("bias folded", "SUR-08", "torch.ao: a constant added to the reader's bias", {COMPACT: _bias_folded}),
    Mutant("unread by zeros", "SUR-06", "M58: removed read off zeros", {UNREAD: _unread_by_zeros}),
    Mutant("fed by nothing", "SUR-06", "X33: units without inputs taken for silent", {UNREAD: _fed_by_nothing}),
    Mutant("one layer deep", "SUR-06", "dead paths not followed", {UNREAD: _one_layer_deep}),
    Mutant("unread group kept whole", "SUR-06", "a group without readers", {UNREAD: _readers_needed}),
    Mutant("unread group emptied", "SUR-06", "M48: nothing left of a layer", {UNREAD: _emptied_if_unread}),
    Mutant(
        "duplicates accepted",
        "SUR-07",
        "M49: duplicates in the list",
        {WITHOUT: _lenient(refuse_twice=False, refuse_negative=True)},
    ),
    Mutant(
        "-1 is the last",
        "SUR-07",
        "U45: indices taken from the end",
        {WITHOUT: _lenient(refuse_twice=True, refuse_negative=False)},
    ),
    Mutant("out of range ignored", "SUR-07", "U45: indices clipped", {WITHOUT: _clipped}),
    Mutant("True is 1", "SUR-07", "M21: a bool accepted", {WITHOUT: _bool_is_index}),
    Mutant("strangers ignored", "SUR-07", "a name that matches nothing", {WITHOUT: _strangers_ignored}),
    Mutant("deleted one by one", "SUR-09", "M49: indices shift while they are used", {WITHOUT: _one_after_another}),
    Mutant("empty list looks for zeros", "SUR-10", "U45: an empty list is no no-op", {COMPACT: _empty_means_zeros}),
    Mutant("classifier pruned", "SUR-11", "M33: Torch-Pruning", {FIND: _output_too}),
    Mutant("masks dense again", "SUR-12", "M83: masks dropped on the way", {COMPACT: _masks_dense_again}),
    Mutant("frozen layer thawed", "SUR-12", "M52: Torch-Pruning, fasterai#92", {COMPACT: _thawed}),
    Mutant("masks must be complete", "SUR-12", "a missing mask is dense", {COMPACT: _slots_as_they_were}),
    Mutant(
        "old state",
        "SUR-12",
        "M50, M51: NNI, fasterai: the optimiser keeps what it had",
        {FIND: _parameters_only, COMPACT: _old_state},
    ),
    Mutant("asked before", "SUR-13", "M53: Torch-Pruning: one default object for all", backend=_Remembering()),
    Mutant("removed in place", "SUR-13", "Torch-Pruning: surgery in place", {COMPACT: _in_place}),
    Mutant("untouched handed back", "SUR-13", "U17: results alias what was given", {COMPACT: _handed_back}),
    Mutant("splits unchecked", "SUR-14", "groups of a larger record: a size below 0", {SMALLER: _unchecked_splits}),
    Mutant("indices clipped", "SUR-14", "groups of another network", {CHECK: lambda *asked: None, TAKE: _clipped_take}),
    Mutant("array not named", "SUR-14", "an error that does not say where", {CHECK: _unnamed}),
    Mutant("strange unit masks ignored", "SUR-14", "a name that matches nothing", {CUT: _strange_masks_cut}),
    Mutant("strange entry masks ignored", "SUR-14", "a name that matches nothing", {UNREAD: _strange_masks_unread}),
    Mutant("group after group", "SUR-15", "M43: indices of arrays that have changed", {COMPACT: _group_after_group}),
    Mutant("last group decides", "SUR-15", "M44: one group for a whole array", {COMPACT: _last_group}),
    Mutant("old sizes", "SUR-16", "M44: NNI: the sizes of a split stay", {SMALLER: _sizes(lambda old, new: old)}),
    Mutant("even parts", "SUR-16", "M44: Torch-Pruning: a split in equal parts", {SMALLER: _sizes(_even)}),
    Mutant("taken from the last part", "SUR-16", "M44: the border stays", {SMALLER: _sizes(_from_the_last)}),
    Mutant("removed come back", "SUR-17", "M70: masks are not held while retraining", {SETTLED: _unmasked}),
    Mutant(
        "old momentum",
        "SUR-17",
        "M51: fasterai: optimiser state sliced as if the first units had stayed",
        {TAKE: _first_entries},
    ),
    Mutant(
        "two rows are a duplicate", "SUR-01", "a unit that is named by both of its rows", {WITHOUT: _duplicates_by_unit}
    ),
    Mutant("channels told", "SUR-02", "M46: of a depthwise layer", backend=_ChannelsTold()),
    Mutant("rows of one group told", "SUR-02", "M44: a layer with several groups", {ROWS: _last_group_told}),
    Mutant("survivors made numbers", "SUR-02", "nan_to_num on the way", {TAKE: _cleaned}),
    Mutant("subnormals flushed", "SUR-02", "the smallest numbers become 0", {TAKE: _flushed}),
    Mutant("last reader alone", "SUR-06", "another reads the unit still", {READ: _reader(lambda parts: parts[-1:])}),
    Mutant("first column alone", "SUR-06", "M41: units of several columns", {READ: _reader(_first_columns)}),
    Mutant("once from the back", "SUR-06", "a group that is read before it is made", {UNREAD: _once_from_the_back}),
    Mutant("one empty list", "SUR-10", "U45: nothing of one layer is nothing at all", backend=_Emptied()),
    Mutant("request sorted", "SUR-13", "the caller's lists are changed", backend=_Sorting()),
    Mutant(
        "statistics of any length",
        "SUR-14",
        "M38: running statistics are not looked at",
        {CHECK: _statistics_unchecked},
    ),
    Mutant("rows, then no columns", "SUR-15", "M40: a layer between two that lose units", {TAKE: _one_axis}),
    Mutant("rows for columns", "SUR-15", "M36: hidden by square weights", {TAKE: _square}),
    Mutant("layer by layer", "SUR-15", "M49: indices of arrays that have changed", backend=_LayerByLayer()),
    Mutant("first split alone", "SUR-16", "M44: a second split keeps its sizes", {SMALLER: _first_split}),
    Mutant("last group of a part", "SUR-16", "M44: a part with units of two groups", {SMALLER: _last_of_a_part}),
)
