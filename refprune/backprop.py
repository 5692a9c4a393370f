"""Running a network: forward, loss and gradients.

In and out: arrays with the batch FIRST, `(N, ...)`; inside, the batch is the last axis (see ops).
Specification: docs/spec/backprop.md.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from refprune import ops
from refprune.arrays import Array, Masks, Params, check_float_arrays, check_masks, learned
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
    MaxPool2d,
    Network,
    Node,
    Relu,
    Shape,
    Sigmoid,
    Split,
    owner,
    parameters,
    values_of,
)
from refprune.shapes import infer_shapes

SLICE = 500
"""Examples that `forward` takes through the network at a time: patches of a whole data set would not fit."""


class Trace(NamedTuple):
    """One pass forward and back. Values and their gradients keep the batch on the LAST axis."""

    loss: float
    grads: dict[str, Array]
    """d loss / d parameter, keyed and shaped as the parameters."""
    values: dict[str, Array]
    """What every node computed, (features..., N); the input's is a view of x."""
    dvalues: dict[str, Array]
    """d loss / d value of every node that parameters can change."""
    statistics: dict[str, Array]
    """The running statistics after this batch."""


def forward(network: Network, params: Params, x: Array) -> Array:
    """Return the logits (N, classes) for examples x (N, ...), as in use: running statistics, no dropout.

    Raises:
        InvalidInput: shapes or dtypes that do not fit, or a batch of size 0.
    """
    _check_run(network, params, x)
    parts = [_run(network, params, x[at : at + SLICE])[0][network[-1].name] for at in range(0, len(x), SLICE)]
    return np.ascontiguousarray(np.moveaxis(np.concatenate(parts, axis=-1), -1, 0))  # BAC-01


def values(network: Network, params: Params, x: Array) -> dict[str, Array]:
    """Return what every node computes in use, by value, (features..., N): the batch LAST.

    Raises:
        InvalidInput: shapes or dtypes that do not fit, or a batch of size 0.
    """
    _check_run(network, params, x)
    return _run(network, params, x)[0]


def loss_and_grads(
    network: Network, params: Params, x: Array, labels: Array, kept: Masks | None = None
) -> tuple[float, dict[str, Array]]:
    """Return the batch-mean cross-entropy of x (N, ...) against labels (N,) in training, and its gradients.

    Args:
        network: what is run.
        params: keyed as the network's nodes say; the gradients are those of the learned ones.
        x: examples.
        labels: classes.
        kept: for every dropout node what it leaves, (N, ...) bool.

    Raises:
        InvalidInput: shapes, dtypes, labels or dropout masks that do not fit, or a batch of size 0.
    """
    return trace(network, params, x, labels, kept)[:2]  # BAC-02


def trace(network: Network, params: Params, x: Array, labels: Array, kept: Masks | None = None) -> Trace:
    """Return loss, gradients, every node's value and gradient, and the running statistics after the batch.

    Raises:
        InvalidInput: shapes, dtypes, labels or dropout masks that do not fit, or a batch of size 0.
    """
    shapes = check_examples(network, params, x, labels)
    check_normalised(network, shapes, len(x))
    check_kept(network, shapes, len(x), kept or {})
    return trace_checked(network, params, x, labels, kept or {})


def trace_checked(network: Network, params: Params, x: Array, labels: Array, kept: Masks) -> Trace:
    """Return `trace` of what has passed its checks: training checks once, which saves 5 % of a small step."""
    values, caches = _run(network, params, x, kept)
    logits = network[-1].name
    loss, cache = ops.softmax_cross_entropy(values[logits], labels)
    dvalues = {logits: ops.softmax_cross_entropy_backward(cache)}
    grads = _run_back(network, params, values, caches, dvalues)
    return Trace(loss, grads, values, dvalues, _statistics(network, params, values))  # BAC-03


def check_examples(network: Network, params: Params, x: Array, labels: Array) -> dict[str, Shape]:
    """Refuse examples x (N, ...) and labels (N,) that the network cannot be trained on; return all shapes."""
    shapes = _check_run(network, params, x)
    check_labels(labels, len(x), shapes[network[-1].name])
    return shapes


def check_kept(network: Network, shapes: Mapping[str, Shape], count: int, kept: Masks) -> None:
    """Refuse masks that are not one (count, ...) for each dropout node."""
    dropouts = {node.name: np.empty((count, *shapes[node.name])) for node in network if isinstance(node, Dropout)}
    check_masks(kept, dropouts)
    if set(kept) != set(dropouts):
        raise InvalidInput("dropout", f"masks for {sorted(kept)}", f"one for each of {sorted(dropouts)}")  # BAC-09


