"""docs/spec/initialisation.md, requirement by requirement: a literal example, then a property."""

from math import prod, sqrt
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.errors import InvalidInput
from refprune.initialisation import glorot_uniform, he_normal, initialise
from spec_tests.verdicts import expect_close, expect_equal, fail, refuses, requirement

SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.integers(1, 5)
DENSE = st.tuples(LENGTHS, LENGTHS)
CONV = st.tuples(LENGTHS, LENGTHS, st.integers(1, 3), st.integers(1, 3))
SHAPES = st.lists(st.one_of(DENSE, CONV, st.tuples(LENGTHS)), min_size=1, max_size=5).map(
    lambda shapes: {f"p{number}": shape for number, shape in enumerate(shapes)}
)
DRAWS = st.sampled_from((he_normal, glorot_uniform))


def generator(seed: int) -> np.random.Generator:
    """Return a fresh generator."""
    return np.random.default_rng(seed)


# INI-01 He


def check_normal(shape: tuple[int, ...], variance: float, seed: int) -> None:
    """Require standard normal draws of the same generator, times the deviation: two roundings and a root apart."""
    got = he_normal(generator(seed), shape)
    should = generator(seed).standard_normal(shape) * sqrt(variance)
    expect_close(got, should, 2.0**-50 * float(abs(should).max()), f"he_normal(default_rng({seed}), {shape})")


@requirement("INI-01", "example")
def test_he_example() -> None:
    check_normal((3, 8), 0.25, 0)  # dense: fan-in 8
    check_normal((100, 8), 0.25, 0)  # fan-out does not matter
    check_normal((7, 2, 2, 1), 0.5, 1)  # convolution: fan-in 2 * 2 * 1
    draws = he_normal(generator(0), (200, 200))
    # 40,000 draws of variance 0.01: five deviations of their mean (0.0005) and of their variance.
    expect_close(draws.mean(), 0.0, 5 * 0.0005, "the mean of he_normal(default_rng(0), (200, 200))")
    expect_close(draws.var(), 0.01, 5 * 0.01 * sqrt(2 / 40_000), "the variance of the same")


@requirement("INI-01", "property")
@given(st.one_of(DENSE, CONV), SEEDS)
def test_he(shape: tuple[int, ...], seed: int) -> None:
    check_normal(shape, 2.0 / prod(shape[1:]), seed)


# INI-02 Glorot


def check_uniform(shape: tuple[int, ...], limit: float, seed: int) -> None:
    """Require -a + 2a u for the generator's u in [0, 1): each side is within 4 roundings of a."""
    got = glorot_uniform(generator(seed), shape)
    should = -limit + 2 * limit * generator(seed).random(shape)
    expect_close(got, should, 2.0**-49 * limit, f"glorot_uniform(default_rng({seed}), {shape})")


@requirement("INI-02", "example")
def test_glorot_example() -> None:
    check_uniform((2, 4), 1.0, 0)  # 6 / (2 + 4) = 1
    check_uniform((4, 2), 1.0, 0)
    check_uniform((1, 2, 2, 4), 0.5, 1)  # 6 / ((1 + 2) * 8) = 1/4
    draws = glorot_uniform(generator(0), (200, 100))
    limit = sqrt(6 / 300)
    expect_equal(bool((abs(draws) <= limit).all()), True, "every draw within the limit")  # noqa: FBT003
    # 20,000 draws of variance a^2 / 3 = 1/150: the mean's deviation is sqrt(1/150 / 20000) = 0.00058; 5 of them.
    expect_close(draws.mean(), 0.0, 5 * 0.00058, "the mean of glorot_uniform(default_rng(0), (200, 100))")


@requirement("INI-02", "property")
@given(st.one_of(DENSE, CONV), SEEDS)
def test_glorot(shape: tuple[int, ...], seed: int) -> None:
    area = prod(shape[2:])
    check_uniform(shape, sqrt(6.0 / (shape[0] * area + shape[1] * area)), seed)


# INI-03 Order and biases


@requirement("INI-03", "example")
def test_order_example() -> None:
    shapes = {"b.weight": (2, 3), "b.bias": (2,), "a.weight": (1, 2), "a.bias": (1,)}
    rng = generator(7)
    got = initialise(shapes, rng, dtype=np.float64)
    again = generator(7)
    first, second = he_normal(again, (2, 3)), he_normal(again, (1, 2))
    should = {"b.weight": first, "b.bias": np.zeros(2), "a.weight": second, "a.bias": np.zeros(1)}
    expect_equal(list(got), list(shapes), "the order of the names")
    expect_equal(got, should, f"initialise({shapes}, default_rng(7))")
    expect_equal(rng.random(), again.random(), "the next draw: biases have used none")


@requirement("INI-03", "property")
@given(SHAPES, DRAWS, SEEDS)
def test_order(shapes: dict[str, tuple[int, ...]], draw: Any, seed: int) -> None:
    """One draw after the other from the generator given; no global seed, nothing for biases."""
    rng, again = generator(seed), generator(seed)
    state = np.random.get_state(legacy=False)
    got = initialise(shapes, rng, draw, np.float64)
    said = f"initialise({shapes}, default_rng({seed}), {draw.__name__})"
    for name, shape in shapes.items():
        expect_equal(got[name], draw(again, shape) if len(shape) > 1 else np.zeros(shape), f"{name!r} of {said}")
    expect_equal(rng.random(), again.random(), f"the next draw after {said}")
    expect_equal(
        str(np.random.get_state(legacy=False)),
        str(state),
        "NumPy's global generator",
    )


