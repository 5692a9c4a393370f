"""Correct selections written otherwise: heaps, plain lists, other declared rules for ties and counts.

Each is a backend of its own: nothing here calls the reference. All must pass everything they claim.
"""

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, Declaration, NofM, Profile, SelectCase, Units, Unsupported

Keep = Callable[[list[float], list[bool], int], list[bool]]
"""(scores, alive, how many go in all) -> kept."""
Count = Callable[[float, int], int]
ELEMENT = frozenset({"element"})
SELECT: frozenset[Profile] = frozenset({"SELECT"})
PURE_PYTHON = Declaration("pure-python", SELECT)


@dataclass(frozen=True)
class Selecting:
    """A backend that selects single entries with its own way to keep and to count."""

    declaration: Declaration
    keep: Keep
    count: Count = lambda sparsity, size: round(sparsity * size)

    def select(self, case: SelectCase) -> Mapping[str, Any]:
        """Flatten into lists, keep, and shape again."""
        if isinstance(case.granularity, Units | Blocks | NofM):
            raise Unsupported(f"{self.declaration.name} selects single entries")
        check_floats(case)
        names = list(case.scores)
        if not names:
            raise ValueError("no tensors")
        pools = [names] if case.pools == "global" else [[name] for name in names]
        targets = [target(case.sparsity, sum(case.scores[n].size for n in pool), self.count) for pool in pools]
        masks: dict[str, Any] = {}
        for pool, gone in zip(pools, targets, strict=True):
            masks |= self._pool(pool, gone, case)
        return masks

    def _pool(self, pool: list[str], gone: int, case: SelectCase) -> dict[str, Any]:
        scores = [float(score) for name in pool for score in case.scores[name].ravel().tolist()]
        alive = [lives for name in pool for lives in living(case, name)]
        check(scores, alive, gone)
        kept = iter(self.keep(scores, alive, gone))
        shapes = {name: case.scores[name].shape for name in pool}
        return {
            name: np.array([next(kept) for _ in range(math.prod(shape))], np.uint8).reshape(shape)
            for name, shape in shapes.items()
        }


def target(sparsity: Any, size: int, count: Count) -> int:
    """Return how many go, refusing what is no sparsity."""
    if type(sparsity) is int:
        if 0 <= sparsity <= size:
            return sparsity
    elif type(sparsity) is float and 0.0 <= sparsity <= 1.0:
        return count(sparsity, size)
    raise TypeError(f"no sparsity: {sparsity!r}")


def living(case: SelectCase, name: str) -> list[bool]:
    """Return which entries of a tensor are alive, in C order."""
    if case.within is None or name not in case.within:
        return [True] * case.scores[name].size
    return [bool(entry) for entry in case.within[name].ravel().tolist()]


def check_floats(case: SelectCase) -> None:
    """Refuse scores that are no floating-point numbers."""
    if any(scores.dtype.kind != "f" for scores in case.scores.values()):
        raise TypeError("scores that are no floats")


def check(scores: list[float], alive: list[bool], gone: int) -> None:
    """Refuse empty pools, NaN, and a falling target."""
    if not scores:
        raise ValueError("an empty pool")
    if any(math.isnan(score) for score, lives in zip(scores, alive, strict=True) if lives):
        raise ValueError("NaN")
    if gone < alive.count(False):
        raise ValueError("the target is below what is removed")


def _marked(size: int, kept: Any) -> list[bool]:
    kept = set(kept)
    return [index in kept for index in range(size)]


