"""Whether the files of vectors are as they should be: form, ids, flags, coverage, checksums."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from refprune.data import shared_file
from spec_tests.kit.vectors.fill import MANIFEST, manifest
from spec_tests.kit.vectors.flags import FLAGS
from spec_tests.kit.vectors.forms import OPERATIONS, Json, read_arguments, write_arguments
from spec_tests.kit.vectors.vector import ROOT, Vector, chapter_of, files, read, withdrawn
from spec_tests.kit.vectors.without import WITHOUT
from spec_tests.specification import requirements

LIMIT = 1000
"""The most entries that an array may have, but for what no array of zeros could show."""


def faults(where: Path) -> list[str]:
    """Return what is wrong with the files of a folder, a sentence each."""
    documents = {path: _document(path) for path in files(where)}
    found = [fault for path, document in documents.items() for fault in _of_form(path, document)]
    if found:
        return found  # nothing else can be read
    vectors = [vector for path in documents for vector in read(path)]
    return [
        *_of_ids(documents),
        *(fault for vector in vectors for fault in _of_vector(vector)),
        *_of_flags(documents),
        *_of_coverage(vectors),
        *_of_manifest(where),
    ]


def _document(path: Path) -> Json:
    """Read a file of JSON; the NaN and Infinity that Python would let pass are none."""

    def none(name: str) -> Any:
        raise ValueError(f"{path.name}: got {name}, which is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=none)


def _of_form(path: Path, document: Json) -> Iterator[str]:
    """Yield where a file is not as vectors.schema.json says."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError as missing:
        raise ValueError('lint needs jsonschema: python -m pip install "refprune[dev]"') from missing
    schema = json.loads(shared_file(*ROOT, "vectors.schema.json").read_text(encoding="utf-8"))
    for error in Draft202012Validator(schema).iter_errors(document):
        yield f"{path.name}: {error.json_path}: {error.message[:200]}"


def _of_ids(documents: dict[Path, Json]) -> Iterator[str]:
    """Yield ids that are not unique, of another requirement, of another chapter, or withdrawn."""
    gone, seen = withdrawn(), Counter[str]()
    for path, document in documents.items():
        for group in document["groups"]:
            if group["requirement"] not in requirements():
                yield f"{path.name}: {group['requirement']} is no requirement"
            elif chapter_of(group["requirement"]) != path.stem or document["chapter"] != path.stem:
                yield f"{path.name}: {group['requirement']} belongs to {chapter_of(group['requirement'])}"
            seen.update(test["id"] for test in group["tests"])
            strange = [test["id"] for test in group["tests"] if not test["id"].startswith(group["requirement"] + "-")]
            yield from (f"{path.name}: {identity} stands under {group['requirement']}" for identity in strange)
    yield from (f"{identity}: {times} times" for identity, times in seen.items() if times > 1)
    yield from (f"{identity}: withdrawn in ERRATA.md" for identity in gone if identity in seen)


def _of_vector(vector: Vector) -> Iterator[str]:
    """Yield what is wrong with one vector: what is asked must come back as it stands there."""
    if set(vector.arguments) != set(OPERATIONS[vector.operation].arguments):
        yield f"{vector.id}: asks {sorted(vector.arguments)} of {vector.operation}"
        return
    arguments = read_arguments(vector.operation, vector.arguments)
    again = write_arguments(vector.operation, arguments)
    if json.dumps(again) != json.dumps(vector.arguments):
        yield f"{vector.id}: what is asked is not written as it is read"
    if max(_sizes(vector.arguments), default=0) > LIMIT:
        yield f"{vector.id}: an array of more than {LIMIT} entries"


def _sizes(value: Json) -> Iterator[int]:
    if isinstance(value, dict):
        yield from [len(value["data"])] if "data" in value else []
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _sizes(one)


def _of_flags(documents: dict[Path, Json]) -> Iterator[str]:
    """Yield flags that a file does not describe, describes otherwise than the list, or does not use."""
    for path, document in documents.items():
        used = {flag for group in document["groups"] for test in group["tests"] for flag in test["flags"]}
        if used != set(document["notes"]):
            yield f"{path.name}: describes {sorted(document['notes'])}, but uses {sorted(used)}"
        yield from (f"{path.name}: {flag} is in no list of flags" for flag in sorted(used - set(FLAGS)))


def _of_coverage(vectors: Sequence[Vector]) -> Iterator[str]:
    """Yield requirements with neither a vector nor a reason, and those with both."""
    have = {vector.requirement for vector in vectors}
    for requirement in requirements().values():
        if not requirement.binds_everybody:
            continue
        if requirement.id not in have and requirement.id not in WITHOUT:
            yield f"{requirement.id}: no vector, and no reason in spec_tests/kit/vectors/without.py"
        if requirement.id in have and requirement.id in WITHOUT:
            yield f"{requirement.id}: a vector, although it is said to have none"
    yield from (
        f"{name}: no requirement, but a reason to have no vector" for name in WITHOUT if name not in requirements()
    )


def _of_manifest(where: Path) -> Iterator[str]:
    """Yield files that are not those of the manifest."""
    path = where / MANIFEST
    if not path.is_file():
        yield f"{MANIFEST} is missing"
    elif json.loads(path.read_text(encoding="utf-8")) != manifest(where):
        yield f"{MANIFEST} is not that of these files: run refprune-spec vectors fill"
