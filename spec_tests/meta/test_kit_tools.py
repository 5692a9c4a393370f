"""The tools of the kit: list, show, replay, compare, init, mutants; and the corners a run must meet."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis.errors import UnsatisfiedAssumption

from spec_tests.adapter import (
    Blocks,
    Declaration,
    NofM,
    Profile,
    ScheduleCase,
    SelectCase,
    TrainCase,
    Units,
    Unsupported,
)
from spec_tests.alternatives.selections import ALTERNATIVES
from spec_tests.backends.reference import REFERENCE, Reference
from spec_tests.corners import CORNERS, corners, expected
from spec_tests.kit import cases, cli, comparing, record, showing
from spec_tests.kit.backends import REGISTERED, BrokenAdapterError, UsageError, find_backend
from spec_tests.kit.checks import all_checks
from spec_tests.kit.outcomes import Outcome, conformant, headline, judge
from spec_tests.kit.smoke import broken
from spec_tests.kit.vectors import promoting, vector
from spec_tests.specification import requirements, version
from spec_tests.verdicts import Violation


class Reversing(Reference):
    """A wrong backend: it removes the highest."""

    declaration = Declaration("reversing", frozenset({"SELECT"}))

    def select(self, case: SelectCase) -> Any:
        """Turn the scores round."""
        return super().select(replace(case, scores={name: -array for name, array in case.scores.items()}))


REVERSING = Reversing()


def failing(name: str) -> cases.Case:
    """Return the case of a check that the wrong backend fails."""
    check = next(check for check in all_checks() if check.name == name)
    with pytest.raises(Violation) as caught:
        check.run(REVERSING)
    return cases.case_of(check, caught.value)


def test_names_of_backends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own_adapter.py").write_text(
        "from spec_tests.meta.test_kit_tools import REVERSING as MINE\nNOT_ONE = 3\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    assert find_backend("own_adapter:MINE") is REVERSING
    assert find_backend("refprune") is REFERENCE
    for wrong in (
        "nobody",
        "own_adapter:NOBODY",
        "own_adapter:NOT_ONE",
        "no.such.module:X",
        "spec_tests.adapter:Backend",
        ":X",
        "own_adapter:",
        "exec:",
    ):
        with pytest.raises(UsageError, match=r"^backend: got '"):
            find_backend(wrong)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        (
            "Declaration('mine', frozenset(), ties='keepall')",
            "ValueError: ties: got 'keepall', expected one of ['first', ",
        ),
        (
            "Declaration('mine', frozenset(), ties=['first'])",
            "ValueError: ties: got ['first'], expected one of ['first', ",
        ),
        (
            "Declaration('mine', frozenset(), tie='first')",
            "TypeError: Declaration.__init__() got an unexpected keyword",
        ),
    ],
)
def test_an_adapter_that_is_there_and_wrong(
    source: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is the adapter that is broken, and not the name that is wrong."""
    monkeypatch.chdir(tmp_path)
    module = f"wrong_{tmp_path.name}"
    text = f"from spec_tests.adapter import Declaration\n{source}\nBACKEND = 0\n"
    (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
    with pytest.raises(BrokenAdapterError, match=re.escape(said)):
        find_backend(f"{module}:BACKEND")


def test_registered_backends_are_modules_here() -> None:
    for spelled in REGISTERED.values():
        module = spelled.partition(":")[0].removeprefix("spec_tests.").replace(".", "/")
        assert (Path(comparing.__file__).parents[1] / f"{module}.py").is_file(), spelled


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "selection"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6] for line in lines] == [name for name in requirements() if name.startswith("SEL")]
    assert cli.main(["show", "SEL-08"]) == 0
    said = capsys.readouterr().out
    for part in (
        "SEL-08 (MUST) Local pools",
        "def local(",
        "def test_local_example(",
        "def test_local(",
        "one pool for",
    ):
        assert part in said
    assert cli.main(["show", "SEL-99"]) == 2
    assert cli.main(["list", "gardening"]) == 2
    assert "expected" in capsys.readouterr().err


def test_every_requirement_can_be_shown() -> None:
    for name, requirement in requirements().items():
        assert showing.shown(name).startswith(f"{name} ({requirement.strength}) {requirement.title}")


