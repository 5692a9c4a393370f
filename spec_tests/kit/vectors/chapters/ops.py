"""docs/spec/ops.md: forward passes and gradients on small integers.

Where there is a loss, the two logits are nearly always equal: the probabilities are 1/2 exactly, every gradient is a
small dyadic number, and the loss is log 2.
"""

from collections.abc import Mapping, Sequence
from math import log
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
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Sigmoid,
    Split,
    build,
)
from spec_tests.adapter import OptimiserSpec, TrainCase
from spec_tests.applicability import operations
from spec_tests.kit.vectors.chapters.building import floats, tensors
from spec_tests.kit.vectors.vector import Draft
from spec_tests.oracle import layers

LOSS = {"within": 2.0**-36}
"""Every number is below 2^14, and those above 2^6 come of fewer than 2^3 roundings: 2^14 2^-53 2^3. Those below come of
fewer than 2^6 roundings, or of an exp and a log good to 2^6 ulps: less."""


def forward(
    requirement: str, comment: str, network: Network, params: Mapping[str, Any], x: Any, *flags: str, **more: Any
) -> Draft:
    """Return a draft about the logits of examples; products only are added where there is a convolution."""
    convolved = operations(network) & {"conv2d", "depthwise_conv2d"}
    assumes = {"exact": True} if convolved else {}
    asked = {"network": network, "params": tensors(params), "masks": {}, "x": floats(x)}
    return Draft(requirement, "forward", comment, asked, flags, **{"assumes": assumes} | more)


def learns(
    requirement: str,
    comment: str,
    network: Network,
    params: Mapping[str, Any],
    x: Any,
    labels: Any,
    *flags: str,
    kept: Any = None,
    **more: Any,
) -> Draft:
    """Return a draft about loss and gradients."""
    arrays = {name: one if isinstance(one, np.ndarray) else floats(one) for name, one in params.items()}
    asked = {
        "network": network,
        "params": arrays,
        "masks": kept or {},
        "x": x if isinstance(x, np.ndarray) else floats(x),
        "labels": np.array(labels),
    }
    return Draft(requirement, "loss_and_grads", comment, asked, flags, **{"compare": LOSS} | more)


def balanced(requirement: str, comment: str, network: Network, params: Mapping[str, Any], x: Any, *flags: str) -> Draft:
    """Return the same for one example of label 0, the second bias such that the two logits are equal."""
    arrays = tensors(params) | {"out.bias": np.zeros(2)}
    first = layers.logits(network, arrays, floats(x))[0][0,]
    return learns(requirement, comment, network, {**params, "out.bias": [0, first]}, x, [0], *flags)


def through(image: Sequence[int], *nodes: Node) -> Network:
    """Return nodes behind an input, and a flatten."""
    return build(Input("x", tuple(image)), *nodes, Flatten("logits"))


def between(image: Sequence[int], *nodes: Node) -> Network:
    """Return image -> convolution of one pixel `front` -> nodes -> flatten -> dense `out`."""
    return build(Input("x", tuple(image)), Conv2d("front"), *nodes, Flatten("flat"), Dense("out"))


def marked(image: Any) -> list[Any]:
    """Return an image and a second channel of 1, 2, 4, ... that `marks` does not read: its gradient tells the place."""
    size = len(image) * len(image[0])
    places = iter(2**i for i in range(size))
    return [[image, [[next(places) for _ in row] for row in image]]]


def marks(rows: Any, **more: Any) -> dict[str, Any]:
    """Return the parameters of `between` for `marked`."""
    return around(len(rows), rows, **{"front.weight": [[[[1]], [[0]]]]} | more)


def around(features: int, rows: Any, **more: Any) -> dict[str, Any]:
    """Return the parameters of `between` for one channel: front copies, out reads with these weights."""
    assert features == len(rows)
    return {
        "front.weight": [[[[1]]]],
        "front.bias": [0],
        "out.weight": [rows, [0] * features],
        "out.bias": [0, 0],
        **more,
    }


def drops() -> TrainCase:
    """Return an update whose first feature is kept: 4, 0 behind the dropout, and two equal logits."""
    network = build(Input("x", (2,)), Dense("front", bias=False), Dropout("d", 0.75), Dense("out"))
    params = tensors({"front.weight": [[1, 0], [0, 1]], "out.weight": [[1, 2], [0, 0]], "out.bias": [0, 4]})
    kept = ({"d": np.array([[True, False]])},)
    batches, spec = (np.array([0]),), OptimiserSpec("sgd", 0.25)
    return TrainCase(network, params, floats([[1, 2]]), np.array([0]), batches, spec, {}, kept=kept)


