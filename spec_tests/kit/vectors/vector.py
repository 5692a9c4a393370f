"""A vector: what is asked, and the only right answer; and where the files are."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refprune.data import shared_file
from spec_tests.adapter import Profile
from spec_tests.kit.vectors.forms import OPERATIONS, Json
from spec_tests.specification import requirements

FORMAT = "refprune-vectors/1"
ROOT = ("data", "vectors")
EDITION = "v0"
"""The folder of the vectors of the specification 0.x."""
WITHDRAWN = re.compile(r"^\| ([A-Z]{3}-\d{2}-\d{4}) \|", re.MULTILINE)
"""The rows of ERRATA.md."""
Compare = str | Mapping[str, float]
"""equal: -0.0 is 0.0; bits: it is not; {"within": b}: at most b away."""


def needs_checkout(what: str) -> None:
    """Refuse to write into an installed package: it is lost with the next installation."""
    if shared_file(*ROOT).parents[1].name == "_shared":
        raise ValueError(f"{what}: got an installed refprune, expected a checkout of it")


@dataclass(frozen=True)
class Draft:
    """What a person chooses of a vector: what is asked, and why. The answer comes from the oracle."""

    requirement: str
    operation: str
    comment: str
    arguments: Mapping[str, Any]
    flags: Sequence[str] = ()
    assumes: Mapping[str, Any] = field(default_factory=dict)
    """What the declaration must say beyond what is derived."""
    refused: bool = False
    """True: an error is due, by the words of the requirement."""
    compare: Compare = "equal"
    right: Json = None
    """The answer, where mental arithmetic has it at once and the loops of the oracle take minutes."""
    hide: Callable[[Json], Json] | None = None
    """What of the answer is compared, where it is not all: null is anything."""


@dataclass(frozen=True)
class Vector:
    """One test of a file."""

    id: str
    requirement: str
    operation: str
    comment: str
    flags: tuple[str, ...]
    assumes: Mapping[str, Any]
    arguments: Json
    out: Json
    compare: Compare

    @property
    def refused(self) -> bool:
        """Say whether an error is due."""
        return bool(self.out == REFUSED)


REFUSED = {"refused": True}


def folder() -> Path:
    """Return where the vectors of this edition are."""
    return shared_file(*ROOT, EDITION)


def withdrawn() -> list[str]:
    """Return the ids that ERRATA.md takes back."""
    return WITHDRAWN.findall(shared_file(*ROOT, "ERRATA.md").read_text(encoding="utf-8"))


def read(path: Path) -> list[Vector]:
    """Read a file of vectors."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return [
        Vector(
            test["id"],
            group["requirement"],
            group["operation"],
            test["comment"],
            tuple(test["flags"]),
            test["assumes"],
            test["in"],
            test["out"],
            test["compare"],
        )
        for group in document["groups"]
        for test in group["tests"]
    ]


def files(where: Path) -> list[Path]:
    """Return the files of vectors in a folder."""
    return sorted(path for path in where.glob("*.json") if path.name != "MANIFEST.json")


def load() -> list[Vector]:
    """Return the vectors of every chapter."""
    return [vector for path in files(folder()) for vector in read(path)]


def by_check(vectors: Sequence[Vector]) -> dict[tuple[str, Profile], list[Vector]]:
    """Return (requirement, profile) -> its vectors."""
    found: dict[tuple[str, Profile], list[Vector]] = {}
    for vector in vectors:
        found.setdefault((vector.requirement, OPERATIONS[vector.operation].profile), []).append(vector)
    return found


def number(identity: str) -> int:
    """Return the running number at the end of an id."""
    return int(identity.rsplit("-", 1)[1])


def chapter_of(requirement: str) -> str:
    """Return the chapter of a requirement."""
    return requirements()[requirement].chapter
