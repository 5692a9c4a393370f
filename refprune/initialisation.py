"""Initial weights, drawn from a Generator.

Specification: docs/spec/initialisation.md.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import DTypeLike

from refprune.arrays import Array
from refprune.errors import InvalidInput, check_generator
from refprune.network import Shape

Initialiser = Callable[[np.random.Generator, Shape], Array]
"""Draws a weight of the given shape, float64."""


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from N(0, 2 / fan_in), fan_in = entries that feed one output [He2015]."""
    return rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[1:])), shape)  # INI-01


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from U(-a, a), a = sqrt(6 / (fan_in + fan_out)), fans times the kernel's area [Glorot2010]."""
    area = np.prod(shape[2:])
    limit = np.sqrt(6.0 / ((shape[0] + shape[1]) * area))
    return rng.uniform(-limit, limit, shape)  # INI-02


def initialise(
    shapes: Mapping[str, Shape],
    rng: np.random.Generator,
    draw: Initialiser = he_normal,
    dtype: DTypeLike = np.float32,
) -> dict[str, Array]:
    """Return parameters of these shapes: weights drawn in the mapping's order, one-dimensional arrays zero or one.

    One: gamma and running variances. Zero: biases, beta and running means.

    Drawn in float64 and then cast: every dtype starts from the same draws.

    Raises:
        InvalidInput: no Generator, a dtype that is not floating-point, or a shape without entries.
    """
    check_generator(rng)  # INI-05
    if not np.issubdtype(dtype, np.floating):
        raise InvalidInput("dtype", repr(dtype), "a floating-point dtype")
    for name, shape in shapes.items():
        if not shape or min(shape) < 1:
            raise InvalidInput(f"shape of {name!r}", shape, "one axis or more, each of length >= 1")
    return {
        name: (draw(rng, shape) if len(shape) > 1 else np.full(shape, _constant(name))).astype(dtype)  # INI-04
        for name, shape in shapes.items()
    }  # INI-03


def _constant(name: str) -> float:
    """Return what a one-dimensional array starts with."""
    return 1.0 if name.endswith((".gamma", ".running_var")) else 0.0  # INI-06
