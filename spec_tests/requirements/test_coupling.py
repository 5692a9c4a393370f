"""docs/spec/coupling.md, requirement by requirement: a literal example, then a property."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array, Params
from refprune.coupling import find_groups
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice
from refprune.network import Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Node, Relu, build
from spec_tests.adapter import Backend
from spec_tests.oracle import surgery as define
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.networks import Drawn
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement


def numbered(**shapes: tuple[int, ...]) -> dict[str, Array]:
    """Return weights and biases that hold 0, 1, 2, ..., given the shapes of the weights."""
    params = {}
    for layer, shape in shapes.items():
        params[f"{layer}.weight"] = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
        params[f"{layer}.bias"] = np.arange(shape[0], dtype=np.float64)
    return params


def left(backend: Backend, network: Network, params: Params, **units: list[int]) -> tuple[Any, str]:
    """Return the arrays that removal leaves, and the call."""
    return backend.remove(network, params, units)[0], call("remove", network, params, units)


MLP = build(Input("x", (2,)), Dense("fc1"), Relu("relu"), Dense("out"))
CNN = build(Input("x", (1, 3, 4)), Conv2d("conv"), Relu("relu"), Flatten("flatten"), Dense("out"))


# CPL-01 Groups


@requirement("CPL-01", "example", "REMOVE")
def test_groups_example(backend: Backend) -> None:
    got, said = left(backend, MLP, numbered(fc1=(3, 2), out=(2, 3)), fc1=[1])
    should = {
        "fc1.weight": np.array([[0, 1], [4, 5]]),
        "fc1.bias": np.array([0, 2]),
        "out.weight": np.array([[0, 2], [3, 5]]),
        "out.bias": np.array([0, 1]),
    }
    expect_equal(got, should, said)
    convolutions = build(
        Input("x", (1, 2, 2)),
        Conv2d("a"),
        MaxPool2d("pool", (1, 1), (1, 1)),
        Conv2d("b"),
        Flatten("f"),
        Dense("o"),
    )
    got, said = left(backend, convolutions, numbered(a=(2, 1, 1, 1), b=(1, 2, 1, 2), o=(1, 2)), a=[0])
    expect_equal(got["a.weight"], np.array([[[[1]]]]), said)
    expect_equal(got["b.weight"], np.array([[[[2, 3]]]]), said)


@requirement("CPL-01", "example")
def test_groups_of_the_reference_example() -> None:
    three = build(Input("x", (2,)), Dense("a"), Dense("b"), Relu("relu"), Dense("c"))
    expect_equal(
        find_groups(three, numbered(a=(3, 2), b=(4, 3), c=(1, 4))),
        (
            Group("a", 3, (Slice("a.weight", 0), Slice("a.bias", 0)), (Slice("b.weight", 1, 1),)),
            Group("b", 4, (Slice("b.weight", 0), Slice("b.bias", 0)), (Slice("c.weight", 1, 1),)),
        ),
        "find_groups(three, ...)",
    )


@requirement("CPL-01", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_groups(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """One unit of one layer takes its row, its bias and its columns along, and touches nothing else."""
    widths = {name: width for name, width in draw.widths(drawn).items() if width > 1}
    if widths:
        layer = data.draw(st.sampled_from(sorted(widths)))
        unit = data.draw(st.integers(0, widths[layer] - 1))
        got, said = left(backend, drawn.network, drawn.params, **{layer: [unit]})
        expect_equal(got, define.compacted(drawn.network, drawn.params, {layer: [unit]}), said)


# CPL-02 Behind a flatten


@requirement("CPL-02", "example", "REMOVE")
def test_flatten_example(backend: Backend) -> None:
    params = numbered(conv=(2, 1, 2, 2), out=(1, 12))
    for gone, columns in ((0, [6, 7, 8, 9, 10, 11]), (1, [0, 1, 2, 3, 4, 5])):
        got, said = left(backend, CNN, params, conv=[gone])
        expect_equal(got["out.weight"], np.array([columns], np.float64), said)
    pooled = build(
        Input("x", (1, 4, 6)),
        Conv2d("conv", (2, 1), (0, 1, 0, 0)),
        MaxPool2d("pool", (2, 2), (2, 2)),
        Flatten("f"),
        Dense("out"),
    )  # 4 x 7 with its padding, kernel 1 x 2, stride (2, 1): 2 x 6, pooled to 1 x 3
    got, said = left(backend, pooled, numbered(conv=(3, 1, 1, 2), out=(1, 9)), conv=[1])
    expect_equal(got["out.weight"], np.array([[0, 1, 2, 6, 7, 8]], np.float64), said)


@requirement("CPL-02", "example", "REMOVE")
def test_second_flatten_example(backend: Backend) -> None:
    twice = build(Input("x", (1, 3, 4)), Conv2d("conv"), Flatten("f"), Relu("relu"), Flatten("again"), Dense("out"))
    got, said = left(backend, twice, numbered(conv=(2, 1, 2, 2), out=(1, 12)), conv=[0])
    expect_equal(got["out.weight"], np.array([[6, 7, 8, 9, 10, 11]], np.float64), said)


@requirement("CPL-02", "property", "REMOVE")
@given(st.data(), draw.networks(images=True))
def test_flatten(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Columns that carry their channel's number: what is left behind the flatten is the channels that are left."""
    maker = [name for name in draw.widths(drawn) if name.startswith("conv")][-1]
    reader, channels = define.readers(drawn.network)[maker], draw.widths(drawn)[maker]
    rows, columns = drawn.params[f"{reader}.weight"].shape
    span = columns // channels
    marks = np.array([[column // span for column in range(columns)]] * rows, drawn.x.dtype)
    gone = data.draw(draw.some_units(channels))
    got, said = left(backend, drawn.network, drawn.params | {f"{reader}.weight": marks}, **{maker: gone})
    should = [channel for channel in range(channels) if channel not in gone for _ in range(span)]
    expect_equal(got[f"{reader}.weight"], np.array([should] * rows, drawn.x.dtype), said)


# CPL-03 The ends


def refused(backend: Backend, network: Network, params: Params, layer: str) -> None:
    """Require that removing unit 0 of this node is refused and changes nothing."""
    before = {name: array.copy() for name, array in params.items()}
    said = call("remove", network, before, {layer: [0]})
    refuses(lambda: backend.remove(network, params, {layer: [0]}), said)
    expect_equal({"parameters afterwards": params}, {"parameters afterwards": before}, said)


@requirement("CPL-03", "example", "REMOVE")
def test_ends_example(backend: Backend) -> None:
    params = numbered(fc1=(3, 2), out=(2, 3))
    for layer in ("out", "x", "relu"):
        refused(backend, MLP, params, layer)


@requirement("CPL-03", "example")
def test_ends_of_the_reference_example() -> None:
    alone = build(Input("x", (1, 2, 3)), Flatten("flatten"), Dense("out"))
    expect_equal(find_groups(alone, numbered(out=(2, 6))), (), "find_groups(alone, ...)")
    names = [group.name for group in find_groups(MLP, numbered(fc1=(3, 2), out=(2, 3)))]
    expect_equal(names, ["fc1"], "find_groups(MLP, ...)")


@requirement("CPL-03", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_ends(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Only layers that another layer reads have units to remove."""
    others = sorted({node.name for node in drawn.network} - set(draw.widths(drawn)))
    refused(backend, drawn.network, drawn.params, data.draw(st.sampled_from(others)))


# CPL-04 Only chains


def refused_naming(network: Network, params: Params, node: str) -> None:
    """Require InvalidInput with the node's name in it."""
    said = f"find_groups({network}, ...)"
    error = refuses(lambda: find_groups(network, params), said)
    if not isinstance(error, InvalidInput) or f"node {node!r}" not in str(error):
        fail(repr(error), f"InvalidInput naming node {node!r}", said)


@requirement("CPL-04", "example")
def test_chain_example() -> None:
    fork = build(Input("x", (2,)), Dense("a"), Dense("b"), Dense("c", inputs=("a",)))
    refused_naming(fork, numbered(a=(2, 2), b=(2, 2), c=(2, 2)), "c")


@requirement("CPL-04", "property")
@given(st.data(), draw.networks())
def test_chain(data: st.DataObject, drawn: Drawn) -> None:
    """A node that reads an earlier one than the one before it is named, whether or not the shapes would fit."""
    place = data.draw(st.integers(2, len(drawn.network) - 1)) if len(drawn.network) > 2 else None
    if place is not None:
        source = data.draw(st.sampled_from([node.name for node in drawn.network[: place - 1]]))
        nodes: list[Node] = list(drawn.network)
        nodes[place] = replace(nodes[place], inputs=(source,))
        refused_naming(build(*nodes), drawn.params, nodes[place].name)
