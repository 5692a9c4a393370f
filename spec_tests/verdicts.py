"""How a check speaks: the requirement it belongs to, what was got, what should be, how to see it again."""

import functools
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any, Literal, NoReturn, TypeVar

import numpy as np
import pytest
from hypothesis.errors import Unsatisfiable, UnsatisfiedAssumption

from refprune.errors import InvalidInput
from spec_tests.adapter import Profile, Unsupported
from spec_tests.backends.reference import is_reference
from spec_tests.faults import Crashed, Fault, TimedOut
from spec_tests.recorded import Call, Recorded
from spec_tests.specification import requirements

Function = TypeVar("Function", bound=Callable[..., None])
Kind = Literal["example", "property"]
NO_REFUSAL = (Unsupported, UnsatisfiedAssumption, Fault)
"""Exceptions that say nothing about what was asked: out of the adapter's reach, not to be asked, or no answer."""


Verdict = Literal["pass", "fail", "error", "crash", "timeout", "not_applicable"]
"""What becomes of one check: as required; a wrong answer, or one where a refusal is due; an exception where an answer
is due, or an answer that cannot be read; a process that died; silence; outside of what is declared."""


class Violation(AssertionError):
    """A backend does not do what a requirement says. The message begins with the requirement's id."""

    verdict: Verdict = "fail"
    calls: Sequence[Call] = ()
    """What the backend was asked in the smallest case that fails."""
    drawn: str = ""
    """That case as Hypothesis writes it down; empty for a literal example."""


@dataclass(frozen=True)
class Check:
    """One test: of which requirement, literal or drawn, for whom."""

    requirement: str
    kind: Kind
    profile: Profile | None
    """What a backend must claim; None: a check of the reference's own house, which takes no backend."""
    function: Callable[..., None]

    @property
    def name(self) -> str:
        """Return file and function."""
        return f"{self.function.__module__.rsplit('.', 1)[-1]}.{self.function.__name__}"

    def run(self, backend: Any) -> None:
        """Run it outside pytest's fixtures, against this backend."""
        if self.profile is None:
            self.function()
        else:
            self.function(backend=backend)


CHECKS: list[Check] = []
"""Every check that has been imported, in the order of the files."""
MET: Counter[str] = Counter()
"""Corner -> how many cases of this process had it."""
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What the suite meets in an answer without a name that is due, of another shape, or of another kind."""
REPRODUCE = re.compile(r"@reproduce_failure\('[^']*', b'([^']*)'\)")


def requirement(name: str, kind: Kind, profile: Profile | None = None) -> Callable[[Function], Function]:
    """Register a check and put its requirement in front of whatever it says.

    Stands above `@given`. Every failure becomes a Violation; a refusal (any exception of the backend) outside
    `refuses` is one too. A backend that does not claim the profile is not applicable: skipped, and counted.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def check(*args: Any, **kwargs: Any) -> None:
            backend = kwargs.get("backend")
            recorded = Recorded(backend)
            if profile is not None and backend is not None:
                if profile not in backend.declaration.profiles:
                    pytest.skip(f"not applicable: {backend.declaration.name} does not claim {profile}")
                kwargs["backend"] = recorded
            try:
                with _warnings_of(backend):
                    function(*args, **kwargs)
            except (Exception, TimedOut) as error:
                if isinstance(error, Unsatisfiable) and recorded.outside:
                    pytest.skip(f"not applicable: {recorded.outside}")
                raise _violation(name, error, recorded) from error
            finally:
                MET.update(recorded.met)

        found = Check(name, kind, profile, check)
        check.check = found  # type: ignore[attr-defined]  # what the plugin knows a test by
        CHECKS.append(found)
        return check  # type: ignore[return-value]  # functools.wraps keeps the signature

    return decorate


@contextmanager
def _warnings_of(backend: Any) -> Iterator[None]:
    """Make warnings of the reference errors; those of another library are its own affair, wherever the suite runs."""
    own = backend is None or is_reference(backend.declaration)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if own else "ignore")
        yield


def _violation(name: str, error: BaseException, recorded: Recorded) -> Violation:
    strength = " (SHOULD)" if name in requirements() and requirements()[name].strength == "SHOULD" else ""
    notes = "\n".join(getattr(error, "__notes__", ()))
    drawn = REPRODUCE.search(notes)
    violation = Violation(f"{name}{strength}: {_said(error, recorded)}")
    violation.verdict = _verdict(error)
    violation.calls, violation.drawn = recorded.calls, drawn.group(1) if drawn else ""
    return violation


