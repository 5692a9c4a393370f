"""Evidence: runs the network to collect what a criterion needs.

In: network, parameters, one batch, what is needed. Out: an Evidence record.
Specification: docs/spec/evidence.md.
"""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from refprune.arrays import Array, Masks, Params, weights
from refprune.backprop import Trace, trace
from refprune.criteria import Evidence
from refprune.errors import InvalidInput, check_generator
from refprune.network import Network, layers, owner

NEEDS = frozenset(field.name for field in fields(Evidence)) - {"params"}
"""What can be asked for."""


def collect(
    network: Network,
    params: Params,
    x: Array,
    labels: Array,
    needs: Iterable[str] = (),
    rng: np.random.Generator | None = None,
    kept: Masks | None = None,
) -> Evidence:
    """Return the evidence named in `needs`, and nothing else, from one batch x (N, ...) with labels (N,).

    The batch is run as in training; `kept` has the masks of the dropouts.

    Raises:
        InvalidInput: an unknown need, random draws without a generator, or a batch that does not fit.
    """
    needs = set(needs)
    if not needs <= NEEDS:
        raise InvalidInput("needs", sorted(needs - NEEDS), f"some of {sorted(NEEDS)}")
    passed = trace(network, params, x, labels, kept) if needs & {"grads", "gates"} else None
    return Evidence(  # EVI-03
        params=params,
        grads=passed.grads if passed and "grads" in needs else None,
        gates=gates(network, passed) if passed and "gates" in needs else None,
        draws=_draws(params, rng, axes=None) if "draws" in needs else None,
        unit_draws=_draws(params, rng, axes=1) if "unit_draws" in needs else None,
    )


def gates(network: Network, passed: Trace) -> dict[str, Array]:
    """Return weight name -> (units,): the sum over batch and positions of z dL/dz, z the layer's output.

    0 for a layer that the logits do not depend on; for layers that share their weight, the sum.
    """
    found: dict[str, Array] = {}
    for node in layers(network):
        weight = f"{owner(node)}.weight"
        gate = _sum_of_products(passed.values[node.name], passed.dvalues.get(node.name))
        found[weight] = found[weight] + gate if weight in found else gate
    return found


def _sum_of_products(values: Array, dvalues: Array | None) -> Array:
    """Return (units,) from two arrays (units, ..., N), summed in float64; 0 where there is no gradient."""
    if dvalues is None:
        return np.zeros(len(values))  # (units,)
    products = values.astype(np.float64) * dvalues  # (units, ..., N)
    total: Array = products.sum(axis=tuple(range(1, products.ndim)))  # (units,)  # EVI-01
    return total


def _draws(params: Params, rng: np.random.Generator | None, axes: int | None) -> dict[str, Array]:
    """Draw over the first `axes` axes of each weight (None: all)."""
    return {name: _uniform(rng, array.shape[:axes]) for name, array in weights(params).items()}  # EVI-02


def _uniform(rng: np.random.Generator | None, shape: tuple[int, ...]) -> Array:
    """Draw float64 whatever the parameters' dtype: rounded to float32, draws tie and can reach 1."""
    return check_generator(rng).random(shape)  # EVI-04
