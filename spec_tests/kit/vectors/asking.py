"""How a backend is asked what a vector asks, and what it says as JSON."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from spec_tests.adapter import Backend, Declaration
from spec_tests.applicability import declared
from spec_tests.kit.vectors.comparing import PARTIAL, difference
from spec_tests.kit.vectors.forms import NETWORK, Json, plain, read_arguments, write_entries
from spec_tests.kit.vectors.vector import REFUSED, Vector
from spec_tests.oracle.selection import check_masks_form, read_masks
from spec_tests.verdicts import NO_REFUSAL, call, refuses

Arguments = Mapping[str, Any]


class Unanswered(Exception):
    """The backend raised an error, or said what cannot be read, where an answer is due."""


def disagreement(declaration: Declaration, assumes: Mapping[str, Any]) -> str:
    """Return what a declaration says otherwise than a vector assumes; empty where it agrees."""
    for field, value in assumes.items():
        own = getattr(declaration, field)
        missing = sorted(set(value) - own) if isinstance(value, list) else []
        if missing:
            return f"declares no {missing[0]} in {field}"
        if not isinstance(value, list) and own != value:
            return f"declares {field} = {own}"
    return ""


def run(backend: Backend, vectors: list[Vector]) -> None:
    """Require every vector whose assumptions are the backend's; skip when there is none."""
    reasons = [disagreement(backend.declaration, vector.assumes) for vector in vectors]
    if all(reasons):
        pytest.skip(f"not applicable: {backend.declaration.name} {reasons[0]}")
    for vector, reason in zip(vectors, reasons, strict=True):
        if not reason:
            require(backend, vector)


def require(backend: Backend, vector: Vector) -> None:
    """Require the answer of one vector."""
    arguments = _declared(backend, read_arguments(vector.operation, vector.arguments))
    named = f"vector {vector.id} ({vector.comment})"
    said = call(vector.operation, *arguments.values())
    ask = ASKED.get(vector.operation, _plainly(vector.operation))
    with _naming(named):
        if vector.refused:
            refuses(lambda: ask(backend, arguments), said)
            return
        got = plain(_readable(vector, arguments, ask(backend, arguments), said))
        found = difference(got, vector.out, vector.compare, partial=vector.operation in PARTIAL)
        if found:
            raise AssertionError(f"{found}\n    [{said}]")


@contextmanager
def _naming(named: str) -> Iterator[None]:
    """Put the vector's name behind the sentence of whatever goes wrong, in front of the call."""
    try:
        yield
    except AssertionError as error:
        sentence, line, rest = str(error).partition("\n")
        raise AssertionError(f"{sentence}, in {named}{line}{rest}") from error
    except NO_REFUSAL:
        raise
    except Exception as error:
        raise Unanswered(f"{type(error).__name__}: {error}, in {named}") from error


def _declared(backend: Backend, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask for one tensor in the pools that there are: local or global, it is the same pool."""
    case: Any = arguments.get("case")
    return arguments | {"case": declared(backend, case)} if hasattr(case, "pools") else arguments


# What is asked


def _plainly(operation: str) -> Callable[[Backend, Arguments], Any]:
    return lambda backend, arguments: getattr(backend, operation)(*arguments.values())


def _session(backend: Backend, arguments: Arguments) -> list[Any]:
    """Return the masks after each call, as they are after the last; REFUSED where there was an error."""
    session = backend.begin(arguments["case"])
    found: list[Any] = []
    for scores, sparsity in arguments["calls"]:
        try:
            found.append(session.select(scores, sparsity))
        except NO_REFUSAL:
            raise
        except Exception:  # noqa: BLE001  any exception is a refusal
            found.append(REFUSED)
    return found


def _random_count(backend: Backend, arguments: Arguments) -> dict[str, int]:
    """Return pool -> how many entries a random mask removes of it."""
    masks = backend.random_mask(*arguments.values())
    removed = {name: int((np.asarray(masks[name]) == 0).sum()) for name in arguments["shapes"]}
    return {"global": sum(removed.values())} if arguments["pools"] == "global" else removed


def _store(backend: Backend, arguments: Arguments) -> tuple[Any, ...]:
    """Return what is loaded of what was saved."""
    with TemporaryDirectory() as folder:
        backend.save(Path(folder), *arguments.values())
        return backend.load(Path(folder))


ASKED: Mapping[str, Callable[[Backend, Arguments], Any]] = {
    "session": _session,
    "random_count": _random_count,
    "store": _store,
}
"""What is no operation of the adapter, but a few of them."""


# What is said


def _readable(vector: Vector, arguments: Arguments, answer: Any, said: str) -> Any:
    """Return an answer in the form of vectors; how masks may look is for SEL-18 to say."""
    case: Any = arguments.get("case")
    match vector.operation:
        case "select":
            return _arrays((check_masks_form if vector.requirement == "SEL-18" else read_masks)(answer, case, said))
        case "session":
            return [one if one == REFUSED else _arrays(read_masks(one, case, said)) for one in answer]
        case "score" | "apply" | "rewind":
            return _arrays(answer)
        case "forward":
            return np.asarray(answer)
        case "trace":
            return [{"fires": bool(fires), "sparsity": sparsity} for fires, sparsity in answer]
        case "loss_and_grads":
            return {"loss": answer[0], "grads": _arrays(answer[1])}
        case "train":
            return [{"read": _arrays(step.read), "used": _arrays(step.used)} for step in answer]
        case "remove":
            return {"params": _arrays(answer[0]), "kept": _kept(vector, arguments, answer[1])}
        case "store":
            return stored(*answer)
    return answer


def _arrays(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(one) for name, one in named.items()}


def _kept(vector: Vector, arguments: Arguments, told: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return what is left of every layer with a weight: a layer that is not told lost nothing."""
    sets = [layer for layer, rows in told.items() if isinstance(rows, AbstractSet)]
    if sets and vector.requirement == "SUR-02":
        raise AssertionError(f"got kept[{sets[0]!r}] = {told[sets[0]]}, but should be a sequence: {vector.id}")
    weights = {name.removesuffix(".weight"): array for name, array in arguments["params"].items() if array.ndim > 1}
    everything = {layer: list(range(len(array))) for layer, array in weights.items()}
    return everything | {layer: [int(row) for row in rows] for layer, rows in told.items()}


def stored(network: Any, params: Any, masks: Any) -> Json:
    """Return what was stored, as a vector has it: names in their order."""
    return {"network": NETWORK.write(network), "params": _listed(params), "masks": _listed(masks)}


def _listed(arrays: Mapping[str, Any]) -> Json:
    return [{"name": name, **write_entries(array)} for name, array in arrays.items()]
