"""Training: optimisers as coordinatewise formulas, and masked training.

In: network, parameters, batches as data, an optimiser, a learning rate by step, masks.
Out: the state after every update, in which every removed entry, and its optimiser state, is 0.
Specification: docs/spec/training.md.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from numbers import Real
from typing import NamedTuple

import numpy as np

from refprune.arrays import Array, Grads, Mask, Masks, Params, apply_masks, check_masks, learned, masked
from refprune.backprop import check_examples, check_kept, check_normalised, trace_checked
from refprune.errors import InvalidInput, check_integer
from refprune.network import Network, Shape

Slots = tuple[Array, ...]
"""An optimiser's memory of one parameter: arrays of its shape, zero at the start."""
Formula = Callable[[Array, Array, Slots, float, int], tuple[Array, Slots]]
"""(w, gradient, slots, learning rate, update number from 1) -> (new w, new slots), all of them new arrays."""
Rate = Callable[[int], float]
"""Step, counted from 0 -> learning rate of that step's update."""
Kept = Callable[[int], Masks]
"""Step -> for every dropout node what it leaves of that step's batch, (m, ...) bool."""


class Optimiser(NamedTuple):
    """How many slots each parameter has, and the formula of one update, coordinate by coordinate."""

    slots: int
    formula: Formula


