"""The only right answer to what a vector asks, from the definitions of spec_tests/oracle, never from the reference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from spec_tests.adapter import Blocks, ScheduleCase, ScoreCase, SelectCase, TrainCase, Units
from spec_tests.kit.vectors.asking import stored
from spec_tests.kit.vectors.forms import Json, plain
from spec_tests.kit.vectors.vector import REFUSED
from spec_tests.oracle import layers, measure, schedules, surgery
from spec_tests.oracle import scores as scoring
from spec_tests.oracle.selection import (
    DEFAULT,
    best_first,
    check_selection,
    check_widths,
    parts,
    pools,
    rank,
    refusal,
    removal_count,
    tiles,
)
from spec_tests.oracle.training import Memory, moved, zeroed

Arguments = Mapping[str, Any]
BRUTE = 8
"""Up to so many entries every mask there is is tried."""


class Refused(Exception):
    """An error is due."""


def answer(operation: str, arguments: Arguments) -> Json:
    """Return what is right, as a vector has it; raises Refused where an error is."""
    return plain(ANSWERS[operation](**arguments))


# Selection


def select(case: SelectCase) -> dict[str, Any]:
    """Return the masks that satisfy the definition: no others do, as trying all of a small case shows."""
    if refusal(case, DEFAULT):
        raise Refused(refusal(case, DEFAULT))
    masks = _first_of_the_order(case)
    multiple = isinstance(case.granularity, Units) and case.granularity.multiple > 1
    check_widths(masks, case, DEFAULT) if multiple else check_selection(masks, case, DEFAULT)
    if sum(array.size for array in case.scores.values()) <= BRUTE and not multiple:
        others = [other for other in _every_mask(case) if _satisfies(other, case)]
        assert len(others) == 1, f"{len(others)} masks satisfy the definition of {case}"
    return masks


def _first_of_the_order(case: SelectCase) -> dict[str, Any]:
    """Return the masks that keep the first of each pool or run: alive, then score, then position."""
    found: dict[str, dict[Any, bool]] = {name: {} for name in case.scores}
    for places, entries, due, _ in parts(case):
        order = best_first([rank(entry.score, DEFAULT) for entry in entries], [entry.alive for entry in entries])
        rest = [i for i in order if not entries[i].reserved]
        stays = [i for i in order if entries[i].reserved] + rest[: due.quota]
        if isinstance(case.granularity, Units):
            stays = _widened(case.granularity.multiple, places, order, stays)
        for number, (name, index) in enumerate(places):
            found[name][index] = number in stays
    return {name: _mask(case, array, found[name]) for name, array in case.scores.items()}


def _mask(case: SelectCase, array: Any, kept: Mapping[Any, bool]) -> Any:
    """Return index -> kept as an array; of a case by blocks, number of the tile -> kept."""
    mask = np.zeros(array.shape, bool)
    if isinstance(case.granularity, Blocks):
        members = tiles(array.shape, case.granularity.rows, case.granularity.columns).values()
        kept = {index: kept[number,] for number, tile in enumerate(members) for index in tile}
    for index, keep in kept.items():
        mask[index] = keep
    return mask


def _widened(multiple: int, places: Any, order: list[int], stays: list[int]) -> list[int]:
    """Return what stays when each group is rounded up to the multiple, as far as units are alive."""
    found = []
    for group in dict.fromkeys(name for name, _ in places):
        own = [i for i in order if places[i][0] == group]
        width = -(-sum(i in stays for i in own) // multiple) * multiple
        found += own[:width]
    return found


def _every_mask(case: SelectCase) -> Iterator[dict[str, Any]]:
    for flags in product((False, True), repeat=sum(array.size for array in case.scores.values())):
        left = list(flags)
        yield {
            name: np.array([left.pop(0) for _ in range(array.size)], bool).reshape(array.shape)
            for name, array in case.scores.items()
        }


def _satisfies(masks: Any, case: SelectCase) -> bool:
    try:
        check_selection(masks, case, DEFAULT)
    except AssertionError:
        return False
    return True


def shortfall(case: SelectCase) -> dict[str, int]:
    """Return pool -> how many of those that were asked for stay."""
    masks, found = select(case), {}
    for names in pools(case):
        size = sum(case.scores[name].size for name in names)
        stays = sum(int(entry) for name in names for entry in masks[name].ravel())
        asked = removal_count("half_even", case.sparsity, size)  # type: ignore[arg-type]  # units have a sparsity
        found["global" if case.pools == "global" else names[0]] = asked - (size - stays)
    return found


def session(case: SelectCase, calls: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Return the masks after each call, within those after the one before; a refusal changes nothing."""
    found: list[Any] = []
    for scores, sparsity in calls:
        case = replace(case, scores=scores, sparsity=sparsity)
        try:
            found.append(select(case))
            case = replace(case, within=found[-1])
        except Refused:
            found.append(REFUSED)
    return found


def random_count(shapes: Mapping[str, Any], sparsity: Any, pools: str, seed: int) -> dict[str, int]:  # noqa: ARG001
    """Return pool -> the count."""
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    sizes = {"global": sum(sizes.values())} if pools == "global" else sizes
    return {name: removal_count("half_even", sparsity, size) for name, size in sizes.items()}


# Scores, masked arrays, networks


def score(case: ScoreCase) -> dict[str, Any]:
    """Return the scores of the definition."""
    return scoring.scores(case)


