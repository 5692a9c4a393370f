"""Adapters of other libraries: they repair nothing, and they fail exactly where a deviation is known."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spec_tests.backends
from spec_tests.backends.deviations import DEVIATIONS
from spec_tests.kit.backends import find_backend
from spec_tests.kit.outcomes import asked
from spec_tests.kit.profiles import drawing
from spec_tests.specification import requirements
from spec_tests.verdicts import Check, Violation

FOLDER = Path(spec_tests.backends.__file__).parent
ADAPTERS = ("torch_model", "torch_prune", "torch_pruning")
REPAIRS = {"sort", "sorted", "argsort", "contiguous", "ascontiguousarray", "astype", "bool", "bool_", "nan_to_num"}
"""Names of what makes another answer out of a library's."""
WHOLE = {"torch_prune": "torch", "torch_pruning": "torch_pruning"}
"""Backends that are asked everything -> the package they need."""
DRAWN = 10
"""Cases of each property here; `refprune-spec run` draws more."""


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
    assert failing(backend, asked(backend.declaration)) == {one.requirement for one in DEVIATIONS[name]}


def test_graphs_fail_where_they_deviate() -> None:
    """Examples only: on drawn graphs the library does not always come to an end."""
    pytest.importorskip("torch_pruning", reason="torch_pruning is not installed: its adapter cannot be asked")
    backend = find_backend("spec_tests.backends.torch_pruning:GRAPHS")
    examples = [check for check in asked(backend.declaration) if check.kind == "example"]
    assert failing(backend, examples) <= {one.requirement for one in DEVIATIONS[backend.declaration.name]}


def failing(backend: Any, checks: list[Check]) -> set[str]:
    """Return the requirements of which a check fails."""
    found: set[str] = set()
    for check in checks:
        if check.requirement not in found and fails(check, backend):
            found.add(check.requirement)
    return found


def fails(check: Check, backend: Any) -> bool:
    """Say whether a check fails; what is not applicable does not."""
    try:
        with drawing(check, DRAWN):
            check.run(backend)
    except pytest.skip.Exception:
        return False
    except Violation:
        return True
    return False
