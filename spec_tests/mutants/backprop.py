"""Wrong ways to run a network. Wrong losses and gradients of single layers are in mutants/ops.py."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from refprune.network import Add, BatchNorm, Dropout
from spec_tests.backends.reference import Reference
from spec_tests.mutants.mutant import Mutant, original

BACKPROP = "refprune.backprop"
_forward, _loss_and_grads = original(f"{BACKPROP}.forward"), original(f"{BACKPROP}.loss_and_grads")
_run_back, _backward_node = original(f"{BACKPROP}._run_back"), original(f"{BACKPROP}._backward_node")
_check_run, _check_labels = original(f"{BACKPROP}._check_run"), original(f"{BACKPROP}.check_labels")
_run, _statistics = original(f"{BACKPROP}._run"), original(f"{BACKPROP}._statistics")
_infer = original("refprune.shapes.infer_shapes")
_downstream = original(f"{BACKPROP}._downstream_of_parameters")
NODE = f"{BACKPROP}._forward_training_node"
_training_node = original(NODE)


def _all_axes_turned(network: Any, params: Any, x: Any) -> Any:
    """Transpose for moving the batch: right for logits, (N, W, H, C) for images."""
    right = _forward(network, params, x)
    return right if right.ndim == 2 else np.moveaxis(right, 0, -1).T


def _batch_last(network: Any, params: Any, x: Any) -> Any:
    return _forward(network, params, x).T


def _softmaxed(network: Any, params: Any, x: Any) -> Any:
    """Return probabilities for logits."""
    exponentials = np.exp(_forward(network, params, x))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _last_example_lost(network: Any, params: Any, x: Any, labels: Any) -> Any:
    """Drop the last example of an uneven batch."""
    even = max(len(x) // 2 * 2, 1)
    return _loss_and_grads(network, params, x[:even], labels[:even])


def _descent(network: Any, params: Any, x: Any, labels: Any) -> Any:
    """Return the direction of descent."""
    loss, grads = _loss_and_grads(network, params, x, labels)
    return loss, {name: -grad for name, grad in grads.items()}


def _only_read(network: Any, params: Any, values: Any, caches: Any, dvalues: Any) -> Any:
    """Leave out what no logit depends on."""
    grads = _run_back(network, params, values, caches, dvalues)
    return {name: grad for name, grad in grads.items() if name.rsplit(".", 1)[0] in dvalues}


def _in_float64(network: Any, params: Any, x: Any, labels: Any) -> Any:
    loss, grads = _loss_and_grads(network, params, x, labels)
    return loss, {name: grad.astype(np.float64) for name, grad in grads.items()}


def _last_reader_only(network: Any, params: Any, values: Any, caches: Any, dvalues: Any) -> Any:
    """Overwrite the gradient of a value that is read twice."""

    class Overwritten(dict[str, Any]):
        def __setitem__(self, name: str, value: Any) -> None:
            super().__setitem__(name, value - self[name] if name in self else value)

    return _run_back(network, params, values, caches, Overwritten(dvalues))


def _empty_batch_runs(network: Any, params: Any, x: Any) -> Any:
    """Let a batch of size 0 through."""
    return _infer(network, params) if x.shape[:1] == (0,) else _check_run(network, params, x)


def _dtypes_mix(network: Any, params: Any, x: Any) -> Any:
    """Let NumPy widen."""
    return _check_run(network, {name: a.astype(np.float64) for name, a in params.items()}, x.astype(np.float64))


def _shapes_broadcast(network: Any, params: Any, x: Any) -> Any:
    """Look at parameters only."""
    return _infer(network, params)


def _labels_wrap(labels: Any, count: int, logits: Any) -> None:
    """Let negative labels count from the end, as indices do."""
    _check_labels(np.where(labels < 0, 0, labels), count, logits)


def _labels_cast(labels: Any, count: int, logits: Any) -> None:
    """Let True and 1.0 be 1."""
    _check_labels(np.asarray(labels).astype(np.int64), count, logits)


def _in_place(network: Any, params: Any, x: Any) -> Any:
    """Centre the caller's batch."""
    right = _forward(network, params, x)
    x -= x.mean()
    return right


def _first_slice_only(network: Any, params: Any, x: Any) -> Any:
    """Leave out what does not fill a slice of 500, once there is one that is full."""
    parts = [_forward(network, params, x[at : at + 500]) for at in range(0, max(len(x) - 499, 1), 500)]
    return np.concatenate(parts)


def _nothing_dropped(network: Any, params: Any, x: Any, kept: Any = None) -> Any:
    """Keep everything, in training too."""
    everything = {name: np.ones_like(mask) for name, mask in (kept or {}).items()}
    return _run(network, params, x, kept if kept is None else everything)


def _always_running(node: Any, x: Any, params: Any, kept: Any) -> Any:
    """Normalise by the running statistics in training too."""
    return _training_node(node, x, params, None if isinstance(node, BatchNorm) else kept)


