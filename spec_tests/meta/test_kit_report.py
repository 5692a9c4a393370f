"""The verdict and its report: every verdict, the list of known failures, exit codes, JUnit, and the pages."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, fields, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from refprune.arrays import Masks
from spec_tests.adapter import Declaration, SelectCase
from spec_tests.backends.reference import REFERENCE, Reference
from spec_tests.kit import cli, known, record
from spec_tests.kit.outcomes import WORST_FIRST, Outcome, asked
from spec_tests.kit.record import Line, Run, lines, select
from spec_tests.kit.reports import badge, reading
from spec_tests.kit.reports.declaring import differences, meanings, own_rules
from spec_tests.kit.reports.markdown import markdown, plain
from spec_tests.kit.reports.page import page
from spec_tests.kit.reports.prose import prose, rule_and_rest
from spec_tests.kit.text import verdict_lines
from spec_tests.meta.test_report import Element, Page, browser  # noqa: F401  a fixture
from spec_tests.specification import requirements

SCHEMA = json.loads(Path(record.__file__).with_name("report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
HERE = "spec_tests.meta.test_kit_report"
SECONDS = 8
"""What a check of the run below may take; the one that sleeps takes longer."""
WANTED = {
    "SEL-01": "fail",
    "SEL-02": "error",
    "SEL-07": "crash",
    "SEL-12": "timeout",
    "SEL-13": "known_failure",
    "SEL-14": "stale_known_failure",
    "SEL-15": "pass",
    "ARR-01": "not_applicable",
}
"""Requirement -> what the run below says of it; every other one is untested there."""


# Backends that go wrong in one way each


class Nine(Reference):
    """Goes wrong in another way in each check: pytest says in which one it is asked."""

    declaration = Declaration("nine", frozenset({"SELECT"}), library="nine lives 9.0")

    def select(self, case: SelectCase) -> Masks:
        """Answer like the reference, in most checks."""
        match os.environ.get("PYTEST_CURRENT_TEST", "").rpartition("::")[2].partition(" ")[0]:
            case "test_count_example":
                return {name: np.ones(np.shape(array), bool) for name, array in case.scores.items()}
            case "test_integer_example":
                raise KeyError("integer")
            case "test_nan_example":
                os._exit(9)
            case "test_empty_example":
                time.sleep(600)
            case "test_pure_example":
                return {}
        return super().select(case)


class Lacking:
    """Claims what it does not have."""

    declaration = Declaration("lacking", frozenset({"SELECT"}))


class Biased(Reference):
    """Claims drawn masks only, and draws nothing."""

    declaration = Declaration("biased", frozenset({"RANDOM"}))

    def random_mask(self, shapes: Any, sparsity: Any, pools: Any, seed: Any) -> Masks:  # noqa: ARG002
        """Keep everything."""
        return {name: np.ones(shape, bool) for name, shape in shapes.items()}


class Mended(Reference):
    """The same without its bug."""

    declaration = Declaration("biased", frozenset({"RANDOM"}))


@dataclass(frozen=True)
class Deviation:
    """Why a backend differs, as the suite's own backends say it."""

    requirement: str
    what: str
    where: str


DEVIATIONS = "spec_tests.backends.deviations"
NINE, LACKING, BIASED, MENDED = Nine(), Lacking(), Biased(), Mended()
KNOWN = {
    "known_failures": [
        {"check": "test_selection.test_pure_example", "message": "SEL-13: got masks of *", "why": "drops every name"},
        {"check": "test_selection.test_memory_example", "message": "SEL-14: got nothing"},
    ]
}


