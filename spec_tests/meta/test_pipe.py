"""The pipe: a testee that lies, hangs or dies gets its verdict, and the next call is answered."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_tests.adapter import SelectCase, Unsupported
from spec_tests.backends.reference import REFERENCE
from spec_tests.faults import Crashed, Malformed, TimedOut
from spec_tests.kit import pipe
from spec_tests.kit.checks import all_checks
from spec_tests.kit.coverage import ROOT
from spec_tests.kit.pipe import PipeBackend, Refused, round_trip
from spec_tests.verdicts import Check, Violation

TESTEE = """
import json, os, signal, sys, time
def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()
def say(**answer):
    write(json.dumps(answer) + "\\n")
def mask(array, kept):
    import base64
    return {**array, "dtype": "bool", "data": base64.b64encode(kept).decode()}
for line in sys.stdin:
    question = json.loads(line)
    if question["op"] == "start":
        say(protocol=1, declaration={"name": "odd", "profiles": ["SELECT"]})
        continue
    if question["op"] == "stop":
        break
    seq, scores = question["seq"], question["case"]["scores"]
    good = {"seq": seq, "result": [mask(one, b"\\1\\0\\1\\0"[: one["shape"][0]]) for one in scores]}
    if question["case"]["sparsity"] == {"float": 0.5}:
        BEHAVIOUR
    say(**good)
