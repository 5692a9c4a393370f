"""Writes the files: the inputs of the chapters, the answers of the oracle.

What is published stays as it is: a test may be added, assume more, or get another comment or flag; a wrong one is
taken back in ERRATA.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from spec_tests.kit.vectors.answers import Refused, answer
from spec_tests.kit.vectors.assuming import assumptions
from spec_tests.kit.vectors.chapters import drafts
from spec_tests.kit.vectors.flags import FLAGS
from spec_tests.kit.vectors.forms import Json, write_arguments
from spec_tests.kit.vectors.vector import FORMAT, REFUSED, Draft, Vector, files, read, withdrawn
from spec_tests.specification import version

COMMAND = "refprune-spec vectors fill"
MANIFEST = "MANIFEST.json"
DTYPES = {"DTYPE", "ROUND_TRIP"}
"""Flags of vectors whose answers say the dtypes of arrays."""


class Published(ValueError):
    """A published vector would change."""


def fill(where: Path) -> int:
    """Write every file and the manifest into a folder; return how many vectors there are."""
    chapters = {name: vectors(chapter) for name, chapter in drafts().items()}
    filled = [vector for own in chapters.values() for vector in own]
    check_published([vector for path in files(where) for vector in read(path)], filled)
    where.mkdir(parents=True, exist_ok=True)
    for name, own in chapters.items():
        (where / f"{name}.json").write_text(text(document(name, own)), encoding="utf-8", newline="\n")
    (where / MANIFEST).write_text(json.dumps(manifest(where), indent=1) + "\n", encoding="utf-8", newline="\n")
    return len(filled)


def vectors(chapter: Sequence[Draft]) -> list[Vector]:
    """Return the vectors of a chapter; the number in an id is the place among those of its requirement."""
    found, taken, gone = [], dict[str, int](), withdrawn()
    for draft in chapter:
        taken[draft.requirement] = taken.get(draft.requirement, 0) + 1
        identity = f"{draft.requirement}-{taken[draft.requirement]:04d}"
        if identity not in gone:
            found.append(filled(identity, draft))
    return found


def filled(identity: str, draft: Draft) -> Vector:
    """Return a draft with its answer and what it assumes."""
    assumed = assumptions(draft.operation, draft.arguments) | dict(draft.assumes)
    return Vector(
        identity,
        draft.requirement,
        draft.operation,
        draft.comment,
        tuple(sorted(draft.flags)),
        assumed,
        write_arguments(draft.operation, draft.arguments),
        right(identity, draft),
        draft.compare,
    )


def right(identity: str, draft: Draft) -> Json:
    """Return the answer; where an error is due, the oracle must not know one, if it knows of refusals at all."""
    if draft.right is not None:
        return draft.right
    try:
        found = REFUSED if draft.refused else answer(draft.operation, draft.arguments)
    except Refused as error:
        raise AssertionError(f"{identity}: the draft says nothing of an error, but {error}") from error
    found = draft.hide(found) if draft.hide else found
    return found if DTYPES & set(draft.flags) else _without_dtypes(found)


def _without_dtypes(value: Json) -> Json:
    """Leave the dtypes of arrays out: that is for vectors of the flag DTYPE to say."""
    if isinstance(value, list):
        return [_without_dtypes(one) for one in value]
    if not isinstance(value, dict):
        return value
    left_out = {"dtype"} if "data" in value else set()
    return {name: _without_dtypes(one) for name, one in value.items() if name not in left_out}


def check_published(before: Sequence[Vector], now: Sequence[Vector]) -> None:
    """Refuse to change or to drop what is published."""
    known, gone = {vector.id: vector for vector in now}, withdrawn()
    for old in before:
        if old.id in gone:
            continue
        new = known.get(old.id)
        if new is None:
            raise Published(f"{old.id} is published and would be dropped: take it back in ERRATA.md")
        if not _assumed(old) <= _assumed(new) or _bound(old) != _bound(new):
            raise Published(f"{old.id} is published and would change: take it back in ERRATA.md, and add another")


def _assumed(vector: Vector) -> set[tuple[str, Any]]:
    """Return what a vector assumes, one by one: of a list, all that is in it."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in vector.assumes.items()}
    return {(name, one) for name, values in lists.items() for one in values}


def _bound(vector: Vector) -> str:
    """Return what of a vector binds, as text."""
    return json.dumps(vars(replace(vector, comment="", flags=(), assumes={})), sort_keys=True)


# Documents


def document(chapter: str, own: Sequence[Vector]) -> dict[str, Json]:
    """Return a file: what it is, what its flags mean, and the tests by requirement and operation."""
    flags = sorted({flag for vector in own for flag in vector.flags})
    groups = [
        {"requirement": requirement, "operation": operation, "tests": [_test(vector) for vector in group]}
        for (requirement, operation), group in groupby(own, key=lambda vector: (vector.requirement, vector.operation))
    ]
    return {
        "format": FORMAT,
        "specification": version(),
        "chapter": chapter,
        "generator": COMMAND,
        "notes": {
            flag: {"bugType": FLAGS[flag].bug, "description": FLAGS[flag].description, "seen": FLAGS[flag].seen}
            for flag in flags
        },
        "groups": groups,
    }


def _test(vector: Vector) -> dict[str, Json]:
    return {
        "id": vector.id,
        "comment": vector.comment,
        "flags": list(vector.flags),
        "assumes": dict(vector.assumes),
        "in": vector.arguments,
        "out": vector.out,
        "compare": vector.compare,
    }


def text(value: Mapping[str, Any]) -> str:
    """Return a document as JSON: the members of a test, and all else that is small, on a line each."""
    return "".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str, inside: str = "") -> list[str]:
    """Write objects and lists over several lines down to the members of a test."""
    many = isinstance(value, dict | list) and value and inside not in ("flags", "assumes", "in", "out", "compare")
    if not many or inside.isupper():
        return [json.dumps(value, allow_nan=False)]
    items = list(value.items()) if isinstance(value, dict) else [("", one) for one in value]
    found = ["{\n" if isinstance(value, dict) else "[\n"]
    for place, (name, one) in enumerate(items):
        key = f"{json.dumps(name)}: " if isinstance(value, dict) else ""
        end = ",\n" if place + 1 < len(items) else "\n"
        found += [f"{indent} {key}", *_lines(one, f"{indent} ", name), end]
    return [*found, indent + ("}" if isinstance(value, dict) else "]")]


def manifest(where: Path) -> dict[str, Json]:
    """Return what there is: every file with its checksum and how many tests it has."""
    return {
        "format": "refprune-vectors-manifest/1",
        "specification": version(),
        "files": {
            path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "tests": len(read(path))}
            for path in files(where)
        },
    }
