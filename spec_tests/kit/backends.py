"""From what a user writes to a backend: a registered name, package.module:object, or exec:./program arguments."""

import functools
import importlib
import shlex
import sys
from pathlib import Path
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

        return PipeBackend(shlex.split(said.removeprefix("exec:")), timeout)
    module, colon, name = REGISTERED.get(said, said).partition(":")
    if not colon:
        raise UsageError(f"backend: got {said!r}, expected {_forms()}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"backend: got {said!r} ({error}), expected {_forms()}") from error
    except Exception as error:
        raise BrokenAdapterError(f"the adapter {said} is broken: {type(error).__name__}: {error}") from error
    if isinstance(found, type) or not isinstance(getattr(found, "declaration", None), Declaration):
        raise UsageError(f"backend: got {said!r}, expected an instance with a declaration")
    return found


def _forms() -> str:
    return f"one of {', '.join(sorted(REGISTERED))}, package.module:object, or exec:./program arguments"
