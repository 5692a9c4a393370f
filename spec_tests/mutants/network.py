"""Wrong networks: what is filled in, written, read, inferred and accepted."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from refprune.errors import InvalidInput
from refprune.network import Conv2d, Dense, Input
from spec_tests.mutants.mutant import Mutant, original

NETWORK = "refprune.network"
_build, _with_inputs = original(f"{NETWORK}.build"), original(f"{NETWORK}._with_inputs")
_checked, _check_fields = original(f"{NETWORK}._checked_node"), original(f"{NETWORK}._check_fields")
_to_json, _from_json = original(f"{NETWORK}.to_json"), original(f"{NETWORK}.from_json")
_node_from_json, _tuples = original(f"{NETWORK}._node_from_json"), original(f"{NETWORK}._tuples")
_infer, _window_shape = original(f"{NETWORK}.infer_shapes"), original(f"{NETWORK}._window_shape")
_dense_shape = original(f"{NETWORK}._dense_shape")


def _first_node_read(node: Any, before: Any) -> Any:
    """Read the input where nothing is said."""
    return _with_inputs(node, before[:1])


def _always_the_one_before(node: Any, before: Any) -> Any:
    """Ignore the inputs that are named."""
    return _with_inputs(replace(node, inputs=()), before)


def _without_padding(network: Any) -> str:
    """Leave padding out of the text."""
    document = json.loads(_to_json(network))
    for entry in document["nodes"]:
        entry.pop("padding", None)
    return json.dumps(document)


def _without_inputs(network: Any) -> str:
    """Write a chain, whatever the graph."""
    return str(_to_json(tuple(replace(node, inputs=()) for node in network)))


def _lists_stay(value: Any) -> Any:
    return value


def _stride_swapped(entry: Any) -> Any:
    """Read (columns, rows)."""
    turned = {key: value[::-1] if key == "stride" else value for key, value in entry.items()}
    return _node_from_json(turned) if isinstance(entry, dict) else _node_from_json(entry)


def _fields_ignored(entry: Any) -> Any:
    """Skip what is not known."""
    known = ("op", "name", "shape", "stride", "padding", "size", "inputs")
    return _node_from_json({key: value for key, value in entry.items() if key in known})


def _any_version(text: Any) -> Any:
    """Read whatever has nodes."""
    document = json.loads(text)
    return _from_json(json.dumps({**document, "format": "refprune-network", "version": 0}))


def _false_is_zero(text: Any) -> Any:
    """Compare the version with ==."""
    same = isinstance(text, str) and '"version": false' in text
    return _from_json(text.replace('"version": false', '"version": 0') if same else text)


def _too_deep(text: Any) -> Any:
    """Let the parser's RecursionError through."""
    with suppress(TypeError, ValueError):
        json.loads(text)
    return _from_json(text)


def _difference_only(network: Any, params: Any) -> Any:
    """Name what differs, and not which way."""
    try:
        return _infer(network, params)
    except InvalidInput as error:
        what, got, expected = error.args
        raise InvalidInput(what, got.replace("missing ", "").replace("unknown ", ""), expected) from error


