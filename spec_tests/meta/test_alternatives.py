"""Every correct backend that differs legitimately passes everything it claims: a false alarm is a bug of ours."""

from typing import Any

import pytest

from spec_tests.alternatives.catalogue import alternatives
from spec_tests.kit.checks import all_checks
from spec_tests.verdicts import Check

CLAIMED = [
    pytest.param(backend, check, id=f"{backend.declaration.name} {check.requirement} {check.name}")
    for backend in alternatives()
    for check in all_checks()
    if check.profile in backend.declaration.profiles
]


@pytest.mark.parametrize(("backend", "check"), CLAIMED)
def test_no_false_alarm(backend: Any, check: Check) -> None:
    check.run(backend)
