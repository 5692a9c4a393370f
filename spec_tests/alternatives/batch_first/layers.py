"""The layers, batch first: each gives what it computes, and the way back as a closure.

Nothing is checked before it is needed; `fit` refuses what NumPy would broadcast.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refprune.network import (
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    MaxPool2d,
    Node,
    Split,
    owner,
    parameters,
)

Array = Any
Arrays = Mapping[str, Array]
Back = Callable[[Array], tuple[Array, dict[str, Array]]]
"""From dy to dx and the gradients of the parameters."""
Layer = tuple[Array, Back]
"""What a layer computes, and the way back."""


def fit(node: Node, *conditions: bool) -> None:
    """Refuse a node unless all of this holds."""
    if not all(conditions):
        raise ValueError(f"node {node.name}: shapes do not fit")


# Weights


def dense(node: Dense, params: Arrays, x: Array) -> Layer:
    """Return x w' + b."""
    w = params[f"{owner(node)}.weight"]
    fit(node, x.ndim == w.ndim == 2, w.shape[1:] == x.shape[1:], len(w) > 0)

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        return dy @ w, _own(node, np.einsum("no,ni->oi", dy, x), dy)

    return _biased(node, params, np.einsum("ni,oi->no", x, w)), back


def conv(node: Conv2d, params: Arrays, x: Array) -> Layer:
    """Return the cross-correlation, with the groups as an axis of their own."""
    w, groups = params[f"{owner(node)}.weight"], node.groups
    fit(node, x.ndim == w.ndim == 4, len(w) > 0, len(w) % groups == 0, w.shape[1] * groups == x.shape[1])
    kernels = w.reshape(groups, -1, *w.shape[1:])
    patches = windows(node, x, 0.0, w.shape[2:])
    grouped = patches.reshape(len(x), groups, -1, *patches.shape[2:])

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        dys = dy.reshape(len(x), groups, -1, *dy.shape[2:])
        dw = np.einsum("ngohw,ngchwuv->gocuv", dys, grouped).reshape(w.shape)
        dpatches = np.einsum("ngohw,gocuv->ngchwuv", dys, kernels).reshape(patches.shape)
        return fold(node, dpatches, x.shape), _own(node, dw, dy)

    y = np.einsum("ngchwuv,gocuv->ngohw", grouped, kernels)
    return _biased(node, params, y.reshape(len(x), len(w), *y.shape[3:])), back


def depthwise(node: DepthwiseConv2d, params: Arrays, x: Array) -> Layer:
    """Return each channel with its own kernels, no sum over channels."""
    w = params[f"{node.name}.weight"]
    fit(node, x.ndim == w.ndim == 4, len(w) > 0, len(w) % x.shape[1] == 0, w.shape[1] == 1)
    kernels = w.reshape(x.shape[1], -1, *w.shape[2:])
    patches = windows(node, x, 0.0, w.shape[2:])

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        dys = dy.reshape(len(x), x.shape[1], -1, *dy.shape[2:])
        dw = np.einsum("ncmhw,nchwuv->cmuv", dys, patches).reshape(w.shape)
        return fold(node, np.einsum("ncmhw,cmuv->nchwuv", dys, kernels), x.shape), _own(node, dw, dy)

    y = np.einsum("nchwuv,cmuv->ncmhw", patches, kernels)
    return _biased(node, params, y.reshape(len(x), len(w), *y.shape[3:])), back


def _biased(node: Dense | Conv2d | DepthwiseConv2d, params: Arrays, y: Array) -> Array:
    if not node.bias:
        return y
    b = params[f"{owner(node)}.bias"]
    fit(node, b.shape == y.shape[1:2])
    return y + along(b, y)


def _own(node: Dense | Conv2d | DepthwiseConv2d, dw: Array, dy: Array) -> dict[str, Array]:
    return dict(zip(parameters(node), (dw, dy.sum((0, *range(2, dy.ndim)))), strict=False))


def along(vector: Array, x: Array) -> Array:
    """Return a vector of channels in a shape that spreads over x (N, C, ...)."""
    return vector.reshape(-1, *[1] * (x.ndim - 2))


# Windows


def windows(node: Any, x: Array, around: float, size: Sequence[int]) -> Array:
    """Return all windows (N, C, OH, OW, kh, kw) of x, padded."""
    top, left, bottom, right = node.padding
    fit(node, x.ndim == 4, min(size) > 0, max(top, bottom) < size[0], max(left, right) < size[1])
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=around)
    return sliding_window_view(padded, tuple(size), axis=(2, 3))[:, :, :: node.stride[0], :: node.stride[1]]


