"""The pytest plugin: which backend, what is known to fail, where the report goes.

    pytest --pyargs spec_tests.requirements --refprune-backend my_package.adapter:BACKEND --refprune-report report.jsonl

Works with --junitxml and with pytest-xdist. In a run that has nothing to do with refprune it does nothing.
"""

import faulthandler
import os
import signal
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from spec_tests.kit.outcomes import Outcome
    from spec_tests.verdicts import Check

PROPERTY = "refprune"
"""The name under which an outcome travels from a worker to the controller."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("refprune", "conformance to the specification of refprune")
    spelled = "a registered name, package.module:object, or 'exec:./program arguments'; default $REFPRUNE_BACKEND"
    said = os.environ.get("REFPRUNE_BACKEND", "")
    group.addoption("--refprune-backend", metavar="NAME", default=said, help=spelled)
    group.addoption("--refprune-known-failures", metavar="FILE", help="failures that are known, messages pinned")
    group.addoption("--refprune-fix-known-failures", action="store_true", help="write that file anew")
    group.addoption("--refprune-report", metavar="FILE", help="write the report as JSON lines")
    group.addoption("--refprune-only", metavar="ID", action="append", default=[], help="this requirement alone")
    time = "for one check (default 120); a single call of a program has half of it"
    group.addoption("--refprune-timeout", metavar="SECONDS", type=float, default=120.0, help=time)


def pytest_configure(config: pytest.Config) -> None:
    """Collect what is said where a backend or a report is asked for; workers only say it."""
    if config.getoption("refprune_only"):
        _check_ids(config)
    if config.getoption("refprune_fix_known_failures") and not config.getoption("refprune_known_failures"):
        raise pytest.UsageError("--refprune-fix-known-failures: needs --refprune-known-failures FILE")
    wanted = config.getoption("refprune_backend") or config.getoption("refprune_report")
    if wanted and not hasattr(config, "workerinput"):
        from spec_tests.kit.controller import Controller
        from spec_tests.kit.profiles import load_profile

        load_profile()  # before a check is imported: with --pyargs the conftest comes later
        config.pluginmanager.register(Controller(config, named(config)), "refprune-controller")
        _check_list(config)


def _check_ids(config: pytest.Config) -> None:
    from spec_tests.specification import requirements

    strange = sorted(set(config.getoption("refprune_only")) - set(requirements()))
    if strange:
        raise pytest.UsageError(f"--refprune-only: got {strange[0]!r}, expected an id such as SEL-03")


def _check_list(config: pytest.Config) -> None:
    """Refuse a list that would hide something, or hold nothing: a check that is not here, a message without words."""
    from spec_tests.kit import known
    from spec_tests.kit.checks import all_checks

    listed = known.of(config)
    strange = sorted(set(listed) - {check.name for check in all_checks()})
    vague = known.unpinned(listed)
    if config.getoption("refprune_fix_known_failures"):
        return
    if strange:
        raise pytest.UsageError(f"--refprune-known-failures: got {strange[0]!r}, expected checks of this suite")
    if vague:
        said = f"{listed[vague[0]]['message']!r} for {vague[0]}, expected an id and the words of the failure"
        raise pytest.UsageError(f"--refprune-known-failures: got {said}")


def named(config: pytest.Config) -> str:
    """Return the backend as it is written; the reference where none is."""
    return str(config.getoption("refprune_backend")) or "refprune"


def backend_of(config: pytest.Config) -> Any:
    """Return what is under test; what names no backend, or cannot be imported, is one sentence."""
    from spec_tests.kit.backends import BrokenAdapterError, UsageError, find_backend

    try:
        with warnings.catch_warnings(action="ignore"):  # those of an import are the library's own affair
            return find_backend(named(config), config.getoption("refprune_timeout") / 2)
    except (UsageError, BrokenAdapterError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out other requirements than those asked for."""
    only = set(config.getoption("refprune_only"))
    if not only:
        return
    others = [item for item in items if (check := _check_of(item)) is None or check.requirement not in only]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Give a check its time: first an exception, and where that does not help, the end of the process."""
    seconds = item.config.getoption("refprune_timeout")
    if _check_of(item) is None or not hasattr(signal, "setitimer"):
        return (yield)
    from spec_tests.faults import TimedOut

    def stop(*_: object) -> None:
        raise TimedOut(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + 10, exit=True)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what a check says to its report; show a violation as its sentence, without the way it came."""
    check = _check_of(item)
    if check is not None and call.when == "setup":
        item.user_properties.append(("requirement", check.requirement))  # JUnit has it, and the verdict
    report = yield
    if check is None or (report.when != "call" and report.passed) or report.when == "teardown":
        return report
    from spec_tests.kit import known
    from spec_tests.kit.outcomes import outcome_of
    from spec_tests.kit.record import declared

    raw = outcome_of(check, call)
    outcome = known.judged(raw, known.of(item.config))
    item.user_properties.append(("verdict", outcome.verdict))
    declares = declared(backend_of(item.config).declaration)
    report.user_properties.append((PROPERTY, {"raw": vars(raw), "judged": vars(outcome), "declares": declares}))
    if item.config.getoption("refprune_backend"):
        show(report, outcome)
    return report


def show(report: pytest.TestReport, outcome: "Outcome") -> None:
    """Make a report of pytest's say what the outcome says: a known failure is expected, a difference is a failure."""
    if outcome.verdict == "known_failure":
        report.outcome = "skipped"
        report.wasxfail = outcome.said
    elif outcome.verdict not in ("pass", "not_applicable"):
        report.outcome = "failed"
        report.longrepr = outcome.said


def _check_of(item: pytest.Item) -> "Check | None":
    return getattr(getattr(item, "function", None), "check", None)
