"""Every mutant dies by the literal examples of the requirement it breaks, and the message names the id."""

import re

import pytest

from spec_tests.kit.scores import PAGE, examples_of, said_by_examples
from spec_tests.mutants.catalogue import mutants
from spec_tests.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: f"{mutant.breaks} {mutant.name}")
def test_killed_by_examples(mutant: Mutant) -> None:
    assert examples_of(mutant.breaks), f"{mutant.breaks} has no example"
    said = said_by_examples(mutant)
    assert said, f"{mutant.name} survives the examples of {mutant.breaks}"
    assert all(message.startswith((f"{mutant.breaks}: ", f"{mutant.breaks} (SHOULD): ")) for message in said)


def test_names_are_unique() -> None:
    names = [mutant.name for mutant in mutants()]
    assert sorted(set(names)) == sorted(names)


def test_nothing_stays_broken() -> None:
    """Every wrong function is taken out again."""
    from refprune import selection

    right = selection.removal_count
    with next(mutant for mutant in mutants() if "removal_count" in str(mutant.replaces)).alive():
        assert selection.removal_count is not right
    assert selection.removal_count is right


@pytest.mark.skipif(not PAGE.is_file(), reason="docs/results/suite.md is not here: this is an installed suite")
def test_the_published_list_is_this_catalogue() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    published = {(row[0].removeprefix("| "), row[1]) for row in rows if re.fullmatch(r"\| [A-Z]{3}-\d{2}", row[0])}
    assert published == {(mutant.breaks, mutant.name) for mutant in mutants()}