def check_normalised(network: Network, shapes: Mapping[str, Shape], count: int) -> None:
    """Refuse a batch of `count` examples that leaves a channel one entry to take a variance of."""
    for node in network:
        if isinstance(node, BatchNorm) and count * prod(shapes[node.name][1:]) < 2:
            raise InvalidInput(f"node {node.name!r}", "one entry a channel", "at least two to normalise")  # BAC-10


def check_labels(labels: Array, count: int, logits: Shape) -> None:
    """Refuse labels that are not `count` integers naming one of the logits."""
    if len(logits) != 1:  # BAC-06
        raise InvalidInput("network", f"logits of shape {logits}", "logits of shape (classes,)")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (count,):
        known = isinstance(labels, np.ndarray)
        got = f"{labels.dtype} of shape {labels.shape}" if known else type(labels).__name__
        raise InvalidInput("labels", got, f"integers of shape ({count},)")
    if labels.min() < 0 or labels.max() >= logits[0]:
        raise InvalidInput("labels", f"values {labels.min()}..{labels.max()}", f"classes 0..{logits[0] - 1}")


def _check_run(network: Network, params: Params, x: Array) -> dict[str, Shape]:
    """Refuse what does not fit, and return the shape of one example at every node."""
    check_float_arrays("parameter", params)  # BAC-06
    check_float_arrays("input", {"x": x})
    shapes = infer_shapes(network, params)
    if x.ndim == 0 or x.shape[1:] != shapes[network[0].name] or len(x) == 0:
        raise InvalidInput("x", f"shape {x.shape}", f"(N, *{shapes[network[0].name]}) with N >= 1")
    dtypes = {array.dtype for array in (*params.values(), x)}
    if len(dtypes) != 1:
        raise InvalidInput("dtypes", sorted(map(str, dtypes)), "one dtype for the parameters and x")
    return shapes


