"""What a declaration leaves out: cases outside it are not applicable, never a pass.

In an example a case outside skips the check with its reason; in a property it is not drawn (`assume`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from refprune.network import OPS, Input, Network, Node, layers, values_of
from spec_tests.adapter import (
    Backend,
    Blocks,
    Declaration,
    Elements,
    NofM,
    ScheduleCase,
    ScoreCase,
    SelectCase,
    TrainCase,
    Units,
)

KINDS = {Elements: "element", Units: "unit", Blocks: "block", NofM: "n_of_m"}


def operations(network: Network) -> set[str]:
    """Return what a network is made of, in the words of `Declaration.ops`."""
    names = {kind: op for op, kind in OPS.items()}
    found = {names[type(node)] for node in network[1:]}
    found |= {"no_bias" for node in layers(network) if not getattr(node, "bias", True)}
    found |= {"shared" for node in layers(network) if getattr(node, "shares", "")}
    found |= {"unused" for _ in network[len(used(network)) :]}
    return found | {"grouped_conv2d" for node in layers(network) if getattr(node, "groups", 1) > 1}


def used(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that the last one depends on, and that one, in order."""
    found, read = [nodes[-1]], {*nodes[-1].inputs}
    for node in nodes[-2::-1]:
        if not read.isdisjoint(values_of(node)):
            found.append(node)
            read |= {*node.inputs}
    return found[::-1]


def undeclared(declaration: Declaration, network: Network) -> str:
    """Return why a network is outside what is declared; empty when it is inside."""
    strange = sorted(operations(network) - declaration.ops)
    return f"{declaration.name} declares no op {strange[0]}" if strange else ""


WORDS = {
    "criteria": "criterion",
    "curves": "curve",
    "forms": "operation",
    "granularities": "granularity",
    "optimisers": "optimiser",
    "reducers": "reducer",
}
"""The sets of a declaration that say what a call may ask for, other than `ops`, and what one member is called."""

CLAIMS = {
    "dropouts": "masks of dropouts in training",
    "initial": "initial sparsity",
    "within": "masks of what is alive",
}
"""The same for what is claimed or not."""


def unclaimed(declaration: Declaration, operation: str, arguments: Iterable[Any]) -> str:
    """Return why a call is outside of what is declared; empty when it is inside. More of selections: `outside`."""
    for field, value in needed(operation, tuple(arguments)):
        if field == "ops" and undeclared(declaration, value):
            return undeclared(declaration, value)
        if field in CLAIMS and not getattr(declaration, field):
            return f"{declaration.name} declares no {CLAIMS[field]}"
        if field in WORDS and value not in getattr(declaration, field):
            return f"{declaration.name} declares no {WORDS[field]} {value}"
    return ""


def needed(operation: str, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield (field of the declaration, what a call needs of it)."""
    if operation in ("trace", "rounds"):
        yield "forms", operation
    if operation == "rounds" and arguments:
        yield "curves", arguments[0]
    for argument in arguments:
        network = getattr(argument, "network", argument)
        if isinstance(network, tuple) and network and isinstance(network[0], Input):
            yield "ops", network
        if isinstance(argument, SelectCase) and isinstance(argument.granularity, Blocks):
            yield "reducers", argument.granularity.reducer
        for kind, needs_of in NEEDS.items():
            if isinstance(argument, kind):
                yield from needs_of(argument)


def _of_training(case: TrainCase) -> Iterator[tuple[str, Any]]:
    yield "optimisers", case.optimiser.name
    if case.kept:
        yield "dropouts", case.kept


def _of_schedule(case: ScheduleCase) -> Iterator[tuple[str, Any]]:
    yield "curves", case.curve
    if case.initial is False or case.initial != 0:
        yield "initial", case.initial


def _of_score(case: ScoreCase) -> Iterator[tuple[str, Any]]:
    yield "criteria", case.criterion
    yield "granularities", KINDS[type(case.granularity)]
    if case.within:
        yield "within", case.within
    if not isinstance(case.granularity, Elements):
        yield "reducers", case.granularity.reducer if isinstance(case.granularity, Blocks) else case.reducer


NEEDS: Mapping[type, Callable[[Any], Iterator[tuple[str, Any]]]] = {
    TrainCase: _of_training,
    ScheduleCase: _of_schedule,
    ScoreCase: _of_score,
}
"""Kind of case -> what asking for it needs."""


def claimed(backend: Backend, operation: str, *calls: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return those of an example's calls that are inside the declaration; skip when none of them is."""
    reasons = [unclaimed(backend.declaration, operation, arguments) for arguments in calls]
    if all(reasons):
        pytest.skip(f"not applicable: {reasons[0]}")
    return [arguments for arguments, reason in zip(calls, reasons, strict=True) if not reason]


def needs_default(backend: Backend, *fields: str) -> None:
    """Skip examples of the reference's rule; the properties judge every declared value."""
    for field in fields:
        value = getattr(backend.declaration, field)
        if value != getattr(Declaration, field):
            pytest.skip(f"not applicable: {backend.declaration.name} declares {field} = {value}")


def outside(declaration: Declaration, case: SelectCase) -> str:
    """Return why a case is outside what is declared; empty when it is inside."""
    kind = KINDS[type(case.granularity)]
    reasons = {
        f"no granularity {kind}": kind not in declaration.granularities,
        f"no {case.pools} pools": case.pools not in declaration.pools,
        "no masks of what is alive": bool(case.within) and not declaration.within,
        "no multiples": isinstance(case.granularity, Units)
        and case.granularity.multiple != 1
        and not declaration.multiples,
        "no runs along that axis": isinstance(case.granularity, NofM)
        and case.granularity.axis in Declaration.run_axes - declaration.run_axes,
    }
    return next((f"declares {reason}" for reason, holds in reasons.items() if holds), "")


def inside(backend: Backend, case: SelectCase) -> bool:
    """Say whether a backend claims a case."""
    return not outside(backend.declaration, case)


def declared(backend: Backend, case: SelectCase) -> SelectCase:
    """Return the case in declared pools, where it can be asked there: one tensor is the same pool, local or global."""
    if len(case.scores) != 1 or case.pools in backend.declaration.pools:
        return case
    return replace(case, pools="global" if case.pools == "local" else "local")


def needs(backend: Backend, case: SelectCase) -> None:
    """Skip the example when the case is outside the declaration."""
    reason = outside(backend.declaration, case)
    if reason:
        pytest.skip(f"not applicable: {backend.declaration.name} {reason}")


def needs_granularity(backend: Backend, kind: str) -> None:
    """Skip when the granularity is not declared."""
    if kind not in backend.declaration.granularities:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no granularity {kind}")


def needs_singles(backend: Backend) -> None:
    """Skip when nothing is selected one by one: neither entries nor units."""
    if "unit" not in backend.declaration.granularities:
        needs_granularity(backend, "element")


def needs_pools(backend: Backend, pools: str) -> None:
    """Skip when the pools are not declared."""
    if pools not in backend.declaration.pools:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no {pools} pools")


def needs_within(backend: Backend) -> None:
    """Skip when `select` takes no masks of what is alive."""
    if not backend.declaration.within:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no masks of what is alive")


def needs_repeatable(backend: Backend) -> None:
    """Skip comparisons of two selections where any of equal scores may stay."""
    if backend.declaration.ties == "unspecified":
        pytest.skip(f"not applicable: {backend.declaration.name} declares ties = unspecified")
