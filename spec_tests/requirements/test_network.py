"""docs/spec/network.md, requirement by requirement: a literal example, then a property."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.errors import InvalidInput
from refprune.network import (
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
    build,
    from_json,
    owner,
    parameters,
    to_json,
    values_of,
)
from refprune.shapes import infer_shapes
from spec_tests.oracle import layers as oracle
from spec_tests.strategies.graphs import ALL_OPS, graphs
from spec_tests.strategies.networks import Drawn, chains
from spec_tests.verdicts import expect_equal, fail, refuses, requirement

FLAT, IMAGE = Input("x", (2,)), Input("x", (2, 4, 4))
DRAWN = chains() | graphs() | graphs(ALL_OPS, exact=False)


def refuses_naming(action: Any, words: str, said: str) -> None:
    """Require InvalidInput whose message has these words."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput) or words not in str(error):
        fail(repr(error), f"InvalidInput naming {words!r}", said)


def layer(name: str, *shape: int, bias: int | None = None) -> dict[str, Any]:
    """Return a weight of this shape and its bias."""
    return {f"{name}.weight": np.ones(shape), f"{name}.bias": np.ones(shape[0] if bias is None else bias)}


def norm(name: str, channels: int, **lengths: int) -> dict[str, Any]:
    """Return the four vectors of a normalisation, some of another length."""
    parts = ("gamma", "beta", "running_mean", "running_var")
    return {f"{name}.{part}": np.ones(lengths.get(part, channels)) for part in parts}


# NET-01 Omitted inputs


@requirement("NET-01", "example")
def test_inputs_example() -> None:
    network = build(Input("x", (4,)), Dense("a"), Relu("b"), Dense("c", inputs=("a",)), Relu("d"))
    expect_equal([node.inputs for node in network], [(), ("x",), ("a",), ("a",), ("c",)], "the inputs of build(...)")
    expect_equal(network[1], Dense("a", inputs=("x",)), "the second node")
    split = build(
        Input("x", (4,)), Split("s", (1, 3)), Relu("a", ("s[1]",)), Relu("b"), Add("c", ("a", "b")), Relu("d")
    )
    should = [(), ("x",), ("s[1]",), ("a",), ("a", "b"), ("c",)]
    expect_equal([node.inputs for node in split], should, "the inputs of build(...)")
    refuses_naming(lambda: build(Input("x", (4,)), Split("s", (1, 3)), Relu("a")), "input 's'", "build(...)")
    refuses_naming(lambda: build(Input("x", (4,)), Add("a")), "inputs ('x',)", "build(...)")


@requirement("NET-01", "property")
@given(DRAWN, st.data())
def test_inputs(drawn: Drawn, data: st.DataObject) -> None:
    """Leaving an input out is the same as naming the node before; building again changes nothing."""
    silent = [drawn.network[0]]
    for before, node in pairwise(drawn.network):
        hushed = node.inputs == (before.name,) and data.draw(st.booleans())
        silent.append(replace(node, inputs=()) if hushed else node)
    expect_equal(build(*silent), drawn.network, f"build{tuple(silent)}")


# NET-02 JSON

