"""Wrong removals."""

from typing import Any

import numpy as np

from refprune.arrays import is_weight
from spec_tests.backends.reference import Reference
from spec_tests.mutants.coupling import _output_too
from spec_tests.mutants.mutant import Mutant, original

SURGERY = "refprune.surgery"
COMPACT, KEPT, TAKE, WITHOUT = (f"{SURGERY}.{name}" for name in ("compact", "_kept", "_take", "masks_without"))
CUT, UNREAD = f"{SURGERY}.cut_outgoing", f"{SURGERY}.unread_units"
CHECK = "refprune.granularity.check_parts"
_compact, _kept, _take, _without = (original(path) for path in (COMPACT, KEPT, TAKE, WITHOUT))
_cut, _unread, _check_parts = original(CUT), original(UNREAD), original(CHECK)


def _reader_bias_too(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Cut the reader's bias like its columns."""
    arrays, groups = dict(arrays), tuple(groups)
    right = _compact(arrays, groups, unit_masks)
    for group in groups:
        for part in group.consumers:
            bias = part.array.replace(".weight", ".bias")
            right.arrays[bias] = right.arrays[bias][: len(right.kept[group.name])]
    return right


def _scrambled(group: Any, unit_masks: Any) -> Any:
    """Keep the units in the order of no order: last first."""
    return _kept(group, unit_masks)[::-1]


def _without_signs(array: Any, part: Any, kept: Any) -> Any:
    """Lose the sign of zero in a sum."""
    return _take(array, part, kept) + 0.0


def _as_float64(array: Any, part: Any, kept: Any) -> Any:
    """Widen what is left."""
    return _take(array, part, kept).astype(np.float64)


def _renumbered(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Tell the new indices in place of the original ones."""
    right = _compact(arrays, groups, unit_masks)
    return right._replace(kept={name: np.arange(len(kept)) for name, kept in right.kept.items()})


def _zeros_too(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Remove units of weight 0 as well."""
    groups = tuple(groups)
    live = {group.name: _alive(arrays[f"{group.name}.weight"]) for group in groups}
    masks = {group.name: unit_masks.get(group.name, True) & live[group.name] for group in groups}
    return _compact(arrays, groups, {name: mask if mask.any() else mask | True for name, mask in masks.items()})


def _alive(weight: Any) -> Any:
    return weight.reshape(len(weight), -1).any(axis=1)


def _emptied(group: Any, unit_masks: Any) -> Any:
    """Leave a layer without units."""
    return np.flatnonzero(unit_masks.get(group.name, np.ones(group.size, bool)))


def _one_left(group: Any, unit_masks: Any) -> Any:
    """Keep the first unit silently where all were to go."""
    kept = _emptied(group, unit_masks)
    return kept if kept.size else np.zeros(1, int)


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
    cut = {name: array.copy() for name, array in arrays.items()}
    for group in groups:
        for part in group.producers:
            cut[part.array][~unit_masks[group.name]] = 0
    return cut


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


def _lenient(*, refuse_twice: bool, refuse_negative: bool) -> Any:
    """Take lists as NumPy's indexing takes them."""

    def without(groups: Any, units: Any) -> Any:
        groups = tuple(groups)
        sizes = {group.name: group.size for group in groups}
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
    sizes = {group.name: group.size for group in groups}
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
    known = {group.name for group in groups}
    return _without(groups, {name: gone for name, gone in units.items() if name in known})


def _one_after_another(groups: Any, units: Any) -> Any:
    """Delete index after index from a list that gets shorter."""
    masks = _without(groups, units)
    for name, gone in units.items():
        left = list(range(len(masks[name])))
        for unit in sorted(gone):
            del left[min(unit, len(left) - 1)]
        masks[name] = np.isin(np.arange(len(masks[name])), left)
    return masks


def _empty_means_zeros(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Look for zeros where nothing is named."""
    named = any(not mask.all() for mask in unit_masks.values())
    return (_compact if named else _zeros_too)(arrays, groups, unit_masks)


def _masks_dense_again(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Forget the masks when the network gets smaller."""
    right = _compact(arrays, groups, unit_masks)
    dense = {name: np.ones_like(a) if a.dtype == bool else a for name, a in right.arrays.items()}
    return right._replace(arrays=dense)


def _slots_as_they_were(arrays: Any, groups: Any, unit_masks: Any) -> Any:
    """Refuse arrays that are not all there, as masks seldom are."""
    groups = tuple(groups)
    for group in groups:
        for part in (*group.producers, *group.consumers):
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


def _clipped_take(array: Any, part: Any, kept: Any) -> Any:
    """Clip indices that are too high."""
    indices = (kept[:, None] * part.span + np.arange(part.span)).ravel()
    return np.take(array, indices, axis=min(part.axis, array.ndim - 1), mode="clip")


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


MUTANTS = (
    Mutant("reader's bias cut", "SUR-01", "consumer bias touched", {COMPACT: _reader_bias_too}),
    Mutant("order scrambled", "SUR-02", "M49: kept order of a set", {KEPT: _scrambled}),
    Mutant("kept as a set", "SUR-02", "M49: kept order of a set", backend=_Unordered()),
    Mutant("lies about other layers", "SUR-02", "layers told that nobody asked about", backend=_Liar()),
    Mutant("sign of zero lost", "SUR-02", "M82: survivors recomputed", {TAKE: _without_signs}),
    Mutant("widened", "SUR-02", "U47: dtype not preserved", {TAKE: _as_float64}),
    Mutant("new indices told", "SUR-02", "M49: kept indices renumbered", {COMPACT: _renumbered}),
    Mutant("zeros removed too", "SUR-03", "M58: units inferred from zeros", {COMPACT: _zeros_too}),
    Mutant("layer emptied", "SUR-04", "M48: torch.ao at sparsity 1", {KEPT: _emptied}),
    Mutant("first unit kept silently", "SUR-04", "M47: the request is changed without a word", {KEPT: _one_left}),
    Mutant(
        "kept units swapped",
        "SUR-05",
        "M14: the mask inverted",
        {KEPT: lambda g, m: _kept(g, {n: ~x for n, x in m.items()})},
    ),
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
    Mutant("classifier pruned", "SUR-11", "M33: Torch-Pruning", {"refprune.coupling.find_groups": _output_too}),
    Mutant("masks dense again", "SUR-12", "M83: masks dropped on the way", {COMPACT: _masks_dense_again}),
    Mutant("masks must be complete", "SUR-12", "a missing mask is dense", {COMPACT: _slots_as_they_were}),
    Mutant("removed in place", "SUR-13", "Torch-Pruning: surgery in place", {COMPACT: _in_place}),
    Mutant("untouched handed back", "SUR-13", "U17: results alias what was given", {COMPACT: _handed_back}),
    Mutant("indices clipped", "SUR-14", "groups of another network", {CHECK: lambda *asked: None, TAKE: _clipped_take}),
    Mutant("array not named", "SUR-14", "an error that does not say where", {CHECK: _unnamed}),
    Mutant("strange unit masks ignored", "SUR-14", "a name that matches nothing", {CUT: _strange_masks_cut}),
    Mutant("strange entry masks ignored", "SUR-14", "a name that matches nothing", {UNREAD: _strange_masks_unread}),
)
