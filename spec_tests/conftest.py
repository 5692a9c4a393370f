"""Hypothesis profiles, the backend under test, and the closing lines of a run."""

import os

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings

from spec_tests.adapter import Backend
from spec_tests.backends.reference import REFERENCE

# Every field that matters is set: Hypothesis loads a `ci` profile of its own on CI machines.
_ALWAYS = settings(
    deadline=None, print_blob=False, verbosity=Verbosity.normal, suppress_health_check=[HealthCheck.too_slow]
)
_QUICK = (Phase.explicit, Phase.generate)
settings.register_profile("smoke", _ALWAYS, max_examples=10, derandomize=True, database=None, phases=_QUICK)
settings.register_profile(
    "ci", _ALWAYS, max_examples=60, derandomize=True, database=None, phases=(*_QUICK, Phase.shrink)
)
settings.register_profile("dev", _ALWAYS, max_examples=100, derandomize=False, phases=tuple(Phase))
settings.register_profile("deep", _ALWAYS, max_examples=2000, derandomize=False, phases=tuple(Phase))
settings.load_profile(os.environ.get("REFPRUNE_PROFILE", "ci"))


@pytest.fixture(scope="session")
def backend() -> Backend:
    """Return what is under test."""
    return REFERENCE
