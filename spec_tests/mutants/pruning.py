"""Wrong loops and wrong rewinding."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refprune.arrays import apply_masks
from refprune.criteria import CRITERIA
from refprune.errors import InvalidInput
from refprune.granularity import element
from refprune.pruning import GradualStep, Pruned, Round, Snapshot
from refprune.schedules import firing_steps, sparsity_at
from refprune.selection import local
from refprune.training import Step, check_batches, mask_state, one_step, start, steps
from spec_tests.mutants.mutant import Mutant, original

PRUNING = "refprune.pruning"
PRUNE, ITERATE, SNAPSHOT, RUN, FINE, WEIGHTS, RATE, REWOUND, GRADUAL, LEVELS = (
    f"{PRUNING}.{name}"
    for name in (
        "prune", "iterate", "take_snapshot", "training_run", "fine_tune", "rewind_weights", "rewind_learning_rate",
        "rewound", "prune_while_training", "check_levels",
    )
)  # fmt: skip
_prune, _snapshot, _rewound, _gradual, _levels = (
    original(path) for path in (PRUNE, SNAPSHOT, REWOUND, GRADUAL, LEVELS)
)


# One step and rounds


def _by_method(change: Callable[[Any], Any]) -> dict[str, Any]:
    """Prune by another method than the one asked for."""
    return {PRUNE: lambda method, evidence, sparsity, within=None: _prune(change(method), evidence, sparsity, within)}


def _no_multiples(method: Any, *rest: Any) -> Any:
    """Leave out what the granularity says of multiples."""
    return _prune(method._replace(granularity=method.granularity._replace(multiple=1)), *rest)


def _weights_only(method: Any, evidence: Any, sparsity: Any, within: Any = None) -> Any:
    """Leave the biases of removed units where they are."""
    right = _prune(method, evidence, sparsity, within)
    masks = {name: mask for name, mask in right.masks.items() if name.endswith(".weight")}
    return Pruned(right.scores, right.unit_masks, masks, right.short)


def _not_within(method: Any, evidence: Any, sparsity: Any, within: Any = None) -> Any:
    return _prune(method, evidence, sparsity)


def _rounds(
    next_params: Callable[[Any, Any], Any], masked: Callable[[Any, Any], Any] = apply_masks
) -> Callable[..., Iterator[Round]]:
    """Return a loop that goes on from next_params(first parameters, retrained)."""

    def iterate(params: Any, method: Any, sparsities: Any, collect: Any, retrain: Any) -> Iterator[Round]:
        first, pruned = params, None
        for sparsity in sparsities:
            pruned = _prune(method, collect(params), sparsity, pruned)
            begun = masked(params, pruned.masks)
            retrained = retrain(begun, pruned.masks)
            yield Round(sparsity, pruned, begun, retrained)
            params = next_params(first, retrained)

    return iterate


# Retraining


def _unmasked_run(run: Any, first: int = 0) -> Any:
    """Retrain without the masks."""
    return lambda params, masks: run(params, {}, first)


def _from_zero(run: Any, snapshot: Any) -> Any:
    return lambda params, masks: run(_rewound(params, snapshot, masks), masks, 0)


def _rate_from_zero(run: Any, snapshot: Any) -> Any:
    return lambda params, masks: run(params, masks, 0)


def _weights_too(run: Any, snapshot: Any) -> Any:
    """Rewind the weights as well."""
    return lambda params, masks: run(_rewound(params, snapshot, masks), masks, snapshot.step)


def _one_step_on(run: Any, snapshot: Any) -> Any:
    """Go on with the step after the snapshot's."""
    return lambda params, masks: run(_rewound(params, snapshot, masks), masks, snapshot.step + 1)


def _in_place(params: Any, snapshot: Any, masks: Any) -> Any:
    """Hand out the snapshot's own arrays where nothing is masked."""
    return {**_rewound(params, snapshot, masks), **{n: w for n, w in snapshot.params.items() if n not in masks}}


def _not_at_all(params: Any, snapshot: Any, masks: Any) -> Any:
    return apply_masks(params, masks)


def _without_masks(params: Any, snapshot: Any, masks: Any) -> Any:
    return _rewound(params, snapshot, {})


def _weights_without_biases(params: Any, snapshot: Any, masks: Any) -> Any:
    right = _rewound(params, snapshot, masks)
    return {name: w if name.endswith(".weight") else apply_masks(params, masks)[name] for name, w in right.items()}


def _masked_arrays_only(params: Any, snapshot: Any, masks: Any) -> Any:
    """Rewind what is pruned, and nothing else."""
    right = _rewound(params, snapshot, masks)
    return {name: right[name] if name in masks else w.copy() for name, w in params.items()}


def _statistics_stay(params: Any, snapshot: Any, masks: Any) -> Any:
    """Rewind what gradients move."""
    right = _rewound(params, snapshot, masks)
    return {name: apply_masks(params, masks)[name] if ".running_" in name else w for name, w in right.items()}


def _nonzero_only(params: Any, snapshot: Any, masks: Any) -> Any:
    """Read the masks off the zeros of what was trained."""
    return {name: np.where(params[name] != 0, w, 0.0) for name, w in snapshot.params.items()}


