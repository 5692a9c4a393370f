"""`refprune-spec run`: the suite against a backend, in a pytest of its own."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from spec_tests.kit import record
from spec_tests.kit.backends import find_backend
from spec_tests.kit.controller import ENDED, INTERRUPTED
from spec_tests.kit.outcomes import asked
from spec_tests.kit.record import Line


@dataclass(frozen=True)
class Options:
    """What a run is asked for."""

    backend: str
    profile: str = "ci"
    only: Sequence[str] = ()
    known_failures: Path | None = None
    fix: bool = False
    junit: Path | None = None
    report: Path | None = None
    timeout: float = 120.0
    workers: str = "auto"
    quiet: bool = False


class BrokenRunError(Exception):
    """The run did not come to a report."""


class MisusedError(Exception):
    """The run was asked for in the wrong way; pytest has said how."""


def run(options: Options) -> list[Line]:
    """Run the suite and return its report; no report is an error."""
    with TemporaryDirectory() as folder:
        path = options.report or Path(folder) / "report.jsonl"
        path.unlink(missing_ok=True)
        variables = os.environ | {"REFPRUNE_PROFILE": options.profile}
        done = subprocess.run(
            command(options, path), env=variables, stdout=subprocess.PIPE if options.quiet else None, check=False
        )
        if done.returncode == INTERRUPTED:
            raise KeyboardInterrupt
        if done.returncode == pytest.ExitCode.USAGE_ERROR:
            raise MisusedError("wrong usage: see what pytest said")
        if done.returncode not in ENDED or not path.is_file():
            raise BrokenRunError(f"pytest ended with {done.returncode}: the run did not come to its end")
        report = record.read(path)
        if missing := silent(report, options):
            raise BrokenRunError(f"{len(missing)} checks said nothing, {missing[0]} among them: see what pytest said")
        return report


def silent(report: Sequence[Line], options: Options) -> list[str]:
    """Return the checks that were asked for and said nothing: their processes never came so far."""
    said = {line["check"] for line in record.select(report, "check")}
    whole = asked(find_backend(options.backend, options.timeout / 2).declaration)
    wanted = (check for check in whole if not options.only or check.requirement in options.only)
    return [check.name for check in wanted if check.name not in said]


def command(options: Options, report: Path) -> list[str]:
    """Return the command: no configuration of the folder it is started in plays a part."""
    words = [sys.executable, "-m", "pytest", "--pyargs", "spec_tests.requirements", "-p", "spec_tests.kit.plugin"]
    words += ["-c", os.devnull, f"--rootdir={Path.cwd()}", "-p", "no:cacheprovider"]
    words += ["-q", "--no-header", "--tb=no", "--no-summary"]
    words += [f"--refprune-backend={options.backend}", f"--refprune-report={report}"]
    words += [f"--refprune-timeout={options.timeout}", *(f"--refprune-only={name}" for name in options.only)]
    if importlib.util.find_spec("xdist"):
        words += ["-n", options.workers, "--dist", "worksteal", "--max-worker-restart=1000"]
    if options.known_failures:
        words += [f"--refprune-known-failures={options.known_failures}"]
    if options.fix:
        words += ["--refprune-fix-known-failures"]
    if options.junit:
        words += [f"--junitxml={options.junit}"]
    return words
