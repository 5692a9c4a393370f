"""The specification as data: its version, and every requirement with its strength, chapter and text."""

import functools
import re
from dataclasses import dataclass

from refprune.data import shared_file

ID = re.compile(r"\b[A-Z]{3}-\d{2}\b")
HEADING = re.compile(r"^### ([A-Z]{3}-\d{2}) \((MUST|SHOULD)\) (.+)$", re.MULTILINE)
CHAPTER = re.compile(r"\[\w+\]\((\w+)\.md\)")


@dataclass(frozen=True)
class Requirement:
    """One numbered requirement."""

    id: str
    strength: str
    """MUST or SHOULD."""
    title: str
    chapter: str
    text: str
    """What stands under the heading, in Markdown."""
    binds_everybody: bool
    """False: its chapter binds the reference only."""


@functools.cache
def requirements() -> dict[str, Requirement]:
    """Return id -> requirement, in the order of the chapters' files."""
    found: dict[str, Requirement] = {}
    for name, strength, title, chapter, text in sections():
        found.setdefault(name, Requirement(name, strength, title, chapter, text, chapter in _binding()))
    return found


def sections() -> list[tuple[str, str, str, str, str]]:
    """Return (id, strength, title, chapter, text) of every heading; an id that stands there twice comes twice."""
    found = []
    for page in sorted(shared_file("docs", "spec").glob("*.md")):
        parts = HEADING.split(page.read_text(encoding="utf-8"))[1:]
        for name, strength, title, text in zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True):
            found.append((name, strength, title, page.stem, text.split("\n## ")[0].strip()))
    return found


@functools.cache
def version() -> str:
    """Return the version of the specification, as its first line says it."""
    first = _front_page().splitlines()[0]
    return first.rsplit(" ", 1)[1]


@functools.cache
def _binding() -> frozenset[str]:
    """Return the chapters that bind everybody, as the last column of the table of chapters says."""
    rows = [line for line in _front_page().splitlines() if line.startswith("| [") and ".md)" in line]
    return frozenset(name for row in rows if "everybody" in row.split("|")[-2] for name in CHAPTER.findall(row))


def _front_page() -> str:
    return shared_file("docs", "spec", "README.md").read_text(encoding="utf-8")
