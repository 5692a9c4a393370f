"""docs/spec/evidence.md, requirement by requirement: a literal example, then a property.

Checks of the reference's own house: evidence is how refprune feeds its criteria, and no backend has it.
"""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array
from refprune.backprop import loss_and_grads, trace
from refprune.criteria import Evidence
from refprune.errors import InvalidInput
from refprune.evidence import NEEDS, collect
from refprune.network import BatchNorm, Conv2d, Dense, Dropout, Flatten, Input, Network, build, layers, owner
from spec_tests.oracle.scores import exact_sum
from spec_tests.strategies.graphs import ALL_OPS, graphs
from spec_tests.strategies.networks import Drawn, chains
from spec_tests.verdicts import expect_close, expect_equal, fail, refuses, requirement

DRAWS = ("draws", "unit_draws")
NORM = ("norm.gamma", "norm.beta", "norm.running_mean", "norm.running_var")


def array(*values: Any) -> Array:
    """Return a float64 array."""
    return np.array(values, np.float64)


def gates_are(network: Network, params: dict[str, Array], x: Array, labels: list[int], **should: list[float]) -> None:
    """Require these gates of `name.weight`."""
    got = collect(network, params, x, np.array(labels), ["gates"]).gates
    assert got is not None
    expected = {f"{name}.weight": np.array(values) for name, values in should.items()}
    expect_equal(got, expected, f"gates of {params} at x = {x.tolist()}, labels {labels}")


# EVI-01 Gates

CHAIN = build(Input("x", (1,)), Dense("fc"), Dense("out"))
# x = 1: fc = (1, 2 + 1), out = (3 * 1, 1 * 3). Equal logits, so dL/dout = (-1/2, 1/2) for label 0,
# and dL/dfc = (3 * -1/2, 1 * 1/2).
CHAIN_PARAMS = {
    "fc.weight": array([1], [2]),
    "fc.bias": array(0, 1),
    "out.weight": array([3, 0], [0, 1]),
    "out.bias": array(0, 0),
}
IMAGE = build(Input("x", (1, 1, 2)), Conv2d("conv"), Flatten("flat"), Dense("out"))
# x = (1, 2): channel 0 = (1, 2), channel 1 = (2, 4). Channel 0 gives the logits 3 and 1, channel 1 gives 1 and 3.
IMAGE_PARAMS = {
    "conv.weight": np.array([1.0, 2.0]).reshape(2, 1, 1, 1),
    "conv.bias": array(0, 0),
    "out.weight": array([1, 1, 0.5, 0], [1, 0, 0.5, 0.5]),
    "out.bias": array(0, 0),
}


@requirement("EVI-01", "example")
def test_gates_example() -> None:
    one, two = array([1]), array([1], [1])
    gates_are(CHAIN, CHAIN_PARAMS, one, [0], fc=[-1.5, 1.5], out=[-1.5, 1.5])
    gates_are(CHAIN, CHAIN_PARAMS, one, [1], fc=[1.5, -1.5], out=[1.5, -1.5])
    gates_are(CHAIN, CHAIN_PARAMS, two, [0, 0], fc=[-1.5, 1.5], out=[-1.5, 1.5])
    gates_are(CHAIN, CHAIN_PARAMS, two, [0, 1], fc=[0, 0], out=[0, 0])
    gates_are(IMAGE, IMAGE_PARAMS, array([[[1, 2]]]), [0], conv=[-1, 1], out=[-2, 2])
    beside = build(Input("x", (1,)), Dense("idle", inputs=("x",)), Dense("out", inputs=("x",)))
    ones = {f"{name}.weight": array([1], [1]) for name in ("idle", "out")}
    params = ones | {f"{name}.bias": array(0, 0) for name in ("idle", "out")}
    gates_are(beside, params, one, [0], idle=[0, 0], out=[-0.5, 0.5])
    twice = build(Input("x", (2,)), Dense("a"), Dense("b", shares="a"))
    identity = {"a.weight": array([1, 0], [0, 1]), "a.bias": array(0, 0)}
    gates_are(twice, identity, array([1, 1]), [0], a=[-1, 1])
    bare = build(Input("x", (1,)), Dense("a", bias=False))
    gates_are(bare, {"a.weight": array([2], [2])}, one, [0], a=[-1, 1])


