"""results.json and the table: the figures of several seeds, with the environment they were made in."""

import errno
import json
import os
import platform
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import refprune

ROWS = {
    "dense": "dense",
    "pruned": "pruned_before_retraining",
    "retrained": "pruned",
    "compacted": "compact",
}
"""Row of the table -> key in results.json (`pruned` there is after retraining)."""
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one network with every number as `{"mean": m, "seeds": [...]}`, seeds in order."""
    first = runs[0]
    merged: dict[str, Any] = {}
    for key, value in first.items():
        values = [run[key] for run in runs]
        if isinstance(value, dict):
            merged[key] = over_seeds(values)
        elif isinstance(value, list):
            merged[key] = [over_seeds(list(entries)) for entries in zip(*values, strict=True)]
        else:
            merged[key] = {"mean": fmean(values), "seeds": values}
    return merged


def environment() -> dict[str, Any]:
    """Return what a figure depends on besides the code."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return {
        "refprune": refprune.__version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in THREAD_VARIABLES},
    }


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written to, without making anything: a run should not end with this.

    Raises:
        OSError: it is a folder, or the nearest folder above it that exists is none, or is read-only.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "cannot write results", str(path))
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "cannot write results below", str(above))
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot write results to", str(above))


def write_atomically(path: Path, document: dict[str, Any]) -> None:
    """Write JSON so that `path` holds either all of it or what it held before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def table(networks: dict[str, Any]) -> str:
    """Return the figures as plain text, one row for each state of each network."""
    lines = [f"{'network':<15}{'row':<11}{'accuracy':>9}{'worst':>8}{'sparsity':>10}{'parameters':>12}{'MACs':>12}"]
    for name, figures in networks.items():
        for row, key in ROWS.items():
            entry = figures[key]
            lines.append(
                f"{name:<15}{row:<11}{entry['accuracy']['mean']:>9.4f}{min(entry['accuracy']['seeds']):>8.4f}"
                f"{entry['sparsity']['mean']:>10.4f}{entry['parameters']['mean']:>12,.0f}{entry['macs']['mean']:>12,.0f}"
            )
    return "\n".join(lines)
