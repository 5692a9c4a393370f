"""docs/spec/ops.md, requirement by requirement: literal examples, then properties.

Each layer is tested four times: between two layers with weights through the backend (against loops on integers,
where kinks and ties are common, and by central differences), and alone, `refprune.ops` by itself.
"""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from refprune import ops
from refprune.arrays import Array, Params
from refprune.backprop import trace
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
    Sigmoid,
    Split,
    build,
)
from spec_tests.adapter import Backend, OptimiserSpec, TrainCase
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
    """Return y and the way back; the batch is on the last axis. A normalisation takes the batch's moments."""
    node, bias = layer.node, b if b.size else None
    match node:
        case Dense():
            y, dense_cache = ops.dense(x, w, bias)
            return y, lambda dy: ops.dense_backward(dy, dense_cache, need_dx=True)
        case Conv2d() | DepthwiseConv2d():
            groups = node.groups if isinstance(node, Conv2d) else len(x)
            y, conv_cache = ops.conv2d(x, w, bias, node.stride, node.padding, groups)
            return y, lambda dy: ops.conv2d_backward(dy, conv_cache, need_dx=True)
        case BatchNorm():
            y, norm_cache = ops.batch_norm(x, w, b, *ops.moments(x), node.eps)
            return y, lambda dy: ops.batch_norm_backward(dy, norm_cache)
    return forward_plain(layer, x)


def forward_plain(layer: draw.Layer, x: Array) -> tuple[Array, Callable[[Array], Any]]:
    """Return y and the way back of a layer without weights."""
    node = layer.node
    match node:
        case MaxPool2d():
            y, max_cache = ops.max_pool2d(x, node.size, node.stride, node.padding)
            return y, lambda dy: (ops.max_pool2d_backward(dy, max_cache),)
        case AvgPool2d():
            y, avg_cache = ops.avg_pool2d(x, node.size, node.stride, node.padding)
            return y, lambda dy: (ops.avg_pool2d_backward(dy, avg_cache),)
        case GlobalAvgPool2d():
            y, shape = ops.global_avg_pool2d(x)
            return y, lambda dy: (ops.global_avg_pool2d_backward(dy, shape),)
        case Relu():
            y, relu_cache = ops.relu(x)
            return y, lambda dy: (ops.relu_backward(dy, relu_cache),)
        case Sigmoid():
            y, sigmoid_cache = ops.sigmoid(x)
            return y, lambda dy: (ops.sigmoid_backward(dy, sigmoid_cache),)
        case Dropout():
            y, factor = ops.dropout(x, last(layer.kept), node.rate)
            return y, lambda dy: (ops.dropout_backward(dy, factor),)
    y, flat_cache = ops.flatten(x)
    return y, lambda dy: (ops.flatten_backward(dy, flat_cache),)


Tables = list[oracle.Table]


def definition(layer: draw.Layer) -> tuple[Tables, Tables, list[oracle.Table]]:
    """Return y and dx of every example, and (dw, db) where there are any, by loops."""
    xs, dys = ([oracle.table(one) for one in batch] for batch in (layer.x, layer.dy))
    w, b = (oracle.table(array) for array in (layer.w, layer.b))
    node = layer.node
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            terms = terms_of(node, layer.x.shape[1:], layer.w.shape)
            back = [oracle.linear_backward(terms, x, w, dy) for x, dy in zip(xs, dys, strict=True)]
            own = [oracle.add([one[which] for one in back]) for which in (1, 2)]
            return [oracle.linear(terms, x, w, b) for x in xs], [dx for dx, _, _ in back], own
        case BatchNorm():
            dxs, *own = oracle.batch_norm_backward(dys, xs, w, node.eps)
            return oracle.batch_norm(xs, w, b, *oracle.moments(xs), node.eps), dxs, own
    kept = [oracle.table(mask) for mask in layer.kept]
    pairs = [plain_definition(node, *one) for one in zip(xs, dys, kept, strict=True)]
    return [y for y, _ in pairs], [dx for _, dx in pairs], []


def terms_of(node: Dense | Conv2d | DepthwiseConv2d, x_shape: oracle.Index, w_shape: oracle.Index) -> list[oracle.Term]:
    """Return the products of a layer with weights."""
    if isinstance(node, Dense):
        return list(oracle.dense_terms(w_shape))
    groups = node.groups if isinstance(node, Conv2d) else x_shape[0]
    return list(oracle.conv2d_terms(x_shape, w_shape, node.stride, node.padding, groups))


def plain_definition(
    node: Node, x: oracle.Table, dy: oracle.Table, kept: oracle.Table
) -> tuple[oracle.Table, oracle.Table]:
    """Return y and dx of one example of a layer without weights, by loops."""
    match node:
        case MaxPool2d():
            window = (node.size, node.stride, node.padding)
            return oracle.max_pool2d(x, *window), oracle.max_pool2d_backward(dy, x, *window)
        case AvgPool2d():
            window = (node.size, node.stride, node.padding)
            return oracle.avg_pool2d(x, *window), oracle.avg_pool2d_backward(dy, x, *window)
        case GlobalAvgPool2d():
            return oracle.global_avg_pool2d(x), oracle.global_avg_pool2d_backward(dy, x)
        case Relu():
            return oracle.relu(x), oracle.relu_backward(dy, x)
        case Sigmoid():
            return oracle.sigmoid(x), oracle.sigmoid_backward(dy, x)
        case Dropout():
            return oracle.dropout(x, kept, node.rate), oracle.dropout(dy, kept, node.rate)
    return oracle.flatten(x), oracle.flatten_backward(dy, x)


