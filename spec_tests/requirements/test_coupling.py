"""docs/spec/coupling.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune.arrays import Array, Params
from refprune.coupling import as_table, find_groups
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice, unit
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Relu,
    Split,
    build,
    parameters,
)
from spec_tests.adapter import Backend
from spec_tests.oracle import surgery as define
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.graphs import graphs
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
    draw.needs_ops(backend, network)
    return backend.remove(network, params, units)[0], call("remove", network, params, units)


def loses(
    backend: Backend,
    network: Network,
    params: Params,
    units: Mapping[str, list[int]],
    rows: Mapping[str, list[int]],
    columns: Mapping[str, list[int]],
) -> dict[str, Array]:
    """Require that these rows (of all arrays of a layer) and columns go, and nothing else; return the rest."""
    should = {name: array.copy() for name, array in params.items()}
    for layer, gone in rows.items():
        own = [name for name in params if name.rsplit(".", 1)[0] == layer]
        should |= {name: np.delete(params[name], gone, axis=0) for name in own}
    for layer, gone in columns.items():
        should[f"{layer}.weight"] = np.delete(should[f"{layer}.weight"], gone, axis=1)
    got, said = left(backend, network, params, **units)
    expect_equal(got, should, said)
    return dict(got)


MLP = build(Input("x", (2,)), Dense("fc1"), Relu("relu"), Dense("out"))
CNN = build(Input("x", (1, 3, 4)), Conv2d("conv"), Relu("relu"), Flatten("flatten"), Dense("out"))
FORK = build(Input("x", (2,)), Dense("a"), Dense("b"), Dense("c", inputs=("a",)), Add("add", ("b", "c")), Dense("out"))


# CPL-01 Rows and columns


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


@requirement("CPL-01", "example", "REMOVE")
def test_fork_example(backend: Backend) -> None:
    """Two readers, one of them without a bias."""
    params = numbered(a=(3, 2), b=(2, 3), c=(2, 3), out=(1, 2))
    loses(backend, FORK, params, {"a": [1]}, {"a": [1]}, {"b": [1], "c": [1]})
    plain = build(Input("x", (2,)), Dense("a", bias=False), Dense("out"))
    weights = {name: array for name, array in numbered(a=(3, 2), out=(1, 3)).items() if name != "a.bias"}
    loses(backend, plain, weights, {"a": [0]}, {"a": [0]}, {"out": [0]})


@requirement("CPL-01", "example")
def test_groups_of_the_reference_example() -> None:
    three = build(Input("x", (2,)), Dense("a"), Dense("b"), Relu("relu"), Dense("c"))
    (first, second) = find_groups(three, numbered(a=(3, 2), b=(4, 3), c=(1, 4)))
    rows, columns = (0, 1, 2), (0, 1, 2, 3)
    expect_equal(
        (first.name, first.size, first.producers, first.consumers),
        ("a", 3, (Slice("a.weight", 0, rows), Slice("a.bias", 0, rows)), (Slice("b.weight", 1, rows),)),
        "the first of find_groups(three, ...)",
    )
    expect_equal(
        (second.name, second.size, second.producers, second.consumers),
        ("b", 4, (Slice("b.weight", 0, columns), Slice("b.bias", 0, columns)), (Slice("c.weight", 1, columns),)),
        "the second of find_groups(three, ...)",
    )


@requirement("CPL-01", "property", "REMOVE")
@given(st.data())
def test_groups(backend: Backend, data: st.DataObject) -> None:
    """One output of one layer takes along what it is tied to, and touches nothing else."""
    drawn = data.draw(draw.cases(backend.declaration.ops))
    takes_along(backend, data, drawn, lambda unit: True)  # noqa: ARG005


def takes_along(backend: Backend, data: st.DataObject, drawn: Drawn, wanted: Callable[[define.Unit], bool]) -> None:
    """Require what one unit of this kind takes along, if the network has one: it is named by one of its outputs."""
    groups = define.groups(drawn.network, drawn.params)
    units = [unit for group in groups if len(group) > 1 for unit in group if wanted(unit)]
    assume(units)
    made = define.rows_of(data.draw(st.sampled_from(units)))
    layer = data.draw(st.sampled_from(sorted(made)))
    removed = {layer: [data.draw(st.sampled_from(made[layer]))]}
    got, said = left(backend, drawn.network, drawn.params, **removed)
    expect_equal(got, define.compacted(drawn.network, drawn.params, removed), said)


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


@requirement("CPL-02", "example", "REMOVE")
def test_flatten_behind_means_example(backend: Backend) -> None:
    """2 x 4 averaged to 1 x 2: two columns a channel; averaged to one pixel: one."""
    means = (AvgPool2d("mean"), [0, 1]), (GlobalAvgPool2d("mean"), [0])
    for node, columns in means:
        network = build(Input("x", (1, 2, 4)), Conv2d("conv"), node, Flatten("f"), Dense("out"))
        params = numbered(conv=(3, 1, 1, 1), out=(1, 3 * len(columns)))
        loses(backend, network, params, {"conv": [0]}, {"conv": [0]}, {"out": columns})


@requirement("CPL-02", "property", "REMOVE")
@given(st.data(), draw.networks(images=True))
def test_flatten(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Columns that carry their channel's number: what is left behind the flatten is the channels that are left."""
    makers = list(draw.widths(drawn))
    maker = [name for name in makers if name.startswith("conv")][-1]
    reader, channels = [*makers, "out"][makers.index(maker) + 1], draw.widths(drawn)[maker]
    rows, columns = drawn.params[f"{reader}.weight"].shape
    span = columns // channels
    marks = np.array([[column // span for column in range(columns)]] * rows, drawn.x.dtype)
    gone = data.draw(draw.some_units(channels))
    got, said = left(backend, drawn.network, drawn.params | {f"{reader}.weight": marks}, **{maker: gone})
    should = [channel for channel in range(channels) if channel not in gone for _ in range(span)]
    expect_equal(got[f"{reader}.weight"], np.array([should] * rows, drawn.x.dtype), said)


# CPL-03 The ends


def refused(backend: Backend, network: Network, params: Params, layer: str, row: int = 0) -> None:
    """Require that removing this output of this node is refused and changes nothing."""
    draw.needs_ops(backend, network)
    before = {name: array.copy() for name, array in params.items()}
    said = call("remove", network, before, {layer: [row]})
    refuses(lambda: backend.remove(network, params, {layer: [row]}), said)
    expect_equal({"parameters afterwards": params}, {"parameters afterwards": before}, said)


@requirement("CPL-03", "example", "REMOVE")
def test_ends_example(backend: Backend) -> None:
    params = numbered(fc1=(3, 2), out=(2, 3))
    for layer in ("out", "x", "relu"):
        refused(backend, MLP, params, layer)


@requirement("CPL-03", "example", "REMOVE")
def test_tied_to_an_end_example(backend: Backend) -> None:
    """Layer a is added to the input; b and c are added up to the output."""
    skip = build(Input("x", (2,)), Dense("a"), Add("add", ("x", "a")), Dense("out"))
    refused(backend, skip, numbered(a=(2, 2), out=(1, 2)), "a")
    last = build(Input("x", (2,)), Dense("b"), Dense("c", inputs=("x",)), Add("add", ("b", "c")))
    refused(backend, last, numbered(b=(2, 2), c=(2, 2)), "b")
    read = build(Input("x", (3,)), Dense("b"), Dense("c"), Add("add", ("b", "c")))
    refused(backend, read, numbered(b=(2, 3), c=(2, 2)), "b")


@requirement("CPL-03", "example", "REMOVE")
def test_part_of_an_end_example(backend: Backend) -> None:
    """The output is b and c side by side, and c reads b, too."""
    both = build(Input("x", (2,)), Dense("b"), Dense("c"), Concat("joined", ("b", "c")))
    for layer in ("b", "c"):
        refused(backend, both, numbered(b=(2, 2), c=(2, 2)), layer)


@requirement("CPL-03", "example")
def test_ends_of_the_reference_example() -> None:
    alone = build(Input("x", (1, 2, 3)), Flatten("flatten"), Dense("out"))
    expect_equal(find_groups(alone, numbered(out=(2, 6))), (), "find_groups(alone, ...)")
    names = [group.name for group in find_groups(MLP, numbered(fc1=(3, 2), out=(2, 3)))]
    expect_equal(names, ["fc1"], "find_groups(MLP, ...)")
    aside = build(Input("x", (2,)), Dense("a"), Dense("unread"), Dense("out", inputs=("a",)))
    names = [group.name for group in find_groups(aside, numbered(a=(3, 2), unread=(2, 3), out=(2, 3)))]
    expect_equal(names, ["a"], "find_groups(aside, ...)")


@requirement("CPL-03", "property", "REMOVE")
@given(st.data())
def test_ends(backend: Backend, data: st.DataObject) -> None:
    """Nodes without rows, and outputs that are tied to the input or to the logits."""
    drawn = data.draw(draw.cases(backend.declaration.ops))
    tied = define.ties(drawn.network, drawn.params)
    ends = {thing for thing in tied if thing[1] in (drawn.network[0].name, drawn.network[-1].name)}
    fixed = define.rows_of(frozenset(define.reached(tied, ends)))
    without = [node.name for node in drawn.network if not parameters(node)]
    places = [(name, 0) for name in without] + [(layer, row) for layer, rows in fixed.items() for row in rows]
    refused(backend, drawn.network, drawn.params, *data.draw(st.sampled_from(places)))


# CPL-05 Groups


def members(group: Group) -> list[define.Unit]:
    """Return the units of the reference's group as the definition has them."""
    units: list[set[define.Thing]] = [set() for _ in range(group.size)]
    for kind, parts in (("row", group.producers + group.statistics), ("column", group.consumers)):
        _collect(units, kind, parts)
        expect_equal({part.axis for part in parts} - {int(kind == "column")}, set(), f"wrong axes among {parts}")
    _collect(units, "channel", group.values)
    return [frozenset(unit) for unit in units]


def _collect(units: list[set[define.Thing]], kind: str, parts: tuple[Slice, ...]) -> None:
    for part in parts:
        for place, number in enumerate(part.units):
            if number >= 0:
                units[number].add((kind, part.array, place))


def sizes(network: Network, params: Params) -> dict[str, int]:
    """Return group -> how many units it has."""
    return {group.name: group.size for group in find_groups(network, params)}


PARTS = build(
    Input("x", (2,)),
    Dense("a"),
    Split("s", (2, 3)),
    Dense("b", inputs=("s[1]",)),
    Dense("c", inputs=("s[0]",)),
    Concat("joined", ("b", "c")),
    Dense("out"),
)
PARTS_NUMBERED = numbered(a=(5, 2), b=(2, 3), c=(3, 2), out=(1, 5))
BRANCHES = build(Input("x", (2,)), Dense("a"), Dense("b", inputs=("x",)), Add("add", ("b", "a")), Dense("out"))
TWICE = build(Input("x", (2,)), Dense("a"), Concat("joined", ("a", "a")), Dense("out"))


@requirement("CPL-05", "example")
def test_partition_example() -> None:
    got = sizes(PARTS, PARTS_NUMBERED)
    expect_equal([*got.items()], [("a[0:2]", 2), ("a[2:5]", 3), ("b", 2), ("c", 3)], "the sizes of find_groups(PARTS)")
    expect_equal(sizes(TWICE, numbered(a=(2, 2), out=(1, 4))), {"a": 2}, "the sizes of find_groups(TWICE)")
    expect_equal(
        sizes(BRANCHES, numbered(a=(3, 2), b=(3, 2), out=(1, 3))), {"a": 3}, "the sizes of find_groups(BRANCHES)"
    )
    first, second = find_groups(PARTS, PARTS_NUMBERED)[:2]
    expect_equal(first.producers[0], Slice("a.weight", 0, (0, 1, -1, -1, -1)), "the rows of a[0:2]")
    expect_equal(second.producers[1], Slice("a.bias", 0, (-1, -1, 0, 1, 2)), "the biases of a[2:5]")
    expect_equal(second.consumers, (Slice("b.weight", 1, (0, 1, 2)),), "the columns of a[2:5]")
    expect_equal(second.values, (Slice("a", 0, (-1, -1, 0, 1, 2)), Slice("s[1]", 0, (0, 1, 2))), "the values of a[2:5]")


@requirement("CPL-05", "example")
def test_order_of_groups_example() -> None:
    """In the order of their first units, whatever they are called."""
    network = build(Input("x", (1,)), Dense("z"), Dense("a"), Dense("out"))
    got = [*sizes(network, numbered(z=(3, 1), a=(2, 3), out=(1, 2))).items()]
    expect_equal(got, [("z", 3), ("a", 2)], "the sizes of find_groups(z, a, out)")


@requirement("CPL-05", "example")
def test_one_name_example() -> None:
    """A layer of two rows that is called as the first two of the five of a."""
    network = build(
        Input("x", (1,)),
        Dense("a"),
        Split("s", (2, 3)),
        Dense("a[0:2]", inputs=("x",)),
        Concat("joined", ("s[1]", "a[0:2]", "s[0]")),
        Dense("out"),
    )
    params = {**numbered(a=(5, 1)), **numbered(**{"a[0:2]": (2, 1)}), **numbered(out=(1, 7))}
    error = refuses(lambda: find_groups(network, params), "find_groups, two groups a[0:2]")
    if not isinstance(error, InvalidInput) or "group 'a[0:2]'" not in str(error):
        fail(repr(error), "InvalidInput naming group 'a[0:2]'", "find_groups, two groups a[0:2]")


@requirement("CPL-05", "example")
def test_scattered_rows_example() -> None:
    """Units of a grouped convolution whose outputs are split one by one, and entries that a split cuts unequally."""
    grouped = build(
        Input("x", (4, 1, 1)),
        Conv2d("a"),
        Conv2d("g", groups=2),
        Split("s", (1, 1, 1, 1)),
        Concat("joined", ("s[3]", "s[0]", "s[1]", "s[2]")),
        Flatten("flat"),
        Dense("out"),
    )
    got = sizes(grouped, numbered(a=(4, 4, 1, 1), g=(4, 2, 1, 1), out=(1, 4)))
    expect_equal(got, {"a": 2, "g[0,2]": 1, "g[1,3]": 1}, "the sizes of find_groups(grouped)")
    # Of six entries behind the flatten, part 0 has channel 0 twice and channel 1 once.
    uneven = build(
        Input("x", (1, 1, 2)),
        Conv2d("a"),
        Flatten("flat"),
        Split("s", (3, 3)),
        Concat("joined", ("s[0]", "s[0]", "s[1]")),
        Dense("out"),
    )
    got = sizes(uneven, numbered(a=(3, 1, 1, 1), out=(1, 9)))
    expect_equal(got, {"a[0:1]": 1, "a[1:2]": 1, "a[2:3]": 1}, "the sizes of find_groups(uneven)")
    # Twice 0 0 1 1: part 0 has channel 0 twice and channel 1 once, part 1 has 0 twice and 1 three times.
    often = build(
        Input("x", (1, 1, 2)),
        Conv2d("a"),
        Flatten("flat"),
        Concat("twice", ("flat", "flat")),
        Split("s", (3, 5)),
        Concat("joined", ("s[1]", "s[0]")),
        Dense("out"),
    )
    got = sizes(often, numbered(a=(2, 1, 1, 1), out=(1, 8)))
    expect_equal(got, {"a[0:1]": 1, "a[1:2]": 1}, "the sizes of find_groups(often)")


@requirement("CPL-05", "property")
@given(st.one_of(draw.networks(), graphs()))
def test_partition(drawn: Drawn) -> None:
    """The groups are those of the definition, unit by unit and in its order; no name stands for two."""
    groups = find_groups(drawn.network, drawn.params)
    said = f"find_groups({drawn.network}, ...)"
    expect_equal([members(group) for group in groups], define.groups(drawn.network, drawn.params), said)
    if len({group.name for group in groups}) < len(groups):
        fail([group.name for group in groups], "a name for each", said)
    for group in groups:
        maker, rows = next(iter(define.rows_of(frozenset().union(*members(group))).items()))
        if not group.name.startswith(tuple(define.rows_of(frozenset().union(*members(group))))):
            fail(group.name, f"a name that begins with a maker, as {maker} of rows {rows}", said)


# CPL-06 Normalisation

NORMED = build(Input("x", (1, 1, 2)), Conv2d("a"), BatchNorm("n"), Relu("relu"), Flatten("flat"), Dense("out"))
NORMED_NUMBERED = numbered(a=(2, 1, 1, 1), out=(1, 4)) | {
    "n.gamma": np.array([1.0, 2]),
    "n.beta": np.array([3.0, 4]),
    "n.running_mean": np.array([5.0, 6]),
    "n.running_var": np.array([7.0, 8]),
}


@requirement("CPL-06", "example", "REMOVE")
def test_normalisation_example(backend: Backend) -> None:
    loses(backend, NORMED, NORMED_NUMBERED, {"a": [0]}, {"a": [0], "n": [0]}, {"out": [0, 1]})


def normed(*nodes: tuple[str, int]) -> dict[str, Array]:
    """Return gamma, beta and running statistics of normalisations of so many channels."""
    parts = enumerate(("gamma", "beta", "running_mean", "running_var"))
    return {
        f"{name}.{part}": np.arange(10.0 * place, 10 * place + width) for place, part in parts for name, width in nodes
    }


@requirement("CPL-06", "example", "REMOVE")
def test_two_normalisations_example(backend: Backend) -> None:
    """Each loses what its own layer loses."""
    network = build(Input("x", (1,)), Dense("a"), BatchNorm("n"), Dense("b"), BatchNorm("m"), Dense("out"))
    params = numbered(a=(3, 1), b=(3, 3), out=(1, 3)) | normed(("n", 3), ("m", 3))
    rows = {"a": [0], "n": [0], "b": [2], "m": [2]}
    loses(backend, network, params, {"a": [0], "b": [2]}, rows, {"b": [0], "out": [2]})


@requirement("CPL-06", "example", "REMOVE")
def test_normalisation_of_what_is_joined_example(backend: Backend) -> None:
    """Channels 3 and 4 are those of a, which was made first."""
    joined = Concat("joined", ("b", "a"))
    network = build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), joined, BatchNorm("n"), Dense("out"))
    params = numbered(a=(2, 1), b=(3, 1), out=(1, 5)) | normed(("n", 5))
    loses(backend, network, params, {"a": [0]}, {"a": [0], "n": [3]}, {"out": [3]})


@requirement("CPL-06", "example", "REMOVE")
def test_normalisation_of_what_is_flat_example(backend: Backend) -> None:
    """Two pixels a channel: entries 2 and 3 are channel 1."""
    network = build(Input("x", (1, 1, 2)), Conv2d("a"), Flatten("flat"), BatchNorm("n"), Dense("out"))
    params = numbered(a=(3, 1, 1, 1), out=(1, 6)) | normed(("n", 6))
    loses(backend, network, params, {"a": [1]}, {"a": [1], "n": [2, 3]}, {"out": [2, 3]})


@requirement("CPL-06", "example")
def test_masks_of_normalisation_example() -> None:
    """Gamma and beta are masked, the running statistics are not."""
    masks = unit(find_groups(NORMED, NORMED_NUMBERED)).expand({"a": np.array([False, True])}, NORMED_NUMBERED)
    once = np.array([False, True])
    should = {"a.weight": once.reshape(2, 1, 1, 1), "a.bias": once, "n.gamma": once, "n.beta": once}
    expect_equal(masks, should, "the masks of NORMED without unit 0")


@requirement("CPL-06", "property", "REMOVE")
@given(st.data())
def test_normalisation(backend: Backend, data: st.DataObject) -> None:
    tied_by(backend, data, "batch_norm", lambda unit: any(name.endswith("beta") for _, name, _ in unit))


def tied_by(backend: Backend, data: st.DataObject, op: str, wanted: Callable[[define.Unit], bool]) -> None:
    """Require what units of this kind take along, in graphs in which this op is frequent."""
    draw.needs_op(backend, op)
    takes_along(backend, data, data.draw(draw.graphs_with(backend.declaration.ops, op)), wanted)


# CPL-07 Sums

RESIDUAL = build(Input("x", (2,)), Dense("a"), Relu("relu"), Dense("b"), Add("add", ("b", "relu")), Dense("out"))


@requirement("CPL-07", "example", "REMOVE")
def test_sum_example(backend: Backend) -> None:
    for maker in ("a", "b"):
        params = numbered(a=(3, 2), b=(3, 2), out=(1, 3))
        loses(backend, BRANCHES, params, {maker: [1]}, {"a": [1], "b": [1]}, {"out": [1]})
    params = numbered(a=(3, 2), b=(3, 3), out=(1, 3))
    loses(backend, RESIDUAL, params, {"b": [0]}, {"a": [0], "b": [0]}, {"b": [0], "out": [0]})
    double = build(Input("x", (2,)), Dense("a"), Add("add", ("a", "a")), Dense("out"))
    loses(backend, double, numbered(a=(3, 2), out=(1, 3)), {"a": [2]}, {"a": [2]}, {"out": [2]})


@requirement("CPL-07", "example", "REMOVE")
def test_sum_of_three_example(backend: Backend) -> None:
    """The third branch loses its row too, and different units of two branches are two units."""
    three = build(
        Input("x", (1,)),
        Dense("a"),
        Dense("b", inputs=("x",)),
        Dense("c", inputs=("x",)),
        Add("add", ("a", "b", "c")),
        Dense("out"),
    )
    params = numbered(a=(3, 1), b=(3, 1), c=(3, 1), out=(1, 3))
    rows = {"a": [0, 2], "b": [0, 2], "c": [0, 2]}
    loses(backend, three, params, {"a": [2], "c": [0]}, rows, {"out": [0, 2]})


@requirement("CPL-07", "example", "REMOVE")
def test_sum_of_what_is_flat_example(backend: Backend) -> None:
    """Two pixels a channel: rows 2 and 3 of d are added to channel 1 of a."""
    network = build(
        Input("x", (1, 1, 2)),
        Conv2d("a"),
        Flatten("flat"),
        Flatten("image", inputs=("x",)),
        Dense("d"),
        Add("add", ("flat", "d")),
        Dense("out"),
    )
    params = numbered(a=(3, 1, 1, 1), d=(6, 2), out=(1, 6))
    for units in ({"a": [1]}, {"d": [3]}):
        loses(backend, network, params, units, {"a": [1], "d": [2, 3]}, {"out": [2, 3]})


@requirement("CPL-07", "property", "REMOVE")
@given(st.data())
def test_sum(backend: Backend, data: st.DataObject) -> None:
    tied_by(backend, data, "add", lambda unit: any(name.startswith("add") for _, name, _ in unit))


# CPL-08 Depthwise convolution


@requirement("CPL-08", "example", "REMOVE")
def test_depthwise_example(backend: Backend) -> None:
    network = build(Input("x", (1, 1, 1)), Conv2d("a"), DepthwiseConv2d("d"), Flatten("flat"), Dense("out"))
    params = numbered(a=(3, 1, 1, 1), d=(6, 1, 1, 1), out=(1, 6))
    loses(backend, network, params, {"a": [1]}, {"a": [1], "d": [2, 3]}, {"out": [2, 3]})
    loses(backend, network, params, {"d": [3]}, {"a": [1], "d": [2, 3]}, {"out": [2, 3]})
    loses(backend, network, params, {"a": [0], "d": [0, 5]}, {"a": [0, 2], "d": [0, 1, 4, 5]}, {"out": [0, 1, 4, 5]})


@requirement("CPL-08", "example", "REMOVE")
def test_one_output_is_not_depthwise_example(backend: Backend) -> None:
    """One output, or one input channel, makes no depthwise convolution."""
    network = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("one"), Conv2d("b"), Flatten("flat"), Dense("out"))
    params = numbered(a=(2, 1, 1, 1), one=(1, 2, 1, 1), b=(2, 1, 1, 1), out=(1, 2))
    loses(backend, network, params, {"a": [0]}, {"a": [0]}, {"one": [0]})
    loses(backend, network, params, {"b": [1]}, {"b": [1]}, {"out": [1]})


