"""docs/spec/backprop.md, requirement by requirement: a literal example, then a property."""

from dataclasses import replace
from functools import partial
from math import log
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import backprop
from refprune.arrays import Array
from refprune.errors import InvalidInput
from refprune.network import (
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    build,
)
from refprune.shapes import infer_shapes
from spec_tests.adapter import Backend, OptimiserSpec, TrainCase
from spec_tests.oracle import layers as oracle
from spec_tests.oracle.gradients import (
    EPS,
    MARGIN,
    check_differences,
    check_forward,
    check_gradients,
    check_removed,
    moved,
    rounding,
    some_entries,
)
from spec_tests.strategies.graphs import ALL_OPS, EXACT_OPS, graphs
from spec_tests.strategies.layers import gentle
from spec_tests.strategies.networks import Drawn, chains, masks_of
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from((np.float64, np.float32))


def array(nested: Any) -> Array:
    """Return a float64 array."""
    return np.array(nested, np.float64)


def two_classes(rows: Any, labels: list[int]) -> Drawn:
    """Return the dense layer z = (x, 0) of one number x, on these rows."""
    params = {"out.weight": array([[1], [0]]), "out.bias": array([0, 0])}
    return Drawn(build(Input("x", (1,)), Dense("out")), params, array(rows), np.array(labels))


