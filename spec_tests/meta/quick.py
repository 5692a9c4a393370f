"""A whole `refprune run` in seconds: one epoch of training, for checks that do not ask how well it went."""

from dataclasses import replace
from pathlib import Path

import pytest

from refprune.lab import cli, run


def quick_run(out: Path, *arguments: object) -> None:
    """Do what the command line does, into `out`, and check that it says 0."""
    with pytest.MonkeyPatch.context() as patch:
        short = tuple(replace(settings, epochs=1, retrain_epochs=1) for settings in run.DEFAULT_RUNS)
        patch.setattr(run, "DEFAULT_RUNS", short)
        for name, value in run.WORKER_VARIABLES.items():
            patch.setenv(name, value)  # the run sets them: they are put back
        assert cli.main(["run", *map(str, arguments), "--quiet", "--out", str(out)]) == 0
