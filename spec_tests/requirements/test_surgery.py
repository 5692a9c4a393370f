"""docs/spec/surgery.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import granularity
from refprune.arrays import Array, Masks, Params, apply_masks, learned
from refprune.backprop import forward, loss_and_grads
from refprune.coupling import find_groups
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice
from refprune.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    Relu,
    Sigmoid,
    Split,
    build,
    layers,
    owner,
)
from refprune.surgery import compact, compact_network, cut_outgoing, masks_without, masks_without_rows, unread_units
from refprune.training import Optimiser, State, adam, constant, one_step, sgd, start, steps, update
from spec_tests.adapter import Backend
from spec_tests.oracle import layers as oracle
from spec_tests.oracle import surgery as define
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.exact import anchored, moves_exactly, training_peak
from spec_tests.strategies.graphs import EXACT_OPS, graphs
from spec_tests.strategies.networks import Drawn, masks_of
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement, show

Units = Mapping[str, Sequence[Any]]
PARTS = build(
    Input("x", (1,)), Dense("a", bias=False), Split("s", (2, 3)), Concat("joined", ("s[1]", "s[0]")), Dense("out")
)
PARTS_GIVEN = {
    "a.weight": np.arange(5.0).reshape(5, 1),
    "out.weight": np.array([[12.0, 13, 14, 10, 11]]),
    "out.bias": np.zeros(1),
}
"""Column 10 + i of out reads row i of a."""
MLP = build(Input("x", (2,)), Dense("fc1"), Relu("relu"), Dense("out"))
LINE = build(Input("x", (1,)), Dense("fc1"), Relu("relu"), Dense("out"))


def floats(values: Any) -> Array:
    """Return a float64 array."""
    return np.array(values, np.float64)


def mlp(fc1: Any, bias1: Any, out: Any, bias: Any) -> dict[str, Array]:
    """Return the parameters of fc1 and out."""
    arrays = {"fc1.weight": fc1, "fc1.bias": bias1, "out.weight": out, "out.bias": bias}
    return {name: floats(values) for name, values in arrays.items()}


THREE = mlp([[1, 2], [3, 4], [5, 6]], [7, 8, 9], [[1, 2, 3], [4, 5, 6]], [0, 1])
FOUR = mlp([[1], [2], [3], [4]], [5, 6, 7, 8], [[1, 2, 3, 4]], [9])


def without_rows_0_and_2() -> dict[str, Array]:
    """Return what is left of PARTS_GIVEN."""
    return {"a.weight": floats([[1], [3], [4]]), "out.weight": floats([[13, 14, 11]]), "out.bias": floats([0])}


def remove(backend: Backend, network: Network, params: Params, units: Units) -> tuple[dict[str, Any], str]:
    """Return what is left, and the call."""
    draw.needs_ops(backend, network)
    return dict(backend.remove(network, params, units)[0]), call("remove", network, params, units)


def expect(what: str, got: Any, should: Any, said: str) -> None:
    """Require equal values of something that the call leads to; the words stand in front of both."""
    expect_equal({what: got}, {what: should}, said)


def refused(backend: Backend, network: Network, params: Params, units: Units) -> None:
    """Require a refusal that changes nothing."""
    draw.needs_ops(backend, network)
    before = {name: array.copy() for name, array in params.items()}
    said = call("remove", network, before, units)
    refuses(lambda: backend.remove(network, params, units), said)
    expect("parameters afterwards", params, before, said)


def expect_kept(backend: Backend, network: Network, params: Params, units: Units) -> None:
    """Require the original indices of what is left, in order; a layer that is not told lost none.

    A layer that shares parameters may be told, too: its owner's.
    """
    draw.needs_ops(backend, network)
    kept, said = backend.remove(network, params, units)[1], call("remove", network, params, units)
    for name, indices in kept.items():
        if isinstance(indices, AbstractSet | Mapping):
            fail(f"kept[{name!r}] = {indices!r}", "a sequence: a set has no order", said)
    should = define.kept(network, params, units)
    everything = {layer: list(range(len(params[f"{layer}.weight"]))) for layer in should}
    told = {name: [int(unit) for unit in indices] for name, indices in kept.items()}
    sharers = {node.name: should[owner(node)] for node in layers(network) if node.name in told.keys() - should.keys()}
    expect("kept", everything | told, should | sharers, said)


def logits(network: Network, params: Params, x: Array) -> list[oracle.Table]:
    """Return the logits by the definition of every layer: exact for the integers drawn here, in any dtype."""
    return oracle.logits(network, params, x)


def expect_logits(network: Network, got: Params, x: Array, should: list[oracle.Table], said: str) -> None:
    """Require these logits of what is left; the network is that of the compacted arrays."""
    expect(f"logits of {show(x)}", logits(network, got, x), should, said)


# SUR-01 What goes


@requirement("SUR-01", "example", "REMOVE")
def test_what_goes_example(backend: Backend) -> None:
    got, said = remove(backend, MLP, THREE, {"fc1": [1]})
    expect_equal(got, mlp([[1, 2], [5, 6]], [7, 9], [[1, 3], [4, 6]], [0, 1]), said)
    got, said = remove(backend, MLP, THREE, {"fc1": [0, 2]})
    expect_equal(got, mlp([[3, 4]], [8], [[2], [5]], [0, 1]), said)


TWO = build(
    Input("x", (1,)),
    Dense("a", bias=False),
    Dense("b", bias=False, inputs=("x",)),
    Add("add", ("a", "b")),
    Dense("out"),
)
TWO_GIVEN = {
    "a.weight": floats([[1], [2], [3]]),
    "b.weight": floats([[4], [5], [6]]),
    "out.weight": floats([[7, 8, 9]]),
    "out.bias": floats([0]),
}


@requirement("SUR-01", "example", "REMOVE")
def test_named_by_any_maker_example(backend: Backend) -> None:
    """One output of a unit, another, or both: the unit goes."""
    should = {"a.weight": floats([[2], [3]]), "b.weight": floats([[5], [6]]), "out.weight": floats([[8, 9]])}
    requests: tuple[Units, ...] = ({"a": [0]}, {"b": [0]}, {"a": [0], "b": [0]})
    for units in requests:
        got, said = remove(backend, TWO, TWO_GIVEN, units)
        expect_equal(got, should | {"out.bias": floats([0])}, said)


ROWS = build(Input("x", (1, 1, 1)), Conv2d("a"), DepthwiseConv2d("d"), Flatten("flat"), Dense("out"))
"""Two rows of d for each channel of a."""


@requirement("SUR-01", "example", "REMOVE")
def test_named_by_both_rows_example(backend: Backend) -> None:
    """Rows 2 and 3 of d are one unit; named by one of them or by both, it goes."""
    params = ones(a=(3, 1, 1, 1), d=(6, 1, 1, 1), out=(1, 6))
    params |= {"d.bias": floats(range(6)), "a.bias": floats(range(3))}
    for rows in ([2], [3], [3, 2]):
        got, said = remove(backend, ROWS, params, {"d": rows})
        expect("biases", {name: got[name] for name in ("a.bias", "d.bias")}, ROWS_LEFT, said)


ROWS_LEFT = {"a.bias": floats([0, 2]), "d.bias": floats([0, 1, 4, 5])}


@requirement("SUR-01", "property", "REMOVE")
@given(st.data())
def test_what_goes(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect_equal(got, define.compacted(drawn.network, drawn.params, units), said)


# SUR-02 Survivors


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, FOUR, {"fc1": [2, 0]})
    expect_equal(got, mlp([[2], [4]], [6, 8], [[2, 4]], [9]), said)
    expect_kept(backend, LINE, FOUR, {"fc1": [2, 0]})
    expect_kept(backend, LINE, FOUR, {"fc1": []})
    zeros = {"fc1.weight": floats([[-0.0], [1], [-0.0]]), "fc1.bias": floats([0, 1, -0.0])}
    zeros |= {"out.weight": floats([[-0.0, 1, 0]]), "out.bias": floats([-0.0])}
    small = {name: array.astype(np.float32) for name, array in zeros.items()}
    got, said = remove(backend, LINE, small, {"fc1": [1]})
    signs = {name: np.signbit(array).ravel().tolist() for name, array in got.items()}
    should = {
        "fc1.weight": [True, True],
        "fc1.bias": [False, True],
        "out.weight": [True, False],
        "out.bias": [True],
    }
    expect("signs", signs, should, said)
    expect("dtypes", {np.asarray(array).dtype.name for array in got.values()}, {"float32"}, said)


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_of_others_example(backend: Backend) -> None:
    """Layer b loses its row too, without being named."""
    expect_kept(backend, TWO, TWO_GIVEN, {"a": [2]})


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_of_rows_example(backend: Backend) -> None:
    """Of a depthwise layer its rows are told, not its channels."""
    expect_kept(backend, ROWS, ones(a=(3, 1, 1, 1), d=(6, 1, 1, 1), out=(1, 6)), {"a": [1]})


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_of_parts_example(backend: Backend) -> None:
    """Of a layer whose output is split, all rows are told."""
    expect_kept(backend, PARTS, PARTS_GIVEN, {"a": [1, 3]})


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_of_shared_example(backend: Backend) -> None:
    """Layer s is told, and t, which shares its parameters, may be."""
    shared = build(
        Input("x", (1,)), Dense("s"), Dense("t", shares="s", inputs=("x",)), Add("sum", ("s", "t")), Dense("out")
    )
    expect_kept(backend, shared, ones(s=(3, 1), out=(1, 3)), {"s": [1]})


@requirement("SUR-02", "example", "REMOVE")
def test_odd_survivors_example(backend: Backend) -> None:
    """Infinities, NaN and the smallest number stay as they are."""
    odd = floats([[np.inf], [-np.inf], [5e-324], [np.nan]])
    got, said = remove(backend, LINE, FOUR | {"fc1.weight": odd}, {"fc1": [1]})
    expect("bytes of fc1.weight", np.asarray(got["fc1.weight"]).tobytes(), odd[[0, 2, 3]].tobytes(), said)


@requirement("SUR-02", "property", "REMOVE")
@given(st.data())
def test_survivors(backend: Backend, data: st.DataObject) -> None:
    """Bytes, dtypes and the indices that are told, with both zeros and numbers that no sum keeps."""
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    odd = {name: np.where(array == 0, array.dtype.type(-0.0), array / 3) for name, array in drawn.params.items()}
    should = define.compacted(drawn.network, odd, units)
    got, said = remove(backend, drawn.network, odd, units)
    for name, array in should.items():
        mine = np.asarray(got[name])
        expect(name, (mine.dtype.name, mine.shape), (array.dtype.name, array.shape), said)
        expect(f"bytes of {name}", mine.tobytes(), array.tobytes(), said)
    expect_kept(backend, drawn.network, odd, units)


# SUR-03 The list decides


@requirement("SUR-03", "example", "REMOVE")
def test_list_example(backend: Backend) -> None:
    params = mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0])
    got, said = remove(backend, MLP, params, {"fc1": [1]})
    expect_equal(got, mlp([[0, 0]], [0], [[0]], [0]), said)


@requirement("SUR-03", "property", "REMOVE")
@given(st.data())
def test_list(backend: Backend, data: st.DataObject) -> None:
    """Zeros everywhere, or in the units that stay: the shapes that are left are the same."""
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units, zero_all = data.draw(draw.removals(drawn)), data.draw(st.booleans())
    stay = define.groups(drawn.network, drawn.params)
    named = {(layer, row) for layer, rows in units.items() for row in rows}
    zeros = {name: array.copy() for name, array in drawn.params.items()}
    for kind, name, place in (
        thing for group in stay for unit in group for thing in unit if zero_all or not _named(unit, named)
    ):
        if kind != "channel" and not name.endswith("running_var"):
            zeros[name][(slice(None), place) if kind == "column" else place] = 0
    got, said = remove(backend, drawn.network, zeros, units)
    should = {name: array.shape for name, array in define.compacted(drawn.network, drawn.params, units).items()}
    expect("shapes", {name: np.shape(array) for name, array in got.items()}, should, said)


def _named(unit: define.Unit, named: AbstractSet[tuple[str, int]]) -> bool:
    """Say whether one of the outputs that are named is this unit."""
    return any((layer, row) in named for layer, rows in define.rows_of(unit).items() for row in rows)


# SUR-04 A group keeps a unit


@requirement("SUR-04", "example", "REMOVE")
def test_emptied_example(backend: Backend) -> None:
    refused(backend, MLP, mlp([[1, 2], [3, 4]], [5, 6], [[7, 8]], [9]), {"fc1": [0, 1]})
    refused(backend, LINE, mlp([[1]], [2], [[3]], [4]), {"fc1": [0]})


@requirement("SUR-04", "example", "REMOVE")
def test_emptied_part_example(backend: Backend) -> None:
    """Part 0 would have no channels, though the layer has three outputs left."""
    refused(backend, PARTS, PARTS_GIVEN, {"a": [0, 1]})
    refused(backend, PARTS, PARTS_GIVEN, {"a": [2, 4, 3]})


@requirement("SUR-04", "property", "REMOVE")
@given(st.data())
def test_emptied(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    groups = define.groups(drawn.network, drawn.params)
    assume(groups)
    made = [define.rows_of(unit) for unit in data.draw(st.sampled_from(groups))]
    units = data.draw(draw.removals(drawn))
    for rows in made:
        layer = data.draw(st.sampled_from(sorted(rows)))
        units[layer] = sorted({*units.get(layer, []), rows[layer][0]})
    refused(backend, drawn.network, drawn.params, units)


# SUR-05 The function is preserved

KINK = mlp([[1], [2]], [1, 1], [[1, 10]], [0])


@requirement("SUR-05", "example", "REMOVE")
def test_function_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, KINK, {"fc1": [0]})
    expect_logits(LINE, got, floats([[3], [-1]]), [{(0,): 70.0}, {(0,): 0.0}], said)
    # conv: 2 channels of 1 x 2, [x0, x1] and [2 x0, 2 x1]; the pool takes pairs of columns; out reads 1 and 10.
    image = build(
        Input("x", (1, 1, 3)), Conv2d("conv"), MaxPool2d("pool", (1, 2), (1, 1)), Flatten("flat"), Dense("out")
    )
    params = {"conv.weight": floats([[[[1]]], [[[2]]]]), "conv.bias": floats([0, 1])}
    params |= {"out.weight": floats([[1000, 100, 10, 1]]), "out.bias": floats([5])}
    got, said = remove(backend, image, params, {"conv": [0]})
    # 2 x + 1 = 3, 7, 5; the larger of each pair: 7, 7; 10 * 7 + 1 * 7 + 5 = 82
    expect_logits(image, got, floats([[[[1, 3, 2]]]]), [{(0,): 82.0}], said)


STEM = build(
    Input("x", (1, 1, 2)),
    Conv2d("a", bias=False),
    BatchNorm("n", eps=1.0),
    Relu("relu"),
    Split("s", (1, 2)),
    Concat("swapped", ("s[1]", "s[0]")),
    DepthwiseConv2d("d", bias=False),
    Flatten("flat"),
    Dense("out"),
)
STEM_GIVEN = {
    "a.weight": floats([1, 2, 3]).reshape(3, 1, 1, 1),
    "n.gamma": floats([1, 2, 4]),
    "n.beta": floats([1, 1, 1]),
    "n.running_mean": floats([0, 2, 0]),
    "n.running_var": floats([0, 3, 15]),
    "d.weight": floats([1, 2, 3, 4, 5, 6]).reshape(6, 1, 1, 1),
    "out.weight": 10.0 ** np.array([[5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0]]),
    "out.bias": floats([0]),
}


@requirement("SUR-05", "example", "REMOVE")
def test_function_of_a_graph_example(backend: Backend) -> None:
    """Without channel 2 of the convolution, which is channel 1 behind the swap, and of two pixels each.

    At x = 1, 2 the others are 1 + 1 x = 2, 3 and 1 + 2 (2 x - 2) / 2 = 1, 3. Swapped: 1, 3 and 2, 3. The depthwise rows
    give 1, 3 and 2, 6 of the one (rows 0, 1), 5 * 2, 5 * 3 and 6 * 2, 6 * 3 of the other (rows 4, 5). Of `out` the
    columns of rows 0, 1, 4, 5 are left: 10^5, 10^4, 10^3, 10^2 and, for channel 0, 10^3, 10^2, 10, 1.
    """
    got, said = remove(backend, STEM, STEM_GIVEN, {"a": [2]})
    small = define.compacted_network(STEM, STEM_GIVEN, {"a": [2]})
    should = 1 * 10**5 + 3 * 10**4 + 2 * 10**3 + 6 * 10**2 + 10 * 10**3 + 15 * 10**2 + 12 * 10 + 18
    expect_logits(small, got, floats([[[[1, 2]]]]), [{(0,): float(should)}], said)


@requirement("SUR-05", "example")
def test_cut_example() -> None:
    """The reference's own cut network, which an equality can be run against."""
    groups = find_groups(LINE, KINK)
    got = cut_outgoing(KINK, groups, masks_without(groups, {"fc1": [0]}))
    expect_equal(got, KINK | {"out.weight": floats([[0, 10]])}, "cut_outgoing(KINK, groups, without unit 0)")


