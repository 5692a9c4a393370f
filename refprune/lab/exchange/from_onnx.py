"""A network from an ONNX model; what the records cannot say is refused, naming the node and its operator.

In: the model. Out: the network and its parameters. A layer is called as its node in the file and owns `name.weight` and
so on, whatever its initializers are called; what does not lead to the output is left out. Weights that two layers read
are shared where a record can say so, and copied where it cannot.
What each operator becomes: operators.py.
"""

import re
from collections import Counter
from collections.abc import Container, Iterable
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
        text = str(error).strip() or type(error).__name__
        node = re.search(r"name: (.*) OpType: (\w+)", text, re.IGNORECASE)
        what = f"node {node[1]!r} ({node[2]})" if node else "model"
        raise InvalidInput(what, text.splitlines()[0].rstrip("."), "a well-formed ONNX model") from error


def _check_model(model: "ModelProto") -> None:
    """Refuse what is malformed, and operators that are not read: first what we can say better than the package."""
    from onnx import checker, defs

    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_location or tensor.external_data:
            raise InvalidInput(f"initializer {tensor.name!r}", "numbers in another file", "all of them in this one")
    versions = [opset.version for opset in model.opset_import if opset.domain in DOMAINS]
    newest = defs.onnx_opset_version()
    if not versions or not all(OLDEST <= version <= newest for version in versions):
        raise InvalidInput("model", f"operators of version {versions}", f"one in {OLDEST}..{newest}")
    if model.functions or graph.sparse_initializer:
        raise InvalidInput("model", "functions or sparse initializers", "neither")
    _check_ends(graph)
    _check_edges(graph)
    _check_operators(_needed(list(graph.node), _the_output(graph)), versions[0])
    checker.check_model(model)


def _check_ends(graph: "GraphProto") -> None:
    """Refuse other than one input and one output, and nodes of which none is in between."""
    source = _the_input(graph, {tensor.name for tensor in graph.initializer}).name
    if _the_output(graph) == source and graph.node:
        raise InvalidInput(f"output {source!r}", "the input of the graph", "a value that a node computes")


def _check_edges(graph: "GraphProto") -> None:
    """Refuse two nodes of one name, and a node that reads what nothing before it gives."""
    names = Counter(node.name for node in graph.node if node.name)
    if twice := [name for name, count in names.items() if count > 1]:
        raise InvalidInput(f"node {twice[0]!r}", f"{names[twice[0]]} nodes of this name", "a name for each")
    makers = {name: _what(node) for node in graph.node for name in node.output}
    known = {"", *(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in known:
                where = f"{makers[name]} computes, not before it" if name in makers else "nothing computes"
                got = f"{name!r} at input {place}, which {where}"
                raise InvalidInput(_what(node), got, "the input, an initializer, or a value of a node before it")
        known.update(node.output)


def _what(node: "NodeProto") -> str:
    """Return the node and its operator; one without a name is called as what it computes."""
    return f"node {node.name or next(iter(node.output), '')!r} ({node.op_type})"


def _check_operators(nodes: Iterable["NodeProto"], version: int) -> None:
    """Refuse operators that are not read, and attributes that they do not have."""
    from onnx import defs

    for node in nodes:
        if node.op_type not in {*READERS, "Constant"} or node.domain not in DOMAINS:
            got = f"{node.domain}.{node.op_type}".removeprefix(".")
            raise InvalidInput(_what(node), f"the operator {got}", f"one of {', '.join(sorted(READERS))}")
        known = defs.get_schema(node.op_type, version, "").attributes
        for attribute in node.attribute:
            if attribute.name not in known:
                expected = f"one of {', '.join(sorted(known))}" if known else "none"
                raise InvalidInput(_what(node), f"the attribute {attribute.name!r}", expected)


def _read_graph(graph: "GraphProto") -> tuple[Network, dict[str, Array]]:
    constants = {tensor.name: _array(f"initializer {tensor.name!r}", tensor) for tensor in graph.initializer}
    source, output = _the_input(graph, constants), _the_output(graph)
    shape, batch = _example(source)
    operators = _operators(_needed(_without_constants(graph.node, constants), output), source.name)
    readers = Counter(name for operator in operators for name in operator.inputs) + Counter([output])
    values, dtype = {source.name: source.name}, _dtype(source)
    found = Found(constants, values, readers, operators, batch, dtype, [Input(source.name, shape)])
    for operator in operators:
        if operator.outputs[0] not in found.values:  # it did not go into the one before
            READERS[operator.kind](operator, found)
    if output not in found.values:
        raise InvalidInput(f"output {output!r}", "a value that no node computes", "one that depends on the input")
    network = build(*found.nodes)
    infer_shapes(network, found.params)
    return network, found.params


# The graph


def _the_input(graph: "GraphProto", constants: Container[str]) -> "ValueInfoProto":
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


def _array(what: str, tensor: "TensorProto") -> Array:
    from onnx import TensorProto, numpy_helper

    if tensor.data_type not in TensorProto.DataType.values():
        raise InvalidInput(what, f"dtype {tensor.data_type}", "one that ONNX has, such as 1, FLOAT, or 11, DOUBLE")
    array = np.array(numpy_helper.to_array(tensor))
    if array.shape != tuple(tensor.dims):
        raise InvalidInput(what, f"shape {list(tensor.dims)}", "its shape")
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
            return _array(_what(node), value)
        case "value_float" | "value_floats":
            return np.array(value, np.float32)
        case "value_int" | "value_ints":
            return np.array(value, np.int64)
    raise InvalidInput(_what(node), attribute.name, "numbers")


def _needed(nodes: list["NodeProto"], output: str) -> list["NodeProto"]:
    """Return the nodes that lead to the output."""
    wanted, needed = {output}, []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            needed.append(node)
            wanted.update(node.input)
    return needed[::-1]


def _operators(nodes: list["NodeProto"], source: str) -> list[Operator]:
    """Return the nodes with names: their own, or, where one has none or that of the input, those of their outputs."""
    names = [node.name for node in nodes]
    if not {"", source}.isdisjoint(names):
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
