"""docs/spec/architectures.md, requirement by requirement: a literal example, then a property."""

from math import ceil, prod
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.architectures import (
    ARCHITECTURES,
    VGG_8,
    VGG_16,
    Architecture,
    cnn_8x8,
    densenet_tiny,
    inception_tiny,
    lenet_5,
    lenet_300_100,
    mobilenet_tiny,
    resnet,
    resnet_8,
    resnet_20,
    split_swap,
    vgg,
    vgg_8,
    vgg_16,
)
from refprune.errors import InvalidInput
from refprune.measure import count
from refprune.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    Relu,
    Shape,
    Split,
)
from refprune.shapes import infer_shapes
from spec_tests.oracle.layers import windows
from spec_tests.verdicts import expect_equal, fail, refuses, requirement

IMAGES = st.tuples(st.integers(1, 3), st.integers(16, 24), st.integers(16, 24))
CLASSES = st.integers(1, 12)


def zeros(architecture: Architecture) -> dict[str, Any]:
    """Return parameters of the architecture's shapes, without memory of their own."""
    return {name: np.broadcast_to(0.0, shape) for name, shape in architecture.shapes.items()}


def with_zeros(architecture: Architecture) -> tuple[Network, dict[str, Any]]:
    """Return the network with parameters."""
    return architecture.network, zeros(architecture)


