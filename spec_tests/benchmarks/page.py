"""The table, as text and as docs/results/speed.md.

In: cases and their records. Out: lines; whether a target is met is computed from them.
"""

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from refprune.lab.results import environment
from spec_tests.benchmarks.cases import CASES, Case
from spec_tests.benchmarks.measure import Record
from spec_tests.kit.coverage import ROOT

PAGE = ROOT / "docs" / "results" / "speed.md"
COMMAND = "python -m spec_tests.benchmarks --write"
EXPLANATION = """\
**time / peer** is the median, over the pairs, of our processor time divided by the peer's; in brackets the lower and
the upper quartile of the same ratios. Below 1 we are faster. The two sides take turns in one process, on one thread,
in float32, at least 7 pairs. Before that they are made to compute the same thing, and a case whose sides differ is
refused: parameters after three steps from the same weights, or the masks themselves.

A step is forward, loss, backward, and SGD with momentum 0.9: ours is `training.one_step`, what `training.steps` repeats
after it has checked its input. The peer's images are in the peer's layout before the clock starts; ours arrive as NCHW
every time.

**By hand** is the same step written out for this one network, in place, without names, checks or states
(`spec_tests/benchmarks/by_hand.py`): what NumPy's own functions take. The rest of our step is the price of pure updates
and of a network that is data.

**Memory**: the C library (glibc) is told to keep freed memory, for both sides, as in the processes that `refprune run`
starts (`MEMORY_VARIABLES` in `refprune/lab/results.py`). In the cases **memory returned** it goes back to the
system after a step, which clears it page by page when the next step takes it. Compare `ours, ms` with the case of the
same name: the difference is about what preallocated buffers would buy a program that does not set these variables.

**Bytes a weight** is the peak of what our operation allocates, divided by the weights: scores, and the masks that it
returns, included. NumPy reports its arrays to tracemalloc, which counts them in a run that is not timed.

**Targets**: `channels_last` is to be about 1.0, read as at most 1.1, since the medians of two runs on one machine
differ by up to a tenth. Where nothing stands, nothing is wanted."""


def line(case: Case, found: Record | None) -> str:
    """Return one line of the printed table."""
    if found is None:
        return f"{case.name:<37} not measured: torch is not installed"
    low, high = found["spread"]
    extra, targets = found["bytes_per_weight"], wanted(case)
    cells = [
        f"{case.name:<37}{found['ratio']:>8.3g}  {f'[{low:.3g}, {high:.3g}]':<18}",
        f"{milliseconds(found['ours_seconds']):>8} / {milliseconds(found['theirs_seconds'])} ms",
        "" if extra is None else f"  {extra:.1f} bytes a weight",
        f"  wanted {targets}: {verdict(case, found)}" if targets else "",
    ]
    return "".join(cells)


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds, three digits or all that stand before the point.

    >>> milliseconds(0.0018512), milliseconds(0.0347), milliseconds(2.221)
    ('1.85', '34.7', '2221')
    """
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def wanted(case: Case) -> str:
    """Return the targets of a case as text; empty when there are none."""
    ratio = "" if case.most_ratio is None else f"<= {case.most_ratio:.3g}"
    return ratio if case.most_bytes is None else f"{ratio}, <= {case.most_bytes:.3g} bytes"


def met(case: Case, found: Record) -> bool | None:
    """Say whether every target of a case is met; None when it has none."""
    pairs = [(found["ratio"], case.most_ratio), (found["bytes_per_weight"], case.most_bytes)]
    targets = [value <= most for value, most in pairs if most is not None]
    return all(targets) if targets else None


def verdict(case: Case, found: Record) -> str:
    """Return `met`, `not met`, or nothing where nothing is wanted."""
    return {True: "met", False: "not met", None: ""}[met(case, found)]


def page(records: dict[str, Record]) -> str:
    """Return docs/results/speed.md."""
    rows = [_row(case, records[case.name]) for case in CASES if case.name in records]
    return "\n".join(
        [
            "# Speed, beside PyTorch",
            "",
            f"Written by `{COMMAND}` on {surroundings()}.",
            "",
            "| case | size | peer | ours, ms | peer, ms | time / peer | bytes a weight | target | |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            EXPLANATION,
            "",
        ]
    )


def _row(case: Case, found: Record) -> str:
    low, high = found["spread"]
    extra = found["bytes_per_weight"]
    cells = (
        case.name,
        f"{case.size:,}",
        found["peer"],
        milliseconds(found["ours_seconds"]),
        milliseconds(found["theirs_seconds"]),
        f"{found['ratio']:.3g} [{low:.3g}, {high:.3g}]",
        "" if extra is None else f"{extra:.1f}",
        wanted(case),
        verdict(case, found),
    )
    return f"| {' | '.join(cells)} |"


def surroundings() -> str:
    """Return what the figures depend on besides the code, as one phrase."""
    known: dict[str, Any] = environment()
    versions = f"Python {known['python']}, NumPy {known['numpy']} ({known['blas']})"
    return f"{processor()}, {known['system']}, one thread: {versions}, torch {importlib.metadata.version('torch')}"


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as the system knows it; its architecture where that is not known."""
    try:
        lines = information.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [text.split(":", 1)[1].strip() for text in lines if text.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
