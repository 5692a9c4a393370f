"""Parameters, gradients, scores and masks: flat mappings from a name to an array.

In: named arrays. Out: named arrays, and integers counted from them.
Specification: docs/spec/arrays.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refprune.errors import InvalidInput

Array = NDArray[Any]
Mask = NDArray[np.bool_]

Params = Mapping[str, Array]
"""Name -> values, e.g. `{"conv1.weight": (out, in, kh, kw), "conv1.bias": (out,)}`. Never changed in place.

Running statistics are among them, and no gradient moves them: `learned` leaves them out."""
Grads = Mapping[str, Array]
"""Name -> d loss / d parameter; the keys, shapes and dtypes of the learned parameters."""
Scores = Mapping[str, Array]
"""Name -> importance, higher is kept. The order of the mapping is part of every tie rule (SEL-04)."""
Masks = Mapping[str, Mask]
"""Name -> bool, True = kept. A parameter without an entry is dense."""


def apply_masks(params: Params, masks: Masks) -> dict[str, Array]:
    """Return new parameters in which every removed entry is +0.0.

    `masked = where(mask, w, 0)`: a product of floats would leave -0.0 and turn a removed inf into nan.
    Values are not inspected; dtypes are kept; arrays without a mask are copied.

    Raises:
        InvalidInput: a mask of an unknown name, a wrong shape, or a dtype other than bool; a parameter that
            is no array of a floating-point dtype.
    """
    check_float_arrays("parameter", params)
    check_masks(masks, params)
    return {name: masked(array, masks.get(name)) for name, array in params.items()}


def masked(array: Array, mask: Mask | None, out: Array | None = None) -> Array:
    """Return `array`, +0.0 where `mask` is False (all kept when there is no mask): a new array, or `out`.

    The bits of each number, read as an integer, times 1 or 0: `where(mask, array, 0)` in a fifth of its time,
    since nothing branches on a mask that cannot be predicted.
    """
    out = np.empty_like(array) if out is None else out  # ARR-08, ARR-09
    if mask is None or array.itemsize > 8:  # no integer is as wide as an extended float
        np.copyto(out, array if mask is None else np.where(mask, array, 0))
    else:
        bits = np.dtype(f"i{array.itemsize}")
        np.multiply(array.view(bits), mask, out=out.view(bits))  # ARR-01, ARR-06, ARR-07, ARR-10
    return out


def check_masks(masks: Masks, arrays: Mapping[str, Array]) -> None:
    """Refuse masks that do not fit `arrays` by key, shape or dtype."""
    for name, mask in masks.items():  # ARR-02
        if name not in arrays:
            raise InvalidInput("masks", f"a mask for {name!r}", f"one of {sorted(arrays)}")
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
            raise InvalidInput(f"mask of {name!r}", kind, "a NumPy array of bool, True = kept")
        if mask.shape != arrays[name].shape:
            raise InvalidInput(f"mask of {name!r}", f"shape {mask.shape}", f"shape {arrays[name].shape}")


def check_float_arrays(what: str, arrays: Mapping[str, Array]) -> None:
    """Refuse anything but NumPy arrays of a real floating-point dtype in the machine's byte order."""
    for name, array in arrays.items():  # ARR-03
        if not isinstance(array, np.ndarray):
            raise InvalidInput(f"{what} {name!r}", type(array).__name__, "a NumPy array")
        if not np.issubdtype(array.dtype, np.floating) or not array.dtype.isnative:
            raise InvalidInput(f"{what} {name!r}", f"dtype {array.dtype}", "a native floating-point dtype")


def count_kept(masks: Masks, arrays: Mapping[str, Array]) -> tuple[int, int]:
    """Return (kept, all) entries of `arrays` under `masks`, as exact Python integers."""
    check_masks(masks, arrays)
    total = sum(array.size for array in arrays.values())
    removed = sum(mask.size - int(np.count_nonzero(mask)) for mask in masks.values())
    return total - removed, total  # ARR-04


def sparsity(masks: Masks, arrays: Mapping[str, Array]) -> float:
    """Return removed / all of the entries of `arrays`, counted from the masks and never from zeros.

    Raises:
        InvalidInput: there is no entry, so the fraction has no meaning.
    """
    kept, total = count_kept(masks, arrays)
    if total == 0:
        raise InvalidInput("sparsity", "no entries", "at least one entry")
    return (total - kept) / total  # ARR-04


def weights(params: Params) -> dict[str, Array]:
    """Return the arrays that are ranked by default: every `*.weight`, first and last layer included.

    Biases and normalisation parameters are never ranked.
    """
    return {name: array for name, array in params.items() if is_weight(name)}  # ARR-05


def is_weight(name: str) -> bool:
    """Say whether the parameter `name` is the weight of a dense or convolution layer."""
    return name.endswith(".weight")


def learned(params: Params) -> dict[str, Array]:
    """Return the arrays that have gradients: all but running statistics."""
    return {name: array for name, array in params.items() if not is_statistic(name)}  # ARR-11


def is_statistic(name: str) -> bool:
    """Say whether the parameter `name` is a running mean or variance of a normalisation."""
    return name.endswith((".running_mean", ".running_var"))
