"""A mutation run over the reference's own source, with cosmic-ray: outside of the gate, and resumable.

python -m spec_tests.kit.mutation run [MODULE ...]    make or go on with the sessions in build/mutation/
python -m spec_tests.kit.mutation page                write docs/results/mutation.md from them

Every mutant of a module meets the literal examples of what the module realises (spec_tests.kit.examples); whoever
survives those meets the whole suite of requirements. Mutations of annotations are left out: they change nothing that
runs. Survivors are explained in spec_tests/kit/survivors.json, or they are gaps.
"""

import ast
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from spec_tests.kit.coverage import ROOT
from spec_tests.kit.examples import ids_of
from spec_tests.specification import requirements

BUILD = ROOT / "build" / "mutation"
PAGE = ROOT / "docs" / "results" / "mutation.md"
EXPLAINED = Path(__file__).with_name("survivors.json")
MODULES = (
    "arrays", "backprop", "coupling", "criteria.criterion", "criteria.first_order", "criteria.magnitude",
    "criteria.random", "errors", "evidence", "folding", "granularity", "initialisation", "measure", "network", "ops",
    "pruning", "schedules", "selection", "shapes", "surgery", "training",
)  # fmt: skip
"""The core without the named architectures and without what reads files."""
EXAMPLES, WHOLE = "examples", "whole"
TIMEOUTS = {EXAMPLES: 60.0, WHOLE: 1200.0}


class Survivor(NamedTuple):
    """A mutant that nothing caught."""

    module: str
    operator: str
    line: int
    change: str
    """The removed and the added line."""

    @property
    def key(self) -> str:
        """Return what it is called in the list of explanations: without its line, which moves."""
        return f"{self.module} {self.operator} {self.change}"


