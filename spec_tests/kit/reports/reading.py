"""What the pages of a report ask it for.

In: the lines of a report. Out: how the backend stands, in what it differs, what was left out, in words.
"""

import importlib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from spec_tests.adapter import PROFILES
from spec_tests.kit.outcomes import BAD, WORST_FIRST
from spec_tests.kit.record import Line, select

Report = Sequence[Line]
MEANINGS: Mapping[str, str] = {
    "pass": "as required",
    "fail": "a wrong answer, or an answer where a refusal is due",
    "error": "an exception where an answer is due, or an answer that cannot be read",
    "crash": "the process died",
    "timeout": "no answer in time",
    "stale_known_failure": "listed as a known failure, but it no longer fails in that way",
    "known_failure": "fails in the way that the list of known failures says",
    "not_applicable": "outside of what the backend declares",
    "untested": "no check asks a backend for it",
}
"""Verdict -> what it says of a requirement."""
DIFFERS: frozenset[str] = BAD | {"known_failure"}
"""Verdicts of a backend that does not do what a requirement says, or of a list that says so wrongly."""
ANSWER = re.compile(r"got (.*), but should be (.*)", re.DOTALL)
PREFIX = re.compile(r"^[A-Z]{3}-\d{2}( \(SHOULD\))?: ")
PASTE = "import numpy as np\nfrom numpy import *\nfrom spec_tests.adapter import *\n"
"""What a call of a report needs before it can be pasted, apart from the backend."""


class Standing(NamedTuple):
    """How a backend stands."""

    key: Literal["conformant", "known", "broken", "part", "nothing"]
    words: str
    """What follows the backend's name in a heading."""
    sentence: str


class Said(NamedTuple):
    """What a check says of a difference; `got` and `should` are empty where it does not say it in these words."""

    sentence: str
    got: str
    should: str
    call: str


class Deviation(Protocol):
    """Why a backend differs from a requirement: what its library does, and where."""

    @property
    def requirement(self) -> str: ...  # noqa: D102  the names say it
    @property
    def what(self) -> str: ...  # noqa: D102
    @property
    def where(self) -> str: ...  # noqa: D102


CORE = "SEL-15"
"""What every correct library meets, whatever it declares."""


def words(verdict: str) -> str:
    """Return a verdict as it is read."""
    return verdict.replace("_", " ")


def tally(report: Report, strength: str) -> tuple[int, int]:
    """Return how many requirements of this strength pass, and how many apply."""
    found = report[-1]["counts"][strength]
    return found["pass"], sum(found.values()) - found["not_applicable"] - found["untested"]


def number_of(report: Report, verdict: str, strength: str = "") -> int:
    """Return how many requirements have a verdict, of one strength or of both."""
    return sum(found[verdict] for name, found in report[-1]["counts"].items() if strength in ("", name))


def standing(report: Report) -> Standing:
    """Return how the backend stands: conformant is said of a full run of which something applies, and of no other."""
    footer, known = report[-1], number_of(report, "known_failure")
    said = " ".join(_sentences(report))
    if not footer["conformant"]:
        return Standing("broken", "is not conformant", said)
    if not footer["complete"]:
        return Standing("part", "was asked a part of the checks", f"{said} Only a full run is a verdict.")
    if tally(report, "MUST")[1] == 0:
        return Standing("nothing", "was asked nothing", "No requirement applies to what it declares.")
    if known:
        return Standing("known", "is conformant but for known failures", said)
    return Standing("conformant", "is conformant", said)


def _sentences(report: Report) -> list[str]:
    passed, applies = tally(report, "MUST")
    broken = sum(number_of(report, verdict, "MUST") for verdict in BAD)
    ignored = sum(number_of(report, verdict, "SHOULD") for verdict in BAD)
    known, stale = number_of(report, "known_failure"), number_of(report, "stale_known_failure")
    unmet = len(report[-1]["corners_unmet"])
    asked = f"differs on {broken} of the {applies} MUST" if broken else f"meets {_some(passed, applies)} MUST"
    more = (
        (ignored, f"It does not follow {ignored} SHOULD."),
        (known, f"{_many(known, 'requirement fails', 'requirements fail')} as its list of known failures says."),
        (stale, f"{_many(stale, 'known failure is', 'known failures are')} stale."),
        (unmet, f"{_many(unmet, 'corner was', 'corners were')} never drawn: the run says too little."),
    )
    first = f"It {asked} asked of it." if applies else "No MUST was asked of it."
    return [first, *_core(report), *(sentence for number, sentence in more if number)]


def _core(report: Report) -> list[str]:
    """Return what is to be said of CORE: that it passed, where it was asked, tells all other failures apart."""
    verdict = next((one["verdict"] for one in select(report, "requirement") if one["id"] == CORE), "untested")
    if verdict in ("not_applicable", "untested"):
        return []
    return [f"CORE, which every correct library meets ({CORE}): {words(verdict)}."]


def _some(number: int, whole: int) -> str:
    if number < whole:
        return f"{number} of the {whole}"
    return "the one" if whole == 1 else f"all {whole}"


