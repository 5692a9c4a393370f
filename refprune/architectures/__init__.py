"""The named networks: records and the shapes of their parameters, one family a file.

Specification: docs/spec/architectures.md.
"""

from collections.abc import Callable, Mapping

from refprune.architectures.architecture import Architecture
from refprune.architectures.branches import densenet_tiny, inception_tiny, mobilenet_tiny, split_swap
from refprune.architectures.lenets import cnn_8x8, lenet_5, lenet_300_100
from refprune.architectures.resnets import resnet, resnet_8, resnet_20
from refprune.architectures.vggs import VGG_8, VGG_16, vgg, vgg_8, vgg_16
from refprune.network import Shape

ARCHITECTURES: Mapping[str, Callable[[Shape, int], Architecture]] = {
    "lenet-300-100": lenet_300_100,
    "lenet-5": lenet_5,
    "cnn-8x8": cnn_8x8,
    "vgg-8": vgg_8,
    "vgg-16": vgg_16,
    "resnet-8": resnet_8,
    "resnet-20": resnet_20,
    "densenet-tiny": densenet_tiny,
    "mobilenet-tiny": mobilenet_tiny,
    "inception-tiny": inception_tiny,
    "split-swap": split_swap,
}
"""What the command line calls each network: (shape of one example, classes) -> architecture."""

__all__ = [
    "ARCHITECTURES",
    "VGG_8",
    "VGG_16",
    "Architecture",
    "cnn_8x8",
    "densenet_tiny",
    "inception_tiny",
    "lenet_5",
    "lenet_300_100",
    "mobilenet_tiny",
    "resnet",
    "resnet_8",
    "resnet_20",
    "split_swap",
    "vgg",
    "vgg_8",
    "vgg_16",
]