WRITTEN = """{"format": "refprune-network", "version": 0, "nodes": [
{"op": "input", "name": "x", "shape": [1, 6, 5], "inputs": []},
{"op": "conv2d", "name": "c", "stride": [2, 1], "padding": [0, 1, 2, 1], \
"groups": 1, "bias": true, "shares": "", "inputs": ["x"]},
{"op": "relu", "name": "r", "inputs": ["c"]},
{"op": "max_pool2d", "name": "m", "size": [2, 3], "stride": [1, 2], "padding": [1, 0, 0, 2], "inputs": ["r"]},
{"op": "avg_pool2d", "name": "v", "size": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0], "inputs": ["r"]},
{"op": "flatten", "name": "f", "inputs": ["m"]},
{"op": "dense", "name": "d", "bias": true, "shares": "", "inputs": ["f"]},
{"op": "depthwise_conv2d", "name": "w", "stride": [1, 1], "padding": [1, 1, 1, 1], "bias": false, "inputs": ["r"]},
{"op": "batch_norm", "name": "n", "eps": 0.001, "momentum": 0.25, "inputs": ["w"]},
{"op": "sigmoid", "name": "s", "inputs": ["n"]},
{"op": "split", "name": "p", "sizes": [3, 5], "inputs": ["s"]},
{"op": "concat", "name": "k", "inputs": ["p[1]", "r", "p[0]"]},
{"op": "conv2d", "name": "e", "stride": [1, 1], "padding": [0, 0, 0, 0], \
"groups": 4, "bias": false, "shares": "", "inputs": ["k"]},
{"op": "add", "name": "a", "inputs": ["e", "s", "e"]},
{"op": "global_avg_pool2d", "name": "g", "inputs": ["a"]},
{"op": "conv2d", "name": "q", "stride": [1, 2], "padding": [0, 0, 0, 0], \
"groups": 4, "bias": false, "shares": "e", "inputs": ["k"]},
{"op": "flatten", "name": "h", "inputs": ["g"]},
{"op": "dropout", "name": "o", "rate": 0.25, "inputs": ["h"]},
{"op": "dense", "name": "t", "bias": false, "shares": "", "inputs": ["o"]}
]}
"""
READ = build(
    Input("x", (1, 6, 5)),
    Conv2d("c", (2, 1), (0, 1, 2, 1)),
    Relu("r"),
    MaxPool2d("m", (2, 3), (1, 2), (1, 0, 0, 2)),
    AvgPool2d("v", inputs=("r",)),
    Flatten("f", ("m",)),
    Dense("d"),
    DepthwiseConv2d("w", padding=(1, 1, 1, 1), bias=False, inputs=("r",)),
    BatchNorm("n", eps=0.001, momentum=0.25),
    Sigmoid("s"),
    Split("p", (3, 5)),
    Concat("k", ("p[1]", "r", "p[0]")),
    Conv2d("e", groups=4, bias=False),
    Add("a", ("e", "s", "e")),
    GlobalAvgPool2d("g"),
    Conv2d("q", (1, 2), groups=4, bias=False, shares="e", inputs=("k",)),
    Flatten("h", ("g",)),
    Dropout("o", 0.25),
    Dense("t", bias=False),
)
X = {"op": "input", "name": "x", "shape": [1, 4, 4]}
SHORT = (
    X,
    {"op": "max_pool2d", "name": "p"},
    {"op": "conv2d", "name": "c"},
    {"op": "depthwise_conv2d", "name": "w"},
    {"op": "batch_norm", "name": "n"},
    {"op": "dropout", "name": "o"},
    {"op": "flatten", "name": "f"},
    {"op": "dense", "name": "d"},
)
LONG = (
    Input("x", (1, 4, 4)),
    MaxPool2d("p", (2, 2), (2, 2), (0, 0, 0, 0), ("x",)),
    Conv2d("c", (1, 1), (0, 0, 0, 0), groups=1, bias=True, shares="", inputs=("p",)),
    DepthwiseConv2d("w", (1, 1), (0, 0, 0, 0), bias=True, inputs=("c",)),
    BatchNorm("n", 1e-5, 0.1, ("w",)),
    Dropout("o", 0.5, ("n",)),
    Flatten("f", ("o",)),
    Dense("d", bias=True, shares="", inputs=("f",)),
)


def document(*nodes: Any, **head: Any) -> str:
    """Write a document with these nodes, and this in place of its head."""
    return json.dumps({"format": "refprune-network", "version": 0, "nodes": list(nodes)} | head)


@requirement("NET-02", "example")
def test_json_example() -> None:
    expect_equal(to_json(READ), WRITTEN, "to_json(...)")
    expect_equal(from_json(WRITTEN), READ, "from_json(...)")
    expect_equal(from_json(document(*SHORT)), LONG, f"from_json({document(*SHORT)!r})")


@requirement("NET-02", "example")
def test_odd_json_example() -> None:
    """Names of any letters, and floats to the last bit."""
    odd = build(Input("ä/\u2192", (2,)), BatchNorm('"\n', eps=1 / 3, momentum=2.0**-50), Dropout("o", 1 - 2.0**-53))
    expect_equal(from_json(to_json(odd)), odd, f"from_json(to_json({odd}))")


@requirement("NET-02", "property")
@given(DRAWN, st.data())
def test_json(drawn: Drawn, data: st.DataObject) -> None:
    """There and back is the same network, whatever its names and numbers; the text has the fields of the records."""
    count = len(drawn.network)
    names = data.draw(st.lists(st.text(min_size=1).filter(_no_part), min_size=count, max_size=count, unique=True))
    network = build(*(_with_numbers(node, data) for node in _renamed(drawn.network, names)))
    expect_equal(from_json(to_json(network)), network, f"from_json(to_json({network}))")
    for entry, node in zip(json.loads(to_json(network))["nodes"], network, strict=True):
        expect_equal(set(entry), {"op", *(field.name for field in fields(node))}, f"to_json of {node}")


def _no_part(name: str) -> bool:
    return "[" not in name


def _renamed(network: Network, names: list[str]) -> list[Node]:
    """Return the nodes with other names, and what they read and share with them."""
    known = {"": ""}
    for node, name in zip(network, names, strict=True):
        known |= {node.name: name} | dict(zip(values_of(node), values_of(replace(node, name=name)), strict=True))
    nodes: list[Any] = [replace(n, name=known[n.name], inputs=tuple(known[i] for i in n.inputs)) for n in network]
    return [replace(node, shares=known[node.shares]) if hasattr(node, "shares") else node for node in nodes]


def _with_numbers(node: Node, data: st.DataObject) -> Node:
    """Return the node with other floats, down to the smallest and up to the largest allowed."""
    match node:
        case BatchNorm():
            eps = data.draw(st.floats(0, exclude_min=True, allow_infinity=False))
            return replace(node, eps=eps, momentum=data.draw(st.floats(0, 1)))
        case Dropout():
            return replace(node, rate=data.draw(st.floats(0, 1, exclude_max=True)))
    return node


# NET-03 Shapes


