"""Single layers, and small networks with one layer in the middle: ragged shapes, odd strides and paddings."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from refprune.arrays import Array
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
    Node,
    Relu,
    Shape,
    Sigmoid,
    Split,
    build,
    values_of,
)
from spec_tests.oracle.layers import windows
from spec_tests.strategies.networks import Drawn

Op = Literal[
    "dense", "conv2d", "grouped_conv2d", "depthwise_conv2d", "batch_norm", "max_pool2d", "avg_pool2d",
    "global_avg_pool2d", "relu", "sigmoid", "dropout", "flatten",
]  # fmt: skip
Join = Literal["add", "concat", "split"]
Kind = Literal["integers", "numbers"]
PARTS = 36
"""A multiple of the number of entries of every window up to 3 by 3: means of multiples of it are integers."""


@dataclass(frozen=True)
class Layer:
    """One layer with what goes through it, one example an entry of the first axis."""

    node: Node
    x: Array  # (N, ...)
    w: Array
    b: Array  # empty: none
    dy: Array  # (N, ...): random, so never all ones
    kept: Array  # (N, ...) bool: what a dropout leaves; all of it elsewhere

    @property
    def shape(self) -> Shape:
        """Return the shape of one output."""
        return self.dy.shape[1:]


def values(rng: np.random.Generator, shape: Shape, kind: Kind, scale: int = 1) -> Array:
    """Draw integers in -3..3 (times `scale`), or numbers in [-1, 1]."""
    return rng.integers(-3, 4, shape) * float(scale) if kind == "integers" else rng.uniform(-1.0, 1.0, shape)


@st.composite
def layers(draw: st.DrawFn, op: Op, kind: Kind, dtype: DTypeLike = np.float64) -> Layer:
    """Draw one layer; `w` and `b` are empty where it has none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    node, example, shape, w_shape = draw(_placed(op, "op", image=draw(_image(op))))
    count = draw(st.integers(1 if op != "batch_norm" else 2, 3))
    scale = _scale(op)
    if op == "batch_norm" and kind == "integers":
        example, x = draw(_exactly_normal())
        count, shape, w_shape = len(x), example, example[:1]
    else:
        x = values(rng, (count, *example), kind, scale)
    drawn = (
        x,
        values(rng, w_shape, kind),
        values(rng, w_shape[:1] if getattr(node, "bias", True) else (0,), kind),
        values(rng, (count, *shape), kind, scale),
    )
    x, w, b, dy = (array.astype(dtype) for array in drawn)
    kept = rng.random(x.shape) < 0.6 if op == "dropout" else np.ones(x.shape, np.bool_)
    return Layer(node, x, w, b, dy, kept)


def _image(op: Op) -> st.SearchStrategy[bool]:
    """Draw whether a layer works on images, where it may."""
    return st.booleans() if op in ("relu", "sigmoid", "dropout", "batch_norm") else st.just(op != "dense")


def _scale(op: Op) -> int:
    """Return of what the entries of integers are multiples, so that means are integers."""
    return PARTS if op in ("avg_pool2d", "global_avg_pool2d") else 1


