"""What examples of selection ask of a backend: each applies where the declaration says of its case what it shows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spec_tests.adapter import Backend, Declaration, SelectCase
from spec_tests.applicability import declared, outside
from spec_tests.oracle.selection import DEFAULT, differs, read_masks
from spec_tests.verdicts import call, expect_equal, refuses

Should = Mapping[str, list[Any]]
"""Tensor -> what its mask should be."""

RULES = (
    "count", "arithmetic", "base", "integers", "outside", "emptied",
    "transform", "ties", "nan", "falling",
    "names", "tail", "run_ties",
)  # fmt: skip
"""The fields of a declaration that say what `select` gives; the others say which cases it may be asked."""


def kept(backend: Backend, case: SelectCase) -> dict[str, Any]:
    """Return the masks of a case as bool; their form is judged by SEL-18."""
    return read_masks(backend.select(case), case)


def not_shown(backend: Backend, case: SelectCase, shown: Declaration = DEFAULT) -> str:
    """Return why the declaration does not say of a case what `shown` says; empty where it does."""
    own = backend.declaration
    reason = outside(own, declared(backend, case))
    if reason or not differs(case, own, shown):
        return reason
    other = [field for field in RULES if getattr(own, field) != getattr(shown, field)]
    alone = [field for field in other if differs(case, replace(shown, **{field: getattr(own, field)}), shown)]
    return f"declares {' and '.join(f'{field} = {getattr(own, field)}' for field in (alone or other)[:2])}"


def applicable(backend: Backend, *cases: tuple[SelectCase, Any]) -> list[tuple[SelectCase, Any]]:
    """Return the examples of the reference's rules that are also the backend's; skip when there is none."""
    reasons = [not_shown(backend, case) for case, _ in cases]
    if all(reasons):
        pytest.skip(f"not applicable: {backend.declaration.name} {reasons[0]}")
    return [(declared(backend, case), should) for (case, should), why in zip(cases, reasons, strict=True) if not why]


def keeps(backend: Backend, case: SelectCase, **should: list[Any]) -> None:
    """Require exactly these masks."""
    keeps_each(backend, (case, should))


def keeps_each(backend: Backend, *cases: tuple[SelectCase, Should]) -> None:
    """Require exactly these masks of every case that applies."""
    for case, should in applicable(backend, *cases):
        expect_equal(kept(backend, case), as_masks(case, should), call("select", case))


def refuses_each(backend: Backend, *cases: SelectCase) -> None:
    """Require a refusal of every case that applies."""
    for case, _ in applicable(backend, *((case, None) for case in cases)):
        refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]


def keeps_by(
    backend: Backend, field: str, *rows: tuple[SelectCase, Mapping[str, Should | list[Any] | int | None]]
) -> None:
    """Require what goes with the declared value of a field.

    It is masks, or that of `a`, or how many entries stay, or an error where it is None.
    """
    value = getattr(backend.declaration, field)
    shown = replace(DEFAULT, **{field: value})
    found = [(declared(backend, case), table[value]) for case, table in rows if value in table]
    reasons = [not_shown(backend, case, shown) for case, _ in found] or [f"declares {field} = {value}"]
    if all(reasons):
        pytest.skip(f"not applicable: {backend.declaration.name} {reasons[0]}")
    for (case, should), reason in zip(found, reasons, strict=True):
        if reason:
            continue
        if should is None:
            refuses(lambda case=case: backend.select(case), call("select", case))  # type: ignore[misc]
            continue
        if isinstance(should, int):
            expect_equal(sum(int(mask.sum()) for mask in kept(backend, case).values()), should, call("select", case))
            continue
        masks = {"a": should} if isinstance(should, list) else should
        expect_equal(kept(backend, case), as_masks(case, masks), call("select", case))


def as_masks(case: SelectCase, should: Should) -> dict[str, Any]:
    """Return masks shaped as the scores."""
    return {name: np.array(mask, bool).reshape(case.scores[name].shape) for name, mask in should.items()}