@requirement("CPL-08", "example", "REMOVE")
def test_depthwise_twice_example(backend: Backend) -> None:
    """Two rows of d a channel of a, and two of e a row of d."""
    network = build(
        Input("x", (1, 1, 1)), Conv2d("a"), DepthwiseConv2d("d"), DepthwiseConv2d("e"), Flatten("flat"), Dense("out")
    )
    params = numbered(a=(2, 1, 1, 1), d=(4, 1, 1, 1), e=(8, 1, 1, 1), out=(1, 8))
    loses(backend, network, params, {"a": [0]}, {"a": [0], "d": [0, 1], "e": [0, 1, 2, 3]}, {"out": [0, 1, 2, 3]})


@requirement("CPL-08", "example", "REMOVE")
def test_depthwise_of_what_is_joined_example(backend: Backend) -> None:
    """Channels 1 and 2 are those of a, which was made first."""
    joined = Concat("joined", ("b", "a"))
    nodes = joined, DepthwiseConv2d("d"), Flatten("flat"), Dense("out")
    network = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("b", inputs=("x",)), *nodes)
    params = numbered(a=(2, 1, 1, 1), b=(1, 1, 1, 1), d=(3, 1, 1, 1), out=(1, 3))
    loses(backend, network, params, {"a": [0]}, {"a": [0], "d": [1]}, {"out": [1]})


