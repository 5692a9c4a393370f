"""Known failures: a list with the message of each pinned, so that it cannot hide anything else.

A listed check that passes, is not applicable, or fails otherwise is stale, and stale is a failure. Of a drawn case the
numbers are * in the message, and `case` pins them all the same: the same cases are drawn again and again, so that
another number is another bug. Where cases are drawn otherwise (`drawn_by`), the words alone are held to; a message
whose words would fit any failure is stale there.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from spec_tests.kit.outcomes import BAD, Outcome
from spec_tests.kit.profiles import FIXED, chosen
from spec_tests.kit.record import installed

LIST = pytest.StashKey[dict[str, dict[str, Any]]]()
"""Where a run keeps its list, so that it is read once."""
ANY_FAILURE = re.compile(
    r"[A-Z]{3}-\d{2}(?: \(SHOULD\))?: got \*(?: removed)?"
    r"(?:, but should be (?:\*(?: removed)?|an error))?(?: within \*| or an error)?"
)
"""Words that fit whatever is wrong."""
LONGEST = 500
"""Characters of a smallest case that stand in a list; of a longer one a mark stands for the rest."""
PASSING = re.compile(r"0x[0-9a-f]+|(?:/[\w.-]+)*/tmp[\w.-]*(?:/[\w.-]+)*")
"""What is another one in every run: an address, a folder."""
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
    """Return the checks whose entry would hide whatever is said: no word behind the id, or of any failure alone."""
    return [
        name
        for name, entry in entries.items()
        if not re.match(r"[A-Z]{3}-\d{2}( \(SHOULD\))?: .*\w", entry["message"])
        or (ANY_FAILURE.fullmatch(entry["message"]) and not entry.get("case"))
    ]


def of(config: pytest.Config) -> dict[str, dict[str, Any]]:
    """Return the list of a pytest run; none where it is about to be written for the first time."""
    if LIST not in config.stash:
        path = config.getoption("refprune_known_failures")
        new = config.getoption("refprune_fix_known_failures") and path and not Path(path).exists()
        try:
            config.stash[LIST] = {} if new or not path else read(Path(path))
        except ValueError as error:
            raise pytest.UsageError(f"--refprune-known-failures: {error}") from error
    return config.stash[LIST]


def judged(outcome: Outcome, known: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Return the outcome with what the list says of it."""
    entry = known.get(outcome.check)
    if entry is None:
        return outcome
    now = f"{outcome.verdict} now" if outcome.verdict not in BAD else _otherwise(outcome, entry)
    if not now:
        return replace(outcome, verdict="known_failure")
    said = f"listed as a known failure ({entry['message']}), but {now}"
    return replace(outcome, verdict="stale_known_failure", said=said)


def _otherwise(outcome: Outcome, entry: Mapping[str, Any]) -> str:
    """Return how a failure differs from the one that is pinned; empty where it is that one."""
    if not fnmatchcase(_first_line(outcome), _escaped(entry["message"])):
        return _first_line(outcome)
    if not entry.get("case") or entry["case"] == case_of(outcome):
        return ""
    if entry.get("drawn_by") == drawn_by():
        return f"the smallest case that fails is another: {outcome.said}"
    if drawn_by() and ANY_FAILURE.fullmatch(entry["message"]):
        return f"{outcome.said}\n    (pinned by {entry.get('drawn_by')}, and this is {drawn_by()}: write the list anew)"
    return ""


def drawn_by() -> str:
    """Return what decides which cases are drawn; empty where others are drawn each time."""
    versions = f"refprune {installed('refprune')}, Hypothesis {hypothesis.__version__}"
    return f"{chosen()} of {versions}" if chosen() in FIXED else ""


def case_of(outcome: Outcome) -> str:
    """Return what is said in full, the smallest case and its numbers included; empty where it is none or by chance."""
    if outcome.kind == "example" or outcome.verdict not in ("fail", "error"):
        return ""
    said = PASSING.sub("*", outcome.said)
    mark = hashlib.sha256(said.encode()).hexdigest()[:16]
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} ... {mark}"


def written(outcomes: Iterable[Outcome], backend: str, before: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the list that these outcomes make, before any list was held against them; written reasons stay."""
    entries = [
        {
            "check": outcome.check,
            "requirement": outcome.requirement,
            "message": pinned(outcome),
            **({"case": case_of(outcome), "drawn_by": drawn_by()} if case_of(outcome) else {}),
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
