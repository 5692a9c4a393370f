"""Which values of a declaration a vector depends on: whoever declares otherwise is not asked.

A field that says what is due of a selection or of a schedule is assumed where some other value of it, or of it and one
more, changes what is due. What a call needs to be inside a declaration at all is assumed as well: a list is of what a
declared set must hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import prod
from typing import Any, get_args, get_type_hints

import numpy as np

from spec_tests.adapter import Blocks, Declaration, NofM, ScheduleCase, SelectCase, Units
from spec_tests.applicability import CLAIMS, KINDS, WORDS, needed, operations
from spec_tests.declared import RULES
from spec_tests.kit.vectors.answers import Arguments, Refused, select
from spec_tests.oracle import schedules
from spec_tests.oracle.scores import reducer_of
from spec_tests.oracle.selection import DEFAULT, differs

HINTS = get_type_hints(Declaration)
TIMING = ("arithmetic", "full", "first_step", "progress", "anchor", "reaches_end", "never")
"""The fields of a declaration that say what a schedule gives."""
Differs = Callable[[Declaration], bool]


def assumptions(operation: str, arguments: Arguments) -> dict[str, Any]:
    """Return field -> value, in the order of the declaration."""
    found = dict(_inside(operation, arguments)) | _chosen(operation, arguments)
    return {name: found[name] for name in HINTS if name in found}


def _inside(operation: str, arguments: Arguments) -> Iterator[tuple[str, Any]]:
    """Yield what a call needs to be inside a declaration."""
    sets: dict[str, set[Any]] = {}
    for field, value in needed(operation, tuple(arguments.values())):
        if field in CLAIMS:
            yield field, True
        elif field == "ops":
            sets.setdefault(field, set()).update(operations(value))
        elif field in WORDS:
            sets.setdefault(field, set()).add(value)
    yield from ((name, sorted(values)) for name, values in sets.items() if values)
    case = arguments.get("case")
    if isinstance(case, SelectCase):
        yield from _of_selection(operation, case)


def _of_selection(operation: str, case: SelectCase) -> Iterator[tuple[str, Any]]:
    """Yield what a case needs of `select`; one tensor may be asked in either kind of pools."""
    yield "granularities", [KINDS[type(case.granularity)]]
    if len(case.scores) != 1 or operation == "shortfall":
        yield "pools", [case.pools]
    if case.within:
        yield "within", True
    if isinstance(case.granularity, Units) and case.granularity.multiple != 1:
        yield "multiples", True
    if isinstance(case.granularity, NofM) and case.granularity.axis in DEFAULT.run_axes:
        yield "run_axes", [case.granularity.axis]


def _chosen(operation: str, arguments: Arguments) -> dict[str, Any]:
    """Return the values among which there was a choice."""
    if operation in ("select", "shortfall"):
        return decisive(RULES, _selects_otherwise(arguments["case"]))
    if operation == "session":
        return _of_calls(**arguments)
    if operation == "random_count":
        return decisive(RULES, _selects_otherwise(_distinct(**arguments)))
    if operation in ("trace", "rounds"):
        return decisive(TIMING, _times_otherwise(operation, arguments))
    if operation == "score" and reducer_of(arguments["case"]) == "l2":
        return {"unit_norm": "root"}
    return {"constants": "dropped"} if operation == "remove" else {}


def decisive(names: Sequence[str], otherwise: Differs) -> dict[str, Any]:
    """Return the fields that decide alone, or two at a time where neither does alone, with the default's values."""
    changes = [(name, value) for name in names for value in _values(name) if value != getattr(DEFAULT, name)]
    alone = {change[0] for change in changes if otherwise(_changed(change))}
    others = [change for change in changes if change[0] not in alone]
    pairs = [pair for pair in combinations(others, 2) if pair[0][0] != pair[1][0]]
    together = {name for pair in pairs if otherwise(_changed(*pair)) for name, _ in pair}
    return {name: getattr(DEFAULT, name) for name in names if name in alone | together}


@cache
def _changed(*changes: tuple[str, Any]) -> Declaration:
    return replace(DEFAULT, **dict(changes))


def _values(name: str) -> Sequence[Any]:
    return get_args(HINTS[name]) or (True, False)


def _selects_otherwise(case: SelectCase) -> Differs:
    """Say whether something else is due; of what is no granularity an error is due whatever is declared."""
    return lambda declaration: _is_granularity(case) and differs(case, declaration)


def _is_granularity(case: SelectCase) -> bool:
    match case.granularity:
        case NofM(keep, of, axis):
            axes = min(array.ndim for array in case.scores.values())
            return _integers(keep, of, axis) and 1 <= keep <= of and 0 <= axis < axes
        case Blocks(rows, columns):
            return all(side is None or side >= 1 for side in (rows, columns))
        case Units(_, multiple):
            return multiple >= 1
    return True


def _integers(*values: Any) -> bool:
    return all(type(value) is int for value in values)


def _distinct(shapes: Mapping[str, Any], sparsity: Any, pools: Any, seed: int) -> SelectCase:  # noqa: ARG001
    """Return a selection of as many entries, without ties."""
    scores = {name: np.arange(1.0, prod(shape) + 1) + 100 * i for i, (name, shape) in enumerate(shapes.items())}
    return SelectCase(scores, sparsity, pools)


def _of_calls(case: SelectCase, calls: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Return what decides any of the calls of a session."""
    found: dict[str, Any] = {"within": True} if case.within else {}
    for scores, sparsity in calls:
        case = replace(case, scores=scores, sparsity=sparsity)
        found |= decisive(RULES, _selects_otherwise(case))
        try:
            case = replace(case, within=select(case))
        except Refused:
            continue
    return found


def _times_otherwise(operation: str, arguments: Arguments) -> Differs:
    """Say whether something else is due; of what is no schedule an error is due whatever is declared."""
    if operation == "rounds":
        case, steps = ScheduleCase(arguments["curve"], arguments["final"], arguments["count"]), arguments["count"]
    else:
        case, steps = arguments["case"], arguments["steps"]
    if not _is_schedule(case):
        return lambda _: False
    should = _timed(DEFAULT, case, steps)
    return lambda declaration: _timed(declaration, case, steps) != should


def _is_schedule(case: ScheduleCase) -> bool:
    numbers = _integers(case.begin, case.end, case.every) and case.every >= 1
    return numbers and 0 <= case.begin <= case.end and 0 <= case.initial <= case.final <= 1


def _timed(declaration: Declaration, case: ScheduleCase, steps: int) -> object:
    if not schedules.comes(declaration, case, steps):
        return "an error"
    exact = [schedules.exact_sparsity(declaration, case, step) for step in range(steps + 1)]
    return (
        schedules.tolerance(declaration),
        exact,
        [schedules.fires(declaration, case, step) for step in range(steps + 1)],
    )
