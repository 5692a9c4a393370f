"""The benchmarks: how time, memory and agreement are measured, and the command; not what the figures are."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refprune.architectures import lenet_300_100
from refprune.training import sgd
from spec_tests.benchmarks import __main__ as command
from spec_tests.benchmarks import measure, page
from spec_tests.benchmarks.cases import CASES, Case
from spec_tests.benchmarks.clock import Pair, Side, Work, alternate, extra_bytes, summarise
from spec_tests.benchmarks.comparison import Comparison, Memory
from spec_tests.benchmarks.measure import MeasurementFailed, measured, record
from spec_tests.benchmarks.problem import Problem, draw
from spec_tests.benchmarks.same import Different, check_outputs, check_runs, check_selection
from spec_tests.benchmarks.steps import OurRun, Run, compare_runs

KEYS = {"ratio", "peer", "spread", "bytes_per_weight", "ours_seconds", "theirs_seconds", "pairs"}
RECORD: dict[str, Any] = {
    "ratio": 0.5,
    "peer": "a peer",
    "spread": [0.4, 0.6],
    "bytes_per_weight": 2.0,
    "ours_seconds": 0.001,
    "theirs_seconds": 0.002,
    "pairs": 7,
}
NAMES = [case.name for case in CASES]
SMALL = {"step": 4, "forward": 4, "mask": 100_000, "select": 100_000, "vgg": 1}
"""Word of a case's name -> a size at which its check takes no second."""


# Time and memory