@requirement("CPL-08", "property", "REMOVE")
@given(st.data())
def test_depthwise(backend: Backend, data: st.DataObject) -> None:
    tied_by(backend, data, "depthwise_conv2d", lambda unit: any(name.startswith("depthwise") for _, name, _ in unit))


# CPL-09 Concatenation


@requirement("CPL-09", "example", "REMOVE")
def test_concatenation_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), Dense("a"), Dense("b", inputs=("x",)), Concat("joined", ("b", "a")), Dense("out"))
    params = numbered(a=(2, 2), b=(3, 2), out=(1, 5))
    loses(backend, network, params, {"a": [0]}, {"a": [0]}, {"out": [3]})
    smaller = loses(backend, network, params, {"b": [0]}, {"b": [0]}, {"out": [0]})
    loses(backend, network, smaller, {"a": [0]}, {"a": [0]}, {"out": [2]})


@requirement("CPL-09", "example", "REMOVE")
def test_concatenation_with_itself_example(backend: Backend) -> None:
    params = numbered(a=(3, 2), out=(1, 6))
    smaller = loses(backend, TWICE, params, {"a": [0]}, {"a": [0]}, {"out": [0, 3]})
    loses(backend, TWICE, smaller, {"a": [1]}, {"a": [1]}, {"out": [1, 3]})


