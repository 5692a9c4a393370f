"""Wrong selections."""

from math import ceil, floor
from typing import Any

import numpy as np

from spec_tests.mutants.mutant import Mutant, original

SELECTION = "refprune.selection"
COUNT, KEEP, POOL = f"{SELECTION}.removal_count", f"{SELECTION}.keep_best_fast", f"{SELECTION}._select_pool"
_count, _keep, _pool = original(COUNT), original(KEEP), original(POOL)
_select = original(f"{SELECTION}.select")


def _rule(rule: Any) -> dict[str, Any]:
    """Replace the count rule for fractions; ints stay counts, and what is refused stays refused."""

    def count(sparsity: Any, size: int) -> int:
        right: int = _count(sparsity, size)
        return right if isinstance(sparsity, int) else int(rule(float(sparsity), size))

    return {COUNT: count}


def _by_threshold(compare: Any) -> dict[str, Any]:
    """Keep what compares well with the score at the boundary among the alive."""

    def keep(scores: Any, alive: Any, count: int) -> Any:
        ascending = np.sort(scores[alive])
        gone = count - int((~alive).sum())
        return alive.copy() if gone == 0 else alive & compare(scores, ascending, gone)

    return {KEEP: keep}


def _sorted_last(scores: Any, alive: Any, count: int) -> Any:
    """Keep the last of equal scores."""
    kept: Any = _keep(scores[::-1], alive[::-1], count)[::-1]
    return kept


def _unstable(scores: Any, alive: Any, count: int) -> Any:
    """Leave ties to the default sort, which is not stable from 17 entries on."""
    order = np.argsort(np.where(alive, scores, -np.inf))
    kept = np.ones(scores.size, bool)
    kept[order[:count]] = False
    return kept & alive


def _signed_zero(scores: Any, alive: Any, count: int) -> Any:
    """Rank -0.0 below 0.0."""
    return _keep(np.where((scores == 0) & np.signbit(scores), -1e-300, scores), alive, count)


