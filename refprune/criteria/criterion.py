"""What a criterion is: from a record of what is known to a signed contribution of every entry.

In: Evidence. Out: Contributions, which a granularity reduces to scores.
Specification: docs/spec/criteria.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from refprune.arrays import Array, Grads, Mask, Masks, Params, check_float_arrays, check_masks, masked, weights
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
    """Weight name -> numbers drawn from U[0, 1), shaped as the weight."""
    unit_draws: Mapping[str, Array] | None = None
    """Weight name -> (units,): numbers drawn from U[0, 1)."""


class Criterion(NamedTuple):
    """A rule of importance: the level it speaks about, the evidence it needs, the formula."""

    name: str
    level: Literal["element", "unit"]
    needs: tuple[str, ...]
    contributions: Callable[[Evidence], dict[str, Array]]


UNIT_EVIDENCE = frozenset({"gates", "unit_draws"})
"""The evidence that has one number for each unit, (units,); all other evidence is shaped as the weight."""


def contribute(criterion: Criterion, evidence: Evidence, masks: Masks | None = None) -> dict[str, Array]:
    """Return the signed contribution of every weight entry (or unit), by the name of the weight.

    A removed entry contributes +0.0, whatever the evidence says of it. Without masks these may be the arrays
    of the evidence; a granularity returns new ones [CRI-11].

    Raises:
        InvalidInput: evidence the criterion needs is missing or does not fit the weights; an alive weight is
            NaN or infinite; a contribution of an alive entry is NaN.
    """
    masks = masks or {}
    check_float_arrays("parameter", evidence.params)
    check_masks(masks, evidence.params)
    ranked = weights(evidence.params)
    check_evidence(criterion, evidence, ranked)
    check_finite(ranked, masks)
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is an ordinary extreme; NaN is refused below
        contributions = criterion.contributions(evidence)
    alive = {name: _alive(criterion, masks[name]) for name in ranked if name in masks}
    check_numbers({name: contributions[name] for name in ranked}, alive)
    kept = {name: masked(contributions[name], mask) for name, mask in alive.items()}  # CRI-08
    return {name: kept.get(name, contributions[name]) for name in ranked}


def check_evidence(criterion: Criterion, evidence: Evidence, ranked: Params) -> None:
    """Refuse evidence that lacks what the criterion needs, or that is not of these weights."""
    for need in criterion.needs:
        known = getattr(evidence, need)
        if known is None:
            raise InvalidInput(f"criterion {criterion.name}", f"no {need}", f"evidence with {need}")  # CRI-02
        check_float_arrays(need, known)
        for name, array in ranked.items():
            shape = array.shape[:1] if need in UNIT_EVIDENCE else array.shape
            if name not in known or known[name].shape != shape:  # CRI-09
                got = f"shape {known[name].shape}" if name in known else "nothing"
                raise InvalidInput(f"{need} of {name!r}", got, f"an array of shape {shape}")


def check_finite(ranked: Params, masks: Masks) -> None:
    """Refuse weights that are NaN or infinite where they are alive."""
    for name, array in ranked.items():
        if _any_alive(~np.isfinite(array), masks.get(name)):  # CRI-01
            raise InvalidInput(f"weights {name!r}", "NaN or infinity at an alive entry", "finite numbers")


def check_numbers(contributions: Mapping[str, Array], alive: Masks) -> None:
    """Refuse NaN where it would be ranked; infinity is an ordinary extreme."""
    for name, array in contributions.items():
        if _any_alive(np.isnan(array), alive.get(name)):  # CRI-10
            raise InvalidInput(f"contributions {name!r}", "NaN at an alive entry", "numbers, finite or infinite")


def _any_alive(found: Mask, alive: Mask | None) -> bool:
    """Say whether anything of what was found is alive."""
    return bool(found.any() and (alive is None or (found & alive).any()))


def _alive(criterion: Criterion, mask: Mask) -> Mask:
    """Return what is alive at the criterion's level: an entry, or a unit any of whose weights is alive."""
    return mask if criterion.level == "element" else np.any(mask, axis=tuple(range(1, mask.ndim)))
