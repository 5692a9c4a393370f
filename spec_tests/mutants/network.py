"""Wrong networks: what is filled in, written, read, inferred and accepted."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from refprune.errors import InvalidInput
from refprune.network import Add, AvgPool2d, Concat, Conv2d, Dense, DepthwiseConv2d, Node, Relu, Split, values_of
from spec_tests.mutants.mutant import Mutant, original

NETWORK, SHAPES = "refprune.network", "refprune.shapes"
_build, _with_inputs = original(f"{NETWORK}.build"), original(f"{NETWORK}._with_inputs")
_checked, _check_fields = original(f"{NETWORK}._checked_node"), original(f"{NETWORK}._check_fields")
_to_json, _from_json = original(f"{NETWORK}.to_json"), original(f"{NETWORK}.from_json")
_node_from_json, _tuples = original(f"{NETWORK}._node_from_json"), original(f"{NETWORK}._tuples")
_infer, _window_shape = original(f"{SHAPES}.infer_shapes"), original(f"{SHAPES}._window_shape")
_dense_shape, _conv_shape = original(f"{SHAPES}._dense_shape"), original(f"{SHAPES}._conv_shape")
_joined_shape, _split_shapes = original(f"{SHAPES}._joined_shape"), original(f"{SHAPES}._split_shapes")
_pool_shape, _check_vectors = original(f"{SHAPES}._pool_shape"), original(f"{SHAPES}._check_vectors")
_check_shared, _numbers = original(f"{NETWORK}._check_shared"), original(f"{NETWORK}.NUMBER_FIELDS")


def _first_node_read(node: Any, before: Any) -> Any:
    """Read the input where nothing is said."""
    return _with_inputs(node, before[:1])


def _always_the_one_before(node: Any, before: Any) -> Any:
    """Ignore the inputs that are named."""
    return _with_inputs(replace(node, inputs=()), before)


def _first_part_read(node: Any, before: Any) -> Any:
    """Read the first part of a split where nothing is said."""
    behind = before and isinstance(before[-1], Split) and node.inputs == ()
    return replace(node, inputs=values_of(before[-1])[:1]) if behind else _with_inputs(node, before)


def _unwritten(field: str) -> Callable[[Any], str]:
    """Leave a field out of the text."""

    def to_json(network: Any) -> str:
        document = json.loads(_to_json(network))
        for entry in document["nodes"]:
            entry.pop(field, None)
        return json.dumps(document)

    return to_json


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
    known = ("op", "name", "shape", "stride", "padding", "size", "sizes", "inputs", "eps", "bias", "shares")
    kept = {key: value for key, value in entry.items() if key in known} if isinstance(entry, dict) else entry
    return _node_from_json(kept)


def _sizes_guessed(entry: Any) -> Any:
    """Take one channel where no sizes are said."""
    silent = isinstance(entry, dict) and entry.get("op") == "split" and "sizes" not in entry
    return _node_from_json({**entry, "sizes": [1]} if silent else entry)


def _any_version(text: Any) -> Any:
    """Read whatever has nodes."""
    with suppress(TypeError, ValueError, RecursionError):
        document = json.loads(text)
        if isinstance(document, dict):
            return _from_json(json.dumps({**document, "format": "refprune-network", "version": 0}))
    return _from_json(text)


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


def _parts_from_one(node: Any) -> Any:
    """Count the parts of a split from 1."""
    return (
        tuple(f"{node.name}[{part + 1}]" for part in range(len(node.sizes)))
        if isinstance(node, Split)
        else (node.name,)
    )


def _equal_parts(node: Any, shape: Any) -> Any:
    """Split into as many equal parts."""
    _split_shapes(node, shape)
    return tuple((shape[0] // len(node.sizes), *shape[1:]) for _ in node.sizes)


def _depthwise_as_wide(node: Any, shape: Any, params: Any, groups: Any) -> Any:
    """Let a depthwise convolution have as many outputs as channels."""
    right = _conv_shape(node, shape, params, groups)
    return (shape[0], *right[1:]) if isinstance(node, DepthwiseConv2d) else right


def _joined_in_columns(node: Any, inputs: Any) -> Any:
    """Concatenate along the last axis, as where channels come last."""
    if isinstance(node, Add):
        return _joined_shape(node, inputs)
    return (*inputs[0][:-1], sum(shape[-1] for shape in inputs))


def _mean_without_axes(node: Any, shape: Any) -> Any:
    """Return a row of features from a global pool."""
    return _pool_shape(node, shape) if hasattr(node, "size") else shape[:1]


def _sum_broadcasts(node: Any, inputs: Any) -> Any:
    """Add what NumPy can add."""
    return np.broadcast_shapes(*inputs) if isinstance(node, Add) else _joined_shape(node, inputs)


def _first_rows(node: Any, inputs: Any) -> Any:
    """Concatenate images of unlike rows and columns."""
    return _joined_shape(
        node, [(*shape[:1], *inputs[0][1:]) for shape in inputs] if isinstance(node, Concat) else inputs
    )


def _groups_rounded_down(node: Any, shape: Any, params: Any, groups: Any) -> Any:
    """Leave over the channels and the outputs that do not fill a group."""
    weight = params[f"{node.name}.weight"]
    if weight.ndim == 4 and weight.shape[1] == shape[0] // groups and isinstance(node, Conv2d) and groups > 1:
        return _conv_shape(node, (weight.shape[1], *shape[1:]), params, 1)
    return _conv_shape(node, shape, params, groups)


def _depthwise_unchecked(node: Any, shape: Any, params: Any, groups: Any) -> Any:
    """Believe the weight of a depthwise convolution."""
    weight = params[f"{node.name}.weight"]
    if isinstance(node, DepthwiseConv2d) and weight.ndim == 4 and len(shape) == 3:
        return _conv_shape(node, (weight.shape[1], *shape[1:]), params, 1)
    return _conv_shape(node, shape, params, groups)


def _one_for_all(names: Any, length: Any, params: Any) -> None:
    """Let a vector of length 1 stand for every channel."""
    _check_vectors([name for name in names if params[name].shape != (1,)], length, params)


def _statistics_unchecked(names: Any, length: Any, params: Any) -> None:
    """Look at gamma and beta only."""
    _check_vectors([name for name in names if "running" not in name], length, params)


def _rest_left_over(node: Any, shape: Any) -> Any:
    """Split off what the sizes say, and drop the rest."""
    return _split_shapes(node, (min(shape[0], sum(node.sizes)), *shape[1:]))


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
    if before:
        _checked(replace(node, inputs=values_of(before[0]) * len(node.inputs)), before)
        return node
    return _checked(node, before)


def _names_twice(node: Any, before: Any) -> Any:
    """Let the later of two nodes of one name win."""
    return node if node.name in [earlier.name for earlier in before] else _checked(node, before)


def _parts_hidden(node: Any, before: Any) -> Any:
    """Give a node the name of a part of an earlier split."""
    parts = [value for earlier in before if isinstance(earlier, Split) for value in values_of(earlier)]
    return node if node.name in parts else _checked(node, before)


def _one_is_enough(node: Any, before: Any) -> Any:
    """Let a sum or a concatenation read one value."""
    return node if isinstance(node, Add | Concat) and len(node.inputs) == 1 else _checked(node, before)


def _split_last(*nodes: Any) -> Any:
    """Let the logits be several values."""
    if nodes and isinstance(nodes[-1], Split):
        return _build(*nodes, Relu("last", values_of(nodes[-1])[:1]))[:-1]
    return _build(*nodes)


def _with_number(field: str, fits: Callable[[Any], bool]) -> Any:
    """Return the table of the fields with another condition."""
    return {**_numbers, field: (_numbers[field][0], fits)}


def _broadcast_stride(node: Any) -> None:
    """Let one number stand for two."""
    single = isinstance(node, Conv2d) and type(node.stride) is not tuple
    _check_fields(replace(node, stride=(node.stride, node.stride)) if single else node)


def _merged(node: Any, before: Any) -> Any:
    """Read the first of several inputs, silently."""
    return node if isinstance(node, Dense) and len(node.inputs) > 1 else _checked(node, before)


def _shares_anything(node: Any, before: Any) -> None:
    """Look nothing up."""


def _source(node: Any, before: Any) -> Node | None:
    """Return the layer whose name is shared."""
    return next((earlier for earlier in before if earlier.name == getattr(node, "shares", "")), None)


def _shares_later(node: Any, before: Any) -> None:
    """Believe that the layer is yet to come."""
    if _source(node, before) is not None:
        _check_shared(node, before)


def _shares_in_chains(node: Any, before: Any) -> None:
    """Let a layer share the parameters of one that shares another's."""
    if not getattr(_source(node, before), "shares", ""):
        _check_shared(node, before)


