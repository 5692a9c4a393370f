"""Adapters of other libraries: they repair nothing, and they fail exactly where a deviation is known."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import spec_tests.backends
from refprune.network import Dense, Input, Split, build
from spec_tests.adapter import OPERATIONS
from spec_tests.applicability import operations
from spec_tests.backends.deviations import DEVIATIONS
from spec_tests.kit.backends import find_backend
from spec_tests.kit.outcomes import asked
from spec_tests.kit.profiles import drawing
from spec_tests.specification import requirements
from spec_tests.strategies.graphs import graphs
from spec_tests.strategies.networks import Drawn
from spec_tests.verdicts import Check, Violation

FOLDER = Path(spec_tests.backends.__file__).parent
ADAPTERS = ("torch_model", "torch_prune", "torch_pruning")
REPAIRS = {"sort", "sorted", "argsort", "contiguous", "ascontiguousarray", "astype", "bool", "bool_", "nan_to_num"}
"""Names of what makes another answer out of a library's."""
WHOLE = {"torch_prune": "torch", "torch_pruning": "torch_pruning"}
"""Backends that are asked everything -> the package they need."""
RESULTS = FOLDER.parents[1] / "docs" / "results"
PAGES = {name: name.replace(" of ", "-") for name in DEVIATIONS}
"""Name of a declaration -> its published page."""
DRAWN, FEW = 40, 10
"""Cases of each property: as many as on the published pages where it should fail, few where it should hold."""


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_no_repairs(adapter: str) -> None:
    tree = ast.parse((FOLDER / f"{adapter}.py").read_text("utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Try)]
    called = {name for node in ast.walk(tree) if isinstance(node, ast.Call) for name in names(node.func)}
    assert not called & REPAIRS


def names(function: ast.expr) -> Iterator[str]:
    """Return what a called function is called."""
    if isinstance(function, ast.Name | ast.Attribute):
        yield function.id if isinstance(function, ast.Name) else function.attr


def test_lint_sees_repairs() -> None:
    for line in ("sorted(a)", "torch.argsort(a)", "a.contiguous()", "mask.astype(bool)", "bool(a)"):
        call = ast.parse(line, mode="eval").body
        assert isinstance(call, ast.Call)
        assert set(names(call.func)) & REPAIRS, line


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_deviations_name_requirements(name: str) -> None:
    found = [deviation.requirement for deviation in DEVIATIONS[name]]
    assert set(found) <= set(requirements())
    assert len(set(found)) == len(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WHOLE))
def test_fails_where_it_deviates(name: str) -> None:
    """Every deviation that is listed fails, and whatever else is claimed passes: examples and drawn cases."""
    pytest.importorskip(WHOLE[name], reason=f"{WHOLE[name]} is not installed: its adapter cannot be asked")
    backend = find_backend(name)
    known = {one.requirement for one in DEVIATIONS[name]}
    assert failing(backend, asked(backend.declaration), known) == known


def test_graphs_fail_where_they_deviate() -> None:
    """Examples only: on drawn graphs the library does not always come to an end. The published page has them."""
    pytest.importorskip("torch_pruning", reason="torch_pruning is not installed: its adapter cannot be asked")
    backend = find_backend("spec_tests.backends.torch_pruning:GRAPHS")
    examples = [check for check in asked(backend.declaration) if check.kind == "example"]
    known = {one.requirement for one in DEVIATIONS[backend.declaration.name] if not one.drawn}
    assert failing(backend, examples, known) == known


@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_show_every_deviation(name: str) -> None:
    """What differs on the published page of a library is what is known, and nothing else."""
    page = RESULTS / f"{PAGES[name]}.md"
    if not page.is_file():
        pytest.skip("the pages are there in a checkout only")
    shown = re.findall(r"^### ([A-Z]{3}-\d\d) ", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(one.requirement for one in DEVIATIONS[name])


def test_unused_nodes_are_told() -> None:
    idle = build(Input("x", (1,)), Dense("idle"), Dense("too", inputs=("idle",)), Dense("out", inputs=("x",)))
    parts = build(Input("x", (2,)), Split("parts", (1, 1)), Dense("out", inputs=("parts[1]",)))
    assert operations(idle) == {"dense", "unused"}
    assert operations(parts) == {"split", "dense"}


@given(graphs(OPERATIONS - {"unused"}))
def test_unused_nodes_are_not_drawn_where_they_are_not_declared(drawn: Drawn) -> None:
    assert "unused" not in operations(drawn.network)


def failing(backend: Any, checks: list[Check], known: set[str]) -> set[str]:
    """Return the requirements of which a check fails."""
    found: set[str] = set()
    for check in checks:
        if check.requirement not in found and fails(check, backend, DRAWN if check.requirement in known else FEW):
            found.add(check.requirement)
    return found


def fails(check: Check, backend: Any, most: int) -> bool:
    """Say whether a check fails in so many cases; what is not applicable does not."""
    try:
        with drawing(check, most):
            check.run(backend)
    except pytest.skip.Exception:
        return False
    except Violation:
        return True
    return False