def _anything(params: Any, snapshot: Any, masks: Any) -> Any:
    """Restore what the snapshot happens to have."""
    restored = {name: snapshot.params.get(name, w) for name, w in params.items()}
    return {name: np.where(masks[name], w, 0) if name in masks else w.copy() for name, w in restored.items()}


def _runs(change: Callable[..., tuple[Any, int]], *, early: int = 0) -> dict[str, Any]:
    """Return runs that begin with change(fresh state, first) -> (state, first), and drop as so many steps before."""

    def training_run(
        network: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any, kept: Any = None
    ) -> Any:
        def run(params: Any, masks: Any, first: int) -> Any:
            state, begin = change(start(params, optimiser, masks), first)
            left = kept and (lambda step: kept(step - early))
            for step in steps(network, state, x, labels, batches, optimiser, rate, masks, begin, left):
                state = step.state
            return state.params

        return run

    return {RUN: training_run}


def _counted_on(state: Any, first: int) -> tuple[Any, int]:
    """Let the optimiser count the steps of the run."""
    return type(state)(state.params, state.slots, first), first


def _carried() -> dict[str, Any]:
    """Return runs whose velocity is what the first batches would have left."""

    def training_run(
        network: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any, kept: Any = None
    ) -> Any:
        def run(params: Any, masks: Any, first: int) -> Any:
            state = fresh = start(params, optimiser, masks)
            for step in steps(network, fresh, x, labels, batches[:first], optimiser, rate, masks, 0, kept):
                state = step.state
            state = type(state)(fresh.params, state.slots, 0)
            for step in steps(network, state, x, labels, batches, optimiser, rate, masks, first, kept):
                state = step.state
            return state.params

        return run

    return {RUN: training_run}


# Pruning while training


def _loop(
    due: Callable[[int, set[int]], bool], *, mask: bool = True, hold: bool = True, late: int = 0
) -> dict[str, Any]:
    """Return the loop that fires where due(step, firing steps) says; unmasked until the next update, or once.

    Its dropout masks are those of so many steps later.
    """

    def prune_while_training(
        network: Any, params: Any, method: Any, schedule: Any, collect: Any, x: Any, labels: Any, batches: Any,
        optimiser: Any, rate: Any, kept: Any = None,
    ) -> Iterator[GradualStep]:  # fmt: skip
        fires, state = set(firing_steps(schedule, len(batches))), start(params, optimiser)
        pruned: Pruned | None = None
        for number in range(len(batches) + 1):
            if number:
                rows = batches[number - 1]
                masks: Any = pruned.masks if pruned and hold else {}
                left = kept(number - 1 + late) if kept else {}
                loss, state = one_step(network, state, x[rows], labels[rows], optimiser, rate(number - 1), masks, left)
            if due(number, fires):
                pruned = _prune(method, collect(state.params), sparsity_at(schedule, number), pruned)
                state = mask_state(state, pruned.masks) if mask else state
            if number:
                yield GradualStep(Step(loss, state), pruned)

    return {GRADUAL: prune_while_training}


def _begun(*checks: Callable[[Any, Any, Any, Any], object]) -> dict[str, Any]:
    """Return the right loop behind these checks of (method, params, schedule, batches), whatever else is wrong."""
    loop = _loop(lambda step, fires: step in fires)[GRADUAL]

    def prune_while_training(
        network: Any, params: Any, method: Any, schedule: Any, collect: Any, x: Any, labels: Any, batches: Any,
        *rest: Any,
    ) -> Iterator[GradualStep]:  # fmt: skip
        check_batches(x, labels, batches)
        for check in checks:
            check(method, params, schedule, batches)
        right: Iterator[GradualStep] = loop(network, params, method, schedule, collect, x, labels, batches, *rest)
        return right

    return {GRADUAL: prune_while_training}


def _fits(method: Any, params: Any, schedule: Any, batches: Any) -> None:
    """Require a schedule that ends within the run."""
    firing_steps(schedule, len(batches))


def _combines(method: Any, params: Any, schedule: Any, batches: Any) -> None:
    """Require a criterion that goes with the granularity."""
    _levels(method, params)


def _updates(method: Any, params: Any, schedule: Any, batches: Any) -> None:
    """Require an update."""
    if not len(batches):
        raise InvalidInput("batches", "none", "one or more")


