"""A backend as the checks ask it: within what it declares, with every call of the case at hand remembered."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import currently_in_test_context, reject
from hypothesis.control import current_build_context
from hypothesis.errors import UnsatisfiedAssumption

from spec_tests.applicability import unclaimed
from spec_tests.corners import corners
from spec_tests.faults import Malformed, TimedOut

NO_ANSWERS = (SystemExit, GeneratorExit, UnsatisfiedAssumption, pytest.skip.Exception)
"""What a backend may not say in place of an answer: that it ends the process, or that the check is not applicable."""


@dataclass(frozen=True)
class Call:
    """One call of a backend's operation, and what came of it."""

    operation: str
    arguments: tuple[Any, ...]
    answer: Any = None
    raised: str = ""


class Recorded:
    """A backend, and what it was asked.

    A call outside of what is declared is not applicable: an example is skipped with the reason, a drawn case is drawn
    again. Where no drawn case is inside, the check is skipped.
    """

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.calls: list[Call] = []
        """The calls of the case at hand: of a drawn check, of the last case drawn."""
        self.met: Counter[str] = Counter()
        """Corner -> how many cases had it."""
        self.outside = ""
        """Why the last case that was left out is outside of what is declared."""
        self._case: object = None

    def __getattr__(self, name: str) -> Any:
        if unclaimed(self.backend.declaration, name, ()):  # an operation that is not declared need not be there
            return self._operation(name, None)
        try:
            found = getattr(self.backend, name)
        except AttributeError as error:
            self.calls.append(Call(name, (), raised=f"AttributeError: {error}"))
            raise
        return self._operation(name, found) if callable(found) else found

    def _operation(self, name: str, found: Any) -> Any:
        def operation(*arguments: Any, **named: Any) -> Any:
            given = (*arguments, *named.values())
            self._check_inside(name, given)
            self._start_of_case()
            self.met.update(corners(given))
            try:
                answer = found(*arguments, **named)
            except (Exception, TimedOut, *NO_ANSWERS) as error:
                said = f"{type(error).__name__}: {error}"
                self.calls.append(Call(name, given, raised=said))
                if isinstance(error, NO_ANSWERS):
                    raise Malformed(f"raised {said}") from error
                raise
            self.calls.append(Call(name, given, answer))
            return _RecordedSession(self, answer) if name == "begin" else answer

        return operation

    def _start_of_case(self) -> None:
        """Forget the calls of the case before."""
        case = current_build_context().data if currently_in_test_context() else self
        if case is not self._case:
            self._case, self.calls = case, []

    def _check_inside(self, operation: str, arguments: tuple[Any, ...]) -> None:
        reason = unclaimed(self.backend.declaration, operation, arguments)
        if not reason:
            return
        self.outside = reason
        if currently_in_test_context():
            reject()
        pytest.skip(f"not applicable: {reason}")


class _RecordedSession:
    """A session whose calls are remembered among those of its backend."""

    def __init__(self, recorded: Recorded, session: Any) -> None:
        self.select = recorded._operation("session.select", session.select)
