"""docs/spec/coupling.md: what goes with a row. Every entry is another number, so that a wrong slice shows."""

from collections.abc import Mapping, Sequence
from itertools import count
from math import prod
from typing import Any

import numpy as np

from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Relu,
    Split,
    build,
)
from spec_tests.kit.vectors.vector import Draft


def numbered(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return arrays of these shapes whose entries are 1, 2, 3, ... through all of them."""
    numbers = count(1)
    return {
        name: np.array([float(next(numbers)) for _ in range(prod(shape))]).reshape(tuple(shape))
        for name, shape in shapes.items()
    }


def remove(
    requirement: str,
    comment: str,
    network: Network,
    shapes: Mapping[str, Sequence[int]],
    units: Mapping[str, Any],
    *flags: str,
    **more: Any,
) -> Draft:
    """Return a draft about removed units; survivors are compared bit by bit."""
    asked = {"network": network, "params": numbered(shapes), "units": units}
    return Draft(requirement, "remove", comment, asked, flags, **{"compare": "bits"} | more)


X1, X2 = Input("x", (1,)), Input("x", (2,))
MLP = build(X2, Dense("fc1"), Relu("relu"), Dense("out"))
MLP_SHAPES = {"fc1.weight": (3, 2), "fc1.bias": (3,), "out.weight": (2, 3), "out.bias": (2,)}
FORK = build(X2, Dense("a"), Dense("b"), Dense("c", inputs=("a",)), Add("out", ("b", "c")))
FORK_SHAPES = {
    "a.weight": (3, 2),
    "a.bias": (3,),
    "b.weight": (2, 3),
    "b.bias": (2,),
    "c.weight": (2, 3),
    "c.bias": (2,),
}
FLAT = build(Input("x", (1, 2, 3)), Conv2d("c"), Flatten("f"), Dense("out"))
FLAT_SHAPES = {"c.weight": (2, 1, 1, 1), "c.bias": (2,), "out.weight": (1, 12), "out.bias": (1,)}
POOLED = build(Input("x", (1, 4, 6)), Conv2d("c"), MaxPool2d("p"), Flatten("f"), Dense("out"))
RESIDUAL = build(X2, Dense("a", bias=False), Add("s", ("a", "x")), Dense("out", bias=False))
NORMED = build(Input("x", (1, 1, 2)), Conv2d("a"), BatchNorm("n"), Flatten("f"), Dense("out"))
NORMED_SHAPES = {
    "a.weight": (2, 1, 1, 1),
    "a.bias": (2,),
    "n.gamma": (2,),
    "n.beta": (2,),
    "n.running_mean": (2,),
    "n.running_var": (2,),
    "out.weight": (1, 4),
    "out.bias": (1,),
}
SUM = build(X2, Dense("a", bias=False), Dense("b", bias=False, inputs=("x",)), Add("s", ("a", "b")), Dense("out"))
SUM_SHAPES = {"a.weight": (3, 2), "b.weight": (3, 2), "out.weight": (1, 3), "out.bias": (1,)}
BLOCK = build(X2, Dense("a"), Dense("b"), Add("s", ("a", "b")), Dense("out"))
BLOCK_SHAPES = {
    "a.weight": (2, 2),
    "a.bias": (2,),
    "b.weight": (2, 2),
    "b.bias": (2,),
    "out.weight": (1, 2),
    "out.bias": (1,),
}
DEPTH = build(Input("x", (1, 1, 1)), Conv2d("a"), DepthwiseConv2d("d"), Flatten("f"), Dense("out"))
DEPTH_SHAPES = {
    "a.weight": (3, 1, 1, 1),
    "a.bias": (3,),
    "d.weight": (6, 1, 1, 1),
    "d.bias": (6,),
    "out.weight": (1, 6),
    "out.bias": (1,),
}
NARROW = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("b"), Flatten("f"), Dense("out"))
NARROW_SHAPES = {
    "a.weight": (2, 1, 1, 1),
    "a.bias": (2,),
    "b.weight": (1, 2, 1, 1),
    "b.bias": (1,),
    "out.weight": (1, 1),
    "out.bias": (1,),
}
JOINED = build(X1, Dense("a", bias=False), Dense("b", bias=False, inputs=("x",)), Concat("j", ("b", "a")), Dense("out"))
JOINED_SHAPES = {"a.weight": (2, 1), "b.weight": (3, 1), "out.weight": (1, 5), "out.bias": (1,)}
DOUBLE = build(X1, Dense("a", bias=False), Concat("j", ("a", "a")), Dense("out"))
PARTS = build(
    X1,
    Dense("a", bias=False),
    Split("s", (2, 3)),
    Dense("b", inputs=("s[1]",)),
    Dense("c", inputs=("s[0]",)),
    Add("out", ("b", "c")),
)
PARTS_SHAPES = {"a.weight": (5, 1), "b.weight": (1, 3), "b.bias": (1,), "c.weight": (1, 2), "c.bias": (1,)}
GROUPED = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("g", groups=2), Flatten("f"), Dense("out"))
GROUPED_SHAPES = {
    "a.weight": (4, 1, 1, 1),
    "a.bias": (4,),
    "g.weight": (4, 2, 1, 1),
    "g.bias": (4,),
    "out.weight": (1, 4),
    "out.bias": (1,),
}
SHARED = build(
    X1,
    Dense("p"),
    Dense("q", inputs=("x",)),
    Dense("s", inputs=("p",)),
    Dense("t", inputs=("q",), shares="s"),
    Add("out", ("s", "t")),
)
SHARED_SHAPES = {
    "p.weight": (3, 1),
    "p.bias": (3,),
    "q.weight": (3, 1),
    "q.bias": (3,),
    "s.weight": (2, 3),
    "s.bias": (2,),
}

AVERAGED = build(Input("x", (1, 4, 6)), Conv2d("c"), AvgPool2d("p"), Flatten("f"), Dense("out"))
GLOBAL = build(Input("x", (1, 4, 6)), Conv2d("c"), GlobalAvgPool2d("p"), Flatten("f"), Dense("out"))
NORMS = build(
    X1, Dense("a"), BatchNorm("m"), Dense("b", inputs=("x",)), Concat("j", ("m", "b")), BatchNorm("n"), Dense("out")
)
NORMS_SHAPES = {
    **{"a.weight": (2, 1), "a.bias": (2,), "b.weight": (3, 1), "b.bias": (3,), "out.weight": (1, 5), "out.bias": (1,)},
    **{f"m.{part}": (2,) for part in ("gamma", "beta", "running_mean", "running_var")},
    **{f"n.{part}": (5,) for part in ("gamma", "beta", "running_mean", "running_var")},
}

DRAFTS = [
    remove(
        "CPL-01", "a row, its bias, the columns that read it", MLP, MLP_SHAPES, {"fc1": [1]}, "CHANNEL_COUPLING", "BIAS"
    ),
    remove("CPL-01", "both readers lose their column", FORK, FORK_SHAPES, {"a": [1]}, "CHANNEL_COUPLING"),
    remove("CPL-02", "channel 0 is the columns 0 to 5", FLAT, FLAT_SHAPES, {"c": [0]}, "FLATTEN_STRIDE"),
    remove("CPL-02", "channel 1 is the columns 6 to 11", FLAT, FLAT_SHAPES, {"c": [1]}, "FLATTEN_STRIDE"),
    remove("CPL-02", "behind a pool, 2 by 3 are left", POOLED, FLAT_SHAPES, {"c": [1]}, "FLATTEN_STRIDE"),
    remove("CPL-03", "a unit of the output is refused", MLP, MLP_SHAPES, {"out": [0]}, "ENDS", refused=True),
    remove(
        "CPL-03",
        "what is added to the input is refused",
        RESIDUAL,
        {"a.weight": (2, 2), "out.weight": (1, 2)},
        {"a": [0]},
        "ENDS",
        refused=True,
    ),
    remove("CPL-06", "all four arrays of a normalisation", NORMED, NORMED_SHAPES, {"a": [0]}, "BN_STATS"),
    remove("CPL-07", "both summands lose row 1", SUM, SUM_SHAPES, {"a": [1]}, "CHANNEL_COUPLING"),
    remove("CPL-07", "asked for the other summand", SUM, SUM_SHAPES, {"b": [2]}, "CHANNEL_COUPLING"),
    remove(
        "CPL-07",
        "a summand that reads the other loses its column, too",
        BLOCK,
        BLOCK_SHAPES,
        {"a": [1]},
        "CHANNEL_COUPLING",
    ),
    remove(
        "CPL-08", "two rows of a depthwise convolution go with a channel", DEPTH, DEPTH_SHAPES, {"a": [1]}, "DEPTHWISE"
    ),
    remove("CPL-08", "asked for one of them", DEPTH, DEPTH_SHAPES, {"d": [3]}, "DEPTHWISE"),
    remove("CPL-08", "a convolution of one output is not depthwise", NARROW, NARROW_SHAPES, {"a": [0]}, "DEPTHWISE"),
    remove("CPL-09", "b, a: unit 0 of a is column 3", JOINED, JOINED_SHAPES, {"a": [0]}, "CONCAT_OFFSET"),
    remove("CPL-09", "unit 0 of both", JOINED, JOINED_SHAPES, {"a": [0], "b": [0]}, "CONCAT_OFFSET"),
    remove(
        "CPL-09",
        "a value that is there twice",
        DOUBLE,
        {"a.weight": (2, 1), "out.weight": (1, 4), "out.bias": (1,)},
        {"a": [0]},
        "CONCAT_OFFSET",
    ),
    remove("CPL-10", "row 1 is in the first part, which is read last", PARTS, PARTS_SHAPES, {"a": [1]}, "SPLIT_OFFSET"),
    remove(
        "CPL-10", "row 3 is in the second part, which is read first", PARTS, PARTS_SHAPES, {"a": [3]}, "SPLIT_OFFSET"
    ),
    remove("CPL-11", "equal positions of both groups", GROUPED, GROUPED_SHAPES, {"a": [0]}, "GROUPED_CONV"),
    remove("CPL-11", "so for the outputs", GROUPED, GROUPED_SHAPES, {"g": [1]}, "GROUPED_CONV"),
    remove("CPL-12", "one column for two readers", SHARED, SHARED_SHAPES, {"p": [0]}, "SHARED_PARAMETERS"),
    remove("CPL-02", "behind an average-pool, 2 by 3 are left", AVERAGED, FLAT_SHAPES, {"c": [1]}, "FLATTEN_STRIDE"),
    remove(
        "CPL-02",
        "behind a global average-pool one column a channel",
        GLOBAL,
        {**FLAT_SHAPES, "out.weight": (1, 2)},
        {"c": [1]},
        "FLATTEN_STRIDE",
    ),
    remove(
        "CPL-02",
        "a second flatten changes nothing",
        build(*FLAT[:-1], Flatten("g"), Dense("out")),
        FLAT_SHAPES,
        {"c": [1]},
        "FLATTEN_STRIDE",
    ),
    remove("CPL-03", "a summand of the output is refused", FORK, FORK_SHAPES, {"b": [1]}, "ENDS", refused=True),
    remove(
        "CPL-03",
        "a part of the output is refused",
        build(X2, Dense("a"), Dense("b", inputs=("x",)), Concat("out", ("a", "b"))),
        {"a.weight": (2, 2), "a.bias": (2,), "b.weight": (2, 2), "b.bias": (2,)},
        {"a": [0]},
        "ENDS",
        refused=True,
    ),
    remove(
        "CPL-06",
        "two normalisations, one of them behind a concatenation",
        NORMS,
        NORMS_SHAPES,
        {"b": [0]},
        "BN_STATS",
        "CONCAT_OFFSET",
    ),
    remove(
        "CPL-06",
        "a normalisation behind a flatten",
        build(Input("x", (1, 1, 2)), Conv2d("a"), Flatten("f"), BatchNorm("n"), Dense("out")),
        {
            "a.weight": (2, 1, 1, 1),
            "a.bias": (2,),
            "n.gamma": (4,),
            "n.beta": (4,),
            "n.running_mean": (4,),
            "n.running_var": (4,),
            "out.weight": (1, 4),
            "out.bias": (1,),
        },
        {"a": [0]},
        "BN_STATS",
        "FLATTEN_STRIDE",
    ),
    remove(
        "CPL-07",
        "three summands",
        build(
            X1,
            Dense("a"),
            Dense("b", inputs=("x",)),
            Dense("c", inputs=("x",)),
            Add("s", ("a", "b", "c")),
            Dense("out"),
        ),
        {
            "a.weight": (2, 1),
            "a.bias": (2,),
            "b.weight": (2, 1),
            "b.bias": (2,),
            "c.weight": (2, 1),
            "c.bias": (2,),
            "out.weight": (1, 2),
            "out.bias": (1,),
        },
        {"a": [1]},
        "CHANNEL_COUPLING",
    ),
    remove(
        "CPL-07",
        "two sums with a summand in common",
        build(
            X1,
            Dense("a"),
            Dense("b", inputs=("x",)),
            Dense("c", inputs=("x",)),
            Add("s", ("a", "b")),
            Add("t", ("b", "c")),
            Dense("d", inputs=("s",)),
            Dense("e", inputs=("t",)),
            Add("out", ("d", "e")),
        ),
        {
            "a.weight": (2, 1),
            "a.bias": (2,),
            "b.weight": (2, 1),
            "b.bias": (2,),
            "c.weight": (2, 1),
            "c.bias": (2,),
            "d.weight": (1, 2),
            "d.bias": (1,),
            "e.weight": (1, 2),
            "e.bias": (1,),
        },
        {"a": [1]},
        "CHANNEL_COUPLING",
    ),
    remove(
        "CPL-08",
        "behind a concatenation",
        build(
            Input("x", (1, 1, 1)),
            Conv2d("a"),
            Conv2d("b", inputs=("x",)),
            Concat("j", ("b", "a")),
            DepthwiseConv2d("d"),
            Flatten("f"),
            Dense("out"),
        ),
        {
            "a.weight": (2, 1, 1, 1),
            "a.bias": (2,),
            "b.weight": (3, 1, 1, 1),
            "b.bias": (3,),
            "d.weight": (5, 1, 1, 1),
            "d.bias": (5,),
            "out.weight": (1, 5),
            "out.bias": (1,),
        },
        {"a": [0]},
        "DEPTHWISE",
        "CONCAT_OFFSET",
    ),
    remove(
        "CPL-09",
        "joined with the input",
        build(X2, Dense("a"), Concat("j", ("x", "a")), Dense("out")),
        {"a.weight": (3, 2), "a.bias": (3,), "out.weight": (1, 5), "out.bias": (1,)},
        {"a": [0]},
        "CONCAT_OFFSET",
    ),
    remove(
        "CPL-11",
        "twice as many outputs as channels",
        GROUPED,
        {**GROUPED_SHAPES, "g.weight": (8, 2, 1, 1), "g.bias": (8,), "out.weight": (1, 8)},
        {"g": [1]},
        "GROUPED_CONV",
    ),
    remove(
        "CPL-12",
        "a normalisation behind each use",
        build(
            X1,
            Dense("p"),
            Dense("q", inputs=("x",)),
            Dense("s", inputs=("p",)),
            BatchNorm("m"),
            Dense("t", inputs=("q",), shares="s"),
            BatchNorm("n"),
            Add("u", ("m", "n")),
            Dense("out"),
        ),
        {
            **SHARED_SHAPES,
            **{f"{name}.{part}": (2,) for name in "mn" for part in ("gamma", "beta", "running_mean", "running_var")},
            "out.weight": (1, 2),
            "out.bias": (1,),
        },
        {"s": [1]},
        "SHARED_PARAMETERS",
        "BN_STATS",
    ),
]
"""What coupling can be got wrong by."""
