"""What is measured: two sides, the proof that they do the same, and the operation whose memory counts."""

from collections.abc import Callable
from typing import NamedTuple

from spec_tests.benchmarks.clock import Side, Work


class Memory(NamedTuple):
    """An operation, and by how many weights its extra bytes are divided."""

    work: Work
    weights: int


class Comparison(NamedTuple):
    """Ours and theirs on the same arrays."""

    ours: Side
    theirs: Side
    check: Callable[[], None]
    """Runs both sides and raises Different unless they compute the same thing."""
    memory: Memory | None = None
    """Our side's operation, where its memory is of interest."""


Build = Callable[[int], Comparison]
"""Size (examples in a batch, or weights) -> what is compared; nothing is drawn or copied before."""