def run(modules: Sequence[str]) -> None:
    """Go on with every module's session, one for each core at a time."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_session, modules))


def _session(module: str) -> None:
    """Meet the examples, then let the survivors meet the whole suite."""
    tree = _tree(module)
    first, second = (BUILD / f"{module}.{stage}.sqlite" for stage in (EXAMPLES, WHOLE))
    for stage, path in ((EXAMPLES, first), (WHOLE, second)):
        config = _config(module, stage)
        if not path.exists():
            if stage == EXAMPLES:
                _cosmic_ray("init", config, path, tree)
                _leave_out_annotations(path, tree / _source(module))
            else:
                _copy_survivors(first, path)
        _cosmic_ray("exec", config, path, tree)


def _tree(module: str) -> Path:
    """Return a copy of the project that may be broken: every module's mutants have one of their own."""
    tree = BUILD / f"tree-{module}"
    shutil.rmtree(tree, ignore_errors=True)
    for part in ("refprune", "spec_tests", "data", "docs"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def _source(module: str) -> str:
    return f"refprune/{module.replace('.', '/')}.py"


def _config(module: str, stage: str) -> Path:
    path = BUILD / f"{module}.{stage}.toml"
    lines = [
        "[cosmic-ray]", f'module-path = "{_source(module)}"', f"timeout = {TIMEOUTS[stage]}", "excluded-modules = []",
        f'test-command = "{_tests(module, stage)}"', "[cosmic-ray.distributor]", 'name = "local"',
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _tests(module: str, stage: str) -> str:
    """Return what a mutant meets: the examples, or everything, the chapters of the module first."""
    if stage == EXAMPLES:
        return f"{sys.executable} -m spec_tests.kit.examples {module}"
    folder = "spec_tests/requirements"
    chapters = dict.fromkeys(requirements()[name].chapter for name in ids_of(module))
    files = " ".join(f"{folder}/test_{chapter}.py" for chapter in chapters)
    return f"{sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider {files} {folder}"


def _cosmic_ray(command: str, config: Path, session: Path, tree: Path) -> None:
    """Run cosmic-ray in a tree, which is found before anything that is installed."""
    variables = os.environ | {"PYTHONPATH": str(tree), "REFPRUNE_PROFILE": "smoke", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "cosmic_ray.cli", command, str(config), str(session)]
    subprocess.run(words, cwd=tree, env=variables, check=True, stdout=subprocess.DEVNULL)


def _leave_out_annotations(session: Path, source: Path) -> None:
    """Take the mutations of annotations out of a session."""
    spans = list(_annotations(ast.parse(source.read_text(encoding="utf-8"))))
    with sqlite3.connect(session) as database:
        rows = database.execute("select job_id, start_pos_row, start_pos_col from mutation_specs").fetchall()
        inside = [(job,) for job, row, column in rows if any(first <= (row, column) < last for first, last in spans)]
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", inside)  # noqa: S608  two names of our own


def _annotations(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where each annotation begins and ends."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            found = getattr(node, name, None)
            if isinstance(found, ast.expr):
                yield (found.lineno, found.col_offset), (found.end_lineno or 0, found.end_col_offset or 0)


def _copy_survivors(first: Path, second: Path) -> None:
    """Make a session of the mutants that survived another."""
    shutil.copy(first, second)
    with sqlite3.connect(second) as database:
        database.execute("create temp table dead as select job_id from work_results where test_outcome != 'SURVIVED'")
        for table in ("mutation_specs", "work_items"):
            database.execute(f"delete from {table} where job_id in dead")  # noqa: S608  two names of our own
        database.execute("delete from work_results")


def survivors(module: str) -> list[Survivor]:
    """Return the mutants of a module that the whole suite did not catch."""
    with sqlite3.connect(BUILD / f"{module}.{WHOLE}.sqlite") as database:
        rows = database.execute(
            "select operator_name, start_pos_row, diff from mutation_specs join work_results using (job_id)"
            " where test_outcome = 'SURVIVED' order by start_pos_row, operator_name"
        ).fetchall()
    return [Survivor(module, operator.removeprefix("core/"), line, _change(diff)) for operator, line, diff in rows]


def _change(diff: str) -> str:
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def _numbers(module: str) -> tuple[int, int, int]:
    """Return how many mutants there were, how many the examples caught, and how many the rest."""
    with sqlite3.connect(BUILD / f"{module}.{EXAMPLES}.sqlite") as database:
        every = database.execute("select count(*) from work_results").fetchone()[0]
        left = database.execute("select count(*) from work_results where test_outcome = 'SURVIVED'").fetchone()[0]
    return every, every - left, left - len(survivors(module))


def page() -> str:
    """Return docs/results/mutation.md."""
    done = [module for module in MODULES if (BUILD / f"{module}.{WHOLE}.sqlite").exists()]
    left = ", ".join(module for module in MODULES if module not in done) or "none"
    numbers = {module: _numbers(module) for module in done}
    alive = [survivor for module in done for survivor in survivors(module)]
    lines = [
        "# Mutation of the reference",
        "",
        "Written by `python -m spec_tests.kit.mutation page`, after `... run`.",
        "",
    ]
    lines += [*_summary(sum(every for every, _, _ in numbers.values()), alive), f"Modules not run yet: {left}.", ""]
    lines += ["| module | mutants | caught by literal examples | by the rest | survive |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {m} | {n[0]} | {n[1]} | {n[2]} | {n[0] - n[1] - n[2]} |" for m, n in numbers.items()]
    lines += ["", "## Survivors", "", "| where | operator | change | why |", "|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, alive)]) + "\n"


def _summary(every: int, alive: Sequence[Survivor]) -> Iterator[str]:
    same = sum(_why(survivor).startswith("equivalent") for survivor in alive)
    caught = 100 * (every - len(alive)) / max(every - same, 1)
    yield f"{every} mutants made by cosmic-ray, those of annotations left out. {len(alive)} survive; of these {same}"
    yield f"are equivalent. Caught of those that are not: {caught:.1f} %."


def _why(survivor: Survivor) -> str:
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))
    return explained.get(survivor.key, "NOT EXPLAINED")


def _row(survivor: Survivor) -> str:
    change = survivor.change.replace("|", "\\|")
    return f"| {survivor.module}:{survivor.line} | {survivor.operator} | `{change}` | {_why(survivor)} |"


def main(arguments: list[str]) -> int:
    """Run, or write the page."""
    if arguments[:1] == ["page"]:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"written to {PAGE}")
        return 0
    if arguments[:1] == ["run"]:
        run(arguments[1:] or MODULES)
        return 0
    print("expected: run [MODULE ...], or page", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
