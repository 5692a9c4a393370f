"""The golden vectors themselves: well-formed, written by their command, permanent, readable without Python, sharp."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refprune.data import shared_file
from spec_tests.adapter import Declaration
from spec_tests.kit.checks import all_checks
from spec_tests.kit.vectors import lint
from spec_tests.kit.vectors.asking import disagreement
from spec_tests.kit.vectors.chapters import drafts
from spec_tests.kit.vectors.command import add_vectors
from spec_tests.kit.vectors.comparing import difference
from spec_tests.kit.vectors.fill import Published, check_published, document, text, vectors
from spec_tests.kit.vectors.vector import ROOT, folder, load
from spec_tests.mutants.catalogue import mutants
from spec_tests.mutants.mutant import Mutant
from spec_tests.verdicts import Violation

NODE = shutil.which("node")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the shipped files."""
    return Path(shutil.copytree(folder(), tmp_path / "v0"))


def run(*words: object) -> int:
    """Do what the command says and return its exit code."""
    parser = argparse.ArgumentParser()
    add_vectors(parser)
    options = parser.parse_args(list(map(str, words)))
    return int(options.command(options))


# The files


def test_nothing_to_say_against_the_vectors() -> None:
    assert lint.faults(folder()) == []


@pytest.mark.parametrize("chapter", sorted(drafts()))
def test_the_files_are_what_fill_writes(chapter: str) -> None:
    own = vectors(drafts()[chapter])
    assert (folder() / f"{chapter}.json").read_text(encoding="utf-8") == text(document(chapter, own))


def edited(where: Path, change: Callable[[Any], None]) -> None:
    path = where / "selection.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(text(document), encoding="utf-8")


def first(document: Any) -> Any:
    return document["groups"][0]["tests"][0]


DAMAGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "an id twice": (lambda d: d["groups"][0]["tests"][1].update(id="SEL-01-0001"), "SEL-01-0001: 2 times"),
    "an id of another requirement": (lambda d: first(d).update(id="SEL-02-0099"), "stands under SEL-01"),
    "an id of another form": (lambda d: first(d).update(id="SEL-01-1"), "does not match"),
    "a requirement of another chapter": (
        lambda d: d["groups"][0].update(requirement="GRA-01"),
        "belongs to granularity",
    ),
    "an unknown requirement": (lambda d: d["groups"][0].update(requirement="SEL-99"), "SEL-99 is no requirement"),
    "an unknown operation": (lambda d: d["groups"][0].update(operation="prune"), "is not one of"),
    "a flag that is not described": (lambda d: first(d).update(flags=["NEW"]), "NEW is in no list"),
    "a note too many": (lambda d: d["notes"].update(BYTES=d["notes"]["NESTING"]), "describes"),
    "no flag": (lambda d: first(d).update(flags=[]), "[]"),
    "a member too many": (lambda d: first(d).update(note="x"), "Additional properties"),
    "a number of another form": (
        lambda d: first(d)["in"]["case"]["scores"][0]["data"].__setitem__(0, 1.0),
        "as it is read",
    ),
    "an answer of another kind": (lambda d: first(d).update(out=1), "is not of type"),
    "a case without its sparsity": (lambda d: first(d).update({"in": {}}), "non-empty"),
    "a comparison of another kind": (lambda d: first(d).update(compare="close"), "is not valid"),
    "another answer": (lambda d: first(d)["out"]["a"]["data"].reverse(), "MANIFEST.json"),
    "no vector of a requirement": (lambda d: d["groups"].pop(0), "SEL-01: no vector"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found(copied: Path, what: str) -> None:
    change, words = DAMAGES[what]
    edited(copied, change)
    assert any(words in fault for fault in lint.faults(copied)), lint.faults(copied)


def test_a_bare_nan_is_no_json(copied: Path) -> None:
    path = copied / "selection.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"nan"', "NaN", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="got NaN"):
        lint.faults(copied)


def test_a_file_without_its_manifest(copied: Path) -> None:
    (copied / "MANIFEST.json").unlink()
    assert lint.faults(copied) == ["MANIFEST.json is missing"]


# What is published


def test_what_is_published_stays() -> None:
    shipped = load()
    check_published(shipped, [*shipped, replace(shipped[0], id="SEL-01-0999")])
    check_published(shipped, [replace(shipped[0], comment="clearer", flags=("BYTES",)), *shipped[1:]])
    check_published(shipped, [replace(shipped[0], assumes={**shipped[0].assumes, "ties": "first"}), *shipped[1:]])


@pytest.mark.parametrize("change", ["out", "arguments", "compare", "requirement", "operation"])
def test_a_published_vector_does_not_change(change: str) -> None:
    shipped = load()
    other: Any = {"out": {"refused": True}, "arguments": {}, "compare": "bits", "requirement": "X", "operation": "x"}
    assert getattr(shipped[0], change) != other[change]
    with pytest.raises(Published, match=f"{shipped[0].id} is published and would change"):
        check_published(shipped, [replace(shipped[0], **{change: other[change]}), *shipped[1:]])


def test_a_published_vector_is_not_dropped_and_not_made_stricter() -> None:
    shipped = [vector for vector in load() if vector.assumes]
    with pytest.raises(Published, match="would be dropped"):
        check_published(shipped, shipped[1:])
    with pytest.raises(Published, match="would change"):
        check_published(shipped, [replace(shipped[0], assumes={}), *shipped[1:]])


def test_a_published_vector_may_assume_one_more_of_a_set() -> None:
    shipped = next(vector for vector in load() if vector.assumes.get("ops"))
    more = replace(shipped, assumes={**shipped.assumes, "ops": [*shipped.assumes["ops"], "unused"]})
    check_published([shipped], [more])
    with pytest.raises(Published, match="would change"):
        check_published([more], [shipped])


# The command


def test_copied_files_are_the_shipped_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("copy", tmp_path / "here") == 0
    shipped = {path.name: path.read_bytes() for path in folder().iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "here" / "v0").iterdir()} == shipped
    assert run("lint", tmp_path / "here" / "v0") == 0
    assert "nothing to say" in capsys.readouterr().out
    with pytest.raises(ValueError, match="not empty"):
        run("copy", tmp_path / "here")


