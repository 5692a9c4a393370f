"""Wrong layers."""

from typing import Any

import numpy as np

from spec_tests.mutants.mutant import Mutant, original

OPS = "refprune.ops"
_dense, _dense_back = original(f"{OPS}.dense"), original(f"{OPS}.dense_backward")
_conv, _conv_back = original(f"{OPS}.conv2d"), original(f"{OPS}.conv2d_backward")
_max, _avg = original(f"{OPS}.max_pool2d"), original(f"{OPS}.avg_pool2d")
_avg_back, _flatten = original(f"{OPS}.avg_pool2d_backward"), original(f"{OPS}.flatten")
_loss, _loss_back = (original(f"{OPS}.softmax_cross_entropy{end}") for end in ("", "_backward"))
_offset, _pad, _unpad = (original(f"{OPS}.{name}") for name in ("_offset", "pad", "unpad"))
_size, _padded_shape = original(f"{OPS}.output_size"), original(f"{OPS}._padded_shape")


def _dense_without_bias(x: Any, w: Any, b: Any) -> Any:
    return _dense(x, w, np.zeros_like(b))


def _dense_db_of_one(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Take the mean over the outputs for the sum over the batch."""
    dx, dw, db = _dense_back(dy, cache, need_dx=need_dx)
    return dx, dw, np.full_like(db, db.mean())


def _dense_dx_untransposed(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Forget to transpose a square weight."""
    dx, dw, db = _dense_back(dy, cache, need_dx=need_dx)
    square = cache.w.shape[0] == cache.w.shape[1]
    return (cache.w @ dy if need_dx and square else dx), dw if not square else dw.T, db


def _true_convolution(x: Any, w: Any, b: Any, stride: Any, padding: Any) -> Any:
    """Flip the kernel, as the word convolution says elsewhere."""
    return _conv(x, np.ascontiguousarray(w[:, :, ::-1, ::-1]), b, stride, padding)


def _conv_without_bias(x: Any, w: Any, b: Any, stride: Any, padding: Any) -> Any:
    return _conv(x, w, np.zeros_like(b), stride, padding)


def _conv_stride_swapped(x: Any, w: Any, b: Any, stride: Any, padding: Any) -> Any:
    return _conv(x, w, b, stride[::-1], padding)


def _scatter_assigns(dpatches: Any, dy_shape: Any, cache: Any) -> Any:
    """Overwrite where windows overlap."""
    _, channels, kh, kw = cache.w.shape
    dpatches = dpatches.reshape(channels, kh, kw, *dy_shape[1:])
    dx = np.zeros(_padded_shape(cache.x_shape, cache.padding), dpatches.dtype)
    for u, v in np.ndindex(kh, kw):
        _offset(dx, u, v, dy_shape[1:3], cache.stride)[...] = dpatches[:, u, v]
    return _unpad(dx, cache.padding)


def _max_stride_is_size(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Let windows never overlap."""
    return _max(x, size, size, padding)


def _max_back(mark: Any, *, adds: bool = True) -> Any:
    """Return a backward pass that gives a window's gradient to the entries that `mark` names."""

    def backward(dy: Any, cache: Any) -> Any:
        dx = np.zeros_like(cache.x)
        views = [_offset(cache.x, u, v, dy.shape[1:3], cache.stride) == cache.y for u, v in np.ndindex(*cache.size)]
        for (u, v), share in zip(np.ndindex(*cache.size), mark(np.array(views), cache.size), strict=True):
            here = _offset(dx, u, v, dy.shape[1:3], cache.stride)
            here[...] = here + dy * share if adds else np.where(share, dy, here)
        return _unpad(dx, cache.padding)

    return backward


def _first(best: Any, size: Any) -> Any:
    return best & (np.cumsum(best, axis=0) == 1)


def _last(best: Any, size: Any) -> Any:
    return _first(best[::-1], size)[::-1]


def _first_by_columns(best: Any, size: Any) -> Any:
    order = np.arange(len(best)).reshape(size).T.ravel()
    return _first(best[order], size)[np.argsort(order)]


def _max_pads_with_zero(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    y, cache = _max(_pad(x, padding, 0), size, stride, (0, 0, 0, 0))
    return y, cache._replace(padding=padding)


def _avg_counts_padding(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    y, cache = _avg(_pad(x, padding, 0), size, stride, (0, 0, 0, 0))
    return y, cache._replace(x_shape=x.shape, padding=padding)


def _avg_back_counts_padding(dy: Any, cache: Any) -> Any:
    """Divide by the size of the window on the way back."""
    return _avg_back(dy, cache._replace(counts=np.full_like(cache.counts, np.prod(cache.size))))


def _avg_in_float64(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Count in the default dtype."""
    y, cache = _avg(x.astype(np.float64), size, stride, padding)
    return y, cache


def _relu_in_place(x: Any) -> Any:
    x *= x > 0
    return x, x


def _flatten_channel_last(x: Any) -> Any:
    return _flatten(np.moveaxis(x, 0, -2))[0] if x.ndim > 2 else x.reshape(-1, x.shape[-1]), x.shape


def _flatten_back_channel_last(dy: Any, shape: Any) -> Any:
    return np.moveaxis(dy.reshape(*shape[1:-1], shape[0], shape[-1]), -2, 0)


def _shift_warns(logits: Any, labels: Any) -> Any:
    """Compute the difference of any two logits as it comes."""
    _ = logits.max(axis=0) - logits.min(axis=0)
    return _loss(logits, labels)


def _unshifted(logits: Any, labels: Any) -> Any:
    """Overflow from 710 on, quietly."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        exponentials = np.exp(logits)
        probabilities = exponentials / exponentials.sum(axis=0)
        losses = -np.log(probabilities[labels, np.arange(labels.size)])
    return float(losses.mean()), _loss(np.zeros_like(logits), labels)[1]._replace(probabilities=probabilities)


def _loss_clipped(logits: Any, labels: Any) -> Any:
    """Take log(p + 1e-7), so that no loss exceeds 16."""
    _, cache = _loss(logits, labels)
    chosen = cache.probabilities[labels, np.arange(labels.size)]
    return float(-np.log(chosen + 1e-7).mean()), cache


def _loss_summed(logits: Any, labels: Any) -> Any:
    loss, cache = _loss(logits, labels)
    return loss * labels.size, cache


def _loss_back_summed(cache: Any) -> Any:
    return _loss_back(cache) * cache.labels.size


def _loss_back_over_classes(cache: Any) -> Any:
    """Divide by the number of classes, too."""
    return _loss_back(cache) / len(cache.probabilities)


def _loss_back_in_place(cache: Any) -> Any:
    """Write the gradient into the cached probabilities."""
    right = _loss_back(cache)
    cache.probabilities[...] = right
    return right


def _ceil(size: Any, window: Any, stride: Any) -> Any:
    """Let the last window stand over the edge."""
    rows, columns = (-(-(n - k) // s) + 1 for n, k, s in zip(size, window, stride, strict=True))
    return rows, columns


def _no_dx_no_db(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Leave out the bias together with dx."""
    dx, dw, db = _conv_back(dy, cache, need_dx=need_dx)
    return dx, dw, db if need_dx else np.zeros_like(db)


def _always_dx(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    return _dense_back(dy, cache, need_dx=True)


def _reordered(padding: Any) -> Any:
    """Read (top, bottom, left, right)."""
    top, bottom, left, right = padding
    return top, left, bottom, right


def _torch_order(padding: Any) -> Any:
    """Read (left, right, top, bottom), the order of torch.nn.functional.pad."""
    left, right, top, bottom = padding
    return top, left, bottom, right


def _padding_order(order: Any) -> dict[str, Any]:
    return {
        f"{OPS}.pad": lambda x, padding, value: _pad(x, order(padding), value),
        f"{OPS}.unpad": lambda x, padding: _unpad(x, order(padding)),
        f"{OPS}._padded_shape": lambda shape, padding: _padded_shape(shape, order(padding)),
    }


MUTANTS = (
    Mutant("dense without bias", "OPS-01", "the bias is left out", {f"{OPS}.dense": _dense_without_bias}),
    Mutant("dense bias gradient", "OPS-01", "summed over the wrong axis", {f"{OPS}.dense_backward": _dense_db_of_one}),
    Mutant(
        "dense not transposed",
        "OPS-01",
        "a square weight hides the missing transpose",
        {f"{OPS}.dense_backward": _dense_dx_untransposed},
    ),
    Mutant("flipped kernel", "OPS-02", "convolution for cross-correlation", {f"{OPS}.conv2d": _true_convolution}),
    Mutant("convolution without bias", "OPS-02", "the bias is left out", {f"{OPS}.conv2d": _conv_without_bias}),
    Mutant("stride swapped", "OPS-02", "(columns, rows)", {f"{OPS}.conv2d": _conv_stride_swapped}),
    Mutant(
        "patch gradients overwritten",
        "OPS-02",
        "= for += where windows overlap",
        {f"{OPS}._scatter_patches": _scatter_assigns},
    ),
    Mutant("pool stride is its size", "OPS-03", "the stride is ignored", {f"{OPS}.max_pool2d": _max_stride_is_size}),
    Mutant(
        "pool gradients overwritten",
        "OPS-03",
        "= for += where windows overlap",
        {f"{OPS}.max_pool2d_backward": _max_back(_first, adds=False)},
    ),
    Mutant("max-pool pads with 0", "OPS-04", "0 beats negative entries", {f"{OPS}.max_pool2d": _max_pads_with_zero}),
    Mutant(
        "gradient to all maxima",
        "OPS-05",
        "mask x == max: a tie gets it more than once",
        {f"{OPS}.max_pool2d_backward": _max_back(lambda best, size: best)},
    ),
    Mutant(
        "gradient shared by maxima",
        "OPS-05",
        "a tie gets equal parts",
        {f"{OPS}.max_pool2d_backward": _max_back(lambda best, size: best / best.sum(axis=0))},
    ),
    Mutant("last maximum", "OPS-05", ">= for >", {f"{OPS}.max_pool2d_backward": _max_back(_last)}),
    Mutant(
        "columns before rows",
        "OPS-05",
        "first in Fortran order",
        {f"{OPS}.max_pool2d_backward": _max_back(_first_by_columns)},
    ),
    Mutant("mean counts padding", "OPS-06", "the window's size", {f"{OPS}.avg_pool2d": _avg_counts_padding}),
    Mutant(
        "mean's gradient counts padding",
        "OPS-06",
        "forward and backward disagree",
        {f"{OPS}.avg_pool2d_backward": _avg_back_counts_padding},
    ),
    Mutant("relu'(0) = 1", "OPS-07", ">= for >", {f"{OPS}.relu_backward": lambda dy, x: dy * (x >= 0)}),
    Mutant("absolute value", "OPS-07", "|x| for max(x, 0)", {f"{OPS}.relu": lambda x: (abs(x), x)}),
    Mutant("channels last", "OPS-08", "M41: flatten in NHWC order", {f"{OPS}.flatten": _flatten_channel_last}),
    Mutant(
        "channels last on the way back",
        "OPS-08",
        "M41: the gradient comes back in NHWC order",
        {f"{OPS}.flatten_backward": _flatten_back_channel_last},
    ),
    Mutant("shift overflows", "OPS-09", "1e308 - -1e308 warns", {f"{OPS}.softmax_cross_entropy": _shift_warns}),
    Mutant("softmax without shift", "OPS-09", "exp overflows", {f"{OPS}.softmax_cross_entropy": _unshifted}),
    Mutant("clipped loss", "OPS-09", "log(p + 1e-7)", {f"{OPS}.softmax_cross_entropy": _loss_clipped}),
    Mutant(
        "gradient over classes",
        "OPS-09",
        "mean over N and classes",
        {f"{OPS}.softmax_cross_entropy_backward": _loss_back_over_classes},
    ),
    Mutant("loss summed", "BAC-02", "the sum for the mean", {f"{OPS}.softmax_cross_entropy": _loss_summed}),
    Mutant(
        "gradient of the sum",
        "BAC-03",
        "loss averaged, gradient not",
        {f"{OPS}.softmax_cross_entropy_backward": _loss_back_summed},
    ),
    Mutant("windows over the edge", "OPS-10", "ceil for floor", {f"{OPS}.output_size": _ceil}),
    Mutant(
        "padding top, bottom, left, right",
        "OPS-11",
        "another order of the four numbers",
        _padding_order(_reordered),
    ),
    Mutant("padding as torch's pad", "OPS-11", "(left, right, top, bottom)", _padding_order(_torch_order)),
    Mutant("mean in float64", "OPS-12", "counted in the default dtype", {f"{OPS}.avg_pool2d": _avg_in_float64}),
    Mutant(
        "widened mask",
        "OPS-12",
        "a float64 mask times float32",
        {f"{OPS}.relu_backward": lambda dy, x: dy * (x > 0).astype(np.float64)},
    ),
    Mutant("no dx, no db", "OPS-13", "the bias left out with dx", {f"{OPS}.conv2d_backward": _no_dx_no_db}),
    Mutant("dx all the same", "OPS-13", "computed though nobody asked", {f"{OPS}.dense_backward": _always_dx}),
    Mutant("relu in place", "OPS-14", "x *= x > 0", {f"{OPS}.relu": _relu_in_place}),
    Mutant(
        "gradient in the cache",
        "OPS-14",
        "the probabilities are overwritten",
        {f"{OPS}.softmax_cross_entropy_backward": _loss_back_in_place},
    ),
)
