"""The definition of selection, in plain Python: brute force, lists and Fractions; no algorithm of the reference.

It says what a result must satisfy. It does not know how the reference gets there, and NumPy only carries the data.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, Declaration, Elements, NofM, SelectCase, Units
from spec_tests.verdicts import call, fail, show

Position = tuple[str, tuple[int, ...]]


def half_even(value: Fraction) -> int:
    """Return the nearest integer, the even one of two."""
    low = floor(value)
    rest = value - low
    if rest == Fraction(1, 2):
        return low if low % 2 == 0 else low + 1
    return low if rest < Fraction(1, 2) else low + 1


def removal_count(rule: str, sparsity: float | int, size: int) -> int:
    """Return how many of `size` go under a declared rule, from the exact value of the IEEE double product."""
    if isinstance(sparsity, int):
        return sparsity
    removed = Fraction(float(sparsity) * float(size))
    kept = Fraction((1.0 - float(sparsity)) * float(size))
    rules = {
        "half_even": half_even(removed),
        "trunc": floor(removed),
        "ceil": ceil(removed),
        "keep_half_even": size - half_even(kept),
    }
    return rules[rule]


def check_masks_form(masks: Any, case: SelectCase, said: str = "") -> dict[str, Any]:
    """Require masks keyed and shaped as the scores with entries 0 or 1, and return them as bool: SEL-18."""
    said = said or call("select", case)
    if set(masks) != set(case.scores):
        fail(f"masks of {sorted(masks)}", f"masks of {sorted(case.scores)}", said)
    checked = {}
    for name, scores in case.scores.items():
        mask = np.asarray(masks[name])
        if mask.shape != np.shape(scores):
            fail(f"a mask of {name!r} of shape {mask.shape}", f"shape {np.shape(scores)}", said)
        if not all(entry in (0, 1) for entry in mask.ravel().tolist()):
            fail(f"a mask of {name!r} with values {mask}", "0 and 1 only", said)
        checked[name] = mask.astype(bool)
    return checked


def read_masks(masks: Any, case: SelectCase, said: str = "") -> dict[str, Any]:
    """Return a backend's masks as bool, whatever their form, where they can be read at all.

    The form is SEL-18's: no other requirement fails for a 2 in place of a 1, a key too many, or another shape.
    """
    said = said or call("select", case)
    read = {}
    for name, scores in case.scores.items():
        mask = np.asarray(masks[name]) if name in masks else None
        if mask is None or mask.size != np.size(scores):
            fail(f"masks of {show(masks)}", f"one of {name!r} with {np.size(scores)} entries (SEL-18)", said)
        read[name] = (mask != 0).reshape(np.shape(scores))
    return read


# Selection


def check_selection(masks: Any, case: SelectCase, declaration: Declaration) -> None:
    """Require everything the definition says of a selection by entries or units: the whole of SEL at once."""
    kept = check_masks_form(masks, case)
    for names in pools(case):
        entries = pool_entries(case, names)
        keeps = [bool(kept[name][index]) for name, index in positions(case, names)]
        _check_pool(keeps, entries, case.sparsity, declaration, call("select", case))


def pools(case: SelectCase) -> list[list[str]]:
    """Return the names that compete in each pool."""
    return [list(case.scores)] if case.pools == "global" else [[name] for name in case.scores]


def positions(case: SelectCase, names: Sequence[str]) -> list[Position]:
    """Return every entry of a pool in the order of ties: tensors as listed, then logical C order."""
    return [(name, index) for name in names for index in product(*map(range, np.shape(case.scores[name])))]


def pool_entries(case: SelectCase, names: Sequence[str]) -> list[tuple[float, bool, bool]]:
    """Return (score, alive, reserved) of every entry, in the order of ties."""
    min_kept = case.granularity.min_kept if isinstance(case.granularity, Units) else 0
    entries = []
    for name in names:
        own = [(float(case.scores[name][index]), _alive(case, name, index)) for _, index in positions(case, [name])]
        # Best alive first, the earlier of two equals first: sorted() is stable by definition of Python.
        best = sorted((i for i, (_, alive) in enumerate(own) if alive), key=lambda i: -own[i][0])[:min_kept]
        entries += [(score, alive, i in best) for i, (score, alive) in enumerate(own)]
    return entries


def _alive(case: SelectCase, name: str, index: tuple[int, ...]) -> bool:
    return case.within is None or name not in case.within or bool(case.within[name][index])


def _check_pool(
    keeps: list[bool],
    entries: list[tuple[float, bool, bool]],
    sparsity: float | int | None,
    declaration: Declaration,
    said: str,
) -> None:
    assert sparsity is not None
    target = removal_count(declaration.count, sparsity, len(entries))
    ranked = [
        (score, keep) for keep, (score, alive, reserved) in zip(keeps, entries, strict=True) if alive and not reserved
    ]
    for keep, (_, alive, reserved) in zip(keeps, entries, strict=True):
        if keep and not alive:
            fail("an entry kept that was removed before", "nothing that comes back", said)
        if reserved and not keep:
            fail("a reserved unit removed", "the best min_kept units of each group kept", said)
    quota = max(len(entries) - target - sum(reserved for _, _, reserved in entries), 0)
    _check_ranked(ranked, quota, declaration.ties, said)


def _check_ranked(ranked: list[tuple[float, bool]], quota: int, ties: str, said: str) -> None:
    """Require that the `quota` best of the ranked entries are kept, with this rule for equal scores."""
    kept = [score for score, keep in ranked if keep]
    removed = [score for score, keep in ranked if not keep]
    if kept and removed and max(removed) > min(kept):
        fail(f"an entry of score {max(removed)} removed and one of {min(kept)} kept", "the lowest removed", said)
    in_order = sorted((score for score, _ in ranked), reverse=True)
    tied = 0 < quota < len(in_order) and in_order[quota - 1] == in_order[quota]
    if tied and ties in ("keep_all", "remove_all"):
        boundary = in_order[quota]
        wanted = sum(score >= boundary if ties == "keep_all" else score > boundary for score in in_order)
    else:
        wanted = quota
    if len(kept) != wanted:
        fail(f"{len(kept)} of {len(ranked)} kept", f"{wanted} kept", said)
    if tied and ties in ("first", "last"):
        flags = [keep for score, keep in ranked if score == in_order[quota]]
        if flags != sorted(flags, reverse=ties == "first"):
            fail(f"equal scores kept as {flags}", f"the {ties} of equal scores kept", said)


def check_widths(masks: Any, case: SelectCase, declaration: Declaration) -> None:
    """Require of each group its best units: as many as without a multiple, rounded up to it among the alive (SEL-21).

    No two scores are equal, or the first of equals stay.
    """
    assert isinstance(case.granularity, Units)
    assert case.sparsity is not None
    kept = read_masks(masks, case)
    for names in pools(case):
        entries = pool_entries(case, names)
        owners = [name for name, _ in positions(case, names)]
        target = removal_count(declaration.count, case.sparsity, len(entries))
        stay = [i for i, (_, _, reserved) in enumerate(entries) if reserved]
        ranked = [i for i, (_, alive, reserved) in enumerate(entries) if alive and not reserved]
        stay += sorted(ranked, key=lambda i: -entries[i][0])[: max(len(entries) - target - len(stay), 0)]
        for name in names:
            own = [i for i, owner in enumerate(owners) if owner == name]
            width = ceil(Fraction(sum(i in stay for i in own), case.granularity.multiple)) * case.granularity.multiple
            best = sorted((i for i in own if entries[i][1]), key=lambda i: -entries[i][0])[:width]
            should = np.array([i in best for i in own])
            if kept[name].ravel().tolist() != should.tolist():
                fail(f"{name!r} kept as {kept[name]}", should, call("select", case))


# Blocks and n of m


def tiles(
    shape: tuple[int, ...], rows: int | None, columns: int | None
) -> dict[tuple[int, int], list[tuple[int, ...]]]:
    """Return grid position -> the entries of that tile, tiles in row-major order."""
    width = prod(shape[1:])
    members: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for flat, index in enumerate(product(*map(range, shape))):
        row, column = divmod(flat, width)
        members.setdefault((row // (rows or shape[0]), column // (columns or width)), []).append(index)
    return dict(sorted(members.items()))


def reduce_exactly(reducer: str, values: Sequence[float]) -> Fraction | float:
    """Return the score of a unit from its signed contributions, exactly; l2 as its square (same order)."""
    exact = [Fraction(value) for value in values]
    reductions: Mapping[str, Any] = {
        "l1": lambda: sum(map(abs, exact)),
        "l2": lambda: sum(value * value for value in exact),
        "mean": lambda: sum(map(abs, exact)) / len(exact),
        "max": lambda: max(map(abs, exact)),
        "sum_then_square": lambda: sum(exact) ** 2,
    }
    result: Fraction = Fraction(reductions[reducer]())
    return result


def check_block_selection(masks: Any, case: SelectCase, declaration: Declaration) -> None:
    """Require masks that are constant on every tile and select tiles by the definition."""
    assert isinstance(case.granularity, Blocks)
    kept = check_masks_form(masks, case)
    scores: dict[str, Any] = {}
    tile_masks: dict[str, Any] = {}
    alive: dict[str, Any] = {}
    for name, array in case.scores.items():
        members = tiles(array.shape, case.granularity.rows, case.granularity.columns)
        values = [{bool(kept[name][index]) for index in tile} for tile in members.values()]
        if any(len(value) != 1 for value in values):
            fail(f"a tile of {name!r} kept in part", "tiles kept or removed as a whole", call("select", case))
        tile_masks[name] = np.array([value == {True} for value in values])
        reduced = [
            reduce_exactly(case.granularity.reducer, [float(array[i]) for i in tile]) for tile in members.values()
        ]
        scores[name] = np.array([float(score) for score in reduced])
        alive[name] = np.array([_alive(case, name, tile[0]) for tile in members.values()])
    by_tile = SelectCase(scores, case.sparsity, case.pools, Elements(), alive)
    for names in pools(by_tile):
        keeps = [bool(tile_masks[name][index]) for name, index in positions(by_tile, names)]
        _check_pool(keeps, pool_entries(by_tile, names), case.sparsity, declaration, call("select", case))


def check_n_of_m(masks: Any, case: SelectCase) -> None:
    """Require that every run keeps exactly its best, the first of equals."""
    assert isinstance(case.granularity, NofM)
    keep, of, axis = case.granularity.keep, case.granularity.of, case.granularity.axis
    kept = check_masks_form(masks, case)
    for name, array in case.scores.items():
        others = [range(length) if i != axis else range(1) for i, length in enumerate(array.shape)]
        for start in product(*others):
            line = [(*start[:axis], i, *start[axis + 1 :]) for i in range(array.shape[axis])]
            for run in (line[i : i + of] for i in range(0, len(line), of)):
                quota = ceil(Fraction(keep * len(run), of))
                alive = [index for index in run if _alive(case, name, index)]
                best = sorted(alive, key=lambda index: -float(array[index]))[:quota]
                for index in run:
                    if bool(kept[name][index]) != (index in best):
                        fail(
                            f"run {run[0]} of {name!r} keeps {[i for i in run if kept[name][i]]}",
                            best,
                            call("select", case),
                        )