DENSE = build(Input("x", (2,)), Dense("out"))
TWO = build(Input("x", (2,)), Dense("front"), Dense("out"))
KERNEL = {"c.weight": [[[[1, 2], [3, 4]]]], "c.bias": [10]}
ROWS = [[[[1, 2, 3], [4, 5, 6]]]]
SQUARE = [[[[1, 2], [3, 4]]]]
CHANNELS = [[[[1]], [[2]], [[3]], [[4]]]]
GROUPED = {"c.weight": [[[[1]], [[10]]], [[[100]], [[1000]]], [[[1]], [[10]]], [[[100]], [[1000]]]], "c.bias": [0] * 4}
NORM = {"n.gamma": [5], "n.beta": [-1], "n.running_mean": [6], "n.running_var": [15]}
BATCH = build(Input("x", (2,)), Dense("front", bias=False), BatchNorm("n", eps=1.0, momentum=0.25), Dense("out"))
PIXELS = build(Input("x", (1, 1, 2)), Conv2d("front"), BatchNorm("n", eps=1.0), Flatten("f"), Dense("out"))
PAIR = {"a.weight": [[1, 0], [0, 1]], "a.bias": [0, 0], "b.weight": [[10, 0], [0, 10]], "b.bias": [0, 0]}

DRAFTS = [
    forward(
        "OPS-01",
        "9, 19 and 29",
        DENSE,
        {"out.weight": [[1, 2], [3, 4], [5, 6]], "out.bias": [10, 20, 30]},
        [[1, -1]],
        "PRODUCTS",
        "BIAS",
    ),
    learns(
        "OPS-01",
        "gradients of two layers",
        TWO,
        {
            "front.weight": [[1, 2], [0, 1], [-1, 1]],
            "front.bias": [1, 0, 2],
            "out.weight": [[1, -1, 2], [0, 0, 0]],
            "out.bias": [0, 10],
        },
        [[1, 2]],
        [0],
        "PRODUCTS",
        "BIAS",
    ),
    forward(
        "OPS-02",
        "47 and 57: the kernel is not flipped",
        through((1, 2, 3), Conv2d("c")),
        KERNEL,
        ROWS,
        "PRODUCTS",
        "BIAS",
    ),
    forward("OPS-02", "with stride (1, 2) only 47", through((1, 2, 3), Conv2d("c", (1, 2))), KERNEL, ROWS, "PRODUCTS"),
    forward(
        "OPS-02",
        "two channels, two outputs",
        through((2, 1, 2), Conv2d("c")),
        {"c.weight": [[[[1, 2]], [[3, 4]]], [[[5, 6]], [[7, 8]]]], "c.bias": [0, 1]},
        [[[[1, 2]], [[3, -4]]]],
        "PRODUCTS",
    ),
    learns(
        "OPS-02",
        "an entry in two windows gets two gradients",
        between((1, 1, 3), Conv2d("c")),
        around(2, [1, 2], **{"c.weight": [[[[2, 1]]]], "c.bias": [0], "out.bias": [0, 18]}),
        [[[[1, 2, 3]]]],
        [0],
        "PRODUCTS",
        "FAN_OUT",
    ),
    balanced(
        "OPS-02",
        "gradients with a stride and padding",
        between((2, 3, 3), Conv2d("c", (2, 1), (1, 0, 0, 1))),
        marks([1, 2, 4, 8, 16, 32], **{"c.weight": [[[[1, 2], [3, 4]]]], "c.bias": [1]}),
        marked([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        "PRODUCTS",
        "PADDING",
    ),
    forward(
        "OPS-03",
        "overlapping windows",
        through((1, 1, 4), MaxPool2d("p", (1, 2), (1, 1))),
        {},
        [[[[1, 5, 3, -2]]]],
        "PRODUCTS",
    ),
    learns(
        "OPS-03",
        "the maximum of two windows gets both gradients",
        between((1, 1, 4), MaxPool2d("p", (1, 2), (1, 1))),
        around(3, [1, 2, 3], **{"out.bias": [0, 24]}),
        [[[[1, 5, 3, -2]]]],
        [0],
        "FAN_OUT",
    ),
    forward(
        "OPS-04",
        "padding is no maximum",
        through((1, 1, 2), MaxPool2d("p", (2, 2), (1, 1), (1, 1, 0, 0))),
        {},
        [[[[-3, -5]]]],
        "PADDING",
    ),
    balanced(
        "OPS-04",
        "the gradient does not go to the padding",
        between((2, 2, 2), MaxPool2d("p", (2, 2), (1, 1), (1, 1, 0, 0))),
        marks([1, 2, 4, 8]),
        marked([[-3, -1], [-4, -2]]),
        "PADDING",
    ),
    learns(
        "OPS-05",
        "the first of equal maxima gets the gradient, rows before columns",
        between((2, 2, 2), MaxPool2d("p")),
        marks([8], **{"out.bias": [0, 8]}),
        marked([[0, 1], [1, 0]]),
        [0],
        "KINK",
    ),
    learns(
        "OPS-05",
        "so it does where all are 0",
        between((2, 2, 3), MaxPool2d("p", (2, 2), (1, 1))),
        marks([2, 4]),
        marked([[0, 0, 0], [0, 0, 0]]),
        [0],
        "KINK",
    ),
    forward(
        "OPS-06",
        "padding is left out of the mean",
        through((1, 1, 2), AvgPool2d("p", (1, 2), (1, 1), (0, 1, 0, 0))),
        {},
        [[[[2, 4]]]],
        "PADDING",
    ),
    forward(
        "OPS-06",
        "padding above and below is left out, too",
        through((1, 2, 1), AvgPool2d("p", (2, 1), (1, 1), (1, 0, 1, 0))),
        {},
        [[[[2], [4]]]],
        "PADDING",
    ),
    forward(
        "OPS-06",
        "another stride along rows than along columns",
        through((1, 2, 4), AvgPool2d("p", (1, 2), (1, 2))),
        {},
        [[[[2, 4, 6, 8], [0, 2, 0, 4]]]],
        "PRODUCTS",
    ),
    learns(
        "OPS-06",
        "a gradient is shared among what is no padding",
        between((1, 1, 2), AvgPool2d("p", (1, 2), (1, 1), (0, 1, 0, 0))),
        around(2, [3, 2], **{"out.bias": [0, 12]}),
        [[[[2, 4]]]],
        [0],
        "PADDING",
    ),
    forward("OPS-07", "max(x, 0)", through((3,), Relu("r")), {}, [[-1, 0, 3]], "KINK"),
    forward("OPS-07", "however large", through((2,), Relu("r")), {}, [[7, 100]], "KINK"),
    learns(
        "OPS-07",
        "the derivative at 0 is 0",
        between((1, 1, 3), Relu("r")),
        around(3, [2, 4, 1], **{"out.bias": [0, 3]}),
        [[[[-1, 0, 3]]]],
        [0],
        "KINK",
    ),
    forward(
        "OPS-08",
        "channels, then rows, then columns",
        through((2, 2, 2)),
        {},
        [[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]],
        "FLATTEN_STRIDE",
    ),
    forward(
        "OPS-08", "three channels of 1 by 2", through((3, 1, 2)), {}, [[[[1, 2]], [[3, 4]], [[5, 6]]]], "FLATTEN_STRIDE"
    ),
    learns(
        "OPS-08",
        "gradients go back where they came from",
        between((2, 2, 3)),
        marks([1, 2, 3, 4, 5, 6], **{"out.bias": [0, 21]}),
        marked([[1, 1, 1], [1, 1, 1]]),
        [0],
        "FLATTEN_STRIDE",
    ),
    learns(
        "OPS-08",
        "gradients of two channels go back to them",
        between((2, 1, 2)),
        {
            "front.weight": [[[[1]], [[0]]], [[[0]], [[1]]]],
            "front.bias": [0, 0],
            "out.weight": [[1, 2, 3, 4], [0] * 4],
            "out.bias": [0, 36],
        },
        [[[[1, 2]], [[5, 4]]]],
        [0],
        "FLATTEN_STRIDE",
    ),
    learns(
        "OPS-09",
        "logits 0, 0: log 2 and -1/2, 1/2",
        DENSE,
        {"out.weight": [[0, 0], [0, 0]], "out.bias": [0, 0]},
        [[1, 2]],
        [0],
        "OVERFLOW",
    ),
    learns(
        "OPS-09",
        "logits 10000, 0 with the label 1",
        DENSE,
        {"out.weight": [[10000, 0], [0, 0]], "out.bias": [0, 0]},
        [[1, 2]],
        [1],
        "OVERFLOW",
    ),
    learns(
        "OPS-09",
        "logits 10000, 0 with the label 0",
        DENSE,
        {"out.weight": [[10000, 0], [0, 0]], "out.bias": [0, 0]},
        [[1, 2]],
        [0],
        "OVERFLOW",
    ),
    forward(
        "OPS-10",
        "what does not fill a window is left out",
        through((1, 1, 5), MaxPool2d("p", (1, 2), (1, 2))),
        {},
        [[[[1, 2, 3, 4, 5]]]],
        "PADDING",
    ),
    forward(
        "OPS-11",
        "padding to the left alone",
        through((1, 2, 2), Conv2d("c", padding=(0, 1, 0, 0))),
        {**KERNEL, "c.bias": [0]},
        SQUARE,
        "PADDING",
    ),
    forward(
        "OPS-11",
        "padding above alone",
        through((1, 2, 2), Conv2d("c", padding=(1, 0, 0, 0))),
        {**KERNEL, "c.bias": [0]},
        SQUARE,
        "PADDING",
    ),
    forward(
        "OPS-11",
        "padding below alone",
        through((1, 2, 2), Conv2d("c", padding=(0, 0, 1, 0))),
        {**KERNEL, "c.bias": [0]},
        SQUARE,
        "PADDING",
    ),
    forward(
        "OPS-15",
        "21, 2100, 43, 4300: runs of channels",
        through((4, 1, 1), Conv2d("c", groups=2)),
        GROUPED,
        CHANNELS,
        "GROUPED_CONV",
    ),
    forward(
        "OPS-15",
        "depthwise, two outputs a channel",
        through((2, 1, 1), DepthwiseConv2d("c")),
        {"c.weight": [[[[1]]], [[[10]]], [[[100]]], [[[1000]]]], "c.bias": [0] * 4},
        [[[[1]], [[2]]]],
        "DEPTHWISE",
    ),
    forward(
        "OPS-15",
        "one output is not depthwise",
        through((2, 1, 1), Conv2d("c")),
        {"c.weight": [[[[1]], [[10]]]], "c.bias": [5]},
        [[[[1]], [[2]]]],
        "DEPTHWISE",
    ),
    forward(
        "OPS-15",
        "a layer without a bias",
        build(Input("x", (2,)), Dense("out", bias=False)),
        {"out.weight": [[1, 2], [3, 4]]},
        [[1, 1]],
        "BIAS",
    ),
    balanced(
        "OPS-15",
        "gradients of groups",
        between((2, 1, 1), Conv2d("c", groups=2)),
        {
            "front.weight": [[[[1]], [[0]]], [[[0]], [[1]]], [[[1]], [[1]]], [[[2]], [[1]]]],
            "front.bias": [0] * 4,
            "c.weight": [[[[1]], [[2]]], [[[3]], [[4]]], [[[5]], [[6]]], [[[7]], [[8]]]],
            "c.bias": [0] * 4,
            "out.weight": [[1, 2, 4, 8], [0] * 4],
        },
        [[[[1]], [[3]]]],
        "GROUPED_CONV",
    ),
    learns(
        "OPS-15",
        "gradients of a depthwise convolution",
        between((2, 1, 1), DepthwiseConv2d("c")),
        {
            "front.weight": [[[[1]], [[0]]], [[[0]], [[1]]]],
            "front.bias": [0, 0],
            "c.weight": [[[[1]]], [[[2]]], [[[3]]], [[[4]]]],
            "c.bias": [0] * 4,
            "out.weight": [[1, 2, 4, 8], [0] * 4],
            "out.bias": [0, 137],
        },
        [[[[1]], [[3]]]],
        [0],
        "DEPTHWISE",
    ),
    forward(
        "OPS-15",
        "two wide groups",
        through((4, 1, 1), Conv2d("c", groups=2)),
        {"c.weight": [[[[1]], [[2]]], [[[3]], [[4]]]], "c.bias": [0, 0]},
        CHANNELS,
        "GROUPED_CONV",
    ),
    forward("OPS-16", "1/2 at 0, 1 and 0 far away", through((3,), Sigmoid("s")), {}, [[0, 1000, -1000]], "OVERFLOW"),
    learns(
        "OPS-16",
        "at 0 a quarter of the gradient passes",
        between((1, 1, 1), Sigmoid("s")),
        around(1, [8], **{"out.bias": [0, 4]}),
        [[[[0]]]],
        [0],
        "PRODUCTS",
    ),
    forward("OPS-17", "nothing is dropped in use", through((3,), Dropout("d", 0.75)), {}, [[1, 2, 3]], "PRODUCTS"),
    forward("OPS-18", "running statistics in use", through((1,), BatchNorm("n", eps=1.0)), NORM, [[2]], "BATCH_NORM"),
    learns(
        "OPS-18",
        "mean and variance of the batch in training",
        BATCH,
        {
            "front.weight": [[1, 0]],
            "n.gamma": [4],
            "n.beta": [1],
            "n.running_mean": [9],
            "n.running_var": [9],
            "out.weight": [[1], [-1]],
            "out.bias": [0, 0],
        },
        [[0, 1], [0, 2], [0, 4], [4, 8]],
        [0, 0, 0, 1],
        "BATCH_NORM",
    ),
    learns(
        "OPS-18",
        "over the pixels, too",
        PIXELS,
        {
            "front.weight": [[[[1]]]],
            "front.bias": [0],
            "n.gamma": [4],
            "n.beta": [1],
            "n.running_mean": [9],
            "n.running_var": [9],
            "out.weight": [[1, 0], [0, -1]],
            "out.bias": [0, 0],
        },
        [[[[0, 0]]], [[[0, 4]]]],
        [0, 1],
        "BATCH_NORM",
    ),
    forward(
        "OPS-20",
        "the mean of each channel",
        through((2, 2, 2), GlobalAvgPool2d("p")),
        {},
        [[[[1, 2], [3, 6]], [[0, 0], [0, 4]]]],
        "PRODUCTS",
    ),
    learns(
        "OPS-20",
        "a gradient is shared by the pixels",
        between((1, 2, 2), GlobalAvgPool2d("p")),
        around(1, [8], **{"out.bias": [0, 24]}),
        [[[[1, 2], [3, 6]]]],
        [0],
        "PRODUCTS",
    ),
    forward(
        "OPS-20", "2 by 3 pixels", through((1, 2, 3), GlobalAvgPool2d("p")), {}, [[[[6, 12, 0], [0, 0, 0]]]], "PRODUCTS"
    ),
    forward(
        "OPS-20",
        "an image of one pixel is left",
        through((2, 1, 2), GlobalAvgPool2d("p"), Conv2d("c")),
        {"c.weight": [[[[1]], [[10]]]], "c.bias": [0]},
        [[[[1, 3]], [[2, 6]]]],
        "PRODUCTS",
    ),
    learns(
        "OPS-20",
        "a gradient of 2 by 3 pixels",
        between((2, 2, 3), GlobalAvgPool2d("p")),
        marks([12], **{"out.bias": [0, 12]}),
        marked([[1, 1, 1], [1, 1, 1]]),
        [0],
        "PRODUCTS",
    ),
    forward(
        "OPS-21",
        "b + a + b",
        build(Input("x", (2,)), Dense("a"), Dense("b", inputs=("x",)), Add("s", ("b", "a", "b"))),
        PAIR,
        [[1, 2]],
        "FAN_OUT",
    ),
    learns(
        "OPS-21",
        "each summand gets the whole gradient",
        build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), Add("s", ("b", "a", "b")), Dense("out")),
        {
            "a.weight": [[1]],
            "a.bias": [0],
            "b.weight": [[2]],
            "b.bias": [0],
            "out.weight": [[4], [0]],
            "out.bias": [0, 20],
        },
        [[1]],
        [0],
        "FAN_OUT",
    ),
    forward(
        "OPS-22",
        "b, then a",
        build(Input("x", (2,)), Dense("a"), Dense("b", inputs=("x",)), Concat("s", ("b", "a"))),
        PAIR,
        [[1, 2]],
        "CONCAT_OFFSET",
    ),
    forward(
        "OPS-22",
        "a twice",
        build(Input("x", (2,)), Dense("a"), Dense("b", inputs=("x",)), Concat("s", ("a", "a", "b"))),
        PAIR,
        [[1, 2]],
        "CONCAT_OFFSET",
    ),
    forward(
        "OPS-22",
        "images are joined along their channels",
        through((1, 1, 2), Conv2d("a"), Conv2d("b", inputs=("x",)), Concat("s", ("a", "b"))),
        {"a.weight": [[[[1]]]], "a.bias": [0], "b.weight": [[[[10]]]], "b.bias": [0]},
        [[[[1, 2]]]],
        "CONCAT_OFFSET",
    ),
    learns(
        "OPS-22",
        "each part of the gradient goes to its input",
        build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), Concat("s", ("b", "a")), Dense("out")),
        {
            "a.weight": [[1]],
            "a.bias": [0],
            "b.weight": [[1], [1]],
            "b.bias": [0, 0],
            "out.weight": [[2, 4, 8], [0] * 3],
            "out.bias": [0, 14],
        },
        [[1]],
        [0],
        "CONCAT_OFFSET",
        "FAN_OUT",
    ),
    forward(
        "OPS-23",
        "images, channel by channel",
        through((3, 1, 2), Split("s", (1, 2)), Concat("c", ("s[1]", "s[0]"))),
        {},
        [[[[1, 2]], [[3, 4]], [[5, 6]]]],
        "SPLIT_OFFSET",
    ),
    forward(
        "OPS-23",
        "the second part first",
        build(Input("x", (4,)), Split("s", (1, 3)), Concat("c", ("s[1]", "s[0]"))),
        {},
        [[1, 2, 10, 20]],
        "SPLIT_OFFSET",
    ),
    learns(
        "OPS-23",
        "a part that nobody reads sends back 0",
        build(Input("x", (1,)), Dense("a"), Split("s", (1, 2)), Dense("out", inputs=("s[1]",))),
        {"a.weight": [[1], [1], [1]], "a.bias": [5, 0, 0], "out.weight": [[2, 4], [0, 6]], "out.bias": [0, 0]},
        [[1]],
        [0],
        "SPLIT_OFFSET",
    ),
    balanced(
        "OPS-01",
        "a square weight",
        build(Input("x", (2,)), Dense("front"), Dense("a"), Dense("out")),
        {
            "front.weight": [[1, 2], [3, 4]],
            "front.bias": [0, 0],
            "a.weight": [[1, 2], [4, 8]],
            "a.bias": [0, 0],
            "out.weight": [[1, 3], [0, 0]],
        },
        [[1, 1]],
        "PRODUCTS",
    ),
    Draft(
        "OPS-17",
        "train",
        "in training what is kept is four times as large, and so is its gradient",
        {"case": drops()},
        ("PRODUCTS",),
        compare=LOSS,
    ),
    forward("OPS-16", "3/4 at log 3", through((2,), Sigmoid("s")), {}, [[log(3), -log(3)]], "PRODUCTS", compare=LOSS),
    balanced(
        "OPS-22",
        "parts of a gradient as wide as their inputs",
        build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), Concat("s", ("a", "b", "a")), Dense("out")),
        {
            "a.weight": [[1]],
            "a.bias": [0],
            "b.weight": [[1], [2]],
            "b.bias": [0, 0],
            "out.weight": [[1, 2, 4, 8], [0] * 4],
        },
        [[1]],
        "CONCAT_OFFSET",
    ),
    forward(
        "OPS-23",
        "runs of channels",
        build(Input("x", (6,)), Split("s", (2, 2, 2)), Concat("c", ("s[2]", "s[0]", "s[1]"))),
        {},
        [[1, 2, 3, 4, 5, 6]],
        "SPLIT_OFFSET",
    ),
    balanced(
        "OPS-07",
        "the gradient passes however large x is",
        between((1, 1, 2), Relu("r")),
        around(2, [1, 2]),
        [[[[7, 100]]]],
        "KINK",
    ),
    balanced(
        "OPS-15",
        "a grouped convolution without a bias",
        between((2, 1, 1), Conv2d("c", groups=2, bias=False)),
        {
            "front.weight": [[[[1]], [[0]]], [[[0]], [[1]]]],
            "front.bias": [0, 0],
            "c.weight": [[[[2]]], [[[3]]]],
            "out.weight": [[1, 2], [0, 0]],
        },
        [[[[1]], [[3]]]],
        "BIAS",
        "GROUPED_CONV",
    ),
]
"""What a layer can be got wrong by."""
