"""What a declaration leaves out: cases outside it are not applicable, never a pass.

In an example a case outside skips the check with its reason; in a property it is not drawn (`assume`).
"""

from dataclasses import replace
from numbers import Integral

import pytest

from refprune.network import OPS, Network, layers
from spec_tests.adapter import Backend, Blocks, Declaration, Elements, NofM, SelectCase, Units

KINDS = {Elements: "element", Units: "unit", Blocks: "block", NofM: "n_of_m"}


def operations(network: Network) -> set[str]:
    """Return what a network is made of, in the words of `Declaration.ops`."""
    names = {kind: op for op, kind in OPS.items()}
    found = {names[type(node)] for node in network[1:]}
    found |= {"no_bias" for node in layers(network) if not getattr(node, "bias", True)}
    found |= {"shared" for node in layers(network) if getattr(node, "shares", "")}
    return found | {"grouped_conv2d" for node in layers(network) if getattr(node, "groups", 1) > 1}


def undeclared(declaration: Declaration, network: Network) -> str:
    """Return why a network is outside what is declared; empty when it is inside."""
    strange = sorted(operations(network) - declaration.ops)
    return f"{declaration.name} declares no op {strange[0]}" if strange else ""


def outside(declaration: Declaration, case: SelectCase) -> str:
    """Return why a case is outside what is declared; empty when it is inside."""
    kind = KINDS[type(case.granularity)]
    sparsity: object = case.sparsity  # may be an integer of NumPy's
    reasons = {
        f"no granularity {kind}": kind not in declaration.granularities,
        f"no {case.pools} pools": case.pools not in declaration.pools,
        "no masks of what is alive": bool(case.within) and not declaration.within,
        "no multiples": isinstance(case.granularity, Units)
        and case.granularity.multiple != 1
        and not declaration.multiples,
        "no integer counts": isinstance(sparsity, Integral) and not declaration.integer_counts,
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


def needs_pools(backend: Backend, pools: str) -> None:
    """Skip when the pools are not declared."""
    if pools not in backend.declaration.pools:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no {pools} pools")


def needs_within(backend: Backend) -> None:
    """Skip when `select` takes no masks of what is alive."""
    if not backend.declaration.within:
        pytest.skip(f"not applicable: {backend.declaration.name} declares no masks of what is alive")


def needs_default_count(backend: Backend) -> None:
    """Skip examples of the reference's count rule; the properties judge every declared rule."""
    if backend.declaration.count != "half_even":
        pytest.skip(f"not applicable: {backend.declaration.name} declares count = {backend.declaration.count}")


def needs_first_of_ties(backend: Backend) -> None:
    """Skip examples of the reference's tie rule; the properties judge every declared rule."""
    if backend.declaration.ties != "first":
        pytest.skip(f"not applicable: {backend.declaration.name} declares ties = {backend.declaration.ties}")


def needs_exact_count(backend: Backend) -> None:
    """Skip where the count must be exact whatever is tied."""
    if backend.declaration.ties in ("keep_all", "remove_all"):
        pytest.skip(f"not applicable: {backend.declaration.name} declares ties = {backend.declaration.ties}")


def needs_repeatable(backend: Backend) -> None:
    """Skip comparisons of two selections where any of equal scores may stay."""
    if backend.declaration.ties == "unspecified":
        pytest.skip(f"not applicable: {backend.declaration.name} declares ties = unspecified")
