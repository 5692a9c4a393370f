"""The command line as a user meets it: what it prints, writes, refuses and leaves behind."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refprune.errors import InvalidInput
from refprune.lab import workers

COMMAND = (sys.executable, "-m", "refprune.lab.cli")
SMALL = ("--network", "lenet-300-100", "--seeds", "2", "--rounds", "2")
"""About three seconds."""
LONG = ("--network", "lenet-300-100", "--seeds", "20")
"""Ten times as long, with a first line after a second or two."""
ROWS = ("dense", "pruned_before_retraining", "pruned", "compact")
FIGURES = {
    "accuracy", "loss", "sparsity", "sparsity_all_parameters", "parameters", "parameters_kept", "macs",
    "macs_nonzero", "bytes_dense", "bytes_bitmask", "bytes_csr",
}  # fmt: skip
ENVIRONMENT = {"refprune", "python", "numpy", "blas", "system", "machine", "processors", "threads"}


def refprune(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, without REFPRUNE_DATA unless it is given."""
    environment = {name: value for name, value in os.environ.items() if name != "REFPRUNE_DATA"} | variables
    asked = [*COMMAND, *map(str, arguments)]
    return subprocess.run(asked, capture_output=True, text=True, env=environment, timeout=600, check=False)


def left_in(folder: Path) -> list[str]:
    """Return everything below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the small network once; return what the command said and where it wrote."""
    folder = tmp_path_factory.mktemp("small")
    return refprune("run", *SMALL, "--out", folder / "new" / "deep"), folder


# What it writes


