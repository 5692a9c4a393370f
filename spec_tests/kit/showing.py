"""`refprune-spec list` and `show`: the specification at the command line, with what refers to each requirement."""

import ast
import functools
import inspect
import re
from pathlib import Path

import refprune
from spec_tests.kit.checks import all_checks
from spec_tests.specification import Requirement, requirements
from spec_tests.verdicts import Check


def listed(chapter: str) -> list[str]:
    """Return a line for each requirement, of one chapter or of all."""
    chapters = sorted({requirement.chapter for requirement in requirements().values()})
    if chapter and chapter not in chapters:
        raise ValueError(f"list: got {chapter!r}, expected one of {', '.join(chapters)}")
    found = [each for each in requirements().values() if chapter in ("", each.chapter)]
    return [f"{each.id}  {each.strength:6}  {each.title}  ({each.chapter})" for each in found]


def shown(name: str) -> str:
    """Return the text of a requirement, the lines of the reference that realise it, its checks and its mutants."""
    if name not in requirements():
        raise ValueError(f"show: got {name!r}, expected an id such as SEL-03; `refprune-spec list` has them all")
    requirement = requirements()[name]
    checks = [check for check in all_checks() if check.requirement == name]
    parts = [_heading(requirement), requirement.text, *_reference(name), *map(_check, checks), *_mutants(name)]
    return "\n\n".join(parts)


def _heading(requirement: Requirement) -> str:
    binds = "" if requirement.binds_everybody else ", binds the reference"
    return f"{requirement.id} ({requirement.strength}) {requirement.title}    [{requirement.chapter}.md{binds}]"


def _reference(name: str) -> list[str]:
    """Return the functions of the reference that carry the id in a comment."""
    root = Path(refprune.__file__).parents[1]
    found = []
    for path in sorted((root / "refprune").rglob("*.py")):
        source = _text(path)
        if name not in source:
            continue
        lines = source.splitlines()
        marked = [number for number, line in enumerate(lines, 1) if re.search(rf"#.*\b{name}\b", line)]
        places = dict.fromkeys(_enclosing(source, number) for number in marked)
        found += [
            "\n".join([f"{path.relative_to(root)}:{first}", *(f"    {text}" for text in lines[first - 1 : last])])
            for first, last in places
        ]
    return found


def _enclosing(source: str, number: int) -> tuple[int, int]:
    """Return the first and last line of the innermost function or class around a line; the line alone without one."""
    return max((span for span in _spans(source) if span[0] <= number <= span[1]), default=(number, number))


@functools.cache
def _spans(source: str) -> list[tuple[int, int]]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [(node.lineno, node.end_lineno or node.lineno) for node in nodes]


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _check(check: Check) -> str:
    asked = f"asks for {check.profile}" if check.profile else "of the reference's own house"
    function = inspect.unwrap(check.function)
    source = inspect.getsource(getattr(getattr(function, "hypothesis", None), "inner_test", function))
    return f"{check.kind} {check.name} ({asked})\n" + "\n".join(f"    {line}" for line in source.splitlines())


def _mutants(name: str) -> list[str]:
    from spec_tests.mutants.catalogue import mutants

    own = [f"    {mutant.name}: {mutant.bug}" for mutant in mutants() if mutant.breaks == name]
    return ["\n".join(["wrong implementations that its examples catch", *own])] if own else []
