"""The definition of selection under a declaration, in plain Python: brute force, lists and Fractions.

It says what a result must satisfy. It does not know how the reference gets there; NumPy carries the data, and forms the
products of single precision.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor, isnan, prod
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from hypothesis import assume

from spec_tests.adapter import Backend, Blocks, Declaration, Elements, NofM, SelectCase, Units
from spec_tests.verdicts import call, fail, refuses, show

Position = tuple[str, tuple[int, ...]]
DEFAULT = Declaration("default", frozenset())
"""The reference's value of everything."""


def half_even(value: Fraction) -> int:
    """Return the nearest integer, the even one of two."""
    low = floor(value)
    rest = value - low
    if rest == Fraction(1, 2):
        return low if low % 2 == 0 else low + 1
    return low if rest < Fraction(1, 2) else low + 1


def removal_count(rule: str, sparsity: float | int, size: int, arithmetic: str = "float64") -> int:
    """Return how many of `size` go under a declared rule, from the exact value of what the arithmetic gives."""
    if isinstance(sparsity, int):
        return sparsity
    removed, kept = products(sparsity, size, arithmetic)
    rules = {
        "half_even": half_even(removed),
        "trunc": floor(removed),
        "ceil": ceil(removed),
        "keep_half_even": size - half_even(kept),
        "keep_trunc": size - floor(kept),
    }
    return rules[rule]


def products(sparsity: float, size: int, arithmetic: str) -> tuple[Fraction, Fraction]:
    """Return what an arithmetic makes of s n and of (1 - s) n."""
    if arithmetic == "exact":
        return Fraction(sparsity) * size, (1 - Fraction(sparsity)) * size
    number: Any = {"float64": np.float64, "float32": np.float32}[arithmetic]
    part, whole = number(sparsity), number(size)
    return Fraction(float(part * whole)), Fraction(float((number(1) - part) * whole))


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


# What is due


class Entry(NamedTuple):
    """An entry, a unit or a tile of a pool or a run."""

    score: float
    alive: bool
    reserved: bool


class Ruling(NamedTuple):
    """What a declaration says of a pool or a run: an error, or how many stay beside what is reserved."""

    quota: int
    """How many stay, before ties."""
    asked: int = 0
    """How many more were to go."""
    refusal: str = ""
    """Why an error is due; empty when none is."""
    unclear: bool = False
    """Whether the declaration does not say."""


class Part(NamedTuple):
    """What competes, in the order of ties, and what is due of it."""

    positions: list[Position]
    entries: list[Entry]
    ruling: Ruling
    ties: str


Rank = tuple[int, float]
"""What is compared: a NaN is above or below every number."""


def parts(case: SelectCase, declaration: Declaration = DEFAULT) -> list[Part]:
    """Return the runs of a case by n of m; the pools of any other, those of its tiles for one by blocks."""
    if isinstance(case.granularity, NofM):
        return [_run(case, case.granularity, run, declaration) for run in runs(case)]
    found = []
    case = by_tiles(case)
    for names in pools(case):
        entries = pool_entries(case, names, declaration)
        due = ruling(entries, case.sparsity, declaration)
        found.append(Part(positions(case, names), entries, due, declaration.ties))
    return found


def refusal(case: SelectCase, declaration: Declaration) -> str:
    """Return why an error is due of a case; empty when masks are."""
    return next((part.ruling.refusal for part in parts(case, declaration) if part.ruling.refusal), "")


def unclear(case: SelectCase, declaration: Declaration) -> bool:
    """Say whether the declaration does not say what is due of a case."""
    return any(part.ruling.unclear for part in parts(case, declaration))


def removed_in_all(case: SelectCase, declaration: Declaration) -> int | None:
    """Return how many entries of a case of distinct scores are removed afterwards; None where an error is due."""
    if refusal(case, declaration):
        return None
    found = parts(case, declaration)
    return sum(len(part.entries) - part.ruling.quota - sum(e.reserved for e in part.entries) for part in found)


