"""docs/spec/measure.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable
from fractions import Fraction
from math import inf, log
from numbers import Integral
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune import measure
from refprune.architectures import lenet_300_100
from refprune.arrays import Array, Masks, Params
from refprune.errors import InvalidInput
from refprune.network import (
    BatchNorm,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    Input,
    MaxPool2d,
    Network,
    build,
)
from refprune.ops import Padding, Pair
from spec_tests.adapter import Backend
from spec_tests.oracle import layers as oracle
from spec_tests.oracle import measure as define
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.graphs import graphs
from spec_tests.strategies.networks import Drawn, chains, masks_of
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement, show

COUNTS = tuple(measure.Counts._fields)


def one_dense(rows: int, columns: int, dtype: Any = np.float32) -> tuple[Network, dict[str, Array]]:
    """Return a network of one dense layer of ones, with its bias."""
    network = build(Input("x", (columns,)), Dense("fc"))
    return network, {"fc.weight": np.ones((rows, columns), dtype), "fc.bias": np.ones(rows, dtype)}


def one_conv(stride: Pair, padding: Padding) -> tuple[Network, dict[str, Array]]:
    """Return conv 3 -> 2 channels, 3 by 3, on 5 by 5."""
    network = build(Input("x", (3, 5, 5)), Conv2d("conv", stride, padding))
    return network, {"conv.weight": np.ones((2, 3, 3, 3), np.float32), "conv.bias": np.ones(2, np.float32)}


def first(count: int, shape: tuple[int, ...]) -> Array:
    """Return the mask that keeps the first `count` entries."""
    return (np.arange(np.prod(shape)) < count).reshape(shape)


def defined(backend: Backend, network: Network, params: Params, masks: Masks) -> dict[str, int]:
    """Return the nine counts of the definition, in the operations that are declared."""
    declared = backend.declaration
    return define.counts(network, params, masks, declared.mac, biases=declared.bias_counted)


def says(backend: Backend, network: Network, params: Params, masks: Masks, **asked: float | tuple[int, int]) -> None:
    """Require these counts and fractions. Operations are pairs: multiply-adds, and additions of biases."""
    declared, got = backend.declaration, backend.count(network, params, masks)
    should = {
        name: value[0] * declared.mac + value[1] * declared.bias_counted if isinstance(value, tuple) else value
        for name, value in asked.items()
    }
    told = {name: got[name] for name in should}
    if told != should:
        fail(told, should, counted(network, params, masks))


def counted(network: Network, params: Params, masks: Masks) -> str:
    """Return the call; large arrays, which are constant or made by `first`, as the expression that makes them."""
    written = (
        "{" + ", ".join(f"{name!r}: {brief(array)}" for name, array in arrays.items()) + "}"
        for arrays in (params, masks)
    )
    return f"backend.count({show(network)}, {', '.join(written)})"


def brief(array: Array) -> str:
    """Write an array as an expression that can be pasted."""
    if array.size < 100:
        return show([array])[1:-1]
    if array.dtype == bool:
        return f"(arange({array.size}) < {np.count_nonzero(array)}).reshape({array.shape})"
    return f"full({array.shape}, {array.flat[0]!s}, {array.dtype})"


def answers(network: Network, *rows: Any) -> tuple[Network, Params, Array]:
    """Return a network whose logits are its input, and that input."""
    x = np.array(rows, np.float64)
    return network, {"fc.weight": np.eye(x.shape[1]), "fc.bias": np.zeros(x.shape[1])}, x


TWO = build(Input("x", (2,)), Dense("fc"))
ONE = build(Input("x", (1,)), Dense("fc"))


# MEA-01 Accuracy


@requirement("MEA-01", "example")
def test_accuracy_example() -> None:
    asked = answers(TWO, [1, 2], [3, 3], [0, 0], [5, 4])
    expect_equal(measure.accuracy(*asked, np.array([1, 0, 1, 0])), 0.75, "accuracy of [1, 2], [3, 3], [0, 0], [5, 4]")
    expect_equal(measure.accuracy(*asked, np.array([0, 1, 1, 1])), 0.0, "accuracy where none is right")


@requirement("MEA-01", "property")
@given(chains())
def test_accuracy(drawn: Drawn) -> None:
    """Integer logits are exact and often tied: max() returns the first of equals by definition of Python."""
    logits = oracle.logits(drawn.network, drawn.params, drawn.x)
    right = sum(max(sorted(z), key=z.__getitem__) == (label,) for z, label in zip(logits, drawn.labels, strict=True))
    got = measure.accuracy(drawn.network, drawn.params, drawn.x, drawn.labels)
    expect_equal(got, right / len(drawn.x), f"accuracy({drawn})")


# MEA-02 Loss

ROUNDING = 2.0**-50
"""Four units in the last place of a number from 1/2 to 1: one each for exp, sum, log and difference."""


@requirement("MEA-02", "example")
def test_loss_example() -> None:
    expect_equal(measure.loss(*answers(ONE, [7], [8]), np.array([0, 0])), 0.0, "loss of a single class")
    expect_close(measure.loss(*answers(TWO, [0, 0]), np.array([1])), log(2), ROUNDING, "loss of [0, 0]")
    far = answers(TWO, [1000, 0])
    expect_equal(measure.loss(*far, np.array([0])), 0.0, "loss of [1000, 0] for label 0")
    expect_equal(measure.loss(*far, np.array([1])), 1000.0, "loss of [1000, 0] for label 1")
    both = answers(TWO, [1000, 0], [0, 1000])
    expect_equal(measure.loss(*both, np.array([1, 1])), 500.0, "loss of [1000, 0] and [0, 1000] for label 1")


@requirement("MEA-02", "property")
@given(chains())
def test_loss(drawn: Drawn) -> None:
    """The mean of the definition; each term is within a few roundings of its largest logit and of log(classes)."""
    logits = oracle.logits(drawn.network, drawn.params, drawn.x)
    terms = [oracle.cross_entropy(z, label) for z, label in zip(logits, drawn.labels.tolist(), strict=True)]
    largest = max(2 * abs(value) for z in logits for value in z.values()) + 2
    should = float(sum(map(Fraction, terms)) / len(terms))
    got = measure.loss(drawn.network, drawn.params, drawn.x, drawn.labels)
    # At most 3 classes and 3 examples: 16 roundings of numbers up to `largest` bound both computations.
    expect_close(got, should, 16 * 2.0**-52 * largest, f"loss({drawn})")


# MEA-03 and MEA-04 Fractions


@requirement("MEA-03", "example", "ACCOUNT")
def test_sparsity_example(backend: Backend) -> None:
    network, params = one_dense(2, 3)
    half = {"fc.weight": first(3, (2, 3))}
    says(backend, network, params, half, parameters=8, parameters_kept=5, prunable=6, prunable_kept=3)
    says(backend, network, params, half, sparsity_prunable=0.5, sparsity_all=0.375)
    little = {"fc.weight": first(1, (2, 3))}
    says(backend, network, params, little, parameters_kept=3, prunable_kept=1, sparsity_all=0.625)
    biases = {"fc.bias": np.zeros(2, bool)}
    says(backend, network, params, biases, sparsity_prunable=0.0, sparsity_all=0.25)
    says(backend, network, params, {}, sparsity_prunable=0.0, sparsity_all=0.0)


@requirement("MEA-03", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_sparsity(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    should = define.fractions(defined(backend, drawn.network, drawn.params, masks))
    del should["compression_ratio"]
    says(backend, drawn.network, drawn.params, masks, **should)


@requirement("MEA-04", "example", "ACCOUNT")
def test_ratio_example(backend: Backend) -> None:
    network, params = one_dense(2, 4)
    for kept, ratio in ((2, 4.0), (8, 1.0), (0, inf), (5, 1.6)):
        says(backend, network, params, {"fc.weight": first(kept, (2, 4))}, compression_ratio=ratio)
    says(backend, network, params, {"fc.bias": np.zeros(2, bool)}, compression_ratio=1.0)


@requirement("MEA-04", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_ratio(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    ratio = define.fractions(defined(backend, drawn.network, drawn.params, masks))["compression_ratio"]
    says(backend, drawn.network, drawn.params, masks, compression_ratio=ratio)


# MEA-05 and MEA-06 MACs


@requirement("MEA-05", "example", "ACCOUNT")
def test_macs_example(backend: Backend) -> None:
    for stride, padding, macs in (
        ((1, 1), (0, 0, 0, 0), (486, 18)),
        ((1, 1), (1, 1, 1, 1), (1350, 50)),
        ((2, 2), (1, 1, 1, 1), (486, 18)),
        ((2, 1), (0, 1, 0, 0), (432, 16)),  # 2 rows, 4 columns
    ):
        network, params = one_conv(stride, padding)
        says(backend, network, params, {}, macs=macs)
        says(backend, network, params, {"conv.weight": np.zeros((2, 3, 3, 3), bool)}, macs=macs)
    network, shapes = lenet_300_100()
    says(
        backend, network, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, {}, macs=(266_200, 410)
    )


@requirement("MEA-05", "example", "ACCOUNT")
def test_macs_with_groups_example(backend: Backend) -> None:
    """Two groups: each of 4 outputs reads 2 of the 4 channels, on 6 pixels. Depthwise: each of 4 outputs reads 1."""
    for node, width in ((Conv2d("conv", groups=2, bias=False), 2), (DepthwiseConv2d("conv", bias=False), 1)):
        network = build(Input("x", (4, 2, 3)), node)
        params = {"conv.weight": np.ones((4, width, 1, 1))}
        says(backend, network, params, {}, macs=(4 * width * 6, 0), prunable=4 * width, parameters=4 * width)


@requirement("MEA-05", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_macs(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    says(backend, drawn.network, drawn.params, masks, macs=defined(backend, drawn.network, drawn.params, {})["macs"])


@requirement("MEA-06", "example", "ACCOUNT")
def test_macs_nonzero_example(backend: Backend) -> None:
    network, params = one_conv((1, 1), (1, 1, 1, 1))
    masks = {"conv.weight": first(10, (2, 3, 3, 3))}
    says(backend, network, params, masks, macs_nonzero=(250, 50))
    says(backend, network, params, masks | {"conv.bias": np.zeros(2, bool)}, macs_nonzero=(250, 0))
    says(backend, network, params, {}, macs_nonzero=(1350, 50))


@requirement("MEA-06", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_macs_nonzero(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    should = defined(backend, drawn.network, drawn.params, masks)["macs_nonzero"]
    says(backend, drawn.network, drawn.params, masks, macs_nonzero=should)


# MEA-07 and MEA-08 Bytes


@requirement("MEA-07", "example", "ACCOUNT")
def test_bitmask_example(backend: Backend) -> None:
    network, params = one_dense(300, 784)
    masks = {"fc.weight": first(18_816, (300, 784))}
    # The bias of 300 is 1,200 bytes, and 38 more for its bits.
    says(backend, network, params, masks, bytes_dense=940_800 + 1_200, bytes_bitmask=104_664 + 1_238)
    network, params = one_dense(1, 9, np.float64)
    says(backend, network, params, {"fc.weight": first(2, (1, 9))}, bytes_dense=80, bytes_bitmask=2 + 16 + 1 + 8)


@requirement("MEA-07", "example")
def test_bitmask_of_one_array_example() -> None:
    weight = np.zeros((300, 784), np.float32)
    expect_equal(measure.bitmask_bytes(weight, 18_816), 104_664, "bitmask_bytes(300 by 784 float32, 18816)")
    for size, needed in ((1, 1), (8, 1), (9, 2), (16, 2), (17, 3)):
        expect_equal(measure.bitmask_bytes(np.zeros(size), 0), needed, f"bitmask_bytes({size} entries, 0)")


@requirement("MEA-07", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_bitmask(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    should = defined(backend, drawn.network, drawn.params, masks)
    says(
        backend,
        drawn.network,
        drawn.params,
        masks,
        **{name: should[name] for name in ("bytes_dense", "bytes_bitmask")},
    )


@requirement("MEA-08", "example", "ACCOUNT")
def test_csr_example(backend: Backend) -> None:
    network, params = one_dense(300, 784)
    # The bias: 300 * 8 + 4 * 301 = 3,604.
    says(backend, network, params, {"fc.weight": first(18_816, (300, 784))}, bytes_csr=151_732 + 3_604)
    network, params = one_conv((1, 1), (0, 0, 0, 0))
    # 10 * 8 + 4 * 3, and the bias: 2 * 8 + 4 * 3
    says(backend, network, params, {"conv.weight": first(10, (2, 3, 3, 3))}, bytes_csr=92 + 28)


@requirement("MEA-08", "example")
def test_csr_of_one_array_example() -> None:
    got = measure.csr_bytes(np.zeros((300, 784), np.float32), 18_816)
    expect_equal(got, 151_732, "csr_bytes(300 by 784 float32, 18816)")


@requirement("MEA-08", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_csr(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    masks = data.draw(masks_of(drawn.params))
    should = defined(backend, drawn.network, drawn.params, masks)["bytes_csr"]
    says(backend, drawn.network, drawn.params, masks, bytes_csr=should)


# MEA-09 What cannot be measured

WRONG_LABELS: tuple[list[Any], ...] = (
    [[0], [1]],
    [0],
    [0, 1, 1],
    [0, 2],
    [-1, 0],
    [0.0, 1.0],
    [True, False],
    [],
)


def refused(what: Callable[..., object], *asked: Any) -> None:
    """Require InvalidInput."""
    said = f"{what.__name__}(..., {asked[-1]})"
    error = refuses(lambda: what(*asked), said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


@requirement("MEA-09", "example")
def test_unmeasurable_example() -> None:
    asked = answers(TWO, [1, 2], [3, 4])
    for what in (measure.accuracy, measure.loss):
        for wrong in WRONG_LABELS:
            refused(what, *asked, np.array(wrong))
        refused(what, *asked, [0, 1])
    network, params = one_dense(2, 3)
    refused(measure.count, build(Input("x", (2,))), {})
    refused(measure.count, network, {"fc.weight": params["fc.weight"]})
    for name, mask in (("fc.weight", np.ones((3, 2), bool)), ("fc", np.ones(2, bool)), ("fc.bias", np.ones(2))):
        refused(measure.count, network, params, {name: mask})


@requirement("MEA-09", "example", "ACCOUNT")
def test_uncountable_example(backend: Backend) -> None:
    """Masks of another shape, of an array that is not there, beside a mask that fits; a network without weights."""
    network, params = one_dense(2, 3)
    fits = {"fc.bias": np.array([True, False])}
    for wrong in ({"fc": np.ones(2, bool)}, {"fc.bias": np.ones(3, bool)}, {"fc.weight": np.ones((3, 2), bool)}):
        for masks in (wrong, fits | wrong):
            refuses(lambda: backend.count(network, params, masks), call("count", network, params, masks))  # noqa: B023  called at once
    bare = build(Input("x", (2,)))
    refuses(lambda: backend.count(bare, {}, {}), call("count", bare, {}, {}))


@requirement("MEA-09", "property")
@given(st.data(), draw.networks())
def test_unmeasurable(data: st.DataObject, drawn: Drawn) -> None:
    """Labels too many, too few, of another shape or kind, or of a class that is none."""
    count, classes = len(drawn.labels), len(drawn.params["out.bias"])
    wrong: tuple[Array, ...] = (
        np.append(drawn.labels, 0),
        drawn.labels[1:],
        drawn.labels[:, np.newaxis],
        drawn.labels.astype(np.float64),
        np.full(count, classes),
        np.full(count, -1),
    )
    what = data.draw(st.sampled_from((measure.accuracy, measure.loss)))
    refused(what, drawn.network, drawn.params, drawn.x, data.draw(st.sampled_from(wrong)))


@requirement("MEA-09", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_unfitting_masks(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    name = data.draw(st.sampled_from(sorted(drawn.params)))
    shape, known = drawn.params[name].shape, data.draw(st.booleans())
    masks = data.draw(masks_of(drawn.params)) | (
        {name: np.ones((*shape, 2), bool)} if known else {f"{name}x": np.ones(shape, bool)}
    )
    refuses(
        lambda: backend.count(drawn.network, drawn.params, masks),
        call("count", drawn.network, drawn.params, masks),
    )


# MEA-10 Exact integers


def one_by_one(rows: int, columns: int) -> tuple[Network, dict[str, Array]]:
    """Return a 1 by 1 convolution of one channel on images of any size."""
    network = build(Input("x", (1, rows, columns)), Conv2d("conv"))
    return network, {"conv.weight": np.ones((1, 1, 1, 1), np.float32), "conv.bias": np.ones(1, np.float32)}


@requirement("MEA-10", "example", "ACCOUNT")
def test_exact_example(backend: Backend) -> None:
    network, params = one_by_one(4097, 4097)
    says(backend, network, params, {}, macs=(16_785_409,) * 2, macs_nonzero=(16_785_409,) * 2)
    whole_numbers(backend, network, params, {})
    whole_numbers(backend, *one_conv((1, 1), (1, 1, 1, 1)), {"conv.weight": first(10, (2, 3, 3, 3))})


def whole_numbers(backend: Backend, network: Network, params: Params, masks: Masks) -> None:
    """Require an integer for every count."""
    got = backend.count(network, params, masks)
    for name in COUNTS:
        if not isinstance(got[name], Integral) or isinstance(got[name], bool):
            fail(f"{name} = {got[name]!r}", "an integer", counted(network, params, masks))


@requirement("MEA-10", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_integers(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    whole_numbers(backend, drawn.network, drawn.params, data.draw(masks_of(drawn.params)))


@requirement("MEA-10", "example")
def test_beyond_64_bits_example() -> None:
    """2^33 rows of 2^31 + 1 columns: 2^64 + 2^33 positions. Nothing of that size is ever made."""
    got = measure.count(*one_by_one(2**33, 2**31 + 1)).macs
    expect_equal(got, 18_446_744_082_299_486_208, "count(1 by 1 convolution on 2^33 by 2^31 + 1 images).macs")


@requirement("MEA-10", "property")
@given(st.integers(1, 2**40), st.integers(1, 2**40))
def test_exact(rows: int, columns: int) -> None:
    network, params = one_by_one(rows, columns)
    got = measure.count(network, params)
    expect_equal(got.macs, rows * columns, f"count(1 by 1 convolution on {rows} by {columns} images).macs")
    expect_equal({type(value) for value in got}, {int}, "the types of the counts")


# MEA-11 Masks count, zeros do not


@requirement("MEA-11", "example", "ACCOUNT")
def test_masks_count_example(backend: Backend) -> None:
    network = build(Input("x", (4,)), Dense("fc"))
    params = {"fc.weight": np.array([[0.0, -0.0, 5.0, 6.0]]), "fc.bias": np.array([0.0])}
    masks = {"fc.weight": np.array([[True, True, True, False]])}
    says(
        backend, network, params, masks, prunable_kept=3, parameters_kept=4, macs_nonzero=(3, 1), sparsity_prunable=0.25
    )
    says(backend, network, params, masks, bytes_bitmask=1 + 24 + 1 + 8, bytes_csr=36 + 8 + 12 + 8)
    says(backend, network, params, {}, prunable_kept=4, parameters_kept=5, compression_ratio=1.0)


@requirement("MEA-11", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_masks_count(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Every count, the same whatever the values are."""
    masks = data.draw(masks_of(drawn.params))
    zeros = {name: np.zeros_like(array) for name, array in drawn.params.items()}
    for params in (drawn.params, zeros):
        says(backend, drawn.network, params, masks, **defined(backend, drawn.network, params, masks))


