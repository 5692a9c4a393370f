"""The literal examples of what one module of the reference realises, and nothing else: quick, for mutation runs.

python -m spec_tests.kit.examples selection         the ids in the comments of refprune/selection.py; 1 when one fails
"""

import importlib
import re
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

import refprune
from spec_tests.backends.reference import REFERENCE
from spec_tests.specification import ID, requirements
from spec_tests.verdicts import CHECKS, Violation

COMMENT = re.compile(r"#.*")


def ids_of(module: str) -> list[str]:
    """Return the requirements that a module's comments name, in their order."""
    path = Path(refprune.__file__).parent / f"{module.replace('.', '/')}.py"
    comments = "\n".join(COMMENT.findall(path.read_text(encoding="utf-8")))
    return [name for name in dict.fromkeys(ID.findall(comments)) if name in requirements()]


def failing(wanted: Collection[str]) -> str:
    """Return what the first failing example of these requirements says; empty when all pass."""
    for chapter in dict.fromkeys(requirements()[name].chapter for name in wanted):
        importlib.import_module(f"spec_tests.requirements.test_{chapter}")
    for check in CHECKS:
        if check.kind == "example" and check.requirement in wanted:
            try:
                check.run(REFERENCE)
            except pytest.skip.Exception:
                continue
            except Violation as violation:
                return str(violation)
    return ""


if __name__ == "__main__":
    said = failing(ids_of(sys.argv[1]))
    print(said or "all pass")
    sys.exit(1 if said else 0)