@requirement("NET-03", "example")
def test_shapes_example() -> None:
    params = {
        "c.weight": np.zeros((4, 1, 3, 2)),
        "c.bias": np.zeros(4),
        "d.weight": np.zeros((7, 36)),
        "d.bias": np.zeros(7),
        "w.weight": np.zeros((8, 1, 3, 3)),
        **{f"n.{part}": np.zeros(8) for part in ("gamma", "beta", "running_mean", "running_var")},
        "e.weight": np.zeros((8, 3, 1, 1)),
        "t.weight": np.zeros((2, 8)),
    }
    # c: rows (6 + 0 + 2 - 3) // 2 + 1 = 3, columns (5 + 1 + 1 - 2) // 1 + 1 = 6.
    # m: rows (3 + 1 - 2) // 1 + 1 = 3, columns (6 + 2 - 3) // 2 + 1 = 3. v: 1 and 3. f: 4 * 3 * 3 = 36.
    # w: two outputs a channel; rows 3 + 2 - 3 + 1 = 3, columns 6 + 2 - 3 + 1 = 6. k: 5 + 4 + 3 = 12 = 4 groups of 3.
    # q: columns (6 - 1) // 2 + 1 = 3.
    shapes = {
        "x": (1, 6, 5),
        "c": (4, 3, 6),
        "r": (4, 3, 6),
        "m": (4, 3, 3),
        "v": (4, 1, 3),
        "f": (36,),
        "d": (7,),
        "w": (8, 3, 6),
        "n": (8, 3, 6),
        "s": (8, 3, 6),
        "p[0]": (3, 3, 6),
        "p[1]": (5, 3, 6),
        "k": (12, 3, 6),
        "e": (8, 3, 6),
        "a": (8, 3, 6),
        "g": (8, 1, 1),
        "q": (8, 3, 3),
        "h": (8,),
        "o": (8,),
        "t": (2,),
    }
    expect_equal(infer_shapes(READ, params), shapes, "infer_shapes")
    features = build(FLAT, BatchNorm("n"), Split("s", (1, 1)), Concat("c", ("s[1]", "n", "s[1]")), Add("a", ("c", "c")))
    should = {"x": (2,), "n": (2,), "s[0]": (1,), "s[1]": (1,), "c": (4,), "a": (4,)}
    expect_equal(infer_shapes(features, norm("n", 2)), should, f"infer_shapes({features}, ...)")


@requirement("NET-03", "example")
def test_uneven_windows_example() -> None:
    """Four different sides of padding, and strides that are not the size.

    v: rows 3 + 1 - 2 + 1 = 3, columns (4 + 1 - 2) // 2 + 1 = 2. w: rows 3 + 1 - 2 + 1 = 3, columns 4 + 2 - 2 + 1 = 5.
    """
    network = build(
        Input("x", (2, 3, 4)),
        AvgPool2d("v", (2, 2), (1, 2), (1, 0, 0, 1)),
        DepthwiseConv2d("w", padding=(1, 1, 0, 1), bias=False, inputs=("x",)),
        Concat("k", ("x", "x", "x", "x")),
    )
    shapes = {"x": (2, 3, 4), "v": (2, 3, 2), "w": (2, 3, 5), "k": (8, 3, 4)}
    expect_equal(infer_shapes(network, {"w.weight": np.ones((2, 1, 2, 2))}), shapes, f"infer_shapes({network}, ...)")


@requirement("NET-03", "property")
@given(DRAWN)
def test_shapes(drawn: Drawn) -> None:
    """The shapes are those of the values that the loops compute."""
    values = oracle.run(drawn.network, drawn.params, drawn.x[0])
    should = {name: oracle.shape_of(value) for name, value in values.items()}
    expect_equal(infer_shapes(drawn.network, drawn.params), should, f"infer_shapes of {drawn}")


# NET-04 Misfits

