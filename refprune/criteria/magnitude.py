"""Magnitude: the weight itself.

Specification: docs/spec/criteria.md.
"""

from refprune.arrays import Array, weights
from refprune.criteria.criterion import Criterion, Evidence


def _magnitude(evidence: Evidence) -> dict[str, Array]:
    """Return `c = w` [Han2015]."""
    return weights(evidence.params)  # CRI-03


magnitude = Criterion("magnitude", "element", needs=(), contributions=_magnitude)
