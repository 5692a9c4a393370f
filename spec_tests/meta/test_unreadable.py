"""An answer that lacks a name, or has another shape or kind, is an error of the backend's, in one sentence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spec_tests.backends.reference import REFERENCE
from spec_tests.kit.checks import all_checks
from spec_tests.verdicts import Violation

CHANGES: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "a name too few": lambda arrays: dict(list(arrays.items())[1:]),
    "transposed": lambda arrays: {name: np.asarray(array).T for name, array in arrays.items()},
    "cut off": lambda arrays: {name: array[:-1] for name, array in arrays.items()},
    "text": lambda arrays: dict.fromkeys(arrays, "x"),
    "nothing": lambda arrays: None,  # noqa: ARG005  whatever they are
}


class Changed:
    """The reference, with every mapping of an answer changed."""

    def __init__(self, change: Callable[[dict[str, Any]], Any]) -> None:
        self.change, self.declaration = change, replace(REFERENCE.declaration, name="changed")

    def __getattr__(self, name: str) -> Any:
        operation = getattr(REFERENCE, name)
        return lambda *arguments: self._changed(operation(*arguments))

    def _changed(self, answer: Any) -> Any:
        if isinstance(answer, Mapping):
            return self.change(dict(answer))
        if isinstance(answer, tuple) and hasattr(answer, "_fields"):
            return type(answer)(*map(self._changed, answer))
        return type(answer)(map(self._changed, answer)) if isinstance(answer, tuple | list) else answer


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("chapter", ["surgery", "training"])
def test_the_backend_is_to_blame(chapter: str, change: str) -> None:
    """Every example says what was got; none says that something was raised, unless the backend raised it."""
    found = []
    for check in all_checks():
        if check.kind == "example" and check.profile and check.name.startswith(f"test_{chapter}."):
            try:
                check.run(Changed(CHANGES[change]))
            except pytest.skip.Exception:
                continue
            except Violation as violation:
                found.append(violation)
    for one in found:
        said = str(one).splitlines()[0]
        assert ": raised " not in said or one.calls[-1].raised in said, one
    assert len(found) > 8
    assert any("which cannot be read (" in str(one) for one in found)
    assert {one.verdict for one in found} <= {"fail", "error"}
