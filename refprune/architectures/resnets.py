"""Residual networks in the form for small images.

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
)
from refprune.errors import InvalidInput, check_integer
from refprune.network import Add, BatchNorm, Flatten, GlobalAvgPool2d, Input, Relu, Shape


def resnet(depth: int, example: Shape = (3, 32, 32), classes: int = 10, width: int = 16) -> Architecture:
    """Return conv 3x3, three stages of n blocks of `width`, 2 and 4 times that, global average, dense [He2016].

    depth = 6 n + 2. A block is conv 3x3, batch norm, ReLU, conv 3x3, batch norm, plus its input, ReLU. The first
    block of the second and of the third stage has stride 2, and its input goes through a 1x1 convolution of stride
    2 and batch norm. Convolutions have no bias.

    Raises:
        InvalidInput: a depth that is not 6 n + 2 with n >= 1, a width below 1, examples that are no images.
    """
    if check_integer("depth", depth, 8) % 6 != 2:
        raise InvalidInput("depth", depth, "6 n + 2: 8, 14, 20, ...")  # ARC-06
    check_integer("width", width, 1)
    check_images("resnet", example, 1)
    steps: Steps = (Step(Input("image", example)), *conv_norm_relu("conv1", example[0], width))
    channels, reads, blocks = width, "conv1_relu", (depth - 2) // 6
    for number in range(3 * blocks):
        outputs = width * 2 ** (number // blocks)
        steps += _block(f"block{number + 1}", channels, outputs, reads)
        channels, reads = outputs, f"block{number + 1}_relu"
    return assemble(*steps, GlobalAvgPool2d("pool"), Flatten("flatten"), dense("fc", channels, classes))  # ARC-06


def _block(name: str, inputs: int, outputs: int, reads: str) -> Steps:
    """Return one residual block: its shortcut is a projection where the channels change, and nothing elsewhere."""
    stride = 1 if inputs == outputs else 2
    residual: Steps = (
        *conv_norm_relu(f"{name}_conv1", inputs, outputs, stride=stride, reads=(reads,)),
        conv(f"{name}_conv2", outputs, outputs),
        Step(BatchNorm(f"{name}_conv2_bn"), (outputs,)),
    )
    projection: Steps = (
        conv(f"{name}_shortcut", inputs, outputs, kernel=1, stride=stride, reads=(reads,)),
        Step(BatchNorm(f"{name}_shortcut_bn"), (outputs,)),
    )
    shortcut = reads if inputs == outputs else f"{name}_shortcut_bn"
    add = Step(Add(f"{name}_add", inputs=(f"{name}_conv2_bn", shortcut)))
    return *residual, *(() if inputs == outputs else projection), add, Step(Relu(f"{name}_relu"))  # ARC-06


def resnet_8(example: Shape = (1, 8, 8), classes: int = 10) -> Architecture:
    """Return ResNet-8: one block a stage; on 1 x 8 x 8 77,754 parameters and 763,520 MACs [He2016]."""
    return resnet(8, example, classes)


def resnet_20(example: Shape = (3, 32, 32), classes: int = 10) -> Architecture:
    """Return ResNet-20: three blocks a stage; on 3 x 32 x 32 272,474 parameters and 40,813,184 MACs [He2016]."""
    return resnet(20, example, classes)
