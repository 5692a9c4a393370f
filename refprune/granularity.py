"""Granularity: which entries stand or fall together.

In: signed contributions of entries. Out: one score for each thing that is selected, and back again from
its mask to the masks of the arrays. A granularity is a record of pure functions; groups are plain data.
Specification: docs/spec/granularity.md.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refprune.arrays import Array, Mask, Masks, Params, Scores, check_float_arrays, check_masks, is_weight
from refprune.errors import InvalidInput, check_integer

Contributions = Mapping[str, Array]
"""Name -> signed evidence for every entry; a score is a reduction of it."""
Labels = NDArray[np.intp]
Reducer = Callable[[Array, Labels, int], Array]
"""(contributions as float64 (entries,), the unit of each entry (entries,), units) -> scores (units,)."""


class Granularity(NamedTuple):
    """How entries become the things that are selected, and back."""

    reduce: Callable[[Contributions], dict[str, Array]]
    """Contributions of entries -> scores of units, in new arrays [CRI-11]."""
    expand: Callable[[Masks, Params], dict[str, Mask]]
    """Masks of units -> masks of the arrays."""
    collapse: Callable[[Masks, Params], dict[str, Mask]]
    """Masks of the arrays -> masks of units; refuses a unit that is half removed."""
    min_kept: int | Mapping[str, int]
    """How many each tensor of units keeps whatever is asked; or tensor -> how many."""
    multiple: int = 1
    """What each tensor of units keeps is rounded up to a multiple of this."""


def l1(contributions: Array, units: Labels, count: int) -> Array:
    """Return `sum |c|` [Li2017]."""
    return np.bincount(units, np.abs(contributions), count)  # GRA-02


def l2(contributions: Array, units: Labels, count: int) -> Array:
    """Return `sqrt(sum c^2)`."""
    return np.sqrt(np.bincount(units, contributions**2, count))  # GRA-03


def mean(contributions: Array, units: Labels, count: int) -> Array:
    """Return `sum |c| / entries`."""
    return l1(contributions, units, count) / np.bincount(units, minlength=count)  # GRA-04


def maximum(contributions: Array, units: Labels, count: int) -> Array:
    """Return `max |c|`."""
    scores = np.zeros(count)
    np.maximum.at(scores, units, np.abs(contributions))  # GRA-05
    return scores


def sum_then_square(contributions: Array, units: Labels, count: int) -> Array:
    """Return `(sum c)^2`: contributions of opposite sign cancel [Molchanov2019]."""
    return np.bincount(units, contributions, count) ** 2  # GRA-06


REDUCERS: Mapping[str, Reducer] = {
    "l1": l1,
    "l2": l2,
    "mean": mean,
    "max": maximum,
    "sum_then_square": sum_then_square,
}
"""What the command line and an adapter call each reducer."""


def element() -> Granularity:
    """Return the granularity of single entries; the score of an entry is `|c|`, in the dtype of c."""
    return Granularity(_absolute, _as_given, _as_given, min_kept=0)


def _absolute(contributions: Contributions) -> dict[str, Array]:
    check_float_arrays("contributions", contributions)
    return {name: np.asarray(np.abs(array)) for name, array in contributions.items()}  # GRA-01, GRA-20, CRI-11


def _as_given(masks: Masks, params: Params) -> dict[str, Mask]:
    check_masks(masks, params)
    return dict(masks)


def block(rows: int | None, columns: int | None, reducer: Reducer = l1) -> Granularity:
    """Return the granularity of tiles of the matrix (shape[0], product of the rest); None = all of them.

    Tiles start at index 0; those at the far edges are cropped. `block(1, None)` is a row,
    `block(1, kh * kw)` a kernel. Tile masks have the shape of the grid of tiles.

    Raises:
        InvalidInput: a side that is not a positive integer.
    """
    for what, side in (("rows", rows), ("columns", columns)):
        if side is not None:
            check_integer(f"block {what}", side, least=1)  # GRA-18

    def reduce(contributions: Contributions) -> dict[str, Array]:
        check_float_arrays("contributions", contributions)
        return {name: _reduce_tiles(array, rows, columns, reducer) for name, array in contributions.items()}

    def expand(masks: Masks, params: Params) -> dict[str, Mask]:
        tiles = {name: tile_labels(array.shape, rows, columns) for name, array in params.items() if name in masks}
        check_masks(masks, {name: np.empty(grid) for name, (_, grid) in tiles.items()})
        return {name: _spread_tiles(mask, tiles[name][0], params[name].shape) for name, mask in masks.items()}

    def collapse(masks: Masks, params: Params) -> dict[str, Mask]:
        check_masks(masks, params)
        return {name: _collapse_tiles(name, mask, rows, columns) for name, mask in masks.items()}

    return Granularity(reduce, expand, collapse, min_kept=0)


def tile_labels(shape: tuple[int, ...], rows: int | None, columns: int | None) -> tuple[Labels, tuple[int, int]]:
    """Return the tile of every entry (flat, C order) and the shape of the grid of tiles."""
    if not shape:
        raise InvalidInput("block", "an array of shape ()", "at least one axis")
    height, width = shape[0], int(np.prod(shape[1:]))
    tile_rows = np.arange(height) // (rows or max(height, 1))  # GRA-07
    tile_columns = np.arange(width) // (columns or max(width, 1))
    grid = tuple(int(tiles[-1]) + 1 if tiles.size else 0 for tiles in (tile_rows, tile_columns))
    return (tile_rows[:, None] * grid[1] + tile_columns).ravel(), (grid[0], grid[1])


def _reduce_tiles(array: Array, rows: int | None, columns: int | None, reducer: Reducer) -> Array:
    labels, grid = tile_labels(array.shape, rows, columns)
    return reducer(np.ravel(array).astype(np.float64), labels, grid[0] * grid[1]).reshape(grid)


def _spread_tiles(mask: Mask, labels: Labels, shape: tuple[int, ...]) -> Mask:
    return np.ravel(mask)[labels].reshape(shape)  # GRA-12


def _collapse_tiles(name: str, mask: Mask, rows: int | None, columns: int | None) -> Mask:
    labels, grid = tile_labels(mask.shape, rows, columns)
    return _uniform(name, np.ravel(mask), labels, grid[0] * grid[1]).reshape(grid)


def _uniform(name: str, mask: Mask, labels: Labels, count: int) -> Mask:
    """Return the mask of the units, refusing one that is removed in part."""
    kept = np.bincount(labels, mask, count)
    if ((kept > 0) & (kept < np.bincount(labels, minlength=count))).any():  # GRA-16
        raise InvalidInput(f"mask of {name!r}", "a unit removed in part", "units kept or removed as a whole")
    whole: Mask = kept > 0
    return whole


class Slice(NamedTuple):
    """Where the units of a group are in one array: the unit that each index along `axis` belongs to."""

    array: str
    axis: int
    units: tuple[int, ...]
    """(length of the axis,); -1 where no unit of the group is."""


class Group(NamedTuple):
    """`size` coupled units: what makes each one, what is kept about it, what reads it."""

    name: str
    size: int
    producers: tuple[Slice, ...]
    """Rows of weights, biases, gamma and beta: masked with the unit, and removed with it."""
    consumers: tuple[Slice, ...]
    """Columns of the weights behind: never masked, removed with the unit."""
    statistics: tuple[Slice, ...] = ()
    """Running means and variances: never masked, removed with the unit."""
    values: tuple[Slice, ...] = ()
    """Where the units are in what the nodes compute: value names in place of arrays, axis 0."""

    @property
    def parts(self) -> tuple[Slice, ...]:
        """Return all slices of arrays."""
        return self.producers + self.consumers + self.statistics


def unit(
    groups: Iterable[Group],
    reducer: Reducer = l1,
    min_kept: int | Mapping[str, int] = 1,
    multiple: int = 1,
    combine: Reducer | None = None,
) -> Granularity:
    """Return the granularity of coupled units; scores and unit masks are (size,) by group name.

    The score of a unit is the reduction over the WEIGHTS that make it (biases are never ranked): over all
    their entries together, or, with `combine`, over each weight by itself and then over those scores.
    Contributions that are already one for each unit, keyed by the producing weight, are only squared
    or made absolute by the reducer.
    """
    groups = tuple(groups)
    names = [group.name for group in groups]
    if len(set(names)) != len(names):
        raise InvalidInput("groups", f"names {names}", "one name for each group")

    def reduce(contributions: Contributions) -> dict[str, Array]:
        check_float_arrays("contributions", contributions)
        return {group.name: _reduce_group(group, contributions, reducer, combine) for group in groups}

    def expand(masks: Masks, params: Params) -> dict[str, Mask]:
        check_unit_masks(groups, masks)
        kept: dict[str, Mask] = {}
        for group in (group for group in groups if group.name in masks):
            check_parts(group, group.producers, params)
            for part in group.producers:
                mask = spread(masks[group.name], part, params[part.array].shape)
                kept[part.array] = mask & kept[part.array] if part.array in kept else mask  # GRA-09
        return kept

    def collapse(masks: Masks, params: Params) -> dict[str, Mask]:
        check_masks(masks, params)
        return {group.name: _collapse_group(group, masks, params) for group in groups}

    return Granularity(reduce, expand, collapse, min_kept, multiple)  # GRA-19


def check_unit_masks(groups: Iterable[Group], unit_masks: Masks) -> None:
    """Refuse masks that do not fit groups by name, size or dtype."""
    check_masks(unit_masks, {group.name: np.empty(group.size) for group in groups})


def check_parts(group: Group, parts: Iterable[Slice], arrays: Mapping[str, Array]) -> None:
    """Refuse slices that do not cut an array that is there into the units of the group."""
    for part in parts:
        if part.array not in arrays:
            raise InvalidInput(f"group {group.name!r}", f"no {part.array!r}", f"one of {sorted(arrays)}")
        shape, length = arrays[part.array].shape, len(part.units)
        if not 0 <= part.axis < len(shape) or shape[part.axis] != length:
            got = f"array {part.array!r} of shape {shape}"
            raise InvalidInput(f"group {group.name!r}", got, f"length {length} along axis {part.axis}")
        if part.units and not -1 <= min(part.units) <= max(part.units) < group.size:
            got = f"units {min(part.units)} to {max(part.units)} in {part.array!r}"
            raise InvalidInput(f"group {group.name!r}", got, f"units 0 to {group.size - 1}, and -1 for none")  # GRA-18


def unit_labels(part: Slice, shape: tuple[int, ...]) -> Labels:
    """Return the unit of every entry (flat, C order) of an array of this shape, -1 for none."""
    others = [length if axis == part.axis else 1 for axis, length in enumerate(shape)]
    return np.broadcast_to(np.reshape(part.units, others), shape).ravel()


def spread(mask: Mask, part: Slice, shape: tuple[int, ...]) -> Mask:
    """Return the mask of one array from the mask (size,) of its units; what is in no unit is kept."""
    others = [length if axis == part.axis else 1 for axis, length in enumerate(shape)]
    return np.broadcast_to(along(mask, part).reshape(others), shape).copy()  # GRA-09


def along(mask: Mask, part: Slice) -> Mask:
    """Return the mask of the indices along the slice's axis, from the mask (size,) of the units."""
    return np.append(mask, True)[np.asarray(part.units, np.intp)]  # -1, no unit of the group, takes the last


