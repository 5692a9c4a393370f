"""`refprune-spec smoke`: is the ADAPTER broken? One trivial question for every profile it claims.

Every correct library answers these alike, whatever it declares, so that what goes wrong here is the adapter's.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refprune.network import Dense, Input
from spec_tests.adapter import Elements, OptimiserSpec, Profile, ScheduleCase, ScoreCase, SelectCase, TrainCase, Units
from spec_tests.applicability import needs_granularity, unclaimed
from spec_tests.faults import TimedOut
from spec_tests.kit.backends import find_backend
from spec_tests.recorded import Recorded

OPERATIONS: Mapping[Profile, tuple[str, ...]] = {
    "SELECT": ("select",),
    "STATEFUL": ("begin",),
    "SCORE": ("score",),
    "APPLY": ("apply", "forward"),
    "TRAIN": ("loss_and_grads", "train", "rewind"),
    "SCHEDULE": ("trace", "rounds"),
    "REMOVE": ("remove",),
    "RANDOM": ("random_mask",),
    "ACCOUNT": ("count",),
    "STORE": ("save", "load"),
}
"""What a backend must have for each profile."""
NETWORK = (Input("x", shape=(2,)), Dense("hidden", inputs=("x",)), Dense("out", inputs=("hidden",)))
PARAMS = {
    "hidden.weight": np.array([[1.0, 2], [3, 4]]), "hidden.bias": np.array([1.0, 2]),
    "out.weight": np.array([[1.0, 0], [0, 1]]), "out.bias": np.array([0.0, 0]),
}  # fmt: skip
DENSE = {name: np.ones(array.shape, bool) for name, array in PARAMS.items() if name.endswith("weight")}
X, LABELS = np.array([[1.0, 2.0]]), np.array([1])
SCORES = np.array([3.0, 1.0, 4.0, 2.0])


def smoke(spelled: str) -> int:
    """Say whether the adapter is whole, and how long one question takes; return the exit code."""
    backend = find_backend(spelled)
    faults = broken(backend)
    for fault in faults:
        print(f"broken: {fault}", file=sys.stderr)
    if not faults:
        print(f"{backend.declaration.name}: {_whole(backend)}")
    return 3 if faults else 0


def _whole(backend: Any) -> str:
    """Return what is to be said of an adapter in which no fault was found."""
    profiles, seconds = ", ".join(sorted(backend.declaration.profiles)), _seconds(backend)
    if not profiles:
        return "it claims no profile, so that there is nothing to ask"
    if isnan(seconds):
        return f"it claims {profiles}, but no trivial question is inside of what it declares: nothing was asked"
    return f"the adapter answers for {profiles}; {1e3 * seconds:.3f} ms a call"


def broken(backend: Any) -> list[str]:
    """Return what is wrong with the adapter, a sentence each; nothing when it is whole."""
    missing = [
        f"it claims {profile} and has no operation {name}"
        for profile in sorted(backend.declaration.profiles)
        for name in OPERATIONS[profile]
        if not unclaimed(backend.declaration, name, ()) and not callable(getattr(backend, name, None))
    ]
    return missing or [said for profile in sorted(backend.declaration.profiles) for said in _asked(backend, profile)]


def _asked(backend: Any, profile: Profile) -> Iterator[str]:
    try:
        wrong = QUESTIONS[profile](Recorded(backend))
    except pytest.skip.Exception:  # the trivial question is outside of what is declared
        return
    except (Exception, TimedOut) as error:  # noqa: BLE001  whatever it raises: it was a trivial question
        wrong = f"raised {type(error).__name__}: {error}"
    if wrong:
        yield f"{profile}: {wrong}"


def _seconds(backend: Any) -> float:
    """Return how long the first trivial question takes that is inside of what is declared, the best of some."""
    inside = [QUESTIONS[profile] for profile in sorted(backend.declaration.profiles) if _applies(backend, profile)]
    return min((_time(partial(question, backend)) for question in inside[:1] for _ in range(20)), default=nan)


def _applies(backend: Any, profile: Profile) -> bool:
    """Say whether the trivial question is inside of what is declared."""
    try:
        QUESTIONS[profile](Recorded(backend))
    except pytest.skip.Exception:
        return False
    return True


def _time(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _case(backend: Any) -> SelectCase:
    needs_granularity(backend, "element" if "element" in backend.declaration.granularities else "unit")
    kind = Elements() if "element" in backend.declaration.granularities else Units()
    pools = "local" if "local" in backend.declaration.pools else "global"
    return SelectCase({"a": SCORES.copy()}, 0.5, pools, kind)  # type: ignore[arg-type]  # one of the two


def _select(backend: Any) -> str:
    return _of_form(backend.select(_case(backend)), {"a": SCORES})


def _begin(backend: Any) -> str:
    return _of_form(backend.begin(_case(backend)).select({"a": SCORES.copy()}, 0.5), {"a": SCORES})


def _score(backend: Any) -> str:
    kind = Elements() if "element" in backend.declaration.granularities else Units()
    for reducer in sorted(backend.declaration.reducers) or ["l1"]:
        case = ScoreCase("magnitude", {"out.weight": PARAMS["out.weight"].copy()}, granularity=kind, reducer=reducer)
        if not unclaimed(backend.declaration, "score", (case,)):
            like = {"out.weight": np.ones((2, 2)) if isinstance(kind, Elements) else np.ones(2)}
            return _of_form(backend.score(case), like)
    return ""


def _apply(backend: Any) -> str:
    wrong = _of_form(backend.apply(_params(), dict(DENSE)), PARAMS)
    return wrong or _of_form({"logits": backend.forward(NETWORK, _params(), dict(DENSE), X)}, {"logits": X})


def _train(backend: Any) -> str:
    loss, grads = backend.loss_and_grads(NETWORK, _params(), dict(DENSE), X, LABELS)
    optimiser = OptimiserSpec(min(backend.declaration.optimisers, default="sgd"), rate=0.5, momentum=0.5)
    case = TrainCase(NETWORK, _params(), X, LABELS, (np.array([0]),), optimiser, dict(DENSE))
    steps = backend.train(case)
    if len(steps) != 1:
        return f"got {len(steps)} steps, expected one for the only batch"
    wrong = "" if np.isfinite(loss) else f"got the loss {loss}, expected a number"
    return wrong or _of_form(grads, PARAMS) or _of_form(steps[0].used, PARAMS) or _of_form(steps[0].read, PARAMS)


def _trace(backend: Any) -> str:
    if "trace" not in backend.declaration.forms:
        rounds = backend.rounds(min(backend.declaration.curves), 0.5, 4)
        return "" if len(rounds) == 4 else f"got {len(rounds)} rounds, expected 4"
    traced = backend.trace(ScheduleCase(min(backend.declaration.curves), 0.5, 4), 4)
    return "" if len(traced) == 5 else f"got {len(traced)} steps, expected 5: t = 0 ... 4"


def _remove(backend: Any) -> str:
    params, kept = backend.remove(NETWORK, _params(), {"hidden": [0]})
    small = {"hidden.weight": np.ones((1, 2)), "out.weight": np.ones((2, 1))}
    return _of_form({name: params[name] for name in small}, small) or (
        "" if list(kept["hidden"]) == [1] else f"got the indices {kept['hidden']} of hidden, expected [1]"
    )


def _random(backend: Any) -> str:
    pools = "local" if "local" in backend.declaration.pools else "global"
    return _of_form(backend.random_mask({"a": (4,)}, 0.5, pools, 0), {"a": SCORES})


def _count(backend: Any) -> str:
    found = backend.count(NETWORK, _params(), dict(DENSE))
    return "" if "parameters" in found else f"got {sorted(found)}, expected parameters among them"


def _store(backend: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        backend.save(Path(folder), NETWORK, _params(), dict(DENSE))
        return _of_form(backend.load(Path(folder))[1], PARAMS)


def _params() -> dict[str, Any]:
    return {name: array.copy() for name, array in PARAMS.items()}


def _of_form(got: Any, like: Mapping[str, Any]) -> str:
    """Return what is wrong with the names or the number of entries; whether the values are right is for the suite."""
    if not isinstance(got, Mapping):
        return f"got {type(got).__name__}, expected a mapping from names to arrays"
    for name, array in like.items():
        if name not in got or np.size(got[name]) != np.size(array):
            return f"got {sorted(map(str, got))}, expected {name!r} with {np.size(array)} entries among them"
    return ""


QUESTIONS: Mapping[Profile, Callable[[Any], str]] = {
    "SELECT": _select, "STATEFUL": _begin, "SCORE": _score, "APPLY": _apply, "TRAIN": _train, "SCHEDULE": _trace,
    "REMOVE": _remove, "RANDOM": _random, "ACCOUNT": _count, "STORE": _store,
}  # fmt: skip
"""The trivial question of each profile: what is wrong with the answer's form."""
