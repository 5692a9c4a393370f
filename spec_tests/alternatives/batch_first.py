"""A correct network written otherwise: batch first, einsum, a tape of closures, masks applied in other places.

Nothing here calls the reference's layers, optimisers or surgery; the network record is only read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refprune.network import AvgPool2d, Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Relu
from spec_tests.adapter import Declaration, OptimiserSpec, Profile, TrainCase, TrainStep

Array = Any
Arrays = Mapping[str, Array]
PROFILES: frozenset[Profile] = frozenset({"APPLY", "TRAIN", "REMOVE"})


# Layers: (y, function from dy to (dx, {parameter: gradient}))

Back = Callable[[Array], tuple[Array, dict[str, Array]]]


def _dense(name: str, params: Arrays, x: Array) -> tuple[Array, Back]:
    w, b = params[f"{name}.weight"], params[f"{name}.bias"]

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        return dy @ w, {f"{name}.weight": np.einsum("no,ni->oi", dy, x), f"{name}.bias": dy.sum(0)}

    return np.einsum("ni,oi->no", x, w) + b, back


def _patches(x: Array, size: tuple[int, int], stride: tuple[int, int]) -> Array:
    return sliding_window_view(x, size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def _padded(x: Array, padding: tuple[int, ...], value: float) -> Array:
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)


def _fold(dpatches: Array, shape: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, ...]) -> Array:
    """Add (N, C, OH, OW, kh, kw) back onto the padded input, one entry at a time, and crop."""
    n, c, h, w = shape
    top, left, bottom, right = padding
    dx = np.zeros((n, c, h + top + bottom, w + left + right), dpatches.dtype)
    oh, ow, kh, kw = np.indices(dpatches.shape[2:])
    rows, columns = oh * stride[0] + kh, ow * stride[1] + kw
    everywhere: Any = (slice(None), slice(None), rows, columns)
    np.add.at(dx, everywhere, dpatches)
    return dx[:, :, top : top + h, left : left + w]


def _conv(node: Conv2d, params: Arrays, x: Array) -> tuple[Array, Back]:
    w, b = params[f"{node.name}.weight"], params[f"{node.name}.bias"]
    patches = _patches(_padded(x, node.padding, 0.0), w.shape[2:], node.stride)

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        dw = np.einsum("nohw,nchwuv->ocuv", dy, patches)
        dpatches = np.einsum("nohw,ocuv->nchwuv", dy, w)
        grads = {f"{node.name}.weight": dw, f"{node.name}.bias": dy.sum((0, 2, 3))}
        return _fold(dpatches, x.shape, node.stride, node.padding), grads

    return np.einsum("nchwuv,ocuv->nohw", patches, w) + b[:, None, None], back


def _max_pool(node: MaxPool2d, x: Array) -> tuple[Array, Back]:
    patches = _patches(_padded(x, node.padding, -np.inf), node.size, node.stride)
    flat = patches.reshape(*patches.shape[:4], -1)
    first = flat.argmax(-1)  # argmax names the first of equals

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        chosen = np.arange(flat.shape[-1]) == first[..., None]
        dpatches = (chosen * dy[..., None]).reshape(patches.shape)
        return _fold(dpatches, x.shape, node.stride, node.padding), {}

    return flat.max(-1), back


def _avg_pool(node: AvgPool2d, x: Array) -> tuple[Array, Back]:
    patches = _patches(_padded(x, node.padding, 0.0), node.size, node.stride)
    real = _patches(_padded(np.ones_like(x), node.padding, 0.0), node.size, node.stride)
    counts = real.sum((-2, -1))

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        return _fold(real * (dy / counts)[..., None, None], x.shape, node.stride, node.padding), {}

    return patches.sum((-2, -1)) / counts, back


def _node(node: Any, params: Arrays, x: Array) -> tuple[Array, Back]:
    if isinstance(node, Dense):
        return _dense(node.name, params, x)
    if isinstance(node, Conv2d):
        return _conv(node, params, x)
    if isinstance(node, MaxPool2d):
        return _max_pool(node, x)
    if isinstance(node, AvgPool2d):
        return _avg_pool(node, x)
    if isinstance(node, Flatten):
        return x.reshape(len(x), -1), lambda dy: (dy.reshape(x.shape), {})
    assert isinstance(node, Relu)
    return np.where(x > 0, x, 0), lambda dy: (np.where(x > 0, dy, 0), {})


def _run(network: Network, params: Arrays, x: Array) -> tuple[dict[str, Array], list[tuple[Any, Back]]]:
    _check(network, params, x)
    values = {network[0].name: x}
    tape = []
    for node in network[1:]:
        values[node.name], back = _node(node, params, values[node.inputs[0]])
        tape.append((node, back))
    return values, tape


def _check(network: Network, params: Arrays, x: Array) -> None:
    """Refuse what does not fit; einsum and indexing refuse the rest."""
    first = network[0]
    owners = {node.name for node in network if isinstance(node, Dense | Conv2d)}
    if set(params) != {f"{name}.{part}" for name in owners for part in ("weight", "bias")}:
        raise KeyError("parameters")
    if not isinstance(first, Input) or x.ndim == 0 or len(x) == 0 or x.shape[1:] != first.shape:
        raise ValueError("x")
    kinds = {np.asarray(array).dtype for array in (*params.values(), x)}
    if len(kinds) != 1 or next(iter(kinds)).kind != "f":
        raise TypeError(f"dtypes {kinds}")
    for name in owners:
        weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
        if weight.ndim not in (2, 4) or bias.shape != weight.shape[:1] or not len(bias):
            raise ValueError(name)


def _masked(params: Arrays, masks: Arrays) -> dict[str, Array]:
    """Multiply: a removed negative weight becomes -0.0."""
    for name, mask in masks.items():
        if mask.dtype != bool or mask.shape != params[name].shape:
            raise ValueError(f"mask of {name}")
    with np.errstate(invalid="ignore"):  # a removed inf gives nan, which nan_to_num takes away
        return {
            name: np.where(np.isfinite(w) | masks[name], w * masks[name], 0 * masks[name]).astype(w.dtype)
            if name in masks
            else w.copy()
            for name, w in params.items()
        }


# Optimisers: one class with a dictionary of state, in the style of the big frameworks


@dataclass
class _Optimiser:
    """State that lives in the object and is changed in place."""

    spec: OptimiserSpec
    memory: dict[str, dict[str, Array]]
    number: int = 0

    def step(self, params: dict[str, Array], grads: Arrays) -> None:
        self.number += 1
        for name, w in params.items():
            self._one(w, grads[name], self.memory.setdefault(name, {"m": np.zeros_like(w), "u": np.zeros_like(w)}))

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


# Backends


@dataclass(frozen=True)
class BatchFirst:
    """Masks multiply the parameters; in training they do so after every step, and clear the memory once."""

    declaration: Declaration

    def apply(self, params: Arrays, masks: Arrays) -> Arrays:
        """Multiply."""
        return _masked(params, masks)

    def forward(self, network: Network, params: Arrays, masks: Arrays, x: Array) -> Array:
        """Run on multiplied parameters."""
        return _run(network, _masked(params, masks), x)[0][network[-1].name]

    def loss_and_grads(
        self, network: Network, params: Arrays, masks: Arrays, x: Array, labels: Array
    ) -> tuple[float, Arrays]:
        """Run forward, then the tape backwards."""
        values, tape = _run(network, _masked(params, masks), x)
        logits = values[network[-1].name]
        if labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError("labels")
        top = logits.max(1, keepdims=True)
        logs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
        chosen = np.zeros_like(logits)
        chosen[np.arange(len(x)), labels] = 1
        dvalues: dict[str, Array] = {network[-1].name: (np.exp(logs) - chosen) / len(x)}
        grads: dict[str, Array] = {}
        for node, back in reversed(tape):
            if node.name in dvalues:
                dx, own = back(dvalues[node.name])
                grads |= own
                dvalues[node.inputs[0]] = dvalues.get(node.inputs[0], 0) + dx
        return float(-(logs * chosen).sum() / len(x)), grads

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Step in place; mask parameters and memory."""
        params = {name: array.copy() for name, array in case.params.items()}
        optimiser, seen = _Optimiser(case.optimiser, {}), []
        for number in range(len(case.batches) + 1):
            if number:
                rows = case.batches[number - 1]
                optimiser.step(params, self._grads(case, params, rows))
            if number >= case.prune_at:
                params = _masked(params, case.masks)
                for name, mask in case.masks.items():
                    for slot in optimiser.memory.get(name, {}).values():
                        np.copyto(slot, 0, where=~mask)
            if number:
                copy = {name: array.copy() for name, array in params.items()}
                seen.append(TrainStep(copy, copy))
        return seen

    def _grads(self, case: TrainCase, params: Arrays, rows: Array) -> Arrays:
        return self.loss_and_grads(case.network, params, {}, case.x[rows], case.labels[rows])[1]

    def rewind(self, params: Arrays, snapshot: Arrays, masks: Arrays) -> Arrays:
        """Multiply the snapshot."""
        if {name: w.shape for name, w in params.items()} != {name: w.shape for name, w in snapshot.items()}:
            raise ValueError("snapshot")
        return _masked(snapshot, masks)

    def remove(
        self, network: Network, params: Arrays, units: Mapping[str, Sequence[int]]
    ) -> tuple[Arrays, Mapping[str, Sequence[int]]]:
        """Delete one unit after another, the highest index first."""
        chain = [node.name for node in network if isinstance(node, Dense | Conv2d)]
        kept = {name: list(range(len(params[f"{name}.bias"]))) for name in chain[:-1]}
        for name, indices in units.items():
            if len(set(indices)) != len(indices) or not set(indices) < set(kept[name]):
                raise IndexError(f"{name}: {indices}")
        small = {name: array.copy() for name, array in params.items()}
        for name, reader in pairwise(chain):
            span = small[f"{reader}.weight"].shape[1] // len(small[f"{name}.bias"])
            for index in sorted(units.get(name, ()), reverse=True):
                for part in ("weight", "bias"):
                    small[f"{name}.{part}"] = np.delete(small[f"{name}.{part}"], index, 0)
                columns = range(index * span, (index + 1) * span)
                small[f"{reader}.weight"] = np.delete(small[f"{reader}.weight"], columns, 1)
                del kept[name][index]
        return small, kept


@dataclass(frozen=True)
class ShadowWeights(BatchFirst):
    """Dense weights live on under the mask, moved by momentum and decay; reading and running see them masked."""

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Step the shadow; the gradient is that of the masked network."""
        shadow = {name: array.copy() for name, array in case.params.items()}
        optimiser, seen = _Optimiser(case.optimiser, {}), []
        for number, rows in enumerate(case.batches, 1):
            with np.errstate(invalid="ignore", over="ignore"):  # whatever stands under the mask moves on unseen
                optimiser.step(shadow, self._grads(case, self._seen(case, shadow, number - 1), rows))
            seen.append(TrainStep(self._seen(case, shadow, number), self._seen(case, shadow, number)))
        return seen

    def _seen(self, case: TrainCase, shadow: Arrays, number: int) -> dict[str, Array]:
        return _masked(shadow, case.masks if number >= case.prune_at else {})


ALTERNATIVES = (
    BatchFirst(Declaration("batch-first", PROFILES, removed_zero="either")),
    ShadowWeights(Declaration("shadow-weights", frozenset({"TRAIN"}), removed_zero="either")),
)
