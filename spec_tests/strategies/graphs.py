"""Small networks over every op, with parameters on which every sum is exact.

Parameters are integers, variances 0, 3 and 15 with eps 1 (roots 1, 2, 4), averages are over 1, 2, 4 ... entries: every
number on the way is a multiple of a power of two. `peak` bounds all of them, in units of the smallest such power, and
`graphs` draws no network beyond 2^53 (2^24 in float32): any order of summation gives the same bits.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
from hypothesis import assume
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
    owner,
    parameters,
    values_of,
)
from spec_tests.applicability import used
from spec_tests.strategies.exact import POWERS, peak
from spec_tests.strategies.networks import Drawn

Window = tuple[int, int]
EXACT_OPS = frozenset(
    {
        "dense", "conv2d", "grouped_conv2d", "shared", "depthwise_conv2d", "batch_norm", "max_pool2d", "avg_pool2d",
        "global_avg_pool2d", "relu", "dropout", "flatten", "add", "concat", "split", "no_bias",
        "unused",
    }
)  # fmt: skip
"""What `graphs` draws, in the words of `Declaration.ops`."""
ALL_OPS = EXACT_OPS | {"sigmoid"}


@dataclass
class _Sketch:
    """What has been drawn so far."""

    ops: frozenset[str]
    nodes: list[Node]
    values: dict[str, Shape]
    """Value -> its shape, in order."""
    arrays: dict[str, Shape] = field(default_factory=dict)
    """Parameter -> its shape."""

    def name(self, stem: str) -> str:
        """Return a new name."""
        return f"{stem}{len(self.nodes)}"

    def put(self, node: Any, *outputs: Shape, weight: Shape = ()) -> str:
        """Append a node with the shapes of its values and of its weight, and return the name of its last value."""
        self.nodes.append(node)
        self.values |= dict(zip(values_of(node), outputs, strict=True))
        if isinstance(node, BatchNorm):
            self.arrays |= dict.fromkeys(parameters(node), outputs[0][:1])
        elif owner(node) == node.name:
            self.arrays |= {name: weight if name.endswith("weight") else weight[:1] for name in parameters(node)}
        return values_of(node)[-1]

    def alike(self, value: str, *, channels: bool) -> list[str]:
        """Return the values of the same shape, or of the same rows and columns."""
        start = 0 if channels else 1
        shape = self.values[value]
        return [other for other, own in self.values.items() if len(own) == len(shape) and own[start:] == shape[start:]]


Step = Callable[[st.DrawFn, _Sketch, str], object]
"""Append a node, or some, that read a value."""


class _Op(NamedTuple):
    """A step, and whether it can read a value of this shape."""

    step: Step
    fits: Callable[[Shape], bool]


@st.composite
def graphs(
    draw: st.DrawFn,
    ops: Iterable[str] = EXACT_OPS,
    dtype: DTypeLike = np.float64,
    *,
    exact: bool = True,
    steps: int = 9,
    often: str = "",
) -> Drawn:
    """Draw a network of these ops, with dense and flatten whatever is said: up to `steps` of them, then a dense layer.

    Every other step is the op that is named to be there `often`, wherever it fits.
    With `exact` no sigmoid is drawn and every sum is exact; without it parameters are normal numbers.
    """
    known = frozenset(ops) & (EXACT_OPS if exact else ALL_OPS) | {"dense", "flatten"}
    images = "conv2d" in known and draw(st.integers(0, 3)) > 0
    shape: Shape = tuple(draw(st.integers(2, 4)) for _ in range(3 if images else 1))
    sketch = _Sketch(known, [Input("x", shape)], {"x": shape})
    (_conv2d if images else _dense)(draw, sketch, "x")
    for _ in range(draw(st.integers(0, steps))):
        _draw_step(draw, sketch, often)
    classes = draw(st.integers(2, 3))
    _draw_end(draw, sketch, classes)
    if "unused" not in known:
        _drop_unused(sketch)
    drawn = _filled(sketch, classes, draw(st.integers(0, 2**32 - 1)), dtype, exact=exact)
    assume(not exact or peak(drawn.network, drawn.params, drawn.x) < 2 ** (np.finfo(np.dtype(dtype)).nmant + 1))
    return drawn


def _draw_step(draw: st.DrawFn, sketch: _Sketch, often: str) -> None:
    """Append a step that reads the last value, or another one."""
    names = [*sketch.values]
    forks = sketch.ops & {"add", "concat", "split"} and not draw(st.integers(0, 2))
    value = draw(st.sampled_from(names)) if forks else names[-1]
    likely = "relu" if draw(st.integers(0, 2)) else "flatten"  # what is flat stays flat: not too early
    known = sketch.ops - {"relu", "flatten"} | (sketch.ops & {likely})
    fitting = [op for op in OPS if op in known and OPS[op].fits(sketch.values[value])]
    often_now = often in fitting and draw(st.booleans())
    OPS[often if often_now else draw(st.sampled_from(fitting))].step(draw, sketch, value)


def _draw_end(draw: st.DrawFn, sketch: _Sketch, classes: int) -> None:
    """Append the layer of the logits: it reads the last value and maybe others; the rest stays unread."""
    names = [*sketch.values]
    read = [name for name in names[1:-1] if "concat" in sketch.ops and not draw(st.integers(0, 2))][-2:]
    flat = [_flat(sketch, name) for name in draw(st.permutations([*read, names[-1]]))]
    features = sum(sketch.values[name][0] for name in flat)
    if len(flat) > 1:
        flat = [sketch.put(Concat(sketch.name("concat"), inputs=tuple(flat)), (features,))]
    sketch.put(Dense("out", inputs=(flat[0],)), (classes,), weight=(classes, features))


def _flat(sketch: _Sketch, value: str) -> str:
    """Return the value, behind a flatten if it is an image."""
    shape = sketch.values[value]
    if len(shape) == 1:
        return value
    return sketch.put(Flatten(sketch.name("flatten"), inputs=(value,)), (prod(shape),))


def _drop_unused(sketch: _Sketch) -> None:
    """Leave out what no logit depends on; the owner of parameters that are used stays, so it has to be used, too."""
    sketch.nodes = used(sketch.nodes)
    assume({owner(node) for node in sketch.nodes} <= {node.name for node in sketch.nodes})
    names = {name for node in sketch.nodes for name in parameters(node)}
    sketch.arrays = {name: shape for name, shape in sketch.arrays.items() if name in names}


# Layers


def _dense(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    return _dense_to(draw, sketch, value, draw(_widths()))


def _dense_to(draw: st.DrawFn, sketch: _Sketch, value: str, out: int) -> str:
    node = Dense(sketch.name("fc"), _bias(draw, sketch), inputs=(value,))
    return sketch.put(node, (out,), weight=(out, *sketch.values[value]))


def _bias(draw: st.DrawFn, sketch: _Sketch) -> bool:
    return "no_bias" not in sketch.ops or draw(st.booleans())


def _conv2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    return _conv(draw, sketch, value, 1, draw(_widths()))


def _widths() -> st.SearchStrategy[int]:
    return st.sampled_from((2, 3, 4, 1))


def _grouped_conv2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append a convolution of two groups or more, also of as many groups as channels."""
    channels = sketch.values[value][0]
    groups = draw(st.sampled_from([number for number in range(2, channels + 1) if channels % number == 0]))
    return _conv(draw, sketch, value, groups, groups * draw(st.integers(1, 2)))


