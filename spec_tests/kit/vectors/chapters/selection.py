"""docs/spec/selection.md."""

from typing import Any

import numpy as np

from spec_tests.adapter import SelectCase, Units
from spec_tests.kit.vectors.chapters.building import INF, NAN, floats, masks, select, tensors
from spec_tests.kit.vectors.vector import Draft

UP = [float(number) for number in range(1, 101)]
"""1 to 100: with k removed, the first k are gone."""
COUNTS = (
    (5, 0.5, "2.5 rounds to the even 2"),
    (7, 0.5, "3.5 rounds to the even 4"),
    (10, 0.25, "2.5 rounds to the even 2"),
    (100, 0.29, "the double product is just below 29: truncated it is 28"),
    (45, 0.1, "the double product is 4.5, although the double 0.1 is above a tenth: 4"),
    (45, 0.7, "the double product is 31.5, although the double 0.7 is below seven tenths: 32"),
    (10, 0.9, "9 go, one stays: 10 * (1 - 0.9) is just below 1"),
    (3, 0.5, "1.5 rounds to 2"),
    (4, 0.1, "0.4 rounds to 0: nothing goes"),
    (4, 0.9, "3.6 rounds to 4: everything goes"),
    (6, 0.0, "nothing goes at 0"),
    (6, 1.0, "everything goes at 1"),
)


def session(
    requirement: str, comment: str, calls: list[tuple[list[float], Any]], *flags: str, within: Any = None
) -> Draft:
    """Return a draft of several calls on one tensor."""
    case = SelectCase(tensors({"a": calls[0][0]}), 0.0, within=None if within is None else masks(a=within))
    rows = tuple((tensors({"a": scores}), sparsity) for scores, sparsity in calls)
    return Draft(requirement, "session", comment, {"case": case, "calls": rows}, flags)


def random(
    comment: str, shapes: dict[str, tuple[int, ...]], sparsity: Any, pools: str, *, refused: bool = False
) -> Draft:
    """Return a draft of a random selection."""
    arguments = {"shapes": shapes, "sparsity": sparsity, "pools": pools, "seed": 0}
    return Draft("SEL-16", "random_count", comment, arguments, ("RANDOM_COUNT",), refused=refused)


