"""Small networks with branches: depthwise, concatenations of concatenations, four branches, parts that change places.

Each one is as small as shows its kind, and takes the 8 x 8 digits.
Specification: docs/spec/architectures.md.
"""

from refprune.architectures.architecture import (
    Architecture,
    Step,
    Steps,
    assemble,
    check_images,
    conv,
    conv_norm_relu,
    dense,
    depthwise_norm_relu,
    norm_relu,
)
from refprune.network import AvgPool2d, Concat, Flatten, GlobalAvgPool2d, Input, MaxPool2d, Relu, Shape, Split

GROWTH = 8
"""Channels that each layer of the dense blocks adds."""


def densenet_tiny(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return conv 16, two layers, a transition, two layers, global average, dense [Huang2017].

    A layer is batch norm, ReLU, conv 3x3 of 8 on all that came before, concatenated behind it. The transition is
    batch norm, ReLU, conv 1x1 of half the channels, average-pool 2. 7,034 parameters on 1 x 8 x 8.
    """
    check_images("densenet-tiny", example, 2)
    return assemble(
        Input("image", example),
        conv("conv1", example[0], 16),
        *_layer("layer1", 16, "conv1"),
        *_layer("layer2", 24, "layer1"),
        *norm_relu("transition", 32),
        conv("transition", 32, 16, kernel=1),
        AvgPool2d("transition_pool"),
        *_layer("layer3", 16, "transition_pool"),
        *_layer("layer4", 24, "layer3"),
        *norm_relu("last", 32),
        GlobalAvgPool2d("pool"),
        Flatten("flatten"),
        dense("fc", 32, classes),
    )  # ARC-07


def _layer(name: str, inputs: int, reads: str) -> Steps:
    """Return batch norm, ReLU, conv; then what it read with its output behind, under the name of the layer."""
    return (
        *norm_relu(name, inputs, (reads,)),
        conv(f"{name}_conv", inputs, GROWTH),
        Step(Concat(name, (reads, f"{name}_conv"))),
    )


def mobilenet_tiny(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return conv 16 and two depthwise 3x3 + pointwise 1x1 pairs, to 32 and 64, the second of stride 2 [Howard2017].

    Batch norm and ReLU behind each; then global average and dense. 4,106 parameters on 1 x 8 x 8.
    """
    check_images("mobilenet-tiny", example, 1)
    return assemble(
        Input("image", example),
        *conv_norm_relu("conv1", example[0], 16),
        *depthwise_norm_relu("depthwise1", 16),
        *conv_norm_relu("pointwise1", 16, 32, kernel=1),
        *depthwise_norm_relu("depthwise2", 32, stride=2),
        *conv_norm_relu("pointwise2", 32, 64, kernel=1),
        GlobalAvgPool2d("pool"),
        Flatten("flatten"),
        dense("fc", 64, classes),
    )  # ARC-08


def inception_tiny(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return conv 16, four branches that are concatenated, max-pool 2, dense [Szegedy2015].

    The branches: 1x1 of 8; 1x1 of 8 and 3x3 of 16; 1x1 of 4 and 5x5 of 8; max-pool 3x3 and 1x1 of 8. Convolutions
    have biases, and ReLU behind them; there is no batch norm. 9,022 parameters on 1 x 8 x 8.
    """
    check_images("inception-tiny", example, 2)
    branches: Steps = (
        *_conv_relu("one", 16, 8, 1, "conv1_relu"),
        *_conv_relu("three_reduce", 16, 8, 1, "conv1_relu"),
        *_conv_relu("three", 8, 16, 3, "three_reduce_relu"),
        *_conv_relu("five_reduce", 16, 4, 1, "conv1_relu"),
        *_conv_relu("five", 4, 8, 5, "five_reduce_relu"),
        Step(MaxPool2d("pooled", (3, 3), (1, 1), (1, 1, 1, 1), ("conv1_relu",))),
        *_conv_relu("pooled_one", 16, 8, 1, "pooled"),
    )
    return assemble(
        Input("image", example),
        *_conv_relu("conv1", example[0], 16, 3, "image"),
        *branches,
        Concat("concat", ("one_relu", "three_relu", "five_relu", "pooled_one_relu")),
        MaxPool2d("pool"),
        Flatten("flatten"),
        dense("fc", 40 * (example[1] // 2) * (example[2] // 2), classes),
    )  # ARC-09


def _conv_relu(name: str, inputs: int, outputs: int, kernel: int, reads: str) -> Steps:
    """Return a convolution with a bias, and ReLU."""
    return conv(name, inputs, outputs, kernel, reads=(reads,), bias=True), Step(Relu(f"{name}_relu"))


def split_swap(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return conv 24, split into 16 and 8 channels, each part on its own way, concatenated the other way round.

    The first part goes through a depthwise convolution and stays what it is: its channels are those of the first
    convolution. The second goes through conv 3x3 of 12. Behind them conv 1x1 of 32, global average, dense; batch
    norm and ReLU behind each convolution. Of no paper. 2,618 parameters on 1 x 8 x 8.
    """
    check_images("split-swap", example, 1)
    return assemble(
        Input("image", example),
        *conv_norm_relu("conv1", example[0], 24),
        Split("parts", (16, 8)),
        *depthwise_norm_relu("first", 16, reads=("parts[0]",)),
        *conv_norm_relu("second", 8, 12, reads=("parts[1]",)),
        Concat("swapped", ("second_relu", "first_relu")),
        *conv_norm_relu("conv2", 28, 32, kernel=1),
        GlobalAvgPool2d("pool"),
        Flatten("flatten"),
        dense("fc", 32, classes),
    )  # ARC-10
