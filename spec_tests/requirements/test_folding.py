"""docs/spec/folding.md, requirement by requirement: a literal example, then a property."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array, Mask, Params
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.errors import InvalidInput
from refprune.folding import fold_constants
from refprune.granularity import Group, spread
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Sigmoid,
    build,
    from_json,
    to_json,
)
from refprune.surgery import compact, compact_network, makers
from spec_tests.verdicts import expect_close, expect_equal, fail, refuses, requirement

MLP = build(Input("x", (1,)), Dense("fc1"), Relu("relu"), Dense("out"))
FIVE = {
    "fc1.weight": np.array([[0.0], [2.0]]),
    "fc1.bias": np.array([5.0, 1.0]),
    "out.weight": np.array([[3.0, 10.0]]),
    "out.bias": np.array([1.0]),
}
FIRST = {"fc1": np.array([False, True])}


def fold(network: Network, params: Params, unit_masks: dict[str, Mask]) -> dict[str, Array]:
    """Return the folded parameters."""
    return fold_constants(network, params, find_groups(network, params), unit_masks)


def logits(network: Network, params: Params, unit_masks: dict[str, Mask], x: Array) -> Array:
    """Return the logits after physical removal."""
    groups = find_groups(network, params)
    return forward(compact_network(network, groups, unit_masks), compact(params, groups, unit_masks).arrays, x)


def filled(network: Network, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return ones of these shapes, after a look at whether they fit."""
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    find_groups(network, params)
    return params


# FLD-01 Constants are folded


@requirement("FLD-01", "example")
def test_fold_example() -> None:
    folded, x = fold(MLP, FIVE, FIRST), np.array([[1.0]])
    expect_equal(folded["out.bias"], np.array([16.0]), "out.bias: 1 + 3 * 5")
    expect_equal(logits(MLP, folded, FIRST, x), np.array([[46.0]]), "folded, then removed, at x = 1")
    expect_equal(forward(MLP, FIVE, x), np.array([[46.0]]), "the whole network at x = 1")
    expect_equal(logits(MLP, FIVE, FIRST, x), np.array([[31.0]]), "removed without folding, at x = 1")
    read = from_json(to_json(MLP))
    expect_equal(fold(read, FIVE, FIRST)["out.bias"], np.array([16.0]), "out.bias of the network read from a file")


@requirement("FLD-01", "example")
def test_activation_example() -> None:
    """A sigmoid of 0 is 1/2; a ReLU of -5 is 0; normalised, (5 - 1) / sqrt(3 + 1) * 3 + 2 = 8."""
    sigmoid = build(Input("x", (1,)), Dense("fc1"), Sigmoid("s"), Dense("out"))
    zero = FIVE | {"fc1.bias": np.array([0.0, 1.0])}
    expect_equal(fold(sigmoid, zero, FIRST)["out.bias"], np.array([2.5]), "out.bias: 1 + 3 * 1/2")
    below = FIVE | {"fc1.bias": np.array([-5.0, 1.0])}
    expect_equal(fold(MLP, below, FIRST)["out.bias"], np.array([1.0]), "out.bias: 1 + 3 * max(-5, 0)")
    norm = build(Input("x", (1,)), Dense("fc1"), BatchNorm("bn", eps=1.0), Dense("out"))
    statistics = {"gamma": [3.0, 1], "beta": [2.0, 1], "running_mean": [1.0, 0], "running_var": [3.0, 0]}
    params = FIVE | {f"bn.{name}": np.array(value) for name, value in statistics.items()}
    expect_equal(fold(norm, params, FIRST)["out.bias"], np.array([25.0]), "out.bias: 1 + 3 * 8")


