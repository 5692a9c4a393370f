"""From what a user writes to a backend: a registered name, package.module:object, or exec:./program arguments."""

import functools
import importlib
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from spec_tests.adapter import Declaration

REGISTERED = {
    "refprune": "spec_tests.backends.reference:REFERENCE",
    "torch_prune": "spec_tests.backends.torch_prune:BACKEND",
    "torch_pruning": "spec_tests.backends.torch_pruning:BACKEND",
}
"""Backends that come with the suite."""


class UsageError(Exception):
    """What the user wrote names no backend."""


class BrokenAdapterError(Exception):
    """The adapter is there, and cannot be imported."""


@functools.cache
def find_backend(said: str, timeout: float = 60.0) -> Any:
    """Return the backend that is named; `timeout` in seconds is for each call of a program."""
    if said.startswith("exec:"):
        from spec_tests.kit.pipe import PipeBackend

        words = shlex.split(said.removeprefix("exec:"))
        if not words:
            raise UsageError(f"backend: got {said!r}, expected {_forms()}")
        return PipeBackend(words, timeout)
    module, _, name = REGISTERED.get(said, said).partition(":")
    if not module or not name:
        raise UsageError(f"backend: got {said!r}, expected {_forms()}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    found = getattr(_imported(said, module), name, None)
    if found is None:
        raise UsageError(f"backend: got {said!r}, but there is no {name} in {module}; expected {_forms()}")
    if isinstance(found, type) or not isinstance(getattr(found, "declaration", None), Declaration):
        raise UsageError(f"backend: got {said!r}, expected an instance with a declaration")
    return found


def _imported(said: str, module: str) -> ModuleType:
    """Import the adapter; that there is none is the user's mistake, and everything else is the adapter's."""
    try:
        return importlib.import_module(module)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module}.".startswith(f"{missing}."):
            raise UsageError(f"backend: got {said!r} ({error}), expected {_forms()}") from error
        needs = '; python -m pip install "refprune[backends]"' if said in REGISTERED and missing else ""
        raise BrokenAdapterError(f"the adapter {said} is broken: {type(error).__name__}: {error}{needs}") from error


def _forms() -> str:
    return f"one of {', '.join(sorted(REGISTERED))}, package.module:object, or exec:./program arguments"