"""
"""A testee that knows one answer, that to scores 3, 1, 4, 2 at 0.5, and at 0.5 does as it is told."""

CASE = SelectCase({"a": np.array([3.0, 1.0, 4.0, 2.0])}, 0.5)
AGAIN = replace(CASE, sparsity=0.25)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PipeBackend]]:
    """Return what starts a testee of some behaviour; nothing of it is left afterwards."""
    monkeypatch.setattr(pipe, "GRACE", 1.0)
    started: list[PipeBackend] = []

    def begin(behaviour: str, timeout: float = 30.0, **options: Any) -> PipeBackend:
        started.append(PipeBackend(python(TESTEE.replace("BEHAVIOUR", behaviour)), timeout, **options))
        return started[-1]

    yield begin
    for backend in started:
        backend.stop(patience=0.0)


def check(name: str) -> Check:
    """Return a check of selections by its name."""
    return next(one for one in all_checks() if one.name == f"test_selection.{name}")


def verdict(backend: Any, name: str = "test_core_example") -> tuple[str, str]:
    """Return the verdict of one check, and what it says."""
    try:
        check(name).run(backend)
    except Violation as violation:
        return violation.verdict, str(violation)
    return "pass", ""


SILENT = (
    ("time.sleep(60)", "timeout", "silent for 0.5 s"),
    ("write('{\"seq\":'); time.sleep(60)", "timeout", "silent for 0.5 s"),
    ("good['seq'] = 0; os.kill(os.getpid(), signal.SIGSTOP)", "timeout", "silent for 0.5 s"),
)
ODD = (
    ("pass", "pass", ""),
    ("sys.stderr.write('x' * 10_000_000)", "pass", ""),
    ("time.sleep(0.2)", "pass", ""),
    ("write(' ' * 100_000)", "pass", ""),
    ("print('loading model ...')", "error", "no line of JSON: got loading model ..."),
    ("sys.stdout.buffer.write(b'\\xff\\xfe\\n')", "error", "no line of JSON"),
    ("write('\\n')", "error", "no line of JSON"),
    ("write('42\\n')", "error", "no message: got 42"),
    ("write(json.dumps(good) + '\\n' + 'done\\n'); continue", "error", "more than one line: got done"),
    ('write(\'{"seq": %d, "result": NaN}\\n\' % seq); continue', "error", "no number of JSON: got NaN"),
    ("good['seq'] += 1", "error", "the answer's seq should be"),
    ("good['seq'] = str(seq)", "error", "the answer's seq should be"),
    ("good['seconds'] = 1", "error", "an answer is not an object of seq, result"),
    ("del good['result']", "error", "an answer is not an object of seq, result"),
    ("good['refused'] = 'both'", "error", "an answer is not an object of seq, refused"),
    ("good['result'][0]['shape'] = [5]", "error", "an array of bool and shape [5]: got 4 bytes"),
    ("good['result'][0]['dtype'] = 'float8'", "error", "a dtype is one of"),
    ("good['result'][0]['dtype'] = 'float64'", "error", "an array of float64 and shape [4]: got 4 bytes"),
    ("good['result'] = {'a': [1, 0, 1, 0]}", "error", "no list"),
    ("good['result'] *= 2", "error", "a name twice"),
    ("write('x' * 100_000_000 + '\\n')", "error", "more than 67108864 bytes"),
    ("write('[' * 1_000_000 + '\\n')", "error", "no line of JSON"),
    ("say(seq=seq, error='no case that I can read'); continue", "error", "no case that I can read"),
    ("say(seq=seq, refused='too sparse'); continue", "error", "raised Refused: too sparse"),
    ("say(seq=seq, unsupported='no entries'); continue", "fail", "the claim is not kept"),
    ("sys.exit(3)", "crash", "exit code 3"),
    ("sys.exit(0)", "crash", "exit code 0"),
    ("sys.exit('out of memory')", "crash", "exit code 1; its last words:\nout of memory"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "signal SIGSEGV"),
    ("write('{\"seq\":'); sys.exit(1)", "crash", "exit code 1 in the middle of the line '{\"seq\":'"),
    ("os.close(1); time.sleep(60)", "error", "closed its standard output"),
    ("os.close(0); time.sleep(60)", "error", "closed its standard input"),
)


@pytest.mark.parametrize(("behaviour", "should", "said"), ODD + SILENT)
def test_each_gets_its_verdict_and_the_run_goes_on(
    start: Callable[..., PipeBackend], behaviour: str, should: str, said: str
) -> None:
    backend = start(behaviour, 0.5 if should == "timeout" else 30.0)
    assert backend.declaration.name == "odd"
    backend.timeout = 30.0
    assert backend.select(AGAIN)["a"].tolist() == [True, False, True, False]
    before = backend.process
    backend.timeout = 0.5 if should == "timeout" else 30.0
    got, message = verdict(backend)
    assert got == should, message
    assert said in message
    backend.timeout = 30.0
    assert backend.select(AGAIN)["a"].tolist() == [True, False, True, False]
    out_of_step = should in ("error", "crash", "timeout") and "Refused" not in said
    assert (backend.process is before) != out_of_step, "the process is another one after a fault, and only then"


@pytest.mark.parametrize(
    ("result", "should"),
    [
        ("[mask(one, bytes([1] * 6)) | {'shape': [3, 2]} for one in scores]", "a mask of 'a' of shape (3, 2)"),
        ("[one | {'dtype': 'float64'} for one in scores]", "0 and 1 only"),
        ("[]", "masks of []"),
    ],
)
def test_a_wrong_form_is_a_failure(start: Callable[..., PipeBackend], result: str, should: str) -> None:
    """What can be read is judged: another shape, other values, no masks."""
    got, message = verdict(start(f"good['result'] = {result}"), "test_form_example")
    assert got == "fail", message
    assert should in message


@pytest.mark.parametrize(
    ("behaviour", "should"),
    [
        ("say(seq=seq, refused='no'); continue", "pass"),
        ("pass", "fail"),
        ("sys.exit(1)", "crash"),
        ("print('no')", "error"),
        ("say(seq=seq, unsupported='no'); continue", "fail"),
        ("say(seq=seq, error='no'); continue", "error"),
    ],
)
def test_only_a_refusal_is_a_refusal(start: Callable[..., PipeBackend], behaviour: str, should: str) -> None:
    """Where an error is due, dying is none."""
    backend = start(behaviour)
    got, message = verdict(backend, "test_empty_example")
    assert got == should, message


def test_a_fault_is_no_refusal_where_one_is_allowed(start: Callable[..., PipeBackend]) -> None:
    """A number of NumPy's may be refused, but not by dying."""
    name = "test_numpy_number_read_example"
    dying = start("pass")
    dying.command[2] = dying.command[2].replace('{"float": 0.5}:', 'question["case"]["sparsity"]:\n        sys.exit(1)')
    assert verdict(dying, name)[0] == "crash"
    refusing = start("pass")
    refuse = 'question["case"]["sparsity"]:\n        say(seq=seq, refused="no"); continue'
    refusing.command[2] = refusing.command[2].replace('{"float": 0.5}:', refuse)
    assert verdict(refusing, name)[0] == "pass"