@requirement("FLD-01", "example")
def test_kernel_example() -> None:
    """Bias 5 through a padded average pool that leaves padding out, into a kernel of 2 by 2 ones: 4 * 5."""
    network = build(
        Input("x", (1, 4, 4)),
        Conv2d("a", padding=(1, 1, 1, 1)),
        AvgPool2d("pool", (2, 2), (2, 2), (1, 1, 1, 1)),
        Conv2d("b"),
        Flatten("flatten"),
        Dense("out"),
    )
    shapes = {"a.weight": (2, 1, 3, 3), "a.bias": (2,), "b.weight": (1, 2, 2, 2), "b.bias": (1,)}
    params = filled(network, shapes | {"out.weight": (1, 4), "out.bias": (1,)})
    params["a.weight"][0], params["a.bias"][0] = 0, 5
    masks = {"a": np.array([False, True])}
    folded = fold(network, params, masks)
    expect_equal(folded["b.bias"], np.array([21.0]), "b.bias: 1 + 4 * 5")
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    expect_equal(logits(network, folded, masks, x), forward(network, params, x), "folded and removed, and whole")


@requirement("FLD-01", "example")
def test_sum_example() -> None:
    """Two makers of one unit, 5 and 2, added and read twice: 7 * 3 and 7 * 10."""
    network = build(
        Input("x", (1,)),
        Dense("a"),
        Dense("b", inputs=("x",)),
        Add("sum", inputs=("a", "b")),
        Concat("twice", inputs=("sum", "sum")),
        Dense("out"),
    )
    params = {
        "a.weight": np.array([[0.0], [1.0]]),
        "a.bias": np.array([5.0, 0.0]),
        "b.weight": np.array([[0.0], [1.0]]),
        "b.bias": np.array([2.0, 0.0]),
        "out.weight": np.array([[3.0, 1.0, 10.0, 1.0]]),
        "out.bias": np.array([1.0]),
    }
    folded = fold(network, params, {"a": np.array([False, True])})
    expect_equal(folded["out.bias"], np.array([92.0]), "out.bias: 1 + 7 * 3 + 7 * 10")


@requirement("FLD-01", "example")
def test_depthwise_example() -> None:
    """Behind a depthwise convolution without weights its bias 4 is the constant; grouped readers read their own."""
    network = build(
        Input("x", (1, 1, 1)),
        Conv2d("a"),
        DepthwiseConv2d("dw"),
        Conv2d("b", groups=2),
        Flatten("flatten"),
        Dense("out"),
    )
    shapes: dict[str, tuple[int, ...]] = {"a.weight": (4, 1, 1, 1), "a.bias": (4,), "dw.weight": (4, 1, 1, 1)}
    shapes |= {"dw.bias": (4,), "b.weight": (2, 2, 1, 1), "b.bias": (2,), "out.weight": (1, 2), "out.bias": (1,)}
    params = filled(network, shapes)
    for name in ("a.weight", "dw.weight"):
        params[name][[0, 2]] = 0  # unit 0: channel 0 of each of the two groups
    params["a.bias"][:], params["dw.bias"][:] = 5, (4, 1, 6, 1)
    folded = fold(network, params, {"a": np.array([False, True])})
    expect_equal(folded["b.bias"], np.array([5.0, 7.0]), "b.bias: 1 + 4, 1 + 6")


@requirement("FLD-01", "example")
def test_fork_example() -> None:
    """Both readers hold what they read of 5: 1 + 3 * 5 and 2 * 5."""
    fork = build(Input("x", (1,)), Dense("fc1"), Dense("b"), Dense("c", inputs=("fc1",)), Add("out", inputs=("b", "c")))
    given = {name.replace("out", "b"): array for name, array in FIVE.items()}
    given |= {"c.weight": np.array([[2.0, 1.0]]), "c.bias": np.array([0.0])}
    folded = fold(fork, given, FIRST)
    expect_equal(folded["b.bias"], np.array([16.0]), "b.bias: 1 + 3 * 5")
    expect_equal(folded["c.bias"], np.array([10.0]), "c.bias: 0 + 2 * 5")


