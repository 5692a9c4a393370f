"""Documents are tests: what they show runs, what they link to is there, the ids they name exist."""

import ast
import doctest
import importlib
import re
from dataclasses import fields
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest

import refprune
import spec_tests
from refprune.data import shared_file
from spec_tests.adapter import PROFILES, Backend, Declaration
from spec_tests.kit.coverage import ROOT
from spec_tests.meta.test_house import core_files, imports
from spec_tests.specification import HEADING, ID

CHECKOUT = (ROOT / "pyproject.toml").is_file()
"""In a wheel only docs/spec is there: the other documents are read in a checkout."""
SPEC = shared_file("docs", "spec")
EXECUTED = (ROOT / "README.md", ROOT / "docs" / "tour.md", ROOT / "docs" / "implementers.md")
PACKAGES = tuple(Path(package.__file__ or "").parent for package in (refprune, spec_tests))
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"^```.*?^```|^(?: {4}|\t).*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
"""Fenced blocks, indented lines, code within a line: brackets there are no links."""
NO_IDS = ("VGG",)
"""Names of networks that look like a requirement."""


def documents() -> list[Path]:
    """Return every markdown file that this project ships."""
    if not CHECKOUT:
        return sorted(SPEC.glob("*.md"))
    folders = (ROOT / "docs", ROOT / "data")
    return [*sorted(ROOT.glob("*.md")), *(path for folder in folders for path in sorted(folder.rglob("*.md")))]


def name_of(path: Path) -> str:
    """Return the path as it is in a checkout."""
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(path.name)).as_posix()


def read(path: Path) -> str:
    if not path.is_file():
        pytest.skip(f"{name_of(path)} is not here: this suite runs from an installed wheel")
    return path.read_text(encoding="utf-8")


def disagreements(text: str, names: dict[str, Any], where: str, first_line: int = 0) -> str:
    """Run the `>>>` examples of a text one after the other, with shared names; return what they print otherwise."""
    said: list[str] = []
    example = doctest.DocTestParser().get_doctest(text, names, where, where, first_line)
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    return "".join(said)


# Examples


@pytest.mark.parametrize("path", [*EXECUTED, *sorted(SPEC.glob("*.md"))], ids=name_of)
def test_examples_of_a_document(path: Path) -> None:
    """A fence would be read as what Python prints, so that it counts as an empty line."""
    text = re.sub(r"^```.*$", "", read(path), flags=re.MULTILINE)
    assert disagreements(text, {"__name__": "__main__"}, name_of(path)) == ""


def test_an_example_that_prints_something_else_is_seen() -> None:
    assert disagreements(">>> 1 + 1\n2\n", {}, "right") == ""
    assert "Expected:\n    3" in disagreements(">>> 1 + 1\n3\n", {}, "wrong")


def test_tour_and_implementers_have_examples() -> None:
    """A parser that finds nothing would pass."""
    for path in EXECUTED[1:]:
        assert len(doctest.DocTestParser().get_examples(read(path))) >= 10, path


def docstrings(path: Path) -> list[ast.Constant]:
    """Return every string that stands as a statement and shows an example: docstrings, of attributes too."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return [string for string in strings if isinstance(string.value, str) and ">>> " in string.value]


SHOWN = [
    pytest.param(folder, path, id=path.relative_to(folder.parent).as_posix())
    for folder in PACKAGES
    for path in sorted(folder.rglob("*.py"))
    if docstrings(path)
]


@pytest.mark.parametrize(("folder", "path"), SHOWN)
def test_examples_of_a_module(folder: Path, path: Path) -> None:
    """Each docstring by itself, with the names of its module."""
    parts = path.relative_to(folder.parent).with_suffix("").parts
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    for string in docstrings(path):
        text = cleandoc(str(string.value))
        assert disagreements(text, dict(vars(module)), module.__name__, string.lineno) == ""


# Links and ids


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link is a file or folder of the project."""
    if not CHECKOUT:
        pytest.skip("links lead to files of a checkout, and this suite runs from an installed wheel")
    targets = [target.split("#")[0] for target in LINK.findall(CODE.sub("", read(path)))]
    own = [target for target in targets if target and not re.match(r"[a-z][a-z+.-]*:", target)]
    lost = [target for target in own if not (path.parent / target).exists()]
    outside = [target for target in own if not (path.parent / target).resolve().is_relative_to(ROOT)]
    assert not lost + outside, f"{name_of(path)} links to {lost + outside}"


@cache
def known_ids() -> frozenset[str]:
    """Return the id of every requirement."""
    pages = [page.read_text(encoding="utf-8") for page in SPEC.glob("*.md")]
    return frozenset(name for page in pages for name, _, _ in HEADING.findall(page))


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_ids_exist(path: Path) -> None:
    in_force = re.sub(r"(?ms)^## Withdrawn$.*?(?=^## |\Z)", "", read(path))  # names ids that are never used again
    named = {name for name in ID.findall(in_force) if not name.startswith(NO_IDS)}
    assert named <= known_ids(), f"{name_of(path)} names {sorted(named - known_ids())}: no such requirement"


# What the documents are about


def test_tour_is_in_reading_order() -> None:
    """Every file of the core has its stop, and imports only what came before."""
    package = Path(refprune.__file__).parent
    stops = re.findall(r"^### \[refprune/(\w+)(?:\.py|/)\]", read(EXECUTED[1]), re.MULTILINE)
    parts = {path: path.relative_to(package).parts[0].removesuffix(".py") for path in core_files()}
    assert sorted(stops) == sorted(set(parts.values()) - {"__init__"})
    for path, own in parts.items():
        needed = {name.split(".")[1] for name in imports(path) if name.startswith("refprune.")} - {own}
        later = needed - set(stops[: stops.index(own)]) if own in stops else set()
        assert not later, f"{own} comes before {sorted(later)}, which it imports"


def test_implementers_explain_the_adapter() -> None:
    """Every profile, every operation and every line of the declaration has its word."""
    page = read(EXECUTED[2])
    operations = [name for name, value in vars(Backend).items() if callable(value) and not name.startswith("_")]
    wanted = [f"`{field.name}`" for field in fields(Declaration)] + [f"`{name}(" for name in operations]
    missing = [word for word in (*wanted, *(f"| {name} |" for name in PROFILES)) if word not in page]
    assert not missing, f"docs/implementers.md does not say {missing}"