def is_refused(action: Any, said: str) -> None:
    """Require InvalidInput."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


def costs(architecture: Architecture) -> tuple[int, int, dict[str, int]]:
    """Return all parameters, the weights, and the MACs of each layer, by counting windows."""
    shapes = infer_shapes(*with_zeros(architecture))
    macs = {}
    for node in architecture.network:
        if isinstance(node, Dense | Conv2d | DepthwiseConv2d):
            weight = architecture.shapes[f"{node.name}.weight"]
            places = 1
            if isinstance(node, Conv2d | DepthwiseConv2d):
                places = len(windows(shapes[node.inputs[0]][1:], weight[2:], node.stride, node.padding))
            macs[node.name] = prod(weight) * places
    sizes = {name: prod(shape) for name, shape in architecture.shapes.items() if ".running_" not in name}
    weights = sum(size for name, size in sizes.items() if name.endswith(".weight"))
    return sum(sizes.values()), weights, macs


def kinds(architecture: Architecture) -> list[str]:
    """Return the ops in order, each reading the one before."""
    names = [node.name for node in architecture.network]
    expect_equal([node.inputs for node in architecture.network[1:]], [(name,) for name in names[:-1]], "a chain")
    return [type(node).__name__ for node in architecture.network]


def reading(network: Network, *names: str) -> dict[str, tuple[str, ...]]:
    """Return what these nodes read."""
    return {node.name: node.inputs for node in network if node.name in names}


def weights_of(architecture: Architecture) -> list[Shape]:
    """Return the shapes of the weights, in order."""
    return [shape for name, shape in architecture.shapes.items() if name.endswith(".weight")]


def array_names(network: Network) -> list[str]:
    """Return the names of all arrays, node by node."""
    names = []
    for node in network:
        parts: tuple[str, ...] = ()
        if isinstance(node, Dense | Conv2d | DepthwiseConv2d):
            parts = ("weight", "bias") if node.bias else ("weight",)
        if isinstance(node, BatchNorm):
            parts = ("gamma", "beta", "running_mean", "running_var")
        names += [f"{node.name}.{part}" for part in parts]
    return names


def fits(architecture: Architecture, image: tuple[int, ...], classes: int) -> int:
    """Require shapes that fit, these classes, the counts of `measure`; return how many weights there are."""
    shapes = infer_shapes(*with_zeros(architecture))
    expect_equal(shapes[architecture.network[0].name], image, "the shape of an example")
    expect_equal(shapes[architecture.network[-1].name], (classes,), "the shape of the logits")
    total, weights, macs = costs(architecture)
    counted = count(*with_zeros(architecture))
    got = (counted.parameters, counted.prunable, counted.macs)
    expect_equal(got, (total, weights, sum(macs.values())), "measure.count")
    return weights


def counts_are(architecture: Architecture, weights: int, parameters: int, macs: int) -> None:
    """Require these counts of `measure`."""
    counted = count(*with_zeros(architecture))
    got = (counted.prunable, counted.parameters, counted.macs)
    expect_equal(got, (weights, parameters, macs), "weights, parameters and MACs")


def without_bias(architecture: Architecture) -> None:
    """Require biases of the dense layer only."""
    biases = [name for name in architecture.shapes if name.endswith(".bias")]
    expect_equal(biases, ["fc.bias"], "the biases")


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
    ("vgg-8", (1, 8, 7), 10),
    ("vgg-8", (1, 8.0, 8), 10),
    ("vgg-16", (3, 31, 32), 10),
    ("vgg-16", (3, 32, 32), True),
    ("resnet-8", (1, 8, 0), 10),
    ("resnet-20", (32, 32), 10),
    ("resnet-20", (3, 32, 32), 0),
    ("densenet-tiny", (1, 1, 8), 10),
    ("densenet-tiny", (1, 8, 8), 1.0),
    ("mobilenet-tiny", (64,), 10),
    ("mobilenet-tiny", (1, 8, 8), -1),
    ("inception-tiny", (1, 8, 1), 10),
    ("inception-tiny", (1, 8, 8), 0),
    ("split-swap", (0, 8, 8), 10),
    ("split-swap", (1, 8, 8), 0),
)
LEAST = {
    **{"lenet-300-100": 1, "lenet-5": 16, "cnn-8x8": 2, "vgg-8": 8, "vgg-16": 32, "resnet-8": 1, "resnet-20": 1},
    **{"densenet-tiny": 2, "mobilenet-tiny": 1, "inception-tiny": 2, "split-swap": 1},
}
"""Network -> the least rows and columns of an image."""


def refused(name: str, example: Any, classes: Any) -> None:
    """Require InvalidInput of a named network."""
    is_refused(lambda: ARCHITECTURES[name](example, classes), f"ARCHITECTURES[{name!r}]({example}, {classes})")


@requirement("ARC-04", "example")
def test_wrong_example() -> None:
    for name, example, classes in WRONG:
        refused(name, example, classes)


@requirement("ARC-04", "property")
@given(st.data(), st.sampled_from(list(ARCHITECTURES)))
def test_wrong(data: st.DataObject, name: str) -> None:
    """An axis too many or too few, a length below the least, no class."""
    least = LEAST[name]
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
    nodes = (Input("image", (1, 1)), Flatten("flatten", ("image",)), Dense("fc1", inputs=("flatten",)))
    expect_equal(lenet_300_100((1, 1)).network[:4], (*nodes, Relu("relu1", ("fc1",))), "lenet_300_100 on a pixel")
    expect_equal(set(LEAST), set(ARCHITECTURES), "the named networks")
    for name, least in LEAST.items():
        fits(ARCHITECTURES[name]((1, least, least), 2), (1, least, least), 2)


# ARC-05 VGG

PLANS = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)
CONV = ["Conv2d", "BatchNorm", "Relu"]


@requirement("ARC-05", "example")
def test_vgg_16_example() -> None:
    network = vgg_16()
    blocks = [*(CONV * 2 + ["MaxPool2d"]) * 2, *(CONV * 3 + ["MaxPool2d"]) * 3]
    expect_equal(kinds(network), ["Input", *blocks, "Flatten", "Dense"], "the nodes")
    widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    convolutions = [(out, channels, 3, 3) for out, channels in zip(widths, [3, *widths], strict=False)]
    expect_equal(weights_of(network), [*convolutions, (10, 512)], "the weights")
    without_bias(network)
    for node in network.network:
        if isinstance(node, Conv2d):
            expect_equal((node.stride, node.padding), ((1, 1), (1, 1, 1, 1)), f"{node}")
        if isinstance(node, MaxPool2d):
            expect_equal((node.size, node.stride, node.padding), ((2, 2), (2, 2), (0, 0, 0, 0)), f"{node}")
    # 1,728 + 36,864 = 38,592;  73,728 + 147,456 = 221,184;  294,912 + 2 * 589,824 = 1,474,560;
    # 1,179,648 + 2 * 2,359,296 = 5,898,240;  3 * 2,359,296 = 7,077,888;  512 * 10 = 5,120.
    weights = 38_592 + 221_184 + 1_474_560 + 5_898_240 + 7_077_888 + 5_120
    expect_equal(weights, 14_715_584, "the sum of the weights")
    macs = 38_592 * 1024 + 221_184 * 256 + 1_474_560 * 64 + 5_898_240 * 16 + 7_077_888 * 4 + 5_120
    expect_equal(macs, 313_201_664, "the sum of the MACs")
    # Two arrays are learned for each of 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 = 4,224 channels, and ten biases.
    counts_are(network, weights, weights + 2 * 4_224 + 10, macs)
    expect_equal(weights + 2 * 4_224 + 10, 14_724_042, "parameters")


@requirement("ARC-05", "example")
def test_vgg_8_example() -> None:
    """144 + 2,304; 4,608 + 9,216; 18,432 + 36,864 + 36,864; 640. Batch norm of 288 channels."""
    network = vgg_8()
    expect_equal([shape[0] for shape in weights_of(network)], [16, 16, 32, 32, 64, 64, 64, 10], "the widths")
    counts_are(network, 109_072, 109_072 + 576 + 10, 2_448 * 64 + 13_824 * 16 + 92_160 * 4 + 640)
    expect_equal((VGG_8, VGG_16[0], VGG_16[-1]), (((16, 16), (32, 32), (64, 64, 64)), (64, 64), (512,) * 3), "plans")


@requirement("ARC-05", "example")
def test_vgg_plan_example() -> None:
    """18 + 54 weights on 16 and on 4 pixels, and 3 * 2 of the dense layer; 5 channels; 2 biases, or 7."""
    plan = ((2,), (3,))
    counts_are(vgg(plan, (1, 4, 4), 2), 78, 90, 18 * 16 + 54 * 4 + 6)
    counts_are(vgg(plan, (1, 4, 4), 2, bias=True), 78, 95, 18 * 16 + 54 * 4 + 6)
    is_refused(lambda: vgg(((2, 0),), (1, 4, 4), 2), "vgg(((2, 0),), (1, 4, 4), 2)")


@requirement("ARC-05", "property")
@given(PLANS, st.integers(1, 3), st.integers(8, 17), st.integers(8, 17), CLASSES, st.booleans())
def test_vgg(plan: Any, channels: int, rows: int, columns: int, classes: int, bias: bool) -> None:  # noqa: FBT001  drawn
    """Each block keeps rows and columns, and its pool halves them."""
    image = (channels, rows, columns)
    network = vgg(plan, image, classes, bias=bias)
    widths = [width for block in plan for width in block]
    inputs = [channels, *widths]
    side = (rows // 2 ** len(plan)) * (columns // 2 ** len(plan))
    weights = sum(9 * a * b for a, b in zip(inputs, widths, strict=False)) + classes * widths[-1] * side
    expect_equal(fits(network, image, classes), weights, f"the weights of vgg({plan}, {image}, {classes})")
    learned = sum(widths) * (3 if bias else 2) + classes
    expect_equal(
        costs(network)[0], weights + learned, f"the parameters of vgg({plan}, {image}, {classes}, bias={bias})"
    )
    shapes = infer_shapes(*with_zeros(network))
    pooled = [shapes[node.name] for node in network.network if isinstance(node, MaxPool2d)]
    halved = [(block[-1], rows // 2**n, columns // 2**n) for n, block in enumerate(plan, start=1)]
    expect_equal(pooled, halved, f"what is left behind each block of {plan}")


# ARC-06 ResNet


@requirement("ARC-06", "example")
def test_resnet_8_example() -> None:
    """Three blocks, the second and third with a projection."""
    network = resnet_8()
    first = [*CONV, "Conv2d", "BatchNorm", "Add", "Relu"]
    projected = [*CONV, *("Conv2d", "BatchNorm") * 2, "Add", "Relu"]
    got = [type(node).__name__ for node in network.network]
    nodes = ["Input", *CONV, *first, *projected * 2, "GlobalAvgPool2d", "Flatten", "Dense"]
    expect_equal(got, nodes, "the nodes")
    should: dict[str, tuple[str, ...]] = {
        "block1_conv1": ("conv1_relu",),
        "block1_conv2": ("block1_conv1_relu",),
        "block1_add": ("block1_conv2_bn", "conv1_relu"),
        "block1_relu": ("block1_add",),
        "block2_conv1": ("block1_relu",),
        "block2_shortcut": ("block1_relu",),
        "block2_shortcut_bn": ("block2_shortcut",),
        "block2_add": ("block2_conv2_bn", "block2_shortcut_bn"),
        "block3_shortcut": ("block2_relu",),
        "pool": ("block3_relu",),
    }
    expect_equal(reading(network.network, *should), should, "what reads what")
    steps = [
        *((3, 1, 1), (3, 1, 1), (3, 1, 1)),
        *((3, 2, 1), (3, 1, 1), (1, 2, 0)),
        *((3, 2, 1), (3, 1, 1), (1, 2, 0)),
    ]
    got_steps = [
        (network.shapes[f"{node.name}.weight"][2], node.stride[0], node.padding[0])
        for node in network.network
        if isinstance(node, Conv2d)
    ]
    expect_equal(got_steps, steps, "kernel, stride and padding of each convolution")
    without_bias(network)
    counts_are(network, 77_072, 77_072 + 672 + 10, 4_752 * 64 + 14_336 * 16 + 57_344 * 4 + 640)


@requirement("ARC-06", "example")
def test_resnet_20_example() -> None:
    network = resnet_20()
    first = 27 * 16
    one = 6 * (16 * 16 * 9)
    two = 16 * 32 * 9 + 5 * (32 * 32 * 9) + 16 * 32
    three = 32 * 64 * 9 + 5 * (64 * 64 * 9) + 32 * 64
    expect_equal((first, one, two, three), (432, 13_824, 51_200, 204_800), "the weights of each stage")
    macs = 442_368 + 14_155_776 + 13_107_200 + 13_107_200 + 640
    counts_are(network, 270_896, 270_896 + 2 * (16 + 6 * 16 + 7 * 32 + 7 * 64) + 10, macs)
    counts_are(network, first + one + two + three + 640, 272_474, 40_813_184)
    shapes = infer_shapes(*with_zeros(network))
    adds = [shapes[node.name] for node in network.network if isinstance(node, Add)]
    expect_equal(adds, [*[(16, 32, 32)] * 3, *[(32, 16, 16)] * 3, *[(64, 8, 8)] * 3], "what is added up")


@requirement("ARC-06", "example")
def test_resnet_depth_example() -> None:
    for wrong in (2, 7, 9, 18, 0, -4, 8.0, True):
        is_refused(lambda wrong=wrong: resnet(wrong), f"resnet({wrong})")
    is_refused(lambda: resnet(8, width=0), "resnet(8, width=0)")
    shapes = infer_shapes(*with_zeros(resnet(8, (1, 5, 5), 2, width=1)))
    expect_equal([shapes[f"block{n}_relu"] for n in (1, 2, 3)], [(1, 5, 5), (2, 3, 3), (4, 2, 2)], "5 x 5")


@requirement("ARC-06", "property")
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), CLASSES)
def test_resnet(n: int, width: int, channels: int, rows: int, columns: int, classes: int) -> None:
    """Of any depth, width and image: stage s has 2^s w channels on the 2^s-th part of the rows, rounded up."""
    image = (channels, rows, columns)
    network = resnet(6 * n + 2, image, classes, width)
    said = f"resnet({6 * n + 2}, {image}, {classes}, {width})"
    stages = [2 * n * 9 * width**2]
    for w in (2 * width, 4 * width):
        stages.append(9 * (w // 2) * w + (2 * n - 1) * 9 * w**2 + (w // 2) * w)
    weights = 9 * channels * width + sum(stages) + 4 * width * classes
    expect_equal(fits(network, image, classes), weights, f"the weights of {said}")
    pixels = [ceil(rows / 2**s) * ceil(columns / 2**s) for s in range(3)]
    macs = 9 * channels * width * pixels[0] + sum(a * b for a, b in zip(stages, pixels, strict=True))
    expect_equal(sum(costs(network)[2].values()), macs + 4 * width * classes, f"the MACs of {said}")
    adds = [node for node in network.network if isinstance(node, Add)]
    expect_equal(len(adds), 3 * n, f"the blocks of {said}")
    shapes = infer_shapes(*with_zeros(network))
    for number, node in enumerate(adds):
        stage = number // n
        side = (ceil(rows / 2**stage), ceil(columns / 2**stage))
        expect_equal(shapes[node.name], (width * 2**stage, *side), f"block {number + 1} of {said}")


# ARC-07 to ARC-10 The small ones with branches


@requirement("ARC-07", "example")
def test_densenet_example() -> None:
    network = densenet_tiny()
    layer = ["BatchNorm", "Relu", "Conv2d", "Concat"]
    transition = ["BatchNorm", "Relu", "Conv2d", "AvgPool2d"]
    last = ["BatchNorm", "Relu", "GlobalAvgPool2d", "Flatten", "Dense"]
    got = [type(node).__name__ for node in network.network]
    expect_equal(got, ["Input", "Conv2d", *layer * 2, *transition, *layer * 2, *last], "the nodes")
    should: dict[str, tuple[str, ...]] = {
        "layer1_bn": ("conv1",),
        "layer1": ("conv1", "layer1_conv"),
        "layer2_bn": ("layer1",),
        "layer2": ("layer1", "layer2_conv"),
        "transition_bn": ("layer2",),
        "layer3": ("transition_pool", "layer3_conv"),
        "layer4": ("layer3", "layer4_conv"),
        "last_bn": ("layer4",),
    }
    expect_equal(reading(network.network, *should), should, "what reads what")
    shapes = infer_shapes(*with_zeros(network))
    joined = {node.name: shapes[node.name] for node in network.network if isinstance(node, Concat)}
    sides = {"layer1": (24, 8, 8), "layer2": (32, 8, 8), "layer3": (24, 4, 4), "layer4": (32, 4, 4)}
    expect_equal(joined, sides, "the concatenations")
    without_bias(network)
    counts_are(network, 6_736, 6_736 + 288 + 10, 3_536 * 64 + 2_880 * 16 + 320)


@requirement("ARC-08", "example")
def test_mobilenet_example() -> None:
    network = mobilenet_tiny()
    pair = ["DepthwiseConv2d", "BatchNorm", "Relu", *CONV]
    expect_equal(kinds(network), ["Input", *CONV, *pair * 2, "GlobalAvgPool2d", "Flatten", "Dense"], "the nodes")
    expect_equal(
        weights_of(network),
        [(16, 1, 3, 3), (16, 1, 3, 3), (32, 16, 1, 1), (32, 1, 3, 3), (64, 32, 1, 1), (10, 64)],
        "the weights",
    )
    strides = [node.stride for node in network.network if isinstance(node, Conv2d | DepthwiseConv2d)]
    expect_equal(strides, [(1, 1), (1, 1), (1, 1), (2, 2), (1, 1)], "the strides")
    without_bias(network)
    counts_are(network, 3_776, 3_776 + 320 + 10, 800 * 64 + 2_336 * 16 + 640)


@requirement("ARC-09", "example")
def test_inception_example() -> None:
    network = inception_tiny()
    should: dict[str, tuple[str, ...]] = {
        **{"one": ("conv1_relu",), "three_reduce": ("conv1_relu",), "five_reduce": ("conv1_relu",)},
        **{"three": ("three_reduce_relu",), "five": ("five_reduce_relu",)},
        **{"pooled": ("conv1_relu",), "pooled_one": ("pooled",)},
        "concat": ("one_relu", "three_relu", "five_relu", "pooled_one_relu"),
        **{"pool": ("concat",), "fc": ("flatten",)},
    }
    expect_equal(reading(network.network, *should), should, "what reads what")
    expect_equal([node for node in network.network if isinstance(node, BatchNorm)], [], "batch norms")
    pooled = next(node for node in network.network if node.name == "pooled")
    expect_equal(pooled, MaxPool2d("pooled", (3, 3), (1, 1), (1, 1, 1, 1), ("conv1_relu",)), "the pool of a branch")
    expect_equal(
        weights_of(network),
        [
            (16, 1, 3, 3),
            (8, 16, 1, 1),
            *((8, 16, 1, 1), (16, 8, 3, 3)),
            *((4, 16, 1, 1), (8, 4, 5, 5)),
            (8, 16, 1, 1),
            (10, 640),
        ],
        "the weights",
    )
    counts_are(network, 8_944, 8_944 + 68 + 10, 2_544 * 64 + 6_400)


@requirement("ARC-10", "example")
def test_split_example() -> None:
    network = split_swap()
    should: dict[str, tuple[str, ...]] = {
        "parts": ("conv1_relu",),
        "first": ("parts[0]",),
        "second": ("parts[1]",),
        "swapped": ("second_relu", "first_relu"),
        "conv2": ("swapped",),
    }
    expect_equal(reading(network.network, *should), should, "what reads what")
    sizes = [node.sizes for node in network.network if isinstance(node, Split)]
    expect_equal(sizes, [(16, 8)], "the sizes of the parts")
    expect_equal(
        weights_of(network), [(24, 1, 3, 3), (16, 1, 3, 3), (12, 8, 3, 3), (32, 28, 1, 1), (10, 32)], "the weights"
    )
    kind = next(type(node) for node in network.network if node.name == "first")
    expect_equal(kind, DepthwiseConv2d, "the way of the first part")
    without_bias(network)
    counts_are(network, 2_440, 2_440 + 168 + 10, 2_120 * 64 + 320)


SMALL = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9))


@requirement("ARC-07", "property")
@given(SMALL, CLASSES)
def test_densenet(image: tuple[int, int, int], classes: int) -> None:
    expect_equal(
        fits(densenet_tiny(image, classes), image, classes),
        144 * image[0] + 2 * (1_152 + 1_728) + 512 + 32 * classes,
        f"the weights of densenet_tiny({image}, {classes})",
    )


@requirement("ARC-08", "property")
@given(SMALL, CLASSES)
def test_mobilenet(image: tuple[int, int, int], classes: int) -> None:
    network = mobilenet_tiny(image, classes)
    weights = 144 * image[0] + 144 + 512 + 288 + 2_048 + 64 * classes
    expect_equal(fits(network, image, classes), weights, f"the weights of mobilenet_tiny({image}, {classes})")
    half = (ceil(image[1] / 2), ceil(image[2] / 2))
    expect_equal(infer_shapes(*with_zeros(network))["pointwise2"], (64, *half), f"stride 2 on {image}")


@requirement("ARC-09", "property")
@given(SMALL, CLASSES)
def test_inception(image: tuple[int, int, int], classes: int) -> None:
    pixels = (image[1] // 2) * (image[2] // 2)
    network = inception_tiny(image, classes)
    weights = 144 * image[0] + 2_400 + 40 * pixels * classes
    expect_equal(fits(network, image, classes), weights, f"the weights of inception_tiny({image}, {classes})")
    expect_equal(infer_shapes(*with_zeros(network))["concat"], (40, *image[1:]), f"the four branches on {image}")


@requirement("ARC-10", "property")
@given(SMALL, CLASSES)
def test_split(image: tuple[int, int, int], classes: int) -> None:
    network = split_swap(image, classes)
    weights = 216 * image[0] + 144 + 864 + 896 + 32 * classes
    expect_equal(fits(network, image, classes), weights, f"the weights of split_swap({image}, {classes})")
    expect_equal(infer_shapes(*with_zeros(network))["swapped"], (28, *image[1:]), f"the parts on {image}")


# ARC-11 The arrays and their order


@requirement("ARC-11", "example")
def test_arrays_example() -> None:
    expect_equal(
        list(vgg_8().shapes.items())[:6],
        [
            ("conv1.weight", (16, 1, 3, 3)),
            ("conv1_bn.gamma", (16,)),
            ("conv1_bn.beta", (16,)),
            ("conv1_bn.running_mean", (16,)),
            ("conv1_bn.running_var", (16,)),
            ("conv2.weight", (16, 16, 3, 3)),
        ],
        "the first arrays of vgg_8()",
    )
    biased = vgg(((2,),), (1, 2, 2), 3, bias=True)
    norm = ["conv1_bn.gamma", "conv1_bn.beta", "conv1_bn.running_mean", "conv1_bn.running_var"]
    expect_equal(list(biased.shapes), ["conv1.weight", "conv1.bias", *norm, "fc.weight", "fc.bias"], "vgg with biases")
    expect_equal((biased.shapes["conv1.bias"], biased.shapes["fc.bias"]), ((2,), (3,)), "the biases")


@requirement("ARC-11", "property")
@given(st.sampled_from(list(ARCHITECTURES)), st.integers(1, 2), st.integers(0, 3), CLASSES)
def test_arrays(name: str, channels: int, more: int, classes: int) -> None:
    side = LEAST[name] + more
    network, shapes = ARCHITECTURES[name]((channels, side, side), classes)
    expect_equal(list(shapes), array_names(network), f"the arrays of {name}")
