"""A failing case as data: which check, what the backend was asked, and how the case is drawn again.

`refprune-spec replay CASE.json --backend X` asks it again, of any backend in any language.
"""

import contextlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.errors import DidNotReproduce

from spec_tests.kit.checks import all_checks
from spec_tests.kit.vectors.forms import OPERATIONS, Json, write_arguments
from spec_tests.recorded import Call
from spec_tests.specification import version
from spec_tests.verdicts import Check, Violation, call

FORMAT = "refprune-case/1"
Case = dict[str, Any]
LONGEST = 20_000
"""Characters of a call; a larger one is no small case."""
REQUIRED = ("format", "requirement", "check", "drawn", "hypothesis", "said")


def case_of(check: Check, violation: Violation) -> Case:
    """Return the smallest case that fails, as JSON can hold it."""
    return {
        "format": FORMAT,
        "specification": version(),
        "requirement": check.requirement,
        "check": check.name,
        "said": str(violation),
        "calls": [call(one.operation, *one.arguments) for one in violation.calls],
        "asked": [_asked(one) for one in violation.calls],
        "drawn": violation.drawn,
        "hypothesis": hypothesis.__version__,
    }


def _asked(one: Call) -> Json:
    """Return a call as a vector has it; None where a vector cannot hold it."""
    operation = OPERATIONS.get(one.operation)
    if operation is None or len(operation.arguments) != len(one.arguments):
        return None
    named = dict(zip(operation.arguments, one.arguments, strict=True))
    try:
        asked = {"operation": one.operation, "in": write_arguments(one.operation, named)}
        return asked if len(json.dumps(asked, allow_nan=False)) <= LONGEST else None
    except Exception:  # noqa: BLE001  the suite asks with wrong things on purpose, and not all of them have a form
        return None


def write_all(outcomes: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write the case of every failing check into a folder, named by requirement and check."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for outcome in outcomes:
        if outcome["case"]:
            path = folder / f"{outcome['requirement']}.{outcome['check'].partition('.')[2]}.json"
            path.write_text(json.dumps(outcome["case"], indent=1) + "\n", encoding="utf-8")
            written.append(path)
    return written


def read(path: Path) -> Case:
    """Return the case of a file: the case alone, or the line of a report that has it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}; expected one case, or the one line of a report that has it") from error
    case = found.get("case", found) if isinstance(found, dict) else None
    if case is None and isinstance(found, dict):
        raise ValueError(f"{path}: got a check without a case ({found.get('verdict')}), expected one that failed")
    if not isinstance(case, dict) or case.get("format") != FORMAT or any(name not in case for name in REQUIRED):
        raise ValueError(f"{path}: got no {FORMAT}, expected a case of refprune-spec")
    return case


def replay(case: Case, backend: Any) -> str:
    """Ask a backend for this case again: return what the check says now; empty when it passes."""
    check = next((check for check in all_checks() if check.name == case["check"]), None)
    if check is None:
        raise ValueError(f"replay: got the check {case['check']!r}, which this suite does not have")
    test = check.function.__wrapped__ if case["drawn"] else None  # type: ignore[attr-defined]  # functools.wraps
    if test is not None:
        _draw_again(test, case)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Hypothesis tells there what it draws
            check.run(backend)
    except Violation as violation:
        return _said(violation, case)
    except pytest.skip.Exception as reason:
        return str(reason)
    finally:
        if test is not None:
            test._hypothesis_internal_use_reproduce_failure = None
    return ""


def _draw_again(test: Any, case: Case) -> None:
    """Have Hypothesis draw exactly this case: by its own decorator, which puts a mark on the test."""
    hypothesis.reproduce_failure(hypothesis.__version__, case["drawn"].encode("ascii"))(test)


def _said(violation: Violation, case: Case) -> str:
    cause = violation.__cause__
    if not isinstance(cause, DidNotReproduce):
        return str(violation)
    if "completed successfully" in str(cause):
        return ""
    was = f"the case was drawn by Hypothesis {case['hypothesis']} within what its backend declared"
    now = f"Hypothesis {hypothesis.__version__} within what this one declares draws it otherwise"
    raise ValueError(f"replay: {was}, and {now}; the calls are in the file") from violation
