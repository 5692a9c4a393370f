"""The command line as a user meets it: what it prints, writes, refuses and leaves behind."""

import argparse
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from refprune.arrays import sparsity
from refprune.backprop import forward
from refprune.data import digits
from refprune.errors import InvalidInput
from refprune.lab import cli, experiment, progress, results, run, workers
from refprune.lab.extras import installed
from refprune.lab.folder import STATES, load_round, load_state, publish
from refprune.measure import accuracy
from refprune.selection import global_, select

COMMAND = (sys.executable, "-m", "refprune.lab.cli")
SMALL = ("--network", "lenet-300-100", "--seeds", "2", "--rounds", "2")
"""About three seconds."""
NOT_A_TERMINAL = ("NO_COLOR", "CI", "COLUMNS", "LINES")
"""What overrules what a terminal says of itself; xdist sets COLUMNS."""
LONG = ("--network", "lenet-300-100", "--seeds", "20")
"""Ten times as long, with a first line after a second or two."""
ROWS = ("dense", "pruned_before_retraining", "pruned", "compact")
TABLES = ["row", "dense", "unretrained", "pruned", "compact", "", "row", "dense", "pruned", "compact"]
"""Second word of every line of the two tables."""
FIGURES = {
    "accuracy", "loss", "sparsity", "sparsity_all_parameters", "parameters", "parameters_kept", "macs",
    "macs_nonzero", "bytes_dense", "bytes_bitmask", "bytes_csr",
}  # fmt: skip
ENVIRONMENT = {"refprune", "python", "numpy", "blas", "system", "machine", "processors", "threads", "memory"}
MEASURED = {"seconds_per_batch_onnxruntime"} if all(map(installed, ("onnx", "onnxruntime"))) else set()
"""What is measured in addition where onnxruntime is installed."""
TIMES = {name + spread for name in {"seconds_per_batch", *MEASURED} for spread in ("", "_spread")}


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
    out = folder / "new/deep"
    assert sorted(path.name for path in out.iterdir()) == ["networks", "report.html", "results.json"]
    seeds = [out / "networks/lenet-300-100" / f"seed-{seed}" for seed in range(2)]
    assert sorted((out / "networks/lenet-300-100").iterdir()) == seeds
    for seed in seeds:
        assert sorted(path.name for path in seed.iterdir()) == ["compact", "dense", "pruned", "rounds"]
        assert sorted(path.stem for path in (seed / "rounds").iterdir()) == ["1", "2"]


