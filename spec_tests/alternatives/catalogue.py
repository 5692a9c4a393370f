"""Every alternative."""

import importlib
import pkgutil
from typing import Any

import spec_tests.alternatives


def alternatives() -> list[Any]:
    """Return the backends of every file of this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(spec_tests.alternatives.__path__))
    modules = [importlib.import_module(f"spec_tests.alternatives.{name}") for name in names if name != "catalogue"]
    return [backend for module in modules for backend in module.ALTERNATIVES]