@requirement("FLD-01", "example")
def test_two_groups_example() -> None:
    """Units of two layers: b reads 5 of a, out reads 2 of b; unit 0 of b, which reads nothing, stays 2."""
    deep = build(Input("x", (1,)), Dense("a"), Dense("b"), Dense("out"))
    params = {
        "a.weight": np.array([[0.0], [1.0]]),
        "a.bias": np.array([5.0, 0.0]),
        "b.weight": np.array([[0.0, 0.0], [3.0, 1.0]]),
        "b.bias": np.array([2.0, 1.0]),
        "out.weight": np.array([[7.0, 1.0]]),
        "out.bias": np.array([1.0]),
    }
    masks = {"a": np.array([False, True]), "b": np.array([False, True])}
    folded, x = fold(deep, params, masks), np.array([[1.0]])
    expect_equal(folded["b.bias"], np.array([2.0, 16.0]), "b.bias: 2, 1 + 3 * 5")
    expect_equal(folded["out.bias"], np.array([15.0]), "out.bias: 1 + 7 * 2")
    expect_equal(logits(deep, folded, masks, x), forward(deep, params, x), "folded and removed, and whole")


def drawn_network(kinds: tuple[str, ...]) -> Network:
    """Return two convolutions with these nodes between them, and a dense layer."""
    between: dict[str, Node] = {
        "relu": Relu("relu"),
        "sigmoid": Sigmoid("sigmoid"),
        "max": MaxPool2d("max", (2, 2), (1, 1), (1, 0, 0, 1)),
        "average": AvgPool2d("average", (2, 2), (1, 1), (0, 1, 1, 0)),
        "norm": BatchNorm("norm"),
        "depthwise": DepthwiseConv2d("depthwise", padding=(0, 1, 0, 0)),
    }
    nodes = [between[kind] for kind in kinds]
    last: tuple[Node, ...] = (Conv2d("second"), Relu("r"), Flatten("f"), Dense("out"))
    return build(Input("x", (2, 5, 5)), Conv2d("first", padding=(1, 0, 1, 0)), *nodes, *last)


