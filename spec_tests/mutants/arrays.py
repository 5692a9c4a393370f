"""Wrong masks, counts and defaults."""

from typing import Any

import numpy as np

from refprune.errors import InvalidInput
from spec_tests.backends.reference import Reference
from spec_tests.mutants.mutant import Mutant, original

ARRAYS = "refprune.arrays"
MASKED, CHECK, COUNT = f"{ARRAYS}.masked", f"{ARRAYS}.check_masks", f"{ARRAYS}.count_kept"
FLOATS, STATISTIC = f"{ARRAYS}.check_float_arrays", f"{ARRAYS}.is_statistic"
_floats = original(FLOATS)
_is_statistic = original(STATISTIC)
_masked, _count, _is_weight = original(MASKED), original(COUNT), original(f"{ARRAYS}.is_weight")


def _multiplied(array: Any, mask: Any) -> Any:
    """Multiply by the mask."""
    with np.errstate(invalid="ignore"):
        return array.copy() if mask is None else array * mask


def _all_multiplied(array: Any, mask: Any) -> Any:
    """Multiply by the mask after clearing what a product cannot."""
    return array.copy() if mask is None else np.where(np.isfinite(array), array, 0) * mask


def _in_place(array: Any, mask: Any) -> Any:
    """Write into the caller's array."""
    if mask is not None:
        array[~mask] = 0
    return array


def _as_scaling(array: Any, mask: Any) -> Any:
    """Take whatever the mask holds as a factor."""
    return array.copy() if mask is None else array * np.asarray(mask)


def _broadcast(masks: Any, arrays: Any) -> None:
    """Check names only, and let NumPy broadcast."""
    for name in masks:
        if name not in arrays:
            raise InvalidInput("masks", name, f"one of {sorted(arrays)}")


def _shapes_only(masks: Any, arrays: Any) -> None:
    """Check shapes, and skip masks of names that are not there."""
    for name in masks:
        if name in arrays and np.shape(masks[name]) != arrays[name].shape:
            raise InvalidInput("masks", np.shape(masks[name]), str(arrays[name].shape))


def _no_half(what: Any, arrays: Any) -> None:
    """Take float32 and float64 only."""
    _floats(what, arrays)
    for name, array in arrays.items():
        if array.dtype.itemsize < np.dtype(np.float32).itemsize:
            raise InvalidInput(f"{what} {name!r}", array.dtype, "float32 or float64")


def _no_scalar(what: Any, arrays: Any) -> None:
    """Take arrays with axes only."""
    _floats(what, arrays)
    for name, array in arrays.items():
        if array.ndim == 0:
            raise InvalidInput(f"{what} {name!r}", array.shape, "at least one axis")


def _any_order(what: Any, arrays: Any) -> None:
    """Look at the kind of number only."""
    _floats(what, {name: np.asarray(array).astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()
                   if isinstance(array, np.ndarray)})  # fmt: skip
    _floats(what, {name: array for name, array in arrays.items() if not isinstance(array, np.ndarray)})


class _Running(Reference):
    """Run with masks made otherwise."""

    def __init__(self, masks: Any) -> None:
        self.masks = masks

    def forward(self, network: Any, params: Any, masks: Any, x: Any) -> Any:
        return super().forward(network, params, self.masks(params, masks), x)


class _Multiplying(Reference):
    """Multiply by the masks on the way."""

    def forward(self, network: Any, params: Any, masks: Any, x: Any) -> Any:
        checked = super().apply(params, masks)
        with np.errstate(invalid="ignore"):
            return super().forward(network, {name: params[name] * masks.get(name, 1.0) for name in checked}, {}, x)


def _float32(masks: Any, arrays: Any) -> Any:
    """Add up in float32."""
    kept, total = _count(masks, arrays)
    return int(np.float32(kept)), int(np.float32(total))


def _nonzero(masks: Any, arrays: Any) -> Any:
    """Count the entries that are not 0."""
    return sum(int(np.count_nonzero(array)) for array in arrays.values()), _count({}, arrays)[1]


def _masked_arrays_only(masks: Any, arrays: Any) -> Any:
    """Leave arrays without a mask out of the count."""
    return _count(masks, {name: arrays[name] for name in masks} or arrays)