def _said(error: BaseException, recorded: Recorded) -> str:
    if isinstance(error, AssertionError):
        return str(error)
    kind = f"{type(error).__name__}: {error}"
    said = f"raised {kind}"
    if isinstance(error, Unsupported):
        said = f"{said} (inside the declared domain: the claim is not kept)"
    last = recorded.calls[-1] if recorded.calls else None
    if last and last.raised != kind and isinstance(error, UNREADABLE):
        said = f"got {' '.join(show(last.answer).split())}, which cannot be read ({kind})"
    elif not last or not last.raised:
        return said
    return f"{said}\n    [{call(last.operation, *last.arguments)}]"


def _verdict(error: BaseException) -> Verdict:
    if isinstance(error, AssertionError):
        return "fail"
    kinds: tuple[tuple[type[BaseException], Verdict], ...] = (
        (TimedOut, "timeout"), (Crashed, "crash"), (Unsupported, "fail"),
    )  # fmt: skip
    return next((verdict for kind, verdict in kinds if isinstance(error, kind)), "error")


def fail(got: object, should: object, call: str) -> NoReturn:
    """Fail in one sentence and a call that can be pasted."""
    raise AssertionError(f"got {show(got)}, but should be {show(should)}\n    [{call}]")


def expect_equal(got: Any, should: Any, call: str) -> None:
    """Require equal values: arrays by shape and value (-0.0 equals 0.0), mappings by key, the rest by ==."""
    if not _equal(got, should):
        fail(got, should, call)


def _equal(got: Any, should: Any) -> bool:
    if isinstance(should, Mapping):
        return set(got) == set(should) and all(_equal(got[key], should[key]) for key in should)
    if isinstance(should, np.ndarray) or isinstance(got, np.ndarray):
        return np.shape(got) == np.shape(should) and bool(np.array_equal(got, should))
    return bool(got == should)


def expect_close(got: Any, should: Any, bound: float, call: str) -> None:
    """Require |got - should| <= bound everywhere; the caller derives the bound. NaN is never close."""
    got_array, should_array = np.asarray(got), np.asarray(should)
    if got_array.shape != should_array.shape or not (np.abs(got_array - should_array) <= bound).all():
        fail(got, f"{show(should)} within {bound:g}", call)


def refuses(action: Callable[[], object], call: str) -> Exception:
    """Require an exception, and return it. Any is a refusal, but out of the reference it has to be InvalidInput."""
    try:
        got = action()
    except NO_REFUSAL:
        raise
    except Exception as error:  # noqa: BLE001  any exception is a refusal
        if not isinstance(error, InvalidInput) and _out_of_the_reference(error):
            fail(f"{type(error).__name__}: {error}", "InvalidInput, before anything has changed", call)
        return error
    fail(got, "an error", call)


def _out_of_the_reference(error: Exception) -> bool:
    """Say whether the suite called the reference when this was raised; who else calls it answers for itself."""
    frames = traceback.walk_tb(error.__traceback__)
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in frames]
    return ("spec_tests", "refprune") in pairwise(packages)


def show(value: object) -> str:
    """Write a value as Python that can be pasted, a text as it is.

    What is pasted needs `import numpy as np`, `from numpy import *` and `from spec_tests.adapter import *`.
    """
    return value if isinstance(value, str) else _literal(value)


def _literal(value: object) -> str:
    """Write a value so that it comes back bit by bit, in its memory order."""
    if isinstance(value, np.ndarray):
        with np.printoptions(floatmode="unique", threshold=sys.maxsize, linewidth=sys.maxsize):
            text = " ".join(np.array_repr(value).split())
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        return f"asfortranarray({text})" if fortran else text
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_literal(entry)}" for key, entry in value.items()) + "}"
    if is_dataclass(value) and not isinstance(value, type):
        parts = (f"{field.name}={_literal(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({', '.join(parts)})"
    if type(value) in (tuple, list):
        entries: Any = value
        inner = ", ".join(map(_literal, entries))
        comma = "," if len(entries) == 1 else ""
        return f"({inner}{comma})" if isinstance(value, tuple) else f"[{inner}]"
    return repr(value)


def call(operation: str, *arguments: object) -> str:
    """Write a call of the backend as Python that can be pasted."""
    return f"backend.{operation}({', '.join(map(_literal, arguments))})"