def ruling(entries: Sequence[Entry], sparsity: Any, declaration: Declaration) -> Ruling:
    """Return what is due of a pool."""
    asked = more(entries, sparsity, declaration)
    if not entries:
        return Ruling(0, refusal="a pool without entries")
    if isinstance(asked, str):
        return Ruling(0, refusal=asked)
    if declaration.nan == "refused" and has_nan(entries):
        return Ruling(0, refusal="NaN at an alive entry")
    if asked < 0 and declaration.falling == "refused":
        return Ruling(0, refusal="a target below what is removed")
    ranks = [rank(entry.score, declaration) for entry in entries if entry.alive and not entry.reserved]
    asked = max(asked, 0)
    quota = max(len(ranks) - asked, 0)
    strange = declaration.nan == "unspecified" and has_nan(entries)
    if declaration.emptied == "allowed" or any(entry.reserved for entry in entries):
        return Ruling(quota, asked, unclear=strange)
    due = _not_emptied(ranks, quota, declaration)
    return due._replace(asked=asked, unclear=due.unclear or strange)


def _not_emptied(ranks: list[Rank], quota: int, declaration: Declaration) -> Ruling:
    """Return what is due of a pool where not all may go."""
    if not ranks:
        return Ruling(0, unclear=declaration.emptied == "refused")
    if stay(ranks, quota, declaration.ties):
        return Ruling(quota)
    if declaration.emptied == "refused":
        return Ruling(0, refusal="a pool that would be emptied")
    if declaration.emptied == "skipped":
        return Ruling(len(ranks))
    return Ruling(1, unclear=stay(ranks, 1, declaration.ties) == 0)


def more(entries: Sequence[Entry], sparsity: Any, declaration: Declaration) -> int | str:
    """Return how many more are to go, below 0 where some would have to come back; or why it is no sparsity."""
    alive = sum(entry.alive for entry in entries)
    removed = len(entries) - alive
    if isinstance(sparsity, bool) or not isinstance(sparsity, Real):
        return "no number"
    if isinstance(sparsity, Integral):
        count, total = int(sparsity), declaration.integers == "total"
        if declaration.integers == "refused" or not 0 <= count <= (len(entries) if total else alive):
            return "no count"
        return count - removed * total
    part = float(sparsity)
    if isnan(part) or (declaration.outside == "refused" and not 0 <= part <= 1):
        return "no fraction"
    part = min(max(part, 0.0), 1.0)
    of_all = declaration.base == "all"
    count = removal_count(declaration.count, part, len(entries) if of_all else alive, declaration.arithmetic)
    return count - removed * of_all


def has_nan(entries: Sequence[Entry]) -> bool:
    """Say whether something alive has a NaN score."""
    return any(entry.alive and isnan(entry.score) for entry in entries)


def rank(score: float, declaration: Declaration) -> Rank:
    """Return what is compared in place of a score."""
    if isnan(score):
        return (1 if declaration.nan == "highest" else -1), 0.0
    return 0, abs(score) if declaration.transform == "abs" else score


def tied(ranks: Sequence[Rank], quota: int) -> bool:
    """Say whether the worst that stays and the best that goes are equal."""
    order = sorted(ranks, reverse=True)
    return 0 < quota < len(order) and order[quota - 1] == order[quota]


def stay(ranks: Sequence[Rank], quota: int, ties: str) -> int:
    """Return how many stay, ties counted."""
    if not tied(ranks, quota) or ties not in ("keep_all", "remove_all"):
        return quota
    boundary = sorted(ranks, reverse=True)[quota]
    return sum(one >= boundary if ties == "keep_all" else one > boundary for one in ranks)


def pools(case: SelectCase) -> list[list[str]]:
    """Return the names that compete in each pool."""
    return [list(case.scores)] if case.pools == "global" else [[name] for name in case.scores]


def positions(case: SelectCase, names: Sequence[str]) -> list[Position]:
    """Return every entry of a pool in the order of ties: tensors as listed, then logical C order."""
    return [(name, index) for name in names for index in product(*map(range, np.shape(case.scores[name])))]


def pool_entries(case: SelectCase, names: Sequence[str], declaration: Declaration = DEFAULT) -> list[Entry]:
    """Return the entries of a pool in the order of ties; the reserve of units is the best, of equals the first."""
    min_kept = case.granularity.min_kept if isinstance(case.granularity, Units) else 0
    entries = []
    for name in names:
        own = [(float(case.scores[name][index]), _alive(case, name, index)) for _, index in positions(case, [name])]
        ranks = [rank(score, declaration) for score, _ in own]
        best = best_first(ranks, [alive for _, alive in own])[:min_kept]
        entries += [Entry(score, alive, i in best) for i, (score, alive) in enumerate(own)]
    return entries