MISFITS: tuple[tuple[tuple[Node, ...], dict[str, Any], str], ...] = (
    ((FLAT, Dense("a")), {}, "parameters: got missing ['a.bias', 'a.weight'], unknown [], expected exactly"),
    (
        (FLAT, Dense("a")),
        layer("a", 3, 2) | layer("b", 3, 2),
        "got missing [], unknown ['b.bias', 'b.weight'], expected",
    ),
    (
        (FLAT, Dense("a")),
        layer("A", 3, 2),
        "got missing ['a.bias', 'a.weight'], unknown ['A.bias', 'A.weight'], expected",
    ),
    ((FLAT, Dense("a")), layer("a", 2, 3), "a.weight: got shape (2, 3), expected (out, 2), its input being (2,)"),
    ((FLAT, Dense("a")), layer("a", 2, 2, 1), "a.weight"),
    ((FLAT, Dense("a")), layer("a", 3, 2, bias=2), "a.bias: got shape (2,), expected (3,)"),
    ((FLAT, Dense("a")), layer("a", 0, 2), "a.weight"),
    ((FLAT, Conv2d("a")), layer("a", 3, 2, 1, 1), "node 'a'"),
    ((FLAT, MaxPool2d("a")), {}, "node 'a'"),
    ((IMAGE, Dense("a")), layer("a", 3, 32), "node 'a'"),
    ((IMAGE, Conv2d("a")), layer("a", 3, 1, 2, 2), "a.weight"),
    ((IMAGE, Conv2d("a")), layer("a", 3, 2, 2), "a.weight"),
    ((IMAGE, Conv2d("a")), layer("a", 3, 2, 0, 2), "node 'a'"),
    ((IMAGE, Conv2d("a")), layer("a", 3, 2, 5, 2), "node 'a'"),
    ((IMAGE, Conv2d("a", padding=(0, 0, 2, 0))), layer("a", 3, 2, 2, 2), "node 'a'"),
    ((IMAGE, MaxPool2d("a", (2, 5))), {}, "node 'a'"),
    ((IMAGE, AvgPool2d("a", (1, 1), padding=(1, 0, 0, 0))), {}, "node 'a'"),
    ((IMAGE, Flatten("f"), MaxPool2d("a")), {}, "node 'a'"),
    ((FLAT, Dense("a", bias=False)), layer("a", 3, 2), "got missing [], unknown ['a.bias'], expected"),
    ((IMAGE, Conv2d("a", groups=3)), layer("a", 3, 1, 1, 1), "node 'a': got 2 channels"),
    (
        (IMAGE, Conv2d("a", groups=2)),
        layer("a", 3, 1, 1, 1),
        "a.weight: got shape (3, 1, 1, 1), expected (2 * n, 1, kh, kw)",
    ),
    ((IMAGE, Conv2d("a", groups=2)), layer("a", 2, 2, 1, 1), "a.weight"),
    ((IMAGE, DepthwiseConv2d("a")), layer("a", 2, 2, 1, 1), "a.weight"),
    ((IMAGE, DepthwiseConv2d("a")), layer("a", 3, 1, 1, 1), "a.weight"),
    ((IMAGE, DepthwiseConv2d("a")), layer("a", 0, 1, 1, 1), "a.weight"),
    ((IMAGE, DepthwiseConv2d("a")), layer("a", 4, 1, 1, 1, bias=2), "a.bias: got shape (2,), expected (4,)"),
    ((IMAGE, DepthwiseConv2d("a")), layer("a", 2, 1, 5, 1), "node 'a'"),
    ((FLAT, DepthwiseConv2d("a")), layer("a", 2, 1, 1, 1), "node 'a'"),
    ((FLAT, GlobalAvgPool2d("a")), {}, "node 'a'"),
    ((IMAGE, BatchNorm("a")), norm("a", 3), "a.gamma: got shape (3,), expected (2,)"),
    ((IMAGE, BatchNorm("a")), norm("a", 2, beta=1), "a.beta"),
    ((FLAT, BatchNorm("a")), norm("a", 2, running_mean=1), "a.running_mean"),
    ((FLAT, BatchNorm("a")), norm("a", 2, running_var=4), "a.running_var"),
    ((FLAT, BatchNorm("a")), {}, "['a.beta', 'a.gamma', 'a.running_mean', 'a.running_var'], unknown []"),
    ((IMAGE, GlobalAvgPool2d("g"), Add("a", ("x", "g"))), {}, "node 'a': got inputs of shapes [(2, 4, 4), (2, 1, 1)]"),
    ((FLAT, Split("s", (1, 1)), Add("a", ("x", "x", "s[0]"))), {}, "node 'a'"),
    ((IMAGE, MaxPool2d("m", (1, 2)), Concat("a", ("x", "m"))), {}, "node 'a'"),
    ((IMAGE, MaxPool2d("m", (2, 1), (1, 1)), Concat("a", ("m", "x"))), {}, "node 'a'"),
    ((IMAGE, MaxPool2d("m", (1, 2)), Concat("a", ("x", "x", "m"))), {}, "node 'a'"),
    ((IMAGE, Flatten("f"), Concat("a", ("f", "x"))), {}, "node 'a'"),
    ((FLAT, Split("a", (1, 2)), Relu("r", ("a[0]",))), {}, "node 'a': got sizes (1, 2), expected sizes of the sum 2"),
    ((FLAT, Split("a", (1,)), Relu("r", ("a[0]",))), {}, "node 'a'"),
    ((IMAGE, Split("a", (2, 2)), Relu("r", ("a[0]",))), {}, "node 'a'"),
)


@requirement("NET-04", "example")
def test_misfits_example() -> None:
    for nodes, params, words in MISFITS:
        network = build(*nodes)
        refuses_naming(
            lambda n=network, p=params: infer_shapes(n, p),
            words,
            f"infer_shapes({network}, shapes { {name: array.shape for name, array in params.items()} })",
        )


