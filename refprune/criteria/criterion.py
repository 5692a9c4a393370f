"""What a criterion is: from a record of what is known to a signed contribution of every entry.

In: Evidence. Out: Contributions, which a granularity reduces to scores.
Specification: docs/spec/criteria.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from refprune.arrays import Array, Grads, Masks, Params, check_float_arrays, check_masks, weights
from refprune.errors import InvalidInput


@dataclass(frozen=True)
class Evidence:
    """What is known about a network. A criterion says which of it it needs."""

    params: Params
    grads: Grads | None = None
    """d loss / d parameter of the batch-mean loss."""
    gates: Mapping[str, Array] | None = None
    """Weight name -> (units,): sum over batch and positions of z dL/dz, z the output of the layer."""
    draws: Mapping[str, Array] | None = None
    """Weight name -> numbers from U[0, 1), shaped as the weight."""
    unit_draws: Mapping[str, Array] | None = None
    """Weight name -> (units,): numbers from U[0, 1)."""


class Criterion(NamedTuple):
    """A rule of importance: the level it speaks about, the evidence it needs, the formula."""

    name: str
    level: Literal["element", "unit"]
    needs: tuple[str, ...]
    contributions: Callable[[Evidence], dict[str, Array]]


def contribute(criterion: Criterion, evidence: Evidence, masks: Masks | None = None) -> dict[str, Array]:
    """Return the signed contribution of every weight entry (or unit), by the name of the weight.

    Raises:
        InvalidInput: evidence the criterion needs is missing; an alive weight is NaN or infinite; a
            contribution of an alive entry is NaN.
    """
    for name in criterion.needs:
        if getattr(evidence, name) is None:
            raise InvalidInput(f"criterion {criterion.name}", f"no {name}", f"evidence with {name}")  # CRI-02
    check_float_arrays("parameter", evidence.params)
    masks = masks or {}
    check_masks(masks, evidence.params)
    ranked = weights(evidence.params)
    for name, array in ranked.items():
        alive = masks.get(name, np.ones(array.shape, np.bool_))
        if not np.isfinite(array[alive]).all():  # CRI-01
            raise InvalidInput(f"weights {name!r}", "NaN or infinity at an alive entry", "finite numbers")
    contributions = criterion.contributions(evidence)
    return {name: _numbers(name, contributions[name], masks) for name in ranked}


def _numbers(name: str, contributions: Array, masks: Masks) -> Array:
    """Refuse NaN where it would be ranked."""
    alive = masks.get(name)
    ranked = contributions if alive is None or alive.shape != contributions.shape else contributions[alive]
    if np.isnan(ranked).any():
        raise InvalidInput(f"contributions {name!r}", "NaN at an alive entry", "numbers, finite or infinite")
    return contributions