class FakeClock:
    """A clock that only works move on, and a list of which ran."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ran: list[str] = []

    def side(self, name: str, seconds: float, *, once: bool = False) -> Side:
        """Return a side whose work takes `seconds`, and whose preparation takes a minute."""

        def prepare() -> Work:
            self.now += 60
            return work

        def work() -> None:
            self.now += seconds
            self.ran.append(name)

        return Side(prepare, once)


def test_who_comes_first_alternates() -> None:
    clock = FakeClock()
    ours, theirs = clock.side("ours", 0.25, once=True), clock.side("theirs", 0.5, once=True)
    assert alternate(ours, theirs, 3, lambda: clock.now) == [Pair(0.25, 0.5)] * 3
    assert clock.ran == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_short_works_are_repeated() -> None:
    """1/32 s four times is 0.125 s, enough; twice is not. The doubling before (1 + 2 + 4) is no measurement."""
    clock = FakeClock()
    pairs = alternate(clock.side("short", 1 / 32), clock.side("long", 2.0), 7, lambda: clock.now)
    assert pairs == [Pair(1 / 32, 2.0)] * 7
    assert (clock.ran.count("short"), clock.ran.count("long")) == (7 + 7 * 4, 1 + 7)


def test_median_and_quartiles() -> None:
    """Ratios 1, 2, 3, 4, 10: the median of the ratios, not the ratio of the medians, which is 3 / 2."""
    pairs = [Pair(4.0, 1.0), Pair(3.0, 3.0), Pair(10.0, 1.0), Pair(6.0, 2.0), Pair(2.0, 1.0)]
    assert summarise(pairs) == (3.0, (2.0, 4.0), 4.0, 1.0)


def test_extra_bytes() -> None:
    """A result counts, and so does what is gone when the work returns; what was there before does not."""
    before = np.ones(1_000_000)
    slack = 10_000  # bytes: array headers and the counting itself
    assert extra_bytes(lambda: np.ones(1_000_000, np.uint8)) == pytest.approx(1_000_000, abs=slack)
    assert extra_bytes(lambda: float((before + 1).sum())) == pytest.approx(8_000_000, abs=slack)
    assert extra_bytes(before.sum) < slack


# Agreement


def other_rate(given: Problem) -> Run:
    """Train with a learning rate that is a thousandth too high: the gradient of 1.001 times the loss."""
    run = OurRun(given)
    run.optimiser = sgd(0.9)._replace(formula=lambda w, g, *rest: sgd(0.9).formula(w, g * w.dtype.type(1.001), *rest))
    return run


def other_momentum(given: Problem) -> Run:
    run = OurRun(given)
    run.optimiser = sgd(0.89)
    return run


def one_example(given: Problem) -> Run:
    return OurRun(given._replace(x=given.x[:1], labels=given.labels[:1]))


def unmasked(given: Problem) -> Run:
    return OurRun(given._replace(masks={}))


def always_float32(given: Problem) -> Run:
    single = {name: w.astype(np.float32) for name, w in given.params.items()}
    return OurRun(given._replace(params=single, x=given.x.astype(np.float32)))


def diverged(given: Problem) -> Run:
    return OurRun(given._replace(params={name: w * np.inf for name, w in given.params.items()}))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # diverged is about NaN
@pytest.mark.parametrize("wrong", [other_rate, other_momentum, one_example, unmasked, always_float32, diverged])
def test_another_training_is_refused(wrong: Callable[[Problem], Run]) -> None:
    given = draw(lenet_300_100((1, 6, 6)), batch=4, masked=True)
    compare_runs(given, OurRun).check()
    with pytest.raises(Different):
        compare_runs(given, wrong).check()


SCORES = {"a": np.array([[5.0, 2.0], [1.0, 2.0]]), "b": np.array([0.0, 2.0])}
BEST = {"a": np.array([[True, True], [False, False]]), "b": np.array([False, False])}


def test_masks_that_differ_among_ties() -> None:
    """Three entries are tied at 2; any of them may be kept beside the 5."""
    other = {"a": np.array([[True, False], [False, False]]), "b": np.array([False, True])}
    check_selection(BEST, other, SCORES, ties=3)
    with pytest.raises(Different, match="3 entries at the threshold 2, not the 4"):
        check_selection(BEST, other, SCORES, ties=4)


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        ([True, True, True, False, False, False], "3 kept, ours 2"),
        ([True, False, False, False, False, False], "1 kept, ours 2"),
        ([True, False, True, False, False, False], "1 entries kept by one side only"),
        ([False, True, False, True, False, False], "1 entries kept by one side only"),
    ],
)
def test_other_masks_are_refused(kept: list[bool], sentence: str) -> None:
    other = {"a": np.array(kept[:4]).reshape(2, 2), "b": np.array(kept[4:])}
    with pytest.raises(Different, match=sentence):
        check_selection(BEST, other, SCORES)


def test_runs() -> None:
    scores, kept = {"a": np.array([[1.0, 3.0, 2.0, 2.0]])}, {"a": np.array([[False, True, True, False]])}
    check_runs(kept, {"a": np.array([[False, True, False, True]])}, scores, of=4)
    with pytest.raises(Different):
        check_runs(kept, {"a": np.array([[True, True, False, False]])}, scores, of=4)


def test_outputs() -> None:
    check_outputs(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-6]))
    for other in ([1.0, 2.001], [1.0, np.nan]):
        with pytest.raises(Different):
            check_outputs(np.array([1.0, 2.0]), np.array(other))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_both_sides_compute_the_same(case: Case) -> None:
    """Every case, small. Those against PyTorch only where it is installed: it is no dependency."""
    if case.torch:
        pytest.importorskip("torch", reason="torch is not installed: no case against it can be checked")
    case.build(next(size for word, size in SMALL.items() if word in case.name)).check()


# One case


def tiny_case(check: Callable[[], None] = lambda: None, *, once: bool = False) -> Case:
    """Return a case whose works do next to nothing, 10 weights in size."""

    def build(size: int) -> Comparison:
        ours = Side(lambda: lambda: None, once)
        return Comparison(ours, ours, check, Memory(lambda: np.ones(1000 * size), size))

    return Case("tiny", 10, build, "itself", torch=False)


def test_record() -> None:
    found = record(tiny_case(once=True), pairs=9)
    assert set(found) == KEYS
    assert (found["peer"], found["pairs"]) == ("itself", 7)  # seven, whatever is asked, where each is slow
    assert found["spread"][0] <= found["ratio"] <= found["spread"][1]
    assert found["bytes_per_weight"] == pytest.approx(8000, rel=0.1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def refuse() -> None:
    raise Different("apples and pears")


def test_sides_that_differ_are_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "CASES", (tiny_case(refuse),))
    assert measure.main("tiny", "7") == 1
    assert capsys.readouterr() == ("", "refused: the two sides differ: apples and pears\n")


def test_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread variable is 1 before NumPy is imported; what the process says when it fails is passed on."""
    asked: dict[str, Any] = {}

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.update(options["env"], arguments=arguments[1:])
        return subprocess.CompletedProcess(arguments, 1, "", "refused: apples\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(MeasurementFailed, match=r"^tiny: refused: apples$"):
        measured(tiny_case(), 8)
    assert asked["arguments"] == ["-m", "spec_tests.benchmarks.measure", "tiny", "8"]
    variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    assert [asked[name] for name in variables] == ["1"] * 3
    assert asked["PATH"] == os.environ["PATH"]
    assert asked["MALLOC_MMAP_MAX_"] == "0"
    asked.clear()
    with pytest.raises(MeasurementFailed):
        measured(tiny_case()._replace(memory_kept=False), 8)
    assert "MALLOC_MMAP_MAX_" not in asked


# The command


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace measuring by RECORD, with torch installed; return the list of what was asked for."""
    asked: list[str] = []

    def found(case: Case, pairs: int) -> dict[str, Any]:
        asked.append(case.name)
        return RECORD | {"pairs": pairs}

    monkeypatch.setattr(command, "measured", found)
    monkeypatch.setattr(command, "installed", lambda package: package == "torch")
    return asked


def test_file_and_table(faked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", str(tmp_path / "new" / "speed.json"), "--pairs", "8"]) == 0
    assert faked == NAMES
    assert json.loads((tmp_path / "new" / "speed.json").read_text()) == dict.fromkeys(NAMES, RECORD | {"pairs": 8})
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["speed.json"]
    lines = capsys.readouterr().out.splitlines()
    assert [text.startswith(f"{name} ") for text, name in zip(lines, NAMES, strict=True)] == [True] * len(NAMES)
    assert "0.5  [0.4, 0.6]" in lines[0]
    assert lines[0].endswith("wanted <= 0.65: met")


def test_names_of_the_file() -> None:
    """What reads the file asks for these."""
    assert len(set(NAMES)) == len(NAMES)
    assert {
        "lenet-300-100 step",
        "lenet-300-100 masked step",
        "lenet-5 step",
        "lenet-5 step channels_last",
        "conv-4 step",
        "global mask 1e7",
        "global mask 1e7 ties",
        "global mask 1e7 pruned",
    } <= set(NAMES)


def test_without_torch(
    faked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "installed", lambda package: False)  # noqa: ARG005  nothing is installed
    assert command.main(["--json", str(tmp_path / "speed.json")]) == 0
    own = [case.name for case in CASES if not case.torch]
    assert faked == own == list(json.loads((tmp_path / "speed.json").read_text()))
    said = capsys.readouterr().out
    assert said.count("not measured: torch is not installed") == len(CASES) - len(own)
    assert said.splitlines()[-1] == command.INSTALL
    assert 'python -m pip install "refprune[backends]"' in command.INSTALL


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--pairs", "3"], "--pairs: got 3, expected an integer >= 7"),
        (["--only", "resnet"], "--only: got 'resnet', expected a part of one of lenet-300-100 step, "),
        (["--only", "lenet-5", "--write"], "--write: got a part of the cases, expected all cases, and torch"),
    ],
)
def test_usage(faked: list[str], arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert faked == []


def test_page_needs_torch(
    faked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "installed", lambda package: False)  # noqa: ARG005  nothing is installed
    assert command.main(["--write"]) == 2
    assert "--write: got no torch, expected all cases, and torch installed" in capsys.readouterr().err
    assert faked == []


def test_unwritable(faked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before any measuring; what stood there stands there still."""
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path, tmp_path / "file" / "speed.json"):
        assert command.main(["--json", str(place)]) == 2
        assert ", expected " in capsys.readouterr().err
    assert faked == []
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "mine")]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [(MeasurementFailed("refused"), 1, "refused"), (KeyboardInterrupt(), 130, "interrupted; nothing was written")],
)
def test_failure_in_the_middle(
    error: BaseException,
    code: int,
    sentence: str,
    faked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before: Callable[[Case, int], dict[str, Any]] = vars(command)["measured"]

    def found(case: Case, pairs: int) -> dict[str, Any]:
        if len(faked) == 3:
            raise error
        return before(case, pairs)

    monkeypatch.setattr(command, "measured", found)
    assert command.main(["--json", str(tmp_path / "speed.json")]) == code
    assert capsys.readouterr().err == f"spec_tests.benchmarks: {sentence}\n"
    assert list(tmp_path.iterdir()) == []


def test_for_real(tmp_path: Path) -> None:
    """The whole way, on the one case that needs nothing installed and takes a second."""
    options = ("--only", "forward compacted", "--json", str(tmp_path / "new"))
    asked = [sys.executable, "-m", "spec_tests.benchmarks", *options]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads((tmp_path / "new").read_text()).values()
    assert set(found) == KEYS
    assert found["bytes_per_weight"] is None
    assert 0 < found["ratio"] < 1, "a tenth of the units, all of the time: nothing was compacted"


# The page


def test_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each case; what is met is computed from the figures."""
    monkeypatch.setattr(page, "surroundings", lambda: "a machine")
    for ratio, verdicts in ((0.001, {"met", ""}), (1000.0, {"not met", ""})):
        records = dict.fromkeys(NAMES, RECORD | {"ratio": ratio})
        rows = [text.strip("| ").split(" | ") for text in page.page(records).splitlines() if text.startswith("| ")][1:]
        assert [row[0] for row in rows] == NAMES
        assert {row[8].strip() if len(row) > 8 else "" for row in rows} == verdicts


@pytest.mark.skipif(not page.PAGE.parent.is_dir(), reason="the page is read in a checkout, where it is")
def test_published_page() -> None:
    """A case that was added or renamed is measured before it is published."""
    rows = [text for text in page.PAGE.read_text(encoding="utf-8").splitlines() if text.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == NAMES


def test_one_missed_target_is_enough() -> None:
    case = next(case for case in CASES if case.name == "global mask 1e7")
    good = RECORD | {"ratio": 1 / 40, "bytes_per_weight": 9.5}
    assert page.met(case, good) is True
    assert page.met(case, good | {"ratio": 0.0251}) is False
    assert page.met(case, good | {"bytes_per_weight": 9.6}) is False
    assert page.wanted(case) == "<= 0.025, <= 9.5 bytes"


def test_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast 9000: the second\nmodel name\t: other\n")
    assert page.processor(tmp_path / "cpuinfo") == "Fast 9000: the second"
    assert page.processor(tmp_path / "none")