@requirement("EVI-01", "example")
def test_gates_before_the_norm_example() -> None:
    """In both channels z = 10, 14 and the normalised z = 4 (z - 12) / sqrt(4 + 12) = -2, 2: equal logits.

    The normalised z of channel 0 has the gradients -1/4, 1/4; z itself -1/4 + 1/16 and 1/4 - 1/16, since the batch's
    variance moves with it: 3/16 (14 - 10) = 3/4.
    """
    network = build(Input("x", (1,)), Dense("a", bias=False), BatchNorm("norm", eps=12.0), Dense("out"))
    params = {
        "a.weight": array([2], [2]),
        "norm.gamma": array(4, 4),
        "norm.beta": array(0, 0),
        "norm.running_mean": array(0, 0),
        "norm.running_var": array(1, 1),
        "out.weight": array([1, 0], [0, 1]),
        "out.bias": array(0, 0),
    }
    gates_are(network, params, array([5], [7]), [0, 1], a=[0.75, -0.75], out=[1, -1])


@requirement("EVI-01", "property")
@given(graphs(ALL_OPS - {"dropout"}, exact=False), st.booleans())
def test_gates(drawn: Drawn, single: bool) -> None:  # noqa: FBT001  a drawn switch
    """The gate of a unit is the sum of g w over its weights and its bias [Molchanov2019].

    z = sum of w x over the inputs, plus b, so sum z dz = sum w (sum dz x) + b (sum dz): the same products w x dz
    on both sides, T of them for each unit. Whatever the order, a product of three or less and a sum of T of them
    are at most T + 2 roundings deep on each side, so each is off by at most (T + 3) u times the sum of |w x dz|
    (T u far below 1; eps = 2 u leaves a factor of 2). That sum is at most (sum of |w| + |b|) max(1, |x|) sum |dz|.
    A product dz x that underflows is off by less than the smallest number there is, and is then multiplied by w.
    A shared weight adds up over its layers: T counts the products of all of them, and there is one rounding more each.
    """
    dtype = np.float32 if single else np.float64
    params = {name: values.astype(dtype) for name, values in drawn.params.items()}
    x = drawn.x.astype(dtype)
    evidence = collect(drawn.network, params, x, drawn.labels, ["gates", "grads"])
    passed = trace(drawn.network, params, x, drawn.labels)
    assert evidence.gates is not None
    assert evidence.grads is not None
    owners = [node.name for node in layers(drawn.network) if owner(node) == node.name]
    expect_equal(set(evidence.gates), {f"{name}.weight" for name in owners}, f"the names of the gates of {drawn}")
    for name in owners:
        parts = [part for part in (f"{name}.weight", f"{name}.bias") if part in params]
        uses = [node for node in layers(drawn.network) if owner(node) == name and node.name in passed.dvalues]
        for index in range(len(params[parts[0]])):
            row, grads = (
                [value for part in parts for value in arrays[part][index].ravel().tolist()]
                for arrays in (params, evidence.grads)
            )
            should = float(exact_sum([w * g for w, g in zip(row, grads, strict=True)]))
            size, terms, reach = float(exact_sum([abs(w) for w in row])), len(uses), 0.0
            for node in uses:
                inputs, dvalues = passed.values[node.inputs[0]], passed.dvalues[node.name][index]
                terms += len(row) * dvalues.size
                reach += size * max(1.0, float(np.abs(inputs).max())) * float(np.abs(dvalues).sum())
            underflow = terms * size * float(np.finfo(dtype).smallest_subnormal)
            bound = 2 * (terms + 3) * float(np.finfo(dtype).eps) * reach + underflow
            said = f"gate {index} of {name}.weight of {params} at x = {x.tolist()}, labels {drawn.labels.tolist()}"
            expect_close(evidence.gates[f"{name}.weight"][index], should, bound, said)


# EVI-02 and EVI-04 Draws


def drawn_numbers(need: str, params: dict[str, Array], rng: Any) -> dict[str, Array]:
    """Return random evidence about the chain's weights."""
    evidence = collect(CHAIN, params, array([1]), np.array([0]), [need], rng)
    numbers = getattr(evidence, need)
    assert isinstance(numbers, dict)
    return numbers


