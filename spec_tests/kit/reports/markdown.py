"""A report as Markdown: for a page under version control, or the summary of a run in CI."""

import re
from collections.abc import Iterable, Iterator, Sequence

from spec_tests.kit.outcomes import WORST_FIRST
from spec_tests.kit.record import Line
from spec_tests.kit.reports import reading
from spec_tests.kit.reports.declaring import differences, own_rules
from spec_tests.kit.reports.prose import rule_and_rest
from spec_tests.kit.reports.reading import Report
from spec_tests.kit.reports.worth import worth
from spec_tests.specification import requirements

CUT = 2000
"""Of longer calls and answers the page has so many characters; the report has all of them."""


def markdown(report: Report) -> str:
    """Return the page."""
    header, footer, stands = report[0], report[-1], reading.standing(report)
    lines = [
        f"# {plain(header['name'])} {stands.words}",
        "",
        stands.sentence,
        "",
        *fenced(footer["headline"]),
        "",
        *_differing(report),
        *_chapters(report),
        *_tested(report),
        *_left_out(report),
        *_corners(report),
        "## What the suite is worth",
        "",
        worth(),
    ]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Return a text of which nothing is Markdown or HTML, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(str(text).split()))


def fenced(text: str) -> list[str]:
    """Return a text as a block of code, cut where it is very long."""
    text = text if len(text) <= CUT else f"{text[:CUT]} ... ({len(text) - CUT} more characters in the report)"
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, text, fence]


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    written = [[plain(str(cell)) for cell in row] for row in rows]
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *written)]


def _differing(report: Report) -> Iterator[str]:
    found = reading.differing(report)
    if found:
        rules = own_rules(report[0]["declaration"])
        yield from ["## In what it differs", "", *([plain(rules), ""] if rules else [])]
        yield from ["Before any of the calls:", "", *fenced(reading.preamble(report)), ""]
    for requirement in found:
        yield from _requirement(report, requirement)


def _requirement(report: Report, requirement: Line) -> Iterator[str]:
    title = f"{requirement['id']} ({requirement['strength']}) {plain(requirement['title'])}"
    yield from [f"### {title}: {reading.words(requirement['verdict'])}", ""]
    if requirement["id"] in requirements():
        rule, _ = rule_and_rest(requirements()[requirement["id"]].text)
        yield from [*(f"> {line}".rstrip() for line in rule.splitlines()), ""]
    for cause in reading.causes(report).get(requirement["id"], ()):
        yield from [f"Cause: {plain(cause.what)} ({plain(cause.where)})", ""]
    for check in reading.shown(report, requirement):
        yield from _check(check)
    yield from ["Alone:", "", *fenced(reading.command(report, requirement)), ""]


def _check(check: Line) -> Iterator[str]:
    said = reading.said(check)
    answer = f"got       {said.got}\nshould be {said.should}" if said.got else said.sentence
    yield from [f"{reading.words(check['verdict'])}: {plain(reading.where_from(check))}", "", *fenced(answer), ""]
    if said.call:
        yield from [*fenced(said.call), ""]


def _chapters(report: Report) -> Iterator[str]:
    """Yield a table of the chapters by verdict, with the verdicts that occur."""
    chapters = reading.chapters(report)
    found = [verdict for verdict in WORST_FIRST if any(one["verdict"] == verdict for one in reading.judged(report))]
    rows = [
        [name, *([one["verdict"] for one in own].count(verdict) for verdict in found)] for name, own in chapters.items()
    ]
    heads = ["chapter", *map(reading.words, found)]
    yield from ["## Requirements by chapter", "", *_table(heads, rows), ""]


def _tested(report: Report) -> Iterator[str]:
    yield from ["## What was tested", "", *_table(["what", "value"], reading.tested(report).items()), ""]
    found = differences(report[0]["declaration"])
    if found:
        yield from [
            "Declared otherwise than by the reference, and tested as declared:",
            "",
            *_table(["field", "value", "reference", "meaning"], found),
            "",
        ]


def _left_out(report: Report) -> Iterator[str]:
    reasons, untested = reading.not_applicable(report), reading.untested(report)
    if reasons or untested:
        yield from ["## What was left out", ""]
    for reason, ids in reasons.items():
        yield f"- Not applicable: {plain(reason)}: {', '.join(ids)}"
    if untested:
        yield f"- Untested, since no check asks a backend for them: {', '.join(untested)}"
    if reasons or untested:
        yield ""


def _corners(report: Report) -> Iterator[str]:
    footer = report[-1]
    if footer["corners"] or footer["corners_unmet"]:
        yield from ["## Corners", "", "How many cases had each of the places where implementations differ.", ""]
        rows = [*((name, "never") for name in footer["corners_unmet"]), *footer["corners"].items()]
        yield from [*_table(["corner", "cases"], rows), ""]