DRAFTS = [
    *(
        select("SEL-01", f"{n} entries at {s}: {why}", UP[:n], s, "COUNT_ROUNDING", "OFF_BY_ONE")
        for n, s, why in COUNTS
    ),
    select("SEL-02", "the int 1 removes one entry", [1, 2, 3, 4], 1, "COUNT_TYPE"),
    select("SEL-02", "the float 1.0 removes all", [1, 2, 3, 4], 1.0, "COUNT_TYPE"),
    select(
        "SEL-02",
        "a count is a total: one was removed before, one more goes",
        [1, 2, 3, 4],
        2,
        "BUDGET",
        within=[0, 1, 1, 1],
    ),
    select("SEL-02", "the count 0 removes nothing", [1, 2], 0, "COUNT_TYPE"),
    select("SEL-02", "a count of all of them", [1, 2, 3], 3, "OFF_BY_ONE"),
    select(
        "SEL-02",
        "a count in the global pool is one for all tensors",
        {"a": [1, 5], "b": [2, 3]},
        2,
        "COUNT_TYPE",
        pools="global",
    ),
    select(
        "SEL-02", "a count in local pools is one for each tensor", {"a": [1, 5, 6], "b": [2, 3, 4]}, 2, "COUNT_TYPE"
    ),
    *(
        select("SEL-03", f"{what} is no sparsity of four entries", [1, 2, 3, 4], bad, "BAD_NUMBER", refused=True)
        for what, bad in (
            ("-0.5", -0.5),
            ("1.5", 1.5),
            ("NaN", NAN),
            ("infinity", INF),
            ("true", True),
            ("false", False),
            ("5", 5),
            ("-1", -1),
            ("a text", "0.5"),
            ("nothing", None),
            ("a complex number", 0.5 + 0j),
        )
    ),
    select("SEL-04", "of equal scores the first stay", [1, 1, 1, 1], 0.5, "TIE_BREAK"),
    select("SEL-04", "the ties are at the boundary only", [3, 1, 2, 2, 2, 0], 0.5, "TIE_BREAK"),
    select("SEL-04", "-0.0 equals 0.0: the earlier one stays", [2, -0.0, 0.0, 2], 0.25, "NEG_ZERO", "TIE_BREAK"),
    select("SEL-04", "0.0 equals -0.0: the earlier one stays", [2, 0.0, -0.0, 2], 0.25, "NEG_ZERO", "TIE_BREAK"),
    select("SEL-04", "close scores are no ties", [1, 1 + 1e-12], 0.5, "PRECISION"),
    select("SEL-04", "close scores are no ties, the larger one first", [1 + 1e-12, 1], 0.5, "PRECISION"),
    select("SEL-04", "the smallest number is more than 0", [0, 5e-324], 0.5, "SUBNORMAL"),
    select("SEL-04", "scores may be negative: the lowest goes", [-5, 1, 2, 3], 0.25, "WRONG_SIGN"),
    select("SEL-04", "negative scores are no ties", [-4, -3, -2, -1], 0.5, "WRONG_SIGN"),
    select("SEL-04", "20 equal scores: the first 10 stay", [1.0] * 20, 0.5, "TIE_BREAK"),
    select("SEL-04", "300 equal scores: the first 150 stay", [1.0] * 300, 0.5, "TIE_BREAK"),
    select("SEL-04", "30 entries of two values", [1.0, 2.0] * 15, 0.25, "TIE_BREAK"),
    select("SEL-04", "the position in a matrix is that of C order", [[1, 1], [1, 1]], 0.25, "TIE_BREAK"),
    select(
        "SEL-05",
        "the first stays removed, although its score is the highest",
        [9, 1, 2, 3],
        0.5,
        "NESTING",
        "BUDGET",
        within=[0, 1, 1, 1],
    ),
    select(
        "SEL-05",
        "a target below what is removed is refused",
        [9, 1, 2, 3],
        0.0,
        "NESTING",
        within=[0, 1, 1, 1],
        refused=True,
    ),
    select(
        "SEL-05",
        "a target that is reached removes nothing more",
        [9, 1, 2, 3],
        0.25,
        "NESTING",
        "BUDGET",
        within=[0, 1, 1, 1],
    ),
    select(
        "SEL-05",
        "counts are compared pool by pool",
        {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]},
        0.25,
        "NESTING",
        within={"a": [0, 0, 1, 1], "b": [1, 1, 1, 1]},
        refused=True,
    ),
    select(
        "SEL-05",
        "with the global pool the sum is compared",
        {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]},
        0.25,
        "NESTING",
        pools="global",
        within={"a": [0, 0, 1, 1], "b": [1, 1, 1, 1]},
    ),
    select("SEL-06", "a score of 0 is alive", [0, 5, 6, 7], 0.25, "ALIVE_FROM_ZEROS"),
    select(
        "SEL-06",
        "the score of a removed entry decides nothing",
        [0, 5, 6, 99],
        0.5,
        "ALIVE_FROM_ZEROS",
        "HIDDEN_VALUE",
        within=[1, 1, 1, 0],
    ),
    select(
        "SEL-06", "nor does it where it is NaN", [0, 5, 6, NAN], 0.5, "HIDDEN_VALUE", "NAN_SCORE", within=[1, 1, 1, 0]
    ),
    select(
        "SEL-06",
        "-inf alive stays where the count is reached",
        [5, -INF, 3, 4],
        0.25,
        "HIDDEN_VALUE",
        "INFINITE_SCORE",
        within=[0, 1, 1, 1],
    ),
    select(
        "SEL-06", "zeros beside a removed entry are alive", [0, 0, 0, 9], 0.5, "ALIVE_FROM_ZEROS", within=[1, 1, 1, 0]
    ),
    select("SEL-07", "NaN is refused", [1, NAN], 0.5, "NAN_SCORE", refused=True),
    select("SEL-07", "NaN is refused at 0, too", [1, NAN], 0.0, "NAN_SCORE", refused=True),
    select("SEL-07", "+inf is the last to go", [1, INF, -INF, 2], 0.75, "INFINITE_SCORE"),
    select("SEL-07", "-inf is the first to go", [1, INF, -INF, 2], 0.25, "INFINITE_SCORE"),
    select("SEL-07", "infinite scores are ties", [INF, 1, INF, 2], 0.75, "INFINITE_SCORE", "TIE_BREAK"),
    select("SEL-08", "each tensor loses its lowest", {"a": [1, 2], "b": [10, 20]}, 0.5, "POOL_OFFSET"),
    select(
        "SEL-08",
        "tensors of other lengths have counts of their own",
        {"a": [3, 1, 2], "b": [5, 4, 7, 6, 9, 8]},
        1 / 3,
        "POOL_OFFSET",
    ),
    select(
        "SEL-09",
        "one count for all tensors, masks back where they belong",
        {"a": [1, 20], "b": [10, 2, 30]},
        0.4,
        "POOL_OFFSET",
        pools="global",
    ),
    select(
        "SEL-09",
        "of equals the last tensor's last go",
        {"a": [1, 1], "b": [1, 1, 1]},
        0.4,
        "POOL_OFFSET",
        "TIE_BREAK",
        pools="global",
    ),
    select(
        "SEL-09",
        "the order is that of the mapping, not that of the names",
        {"b": [1, 1], "a": [1, 1, 1]},
        0.4,
        "POOL_OFFSET",
        "TIE_BREAK",
        pools="global",
    ),
    select(
        "SEL-09",
        "the weakest tensor may go altogether",
        {"a": [1, 2], "b": [3, 4, 5, 6]},
        1 / 3,
        "POOL_OFFSET",
        pools="global",
    ),
    select(
        "SEL-10",
        "2 and 30 are set aside",
        {"a": [1, 2], "b": [10, 20, 30]},
        0.6,
        "RESERVE",
        pools="global",
        granularity=Units(),
    ),
    select(
        "SEL-10",
        "without a reserve 1, 2 and 10 go",
        {"a": [1, 2], "b": [10, 20, 30]},
        0.6,
        "RESERVE",
        pools="global",
        granularity=Units(0),
    ),
    select(
        "SEL-10", "a group of one with a reserve of 2 keeps its one", {"a": [7]}, 1.0, "RESERVE", granularity=Units(2)
    ),
    select(
        "SEL-10",
        "a reserve of two in each of two groups",
        {"a": [4, 1, 2], "b": [9, 7, 8]},
        1.0,
        "RESERVE",
        granularity=Units(2),
    ),
    select(
        "SEL-10",
        "the best alive unit is set aside",
        [9, 1, 2],
        1.0,
        "RESERVE",
        "HIDDEN_VALUE",
        granularity=Units(),
        within=[0, 1, 1],
    ),
    select("SEL-10", "of equals the first is set aside", [1, 1, 1], 1.0, "RESERVE", "TIE_BREAK", granularity=Units()),
    select("SEL-10", "entries have no reserve", [1, 2], 1.0, "RESERVE"),
    select(
        "SEL-11",
        "2 and 3 are set aside, 1 goes, 2 are short",
        {"a": [1, 2], "b": [3]},
        1.0,
        "SHORTFALL",
        operation="shortfall",
        pools="global",
        granularity=Units(),
    ),
    select(
        "SEL-11",
        "with local pools each group is one short",
        {"a": [1, 2], "b": [3]},
        1.0,
        "SHORTFALL",
        operation="shortfall",
        granularity=Units(),
    ),
    select(
        "SEL-11",
        "none is short where another group gives enough",
        {"a": [5], "b": [1, 2, 3, 4, 5]},
        2 / 3,
        "SHORTFALL",
        operation="shortfall",
        pools="global",
        granularity=Units(),
    ),
    select(
        "SEL-11",
        "1 goes of the 2 that are to go: the multiple is short, too",
        [1, 2, 3, 4, 5],
        0.4,
        "SHORTFALL",
        "MULTIPLE",
        operation="shortfall",
        granularity=Units(multiple=4),
    ),
    select("SEL-12", "a pool without entries is refused", {"a": []}, 0.5, "EMPTY_POOL", refused=True),
    select(
        "SEL-12",
        "an empty tensor beside others is refused with local pools",
        {"a": [], "b": [1, 2]},
        0.5,
        "EMPTY_POOL",
        refused=True,
    ),
    select(
        "SEL-12", "with the global pool it is no mistake", {"a": [], "b": [1, 2]}, 0.5, "EMPTY_POOL", pools="global"
    ),
    select("SEL-12", "the pool of no tensors is refused", {}, 0.5, "EMPTY_POOL", pools="global", refused=True),
    select("SEL-14", "equal scores in C order", [[1, 1], [1, 1]], 0.5, "MEMORY_ORDER", "TIE_BREAK"),
    select(
        "SEL-14",
        "equal scores that lie in memory column by column",
        np.asfortranarray(np.ones((2, 2))),
        0.5,
        "MEMORY_ORDER",
        "TIE_BREAK",
    ),
    select(
        "SEL-14",
        "a 4-d array that lies in memory column by column",
        np.asfortranarray(np.arange(16.0).reshape(2, 2, 2, 2) % 3),
        0.5,
        "MEMORY_ORDER",
    ),
    select(
        "SEL-14", "scores of single precision", floats([0.1, 0.2, 0.1, 0.3], np.float32), 0.5, "PRECISION", "TIE_BREAK"
    ),
    select(
        "SEL-14",
        "the same handed over as doubles",
        floats([0.1, 0.2, 0.1, 0.3], np.float32).astype(np.float64),
        0.5,
        "PRECISION",
        "TIE_BREAK",
    ),
    select("SEL-15", "3 and 4 stay", [3, 1, 4, 2], 0.5, "WRONG_SIGN"),
    select("SEL-15", "three of four stay", [0.5, 2, 0.25, 8], 0.25, "WRONG_SIGN", "OFF_BY_ONE"),
    select("SEL-15", "one of four stays", [0.5, 2, 0.25, 8], 0.75, "WRONG_SIGN", "OFF_BY_ONE"),
    select("SEL-15", "a matrix", [[6, 1, 5], [2, 4, 3]], 0.5, "WRONG_SIGN"),
    select(
        "SEL-15",
        "two tensors, one pool",
        {"a": [8, 1, 6, 3], "b": [5, 4, 7, 2]},
        0.5,
        "WRONG_SIGN",
        "POOL_OFFSET",
        pools="global",
    ),
    random("8 entries lose exactly 4", {"a": (8,)}, 0.5, "local"),
    random("of 8 and 2 by 3 entries in one pool 7 go", {"a": (8,), "b": (2, 3)}, 0.5, "global"),
    random("of 8 and 2 by 3 entries 4 and 3 go", {"a": (8,), "b": (2, 3)}, 0.5, "local"),
    random("the count 3", {"a": (8,)}, 3, "local"),
    random("the count 1 is no fraction", {"a": (8,)}, 1, "local"),
    random("1.5 is no sparsity", {"a": (8,)}, 1.5, "local", refused=True),
    random("NaN is no sparsity", {"a": (8,)}, NAN, "local", refused=True),
    select(
        "SEL-18",
        "masks have the shapes of their scores",
        {"a": [[3, 1, 4], [1, 5, 9]], "b": [[2, 6]]},
        0.5,
        "MASK_FORM",
    ),
    select(
        "SEL-18",
        "so they have with the global pool",
        {"a": [[3, 1, 4], [1, 5, 9]], "b": [[2, 6]]},
        0.25,
        "MASK_FORM",
        pools="global",
    ),
    select("SEL-18", "and for units", {"a": [3, 1, 4], "b": [2, 6]}, 0.5, "MASK_FORM", granularity=Units()),
    session(
        "SEL-19",
        "what went in the first call stays removed; a falling target is refused",
        [([1, 2, 3, 4], 0.25), ([99, 3, 2, 9], 0.5), ([1, 1, 1, 1], 0.25)],
        "NESTING",
    ),
    session(
        "SEL-19",
        "counts are totals from call to call",
        [([1, 2, 3, 4], 1), ([99, 3, 2, 9], 2)],
        "NESTING",
        "BUDGET",
        "COUNT_TYPE",
    ),
    session(
        "SEL-19",
        "a call that is refused changes nothing",
        [([1, 2, 3, 4], 0.25), ([4, 3, 2, 1], 1.5), ([4, 3, 2, 1], 0.5)],
        "NESTING",
        "BAD_NUMBER",
    ),
    session(
        "SEL-19",
        "the same target twice removes nothing more",
        [([1, 2, 3, 4], 0.5), ([4, 3, 2, 1], 0.5)],
        "NESTING",
        "BUDGET",
    ),
    session("SEL-19", "it begins with the masks it is given", [([9, 2, 3, 4], 0.5)], "NESTING", within=[0, 1, 1, 1]),
    select("SEL-21", "three would stay: four do", [1, 2, 3, 4, 5], 0.4, "MULTIPLE", granularity=Units(multiple=4)),
    select("SEL-21", "rounded up to 2", [1, 2, 3, 4, 5], 0.4, "MULTIPLE", granularity=Units(multiple=2)),
    select(
        "SEL-21",
        "a multiple of 8 with five alive: all stay",
        [1, 2, 3, 4, 5],
        0.4,
        "MULTIPLE",
        granularity=Units(multiple=8),
    ),
    select(
        "SEL-21",
        "one of eight would stay: four do",
        [1, 2, 3, 4, 5, 6, 7, 8],
        0.875,
        "MULTIPLE",
        granularity=Units(multiple=4),
    ),
    select(
        "SEL-21",
        "what was removed before does not come back",
        [1, 2, 3, 4, 5],
        0.4,
        "MULTIPLE",
        "NESTING",
        granularity=Units(multiple=4),
        within=[1, 1, 1, 1, 0],
    ),
    select(
        "SEL-21",
        "the other group of the pool pays nothing",
        {"a": [1, 2, 3, 4], "b": [5, 6, 7, 8]},
        0.25,
        "MULTIPLE",
        pools="global",
        granularity=Units(multiple=4),
    ),
    select(
        "SEL-21", "a width that fits already", [1, 2, 3, 4, 5, 6, 7, 8], 0.5, "MULTIPLE", granularity=Units(multiple=4)
    ),
    select(
        "SEL-21",
        "a multiple of 0 is refused",
        [1, 2],
        0.5,
        "MULTIPLE",
        "BAD_NUMBER",
        granularity=Units(multiple=0),
        refused=True,
    ),
]
"""What a sparsity, a tie or a pool can be got wrong by, as small as it can be."""
