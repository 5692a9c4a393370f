"""Wrong measures and wrong counts."""

from math import prod
from typing import Any

import numpy as np

from refprune.backprop import forward
from refprune.network import Conv2d, layers, owner
from refprune.shapes import infer_shapes
from spec_tests.mutants.mutant import Mutant, original

MEASURE = "refprune.measure"
COUNT, POSITIONS, KEPT = (f"{MEASURE}.{name}" for name in ("count", "output_positions", "_kept"))
BITMASK, CSR, LOGITS = (f"{MEASURE}.{name}" for name in ("bitmask_bytes", "csr_bytes", "_logits"))
_count, _positions, _bitmask, _csr = (original(path) for path in (COUNT, POSITIONS, BITMASK, CSR))
_logits, _loss = original(LOGITS), original(f"{MEASURE}.loss")


def _fraction(**wrong: Any) -> dict[str, Any]:
    """Replace a fraction; each formula takes the counts."""
    formulas = {name: property(formula) for name, formula in wrong.items()}

    def count(*asked: Any) -> Any:
        right = _count(*asked)
        return type("Counts", (type(right),), formulas)(*right)

    return {COUNT: count}


def _counts(**wrong: Any) -> dict[str, Any]:
    """Replace a count; each takes the network, the parameters, the masks and the right counts."""

    def count(network: Any, params: Any, masks: Any = None) -> Any:
        right = _count(network, params, masks)
        return right._replace(**{name: rule(network, params, masks or {}, right) for name, rule in wrong.items()})

    return {COUNT: count}


def _last_of_ties(network: Any, params: Any, x: Any, labels: Any) -> float:
    """Let the highest of tied classes win."""
    logits = _logits(network, params, x, labels)[:, ::-1]
    return float((logits.shape[1] - 1 - logits.argmax(axis=1) == labels).mean())


def _any_of_ties(network: Any, params: Any, x: Any, labels: Any) -> float:
    """Count every tied class as right."""
    logits = _logits(network, params, x, labels)
    return float((logits[np.arange(len(x)), labels] == logits.max(axis=1)).mean())


def _unshifted(network: Any, params: Any, x: Any, labels: Any) -> float:
    """Take exp of the logits as they are."""
    logits = _logits(network, params, x, labels)
    with np.errstate(all="ignore"):
        odds = np.exp(logits)
        return float(np.mean(np.log(odds.sum(axis=1)) - logits[np.arange(len(x)), labels]))


def _ignoring(*, stride: bool = False, padding: bool = False) -> dict[str, Any]:
    """Leave the stride or the padding out of the number of positions."""

    def positions(network: Any, params: Any) -> Any:
        right = _positions(network, params)
        shapes = infer_shapes(network, params)
        for node in layers(network):
            if isinstance(node, Conv2d):
                steps = (1, 1) if stride else node.stride
                added = (0, 0, 0, 0) if padding else node.padding
                sides = zip(shapes[node.inputs[0]][1:], params[f"{node.name}.weight"].shape[2:], steps, strict=True)
                both = (added[0] + added[2], added[1] + added[3])
                right[f"{node.name}.weight"] = prod(
                    (n + more - k) // s + 1 for more, (n, k, s) in zip(both, sides, strict=True)
                )
        return right

    return {POSITIONS: positions}


def _as_float32(network: Any, params: Any) -> Any:
    """Count in float32."""
    return {name: int(np.float32(1) * np.float32(count)) for name, count in _positions(network, params).items()}


def _as_int64(network: Any, params: Any) -> Any:
    """Multiply 64-bit integers, which wrap around."""
    shapes = infer_shapes(network, params)
    return {f"{node.name}.weight": int(np.prod(shapes[node.name][1:], dtype=np.int64)) for node in layers(network)}


def _unmasked_macs(network: Any, params: Any, masks: Any, right: Any) -> Any:
    return right.macs


def _masked_macs(network: Any, params: Any, masks: Any, right: Any) -> Any:
    return right.macs_nonzero


def _macs_with_bias(network: Any, params: Any, masks: Any, right: Any) -> Any:
    places = _positions(network, params)
    return right.macs + sum(len(params[name]) * times for name, times in places.items())