@requirement("CPL-09", "example", "REMOVE")
def test_concatenation_with_the_input_example(backend: Backend) -> None:
    """The input's two channels stay, in front."""
    network = build(Input("x", (2,)), Dense("a"), Concat("joined", ("x", "a")), Dense("out"))
    loses(backend, network, numbered(a=(3, 2), out=(1, 5)), {"a": [0]}, {"a": [0]}, {"out": [2]})


@requirement("CPL-09", "property", "REMOVE")
@given(st.data())
def test_concatenation(backend: Backend, data: st.DataObject) -> None:
    tied_by(backend, data, "concat", lambda unit: any(name.startswith("concat") for _, name, _ in unit))


# CPL-10 Split


@requirement("CPL-10", "example", "REMOVE")
def test_split_example(backend: Backend) -> None:
    loses(backend, PARTS, PARTS_NUMBERED, {"a": [1]}, {"a": [1]}, {"c": [1]})
    loses(backend, PARTS, PARTS_NUMBERED, {"a": [3]}, {"a": [3]}, {"b": [1]})
    swapped = build(Input("x", (2,)), Dense("a"), Split("s", (2, 2)), Concat("joined", ("s[1]", "s[0]")), Dense("out"))
    loses(backend, swapped, numbered(a=(4, 2), out=(1, 4)), {"a": [0]}, {"a": [0]}, {"out": [2]})