@pytest.mark.parametrize("name", ["test_selection.test_core_example", "test_selection.test_core"])
def test_replay(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A literal and a drawn case: the wrong backend says the same again, the right one passes."""
    case = failing(name)
    assert case["drawn"] == "" if name.endswith("example") else case["drawn"]
    assert len(case["calls"]) == 1
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case), encoding="utf-8")
    assert cases.replay(cases.read(path), REVERSING) == case["said"]
    assert cases.replay(cases.read(path), REFERENCE) == ""
    assert cli.main(["replay", str(path), "--backend", "refprune"]) == 0
    assert cli.main(["replay", str(path), "--backend", "spec_tests.meta.test_kit_tools:REVERSING"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("passes\n")
    assert case["said"] in said


def test_replay_of_what_is_no_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = failing("test_selection.test_core")
    for wrong in ("{", "[]", "{}", json.dumps(good | {"format": "other/1"}), json.dumps(good | {"check": "none.none"})):
        (tmp_path / "case.json").write_text(wrong, encoding="utf-8")
        assert cli.main(["replay", str(tmp_path / "case.json"), "--backend", "refprune"]) == 2, wrong
        assert "expected" in (said := capsys.readouterr().err) or "does not have" in said or "line 1" in said
    (tmp_path / "case.json").write_text('{"verdict": "pass", "case": null}', encoding="utf-8")
    assert cli.main(["replay", str(tmp_path / "case.json"), "--backend", "refprune"]) == 2
    assert "got a check without a case (pass), expected one that failed" in capsys.readouterr().err
    with pytest.raises(ValueError, match="draws it otherwise"):
        cases.replay(good | {"drawn": "AA=="}, REFERENCE)  # no choices at all


def test_promote(tmp_path: Path) -> None:
    """A failing case becomes a draft whose answer is the oracle's, once; what no vector can hold is refused."""
    target = tmp_path / "promoted.json"
    target.write_text("[]", encoding="utf-8")
    case = failing("test_selection.test_core")
    said = promoting.promote(case, "the highest stay", target)
    (entry,) = json.loads(target.read_text(encoding="utf-8"))
    assert (entry["requirement"], entry["operation"], entry["refused"]) == ("SEL-15", "select", False)
    scores, sparsity = entry["in"]["case"]["scores"][0], entry["in"]["case"]["sparsity"]["float"]
    gone = round(sparsity * len(scores["data"]))
    should = [int(score > sorted(scores["data"])[gone - 1]) for score in scores["data"]]
    assert json.dumps(should) in said, "distinct scores: what is above the last that goes"
    with pytest.raises(ValueError, match="already"):
        promoting.promote(case, "again", target)
    with pytest.raises(ValueError, match="a vector can hold"):
        promoting.promote(case | {"asked": [None]}, "nothing", target)
    assert len(json.loads(target.read_text(encoding="utf-8"))) == 1


def test_promoted_refusals(tmp_path: Path) -> None:
    """Where the definition knows no answer, the vector wants an error."""
    target = tmp_path / "promoted.json"
    target.write_text("[]", encoding="utf-8")
    case = failing("test_selection.test_core")
    case["asked"][-1]["in"]["case"]["sparsity"] = {"float": 1.5}
    assert promoting.promote(case, "more than all", target).startswith("SEL-15: the answer is an error")
    assert json.loads(target.read_text(encoding="utf-8"))[0]["refused"]


def test_cases_as_files(tmp_path: Path) -> None:
    case = failing("test_selection.test_core")
    outcomes = [
        {"requirement": "SEL-15", "check": case["check"], "case": case},
        {"requirement": "SEL-01", "case": None},
    ]
    (path,) = cases.write_all(outcomes, tmp_path / "cases")
    assert path.name == "SEL-15.test_core.json"
    assert cases.read(path) == case


def test_compare_names_who_is_alone() -> None:
    heap, one_by_one = ALTERNATIVES[:2]
    chorus = comparing.compare([heap, REVERSING, one_by_one], ["SEL-15"])
    assert chorus.found
    assert {each.outliers for each in chorus.found} == {("reversing",)}
    assert any("reversing: an outlier in" in line for line in comparing.lines(chorus))


def test_compare_does_not_except_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the reference is broken, two others outvote it."""
    from refprune import selection

    heap, one_by_one = ALTERNATIVES[:2]
    monkeypatch.setattr(selection, "removal_count", lambda sparsity, size: int(sparsity * size))
    chorus = comparing.compare([REFERENCE, heap, one_by_one], ["SEL-01"])
    alone = {name for each in chorus.found for name in each.outliers}
    assert "refprune" in alone
    assert not {"heap", "one-by-one"} & alone


def test_compare_of_two_has_no_majority() -> None:
    chorus = comparing.compare([ALTERNATIVES[0], REVERSING], ["SEL-15"])
    assert {each.outliers for each in chorus.found} == {("heap", "reversing")}


def test_init(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The scaffold runs as it stands, and is never written over anything."""
    assert cli.main(["init", "python", str(tmp_path)]) == 0
    assert "adapter.py" in (said := capsys.readouterr().out)
    assert f"cd {tmp_path} && refprune-spec run --backend adapter:BACKEND" in said
    adapter = (tmp_path / "adapter.py").read_text(encoding="utf-8")
    lines = adapter.split("class Adapter:")[1].strip().splitlines()
    assert len(lines) <= 30
    monkeypatch.chdir(tmp_path)
    backend = find_backend("adapter:BACKEND")
    assert broken(backend) == []
    for check in all_checks():
        if check.profile == "SELECT" and check.kind == "example":
            try:
                check.run(backend)
            except pytest.skip.Exception:
                continue
    assert cli.main(["init", "python", str(tmp_path)]) == 2
    assert "already there" in capsys.readouterr().err
    assert (tmp_path / "adapter.py").read_text(encoding="utf-8") == adapter


def test_init_in_cpp(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "c++"]) == 0
    assert "now: g++ " in (said := capsys.readouterr().out)
    assert said.endswith("refprune-spec run --backend exec:./testee\n")
    assert json.loads((tmp_path / "known_failures.json").read_text(encoding="utf-8")) == {
        "backend": "exec:./testee", "known_failures": [],
    }  # fmt: skip
    assert (tmp_path / "testee.cpp").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --backend refprune --only SEL-99", "run: got 'SEL-99', expected an id"),
        ("run --backend refprune --fix", "--fix needs --known-failures FILE"),
        ("run --backend refprune --known-failures x.json --fix --only SEL-01", "and a full run: no --only"),
        ("compare refprune spec_tests.meta.test_kit_tools:REVERSING --only SEL-99", "compare: got 'SEL-99'"),
        ("mutants --only SEL-99", "mutants: got 'SEL-99'"),
    ],
)
def test_what_asks_nothing_is_refused_at_once(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == cli.USAGE
    assert said in capsys.readouterr().err


def test_an_installed_package_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector, "shared_file", lambda *parts: tmp_path.joinpath("refprune", "_shared", *parts))
    (tmp_path / "case.json").write_text(json.dumps(failing("test_selection.test_core")), encoding="utf-8")
    before = promoting.PROMOTED.read_bytes()
    for words in (["vectors", "fill"], ["promote", str(tmp_path / "case.json"), "--comment", "mine"]):
        assert cli.main(words) == cli.USAGE
        assert "got an installed refprune, expected a checkout" in capsys.readouterr().err
    assert promoting.PROMOTED.read_bytes() == before


