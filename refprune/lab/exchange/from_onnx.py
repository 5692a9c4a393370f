"""A network from an ONNX model; what the records cannot say is refused, naming the node and its operator.

In: the model. Out: the network and its parameters. A layer is called as its node in the file and owns `name.weight` and
so on, whatever its initializers are called; what does not lead to the output is left out. Weights that two layers read
are shared where a record can say so, and copied where it cannot.
What each operator becomes: operators.py.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from refprune.arrays import Array
from refprune.errors import InvalidInput
from refprune.lab.exchange.found import Found, Operator
from refprune.lab.exchange.operators import READERS
from refprune.lab.exchange.to_onnx import DTYPES
from refprune.lab.extras import needs_onnx
from refprune.network import Input, Network, build
from refprune.shapes import infer_shapes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

OLDEST = 13
"""The first version of the operators that is read."""
DOMAINS = ("", "ai.onnx")
"""What the operators of ONNX itself are written under."""


def from_onnx(model: "ModelProto") -> tuple[Network, dict[str, Array]]:
    """Return the network of a model and its parameters, in the order of the nodes.

    Raises:
        InvalidInput: a model that is malformed, or that is no network of ours.
        MissingExtra: the package onnx is not installed.
    """
    needs_onnx()
    try:
        _check_model(model)
        return _read_graph(model.graph)
    except InvalidInput:
        raise
    except Exception as error:  # what the package raises on a malformed model is no closed list
        got = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InvalidInput("model", got, "a well-formed ONNX model") from error


def _check_model(model: "ModelProto") -> None:
    from onnx import checker, defs

    if any(tensor.data_location or tensor.external_data for tensor in model.graph.initializer):
        raise InvalidInput("model", "initializers in another file", "all of them in this one")
    checker.check_model(model)
    versions = [opset.version for opset in model.opset_import if opset.domain in DOMAINS]
    newest = defs.onnx_opset_version()
    if not versions or not all(OLDEST <= version <= newest for version in versions):
        raise InvalidInput("model", f"operators of version {versions}", f"one in {OLDEST}..{newest}")
    if model.functions or model.graph.sparse_initializer:
        raise InvalidInput("model", "functions or sparse initializers", "neither")


def _read_graph(graph: "GraphProto") -> tuple[Network, dict[str, Array]]:
    constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
    source, output = _the_input(graph, constants), _the_output(graph)
    shape, batch = _example(source)
    operators = _operators(_needed(_without_constants(graph.node, constants), output), source.name)
    readers = Counter(name for operator in operators for name in operator.inputs) + Counter([output])
    values, dtype = {source.name: source.name}, _dtype(source)
    found = Found(constants, values, readers, operators, batch, dtype, [Input(source.name, shape)])
    for operator in operators:
        _read_operator(operator, found)
    if output not in found.values:
        raise InvalidInput(f"output {output!r}", "a value that no node computes", "one that depends on the input")
    network = build(*found.nodes)
    infer_shapes(network, found.params)
    return network, found.params


def _read_operator(operator: Operator, found: Found) -> None:
    """Add what an operator becomes."""
    if operator.outputs[0] in found.values:  # it went into the one before
        return
    if operator.kind not in READERS or operator.domain not in DOMAINS:
        got = f"{operator.domain}.{operator.kind}".removeprefix(".")
        raise InvalidInput(operator.what, f"the operator {got}", f"one of {', '.join(sorted(READERS))}")
    READERS[operator.kind](operator, found)


# The graph


def _the_input(graph: "GraphProto", constants: Mapping[str, Array]) -> "ValueInfoProto":
    """Return the one input; older files list the initializers among them."""
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise InvalidInput("model", f"inputs {[value.name for value in inputs]}", "one input")
    source: ValueInfoProto = inputs[0]
    return source


def _the_output(graph: "GraphProto") -> str:
    if len(graph.output) != 1:
        raise InvalidInput("model", f"outputs {[value.name for value in graph.output]}", "one output")
    return str(graph.output[0].name)


def _example(source: "ValueInfoProto") -> tuple[tuple[int, ...], int]:
    """Return the shape of one example, and the batch that the file is for; 0: any."""
    dimensions = source.type.tensor_type.shape.dim
    batch, *shape = [dimension.dim_value for dimension in dimensions] or [0]
    if not shape or min(shape) < 1:
        got = ", ".join(dimension.dim_param or str(dimension.dim_value) for dimension in dimensions)
        raise InvalidInput(f"input {source.name!r}", f"shape ({got})", "(N, ...), numbers but for the batch N")
    return tuple(shape), batch


def _dtype(source: "ValueInfoProto") -> "np.dtype[Any]":
    from onnx import TensorProto, helper

    kind = source.type.tensor_type.elem_type
    known = {int(helper.np_dtype_to_tensor_dtype(dtype)): dtype for dtype in DTYPES}
    if kind not in known:
        got = f"dtype {TensorProto.DataType.Name(kind)}"
        raise InvalidInput(f"input {source.name!r}", got, "FLOAT or DOUBLE, which are float32 and float64")
    return known[kind]


def _array(tensor: "TensorProto") -> Array:
    from onnx import numpy_helper

    array = np.array(numpy_helper.to_array(tensor))
    if array.shape != tuple(tensor.dims):
        raise InvalidInput(f"initializer {tensor.name!r}", f"shape {list(tensor.dims)}", "its shape")
    return array


def _without_constants(nodes: Iterable["NodeProto"], constants: dict[str, Array]) -> list["NodeProto"]:
    """Return the nodes that compute something; the others become constants."""
    left: list[NodeProto] = []
    for node in nodes:
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(node)
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        else:
            left.append(node)
    return left


def _constant(node: "NodeProto") -> Array:
    from onnx import helper

    (attribute,) = node.attribute
    value = helper.get_attribute_value(attribute)
    match attribute.name:
        case "value":
            return _array(value)
        case "value_float" | "value_floats":
            return np.array(value, np.float32)
        case "value_int" | "value_ints":
            return np.array(value, np.int64)
    raise InvalidInput(f"node {node.output[0]!r} (Constant)", attribute.name, "numbers")


def _needed(nodes: list["NodeProto"], output: str) -> list["NodeProto"]:
    """Return the nodes that lead to the output."""
    wanted, needed = {output}, []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            needed.append(node)
            wanted.update(node.input)
    return needed[::-1]


def _operators(nodes: list["NodeProto"], source: str) -> list[Operator]:
    """Return the nodes with names: their own, or, where these are not distinct, the names of their outputs."""
    names = [node.name for node in nodes]
    if "" in names or len({*names, source}) != len(names) + 1:
        names = [node.output[0] for node in nodes]
    return [_operator(node, name) for node, name in zip(nodes, names, strict=True)]


def _operator(node: "NodeProto", name: str) -> Operator:
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return Operator(name, node.op_type, node.domain, _given(node.input), _given(node.output), attributes)


def _given(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without the empty ones at the end, which say nothing."""
    given = tuple(names)
    while given and not given[-1]:
        given = given[:-1]
    return given