def _shares_without_bias(node: Any, before: Any) -> None:
    """Share the weight, and lose or find a bias."""
    source = _source(node, before)
    _check_shared(replace(node, bias=source.bias) if isinstance(source, Dense | Conv2d) else node, before)


def _shares_across_kinds(node: Any, before: Any) -> None:
    """Let whatever has a weight be shared."""
    source = _source(node, before)
    if type(source) is type(node) or not isinstance(source, Dense | Conv2d | DepthwiseConv2d):
        _check_shared(node, before)


def _owner_of_a_copy(node: Any) -> Any:
    """Let every layer have parameters of its own."""
    return node.name


def _second_use_unchecked(node: Any, shape: Any, params: Any) -> Any:
    """Check the parameters where they are owned."""
    return params[f"{node.shares}.weight"].shape[:1] if node.shares else _dense_shape(node, shape, params)


def _stride_by_default(node: Any, shape: Any, params: Any, groups: Any) -> Any:
    """Give a layer that shares the owner's stride."""
    return _conv_shape(replace(node, stride=(1, 1)) if getattr(node, "shares", "") else node, shape, params, groups)


def _six_digits(network: Any) -> str:
    """Write floats with six digits."""
    document = json.loads(_to_json(network))
    for entry in document["nodes"]:
        entry.update({key: float(f"{value:.6g}") for key, value in entry.items() if isinstance(value, float)})
    return json.dumps(document)


