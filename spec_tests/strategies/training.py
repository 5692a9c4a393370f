"""Training cases: straight ones, whose gradients are known in advance, and small chains.

A straight case is one dense layer with two classes. The last feature is always 1 and its weight so large that the
logits differ by more than 1000: the softmax is exactly (1, 0) in float32 and float64. With every label 1, the
gradient of row 0 is the mean of the batch's examples, of row 1 its negative, of the bias (1, -1), whatever the
other weights are. With small dyadic numbers every update of SGD is then exact, in any order of its operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from refprune.network import Dense, Input, build
from spec_tests.adapter import OptimiserSpec, TrainCase
from spec_tests.strategies.networks import Drawn, chains, masks_of

ANCHOR = 2.0**14
"""The weight that keeps the logits apart: under any decay drawn here it stays above 1000."""


def straight(
    weights: Sequence[float],
    gradients: Sequence[Sequence[float]],
    optimiser: OptimiserSpec,
    keeps: Sequence[int] | None = None,
    prune_at: int = 0,
    dtype: DTypeLike = np.float64,
) -> TrainCase:
    """Return the case whose row 0 starts at these weights and gets these gradients, one list for each update."""
    width = len(weights)
    weight = np.array([[*weights, ANCHOR], [0.0] * (width + 1)], dtype)
    x = np.array([[*row, 1.0] for row in gradients], dtype).reshape(-1, width + 1)
    mask = None if keeps is None else np.array([[*keeps, 1], [1] * (width + 1)], bool)
    return TrainCase(
        network=build(Input("image", (width + 1,)), Dense("out")),
        params={"out.weight": weight, "out.bias": np.zeros(2, dtype)},
        x=x,
        labels=np.ones(len(x), np.int64),
        batches=tuple(np.array([row]) for row in range(len(x))),
        optimiser=optimiser,
        masks={} if mask is None else {"out.weight": mask},
        prune_at=prune_at,
    )


def straight_gradients(case: TrainCase, number: int) -> Mapping[str, Any]:
    """Return the gradients of update `number` (from 1) of a straight case, from its examples alone."""
    rows = case.x[case.batches[number - 1]].astype(np.float64)
    mean = [sum(column) / len(rows) for column in rows.T.tolist()]
    return {"out.weight": np.array([mean, [-value for value in mean]]), "out.bias": np.array([1.0, -1.0])}


@st.composite
def sgd_specs(draw: st.DrawFn, *names: str, decays: Sequence[float] = (0.0, 0.25)) -> OptimiserSpec:
    """Draw dyadic numbers: five updates of them from small integers are exact in float64."""
    name: Any = draw(st.sampled_from(names or ("sgd", "nesterov")))
    momentum, decay = draw(_momenta(name, 0.0, 0.5)), draw(st.sampled_from(decays))
    return OptimiserSpec(name, draw(st.sampled_from((0.5, 0.25))), momentum, decay)


@st.composite
def straight_cases(draw: st.DrawFn, optimisers: st.SearchStrategy[OptimiserSpec]) -> TrainCase:
    """Draw one to three weights, one to five updates, batches of one or two examples, pruning anywhere."""
    width = draw(st.integers(1, 3))
    small = st.integers(-4, 4).map(float)
    rows = draw(st.lists(st.lists(small, min_size=width, max_size=width), min_size=1, max_size=5))
    plain = straight(draw(st.lists(small, min_size=width, max_size=width)), rows, draw(optimisers))
    examples = st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=2).map(np.array)
    batches = draw(st.lists(examples, min_size=1, max_size=5))
    return TrainCase(
        plain.network,
        plain.params,
        plain.x,
        plain.labels,
        tuple(batches),
        plain.optimiser,
        draw(straight_masks(width)),
        draw(st.integers(0, len(batches))),
    )


def dense_cases(optimisers: st.SearchStrategy[OptimiserSpec]) -> st.SearchStrategy[TrainCase]:
    """Draw straight cases in which nothing is ever removed: what masks do is told by TRN-06 to TRN-08."""
    return straight_cases(optimisers).map(lambda case: replace(case, masks={}, prune_at=0))


@st.composite
def straight_masks(draw: st.DrawFn, width: int) -> dict[str, Any]:
    """Draw masks of everything but the anchor: nothing kept, all kept, some; the bias too, or no mask at all."""
    flags = draw(st.one_of(st.just([0] * 8), st.just([1] * 8), st.lists(st.integers(0, 1), min_size=8, max_size=8)))
    weight = np.array([[*flags[:width], 1], [*flags[3 : 3 + width], flags[0]]], bool)
    masks = {"out.weight": weight, "out.bias": np.array(flags[6:], bool)}
    return {name: mask for name, mask in masks.items() if draw(st.booleans())}


def _momenta(name: str, *values: float) -> st.SearchStrategy[float]:
    """Draw a momentum of these; Nesterov's without any is SGD, and libraries refuse to call it otherwise."""
    return st.sampled_from([value for value in values if value or name != "nesterov"])


@st.composite
def specs(draw: st.DrawFn, *names: str) -> OptimiserSpec:
    """Draw any optimiser with rates so small that nothing overflows."""
    name: Any = draw(st.sampled_from(names or ("sgd", "nesterov", "adam", "adamw")))
    return OptimiserSpec(
        name,
        rate=draw(st.sampled_from((0.001, 0.01))),
        momentum=draw(_momenta(name, 0.0, 0.5, 0.9)),
        weight_decay=draw(st.sampled_from((0.0, 0.01, 0.5))),
        beta1=draw(st.sampled_from((0.0, 0.5, 0.9))),
        beta2=draw(st.sampled_from((0.5, 0.75, 0.999))),
        eps=draw(st.sampled_from((1e-8, 1e-3, 1.0))),
    )


@st.composite
def chain_cases(
    draw: st.DrawFn, optimisers: st.SearchStrategy[OptimiserSpec] | None = None, dtype: DTypeLike = np.float64
) -> TrainCase:
    """Draw a small chain with one to four batches, masks of weights and biases, pruning anywhere in the run."""
    drawn: Drawn = draw(chains(dtype, integers=draw(st.booleans())))
    examples = st.lists(st.integers(0, len(drawn.x) - 1), min_size=1, max_size=3).map(np.array)
    batches = draw(st.lists(examples, min_size=1, max_size=4))
    return TrainCase(
        drawn.network,
        drawn.params,
        drawn.x,
        drawn.labels,
        tuple(batches),
        draw(specs() if optimisers is None else optimisers),
        draw(masks_of(drawn.params)),
        draw(st.integers(0, len(batches))),
    )