def test_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mutants", "--only", "SEL-08"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 caught by literal examples alone"


def test_smoke(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["smoke", "--backend", "refprune"]) == 0
    assert "ms a call" in capsys.readouterr().out
    for wrong, said in (
        ({"select": None}, "SELECT and has no operation select"),
        ({"select": lambda *_: [1]}, "got list, expected a mapping"),
        ({"select": lambda *_: {"b": np.ones(4)}}, "expected 'a' with 4 entries"),
        ({"select": lambda _, case: case.nothing}, "raised AttributeError"),
    ):
        backend = type("Broken", (Reversing,), wrong)()
        assert said in " ".join(broken(backend))


def test_smoke_says_when_it_asked_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    claims: tuple[tuple[frozenset[Profile], str], ...] = (
        (frozenset(), "it claims no profile"),
        (frozenset({"SELECT"}), "nothing was asked"),
    )
    for profiles, said in claims:
        declared = replace(Reversing.declaration, profiles=profiles, granularities=frozenset())
        backend = type("Reticent", (Reversing,), {"declaration": declared})()
        monkeypatch.setattr("spec_tests.kit.smoke.find_backend", lambda _, found=backend: found)
        assert cli.main(["smoke", "--backend", "reticent"]) == 0
        assert said in capsys.readouterr().out


def test_a_wrong_library_is_no_broken_adapter() -> None:
    assert broken(REVERSING) == []


class Planner:
    """An adapter that has what it declares, and nothing else."""

    declaration = Declaration("planner", frozenset({"SCHEDULE"}), forms=frozenset({"rounds"}))
    rounds = staticmethod(REFERENCE.rounds)