def apply(params: Arguments, masks: Arguments) -> dict[str, Any]:
    """Return 0 where removed, and elsewhere the very number."""
    return zeroed(params, masks)


def rewind(params: Arguments, snapshot: Arguments, masks: Arguments) -> dict[str, Any]:
    """Return the snapshot's number where kept, whatever was trained since."""
    assert params.keys() == snapshot.keys()
    return zeroed(snapshot, masks)


def forward(network: Any, params: Arguments, masks: Arguments, x: Any) -> Any:
    """Return the logits by the loops over every product."""
    found = layers.logits(network, zeroed(params, masks), x)
    return np.array([layers.array_of(one, x.dtype) for one in found])


def loss_and_grads(network: Any, params: Arguments, masks: Arguments, x: Any, labels: Any) -> dict[str, Json]:
    """Return loss and gradients by the same loops; what a gradient is where nothing is kept is not said."""
    loss, found = layers.gradients(network, zeroed(params, masks), x, labels)
    grads = {name: plain(layers.array_of(one, params[name].dtype)) for name, one in found.items()}
    return {"loss": loss, "grads": {name: _unseen(one, masks.get(name)) for name, one in grads.items()}}


def _unseen(array: Json, mask: Any) -> Json:
    """Write null in the place of every removed entry."""
    if mask is None:
        return array
    kept = mask.ravel().tolist()
    return array | {"data": [one if keep else None for one, keep in zip(array["data"], kept, strict=True)]}


def train(case: TrainCase) -> list[Json]:
    """Follow every coordinate by its formula, with the gradients of the loops."""
    now = {name: np.array(array) for name, array in case.params.items()}
    now = zeroed(now, case.masks) if case.prune_at == 0 else now
    memories = {name: [Memory()] * array.size for name, array in now.items()}
    steps = []
    for number, rows in enumerate(case.batches, 1):
        kept = _of_batch(case, number)
        _, grads = layers.gradients(case.network, now, case.x[rows], case.labels[rows], kept)
        statistics = layers.statistics(case.network, now, case.x[rows], kept)
        now = {name: _moved(case, number, name, array, grads, memories) for name, array in now.items()}
        now |= {name: layers.array_of(one, case.params[name].dtype) for name, one in statistics.items()}
        if number >= case.prune_at:
            now, memories = zeroed(now, case.masks), _forgotten(memories, case.masks)
        read = {name: plain(array) for name, array in now.items()}
        in_force = case.masks if number >= case.prune_at else {}
        steps.append({"read": {name: _unseen(one, in_force.get(name)) for name, one in read.items()}, "used": read})
    return steps


def _of_batch(case: TrainCase, number: int) -> Any:
    """Return the masks of the dropouts of an update; without, a dropout is none of the network's."""
    return case.kept[number - 1] if case.kept else {}


def _moved(case: TrainCase, number: int, name: str, array: Any, grads: Any, memories: dict[str, Any]) -> Any:
    """Return an array after an update, each entry by itself; running statistics have no gradient."""
    if name not in grads:
        return array
    slopes = [grads[name][index] for index in np.ndindex(array.shape)]
    triples = zip(array.ravel().tolist(), slopes, memories[name], strict=True)
    after = [moved(case.optimiser, w, g, memory, number)[:2] for w, g, memory in triples]
    memories[name] = [memory for _, memory in after]
    return np.array([w for w, _ in after], array.dtype).reshape(array.shape)


def _forgotten(memories: Mapping[str, Any], masks: Arguments) -> dict[str, Any]:
    """Return the memories with nothing in them where entries are removed."""
    flags = {name: mask.ravel().tolist() for name, mask in masks.items()}
    return {
        name: [one if keep else Memory() for one, keep in zip(own, flags.get(name, [True] * len(own)), strict=True)]
        for name, own in memories.items()
    }


# Schedules, removal, counts, files


def trace(case: ScheduleCase, steps: int) -> list[Json]:
    """Return, step by step, whether it fires and the double nearest to the exact sparsity."""
    if not schedules.comes(DEFAULT, case, steps):
        raise Refused("a schedule that never fires, or ends after the run")
    return [
        {
            "fires": schedules.fires(DEFAULT, case, step),
            "sparsity": float(schedules.exact_sparsity(DEFAULT, case, step)),
        }
        for step in range(steps + 1)
    ]


def rounds(curve: str, final: float, count: int) -> list[float]:
    """Return the doubles nearest to the sparsities of the steps 1 to count."""
    case = ScheduleCase(curve, final, count)
    return [float(schedules.exact_sparsity(DEFAULT, case, step)) for step in range(1, count + 1)]


def remove(network: Any, params: Arguments, units: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return the arrays without all that is tied to the rows that are named, and the rows that are left."""
    left = surgery.compacted(network, params, units)
    return {"params": left, "kept": surgery.kept(network, params, units)}


def count(network: Any, params: Arguments, masks: Arguments) -> dict[str, Any]:
    """Return every count, one by one, and the fractions of them."""
    found = measure.counts(network, params, masks)
    return found | measure.fractions(found)


ANSWERS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        select, shortfall, session, random_count, score, apply, rewind, forward, loss_and_grads, train, trace, rounds,
        remove, count,
    )
} | {"store": stored}  # fmt: skip
"""Operation -> its definition."""