def _run(
    network: Network, params: Params, x: Array, kept: Masks | None = None
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return all values and the cache of every node; in training `kept` has the masks of the dropouts."""
    # BAC-07: this is a view of the caller's x; no layer writes into what it is given.
    values: dict[str, Array] = {network[0].name: _batch_last(x)}
    caches: dict[str, Any] = {}
    for node in network[1:]:
        inputs = [values[name] for name in node.inputs]
        if isinstance(node, Split):
            values.update(zip(values_of(node), ops.split(inputs[0], node.sizes), strict=True))
        elif isinstance(node, BatchNorm | Dropout):
            values[node.name], caches[node.name] = _forward_training_node(node, inputs[0], params, kept)
        else:
            values[node.name], caches[node.name] = _forward_node(node, inputs, params)
    return values, caches


def _batch_last(x: Array) -> Array:
    return x.transpose(*range(1, x.ndim), 0)


def _forward_training_node(
    node: BatchNorm | Dropout, x: Array, params: Params, kept: Masks | None
) -> tuple[Array, Any]:
    """Run a node that does one thing in training and another in evaluation (`kept` is None)."""
    if isinstance(node, Dropout):
        return (x, None) if kept is None else ops.dropout(x, _batch_last(kept[node.name]), node.rate)  # BAC-09
    gamma, beta, mean, var = (params[name] for name in parameters(node))
    if kept is not None:
        mean, var = ops.moments(x)  # BAC-10
    return ops.batch_norm(x, gamma, beta, mean, var, node.eps)


def _forward_node(node: Node, inputs: list[Array], params: Params) -> tuple[Array, Any]:
    x = inputs[0]
    match node:
        case Dense():
            return ops.dense(x, *_weight_and_bias(node, params))
        case Conv2d(stride=stride, padding=padding, groups=groups):
            return ops.conv2d(x, *_weight_and_bias(node, params), stride, padding, groups)
        case DepthwiseConv2d(stride=stride, padding=padding):
            return ops.conv2d(x, *_weight_and_bias(node, params), stride, padding, groups=len(x))
        case MaxPool2d(size=size, stride=stride, padding=padding):
            return ops.max_pool2d(x, size, stride, padding)
        case AvgPool2d(size=size, stride=stride, padding=padding):
            return ops.avg_pool2d(x, size, stride, padding)
        case GlobalAvgPool2d():
            return ops.global_avg_pool2d(x)
        case Flatten():
            return ops.flatten(x)
        case Relu():
            return ops.relu(x)
        case Sigmoid():
            return ops.sigmoid(x)
        case Add():
            return ops.add(inputs), len(inputs)
        case Concat():
            return ops.concat(inputs), [len(each) for each in inputs]
    raise AssertionError(node)


def _weight_and_bias(node: Dense | Conv2d | DepthwiseConv2d, params: Params) -> tuple[Array, Array | None]:
    return params[f"{owner(node)}.weight"], params[f"{owner(node)}.bias"] if node.bias else None


def _statistics(network: Network, params: Params, values: Mapping[str, Array]) -> dict[str, Array]:
    """Return the running statistics after a batch: the old ones and the batch's, weighted."""
    new: dict[str, Array] = {}
    for node in network:
        if isinstance(node, BatchNorm):
            x = values[node.inputs[0]]
            mean, var = ops.moments(x)
            batch = (mean, ops.unbiased(var, x[0].size))
            for name, now in zip(parameters(node)[2:], batch, strict=True):
                new[name] = ops.running(params[name], now, node.momentum)  # BAC-10
    return new


def _run_back(
    network: Network, params: Params, values: Params, caches: Mapping[str, Any], dvalues: dict[str, Array]
) -> dict[str, Array]:
    """Fill `dvalues` from the logits back; return the learned parameters' gradients, in the parameters' order.

    The gradient of a parameter that the logits do not depend on is 0; that of a shared one is a sum.
    """
    wanted = _downstream_of_parameters(network)
    grads: dict[str, Array] = {}
    for node in reversed(network[1:]):
        if not any(name in dvalues for name in values_of(node)):
            continue
        dys = [dvalues[name] if name in dvalues else np.zeros_like(values[name]) for name in values_of(node)]
        dxs, own = _backward_node(node, dys, caches.get(node.name), need_dx=not wanted.isdisjoint(node.inputs))
        for name, grad in own.items():
            grads[name] = grads[name] + grad if name in grads else grad  # BAC-11
        for source, dx in zip(node.inputs, dxs, strict=True):
            if dx is not None and source in wanted:
                dvalues[source] = dvalues[source] + dx if source in dvalues else dx  # BAC-05
    return {name: grads[name] if name in grads else np.zeros_like(w) for name, w in learned(params).items()}  # BAC-04


def _downstream_of_parameters(network: Network) -> set[str]:
    """Return the values that parameters can change; nobody needs the gradient of another."""
    reached: set[str] = set()
    for node in network:
        if parameters(node) or reached.intersection(node.inputs):
            reached.update(values_of(node))
    return reached


def _backward_node(
    node: Node, dys: list[Array], cache: Any, *, need_dx: bool
) -> tuple[Sequence[Array | None], dict[str, Array]]:
    """Return the gradient of each input, and those of the parameters."""
    dy = dys[0]
    match node:
        case Dense():
            dx, *own = ops.dense_backward(dy, cache, need_dx=need_dx)
        case Conv2d() | DepthwiseConv2d():
            dx, *own = ops.conv2d_backward(dy, cache, need_dx=need_dx)
        case BatchNorm():
            dx, *own = ops.batch_norm_backward(dy, cache)
        case Add():
            return [dy] * cache, {}
        case Concat():
            return ops.split(dy, cache), {}
        case Split():
            dx, own = ops.concat(dys), []
        case _:
            dx, own = _backward_plain(node, dy, cache), []
    return [dx], dict(zip(parameters(node), own, strict=False))  # a layer without a bias drops its gradient


def _backward_plain(node: Node, dy: Array, cache: Any) -> Array:
    """Return the input's gradient of a node with one input and no parameters."""
    match node:
        case MaxPool2d():
            return ops.max_pool2d_backward(dy, cache)
        case AvgPool2d():
            return ops.avg_pool2d_backward(dy, cache)
        case GlobalAvgPool2d():
            return ops.global_avg_pool2d_backward(dy, cache)
        case Flatten():
            return ops.flatten_backward(dy, cache)
        case Relu():
            return ops.relu_backward(dy, cache)
        case Sigmoid():
            return ops.sigmoid_backward(dy, cache)
        case Dropout():
            return ops.dropout_backward(dy, cache)
    raise AssertionError(node)
