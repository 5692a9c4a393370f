"""Jobs in processes side by side: news as it comes, results in order, and no process left behind.

In: a function, the arguments of every job, where news goes. Out: what the jobs return.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from refprune.errors import InvalidInput
from refprune.lab.interrupts import interrupts_held

Report = Callable[[Any], None]
"""Takes one piece of news: anything that can be pickled."""
Work = Callable[..., Any]
"""A function that can be imported by name: (report, *arguments of the job) -> result."""


class WorkerFailed(RuntimeError):
    """A job met an OSError, or its process ended without a result; what went wrong then stands in its own output."""


def run_side_by_side(work: Work, jobs: Sequence[tuple[Any, ...]], show: Report) -> list[Any]:
    """Return `work(report, *job)` of every job, each in a process of its own, one at a time for each processor.

    Raises:
        InvalidInput: as raised by a job.
        WorkerFailed: a job met an OSError, or its process ended without a result.
    """
    waiting = list(enumerate(jobs))[::-1]
    running: dict[Connection, tuple[int, Any]] = {}
    results: dict[int, Any] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                number, job = waiting.pop()
                _start(running, number, work, job)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                _receive(connection, running, results, show)
    finally:
        _stop([process for _, process in running.values()])
    return [results[number] for number in range(len(jobs))]


def _start(running: dict[Connection, tuple[int, Any]], number: int, work: Work, job: tuple[Any, ...]) -> None:
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()  # the first start would start it, and let Ctrl-C in
    here, there = context.Pipe(duplex=False)
    with interrupts_held():
        process = context.Process(target=_run, args=(there, work, job), daemon=True)
        process.start()
        running[here] = number, process
    there.close()  # so that the end of the process is the end of the pipe


def _receive(
    connection: Connection, running: dict[Connection, tuple[int, Any]], results: dict[int, Any], show: Report
) -> None:
    """Take one message: news to show, a result, or an error."""
    number, process = running[connection]
    try:
        kind, content = connection.recv()
    except EOFError:
        process.join()
        raise WorkerFailed(f"process {number + 1} ended with exit code {process.exitcode} and no result") from None
    if kind == "news":
        show(content)
    elif kind == "refused":
        raise content
    elif kind == "failed":
        raise WorkerFailed(content)
    else:
        results[number] = content
        del running[connection]
        connection.close()
        process.join()


def _stop(processes: Sequence[Any]) -> None:
    """End these processes and wait until they are gone."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _run(connection: Connection, work: Work, job: tuple[Any, ...]) -> None:
    """Do one job: the whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    message = _outcome(connection, work, job)
    with suppress(BrokenPipeError):  # the parent is gone, and nobody wants the result
        connection.send(message)


def _outcome(connection: Connection, work: Work, job: tuple[Any, ...]) -> tuple[str, Any]:
    """Return what the job returns, or what it raises in a form that can be sent."""
    try:
        return "result", work(lambda news: connection.send(("news", news)), *job)
    except InvalidInput as error:
        return "refused", error
    except OSError as error:
        return "failed", str(error)
