"""The layers: one forward and one backward function each, side by side, pure, the batch on the LAST axis.

In: activations (features..., N) and parameters. Out: activations, and gradients of the same shapes.
Forward returns `(y, cache)`; backward takes `(dy, cache)`. The dtype is that of the arrays.
Every array comes in as the network checked it; nothing is validated here.
Specification: docs/spec/ops.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refprune.arrays import Array

Pair = tuple[int, int]
"""(rows, columns)."""
Padding = tuple[int, int, int, int]
"""(top, left, bottom, right)."""


class DenseCache(NamedTuple):
    """What `dense_backward` needs."""

    x: Array  # (in, N)
    w: Array  # (out, in)


def dense(x: Array, w: Array, b: Array | None) -> tuple[Array, DenseCache]:
    """Return `y = w x + b`."""
    y = w @ x  # (out, N) = (out, in) (in, N)
    if b is not None:
        y += b[:, None]  # OPS-01
    return y, DenseCache(x, w)


def dense_backward(dy: Array, cache: DenseCache, *, need_dx: bool) -> tuple[Array | None, Array, Array]:
    """Return `dx = w' dy`, `dw = dy x'`, `db = sum over N of dy`; dx is None when nobody needs it."""
    dx = cache.w.T @ dy if need_dx else None  # (in, N)  # OPS-13
    dw = dy @ cache.x.T  # (out, in)
    db = dy.sum(axis=1)  # (out,)
    return dx, dw, db  # OPS-01


class ConvCache(NamedTuple):
    """What `conv2d_backward` needs."""

    patches: Array  # (G, C / G * kh * kw, OH * OW * N)
    w: Array  # (O, C / G, kh, kw)
    x_shape: tuple[int, ...]  # (C, H, W, N)
    stride: Pair
    padding: Padding


def conv2d(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Padding, groups: int = 1
) -> tuple[Array, ConvCache]:
    """Return the cross-correlation `y[o,i,j] = b[o] + sum_{c,u,v} w[o,c,u,v] x[c, i*s+u, j*s+v]`.

    One matrix product of the kernels with the patches; for each of G groups of its own, whose O / G outputs
    read C / G consecutive channels. Depthwise convolution is G = C.
    """
    kh, kw = w.shape[2:]
    x = np.ascontiguousarray(x)  # the network's input is a view, the batch far apart; patches copy neighbours
    windows = _windows(pad(x, padding, 0), (kh, kw), stride)  # (C, OH, OW, N, kh, kw)
    height, width, count = windows.shape[1:4]
    patches = windows.transpose(0, 4, 5, 1, 2, 3).reshape(groups, len(x) // groups * kh * kw, -1)
    y = _kernels(w, groups) @ patches  # (G, O / G, OH*OW*N)  # OPS-15
    y = y.reshape(len(w), height, width, count)
    if b is not None:
        y += b[:, None, None, None]  # OPS-02
    return y, ConvCache(patches, w, x.shape, stride, padding)


def conv2d_backward(dy: Array, cache: ConvCache, *, need_dx: bool) -> tuple[Array | None, Array, Array]:
    """Return dx, dw, db; dx is None when nobody needs it."""
    groups = len(cache.patches)
    dy_matrix = dy.reshape(groups, len(cache.w) // groups, -1)  # (G, O / G, OH*OW*N)
    dw = (dy_matrix @ cache.patches.transpose(0, 2, 1)).reshape(cache.w.shape)  # (O, C / G, kh, kw)
    db = dy_matrix.sum(axis=2).ravel()  # (O,)
    if not need_dx:
        return None, dw, db  # OPS-13
    dpatches = _kernels(cache.w, groups).transpose(0, 2, 1) @ dy_matrix  # (G, C / G * kh * kw, OH*OW*N)
    return _scatter_patches(dpatches, dy.shape, cache), dw, db  # OPS-02


def _kernels(w: Array, groups: int) -> Array:
    """Return w (O, C / G, kh, kw) as matrices (G, O / G, C / G * kh * kw)."""
    return w.reshape(groups, len(w) // groups, -1)


def _scatter_patches(dpatches: Array, dy_shape: tuple[int, ...], cache: ConvCache) -> Array:
    """Add each patch entry's gradient to the input it was copied from (the transpose of taking patches)."""
    kh, kw = cache.w.shape[2:]
    dpatches = dpatches.reshape(cache.x_shape[0], kh, kw, *dy_shape[1:])  # (C, kh, kw, OH, OW, N)
    dx = np.zeros(_padded_shape(cache.x_shape, cache.padding), dpatches.dtype)  # OPS-12
    for u, v in np.ndindex(kh, kw):
        _offset(dx, u, v, dy_shape[1:3], cache.stride)[...] += dpatches[:, u, v]
    return unpad(dx, cache.padding)  # (C, H, W, N)