@requirement("CPL-10", "property", "REMOVE")
@given(st.data())
def test_split(backend: Backend, data: st.DataObject) -> None:
    tied_by(backend, data, "split", lambda unit: any(name.startswith("split") for _, name, _ in unit))


# CPL-11 Grouped convolution

GROUPED = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("g", groups=2), Flatten("flat"), Dense("out"))


@requirement("CPL-11", "example", "REMOVE")
def test_grouped_example(backend: Backend) -> None:
    params = numbered(a=(4, 1, 1, 1), g=(4, 2, 1, 1), out=(1, 4))
    loses(backend, GROUPED, params, {"a": [0]}, {"a": [0, 2]}, {"g": [0]})
    loses(backend, GROUPED, params, {"g": [1]}, {"g": [1, 3]}, {"out": [1, 3]})
    loses(backend, GROUPED, params, {"g": [3]}, {"g": [1, 3]}, {"out": [1, 3]})


@requirement("CPL-11", "example", "REMOVE")
def test_groups_of_other_widths_example(backend: Backend) -> None:
    """Two groups, of one channel and of two outputs each: outputs go in pairs, channels not at all."""
    params = numbered(a=(2, 1, 1, 1), g=(4, 1, 1, 1), out=(1, 4))
    loses(backend, GROUPED, params, {"g": [1]}, {"g": [1, 3]}, {"out": [1, 3]})
    refused(backend, GROUPED, params, "a")


