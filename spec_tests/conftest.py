"""The Hypothesis profile, the backend under test, and the closing lines of a run."""

import pytest

from spec_tests.adapter import Backend
from spec_tests.backends.reference import is_reference
from spec_tests.kit.plugin import backend_of
from spec_tests.kit.profiles import load_profile

load_profile()


def pytest_configure(config: pytest.Config) -> None:
    """Find the backend before anything is collected, so that a wrong name is one sentence."""
    config.addinivalue_line("markers", "slow: the whole of `refprune run`, about half a minute")
    backend_of(config)


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return what is under test."""
    found: Backend = backend_of(request.config)
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what says nothing about another backend: the checks of the reference's own house."""
    if not is_reference(backend_of(config).declaration):
        own = [item for item in items if "backend" not in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in own]
        config.hook.pytest_deselected(items=own)


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Print the mutation score, the false alarms and whatever a test recorded as its summary."""
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    said = [text for report in reports for key, text in report.user_properties if key == "summary"]
    mutants = [report for report in reports if "::test_killed_by_examples[" in report.nodeid]
    alternatives = [report for report in reports if "::test_no_false_alarm[" in report.nodeid]
    if mutants:
        killed = sum(report.passed for report in mutants)
        said.append(
            f"mutation score: {killed} of {len(mutants)} wrong implementations killed by literal examples alone"
        )
    if alternatives:
        names = {report.nodeid.split("[")[1].split(" ")[0] for report in alternatives}
        alarms = sum(report.failed for report in alternatives)
        said.append(f"false alarms: {alarms} in {len(alternatives)} checks of {len(names)} correct alternatives")
    if said:
        terminalreporter.section("the suite about itself")
        for line in said:
            terminalreporter.write_line(line)
