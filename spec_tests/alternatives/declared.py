"""Correct selections under every declared value, with algorithms of their own: dense ranks, decimals, tile numbers.

Each does what it declares; nothing here calls the reference or the oracle. All must pass everything they claim.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np

from refprune.arrays import Array, Mask
from spec_tests.adapter import Blocks, Declaration, Elements, NofM, Profile, SelectCase, Units
from spec_tests.presets import PRESETS

SELECT: frozenset[Profile] = frozenset({"SELECT", "STATEFUL"})
ROUNDINGS = {
    "half_even": ROUND_HALF_EVEN,
    "trunc": ROUND_FLOOR,
    "ceil": ROUND_CEILING,
    "keep_half_even": ROUND_HALF_EVEN,
    "keep_trunc": ROUND_FLOOR,
}
DIGITS = 1200
"""More than any double and its products have."""


class Tensor(NamedTuple):
    """A tensor as a flat list of ranks, the same for equal scores, and what is alive of it."""

    ranks: Array
    alive: Mask


@dataclass(frozen=True)
class Declared:
    """A backend that reads in its declaration what to do."""

    declaration: Declaration

    def select(self, case: SelectCase) -> Mapping[str, Any]:
        """Go through the runs of each tensor, or through the pools of entries, units or tiles."""
        if any(scores.dtype.kind != "f" for scores in case.scores.values()):
            raise TypeError("scores that are no floats")
        if isinstance(case.granularity, NofM):
            return {name: self._runs(case, name, case.granularity) for name in case.scores}
        if isinstance(case.granularity, Blocks):
            return self._tiles(case, case.granularity)
        return self._pools(case)[0]

    def begin(self, case: SelectCase) -> "Remembering":
        """Remember masks."""
        return Remembering(self, case)

    def shortfall(self, case: SelectCase) -> Mapping[str, int]:
        """Return what is short in each pool."""
        return self._pools(case)[1]

    def _pools(self, case: SelectCase) -> tuple[dict[str, Any], dict[str, int]]:
        tensors = self._ranked(case)
        pools = {"global": list(case.scores)} if case.pools == "global" else {name: [name] for name in case.scores}
        masks: dict[str, Any] = {}
        short: dict[str, int] = {}
        for pool, names in pools.items():
            flat, short[pool] = self._pool([tensors[name] for name in names], case)
            for name, kept in zip(names, flat, strict=True):
                masks[name] = kept.reshape(case.scores[name].shape).astype(np.int8)
                short[pool] -= int(tensors[name].alive.sum() - kept.sum())
        return masks, short

    def _ranked(self, case: SelectCase) -> dict[str, Tensor]:
        """Rank the scores of all tensors at once; a NaN is below or above all ranks."""
        every = np.concatenate([np.ravel(scores).astype(np.float64) for scores in case.scores.values()])
        alive = np.concatenate([_alive(case, name) for name in case.scores])
        nan = np.isnan(every)
        if (nan & alive).any() and self.declaration.nan == "refused":
            raise ValueError("NaN")
        every[nan] = 0
        ranks = np.unique(np.abs(every) if self.declaration.transform == "abs" else every, return_inverse=True)[1]
        ranks[nan] = ranks.size if self.declaration.nan == "highest" else -1
        ends = np.cumsum([scores.size for scores in case.scores.values()])[:-1]
        parts = zip(np.split(ranks, ends), np.split(alive, ends), strict=True)
        return {name: Tensor(*part) for name, part in zip(case.scores, parts, strict=True)}

    def _pool(self, tensors: list[Tensor], case: SelectCase) -> tuple[list[Mask], int]:
        """Return the masks of the tensors of a pool, and how many were asked for."""
        least, multiple = 0, 1
        if isinstance(case.granularity, Units):
            least, multiple = case.granularity.min_kept, case.granularity.multiple
        joined = Tensor(*(np.concatenate(lists) for lists in zip(*tensors, strict=True)))
        safe = np.concatenate([keep(one, least, "first") for one in tensors])
        asked = self._asked(case.sparsity, joined.alive)
        rest = Tensor(joined.ranks, joined.alive & ~safe)
        kept = safe | (
            keep(rest, int(rest.alive.sum()) - asked, self.declaration.ties) if safe.any() else self._keep(rest, asked)
        )
        parts = np.split(kept, np.cumsum([one.ranks.size for one in tensors])[:-1])
        widths = [-(-int(part.sum()) // multiple) * multiple for part in parts]
        wider = [keep(one, width, "first") for one, width in zip(tensors, widths, strict=True)]
        return (wider if multiple > 1 else parts), asked

    def _keep(self, pool: Tensor, asked: int) -> Mask:
        """Keep all but so many, and see to it that not all goes where that is declared."""
        emptied, ties = self.declaration.emptied, self.declaration.ties
        kept = keep(pool, int(pool.alive.sum()) - asked, ties)
        if kept.any() or not pool.alive.any() or emptied == "allowed":
            return kept
        if emptied == "refused":
            raise ValueError("nothing would be left")
        return pool.alive.copy() if emptied == "skipped" else keep(pool, 1, ties)

    def _asked(self, sparsity: Any, alive: Mask) -> int:
        """Return how many more go."""
        declared, size, left = self.declaration, alive.size, int(alive.sum())
        if size == 0 or type(sparsity) not in (int, float) or np.isnan(sparsity):
            raise ValueError(f"{sparsity!r} of {size}")
        total = declared.base == "all"
        if type(sparsity) is int:
            total = declared.integers == "total"
            if declared.integers == "refused" or sparsity < 0 or sparsity > (size if total else left):
                raise ValueError(f"the count {sparsity} of {size}")
            gone = sparsity
        else:
            if declared.outside == "refused" and abs(sparsity - 0.5) > 0.5:
                raise ValueError(f"the fraction {sparsity}")
            gone = self._count(float(np.clip(sparsity, 0, 1)), size if total else left)
        if total and gone < size - left and declared.falling == "refused":
            raise ValueError("a falling target")
        return max(gone - (size - left), 0) if total else gone

    def _count(self, sparsity: float, size: int) -> int:
        """Round what goes, or what stays."""
        kept = self.declaration.count.startswith("keep")
        with localcontext() as context:
            context.prec = DIGITS
            if self.declaration.arithmetic == "exact":
                part = 1 - Decimal(sparsity) if kept else Decimal(sparsity)
                product = part * size
            elif self.declaration.arithmetic == "float32":
                single = np.float32(1) - np.float32(sparsity) if kept else np.float32(sparsity)
                product = Decimal(float(single * np.float32(size)))
            else:
                product = Decimal((1 - sparsity if kept else sparsity) * size)
            rounded = int(product.to_integral_value(ROUNDINGS[self.declaration.count]))
        return size - rounded if kept else rounded

    def _runs(self, case: SelectCase, name: str, rule: NofM) -> Any:
        """Lay the runs along the last axis, and go through them."""
        keep_, of, shape = rule.keep, rule.of, case.scores[name].shape
        if not (0 < keep_ <= of and 0 <= rule.axis < len(shape)):
            raise ValueError(f"{keep_} of {of} along {rule.axis}")
        quota = of - keep_ if self.declaration.names == "removed" else keep_
        mask: Any = np.zeros(shape, np.uint8)
        lists = self._ranked(case)[name]
        along = [np.moveaxis(flat.reshape(shape), rule.axis, -1) for flat in lists]
        out = np.moveaxis(mask, rule.axis, -1)
        for row in np.ndindex(out.shape[:-1]):
            for part in _slices(out.shape[-1], of):
                run = Tensor(along[0][row][part], along[1][row][part])
                out[row][part] = keep(run, self._tail(quota, run.ranks.size, of), self.declaration.run_ties)
        return mask

    def _tail(self, quota: int, length: int, of: int) -> int:
        """Return how many of a run of this length stay."""
        if length == of or self.declaration.tail == "padded":
            return quota
        if self.declaration.tail == "refused":
            raise ValueError(f"a tail of {length}")
        return length if self.declaration.tail == "dense" else -(-quota * length // of)

    def _tiles(self, case: SelectCase, rule: Blocks) -> dict[str, Any]:
        """Number the tile of every entry, select numbers, and read each entry's off."""
        numbers = {name: _tile_numbers(scores.shape, rule) for name, scores in case.scores.items()}
        scores = {name: _reduced(rule.reducer, np.ravel(case.scores[name]), tile) for name, tile in numbers.items()}
        within = {}
        for name, tile in numbers.items():
            part = np.bincount(tile, _alive(case, name)) / np.bincount(tile)
            if not np.isin(part, (0, 1)).all():
                raise ValueError(f"a tile of {name} removed in part")
            within[name] = part == 1
        chosen = self.select(SelectCase(scores, case.sparsity, case.pools, Elements(), within))
        return {name: chosen[name][tile].reshape(case.scores[name].shape) for name, tile in numbers.items()}