class MaxPoolCache(NamedTuple):
    """What `max_pool2d_backward` needs."""

    x: Array  # (C, H + top + bottom, W + left + right, N), padded with -inf
    y: Array  # (C, OH, OW, N)
    size: Pair
    stride: Pair
    padding: Padding


def max_pool2d(x: Array, size: Pair, stride: Pair, padding: Padding) -> tuple[Array, MaxPoolCache]:
    """Return the maximum of each window; padding counts as -inf."""
    x = pad(x, padding, -np.inf)  # OPS-04
    shape = output_size(x.shape[1:3], size, stride)
    y = _offset(x, 0, 0, shape, stride).copy()  # (C, OH, OW, N)  # OPS-14
    for u, v in np.ndindex(*size):
        np.maximum(y, _offset(x, u, v, shape, stride), out=y)  # OPS-03
    return y, MaxPoolCache(x, y, size, stride, padding)


def max_pool2d_backward(dy: Array, cache: MaxPoolCache) -> Array:
    """Send each window's gradient to its FIRST maximum, rows before columns."""
    dx = np.zeros_like(cache.x)
    waiting = np.ones(dy.shape, np.bool_)  # windows whose maximum has not been met yet
    for u, v in np.ndindex(*cache.size):
        here = _offset(cache.x, u, v, dy.shape[1:3], cache.stride) == cache.y
        here &= waiting  # OPS-05
        waiting ^= here  # `here` is a part of it
        _offset(dx, u, v, dy.shape[1:3], cache.stride)[...] += dy * here
    return unpad(dx, cache.padding)  # (C, H, W, N)


class AvgPoolCache(NamedTuple):
    """What `avg_pool2d_backward` needs."""

    x_shape: tuple[int, ...]  # (C, H, W, N)
    counts: Array  # (OH, OW, 1): entries of each window that are not padding
    size: Pair
    stride: Pair
    padding: Padding


def avg_pool2d(x: Array, size: Pair, stride: Pair, padding: Padding) -> tuple[Array, AvgPoolCache]:
    """Return the mean of each window over the entries that are not padding."""
    ones = pad(np.ones((1, *x.shape[1:3], 1), x.dtype), padding, 0)  # OPS-12
    counts = _window_sums(ones, size, stride)[0]  # (OH, OW, 1)
    y = _window_sums(pad(x, padding, 0), size, stride) / counts  # (C, OH, OW, N)  # OPS-06
    return y, AvgPoolCache(x.shape, counts, size, stride, padding)


def avg_pool2d_backward(dy: Array, cache: AvgPoolCache) -> Array:
    """Share each window's gradient equally among its entries that are not padding."""
    share = dy / cache.counts  # (C, OH, OW, N)
    dx = np.zeros(_padded_shape(cache.x_shape, cache.padding), dy.dtype)
    for u, v in np.ndindex(*cache.size):
        _offset(dx, u, v, dy.shape[1:3], cache.stride)[...] += share  # OPS-06
    return unpad(dx, cache.padding)  # (C, H, W, N)


def relu(x: Array) -> tuple[Array, Array]:
    """Return `max(x, 0)`; the cache is x."""
    return np.maximum(x, 0), x  # OPS-07


