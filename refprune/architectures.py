"""The named networks: records and the shapes of their parameters.

Specification: docs/spec/architectures.md.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import NamedTuple

from refprune.errors import InvalidInput, check_integer
from refprune.network import Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Relu, Shape, build


class Architecture(NamedTuple):
    """A network and the shapes its parameters start with."""

    network: Network
    shapes: dict[str, Shape]


def lenet_300_100(example: Shape = (1, 28, 28), classes: int = 10) -> Architecture:
    """Return in-300-100-classes with ReLU: 266,610 parameters and 266,200 MACs on 28x28 [LeCun1998]."""
    network = build(
        Input("image", example),
        Flatten("flatten"),
        Dense("fc1"),
        Relu("relu1"),
        Dense("fc2"),
        Relu("relu2"),
        Dense("fc3"),
    )
    features = prod(example)
    return Architecture(network, _shapes(fc1=(300, features), fc2=(100, 300), fc3=(classes, 100)))  # ARC-01


def lenet_5(example: Shape = (1, 28, 28), classes: int = 10) -> Architecture:
    """Return Caffe's LeNet-5: no ReLU after the convolutions; 431,080 parameters, 2,293,000 MACs on 28x28.

    conv 20 5x5, max-pool 2, conv 50 5x5, max-pool 2, fc 500, ReLU, fc 10; no padding.
    """
    network = build(
        Input("image", example),
        Conv2d("conv1"),
        MaxPool2d("pool1"),
        Conv2d("conv2"),
        MaxPool2d("pool2"),
        Flatten("flatten"),
        Dense("fc1"),
        Relu("relu1"),
        Dense("fc2"),
    )
    _check_images("lenet-5", example, 16)  # two 5x5 kernels and two pools leave one pixel
    side_h, side_w = (((n - 4) // 2 - 4) // 2 for n in example[1:])
    convolutions = {"conv1": (20, example[0], 5, 5), "conv2": (50, 20, 5, 5)}
    dense = {"fc1": (500, 50 * side_h * side_w), "fc2": (classes, 500)}
    return Architecture(network, _shapes(**convolutions, **dense))  # ARC-02


def cnn_8x8(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return a small CNN: conv 16 3x3 padded, ReLU, conv 32 3x3 padded, ReLU, max-pool 2, fc 64, ReLU, fc 10."""
    same = (1, 1, 1, 1)
    network = build(
        Input("image", example),
        Conv2d("conv1", padding=same),
        Relu("relu1"),
        Conv2d("conv2", padding=same),
        Relu("relu2"),
        MaxPool2d("pool"),
        Flatten("flatten"),
        Dense("fc1"),
        Relu("relu3"),
        Dense("fc2"),
    )
    _check_images("cnn-8x8", example, 2)
    pixels = (example[1] // 2) * (example[2] // 2)
    convolutions = {"conv1": (16, example[0], 3, 3), "conv2": (32, 16, 3, 3)}
    return Architecture(network, _shapes(**convolutions, fc1=(64, 32 * pixels), fc2=(classes, 64)))  # ARC-03


ARCHITECTURES: Mapping[str, Callable[[Shape, int], Architecture]] = {
    "lenet-300-100": lenet_300_100,
    "lenet-5": lenet_5,
    "cnn-8x8": cnn_8x8,
}
"""What the command line calls each network: (shape of one example, classes) -> architecture."""


def _check_images(name: str, example: Shape, least: int) -> None:
    """Refuse examples that are not images of `least` rows and columns or more."""
    if len(example) != 3 or min(example[1:]) < least:
        raise InvalidInput(name, f"examples of shape {example}", f"(C, H, W) with H and W >= {least}")  # ARC-04


def _shapes(**weights: Shape) -> dict[str, Shape]:
    """Return the weight and bias shapes of layers, given their weights'; the last has a row for each class."""
    *_, last = weights.values()
    check_integer("classes", last[0], 1)  # ARC-04
    return {
        name: shape
        for layer, weight in weights.items()
        for name, shape in ((f"{layer}.weight", weight), (f"{layer}.bias", weight[:1]))
    }
