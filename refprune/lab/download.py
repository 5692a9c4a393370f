"""MNIST, fetched: `refprune data mnist`.

In: the addresses of folders that hold the four files, and a folder to put them into. Out: all four there, each with
the content that was published; or else the folder as it was, and one sentence on why. How the files are read and
refused: docs/spec/data.md.
"""

import argparse
import gzip
import hashlib
import io
import os
import sys
import urllib.request
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from refprune.errors import InvalidInput
from refprune.lab.extras import installed
from refprune.lab.files import place
from refprune.lab.interrupts import interrupts_held


class Published(NamedTuple):
    """A file as its authors published it.

    Attributes:
        name: of the file without its .gz.
        size: of the .gz, in bytes.
        sha256: of the .gz.
        content: the sha256 of what is in it.
    """

    name: str
    size: int
    sha256: str
    content: str

    @property
    def packed(self) -> str:
        """The name of the file that is fetched."""
        return f"{self.name}.gz"


class Progress(NamedTuple):
    """How a download is seen.

    Attributes:
        say: takes one line about what has just happened.
        move: takes the name of a file, its bytes so far (0 when it begins, also from a second source), and its size.
    """

    say: Callable[[str], None]
    move: Callable[[str, int, int], None]


class DownloadFailed(OSError):
    """What should be there is not: in one sentence which file, from where, what was got and what was expected."""


class _SourceFailed(Exception):
    """One source does not give the file: what was got instead."""