def relu_backward(dy: Array, x: Array) -> Array:
    """Return `dy * (x > 0)`: the derivative at 0 is 0."""
    return dy * (x > 0)  # OPS-07


def sigmoid(x: Array) -> tuple[Array, Array]:
    """Return `1 / (1 + exp(-x))`, 1/2 at 0; the cache is y."""
    small = np.exp(-np.abs(x))  # never overflows
    y = np.where(x < 0, small, 1) / (1 + small)  # OPS-16
    return y, y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Return `dy * y * (1 - y)`."""
    return np.asarray(dy * y * (1 - y))  # OPS-16


def dropout(x: Array, kept: Array, rate: float) -> tuple[Array, Array]:
    """Return `x / (1 - rate)` where `kept` (the shape of x, bool), 0 elsewhere; the cache is that factor."""
    factor = (kept / (1 - rate)).astype(x.dtype)  # OPS-17
    return x * factor, factor


def dropout_backward(dy: Array, factor: Array) -> Array:
    """Return `dy * factor`."""
    return dy * factor  # OPS-17


class NormCache(NamedTuple):
    """What `batch_norm_backward` needs."""

    normal: Array  # (C, ..., N): (x - mean) / sqrt(var + eps)
    gamma: Array  # (C,)
    root: Array  # (C,): sqrt(var + eps)


def batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> tuple[Array, NormCache]:
    """Return `y = gamma (x - mean) / sqrt(var + eps) + beta` for x (C, ..., N), channel by channel.

    Training takes mean and var from the batch (`moments`), evaluation the running ones.
    """
    root = np.sqrt(var + eps)  # OPS-18
    normal = (x - _channels(mean, x)) / _channels(root, x)
    return normal * _channels(gamma, x) + _channels(beta, x), NormCache(normal, gamma, root)  # OPS-18


def batch_norm_backward(dy: Array, cache: NormCache) -> tuple[Array, Array, Array]:
    """Return dx, dgamma, dbeta where mean and var are the batch's own: both depend on every x of the channel."""
    axes = tuple(range(1, dy.ndim))
    dbeta, dgamma = dy.sum(axis=axes), (dy * cache.normal).sum(axis=axes)  # (C,)
    entries = dy[0].size
    centred = dy - _channels(dbeta / entries, dy) - cache.normal * _channels(dgamma / entries, dy)
    return centred * _channels(cache.gamma / cache.root, dy), dgamma, dbeta  # OPS-18


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and variance (over n) of each channel of x (C, ..., N), each (C,)."""
    axes = tuple(range(1, x.ndim))
    mean = x.mean(axis=axes)
    return mean, np.square(x - _channels(mean, x)).mean(axis=axes)  # OPS-18


def running(old: Array, new: Array, momentum: float) -> Array:
    """Return `(1 - momentum) old + momentum new`."""
    return np.asarray((1 - momentum) * old + momentum * new)  # OPS-19


def unbiased(var: Array, entries: int) -> Array:
    """Return `var n / (n - 1)`, what a running variance is made of."""
    return np.asarray(var * (entries / (entries - 1)))  # OPS-19


def _channels(values: Array, x: Array) -> Array:
    """Return values (C,) so that they meet x (C, ..., N) channel by channel."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def global_avg_pool2d(x: Array) -> tuple[Array, tuple[int, ...]]:
    """Return the mean of each channel, (C, 1, 1, N); the cache is x's shape."""
    return x.mean(axis=(1, 2), keepdims=True), x.shape  # OPS-20


def global_avg_pool2d_backward(dy: Array, x_shape: tuple[int, ...]) -> Array:
    """Share each channel's gradient equally among its pixels."""
    return np.broadcast_to(dy / (x_shape[1] * x_shape[2]), x_shape)  # OPS-20


def add(xs: Sequence[Array]) -> Array:
    """Return the sum of arrays of one shape, from the first to the last; each has the gradient dy."""
    total = xs[0] + xs[1]  # OPS-21
    for x in xs[2:]:
        total += x
    return total


