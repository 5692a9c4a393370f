"""A report as lines for a terminal: what differs and how, what was left out, the verdict last."""

import textwrap
from collections.abc import Iterable, Iterator

from spec_tests.kit.record import Line
from spec_tests.kit.reports import reading
from spec_tests.kit.reports.reading import Report

WIDTH = 110
SHOWN = 2
"""Of so many checks of a requirement the terminal shows what they say; the report has all of them."""
PAINT = {"pass": "32", "known_failure": "33", "not_applicable": "2", "untested": "2"}
"""Verdict -> colour of a terminal (green, yellow, dim); everything else is red."""
STANDS = {"conformant": "32", "known": "33", "part": "33", "nothing": "33"}


def verdict_lines(report: Report, *, colour: bool = False) -> Iterator[str]:
    """Yield what a person wants to know; colours are for a terminal that shows them."""
    differing = reading.differing(report)
    for requirement in differing:
        yield from _of_requirement(report, requirement, colour=colour)
    for reason, ids in reading.not_applicable(report).items():
        yield from _list(f"not applicable: {reason}:", ids)
    yield from _list("untested (no check asks a backend for them):", reading.untested(report))
    yield from _list("never drawn, so that this run says too little:", report[-1]["corners_unmet"])
    yield from ["", *_closing(report, differing, colour=colour)]


def _of_requirement(report: Report, requirement: Line, *, colour: bool) -> Iterator[str]:
    verdict = requirement["verdict"]
    word = _painted(reading.words(verdict).upper(), PAINT.get(verdict, "31"), colour=colour)
    yield f"{requirement['id']} ({requirement['strength']}) {requirement['title']}: {word}"
    checks = reading.shown(report, requirement)
    for check in checks[:SHOWN]:
        yield textwrap.indent(_short(check["said"]), "    ")
    if len(checks) > SHOWN:
        yield from _list(f"    and {len(checks) - SHOWN} more:", [check["check"] for check in checks[SHOWN:]])
    yield ""


def _closing(report: Report, differing: Iterable[Line], *, colour: bool) -> Iterator[str]:
    stands, library = reading.standing(report), report[-1]["versions"]["library"]
    for requirement in list(differing)[:1]:
        yield f"one of them alone: {reading.command(report, requirement)}"
        yield f"its rule: refprune-spec show {requirement['id']}"
        yield ""
    name = f"{report[0]['name']} ({library})" if library else report[0]["name"]
    yield f"{name} {_painted(stands.words, STANDS.get(stands.key, '31'), colour=colour)}. {stands.sentence}"
    yield report[-1]["headline"] + ("" if report[-1]["complete"] else " (part of the checks)")


def _list(head: str, names: Iterable[str]) -> Iterator[str]:
    """Yield names behind their heading, in lines that a terminal has room for; without names nothing."""
    inner = " " * (len(head) - len(head.lstrip()) + 4)
    if said := ", ".join(names):
        yield from textwrap.wrap(
            f"{head} {said}", WIDTH, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
        )


def _short(said: str) -> str:
    """Cut what is too long for a terminal; the report has all of it."""
    return "\n".join(line if len(line) <= 4 * WIDTH else f"{line[: 4 * WIDTH]} ..." for line in said.splitlines())


def _painted(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[1;{code}m{text}\x1b[0m" if colour else text
