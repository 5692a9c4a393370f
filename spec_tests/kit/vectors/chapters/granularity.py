"""docs/spec/granularity.md."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, Elements, NofM, ScoreCase, Units
from spec_tests.kit.vectors.chapters.building import NAN, floats, select, tensors
from spec_tests.kit.vectors.vector import Draft
from spec_tests.oracle.scores import reducer_of, scores


def score(
    requirement: str,
    comment: str,
    weight: Any,
    *flags: str,
    granularity: Any = None,
    reducer: str = "l1",
    beside: Mapping[str, Any] | None = None,
) -> Draft:
    """Return a draft about the score of a.weight, by magnitude; a sum may be off by what GRA-20 allows."""
    array = weight if isinstance(weight, np.ndarray) else floats(weight)
    case = ScoreCase(
        "magnitude", {"a.weight": array, **(beside or {})}, granularity=granularity or Elements(), reducer=reducer
    )
    largest = max((float(one.max()) for one in scores(case).values()), default=0.0)
    rounded = reducer_of(case) in ("l2", "mean")
    bound = (array.size + 3) * float(np.finfo(array.dtype).eps) * largest
    return Draft(
        requirement, "score", comment, {"case": case}, flags, compare={"within": bound} if rounded else "equal"
    )


def by_rows(requirement: str, comment: str, weight: Any, reducer: str, *flags: str) -> Draft:
    """Return a draft about the score of rows."""
    return score(requirement, comment, weight, "REDUCER", *flags, granularity=Units(), reducer=reducer)


def by_tiles(requirement: str, comment: str, weight: Any, rows: Any, columns: Any, reducer: str, *flags: str) -> Draft:
    """Return a draft about the score of tiles."""
    return score(requirement, comment, weight, *flags, granularity=Blocks(rows, columns, reducer))


def runs(
    requirement: str, comment: str, weight: Any, keep: Any, of: Any, *flags: str, axis: Any = 1, **more: Any
) -> Draft:
    """Return a draft about a selection by n of m."""
    return select(requirement, comment, weight, None, *flags, granularity=NofM(keep, of, axis), **more)


NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
WIDE = [[[[1, -2], [3, 4]], [[5, 6], [7, -8]]], [[[1, 1], [1, 1]], [[0, 0], [0, 9]]]]
"""Two outputs, two channels, 2 by 2."""

DRAFTS = [
    score("GRA-01", "a sign is no importance", [[-3, 0, 2]], "REDUCER", "WRONG_SIGN"),
    by_rows("GRA-02", "absolute values before the sum", [[1, -2], [2, -2]], "l1"),
    by_rows("GRA-03", "the root of the sum of squares", [[3, -4], [5, 12]], "l2"),
    by_rows("GRA-04", "the mean of absolute values", [[2, -4, 3, -3], [1, -1, 1, -1]], "mean"),
    by_tiles(
        "GRA-04", "a ragged tile has as many entries as it has", [[2, 4, 6]], 1, 2, "mean", "REDUCER", "TILE_EDGE"
    ),
    by_rows("GRA-05", "the largest absolute value", [[1, -5], [-1, -3]], "max"),
    by_rows("GRA-06", "signs cancel, then the square", [[2, -2], [2, 1], [-1, -1]], "sum_then_square"),
    by_tiles("GRA-07", "tiles at the far edges are cropped", NINE, 2, 2, "l1", "TILE_EDGE"),
    by_tiles("GRA-07", "a row", NINE, 1, None, "l1", "TILE_EDGE", "AXIS"),
    by_tiles("GRA-07", "a column", NINE, None, 1, "l1", "TILE_EDGE", "AXIS"),
    by_tiles("GRA-07", "3 by 3 tiles of a 4 by 4 matrix", np.arange(16.0).reshape(4, 4), 3, 3, "l1", "TILE_EDGE"),
    by_tiles("GRA-07", "a kernel of a convolution", WIDE, 1, 4, "l1", "AXIS"),
    by_tiles("GRA-07", "a tile larger than the matrix", NINE, 5, 5, "max", "TILE_EDGE"),
    score(
        "GRA-08",
        "outputs are scored, and biases are not",
        [[1, -2], [3, 4]],
        "AXIS",
        "BIAS",
        granularity=Units(),
        beside=tensors({"a.bias": [100, 0]}),
    ),
    by_rows("GRA-08", "all channels and positions of an output", WIDE, "l1", "AXIS"),
    runs("GRA-10", "one of four is kept", [[1, 4, 3, 2]], 1, 4, "N_OF_M_READING"),
    runs("GRA-10", "three of four are kept", [[1, 4, 3, 2]], 3, 4, "N_OF_M_READING"),
    runs("GRA-10", "one decision for each run", [[1, 2, 3, 4, 80, 70, 60, 50]], 2, 4, "N_OF_M_READING", "RUN_AXIS"),
    runs("GRA-11", "at 2 of 4 a tail of 2 keeps 1", [[1, 2, 3, 4, 5, 6]], 2, 4, "RAGGED_TAIL"),
    runs("GRA-11", "at 2 of 4 a tail of 3 keeps 2", [[1, 2, 3, 4, 5, 6, 7]], 2, 4, "RAGGED_TAIL"),
    runs("GRA-11", "at 1 of 4 a tail of 1 keeps 1", [[1, 2, 3, 4, 5]], 1, 4, "RAGGED_TAIL"),
    runs("GRA-11", "a row shorter than a run", [[2, 1], [3, 4]], 2, 4, "RAGGED_TAIL"),
    select("GRA-12", "two of four tiles go, the two of score 9", NINE, 0.5, "TILE_EDGE", granularity=Blocks(2, 2)),
    select(
        "GRA-12",
        "a row goes as a whole",
        [[1, 9], [4, 4], [5, 6]],
        1 / 3,
        "TILE_EDGE",
        "AXIS",
        granularity=Blocks(1, None),
    ),
    select("GRA-12", "a count counts tiles", NINE, 1, "TILE_EDGE", "COUNT_TYPE", granularity=Blocks(2, 2)),
    select(
        "GRA-12",
        "signs do not cancel within a tile",
        [[1, -1], [1, 0.5]],
        0.5,
        "TILE_EDGE",
        "REDUCER",
        granularity=Blocks(1, 2),
    ),
    runs("GRA-13", "each row starts with a run", [[3, 1, 2], [1, 2, 3]], 1, 2, "RUN_AXIS"),
    runs("GRA-13", "runs of a convolution lie along its channels", [[[[1, 2]], [[3, 4]]]], 1, 2, "RUN_AXIS"),
    runs("GRA-13", "along axis 0", [[1, 4], [3, 2]], 1, 2, "RUN_AXIS", axis=0),
    runs("GRA-13", "along the last axis of a convolution", [[[[1, 2]], [[4, 3]]]], 1, 2, "RUN_AXIS", axis=3),
    runs("GRA-14", "of four equal scores the first two stay", [[1, 1, 1, 1]], 2, 4, "TIE_BREAK"),
    runs("GRA-14", "the highest and the first of equals", [[1, 1, 1, 2]], 2, 4, "TIE_BREAK"),
    runs("GRA-14", "-0.0 equals 0.0", [[-0.0, 0.0]], 1, 2, "TIE_BREAK", "NEG_ZERO"),
    runs(
        "GRA-15",
        "what was removed takes no place in the quota",
        [[9, 1, 2, 3]],
        2,
        4,
        "NESTING",
        "BUDGET",
        within=[[0, 1, 1, 1]],
    ),
    runs("GRA-15", "fewer alive than may stay is no error", [[9, 8, 7, 1]], 2, 4, "NESTING", within=[[0, 0, 0, 1]]),
    runs(
        "GRA-15",
        "its score decides nothing, NaN neither",
        [[NAN, 1, 2, 3]],
        2,
        4,
        "HIDDEN_VALUE",
        "NAN_SCORE",
        within=[[0, 1, 1, 1]],
    ),
    select(
        "GRA-16",
        "half a tile is neither kept nor removed",
        [[1, 2], [3, 4]],
        0.5,
        "MASK_MISFIT",
        granularity=Blocks(1, None),
        within=[[0, 1], [1, 1]],
        refused=True,
    ),
    by_rows("GRA-17", "sums beyond 2^24 of single precision", floats([[16777216, 1]], np.float32), "l1", "PRECISION"),
    by_rows(
        "GRA-17",
        "squares beyond the range of single precision",
        floats([[3 * 2.0**70, 4 * 2.0**70]], np.float32),
        "l2",
        "PRECISION",
    ),
    runs("GRA-18", "keep 0 is refused", [[1, 2, 3, 4]], 0, 4, "BAD_NUMBER", refused=True),
    runs("GRA-18", "keep 3 of 2 is refused", [[1, 2, 3, 4]], 3, 2, "BAD_NUMBER", "N_OF_M_READING", refused=True),
    runs("GRA-18", "axis 2 of a matrix is refused", [[1, 2, 3, 4]], 2, 4, "BAD_NUMBER", axis=2, refused=True),
    runs("GRA-18", "axis -1 is refused", [[1, 2, 3, 4]], 2, 4, "BAD_NUMBER", axis=-1, refused=True),
    runs("GRA-18", "runs along axis 1 of a row of numbers are refused", [1, 2, 3, 4], 2, 4, "BAD_NUMBER", refused=True),
    runs("GRA-18", "NaN is refused", [[1, NAN, 3, 4]], 2, 4, "NAN_SCORE", refused=True),
    runs("GRA-18", "keep 2.0 is refused", [[1, 2, 3, 4]], 2.0, 4, "BAD_NUMBER", refused=True),
    select(
        "GRA-18",
        "tiles of 0 rows are refused",
        [[1, 2], [3, 4]],
        0.5,
        "BAD_NUMBER",
        granularity=Blocks(0, 2),
        refused=True,
    ),
    score("GRA-20", "a double is not rounded to a single", [[0.1, 1 - 2.0**-53]], "PRECISION"),
    by_rows("GRA-20", "nor is a maximum", [[0.1, 1 - 2.0**-53]], "max", "PRECISION"),
    score("GRA-20", "a single is what it is", floats([[0.1, -0.2]], np.float32), "PRECISION"),
    by_rows("GRA-20", "a root is no single", [[0.1, 0.2], [0.3, 0.7]], "l2", "PRECISION"),
]
"""What a tile, a unit, a run or a reducer can be got wrong by."""
