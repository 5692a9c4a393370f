"""Short ways to write cases down."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from refprune.arrays import Array
from spec_tests.adapter import Elements, SelectCase
from spec_tests.kit.vectors.forms import Json
from spec_tests.kit.vectors.vector import Draft

INF, NAN = float("inf"), float("nan")


def floats(values: Any, dtype: DTypeLike = np.float64) -> Array:
    """Return an array of floats."""
    return np.array(values, dtype)


def tensors(named: Mapping[str, Any], dtype: DTypeLike = np.float64) -> dict[str, Array]:
    """Return arrays of floats by name."""
    return {name: floats(values, dtype) for name, values in named.items()}


def masks(**named: Any) -> dict[str, Array]:
    """Return masks: 1 = kept. A bias is written fc_bias, for fc.bias."""
    return {name.replace("_", "."): np.array(values, bool) for name, values in named.items()}


def select(
    requirement: str,
    comment: str,
    scores: Any,
    sparsity: Any,
    *flags: str,
    operation: str = "select",
    pools: Any = "local",
    granularity: Any = None,
    within: Any = None,
    refused: bool = False,
) -> Draft:
    """Return a draft about a selection; a list is the scores of the one tensor `a`."""
    named = scores if isinstance(scores, dict) else {"a": scores}
    arrays = {name: one if isinstance(one, np.ndarray) else floats(one) for name, one in named.items()}
    alive = None if within is None else masks(**(within if isinstance(within, dict) else {"a": within}))
    case = SelectCase(arrays, sparsity, pools, granularity or Elements(), alive)
    return Draft(requirement, operation, comment, {"case": case}, flags, refused=refused)


def only(*names: str) -> Callable[[Json], Json]:
    """Return how an answer is cut down to these names: no others are compared."""
    return lambda found: {name: found[name] for name in names}