def test_nobody_reads(start: Callable[..., PipeBackend]) -> None:
    """A question that no pipe holds does not wait for ever either."""
    backend = start("pass")
    assert backend.declaration
    large = SelectCase({"a": np.zeros(1_000_000)}, 0.5)
    backend.command = python("import time; time.sleep(60)")
    backend.stop(patience=0.0)
    backend.timeout = 0.5
    with pytest.raises(TimedOut):
        backend.select(large)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ('{"protocol": 2, "declaration": {"name": "odd", "profiles": []}}', "the protocol should be 1: got 2"),
        ('{"protocol": 1, "declaration": {"name": "odd", "profiles": ["ALL"]}}', "expected some of"),
        ('{"declaration": {"name": "odd", "profiles": []}}', "the answer to start is not an object"),
        ("ready", "no line of JSON: got ready"),
    ],
)
def test_a_start_that_is_none(declared: str, said: str) -> None:
    backend = PipeBackend(python(f"import time; print({declared!r}, flush=True); time.sleep(60)"))
    with pytest.raises(Malformed) as raised:
        backend.declaration  # noqa: B018  it starts the process
    assert said in str(raised.value)
    assert backend.process is None


def test_a_network_that_is_none_is_no_refusal(tmp_path: Path) -> None:
    start = {"protocol": 1, "declaration": {"name": "odd", "profiles": ["STORE"]}}
    loaded = {"seq": 1, "result": {"network": {}, "params": [], "masks": []}}
    backend = PipeBackend(
        python(f"for line in {[json.dumps(one) for one in (start, loaded)]}: input(); print(line, flush=True)")
    )
    with pytest.raises(Malformed, match="an answer that cannot be read: "):
        backend.load(tmp_path)
    assert backend.process is None


def test_another_declaration_is_an_error(start: Callable[..., PipeBackend]) -> None:
    """What one process declared is what the next one is judged by."""
    backend = start("pass")
    assert backend.select(AGAIN)
    backend.stop()
    backend.command[2] = backend.command[2].replace('"name": "odd"', '"name": "odd", "ties": "unspecified"')
    got, message = verdict(backend)
    assert got == "error", message
    assert "a process declares what the first one did" in message


def test_what_it_started_does_not_hide_its_end(start: Callable[..., PipeBackend]) -> None:
    """A child that holds the output open is ended, too."""
    backend = start("os.fork() and sys.exit(4); time.sleep(60)", 1.0)
    got, message = verdict(backend)
    assert got == "crash", message
    assert "exit code 4" in message
    assert backend.select(AGAIN)["a"].tolist() == [True, False, True, False]


def test_a_program_that_is_none() -> None:
    with pytest.raises(Crashed, match="/no/such/testee cannot be started"):
        PipeBackend(["/no/such/testee"]).select(CASE)


def test_what_is_no_operation() -> None:
    backend = PipeBackend(python(""))
    for name in ("session_select", "prune", "__wrapped__"):
        with pytest.raises(AttributeError):
            getattr(backend, name)


# The reference as a testee


class Hasty:
    """The reference, but for a tensor b of which everything goes where it has three entries or more."""

    declaration = replace(REFERENCE.declaration, name="hasty")

    def select(self, case: SelectCase) -> Any:
        """Select, and forget."""
        print("selecting", end="")  # what a library prints breaks no line
        masks = dict(REFERENCE.select(case))
        if "b" in masks and masks["b"].size >= 3:
            masks["b"] = np.zeros_like(masks["b"])
        return masks


