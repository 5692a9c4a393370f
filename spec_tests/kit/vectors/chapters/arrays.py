"""docs/spec/arrays.md."""

from typing import Any

import numpy as np

from refprune.network import BatchNorm, Dense, Input, build
from spec_tests.adapter import ScoreCase
from spec_tests.kit.vectors.chapters.building import INF, NAN, floats, masks, only, select, tensors
from spec_tests.kit.vectors.vector import Draft

ONE = build(Input("x", (2,)), Dense("out"))


def apply(requirement: str, comment: str, params: Any, kept: Any, *flags: str, **more: Any) -> Draft:
    """Return a draft about masks that are applied."""
    arrays = {name: one if isinstance(one, np.ndarray) else floats(one) for name, one in params.items()}
    return Draft(requirement, "apply", comment, {"params": arrays, "masks": kept}, flags, **more)


def runs(requirement: str, comment: str, params: Any, kept: Any, *flags: str, **more: Any) -> Draft:
    """Return a draft about the logits of one dense layer for x = 1, 1."""
    asked = {"network": ONE, "params": tensors(params), "masks": kept, "x": np.ones((1, 2))}
    return Draft(requirement, "forward", comment, asked, flags, **more)


def misfit(comment: str, kept: Any) -> Draft:
    """Return a draft about a mask that does not fit."""
    return apply("ARR-02", comment, {"a": [[1, 2], [3, 4]]}, kept, "MASK_MISFIT", refused=True)


SQUARE = {"out.weight": [[1, 100], [2, 3]], "out.bias": [4, 100]}
KEPT = {"out.weight": np.array([[True, False], [True, True]]), "out.bias": np.array([True, False])}
NORM = {
    "first.weight": [[1, 2]],
    "first.bias": [3],
    "norm.gamma": [4],
    "norm.beta": [5],
    "out.weight": [[6]],
    "out.bias": [7],
}

DRAFTS = [
    apply(
        "ARR-01",
        "what is kept is untouched, what has no mask is dense",
        {"a": [1, 2, 3, 4], "b": [5]},
        masks(a=[1, 0, 1, 0]),
        "MASK_MISFIT",
    ),
    apply(
        "ARR-01", "a negative weight that is removed equals 0", {"a": [1, -2, 3, -4]}, masks(a=[1, 0, 1, 0]), "NEG_ZERO"
    ),
    apply("ARR-01", "a kept -0.0 stays -0.0", {"a": [-0.0, 2]}, masks(a=[1, 0]), "NEG_ZERO", compare="bits"),
    apply(
        "ARR-01",
        "a kept number stays, however small",
        {"a": [1e-310, 5e-324, 1e-9]},
        masks(a=[1, 1, 0]),
        "SUBNORMAL",
        compare="bits",
    ),
    misfit("a mask of an unknown name", masks(b=[[1, 1], [1, 1]])),
    misfit("a mask of shape (2, 3)", masks(a=[[1, 1, 1], [1, 1, 1]])),
    misfit("a mask of one row", masks(a=[[1, 1]])),
    misfit("a mask without rows", masks(a=[1, 1, 1, 1])),
    misfit("a mask of one number", masks(a=1)),
    misfit("a mask of 2.0", {"a": np.full((2, 2), 2.0)}),
    misfit("a mask of 0.5", {"a": np.full((2, 2), 0.5)}),
    runs("ARR-02", "a network with a mask of one row", SQUARE, masks(out_weight=[[1, 1]]), "MASK_MISFIT", refused=True),
    runs(
        "ARR-02",
        "a network with a mask of 2.0",
        SQUARE,
        {"out.weight": np.full((2, 2), 2.0)},
        "MASK_MISFIT",
        refused=True,
    ),
    runs(
        "ARR-02",
        "a network with a mask of nobody",
        SQUARE,
        masks(other_weight=[[1, 1], [1, 1]]),
        "MASK_MISFIT",
        refused=True,
    ),
    select("ARR-03", "scores of half precision", floats([1, 2], np.float16), 0.5, "DTYPE"),
    select("ARR-03", "scores of single precision", floats([1, 2], np.float32), 0.5, "DTYPE"),
    select("ARR-03", "an array without axes stays at 0", np.array(2.0), 0.0, "MASK_FORM"),
    select("ARR-03", "an array without axes goes at 1", np.array(2.0), 1.0, "MASK_FORM"),
    Draft(
        "ARR-04",
        "count",
        "what is kept is counted from the masks, not from zeros",
        {
            "network": ONE,
            "params": tensors({"out.weight": [[0, 0], [0, 0]], "out.bias": [0, 0]}),
            "masks": masks(out_weight=[[1, 1], [1, 0]]),
        },
        ("COUNTED_ZEROS",),
        hide=only("parameters_kept", "prunable_kept", "sparsity_all"),
    ),
    Draft(
        "ARR-05",
        "score",
        "neither biases nor normalisations are ranked",
        {"case": ScoreCase("magnitude", tensors(NORM))},
        ("WHAT_IS_RANKED",),
    ),
    apply(
        "ARR-06",
        "an infinity that is removed is 0",
        {"a": [INF, -INF, NAN, 4]},
        masks(a=[0, 0, 0, 1]),
        "MASKED_INFINITY",
    ),
    apply(
        "ARR-06", "a kept infinity or NaN stays", {"a": [INF, -INF, NAN, 4]}, masks(a=[1, 1, 1, 0]), "MASKED_INFINITY"
    ),
    apply(
        "ARR-07",
        "a removed entry is +0.0",
        {"a": [-1, -0.0, 1]},
        masks(a=[0, 0, 0]),
        "NEG_ZERO",
        compare="bits",
        assumes={"removed_zero": "positive"},
    ),
    apply("ARR-08", "single precision stays", {"a": floats([1, 1], np.float32)}, masks(a=[1, 0]), "DTYPE"),
    apply("ARR-08", "half precision stays", {"a": floats([1, 1], np.float16)}, masks(a=[1, 0]), "DTYPE"),
    runs(
        "ARR-10", "the network runs as it does on masked parameters", SQUARE, KEPT, "MASK_RESURRECTED", "HIDDEN_VALUE"
    ),
    runs(
        "ARR-10",
        "NaN at removed entries decides nothing",
        {"out.weight": [[1, NAN], [2, 3]], "out.bias": [4, NAN]},
        KEPT,
        "HIDDEN_VALUE",
    ),
    runs(
        "ARR-10",
        "without masks it is dense",
        {"out.weight": [[1, 100], [2, 3]], "out.bias": [4, 7]},
        {},
        "HIDDEN_VALUE",
    ),
    Draft(
        "ARR-10",
        "forward",
        "gamma and beta can be masked",
        {
            "network": build(Input("x", (2,)), BatchNorm("n", eps=1.0), Dense("out")),
            "params": tensors(
                {
                    "n.gamma": [2, 3],
                    "n.beta": [1, 1],
                    "n.running_mean": [0, 0],
                    "n.running_var": [0, 0],
                    "out.weight": [[1, 10]],
                    "out.bias": [0],
                }
            ),
            "masks": masks(n_gamma=[0, 1], n_beta=[0, 1]),
            "x": np.ones((1, 2)),
        },
        ("MASK_RESURRECTED", "BATCH_NORM"),
    ),
]
"""What a mask can be got wrong by."""
