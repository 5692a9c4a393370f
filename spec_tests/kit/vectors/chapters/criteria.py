"""docs/spec/criteria.md."""

from typing import Any

from spec_tests.adapter import Elements, ScoreCase, Units
from spec_tests.kit.vectors.chapters.building import INF, NAN, masks, tensors
from spec_tests.kit.vectors.vector import Draft


def score(
    requirement: str,
    comment: str,
    criterion: str,
    weight: Any,
    *flags: str,
    rows: str = "",
    within: Any = None,
    refused: bool = False,
    **evidence: Any,
) -> Draft:
    """Return a draft about the scores of a.weight, of entries, or of rows by a reducer."""
    known = {name: tensors({"a.weight": values}) for name, values in evidence.items()}
    alive = None if within is None else masks(a_weight=within)
    granularity = Units() if rows else Elements()
    case = ScoreCase(
        criterion, tensors({"a.weight": weight}), granularity=granularity, reducer=rows or "l1", within=alive, **known
    )
    return Draft(requirement, "score", comment, {"case": case}, flags, refused=refused)


FOUR = [[1, -2], [-3, 4]]
GRADS = [[5, -1], [2, 0]]
DRAFTS = [
    score("CRI-01", "an infinite weight is refused by magnitude", "magnitude", [[1, INF]], "EVIDENCE", refused=True),
    score("CRI-01", "a NaN weight is refused by magnitude", "magnitude", [[1, NAN]], "EVIDENCE", refused=True),
    score(
        "CRI-01",
        "an infinite weight is refused by random draws, too",
        "random",
        [[1, INF]],
        "EVIDENCE",
        draws=[[0.5, 0.25]],
        refused=True,
    ),
    score(
        "CRI-01",
        "an infinite weight that is removed is not inspected",
        "magnitude",
        [[1, INF], [2, 3]],
        "HIDDEN_VALUE",
        rows="l1",
        within=[[1, 0], [1, 1]],
    ),
    score("CRI-02", "taylor without gradients is refused", "taylor", FOUR, "EVIDENCE", refused=True),
    score("CRI-02", "gradient without gradients is refused", "gradient", FOUR, "EVIDENCE", refused=True),
    score("CRI-02", "random without draws is refused", "random", FOUR, "EVIDENCE", refused=True),
    score("CRI-02", "the gate without gates is refused", "taylor_gate", FOUR, "EVIDENCE", rows="l1", refused=True),
    score("CRI-02", "random units without draws is refused", "random_unit", FOUR, "EVIDENCE", rows="l1", refused=True),
    score("CRI-03", "|w|, as it is", "magnitude", FOUR, "EVIDENCE", "WRONG_SIGN"),
    score("CRI-03", "signs are the reducer's", "magnitude", FOUR, "EVIDENCE", rows="sum_then_square"),
    score("CRI-03", "a large weight is not divided by anything", "magnitude", [[3, 400]], "EVIDENCE"),
    score("CRI-04", "|g|, whatever the weights are", "gradient", FOUR, "EVIDENCE", grads=GRADS),
    score("CRI-04", "other gradients of the same weights", "gradient", FOUR, "EVIDENCE", grads=[[50, -7], [-9, 8]]),
    score("CRI-04", "infinite gradients are extremes", "gradient", FOUR, "EVIDENCE", grads=[[INF, -INF], [2, 0]]),
    score("CRI-05", "|g w|", "taylor", FOUR, "EVIDENCE", grads=GRADS),
    score("CRI-05", "|g w| of other numbers", "taylor", [[6, -7]], "EVIDENCE", grads=[[3, 9]]),
    score(
        "CRI-05",
        "signs cancel within a unit",
        "taylor",
        [[1, -2]],
        "EVIDENCE",
        "REDUCER",
        rows="sum_then_square",
        grads=[[5, 1]],
    ),
    score(
        "CRI-06",
        "the square of the gate's gradient",
        "taylor_gate",
        [[1], [1]],
        "EVIDENCE",
        rows="sum_then_square",
        gates=[3, -2],
    ),
    score("CRI-06", "its absolute value", "taylor_gate", [[1], [1]], "EVIDENCE", rows="l1", gates=[3, -2]),
    score(
        "CRI-06",
        "neither weights nor width decide",
        "taylor_gate",
        [[7, 8, 9], [0, 0, 0]],
        "EVIDENCE",
        rows="l1",
        gates=[3, -2],
    ),
    score("CRI-07", "draws as they are given", "random", [[7, 8]], "EVIDENCE", draws=[[0.5, 0.25]]),
    score(
        "CRI-07", "one draw for a unit, however wide", "random_unit", [[7, 8]], "EVIDENCE", rows="l1", unit_draws=[0.25]
    ),
    score("CRI-07", "the maximum of one draw", "random_unit", [[7, 8]], "EVIDENCE", rows="max", unit_draws=[0.25]),
    score(
        "CRI-08",
        "a removed entry contributes nothing",
        "gradient",
        FOUR,
        "HIDDEN_VALUE",
        rows="l1",
        grads=GRADS,
        within=[[1, 0], [1, 1]],
    ),
    score(
        "CRI-08",
        "nor does NaN in its place",
        "gradient",
        FOUR,
        "HIDDEN_VALUE",
        rows="l1",
        grads=[[5, NAN], [2, 0]],
        within=[[1, 0], [1, 1]],
    ),
    score("CRI-08", "nor does a weight", "magnitude", FOUR, "HIDDEN_VALUE", rows="l1", within=[[1, 0], [1, 1]]),
    score("CRI-09", "gradients of one row are refused", "gradient", FOUR, "EVIDENCE", grads=[[1, 2]], refused=True),
    score(
        "CRI-09", "gradients of one column are refused", "gradient", FOUR, "EVIDENCE", grads=[[1], [2]], refused=True
    ),
    score("CRI-09", "draws without rows are refused", "random", FOUR, "EVIDENCE", draws=[1, 2], refused=True),
    score(
        "CRI-09",
        "three gates of two units are refused",
        "taylor_gate",
        FOUR,
        "EVIDENCE",
        rows="l1",
        gates=[1, 2, 3],
        refused=True,
    ),
    score("CRI-10", "a NaN gradient is refused", "gradient", [[1, 2]], "NAN_SCORE", grads=[[1, NAN]], refused=True),
    score("CRI-10", "0 times infinity is refused", "taylor", [[1, 0]], "NAN_SCORE", grads=[[1, INF]], refused=True),
]
"""What a criterion can be got wrong by."""