def check_loops(layer: draw.Layer, bound: float = 0.0) -> None:
    """Require y, dx, dw and db of the loops, exactly or within a bound, and the dtype of x."""
    y, back = forward(layer, last(layer.x), layer.w, layer.b)
    dx, *grads = back(last(layer.dy))
    should_y, should_dx, own = definition(layer)
    said = f"ops on {layer}"
    expect_close(first(y), np.stack([oracle.array_of(one) for one in should_y]), bound, f"y of {said}")
    expect_close(first(dx), np.stack([oracle.array_of(one) for one in should_dx]), bound, f"dx of {said}")
    expect_equal(len(grads), len(own), f"the number of gradients of {said}")
    for name, grad, total in zip(("dw", "db"), grads, own, strict=False):
        expect_close(grad, oracle.array_of(total), bound, f"{name} of {said}")
    expect_equal({value.dtype for value in (y, dx, *grads)}, {layer.x.dtype}, f"the dtypes of {said}")


def check_cotangent(layer: draw.Layer, step: float = 2.0**-10) -> None:
    """Require |fd - g| <= 1e-7 max(1, |g|) for every entry of x, w and b, with the random cotangent dy.

    sum(dy * y) is linear in each entry while no kink or tie is crossed, and the step is below MARGIN, so only
    rounding is left: at most 441 outputs of 28 terms, each of magnitude at most 1 and in fewer than 50 additions,
    so each sum is within 12348 * 50 * 2^-53 = 6.9e-11, and their difference over two steps within 7.1e-8.
    For what is not linear the test says more.
    """
    assume(oracle.margin(build(Input("x", layer.x.shape[1:]), layer.node), draw.params_of(layer), layer.x) >= MARGIN)
    arrays = (last(layer.x), layer.w, layer.b)
    dy = last(layer.dy)
    grads = forward(layer, *arrays)[1](dy)
    for which, (grad, array_) in enumerate(zip(grads, arrays, strict=False)):
        for position in range(array_.size):
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


@requirement("OPS-02", "example", "TRAIN")
def test_conv2d_gradient_of_windows_example(backend: Backend) -> None:
    # Behind one column of padding, at stride 2: 0 1 and 2 3 make 3 and 11, both logits are 14.
    # 1 was met by 3, 2 by 1, 3 by 3, each times -1/2.
    node = Conv2d("op", (1, 2), (0, 1, 0, 0))
    drawn = one_image(node, [[[1, 2, 3]]], [1], [[1, 1], [0, 0]], [0, 14], weight=[[[[1, 3]]]], bias=[0])
    learns(backend, drawn, log(2), op_weight=[-1, -2], op_bias=[-1], front_weight=[-1.5 - 1 - 4.5], front_bias=[-3.5])


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


@requirement("OPS-04", "example", "TRAIN")
def test_max_padding_gradient_example(backend: Backend) -> None:
    # Behind one column of padding both windows have the maximum -3: it gets -1/2 twice, the -5 nothing.
    padded = MaxPool2d("op", (1, 2), (1, 1), (0, 1, 0, 0))
    drawn = one_image(padded, [[[-3, -5]]], [1], [[1, 1], [0, 0]], [0, -6])
    learns(backend, drawn, log(2), front_weight=[3], front_bias=[-1])


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


@requirement("OPS-06", "example", "APPLY")
def test_avg_pool2d_of_rows_example(backend: Backend) -> None:
    """Padding above, a stride along columns alone."""
    above = AvgPool2d("a", (2, 1), (1, 1), (1, 0, 0, 0))
    gives(backend, through(Input("x", (1, 2, 1)), above), {}, [[[2], [4]]], [2, 3])
    along = AvgPool2d("a", (1, 2), (1, 2))
    gives(backend, through(Input("x", (1, 1, 4)), along), {}, [[[1, 3, 5, 7]]], [2, 6])


@requirement("OPS-06", "example", "TRAIN")
def test_avg_pool2d_gradient_example(backend: Backend) -> None:
    padded = AvgPool2d("op", (1, 2), (1, 1), (0, 1, 0, 0))
    drawn = one_image(padded, [[[2, 4]]], [1], [[1, 1], [0, 0]], [0, 5])
    learns(backend, drawn, log(2), front_weight=[-0.75 * 2 - 0.25 * 4], front_bias=[-1])


@requirement("OPS-06", "example")
def test_half_example() -> None:
    got = ops.avg_pool2d(array([[[[1], [2]]]]), (1, 2), (1, 1), (0, 0, 0, 0))[0]
    expect_equal(got, array([[[[1.5]]]]), "avg_pool2d of 1 and 2")


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


@requirement("OPS-07", "example", "TRAIN")
def test_large_relu_example(backend: Backend) -> None:
    """There is no bound above: 100 is 100, and its slope is 1."""
    drawn = one_image(Relu("op"), [[[100]]], [1], [[1], [0]], [0, 100])
    learns(backend, drawn, log(2), front_weight=[-50], front_bias=[-0.5], out_weight=[[-50], [50]])


@requirement("OPS-07", "example")
def test_small_input_example() -> None:
    got = ops.relu_backward(array([3, 3, 3, 3]), array([0.5, 1e-300, 0, -0.5]))
    expect_equal(got, array([3, 3, 0, 0]), "relu_backward of 3 at 0.5, 1e-300, 0 and -0.5")


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


@requirement("OPS-08", "example", "APPLY")
def test_flatten_rectangle_example(backend: Backend) -> None:
    image = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]
    gives(backend, build(Input("x", (2, 2, 3)), Flatten("a")), {}, image, list(range(1, 13)))


@requirement("OPS-08", "example", "TRAIN")
def test_flatten_rectangle_gradient_example(backend: Backend) -> None:
    # Entry 1 alone is read: the 2 of row 0 gets -1/2.
    drawn = one_image(Flatten("op"), [[[1, 2, 3], [4, 5, 6]]], [1], [[0, 1, 0, 0, 0, 0], [0] * 6], [0, 2])
    learns(backend, drawn, log(2), front_weight=[-1], front_bias=[-0.5])


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


