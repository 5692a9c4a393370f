"""docs/spec/pruning.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune import pruning, schedules, training
from refprune.arrays import Array, Masks, Params
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA, Evidence
from refprune.errors import InvalidInput
from refprune.granularity import REDUCERS, block, element, unit
from refprune.network import Dense, Dropout, Input, Network, build
from refprune.selection import global_, local
from spec_tests.adapter import (
    Backend,
    Blocks,
    Declaration,
    OptimiserSpec,
    ScheduleCase,
    SelectCase,
    TrainCase,
    Units,
)
from spec_tests.oracle.schedules import fires
from spec_tests.oracle.selection import check_selection, removal_count
from spec_tests.oracle.training import zeroed
from spec_tests.strategies import schedules as draw_schedules
from spec_tests.strategies import selection as draw
from spec_tests.strategies.graphs import graphs
from spec_tests.strategies.networks import Drawn, chains, masks_of
from spec_tests.strategies.training import ANCHOR, straight
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement, show

EXACT = Declaration("definition", frozenset())
SCOPES = {"local": local, "global": global_}
ENTRIES = pruning.Method(CRITERIA["magnitude"], element(), local)


def array(*values: Any) -> Array:
    """Return a float64 array."""
    return np.array(values, np.float64)


def speaks(error: Exception, said: str) -> None:
    """Require the reference's error: what, got, expected."""
    if not isinstance(error, InvalidInput) or ": got " not in str(error) or ", expected " not in str(error):
        fail(repr(error), "InvalidInput that says what, got and expected", said)


# PRU-01 One pruning step


@requirement("PRU-01", "example")
def test_step_example() -> None:
    params = {"a.weight": array([1, -4], [2, 2], [-3, 0]), "a.bias": array(1, 1, 1)}
    rows = pruning.Method(CRITERIA["magnitude"], block(1, None), local)
    pruned = pruning.prune(rows, Evidence(params), 1 / 3)
    expect_equal(pruned.scores, {"a.weight": array([5], [4], [3])}, "the scores of rows")
    expect_equal(pruned.masks, {"a.weight": np.array([[1, 1], [1, 1], [0, 0]], bool)}, "the masks of rows")
    expect_equal(pruned.unit_masks, {"a.weight": np.array([[1], [1], [0]], bool)}, "the masks of the scores")
    grads = {"a.weight": array([1, 0], [5, 5], [5, 5]), "a.bias": array(0, 0, 0)}
    by_gradient = pruning.prune(ENTRIES._replace(criterion=CRITERIA["gradient"]), Evidence(params, grads), 2)
    expect_equal(by_gradient.masks["a.weight"], np.array([[0, 0], [1, 1], [1, 1]], bool), "the masks by gradient")
    both = {"a.weight": array([1, 2]), "b.weight": array([3, 4])}
    everywhere = pruning.prune(ENTRIES._replace(scope=global_), Evidence(both), 0.5)
    should = {"a.weight": np.array([[False, False]]), "b.weight": np.array([[True, True]])}
    expect_equal(everywhere.masks, should, "the masks of a global pool")


@requirement("PRU-01", "example")
def test_units_example() -> None:
    network = build(Input("image", (2,)), Dense("a"), Dense("b"))
    params = {
        "a.weight": array([1, 1], [3, 3], [2, 2]),
        "a.bias": array(9, 0, 0),
        "b.weight": array([9, 9, 9]),
        "b.bias": array(0),
    }
    units = pruning.Method(CRITERIA["magnitude"], unit(find_groups(network, params)), local)
    pruned = pruning.prune(units, Evidence(params), 1.0)
    masks = {"a.weight": np.array([[0, 0], [1, 1], [0, 0]], bool), "a.bias": np.array([0, 1, 0], bool)}
    expect_equal(pruned.masks, masks, "the masks of all units but the best")
    expect_equal(pruned.short, {"a": 1}, "what is short")
    twos = pruning.prune(
        units._replace(granularity=unit(find_groups(network, params), multiple=2)), Evidence(params), 1.0
    )
    expect_equal(twos.unit_masks, {"a": np.array([0, 1, 1], bool)}, "the masks of units, their number a multiple of 2")
    expect_equal(twos.short, {"a": 2}, "what is short")


@st.composite
def evidences(draw_: st.DrawFn) -> Evidence:
    """Draw weights and gradients of small integers, with ties and zeros."""
    shapes = draw_(st.lists(draw.shapes(2, 2, 3), min_size=1, max_size=2))
    values = st.integers(-3, 3).map(float)
    made = [draw_(draw.arrays(st.just(shape), values, np.float64)) for shape in (*shapes, *shapes)]
    names = [f"{letter}.weight" for letter, _ in zip("ab", shapes, strict=False)]
    half = len(shapes)
    return Evidence(dict(zip(names, made[:half], strict=True)), dict(zip(names, made[half:], strict=True)))