def _macs_of_fraction(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Take the density of all parameters, biases included, for that of every layer."""
    return round(right.macs * right.parameters_kept / right.parameters)


def _rounded_once(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Round the bits of the whole network up once."""
    values = right.bytes_bitmask - sum(-(-array.size // 8) for array in params.values())
    return -(-right.parameters // 8) + values


def _nonzero(array: Any, masks: Any, name: str) -> int:
    """Count what is not 0."""
    return int(np.count_nonzero(array))


def _nonzero_and_kept(array: Any, masks: Any, name: str) -> int:
    """Count what is kept and not 0."""
    return int(np.count_nonzero(np.where(masks.get(name, True), array, 0)))


def _all_arrays(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Count running statistics as parameters."""
    return sum(array.size for array in params.values())


def _bytes_of_learned(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Leave the running statistics out of what is stored."""
    return sum(array.nbytes for name, array in params.items() if ".running_" not in name)


def _groups_ignored(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Let every output read every channel."""
    shapes, places = infer_shapes(network, params), _positions(network, params)
    weights = [(f"{node.name}.weight", shapes[node.inputs[0]][0]) for node in layers(network)]
    return sum(params[name].size // params[name].shape[1] * channels * places[name] for name, channels in weights)


def _last_layer_only(network: Any, params: Any) -> Any:
    """Let the last layer that shares a weight say where it is applied."""
    shapes = infer_shapes(network, params)
    return {f"{owner(node)}.weight": prod(shapes[node.name][1:]) for node in layers(network)}


def _first_layer_only(network: Any, params: Any) -> Any:
    """Forget the layers that own no weight."""
    shapes = infer_shapes(network, params)
    return {f"{node.name}.weight": prod(shapes[node.name][1:]) for node in layers(network) if owner(node) == node.name}


def _once_a_layer(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Count a shared weight for every layer that uses it."""
    return right.prunable + sum(
        params[f"{owner(node)}.weight"].size for node in layers(network) if owner(node) != node.name
    )


def _misfits_dropped(network: Any, params: Any, masks: Any = None) -> Any:
    """Say nothing about masks of arrays that are not there."""
    return _count(network, params, {name: mask for name, mask in (masks or {}).items() if name in params})


def _float_with_masks(network: Any, params: Any, masks: Any, right: Any) -> Any:
    """Sum in floating point where there are masks."""
    return np.float64(right.macs) if masks else right.macs


def _zeroed(network: Any, params: Any, masks: Any = None) -> Any:
    """Apply the masks in place on the way."""
    right = _count(network, params, masks)
    for name, mask in (masks or {}).items():
        params[name][~mask] = 0
    return right


def _normalised(network: Any, params: Any, x: Any, labels: Any) -> Any:
    """Scale the examples in place on the way."""
    right = _logits(network, params, x, labels)
    x /= 2
    return right


def _labels_unchecked(network: Any, params: Any, x: Any, labels: Any) -> Any:
    return forward(network, params, x)


MUTANTS = (
    Mutant(
        "last of ties wins",
        "MEA-01",
        "M11: which of equal logits is the prediction",
        {f"{MEASURE}.accuracy": _last_of_ties},
    ),
    Mutant("every tie is right", "MEA-01", "a network of zeros is always right", {f"{MEASURE}.accuracy": _any_of_ties}),
    Mutant("exp overflows", "MEA-02", "logits not shifted before exp", {f"{MEASURE}.loss": _unshifted}),
    Mutant("base 2", "MEA-02", "bits for nats", {f"{MEASURE}.loss": lambda *asked: _loss(*asked) / np.log(2)}),
    Mutant(
        "sum for mean",
        "MEA-02",
        "the loss grows with the batch",
        {f"{MEASURE}.loss": lambda *asked: _loss(*asked) * len(asked[2])},
    ),
    Mutant(
        "one denominator",
        "MEA-03",
        "ShrinkBench: all parameters for both",
        _fraction(sparsity_prunable=lambda c: (c.prunable - c.prunable_kept) / c.parameters),
    ),
    Mutant(
        "weights only",
        "MEA-03",
        "masked biases do not count",
        _fraction(sparsity_all=lambda c: (c.prunable - c.prunable_kept) / c.parameters),
    ),
    Mutant(
        "density for sparsity",
        "MEA-03",
        "M14: SynFlow's sparsity is the fraction kept",
        _fraction(sparsity_prunable=lambda c: c.prunable_kept / c.prunable),
    ),
    Mutant(
        "fraction removed as ratio",
        "MEA-04",
        "AMC's compression ratio",
        _fraction(compression_ratio=lambda c: (c.prunable - c.prunable_kept) / c.prunable),
    ),
    Mutant(
        "fraction kept as ratio",
        "MEA-04",
        "L-OBS: compression ratio is the fraction kept",
        _fraction(compression_ratio=lambda c: c.prunable_kept / c.prunable),
    ),
    Mutant(
        "ratio 0 when none is kept",
        "MEA-04",
        "a guard that hides the division",
        _fraction(compression_ratio=lambda c: c.prunable / c.prunable_kept if c.prunable_kept else 0.0),
    ),
    Mutant(
        "ratio of all parameters",
        "MEA-04",
        "biases in the ratio",
        _fraction(compression_ratio=lambda c: c.parameters / max(c.parameters_kept, 1)),
    ),
    Mutant("stride ignored", "MEA-05", "M81: MACs without stride", _ignoring(stride=True)),
    Mutant("padding ignored", "MEA-05", "M81: ShrinkBench", _ignoring(padding=True)),
    Mutant("two for each MAC", "MEA-05", "FLOPs for MACs", _counts(macs=lambda n, p, m, right: 2 * right.macs)),
    Mutant("bias in MACs", "MEA-05", "SynFlow counts the bias", _counts(macs=_macs_with_bias)),
    Mutant("masked MACs", "MEA-05", "what dense kernels skip in no time", _counts(macs=_masked_macs)),
    Mutant("groups ignored in MACs", "MEA-05", "every output reads every channel", _counts(macs=_groups_ignored)),
    Mutant("masks ignored in MACs", "MEA-06", "M81: nonzero MACs as if dense", _counts(macs_nonzero=_unmasked_macs)),
    Mutant("MACs by overall density", "MEA-06", "one density for every layer", _counts(macs_nonzero=_macs_of_fraction)),
    Mutant(
        "bits rounded down",
        "MEA-07",
        "no ceil for the bitmask",
        {BITMASK: lambda array, kept: array.size // 8 + kept * array.itemsize},
    ),
    Mutant("bits rounded once", "MEA-07", "one bitmask for the whole network", _counts(bytes_bitmask=_rounded_once)),
    Mutant(
        "four bytes a value",
        "MEA-07",
        "float64 values stored in 4 bytes",
        {BITMASK: lambda array, kept: -(-array.size // 8) + kept * 4},
    ),
    Mutant(
        "no row pointer",
        "MEA-08",
        "CSR without the starts of rows",
        {CSR: lambda array, kept: kept * (array.itemsize + 4)},
    ),
    Mutant("one start short", "MEA-08", "rows for rows + 1", {CSR: lambda array, kept: _csr(array, kept) - 4}),
    Mutant(
        "no column index",
        "MEA-08",
        "values without where they belong",
        {CSR: lambda array, kept: _csr(array, kept) - 4 * kept},
    ),
    Mutant("labels unchecked", "MEA-09", "labels (N, 1) compared with every prediction", {LOGITS: _labels_unchecked}),
    Mutant("counted in float32", "MEA-10", "M90: 16,777,217 becomes 16,777,216", {POSITIONS: _as_float32}),
    Mutant("counted in int64", "MEA-10", "M90: products wrap around", {POSITIONS: _as_int64}),
    Mutant("masks of nobody ignored", "MEA-09", "a name that matches nothing", {COUNT: _misfits_dropped}),
    Mutant("MACs in floating point", "MEA-10", "an integer when nothing is masked", _counts(macs=_float_with_masks)),
    Mutant("zeroed by counting", "MEA-12", "U17: what is given is changed", {COUNT: _zeroed}),
    Mutant("examples scaled in place", "MEA-12", "U17: what is given is changed", {LOGITS: _normalised}),
    Mutant("kept read off zeros", "MEA-11", "M79: param != 0", {KEPT: _nonzero}),
    Mutant("kept zeros left out", "MEA-11", "M79: kept and not 0", {KEPT: _nonzero_and_kept}),
    Mutant("statistics are parameters", "MEA-13", "everything in a file is counted", _counts(parameters=_all_arrays)),
    Mutant(
        "statistics weigh nothing", "MEA-13", "only what is learned is stored", _counts(bytes_dense=_bytes_of_learned)
    ),
    Mutant("applied by the last layer", "MEA-14", "one layer overwrites the other", {POSITIONS: _last_layer_only}),
    Mutant(
        "applied by its owner",
        "MEA-14",
        "layers without a weight of their own cost nothing",
        {POSITIONS: _first_layer_only},
    ),
    Mutant("shared weight counted twice", "MEA-14", "once for each layer", _counts(prunable=_once_a_layer)),
)
