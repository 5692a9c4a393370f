"""Wrong training."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refprune.backprop import loss_and_grads
from refprune.training import Optimiser, State
from spec_tests.adapter import TrainCase, TrainStep
from spec_tests.backends.reference import Reference, _optimiser
from spec_tests.mutants.mutant import Mutant, original

TRAINING = "refprune.training"
SGD, ADAM, ADAMW, UPDATE, MASK, START, STEPS, NUMBER, DROPS = (
    f"{TRAINING}.{name}"
    for name in ("sgd", "adam", "adamw", "update", "mask_state", "start", "steps", "_number", "step_decay")
)
_adam, _update, _mask, _start, _steps = (original(path) for path in (ADAM, UPDATE, MASK, START, STEPS))
_check_update, _check_batches, _check_examples = (
    original(f"{TRAINING}.{name}") for name in ("_check_update", "check_batches", "check_examples")
)
MASKED = "refprune.arrays.masked"
ONE, TRAIN = f"{TRAINING}.one_step", f"{TRAINING}.train"
_one_step, _train, _step_decay = original(ONE), original(TRAIN), original(DROPS)


# Formulas


def _sgd(rule: Callable[..., tuple[Any, Any]]) -> dict[str, Any]:
    """Return SGD with this rule: (w, g, v, rate, mu, decay, nesterov) -> (new w, new v)."""

    def sgd(momentum: float = 0.0, *, nesterov: bool = False, weight_decay: float = 0.0) -> Optimiser:
        def formula(w: Any, g: Any, slots: Any, rate: float, update: int) -> Any:
            moved, velocity = rule(w, g, slots[0], rate, momentum, weight_decay, nesterov)
            return moved, (velocity,)

        return Optimiser(1, formula)

    return {SGD: sgd}


def _dampened(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    v = mu * v + (1 - mu) * (g + decay * w)
    return w - rate * v, v


def _velocity_before(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Move along the velocity of the update before."""
    return w - rate * v, mu * v + g + decay * w


