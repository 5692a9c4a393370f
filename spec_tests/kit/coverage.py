"""Traceability: requirement -> lines of the reference -> checks -> mutants -> vectors, generated and checked.

python -m spec_tests.kit.coverage            write docs/spec/coverage.md
python -m spec_tests.kit.coverage --check    fail on a gap, or when the page is not up to date
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from spec_tests.kit.checks import all_checks
from spec_tests.kit.vectors.vector import load
from spec_tests.mutants.catalogue import mutants
from spec_tests.specification import ID, sections

ROOT = Path(__file__).resolve().parents[2]
COMMENT = re.compile(r"#.*\b[A-Z]{3}-\d{2}")


@dataclass
class Requirement:
    """One requirement and everything that refers to it."""

    id: str
    strength: str
    title: str
    chapter: str
    lines: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)
    mutants: list[str] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)

    def gaps(self) -> list[str]:
        """Return what is missing."""
        wanted = {
            "no line of the reference": self.lines,
            "no example": self.examples,
            "no property": self.properties,
            "no mutant": self.mutants or self.strength != "MUST",
        }
        return [f"{self.id}: {gap}" for gap, found in wanted.items() if not found]


def requirements() -> tuple[dict[str, Requirement], list[str]]:
    """Return every requirement with what refers to it, and references to ids that do not exist."""
    found: dict[str, Requirement] = {}
    stray: list[str] = []
    for name, strength, title, chapter, _ in sections():
        if name in found:
            stray.append(f"{chapter}.md: {name} stands there a second time")
        found[name] = Requirement(name, strength, title, chapter)
    references = [("lines", name, where) for name, where in _reference_lines()]
    references += [(f"{check.kind}s".replace("ys", "ies"), check.requirement, check.name) for check in all_checks()]
    references += [("mutants", mutant.breaks, mutant.name) for mutant in mutants()]
    references += [("vectors", one.requirement, one.id) for one in load()]
    for kind, name, where in references:
        if name not in found:
            stray.append(f"{where}: {name} is no requirement")
        elif where not in getattr(found[name], kind):
            getattr(found[name], kind).append(where)
    return found, stray


def _reference_lines() -> list[tuple[str, str]]:
    """Return (id, file:function) for every id in a comment of the reference."""
    found = []
    for path in sorted((ROOT / "refprune").rglob("*.py")):
        function = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            defined = re.match(r"\s*(?:def|class) (\w+)", line)
            function = defined.group(1) if defined else function
            comment = COMMENT.search(line)
            if comment:
                place = f"{path.relative_to(ROOT / 'refprune').as_posix()}:{function}"
                found += [(name, place) for name in ID.findall(comment.group())]
    return found


def page(found: dict[str, Requirement]) -> str:
    """Return docs/spec/coverage.md."""
    must = sum(entry.strength == "MUST" for entry in found.values())
    lines = [
        "# Coverage",
        "",
        "Written by `python -m spec_tests.kit.coverage`; the gate fails when it is out of date or has a gap.",
        "",
        f"{len(found)} requirements ({must} MUST), "
        f"{sum(len(entry.examples) for entry in found.values())} examples, "
        f"{sum(len(entry.properties) for entry in found.values())} properties, "
        f"{sum(len(entry.mutants) for entry in found.values())} mutants, "
        f"{sum(len(entry.vectors) for entry in found.values())} golden vectors.",
        "Without a vector: what is of the house alone, and what `spec_tests/kit/vectors/without.py` explains.",
    ]
    for chapter in dict.fromkeys(entry.chapter for entry in found.values()):
        lines += [
            "",
            f"## {chapter}",
            "",
            "| id | title | reference | examples | properties | mutants | vectors |",
            "|---|---|---|---|---|---|---:|",
        ]
        lines += [_row(entry) for entry in found.values() if entry.chapter == chapter]
    return "\n".join(lines) + "\n"


def _row(entry: Requirement) -> str:
    examples, properties = ([name.split(".")[1] for name in names] for names in (entry.examples, entry.properties))
    cells = (
        f"[{entry.id}]({entry.chapter}.md)", entry.title,
        *("<br>".join(names) for names in (entry.lines, examples, properties, entry.mutants)), str(len(entry.vectors)),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    found, problems = requirements()
    problems += [gap for entry in found.values() for gap in entry.gaps()]
    target = ROOT / "docs" / "spec" / "coverage.md"
    if "--check" not in arguments:
        target.write_text(page(found), encoding="utf-8")
    elif not target.is_file() or target.read_text(encoding="utf-8") != page(found):
        problems.append("docs/spec/coverage.md is out of date: run python -m spec_tests.kit.coverage")
    print("\n".join(problems) or f"{len(found)} requirements, no gap")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
