"""`refprune run`: train, prune, retrain and compact networks, and leave a folder that the other commands read."""

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, fields
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from refprune.architectures import ARCHITECTURES
from refprune.criteria import CRITERIA
from refprune.errors import InvalidInput
from refprune.lab import folder
from refprune.lab.download import data_folder, published
from refprune.lab.experiment import SCOPES, Settings, load, prepare, run_seed
from refprune.lab.extras import installed, missing_sentence
from refprune.lab.files import check_room, check_writable, place, write_atomically
from refprune.lab.progress import shown
from refprune.lab.report.command import write_report
from refprune.lab.results import (
    MEMORY_VARIABLES,
    THREAD_VARIABLES,
    environment,
    over_seeds,
    print_table,
)
from refprune.lab.timing import ONNXRUNTIME, Measured, seconds_per_batch
from refprune.lab.workers import Report, run_side_by_side
from refprune.schedules import CURVES

DEFAULT_RUNS = (
    Settings(network="lenet-300-100", granularity="element", sparsity=0.9, scope="global", retrain_rate=0.1),
    Settings(network="cnn-8x8", granularity="unit", sparsity=0.5, epochs=20, retrain_epochs=6),
)
"""What `refprune run` runs when no network is named."""
WORKER_VARIABLES = dict.fromkeys(THREAD_VARIABLES, "1") | MEMORY_VARIABLES
"""What each process reads when it starts."""
MNIST = {"epochs": 4, "retrain_epochs": 1, "rate": 0.01, "retrain_rate": 0.01}
"""MNIST has 46 times the training examples of the digits; at the rate for the digits lenet-5 diverges."""
CIFAR10 = MNIST
"""As many training examples, and colours: the same passes over them, and the same rates."""


MOST = 1000
"""Seeds, or rounds: more is a slip of the keyboard, and would run for days."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune run`."""
    parser = commands.add_parser(
        "run",
        help="train, prune, retrain and compact networks on real images",
        description="Without options: lenet-300-100 by element to 0.9, all layers in one pool, and cnn-8x8 by unit to "
        "0.5, layer by layer; five seeds. Any other network is run like lenet-300-100; by unit, any is layer by layer.",
    )
    parser.set_defaults(work=work)
    parser.add_argument("--network", choices=sorted(ARCHITECTURES), help="one network (default: the two above)")
    parser.add_argument(
        "--data",
        choices=("digits", "mnist", "cifar10"),
        help="default digits; mnist is read from $REFPRUNE_DATA/mnist, or from where `refprune data mnist` put it; "
        "cifar10 from cifar-10-batches-bin or cifar-10-batches-py in the same place; both with {epochs} epochs of "
        "training and {retrain_epochs} after each round".format(**MNIST),
    )
    parser.add_argument("--criterion", choices=sorted(CRITERIA), help="default magnitude")
    parser.add_argument(
        "--granularity",
        type=_granularity,
        help="element, unit, or a block such as 4x4 (default: the network's, above)",
    )
    parser.add_argument("--scope", choices=sorted(SCOPES), help="who competes with whom (default: as above)")
    parser.add_argument("--schedule", choices=("one-shot", *sorted(CURVES)), help="default geometric")
    parser.add_argument("--sparsity", type=_fraction, help="fraction removed (default: the network's, above)")
    parser.add_argument("--rounds", type=_positive, help="turns of prune and retrain (default 4)")
    parser.add_argument("--seeds", type=_positive, default=5, help="how many seeds, from 0 (default 5)")
    parser.add_argument("--dtype", choices=("float32", "float64"), help="default float32")
    parser.add_argument(
        "--out",
        type=place,
        default=Path(),
        help="folder for results.json, report.html and networks/ (default: here), or a file.json for the figures alone",
    )
    parser.add_argument("--quiet", action="store_true", help="print the table only")


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
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer in 1..{MOST}")
    return int(text)


def work(options: argparse.Namespace) -> int:
    """Run what the options name, print the table, and write the folder; the table comes first.

    A disk that is full at the end must not cost the figures.
    """
    began = time.perf_counter()
    runs = _settings(options)
    data = data_folder() if options.data in ("mnist", "cifar10") else Path()
    alone = options.out.suffix == ".json"
    check_writable(options.out if alone else options.out / folder.RESULTS)
    replaced = "" if alone else folder.check_replaceable(options.out)
    needed = sum(_least_bytes(settings, data) for settings in runs) * options.seeds
    for place_of_networks in [Path(tempfile.gettempdir()), *([] if alone else [options.out])]:
        check_room(place_of_networks, needed)
    files = published(data / "mnist") if options.data == "mnist" else {}
    if not options.quiet:
        _say_which(files)
        if replaced:
            print(f"{options.out}: {replaced}, will be replaced")
    with tempfile.TemporaryDirectory(prefix="refprune-") as made:
        document = _document(runs, options, data, Path(made)) | {"published_data": files}
        document["seconds"] = time.perf_counter() - began
        print_table(document["networks"])
        if any(settings.granularity == "unit" for settings in runs):
            print("the sparsity that is asked for by unit counts units, the table's counts weights")
        if alone:
            write_atomically(options.out, document)
        else:
            write_atomically(Path(made) / folder.RESULTS, document)
            folder.publish(Path(made), options.out)
    page = not alone and installed("matplotlib") and _write_page(options.out)
    _say_where(options.out, document["seconds"], options.seeds, page=page)
    return 0 if page or alone or not installed("matplotlib") else 1