MNIST = (
    Published(
        "train-images-idx3-ubyte",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    Published(
        "train-labels-idx1-ubyte",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    Published(
        "t10k-images-idx3-ubyte",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    Published(
        "t10k-labels-idx1-ubyte",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
"""The four files of MNIST."""

SOURCES = ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/")
"""Where the files are, tried in this order, file by file."""

TIMEOUT = 10.0
"""Seconds without one byte from a server after which it is given up."""

_CHUNK = 2**14
"""Bytes that are read, hashed and written at a time."""

_HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.UnknownHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
)
"""urllib's handlers, less those of file:, ftp: and data:, so that no redirection leads there either."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune data`."""
    parser = commands.add_parser(
        "data",
        help="fetch a data set",
        description="Fetch the four files of MNIST, 11.6 MB. All of them arrive, or nothing changes.",
    )
    parser.set_defaults(work=_work)
    parser.add_argument("name", choices=("mnist",), help="which data")
    parser.add_argument("--from", dest="source", metavar="URL", help=f"in place of {' and '.join(SOURCES)}")
    parser.add_argument(
        "--to",
        type=place,
        metavar="FOLDER",
        help="the files go into FOLDER/mnist (default: $REFPRUNE_DATA, or else refprune in the user's cache folder)",
    )
    parser.add_argument("--force", action="store_true", help="replace .gz files of another content")
    parser.add_argument("--quiet", action="store_true", help="print the final line only")


def data_folder() -> Path:
    """Return where data is kept: $REFPRUNE_DATA, or else refprune in the user's cache folder; empty is unset.

    Raises:
        InvalidInput: this user has no home folder.
    """
    if named := os.environ.get("REFPRUNE_DATA"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if cache.is_absolute():  # the convention says that any other is to be ignored
        return cache / "refprune"
    try:
        return Path.home() / ".cache" / "refprune"
    except RuntimeError as error:
        raise InvalidInput("REFPRUNE_DATA", "nothing, and no home folder", "the folder of the data") from error


def published(folder: Path, files: Iterable[Published] = MNIST) -> dict[str, bool]:
    """Say of each file that is there, plain or packed, whether its content is the published one.

    Data in the same format is just as good to train on, but its results are not results on MNIST.

    Args:
        folder: where the files are.
        files: what was published.

    Returns:
        Name without .gz -> whether, for those that are there. Of a plain and a packed file the plain one counts: it is
        the one that is read.

    Raises:
        OSError: a file is there and cannot be read.
    """
    standing = {file: _standing(folder, file) for file in files}
    return {file.name: _content(path) == file.content for file, path in standing.items() if path}


def fetch(
    files: Sequence[Published],
    folder: Path,
    sources: Sequence[str],
    progress: Progress,
    *,
    force: bool,
    timeout: float,
) -> list[str]:
    """Put the files into a folder, which is made when missing: all that are not there yet, or none.

    Each is renamed into its place when the last one has arrived, so that a place holds a whole file at any time.

    Args:
        files: what is wanted.
        folder: where to.
        sources: http or https addresses of folders, tried in order for each file.
        progress: is told what happens.
        force: whether a .gz file of another content is replaced.
        timeout: seconds without a byte after which a server is given up.

    Returns:
        The names of the files that were fetched.

    Raises:
        DownloadFailed: no source gives a file; a file of another content is in its place; the disk is full.
        OSError: the folder cannot be made, read or written to.
    """
    missing = [file for file in files if not _is_there(folder, file, progress, force=force)]
    # Names that no other process uses: what is there under them is this call's, and may go.
    arriving = {file: folder / f".{file.packed}.{os.getpid()}" for file in missing}
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, temporary in arriving.items():
            _fetch_one(file, temporary, sources, progress, timeout)
        with interrupts_held():
            for file, temporary in arriving.items():
                temporary.replace(folder / file.packed)
    finally:
        for temporary in arriving.values():
            if temporary.exists():
                temporary.unlink()
        for path in made:
            with suppress(OSError):  # it holds something now, as it should
                path.rmdir()
    return [file.packed for file in missing]


def _work(options: argparse.Namespace) -> int:
    """Fetch what the options name; return the exit code."""
    if options.source is not None and not _is_address(options.source):
        expected = "the address of a folder: http:// or https://, a host, and no user, query or fragment"
        raise InvalidInput("--from", repr(options.source), expected)
    sources = SOURCES if options.source is None else (options.source,)
    folder = (data_folder() if options.to is None else options.to) / options.name
    with _shown(quiet=options.quiet) as progress:
        fetched = fetch(MNIST, folder, sources, progress, force=options.force, timeout=TIMEOUT)
    print(f"{options.name}: {len(MNIST)} files in {folder}, {len(fetched)} of them fetched now", flush=True)
    return 0


def _is_address(text: str) -> bool:
    """Say whether a name can be put behind this, and only http or https can come of it."""
    try:
        parts = urlsplit(text)
        named = parts.hostname and parts.port != 0  # reading the port raises when it is none
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not set(text) & set(" ?#@<>\\")
    return bool(named) and plain and parts.scheme in ("http", "https")


def _standing(folder: Path, file: Published) -> Path | None:
    """Find what is read as this file: the plain one, or else the one with .gz."""
    return next((path for path in (folder / file.name, folder / file.packed) if path.exists()), None)


def _content(path: Path) -> str:
    """Return the sha256 of a file's content, unpacked where it says gzip; empty where it is broken gzip."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return hashlib.file_digest(gzip.GzipFile(fileobj=file) if packed else file, "sha256").hexdigest()
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return ""


def _is_there(folder: Path, file: Published, progress: Progress, *, force: bool) -> bool:
    """Say whether a file need not be fetched; refuse one of another content that may not be replaced."""
    path = _standing(folder, file)
    if path is None:
        return False
    got = _content(path)
    if got == file.content:
        progress.say(f"{path.name}: already there")
        return True
    if path.name == file.name:
        way = f"move it away: it is read in place of {file.packed}, and never replaced"
    elif not force:
        way = "--force replaces it"
    else:
        return False
    got = f"content of sha256 {got}" if got else "broken gzip"
    raise DownloadFailed(f"{path}: got {got}, expected {file.content}, and nothing has changed; {way}")


def _fetch_one(file: Published, temporary: Path, sources: Sequence[str], progress: Progress, timeout: float) -> None:
    """Write a file, from the first source that gives it."""
    failures = []
    for source in sources:
        url = f"{source.rstrip('/')}/{file.packed}"
        progress.say(f"{file.packed}: {file.size:,} bytes from {source}")
        try:
            _receive(file, url, temporary, progress, timeout)
        except _SourceFailed as error:
            failures.append(f"from {url} got {error}")
            progress.say(f"{file.packed}: {failures[-1]}")
        else:
            progress.say(f"{file.packed}: arrived whole")
            return
    raise DownloadFailed(
        f"{file.packed}: {'; '.join(failures)}; expected {file.size} bytes of sha256 {file.sha256}, and nothing has "
        f"changed; put the files into {temporary.parent} by hand, or name another source with --from"
    )


def _receive(file: Published, url: str, temporary: Path, progress: Progress, timeout: float) -> None:
    """Write what a server sends for a file, never more than its size, and check it."""
    digest, received = hashlib.sha256(), 0
    progress.move(file.packed, 0, file.size)
    # Unbuffered: closing the file writes nothing more, so a full disk is noticed in one place.
    with closing(_chunks(url, timeout)) as chunks, temporary.open("wb", buffering=0) as target:
        for chunk in chunks:
            received += len(chunk)
            if received > file.size:
                raise _SourceFailed(f"more than {file.size} bytes")
            digest.update(chunk)
            _write(target, chunk, temporary)
            progress.move(file.packed, received, file.size)
    if received < file.size:
        raise _SourceFailed(f"{received} bytes")
    if digest.hexdigest() != file.sha256:
        raise _SourceFailed(f"{received} bytes of sha256 {digest.hexdigest()}")


def _chunks(url: str, timeout: float) -> Generator[bytes, None, None]:
    """Yield what a server sends; only what goes wrong on the way is turned into _SourceFailed."""
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    try:
        with opener.open(url, timeout=timeout) as response:
            while chunk := response.read(_CHUNK):
                yield chunk
    except HTTPError as error:
        with error:  # it holds the connection
            raise _SourceFailed(f"HTTP status {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a host that is no name
        reason = error.reason if isinstance(error, URLError) else error
        silent = isinstance(reason, TimeoutError)
        said = f"nothing for {timeout:g} seconds" if silent else getattr(reason, "strerror", None) or str(reason)
        raise _SourceFailed(said) from error


def _write(target: io.FileIO, chunk: bytes, path: Path) -> None:
    """Write all of a chunk; an error of the disk names no file by itself."""
    try:
        while chunk:
            chunk = chunk[target.write(chunk) :]
    except OSError as error:
        raise DownloadFailed(f"{path.parent}: {error.strerror}; nothing has changed") from error


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Progress]:
    """Give what shows a download: nothing, plain lines, or lines and a bar on a terminal."""
    if quiet:
        yield Progress(_say_nothing, _move_nothing)
    elif not sys.stdout.isatty():
        yield Progress(_say, _move_nothing)
    elif installed("rich"):
        with _bar() as progress:
            yield progress
    else:
        _say('for a progress bar (rich): python -m pip install "refprune[lab]"')
        yield Progress(_say, _move_nothing)


@contextmanager
def _bar() -> Iterator[Progress]:
    """Give lines, and below them a bar for the file that is on its way; the bar is gone at the end."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, TimeRemainingColumn(), transient=True) as bars:
        task = bars.add_task("", visible=False)

        def say(line: str) -> None:
            bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

        def move(name: str, received: int, size: int) -> None:
            if received == 0:
                bars.reset(task, total=size, description=name)
            bars.update(task, completed=received, visible=received < size)

        yield Progress(say, move)


def _say(line: str) -> None:
    print(line, flush=True)


def _say_nothing(line: str) -> None:
    pass


def _move_nothing(name: str, received: int, size: int) -> None:
    pass
