"""Wrong reductions, tiles, units and runs."""

from typing import Any

import numpy as np

from refprune.granularity import Granularity
from spec_tests.mutants.mutant import Mutant, original

GRANULARITY = "refprune.granularity"
TILES, SPREAD_TILES, UNIFORM = (f"{GRANULARITY}.{name}" for name in ("tile_labels", "_spread_tiles", "_uniform"))
UNITS, SPREAD, IS_WEIGHT = (f"{GRANULARITY}.{name}" for name in ("unit_labels", "spread", "is_weight"))
RUN, QUOTA, N_OF_M = (f"{GRANULARITY}.{name}" for name in ("_keep_in_run", "run_quota", "_n_of_m"))
ALONG, MEMBER, GROUP = (f"{GRANULARITY}.{name}" for name in ("along", "_member", "_reduce_group"))
_tiles, _units, _spread = original(TILES), original(UNITS), original(SPREAD)
_along, _member, _group = original(ALONG), original(MEMBER), original(GROUP)
COLLAPSE = f"{GRANULARITY}._collapse_group"
_collapse = original(COLLAPSE)
_run, _quota, _n_of_m = original(RUN), original(QUOTA), original(N_OF_M)
_public, _integer = original(f"{GRANULARITY}.n_of_m"), original("refprune.errors.check_integer")
_absolute, _l2 = original(f"{GRANULARITY}._absolute"), original(f"{GRANULARITY}.l2")
_block, _unit, _l1 = (original(f"{GRANULARITY}.{name}") for name in ("block", "unit", "l1"))


def _reducer(name: str, wrong: Any) -> dict[str, Any]:
    """Replace a reducer."""
    return {f"{GRANULARITY}.{name}": wrong}


def _sum(contributions: Any, units: Any, count: int) -> Any:
    return np.bincount(units, contributions, count)


def _mean_of_full(contributions: Any, units: Any, count: int) -> Any:
    """Divide by the size of a whole tile, as zero padding does."""
    return _l1(contributions, units, count) / np.bincount(units, minlength=count).max()


def _signed_maximum(contributions: Any, units: Any, count: int) -> Any:
    scores = np.full(count, -np.inf)
    np.maximum.at(scores, units, contributions)
    return np.abs(scores)


def _float32_sum(contributions: Any, units: Any, count: int) -> Any:
    """Add up in float32, one after the other."""
    scores = np.zeros(count, np.float32)
    np.add.at(scores, units, np.abs(contributions).astype(np.float32))
    return scores.astype(np.float64)


