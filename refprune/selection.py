"""Selection: scores -> masks. How many go, who goes first, what a tie means, who competes with whom.

In: named scores (higher is kept), a sparsity, what is still alive. Out: named bool masks, True = kept.
Knows nothing of networks: every decision here can be compared with any library on given scores.
Specification: docs/spec/selection.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from refprune.arrays import Array, Mask, Masks, Scores, check_float_arrays, check_masks
from refprune.errors import InvalidInput, check_fraction, check_generator, check_integer, is_integer

Sparsity = float | int
"""A float is the fraction of the pool removed afterwards; an int is the number of entries removed afterwards."""
Pools = Mapping[str, tuple[str, ...]]
"""Pool -> names of the tensors that compete in it."""
Scope = Callable[[Iterable[str]], Pools]
"""Names -> pools."""
Least = int | Mapping[str, int]
"""A number for every tensor, or tensor -> number (0 for one that is not named)."""
SAMPLE = 1 << 16
"""Values that are sampled to find a threshold among many more; any number gives the same masks."""


class Selection(NamedTuple):
    """Masks, and for each pool how many of the entries it was asked to remove it could not."""

    masks: dict[str, Mask]
    short: dict[str, int]


def local(names: Iterable[str]) -> Pools:
    """Return one pool for each tensor."""
    return {name: (name,) for name in names}  # SEL-08


def global_(names: Iterable[str]) -> Pools:
    """Return one pool of all tensors, in the order given."""
    return {"global": tuple(names)}  # SEL-09


def select(
    scores: Scores,
    sparsity: Sparsity | Mapping[str, Sparsity],
    scope: Scope = local,
    within: Masks | None = None,
    min_kept: Least = 0,
    multiple: int = 1,
) -> Selection:
    """Return the masks that remove exactly the stated part of every pool.

    Args:
        scores: floating-point arrays of any shape; those of removed entries are ignored.
        sparsity: of every pool, or pool -> sparsity.
        scope: who competes with whom.
        within: what is still alive (a missing name: all of it); nothing removed ever returns.
        min_kept: how many of its best alive entries each tensor keeps whatever is asked.
        multiple: what each tensor keeps is rounded up to a multiple of this, as far as that many are alive.

    Raises:
        InvalidInput: a NaN score of an alive entry, a sparsity that is not one, a target below what is
            already removed, an empty pool, masks that do not fit. Nothing has changed.
    """
    check_float_arrays("scores", scores)
    check_masks(within or {}, scores)
    least, multiple = _least(min_kept, scores), check_integer("multiple", multiple, least=1)
    pools = checked_pools(scope(scores), scores)
    targets = _targets(pools, sparsity)
    alive = {name: _alive(name, array, within or {}) for name, array in scores.items()}  # SEL-19
    masks: dict[str, Mask] = {}
    short: dict[str, int] = {}
    for pool, names in pools.items():
        kept, missed = _select_pool(pool, names, scores, alive, targets[pool], least)
        rounded = {name: _rounded(scores[name], alive[name], mask, multiple) for name, mask in kept.items()}
        masks |= rounded
        short[pool] = missed + _kept_count(rounded) - _kept_count(kept)  # SEL-11
    return Selection({name: masks[name] for name in scores}, short)  # SEL-13


def _least(min_kept: Least, names: Iterable[str]) -> dict[str, int]:
    """Return how many each tensor keeps."""
    given = min_kept if isinstance(min_kept, Mapping) else dict.fromkeys(names, min_kept)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InvalidInput("min_kept", f"tensors {unknown}", f"some of {sorted(names)}")
    return {name: check_integer("min_kept", given.get(name, 0), least=0) for name in names}


def least_under_caps(sizes: Mapping[str, int], caps: Mapping[str, float]) -> dict[str, int]:
    """Return how many each tensor keeps so that at most the part `caps` of it is removed, and one stays.

    `min_kept = max(1, n - floor(cap * n))`: the cap holds after the step, whatever was removed before.

    Raises:
        InvalidInput: a cap that is no number in [0, 1], or of an unknown tensor.
    """
    unknown = sorted(set(caps) - set(sizes))
    if unknown:
        raise InvalidInput("caps", f"tensors {unknown}", f"some of {sorted(sizes)}")
    for name, cap in caps.items():
        check_fraction(f"cap of {name!r}", cap)
    return {name: max(1, size - int(float(caps.get(name, 1.0)) * size)) for name, size in sizes.items()}  # SEL-20


def _rounded(scores: Array, alive: Mask, kept: Mask, multiple: int) -> Mask:
    """Return the best alive entries, as many as are kept, rounded up to the multiple if so many are alive."""
    count = int(np.count_nonzero(kept))
    wanted = min(-(-count // multiple) * multiple, int(np.count_nonzero(alive)))
    return kept if wanted == count else reserve(scores, alive, wanted)  # SEL-21


def _kept_count(masks: Masks) -> int:
    return sum(int(np.count_nonzero(mask)) for mask in masks.values())


def checked_pools(pools: Pools, names: Iterable[str]) -> Pools:
    """Return the pools, tensors in the order of `names`, if every tensor is in exactly one of them."""
    names, pooled = list(names), sorted(name for members in pools.values() for name in members)
    if pooled != sorted(names):  # SEL-17
        raise InvalidInput("pools", f"tensors {pooled}", f"each of {sorted(names)} exactly once")
    if not pools or not all(pools.values()):  # SEL-12
        raise InvalidInput("pools", dict(pools), "at least one, each of at least one tensor")
    return {pool: tuple(name for name in names if name in members) for pool, members in pools.items()}  # SEL-04


def _targets(pools: Pools, sparsity: Sparsity | Mapping[str, Sparsity]) -> Mapping[str, Sparsity]:
    """Return the sparsity of each pool."""
    if not isinstance(sparsity, Mapping):
        return dict.fromkeys(pools, sparsity)
    if set(sparsity) != set(pools):  # SEL-22
        raise InvalidInput("sparsity", f"pools {sorted(sparsity)}", f"exactly {sorted(pools)}")
    return sparsity


def _alive(name: str, scores: Array, within: Masks) -> Mask:
    """Return what is alive: what `within` says, never what is nonzero."""
    alive = within[name] if name in within else np.ones(scores.shape, np.bool_)  # SEL-06
    nan = np.isnan(scores)
    if nan.any() and (nan & alive).any():
        raise InvalidInput(f"scores {name!r}", "NaN at an alive entry", "numbers, finite or infinite")  # SEL-07
    return alive


def _select_pool(
    pool: str, names: tuple[str, ...], scores: Scores, alive: Masks, sparsity: Sparsity, least: Mapping[str, int]
) -> tuple[dict[str, Mask], int]:
    """Return the masks of the pool's tensors, and how many entries it is short."""
    size = sum(scores[name].size for name in names)
    if size == 0:
        raise InvalidInput(f"pool {pool!r}", "no entries", "at least one entry")  # SEL-12
    count = removal_count(sparsity, size)
    check_nested(pool, count, size - sum(int(np.count_nonzero(alive[name])) for name in names))
    ranked, living = [scores[name] for name in names], [alive[name] for name in names]
    if not any(least[name] for name in names):
        return dict(zip(names, keep_best_fast(ranked, living, count), strict=True)), 0
    set_aside = [reserve(scores[name], alive[name], least[name]) for name in names]
    flat_scores, flat_alive, reserved = (_joined(arrays) for arrays in (ranked, living, set_aside))
    short = max(0, count - (size - int(np.count_nonzero(reserved))))  # SEL-11
    return _split(keep_best(flat_scores, flat_alive, count - short, reserved), names, scores), short


