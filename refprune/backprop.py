"""Running a network: forward, loss and gradients.

In and out: arrays with the batch FIRST, `(N, ...)`; inside, the batch is the last axis (see ops).
Specification: docs/spec/backprop.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from refprune import ops
from refprune.arrays import Array, Params, check_float_arrays
from refprune.errors import InvalidInput
from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, MaxPool2d, Network, Node, Relu, Shape, infer_shapes

SLICE = 500
"""Examples that `forward` takes through the network at a time: patches of a whole data set would not fit."""


class Trace(NamedTuple):
    """One pass forward and back. Values and their gradients keep the batch on the LAST axis."""

    loss: float
    grads: dict[str, Array]
    """d loss / d parameter, keyed and shaped as the parameters."""
    values: dict[str, Array]
    """The output of every node, (features..., N); the input's is a view of x."""
    dvalues: dict[str, Array]
    """d loss / d output of every node that parameters can change."""


def forward(network: Network, params: Params, x: Array) -> Array:
    """Return the logits (N, classes) for examples x (N, ...).

    Raises:
        InvalidInput: shapes or dtypes that do not fit, or a batch of size 0.
    """
    _check_run(network, params, x)
    parts = [_run(network, params, x[at : at + SLICE])[0][network[-1].name] for at in range(0, len(x), SLICE)]
    return np.ascontiguousarray(np.moveaxis(np.concatenate(parts, axis=-1), -1, 0))  # BAC-01


def loss_and_grads(network: Network, params: Params, x: Array, labels: Array) -> tuple[float, dict[str, Array]]:
    """Return the batch-mean cross-entropy of x (N, ...) against labels (N,) and its gradients.

    Raises:
        InvalidInput: shapes, dtypes or labels that do not fit, or a batch of size 0.
    """
    return trace(network, params, x, labels)[:2]  # BAC-02


def trace(network: Network, params: Params, x: Array, labels: Array) -> Trace:
    """Return loss, gradients, and every node's value and gradient.

    Raises:
        InvalidInput: shapes, dtypes or labels that do not fit, or a batch of size 0.
    """
    check_examples(network, params, x, labels)
    return trace_checked(network, params, x, labels)


def trace_checked(network: Network, params: Params, x: Array, labels: Array) -> Trace:
    """Return `trace` of what has passed `check_examples`: training checks once, which saves 5 % of a small step."""
    values, caches = _run(network, params, x)
    logits = network[-1].name
    loss, cache = ops.softmax_cross_entropy(values[logits], labels)
    dvalues = {logits: ops.softmax_cross_entropy_backward(cache)}
    return Trace(loss, _run_back(network, params, caches, dvalues), values, dvalues)  # BAC-03


def check_examples(network: Network, params: Params, x: Array, labels: Array) -> None:
    """Refuse examples x (N, ...) and labels (N,) that the network cannot be trained on."""
    shapes = _check_run(network, params, x)
    check_labels(labels, len(x), shapes[network[-1].name])


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


def _run(network: Network, params: Params, x: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the value and the cache of every node."""
    # BAC-07: this is a view of the caller's x; no layer writes into what it is given.
    values: dict[str, Array] = {network[0].name: x.transpose(*range(1, x.ndim), 0)}
    caches: dict[str, Any] = {}
    for node in network[1:]:
        values[node.name], caches[node.name] = _forward_node(node, values[node.inputs[0]], params)
    return values, caches


def _forward_node(node: Node, x: Array, params: Params) -> tuple[Array, Any]:
    match node:
        case Dense(name=name):
            return ops.dense(x, params[f"{name}.weight"], params[f"{name}.bias"])
        case Conv2d(name=name, stride=stride, padding=padding):
            return ops.conv2d(x, params[f"{name}.weight"], params[f"{name}.bias"], stride, padding)
        case MaxPool2d(size=size, stride=stride, padding=padding):
            return ops.max_pool2d(x, size, stride, padding)
        case AvgPool2d(size=size, stride=stride, padding=padding):
            return ops.avg_pool2d(x, size, stride, padding)
        case Flatten():
            return ops.flatten(x)
        case Relu():
            return ops.relu(x)
    raise AssertionError(node)


def _run_back(
    network: Network, params: Params, caches: Mapping[str, Any], dvalues: dict[str, Array]
) -> dict[str, Array]:
    """Fill `dvalues` from the logits back; return the parameters' gradients, in the parameters' order.

    The gradient of a parameter that the logits do not depend on is 0.
    """
    wanted = _downstream_of_parameters(network)
    grads: dict[str, Array] = {}
    for node in reversed(network[1:]):
        if node.name in dvalues:
            source = node.inputs[0]
            dx, own = _backward_node(node, dvalues[node.name], caches[node.name], need_dx=source in wanted)
            grads.update(own)
            if dx is not None and source in wanted:
                dvalues[source] = dvalues[source] + dx if source in dvalues else dx  # BAC-05
    return {name: grads[name] if name in grads else np.zeros_like(w) for name, w in params.items()}  # BAC-04


def _downstream_of_parameters(network: Network) -> set[str]:
    """Return the nodes whose value parameters can change; nobody needs the gradient of another."""
    reached: set[str] = set()
    for node in network:
        if isinstance(node, Dense | Conv2d) or reached.intersection(node.inputs):
            reached.add(node.name)
    return reached


def _backward_node(node: Node, dy: Array, cache: Any, *, need_dx: bool) -> tuple[Array | None, dict[str, Array]]:
    """Return the input's gradient and the node's own parameters' gradients."""
    match node:
        case Dense(name=name):
            dx, dw, db = ops.dense_backward(dy, cache, need_dx=need_dx)
            return dx, {f"{name}.weight": dw, f"{name}.bias": db}
        case Conv2d(name=name):
            dx, dw, db = ops.conv2d_backward(dy, cache, need_dx=need_dx)
            return dx, {f"{name}.weight": dw, f"{name}.bias": db}
        case MaxPool2d():
            return ops.max_pool2d_backward(dy, cache), {}
        case AvgPool2d():
            return ops.avg_pool2d_backward(dy, cache), {}
        case Flatten():
            return ops.flatten_backward(dy, cache), {}
        case Relu():
            return ops.relu_backward(dy, cache), {}
    raise AssertionError(node)