MUTANTS = (
    Mutant(
        "criterion ignored",
        "PRU-01",
        "magnitude whatever is asked",
        _by_method(lambda method: method._replace(criterion=CRITERIA["magnitude"])),
    ),
    Mutant(
        "granularity ignored",
        "PRU-01",
        "entries whatever is asked",
        _by_method(lambda method: method._replace(granularity=element())),
    ),
    Mutant(
        "scope ignored",
        "PRU-01",
        "every tensor for itself",
        _by_method(lambda method: method._replace(scope=local)),
    ),
    Mutant(
        "no unit reserved",
        "PRU-01",
        "M48: the reserve of the granularity is not handed on",
        _by_method(lambda method: method._replace(granularity=method.granularity._replace(min_kept=0))),
    ),
    Mutant("multiples forgotten", "PRU-01", "M47: rounding is skipped silently", {PRUNE: _no_multiples}),
    Mutant("biases of removed units stay", "PRU-01", "the mask of the weight only", {PRUNE: _weights_only}),
    Mutant("rounds not nested", "PRU-02", "M19: earlier masks ignored; NNI, torch.ao", {PRUNE: _not_within}),
    Mutant(
        "rounds from the start",
        "PRU-02",
        "what retraining found is thrown away",
        {ITERATE: _rounds(lambda first, retrained: first)},
    ),
    Mutant(
        "retraining starts dense",
        "PRU-02",
        "M57: masks not applied before retraining",
        {ITERATE: _rounds(lambda first, retrained: retrained, lambda params, masks: dict(params))},
    ),
    Mutant(
        "retrained not masked",
        "PRU-02",
        "M57: what retraining brings back stays",
        {ITERATE: _rounds(lambda first, retrained: retrained)},
    ),
    Mutant("fine-tuning without masks", "PRU-03", "M57: not in retraining", {FINE: _unmasked_run}),
    Mutant(
        "fine-tuning from the start",
        "PRU-03",
        "the given step is ignored",
        {FINE: lambda run, first=0: lambda params, masks: run(params, masks, 0)},
    ),
    Mutant(
        "snapshot aliased",
        "PRU-04",
        "M69: BERT-Tickets",
        {SNAPSHOT: lambda params, step: Snapshot(dict(params), step)},
    ),
    Mutant("rewound aliases the snapshot", "PRU-04", "M69: the first retraining writes into it", {REWOUND: _in_place}),
    Mutant("nothing rewound", "PRU-05", "M70: Lightning", {REWOUND: _not_at_all}),
    Mutant("masks rewound too", "PRU-05", "M70: the rewound network is dense", {REWOUND: _without_masks}),
    Mutant("biases not rewound", "PRU-05", "M71: only the weights", {REWOUND: _weights_without_biases}),
    Mutant("masked arrays only", "PRU-05", "M71: only what is pruned is rewound", {REWOUND: _masked_arrays_only}),
    Mutant("statistics not rewound", "PRU-05", "M71: only what gradients move", {REWOUND: _statistics_stay}),
    Mutant("masks read off zeros", "PRU-05", "M58: mask from w == 0", {REWOUND: _nonzero_only}),
    Mutant("weights rewound with the rate", "PRU-06", "the other rewinding", {RATE: _weights_too}),
    Mutant("rate rewound to the start", "PRU-06", "M71: step 0, not the snapshot's", {RATE: _rate_from_zero}),
    Mutant("fires one step early", "PRU-07", "M61: t + 1", _loop(lambda step, fires: step + 1 in fires)),
    Mutant(
        "never before the first update",
        "PRU-07",
        "M63: TFMOT",
        _loop(lambda step, fires: step > 0 and step in fires),
    ),
    Mutant(
        "masked with the next update",
        "PRU-07",
        "M56: stale until then",
        _loop(lambda s, fires: s in fires, mask=False),
    ),
    Mutant(
        "masked once in the run",
        "PRU-07",
        "M57: not after the firing",
        _loop(lambda s, fires: s in fires, hold=False),
    ),
    Mutant(
        "fires at every step",
        "PRU-07",
        "masks made again all the time",
        _loop(lambda step, fires: step >= min(fires)),
    ),
    Mutant(
        "dropout of the next step",
        "PRU-07",
        "M61: steps counted from 1",
        _loop(lambda step, fires: step in fires, late=1),
    ),
    Mutant("rewound to step 0", "PRU-08", "M71: batches and rates from the start", {WEIGHTS: _from_zero}),
    Mutant("one step after the snapshot", "PRU-08", "M61: the snapshot's batch is skipped", {WEIGHTS: _one_step_on}),
    Mutant(
        "run from the first batch",
        "PRU-09",
        "M71: rewinding restarts the run",
        _runs(lambda state, first: (state, 0)),
    ),
    Mutant(
        "optimiser counts the run's steps",
        "PRU-09",
        "M71: bias correction of an old optimiser",
        _runs(_counted_on),
    ),
    Mutant(
        "dropout of the step before",
        "PRU-09",
        "M61: t - 1",
        _runs(lambda state, first: (state, first), early=1),
    ),
    Mutant("memory carried over", "PRU-09", "M71: optimiser not rewound", _carried()),
    Mutant("levels checked when it fires", "PRU-10", "half of the run is over", _begun(_fits, _updates)),
    Mutant("empty run pruned", "PRU-10", "it prunes at 0 and shows nothing", _begun(_fits, _combines)),
    Mutant("levels not checked", "PRU-10", "gates taken for rows", {LEVELS: lambda method, params: None}),
    Mutant("other arrays accepted", "PRU-10", "M23: rewound in part", {REWOUND: _anything}),
    Mutant(
        "late schedule accepted",
        "PRU-10",
        "M63: the run ends before the schedule",
        {"refprune.schedules.firing_steps": lambda schedule, steps: (schedule.end,)},
    ),
)
