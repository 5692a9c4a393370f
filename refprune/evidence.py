"""Evidence: runs the network to collect what a criterion needs.

In: network, parameters, one batch, what is needed. Out: an Evidence record.
Specification: docs/spec/evidence.md.
"""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from refprune.arrays import Array, Params, weights
from refprune.backprop import Trace, trace
from refprune.criteria import Evidence
from refprune.errors import InvalidInput
from refprune.network import Network, layers

NEEDS = frozenset(field.name for field in fields(Evidence)) - {"params"}
"""What can be asked for."""


def collect(
    network: Network,
    params: Params,
    x: Array,
    labels: Array,
    needs: Iterable[str] = (),
    rng: np.random.Generator | None = None,
) -> Evidence:
    """Return the evidence named in `needs`, and nothing else, from one batch x (N, ...) with labels (N,).

    Raises:
        InvalidInput: an unknown need, random draws without a generator, or a batch that does not fit.
    """
    needs = set(needs)
    if not needs <= NEEDS:
        raise InvalidInput("needs", sorted(needs - NEEDS), f"some of {sorted(NEEDS)}")
    passed = trace(network, params, x, labels) if needs & {"grads", "gates"} else None
    return Evidence(  # EVI-03
        params=params,
        grads=passed.grads if passed and "grads" in needs else None,
        gates=gates(network, passed) if passed and "gates" in needs else None,
        draws=_draws(params, rng) if "draws" in needs else None,
        unit_draws=_unit_draws(params, rng) if "unit_draws" in needs else None,
    )


def gates(network: Network, passed: Trace) -> dict[str, Array]:
    """Return weight name -> (units,): the sum over batch and positions of z dL/dz, z the layer's output."""
    return {
        f"{node.name}.weight": _sum_of_products(passed.values[node.name], passed.dvalues[node.name])
        for node in layers(network)
    }


def _sum_of_products(values: Array, dvalues: Array) -> Array:
    """Return (units,) from two arrays (units, ..., N), summed in float64."""
    products = values.astype(np.float64) * dvalues  # (units, ..., N)
    total: Array = products.sum(axis=tuple(range(1, products.ndim)))  # (units,)  # EVI-01
    return total


def _draws(params: Params, rng: np.random.Generator | None) -> dict[str, Array]:
    return {name: _uniform(rng, array.shape) for name, array in weights(params).items()}  # EVI-02


def _unit_draws(params: Params, rng: np.random.Generator | None) -> dict[str, Array]:
    return {name: _uniform(rng, array.shape[:1]) for name, array in weights(params).items()}  # EVI-02


def _uniform(rng: np.random.Generator | None, shape: tuple[int, ...]) -> Array:
    """Draw float64 whatever the parameters' dtype: rounded to float32, draws tie and can reach 1."""
    if not isinstance(rng, np.random.Generator):
        raise InvalidInput("rng", repr(rng), "a numpy Generator: random scores are drawn, never seeded globally")
    return rng.random(shape)  # EVI-04
