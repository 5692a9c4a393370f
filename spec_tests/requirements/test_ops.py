"""docs/spec/ops.md, requirement by requirement: literal examples, then properties.

Each layer is tested four times: between two layers with weights through the backend (against loops on integers,
where kinks and ties are common, and by central differences), and alone, `refprune.ops` by itself.
"""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import ops
from refprune.arrays import Array, Params
from refprune.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    build,
)
from spec_tests.adapter import Backend
from spec_tests.oracle import layers as oracle
from spec_tests.oracle.gradients import (
    EPS,
    MARGIN,
    check_differences,
    check_forward,
    check_gradients,
    moved,
    some_entries,
)
from spec_tests.strategies import layers as draw
from spec_tests.strategies.networks import Drawn
from spec_tests.verdicts import call, expect_close, expect_equal, fail, requirement

SEEDS = st.integers(0, 2**32 - 1)


def array(nested: Any) -> Array:
    """Return a float64 array."""
    return np.array(nested, np.float64)


def through(*nodes: Node) -> Network:
    """Return these nodes and a flatten: their output in one row."""
    return build(*nodes, Flatten("logits"))


def gives(backend: Backend, network: Network, params: Params, example: Any, should: Any) -> None:
    """Require these logits of one example, exactly where the backend adds products only."""
    x = array([example])
    got = np.asarray(backend.forward(network, params, {}, x))
    said = call("forward", network, params, {}, x)
    # A transformed convolution of fewer than 2^4 numbers below 2^7 is within 2^8 ulps of 2^11.
    expect_close(got, array([should]), 0.0 if backend.declaration.exact else 2.0**-33, said)


