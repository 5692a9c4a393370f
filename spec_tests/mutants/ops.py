"""Wrong layers."""

from typing import Any

import numpy as np

from refprune.network import Concat, Dense
from spec_tests.mutants.mutant import Mutant, original

OPS = "refprune.ops"
_dense, _dense_back = original(f"{OPS}.dense"), original(f"{OPS}.dense_backward")
_conv, _conv_back = original(f"{OPS}.conv2d"), original(f"{OPS}.conv2d_backward")
_max, _avg = original(f"{OPS}.max_pool2d"), original(f"{OPS}.avg_pool2d")
_avg_back, _flatten = original(f"{OPS}.avg_pool2d_backward"), original(f"{OPS}.flatten")
_loss, _loss_back = (original(f"{OPS}.softmax_cross_entropy{end}") for end in ("", "_backward"))
_offset, _pad, _unpad = (original(f"{OPS}.{name}") for name in ("_offset", "pad", "unpad"))
_size, _padded_shape = original(f"{OPS}.output_size"), original(f"{OPS}._padded_shape")
_sigmoid, _sigmoid_back = original(f"{OPS}.sigmoid"), original(f"{OPS}.sigmoid_backward")
_dropout, _dropout_back = original(f"{OPS}.dropout"), original(f"{OPS}.dropout_backward")
_norm, _norm_back = original(f"{OPS}.batch_norm"), original(f"{OPS}.batch_norm_backward")
_moments, _running = original(f"{OPS}.moments"), original(f"{OPS}.running")
_mean, _mean_back = original(f"{OPS}.global_avg_pool2d"), original(f"{OPS}.global_avg_pool2d_backward")
_add, _concat, _split = (original(f"{OPS}.{name}") for name in ("add", "concat", "split"))
_node_back, _loss_and_grads = (original(f"refprune.backprop.{name}") for name in ("_backward_node", "loss_and_grads"))
_scatter, _max_backward = original(f"{OPS}._scatter_patches"), original(f"{OPS}.max_pool2d_backward")


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


