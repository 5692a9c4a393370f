"""Wrong criteria."""

from typing import Any

import numpy as np

from spec_tests.backends.reference import Reference
from spec_tests.mutants.mutant import Mutant, original

CRITERIA = "refprune.criteria"
FINITE, EVIDENCE, NUMBERS = (f"{CRITERIA}.criterion.check_{name}" for name in ("finite", "evidence", "numbers"))
MASKED = "refprune.arrays.masked"
_finite, _numbers = original(FINITE), original(NUMBERS)


def _criterion(path: str, wrong: Any) -> dict[str, Any]:
    """Replace the formula of a criterion."""
    right = original(f"{CRITERIA}.{path}")
    return {f"{CRITERIA}.{path}": right._replace(contributions=wrong)}


def _ranked(named: Any) -> dict[str, Any]:
    """Return the weights among these arrays."""
    return {name: array for name, array in named.items() if name.endswith(".weight")}


def _normalised(evidence: Any) -> Any:
    """Divide each layer by its L2 norm."""
    return {name: array / np.linalg.norm(array) for name, array in _ranked(evidence.params).items()}


def _products(evidence: Any) -> Any:
    """Return g w of every weight."""
    return {name: evidence.grads[name] * array for name, array in _ranked(evidence.params).items()}


def _redrawn(evidence: Any) -> Any:
    """Draw anew at every call."""
    return {name: np.random.default_rng().random(array.shape) for name, array in evidence.draws.items()}


def _integer_ranks(evidence: Any) -> Any:
    """Rank the draws of each layer."""
    ranks = {name: np.argsort(np.argsort(array, axis=None)) for name, array in evidence.draws.items()}
    return {name: rank.astype(float).reshape(evidence.draws[name].shape) for name, rank in ranks.items()}


def _times_width(evidence: Any) -> Any:
    """Count a unit's draw once for each of its weights."""
    return {name: draw * evidence.params[name][0].size for name, draw in evidence.unit_draws.items()}


def _finite_everywhere(ranked: Any, masks: Any) -> None:
    """Look at removed weights too."""
    _finite(ranked, {})


def _zeros_for_missing(criterion: Any, evidence: Any, ranked: Any) -> None:
    """Take what is missing for zeros."""
    for need in criterion.needs:
        if getattr(evidence, need) is None:
            object.__setattr__(evidence, need, {name: np.zeros(array.shape) for name, array in ranked.items()})


def _not_checked(criterion: Any, evidence: Any, ranked: Any) -> None:
    """Look for what is missing only, and let NumPy broadcast."""
    for need in criterion.needs:
        if getattr(evidence, need) is None:
            raise ValueError(f"no {need}")
        if not set(ranked) <= set(getattr(evidence, need)):
            raise ValueError(f"{need} of other weights")


def _nan_is_zero(contributions: Any, alive: Any) -> None:
    """Score NaN as 0."""
    for array in contributions.values():
        np.nan_to_num(array, copy=False)


class _OwnUnitDraws(Reference):
    """Hand the given draws on."""

    def score(self, case: Any) -> Any:
        scores = super().score(case)
        return {name: case.unit_draws[name] for name in scores} if case.criterion == "random_unit" else scores


class _GatesInPlace(Reference):
    """Make the caller's gates absolute."""

    def score(self, case: Any) -> Any:
        scores = super().score(case)
        for gates in (case.gates or {}).values():
            np.abs(gates, out=gates)
        return scores


def _in_place(contributions: Any) -> Any:
    """Work in the caller's arrays."""
    return {name: np.abs(array, out=array) for name, array in contributions.items()}


