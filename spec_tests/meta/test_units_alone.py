"""A backend that selects units only is drawn the same corners as one that selects entries."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spec_tests.adapter import Declaration, SelectCase
from spec_tests.backends.reference import Reference
from spec_tests.corners import expected
from spec_tests.kit.checks import all_checks
from spec_tests.verdicts import MET, Violation

UNITS = Declaration("units alone", frozenset({"SELECT"}), granularities=frozenset({"unit"}))
DRAWN = ("test_count", "test_ties", "test_nan", "test_empty", "test_reserve", "test_integer", "test_nesting")


class Units(Reference):
    """The reference, of which nobody asks anything but units."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration


class AllTied(Units):
    """Removes whatever is not above the threshold of the pool, however many that are."""

    def select(self, case: SelectCase) -> Any:
        """Compare with the highest score that goes."""
        masks = super().select(case)
        gone = [case.scores[name][~mask] for name, mask in masks.items()]
        threshold = max(np.concatenate(gone), default=-np.inf)
        return {name: mask & (case.scores[name] > threshold) for name, mask in masks.items()}


def run(backend: Any, name: str) -> None:
    """Run one drawn check of selection."""
    next(check for check in all_checks() if check.name == f"test_selection.{name}").run(backend)


def test_corners_are_drawn() -> None:
    MET.clear()
    for name in DRAWN:
        run(Units(UNITS), name)
    wanted = {"ties", "NaN", "infinity", "-0.0", "empty pool", "a half to round", "everything removed", "an int"}
    assert wanted <= set(expected(UNITS))
    assert [corner for corner in wanted if not MET[corner]] == []
    MET.clear()


@pytest.mark.parametrize("name", ["test_ties", "test_reserve"])
def test_all_of_equals_removed_is_found_out(name: str) -> None:
    """Where any of equals may stay, the count is exact all the same."""
    declared = replace(UNITS, ties="unspecified", within=False, multiples=False)
    run(Units(declared), name)
    with pytest.raises(Violation, match="SEL-"):
        run(AllTied(declared), name)
