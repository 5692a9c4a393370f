"""results.json and the table: the figures of several seeds, with the environment they were made in."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

import refprune
from refprune.lab.extras import installed
from refprune.lab.folder import STATES
from refprune.lab.report.wording import BYTES, COUNT, in_unit, ratios, three_figures

ROWS = {
    "dense": "dense",
    "unretrained": "pruned_before_retraining",
    "pruned": "pruned",
    "compact": "compact",
}
"""Row of the table -> key in results.json: `pruned` is after retraining."""
WIDE = 96
"""Columns of a terminal that the tables with frames need."""


class Cost(NamedTuple):
    """A column of the table of cost: its heading, and how a figure is written, three digits of it."""

    words: str
    write: Callable[[float], str]


COSTS = {
    "bytes_file": Cost("file", partial(in_unit, BYTES)),
    "macs": Cost("MACs", partial(in_unit, COUNT)),
    "seconds_per_batch": Cost("ms a batch", lambda seconds: three_figures(1000 * seconds)),
    "seconds_per_batch_onnxruntime": Cost("onnxruntime ms", lambda seconds: three_figures(1000 * seconds)),
}
"""Name of a figure in results.json -> its column."""
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
MEMORY_VARIABLES = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""Tell glibc to keep freed memory: handed back and taken again at each step, it costs lenet-5 a fifth of its time."""


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one network with every number as `{"mean": m, "seeds": [...]}`, seeds in order."""
    first = runs[0]
    merged: dict[str, Any] = {}
    for key, value in first.items():
        values = [run[key] for run in runs if key in run]
        if len(values) < len(runs):
            continue  # measured in some seeds only
        if isinstance(value, dict):
            merged[key] = over_seeds(values)
        elif isinstance(value, list):
            merged[key] = [over_seeds(list(entries)) for entries in zip(*values, strict=True)]
        else:
            merged[key] = {"mean": fmean(values), "seeds": values}
    return merged


def environment(measured: Iterable[str] = ()) -> dict[str, Any]:
    """Return what the figures depend on besides the code; `measured` names the packages that made some of them."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return {
        "refprune": refprune.__version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        **{package: version(package) for package in measured},
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in THREAD_VARIABLES},
        "memory": {name: os.environ.get(name) for name in MEMORY_VARIABLES},
    }


def print_table(networks: dict[str, Any]) -> None:
    """Print the figures: one row for each state of each network; below it, what each costs."""
    if installed("rich") and sys.stdout.isatty() and shutil.get_terminal_size().columns >= WIDE:
        _print_rich("accuracy on the test part, mean and worst of the seeds", _cells(networks))
        _print_rich("cost, and in times the dense network's; means of the seeds", _cost_cells(networks))
    else:
        print(f"{table(networks)}\n\n{cost_table(networks)}", flush=True)


def table(networks: dict[str, Any]) -> str:
    """Return the figures as plain text."""
    return _plain(_cells(networks), (-15, -12, 9, 8, 10, 12, 12))


def cost_table(networks: dict[str, Any]) -> str:
    """Return what each network costs as plain text, each figure also in times the dense network's."""
    return _plain(_cost_cells(networks), (-15, -8, 14, 13, 14, 15))


def _plain(cells: Iterable[tuple[str, ...]], widths: tuple[int, ...]) -> str:
    return "\n".join("".join(_padded(*cell) for cell in zip(row, widths, strict=False)) for row in cells)


def _padded(text: str, width: int) -> str:
    return text.ljust(-width) if width < 0 else text.rjust(width)


def _cells(networks: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's cells, the headings first."""
    cells: list[tuple[str, ...]] = [("network", "row", "accuracy", "worst", "sparsity", "parameters", "MACs")]
    for name, figures in networks.items():
        for row, key in ROWS.items():
            mean = {figure: value["mean"] for figure, value in figures[key].items()}
            worst = min(figures[key]["accuracy"]["seeds"])
            fractions = (f"{value:.4f}" for value in (mean["accuracy"], worst, mean["sparsity"]))
            cells.append((name, row, *fractions, f"{mean['parameters']:,.0f}", f"{mean['macs']:,.0f}"))
    return cells


def _cost_cells(networks: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the cells of what each network costs, the headings first; a column for what was measured anywhere."""
    measured = [name for name in COSTS if any(name in figures["dense"] for figures in networks.values())]
    cells: list[tuple[str, ...]] = [("network", "row", *(COSTS[name].words for name in measured))]
    for name, figures in networks.items():
        for row in STATES:
            own = (_cost_cell(cost, figures[row], figures["dense"]) for cost in measured)
            cells.append((name, row, *own))
    return cells


def _cost_cell(name: str, own: Mapping[str, Any], dense: Mapping[str, Any]) -> str:
    """Return a cost, and in times the dense network's; nothing where it was not measured."""
    if name not in own:
        return ""
    times = ratios(own[name], dense[name])[0]
    written = f"{times:.2f}" if times < 9.995 else three_figures(times)
    return f"{COSTS[name].write(own[name]['mean'])} {written}x"


def _print_rich(title: str, cells: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    heads, *rows = cells
    drawn = Table(title=title)
    for place, head in enumerate(heads):
        drawn.add_column(head, justify="left" if place < 2 else "right")
    for before, row, after in zip([heads, *rows], rows, [*rows[1:], heads], strict=False):
        drawn.add_row(row[0] if row[0] != before[0] else "", *row[1:], end_section=row[0] != after[0])
    Console().print(drawn)
