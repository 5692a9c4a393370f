"""Small chains with their parameters, examples and labels.

Integers where exactness matters: with entries in -2..2 and these sizes every sum of products stays far below
2^24, so forward passes are exact in float32 and float64 and in any order of summation.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from refprune.arrays import Array
from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Node, Relu, build

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Drawn:
    """A network with everything needed to run it: x (N, ...), labels (N,)."""

    network: Network
    params: dict[str, Array]
    x: Array
    labels: Array


@st.composite
def chains(
    draw: st.DrawFn, dtype: DTypeLike = np.float64, *, integers: bool = True, images: bool | None = None
) -> Drawn:
    """Draw a chain: maybe convolutions and pools, then one to three dense layers, ReLU here and there."""
    nodes: list[Node] = []
    shapes: dict[str, Shape] = {}
    if draw(st.booleans()) if images is None else images:
        shape: Shape = (draw(st.integers(1, 2)), draw(st.integers(3, 6)), draw(st.integers(3, 6)))
        nodes.append(Input("image", shape))
        for number in range(1, draw(st.integers(1, 2)) + 1):
            shape = _draw_block(draw, nodes, shapes, number, shape)
        nodes.append(Flatten("flatten"))
        features = int(np.prod(shape))
    else:
        features = draw(st.integers(1, 4))
        nodes.append(Input("image", (features,)))
    for number in range(1, draw(st.integers(1, 3)) + 1):
        width = draw(st.integers(2, 4))
        nodes.append(Dense(f"fc{number}"))
        shapes |= {f"fc{number}.weight": (width, features), f"fc{number}.bias": (width,)}
        features = width
        if draw(st.booleans()):
            nodes.append(Relu(f"fc{number}_relu"))
    network = build(*nodes, Dense("out"))
    classes = draw(st.integers(2, 3))
    shapes |= {"out.weight": (classes, features), "out.bias": (classes,)}
    first = network[0]
    assert isinstance(first, Input)
    return fill(network, shapes, first.shape, classes, draw(st.integers(0, 2**32 - 1)), dtype, integers=integers)


def _draw_block(draw: st.DrawFn, nodes: list[Node], shapes: dict[str, Shape], number: int, shape: Shape) -> Shape:
    """Append a convolution, maybe a ReLU, maybe a pool; return the shape behind them."""
    channels, height, width = shape
    kernel = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    top, bottom = (draw(st.integers(0, kernel[0] - 1)) for _ in range(2))
    left, right = (draw(st.integers(0, kernel[1] - 1)) for _ in range(2))
    name, out = f"conv{number}", draw(st.integers(1, 3))
    nodes.append(Conv2d(name, stride, (top, left, bottom, right)))
    shapes |= {f"{name}.weight": (out, channels, *kernel), f"{name}.bias": (out,)}
    height = (height + top + bottom - kernel[0]) // stride[0] + 1
    width = (width + left + right - kernel[1]) // stride[1] + 1
    if draw(st.booleans()):
        nodes.append(Relu(f"{name}_relu"))
    if min(height, width) >= 2 and draw(st.booleans()):
        padding = (draw(st.integers(0, 1)), 0, 0, draw(st.integers(0, 1)))
        pools: list[Node] = [kind(f"{name}_pool", (2, 2), (2, 1), padding) for kind in (MaxPool2d, AvgPool2d)]
        nodes.append(draw(st.sampled_from(pools)))
        height, width = (height + padding[0] - 2) // 2 + 1, width + padding[3] - 2 + 1
    return out, height, width


def fill(
    network: Network,
    shapes: dict[str, Shape],
    example: Shape,
    classes: int,
    seed: int,
    dtype: DTypeLike,
    *,
    integers: bool,
) -> Drawn:
    """Fill a network with values from a seed: integers in -2..2, or normal numbers."""
    rng = np.random.default_rng(seed)

    def values(shape: Shape) -> Array:
        drawn: Array = rng.integers(-2, 3, shape) if integers else rng.normal(size=shape)
        return drawn.astype(dtype)

    count = int(rng.integers(1, 4))
    params = {name: values(shape) for name, shape in shapes.items()}
    return Drawn(network, params, values((count, *example)), rng.integers(0, classes, count))


@st.composite
def masks_of(draw: st.DrawFn, params: dict[str, Array]) -> dict[str, Array]:
    """Draw masks for some of the parameters, biases included; a missing one is dense."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from((0.0, 0.3, 0.7, 1.0)))
    return {name: rng.random(array.shape) < density for name, array in params.items() if rng.random() < 0.7}
