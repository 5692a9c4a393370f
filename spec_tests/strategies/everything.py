"""One network with every record and most of their fields, to be taken to another library and back."""

import numpy as np
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
    Network,
    Relu,
    Shape,
    Sigmoid,
    Split,
    build,
)
from spec_tests.strategies.networks import Drawn

SAME = (1, 1, 1, 1)
EVERYTHING: Network = build(
    Input("x", (3, 9, 8)),
    Conv2d("conv1", (1, 2), (2, 0, 1, 1)),
    BatchNorm("norm1"),
    Relu("relu1"),
    Split("parts", (4, 4, 4)),
    Conv2d("conv2", padding=SAME, bias=False, inputs=("parts[0]",)),
    Conv2d("again", padding=SAME, bias=False, shares="conv2"),
    DepthwiseConv2d("depth", (1, 1), SAME, inputs=("parts[1]",)),
    Add("both", inputs=("depth", "parts[2]", "parts[1]")),
    Concat("joined", inputs=("again", "both", "parts[2]")),
    Conv2d("grouped", (1, 1), (0, 0, 1, 0), groups=2),
    AvgPool2d("mean", (2, 2), (1, 2), (1, 1, 0, 0)),
    MaxPool2d("max", (2, 1), (1, 1), (1, 0, 0, 0)),
    GlobalAvgPool2d("pixel", inputs=("grouped",)),
    Flatten("pixels"),
    Flatten("flat", inputs=("max",)),
    Dropout("drop", 0.3),
    Dense("fc1"),
    BatchNorm("norm2", 1e-3, 0.01),
    Sigmoid("soft"),
    Add("sum", inputs=("soft", "pixels")),
    Dense("fc2"),
    Relu("relu2"),
    Dense("fc3", shares="fc2"),
    Dense("out", bias=False),
)
SHAPES: dict[str, Shape] = {
    "conv1.weight": (12, 3, 3, 2),
    "conv1.bias": (12,),
    **{f"norm1.{part}": (12,) for part in ("gamma", "beta", "running_mean", "running_var")},
    "conv2.weight": (4, 4, 3, 3),
    "depth.weight": (4, 1, 3, 3),
    "depth.bias": (4,),
    "grouped.weight": (6, 6, 3, 1),
    "grouped.bias": (6,),
    "fc1.weight": (6, 108),
    "fc1.bias": (6,),
    **{f"norm2.{part}": (6,) for part in ("gamma", "beta", "running_mean", "running_var")},
    "fc2.weight": (6, 6),
    "fc2.bias": (6,),
    "out.weight": (4, 6),
}


def everything(seed: int, dtype: DTypeLike) -> Drawn:
    """Return the network with five examples, all normal; weights keep the size of what they read."""
    rng = np.random.default_rng(seed)
    params = {name: _values(rng, name, shape).astype(dtype) for name, shape in SHAPES.items()}
    return Drawn(EVERYTHING, params, rng.normal(size=(5, 3, 9, 8)).astype(dtype), rng.integers(0, 4, 5))


def _values(rng: np.random.Generator, name: str, shape: Shape) -> Array:
    if name.endswith(".running_var"):
        return rng.uniform(0.5, 2.0, shape)
    return rng.normal(scale=np.prod(shape[1:]) ** -0.5, size=shape)
