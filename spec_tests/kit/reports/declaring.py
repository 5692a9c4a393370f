"""What a backend declares otherwise than the reference, with what the value means."""

import ast
import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from spec_tests.adapter import Declaration

ABOUT_ITSELF = ("name", "profiles", "library")


class Difference(NamedTuple):
    """One field of the declaration that is not the reference's."""

    field: str
    value: str
    default: str
    meaning: str


def differences(declaration: Mapping[str, Any]) -> list[Difference]:
    """Return what differs from the reference's defaults, in the order of the declaration."""
    defaults = {field.name: _plain(field.default) for field in fields(Declaration) if field.default is not MISSING}
    return [
        Difference(name, written(value), written(defaults.get(name)), meanings().get(name, ""))
        for name, value in declaration.items()
        if name not in ABOUT_ITSELF and value != defaults.get(name)
    ]


def own_rules(declaration: Mapping[str, Any]) -> str:
    """Say what a reader of a rule has to put in place of the reference's choice; nothing where all of it is that.

    Sets say what is known, and are no rules.
    """
    found = [one for one in differences(declaration) if not isinstance(declaration[one.field], list)]
    said = ", ".join(f"{one.field} {one.value} (not {one.default})" for one in found)
    return (
        f"Rules are told with the reference's choices. What was declared instead is what counts: {said}."
        if said
        else ""
    )


def written(value: Any) -> str:
    """Return a value as a reader has it."""
    if isinstance(value, str | None):
        return value or "-"
    return ", ".join(map(str, value)) or "none" if isinstance(value, Sequence) else str(value)


def _plain(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, frozenset) else value


@functools.cache
def meanings() -> Mapping[str, str]:
    """Return field -> the text that stands under it in the declaration."""
    (declaration,) = ast.parse(inspect.getsource(Declaration)).body
    assert isinstance(declaration, ast.ClassDef)
    found = {}
    for field, text in zip(declaration.body, declaration.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as meaning)):
                found[name] = inspect.cleandoc(meaning)
    return found
