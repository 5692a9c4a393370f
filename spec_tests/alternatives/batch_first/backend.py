"""The backends: masks multiply the parameters after every step, or stand between the user and a dense shadow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refprune.network import Network
from spec_tests.adapter import Declaration, OptimiserSpec, Profile, TrainCase, TrainStep
from spec_tests.alternatives.batch_first import removal
from spec_tests.alternatives.batch_first.layers import Array, Arrays
from spec_tests.alternatives.batch_first.network import loss_and_tape, run

PROFILES: frozenset[Profile] = frozenset({"APPLY", "TRAIN", "REMOVE"})


def masked(params: Arrays, masks: Arrays) -> dict[str, Array]:
    """Multiply: a removed negative weight becomes -0.0."""
    for name, mask in masks.items():
        if mask.dtype != bool or mask.shape != params[name].shape:
            raise ValueError(f"mask of {name}")
    with np.errstate(invalid="ignore"):  # a removed inf gives nan, which is taken away
        return {
            name: np.where(np.isfinite(w) | masks[name], w * masks[name], 0 * masks[name]).astype(w.dtype)
            if name in masks
            else w.copy()
            for name, w in params.items()
        }


@dataclass
class _Optimiser:
    """State that lives in the object and is changed in place, in the style of the big frameworks."""

    spec: OptimiserSpec
    memory: dict[str, dict[str, Array]]
    number: int = 0

    def step(self, params: dict[str, Array], grads: Arrays) -> None:
        self.number += 1
        for name, g in grads.items():
            w = params[name]
            self._one(w, g, self.memory.setdefault(name, {"m": np.zeros_like(w), "u": np.zeros_like(w)}))

    def _one(self, w: Array, g: Array, memory: dict[str, Array]) -> None:
        spec = self.spec
        if spec.name == "adamw":
            w *= 1 - spec.rate * spec.weight_decay
        elif spec.weight_decay:
            g = g + spec.weight_decay * w
        if spec.name in ("sgd", "nesterov"):
            memory["m"] *= spec.momentum
            memory["m"] += g
            w -= spec.rate * (g + spec.momentum * memory["m"] if spec.name == "nesterov" else memory["m"])
            return
        memory["m"][...] = spec.beta1 * memory["m"] + (1 - spec.beta1) * g
        memory["u"][...] = spec.beta2 * memory["u"] + (1 - spec.beta2) * g**2
        root = np.sqrt(memory["u"] / (1 - spec.beta2**self.number)) + spec.eps
        w -= spec.rate * (memory["m"] / (1 - spec.beta1**self.number)) / root


@dataclass(frozen=True)
class BatchFirst:
    """Masks multiply the parameters; in training they do so after every step, and clear the memory each time."""

    declaration: Declaration

    def apply(self, params: Arrays, masks: Arrays) -> Arrays:
        """Multiply."""
        return masked(params, masks)

    def forward(self, network: Network, params: Arrays, masks: Arrays, x: Array) -> Array:
        """Run on multiplied parameters."""
        return run(network, masked(params, masks), x, training=False).values[network[-1].name]

    def loss_and_grads(
        self, network: Network, params: Arrays, masks: Arrays, x: Array, labels: Array
    ) -> tuple[float, Arrays]:
        """Run forward, then the tape backwards."""
        loss, grads, _ = loss_and_tape(network, masked(params, masks), x, labels)
        return loss, grads

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Step in place; mask parameters and memory."""
        params = {name: array.copy() for name, array in case.params.items()}
        optimiser, seen = _Optimiser(case.optimiser, {}), []
        for number in range(len(case.batches) + 1):
            if number:
                self._step(case, optimiser, params, params, number)
            if number >= case.prune_at:
                params = masked(params, case.masks)
                for name, mask in case.masks.items():
                    for slot in optimiser.memory.get(name, {}).values():
                        np.copyto(slot, 0, where=~mask)
            if number:
                copy = {name: array.copy() for name, array in params.items()}
                seen.append(TrainStep(copy, copy))
        return seen

    def _step(
        self, case: TrainCase, optimiser: _Optimiser, params: dict[str, Array], used: Arrays, number: int
    ) -> None:
        """Move the parameters in place by the gradients of those used, and take over the running statistics."""
        rows, kept = case.batches[number - 1], case.kept[number - 1] if case.kept else None
        _, grads, tape = loss_and_tape(case.network, used, case.x[rows], case.labels[rows], kept)
        optimiser.step(params, grads)
        params |= tape.statistics

    def rewind(self, params: Arrays, snapshot: Arrays, masks: Arrays) -> Arrays:
        """Multiply the snapshot."""
        if {name: w.shape for name, w in params.items()} != {name: w.shape for name, w in snapshot.items()}:
            raise ValueError("snapshot")
        return masked(snapshot, masks)

    def remove(
        self, network: Network, params: Arrays, units: Mapping[str, Sequence[int]]
    ) -> tuple[Arrays, Mapping[str, Sequence[int]]]:
        """Walk from neighbour to neighbour."""
        return removal.remove(network, params, units)


@dataclass(frozen=True)
class ShadowWeights(BatchFirst):
    """Dense weights live on under the mask, moved by momentum and decay; reading and running see them masked."""

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Step the shadow; the gradient is that of the masked network."""
        shadow = {name: array.copy() for name, array in case.params.items()}
        optimiser, seen = _Optimiser(case.optimiser, {}), []
        for number in range(1, len(case.batches) + 1):
            with np.errstate(invalid="ignore", over="ignore"):  # whatever stands under the mask moves on unseen
                self._step(case, optimiser, shadow, self._seen(case, shadow, number - 1), number)
            seen.append(TrainStep(self._read(case, shadow, number), self._seen(case, shadow, number)))
        return seen

    def _read(self, case: TrainCase, shadow: Arrays, number: int) -> dict[str, Array]:
        return self._seen(case, shadow, number)

    def _seen(self, case: TrainCase, shadow: Arrays, number: int) -> dict[str, Array]:
        return masked(shadow, case.masks if number >= case.prune_at else {})


ALTERNATIVES: tuple[Any, ...] = (
    BatchFirst(Declaration("batch-first", PROFILES, removed_zero="either")),
    ShadowWeights(Declaration("shadow-weights", frozenset({"TRAIN"}), removed_zero="either")),
)
