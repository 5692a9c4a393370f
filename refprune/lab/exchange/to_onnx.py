"""A network as ONNX, an operator for each node.

In: the network and its parameters. Out: the model, whose values have the names of the nodes and whose initializers are
the parameters and nothing else; the batch dimension is symbolic. It says what the network does in use: running
statistics, no dropout.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from refprune.arrays import Array, Params, check_float_arrays
from refprune.errors import InvalidInput
from refprune.lab.extras import needs_onnx
from refprune.network import (
    INTEGER_FIELDS,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Shape,
    Sigmoid,
    Split,
    parameters,
    values_of,
)
from refprune.shapes import infer_shapes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET, IR_VERSION = 17, 8
"""The operators and the form of the file: of 2022, known to every runtime in use."""
BATCH = "N"
"""What the batch dimension is called."""
LARGEST = 2**63 - 1
"""The largest integer of an attribute, and of a dimension."""
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
PLAIN: Mapping[type[Node], str] = {
    GlobalAvgPool2d: "GlobalAveragePool",
    Relu: "Relu",
    Sigmoid: "Sigmoid",
    Dropout: "Dropout",
}
"""Record -> operator, where neither has anything to say."""


def to_onnx(network: Network, params: Params) -> "ModelProto":
    """Return the network as an ONNX model, which `onnx.checker` has passed.

    ONNX keeps eps and the momentum of a normalisation in float32, whatever the dtype of the parameters is: what is
    below its range is written as 0. A `Conv2d` whose groups are its channels is read back as a `DepthwiseConv2d`.

    Raises:
        InvalidInput: parameters that do not fit, are of several dtypes or of another than float32 and float64; names
            that ONNX cannot keep apart or cannot write; integers that it cannot.
        MissingExtra: the package onnx is not installed.
    """
    needs_onnx()
    from onnx import checker, helper, numpy_helper

    check_float_arrays("parameter", params)
    shapes, kind = infer_shapes(network, params), helper.np_dtype_to_tensor_dtype(_dtype(params))
    _check_text([*(node.name for node in network), *params])
    _check_integers(network, shapes)
    nodes = [made for node in network for made in _operators(node, shapes)]
    _check_names(network, params, nodes)
    first, last = (
        helper.make_tensor_value_info(name, kind, [BATCH, *shapes[name]])
        for name in (network[0].name, network[-1].name)
    )
    arrays = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in params.items()]
    graph = helper.make_graph(nodes, "refprune", [first], [last], arrays)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, producer_name="refprune", opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(model)
    return model


def _dtype(params: Params) -> "np.dtype[Any]":
    """Return the one dtype of the parameters; float32 where there are none."""
    found = list(dict.fromkeys(array.dtype for array in params.values())) or [DTYPES[0]]
    if len(found) != 1 or found[0] not in DTYPES:
        raise InvalidInput("parameters", ", ".join(map(str, found)), "all of float32, or all of float64")
    return found[0]


def _check_text(names: Iterable[str]) -> None:
    """Refuse names that no file can hold."""
    for name in names:
        if name != name.encode(errors="replace").decode():
            raise InvalidInput("network", f"the name {name!r}", "text that UTF-8 can write")


def _check_integers(network: Network, shapes: Mapping[str, Shape]) -> None:
    """Refuse integers of which ONNX has none as large: its are of 64 bits."""
    for node in network:
        said = {field: getattr(node, field) for field in INTEGER_FIELDS if hasattr(node, field)}
        said |= {f"the shape of {value}": shapes[value] for value in values_of(node)}
        for what, integers in said.items():
            if max(integers) > LARGEST:
                raise InvalidInput(f"node {node.name!r}", f"{what} {integers}", f"integers up to {LARGEST}, as in ONNX")


def _check_names(network: Network, params: Params, nodes: Sequence["NodeProto"]) -> None:
    """Refuse two values, or a value and a parameter, of one name; and two nodes of one name."""
    values = [network[0].name, *(name for node in nodes for name in node.output), *params]
    for what, names in (("values and parameters", values), ("nodes", [node.name for node in nodes])):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise InvalidInput("network", f"{what} of the same name, {twice}", "names of their own")


def _operators(node: Node, shapes: Mapping[str, Shape]) -> list["NodeProto"]:
    """Return the operator of a node, behind the constant that it reads; none of the input."""
    if isinstance(node, Input):
        return []
    constants: dict[str, Array] = {}
    if isinstance(node, Split):
        constants = {f"{node.name}.sizes": np.array(node.sizes, np.int64)}
    if isinstance(node, Dropout):
        constants = {f"{node.name}.rate": np.array(node.rate, np.float64)}
    made = [_constant(name, array) for name, array in constants.items()]
    inputs = [*node.inputs, *constants, *parameters(node)]
    operator, attributes = _operator(node, shapes)
    return [*made, _proto(node.name, operator, inputs, values_of(node), attributes)]


def _constant(name: str, array: Array) -> "NodeProto":
    from onnx import numpy_helper

    return _proto(name, "Constant", (), (name,), {"value": numpy_helper.from_array(array)})


def _proto(
    name: str, operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
) -> "NodeProto":
    from onnx import helper

    made = helper.make_node(operator, inputs, outputs, name)
    made.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    return made


def _operator(node: Node, shapes: Mapping[str, Shape]) -> tuple[str, dict[str, Any]]:
    """Return the operator of a node and its attributes; the padding has the order of ours."""
    match node:
        case Dense():
            return "Gemm", {"transB": 1}
        case Conv2d(stride=stride, padding=padding, groups=groups):
            return "Conv", {"strides": stride, "pads": padding, "group": groups}
        case DepthwiseConv2d(stride=stride, padding=padding):
            return "Conv", {"strides": stride, "pads": padding, "group": shapes[node.inputs[0]][0]}
        case BatchNorm(eps=eps, momentum=momentum):  # ONNX says what stays of the old statistics
            return "BatchNormalization", {"epsilon": eps, "momentum": complement(momentum)}
        case MaxPool2d(size=size, stride=stride, padding=padding):
            return "MaxPool", {"kernel_shape": size, "strides": stride, "pads": padding}
        case AvgPool2d(size=size, stride=stride, padding=padding):
            return "AveragePool", {"kernel_shape": size, "strides": stride, "pads": padding, "count_include_pad": 0}
        case Flatten():
            return "Flatten", {"axis": 1}
        case Add():
            return ("Add" if len(node.inputs) == 2 else "Sum"), {}
        case Concat():
            return "Concat", {"axis": 1}
        case Split():
            return "Split", {"axis": 1}
    return PLAIN[type(node)], {}


def complement(fraction: float) -> float:
    """Return 1 - fraction of the decimals that are written, so that 0.1 comes back from 0.9."""
    return float(1 - Decimal(repr(fraction)))
