"""Single layers, and small networks with one layer in the middle: ragged shapes, odd strides and paddings."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from refprune.arrays import Array
from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, Input, MaxPool2d, Node, Relu, Shape, build
from spec_tests.oracle.layers import windows
from spec_tests.strategies.networks import Drawn

Op = Literal["dense", "conv2d", "max_pool2d", "avg_pool2d", "relu", "flatten"]
Kind = Literal["integers", "numbers"]
PARTS = 36
"""A multiple of the number of entries of every window up to 3 by 3: means of multiples of it are integers."""


@dataclass(frozen=True)
class Layer:
    """One layer with what goes through it, one example an entry of the first axis."""

    node: Node
    x: Array  # (N, ...)
    w: Array
    b: Array
    dy: Array  # (N, ...): random, so never all ones

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
    image = op not in ("dense", "relu") or (op == "relu" and draw(st.booleans()))
    node, example, shape, w_shape = draw(_placed(op, "op", image=image))
    count = draw(st.integers(1, 3))
    scale = PARTS if op == "avg_pool2d" else 1
    drawn = (
        values(rng, (count, *example), kind, scale),
        values(rng, w_shape, kind),
        values(rng, w_shape[:1], kind),
        values(rng, (count, *shape), kind, scale),
    )
    x, w, b, dy = (array.astype(dtype) for array in drawn)
    return Layer(node, x, w, b, dy)


@st.composite
def _placed(draw: st.DrawFn, op: Op, name: str, *, image: bool) -> tuple[Node, Shape, Shape, Shape]:
    """Draw a node with the shapes of its input, its output and its weight."""
    example: Shape = tuple(draw(st.integers(1, 5)) for _ in range(2))
    example = (draw(st.integers(1, 3)), *example) if image else (draw(st.integers(1, 4)),)
    if op == "dense":
        out = draw(st.integers(1, 4))
        return Dense(name), example, (out,), (out, *example)
    if op == "relu":
        return Relu(name), example, example, (0,)
    if op == "flatten":
        return Flatten(name), example, (prod(example),), (0,)
    size = (draw(st.integers(1, min(3, example[1]))), draw(st.integers(1, min(3, example[2]))))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    top, bottom = (draw(st.integers(0, size[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, size[1] - 1)) for _ in range(2))
    padding = (top, left, bottom, right)
    rows, columns = (last + 1 for last in max(windows(example[1:], size, stride, padding)))
    if op == "conv2d":
        out = draw(st.integers(1, 3))
        return Conv2d(name, stride, padding), example, (out, rows, columns), (out, example[0], *size)
    pool: Any = MaxPool2d if op == "max_pool2d" else AvgPool2d
    return pool(name, size, stride, padding), example, (example[0], rows, columns), (0,)


@st.composite
def alone(draw: st.DrawFn, op: Op) -> Drawn:
    """Draw a network of integers whose logits are the output of this one layer (and a flatten behind an image)."""
    layer = draw(layers(op, "integers"))
    nodes: list[Node] = [Input("x", layer.x.shape[1:]), layer.node]
    if len(layer.shape) > 1:
        nodes.append(Flatten("logits"))
    params = {"op.weight": layer.w, "op.bias": layer.b} if layer.w.size else {}
    return Drawn(build(*nodes), params, layer.x, np.zeros(len(layer.x), np.int64))


@st.composite
def between(draw: st.DrawFn, op: Op, kind: Kind) -> Drawn:
    """Draw the layer between a layer with weights and a dense layer: neither the first nor the last."""
    image = op not in ("dense", "relu") or (op == "relu" and draw(st.booleans()))
    node, example, shape, w_shape = draw(_placed(op, "op", image=image))
    count, classes = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    shapes: dict[str, Shape] = {"front.weight": (example[0], 2, 1, 1) if image else (example[0], 2)}
    nodes: list[Node] = [Input("x", (2, *example[1:])), Conv2d("front") if image else Dense("front"), node]
    if len(shape) > 1:
        nodes.append(Flatten("flat"))
    if w_shape[0]:
        shapes["op.weight"] = w_shape
    shapes["out.weight"] = (classes, prod(shape))
    shapes |= {name.replace("weight", "bias"): weight[:1] for name, weight in shapes.items()}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # The entries that reach an average-pool are multiples of PARTS, so that its means are integers.
    scale = PARTS if op == "avg_pool2d" else 1
    params = {name: values(rng, shape, kind, scale if name == "front.bias" else 1) for name, shape in shapes.items()}
    x = values(rng, (count, 2, *example[1:]), kind, scale)
    drawn = Drawn(build(*nodes, Dense("out")), params, x, rng.integers(0, classes, count))
    return drawn if kind == "integers" else gentle(drawn, rng)


def gentle(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Return the network with numbers that stay small: |x| <= 1, |b| <= 1, |w| <= 1 / fan_in.

    Then |value| <= l + 1 behind l layers with weights, and no layer makes a change larger: see
    `differences` in requirements/test_ops.py, whose bound rests on this.
    """
    params = {
        name: rng.uniform(-1.0, 1.0, array.shape) / (prod(array.shape[1:]) if array.ndim > 1 else 1)
        for name, array in drawn.params.items()
    }
    return replace(drawn, params=params, x=rng.uniform(-1.0, 1.0, drawn.x.shape))
