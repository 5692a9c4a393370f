"""What a mutant is: the reference with ONE named function replaced by a wrong one, or a wrong backend.

Every decision of the reference is one function, so a wrong decision is one function too.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from spec_tests.backends.reference import REFERENCE


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation and the requirement that must name it."""

    name: str
    breaks: str
    """The id of the requirement that its examples alone must report."""
    bug: str
    """What goes wrong, and where it was seen."""
    replaces: Mapping[str, Any] = field(default_factory=dict)
    """`module.function` of the reference -> the wrong function."""
    backend: Any = REFERENCE

    @contextmanager
    def alive(self) -> Iterator[Any]:
        """Put the wrong function wherever the right one was imported, and give the backend; undo afterwards."""
        undo: list[tuple[Any, Any, Any]] = []
        try:
            for path, wrong in self.replaces.items():
                undo += _replace_everywhere(path, wrong)
            yield self.backend
        finally:
            for holder, name, right in reversed(undo):
                holder[name] = right


def original(path: str) -> Any:
    """Return the reference's function, for a mutant that only changes what goes in or comes out."""
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def _replace_everywhere(path: str, wrong: Any) -> list[tuple[Any, Any, Any]]:
    """Replace the right thing by the wrong one in every module and every table of the house."""
    right = original(path)
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in ("refprune", "spec_tests") and not name.startswith("spec_tests.mutants")
    ]
    tables = [value for module in modules for value in vars(module).values() if type(value) is dict]
    undo = []
    for holder in (*map(vars, modules), *tables):
        for name in [name for name, value in holder.items() if value is right]:
            holder[name] = wrong
            undo.append((holder, name, right))
    if not undo:
        raise LookupError(f"{path} is used nowhere")
    return undo
