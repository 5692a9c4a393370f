"""First order: what the gradient of the loss says, of one entry or of one unit's output.

Specification: docs/spec/criteria.md.
"""

from refprune.arrays import Array, weights
from refprune.criteria.criterion import Criterion, Evidence


def _gradient(evidence: Evidence) -> dict[str, Array]:
    """Return `c = g`."""
    assert evidence.grads is not None
    return weights(evidence.grads)  # CRI-04


def _taylor(evidence: Evidence) -> dict[str, Array]:
    """Return `c = g w`: the first-order change of the loss when w becomes 0, sign reversed [Molchanov2019]."""
    assert evidence.grads is not None
    return {name: evidence.grads[name] * array for name, array in weights(evidence.params).items()}  # CRI-05


def _taylor_gate(evidence: Evidence) -> dict[str, Array]:
    """Return `c = sum z dL/dz` of each unit: the gradient of a gate of value 1 behind it [Molchanov2019].

    Equal to the sum of g w over the unit's weights and bias, because z is linear in them.
    """
    assert evidence.gates is not None
    return dict(evidence.gates)  # CRI-06


gradient = Criterion("gradient", "element", needs=("grads",), contributions=_gradient)
taylor = Criterion("taylor", "element", needs=("grads",), contributions=_taylor)
taylor_gate = Criterion("taylor_gate", "unit", needs=("gates",), contributions=_taylor_gate)