def test_files(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = small
    assert (done.returncode, done.stderr) == (0, "")
    assert left_in(folder) == ["new", "new/deep", "new/deep/results.json"]


def test_keys(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    document = json.loads((small[1] / "new/deep/results.json").read_text())
    assert set(document) == {"format", "version", "seeds", "networks", "settings", "environment", "seconds"}
    assert (document["format"], document["version"], document["seeds"]) == ("refprune-results", 0, [0, 1])
    assert set(document["environment"]) == ENVIRONMENT
    assert set(document["networks"]) == set(document["settings"]) == {"lenet-300-100"}
    figures = document["networks"]["lenet-300-100"]
    assert set(figures) == {*ROWS, "rounds"}
    for row in ROWS:
        assert set(figures[row]) == FIGURES | ({"max_abs_difference"} if row == "compact" else set())
        for figure in figures[row].values():
            assert set(figure) == {"mean", "seeds"}
            assert len(figure["seeds"]) == 2
            assert figure["mean"] == sum(figure["seeds"]) / 2
    first, last = (entry["sparsity"]["seeds"] for entry in figures["rounds"])
    assert first == pytest.approx([1 - 0.1**0.5] * 2, rel=0, abs=2**-51)  # four units in the last place
    assert last == [0.9, 0.9]


def test_counts(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """64-300-100-10: 19,200 + 30,000 + 1,000 weights and 410 biases; 0.9 of each layer is a whole number."""
    figures = json.loads((small[1] / "new/deep/results.json").read_text())["networks"]["lenet-300-100"]
    assert figures["dense"]["parameters"]["seeds"] == [50_610] * 2
    assert figures["dense"]["macs"]["seeds"] == figures["pruned"]["macs"]["seeds"] == [50_200] * 2
    assert figures["pruned"]["macs_nonzero"]["seeds"] == [5_020] * 2
    assert figures["pruned"]["sparsity"]["seeds"] == [0.9] * 2
    assert figures["pruned"]["sparsity_all_parameters"]["seeds"] == [45_180 / 50_610] * 2
    assert figures["pruned"]["bytes_dense"]["seeds"] == [50_610 * 4] * 2
    for seed in range(2):
        compact, pruned = (
            {key: figure["seeds"][seed] for key, figure in figures[row].items()} for row in ("compact", "pruned")
        )
        assert compact["parameters"] < pruned["parameters"]
        assert compact["accuracy"] == pruned["accuracy"]
        assert compact["max_abs_difference"] <= 2e-6


def test_again_is_the_same(small: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path) -> None:
    """A seed's figures do not depend on how many seeds are run. The file can be named, and --quiet is quiet."""
    done = refprune("run", *SMALL[:2], "--seeds", 1, "--rounds", 2, "--quiet", "--out", tmp_path / "mine.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert left_in(tmp_path) == ["mine.json"]
    assert "seed 0" not in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[:-1]] == [
        "row",
        "dense",
        "pruned",
        "retrained",
        "compacted",
    ]
    two, one = (
        json.loads(path.read_text())["networks"]["lenet-300-100"]
        for path in (small[1] / "new/deep/results.json", tmp_path / "mine.json")
    )
    for row in ROWS:
        assert {key: figure["seeds"][:1] for key, figure in two[row].items()} == {
            key: figure["seeds"] for key, figure in one[row].items()
        }


def test_lines(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    lines = small[0].stdout.splitlines()
    for seed in range(2):
        own = [line for line in lines if line.startswith(f"lenet-300-100  seed {seed}: ")]
        assert [line.split(": ", 1)[1].split()[0] for line in own] == ["trained", "round", "round"]
    assert [line.split()[1] for line in lines[-6:-1]] == ["row", "dense", "pruned", "retrained", "compacted"]
    assert lines[-1].startswith("2 seeds, ")
    assert lines[-1].endswith(f"written to {small[1] / 'new/deep/results.json'}")


# What it refuses

USAGE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--network", "lenet-6"), "invalid choice: 'lenet-6'"),
    (("--sparsity", "1.5"), "got '1.5', expected a fraction in [0, 1]"),
    (("--sparsity", "nan"), "got 'nan', expected a fraction in [0, 1]"),
    (("--sparsity", "half"), "got 'half', expected a fraction in [0, 1]"),
    (("--seeds", "0"), "got '0', expected an integer >= 1"),
    (("--rounds", "-1"), "got '-1', expected an integer >= 1"),
    (("--granularity", "4x0"), "got '4x0', expected element, unit, or ROWSxCOLUMNS such as 4x4"),
    (("--schedule", "one-shot", "--rounds", "2"), "--rounds: got 2, expected 1 with --schedule one-shot"),
    (("--criterion", "taylor_gate", "--granularity", "element"), "taylor_gate: got a granularity of entries"),
    (("--network", "lenet-5"), "lenet-5: got"),
    (("--data", "mnist"), "--data mnist: got no REFPRUNE_DATA, expected REFPRUNE_DATA to name a folder"),
    (("--nonsense",), "unrecognized arguments: --nonsense"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_usage(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """Exit code 2, one clear sentence, at once, and nothing written."""
    done = refprune("run", *arguments, "--out", tmp_path / "new")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == []


def test_mnist_that_is_not_there(tmp_path: Path) -> None:
    done = refprune("run", "--data", "mnist", "--out", tmp_path / "new", REFPRUNE_DATA=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path / 'mnist' / 'train-images-idx3-ubyte'}: got no such file" in done.stderr
    assert left_in(tmp_path) == []


def test_no_command() -> None:
    done = refprune()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: refprune")
    assert refprune("--version").returncode == 0


@pytest.mark.parametrize("out", ["file", "file/new", "file/new.json", "folder.json"])
def test_unwritable(out: str, tmp_path: Path) -> None:
    """Exit code 1 before any work; what stood there stands there still."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.json").mkdir()
    done = refprune("run", *SMALL, "--out", tmp_path / out)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(tmp_path / out.partition("/")[0]) in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == ["file", "folder.json"]
    assert (tmp_path / "file").read_text() == "mine"


def test_failure_at_the_end(tmp_path: Path) -> None:
    """The folder goes away while the network trains: the figures are printed, exit code 1, no half a file."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with started("run", *SMALL, "--out", folder) as run:
        assert run.stdout is not None
        run.stdout.readline()
        shutil.rmtree(folder)
        folder.write_text("in the way")
        said, errors = run.communicate(timeout=600)
    assert run.returncode == 1
    assert said.splitlines()[-1].split()[1] == "compacted"
    assert errors.startswith("refprune: ")
    assert "Traceback" not in errors
    assert left_in(tmp_path) == ["folder"]


# What stops it


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start the command as a terminal does: in a process group of its own."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


@pytest.mark.parametrize(
    ("stop", "signum"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C", "SIGINT to the command alone", "SIGTERM"],
)
def test_interrupted(stop: Callable[[int, int], None], signum: int, tmp_path: Path) -> None:
    """Exit code 130 within seconds, one sentence, no file, no process.

    Every process of the run holds the pipes open: that they end says that all of them are gone.
    """
    with started("run", *LONG, "--out", tmp_path / "new") as run:
        assert run.stdout is not None
        assert "trained" in run.stdout.readline()
        began = time.monotonic()
        stop(run.pid, signum)
        _, errors = run.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert run.returncode == 130
    assert errors == "refprune: interrupted; nothing was written\n"
    assert left_in(tmp_path) == []


def test_reader_that_leaves(tmp_path: Path) -> None:
    """`refprune run | head -1`: no traceback, no file, no process."""
    with started("run", *LONG, "--out", tmp_path / "new") as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.readline()
        run.stdout.close()
        errors = run.stderr.read()
        assert run.wait(timeout=60) == 1
    assert errors.startswith("refprune: ")
    assert "Traceback" not in errors
    assert left_in(tmp_path) == []


# The processes


def job(report: workers.Report, number: int) -> int:
    """Say something, then return, be refused, or die; in a process of its own."""
    report(f"job {number}")
    if number < 0:
        raise InvalidInput("number", number, "a number >= 0")
    if number > 100:
        os._exit(7)
    return number * number


def test_results_in_order() -> None:
    lines: list[str] = []
    assert workers.run_side_by_side(job, [(3,), (1,), (4,)], lines.append) == [9, 1, 16]
    assert sorted(lines) == ["job 1", "job 3", "job 4"]
    assert workers.run_side_by_side(job, [], lines.append) == []


def test_refusal_comes_back() -> None:
    """What a process refuses is raised here, with its sentence."""
    with pytest.raises(InvalidInput, match=r"^number: got -1, expected a number >= 0$"):
        workers.run_side_by_side(job, [(2,), (-1,), (3,)], lambda line: None)  # noqa: ARG005  lines do not matter


def test_process_that_dies() -> None:
    with pytest.raises(workers.WorkerFailed, match="ended with exit code 7 and no result"):
        workers.run_side_by_side(job, [(2,), (101,), (3,)], lambda line: None)  # noqa: ARG005  lines do not matter


# The whole run


def worst_loss(figures: Any) -> float:
    """Return by how much the worst seed is below its dense network."""
    pairs = zip(figures["dense"]["accuracy"]["seeds"], figures["pruned"]["accuracy"]["seeds"], strict=True)
    return max(float(dense - pruned) for dense, pruned in pairs)


@pytest.mark.slow
def test_default_run(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """The whole of `refprune run`, five seeds of both networks: half a minute on two processors."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = refprune("run", "--out", tmp_path)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, "")
    networks = json.loads((tmp_path / "results.json").read_text())["networks"]
    assert set(networks) == {"lenet-300-100", "cnn-8x8"}
    mlp, cnn = networks["lenet-300-100"], networks["cnn-8x8"]

    assert mlp["dense"]["accuracy"]["mean"] >= 0.97
    assert cnn["dense"]["accuracy"]["mean"] >= 0.95
    for figures in (mlp, cnn):
        assert figures["pruned"]["accuracy"]["mean"] >= figures["dense"]["accuracy"]["mean"] - 0.01
        assert worst_loss(figures) <= 0.025
        assert max(figures["compact"]["max_abs_difference"]["seeds"]) <= 2e-6
        assert figures["compact"]["accuracy"]["seeds"] == figures["pruned"]["accuracy"]["seeds"]

    assert all(abs(sparsity - 0.9) <= 1 / 50_200 for sparsity in mlp["pruned"]["sparsity"]["seeds"])
    # 8 of 16, 16 of 32 and 32 of 64 units are left: weights and biases of 1-8-16-(16 * 4 * 4)-32-10.
    assert cnn["compact"]["parameters"]["seeds"] == [80 + 1_168 + 8_224 + 330] * 5
    assert cnn["compact"]["macs"]["seeds"] == [72 * 64 + 1_152 * 64 + 8_192 + 320] * 5
    assert cnn["dense"]["macs"]["seeds"] == [144 * 64 + 4_608 * 64 + 32_768 + 640] * 5

    record_property("summary", f"refprune run: {wall:.0f} s")
    # Processor time, not the clock: what the clock would show with nothing else running beside.
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert busy / min(os.cpu_count() or 1, 10) < 60