def _plain(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Do not look ahead."""
    v = mu * v + g + decay * w
    return w - rate * v, v


def _looks_back(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Look ahead along the old velocity."""
    d = g + decay * w
    return w - rate * (d + mu * v), mu * v + d


def _growing(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Subtract the decay."""
    d = g - decay * w
    v = mu * v + d
    return w - rate * (d + mu * v if nesterov else v), v


def _decay_beside(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Keep the decay out of the velocity, and of the rate."""
    v = mu * v + g
    return w * (1 - decay) - rate * (g + mu * v if nesterov else v), v


def _moments(step: Callable[..., Any]) -> Callable[..., Optimiser]:
    """Return Adam with this step: (m, u, eps, b1^t, b2^t) -> what the rate multiplies."""

    def adam(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> Optimiser:
        def formula(w: Any, g: Any, slots: Any, rate: float, update: int) -> Any:
            d = g + weight_decay * w
            first = beta1 * slots[0] + (1 - beta1) * d
            second = beta2 * slots[1] + (1 - beta2) * d**2
            return w - rate * step(first, second, eps, beta1**update, beta2**update), (first, second)

        return Optimiser(2, formula)

    return adam


def _eps_inside(first: Any, second: Any, eps: float, power1: float, power2: float) -> Any:
    return first / (1 - power1) / np.sqrt(second / (1 - power2) + eps)


def _uncorrected(first: Any, second: Any, eps: float, power1: float, power2: float) -> Any:
    return first / (np.sqrt(second) + eps)


def _eps_first(first: Any, second: Any, eps: float, power1: float, power2: float) -> Any:
    """Add eps to the uncorrected root."""
    return first * np.sqrt(1 - power2) / (1 - power1) / (np.sqrt(second) + eps)


def _half_corrected(first: Any, second: Any, eps: float, power1: float, power2: float) -> Any:
    """Correct the second moment only."""
    return first / (np.sqrt(second / (1 - power2)) + eps)


def _decoupled(change: Callable[..., Any]) -> Callable[..., Optimiser]:
    """Return AdamW with this rule: (w, Adam's formula from w, rate, decay) -> (new w, slots)."""

    def adamw(beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.01) -> Optimiser:
        plain = _adam(beta1, beta2, eps)

        def formula(w: Any, g: Any, slots: Any, rate: float, update: int) -> Any:
            return change(w, lambda start: plain.formula(start, g, slots, rate, update), rate, weight_decay)

        return Optimiser(2, formula)

    return adamw


def _decay_first(w: Any, move: Any, rate: float, decay: float) -> Any:
    """Decay as AdamW does."""
    return move(w * (1 - rate * decay))


def _decay_last(w: Any, move: Any, rate: float, decay: float) -> Any:
    moved, slots = move(w)
    return moved * (1 - rate * decay), slots


# The loop


def _unchanged(params: Any, masks: Any) -> Any:
    return params


@dataclass(frozen=True)
class Loop(Reference):
    """The reference's run with its steps laid open; as it stands it is right."""

    prune: Callable[..., Any] = _mask
    update: Callable[..., Any] = _update
    read: Callable[..., Any] = _unchanged
    used: Callable[..., Any] = _unchanged

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Update, and prune after `prune_at` updates."""
        optimiser = _optimiser(case.optimiser)
        masks: dict[str, Any] = {}
        state = _start(case.params, optimiser)
        seen = []
        for number in range(len(case.batches) + 1):
            if number:
                rows, used = case.batches[number - 1], self.used(state.params, masks)
                _, grads = loss_and_grads(case.network, used, case.x[rows], case.labels[rows])
                state = self.update(state, grads, optimiser, case.optimiser.rate, masks)
            if number == case.prune_at:
                masks = dict(case.masks)
                state = self.prune(state, masks)
            seen.append(TrainStep(self.read(state.params, masks), self.used(state.params, masks)))
        return seen[1:]


def _zeroed(params: Mapping[str, Any], masks: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.where(masks[name], w, w.dtype.type(0)) if name in masks else w for name, w in params.items()}


def _params_only(state: Any, masks: Any) -> Any:
    """Leave the memory alone."""
    return State(_zeroed(state.params, masks), state.slots, state.updates)


def _gradient_only(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Mask the gradient, and nothing else."""
    return _update(state, _zeroed(grads, masks), optimiser, rate, {})


def _without_masks(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    return _update(state, grads, optimiser, rate, {})


def _mask_before(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Mask weights and memory before the update, not after it."""
    return _update(_mask(state, masks), grads, optimiser, rate, {})


def _weights_only(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Leave biases alone: they are never pruned, are they?"""
    return _update(state, grads, optimiser, rate, {name: mask for name, mask in masks.items() if mask.ndim > 1})


def _moved(by: int) -> type[Reference]:
    """Return a backend that prunes this many updates late."""

    class Moved(Reference):
        def train(self, case: TrainCase) -> Sequence[TrainStep]:
            return super().train(replace(case, prune_at=min(max(case.prune_at + by, 0), len(case.batches))))

    return Moved


class _OtherBiases(Reference):
    """Compute with biases a hair off those that are read."""

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        return [
            TrainStep(step.read, {name: w + 1e-9 if name.endswith("bias") else w for name, w in step.used.items()})
            for step in super().train(case)
        ]


class _Stale(Reference):
    """Put together what is read in the forward pass: kept entries are those of before the update until then."""

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        steps = super().train(case)
        before = [case.params, *(step.used for step in steps)]
        masks = [case.masks if number >= case.prune_at else {} for number in range(1, len(steps) + 1)]
        return [
            TrainStep(_zeroed(read, mask) if mask else step.used, step.used)
            for read, mask, step in zip(before, masks, steps, strict=False)
        ]


def _first_slots_checked(state: Any, grads: Any, optimiser: Any) -> None:
    """Look at the memory of the first parameter only."""
    first = next(iter(state.params))
    _check_update(State({first: state.params[first]}, state.slots), {first: grads[first]}, optimiser)


def _as_arrays(x: Any, labels: Any, batches: Any) -> None:
    """Check what lists would be as arrays, and index the lists."""
    _check_batches(np.atleast_1d(x), np.atleast_1d(labels), batches)


def _unknown_masks_ignored(state: Any, grads: Any, optimiser: Any, rate: Any, masks: Any) -> Any:
    """Take the masks of the parameters there are."""
    known = {name: mask for name, mask in masks.items() if name in state.params}
    return _update(state, grads, optimiser, rate, known)


def _arrays_checked(network: Any, params: Any, x: Any, labels: Any) -> None:
    """Check what lists would be as arrays."""
    _check_examples(network, params, np.atleast_1d(x), np.atleast_1d(labels))


def _fresh(state: Any, masks: Any) -> Any:
    """Start the optimiser again at pruning."""
    slots = {name: tuple(np.zeros_like(slot) for slot in own) for name, own in state.slots.items()}
    return _mask(State(state.params, slots, state.updates), masks)


def _count_again(state: Any, masks: Any) -> Any:
    return replace(_mask(state, masks), updates=0)


def _frozen_zeros(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Read what is removed off the zeros of the moment."""
    zeros = {name: w != 0 for name, w in state.params.items()}
    return _mask(_update(state, grads, optimiser, rate, masks), zeros)


def _shrunk(state: Any, masks: Any) -> Any:
    """Scale what is kept, as dropout does."""
    pruned = _mask(state, masks)
    scaled = {name: w / 0.5 if name in masks else w for name, w in pruned.params.items()}
    return replace(pruned, params=scaled)


def _in_place(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Write the new values into the old arrays."""
    after = _update(state, grads, optimiser, rate, masks)
    for name, w in after.params.items():
        state.params[name][...] = w
    return replace(after, params=state.params)


def _start_uncopied(params: Any, optimiser: Any, masks: Any = None) -> Any:
    return replace(_start(params, optimiser, masks), params=dict(params))


# Order, types, refusals


def _reordered(change: Callable[..., Any]) -> dict[str, Any]:
    def steps(network: Any, state: Any, x: Any, labels: Any, batches: Any, *rest: Any, **named: Any) -> Any:
        return _steps(network, state, x, labels, change(batches), *rest, **named)

    return {STEPS: steps}


def _rated(change: Callable[..., Any]) -> dict[str, Any]:
    """Return steps whose rate is change(rate, first)."""

    def steps(
        network: Any, state: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any,
        masks: Any = None, first: int = 0, kept: Any = None,
    ) -> Any:  # fmt: skip
        return _steps(network, state, x, labels, batches, optimiser, change(rate, first), masks, first, kept)

    return {STEPS: steps}


def _drops(rule: Callable[..., float]) -> dict[str, Any]:
    return {
        DROPS: lambda rate, drops, factor=0.1: (
            lambda step: rate * rule(factor, sum(step >= d for d in drops), sum(step > d for d in drops))
        )
    }


def _drops_of(change: Callable[..., Any]) -> dict[str, Any]:
    """Return the right rates of other drops."""
    return {DROPS: lambda rate, drops, factor=0.1: _step_decay(rate, change(drops), factor)}


_IN_PLACE = {UPDATE: _in_place}


def _old_statistics(network: Any, state: Any, x: Any, labels: Any, optimiser: Any, rate: Any, *rest: Any) -> Any:
    """Keep the statistics of before the batch."""
    step = _one_step(network, state, x, labels, optimiser, rate, *rest)
    old = {name: w for name, w in state.params.items() if name.endswith(("_mean", "_var"))}
    return step._replace(state=replace(step.state, params={**step.state.params, **old}))


def _unmasked_statistics(network: Any, state: Any, x: Any, labels: Any, optimiser: Any, rate: Any, *rest: Any) -> Any:
    """Let the statistics of a batch come back under a mask."""
    right = _one_step(network, state, x, labels, optimiser, rate, {}, *rest[1:])
    step = _one_step(network, state, x, labels, optimiser, rate, *rest)
    back = {name: w for name, w in right.state.params.items() if name.endswith(("_mean", "_var"))}
    return step._replace(state=replace(step.state, params={**step.state.params, **back}))


def _decayed_statistics(network: Any, state: Any, x: Any, labels: Any, optimiser: Any, rate: Any, *rest: Any) -> Any:
    """Let the optimiser move the statistics too: no gradient, but weight decay."""
    step = _one_step(network, state, x, labels, optimiser, rate, *rest)
    moved = {
        name: optimiser.formula(w, np.zeros_like(w), (np.zeros_like(w),) * optimiser.slots, rate, 1)[0]
        for name, w in step.state.params.items()
        if name.endswith(("_mean", "_var"))
    }
    return step._replace(state=replace(step.state, params={**step.state.params, **moved}))


def _remembered_statistics(params: Any, optimiser: Any, masks: Any = None) -> Any:
    """Give every array memory."""
    state = _start(params, optimiser, masks)
    slots = {name: (np.zeros_like(w),) * optimiser.slots for name, w in params.items()}
    return replace(state, slots={**slots, **state.slots})


def _first_dropout(*run: Any, kept: Any = None, **named: Any) -> Any:
    """Drop the same in every step."""
    return _train(*run, kept=kept and (lambda step: kept(0)), **named)


def _first_dropout_in_steps(
    network: Any, state: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any, masks: Any = None,
    first: int = 0, kept: Any = None,
) -> Any:  # fmt: skip
    """Drop in every step what the first one drops."""
    again = kept and (lambda step: kept(0))
    return _steps(network, state, x, labels, batches, optimiser, rate, masks, first, again)


def _first_slot_cleared(state: Any, masks: Any) -> Any:
    """Clear the first memory of removed entries, and leave the second."""
    right = _mask(state, masks)
    slots: dict[str, Any] = dict(right.slots)
    return replace(right, slots={name: (*own[:1], *state.slots[name][1:]) for name, own in slots.items()})


def _first_slot_held(state: Any, grads: Any, optimiser: Any, rate: float, masks: Any) -> Any:
    """Hold the first memory of removed entries at 0, and let the second grow."""
    right = _update(state, grads, optimiser, rate, masks)
    dense = _update(state, grads, optimiser, rate, {})
    slots: dict[str, Any] = dict(right.slots)
    return replace(right, slots={name: (*own[:1], *dense.slots[name][1:]) for name, own in slots.items()})


def _biases_spared(w: Any, g: Any, v: Any, rate: float, mu: float, decay: float, nesterov: bool) -> Any:  # noqa: FBT001
    """Let weights decay alone."""
    d = g + decay * w if w.ndim > 1 else g
    v = mu * v + d
    return w - rate * (d + mu * v if nesterov else v), v


def _count_of_the_run(
    network: Any, state: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any, masks: Any = None,
    first: int = 0, kept: Any = None,
) -> Any:  # fmt: skip
    """Take the step of the run for the optimiser's own count."""
    counted = replace(state, updates=state.updates + first)
    return _steps(network, counted, x, labels, batches, optimiser, rate, masks, first, kept)


class _Sets(Reference):
    """Take every example of a batch once."""

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        return super().train(replace(case, batches=tuple(np.unique(rows) for rows in case.batches)))


def _normalisations_spared(masks: Mapping[str, Any]) -> dict[str, Any]:
    """Leave gamma and beta alone: nobody prunes them, do they?"""
    return {name: mask for name, mask in masks.items() if not name.endswith((".gamma", ".beta"))}


def _statistics_shared(params: Any, optimiser: Any, masks: Any = None) -> Any:
    """Copy what is learned, and hand the statistics on."""
    state = _start(params, optimiser, masks)
    own = {name: w for name, w in params.items() if name.endswith(("_mean", "_var"))}
    return replace(state, params={**state.params, **own})


def _statistics_in_place(network: Any, state: Any, *rest: Any) -> Any:
    """Write the new statistics into the old arrays."""
    step = _one_step(network, state, *rest)
    for name, w in state.params.items():
        if name.endswith(("_mean", "_var")):
            w[...] = step.state.params[name]
    return step


def _dropouts_from_zero(
    network: Any, state: Any, x: Any, labels: Any, batches: Any, optimiser: Any, rate: Any, masks: Any = None,
    first: int = 0, kept: Any = None,
) -> Any:  # fmt: skip
    """Count the masks of dropouts from where a run goes on."""
    shifted = kept and (lambda step: kept(step - first))
    return _steps(network, state, x, labels, batches, optimiser, rate, masks, first, shifted)


def _bisected(rate: float, drops: Sequence[int], factor: float = 0.1) -> Any:
    """Look the step up in a list that is not sorted."""
    return lambda step: rate * factor ** bisect_right(list(drops), step)


MUTANTS = (
    Mutant("statistics of before", "TRN-17", "running statistics never move", {ONE: _old_statistics}),
    Mutant("statistics decay", "TRN-17", "as if they were weights", {ONE: _decayed_statistics}),
    Mutant("statistics remembered", "TRN-17", "an optimiser over all arrays", {START: _remembered_statistics}),
    Mutant("statistics come back", "TRN-17", "a mask is undone by a batch", {ONE: _unmasked_statistics}),
    Mutant("one dropout drawn for a run", "TRN-17", "masks of the first step", {STEPS: _first_dropout_in_steps}),
    Mutant("one dropout for all steps", "TRN-17", "the first mask is used again", {TRAIN: _first_dropout}),
    Mutant("dampened momentum", "TRN-01", "v' = mu v + (1 - mu) g", _sgd(_dampened)),
    Mutant("velocity before", "TRN-01", "moves along the old velocity", _sgd(_velocity_before)),
    Mutant("Nesterov as plain momentum", "TRN-02", "the flag does nothing", _sgd(_plain)),
    Mutant("Nesterov looks back", "TRN-02", "g + mu v with the old v", _sgd(_looks_back)),
    Mutant("eps inside the root", "TRN-03", "sqrt(u + eps)", {ADAM: _moments(_eps_inside)}),
    Mutant("no bias correction", "TRN-03", "m / (sqrt(u) + eps)", {ADAM: _moments(_uncorrected)}),
    Mutant("eps before correction", "TRN-03", "the paper's efficient form", {ADAM: _moments(_eps_first)}),
    Mutant("first moment not corrected", "TRN-03", "one of two corrections", {ADAM: _moments(_half_corrected)}),
    Mutant("decay grows", "TRN-04", "the sign of the decay", _sgd(_growing)),
    Mutant("decay beside the velocity", "TRN-04", "decoupled in SGD, without the rate", _sgd(_decay_beside)),
    Mutant("Adam decays as AdamW", "TRN-04", "decoupled", {ADAM: _decoupled(_decay_first)}),
    Mutant("AdamW decays as Adam", "TRN-05", "decay in the gradient", {ADAMW: _adam}),
    Mutant("AdamW decays last", "TRN-05", "after the update", {ADAMW: _decoupled(_decay_last)}),
    Mutant(
        "AdamW decays without the rate",
        "TRN-05",
        "w (1 - decay)",
        {ADAMW: _decoupled(lambda w, move, rate, decay: move(w * (1 - decay)))},
    ),
    Mutant(
        "AdamW grows",
        "TRN-05",
        "the sign of the decay",
        {ADAMW: _decoupled(lambda w, move, rate, decay: move(w * (1 + rate * decay)))},
    ),
    Mutant(
        "gradient masked only",
        "TRN-06",
        "M54: momentum revives; FPGM, distiller",
        backend=Loop(prune=_params_only, update=_gradient_only),
    ),
    Mutant(
        "masked before the update",
        "TRN-06",
        "M55: decay, Adam and the gradient move removed entries; slimming",
        backend=Loop(update=_mask_before),
    ),
    Mutant(
        "masked in forward only",
        "TRN-06",
        "M56: what is read is dense; TFMOT, open_lth",
        backend=Loop(prune=lambda state, masks: state, update=_without_masks, used=_zeroed),
    ),
    Mutant("masked once", "TRN-06", "M57: not in retraining; sparsegpt", backend=Loop(update=_without_masks)),
    Mutant(
        "masked from the next update on",
        "TRN-06",
        "M85: stale until something happens; torch",
        backend=Loop(prune=lambda state, masks: state),
    ),
    Mutant("biases never masked", "TRN-06", "masks of biases ignored", backend=Loop(update=_weights_only)),
    Mutant("pruned one update late", "TRN-06", "M61: prune_at + 1", backend=_moved(1)()),
    Mutant("pruned one update early", "TRN-06", "M61: prune_at - 1", backend=_moved(-1)()),
    Mutant("used is not read", "TRN-18", "stale biases in the forward pass", backend=_OtherBiases()),
    Mutant("stale until the next forward", "TRN-18", "M85: what is read is one update old; torch", backend=_Stale()),
    Mutant("memory left under the mask", "TRN-07", "JaxPruner's momentum", {MASK: _params_only}),
    Mutant("optimiser started again", "TRN-08", "momentum lost at pruning", backend=Loop(prune=_fresh)),
    Mutant("count started again", "TRN-08", "bias correction as if t were 0", backend=Loop(prune=_count_again)),
    Mutant("zeros frozen", "TRN-08", "M58: mask read off w == 0", backend=Loop(update=_frozen_zeros)),
    Mutant("batches reversed", "TRN-09", "another order", _reordered(lambda batches: batches[::-1])),
    Mutant("first batch again", "TRN-09", "the iterator restarts", _reordered(lambda b: list(b[:1]) * len(b))),
    Mutant(
        "rate of the next step",
        "TRN-09",
        "M61: the scheduler is stepped first",
        _rated(lambda rate, first: lambda step: rate(min(step + 1, 2))),
    ),
    Mutant(
        "rate restarts",
        "TRN-09",
        "M71: rates not taken from the step a run goes on from",
        _rated(lambda rate, first: lambda step: rate(step - first)),
    ),
    Mutant("pruning nothing starts again", "TRN-10", "a new optimiser at pruning", backend=Loop(prune=_fresh)),
    Mutant("kept entries scaled", "TRN-10", "masks used as dropout", backend=Loop(prune=_shrunk)),
    Mutant(
        "wide hyper-parameters",
        "TRN-11",
        "NumPy float64 scalars widen float32",
        {NUMBER: lambda what, value, *limits, **named: np.float64(value)},
    ),
    Mutant(
        "given weights changed",
        "TRN-12",
        "M69: works on the caller's arrays",
        {START: _start_uncopied, **_IN_PLACE},
    ),
    Mutant("earlier states changed", "TRN-12", "M69: works on the last state's arrays", _IN_PLACE),
    Mutant("numbers not checked", "TRN-13", "NaN rates", {NUMBER: lambda what, value, *_, **named: value}),
    Mutant(
        "masks not checked",
        "TRN-13",
        "unknown names ignored",
        {"refprune.arrays.check_masks": lambda *a: None, UPDATE: _unknown_masks_ignored},
    ),
    Mutant("batches not checked", "TRN-13", "-1 is the last example", {f"{TRAINING}.check_batches": lambda *a: None}),
    Mutant("gradients not checked", "TRN-13", "float64 in", {f"{TRAINING}._check_update": lambda *a: None}),
    Mutant(
        "memory of the first parameter checked",
        "TRN-13",
        "a state in parts fails in mid-update",
        {f"{TRAINING}._check_update": _first_slots_checked},
    ),
    Mutant(
        "lists indexed",
        "TRN-13",
        "x that is no array",
        {f"{TRAINING}.check_batches": _as_arrays, f"{TRAINING}.check_examples": _arrays_checked},
    ),
    Mutant(
        "a number as the rate",
        "TRN-13",
        "0.1 where a function of the step is needed",
        _rated(lambda rate, first: rate if callable(rate) else lambda step: float(rate or 0.1)),
    ),
    Mutant(
        "first forward dense",
        "TRN-14",
        "masks come into force with the first update",
        backend=Loop(prune=lambda state, masks: state),
    ),
    Mutant(
        "masked by a product",
        "TRN-14",
        "M20: 0 inf is NaN",
        {MASKED: lambda w, mask: w * (True if mask is None else mask)},
    ),
    Mutant(
        "negative zero",
        "TRN-15",
        "a product keeps the sign; torch",
        {MASKED: lambda w, mask: w * (mask is None or mask)},
    ),
    Mutant("drop one step late", "TRN-16", "> for >=", _drops(lambda factor, at, after: factor**after)),
    Mutant(
        "one drop only",
        "TRN-16",
        "the second drop is lost",
        _drops(lambda factor, at, after: factor ** min(at, 1)),
    ),
    Mutant(
        "count of the run", "TRN-03", "a fresh Adam that begins in mid-run is not corrected", {STEPS: _count_of_the_run}
    ),
    Mutant("biases do not decay", "TRN-04", "weights alone, as in many recipes", _sgd(_biases_spared)),
    Mutant(
        "biases do not decay in AdamW",
        "TRN-05",
        "weights alone, as in many recipes",
        {ADAMW: _decoupled(lambda w, move, rate, decay: move(w * (1 - rate * decay) if w.ndim > 1 else w))},
    ),
    Mutant(
        "gamma and beta never masked",
        "TRN-06",
        "M39: masks of normalisations ignored",
        backend=Loop(
            prune=lambda state, masks: _mask(state, _normalisations_spared(masks)),
            update=lambda state, grads, optimiser, rate, masks: _update(
                state, grads, optimiser, rate, _normalisations_spared(masks)
            ),
        ),
    ),
    Mutant("second memory not cleared", "TRN-07", "M54: Adam's second moment at pruning", {MASK: _first_slot_cleared}),
    Mutant("second memory not held", "TRN-07", "M54: Adam's second moment grows on", {UPDATE: _first_slot_held}),
    Mutant("a batch is a set", "TRN-09", "an example named twice counts once", backend=_Sets()),
    Mutant(
        "statistics written in place",
        "TRN-12",
        "M69: the caller's running statistics move",
        {START: _statistics_shared, ONE: _statistics_in_place},
    ),
    Mutant(
        "dropouts from zero", "TRN-17", "M71: masks not from the step a run goes on from", {STEPS: _dropouts_from_zero}
    ),
    Mutant("drops are a set", "TRN-16", "one that is there twice counts once", _drops_of(set)),
    Mutant("drops looked up", "TRN-16", "a search in a list that is not sorted", {DROPS: _bisected}),
)
