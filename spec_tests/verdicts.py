"""How a check speaks: the requirement it belongs to, what was got, what should be, how to see it again."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

import numpy as np
import pytest

from spec_tests.adapter import Profile, Unsupported

Function = TypeVar("Function", bound=Callable[..., None])
Kind = Literal["example", "property"]


class Violation(AssertionError):
    """A backend does not do what a requirement says. The message begins with the requirement's id."""


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


def requirement(name: str, kind: Kind, profile: Profile | None = None) -> Callable[[Function], Function]:
    """Register a check and put its requirement in front of whatever it says.

    Stands above `@given`. Every failure becomes a Violation; a refusal (any exception of the backend) outside
    `refuses` is one too. A backend that does not claim the profile is not applicable: skipped, and counted.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def check(*args: Any, **kwargs: Any) -> None:
            backend = kwargs.get("backend")
            if profile is not None and backend is not None and profile not in backend.declaration.profiles:
                pytest.skip(f"not applicable: {backend.declaration.name} does not claim {profile}")
            try:
                function(*args, **kwargs)
            except Exception as error:
                raise _violation(name, error) from error

        CHECKS.append(Check(name, kind, profile, check))
        return check  # type: ignore[return-value]  # functools.wraps keeps the signature

    return decorate


def _violation(name: str, error: Exception) -> Violation:
    said = str(error) if isinstance(error, AssertionError) else f"raised {type(error).__name__}: {error}"
    if isinstance(error, Unsupported):
        said = f"{said} (inside the declared domain: the claim is not kept)"
    violation = Violation(f"{name}: {said}")
    for note in getattr(error, "__notes__", ()):
        violation.add_note(note)
    return violation


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
    """Require an exception, and return it."""
    try:
        got = action()
    except Unsupported:
        raise
    except Exception as error:  # noqa: BLE001  any exception is a refusal
        return error
    fail(got, "an error", call)


def show(value: object) -> str:
    """Write a value as Python that can be pasted: `from numpy import *` knows all the names."""
    if isinstance(value, np.ndarray):
        return np.array_repr(value).replace("\n", "")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {show(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, str):
        return value
    return repr(value)


def call(operation: str, *arguments: object) -> str:
    """Write a call of the backend as Python that can be pasted."""
    return f"backend.{operation}({', '.join(_argument(argument) for argument in arguments)})"


def _argument(value: object) -> str:
    return repr(value) if isinstance(value, str) else " ".join(show(value).split())