def _same_padding(node: Any, shape: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Divide by the stride, rounding up, as padding 'same' does."""
    _window_shape(node, shape, size, stride, padding)
    return -(-shape[1] // stride[0]), -(-shape[2] // stride[1])


def _sides_swapped(node: Any, shape: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Read (top, bottom, left, right)."""
    top, left, bottom, right = padding
    return _window_shape(node, shape, size, stride, (top, bottom, left, right))


def _windows_of_padding(node: Any, shape: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Let windows see nothing but padding, and inputs be too small."""
    top, left, bottom, right = padding
    rows = (shape[1] + top + bottom - size[0]) // stride[0] + 1
    return rows, (shape[2] + left + right - size[1]) // stride[1] + 1


def _dense_unchecked(node: Any, shape: Any, params: Any) -> Any:
    """Believe the weight."""
    return params[f"{node.name}.weight"].shape[:1]


def _dense_flattens(node: Any, shape: Any, params: Any) -> Any:
    """Flatten an image without being told."""
    size = 1
    for length in shape:
        size *= length
    return _dense_shape(node, (size,), params)


def _spare_parameters(network: Any, params: Any) -> Any:
    """Ignore parameters that nobody owns."""
    owned = {f"{node.name}.{part}" for node in network for part in ("weight", "bias")}
    return _infer(network, {name: array for name, array in params.items() if name in owned})


def _nameless_errors(network: Any, params: Any) -> Any:
    """Refuse without saying where."""
    try:
        return _infer(network, params)
    except ValueError as error:
        raise ValueError("shape mismatch") from error


def _cycles_allowed(node: Any, before: Any) -> Any:
    """Look inputs up later."""
    known = tuple(name for name in before if name != node.name)
    return _checked(node, (*known, *node.inputs)) if known and not isinstance(node, Input) else _checked(node, before)


def _names_twice(node: Any, before: Any) -> Any:
    """Let the later of two nodes of one name win."""
    return node if node.name in before else _checked(node, before)


def _broadcast_stride(node: Any) -> None:
    """Let one number stand for two."""
    single = isinstance(node, Conv2d) and type(node.stride) is not tuple
    _check_fields(replace(node, stride=(node.stride, node.stride)) if single else node)


def _merged(node: Any, before: Any) -> Any:
    """Read the first of several inputs, silently."""
    return node if isinstance(node, Dense) and len(node.inputs) > 1 else _checked(node, before)


MUTANTS = (
    Mutant("the input by default", "NET-01", "not the node before", {f"{NETWORK}._with_inputs": _first_node_read}),
    Mutant("always a chain", "NET-01", "named inputs ignored", {f"{NETWORK}._with_inputs": _always_the_one_before}),
    Mutant("padding not written", "NET-02", "M83: a field is dropped", {f"{NETWORK}.to_json": _without_padding}),
    Mutant("inputs not written", "NET-02", "M83: a graph becomes a chain", {f"{NETWORK}.to_json": _without_inputs}),
    Mutant("lists for tuples", "NET-02", "records that are not equal", {f"{NETWORK}._tuples": _lists_stay}),
    Mutant("stride read backwards", "NET-02", "(columns, rows)", {f"{NETWORK}._node_from_json": _stride_swapped}),
    Mutant("size by stride alone", "NET-03", "ceil(n / s)", {f"{NETWORK}._window_shape": _same_padding}),
    Mutant("sides swapped", "NET-03", "(top, bottom, left, right)", {f"{NETWORK}._window_shape": _sides_swapped}),
    Mutant("window of padding", "NET-04", "a mean of nothing", {f"{NETWORK}._window_shape": _windows_of_padding}),
    Mutant("misfit accepted", "NET-04", "the weight is believed", {f"{NETWORK}._dense_shape": _dense_unchecked}),
    Mutant("flatten in dense", "NET-04", "an image is taken", {f"{NETWORK}._dense_shape": _dense_flattens}),
    Mutant("spare parameters", "NET-04", "nobody owns them", {f"{NETWORK}.infer_shapes": _spare_parameters}),
    Mutant("nameless errors", "NET-04", "no node is named", {f"{NETWORK}.infer_shapes": _nameless_errors}),
    Mutant("missing or unknown", "NET-04", "the message tells not", {f"{NETWORK}.infer_shapes": _difference_only}),
    Mutant("inputs that come later", "NET-05", "no topological order", {f"{NETWORK}._checked_node": _cycles_allowed}),
    Mutant("names twice", "NET-05", "the later one wins", {f"{NETWORK}._checked_node": _names_twice}),
    Mutant("one number for two", "NET-05", "stride 2", {f"{NETWORK}._check_fields": _broadcast_stride}),
    Mutant("two inputs, one read", "NET-05", "a merge is lost", {f"{NETWORK}._checked_node": _merged}),
    Mutant("unknown fields skipped", "NET-06", "a slope is lost", {f"{NETWORK}._node_from_json": _fields_ignored}),
    Mutant("false is version 0", "NET-06", "False == 0", {f"{NETWORK}.from_json": _false_is_zero}),
    Mutant("too deep to read", "NET-06", "RecursionError for an answer", {f"{NETWORK}.from_json": _too_deep}),
    Mutant("any version", "NET-06", "a later format is misread", {f"{NETWORK}.from_json": _any_version}),
)
