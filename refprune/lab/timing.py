"""Seconds per batch, measured: does a mask save time, does physical removal?

In: the folder of a run. Out: seconds of one forward pass of each network on disk, one BLAS thread.
"""

import time
from pathlib import Path
from statistics import median

from refprune.arrays import Array
from refprune.backprop import forward
from refprune.lab.folder import STATES, load_state

BATCH, REPEATS = 64, 21
"""Examples in the batch that is measured, and how often each network is given it."""


def seconds_per_batch(folder: Path, network: str, seed: int, images: Array) -> dict[str, float]:
    """Return the median seconds of a forward pass of dense, pruned and compact, measured in turn.

    Args:
        folder: of a run.
        network: which of its networks.
        seed: which of its seeds.
        images: (N, C, H, W); the first BATCH of them are the batch.
    """
    stored = {state: load_state(folder, network, seed, state) for state in STATES}
    taken: dict[str, list[float]] = {state: [] for state in STATES}
    for _ in range(REPEATS + 1):
        for state, (record, params, _) in stored.items():
            began = time.perf_counter()
            forward(record, params, images[:BATCH])
            taken[state].append(time.perf_counter() - began)
    return {state: median(seconds[1:]) for state, seconds in taken.items()}  # the first is the warm-up
