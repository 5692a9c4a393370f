"""A testee in C++: one file, and how it is built."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "testee.cpp"
FLAGS = ("-O2", "-std=c++17", "-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror")


def compiler() -> str | None:
    """Return the path of g++, if there is one."""
    return shutil.which("g++")


def build(program: Path, *defined: str) -> Path:
    """Build the testee, with these macros defined, and return the program."""
    command = [compiler() or "g++", *FLAGS, *(f"-D{name}" for name in defined), str(SOURCE), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program
