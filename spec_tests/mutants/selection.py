"""Wrong selections."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil, floor
from typing import Any

import numpy as np

from refprune.selection import Selection
from spec_tests.adapter import SelectCase
from spec_tests.backends.reference import Reference
from spec_tests.mutants.mutant import Mutant, original

SELECTION = "refprune.selection"
TARGETS = f"{SELECTION}._targets"
COUNT, KEEP, POOL = f"{SELECTION}.removal_count", f"{SELECTION}.keep_best_fast", f"{SELECTION}._select_pool"
_count, _keep_tensors, _pool = original(COUNT), original(KEEP), original(POOL)
_select = original(f"{SELECTION}.select")
_targets = original(TARGETS)
LEAST, CAPS, ROUNDED = (f"{SELECTION}.{name}" for name in ("_least", "least_under_caps", "_rounded"))
_least, _caps, _rounded = original(LEAST), original(CAPS), original(ROUNDED)
_reserve, _alive = original(f"{SELECTION}.reserve"), original(f"{SELECTION}._alive")
_checked_pools = original(f"{SELECTION}.checked_pools")


def _rule(rule: Any) -> dict[str, Any]:
    """Replace the count rule for fractions; ints stay counts, and what is refused stays refused."""

    def count(sparsity: Any, size: int) -> int:
        right: int = _count(sparsity, size)
        return right if isinstance(sparsity, int) else int(rule(float(sparsity), size))

    return {COUNT: count}


def _keep(scores: Any, alive: Any, count: int) -> Any:
    """Return what the reference keeps of a flat pool."""
    return _keep_tensors([scores], [alive], count)[0]


def _flat(keep: Any) -> dict[str, Any]:
    """Let a rule for a flat pool decide: (scores, alive, count) -> mask."""

    def keep_tensors(scores: Any, alive: Any, count: int) -> Any:
        joined = [np.concatenate([np.ravel(array) for array in arrays]) for arrays in (scores, alive)]
        ends = np.cumsum([array.size for array in scores])[:-1]
        parts = np.split(keep(*joined, count), ends)
        return [part.reshape(array.shape) for part, array in zip(parts, scores, strict=True)]

    return {KEEP: keep_tensors}


def _by_threshold(compare: Any) -> dict[str, Any]:
    """Keep what compares well with the score at the boundary among the alive."""

    def keep(scores: Any, alive: Any, count: int) -> Any:
        ascending = np.sort(scores[alive])
        gone = count - int((~alive).sum())
        return alive.copy() if gone == 0 else alive & compare(scores, ascending, gone)

    return _flat(keep)


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


def _by_size(scores: Any, alive: Any, count: int) -> Any:
    """Rank by |score|."""
    return _keep(np.abs(scores), alive, count)


def _clamped(scores: Any, alive: Any, count: int) -> Any:
    """Read negative scores as 0."""
    return _keep(np.maximum(scores, 0), alive, count)


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
    return {name: mask.reshape(scores[name].shape, order=order) for name, mask in kept.items()}, short


def _sorted_names(pools: Any, names: Any) -> Any:
    """Take the tensors of a pool in the order of their names."""
    return {pool: tuple(sorted(members)) for pool, members in pools.items()}


def _off_by_one(scores: Any, alive: Any, count: int) -> Any:
    """Shift every offset by one."""
    shifted = _flat(lambda s, a, k: np.roll(_keep(s, a, k), len(scores) - 1))
    return shifted[KEEP](scores, alive, count)


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
        return {name: np.ones(scores[name].shape, bool) for name in names}, 0
    return _pool(pool, names, scores, alive, sparsity, min_kept)


def _scratch(name: Any, scores: Any, within: Any) -> Any:
    """Work in the caller's array."""
    right = _alive(name, scores, within)
    scores.sort()
    return right


def _handed_back(scores: Any, sparsity: Any, scope: Any, within: Any, *widths: Any) -> Any:
    """Return the caller's own masks where nothing has changed."""
    right = _select(scores, sparsity, scope, within, *widths)
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


def _rewritten(change: Callable[[Any], Any]) -> dict[str, Any]:
    """Select from changed scores."""

    def wrong(scores: Any, *rest: Any) -> Any:
        return _select({name: change(array) for name, array in scores.items()}, *rest)

    return {f"{SELECTION}.select": wrong}