@requirement("EVI-02", "example")
def test_draws_example() -> None:
    for need, shapes in (("draws", {"fc.weight": (2, 1), "out.weight": (2, 2)}),
                         ("unit_draws", {"fc.weight": (2,), "out.weight": (2,)})):  # fmt: skip
        rng = np.random.default_rng(7)
        first, second = drawn_numbers(need, CHAIN_PARAMS, rng), drawn_numbers(need, CHAIN_PARAMS, rng)
        again = drawn_numbers(need, CHAIN_PARAMS, np.random.default_rng(7))
        expect_equal({name: numbers.shape for name, numbers in first.items()}, shapes, f"shapes of {need}")
        expect_equal(again, first, f"{need} of the same generator")
        values = [value for numbers in (first, second) for drawn in numbers.values() for value in drawn.flat]
        expect_equal(len(set(values)), len(values), f"different numbers in two collections of {need}: {values}")
        for wrong in (None, 7, np.random.RandomState(7)):
            said = f"{need} with rng = {wrong!r}"
            error = refuses(lambda need=need, wrong=wrong: drawn_numbers(need, CHAIN_PARAMS, wrong), said)  # type: ignore[misc]
            expect_equal((type(error), str(error).startswith("rng: got ")), (InvalidInput, True), said)


@requirement("EVI-02", "property")
@given(chains(), st.sampled_from(DRAWS), st.integers(0, 2**32 - 1))
def test_draws(drawn: Drawn, need: str, seed: int) -> None:
    """The same generator state gives the same numbers, one for each entry or unit of every weight."""
    rng = np.random.default_rng(seed)
    got, again = (
        getattr(collect(drawn.network, drawn.params, drawn.x, drawn.labels, [need], generator), need)
        for generator in (rng, np.random.default_rng(seed))
    )
    expect_equal(again, got, f"{need} of seed {seed}")
    weights = {name: values for name, values in drawn.params.items() if name.endswith(".weight")}
    shapes = {name: values.shape[: 1 if need == "unit_draws" else None] for name, values in weights.items()}
    expect_equal({name: numbers.shape for name, numbers in got.items()}, shapes, f"shapes of {need}")
    refuses(lambda: collect(drawn.network, drawn.params, drawn.x, drawn.labels, [need]), f"{need} without generator")


