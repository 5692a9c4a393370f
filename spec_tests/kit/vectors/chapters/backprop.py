"""docs/spec/backprop.md."""

import numpy as np

from refprune.network import Add, BatchNorm, Concat, Dense, Dropout, Input, Relu, build
from spec_tests.kit.vectors.chapters.building import floats, masks
from spec_tests.kit.vectors.chapters.ops import DENSE, forward, learns
from spec_tests.kit.vectors.vector import Draft

ZERO = {"out.weight": [[0, 0], [0, 0]], "out.bias": [0, 0]}
LINE = build(Input("x", (1,)), Dense("out"))
FORK = build(Input("x", (2,)), Dense("t"), Dense("a"), Dense("b", inputs=("t",)), Concat("out", ("a", "b")))
HIDDEN = build(Input("x", (2,)), Dense("a"), Dense("out"))
NORMED = build(Input("x", (1,)), BatchNorm("n", eps=1.0, momentum=0.5), Dense("out"))
NORM = {
    "n.gamma": [2],
    "n.beta": [1],
    "n.running_mean": [0],
    "n.running_var": [0],
    "out.weight": [[1], [1]],
    "out.bias": [0, 0],
}
TWICE = build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"))
WIDE = build(Input("x", (3,)), Relu("r"), Dense("out"))


def wrong(operation: str, comment: str, *flags: str, **changed: object) -> Draft:
    """Return a draft about what does not fit."""
    asked = {
        "network": DENSE,
        "params": {name: floats(one) for name, one in ZERO.items()},
        "masks": {},
        "x": floats([[1, 2]]),
    }
    asked |= {"labels": np.array([0])} if operation == "loss_and_grads" else {}
    return Draft("BAC-06", operation, comment, asked | changed, flags or ("BAD_NUMBER",), refused=True)


