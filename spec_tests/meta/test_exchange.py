"""Networks as ONNX files: what onnxruntime computes of them, the way back, files that are refused, the commands."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refprune import training
from refprune.architectures import ARCHITECTURES
from refprune.arrays import Array, apply_masks
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA, Evidence
from refprune.data import batches, digits
from refprune.errors import InvalidInput
from refprune.granularity import unit
from refprune.initialisation import initialise
from refprune.lab import extras, store
from refprune.lab.cli import main
from refprune.lab.exchange.command import read_model, write_model
from refprune.lab.exchange.from_onnx import from_onnx
from refprune.lab.exchange.to_onnx import to_onnx
from refprune.lab.folder import STATES, load_state
from refprune.measure import accuracy
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
    Relu,
    Split,
    build,
)
from refprune.pruning import Method, prune
from refprune.selection import local
from refprune.surgery import compact, compact_network
from spec_tests.meta.quick import quick_run
from spec_tests.oracle.rounding import rounding_bound
from spec_tests.strategies.everything import EVERYTHING, everything
from spec_tests.strategies.graphs import ALL_OPS, graphs
from spec_tests.strategies.networks import Drawn, chains

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MISSING = [package for package in ("onnx", "onnxruntime") if importlib.util.find_spec(package) is None]
needed = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def run_elsewhere(model: "ModelProto", x: Array) -> Array:
    """Return what onnxruntime computes."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def run_plainly(model: "ModelProto", x: Array) -> Array:
    """Return what the reference evaluator of the package onnx computes, in any dtype."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    (found,) = evaluator.run(None, {evaluator.input_names[0]: x})
    return np.asarray(found)


def states(drawn: Drawn, seed: int) -> dict[str, tuple[Network, dict[str, Array]]]:
    """Return the network dense, without some of its units, and without them physically."""
    rng, groups = np.random.default_rng(seed), find_groups(drawn.network, drawn.params)
    kept = {group.name: rng.permutation(group.size) <= 0.5 * (group.size - 1) for group in groups}
    masked = apply_masks(drawn.params, unit(groups).expand(kept, drawn.params))
    small = compact(drawn.params, groups, kept).arrays
    return {
        "dense": (drawn.network, drawn.params),
        "pruned": (drawn.network, masked),
        "compact": (compact_network(drawn.network, groups, kept), small),
    }


# Out


@needed
@given(graphs(dtype=np.float32), st.integers(0, 99))
def test_exact_there(drawn: Drawn, seed: int) -> None:
    """Where every sum is exact, onnxruntime computes the same numbers, and not nearly the same."""
    for network, params in states(drawn, seed).values():
        assert (run_elsewhere(to_onnx(network, params), drawn.x) == forward(network, params, drawn.x)).all()


@needed
@given(graphs(dtype=np.float64), st.integers(0, 99))
def test_exact_in_float64(drawn: Drawn, seed: int) -> None:
    """Onnxruntime has no convolution in float64; the evaluator of the package onnx has."""
    for network, params in states(drawn, seed).values():
        assert (run_plainly(to_onnx(network, params), drawn.x) == forward(network, params, drawn.x)).all()


@needed
@given(graphs(ALL_OPS, np.float32, exact=False), st.integers(0, 99))
def test_same_there(drawn: Drawn, seed: int) -> None:
    for network, params in states(drawn, seed).values():
        there, here = run_elsewhere(to_onnx(network, params), drawn.x), forward(network, params, drawn.x)
        assert (np.abs(there - here) <= rounding_bound(network, params, drawn.x)).all()


@needed
@pytest.mark.parametrize("state", STATES)
def test_every_record_there(state: str) -> None:
    drawn = everything(1, np.float32)
    network, params = states(drawn, 0)[state]
    there, here = run_elsewhere(to_onnx(network, params), drawn.x), forward(network, params, drawn.x)
    bound = rounding_bound(network, params, drawn.x)
    assert (np.abs(there - here) <= bound).all()
    assert bound.max() < 0.01 * np.abs(here).max(), "a bound that says nothing"


@needed
def test_read_pruned_retrained_written() -> None:
    """A file from elsewhere: read, pruned by unit at half, retrained on digits, compacted, written, run elsewhere."""
    data = digits()
    network, shapes = ARCHITECTURES["resnet-8"]((1, 8, 8), 10)
    model = to_onnx(network, initialise(shapes, np.random.default_rng(0)))
    read, params = from_onnx(model)
    groups = find_groups(read, params)
    pruned = prune(Method(CRITERIA["magnitude"], unit(groups), local), Evidence(params), 0.5)
    order = batches(np.random.default_rng(1), len(data.train.labels), 32, 1)
    masked = apply_masks(params, pruned.masks)
    optimiser, rate = training.sgd(0.9), training.constant(0.05)
    trained = training.train(read, masked, *data.train, order, optimiser, rate, pruned.masks)
    small = compact(trained, groups, pruned.unit_masks).arrays
    x = data.test.images[:16]
    here, there = forward(read, small, x), run_elsewhere(to_onnx(read, small), x)
    assert (np.abs(there - here) <= rounding_bound(read, small, x)).all()
    assert accuracy(read, small, *data.test) > 0.5
    assert sum(array.size for array in small.values()) < 0.3 * sum(array.size for array in params.values())


@needed
def test_names() -> None:
    """Values are called as the nodes, initializers as the parameters; a batch may be of any size."""
    drawn = everything(1, np.float32)
    graph = to_onnx(drawn.network, drawn.params).graph
    assert [tensor.name for tensor in graph.initializer] == list(drawn.params)
    named = [node for node in graph.node if node.op_type != "Constant"]
    assert [node.name for node in named] == [node.name for node in EVERYTHING[1:]]
    assert {len(node.output): node.output for node in named}[3] == ["parts[0]", "parts[1]", "parts[2]"]
    assert [node.input for node in named if node.name == "fc3"] == [["relu2", "fc2.weight", "fc2.bias"]]
    dimensions = graph.input[0].type.tensor_type.shape.dim
    assert [dimension.dim_param or dimension.dim_value for dimension in dimensions] == ["N", 3, 9, 8]


@needed
@pytest.mark.parametrize(
    ("network", "params", "sentence"),
    [
        (
            build(Input("x", (1,)), Dense("a")),
            {"a.weight": np.ones((1, 1)), "a.bias": np.ones(1, np.float32)},
            "all of",
        ),
        (build(Input("x", (1,)), Dense("a", bias=False)), {"a.weight": np.ones((1, 1), np.float16)}, "float16"),
        (build(Input("x", (1,)), Dense("a", bias=False)), {}, "missing"),
        (build(Input("a.weight", (1,)), Dense("a", bias=False)), {"a.weight": np.ones((1, 1))}, "of the same name"),
        (build(Input("x", (1,)), Relu("\ud800")), {}, "UTF-8"),
        (
            build(Input("x", (2,)), Split("s", (1, 1)), Split("s.sizes", (1,), ("s[0]",)), Relu("y", ("s.sizes[0]",))),
            {},
            r"nodes of the same name, \['s.sizes'\]",
        ),
        (
            build(Input("x", (1, 8, 8)), MaxPool2d("m", stride=(2**63, 2))),
            {},
            r"node 'm': got stride \(9223372036854775808, 2\), expected integers up to 9223372036854775807",
        ),
        (build(Input("x", (1, 10**30, 8)), Relu("y")), {}, r"node 'x': got shape \(1, 10{30}, 8\), expected integers"),
        (build(Input("x", (2**62, 8)), Flatten("f")), {}, r"node 'f': got the shape of f \(36893488147419103232,\)"),
    ],
)
def test_what_onnx_cannot_say(network: Network, params: dict[str, Array], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        to_onnx(network, params)


@needed
def test_largest_integers_there() -> None:
    """What is just not too large is written, and comes back."""
    network = build(Input("x", (1, 2**63 - 1, 2**63 - 1)), MaxPool2d("m", stride=(2**63 - 1, 2**62)))
    assert from_onnx(to_onnx(network, {}))[0] == network


# And back


def same(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    """Say whether these are the same arrays, bit by bit."""
    bits = [{name: (w.dtype, w.shape, w.tobytes()) for name, w in arrays.items()} for arrays in (first, second)]
    return bits[0] == bits[1]


@needed
@given(st.sampled_from((np.float32, np.float64)).flatmap(lambda dtype: chains(dtype, integers=False)))
def test_chains_come_back(drawn: Drawn) -> None:
    network, params = from_onnx(to_onnx(drawn.network, drawn.params))
    assert network == drawn.network
    assert list(params) == list(drawn.params)
    assert same(params, drawn.params)


@needed
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_record_comes_back(dtype: type) -> None:
    drawn = everything(1, dtype)
    network, params = from_onnx(to_onnx(drawn.network, drawn.params))
    assert network == drawn.network
    assert same(params, drawn.params)


@needed
@given(graphs(ALL_OPS, exact=False))
def test_graphs_come_back(drawn: Drawn) -> None:
    """What does not lead to the logits stays away, and a layer of one channel a group is depthwise."""
    network, params = from_onnx(to_onnx(drawn.network, drawn.params))
    assert {node.name for node in network} <= {node.name for node in drawn.network}
    assert (forward(network, params, drawn.x) == forward(drawn.network, drawn.params, drawn.x)).all()


# Files of others, made by hand

W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
B = np.array([7.0, 8.0], np.float32)
K = np.arange(16, dtype=np.float32).reshape(4, 1, 2, 2)
C = ("n", 4, 6, 6)


def node(kind: str, inputs: str, outputs: str, /, **attributes: Any) -> "NodeProto":
    """Return a node; names are separated by spaces, and `-` is no name. It is called as its first output."""
    from onnx import helper

    first, last = (["" if name == "-" else name for name in text.split()] for text in (inputs, outputs))
    name, domain = (attributes.pop(key, default) for key, default in (("name", last[0]), ("domain", "")))
    return helper.make_node(kind, first, last, name, None, domain, **attributes)


def model(
    nodes: list["NodeProto"],
    arrays: Mapping[str, Array] | None = None,
    shape: tuple[Any, ...] = ("n", 3),
    *,
    opset: int = 17,
    kind: int = 1,
    inputs: tuple[str, ...] = ("x",),
    outputs: tuple[str, ...] = ("y",),
) -> "ModelProto":
    """Return a model; its values and constants are of float32."""
    from onnx import helper, numpy_helper

    made = [numpy_helper.from_array(array, name) for name, array in (arrays or {}).items()]
    first = [helper.make_tensor_value_info(name, kind, shape) for name in inputs]
    last = [helper.make_tensor_value_info(name, kind, ("n", "m")) for name in outputs]
    graph = helper.make_graph(nodes, "by hand", first, last, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def constant(name: str, value: Array) -> "NodeProto":
    from onnx import numpy_helper

    return node("Constant", "", name, value=numpy_helper.from_array(value))


Case = tuple[Callable[[], "ModelProto"], Network, Mapping[str, Array]]
"""A model, made when onnx is there, and what it becomes."""
X, IMAGE = Input("x", (3,)), Input("x", (4, 6, 6))
READ: dict[str, Case] = {
    "gemm, weight (in, out)": (
        lambda: model([node("Gemm", "x w b", "y")], {"w": W.T.copy(), "b": B}),
        build(X, Dense("y")),
        {"y.weight": W, "y.bias": B},
    ),
    "gemm, one bias for all": (
        lambda: model([node("Gemm", "x w b", "y", transB=1)], {"w": W, "b": B[:1]}),
        build(X, Dense("y")),
        {"y.weight": W, "y.bias": np.array([7, 7], np.float32)},
    ),
    "gemm in float64": (
        lambda: model([node("Gemm", "x w", "y", transB=1)], {"w": W.astype(np.float64)}, kind=11),
        build(X, Dense("y", bias=False)),
        {"y.weight": W.astype(np.float64)},
    ),
    "product and sum": (
        lambda: model([node("MatMul", "x w", "z"), node("Add", "b z", "y"), node("Relu", "y", "r")],
                      {"w": W.T.copy(), "b": B}, outputs=("r",)),
        build(X, Dense("z"), Relu("r")),
        {"z.weight": W, "z.bias": B},
    ),
    "product alone": (
        lambda: model([node("MatMul", "x w", "y")], {"w": W.T.copy()}),
        build(X, Dense("y", bias=False)),
        {"y.weight": W},
    ),
    "names of nodes": (
        lambda: model([node("Relu", "x", "z", name="/a/Relu"), node("Relu", "z", "y", name="/b/Relu")]),
        build(X, Relu("/a/Relu"), Relu("/b/Relu")),
        {},
    ),
    "a node called as the input": (
        lambda: model([node("Relu", "x", "z", name="x"), node("Relu", "z", "y", name="b")]),
        build(X, Relu("z"), Relu("y")),
        {},
    ),
    "no names of nodes": (
        lambda: model([node("Relu", "x", "z", name=""), node("Relu", "z", "y", name="b")]),
        build(X, Relu("z"), Relu("y")),
        {},
    ),
    "identities, a dead end, constants": (
        lambda: model([constant("k", W), node("Identity", "k", "w"), node("Identity", "x", "z"),
                       node("Gemm", "z w", "v", transB=1), node("Tanh", "x", "t"), node("Sum", "v", "y")]),
        build(X, Dense("v", bias=False)),
        {"v.weight": W},
    ),
    "weights of two layers": (
        lambda: model([node("Gemm", "x w", "v", transB=1), node("Gemm", "v w", "y", transB=1)],
                      {"w": np.eye(3, dtype=np.float32)}),
        build(X, Dense("v", bias=False), Dense("y", bias=False, shares="v")),
        {"v.weight": np.eye(3, dtype=np.float32)},
    ),
    "weights of two layers, one transposed": (
        lambda: model([node("Gemm", "x w", "v", transB=1), node("Gemm", "v w", "y")],
                      {"w": np.arange(9, dtype=np.float32).reshape(3, 3)}),
        build(X, Dense("v", bias=False), Dense("y", bias=False)),
        {"v.weight": np.arange(9, dtype=np.float32).reshape(3, 3),
         "y.weight": np.arange(9, dtype=np.float32).reshape(3, 3).T},
    ),
    "depthwise": (
        lambda: model([node("Conv", "x k", "y", group=4, pads=[0, 1, 1, 0], strides=[2, 1])], {"k": K}, C),
        build(IMAGE, DepthwiseConv2d("y", (2, 1), (0, 1, 1, 0), bias=False)),
        {"y.weight": K},
    ),
    "one group of one channel": (
        lambda: model([node("Conv", "x k", "y", kernel_shape=[2, 2])], {"k": K}, ("n", 1, 6, 6)),
        build(Input("x", (1, 6, 6)), Conv2d("y", bias=False)),
        {"y.weight": K},
    ),
    "pools as they are without attributes": (
        lambda: model([node("MaxPool", "x", "z", kernel_shape=[2, 3]), node("AveragePool", "z", "y",
                       kernel_shape=[3, 2], count_include_pad=1)], shape=C),
        build(IMAGE, MaxPool2d("z", (2, 3), (1, 1)), AvgPool2d("y", (3, 2), (1, 1))),
        {},
    ),
    "normalisation": (
        lambda: model([node("BatchNormalization", "x b b b b", "y", epsilon=1e-3)], {"b": B}, ("n", 2)),
        build(Input("x", (2,)), BatchNorm("y", 1e-3, 0.1)),
        {f"y.{part}": B for part in ("gamma", "beta", "running_mean", "running_var")},
    ),
    "reshapes": (
        lambda: model([node("Reshape", "x s", "z"), node("Reshape", "z t", "v"), node("Reshape", "v u", "y")],
                      {"s": np.array([0, -1]), "t": np.array([-1, 144]), "u": np.array([7, -1])}, (7, 4, 6, 6)),
        build(IMAGE, Flatten("z"), Flatten("v"), Flatten("y")),
        {},
    ),
    "means of images": (
        lambda: model([node("ReduceMean", "x", "z", axes=[-1, 2]), node("Flatten", "z", "y")], shape=C),
        build(IMAGE, GlobalAvgPool2d("z"), Flatten("y")),
        {},
    ),
    "means of images, as later": (
        lambda: model([node("ReduceMean", "x a", "y", keepdims=1)], {"a": np.array([2, 3])}, C, opset=18),
        build(IMAGE, GlobalAvgPool2d("y")),
        {},
    ),
    "axes from the end": (
        lambda: model([node("Split", "x", "a b", axis=-3), node("Concat", "b a", "c", axis=-3),
                       node("Flatten", "c", "y", axis=-3)], shape=C),
        build(IMAGE, Split("a", (2, 2)), Concat("c", inputs=("a[1]", "a[0]")), Flatten("y")),
        {},
    ),
    "parts of which the last is smaller": (
        lambda: model([node("Split", "x", "a b", axis=1, num_outputs=2), node("Concat", "b a", "y", axis=1)], opset=18),
        build(X, Split("a", (2, 1)), Concat("y", inputs=("a[1]", "a[0]"))),
        {},
    ),
    "dropouts": (
        lambda: model([node("Dropout", "x", "z"), node("Dropout", "z r t", "y")],
                      {"r": np.array(0.1, np.float32), "t": np.array(False)}),  # noqa: FBT003
        build(X, Dropout("z", 0.5), Dropout("y", 0.1)),
        {},
    ),
    "sums": (
        lambda: model([node("Add", "x x", "z"), node("Sum", "x z x", "y")], opset=13),
        build(X, Add("z", ("x", "x")), Add("y", ("x", "z", "x"))),
        {},
    ),
}  # fmt: skip


@needed
@pytest.mark.parametrize("what", READ)
def test_read(what: str) -> None:
    made, network, params = READ[what]
    got, arrays = from_onnx(made())
    assert got == network
    assert same(arrays, params)


@needed
@pytest.mark.parametrize("what", READ)
def test_read_computes_the_same(what: str) -> None:
    file = READ[what][0]()
    network, params = from_onnx(file)
    rng, dtype = np.random.default_rng(0), {11: np.float64}.get(file.graph.input[0].type.tensor_type.elem_type)
    first = network[0]
    assert isinstance(first, Input)
    x = rng.integers(-3, 4, (7, *first.shape)).astype(dtype or np.float32)
    here = forward(network, params, x)
    assert np.allclose(here, run_plainly(file, x), rtol=1e-5, atol=0), "integers: a root and a mean are rounded"


Refused = tuple[Callable[[], "ModelProto"], str]
REFUSED: dict[str, Refused] = {
    "operator": (
        lambda: model([node("Tanh", "x", "y")]),
        r"node 'y' \(Tanh\): got the operator Tanh, expected one of Add,",
    ),
    "domain": (
        lambda: model([node("Relu", "x", "y", domain="com.microsoft")]),
        r"node 'y' \(Relu\): got the operator com.microsoft.Relu, expected one of Add,",
    ),
    "dilations": (
        lambda: model([node("Conv", "x k", "y", dilations=[2, 1], group=4)], {"k": K}, C),
        r"node 'y' \(Conv\): got dilations \[2, 1\], expected dilations \[1, 1\]",
    ),
    "auto_pad": (
        lambda: model([node("MaxPool", "x", "y", kernel_shape=[2, 2], auto_pad="SAME_UPPER")], shape=C),
        r"\(MaxPool\): got auto_pad SAME_UPPER",
    ),
    "ceil_mode": (
        lambda: model([node("AveragePool", "x", "y", kernel_shape=[2, 2], ceil_mode=1)], shape=C),
        r"\(AveragePool\): got ceil_mode 1",
    ),
    "count_include_pad": (
        lambda: model(
            [node("AveragePool", "x", "y", kernel_shape=[2, 2], count_include_pad=1, pads=[0, 0, 1, 1])], shape=C
        ),
        r"\(AveragePool\): got count_include_pad 1",
    ),
    "one axis": (
        lambda: model([node("MaxPool", "x", "y", kernel_shape=[2])], shape=("n", 3, 5)),
        r"\(MaxPool\): got kernel_shape \[2\]",
    ),
    "indices": (
        lambda: model([node("MaxPool", "x", "y i", kernel_shape=[2, 2])], shape=C),
        r"\(MaxPool\): got outputs \['y', 'i'\], expected 1 outputs",
    ),
    "indices alone": (
        lambda: model([node("MaxPool", "x", "- y", kernel_shape=[2, 2], name="p")], shape=C),
        r"node 'p' \(MaxPool\): got .*output 0",
    ),
    "negative padding": (
        lambda: model([node("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[-1, 0, 0, 0])], shape=C),
        r"node 'y': got padding \(-1, 0, 0, 0\)",
    ),
    "kernel_shape": (
        lambda: model([node("Conv", "x k", "y", kernel_shape=[3, 3], group=4)], {"k": K}, C),
        r"\(Conv\): got kernel_shape \[3, 3\], expected kernel_shape \[2, 2\]",
    ),
    "groups": (lambda: model([node("Conv", "x k", "y", group=3)], {"k": K}, C), r"node 'y': got 4 channels"),
    "another dtype": (
        lambda: model([node("Gemm", "x w", "y")], {"w": W.T.astype(np.float64)}),
        r"\(Gemm\): got float64 of shape \(3, 2\) at input 1, expected float32 of 2 axes",
    ),
    "half precision": (lambda: model([node("Relu", "x", "y")], kind=10), "input 'x': got dtype FLOAT16"),
    "transA": (lambda: model([node("Gemm", "x w", "y", transA=1)], {"w": W}), "got transA 1"),
    "alpha": (lambda: model([node("Gemm", "x w", "y", alpha=0.5)], {"w": W.T.copy()}), "got alpha 0.5"),
    "a bias for each example": (
        lambda: model([node("Gemm", "x w b", "y")], {"w": W.T.copy(), "b": np.ones((3, 2), np.float32)}),
        r"\(Gemm\): got a bias of float32 and shape \(3, 2\)",
    ),
    "a weight that is computed": (
        lambda: model([node("Relu", "x", "w"), node("MatMul", "x w", "y")]),
        r"\(MatMul\): got 'w' at input 1, expected an initializer",
    ),
    "no such initializer": (
        lambda: model([node("Gemm", "x w", "y")]),
        r"node 'y' \(Gemm\): got 'w' at input 1, which nothing computes, expected the input, an initializer",
    ),
    "a product the other way round": (
        lambda: model([node("MatMul", "w x", "y")], {"w": W}),
        r"\(MatMul\): got 'x' at input 1, expected an initializer",
    ),
    "a constant that is added": (
        lambda: model([node("Add", "x b", "y")], {"b": np.ones(3, np.float32)}),
        r"\(Add\): got the constant 'b' at input 1",
    ),
    "a product read twice": (
        lambda: model(
            [node("MatMul", "x w", "z"), node("Add", "z b", "v"), node("Add", "z v", "y")], {"w": W.T.copy(), "b": B}
        ),
        r"'v' \(Add\): got the constant 'b'",
    ),
    "shapes that are broadcast": (
        lambda: model([node("GlobalAveragePool", "x", "z"), node("Add", "x z", "y")], shape=C),
        "node 'y': got inputs of shapes",
    ),
    "training": (
        lambda: model([node("BatchNormalization", "x b b b b", "y m v", training_mode=1)], {"b": B}, ("n", 2)),
        r"\(BatchNormalization\): got training_mode 1",
    ),
    "training of version 13": (
        lambda: model([node("BatchNormalization", "x b b b b", "y m v p q")], {"b": B}, ("n", 2), opset=13),
        r"\(BatchNormalization\): got outputs",
    ),
    "dropout in training": (
        lambda: model([node("Dropout", "x r t", "y")], {"r": np.array(0.1, np.float32), "t": np.array([True])[0]}),
        r"\(Dropout\): got training_mode true",
    ),
    "a rate that is computed": (
        lambda: model([node("Relu", "x", "r"), node("Dropout", "x r", "y")]),
        r"\(Dropout\): got 'r' at input 1",
    ),
    "the batch is split": (
        lambda: model([node("Split", "x", "y z")], shape=(4, 3)),
        r"\(Split\): got axis 0 of 2, expected axis 1",
    ),
    "unequal parts": (
        lambda: model([node("Split", "x", "a b", axis=1), node("Concat", "a b", "y", axis=1)]),
        r"\(Split\): got 3 channels in 2 parts",
    ),
    "more parts than channels": (
        lambda: model([node("Split", "x", "a b c d", axis=1, num_outputs=4), node("Relu", "d", "y")], opset=18),
        r"node 'a': got sizes \(1, 1, 1, 0\)",
    ),
    "a split at the end": (
        lambda: model([node("Split", "x s", "y z", axis=1)], {"s": np.array([1, 2])}),
        "node 'y': got a split as the last node",
    ),
    "another axis": (
        lambda: model([node("Concat", "x x", "y", axis=2)], shape=C),
        r"\(Concat\): got axis 2 of 4",
    ),
    "a shape that mixes examples": (
        lambda: model([node("Reshape", "x s", "y")], {"s": np.array([-1, 6])}),
        r"\(Reshape\): got shape \[-1, 6\], expected \(N, 3\)",
    ),
    "a zero that means nothing": (
        lambda: model([node("Reshape", "x s", "y", allowzero=1)], {"s": np.array([0, 3])}),
        r"\(Reshape\): got shape \[0, 3\]",
    ),
    "another mean": (
        lambda: model([node("ReduceMean", "x", "y", axes=[1, 2])], shape=C),
        r"\(ReduceMean\): got axes \[1, 2\] of 4",
    ),
    "a mean of all": (lambda: model([node("ReduceMean", "x", "y")], shape=C), r"\(ReduceMean\): got axes \[\] of 4"),
    "a mean without axes": (
        lambda: model([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], shape=C),
        r"\(ReduceMean\): got keepdims 0",
    ),
    "two inputs": (
        lambda: model([node("Add", "x z", "y")], inputs=("x", "z")),
        r"model: got inputs \['x', 'z'\], expected one input",
    ),
    "two outputs": (
        lambda: model([node("Relu", "x", "y"), node("Relu", "y", "z")], outputs=("y", "z")),
        r"model: got outputs \['y', 'z'\], expected one output",
    ),
    "an output that is a constant": (
        lambda: model([constant("y", B)]),
        "output 'y': got a value that no node computes",
    ),
    "rows of any length": (
        lambda: model([node("Relu", "x", "y")], shape=("n", "m")),
        r"input 'x': got shape \(n, m\), expected \(N, \.\.\.\), numbers but for",
    ),
    "a batch alone": (lambda: model([node("Relu", "x", "y")], shape=("n",)), "input 'x': got shape"),
    "an old version": (
        lambda: model([node("Relu", "x", "y")], opset=12),
        r"model: got operators of version \[12\], expected one in 13\.\.",
    ),
    "an attribute nobody knows": (
        lambda: model([node("Relu", "x", "y", slope=1)]),
        r"node 'y' \(Relu\): got the attribute 'slope', expected none",
    ),
    "an attribute written otherwise": (
        lambda: model([node("Gemm", "x w", "y", transb=1)], {"w": W}),
        r"node 'y' \(Gemm\): got the attribute 'transb', expected one of alpha, beta, transA, transB",
    ),
    "no attribute": (
        lambda: model([node("MaxPool", "x", "y")], shape=C),
        r"node 'y' \(MaxPool\): got Required attribute 'kernel_shape' is missing, expected a well-formed",
    ),
    "an operator nobody knows, at a dead end": (
        lambda: model([node("MadeUp", "x", "z"), node("Relu", "x", "y")]),
        r"node 'z' \(MadeUp\): got No Op registered",
    ),
    "no order": (
        lambda: model([node("Relu", "z", "y"), node("Relu", "x", "z")]),
        r"node 'y' \(Relu\): got 'z' at input 0, which node 'z' \(Relu\) computes, not before it, expected the input",
    ),
    "a node that reads itself": (
        lambda: model([node("Add", "x y", "y", name="loop")]),
        r"node 'loop' \(Add\): got 'y' at input 1, which node 'loop' \(Add\) computes, not before it",
    ),
    "no input": (lambda: model([node("Relu", "x", "y")], inputs=()), r"model: got inputs \[\], expected one input"),
    "the input as the output": (
        lambda: model([node("Gemm", "x w", "y")], {"w": W.T.copy()}, outputs=("x",)),
        "output 'x': got the input of the graph, expected a value that a node computes",
    ),
    "names of nodes that are not distinct": (
        lambda: model([node("Relu", "x", "z", name="a"), node("Relu", "z", "y", name="a")]),
        "node 'a': got 2 nodes of this name, expected a name for each",
    ),
    "NaN as a weight": (
        lambda: model([node("Gemm", "x w", "y", transB=1)], {"w": np.where(W == 2, np.nan, W).astype(np.float32)}),
        r"node 'y' \(Gemm\): got NaN or infinity in 'w', expected finite numbers",
    ),
    "infinity as a bias": (
        lambda: model([node("Gemm", "x w b", "y", transB=1)], {"w": W, "b": np.array([0, np.inf], np.float32)}),
        r"node 'y' \(Gemm\): got NaN or infinity in its bias, expected finite numbers",
    ),
    "a negative variance": (
        lambda: model([node("BatchNormalization", "x b b b v", "y")], {"b": B, "v": -B}, ("n", 2)),
        r"node 'y' \(BatchNormalization\): got a variance of -8.0 in 'v', expected 0 or more",
    ),
}


@needed
@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    made, sentence = REFUSED[what]
    with pytest.raises(InvalidInput, match=sentence):
        from_onnx(made())


@needed
def test_other_operators_of_the_same_name_are_refused() -> None:
    file = model([node("Relu", "x", "y", domain="com.microsoft")])
    file.opset_import.add(domain="com.microsoft", version=1)
    with pytest.raises(InvalidInput, match=r"node 'y' \(Relu\): got the operator com.microsoft.Relu"):
        from_onnx(file)


@needed
def test_other_places_are_refused() -> None:
    """Initializers in another file, sparse ones, functions."""
    plain = model([node("Gemm", "x w", "y")], {"w": W.T.copy()})
    outside = type(plain).FromString(plain.SerializeToString())
    outside.graph.initializer[0].data_location = 1
    outside.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    functions = type(plain).FromString(plain.SerializeToString())
    functions.functions.add(name="f", domain="")
    for wrong, sentence in (
        (outside, "initializer 'w': got numbers in another file"),
        (functions, "model: got functions"),
        (type(plain)(), "model: got operators of version"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            from_onnx(wrong)


@needed
def test_numbers_of_an_unknown_dtype_are_refused() -> None:
    """In an initializer, and in a constant."""
    first = model([node("Gemm", "x w", "y")], {"w": W.T.copy()})
    first.graph.initializer[0].data_type = 77
    second = model([constant("w", W.T.copy()), node("Gemm", "x w", "y")])
    second.graph.node[0].attribute[0].t.data_type = 77
    for file, what in ((first, "initializer 'w'"), (second, r"node 'w' \(Constant\)")):
        with pytest.raises(InvalidInput, match=f"{what}: got dtype 77, expected one that ONNX has"):
            from_onnx(file)


# Damaged files


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("written") / "network.onnx"
    drawn = everything(0, np.float32)
    write_model(place, drawn.network, drawn.params)
    return place


@needed
def test_damaged_files(written: Path, tmp_path: Path) -> None:
    """Cut short or with bytes changed: refused, or read as a network of ours."""
    content, rng, refused = written.read_bytes(), np.random.default_rng(0), 0
    place = tmp_path / "damaged.onnx"
    for turn in range(400):
        damaged = bytearray(content[: rng.integers(len(content))] if turn % 4 == 0 else content)
        for at in rng.integers(0, max(len(damaged), 1), int(rng.integers(1, 4)) if turn % 4 and damaged else 0):
            damaged[at] = rng.integers(256)
        place.write_bytes(damaged)
        try:
            read_model(place)
        except InvalidInput as error:
            refused += str(error).startswith(str(place))
    assert refused >= 100, "cut short alone are 100"


# The commands


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """Return what a command says that ends with this code, on the one channel that fits."""
    assert main([*map(str, arguments)]) == code
    captured = capsys.readouterr()
    assert captured.out if code == 0 else not captured.out
    assert not captured.err if code == 0 else captured.err.count("\n") == 1
    return captured.out + captured.err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of two seeds."""
    place = tmp_path_factory.mktemp("run")
    quick_run(place, "--network", "cnn-8x8", "--seeds", 2)
    return place


