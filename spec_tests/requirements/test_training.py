"""docs/spec/training.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune import training
from refprune.errors import InvalidInput
from refprune.network import BatchNorm, Dense, Dropout, Input, build
from spec_tests.adapter import Backend, OptimiserSpec, TrainCase, TrainStep
from spec_tests.applicability import claimed, needs_default
from spec_tests.oracle.training import check_training
from spec_tests.strategies import training as draw
from spec_tests.strategies.networks import chains
from spec_tests.strategies.training import straight, straight_gradients
from spec_tests.verdicts import call, expect_close, expect_equal, fail, refuses, requirement, show

HALF = OptimiserSpec("sgd", 0.25, momentum=0.5)
OPTIMISERS: tuple[Literal["sgd", "nesterov", "adam", "adamw"], ...] = ("sgd", "nesterov", "adam", "adamw")
ADAM = OptimiserSpec("adam", 1.0, beta1=0.5, beta2=0.75, eps=1.0)
LITERAL = 2.0**-48
"""Room for two updates of Adam on numbers up to 4: roundings at most 12 each, 2^-52 or less each time."""


def goes(backend: Backend, case: TrainCase, *should: Sequence[float], bound: float = 0.0) -> None:
    """Require these values of the first weights of row 0 after each update, as the network uses them.

    What is read belongs to TRN-06 and TRN-18.
    """
    steps = backend.train(case)
    expect_equal(len(steps), len(should), f"len({call('train', case)})")
    for number, (step, values) in enumerate(zip(steps, should, strict=True), 1):
        got = np.asarray(step.used["out.weight"])[0, : len(values)]
        expect_close(got, np.array(values), bound, f"after update {number} of {call('train', case)}")


def all_go(backend: Backend, *rows: tuple[TrainCase, list[list[float]], float]) -> None:
    """Require these values within these bounds, of every case inside the declaration."""
    for case, should, bound in claimed(backend, "train", *rows):
        goes(backend, case, *should, bound=bound)


def cleared(backend: Backend, step: TrainStep) -> tuple[Mapping[str, Any], ...]:
    """Return where removed entries are 0 after a step: in what is used, and in what is read unless declared."""
    return (step.used,) if backend.declaration.enforced == "forward" else (step.read, step.used)


def removes(backend: Backend, case: TrainCase) -> None:
    """Require 0 at removed entries from pruning on."""
    said = call("train", case)
    for step in backend.train(case)[max(case.prune_at - 1, 0) :]:
        for name, mask in case.masks.items():
            for side in cleared(backend, step):
                got = np.asarray(side[name])[~mask]
                expect_equal(got, np.zeros(got.shape), f"removed entries of {name!r} in {said}")


def follows(backend: Backend, case: TrainCase, *, exact: bool = False) -> None:
    """Require that a straight case follows the definition, with gradients known from its examples alone."""
    check_training(case, backend.train(case), lambda number, *_: straight_gradients(case, number), exact=exact)


def follows_own_gradients(backend: Backend, case: TrainCase) -> None:
    """Require that a run follows the definition, with the backend's gradients of the masked network."""

    def gradients(number: int, params: Mapping[str, Any], masks: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = case.batches[number - 1]
        return backend.loss_and_grads(case.network, params, masks, case.x[rows], case.labels[rows])[1]

    check_training(case, backend.train(case), gradients)


def same_steps(got: Sequence[TrainStep], should: Sequence[TrainStep], said: str) -> None:
    """Require that every step uses equal parameters."""
    expect_equal(len(got), len(should), f"the steps of {said}")
    for step, other in zip(got, should, strict=True):
        expect_equal(step.used, other.used, said)


# TRN-01 to TRN-05 The formulas


@requirement("TRN-01", "example", "TRAIN")
def test_momentum_example(backend: Backend) -> None:
    goes(backend, straight([1], [[4], [2]], HALF), [0], [-1])
    goes(backend, straight([1], [[4], [2]], OptimiserSpec("sgd", 0.25)), [0], [-0.5])


@requirement("TRN-01", "property", "TRAIN")
@given(draw.dense_cases(draw.sgd_specs("sgd", decays=(0.0,))))
def test_momentum(backend: Backend, case: TrainCase) -> None:
    follows(backend, case, exact=True)


@requirement("TRN-02", "example", "TRAIN")
def test_nesterov_example(backend: Backend) -> None:
    goes(backend, straight([1], [[4], [2]], replace(HALF, name="nesterov")), [-0.5], [-1.5])


@requirement("TRN-02", "property", "TRAIN")
@given(draw.dense_cases(draw.sgd_specs("nesterov", decays=(0.0,))))
def test_nesterov(backend: Backend, case: TrainCase) -> None:
    follows(backend, case, exact=True)


@requirement("TRN-03", "example", "TRAIN")
def test_adam_example(backend: Backend) -> None:
    """At -3 the corrected mean is -3 (1 - b1) / (1 + b1), and the root stays 3 + 1."""
    all_go(
        backend,
        (straight([1], [[3], [-3]], ADAM), [[0.25], [0.5]], LITERAL),
        (straight([1], [[3], [-3]], replace(ADAM, beta1=0.25)), [[0.25], [0.7]], LITERAL),
        (straight([1], [[1.5]], ADAM), [[0.4]], LITERAL),
    )


@requirement("TRN-03", "example")
def test_adam_goes_on_example() -> None:
    """A fresh optimiser counts its own updates, from whatever step of the run it begins."""
    case, optimiser = straight([1], [[3]] * 3, ADAM), training.adam(0.5, 0.75, 1.0)
    for first in (0, 1, 2):
        run = (case.x, case.labels, case.batches, optimiser, training.constant(1.0), None, first)
        step = next(training.steps(case.network, training.start(case.params, optimiser), *run))
        got = step.state.params["out.weight"][0, :1]
        expect_close(got, np.array([0.25]), LITERAL, f"the first weight after the first of steps(..., first={first})")


@requirement("TRN-03", "property", "TRAIN")
@given(draw.dense_cases(draw.specs("adam").map(lambda spec: replace(spec, weight_decay=0.0))))
def test_adam(backend: Backend, case: TrainCase) -> None:
    follows(backend, case)


@requirement("TRN-04", "example", "TRAIN")
def test_decay_example(backend: Backend) -> None:
    decayed = OptimiserSpec("sgd", 0.5, weight_decay=0.25)
    all_go(
        backend,
        (straight([4], [[2], [0]], decayed), [[2.5], [2.1875]], 0.0),
        (straight([4], [[2]], replace(decayed, name="nesterov", momentum=0.5)), [[1.75]], 0.0),
        (straight([4], [[2]], replace(ADAM, weight_decay=0.25)), [[3.25]], LITERAL),
    )


def biases_go(backend: Backend, spec: OptimiserSpec, should: Sequence[float], bound: float) -> None:
    """Require these biases after an update of 4 and 0, whose gradients are 1 and -1."""
    case = straight([0], [[0]], spec)
    case = replace(case, params={**case.params, "out.bias": np.array([4.0, 0.0])})
    got = np.asarray(backend.train(case)[0].used["out.bias"])
    expect_close(got, np.array(should), bound, f"the bias after update 1 of {call('train', case)}")


@requirement("TRN-04", "example", "TRAIN")
def test_biases_decay_example(backend: Backend) -> None:
    """1 + 0.25 * 4 = 2, times the rate 0.5, from 4."""
    biases_go(backend, OptimiserSpec("sgd", 0.5, weight_decay=0.25), [3, 0.5], 0.0)


@requirement("TRN-04", "property", "TRAIN")
@given(draw.dense_cases(draw.sgd_specs(decays=(0.25,))))
def test_decay(backend: Backend, case: TrainCase) -> None:
    follows(backend, case, exact=True)


@requirement("TRN-04", "property", "TRAIN")
@given(draw.dense_cases(draw.specs("adam")))
def test_decay_in_adam(backend: Backend, case: TrainCase) -> None:
    follows(backend, case)


@requirement("TRN-05", "example", "TRAIN")
def test_decoupled_example(backend: Backend) -> None:
    decoupled = replace(ADAM, name="adamw", rate=0.5, weight_decay=0.25)
    goes(backend, straight([4, 4], [[3, 0]], decoupled), [3.125, 3.5], bound=LITERAL)


@requirement("TRN-05", "example", "TRAIN")
def test_biases_decay_decoupled_example(backend: Backend) -> None:
    """4 * 0.875 = 3.5, minus 0.5 * 1 / (1 + 1)."""
    biases_go(backend, replace(ADAM, name="adamw", rate=0.5, weight_decay=0.25), [3.25, 0.25], LITERAL)


@requirement("TRN-05", "property", "TRAIN")
@given(draw.dense_cases(draw.specs("adamw")))
def test_decoupled(backend: Backend, case: TrainCase) -> None:
    follows(backend, case)


# TRN-06 Removed entries are 0


@requirement("TRN-06", "example", "TRAIN")
def test_removed_example(backend: Backend) -> None:
    all_go(
        backend,
        (straight([1, 1], [[4, 4]] * 3, HALF, [1, 0], 1), [[0, 0], [-1.5, 0], [-3.25, 0]], 0.0),
        (straight([5, 2], [[1, 1]], OptimiserSpec("sgd", 0.5), [0, 0]), [[0, 0]], 0.0),
    )


@requirement("TRN-06", "example", "TRAIN")
def test_removed_under_every_optimiser_example(backend: Backend) -> None:
    nesterov = replace(HALF, name="nesterov", weight_decay=0.25)
    adam = replace(ADAM, weight_decay=0.25)
    optimisers = (HALF, nesterov, adam, replace(adam, name="adamw"))
    cases = ((straight([1, 1], [[3, 4]] * 4, spec, [1, 0], prune_at),) for spec in optimisers for prune_at in range(4))
    for (case,) in claimed(backend, "train", *cases):
        removes(backend, case)


@requirement("TRN-06", "example", "TRAIN")
def test_moment_example(backend: Backend) -> None:
    """An entry moves until it is pruned, and it is 0 from that very update on."""
    for prune_at, should in ((0, [0, 0, 0]), (1, [0, 0, 0]), (2, [2, 0, 0]), (3, [2, 0.5, 0])):
        case = straight([1, 3], [[4, 4]] * 3, HALF, [1, 0], prune_at)
        goes(backend, case, *zip([0, -1.5, -3.25], should, strict=True))


@requirement("TRN-06", "example", "TRAIN")
def test_removed_bias_example(backend: Backend) -> None:
    """The bias of row 0 has the gradient 1: without momentum and at the rate 0.25 it goes 3, 2.75, 2.5."""
    for prune_at, should in ((0, [0, 0, 0]), (2, [2.75, 0, 0]), (3, [2.75, 2.5, 0])):
        case = straight([1], [[4]] * 3, OptimiserSpec("sgd", 0.25), prune_at=prune_at)
        params = {**case.params, "out.bias": np.array([3.0, 0.0])}
        case = replace(case, params=params, masks={"out.bias": np.array([False, True])})
        for number, (step, value) in enumerate(zip(backend.train(case), should, strict=True), 1):
            said = f"after update {number} of {call('train', case)}"
            expect_equal(np.asarray(step.used["out.bias"]), np.array([value, 0.25 * number]), f"the bias {said}")
        removes(backend, case)


@requirement("TRN-06", "example", "TRAIN")
def test_removed_normalisation_example(backend: Backend) -> None:
    """Gamma and beta are parameters like any others."""
    masks = {"norm.gamma": np.array([False]), "norm.beta": np.array([False])}
    params = {name: array.copy() for name, array in NORMED_PARAMS.items()} | {"out.weight": np.array([[1.0], [0.0]])}
    batches, labels = (np.arange(4), np.arange(4)), np.zeros(4, int)
    for prune_at in range(3):
        spec = OptimiserSpec("sgd", 0.25, momentum=0.5)
        removes(backend, TrainCase(NORMED, params, FOUR, labels, batches, spec, masks, prune_at))


@requirement("TRN-06", "property", "TRAIN")
@given(draw.chain_cases())
def test_removed(backend: Backend, case: TrainCase) -> None:
    removes(backend, case)


# TRN-07 Memory of removed entries


@requirement("TRN-07", "example")
def test_memory_example() -> None:
    masks = {"a": np.array([True, False])}
    state = training.State({"a": np.array([1.0, 2.0])}, {"a": (np.array([4.0, 6.0]),)}, 3)
    pruned = training.mask_state(state, masks)
    expect_equal(pruned.slots["a"][0], np.array([4.0, 0.0]), f"mask_state({state}, {show(masks)})")
    after = training.update(pruned, {"a": np.ones(2)}, training.sgd(0.5), 0.25, masks)
    expect_equal(after.slots["a"][0], np.array([3.0, 0.0]), f"update({pruned}, ones, sgd(0.5), 0.25, ...)")


@requirement("TRN-07", "example")
def test_second_memory_example() -> None:
    """Adam has two memories of each entry, and both become 0."""
    masks, optimiser = {"a": np.array([True, False])}, training.adam(0.5, 0.5)
    slots = (np.array([4.0, 6.0]), np.array([8.0, 10.0]))
    pruned = training.mask_state(training.State({"a": np.array([1.0, 2.0])}, {"a": slots}, 3), masks)
    expect_equal(np.stack(pruned.slots["a"]), np.array([[4.0, 0.0], [8.0, 0.0]]), "both memories after mask_state")
    after = training.update(pruned, {"a": np.ones(2)}, optimiser, 0.25, masks)
    expect_equal(np.stack(after.slots["a"]), np.array([[2.5, 0.0], [4.5, 0.0]]), "both memories after an update")


@requirement("TRN-07", "property")
@given(draw.chain_cases())
def test_memory(case: TrainCase) -> None:
    """Every slot of every removed entry is 0 from pruning on, and the others are as without pruning."""
    optimiser = reference_optimiser(case.optimiser)
    state = training.start(case.params, optimiser)
    for step in training.steps(case.network, state, *run_of(case, optimiser)):
        state = step.state
    pruned = training.mask_state(state, case.masks)
    after = training.update(pruned, case.params, optimiser, case.optimiser.rate, case.masks)
    said = f"the run of {call('train', case)}"
    for name, mask in case.masks.items():
        for here in (pruned, after):
            for slot in here.slots[name]:
                expect_equal(slot[~mask], np.zeros(int((~mask).sum())), f"removed memory of {name!r} in {said}")
        for slot, before in zip(pruned.slots[name], state.slots[name], strict=True):
            expect_equal(slot[mask], before[mask], f"kept memory of {name!r} in {said}")


def reference_optimiser(spec: OptimiserSpec) -> training.Optimiser:
    """Return the reference's optimiser."""
    if spec.name in ("sgd", "nesterov"):
        return training.sgd(spec.momentum, nesterov=spec.name == "nesterov", weight_decay=spec.weight_decay)
    make = training.adam if spec.name == "adam" else training.adamw
    return make(spec.beta1, spec.beta2, spec.eps, spec.weight_decay)


def run_of(case: TrainCase, optimiser: training.Optimiser) -> tuple[Any, ...]:
    """Return what `training.steps` takes after the state."""
    return case.x, case.labels, case.batches, optimiser, training.constant(case.optimiser.rate)


# TRN-08 Kept entries


@requirement("TRN-08", "example", "TRAIN")
def test_kept_example(backend: Backend) -> None:
    for keeps in ([1, 0], [1, 1]):
        goes(backend, straight([1, 1], [[4, 4]] * 3, HALF, keeps, 1), [0], [-1.5], [-3.25])


@requirement("TRN-08", "example", "TRAIN")
def test_kept_and_zero_example(backend: Backend) -> None:
    goes(backend, straight([0, 5], [[2, 1]], OptimiserSpec("sgd", 0.5), [1, 0]), [-1, 0])


@requirement("TRN-08", "example", "TRAIN")
def test_kept_by_adam_example(backend: Backend) -> None:
    goes(backend, straight([1, 7], [[3, 3], [-3, 3]], ADAM, [1, 0], 1), [0.25, 0], [0.5, 0], bound=LITERAL)


@requirement("TRN-08", "property", "TRAIN")
@given(draw.chain_cases())
def test_kept(backend: Backend, case: TrainCase) -> None:
    """Each kept coordinate goes where its formula moves it with the gradient of the masked network."""
    follows_own_gradients(backend, case)


@requirement("TRN-08", "property", "TRAIN")
@given(draw.straight_cases(st.one_of(draw.sgd_specs(), draw.specs())))
def test_kept_as_if_dense(backend: Backend, case: TrainCase) -> None:
    """Where gradients do not depend on the masks, kept coordinates move bit by bit as in the dense run."""
    dense, said = backend.train(replace(case, masks={})), call("train", case)
    for step, other in zip(backend.train(case), dense, strict=True):
        for name, mask in case.masks.items():
            expect_equal(
                np.asarray(step.used[name])[mask],
                np.asarray(other.used[name])[mask],
                f"kept entries of {name!r} in {said}",
            )


@requirement("TRN-08", "property")
@given(draw.specs(), st.integers(0, 2**32 - 1), st.sampled_from((np.float32, np.float64)), st.integers(1, 5))
def test_kept_alone(spec: OptimiserSpec, seed: int, dtype: Any, before: int) -> None:
    """The reference's kept coordinates move bit by bit as an array of them alone, pruned while it has momentum."""
    rng, optimiser = np.random.default_rng(seed), reference_optimiser(spec)
    mask = rng.random((3, 7)) < 0.5
    state = training.start({"a": rng.normal(size=(3, 7)).astype(dtype)}, optimiser)
    for _ in range(before):
        state = training.update(state, {"a": rng.normal(size=(3, 7)).astype(dtype)}, optimiser, spec.rate, {})
    slots = {"a": tuple(slot[mask] for slot in state.slots["a"])}
    alone = training.State({"a": state.params["a"][mask]}, slots, state.updates)
    state = training.mask_state(state, {"a": mask})
    for _ in range(3):
        grads = rng.normal(size=(3, 7)).astype(dtype)
        state = training.update(state, {"a": grads}, optimiser, spec.rate, {"a": mask})
        alone = training.update(alone, {"a": grads[mask]}, optimiser, spec.rate, {})
        expect_equal(state.params["a"][mask], alone.params["a"], f"kept entries, {spec}, seed {seed}, {dtype}")
        expect_equal(state.updates, alone.updates, "the count of updates")


# TRN-09 Order of batches


@requirement("TRN-09", "example", "TRAIN")
def test_order_example(backend: Backend) -> None:
    goes(backend, straight([0], [[1], [2], [4]], OptimiserSpec("sgd", 1.0)), [-1], [-3], [-7])


@requirement("TRN-09", "example", "TRAIN")
def test_example_again_example(backend: Backend) -> None:
    """An example that a batch names three times counts three times: the mean of 4, 4, 4, 0 is 3."""
    case = replace(straight([1], [[4], [0]], OptimiserSpec("sgd", 0.25)), batches=(np.array([0, 0, 1, 0]),))
    goes(backend, case, [0.25])


def weights_by_rate(case: TrainCase, rates: Sequence[float], first: int) -> list[float]:
    """Return the first weight after each step of a run of the reference with these rates."""
    optimiser = reference_optimiser(case.optimiser)
    state = training.start(case.params, optimiser)
    run = (case.x, case.labels, case.batches, optimiser, lambda step: rates[step], None, first)
    return [float(step.state.params["out.weight"][0, 0]) for step in training.steps(case.network, state, *run)]


@requirement("TRN-09", "example")
def test_rates_example() -> None:
    case = straight([0], [[4], [4], [4]], OptimiserSpec("sgd", 1.0))
    expect_equal(weights_by_rate(case, [1, 0.5, 0.25], 0), [-4, -6, -7], "steps(..., rates 1, 0.5, 0.25)")
    expect_equal(weights_by_rate(case, [1, 0.5, 0.25], 1), [-2, -3], "steps(..., rates 1, 0.5, 0.25, first=1)")
    expect_equal(weights_by_rate(case, [1, 0.5, 0.25], 3), [], "steps(..., first=3)")


@requirement("TRN-09", "property", "TRAIN")
@given(draw.dense_cases(draw.sgd_specs(decays=(0.0,))), st.randoms(use_true_random=False))
def test_order(backend: Backend, case: TrainCase, random: Any) -> None:
    """The same batches in another order are followed in that order."""
    batches = list(case.batches)
    random.shuffle(batches)
    follows(backend, replace(case, batches=tuple(batches)), exact=True)


@requirement("TRN-09", "property")
@given(
    st.lists(st.tuples(st.integers(-4, 4), st.sampled_from((1.0, 0.5, 0.25, 0.0))), min_size=1, max_size=8),
    st.data(),
)
def test_rates(plan: list[tuple[int, float]], data: st.DataObject) -> None:
    """Step i takes gradient i and rate i; both are counted from the start of the whole run."""
    first = data.draw(st.integers(0, len(plan)))
    case = straight([0], [[float(gradient)] for gradient, _ in plan], OptimiserSpec("sgd", 1.0))
    should, weight = [], 0.0
    for gradient, rate in plan[first:]:
        weight -= rate * gradient
        should.append(weight)
    expect_equal(weights_by_rate(case, [rate for _, rate in plan], first), should, f"steps({plan}, first={first})")


# TRN-10 Masks of ones


@requirement("TRN-10", "example", "TRAIN")
def test_ones_example(backend: Backend) -> None:
    for prune_at in range(3):
        goes(backend, straight([1], [[4], [2]], HALF, [1], prune_at), [0], [-1])


@requirement("TRN-10", "property", "TRAIN")
@given(draw.chain_cases())
def test_ones(backend: Backend, case: TrainCase) -> None:
    ones = replace(case, masks={name: np.ones(array.shape, bool) for name, array in case.params.items()})
    same_steps(backend.train(ones), backend.train(replace(case, masks={})), call("train", ones))


# TRN-11 Types and shapes


def keeps_types(backend: Backend, case: TrainCase) -> None:
    """Require that every array keeps name, shape and dtype."""
    should = {name: (array.shape, array.dtype) for name, array in case.params.items()}
    said = f"shapes and dtypes of {call('train', case)}"
    for step in backend.train(case):
        for side in (step.read, step.used):
            got = {name: (np.asarray(array).shape, np.asarray(array).dtype) for name, array in side.items()}
            expect_equal(got, should, said)


@requirement("TRN-11", "example", "TRAIN")
def test_types_example(backend: Backend) -> None:
    specs = (OptimiserSpec(name, 0.25, 0.5, 0.25) for name in OPTIMISERS)
    cases = ((straight([1, 2], [[3, 4]] * 3, spec, [1, 0], 1, np.float32),) for spec in specs)
    for (case,) in claimed(backend, "train", *cases):
        keeps_types(backend, case)


@requirement("TRN-11", "example")
def test_wide_rate_example() -> None:
    case = straight([1], [[4]], HALF, dtype=np.float32)
    state = training.start(case.params, training.sgd(np.float64(0.5)))
    grads = {name: np.ones_like(array) for name, array in case.params.items()}
    state = training.update(state, grads, training.sgd(np.float64(0.5)), np.float64(0.25), {})
    for name, array in state.params.items():
        expect_equal(array.dtype, np.dtype(np.float32), f"{name} after update(..., float64(0.25))")
        expect_equal(state.slots[name][0].dtype, np.dtype(np.float32), f"the velocity of {name}")


@requirement("TRN-11", "example")
def test_formula_that_changes_types_example() -> None:
    """A formula of the user's own that widens w, or changes the shape of its memory, is refused."""
    state = training.State({"a": np.ones(2, np.float32)}, {"a": (np.zeros(2, np.float32),)})
    grads = {"a": np.ones(2, np.float32)}
    formulas: tuple[training.Formula, ...] = (
        lambda w, g, slots, rate, update: (w - np.float64(rate) * g, slots),  # noqa: ARG005  a formula's arguments
        lambda w, g, slots, rate, update: (w, (slots[0][:1],)),  # noqa: ARG005
    )
    for formula in formulas:
        for masks in ({}, {"a": np.array([True, False])}):
            said = f"update by a formula that widens or cuts, masks {masks}"
            error = refuses(lambda: training.update(state, grads, training.Optimiser(1, formula), 0.5, masks), said)  # noqa: B023  called at once
            if not isinstance(error, InvalidInput):
                fail(repr(error), "InvalidInput", said)


@requirement("TRN-11", "example")
def test_parameter_without_axes_example() -> None:
    """W = 1, gradient 2, rate 0.5: 0 in an array of shape (), with every optimiser's shape kept; masked it is 0."""
    grads = {"a": np.array(2.0)}
    for optimiser in (training.sgd(0.5), training.adam(), training.adamw()):
        for masks in ({}, {"a": np.array([True]).reshape(())}, {"a": np.array([False]).reshape(())}):
            state = training.start({"a": np.array(1.0)}, optimiser, masks)
            after = training.update(state, grads, optimiser, 0.5, masks)
            for array in (after.params["a"], *after.slots["a"]):
                expect_equal((type(array), array.shape), (np.ndarray, ()), f"an array of shape () under {masks}")
            if masks and not masks["a"]:
                expect_equal(after.params["a"], np.array(0.0), "the removed parameter of shape ()")
    plain = training.update(training.start({"a": np.array(1.0)}, training.sgd()), grads, training.sgd(), 0.5, {})
    expect_equal(plain.params["a"], np.array(0.0), "1 - 0.5 * 2")


@requirement("TRN-11", "property", "TRAIN")
@given(st.sampled_from((np.float32, np.float64)).flatmap(lambda dtype: draw.chain_cases(dtype=dtype)))
def test_types(backend: Backend, case: TrainCase) -> None:
    keeps_types(backend, case)


# TRN-12 Given things stay as they are


def copies(case: TrainCase) -> tuple[Any, ...]:
    """Return copies of every array of a case."""
    named = tuple({name: np.array(array) for name, array in arrays.items()} for arrays in (case.params, case.masks))
    return *named, np.array(case.x), np.array(case.labels), [np.array(rows) for rows in case.batches]


def unchanged(case: TrainCase, before: tuple[Any, ...]) -> None:
    """Require the arrays of a case to be as before."""
    said = f"what was given to {call('train', case)}"
    for got, should in zip(copies(case), before, strict=True):
        pairs = zip(got, should, strict=True) if isinstance(got, list) else [(got, should)]
        for one, other in pairs:
            expect_equal(one, other, said)


@requirement("TRN-12", "example", "TRAIN")
def test_pure_example(backend: Backend) -> None:
    case = straight([1], [[4], [2]], HALF)
    steps = backend.train(case)
    expect_equal(float(case.params["out.weight"][0, 0]), 1.0, f"the given weight after {call('train', case)}")
    expect_equal(float(steps[0].used["out.weight"][0, 0]), 0.0, f"the first result after {call('train', case)}")


@requirement("TRN-12", "example", "TRAIN")
def test_pure_statistics_example(backend: Backend) -> None:
    """The statistics that were given, and those after the first update, are what they were."""
    params = {name: array.copy() for name, array in NORMED_PARAMS.items()}
    both = (np.arange(4), np.arange(4))
    case = TrainCase(NORMED, params, FOUR, np.zeros(4, int), both, OptimiserSpec("sgd", 0.25), {})
    steps = backend.train(case)
    expect_equal(params, NORMED_PARAMS, f"the given parameters after {call('train', case)}")
    expect_equal(steps[0].used["norm.running_mean"], np.array([0.5]), f"the first result after {call('train', case)}")


@requirement("TRN-12", "example")
def test_formula_that_hands_back_example() -> None:
    """Formulas that return what they were given: masking writes into no array of the caller's."""
    masks, grads = {"a": np.array([True, False])}, {"a": np.array([5.0, 7.0])}
    formulas: tuple[training.Formula, ...] = (
        lambda w, g, slots, rate, update: (w, slots),  # noqa: ARG005  a formula's arguments
        lambda w, g, slots, rate, update: (w - rate * g, (g,)),  # noqa: ARG005
        lambda w, g, slots, rate, update: (w[:], (slots[0].reshape(2),)),  # noqa: ARG005
    )
    for formula in formulas:
        state = training.State({"a": np.array([1.0, 2.0])}, {"a": (np.array([3.0, 4.0]),)})
        after = training.update(state, grads, training.Optimiser(1, formula), 0.5, masks)
        expect_equal(state.params["a"], np.array([1.0, 2.0]), "the given weights")
        expect_equal(state.slots["a"][0], np.array([3.0, 4.0]), "the given memory")
        expect_equal(grads["a"], np.array([5.0, 7.0]), "the given gradients")
        expect_equal([array[1] for array in (after.params["a"], *after.slots["a"])], [0.0, 0.0], "the removed entry")


@requirement("TRN-12", "property", "TRAIN")
@given(draw.chain_cases())
def test_pure(backend: Backend, case: TrainCase) -> None:
    before = copies(case)
    first = backend.train(case)
    unchanged(case, before)
    again, said = backend.train(case), f"a second {call('train', case)}"
    for (read, used), (same_read, same_used) in zip(first, again, strict=True):
        expect_equal({"read": same_read, "used": same_used}, {"read": read, "used": used}, said)


@requirement("TRN-12", "property")
@given(draw.chain_cases())
def test_states_are_values(case: TrainCase) -> None:
    """An update of the reference changes neither its state nor its gradients, and shares nothing."""
    optimiser = reference_optimiser(case.optimiser)
    state = training.start(case.params, optimiser)
    grads = {name: array + 1 for name, array in case.params.items()}
    given_params = {name: array.copy() for name, array in state.params.items()}
    given_grads = {name: array.copy() for name, array in grads.items()}
    after = training.update(state, grads, optimiser, case.optimiser.rate, case.masks)
    expect_equal(state.params, given_params, "the state before the update")
    expect_equal(grads, given_grads, "the gradients")
    for name, array in after.params.items():
        others = (state.params[name], case.params[name], grads[name])
        expect_equal([np.shares_memory(array, other) for other in others], [False] * 3, f"memory shared by {name!r}")


# TRN-13 What is refused


@requirement("TRN-13", "example", "TRAIN")
def test_refused_masks_example(backend: Backend) -> None:
    case = straight([1, 1], [[4, 4]], HALF)
    wrong_masks: tuple[dict[str, Any], ...] = (
        {"elsewhere": np.ones(2, bool)},
        {"out.bias": np.ones(3, bool)},
        {"out.bias": np.array([1.0, 2.0])},
    )
    for masks in wrong_masks:
        wrong = replace(case, masks=masks)
        refuses(partial(backend.train, wrong), call("train", wrong))


@requirement("TRN-13", "example")
def test_refused_numbers_example() -> None:
    nan, infinite = float("nan"), float("inf")
    wrong: list[tuple[str, Any]] = [
        *(("sgd momentum", lambda v=v: training.sgd(v)) for v in (1, 1.5, -0.1, nan, True, "0.9", None)),
        *(("sgd decay", lambda v=v: training.sgd(weight_decay=v)) for v in (-0.1, nan, infinite, True)),
        *(("adam beta1", lambda v=v: training.adam(v)) for v in (1, -0.1, nan, True)),
        *(("adam beta2", lambda v=v: training.adam(beta2=v)) for v in (1.0, -0.1, nan)),
        *(("adam eps", lambda v=v: training.adam(eps=v)) for v in (0, -1e-8, nan, infinite)),
        *(("adamw decay", lambda v=v: training.adamw(weight_decay=v)) for v in (-0.1, nan, None)),
        *(("rate", lambda v=v: training.constant(v)) for v in (-0.1, nan, infinite, False)),
        *(("drops", lambda v=v: training.step_decay(1.0, [v])) for v in (-1, 0.5, True)),
    ]
    for said, make in wrong:
        speaks(refuses(make, said), said)


@requirement("TRN-13", "example")
def test_refused_runs_example() -> None:
    case = straight([1], [[4], [2], [1]], HALF)
    optimiser = training.sgd(0.5)
    state = training.start(case.params, optimiser)
    rate = training.constant(0.25)
    good = {"x": case.x, "labels": case.labels, "batches": case.batches, "first": 0, "rate": rate}
    wrong: tuple[dict[str, Any], ...] = (
        {"first": 4},
        {"first": -1},
        {"first": 1.0},
        {"batches": [np.array([-1])]},
        {"batches": [np.array([3])]},
        {"batches": [np.array([], np.int64)]},
        {"batches": [np.array([0.0])]},
        {"batches": [np.array([[0]])]},
        {"batches": [np.array(0)]},
        {"batches": [np.array([4])]},
        {"batches": [[0]]},
        {"labels": case.labels[:2]},
        {"labels": np.concatenate([case.labels, case.labels])},
        {"labels": np.array(1)},
        {"labels": [1, 1, 1]},
        {"labels": None},
        {"x": case.x.tolist()},
        {"x": np.float64(1.0)},
        {"rate": 0.25},
        {"rate": None},
    )
    for change in wrong:
        run = partial(training.steps, case.network, state, optimiser=optimiser)
        said = f"steps(..., {change})"
        speaks(refuses(partial(run, **good | change), said), said)


@requirement("TRN-13", "example")
def test_refused_gradients_example() -> None:
    state = training.start({"a": np.ones(2, np.float32)}, training.sgd())
    for grads in ({}, {"a": np.ones(3, np.float32)}, {"a": np.ones(2)}, {"b": np.ones(2, np.float32)}):
        said = f"update(..., {show(grads)})"
        speaks(refuses(lambda g=grads: training.update(state, g, training.sgd(), 0.1, {}), said), said)  # type: ignore[misc]
    good = {"a": np.ones(2, np.float32)}
    for rate in (-0.1, float("nan"), True):
        said = f"update(..., rate={rate})"
        speaks(refuses(lambda r=rate: training.update(state, good, training.sgd(), r, {}), said), said)  # type: ignore[misc]
    speaks(refuses(lambda: training.update(state, good, training.adam(), 0.1, {}), "sgd's state"), "sgd's state")
    both = {"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)}
    for slots in ({}, {"a": state.slots["a"]}, {"a": state.slots["a"], "b": ()}):
        half, said = training.State(both, slots), f"update(a state of a and b with slots of {list(slots)}, ...)"
        speaks(refuses(lambda s=half: training.update(s, both, training.sgd(), 0.1, {}), said), said)  # type: ignore[misc]


@requirement("TRN-13", "example")
def test_refused_before_the_first_update_example() -> None:
    """What only the last batch would meet is refused by the call itself, not by the step that meets it."""
    case = straight([1], [[4], [2], [1]], HALF)
    optimiser, rate = training.sgd(0.5), training.constant(0.25)
    state = training.start(case.params, optimiser)
    late = np.array([1, 1, 9])
    runs: tuple[tuple[str, Any], ...] = (
        (
            "steps, a label of no class",
            lambda: training.steps(case.network, state, case.x, late, case.batches, optimiser, rate),
        ),
        (
            "steps, examples of another shape",
            lambda: training.steps(case.network, state, case.x[:, :, None], case.labels, case.batches, optimiser, rate),
        ),
    )
    for said, make in runs:
        speaks(refuses(make, said), said)


@requirement("TRN-13", "example")
def test_refused_masks_of_an_update_example() -> None:
    """A mask that NumPy would stretch over the parameter is refused all the same."""
    state, grads = training.start({"a": np.ones(2)}, training.sgd()), {"a": np.ones(2)}
    for masks in ({"a": np.array([True])}, {"a": np.array([1, 0])}, {"b": np.array([True, True])}):
        said = f"update(..., {show(masks)})"
        speaks(refuses(lambda m=masks: training.update(state, grads, training.sgd(), 0.1, m), said), said)  # type: ignore[misc]


def speaks(error: Exception, said: str) -> None:
    """Require the reference's error: what, got, expected."""
    if not isinstance(error, InvalidInput) or ": got " not in str(error) or ", expected " not in str(error):
        fail(repr(error), "InvalidInput that says what, got and expected", said)


@requirement("TRN-13", "property")
@given(
    st.sampled_from(("momentum", "decay", "beta1", "beta2", "eps", "rate")),
    st.one_of(st.floats(max_value=-1e-9), st.sampled_from((float("nan"), float("inf"), True, None, "1"))),
)
def test_refused_numbers(name: str, wrong: Any) -> None:
    makers: Mapping[str, Any] = {
        "momentum": training.sgd,
        "decay": lambda value: training.adam(weight_decay=value),
        "beta1": training.adam,
        "beta2": lambda value: training.adamw(beta2=value),
        "eps": lambda value: training.adamw(eps=value),
        "rate": training.constant,
    }
    speaks(refuses(lambda: makers[name](wrong), f"{name} = {wrong!r}"), f"{name} = {wrong!r}")


@requirement("TRN-13", "property", "TRAIN")
@given(draw.straight_cases(draw.sgd_specs()), st.sampled_from(("name", "shape")), st.data())
def test_refused_masks(backend: Backend, case: TrainCase, kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(case.params)))
    shape = case.params[name].shape
    wrong = {"name": {f"{name}s": np.ones(shape, bool)}, "shape": {name: np.ones((*shape, 2), bool)}}[kind]
    before = copies(case)
    case_of_wrong = replace(case, masks=wrong)
    refuses(lambda: backend.train(case_of_wrong), call("train", case_of_wrong))
    unchanged(case, before)


# TRN-14 What stands under a mask decides nothing


@requirement("TRN-14", "example", "TRAIN")
def test_under_the_mask_example(backend: Backend) -> None:
    flat = straight([0], [[1]], OptimiserSpec("sgd", 0.5), [1])
    for hidden in (100.0, float("nan"), float("inf")):
        weight = np.array([[0.0, hidden], [0.0, 0.0]])
        mask = np.array([[True, False], [True, True]])
        case = replace(flat, params={**flat.params, "out.weight": weight}, masks={"out.weight": mask})
        with np.errstate(all="ignore"):  # dense weights that live on under the mask may well compute inf - inf
            goes(backend, case, [-0.25, 0])


@requirement("TRN-14", "property", "TRAIN")
@given(draw.chain_cases(), st.sampled_from((1e3, -1e3, float("inf"), float("nan"))))
def test_under_the_mask(backend: Backend, case: TrainCase, hidden: float) -> None:
    case = replace(case, prune_at=0)
    params = {name: np.array(array) for name, array in case.params.items()}
    for name, mask in case.masks.items():
        params[name][~mask] = hidden
    other = replace(case, params=params)
    with np.errstate(all="ignore"):  # dense weights that live on under the mask may well compute inf - inf
        got = backend.train(other)
    same_steps(got, backend.train(case), call("train", other))


@requirement("TRN-14", "example")
def test_state_of_before_example() -> None:
    """Steps mask the state they are given before the first forward pass: what stood there changes nothing."""
    case = straight([1, 1], [[4, 4], [2, 2]], HALF)
    optimiser, rate, masks = training.sgd(0.5), training.constant(0.25), {"out.bias": np.array([True, False])}
    losses = []
    for stale in (0.0, 100.0):
        params = {name: w.copy() for name, w in case.params.items()}
        params["out.bias"] = np.array([0.0, stale])
        state = training.start(params, optimiser)
        run = training.steps(case.network, state, case.x, case.labels, case.batches, optimiser, rate, masks)
        losses.append([step.loss for step in run])
    expect_equal(losses[1], losses[0], "losses of steps() from a state with 100 under its mask")


# TRN-15 Positive zero


def clear_signs(backend: Backend, case: TrainCase) -> None:
    """Require that no removed entry has its sign bit set, unless the backend declares either zero."""
    needs_default(backend, "removed_zero")
    for number, step in enumerate(backend.train(case), 1):
        for name, mask in case.masks.items():
            for side in cleared(backend, step):
                removed = np.asarray(side[name])[~mask]
                if number >= case.prune_at and (np.signbit(removed) & (removed == 0)).any():
                    fail(f"-0.0 in {name!r} after update {number}", "+0.0", call("train", case))


@requirement("TRN-15", "example", "TRAIN")
def test_positive_zero_example(backend: Backend) -> None:
    for prune_at in (0, 1):
        clear_signs(backend, straight([-3, -3], [[1, 1], [1, 1]], HALF, [1, 0], prune_at))


@requirement("TRN-15", "property", "TRAIN")
@given(draw.chain_cases())
def test_positive_zero(backend: Backend, case: TrainCase) -> None:
    clear_signs(backend, case)


# TRN-16 Steps of the learning rate


@requirement("TRN-16", "example")
def test_step_decay_example() -> None:
    rate = training.step_decay(1.0, [2, 4], 0.5)
    expect_equal([rate(step) for step in range(6)], [1, 1, 0.5, 0.5, 0.25, 0.25], "step_decay(1.0, [2, 4], 0.5)")
    expect_equal(
        [training.step_decay(1.0, [0], 0.5)(step) for step in range(2)], [0.5] * 2, "step_decay(1.0, [0], 0.5)"
    )
    expect_equal([training.constant(0.5)(step) for step in range(3)], [0.5] * 3, "constant(0.5)")


@requirement("TRN-16", "example")
def test_odd_drops_example() -> None:
    """Drops in any order; one that is there twice counts twice."""
    for drops, should in (([4, 2], [1, 1, 0.5, 0.5, 0.25]), ([2, 2], [1, 1, 0.25, 0.25, 0.25])):
        rate = training.step_decay(1.0, drops, 0.5)
        expect_equal([rate(step) for step in range(5)], should, f"step_decay(1.0, {drops}, 0.5)")


@requirement("TRN-16", "property")
@given(st.lists(st.integers(0, 12), max_size=5), st.sampled_from((0.0, 0.25, 0.5, 1.0, 2.0)))
def test_step_decay(drops: list[int], factor: float) -> None:
    """Walking through the steps and multiplying at each drop gives the same rates; all products are exact."""
    rate, now = training.step_decay(8.0, drops, factor), 8.0
    for step in range(14):
        for _ in range(drops.count(step)):
            now *= factor
        expect_equal(rate(step), now, f"step_decay(8.0, {drops}, {factor})({step})")


# The whole run


@requirement("TRN-08", "property")
@given(chains(), st.integers(1, 4), st.data())
def test_train_is_its_last_step(drawn: Any, count: int, data: st.DataObject) -> None:
    """`train` is a fresh state followed by `steps`, from any step of the run."""
    batches = [np.array([data.draw(st.integers(0, len(drawn.x) - 1))]) for _ in range(count)]
    first = data.draw(st.integers(0, count))
    optimiser, rate = training.sgd(0.5), training.step_decay(0.01, [2])
    run = (drawn.x, drawn.labels, batches, optimiser, rate, None, first)
    states = [step.state for step in training.steps(drawn.network, training.start(drawn.params, optimiser), *run)]
    should = states[-1].params if states else drawn.params
    expect_equal(training.train(drawn.network, drawn.params, *run), should, f"train(..., first={first})")


# TRN-17 Running statistics

NORMED = build(Input("x", (1,)), BatchNorm("norm", eps=1.0, momentum=0.5), Dense("out"))
NORMED_PARAMS = {
    "norm.gamma": np.array([2.0]),
    "norm.beta": np.array([1.0]),
    "norm.running_mean": np.zeros(1),
    "norm.running_var": np.zeros(1),
    "out.weight": np.zeros((2, 1)),
    "out.bias": np.zeros(2),
}
FOUR = np.array([[0.0], [0.0], [0.0], [4.0]])
"""Mean 1, variance 3 over n and 4 over n - 1."""


@requirement("TRN-17", "example", "TRAIN")
def test_statistics_example(backend: Backend) -> None:
    decay = OptimiserSpec("sgd", 0.25, weight_decay=0.5)
    both = (np.arange(4), np.arange(4))
    case = TrainCase(NORMED, NORMED_PARAMS, FOUR, np.zeros(4, int), both, decay, {})
    for step, mean, var in zip(backend.train(case), (0.5, 0.75), (2.0, 3.0), strict=True):
        expect_equal(step.used["norm.running_mean"], np.array([mean]), call("train", case))
        expect_equal(step.used["norm.running_var"], np.array([var]), call("train", case))


@requirement("TRN-17", "example")
def test_masked_statistics_example() -> None:
    masks = {"norm.running_mean": np.array([False])}
    got = training.train(
        NORMED, NORMED_PARAMS, FOUR, np.zeros(4, int), [np.arange(4)], training.sgd(), training.constant(0.25), masks
    )
    expect_equal(got["norm.running_mean"], np.zeros(1), "a masked running mean after an update")
    expect_equal(got["norm.running_var"], np.array([2.0]), "the running variance beside it")
    expect_equal(set(training.start(NORMED_PARAMS, training.adam()).slots), MOVED, "what Adam remembers")


MOVED = {"norm.gamma", "norm.beta", "out.weight", "out.bias"}


@requirement("TRN-17", "example")
def test_dropouts_example() -> None:
    """Two steps, x = 4 and x = 2: 4 is dropped, 2 is kept and doubled: -0.25 (p - 1) 4 = 0.5."""
    network = build(Input("x", (1,)), Dropout("drop"), Dense("out", bias=False))
    params, x = {"out.weight": np.zeros((2, 1))}, np.array([[4.0], [2.0]])
    asked: list[int] = []

    def kept(step: int) -> dict[str, np.ndarray[Any, Any]]:
        asked.append(step)
        return {"drop": np.array([[step == 1]])}

    run = (x, np.zeros(2, int), [np.array([0]), np.array([1])], training.sgd(), training.constant(0.25))
    got = training.train(network, params, *run, kept=kept)
    expect_equal(got["out.weight"], np.array([[0.5], [-0.5]]), "train with dropout")
    expect_equal(asked, [0, 1], "the steps whose masks were asked for")
    refuses(lambda: training.train(network, params, *run), "dropout without masks")
    asked.clear()
    got = training.train(network, params, *run, first=1, kept=kept)
    expect_equal(got["out.weight"], np.array([[0.5], [-0.5]]), "train with dropout, first=1")
    expect_equal(asked, [1], "the steps whose masks were asked for, first=1")


@requirement("TRN-17", "example", "TRAIN")
def test_given_dropouts_example(backend: Backend) -> None:
    """Equal logits, so -0.25 (p - 1) = 1/8 for label 0: x = 4 is doubled, then 2 is dropped. 1/8 * 8 = 1 and 0."""
    network = build(Input("x", (1,)), Dropout("drop"), Dense("out"))
    params = {"out.weight": np.zeros((2, 1)), "out.bias": np.zeros(2)}
    kept = ({"drop": np.array([[True]])}, {"drop": np.array([[False]])})
    x, labels, batches = np.array([[4.0], [2.0]]), np.zeros(2, int), (np.array([0]), np.array([1]))
    case = TrainCase(network, params, x, labels, batches, OptimiserSpec("sgd", 0.25), {}, kept=kept)
    for number, (step, weight) in enumerate(zip(backend.train(case), ([[1.0], [-1.0]],) * 2, strict=True), 1):
        said = f"after update {number} of {call('train', case)}"
        expect_equal(np.asarray(step.used["out.weight"]), np.array(weight), said)
    bias = np.asarray(backend.train(case)[0].used["out.bias"])
    expect_equal(bias, np.array([0.125, -0.125]), f"the bias after update 1 of {call('train', case)}")


@requirement("TRN-17", "property", "TRAIN")
@given(draw.dense_cases(draw.sgd_specs()), st.integers(0, 2**32 - 1))
def test_given_dropouts(backend: Backend, case: TrainCase, seed: int) -> None:
    """The gradient is that of the examples with what is dropped 0 and what is kept doubled, at every step its own."""
    rng, width = np.random.default_rng(seed), case.x.shape[1]
    network = build(Input("image", (width,)), Dropout("drop"), Dense("out"))
    drops = [rng.random((len(rows), width)) < 0.5 for rows in case.batches]
    for mask in drops:
        mask[:, -1] = True  # the feature that keeps the logits apart
    case = replace(case, network=network, kept=tuple({"drop": mask} for mask in drops))

    def gradients(number: int, *_: object) -> Mapping[str, Any]:
        left = 2 * case.x[case.batches[number - 1]] * drops[number - 1]
        one = replace(case, x=left, batches=(*case.batches[: number - 1], np.arange(len(left))))
        return straight_gradients(one, number)

    check_training(case, backend.train(case), gradients, exact=True)


@requirement("TRN-17", "property", "TRAIN")
@given(st.integers(0, 2**32 - 1), st.sampled_from(OPTIMISERS), st.integers(1, 4))
def test_statistics(backend: Backend, seed: int, name: Any, updates: int) -> None:
    """Whatever the optimiser, the statistics are averages of the batches' own, since x comes straight from the data."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 9, (6, 1)).astype(np.float64)
    batches = tuple(rng.permutation(6)[: rng.integers(2, 7)] for _ in range(updates))
    spec = OptimiserSpec(name, 0.01, momentum=0.5, weight_decay=0.5)
    case = TrainCase(NORMED, NORMED_PARAMS, x, rng.integers(2, size=6), batches, spec, {})
    mean, var = 0.0, 0.0
    for step, rows in zip(backend.train(case), batches, strict=True):
        mean, var = (mean + x[rows].mean()) / 2, (var + x[rows].var(ddof=1)) / 2
        # Sums of six integers, squares up to 256: a dozen roundings of 2^-53 of at most 1536.
        expect_close(step.used["norm.running_mean"], np.array([mean]), 2**-36, call("train", case))
        expect_close(step.used["norm.running_var"], np.array([var]), 2**-36, call("train", case))


# TRN-18 What is read


def reads(backend: Backend, case: TrainCase) -> None:
    """Require that what is read is what is used: everywhere before pruning, and at kept entries from then on."""
    for number, (read, used) in enumerate(backend.train(case), 1):
        said = f"what is read after update {number} of {call('train', case)}"
        expect_equal(set(read), set(used), f"the names of {said}")
        for name, array in used.items():
            kept = case.masks.get(name, ...) if number >= case.prune_at else ...
            expect_equal(np.asarray(read[name])[kept], np.asarray(array)[kept], f"{name!r} in {said}")


@requirement("TRN-18", "example", "TRAIN")
def test_read_example(backend: Backend) -> None:
    for keeps, prune_at in ((None, 0), ([1, 0], 0), ([1, 0], 1), ([1, 0], 3)):
        case = straight([1, 1], [[4, 4]] * 3, HALF, keeps, prune_at)
        got = [float(step.read["out.weight"][0, 0]) for step in backend.train(case)]
        expect_equal(got, [0, -1.5, -3.25], f"row 0, entry 0, as it is read after each update of {call('train', case)}")
        reads(backend, case)


@requirement("TRN-18", "property", "TRAIN")
@given(draw.chain_cases(), st.booleans())
def test_read(backend: Backend, case: TrainCase, dense: bool) -> None:  # noqa: FBT001  a drawn flag
    reads(backend, replace(case, masks={}) if dense else case)