def _reduce_group(group: Group, contributions: Contributions, reducer: Reducer, combine: Reducer | None) -> Array:
    ranked = [part for part in group.producers if is_weight(part.array)]
    if not ranked:
        raise InvalidInput(f"group {group.name!r}", f"producers {group.producers}", "at least one weight")
    check_parts(group, ranked, contributions)
    members = [_member(part, contributions[part.array]) for part in ranked]
    if combine is None:
        values, labels = (np.concatenate(each) for each in zip(*members, strict=True))
        return reducer(values, labels, group.size)  # GRA-08
    scores = [reducer(values, labels, group.size) for values, labels in members]
    return combine(np.concatenate(scores), np.tile(np.arange(group.size), len(scores)), group.size)  # GRA-21


def _member(part: Slice, contributions: Array) -> tuple[Array, Labels]:
    """Return the contributions, as float64, that belong to a unit, and the unit of each."""
    labels = unit_labels(part, contributions.shape)
    values = np.ravel(contributions).astype(np.float64)  # GRA-17
    return values[labels >= 0], labels[labels >= 0]


def _collapse_group(group: Group, masks: Masks, params: Params) -> Mask:
    check_parts(group, group.producers, params)
    whole = [masks.get(part.array, np.ones(params[part.array].shape, np.bool_)) for part in group.producers]
    labels = np.concatenate([unit_labels(*each) for each in zip(group.producers, map(np.shape, whole), strict=True)])
    values = np.concatenate([np.ravel(mask) for mask in whole])
    return _uniform(group.name, values[labels >= 0], labels[labels >= 0], group.size)