@requirement("NET-04", "property")
@given(DRAWN, st.data())
def test_misfits(drawn: Drawn, data: st.DataObject) -> None:
    """One array with one length changed, one axis more, or missing is refused by name."""
    name = data.draw(st.sampled_from(list(drawn.params)))
    array = drawn.params[name]
    ways = ["missing", "one axis more", "one axis less", "empty"]
    # Longer rows of a weight are a wider layer, and that is another misfit: its bias, where it has one.
    unbiased = name.endswith(".weight") and name.replace(".weight", ".bias") not in drawn.params
    ways += [f"axis {axis}" for axis in range(int(unbiased), min(array.ndim, 2))]
    how = data.draw(st.sampled_from(ways))
    changed: dict[str, Any] = dict(drawn.params)
    if how == "missing":
        del changed[name]
    elif how == "one axis more":
        changed[name] = array[..., None]
    elif how == "one axis less":
        changed[name] = array[0]
    elif how == "empty":
        changed[name] = array[:0]
    else:
        changed[name] = np.repeat(array, 2, int(how[-1]))
    used = name.split(".", maxsplit=1)[0]
    refuses_naming(lambda: infer_shapes(drawn.network, changed), used, f"infer_shapes with {name!r}: {how} of {drawn}")


@requirement("NET-04", "property")
@given(DRAWN, st.data())
def test_misfitting_nodes(drawn: Drawn, data: st.DataObject) -> None:
    """One more node that cannot read what it reads is refused by name."""
    shapes = infer_shapes(drawn.network, drawn.params)
    value = data.draw(st.sampled_from(list(shapes)))
    nodes, params = data.draw(st.sampled_from(list(_misfitting(value, shapes))))
    network, more = build(*drawn.network, *nodes), drawn.params | params
    refuses_naming(lambda: infer_shapes(network, more), "bad", f"infer_shapes({network}, ...)")


def _misfitting(value: str, shapes: dict[str, Shape]) -> Iterator[tuple[tuple[Node, ...], dict[str, Any]]]:
    """Return nodes that read a value and do not fit, and their parameters."""
    channels, *image = shapes[value]
    for other, shape in shapes.items():
        if shape != shapes[value]:
            yield (Add("bad", (value, other)),), {}
        if shape[1:] != shapes[value][1:]:
            yield (Concat("bad", (other, value)),), {}
    yield (Split("bad", (channels, 1), (value,)), Relu("last", ("bad[0]",))), {}
    yield (BatchNorm("bad", inputs=(value,)),), norm("bad", channels, beta=channels + 1)
    if image:
        weight = layer("bad", channels + 1, 1, 1, 1)
        yield (Conv2d("bad", groups=channels + 1, inputs=(value,)),), weight
        yield (DepthwiseConv2d("bad", inputs=(value,)),), weight if channels > 1 else layer("bad", 1, 2, 1, 1)
    else:
        yield (GlobalAvgPool2d("bad", (value,)),), {}
        yield (DepthwiseConv2d("bad", inputs=(value,)),), layer("bad", channels, 1, 1, 1)


# NET-05 What is no network

NO_NETWORKS: tuple[tuple[Any, ...], ...] = (
    (),
    (Dense("a"),),
    ("x",),
    (FLAT, "a"),
    (FLAT, Dense("x")),
    (FLAT, Dense("a"), Dense("a")),
    (FLAT, Input("y", (2,))),
    (Input("x", (2,), ("x",)),),
    (FLAT, Dense("a", inputs=("b",)), Dense("b")),
    (FLAT, Dense("a", inputs=("a",))),
    (FLAT, Relu("a"), Dense("b", inputs=("x", "a"))),
    (FLAT, Dense("a", inputs="x")),  # type: ignore[arg-type]
    (FLAT, Dense("a", inputs=(3,))),  # type: ignore[arg-type]
    (FLAT, Dense("")),
    (FLAT, Dense(3)),  # type: ignore[arg-type]
    (Input("x", ()),),
    (Input("x", (0,)),),
    (Input("x", (2.0,)),),  # type: ignore[arg-type]
    (Input("x", [2]),),  # type: ignore[arg-type]
    (IMAGE, Conv2d("a", 2)),  # type: ignore[arg-type]
    (IMAGE, Conv2d("a", (0, 1))),
    (IMAGE, Conv2d("a", (True, 1))),
    (IMAGE, Conv2d("a", padding=(1, 1))),  # type: ignore[arg-type]
    (IMAGE, Conv2d("a", padding=(-1, 0, 0, 0))),
    (IMAGE, MaxPool2d("a", (2, 0))),
    (IMAGE, AvgPool2d("a", (2, 2, 2))),  # type: ignore[arg-type]
    (IMAGE, Conv2d("a", groups=0)),
    (IMAGE, Conv2d("a", groups=True)),
    (IMAGE, Conv2d("a", groups=1.0)),  # type: ignore[arg-type]
    (IMAGE, Conv2d("a", bias=1)),  # type: ignore[arg-type]
    (IMAGE, DepthwiseConv2d("a", bias=None)),  # type: ignore[arg-type]
    (IMAGE, DepthwiseConv2d("a", (1, 0))),
    (IMAGE, Conv2d("a", shares=None)),  # type: ignore[arg-type]
    *((FLAT, BatchNorm("a", eps=eps)) for eps in (0.0, -1.0, 1, True, np.nan, np.inf, np.float32(1), "1")),  # type: ignore[arg-type]
    *((FLAT, BatchNorm("a", momentum=momentum)) for momentum in (2.0, -0.5, 0, 1, np.nan, None)),  # type: ignore[arg-type]
    *((FLAT, Dropout("a", rate)) for rate in (1.0, 1.5, -0.5, 0, False, np.nan)),
    *((FLAT, Split("a", sizes), Relu("r", ("a[0]",))) for sizes in ((0, 2), (), (1, True), [1, 1], 2)),  # type: ignore[arg-type]
    (FLAT, Add("a")),
    (FLAT, Add("a", ("x",))),
    (FLAT, Concat("a", ("x",))),
    (FLAT, Relu("a", ("x", "x"))),
    (FLAT, Split("s", (1, 1), ("x", "x")), Relu("r", ("s[0]",))),
    (FLAT, Split("s", (1, 1))),
    (FLAT, Split("s", (1, 1)), Relu("r")),
    (FLAT, Split("s", (1, 1)), Relu("r", ("s",))),
    (FLAT, Split("s", (1, 1)), Relu("r", ("s[2]",))),
    (FLAT, Split("s", (1, 1)), Relu("s", ("s[0]",))),
    (FLAT, Split("s", (1, 1)), Relu("s[1]", ("s[0]",))),
    (FLAT, Relu("s[1]"), Split("s", (1, 1)), Relu("r", ("s[0]",))),
    (FLAT, Split("s", (1, 1)), Split("s[0]", (1,), ("s[0]",)), Relu("r", ("s[1]",))),
    (FLAT, Split("s[0]", (2,)), Split("s", (1, 1), ("s[0][0]",)), Relu("r", ("s[1]",))),
)


