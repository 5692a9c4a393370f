"""The definition of every layer and of the loss: plain Python loops over one example.

A tensor is a table {index: number}. A layer with weights is the list of its terms (output, weight, input), one for
each product of `y[output] += w[weight] * x[input]`; its gradients are the same terms read from the other ends.
With small integers every sum is exact. NumPy only carries the data. What a batch shares are lists of tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, product
from math import exp, fsum, inf, log, sqrt
from typing import Any

import numpy as np

from refprune.arrays import Array, Masks, Params
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
    Sigmoid,
    Split,
)

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


def conv2d_terms(
    x_shape: Index, w_shape: Index, stride: Index, padding: Sequence[int], groups: int = 1
) -> Iterator[Term]:
    """Return the terms of `y[o, i, j] += w[o, c, u, v] * x[first + c, row, column]`; padding counts as 0: no term.

    The outputs are dealt out to the groups one run after the other, and so are the channels.
    """
    runs = [range(group * w_shape[1], (group + 1) * w_shape[1]) for group in range(groups)]
    reads = [run for run in runs for _ in range(w_shape[0] // groups)]
    for (i, j), window in windows(x_shape[1:], w_shape[2:], stride, padding).items():
        for o, ((u, v), (row, column)) in product(range(w_shape[0]), window):
            for c, channel in enumerate(reads[o]):
                yield (o, i, j), (o, c, u, v), (channel, row, column)


def linear(terms: Sequence[Term], x: Table, w: Table, b: Table | None) -> Table:
    """Return the bias of each output, if there is one, plus its products."""
    y = {output: b[output[:1]] if b else 0.0 for output, _, _ in terms}
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


def sigmoid(x: Table) -> Table:
    """Return 1 / (1 + exp(-x)), or the same with exp(x): whichever does not overflow."""
    return {i: 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value)) for i, value in x.items()}


def sigmoid_backward(dy: Table, x: Table) -> Table:
    """Let the gradient pass times sigmoid(x) sigmoid(-x)."""
    y, other = sigmoid(x), sigmoid({index: -value for index, value in x.items()})
    return {index: dy[index] * y[index] * other[index] for index in x}


def dropout(x: Table, kept: Table, rate: float) -> Table:
    """Return the entries that are kept, larger by 1 / (1 - rate), and 0 elsewhere; gradients pass alike."""
    return {index: value / (1 - rate) if kept[index] else 0.0 for index, value in x.items()}


def global_avg_pool2d(x: Table) -> Table:
    """Return the mean of each channel's pixels."""
    channels, height, width = shape_of(x)
    pixels = list(product(range(height), range(width)))
    return {(c, 0, 0): sum(x[c, i, j] for i, j in pixels) / len(pixels) for c in range(channels)}


def global_avg_pool2d_backward(dy: Table, x: Table) -> Table:
    """Share each channel's gradient equally among its pixels."""
    _, height, width = shape_of(x)
    return {(c, i, j): dy[c, 0, 0] / (height * width) for c, i, j in x}


def add(xs: Sequence[Table]) -> Table:
    """Return the sums of the entries of one place."""
    return {index: sum(x[index] for x in xs) for index in xs[0]}


def concat(xs: Sequence[Table]) -> Table:
    """Return the channels of the first, then those of the second, and so on."""
    joined: Table = {}
    for x in xs:
        before = shape_of(joined)[0] if joined else 0
        joined |= {(before + index[0], *index[1:]): value for index, value in x.items()}
    return joined


def split(x: Table, sizes: Sequence[int]) -> list[Table]:
    """Return the first sizes[0] channels, then the next sizes[1], and so on."""
    parts = []
    for part, size in enumerate(sizes):
        first = sum(sizes[:part])
        mine = range(first, first + size)
        parts.append({(index[0] - first, *index[1:]): value for index, value in x.items() if index[0] in mine})
    return parts


# Normalisation by a batch


def moments(xs: Sequence[Table]) -> tuple[Table, Table]:
    """Return mean and variance of each channel over all examples and pixels: sums divided by how many there are."""
    mean, var = {}, {}
    for channel, entries in _by_channel(xs).items():
        mean[channel] = fsum(entries) / len(entries)
        var[channel] = fsum((value - mean[channel]) ** 2 for value in entries) / len(entries)
    return mean, var