def spec(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "spec_tests.kit.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def run(backend: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the suite against a backend, with little drawn, in one process unless others are asked for."""
    return spec("run", "--backend", backend, "--profile", "smoke", "--quiet", "--workers", 0, *words)


def only(*ids: str) -> list[str]:
    return [word for name in ids for word in ("--only", name)]


# One run with all verdicts


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Return what a run of the backend above says, and the folder with all its files."""
    folder = tmp_path_factory.mktemp("nine")
    (folder / "known.json").write_text(json.dumps(KNOWN), encoding="utf-8")
    files = ("report.jsonl", "junit.xml", "page.html", "page.md", "badge.svg")
    options = [word for name in files for word in (f"--{name.split('.')[0]}", folder / name)]
    options[4], options[6] = "--html", "--markdown"
    done = run(
        f"{HERE}:NINE",
        *only(*WANTED),
        "--workers",
        2,
        "--timeout",
        SECONDS,
        "--known-failures",
        folder / "known.json",
        *options,
    )
    return done, folder


@pytest.fixture(scope="module")
def report(nine: tuple[Any, Path]) -> list[Line]:
    return record.read(nine[1] / "report.jsonl")


def test_every_verdict(nine: tuple[subprocess.CompletedProcess[str], Path], report: list[Line]) -> None:
    done, _ = nine
    assert (done.returncode, done.stderr) == (cli.NOT_CONFORMANT, "")
    said = {requirement["id"]: requirement["verdict"] for requirement in select(report, "requirement")}
    others = {one.id: "untested" if one.binds_everybody else "not_applicable" for one in requirements().values()}
    assert said == others | WANTED
    assert set(said.values()) == set(WORST_FIRST)
    by_check = {check["check"].partition(".")[2]: check for check in select(report, "check")}
    assert by_check["test_nan_example"]["said"] == "SEL-07: the process died"
    assert by_check["test_empty_example"]["said"].startswith(f"SEL-12: raised TimedOut: no end after {SECONDS} s")
    assert by_check["test_integer_example"]["said"].startswith(
        "SEL-02: raised KeyError: 'integer'\n    [backend.select("
    )
    stale = "listed as a known failure (SEL-14: got nothing), but pass now"
    assert by_check["test_memory_example"]["said"] == stale


def test_terminal(nine: tuple[subprocess.CompletedProcess[str], Path], report: list[Line]) -> None:
    """The verdict comes last, no colours where it is no terminal, no line of a list longer than a terminal is wide."""
    text = nine[0].stdout
    assert "\x1b" not in text
    for name, verdict in WANTED.items():
        words = verdict.replace("_", " ").upper()
        title = f"{name} (MUST) {requirements()[name].title}: {words}"
        assert (title in text) is (verdict in reading.DIFFERS)
    assert "nine (nine lives 9.0) is not conformant. It differs on 5 of the 7 MUST asked of it." in text
    assert report[-1]["headline"] == "spec 0.1 | SELECT | MUST 1/7 | SHOULD 0/0 | n/a 37 | known 1"
    assert f"{report[-1]['headline']} (part of the checks)\n" in text
    coloured = list(verdict_lines(report, colour=True))
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == list(verdict_lines(report))
    assert sum("\x1b[1;31m" in line for line in coloured) == 6
    assert sum("\x1b[1;33m" in line for line in coloured) == 1


def test_junit(nine: tuple[Any, Path], report: list[Line]) -> None:
    """A failure has its sentence, what is known or not applicable its reason; each test its requirement and verdict."""
    found = {one.attrib["name"]: one for one in ElementTree.parse(nine[1] / "junit.xml").iter("testcase")}  # noqa: S314
    assert "raw" not in (nine[1] / "junit.xml").read_text(encoding="utf-8")
    for check in select(report, "check"):
        case = found[check["check"].partition(".")[2]]
        said = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        if check["said"] != "SEL-07: the process died":  # no process is left to say more
            assert said == {"requirement": check["requirement"], "verdict": check["verdict"]}
        tag = {"pass": [], "known_failure": ["skipped"], "not_applicable": ["skipped"]}.get(
            check["verdict"], ["failure"]
        )
        assert [one.tag for one in case if one.tag != "properties"] == tag, check["check"]
        if tag:
            first = check["said"].splitlines()[0]
            assert case.find(tag[0]).attrib["message"].startswith(first[:60])  # type: ignore[union-attr]


# The lines of a report


@pytest.fixture(scope="module")
def whole(report: list[Line]) -> list[Line]:
    """Return a full report with every verdict: what the run above says, and a word on every other check."""
    own = {line["check"]: _outcome(line) for line in select(report, "check")}
    rest = {
        check.name: _other(check.requirement, check.name, check.kind, str(check.profile))
        for check in asked(NINE.declaration)
    }
    return written(NINE, list((rest | own).values()))


def _outcome(line: Line) -> Outcome:
    return Outcome(**{("kind" if name == "form" else name): value for name, value in line.items() if name != "kind"})


def _other(requirement: str, check: str, kind: str, profile: str) -> Outcome:
    if profile == "SELECT":
        return Outcome(requirement, check, kind, "pass")
    return Outcome(requirement, check, kind, "not_applicable", f"not applicable: nine does not claim {profile}")


def written(backend: Any, outcomes: list[Outcome], spelled: str = f"{HERE}:NINE") -> list[Line]:
    """Return the lines of a report as they are read."""
    return [json.loads(json.dumps(line)) for line in lines(Run(backend, spelled, "ci", outcomes, 1.0))]


def passing(backend: Any) -> list[Line]:
    return written(
        backend, [Outcome(check.requirement, check.name, check.kind, "pass") for check in asked(backend.declaration)]
    )


def test_schema(report: list[Line], whole: list[Line]) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for line in (*report, *whole, *passing(REFERENCE)):
        VALIDATOR.validate(line)
    assert {line["verdict"] for line in select(whole, "requirement")} == set(WORST_FIRST)


def test_schema_is_strict(report: list[Line]) -> None:
    """Whatever is taken away from a line, or added to it, is seen."""
    failing = next(check for check in select(report, "check") if check["case"])
    for line in (report[0], failing, select(report, "requirement")[0], report[-1]):
        assert not VALIDATOR.is_valid(line | {"more": 1})
        for name in line:
            assert not VALIDATOR.is_valid({key: value for key, value in line.items() if key != name}), name
            assert not VALIDATOR.is_valid(line | {name: [[]]}), name
    for name in report[0]["declaration"]:
        wrong = report[0]["declaration"] | {name: "no such value" if name not in ("name", "library") else 1}
        assert not VALIDATOR.is_valid(report[0] | {"declaration": wrong}), name
    assert not VALIDATOR.is_valid(failing | {"verdict": "pass"})


def test_schema_knows_the_declaration() -> None:
    """Neither more nor less; what each field may hold is tested with the wire protocol, which has the same words."""
    wire = json.loads(Path(record.__file__).with_name("wire.schema.json").read_text(encoding="utf-8"))
    declaration = SCHEMA["$defs"]["declaration"]
    assert declaration["properties"] == wire["$defs"]["declaration"]["properties"]
    assert sorted(declaration["required"]) == sorted(field.name for field in fields(Declaration))


def test_a_cut_report_is_refused(nine: tuple[Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (nine[1] / "report.jsonl").read_text(encoding="utf-8")
    own = text.splitlines(keepends=True)
    damaged = {
        "got no header": "",
        "got no footer": "".join(own[:-1]),
        "got no header of": "".join(own[1:]),
        "is none of a report (JSONDecodeError": text[: len(text) - 20],
        "is none of a report (KeyError": text.replace('"kind": "footer"', '"kind": "foot"'),
        "line 1 is a header without 'profile'": text.replace('"profile"', '"profil"'),
        "is none of a report (TypeError": "[]\n",
    }
    for said, content in damaged.items():
        (tmp_path / "cut.jsonl").write_text(content, encoding="utf-8")
        assert cli.main(["report", str(tmp_path / "cut.jsonl"), "--html", str(tmp_path / "page.html")]) == cli.USAGE
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not (tmp_path / "page.html").exists()


# Known failures


def test_pinned() -> None:
    """Of a drawn case what was drawn is *; of an example every letter stands, and * in it means what it says."""
    drawn = Outcome(
        "SEL-01", "a.b", "property", "fail", "SEL-01: got array([1., 2.]), but should be 3 of 4\n    [call]"
    )
    example = replace(drawn, kind="example")
    assert known.pinned(drawn) == "SEL-01: got *, but should be * of *"
    counted = known.pinned(replace(drawn, said="SEL-01: got 4 removed, but should be 3 removed"))
    assert known.unpinned({"a.b": {"message": counted}}) == ["a.b"], "it would fit any count"
    lists = "SEL-01: got {'a': [[1, 2], [3]], 'b': array([], shape=(0, 2))}, but should be array([[0.5]]) or an error"
    assert known.pinned(replace(drawn, said=lists)) == "SEL-01: got *, but should be * or an error"
    assert known.pinned(example) == "SEL-01: got array([1., 2.]), but should be 3 of 4"
    for outcome in (drawn, example):
        entry = {outcome.check: {"message": known.pinned(outcome)}}
        assert known.judged(outcome, entry).verdict == "known_failure"
        assert known.judged(replace(outcome, verdict="pass", said=""), entry).verdict == "stale_known_failure"
        assert known.judged(replace(outcome, verdict="not_applicable"), entry).verdict == "stale_known_failure"
        other = known.judged(replace(outcome, said="SEL-01: raised KeyError: 'a'"), entry)
        assert other.verdict == "stale_known_failure"
        assert other.said.endswith("but SEL-01: raised KeyError: 'a'")


def test_a_pin_swallows_no_other_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn alike, another number or another case is stale; drawn otherwise, only words that fit one failure hold."""
    counted = Outcome("SEL-01", "a.b", "property", "fail", "SEL-01: got 3, but should be 4\n    [call(0.75)]")
    worded = replace(counted, said="SEL-01: got an entry of 3 removed, but should be 4 kept\n    [call(0.75)]")

    def verdicts(profile: str, outcome: Outcome, pin: Any) -> list[str]:
        monkeypatch.setenv("REFPRUNE_PROFILE", profile)
        numbers = (outcome.said, outcome.said.replace("3", "0"), outcome.said.replace("0.75", "1.0"))
        judged = (known.judged(replace(outcome, said=said), {"a.b": pin}) for said in numbers)
        return [one.verdict.removesuffix("_known_failure") for one in judged]

    monkeypatch.setenv("REFPRUNE_PROFILE", "ci")
    pinned, other = (json.loads(known.written([one], "", {}))["known_failures"][0] for one in (counted, worded))
    assert (pinned["message"], pinned["case"]) == ("SEL-01: got *, but should be *", counted.said)
    assert verdicts("ci", counted, pinned) == verdicts("ci", worded, other) == ["known_failure", "stale", "stale"]
    assert verdicts("smoke", counted, pinned) == ["known_failure", "stale", "stale"]
    for profile, outcome, pin in (("smoke", worded, other), ("deep", worded, other), ("deep", counted, pinned)):
        assert verdicts(profile, outcome, pin) == ["known_failure"] * 3
    assert known.unpinned({"a.b": {"message": "SEL-01: got *, but should be *"}}) == ["a.b"]
    assert known.unpinned({"a.b": pinned}) == []


def test_addresses_and_folders_are_not_pinned() -> None:
    """What is another one in every run says nothing."""
    one = Outcome("STO-01", "a.b", "property", "error", "STO-01: raised OSError: /tmp/x1_y/net.json of <B at 0x7f3a>")
    assert known.case_of(one) == "STO-01: raised OSError: * of <B at *>"
    assert known.case_of(replace(one, verdict="timeout")) == known.case_of(replace(one, kind="example")) == ""
    long = [known.case_of(replace(one, said="x" * 2000 + end)) for end in ("1", "2")]
    assert long[0] != long[1]
    assert max(map(len, long)) < 550


def test_a_list_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text(json.dumps(KNOWN), encoding="utf-8")
    options = {"refprune_known_failures": str(path), "refprune_fix_known_failures": False}
    config: Any = SimpleNamespace(getoption=options.get, stash=pytest.Stash())
    first = known.of(config)
    path.unlink()
    assert known.of(config) is first


def test_fix_and_stale(tmp_path: Path) -> None:
    """`--fix` writes the list of a full run and keeps reasons; with it a run is conformant, until the bug is gone."""
    path, page_file = tmp_path / "known.json", tmp_path / "badge.json"
    path.write_text(
        json.dumps(
            {
                "known_failures": [
                    {"check": "test_selection.test_random_count_example", "message": "old", "why": "a seed only"}
                ]
            }
        )
    )
    before = path.read_text()
    refused = run(f"{HERE}:BIASED", *only("SEL-16"), "--known-failures", path, "--fix")
    assert refused.returncode == cli.USAGE
    assert "a full run" in refused.stderr + refused.stdout
    assert path.read_text() == before

    assert (
        run(f"{HERE}:BIASED", "--known-failures", path, "--fix").returncode == cli.NOT_CONFORMANT
    )  # the old list was stale
    entries = known.read(path)
    assert {entry["requirement"] for entry in entries.values()} == {"SEL-16"}
    assert entries["test_selection.test_random_count_example"]["why"] == "a seed only"
    assert "*" in entries["test_selection.test_random"]["message"]

    held = run(f"{HERE}:BIASED", *only("SEL-16"), "--known-failures", path, "--badge", page_file)
    assert held.returncode == cli.CONFORMANT, held.stdout
    assert "SEL-16 (MUST)" in held.stdout
    assert ": KNOWN FAILURE" in held.stdout
    assert json.loads(page_file.read_text())["message"] == "part of the checks"
    mended = run(f"{HERE}:MENDED", *only("SEL-16"), "--known-failures", path)
    assert mended.returncode == cli.NOT_CONFORMANT
    assert ": STALE KNOWN FAILURE" in mended.stdout


# Exit codes


def test_exit_conformant() -> None:
    done = run("refprune", *only("SEL-15"))
    assert (done.returncode, done.stderr) == (cli.CONFORMANT, "")
    assert "refprune was asked a part of the checks. It meets the one MUST asked of it." in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "--backend", "nobody"], cli.USAGE, "backend: got 'nobody', expected one of"),
        (["run", "--backend", "refprune", "--only", "SEL-99"], cli.USAGE, "got 'SEL-99', expected an id"),
        (["run"], cli.USAGE, "the following arguments are required: --backend"),
        (["report", "no-such-file", "--html", "x"], cli.USAGE, "no-such-file"),
        (["report", "no-such-file"], cli.USAGE, "got no page to write"),
        (["run", "--backend", "exec:/no/such/testee"], cli.BROKEN, "/no/such/testee cannot be started"),
        (["run", "--backend", "refprune", "--only", "SEL-03", "--fix"], cli.USAGE, "known-failures FILE"),
        (["compare", "refprune", "refprune"], cli.USAGE, "expected several backends that declare different names"),
        (["run", "--backend", f"{HERE}:LACKING"], cli.BROKEN, "claims SELECT and has no operation select"),
    ],
)
def test_exit_usage_and_broken(words: list[str], code: int, said: str) -> None:
    done = spec(*words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_adapter_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raises_at_import.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--backend", "raises_at_import:BACKEND"]) == cli.BROKEN
    assert "raises_at_import:BACKEND is broken: RuntimeError: no licence" in capsys.readouterr().err


ELSEWHERE = """
import os
if "PYTEST_XDIST_WORKER" in os.environ:
    FINISH
from spec_tests.backends.reference import REFERENCE as BACKEND
"""


@pytest.mark.parametrize("end", ["raise RuntimeError('no licence here')", "os._exit(3)"])
def test_adapter_that_is_there_in_one_process_only(tmp_path: Path, end: str) -> None:
    """Where no check says anything, nothing is conformant, and the run comes to an end."""
    pytest.importorskip("xdist")
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE.replace("FINISH", end))
    words = ["run", "--backend", "elsewhere:BACKEND", "--quiet", "--workers", "1", *only("SEL-15")]
    command = [sys.executable, "-m", "spec_tests.kit.cli", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(Path(record.__file__).parents[2])
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == cli.BROKEN
    assert "said nothing" in done.stderr or "did not come to its end" in done.stderr


OTHERWISE = """
import os
from dataclasses import replace
from spec_tests.backends.reference import Reference
class Mine(Reference):
    declaration = replace(Reference.declaration, name="two faced")
BACKEND = Mine()
if "PYTEST_XDIST_WORKER" in os.environ:
    BACKEND.declaration = replace(Mine.declaration, ties="unspecified")
"""


def test_processes_that_declare_otherwise(tmp_path: Path) -> None:
    """What a part of the checks was judged by is not what the report says: no verdict, and no report."""
    pytest.importorskip("xdist")
    done = in_folder(tmp_path, OTHERWISE, "--workers", "1", "--report", "report.jsonl")
    assert done.returncode == cli.BROKEN
    assert "in another process it declares ties = unspecified and not first" in done.stdout + done.stderr
    assert not (tmp_path / "report.jsonl").exists()


def test_interrupted(tmp_path: Path) -> None:
    """Neither wrong usage nor a verdict."""
    stopping = """
from dataclasses import replace
from spec_tests.backends.reference import Reference
class Mine(Reference):
    declaration = replace(Reference.declaration, name="stopped")
    def select(self, case):
        if "PYTEST_CURRENT_TEST" in __import__("os").environ:
            raise KeyboardInterrupt
        return super().select(case)
BACKEND = Mine()
"""
    done = in_folder(tmp_path, stopping, "--workers", "0", "--report", "report.jsonl")
    assert (done.returncode, done.stderr) == (cli.INTERRUPTED, "refprune-spec: interrupted\n")
    assert not (tmp_path / "report.jsonl").exists()


def in_folder(folder: Path, adapter: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one requirement against an adapter in this folder, as a user does."""
    (folder / "own_adapter_here.py").write_text(adapter, encoding="utf-8")
    asked_for = ["run", "--backend", "own_adapter_here:BACKEND", *only("SEL-15"), *words]
    command = [sys.executable, "-m", "spec_tests.kit.cli", *asked_for]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(Path(record.__file__).parents[2])
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_house_is_nobody_else_s() -> None:
    """A name makes no reference: neither of a backend that has it, nor of one with the same declaration."""
    everybody = [check for check in asked(REFERENCE.declaration) if check.profile]
    assert len(asked(REFERENCE.declaration)) > len(everybody)
    assert asked(Declaration("refprune", frozenset({"SELECT"}))) == everybody
    assert asked(replace(REFERENCE.declaration)) == everybody


class Idle:
    """Claims nothing."""

    declaration = Declaration("idle", frozenset())


IDLE = Idle()


def test_who_claims_nothing_is_not_conformant() -> None:
    done = run(f"{HERE}:IDLE")
    assert done.returncode == cli.NOT_CONFORMANT
    assert "idle was asked nothing. No requirement applies to what it declares." in done.stdout


# How it stands


def test_standing(whole: list[Line], report: list[Line]) -> None:
    """Green is a full run in which nothing differs, and nothing else."""
    conformant, claims_nothing = passing(REFERENCE), replace(Declaration("idle", frozenset()))
    idle = passing(type("Idle", (), {"declaration": claims_nothing})())
    for line in select(idle, "requirement"):
        line["verdict"] = "not_applicable"
    idle[-1]["counts"] = {name: dict.fromkeys(WORST_FIRST, 0) for name in ("MUST", "SHOULD")}
    idle[-1] |= {"complete": True, "conformant": True}
    part = [*conformant[:-1], conformant[-1] | {"complete": False, "conformant": True}]
    with_known = json.loads(json.dumps(conformant))
    with_known[-1] |= {"conformant": True}
    with_known[-1]["counts"]["MUST"] |= {"pass": 217, "known_failure": 1}
    conformant[-1] |= {"conformant": True}  # nothing was drawn, so that corners are missing
    keys = {}
    for one in (conformant, with_known, part, idle, report, whole):
        stands = reading.standing(one)
        keys[stands.key] = (badge.COLOURS[stands.key], badge.texts(one)[1])
    assert keys == {
        "conformant": (
            "#237a4b",
            f"MUST {reading.tally(conformant, 'MUST')[0]}/{reading.tally(conformant, 'MUST')[1]}",
        ),
        "known": ("#94650a", badge.texts(with_known)[1]),
        "part": ("#5c6670", "part of the checks"),
        "nothing": ("#5c6670", "nothing applies"),
        "broken": ("#b3382c", badge.texts(whole)[1]),
    }
    green = [
        key
        for key, colour in badge.COLOURS.items()
        if int(colour[3:5], 16) > int(colour[1:3], 16) and colour != "#5c6670"
    ]
    assert green == ["conformant"]


def test_badge(whole: list[Line]) -> None:
    """It says the specification and the count, is well formed whatever the report says, and no wider than its text."""
    hostile = [*whole[:-1], whole[-1] | {"versions": whole[-1]["versions"] | {"specification": '0.1"><script>&'}}]
    for one in (whole, hostile):
        label, message = badge.texts(one)
        root = ElementTree.fromstring(badge.svg(one))  # noqa: S314
        assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == [label, message]
        assert json.loads(badge.endpoint(one))["label"] == label
        width = sum(float(rect.attrib["width"]) for rect in root.iter("{http://www.w3.org/2000/svg}rect")) / 2
        assert float(root.attrib["width"]) == pytest.approx(width)
    passed, applies = reading.tally(whole, "MUST")
    assert badge.texts(whole) == ("refprune spec 0.1", f"MUST {passed}/{applies}")


# The pages


def test_a_check_that_shows_its_call_comes_first(report: list[Line]) -> None:
    """One whose call is too long says least, however short it is; a worse verdict comes before both."""
    call = "SEL-04: got 1 of 2 kept, but should be 2 kept\n    [backend.select(SelectCase(...))]"
    checks = [
        {"kind": "check", "requirement": "SEL-04", "check": name, "verdict": verdict, "said": said}
        for name, verdict, said in (
            ("in words", "fail", "SEL-04: got 1, but should be 0\n    [entries]"),
            ("with a call", "fail", call),
            ("with a longer call", "fail", call + " " * 9),
            ("dead", "crash", "SEL-04: died"),
        )
    ]
    found = reading.shown([report[0], *checks, report[-1]], {"id": "SEL-04"})
    assert [check["check"] for check in found] == ["dead", "with a call", "with a longer call", "in words"]


def test_said() -> None:
    case = {"calls": ["backend.select(1)", "backend.select(2)"]}
    line = {"said": "SEL-01 (SHOULD): got 1,\n2, but should be an error\n    [backend.select(2)]", "case": case}
    assert reading.said(line) == ("got 1,\n2, but should be an error", "1,\n2", "an error", "backend.select(2)")
    raised = {"said": "SEL-02: raised KeyError: 'a'", "case": case}
    assert reading.said(raised) == ("raised KeyError: 'a'", "", "", "backend.select(2)")
    session = {"calls": ["backend.begin(case)", "backend.session.select(1)"]}
    assert reading.calls({"case": session}) == ["session = backend.begin(case)", "session.select(1)"]
    assert reading.said(raised | {"case": session}).call == "session.select(1)"
    died = {"said": "SEL-02: the process died", "case": None}
    assert reading.said(died) == ("the process died", "", "", "")


def test_prose() -> None:
    table = "| h | i |\n|---|---|\n| 1 | 2 |"
    text = f"One `a < b` and\n**two**.\n\n    x = 1\n\n    y = 2\n\n{table}\n\n- first\n- second\n\n**Why** <b>"
    rule, rest = rule_and_rest(text)
    assert rest == "**Why** <b>"
    assert prose(rest) == "<p><b>Why</b> &lt;b&gt;</p>"
    assert prose(rule) == (
        "<p>One <code>a &lt; b</code> and <b>two</b>.</p><pre><code>x = 1\n\ny = 2</code></pre>"
        "<div><table><tr><th>h</th><th>i</th></tr><tr><td>1</td><td>2</td></tr></table></div>"
        "<ul><li>first</li><li>second</li></ul>"
    )
    for requirement in requirements().values():
        shown = re.sub(r"<[^>]*>", "", prose(requirement.text))
        assert "**" not in shown, requirement.id


def test_every_field_of_the_declaration_has_a_meaning() -> None:
    about = {"name", "profiles"}
    assert set(meanings()) == {field.name for field in fields(Declaration)} - about
    declaration = replace(Nine.declaration, pools=frozenset({"local"}), count="trunc")
    found = differences(json.loads(json.dumps(record.declared(declaration))))
    assert [one[:3] for one in found] == [("pools", "local", "global, local"), ("count", "trunc", "half_even")]
    assert "floor(s n)" in found[1].meaning
    assert differences(json.loads(json.dumps(record.declared(REFERENCE.declaration)))) == []


def differing(report: list[Line]) -> set[str]:
    return {line["id"] for line in select(report, "requirement") if line["verdict"] in reading.DIFFERS}


def test_a_rule_is_read_with_what_is_declared(whole: list[Line]) -> None:
    """The rule of SEL-01 says half to even; a backend that declares otherwise is held to its own word."""
    assert own_rules(whole[0]["declaration"]) == ""
    declared = whole[0]["declaration"] | {"count": "trunc", "within": False, "pools": ["local"]}
    said = "What was declared instead is what counts: within False (not True), count trunc (not half_even)."
    assert own_rules(declared).endswith(said)
    other = [whole[0] | {"declaration": declared}, *whole[1:]]
    assert said in Page(page(other)).root.text()
    assert said.replace("_", "\\_") in markdown(other)
    assert "What was declared instead" not in page(whole) + markdown(whole)


def test_page_says_everything(whole: list[Line]) -> None:
    """A card for each requirement that differs, with its rule, answer, call and command; a row for each of all."""
    root = Page(page(whole)).root
    text = root.text()
    cards = {card.attributes["id"]: card.text() for card in root.all("article")}
    assert set(cards) == differing(whole) == {name for name, verdict in WANTED.items() if verdict in reading.DIFFERS}
    for name, card in cards.items():
        rule = " ".join(rule_and_rest(requirements()[name].text)[0].replace("`", "").split())
        assert rule in " ".join(card.split())
        assert f"refprune-spec run --backend {HERE}:NINE --only {name}" in card
        for check in reading.shown(whole, {"id": name}):
            parts = reading.said(check)
            assert all(part in card for part in (parts[1:] if parts.got else (parts.sentence, parts.call)))
    rows = Counter(row.attributes["data-verdict"] for row in root.all("tr") if "data-verdict" in row.attributes)
    assert rows == Counter(line["verdict"] for line in select(whole, "requirement"))
    assert set(rows) == set(WORST_FIRST)
    for said in (whole[-1]["headline"], whole[-1]["adapter_sha256"], "nine lives 9.0", "is not conformant"):
        assert said in text
    for reason, ids in reading.not_applicable(whole).items():
        assert reason in text
        assert ", ".join(ids) in text
    assert all(f"{corner} never" in text for corner in whole[-1]["corners_unmet"])
    assert whole[-1]["corners_unmet"]


def test_causes(whole: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of a backend that comes with the suite stands beside what it says."""
    known_ones = {
        "nine": (Deviation("SEL-01", "keeps all & more", "nine/keep.py:9"),),
        "ten": (Deviation("SEL-02", "", ""),),
    }
    monkeypatch.setitem(sys.modules, DEVIATIONS, SimpleNamespace(DEVIATIONS=known_ones))
    cards = {card.attributes["id"]: card for card in Page(page(whole)).root.all("article")}
    (cause,) = [
        one.text() for card in cards.values() for one in card.all("p") if one.attributes.get("class") == "cause"
    ]
    assert cause == "Cause keeps all & more nine/keep.py:9"
    assert cause in cards["SEL-01"].text()
    assert "Cause: keeps all & more (nine/keep.py:9)\n" in markdown(whole)
    monkeypatch.setitem(sys.modules, DEVIATIONS, None)
    assert "Cause" not in markdown(whole)


def test_page_needs_nothing_else(whole: list[Line]) -> None:
    root = Page(page(whole)).root
    targets = [one.attributes["id"] for one in root.all() if "id" in one.attributes]
    assert len(targets) == len(set(targets))
    for element in root.all():
        assert element.name not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not any(name.startswith("on") or name == "src" for name in element.attributes)
        if "href" in element.attributes:
            assert element.attributes["href"].removeprefix("#") in targets
    (style,), (script,) = root.all("style"), root.all("script")
    assert not re.search(r"@import|url\(|@font-face", style.text())
    assert not re.search(r"fetch|XMLHttpRequest|innerHTML|http", script.text())


def test_markdown_says_everything(whole: list[Line], nine: tuple[Any, Path], report: list[Line]) -> None:
    text = markdown(whole)
    assert text.startswith("# nine is not conformant\n")
    headings = re.findall(r"^### ([A-Z]{3}-\d\d) ", text, re.MULTILINE)
    assert set(headings) == differing(whole)
    for name in headings:
        assert f"refprune-spec run --backend {HERE}:NINE --only {name}\n" in text
    assert whole[-1]["headline"] in text
    assert (nine[1] / "page.md").read_text(encoding="utf-8") == markdown(report)
    assert (nine[1] / "page.html").read_text(encoding="utf-8") == page(report)
    assert (nine[1] / "badge.svg").read_text(encoding="utf-8") == badge.svg(report)


HOSTILE = (
    "</code></script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">| `x` **y**"
)


@pytest.fixture(scope="module")
def hostile(whole: list[Line]) -> list[Line]:
    """Return a report in which every text that a backend can choose is somebody else's markup."""
    found: list[Line] = json.loads(json.dumps(whole))
    found[0] |= {"name": HOSTILE, "backend": HOSTILE}
    found[-1]["versions"]["library"] = HOSTILE + "w" * 400
    found[-1]["headline"] += HOSTILE
    found[-1]["corners"] |= {HOSTILE: 1}
    for check in select(found, "check"):
        if check["verdict"] != "pass":
            check["said"] = f"{check['said']}{HOSTILE}"
    return found


class Tags(HTMLParser):
    """The names of all elements of a page, and their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it."""
        self.names[tag] += 1
        self.attributes |= {name for name, _ in attrs}


def test_markup_of_others_is_text(hostile: list[Line]) -> None:
    tags = Tags(page(hostile))
    assert tags.names["script"] == 1
    assert "img" not in tags.names
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert HOSTILE in Page(page(hostile)).root.text()
    text = markdown(hostile)
    assert plain(HOSTILE) in text
    outside = re.sub(r"(?ms)^(`{3,})$.*?^\1$", "", text)
    assert not re.search(r"(?<!\\)<", outside.replace("> ", ""))


# In a browser

PROBE = """
<!DOCTYPE html><pre id="said"></pre>
<script>
const said = [];
async function look(name, width) {
  const frame = document.createElement("iframe");
  frame.width = width;
  frame.height = 900;
  frame.src = name;
  await new Promise(done => { frame.onload = done; document.body.append(frame); });
  const page = frame.contentDocument, all = [...page.body.querySelectorAll("*")];
  const rows = () => [...page.querySelectorAll("#requirements tbody tr")].filter(one => one.checkVisibility());
  const filter = page.querySelector(".filter"), shown = {};
  if (!filter.hidden) for (const button of filter.querySelectorAll("button")) {
    button.click();
    const verdicts = rows().map(row => row.dataset.verdict);
    shown[button.dataset.verdict] = [verdicts.length, [...new Set(verdicts)],
      page.querySelectorAll(".filter [aria-pressed=true]").length];
  }
  if (filter.hidden) for (const chapter of page.querySelectorAll(".of-chapter")) chapter.open = true;
  const inside = all.filter(one => !one.closest("pre, dd"));
  const outside = inside.filter(one => one.getBoundingClientRect().right > width + .5);
  said.push({
    name, width, shown,
    title: page.title,
    rows: rows().length,
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    outside: outside.map(one => one.outerHTML.slice(0, 200)),
    resources: frame.contentWindow.performance.getEntriesByType("resource").length,
    paper: frame.contentWindow.getComputedStyle(page.documentElement).backgroundColor,
    copy: page.querySelectorAll("button.copy").length,
  });
}
addEventListener("load", async () => {
  for (const width of [390, 1200]) for (const name of NAMES) await look(name, width);
  document.getElementById("said").textContent = JSON.stringify(said);
});
</script>
"""


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(
    request: pytest.FixtureRequest,
    browser: str,  # noqa: F811
    whole: list[Line],
    hostile: list[Line],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, dict[tuple[str, int], Any], str]:
    """Return the colour scheme, what a browser sees of three pages at two widths, and what it complains of."""
    folder = tmp_path_factory.mktemp("browser")
    pages = {"whole.html": page(whole), "hostile.html": page(hostile)}
    pages["plain.html"] = re.sub(r"(?s)<script>.*?</script>", "", pages["whole.html"])
    pages["probe.html"] = PROBE.replace("NAMES", json.dumps(list(pages)))
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    text, errors = opened(browser, folder / "probe.html", request.param)
    said = json.loads(Page(text).root.all("pre")[0].text())
    return request.param, {(one["name"], one["width"]): one for one in said}, errors


def opened(browser: str, path: Path, scheme: str) -> tuple[str, str]:  # noqa: F811
    """Return the document after its script has run, and the lines of the console."""
    own = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent / 'profile'}"]
    own += [f"--blink-settings=preferredColorScheme={int(scheme == 'light')}", "--allow-file-access-from-files"]
    own += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", path.as_uri()]
    done = subprocess.run([browser, *own], capture_output=True, text=True, timeout=240, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_console_is_heard(browser: str, tmp_path: Path) -> None:  # noqa: F811
    """What the next test relies on: a script that is forbidden or fails is in the console."""
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html>{policy}<script>1</script>")
    assert "Content Security Policy" in opened(browser, tmp_path / "page.html", "light")[1]
    (tmp_path / "page.html").write_text("<!DOCTYPE html><script>nobody()</script>")
    assert "nobody is not defined" in opened(browser, tmp_path / "page.html", "light")[1]


def test_seen_whole(seen: tuple[str, dict[tuple[str, int], Any], str]) -> None:
    """No error, nothing sticks out at the width of a phone, nothing is asked for, in both colour schemes."""
    scheme, views, errors = seen
    assert errors == ""
    assert len(views) == 6
    for one in views.values():
        assert (one["overflow"], one["outside"], one["resources"]) == (0, [], 0), (one["name"], one["width"])
        assert (sum(map(int, re.findall(r"\d+", one["paper"])[:3])) < 150) is (scheme == "dark")
    assert views["hostile.html", 390]["title"] == f"{HOSTILE} is not conformant"


def test_filter(seen: tuple[str, dict[tuple[str, int], Any], str], whole: list[Line]) -> None:
    """A verdict shows its requirements and no others; without the script all of them can be opened."""
    numbers = Counter(line["verdict"] for line in select(whole, "requirement"))
    _, views, _ = seen
    for width in (390, 1200):
        shown = dict(views["whole.html", width]["shown"])
        assert shown.pop("") == [0, [], 1]  # all chapters are there, and closed
        assert shown == {verdict: [number, [verdict], 1] for verdict, number in numbers.items()}
        assert views["plain.html", width]["shown"] == {}
        assert views["plain.html", width]["rows"] == len(requirements())