def test_networks(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """What is on disk is what was measured: masked weights are 0, and both networks of seed 0 give the same logits."""
    folder, data = small[1] / "new/deep", digits()
    states = {state: load_state(folder, "lenet-300-100", 0, state) for state in STATES}
    pruned, compact = states["pruned"], states["compact"]
    assert states["dense"].masks == {}
    assert set(pruned.masks) == {"fc1.weight", "fc2.weight", "fc3.weight"}
    for name, mask in pruned.masks.items():
        assert not pruned.params[name][~mask].any()
    assert sparsity(pruned.masks, {name: pruned.params[name] for name in pruned.masks}) == 0.9
    logits = [forward(state.network, state.params, data.test.images) for state in (pruned, compact)]
    assert np.abs(logits[0] - logits[1]).max() <= 2e-6 * max(1.0, np.abs(logits[0]).max())
    figures = json.loads((folder / "results.json").read_text())["networks"]["lenet-300-100"]
    for name, state in states.items():
        assert figures[name]["accuracy"]["seeds"][0] == accuracy(state.network, state.params, *data.test)


def test_rounds(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The scores on disk are those that decided: magnitudes of the dense network, and the masks follow from them."""
    folder = small[1] / "new/deep"
    dense = load_state(folder, "lenet-300-100", 1, "dense")
    first, last = (load_round(folder, "lenet-300-100", 1, number) for number in (1, 2))
    for name, scores in first.scores.items():
        assert np.array_equal(scores, np.abs(dense.params[name]))
        assert not (last.kept[name] & ~first.kept[name]).any()
    asked = json.loads((folder / "results.json").read_text())["networks"]["lenet-300-100"]["rounds"][0]["sparsity"]
    expected = select(first.scores, asked["seeds"][1], global_).masks
    assert all(np.array_equal(expected[name], mask) for name, mask in first.kept.items())
    assert all(
        np.array_equal(load_state(folder, "lenet-300-100", 1, "pruned").masks[n], m) for n, m in last.kept.items()
    )


def test_keys(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    document = json.loads((small[1] / "new/deep/results.json").read_text())
    assert set(document) == {
        "format", "version", "seeds", "networks", "settings", "published_data", "environment", "seconds",
    }  # fmt: skip
    assert document["published_data"] == {}
    assert (document["format"], document["version"], document["seeds"]) == ("refprune-results", 0, [0, 1])
    assert set(document["environment"]) == ENVIRONMENT | ({"onnxruntime"} if MEASURED else set())
    assert set(document["networks"]) == set(document["settings"]) == {"lenet-300-100"}
    figures = document["networks"]["lenet-300-100"]
    assert set(figures) == {*ROWS, "layers", "rounds"}
    for row in ROWS:
        on_disk = {"bytes_file", *TIMES} if row in STATES else set()
        assert set(figures[row]) == FIGURES | on_disk | ({"max_abs_difference"} if row == "compact" else set())
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
    assert [line.split()[1] if line else "" for line in done.stdout.splitlines()[:-1]] == TABLES
    two, one = (
        json.loads(path.read_text())["networks"]["lenet-300-100"]
        for path in (small[1] / "new/deep/results.json", tmp_path / "mine.json")
    )
    measured = {"bytes_file", *TIMES}  # time, and a header with numbers of the file itself
    for row in ROWS:
        assert {key: figure["seeds"][:1] for key, figure in two[row].items() if key not in measured} == {
            key: figure["seeds"] for key, figure in one[row].items() if key not in measured
        }


def test_lines(small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    lines = small[0].stdout.splitlines()
    for seed in range(2):
        own = [line for line in lines if line.startswith(f"lenet-300-100  seed {seed}: ")]
        assert [line.split(": ", 1)[1].split()[0] for line in own] == ["trained", "round", "round"]
    assert [line.split()[1] if line else "" for line in lines[-12:-2]] == TABLES
    assert max(map(len, lines[-12:-2])) <= 80
    assert lines[-2].startswith("2 seeds, ")
    assert lines[-2].endswith(f"written to {small[1] / 'new/deep/results.json'}")
    assert lines[-1] == f"to look at: {small[1] / 'new/deep/report.html'}"


def cost_of(file: float, macs: float, seconds: float, onnxruntime: float | None = None) -> dict[str, Any]:
    """Return the figures that the table of cost reads, of one seed."""
    named = {"bytes_file": file, "macs": macs, "seconds_per_batch": seconds}
    named |= {} if onnxruntime is None else {"seconds_per_batch_onnxruntime": onnxruntime}
    return {name: {"mean": value, "seeds": [value]} for name, value in named.items()}


def test_table_of_cost() -> None:
    """Three figures of each, and times those of dense; a column for what was measured, and 80 columns at most."""
    networks = {
        "inception-tiny": {
            "dense": cost_of(58_900_000, 313_000_000, 1.725, 0.172),
            "pruned": cost_of(58_900_000, 313_000_000, 17.25, 0.172),
            "compact": cost_of(999, 1_234_000, 0.000288, 0.0000172),
        },
        "lenet-5": {state: cost_of(1000, 10, 0.001) for state in ("dense", "pruned", "compact")},
    }
    assert results.cost_table(networks).splitlines() == [
        "network        row               file         MACs    ms a batch onnxruntime ms",
        "inception-tiny dense    58.9 MB 1.00x  313 M 1.00x   1,725 1.00x      172 1.00x",
        "inception-tiny pruned   58.9 MB 1.00x  313 M 1.00x  17,250 10.0x      172 1.00x",
        "inception-tiny compact    999 B 0.00x 1.23 M 0.00x   0.288 0.00x   0.0172 0.00x",
        "lenet-5        dense    1.00 kB 1.00x     10 1.00x    1.00 1.00x               ",
        "lenet-5        pruned   1.00 kB 1.00x     10 1.00x    1.00 1.00x               ",
        "lenet-5        compact  1.00 kB 1.00x     10 1.00x    1.00 1.00x               ",
    ]
    assert "onnxruntime" not in results.cost_table({"lenet-5": networks["lenet-5"]})


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Write bytes as an IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.fixture
def like_mnist(tmp_path: Path) -> Path:
    """Return a data folder with files in MNIST's format: 64 examples to train on, and a bright row for each class."""
    rng = np.random.default_rng(0)
    (tmp_path / "data/mnist").mkdir(parents=True)
    for prefix, count in (("train", 5064), ("t10k", 100)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 50, (count, 28, 28)).astype(np.uint8)
        images[np.arange(count), 2 * labels + 4] = 255
        write_idx(tmp_path / f"data/mnist/{prefix}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"data/mnist/{prefix}-labels-idx1-ubyte", labels)
    return tmp_path / "data"


def test_data_like_mnist(like_mnist: Path, tmp_path: Path) -> None:
    """Other data in MNIST's format are taken, and said to be other data: on the terminal and in results.json."""
    asked = (
        "--data",
        "mnist",
        "--network",
        "lenet-300-100",
        "--seeds",
        1,
        "--rounds",
        1,
        "--out",
        tmp_path / "new.json",
    )
    done = refprune("run", *asked, REFPRUNE_DATA=str(like_mnist))
    assert (done.returncode, done.stderr) == (0, "")
    files = sorted(path.name for path in (like_mnist / "mnist").iterdir())
    said = [line.partition(":")[0] for line in done.stdout.splitlines() if "other content than the published" in line]
    assert sorted(said) == files
    document = json.loads((tmp_path / "new.json").read_text())
    assert document["published_data"] == dict.fromkeys(files, False)
    assert document["settings"]["lenet-300-100"]["data"] == "mnist"
    assert document["networks"]["lenet-300-100"]["dense"]["parameters"]["mean"] == 266_610


@pytest.mark.parametrize("damage", ["missing", "truncated", "oversized", "not IDX"])
def test_damaged_mnist(damage: str, like_mnist: Path, tmp_path: Path) -> None:
    """A file that is missing, cut off, too long or no IDX: exit code 2, its name, and nothing written."""
    path = like_mnist / "mnist/train-images-idx3-ubyte"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(
            {"truncated": content[:-1], "oversized": content + b"0", "not IDX": b"GIF89a" + content}[damage]
        )
    done = refprune("run", "--data", "mnist", "--out", tmp_path / "new", REFPRUNE_DATA=str(like_mnist))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"refprune: {path}: got ")
    assert len(done.stderr.splitlines()) == 1
    assert left_in(tmp_path) == sorted(["data", *(f"data/{name}" for name in left_in(like_mnist))])


# What it refuses

USAGE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--network", "lenet-6"), "refprune run: argument --network: invalid choice: 'lenet-6'"),
    (("--sparsity", "1.5"), "got '1.5', expected a fraction in [0, 1]"),
    (("--sparsity", "nan"), "got 'nan', expected a fraction in [0, 1]"),
    (("--sparsity", "half"), "got 'half', expected a fraction in [0, 1]"),
    (("--seeds", "0"), "got '0', expected an integer in 1..1000"),
    (("--seeds", "99999999999999"), "got '99999999999999', expected an integer in 1..1000"),
    (("--rounds", "-1"), "got '-1', expected an integer in 1..1000"),
    (("--rounds", "1001"), "got '1001', expected an integer in 1..1000"),
    (("--granularity", "4x0"), "got '4x0', expected element, unit, or ROWSxCOLUMNS such as 4x4"),
    (("--schedule", "one-shot", "--rounds", "2"), "--rounds: got 2, expected 1 with --schedule one-shot"),
    (("--criterion", "taylor_gate", "--granularity", "element"), "taylor_gate: got a granularity of entries"),
    (("--network", "lenet-5"), "--network lenet-5: got examples of shape (1, 8, 8), expected (C, H, W) with H and "
     "W >= 16, as with --data mnist or --data cifar10"),
    (("--network", "vgg-16"), "--network vgg-16: got examples of shape (1, 8, 8), expected (C, H, W) with H and "
     "W >= 32, as with --data cifar10\n"),
    (("--nonsense",), "refprune: unrecognized arguments: --nonsense (refprune --help says what there is)"),
    (("--out", ""), "refprune run: argument --out: got '', expected a path; this folder is ."),
    (("--out", "/proc/mine"), "got /proc, where no file can be made (No such file or directory)"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_usage(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """Exit code 2, one clear sentence, at once, and nothing written."""
    done = refprune("run", "--out", tmp_path / "new", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert left_in(tmp_path) == []


def test_mnist_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    done = refprune("run", "--data", "mnist", "--out", tmp_path / "new", REFPRUNE_DATA=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path / 'mnist' / 'train-images-idx3-ubyte'}: got no such file" in done.stderr
    assert left_in(tmp_path) == ["mnist"]


def test_mnist_by_default(tmp_path: Path) -> None:
    """Without REFPRUNE_DATA it is looked for where `refprune data mnist` puts it, and the error says how to get it."""
    done = refprune("run", "--data", "mnist", "--out", tmp_path / "new", XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path / "refprune" / "mnist") in done.stderr
    assert "refprune data mnist" in done.stderr
    assert left_in(tmp_path) == []


def test_cifar10_that_is_not_there(tmp_path: Path) -> None:
    done = refprune("run", "--data", "cifar10", "--out", tmp_path / "new", REFPRUNE_DATA=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"refprune: --data cifar10: got no such folder in {tmp_path}, expected cifar-10-batches-bin or "
        "cifar-10-batches-py there, or where $REFPRUNE_DATA says; they are not fetched\n"
    )
    assert left_in(tmp_path) == []


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A disk too small for the networks is told before any work: dense and pruned, of every seed.

    64 * 300 + 300 * 100 + 100 * 10 weights and 410 biases are 50,610 parameters; in float32, twice, 404,880 bytes.
    """
    free = [2 * 404_880 - 1]
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free[0]))  # noqa: ARG005  of any place
    trained = []

    def document(*arguments: object) -> None:
        trained.append(arguments)
        sys.exit(3)

    monkeypatch.setattr(run, "_document", document)
    asked = ["run", *SMALL, "--out", str(tmp_path / "new")]
    assert cli.main(asked) == 2
    told = f"refprune: {tempfile.gettempdir()}: got a disk with 809,759 bytes free, expected 809,760 or more\n"
    assert capsys.readouterr().err == told
    assert (trained, left_in(tmp_path)) == ([], [])
    free[0] += 1
    with pytest.raises(SystemExit):
        cli.main(asked)
    assert len(trained) == 1


@pytest.mark.skipif(not MEASURED, reason="onnxruntime is not installed")
def test_missing_column_is_explained(tmp_path: Path) -> None:
    """There is no convolution in float64 there: the reason stands where the figures are missing."""
    options = ("--network", "cnn-8x8", "--dtype", "float64", "--seeds", 2, "--rounds", 1)
    done = refprune("run", *options, "--out", tmp_path / "new", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("no time of cnn-8x8 in onnxruntime: ")
    assert "Conv" in first
    assert not any("onnxruntime" in line for line in rest)


def test_no_command() -> None:
    done = refprune()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: refprune")
    assert refprune("--version").returncode == 0


@pytest.mark.parametrize("out", ["file", "file/new", "file/new.json", "folder.json"])
def test_unwritable(out: str, tmp_path: Path) -> None:
    """Exit code 2 before any work; what stood there stands there still."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.json").mkdir()
    done = refprune("run", *SMALL, "--out", tmp_path / out)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path / out.partition("/")[0]) in done.stderr
    assert done.stderr.count("\n") == 1
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
    assert said.splitlines()[-1].split()[1] == "compact"
    assert errors.startswith("refprune: ")
    assert "Traceback" not in errors
    assert left_in(tmp_path) == ["folder"]


@pytest.mark.parametrize("out", ["new", "old"])
def test_full_disk(out: str, tmp_path: Path, small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """No file may grow beyond 100 kB, and the parameters are 200: exit code 1, and what was there is there still."""
    shutil.copytree(small[1] / "new/deep", tmp_path / "old")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
    command = f"{limit} from refprune.lab.cli import main; sys.exit(main(sys.argv[1:]))"
    asked = [sys.executable, "-c", command, "run", *SMALL, "--out", str(tmp_path / out)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1
    assert re.match(
        r"refprune: \S*: got File too large, expected a place that can be written to, with room\n$", done.stderr
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("networks/vgg.py", "networks that no run has made"),
        ("networks", "networks that no run has made"),
        ("results.json", "results.json that no run has made"),
        ("report.html", "report.html that no run has made"),
        ("run/networks/vgg.py", "vgg.py, which no run has made"),
    ],
)
def test_what_no_run_has_made(
    path: str, words: str, tmp_path: Path, small: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    """Files of the user's own under these names: exit code 2 before any work, and they are there still."""
    shutil.copytree(small[1] / "new/deep", tmp_path / "run")
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("class Network: ...")
    before = left_in(tmp_path)
    done = refprune("run", *SMALL, "--out", tmp_path / path.partition("/")[0] if path.startswith("run/") else tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert left_in(tmp_path) == before
    assert (tmp_path / path).read_text() == "class Network: ..."


def test_earlier_run_is_announced(small: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path) -> None:
    shutil.copytree(small[1] / "new/deep", tmp_path / "out")
    done = refprune("run", *SMALL[:2], "--seeds", 1, "--rounds", 1, "--out", tmp_path / "out")
    assert done.returncode == 0
    first = done.stdout.splitlines()[0]
    assert first == f"{tmp_path / 'out'}: the run of lenet-300-100, seeds [0, 1], will be replaced"
    assert sorted(path.name for path in (tmp_path / "out/networks/lenet-300-100").iterdir()) == ["seed-0"]


def test_early_interrupt() -> None:
    """Ctrl-C while the program is still being imported: one sentence, exit code 130."""
    program = """
import builtins, sys
from refprune.lab.entry import main
imported = builtins.__import__
def interrupted(name, *rest, **named):
    if name.startswith("numpy"):
        raise KeyboardInterrupt
    return imported(name, *rest, **named)
builtins.__import__ = interrupted
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", program, "run"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "refprune: interrupted\n")


def test_units_compete_in_their_layer() -> None:
    """By unit, the default is local for every network: sums over 25 and over 800 weights do not compare."""
    for arguments, scope in (
        (["--network", "lenet-300-100"], "global"),
        (["--network", "lenet-300-100", "--granularity", "unit"], "local"),
        (["--network", "lenet-300-100", "--granularity", "unit", "--scope", "global"], "global"),
        (["--network", "cnn-8x8", "--granularity", "element"], "local"),
    ):
        parser = argparse.ArgumentParser()
        run.register(parser.add_subparsers())
        options = parser.parse_args(["run", *arguments])
        assert [settings.scope for settings in run._settings(options)] == [scope]


def test_earlier_run_is_replaced(tmp_path: Path) -> None:
    """Nothing of an earlier run is left beside the new one: neither its networks nor its page."""
    (tmp_path / "networks/other").mkdir(parents=True)
    (tmp_path / "report.html").write_text("of an earlier run")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "made/networks/new").mkdir(parents=True)
    (tmp_path / "made/results.json").write_text("{}")
    publish(tmp_path / "made", tmp_path)
    shutil.rmtree(tmp_path / "made")
    assert left_in(tmp_path) == ["mine.txt", "networks", "networks/new", "results.json"]


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    """Return what a new run has made, and the folder of an earlier one."""
    for folder, content in (("made", "new"), ("out", "old")):
        (tmp_path / folder / "networks").mkdir(parents=True)
        for name in ("networks/weights", "report.html", "results.json"):
            (tmp_path / folder / name).write_text(content)
    return tmp_path / "made", tmp_path / "out"


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("failing", range(6))
def test_moving_that_fails(failing: int, published: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the six moves fails, the earlier run stands there as before."""
    made, out = published
    before, rename, moves = contents(out), Path.rename, iter(range(100))

    def broken(self: Path, target: Path) -> Path:
        if next(moves) == failing:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(OSError, match="No space left"):
        publish(made, out)
    assert contents(out) == before
    assert sorted(path.name for path in out.iterdir()) == ["networks", "report.html", "results.json"]


def test_new_folder_that_fails(published: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong is what is said; the folders that were made are gone."""
    made, out = published

    def full(*arguments: object, **named: object) -> None:  # noqa: ARG001  whatever is copied
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(OSError, match="No space left"):
        publish(made, out / "new" / "deep")
    assert not (out / "new").exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_moving(signum: int, published: tuple[Path, Path]) -> None:
    """Ctrl-C or SIGTERM between two moves waits: the new run is there whole. NumPy's threads take signals too."""
    made, out = published
    program = f"""
import os, signal, sys, time
import numpy as np
from pathlib import Path
from refprune.lab.cli import main
from refprune.lab import cli, folder
np.ones((300, 300)) @ np.ones((300, 300))
rename, moves = Path.rename, []
def slow(self, target):
    moves.append(target)
    if len(moves) == 2:
        os.kill(os.getpid(), {int(signum)})
        time.sleep(0.3)
    return rename(self, target)
Path.rename = slow
def work(options):
    folder.publish(Path({str(made)!r}), Path({str(out)!r}))
    time.sleep(5)
cli.run.work = work
sys.exit(main(["run"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "refprune: interrupted\n")
    assert set(contents(out).values()) == {"new"}
    assert sorted(path.name for path in out.iterdir()) == ["networks", "report.html", "results.json"]


def test_two_runs_at_once(published: tuple[Path, Path]) -> None:
    """One waits for the other: what is there afterwards is of one run."""
    made, out = published
    shutil.copytree(made, made.with_name("other"))
    for path in made.with_name("other").rglob("*"):
        if path.is_file():
            path.write_text("other")
    program = (
        "import sys; from pathlib import Path; from refprune.lab.folder import publish;"
        "publish(*map(Path, sys.argv[1:]))"
    )
    for _ in range(3):
        runs = [
            subprocess.Popen([sys.executable, "-c", program, str(source), str(out)])
            for source in (made, made.with_name("other"))
        ]
        assert [run.wait(timeout=60) for run in runs] == [0, 0]
        assert len(set(contents(out).values())) == 1


def test_page_that_cannot_be_drawn(tmp_path: Path) -> None:
    """A drawing library that fails costs the page and nothing else: exit code 1, and the rest is there."""
    (tmp_path / "broken/matplotlib").mkdir(parents=True)
    (tmp_path / "broken/matplotlib/__init__.py").write_text("raise ImportError('no fonts')")
    path = os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")])
    done = refprune("run", *SMALL[:2], "--seeds", 1, "--rounds", 1, "--out", tmp_path / "out", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr == "refprune: no report.html: ImportError: no fonts\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["networks", "results.json"]
    assert "to look at" not in done.stdout


def test_figures_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is NaN is refused by the name of the network and the seed, and nothing is written."""
    monkeypatch.setattr(experiment, "loss", lambda *arguments: float("nan"))  # noqa: ARG005  whatever is measured
    settings = replace(run.DEFAULT_RUNS[0], epochs=1, retrain_epochs=1, rounds=1)
    with pytest.raises(InvalidInput, match="figures of lenet-300-100, seed 3: got NaN or infinity"):
        experiment.run_seed(settings, 3, lambda progress: None, tmp_path, tmp_path)  # noqa: ARG005  nobody looks


# What it needs

WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def without(packages: set[str], folder: Path) -> dict[str, str]:
    """Return the variables that make Python, and every process it starts, miss these packages."""
    (folder / "missing").mkdir(exist_ok=True)
    (folder / "missing/sitecustomize.py").write_text(WITHOUT.format(packages=sorted(packages)))
    return {"PYTHONPATH": os.pathsep.join([str(folder / "missing"), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.parametrize(
    ("packages", "sentence"),
    [
        (
            {"rich", "matplotlib", "safetensors"},
            'python -m pip install "refprune[lab]" adds live progress (rich), report.html (matplotlib), '
            "parameters as .safetensors in place of .npz (safetensors)",
        ),
        ({"matplotlib"}, 'python -m pip install "refprune[lab]" adds report.html (matplotlib)'),
    ],
)
def test_without_extras(packages: set[str], sentence: str, tmp_path: Path) -> None:
    """The run works, and says in one sentence what to install."""
    done = refprune(
        "run", *SMALL[:2], "--seeds", 1, "--rounds", 1, "--out", tmp_path / "run", **without(packages, tmp_path)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == sentence
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["networks", "results.json"]
    suffixes = {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert suffixes == {".json", ".npz" if "safetensors" in packages else ".safetensors"}


@pytest.mark.parametrize("width", [80, 160])
def test_on_a_terminal(width: int, tmp_path: Path) -> None:
    """With rich: bars with phase, accuracy, sparsity, loss and the time left; where it is narrow, the last give way."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    asked = [*COMMAND, "run", *SMALL, "--out", str(tmp_path / "new")]
    environment = {name: value for name, value in os.environ.items() if name not in NOT_A_TERMINAL}
    with subprocess.Popen(asked, stdout=side, stderr=side, env=environment | {"TERM": "xterm-256color"}) as run:
        os.close(side)
        said = b"".join(iter(lambda: _read(main), b"")).decode()
        assert run.wait(timeout=60) == 0
    os.close(main)
    wide = ("accuracy 0.9", "sparsity 0.90", "loss 0.", "┏") if width == 160 else ()
    for words in ("all runs", "lenet-300-100 seed 1", "round 2 of 2", *wide):
        assert words in said
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    bars = [line for line in re.split(r"[\r\n]+", plain) if "round 2 of 2" in line and "━" in line]
    assert bars, "no bar beside what is done"
    assert all(re.search(r"━{8}.*\d%.*(\d:\d\d|--:--)", line) for line in bars), "no bar, or no time left"
    assert f"to look at: {tmp_path / 'new' / 'report.html'}" in said.replace("\r\n", "")


def _read(terminal: int) -> bytes:
    """Read from a terminal; its end is an error on Linux."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_signs_of_life(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines: what was reached, and after ten seconds of nothing, where the run is."""
    clock = iter((0.0, 5.0, 11.0, 12.0, 13.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    now = progress.Progress("net", 3, updates=1, of=2000, phase="training", loss=0.5)
    with progress.shown([("net", 3)], quiet=False) as show:
        for update, reached in ((1, ""), (900, ""), (1000, ""), (1100, ""), (1200, "trained")):
            show(replace(now, updates=update, reached=reached))
    assert capsys.readouterr().out.splitlines() == [
        "net            seed 3: training, update 1,000 of 2,000, loss 0.5000",
        "net            seed 3: trained",
    ]


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
    assert errors == "refprune: interrupted\n"
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
    assert errors == ""
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


class OddError(OSError):
    """An error that cannot be sent from one process to another."""

    def __init__(self, what: str, got: int) -> None:
        super().__init__(f"{what}: {got}")


def failing_job(report: workers.Report, kind: str) -> int:  # noqa: ARG001  a job
    """Meet one of the errors of the system."""
    raise {"odd": OddError("a disk", 3), "pipe": BrokenPipeError(32, "Broken pipe")}[kind]


@pytest.mark.parametrize(("kind", "sentence"), [("odd", "^a disk: 3$"), ("pipe", "Broken pipe")])
def test_errors_of_the_system_come_back(kind: str, sentence: str) -> None:
    with pytest.raises(workers.WorkerFailed, match=sentence):
        workers.run_side_by_side(failing_job, [(kind,)], lambda news: None)  # noqa: ARG005  news does not matter


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_printed(unbuffered: str, small: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """A reader that leaves: exit code 1 and no word. A full disk: exit code 1 and one sentence."""
    variables = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    asked = [*COMMAND, "explain", str(small[1] / "new/deep"), "fc1.weight[0,0]"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(asked, stdout=writing, stderr=subprocess.PIPE, text=True, env=variables, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True, env=variables, check=False)
        assert (done.returncode, done.stderr) == (1, "refprune: [Errno 28] No space left on device\n")


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