def _many(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def judged(report: Report) -> list[Line]:
    """Return the requirements a run says something about: all, or those of the checks that were asked for."""
    found = select(report, "requirement")
    if report[-1]["complete"]:
        return found
    asked = {check["requirement"] for check in select(report, "check")}
    return [requirement for requirement in found if requirement["id"] in asked]


def chapters(report: Report) -> dict[str, list[Line]]:
    """Return chapter -> its requirements; chapters of which nothing applies come last."""
    found: dict[str, list[Line]] = {}
    for requirement in judged(report):
        found.setdefault(requirement["chapter"], []).append(requirement)
    return dict(sorted(found.items(), key=lambda item: not any(map(applies, item[1]))))


def applies(requirement: Line) -> bool:
    """Say whether a requirement was asked of the backend."""
    return requirement["verdict"] not in ("not_applicable", "untested")


def differing(report: Report) -> list[Line]:
    """Return the requirements on which the backend differs: MUST before SHOULD, known failures last."""
    found = [requirement for requirement in judged(report) if requirement["verdict"] in DIFFERS]
    return sorted(found, key=lambda one: (one["verdict"] == "known_failure", one["strength"] != "MUST"))


def checks_of(report: Report, requirement: Line) -> list[Line]:
    """Return the checks of a requirement."""
    return [check for check in select(report, "check") if check["requirement"] == requirement["id"]]


def shown(report: Report, requirement: Line) -> list[Line]:
    """Return the checks of a requirement on which the backend differs: the worst, then those with a call, the shortest.

    Some checks say in words what they ask, for the call is too long: they show least.
    """
    found = [check for check in checks_of(report, requirement) if check["verdict"] in DIFFERS]
    return sorted(
        found,
        key=lambda check: (WORST_FIRST.index(check["verdict"]), "backend." not in check["said"], len(check["said"])),
    )


def said(check: Line) -> Said:
    """Return what a check says, in its parts."""
    text, _, call = PREFIX.sub("", check["said"]).partition("\n    [")
    call = _pasted(call.removesuffix("]")) or next(reversed(calls(check)), "")
    found = ANSWER.fullmatch(text)
    got, should = found.groups() if found else ("", "")
    return Said(text, got, should, call)


def calls(check: Line) -> list[str]:
    """Return every call of the case that fails, in order."""
    return [_pasted(call) for call in (check["case"] or {}).get("calls", ())]


def _pasted(call: str) -> str:
    """Return a call as it can be pasted: a session has a name."""
    begun = call.removeprefix("backend.") if call.startswith("backend.session.") else call
    return f"session = {begun}" if begun.startswith("backend.begin(") else begun


def where_from(check: Line) -> str:
    """Say whether a check's case is written down in the suite or drawn."""
    kind = "literal example" if check["form"] == "example" else "smallest case drawn"
    return f"{kind}, {check['check']}"


def command(report: Report, requirement: Line) -> str:
    """Return the command that asks for one requirement alone."""
    header = report[0]
    profile = "" if header["profile"] == "ci" else f" --profile {shlex.quote(header['profile'])}"
    return f"refprune-spec run --backend {shlex.quote(header['backend'])}{profile} --only {requirement['id']}"


def preamble(report: Report) -> str:
    """Return what is pasted once, before any of the calls."""
    find = "from spec_tests.kit.backends import find_backend\n"
    return f"{PASTE}{find}\nbackend = find_backend({report[0]['backend']!r})"


def not_applicable(report: Report) -> dict[str, list[str]]:
    """Return reason -> ids, the reason for most of them first."""
    reasons: dict[str, list[str]] = {}
    for requirement in judged(report):
        if requirement["verdict"] == "not_applicable":
            own = [check["said"].removeprefix("not applicable: ") for check in checks_of(report, requirement)]
            reasons.setdefault(own[0] if own else "binds the reference only", []).append(requirement["id"])
    return dict(sorted(reasons.items(), key=lambda item: -len(item[1])))


def causes(report: Report) -> dict[str, list[Deviation]]:
    """Return id -> why a backend that comes with the suite differs there, where somebody has found it out."""
    try:
        known = importlib.import_module("spec_tests.backends.deviations").DEVIATIONS
    except (ImportError, AttributeError):
        return {}
    found: dict[str, list[Deviation]] = {}
    for deviation in known.get(report[0]["backend"], known.get(report[0]["name"], ())):
        found.setdefault(deviation.requirement, []).append(deviation)
    return found


def untested(report: Report) -> list[str]:
    """Return the requirements that no check asks a backend for; of a part of the checks nothing is said."""
    return list(report[-1]["untested"]) if report[-1]["complete"] else []


def tested(report: Report) -> dict[str, str]:
    """Return what was tested, and by what."""
    header, footer = report[0], report[-1]
    versions = footer["versions"]
    return {
        "backend": header["backend"],
        "library": versions["library"] or "not said",
        "claims": ", ".join(profile for profile in PROFILES if profile in header["declaration"]["profiles"])
        or "nothing",
        "sha256 of the adapter": footer["adapter_sha256"] or "no file",
        "specification": versions["specification"],
        "suite": f"refprune {versions['suite'] or 'from a checkout'}",
        "run": f"profile {header['profile']}, {footer['seconds']:.0f} s",
        "drawn by": f"Hypothesis {versions['hypothesis']}",
        "machine": f"Python {header['python']}, NumPy {versions['numpy']}, {header['platform']}",
    }
