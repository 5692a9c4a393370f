"""A report as one HTML page that needs nothing but itself, and says the verdict first.

In: the lines of a report. Out: the text of the page. Its script filters and copies; without it everything is there.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from refprune.lab.report.markup import Markup, joined, tag
from spec_tests.kit.outcomes import WORST_FIRST
from spec_tests.kit.record import Line
from spec_tests.kit.reports import reading
from spec_tests.kit.reports.declaring import differences, own_rules
from spec_tests.kit.reports.prose import inline, prose, rule_and_rest
from spec_tests.kit.reports.reading import Report
from spec_tests.kit.reports.worth import worth
from spec_tests.specification import requirements, version

TEMPLATE = Path(__file__).with_name("page.template.html")
SCRIPT = Path(__file__).with_name("page.script.js")
LONGEST = 20_000
"""Characters of a call or an answer that the page shows; the report has all of them."""
WORDS = {"pass": "passes", "not_applicable": "n/a"}
"""Verdicts that are shorter on the page."""


def page(report: Report) -> str:
    """Return the page."""
    script = SCRIPT.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    main = tag("main", _differing(report), _requirements(report), _tested(report), _left_out(report), _corners(report))
    body = "\n".join((_header(report), main, _footer(report)))
    title = joined([report[0]["name"], " ", reading.standing(report).words])
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=title, body=body, script=script, digest=digest
    )


def _word(verdict: str) -> str:
    return WORDS.get(verdict, reading.words(verdict))


def _chip(verdict: str, words: str = "") -> Markup:
    return tag("span", words or _word(verdict), class_=f"chip {verdict}")


# The verdict


def _header(report: Report) -> Markup:
    stands, versions = reading.standing(report), report[-1]["versions"]
    held = f"{versions['library'] or 'a backend'} held to specification {versions['specification']}"
    links = {"differs": "In what it differs", "requirements": "Requirements", "tested": "What was tested"}
    if not reading.differing(report):
        del links["differs"]
    return tag(
        "header",
        tag("p", f"refprune conformance: {held}", class_="kicker"),
        tag("h1", tag("span", report[0]["name"], class_="name"), " ", tag("span", stands.words, class_="stands")),
        tag("p", stands.sentence, class_="lead"),
        _bar(report),
        tag("p", tag("code", report[-1]["headline"]), class_="headline"),
        tag("nav", tag("ul", *(tag("li", tag("a", words, href=f"#{to}")) for to, words in links.items()))),
        class_=stands.key,
    )


def _bar(report: Report) -> Markup:
    """Return the requirements that apply as a bar, and what each colour is."""
    numbers = Counter(requirement["verdict"] for requirement in reading.judged(report))
    left_out = ("not_applicable", "untested")
    found = [verdict for verdict in reversed(WORST_FIRST) if numbers[verdict] and verdict not in left_out]
    parts = (tag("span", class_=verdict, style=f"flex-grow: {numbers[verdict]}") for verdict in found)
    legend = (
        tag("li", tag("b", str(numbers[verdict])), " ", _chip(verdict), title=reading.MEANINGS[verdict])
        for verdict in (*found, *left_out)
        if numbers[verdict]
    )
    bar = tag("div", *parts, class_="bar", aria_hidden="true") if found else ""
    return tag("div", bar, tag("ul", *legend, class_="legend"))


# In what it differs


def _differing(report: Report) -> Markup:
    found = reading.differing(report)
    if not found:
        return Markup("")
    before = tag("details", tag("summary", "Before any of the calls, paste this once"), _pre(reading.preamble(report)))
    lead = "Of each requirement the rule, what was got, and how to see it. Of drawn cases the smallest that differs."
    rules = own_rules(report[0]["declaration"])
    own = tag("p", rules, class_="quiet") if rules else ""
    cards = (_card(report, requirement) for requirement in found)
    index = tag("ul", *map(_entry, found), class_="index") if len(found) > 1 else ""
    parts = (tag("h2", "In what it differs"), index, tag("p", lead, class_="quiet"), own, before)
    return tag("section", *parts, *cards, id="differs")


def _entry(requirement: Line) -> Markup:
    words = (_chip(requirement["verdict"], requirement["id"]), " ", tag("span", requirement["title"]))
    return tag("li", tag("a", *words, href=f"#{requirement['id']}"))


def _card(report: Report, requirement: Line) -> Markup:
    name, verdict = requirement["id"], requirement["verdict"]
    title = (tag("a", name, href=f"#{name}"), " ", requirement["title"], " ", tag("small", requirement["strength"]))
    checks = reading.shown(report, requirement)
    more = [_check(check) for check in checks[1:]]
    others = tag("details", tag("summary", _more(len(more))), *more) if more else ""
    return tag(
        "article",
        tag("h3", *title, " ", _chip(verdict)),
        _rule(name),
        *(_cause(cause) for cause in reading.causes(report).get(name, ())),
        *map(_check, checks[:1]),
        others,
        tag("p", "This requirement alone:", class_="label"),
        _pre(reading.command(report, requirement)),
        class_=f"card {verdict}",
        id=name,
    )


def _more(number: int) -> str:
    return f"{number} more check{'s' * (number > 1)} that differ{'s' * (number == 1)}"


def _rule(name: str) -> Markup:
    """Return what the specification says; nothing where this suite does not know the requirement."""
    if name not in requirements():
        return Markup("")
    rule, rest = rule_and_rest(requirements()[name].text)
    return tag(
        "div",
        prose(rule),
        tag("details", tag("summary", "Why, who differs, an example"), prose(rest)) if rest else "",
        class_="rule",
    )


def _cause(cause: reading.Deviation) -> Markup:
    return tag("p", tag("b", "Cause "), inline(cause.what), " ", tag("code", cause.where), class_="cause")


def _check(check: Line) -> Markup:
    said = reading.said(check)
    answer = (
        (tag("dt", "got"), tag("dd", _code(said.got)), tag("dt", "should be"), tag("dd", _code(said.should)))
        if said.got
        else (tag("dt", _word(check["verdict"])), tag("dd", _code(said.sentence)))
    )
    calls = reading.calls(check)
    before = tag("summary", f"All {len(calls)} calls of this case")
    return tag(
        "div",
        tag("dl", *answer, class_="answer"),
        tag("p", f"The call ({reading.where_from(check)}):", class_="label") if said.call else "",
        _pre(said.call) if said.call else tag("p", reading.where_from(check), class_="label"),
        tag("details", before, _pre("\n".join(calls))) if len(calls) > 1 else "",
        class_="check",
    )


def _code(text: str) -> Markup:
    return tag("code", _cut(text))


def _pre(text: str) -> Markup:
    return tag("pre", tag("code", _cut(text)), tabindex=0)


def _cut(text: str) -> str:
    return (
        text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text) - LONGEST} more characters in the report)"
    )


# Every requirement


def _requirements(report: Report) -> Markup:
    numbers = Counter(requirement["verdict"] for requirement in reading.judged(report))
    found = [verdict for verdict in WORST_FIRST if numbers[verdict]]
    buttons = [_button("", "all", sum(numbers.values())), *(_button(one, _word(one), numbers[one]) for one in found)]
    lead = "A square for each requirement, a row for each chapter. Open a chapter to read its requirements."
    bars = tag("div", *buttons, class_="filter", role="group", aria_label="Show requirements by verdict", hidden="")
    chapters = (_chapter(report, name, own) for name, own in reading.chapters(report).items())
    heading = tag("h2", "Requirements")
    return tag("section", heading, tag("p", lead, class_="quiet"), bars, *chapters, id="requirements")


def _button(verdict: str, words: str, number: int) -> Markup:
    pressed = "false" if verdict else "true"
    return tag("button", f"{words} ", tag("b", str(number)), type="button", data_verdict=verdict, aria_pressed=pressed)


def _chapter(report: Report, name: str, own: Sequence[Line]) -> Markup:
    verdicts = [one["verdict"] for one in own]
    numbers = {verdict: verdicts.count(verdict) for verdict in WORST_FIRST if verdict in verdicts}
    told = ", ".join(f"{number} {_word(verdict)}" for verdict, number in numbers.items())
    squares = (
        tag("i", class_=one["verdict"], title=f"{one['id']} {one['title']}: {_word(one['verdict'])}") for one in own
    )
    map_ = tag("span", *squares, class_="map", role="img", aria_label=told)
    asked = sum(map(reading.applies, own))
    count = f"{verdicts.count('pass')} of {asked}" if asked else "-"
    summary = tag("summary", tag("span", name, class_="chapter"), map_, tag("span", count, class_="count"))
    heads = tag("tr", *(tag("th", words, scope="col") for words in ("id", "requirement", "verdict")))
    rows = (_row(report, one) for one in own)
    table = tag("table", tag("thead", heads), tag("tbody", *rows))
    return tag("details", summary, table, class_="of-chapter")


def _row(report: Report, requirement: Line) -> Markup:
    name, verdict = requirement["id"], requirement["verdict"]
    there = verdict in reading.DIFFERS
    words = tag("a", name, href=f"#{name}") if there else name
    checks = reading.checks_of(report, requirement)
    passed = sum(check["verdict"] == "pass" for check in checks)
    note = f"{passed} of {len(checks)} checks pass" if checks and reading.applies(requirement) else ""
    return tag(
        "tr",
        tag("th", words, " ", tag("small", requirement["strength"]), scope="row"),
        tag("td", requirement["title"], *([" ", tag("small", note)] if note else [])),
        tag("td", _chip(verdict)),
        data_verdict=verdict,
    )


# What was tested


def _tested(report: Report) -> Markup:
    rows = (tag("div", tag("dt", what), tag("dd", value)) for what, value in reading.tested(report).items())
    found = differences(report[0]["declaration"])
    declared = (
        [
            tag("h3", "What it declares otherwise than the reference"),
            tag("p", "A declared value is tested as strictly as the reference's.", class_="quiet"),
            tag("dl", *(tag("div", *_declared(*one)) for one in found), class_="declared"),
        ]
        if found
        else [tag("p", "It declares in everything what the reference does.", class_="quiet")]
    )
    return tag("section", tag("h2", "What was tested"), tag("dl", *rows, class_="facts"), *declared, id="tested")


def _declared(field: str, value: str, default: str, meaning: str) -> tuple[Markup, Markup]:
    parts = tag("p", "the reference: ", tag("code", default), class_="quiet"), prose(meaning)
    return tag("dt", tag("code", field), " ", tag("b", value)), tag("dd", *parts)


def _left_out(report: Report) -> Markup:
    reasons, untested = reading.not_applicable(report), reading.untested(report)
    parts = [_reason(reason, ids) for reason, ids in reasons.items()]
    if untested:
        parts.append(_reason("untested: no check asks a backend for them", untested))
    if not parts:
        return Markup("")
    lead = "Not applicable is what the backend does not claim or declares otherwise; it is never a pass."
    heading = tag("h2", "What was left out")
    return tag("section", heading, tag("p", lead, class_="quiet"), *parts, id="left-out")


def _reason(reason: str, ids: Sequence[str]) -> Markup:
    summary = tag("summary", reason, " ", tag("b", str(len(ids))))
    return tag("details", summary, tag("p", ", ".join(ids), class_="ids"), class_="reason")


def _corners(report: Report) -> Markup:
    footer = report[-1]
    unmet: Iterable[Markup] = (
        tag("li", name, " ", tag("b", "never"), class_="never") for name in footer["corners_unmet"]
    )
    met = (tag("li", name, " ", tag("b", str(number))) for name, number in footer["corners"].items())
    lead = "How many cases had each of the places where implementations differ. A full run that misses one fails."
    parts = [tag("h2", "Corners met"), tag("p", lead, class_="quiet"), tag("ul", *unmet, *met, class_="corners")]
    none = not (footer["corners"] or footer["corners_unmet"])
    return Markup("") if none else tag("section", *parts, id="corners")


def _footer(report: Report) -> Markup:
    other = report[-1]["versions"]["specification"]
    differs = (
        f" The rules are shown as version {version()} of the specification has them." if other != version() else ""
    )
    write = "refprune-spec report REPORT.jsonl --html PAGE.html"
    return tag(
        "footer",
        tag("p", tag("b", "What the suite is worth "), inline(worth())),
        tag("p", "Made from the lines of the report alone, by ", tag("code", write), f".{differs}"),
    )