MUTANTS = (
    Mutant(
        "non-finite weights ranked",
        "CRI-01",
        "M20: inf kept, NaN anywhere; torch.nn.utils.prune",
        {FINITE: lambda ranked, masks: None},
    ),
    Mutant(
        "NaN refused, inf ranked",
        "CRI-01",
        "M20: only NaN is looked for",
        {FINITE: _numbers},
    ),
    Mutant(
        "removed weights inspected",
        "CRI-01",
        "what stands under a mask stops the run",
        {FINITE: _finite_everywhere},
    ),
    Mutant("missing evidence is zero", "CRI-02", "a forgotten gradient scores 0", {EVIDENCE: _zeros_for_missing}),
    Mutant(
        "squared magnitude",
        "CRI-03",
        "M37: w^2 for w; Torch-Pruning",
        _criterion("magnitude.magnitude", lambda e: {name: w**2 for name, w in _ranked(e.params).items()}),
    ),
    Mutant(
        "normalised magnitude",
        "CRI-03",
        "M28: each layer over its norm; JaxPruner's global scope",
        _criterion("magnitude.magnitude", _normalised),
    ),
    Mutant(
        "magnitude made absolute",
        "CRI-03",
        "the sign is lost before the reduction",
        _criterion("magnitude.magnitude", lambda e: {name: abs(w) for name, w in _ranked(e.params).items()}),
    ),
    Mutant(
        "gradient times weight",
        "CRI-04",
        "taylor under the name of gradient",
        _criterion("first_order.gradient", _products),
    ),
    Mutant(
        "gradients clipped",
        "CRI-04",
        "clipped at 5 for the optimiser, and scored so",
        _criterion(
            "first_order.gradient",
            lambda e: {n: g.clip(-5, 5) if np.isfinite(g).all() else g for n, g in _ranked(e.grads).items()},
        ),
    ),
    Mutant(
        "taylor saturates",
        "CRI-05",
        "products clipped at 6",
        _criterion("first_order.taylor", lambda e: {name: c.clip(-6, 6) for name, c in _products(e).items()}),
    ),
    Mutant(
        "taylor without the weight",
        "CRI-05",
        "the gradient alone",
        _criterion("first_order.taylor", lambda e: _ranked(e.grads)),
    ),
    Mutant(
        "taylor squared",
        "CRI-05",
        "squares are the reducer's to take",
        _criterion("first_order.taylor", lambda e: {name: c**2 for name, c in _products(e).items()}),
    ),
    Mutant(
        "taylor made absolute",
        "CRI-05",
        "nothing cancels in a unit",
        _criterion("first_order.taylor", lambda e: {name: abs(c) for name, c in _products(e).items()}),
    ),
    Mutant(
        "gate squared twice",
        "CRI-06",
        "the square is the reducer's to take",
        _criterion("first_order.taylor_gate", lambda e: {name: c**2 for name, c in e.gates.items()}),
    ),
    Mutant(
        "gate over fan-in",
        "CRI-06",
        "M37: mean for sum",
        _criterion(
            "first_order.taylor_gate", lambda e: {name: c / e.params[name][0].size for name, c in e.gates.items()}
        ),
    ),
    Mutant(
        "drawn anew",
        "CRI-07",
        "M12, M94: random scores drawn at every call",
        _criterion("random.random", _redrawn),
    ),
    Mutant(
        "integer ranks",
        "CRI-07",
        "M28: ranks, not draws; Torch-Pruning",
        _criterion("random.random", _integer_ranks),
    ),
    Mutant(
        "wide units lucky",
        "CRI-07",
        "a unit's draw counts once for each weight",
        _criterion("random.random_unit", _times_width),
    ),
    Mutant(
        "removed entries contribute",
        "CRI-08",
        "gradients under a mask keep a unit",
        {MASKED: lambda array, mask: array.copy()},
    ),
    Mutant(
        "removed NaN refused",
        "CRI-08",
        "removed entries are looked at",
        {NUMBERS: lambda contributions, alive: _numbers(contributions, {})},
    ),
    Mutant("evidence is broadcast", "CRI-09", "gradients of another shape", {EVIDENCE: _not_checked}),
    Mutant("NaN scores 0", "CRI-10", "M20: NaN is quietly the lowest", {NUMBERS: _nan_is_zero}),
    Mutant("NaN scored", "CRI-10", "M20: NaN reaches the selection", {NUMBERS: lambda contributions, alive: None}),
    Mutant(
        "scored in place",
        "CRI-11",
        "the caller's weights are made absolute",
        {"refprune.granularity._absolute": _in_place},
    ),
    Mutant("unit draws handed on", "CRI-11", "scores are the caller's own array", backend=_OwnUnitDraws()),
    Mutant("gates made absolute", "CRI-11", "the caller's gates lose their signs", backend=_GatesInPlace()),
)
