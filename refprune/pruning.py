"""The loop: evidence, score, select, mask, retrain; and where retraining starts from.

In: network, parameters, a method, sparsities, a way to collect evidence and a way to retrain.
Out: one Round after another.
Specification: docs/spec/pruning.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from refprune.arrays import Array, Masks, Params, Scores, apply_masks
from refprune.backprop import check_kept
from refprune.criteria import Criterion, Evidence, contribute
from refprune.errors import InvalidInput, check_integer
from refprune.granularity import Granularity
from refprune.network import Network
from refprune.schedules import Schedule, firing_steps, sparsity_at
from refprune.selection import Scope, Sparsity, select
from refprune.training import (
    Kept,
    Optimiser,
    Rate,
    State,
    Step,
    check_batches,
    check_run,
    mask_state,
    one_step,
    start,
    train,
)

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
    """Return the masks of one pruning step; what `within` removed stays removed.

    Raises:
        InvalidInput: a criterion and a granularity that cannot be combined, or what criterion, granularity and
            selection refuse.
    """
    check_levels(method, evidence.params)
    masks, how = within.masks if within else {}, method.granularity
    scores = how.reduce(contribute(method.criterion, evidence, masks))
    alive = within.unit_masks if within else None
    selection = select(scores, sparsity, method.scope, alive, how.min_kept, how.multiple)
    expanded = how.expand(selection.masks, evidence.params)
    return Pruned(scores, selection.masks, expanded, selection.short)  # PRU-01


def check_levels(method: Method, params: Params) -> None:
    """Refuse a criterion that speaks of units where entries are selected.

    A granularity of units has a mask for each of its groups, even where no array has one.
    """
    if method.criterion.level == "unit" and not method.granularity.collapse({}, params):  # PRU-10
        expected = "the granularity unit, of at least one group"
        raise InvalidInput(f"criterion {method.criterion.name}", "a granularity of entries", expected)


def iterate(
    params: Params, method: Method, sparsities: Iterable[Sparsity], collect: Collect, retrain: Retrain
) -> Iterator[Round]:
    """Yield one Round for each sparsity, each within the masks of the one before.

    The masks are applied to what `retrain` gets, and again to what it returns.
    """
    pruned: Pruned | None = None
    for sparsity in sparsities:
        pruned = prune(method, collect(params), sparsity, pruned)
        start_of_round = apply_masks(params, pruned.masks)
        params = apply_masks(retrain(start_of_round, pruned.masks), pruned.masks)
        yield Round(sparsity, pruned, start_of_round, params)  # PRU-02


class Snapshot(NamedTuple):
    """Parameters as they were after `step` updates of the run."""

    params: Params
    step: int


def take_snapshot(params: Params, step: int) -> Snapshot:
    """Return a snapshot that later training cannot change: a copy of every array."""
    check_integer("snapshot's step", step, least=0)  # PRU-10
    return Snapshot({name: array.copy() for name, array in params.items()}, step)  # PRU-04


def training_run(
    network: Network,
    x: Array,
    labels: Array,
    batches: Sequence[Array],
    optimiser: Optimiser,
    rate: Rate,
    kept: Kept | None = None,
) -> Run:
    """Return the run over these batches, from any step on, with a fresh optimiser each time."""
    return lambda params, masks, first: train(
        network, params, x, labels, batches, optimiser, rate, masks, first, kept
    )  # PRU-09


def fine_tune(run: Run, first: int = 0) -> Retrain:
    """Return the retraining that goes on from the masked parameters, at step `first` of its own run."""
    return lambda params, masks: run(params, masks, first)  # PRU-03


def rewind_weights(run: Run, snapshot: Snapshot) -> Retrain:
    """Return the retraining from the snapshot's values, at the snapshot's step [Frankle2019].

    With a snapshot of the trained parameters this is `fine_tune(run, snapshot.step)`.
    """
    return lambda params, masks: run(rewound(params, snapshot, masks), masks, snapshot.step)  # PRU-05, PRU-08


def rewind_learning_rate(run: Run, snapshot: Snapshot) -> Retrain:
    """Return the retraining from the masked parameters, at the snapshot's step [Renda2020]."""
    return lambda params, masks: run(params, masks, snapshot.step)  # PRU-06


def rewound(params: Params, snapshot: Snapshot, masks: Masks) -> dict[str, Array]:
    """Return every array as in the snapshot, then masked.

    Raises:
        InvalidInput: the snapshot is of other arrays.
    """
    expected = {name: (array.shape, array.dtype) for name, array in params.items()}
    taken = {name: (array.shape, array.dtype) for name, array in snapshot.params.items()}
    if expected != taken:
        raise InvalidInput("snapshot", f"arrays {taken}", f"arrays {expected}")  # PRU-10
    return apply_masks(snapshot.params, masks)  # PRU-05


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
    kept: Kept | None = None,
) -> Iterator[GradualStep]:
    """Return one GradualStep for each batch; pruning happens after t updates for each t that fires [Zhu2017].

    The masks of step t hold from then on: the state that is yielded already has them applied.

    Raises:
        InvalidInput: a schedule that ends after the run, a run without updates, a criterion and a granularity
            that cannot be combined, a batch that is none, examples or labels that do not fit; before any update.
    """
    if len(batches) == 0:  # PRU-10
        raise InvalidInput("batches", "none", "one update or more: what prunes before it is seen after it")
    fires = frozenset(firing_steps(schedule, len(batches)))
    check_levels(method, params)
    check_batches(x, labels, batches)
    shapes = check_run(network, params, x, labels, batches)

    def fire(state: State, step: int, pruned: Pruned | None) -> tuple[State, Pruned | None]:
        if step not in fires:
            return state, pruned
        now = prune(method, collect(state.params), sparsity_at(schedule, step), pruned)
        return mask_state(state, now.masks), now  # PRU-07

    def run() -> Iterator[GradualStep]:
        state, pruned = fire(start(params, optimiser), 0, None)
        for number, rows in enumerate(batches):
            masks = pruned.masks if pruned else {}
            left = kept(number) if kept else {}
            check_kept(network, shapes, len(rows), left)
            loss, state = one_step(network, state, x[rows], labels[rows], optimiser, rate(number), masks, left)
            state, pruned = fire(state, number + 1, pruned)
            yield GradualStep(Step(loss, state), pruned)

    return run()