@requirement("NET-05", "example")
def test_no_network_example() -> None:
    for nodes in NO_NETWORKS:
        refuses_naming(lambda n=nodes: build(*n), "got", f"build{nodes}")
    refuses_naming(lambda: build(IMAGE, Conv2d("a", (0, 1))), "node 'a': got stride (0, 1)", "build(...)")
    refuses_naming(lambda: build(IMAGE, BatchNorm("a", eps=1)), "node 'a': got eps 1, expected a float", "build(...)")
    refuses_naming(lambda: build(FLAT, Add("a")), "node 'a': got inputs ('x',), expected two inputs", "build(...)")
    expect_equal(len(build(FLAT, Split("s", (1, 1)), Relu("s[2]", ("s[1]",)))), 3, "build with a name that is no part")
    expect_equal(len(build(FLAT, Dropout("d", 0.0))), 2, "build with a dropout that drops nothing")


@requirement("NET-05", "property")
@given(DRAWN, st.data())
def test_no_network(drawn: Drawn, data: st.DataObject) -> None:
    """A node twice, a node before its input, no Input first, a second Input, two values read by one that reads one."""
    nodes = list(drawn.network)
    place = data.draw(st.integers(1, len(nodes) - 1))
    node, later = nodes[place], nodes[data.draw(st.integers(place, len(nodes) - 1))]
    read = data.draw(st.sampled_from(values_of(later)))
    ways: list[list[Node]] = [
        [*nodes, node],
        nodes[1:],
        [*nodes[:place], Input("second", (2,)), *nodes[place:]],
        [*nodes[:place], replace(node, inputs=(read, *node.inputs[1:])), *nodes[place + 1 :]],
        [*nodes[:place], _miscounted(node), *nodes[place + 1 :]],
        [*nodes, Split("last", (1,), (read,))],
        [*nodes, Split("last", (1,), (read,)), Relu("last[0]", (read,))],
        [*nodes, Relu("last[1]", (read,)), Split("last", (1, 2), (read,)), Relu("r", (read,))],
    ]
    wrong = data.draw(st.sampled_from(ways))
    refuses_naming(lambda: build(*wrong), "got", f"build{tuple(wrong)}")


def _miscounted(node: Node) -> Node:
    """Return a sum or a concatenation that reads one value, any other node that reads two."""
    return replace(node, inputs=node.inputs[:1] if isinstance(node, Add | Concat) else (*node.inputs, node.inputs[0]))


BAD_NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "groups": st.integers(max_value=0) | st.booleans() | st.floats() | st.none(),
    "bias": st.integers() | st.floats() | st.none() | st.text(),
    "shares": st.integers() | st.none() | st.binary() | st.tuples(st.text()),
    "eps": st.floats(max_value=0) | st.integers() | st.booleans() | st.none() | st.sampled_from((np.nan, np.inf)),
    "momentum": st.floats(1, exclude_min=True) | st.floats(max_value=0, exclude_max=True) | st.integers() | st.text(),
    "rate": st.floats(1) | st.floats(max_value=0, exclude_max=True) | st.integers() | st.booleans() | st.just(np.nan),
    "sizes": st.lists(st.integers()) | st.just(()) | st.integers() | st.tuples(st.integers(max_value=0)),
}
"""Field -> what it cannot be. -0.0 is in [0, 1]."""


