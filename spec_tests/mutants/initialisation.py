"""Wrong initial weights."""

from typing import Any

import numpy as np

from spec_tests.mutants.mutant import Mutant, original

INITIALISATION = "refprune.initialisation"
HE, GLOROT, ALL = (f"{INITIALISATION}.{name}" for name in ("he_normal", "glorot_uniform", "initialise"))
CONSTANT = f"{INITIALISATION}._constant"
_he, _glorot, _initialise = original(HE), original(GLOROT), original(ALL)
_constant = original(CONSTANT)


def _he_fan_out(rng: Any, shape: Any) -> Any:
    """Divide by what one input feeds."""
    return rng.normal(0.0, np.sqrt(2.0 / (shape[0] * np.prod(shape[2:]))), shape)


def _he_without_area(rng: Any, shape: Any) -> Any:
    """Leave the kernel's area out of the fan."""
    return rng.normal(0.0, np.sqrt(2.0 / shape[1]), shape)


def _lecun(rng: Any, shape: Any) -> Any:
    """Draw with variance 1 / fan_in."""
    return _he(rng, shape) / np.sqrt(2.0)


def _he_uniform(rng: Any, shape: Any) -> Any:
    """Draw with the right variance from the wrong distribution."""
    limit = np.sqrt(6.0 / np.prod(shape[1:]))
    return rng.uniform(-limit, limit, shape)


def _glorot_without_area(rng: Any, shape: Any) -> Any:
    limit = np.sqrt(6.0 / (shape[0] + shape[1]))
    return rng.uniform(-limit, limit, shape)


def _glorot_normal(rng: Any, shape: Any) -> Any:
    return rng.normal(0.0, np.sqrt(2.0 / ((shape[0] + shape[1]) * np.prod(shape[2:]))), shape)


def _sorted_names(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    """Draw in the order of the alphabet."""
    drawn = _initialise(dict(sorted(shapes.items())), rng, draw, dtype)
    return {name: drawn[name] for name in shapes}


def _biases_drawn(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    """Draw biases like rows of a weight."""
    right = _initialise(shapes, rng, draw, dtype)
    return {name: rng.uniform(-1, 1, array.shape) if array.ndim == 1 else array for name, array in right.items()}


def _seed_of_its_own(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    """Start every array from the same seed."""
    return {
        name: _initialise({name: shape}, np.random.default_rng(0), draw, dtype)[name] for name, shape in shapes.items()
    }


def _drawn_in_float32(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    """Draw float32 from the bits: another stream."""
    return {
        name: (rng.standard_normal(shape, dtype) if len(shape) > 1 else np.zeros(shape, dtype))
        * dtype(np.sqrt(2 / max(np.prod(shape[1:]), 1)))
        for name, shape in shapes.items()
    }


def _always_float64(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    return _initialise(shapes, rng, draw, np.float64)


def _any_seed(shapes: Any, rng: Any, draw: Any = _he, dtype: Any = np.float32) -> Any:
    """Take a seed for a generator."""
    return _initialise(shapes, np.random.default_rng(rng), draw, dtype)


MUTANTS = (
    Mutant("He with fan-out", "INI-01", "the wrong fan", {HE: _he_fan_out}),
    Mutant("He without the area", "INI-01", "convolutions start too large", {HE: _he_without_area}),
    Mutant("LeCun for He", "INI-01", "half the variance", {HE: _lecun}),
    Mutant("He uniform", "INI-01", "another distribution", {HE: _he_uniform}),
    Mutant("Glorot without the area", "INI-02", "convolutions start too large", {GLOROT: _glorot_without_area}),
    Mutant("Glorot normal", "INI-02", "another distribution", {GLOROT: _glorot_normal}),
    Mutant("alphabetical draws", "INI-03", "M93: the order of the names", {ALL: _sorted_names}),
    Mutant("biases drawn", "INI-03", "biases start at 0", {ALL: _biases_drawn}),
    Mutant("a seed of its own", "INI-03", "the generator is ignored", {ALL: _seed_of_its_own}),
    Mutant("drawn in float32", "INI-04", "another stream for each dtype", {ALL: _drawn_in_float32}),
    Mutant("float64 always", "INI-04", "the dtype is ignored", {ALL: _always_float64}),
    Mutant("gamma 0", "INI-06", "a normalisation that lets nothing through", {CONSTANT: lambda name: 0.0}),
    Mutant(
        "variances 0",
        "INI-06",
        "running statistics are cleared alike",
        {CONSTANT: lambda name: 1.0 if name.endswith(".gamma") else 0.0},
    ),
    Mutant(
        "normalisations 1",
        "INI-06",
        "beta and the mean too",
        {CONSTANT: lambda name: 0.0 if name.endswith(".bias") else 1.0},
    ),
    Mutant(
        "gamma 1/2",
        "INI-06",
        "network slimming's start",
        {CONSTANT: lambda name: 0.5 if name.endswith(".gamma") else _constant(name)},
    ),
    Mutant("seeds accepted", "INI-05", "None is a seed too: not reproducible", {ALL: _any_seed}),
)