def contributions(criterion: str, evidence: Evidence) -> dict[str, Array]:
    """Return w, g or g w, entry by entry."""
    assert evidence.grads is not None
    rules: Mapping[str, Callable[[float, float], float]] = {
        "magnitude": lambda w, g: w,  # noqa: ARG005  every criterion sees both
        "gradient": lambda w, g: g,  # noqa: ARG005  every criterion sees both
        "taylor": lambda w, g: w * g,
    }
    result = {}
    for name, weight in evidence.params.items():
        pairs = zip(weight.ravel().tolist(), evidence.grads[name].ravel().tolist(), strict=True)
        result[name] = np.array([rules[criterion](w, g) for w, g in pairs]).reshape(weight.shape)
    return result


@requirement("PRU-01", "property")
@given(
    evidences(),
    st.sampled_from(("magnitude", "gradient", "taylor")),
    draw.POOLS,
    draw.SPARSITIES,
    st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from(("l1", "max")))),
)
def test_step(
    evidence: Evidence, criterion: str, pools: draw.Pools, sparsity: float, tile: tuple[int, int, str] | None
) -> None:
    """The masks are a selection, by the definition, on the criterion's contributions."""
    given_scores = contributions(criterion, evidence)
    granularity = element() if tile is None else block(*tile[:2], REDUCERS[tile[2]])
    method = pruning.Method(CRITERIA[criterion], granularity, SCOPES[pools])
    masks = pruning.prune(method, evidence, sparsity).masks
    if tile is None:
        absolute = {name: np.abs(scores) for name, scores in given_scores.items()}
        check_selection(masks, SelectCase(absolute, sparsity, pools), EXACT)
    else:
        check_selection(masks, SelectCase(given_scores, sparsity, pools, Blocks(*tile)), EXACT)


@requirement("PRU-01", "property")
@given(chains(), draw.SPARSITIES, st.integers(0, 2), draw.POOLS)
def test_units(drawn: Drawn, sparsity: float, min_kept: int, pools: draw.Pools) -> None:
    """A unit's score is the sum over the weights that make it; its weights and its bias go together."""
    groups = find_groups(drawn.network, drawn.params)
    if not groups:
        return
    method = pruning.Method(CRITERIA["magnitude"], unit(groups, min_kept=min_kept), SCOPES[pools])
    pruned = pruning.prune(method, Evidence(drawn.params), sparsity)
    sums = {
        group.name: array(*(sum(map(abs, row.ravel().tolist())) for row in drawn.params[f"{group.name}.weight"]))
        for group in groups
    }
    check_selection(pruned.unit_masks, SelectCase(sums, sparsity, pools, Units(min_kept)), EXACT)
    for group in groups:
        kept = pruned.unit_masks[group.name].tolist()
        weight = drawn.params[f"{group.name}.weight"]
        rows = np.array([np.full(weight.shape[1:], keep) for keep in kept])
        expect_equal(pruned.masks[f"{group.name}.weight"], rows, f"the mask of {group.name}.weight")
        expect_equal(pruned.masks[f"{group.name}.bias"], np.array(kept), f"the mask of {group.name}.bias")
    expect_equal(set(pruned.masks), {f"{g.name}.{part}" for g in groups for part in ("weight", "bias")}, "masks")


# PRU-02 Rounds


def random_rounds(
    weights: Array, draws: list[Array], sparsities: list[Any], retrain: Any
) -> tuple[list[pruning.Round], list[Array]]:
    """Run rounds of random selection with these draws; return them and what each one collected from."""
    method = pruning.Method(CRITERIA["random"], element(), local)
    seen: list[Array] = []
    number = count()

    def collect(params: Params) -> Evidence:
        seen.append(params["a.weight"].copy())
        return Evidence(params, draws={"a.weight": draws[next(number)]})

    return list(pruning.iterate({"a.weight": weights}, method, sparsities, collect, retrain)), seen


def doubled(params: Params, masks: Masks) -> dict[str, Array]:  # noqa: ARG001  any retraining takes both
    """Return twice the parameters."""
    return {name: 2 * weight for name, weight in params.items()}


def raised(params: Params, masks: Masks) -> dict[str, Array]:  # noqa: ARG001  any retraining takes both
    """Return the parameters with 10 added to every entry, the removed ones included."""
    return {name: weight + 10 for name, weight in params.items()}