def _by_channel(xs: Sequence[Table]) -> dict[Index, list[float]]:
    channels: dict[Index, list[float]] = {}
    for x in xs:
        for index, value in x.items():
            channels.setdefault(index[:1], []).append(value)
    return channels


def batch_norm(xs: Sequence[Table], gamma: Table, beta: Table, mean: Table, var: Table, eps: float) -> list[Table]:
    """Return gamma (x - mean) / sqrt(var + eps) + beta, each the channel's."""
    return [
        {
            index: gamma[index[:1]] * ((value - mean[index[:1]]) / sqrt(var[index[:1]] + eps)) + beta[index[:1]]
            for index, value in x.items()
        }
        for x in xs
    ]


def batch_norm_backward(
    dys: Sequence[Table], xs: Sequence[Table], gamma: Table, eps: float, size: Any = float
) -> tuple[list[Table], Table, Table]:
    """Return dx, dgamma and dbeta where mean and variance are those of xs, which depend on every entry.

    For two entries i and j of n, with the normalised entries z:
    d z_i / d x_j = ([i = j] - 1/n - z_i z_j / n) / sqrt(var + eps). With `size` = abs every term has its magnitude.
    """
    mean, var = moments(xs)
    one, zero = dict.fromkeys(mean, 1.0), dict.fromkeys(mean, 0.0)
    normal = batch_norm(xs, one, zero, mean, var, eps)
    dxs: list[Table] = [dict.fromkeys(x, 0.0) for x in xs]
    dgamma, dbeta = dict(zero), dict(zero)
    for channel in mean:
        places = [(number, index) for number, x in enumerate(xs) for index in x if index[:1] == channel]
        n, scale = len(places), gamma[channel] / sqrt(var[channel] + eps)
        for number, index in places:
            dy, z = dys[number][index], normal[number][index]
            dbeta[channel] += dy
            dgamma[channel] += dy * size(z)
            for other, entry in places:
                own = float((number, index) == (other, entry))
                slope = own + size(-1 / n) + size(-z * normal[other][entry] / n)
                dxs[other][entry] += dy * scale * slope
    return dxs, dgamma, dbeta


def running(old: Table, new: Table, momentum: float) -> Table:
    """Return the old statistic, moved by `momentum` of the way to the new one."""
    return {channel: old[channel] * (1 - momentum) + new[channel] * momentum for channel in old}


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

Tables = Mapping[str, Table]
Batch = list[Table]
"""A table of every example."""


def run(network: Network, params: Params, example: Array) -> dict[str, Table]:
    """Return every value for one example in evaluation: running statistics, and no dropout."""
    values = run_all(network, params, example[np.newaxis])
    return {name: tables[0] for name, tables in values.items()}


def run_all(network: Network, params: Params, x: Array, kept: Masks | None = None) -> dict[str, Batch]:
    """Return every value of every example; with `kept`, the masks of the dropouts, in training."""
    values: dict[str, Batch] = {network[0].name: [table(example) for example in x]}
    tables = {name: table(array) for name, array in params.items()}
    for node in network[1:]:
        inputs = [values[name] for name in node.inputs]
        match node:
            case Split():
                parts = [split(x, node.sizes) for x in inputs[0]]
                values |= {name: [own[part] for own in parts] for part, name in enumerate(values_of(node))}
            case BatchNorm():
                values[node.name] = _batch_norm(node, inputs[0], tables, training=kept is not None)
            case Dropout():
                values[node.name] = inputs[0] if kept is None else _dropout(node, inputs[0], kept)
            case _:
                values[node.name] = [_forward(node, each, tables) for each in zip(*inputs, strict=True)]
    return values


def values_of(node: Node) -> list[str]:
    """Return the names of what a node computes."""
    return [f"{node.name}[{part}]" for part in range(len(node.sizes))] if isinstance(node, Split) else [node.name]


def logits(network: Network, params: Params, x: Array) -> list[Table]:
    """Return the last value of every example in evaluation."""
    return run_all(network, params, x)[network[-1].name]


