"""The other side of the pipe: any backend of Python, asked over standard input, answering over standard output.

python -m spec_tests.kit.serve [backend]        as in `refprune-spec run --backend`; the reference, if nothing is said
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from refprune.errors import InvalidInput
from spec_tests.adapter import Session, Unsupported
from spec_tests.faults import Malformed
from spec_tests.kit import wire
from spec_tests.kit.backends import find_backend


class Server:
    """A backend and the sessions that were begun."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.sessions: list[Session] = []

    def answer(self, line: bytes) -> bytes | None:
        """Answer one line; None when it says stop."""
        question = wire.from_line(line)
        op, seq = question.pop("op", None), question.pop("seq", None)
        if op == "stop":
            return None
        if op == "start":
            declared = wire.write_declaration(self.backend.declaration)
            return wire.to_line({"protocol": wire.PROTOCOL, "declaration": declared})
        return wire.to_line({"seq": seq, **self._answer(op, question)})

    def _answer(self, op: Any, question: dict[str, Any]) -> dict[str, Any]:
        """Answer with a result, or say why there is none: only what the library raises is a refusal."""
        try:
            arguments = _arguments(op, question)
        except InvalidInput as error:  # a network that is none: its record refuses it before any library sees it
            return {"refused": str(error)}
        except Malformed as error:
            return {"error": f"the question cannot be read: {error}"}
        try:
            result = self._ask(op, arguments)
        except Unsupported as error:
            return {"unsupported": str(error)}
        except Exception as error:  # noqa: BLE001  whatever a library raises is a refusal
            return {"refused": f"{type(error).__name__}: {error}"}
        try:
            return {"result": wire.OPERATIONS[op].result.write(result)}
        except Exception as error:  # noqa: BLE001  whatever the library answered, it has no form
            return {"error": f"the answer cannot be written: {type(error).__name__}: {error}"}

    def _ask(self, op: str, arguments: dict[str, Any]) -> Any:
        if op == "begin":
            self.sessions.append(self.backend.begin(**arguments))
            return len(self.sessions) - 1
        if op == "session_select":
            return self.sessions[arguments.pop("session")].select(**arguments)
        return getattr(self.backend, op)(**arguments)


def _arguments(op: Any, question: Mapping[str, Any]) -> dict[str, Any]:
    """Read what an operation is asked with."""
    if not isinstance(op, str) or op not in wire.OPERATIONS:
        wire.malformed("no such operation", op)
    forms = wire.OPERATIONS[op].arguments
    found = wire.members(question, forms, op)
    return {name: form.read(found[name]) for name, form in forms.items()}


def serve(find: Callable[[], Any]) -> None:
    """Find the backend, and answer until standard input ends or says stop.

    Standard output is the pipe, and whatever a library prints, when it is imported too, would break a line: it goes
    to standard error. Nor does a library read what is asked.
    """
    with os.fdopen(os.dup(0), "rb") as questions, os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        server = Server(find())
        for line in questions:
            answer = server.answer(line)
            if answer is None:
                return
            answers.write(answer)


def main(arguments: list[str]) -> int:
    """Serve the backend that is named."""
    serve(lambda: find_backend(*arguments or ["refprune"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
