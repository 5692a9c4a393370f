"""Two works in alternation on the processor's clock, and the memory of one.

In: two sides, each a function that makes a work ready to run. Out: the median of their ratios with its
quartiles, the seconds of each, and the bytes that a work needs on top of what was there.
"""

import time
import tracemalloc
from collections.abc import Callable
from statistics import median, quantiles
from typing import NamedTuple

Work = Callable[[], object]
"""What is timed."""
Prepare = Callable[[], Work]
"""Returns a work that is ready to run; never timed."""
Clock = Callable[[], float]

LEAST_PAIRS = 7
"""Pairs of measurements, at least: the median has three on either side."""
ENOUGH = 0.1
"""Seconds a measurement lasts at least, so that neither the clock nor one interruption decides it."""


class Side(NamedTuple):
    """One of the two that are compared."""

    prepare: Prepare
    once: bool = False
    """The work uses up what was prepared: it is run once for each preparation, however short it is."""


class Pair(NamedTuple):
    """Seconds of one execution, measured one after the other."""

    ours: float
    theirs: float


class Timing(NamedTuple):
    """What the pairs say together."""

    ratio: float
    """The median over the pairs of ours / theirs."""
    spread: tuple[float, float]
    """The lower and the upper quartile of the same ratios: half of the pairs lie between."""
    ours: float
    """Median seconds."""
    theirs: float
    """Median seconds."""


def alternate(ours: Side, theirs: Side, pairs: int, clock: Clock = time.process_time) -> list[Pair]:
    """Return the seconds of each side, measured in turn; who comes first changes from pair to pair.

    The clock is that of the process: time in which other programs run does not count, that of every thread
    of this one does.
    """
    sides = (ours, theirs)
    repeats = [_enough_repeats(side, clock) for side in sides]  # also warms up
    measured: list[Pair] = []
    for number in range(pairs):
        seconds = [0.0, 0.0]
        for place in (0, 1) if number % 2 == 0 else (1, 0):
            seconds[place] = _seconds(sides[place], repeats[place], clock) / repeats[place]
        measured.append(Pair(*seconds))
    return measured


def _enough_repeats(side: Side, clock: Clock) -> int:
    """Return how many executions last ENOUGH, by doubling."""
    repeats = 1
    while not side.once and _seconds(side, repeats, clock) < ENOUGH:
        repeats *= 2
    return repeats


def _seconds(side: Side, repeats: int, clock: Clock) -> float:
    work = side.prepare()
    began = clock()
    for _ in range(repeats):
        work()
    return clock() - began


def summarise(pairs: list[Pair]) -> Timing:
    """Return the median ratio, its quartiles, and the median seconds of each side.

    >>> summarise([Pair(1.0, 2.0), Pair(3.0, 4.0), Pair(1.0, 1.0)])
    Timing(ratio=0.75, spread=(0.625, 0.875), ours=1.0, theirs=2.0)
    """
    ratios = [pair.ours / pair.theirs for pair in pairs]
    lower, _, upper = quantiles(ratios, n=4, method="inclusive")
    ours, theirs = (median(seconds) for seconds in zip(*pairs, strict=True))
    return Timing(median(ratios), (lower, upper), ours, theirs)


def extra_bytes(work: Work) -> int:
    """Return the peak of what a work allocates on top of what was there, its result included.

    Python's tracemalloc counts, and NumPy reports every array to it; scratch space that a sort in C takes
    and gives back is not an array. Counting slows the work down: never done in a run that is timed.
    """
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()  # what it returns is alive at the peak, or the peak came before
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before
