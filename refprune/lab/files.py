"""Places that are written to: refused before any work where nothing can be, and never left half written.

In: a path, and what goes there. Out: the file, whole, or what stood there before; an error names the path that was
meant, and no temporary one.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refprune.errors import InvalidInput


def place(text: str) -> Path:
    """Return the path that is written there; none is what a variable leaves that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("got '', expected a path; this folder is .")
    return Path(text)


def check_writable(path: Path) -> None:
    """Refuse a path that no file can be written to, without making anything: a run should not end with this.

    Raises:
        InvalidInput: it is a folder, or the nearest folder above it that exists is none, or takes no files.
    """
    if path.is_dir():
        raise InvalidInput(str(path), "a folder", "a file, or a name that is free")
    above = _nearest(path.absolute().parent)
    if not above.is_dir():
        raise InvalidInput(str(path), f"{above}, which is no folder", "a place below a folder")
    try:
        with tempfile.TemporaryFile(dir=above):
            pass  # what the rights allow, the file system may not
    except OSError as error:
        got = f"{above}, where no file can be made ({error.strerror})"
        raise InvalidInput(str(path), got, "a place that can be written to") from error


def check_room(folder: Path, needed: int) -> None:
    """Refuse a folder, there or not yet, on a disk with less than `needed` bytes free."""
    free = shutil.disk_usage(_nearest(folder.absolute())).free
    if free < needed:
        raise InvalidInput(str(folder), f"a disk with {free:,} bytes free", f"{needed:,} or more")


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest above it that is there."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say of an error of the system what was to be written: the outermost path is what the user knows."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error


def cannot_write(path: Path, reason: str) -> OSError:
    """Return the error of something that could not be written: a failure, and no wrong usage."""
    error = OSError(f"{path}: got {reason}, expected a place that can be written to, with room")
    error.strerror = reason
    return error


def write_atomically(path: Path, document: dict[str, Any]) -> None:
    """Write JSON so that `path` holds either all of it or what it held before."""
    write_text_atomically(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def write_text_atomically(path: Path, text: str) -> None:
    """Write text so that `path` holds either all of it or what it held before."""
    write_bytes_atomically(path, text.encode())


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write bytes so that `path` holds either all of them or what it held before."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
