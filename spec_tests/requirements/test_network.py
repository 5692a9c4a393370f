"""docs/spec/network.md, requirement by requirement: a literal example, then a property."""

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.errors import InvalidInput
from refprune.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Node,
    Relu,
    build,
    from_json,
    infer_shapes,
    to_json,
)
from spec_tests.oracle import layers as oracle
from spec_tests.strategies.networks import Drawn, chains
from spec_tests.verdicts import expect_equal, fail, refuses, requirement


def refuses_naming(action: Any, words: str, said: str) -> None:
    """Require InvalidInput whose message has these words."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput) or words not in str(error):
        fail(repr(error), f"InvalidInput naming {words!r}", said)


# NET-01 Omitted inputs


@requirement("NET-01", "example")
def test_inputs_example() -> None:
    network = build(Input("x", (4,)), Dense("a"), Relu("b"), Dense("c", inputs=("a",)), Relu("d"))
    expect_equal([node.inputs for node in network], [(), ("x",), ("a",), ("a",), ("c",)], "the inputs of build(...)")
    expect_equal(network[1], Dense("a", ("x",)), "the second node")


@requirement("NET-01", "property")
@given(chains(), st.data())
def test_inputs(drawn: Drawn, data: st.DataObject) -> None:
    """Leaving an input out is the same as naming the node before; building again changes nothing."""
    silent = [replace(node, inputs=()) if data.draw(st.booleans()) else node for node in drawn.network]
    expect_equal(build(*silent), drawn.network, f"build{tuple(silent)}")
    before: tuple[Node, ...] = (drawn.network[0], *drawn.network[:-1])
    for node, previous in zip(drawn.network[1:], before[1:], strict=True):
        expect_equal(node.inputs, (previous.name,), f"the inputs of {node}")


# NET-02 JSON

WRITTEN = """{"format": "refprune-network", "version": 0, "nodes": [
{"op": "input", "name": "x", "shape": [1, 6, 5], "inputs": []},
{"op": "conv2d", "name": "c", "stride": [2, 1], "padding": [0, 1, 2, 1], "inputs": ["x"]},
{"op": "relu", "name": "r", "inputs": ["c"]},
{"op": "max_pool2d", "name": "m", "size": [2, 3], "stride": [1, 2], "padding": [1, 0, 0, 2], "inputs": ["r"]},
{"op": "avg_pool2d", "name": "v", "size": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0], "inputs": ["r"]},
{"op": "flatten", "name": "f", "inputs": ["m"]},
{"op": "dense", "name": "d", "inputs": ["f"]}
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
)


@requirement("NET-02", "example")
def test_json_example() -> None:
    expect_equal(to_json(READ), WRITTEN, "to_json(...)")
    expect_equal(from_json(WRITTEN), READ, "from_json(...)")
    short = '{"format": "refprune-network", "version": 0, "nodes": [' + (
        '{"op": "input", "name": "x", "shape": [1, 4, 4]}, {"op": "max_pool2d", "name": "p"}]}'
    )
    whole = (Input("x", (1, 4, 4)), MaxPool2d("p", (2, 2), (2, 2), (0, 0, 0, 0), ("x",)))
    expect_equal(from_json(short), whole, f"from_json({short!r})")


@requirement("NET-02", "property")
@given(chains(), st.data())
def test_json(drawn: Drawn, data: st.DataObject) -> None:
    """There and back is the same network, whatever the names; the text holds no width and no parameter."""
    names = data.draw(
        st.lists(st.text(min_size=1), min_size=len(drawn.network), max_size=len(drawn.network), unique=True)
    )
    nodes = [replace(node, name=name, inputs=()) for node, name in zip(drawn.network, names, strict=True)]
    network = build(*nodes)
    expect_equal(from_json(to_json(network)), network, f"from_json(to_json({network}))")
    for entry, node in zip(json.loads(to_json(network))["nodes"], network, strict=True):
        expect_equal(set(entry), {"op", *(field.name for field in fields(node))}, f"to_json of {node}")


# NET-03 Shapes


@requirement("NET-03", "example")
def test_shapes_example() -> None:
    params = {
        "c.weight": np.zeros((4, 1, 3, 2)),
        "c.bias": np.zeros(4),
        "d.weight": np.zeros((7, 36)),
        "d.bias": np.zeros(7),
    }
    # c: rows (6 + 0 + 2 - 3) // 2 + 1 = 3, columns (5 + 1 + 1 - 2) // 1 + 1 = 6.
    # m: rows (3 + 1 - 2) // 1 + 1 = 3, columns (6 + 2 - 3) // 2 + 1 = 3. v: 1 and 3. f: 4 * 3 * 3 = 36.
    expect_equal(
        infer_shapes(READ, params),
        {
            "x": (1, 6, 5),
            "c": (4, 3, 6),
            "r": (4, 3, 6),
            "m": (4, 3, 3),
            "v": (4, 1, 3),
            "f": (36,),
            "d": (7,),
        },
        "infer_shapes",
    )