@requirement("SUR-05", "property", "REMOVE")
@given(st.data())
def test_function(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    got, said = remove(backend, drawn.network, drawn.params, units)
    should = logits(drawn.network, define.cut(drawn.network, drawn.params, units), drawn.x)
    expect_logits(define.compacted_network(drawn.network, drawn.params, units), got, drawn.x, should, said)


@requirement("SUR-05", "property", "REMOVE")
@given(st.data(), draw.networks(images=True))
def test_function_of_images(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Units of every layer at once, through strides, padding, pooling and flatten."""
    units = {name: data.draw(draw.some_units(width)) for name, width in draw.widths(drawn).items()}
    got, said = remove(backend, drawn.network, drawn.params, units)
    should = logits(drawn.network, define.cut(drawn.network, drawn.params, units), drawn.x)
    expect_logits(drawn.network, got, drawn.x, should, said)


@requirement("SUR-05", "property")
@given(st.data(), st.one_of(draw.networks(), graphs()))
def test_cut(data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    groups = find_groups(drawn.network, drawn.params)
    got = cut_outgoing(drawn.params, groups, masks_without_rows(groups, units))
    expect_equal(got, define.cut(drawn.network, drawn.params, units), f"cut_outgoing(..., {units})")


# SUR-06 Unread units


def unread(network: Network, params: Params, masks: Masks) -> dict[str, list[int]]:
    """Return group -> the units that the reference finds unread."""
    unit_masks = unread_units(params, find_groups(network, params), masks)
    return {name: [unit for unit, keep in enumerate(mask.tolist()) if not keep] for name, mask in unit_masks.items()}


@requirement("SUR-06", "example")
def test_unread_example() -> None:
    params = mlp([[1, 1], [0, 0]], [0, 5], [[1, 2], [3, 4]], [0, 0])
    second = {"out.weight": np.array([[True, False], [True, False]])}
    expect_equal(unread(MLP, params, second), {"fc1": [1]}, "unread_units, the second column masked")
    zero = params | {"out.weight": floats([[1, 0], [3, 0]])}
    expect_equal(unread(MLP, zero, {}), {"fc1": []}, "unread_units, the second column 0")
    inputs = {"fc1.weight": np.array([[True, True], [False, False]])}
    expect_equal(unread(MLP, params, inputs), {"fc1": []}, "unread_units, the second row masked: it gives 5")
    nothing = {"out.weight": np.zeros((2, 2), bool)}
    expect_equal(unread(MLP, params, nothing), {"fc1": [1]}, "unread_units, everything masked: the first stays")
    alone = (Group("fc1", 2, (Slice("fc1.weight", 0, (0, 1)), Slice("fc1.bias", 0, (0, 1))), ()),)
    got = unread_units(params, alone, {})
    expect_equal(got, {"fc1": np.array([True, False])}, "unread_units, a group that no array reads: the first stays")


@requirement("SUR-06", "example")
def test_unread_by_unread_example() -> None:
    """Unit 1 of b is unread; unit 0 of a is read by it alone."""
    deep = build(Input("x", (1,)), Dense("a"), Dense("b"), Dense("c"))
    params = ones(a=(2, 1), b=(2, 2), c=(1, 2))
    masks = {"b.weight": np.array([[False, True], [True, True]]), "c.weight": np.array([[True, False]])}
    expect_equal(unread(deep, params, masks), {"a": [0], "b": [1]}, "unread_units(deep)")


def ones(**shapes: tuple[int, ...]) -> dict[str, Array]:
    """Return weights and biases that are 1, given the shapes of the weights."""
    weights = {f"{layer}.weight": np.ones(shape) for layer, shape in shapes.items()}
    biases = {f"{layer}.bias": np.ones(shape[:1]) for layer, shape in shapes.items()}
    return {**weights, **biases}


@requirement("SUR-06", "example")
def test_unread_on_one_side_example() -> None:
    """Of two readers one is left: unit 0 is read. Behind a depthwise layer what reads its rows reads the unit."""
    fork = build(
        Input("x", (1,)), Dense("a"), Dense("b"), Dense("c", inputs=("a",)), Add("add", ("b", "c")), Dense("out")
    )
    params = ones(a=(2, 1), b=(2, 2), c=(2, 2), out=(1, 2))
    masks = {"b.weight": np.array([[False, True], [False, True]])}
    expect_equal(unread(fork, params, masks), {"a": [], "b": []}, "unread_units, one reader left")
    masks |= {"c.weight": np.array([[False, True], [False, False]])}
    expect_equal(unread(fork, params, masks), {"a": [0], "b": []}, "unread_units, no reader left")
    deep = build(Input("x", (1, 1, 1)), Conv2d("a"), DepthwiseConv2d("d"), Flatten("flat"), Dense("out"))
    params = ones(a=(2, 1, 1, 1), d=(4, 1, 1, 1), out=(1, 4))
    one = {"out.weight": np.array([[True, True, True, False]])}
    expect_equal(unread(deep, params, one), {"a": []}, "unread_units, one of two rows read")
    both = {"out.weight": np.array([[True, True, False, False]])}
    expect_equal(unread(deep, params, both), {"a": [1]}, "unread_units, none of two rows read")


@requirement("SUR-06", "example")
def test_unread_in_several_places_example() -> None:
    """One of two readers, or of two columns, is enough, whichever it is."""
    fork = build(
        Input("x", (1,)), Dense("a"), Dense("b"), Dense("c", inputs=("a",)), Add("add", ("b", "c")), Dense("out")
    )
    masks = {"c.weight": np.array([[False, True], [False, True]])}
    got = unread(fork, ones(a=(2, 1), b=(2, 2), c=(2, 2), out=(1, 2)), masks)
    expect_equal(got, {"a": [], "b": []}, "unread_units, the first reader left")
    flat = build(Input("x", (1, 1, 2)), Conv2d("a"), Flatten("flat"), Dense("out"))
    params = ones(a=(2, 1, 1, 1), out=(1, 4))
    for columns, gone in (([1, 1, 0, 1], []), ([1, 1, 1, 0], []), ([1, 1, 0, 0], [1])):
        got = unread(flat, params, {"out.weight": np.array([columns], bool)})
        expect_equal(got, {"a": gone}, f"unread_units, columns {columns}")


@requirement("SUR-06", "example")
def test_unread_round_a_sum_example() -> None:
    """Unit 1 of the sum is unread: b alone reads it, and is masked there. Then nobody reads unit 1 of b."""
    trunk = build(Input("x", (1,)), Dense("a"), Dense("b"), Dense("c"), Add("add", ("a", "c")), Dense("out"))
    params = ones(a=(2, 1), b=(2, 2), c=(2, 2), out=(1, 2))
    masks = {"out.weight": np.array([[True, False]]), "b.weight": np.array([[True, False], [True, False]])}
    masks |= {"c.weight": np.array([[True, False], [True, True]])}
    expect_equal(unread(trunk, params, masks), {"a": [1], "b": [1]}, "unread_units(trunk)")


@requirement("SUR-06", "property")
@given(st.data(), st.one_of(draw.networks(), graphs()))
def test_unread(data: st.DataObject, drawn: Drawn) -> None:
    """Exactly the unread units; without them the masked network gives the same logits, whatever they output."""
    masks = data.draw(masks_of({name: array for name, array in drawn.params.items() if "running" not in name}))
    gone = unread(drawn.network, drawn.params, masks)
    should = define.unread(drawn.network, drawn.params, masks)
    expect_equal([*gone.values()], should, f"unread_units with {masks}")
    params = apply_masks(drawn.params, masks)
    loud = {name: array.copy() for name, array in params.items()}
    groups = find_groups(drawn.network, params)
    every = define.groups(drawn.network, params)
    for kind, name, place in {
        thing for own, units in zip(every, should, strict=True) for unit in units for thing in own[unit]
    }:
        if kind == "row" and name.endswith(("bias", "beta")):
            loud[name][place] = 7
    unit_masks = masks_without(groups, gone)
    small, network = compact(loud, groups, unit_masks).arrays, compact_network(drawn.network, groups, unit_masks)
    got = logits(network, small, drawn.x)
    expect_equal(got, logits(drawn.network, params, drawn.x), f"the logits without {gone}")
    expect_equal(got, logits(drawn.network, loud, drawn.x), f"the logits without {gone}, which output something")


# SUR-07 What is no list of units


@requirement("SUR-07", "example", "REMOVE")
def test_no_units_example(backend: Backend) -> None:
    for wrong in ([-1], [3], [0, 0], [True], [False], [0.0], ["0"], [None], [1, -2], [2, 1, 2]):
        refused(backend, MLP, THREE, {"fc1": wrong})
    refused(backend, MLP, THREE, {"nobody": [0]})
    refused(backend, MLP, THREE, {"fc1": [0], "nobody": []})


@requirement("SUR-07", "property", "REMOVE")
@given(st.data())
def test_no_units(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    layer, width = data.draw(draw.some_layer(drawn))
    wrong = data.draw(draw.no_units(width))
    refused(backend, drawn.network, drawn.params, data.draw(draw.removals(drawn)) | {layer: wrong})


@requirement("SUR-07", "property")
@given(st.data(), st.one_of(draw.networks(), graphs()))
def test_message_says_what(data: st.DataObject, drawn: Drawn) -> None:
    """The reference names the layer, or the group."""
    layer, width = data.draw(draw.some_layer(drawn))
    wrong = data.draw(draw.no_units(width))
    groups = find_groups(drawn.network, drawn.params)
    said = f"masks_without_rows(groups, {{{layer!r}: {wrong}}})"
    error = refuses(lambda: masks_without_rows(groups, {layer: wrong}), said)
    if not isinstance(error, InvalidInput) or repr(layer) not in str(error):
        fail(repr(error), f"InvalidInput naming {layer!r}", said)
    named = [(group.name, group.size) for group in groups]
    group, size = data.draw(st.sampled_from(named))
    wrong = data.draw(draw.no_units(size))
    said = f"masks_without(groups, {{{group!r}: {wrong}}})"
    error = refuses(lambda: masks_without(groups, {group: wrong}), said)
    if not isinstance(error, InvalidInput) or repr(group) not in str(error):
        fail(repr(error), f"InvalidInput naming {group!r}", said)


# SUR-08 Removal of what outputs 0


@requirement("SUR-08", "example", "REMOVE")
def test_silent_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, KINK, {"fc1": [0]})
    masked = mlp([[0], [2]], [0, 1], [[1, 10]], [0])
    expect_equal(logits(LINE, masked, floats([[3]])), [{(0,): 70.0}], "the logits of the masked network")
    expect_logits(LINE, got, floats([[3]]), [{(0,): 70.0}], said)
    expect("out.bias", got["out.bias"], floats([0]), said)


@requirement("SUR-08", "example", "REMOVE")
def test_sigmoid_is_not_silent_example(backend: Backend) -> None:
    """The masked unit gives 4 / 2; the compacted network drops it, and adds nothing to a bias."""
    curve = build(Input("x", (1,)), Dense("fc1"), Sigmoid("sigmoid"), Dense("out"))
    got, said = remove(backend, curve, mlp([[1], [2]], [1, 1], [[4, 10]], [0]), {"fc1": [0]})
    masked = mlp([[0], [2]], [0, 1], [[4, 10]], [0])
    expect_equal(logits(curve, masked, floats([[-0.5]])), [{(0,): 7.0}], "the logits of the masked network")
    expect_logits(curve, got, floats([[-0.5]]), [{(0,): 5.0}], said)


@requirement("SUR-08", "property", "REMOVE")
@given(st.data())
def test_silent(backend: Backend, data: st.DataObject) -> None:
    """Removal from the masked network and from the unmasked one both give the masked network's logits."""
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    masked = define.masked(drawn.network, drawn.params, units)
    small = define.compacted_network(drawn.network, drawn.params, units)
    should = logits(drawn.network, masked, drawn.x)
    for params in (masked, drawn.params):
        got, said = remove(backend, drawn.network, params, units)
        expect_logits(small, got, drawn.x, should, said)


# SUR-09 In steps or at once


@requirement("SUR-09", "example", "REMOVE")
def test_steps_example(backend: Backend) -> None:
    first, _ = remove(backend, LINE, FOUR, {"fc1": [0]})
    second, said = remove(backend, LINE, first, {"fc1": [1]})
    expect_equal(second, mlp([[2], [4]], [6, 8], [[2, 4]], [9]), said)
    once, said = remove(backend, LINE, FOUR, {"fc1": [0, 2]})
    expect_equal(once, second, said)


@requirement("SUR-09", "example", "REMOVE")
def test_steps_of_a_graph_example(backend: Backend) -> None:
    """After row 0 of a, part 0 has one channel and part 1 begins at channel 1 of four: row 1 of a is its first."""
    first, _ = remove(backend, PARTS, PARTS_GIVEN, {"a": [0]})
    smaller = define.compacted_network(PARTS, PARTS_GIVEN, {"a": [0]})
    second, said = remove(backend, smaller, first, {"a": [1]})
    expect_equal(second, without_rows_0_and_2(), said)
    once, said = remove(backend, PARTS, PARTS_GIVEN, {"a": [0, 2]})
    expect_equal(once, without_rows_0_and_2(), said)


@requirement("SUR-09", "property", "REMOVE")
@given(st.data())
def test_steps(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    both = data.draw(draw.removals(drawn))
    first = {name: data.draw(st.lists(st.sampled_from(gone), unique=True)) for name, gone in both.items() if gone}
    left = define.kept(drawn.network, drawn.params, first)
    rest = {name: [left[name].index(unit) for unit in gone if unit in left[name]] for name, gone in both.items()}
    smaller, _ = remove(backend, drawn.network, drawn.params, first)
    network = define.compacted_network(drawn.network, drawn.params, first)
    twice, said = remove(backend, network, smaller, rest)
    once = remove(backend, drawn.network, drawn.params, both)[0]
    expect(f"all that is left after {show(first)}, then this", twice, once, said)


# SUR-10 Nothing to remove


@requirement("SUR-10", "example", "REMOVE")
def test_nothing_example(backend: Backend) -> None:
    params = mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0])
    requests: tuple[Units, ...] = ({"fc1": []}, {})
    for units in requests:
        got, said = remove(backend, MLP, params, units)
        expect_equal(got, mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0]), said)


