"""Chains without batch norm: LeNet-300-100, LeNet-5, and a small network for 8 x 8 digits.

Specification: docs/spec/architectures.md.
"""

from math import prod

from refprune.architectures.architecture import Architecture, Step, assemble, check_images, conv, dense
from refprune.network import Conv2d, Flatten, Input, MaxPool2d, Relu, Shape


def lenet_300_100(example: Shape = (1, 28, 28), classes: int = 10) -> Architecture:
    """Return in-300-100-classes with ReLU: 266,610 parameters and 266,200 MACs on 28x28 [LeCun1998]."""
    return assemble(
        Input("image", example),
        Flatten("flatten"),
        dense("fc1", prod(example), 300),
        Relu("relu1"),
        dense("fc2", 300, 100),
        Relu("relu2"),
        dense("fc3", 100, classes),
    )  # ARC-01


def lenet_5(example: Shape = (1, 28, 28), classes: int = 10) -> Architecture:
    """Return Caffe's LeNet-5: no ReLU after the convolutions; 431,080 parameters, 2,293,000 MACs on 28x28.

    conv 20 5x5, max-pool 2, conv 50 5x5, max-pool 2, fc 500, ReLU, fc 10; no padding.
    """
    check_images("lenet-5", example, 16)  # two 5x5 kernels and two pools leave one pixel
    rows, columns = (((n - 4) // 2 - 4) // 2 for n in example[1:])
    return assemble(
        Input("image", example),
        Step(Conv2d("conv1"), (20, example[0], 5, 5)),
        MaxPool2d("pool1"),
        Step(Conv2d("conv2"), (50, 20, 5, 5)),
        MaxPool2d("pool2"),
        Flatten("flatten"),
        dense("fc1", 50 * rows * columns, 500),
        Relu("relu1"),
        dense("fc2", 500, classes),
    )  # ARC-02


def cnn_8x8(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return a small CNN: conv 16 3x3 padded, ReLU, conv 32 3x3 padded, ReLU, max-pool 2, fc 64, ReLU, fc 10."""
    check_images("cnn-8x8", example, 2)
    return assemble(
        Input("image", example),
        conv("conv1", example[0], 16, bias=True),
        Relu("relu1"),
        conv("conv2", 16, 32, bias=True),
        Relu("relu2"),
        MaxPool2d("pool"),
        Flatten("flatten"),
        dense("fc1", 32 * (example[1] // 2) * (example[2] // 2), 64),
        Relu("relu3"),
        dense("fc2", 64, classes),
    )  # ARC-03
