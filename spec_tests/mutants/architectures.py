"""Wrong named networks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from refprune.network import Concat, Conv2d, DepthwiseConv2d, Relu, Split, build
from spec_tests.mutants.mutant import Mutant, original

ARCHITECTURES = "refprune.architectures"
PIECES, RESNETS, BRANCHES = (f"{ARCHITECTURES}.{file}" for file in ("architecture", "resnets", "branches"))
_mlp, _lenet, _cnn = (original(f"{ARCHITECTURES}.{name}") for name in ("lenet_300_100", "lenet_5", "cnn_8x8"))
_vgg, _resnet, _block = (original(path) for path in (f"{ARCHITECTURES}.vgg", f"{RESNETS}.resnet", f"{RESNETS}._block"))
_shapes, _conv_norm_relu = original(f"{PIECES}._shapes"), original(f"{PIECES}.conv_norm_relu")


def _rebuilt(architecture: Any, nodes: list[Any]) -> Any:
    return architecture._replace(network=build(*(replace(node, inputs=()) for node in nodes)))


def _changed(name: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Replace a network by one with other nodes, node by node."""
    path = f"{ARCHITECTURES}.{name}"
    right = original(path)

    def wrong(example: Any = (1, 8, 8), classes: int = 10) -> Any:
        architecture = right(example, classes)
        return architecture._replace(network=tuple(map(change, architecture.network)))

    return {path: wrong}


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


def _vgg_with_biases(plan: Any, example: Any, classes: int = 10, *, bias: bool = True) -> Any:
    return _vgg(plan, example, classes, bias=True)


def _vgg_of_one_conv_less(plan: Any, example: Any, classes: int = 10, *, bias: bool = False) -> Any:
    """Take configuration A: one convolution less in each block."""
    return _vgg(tuple(block[1:] or block for block in plan), example, classes, bias=bias)


def _vgg_halved_twice(plan: Any, example: Any, classes: int = 10, *, bias: bool = False) -> Any:
    """Give the first convolution of every block stride 2, beside the pool."""
    right = _vgg(plan, example, classes, bias=bias)
    starts = {f"conv{1 + sum(map(len, plan[:block]))}" for block in range(len(plan))}
    strided = (replace(node, stride=(2, 2)) if node.name in starts else node for node in right.network)
    return right._replace(network=tuple(strided))


def _vggs(wrong: Any) -> dict[str, Any]:
    return {f"{ARCHITECTURES}.vgg": wrong}


