"""docs/spec/architectures.md, requirement by requirement: a literal example, then a property."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.architectures import ARCHITECTURES, Architecture, cnn_8x8, lenet_5, lenet_300_100
from refprune.errors import InvalidInput
from refprune.measure import count
from refprune.network import Conv2d, Dense, Flatten, Input, MaxPool2d, Relu, infer_shapes
from spec_tests.oracle.layers import windows
from spec_tests.verdicts import expect_equal, fail, refuses, requirement

IMAGES = st.tuples(st.integers(1, 3), st.integers(16, 24), st.integers(16, 24))
CLASSES = st.integers(1, 12)


def zeros(architecture: Architecture) -> dict[str, Any]:
    """Return parameters of the architecture's shapes."""
    return {name: np.zeros(shape) for name, shape in architecture.shapes.items()}


def costs(architecture: Architecture) -> tuple[int, int, dict[str, int]]:
    """Return all parameters, the weights, and the MACs of each layer, by counting windows."""
    shapes = infer_shapes(architecture.network, zeros(architecture))
    macs = {}
    for node in architecture.network:
        if isinstance(node, Dense | Conv2d):
            weight = architecture.shapes[f"{node.name}.weight"]
            places = 1
            if isinstance(node, Conv2d):
                places = len(windows(shapes[node.inputs[0]][1:], weight[2:], node.stride, node.padding))
            macs[node.name] = int(np.prod(weight)) * places
    sizes = {name: int(np.prod(shape)) for name, shape in architecture.shapes.items()}
    weights = sum(size for name, size in sizes.items() if name.endswith(".weight"))
    return sum(sizes.values()), weights, macs


def kinds(architecture: Architecture) -> list[str]:
    """Return the ops in order, each reading the one before."""
    names = [node.name for node in architecture.network]
    expect_equal([node.inputs for node in architecture.network[1:]], [(name,) for name in names[:-1]], "a chain")
    return [type(node).__name__ for node in architecture.network]


def fits(architecture: Architecture, image: tuple[int, ...], classes: int) -> int:
    """Require shapes that fit, these classes, the counts of `measure`; return how many weights there are."""
    shapes = infer_shapes(architecture.network, zeros(architecture))
    expect_equal(shapes[architecture.network[0].name], image, "the shape of an example")
    expect_equal(shapes[architecture.network[-1].name], (classes,), "the shape of the logits")
    expect_equal(
        list(architecture.shapes),
        [
            f"{n.name}.{part}"
            for n in architecture.network
            if isinstance(n, Dense | Conv2d)
            for part in ("weight", "bias")
        ],
        "the order of the parameters",
    )
    total, weights, macs = costs(architecture)
    counted = count(architecture.network, zeros(architecture))
    got = (counted.parameters, counted.prunable, counted.macs)
    expect_equal(got, (total, weights, sum(macs.values())), "measure.count")
    return weights


# ARC-01 LeNet-300-100


@requirement("ARC-01", "example")
def test_lenet_300_100_example() -> None:
    lenet = lenet_300_100()
    expect_equal(kinds(lenet), ["Input", "Flatten", "Dense", "Relu", "Dense", "Relu", "Dense"], "the nodes")
    expect_equal(
        lenet.shapes,
        {
            "fc1.weight": (300, 784),
            "fc1.bias": (300,),
            "fc2.weight": (100, 300),
            "fc2.bias": (100,),
            "fc3.weight": (10, 100),
            "fc3.bias": (10,),
        },
        "the shapes",
    )
    counted = count(lenet.network, zeros(lenet))
    expect_equal((counted.parameters, counted.macs), (266_610, 266_200), "parameters and MACs")
    expect_equal(costs(lenet)[2], {"fc1": 235_200, "fc2": 30_000, "fc3": 1_000}, "MACs of each layer")


@requirement("ARC-01", "property")
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), CLASSES)
def test_lenet_300_100(image: tuple[int, ...], classes: int) -> None:
    lenet = lenet_300_100(image, classes)
    pixels = int(np.prod(image))
    expect_equal(
        fits(lenet, image, classes),
        300 * pixels + 30_000 + 100 * classes,
        f"the weights of lenet_300_100({image})",
    )


# ARC-02 LeNet-5


@requirement("ARC-02", "example")
def test_lenet_5_example() -> None:
    lenet = lenet_5()
    expect_equal(
        kinds(lenet),
        ["Input", "Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", "Flatten", "Dense", "Relu", "Dense"],
        "the nodes: no ReLU behind the convolutions",
    )
    for node in lenet.network:
        if isinstance(node, Conv2d):
            expect_equal((node.stride, node.padding), ((1, 1), (0, 0, 0, 0)), f"{node}")
        if isinstance(node, MaxPool2d):
            expect_equal((node.size, node.stride, node.padding), ((2, 2), (2, 2), (0, 0, 0, 0)), f"{node}")
    expect_equal(
        {name: shape for name, shape in lenet.shapes.items() if name.endswith("weight")},
        {
            "conv1.weight": (20, 1, 5, 5),
            "conv2.weight": (50, 20, 5, 5),
            "fc1.weight": (500, 800),
            "fc2.weight": (10, 500),
        },
        "the weights",
    )
    counted = count(lenet.network, zeros(lenet))
    expect_equal((counted.parameters, counted.prunable), (431_080, 430_500), "parameters and weights")
    expect_equal(counted.macs, 2_293_000, "MACs")
    each = {"conv1": 288_000, "conv2": 1_600_000, "fc1": 400_000, "fc2": 5_000}
    expect_equal(costs(lenet)[2], each, "MACs of each layer")