MUTANTS = (
    Mutant(
        "mask upside down",
        "ARR-01",
        "M14: True means removed",
        {MASKED: lambda a, m: _masked(a, None if m is None else ~m)},
    ),
    Mutant(
        "no mask removes all",
        "ARR-01",
        "a missing mask is not dense",
        {MASKED: lambda a, m: _masked(a, np.zeros(a.shape, bool) if m is None else m)},
    ),
    Mutant(
        "kept zeros lose their sign",
        "ARR-01",
        "what is kept is computed anew",
        {MASKED: lambda a, m: _masked(a, m) + 0.0},
    ),
    Mutant(
        "tiny weights go too",
        "ARR-01",
        "M82: an eps threshold of 1e-8; llm-compressor",
        {MASKED: lambda a, m: np.where(abs(a) > 1e-8, _masked(a, m), a * 0)},
    ),
    Mutant(
        "any mask is a factor",
        "ARR-02",
        "M88: masks of 2.0 scale; torch.nn.utils.prune",
        {MASKED: _as_scaling, CHECK: lambda masks, arrays: None},
    ),
    Mutant("masks are broadcast", "ARR-02", "a row's mask for a matrix", {CHECK: _broadcast}),
    Mutant("unknown masks are skipped", "ARR-02", "a misspelt name prunes nothing", {CHECK: _shapes_only}),
    Mutant(
        "any dtype will do",
        "ARR-03",
        "integers and objects let in",
        {f"{ARRAYS}.check_float_arrays": lambda what, arrays: None},
    ),
    Mutant("half precision refused", "ARR-03", "float16 is taken for no float", {FLOATS: _no_half}),
    Mutant("arrays without axes refused", "ARR-03", "one score is an error", {FLOATS: _no_scalar}),
    Mutant("any byte order", "ARR-03", "equal numbers of other bytes let in", {FLOATS: _any_order}),
    Mutant("entries counted in float32", "ARR-04", "M90: 16,777,217 becomes 16,777,216; JaxPruner", {COUNT: _float32}),
    Mutant("counted from zeros", "ARR-04", "M79: parameters that are 0; ShrinkBench", {COUNT: _nonzero}),
    Mutant(
        "dense arrays not counted",
        "ARR-04",
        "M78, M79: sparsity of the masked arrays only",
        {COUNT: _masked_arrays_only},
    ),
    Mutant(
        "biases ranked",
        "ARR-05",
        "M32: every parameter competes; ShrinkBench",
        {f"{ARRAYS}.is_weight": lambda name: True},
    ),
    Mutant(
        "any name with weight",
        "ARR-05",
        "an array called weight that belongs to no layer",
        {f"{ARRAYS}.is_weight": lambda name: name.endswith("weight")},
    ),
    Mutant(
        "last layer left out",
        "ARR-05",
        "the last layer is excluded in silence; INC",
        {f"{ARRAYS}.is_weight": lambda name: _is_weight(name) and not name.startswith("out")},
    ),
    Mutant("multiplied masks", "ARR-06", "M20: inf times 0 is NaN; torch.nn.utils.prune", {MASKED: _multiplied}),
    Mutant("negative zeros", "ARR-07", "M82: -1 times 0 is -0.0; torch.nn.utils.prune", {MASKED: _all_multiplied}),
    Mutant(
        "widened by a mask",
        "ARR-08",
        "a float64 zero widens float32",
        {MASKED: lambda a, m: a.copy() if m is None else np.where(m, a, np.float64(0))},
    ),
    Mutant("masked in place", "ARR-09", "the caller's weights are overwritten", {MASKED: _in_place}),
    Mutant(
        "dense arrays handed on",
        "ARR-09",
        "arrays without a mask are not copied",
        {MASKED: lambda a, m: a if m is None else _masked(a, m)},
    ),
    Mutant(
        "run with masks that fit",
        "ARR-02",
        "masks of nobody are dropped before the pass",
        backend=_Running(lambda params, masks: {name: mask for name, mask in masks.items() if name in params}),
    ),
    Mutant(
        "run without masks", "ARR-10", "the pass reads the dense weights", backend=_Running(lambda params, masks: {})
    ),
    Mutant(
        "run upside down",
        "ARR-10",
        "M14: True means removed, in the pass only",
        backend=_Running(lambda params, masks: {name: ~mask for name, mask in masks.items()}),
    ),
    Mutant(
        "run with the weights' masks",
        "ARR-10",
        "masks of biases are forgotten in the pass",
        backend=_Running(lambda params, masks: {name: mask for name, mask in masks.items() if _is_weight(name)}),
    ),
    Mutant(
        "run with every gamma",
        "ARR-10",
        "M39: masks of normalisations are forgotten in the pass",
        backend=_Running(
            lambda params, masks: {name: m for name, m in masks.items() if not name.endswith((".gamma", ".beta"))}
        ),
    ),
    Mutant("statistics learned", "ARR-11", "running statistics have gradients", {STATISTIC: lambda name: False}),
    Mutant(
        "means only are statistics",
        "ARR-11",
        "M38: only one of the two is treated",
        {STATISTIC: lambda name: name.endswith(".running_mean")},
    ),
    Mutant(
        "normalisations not learned",
        "ARR-11",
        "gamma and beta are left out, too",
        {STATISTIC: lambda name: _is_statistic(name) or name.endswith((".gamma", ".beta"))},
    ),
    Mutant(
        "any name with running",
        "ARR-11",
        "a layer of that name is not trained",
        {STATISTIC: lambda name: "running" in name},
    ),
    Mutant("run on products", "ARR-10", "M20: NaN under a mask reaches the logits", backend=_Multiplying()),
)