def _unchecked_depth(depth: Any, *rest: Any, **named: Any) -> Any:
    """Round the depth down to what there is."""
    return _resnet(max(int(depth) // 6 * 6 + 2, 8), *rest, **named)


def _projected_always(name: str, inputs: int, outputs: int, reads: str) -> Any:
    """Project the shortcut of every block."""
    if inputs != outputs:
        return _block(name, inputs, outputs, reads)
    conv, norm = (step for step in _block(name, inputs, 2 * inputs, reads) if "shortcut" in step.node.name)
    conv = conv._replace(node=replace(conv.node, stride=(1, 1)), shape=(outputs, inputs, 1, 1))
    *steps, add, relu = _block(name, inputs, outputs, reads)
    add = add._replace(node=replace(add.node, inputs=(add.node.inputs[0], norm.node.name)))
    return *steps, conv, norm._replace(shape=(outputs,)), add, relu


def _relu_before_the_sum(name: str, inputs: int, outputs: int, reads: str) -> Any:
    """Take ReLU of the residual, and add afterwards."""
    *steps, add, relu = _block(name, inputs, outputs, reads)
    first = replace(relu.node, name=f"{name}_relu2", inputs=(f"{name}_conv2_bn",))
    last = replace(add.node, name=f"{name}_relu", inputs=(f"{name}_relu2", add.node.inputs[1]))
    return *steps, relu._replace(node=first), add._replace(node=last)


def _stride_in_the_second(name: str, inputs: int, outputs: int, reads: str) -> Any:
    """Halve rows and columns in the second convolution."""
    swapped = {f"{name}_conv1": (1, 1), f"{name}_conv2": (2, 2)} if inputs != outputs else {}
    steps = _block(name, inputs, outputs, reads)
    return tuple(
        step._replace(node=replace(step.node, stride=swapped[step.node.name])) if step.node.name in swapped else step
        for step in steps
    )


def _raw_shortcut(name: str, inputs: int, outputs: int, reads: str) -> Any:
    """Leave batch norm out of the projection."""
    steps = [step for step in _block(name, inputs, outputs, reads) if step.node.name != f"{name}_shortcut_bn"]
    names = tuple(each.removesuffix("_bn") if "shortcut" in each else each for each in steps[-2].node.inputs)
    steps[-2] = steps[-2]._replace(node=replace(steps[-2].node, inputs=names))
    return tuple(steps)


def _in_front(node: Any) -> Any:
    """Concatenate the new channels in front of the old."""
    return replace(node, inputs=node.inputs[::-1]) if isinstance(node, Concat) else node


def _full_convolution(name: str, channels: int, stride: int = 1, reads: Any = ()) -> Any:
    """Take a convolution of all channels for a depthwise one."""
    return _conv_norm_relu(name, channels, channels, 3, stride, reads)


def _without_stride(node: Any) -> Any:
    return replace(node, stride=(1, 1)) if isinstance(node, DepthwiseConv2d) else node


def _before_relu(node: Any) -> Any:
    return replace(node, inputs=("conv1",)) if node.name == "three_reduce" else node


def _branches_by_name(node: Any) -> Any:
    """Concatenate the branches in the order of their names."""
    return replace(node, inputs=tuple(sorted(node.inputs))) if isinstance(node, Concat) else node


def _halves(node: Any) -> Any:
    return replace(node, sizes=(12, 12)) if isinstance(node, Split) else node


def _by_name(nodes: Any) -> Any:
    """List the arrays by name."""
    return dict(sorted(_shapes(nodes).items()))


def _statistics_last(nodes: Any) -> Any:
    """List what is learned first, as parameters and buffers."""
    right = _shapes(nodes)
    return dict(sorted(right.items(), key=lambda entry: ".running_" in entry[0]))


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
    Mutant("images unchecked", "ARC-04", "no pixel is left", {f"{PIECES}.check_images": _images_unchecked}),
    Mutant("VGG with biases", "ARC-05", "4,224 biases that batch norm undoes; torchvision", _vggs(_vgg_with_biases)),
    Mutant("VGG of configuration A", "ARC-05", "one convolution less a block", _vggs(_vgg_of_one_conv_less)),
    Mutant("VGG halved twice", "ARC-05", "stride 2 and a pool", _vggs(_vgg_halved_twice)),
    Mutant("ResNet of any depth", "ARC-06", "9 taken for 8", {f"{RESNETS}.resnet": _unchecked_depth}),
    Mutant("every shortcut projected", "ARC-06", "option C", {f"{RESNETS}._block": _projected_always}),
    Mutant("ReLU before the sum", "ARC-06", "a sum of what is above 0", {f"{RESNETS}._block": _relu_before_the_sum}),
    Mutant("stride in the second", "ARC-06", "the other convolution", {f"{RESNETS}._block": _stride_in_the_second}),
    Mutant("shortcut without norm", "ARC-06", "a projection as it is", {f"{RESNETS}._block": _raw_shortcut}),
    Mutant("new channels in front", "ARC-07", "concatenated the other way", _changed("densenet_tiny", _in_front)),
    Mutant(
        "depthwise in full",
        "ARC-08",
        "a convolution of all channels",
        {f"{PIECES}.depthwise_norm_relu": _full_convolution},
    ),
    Mutant("depthwise without stride", "ARC-08", "16 pixels become 64", _changed("mobilenet_tiny", _without_stride)),
    Mutant("branch before its ReLU", "ARC-09", "another value is read", _changed("inception_tiny", _before_relu)),
    Mutant("branches by name", "ARC-09", "M25: dictionary order", _changed("inception_tiny", _branches_by_name)),
    Mutant("parts in their order", "ARC-10", "M44: nothing changes places", _changed("split_swap", _in_front)),
    Mutant("equal parts", "ARC-10", "M44: torch.chunk for torch.split", _changed("split_swap", _halves)),
    Mutant("arrays by name", "ARC-11", "M93: other draws from the same seed", {f"{PIECES}._shapes": _by_name}),
    Mutant("statistics last", "ARC-11", "parameters, then buffers; torch", {f"{PIECES}._shapes": _statistics_last}),
)
