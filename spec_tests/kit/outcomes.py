"""From what each check says to what each requirement says, and to one line about a backend."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from spec_tests.adapter import PROFILES, Declaration
from spec_tests.backends.reference import is_reference
from spec_tests.kit.cases import case_of
from spec_tests.kit.checks import all_checks
from spec_tests.specification import Requirement, requirements, version
from spec_tests.verdicts import MET, Check, Violation
from spec_tests.verdicts import Verdict as OfOne

Verdict = OfOne | Literal["known_failure", "stale_known_failure", "untested"]
"""Of a check or a requirement: also failures that are listed as known, listed ones that no longer fail so, and what no
check was asked of."""
WORST_FIRST: tuple[Verdict, ...] = (
    "crash", "timeout", "error", "fail", "stale_known_failure", "known_failure", "pass", "untested", "not_applicable"
)  # fmt: skip
BAD: frozenset[Verdict] = frozenset({"crash", "timeout", "error", "fail", "stale_known_failure"})


@dataclass(frozen=True)
class Outcome:
    """What one check says of a backend."""

    requirement: str
    check: str
    kind: str
    """example or property."""
    verdict: Verdict
    said: str = ""
    """The violation, or why it is not applicable."""
    seconds: float = 0.0
    case: Mapping[str, Any] | None = None
    """The smallest case that fails, as `refprune-spec replay` reads it."""
    met: Mapping[str, int] = field(default_factory=dict)
    """Corner -> how many cases had it."""


@dataclass(frozen=True)
class Judgement:
    """What all checks of one requirement say together: the worst of them."""

    requirement: Requirement
    verdict: Verdict
    outcomes: Sequence[Outcome]


def outcome_of(check: Check, call: pytest.CallInfo[None]) -> Outcome:
    """Return what one run of a check by pytest says."""
    met = dict(MET)
    MET.clear()
    error = call.excinfo.value if call.excinfo else None
    verdict: Verdict = "pass"
    if isinstance(error, pytest.skip.Exception):
        verdict = "not_applicable"
    elif error is not None:
        verdict = error.verdict if isinstance(error, Violation) else "error"
    said = "" if error is None else str(error) or type(error).__name__
    case = case_of(check, error) if isinstance(error, Violation) else None
    return Outcome(check.requirement, check.name, check.kind, verdict, said, round(call.duration, 4), case, met)


def asked(declaration: Declaration) -> list[Check]:
    """Return the checks that say something about a backend; those of the reference's own house only about it."""
    return [check for check in all_checks() if check.profile or is_reference(declaration)]


def judge(outcomes: Iterable[Outcome], declaration: Declaration) -> list[Judgement]:
    """Return one judgement for each requirement of the specification."""
    by_id: dict[str, list[Outcome]] = {name: [] for name in requirements()}
    for outcome in outcomes:
        by_id[outcome.requirement].append(outcome)
    return [
        Judgement(requirement, _verdict(requirement, by_id[name], declaration), by_id[name])
        for name, requirement in requirements().items()
    ]


def _verdict(requirement: Requirement, outcomes: Sequence[Outcome], declaration: Declaration) -> Verdict:
    if not outcomes and not requirement.binds_everybody and not is_reference(declaration):
        return "not_applicable"
    found = {outcome.verdict for outcome in outcomes} or {"untested"}
    return next(verdict for verdict in WORST_FIRST if verdict in found)


def counts(judgements: Iterable[Judgement]) -> dict[str, dict[str, int]]:
    """Return strength -> verdict -> how many requirements."""
    found: dict[str, Counter[str]] = {"MUST": Counter(), "SHOULD": Counter()}
    for judgement in judgements:
        found[judgement.requirement.strength][judgement.verdict] += 1
    return {strength: {verdict: counter[verdict] for verdict in WORST_FIRST} for strength, counter in found.items()}


def headline(judgements: Sequence[Judgement], declaration: Declaration) -> str:
    """Return `spec 0.1 | profiles | MUST a/b | SHOULD c/d | n/a | known`: never a bare percentage."""
    found = counts(judgements)
    parts = [f"spec {version()}", ",".join(profile for profile in PROFILES if profile in declaration.profiles)]
    for strength, by_verdict in found.items():
        applies = sum(by_verdict.values()) - by_verdict["not_applicable"] - by_verdict["untested"]
        parts.append(f"{strength} {by_verdict['pass']}/{applies}")
    for word, verdict in (("n/a", "not_applicable"), ("known", "known_failure")):
        parts.append(f"{word} {sum(by_verdict[verdict] for by_verdict in found.values())}")
    return " | ".join(parts)


def conformant(judgements: Iterable[Judgement]) -> bool:
    """Say whether no MUST is broken, apart from failures that are listed as known, and no list is stale."""
    return not any(
        judgement.verdict == "stale_known_failure"
        or (judgement.requirement.strength == "MUST" and judgement.verdict in BAD)
        for judgement in judgements
    )
