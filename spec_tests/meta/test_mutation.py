"""The mutation run over the reference: what it leaves out, what it counts, and that its explanations are still true."""

import ast
import importlib.util
import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from spec_tests.kit import mutation
from spec_tests.kit.coverage import ROOT

CHECKOUT = (ROOT / "pyproject.toml").is_file()
EXPLAINED: dict[str, str] = json.loads(mutation.EXPLAINED.read_text(encoding="utf-8"))


def test_annotations_are_left_out() -> None:
    tree = ast.parse("def f(x: int | None = 1) -> list[int]:\n    y: str = 'a' + 'b'\n")
    assert sorted(mutation._annotations(tree)) == [((1, 9), (1, 19)), ((1, 28), (1, 37)), ((2, 7), (2, 10))]


def test_modules_are_those_of_the_core() -> None:
    """All but the named architectures, what reads files, and what only imports."""
    package = ROOT / "refprune"
    every = {path.relative_to(package).with_suffix("").as_posix().replace("/", ".") for path in package.rglob("*.py")}
    left = {name for name in every if name.split(".")[0] in ("lab", "architectures", "_shared")}
    assert set(mutation.MODULES) == every - left - {"__init__", "criteria.__init__", "data"}


@pytest.mark.parametrize("key", EXPLAINED)
def test_an_explanation_is_of_a_line_that_is_there(key: str) -> None:
    module, _, change = key.split(" ", 2)
    lines = [line.strip() for line in (ROOT / mutation._source(module)).read_text(encoding="utf-8").splitlines()]
    assert any(line and change.startswith(f"- {line}") for line in lines), f"no such line in {module}: {change}"


def made_up(folder: Path, stage: str, *outcomes: tuple[str, str, str]) -> None:
    """Write a session of this stage: (job, line of the change, outcome)."""
    with closing(sqlite3.connect(folder / f"arrays.{stage}.sqlite")) as database, database:
        database.execute("create table work_items (job_id)")
        database.execute("create table mutation_specs (job_id, operator_name, start_pos_row, occurrence)")
        database.execute("create table work_results (job_id, test_outcome, diff)")
        for job, line, outcome in outcomes:
            database.execute("insert into work_items values (?)", (job,))
            database.execute("insert into mutation_specs values (?, 'core/Swap', 7, 0)", (job,))
            database.execute("insert into work_results values (?, ?, ?)", (job, outcome, f"- {line}\n+ pass"))


def test_the_page_counts_who_survives_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four mutants: one dies at each stage, two survive, one of them explained: 2 of 3 are caught.

    The first met the whole suite before there was an example that catches it: it counts once.
    """
    monkeypatch.setattr(mutation, "BUILD", tmp_path)
    monkeypatch.setattr(mutation, "EXPLAINED", tmp_path / "survivors.json")
    monkeypatch.setattr(mutation, "MODULES", ("arrays", "ops"))
    mutation.EXPLAINED.write_text(json.dumps({"arrays Swap - same + pass": "equivalent: the same"}), encoding="utf-8")
    every = {"a": "one", "b": "two", "c": "same", "d": "open"}
    for stage, killed in ((mutation.EXAMPLES, "a"), (mutation.WHOLE, "ab")):
        rows = [(job, line, "KILLED" if job in killed else "SURVIVED") for job, line in every.items()]
        made_up(tmp_path, stage, *rows)
    page = mutation.page()
    assert "4 mutants" in page
    assert "2 survive; of these 1" in page
    assert "1 are not explained" in page
    assert "not equivalent: 66.7 %" in page
    assert "Modules not run yet: ops" in page
    assert "| arrays | 4 | 1 | 1 | 2 |" in page
    assert "| arrays:7 | Swap | `- open + pass` | NOT EXPLAINED |" in page


@pytest.mark.skipif(not CHECKOUT, reason="the page is in a checkout")
def test_the_published_page() -> None:
    page = mutation.PAGE.read_text(encoding="utf-8")
    assert "Modules not run yet: none." in page
    assert "NOT EXPLAINED" not in page
    rows = [
        [int(cell) for cell in row.split(" | ")[1:]] for row in re.findall(r"^\| ([a-z_.]+ [| 0-9]+) \|$", page, re.M)
    ]
    assert [sum(row[1:]) for row in rows] == [row[0] for row in rows]
    made, left = (int(number) for number in re.findall(r"^(\d+) mutants .* (\d+) survive", page, re.M)[0])
    assert (made, left) == (sum(row[0] for row in rows), sum(row[3] for row in rows))
    assert len(re.findall(r"^\| [a-z_.]+:\d+ \|", page, re.M)) == left
    assert float(page.split("not equivalent: ")[1].split(" %")[0]) >= 95


@pytest.mark.skipif(importlib.util.find_spec("cosmic_ray") is None, reason="needs cosmic-ray (refprune[mutation])")
def test_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The few mutants of one module meet its examples, and a second run has nothing left to do."""
    monkeypatch.setattr(mutation, "BUILD", tmp_path)
    monkeypatch.setattr(mutation, "PAGE", tmp_path / "page.md")
    assert mutation.main(["run", "criteria.random"]) == 0
    first = mutation._outcomes("criteria.random", mutation.EXAMPLES)
    assert len(first) >= 3
    assert {outcome for _, outcome in first} == {"KILLED"}
    assert mutation.main(["again", "criteria.random"]) == 0
    assert mutation._outcomes("criteria.random", mutation.EXAMPLES) == first
    assert mutation.main(["page"]) == 0
    assert f"| criteria.random | {len(first)} | {len(first)} | 0 | 0 |" in mutation.PAGE.read_text(encoding="utf-8")
    capsys.readouterr()
    assert mutation.main(["walk"]) == 2


def test_a_reference_that_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything would count as caught."""
    monkeypatch.setattr(mutation, "BUILD", tmp_path)
    monkeypatch.setattr(mutation, "_tests", lambda *_: f"{sys.executable} -c assert(False)")
    with pytest.raises(SystemExit, match="the reference as it is does not pass"):
        mutation.main(["run", "criteria.random"])
