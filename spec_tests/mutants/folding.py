"""Wrong folding of constants."""

from dataclasses import replace
from typing import Any

import numpy as np

from refprune.network import Conv2d, layers
from spec_tests.mutants.mutant import Mutant, original

FOLDING = "refprune.folding"
CHECK = "refprune.granularity.check_unit_masks"
FOLD, CONSTANTS, SHIFT, READER, WEIGHTLESS = (
    f"{FOLDING}.{name}" for name in ("fold_constants", "_constants", "_shift", "_check_reader", "_check_weightless")
)
_fold, _constants, _shift, _reader, _weightless = (
    original(path) for path in (FOLD, CONSTANTS, SHIFT, READER, WEIGHTLESS)
)


def _unfolded(network: Any, params: Any, groups: Any, unit_masks: Any) -> Any:
    """Drop the constants, as if every constant unit were silent."""
    return _fold(network, params, groups, {})


def _bias_itself(seen: Any, value: str, groups: Any, unit_masks: Any) -> Any:
    """Take what the maker says, before normalisation and activation."""
    maker = next(name for name in seen if name in ("fc1", "a", "first"))
    return _constants(seen | {value: seen[maker]}, value, groups, unit_masks)


def _all_channels(seen: Any, value: str, groups: Any, unit_masks: Any) -> Any:
    """Fold what every channel says at this input, removed or not."""
    return seen[value].reshape(len(seen[value]), -1)[:, 0].astype(np.float64)


def _one_pixel(node: Any, weight: Any, constants: Any) -> Any:
    """Read the constant once, whatever the kernel."""
    return _shift(node, weight if weight.ndim == 2 else weight[:, :, :1, :1], constants)


def _subtracted(node: Any, weight: Any, constants: Any) -> Any:
    """Take away in place of adding."""
    return -_shift(node, weight, constants)


def _first_group(node: Any, weight: Any, constants: Any) -> Any:
    """Let every group read the first group's channels."""
    width = weight.shape[1]
    return _shift(node, weight, np.tile(constants[:width], len(constants) // width))


def _in_place(network: Any, params: Any, groups: Any, unit_masks: Any) -> Any:
    """Write into the given biases."""
    folded = _fold(network, params, groups, unit_masks)
    for name, array in folded.items():
        params[name][...] = array
    return folded


def _handed_on(network: Any, params: Any, groups: Any, unit_masks: Any) -> Any:
    """Hand the given arrays on where nothing is folded."""
    folded = _fold(network, params, groups, unit_masks)
    return {name: params[name] if np.array_equal(params[name], array) else array for name, array in folded.items()}


def _first_reader(network: Any, params: Any, groups: Any, unit_masks: Any) -> Any:
    """Fold into the first reader of each value alone."""
    folded = _fold(network, params, groups, unit_masks)
    seen: set[str] = set()
    for node in layers(network):
        if node.inputs[0] in seen:
            folded[f"{node.name}.bias"] = params[f"{node.name}.bias"].copy()
        seen.add(node.inputs[0])
    return folded


def _one_group(seen: Any, value: str, groups: Any, unit_masks: Any) -> Any:
    """Fold the units of the first group alone."""
    return _constants(seen, value, groups, dict(list(unit_masks.items())[:1]))


def _first_maker(params: Any, groups: Any, unit_masks: Any) -> Any:
    """Look at the weights of the first maker alone."""
    _weightless(params, [group._replace(producers=group.producers[:1]) for group in groups], unit_masks)


def _all_round(node: Any, network: Any) -> Any:
    """Take padding for padding where it is on all sides."""
    some = isinstance(node, Conv2d) and not all(node.padding)
    _reader(replace(node, padding=(0, 0, 0, 0)) if some else node, network)


def _widened(network: Any, params: Any, groups: Any, unit_masks: Any) -> Any:
    """Return biases as they were added up."""
    folded = _fold(network, params, groups, unit_masks)
    return {name: array.astype(np.float64) if array.ndim == 1 else array for name, array in folded.items()}


MUTANTS = (
    Mutant("constants dropped", "FLD-01", "M39: masked and compacted differ; NNI, slimming, FPGM", {FOLD: _unfolded}),
    Mutant("constant of the maker", "FLD-01", "M39: the bias, not its activation", {CONSTANTS: _bias_itself}),
    Mutant("kept channels folded", "FLD-01", "what a kept unit says at one input", {CONSTANTS: _all_channels}),
    Mutant("one pixel of a kernel", "FLD-01", "a constant read once in place of kh kw times", {SHIFT: _one_pixel}),
    Mutant("constants subtracted", "FLD-01", "the wrong sign", {SHIFT: _subtracted}),
    Mutant("first group for all", "FLD-01", "grouped readers read one group", {SHIFT: _first_group}),
    Mutant(
        "padding of a reader ignored", "FLD-02", "a border that has no constant", {READER: lambda node, network: None}
    ),
    Mutant(
        "weights ignored", "FLD-02", "units that are not constant", {WEIGHTLESS: lambda params, groups, masks: None}
    ),
    Mutant("strange masks ignored", "FLD-02", "a name that matches nothing", {CHECK: lambda groups, masks: None}),
    Mutant("biases overwritten", "FLD-03", "given arrays are changed", {FOLD: _in_place}),
    Mutant("arrays handed on", "FLD-03", "returned arrays share memory with the given ones", {FOLD: _handed_on}),
    Mutant("first reader folded", "FLD-01", "M40: the second reader of a fork", {FOLD: _first_reader}),
    Mutant("one group folded", "FLD-01", "the other units' constants are dropped", {CONSTANTS: _one_group}),
    Mutant("first maker looked at", "FLD-02", "M42: the other branch computes something", {WEIGHTLESS: _first_maker}),
    Mutant("padding all round", "FLD-02", "one side of padding is overlooked", {READER: _all_round}),
    Mutant("biases widened", "FLD-03", "U47: float64 beside float32", {FOLD: _widened}),
)