def best_first(ranks: Sequence[Rank], alive: Sequence[bool]) -> list[int]:
    """Return the places of what is alive, best first, of equals the first: Python's sort is stable, reversed too."""
    return sorted((i for i, living in enumerate(alive) if living), key=lambda i: ranks[i], reverse=True)


def _alive(case: SelectCase, name: str, index: tuple[int, ...]) -> bool:
    return case.within is None or name not in case.within or bool(case.within[name][index])


# Tiles and runs


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


def by_tiles(case: SelectCase) -> SelectCase:
    """Return the selection of tiles that a case by blocks is; any other case as it is."""
    if not isinstance(case.granularity, Blocks):
        return case
    scores: dict[str, Any] = {}
    alive: dict[str, Any] = {}
    for name, array in case.scores.items():
        members = tiles(array.shape, case.granularity.rows, case.granularity.columns).values()
        values = [[float(array[index]) for index in tile] for tile in members]
        scores[name] = np.array([float(reduce_exactly(case.granularity.reducer, tile)) for tile in values])
        alive[name] = np.array([_alive(case, name, tile[0]) for tile in members])
    return SelectCase(scores, case.sparsity, case.pools, Elements(), alive)


def runs(case: SelectCase) -> list[list[Position]]:
    """Return the runs of every tensor."""
    assert isinstance(case.granularity, NofM)
    of, axis, found = case.granularity.of, case.granularity.axis, []
    for name, array in case.scores.items():
        for start in product(*(range(1 if i == axis else length) for i, length in enumerate(array.shape))):
            line = [(name, (*start[:axis], i, *start[axis + 1 :])) for i in range(array.shape[axis])]
            found += [line[i : i + of] for i in range(0, len(line), of)]
    return found


def _run(case: SelectCase, rule: NofM, run: list[Position], declaration: Declaration) -> Part:
    """Return what is due of a run, or of a tail."""
    entries = [Entry(float(case.scores[name][index]), _alive(case, name, index), False) for name, index in run]  # noqa: FBT003  not reserved
    quota = min(run_quota(rule, len(run), declaration), sum(entry.alive for entry in entries))
    due = Ruling(quota, unclear=declaration.nan == "unspecified" and has_nan(entries))
    if declaration.nan == "refused" and has_nan(entries):
        due = Ruling(0, refusal="NaN at an alive entry")
    if declaration.tail == "refused" and len(run) < rule.of:
        due = Ruling(0, refusal="a tail")
    return Part(run, entries, due, declaration.run_ties)


def run_quota(rule: NofM, length: int, declaration: Declaration) -> int:
    """Return how many of a run of this length stay when all of it is alive."""
    whole = rule.keep if declaration.names == "kept" else rule.of - rule.keep
    if length == rule.of:
        return whole
    rules = {"proportional": ceil(Fraction(whole * length, rule.of)), "padded": min(whole, length), "dense": length}
    return rules.get(declaration.tail, 0)


# What a result must satisfy


def judge(backend: Backend, case: SelectCase) -> None:
    """Require of a drawn case what is due: masks that satisfy the definition, or an error."""
    declaration = backend.declaration
    assume(not unclear(case, declaration))
    if refusal(case, declaration):
        refuses(lambda: backend.select(case), f"{call('select', case)}, where {refusal(case, declaration)} is refused")
    else:
        check_selection(read_masks(backend.select(case), case), case, declaration)


def check_selection(masks: Any, case: SelectCase, declaration: Declaration) -> None:
    """Require everything the definition says of a selection that is no error."""
    kept, said = check_masks_form(masks, case), call("select", case)
    if isinstance(case.granularity, Blocks):
        kept = _tile_masks(kept, case, said)
    for part in parts(case, declaration):
        _check_part([bool(kept[name][index]) for name, index in part.positions], part, declaration, said)


