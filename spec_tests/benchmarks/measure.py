"""One case, measured in a process of its own: what ran before cannot have warmed or filled anything.

In: the name of a case and a number of pairs, on the command line. Out: its record, as JSON on one line.
The process that starts this one sets the thread variables: BLAS reads them once, when NumPy is imported; and
those of the C library's memory, which reads them before Python starts.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
from typing import Any

from refprune.lab.results import MEMORY_VARIABLES, THREAD_VARIABLES
from spec_tests.benchmarks.cases import CASES, Case
from spec_tests.benchmarks.clock import LEAST_PAIRS, alternate, extra_bytes, summarise
from spec_tests.benchmarks.same import Different
from spec_tests.kit.coverage import ROOT

Record = dict[str, Any]


class MeasurementFailed(Exception):
    """A case could not be measured; says what its process said."""


def measured(case: Case, pairs: int) -> Record:
    """Return the record of a case, measured in a process of its own with one BLAS thread.

    Raises:
        MeasurementFailed: the two sides do not compute the same thing, or the process died.
    """
    command = [sys.executable, "-m", "spec_tests.benchmarks.measure", case.name, str(pairs)]
    variables = os.environ | dict.fromkeys(THREAD_VARIABLES, "1") | (MEMORY_VARIABLES if case.memory_kept else {})
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MeasurementFailed(f"{case.name}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def record(case: Case, pairs: int) -> Record:
    """Check that both sides of a case agree, time them, and then count the bytes of ours.

    Raises:
        Different: they do not.
    """
    comparison = case.build(case.size)
    comparison.check()
    # A side that is run once for each preparation takes seconds, and its own noise is small.
    pairs = LEAST_PAIRS if comparison.theirs.once else pairs
    timing = summarise(alternate(comparison.ours, comparison.theirs, pairs))
    memory = comparison.memory
    return {
        "ratio": _rounded(timing.ratio),
        "peer": f"torch {importlib.metadata.version('torch')} {case.peer}" if case.torch else case.peer,
        "spread": [_rounded(quartile) for quartile in timing.spread],
        "bytes_per_weight": _rounded(extra_bytes(memory.work) / memory.weights) if memory else None,
        "ours_seconds": _rounded(timing.ours),
        "theirs_seconds": _rounded(timing.theirs),
        "pairs": pairs,
    }


def _rounded(number: float) -> float:
    """Return four digits: more would be noise."""
    return float(f"{number:.4g}")


def main(name: str, pairs: str) -> int:
    """Print the record of a case; 1 when its sides differ."""
    case = next(case for case in CASES if case.name == name)
    try:
        print(json.dumps(record(case, int(pairs))))
    except Different as error:
        print(f"refused: the two sides differ: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
