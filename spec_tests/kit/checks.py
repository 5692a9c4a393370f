"""Every check of the suite, by importing the chapters."""

import importlib
import pkgutil

import spec_tests.requirements
from spec_tests.verdicts import CHECKS, Check


def all_checks() -> list[Check]:
    """Return the checks of every chapter."""
    for module in pkgutil.iter_modules(spec_tests.requirements.__path__):
        importlib.import_module(f"spec_tests.requirements.{module.name}")
    return list(CHECKS)
