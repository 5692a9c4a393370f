"""What forward passes and gradients must satisfy: the loops of oracle/layers.py, and central differences."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from refprune.arrays import Array, Masks, Params
from refprune.network import Add, BatchNorm, Conv2d, Dense, DepthwiseConv2d, Node
from spec_tests.adapter import Backend, Declaration
from spec_tests.oracle import layers
from spec_tests.oracle.training import zeroed
from spec_tests.strategies.networks import Drawn
from spec_tests.verdicts import call, expect_close, expect_equal, fail

EPS = 2.0**-52
STEP = 1e-5
"""Half the width of a central difference of a loss; below MARGIN / 2 however it is passed on (see below)."""
MARGIN = 1e-3
"""Least distance of a drawn batch from a kink or a tie."""
NO_MASKS: Masks = {}
NORM = ("gamma", "beta", "running_mean", "running_var")


def check_forward(backend: Backend, drawn: Drawn) -> None:
    """Require the logits of the loops, for a network of integers whose every sum is exact."""
    should = np.array([list(one.values()) for one in layers.logits(drawn.network, drawn.params, drawn.x)])
    got = np.asarray(backend.forward(drawn.network, drawn.params, {}, drawn.x))
    said = call("forward", drawn.network, drawn.params, {}, drawn.x)
    if backend.declaration.exact:
        expect_equal(got, should, said)
    else:
        expect_close(got, should, rounding(drawn), said)


def rounding(drawn: Drawn) -> float:
    """Return how far the logits may be off in the dtype of x, whatever way a convolution is computed.

    Every value is bounded by the largest row of |w| times what bounds the layer's input, plus |b|. A sum of
    m < 2^10 products is within m ulps of that bound. A transform is within 4 log2(n) < 2^5 ulps of the norm of its
    n < 2^8 entries, which is below 2^4 times their bound: a convolution of three is within 2^11 ulps. Errors of
    one layer pass through the next as the values do, and there are at most 2^3 layers with weights: 2^14 ulps.
    """
    bounds = {drawn.network[0].name: float(abs(drawn.x.astype(np.float64)).max())}
    for node in drawn.network[1:]:
        bound = _bound(node, [bounds[name] for name in node.inputs], drawn.params)
        bounds |= dict.fromkeys(layers.values_of(node), bound)
    return float(2.0**14 * np.finfo(drawn.x.dtype).eps * max(1.0, *bounds.values()))


def _bound(node: Node, inputs: list[float], params: Params) -> float:
    """Return a bound on everything a node computes in evaluation from inputs with these bounds."""
    sizes = {name: abs(array.astype(np.float64)) for name, array in params.items()}
    if isinstance(node, Dense | Conv2d | DepthwiseConv2d):
        weight, bias = (sizes.get(f"{layers.owner_of(node)}.{part}", np.zeros(1)) for part in ("weight", "bias"))
        return float(weight.reshape(len(weight), -1).sum(axis=1).max() * inputs[0] + bias.max())
    if isinstance(node, BatchNorm):
        gamma, beta, mean, var = (sizes[f"{node.name}.{part}"] for part in NORM)
        return float((gamma * (inputs[0] + mean) / np.sqrt(var + node.eps) + beta).max())
    return sum(inputs) if isinstance(node, Add) else max(inputs)


def check_gradients(backend: Backend, drawn: Drawn, masks: Masks = NO_MASKS) -> None:
    """Require the loss and the gradients of the loops, for integers: kinks and ties are common and decided alike.

    The logits are exact. An exponent is within 2 ulps of the largest |logit| however it is shifted, so a
    probability is within 2 max|z| EPS of itself; each sum of m <= 2^9 products adds m ulps of its magnitudes.
    With masks they are those of the masked network; at removed entries they are what is declared.
    """
    params = zeroed(drawn.params, masks)
    loss, should = layers.gradients(drawn.network, params, drawn.x, drawn.labels)
    _, magnitudes = layers.gradients(drawn.network, params, drawn.x, drawn.labels, magnitudes=True)
    got_loss, got = backend.loss_and_grads(drawn.network, drawn.params, masks, drawn.x, drawn.labels)
    said = call("loss_and_grads", drawn.network, drawn.params, masks, drawn.x, drawn.labels)
    largest = max(abs(z) for one in layers.logits(drawn.network, params, drawn.x) for z in one.values())
    error = EPS * (2.0**10 + 8.0 * largest)
    expect_close(got_loss, loss, error * max(1.0, largest), said)
    check_keys(got, drawn.params, said)
    for name, values in should.items():
        bound = error * layers.array_of(magnitudes[name])
        check_removed(backend.declaration, got[name], masks.get(name), f"{name!r} of {said}")
        close = abs(np.asarray(got[name]) - layers.array_of(values)) <= bound
        judged = ... if backend.declaration.gradients == "dense" else masks.get(name, ...)
        if not close[judged].all():
            fail({name: got[name]}, {name: layers.array_of(values)}, said)


def check_removed(declaration: Declaration, grad: Any, mask: Any, said: str) -> None:
    """Require exactly 0 at removed entries, where that is declared."""
    if declaration.gradients == "masked" and mask is not None:
        removed = np.asarray(grad)[~mask]
        expect_equal(removed, np.zeros(removed.shape), f"removed entries of {said}")


def check_keys(grads: Any, params: Params, said: str) -> None:
    """Require gradients keyed and shaped as the parameters, running statistics apart."""
    shapes = {name: np.shape(array) for name, array in grads.items()}
    expect_equal(shapes, {name: array.shape for name, array in moving(params).items()}, f"the shapes of {said}")


def moving(params: Params) -> dict[str, Array]:
    """Return the parameters that gradients move."""
    return {name: array for name, array in params.items() if ".running_" not in name}


def check_differences(backend: Backend, drawn: Drawn, entries: Sequence[tuple[str, int]]) -> None:
    """Require |fd - g| <= 1e-7 max(1, |g|) at these entries (name, flat position), fd the central difference.

    For a `gentle` network of l <= 6 layers with weights, further than MARGIN from every kink and tie: the inputs
    of a layer are at most 6, and no layer enlarges a change, so one entry moved by STEP moves every value by at
    most 6e-5 and every difference of two by 1.2e-4: no kink and no tie is crossed, and the logits are linear in
    the entry, with slopes at most 6. The third derivative of log-sum-exp along slopes of range 12 is at most
    0.097 * 12^3 = 168, and STEP^2 / 6 * 168 = 3e-9. Rounding: a layer of fan-in m is within m * 2^-53 * 7, the
    fan-ins add up to at most 400, and the loss doubles that: 6.3e-13, over STEP 6.3e-8.
    """
    _, grads = backend.loss_and_grads(drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    said = call("loss_and_grads", drawn.network, drawn.params, {}, drawn.x, drawn.labels)
    check_keys(grads, drawn.params, said)
    for name, position in entries:
        got = float(np.asarray(grads[name]).ravel()[position])
        should = _difference(backend, drawn, name, position)
        if not abs(got - should) <= 1e-7 * max(1.0, abs(got)):
            fail(f"gradient {got} at entry {position} of {name!r}", f"{should} (central difference)", said)


def _difference(backend: Backend, drawn: Drawn, name: str, position: int) -> float:
    up, down = (moved(drawn.params[name], position, step) for step in (STEP, -STEP))
    losses = [
        backend.loss_and_grads(drawn.network, {**drawn.params, name: array}, {}, drawn.x, drawn.labels)[0]
        for array in (up, down)
    ]
    return (losses[0] - losses[1]) / float(up.ravel()[position] - down.ravel()[position])


def moved(array: Array, position: int, step: float) -> Array:
    """Return a copy with one entry moved."""
    other = array.copy()
    other.flat[position] += step
    return other


def some_entries(params: Params, rng: np.random.Generator, most: int) -> list[tuple[str, int]]:
    """Return up to `most` drawn entries, at least one of every array where there is room."""
    params = moving(params)
    everything = [(name, int(i)) for name, array in params.items() for i in rng.permutation(array.size)]
    first = [next(entry for entry in everything if entry[0] == name) for name in params]
    others = [entry for entry in everything if entry not in first]
    return (first + [others[i] for i in rng.permutation(len(others))])[:most]
