"""A verdict is one sentence with its id, and its call can be pasted: it gives the same failing case again."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from refprune import ops
from spec_tests import adapter
from spec_tests.adapter import Declaration, Elements, SelectCase
from spec_tests.backends.reference import Reference
from spec_tests.kit.checks import all_checks
from spec_tests.mutants.catalogue import mutants
from spec_tests.verdicts import Violation, call, refuses, show

NUMPY = ("array", "asfortranarray", "nan", "inf", "float16", "float32", "float64")
NAMES: dict[str, Any] = {name: getattr(np, name) for name in NUMPY}
NAMES |= {name: getattr(adapter, name) for name in adapter.__all__} | {"np": np}


def test_arrays_come_back_bit_by_bit() -> None:
    values = np.array([[1 / 3, -0.0], [5e-324, np.inf]], np.float64)
    case = SelectCase({"a": np.asfortranarray(values), "b": values.astype(np.float32)}, 0.1, granularity=Elements())
    again = eval(call("select", case).removeprefix("backend.select"), dict(NAMES))  # noqa: S307  our own text
    for name, array in case.scores.items():
        assert again.scores[name].tobytes("A") == array.tobytes("A")
        assert again.scores[name].flags.f_contiguous == array.flags.f_contiguous
        assert again.scores[name].dtype == array.dtype
    assert again.granularity == Elements()


def test_a_crash_carries_its_call() -> None:
    class Crashing:
        declaration = Declaration("crashing", frozenset({"SELECT"}))

        def select(self, case: SelectCase) -> Any:
            raise IndexError(f"no case like {len(case.scores)}")

    example = next(check for check in all_checks() if (check.requirement, check.kind) == ("SEL-15", "example"))
    with pytest.raises(
        Violation, match=r"^SEL-15: raised IndexError: no case like 1\n    \[backend\.select\(SelectCase"
    ):
        example.run(Crashing())


def test_other_ops_are_not_applicable() -> None:
    """Examples and drawn cases of ops that are not declared skip the check; drawn cases of declared ones run."""

    class Narrow(Reference):
        declaration = replace(Reference.declaration, name="narrow", ops=frozenset({"dense", "relu"}))

    checks = {check.name: check for check in all_checks()}
    for name in ("test_ops.test_sigmoid_example", "test_ops.test_sigmoid"):
        with pytest.raises(pytest.skip.Exception, match=r"^not applicable: narrow declares no op "):
            checks[name].run(Narrow())
    checks["test_ops.test_relu"].run(Narrow())


def test_calls_in_messages_can_be_pasted() -> None:
    """Every bracket of every mutant's message of the selection chapter is Python that builds its arguments."""
    pasted = 0
    for mutant in mutants():
        if not mutant.breaks.startswith("SEL-"):
            continue
        for check in (c for c in all_checks() if (c.requirement, c.kind) == (mutant.breaks, "example")):
            with mutant.alive() as backend:
                try:
                    check.run(backend)
                except Violation as violation:
                    for text in re.findall(r"\[(backend\.\w+\(.*\))\]$", str(violation), re.MULTILINE):
                        recorded: list[Any] = []
                        eval(text, {**NAMES, "backend": _Recorder(recorded)})  # noqa: S307  our own text
                        pasted += len(recorded)
    assert pasted >= 20


class _Recorder:
    """Takes any call."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, arguments))


def test_show_leaves_a_sentence_alone() -> None:
    assert show("an error") == "an error"
    assert show((1,)) == "(1,)"


def test_what_the_reference_refuses_it_refuses_in_words() -> None:
    """Its own errors are InvalidInput; an adapter that calls it, and lets its errors through, answers for itself."""
    foreign: dict[str, Any] = {"__name__": "adapter", "relu": ops.relu}
    exec("def refuse(): return relu('text')", foreign)  # noqa: S102  our own text
    assert isinstance(refuses(foreign["refuse"], "refuse()"), TypeError)
    with pytest.raises(AssertionError, match="but should be InvalidInput"):
        refuses(lambda: ops.relu("text"), "relu('text')")  # type: ignore[arg-type]  # that is what is refused