def _true_convolution(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    """Flip the kernel, as the word convolution says elsewhere."""
    return _conv(x, np.ascontiguousarray(w[:, :, ::-1, ::-1]), b, stride, padding, groups)


def _conv_without_bias(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    return _conv(x, w, np.zeros_like(b), stride, padding, groups)


def _conv_stride_swapped(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    return _conv(x, w, b, stride[::-1], padding, groups)


def _scatter_assigns(dpatches: Any, dy_shape: Any, cache: Any) -> Any:
    """Overwrite where windows overlap."""
    kh, kw = cache.w.shape[2:]
    dpatches = dpatches.reshape(cache.x_shape[0], kh, kw, *dy_shape[1:])
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


def _groups_dealt_out(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    """Deal the outputs out to the groups in turn: output o in group o % G."""
    order = np.argsort(np.arange(len(w)) % groups, kind="stable")
    back = np.argsort(order)
    y, cache = _conv(x, w[order], None if b is None else b[order], stride, padding, groups)
    return y[back], cache


def _channels_dealt_out(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    """Let group g read the channels g, g + G, ..."""
    order = np.argsort(np.arange(len(x)) % groups, kind="stable")
    return _conv(x[order], w, b, stride, padding, groups)


def _first_group(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    """Let every output read the first channels."""
    return _conv(np.concatenate([x[: len(x) // groups]] * groups), w, b, stride, padding, groups)


def _one_output_is_depthwise(x: Any, w: Any, b: Any, stride: Any, padding: Any, groups: int = 1) -> Any:
    """Take one output channel for one channel in, one out."""
    return _conv(x[:1], w[:, :1], b, stride, padding) if len(w) == 1 else _conv(x, w, b, stride, padding, groups)


def _group_gradients_mixed(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Take the groups in the other order on the way back to the weights."""
    dx, dw, db = _conv_back(dy, cache, need_dx=need_dx)
    groups = len(cache.patches)
    return dx, dw.reshape(groups, -1, *dw.shape[1:])[::-1].reshape(dw.shape), db


def _some_bias(node: Any, params: Any) -> Any:
    """Take the first bias there is for a layer that has none."""
    biases = [array for name, array in params.items() if name.endswith(".bias")]
    weight = params[f"{node.name}.weight"]
    return weight, params.get(f"{node.name}.bias", biases[0] if biases else None)


def _sigmoid_unshifted(x: Any) -> Any:
    """Take exp(-x) as it is: a warning, and infinite on the way."""
    y = 1 / (1 + np.exp(-x))
    return y, y


def _sigmoid_clipped(x: Any) -> Any:
    """Keep the exponent small."""
    return _sigmoid(np.clip(x, -30, 30))


def _sigmoid_hard(x: Any) -> Any:
    """Draw three straight lines."""
    y = np.clip(x / 6 + 0.5, 0, 1)
    return y, y


def _dropout_unscaled(x: Any, kept: Any, rate: float) -> Any:
    return _dropout(x, kept, 0.0)


def _dropout_scaled_by_rate(x: Any, kept: Any, rate: float) -> Any:
    """Divide by the rate."""
    return _dropout(x, kept, 1 - rate if rate else 0.0)


def _dropout_upside_down(x: Any, kept: Any, rate: float) -> Any:
    return _dropout(x, ~kept, rate)


def _dropout_back_dense(dy: Any, factor: Any) -> Any:
    """Let the gradient of what was dropped pass."""
    return dy * factor.max(initial=1)


def _dropout_back_unscaled(dy: Any, factor: Any) -> Any:
    return dy * (factor > 0)


def _eps_outside(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float) -> Any:
    """Divide by sqrt(var) + eps."""
    return _norm(x, gamma, beta, mean, (np.sqrt(var) + eps) ** 2 - eps, eps)


def _without_root(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float) -> Any:
    return _norm(x, gamma, beta, mean, (var + eps) ** 2 - eps, eps)


def _unbiased_moments(x: Any) -> Any:
    """Normalise with n / (n - 1)."""
    mean, var = _moments(x)
    return mean, var * x[0].size / (x[0].size - 1)


def _moments_of_examples(x: Any) -> Any:
    """Take the moments of the batch, pixel by pixel, and average those."""
    return x.mean(axis=tuple(range(1, x.ndim))), x.var(axis=-1).reshape(len(x), -1).mean(axis=1)


def _constant_moments(dy: Any, cache: Any) -> Any:
    """Send nothing back through mean and variance."""
    _, dgamma, dbeta = _norm_back(dy, cache)
    return dy * (cache.gamma / cache.root).reshape(-1, *[1] * (dy.ndim - 1)), dgamma, dbeta


def _constant_variance(dy: Any, cache: Any) -> Any:
    """Send nothing back through the variance."""
    dx, dgamma, dbeta = _norm_back(dy, cache)
    through = (cache.gamma / cache.root * dgamma / dy[0].size).reshape(-1, *[1] * (dy.ndim - 1))
    return dx + cache.normal * through, dgamma, dbeta


def _gamma_from_input(dy: Any, cache: Any) -> Any:
    """Multiply by the centred entries, not divided by the root."""
    dx, dgamma, dbeta = _norm_back(dy, cache)
    return dx, dgamma * cache.root, dbeta


def _sum_for_mean(x: Any) -> Any:
    return x.sum(axis=(1, 2), keepdims=True), x.shape


def _flat_mean(x: Any) -> Any:
    """Leave the pixel away: (C, N)."""
    return x.mean(axis=(1, 2)), x.shape


def _mean_back_whole(dy: Any, x_shape: Any) -> Any:
    """Give every pixel the whole gradient."""
    return np.broadcast_to(dy, x_shape)


def _add_two(xs: Any) -> Any:
    """Leave out what comes behind the second."""
    return xs[0] + xs[1]


def _add_in_place(xs: Any) -> Any:
    """Add into the first."""
    for x in xs[1:]:
        xs[0][...] += x
    return xs[0]


def _add_once(xs: Any) -> Any:
    """Add the same value once."""
    return sum({id(x): x for x in xs}.values())


def _add_back_shared(node: Any, dys: Any, cache: Any, *, need_dx: bool) -> Any:
    """Deal the gradient out to the inputs in equal parts."""
    dxs, own = _node_back(node, dys, cache, need_dx=need_dx)
    return ([dx / len(dxs) for dx in dxs], own) if type(node).__name__ == "Add" else (dxs, own)


def _concat_backwards(xs: Any) -> Any:
    """Take the inputs from the last to the first."""
    return _concat(list(reversed(xs)))


def _concat_of_columns(xs: Any) -> Any:
    """Put images side by side."""
    return np.concatenate(xs, axis=-2) if xs[0].ndim > 2 else _concat(xs)


def _concat_once(xs: Any) -> Any:
    """Put the same value in once."""
    return _concat(list({id(x): x for x in xs}.values()))


def _concat_back_backwards(node: Any, dys: Any, cache: Any, *, need_dx: bool) -> Any:
    """Hand the parts of the gradient out in the order from the last input to the first."""
    dxs, own = _node_back(node, dys, cache, need_dx=need_dx)
    return (dxs[::-1], own) if type(node).__name__ == "Concat" else (dxs, own)


def _split_dealt_out(x: Any, sizes: Any) -> Any:
    """Deal the channels out to the parts in turn, as far as they take any."""
    owners = [part for turn in range(max(sizes)) for part, size in enumerate(sizes) if turn < size]
    return tuple(x[np.array(owners) == part] for part in range(len(sizes)))


def _split_from_the_end(x: Any, sizes: Any) -> Any:
    """Hand the last channels to the first part."""
    return tuple(reversed(_split(x, list(reversed(sizes)))))


def _split_back_backwards(node: Any, dys: Any, cache: Any, *, need_dx: bool) -> Any:
    """Send the gradients of the parts back from the last to the first."""
    return _node_back(node, dys[::-1] if type(node).__name__ == "Split" else dys, cache, need_dx=need_dx)


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


def _scatter_unshifted(dpatches: Any, dy_shape: Any, cache: Any) -> Any:
    """Cut the padding off behind, and none in front."""
    top, left, bottom, right = cache.padding
    return _scatter(dpatches, dy_shape, cache._replace(padding=(0, 0, top + bottom, left + right)))


def _scatter_unstrided(dpatches: Any, dy_shape: Any, cache: Any) -> Any:
    """Send gradients back as if the stride were 1."""
    return _scatter(dpatches, dy_shape, cache._replace(stride=(1, 1)))


def _max_back_unshifted(dy: Any, cache: Any) -> Any:
    """Cut the padding off behind, and none in front."""
    top, left, bottom, right = cache.padding
    return _max_backward(dy, cache._replace(padding=(0, 0, top + bottom, left + right)))


def _avg_rows_counted(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Count rows of padding among the entries, and columns of it not."""
    top, left, bottom, right = padding
    y, cache = _avg(_pad(x, (top, 0, bottom, 0), 0), size, stride, (0, left, 0, right))
    return y, cache._replace(x_shape=x.shape, padding=padding)


def _avg_stride_swapped(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    return _avg(x, size, stride[::-1], padding)


def _capped(x: Any) -> Any:
    """Let nothing be larger than 6."""
    return np.clip(x, 0, 6), x


def _flat_below(dy: Any, x: Any) -> Any:
    """Let nothing pass back beyond 6."""
    return dy * ((x > 0) & (x < 6))


def _turned(x: Any) -> Any:
    """Take columns before rows, unless the image is square."""
    turn = x.ndim > 2 and x.shape[1] != x.shape[2]
    return _flatten(np.swapaxes(x, 1, 2) if turn else x)[0], x.shape


def _turned_back(dy: Any, shape: Any) -> Any:
    """Take columns before rows on the way back alone."""
    if len(shape) == 2:
        return dy
    return np.swapaxes(dy.reshape(shape[0], shape[2], shape[1], shape[3]), 1, 2)


def _wide_groups_mixed(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Send gradients to the groups in the other order where a group reads several channels."""
    dx, dw, db = _conv_back(dy, cache, need_dx=need_dx)
    groups, width = len(cache.patches), cache.w.shape[1]
    mixed = dx.reshape(groups, width, *dx.shape[1:])[::-1].reshape(dx.shape) if need_dx and width > 1 else dx
    return mixed, dw, db


def _multiplier_first(dy: Any, cache: Any, *, need_dx: bool) -> Any:
    """Take (multiplier, channels) for (channels, multiplier) on the way back to the weights."""
    dx, dw, db = _conv_back(dy, cache, need_dx=need_dx)
    groups = len(cache.patches)
    return dx, np.swapaxes(dw.reshape(groups, -1, *dw.shape[1:]), 0, 1).reshape(dw.shape), db


def _bias_of_none(network: Any, params: Any, *batch: Any) -> Any:
    """Return a gradient for the bias of every dense layer."""
    loss, grads = _loss_and_grads(network, params, *batch)
    dense = [node.name for node in network if isinstance(node, Dense)]
    return loss, {f"{name}.bias": np.zeros(len(params[f"{name}.weight"])) for name in dense} | grads


def _slope_by_exponentials(dy: Any, y: Any) -> Any:
    """Return dy exp(-x) / (1 + exp(-x))^2 of what came in: inf / inf far below 0."""
    with np.errstate(all="ignore"):
        small = np.exp(-y)
        return dy * small / (1 + small) ** 2


def _mean_of_a_square(x: Any) -> Any:
    """Divide by H * H."""
    return x.sum(axis=(1, 2), keepdims=True) / x.shape[1] ** 2, x.shape


def _mean_back_of_a_square(dy: Any, x_shape: Any) -> Any:
    """Divide by H * H on the way back."""
    return np.broadcast_to(dy / x_shape[1] ** 2, x_shape)


def _concat_back_even(node: Any, dys: Any, cache: Any, *, need_dx: bool) -> Any:
    """Cut the gradient into equal parts, and repeat what is missing."""
    if not isinstance(node, Concat):
        return _node_back(node, dys, cache, need_dx=need_dx)
    parts = np.array_split(dys[0], len(cache))
    return [np.resize(part, (width, *part.shape[1:])) for part, width in zip(parts, cache, strict=True)], {}


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
    Mutant("outputs dealt out to groups", "OPS-15", "M45: rows change group", {f"{OPS}.conv2d": _groups_dealt_out}),
    Mutant(
        "channels dealt out to groups", "OPS-15", "group g reads g, g + G, ...", {f"{OPS}.conv2d": _channels_dealt_out}
    ),
    Mutant("only the first group", "OPS-15", "every output reads the first channels", {f"{OPS}.conv2d": _first_group}),
    Mutant(
        "one output is depthwise",
        "OPS-15",
        "M46: a convolution of one output channel taken for a depthwise one; Torch-Pruning, NNI, NNCF",
        {f"{OPS}.conv2d": _one_output_is_depthwise},
    ),
    Mutant(
        "groups mixed on the way back",
        "OPS-15",
        "another order of groups",
        {f"{OPS}.conv2d_backward": _group_gradients_mixed},
    ),
    Mutant(
        "some other bias",
        "OPS-15",
        "a layer without a bias takes one",
        {"refprune.backprop._weight_and_bias": _some_bias},
    ),
    Mutant("sigmoid overflows", "OPS-16", "exp(1000) on the way to 0", {f"{OPS}.sigmoid": _sigmoid_unshifted}),
    Mutant("sigmoid clipped", "OPS-16", "exp of at most 30", {f"{OPS}.sigmoid": _sigmoid_clipped}),
    Mutant("hard sigmoid", "OPS-16", "three straight lines", {f"{OPS}.sigmoid": _sigmoid_hard}),
    Mutant("tanh for sigmoid", "OPS-16", "0 at 0", {f"{OPS}.sigmoid": lambda x: (np.tanh(x), _sigmoid(x)[1])}),
    Mutant(
        "sigmoid's slope is y",
        "OPS-16",
        "1 - y is forgotten",
        {f"{OPS}.sigmoid_backward": lambda dy, y: dy * y},
    ),
    Mutant("dropout not scaled", "OPS-17", "activations shrink in training", {f"{OPS}.dropout": _dropout_unscaled}),
    Mutant("dropout divided by the rate", "OPS-17", "1 / rate", {f"{OPS}.dropout": _dropout_scaled_by_rate}),
    Mutant("dropout upside down", "OPS-17", "M14: True means dropped", {f"{OPS}.dropout": _dropout_upside_down}),
    Mutant(
        "dropout passes all gradients",
        "OPS-17",
        "the mask is forgotten",
        {f"{OPS}.dropout_backward": _dropout_back_dense},
    ),
    Mutant(
        "dropout's gradient not scaled",
        "OPS-17",
        "the factor is forgotten",
        {f"{OPS}.dropout_backward": _dropout_back_unscaled},
    ),
    Mutant("eps outside the root", "OPS-18", "sqrt(var) + eps", {f"{OPS}.batch_norm": _eps_outside}),
    Mutant("divided by the variance", "OPS-18", "no root", {f"{OPS}.batch_norm": _without_root}),
    Mutant("normalised by n - 1", "OPS-18", "the batch's variance unbiased", {f"{OPS}.moments": _unbiased_moments}),
    Mutant("variance pixel by pixel", "OPS-18", "over the batch only", {f"{OPS}.moments": _moments_of_examples}),
    Mutant(
        "moments are constants",
        "OPS-18",
        "nothing goes back through them",
        {f"{OPS}.batch_norm_backward": _constant_moments},
    ),
    Mutant(
        "variance is a constant",
        "OPS-18",
        "nothing goes back through it",
        {f"{OPS}.batch_norm_backward": _constant_variance},
    ),
    Mutant(
        "gamma's gradient not normalised",
        "OPS-18",
        "x - mean for the normalised",
        {f"{OPS}.batch_norm_backward": _gamma_from_input},
    ),
    Mutant(
        "momentum of the old",
        "OPS-19",
        "the momentum weights what was; ONNX, Keras",
        {f"{OPS}.running": lambda old, new, momentum: _running(new, old, momentum)},
    ),
    Mutant("running variance over n", "OPS-19", "no n / (n - 1); ONNX", {f"{OPS}.unbiased": lambda var, entries: var}),
    Mutant(
        "statistics replaced",
        "OPS-19",
        "the last batch's only",
        {f"{OPS}.running": lambda old, new, momentum: np.asarray(new)},
    ),
    Mutant("sum of pixels", "OPS-20", "not divided", {f"{OPS}.global_avg_pool2d": _sum_for_mean}),
    Mutant("no pixel left", "OPS-20", "(C,) for (C, 1, 1)", {f"{OPS}.global_avg_pool2d": _flat_mean}),
    Mutant(
        "every pixel the whole gradient",
        "OPS-20",
        "not divided on the way back",
        {f"{OPS}.global_avg_pool2d_backward": _mean_back_whole},
    ),
    Mutant("two summands", "OPS-21", "the third is left out", {f"{OPS}.add": _add_two}),
    Mutant("added in place", "OPS-21", "another reader of the first sees the sum", {f"{OPS}.add": _add_in_place}),
    Mutant("same summand once", "OPS-21", "x + x is x", {f"{OPS}.add": _add_once}),
    Mutant(
        "sum's gradient shared",
        "OPS-21",
        "equal parts for the summands",
        {"refprune.backprop._backward_node": _add_back_shared},
    ),
    Mutant("concatenated backwards", "OPS-22", "the last input first", {f"{OPS}.concat": _concat_backwards}),
    Mutant("concatenated side by side", "OPS-22", "columns for channels", {f"{OPS}.concat": _concat_of_columns}),
    Mutant("same part once", "OPS-22", "M43: the same value twice", {f"{OPS}.concat": _concat_once}),
    Mutant(
        "parts' gradients backwards",
        "OPS-22",
        "M43: another input's part",
        {"refprune.backprop._backward_node": _concat_back_backwards},
    ),
    Mutant("channels dealt out to parts", "OPS-23", "not in runs", {f"{OPS}.split": _split_dealt_out}),
    Mutant(
        "parts counted from the end", "OPS-23", "M44: parts in another order", {f"{OPS}.split": _split_from_the_end}
    ),
    Mutant(
        "parts sent back backwards",
        "OPS-23",
        "M44: parts in another order",
        {"refprune.backprop._backward_node": _split_back_backwards},
    ),
    Mutant(
        "gradients not shifted",
        "OPS-02",
        "padding in front is forgotten",
        {f"{OPS}._scatter_patches": _scatter_unshifted},
    ),
    Mutant(
        "gradients not strided", "OPS-02", "as if the stride were 1", {f"{OPS}._scatter_patches": _scatter_unstrided}
    ),
    Mutant(
        "pool gradients not shifted",
        "OPS-04",
        "padding in front is forgotten",
        {f"{OPS}.max_pool2d_backward": _max_back_unshifted},
    ),
    Mutant("rows of padding counted", "OPS-06", "columns alone are left out", {f"{OPS}.avg_pool2d": _avg_rows_counted}),
    Mutant("mean's stride swapped", "OPS-06", "(columns, rows)", {f"{OPS}.avg_pool2d": _avg_stride_swapped}),
    Mutant("relu up to 6", "OPS-07", "MobileNet's activation under this name", {f"{OPS}.relu": _capped}),
    Mutant("slope up to 6", "OPS-07", "MobileNet's activation on the way back", {f"{OPS}.relu_backward": _flat_below}),
    Mutant("turned unless square", "OPS-08", "M41: columns before rows", {f"{OPS}.flatten": _turned}),
    Mutant("turned on the way back", "OPS-08", "M41: columns before rows", {f"{OPS}.flatten_backward": _turned_back}),
    Mutant(
        "wide groups mixed",
        "OPS-15",
        "right where a group reads one channel",
        {f"{OPS}.conv2d_backward": _wide_groups_mixed},
    ),
    Mutant(
        "multiplier first on the way back",
        "OPS-15",
        "M46: the other order of two axes",
        {f"{OPS}.conv2d_backward": _multiplier_first},
    ),
    Mutant(
        "gradient of no bias",
        "OPS-15",
        "a parameter that is not there",
        {"refprune.backprop.loss_and_grads": _bias_of_none},
    ),
    Mutant(
        "sigmoid's slope overflows",
        "OPS-16",
        "inf / inf far below 0",
        {f"{OPS}.sigmoid": lambda x: (_sigmoid(x)[0], x), f"{OPS}.sigmoid_backward": _slope_by_exponentials},
    ),
    Mutant("mean of a square", "OPS-20", "H * H for H * W", {f"{OPS}.global_avg_pool2d": _mean_of_a_square}),
    Mutant(
        "gradient of a square",
        "OPS-20",
        "H * H for H * W",
        {f"{OPS}.global_avg_pool2d_backward": _mean_back_of_a_square},
    ),
    Mutant(
        "equal parts of a gradient",
        "OPS-22",
        "M43: as if all inputs were as wide",
        {"refprune.backprop._backward_node": _concat_back_even},
    ),
)
