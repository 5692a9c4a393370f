"""`refprune data mnist` against a real server: what arrives, what is refused, and that nothing is left behind."""

import gzip
import hashlib
import json
import os
import pty
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refprune.data import mnist
from refprune.errors import InvalidInput
from refprune.lab import cli, download
from refprune.lab.download import DownloadFailed, Progress, Published, data_folder, fetch, published

NAMES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
CONTENTS = {name: random.Random(name).randbytes(100_000 + place) for place, name in enumerate(NAMES)}  # noqa: S311  no secret
"""Small files in place of the real ones: seven chunks each, since 6 * 2**14 < 100_000 < 7 * 2**14."""
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
FIRST, *_, LAST = PACKED
QUIET = Progress(lambda line: None, lambda name, received, size: None)  # noqa: ARG005  nothing is shown


def pinned(name: str, packed: bytes) -> Published:
    """Pin a file as it is."""
    hashes = [hashlib.sha256(raw).hexdigest() for raw in (packed, gzip.decompress(packed))]
    return Published(name.removesuffix(".gz"), len(packed), *hashes)


TABLE = tuple(pinned(name, packed) for name, packed in PACKED.items())


# A server that can be told to misbehave


@dataclass
class Answer:
    """What the server sends for one file."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    """Content-Length, if not said here, is that of the body; none is sent when it is empty."""
    then: str = "close"
    """How it ends: close, reset, or stall until the server stops; or silence, without even a beginning."""
    pause: float = 0.0
    """Seconds before the second half."""


class Site(ThreadingHTTPServer):
    """A server on loopback; `answers` says what it sends, `requests` what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/some/folder/"
        self.stopping = threading.Event()
        self.reset()

    def reset(self) -> None:
        """Send every file as it is."""
        self.answers = {name: Answer(packed) for name, packed in PACKED.items()}
        self.requests: list[str] = []

    def shutdown_request(self, request: Any) -> None:
        """Close at once: with SO_LINGER of 0 this is a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """Sends what the site says."""

    server: Site

    def do_GET(self) -> None:
        """Answer, or not."""
        folder, name = self.path.rsplit("/", 1)
        self.server.requests.append(name)
        answer = self.server.answers.get(name, Answer(status=404)) if folder == "/some/folder" else Answer(status=404)
        if answer.then == "silence":
            self.server.stopping.wait(60)
            return
        self.send_response_only(answer.status)
        for key, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        half = len(answer.body) // 2
        self.wfile.write(answer.body[:half])
        self.server.stopping.wait(answer.pause)
        self.wfile.write(answer.body[half:])
        if answer.then == "stall":
            self.server.stopping.wait(60)
        elif answer.then == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    """Give a server on a port that was free."""
    with Site() as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.stopping.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def site(running: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give the server as it should be, and let the command want its small files."""
    running.reset()
    monkeypatch.setattr(download, "MNIST", TABLE)
    for name in ("REFPRUNE_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return running


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """Give an address at which nobody listens: the port is taken, so that nobody can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def left_in(folder: Path) -> list[str]:
    """Return everything below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def asked(*arguments: object) -> int:
    """Run `refprune data mnist` with these options; return the exit code."""
    return cli.main(["data", "mnist", *map(str, arguments)])


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one sentence on stderr."""
    said = capsys.readouterr().err
    assert said.startswith("refprune: ")
    assert (said.count("\n"), said[-1]) == (1, "\n")
    return said


# What arrives


@pytest.mark.parametrize("slash", ["", "/"])
def test_complete(slash: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All four files, whole; a line when each begins and one when it has arrived."""
    source = site.url.rstrip("/") + slash
    assert asked("--from", source, "--to", tmp_path / "new") == 0
    folder = tmp_path / "new" / "mnist"
    assert left_in(tmp_path) == ["new", "new/mnist", *(f"new/mnist/{name}" for name in sorted(PACKED))]
    assert {name: (folder / name).read_bytes() for name in PACKED} == PACKED
    assert site.requests == list(PACKED)
    said = capsys.readouterr()
    lines = [
        (f"{name}: {len(packed):,} bytes from {source}", f"{name}: arrived whole") for name, packed in PACKED.items()
    ]
    assert said.out.splitlines() == [
        *(line for pair in lines for line in pair),
        f"mnist: 4 files in {folder}, 4 of them fetched now",
    ]
    assert said.err == ""


def test_quiet(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("--from", site.url, "--to", tmp_path, "--quiet") == 0
    assert capsys.readouterr() == (f"mnist: 4 files in {tmp_path / 'mnist'}, 4 of them fetched now\n", "")


def test_default_folder(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$REFPRUNE_DATA, else $XDG_CACHE_HOME/refprune, else ~/.cache/refprune; empty is unset, and so is relative."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_folder() == tmp_path / "home" / ".cache" / "refprune"
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert data_folder() == tmp_path / "home" / ".cache" / "refprune"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("REFPRUNE_DATA", "")
    assert data_folder() == tmp_path / "cache" / "refprune"
    monkeypatch.setenv("REFPRUNE_DATA", str(tmp_path / "data"))
    assert data_folder() == tmp_path / "data"
    assert asked("--from", site.url) == 0
    assert left_in(tmp_path) == ["data", "data/mnist", *(f"data/mnist/{name}" for name in sorted(PACKED))]


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("REFPRUNE_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(InvalidInput, match=r"^REFPRUNE_DATA: got nothing, and no home folder, expected the folder"):
        data_folder()


def test_progress(site: Site, tmp_path: Path) -> None:
    """Each file from 0 to its size, in chunks, never backwards."""
    seen: dict[str, list[tuple[int, int]]] = {}
    progress = Progress(
        lambda line: None,  # noqa: ARG005  lines do not matter
        lambda name, received, size: seen.setdefault(name, []).append((received, size)),
    )
    names = fetch(TABLE, tmp_path / "new", [site.url], progress, force=False, timeout=5)
    assert names == list(seen) == list(PACKED)
    for name, steps in seen.items():
        received = [step[0] for step in steps]
        assert (received[0], received[-1]) == (0, len(PACKED[name]))
        assert received == sorted(set(received))
        assert len(received) == 1 + 7
        assert {size for _, size in steps} == {len(PACKED[name])}


def test_what_arrived_can_be_read(site: Site, tmp_path: Path) -> None:
    """From the server to arrays: 5001 training images, all 0, and 2 test images."""
    files = {
        name: gzip.compress(b"\x00\x00\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + body)
        for name, sizes, body in (
            (NAMES[0], (5001, 28, 28), bytes(5001 * 784)),
            (NAMES[1], (5001,), bytes(5001)),
            (NAMES[2], (2, 28, 28), bytes(2 * 784)),
            (NAMES[3], (2,), b"\x03\x04"),
        )
    }
    site.answers = {f"{name}.gz": Answer(packed) for name, packed in files.items()}
    table = [pinned(name, packed) for name, packed in files.items()]
    fetch(table, tmp_path, [site.url], QUIET, force=False, timeout=5)
    assert [len(part.labels) for part in mnist(tmp_path)] == [1, 5000, 2]
    assert published(tmp_path, table) == dict.fromkeys(NAMES, True)
    assert published(tmp_path) == dict.fromkeys(NAMES, False)


def test_the_table() -> None:
    """The four files that mnist() reads; sizes and hashes of the right form, none of them twice."""
    assert tuple(file.name for file in download.MNIST) == NAMES
    assert sum(file.size for file in download.MNIST) == 11_594_722
    hashes = [text for file in download.MNIST for text in (file.sha256, file.content)]
    assert len(set(hashes)) == 8
    assert all(len(bytes.fromhex(text)) == 32 for text in hashes)


def test_redirection(site: Site, tmp_path: Path) -> None:
    """To another name is followed."""
    site.answers["elsewhere"] = site.answers[LAST]
    site.answers[LAST] = Answer(status=302, headers={"Location": "elsewhere"})
    assert asked("--from", site.url, "--to", tmp_path) == 0
    assert (tmp_path / "mnist" / LAST).read_bytes() == PACKED[LAST]


# What does not arrive

HALF = len(PACKED[LAST]) // 2
OTHER = bytes([PACKED[LAST][0] ^ 1]) + PACKED[LAST][1:]
BROKEN: dict[str, tuple[Answer, str]] = {
    "not found": (Answer(b"no such page", 404), "got HTTP status 404"),
    "server error": (Answer(b"oh", 500), "got HTTP status 500"),
    "forbidden": (Answer(b"", 403), "got HTTP status 403"),
    "login page": (Answer(b"<html>"), "got 6 bytes;"),
    "empty": (Answer(b""), "got 0 bytes;"),
    "no content": (Answer(b"", 204), "got 0 bytes;"),
    "closed early": (
        Answer(PACKED[LAST][:HALF], headers={"Content-Length": str(len(PACKED[LAST]))}),
        f"got {HALF} bytes;",
    ),
    "one byte short": (Answer(PACKED[LAST][:-1]), f"got {len(PACKED[LAST]) - 1} bytes;"),
    "one byte long": (Answer(PACKED[LAST] + b"x"), f"got more than {len(PACKED[LAST])} bytes"),
    "endless": (
        Answer(PACKED[LAST] * 2, headers={"Content-Length": ""}, then="stall"),
        f"got more than {len(PACKED[LAST])} bytes",
    ),
    "another content": (Answer(OTHER), f"got {len(OTHER)} bytes of sha256 {hashlib.sha256(OTHER).hexdigest()}"),
    "reset": (
        Answer(PACKED[LAST][:HALF], headers={"Content-Length": str(len(PACKED[LAST]))}, then="reset"),
        "got Connection reset by peer",
    ),
    "stalled": (
        Answer(PACKED[LAST][:HALF], headers={"Content-Length": str(len(PACKED[LAST]))}, then="stall"),
        "got nothing for 1 seconds",
    ),
    "silent": (Answer(then="silence"), "got nothing for 1 seconds"),
    "bad chunk": (
        Answer(b"zz\r\nhello", headers={"Content-Length": "", "Transfer-Encoding": "chunked"}),
        "got IncompleteRead",
    ),
    "to a file": (Answer(status=302, headers={"Location": "file:///etc/hostname"}), "got HTTP status 302"),
    "to ftp": (Answer(status=302, headers={"Location": "ftp://127.0.0.1/x"}), "got unknown url type: ftp"),
    "to itself": (Answer(status=302, headers={"Location": LAST}), "got HTTP status 302"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command give a server up after a second."""
    monkeypatch.setattr(download, "TIMEOUT", 1.0)


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.usefixtures("impatient")
def test_broken(how: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last file does not arrive: exit code 1, one sentence, and the three before it are not left either."""
    (tmp_path / "mine").write_text("mine")
    site.answers[LAST], got = BROKEN[how]
    began = time.monotonic()
    assert asked("--from", site.url, "--to", tmp_path / "new" / "deep") == 1
    assert time.monotonic() - began < 8
    said = sentence(capsys)
    assert f"{LAST}: from {site.url}{LAST} {got}" in said
    assert f"expected {len(PACKED[LAST])} bytes of sha256 {hashlib.sha256(PACKED[LAST]).hexdigest()}" in said
    assert "nothing has changed" in said
    assert f"put the files into {tmp_path / 'new' / 'deep' / 'mnist'} by hand" in said
    assert "--from" in said
    assert left_in(tmp_path) == ["mine"]


def test_broken_keeps_what_was_there(site: Site, tmp_path: Path) -> None:
    """Under --force too: a file of another content goes only when all that is wanted has arrived."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / FIRST).write_bytes(gzip.compress(b"mine"))
    site.answers[LAST] = Answer(status=404)
    assert asked("--from", site.url, "--to", tmp_path, "--force") == 1
    assert site.requests == list(PACKED)
    assert left_in(tmp_path) == ["mnist", f"mnist/{FIRST}"]
    assert gzip.decompress((folder / FIRST).read_bytes()) == b"mine"


def test_empty_folder_stays(site: Site, tmp_path: Path) -> None:
    """Only folders that the command made go again."""
    (tmp_path / "there").mkdir()
    site.answers = {}
    assert asked("--from", site.url, "--to", tmp_path / "there") == 1
    assert left_in(tmp_path) == ["there"]


@given(st.data(), st.booleans(), st.sampled_from(("close", "reset")))
def test_cut_anywhere(running: Site, data: st.DataObject, honest: bool, then: str) -> None:  # noqa: FBT001  drawn
    """A body cut off at any byte, whatever its Content-Length says, is refused and leaves nothing."""
    running.reset()
    place = data.draw(st.integers(0, 3))
    name, packed = list(PACKED.items())[place]
    cut = data.draw(st.integers(0, len(packed) - 1))
    length = cut if honest else data.draw(st.integers(cut, len(packed) + 1))
    running.answers[name] = Answer(packed[:cut], headers={"Content-Length": str(length)}, then=then)
    with TemporaryDirectory() as made:
        with pytest.raises(DownloadFailed, match=f"^{name}: from {running.url}{name} got .*, and nothing has changed;"):
            fetch(TABLE, Path(made) / "new" / "mnist", [running.url], QUIET, force=False, timeout=5)
        assert left_in(Path(made)) == []
    assert running.requests == list(PACKED)[: place + 1]


def test_interrupted(site: Site, tmp_path: Path) -> None:
    """Ctrl-C in the middle of any file."""
    for name in PACKED:

        def move(moving: str, received: int, size: int, name: str = name) -> None:
            if moving == name and 0 < received < size:
                assert any(path.startswith("new/mnist/.") for path in left_in(tmp_path))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetch(
                TABLE,
                tmp_path / "new" / "mnist",
                [site.url],
                Progress(QUIET.say, move),
                force=False,
                timeout=5,
            )
        assert left_in(tmp_path) == []


CHILD = """
import json, resource, sys
from refprune.lab import cli, download
table, limit, switched_off = json.loads(sys.argv[1])
download.MNIST = tuple(download.Published(*file) for file in table)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for name in switched_off:
    sys.modules[name] = None
sys.exit(cli.main(["data", "mnist", *sys.argv[2:]]))
"""


def child(*arguments: object, limit: int = 0, without: tuple[str, ...] = ()) -> list[str]:
    """Return the command line of the command in a process of its own, for the small files."""
    return [sys.executable, "-c", CHILD, json.dumps([TABLE, limit, without]), *map(str, arguments)]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopped(signum: int, site: Site, tmp_path: Path) -> None:
    """The real signals, while the last file stands still: exit code 130, one sentence, nothing left."""
    site.answers[LAST] = BROKEN["stalled"][0]
    pipe = subprocess.PIPE
    command = child("--from", site.url, "--to", tmp_path / "new")
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert any(LAST in line for line in iter(process.stdout.readline, ""))
        process.send_signal(signum)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "refprune: interrupted\n")
    assert left_in(tmp_path) == []


def test_full_disk(site: Site, tmp_path: Path) -> None:
    """All of the first file fits but its last byte: what is written of a chunk is not taken for all of it."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / LAST).write_bytes(b"mine")
    command = child("--from", site.url, "--to", tmp_path, "--force", limit=len(PACKED[FIRST]) - 1)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"refprune: {folder}: File too large; nothing has changed\n")
    assert site.requests == [FIRST]
    assert left_in(tmp_path) == ["mnist", f"mnist/{LAST}"]
    assert (folder / LAST).read_bytes() == b"mine"


@pytest.mark.parametrize("to", ["file", "file/new", "folder"])
def test_no_folder(to: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where a folder should be: nothing is fetched."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mnist").write_text("mine")
    before = left_in(tmp_path)
    assert asked("--from", site.url, "--to", tmp_path / to) == 1
    assert str(tmp_path / to) in sentence(capsys)
    assert site.requests == []
    assert left_in(tmp_path) == before


# More than one source


def test_second_source(
    site: Site, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the first one does not give comes from the second, and it is said."""
    monkeypatch.setattr(download, "SOURCES", (nobody, site.url))
    assert asked("--to", tmp_path) == 0
    assert {name: (tmp_path / "mnist" / name).read_bytes() for name in PACKED} == PACKED
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == [
        f"{FIRST}: {len(PACKED[FIRST]):,} bytes from {nobody}",
        f"{FIRST}: from {nobody}{FIRST} got Connection refused",
        f"{FIRST}: {len(PACKED[FIRST]):,} bytes from {site.url}",
        f"{FIRST}: arrived whole",
    ]


@pytest.mark.parametrize("how", ["not found", "one byte long", "another content", "stalled"])
@pytest.mark.usefixtures("impatient")
def test_file_by_file(how: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first source has three good files and one that is broken; the second is asked for that one only."""
    site.answers[FIRST] = BROKEN[how][0]
    with Site() as second:
        thread = threading.Thread(target=second.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            monkeypatch.setattr(download, "SOURCES", (site.url, second.url))
            assert asked("--to", tmp_path) == 0
            assert second.requests == [FIRST]
        finally:
            second.shutdown()
            thread.join()
    assert site.requests == list(PACKED)
    assert {name: (tmp_path / "mnist" / name).read_bytes() for name in PACKED} == PACKED


def test_offline(
    nobody: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every source that was tried is named, and what to do."""
    monkeypatch.setattr(download, "SOURCES", (nobody, "http://a..b/"))
    assert asked("--to", tmp_path / "new", "--quiet") == 1
    said = sentence(capsys)
    assert f"{FIRST}: from {nobody}{FIRST} got Connection refused; from http://a..b/{FIRST} got " in said
    assert f"put the files into {tmp_path / 'new' / 'mnist'} by hand, or name another source with --from" in said
    assert site.requests == []
    assert left_in(tmp_path) == []


# What is there already


def test_again(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there, packed, packed otherwise or plain, is not fetched again, also with --force."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / f"{NAMES[0]}.gz").write_bytes(PACKED[FIRST])
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(CONTENTS[NAMES[1]], 1))
    (folder / NAMES[2]).write_bytes(CONTENTS[NAMES[2]])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert asked("--from", site.url, "--to", tmp_path, "--force") == 0
    assert site.requests == [LAST]
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [f"{NAMES[0]}.gz: already there", f"{NAMES[1]}.gz: already there", f"{NAMES[2]}: already there"]
    assert said[-1] == f"mnist: 4 files in {folder}, 1 of them fetched now"
    assert {path: path.read_bytes() for path in before} == before
    assert asked("--from", site.url, "--to", tmp_path) == 0
    assert site.requests == [LAST]
    assert capsys.readouterr().out.splitlines()[-1] == f"mnist: 4 files in {folder}, 0 of them fetched now"


@pytest.mark.parametrize(
    ("mine", "got"),
    [
        (gzip.compress(b"mine"), f"content of sha256 {hashlib.sha256(b'mine').hexdigest()}"),
        (b"mine", f"content of sha256 {hashlib.sha256(b'mine').hexdigest()}"),
        (PACKED[LAST][:-9], "broken gzip"),
        (PACKED[LAST] + b"mine", "broken gzip"),
        (b"", f"content of sha256 {hashlib.sha256(b'').hexdigest()}"),
    ],
    ids=["another content", "no gzip", "cut off", "with more behind it", "empty"],
)
def test_another_file_is_there(
    mine: bytes, got: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before anything is fetched, and stays; --force replaces it."""
    path = tmp_path / "mnist" / LAST
    path.parent.mkdir()
    path.write_bytes(mine)
    assert asked("--from", site.url, "--to", tmp_path) == 1
    content = hashlib.sha256(CONTENTS[NAMES[3]]).hexdigest()
    expected = f"{path}: got {got}, expected {content}, and nothing has changed; --force replaces it"
    assert sentence(capsys) == f"refprune: {expected}\n"
    assert site.requests == []
    assert (left_in(path.parent), path.read_bytes()) == ([LAST], mine)
    assert asked("--from", site.url, "--to", tmp_path, "--force") == 0
    assert (left_in(path.parent), path.read_bytes()) == (sorted(PACKED), PACKED[LAST])


def test_plain_file_of_another_content(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plain file is the one that is read: to fetch the other one would change nothing. It is never replaced."""
    path = tmp_path / "mnist" / NAMES[3]
    path.parent.mkdir()
    path.write_bytes(b"mine")
    for force in ((), ("--force",)):
        assert asked("--from", site.url, "--to", tmp_path, *force) == 1
        assert f"move it away: it is read in place of {LAST}" in sentence(capsys)
        assert site.requests == []
        assert (left_in(path.parent), path.read_bytes()) == ([NAMES[3]], b"mine")


def test_folder_in_the_place_of_a_file(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mnist" / LAST).mkdir(parents=True)
    assert asked("--from", site.url, "--to", tmp_path, "--force") == 1
    assert str(tmp_path / "mnist" / LAST) in sentence(capsys)
    assert site.requests == []


# What is published


def test_published(tmp_path: Path) -> None:
    """Only what is there is named; of a plain and a packed file the plain one counts, as when it is read."""
    assert published(tmp_path, TABLE) == {}
    for name, packed in PACKED.items():
        (tmp_path / name).write_bytes(packed)
    assert published(tmp_path, TABLE) == dict.fromkeys(NAMES, True)
    (tmp_path / NAMES[0]).write_bytes(b"mine")
    (tmp_path / f"{NAMES[1]}.gz").write_bytes(PACKED[f"{NAMES[1]}.gz"][:-1])
    (tmp_path / f"{NAMES[2]}.gz").unlink()
    (tmp_path / f"{NAMES[3]}.gz").write_bytes(CONTENTS[NAMES[3]])
    assert published(tmp_path, TABLE) == {NAMES[0]: False, NAMES[1]: False, NAMES[3]: True}


def test_published_needs_little_memory(tmp_path: Path) -> None:
    """A file that unpacks to 64 MiB is hashed piece by piece."""
    (tmp_path / FIRST).write_bytes(gzip.compress(bytes(2**26), 1))
    tracemalloc.start()
    try:
        assert published(tmp_path, TABLE) == {NAMES[0]: False}
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


# What is refused

ADDRESSES = (
    "file:///etc/hostname", "FILE:///etc/hostname", "file:etc", "url:file:///etc/hostname", "local-file:///etc",
    "ftp://127.0.0.1/", "data:,x", "/etc", "mnist", "", "http:", "http://", "http:///folder/", "http:127.0.0.1/",
    "<http://127.0.0.1/>", " http://127.0.0.1/", "http://127.0.0.1/a b/", "http://127.0.0.1/\n", "http://127.0.0.1:x/",
    "http://127.0.0.1:70000/", "http://127.0.0.1:0/", "http://[::1/", "http://127.0.0.1/?a=b", "http://127.0.0.1/#a",
    "http://me:secret@127.0.0.1/", "http://127.0.0.1/\u00e9/", "http:\\\\127.0.0.1\\",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address(address: str, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only http and https: exit code 2, one sentence, and nothing is made."""
    assert asked("--from", address, "--to", tmp_path / "new") == 2
    assert f"--from: got {address!r}, expected the address of a folder: http:// or https://" in sentence(capsys)
    assert site.requests == []
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("form", [str.upper, str.lower, lambda url: url.replace("127.0.0.1", "localhost")])
def test_addresses(form: Callable[[str], str], nobody: str, site: Site, tmp_path: Path) -> None:
    """Other ways to write an address are taken: it is tried, and nobody answers."""
    assert asked("--from", form(nobody), "--to", tmp_path / "new") == 1
    assert site.requests == []
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/", "data:,x", "mnist"])
def test_no_address_in_code(address: str, site: Site, tmp_path: Path) -> None:
    """The function opens nothing but http and https, whoever calls it."""
    with pytest.raises(DownloadFailed, match=r"got unknown url type: "):
        fetch(TABLE, tmp_path / "new", [address], QUIET, force=False, timeout=5)
    assert site.requests == []
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("arguments", [("data",), ("data", "cifar"), ("data", "mnist", "--nonsense")])
def test_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(arguments))
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("refprune")
    assert told.count("\n") == 1


# On a terminal


def on_a_terminal(command: list[str]) -> tuple[int, str]:
    """Run a command whose output is a terminal of 120 columns; return its exit code and what it wrote."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
        process.wait(timeout=60)
    os.close(ours)
    return process.returncode, written.decode()


def _read(terminal: int) -> bytes:
    """Read some of what is there; a terminal whose other side is closed is at its end."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_bar(site: Site, tmp_path: Path) -> None:
    """With rich: bytes, speed and a bar while a file is on its way, and the same lines."""
    site.answers[FIRST].pause = 0.5
    status, written = on_a_terminal(child("--from", site.url, "--to", tmp_path))
    assert status == 0
    assert "\x1b[?25l" in written  # the cursor is hidden while something moves
    assert re.search(r"train-images-idx3-ubyte.gz .*\u2501.*[1-9][\d.]*/100[.]1 kB.*B/s.*\d:\d\d:\d\d", written)
    for name in PACKED:
        assert f"{name}: arrived whole" in written
    assert f"mnist: 4 files in {tmp_path / 'mnist'}, 4 of them fetched now" in written


def test_bar_is_gone_when_it_breaks_off(site: Site, tmp_path: Path) -> None:
    """The cursor is back before the sentence is written."""
    site.answers[LAST] = BROKEN["closed early"][0]
    status, written = on_a_terminal(child("--from", site.url, "--to", tmp_path / "new"))
    assert status == 1
    assert written.index("\x1b[?25h") < written.index(f"refprune: {LAST}: from {site.url}{LAST} got {HALF} bytes")
    assert left_in(tmp_path) == []


def test_terminal_without_rich(site: Site, tmp_path: Path) -> None:
    """Plain lines, after one sentence on what to install; nothing of it with --quiet."""
    status, written = on_a_terminal(child("--from", site.url, "--to", tmp_path, without=("rich",)))
    assert status == 0
    lines = written.splitlines()
    assert lines[0] == 'for a progress bar (rich): python -m pip install "refprune[lab]"'
    assert lines[2] == f"{FIRST}: arrived whole"
    assert len(lines) == 10
    status, written = on_a_terminal(child("--from", site.url, "--to", tmp_path, "--quiet", without=("rich",)))
    assert (status, len(written.splitlines())) == (0, 1)
