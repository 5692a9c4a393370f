"""Hypothesis profiles: smoke, ci (the default), dev, deep; chosen by $REFPRUNE_PROFILE.

Every field that matters is set: Hypothesis loads a `ci` profile of its own on CI machines.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings

from spec_tests.verdicts import Check

FIXED = ("smoke", "ci")
"""The profiles that draw the same cases every time."""

_ALWAYS = settings(
    deadline=None,
    print_blob=True,  # the plugin reads it, and shows it to nobody
    report_multiple_bugs=False,  # one sentence for each verdict
    verbosity=Verbosity.normal,
    # A narrow declaration filters many cases out; that is no fault of the backend's.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
_QUICK = (Phase.explicit, Phase.generate)


def load_profile() -> None:
    """Register all of them and load the one that is asked for. Before any check is imported."""
    fixed = settings(_ALWAYS, derandomize=True, database=None, phases=_QUICK)
    drawn = settings(_ALWAYS, derandomize=False, phases=tuple(Phase))
    settings.register_profile("smoke", fixed, max_examples=10)
    settings.register_profile("ci", fixed, max_examples=40, phases=(*_QUICK, Phase.shrink))
    settings.register_profile("dev", drawn, max_examples=100)
    settings.register_profile("deep", drawn, max_examples=2000)
    settings.load_profile(chosen())
    if chosen() in FIXED:
        _draw_no_constants()


def _draw_no_constants() -> None:
    """Draw the same cases for every adapter and in every process: Hypothesis takes constants out of what is imported.

    Versions before 6.131 do not.
    """
    with suppress(ImportError, AttributeError):
        providers: Any = importlib.import_module("hypothesis.internal.conjecture.providers")
        empty = providers.Constants
        if hasattr(providers, "_get_local_constants"):
            providers._get_local_constants = empty


def chosen() -> str:
    """Return the name of the profile."""
    return os.environ.get("REFPRUNE_PROFILE", "ci")


@contextmanager
def drawing(check: Check, most: int) -> Iterator[None]:
    """Let a check draw no more cases than this; a literal example draws none anyway."""
    test = getattr(check.function, "__wrapped__", None)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is None:
        yield
        return
    test._hypothesis_internal_use_settings = settings(own, max_examples=min(most, own.max_examples))  # type: ignore[union-attr]
    try:
        yield
    finally:
        test._hypothesis_internal_use_settings = own  # type: ignore[union-attr]