def _joined(arrays: Iterable[Array]) -> Array:
    """Return the entries of all arrays in the order of the pool: array by array, each in C order."""
    return np.concatenate([np.ravel(array, order="C") for array in arrays])  # SEL-14


def removal_count(sparsity: Sparsity, size: int) -> int:
    """Return how many of `size` entries are removed: `round(float(sparsity) * size)`, half to even.

    The product is the IEEE double product; size counts removed entries too. An int is the count itself.

    Raises:
        InvalidInput: a bool, NaN, a float outside [0, 1], an int outside [0, size], or no number at all.
    """
    if is_integer(sparsity):
        if not 0 <= sparsity <= size:
            raise InvalidInput("sparsity", f"the count {sparsity}", f"a count in [0, {size}]")
        return int(sparsity)  # SEL-02
    check_fraction("sparsity", sparsity)  # SEL-03
    return round(float(sparsity) * size)  # SEL-01


def random_masks(
    shapes: Mapping[str, tuple[int, ...]], sparsity: Sparsity, rng: np.random.Generator, scope: Scope = local
) -> dict[str, Mask]:
    """Return masks of a uniformly drawn selection: one score from U[0, 1) for each entry, then `select`."""
    check_generator(rng)
    return select({name: rng.random(shape) for name, shape in shapes.items()}, sparsity, scope).masks  # SEL-16