@needed
@pytest.mark.parametrize("state", STATES)
def test_export(state: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "new" / "network.onnx"
    told = said(capsys, 0, "export", run, "--onnx", place, "--state", state, "--seed", 1)
    assert told == f"written to {place}: cnn-8x8, {state}, seed 1\n"
    stored = load_state(run, "cnn-8x8", 1, state)
    network, params = read_model(place)
    assert network == stored.network
    assert same(params, stored.params)
    assert [path.name for path in place.parent.iterdir()] == ["network.onnx"]


@needed
def test_export_without_options(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "network.onnx"
    place.write_text("what was here before")
    assert said(capsys, 0, "export", run, "--onnx", place) == f"written to {place}: cnn-8x8, compact, seed 0\n"
    assert same(read_model(place)[1], load_state(run, "cnn-8x8", 0, "compact").params)


@needed
def test_there_and_back(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, its file, the folder of the file, and again its file: the same bytes."""
    own = run / "networks" / "cnn-8x8" / "seed-0" / "dense"
    first, folder, second = tmp_path / "a.onnx", tmp_path / "there" / "b", tmp_path / "c.onnx"
    assert said(capsys, 0, "convert", own, first) == f"written to {first}\n"
    assert said(capsys, 0, "convert", first, folder) == f"written to {folder}\n"
    assert said(capsys, 0, "convert", folder, second) == f"written to {second}\n"
    assert first.read_bytes() == second.read_bytes()
    network, _, masks = store.load(folder)
    assert (network, masks) == (load_state(run, "cnn-8x8", 0, "dense").network, {})
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


@needed
def test_masks_are_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parameters of a folder may be alive under a mask; in the file they are 0."""
    network, params = build(Input("x", (2,)), Dense("a", bias=False)), {"a.weight": np.array([[1.0, 2.0]])}
    store.save(tmp_path / "in", network, params, {"a.weight": np.array([[True, False]])})
    (tmp_path / "out").mkdir()
    said(capsys, 0, "convert", tmp_path / "in", tmp_path / "file.onnx")
    said(capsys, 0, "convert", tmp_path / "file.onnx", tmp_path / "out")
    _, found, masks = store.load(tmp_path / "out")
    assert (found["a.weight"].tolist(), masks) == ([[1.0, 0.0]], {})


@needed
def test_usage(run: Path, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is one sentence, 2, and nothing is written."""
    out, full = tmp_path / "out.onnx", tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    (tmp_path / "bad.onnx").write_bytes(written.read_bytes()[:999])
    for arguments, sentence in [
        (("export", run, "--onnx", tmp_path / "out.pb"), "--onnx: got "),
        (("export", tmp_path, "--onnx", out), "expected the folder of a finished run"),
        (("export", run, "--onnx", out, "--seed", 7), "--seed: got 7"),
        (("export", run, "--onnx", out, "--network", "mine"), "--network: got mine"),
        (("convert", run, tmp_path / "folder"), "IN and OUT: got "),
        (("convert", written, out), "IN and OUT: got "),
        (("convert", run, out), "expected "),
        (("convert", tmp_path / "none.onnx", tmp_path / "folder"), "none.onnx: got No such file or directory"),
        (("convert", tmp_path / "bad.onnx", tmp_path / "folder"), "bad.onnx"),
        (("convert", written, full), "full: got a folder with files in it"),
    ]:
        assert sentence in said(capsys, 2, *arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"full", "bad.onnx"}


@needed
def test_no_place(run: Path, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that cannot be written to is named, with what stands in the way; nothing is written."""
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()
    for arguments, sentence in (
        (("export", run, "--onnx", tmp_path / "file" / "out.onnx"), f"got {tmp_path / 'file'}, which is no folder"),
        (("export", run, "--onnx", tmp_path / "folder.onnx"), "got a folder, expected a file"),
        (("convert", written, tmp_path / "file" / "folder"), f"got {tmp_path / 'file'}, which is no folder"),
        (("convert", written, "/proc/mine"), "got /proc, where no file can be made (No such file or directory)"),
    ):
        told = said(capsys, 2, *arguments)
        assert told.startswith(f"refprune: {arguments[-1]}")
        assert sentence in told
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.onnx"]


@needed
@pytest.mark.parametrize("out", ["file.onnx", "new", "empty"])
def test_full_disk(out: str, written: Path, tmp_path: Path) -> None:
    """No file may grow beyond 100 bytes: a failure in one sentence that names the place, and nothing is left of it."""
    source = tmp_path / "in" if out.endswith(".onnx") else written
    store.save(tmp_path / "in", *read_model(written), {})
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
    command = f"{limit} from refprune.lab.cli import main; sys.exit(main(sys.argv[1:]))"
    asked = [sys.executable, "-c", command, "convert", str(source), str(tmp_path / out)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"refprune: {tmp_path / out}: got File too large, expected a place")
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@needed
@pytest.mark.parametrize("through", ["the folder itself", "a link"])
def test_into_an_empty_folder(
    through: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder that is there stays the same one: somebody may be in it, and a link may lead to it."""
    empty, link = tmp_path / "empty", tmp_path / "link"
    empty.mkdir()
    link.symlink_to(empty)
    monkeypatch.chdir(empty)
    place = link if through == "a link" else Path()
    assert said(capsys, 0, "convert", written, place) == f"written to {place}\n"
    assert Path.cwd() == empty
    assert link.is_symlink()
    assert same(store.load(empty)[1], read_model(written)[1])
    assert len(list(empty.iterdir())) == 3


@needed
def test_precision_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A convolution in float64 is more than some can run; a dense layer is not."""
    image, line = (Input("x", shape) for shape in ((1, 2, 2), (1,)))
    for network, shape, kind, lines in (
        (build(image, Conv2d("c", bias=False)), (1, 1, 2, 2), np.float64, 2),
        (build(image, Conv2d("c", bias=False)), (1, 1, 2, 2), np.float32, 1),
        (build(line, Dense("c", bias=False)), (1, 1), np.float64, 1),
    ):
        store.save(tmp_path / "in", network, {"c.weight": np.ones(shape, kind)}, {})
        told = said(capsys, 0, "convert", tmp_path / "in", tmp_path / "out.onnx").splitlines()
        assert len(told) == lines
        assert told[1:] == ["its numbers are float64, in which onnxruntime may have no convolution"][: lines - 1]


@needed
def test_network_edited_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence that names the file; what a file alone cannot tell is said of the folder."""
    network, params = build(Input("x", (2,)), Dense("a", bias=False), Relu("r")), {"a.weight": np.ones((2, 2))}
    store.save(tmp_path / "in", network, params, {})
    file = tmp_path / "in" / "network.json"
    text = file.read_text()
    for old, new, sentence in (
        ('"inputs": ["x"]', '"inputs": ["r"]', f"{file}, node 'a': got input 'r', expected one of the values before"),
        ("}\n]", "}\n", f"{file}, network: got text that is not JSON"),
        ('"shape": [2]', '"shape": [3]', f"{tmp_path / 'in'}, a.weight: got shape (2, 2), expected (out, 3)"),
    ):
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))
        told = said(capsys, 2, "convert", tmp_path / "in", tmp_path / "out.onnx")
        assert told.startswith(f"refprune: {sentence}")
        assert told.count("expected") == 1
    file.unlink()
    assert f"{file}: got No such file" in said(capsys, 2, "convert", tmp_path / "in", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_no_path(capsys: pytest.CaptureFixture[str]) -> None:
    """What a variable leaves that is not set is no path, and not this folder."""
    for arguments in (("convert", "", "out"), ("convert", "in.onnx", ""), ("export", "", "--onnx", "a.onnx")):
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        assert ended.value.code == 2
        assert "got '', expected a path; this folder is ." in capsys.readouterr().err


def test_without_the_package(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, and a failure."""
    monkeypatch.setattr(extras, "installed", lambda package: package != "onnx")
    sentence = 'refprune: networks as ONNX need the package onnx: python -m pip install "refprune[onnx]"\n'
    assert said(capsys, 1, "export", run, "--onnx", tmp_path / "out.onnx") == sentence
    assert said(capsys, 1, "convert", tmp_path / "in.onnx", tmp_path / "out") == sentence
    assert list(tmp_path.iterdir()) == []