@requirement("PRU-02", "example")
def test_rounds_example() -> None:
    draws = [array([0.1, 0.9, 0.8, 0.7]), array([0.9, 0.1, 0.8, 0.7])]
    turns, seen = random_rounds(array([1, 2, 3, 4]), draws, [0.25, 0.5], doubled)
    said = "iterate(1, 2, 3, 4 at 0.25 and 0.5, doubled)"
    masks = [turn.pruned.masks["a.weight"].astype(int).tolist() for turn in turns]
    expect_equal(masks, [[[0, 1, 1, 1]], [[0, 0, 1, 1]]], said)
    expect_equal([turn.params["a.weight"].tolist() for turn in turns], [[[0, 2, 3, 4]], [[0, 0, 6, 8]]], said)
    retrained = [turn.retrained["a.weight"].tolist() for turn in turns]
    expect_equal(retrained, [[[0, 4, 6, 8]], [[0, 0, 12, 16]]], said)
    expect_equal([weights.tolist() for weights in seen], [[[1, 2, 3, 4]], [[0, 4, 6, 8]]], f"collected in {said}")
    expect_equal([turn.sparsity for turn in turns], [0.25, 0.5], said)


@requirement("PRU-02", "example")
def test_revived_example() -> None:
    """What retraining leaves at removed entries is 0 again before anything reads it."""
    draws = [array([0.1, 0.9, 0.8, 0.7]), array([0.9, 0.1, 0.8, 0.7])]
    turns, seen = random_rounds(array([1, 2, 3, 4]), draws, [0.25, 0.5], raised)
    said = "iterate(1, 2, 3, 4 at 0.25 and 0.5, 10 added to every entry)"
    retrained = [turn.retrained["a.weight"].tolist() for turn in turns]
    expect_equal(retrained, [[[0, 12, 13, 14]], [[0, 0, 23, 24]]], said)
    expect_equal([weights.tolist() for weights in seen], [[[1, 2, 3, 4]], [[0, 12, 13, 14]]], f"collected in {said}")


@requirement("PRU-02", "property")
@given(
    st.integers(1, 12),
    st.lists(draw.SPARSITIES, min_size=1, max_size=4).map(sorted),
    st.integers(0, 2**32 - 1),
    st.sampled_from((2.0, -0.5, 0.0)),
    st.sampled_from((0.0, 10.0)),
)
def test_rounds(size: int, sparsities: list[float], seed: int, factor: float, more: float) -> None:
    """Masks nest, counts are exact, and every round starts from what the one before left."""
    rng = np.random.default_rng(seed)
    weights, draws = rng.integers(-3, 4, (1, size)) * 1.0, [rng.random((1, size)) for _ in sparsities]
    turns, seen = random_rounds(
        weights, draws, sparsities, lambda params, masks: {"a.weight": factor * params["a.weight"] + more}  # noqa: ARG005
    )  # fmt: skip
    alive, now, said = np.ones((1, size), bool), weights, f"iterate({size}, {sparsities}, seed {seed})"
    for turn, sparsity, scores, collected in zip(turns, sparsities, draws, seen, strict=True):
        mask = turn.pruned.masks["a.weight"]
        case = SelectCase({"a.weight": scores}, sparsity, within={"a.weight": alive})
        check_selection({"a.weight": mask}, case, EXACT)
        expect_equal(int((~mask).sum()), removal_count("half_even", sparsity, size), said)
        expect_equal(collected, now, f"collected in {said}")
        expect_equal(turn.params["a.weight"], zeroed({"w": now}, {"w": mask})["w"], f"masked in {said}")
        should = zeroed({"w": factor * turn.params["a.weight"] + more}, {"w": mask})["w"]
        expect_equal(turn.retrained["a.weight"], should, f"retrained in {said}")
        alive, now = mask, turn.retrained["a.weight"]


# PRU-03 to PRU-06, PRU-08 Where retraining starts from

Calls = list[tuple[dict[str, list[float]], dict[str, list[bool]], int]]


def recorder(calls: Calls) -> pruning.Run:
    """Return a run that writes down what it gets, and trains nothing."""

    def run(params: Params, masks: Masks, first: int) -> Params:
        plain = {name: values.ravel().tolist() for name, values in params.items()}
        calls.append((plain, {name: mask.ravel().tolist() for name, mask in masks.items()}, first))
        return params

    return run


TRAINED = {"a.weight": array([5, 6]), "a.bias": array(7)}
EARLY = {"a.weight": array([1, 2]), "a.bias": array(3)}
KEPT = {"a.weight": np.array([[True, False]])}