@requirement("OPS-10", "example")
def test_strides_example() -> None:
    """Rows 0, 3, 6 and columns 0, 2, 4, of two channels: what a window of 1 x 1 sees, whichever operation looks."""
    x = np.arange(70.0).reshape(2, 7, 5, 1)
    seen = array([[[0, 2, 4], [15, 17, 19], [30, 32, 34]], [[35, 37, 39], [50, 52, 54], [65, 67, 69]]])[..., None]
    once, padding = np.eye(2).reshape(2, 2, 1, 1), (0, 0, 0, 0)
    expect_equal(ops.max_pool2d(x, (1, 1), (3, 2), padding)[0], seen, "max_pool2d of 1 x 1 with strides 3 and 2")
    expect_equal(ops.avg_pool2d(x, (1, 1), (3, 2), padding)[0], seen, "avg_pool2d of 1 x 1 with strides 3 and 2")
    convolved = ops.conv2d(x, once, np.zeros(2), (3, 2), padding)[0]
    expect_equal(convolved, seen, "conv2d of 1 x 1 with strides 3 and 2")


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

EXACT_OPS: tuple[draw.Op, ...] = (
    "dense", "conv2d", "grouped_conv2d", "depthwise_conv2d", "batch_norm", "max_pool2d", "avg_pool2d",
    "global_avg_pool2d", "relu", "dropout", "flatten",
)  # fmt: skip
"""What is exact on integers."""
EVERY_OP: tuple[draw.Op, ...] = (*EXACT_OPS, "sigmoid")
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
            Sigmoid("a"),
            Dropout("a"),
            GlobalAvgPool2d("a"),
        ):
            layer = draw.Layer(node, x, kernel, kernel[0, 0, 0], x, first(x) > 0)
            y, back = forward(layer, x, kernel, kernel[0, 0, 0])
            found = {value.dtype.name for value in (y, *back(np.ones(y.shape, dtype)))}
            expect_equal(found, {np.dtype(dtype).name}, f"the dtypes of {node}")
        one = np.ones(1, dtype)
        y, norm = ops.batch_norm(x, one, one, *ops.moments(x), 1e-5)
        new = (y, *ops.batch_norm_backward(x, norm), ops.running(one, one, 0.1), ops.unbiased(one, 4))
        expect_equal({value.dtype.name for value in new}, {np.dtype(dtype).name}, "the dtypes of batch_norm")
        loss, cache = ops.softmax_cross_entropy(np.ones((2, 3), dtype), np.array([0, 1, 0]))
        expect_equal(ops.softmax_cross_entropy_backward(cache).dtype, np.dtype(dtype), "d softmax_cross_entropy")
        expect_equal(type(loss), float, "the type of the loss")


@requirement("OPS-12", "example")
def test_shape_of_the_gradient_example() -> None:
    """One window over all of a padded image: each of its entries gets an equal share, the padding none."""
    for shape, padding in (((2, 3), (1, 2, 3, 4)), ((5, 7), (3, 1, 3, 5)), ((1, 1), (0, 0, 2, 0))):
        top, left, bottom, right = padding
        window = (shape[0] + top + bottom, shape[1] + left + right)
        _, cache = ops.avg_pool2d(np.zeros((1, *shape, 1)), window, (1, 1), padding)
        got = ops.avg_pool2d_backward(array([[[[shape[0] * shape[1]]]]]), cache)
        expect_equal(got, np.ones((1, *shape, 1)), f"avg_pool2d_backward of {shape} with padding {padding}")


@requirement("OPS-12", "property")
@given(st.data(), st.sampled_from(EXACT_OPS), st.sampled_from(DTYPES))
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
    ops.add((x, x, x))
    ops.batch_norm(x, array([1, 1]), array([2, 2]), array([3, 3]), array([4, 4]), 1.0)
    expect_equal(x, array([[-1, 2], [3, -4]]), "x after relu, dense, max_pool2d, add and batch_norm")
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


# OPS-15 Groups, and layers without a bias


@requirement("OPS-15", "example", "APPLY")
def test_groups_example(backend: Backend) -> None:
    # Groups (0, 1) and (2, 3): outputs 0 and 1 read channels 0 and 1, outputs 2 and 3 the other two.
    image = [[[1]], [[2]], [[3]], [[4]]]
    weight = array([[1, 10], [100, 1000], [1, 10], [100, 1000]]).reshape(4, 2, 1, 1)
    two = through(Input("x", (4, 1, 1)), Conv2d("a", groups=2, bias=False))
    gives(backend, two, {"a.weight": weight}, image, [21, 2100, 43, 4300])
    # A convolution of one output channel reads all channels; one of one input and one output channel is ordinary.
    one = through(Input("x", (2, 1, 1)), Conv2d("a"))
    gives(backend, one, {"a.weight": array([[[[1]], [[10]]]]), "a.bias": array([5])}, [[[1]], [[2]]], [26])
    single = through(Input("x", (1, 1, 1)), Conv2d("a", bias=False))
    gives(backend, single, {"a.weight": array([[[[3]]]])}, [[[2]]], [6])


@requirement("OPS-15", "example", "APPLY")
def test_depthwise_example(backend: Backend) -> None:
    # Two outputs a channel: outputs 0 and 1 read channel 0, outputs 2 and 3 read channel 1.
    weight = array([1, 10, 100, 1000]).reshape(4, 1, 1, 1)
    image = [[[1]], [[2]]]
    for node in (DepthwiseConv2d("a", bias=False), Conv2d("a", groups=2, bias=False)):
        gives(backend, through(Input("x", (2, 1, 1)), node), {"a.weight": weight}, image, [1, 10, 200, 2000])
    biased = through(Input("x", (2, 1, 1)), DepthwiseConv2d("a"))
    params = {"a.weight": weight[[0, 2]], "a.bias": array([5, 7])}
    gives(backend, biased, params, image, [6, 207])