@requirement("CPL-11", "property", "REMOVE")
@given(st.data())
def test_grouped(backend: Backend, data: st.DataObject) -> None:
    draw.needs_op(backend, "grouped_conv2d")
    drawn = data.draw(draw.graphs_with(backend.declaration.ops, "grouped_conv2d"))
    grouped = {node.name for node in drawn.network if getattr(node, "groups", 1) > 1}
    takes_along(backend, data, drawn, lambda unit: any(name.rsplit(".")[0] in grouped for _, name, _ in unit))


# CPL-12 Shared parameters


@requirement("CPL-12", "example", "REMOVE")
def test_shared_example(backend: Backend) -> None:
    network = build(
        Input("x", (1,)),
        Dense("p"),
        Dense("q", inputs=("x",)),
        Dense("s", inputs=("p",)),
        Dense("t", shares="s", inputs=("q",)),
        Concat("joined", ("t", "s")),
        Dense("out"),
    )
    params = numbered(p=(3, 1), q=(3, 1), s=(2, 3), out=(1, 4))
    loses(backend, network, params, {"p": [0]}, {"p": [0], "q": [0]}, {"s": [0]})
    loses(backend, network, params, {"q": [2]}, {"p": [2], "q": [2]}, {"s": [2]})
    loses(backend, network, params, {"s": [1]}, {"s": [1]}, {"out": [1, 3]})