class Remembering:
    """Masks handed on from call to call."""

    def __init__(self, backend: Declared, case: SelectCase) -> None:
        self.backend, self.case = backend, case

    def select(self, scores: Mapping[str, Array], sparsity: float | int) -> Mapping[str, Any]:
        """Select within the masks of the call before."""
        masks = self.backend.select(replace(self.case, scores=scores, sparsity=sparsity))
        self.case = replace(self.case, within={name: mask.astype(bool) for name, mask in masks.items()})
        return masks


def keep(pool: Tensor, count: int, ties: str) -> Mask:
    """Keep the best of what is alive; of equals the first, the last, whichever, all or none."""
    places = np.flatnonzero(pool.alive)
    if ties == "last":
        places = places[::-1]
    elif ties == "unspecified":
        places = np.random.default_rng(places.size).permutation(places)
    order = places[np.argsort(-pool.ranks[places], kind="stable")]
    kept = np.zeros(pool.alive.size, bool)
    kept[order[: max(count, 0)]] = True
    if ties in ("keep_all", "remove_all") and 0 < count < order.size:
        inside, beyond = pool.ranks[order[count - 1]], pool.ranks[order[count]]
        if inside == beyond:
            kept[order[pool.ranks[order] == inside]] = ties == "keep_all"
    return kept


