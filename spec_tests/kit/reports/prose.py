"""The Markdown in which the specification is written, as HTML: paragraphs, formulas, lists, tables, code, bold."""

import re
from collections.abc import Iterator

from refprune.lab.report.markup import Markup, joined, tag

INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def rule_and_rest(text: str) -> tuple[str, str]:
    """Split a requirement into what binds, and why, who differs, an example."""
    found = re.search(r"^\*\*(?:Why|Who differs|Example)\*\*", text, re.MULTILINE)
    return (text[: found.start()].strip(), text[found.start() :].strip()) if found else (text.strip(), "")


def prose(text: str) -> Markup:
    """Return a text as HTML; what it holds is escaped."""
    blocks = re.split(r"\n\s*\n(?!    )", text) if text else []
    return joined(part for block in blocks for part in _block(block))


def _block(block: str) -> Iterator[Markup]:
    lines = block.splitlines()
    kinds = [_kind(line) for line in lines]
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or kinds[end] != kinds[start]:
            yield _part(kinds[start], lines[start:end])
            start = end


def _kind(line: str) -> str:
    if line.startswith("    ") or not line.strip():
        return "formula"
    return {"|": "table", "- ": "list"}.get(line[: 1 + line.startswith("- ")], "text")


def _part(kind: str, lines: list[str]) -> Markup:
    if kind == "formula":
        return tag("pre", tag("code", "\n".join(line.removeprefix("    ") for line in lines).strip("\n")))
    if kind == "list":
        return tag("ul", *(tag("li", inline(line.removeprefix("- "))) for line in lines))
    if kind == "table":
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        rows = [row for row in rows if set("".join(row)) - set("-: ")]
        return tag("div", tag("table", *(_row(row, "td" if place else "th") for place, row in enumerate(rows))))
    return tag("p", inline(" ".join(lines)))


def _row(cells: list[str], name: str) -> Markup:
    return tag("tr", *(tag(name, inline(cell)) for cell in cells))


def inline(text: str) -> Markup:
    """Return one line of text as HTML."""
    parts: list[str] = []
    last = 0
    for found in INLINE.finditer(text):
        parts += [text[last : found.start()], tag("code", found[1]) if found[1] else tag("b", found[2])]
        last = found.end()
    return joined([*parts, text[last:]])
