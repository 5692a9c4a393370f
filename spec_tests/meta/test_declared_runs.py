"""A declared value is tested as strictly as the default: each finds out whoever does something else."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from spec_tests.adapter import PROFILES, Declaration, ScheduleCase
from spec_tests.alternatives.declared_runs import ALTERNATIVES
from spec_tests.backends.reference import REFERENCE
from spec_tests.kit.checks import all_checks
from spec_tests.mutants.catalogue import mutants
from spec_tests.verdicts import Violation

NAMES = [field.name for field in fields(Declaration)]
OURS = NAMES[NAMES.index("criteria") :]
"""The fields of all profiles but SELECT."""

FOUND: dict[tuple[str, Any], str] = {
    ("arithmetic", "float32"): "SCH-01",
    ("unit_norm", "square"): "GRA-03",
    ("gradients", "masked"): "BAC-08",
    ("full", "refused"): "SCH-07",
    ("first_step", 1): "SCH-06",
    ("progress", "next"): "SCH-01",
    ("anchor", "zero"): "SCH-06",
    ("reaches_end", False): "SCH-06",
    ("never", "allowed"): "SCH-07",
    ("mac", 2): "MEA-05",
    ("bias_counted", True): "MEA-05",
}
"""What the reference does not do -> the requirement that says so, when it is declared all the same."""

WEAKER: dict[tuple[str, Any], str] = {
    ("exact", False): "allows rounding where the reference has none",
    ("removed_zero", "either"): "allows both zeros, and the reference has one of them",
    ("gradients", "dense"): "is what the reference does, where nothing is asked of it",
    ("enforced", "forward"): "leaves open what is read of removed entries, and the reference's are 0",
    ("dropouts", False): "asks for less",
    ("initial", False): "asks for less",
}
"""Values by which the reference passes, and why."""

SWAPPED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("counts-from-one", {"arithmetic": "float64"}, "SCH-01"),
    ("counts-from-one", {"first_step": 0}, "SCH-06"),
    ("counts-from-one", {"progress": "next"}, "SCH-01"),
    ("counts-from-one", {"anchor": "zero"}, "SCH-06"),
    ("counts-from-one", {"reaches_end": True}, "SCH-06"),
    ("counts-from-one", {"never": "refused"}, "SCH-07"),
    ("counts-from-one", {"full": "reached"}, "SCH-07"),
    ("one-step-ahead", {"arithmetic": "float64"}, "SCH-03"),
    ("one-step-ahead", {"initial": True}, "SCH-01"),
    ("one-step-ahead", {"progress": "step"}, "SCH-01"),
    ("one-step-ahead", {"first_step": 1}, "SCH-06"),
    ("one-step-ahead", {"anchor": "begin"}, "SCH-06"),
    ("one-step-ahead", {"reaches_end": True}, "SCH-06"),
    ("one-step-ahead", {"never": "refused"}, "SCH-07"),
    ("one-step-ahead", {"full": "refused"}, "SCH-07"),
    ("demanding", {"never": "allowed"}, "SCH-07"),
    ("demanding", {"reaches_end": False}, "SCH-06"),
    ("demanding", {"arithmetic": "float32"}, "SCH-01"),
    ("round-by-round", {"full": "reached"}, "SCH-08"),
    ("dense-shadow", {"enforced": "after_step"}, "TRN-06"),
    ("dense-shadow", {"removed_zero": "positive"}, "TRN-15"),
    ("dense-gradients", {"gradients": "masked"}, "BAC-08"),
    ("masked-gradients", {"gradients": "dense"}, "BAC-08"),
    ("squared-norms", {"unit_norm": "root"}, "GRA-03"),
    ("two-operations", {"mac": 1}, "MEA-05"),
    ("with-additions", {"bias_counted": False}, "MEA-05"),
)
"""A correct backend, a wrong line in its declaration, and the requirement that says so."""


class Declared:
    """A backend under another declaration."""

    def __init__(self, backend: Any, **changes: Any) -> None:
        self.backend, self.declaration = backend, replace(backend.declaration, **changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)


def said(backend: Any, name: str, *kinds: str) -> Iterator[str]:
    """Yield what the checks of a requirement say against a backend."""
    for check in all_checks():
        if check.requirement == name and check.kind in kinds and check.profile in backend.declaration.profiles:
            try:
                check.run(backend)
            except pytest.skip.Exception:
                continue
            except Violation as violation:
                yield str(violation)


def values(name: str) -> list[Any]:
    """Return the values of a field other than its default; none for a set, which only says what may be asked."""
    hint, default = get_type_hints(Declaration)[name], getattr(Declaration, name)
    known = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
    return [value for value in known if value != default]


def test_every_value_is_here() -> None:
    everything = {(name, value) for name in OURS for value in values(name)}
    assert everything == {pair for pair in (*FOUND, *WEAKER) if pair[0] in OURS}
    assert not set(FOUND) & set(WEAKER)


@pytest.mark.parametrize(("field", "value"), list(FOUND))
def test_the_reference_is_found_out(field: str, value: Any) -> None:
    name = FOUND[field, value]
    told = next(said(Declared(REFERENCE, **{field: value}), name, "property"), "")
    assert told.startswith((f"{name}: ", f"{name} (SHOULD): "))


@pytest.mark.parametrize(("field", "value"), list(WEAKER))
def test_the_reference_passes_what_is_weaker(field: str, value: Any) -> None:
    backend = Declared(REFERENCE, **{field: value})
    names = {"exact": "BAC-01", "removed_zero": "ARR-07", "gradients": "BAC-08", "enforced": "TRN-06"}
    name = names.get(field, "TRN-17" if field == "dropouts" else "SCH-01")
    assert list(said(backend, name, "example", "property")) == []


@pytest.mark.parametrize(("alternative", "changes", "name"), SWAPPED)
def test_a_wrong_line_is_found_out(alternative: str, changes: dict[str, Any], name: str) -> None:
    backend = next(backend for backend in ALTERNATIVES if backend.declaration.name == alternative)
    assert next(said(Declared(backend, **changes), name, "property"), "").startswith(name)


def test_every_alternative_has_a_wrong_line() -> None:
    assert {alternative for alternative, *_ in SWAPPED} == {backend.declaration.name for backend in ALTERNATIVES}


def test_every_declared_value_is_somebody_s() -> None:
    shown = {(name, getattr(backend.declaration, name)) for backend in ALTERNATIVES for name in OURS if values(name)}
    assert {pair for pair in (*FOUND, *WEAKER) if pair[0] in OURS} <= shown | {("exact", False)}


def test_what_is_read_too_late_fails_by_one_id() -> None:
    """A weight that is stale until the next forward pass trains correctly: TRN-18 alone says what is wrong."""
    stale = next(mutant.backend for mutant in mutants() if mutant.name == "stale until the next forward")
    ids = {check.requirement for check in all_checks() if check.profile == "TRAIN" and check.requirement[:3] == "TRN"}
    assert {name for name in ids if list(said(stale, name, "example"))} == {"TRN-18"}
    assert list(said(stale, "TRN-08", "property")) == []


class CutShort(Declared):
    """Leaves out the last step of a run that ends long before its schedule."""

    def trace(self, case: ScheduleCase, steps: int) -> Any:
        """Return one pair too few, where the end is far."""
        traced = list(self.backend.trace(case, steps))
        return traced[:-1] if case.end > steps + 50 else traced


@pytest.mark.parametrize("form", ["example", "property"])
def test_a_step_too_few_is_found_out(form: str) -> None:
    backend = next(backend for backend in ALTERNATIVES if backend.declaration.never == "allowed")
    assert list(said(backend, "SCH-07", form)) == []
    assert len(list(said(CutShort(backend), "SCH-07", form))) > 0


@pytest.mark.parametrize("name", ["curves", "forms", "optimisers", "criteria", "reducers"])
def test_what_is_not_claimed_is_not_asked(name: str) -> None:
    """A backend that declares one member alone is asked for that one alone, and passes."""
    profile = {"optimisers": "TRAIN", "criteria": "SCORE", "reducers": "SCORE"}.get(name, "SCHEDULE")
    member = {"curves": "cubic", "forms": "rounds", "optimisers": "adam", "criteria": "taylor", "reducers": "max"}[name]
    assert profile in PROFILES
    changes: dict[str, Any] = {name: frozenset({member}), "profiles": frozenset({profile})}
    backend = Declared(REFERENCE, **changes)
    asked = {"TRAIN": ("TRN-03", "TRN-08"), "SCORE": ("CRI-05", "GRA-05"), "SCHEDULE": ("SCH-04", "SCH-08")}[profile]
    assert [text for one in asked for text in said(backend, one, "example", "property")] == []
