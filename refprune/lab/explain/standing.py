"""Where one thing stood in each round: its rank, the threshold and the ties.

In: the scores and the masks of a finished run. Out: numbers, counted by the definition: how many come before it. What
selects is not asked, so that masks which do not follow from the scores are found out.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Mask
from refprune.errors import InvalidInput
from refprune.lab.explain.targets import Competitor
from refprune.lab.finished import Finished
from refprune.selection import checked_pools, removal_count


class Pool(NamedTuple):
    """Who competed with the thing."""

    name: str
    tensors: tuple[str, ...]
    entries: int
    position: int
    """The place of the thing among them, from 0: what decides between equal scores."""


class Standing(NamedTuple):
    """Where the thing stood in one round, among those that were alive before it."""

    number: int
    sparsity: float
    entries: int
    """How many the pool has, those removed included."""
    removed: int
    """How many of them are removed afterwards, those of earlier rounds included."""
    short: int
    """How many fewer these are than the sparsity asks for."""
    stay: int
    """How many of them are kept."""
    alive: bool
    """Whether it was alive before this round; when not, what follows down to `kept` says nothing."""
    score: float
    """In the precision of the scores."""
    rank: int
    """1 = the last to go."""
    rank_by_score: int
    """What the rank would be if nothing were set aside."""
    set_aside: bool
    reserve: int
    """How many of the pool are set aside."""
    ties_kept: int
    """How many others that were alive have exactly this score and are kept."""
    ties_removed: int
    kept: bool
    lowest_kept: float | None
    """Of those that were alive and not set aside, as the next."""
    highest_removed: float | None

    @property
    def decided_by_position(self) -> bool:
        """Say whether equal scores lie on both sides of the threshold, with this one among them."""
        return not self.set_aside and bool(self.score == self.lowest_kept == self.highest_removed)

    @property
    def decided_by_reserve(self) -> bool:
        """Say whether it would have fared otherwise if nothing were set aside."""
        return self.kept != (self.rank_by_score <= self.stay - self.short)


def pool_of(run: Finished, thing: Competitor) -> Pool:
    """Return the pool of the thing, with its place there."""
    scores = run.rounds[0].scores
    pools = checked_pools(run.how.scope(scores), scores)
    name, tensors = next((pool, names) for pool, names in pools.items() if thing.name in names)
    before = sum(scores[tensor].size for tensor in tensors[: tensors.index(thing.name)])
    position = before + int(np.ravel_multi_index(thing.index, scores[thing.name].shape))
    return Pool(name, tensors, sum(scores[tensor].size for tensor in tensors), position)


def standings(run: Finished, thing: Competitor) -> list[Standing]:
    """Return where the thing stood in each round.

    Raises:
        InvalidInput: masks that do not follow from the scores.
    """
    pool = pool_of(run, thing)
    before: Mapping[str, Mask] = {tensor: np.ones(run.rounds[0].scores[tensor].shape, bool) for tensor in pool.tensors}
    found: list[Standing] = []
    for number, one in enumerate(run.rounds, 1):
        what = f"{run.place / 'rounds' / str(number)}, pool {pool.name!r}"
        scores, kept, alive = (_flat(arrays, pool) for arrays in (one.scores, one.kept, before))
        _check_legal(what, scores, kept, alive)
        aside = np.concatenate([_set_aside(one.scores[name], before[name], _least(run, name)) for name in pool.tensors])
        standing = _standing(number, run.sparsities[number - 1], pool.position, scores, kept, alive, aside)
        _check_follows(what, standing)
        found.append(standing)
        before = one.kept
    return found


def _flat(arrays: Mapping[str, Array], pool: Pool) -> Array:
    return np.concatenate([np.ravel(arrays[tensor]) for tensor in pool.tensors])


def _least(run: Finished, tensor: str) -> int:
    """Return how many units of a tensor are kept whatever is asked."""
    least = run.how.granularity.min_kept
    return least if isinstance(least, int) else least.get(tensor, 0)


def _set_aside(scores: Array, alive: Mask, min_kept: int) -> Mask:
    """Return which entries of one tensor are set aside: alive, and fewer than min_kept of its alive before them."""
    flat, living = np.ravel(scores), np.ravel(alive)
    if min_kept == 0:
        return np.zeros(flat.size, bool)
    best: Mask = np.array([_before(flat, living, place) < min_kept for place in range(flat.size)], bool)
    return best & living


def _before(scores: Array, among: Mask, place: int) -> int:
    """Return how many of these come before a place: a higher score, or the same one at an earlier position."""
    higher, earlier = among & (scores > scores[place]), among[:place] & (scores[:place] == scores[place])
    return int(np.count_nonzero(higher)) + int(np.count_nonzero(earlier))


def _standing(
    number: int, sparsity: float, place: int, scores: Array, kept: Mask, alive: Mask, aside: Mask
) -> Standing:
    """Return where one place of a pool stands in one round."""
    rest = alive & ~aside
    if aside[place]:
        rank = 1 + _before(scores, aside, place)
    else:
        rank = 1 + int(np.count_nonzero(aside)) + _before(scores, rest, place)
    ties = alive & (scores == scores[place])
    ties[place] = False
    removed = int(np.count_nonzero(~kept))
    stays, goes = scores[rest & kept], scores[rest & ~kept]
    return Standing(
        number=number,
        sparsity=sparsity,
        entries=scores.size,
        removed=removed,
        short=removal_count(sparsity, scores.size) - removed,
        stay=scores.size - removed,
        alive=bool(alive[place]),
        score=scores[place],
        rank=rank,
        rank_by_score=1 + _before(scores, alive, place),
        set_aside=bool(aside[place]),
        reserve=int(np.count_nonzero(aside)),
        ties_kept=int(np.count_nonzero(ties & kept)),
        ties_removed=int(np.count_nonzero(ties & ~kept)),
        kept=bool(kept[place]),
        lowest_kept=stays.min() if stays.size else None,
        highest_removed=goes.max() if goes.size else None,
    )


def _check_legal(what: str, scores: Array, kept: Mask, alive: Mask) -> None:
    """Refuse scores that cannot have been ranked, and masks that bring entries back."""
    if np.isnan(scores[alive]).any():
        raise InvalidInput(what, "NaN as the score of an alive entry", "numbers, finite or infinite (SEL-07)")
    if (kept & ~alive).any():
        raise InvalidInput(what, "entries kept that an earlier round removed", "nothing that comes back (SEL-05)")


def _check_follows(what: str, standing: Standing) -> None:
    """Refuse masks that the scores do not give: the stored masks do not follow from the stored scores."""
    asked = standing.removed + standing.short
    should = min(asked, standing.entries - standing.reserve)
    if standing.removed != should:
        raise InvalidInput(
            what, f"{standing.removed:,} removed", f"{should:,} at {standing.sparsity!r} (SEL-01, SEL-11)"
        )
    lowest, highest = standing.lowest_kept, standing.highest_removed
    if lowest is not None and highest is not None and highest > lowest:
        got = f"the score {highest} removed and {lowest} kept, so the stored masks do not follow from the stored scores"
        raise InvalidInput(what, got, "the lowest scores removed (SEL-04)")
    if standing.alive and standing.kept != (standing.rank <= standing.stay):
        fate = "kept" if standing.kept else "removed"
        got = f"rank {standing.rank:,} {fate}, so the stored masks do not follow from the stored scores"
        raise InvalidInput(what, got, f"the ranks up to {standing.stay:,} kept and no other (SEL-04)")