def learns(backend: Backend, drawn: Drawn, loss: float, **should: Any) -> None:
    """Require this loss and, for some parameters, these gradients (`front_weight` for front.weight).

    The examples have two equal logits, so that the probabilities are 1/2, or 0 and 1; all numbers are below
    2^14, and each is the result of fewer than 2^4 roundings or of an exp and a log good to 2^4 ulps.
    """
    got_loss, grads = backend.loss_and_grads(drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    said = call("loss_and_grads", drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    bound = 2.0**14 * 2.0**4 * EPS
    expect_close(got_loss, loss, bound, said)
    for key, value in should.items():
        name = key.replace("_", ".")
        expect_close(grads[name], array(value).reshape(drawn.params[name].shape), bound, f"{name!r} of {said}")


def one_image(node: Node, image: Any, front: Any, out: Any, out_bias: Any, **params: Any) -> Drawn:
    """Return image -> 1x1 convolution `front` -> node -> flatten -> dense `out`, with label 0."""
    x, front, out = array([image]), array(front), array(out)
    network = build(Input("x", x.shape[1:]), Conv2d("front"), node, Flatten("flat"), Dense("out"))
    named = {f"op.{part}": array(value) for part, value in params.items()}
    front = front.reshape(-1, x.shape[1], 1, 1)
    known = {
        "front.weight": front,
        "front.bias": np.zeros(len(front)),
        "out.weight": out,
        "out.bias": array(out_bias),
    }
    return Drawn(network, known | named, x, np.array([0]))


# One layer alone: refprune.ops


def last(x: Array) -> Array:
    """Move the batch from the first axis to the last, as refprune.ops has it."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))


def first(x: Array) -> Array:
    """Move the batch from the last axis to the first."""
    return np.moveaxis(x, -1, 0)


def forward(layer: draw.Layer, x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], Any]]:
    """Return y and the way back; the batch is on the last axis."""
    node = layer.node
    match node:
        case Dense():
            y, dense_cache = ops.dense(x, w, b)
            return y, lambda dy: ops.dense_backward(dy, dense_cache, need_dx=True)
        case Conv2d():
            y, conv_cache = ops.conv2d(x, w, b, node.stride, node.padding)
            return y, lambda dy: ops.conv2d_backward(dy, conv_cache, need_dx=True)
        case MaxPool2d():
            y, max_cache = ops.max_pool2d(x, node.size, node.stride, node.padding)
            return y, lambda dy: (ops.max_pool2d_backward(dy, max_cache),)
        case AvgPool2d():
            y, avg_cache = ops.avg_pool2d(x, node.size, node.stride, node.padding)
            return y, lambda dy: (ops.avg_pool2d_backward(dy, avg_cache),)
        case Relu():
            y, relu_cache = ops.relu(x)
            return y, lambda dy: (ops.relu_backward(dy, relu_cache),)
    y, flat_cache = ops.flatten(x)
    return y, lambda dy: (ops.flatten_backward(dy, flat_cache),)


def definition(layer: draw.Layer, x: Array, dy: Array) -> tuple[oracle.Table, tuple[oracle.Table, ...]]:
    """Return y and (dx, dw, db) of one example by loops."""
    node, entries, given_dy = layer.node, oracle.table(x), oracle.table(dy)
    match node:
        case Dense() | Conv2d():
            w, b = oracle.table(layer.w), oracle.table(layer.b)
            shape = layer.w.shape
            terms = list(
                oracle.dense_terms(shape)
                if isinstance(node, Dense)
                else oracle.conv2d_terms(x.shape, shape, node.stride, node.padding)
            )
            return oracle.linear(terms, entries, w, b), oracle.linear_backward(terms, entries, w, given_dy)
        case MaxPool2d():
            window = (node.size, node.stride, node.padding)
            dx = oracle.max_pool2d_backward(given_dy, entries, *window)
            return oracle.max_pool2d(entries, *window), (dx,)
        case AvgPool2d():
            window = (node.size, node.stride, node.padding)
            dx = oracle.avg_pool2d_backward(given_dy, entries, *window)
            return oracle.avg_pool2d(entries, *window), (dx,)
        case Relu():
            return oracle.relu(entries), (oracle.relu_backward(given_dy, entries),)
    return oracle.flatten(entries), (oracle.flatten_backward(given_dy, entries),)


def check_loops(layer: draw.Layer) -> None:
    """Require y, dx, dw and db of the loops, exactly, and the dtype of x."""
    y, back = forward(layer, last(layer.x), layer.w, layer.b)
    grads = back(last(layer.dy))
    by_example = [definition(layer, x, dy) for x, dy in zip(layer.x, layer.dy, strict=True)]
    said = f"ops on {layer}"
    expect_equal(first(y), np.stack([oracle.array_of(one) for one, _ in by_example]), f"y of {said}")
    expect_equal(first(grads[0]), np.stack([oracle.array_of(own[0]) for _, own in by_example]), f"dx of {said}")
    for number, name in enumerate(("dw", "db"), 1):
        if number < len(grads):
            total = sum(oracle.array_of(own[number]) for _, own in by_example)
            expect_equal(grads[number], total, f"{name} of {said}")
    expect_equal({value.dtype for value in (y, *grads)}, {layer.x.dtype}, f"the dtypes of {said}")


def check_cotangent(layer: draw.Layer) -> None:
    """Require |fd - g| <= 1e-7 max(1, |g|) for every entry of x, w and b, with the random cotangent dy.

    sum(dy * y) is linear in each entry while no kink or tie is crossed, and the step is below MARGIN, so only
    rounding is left: at most 441 outputs of 28 terms, each of magnitude at most 1 and in fewer than 50 additions,
    so each sum is within 12348 * 50 * 2^-53 = 6.9e-11, and their difference over two steps within 7.1e-8.
    """
    step = 2.0**-10
    network = build(Input("x", layer.x.shape[1:]), layer.node)
    params = {"op.weight": layer.w, "op.bias": layer.b} if layer.w.size else {}
    assume(oracle.margin(network, params, layer.x) >= MARGIN)
    arrays = (last(layer.x), layer.w, layer.b)
    dy = last(layer.dy)
    grads = forward(layer, *arrays)[1](dy)
    for which, grad in enumerate(grads):
        for position in range(grad.size):
            sums = []
            for move in (step, -step):
                changed = [moved(a, position, move) if i == which else a for i, a in enumerate(arrays)]
                sums.append(float((dy * forward(layer, changed[0], changed[1], changed[2])[0]).sum()))
            should, got = (sums[0] - sums[1]) / (2 * step), float(grad.ravel()[position])
            if not abs(got - should) <= 1e-7 * max(1.0, abs(got)):
                fail(got, should, f"entry {position} of {('dx', 'dw', 'db')[which]} of ops on {layer}")


def check_between(backend: Backend, drawn: Drawn, seed: int) -> None:
    """Require central differences of up to 8 entries, away from kinks and ties."""
    assume(oracle.margin(drawn.network, drawn.params, drawn.x) >= MARGIN)
    check_differences(backend, drawn, some_entries(drawn.params, np.random.default_rng(seed), 8))


# OPS-01 Dense


@requirement("OPS-01", "example", "APPLY")
def test_dense_example(backend: Backend) -> None:
    params = {"a.weight": array([[1, 2], [3, 4], [5, 6]]), "a.bias": array([10, 20, 30])}
    gives(backend, build(Input("x", (2,)), Dense("a")), params, [1, -1], [9, 19, 29])


@requirement("OPS-01", "example", "TRAIN")
def test_dense_gradient_example(backend: Backend) -> None:
    params = {
        "a.weight": array([[1, 2], [3, 4]]),
        "a.bias": array([10, 20]),
        "out.weight": array([[1, 0], [0, 0]]),
        "out.bias": array([0, 9]),
    }
    network = build(Input("x", (2,)), Dense("a"), Dense("out"))
    drawn = Drawn(network, params, array([[1, -1]]), np.array([0]))
    learns(
        backend,
        drawn,
        log(2),
        a_weight=[[-0.5, 0.5], [0, 0]],
        a_bias=[-0.5, 0],
        out_weight=[[-4.5, -9.5], [4.5, 9.5]],
        out_bias=[-0.5, 0.5],
    )


@requirement("OPS-01", "property", "APPLY")
@given(draw.alone("dense"))
def test_dense(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-01", "property", "TRAIN")
@given(draw.between("dense", "integers"))
def test_dense_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-01", "property", "TRAIN")
@given(draw.between("dense", "numbers"), SEEDS)
def test_dense_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-01", "property")
@given(draw.layers("dense", "integers"))
def test_dense_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-01", "property")
@given(draw.layers("dense", "numbers"))
def test_dense_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-02 Convolution


@requirement("OPS-02", "example", "APPLY")
def test_conv2d_example(backend: Backend) -> None:
    image = [[[1, 2, 3], [4, 5, 6]]]
    params = {"a.weight": array([[[[1, 2], [3, 4]]]]), "a.bias": array([10])}
    gives(backend, through(Input("x", (1, 2, 3)), Conv2d("a")), params, image, [47, 57])
    gives(backend, through(Input("x", (1, 2, 3)), Conv2d("a", stride=(1, 2))), params, image, [47])
    two = {"a.weight": array([[[[1]], [[2]]], [[[3]], [[4]]]]), "a.bias": array([0, 100])}
    gives(backend, through(Input("x", (2, 1, 2)), Conv2d("a")), two, [[[1, 2]], [[3, 4]]], [7, 10, 115, 122])


@requirement("OPS-02", "example", "TRAIN")
def test_conv2d_gradient_example(backend: Backend) -> None:
    # The front hands 1 2 3 on; op makes 1 + 6 = 7 and 2 + 9 = 11; both logits are 18, op's gradient is -1/2 -1/2.
    # The middle pixel is in both windows: its gradient is -1/2 * 3 - 1/2 * 1 = -2.
    drawn = one_image(Conv2d("op"), [[[1, 2, 3]]], [1], [[1, 1], [0, 0]], [0, 18], weight=[[[[1, 3]]]], bias=[0])
    learns(
        backend,
        drawn,
        log(2),
        op_weight=[-1.5, -2.5],
        op_bias=[-1],
        front_weight=[-0.5 * 1 - 2 * 2 - 1.5 * 3],
        front_bias=[-4],
    )


@requirement("OPS-02", "property", "APPLY")
@given(draw.alone("conv2d"))
def test_conv2d(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-02", "property", "TRAIN")
@given(draw.between("conv2d", "integers"))
def test_conv2d_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-02", "property", "TRAIN")
@given(draw.between("conv2d", "numbers"), SEEDS)
def test_conv2d_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-02", "property")
@given(draw.layers("conv2d", "integers"))
def test_conv2d_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-02", "property")
@given(draw.layers("conv2d", "numbers"))
def test_conv2d_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-03, OPS-04 and OPS-05 Max-pool


@requirement("OPS-03", "example", "APPLY")
def test_max_pool2d_example(backend: Backend) -> None:
    gives(backend, through(Input("x", (1, 2, 2)), MaxPool2d("a")), {}, [[[1, 5], [3, 2]]], [5])
    overlapping = MaxPool2d("a", (1, 2), (1, 1))
    gives(backend, through(Input("x", (1, 1, 4)), overlapping), {}, [[[1, 5, 3, -2]]], [5, 5, 3])


@requirement("OPS-03", "example", "TRAIN")
def test_max_pool2d_gradient_example(backend: Backend) -> None:
    overlapping = MaxPool2d("op", (1, 2), (1, 1))
    drawn = one_image(overlapping, [[[1, 5, 3]]], [1], [[1, 1], [0, 0]], [0, 10])
    learns(backend, drawn, log(2), front_weight=[-5], front_bias=[-1])


@requirement("OPS-03", "property", "APPLY")
@given(draw.alone("max_pool2d"))
def test_max_pool2d(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-03", "property", "TRAIN")
@given(draw.between("max_pool2d", "numbers"), SEEDS)
def test_max_pool2d_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-03", "property")
@given(draw.layers("max_pool2d", "numbers"))
def test_max_pool2d_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


def all_negative(drawn: Drawn) -> Drawn:
    """Return the batch with every entry below 0: a padding of 0 would win."""
    return Drawn(drawn.network, drawn.params, -1.0 - abs(drawn.x), drawn.labels)


@requirement("OPS-04", "example", "APPLY")
def test_max_padding_example(backend: Backend) -> None:
    padded = MaxPool2d("a", (2, 2), (1, 1), (1, 1, 0, 0))
    gives(backend, through(Input("x", (1, 1, 2)), padded), {}, [[[-3, -5]]], [-3, -3])


@requirement("OPS-04", "property", "APPLY")
@given(draw.alone("max_pool2d").map(all_negative))
def test_max_padding(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-05", "example", "TRAIN")
def test_first_maximum_example(backend: Backend) -> None:
    # The front adds both channels: 0 1 / 1 0. The first maximum, (0, 1), is channel 0's; (1, 0) is channel 1's.
    image = [[[0, 1], [0, 0]], [[0, 0], [1, 0]]]
    drawn = one_image(MaxPool2d("op"), image, [1, 1], [[1], [0]], [0, 1])
    learns(backend, drawn, log(2), front_weight=[-0.5, 0], front_bias=[-0.5])


@requirement("OPS-05", "property", "TRAIN")
@given(draw.between("max_pool2d", "integers"))
def test_first_maximum(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-05", "property")
@given(draw.layers("max_pool2d", "integers"))
def test_first_maximum_alone(layer: draw.Layer) -> None:
    check_loops(layer)


# OPS-06 Average-pool


@requirement("OPS-06", "example", "APPLY")
def test_avg_pool2d_example(backend: Backend) -> None:
    gives(backend, through(Input("x", (1, 2, 2)), AvgPool2d("a")), {}, [[[1, 2], [3, 6]]], [3])
    padded = AvgPool2d("a", (1, 2), (1, 1), (0, 1, 0, 0))
    gives(backend, through(Input("x", (1, 1, 2)), padded), {}, [[[2, 4]]], [2, 3])


@requirement("OPS-06", "example", "TRAIN")
def test_avg_pool2d_gradient_example(backend: Backend) -> None:
    padded = AvgPool2d("op", (1, 2), (1, 1), (0, 1, 0, 0))
    drawn = one_image(padded, [[[2, 4]]], [1], [[1, 1], [0, 0]], [0, 5])
    learns(backend, drawn, log(2), front_weight=[-0.75 * 2 - 0.25 * 4], front_bias=[-1])


@requirement("OPS-06", "property", "APPLY")
@given(draw.alone("avg_pool2d"))
def test_avg_pool2d(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-06", "property", "TRAIN")
@given(draw.between("avg_pool2d", "integers"))
def test_avg_pool2d_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-06", "property", "TRAIN")
@given(draw.between("avg_pool2d", "numbers"), SEEDS)
def test_avg_pool2d_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-06", "property")
@given(draw.layers("avg_pool2d", "integers"))
def test_avg_pool2d_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-06", "property")
@given(draw.layers("avg_pool2d", "numbers"))
def test_avg_pool2d_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-07 ReLU


@requirement("OPS-07", "example", "APPLY")
def test_relu_example(backend: Backend) -> None:
    gives(backend, build(Input("x", (4,)), Relu("a")), {}, [-1, 0, -0.0, 2], [0, 0, 0, 2])


@requirement("OPS-07", "example", "TRAIN")
def test_relu_gradient_example(backend: Backend) -> None:
    params = {
        "a.weight": array([[1], [1], [1]]),
        "a.bias": array([-3, -2, 1]),
        "out.weight": array([[1, 1, 1], [0, 0, 0]]),
        "out.bias": array([0, 3]),
    }
    network = build(Input("x", (1,)), Dense("a"), Relu("relu"), Dense("out"))
    drawn = Drawn(network, params, array([[2]]), np.array([0]))  # before the ReLU -1, 0, 3
    learns(backend, drawn, log(2), a_weight=[0, 0, -1], a_bias=[0, 0, -0.5])


@requirement("OPS-07", "property", "APPLY")
@given(draw.alone("relu"))
def test_relu(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-07", "property", "TRAIN")
@given(draw.between("relu", "integers"))
def test_relu_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-07", "property", "TRAIN")
@given(draw.between("relu", "numbers"), SEEDS)
def test_relu_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-07", "property")
@given(draw.layers("relu", "integers"))
def test_relu_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-07", "property")
@given(draw.layers("relu", "numbers"))
def test_relu_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-08 Flatten


@requirement("OPS-08", "example", "APPLY")
def test_flatten_example(backend: Backend) -> None:
    network = build(Input("x", (2, 2, 2)), Flatten("a"))
    gives(backend, network, {}, [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], [1, 2, 3, 4, 5, 6, 7, 8])


@requirement("OPS-08", "example", "TRAIN")
def test_flatten_gradient_example(backend: Backend) -> None:
    # The front makes 1 2 and 10 20; flat is 1 2 10 20 and its gradient -1/2 -1 0 0: all of it is channel 0's.
    drawn = one_image(Flatten("op"), [[[1, 2]]], [1, 10], [[1, 2, 0, 0], [0, 0, 0, 0]], [0, 5])
    learns(backend, drawn, log(2), front_weight=[-0.5 * 1 - 1 * 2, 0], front_bias=[-1.5, 0])


@requirement("OPS-08", "property", "APPLY")
@given(draw.alone("flatten"))
def test_flatten(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-08", "property", "TRAIN")
@given(draw.between("flatten", "integers"))
def test_flatten_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-08", "property", "TRAIN")
@given(draw.between("flatten", "numbers"), SEEDS)
def test_flatten_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-08", "property")
@given(draw.layers("flatten", "integers"))
def test_flatten_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-08", "property")
@given(draw.layers("flatten", "numbers"))
def test_flatten_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-09 Softmax and cross-entropy


def as_logits(rows: Any, labels: Any) -> Drawn:
    """Return a dense layer that hands its input on."""
    x = array(rows)
    params = {"out.weight": np.eye(x.shape[1]), "out.bias": np.zeros(x.shape[1])}
    return Drawn(build(Input("x", x.shape[1:]), Dense("out")), params, x, np.array(labels))


@requirement("OPS-09", "example", "TRAIN")
def test_cross_entropy_example(backend: Backend) -> None:
    learns(backend, as_logits([[0, 0]], [0]), log(2), out_bias=[-0.5, 0.5])
    learns(backend, as_logits([[1, 1, 1, 1]], [3]), log(4), out_bias=[0.25, 0.25, 0.25, -0.75])
    learns(backend, as_logits([[1e4, 0], [1e4, 0]], [1, 0]), 5000.0, out_bias=[0.5, -0.5])
    learns(backend, as_logits([[-1e4, 0]], [0]), 1e4, out_bias=[-1, 1])


@requirement("OPS-09", "example")
def test_far_apart_example() -> None:
    """Logits whose difference is no number any more: NumPy does not even warn."""
    with np.errstate(all="raise"):
        for far, dtype in ((1e308, np.float64), (3e38, np.float32)):
            logits = np.array([[far, 0], [-far, 0]], dtype)
            loss, cache = ops.softmax_cross_entropy(logits, np.array([0, 0]))
            said = call("", logits)
            expect_close(loss, log(2) / 2, 2.0**8 * float(np.finfo(dtype).eps), f"softmax_cross_entropy{said}")
            got = ops.softmax_cross_entropy_backward(cache)
            expect_equal(got, np.array([[0, -0.25], [0, 0.25]]), f"softmax_cross_entropy_backward{said}")
        wrong = ops.softmax_cross_entropy(array([[1e308], [-1e308]]), np.array([1]))
        expect_equal(wrong[0], float("inf"), "the loss of label 1 and the logits 1e308, -1e308")
        got = ops.softmax_cross_entropy_backward(wrong[1])
        expect_equal(got, array([[1], [-1]]), "the gradient of label 1 and the logits 1e308, -1e308")


@requirement("OPS-09", "property", "TRAIN")
@given(st.data(), st.integers(2, 4), st.integers(1, 4), SEEDS)
def test_cross_entropy(backend: Backend, data: st.DataObject, classes: int, count: int, seed: int) -> None:
    """Logits up to 10^4, equal ones often among them; a label of any class."""
    scale = data.draw(st.sampled_from((0.0, 1.0, 30.0, 1e4)))
    rng = np.random.default_rng(seed)
    check_gradients(backend, as_logits(rng.integers(-2, 3, (count, classes)) * scale, rng.integers(0, classes, count)))


@requirement("OPS-09", "property")
@given(st.integers(2, 4), st.integers(1, 4), SEEDS)
def test_cross_entropy_alone(classes: int, count: int, seed: int) -> None:
    """Central differences of the loss itself; STEP^2 / 6 * 0.097 * 1^3 is below 2e-12."""
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(classes, count)), rng.integers(0, classes, count)
    grad = ops.softmax_cross_entropy_backward(ops.softmax_cross_entropy(logits, labels)[1])
    for position in range(logits.size):
        up, down = (ops.softmax_cross_entropy(moved(logits, position, step), labels)[0] for step in (1e-5, -1e-5))
        should, got = (up - down) / 2e-5, float(grad.ravel()[position])
        if not abs(got - should) <= 1e-7 * max(1.0, abs(got)):
            fail(got, should, f"entry {position} of softmax_cross_entropy_backward, {call('', logits, labels)}")


# OPS-10 and OPS-11 Windows and padding


@requirement("OPS-10", "example", "APPLY")
def test_windows_example(backend: Backend) -> None:
    row = [[[1, 2, 3, 4, 5]]]
    pool = MaxPool2d("a", (1, 2), (1, 2))
    gives(backend, through(Input("x", (1, 1, 5)), pool), {}, row, [2, 4])
    params = {"a.weight": array([[[[1, 10]]]]), "a.bias": array([0])}
    gives(backend, through(Input("x", (1, 1, 5)), Conv2d("a", (1, 2))), params, row, [21, 43])
    column = [[[1], [2], [3], [4], [5]]]
    gives(backend, through(Input("x", (1, 5, 1)), MaxPool2d("a", (3, 1), (1, 2))), {}, column, [3, 4, 5])


@requirement("OPS-10", "property", "APPLY")
@given(st.one_of(draw.alone("conv2d"), draw.alone("max_pool2d"), draw.alone("avg_pool2d")))
def test_windows(backend: Backend, drawn: Drawn) -> None:
    """There are floor((length + padding - window) / stride) + 1 outputs along rows and columns."""
    node, (_, height, width) = drawn.network[1], drawn.x.shape[1:]
    assert isinstance(node, Conv2d | MaxPool2d | AvgPool2d)
    size = drawn.params["op.weight"].shape[2:] if isinstance(node, Conv2d) else node.size
    channels = len(drawn.params["op.weight"]) if isinstance(node, Conv2d) else drawn.x.shape[1]
    top, left, bottom, right = node.padding
    rows = len(range(0, height + top + bottom - size[0] + 1, node.stride[0]))
    columns = len(range(0, width + left + right - size[1] + 1, node.stride[1]))
    got = np.shape(backend.forward(drawn.network, drawn.params, {}, drawn.x))
    said = call("forward", drawn.network, drawn.params, {}, drawn.x)
    expect_equal(got, (len(drawn.x), channels * rows * columns), f"the shape of {said}")


@requirement("OPS-11", "example", "APPLY")
def test_padding_example(backend: Backend) -> None:
    params = {"a.weight": array([[[[1, 2], [3, 4]]]]), "a.bias": array([0])}
    image = [[[1, 2], [3, 4]]]
    for padding, should in (
        ((1, 1, 0, 0), [4, 11, 14, 30]),
        ((1, 0, 0, 0), [11, 30]),
        ((0, 1, 0, 0), [14, 30]),
        ((0, 0, 1, 0), [30, 11]),
        ((0, 0, 0, 1), [30, 14]),
    ):
        gives(backend, through(Input("x", (1, 2, 2)), Conv2d("a", padding=padding)), params, image, should)


@requirement("OPS-11", "property")
@given(SEEDS, st.tuples(*[st.integers(0, 3)] * 4))
def test_padding(seed: int, padding: tuple[int, int, int, int]) -> None:
    """Each side gets its own number of rows or columns, and taking them away gives x back."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 9, (2, 3, 2, 1)).astype(np.float64)
    top, left, bottom, right = padding
    padded = ops.pad(x, padding, -7.0)
    for c, i, j, n in np.ndindex(2, 3 + top + bottom, 2 + left + right, 1):
        inside = 0 <= i - top < 3 and 0 <= j - left < 2
        expect_equal(padded[c, i, j, n], x[c, i - top, j - left, n] if inside else -7.0, f"pad(x, {padding}, -7)")
    expect_equal(ops.unpad(padded, padding), x, f"unpad(pad(x, {padding}, -7), {padding})")


# OPS-12, OPS-13 and OPS-14 What every layer keeps

EVERY_OP: tuple[draw.Op, ...] = ("dense", "conv2d", "max_pool2d", "avg_pool2d", "relu", "flatten")
DTYPES = (np.float32, np.float64)


@requirement("OPS-12", "example")
def test_dtype_example() -> None:
    for dtype in DTYPES:
        x, kernel = np.ones((1, 2, 2, 1), dtype), np.ones((1, 1, 1, 1), dtype)
        for node in (
            Conv2d("a"),
            MaxPool2d("a", padding=(1, 0, 0, 0)),
            AvgPool2d("a", padding=(1, 0, 0, 0)),
            Relu("a"),
            Flatten("a"),
        ):
            y, back = forward(draw.Layer(node, x, kernel, kernel[0, 0, 0], x), x, kernel, kernel[0, 0, 0])
            found = {value.dtype.name for value in (y, *back(np.ones(y.shape, dtype)))}
            expect_equal(found, {np.dtype(dtype).name}, f"the dtypes of {node}")
        loss, cache = ops.softmax_cross_entropy(np.ones((2, 3), dtype), np.array([0, 1, 0]))
        expect_equal(ops.softmax_cross_entropy_backward(cache).dtype, np.dtype(dtype), "d softmax_cross_entropy")
        expect_equal(type(loss), float, "the type of the loss")


@requirement("OPS-12", "property")
@given(st.data(), st.sampled_from(EVERY_OP), st.sampled_from(DTYPES))
def test_dtype(data: st.DataObject, op: draw.Op, dtype: Any) -> None:
    """Forward and backward, and the integers are as exact in float32."""
    check_loops(data.draw(draw.layers(op, "integers", dtype)))


@requirement("OPS-13", "example")
def test_need_dx_example() -> None:
    x, w, b = array([[1, 2], [3, 4]]), array([[1, 2]]), array([5])  # two examples: (1, 3) and (2, 4)
    dx, dw, db = ops.dense_backward(array([[1, 10]]), ops.dense(x, w, b)[1], need_dx=False)
    expect_equal((dx, dw.tolist(), db.tolist()), (None, [[21, 43]], [11]), "dense_backward")
    image, kernel = x.reshape(1, 1, 2, 2), array([[[[3]]]])  # one row of two pixels
    cache = ops.conv2d(image, kernel, b, (1, 1), (0, 0, 0, 0))[1]
    dx, dw, db = ops.conv2d_backward(array([[[[1, 10], [100, 0]]]]), cache, need_dx=False)
    expect_equal((dx, dw.tolist(), db.tolist()), (None, [[[[321]]]], [111]), "conv2d_backward")


@requirement("OPS-13", "property")
@given(st.one_of(draw.layers("dense", "numbers"), draw.layers("conv2d", "numbers")))
def test_need_dx(layer: draw.Layer) -> None:
    """The other two are the same, to the bit."""
    x, dy = last(layer.x), last(layer.dy)
    if isinstance(layer.node, Conv2d):
        cache = ops.conv2d(x, layer.w, layer.b, layer.node.stride, layer.node.padding)[1]
        without, with_dx = (ops.conv2d_backward(dy, cache, need_dx=need) for need in (False, True))
    else:
        dense_cache = ops.dense(x, layer.w, layer.b)[1]
        without, with_dx = (ops.dense_backward(dy, dense_cache, need_dx=need) for need in (False, True))
    expect_equal(without[0], None, f"dx of {layer}, not asked for")
    expect_equal(np.asarray(with_dx[0]).shape, x.shape, f"the shape of dx of {layer}")
    expect_equal(without[1], with_dx[1], f"dw of {layer}")
    expect_equal(without[2], with_dx[2], f"db of {layer}")


@requirement("OPS-14", "example")
def test_unchanged_example() -> None:
    x = array([[-1, 2], [3, -4]])
    ops.relu(x)
    ops.dense(x, x, array([1, 1]))
    logits, labels = array([[1, 5], [3, 2]]), np.array([0, 1])
    _, cache = ops.softmax_cross_entropy(logits, labels)
    twice = [ops.softmax_cross_entropy_backward(cache) for _ in range(2)]
    image = x.reshape(1, 2, 2, 1)
    ops.max_pool2d(image, (2, 2), (2, 2), (0, 0, 0, 0))
    expect_equal(x, array([[-1, 2], [3, -4]]), "x after relu, dense and max_pool2d")
    expect_equal(logits, array([[1, 5], [3, 2]]), "the logits after softmax_cross_entropy")
    expect_equal(twice[0], twice[1], "softmax_cross_entropy_backward, called twice")


@requirement("OPS-14", "property")
@given(st.data(), st.sampled_from(EVERY_OP))
def test_unchanged(data: st.DataObject, op: draw.Op) -> None:
    """x, w, b and dy stay as they are, and the way back can be taken twice."""
    layer = data.draw(draw.layers(op, "numbers"))
    arrays = (last(layer.x), layer.w, layer.b, last(layer.dy))
    before = [value.copy() for value in arrays]
    _, back = forward(layer, *arrays[:3])
    once, again = ([value.copy() for value in back(arrays[3])] for _ in range(2))
    for value, copy in zip((*arrays, *again), (*before, *once), strict=True):
        expect_equal(value, copy, f"after ops on {layer}")