@requirement("OPS-15", "example", "TRAIN")
def test_groups_gradient_example(backend: Backend) -> None:
    # The front hands 1, 2 on; op makes 3 and 10; the logits are 13 and 13, op's gradients are -1/2 and -1/2.
    node = Conv2d("op", groups=2, bias=False)
    drawn = one_image(node, [[[1]]], [1, 2], [[1, 1], [0, 0]], [0, 13], weight=[[[[3]]], [[[5]]]])
    learns(backend, drawn, log(2), op_weight=[-0.5, -1], front_weight=[-1.5, -2.5], front_bias=[-1.5, -2.5])
    _, grads = backend.loss_and_grads(drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    said = call("loss_and_grads", drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    expect_equal(sorted(grads), sorted(drawn.params), f"the names of {said}")


@requirement("OPS-15", "example", "TRAIN")
def test_wide_groups_gradient_example(backend: Backend) -> None:
    # Channels 1, 2 and 3, 4: 3 + 10 = 13 and 21 + 44 = 65, both logits 78. Each product sends -1/2 of its factors back.
    node = Conv2d("op", groups=2, bias=False)
    weight = [[[[3]], [[5]]], [[[7]], [[11]]]]
    drawn = one_image(node, [[[1]]], [1, 2, 3, 4], [[1, 1], [0, 0]], [0, 78], weight=weight)
    learns(backend, drawn, log(2), op_weight=[-0.5, -1, -1.5, -2], front_weight=[-1.5, -2.5, -3.5, -5.5])


@requirement("OPS-15", "example", "TRAIN")
def test_depthwise_gradient_example(backend: Backend) -> None:
    # Two outputs a channel: 3, 5 and 14, 22, read by 1, 2, 3, 4: 3 + 10 + 42 + 88 = 143.
    node, weight = DepthwiseConv2d("op", bias=False), [[[[3]]], [[[5]]], [[[7]]], [[[11]]]]
    drawn = one_image(node, [[[1]]], [1, 2], [[1, 2, 3, 4], [0] * 4], [0, 143], weight=weight)
    front = [-0.5 * (1 * 3 + 2 * 5), -0.5 * (3 * 7 + 4 * 11)]
    learns(backend, drawn, log(2), op_weight=[-0.5, -1, -3, -4], front_weight=front)


@requirement("OPS-15", "example", "TRAIN")
def test_no_bias_no_gradient_example(backend: Backend) -> None:
    network = build(Input("x", (1,)), Dense("out", bias=False))
    drawn = Drawn(network, {"out.weight": array([[0], [0]])}, array([[2]]), np.array([0]))
    learns(backend, drawn, log(2), out_weight=[-1, 1])
    _, grads = backend.loss_and_grads(drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    said = call("loss_and_grads", drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    expect_equal(sorted(grads), ["out.weight"], f"the names of {said}")


@requirement("OPS-15", "example", "APPLY")
def test_dense_without_bias_example(backend: Backend) -> None:
    network = build(Input("x", (2,)), Dense("a"), Dense("b", bias=False))
    params = {"a.weight": np.eye(2), "a.bias": array([10, 20]), "b.weight": array([[1, 1], [1, 0]])}
    gives(backend, network, params, [1, 2], [33, 11])


def grouped(kind: draw.Kind) -> st.SearchStrategy[Drawn]:
    """Draw a network with a convolution with groups, or a depthwise one, in the middle."""
    return st.one_of(draw.between("grouped_conv2d", kind), draw.between("depthwise_conv2d", kind))


@requirement("OPS-15", "property", "APPLY")
@given(st.one_of(draw.alone("grouped_conv2d"), draw.alone("depthwise_conv2d")))
def test_groups(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-15", "property", "TRAIN")
@given(grouped("integers"))
def test_groups_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-15", "property", "TRAIN")
@given(grouped("numbers"), SEEDS)
def test_groups_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-15", "property")
@given(st.one_of(draw.layers("grouped_conv2d", "integers"), draw.layers("depthwise_conv2d", "integers")))
def test_groups_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-15", "property")
@given(st.one_of(draw.layers("grouped_conv2d", "numbers"), draw.layers("depthwise_conv2d", "numbers")))
def test_groups_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-16 Sigmoid


@requirement("OPS-16", "example", "APPLY")
def test_sigmoid_example(backend: Backend) -> None:
    network = build(Input("x", (5,)), Sigmoid("a"))
    gives(backend, network, {}, [0, -0.0, 1000, -1000, 1e308], [0.5, 0.5, 1, 0, 1])
    x = array([[log(3), -log(3), -100]])
    got = backend.forward(build(Input("x", (3,)), Sigmoid("a")), {}, {}, x)
    said = call("forward", build(Input("x", (3,)), Sigmoid("a")), {}, {}, x)
    expect_close(got, array([[0.75, 0.25, exp(-100)]]), 2.0**4 * EPS, said)


@requirement("OPS-16", "example", "TRAIN")
def test_sigmoid_gradient_example(backend: Backend) -> None:
    # Before the sigmoid 0, behind it 1/2: with the weight 4 both logits are 2, and the gradient is -1/2 * 4 * 1/4.
    drawn = one_image(Sigmoid("op"), [[[2]]], [0], [[4], [0]], [0, 2])
    learns(backend, drawn, log(2), front_weight=[-1], front_bias=[-0.5], out_weight=[[-0.25], [0.25]])
    # Far away the derivative is 0, not nan.
    far = one_image(Sigmoid("op"), [[[1]]], [1000], [[4], [0]], [0, 4])
    learns(backend, far, log(2), front_weight=[0], front_bias=[0])


@requirement("OPS-16", "example", "TRAIN")
def test_sigmoid_gradient_far_below_example(backend: Backend) -> None:
    # exp(1000) is infinite; the sigmoid is 0, its derivative 0, both logits are 0.
    drawn = one_image(Sigmoid("op"), [[[1]]], [-1000], [[4], [0]], [0, 0])
    learns(backend, drawn, log(2), front_weight=[0], front_bias=[0], out_weight=[[0], [0]])


SIGMOID_BOUND = 3.0 * 2.0**4 * EPS
"""|dy| <= 3, and at most 2^4 ulps each for exp, sum, quotient and products, of numbers below 1."""


@requirement("OPS-16", "example")
def test_thirds_example() -> None:
    """exp(-log 2) is 1/2 and exp(-log 1.5) 2/3, within an ulp of each."""
    got = ops.sigmoid(array([log(2), -log(2), log(1.5), -log(1.5)]))[0]
    expect_close(got, array([2 / 3, 1 / 3, 0.6, 0.4]), 4 * EPS, "sigmoid of +-log(2) and +-log(1.5)")


@requirement("OPS-16", "property", "APPLY")
@given(draw.alone("sigmoid"), st.sampled_from((1.0, 30.0, 1e3)))
def test_sigmoid(backend: Backend, drawn: Drawn, scale: float) -> None:
    x = drawn.x * scale
    should = np.array([list(one.values()) for one in oracle.logits(drawn.network, drawn.params, x)])
    got = backend.forward(drawn.network, drawn.params, {}, x)
    expect_close(got, should, SIGMOID_BOUND, call("forward", drawn.network, drawn.params, {}, x))


@requirement("OPS-16", "property", "TRAIN")
@given(draw.between("sigmoid", "numbers"), SEEDS)
def test_sigmoid_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    """A sigmoid enlarges no change: its slope is at most 1/4, its second and third derivatives below 1/8."""
    check_between(backend, drawn, seed)


@requirement("OPS-16", "property")
@given(draw.layers("sigmoid", "integers"), st.sampled_from((1.0, 30.0, 1e3)))
def test_sigmoid_alone(layer: draw.Layer, scale: float) -> None:
    check_loops(replace(layer, x=layer.x * scale), SIGMOID_BOUND)


@requirement("OPS-16", "property")
@given(draw.layers("sigmoid", "numbers"))
def test_sigmoid_cotangent(layer: draw.Layer) -> None:
    """The third derivative is at most 1/8: step^2 / 6 / 8 = 2e-8."""
    check_cotangent(layer)


# OPS-17 Dropout


@requirement("OPS-17", "example")
def test_dropout_example() -> None:
    x, kept = array([[1, 2], [3, 4]]), np.array([[True, False], [True, True]])
    for rate, scale in ((0.5, 2), (0.75, 4), (0.0, 1)):
        y, cache = ops.dropout(x, kept, rate)
        expect_equal(y, scale * array([[1, 0], [3, 4]]), f"dropout({x}, {kept}, {rate})")
        dx = ops.dropout_backward(array([[1, 10], [100, 1000]]), cache)
        expect_equal(dx, scale * array([[1, 0], [100, 1000]]), f"dropout_backward, rate {rate}")


@requirement("OPS-17", "example")
def test_dropout_in_training_example() -> None:
    # What is kept of 6 becomes 12; the other example loses its 6: logits 12, 12 and 0, 12.
    network = build(Input("x", (1,)), Dense("a"), Dropout("drop"), Dense("out"))
    params = {"a.weight": array([[3]]), "a.bias": array([0])}
    params |= {"out.weight": array([[1], [0]]), "out.bias": array([0, 12])}
    kept = {"drop": np.array([[True], [False]])}
    passed = trace(network, params, array([[2], [2]]), np.array([0, 1]), kept)
    expect_equal(passed.values["drop"], array([[12, 0]]), "what the dropout hands on")
    # dlogits of the first are -1/4 and 1/4; its way back is -1/4 * 2, times x = 2.
    expect_close(passed.grads["a.weight"], array([[-1.0]]), 2.0**4 * EPS, "the gradient of a.weight")
    expect_close(passed.grads["a.bias"], array([-0.5]), 2.0**4 * EPS, "the gradient of a.bias")


@requirement("OPS-17", "example", "APPLY")
def test_no_dropout_in_use_example(backend: Backend) -> None:
    gives(backend, build(Input("x", (2,)), Dropout("a", 0.75)), {}, [1, -2], [1, -2])


@requirement("OPS-17", "example")
def test_fifth_example() -> None:
    got = ops.dropout(array([4, 4]), np.array([True, False]), 0.2)[0]
    expect_equal(got, array([5, 0]), "dropout of 4 and 4 at rate 0.2, the first kept")


@requirement("OPS-17", "property")
@given(draw.layers("dropout", "integers"))
def test_dropout_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-17", "property")
@given(draw.layers("dropout", "numbers"), st.floats(0.0, 0.99))
def test_dropout_of_any_rate(layer: draw.Layer, rate: float) -> None:
    """Entries of at most 1, times a factor of at most 100: two roundings of 100."""
    check_loops(replace(layer, node=Dropout("op", rate)), 2 * 100 * EPS)


@requirement("OPS-17", "property", "APPLY")
@given(draw.alone("dropout"))
def test_no_dropout_in_use(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


# OPS-18 Batch normalisation


def normalised(x: Any, back: Any = None) -> Drawn:
    """Return images -> 1x1 convolution -> batch norm (gamma 4, beta 1, eps 1) -> flatten -> dense, with label 0."""
    drawn = one_image(
        BatchNorm("op", eps=1.0), x[0], [1], back or [[0] * 4] * 2, [0, 0],
        gamma=[4], beta=[1], running_mean=[100], running_var=[15],
    )  # fmt: skip
    return replace(drawn, x=array(x))


@requirement("OPS-18", "example", "APPLY")
def test_batch_norm_in_use_example(backend: Backend) -> None:
    # (5 - 1) / sqrt(3 + 1) * 3 + 10 = 16; (2 - 6) / sqrt(15 + 1) * 5 - 1 = -6
    params = {
        "a.gamma": array([3, 5]),
        "a.beta": array([10, -1]),
        "a.running_mean": array([1, 6]),
        "a.running_var": array([3, 15]),
    }
    gives(backend, build(Input("x", (2,)), BatchNorm("a", eps=1.0)), params, [5, 2], [16, -6])
    image = [[[5, 1]], [[2, 6]]]
    gives(backend, through(Input("x", (2, 1, 2)), BatchNorm("a", eps=1.0)), params, image, [16, 10, -6, -1])


@requirement("OPS-18", "example", "TRAIN")
def test_batch_norm_example(backend: Backend) -> None:
    # 0, 0, 0, 4: mean 1, variance (1 + 1 + 1 + 9) / 4 = 3, root 2. Behind it -1, -1, -1, 7 with gamma 4 and beta 1.
    # The last pixel alone is read: both logits are 7, dy is 0, 0, 0, -1/2. dbeta = -1/2, dgamma = -1/2 * 3/2 = -3/4.
    # Sent back through mean and variance: -1/2 (0, 0, 0, 1) + 1/8 + 3/16 (-1/2, -1/2, -1/2, 3/2), times 4 / 2.
    drawn = normalised([[[[0, 0, 0, 4]]]], [[0, 0, 0, 1], [0, 0, 0, 0]])
    drawn = replace(drawn, params=drawn.params | {"out.bias": array([0, 7])})
    last_pixel = 2 * (-1 / 2 + 1 / 8 + 9 / 32)
    learns(backend, drawn, log(2), op_gamma=[-0.75], op_beta=[-0.5], front_weight=[4 * last_pixel], front_bias=[0])


@requirement("OPS-18", "example")
def test_batch_norm_alone_example() -> None:
    # One channel of variance 3, one of variance 15, one that is constant; the batch and the pixels count alike.
    x = array([[[0, 0], [0, 4]], [[7, 7], [7, 7]]])  # (C, pixels, N)
    mean, var = ops.moments(x)
    expect_equal((mean.tolist(), var.tolist()), ([1, 7], [3, 0]), f"moments({x})")
    long = array([[0] * 15 + [16]])
    expect_equal([each.tolist() for each in ops.moments(long)], [[1], [15]], f"moments({long})")
    y, cache = ops.batch_norm(x, array([4, 2]), array([1, 5]), mean, var, 1.0)
    expect_equal(y, array([[[-1, -1], [-1, 7]], [[5, 5], [5, 5]]]), f"batch_norm({x}, ...)")
    dx, dgamma, dbeta = ops.batch_norm_backward(array([[[0, 0], [0, 16]], [[4, 0], [0, 0]]]), cache)
    # 16 (0, 0, 0, 1) - 4 - 6 (-1/2, -1/2, -1/2, 3/2) = -1, -1, -1, 3, times 4 / 2; and (4 - 1, -1, -1, -1) times 2.
    expect_equal(dx, array([[[-2, -2], [-2, 6]], [[6, -2], [-2, -2]]]), f"dx of {x}")
    expect_equal((dgamma.tolist(), dbeta.tolist()), ([24, 0], [16, 4]), f"dgamma and dbeta of {x}")


@requirement("OPS-18", "example")
def test_half_gamma_example() -> None:
    """Of -1, 1, 1, -1: mean 0, variance 1. dy is not that, nor constant, and goes on times gamma: 1/2."""
    x, dy = array([[-1, 1, 1, -1]]), array([[1, 1, -1, -1]])
    _, cache = ops.batch_norm(x, array([0.5]), array([0]), array([0]), array([1]), 0.0)
    expect_equal(ops.batch_norm_backward(dy, cache)[0], dy / 2, "batch_norm_backward with gamma 1/2")


@requirement("OPS-18", "property", "APPLY")
@given(draw.alone("batch_norm"))
def test_batch_norm_in_use(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-18", "property", "TRAIN")
@given(draw.between("batch_norm", "numbers"), SEEDS)
def test_batch_norm_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    """The bound of check_differences holds with eps = 1: the root is at least 1, and n entries u have |u| <= 4 sqrt(n).

    Moved along slopes of at most 1, y = u / sqrt(1 + |u|^2 / n) has slopes below 1 + 4 * 0.385 < 3, second derivatives
    below 5 and third ones below 19 (products of x^k (1 + x^2)^-m and of 4). The logits are means of them, times gamma
    of at most 1: the loss's third derivative is below 0.097 * 6^3 + 3 * 6 * 10 / 4 + 2 * 19 < 168.
    """
    check_between(backend, drawn, seed)


@requirement("OPS-18", "property")
@given(draw.layers("batch_norm", "integers"))
def test_batch_norm_alone(layer: draw.Layer) -> None:
    """Variances of 0, 3 and 15 with eps = 1 and counts of 4 and 16: every number is exact."""
    check_loops(layer)


@requirement("OPS-18", "property")
@given(draw.layers("batch_norm", "numbers"))
def test_batch_norm_cotangent(layer: draw.Layer) -> None:
    """With one entry moved, the third derivative of the sum is below 7: step^2 / 6 * 7 = 2e-8.

    Rounding: at most 81 outputs below 3, each within 2^7 ulps of its parts: 81 * 3 * 2^7 * 2^-53 = 3.5e-12, over the
    step 2.9e-8.
    """
    check_cotangent(layer, 2.0**-13)


# OPS-19 Running statistics


def one_update(x: Any, momentum: float, mean: float, var: float) -> Params:
    """Return the parameters after one step of the reference's training on examples (N, 1)."""
    network = build(Input("x", (1,)), BatchNorm("op", eps=1.0, momentum=momentum), Dense("out"))
    params = {"op.gamma": array([1]), "op.beta": array([0])}
    params |= {"op.running_mean": array([mean]), "op.running_var": array([var])}
    params |= {"out.weight": array([[1], [0]]), "out.bias": array([0, 0])}
    return trace(network, params, array(x), np.zeros(len(x), np.int64)).statistics


@requirement("OPS-19", "example")
def test_running_example() -> None:
    # Mean 1 and variance 3 of four: 3 * 4 / 3 = 4. A quarter of the new: 7.5 + 0.25, and 6 + 1.
    x = [[0], [0], [0], [4]]
    for momentum, mean, var in ((0.25, 7.75, 7), (0.0, 10, 8), (1.0, 1, 4)):
        should = {"op.running_mean": array([mean]), "op.running_var": array([var])}
        expect_equal(one_update(x, momentum, 10, 8), should, f"the statistics after {x}, momentum {momentum}")
    expect_equal(one_update([[0], [2]], 0.5, 3, 4), {
        "op.running_mean": array([2]),
        "op.running_var": array([3]),  # the variance of two is 1, with n / (n - 1) it is 2
    }, "the statistics after 0 and 2, momentum 1/2")  # fmt: skip


@requirement("OPS-19", "example", "TRAIN")
def test_running_in_training_example(backend: Backend) -> None:
    # Two images of two pixels: four entries of the channel. 10 and 8 become 7.75 and 7.
    network = build(Input("x", (1, 1, 2)), BatchNorm("op", eps=1.0, momentum=0.25), Flatten("flat"), Dense("out"))
    params = {"op.gamma": array([1]), "op.beta": array([0])}
    params |= {"op.running_mean": array([10]), "op.running_var": array([8])}
    params |= {"out.weight": array([[1, 0], [0, 0]]), "out.bias": array([0, 0])}
    x = array([[[[0, 0]]], [[[0, 4]]]])
    sgd = OptimiserSpec("sgd", 0.5)
    case = TrainCase(network, params, x, np.array([0, 1]), (np.array([0, 1]),), sgd, {})
    read = backend.train(case)[-1].read
    got = {name: np.asarray(read[name]) for name in ("op.running_mean", "op.running_var")}
    should = {"op.running_mean": array([7.75]), "op.running_var": array([7])}
    expect_equal(got, should, call("train", case))


@requirement("OPS-19", "property")
@given(draw.layers("batch_norm", "numbers"), st.floats(0.0, 1.0), SEEDS)
def test_running(layer: draw.Layer, momentum: float, seed: int) -> None:
    """Numbers below 4: the sums over at most 27 entries and the weighted sum are within 2^7 ulps of 4."""
    rng = np.random.default_rng(seed)
    network = build(Input("x", layer.x.shape[1:]), BatchNorm("op", momentum=momentum), Flatten("flat"), Dense("out"))
    width = int(np.prod(layer.x.shape[1:]))
    params = {"op.gamma": layer.w, "op.beta": layer.b, "op.running_mean": rng.uniform(-1, 1, layer.w.shape)}
    params |= {"op.running_var": rng.uniform(0, 1, layer.w.shape)}
    params |= {"out.weight": np.ones((2, width)), "out.bias": np.zeros(2)}
    got = trace(network, params, layer.x, np.zeros(len(layer.x), np.int64)).statistics
    should = oracle.statistics(network, params, layer.x)
    expect_equal(set(got), set(should), "the names of the statistics")
    for name, values in should.items():
        expect_close(got[name], oracle.array_of(values), 2.0**9 * EPS, f"{name!r} after {layer}, momentum {momentum}")


# OPS-20 Global average-pool


@requirement("OPS-20", "example", "APPLY")
def test_global_avg_pool2d_example(backend: Backend) -> None:
    image = [[[1, 2], [3, 6]], [[10, 20], [30, 60]]]
    gives(backend, through(Input("x", (2, 2, 2)), GlobalAvgPool2d("a")), {}, image, [3, 30])
    # It stays an image of one pixel: a convolution can read it.
    network = through(Input("x", (2, 2, 2)), GlobalAvgPool2d("a"), Conv2d("b", bias=False))
    gives(backend, network, {"b.weight": array([[[[1]], [[2]]]])}, image, [63])


@requirement("OPS-20", "example", "TRAIN")
def test_global_avg_pool2d_gradient_example(backend: Backend) -> None:
    # The mean of 1, 2, 3, 6 is 3; each pixel gets a quarter of -1/2: the front's weight -1/8 * 12.
    drawn = one_image(GlobalAvgPool2d("op"), [[[1, 2], [3, 6]]], [1], [[1], [0]], [0, 3])
    learns(backend, drawn, log(2), front_weight=[-1.5], front_bias=[-0.5])


@requirement("OPS-20", "example", "TRAIN")
def test_global_avg_pool2d_of_a_row_example(backend: Backend) -> None:
    # The mean of 2, 4, 9 is 5; each pixel gets a third of -1/2.
    drawn = one_image(GlobalAvgPool2d("op"), [[[2, 4, 9]]], [1], [[1], [0]], [0, 5])
    learns(backend, drawn, log(2), front_weight=[-2.5], front_bias=[-0.5], out_weight=[[-2.5], [2.5]])


@requirement("OPS-20", "property", "APPLY")
@given(draw.alone("global_avg_pool2d"))
def test_global_avg_pool2d(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-20", "property", "TRAIN")
@given(draw.between("global_avg_pool2d", "integers"))
def test_global_avg_pool2d_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-20", "property", "TRAIN")
@given(draw.between("global_avg_pool2d", "numbers"), SEEDS)
def test_global_avg_pool2d_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-20", "property")
@given(draw.layers("global_avg_pool2d", "integers"))
def test_global_avg_pool2d_alone(layer: draw.Layer) -> None:
    check_loops(layer)


@requirement("OPS-20", "property")
@given(draw.layers("global_avg_pool2d", "numbers"))
def test_global_avg_pool2d_cotangent(layer: draw.Layer) -> None:
    check_cotangent(layer)


# OPS-21, OPS-22 and OPS-23 Add, concat, split


def branches(*nodes: Node, out: Any, out_bias: Any) -> Drawn:
    """Return x -> dense a (weights 1 and 2, so 1 and 2) and b (10 and 20) -> nodes -> dense `out`, with label 0."""
    network = build(Input("x", (1,)), Dense("a"), Dense("b", inputs=("x",)), *nodes, Dense("out"))
    params = {"a.weight": array([[1], [2]]), "a.bias": array([0, 0])}
    params |= {"b.weight": array([[10], [20]]), "b.bias": array([0, 0])}
    params |= {"out.weight": array(out), "out.bias": array(out_bias)}
    return Drawn(network, params, array([[1]]), np.array([0]))


def makes(backend: Backend, should: Any, *nodes: Node) -> None:
    """Require these logits of what the nodes make of a = 1, 2 and b = 10, 20."""
    width = len(should)
    drawn = branches(*nodes, out=np.eye(width), out_bias=np.zeros(width))
    gives(backend, drawn.network, drawn.params, [1], should)


@requirement("OPS-21", "example", "APPLY")
def test_add_example(backend: Backend) -> None:
    makes(backend, [11, 22], Add("op", ("a", "b")))
    makes(backend, [2, 4], Add("op", ("a", "a")))
    makes(backend, [21, 42], Add("op", ("b", "a", "b")))
    # What has been added is still there for another reader.
    makes(backend, [12, 24], Add("op", ("a", "b")), Add("again", ("a", "op")))


@requirement("OPS-21", "example", "TRAIN")
def test_add_gradient_example(backend: Backend) -> None:
    # b + a + b = 21, 42; both logits are 21, and the gradient of the sum is -1/2, 0: once to a, twice to b.
    drawn = branches(Add("op", ("b", "a", "b")), out=[[1, 0], [0, 0]], out_bias=[0, 21])
    learns(backend, drawn, log(2), a_weight=[-0.5, 0], b_weight=[-1, 0], a_bias=[-0.5, 0], b_bias=[-1, 0])


@requirement("OPS-22", "example", "APPLY")
def test_concat_example(backend: Backend) -> None:
    makes(backend, [1, 2, 10, 20], Concat("op", ("a", "b")))
    makes(backend, [10, 20, 1, 2], Concat("op", ("b", "a")))
    makes(backend, [1, 2, 1, 2, 10, 20], Concat("op", ("a", "a", "b")))
    # Channels, not columns: side by side the two images would be 1, 2, 1, 2, 3, 4, 3, 4.
    images = through(Input("x", (2, 1, 2)), Concat("op", ("x", "x")))
    gives(backend, images, {}, [[[1, 2]], [[3, 4]]], [1, 2, 3, 4, 1, 2, 3, 4])


@requirement("OPS-22", "example", "TRAIN")
def test_concat_gradient_example(backend: Backend) -> None:
    # a, a, b is 1, 2, 1, 2, 10, 20. Logit 0 reads 1 + 7 * 2 + 3 * 10 = 45, and -1/2 of each weight goes back.
    drawn = branches(Concat("op", ("a", "a", "b")), out=[[1, 0, 0, 7, 3, 0], [0] * 6], out_bias=[0, 45])
    learns(backend, drawn, log(2), a_weight=[-0.5, -3.5], b_weight=[-1.5, 0])


@requirement("OPS-22", "example", "TRAIN")
def test_concat_gradient_of_other_widths_example(backend: Backend) -> None:
    # a, a are four channels, b two: again 1 + 7 * 2 + 3 * 10 = 45.
    nodes = Concat("four", ("a", "a")), Concat("op", ("four", "b"))
    drawn = branches(*nodes, out=[[1, 0, 0, 7, 3, 0], [0] * 6], out_bias=[0, 45])
    learns(backend, drawn, log(2), a_weight=[-0.5, -3.5], b_weight=[-1.5, 0])


@requirement("OPS-23", "example", "APPLY")
def test_split_example(backend: Backend) -> None:
    four, parts = Concat("four", ("a", "b")), Split("op", (1, 3))
    makes(backend, [2, 10, 20], four, parts, Relu("relu", ("op[1]",)))
    makes(backend, [2, 10, 20, 1], four, parts, Concat("swapped", ("op[1]", "op[0]")))
    makes(backend, [1, 2, 10, 20], four, parts, Concat("again", ("op[0]", "op[1]")))
    makes(backend, [11, 22], four, Split("op", (2, 2)), Add("sum", ("op[1]", "op[0]")))
    # Channels: of the rows 1 2, 3 4 and 5 6 the first two, then the third.
    network = through(Input("x", (3, 1, 2)), Split("op", (2, 1)), Concat("swapped", ("op[1]", "op[0]")))
    gives(backend, network, {}, [[[1, 2]], [[3, 4]], [[5, 6]]], [5, 6, 1, 2, 3, 4])


@requirement("OPS-23", "example", "TRAIN")
def test_split_gradient_example(backend: Backend) -> None:
    # Of 1, 2, 10, 20 the last three are read: 2 + 3 * 20 = 62; the part that nobody reads has the gradient 0.
    four, parts = Concat("four", ("a", "b")), Split("op", (1, 3))
    drawn = branches(four, parts, Relu("relu", ("op[1]",)), out=[[1, 0, 3], [0, 0, 0]], out_bias=[0, 62])
    learns(backend, drawn, log(2), a_weight=[0, -0.5], b_weight=[0, -1.5])
    # Both parts, in the other order: 5 * 10 + 7 * 20 + 2 * 1 + 3 * 2 = 198.
    swapped = Concat("swapped", ("op[1]", "op[0]"))
    drawn = branches(four, Split("op", (2, 2)), swapped, out=[[5, 7, 2, 3], [0] * 4], out_bias=[0, 198])
    learns(backend, drawn, log(2), a_weight=[-1, -1.5], b_weight=[-2.5, -3.5])


@requirement("OPS-21", "property", "APPLY")
@given(draw.joined("add", "integers"))
def test_add(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-21", "property", "TRAIN")
@given(draw.joined("add", "integers"))
def test_add_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-21", "property", "TRAIN")
@given(draw.joined("add", "numbers"), SEEDS)
def test_add_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    """Three values of at most 2 add up to at most 6, and change by at most three times as much: slopes below 6."""
    check_between(backend, drawn, seed)


@requirement("OPS-22", "property", "APPLY")
@given(draw.joined("concat", "integers"))
def test_concat(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-22", "property", "TRAIN")
@given(draw.joined("concat", "integers"))
def test_concat_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-22", "property", "TRAIN")
@given(draw.joined("concat", "numbers"), SEEDS)
def test_concat_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)


@requirement("OPS-23", "property", "APPLY")
@given(draw.joined("split", "integers"))
def test_split(backend: Backend, drawn: Drawn) -> None:
    check_forward(backend, drawn)


@requirement("OPS-23", "property", "TRAIN")
@given(draw.joined("split", "integers"))
def test_split_gradient(backend: Backend, drawn: Drawn) -> None:
    check_gradients(backend, drawn)


@requirement("OPS-23", "property", "TRAIN")
@given(draw.joined("split", "numbers"), SEEDS)
def test_split_differences(backend: Backend, drawn: Drawn, seed: int) -> None:
    check_between(backend, drawn, seed)
