"""The corners of the domain: what drawn cases must reach, or a property that holds says nothing.

A full run of a backend that claims a corner's profile fails where the corner was never met.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, Declaration, NofM, Profile, ScheduleCase, SelectCase, TrainCase, Units

LARGEST = 4096
"""Arrays of more entries are not looked at: the large examples are about size."""


@dataclass(frozen=True)
class Corner:
    """A place where implementations differ, and who must be led there."""

    name: str
    profile: Profile
    claimed: Callable[[Declaration], bool] = lambda _: True


def _element(declaration: Declaration) -> bool:
    """Scores of units have one axis."""
    return "element" in declaration.granularities


def _single(declaration: Declaration) -> bool:
    """Scores of tiles and of runs are drawn without these."""
    return bool(declaration.granularities & {"element", "unit"})


def _sparse(declaration: Declaration) -> bool:
    """Runs of n of m are asked with no sparsity, and one by one."""
    return declaration.granularities != frozenset({"n_of_m"})


def _signed(declaration: Declaration) -> bool:
    """Tiles are drawn without -0.0."""
    return declaration.granularities != {"block"}


def _traced(declaration: Declaration) -> bool:
    """A number of rounds begins nowhere else, and has no steps in between."""
    return "trace" in declaration.forms


CORNERS = (
    Corner("ties", "SELECT"),
    Corner("all scores equal", "SELECT"),
    Corner("nothing removed", "SELECT", _sparse),
    Corner("everything removed", "SELECT", _sparse),
    Corner("a half to round", "SELECT", _sparse),
    Corner("NaN", "SELECT", lambda declaration: _single(declaration) and declaration.nan != "unspecified"),
    Corner("infinity", "SELECT", _single),
    Corner("-0.0", "SELECT", _signed),
    Corner("empty pool", "SELECT", _single),
    Corner("several tensors in one pool", "SELECT", lambda one: _sparse(one) and "global" in one.pools),
    Corner("removed before", "SELECT", lambda declaration: declaration.within),
    Corner("an int", "SELECT", lambda declaration: _sparse(declaration) and declaration.integers != "refused"),
    Corner("Fortran order", "SELECT", _element),
    Corner("one entry", "SELECT"),
    Corner("ragged tail", "SELECT", lambda declaration: "n_of_m" in declaration.granularities),
    Corner("ragged tile", "SELECT", lambda declaration: "block" in declaration.granularities),
    Corner("a reserve", "SELECT", lambda declaration: "unit" in declaration.granularities),
    Corner("pruned in mid-run", "TRAIN"),
    Corner("momentum", "TRAIN", lambda declaration: "sgd" in declaration.optimisers),
    Corner("weight decay", "TRAIN"),
    Corner("a step that does not lead to the end", "SCHEDULE", _traced),
    Corner("begins later", "SCHEDULE", _traced),
)


def expected(declaration: Declaration) -> list[str]:
    """Return the corners that a full run of this backend must meet."""
    return [corner.name for corner in CORNERS if corner.profile in declaration.profiles and corner.claimed(declaration)]


def corners(arguments: Iterable[Any]) -> set[str]:
    """Return the corners that one call has."""
    found: set[str] = set()
    for argument in arguments:
        if isinstance(argument, SelectCase):
            found |= {name for name, holds in _of_selection(argument) if holds}
        elif isinstance(argument, TrainCase):
            found |= {name for name, holds in _of_training(argument) if holds}
        elif isinstance(argument, ScheduleCase):
            found |= {name for name, holds in _of_schedule(argument) if holds}
    return found


def _of_selection(case: SelectCase) -> Iterator[tuple[str, bool]]:
    arrays = [np.asarray(array) for array in case.scores.values()]
    size = sum(array.size for array in arrays)
    yield "empty pool", size == 0 or (case.pools == "local" and any(array.size == 0 for array in arrays))
    if not 0 < size <= LARGEST or any(array.dtype.kind != "f" for array in arrays):
        return
    pool = np.concatenate([array.ravel() for array in arrays])
    different = len(np.unique(pool))
    yield "ties", different < size
    yield "all scores equal", different == 1 < size
    yield "NaN", bool(np.isnan(pool).any())
    yield "infinity", bool(np.isinf(pool).any())
    yield "-0.0", bool((np.signbit(pool) & (pool == 0)).any())
    yield "one entry", size == 1
    yield "several tensors in one pool", case.pools == "global" and len(arrays) > 1
    yield "Fortran order", any(array.flags.f_contiguous and not array.flags.c_contiguous for array in arrays)
    yield "removed before", any(not np.asarray(mask).all() for mask in (case.within or {}).values())
    yield from _of_sparsity(case.sparsity, _sizes(case, arrays))
    yield from _of_granularity(case.granularity, arrays)


def _sizes(case: SelectCase, arrays: list[Any]) -> list[int]:
    """Return of how many each pool is: entries, units or tiles."""
    of_tiles = isinstance(case.granularity, Blocks)
    sizes = [_tiles(case.granularity, array) if of_tiles else array.size for array in arrays]
    return sizes if case.pools == "local" else [sum(sizes)]


def _tiles(granularity: Any, array: Any) -> int:
    """Return in how many tiles an array is cut."""
    if not array.size or not array.ndim:
        return int(array.size)
    height, width = len(array), array.size // len(array)
    return int(-(-height // (granularity.rows or height)) * -(-width // (granularity.columns or width)))


def _of_sparsity(sparsity: Any, sizes: list[int]) -> Iterator[tuple[str, bool]]:
    if type(sparsity) in (int, float):
        yield "an int", type(sparsity) is int
        yield "nothing removed", sparsity == 0
        yield "everything removed", sparsity in (sizes if type(sparsity) is int else [1.0])
        yield "a half to round", type(sparsity) is float and any(sparsity * size % 1 == 0.5 for size in sizes)


def _of_granularity(granularity: Any, arrays: list[Any]) -> Iterator[tuple[str, bool]]:
    yield "a reserve", isinstance(granularity, Units) and granularity.min_kept > 0
    if isinstance(granularity, NofM):
        along = [array.shape[granularity.axis] for array in arrays if 0 <= granularity.axis < array.ndim]
        yield "ragged tail", granularity.of > 0 and any(length % granularity.of for length in along)
    if isinstance(granularity, Blocks):
        rows, columns = granularity.rows or 1, granularity.columns or 1
        yield "ragged tile", any(len(a) % rows or (a.size // len(a)) % columns for a in arrays if a.ndim and len(a))


def _of_training(case: TrainCase) -> Iterator[tuple[str, bool]]:
    yield "pruned in mid-run", 0 < case.prune_at < len(case.batches)
    yield "momentum", case.optimiser.name in ("sgd", "nesterov") and case.optimiser.momentum > 0
    yield "weight decay", case.optimiser.weight_decay > 0


def _of_schedule(case: ScheduleCase) -> Iterator[tuple[str, bool]]:
    whole: Mapping[str, Any] = vars(case)
    counted = all(type(whole[name]) is int for name in ("begin", "end", "every")) and case.every > 0
    yield "a step that does not lead to the end", counted and (case.end - case.begin) % case.every != 0
    yield "begins later", counted and case.begin > 0