def _padded(shape: Any, rows: Any, columns: Any) -> Any:
    """Pad by shape % tile in place of -shape % tile, so that the last tiles do not fit."""
    labels, grid = _tiles(shape, rows, columns)
    size = (shape[0], int(np.prod(shape[1:])))
    sides = (rows or size[0], columns or size[1])
    wrong = [(n + n % side) // side for n, side in zip(size, sides, strict=True)]
    row, column = np.divmod(labels, grid[1])
    row, column = np.minimum(row, wrong[0] - 1), np.minimum(column, wrong[1] - 1)
    return row * wrong[1] + column, (wrong[0], wrong[1])


def _ragged_joined(shape: Any, rows: Any, columns: Any) -> Any:
    """Give the ragged edge to the last whole tile."""
    labels, grid = _tiles(shape, rows, columns)
    size = (shape[0], int(np.prod(shape[1:])))
    whole = [max(n // (side or n), 1) for n, side in zip(size, (rows, columns), strict=True)]
    row, column = np.divmod(labels, grid[1])
    return np.minimum(row, whole[0] - 1) * whole[1] + np.minimum(column, whole[1] - 1), (whole[0], whole[1])


def _from_the_end(shape: Any, rows: Any, columns: Any) -> Any:
    """Start the tiles at the last row and column."""
    labels, grid = _tiles(shape, rows, columns)
    return (grid[0] * grid[1] - 1) - labels[::-1], grid


def _last_axis(shape: Any, rows: Any, columns: Any) -> Any:
    """Take (everything else, last axis) for the matrix."""
    labels, grid = _tiles((int(np.prod(shape[:-1])), shape[-1]), rows, columns)
    return labels, grid


def _repeated(mask: Any, labels: Any, shape: Any) -> Any:
    """Repeat the grid over the array in place of each of its entries over a tile."""
    return np.resize(mask, shape)


def _transposed(mask: Any, labels: Any, shape: Any) -> Any:
    """Read the grid column by column."""
    return np.ravel(mask, order="F")[labels].reshape(shape)


def _first_entry(name: str, mask: Any, labels: Any, count: int) -> Any:
    """Take the first entry of a unit for the whole of it."""
    return mask[np.unique(labels, return_index=True)[1]]


def _any_entry(name: str, mask: Any, labels: Any, count: int) -> Any:
    """Take a unit for kept while any entry of it is."""
    return np.bincount(labels, mask, count) > 0


def _columns(part: Any, shape: Any) -> Any:
    """Take the input axis for the unit's."""
    turned = len(shape) > 1 and part.axis == 0
    labels = tuple(part.units[index % len(part.units)] for index in range(shape[1])) if turned else part.units
    return _units(part._replace(axis=1, units=labels) if turned else part, shape)


def _channel_last(mask: Any, part: Any) -> Any:
    """Give unit i every size-th index in place of its own stretch."""
    return _along(mask, part._replace(units=tuple(index % len(mask) for index in range(len(part.units)))))


def _no_label_goes(mask: Any, part: Any) -> Any:
    """Let -1 index the last unit, as NumPy reads it."""
    return mask[np.asarray(part.units)]


def _no_label_counts(part: Any, contributions: Any) -> Any:
    """Give what belongs to no unit to the last."""
    labels = _units(part, contributions.shape)
    return np.ravel(contributions).astype(np.float64), np.where(labels < 0, labels.max(), labels)


def _combined(wrong: Any) -> dict[str, Any]:
    """Combine otherwise: (group, contributions, reducer, combine) -> scores."""

    def scores(group: Any, contributions: Any, reducer: Any, combine: Any) -> Any:
        return (_group if combine is None else wrong)(group, contributions, reducer, combine)

    return {GROUP: scores}


def _first_member(group: Any, *rest: Any) -> Any:
    return _group(group._replace(producers=group.producers[:1]), *rest)


def _member_scores(group: Any, contributions: Any, reducer: Any) -> Any:
    parts = [part for part in group.producers if part.array.endswith(".weight")]
    return [(part, reducer(*_member(part, contributions[part.array]), group.size)) for part in parts]


def _by_size(group: Any, contributions: Any, reducer: Any, combine: Any) -> Any:
    """Count a member once for each of its entries: wide members count more often."""
    scores = _member_scores(group, contributions, reducer)
    repeated = [own for part, own in scores for _ in range(contributions[part.array].size // group.size)]
    return combine(np.concatenate(repeated), np.tile(np.arange(group.size), len(repeated)), group.size)


def _members_mixed(group: Any, contributions: Any, reducer: Any, combine: Any) -> Any:
    """Cut the scores of all members where the units are none."""
    scores = [own for _, own in _member_scores(group, contributions, reducer)]
    return combine(np.concatenate(scores), np.repeat(np.arange(group.size), len(scores)), group.size)


def _weights_only(mask: Any, part: Any, shape: Any) -> Any:
    """Leave the bias of a removed unit."""
    right = _spread(mask, part, shape)
    return np.ones_like(right) if len(shape) == 1 else right


def _all_ties_go(scores: Any, alive: Any, keep: int, of: int) -> Any:
    """Keep what is above the best score that goes."""
    ascending = np.sort(np.where(alive, scores, -np.inf), axis=-1)
    gone = scores.shape[-1] - _quota(keep, of, scores.shape[-1])
    return alive if gone == 0 else alive & (scores > ascending[..., gone - 1 : gone])


def _last_tie(scores: Any, alive: Any, keep: int, of: int) -> Any:
    """Keep the last of equal scores."""
    return _run(scores[..., ::-1], alive[..., ::-1], keep, of)[..., ::-1]


def _removed_compete(scores: Any, alive: Any, keep: int, of: int) -> Any:
    """Rank removed entries with the rest, and remove them afterwards."""
    return _run(scores, np.ones_like(alive), keep, of) & alive


def _within_ignored(scores: Any, alive: Any, keep: int, of: int) -> Any:
    """Bring removed entries back."""
    return _run(scores, np.ones_like(alive), keep, of)


def _over_pruned_refused(scores: Any, alive: Any, keep: int, of: int) -> Any:
    """Take a run that has fewer left than it may keep for a mistake."""
    if (alive.sum(axis=-1) < _quota(keep, of, scores.shape[-1])).any():
        raise ValueError("a run with too few entries")
    return _run(scores, alive, keep, of)


def _straddling(name: str, scores: Any, keep: int, of: int, alive: Any, axis: int) -> Any:
    """Run on over the end of a row."""
    flat = None if alive is None else alive.reshape(1, -1)
    return _n_of_m(name, scores.reshape(1, -1), keep, of, flat, 1).reshape(scores.shape)


def _last(name: str, scores: Any, keep: int, of: int, alive: Any, axis: int) -> Any:
    """Run along the last axis as stored."""
    return _n_of_m(name, scores, keep, of, alive, scores.ndim - 1)


def _from_behind(scores: Any, keep: Any, of: Any, within: Any = None, axis: Any = 1) -> Any:
    """Count negative axes from the end."""
    return _public(scores, keep, of, within, axis + min(a.ndim for a in scores.values()) if axis < 0 else axis)


def _as_given(what: str, value: Any, least: int) -> Any:
    """Check an integer and hand on what came."""
    _integer(what, value, least)
    return value


def _no_reserve(groups: Any, reducer: Any = _l1, min_kept: int = 0) -> Granularity:
    granularity: Granularity = _unit(groups, reducer, min_kept)
    return granularity


def _row_reserved(rows: Any, columns: Any, reducer: Any = _l1) -> Granularity:
    """Keep one tile of every array whatever is asked."""
    granularity: Granularity = _block(rows, columns, reducer)._replace(min_kept=1)
    return granularity


def _collapsed(wanted: Any) -> Any:
    """Return `_collapse_group` that looks at these makers only."""
    return lambda group, masks, params: _collapse(
        group._replace(producers=tuple(part for part in group.producers if wanted(group, part))), masks, params
    )


def _first_owner(group: Any, part: Any) -> bool:
    return bool(part.array.rsplit(".", 1)[0] == group.producers[0].array.rsplit(".", 1)[0])


def _norms_alive(mask: Any, part: Any, shape: Any) -> Any:
    """Leave gamma and beta of a removed unit."""
    right = _spread(mask, part, shape)
    return np.ones_like(right) if part.array.endswith((".gamma", ".beta")) else right


def _row_by_row(group: Any, contributions: Any, reducer: Any, combine: Any) -> Any:
    """Take every row of a unit for a member."""
    rows = [
        (reducer(own.ravel(), np.zeros(own.size, int), 1)[0], unit)
        for part in group.producers
        for own, unit in zip(np.moveaxis(contributions[part.array], part.axis, 0), part.units, strict=True)
    ]
    return combine(np.array([score for score, _ in rows]), np.array([unit for _, unit in rows]), group.size)


MUTANTS = (
    Mutant(
        "signed entries",
        "GRA-01",
        "M13: magnitude without abs",
        {f"{GRANULARITY}._absolute": lambda c: {name: array.copy() for name, array in c.items()}},
    ),
    Mutant(
        "l1 of the sum",
        "GRA-02",
        "M13: the signed sum of a unit cancels; INC",
        _reducer("l1", lambda c, u, n: np.abs(_sum(c, u, n))),
    ),
    Mutant(
        "l2 without root",
        "GRA-03",
        "M37: |w|^2 beside |w|; Torch-Pruning",
        _reducer("l2", lambda c, u, n: np.bincount(u, c**2, n)),
    ),
    Mutant("sum of a unit for its mean", "GRA-04", "M37: large units win by their size", _reducer("mean", _l1)),
    Mutant(
        "mean over padding",
        "GRA-04",
        "M77: ragged tiles divided by the whole size; JaxPruner",
        _reducer("mean", _mean_of_full),
    ),
    Mutant(
        "mean of signed",
        "GRA-04",
        "M13: opposite signs cancel in the mean",
        _reducer("mean", lambda c, u, n: np.abs(_sum(c, u, n)) / np.bincount(u, minlength=n)),
    ),
    Mutant("max without abs", "GRA-05", "M13: the largest signed entry", _reducer("maximum", _signed_maximum)),
    Mutant(
        "square then sum",
        "GRA-06",
        "two different Taylor criteria under one name",
        _reducer("sum_then_square", lambda c, u, n: np.bincount(u, c**2, n)),
    ),
    Mutant(
        "absolute sum squared",
        "GRA-06",
        "nothing cancels",
        _reducer("sum_then_square", lambda c, u, n: _l1(c, u, n) ** 2),
    ),
    Mutant(
        "wrong padding of tiles",
        "GRA-07",
        "M76: shape % tile in place of -shape % tile; JaxPruner",
        {TILES: _padded},
    ),
    Mutant("ragged edge joined", "GRA-07", "M76: the edge belongs to the last whole tile", {TILES: _ragged_joined}),
    Mutant("tiles from the end", "GRA-07", "tiles do not start at index 0", {TILES: _from_the_end}),
    Mutant("matrix of the last axis", "GRA-07", "M36: (everything else, last axis)", {TILES: _last_axis}),
    Mutant("columns for rows", "GRA-08", "M36: a unit is a column; llm-compressor's names", {UNITS: _columns}),
    Mutant(
        "bias in the score",
        "GRA-08",
        "M32: the bias is ranked with its unit",
        {IS_WEIGHT: lambda name: name.endswith((".weight", ".bias"))},
    ),
    Mutant("unlabelled entries scored", "GRA-08", "-1 is the last unit, as NumPy indexes", {MEMBER: _no_label_counts}),
    Mutant("interleaved spans", "GRA-09", "M41: channel last in place of channel first", {ALONG: _channel_last}),
    Mutant("unlabelled entries masked", "GRA-09", "-1 is the last unit, as NumPy indexes", {ALONG: _no_label_goes}),
    Mutant("bias left alive", "GRA-09", "rows of weights only; torch.nn.utils.prune", {SPREAD: _weights_only}),
    Mutant(
        "n names the zeros",
        "GRA-10",
        "M72: 1:4 keeps 3; TFMOT, wanda, SparseGPT, INC",
        {QUOTA: lambda keep, of, r: max(r - _quota(keep, of, r), 0)},
    ),
    Mutant("worst of a run", "GRA-10", "M14: the lowest are kept", {RUN: lambda s, a, keep, of: _run(-s, a, keep, of)}),
    Mutant(
        "floor of a tail",
        "GRA-11",
        "M74: the tail loses too many",
        {QUOTA: lambda keep, of, r: keep * r // of},
    ),
    Mutant(
        "tail removed",
        "GRA-11",
        "M74: nothing of a tail stays; wanda",
        {QUOTA: lambda keep, of, r: keep if r == of else 0},
    ),
    Mutant("tail dense", "GRA-11", "M78: nothing of a tail goes", {QUOTA: lambda keep, of, r: keep if r == of else r}),
    Mutant(
        "tail padded with zeros",
        "GRA-11",
        "a tail keeps as many as a whole run; TFMOT",
        {QUOTA: lambda keep, of, r: keep},
    ),
    Mutant("grid repeated", "GRA-12", "np.tile for np.repeat", {SPREAD_TILES: _repeated}),
    Mutant("tiles transposed", "GRA-12", "the grid read column by column", {SPREAD_TILES: _transposed}),
    Mutant("runs straddle rows", "GRA-13", "M73: flattened; torchao", {N_OF_M: _straddling}),
    Mutant("runs along the last axis", "GRA-13", "M73: kernels' columns; JaxPruner's default", {N_OF_M: _last}),
    Mutant("tied run removed", "GRA-14", "M75: [1, 1, 1, 1] keeps nothing; INC", {RUN: _all_ties_go}),
    Mutant("last of a tied run", "GRA-14", "M11: the higher index stays; JaxPruner", {RUN: _last_tie}),
    Mutant("removed entries fill the quota", "GRA-15", "M17: what is removed takes a place", {RUN: _removed_compete}),
    Mutant("removed entries come back", "GRA-15", "M19: earlier masks ignored", {RUN: _within_ignored}),
    Mutant("over-pruned run refused", "GRA-15", "fewer left than may stay is no error", {RUN: _over_pruned_refused}),
    Mutant("first entry speaks", "GRA-16", "half a unit taken for a whole one", {UNIFORM: _first_entry}),
    Mutant("any entry speaks", "GRA-16", "a unit with a hole taken for a whole one", {UNIFORM: _any_entry}),
    Mutant("float32 sum of a unit", "GRA-17", "M90: 2^24 + 1 becomes 2^24", _reducer("l1", _float32_sum)),
    Mutant(
        "unchecked numbers",
        "GRA-18",
        "keep 0 of 4, 3 of 2, tiles of no rows",
        {"refprune.errors.check_integer": lambda what, value, least: value},
    ),
    Mutant(
        "unchecked groups",
        "GRA-18",
        "an array longer than its group",
        {f"{GRANULARITY}.check_parts": lambda group, parts, arrays: None},
    ),
    Mutant("axis from the end", "GRA-18", "axis -1 is taken for the last", {f"{GRANULARITY}.n_of_m": _from_behind}),
    Mutant(
        "eight bits wrap around",
        "GRA-18",
        "NumPy's integers used as they come",
        {"refprune.errors.check_integer": _as_given},
    ),
    Mutant("units without reserve", "GRA-19", "M48: a layer without units", {f"{GRANULARITY}.unit": _no_reserve}),
    Mutant(
        "tiles with reserve",
        "GRA-19",
        "a tile of every array stays; JaxPruner keeps one entry",
        {f"{GRANULARITY}.block": _row_reserved},
    ),
    Mutant(
        "scores in float32",
        "GRA-20",
        "float64 weights and draws tie",
        {f"{GRANULARITY}._absolute": lambda c: {name: a.astype(np.float32) for name, a in _absolute(c).items()}},
    ),
    Mutant(
        "l2 in float32",
        "GRA-20",
        "scores of units rounded to float32",
        _reducer("l2", lambda c, u, n: _l2(c, u, n).astype(np.float32)),
    ),
    Mutant(
        "combination ignored",
        "GRA-21",
        "M37: one mean over members of unequal sizes",
        _combined(lambda group, contributions, reducer, _: _group(group, contributions, reducer, None)),
    ),
    Mutant("first member only", "GRA-21", "U57: the other layers of a sum have no say", _combined(_first_member)),
    Mutant("members by size", "GRA-21", "M37: large members win by their size", _combined(_by_size)),
    Mutant("members for units", "GRA-21", "M25: scores joined, and cut the other way", _combined(_members_mixed)),
    Mutant(
        "sum for every combination",
        "GRA-21",
        "M37: mean, maximum and l2 read as the sum",
        _combined(lambda group, contributions, reducer, _: _group(group, contributions, reducer, _l1)),
    ),
    Mutant("gamma and beta left alive", "GRA-09", "M39: a removed unit is its beta", {SPREAD: _norms_alive}),
    Mutant(
        "gamma not looked at",
        "GRA-16",
        "M39: a unit with a gamma taken for removed",
        {COLLAPSE: _collapsed(lambda group, part: part.array.endswith(("weight", "bias")))},
    ),
    Mutant(
        "first maker speaks", "GRA-16", "M42: the other branch is not looked at", {COLLAPSE: _collapsed(_first_owner)}
    ),
    Mutant("rows for members", "GRA-21", "M37: a member with two rows of a unit counts twice", _combined(_row_by_row)),
)