HASTY = Hasty()


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[[str], PipeBackend]]:
    """Return what serves a backend of Python by its name, each in one process."""
    started: dict[str, PipeBackend] = {}

    def serve(name: str) -> PipeBackend:
        return started.setdefault(name, PipeBackend([sys.executable, "-m", "spec_tests.kit.serve", name]))

    yield serve
    for backend in started.values():
        backend.stop()


@pytest.mark.parametrize("name", ["test_ties", "test_reserve", "test_ties_example"])
def test_shrinking_across_the_pipe(served: Callable[[str], PipeBackend], name: str) -> None:
    """The smallest counterexample is the same as in this process."""
    near, far = verdict(HASTY, name), verdict(served("spec_tests.meta.test_pipe:HASTY"), name)
    assert near == far
    assert near[0] == ("pass" if name == "test_ties_example" else "fail")


def test_refusals_have_the_library_s_words(served: Callable[[str], PipeBackend]) -> None:
    backend = served("refprune")
    with pytest.raises(Refused, match=r"InvalidInput: sparsity: got 1\.5"):
        backend.select(replace(CASE, sparsity=1.5))
    assert backend.declaration == REFERENCE.declaration


def test_unsupported_is_said(start: Callable[..., PipeBackend]) -> None:
    with pytest.raises(Unsupported, match="not today"):
        start("say(seq=seq, unsupported='not today'); continue").select(CASE)


def test_a_session_ends_with_its_process(served: Callable[[str], PipeBackend]) -> None:
    backend = served("refprune")
    session = backend.begin(CASE)
    other = backend.begin(CASE)
    assert session.select(CASE.scores, 1)["a"].tolist() == [True, False, True, True]
    assert other.select(CASE.scores, 0)["a"].tolist() == [True] * 4
    backend.stop()
    assert backend.begin(CASE).select(CASE.scores, 0)["a"].tolist() == [True] * 4
    with pytest.raises(Crashed, match="process of this session"):
        session.select(CASE.scores, 2)


def test_round_trip(served: Callable[[str], PipeBackend], record_property: Callable[[str, object], None]) -> None:
    """Measured and shown; the bound is some hundred times what it takes."""
    backend = served("refprune")
    there_and_back = round_trip(backend) - round_trip(REFERENCE)
    record_property("summary", f"a round trip through the pipe: {there_and_back * 1000:.3f} ms over the work itself")
    assert there_and_back < 0.05


def test_nothing_is_left(tmp_path: Any) -> None:
    """A process ends with the program that started it, and with the last reference to its backend."""
    code = (
        "from spec_tests.kit.pipe import PipeBackend\n"
        "import sys\n"
        "backend = PipeBackend([sys.executable, '-m', 'spec_tests.kit.serve'])\n"
        "backend.declaration\n"
        "print(backend.process.popen.pid)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(python(code), cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    backend = PipeBackend([sys.executable, "-m", "spec_tests.kit.serve"])
    assert backend.declaration
    assert backend.process
    pid = backend.process.popen.pid
    del backend
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_those_it_started_end_with_it(start: Callable[..., PipeBackend], tmp_path: Any) -> None:
    """A testee behind a shell leaves nothing behind when it hangs."""
    note = tmp_path / "pid"
    backend = start("pass", 10.0)
    shell = f'{sys.executable} -c \'import os,time; open("{note}","w").write(str(os.getpid())); time.sleep(60)\'; true'
    backend.command = ["/bin/sh", "-c", shell]
    backend.timeout = 3.0
    with pytest.raises(TimedOut):
        backend.select(CASE)
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", note.read_text().strip()], capture_output=True, check=False)  # noqa: S607
        if not state.stdout.strip() or state.stdout.startswith(b"Z"):
            return
        time.sleep(0.05)
    pytest.fail("the process that the shell started is still there")
