"""How a run is seen while it runs: live bars on a terminal with `rich`, plain lines everywhere else.

In: Progress, one after another, from all runs. Out: what stands on the screen.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from refprune.lab.extras import installed

SILENCE = 10.0
"""Seconds after which a run that has reached nothing worth a line says where it is."""


@dataclass(frozen=True)
class Progress:
    """Where one run stands."""

    network: str
    seed: int
    updates: int
    """Updates of the parameters so far."""
    of: int
    """Updates of the whole run."""
    phase: str
    """What is being done, such as `training` or `round 2 of 4`."""
    loss: float | None = None
    """Of the last batch."""
    accuracy: float | None = None
    """On the validation part, when last measured."""
    sparsity: float = 0.0
    """Fraction of the weights that is removed."""
    reached: str = ""
    """What has just been reached, in words; empty between two such points."""


Show = Callable[[Progress], None]


@contextmanager
def shown(jobs: Sequence[tuple[str, int]], *, quiet: bool) -> Iterator[Show]:
    """Give what shows the progress of these (network, seed): nothing, plain lines, or live bars on a terminal."""
    if quiet:
        yield lambda progress: None  # noqa: ARG005  nothing is shown of it
    elif installed("rich") and sys.stdout.isatty():
        with _live(jobs) as show:
            yield show
    else:
        yield _Lines()


class _Lines:
    """Plain lines: what was reached, and a sign of life where nothing is reached for long."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], float] = {}

    def __call__(self, progress: Progress) -> None:
        run, now = (progress.network, progress.seed), time.monotonic()
        if progress.reached or now - self._last.setdefault(run, now) > SILENCE:
            self._last[run] = now
            print(f"{progress.network:<14} seed {progress.seed}: {progress.reached or _where(progress)}", flush=True)


def _where(progress: Progress) -> str:
    """Say where a run is."""
    loss = "" if progress.loss is None else f", loss {progress.loss:.4f}"
    return f"{progress.phase}, update {progress.updates:,} of {progress.of:,}{loss}"


@contextmanager
def _live(jobs: Sequence[tuple[str, int]]) -> Iterator[Show]:
    """Give what moves one bar a run, and one of all runs, by their updates."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    # What a run is doing stands last and gives way on a narrow screen; names, bars and times keep their width.
    name, bar, share, left = (Column(no_wrap=True, min_width=width) for width in (20, 16, 4, 5))
    columns: list[Any] = [TextColumn("{task.description}", table_column=name)]
    columns += [BarColumn(bar_width=16, table_column=bar), TaskProgressColumn(table_column=share)]
    columns += [TimeRemainingColumn(compact=True, table_column=left)]
    columns += [TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))]
    with Bars(*columns, expand=True) as bars:
        whole = bars.add_task("all runs", total=len(jobs), now="")
        tasks = {job: bars.add_task(f"{job[0]} seed {job[1]}", total=1.0, visible=False, now="") for job in jobs}
        parts = dict.fromkeys(jobs, 0.0)

        def show(progress: Progress) -> None:
            job = (progress.network, progress.seed)
            parts[job] = progress.updates / max(progress.of, 1)
            bars.update(whole, completed=sum(parts.values()))
            bars.update(tasks[job], completed=parts[job], visible=parts[job] < 1, now=_now(progress))
            if progress.reached and parts[job] >= 1:
                bars.console.print(f"{job[0]} seed {job[1]}: {progress.reached}", highlight=False)

        yield show


def _now(progress: Progress) -> str:
    """Say where a run is, in a line beside its bar: what matters most first."""
    parts = [
        progress.phase,
        "" if progress.accuracy is None else f"accuracy {progress.accuracy:.4f}",
        f"sparsity {progress.sparsity:.2f}",
        "" if progress.loss is None else f"loss {progress.loss:.3f}",
    ]
    return ", ".join(part for part in parts if part)