@requirement("CPL-12", "example", "REMOVE")
def test_shared_in_groups_example(backend: Backend) -> None:
    """Layer c has one group; d reads four channels with c's parameters, in two: rows 0 and 2 go together."""
    network = build(
        Input("x", (1, 1, 1)),
        Conv2d("m"),
        Conv2d("c"),
        Conv2d("wide", inputs=("x",)),
        Conv2d("d", groups=2, shares="c"),
        Add("add", ("d", "c")),
        Flatten("flat"),
        Dense("out"),
    )
    params = numbered(m=(2, 1, 1, 1), c=(4, 2, 1, 1), wide=(4, 1, 1, 1), out=(1, 4))
    loses(backend, network, params, {"c": [0]}, {"c": [0, 2]}, {"out": [0, 2]})
    loses(backend, network, params, {"m": [1]}, {"m": [1], "wide": [1, 3]}, {"c": [1]})


@requirement("CPL-12", "example", "REMOVE")
def test_normalisation_of_a_shared_layer_example(backend: Backend) -> None:
    """What is behind the second use loses the owner's unit, too."""
    network = build(
        Input("x", (3,)),
        Dense("s"),
        Dense("t", shares="s", inputs=("x",)),
        BatchNorm("n"),
        Concat("joined", ("n", "s")),
        Dense("out"),
    )
    params = numbered(s=(2, 3), out=(1, 4)) | normed(("n", 2))
    loses(backend, network, params, {"s": [1]}, {"s": [1], "n": [1]}, {"out": [1, 3]})