def _number(what: str, value: object, least: float = 0.0, below: float = inf) -> float:
    """Return a hyper-parameter as a Python float: a NumPy float64 scalar would widen float32 arrays.

    Raises:
        InvalidInput: no real number in [least, below); a bool and NaN are none.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= value < below:  # type: ignore[operator]  # every Real compares
        raise InvalidInput(what, repr(value), f"a number in [{least:g}, {below:g})")  # TRN-13
    return float(value)  # TRN-11


def sgd(momentum: float = 0.0, *, nesterov: bool = False, weight_decay: float = 0.0) -> Optimiser:
    """Return stochastic gradient descent with (Nesterov) momentum and L2 decay.

    `d = g + decay w; v' = mu v + d; w' = w - rate v'`, or with Nesterov `w' = w - rate (d + mu v')`.
    """
    momentum, weight_decay = _number("momentum", momentum, below=1), _number("weight decay", weight_decay)

    def formula(w: Array, g: Array, slots: Slots, rate: float, update: int) -> tuple[Array, Slots]:  # noqa: ARG001  the formula of every optimiser has the same arguments
        decayed = g + weight_decay * w if weight_decay else g  # TRN-04
        velocity = momentum * slots[0] + decayed  # TRN-01
        direction = decayed + momentum * velocity if nesterov else velocity  # TRN-02
        move = np.asarray(-rate * direction)
        return np.add(w, move, out=move), (velocity,)  # into `move`: no third array of this size, 5 % of a step

    return Optimiser(1, formula)


def adam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> Optimiser:
    """Return Adam with L2 decay in the gradient [Kingma2015].

    `d = g + decay w; m' = b1 m + (1 - b1) d; u' = b2 u + (1 - b2) d^2;
    w' = w - rate (m' / (1 - b1^t)) / (sqrt(u' / (1 - b2^t)) + eps)`.
    """
    beta1, beta2 = _number("beta1", beta1, below=1), _number("beta2", beta2, below=1)
    eps, weight_decay = _number("eps", eps, least=sys.float_info.min), _number("weight decay", weight_decay)

    def formula(w: Array, g: Array, slots: Slots, rate: float, update: int) -> tuple[Array, Slots]:
        decayed = g + weight_decay * w if weight_decay else g  # TRN-04
        first = beta1 * slots[0] + (1 - beta1) * decayed
        second = beta2 * slots[1] + (1 - beta2) * decayed**2
        root = np.sqrt(second / (1 - beta2**update)) + eps
        return w - rate * (first / (1 - beta1**update)) / root, (first, second)  # TRN-03

    return Optimiser(2, formula)


def adamw(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.01) -> Optimiser:
    """Return Adam with decoupled decay, which comes first: `w <- w (1 - rate decay)` [Loshchilov2019]."""
    plain = adam(beta1, beta2, eps)
    weight_decay = _number("weight decay", weight_decay)

    def formula(w: Array, g: Array, slots: Slots, rate: float, update: int) -> tuple[Array, Slots]:
        return plain.formula(w * (1 - rate * weight_decay), g, slots, rate, update)  # TRN-05

    return Optimiser(2, formula)


def constant(rate: float) -> Rate:
    """Return the learning rate that never changes."""
    rate = _number("learning rate", rate)
    return lambda step: rate  # noqa: ARG005  a rate is a function of the step


def step_decay(rate: float, drops: Sequence[int], factor: float = 0.1) -> Rate:
    """Return the learning rate that is multiplied by `factor` from each of the steps `drops` on."""
    rate, factor, drops = _number("learning rate", rate), _number("factor", factor), tuple(drops)
    for drop in drops:
        check_integer("drop of the learning rate", drop, least=0)
    return lambda step: rate * factor ** sum(step >= drop for drop in drops)  # TRN-16


@dataclass(frozen=True)
class State:
    """Parameters and what the optimiser remembers of each; every removed entry of both is 0."""

    params: Params
    slots: dict[str, Slots]
    updates: int = 0
    """The optimiser's own count, t of Adam's bias correction: 0 for a fresh one, whatever the step of the run."""


def start(params: Params, optimiser: Optimiser, masks: Masks | None = None) -> State:
    """Return the state before the first update: masks applied, memory zero, no update done.

    Args:
        params: where training starts; copied, so that later updates do not reach them.
        optimiser: how many slots of memory each parameter gets.
        masks: what is removed from the start.

    Raises:
        InvalidInput: masks that do not fit.
    """
    params = apply_masks(params, masks or {})  # TRN-12, TRN-14
    slots = {name: tuple(np.zeros_like(w) for _ in range(optimiser.slots)) for name, w in learned(params).items()}
    return State(params, slots)


def mask_state(state: State, masks: Masks) -> State:
    """Return the state with removed parameters AND their memory +0.0; nothing else changes.

    Called before the first update, and whenever pruning happens in mid-run.
    """
    check_masks(masks, state.params)
    slots = {
        name: tuple(masked(slot, masks[name]) for slot in own) if name in masks else own
        for name, own in state.slots.items()
    }  # TRN-07
    params = {name: masked(w, masks[name]) if name in masks else w for name, w in state.params.items()}  # TRN-15
    return State(params, slots, state.updates)  # TRN-06, TRN-08, TRN-10


def update(state: State, grads: Grads, optimiser: Optimiser, rate: float, masks: Masks) -> State:
    """Return the state after one update; kept coordinates move as if the others did not exist.

    Running statistics stay as they are: no gradient moves them.

    Raises:
        InvalidInput: gradients that are not keyed, shaped and typed as the parameters, a state of another
            optimiser, a learning rate that is none, masks that do not fit, a formula that changes shape or dtype.
    """
    _check_update(state, grads, optimiser)
    check_masks(masks, state.params)
    rate, count = _number("learning rate", rate), state.updates + 1
    params, slots = dict(state.params), {}
    for name, w in learned(state.params).items():
        given, mask = (w, grads[name], *state.slots[name]), masks.get(name)
        moved, memory = optimiser.formula(w, grads[name], state.slots[name], rate, count)  # TRN-08
        params[name] = _settled(name, moved, mask, given)  # TRN-06
        slots[name] = tuple(_settled(name, slot, mask, given) for slot in memory)  # TRN-07
    return State(params, slots, count)


def _settled(name: str, array: Array, mask: Mask | None, given: tuple[Array, ...]) -> Array:
    """Return an array that a formula has made, masked: in place where it is the formula's own, 10 % of a step.

    Raises:
        InvalidInput: its shape or dtype is not the parameter's.
    """
    array = np.asarray(array)  # a formula makes a number of an array of shape ()
    if (array.shape, array.dtype) != (given[0].shape, given[0].dtype):  # TRN-11
        expected = f"{given[0].dtype} of shape {given[0].shape}"
        raise InvalidInput(f"update of {name!r}", f"{array.dtype} of shape {array.shape}", expected)
    if mask is None:
        return array
    shared = any(np.may_share_memory(array, old) for old in given)
    return masked(array, mask, out=None if shared else array)  # TRN-12, TRN-15


def _check_update(state: State, grads: Grads, optimiser: Optimiser) -> None:
    expected = {name: (w.shape, w.dtype) for name, w in learned(state.params).items()}
    got = {name: (g.shape, g.dtype) for name, g in grads.items()}
    if got != expected:
        raise InvalidInput("gradients", f"arrays {got}", f"arrays {expected}")  # TRN-13
    for name in expected:
        count = len(state.slots.get(name, ()))
        if count != optimiser.slots:
            raise InvalidInput(f"state of {name!r}", f"{count} slots", f"the optimiser's {optimiser.slots}")


class Step(NamedTuple):
    """One update: the loss before it and the state after it."""

    loss: float
    state: State


def one_step(
    network: Network,
    state: State,
    x: Array,
    labels: Array,
    optimiser: Optimiser,
    rate: float,
    masks: Masks,
    kept: Masks | None = None,
) -> Step:
    """Return one update on the batch x (N, ...) with labels (N,), which have passed `check_examples`.

    The running statistics become those after the batch; `kept` has the masks of the dropouts.
    """
    passed = trace_checked(network, state.params, x, labels, kept or {})  # BAC-08, TRN-18: the state is masked
    moved = update(state, passed.grads, optimiser, rate, masks)
    statistics = {name: masked(array, masks.get(name)) for name, array in passed.statistics.items()}  # TRN-06
    return Step(passed.loss, replace(moved, params={**moved.params, **statistics}))  # TRN-17


def steps(
    network: Network,
    state: State,
    x: Array,
    labels: Array,
    batches: Sequence[Array],
    optimiser: Optimiser,
    rate: Rate,
    masks: Masks | None = None,
    first: int = 0,
    kept: Kept | None = None,
) -> Iterator[Step]:
    """Return one Step for each batch from batch `first` on; the step's number also gives its learning rate.

    Args:
        network: what is trained.
        state: where it starts; `start(params, optimiser, masks)` for a fresh optimiser. The masks are
            applied to it before the first forward.
        x: all examples (n, ...).
        labels: their classes (n,).
        batches: index arrays into x, one for each step of the whole run.
        optimiser: one formula for all parameters.
        rate: learning rate by step.
        masks: what stays removed.
        first: the step the run goes on from.
        kept: the masks of the network's dropouts, asked for once a step.

    Raises:
        InvalidInput: `first` outside the run, a batch that is none, masks that do not fit, examples or labels
            (those that no batch takes among them) that the network cannot be trained on; before any update.
            Masks of dropouts that do not fit, at their step.
    """
    first = check_integer("first", first, least=0)
    if first > len(batches):
        raise InvalidInput("first", first, f"a step in [0, {len(batches)}]")
    check_batches(x, labels, batches)
    shapes = check_run(network, state.params, x, labels, batches[first:])
    if not callable(rate):
        raise InvalidInput("rate", repr(rate), "a function of the step, such as constant(0.1)")

    def run(state: State) -> Iterator[Step]:
        for number in range(first, len(batches)):  # TRN-09
            rows, left = batches[number], kept(number) if kept else {}
            check_kept(network, shapes, len(rows), left)
            step = one_step(network, state, x[rows], labels[rows], optimiser, rate(number), masks or {}, left)
            state = step.state
            yield step

    return run(mask_state(state, masks or {}))  # TRN-06, TRN-14


def check_run(network: Network, params: Params, x: Array, labels: Array, batches: Sequence[Array]) -> dict[str, Shape]:
    """Refuse examples, labels and sizes of batches that the network cannot be trained on; return all shapes."""
    if len(batches) == 0:
        return {}
    shapes = check_examples(network, params, x, labels)
    check_normalised(network, shapes, min(map(len, batches)))
    return shapes


def check_batches(x: Array, labels: Array, batches: Sequence[Array]) -> None:
    """Refuse batches that are not non-empty index arrays into x and its labels."""
    for what, array in (("x", x), ("labels", labels)):
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            raise InvalidInput(what, type(array).__name__, "a NumPy array with an entry for each example")
    if len(labels) != len(x):
        raise InvalidInput("labels", f"{len(labels)} labels", f"one for each of {len(x)} examples")
    for place, rows in enumerate(batches):
        integers = isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "iu" and rows.size > 0
        if not integers or rows.min() < 0 or rows.max() >= len(x):  # TRN-13
            raise InvalidInput(f"batch {place}", rows, f"integers (m,), m >= 1, in [0, {len(x)})")


def train(
    network: Network,
    params: Params,
    x: Array,
    labels: Array,
    batches: Sequence[Array],
    optimiser: Optimiser,
    rate: Rate,
    masks: Masks | None = None,
    first: int = 0,
    kept: Kept | None = None,
) -> Params:
    """Return the parameters after all steps from `first` on, with a fresh optimiser.

    Args:
        network: what is trained.
        params: where it starts; they stay as they are.
        x: all examples (n, ...).
        labels: their classes (n,).
        batches: index arrays into x, one for each step of the whole run.
        optimiser: one formula for all parameters.
        rate: learning rate by step.
        masks: what stays removed, from before the first forward on.
        first: the step the run goes on from.
        kept: the masks of the network's dropouts, asked for once a step.

    Raises:
        InvalidInput: what `start` and `steps` refuse; before any update, masks of dropouts apart.
    """
    state = start(params, optimiser, masks)  # PRU-09
    for step in steps(network, state, x, labels, batches, optimiser, rate, masks, first, kept):
        state = step.state
    return state.params