@st.composite
def rewinds(draw_: st.DrawFn) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Draw trained parameters, a snapshot of the same arrays, and masks of some of them, of any kind of array."""
    drawn: Drawn = draw_(chains() | graphs(("conv2d", "batch_norm"), often="batch_norm"))
    rng = np.random.default_rng(draw_(st.integers(0, 2**32 - 1)))
    early = {name: rng.integers(-9, 10, values.shape) * 1.0 for name, values in drawn.params.items()}
    return drawn.params, early, draw_(masks_of(drawn.params))


def started(retrain: pruning.Retrain, calls: Calls, params: Params, masks: Masks) -> Any:
    """Return what the run got when retraining begins as in a round: with masked parameters."""
    retrain(zeroed(params, masks), masks)
    return calls[-1]


def plain(params: Params, masks: Masks, first: int) -> Any:
    """Return what a run should have got."""
    values = {name: values.ravel().tolist() for name, values in zeroed(params, masks).items()}
    return values, {name: mask.ravel().tolist() for name, mask in masks.items()}, first


@requirement("PRU-03", "example")
def test_fine_tune_example() -> None:
    calls: Calls = []
    got = started(pruning.fine_tune(recorder(calls)), calls, {"a": array(3, 4)}, {"a": np.array([False, True])})
    expect_equal(got, ({"a": [0, 4]}, {"a": [False, True]}, 0), "what the run gets from fine_tune(run)")
    got = started(pruning.fine_tune(recorder(calls), 2), calls, TRAINED, KEPT)
    should = ({"a.weight": [5, 0], "a.bias": [7]}, {"a.weight": [True, False]}, 2)
    expect_equal(got, should, "what the run gets from fine_tune(run, 2)")


@requirement("PRU-03", "property")
@given(rewinds(), st.integers(0, 9))
def test_fine_tune(drawn: Any, first: int) -> None:
    trained, _, masks = drawn
    calls: Calls = []
    got = started(pruning.fine_tune(recorder(calls), first), calls, trained, masks)
    expect_equal(got, plain(trained, masks, first), f"what the run gets from fine_tune(run, {first})")


@requirement("PRU-04", "example")
def test_snapshot_example() -> None:
    weight = array(1)
    snapshot = pruning.take_snapshot({"a": weight}, 3)
    weight[0] = 5
    expect_equal((snapshot.params, snapshot.step), ({"a": array(1)}, 3), "the snapshot of 1 at step 3")
    pruning.rewound({"a": weight}, snapshot, {})["a"][0] = 9
    expect_equal(snapshot.params, {"a": array(1)}, "the snapshot after its rewound array was set to 9")


@requirement("PRU-04", "example", "TRAIN")
def test_rewound_is_a_copy_example(backend: Backend) -> None:
    early = {name: values.copy() for name, values in EARLY.items()}
    got = backend.rewind(TRAINED, early, KEPT)
    said = call("rewind", TRAINED, early, KEPT)
    shared = [np.shares_memory(np.asarray(got[name]), early[name]) for name in early]
    expect_equal(shared, [False, False], f"memory shared with the snapshot by {said}")


@requirement("PRU-04", "property", "TRAIN")
@given(rewinds())
def test_snapshot(backend: Backend, drawn: Any) -> None:
    trained, early, masks = drawn
    before = {name: values.copy() for name, values in early.items()}
    got, said = backend.rewind(trained, early, masks), call("rewind", trained, early, masks)
    for name in early:
        if np.shares_memory(np.asarray(got[name]), early[name]):
            fail(f"{name!r} that shares memory with the snapshot", "a copy", said)
    expect_equal(early, before, f"the snapshot after {said}")


@requirement("PRU-04", "property")
@given(rewinds())
def test_snapshot_of_training(drawn: Any) -> None:
    """Writing into the parameters, as training in place does, leaves the snapshot as it was."""
    trained, _, _ = drawn
    before = {name: values.copy() for name, values in trained.items()}
    snapshot = pruning.take_snapshot(trained, 1)
    for values in trained.values():
        values[...] += 1
    expect_equal(snapshot.params, before, "the snapshot")


@requirement("PRU-05", "example", "TRAIN")
def test_rewind_example(backend: Backend) -> None:
    should = {"a.weight": array([1, 0]), "a.bias": array(3)}
    expect_equal(backend.rewind(TRAINED, EARLY, KEPT), should, call("rewind", TRAINED, EARLY, KEPT))
    biases = {"a.bias": np.array([False])}
    should = {"a.weight": array([1, 2]), "a.bias": array(0)}
    expect_equal(backend.rewind(TRAINED, EARLY, biases), should, call("rewind", TRAINED, EARLY, biases))
    expect_equal(backend.rewind(TRAINED, EARLY, {}), EARLY, call("rewind", TRAINED, EARLY, {}))


@requirement("PRU-05", "example", "TRAIN")
def test_rewind_statistics_example(backend: Backend) -> None:
    trained = TRAINED | {"norm.running_mean": array(8), "norm.running_var": array(9)}
    early = EARLY | {"norm.running_mean": array(0.5), "norm.running_var": array(1)}
    should = early | {"a.weight": array([1, 0])}
    expect_equal(backend.rewind(trained, early, KEPT), should, call("rewind", trained, early, KEPT))


@requirement("PRU-05", "example")
def test_rewind_weights_example() -> None:
    calls: Calls = []
    retrain = pruning.rewind_weights(recorder(calls), pruning.take_snapshot(EARLY, 3))
    should = ({"a.weight": [1, 0], "a.bias": [3]}, {"a.weight": [True, False]}, 3)
    expect_equal(started(retrain, calls, TRAINED, KEPT), should, "what the run gets from rewind_weights")


@requirement("PRU-05", "property", "TRAIN")
@given(rewinds())
def test_rewind(backend: Backend, drawn: Any) -> None:
    trained, early, masks = drawn
    for start in (trained, zeroed(trained, masks)):
        got, said = backend.rewind(start, early, masks), call("rewind", start, early, masks)
        expect_equal(got, zeroed(early, masks), said)


@requirement("PRU-06", "example")
def test_learning_rate_example() -> None:
    calls: Calls = []
    retrain = pruning.rewind_learning_rate(recorder(calls), pruning.take_snapshot(EARLY, 3))
    should = ({"a.weight": [5, 0], "a.bias": [7]}, {"a.weight": [True, False]}, 3)
    expect_equal(started(retrain, calls, TRAINED, KEPT), should, "what the run gets from rewind_learning_rate")


@requirement("PRU-06", "property")
@given(rewinds(), st.integers(0, 9))
def test_learning_rate(drawn: Any, step: int) -> None:
    trained, early, masks = drawn
    calls: Calls = []
    retrain = pruning.rewind_learning_rate(recorder(calls), pruning.take_snapshot(early, step))
    expect_equal(started(retrain, calls, trained, masks), plain(trained, masks, step), "what the run gets")


@requirement("PRU-08", "example")
def test_rewind_to_the_end_example() -> None:
    calls: Calls = []
    run, snapshot = recorder(calls), pruning.take_snapshot(TRAINED, 3)
    should = ({"a.weight": [5, 0], "a.bias": [7]}, {"a.weight": [True, False]}, 3)
    for retrain in (pruning.rewind_weights(run, snapshot), pruning.fine_tune(run, 3)):
        expect_equal(started(retrain, calls, TRAINED, KEPT), should, "what the run gets at T = 3")


@requirement("PRU-08", "property")
@given(chains(integers=False), st.integers(0, 4), st.data())
def test_rewind_to_the_end(drawn: Drawn, step: int, data: st.DataObject) -> None:
    """Both retrain to the same parameters, bit by bit, whatever is left of the run."""
    masks = data.draw(masks_of(drawn.params))
    batches = [np.array([row % len(drawn.x)]) for row in range(4)]
    optimiser, rate = training.adam(), training.step_decay(0.01, [2])
    run = pruning.training_run(drawn.network, drawn.x, drawn.labels, batches, optimiser, rate)
    rewind = pruning.rewind_weights(run, pruning.take_snapshot(drawn.params, step))
    start = zeroed(drawn.params, masks)
    expect_equal(rewind(start, masks), pruning.fine_tune(run, step)(start, masks), f"from step {step} of 4")


# PRU-09 Where the run goes on


def run_from(weight: float, optimiser: training.Optimiser, rate: Any, first: int) -> float:
    """Return the weight at the end of a run with the gradients 4, 2, 4, from this step on."""
    case = straight([weight], [[4], [2], [4]], OptimiserSpec("sgd", 0.25))
    run = pruning.training_run(case.network, case.x, case.labels, case.batches, optimiser, rate)
    return float(run(case.params, {}, first)["out.weight"][0, 0])


@requirement("PRU-09", "example")
def test_run_example() -> None:
    optimiser, rate = training.sgd(0.5), training.constant(0.25)
    expect_equal(run_from(0, optimiser, rate, 1), -1.75, "w after the gradients 2, 4 from 0")
    expect_equal(run_from(-0.5, optimiser, rate, 2), -1.5, "w after the gradient 4 from -0.5")
    expect_equal(run_from(1, optimiser, rate, 3), 1, "w after no update")
    falling = training.step_decay(1.0, [1, 2], 0.5)
    expect_equal(run_from(0, training.sgd(), falling, 1), -2, "w after 0.5 * 2 + 0.25 * 4")
    corrected = training.adam(0.5, 0.75, 1.0)  # a fresh one divides by 1 - 0.5 and 1 - 0.75: 4 / (4 + 1)
    expect_equal(run_from(0, corrected, training.constant(1.0), 2), -0.8, "w after Adam's first update")


DROPPED = build(Input("x", (1,)), Dropout("drop"), Dense("out", bias=False))


def dropped(count: int, asked: list[int]) -> tuple[TrainCase, training.Kept]:
    """Return a run over x = 4, 2, 1, which keeps the 2 of step 1 and nothing else, and writes down who asks."""

    def kept(step: int) -> Masks:
        asked.append(step)
        return {"drop": np.array([[step == 1]])}

    x, batches = array([4], [2], [1]), tuple(np.array([row]) for row in range(count))
    params = {"out.weight": array([0], [0])}
    return TrainCase(DROPPED, params, x, np.zeros(3, int), batches, OptimiserSpec("sgd", 0.25), {}), kept


@requirement("PRU-09", "example")
def test_run_with_dropout_example() -> None:
    """The 2 is doubled: -0.25 (1/2 - 1) 4 = 0.5. Of the first mask at step 1 nothing would be left."""
    asked: list[int] = []
    case, kept = dropped(3, asked)
    rate = training.constant(0.25)
    run = pruning.training_run(case.network, case.x, case.labels, case.batches, training.sgd(), rate, kept)
    expect_equal(run(case.params, {}, 1), {"out.weight": array([0.5], [-0.5])}, "a run with dropout from step 1")
    expect_equal(asked, [1, 2], "the steps whose masks were asked for")


@requirement("PRU-09", "property")
@given(chains(integers=False), st.integers(0, 4), st.data(), st.sampled_from((training.sgd(0.9), training.adamw())))
def test_run(drawn: Drawn, first: int, data: st.DataObject, optimiser: training.Optimiser) -> None:
    """A run from step k is a run of its own over what is left of batches and rates."""
    masks = data.draw(masks_of(drawn.params))
    batches = [np.array([row % len(drawn.x)]) for row in range(4)]
    rates = (0.01, 0.003, 0.002, 0.001)
    whole = pruning.training_run(drawn.network, drawn.x, drawn.labels, batches, optimiser, lambda t: rates[t])
    rest = pruning.training_run(
        drawn.network, drawn.x, drawn.labels, batches[first:], optimiser, lambda t: rates[first:][t]
    )
    expect_equal(whole(drawn.params, masks, first), rest(drawn.params, masks, 0), f"the run from step {first}")


# PRU-07 Pruning while training


def gradual(
    case: TrainCase,
    method: pruning.Method,
    timing: ScheduleCase,
    optimiser: training.Optimiser,
    kept: training.Kept | None = None,
) -> tuple[list[pruning.GradualStep], list[Params]]:
    """Return the steps, and the parameters each firing collected from."""
    seen: list[Params] = []

    def collect(params: Params) -> Evidence:
        seen.append(params)
        return Evidence(params)

    run = (case.x, case.labels, case.batches, optimiser, training.constant(case.optimiser.rate), kept)
    schedule = record(timing)
    return list(pruning.prune_while_training(case.network, case.params, method, schedule, collect, *run)), seen


def record(timing: ScheduleCase) -> schedules.Schedule:
    """Return the reference's schedule."""
    curve = schedules.CURVES[timing.curve]
    return schedules.Schedule(curve, timing.final, timing.end, timing.initial, timing.begin, timing.every)