def _conv(draw: st.DrawFn, sketch: _Sketch, value: str, groups: int, out: int) -> str:
    channels, *image = sketch.values[value]
    kernel, stride, padding = draw(_windows(image))
    node = Conv2d(sketch.name("conv"), stride, padding, groups, _bias(draw, sketch), inputs=(value,))
    outputs = (out, *_positions(image, kernel, stride, padding))
    return sketch.put(node, outputs, weight=(out, channels // groups, *kernel))


def _depthwise_conv2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    channels, *image = sketch.values[value]
    kernel, stride, padding = draw(_windows(image))
    node = DepthwiseConv2d(sketch.name("depthwise"), stride, padding, _bias(draw, sketch), inputs=(value,))
    out = channels * draw(st.integers(1, 2))
    return sketch.put(node, (out, *_positions(image, kernel, stride, padding)), weight=(out, 1, *kernel))


def _shared(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append a layer with the parameters of an earlier one, where one fits; else a layer with its own."""
    shape = sketch.values[value]
    owners = [node for node in sketch.nodes if isinstance(node, Dense | Conv2d) and not node.shares]
    fitting = [node for node in owners if _fits(node, sketch.arrays[f"{node.name}.weight"], shape)]
    if not fitting:
        return (_dense if len(shape) == 1 else _conv2d)(draw, sketch, value)
    source = draw(st.sampled_from(fitting))
    weight, name = sketch.arrays[f"{source.name}.weight"], sketch.name("shared")
    if isinstance(source, Dense):
        return sketch.put(replace(source, name=name, shares=source.name, inputs=(value,)), weight[:1])
    positions = _positions(shape[1:], weight[2:], source.stride, source.padding)
    groups = shape[0] // weight[1]
    node = replace(source, name=name, shares=source.name, groups=groups, inputs=(value,))
    return sketch.put(node, (weight[0], *positions))


def _fits(source: Dense | Conv2d, weight: Shape, shape: Shape) -> bool:
    """Say whether a layer with this weight can read a value of this shape, with some number of groups."""
    if isinstance(source, Dense):
        return shape == weight[1:]
    if len(shape) == 1 or shape[0] % weight[1] or weight[0] % (shape[0] // weight[1]):
        return False
    return min(_positions(shape[1:], weight[2:], source.stride, source.padding)) >= 1


def _batch_norm(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    momentum = draw(st.sampled_from((0.5, 0.25, 0.0)))
    node = BatchNorm(sketch.name("norm"), eps=1.0, momentum=momentum, inputs=(value,))
    return sketch.put(node, sketch.values[value])


# Steps without parameters


def _max_pool2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    channels, *image = sketch.values[value]
    size, stride, padding = draw(_windows(image))
    node = MaxPool2d(sketch.name("pool"), size, stride, padding, (value,))
    return sketch.put(node, (channels, *_positions(image, size, stride, padding)))


def _avg_pool2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append an average over 1, 2 or 4 rows and columns, without padding."""
    channels, *image = sketch.values[value]
    size = tuple(draw(st.sampled_from([side for side in (1, 2, 4) if side <= length])) for length in image)
    node = AvgPool2d(sketch.name("average"), (size[0], size[1]), draw(_strides()), inputs=(value,))
    return sketch.put(node, (channels, *_positions(image, node.size, node.stride, node.padding)))


def _global_avg_pool2d(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:  # noqa: ARG001  every step has the same arguments
    node = GlobalAvgPool2d(sketch.name("mean"), (value,))
    return sketch.put(node, (sketch.values[value][0], 1, 1))


def _flatten(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:  # noqa: ARG001
    node = Flatten(sketch.name("flatten"), (value,))
    return sketch.put(node, (prod(sketch.values[value]),))


def _same(kind: Any, stem: str) -> Step:
    def step(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:  # noqa: ARG001
        return sketch.put(kind(sketch.name(stem), inputs=(value,)), sketch.values[value])

    return step


def _add(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append a sum with values of the same shape, with itself, or with a layer made for it; two of them or three."""
    if draw(st.booleans()):
        _branch(draw, sketch, value)
    others = draw(st.lists(st.sampled_from(_last(sketch.alike(value, channels=True))), min_size=1, max_size=2))
    node = Add(sketch.name("add"), tuple(draw(st.permutations([value, *others]))))
    return sketch.put(node, sketch.values[value])


def _branch(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append a layer that makes the shape of this value out of another one, where it can."""
    shape = sketch.values[value]
    source = draw(st.sampled_from(_last(sketch.alike(value, channels=False))))
    if len(shape) == 1:
        return _dense_to(draw, sketch, source, shape[0])
    if "conv2d" not in sketch.ops:
        return value
    node = Conv2d(sketch.name("conv"), bias=_bias(draw, sketch), inputs=(source,))
    return sketch.put(node, shape, weight=(shape[0], sketch.values[source][0], 1, 1))


def _concat(draw: st.DrawFn, sketch: _Sketch, value: str) -> str:
    """Append a concatenation with values of the same rows and columns, the same one twice too, in any order."""
    alike = _last(sketch.alike(value, channels=False))
    read = draw(st.permutations([value, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))]))
    channels = sum(sketch.values[name][0] for name in read)
    return sketch.put(Concat(sketch.name("concat"), tuple(read)), (channels, *sketch.values[value][1:]))


def _last(values: list[str]) -> list[str]:
    """Return the last values first: what is drawn most is what came last."""
    return values[::-1][:4]


def _split(draw: st.DrawFn, sketch: _Sketch, value: str) -> object:
    """Append a split into two or three parts, maybe with a concatenation of the parts in another order."""
    channels, *image = sketch.values[value]
    inner = st.sets(st.integers(1, channels - 1), min_size=1, max_size=min(2, channels - 1))
    cuts = [0, *sorted(draw(inner)), channels]
    sizes = tuple(after - before for before, after in pairwise(cuts))
    node = Split(sketch.name("split"), sizes, (value,))
    sketch.put(node, *((size, *image) for size in sizes))
    if "concat" in sketch.ops and draw(st.booleans()):
        order = tuple(draw(st.permutations(values_of(node))))
        sketch.put(Concat(sketch.name("concat"), order), (channels, *image))
    return node


def _is_image(shape: Shape) -> bool:
    return len(shape) == 3


OPS: dict[str, _Op] = {
    "dense": _Op(_dense, lambda shape: len(shape) == 1),
    "conv2d": _Op(_conv2d, _is_image),
    "batch_norm": _Op(_batch_norm, lambda shape: True),  # noqa: ARG005
    "add": _Op(_add, lambda shape: True),  # noqa: ARG005
    "concat": _Op(_concat, lambda shape: shape[0] <= 6),
    "split": _Op(_split, lambda shape: shape[0] > 1),
    "depthwise_conv2d": _Op(_depthwise_conv2d, lambda shape: _is_image(shape) and shape[0] <= 6),
    "grouped_conv2d": _Op(_grouped_conv2d, lambda shape: _is_image(shape) and 2 <= shape[0] <= 6),
    "shared": _Op(_shared, lambda shape: True),  # noqa: ARG005
    "relu": _Op(_same(Relu, "relu"), lambda shape: True),  # noqa: ARG005
    "max_pool2d": _Op(_max_pool2d, _is_image),
    "avg_pool2d": _Op(_avg_pool2d, _is_image),
    "global_avg_pool2d": _Op(_global_avg_pool2d, lambda shape: _is_image(shape) and prod(shape[1:]) in POWERS),
    "flatten": _Op(_flatten, lambda shape: True),  # noqa: ARG005
    "sigmoid": _Op(_same(Sigmoid, "sigmoid"), lambda shape: True),  # noqa: ARG005
    "dropout": _Op(_same(Dropout, "dropout"), lambda shape: True),  # noqa: ARG005
}
"""What may come next."""


# Windows


def _strides() -> st.SearchStrategy[Window]:
    return st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def _windows(draw: st.DrawFn, image: Iterable[int]) -> tuple[Window, Window, tuple[int, int, int, int]]:
    """Draw a window that fits, its stride, and padding less than the window on every side."""
    rows, columns = (draw(st.integers(1, min(3, length))) for length in image)
    top, bottom = (draw(st.integers(0, rows - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, columns - 1)) for _ in range(2))
    return (rows, columns), draw(_strides()), (top, left, bottom, right)


def _positions(image: Iterable[int], size: Iterable[int], stride: Window, padding: tuple[int, int, int, int]) -> Shape:
    """Return how many rows and columns of windows there are."""
    top, left, bottom, right = padding
    sides = zip(image, size, stride, (top + bottom, left + right), strict=True)
    return tuple((length + more - side) // step + 1 for length, side, step, more in sides)


# Numbers


def _filled(sketch: _Sketch, classes: int, seed: int, dtype: DTypeLike, *, exact: bool) -> Drawn:
    """Return the network with parameters, examples and labels from a seed; two examples or three."""
    rng = np.random.default_rng(seed)
    network = build(*sketch.nodes)
    params = {name: _values(rng, name, shape, exact=exact).astype(dtype) for name, shape in sketch.arrays.items()}
    count = int(rng.integers(2, 4))
    shape = (count, *sketch.values["x"])
    x = rng.integers(-2, 3, shape) if exact else rng.normal(size=shape)
    return Drawn(network, params, x.astype(dtype), rng.integers(0, classes, count))


def _values(rng: np.random.Generator, name: str, shape: Shape, *, exact: bool) -> Array:
    """Draw weights in -2..2, and never a 0 for a bias, gamma, beta or mean; variances whose root is a power of two."""
    if not exact:
        return rng.uniform(0.5, 2.0, shape) if name.endswith("running_var") else rng.normal(size=shape)
    if name.endswith("weight"):
        return rng.integers(-2, 3, shape)
    return rng.choice((0, 3, 15) if name.endswith("running_var") else (-2, -1, 1, 2), shape)