def n_of_m(scores: Scores, keep: int, of: int, within: Masks | None = None, axis: int = 1) -> dict[str, Mask]:
    """Return the masks that KEEP the `keep` best of every `of` consecutive entries along `axis`.

    Runs restart at each row; a run keeps min(alive, keep), a tail of r keeps min(alive, ceil(keep r / of)).
    Ties keep the first. There is no sparsity and no count; a run with fewer alive is no error.

    Raises:
        InvalidInput: not 1 <= keep <= of, an array without that axis, a NaN score of an alive entry.
    """
    keep = check_integer("keep", keep, least=1)
    of, axis = check_integer("of", of, least=keep), check_integer("axis", axis, least=0)
    check_float_arrays("scores", scores)
    check_masks(within or {}, scores)
    return {name: _n_of_m(name, array, keep, of, (within or {}).get(name), axis) for name, array in scores.items()}


def _n_of_m(name: str, scores: Array, keep: int, of: int, alive: Mask | None, axis: int) -> Mask:
    if axis >= scores.ndim:
        raise InvalidInput(f"scores {name!r}", f"shape {scores.shape}", f"an axis {axis}")  # GRA-18
    alive = np.ones(scores.shape, np.bool_) if alive is None else alive
    if np.isnan(scores[alive]).any():
        raise InvalidInput(f"scores {name!r}", "NaN at an alive entry", "numbers, finite or infinite")
    lines, live = np.moveaxis(scores, axis, -1), np.moveaxis(alive, axis, -1)
    kept = [
        _keep_in_run(lines[..., start : start + of], live[..., start : start + of], keep, of)
        for start in range(0, lines.shape[-1], of)  # GRA-13
    ]
    return np.moveaxis(np.concatenate([live[..., :0], *kept], axis=-1), -1, axis)


def _keep_in_run(scores: Array, alive: Mask, keep: int, of: int) -> Mask:
    """Return what runs (..., r) keep: the order of SEL-04 within each run."""
    order = np.lexsort((-scores, ~alive), axis=-1)  # stable: position ascending  # GRA-14
    rank = np.argsort(order, axis=-1, kind="stable")
    kept: Mask = (rank < run_quota(keep, of, scores.shape[-1])) & alive  # GRA-10, GRA-15
    return kept


def run_quota(keep: int, of: int, length: int) -> int:
    """Return how many a run of `length` keeps: `ceil(keep * length / of)`, which is `keep` for a whole run."""
    return -(-keep * length // of)  # GRA-11