def _alive(case: SelectCase, name: str) -> Mask:
    """Return what is alive of a tensor, in C order."""
    everything = np.ones(case.scores[name].shape, bool)
    return np.ravel(case.within.get(name, everything) if case.within else everything)


def _slices(length: int, of: int) -> Iterator[slice]:
    return (slice(start, min(start + of, length)) for start in range(0, length, of))


def _tile_numbers(shape: tuple[int, ...], rule: Blocks) -> Array:
    """Return the number of the tile of every entry, in C order."""
    height, width = shape[0], int(np.prod(shape[1:]))
    rows, columns = (side if given is None else given for side, given in ((height, rule.rows), (width, rule.columns)))
    if rows < 1 or columns < 1:
        raise ValueError(f"tiles of {rows} by {columns}")
    across = -(-width // columns)
    grid = (np.arange(height) // rows)[:, None] * across + np.arange(width) // columns
    return np.ravel(grid)


def _reduced(reducer: str, values: Array, tile: Array) -> Array:
    """Return the score of every tile."""
    if reducer == "max":
        best = np.zeros(tile.max() + 1)
        np.maximum.at(best, tile, np.abs(values))
        return best
    if reducer == "sum_then_square":
        return np.bincount(tile, values) ** 2
    if reducer == "l2":
        return np.sqrt(np.bincount(tile, values.astype(np.float64) ** 2))
    sums = np.bincount(tile, np.abs(values))
    return sums / np.bincount(tile) if reducer == "mean" else sums


# Together they declare every value of every field.
ALTERNATIVES = (
    Declared(
        Declaration(
            "more-of-the-rest",
            SELECT,
            pools=frozenset({"global"}),
            run_axes=frozenset({2}),
            count="keep_trunc",
            arithmetic="float32",
            base="alive",
            integers="more",
            outside="clamped",
            emptied="keeps_one",
            transform="abs",
            ties="last",
            nan="highest",
            names="removed",
            tail="padded",
            run_ties="last",
        )
    ),
    Declared(
        Declaration(
            "never-all",
            SELECT,
            count="ceil",
            arithmetic="exact",
            integers="refused",
            emptied="skipped",
            ties="unspecified",
            nan="lowest",
            falling="kept",
            tail="dense",
            run_ties="unspecified",
        )
    ),
    Declared(
        Declaration(
            "all-is-an-error",
            SELECT,
            pools=frozenset({"local"}),
            count="keep_half_even",
            emptied="refused",
            transform="abs",
            ties="remove_all",
            nan="unspecified",
            falling="kept",
            names="removed",
            tail="refused",
        )
    ),
    Declared(
        Declaration("ties-stay", SELECT, count="trunc", base="alive", outside="clamped", ties="keep_all", nan="highest")
    ),
    *(
        Declared(replace(PRESETS[name], name=f"as-{name}"))
        for name in ("torch_prune", "torch_pruning", "tfmot", "jaxpruner", "open_lth")
    ),
)
