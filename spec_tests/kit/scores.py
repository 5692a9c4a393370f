"""What the suite is worth: wrong implementations it catches by examples alone, correct ones it lets pass.

python -m spec_tests.kit.scores        write docs/results/suite.md
"""

import functools
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import pytest

from spec_tests.alternatives.catalogue import alternatives
from spec_tests.kit.checks import all_checks
from spec_tests.kit.coverage import ROOT
from spec_tests.kit.profiles import load_profile
from spec_tests.mutants.catalogue import mutants
from spec_tests.mutants.mutant import Mutant
from spec_tests.verdicts import Check, Violation

Answer = TypeVar("Answer")
PAGE = ROOT / "docs" / "results" / "suite.md"


def examples_of(name: str) -> list[Check]:
    """Return the literal examples of a requirement."""
    return [check for check in all_checks() if check.requirement == name and check.kind == "example"]


def said_by_examples(mutant: Mutant) -> list[str]:
    """Return what the examples of the requirement it breaks say of a mutant; nothing when it survives."""
    said = []
    with mutant.alive() as backend:
        for example in examples_of(mutant.breaks):
            try:
                example.run(backend)
            except Violation as violation:
                said.append(str(violation))
    return said


@functools.cache
def claimed() -> list[tuple[Any, Check]]:
    """Return every alternative with every check of the profiles it claims."""
    return [
        (backend, check)
        for backend in alternatives()
        for check in all_checks()
        if check.profile in backend.declaration.profiles
    ]


def verdict(backend: Any, check: Check) -> str:
    """Return pass, not applicable, or what the false alarm says."""
    try:
        check.run(backend)
    except pytest.skip.Exception:
        return "not applicable"
    except Violation as violation:
        return str(violation)
    return "pass"


def killing(only: Sequence[str] = ()) -> tuple[list[str], int]:
    """Return a line for each mutant, of these requirements or of all, and how many survive."""
    found = [mutant for mutant in mutants() if not only or mutant.breaks in only]
    said = [(mutant, said_by_examples(mutant)) for mutant in found]
    lines = [
        f"{mutant.breaks}  {'caught  ' if sentences else 'SURVIVES'}  {mutant.name}: {mutant.bug}"
        for mutant, sentences in said
    ]
    survivors = sum(not sentences for _, sentences in said)
    return [*lines, f"{len(said) - survivors} of {len(said)} caught by literal examples alone"], survivors


def _everywhere(action: Callable[[int], Answer], count: int) -> list[Answer]:
    """Return what each number gives, in processes of their own: nothing that a wrong function did is left there."""
    with ProcessPoolExecutor(initializer=load_profile) as pool:
        return list(pool.map(action, range(count), chunksize=8))


def _of_mutant(number: int) -> list[str]:
    """Do it in another process: by number, since a wrong function does not travel."""
    return said_by_examples(mutants()[number])


def _of_alternative(number: int) -> str:
    return verdict(*claimed()[number])


def page() -> str:
    """Return docs/results/suite.md."""
    killed = list(zip(mutants(), _everywhere(_of_mutant, len(mutants())), strict=True))
    names = [backend.declaration.name for backend, _ in claimed()]
    verdicts = list(zip(names, _everywhere(_of_alternative, len(claimed())), strict=True))
    alarms = [(name, said) for name, said in verdicts if said not in ("pass", "not applicable")]
    lines = [
        "# What the suite is worth",
        "",
        "Written by `python -m spec_tests.kit.scores`.",
        "",
        f"- Killed by literal examples alone: {sum(bool(said) for _, said in killed)} of {len(killed)} mutants.",
        f"- False alarms: {len(alarms)} in {len(verdicts)} checks of {len(alternatives())} correct alternatives.",
        "",
        "## Wrong implementations",
        "",
        "| breaks | mutant | the bug, and where it was seen | what the first example says |",
        "|---|---|---|---|",
    ]
    lines += [_mutant_row(mutant, said) for mutant, said in killed]
    lines += [
        "",
        "## Correct alternatives",
        "",
        "| alternative | passed | not applicable | false alarms |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in verdicts):
        own = [said for other, said in verdicts if other == name]
        passed, skipped = own.count("pass"), own.count("not applicable")
        lines.append(f"| {name} | {passed} | {skipped} | {len(own) - passed - skipped} |")
    lines += [f"\n{name}: {said}" for name, said in alarms]
    return "\n".join(lines) + "\n"


def _mutant_row(mutant: Mutant, said: list[str]) -> str:
    first = said[0].splitlines()[0] if said else "SURVIVES"
    cells = (mutant.breaks, mutant.name, mutant.bug, first if len(first) <= 160 else f"{first[:157]}...")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Write the page, at the profile the tests use."""
    load_profile()
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written to {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