@requirement("MEA-05", "example", "ACCOUNT")
def test_flatten_and_pool_count_nothing_example(backend: Backend) -> None:
    """A dense layer behind a flatten is applied once: 2 * 4 * 1 for the convolution, 3 * 8 for fc."""
    network = build(Input("x", (1, 2, 2)), Conv2d("conv"), Flatten("flat"), Dense("fc"))
    params = {"conv.weight": np.ones((2, 1, 1, 1)), "conv.bias": np.ones(2)}
    params |= {"fc.weight": np.ones((3, 8)), "fc.bias": np.ones(3)}
    says(backend, network, params, {}, macs=(8 + 24, 8 + 3), parameters=4 + 27)


# MEA-13 Running statistics


def normalised() -> tuple[Network, dict[str, Array]]:
    """Return a batch norm of two features and a dense layer with one output."""
    params = {f"norm.{part}": np.ones(2, np.float32) for part in ("gamma", "beta", "running_mean", "running_var")}
    params |= {"fc.weight": np.ones((1, 2), np.float32), "fc.bias": np.ones(1, np.float32)}
    return build(Input("x", (2,)), BatchNorm("norm"), Dense("fc")), params


@requirement("MEA-13", "example", "ACCOUNT")
def test_statistics_example(backend: Backend) -> None:
    network, params = normalised()
    says(backend, network, params, {}, parameters=2 + 2 + 2 + 1, prunable=2, macs=(2, 1))
    # Five arrays of two entries, and the bias: 1 + 8 bytes and 1 + 4; 16 + 12, for the weight's one row 16 + 8, 8 + 8.
    says(backend, network, params, {}, bytes_dense=44, bytes_bitmask=5 * 9 + 5, bytes_csr=4 * 28 + 24 + 16)
    one = {"norm.gamma": np.array([True, False]), "norm.beta": np.array([True, False])}
    says(backend, network, params, one, parameters_kept=5, prunable_kept=2, sparsity_all=2 / 7)
    says(backend, network, params, one, bytes_dense=44, bytes_bitmask=5 * 9 + 5 - 8)


