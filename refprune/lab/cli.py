"""The command line: `refprune run`."""

import argparse
import os
import re
import signal
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import refprune
from refprune.architectures import ARCHITECTURES
from refprune.criteria import CRITERIA
from refprune.errors import InvalidInput
from refprune.lab.experiment import SCOPES, Settings, prepare, run_seed
from refprune.lab.results import (
    THREAD_VARIABLES,
    check_writable,
    environment,
    over_seeds,
    table,
    write_atomically,
)
from refprune.lab.workers import Report, WorkerFailed, run_side_by_side
from refprune.schedules import CURVES

DEFAULT_RUNS = (
    Settings(network="lenet-300-100", granularity="element", sparsity=0.9, scope="global", retrain_rate=0.1),
    Settings(network="cnn-8x8", granularity="unit", sparsity=0.5, epochs=20, retrain_epochs=6),
)
"""What `refprune run` runs when no network is named."""
MNIST = {"epochs": 4, "retrain_epochs": 1, "rate": 0.01, "retrain_rate": 0.01}
"""MNIST has 46 times the training examples of the digits; at the rate for the digits lenet-5 diverges."""
FAILURE, USAGE, INTERRUPTED = 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 usage, 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: the workers too
    try:
        return _run(options)
    except InvalidInput as error:
        print(f"refprune: {error}", file=sys.stderr)
        return USAGE
    except (OSError, WorkerFailed) as error:
        print(f"refprune: {error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("refprune: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="refprune", description="The reference implementation of pruning.")
    parser.add_argument("--version", action="version", version=f"refprune {refprune.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="train, prune, retrain and compact networks on real images",
        description="Without options: lenet-300-100 by element to 0.9, all layers in one pool, and cnn-8x8 by unit to "
        "0.5, layer by layer; five seeds. Any other network is run like lenet-300-100.",
    )
    run.add_argument("--network", choices=sorted(ARCHITECTURES), help="one network (default: the two above)")
    run.add_argument(
        "--data",
        choices=("digits", "mnist"),
        help="default digits; mnist is read from $REFPRUNE_DATA/mnist, with {epochs} epochs of training and "
        "{retrain_epochs} after each round".format(**MNIST),
    )
    run.add_argument("--criterion", choices=sorted(CRITERIA), help="default magnitude")
    run.add_argument(
        "--granularity",
        type=_granularity,
        help="element, unit, or a block such as 4x4 (default: the network's, above)",
    )
    run.add_argument("--scope", choices=sorted(SCOPES), help="who competes with whom (default: the network's, above)")
    run.add_argument("--schedule", choices=("one-shot", *sorted(CURVES)), help="default geometric")
    run.add_argument("--sparsity", type=_fraction, help="fraction removed, in [0, 1] (default: the network's, above)")
    run.add_argument("--rounds", type=_positive, help="turns of prune and retrain (default 4)")
    run.add_argument("--seeds", type=_positive, default=5, help="how many seeds, from 0 (default 5)")
    run.add_argument("--dtype", choices=("float32", "float64"), help="default float32")
    run.add_argument("--out", type=Path, default=Path(), help="folder, or file.json (default ./results.json)")
    run.add_argument("--quiet", action="store_true", help="print the table only")
    return parser


def _granularity(text: str) -> str:
    if text not in ("element", "unit") and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected element, unit, or ROWSxCOLUMNS such as 4x4")
    return text


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a fraction in [0, 1]")
    return value


def _positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer >= 1")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    runs, folder = _settings(options), _data_folder()
    path = options.out if options.out.suffix == ".json" else options.out / "results.json"
    check_writable(path)
    for settings in runs:
        prepare(settings, folder)  # what cannot be run is refused here, before any work
    # The network named last first: its seeds take longest, and short jobs fill the gap at the end.
    jobs = [(settings, seed, folder) for settings in reversed(runs) for seed in range(options.seeds)]
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"  # read by each process's BLAS when it imports NumPy
    results = run_side_by_side(_work, jobs, _say_nothing if options.quiet else _say)
    figures = [results[place : place + options.seeds] for place in range(0, len(results), options.seeds)]
    networks = {run.network: over_seeds(own) for run, own in zip(runs, reversed(figures), strict=True)}
    document = {
        "format": "refprune-results",
        "version": 0,
        "seeds": list(range(options.seeds)),
        "networks": networks,
        "settings": {run.network: asdict(run) for run in runs},
        "environment": environment(),
        "seconds": time.perf_counter() - began,
    }
    print(table(networks), flush=True)  # first: a disk that is full now must not cost the figures
    write_atomically(path, document)
    print(f"{_counted(options.seeds, 'seed')}, {document['seconds']:.1f} s; written to {path}")
    return 0


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _data_folder() -> Path | None:
    """Return $REFPRUNE_DATA; empty is unset."""
    folder = os.environ.get("REFPRUNE_DATA")
    return Path(folder) if folder else None


def _say(line: str) -> None:
    print(line, flush=True)


def _say_nothing(line: str) -> None:
    pass


def _work(report: Report, settings: Settings, seed: int, folder: Path | None) -> dict[str, Any]:
    """Run one seed, in a process of its own."""
    return run_seed(settings, seed, lambda line: report(f"{settings.network:<14} seed {seed}: {line}"), folder)


def _settings(options: argparse.Namespace) -> list[Settings]:
    """Return what is run: the defaults, or one of them, with the options that were given."""
    names = {field.name for field in fields(Settings)}
    given: dict[str, Any] = {key: value for key, value in vars(options).items() if key in names and value is not None}
    if given.get("schedule") == "one-shot":
        if given.setdefault("rounds", 1) != 1:
            raise InvalidInput("--rounds", given["rounds"], "1 with --schedule one-shot")
        given["schedule"] = "linear"
    if options.data == "mnist":
        given |= MNIST
    chosen = [run for run in DEFAULT_RUNS if run.network == options.network] if options.network else DEFAULT_RUNS
    return [Settings(**asdict(run) | given) for run in chosen or DEFAULT_RUNS[:1]]


if __name__ == "__main__":
    sys.exit(main())