def test_the_linter_says_1(copied: Path) -> None:
    edited(copied, lambda d: first(d).update(flags=["NEW"]))
    assert run("lint", copied) == 1


# Without Python, or with nothing but its json

COUNTS = """
import json, sys
asked = 0
for group in json.load(open(sys.argv[1]))["groups"]:
    for test in group["tests"] if group["operation"] == "select" else ():
        case, out = test["in"]["case"], test["out"]
        if set(case) == {"scores", "sparsity"} and len(case["scores"]) == 1 and "refused" not in out:
            sparsity, size = case["sparsity"], len(case["scores"][0]["data"])
            count = sparsity if type(sparsity) is int else round(sparsity["float"] * size)
            assert out[case["scores"][0]["name"]]["data"].count(0) == count, test["id"]
            asked += 1
print(asked)
"""


def test_counts_need_nothing_but_json() -> None:
    words = [sys.executable, "-I", "-c", COUNTS, str(folder() / "selection.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 30


@pytest.mark.skipif(NODE is None, reason="the consumer in JavaScript needs node")
def test_a_consumer_in_another_language(copied: Path) -> None:
    assert NODE is not None
    words = [NODE, str(shared_file(*ROOT, "consumer.mjs"))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    asked = [vector for vector in load() if vector.requirement.startswith("SEL") and vector.operation != "random_count"]
    assert (done.returncode, json.loads(done.stdout)["passed"]) == (0, len(asked)), done.stdout
    edited(copied, lambda d: first(d)["out"]["a"]["data"].reverse())
    done = subprocess.run([*words, str(copied / "selection.json")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("SEL-01-0001: ")


# What they compare, and whom they ask

SAME: list[tuple[Any, Any, Any]] = [
    (1, 1.0, "equal"),
    (-0.0, 0, "equal"),
    ("nan", "nan", "bits"),
    (5, None, "equal"),
    (1.5, 1, {"within": 0.5}),
    ("inf", "inf", {"within": 1}),
    ({"a": 1}, {"a": 1}, "equal"),
    ([1, 2], [1, None], "equal"),
    (True, 1, "equal"),
    ({"dtype": "float32", "shape": [1], "data": [1]}, {"shape": [1], "data": [1]}, "bits"),
]
OTHER: list[tuple[Any, Any, Any]] = [
    (1, 2, "equal"),
    (-0.0, 0, "bits"),
    (0, -0.0, "bits"),
    ("nan", 0, "equal"),
    (0, "nan", {"within": 1}),
    (1.5, 1, {"within": 0.25}),
    ({"a": 1, "b": 1}, {"a": 1}, "equal"),
    ({}, {"a": None}, "equal"),
    ([1], [1, 2], "equal"),
    (1, [1], "equal"),
    ("inf", "-inf", {"within": 1}),
    (None, 1, "equal"),
    ("b", "a", "equal"),
    ({"dtype": "float32", "shape": [1], "data": [1]}, {"dtype": "float64", "shape": [1], "data": [1]}, "equal"),
    ({"shape": [1, 2], "data": [1, 2]}, {"shape": [2, 1], "data": [1, 2]}, "equal"),
]


@pytest.mark.parametrize(("got", "should", "compare"), SAME)
def test_what_is_the_same(got: Any, should: Any, compare: Any) -> None:
    assert difference(got, should, compare) == ""


@pytest.mark.parametrize(("got", "should", "compare"), OTHER)
def test_what_is_not(got: Any, should: Any, compare: Any) -> None:
    assert "but should be" in difference(got, should, compare)


def test_whom_a_vector_asks() -> None:
    everything = Declaration("all", frozenset())
    assert disagreement(everything, {"ties": "first", "pools": ["global"]}) == ""
    assert "ties = last" in disagreement(replace(everything, ties="last"), {"ties": "first"})
    assert "no global in pools" in disagreement(replace(everything, pools=frozenset({"local"})), {"pools": ["global"]})


# What they catch

SURVIVORS = frozenset(
    {
        "NumPy's 1 is everything",
        "NumPy's bool accepted",
        "one reserve for all",
        "reserve of the unnamed",
        "reserve of nobody",
        "first tensor filled",
        "several tensors unseeded",
        "last entry stays",
        "random masks flat",
    }
)
"""Wrong selections that no vector shows: numbers of NumPy's, reserves by name, what chance takes."""
HAVE = {vector.requirement for vector in load()}
SELECTIONS = [mutant for mutant in mutants() if mutant.breaks.startswith("SEL") and mutant.breaks in HAVE]


@pytest.mark.parametrize("mutant", SELECTIONS, ids=lambda mutant: f"{mutant.breaks} {mutant.name}")
def test_wrong_selections_die_by_vectors_alone(mutant: Mutant) -> None:
    own = [
        check for check in all_checks() if check.name.startswith("test_vectors.") and check.requirement == mutant.breaks
    ]
    said = []
    with mutant.alive() as backend:
        for check in own:
            try:
                check.run(backend)
            except Violation as violation:
                said.append(str(violation))
    assert bool(said) == (mutant.name not in SURVIVORS), said
    assert all(f"vector {mutant.breaks}-" in message for message in said)