@requirement("MEA-13", "property", "ACCOUNT")
@given(graphs(("batch_norm", "conv2d", "relu")), st.data())
def test_statistics(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    counts_as_defined(backend, drawn, data.draw(masks_of(drawn.params)))


def counts_as_defined(backend: Backend, drawn: Drawn, masks: Masks) -> None:
    """Require the nine counts of the loops; what stands still is never masked."""
    masks = {name: mask for name, mask in masks.items() if ".running_" not in name}
    says(backend, drawn.network, drawn.params, masks, **defined(backend, drawn.network, drawn.params, masks))


# MEA-14 Shared weights


@requirement("MEA-14", "example", "ACCOUNT")
def test_shared_example(backend: Backend) -> None:
    """Applied on 16 pixels and, behind a pool, on 4: 4 entries at 20 positions."""
    network = build(Input("x", (2, 4, 4)), Conv2d("a"), MaxPool2d("pool"), Conv2d("b", shares="a"))
    params = {"a.weight": np.ones((2, 2, 1, 1)), "a.bias": np.ones(2)}
    says(backend, network, params, {}, macs=(80, 40), macs_nonzero=(80, 40), prunable=4, parameters=6, bytes_dense=48)
    masks = {"a.weight": first(3, (2, 2, 1, 1))}
    says(backend, network, params, masks, macs=(80, 40), macs_nonzero=(60, 40), prunable_kept=3, parameters_kept=5)
    three = build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"), Dense("c", shares="a"))
    params = {"a.weight": np.ones((2, 2)), "a.bias": np.ones(2)}
    says(backend, three, params, {}, macs=(12, 6), prunable=4, parameters=6)


@requirement("MEA-14", "property", "ACCOUNT")
@given(graphs(("shared", "conv2d", "grouped_conv2d", "max_pool2d", "add", "split", "unused")), st.data())
def test_shared(backend: Backend, drawn: Drawn, data: st.DataObject) -> None:
    counts_as_defined(backend, drawn, data.draw(masks_of(drawn.params)))


# MEA-12 Given things stay as they are


def leaves_alone(backend: Backend, network: Network, params: Params, masks: Masks) -> None:
    """Require that counting writes into nothing."""
    before = [{name: array.copy() for name, array in arrays.items()} for arrays in (params, masks)]
    backend.count(network, params, masks)
    said = call("count", network, *before)
    for what, after, should in (("params", params, before[0]), ("masks", masks, before[1])):
        expect_equal({what: after}, {what: should}, said)
        expect_equal({f"bytes of {what}": bits(after)}, {f"bytes of {what}": bits(should)}, said)


def bits(arrays: Params) -> dict[str, Any]:
    """Return dtype, shape and bytes of every array, by name."""
    return {name: (array.dtype.name, array.shape, array.tobytes()) for name, array in arrays.items()}


@requirement("MEA-12", "example", "ACCOUNT")
def test_given_example(backend: Backend) -> None:
    """What is stored under a mask stays, -0.0 too."""
    network = build(Input("x", (3,)), Dense("fc"))
    params = {"fc.weight": np.array([[-0.0, 5.0, 6.0]]), "fc.bias": np.array([7.0])}
    masks = {"fc.weight": np.array([[False, False, True]]), "fc.bias": np.array([False])}
    leaves_alone(backend, network, params, masks)


@requirement("MEA-12", "example")
def test_given_to_the_reference_example() -> None:
    network, params, x = answers(TWO, [1, 2], [3, 3])
    labels = np.array([1, 0])
    before = bits({"x": x, "labels": labels, **params})
    for what in (measure.accuracy, measure.loss):
        what(network, params, x, labels)
        expect_equal(bits({"x": x, "labels": labels, **params}), before, f"{what.__name__} of [1, 2], [3, 3]")


@requirement("MEA-12", "property", "ACCOUNT")
@given(st.data(), draw.networks())
def test_given(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    leaves_alone(backend, drawn.network, drawn.params, data.draw(masks_of(drawn.params)))
