"""Random: numbers drawn beforehand, the baseline every criterion has to beat.

Specification: docs/spec/criteria.md.
"""

from refprune.arrays import Array
from refprune.criteria.criterion import Criterion, Evidence


def _random(evidence: Evidence) -> dict[str, Array]:
    """Return `c = u`, one draw from U[0, 1) for each entry."""
    assert evidence.draws is not None
    return dict(evidence.draws)  # CRI-07


def _random_unit(evidence: Evidence) -> dict[str, Array]:
    """Return `c = u`, one draw from U[0, 1) for each unit, so that wide units have no advantage."""
    assert evidence.unit_draws is not None
    return dict(evidence.unit_draws)  # CRI-07


random = Criterion("random", "element", needs=("draws",), contributions=_random)
random_unit = Criterion("random_unit", "unit", needs=("unit_draws",), contributions=_random_unit)
