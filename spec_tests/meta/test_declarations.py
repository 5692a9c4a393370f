"""A declared value is tested as strictly as the default: who does otherwise is found out, whichever it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given

from spec_tests.adapter import Blocks, Declaration, SelectCase, Units
from spec_tests.alternatives import declared as alternatives
from spec_tests.alternatives.declared import Declared
from spec_tests.backends.reference import Reference
from spec_tests.declared import RULES
from spec_tests.kit.checks import all_checks
from spec_tests.oracle.selection import DEFAULT, differs
from spec_tests.presets import PRESETS
from spec_tests.strategies.selection import core_cases
from spec_tests.verdicts import Violation

HINTS = get_type_hints(Declaration)
WEAKER = {
    ("ties", "unspecified"): "SEL-04",  # whichever stays, the first may
    ("run_ties", "unspecified"): "GRA-14",
    ("nan", "unspecified"): "SEL-07",  # it is not asked
}
"""Values under which the reference, too, does what is declared, and the requirement that asks no more."""
VARIED = [(field, value) for field in RULES for value in get_args(HINTS[field]) if value != getattr(Declaration, field)]
"""Every value of the rules of selection that is not the reference's."""


def found_out(backend: Any, by: tuple[str, ...] = ("SEL", "GRA")) -> str:
    """Return what the first check that fails says, examples before drawn cases; empty when none fails."""
    checks = [check for check in all_checks() if check.profile == "SELECT" and check.requirement.startswith(by)]
    for check in sorted(checks, key=lambda check: check.kind):
        try:
            check.run(backend)
        except pytest.skip.Exception:
            continue
        except Violation as violation:
            return str(violation)
    return ""


def declaring(**values: str) -> Any:
    """Return the reference behind a declaration that is not its own."""
    backend = Reference()
    backend.declaration = replace(Reference.declaration, name="declaring", **values)  # type: ignore[arg-type]  # from the vocabulary
    return backend


def doing(field: str, value: str) -> Declared:
    """Return an alternative that does otherwise in one field."""
    kind = "n_of_m" if field in ("names", "tail", "run_ties") else "element"
    return Declared(replace(DEFAULT, profiles=alternatives.SELECT, granularities=frozenset({kind}), **{field: value}))  # type: ignore[arg-type]  # from the vocabulary


@pytest.mark.parametrize(("field", "value"), [pair for pair in VARIED if pair not in WEAKER])
def test_the_reference_is_found_out(field: str, value: str) -> None:
    assert found_out(declaring(**{field: value})), f"nobody minds {field} = {value}"


@pytest.mark.parametrize(("field", "value"), WEAKER)
def test_weaker_values(field: str, value: str) -> None:
    assert found_out(declaring(**{field: value}), (WEAKER[field, value],)) == ""


@pytest.mark.parametrize(("field", "value"), [pair for pair in VARIED if pair != ("nan", "unspecified")])
def test_the_default_finds_out_who_does_otherwise(field: str, value: str) -> None:
    backend = doing(field, value)
    undeclared = Undeclared(backend, replace(backend.declaration, **{field: getattr(Declaration, field)}))
    assert found_out(undeclared), f"nobody minds {field} = {value}"


def changed(changes: dict[str, str], applies: Callable[[SelectCase], bool]) -> type[Declared]:
    """Return an alternative that does otherwise where a selection is of a kind."""

    class Changed(Declared):
        def select(self, case: SelectCase) -> Any:
            values: Any = changes if applies(case) else {}
            return Declared(replace(self.declaration, **values)).select(case)

    return Changed


def forgetful(changes: dict[str, str]) -> type[Declared]:
    """Return an alternative that does otherwise in sessions."""

    class Forgetful(Declared):
        def begin(self, case: SelectCase) -> alternatives.Remembering:
            values: Any = changes
            return alternatives.Remembering(Declared(replace(self.declaration, **values)), case)

    return Forgetful


class NanIsInfinite(Declared):
    """A NaN is as good as +inf, and not better."""

    def select(self, case: SelectCase) -> Any:
        """Replace it."""
        return super().select(
            replace(case, scores={n: np.where(np.isnan(a), np.inf, a) for n, a in case.scores.items()})
        )


class SingleOfTheProduct(Declared):
    """The double product, rounded to a single."""

    def _count(self, sparsity: float, size: int) -> int:
        return round(float(np.float32(sparsity * size)))


