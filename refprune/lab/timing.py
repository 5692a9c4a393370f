"""Seconds per batch, measured: does a mask save time, does physical removal?

In: the folder of a run. Out: seconds of one forward pass of each network on disk, one thread: of the reference, and
of onnxruntime, where that and onnx are installed.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from refprune.arrays import Array
from refprune.backprop import forward
from refprune.lab.exchange.to_onnx import to_onnx
from refprune.lab.extras import installed
from refprune.lab.folder import STATES, Stored, load_state

BATCH, REPEATS = 64, 21
"""Examples in the batch that is measured, and how often each network is given it."""
REFERENCE, ONNXRUNTIME = "seconds_per_batch", "seconds_per_batch_onnxruntime"
"""What the figures are called in results.json."""
SPREAD = "_spread"
"""How the name of a figure goes on that says how far apart its quartiles are: what else ran is seen there."""
Pass = Callable[[Array], object]
"""A forward pass of one network."""


class Measured(NamedTuple):
    """Seconds of one seed: state -> REFERENCE and, where it was measured, ONNXRUNTIME, each also with SPREAD behind."""

    seconds: dict[str, dict[str, float]]
    missing: str
    """Why onnxruntime, which is installed, took none of it; empty where there is nothing to say."""


def seconds_per_batch(folder: Path, network: str, seed: int, images: Array) -> Measured:
    """Return the median seconds of a forward pass of dense, pruned and compact, measured in turn, and their spread.

    Args:
        folder: of a run.
        network: which of its networks.
        seed: which of its seeds.
        images: (N, C, H, W); the first BATCH of them are the batch.
    """
    stored = {state: load_state(folder, network, seed, state) for state in STATES}
    passes, missing = {REFERENCE: {state: _reference(one) for state, one in stored.items()}}, ""
    if installed("onnx") and installed("onnxruntime"):
        try:
            passes[ONNXRUNTIME] = {state: _session(one) for state, one in stored.items()}
        except Exception as error:  # noqa: BLE001  of many kinds, for a convolution in float64 to begin with
            missing = (str(error) or type(error).__name__).splitlines()[0]
    seconds: dict[str, dict[str, float]] = {state: {} for state in STATES}
    for figure, own in passes.items():
        for state, taken in _in_turn(own, images[:BATCH]).items():
            first, _, third = quantiles(taken, n=4)
            seconds[state] |= {figure: median(taken), figure + SPREAD: third - first}
    return Measured(seconds, missing)


def _in_turn(passes: Mapping[str, Pass], batch: Array) -> dict[str, list[float]]:
    """Return the seconds that each of these passes took, REPEATS times; one more, the first of each, is the warm-up."""
    taken: dict[str, list[float]] = {state: [] for state in passes}
    for _ in range(REPEATS + 1):
        for state, one in passes.items():
            began = time.perf_counter()
            one(batch)
            taken[state].append(time.perf_counter() - began)
    return {state: seconds[1:] for state, seconds in taken.items()}


def _reference(stored: Stored) -> Pass:
    return lambda batch: forward(stored.network, stored.params, batch)


def _session(stored: Stored) -> Pass:
    """Return the forward pass of a network in onnxruntime, on one thread of the processor."""
    import onnxruntime  # type: ignore[import-untyped]

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it cannot do is raised
    model = to_onnx(stored.network, stored.params).SerializeToString()
    session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {stored.network[0].name: batch})
