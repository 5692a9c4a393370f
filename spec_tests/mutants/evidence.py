"""Wrong evidence."""

from typing import Any

import numpy as np

from refprune.network import BatchNorm, layers, owner
from spec_tests.mutants.mutant import Mutant, original

EVIDENCE = "refprune.evidence"
GATES, PRODUCTS, UNIFORM, COLLECT = (
    f"{EVIDENCE}.{name}" for name in ("gates", "_sum_of_products", "_uniform", "collect")
)
TRACE, TRAINING_NODE = "refprune.backprop.trace", "refprune.backprop._forward_training_node"
_gates, _products, _uniform, _collect = (original(path) for path in (GATES, PRODUCTS, UNIFORM, COLLECT))
_trace, _training_node = original(TRACE), original(TRAINING_NODE)


def _per_entry(power: Any) -> dict[str, Any]:
    """Sum something else than the products themselves."""
    return {PRODUCTS: lambda z, dz: power(z * dz).sum(axis=tuple(range(1, z.ndim)))}


def _mean(values: Any, dvalues: Any) -> Any:
    """Take the mean over batch and positions."""
    return (values * dvalues).mean(axis=tuple(range(1, values.ndim)))


def _first_position(values: Any, dvalues: Any) -> Any:
    """Look at one position of each example only."""
    return (values * dvalues).reshape(len(values), -1, values.shape[-1])[:, 0].sum(axis=-1)


def _last_example(values: Any, dvalues: Any) -> Any:
    """Look at the last example only."""
    return _products(values[..., -1:], dvalues[..., -1:])


def _own_output(values: Any, dvalues: Any) -> Any:
    """Take the output for its gradient where nobody reads it."""
    return _products(values, values if dvalues is None else dvalues)


def _without_bias(network: Any, passed: Any) -> Any:
    """Leave the bias's share out."""
    right = _gates(network, passed)
    share = {f"{name}.weight": passed.dvalues[name] for name in passed.dvalues}
    return {name: total - share[name].sum(axis=tuple(range(1, share[name].ndim))) for name, total in right.items()}


def _last_use(network: Any, passed: Any) -> Any:
    """Let the last of the layers that share a weight have its gates."""
    each = [(f"{owner(node)}.weight", _gates((node,), passed)) for node in layers(network)]
    return {weight: next(iter(gate.values())) for weight, gate in each}


def _behind_the_norm(network: Any, passed: Any) -> Any:
    """Look at what a normalisation makes of a layer's output."""
    norms = {node.inputs[0]: node.name for node in network if isinstance(node, BatchNorm)}
    values, dvalues = (
        {name: found.get(norms.get(name, name), array) for name, array in found.items()}
        for found in (passed.values, passed.dvalues)
    )
    return _gates(network, passed._replace(values=values, dvalues=dvalues))


def _nothing_dropped(network: Any, params: Any, x: Any, labels: Any, kept: Any = None) -> Any:
    """Keep what the masks of the dropouts drop."""
    return _trace(network, params, x, labels, {name: np.ones_like(mask) for name, mask in (kept or {}).items()})


def _running(node: Any, x: Any, params: Any, kept: Any) -> Any:
    """Normalise by the running statistics."""
    return _training_node(node, x, params, None if isinstance(node, BatchNorm) else kept)


def _global_seed(rng: Any, shape: Any) -> Any:
    """Draw from NumPy's global state."""
    return np.random.random(shape)


def _fixed_seed(rng: Any, shape: Any) -> Any:
    """Draw the same for every weight."""
    _uniform(rng, ())
    return np.random.default_rng(0).random(shape)


def _own_seed(rng: Any, shape: Any) -> Any:
    """Seed with zero when no generator is given."""
    return _uniform(np.random.default_rng(0) if rng is None else rng, shape)


def _rounded(rng: Any, shape: Any) -> Any:
    """Round to float32."""
    return _uniform(rng, shape).astype(np.float32)


def _everything(
    network: Any, params: Any, x: Any, labels: Any, needs: Any = (), rng: Any = None, kept: Any = None
) -> Any:
    """Collect all there is."""
    everything = {"grads", "gates"} | ({"draws", "unit_draws"} if rng is not None else set())
    return _collect(network, params, x, labels, everything | set(needs), rng, kept)


def _always_run(
    network: Any, params: Any, x: Any, labels: Any, needs: Any = (), rng: Any = None, kept: Any = None
) -> Any:
    """Run the batch whatever is asked."""
    _collect(network, params, x, labels, {"grads"}, None, kept)
    return _collect(network, params, x, labels, needs, rng, kept)


def _unknown_ignored(
    network: Any, params: Any, x: Any, labels: Any, needs: Any = (), rng: Any = None, kept: Any = None
) -> Any:
    """Skip what nobody knows."""
    return _collect(network, params, x, labels, set(needs) & {"grads", "gates", "draws", "unit_draws"}, rng, kept)


MUTANTS = (
    Mutant("gate squared per entry", "EVI-01", "the square of a sum is no sum of squares", _per_entry(np.square)),
    Mutant("gate absolute per entry", "EVI-01", "nothing cancels over the batch", _per_entry(np.abs)),
    Mutant("gate averaged", "EVI-01", "M37: wide maps count less", {PRODUCTS: _mean}),
    Mutant("gate of one position", "EVI-01", "convolutions seen at one position", {PRODUCTS: _first_position}),
    Mutant("gate of one example", "EVI-01", "the last example only", {PRODUCTS: _last_example}),
    Mutant("gate without bias", "EVI-01", "the bias's share is left out", {GATES: _without_bias}),
    Mutant("idle layer rated by its output", "EVI-01", "a layer that nobody reads has gates", {PRODUCTS: _own_output}),
    Mutant("gate of the last use", "EVI-01", "= for += where a weight is shared", {GATES: _last_use}),
    Mutant("gate behind the norm", "EVI-01", "z after normalisation", {GATES: _behind_the_norm}),
    Mutant("global seed", "EVI-02", "M12, M94: unseeded", {UNIFORM: _global_seed}),
    Mutant("seed of its own", "EVI-02", "M12: draws without a generator", {UNIFORM: _own_seed}),
    Mutant("the same draws for all", "EVI-02", "every weight and every round draws alike", {UNIFORM: _fixed_seed}),
    Mutant("everything collected", "EVI-03", "draws that nobody asked for move the generator", {COLLECT: _everything}),
    Mutant("unknown needs ignored", "EVI-03", "a misspelt need is not collected", {COLLECT: _unknown_ignored}),
    Mutant("batch run for nothing", "EVI-03", "draws look at a batch they do not need", {COLLECT: _always_run}),
    Mutant("evidence without dropout", "EVI-03", "nothing is dropped", {TRACE: _nothing_dropped}),
    Mutant("evidence in use", "EVI-03", "running statistics for the batch's", {TRAINING_NODE: _running}),
    Mutant("draws in float32", "EVI-04", "ties, and draws of 1", {UNIFORM: _rounded}),
)