def _in_ascii(network: Any) -> str:
    """Write a question mark for every other letter."""
    text = json.dumps(json.loads(_to_json(network)), ensure_ascii=False)
    return text.encode("ascii", "replace").decode()


def _own_stride(node: Any, shape: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Take the size of an average-pool for its stride."""
    return _window_shape(node, shape, size, size if isinstance(node, AvgPool2d) else stride, padding)


def _two_sides(node: Any, shape: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Take the first two sides of a depthwise convolution's padding for the other two."""
    both = padding[:2] * 2 if isinstance(node, DepthwiseConv2d) else padding
    return _window_shape(node, shape, size, stride, both)


def _two_looked_at(node: Any, inputs: Any) -> Any:
    """Compare the first two inputs of a concatenation alone."""
    if isinstance(node, Add):
        return _joined_shape(node, inputs)
    return (sum(shape[0] for shape in inputs), *_joined_shape(node, inputs[:2])[1:])


MUTANTS = (
    Mutant("the input by default", "NET-01", "not the node before", {f"{NETWORK}._with_inputs": _first_node_read}),
    Mutant("always a chain", "NET-01", "named inputs ignored", {f"{NETWORK}._with_inputs": _always_the_one_before}),
    Mutant("first part by default", "NET-01", "behind a split", {f"{NETWORK}._with_inputs": _first_part_read}),
    Mutant("padding not written", "NET-02", "M83: a field is dropped", {f"{NETWORK}.to_json": _unwritten("padding")}),
    Mutant("inputs not written", "NET-02", "M83: a graph becomes a chain", {f"{NETWORK}.to_json": _without_inputs}),
    Mutant("groups not written", "NET-02", "M83: a field is dropped", {f"{NETWORK}.to_json": _unwritten("groups")}),
    Mutant("bias not written", "NET-02", "M83: there is one again", {f"{NETWORK}.to_json": _unwritten("bias")}),
    Mutant("shares not written", "NET-02", "M83: one layer becomes two", {f"{NETWORK}.to_json": _unwritten("shares")}),
    Mutant("eps not written", "NET-02", "M83: a field is dropped", {f"{NETWORK}.to_json": _unwritten("eps")}),
    Mutant("lists for tuples", "NET-02", "records that are not equal", {f"{NETWORK}._tuples": _lists_stay}),
    Mutant("stride read backwards", "NET-02", "(columns, rows)", {f"{NETWORK}._node_from_json": _stride_swapped}),
    Mutant("size by stride alone", "NET-03", "ceil(n / s)", {f"{SHAPES}._window_shape": _same_padding}),
    Mutant("sides swapped", "NET-03", "(top, bottom, left, right)", {f"{SHAPES}._window_shape": _sides_swapped}),
    Mutant("parts from one", "NET-03", "p[1] is the first part", {f"{NETWORK}.values_of": _parts_from_one}),
    Mutant("sizes ignored", "NET-03", "equal parts, as of a chunk", {f"{SHAPES}._split_shapes": _equal_parts}),
    Mutant("depthwise as wide", "NET-03", "one output a channel", {f"{SHAPES}._conv_shape": _depthwise_as_wide}),
    Mutant("concat in columns", "NET-03", "the last axis", {f"{SHAPES}._joined_shape": _joined_in_columns}),
    Mutant("mean without axes", "NET-03", "no image of one pixel", {f"{SHAPES}._pool_shape": _mean_without_axes}),
    Mutant("window of padding", "NET-04", "a mean of nothing", {f"{SHAPES}._window_shape": _windows_of_padding}),
    Mutant("misfit accepted", "NET-04", "the weight is believed", {f"{SHAPES}._dense_shape": _dense_unchecked}),
    Mutant("flatten in dense", "NET-04", "an image is taken", {f"{SHAPES}._dense_shape": _dense_flattens}),
    Mutant("spare parameters", "NET-04", "nobody owns them", {f"{SHAPES}.infer_shapes": _spare_parameters}),
    Mutant("nameless errors", "NET-04", "no node is named", {f"{SHAPES}.infer_shapes": _nameless_errors}),
    Mutant("missing or unknown", "NET-04", "the message tells not", {f"{SHAPES}.infer_shapes": _difference_only}),
    Mutant("groups rounded down", "NET-04", "channels are left over", {f"{SHAPES}._conv_shape": _groups_rounded_down}),
    Mutant("depthwise accepted", "NET-04", "the weight is believed", {f"{SHAPES}._conv_shape": _depthwise_unchecked}),
    Mutant("one gamma for all", "NET-04", "NumPy broadcasts", {f"{SHAPES}._check_vectors": _one_for_all}),
    Mutant("statistics unlooked at", "NET-04", "M38: not sliced", {f"{SHAPES}._check_vectors": _statistics_unchecked}),
    Mutant("sum broadcasts", "NET-04", "NumPy broadcasts", {f"{SHAPES}._joined_shape": _sum_broadcasts}),
    Mutant("concat of unlike rows", "NET-04", "the first are taken", {f"{SHAPES}._joined_shape": _first_rows}),
    Mutant("rest of a split", "NET-04", "M44: channels are left over", {f"{SHAPES}._split_shapes": _rest_left_over}),
    Mutant("inputs that come later", "NET-05", "no topological order", {f"{NETWORK}._checked_node": _cycles_allowed}),
    Mutant("names twice", "NET-05", "the later one wins", {f"{NETWORK}._checked_node": _names_twice}),
    Mutant("one number for two", "NET-05", "stride 2", {f"{NETWORK}._check_fields": _broadcast_stride}),
    Mutant("two inputs, one read", "NET-05", "a merge is lost", {f"{NETWORK}._checked_node": _merged}),
    Mutant("sum of one", "NET-05", "a branch was forgotten", {f"{NETWORK}._checked_node": _one_is_enough}),
    Mutant("name of a part", "NET-05", "two values of one name", {f"{NETWORK}._checked_node": _parts_hidden}),
    Mutant("split at the end", "NET-05", "which logits?", {f"{NETWORK}.build": _split_last}),
    Mutant(
        "True groups",
        "NET-05",
        "True == 1",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("groups", lambda value: isinstance(value, int) and value >= 1)},
    ),
    Mutant(
        "bias by truth",
        "NET-05",
        "1 is as good as True",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("bias", lambda value: value in (0, 1))},
    ),
    Mutant(
        "eps zero",
        "NET-05",
        "a root of 0",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("eps", lambda value: type(value) is float and value >= 0)},
    ),
    Mutant(
        "eps is no number",
        "NET-05",
        "NaN is not <= 0",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("eps", lambda value: type(value) is float and not value <= 0)},
    ),
    Mutant(
        "momentum beyond one",
        "NET-05",
        "statistics overshoot",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("momentum", lambda value: type(value) is float and value >= 0)},
    ),
    Mutant(
        "rate one",
        "NET-05",
        "division by 0",
        {f"{NETWORK}.NUMBER_FIELDS": _with_number("rate", lambda value: type(value) is float and 0 <= value <= 1)},
    ),
    Mutant("unknown fields skipped", "NET-06", "a slope is lost", {f"{NETWORK}._node_from_json": _fields_ignored}),
    Mutant("sizes guessed", "NET-06", "no default is the right one", {f"{NETWORK}._node_from_json": _sizes_guessed}),
    Mutant("false is version 0", "NET-06", "False == 0", {f"{NETWORK}.from_json": _false_is_zero}),
    Mutant("too deep to read", "NET-06", "RecursionError for an answer", {f"{NETWORK}.from_json": _too_deep}),
    Mutant("any version", "NET-06", "a later format is misread", {f"{NETWORK}.from_json": _any_version}),
    Mutant("shares anything", "NET-07", "nothing is looked up", {f"{NETWORK}._check_shared": _shares_anything}),
    Mutant("shares a later one", "NET-07", "no topological order", {f"{NETWORK}._check_shared": _shares_later}),
    Mutant(
        "shares in chains", "NET-07", "a name that leads to a name", {f"{NETWORK}._check_shared": _shares_in_chains}
    ),
    Mutant("shares without bias", "NET-07", "a bias is lost", {f"{NETWORK}._check_shared": _shares_without_bias}),
    Mutant(
        "shares across kinds", "NET-07", "whatever has a weight", {f"{NETWORK}._check_shared": _shares_across_kinds}
    ),
    Mutant(
        "shares a copy",
        "NET-07",
        "one layer becomes two",
        {f"{NETWORK}.owner": _owner_of_a_copy, f"{NETWORK}._check_shared": _shares_anything},
    ),
    Mutant("second use unlooked at", "NET-07", "one fits", {f"{SHAPES}._dense_shape": _second_use_unchecked}),
    Mutant("stride of the owner", "NET-07", "the record is ignored", {f"{SHAPES}._conv_shape": _stride_by_default}),
    Mutant("six digits", "NET-02", "floats are rounded", {f"{NETWORK}.to_json": _six_digits}),
    Mutant("ASCII only", "NET-02", "names lose letters", {f"{NETWORK}.to_json": _in_ascii}),
    Mutant("average's stride is its size", "NET-03", "the stride is ignored", {f"{SHAPES}._window_shape": _own_stride}),
    Mutant("depthwise padding of two", "NET-03", "(top, left) for all four", {f"{SHAPES}._window_shape": _two_sides}),
    Mutant("two of three joined", "NET-04", "a third is not looked at", {f"{SHAPES}._joined_shape": _two_looked_at}),
)