def _always_batch(node: Any, x: Any, params: Any, kept: Any) -> Any:
    """Normalise by the batch in use too."""
    return _training_node(node, x, params, {} if kept is None and isinstance(node, BatchNorm) else kept)


def _statistics_forgotten(network: Any, params: Any, values: Any) -> Any:
    """Hand the given statistics on."""
    return {name: params[name] for name in _statistics(network, params, values)}


def _first_use_only(network: Any, params: Any, values: Any, caches: Any, dvalues: Any) -> Any:
    """Keep the gradient of the first use of a shared parameter."""
    grads = _run_back(network, params, values, caches, dict(dvalues))
    alone = tuple(node for node in network if not getattr(node, "shares", ""))
    if len(alone) == len(network):
        return _run_back(network, params, values, caches, dvalues)
    return {name: grad / 2 for name, grad in grads.items()}


class _Unmasked(Reference):
    """Take masks and leave them out."""

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        return super().loss_and_grads(network, params, {}, x, labels)


class _WeightsMasked(Reference):
    """Run with every bias, whatever its mask says."""

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        weights = {name: mask for name, mask in masks.items() if name.endswith(".weight")}
        return super().loss_and_grads(network, params, weights, x, labels)


class _Penalised(Reference):
    """Add the number of removed entries to the loss."""

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, masks, x, labels)
        return loss + sum(int((~mask).sum()) for mask in masks.values()), grads


class _StraightThrough(Reference):
    """Take the loss of the masked network and the gradients of the dense one."""

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        loss, _ = super().loss_and_grads(network, params, masks, x, labels)
        return loss, super().loss_and_grads(network, params, {}, x, labels)[1]


class _Claims(Reference):
    """Claim that gradients stop at the mask; they do not."""

    declaration = replace(Reference.declaration, gradients="masked")


class _ClaimsDense(Reference):
    """Claim gradients of what is not there, and return 0."""

    declaration = replace(Reference.declaration, gradients="dense")

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, masks, x, labels)
        return loss, {name: grad * masks.get(name, 1) for name, grad in grads.items()}


def _weights_downstream(network: Any) -> Any:
    """Take what comes before the first weight for data."""
    plain = tuple(node for node in network if not isinstance(node, BatchNorm))
    behind = _downstream(plain)
    for node in network:
        if isinstance(node, BatchNorm) and behind.intersection(node.inputs):
            behind.add(node.name)
    return behind


def _two_of_three(network: Any, params: Any, values: Any, caches: Any, dvalues: Any) -> Any:
    """Leave out the third time that a node reads the same value."""
    cut = tuple(
        replace(node, inputs=tuple(name for at, name in enumerate(node.inputs) if node.inputs[:at].count(name) < 2))
        for node in network
    )
    fewer = {node.name: len(node.inputs) for node in cut if isinstance(node, Add)}
    return _run_back(cut, params, values, {**caches, **fewer}, dvalues)


def _two_uses_of_three(network: Any, params: Any, values: Any, caches: Any, dvalues: Any) -> Any:
    """Leave out what comes back from the first of three uses of a parameter."""
    grads = _run_back(network, params, values, caches, dict(dvalues))
    uses = Counter(node.shares for node in network if getattr(node, "shares", ""))
    return {name: grad * 2 / 3 if uses[name.rsplit(".", 1)[0]] == 2 else grad for name, grad in grads.items()}


def _rate_by_default(node: Any, x: Any, params: Any, kept: Any) -> Any:
    """Drop at one half, whatever the rate."""
    return _training_node(replace(node, rate=0.5) if isinstance(node, Dropout) else node, x, params, kept)


def _first_mask(node: Any, x: Any, params: Any, kept: Any) -> Any:
    """Take the first mask for every dropout."""
    first = kept and next(iter(kept.values()))
    return _training_node(node, x, params, {node.name: first} if kept and isinstance(node, Dropout) else kept)


def _first_momentum(network: Any, params: Any, values: Any) -> Any:
    """Take the momentum of the first normalisation for all."""
    momenta = [node.momentum for node in network if isinstance(node, BatchNorm)]
    same = tuple(replace(node, momentum=momenta[0]) if isinstance(node, BatchNorm) else node for node in network)
    return _statistics(same, params, values)


def _first_batch(network: Any, params: Any, values: Any) -> Any:
    """Take the moments of what the first normalisation reads for all."""
    read = [node.inputs[0] for node in network if isinstance(node, BatchNorm)]
    return _statistics(network, params, {**values, **dict.fromkeys(read, values[read[0]] if read else None)})


class _GammasLeft(Reference):
    """Run with every gamma and beta, whatever their masks say."""

    def loss_and_grads(self, network: Any, params: Any, masks: Any, x: Any, labels: Any) -> Any:
        known = {name: mask for name, mask in masks.items() if not name.endswith((".gamma", ".beta"))}
        return super().loss_and_grads(network, params, known, x, labels)


