"""The layers: one forward and one backward function each, side by side, pure, the batch on the LAST axis.

In: activations (features..., N) and parameters. Out: activations, and gradients of the same shapes.
Forward returns `(y, cache)`; backward takes `(dy, cache)`. The dtype is that of the arrays.
Every array comes in as the network checked it; nothing is validated here.
Specification: docs/spec/ops.md.
"""

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


def dense(x: Array, w: Array, b: Array) -> tuple[Array, DenseCache]:
    """Return `y = w x + b`."""
    y = w @ x  # (out, N) = (out, in) (in, N)
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

    patches: Array  # (C * kh * kw, OH * OW * N)
    w: Array  # (O, C, kh, kw)
    x_shape: tuple[int, ...]  # (C, H, W, N)
    stride: Pair
    padding: Padding


def conv2d(x: Array, w: Array, b: Array, stride: Pair, padding: Padding) -> tuple[Array, ConvCache]:
    """Return the cross-correlation `y[o,i,j] = b[o] + sum_{c,u,v} w[o,c,u,v] x[c, i*s+u, j*s+v]`.

    One matrix product of the kernels (O, C*kh*kw) with the patches (C*kh*kw, OH*OW*N).
    """
    out, channels, kh, kw = w.shape
    x = np.ascontiguousarray(x)  # the network's input is a view, the batch far apart; patches copy neighbours
    windows = _windows(pad(x, padding, 0), (kh, kw), stride)  # (C, OH, OW, N, kh, kw)
    height, width, count = windows.shape[1:4]
    patches = windows.transpose(0, 4, 5, 1, 2, 3).reshape(channels * kh * kw, -1)
    y = w.reshape(out, -1) @ patches  # (O, OH*OW*N)
    y += b[:, None]  # OPS-02
    return y.reshape(out, height, width, count), ConvCache(patches, w, x.shape, stride, padding)


def conv2d_backward(dy: Array, cache: ConvCache, *, need_dx: bool) -> tuple[Array | None, Array, Array]:
    """Return dx, dw, db; dx is None when nobody needs it."""
    out = cache.w.shape[0]
    dy_matrix = dy.reshape(out, -1)  # (O, OH*OW*N)
    dw = (dy_matrix @ cache.patches.T).reshape(cache.w.shape)  # (O, C, kh, kw)
    db = dy_matrix.sum(axis=1)  # (O,)
    if not need_dx:
        return None, dw, db  # OPS-13
    return _scatter_patches(cache.w.reshape(out, -1).T @ dy_matrix, dy.shape, cache), dw, db  # OPS-02


def _scatter_patches(dpatches: Array, dy_shape: tuple[int, ...], cache: ConvCache) -> Array:
    """Add each patch entry's gradient to the input it was copied from (the transpose of taking patches)."""
    _, channels, kh, kw = cache.w.shape
    dpatches = dpatches.reshape(channels, kh, kw, *dy_shape[1:])  # (C, kh, kw, OH, OW, N)
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