class Trainer(Reference):
    """An adapter that refuses what it does not declare."""

    declaration = Declaration("trainer", frozenset({"SELECT", "TRAIN"}), granularities=frozenset({"block"}),
                              ops=frozenset({"conv2d"}))  # fmt: skip

    def select(self, case: SelectCase) -> Any:
        """Select blocks."""
        raise Unsupported(f"no {case.granularity}")

    def train(self, case: TrainCase) -> Any:
        """Train convolutions."""
        raise Unsupported(f"no {case.network}")


@pytest.mark.parametrize("adapter", [Planner(), Trainer()])
def test_smoke_asks_within_what_is_declared(adapter: Any) -> None:
    assert broken(adapter) == []


# Verdicts of requirements


def test_the_worst_verdict_of_a_requirement() -> None:
    declaration = Declaration("one", frozenset({"SELECT"}))

    def of(*verdicts: Any) -> str:
        outcomes = [Outcome("SEL-04", f"check{i}", "example", verdict) for i, verdict in enumerate(verdicts)]
        return next(each.verdict for each in judge(outcomes, declaration) if each.requirement.id == "SEL-04")

    assert of() == "untested"
    assert of("not_applicable", "pass") == "pass"
    assert of("not_applicable") == "not_applicable"
    assert of("pass", "fail", "not_applicable") == "fail"
    assert of("fail", "error") == "error"
    assert of("error", "timeout", "crash") == "crash"
    assert of("known_failure", "pass") == "known_failure"
    assert of("known_failure", "stale_known_failure") == "stale_known_failure"


def test_headline_counts_only_what_applies() -> None:
    declaration = Declaration("one", frozenset({"SELECT", "APPLY"}))
    outcomes = [
        Outcome("SEL-01", "a.b", "example", "pass"),
        Outcome("SEL-04", "a.c", "example", "fail"),
        Outcome("SEL-05", "a.d", "example", "known_failure"),
        Outcome("SEL-06", "a.e", "example", "not_applicable"),
        Outcome("ARR-07", "a.f", "example", "fail"),
    ]
    found = judge(outcomes, declaration)
    ours = sum(not requirement.binds_everybody for requirement in requirements().values())
    should = f"spec {version()} | SELECT,APPLY | MUST 1/3 | SHOULD 0/1 | n/a {ours + 1} | known 1"
    assert headline(found, declaration) == should
    assert not conformant(found)
    assert conformant(judge([outcomes[0], *outcomes[2:]], declaration)), "a SHOULD and a known failure do not count"


# Corners


def test_corners_of_a_selection() -> None:
    one = SelectCase({"a": np.array([1.0, 1.0, -0.0, np.inf])}, 0.125, "global")
    assert corners([one]) == {"ties", "-0.0", "infinity", "a half to round"}
    two = SelectCase(
        {"a": np.ones((2, 2), order="F"), "b": np.array([np.nan])}, 5, "global", within={"b": np.array([False])}
    )
    assert corners([two]) == {
        "ties", "Fortran order", "NaN", "an int", "everything removed", "removed before", "several tensors in one pool"
    } - ({"Fortran order"} if two.scores["a"].flags.c_contiguous else set())  # fmt: skip
    assert corners([SelectCase({"a": np.array([])}, 0.0)]) == {"empty pool"}
    assert "ragged tail" in corners([SelectCase({"a": np.ones((2, 5))}, None, granularity=NofM(2, 4))])
    assert "ragged tail" not in corners([SelectCase({"a": np.ones((2, 8))}, None, granularity=NofM(2, 4))])
    assert "ragged tile" in corners([SelectCase({"a": np.ones((3, 4))}, 0.5, granularity=Blocks(2, 2))])
    assert "a reserve" in corners([SelectCase({"a": np.ones(3)}, 0.5, granularity=Units())])
    assert "a reserve" not in corners([SelectCase({"a": np.ones(3)}, 0.5, granularity=Units(min_kept=0))])


def test_a_half_is_of_what_goes_as_a_whole() -> None:
    """Tiles of 2 x 1, cropped: 2 x 4 has 4 of them, 3 x 3 has 6. Each local pool counts by itself."""
    four, six = {"a": np.ones((2, 4))}, {"b": np.ones((3, 3))}
    for scores, pools, sparsity, half in (
        (four, "local", 1 / 8, True),
        (four, "local", 1 / 16, False),
        (six, "local", 1 / 4, True),
        (six, "local", 1 / 2, False),
        (four | six, "local", 1 / 4, True),
        (four | six, "global", 1 / 4, True),
        (four | six, "global", 1 / 8, False),
        (four | six, "local", 1 / 2, False),
    ):
        case = SelectCase(scores, sparsity, pools, Blocks(2, 1))  # type: ignore[arg-type]  # a table of literals
        assert ("a half to round" in corners([case])) is half, case