@requirement("CPL-12", "property", "REMOVE")
@given(st.data())
def test_shared(backend: Backend, data: st.DataObject) -> None:
    draw.needs_op(backend, "shared")
    drawn = data.draw(draw.graphs_with(backend.declaration.ops, "shared"))
    owners = {getattr(node, "shares", "") for node in drawn.network} - {""}
    takes_along(backend, data, drawn, lambda unit: any(name.rsplit(".")[0] in owners for _, name, _ in unit))


# CPL-13 A group as text

TEXT = """a: 2 units
makes  a.weight        axis 0  0  1
makes  a.bias          axis 0  0  1
makes  n.gamma         axis 0  0  1
makes  n.beta          axis 0  0  1
reads  out.weight      axis 1  0-1  2-3
stats  n.running_mean  axis 0  0  1
stats  n.running_var   axis 0  0  1"""


@requirement("CPL-13", "example")
def test_text_example() -> None:
    expect_equal(as_table(find_groups(NORMED, NORMED_NUMBERED)[0]), TEXT, "as_table of the group of NORMED")
    joined = build(Input("x", (1,)), Dense("a", bias=False), Concat("joined", ("a", "a", "x")), Dense("out"))
    params = {"a.weight": np.ones((1, 1)), "out.weight": np.ones((2, 3)), "out.bias": np.ones(2)}
    text = "a: 1 unit\nmakes  a.weight    axis 0  0\nreads  out.weight  axis 1  0-1"
    expect_equal(as_table(find_groups(joined, params)[0]), text, "as_table of the group of joined")
    three = Group("g", 1, (Slice("a.weight", 0, (0, -1, 0, 0, 0)),), ())
    expect_equal(as_table(three), "g: 1 unit\nmakes  a.weight  axis 0  0,2-4", "as_table of three")
    four = Group("g", 1, (Slice("a.weight", 0, (0, 0, -1, 0, 0)),), ())
    expect_equal(as_table(four), "g: 1 unit\nmakes  a.weight  axis 0  0-1,3-4", "as_table of four")


@requirement("CPL-13", "property")
@given(st.one_of(draw.networks(), graphs()))
def test_text(drawn: Drawn) -> None:
    """What is read back from the text is the group."""
    for group in find_groups(drawn.network, drawn.params):
        head, *lines = as_table(group).splitlines()
        expect_equal(head.split()[:2], [f"{group.name}:", str(group.size)], f"as_table({group})")
        roles = (("makes", group.producers), ("reads", group.consumers), ("stats", group.statistics))
        should = [(role, part.array, part.axis, _places(part, group.size)) for role, parts in roles for part in parts]
        expect_equal([_read_line(line) for line in lines], should, f"as_table({group})")


def _places(part: Slice, size: int) -> list[list[int]]:
    """Return the indices of each unit."""
    return [[place for place, number in enumerate(part.units) if number == unit] for unit in range(size)]


def _read_line(line: str) -> tuple[str, str, int, list[list[int]]]:
    """Return role, array, axis and the indices of each unit."""
    role, array, _, axis, *units = line.split()
    runs = [[run.split("-") for run in indices.split(",")] for indices in units]
    places = [[place for run in own for place in range(int(run[0]), int(run[-1]) + 1)] for own in runs]
    return role, array, int(axis), places
