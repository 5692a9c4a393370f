"""Every correct backend that differs legitimately passes everything it claims: a false alarm is a bug of ours."""

from typing import Any

import pytest

from spec_tests.kit.scores import claimed
from spec_tests.verdicts import Check

CLAIMED = [
    pytest.param(backend, check, id=f"{backend.declaration.name} {check.requirement} {check.name}")
    for backend, check in claimed()
]


@pytest.mark.parametrize(("backend", "check"), CLAIMED)
def test_no_false_alarm(backend: Any, check: Check) -> None:
    check.run(backend)


def test_enough_alternatives() -> None:
    assert len({backend.declaration.name for backend, _ in claimed()}) >= 8