def test_corners_of_a_schedule() -> None:
    assert corners([ScheduleCase("linear", 0.5, 10, begin=1, every=4)]) == {
        "begins later", "a step that does not lead to the end"
    }  # fmt: skip
    assert corners([ScheduleCase("linear", 0.5, 8, every=4)]) == set()


def test_a_full_run_that_met_no_corner_is_not_conformant() -> None:
    """As if nothing had been drawn: every check passes, and the run says too little."""
    checks = [check for check in all_checks() if check.profile]
    outcomes = [Outcome(check.requirement, check.name, check.kind, "pass") for check in checks]
    backend = ALTERNATIVES[0]
    run = record.Run(backend, "heap", "ci", outcomes, 1.0)
    assert run.complete
    assert run.unmet == expected(backend.declaration)
    assert "ties" in run.unmet
    assert "ragged tail" not in run.unmet, "heap declares no n of m"
    assert not list(record.lines(run))[-1]["conformant"]
    met = {corner.name: 1 for corner in CORNERS}
    whole = record.Run(backend, "heap", "ci", [*outcomes[1:], replace(outcomes[0], met=met)], 1.0)
    assert whole.unmet == []
    assert list(record.lines(whole))[-1]["conformant"]
    runs_only = replace(backend.declaration, granularities=frozenset({"n_of_m"}))
    assert "ragged tail" in expected(runs_only)
    assert not {"nothing removed", "everything removed", "an int"} & set(expected(runs_only)), "they take no sparsity"
    part = record.Run(backend, "heap", "ci", outcomes[1:], 1.0)
    assert not part.complete
    assert part.unmet == []


# The list of known failures


def test_a_list_names_checks_of_this_suite(tmp_path: Path) -> None:
    """An entry that no check answers to would never be stale."""
    path = tmp_path / "known.json"
    entry = {"check": "test_selection.test_core_exmaple", "message": "*"}
    path.write_text(json.dumps({"known_failures": [entry]}), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "spec_tests.kit.plugin", "-p", "no:cacheprovider", "-n", "0"]
    options = ["--collect-only", "--refprune-backend=refprune", f"--refprune-known-failures={path}", str(path.parent)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 4
    assert "got 'test_selection.test_core_exmaple', expected checks of this suite" in done.stderr


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"check": "test_selection.test_core", "message": "SEL-15: *"}],
            "expected an id and the words of the failure",
        ),
        ([{"check": "test_selection.test_core", "message": "*"}], "expected an id and the words of the failure"),
        ([{"check": "test_selection.test_core", "message": "SEL-15: got *"}] * 2, "expected one of each"),
    ],
)
def test_a_list_hides_nothing_else(tmp_path: Path, entries: list[dict[str, str]], said: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"known_failures": entries}), encoding="utf-8")
    words = ["run", "--backend", "refprune", "--only", "SEL-15", "--workers", "0", "--known-failures", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "spec_tests.kit.cli", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == cli.USAGE
    assert said in done.stderr


# What is no answer


@pytest.mark.parametrize(
    "error", [SystemExit(0), GeneratorExit(), UnsatisfiedAssumption(), pytest.skip.Exception("me")]
)
@pytest.mark.parametrize("name", ["test_core_example", "test_core", "test_empty_example"])
def test_nobody_opts_out_by_an_exception(error: BaseException, name: str) -> None:
    """Neither not applicable, nor drawn again, nor a refusal."""

    class Evading(Reversing):
        def select(self, case: SelectCase) -> Any:  # noqa: ARG002  whatever it is
            raise error

    check = next(check for check in all_checks() if check.name == f"test_selection.{name}")
    with pytest.raises(Violation, match=f"raised Malformed: raised {type(error).__name__}") as caught:
        check.run(Evading())
    assert caught.value.verdict == "error"


def test_no_corner_is_asked_of_a_declaration_that_leaves_it_out() -> None:
    rounds_only = Declaration("rounds", frozenset({"SCHEDULE"}), forms=frozenset({"rounds"}))
    assert expected(rounds_only) == []
    assert expected(replace(rounds_only, forms=frozenset({"trace"}))) != []
    tiles_only = Declaration("tiles", frozenset({"SELECT"}), granularities=frozenset({"block"}))
    assert "-0.0" not in expected(tiles_only)
    assert "-0.0" in expected(replace(tiles_only, granularities=frozenset({"block", "unit"})))