# INI-04 dtype


@requirement("INI-04", "example")
def test_dtype_example() -> None:
    shapes = {"a.weight": (2, 3), "a.bias": (2,)}
    wide = initialise(shapes, generator(0), dtype=np.float64)
    got = initialise(shapes, generator(0))
    expect_equal({name: array.dtype.name for name, array in got.items()}, dict.fromkeys(shapes, "float32"), "dtypes")
    expect_equal(got, {name: array.astype(np.float32) for name, array in wide.items()}, "the same draws, rounded")
    expect_equal({array.dtype.name for array in wide.values()}, {"float64"}, "the dtypes asked for")


@requirement("INI-04", "property")
@given(SHAPES, DRAWS, SEEDS, st.sampled_from((np.float16, np.float32, np.float64)))
def test_dtype(shapes: dict[str, tuple[int, ...]], draw: Any, seed: int, dtype: Any) -> None:
    """Every dtype rounds the same float64 draws."""
    got = initialise(shapes, generator(seed), draw, dtype)
    wide = initialise(shapes, generator(seed), draw, np.float64)
    said = f"initialise({shapes}, default_rng({seed}), {draw.__name__}, {dtype.__name__})"
    expect_equal({array.dtype for array in got.values()}, {np.dtype(dtype)}, f"the dtypes of {said}")
    expect_equal(got, {name: array.astype(dtype) for name, array in wide.items()}, said)


# INI-05 What is refused


def refused(shapes: Any, rng: Any, dtype: Any) -> None:
    """Require InvalidInput, and a generator that has drawn nothing."""
    said = f"initialise({shapes}, {rng}, dtype={dtype})"
    before = str(rng.bit_generator.state) if isinstance(rng, np.random.Generator) else ""
    error = refuses(lambda: initialise(shapes, rng, dtype=dtype), said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)
    if before:
        expect_equal(str(rng.bit_generator.state), before, f"the generator after {said}")


@requirement("INI-05", "example")
def test_refused_example() -> None:
    fine = {"a.weight": (2, 3)}
    refused(fine, 0, np.float32)
    refused(fine, None, np.float32)
    refused(fine, np.random, np.float32)
    refused(fine, generator(0), np.int64)
    refused(fine, generator(0), complex)
    refused(fine | {"b.weight": (2, 0)}, generator(0), np.float32)
    refused(fine | {"b.bias": (0,)}, generator(0), np.float32)
    refused(fine | {"b.bias": ()}, generator(0), np.float32)


@requirement("INI-05", "property")
@given(SHAPES, st.data())
def test_refused(shapes: dict[str, tuple[int, ...]], data: st.DataObject) -> None:
    """One length below 1, or a seed in place of the generator, or no floating-point dtype."""
    name = data.draw(st.sampled_from(list(shapes)))
    shape = list(shapes[name])
    shape[data.draw(st.integers(0, len(shape) - 1))] = data.draw(st.integers(-2, 0))
    refused(shapes | {name: tuple(shape)}, generator(0), np.float64)
    refused(shapes, data.draw(SEEDS), np.float64)
    refused(shapes, generator(0), data.draw(st.sampled_from((np.int8, np.bool_, np.complex64, np.uint64))))


# INI-06 Arrays of one axis

STARTS = {"gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 1.0, "bias": 0.0}


@requirement("INI-06", "example")
def test_constants_example() -> None:
    shapes = {f"norm.{part}": (2,) for part in ("gamma", "beta", "running_mean", "running_var")} | {"fc.bias": (2,)}
    rng = generator(0)
    got = initialise(shapes, rng)
    should = {"norm.gamma": [1, 1], "norm.beta": [0, 0], "norm.running_mean": [0, 0], "norm.running_var": [1, 1]}
    should |= {"fc.bias": [0, 0]}
    expect_equal({name: values.tolist() for name, values in got.items()}, should, f"initialise({shapes}, ...)")
    expect_equal(
        {values.dtype.name for values in got.values()}, {"float32"}, f"the dtypes of initialise({shapes}, ...)"
    )
    expect_equal(rng.random(), generator(0).random(), "the first draw: nothing has been used")


@requirement("INI-06", "property")
@given(st.dictionaries(st.sampled_from(list(STARTS)), LENGTHS, min_size=1), CONV, DRAWS, SEEDS)
def test_constants(lengths: dict[str, int], weight: tuple[int, ...], draw: Any, seed: int) -> None:
    """Whatever stands around them, and however weights are drawn."""
    shapes: dict[str, tuple[int, ...]] = {f"a.{part}": (length,) for part, length in lengths.items()}
    got = initialise({"b.weight": weight, **shapes}, generator(seed), draw, np.float64)
    for part, length in lengths.items():
        expect_equal(got[f"a.{part}"], np.full(length, STARTS[part]), f"a.{part} of initialise({shapes}, ...)")
    expect_equal(got["b.weight"], draw(generator(seed), weight), f"b.weight beside {shapes}")
