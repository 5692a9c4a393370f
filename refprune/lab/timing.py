"""Seconds per batch, measured: does a mask save time, does physical removal?

In: the folder of a run. Out: seconds of one forward pass of each network on disk, one thread: of the reference, and
of onnxruntime, where that and onnx are installed.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from refprune.arrays import Array
from refprune.backprop import forward
from refprune.lab.exchange.to_onnx import to_onnx
from refprune.lab.extras import installed
from refprune.lab.folder import STATES, Stored, load_state

BATCH, REPEATS = 64, 21
"""Examples in the batch that is measured, and how often each network is given it."""
REFERENCE, ONNXRUNTIME = "seconds_per_batch", "seconds_per_batch_onnxruntime"
"""What the figures are called in results.json."""
Pass = Callable[[Array], object]
"""A forward pass of one network."""


def seconds_per_batch(folder: Path, network: str, seed: int, images: Array) -> dict[str, dict[str, float]]:
    """Return the median seconds of a forward pass of dense, pruned and compact, measured in turn.

    Args:
        folder: of a run.
        network: which of its networks.
        seed: which of its seeds.
        images: (N, C, H, W); the first BATCH of them are the batch.

    Returns:
        State -> REFERENCE and, where onnxruntime takes all three, ONNXRUNTIME -> seconds.
    """
    stored = {state: load_state(folder, network, seed, state) for state in STATES}
    passes = {REFERENCE: {state: _reference(one) for state, one in stored.items()}}
    if installed("onnx") and installed("onnxruntime"):
        passes |= _onnxruntime(stored)
    taken = {figure: _in_turn(own, images[:BATCH]) for figure, own in passes.items()}
    return {state: {figure: seconds[state] for figure, seconds in taken.items()} for state in STATES}


def _in_turn(passes: Mapping[str, Pass], batch: Array) -> dict[str, float]:
    """Return the median seconds of each of these passes; the first of each is the warm-up."""
    taken: dict[str, list[float]] = {state: [] for state in passes}
    for _ in range(REPEATS + 1):
        for state, one in passes.items():
            began = time.perf_counter()
            one(batch)
            taken[state].append(time.perf_counter() - began)
    return {state: median(seconds[1:]) for state, seconds in taken.items()}


def _reference(stored: Stored) -> Pass:
    return lambda batch: forward(stored.network, stored.params, batch)


def _onnxruntime(stored: Mapping[str, Stored]) -> dict[str, dict[str, Pass]]:
    """Return the passes of onnxruntime; none where it, or ONNX, has no form for one of the networks."""
    try:
        return {ONNXRUNTIME: {state: _session(one) for state, one in stored.items()}}
    except Exception:  # noqa: BLE001  of many kinds, for a convolution in float64 to begin with; the run goes on
        return {}


def _session(stored: Stored) -> Pass:
    """Return the forward pass of a network in onnxruntime, on one thread of the processor."""
    import onnxruntime  # type: ignore[import-untyped]

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it cannot do is raised
    model = to_onnx(stored.network, stored.params).SerializeToString()
    session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {stored.network[0].name: batch})