def _tile_masks(kept: Mapping[str, Any], case: SelectCase, said: str) -> dict[str, Any]:
    """Return one entry for each tile, which is kept or removed as a whole."""
    assert isinstance(case.granularity, Blocks)
    found = {}
    for name, array in case.scores.items():
        members = tiles(array.shape, case.granularity.rows, case.granularity.columns).values()
        values = [{bool(kept[name][index]) for index in tile} for tile in members]
        if any(len(value) != 1 for value in values):
            fail(f"a tile of {name!r} kept in part", "tiles kept or removed as a whole", said)
        found[name] = np.array([value == {True} for value in values])
    return found


def _check_part(keeps: list[bool], part: Part, declaration: Declaration, said: str) -> None:
    """Require that nothing comes back, that the reserve stays, and that the best of the rest do."""
    ranked = []
    for keep, (score, alive, reserved) in zip(keeps, part.entries, strict=True):
        if keep and not alive:
            fail("an entry kept that was removed before", "nothing that comes back", said)
        if reserved and not keep:
            fail("a reserved unit removed", "the best min_kept units of each group kept", said)
        if alive and not reserved:
            ranked.append((rank(score, declaration), score, keep))
    _check_ranked(ranked, part.ruling.quota, part.ties, said)


def _check_ranked(ranked: list[tuple[Rank, float, bool]], quota: int, ties: str, said: str) -> None:
    """Require that the `quota` best of the ranked entries are kept, with this rule for equal scores."""
    kept = [(place, score) for place, score, keep in ranked if keep]
    removed = [(place, score) for place, score, keep in ranked if not keep]
    if kept and removed and max(removed)[0] > min(kept)[0]:
        fail(f"an entry of score {max(removed)[1]} removed and one of {min(kept)[1]} kept", "the lowest removed", said)
    places = [place for place, _, _ in ranked]
    wanted = stay(places, quota, ties)
    if len(kept) != wanted:
        fail(f"{len(kept)} of {len(ranked)} kept", f"{wanted} kept", said)
    if tied(places, quota) and ties in ("first", "last"):
        flags = [keep for place, _, keep in ranked if place == sorted(places, reverse=True)[quota]]
        if flags != sorted(flags, reverse=ties == "first"):
            fail(f"equal scores kept as {flags}", f"the {ties} of equal scores kept", said)


def check_widths(masks: Any, case: SelectCase, declaration: Declaration) -> None:
    """Require of each group its best units: as many as without a multiple, rounded up to it among the alive (SEL-21).

    No two scores are equal, or the first of equals stay.
    """
    assert isinstance(case.granularity, Units)
    kept, multiple = read_masks(masks, case), case.granularity.multiple
    for names, (places, entries, due, _) in zip(pools(case), parts(case, declaration), strict=True):
        order = best_first([rank(e.score, declaration) for e in entries], [e.alive for e in entries])
        rest = [i for i in order if not entries[i].reserved]
        stays = [i for i in order if entries[i].reserved] + rest[: due.quota]
        for name in names:
            own = [i for i, (owner, _) in enumerate(places) if owner == name]
            width = ceil(Fraction(sum(i in stays for i in own), multiple)) * multiple
            best = [i for i in order if i in own][:width]
            should = np.array([i in best for i in own])
            if kept[name].ravel().tolist() != should.tolist():
                fail(f"{name!r} kept as {kept[name]}", should, call("select", case))


# Which examples apply


def differs(case: SelectCase, declaration: Declaration, other: Declaration = DEFAULT) -> bool:
    """Say whether two declarations may say different things of a case: an example of one is then none of the other."""
    said = _said(case, declaration)
    return said is None or said != _said(case, other)


def _said(case: SelectCase, declaration: Declaration) -> object:
    """Return all that decides about a case; None where the declaration does not."""
    found = parts(case, declaration)
    if any(part.ruling.unclear for part in found):
        return None
    if any(part.ruling.refusal for part in found):
        return "an error"
    return [_deciding(part, declaration) for part in found]


def _deciding(part: Part, declaration: Declaration) -> object:
    """Return what is due, the order, and the rule for ties where two at the boundary are equal."""
    ranks = [rank(entry.score, declaration) if entry.alive else None for entry in part.entries]
    at_stake = [one for one, entry in zip(ranks, part.entries, strict=True) if one is not None and not entry.reserved]
    ties = part.ties if tied(at_stake, part.ruling.quota) else ""
    return part.ruling, ranks, [entry.reserved for entry in part.entries], ties
