"""`refprune-spec init`: the files a maintainer begins with."""

import shlex
import shutil
from pathlib import Path

import spec_tests
from spec_tests.kit import known

PACKAGE = Path(spec_tests.__file__).parent
KNOWN = "known_failures.json"
FILES = {
    "python": ("kit/scaffold/adapter.py", "kit/scaffold/workflow.yml"),
    "c++": ("backends/cpp/testee.cpp",),
}
"""Language -> what is copied; an empty list of known failures goes with it."""
BACKENDS = {"python": "adapter:BACKEND", "c++": "exec:./testee"}
FIRST = {"python": "", "c++": "g++ -O2 -std=c++17 testee.cpp -o testee && "}
"""What comes before a run."""


def init(language: str, folder: Path) -> str:
    """Write the files into a folder and return what to do next; nothing is overwritten."""
    names = [*(Path(name).name for name in FILES[language]), KNOWN]
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise ValueError(f"init: got {folder / there[0]} already there, expected a folder without it")
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES[language]:
        shutil.copy(PACKAGE / name, folder / Path(name).name)
    (folder / KNOWN).write_text(known.written([], BACKENDS[language], {}), encoding="utf-8")
    go = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    return f"written to {folder}: {', '.join(names)}\nnow: {go}{FIRST[language]}{_run(language)}"


def _run(language: str) -> str:
    return f"refprune-spec run --backend {BACKENDS[language]}"
