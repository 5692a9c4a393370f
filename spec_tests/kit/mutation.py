"""A mutation run over the reference's own source, with cosmic-ray: outside of the gate, and resumable.

python -m spec_tests.kit.mutation run [MODULE ...]    make or go on with the sessions in build/mutation/
python -m spec_tests.kit.mutation again [MODULE ...]  let the survivors meet the suite as it is by now
python -m spec_tests.kit.mutation page                write docs/results/mutation.md from them

Every mutant of a module meets the literal examples of what the module realises (spec_tests.kit.examples); whoever
survives those meets the whole suite of requirements, and what the house promises beyond it. Mutations of annotations
are left out: they change nothing that runs. Survivors are explained in spec_tests/kit/survivors.json, or they are gaps;
one that is explained does not meet the whole suite, which would take a minute to say nothing.
"""

import ast
import compileall
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from py_compile import PycInvalidationMode
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
STAGES = {EXAMPLES: 60.0, WHOLE: 1200.0}
"""What a mutant meets, one after the other, and after how many seconds it counts as caught."""
HOUSE = "spec_tests/meta/test_house.py spec_tests/meta/test_sentences.py"
"""What the reference promises beyond the requirements: records that are frozen, the words of its errors."""


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
    """Go on with every module's sessions, a module for each core at a time; the slow stage after all quick ones."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        _check_unbroken(modules[0], EXAMPLES)
        list(pool.map(partial(_session, stage=EXAMPLES), modules))
        left = [module for module in modules if _open(module)]
        if left:
            _check_unbroken(left[0], WHOLE)
        list(pool.map(partial(_session, stage=WHOLE), modules))


def _check_unbroken(module: str, stage: str) -> None:
    """Refuse to go on when the reference as it is does not pass: everything would count as caught."""
    tree, words = _tree(module), _tests(module, stage)
    done = subprocess.run(words.split(), cwd=tree, env=_variables(tree), stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"the reference as it is does not pass: {words}")


def _session(module: str, stage: str) -> None:
    """Let the mutants of a module meet this stage."""
    tree, config, path = _tree(module), _config(module, stage), _database(module, stage)
    if stage == WHOLE:
        _go_on_with_survivors(module)
    elif not path.exists():
        _cosmic_ray("init", config, path, tree)
        _leave_out_annotations(path, tree / _source(module))
    _cosmic_ray("exec", config, path, tree)


def again(modules: Sequence[str]) -> None:
    """Forget what the survivors met, and run."""
    for module in modules:
        for stage in STAGES:
            with closing(sqlite3.connect(_database(module, stage))) as database, database:
                database.execute("delete from work_results where test_outcome = 'SURVIVED'")
    run(modules)


def _database(module: str, stage: str) -> Path:
    return BUILD / f"{module}.{stage}.sqlite"


def _tree(module: str) -> Path:
    """Return a copy of the project that may be broken: every module's mutants have one of their own."""
    tree = BUILD / f"tree-{module}"
    shutil.rmtree(tree, ignore_errors=True)
    for part in ("refprune", "spec_tests", "data", "docs"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for part in ("refprune", "spec_tests"):  # compiled by content, not by time: what is broken is compiled again
        compileall.compile_dir(tree / part, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return tree


def _source(module: str) -> str:
    return f"refprune/{module.replace('.', '/')}.py"


def _config(module: str, stage: str) -> Path:
    path = BUILD / f"{module}.{stage}.toml"
    lines = [
        "[cosmic-ray]", f'module-path = "{_source(module)}"', f"timeout = {STAGES[stage]}", "excluded-modules = []",
        f'test-command = "{_tests(module, stage)}"', "[cosmic-ray.distributor]", 'name = "local"',
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _tests(module: str, stage: str) -> str:
    """Return what a mutant meets: the examples, or everything, what is likely to catch it first."""
    if stage == EXAMPLES:
        return f"{sys.executable} -m spec_tests.kit.examples {module}"
    folder = "spec_tests/requirements"
    chapters = dict.fromkeys(requirements()[name].chapter for name in ids_of(module))
    files = " ".join(f"{folder}/test_{chapter}.py" for chapter in chapters)
    return f"{sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider {HOUSE} {files} {folder}"


def _cosmic_ray(command: str, config: Path, session: Path, tree: Path) -> None:
    """Run cosmic-ray in a tree."""
    words = [sys.executable, "-m", "cosmic_ray.cli", command, str(config), str(session)]
    subprocess.run(words, cwd=tree, env=_variables(tree), check=True, stdout=subprocess.DEVNULL)


def _variables(tree: Path) -> dict[str, str]:
    """Return an environment in which a tree is found before anything that is installed."""
    return os.environ | {"PYTHONPATH": str(tree), "REFPRUNE_PROFILE": "smoke", "PYTHONDONTWRITEBYTECODE": "1"}


def _leave_out_annotations(session: Path, source: Path) -> None:
    """Take the mutations of annotations out of a session."""
    spans = list(_annotations(ast.parse(source.read_text(encoding="utf-8"))))
    with closing(sqlite3.connect(session)) as database, database:
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


def _go_on_with_survivors(module: str) -> None:
    """Put into the session of the whole suite who has survived so far and is not explained."""
    asked = _open(module)
    first, path = _database(module, EXAMPLES), _database(module, WHOLE)
    if not path.exists():
        shutil.copy(first, path)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("delete from work_results")
    done, marks = "select job_id from work_results", ", ".join("?" * len(asked))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("attach ? as first", (str(first),))
        for table in ("mutation_specs", "work_items"):
            database.execute(f"delete from {table} where job_id not in ({done})")  # noqa: S608  names of our own
            chosen = f"select * from first.{table} where job_id in ({marks}) and job_id not in ({done})"  # noqa: S608
            database.execute(f"insert into {table} {chosen}", asked)


def _open(module: str) -> list[str]:
    """Return who has survived so far and is not explained."""
    return [job for job, survivor in _alive(module).items() if not _why(survivor)]


def _alive(module: str) -> dict[str, Survivor]:
    """Return the mutants of a module that neither stage has caught so far."""
    caught = {job for job, outcome in _outcomes(module, WHOLE) if outcome != "SURVIVED"}
    with closing(sqlite3.connect(_database(module, EXAMPLES))) as database:
        rows = database.execute(
            "select job_id, operator_name, start_pos_row, diff from mutation_specs join work_results using (job_id)"
            " where test_outcome = 'SURVIVED' order by start_pos_row, operator_name, occurrence"
        ).fetchall()
    return {
        job: Survivor(module, operator.removeprefix("core/"), line, _change(diff))
        for job, operator, line, diff in rows
        if job not in caught
    }


def _outcomes(module: str, stage: str) -> list[tuple[str, str]]:
    """Return what a stage said of each mutant that it has met."""
    path = _database(module, stage)
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        return database.execute("select job_id, test_outcome from work_results").fetchall()


def _change(diff: str) -> str:
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def _numbers(module: str) -> tuple[int, int, int]:
    """Return how many mutants there were, how many the examples caught, and how many of the others the rest."""
    outcomes = [outcome for _, outcome in _outcomes(module, EXAMPLES)]
    survived = outcomes.count("SURVIVED")
    return len(outcomes), len(outcomes) - survived, survived - len(_alive(module))


def page() -> str:
    """Return docs/results/mutation.md."""
    done = [module for module in MODULES if _database(module, WHOLE).exists()]
    left = ", ".join(module for module in MODULES if module not in done) or "none"
    numbers = {module: _numbers(module) for module in done}
    alive = [survivor for module in done for survivor in _alive(module).values()]
    lines = [
        "# Mutation of the reference",
        "",
        "Written by `python -m spec_tests.kit.mutation page`, after `... run`.",
        "",
    ]
    lines += [*_summary(sum(every for every, *_ in numbers.values()), alive), f"Modules not run yet: {left}.", ""]
    lines += [
        "| module | mutants | caught by its literal examples | by the rest | survive |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {m} | {' | '.join(map(str, n))} | {n[0] - sum(n[1:])} |" for m, n in numbers.items()]
    lines += ["", "## Survivors", "", "| where | operator | change | why |", "|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, alive)]) + "\n"


def _summary(every: int, alive: Sequence[Survivor]) -> Iterator[str]:
    same = sum(_why(survivor).startswith("equivalent") for survivor in alive)
    gaps = sum(not _why(survivor) for survivor in alive)
    caught = 100 * (every - len(alive)) / max(every - same, 1)
    yield f"{every} mutants made by cosmic-ray, those of annotations left out. {len(alive)} survive; of these {same}"
    yield f"are equivalent: they do the same, for the reason given, some of them slower. {gaps} are not explained."
    yield f"Caught of those that are not equivalent: {caught:.1f} %."


def _why(survivor: Survivor) -> str:
    """Return why nothing catches it; empty where that is not known."""
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))
    return explained.get(survivor.key, "")


def _row(survivor: Survivor) -> str:
    change = survivor.change.replace("|", "\\|")
    why = _why(survivor) or "NOT EXPLAINED"
    return f"| {survivor.module}:{survivor.line} | {survivor.operator} | `{change}` | {why} |"


def main(arguments: list[str]) -> int:
    """Run, or write the page."""
    if arguments[:1] == ["page"]:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"written to {PAGE}")
        return 0
    if arguments[:1] in (["run"], ["again"]):
        (run if arguments[0] == "run" else again)(arguments[1:] or MODULES)
        return 0
    print("expected: run [MODULE ...], again [MODULE ...], or page", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
