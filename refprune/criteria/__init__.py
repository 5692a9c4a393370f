"""Criteria: evidence -> signed contributions, one family a file."""

from collections.abc import Mapping

from refprune.criteria.criterion import Criterion, Evidence, contribute
from refprune.criteria.first_order import gradient, taylor, taylor_gate
from refprune.criteria.magnitude import magnitude
from refprune.criteria.random import random, random_unit

CRITERIA: Mapping[str, Criterion] = {
    criterion.name: criterion for criterion in (magnitude, gradient, taylor, taylor_gate, random, random_unit)
}
"""What the command line and an adapter call each criterion."""

__all__ = ["CRITERIA", "Criterion", "Evidence", "contribute", "magnitude"]
