"""Every correct backend that differs legitimately passes everything it claims: a false alarm is a bug of ours."""

from typing import Any

import pytest

from spec_tests.adapter import SelectCase
from spec_tests.backends.reference import Reference
from spec_tests.kit.checks import all_checks
from spec_tests.kit.profiles import drawing
from spec_tests.kit.scores import claimed
from spec_tests.verdicts import Check

CLAIMED = [
    pytest.param(backend, check, id=f"{backend.declaration.name} {check.requirement} {check.name}")
    for backend, check in claimed()
]


DRAWN = 6
"""Cases of each property here; `python -m spec_tests.kit.scores` asks for as many as a run does."""


@pytest.mark.parametrize(("backend", "check"), CLAIMED)
def test_no_false_alarm(backend: Any, check: Check) -> None:
    with drawing(check, DRAWN):
        check.run(backend)


def test_drawing_fewer() -> None:
    """The number is what is drawn, and afterwards it is the profile's again."""
    asked: list[SelectCase] = []

    class Counting(Reference):
        """Counts what it is asked."""

        def select(self, case: SelectCase) -> Any:
            """Count."""
            asked.append(case)
            return super().select(case)

    core = next(check for check in all_checks() if check.name == "test_selection.test_core")
    with drawing(core, 3):
        core.run(Counting())
    few = len(asked)
    core.run(Counting())
    assert few == 3
    assert len(asked) > 2 * few


def test_enough_alternatives() -> None:
    assert len({backend.declaration.name for backend, _ in claimed()}) >= 8
