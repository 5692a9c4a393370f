"""Sparsity as a function of the step.

In: a step t, counted in optimiser updates (or rounds). Out: the sparsity to reach, and the steps that fire.
Specification: docs/spec/schedules.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from refprune.errors import InvalidInput, check_fraction, check_integer

Curve = Callable[[float, float, float], float]
"""(initial sparsity, final sparsity, progress strictly between 0 and 1) -> sparsity."""


def linear(initial: float, final: float, progress: float) -> float:
    """Return `initial + (final - initial) p`."""
    return initial + (final - initial) * progress  # SCH-03


def cubic(initial: float, final: float, progress: float) -> float:
    """Return `initial + (final - initial) (1 - (1 - p)^3)`: fast at first, slow at the end [Zhu2017]."""
    return initial + (final - initial) * (1 - (1 - progress) ** 3)  # SCH-04


def geometric(initial: float, final: float, progress: float) -> float:
    """Return `1 - (1 - initial) ((1 - final) / (1 - initial))^p`: the same fraction of the rest each time.

    From 0 this is `1 - (1 - final)^p` [Frankle2019]. Towards 1 everything goes at once.
    """
    if initial == final:
        return final
    kept: float = (1 - initial) * ((1 - final) / (1 - initial)) ** progress
    return 1 - kept  # SCH-05


CURVES: Mapping[str, Curve] = {"linear": linear, "cubic": cubic, "geometric": geometric}
"""What the command line calls each curve. One-shot is any curve whose begin is its end."""


@dataclass(frozen=True)
class Schedule:
    """A curve between two steps; it fires at begin, begin + every, ..., and always at end.

    Raises:
        InvalidInput: sparsities outside 0 <= initial <= final <= 1, steps outside 0 <= begin <= end, every < 1.
    """

    curve: Curve
    final: float
    """Sparsity from `end` on, a fraction."""
    end: int
    """Updates done when the final sparsity is reached."""
    initial: float = 0.0
    """Sparsity until `begin`, a fraction."""
    begin: int = 0
    """Updates done when pruning starts."""
    every: int = 1
    """Updates from one pruning to the next."""

    def __post_init__(self) -> None:
        """Refuse what could never fire or would not be monotone."""
        for name in ("initial", "final"):
            check_fraction(f"schedule's {name} sparsity", getattr(self, name))
        for name, least in (("begin", 0), ("end", self.begin), ("every", 1)):
            value = check_integer(f"schedule's {name}", getattr(self, name), least)  # SCH-07
            object.__setattr__(self, name, value)
        if self.initial > self.final:
            raise InvalidInput("schedule", f"{self.initial} falling to {self.final}", "initial <= final")  # SCH-07


def one_shot(final: float, step: int = 0) -> Schedule:
    """Return the schedule that fires once, at `step`, with `final`."""
    return Schedule(linear, final, end=step, begin=step)  # SCH-10


def sparsity_at(schedule: Schedule, step: int) -> float:
    """Return the sparsity at `step`: final from end on, initial until begin, both exactly as given.

    Always a float: an int would be read as a count of entries.
    """
    initial, final = float(schedule.initial), float(schedule.final)  # SCH-09
    if step >= schedule.end:
        return final  # SCH-01
    if step <= schedule.begin:
        return initial  # SCH-01
    progress = (step - schedule.begin) / (schedule.end - schedule.begin)
    return min(max(schedule.curve(initial, final, progress), initial), final)  # SCH-02


def firing_steps(schedule: Schedule, steps: int) -> tuple[int, ...]:
    """Return the steps, in a run of `steps` updates, after which pruning happens.

    Step t is the moment after t updates; step 0 is before the first.

    Raises:
        InvalidInput: the run ends before the schedule does, so the final sparsity would never be reached.
    """
    steps = check_integer("steps of the run", steps, least=0)
    if steps < schedule.end:  # SCH-07
        raise InvalidInput("schedule", f"end {schedule.end} in a run of {steps} steps", "end within the run")
    regular = range(schedule.begin, schedule.end, schedule.every)
    return (*regular, schedule.end)  # SCH-06


def rounds(curve: Curve, final: float, count: int) -> tuple[float, ...]:
    """Return the sparsity of each of `count` rounds: t = 1 ... count of [0, count].

    Raises:
        InvalidInput: count < 1, or a sparsity outside [0, 1].
    """
    count = check_integer("rounds", count, least=1)
    schedule = Schedule(curve, final, end=count)
    return tuple(sparsity_at(schedule, step) for step in range(1, count + 1))  # SCH-08
