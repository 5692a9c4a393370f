"""What is trained: one problem as plain arrays, drawn once and given to both sides."""

from typing import NamedTuple

import numpy as np

from refprune.architectures import Architecture
from refprune.arrays import Array, Masks, Params, weights
from refprune.initialisation import initialise
from refprune.network import Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Relu, Shape, build
from refprune.selection import random_masks

MOMENTUM, RATE = 0.9, 0.01
SPARSITY = 0.9


class Problem(NamedTuple):
    """A network, where it starts, a batch, and what is removed."""

    network: Network
    params: Params
    x: Array
    labels: Array
    masks: Masks


def draw(architecture: Architecture, batch: int, *, masked: bool = False) -> Problem:
    """Draw weights, a batch of images in [0, 1) with labels, and masks at random for every weight."""
    rng, (network, shapes) = np.random.default_rng(0), architecture
    example = network[0].shape if isinstance(network[0], Input) else ()
    params = initialise(shapes, rng)
    x, labels = rng.random((batch, *example), np.float32), rng.integers(0, 10, batch)
    prunable = {name: w.shape for name, w in weights(params).items()}
    return Problem(network, params, x, labels, random_masks(prunable, SPARSITY, rng) if masked else {})


def in_float64(given: Problem, examples: int) -> Problem:
    """Return the same problem in float64, on the first examples of the batch."""
    params = {name: w.astype(np.float64) for name, w in given.params.items()}
    return given._replace(params=params, x=given.x[:examples].astype(np.float64), labels=given.labels[:examples])


def conv_4() -> Architecture:
    """Return Conv-4 on 32x32 colour images [Frankle2019]: two by two 3x3 convolutions, three dense layers."""
    same = (1, 1, 1, 1)
    network = build(
        Input("image", (3, 32, 32)),
        Conv2d("conv1", padding=same),
        Relu("relu1"),
        Conv2d("conv2", padding=same),
        Relu("relu2"),
        MaxPool2d("pool1"),
        Conv2d("conv3", padding=same),
        Relu("relu3"),
        Conv2d("conv4", padding=same),
        Relu("relu4"),
        MaxPool2d("pool2"),
        Flatten("flatten"),
        Dense("fc1"),
        Relu("relu5"),
        Dense("fc2"),
        Relu("relu6"),
        Dense("fc3"),
    )
    layers: dict[str, Shape] = {
        "conv1": (64, 3, 3, 3),
        "conv2": (64, 64, 3, 3),
        "conv3": (128, 64, 3, 3),
        "conv4": (128, 128, 3, 3),
        "fc1": (256, 128 * 8 * 8),
        "fc2": (256, 256),
        "fc3": (10, 256),
    }
    shapes = {f"{name}.weight": shape for name, shape in layers.items()}
    return Architecture(network, shapes | {f"{name}.bias": shape[:1] for name, shape in layers.items()})