@requirement("PRU-07", "example")
def test_gradual_example() -> None:
    case = straight([2, 3], [[4, 0]] * 3, OptimiserSpec("sgd", 0.25))
    seen, collected = gradual(case, ENTRIES, ScheduleCase("linear", 0.5, 2, begin=2), training.sgd(0.5))
    rows = [step.step.state.params["out.weight"][:, :2].tolist() for step in seen]
    said = "prune_while_training(2, 3, gradients 4, 0, half after 2 updates)"
    expect_equal(rows, [[[1, 3], [1, 0]], [[0, 3], [2.5, 0]], [[0, 3], [4.25, 0]]], said)
    expect_equal([step.pruned is None for step in seen], [True, False, False], f"no masks yet in {said}")
    expect_equal([params["out.weight"][0].tolist() for params in collected], [[-0.5, 3, ANCHOR - 0.625]], said)
    expect_equal([step.step.state.updates for step in seen], [1, 2, 3], f"the optimiser's count in {said}")


@requirement("PRU-07", "example")
def test_gradual_from_the_start_example() -> None:
    case = straight([2, 3], [[4, 4]], OptimiserSpec("sgd", 0.25))
    seen, collected = gradual(case, ENTRIES, ScheduleCase("linear", 1 / 3, 0), training.sgd())
    rows = seen[0].step.state.params["out.weight"].tolist()
    # Of the three zeros the first stays (SEL-04), and moves on.
    expect_equal(rows, [[1, 2, ANCHOR - 0.25], [1, 0, 0]], "a third of 2, 3, 2^14, 0, 0, 0 pruned at step 0")
    expect_equal(len(collected), 1, "how often it collected")
    expect_equal(collected[0], case.params, "what step 0 collected from")


