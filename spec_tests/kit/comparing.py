"""`refprune-spec compare A B C`: several backends on the same cases; whoever is alone is named, the reference too.

The cases are those of the suite, drawn within what all of them declare. Nobody is right here by office: answers are
put into groups of equal ones, and the smaller groups are the outliers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis.errors import HypothesisException

from spec_tests.adapter import SETS, Declaration, Profile
from spec_tests.applicability import CLAIMS
from spec_tests.faults import Fault, TimedOut
from spec_tests.kit.checks import all_checks
from spec_tests.verdicts import MET, Check, Violation, call, show

COMPARED: frozenset[Profile] = frozenset({"SELECT", "SCORE", "APPLY", "SCHEDULE", "REMOVE", "ACCOUNT"})
"""Profiles whose operations have one right answer for given arguments."""
CLOSE = 1e-6
"""Numbers agree within this fraction of the larger: rounding differs between libraries, decisions do not."""


@dataclass
class Disagreement:
    """One call on which the answers differ."""

    requirement: str
    call: str
    answers: Mapping[str, str]
    """Backend -> what it said."""
    outliers: tuple[str, ...]
    """Who is in a smaller group than the largest; all, where no group is the largest."""


@dataclass
class Chorus:
    """A backend that asks several the same question, and answers as the first does."""

    backends: Sequence[Any]
    declaration: Declaration
    asked: int = 0
    found: list[Disagreement] = field(default_factory=list)
    requirement: str = ""

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("__"):
            raise AttributeError(operation)

        def ask(*arguments: Any) -> Any:
            said = call(operation, *arguments)
            answers = {each.declaration.name: _answer(each, operation, arguments) for each in self.backends}
            self.asked += 1
            outliers = _outliers(answers)
            if outliers:
                shown = {name: _shown(answer) for name, answer in answers.items()}
                self.found.append(Disagreement(self.requirement, said, shown, outliers))
            first = answers[self.backends[0].declaration.name]
            if isinstance(first, _NoAnswer):
                raise Fault(first.said)
            if isinstance(first, _Refusal):
                raise first.error
            return first

        return ask


@dataclass(frozen=True)
class _Refusal:
    """The library said no; in which words is its own affair."""

    error: Exception


@dataclass(frozen=True)
class _NoAnswer:
    """The backend died, was silent, or cannot be read."""

    said: str


def compare(backends: Sequence[Any], only: Sequence[str] = ()) -> Chorus:
    """Ask all backends everything the suite asks within what they have in common, or for these requirements only."""
    names = Counter(backend.declaration.name for backend in backends)
    if len(names) < 2 or len(names) < len(backends):
        said = ", ".join(names.elements())
        raise ValueError(f"compare: got {said}, expected several backends that declare different names")
    chorus = Chorus(backends, common([backend.declaration for backend in backends]))
    for check in all_checks():
        if check.profile in chorus.declaration.profiles & COMPARED and (not only or check.requirement in only):
            chorus.requirement = check.requirement
            with suppress(Violation, pytest.skip.Exception, TimedOut), _every_case(check):
                check.run(chorus)  # only the answers are of interest here
    MET.clear()
    return chorus


@contextmanager
def _every_case(check: Check) -> Iterator[None]:
    """Let a drawn check go on to its next case after one that fails."""
    drawn = getattr(getattr(check.function, "__wrapped__", None), "hypothesis", None)
    if drawn is None:
        yield
        return
    judge = drawn.inner_test

    def ask(*arguments: Any, **named: Any) -> None:
        try:
            judge(*arguments, **named)
        except HypothesisException:
            raise
        except Exception:  # noqa: BLE001, S110  whatever is said of the answers
            pass

    drawn.inner_test = ask
    try:
        yield
    finally:
        drawn.inner_test = judge


def common(declarations: Sequence[Declaration]) -> Declaration:
    """Return what all of them declare to know, with the first one's rules."""
    first = declarations[0]
    shared: dict[str, Any] = {
        name: frozenset.intersection(*(getattr(each, name) for each in declarations)) for name in SETS
    }
    shared |= {name: all(getattr(each, name) for each in declarations) for name in (*CLAIMS, "multiples")}
    ints = first.integers if len({each.integers for each in declarations}) == 1 else "refused"
    return replace(first, name=" and ".join(each.name for each in declarations), integers=ints, **shared)


def lines(chorus: Chorus) -> Iterator[str]:
    """Yield who differs, how often, under which requirements' cases, with the smallest call of each."""
    names = [backend.declaration.name for backend in chorus.backends]
    yield f"{chorus.asked} calls of {', '.join(names)}; {len(chorus.found)} on which they differ"
    alone = Counter(name for each in chorus.found for name in each.outliers)
    yield from (f"    {name}: an outlier in {alone[name]}" for name in names)
    for requirement in dict.fromkeys(each.requirement for each in chorus.found):
        own = [each for each in chorus.found if each.requirement == requirement]
        least = min(own, key=lambda each: len(each.call))
        yield f"\n{requirement}: {len(own)} calls; the smallest, on which {_differ(least.outliers)}:"
        yield f"    {least.call}"
        yield from (f"    {name:16} {answer}" for name, answer in least.answers.items())


def _differ(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'differs' if len(names) == 1 else 'differ'}"


def _answer(backend: Any, operation: str, arguments: Sequence[Any]) -> Any:
    try:
        return getattr(backend, operation)(*arguments)
    except (Fault, TimedOut) as error:
        return _NoAnswer(str(error))
    except Exception as error:  # noqa: BLE001  a refusal is an answer, too
        return _Refusal(error)


def _outliers(answers: Mapping[str, Any]) -> tuple[str, ...]:
    groups: list[list[str]] = []
    for name, answer in answers.items():
        group = next((group for group in groups if _agree(answers[group[0]], answer)), None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    most = max(map(len, groups))
    largest = [group for group in groups if len(group) == most]
    if len(groups) == 1:
        return ()
    return tuple(name for group in groups for name in group if len(largest) > 1 or group is not largest[0])


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, _Refusal | _NoAnswer) or isinstance(other, _Refusal | _NoAnswer):
        return type(one) is type(other)
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and set(one) == set(other) and all(_agree(one[k], other[k]) for k in one)
    if isinstance(one, tuple | list):
        return isinstance(other, tuple | list | np.ndarray) and len(one) == len(other) and all(map(_agree, one, other))
    if np.shape(one) != np.shape(other):
        return False
    left, right = np.asarray(one), np.asarray(other)
    if left.dtype.kind not in "biuf":
        return bool(np.array_equal(left, right))
    return bool(np.allclose(left.astype(float), right.astype(float), rtol=CLOSE, atol=0.0, equal_nan=True))


def _shown(answer: Any) -> str:
    if isinstance(answer, _NoAnswer):
        return f"no answer: {answer.said}"
    return f"refused: {answer.error}" if isinstance(answer, _Refusal) else " ".join(show(answer).split())