def keep_best(scores: Array, alive: Mask, count: int, reserved: Mask | None = None) -> Mask:
    """Return the mask that keeps all but `count` entries of a flat pool: the audited form.

    Kept are the first n - count entries in the order: reserved first, alive first, score descending,
    position ascending. -0.0 equals +0.0. No default sort decides anything: lexsort is stable and the
    position is a key of its own, so the same entries go on every machine.
    """
    rank_last = ~alive if reserved is None else ~reserved
    position = np.arange(scores.size)
    order = np.lexsort((position, -scores, ~alive, rank_last))  # SEL-04
    kept = np.zeros(scores.size, np.bool_)
    kept[order[: scores.size - count]] = True  # SEL-15
    return kept


def keep_best_fast(scores: Sequence[Array], alive: Sequence[Mask], count: int) -> list[Mask]:
    """Return `keep_best` of the tensors of a pool, each mask in its tensor's shape, without sorting or copying them.

    What lies above a bracket around the threshold stays, what lies below goes, and only the entries between are
    partitioned. Where the bracket misses the threshold, all that is alive lies between.
    """
    left = sum(array.size for array in scores) - count
    pairs = list(zip(scores, alive, strict=True))
    low, high = _bracket(pairs, left)
    masks = [np.asarray(living & (array > high)) for array, living in pairs]  # SEL-18
    places = [
        np.flatnonzero((living & (array >= low)) ^ mask) for (array, living), mask in zip(pairs, masks, strict=True)
    ]
    wanted = left - sum(int(np.count_nonzero(mask)) for mask in masks)
    if not 0 <= wanted <= sum(place.size for place in places):
        masks, wanted = [np.zeros(array.shape, np.bool_) for array in scores], left
        places = [np.flatnonzero(living) for living in alive]
    between = [np.ravel(array).take(place) for array, place in zip(scores, places, strict=True)]
    parts = np.split(_first_best(np.concatenate(between), wanted), np.cumsum([part.size for part in between])[:-1])
    for mask, place, kept in zip(masks, places, parts, strict=True):
        mask.flat[place[kept]] = True  # C order, as flatnonzero  # SEL-14
    return masks


def _first_best(scores: Array, wanted: int) -> Mask:
    """Return the mask of the `wanted` highest scores, of ties the first."""
    if wanted == 0:
        return np.zeros(scores.size, np.bool_)
    threshold = np.partition(scores, scores.size - wanted)[scores.size - wanted]
    kept: Mask = scores > threshold
    ties = np.flatnonzero(scores == threshold)
    kept[ties[: wanted - int(np.count_nonzero(kept))]] = True  # SEL-04
    return kept


def _bracket(pairs: Sequence[tuple[Array, Mask]], wanted: int) -> tuple[Any, Any]:
    """Return two scores that the `wanted`-th highest alive one probably lies between; the infinities, if few are alive.

    Its place in a sample of m has a standard deviation of at most sqrt(m) / 2; the bracket is 8 of them wide.
    """
    step = max(1, sum(array.size for array, _ in pairs) // SAMPLE)
    if step < 4:  # partitioning everything is as fast
        return -np.inf, np.inf
    sample = np.sort(np.concatenate([np.ravel(array)[::step][np.ravel(living)[::step]] for array, living in pairs]))
    living = sum(int(np.count_nonzero(living)) for _, living in pairs)
    place, margin = sample.size * (1 - wanted / max(living, 1)), 2 * sample.size**0.5
    low = sample[int(place - margin)] if place > margin else -np.inf
    return low, sample[int(place + margin)] if place + margin < sample.size else np.inf


def reserve(scores: Array, alive: Mask, min_kept: int) -> Mask:
    """Return the `min_kept` best alive entries of one tensor (all of them, when there are fewer)."""
    kept = min(min_kept, int(np.count_nonzero(alive)))
    flat = keep_best(np.ravel(scores), np.ravel(alive), scores.size - kept)  # SEL-10
    return flat.reshape(scores.shape)


def check_nested(pool: str, count: int, removed: int) -> None:
    """Refuse a target that would bring entries back."""
    if count < removed:  # SEL-05
        raise InvalidInput(f"pool {pool!r}", f"{count} to remove", f"at least the {removed} already removed")


def _split(flat: Mask, names: Sequence[str], scores: Scores) -> dict[str, Mask]:
    """Cut the pool's flat mask back into its tensors."""
    ends = np.cumsum([scores[name].size for name in names])[:-1]
    parts = np.split(flat, ends)
    return {name: part.reshape(scores[name].shape) for name, part in zip(names, parts, strict=True)}  # SEL-18
