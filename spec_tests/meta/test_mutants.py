"""Every mutant dies by the literal examples of the requirement it breaks, and the message names the id."""

from collections.abc import Callable

import pytest

from spec_tests.kit.checks import all_checks
from spec_tests.mutants.catalogue import mutants
from spec_tests.mutants.mutant import Mutant
from spec_tests.verdicts import Violation


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: f"{mutant.breaks} {mutant.name}")
def test_killed_by_examples(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    examples = [check for check in all_checks() if check.requirement == mutant.breaks and check.kind == "example"]
    assert examples, f"{mutant.breaks} has no example"
    said = []
    with mutant.alive() as backend:
        for example in examples:
            try:
                example.run(backend)
            except Violation as violation:
                said.append(str(violation))
    assert said, f"{mutant.name} survives the examples of {mutant.breaks}"
    assert all(message.startswith(f"{mutant.breaks}: ") for message in said)
    record_property("mutant", mutant.name)


def test_names_are_unique() -> None:
    names = [mutant.name for mutant in mutants()]
    assert sorted(set(names)) == sorted(names)