class Largest(np.random.Generator):
    """A generator whose every draw is the largest number below 1."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:  # noqa: ARG002
        """Return 1 - 2^-53, or 1 - 2^-24 in float32."""
        return np.full(size, np.nextafter(np.array(1, dtype), np.array(0, dtype)), dtype)


def as_dtype(params: dict[str, Array], dtype: Any) -> dict[str, Array]:
    """Return the parameters in this dtype."""
    return {name: values.astype(dtype) for name, values in params.items()}


@requirement("EVI-04", "example")
def test_double_example() -> None:
    for need in DRAWS:
        for dtype in (np.float32, np.float64):
            got = drawn_numbers(need, as_dtype(CHAIN_PARAMS, dtype), Largest(np.random.PCG64(0)))
            should = {name: np.full(numbers.shape, 1 - 2.0**-53) for name, numbers in got.items()}
            expect_equal(got, should, f"{need} of the largest draw for parameters of {dtype}")


@requirement("EVI-04", "property")
@given(st.integers(0, 2**32 - 1), st.sampled_from(DRAWS))
def test_double(seed: int, need: str) -> None:
    """Parameters in float32 and in float64 get the same numbers, all in [0, 1)."""
    single, double = (
        drawn_numbers(need, as_dtype(CHAIN_PARAMS, dtype), np.random.default_rng(seed))
        for dtype in (np.float32, np.float64)
    )
    expect_equal(single, double, f"{need} of seed {seed}")
    if not all(0 <= value < 1 for numbers in single.values() for value in numbers.flat):
        fail(single, "numbers in [0, 1)", f"{need} of seed {seed}")


# EVI-03 What is asked, and nothing else


def known(evidence: Evidence) -> set[str]:
    """Return which fields of the evidence are there."""
    return {name for name in ("grads", "gates", "draws", "unit_draws") if getattr(evidence, name) is not None}


@requirement("EVI-03", "example")
def test_asked_example() -> None:
    rng = np.random.default_rng(0)
    x, labels = array([1]), np.array([0])
    for needs in ((), ("grads",), ("gates",), ("draws", "grads"), ("unit_draws",)):
        got = collect(CHAIN, CHAIN_PARAMS, x, labels, needs, rng)
        expect_equal(known(got), set(needs), f"what is there when {needs} is asked for")
    expect_equal(collect(CHAIN, CHAIN_PARAMS, x, labels).params, CHAIN_PARAMS, "the parameters")
    grads = collect(CHAIN, CHAIN_PARAMS, x, labels, ["grads"]).grads
    should = {
        "fc.weight": array([-1.5], [0.5]),
        "fc.bias": array(-1.5, 0.5),
        "out.weight": array([-0.5, -1.5], [0.5, 1.5]),
        "out.bias": array(-0.5, 0.5),
    }
    expect_equal(grads, should, "the gradients of the chain at x = 1, label 0")
    untouched = np.random.default_rng(5)
    collect(CHAIN, CHAIN_PARAMS, x, labels, ["grads", "gates"], untouched)
    expect_equal(untouched.random(), np.random.default_rng(5).random(), "the next draw after gradients and gates")
    misfit = array([1, 2, 3])
    for need in DRAWS:
        got = collect(CHAIN, CHAIN_PARAMS, misfit, labels, [need], rng)
        expect_equal(known(got), {need}, f"what is there when {need} is asked for beside a batch that does not fit")
    for need in ("grads", "gates"):
        refuses(lambda need=need: collect(CHAIN, CHAIN_PARAMS, misfit, labels, [need]), f"{need} of x {misfit}")  # type: ignore[misc]
    for wrong in (["hessian"], ["grads", "params"], "grads"):
        said = f"needs {wrong!r}"
        error = refuses(lambda wrong=wrong: collect(CHAIN, CHAIN_PARAMS, x, labels, wrong, rng), said)  # type: ignore[misc]
        expect_equal((type(error), str(error).startswith("needs: got ")), (InvalidInput, True), said)


@requirement("EVI-03", "example")
def test_as_in_training_example() -> None:
    network = build(Input("x", (2,)), Dropout("drop"), Dense("out", bias=False))
    params, x, labels = {"out.weight": array([0, 0], [0, 0])}, array([3, 4]), np.array([0])
    kept = {"drop": np.array([[True, False]])}
    got = collect(network, params, x, labels, ["grads"], kept=kept).grads
    expect_equal(got, {"out.weight": array([-3, 0], [3, 0])}, f"gradients of equal logits with {kept}")
    for need in ("grads", "gates"):
        refuses(lambda need=need: collect(network, params, x, labels, [need]), f"{need} without dropout masks")  # type: ignore[misc]
    draws = collect(network, params, x, labels, ["draws"], np.random.default_rng(0)).draws
    expect_equal(set(draws or {}), {"out.weight"}, "the names of draws without dropout masks")
    normed = build(Input("x", (1,)), BatchNorm("norm", eps=3.0), Dense("out", bias=False))
    norm = {name: array(value) for name, value in zip(NORM, (2, 0, 7, 9), strict=True)}
    got = collect(normed, norm | {"out.weight": array([0], [0])}, array([2], [4]), np.array([0, 1]), ["grads"]).grads
    # In training the values are 2 (x - 3) / sqrt(1 + 3) = -1, 1; the logits' gradients -1/4, 1/4 and 1/4, -1/4.
    should = {"norm.gamma": array(0), "norm.beta": array(0), "out.weight": array([0.5], [-0.5])}
    expect_equal(got, should, "gradients of a normalised 2 and 4")


@requirement("EVI-03", "property")
@given(chains(), st.sets(st.sampled_from(sorted(NEEDS))), st.text(max_size=5))
def test_asked(drawn: Drawn, needs: set[str], other: str) -> None:
    """What is there is what was asked for; gradients are those of the batch-mean loss; nothing given changes."""
    before = {name: values.copy() for name, values in drawn.params.items()}
    rng = np.random.default_rng(0)
    got = collect(drawn.network, drawn.params, drawn.x, drawn.labels, needs, rng)
    expect_equal(known(got), needs, f"what is there when {sorted(needs)} is asked for")
    if got.grads is not None:
        _, should = loss_and_grads(drawn.network, drawn.params, drawn.x, drawn.labels)
        expect_equal(got.grads, should, f"the gradients of {drawn}")
    expect_equal(drawn.params, before, "the parameters afterwards")
    if other not in NEEDS:
        said = f"needs {other!r}"
        error = refuses(lambda: collect(drawn.network, drawn.params, drawn.x, drawn.labels, {*needs, other}, rng), said)
        expect_equal(type(error), InvalidInput, said)


@requirement("EVI-03", "property")
@given(chains(), st.sampled_from(("grads", "gates")))
def test_batch_that_does_not_fit(drawn: Drawn, need: str) -> None:
    """A batch that the network cannot take is refused."""
    for x, labels in (
        (drawn.x[:0], drawn.labels[:0]),
        (drawn.x[..., None], drawn.labels),
        (drawn.x, drawn.labels + 9),
    ):
        error = refuses(
            lambda x=x, labels=labels: collect(drawn.network, drawn.params, x, labels, [need]),  # type: ignore[misc]
            f"{need} of x {x.shape}, labels {labels}",
        )
        expect_equal(type(error), InvalidInput, f"{need} of x {x.shape}, labels {labels}")