@requirement("NET-05", "property")
@given(graphs(ALL_OPS, exact=False), st.data())
def test_bad_numbers(drawn: Drawn, data: st.DataObject) -> None:
    """A field that is not what its record says."""
    nodes: list[Any] = list(drawn.network)
    node = nodes[data.draw(st.integers(1, len(nodes) - 1))]
    known = [field.name for field in fields(node) if field.name in BAD_NUMBERS]
    assume(known)
    name = data.draw(st.sampled_from(known))
    bad = data.draw(BAD_NUMBERS[name])
    assume(not (bad == 0 and type(bad) is float and name in ("momentum", "rate")))
    nodes[nodes.index(node)] = replace(node, **{name: bad})
    refuses_naming(lambda: build(*nodes), f"got {name} {bad!r}", f"build{tuple(nodes)}")


# NET-06 What is no JSON network


NO_JSON: tuple[Any, ...] = (
    "",
    "{",
    "[]",
    "3",
    None,
    b"\xff\xfe\x00",
    document(X, version=1),
    document(X, version=False),
    document(X, version=0.0),
    document(X, version=None),
    "[" * 100_000,
    document(X, format="onnx"),
    document(X, nodes={}),
    document(X, nodes=None),
    document(),
    document(3),
    document({}),
    document({"op": ["input"], "name": "x", "shape": [2]}),
    document({"op": "input", "name": "x"}),
    document({"op": "input", "shape": [2]}),
    document({"op": "input", "name": "x", "shape": 2}),
    document({"op": "input", "name": "x", "shape": [2.0]}),
    document(X, {"op": "gelu", "name": "a"}),
    document(X, {"op": "relu", "name": "a", "slope": 0}),
    document(X, {"op": "conv2d", "name": "a", "stride": [1, "1"]}),
    document(X, {"op": "conv2d", "name": "a", "padding": [[0, 0], [0, 0]]}),
    document(X, {"op": "relu", "name": "a", "inputs": "x"}),
    document(X, {"op": "relu", "name": "a", "inputs": [["x"]]}),
    document(X, {"op": "relu", "name": "a", "inputs": ["y"]}),
    document(X, {"op": "relu", "name": None}),
    document(X, {"op": "split", "name": "a"}, {"op": "relu", "name": "b", "inputs": ["a[0]"]}),
    document(X, {"op": "split", "name": "a", "sizes": 1}, {"op": "relu", "name": "b", "inputs": ["a[0]"]}),
    document(X, {"op": "batch_norm", "name": "a", "eps": 1}),
    document(X, {"op": "batch_norm", "name": "a", "eps": float("nan")}),
    document(X, {"op": "conv2d", "name": "a", "bias": 1}),
    document(X, {"op": "conv2d", "name": "a", "dilation": [1, 1]}),
    document(X, {"op": "conv2d", "name": "a", "shares": None}),
    document(X, {"op": "conv2d", "name": "a", "shares": ["x"]}),
    document(X, {"op": "depthwise_conv2d", "name": "a", "groups": 1}),
    document(X, {"op": "depthwise_conv2d", "name": "a", "shares": ""}),
    document(X, {"op": "concat", "name": "a", "inputs": ["x"]}),
    document(X, {"op": "concat", "name": "a", "axis": 0, "inputs": ["x", "x"]}),
    document(X, {"op": "dense", "name": "a", "shares": "x"}),
)


@requirement("NET-06", "example")
def test_no_json_example() -> None:
    for text in NO_JSON:
        refuses_naming(lambda t=text: from_json(t), "got", f"from_json({text!r:.300})")


JUNK: tuple[Any, ...] = (None, 0, -1, 1.5, True, {}, [[]], [None], [-1], [1, 2, 3, 4, 5], "zz")


@requirement("NET-06", "property")
@given(DRAWN, st.data())
def test_no_json(drawn: Drawn, data: st.DataObject) -> None:
    """A field of a node replaced by something that it cannot be, one too many, or the text cut short."""
    text = to_json(drawn.network)
    entries = json.loads(text)["nodes"]
    entry = data.draw(st.sampled_from(entries))
    key = data.draw(st.sampled_from([*entry, "extra"]))
    junk = data.draw(st.sampled_from(JUNK))
    assume((key, junk) not in (("name", "zz"), ("eps", 1.5)) and not (key == "bias" and junk is True))
    assume(not (key in ("shape", "sizes") and junk == [1, 2, 3, 4, 5]))
    entry[key] = junk
    wrong = document(*entries)
    refuses_naming(lambda: from_json(wrong), "got", f"from_json({wrong!r})")
    short = text[: data.draw(st.integers(0, len(text) - 4))]
    refuses_naming(lambda: from_json(short), "got", f"from_json({short!r})")


# NET-07 Shared parameters