@requirement("NET-03", "property")
@given(chains())
def test_shapes(drawn: Drawn) -> None:
    """The shapes are those of the values that the loops compute."""
    values = oracle.run(drawn.network, drawn.params, drawn.x[0])
    should = {name: oracle.shape_of(value) for name, value in values.items()}
    expect_equal(infer_shapes(drawn.network, drawn.params), should, f"infer_shapes of {drawn}")


# NET-04 Misfits

FLAT, IMAGE = Input("x", (2,)), Input("x", (2, 4, 4))


def layer(name: str, *shape: int, bias: int | None = None) -> dict[str, Any]:
    """Return a weight of this shape and its bias."""
    return {f"{name}.weight": np.ones(shape), f"{name}.bias": np.ones(shape[0] if bias is None else bias)}


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
    ((FLAT, Dense("a")), layer("a", 0, 2), "a.bias"),
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
@given(chains(), st.data())
def test_misfits(drawn: Drawn, data: st.DataObject) -> None:
    """One array with one length changed, one axis more, or missing is refused by name."""
    name = data.draw(st.sampled_from(list(drawn.params)))
    array = drawn.params[name]
    ways = ["missing", "one axis more", "one axis less", "empty"]
    # Longer rows of a weight are a wider layer, and that is another misfit: its bias.
    ways += [f"axis {axis}" for axis in range(min(array.ndim, 2))]
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
    owner = name.split(".", maxsplit=1)[0]
    refuses_naming(lambda: infer_shapes(drawn.network, changed), owner, f"infer_shapes with {name!r}: {how} of {drawn}")


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
    (FLAT, Dense("a", ("b",)), Dense("b")),
    (FLAT, Dense("a", ("a",))),
    (FLAT, Relu("a"), Dense("b", ("x", "a"))),
    (FLAT, Dense("a", "x")),  # type: ignore[arg-type]
    (FLAT, Dense("a", (3,))),  # type: ignore[arg-type]
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
)


@requirement("NET-05", "example")
def test_no_network_example() -> None:
    for nodes in NO_NETWORKS:
        refuses_naming(lambda n=nodes: build(*n), "got", f"build{nodes}")
    refuses_naming(lambda: build(IMAGE, Conv2d("a", (0, 1))), "node 'a': got stride (0, 1)", "build(...)")


@requirement("NET-05", "property")
@given(chains(), st.data())
def test_no_network(drawn: Drawn, data: st.DataObject) -> None:
    """A node twice, a node before its input, no Input first, a second Input."""
    nodes = list(drawn.network)
    how = data.draw(st.sampled_from(("twice", "headless", "two inputs", "too early", "two read")))
    place = data.draw(st.integers(1, len(nodes) - 1))
    if how == "twice":
        nodes.append(nodes[place])
    elif how == "headless":
        nodes = nodes[1:]
    elif how == "two inputs":
        nodes.insert(place, Input("second", (2,)))
    elif how == "too early":
        nodes[place] = replace(nodes[place], inputs=(nodes[data.draw(st.integers(place, len(nodes) - 1))].name,))
    else:
        nodes[place] = replace(nodes[place], inputs=(nodes[0].name, nodes[place - 1].name))
    refuses_naming(lambda: build(*nodes), "got", f"build{tuple(nodes)}")


# NET-06 What is no JSON network


def document(*nodes: Any, **head: Any) -> str:
    """Write a document with these nodes, and this in place of its head."""
    return json.dumps({"format": "refprune-network", "version": 0, "nodes": list(nodes)} | head)


X = {"op": "input", "name": "x", "shape": [1, 4, 4]}
NO_JSON: tuple[Any, ...] = (
    "",
    "{",
    "[]",
    "3",
    None,
    b"\xff\xfe\x00",
    document(X, version=1),
    document(X, version=False),
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
)


@requirement("NET-06", "example")
def test_no_json_example() -> None:
    for text in NO_JSON:
        refuses_naming(lambda t=text: from_json(t), "got", f"from_json({text!r:.300})")


JUNK: tuple[Any, ...] = (None, 0, -1, 1.5, True, {}, [[]], [None], [-1], [1, 2, 3, 4, 5], "zz")


@requirement("NET-06", "property")
@given(chains(), st.data())
def test_no_json(drawn: Drawn, data: st.DataObject) -> None:
    """A field of a node replaced by something that it cannot be, one too many, or the text cut short."""
    text = to_json(drawn.network)
    entries = json.loads(text)["nodes"]
    entry = data.draw(st.sampled_from(entries))
    key = data.draw(st.sampled_from([*entry, "extra"]))
    junk = data.draw(st.sampled_from(JUNK))
    assume((entry["op"], key, junk) != ("input", "shape", [1, 2, 3, 4, 5]) and (key, junk) != ("name", "zz"))
    entry[key] = junk
    wrong = document(*entries)
    refuses_naming(lambda: from_json(wrong), "got", f"from_json({wrong!r})")
    short = text[: data.draw(st.integers(0, len(text) - 4))]
    refuses_naming(lambda: from_json(short), "got", f"from_json({short!r})")