THREE_LAYERS = build(Input("x", (1,)), Dense("a"), Dense("b"), Dense("out"))
THREE_GIVEN = {
    "a.weight": floats([[1], [2]]),
    "a.bias": floats([3, 4]),
    "b.weight": floats([[5, 6], [7, 8]]),
    "b.bias": floats([9, 10]),
    "out.weight": floats([[11, 12]]),
    "out.bias": floats([13]),
}


@requirement("SUR-10", "example", "REMOVE")
def test_nothing_of_one_layer_example(backend: Backend) -> None:
    """What is asked of another layer is removed."""
    got, said = remove(backend, THREE_LAYERS, THREE_GIVEN, {"a": [], "b": [0]})
    should = {"b.weight": floats([[7, 8]]), "b.bias": floats([10]), "out.weight": floats([[12]])}
    expect_equal(got, THREE_GIVEN | should, said)


@requirement("SUR-10", "property", "REMOVE")
@given(st.data())
def test_nothing(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units: Units = {name: [] for name, _ in draw.makers(drawn) if data.draw(st.booleans())}
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect_equal(got, drawn.params, said)


# SUR-11 The signature stays


@requirement("SUR-11", "example", "REMOVE")
def test_signature_example(backend: Backend) -> None:
    got, said = remove(backend, MLP, THREE, {"fc1": [0, 2]})
    shapes = {"fc1.weight": (1, 2), "fc1.bias": (1,), "out.weight": (2, 1), "out.bias": (2,)}
    expect("shapes", {name: np.shape(array) for name, array in got.items()}, shapes, said)
    refused(backend, MLP, THREE, {"out": [0]})


@requirement("SUR-11", "property", "REMOVE")
@given(st.data())
def test_signature(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    before = drawn.network
    got, said = remove(backend, drawn.network, drawn.params, units)
    small = define.compacted_network(drawn.network, drawn.params, units)
    expect("shape of the logits", np.shape(forward(small, got, drawn.x)), (len(drawn.x), len(got["out.weight"])), said)
    expect("outputs", len(got["out.weight"]), len(drawn.params["out.weight"]), said)
    expect("network afterwards", drawn.network, before, said)
    refused(backend, drawn.network, drawn.params, units | {"out": [0]})


# SUR-12 Everything keyed alike


def without(network: Network, params: Params, arrays: Params, units: Units) -> dict[str, Array]:
    """Return arrays keyed as the parameters, compacted by the reference."""
    groups = find_groups(network, params)
    return compact(arrays, groups, masks_without_rows(groups, units)).arrays


@requirement("SUR-12", "example")
def test_alike_example() -> None:
    masks = {"fc1.weight": np.array([[True, False], [True, True], [False, True]])}
    should = {"fc1.weight": np.array([[True, False], [False, True]])}
    expect_equal(without(MLP, THREE, masks, {"fc1": [1]}), should, "compact(masks) without unit 1 of fc1")
    momentum = {name: array * 10 for name, array in THREE.items()}
    should = mlp([[10, 20], [50, 60]], [70, 90], [[10, 30], [40, 60]], [0, 10])
    expect_equal(without(MLP, THREE, momentum, {"fc1": [1]}), should, "compact(momentum) without unit 1 of fc1")


@requirement("SUR-12", "example")
def test_frozen_example() -> None:
    """Only out is trained: fc1, which loses the row, has neither a gradient nor a slot before, nor afterwards."""
    grads = {"out.weight": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}
    should = {"out.weight": np.array([[1.0, 3.0], [4.0, 6.0]])}
    expect_equal(without(MLP, THREE, grads, {"fc1": [1]}), should, "compact(gradients of out) without unit 1 of fc1")


@requirement("SUR-12", "property")
@given(st.data(), st.one_of(draw.networks(), graphs()))
def test_alike(data: st.DataObject, drawn: Drawn) -> None:
    """Update then compact = compact then update, to the last bit: every formula is coordinate by coordinate."""
    units, masks = data.draw(draw.removals(drawn)), data.draw(masks_of(learned(drawn.params)))
    optimiser = data.draw(st.sampled_from((sgd(0.9, weight_decay=0.1), sgd(0.5, nesterov=True), adam())))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    grads, *slots = (
        {name: rng.random(array.shape).astype(array.dtype) for name, array in learned(drawn.params).items()}
        for _ in range(1 + optimiser.slots)
    )

    def small(arrays: Params) -> dict[str, Array]:
        return without(drawn.network, drawn.params, arrays, units)

    def state(params: Params, memory: list[Params]) -> State:
        return State(params, {name: tuple(slot[name] for slot in memory) for name in learned(params)}, 3)

    whole = update(state(drawn.params, list(slots)), grads, optimiser, 0.1, masks)
    compacted = update(
        state(small(drawn.params), [small(slot) for slot in slots]), small(grads), optimiser, 0.1, small(masks)
    )
    expect_equal(compacted.params, small(whole.params), f"the compacted update without {units}")
    for place in range(optimiser.slots):
        slot = {name: own[place] for name, own in whole.slots.items()}
        mine = {name: own[place] for name, own in compacted.slots.items()}
        expect_equal(mine, small(slot), f"slot {place} of the compacted update without {units}")


# SUR-13 Given things stay as they are


def copies(params: Params) -> dict[str, Array]:
    """Return arrays that a wrong backend may write into."""
    return {name: array.copy() for name, array in params.items()}


@requirement("SUR-13", "example", "REMOVE")
def test_pure_example(backend: Backend) -> None:
    params = copies(THREE)
    got, said = remove(backend, MLP, params, {"fc1": [1]})
    expect("parameters afterwards", params, THREE, said)
    for name, array in params.items():
        if np.shares_memory(np.asarray(got[name]), array):
            fail(f"{name!r} that shares memory with the one given", "an array of its own", said)


@requirement("SUR-13", "example", "REMOVE")
def test_no_history_example(backend: Backend) -> None:
    remove(backend, MLP, copies(THREE), {"fc1": [1]})
    got, said = remove(backend, MLP, copies(THREE), {"fc1": [0]})
    expect("fc1.bias", got["fc1.bias"], THREE["fc1.bias"][1:], f"after units {{'fc1': [1]}}, {said}")


@requirement("SUR-13", "example", "REMOVE")
def test_request_stays_example(backend: Backend) -> None:
    """The request is the caller's, too."""
    units = {"fc1": [2, 0]}
    _, said = remove(backend, MLP, copies(THREE), units)
    expect("units afterwards", units, {"fc1": [2, 0]}, said)


@requirement("SUR-13", "property", "REMOVE")
@given(st.data())
def test_pure(backend: Backend, data: st.DataObject) -> None:
    drawn = data.draw(draw.cases(backend.declaration.ops))
    units = data.draw(draw.removals(drawn))
    before = {name: array.copy() for name, array in drawn.params.items()}
    asked = {name: list(gone) for name, gone in units.items()}
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect("parameters afterwards", drawn.params, before, said)
    expect("units afterwards", units, asked, said)
    for name, array in drawn.params.items():
        if np.shares_memory(np.asarray(got[name]), array):
            fail(f"{name!r} that shares memory with the one given", "an array of its own", said)


# SUR-14 Arrays of other groups


def refused_naming(arrays: Params, groups: Any, units: Units, *words: str) -> None:
    """Require InvalidInput with these words in it, and arrays that have not changed."""
    before = {key: array.copy() for key, array in arrays.items()}
    said = f"compact({show(before)}, groups, masks_without(groups, {units}))"
    expect_refusal(lambda: compact(arrays, groups, masks_without(groups, units)), said, *words)
    expect("arrays afterwards", arrays, before, said)


def expect_refusal(action: Callable[[], object], said: str, *words: str) -> None:
    """Require InvalidInput with these words in it."""
    error = refuses(action, said)
    missing = [word for word in words if word not in str(error)]
    if not isinstance(error, InvalidInput) or missing:
        fail(repr(error), f"InvalidInput with {words} in it", said)


@requirement("SUR-14", "example")
def test_other_groups_example() -> None:
    groups = find_groups(MLP, THREE)
    smaller = compact(THREE, groups, masks_without(groups, {"fc1": [1]})).arrays
    two = "group 'fc1': got array 'fc1.weight' of shape (2, 2), expected length 3 along axis 0"
    refused_naming(smaller, groups, {"fc1": [1]}, two)
    flat = "group 'fc1': got array 'out.weight' of shape (2,), expected length 3 along axis 1"
    refused_naming(THREE | {"out.weight": floats([1, 2])}, groups, {}, flat)
    reads = "group 'fc1': got array 'out.weight' of shape (2, 2), expected length 3 along axis 1"
    expect_refusal(lambda: cut_outgoing(smaller, groups, {}), "cut_outgoing(smaller, groups, {})", reads)
    expect_refusal(lambda: unread_units(smaller, groups, {}), "unread_units(smaller, groups, {})", two)


@requirement("SUR-14", "example")
def test_other_statistics_example() -> None:
    """Statistics count like any other array."""
    network = build(Input("x", (1,)), Dense("a"), BatchNorm("n"), Dense("out"))
    params = ones(a=(2, 1), out=(1, 2))
    params |= {f"n.{part}": np.ones(2) for part in ("gamma", "beta", "running_mean", "running_var")}
    groups = find_groups(network, params)
    three = "group 'a': got array 'n.running_var' of shape (3,), expected length 2 along axis 0"
    refused_naming(params | {"n.running_var": np.ones(3)}, groups, {"a": [1]}, three)


@requirement("SUR-14", "example")
def test_other_splits_example() -> None:
    """Groups of a record before it was compacted, and a mask that leaves nothing of part 1."""
    groups = find_groups(PARTS, PARTS_GIVEN)
    unit_masks = masks_without_rows(groups, {"a": [1, 3]})
    smaller = compact_network(PARTS, groups, unit_masks)
    part = "group 'a[0:2]': got array 's[0]' of shape (1,), expected length 2 along axis 0"
    expect_refusal(lambda: compact_network(smaller, groups, unit_masks), "compact_network(smaller, ...)", part)
    nothing = {"a[2:5]": np.zeros(3, bool)}
    expect_refusal(lambda: compact_network(PARTS, groups, nothing), "compact_network without part 1", "'a[2:5]'")


@requirement("SUR-14", "example")
def test_other_masks_example() -> None:
    """Masks of a group that is not there or of another size; masks of entries that do not fit their array."""
    groups = find_groups(MLP, THREE)
    units: tuple[tuple[Any, tuple[str, ...]], ...] = (
        ({"fc2": np.ones(3, bool)}, ("'fc2'",)),
        ({"fc1": np.ones(2, bool)}, ("'fc1'", "(2,)", "(3,)")),
        ({"fc1": np.ones(3)}, ("'fc1'", "float64")),
    )
    for mask, words in units:
        for what in (compact, cut_outgoing):
            expect_refusal(lambda: what(THREE, groups, mask), f"{what.__name__}(THREE, groups, {show(mask)})", *words)  # noqa: B023  called at once
        record = f"compact_network(MLP, groups, {show(mask)})"
        expect_refusal(lambda: compact_network(MLP, groups, mask), record, *words)  # noqa: B023  called at once
    entries: tuple[tuple[Any, tuple[str, ...]], ...] = (
        ({"out": np.ones((2, 3), bool)}, ("'out'",)),
        ({"out.weight": np.ones((3, 2), bool)}, ("'out.weight'", "(3, 2)", "(2, 3)")),
        ({"out.weight": np.ones((2, 3))}, ("'out.weight'", "float64")),
    )
    for mask, words in entries:
        expect_refusal(lambda: unread_units(THREE, groups, mask), f"unread_units(THREE, groups, {show(mask)})", *words)  # noqa: B023  called at once


@requirement("SUR-14", "property")
@given(st.data(), st.one_of(draw.networks(), graphs()))
def test_other_groups(data: st.DataObject, drawn: Drawn) -> None:
    """One more or one fewer entry along the axis of a group."""
    groups = find_groups(drawn.network, drawn.params)
    assume(groups)
    part = data.draw(st.sampled_from(data.draw(st.sampled_from(groups)).parts))
    name, array, places = part.array, drawn.params[part.array], list(range(len(part.units)))
    other = array.take(data.draw(st.sampled_from((places[:-1], [*places, 0]))), axis=part.axis)
    refused_naming(drawn.params | {name: other}, groups, {}, f"array {name!r}")


# SUR-15 Several groups in one array


@requirement("SUR-15", "example", "REMOVE")
def test_several_groups_example(backend: Backend) -> None:
    joined = build(
        Input("x", (1,)),
        Dense("a", bias=False),
        Dense("b", bias=False, inputs=("x",)),
        Concat("joined", ("a", "b")),
        Dense("out"),
    )
    params = {"a.weight": floats([[0], [1]]), "b.weight": floats([[2], [3], [4]])}
    params |= {"out.weight": floats([[0, 1, 2, 3, 4]]), "out.bias": floats([0])}
    got, said = remove(backend, joined, params, {"a": [0], "b": [2]})
    should = {"a.weight": floats([[1]]), "b.weight": floats([[2], [3]]), "out.weight": floats([[1, 2, 3]])}
    expect_equal(got, should | {"out.bias": floats([0])}, said)


@requirement("SUR-15", "example", "REMOVE")
def test_rows_of_several_groups_example(backend: Backend) -> None:
    got, said = remove(backend, PARTS, PARTS_GIVEN, {"a": [1, 3]})
    should = {"a.weight": floats([[0], [2], [4]]), "out.weight": floats([[12, 14, 10]]), "out.bias": floats([0])}
    expect_equal(got, should, said)


@requirement("SUR-15", "example", "REMOVE")
def test_rows_and_columns_example(backend: Backend) -> None:
    """The layer between loses a row and a column, at different places."""
    got, said = remove(backend, THREE_LAYERS, THREE_GIVEN, {"a": [0], "b": [1]})
    should = {"a.weight": floats([[2]]), "a.bias": floats([4]), "b.weight": floats([[6]]), "b.bias": floats([9])}
    expect_equal(got, THREE_GIVEN | should | {"out.weight": floats([[11]])}, said)


@requirement("SUR-15", "example", "REMOVE")
def test_one_group_asked_twice_example(backend: Backend) -> None:
    """Rows 0 and 1 of the sum, one named by each layer: 1 is the second row, though the first goes, too."""
    requests: tuple[Units, ...] = ({"a": [0], "b": [1]}, {"b": [1], "a": [0]})
    for units in requests:
        got, said = remove(backend, TWO, TWO_GIVEN, units)
        should = {"a.weight": floats([[3]]), "b.weight": floats([[6]]), "out.weight": floats([[9]])}
        expect_equal(got, should | {"out.bias": floats([0])}, said)


@requirement("SUR-15", "property", "REMOVE")
@given(st.data())
def test_several_groups(backend: Backend, data: st.DataObject) -> None:
    """A unit of every group that has one to spare, at once."""
    draw.needs_op(backend, "concat")
    drawn = data.draw(draw.graphs_with(backend.declaration.ops, data.draw(st.sampled_from(("concat", "split")))))
    groups = define.groups(drawn.network, drawn.params)
    units: dict[str, list[int]] = {}
    for rows in [define.rows_of(data.draw(st.sampled_from(group))) for group in groups if len(group) > 1]:
        layer = data.draw(st.sampled_from(sorted(rows)))
        units[layer] = [*units.get(layer, []), rows[layer][0]]
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect_equal(got, define.compacted(drawn.network, drawn.params, units), said)


# SUR-16 Sizes of splits


def sizes_without(network: Network, params: Params, units: Units) -> list[tuple[int, ...]]:
    """Return the sizes of the splits of the compacted network, whose other nodes are as they were."""
    groups = find_groups(network, params)
    small = compact_network(network, groups, masks_without_rows(groups, units))
    said = f"compact_network({network}, groups, without {units})"
    for node, before in zip(small, network, strict=True):
        if not isinstance(before, Split):
            expect_equal(node, before, said)
    expect_equal([node.inputs for node in small], [node.inputs for node in network], said)
    return [node.sizes for node in small if isinstance(node, Split)]


@requirement("SUR-16", "example")
def test_sizes_example() -> None:
    for rows, sizes in (([1, 3], (1, 2)), ([4], (2, 2)), ([0], (1, 3)), ([2, 4], (2, 1)), ([], (2, 3))):
        got = sizes_without(PARTS, PARTS_GIVEN, {"a": rows})
        expect_equal(got, [sizes], f"the sizes of compact_network(PARTS) without rows {rows}")
    flat = build(
        Input("x", (1, 1, 2)),
        Conv2d("a", bias=False),
        Flatten("flat"),
        Split("s", (4, 2)),
        Concat("joined", ("s[1]", "s[0]")),
        Dense("out"),
    )
    params = {"a.weight": np.ones((3, 1, 1, 1)), "out.weight": np.ones((1, 6)), "out.bias": np.zeros(1)}
    got = sizes_without(flat, params, {"a": [1]})
    expect_equal(got, [(2, 2)], "the sizes of compact_network(flat) without channel 1, two entries of part 0")


@requirement("SUR-16", "example")
def test_sizes_of_several_example() -> None:
    """Rows 4 and 5 of a are in the last part of both splits; of four channels, two groups in a part lose one each."""
    second = build(
        Input("x", (1,)),
        Dense("a", bias=False),
        Split("s", (2, 4)),
        Split("t", (2, 2), ("s[1]",)),
        Concat("joined", ("t[1]", "s[0]", "t[0]")),
        Dense("out", bias=False),
    )
    got = sizes_without(second, {"a.weight": np.ones((6, 1)), "out.weight": np.ones((1, 6))}, {"a": [4]})
    expect_equal(got, [(2, 3), (2, 1)], "the sizes of compact_network(second) without row 4")
    two = build(
        Input("x", (1,)),
        Dense("a", bias=False),
        Dense("b", bias=False, inputs=("x",)),
        Concat("both", ("a", "b")),
        Split("s", (4, 2)),
        Concat("joined", ("s[1]", "s[0]")),
        Dense("out", bias=False),
    )
    params = {"a.weight": np.ones((2, 1)), "b.weight": np.ones((4, 1)), "out.weight": np.ones((1, 6))}
    got = sizes_without(two, params, {"a": [0], "b": [1]})
    expect_equal(got, [(2, 2)], "the sizes of compact_network(two) without row 0 of a and row 1 of b")


@requirement("SUR-16", "property")
@given(st.data(), graphs(often="split"))
def test_sizes(data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    small = define.compacted_network(drawn.network, drawn.params, units)
    should = [node.sizes for node in small if isinstance(node, Split)]
    expect_equal(sizes_without(drawn.network, drawn.params, units), should, f"the sizes without {units}")


# SUR-17 Retraining

SATURATED = 16384.0
"""A bias that keeps logit 0 so far above the others that the softmax is exactly 1 for it, and 0 for them."""


@dataclass(frozen=True)
class Pair:
    """A masked network and the compacted one, each with what its retraining needs."""

    network: Network
    params: Params
    masks: Masks
    groups: tuple[Group, ...]
    unit_masks: Masks

    @classmethod
    def of(cls, network: Network, params: Params, units: Units) -> "Pair":
        """Mask these units."""
        groups = find_groups(network, params)
        unit_masks = masks_without_rows(groups, units)
        masks = granularity.unit(groups).expand(unit_masks, params)
        return cls(network, apply_masks(params, masks), masks, groups, unit_masks)

    @property
    def small(self) -> Network:
        """Return the compacted network."""
        return compact_network(self.network, self.groups, self.unit_masks)

    def compacted(self, arrays: Params) -> dict[str, Array]:
        """Return arrays keyed as the parameters, compacted."""
        return compact(arrays, self.groups, self.unit_masks).arrays

    def state(self, state: State) -> State:
        """Return the state of the optimiser, compacted."""
        count = len(next(iter(state.slots.values())))
        slots = [self.compacted({name: own[place] for name, own in state.slots.items()}) for place in range(count)]
        return State(
            self.compacted(state.params),
            {name: tuple(slot[name] for slot in slots) for name in state.slots},
            state.updates,
        )

    def kept(self, kept: Masks) -> dict[str, Array]:
        """Return masks of dropouts without the channels of removed units."""
        stays = {name: np.ones(mask.shape[1], bool) for name, mask in kept.items()}
        for group in self.groups:
            for part in (part for part in group.values if part.array in kept):
                gone = np.append(~self.unit_masks[group.name], False)[np.array(part.units)]
                stays[part.array] &= ~gone
        return {name: mask[:, stays[name]] for name, mask in kept.items()}


@requirement("SUR-17", "example")
def test_retraining_example() -> None:
    network = build(Input("x", (1,)), Dense("fc1", bias=False), Dense("fc2", bias=False), Dense("out"))
    params = {"fc1.weight": floats([[1], [1]]), "fc2.weight": floats([[1, 1]])}
    params |= {"out.weight": floats([[1], [0]]), "out.bias": floats([SATURATED, 0])}
    pair = Pair.of(network, params, {"fc1": [0]})
    x, labels, order = floats([[1]]), np.array([1]), [np.array([0])] * 2
    small = {"fc1.weight": [[0.5]], "fc2.weight": [[0.5]], "out.bias": [SATURATED - 1, 1]}
    outs = ([[0.5], [0.5]], [[0.375], [0.625]])
    biases = ([SATURATED - 0.5, 0.5], [SATURATED - 1, 1])
    large = steps(network, start(pair.params, sgd()), x, labels, order, sgd(), constant(0.5), pair.masks)
    compacted = steps(pair.small, start(pair.compacted(pair.params), sgd()), x, labels, order, sgd(), constant(0.5))
    for number, (one, other) in enumerate(zip(large, compacted, strict=True)):
        should = {name: floats(values) for name, values in small.items()}
        should |= {"out.weight": floats(outs[number]), "out.bias": floats(biases[number])}
        expect_equal(pair.compacted(one.state.params), should, f"the compacted masked network after step {number + 1}")
        expect_equal(other.state.params, should, f"the compacted network after step {number + 1}")


@requirement("SUR-17", "example")
def test_momentum_is_carried_over_example() -> None:
    """Compacted between two steps, its momentum with it: 1 - 0.5 * 2 = 0, then 0 - 0.5 * (0.5 * 2 + 2) = -1.5."""
    network = build(Input("x", (1,)), Dense("fc1", bias=False), Dense("out", bias=False))
    params = {"fc1.weight": floats([[3], [1]]), "out.weight": floats([[SATURATED, 2], [0, 0]])}
    groups = find_groups(network, params)
    state = State(params, {"fc1.weight": (floats([[7], [0]]),), "out.weight": (np.zeros((2, 2)),)}, 0)
    pair = Pair(network, params, {}, groups, masks_without_rows(groups, {"fc1": [0]}))
    grads = {"fc1.weight": floats([[5], [2]]), "out.weight": np.zeros((2, 2))}
    one = update(state, grads, sgd(0.5), 0.5, {})
    small = pair.state(one)
    expect_equal(small.params["fc1.weight"], floats([[0]]), "fc1.weight after the first step, compacted")
    expect_equal(small.slots["fc1.weight"][0], floats([[2]]), "its momentum, compacted")
    two = update(small, pair.compacted(grads), sgd(0.5), 0.5, {})
    expect_equal(two.params["fc1.weight"], floats([[-1.5]]), "fc1.weight after the second step")


@requirement("SUR-17", "property")
@given(st.data(), graphs(EXACT_OPS - {"batch_norm"}, steps=5))
def test_retraining_exactly(data: st.DataObject, drawn: Drawn) -> None:
    """With a saturated softmax the loss is linear in the logits: every step is exact as long as its sums are."""
    drawn = anchored(drawn)
    pair = Pair.of(drawn.network, drawn.params, data.draw(draw.removals(drawn)))
    optimiser, rng = data.draw(st.sampled_from((sgd(), sgd(0.5), sgd(0.5, nesterov=True)))), np.random.default_rng(0)
    state, small = start(pair.params, optimiser), start(pair.compacted(pair.params), optimiser)
    for number in range(1, 4):
        kept = dropped(drawn, rng)
        grads = loss_and_grads(drawn.network, state.params, drawn.x, drawn.labels, kept)[1]
        if training_peak(drawn.network, state.params, drawn.x) >= 2.0**53 or not moves_exactly(state, grads):
            assert number > 1, "not even the first step is exact"
            break
        state = one_step(drawn.network, state, drawn.x, drawn.labels, optimiser, 0.25, pair.masks, kept).state
        small = one_step(pair.small, small, drawn.x, drawn.labels, optimiser, 0.25, {}, pair.kept(kept)).state
        said = f"step {number} of retraining without {pair.unit_masks}"
        expect_equal(small.params, pair.compacted(state.params), f"the parameters after {said}")
        momentum = pair.compacted({name: own[0] for name, own in state.slots.items()})
        expect_equal({name: own[0] for name, own in small.slots.items()}, momentum, f"the momentum after {said}")


def dropped(drawn: Drawn, rng: np.random.Generator) -> dict[str, Array]:
    """Return masks for the dropouts of a network."""
    values = oracle.run_all(drawn.network, drawn.params, drawn.x)
    names = [node.name for node in drawn.network if isinstance(node, Dropout)]
    shapes = {name: (len(drawn.x), *oracle.shape_of(values[name][0])) for name in names}
    return {name: rng.random(shape) < 0.5 for name, shape in shapes.items()}


OPTIMISERS = (sgd(0.9), sgd(0.5, nesterov=True, weight_decay=0.25), adam(eps=0.25), adam(eps=0.25, weight_decay=0.25))
"""With eps = 1/4 Adam does not make a step out of a gradient that is 0 but for rounding."""
NUDGE = 2.0**-26
ROUNDINGS = 2.0**12
"""More than a step rounds on the way to any parameter in networks of this size."""


@requirement("SUR-17", "property")
@given(st.data(), graphs(exact=False, steps=6))
def test_retraining(data: st.DataObject, drawn: Drawn) -> None:
    """With normalisation and any loss, within what rounding can do.

    How far a change travels is measured: the same run from parameters that are off by up to 2^-26 of themselves ends
    up `travelled` apart. A step makes at most 2^12 roundings of 2^-53 on the way to a parameter; each travels no
    further than the change did, and those of t steps add up.
    """
    pair = Pair.of(drawn.network, drawn.params, data.draw(draw.removals(drawn)))
    optimiser, rng = data.draw(st.sampled_from(OPTIMISERS)), np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    nudged = {name: array * (1 + NUDGE * rng.uniform(-1, 1, array.shape)) for name, array in pair.params.items()}
    kept = [dropped(drawn, rng) for _ in range(4)]
    large = run_of(pair.network, pair.params, drawn, optimiser, pair.masks, kept)
    moved = run_of(pair.network, nudged, drawn, optimiser, pair.masks, kept)
    small = run_of(pair.small, pair.compacted(pair.params), drawn, optimiser, {}, [pair.kept(own) for own in kept])
    for number, (one, other, mine) in enumerate(zip(large, moved, small, strict=True), start=1):
        travelled = max(float(np.abs(other[name] - one[name]).max()) for name in one)
        largest = max(1.0, *(float(np.abs(array).max()) for array in one.values()))
        bound = number * ROUNDINGS * (travelled * 2.0**-53 / NUDGE + largest * 2.0**-53)
        for name, should in pair.compacted(one).items():
            expect_close(mine[name], should, bound, f"{name!r} after step {number} without {pair.unit_masks}")


def run_of(
    network: Network, params: Params, drawn: Drawn, optimiser: Optimiser, masks: Masks, kept: Sequence[Masks]
) -> list[Params]:
    """Return the parameters after every step on all examples."""
    order, rate = [np.arange(len(drawn.x))] * len(kept), constant(0.125)
    state = start(params, optimiser, masks)
    made = steps(network, state, drawn.x, drawn.labels, order, optimiser, rate, masks, kept=kept.__getitem__)
    return [step.state.params for step in made]