def _formed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the right masks in another form."""

    def wrong(*arguments: Any, **named: Any) -> Any:
        right = _select(*arguments, **named)
        return right._replace(masks=change(right.masks))

    return {f"{SELECTION}.select": wrong}


def _removed_as_minus_infinity(scores: Any, alive: Any, count: int) -> Any:
    """Rank removed entries as -inf, so that an alive -inf is tied with them."""
    return _keep(np.where(alive, scores, -np.inf), np.ones_like(alive), count)


def _last_when_long(scores: Any, alive: Any, count: int) -> Any:
    """Take another algorithm for long pools, with other ties."""
    return (_sorted_last if scores.size > 200 else _keep)(scores, alive, count)


def _unstable_in_the_middle(scores: Any, alive: Any, count: int) -> Any:
    """Partition pools of 17 to 39."""
    return (_unstable if 17 <= scores.size <= 39 else _keep)(scores, alive, count)


def _summed_nesting(scores: Any, sparsity: Any, scope: Any, within: Any, *widths: Any) -> Any:
    """Compare what is asked with what is removed over all pools; a pool above its target stays as it is."""
    masks: dict[str, Any] = {}
    short: dict[str, int] = {}
    over = 0
    for pool, names in scope(scores).items():
        own = {name: scores[name] for name in names}
        lives = {name: mask for name, mask in (within or {}).items() if name in own}
        gone = sum(int((~mask).sum()) for mask in lives.values())
        count = _count(sparsity, sum(array.size for array in own.values()))
        over += gone - count
        found = _select(own, max(count, gone), lambda _, pool=pool, names=names: {pool: names}, lives, *widths)
        masks, short = masks | found.masks, short | found.short
    if over > 0:
        raise ValueError("the target falls")
    return Selection(masks, short)


def _handed_back_when(asked: Callable[[Any, Any], bool]) -> dict[str, Any]:
    """Return the caller's own masks where nothing has changed, in some selections only."""

    def wrong(scores: Any, sparsity: Any, scope: Any, within: Any, *widths: Any) -> Any:
        way = _handed_back if asked(sparsity, scope(scores)) else _select
        return way(scores, sparsity, scope, within, *widths)

    return {f"{SELECTION}.select": wrong}


def _numpy_as_fraction(sparsity: Any, size: int) -> int:
    """Take anything but an int of Python as a fraction."""
    return _count(sparsity if isinstance(sparsity, int) else float(sparsity), size)  # type: ignore[no-any-return]


def _large_reserve_refused(scores: Any, alive: Any, min_kept: int) -> Any:
    if min_kept > scores.size:
        raise ValueError("min_kept")
    return _reserve(scores, alive, min_kept)