@requirement("PRU-07", "example")
def test_gradual_with_dropout_example() -> None:
    """As in a run without pruning: only the 2 of step 1 moves the weights; of 0.5 and -0.5 the first stays (SEL-04)."""
    asked: list[int] = []
    case, kept = dropped(2, asked)
    seen, _ = gradual(case, ENTRIES, ScheduleCase("linear", 0.5, 2, begin=2), training.sgd(), kept)
    rows = [step.step.state.params["out.weight"].tolist() for step in seen]
    expect_equal(rows, [[[0], [0]], [[0.5], [0]]], "prune_while_training with dropout, half after 2 updates")
    expect_equal(asked, [0, 1], "the steps whose masks were asked for")
    refuses(lambda: gradual(case, ENTRIES, ScheduleCase("linear", 0.5, 2, begin=2), training.sgd()), "no dropout masks")


@st.composite
def gradual_runs(draw_: st.DrawFn) -> tuple[TrainCase, ScheduleCase]:
    """Draw a chain and a schedule that ends within its run of up to ten updates."""
    drawn: Drawn = draw_(chains(integers=False, images=False))
    timing = draw_(draw_schedules.cases())
    begin = timing.begin % 3
    timing = replace(timing, begin=begin, end=begin + (timing.end - timing.begin) % 4, every=timing.every % 4 + 1)
    count = max(timing.end + draw_(st.integers(0, 2)), 1)
    batches = tuple(np.array([row % len(drawn.x)]) for row in range(count))
    run = (drawn.network, drawn.params, drawn.x, drawn.labels, batches)
    return TrainCase(*run, OptimiserSpec("sgd", 0.01), {}), timing