def _batch_norm(node: BatchNorm, xs: Batch, params: Tables, *, training: bool) -> Batch:
    gamma, beta, mean, var = (
        params[f"{node.name}.{part}"] for part in ("gamma", "beta", "running_mean", "running_var")
    )
    if training:
        mean, var = moments(xs)
    return batch_norm(xs, gamma, beta, mean, var, node.eps)


def _dropout(node: Dropout, xs: Batch, kept: Masks) -> Batch:
    return [dropout(x, table(mask), node.rate) for x, mask in zip(xs, kept[node.name], strict=True)]


def statistics(network: Network, params: Params, x: Array, kept: Masks | None = None) -> dict[str, Table]:
    """Return the running statistics after a batch: variances with n / (n - 1)."""
    values = run_all(network, params, x, kept or {})
    found = {}
    for node in network:
        if isinstance(node, BatchNorm):
            xs = values[node.inputs[0]]
            mean, var = moments(xs)
            count = {channel: len(entries) for channel, entries in _by_channel(xs).items()}
            unbiased = {channel: value * count[channel] / (count[channel] - 1) for channel, value in var.items()}
            for name, new in ((f"{node.name}.running_mean", mean), (f"{node.name}.running_var", unbiased)):
                found[name] = running(table(params[name]), new, node.momentum)
    return found


def _forward(node: Node, xs: Sequence[Table], params: Tables) -> Table:
    x = xs[0]
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            name = owner_of(node)
            return linear(_terms(node, x, params), x, params[f"{name}.weight"], params.get(f"{name}.bias"))
        case MaxPool2d():
            return max_pool2d(x, node.size, node.stride, node.padding)
        case AvgPool2d():
            return avg_pool2d(x, node.size, node.stride, node.padding)
        case GlobalAvgPool2d():
            return global_avg_pool2d(x)
        case Relu():
            return relu(x)
        case Sigmoid():
            return sigmoid(x)
        case Flatten():
            return flatten(x)
        case Add():
            return add(xs)
        case Concat():
            return concat(xs)
    raise AssertionError(node)


def owner_of(node: Node) -> str:
    """Return whose parameters a layer uses."""
    return getattr(node, "shares", "") or node.name


def _terms(node: Dense | Conv2d | DepthwiseConv2d, x: Table, params: Tables) -> list[Term]:
    w_shape = shape_of(params[f"{owner_of(node)}.weight"])
    if isinstance(node, Dense):
        return list(dense_terms(w_shape))
    groups = node.groups if isinstance(node, Conv2d) else shape_of(x)[0]
    return list(conv2d_terms(shape_of(x), w_shape, node.stride, node.padding, groups))


def gradients(
    network: Network,
    params: Params,
    x: Array,
    labels: Array,
    kept: Masks | None = None,
    *,
    magnitudes: bool = False,
) -> tuple[float, dict[str, Table]]:
    """Return the batch-mean loss in training and its gradients; with `magnitudes`, sums of |products| in their place.

    The magnitudes bound rounding: a sum of m products is computed within m ulps of the sum of their magnitudes.
    """
    size = abs if magnitudes else float
    tables = {name: table(array) for name, array in params.items() if ".running_" not in name}
    weights = {name: {index: size(value) for index, value in own.items()} for name, own in tables.items()}
    values = run_all(network, params, x, kept or {})
    last = values[network[-1].name]
    total = sum(cross_entropy(one, label) for one, label in zip(last, labels.tolist(), strict=True))
    dlast = [
        {i: (size(p) + size(-1.0 * (i == (label,)))) / len(x) for i, p in softmax(one).items()}
        for one, label in zip(last, labels.tolist(), strict=True)
    ]
    return total / len(x), _walk_back(network, values, weights, dlast, kept or {}, size)


