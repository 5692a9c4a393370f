"""What each ONNX operator becomes; one that the records cannot say is refused.

In: an operator, and what has been read before it. Out: the record is added, with its parameters.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import prod
from typing import Any

import numpy as np

from refprune.arrays import Array
from refprune.errors import InvalidInput
from refprune.lab.exchange.found import Found, Operator
from refprune.lab.exchange.to_onnx import complement
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
    Node,
    Relu,
    Sigmoid,
    Split,
)

Reader = Callable[[Operator, Found], None]


# Layers


def _gemm(operator: Operator, found: Found) -> None:
    _only(operator, {"transA": 0, "alpha": 1.0, "beta": 1.0})
    weight, transposed = found.parameter(operator, 1, 2), operator.attributes.get("transB", 0)
    weight = weight if transposed else weight.T
    bias = found.constant(operator, 2)
    _put_dense(operator, found, weight, None if bias is None else _bias(operator, bias, len(weight), found))


def _matmul(operator: Operator, found: Found) -> None:
    """Read a product, and the sum behind it with a bias."""
    weight = found.parameter(operator, 1, 2).T
    behind = _bias_behind(operator, found)
    if behind is None:
        return _put_dense(operator, found, weight, None)
    name, addition = behind
    whole = operator._replace(inputs=(*operator.inputs, name))
    _put_dense(whole, found, weight, _bias(addition, found.constants[name], len(weight), found))
    found.values[addition.outputs[0]] = found.values[operator.outputs[0]]
    return None


def _bias_behind(operator: Operator, found: Found) -> tuple[str, Operator] | None:
    """Return the constant that is added to a value that nobody else reads, and the addition."""
    value = operator.outputs[0]
    for other in found.operators:
        if other.kind == "Add" and value in other.inputs and found.readers[value] == 1:
            name = other.inputs[1 - other.inputs.index(value)]
            return (name, other) if name in found.constants else None
    return None


def _bias(operator: Operator, array: Array, outputs: int, found: Found) -> Array:
    """Return what is added to every example, (outputs,)."""
    if array.dtype != found.dtype or array.shape not in ((), (1,), (1, 1), (outputs,), (1, outputs)):
        got = f"a bias of {array.dtype} and shape {array.shape}"
        raise InvalidInput(operator.what, got, f"{found.dtype} of shape ({outputs},)")
    if not np.isfinite(array).all():
        raise InvalidInput(operator.what, "NaN or infinity in its bias", "finite numbers")
    return np.broadcast_to(array.ravel(), (outputs,)).copy()


def _put_dense(operator: Operator, found: Found, weight: Array, bias: Array | None) -> None:
    shares = _shares(operator, found, operator.attributes.get("transB", 0))
    node = Dense(operator.name, bias is not None, shares, (found.value(operator, 0),))
    found.put(operator, node, np.ascontiguousarray(weight), bias)


def _shares(operator: Operator, found: Found, *how: object) -> str:
    """Return the layer that owns the initializers of this one; none, when it is the first to use them so."""
    owner = found.owners.setdefault((operator.kind, *how, *operator.inputs[1:]), operator.name)
    return "" if owner == operator.name else owner


def _conv(operator: Operator, found: Found) -> None:
    weight, value = found.parameter(operator, 1, 4), found.value(operator, 0)
    window = weight.shape[2:]
    _only(operator, {"auto_pad": b"NOTSET", "dilations": [1, 1], "kernel_shape": list(window)})
    bias = None if found.constant(operator, 2) is None else found.parameter(operator, 2, 1)
    stride, padding = _window(operator)
    groups = operator.attributes.get("group", 1)
    if groups == found.shape(value)[0] > 1:
        depthwise = DepthwiseConv2d(operator.name, stride, padding, bias is not None, (value,))
        return found.put(operator, depthwise, weight, bias)
    shares = _shares(operator, found)
    node = Conv2d(operator.name, stride, padding, groups, bias is not None, shares, (value,))
    return found.put(operator, node, weight, bias)


def _window(operator: Operator) -> tuple[Any, Any]:
    """Return stride and padding; without them 1 and 0."""
    given = operator.attributes
    return tuple(given.get("strides", (1, 1))), tuple(given.get("pads", (0, 0, 0, 0)))


def _batch_norm(operator: Operator, found: Found) -> None:
    _only(operator, {"training_mode": 0})
    eps = _decimal(operator.attributes.get("epsilon", 1e-5))
    momentum = complement(_decimal(operator.attributes.get("momentum", 0.9)))
    node = BatchNorm(operator.name, eps, momentum, (found.value(operator, 0),))
    arrays = [found.parameter(operator, place, 1) for place in range(1, 5)]
    if (arrays[-1] < 0).any():
        raise InvalidInput(operator.what, f"a variance of {arrays[-1].min()} in {operator.inputs[4]!r}", "0 or more")
    found.put(operator, node, *arrays)


def _decimal(single: float) -> float:
    """Return the shortest decimal that is this number in float32: 0.9, and not 0.8999999761581421."""
    return float(Decimal(str(np.float32(single))))


# Steps without parameters


def _max_pool(operator: Operator, found: Found) -> None:
    _only(operator, {"auto_pad": b"NOTSET", "dilations": [1, 1], "ceil_mode": 0, "storage_order": 0})
    found.put(operator, MaxPool2d(operator.name, *_pool(operator), inputs=(found.value(operator, 0),)))


def _avg_pool(operator: Operator, found: Found) -> None:
    _only(operator, {"auto_pad": b"NOTSET", "dilations": [1, 1], "ceil_mode": 0})
    size, stride, padding = _pool(operator)
    if any(padding):
        _only(operator, {"count_include_pad": 0})
    found.put(operator, AvgPool2d(operator.name, size, stride, padding, (found.value(operator, 0),)))


def _pool(operator: Operator) -> tuple[Any, Any, Any]:
    size = tuple(operator.attributes["kernel_shape"])
    if len(size) != 2:
        raise InvalidInput(operator.what, f"kernel_shape {list(size)}", "rows and columns")
    return size, *_window(operator)


def _reduce_mean(operator: Operator, found: Found) -> None:
    """Read the mean of all rows and columns, which PyTorch writes in place of a global average-pool."""
    value, axes = found.value(operator, 0), found.constant(operator, 1)
    over = operator.attributes.get("axes", []) if axes is None else axes.ravel().tolist()
    rank = 1 + len(found.shape(value))
    if rank != 4 or sorted(axis % rank for axis in over) != [2, 3]:
        raise InvalidInput(operator.what, f"axes {over} of {rank}", "axes [2, 3] of 4, rows and columns")
    _only(operator, {"keepdims": 1})
    found.put(operator, GlobalAvgPool2d(operator.name, (value,)))


def _dropout(operator: Operator, found: Found) -> None:
    """Read a dropout, which does nothing in use."""
    ratio, training = found.constant(operator, 1), found.constant(operator, 2)
    if training is not None and training.any():
        raise InvalidInput(operator.what, "training_mode true", "false")
    rate = 0.5 if ratio is None else ratio.item()
    single = ratio is not None and ratio.dtype == np.float32
    node = Dropout(operator.name, _decimal(rate) if single else rate, (found.value(operator, 0),))
    found.put(operator, node)


def _flatten(operator: Operator, found: Found) -> None:
    value = found.value(operator, 0)
    _check_axis(operator, found, value, 1)
    found.put(operator, Flatten(operator.name, (value,)))


def _reshape(operator: Operator, found: Found) -> None:
    """Read a reshape that leaves the batch as it is and puts everything else into one axis."""
    value, target = found.value(operator, 0), found.constant(operator, 1)
    wanted = [] if target is None else target.ravel().tolist()
    features = prod(found.shape(value))
    same = {-1} if operator.attributes.get("allowzero", 0) else {0, -1}
    batch = same | ({found.batch} if found.batch else set())
    if len(wanted) != 2 or wanted[0] not in batch or wanted[1] not in (-1, features) or wanted == [-1, -1]:
        raise InvalidInput(operator.what, f"shape {wanted}", f"(N, {features}), written as [0, -1] or [-1, {features}]")
    found.put(operator, Flatten(operator.name, (value,)))


def _sum(operator: Operator, found: Found) -> None:
    if len(operator.inputs) == 1:
        return _identity(operator, found)
    return found.put(operator, Add(operator.name, found.all_values(operator)))


def _concat(operator: Operator, found: Found) -> None:
    values = found.all_values(operator)
    _check_axis(operator, found, values[0], None)
    if len(values) == 1:
        return _identity(operator, found)
    return found.put(operator, Concat(operator.name, values))


def _split(operator: Operator, found: Found) -> None:
    """Read a split, by sizes or into so many parts, the last of which may be smaller."""
    value, sizes = found.value(operator, 0), found.constant(operator, 1)
    _check_axis(operator, found, value, 0)
    if sizes is None:
        parts, channels = operator.attributes.get("num_outputs", len(operator.outputs)), found.shape(value)[0]
        if parts != len(operator.outputs) or (channels % parts and "num_outputs" not in operator.attributes):
            raise InvalidInput(operator.what, f"{channels} channels in {parts} parts", "as many for each output")
        part = -(-channels // parts)
        sizes = np.diff([*range(0, part * parts, part), channels])
    found.put(operator, Split(operator.name, tuple(map(int, sizes.ravel())), (value,)))


def _identity(operator: Operator, found: Found) -> None:
    found.values[operator.outputs[0]] = found.value(operator, 0)


def _plain(kind: Callable[..., Node]) -> Reader:
    """Return the reader of an operator that has nothing to say."""

    def read(operator: Operator, found: Found) -> None:
        found.put(operator, kind(operator.name, inputs=(found.value(operator, 0),)))

    return read


def _only(operator: Operator, accepted: Mapping[str, Any]) -> None:
    """Refuse attributes of a value that the records cannot say."""
    for name, value in accepted.items():
        got = operator.attributes.get(name, value)
        if got != value:
            text = got.decode(errors="replace") if isinstance(got, bytes) else got
            wanted = value.decode() if isinstance(value, bytes) else value
            raise InvalidInput(operator.what, f"{name} {text}", f"{name} {wanted}")


def _check_axis(operator: Operator, found: Found, value: str, default: int | None) -> None:
    """Refuse an axis that is not that of the channels, counted from the front or from the end."""
    axis, rank = operator.attributes.get("axis", default), 1 + len(found.shape(value))
    if axis not in (1, 1 - rank):
        raise InvalidInput(operator.what, f"axis {axis} of {rank}", "axis 1, that of the channels")


READERS: Mapping[str, Reader] = {
    "Add": _sum,
    "AveragePool": _avg_pool,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(GlobalAvgPool2d),
    "Identity": _identity,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
    "Relu": _plain(Relu),
    "Reshape": _reshape,
    "Sigmoid": _plain(Sigmoid),
    "Split": _split,
    "Sum": _sum,
}
"""Operator -> what reads it."""