MUTANTS = (
    Mutant("gradients said to be masked", "BAC-08", "a declaration that is not kept", backend=_Claims()),
    Mutant("gradients said to be dense", "BAC-08", "autograd through the product; torch", backend=_ClaimsDense()),
    Mutant("all axes turned", "BAC-01", ".T for moveaxis", {f"{BACKPROP}.forward": _all_axes_turned}),
    Mutant("logits with the batch last", "BAC-01", "(classes, N)", {f"{BACKPROP}.forward": _batch_last}),
    Mutant("probabilities", "BAC-01", "softmax applied to the logits", {f"{BACKPROP}.forward": _softmaxed}),
    Mutant("rest of the slices", "BAC-01", "only whole slices run", {f"{BACKPROP}.forward": _first_slice_only}),
    Mutant("uneven batch cut", "BAC-02", "drops the last", {f"{BACKPROP}.loss_and_grads": _last_example_lost}),
    Mutant("descent for gradient", "BAC-03", "the sign", {f"{BACKPROP}.loss_and_grads": _descent}),
    Mutant("unread layer left out", "BAC-04", "keys are missing", {f"{BACKPROP}._run_back": _only_read}),
    Mutant("gradients in float64", "BAC-04", "widened on the way", {f"{BACKPROP}.loss_and_grads": _in_float64}),
    Mutant("second reader wins", "BAC-05", "= for +=", {f"{BACKPROP}._run_back": _last_reader_only}),
    Mutant("empty batch runs", "BAC-06", "the mean of nothing", {f"{BACKPROP}._check_run": _empty_batch_runs}),
    Mutant("dtypes mix", "BAC-06", "float32 and float64 in one run", {f"{BACKPROP}._check_run": _dtypes_mix}),
    Mutant("shapes unchecked", "BAC-06", "examples broadcast", {f"{BACKPROP}._check_run": _shapes_broadcast}),
    Mutant("negative labels wrap", "BAC-06", "labels as indices", {f"{BACKPROP}.check_labels": _labels_wrap}),
    Mutant("labels cast", "BAC-06", "True and 1.5 as classes", {f"{BACKPROP}.check_labels": _labels_cast}),
    Mutant("batch changed", "BAC-07", "works in the caller's x", {f"{BACKPROP}.forward": _in_place}),
    Mutant("nothing dropped", "BAC-09", "training runs as if in use", {f"{BACKPROP}._run": _nothing_dropped}),
    Mutant("dropout unchecked", "BAC-09", "masks of other nodes", {f"{BACKPROP}.check_kept": lambda *given: None}),
    Mutant("frozen normalisation", "BAC-10", "running statistics in training", {NODE: _always_running}),
    Mutant("normalised by the batch in use", "BAC-10", "no switch between the two", {NODE: _always_batch}),
    Mutant("statistics stand still", "BAC-10", "given ones", {f"{BACKPROP}._statistics": _statistics_forgotten}),
    Mutant("one entry normalised", "BAC-10", "0/0", {f"{BACKPROP}.check_normalised": lambda *given: None}),
    Mutant("one use of a shared weight", "BAC-11", "= for +=", {f"{BACKPROP}._run_back": _first_use_only}),
    Mutant("masks left out", "BAC-08", "the dense network runs", backend=_Unmasked()),
    Mutant("masks of biases left out", "BAC-08", "only weights are masked", backend=_WeightsMasked()),
    Mutant("loss counts the removed", "BAC-08", "a penalty in the loss", backend=_Penalised()),
    Mutant("gradients straight through", "BAC-08", "those of the dense network", backend=_StraightThrough()),
    Mutant(
        "normalised data has no gradients",
        "BAC-03",
        "gamma and beta before the first weight",
        {f"{BACKPROP}._downstream_of_parameters": _weights_downstream},
    ),
    Mutant(
        "two readers of three", "BAC-05", "a pair is all that was thought of", {f"{BACKPROP}._run_back": _two_of_three}
    ),
    Mutant("masks of gamma left out", "BAC-08", "M39: normalisations are not masked", backend=_GammasLeft()),
    Mutant("rate by default", "BAC-09", "one half", {NODE: _rate_by_default}),
    Mutant("first mask for all dropouts", "BAC-09", "one mask is kept", {NODE: _first_mask}),
    Mutant("first momentum for all", "BAC-10", "one momentum is kept", {f"{BACKPROP}._statistics": _first_momentum}),
    Mutant(
        "first batch for all", "BAC-10", "moments of another normalisation", {f"{BACKPROP}._statistics": _first_batch}
    ),
    Mutant(
        "two uses of three",
        "BAC-11",
        "a pair is all that was thought of",
        {f"{BACKPROP}._run_back": _two_uses_of_three},
    ),
)
