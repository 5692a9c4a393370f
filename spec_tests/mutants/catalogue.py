"""Every mutant, chapter by chapter."""

import functools
import importlib
import pkgutil

import spec_tests.mutants
from spec_tests.mutants.mutant import Mutant

HELPERS = {"catalogue", "mutant"}


@functools.cache
def mutants() -> list[Mutant]:
    """Return the mutants of every file of this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(spec_tests.mutants.__path__))
    modules = [importlib.import_module(f"spec_tests.mutants.{name}") for name in names if name not in HELPERS]
    return [mutant for module in modules for mutant in module.MUTANTS]
