"""The controller of a run: collects what the checks say, and writes the report and the list of known failures."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from spec_tests.kit import known, record
from spec_tests.kit.checks import all_checks
from spec_tests.kit.outcomes import Outcome, headline
from spec_tests.kit.plugin import PROPERTY, backend_of, show
from spec_tests.verdicts import Verdict

ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""How a run ends that came to its end."""
INTERRUPTED = 130
"""What a command says that was stopped by Ctrl-C."""
STARTS = 8
"""So many more processes may end than tests were begun."""


class Controller:
    """A plugin of its own, in the process that the user started."""

    def __init__(self, config: pytest.Config, spelled: str) -> None:
        self.config, self.spelled = config, spelled
        self.began = time.monotonic()
        self.since: dict[str, float] = {}
        """Test -> when it was started."""
        self.raw: list[Outcome] = []
        self.judged: list[Outcome] = []
        self.ended = 0
        """How many processes ended before their time."""
        self.interrupted = False

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note the time, for a process that ends in this test."""
        self.since[nodeid] = time.monotonic()

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_testnodedown(self, error: object) -> None:
        """Give up where processes end in no test: the next one would not come further."""
        self.ended += error is not None
        if self.ended > len(self.since) + STARTS:
            pytest.exit("the processes end before they run a test: is the adapter imported there too?", returncode=3)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a check said; a test whose process died said nothing."""
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._check_alike(value["declares"])  # type: ignore[index]  # our own property
                self.raw.append(Outcome(**value["raw"]))  # type: ignore[index]  # our own property
                self.judged.append(Outcome(**value["judged"]))  # type: ignore[index]
        if report.failed and "crashed while running" in str(report.longrepr):
            self._died(report)

    def _check_alike(self, declares: record.Line) -> None:
        """Give up where a process declares something else: nobody could say what was judged by what."""
        here = record.declared(backend_of(self.config).declaration)
        other = [f"{name} = {declares[name]} and not {here[name]}" for name in here if declares[name] != here[name]]
        if other:
            said = f"the adapter is broken: in another process it declares {other[0]}"
            pytest.exit(said, returncode=3)

    def _died(self, report: pytest.TestReport) -> None:
        seconds = time.monotonic() - self.since.get(report.nodeid, self.began)
        late = seconds >= self.config.getoption("refprune_timeout")
        verdict: Verdict = "timeout" if late else "crash"
        for check in all_checks():
            module, function = check.name.split(".")
            if report.nodeid.endswith(f"{module}.py::{function}"):
                said = f"{check.requirement}: the process {'was ended, late as it was' if late else 'died'}"
                died = Outcome(check.requirement, check.name, check.kind, verdict, said, round(seconds, 4))
                self.raw.append(died)
                self.judged.append(known.judged(died, known.of(self.config)))
                report.when = "call"  # pytest-xdist says nothing here, and JUnit would take it for a broken fixture
                show(report, self.judged[-1])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from a run that gives up."""
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what was asked for of a run that came to its end; corners that were not met fail it."""
        if self.interrupted:
            session.exitstatus = INTERRUPTED
        if session.exitstatus not in ENDED:
            return
        run = self.run()
        report = self.config.getoption("refprune_report")
        if report:
            record.write(Path(report), run)
        if self.config.getoption("refprune_fix_known_failures"):
            self._fix(run)
        if run.unmet and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def run(self) -> record.Run:
        """Return everything that is known now, in the order of the checks."""
        order = {check.name: number for number, check in enumerate(all_checks())}
        outcomes = sorted(self.judged, key=lambda outcome: order[outcome.check])
        profile = os.environ.get("REFPRUNE_PROFILE", "ci")
        return record.Run(backend_of(self.config), self.spelled, profile, outcomes, time.monotonic() - self.began)

    def _fix(self, run: record.Run) -> None:
        if not run.complete:
            raise pytest.UsageError("--refprune-fix-known-failures: got part of the checks, expected a full run")
        if not known.drawn_by():
            said = f"got the profile {run.profile}, expected one that draws the same cases again: smoke or ci"
            raise pytest.UsageError(f"--refprune-fix-known-failures: {said}")
        path = Path(self.config.getoption("refprune_known_failures"))
        path.write_text(known.written(self.raw, self.spelled, known.of(self.config)), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say the headline, and what was never drawn."""
        run = self.run()
        terminalreporter.section("conformance")
        terminalreporter.write_line(f"{run.declaration.name}: {headline(run.judgements, run.declaration)}")
        for corner in run.unmet:
            terminalreporter.write_line(f"never drawn: {corner}; a run that did not meet it says too little")
