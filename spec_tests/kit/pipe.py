"""A backend in another process: its operations travel as lines over standard input and output.

What goes wrong on the way is a Fault or TimedOut, and never a refusal: the process is ended, and the next call starts
another one. Needs a POSIX system. The protocol: docs/wire.md.
"""

import os
import select
import signal
import subprocess
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from statistics import median
from time import monotonic, perf_counter
from typing import Any, NoReturn

import numpy as np

from refprune.arrays import Masks, Scores
from spec_tests.adapter import Declaration, SelectCase, Unsupported
from spec_tests.applicability import declared
from spec_tests.faults import Crashed, Malformed, TimedOut
from spec_tests.kit import wire

LIMIT = 64 * 2**20
"""Bytes of the longest answer."""
GRACE = 2.0
"""Seconds in which a process that has closed a pipe, or is told to stop, has to end."""
TAIL = 2000
"""Bytes of standard error that a message shows: the last ones."""
AWAKE = 0.0005
"""Seconds before it sleeps until an answer comes."""
CHUNK = 2**16
"""Bytes read at once: what a pipe holds."""


class Refused(Exception):
    """The library's own error, in its own words."""


class PipeBackend:
    """The backend behind a command. Its process starts with the first call, and is shared by all that follow."""

    def __init__(self, command: Sequence[str], timeout: float = 60.0, limit: int = LIMIT) -> None:
        self.command, self.timeout, self.limit = list(command), timeout, limit
        self.process: Process | None = None
        self._declaration: Declaration | None = None
        self._seq = 0

    @property
    def declaration(self) -> Declaration:
        """What the process declared when it was first started."""
        if self._declaration is None:
            with self._ended_by_faults():
                self._start()
        assert self._declaration is not None
        return self._declaration

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operation of the adapter."""
        if name not in wire.OPERATIONS or name == "session_select":
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return self._begin if name == "begin" else partial(self.ask, name)

    def _begin(self, case: SelectCase) -> "PipeSession":
        number = self.ask("begin", case)
        return PipeSession(self, self.process, number)

    def ask(self, op: str, *values: Any, **named: Any) -> Any:
        """Ask a question; return the result, or raise what the answer says instead of one."""
        forms, result = wire.OPERATIONS[op]
        given = dict(zip(forms, values, strict=False)) | named
        arguments = {name: form.write(given[name]) for name, form in forms.items()}
        with self._ended_by_faults():
            self._start()
            self._seq += 1
            kind, said = self._read(self.exchange({"seq": self._seq, "op": op, **arguments}), result)
        if kind == "refused":
            raise Refused(said)
        if kind == "unsupported":
            raise Unsupported(said)
        return said

    def _start(self) -> None:
        """Start the process if there is none, and hear what it declares."""
        if self.process is not None:
            return
        self.process = Process(self.command)
        answer = self.exchange({"op": "start", "protocol": wire.PROTOCOL})
        found = wire.members(answer, ("protocol", "declaration"), "the answer to start")
        if found["protocol"] != wire.PROTOCOL:
            wire.malformed(f"the protocol should be {wire.PROTOCOL}", found["protocol"])
        declaration = wire.read_declaration(found["declaration"])
        if self._declaration not in (None, declaration):
            wire.malformed("a process declares what the first one did", found["declaration"])
        self._declaration = declaration

    def exchange(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Write a line and read one: noise is what stands before it, or behind it."""
        assert self.process is not None
        said = self.process.exchange(wire.to_line(question), self.timeout, self.limit)
        line, _, more = said.partition(b"\n")
        answer = wire.from_line(line)
        return answer if not more else wire.malformed("more than one line", more.decode("utf-8", "replace").rstrip())

    def _read(self, answer: Mapping[str, Any], result: wire.Form) -> tuple[str, Any]:
        """Return the kind of an answer, and its result or sentence."""
        kind = next((kind for kind in ("refused", "unsupported", "error") if kind in answer), "result")
        found = wire.members(answer, ("seq", kind), "an answer")
        if type(found["seq"]) is not int or found["seq"] != self._seq:
            wire.malformed(f"the answer's seq should be {self._seq}", found["seq"])
        if kind == "error":
            raise Malformed(wire.read_text(found["error"]))
        try:
            return kind, result.read(found["result"]) if kind == "result" else wire.read_text(found[kind])
        except ValueError as error:  # a network that is none, an int that Python does not read: it is no refusal
            raise Malformed(f"an answer that cannot be read: {error}") from error

    @contextmanager
    def _ended_by_faults(self) -> Iterator[None]:
        """End the process when it is out of step, whatever the reason."""
        try:
            yield
        except BaseException:
            self.stop(patience=0.0)
            raise

    def stop(self, patience: float = GRACE) -> None:
        """End the process; the next call starts another one."""
        if self.process is not None:
            self.process.stop(patience)
        self.process = None


class PipeSession:
    """A session in the other process, which ends with it."""

    def __init__(self, backend: PipeBackend, process: "Process | None", number: int) -> None:
        self.backend, self.process, self.number = backend, process, number

    def select(self, scores: Scores, sparsity: float | int) -> Masks:
        """Ask for the masks after this call."""
        if self.backend.process is not self.process:
            raise Crashed("the process of this session has ended")
        masks: Masks = self.backend.ask("session_select", self.number, scores, sparsity)
        return masks