def _empty_tensor_refused(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    if any(scores[name].size == 0 for name in names):
        raise ValueError("an empty tensor")
    return _pool(pool, names, scores, alive, sparsity, min_kept)


def _empty_beside_others(scores: Any, sparsity: Any, scope: Any, within: Any, *widths: Any) -> Any:
    """Skip empty tensors as long as there are others."""
    full = {name: array for name, array in scores.items() if array.size or len(scores) == 1}
    found = _select(full, sparsity, scope, within, *widths)
    empty = {name: np.ones(array.shape, bool) for name, array in scores.items() if name not in full}
    return found._replace(masks=found.masks | empty)


def _listed_order(pools: Any, names: Any) -> Any:
    """Take the tensors of a pool as the scope lists them."""
    _checked_pools(pools, names)
    return pools


def _forgotten_are_dense(pools: Any, sparsity: Any) -> Any:
    """Prune nothing where no sparsity is given."""
    return {**dict.fromkeys(pools, 0.0), **sparsity} if isinstance(sparsity, Mapping) else _targets(pools, sparsity)


def _strange_ignored(pools: Any, sparsity: Any) -> Any:
    """Look up what is needed only."""
    if isinstance(sparsity, Mapping) and set(pools) <= set(sparsity):
        return sparsity
    return _targets(pools, sparsity)


def _by_place(pools: Any, sparsity: Any) -> Any:
    """Take the sparsities one after the other."""
    right = _targets(pools, sparsity)
    return dict(zip(pools, right.values(), strict=True))


def _no_tensors(pools: Any, names: Any) -> Any:
    """Leave pools of no tensors to whatever NumPy says of them."""
    names = list(names)
    return {pool: tuple(name for name in names if name in members) for pool, members in pools.items()}


def _joined_first(pool: Any, names: Any, scores: Any, alive: Any, sparsity: Any, min_kept: Any) -> Any:
    """Join the tensors before looking whether there are any."""
    np.concatenate([np.ravel(scores[name]) for name in names])
    return _pool(pool, names, scores, alive, sparsity, min_kept)


_random = original(f"{SELECTION}.random_masks")


def _random_by(wrong: Any) -> dict[str, Any]:
    return {f"{SELECTION}.random_masks": wrong}


def _fills_the_first(shapes: Any, sparsity: Any, rng: Any, scope: Any) -> Any:
    """Take as much as there is from the first tensor of the pool."""
    if len(scope(shapes)) != 1:
        return _random(shapes, sparsity, rng, scope)
    left = _count(sparsity, sum(int(np.prod(shape)) for shape in shapes.values()))
    masks: dict[str, Any] = {}
    for name, shape in shapes.items():
        gone = min(left, int(np.prod(shape)))
        masks |= _random({name: shape}, gone, rng)
        left -= gone
    return masks


def _last_stays(shapes: Any, sparsity: Any, rng: Any, scope: Any) -> Any:
    """In every tensor but the first, let another entry go in place of the last."""
    masks = _random(shapes, sparsity, rng, scope)
    for mask in list(masks.values())[1:]:
        if not mask.flat[-1] and mask.any():
            mask.flat[int(np.flatnonzero(mask)[0])] = False
            mask.flat[-1] = True
    return masks


def _one_least(min_kept: Any, names: Any) -> Any:
    """Take the largest number for every group."""
    right = _least(min_kept, names)
    return dict.fromkeys(right, max(right.values(), default=0))


def _one_for_the_unnamed(min_kept: Any, names: Any) -> Any:
    return {name: least or int(isinstance(min_kept, dict)) for name, least in _least(min_kept, names).items()}


def _unknown_ignored(min_kept: Any, names: Any) -> Any:
    known = {n: k for n, k in min_kept.items() if n in names} if isinstance(min_kept, dict) else min_kept
    return _least(known, names)


def _before_the_step(sizes: Any, caps: Any) -> Any:
    """Compare with the cap what is removed when the step begins: nothing yet, so no group is held back."""
    return dict.fromkeys(_caps(sizes, caps), 1)


def _emptied_under_caps(sizes: Any, caps: Any) -> Any:
    return {name: least if name in caps and caps[name] < 1 else 0 for name, least in _caps(sizes, caps).items()}


def _caps_counted(count: Callable[[float, int], int]) -> dict[str, Any]:
    """Count otherwise how many may go."""

    def wrong(sizes: Any, caps: Any) -> Any:
        _caps(sizes, caps)
        return {name: max(1, size - count(float(caps.get(name, 1.0)), size)) for name, size in sizes.items()}

    return {CAPS: wrong}


def _unchecked_caps(sizes: Any, caps: Any) -> Any:
    return {name: max(1, size - int(float(caps.get(name) or 1.0) * size)) for name, size in sizes.items()}


def _width(rule: Callable[[int, int], int]) -> dict[str, Any]:
    """Keep the best alive entries, (kept without a multiple, multiple) -> how many."""

    def wrong(scores: Any, alive: Any, kept: Any, multiple: int) -> Any:
        wanted = min(rule(int(kept.sum()), multiple), int(alive.sum()))
        return kept if wanted == kept.sum() else _reserve(scores, alive, wanted)

    return {ROUNDED: wrong}


def _beyond_the_alive(scores: Any, alive: Any, kept: Any, multiple: int) -> Any:
    """Bring removed entries back to fill the multiple."""
    wanted = min(-(-int(kept.sum()) // multiple) * multiple, scores.size)
    return kept if wanted == kept.sum() else _keep(scores, np.ones_like(alive), scores.size - wanted)


def _first_come_back(scores: Any, alive: Any, kept: Any, multiple: int) -> Any:
    """Bring the first back, not the best."""
    wanted = -(-int(kept.sum()) // multiple) * multiple
    return kept | (alive & ~kept & (np.cumsum(alive & ~kept) <= wanted - kept.sum()))


def _all_where_it_does_not_fit(scores: Any, alive: Any, kept: Any, multiple: int) -> Any:
    """Skip a group that has no multiple of its own."""
    return alive.copy() if scores.size % multiple else _rounded(scores, alive, kept, multiple)


def _multiple_not_reported(*arguments: Any) -> Any:
    """Report what a reserve keeps, and nothing of what a multiple does."""
    return _select(*arguments)._replace(short=_select(*arguments[:5]).short)


def _clipped(sparsity: Any) -> Any:
    return min(max(sparsity, 0.0), 1.0) if isinstance(sparsity, float) else sparsity


class _Session:
    """A session with a wrong step: (session, scores, sparsity) -> masks; `case` and `masks` are its memory."""

    def __init__(self, case: SelectCase, step: Any) -> None:
        self.case, self.step, self.masks, self.first = case, step, case.within, None

    def select(self, scores: Any, sparsity: Any) -> Any:
        self.first = self.first or scores
        self.masks = self.step(self, scores, sparsity)
        return self.masks

    def ask(self, scores: Any, sparsity: Any, within: Any) -> Any:
        return Reference().select(replace(self.case, scores=scores, sparsity=sparsity, within=within))


class _Stateful(Reference):
    """The reference with other sessions."""

    def __init__(self, step: Any) -> None:
        self.step = step

    def begin(self, case: SelectCase) -> Any:
        return _Session(case, self.step)


def _brings_back(session: Any, scores: Any, sparsity: Any) -> Any:
    try:
        return session.ask(scores, sparsity, session.masks)
    except ValueError:
        return session.ask(scores, sparsity, None)


def _count_more(session: Any, scores: Any, sparsity: Any) -> Any:
    gone = sum(int((~mask).sum()) for mask in (session.masks or {}).values())
    return session.ask(scores, sparsity + gone if isinstance(sparsity, int) else sparsity, session.masks)


def _beginning_dropped(session: Any, scores: Any, sparsity: Any) -> Any:
    within = None if session.masks is session.case.within else session.masks
    return session.ask(scores, sparsity, within)


def _overwritten(session: Any, scores: Any, sparsity: Any) -> Any:
    masks = session.ask(scores, sparsity, session.masks)
    if session.masks is session.case.within:
        return masks
    for name, mask in masks.items():
        session.masks[name][...] = mask
    return session.masks


def _forgets_when_refused(session: Any, scores: Any, sparsity: Any) -> Any:
    within, session.masks = session.masks, None
    return session.ask(scores, sparsity, within)


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
    Mutant("last of ties stays", "SEL-04", "M11: bottom-k in place of top-(n - k)", _flat(_sorted_last)),
    Mutant("default sort", "SEL-04", "M11: an unstable sort decides ties", _flat(_unstable)),
    Mutant(
        "ranked by size",
        "SEL-04",
        "M13 reversed: |score| for the score",
        _flat(_by_size),
    ),
    Mutant("negative clamped", "SEL-04", "scores below 0 read as 0", _flat(_clamped)),
    Mutant("signed zero", "SEL-04", "M82: -0.0 ranked below 0.0", _flat(_signed_zero)),
    Mutant("largest go", "SEL-15", "M14: mask inverted", _flat(lambda s, a, k: _keep(-s, a, k))),
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
    Mutant("budget spent on the dead", "SEL-05", "M17: torch prune()", _flat(_budget_on_removed)),
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
    Mutant("offsets off by one", "SEL-09", "M25: slices on the wrong layer", {KEEP: _off_by_one}),
    Mutant("no reserve", "SEL-10", "M26, M48: a layer emptied", {f"{SELECTION}.reserve": _reserve_nothing}),
    Mutant("first reserved", "SEL-10", "the first alive units, not the best", {f"{SELECTION}.reserve": _reserve_first}),
    Mutant("one reserve for all", "SEL-10", "the numbers of the groups are mixed", {LEAST: _one_least}),
    Mutant("reserve of the unnamed", "SEL-10", "1 where nothing is said", {LEAST: _one_for_the_unnamed}),
    Mutant("reserve of nobody", "SEL-10", "a misspelt group is ignored", {LEAST: _unknown_ignored}),
    Mutant("never short", "SEL-11", "M47: what was not removed is not reported", {POOL: _never_short}),
    Mutant(
        "multiple not reported",
        "SEL-11",
        "M47: more stays than was asked, and nothing is said",
        {f"{SELECTION}.select": _multiple_not_reported},
    ),
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
    Mutant("NumPy's 1 is everything", "SEL-02", "only ints of Python are counts", {COUNT: _numpy_as_fraction}),
    Mutant(
        "NumPy's bool accepted",
        "SEL-03",
        "isinstance(x, bool) does not know np.True_",
        {COUNT: lambda s, n: _count(float(s) if isinstance(s, np.bool_) else s, n)},
    ),
    Mutant("scores cast to float32", "SEL-04", "torch's default dtype", _rewritten(lambda a: a.astype(np.float32))),
    Mutant(
        "smallest scores flushed to 0",
        "SEL-04",
        "flush-to-zero of subnormal numbers",
        _rewritten(lambda a: np.where(np.abs(a) < 2.3e-308, 0.0, a)),
    ),
    Mutant("last of ties when long", "SEL-04", "another algorithm beyond 200 entries", _flat(_last_when_long)),
    Mutant("default sort of 17 to 39", "SEL-04", "insertion sort below, radix above", _flat(_unstable_in_the_middle)),
    Mutant("nesting over the sum", "SEL-05", "one total for all pools", {f"{SELECTION}.select": _summed_nesting}),
    Mutant("removed ranked as -inf", "SEL-06", "tied with an alive -inf", _flat(_removed_as_minus_infinity)),
    Mutant(
        "large reserve refused",
        "SEL-10",
        "min_kept above the size of a group",
        {f"{SELECTION}.reserve": _large_reserve_refused},
    ),
    Mutant("empty tensor refused", "SEL-12", "although its pool has entries", {POOL: _empty_tensor_refused}),
    Mutant("empty beside others", "SEL-12", "empty pools are skipped", {f"{SELECTION}.select": _empty_beside_others}),
    Mutant("forgotten pools are dense", "SEL-22", "a layer that a table forgets", {TARGETS: _forgotten_are_dense}),
    Mutant("strange pools ignored", "SEL-22", "a misspelt name", {TARGETS: _strange_ignored}),
    Mutant("sparsities in their order", "SEL-22", "by place and not by name", {TARGETS: _by_place}),
    Mutant(
        "pool of no tensors",
        "SEL-12",
        "NumPy's error, not the border's",
        {f"{SELECTION}.checked_pools": _no_tensors, POOL: _joined_first},
    ),
    Mutant("handed back above 0", "SEL-13", "only sparsity 0 is copied", _handed_back_when(lambda s, pools: s != 0)),
    Mutant(
        "handed back globally", "SEL-13", "the slice of within", _handed_back_when(lambda s, pools: "global" in pools)
    ),
    Mutant("first tensor filled", "SEL-16", "the global count taken from the front", _random_by(_fills_the_first)),
    Mutant(
        "several tensors unseeded",
        "SEL-16",
        "a seed for the first tensor only",
        _random_by(
            lambda shapes, s, rng, scope: _random(
                shapes, s, rng if len(shapes) == 1 else np.random.default_rng(), scope
            )
        ),
    ),
    Mutant("last entry stays", "SEL-16", "high - 1 in a draw of indices", _random_by(_last_stays)),
    Mutant(
        "random sparsity clipped",
        "SEL-16",
        "1.5 accepted",
        _random_by(lambda shapes, s, rng, scope: _random(shapes, _clipped(s), rng, scope)),
    ),
    Mutant(
        "random count read as a fraction",
        "SEL-16",
        "the int 1 removes everything",
        _random_by(lambda shapes, s, rng, scope: _random(shapes, float(s) if s == 1 else s, rng, scope)),
    ),
    Mutant(
        "pool as listed",
        "SEL-17",
        "the scope's order decides ties",
        {f"{SELECTION}.checked_pools": _listed_order},
    ),
    Mutant("mask of 2", "SEL-18", "0 and 2", _formed(lambda masks: {name: 2 * mask for name, mask in masks.items()})),
    Mutant("mask too many", "SEL-18", "an entry of its own", _formed(lambda masks: masks | {"__meta__": np.ones(1)})),
    Mutant("mask missing", "SEL-18", "the last tensor is dense", _formed(lambda masks: dict(list(masks.items())[:-1]))),
    Mutant(
        "mask flat", "SEL-18", "not shaped again", _formed(lambda masks: {n: mask.ravel() for n, mask in masks.items()})
    ),
    Mutant(
        "mask transposed",
        "SEL-18",
        "(in, out) kernels",
        _formed(lambda masks: {n: mask.T for n, mask in masks.items()}),
    ),
    Mutant(
        "random masks flat",
        "SEL-18",
        "not shaped again",
        _random_by(lambda *arguments: {name: mask.ravel() for name, mask in _random(*arguments).items()}),
    ),
    Mutant(
        "session without memory",
        "SEL-19",
        "masks computed anew; torch.ao, NNI",
        backend=_Stateful(lambda session, scores, s: session.ask(scores, s, session.case.within)),
    ),
    Mutant(
        "session of the first scores",
        "SEL-19",
        "scores cached at the first call",
        backend=_Stateful(lambda session, scores, s: session.ask(session.first, s, session.masks)),
    ),
    Mutant(
        "session of the scores it began with",
        "SEL-19",
        "scores taken from begin",
        backend=_Stateful(lambda session, scores, s: session.ask(session.case.scores, s, session.masks)),
    ),
    Mutant("session brings back", "SEL-19", "a falling target starts anew", backend=_Stateful(_brings_back)),
    Mutant("session of that many more", "SEL-19", "an int is added", backend=_Stateful(_count_more)),
    Mutant("session drops its masks", "SEL-19", "begin's within is not used", backend=_Stateful(_beginning_dropped)),
    Mutant("session overwrites", "SEL-19", "earlier masks change in place", backend=_Stateful(_overwritten)),
    Mutant("session forgets a refusal", "SEL-19", "state lost in an error", backend=_Stateful(_forgets_when_refused)),
    Mutant(
        "cap before the step",
        "SEL-20",
        "M35: one step from below the cap to 2 of 20; Torch-Pruning's max_pruning_ratio",
        {CAPS: _before_the_step},
    ),
    Mutant("emptied under a cap of 1", "SEL-20", "M48: nothing of a group stays", {CAPS: _emptied_under_caps}),
    Mutant("cap rounded", "SEL-20", "half to even: 0.7 of 5 is 4", _caps_counted(lambda cap, n: round(cap * n))),
    Mutant(
        "cap rounded up",
        "SEL-20",
        "M08: ceil for floor, one more than the cap",
        _caps_counted(lambda cap, n: ceil(cap * n)),
    ),
    Mutant("unchecked caps", "SEL-20", "M22: a cap of 1.1, of True, of nobody", {CAPS: _unchecked_caps}),
    Mutant(
        "rounded down",
        "SEL-21",
        "M47: the code floors, to zero if need be; Torch-Pruning's round_to",
        _width(lambda width, multiple: width // multiple * multiple),
    ),
    Mutant(
        "rounded to the nearest",
        "SEL-21",
        "M47: 1 of 8 to a multiple of 4 is 0",
        _width(lambda width, multiple: round(width / multiple) * multiple),
    ),
    Mutant(
        "one multiple more",
        "SEL-21",
        "a width that fits is rounded up as well",
        _width(lambda width, multiple: (width // multiple + 1) * multiple if multiple > 1 else width),
    ),
    Mutant("multiple ignored", "SEL-21", "the width as it comes", _width(lambda width, multiple: width)),
    Mutant("multiple brings back", "SEL-21", "more than is alive", {ROUNDED: _beyond_the_alive}),
    Mutant("first come back", "SEL-21", "by position, not by score", {ROUNDED: _first_come_back}),
    Mutant(
        "skipped where it does not fit",
        "SEL-21",
        "M47: left whole without a word; Torch-Pruning's round_to, where it floors to zero",
        {ROUNDED: _all_where_it_does_not_fit},
    ),
)
