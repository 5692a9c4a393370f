"""The benchmarks: `python -m spec_tests.benchmarks [--json FILE] [--pairs N] [--only TEXT] [--write]`.

Measures every case of `cases.py`, each in a process of its own, and prints a line for each as it is done.
Out: the printed table; with --json a file that maps the name of each case that was measured to its record,

    "lenet-5 step": {
      "ratio": ours / theirs, the median over the pairs,
      "peer": what theirs is, with its version,
      "spread": [lower quartile, upper quartile] of the same ratios,
      "bytes_per_weight": extra memory of ours, null where it is not measured,
      "ours_seconds": median, "theirs_seconds": median, "pairs": how many}

and with --write docs/results/speed.md. Exit code 0: done; 1: the two sides of a case differ, or a file cannot be
written; 2: usage; 130: interrupted.
"""

import argparse
import sys
from pathlib import Path

from refprune.errors import InvalidInput, check_integer
from refprune.lab.extras import installed
from refprune.lab.files import check_writable, write_atomically, write_text_atomically
from spec_tests.benchmarks.cases import CASES, Case
from spec_tests.benchmarks.clock import LEAST_PAIRS
from spec_tests.benchmarks.measure import MeasurementFailed, Record, measured
from spec_tests.benchmarks.page import PAGE, line, page

INSTALL = 'torch is not installed: python -m pip install "refprune[backends]" adds what we are compared to'
DONE, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except InvalidInput as error:
        return _fail(error, USAGE)
    except (OSError, MeasurementFailed) as error:
        return _fail(error, FAILURE)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spec_tests.benchmarks", description="Speed and memory beside PyTorch."
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the records to FILE")
    parser.add_argument(
        "--pairs",
        type=int,
        default=LEAST_PAIRS,
        metavar="N",
        help=f"alternations, at least and by default {LEAST_PAIRS}; operations that take seconds stay at {LEAST_PAIRS}",
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="the cases whose name contains TEXT")
    parser.add_argument(
        "--write", action="store_true", help=f"write {PAGE.name} in docs/results: all cases, with torch"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    pairs, with_torch = check_integer("--pairs", options.pairs, least=LEAST_PAIRS), installed("torch")
    chosen = [case for case in CASES if options.only in case.name]
    if not chosen:
        raise InvalidInput("--only", repr(options.only), f"a part of one of {', '.join(case.name for case in CASES)}")
    if options.write:
        _check_whole(chosen, with_torch=with_torch)
    if options.json:
        check_writable(options.json)  # before minutes of measuring
    records = {case.name: found for case in chosen if (found := _found(case, pairs, with_torch=with_torch))}
    if len(records) < len(chosen):
        print(INSTALL)
    if options.json:
        write_atomically(options.json, records)
    if options.write:
        write_text_atomically(PAGE, page(records))
    return DONE


def _check_whole(chosen: list[Case], *, with_torch: bool) -> None:
    """Refuse to write a page that would lack cases, or in no place where it belongs."""
    if len(chosen) < len(CASES) or not with_torch:
        got = "a part of the cases" if with_torch else "no torch"
        raise InvalidInput("--write", got, "all cases, and torch installed")
    if not PAGE.parent.is_dir():
        raise InvalidInput("--write", f"no folder {PAGE.parent}", "a checkout")
    check_writable(PAGE)


def _found(case: Case, pairs: int, *, with_torch: bool) -> Record | None:
    """Measure a case where its peer is installed, and print its line."""
    found = measured(case, pairs) if with_torch or not case.torch else None
    print(line(case, found), flush=True)
    return found


def _fail(sentence: object, code: int) -> int:
    print(f"spec_tests.benchmarks: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