class Process:
    """A started command: lines go in and come out, and what it says on standard error is never in its way."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self.popen = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise Crashed(f"{command[0]} cannot be started: {error}") from error
        assert self.popen.stdin
        assert self.popen.stdout
        assert self.popen.stderr
        self.input, self.output, self.errors = (
            pipe.fileno() for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr)
        )
        os.set_blocking(self.input, False)
        os.set_blocking(self.errors, False)
        self._last_words, self._unsent, self._deadline = b"", memoryview(b""), 0.0
        self._deaf = False
        """Whether it has closed its standard input."""
        self._poll = select.poll()
        for pipe in (self.output, self.errors):
            self._poll.register(pipe, select.POLLIN)
        self._end = weakref.finalize(self, _end, self.popen, GRACE)

    def exchange(self, line: bytes, seconds: float, limit: int) -> bytes:
        """Write a line, and return what is said up to the end of a line, with what came together with it.

        Raises:
            Crashed: the process has ended.
            Malformed: a closed pipe, or more than `limit` bytes.
            TimedOut: no line within so many seconds.
        """
        self._unsent, self._deadline = memoryview(line), monotonic() + seconds
        self._send()
        heard: list[bytes] = []
        while not heard or b"\n" not in heard[-1]:
            ready = self._wait()
            if not ready:
                if self.popen.poll() is not None:  # something it started holds its output open
                    self._ended(b"".join(heard))
                raise Malformed("closed its standard input") if self._deaf else TimedOut(f"silent for {seconds:g} s")
            if self.errors in ready:
                self._hear_errors()
            if self.output in ready:
                heard.append(os.read(self.output, CHUNK) or self._ended(b"".join(heard)))
                if len(heard) * CHUNK > limit and sum(map(len, heard)) > limit:
                    wire.malformed(f"more than {limit} bytes", heard[0].decode("utf-8", "replace"))
            elif ready.get(self.input, 0) & select.POLLERR:
                self._closed_input()
            elif self.input in ready:
                self._send()
        return b"".join(heard)

    def _wait(self) -> dict[int, int]:
        """Look again and again for a moment, then sleep: to be woken up takes longer than most answers."""
        until = monotonic() + AWAKE
        while monotonic() < until:
            if ready := self._poll.poll(0):
                return dict(ready)
            os.sched_yield()
        return dict(self._poll.poll(max(0.0, self._deadline - monotonic()) * 1000))

    def _send(self) -> None:
        """Write as much as the pipe takes, and be told when it takes more, or is closed."""
        try:
            self._unsent = self._unsent[os.write(self.input, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            return self._closed_input()
        return self._poll.register(self.input, select.POLLOUT if self._unsent else 0)

    def _closed_input(self) -> None:
        """Wait a little for the end of a process that reads no more: an answer may still come."""
        with suppress(KeyError):
            self._poll.unregister(self.input)
        self._deaf, self._deadline = True, min(self._deadline, monotonic() + GRACE)

    def _hear_errors(self) -> bool:
        """Keep the last of what is said on standard error; say whether there was something."""
        with suppress(BlockingIOError, KeyError):
            said = os.read(self.errors, CHUNK)
            if not said:
                self._poll.unregister(self.errors)
            self._last_words = (self._last_words + said)[-TAIL:]
            return bool(said)
        return False

    def _ended(self, half: bytes) -> NoReturn:
        """Say how the process ended, and what it said last."""
        try:
            code = self.popen.wait(GRACE)
        except subprocess.TimeoutExpired:
            raise Malformed("closed its standard output") from None
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        while self._hear_errors():
            pass
        within = f" in the middle of the line {half[:TAIL].decode('utf-8', 'replace')!r}" if half else ""
        words = self._last_words.decode("utf-8", "replace").strip()
        raise Crashed(f"the process ended with {how}{within}" + f"; its last words:\n{words}" * bool(words))

    def stop(self, patience: float) -> None:
        """End the process, after so many seconds by force."""
        self._end.detach()
        _end(self.popen, patience)


def _end(popen: subprocess.Popen[bytes], patience: float) -> None:
    """Say stop, wait, then kill the process and those it started; whatever happens, nothing is left open."""
    with popen:
        if popen.poll() is None and patience:
            with suppress(OSError, subprocess.TimeoutExpired):
                os.write(popen.stdin.fileno(), wire.to_line({"op": "stop"})) if popen.stdin else None
                popen.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)


def round_trip(backend: Any, times: int = 500) -> float:
    """Return the median seconds of a selection among four scores, which is next to no work.

    Behind a pipe this is the way there and back; less the same of the library itself, exactly that.
    """
    case = declared(backend, SelectCase({"a": np.array([3.0, 1.0, 4.0, 2.0])}, 0.5))
    seconds = []
    for _ in range(times):
        begin = perf_counter()
        backend.select(case)
        seconds.append(perf_counter() - begin)
    return median(seconds)