@requirement("ARC-02", "property")
@given(IMAGES, CLASSES)
def test_lenet_5(image: tuple[int, int, int], classes: int) -> None:
    """Other images change the first convolution, the flat layer and nothing else."""
    lenet = lenet_5(image, classes)
    sides = [len(range(0, len(range(0, n - 4 - 1, 2)) - 4 - 1, 2)) for n in image[1:]]
    weights = 500 * image[0] + 25_000 + 25_000 * sides[0] * sides[1] + 500 * classes
    expect_equal(fits(lenet, image, classes), weights, f"the weights of lenet_5({image}, {classes})")


# ARC-03 The small CNN


@requirement("ARC-03", "example")
def test_cnn_example() -> None:
    cnn = cnn_8x8()
    expect_equal(
        kinds(cnn),
        [
            "Input",
            *("Conv2d", "Relu", "Conv2d", "Relu", "MaxPool2d"),
            *("Flatten", "Dense", "Relu", "Dense"),
        ],
        "the nodes",
    )
    expect_equal({node.padding for node in cnn.network if isinstance(node, Conv2d)}, {(1, 1, 1, 1)}, "the paddings")
    expect_equal(
        {name: shape for name, shape in cnn.shapes.items() if name.endswith("weight")},
        {
            "conv1.weight": (16, 1, 3, 3),
            "conv2.weight": (32, 16, 3, 3),
            "fc1.weight": (64, 512),
            "fc2.weight": (10, 64),
        },
        "the weights",
    )
    counted = count(cnn.network, zeros(cnn))
    expect_equal((counted.parameters, counted.prunable), (38_282, 38_160), "parameters and weights")
    expect_equal(costs(cnn)[2], {"conv1": 9_216, "conv2": 294_912, "fc1": 32_768, "fc2": 640}, "MACs")


@requirement("ARC-03", "property")
@given(st.tuples(st.integers(1, 3), st.integers(2, 12), st.integers(2, 12)), CLASSES)
def test_cnn(image: tuple[int, int, int], classes: int) -> None:
    """The convolutions keep rows and columns; the pool halves them."""
    cnn = cnn_8x8(image, classes)
    fits(cnn, image, classes)
    shapes = infer_shapes(cnn.network, zeros(cnn))
    expect_equal((shapes["conv1"], shapes["conv2"]), ((16, *image[1:]), (32, *image[1:])), "the convolutions")
    expect_equal(shapes["pool"], (32, image[1] // 2, image[2] // 2), "the pool")


# ARC-04 What is no example

WRONG: tuple[tuple[str, Any, Any], ...] = (
    ("lenet-300-100", (1, 28, 28), 0),
    ("lenet-300-100", (1, 28, 28), 2.0),
    ("lenet-300-100", (1, 28, 28), True),
    ("lenet-300-100", (), 10),
    ("lenet-300-100", (0, 28, 28), 10),
    ("lenet-5", (1, 28, 28), -1),
    ("lenet-5", (784,), 10),
    ("lenet-5", (28, 28), 10),
    ("lenet-5", (1, 15, 28), 10),
    ("lenet-5", (1, 28, 5), 10),
    ("lenet-5", (0, 28, 28), 10),
    ("cnn-8x8", (1, 8, 8), 0),
    ("cnn-8x8", (64,), 10),
    ("cnn-8x8", (1, 1, 8), 10),
    ("cnn-8x8", (1, 8.0, 8), 10),
)


def refused(name: str, example: Any, classes: Any) -> None:
    """Require InvalidInput."""
    said = f"ARCHITECTURES[{name!r}]({example}, {classes})"
    error = refuses(lambda: ARCHITECTURES[name](example, classes), said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


@requirement("ARC-04", "example")
def test_wrong_example() -> None:
    for name, example, classes in WRONG:
        refused(name, example, classes)


@requirement("ARC-04", "property")
@given(st.data(), st.sampled_from(list(ARCHITECTURES)))
def test_wrong(data: st.DataObject, name: str) -> None:
    """An axis too many or too few, a length below the least, no class."""
    least = {"lenet-300-100": 1, "lenet-5": 16, "cnn-8x8": 2}[name]
    example = [1, least, least]
    axis = data.draw(st.integers(0, 2))
    example[axis] = data.draw(st.integers(-3, (1, least, least)[axis] - 1))
    refused(name, tuple(example), 10)
    refused(name, (1, least, least), data.draw(st.integers(-3, 0)))
    if name != "lenet-300-100":
        refused(name, data.draw(st.sampled_from(((64,), (64, 64), (1, 64, 64, 1)))), 10)


@requirement("ARC-04", "example")
def test_least_example() -> None:
    """The smallest images that are taken: one pixel is left behind the last pool."""
    expect_equal(lenet_5((1, 16, 16)).shapes["fc1.weight"], (500, 50), "lenet_5 on 16 x 16")
    expect_equal(cnn_8x8((1, 2, 2)).shapes["fc1.weight"], (64, 32), "cnn_8x8 on 2 x 2")
    nodes = (Input("image", (1, 1)), Flatten("flatten", ("image",)), Dense("fc1", ("flatten",)))
    expect_equal(lenet_300_100((1, 1)).network[:4], (*nodes, Relu("relu1", ("fc1",))), "lenet_300_100 on a pixel")
