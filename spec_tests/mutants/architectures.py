"""Wrong named networks."""

from dataclasses import replace
from typing import Any

from refprune.network import Conv2d, Relu, build
from spec_tests.mutants.mutant import Mutant, original

ARCHITECTURES = "refprune.architectures"
_mlp, _lenet, _cnn = (original(f"{ARCHITECTURES}.{name}") for name in ("lenet_300_100", "lenet_5", "cnn_8x8"))


def _rebuilt(architecture: Any, nodes: list[Any]) -> Any:
    return architecture._replace(network=build(*(replace(node, inputs=()) for node in nodes)))


def _wider(example: Any = (1, 28, 28), classes: int = 10) -> Any:
    """Pad the images to 32 x 32, as LeCun's own LeNet-5 does."""
    return _mlp((example[0], *(n + 4 for n in example[1:])) if len(example) == 3 else example, classes)


def _relu_last(example: Any = (1, 28, 28), classes: int = 10) -> Any:
    right = _mlp(example, classes)
    return _rebuilt(right, [*right.network, Relu("relu3")])


def _relu_after_convolutions(example: Any = (1, 28, 28), classes: int = 10) -> Any:
    right = _lenet(example, classes)
    nodes: list[Any] = []
    for node in right.network:
        nodes += [node, Relu(f"{node.name}_relu")] if isinstance(node, Conv2d) else [node]
    return _rebuilt(right, nodes)


def _original_lenet_5(example: Any = (1, 28, 28), classes: int = 10) -> Any:
    """Take 6 and 16 channels, 120 units: the 61,706 parameters of 1998, less a layer."""
    right = _lenet(example, classes)
    shapes = dict(right.shapes)
    flat = shapes["fc1.weight"][1] // 50 * 16
    shapes |= {"conv1.weight": (6, example[0], 5, 5), "conv1.bias": (6,)}
    shapes |= {"conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,)}
    shapes |= {"fc1.weight": (120, flat), "fc1.bias": (120,), "fc2.weight": (classes, 120)}
    return right._replace(shapes=shapes)


def _unpadded_cnn(example: Any = (1, 8, 8), classes: int = 10) -> Any:
    """Pad top and left only: rows and columns shrink by one each time."""
    right = _cnn(example, classes)
    turned = [replace(n, padding=(1, 1, 0, 0)) if isinstance(n, Conv2d) else n for n in right.network]
    return _rebuilt(right, turned)


def _pool_before_relu(example: Any = (1, 8, 8), classes: int = 10) -> Any:
    right = _cnn(example, classes)
    nodes = list(right.network)
    nodes[4], nodes[5] = nodes[5], nodes[4]
    return _rebuilt(right, nodes)


def _images_unchecked(name: str, example: Any, least: int) -> None:
    """Let images through that nothing is left of."""


MUTANTS = (
    Mutant("LeNet-300-100 on 32 x 32", "ARC-01", "the borders count", {f"{ARCHITECTURES}.lenet_300_100": _wider}),
    Mutant("ReLU on the logits", "ARC-01", "logits below 0 are lost", {f"{ARCHITECTURES}.lenet_300_100": _relu_last}),
    Mutant(
        "LeNet-5 with ReLU after convolutions",
        "ARC-02",
        "not Caffe's network",
        {f"{ARCHITECTURES}.lenet_5": _relu_after_convolutions},
    ),
    Mutant("LeNet-5 of 1998", "ARC-02", "the other LeNet-5", {f"{ARCHITECTURES}.lenet_5": _original_lenet_5}),
    Mutant("half padding", "ARC-03", "rows and columns shrink", {f"{ARCHITECTURES}.cnn_8x8": _unpadded_cnn}),
    Mutant("pool before ReLU", "ARC-03", "another order", {f"{ARCHITECTURES}.cnn_8x8": _pool_before_relu}),
    Mutant("images unchecked", "ARC-04", "no pixel is left", {f"{ARCHITECTURES}._check_images": _images_unchecked}),
)