def concat(xs: Sequence[Array]) -> Array:
    """Return the arrays one behind the other along the channels."""
    return np.concatenate(xs)  # OPS-22


def split(x: Array, sizes: Sequence[int]) -> tuple[Array, ...]:
    """Return consecutive parts of these many channels: the gradient of `concat`, as `concat` is of `split`."""
    return tuple(np.split(x, np.cumsum(sizes)[:-1]))  # OPS-23


def flatten(x: Array) -> tuple[Array, tuple[int, ...]]:
    """Return (C*H*W, N) in C order: channel c owns rows c*H*W ... (c+1)*H*W - 1; the cache is x's shape."""
    return x.reshape(-1, x.shape[-1]), x.shape  # OPS-08


def flatten_backward(dy: Array, x_shape: tuple[int, ...]) -> Array:
    """Return dy in the shape of x."""
    return dy.reshape(x_shape)


class CrossEntropyCache(NamedTuple):
    """What `softmax_cross_entropy_backward` needs."""

    probabilities: Array  # (classes, N)
    labels: Array  # (N,) integers


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, CrossEntropyCache]:
    """Return the batch mean of `log(sum_c exp(z_c)) - z_label`, shifted by the maximum so nothing overflows."""
    with np.errstate(over="ignore"):  # a difference beyond the largest float is -inf, and its exponential 0
        shifted = logits - logits.max(axis=0)  # (classes, N)
    exponentials = np.exp(shifted)  # (classes, N)
    totals = exponentials.sum(axis=0)  # (N,)
    losses = np.log(totals) - shifted[labels, np.arange(labels.size)]  # (N,)
    return float(losses.mean()), CrossEntropyCache(exponentials / totals, labels)  # OPS-09


def softmax_cross_entropy_backward(cache: CrossEntropyCache) -> Array:
    """Return `(softmax(z) - onehot(label)) / N`, shape (classes, N)."""
    dlogits = cache.probabilities.copy()  # OPS-14
    dlogits[cache.labels, np.arange(cache.labels.size)] -= 1
    dlogits /= cache.labels.size
    return dlogits  # OPS-09


def pad(x: Array, padding: Padding, value: float) -> Array:
    """Return x (C, H, W, N) with `value` around it; x itself when there is no padding."""
    if not any(padding):
        return x
    top, left, bottom, right = padding  # OPS-11
    width = ((0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(x, width, constant_values=value)


def unpad(x: Array, padding: Padding) -> Array:
    """Return x (C, H, W, N) without its padding."""
    top, left, bottom, right = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def output_size(size: tuple[int, ...], window: Pair, stride: Pair) -> Pair:
    """Return floor((size - window) / stride) + 1 for rows and columns of an already padded input."""
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(size, window, stride, strict=True))  # OPS-10
    return rows, columns


def _padded_shape(shape: tuple[int, ...], padding: Padding) -> tuple[int, int, int, int]:
    channels, height, width, count = shape
    top, left, bottom, right = padding
    return channels, height + top + bottom, width + left + right, count


def _windows(x: Array, size: Pair, stride: Pair) -> Array:
    """Return a view (C, OH, OW, N, kh, kw) of all windows of x (C, H, W, N)."""
    return sliding_window_view(x, size, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def _offset(x: Array, u: int, v: int, shape: tuple[int, ...], stride: Pair) -> Array:
    """Return the view (C, OH, OW, N) of x that holds entry (u, v) of every window."""
    rows, columns = shape
    return x[:, u : u + (rows - 1) * stride[0] + 1 : stride[0], v : v + (columns - 1) * stride[1] + 1 : stride[1]]


def _window_sums(x: Array, size: Pair, stride: Pair) -> Array:
    """Return the sum of each window, (C, OH, OW, N)."""
    shape = output_size(x.shape[1:3], size, stride)
    total = np.zeros((x.shape[0], *shape, x.shape[3]), x.dtype)
    for u, v in np.ndindex(*size):
        total += _offset(x, u, v, shape, stride)
    return total
