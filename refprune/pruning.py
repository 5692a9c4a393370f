"""The loop: evidence, score, select, mask, retrain; and where retraining starts from.

In: network, parameters, a method, sparsities, a way to collect evidence and a way to retrain.
Out: one Round after another.
Specification: docs/spec/pruning.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from refprune.arrays import Array, Masks, Params, Scores, apply_masks
from refprune.backprop import loss_and_grads
from refprune.criteria import Criterion, Evidence, contribute
from refprune.errors import InvalidInput
from refprune.granularity import Granularity
from refprune.network import Network
from refprune.schedules import Schedule, firing_steps, sparsity_at
from refprune.selection import Scope, Sparsity, select
from refprune.training import Optimiser, Rate, State, Step, mask_state, start, update

Collect = Callable[[Params], Evidence]
"""Parameters -> evidence, from data of the caller's choice."""
Retrain = Callable[[Params, Masks], Params]
"""Masked parameters and their masks -> parameters, masks still applied."""
Run = Callable[[Params, Masks, int], Params]
"""(parameters, masks, first step) -> parameters at the end of the run, with a fresh optimiser."""


class Method(NamedTuple):
    """What is pruned, on what evidence, in competition with what."""

    criterion: Criterion
    granularity: Granularity
    scope: Scope


@dataclass(frozen=True)
class Pruned:
    """One selection: the scores that decided it, the masks of units and of arrays, what is short by pool."""

    scores: Scores
    unit_masks: Masks
    masks: Masks
    short: dict[str, int]


@dataclass(frozen=True)
class Round:
    """One turn of the loop: its target, its selection, the parameters before and after retraining."""

    sparsity: Sparsity
    pruned: Pruned
    params: Params
    retrained: Params


def prune(method: Method, evidence: Evidence, sparsity: Sparsity, within: Pruned | None = None) -> Pruned:
    """Return the masks of one pruning step; what `within` removed stays removed."""
    check_levels(method)
    masks = within.masks if within else {}
    scores = method.granularity.reduce(contribute(method.criterion, evidence, masks))
    alive = within.unit_masks if within else None
    selection = select(scores, sparsity, method.scope, alive, method.granularity.min_kept)
    expanded = method.granularity.expand(selection.masks, evidence.params)
    return Pruned(scores, selection.masks, expanded, selection.short)  # PRU-01


def check_levels(method: Method) -> None:
    """Refuse a criterion that speaks of units where single entries are selected."""
    if method.criterion.level == "unit" and method.granularity.min_kept == 0:
        expected = "the granularity unit"
        raise InvalidInput(f"criterion {method.criterion.name}", "a granularity of entries", expected)


def iterate(
    params: Params, method: Method, sparsities: Iterable[Sparsity], collect: Collect, retrain: Retrain
) -> Iterator[Round]:
    """Yield one Round for each sparsity, each within the masks of the one before."""
    pruned: Pruned | None = None
    for sparsity in sparsities:
        pruned = prune(method, collect(params), sparsity, pruned)
        start_of_round = apply_masks(params, pruned.masks)
        params = retrain(start_of_round, pruned.masks)
        yield Round(sparsity, pruned, start_of_round, params)  # PRU-02


# ---- Where retraining starts from -----------------------------------------------------------------


class Snapshot(NamedTuple):
    """Parameters as they were after `step` updates of the run."""

    params: Params
    step: int


def take_snapshot(params: Params, step: int) -> Snapshot:
    """Return a snapshot that later training cannot change: a copy of every array."""
    return Snapshot({name: array.copy() for name, array in params.items()}, step)  # PRU-04


def fine_tune(run: Run, first: int = 0) -> Retrain:
    """Return the retraining that goes on from the masked parameters, at step `first` of its own run."""
    return lambda params, masks: run(params, masks, first)  # PRU-03


def rewind_weights(run: Run, snapshot: Snapshot) -> Retrain:
    """Return the retraining from the snapshot's values, at the snapshot's step [Frankle2019]."""
    return lambda params, masks: run(rewound(params, snapshot, masks), masks, snapshot.step)  # PRU-05


def rewind_learning_rate(run: Run, snapshot: Snapshot) -> Retrain:
    """Return the retraining from the masked parameters, at the snapshot's step [Renda2020]."""
    return lambda params, masks: run(params, masks, snapshot.step)  # PRU-06


def rewound(params: Params, snapshot: Snapshot, masks: Masks) -> dict[str, Array]:
    """Return every array as in the snapshot, then masked.

    Raises:
        InvalidInput: the snapshot is of other arrays.
    """
    shapes = {name: array.shape for name, array in params.items()}
    taken = {name: array.shape for name, array in snapshot.params.items()}
    if shapes != taken:
        raise InvalidInput("snapshot", f"arrays {taken}", f"arrays {shapes}")
    return apply_masks(snapshot.params, masks)  # PRU-05


# ---- Pruning while training -----------------------------------------------------------------------


@dataclass(frozen=True)
class GradualStep:
    """One update of a run that prunes as it trains; `pruned` is the selection in force after it."""

    step: Step
    pruned: Pruned | None


def prune_while_training(
    network: Network,
    params: Params,
    method: Method,
    schedule: Schedule,
    collect: Collect,
    x: Array,
    labels: Array,
    batches: Sequence[Array],
    optimiser: Optimiser,
    rate: Rate,
) -> Iterator[GradualStep]:
    """Yield one GradualStep for each batch; pruning happens after t updates for each t that fires [Zhu2017].

    The masks of step t hold from then on: the state that is yielded already has them applied.
    """
    fires = set(firing_steps(schedule, len(batches)))
    state, pruned = start(params, optimiser), None
    if 0 in fires:
        state, pruned = _fire(state, method, sparsity_at(schedule, 0), collect, pruned)
    for number, rows in enumerate(batches):
        masks = pruned.masks if pruned else {}
        loss, grads = loss_and_grads(network, state.params, x[rows], labels[rows])
        state = update(state, grads, optimiser, rate(number), masks)
        if number + 1 in fires:
            state, pruned = _fire(state, method, sparsity_at(schedule, number + 1), collect, pruned)  # PRU-07
        yield GradualStep(Step(loss, state), pruned)


def _fire(
    state: State, method: Method, sparsity: float, collect: Collect, within: Pruned | None
) -> tuple[State, Pruned]:
    pruned = prune(method, collect(state.params), sparsity, within)
    return mask_state(state, pruned.masks), pruned
