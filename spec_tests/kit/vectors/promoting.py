"""`refprune-spec promote CASE.json`: a case that failed becomes a vector, of any backend's failure.

What was asked goes into promoted.json beside this file, as another draft of its requirement; the answer is the
oracle's, as that of every vector, and `refprune-spec vectors fill` gives it an id.
"""

import json
from pathlib import Path
from typing import Any

from spec_tests.kit.vectors.answers import Refused, answer
from spec_tests.kit.vectors.forms import Json, read_arguments
from spec_tests.kit.vectors.vector import Draft, chapter_of

PROMOTED = Path(__file__).with_name("promoted.json")


def promoted() -> dict[str, list[Draft]]:
    """Return chapter -> the drafts that were cases once."""
    found: dict[str, list[Draft]] = {}
    for entry in json.loads(PROMOTED.read_text(encoding="utf-8")):
        found.setdefault(chapter_of(entry["requirement"]), []).append(_draft(entry))
    return found


def promote(case: Json, comment: str, target: Path = PROMOTED) -> str:
    """Add a case to the drafts, and say what its answer will be."""
    asked = [one for one in case.get("asked", []) if one is not None]
    if not asked:
        raise ValueError(
            "promote: got a case without a call that a vector can hold, expected one that the oracle answers"
        )
    entry = {"requirement": case["requirement"], "comment": comment, **asked[-1]}
    entries = json.loads(target.read_text(encoding="utf-8"))
    if any(_same(entry, one) for one in entries):
        raise ValueError(f"promote: got a case that is in {target.name} already, expected another")
    draft = _draft(entry)
    entry["refused"] = _is_refused(draft)
    target.write_text(json.dumps([*entries, entry], indent=1) + "\n", encoding="utf-8")
    right = "an error" if entry["refused"] else json.dumps(answer(draft.operation, draft.arguments))
    return f"{case['requirement']}: the answer is {right}; now: refprune-spec vectors fill"


def _draft(entry: Json) -> Draft:
    operation = entry["operation"]
    arguments = read_arguments(operation, entry["in"])
    flags, refused = tuple(entry.get("flags", ("PROMOTED",))), bool(entry.get("refused", False))
    return Draft(entry["requirement"], operation, entry["comment"], arguments, flags, refused=refused)


def _is_refused(draft: Draft) -> bool:
    try:
        answer(draft.operation, draft.arguments)
    except Refused:
        return True
    return False


def _same(entry: Any, other: Any) -> bool:
    return all(entry[name] == other[name] for name in ("requirement", "operation", "in"))