OWN = (Dense("a"), Dense("b", bias=False), Dense("c", shares="a"))
NO_SHARES: tuple[tuple[Node, ...], ...] = (
    (FLAT, Dense("a", shares="b"), Dense("b")),
    (FLAT, Dense("a", shares="a")),
    (FLAT, Dense("a", shares="x")),
    (FLAT, Dense("a", shares="z")),
    (FLAT, *OWN, Dense("d", shares="c")),
    (FLAT, *OWN, Dense("d", shares="b")),
    (FLAT, *OWN, Dense("d", bias=False, shares="a")),
    (FLAT, *OWN, Dense("d", shares="a.weight")),
    (FLAT, *OWN, Conv2d("d", shares="a")),
    (FLAT, Split("s", (1, 1)), Dense("d", shares="s[0]", inputs=("s[0]",))),
    (IMAGE, BatchNorm("a"), Conv2d("d", shares="a")),
    (IMAGE, DepthwiseConv2d("a"), Conv2d("d", shares="a")),
)


@requirement("NET-07", "example")
def test_shared_example() -> None:
    network = build(FLAT, Dense("a"), Relu("r"), Dense("b", shares="a"))
    shapes: dict[str, Shape] = {"x": (2,), "a": (2,), "r": (2,), "b": (2,)}
    expect_equal(infer_shapes(network, layer("a", 2, 2)), shapes, f"infer_shapes({network}, a: (2, 2))")
    named = build(FLAT, Dense("owned"), Relu("relu"), Dense("borrowed", shares="owned"))
    expect_equal(from_json(to_json(named)), named, f"from_json(to_json({named}))")
    copied = layer("a", 2, 2) | layer("b", 2, 2)
    refuses_naming(
        lambda: infer_shapes(network, copied), "unknown ['b.bias', 'b.weight']", "infer_shapes with b.weight"
    )
    words = "a.weight: got shape (3, 2), expected (out, 3), its input being (3,)"
    refuses_naming(lambda: infer_shapes(network, layer("a", 3, 2)), words, f"infer_shapes({network}, a: (3, 2))")
    for nodes in NO_SHARES:
        refuses_naming(lambda n=nodes: build(*n), "got shares", f"build{nodes}")
    for owned, borrowed in (("a", "b"), ("b", "a")):
        nodes = (FLAT, Dense(owned), Dense(borrowed, shares=owned), Dense("c", shares=borrowed))
        refuses_naming(lambda n=nodes: build(*n), "got shares", f"build{nodes}")


@requirement("NET-07", "example")
def test_shared_windows_example() -> None:
    """Stride, padding and groups are each layer's own."""
    nodes = (Input("x", (4, 3, 3)), Conv2d("a", groups=2), Split("s", (2, 2), ("x",)))
    other = Conv2d("b", (1, 2), (1, 0, 1, 0), shares="a", inputs=("s[1]",))
    network, params = build(*nodes, other), layer("a", 4, 2, 2, 1)
    shapes = infer_shapes(network, params)
    # a: rows 3 - 2 + 1 = 2, columns 3. b: rows 3 + 2 - 2 + 1 = 4, columns (3 - 1) // 2 + 1 = 2.
    expect_equal((shapes["a"], shapes["b"]), ((4, 2, 3), (4, 4, 2)), f"infer_shapes({network}, a: (4, 2, 2, 1))")
    grouped = build(*nodes, replace(other, groups=2))
    refuses_naming(lambda: infer_shapes(grouped, params), "a.weight", f"infer_shapes({grouped}, a: (4, 2, 2, 1))")


@requirement("NET-07", "property")
@given(graphs(often="shared"))
def test_shared(drawn: Drawn) -> None:
    """A network whose layers share is as one with copies: same shapes; shared parameters have one name."""
    alone = build(*(_unshared(node) for node in drawn.network))
    sources = {
        name: f"{owner(node)}.{name.rsplit('.', 1)[1]}"
        for node in drawn.network
        for name in parameters(_unshared(node))
    }
    copies = {name: drawn.params[source] for name, source in sources.items()}
    expect_equal(infer_shapes(drawn.network, drawn.params), infer_shapes(alone, copies), f"infer_shapes of {drawn}")
    if len(copies) > len(drawn.params):
        refuses_naming(lambda: infer_shapes(drawn.network, copies), "unknown", f"infer_shapes with copies of {drawn}")


def _unshared(node: Node) -> Node:
    """Return the layer with parameters of its own."""
    return replace(node, shares="") if isinstance(node, Dense | Conv2d) else node


@requirement("NET-07", "property")
@given(graphs(often="shared"), st.data())
def test_not_shared(drawn: Drawn, data: st.DataObject) -> None:
    """A layer shares a name if that is a layer before, of its kind and bias, with its own parameters; else never."""
    place = data.draw(st.integers(1, len(drawn.network)))
    before, after = drawn.network[:place], drawn.network[place:]
    name = data.draw(st.sampled_from([node.name for node in drawn.network] + ["more"]))
    read = values_of(before[-1])[:1]
    kind = data.draw(st.sampled_from((Dense, Conv2d)))
    more: Dense | Conv2d = kind("more", bias=data.draw(st.booleans()), shares=name, inputs=read)
    source = next((node for node in before if node.name == name), None)
    nodes = (*before, more, *after)
    if isinstance(source, type(more)) and not source.shares and source.bias == more.bias:
        expect_equal(build(*nodes), nodes, f"build{nodes}")
    else:
        refuses_naming(lambda: build(*nodes), f"got shares {name!r}", f"build{nodes}")
