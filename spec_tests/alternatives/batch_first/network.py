"""A network run forward on a tape, and the tape back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Sigmoid,
    Split,
    parameters,
    values_of,
)
from spec_tests.alternatives.batch_first import layers
from spec_tests.alternatives.batch_first.layers import Array, Arrays

Backs = Callable[[list[Array]], tuple[list[Array], dict[str, Array]]]
"""From the gradients of a node's values to those of its inputs and of its parameters."""


@dataclass
class Tape:
    """One pass: what every node computed, how to get back, and the running statistics after it."""

    training: bool
    kept: Arrays
    """What every dropout leaves of the batch."""
    values: dict[str, Array] = field(default_factory=dict)
    backs: list[tuple[Node, Backs]] = field(default_factory=list)
    statistics: dict[str, Array] = field(default_factory=dict)

    def play(self, network: Network, params: Arrays, x: Array) -> Array:
        """Run the network forward and return the last value."""
        self.values[network[0].name] = x
        for node in network[1:]:
            ys, back = self._play(node, params, [self.values[name] for name in node.inputs])
            self.values.update(zip(values_of(node), ys, strict=True))
            self.backs.append((node, back))
        return self.values[network[-1].name]

    def _play(self, node: Node, params: Arrays, xs: list[Array]) -> tuple[list[Array], Backs]:
        if isinstance(node, Split):
            return layers.split(node, xs[0]), lambda dys: ([np.concatenate(dys, axis=1)], {})
        if isinstance(node, Add | Concat):
            y, share = layers.add(node, xs) if isinstance(node, Add) else layers.concat(node, xs)
            return [y], lambda dys: (share(dys[0]), {})
        y, back = self._single(node, params, xs[0])

        def backs(dys: list[Array]) -> tuple[list[Array], dict[str, Array]]:
            dx, own = back(dys[0])
            return [dx], own

        return [y], backs

    def _single(self, node: Node, params: Arrays, x: Array) -> layers.Layer:
        """Run a node of one input and one value."""
        if isinstance(node, BatchNorm):
            y, back = layers.batch_norm(node, params, x, training=self.training)
            self.statistics |= layers.moved_statistics(node, params, x) if self.training else {}
            return y, back
        if isinstance(node, Dropout):
            if not self.training:
                return x, lambda dy: (dy, {})
            scale = (self.kept[node.name] / (1 - node.rate)).astype(x.dtype)
            return x * scale, lambda dy: (dy * scale, {})
        return _weighted(node, params, x) if parameters(node) else _plain(node, x)

    def rewind(self, dlogits: Array, logits: str) -> dict[str, Array]:
        """Run the tape back and return the gradients of the parameters on the way."""
        dvalues, grads = {logits: dlogits}, dict[str, Array]()
        for node, back in reversed(self.backs):
            if not any(name in dvalues for name in values_of(node)):
                continue
            dys = [dvalues.get(name, np.zeros_like(self.values[name])) for name in values_of(node)]
            dxs, own = back(dys)
            for sums, found in ((grads, own.items()), (dvalues, zip(node.inputs, dxs, strict=True))):
                for name, gradient in found:
                    sums[name] = sums.get(name, 0) + gradient
        return grads


def _weighted(node: Node, params: Arrays, x: Array) -> layers.Layer:
    if isinstance(node, Dense):
        return layers.dense(node, params, x)
    if isinstance(node, Conv2d):
        return layers.conv(node, params, x)
    assert isinstance(node, DepthwiseConv2d)
    return layers.depthwise(node, params, x)


def _plain(node: Node, x: Array) -> layers.Layer:
    if isinstance(node, MaxPool2d):
        return layers.max_pool(node, x)
    if isinstance(node, AvgPool2d):
        return layers.avg_pool(node, x)
    if isinstance(node, GlobalAvgPool2d):
        return layers.global_pool(node, x)
    if isinstance(node, Flatten):
        return x.reshape(len(x), -1), lambda dy: (dy.reshape(x.shape), {})
    if isinstance(node, Sigmoid):
        return layers.sigmoid(x)
    assert isinstance(node, Relu)
    return layers.relu(x)


def run(network: Network, params: Arrays, x: Array, *, training: bool, kept: Arrays | None = None) -> Tape:
    """Return the tape of a pass; refuse what does not fit."""
    check(network, params, x)
    tape = Tape(training, kept or {})
    tape.play(network, params, x)
    return tape


def check(network: Network, params: Arrays, x: Array) -> None:
    """Refuse names, dtypes and batches that do not fit; the layers refuse the rest."""
    first = network[0]
    if set(params) != {name for node in network for name in parameters(node)}:
        raise KeyError("parameters")
    if not isinstance(first, Input) or x.ndim == 0 or len(x) == 0 or x.shape[1:] != first.shape:
        raise ValueError("x")
    kinds = {np.asarray(array).dtype for array in (*params.values(), x)}
    if len(kinds) != 1 or next(iter(kinds)).kind != "f":
        raise TypeError(f"dtypes {kinds}")


def loss_and_tape(
    network: Network, params: Arrays, x: Array, labels: Any, kept: Arrays | None = None
) -> tuple[float, dict[str, Array], Tape]:
    """Return the mean cross-entropy in training, the gradients of all that is learned, and the tape."""
    tape, last = run(network, params, x, training=True, kept=kept), network[-1].name
    logits = tape.values[last]
    if logits.ndim != 2 or labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError("labels")
    top = logits.max(1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    chosen = (np.arange(len(x)), labels)
    dlogits = np.exp(logs)
    dlogits[chosen] -= 1
    found = tape.rewind(dlogits / len(x), last)
    learned = [name for name in params if name not in tape.statistics]
    return float(-logs[chosen].mean()), {name: found.get(name, np.zeros_like(params[name])) for name in learned}, tape
