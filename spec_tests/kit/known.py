"""Known failures: a list with the message of each pinned, so that it cannot hide anything else.

A listed check that passes, is not applicable, or fails otherwise is stale, and stale is a failure.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from spec_tests.kit.outcomes import BAD, Outcome

INNERMOST = re.compile(r"\[[^\[\]{}]*\]|\{[^\[\]{}]*\}")
LITERALS = re.compile(
    r"\b(?:array|asfortranarray)\([^()]*(?:\([^()]*\)[^()]*)*\)"
    r"|(?<![A-Z])(?<![A-Z]-)-?\b\d[\d.e+-]*\b|\b(?:inf|nan|True|False)\b"
)
"""What differs between one drawn case and another: lists and mappings from within, arrays, numbers; no id."""


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return check -> entry of a list; a file that is no such list is a ValueError that says what is wrong."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["known_failures"]
        found = {entry["check"]: entry | {"message": str(entry["message"])} for entry in entries}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: {type(error).__name__}: {error}; expected {{'known_failures': [{{'check', 'message'}}]}}"
        ) from error
    if len(found) < len(entries):
        raise ValueError(f"{path}: got {len(entries)} entries of {len(found)} checks, expected one of each")
    return found


def unpinned(entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the checks whose message has no word behind its id: it would hide whatever is said."""
    return [
        name for name, entry in entries.items() if not re.match(r"[A-Z]{3}-\d{2}( \(SHOULD\))?: .*\w", entry["message"])
    ]


def of(config: pytest.Config) -> dict[str, dict[str, Any]]:
    """Return the list of a pytest run; none where it is about to be written for the first time."""
    path = config.getoption("refprune_known_failures")
    if not path or (config.getoption("refprune_fix_known_failures") and not Path(path).exists()):
        return {}
    try:
        return read(Path(path))
    except ValueError as error:
        raise pytest.UsageError(f"--refprune-known-failures: {error}") from error


def judged(outcome: Outcome, known: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Return the outcome with what the list says of it."""
    entry = known.get(outcome.check)
    if entry is None:
        return outcome
    if outcome.verdict in BAD and fnmatchcase(_first_line(outcome), _escaped(entry["message"])):
        return replace(outcome, verdict="known_failure")
    now = _first_line(outcome) if outcome.verdict in BAD else f"{outcome.verdict} now"
    said = f"listed as a known failure ({entry['message']}), but {now}"
    return replace(outcome, verdict="stale_known_failure", said=said)


def written(outcomes: Iterable[Outcome], backend: str, before: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the list that these outcomes make, before any list was held against them; written reasons stay."""
    entries = [
        {
            "check": outcome.check,
            "requirement": outcome.requirement,
            "message": pinned(outcome),
            "why": before.get(outcome.check, {}).get("why", ""),
        }
        for outcome in outcomes
        if outcome.verdict in BAD
    ]
    return json.dumps({"backend": backend, "known_failures": entries}, indent=2) + "\n"


def pinned(outcome: Outcome) -> str:
    """Return the first line of a message: of a drawn case with * in place of what was drawn."""
    line = _first_line(outcome)
    return (
        line if outcome.kind == "example" else re.sub(r"\*[\s,*]*\*", "*", LITERALS.sub("*", _without_brackets(line)))
    )


def _without_brackets(line: str) -> str:
    shorter = INNERMOST.sub("*", line)
    return line if shorter == line else _without_brackets(shorter)


def _first_line(outcome: Outcome) -> str:
    return outcome.said.splitlines()[0] if outcome.said else ""


def _escaped(message: str) -> str:
    """Leave * its meaning in a pattern, and take it from [ and ?."""
    return message.replace("[", "[[]").replace("?", "[?]")
