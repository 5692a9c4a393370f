"""`refprune-spec vectors fill | lint | copy`."""

import argparse
import shutil
from pathlib import Path

from refprune.data import shared_file
from spec_tests.kit.vectors.vector import EDITION, ROOT, folder, needs_checkout


def add_vectors(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with vectors."""
    commands = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    fill = commands.add_parser("fill", help="write the vectors of a checkout anew; what is published does not change")
    fill.add_argument("folder", nargs="?", type=Path, help="elsewhere than data/vectors/v0")
    lint = commands.add_parser("lint", help="are form, ids, flags, coverage and checksums as they should be?")
    lint.add_argument("folder", nargs="?", type=Path, help="other files than those that ship")
    copy = commands.add_parser("copy", help="copy the vectors, their schema and their pages into a folder")
    copy.add_argument("folder", type=Path, help="must not be there, or be empty")
    parser.set_defaults(command=vectors)


def vectors(options: argparse.Namespace) -> int:
    """Do it; 0 or, where the linter has found something, 1."""
    what = {"fill": _fill, "lint": _lint, "copy": _copy}
    return what[options.what](options.folder)


def _fill(where: Path | None) -> int:
    from spec_tests.kit.vectors.fill import fill

    if where is None:
        needs_checkout("vectors fill")
    target = where or shared_file(*ROOT) / EDITION
    print(f"{fill(target)} vectors in {target}")
    return 0


def _lint(where: Path | None) -> int:
    from spec_tests.kit.vectors.lint import faults

    found = faults(where or folder())
    print("\n".join(found) or "nothing to say against the vectors")
    return 1 if found else 0


def _copy(where: Path | None) -> int:
    assert where is not None
    if where.exists() and any(where.iterdir()):
        raise ValueError(f"copy: got {where}, which is not empty, expected an empty folder or none")
    shutil.copytree(shared_file(*ROOT), where, dirs_exist_ok=True)
    print(f"copied to {where}")
    return 0