def run_back(backend: Backend, drawn: Drawn) -> tuple[float, Any, str]:
    """Return loss, gradients and the call."""
    loss, grads = backend.loss_and_grads(drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    return loss, grads, call("loss_and_grads", drawn.network, drawn.params, {}, drawn.x, drawn.labels)


# BAC-01 Batch first


@requirement("BAC-01", "example", "APPLY")
def test_forward_example(backend: Backend) -> None:
    params = {
        "a.weight": array([[1, 0], [0, 1], [1, 1]]),
        "a.bias": array([0, 0, -3]),
        "out.weight": array([[1, 10, 100], [0, 0, 1]]),
        "out.bias": array([5, 0]),
    }
    network = build(Input("x", (2,)), Dense("a"), Relu("relu"), Dense("out"))
    x = array([[1, 2], [-1, 5], [4, 4]])
    got = backend.forward(network, params, {}, x)
    # Behind the ReLU: 1 2 0, 0 5 1, 4 4 5.
    # Inexact: within 2^10 ulps of numbers below 2^10.
    bound = 0.0 if backend.declaration.exact else 2.0**-32
    expect_close(got, array([[26, 0], [155, 1], [549, 5]]), bound, call("forward", network, params, {}, x))


@requirement("BAC-01", "example")
def test_many_images_example() -> None:
    """More than are run at once come back as one array."""
    x = np.arange(1002.0).reshape(501, 1, 1, 2)
    got = backprop.forward(build(Input("x", (1, 1, 2)), Relu("relu")), {}, x)
    expect_equal(got, x, "forward of 501 images through a ReLU")


@requirement("BAC-01", "example", "APPLY")
def test_forward_memory_example(backend: Backend) -> None:
    """Examples are those of the indices, whatever their memory order; one example alone too."""
    network = build(Input("x", (2, 1, 1)), Conv2d("a"), Flatten("flatten"), Dense("out"))
    params = {
        "a.weight": array([[1, 10], [100, 1000]]).reshape(2, 2, 1, 1),
        "a.bias": array([0, 0]),
        "out.weight": array([[1, 0], [0, 1]]),
        "out.bias": array([0, 0]),
    }
    x = array([[1, 2], [3, 4], [5, 6]]).reshape(3, 2, 1, 1)
    should = array([[21, 2100], [43, 4300], [65, 6500]])
    bound = 0.0 if backend.declaration.exact else 2.0**-28
    for one in (x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
        expect_close(
            backend.forward(network, params, {}, one), should, bound, call("forward", network, params, {}, one)
        )
    expect_close(
        backend.forward(network, params, {}, x[1:2]), should[1:2], bound, call("forward", network, params, {}, x[1:2])
    )


@requirement("BAC-01", "example")
def test_forward_image_example() -> None:
    """What comes out of a convolution is (N, C, H, W)."""
    network = build(Input("x", (1, 1, 2)), Conv2d("a"))
    params = {"a.weight": array([1, 10]).reshape(2, 1, 1, 1), "a.bias": array([0, 0])}
    x = array([[[[1, 2]]], [[[3, 4]]], [[[5, 6]]]])
    should = array([[[[1, 2]], [[10, 20]]], [[[3, 4]], [[30, 40]]], [[[5, 6]], [[50, 60]]]])
    expect_equal(backprop.forward(network, params, x), should, "forward of a convolution")


@requirement("BAC-01", "example")
def test_forward_in_slices_example() -> None:
    """The reference takes 500 examples at a time: the last of 501, and of 1000, are there and in their places."""
    network = build(Input("x", (1,)), Dense("out"))
    params = {"out.weight": array([[2], [-1]]), "out.bias": array([0, 1])}
    for count in (499, 500, 501, 1000, 1001):
        numbers = np.arange(float(count))
        should = np.stack([2 * numbers, 1 - numbers], axis=1)
        expect_equal(backprop.forward(network, params, numbers[:, None]), should, f"forward of {count} examples")


@requirement("BAC-01", "property", "APPLY")
@given(DTYPES.flatmap(chains))
def test_forward(backend: Backend, drawn: Drawn) -> None:
    """The logits of the loops, for chains of every layer; in float32 just as exact."""
    check_forward(backend, drawn)


@requirement("BAC-01", "property", "APPLY")
@given(chains(), SEEDS)
def test_forward_each_alone(backend: Backend, drawn: Drawn, seed: int) -> None:
    """An example's logits do not depend on who is in the batch, nor on the order."""
    bound = 0.0 if backend.declaration.exact else 2 * rounding(drawn)
    order = np.random.default_rng(seed).permutation(len(drawn.x))
    together = np.asarray(backend.forward(drawn.network, drawn.params, {}, drawn.x))
    for rows in (order, order[:1]):
        x = drawn.x[rows]
        got = backend.forward(drawn.network, drawn.params, {}, x)
        expect_close(got, together[rows], bound, call("forward", drawn.network, drawn.params, {}, x))


# BAC-02 The loss is the batch mean


@requirement("BAC-02", "example", "TRAIN")
def test_mean_example(backend: Backend) -> None:
    for rows, labels, should in (
        ([[0]], [0], log(2)),
        ([[0], [0], [0]], [0, 1, 0], log(2)),
        ([[1e4], [0]], [1, 0], (1e4 + log(2)) / 2),
        ([[0], [0], [1e4]], [0, 1, 1], (1e4 + 2 * log(2)) / 3),
    ):
        loss, _, said = run_back(backend, two_classes(rows, labels))
        expect_close(loss, should, 2.0**8 * EPS * max(1.0, should), said)  # an exp, a log, fewer than 8 roundings


@requirement("BAC-02", "property", "TRAIN")
@given(chains(integers=False))
def test_mean(backend: Backend, drawn: Drawn) -> None:
    """The loss of a batch is the mean of the losses of its examples, and so are its gradients.

    Each side is within 2^10 ulps of the sums of magnitudes, which `oracle.gradients` gives for the gradients;
    the loss is within 2^10 ulps of the largest logit of |params| and |x|, and so is each probability, relatively.
    """
    loss, grads, said = run_back(backend, drawn)
    ones = [
        run_back(backend, replace(drawn, x=drawn.x[i : i + 1], labels=drawn.labels[i : i + 1]))
        for i in range(len(drawn.x))
    ]
    sizes = {name: abs(value) for name, value in drawn.params.items()}
    largest = max(1.0, *(max(one.values()) for one in oracle.logits(drawn.network, sizes, abs(drawn.x))))
    error = 2.0**12 * EPS * largest
    expect_close(loss, sum(one[0] for one in ones) / len(ones), error, said)
    _, magnitudes = oracle.gradients(drawn.network, drawn.params, drawn.x, drawn.labels, magnitudes=True)
    for name, grad in grads.items():
        bound = error * max(magnitudes[name].values())
        expect_close(grad, sum(one[1][name] for one in ones) / len(ones), bound, f"{name!r} of {said}")


# BAC-03 Gradients


@requirement("BAC-03", "example", "TRAIN")
def test_gradients_example(backend: Backend) -> None:
    # Equal logits: probabilities 1/2. Labels 0, 0 and 1, x = 2, 4 and 6 behind a zero weight.
    params = {"out.weight": array([[0], [0]]), "out.bias": array([3, 3])}
    network = build(Input("x", (1,)), Dense("out"))
    drawn = Drawn(network, params, array([[2], [4], [6]]), np.array([0, 0, 1]))
    _, grads, said = run_back(backend, drawn)
    bound = 2.0**8 * EPS  # an exp and fewer than 8 roundings of numbers up to 6
    expect_close(grads["out.bias"], array([-0.5 / 3, 0.5 / 3]), bound, said)
    expect_close(grads["out.weight"], array([[0], [0]]), bound, said)  # -1/2 * (2 + 4 - 6) / 3


@requirement("BAC-03", "example", "TRAIN")
def test_gradients_of_the_first_node_example(backend: Backend) -> None:
    # x = 0, 2: mean 1, variance 1, root 2, so -1/2, 1/2; times gamma 2 it is -1, 1, times 1024 the first logit.
    # For label 1 the second example is wrong: its logit's gradient is 1/2, beta's 512, gamma's 512 * 1/2.
    network = build(Input("x", (1,)), BatchNorm("norm", eps=3.0), Dense("out"))
    params = {"norm.gamma": array([2]), "norm.beta": array([0])}
    params |= {"norm.running_mean": array([0]), "norm.running_var": array([1])}
    params |= {"out.weight": array([[1024], [0]]), "out.bias": array([0, 0])}
    loss, grads, said = run_back(backend, Drawn(network, params, array([[0], [2]]), np.array([1, 1])))
    bound = 2.0**10 * 2.0**4 * EPS  # fewer than 2^4 roundings of numbers up to 1024
    expect_close(loss, 512.0, bound, said)
    should = {"norm.gamma": [256], "norm.beta": [512], "out.weight": [[0.5], [-0.5]], "out.bias": [0.5, -0.5]}
    for name, values in should.items():
        expect_close(grads[name], array(values), bound, f"{name!r} of {said}")


@requirement("BAC-03", "property", "TRAIN")
@given(chains(integers=False), SEEDS)
def test_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    """|fd - g| <= 1e-7 max(1, |g|) for every layer of a chain: the cotangent is what the layers behind it make."""
    rng = np.random.default_rng(seed)
    drawn = gentle(drawn, rng)
    assume(oracle.margin(drawn.network, drawn.params, drawn.x) >= MARGIN)
    check_differences(backend, drawn, some_entries(drawn.params, rng, 10))


@requirement("BAC-03", "property", "TRAIN")
@given(chains())
def test_gradients(backend: Backend, drawn: Drawn) -> None:
    """The gradients of the loops, with kinks and ties in every other draw."""
    check_gradients(backend, drawn)


@requirement("BAC-03", "property")
@given(chains(integers=False), SEEDS)
def test_trace(drawn: Drawn, seed: int) -> None:
    """The gradient of each node's value is that of the network from there on; loss and gradients are the same.

    Central differences of the loss over entries of the value, with the bound of `check_differences`.
    """
    rng = np.random.default_rng(seed)
    drawn = gentle(drawn, rng)
    assume(oracle.margin(drawn.network, drawn.params, drawn.x) >= MARGIN)
    traced = backprop.trace(drawn.network, drawn.params, drawn.x, drawn.labels)
    loss, grads = backprop.loss_and_grads(drawn.network, drawn.params, drawn.x, drawn.labels)
    expect_equal({"loss": traced.loss, **traced.grads}, {"loss": loss, **grads}, "trace and loss_and_grads")
    place = int(rng.integers(1, len(drawn.network) - 1)) if len(drawn.network) > 2 else 0
    node, rest = drawn.network[place], drawn.network[place + 1 :]
    assume(rest and node.name in traced.dvalues)
    value = np.moveaxis(traced.values[node.name], -1, 0)
    names = [f"{one.name}.{part}" for one in rest for part in ("weight", "bias")]
    tail = build(Input(node.name, value.shape[1:]), *rest)
    params = {name: drawn.params[name] for name in names if name in drawn.params}
    for position in rng.permutation(value.size)[:6]:
        up, down = (moved(value, int(position), step) for step in (1e-5, -1e-5))
        losses = [backprop.loss_and_grads(tail, params, x, drawn.labels)[0] for x in (up, down)]
        should = (losses[0] - losses[1]) / float(up.ravel()[position] - down.ravel()[position])
        got = float(np.moveaxis(traced.dvalues[node.name], -1, 0).ravel()[position])
        if not abs(got - should) <= 1e-7 * max(1.0, abs(got)):
            fail(got, should, f"dvalues[{node.name!r}] at {position} of {drawn}")


def drawn_graph(data: st.DataObject, ops: frozenset[str], rng: np.random.Generator) -> tuple[Drawn, dict[str, Array]]:
    """Draw a gentle graph of these ops, further than KINK from every kink and tie, and masks of its dropouts."""
    drawn = gentle(data.draw(graphs(ops, exact=False, steps=6)), rng)
    shapes = infer_shapes(drawn.network, drawn.params)
    dropouts = [node.name for node in drawn.network if isinstance(node, Dropout)]
    kept = {name: rng.random((len(drawn.x), *shapes[name])) < 0.5 for name in dropouts}
    assume(oracle.margin(drawn.network, drawn.params, drawn.x, kept) >= KINK)
    return drawn, kept


KINK = 1e-6
"""Least distance of a drawn graph from a kink or a tie: rounding crosses none."""


def expect_near(got: Any, should: Any, said: str) -> None:
    """Require |got - should| <= 1e-7 max(1, |should|), the bound of BAC-03.

    Rounding is far below it: weights are at most 1 / fan-in, so that no layer enlarges an error; a sum does at most
    three times, a dropout twice, a normalisation of n <= 48 entries (2 + sqrt(n)) < 9 times, and of a dozen
    nodes not all are such.
    """
    should = oracle.array_of(should)
    if np.shape(got) != should.shape or not (np.abs(got - should) <= 1e-7 * np.maximum(1.0, np.abs(should))).all():
        fail(got, should, said)


@requirement("BAC-03", "property", "TRAIN")
@given(st.data(), SEEDS)
def test_graphs(backend: Backend, data: st.DataObject, seed: int) -> None:
    """The gradients of the loops, for graphs of every op that trains without further data; normalisations too."""
    drawn, _ = drawn_graph(data, ALL_OPS & backend.declaration.ops - {"dropout"}, np.random.default_rng(seed))
    loss, grads, said = run_back(backend, drawn)
    should_loss, should = oracle.gradients(drawn.network, drawn.params, drawn.x, drawn.labels)
    expect_near(loss, oracle.table(should_loss), said)
    expect_equal(set(grads), set(should), f"the names of {said}")
    for name, values in should.items():
        expect_near(grads[name], values, f"{name!r} of {said}")


# BAC-04 Keys, shapes, dtypes


@requirement("BAC-04", "example", "TRAIN")
def test_keys_example(backend: Backend) -> None:
    network = build(Input("x", (1, 2, 2)), Conv2d("c"), Flatten("f"), Dense("out"))
    for dtype in (np.float64, np.float32):
        params = {
            "c.weight": np.ones((3, 1, 2, 2), dtype),
            "c.bias": np.ones(3, dtype),
            "out.weight": np.ones((2, 3), dtype),
            "out.bias": np.ones(2, dtype),
        }
        drawn = Drawn(network, params, np.ones((4, 1, 2, 2), dtype), np.array([0, 1, 1, 0]))
        _, grads, said = run_back(backend, drawn)
        name = np.dtype(dtype).name
        expect_equal(
            {key: (grad.shape, grad.dtype.name) for key, grad in grads.items()},
            {
                "c.weight": ((3, 1, 2, 2), name),
                "c.bias": ((3,), name),
                "out.weight": ((2, 3), name),
                "out.bias": ((2,), name),
            },
            f"shapes and dtypes of {said}",
        )
        logits = np.asarray(backend.forward(network, params, {}, drawn.x))
        expect_equal((logits.shape, logits.dtype.name), ((4, 2), name), f"the logits of {said}")


@requirement("BAC-04", "example")
def test_unread_example() -> None:
    """A layer that the logits do not depend on has gradients, and they are 0."""
    network = build(Input("x", (1,)), Dense("unread"), Dense("out", inputs=("x",)))
    params = {
        "unread.weight": array([[7]]),
        "unread.bias": array([7]),
        "out.weight": array([[1], [0]]),
        "out.bias": array([0, 2]),
    }
    _, grads = backprop.loss_and_grads(network, params, array([[2]]), np.array([0]))
    expect_equal(grads["unread.weight"], array([[0]]), "the gradient of unread.weight")
    expect_equal(grads["unread.bias"], array([0]), "the gradient of unread.bias")
    expect_close(grads["out.weight"], array([[-1], [1]]), 2.0**4 * EPS, "the gradient of out.weight")


@requirement("BAC-04", "property", "TRAIN")
@given(DTYPES.flatmap(lambda dtype: chains(dtype, integers=False)), st.randoms())
def test_keys(backend: Backend, drawn: Drawn, random: Any) -> None:
    """Keyed, shaped and typed as the parameters, in whatever order those come."""
    names = list(drawn.params)
    random.shuffle(names)
    drawn = replace(drawn, params={name: drawn.params[name] for name in names})
    _, grads, said = run_back(backend, drawn)
    logits = np.asarray(backend.forward(drawn.network, drawn.params, {}, drawn.x))
    expect_equal(
        {name: (grad.shape, grad.dtype.name) for name, grad in grads.items()},
        {name: (value.shape, value.dtype.name) for name, value in drawn.params.items()},
        f"shapes and dtypes of {said}",
    )
    classes = len(drawn.params["out.bias"])
    expect_equal((logits.shape, logits.dtype), ((len(drawn.x), classes), drawn.x.dtype), f"the logits of {said}")


# BAC-05 Two readers


@requirement("BAC-05", "example", "TRAIN")
def test_two_readers_example(backend: Backend) -> None:
    network = build(
        Input("x", (2,)),
        Dense("trunk"),
        Dense("left", inputs=("trunk",)),
        Dense("right", inputs=("trunk",)),
        Concat("out", inputs=("left", "right")),
    )
    weights = {"trunk": [[1, 2]], "left": [[3]], "right": [[5]]}
    params = {f"{name}.weight": array(weight) for name, weight in weights.items()}
    params |= {f"{name}.bias": array([0]) for name in weights}
    _, grads, said = run_back(backend, Drawn(network, params, array([[2, -1]]), np.array([1])))
    expect_equal(grads["trunk.bias"], array([-1]), said)
    expect_equal(grads["trunk.weight"], array([[-2, 1]]), said)
    twice = build(Input("x", (1,)), Dense("a"), Add("out", inputs=("a", "a")))
    params = {"a.weight": array([[1], [1]]), "a.bias": array([0, 0])}
    _, grads, said = run_back(backend, Drawn(twice, params, array([[3]]), np.array([0])))
    expect_equal(grads["a.bias"], array([-1, 1]), said)


@requirement("BAC-05", "example", "TRAIN")
def test_three_readers_example(backend: Backend) -> None:
    thrice = build(Input("x", (1,)), Dense("a"), Add("out", inputs=("a", "a", "a")))
    params = {"a.weight": array([[1], [1]]), "a.bias": array([0, 0])}
    _, grads, said = run_back(backend, Drawn(thrice, params, array([[2]]), np.array([0])))
    expect_equal(grads["a.bias"], array([-1.5, 1.5]), said)
    expect_equal(grads["a.weight"], array([[-3], [3]]), said)


@requirement("BAC-05", "property", "TRAIN")
@given(st.data())
def test_two_readers(backend: Backend, data: st.DataObject) -> None:
    """Graphs of all ops with sums and branches, against loops."""
    ops = (EXACT_OPS - {"batch_norm", "dropout"}) & backend.declaration.ops
    drawn = data.draw(graphs(ops, often="add" if "add" in ops else ""))
    check_gradients(backend, drawn)


# BAC-06 What does not fit


def broken_runs(drawn: Drawn) -> dict[str, Drawn]:
    """Return what must be refused by forward and loss_and_grads alike."""
    x, params = drawn.x, drawn.params
    first = next(iter(params))
    return {
        "a batch of size 0": replace(drawn, x=x[:0], labels=drawn.labels[:0]),
        "one example without its batch axis": replace(drawn, x=x[0], labels=drawn.labels[:1]),
        "another shape of example": replace(drawn, x=np.repeat(x, 2, axis=-1)),
        "integers": replace(drawn, x=x.astype(np.int64)),
        "x in another dtype": replace(drawn, x=x.astype(np.float32)),
        "a parameter in another dtype": replace(drawn, params={**params, first: params[first].astype(np.float32)}),
        "complex parameters": replace(drawn, params={name: a.astype(complex) for name, a in params.items()}),
        "a parameter missing": replace(drawn, params={k: a for k, a in params.items() if k != first}),
        "a parameter too many": replace(drawn, params={**params, "other.weight": array([[1]])}),
        "a parameter of another shape": replace(drawn, params={**params, first: params[first][..., None]}),
        "a wider layer": replace(drawn, params={**params, "out.bias": np.append(params["out.bias"], 0.0)}),
    }


def broken_labels(labels: Array, classes: int) -> dict[str, Array]:
    """Return labels that must be refused."""
    return {
        "a label that is no class": np.where(np.arange(len(labels)) == 0, classes, labels),
        "a negative label": np.where(np.arange(len(labels)) == 0, -1, labels),
        "labels as floats": labels.astype(np.float64),
        "labels as bools": labels.astype(bool),
        "a label too many": np.append(labels, 0),
        "one-hot labels": np.eye(classes, dtype=np.int64)[labels],
    }


@requirement("BAC-06", "example", "APPLY")
def test_forward_misfits_example(backend: Backend) -> None:
    for what, wrong in broken_runs(two_classes([[1], [2]], [0, 1])).items():
        said = call("forward", wrong.network, wrong.params, {}, wrong.x)
        refuses(lambda w=wrong: backend.forward(w.network, w.params, {}, w.x), f"{what}: {said}")  # type: ignore[misc]


@requirement("BAC-06", "example", "TRAIN")
def test_labels_example(backend: Backend) -> None:
    drawn = two_classes([[1], [2]], [0, 1])
    wrongs = [replace(drawn, labels=labels) for labels in broken_labels(drawn.labels, 2).values()]
    for wrong in (*wrongs, *broken_runs(drawn).values()):
        refuses(
            lambda w=wrong: backend.loss_and_grads(w.network, w.params, {}, w.x, w.labels),  # type: ignore[misc]
            call("loss_and_grads", wrong.network, wrong.params, {}, wrong.x, wrong.labels),
        )


@requirement("BAC-06", "example")
def test_misfits_named_example() -> None:
    """The message names what, got and expected; logits of an image have no loss."""
    drawn = two_classes([[1], [2]], [0, 1])
    image = Drawn(build(Input("x", (1, 1, 2)), MaxPool2d("p", (1, 1))), {}, np.ones((2, 1, 1, 2)), drawn.labels)
    for wrong, words in (
        (replace(drawn, x=drawn.x[:0]), "x: got shape (0, 1), expected (N, *(1,)) with N >= 1"),
        (replace(drawn, labels=np.array([0, 2])), "labels: got values 0..2, expected classes 0..1"),
        (replace(drawn, x=drawn.x.astype(np.float32)), "one dtype for the parameters and x"),
        (replace(drawn, labels=[0, 1]), "labels: got list, expected integers of shape (2,)"),  # type: ignore[arg-type]
        (image, "network: got logits of shape (1, 1, 1), expected logits of shape (classes,)"),
    ):
        error = refuses(
            lambda w=wrong: backprop.loss_and_grads(w.network, w.params, w.x, w.labels),  # type: ignore[misc]
            words,
        )
        if not isinstance(error, InvalidInput) or words not in str(error):
            fail(repr(error), f"InvalidInput with {words!r}", call("loss_and_grads", wrong))


@requirement("BAC-06", "property", "APPLY")
@given(chains(), st.data())
def test_forward_misfits(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    runs = broken_runs(drawn)
    what = data.draw(st.sampled_from(list(runs)))
    wrong = runs[what]
    said = call("forward", wrong.network, wrong.params, {}, wrong.x)
    refuses(lambda: backend.forward(wrong.network, wrong.params, {}, wrong.x), f"{what}: {said}")


@requirement("BAC-06", "property", "TRAIN")
@given(chains(), st.data())
def test_labels(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    wrongs = broken_labels(drawn.labels, len(drawn.params["out.bias"]))
    what = data.draw(st.sampled_from(list(wrongs)))
    wrong = replace(drawn, labels=wrongs[what])
    refuses(
        lambda: backend.loss_and_grads(wrong.network, wrong.params, {}, wrong.x, wrong.labels),
        f"{what}: {call('loss_and_grads', wrong.network, wrong.params, {}, wrong.x, wrong.labels)}",
    )


# BAC-07 Given arrays stay as they are


@requirement("BAC-07", "example", "APPLY")
def test_unchanged_example(backend: Backend) -> None:
    network: tuple[Node, ...] = build(Input("x", (3,)), Relu("relu"), Dense("out"))
    params = {"out.weight": array([[1, 1, 1]]), "out.bias": array([1])}
    x = array([[-1, 2, -3]])
    said = call("forward", network, params, {}, x)
    for _ in range(2):
        bound = 0.0 if backend.declaration.exact else 2.0**-40
        expect_close(backend.forward(network, params, {}, x), array([[3]]), bound, said)
    expect_equal(x, array([[-1, 2, -3]]), f"x after {said}")
    expect_equal(params, {"out.weight": array([[1, 1, 1]]), "out.bias": array([1])}, f"params after {said}")


@requirement("BAC-07", "property", "TRAIN")
@given(chains(integers=False))
def test_unchanged(backend: Backend, drawn: Drawn) -> None:
    """Nothing given is changed, and a second call gives the same."""
    x, labels = drawn.x.copy(), drawn.labels.copy()
    params = {name: value.copy() for name, value in drawn.params.items()}
    loss, grads, said = run_back(backend, drawn)
    again = run_back(backend, drawn)
    expect_equal(drawn.x, x, f"x after {said}")
    expect_equal(drawn.labels, labels, f"the labels after {said}")
    expect_equal(drawn.params, params, f"the parameters after {said}")
    expect_equal({"loss": again[0], **again[1]}, {"loss": loss, **grads}, f"a second {said}")


# BAC-08 With masks


def hidden(value: float) -> tuple[Drawn, dict[str, Array]]:
    """Return two layers whose removed entries, a bias among them, have this value, and their masks.

    Masked, x = (3, 1) gives the hidden unit 2 * 3 + 1 = 7, and the logits 7 and 7.
    """
    params = {
        "a.weight": array([[2, value]]),
        "a.bias": array([1]),
        "out.weight": array([[1], [value]]),
        "out.bias": array([value, 7]),
    }
    masks = {
        "a.weight": np.array([[True, False]]),
        "out.weight": np.array([[True], [False]]),
        "out.bias": np.array([False, True]),
    }
    return Drawn(build(Input("x", (2,)), Dense("a"), Dense("out")), params, array([[3, 1]]), np.array([1])), masks


def in_a_kernel(drawn: Drawn, masks: dict[str, Array]) -> tuple[Drawn, dict[str, Array]]:
    """Return the same with a kernel of one row in place of the first layer."""
    network = build(Input("x", (1, 1, 2)), Conv2d("a"), Flatten("flat"), Dense("out"))
    params = drawn.params | {"a.weight": drawn.params["a.weight"].reshape(1, 1, 1, 2)}
    as_image = drawn.x.reshape(1, 1, 1, 2)
    return Drawn(network, params, as_image, drawn.labels), masks | {"a.weight": masks["a.weight"].reshape(1, 1, 1, 2)}


@requirement("BAC-08", "example", "TRAIN")
def test_masked_gradients_example(backend: Backend) -> None:
    gradients_of_hidden(backend, *(hidden(value) for value in (0.0, 100.0, -100.0)))


@requirement("BAC-08", "example", "TRAIN")
def test_masked_gradients_of_a_kernel_example(backend: Backend) -> None:
    gradients_of_hidden(backend, *(in_a_kernel(*hidden(value)) for value in (0.0, 100.0, -100.0)))


def gradients_of_hidden(backend: Backend, *cases: tuple[Drawn, dict[str, Array]]) -> None:
    """Require the loss and the gradients of those layers, those of removed entries as declared."""
    for drawn, masks in cases:
        loss, grads = backend.loss_and_grads(drawn.network, drawn.params, masks, drawn.x, drawn.labels)
        said = call("loss_and_grads", drawn.network, drawn.params, masks, drawn.x, drawn.labels)
        bound = 2.0**8 * EPS  # an exp, a log and fewer than 8 roundings of numbers up to 7
        expect_close(loss, log(2), bound, said)
        # The logits' gradients are 1/2 and -1/2, and the second logit does not read the hidden unit.
        for name, should in (("a.weight", [1.5]), ("a.bias", [0.5]), ("out.weight", [3.5]), ("out.bias", [-0.5])):
            kept = np.asarray(grads[name])[masks.get(name, np.ones(1, bool))]
            expect_close(kept, array(should), bound, f"kept entries of {name!r} of {said}")
            check_removed(backend.declaration, grads[name], masks.get(name), f"{name!r} of {said}")
        if backend.declaration.gradients == "dense":
            # Removed are the second input of the hidden unit, the second class's weight, the first class's bias.
            for name, gone in (("a.weight", 0.5), ("out.weight", -3.5), ("out.bias", 0.5)):
                removed = np.asarray(grads[name])[~masks[name]]
                expect_close(removed, array([gone]), bound, f"removed entries of {name!r} of {said}")


@requirement("BAC-08", "example", "TRAIN")
def test_misfit_masks_of_gradients_example(backend: Backend) -> None:
    drawn, _ = hidden(0.0)
    for masks in ({"b.weight": np.ones((1, 2), bool)}, {"a.weight": np.ones(2, bool)}):
        refuses(
            lambda m=masks: backend.loss_and_grads(drawn.network, drawn.params, m, drawn.x, drawn.labels),  # type: ignore[misc]
            call("loss_and_grads", drawn.network, drawn.params, masks, drawn.x, drawn.labels),
        )


@requirement("BAC-08", "example", "TRAIN")
def test_masked_normalisation_example(backend: Backend) -> None:
    """Masks of gamma and beta count like any others: nothing of x is left, both logits are 0."""
    masks = {"norm.gamma": np.array([False]), "norm.beta": np.array([False])}
    for value in (0.0, 100.0):
        params = NORMED_PARAMS | {"norm.gamma": array([value]), "norm.beta": array([value])}
        loss, grads = backend.loss_and_grads(NORMED, params, masks, FOUR, np.ones(4, int))
        said = call("loss_and_grads", NORMED, params, masks, FOUR, np.ones(4, int))
        bound = 2.0**8 * EPS  # an exp, a log and fewer than 8 roundings of numbers up to 1
        expect_close(loss, log(2), bound, said)
        expect_close(grads["out.weight"], array([[0], [0]]), bound, f"'out.weight' of {said}")
        expect_close(grads["out.bias"], array([0.5, -0.5]), bound, f"'out.bias' of {said}")


@requirement("BAC-08", "property", "TRAIN")
@given(chains().flatmap(lambda drawn: st.tuples(st.just(drawn), masks_of(drawn.params))))
def test_masked_gradients(backend: Backend, masked: tuple[Drawn, dict[str, Array]]) -> None:
    """The loss, and the gradients at kept entries, of the loops on the masked parameters; elsewhere as declared."""
    check_gradients(backend, *masked)


# BAC-09 Dropout

DROPPED = build(Input("x", (2,)), Dropout("drop"), Dense("out"))
DROPPED_PARAMS = {"out.weight": array([[1, 10], [0, 0]]), "out.bias": array([0, 0])}


@requirement("BAC-09", "example")
def test_dropout_example() -> None:
    x, labels = array([[3, 4]]), np.array([0])
    passed = backprop.trace(DROPPED, DROPPED_PARAMS, x, labels, {"drop": np.array([[True, False]])})
    expect_equal(passed.values["drop"], array([[6], [0]]), "the values behind the dropout in training")
    expect_equal(passed.values["out"], array([[6], [0]]), "the logits in training")
    expect_equal(backprop.forward(DROPPED, DROPPED_PARAMS, x), array([[43, 0]]), "the logits in use")
    wrong: tuple[Any, ...] = (
        {},
        {"drop": np.array([True, False])},
        {"drop": array([[1, 0]])},
        {"drop": np.ones((1, 2), bool), "out": np.ones((1, 2), bool)},
        {"x": np.ones((1, 2), bool)},
    )
    for kept in wrong:
        refuses(partial(backprop.loss_and_grads, DROPPED, DROPPED_PARAMS, x, labels, kept), f"dropout masks {kept}")


@requirement("BAC-09", "example")
def test_two_dropouts_example() -> None:
    """Each has its own rate and its own mask: 1, 2 becomes 4, 8, then 8, 0."""
    network = build(Input("x", (2,)), Dropout("first", 0.75), Dropout("second", 0.5), Dense("out"))
    kept = {"first": np.array([[True, True]]), "second": np.array([[True, False]])}
    passed = backprop.trace(network, DROPPED_PARAMS, array([[1, 2]]), np.array([0]), kept)
    expect_equal(passed.values["second"], array([[8], [0]]), "the values behind the second dropout")


@requirement("BAC-09", "property")
@given(SEEDS, st.sampled_from((0.0, 0.5, 0.75)), st.integers(1, 3))
def test_dropout(seed: int, rate: float, count: int) -> None:
    """Training with a mask is training without the node, on inputs that are dropped beforehand."""
    rng = np.random.default_rng(seed)
    x, labels, kept = rng.normal(size=(count, 2)), rng.integers(2, size=count), rng.random((count, 2)) < 0.5
    network = build(Input("x", (2,)), Dropout("drop", rate), Dense("out"))
    params = {"out.weight": rng.normal(size=(2, 2)), "out.bias": rng.normal(size=2)}
    loss, grads = backprop.loss_and_grads(network, params, x, labels, {"drop": kept})
    plain = build(Input("x", (2,)), Dense("out"))
    should_loss, should = backprop.loss_and_grads(plain, params, x * kept / (1 - rate), labels)
    expect_equal(loss, should_loss, f"the loss, kept {kept} of {x}")
    expect_equal(grads, should, f"the gradients, kept {kept} of {x}")
    expect_equal(backprop.forward(network, params, x), backprop.forward(plain, params, x), "the logits in use")


@requirement("BAC-09", "property")
@given(st.data(), SEEDS)
def test_graphs_in_training(data: st.DataObject, seed: int) -> None:
    """Loss, gradients and running statistics of the loops, for graphs of every op, with masks of their dropouts."""
    drawn, kept = drawn_graph(data, ALL_OPS, np.random.default_rng(seed))
    passed = backprop.trace(drawn.network, drawn.params, drawn.x, drawn.labels, kept)
    loss, grads = oracle.gradients(drawn.network, drawn.params, drawn.x, drawn.labels, kept)
    statistics = oracle.statistics(drawn.network, drawn.params, drawn.x, kept)
    said = f"trace of {drawn} with {kept}"
    expect_near(passed.loss, oracle.table(loss), said)
    for got, should in ((passed.grads, grads), (passed.statistics, statistics)):
        expect_equal(set(got), set(should), f"the names of {said}")
        for name, values in should.items():
            expect_near(got[name], values, f"{name!r} of {said}")


# BAC-10 Normalisation in training and in use

NORMED = build(Input("x", (1,)), BatchNorm("norm", eps=1.0, momentum=0.5), Dense("out"))
NORMED_PARAMS = {
    "norm.gamma": array([2]),
    "norm.beta": array([1]),
    "norm.running_mean": array([0]),
    "norm.running_var": array([0]),
    "out.weight": array([[1], [0]]),
    "out.bias": array([0, 0]),
}
FOUR = array([[0], [0], [0], [4]])


@requirement("BAC-10", "example")
def test_normalisation_example() -> None:
    passed = backprop.trace(NORMED, NORMED_PARAMS, FOUR, np.zeros(4, int))
    expect_equal(passed.values["norm"], array([[0, 0, 0, 4]]), "the normalised values in training")
    should = {"norm.running_mean": array([0.5]), "norm.running_var": array([2])}
    expect_equal(passed.statistics, should, "the running statistics after the batch")
    expect_equal(NORMED_PARAMS["norm.running_var"], array([0]), "the given running variance afterwards")
    error = refuses(lambda: backprop.trace(NORMED, NORMED_PARAMS, FOUR[3:], np.zeros(1, int)), "a batch of one entry")
    if "node 'norm'" not in str(error):
        fail(repr(error), "an error that names node 'norm'", "trace of a batch of one entry")
    image = build(Input("x", (1, 1, 2)), BatchNorm("norm"), Flatten("flatten"), Dense("out"))
    wide = NORMED_PARAMS | {"out.weight": array([[1, 0], [0, 1]])}
    loss = backprop.trace(image, wide, array([[[[1, 2]]]]), np.zeros(1, int)).loss
    expect_equal(float(np.isfinite(loss)), 1.0, "whether one image of two pixels has a loss")
    tall = build(Input("x", (1, 2, 1)), BatchNorm("norm"), Flatten("flatten"), Dense("out"))
    loss = backprop.trace(tall, wide, array([[[[1], [2]]]]), np.zeros(1, int)).loss
    expect_equal(float(np.isfinite(loss)), 1.0, "whether one image of two rows has a loss")
    two = {name: np.repeat(values, 2) for name, values in NORMED_PARAMS.items() if name.startswith("norm")}
    pixels = build(Input("x", (2, 1, 1)), BatchNorm("norm"), Flatten("flatten"), Dense("out"))
    given = two | {"out.weight": array([[1, 0], [0, 1]]), "out.bias": array([0, 0])}
    batch = (array([[[[1]], [[2]]]]), np.zeros(1, int))
    refuses(lambda: backprop.trace(pixels, given, *batch), "a batch of one entry in each of two channels")


@requirement("BAC-10", "example", "TRAIN")
def test_two_normalisations_example(backend: Backend) -> None:
    """Each has its own batch and its own momentum. The first makes 4 (x - 1) / 2 + 3 = 1, 1, 1, 9: mean 3, variance 12.

    First: mean 1/2, variance 1/2 * 4 = 2. Second: mean 3/4, variance 1/4 * 12 * 4/3 = 4.
    """
    first = BatchNorm("first", eps=1.0, momentum=0.5)
    network = build(Input("x", (1,)), first, BatchNorm("second", eps=4.0, momentum=0.25), Dense("out"))
    values = {"gamma": 4, "beta": 3, "running_mean": 0, "running_var": 0}
    params = {f"{norm}.{part}": array([value]) for norm in ("first", "second") for part, value in values.items()}
    params |= {"out.weight": array([[0], [0]]), "out.bias": array([0, 0])}
    case = TrainCase(network, params, FOUR, np.zeros(4, int), (np.arange(4),), OptimiserSpec("sgd", 0.5), {})
    used = backend.train(case)[-1].used
    got = {name: np.asarray(used[name]) for name in params if "running" in name}
    should = {"first.running_mean": array([0.5]), "first.running_var": array([2])}
    should |= {"second.running_mean": array([0.75]), "second.running_var": array([4])}
    expect_equal(got, should, call("train", case))


@requirement("BAC-10", "example", "APPLY")
def test_in_use_example(backend: Backend) -> None:
    got = backend.forward(NORMED, NORMED_PARAMS, {}, FOUR)
    expect_equal(got, array([[1, 0], [1, 0], [1, 0], [9, 0]]), call("forward", NORMED, NORMED_PARAMS, {}, FOUR))


@requirement("BAC-10", "property")
@given(SEEDS, st.integers(2, 4), st.integers(1, 3))
def test_normalisation(seed: int, count: int, side: int) -> None:
    """The logits in training are those in use, once the running statistics are the batch's own."""
    rng = np.random.default_rng(seed)
    network, params = normalised_image(rng, side)
    before = {name: value.copy() for name, value in params.items()}
    x, labels = rng.normal(size=(count, 2, side, side)), rng.integers(2, size=count)
    passed = backprop.trace(network, params, x, labels)
    own = {"norm.running_mean": x.mean(axis=(0, 2, 3)), "norm.running_var": x.var(axis=(0, 2, 3))}
    expect_equal(params, before, "the given parameters afterwards")
    expect_equal(set(passed.grads), {name for name in params if "running" not in name}, "the names of the gradients")
    in_use = backprop.forward(network, params | own, x)
    # Normal numbers of a few units: each logit is a sum of at most 20 products, after division by a root of 1 or more.
    expect_close(passed.values["out"].T, in_use, 2**-40, f"the logits in training, seed {seed}")
    entries = x.size // 2
    mean = 0.9 * params["norm.running_mean"] + 0.1 * own["norm.running_mean"]
    var = 0.9 * params["norm.running_var"] + 0.1 * own["norm.running_var"] * entries / (entries - 1)
    expect_close(passed.statistics["norm.running_mean"], mean, 2**-40, "the running mean")
    expect_close(passed.statistics["norm.running_var"], var, 2**-40, "the running variance")


def normalised_image(rng: np.random.Generator, side: int) -> tuple[Network, dict[str, Array]]:
    """Return a normalisation of two channels in front of a dense layer, and normal parameters."""
    network = build(Input("x", (2, side, side)), BatchNorm("norm", eps=1.0), Flatten("flatten"), Dense("out"))
    shapes: dict[str, tuple[int, ...]] = {f"norm.{part}": (2,) for part in ("gamma", "beta", "running_mean")}
    shapes |= {"norm.running_var": (2,), "out.weight": (2, 2 * side * side), "out.bias": (2,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return network, params | {"norm.running_var": np.abs(params["norm.running_var"])}


# BAC-11 Shared parameters


@requirement("BAC-11", "example", "TRAIN")
def test_shared_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"))
    params = {"a.weight": array([[1, 0], [0, 1]]), "a.bias": array([0, 0])}
    _, grads, said = run_back(backend, Drawn(network, params, array([[1, 1]]), np.array([0])))
    expect_equal(grads, {"a.weight": array([[-1, -1], [1, 1]]), "a.bias": array([-1, 1])}, said)


@requirement("BAC-11", "example", "TRAIN")
def test_shared_thrice_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"), Dense("c", shares="a"))
    params = {"a.weight": array([[1, 0], [0, 1]]), "a.bias": array([0, 0])}
    _, grads, said = run_back(backend, Drawn(network, params, array([[1, 1]]), np.array([0])))
    expect_equal(grads, {"a.weight": array([[-1.5, -1.5], [1.5, 1.5]]), "a.bias": array([-1.5, 1.5])}, said)


@requirement("BAC-11", "property", "TRAIN")
@given(SEEDS, st.integers(2, 4), st.integers(1, 3))
def test_shared(backend: Backend, seed: int, uses: int, count: int) -> None:
    """The gradient is the sum of those of as many layers with equal parameters of their own."""
    rng = np.random.default_rng(seed)
    own = {"weight": rng.normal(size=(2, 2)), "bias": rng.normal(size=2)}
    x, labels = rng.normal(size=(count, 2)), rng.integers(2, size=count)
    names = [f"layer{number}" for number in range(uses)]
    tied = build(Input("x", (2,)), Dense("layer0"), *(Dense(name, shares="layer0") for name in names[1:]))
    loose = build(Input("x", (2,)), *(Dense(name) for name in names))
    params = {f"layer0.{part}": value for part, value in own.items()}
    copies = {f"{name}.{part}": value for name in names for part, value in own.items()}
    loss, grads, said = run_back(backend, Drawn(tied, params, x, labels))
    should_loss, each = backprop.loss_and_grads(loose, copies, x, labels)
    expect_close(loss, should_loss, 2**-40 * max(1.0, abs(should_loss)), said)
    for part in own:
        parts = np.stack([each[f"{name}.{part}"] for name in names])
        # A few products and sums of either order: an ulp of what is added up for each of them.
        expect_close(grads[f"layer0.{part}"], parts.sum(axis=0), 2**-40 * max(1.0, float(np.abs(parts).sum())), said)