def random_params(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """Return normal numbers for `drawn_network`, running variances above 0."""
    shapes: dict[str, tuple[int, ...]] = {"first.weight": (4, 2, 2, 2), "first.bias": (4,)}
    names = {node.name for node in network}
    if "norm" in names:
        shapes |= {f"norm.{part}": (4,) for part in ("gamma", "beta", "running_mean", "running_var")}
    if "depthwise" in names:
        shapes |= {"depthwise.weight": (4, 1, 2, 2), "depthwise.bias": (4,)}
    rows = 4 if "depthwise" in names else 5  # behind the second convolution; 3 columns
    shapes |= {"second.weight": (3, 4, 2, 2), "second.bias": (3,)}
    shapes |= {"out.weight": (2, 3 * rows * 3), "out.bias": (2,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {name: np.abs(array) if name.endswith("_var") else array for name, array in params.items()}


@requirement("FLD-01", "property")
@given(
    st.lists(st.sampled_from(("relu", "sigmoid", "max", "average", "norm", "depthwise")), max_size=4, unique=True).map(
        tuple
    ),
    st.integers(0, 2**32 - 1),
)
def test_fold(kinds: tuple[str, ...], seed: int) -> None:
    """Random units without weights, in both convolutions: folded and removed, and the whole network, agree."""
    network, rng = drawn_network(kinds), np.random.default_rng(seed)
    params = random_params(network, rng)
    groups = find_groups(network, params)
    masks = {group.name: rng.random(group.size) < 0.6 for group in groups}
    for mask in masks.values():
        mask[rng.integers(len(mask))] = True
    weightless(params, groups, masks)
    x = rng.normal(size=(2, 2, 5, 5))
    got = logits(network, fold_constants(network, params, groups, masks), masks, x)
    expect_close(
        got, forward(network, params, x), error_bound(network, params, x), f"fold_constants of {kinds}, {seed}"
    )


def error_bound(network: Network, params: Params, x: Array) -> float:
    """Return how far two orders of the same sums can be apart.

    The network of absolute values gives the sum of |products| behind every logit; there are fewer than 1000
    roundings on each path, of half an ulp of what has been added up, and both sides have them.
    """
    sizes = {name: np.abs(array) for name, array in params.items()}
    sizes |= {name: -array for name, array in sizes.items() if name.endswith("_mean")}
    return float(2 * 1000 * 2**-53 * np.max(forward(network, sizes, np.abs(x))))


def weightless(params: dict[str, Array], groups: tuple[Group, ...], masks: dict[str, Mask]) -> None:
    """Set the weights of removed units to 0."""
    for group in groups:
        for part in makers(group):
            params[part.array][~spread(masks[group.name], part, params[part.array].shape)] = 0


# FLD-02 What cannot be folded


def refused(network: Network, params: dict[str, Array], masks: dict[str, Mask], words: str) -> None:
    """Require InvalidInput with these words, and given arrays as they were."""
    before = {name: array.copy() for name, array in params.items()}
    error = refuses(lambda: fold(network, params, masks), f"fold_constants({network}, ...)")
    if not isinstance(error, InvalidInput) or words not in str(error):
        fail(repr(error), f"InvalidInput naming {words!r}", "fold_constants")
    expect_equal(params, before, "the given parameters afterwards")


def padded(padding: int, **fields: Any) -> tuple[Network, dict[str, Array]]:
    """Return a 1 by 1 convolution of weight 0 and bias 5, and a 3 by 3 one of ones behind it."""
    last = (Flatten("f"), Dense("out"))
    size = 1 if padding else 3
    network = build(Input("x", (1, size, size)), Conv2d("a"), Conv2d("b", padding=(padding,) * 4, **fields), *last)
    shapes = {"a.weight": (2, 1, 1, 1), "a.bias": (2,), "b.weight": (1, 2, 3, 3), "b.bias": (1,)}
    if not fields.get("bias", True):
        del shapes["b.bias"]
    params = filled(network, shapes | {"out.weight": (1, 1), "out.bias": (1,)})
    params["a.weight"][0], params["a.bias"][0] = 0, 5
    return network, params


@requirement("FLD-02", "example")
def test_refused_example() -> None:
    masks = {"a": np.array([False, True])}
    network, params = padded(1)
    refused(network, params, masks, "node 'b'")
    nothing = params | {"a.bias": np.array([0.0, 1.0])}
    expect_equal(fold(network, nothing, masks), nothing, "a constant of 0 in front of padding")
    refused(*padded(0, bias=False), masks, "node 'b'")
    refused(MLP, FIVE | {"fc1.weight": np.array([[1.0], [2.0]])}, FIRST, "group 'fc1'")
    refused(MLP, FIVE, {"fc1": np.array([False])}, "mask of 'fc1'")
    refused(MLP, FIVE, {"fc2": np.array([False, True])}, "mask for 'fc2'")
    stale = FIVE | {"fc1.weight": np.zeros((1, 1)), "fc1.bias": np.ones(1), "out.weight": np.ones((1, 1))}
    error = refuses(lambda: fold_constants(MLP, stale, find_groups(MLP, FIVE), FIRST), "parameters of other groups")
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput naming group 'fc1'", "fold_constants")
    shared = build(
        Input("x", (2,)),
        Dense("a"),
        Dense("twice"),
        Dense("c", shares="twice"),
        Dense("out"),
    )
    square = {
        f"{name}.{part}": np.ones((2, 2) if part == "weight" else 2)
        for name in ("a", "twice")
        for part in ("weight", "bias")
    }
    square |= {"out.weight": np.ones((1, 2)), "out.bias": np.ones(1)}
    for name in ("a", "twice"):
        square[f"{name}.weight"][0] = 0
    group = find_groups(shared, square)[0].name
    refused(shared, square, {group: np.array([False, True])}, "node 'twice'")
    refused(from_json(to_json(shared)), square, {group: np.array([False, True])}, "node 'twice'")


@requirement("FLD-02", "example")
def test_one_side_example() -> None:
    """One column of padding is padding; one maker with a weight is not constant."""
    network = build(Input("x", (1, 1, 1)), Conv2d("a"), Conv2d("b", padding=(0, 1, 0, 0)), Flatten("f"), Dense("out"))
    shapes = {"a.weight": (2, 1, 1, 1), "a.bias": (2,), "b.weight": (1, 2, 1, 2), "b.bias": (1,)}
    params = filled(network, shapes | {"out.weight": (1, 1), "out.bias": (1,)})
    params["a.weight"][0] = 0
    refused(network, params, {"a": np.array([False, True])}, "node 'b'")
    both = build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), Add("sum", inputs=("a", "b")), Dense("out"))
    ones = filled(
        both,
        {"a.weight": (2, 1), "b.weight": (2, 1), "a.bias": (2,), "b.bias": (2,), "out.weight": (1, 2)}
        | {"out.bias": (1,)},
    )
    for zero in ("a", "b"):
        params = ones | {f"{zero}.weight": np.array([[0.0], [1.0]])}
        refused(both, params, {"a": np.array([False, True])}, "group 'a'")


@requirement("FLD-02", "property")
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_refused(seed: int, unit: int) -> None:
    """A weight that is not 0, or padding on one side only, is enough."""
    rng = np.random.default_rng(seed)
    network = drawn_network(())
    params = random_params(network, rng)
    masks = {"first": np.arange(4) != unit}
    params["first.weight"][unit] = 0
    params["first.weight"][(unit, *(rng.integers(2, size=3)))] = 1e-300
    refused(network, params, masks, "group 'first'")
    params["first.weight"][unit], params["first.bias"][unit] = 0, 1
    sides = [0, 0, 0, 0]
    sides[int(rng.integers(4))] = 1
    nodes = [
        Conv2d("second", padding=(sides[0], sides[1], sides[2], sides[3])) if n.name == "second" else n for n in network
    ]
    height, width = 5 + sides[0] + sides[2], 3 + sides[1] + sides[3]
    wide = params | {"out.weight": np.ones((2, 3 * height * width))}
    refused(build(*nodes), wide, masks, "node 'second'")


# FLD-03 Nothing else changes


@requirement("FLD-03", "example")
def test_rest_example() -> None:
    given = {name: array.copy() for name, array in FIVE.items()}
    folded = fold(MLP, given, FIRST)
    expect_equal(
        {name: folded[name] for name in given if name != "out.bias"},
        {name: given[name] for name in given if name != "out.bias"},
        "everything but out.bias",
    )
    expect_equal(given["out.bias"], np.array([1.0]), "the given out.bias afterwards")
    folded["fc1.bias"][0] = 9
    expect_equal(given["fc1.bias"], np.array([5.0, 1.0]), "the given fc1.bias after writing into the returned one")
    expect_equal(fold(MLP, given, {}), given, "fold_constants without removed units")


@requirement("FLD-03", "example")
def test_dtype_example() -> None:
    """Nothing becomes wider, readers' biases included."""
    folded = fold(MLP, {name: array.astype(np.float32) for name, array in FIVE.items()}, FIRST)
    expect_equal({name: array.dtype.name for name, array in folded.items()}, dict.fromkeys(FIVE, "float32"), "dtypes")


@requirement("FLD-03", "property")
@given(st.integers(0, 2**32 - 1))
def test_rest(seed: int) -> None:
    """Only readers' biases differ, the given arrays do not, and dtypes stay."""
    rng = np.random.default_rng(seed)
    network = drawn_network(("norm", "sigmoid"))
    params = {name: array.astype(np.float32) for name, array in random_params(network, rng).items()}
    masks = {"first": rng.random(4) < 0.5}
    masks["first"][0] = True
    weightless(params, find_groups(network, params), masks | {"second": np.ones(3, bool)})
    before = {name: array.copy() for name, array in params.items()}
    folded = fold(network, params, masks)
    expect_equal(params, before, "the given parameters afterwards")
    same = {name: array for name, array in folded.items() if name != "second.bias"}
    expect_equal(same, {name: before[name] for name in same}, "all but the reader's bias")
    expect_equal({str(array.dtype) for array in folded.values()}, {"float32"}, "dtypes")
    shared = [name for name in folded if np.shares_memory(folded[name], params[name])]
    expect_equal(shared, [], "arrays that share memory")