def check_firing(masks: Masks, params: Params, sparsity: float, pools: draw.Pools, within: Masks | None) -> None:
    """Require a selection by magnitude, by the definition."""
    absolute = {name: np.abs(values) for name, values in params.items() if name.endswith(".weight")}
    check_selection(masks, SelectCase(absolute, sparsity, pools, within=within), EXACT)


@requirement("PRU-07", "property")
@given(gradual_runs(), draw.POOLS, st.sampled_from((training.sgd(0.9, weight_decay=0.01), training.adamw())))
def test_gradual(drawn: tuple[TrainCase, ScheduleCase], pools: draw.Pools, optimiser: training.Optimiser) -> None:
    """It collects at the steps that fire and at no other, selects within, and its masks hold in between."""
    case, timing = drawn
    method = ENTRIES._replace(scope=SCOPES[pools])
    seen, collected = gradual(case, method, timing, optimiser)
    due = [step for step in range(len(case.batches) + 1) if fires(EXACT, timing, step)]
    expect_equal(len(collected), len(due), f"firings of {timing}")
    moments, masks = dict(zip(due, collected, strict=True)), None
    if 0 in moments:
        expect_equal(moments[0], case.params, f"what step 0 of {timing} collected from")
        masks = pruning.prune(method, Evidence(moments[0]), schedules.sparsity_at(record(timing), 0)).masks
        check_firing(masks, moments[0], schedules.sparsity_at(record(timing), 0), pools, None)
    for number, moment in enumerate(seen, 1):
        state, said = moment.step.state, f"after update {number} of {timing}"
        now = moment.pruned.masks if moment.pruned else None
        if number in moments:
            assert now is not None, said
            check_firing(now, moments[number], schedules.sparsity_at(record(timing), number), pools, masks)
            expect_equal(state.params, zeroed(moments[number], now), said)
        else:
            expect_equal(now or {}, masks or {}, f"the masks {said}")
        masks = now
        expect_equal(state.updates, number, f"the optimiser's count {said}")
        check_removed(state, masks or {}, said)


def check_removed(state: training.State, masks: Masks, said: str) -> None:
    """Require that removed entries and their memory are 0."""
    for name, mask in masks.items():
        for values in (state.params[name], *state.slots[name]):
            expect_equal(values[~mask], np.zeros(int((~mask).sum())), f"removed entries of {name!r} {said}")


# PRU-10 What is refused


def gates() -> tuple[Network, Evidence]:
    """Return a network of two layers and evidence by unit."""
    network = build(Input("image", (2,)), Dense("a"), Dense("b"))
    params = {name: np.ones(shape) for name, shape in
              {"a.weight": (3, 2), "a.bias": (3,), "b.weight": (2, 3), "b.bias": (2,)}.items()}  # fmt: skip
    return network, Evidence(params, gates={"a.weight": array(1, 3, 2), "b.weight": array(1, 1)})