def _walk_back(
    network: Network, values: Mapping[str, Batch], weights: Tables, dlast: Batch, kept: Masks, size: Any
) -> dict[str, Table]:
    """Add up, from the last node to the first, what every reader of a value and every user of a weight sends back."""
    grads = {name: dict.fromkeys(own, 0.0) for name, own in weights.items()}
    dvalues = {name: [dict.fromkeys(x, 0.0) for x in xs] for name, xs in values.items()}
    dvalues[network[-1].name] = dlast
    for node in reversed(network[1:]):
        inputs, dys = [values[name] for name in node.inputs], [dvalues[name] for name in values_of(node)]
        dxs, own = _backward(node, inputs, dys, weights, kept, size)
        for source, batch in zip(node.inputs, dxs, strict=True):
            dvalues[source] = [_sum(old, new) for old, new in zip(dvalues[source], batch, strict=True)]
        for name, grad in own.items():
            grads[name] = _sum(grads[name], grad)
    return grads


def _sum(left: Table, right: Table) -> Table:
    return {index: value + right[index] for index, value in left.items()}


def _backward(
    node: Node, inputs: list[Batch], dys: list[Batch], weights: Tables, kept: Masks, size: Any
) -> tuple[list[Batch], dict[str, Table]]:
    """Return the gradients of every input and of the parameters."""
    xs, dy = inputs[0], dys[0]
    match node:
        case Dense() | Conv2d() | DepthwiseConv2d():
            return _weights_backward(node, xs, dy, weights, size)
        case BatchNorm():
            gamma = weights[f"{node.name}.gamma"]
            dx, dgamma, dbeta = batch_norm_backward(dy, xs, gamma, node.eps, size)
            return [dx], {f"{node.name}.gamma": dgamma, f"{node.name}.beta": dbeta}
        case Dropout():
            return [_dropout(node, dy, kept)], {}
        case Add():
            return [dy] * len(inputs), {}
        case Concat():
            parts = [split(one, [shape_of(x[0])[0] for x in inputs]) for one in dy]
            return [[own[part] for own in parts] for part in range(len(inputs))], {}
        case Split():
            return [[concat(each) for each in zip(*dys, strict=True)]], {}
    return [[_plain_backward(node, x, one) for x, one in zip(xs, dy, strict=True)]], {}


def _weights_backward(
    node: Dense | Conv2d | DepthwiseConv2d, xs: Batch, dys: Batch, weights: Tables, size: Any
) -> tuple[list[Batch], dict[str, Table]]:
    weight, bias = f"{owner_of(node)}.weight", f"{owner_of(node)}.bias"
    dxs, own = [], {name: dict.fromkeys(weights[name], 0.0) for name in (weight, bias) if name in weights}
    for x, dy in zip(xs, dys, strict=True):
        factors = {index: size(value) for index, value in x.items()}
        dx, dw, db = linear_backward(_terms(node, x, weights), factors, weights[weight], dy)
        dxs.append(dx)
        for name, grad in ((weight, dw), (bias, db)):
            if name in own:
                own[name] = _sum(own[name], grad)
    return [dxs], own


def _plain_backward(node: Node, x: Table, dy: Table) -> Table:
    """Return the gradient of the input of a layer without weights."""
    match node:
        case MaxPool2d():
            return max_pool2d_backward(dy, x, node.size, node.stride, node.padding)
        case AvgPool2d():
            return avg_pool2d_backward(dy, x, node.size, node.stride, node.padding)
        case GlobalAvgPool2d():
            return global_avg_pool2d_backward(dy, x)
        case Relu():
            return relu_backward(dy, x)
        case Sigmoid():
            return sigmoid_backward(dy, x)
        case Flatten():
            return flatten_backward(dy, x)
    raise AssertionError(node)


def margin(network: Network, params: Params, x: Array, kept: Masks | None = None) -> float:
    """Return how far a batch in training is from a kink (a ReLU at 0) or a tie (two largest in a max-pool window)."""
    values = run_all(network, params, x, kept or {})
    nearest = inf
    for node in network[1:]:
        for source in values[node.inputs[0]]:
            if isinstance(node, Relu):
                nearest = min(nearest, *map(abs, source.values()))
            if isinstance(node, MaxPool2d):
                for _, window in _pools(source, node.size, node.stride, node.padding):
                    best, *others = sorted((source[entry] for entry in window), reverse=True)
                    nearest = min(nearest, best - max(others, default=-inf))
    return nearest