def keep_by_heap(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Keep the n - k largest of a heap of (score, earlier first)."""
    entries = [(score, -index) for index, (score, lives) in enumerate(zip(scores, alive, strict=True)) if lives]
    return _marked(len(scores), [-index for _, index in heapq.nlargest(len(scores) - gone, entries)])


def keep_by_removing(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Take the worst away one by one; of equals, the last."""
    entries = [(score, -index) for index, (score, lives) in enumerate(zip(scores, alive, strict=True)) if lives]
    heapq.heapify(entries)
    while len(scores) - len(entries) < gone:
        heapq.heappop(entries)
    return _marked(len(scores), [-index for _, index in entries])


def keep_last(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Of equal scores keep the last."""
    return keep_by_heap(scores[::-1], alive[::-1], gone)[::-1]


def keep_any(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Leave equal scores to argpartition."""
    order = np.argpartition(np.where(alive, scores, -np.inf), gone - 1) if gone else np.arange(0)
    return _marked(len(scores), set(range(len(scores))) - set(order[:gone].tolist()))


def keep_above(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Keep every entry that is as good as the worst that stays: all ties at the boundary stay."""
    best = sorted((score for score, lives in zip(scores, alive, strict=True) if lives), reverse=True)
    wanted = len(scores) - gone
    return [lives and wanted > 0 and score >= best[wanted - 1] for score, lives in zip(scores, alive, strict=True)]


def remove_below(scores: list[float], alive: list[bool], gone: int) -> list[bool]:
    """Remove every entry that is as bad as the best that goes: all ties at the boundary go."""
    worst = sorted(score for score, lives in zip(scores, alive, strict=True) if lives)
    more = gone - alive.count(False)
    return [lives and (more == 0 or score > worst[more - 1]) for score, lives in zip(scores, alive, strict=True)]


def _declared(name: str, **values: Any) -> Declaration:
    return Declaration(name, SELECT, granularities=ELEMENT, **values)


@dataclass(frozen=True)
class PurePython:
    """Elements, units, blocks and n of m, all on lists and dictionaries, with the reference's rules."""

    declaration: Declaration = PURE_PYTHON

    def select(self, case: SelectCase) -> Mapping[str, Any]:
        """Choose by granularity."""
        check_floats(case)
        if isinstance(case.granularity, NofM):
            return _all_runs(case, case.granularity)
        if isinstance(case.granularity, Blocks):
            return _tiles(case, case.granularity)
        return self._reserving(case)[0]

    def shortfall(self, case: SelectCase) -> Mapping[str, int]:
        """Return what is short in each pool."""
        return self._reserving(case)[1]

    def _reserving(self, case: SelectCase) -> tuple[dict[str, Any], dict[str, int]]:
        names = list(case.scores)
        reserve = case.granularity.min_kept if isinstance(case.granularity, Units) else 0
        pools = {"global": names} if case.pools == "global" else {name: [name] for name in names}
        masks: dict[str, Any] = {}
        short: dict[str, int] = {}
        for pool, members in pools.items():
            entries = [entry for name in members for entry in _entries(case, name, reserve)]
            gone = target(case.sparsity, len(entries), lambda s, n: round(s * n))
            check([e[1] for e in entries], [e[2] for e in entries], gone)
            eligible = sorted((e for e in entries if e[2] and not e[3]), key=lambda e: -e[1])
            dead = sum(not e[2] for e in entries)
            more = min(gone - dead, len(eligible))
            short[pool] = gone - dead - more
            removed = {e[0] for e in eligible[len(eligible) - more :]} | {e[0] for e in entries if not e[2]}
            for name in members:
                masks[name] = np.ones(case.scores[name].shape, np.uint8)
            for name, index in removed:
                masks[name][index] = 0
            short[pool] += sum(_widen(case, name, masks[name]) for name in members)
        return masks, short


def _widen(case: SelectCase, name: str, mask: Any) -> int:
    """Bring back the best one by one until a multiple is kept, and say how many came back."""
    multiple = case.granularity.multiple if isinstance(case.granularity, Units) else 1
    gone = [e for e in _entries(case, name, 0) if e[2] and not mask[e[0][1]]]
    back = sorted(gone, key=lambda e: -e[1])[: -int(mask.sum()) % multiple]
    for (_, index), *_ in back:
        mask[index] = 1
    return len(back)


Entry = tuple[tuple[str, tuple[int, ...]], float, bool, bool]


def _entries(case: SelectCase, name: str, reserve: int) -> list[Entry]:
    """Return ((tensor, index), score, alive, reserved) of every entry of a tensor."""
    indices = list(product(*map(range, case.scores[name].shape)))
    alive = dict(zip(indices, living(case, name), strict=True))
    best = sorted((i for i in indices if alive[i]), key=lambda i: -float(case.scores[name][i]))[:reserve]
    return [((name, i), float(case.scores[name][i]), alive[i], i in best) for i in indices]


def _natural(*numbers: object) -> None:
    if any(type(number) is not int or number < 1 for number in numbers):
        raise ValueError(f"not natural numbers: {numbers}")


def _all_runs(case: SelectCase, rule: NofM) -> dict[str, Any]:
    """Refuse what makes no runs, then go through them."""
    _natural(rule.keep, rule.of)
    if rule.keep > rule.of or type(rule.axis) is not int or rule.axis < 0:
        raise ValueError("n of m")
    for name, array in case.scores.items():
        if rule.axis >= array.ndim:
            raise IndexError(name)
        check([float(score) for score in array.ravel()] or [0.0], living(case, name) or [True], array.size)
    return {name: _runs(case, name, rule) for name in case.scores}


def _runs(case: SelectCase, name: str, rule: NofM) -> Any:
    scores = np.moveaxis(case.scores[name], rule.axis, 0)
    alive = np.moveaxis(np.array(living(case, name)).reshape(case.scores[name].shape), rule.axis, 0)
    mask = np.zeros(scores.shape, np.uint8)
    for rest in product(*map(range, scores.shape[1:])):
        for start in range(0, len(scores), rule.of):
            run = range(start, min(start + rule.of, len(scores)))
            quota = math.ceil(rule.keep * len(run) / rule.of)
            for index in sorted((i for i in run if alive[(i, *rest)]), key=lambda i: -scores[(i, *rest)])[:quota]:
                mask[(index, *rest)] = 1
    return np.moveaxis(mask, 0, rule.axis)


def _tiles(case: SelectCase, rule: Blocks) -> dict[str, Any]:
    """Score the tiles one by one, select among them, and paint them back."""
    _natural(*(side for side in (rule.rows, rule.columns) if side is not None))
    grids: dict[str, Any] = {}
    alive: dict[str, Any] = {}
    for name, array in case.scores.items():
        matrix = array.reshape(array.shape[0], -1)
        height, width = rule.rows or len(matrix), rule.columns or matrix.shape[1]
        rows, columns = range(0, len(matrix), height), range(0, matrix.shape[1], width)
        parts = [[matrix[r : r + height, c : c + width].ravel().tolist() for c in columns] for r in rows]
        grids[name] = np.array([[_score(rule.reducer, part) for part in line] for line in parts])
        lives = np.array(living(case, name)).reshape(matrix.shape)
        wholes = [[{*lives[r : r + height, c : c + width].ravel().tolist()} for c in columns] for r in rows]
        if any(len(whole) != 1 for line in wholes for whole in line):
            raise ValueError(f"a tile of {name} removed in part")
        alive[name] = np.array([[whole == {True} for whole in line] for line in wholes])
    chosen = PurePython().select(SelectCase(grids, case.sparsity, case.pools, within=alive))
    painted = {}
    for name, array in case.scores.items():
        height, width = rule.rows or len(array), rule.columns or array.size // len(array)
        mask = np.repeat(np.repeat(chosen[name], height, 0), width, 1)
        painted[name] = mask[: len(array), : array.size // len(array)].reshape(array.shape)
    return painted


def _score(reducer: str, values: list[float]) -> float:
    absolute = [abs(value) for value in values]
    formulas = {
        "l1": lambda: math.fsum(absolute),
        "l2": lambda: math.hypot(*values),
        "mean": lambda: math.fsum(absolute) / len(values),
        "max": lambda: max(absolute),
        "sum_then_square": lambda: math.fsum(values) ** 2,
    }
    return formulas[reducer]()


ALTERNATIVES = (
    Selecting(_declared("heap"), keep_by_heap),
    Selecting(_declared("one-by-one"), keep_by_removing),
    Selecting(_declared("last-of-ties", ties="last"), keep_last),
    Selecting(_declared("argpartition", ties="unspecified", within=False), keep_any),
    Selecting(_declared("all-ties-stay", ties="keep_all"), keep_above),
    Selecting(_declared("all-ties-go", ties="remove_all"), remove_below),
    Selecting(_declared("truncating", count="trunc"), keep_by_heap, lambda s, n: math.floor(s * n)),
    Selecting(_declared("rounds-the-kept", count="keep_half_even"), keep_by_heap, lambda s, n: n - round((1 - s) * n)),
    PurePython(),
)