def fold(node: Any, dpatches: Array, shape: tuple[int, ...]) -> Array:
    """Add (N, C, OH, OW, kh, kw) back onto the padded input, one entry at a time, and crop."""
    n, c, h, w = shape
    top, left, bottom, right = node.padding
    dx = np.zeros((n, c, h + top + bottom, w + left + right), dpatches.dtype)
    oh, ow, kh, kw = np.indices(dpatches.shape[2:])
    everywhere: Any = (slice(None), slice(None), oh * node.stride[0] + kh, ow * node.stride[1] + kw)
    np.add.at(dx, everywhere, dpatches)
    return dx[:, :, top : top + h, left : left + w]


def max_pool(node: MaxPool2d, x: Array) -> Layer:
    """Return the maximum of each window; the gradient goes to the first one."""
    patches = windows(node, x, -np.inf, node.size)
    flat = patches.reshape(*patches.shape[:4], -1)
    first = flat.argmax(-1)  # argmax names the first of equals

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        chosen = np.arange(flat.shape[-1]) == first[..., None]
        return fold(node, (chosen * dy[..., None]).reshape(patches.shape), x.shape), {}

    return flat.max(-1), back


def avg_pool(node: AvgPool2d, x: Array) -> Layer:
    """Return the mean of what is no padding."""
    patches = windows(node, x, 0.0, node.size)
    real = windows(node, np.ones_like(x), 0.0, node.size)
    counts = real.sum((-2, -1))

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        return fold(node, real * (dy / counts)[..., None, None], x.shape), {}

    return patches.sum((-2, -1)) / counts, back


def global_pool(node: GlobalAvgPool2d, x: Array) -> Layer:
    """Return the mean of each channel, with its two axes of length 1."""
    fit(node, x.ndim == 4)
    pixels = x.shape[2] * x.shape[3]
    y = np.einsum("nchw->nc", x)[..., None, None] / pixels
    return y, lambda dy: (np.tile(dy / pixels, (1, 1, *x.shape[2:])), {})


# Entry by entry, and channel by channel


def relu(x: Array) -> Layer:
    """Return x where it is positive."""
    return np.where(x > 0, x, 0), lambda dy: (np.where(x > 0, dy, 0), {})


def sigmoid(x: Array) -> Layer:
    """Return exp(-log(1 + exp(-x))), the logarithm without overflow."""
    y = np.exp(-np.logaddexp(0, -x))
    return y, lambda dy: (dy * y * (1 - y), {})


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and variance of each channel, over n."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes)
    return mean, ((x - along(mean, x)) ** 2).mean(axes)


def batch_norm(node: BatchNorm, params: Arrays, x: Array, *, training: bool) -> Layer:
    """Return the normalised x; the way back is that of training, through mean and root one after the other."""
    gamma, beta, *running = (params[name] for name in parameters(node))
    fit(node, *(vector.shape == x.shape[1:2] for vector in (gamma, beta, *running)))
    mean, var = moments(x) if training else running
    scale = along(1 / np.sqrt(var + node.eps), x)
    centred, axes = x - along(mean, x), (0, *range(2, x.ndim))

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        dz = dy * along(gamma, x)
        dcentred = dz * scale - centred * scale**3 * (dz * centred).mean(axes, keepdims=True)
        own = ((dy * centred * scale).sum(axes), dy.sum(axes))
        return dcentred - dcentred.mean(axes, keepdims=True), dict(zip(parameters(node), own, strict=False))

    return centred * scale * along(gamma, x) + along(beta, x), back


def moved_statistics(node: BatchNorm, params: Arrays, x: Array) -> dict[str, Array]:
    """Return running mean and variance after this batch."""
    entries = x.size // x.shape[1]
    if entries < 2:
        raise ValueError(f"node {node.name}: one entry a channel")
    mean, var = moments(x)
    news = zip(parameters(node)[2:], (mean, var * (entries / (entries - 1))), strict=True)
    return {name: params[name] * (1 - node.momentum) + new * node.momentum for name, new in news}


# Several values


def add(node: Node, xs: Sequence[Array]) -> tuple[Array, Callable[[Array], list[Array]]]:
    """Return the sum."""
    fit(node, len({x.shape for x in xs}) == 1)
    return np.stack(xs).sum(0), lambda dy: [dy for _ in xs]


def concat(node: Concat, xs: Sequence[Array]) -> tuple[Array, Callable[[Array], list[Array]]]:
    """Return the channels one behind the other."""
    fit(node, len({x.shape[2:] for x in xs}) == 1)
    ends = np.cumsum([x.shape[1] for x in xs])[:-1]
    return np.concatenate(xs, axis=1), lambda dy: np.split(dy, ends, axis=1)


def split(node: Split, x: Array) -> list[Array]:
    """Return the parts."""
    fit(node, sum(node.sizes) == x.shape[1])
    starts = [sum(node.sizes[:part]) for part in range(len(node.sizes))]
    return [x[:, start : start + size] for start, size in zip(starts, node.sizes, strict=True)]
