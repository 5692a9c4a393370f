"""VGG with batch norm: blocks of convolutions, each block ending in a max-pool, and one dense layer.

Specification: docs/spec/architectures.md.
"""

from refprune.architectures.architecture import (
    Architecture,
    Step,
    Steps,
    assemble,
    check_images,
    conv_norm_relu,
    dense,
)
from refprune.errors import check_integer
from refprune.network import Flatten, Input, MaxPool2d, Shape

Plan = tuple[tuple[int, ...], ...]
"""Block -> the output channels of each of its convolutions."""
VGG_16: Plan = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Configuration D of [Simonyan2015]."""
VGG_8: Plan = ((16, 16), (32, 32), (64, 64, 64))
"""Seven convolutions and a dense layer, for images of 8 rows and columns."""


def vgg(plan: Plan, example: Shape, classes: int = 10, *, bias: bool = False) -> Architecture:
    """Return conv 3x3 padded, batch norm, ReLU for each number of the plan, max-pool 2 after each block, one dense.

    [Simonyan2015], with batch norm [Ioffe2015]. Convolutions have no bias: batch norm takes it out again with
    the mean. `bias` puts it in, as torchvision does.

    Raises:
        InvalidInput: a width below 1, or images of which the pools leave nothing.
    """
    check_images("vgg", example, 2 ** len(plan))
    steps: Steps = (Step(Input("image", example)),)
    channels, number = example[0], 0
    for block, widths in enumerate(plan, start=1):
        for width in widths:
            number += 1
            steps += conv_norm_relu(f"conv{number}", channels, check_integer("plan", width, 1), bias=bias)
            channels = width
        steps += (Step(MaxPool2d(f"pool{block}")),)
    pixels = (example[1] // 2 ** len(plan)) * (example[2] // 2 ** len(plan))
    return assemble(*steps, Flatten("flatten"), dense("fc", channels * pixels, classes))  # ARC-05


def vgg_16(example: Shape = (3, 32, 32), classes: int = 10) -> Architecture:
    """Return VGG-16 for CIFAR: 13 convolutions, one dense 512; 14,724,042 parameters, 313,201,664 MACs."""
    return vgg(VGG_16, example, classes)  # ARC-05


def vgg_8(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return the small one for 8 x 8 digits: 7 convolutions, one dense 64; 109,658 parameters, 747,136 MACs."""
    return vgg(VGG_8, example, classes)  # ARC-05
