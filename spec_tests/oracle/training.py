"""The definition of training, coordinate by coordinate, in plain Python floats."""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from spec_tests.adapter import OptimiserSpec, TrainCase, TrainStep
from spec_tests.verdicts import call, fail

Gradients = Callable[[int, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
"""(update from 1, parameters before it, masks in force) -> gradients."""


class Memory(NamedTuple):
    """What an optimiser remembers of one coordinate, and the same sums over absolute values."""

    first: float = 0.0
    second: float = 0.0
    first_size: float = 0.0
    second_size: float = 0.0


def moved(spec: OptimiserSpec, w: float, g: float, memory: Memory, number: int) -> tuple[float, Memory, float]:
    """Return w and the memory after update `number` (from 1), and how far rounding may move w.

    The bound holds in double precision for every order of the operations (running error analysis, u = 2^-53): a
    memory is a sum whose terms pass at most 3 t + 10 roundings, so its error is that many u times the same sum of
    absolute values; twice that for two computations.
    """
    error = 2 * (3 * number + 10) * 2.0**-53
    if spec.name in ("adam", "adamw"):
        return _adam(spec, w, g, memory, number, error)
    return _sgd(spec, w, g, memory, error)


def _sgd(spec: OptimiserSpec, w: float, g: float, memory: Memory, error: float) -> tuple[float, Memory, float]:
    d, size = g + spec.weight_decay * w, abs(g) + spec.weight_decay * abs(w)
    v = spec.momentum * memory.first + d
    v_size = spec.momentum * memory.first_size + size
    nesterov = spec.name == "nesterov"
    direction = d + spec.momentum * v if nesterov else v
    direction_size = size + spec.momentum * v_size if nesterov else v_size
    bound = error * (abs(w) + spec.rate * direction_size)
    return w - spec.rate * direction, Memory(v, 0.0, v_size, 0.0), bound


def _adam(
    spec: OptimiserSpec, w: float, g: float, memory: Memory, number: int, error: float
) -> tuple[float, Memory, float]:
    decoupled = spec.name == "adamw"
    start = w * (1 - spec.rate * spec.weight_decay) if decoupled else w
    decay = 0.0 if decoupled else spec.weight_decay
    d, size = g + decay * w, abs(g) + decay * abs(w)
    m = spec.beta1 * memory.first + (1 - spec.beta1) * d
    v = spec.beta2 * memory.second + (1 - spec.beta2) * d * d
    m_size = spec.beta1 * memory.first_size + (1 - spec.beta1) * size
    v_size = spec.beta2 * memory.second_size + (1 - spec.beta2) * size * size
    m_hat, v_hat = m / (1 - spec.beta1**number), v / (1 - spec.beta2**number)
    step = spec.rate * m_hat / (sqrt(v_hat) + spec.eps)

    # 1 - beta and 1 - beta^t carry an error of (t + 1) u: relative to them up to 1 / (1 - beta) times more.
    m_error = error * m_size / (1 - spec.beta1**number) / (1 - spec.beta1)
    v_error = error * v_size / (1 - spec.beta2**number) / (1 - spec.beta2)
    # |sqrt(a) - sqrt(b)| <= sqrt|a - b|, and <= |a - b| / sqrt(a).
    root_error = min(sqrt(v_error), v_error / sqrt(v_hat)) if v_hat else sqrt(v_error)
    divisor = max(sqrt(v_hat) + spec.eps - root_error, spec.eps)
    bound = error * (abs(w) + abs(step)) + spec.rate * (m_error + abs(m_hat) * root_error / divisor) / divisor
    return start - step, Memory(m, v, m_size, v_size), bound


def check_training(case: TrainCase, steps: Sequence[TrainStep], gradients: Gradients, *, exact: bool = False) -> None:
    """Require that every coordinate that a step uses is where the formula moves it from where it was.

    From pruning on, kept coordinates go on with the memory and the count they had: each is followed by itself, so
    nothing but its own gradient can move it. What removed coordinates are, and what is read, is not judged here, but by
    TRN-06 and TRN-18.
    """
    if len(steps) != len(case.batches):
        fail(f"{len(steps)} steps", f"{len(case.batches)} steps", call("train", case))
    now = {name: np.array(array) for name, array in case.params.items()}
    memories = {name: [Memory()] * array.size for name, array in now.items()}
    masks: Mapping[str, Any] = {}
    if case.prune_at == 0:
        masks, now = case.masks, zeroed(now, case.masks)
    for number, step in enumerate(steps, 1):
        grads = gradients(number, now, masks)
        masks = case.masks if number >= case.prune_at else {}
        for name, before in now.items():
            memories[name] = _check_array(case, step, number, name, before, grads[name], memories[name], masks, exact)
        now = {name: np.array(step.used[name]) for name in now}


def _check_array(
    case: TrainCase,
    step: TrainStep,
    number: int,
    name: str,
    before: Any,
    grads: Any,
    memories: list[Memory],
    masks: Mapping[str, Any],
    exact: bool,  # noqa: FBT001  a helper's switch
) -> list[Memory]:
    """Check one array after one update, and return the memories that the definition has."""
    kept = np.ravel(masks[name]).tolist() if name in masks else [True] * before.size
    used = np.ravel(step.used[name]).tolist()
    after = []
    for place, (w, g) in enumerate(zip(np.ravel(before).tolist(), np.ravel(grads).tolist(), strict=True)):
        should, memory, bound = moved(case.optimiser, w, g, memories[place], number)
        if not kept[place]:  # what removed entries are, TRN-06 says
            after.append(Memory())
            continue
        if exact:
            bound = 0.0
        if not abs(used[place] - should) <= bound:
            where = f"entry {place} of {name!r} used after update {number}"
            fail(f"{where} = {used[place]!r}", f"{should!r} within {bound:g}", call("train", case))
        after.append(memory)
    return after


def zeroed(params: Mapping[str, Any], masks: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies in which removed entries are 0."""
    copies = {name: np.array(array) for name, array in params.items()}
    for name, mask in masks.items():
        copies[name][~mask] = 0
    return copies
