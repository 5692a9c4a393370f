"""docs/spec/surgery.md: smaller arrays, and which rows are left."""

from typing import Any

import numpy as np

from refprune.network import BatchNorm, Concat, Conv2d, Dense, Flatten, Input, Relu, Split, build
from spec_tests.kit.vectors.chapters.building import INF, NAN, tensors
from spec_tests.kit.vectors.chapters.coupling import (
    DEPTH,
    DEPTH_SHAPES,
    GROUPED,
    GROUPED_SHAPES,
    JOINED,
    JOINED_SHAPES,
    MLP,
    MLP_SHAPES,
    PARTS,
    PARTS_SHAPES,
    SUM,
    SUM_SHAPES,
    remove,
)
from spec_tests.kit.vectors.vector import Draft


def given(requirement: str, comment: str, params: Any, units: Any, *flags: str) -> Draft:
    """Return a draft about fc1 and out with these parameters."""
    return Draft(
        requirement, "remove", comment, {"network": LINE, "params": params, "units": units}, flags, compare="bits"
    )


LINE = build(Input("x", (1,)), Dense("fc1"), Relu("relu"), Dense("out"))
FOUR = tensors(
    {"fc1.weight": [[1], [2], [-0.0], [4]], "fc1.bias": [5, 6, -0.0, 8], "out.weight": [[1, 2, 3, 4]], "out.bias": [9]}
)
ZERO = tensors({"fc1.weight": [[0], [3]], "fc1.bias": [0, 1], "out.weight": [[0, 4]], "out.bias": [5]})
SINGLE = {name: one.astype(np.float32) for name, one in FOUR.items()}
DEEP = build(
    Input("x", (1, 2, 2)),
    Conv2d("a", padding=(0, 0, 1, 1)),
    BatchNorm("n"),
    Split("s", (1, 2)),
    Concat("j", ("s[1]", "s[0]")),
    Flatten("f"),
    Dense("out"),
)
DEEP_SHAPES = {
    "a.weight": (3, 1, 2, 2),
    "a.bias": (3,),
    "n.gamma": (3,),
    "n.beta": (3,),
    "n.running_mean": (3,),
    "n.running_var": (3,),
    "out.weight": (2, 12),
    "out.bias": (2,),
}
STRANGE = tensors(
    {
        "fc1.weight": [[INF], [NAN], [5e-324], [4]],
        "fc1.bias": [1e-310, 6, 7, 8],
        "out.weight": [[1, 2, 3, 4]],
        "out.bias": [9],
    }
)
THREE = build(Input("x", (2,)), Dense("a"), Dense("b"), Dense("out"))
THREE_SHAPES = {
    "a.weight": (3, 2),
    "a.bias": (3,),
    "b.weight": (3, 3),
    "b.bias": (3,),
    "out.weight": (1, 3),
    "out.bias": (1,),
}
BAD = (("-1", [-1]), ("beyond the last", [3]), ("twice the same", [0, 0]), ("true", [True]), ("0.0", [0.0]))

DRAFTS = [
    remove("SUR-01", "rows, bias and columns, nothing else", MLP, MLP_SHAPES, {"fc1": [1]}, "CHANNEL_COUPLING", "BIAS"),
    remove("SUR-01", "two units", MLP, MLP_SHAPES, {"fc1": [0, 2]}, "CHANNEL_COUPLING", "BIAS"),
    remove(
        "SUR-01",
        "one request for both summands is a request for one unit",
        SUM,
        SUM_SHAPES,
        {"a": [0], "b": [0]},
        "CHANNEL_COUPLING",
    ),
    given("SUR-02", "listed as 2, 0: left are 1 and 3, in this order", FOUR, {"fc1": [2, 0]}, "KEPT_ORDER"),
    given("SUR-02", "a -0.0 stays", FOUR, {"fc1": [0]}, "KEPT_ORDER", "NEG_ZERO"),
    given("SUR-02", "single precision stays", SINGLE, {"fc1": [1]}, "DTYPE"),
    remove("SUR-02", "a layer that was not asked for has lost rows, too", SUM, SUM_SHAPES, {"a": [1]}, "KEPT_ORDER"),
    given("SUR-03", "a unit of zeros stays", ZERO, {"fc1": [1]}, "ALIVE_FROM_ZEROS"),
    remove("SUR-04", "all units of a group", MLP, MLP_SHAPES, {"fc1": [0, 1, 2]}, "EMPTIED", refused=True),
    remove(
        "SUR-04",
        "all units of a part of a split",
        PARTS,
        PARTS_SHAPES,
        {"a": [0, 1]},
        "EMPTIED",
        "SPLIT_OFFSET",
        refused=True,
    ),
    remove(
        "SUR-05",
        "behind a normalisation and a split with its parts swapped",
        DEEP,
        DEEP_SHAPES,
        {"a": [1]},
        "BN_STATS",
        "SPLIT_OFFSET",
        "CONCAT_OFFSET",
        "FLATTEN_STRIDE",
    ),
    *(
        remove("SUR-07", f"the index {what} is refused", MLP, MLP_SHAPES, {"fc1": units}, "BAD_INDEX", refused=True)
        for what, units in BAD
    ),
    remove("SUR-07", "units of nobody are refused", MLP, MLP_SHAPES, {"nobody": [0]}, "BAD_INDEX", refused=True),
    remove("SUR-10", "an empty list removes nothing", MLP, MLP_SHAPES, {"fc1": []}, "ALIVE_FROM_ZEROS"),
    given("SUR-10", "nor are zeros removed", ZERO, {}, "ALIVE_FROM_ZEROS"),
    given("SUR-11", "inputs and logits stay", FOUR, {"fc1": [1, 2, 3]}, "ENDS"),
    remove("SUR-11", "a unit of the output layer is refused", MLP, MLP_SHAPES, {"out": [1]}, "ENDS", refused=True),
    remove(
        "SUR-15", "two groups in the columns of one array", JOINED, JOINED_SHAPES, {"a": [0], "b": [2]}, "CONCAT_OFFSET"
    ),
    remove("SUR-15", "two groups in the rows of one array", PARTS, PARTS_SHAPES, {"a": [1, 3]}, "SPLIT_OFFSET"),
    remove(
        "SUR-15",
        "rows and columns of a grouped convolution",
        GROUPED,
        GROUPED_SHAPES,
        {"a": [1], "g": [0]},
        "GROUPED_CONV",
    ),
    given("SUR-02", "infinity, NaN and the smallest number stay", STRANGE, {"fc1": [3]}, "KEPT_ORDER", "SUBNORMAL"),
    remove("SUR-01", "both rows of one unit", DEPTH, DEPTH_SHAPES, {"d": [2, 3]}, "DEPTHWISE"),
    remove(
        "SUR-02",
        "rows that are left of a depthwise convolution",
        DEPTH,
        DEPTH_SHAPES,
        {"a": [0]},
        "KEPT_ORDER",
        "DEPTHWISE",
    ),
    remove(
        "SUR-02",
        "rows that are left of a layer with two groups",
        PARTS,
        PARTS_SHAPES,
        {"a": [0, 4]},
        "KEPT_ORDER",
        "SPLIT_OFFSET",
    ),
    remove("SUR-10", "an empty list beside another", JOINED, JOINED_SHAPES, {"a": [], "b": [1]}, "KEPT_ORDER"),
    remove("SUR-15", "two layers, one after the other", THREE, THREE_SHAPES, {"a": [0], "b": [1]}, "CHANNEL_COUPLING"),
]
"""What a removal can be got wrong by."""
