"""`refprune-spec init`: the files a maintainer begins with."""

import shutil
from pathlib import Path

import spec_tests

PACKAGE = Path(spec_tests.__file__).parent
FILES = {
    "python": ("kit/scaffold/adapter.py", "kit/scaffold/known_failures.json", "kit/scaffold/workflow.yml"),
    "c++": ("backends/cpp/testee.cpp", "kit/scaffold/known_failures.json"),
}
"""Language -> what is written."""
NEXT = {
    "python": "refprune-spec run --backend adapter:BACKEND",
    "c++": "g++ -O2 -std=c++17 testee.cpp -o testee && refprune-spec run --backend exec:./testee",
}


def init(language: str, folder: Path) -> str:
    """Write the files into a folder and return what to do next; nothing is overwritten."""
    names = FILES[language]
    there = [name for name in names if (folder / Path(name).name).exists()]
    if there:
        raise ValueError(f"init: got {folder / Path(there[0]).name} already there, expected a folder without it")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(PACKAGE / name, folder / Path(name).name)
    written = ", ".join(Path(name).name for name in names)
    return f"written to {folder}: {written}; now: cd {folder} && {NEXT[language]}"