def _count_of_alive(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    """Take the fraction of what is alive."""
    size = sum(scores[name].size for name in names)
    living = sum(int(alive[name].sum()) for name in names)
    target = sparsity if isinstance(sparsity, int) else size - living + _count(sparsity, living)
    return _pool(pool, names, scores, alive, target, min_kept)


def _more(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    """Take an int as that many more."""
    gone = sum(int((~alive[name]).sum()) for name in names)
    more = sparsity + gone if isinstance(sparsity, int) else sparsity
    return _pool(pool, names, scores, alive, more, min_kept)


def _alive_if_nonzero(name: Any, scores: Any, within: Any) -> Any:
    """Read what is removed off the zeros."""
    return scores != 0


def _everything_alive(name: Any, scores: Any, within: Any) -> Any:
    """Ignore the earlier masks."""
    return np.ones(scores.shape, bool)


def _nan_allowed(name: Any, scores: Any, within: Any) -> Any:
    """Let NaN in."""
    return within.get(name, np.ones(scores.shape, bool))


def _nan_of_removed_refused(name: Any, scores: Any, within: Any) -> Any:
    """Look at the scores of removed entries too."""
    if np.isnan(scores).any():
        raise ValueError("NaN")
    return within.get(name, np.ones(scores.shape, bool))


def _clipped_infinities(name: Any, scores: Any, within: Any) -> Any:
    """Refuse infinities like NaN."""
    if not np.isfinite(scores).all():
        raise ValueError("not finite")
    return within.get(name, np.ones(scores.shape, bool))


def _budget_on_removed(scores: Any, alive: Any, count: int) -> Any:
    """Spend the budget on entries that are removed already: the lowest scores go, whoever they are."""
    return alive & _keep(scores, np.ones_like(alive), count)


def _memory_order(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    """Flatten as the array lies in memory."""
    if len(names) != 1 or scores[names[0]].flags.c_contiguous:
        return _pool(pool, names, scores, alive, sparsity, min_kept)
    turned = {names[0]: scores[names[0]].ravel(order="K")}
    kept, short = _pool(pool, names, turned, {names[0]: alive[names[0]].ravel(order="K")}, sparsity, min_kept)
    order = "F" if scores[names[0]].flags.f_contiguous else "C"
    return kept.reshape(scores[names[0]].shape, order=order).ravel(), short


def _sorted_names(pools: Any, names: Any) -> Any:
    """Take the tensors of a pool in the order of their names."""
    return {pool: tuple(sorted(members)) for pool, members in pools.items()}


def _off_by_one(flat: Any, names: Any, scores: Any) -> Any:
    """Shift every offset by one."""
    return original(f"{SELECTION}._split")(np.roll(flat, len(names) - 1), names, scores)


def _reserve_nothing(scores: Any, alive: Any, min_kept: int) -> Any:
    return np.zeros(scores.shape, bool)


def _reserve_first(scores: Any, alive: Any, min_kept: int) -> Any:
    """Reserve the first alive units, not the best."""
    return alive & (np.cumsum(alive).reshape(alive.shape) <= min_kept)


def _never_short(*arguments: Any) -> Any:
    kept, _ = _pool(*arguments)
    return kept, 0


def _empty_is_fine(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    if sum(scores[name].size for name in names) == 0:
        return np.ones(0, bool), 0
    return _pool(pool, names, scores, alive, sparsity, min_kept)


def _scratch(name: Any, scores: Any, within: Any) -> Any:
    """Work in the caller's array."""
    right = original(f"{SELECTION}._alive")(name, scores, within)
    scores.sort()
    return right


def _handed_back(scores: Any, sparsity: Any, scope: Any, within: Any, min_kept: int) -> Any:
    """Return the caller's own masks where nothing has changed."""
    right = _select(scores, sparsity, scope, within, min_kept)
    same = {name: mask for name, mask in (within or {}).items() if np.array_equal(mask, right.masks[name])}
    return right._replace(masks=right.masks | same)


def _unchecked(sparsity: Any, size: int) -> int:
    """Clip instead of refusing."""
    if isinstance(sparsity, int):
        return min(max(int(sparsity), 0), size)
    return int(min(max(round(float(sparsity) * size), 0), size)) if sparsity == sparsity else 0


def _coin(scores: Any, sparsity: Any, *rest: Any) -> Any:
    """Toss a coin for every entry: the count is random."""
    right = _select(scores, sparsity, *rest)
    fraction = float(sparsity) if isinstance(sparsity, float) else 0.5
    return right._replace(masks={name: array >= fraction for name, array in scores.items()})


MUTANTS = (
    Mutant("half up", "SEL-01", "M07: int(x + 0.5), a typical NumPy rewrite", _rule(lambda s, n: floor(s * n + 0.5))),
    Mutant("truncated count", "SEL-01", "M05: int(0.29 * 100) is 28; NNI, INC", _rule(lambda s, n: floor(s * n))),
    Mutant("ceiling count", "SEL-01", "M08: ceil for round", _rule(lambda s, n: ceil(s * n))),
    Mutant("truncated density", "SEL-01", "M06: Torch-Pruning", _rule(lambda s, n: n - int(n * (1 - s)))),
    Mutant(
        "one too many",
        "SEL-01",
        "M01, M03: sort[k] and <=; open_lth",
        _rule(lambda s, n: min(round(s * n) + 1, n)),
    ),
    Mutant("one too few", "SEL-01", "M02: < at the threshold", _rule(lambda s, n: max(round(s * n) - 1, 0))),
    Mutant(
        "1 is everything",
        "SEL-02",
        "M21: int 1 read as 100 %",
        {COUNT: lambda s, n: _count(float(s) if s == 1 else s, n)},
    ),
    Mutant(
        "1.0 is one",
        "SEL-02",
        "M21: 1.0 read as one unit",
        {COUNT: lambda s, n: _count(int(s) if s == 1 else s, n)},
    ),
    Mutant("that many more", "SEL-02", "int counts from what is left; torch.nn.utils.prune", {POOL: _more}),
    Mutant("unchecked sparsity", "SEL-03", "M22: 1.5 and -0.5 accepted; JaxPruner", {COUNT: _unchecked}),
    Mutant(
        "all ties go",
        "SEL-04",
        "M09: <= at the threshold; open_lth, INC",
        _by_threshold(lambda s, asc, k: s > asc[k - 1]),
    ),
    Mutant(
        "all ties stay",
        "SEL-04",
        "M10: >= at the threshold; TFMOT",
        _by_threshold(lambda s, asc, k: s >= asc[min(k, len(asc) - 1)] if k < len(asc) else s > asc[-1]),
    ),
    Mutant("last of ties stays", "SEL-04", "M11: bottom-k in place of top-(n - k)", {KEEP: _sorted_last}),
    Mutant("default sort", "SEL-04", "M11: an unstable sort decides ties", {KEEP: _unstable}),
    Mutant("signed zero", "SEL-04", "M82: -0.0 ranked below 0.0", {KEEP: _signed_zero}),
    Mutant("largest go", "SEL-15", "M14: mask inverted", {KEEP: lambda s, a, k: _keep(-s, a, k)}),
    Mutant("fraction of the alive", "SEL-05", "M15: base is what remains", {POOL: _count_of_alive}),
    Mutant(
        "earlier masks ignored",
        "SEL-05",
        "M19: llm-compressor's prev_mask",
        {f"{SELECTION}._alive": _everything_alive},
    ),
    Mutant(
        "falling target accepted",
        "SEL-05",
        "torch.ao, NNI bring entries back",
        {f"{SELECTION}.check_nested": lambda *a: None},
    ),
    Mutant("budget spent on the dead", "SEL-05", "M17: torch prune()", {KEEP: _budget_on_removed}),
    Mutant("removed read off zeros", "SEL-06", "M58: mask from w == 0", {f"{SELECTION}._alive": _alive_if_nonzero}),
    Mutant(
        "stale scores refused",
        "SEL-06",
        "removed entries are looked at",
        {f"{SELECTION}._alive": _nan_of_removed_refused},
    ),
    Mutant("NaN accepted", "SEL-07", "M20: torch, TFMOT, ShrinkBench", {f"{SELECTION}._alive": _nan_allowed}),
    Mutant("infinity refused", "SEL-07", "infinite scores are ordinary", {f"{SELECTION}._alive": _clipped_infinities}),
    Mutant(
        "one pool for local",
        "SEL-08",
        "M34: Torch-Pruning's isomorphic scope",
        {f"{SELECTION}.local": original(f"{SELECTION}.global_")},
    ),
    Mutant(
        "pools sorted by name",
        "SEL-09",
        "M25, M93: dictionary order",
        {f"{SELECTION}.checked_pools": _sorted_names},
    ),
    Mutant("offsets off by one", "SEL-09", "M25: slices on the wrong layer", {f"{SELECTION}._split": _off_by_one}),
    Mutant("no reserve", "SEL-10", "M26, M48: a layer emptied", {f"{SELECTION}.reserve": _reserve_nothing}),
    Mutant("first reserved", "SEL-10", "the first alive units, not the best", {f"{SELECTION}.reserve": _reserve_first}),
    Mutant("never short", "SEL-11", "M47: what was not removed is not reported", {POOL: _never_short}),
    Mutant("empty pool accepted", "SEL-12", "a name that matches nothing", {POOL: _empty_is_fine}),
    Mutant("works in place", "SEL-13", "the caller's scores are sorted", {f"{SELECTION}._alive": _scratch}),
    Mutant("within handed back", "SEL-13", "masks alias earlier masks; INC", {f"{SELECTION}.select": _handed_back}),
    Mutant("memory order", "SEL-14", "M24: channels_last flattened as it lies", {POOL: _memory_order}),
    Mutant("coin for each entry", "SEL-16", "ShrinkBench's random", {f"{SELECTION}.select": _coin}),
    Mutant(
        "any pools",
        "SEL-17",
        "M27: a tensor listed twice",
        {f"{SELECTION}.checked_pools": lambda pools, names: pools},
    ),
)