@st.composite
def _exactly_normal(draw: st.DrawFn) -> tuple[Shape, Array]:
    """Draw a batch (N, C, H, W) of integers in which every channel has the variance 0, 3 or 15.

    With eps = 1 the roots are 1, 2 and 4, and a channel has 4 or 16 entries: every quotient is exact.
    """
    count, *image = draw(
        st.sampled_from(((4, 1, 1), (2, 1, 2), (2, 2, 1), (1, 2, 2), (4, 2, 2), (2, 4, 2), (1, 4, 4), (4, 1, 4)))
    )
    rng, channels = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, 3))
    entries = count * prod(image)
    rows = ([0], [0, 0, 0, 4], [0, 0, 0, -4], [0] * 15 + [16])
    drawn = []
    for _ in range(channels):
        row = draw(st.sampled_from([row for row in rows if entries % len(row) == 0]))
        drawn.append(rng.permutation(np.tile(row, entries // len(row))) + draw(st.integers(-3, 3)))
    x = np.array(drawn, np.float64).reshape(channels, count, *image).swapaxes(0, 1)
    return (channels, *image), np.ascontiguousarray(x)


@st.composite
def _placed(draw: st.DrawFn, op: Op, name: str, *, image: bool) -> tuple[Node, Shape, Shape, Shape]:
    """Draw a node with the shapes of its input, its output and its weight."""
    longest = 3 if op in ("global_avg_pool2d", "batch_norm") else 5
    sides = tuple(draw(st.integers(1, longest)) for _ in range(2))
    example: Shape = (draw(st.integers(1, 3)), *sides) if image else (draw(st.integers(1, 4)),)
    match op:
        case "dense":
            out = draw(st.integers(1, 4))
            return Dense(name), example, (out,), (out, *example)
        case "flatten":
            return Flatten(name), example, (prod(example),), (0,)
        case "batch_norm":
            return BatchNorm(name, eps=1.0), example, example, example[:1]
        case "global_avg_pool2d":
            return GlobalAvgPool2d(name), example, (example[0], 1, 1), (0,)
        case "relu" | "sigmoid":
            return Relu(name) if op == "relu" else Sigmoid(name), example, example, (0,)
        case "dropout":
            return Dropout(name, draw(st.sampled_from((0.5, 0.75, 0.0)))), example, example, (0,)
        case "max_pool2d" | "avg_pool2d":
            size, stride, padding, image_shape = draw(_window(example))
            pool: Any = MaxPool2d if op == "max_pool2d" else AvgPool2d
            return pool(name, size, stride, padding), example, (example[0], *image_shape), (0,)
    return draw(_convolution(op, name, example))


@st.composite
def _window(draw: st.DrawFn, example: Shape) -> tuple[Any, Any, Any, Shape]:
    """Draw size, stride and padding, with the rows and columns behind them."""
    size = (draw(st.integers(1, min(3, example[1]))), draw(st.integers(1, min(3, example[2]))))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    top, bottom = (draw(st.integers(0, size[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, size[1] - 1)) for _ in range(2))
    padding = (top, left, bottom, right)
    rows, columns = (last + 1 for last in max(windows(example[1:], size, stride, padding)))
    return size, stride, padding, (rows, columns)


@st.composite
def _convolution(draw: st.DrawFn, op: Op, name: str, example: Shape) -> tuple[Node, Shape, Shape, Shape]:
    """Draw an ordinary convolution, one with groups, or a depthwise one; the last two with or without a bias."""
    kernel, stride, padding, image = draw(_window(example))
    bias, outputs = draw(st.booleans()), draw(st.integers(1, 3 if op == "conv2d" else 2))
    if op == "conv2d":
        return Conv2d(name, stride, padding), example, (outputs, *image), (outputs, example[0], *kernel)
    if op == "depthwise_conv2d":
        out = outputs * example[0]
        return DepthwiseConv2d(name, stride, padding, bias), example, (out, *image), (out, 1, *kernel)
    groups, reads = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    node, out = Conv2d(name, stride, padding, groups, bias), groups * outputs
    return node, (groups * reads, *example[1:]), (out, *image), (out, reads, *kernel)


@st.composite
def alone(draw: st.DrawFn, op: Op) -> Drawn:
    """Draw a network of integers whose logits are the output of this one layer (and a flatten behind an image)."""
    layer = draw(layers(op, "integers"))
    nodes: list[Node] = [Input("x", layer.x.shape[1:]), layer.node]
    if len(layer.shape) > 1:
        nodes.append(Flatten("logits"))
    return Drawn(build(*nodes), params_of(layer), layer.x, np.zeros(len(layer.x), np.int64))


def params_of(layer: Layer) -> dict[str, Array]:
    """Return the layer's own parameters; a normalisation's running statistics are 1, 2 ... and 0, 3, 15 in turn."""
    if isinstance(layer.node, BatchNorm):
        channels = np.arange(len(layer.w))
        statistics = {"running_mean": channels + 1.0, "running_var": np.array([3.0, 15.0, 0.0, 3.0])[channels]}
        named = {"gamma": layer.w, "beta": layer.b, **statistics}
    else:
        named = {"weight": layer.w, "bias": layer.b}
    return {f"op.{part}": array for part, array in named.items() if array.size}


@st.composite
def between(draw: st.DrawFn, op: Op, kind: Kind) -> Drawn:
    """Draw the layer between a layer with weights and a dense layer: neither the first nor the last."""
    image = draw(_image(op))
    node, example, shape, w_shape = draw(_placed(op, "op", image=image))
    count, classes = draw(st.integers(1 if op != "batch_norm" else 2, 3)), draw(st.integers(2, 3))
    shapes: dict[str, Shape] = {"front.weight": (example[0], 2, 1, 1) if image else (example[0], 2)}
    nodes: list[Node] = [Input("x", (2, *example[1:])), Conv2d("front") if image else Dense("front"), node]
    if len(shape) > 1:
        nodes.append(Flatten("flat"))
    if w_shape[0] and op != "batch_norm":
        shapes["op.weight"] = w_shape
    shapes["out.weight"] = (classes, prod(shape))
    shapes |= {name.replace("weight", "bias"): weight[:1] for name, weight in shapes.items()}
    if op == "batch_norm":
        shapes |= {f"op.{part}": w_shape for part in ("gamma", "beta", "running_mean", "running_var")}
    if not getattr(node, "bias", True):
        del shapes["op.bias"]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # The entries that reach an average are multiples of PARTS, so that its means are integers.
    scale = _scale(op)
    params = {name: values(rng, shape, kind, scale if name == "front.bias" else 1) for name, shape in shapes.items()}
    x = values(rng, (count, 2, *example[1:]), kind, scale)
    drawn = Drawn(build(*nodes, Dense("out")), params, x, rng.integers(0, classes, count))
    return drawn if kind == "integers" else gentle(drawn, rng)


@st.composite
def joined(draw: st.DrawFn, op: Join, kind: Kind) -> Drawn:
    """Draw two layers with weights whose values are joined, or whose sum is split, and a dense layer behind them.

    Two inputs or three, the same one twice too; the parts of a split are read in any order, or not at all.
    """
    image = (draw(st.integers(1, 3)), draw(st.integers(1, 3))) if draw(st.booleans()) else ()
    widths = [draw(st.integers(1, 3))] * 2 if op != "concat" else [draw(st.integers(1, 3)) for _ in range(2)]
    layer: Any = Conv2d if image else Dense
    shapes: dict[str, Shape] = {"a.weight": (widths[0], 2, *[1] * len(image))}
    shapes["b.weight"] = (widths[1], 2, *[1] * len(image))
    nodes: list[Node] = [Input("x", (2, *image)), layer("a"), layer("b", inputs=("x",))]
    if op == "add":
        nodes.append(Add("op", draw(st.sampled_from((("a", "b"), ("b", "a"), ("a", "a"), ("b", "a", "b"))))))
    if op in ("concat", "split"):
        order = draw(st.sampled_from((("a", "b"), ("b", "a"), ("b", "b"), ("a", "b", "a"))))
        nodes.append(Concat("op", order))
    channels = widths[0] if op == "add" else sum(widths["ab".index(name)] for name in nodes[-1].inputs)
    if op == "split":
        channels = _draw_split(draw, nodes, channels)
    if image:
        nodes.append(Flatten("flat"))
    count, classes = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    shapes["out.weight"] = (classes, channels * prod(image))
    shapes |= {name.replace("weight", "bias"): weight[:1] for name, weight in shapes.items()}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = {name: values(rng, shape, kind) for name, shape in shapes.items()}
    x, labels = values(rng, (count, 2, *image), kind), rng.integers(0, classes, count)
    drawn = Drawn(build(*nodes, Dense("out")), params, x, labels)
    return drawn if kind == "integers" else gentle(drawn, rng)


def _draw_split(draw: st.DrawFn, nodes: list[Node], channels: int) -> int:
    """Append a split into two parts and a concatenation of some of them; return how many channels come out."""
    first = draw(st.integers(1, channels - 1))
    node = Split("parts", (first, channels - first), (nodes[-1].name,))
    read = draw(st.sampled_from(((1, 0), (0, 1), (1, 1), (0, 0), (1, 0, 1))))
    nodes += [node, Concat("again", tuple(values_of(node)[part] for part in read))]
    return sum(node.sizes[part] for part in read)


def gentle(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Return the network with numbers that stay small: |x| <= 1, |b| <= 1, |w| <= 1 / fan_in.

    Then |value| <= l + 1 behind l layers with weights, and no layer makes a change larger: see
    `differences` in requirements/test_ops.py, whose bound rests on this.
    """
    params = {
        name: rng.uniform(-1.0, 1.0, array.shape) / (prod(array.shape[1:]) if array.ndim > 1 else 1)
        for name, array in drawn.params.items()
    }
    params = {name: abs(array) if name.endswith("running_var") else array for name, array in params.items()}
    return replace(drawn, params=params, x=rng.uniform(-1.0, 1.0, drawn.x.shape))