DRAFTS = [
    forward(
        "BAC-01",
        "26, 155 and 549, in this order",
        WIDE,
        {"out.weight": [[1, 10, 100]], "out.bias": [5]},
        [[1, 2, -3], [0, 5, 1], [4, 4, 5]],
        "PRODUCTS",
    ),
    forward(
        "BAC-01",
        "one example alone gives the same",
        WIDE,
        {"out.weight": [[1, 10, 100]], "out.bias": [5]},
        [[0, 5, 1]],
        "PRODUCTS",
    ),
    learns(
        "BAC-02",
        "log 2 for three examples, not three times",
        DENSE,
        ZERO,
        [[1, 2], [3, 4], [5, 6]],
        [0, 1, 0],
        "PRODUCTS",
    ),
    learns(
        "BAC-02",
        "the mean of 10000 and log 2",
        LINE,
        {"out.weight": [[10000], [0]], "out.bias": [0, 0]},
        [[1], [0]],
        [1, 0],
        "OVERFLOW",
    ),
    learns(
        "BAC-03",
        "-1/6 and 1/6 for the bias, 0 for the weight",
        LINE,
        {"out.weight": [[0], [0]], "out.bias": [3, 3]},
        [[2], [4], [6]],
        [0, 0, 1],
        "PRODUCTS",
    ),
    learns(
        "BAC-04",
        "a layer that nobody reads has gradients of 0",
        build(Input("x", (2,)), Dense("idle"), Dense("out", inputs=("x",))),
        {"idle.weight": [[1, 2]], "idle.bias": [3], **ZERO},
        [[1, 2]],
        [0],
        "DTYPE",
    ),
    learns(
        "BAC-04",
        "single precision stays",
        DENSE,
        {name: floats(one, np.float32) for name, one in ZERO.items()},
        floats([[1, 2]], np.float32),
        [0],
        "DTYPE",
        compare={"within": 2.0**-17},
    ),
    learns(
        "BAC-05",
        "the trunk gets the sum of what both readers send back",
        FORK,
        {"t.weight": [[1, 2]], "t.bias": [0], "a.weight": [[3]], "a.bias": [0], "b.weight": [[5]], "b.bias": [0]},
        [[2, -1]],
        [1],
        "FAN_OUT",
    ),
    learns(
        "BAC-05",
        "a value that a sum reads twice",
        build(Input("x", (1,)), Dense("t"), Add("s", ("t", "t")), Dense("out")),
        {"t.weight": [[1], [2]], "t.bias": [0, 0], "out.weight": [[1, 3], [7, 0]], "out.bias": [0, 0]},
        [[1]],
        [0],
        "FAN_OUT",
    ),
    wrong("forward", "a batch of no example", x=np.zeros((0, 2))),
    wrong("forward", "examples of three features for two", x=np.ones((1, 3))),
    wrong("forward", "integers", "DTYPE", x=np.ones((1, 2), np.int64)),
    wrong("forward", "singles with parameters that are doubles", "DTYPE", x=np.ones((1, 2), np.float32)),
    wrong("forward", "a parameter that is missing", params={"out.weight": np.zeros((2, 2))}),
    wrong("loss_and_grads", "a label that is no class", labels=np.array([2])),
    wrong("loss_and_grads", "the label -1", labels=np.array([-1])),
    wrong("loss_and_grads", "a label too many", labels=np.array([0, 1])),
    wrong("loss_and_grads", "labels that are floats", labels=np.array([0.0])),
    learns(
        "BAC-08",
        "kept entries have the gradients of the masked network",
        HIDDEN,
        {"a.weight": [[2, 100]], "a.bias": [1], "out.weight": [[1], [100]], "out.bias": [100, 7]},
        [[3, 1]],
        [1],
        "HIDDEN_VALUE",
        "MASK_RESURRECTED",
        kept=masks(a_weight=[[1, 0]], out_weight=[[1], [0]], out_bias=[0, 1]),
    ),
    forward(
        "BAC-09",
        "in use nothing is dropped",
        build(Input("x", (2,)), Dropout("d", 0.5), Dense("out", bias=False)),
        {"out.weight": [[1, 0], [0, 1]]},
        [[3, 4]],
        "PRODUCTS",
    ),
    forward("BAC-10", "in use the running statistics count", NORMED, NORM, [[0], [0], [0], [4]], "BATCH_NORM"),
    learns(
        "BAC-10",
        "in training those of the batch",
        NORMED,
        {**NORM, "out.weight": [[1], [-1]]},
        [[0], [0], [0], [4]],
        [0, 0, 1, 0],
        "BATCH_NORM",
    ),
    learns(
        "BAC-11",
        "each use adds to the gradient",
        TWICE,
        {"a.weight": [[1, 0], [0, 1]], "a.bias": [0, 0]},
        [[1, 1]],
        [0],
        "SHARED_PARAMETERS",
        "FAN_OUT",
    ),
    learns(
        "BAC-05",
        "three readers",
        build(
            Input("x", (1,)),
            Dense("t"),
            Dense("a"),
            Dense("b", inputs=("t",)),
            Dense("c", inputs=("t",)),
            Add("s", ("b", "c")),
            Concat("out", ("a", "s")),
        ),
        {
            "t.weight": [[0]],
            "t.bias": [0],
            "a.weight": [[1]],
            "a.bias": [0],
            "b.weight": [[2]],
            "b.bias": [0],
            "c.weight": [[4]],
            "c.bias": [0],
        },
        [[1]],
        [0],
        "FAN_OUT",
    ),
    learns(
        "BAC-11",
        "three uses",
        build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"), Dense("c", shares="a")),
        {"a.weight": [[1, 0], [0, 1]], "a.bias": [0, 0]},
        [[1, 1]],
        [0],
        "SHARED_PARAMETERS",
        "FAN_OUT",
    ),
    learns(
        "BAC-08",
        "gamma and beta can be masked",
        NORMED,
        {**NORM, "out.weight": [[1], [-1]]},
        [[0], [0], [0], [4]],
        [0, 0, 1, 0],
        "MASK_RESURRECTED",
        "BATCH_NORM",
        kept=masks(n_gamma=[0], n_beta=[0]),
    ),
]
"""What a pass back can be got wrong by."""
