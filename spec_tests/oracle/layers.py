"""The definition of every layer and of the loss: plain Python loops over one example.

A tensor is a table {index: number}. A layer with weights is the list of its terms (output, weight, input), one for
each product of `y[output] += w[weight] * x[input]`; its gradients are the same terms read from the other ends.
With small integers every sum is exact. NumPy only carries the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, product
from math import exp, fsum, inf, log
from typing import Any

import numpy as np

from refprune.arrays import Array, Params
from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, MaxPool2d, Network, Node, Relu

Index = tuple[int, ...]
Table = dict[Index, float]
Term = tuple[Index, Index, Index]
Pair = tuple[int, int]
Window = list[tuple[Pair, Pair]]
"""(offset in the window, row and column of the input) of every entry that is not padding, rows before columns."""


def table(values: Any) -> Table:
    """Return {index: number} of an array or of nested lists."""
    array = np.asarray(values)
    return dict(zip(np.ndindex(array.shape), map(float, array.ravel().tolist()), strict=True))


def shape_of(values: Table) -> Index:
    """Return the shape of a table without holes."""
    return tuple(last + 1 for last in max(values))


def array_of(values: Table, dtype: Any = np.float64) -> Array:
    """Return a table as an array."""
    array = np.zeros(shape_of(values), dtype)
    for index, value in values.items():
        array[index] = value
    return array


# Windows


def windows(shape: Index, size: Index, stride: Index, padding: Sequence[int]) -> dict[Pair, Window]:
    """Return the window of every output position: as many windows as fit into the padded rows and columns."""
    top, left, bottom, right = padding
    rows = _starts(shape[0], size[0], stride[0], top, bottom)
    columns = _starts(shape[1], size[1], stride[1], left, right)
    return {
        (i, j): [
            ((u, v), (row + u, column + v))
            for u, v in product(range(size[0]), range(size[1]))
            if 0 <= row + u < shape[0] and 0 <= column + v < shape[1]
        ]
        for (i, row), (j, column) in product(enumerate(rows), enumerate(columns))
    }


def _starts(length: int, size: int, stride: int, before: int, after: int) -> list[int]:
    """Return where each window starts, in coordinates of the input without its padding."""
    starts: list[int] = []
    for number in count():
        start = number * stride - before
        if start + size > length + after:
            return starts
        starts.append(start)
    raise AssertionError("count() does not end")


# Layers with weights


def dense_terms(w_shape: Index) -> Iterator[Term]:
    """Return the terms of `y[o] += w[o, i] * x[i]`."""
    for o, i in product(*map(range, w_shape)):
        yield (o,), (o, i), (i,)


def conv2d_terms(x_shape: Index, w_shape: Index, stride: Index, padding: Sequence[int]) -> Iterator[Term]:
    """Return the terms of `y[o, i, j] += w[o, c, u, v] * x[c, row, column]`; padding counts as 0: no term."""
    for (i, j), window in windows(x_shape[1:], w_shape[2:], stride, padding).items():
        for o, c, ((u, v), (row, column)) in product(range(w_shape[0]), range(w_shape[1]), window):
            yield (o, i, j), (o, c, u, v), (c, row, column)


def linear(terms: Sequence[Term], x: Table, w: Table, b: Table) -> Table:
    """Return the bias of each output plus its products."""
    y = {output: b[output[:1]] for output, _, _ in terms}
    for output, weight, entry in terms:
        y[output] += w[weight] * x[entry]
    return y


def linear_backward(terms: Sequence[Term], x: Table, w: Table, dy: Table) -> tuple[Table, Table, Table]:
    """Return dx, dw and db: each product passes dy on to both of its factors."""
    dx, dw = dict.fromkeys(x, 0.0), dict.fromkeys(w, 0.0)
    for output, weight, entry in terms:
        dx[entry] += dy[output] * w[weight]
        dw[weight] += dy[output] * x[entry]
    db: Table = {}
    for output, value in dy.items():
        db[output[:1]] = db.get(output[:1], 0.0) + value
    return dx, dw, db


# Layers without weights


def max_pool2d(x: Table, size: Index, stride: Index, padding: Sequence[int]) -> Table:
    """Return the largest entry of each window that is not padding."""
    return {key: max(x[entry] for entry in window) for key, window in _pools(x, size, stride, padding)}


def max_pool2d_backward(dy: Table, x: Table, size: Index, stride: Index, padding: Sequence[int]) -> Table:
    """Give each window's gradient to its first maximum: Python's max() returns the first of equals."""
    dx = dict.fromkeys(x, 0.0)
    for key, window in _pools(x, size, stride, padding):
        dx[max(window, key=lambda entry: x[entry])] += dy[key]
    return dx


def avg_pool2d(x: Table, size: Index, stride: Index, padding: Sequence[int]) -> Table:
    """Return the mean of the entries of each window that are not padding."""
    return {key: sum(x[entry] for entry in window) / len(window) for key, window in _pools(x, size, stride, padding)}


def avg_pool2d_backward(dy: Table, x: Table, size: Index, stride: Index, padding: Sequence[int]) -> Table:
    """Share each window's gradient equally among its entries that are not padding."""
    dx = dict.fromkeys(x, 0.0)
    for key, window in _pools(x, size, stride, padding):
        for entry in window:
            dx[entry] += dy[key] / len(window)
    return dx


def _pools(x: Table, size: Index, stride: Index, padding: Sequence[int]) -> Iterator[tuple[Index, list[Index]]]:
    """Return (c, i, j) and the entries of its window, channel by channel."""
    channels, *shape = shape_of(x)
    for c, ((i, j), window) in product(range(channels), windows(tuple(shape), size, stride, padding).items()):
        yield (c, i, j), [(c, *place) for _, place in window]