class OneMoreOfEquals(Declared):
    """Of equal scores one more goes."""

    def _asked(self, sparsity: Any, alive: Any) -> int:
        return super()._asked(sparsity, alive) + 1

    def select(self, case: SelectCase) -> Any:
        """Count right where two scores differ."""
        equal = all(np.ptp(array) == 0 for array in case.scores.values() if array.size)
        return super().select(case) if equal else Declared(self.declaration).select(case)


TILES, UNITS = (lambda case, kind=kind: isinstance(case.granularity, kind) for kind in (Blocks, Units))
CORNERED: tuple[tuple[str, dict[str, Any], Any, str], ...] = (
    ("tiles are counted otherwise", {"integers": "more"}, changed({"integers": "total"}, TILES), "GRA-12"),
    ("tiles may not fall", {"falling": "kept"}, changed({"falling": "refused"}, TILES), "GRA-12"),
    ("tiles of all", {"base": "alive"}, changed({"base": "all", "falling": "kept"}, TILES), "GRA-12"),
    ("units are tied otherwise", {"ties": "last"}, changed({"ties": "first"}, UNITS), "SEL-04"),
    ("NaN of units", {}, changed({"nan": "lowest"}, UNITS), "SEL-07"),
    ("sessions may empty a pool", {"emptied": "refused"}, forgetful({"emptied": "allowed"}), "SEL-19"),
    ("sessions are tied otherwise", {"ties": "last"}, forgetful({"ties": "first"}), "SEL-19"),
    ("NaN in sessions", {"nan": "lowest"}, forgetful({"nan": "highest"}), "SEL-19"),
    ("absolute values in sessions", {"transform": "abs"}, forgetful({"transform": "none"}), "SEL-19"),
    ("NaN is infinite", {"nan": "highest"}, NanIsInfinite, "SEL-07"),
    ("a single of the product", {"arithmetic": "float32"}, SingleOfTheProduct, "SEL-01"),
    ("one more of equals", {"ties": "unspecified"}, OneMoreOfEquals, "SEL-04"),
)
"""What is declared, who does it but in one corner, and the requirement whose literal examples say so."""


@pytest.mark.parametrize(("values", "kind", "name"), [row[1:] for row in CORNERED], ids=[row[0] for row in CORNERED])
def test_wrong_in_one_corner(values: dict[str, Any], kind: type[Declared], name: str) -> None:
    declaration = replace(DEFAULT, profiles=alternatives.SELECT, **values)
    said = {}
    for backend in (kind(declaration), Declared(declaration)):
        for check in all_checks():
            if check.requirement == name and check.kind == "example" and check.profile in ("SELECT", "STATEFUL"):
                try:
                    check.run(backend)
                except pytest.skip.Exception:
                    continue
                except Violation as violation:
                    said[type(backend)] = str(violation)
    assert set(said) == {kind}
    assert said[kind].startswith(f"{name}: ")


class Undeclared:
    """What a backend does, behind a declaration that is not its own."""

    def __init__(self, backend: Declared, declaration: Declaration) -> None:
        self.declaration, self.select = declaration, backend.select


def test_the_alternatives_declare_every_value() -> None:
    declared = [backend.declaration for backend in alternatives.ALTERNATIVES]
    for field, value in VARIED:
        assert any(getattr(one, field) == value for one in declared), f"nobody declares {field} = {value}"


@pytest.mark.parametrize("strange", [{"profiles": {"SELCT"}}, {"profiles": "SELECT"}, {"within": "no"}, {"ties": "?"}])
def test_what_is_no_declaration(strange: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(strange))}: got .*, expected "):
        replace(DEFAULT, **strange)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_done(name: str) -> None:
    """What a preset declares is no contradiction: a backend that does it passes the examples."""
    backend = Declared(PRESETS[name])
    for check in all_checks():
        if check.profile == "SELECT" and check.kind == "example":
            try:
                check.run(backend)
            except pytest.skip.Exception:
                continue


@given(core_cases())
def test_the_core_is_the_same_whatever_is_declared(case: SelectCase) -> None:
    for field, value in VARIED:
        assert not differs(case, replace(DEFAULT, **{field: value})), f"SEL-15 depends on {field} = {value}"
    for declaration in (*PRESETS.values(), *(backend.declaration for backend in alternatives.ALTERNATIVES)):
        assert not differs(case, declaration), f"SEL-15 depends on what {declaration.name} declares"