def _least_bytes(settings: Settings, data: Path) -> int:
    """Return what a seed takes on disk at the least, dense and pruned; refuse what cannot be run, before any work."""
    parameters = sum(map(prod, prepare(settings, data).shapes.values()))
    return 2 * parameters * np.dtype(settings.dtype).itemsize


def _write_page(out: Path) -> bool:
    """Write report.html; a page that cannot be drawn must not cost the run."""
    try:
        write_report(out)
    except Exception as error:  # noqa: BLE001  whatever a drawing library raises
        print(f"refprune: no {folder.REPORT}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return True


def _say_which(files: dict[str, bool]) -> None:
    """Print which of the files that are read are not the published ones; data in MNIST's format may be any."""
    for name, is_so in files.items():
        if not is_so:
            print(f"{name}: other content than the published file of MNIST, by its sha256; results.json says so")


def _say_where(out: Path, seconds: float, seeds: int, *, page: bool) -> None:
    """Print what was written where, and what would be nicer with what is not installed."""
    alone = out.suffix == ".json"
    print(f"{_counted(seeds, 'seed')}, {seconds:.1f} s; written to {out if alone else out / folder.RESULTS}")
    if page:
        print(f"to look at: {out / folder.REPORT}")
    if missing_sentence():
        print(missing_sentence())


def _document(runs: list[Settings], options: argparse.Namespace, data: Path, made: Path) -> dict[str, Any]:
    """Run everything and return results.json but for the seconds it took and which data are the published ones."""
    seeds = range(options.seeds)
    # The network named last first: its seeds take longest, and short jobs fill the gap at the end.
    jobs = [(settings, seed, data, made) for settings in reversed(runs) for seed in seeds]
    os.environ |= WORKER_VARIABLES
    with shown([(settings.network, seed) for settings, seed, *_ in jobs], quiet=options.quiet) as show:
        figures = run_side_by_side(_run_one, jobs, show)
        # By themselves, one after another: what else runs on the machine would be measured too.
        measured = run_side_by_side(_measure, [(jobs,)], show)[0]
    for own, one in zip(figures, measured, strict=True):
        for state, seconds in one.seconds.items():
            own[state] |= seconds
    missing = {settings.network: one.missing for (settings, *_), one in zip(jobs, measured, strict=True) if one.missing}
    for network, why in missing.items():
        print(f"no time of {network} in onnxruntime: {why}")
    in_onnxruntime = any(ONNXRUNTIME in own["dense"] for own in figures)
    by_network = [figures[place : place + len(seeds)] for place in range(0, len(figures), len(seeds))]
    return {
        "format": "refprune-results",
        "version": 0,
        "seeds": list(seeds),
        "networks": {run.network: over_seeds(own) for run, own in zip(runs, reversed(by_network), strict=True)},
        "settings": {run.network: asdict(run) for run in runs},
        "environment": environment(["onnxruntime"] if in_onnxruntime else []),
    }


def _run_one(report: Report, settings: Settings, seed: int, data: Path, made: Path) -> dict[str, Any]:
    """Run one seed, in a process of its own."""
    return run_seed(settings, seed, report, data, made)


def _measure(report: Report, jobs: list[tuple[Settings, int, Path, Path]]) -> list[Measured]:  # noqa: ARG001  a job
    """Return the seconds per batch of all that was run, in a process of its own."""
    images = {settings: load(settings, data).test.images for settings, _, data, _ in jobs}
    return [seconds_per_batch(made, settings.network, seed, images[settings]) for settings, seed, _, made in jobs]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
    if options.data == "cifar10":
        given |= CIFAR10
    if given.get("granularity") == "unit":
        given.setdefault("scope", "local")  # sums over units of different size do not compare
    chosen = [run for run in DEFAULT_RUNS if run.network == options.network] if options.network else DEFAULT_RUNS
    return [Settings(**asdict(run) | given) for run in chosen or DEFAULT_RUNS[:1]]