@requirement("PRU-10", "example")
def test_levels_example() -> None:
    network, evidence = gates()
    for granularity in (element(), block(1, 1), block(2, None)):
        method = pruning.Method(CRITERIA["taylor_gate"], granularity, local)
        speaks(refuses(partial(pruning.prune, method, evidence, 0.5), "gates of entries"), "gates of entries")
    groups = find_groups(network, evidence.params)
    for min_kept in (0, 1):
        method = pruning.Method(CRITERIA["taylor_gate"], unit(groups, min_kept=min_kept), local)
        got = pruning.prune(method, evidence, 1 / 3).unit_masks
        expect_equal(got, {"a": np.array([False, True, True])}, f"a third by the gates 1, 3, 2, min_kept {min_kept}")


@requirement("PRU-10", "example")
def test_refused_example() -> None:
    for snapshot in (
        pruning.Snapshot({"a.weight": array(1, 2)}, 0),
        pruning.Snapshot({"a.weight": array(1, 2), "a.bias": array(3, 4)}, 0),
        pruning.Snapshot({"a.weight": np.ones(2, np.float32), "a.bias": array(3)}, 0),
    ):
        said = f"rewound({show(TRAINED)}, {snapshot}, ...)"
        speaks(refuses(partial(pruning.rewound, TRAINED, snapshot, KEPT), said), said)
    for step in (-1, 1.5, True, None):
        wrong: Any = step
        speaks(refuses(partial(pruning.take_snapshot, EARLY, wrong), f"step {step}"), f"step {step}")
    draws = [array([0.1, 0.9, 0.8, 0.7])] * 2
    rounds = partial(random_rounds, array([1, 2, 3, 4]), draws, [0.5, 0.25], doubled)
    speaks(refuses(rounds, "rounds at 0.5 and 0.25"), "rounds at 0.5 and 0.25")


def begin_gradual(case: TrainCase, timing: ScheduleCase, method: pruning.Method = ENTRIES) -> object:
    """Ask for a run that prunes, and take no step of it."""
    run = (case.x, case.labels, case.batches, training.sgd(), training.constant(0.25))
    arguments = (case.network, case.params, method, record(timing), Evidence)
    return pruning.prune_while_training(*arguments, *run)


@requirement("PRU-10", "example")
def test_gradual_refused_example() -> None:
    case = straight([2], [[4]] * 3, OptimiserSpec("sgd", 0.25))
    late = ScheduleCase("linear", 0.5, 4, begin=4)
    speaks(refuses(partial(begin_gradual, case, late), "one-shot at 4 of 3"), "one-shot at 4 of 3")
    outside = replace(case, batches=(np.array([3]),))
    now = ScheduleCase("linear", 0.5, 0)
    speaks(refuses(partial(begin_gradual, outside, now), "batch [3] of 3 examples"), "batch [3] of 3 examples")
    empty = replace(case, batches=())
    speaks(refuses(partial(begin_gradual, empty, now), "one-shot at 0 of none"), "one-shot at 0 of none")
    gates_of_entries = ENTRIES._replace(criterion=CRITERIA["taylor_gate"])
    at_last, said = ScheduleCase("linear", 0.5, 3, begin=3), "gates of entries, to be pruned after 3 updates"
    speaks(refuses(partial(begin_gradual, case, at_last, gates_of_entries), said), said)


@requirement("PRU-10", "property", "TRAIN")
@given(rewinds(), st.sampled_from(("missing", "more", "shape")), st.data())
def test_refused_snapshots(backend: Backend, drawn: Any, kind: str, data: st.DataObject) -> None:
    """A snapshot of other arrays is refused, and nothing has changed."""
    trained, early, masks = drawn
    name = data.draw(st.sampled_from(sorted(early)))
    change: Mapping[str, dict[str, Array]] = {
        "missing": {key: values for key, values in early.items() if key != name},
        "more": early | {f"{name}s": early[name]},
        "shape": early | {name: np.ones((*early[name].shape, 2))},
    }
    before = {key: values.copy() for key, values in trained.items()}
    said = call("rewind", trained, change[kind], masks)
    refuses(partial(backend.rewind, trained, change[kind], masks), said)
    expect_equal(trained, before, f"the parameters after {said}")


@requirement("PRU-10", "property")
@given(gradual_runs(), st.integers(1, 5))
def test_late_schedules(drawn: tuple[TrainCase, ScheduleCase], late: int) -> None:
    case, timing = drawn
    timing = replace(timing, end=len(case.batches) + late)
    said = f"{timing} in a run of {len(case.batches)}"
    speaks(refuses(partial(begin_gradual, case, timing), said), said)
