"""The project works from a checkout, an editable install and a wheel, in an empty folder far from the sources."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from spec_tests.kit.coverage import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="the sources are not here: this is an installed suite"
)
FIND = (
    "import refprune.data as data; digits = data.digits();"
    "print(len(digits.train.labels), data.shared_file('docs', 'spec', 'selection.md').name, data.__file__)"
)


def run(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program without the variables of this one that would change what Python finds."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "COV"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return the Python of a fresh environment that sees the dependencies of this one, and not this project."""
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def install(python: Path, *what: object, cwd: Path) -> None:
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, *what, cwd=cwd)


def test_checkout(tmp_path: Path, environment: Path) -> None:
    found = run(environment, "-c", FIND, cwd=tmp_path, PYTHONPATH=str(ROOT)).stdout.split()
    assert found == ["1200", "selection.md", str(ROOT / "refprune" / "data.py")]


def test_editable(tmp_path: Path, environment: Path) -> None:
    install(environment, "-e", ROOT, cwd=tmp_path)
    found = run(environment, "-c", FIND, cwd=tmp_path).stdout.split()
    assert found == ["1200", "selection.md", str(ROOT / "refprune" / "data.py")]


def test_wheel(tmp_path: Path, environment: Path) -> None:
    """The suite runs from the wheel, in an empty folder, and finds its files inside the wheel."""
    empty = tmp_path / "empty"
    empty.mkdir()
    options = ("--wheel", "--no-isolation", "--outdir", tmp_path / "dist")
    run(sys.executable, "-m", "build", *options, ROOT, cwd=empty)
    install(environment, *(tmp_path / "dist").glob("*.whl"), cwd=empty)
    assert str(ROOT) not in run(environment, "-c", FIND, cwd=empty).stdout
    quick = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--pyargs", "spec_tests.requirements")
    said = run(environment, "-m", "pytest", *quick, cwd=empty, REFPRUNE_PROFILE="smoke").stdout
    assert " passed" in said
    assert "failed" not in said
    left = {path.name for path in empty.iterdir()}
    assert left <= {".hypothesis"}, "the run left files behind"  # Hypothesis keeps a cache of Unicode tables