def relu(x: Table) -> Table:
    """Return the positive entries, 0 elsewhere."""
    return {index: value if value > 0 else 0.0 for index, value in x.items()}


def relu_backward(dy: Table, x: Table) -> Table:
    """Let the gradient of positive entries pass."""
    return {index: dy[index] if value > 0 else 0.0 for index, value in x.items()}


def flatten(x: Table) -> Table:
    """Return the entries in the order of their indices: the last one runs fastest."""
    return {(place,): x[index] for place, index in enumerate(sorted(x))}


def flatten_backward(dy: Table, x: Table) -> Table:
    """Put each entry back where it came from."""
    return {index: dy[place,] for place, index in enumerate(sorted(x))}


def softmax(logits: Table) -> Table:
    """Return exp(z) / sum of exp(z), shifted by the largest logit."""
    largest = max(logits.values())
    total = fsum(exp(z - largest) for z in logits.values())
    return {index: exp(z - largest) / total for index, z in logits.items()}


def cross_entropy(logits: Table, label: int) -> float:
    """Return log(sum of exp(z)) - z[label]."""
    largest = max(logits.values())
    return log(fsum(exp(z - largest) for z in logits.values())) + (largest - logits[label,])


# Networks


def run(network: Network, params: Params, example: Array) -> dict[str, Table]:
    """Return the value of every node for one example."""
    values = {network[0].name: table(example)}
    tables = {name: table(array) for name, array in params.items()}
    for node in network[1:]:
        values[node.name] = _forward(node, values[node.inputs[0]], tables)
    return values


def logits(network: Network, params: Params, x: Array) -> list[Table]:
    """Return the last value of every example."""
    return [run(network, params, example)[network[-1].name] for example in x]


def _forward(node: Node, x: Table, params: Mapping[str, Table]) -> Table:
    match node:
        case Dense() | Conv2d():
            return linear(_terms(node, x, params), x, params[f"{node.name}.weight"], params[f"{node.name}.bias"])
        case MaxPool2d():
            return max_pool2d(x, node.size, node.stride, node.padding)
        case AvgPool2d():
            return avg_pool2d(x, node.size, node.stride, node.padding)
        case Relu():
            return relu(x)
        case Flatten():
            return flatten(x)
    raise AssertionError(node)


def _terms(node: Dense | Conv2d, x: Table, params: Mapping[str, Table]) -> list[Term]:
    w_shape = shape_of(params[f"{node.name}.weight"])
    if isinstance(node, Dense):
        return list(dense_terms(w_shape))
    return list(conv2d_terms(shape_of(x), w_shape, node.stride, node.padding))


def gradients(
    network: Network, params: Params, x: Array, labels: Array, *, magnitudes: bool = False
) -> tuple[float, dict[str, Table]]:
    """Return the batch-mean loss and its gradients; with `magnitudes`, sums of |products| in place of gradients.

    The magnitudes bound rounding: a sum of m products is computed within m ulps of the sum of their magnitudes.
    """
    size = abs if magnitudes else float
    total = 0.0
    grads = {name: dict.fromkeys(table(array), 0.0) for name, array in params.items()}
    weights = {name: {index: size(value) for index, value in table(array).items()} for name, array in params.items()}
    for example, label in zip(x, labels.tolist(), strict=True):
        values = run(network, params, example)
        last = values[network[-1].name]
        total += cross_entropy(last, label)
        dlast = {i: (size(p) + size(-1.0 * (i == (label,)))) / len(x) for i, p in softmax(last).items()}
        for name, own in _example_gradients(network, values, weights, dlast, size).items():
            for index, value in own.items():
                grads[name][index] += value
    return total / len(x), grads


def _example_gradients(
    network: Network, values: Mapping[str, Table], weights: Mapping[str, Table], dlast: Table, size: Any
) -> dict[str, Table]:
    """Walk back through a network in which every node is read once."""
    grads: dict[str, Table] = {}
    dy = dlast
    for node in reversed(network[1:]):
        x = values[node.inputs[0]]
        match node:
            case Dense() | Conv2d():
                terms, factors = _terms(node, x, weights), {index: size(value) for index, value in x.items()}
                dy, dw, db = linear_backward(terms, factors, weights[f"{node.name}.weight"], dy)
                grads |= {f"{node.name}.weight": dw, f"{node.name}.bias": db}
            case MaxPool2d():
                dy = max_pool2d_backward(dy, x, node.size, node.stride, node.padding)
            case AvgPool2d():
                dy = avg_pool2d_backward(dy, x, node.size, node.stride, node.padding)
            case Relu():
                dy = relu_backward(dy, x)
            case Flatten():
                dy = flatten_backward(dy, x)
    return grads


def margin(network: Network, params: Params, x: Array) -> float:
    """Return how far a batch is from a kink (a ReLU at 0) or a tie (the two largest of a max-pool window)."""
    nearest = inf
    for example in x:
        values = run(network, params, example)
        for node in network[1:]:
            source = values[node.inputs[0]]
            if isinstance(node, Relu):
                nearest = min(nearest, *map(abs, source.values()))
            if isinstance(node, MaxPool2d):
                for _, window in _pools(source, node.size, node.stride, node.padding):
                    best, *others = sorted((source[entry] for entry in window), reverse=True)
                    nearest = min(nearest, best - max(others, default=-inf))
    return nearest
