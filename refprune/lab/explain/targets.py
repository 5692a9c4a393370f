"""What is asked about: one entry of one parameter, or one unit; and what it was part of when the choice was made.

In: text such as `conv2.weight[3,1,2,0]` or `conv2[3]`. Out: records.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refprune.arrays import Params, is_weight
from refprune.errors import InvalidInput
from refprune.granularity import Group, tile_labels
from refprune.lab.finished import Finished

FORMS = "a weight such as fc1.weight[3,17] or a unit such as fc1[3]"
"""What a target looks like."""
MANY = 12
"""Parameters that are too many to name all of them to whoever names none."""


@dataclass(frozen=True)
class Entry:
    """One entry of one parameter."""

    array: str
    index: tuple[int, ...]

    def __str__(self) -> str:
        """Return how it is written."""
        return f"{self.array}[{','.join(map(str, self.index))}]"


@dataclass(frozen=True)
class Unit:
    """One output of a dense layer, or one channel of a convolution."""

    layer: str
    number: int

    def __str__(self) -> str:
        """Return how it is written."""
        return f"{self.layer}[{self.number}]"


@dataclass(frozen=True)
class Competitor:
    """What had a score of its own: an entry, a tile or a unit, by its place among the scores."""

    kind: Literal["entry", "tile", "unit"]
    name: str
    index: tuple[int, ...]
    words: str
    """What it is called where the target is only a part of it."""
    entries: int
    """How many weights its score stands for."""


@dataclass(frozen=True)
class Owner:
    """A unit that an entry belongs to: one that it helps to make, or one that it reads."""

    group: Group
    number: int
    reads: bool

    def __str__(self) -> str:
        """Return the unit: the output that makes it, or its group where several do."""
        outputs = outputs_of(self.group, self.number)
        return str(outputs[0]) if len(outputs) == 1 else f"unit {self.number} of group {self.group.name}"


def read_target(text: str, params: Params) -> Entry | Unit:
    """Return what the text names.

    Raises:
        InvalidInput: text of another form, a name that is not there, indices that do not fit the shape.
    """
    what = f"target {text!r}"
    parts = re.fullmatch(r"\s*(\S+?)\s*\[\s*(-?\d{1,18}(?:\s*,\s*-?\d{1,18})*)\s*\]\s*", text, re.ASCII)
    if parts is None:
        raise InvalidInput(what, "text of another form", FORMS)
    name, index = parts[1], tuple(int(number) for number in parts[2].split(","))
    if name in params:
        _check_index(what, index, params[name].shape, name)
        return Entry(name, index)
    if f"{name}.weight" not in params:
        layers = [array.removesuffix(".weight") for array in params if is_weight(array)]
        near = [array for array in params if array.startswith(f"{name}.") or len(params) <= MANY]
        kinds: dict[str, str] = {}
        for array in params:
            kinds.setdefault(array.rpartition(".")[2], array)
        of = f"one of the parameters {', '.join(near)}" if near else f"a parameter such as {', '.join(kinds.values())}"
        expected = f"{of} or {'of' if near else 'one of'} the layers {', '.join(layers)}"
        raise InvalidInput(what, f"the name {name!r}", expected)
    _check_index(what, index, params[f"{name}.weight"].shape[:1], f"the units of {name}")
    return Unit(name, index[0])


def _check_index(what: str, index: tuple[int, ...], shape: tuple[int, ...], name: str) -> None:
    if len(index) != len(shape):
        got = f"{len(index)} {'index' if len(index) == 1 else 'indices'}"
        raise InvalidInput(what, got, f"{len(shape)}, as {name} has the shape {shape}")
    for number, length in zip(index, shape, strict=True):
        if not 0 <= number < length:
            raise InvalidInput(what, f"the index {number}", f"indices from 0 and below the shape {shape} of {name}")


def competitor(run: Finished, target: Entry | Unit) -> Competitor | None:
    """Return what competed for the target; None where nothing did."""
    if run.by_unit:
        return _unit(run, target)
    if isinstance(target, Unit) or not is_weight(target.array):
        return None
    if run.settings.granularity == "element":
        return Competitor("entry", target.array, target.index, str(target), 1)
    return _tile(run, target)


def _unit(run: Finished, target: Entry | Unit) -> Competitor | None:
    """Return the unit that is meant, or that an entry helps to make."""
    if isinstance(target, Entry):
        makes = [owner for owner in owners(run.groups, target) if not owner.reads]
    else:
        owner = made(run.groups, target)
        makes = [owner] if owner else []
    if not makes:
        return None
    group, number = makes[0].group, makes[0].number
    entries = sum(run.dense.params[part.array].size // group.size for part in group.producers if is_weight(part.array))
    return Competitor("unit", group.name, (number,), f"unit {number} of group {group.name}", entries)


def _tile(run: Finished, target: Entry) -> Competitor:
    """Return the tile that an entry is in, with the part of the matrix that it covers."""
    shape = run.dense.params[target.array].shape
    sides = [int(side) for side in run.settings.granularity.split("x")]
    labels, grid = tile_labels(shape, *sides)
    label = int(labels[np.ravel_multi_index(target.index, shape)])
    index = divmod(label, grid[1])
    matrix = (shape[0], labels.size // shape[0])
    first = [place * side for place, side in zip(index, sides, strict=True)]
    last = [min(start + side, length) - 1 for start, side, length in zip(first, sides, matrix, strict=True)]
    covers = f"rows {first[0]}..{last[0]}, columns {first[1]}..{last[1]}"
    words = f"tile {index} of {target.array}, {covers}"
    return Competitor("tile", target.array, index, words, int(np.count_nonzero(labels == label)))


def made(groups: Iterable[Group], output: Unit) -> Owner | None:
    """Return the unit that an output of a layer is, with all that goes together with it; None for one that stays."""
    for group in groups:
        for part in group.producers:
            if part.array == f"{output.layer}.weight" and part.units[output.number] >= 0:
                return Owner(group, part.units[output.number], reads=False)
    return None


def statistic_of(groups: Iterable[Group], entry: Entry) -> Owner | None:
    """Return the unit whose running mean or variance an entry is; None where it is none, or the unit always stays."""
    for group in groups:
        for part in group.statistics:
            if part.array == entry.array and part.units[entry.index[part.axis]] >= 0:
                return Owner(group, part.units[entry.index[part.axis]], reads=False)
    return None


def owners(groups: Iterable[Group], entry: Entry) -> list[Owner]:
    """Return the units an entry belongs to: the one it helps to make first, then the one it reads."""
    return [
        Owner(group, part.units[entry.index[part.axis]], reads)
        for reads in (False, True)
        for group in groups
        for part in (group.consumers if reads else group.producers)
        if part.array == entry.array and part.units[entry.index[part.axis]] >= 0
    ]


def is_statistic(name: str) -> bool:
    """Say whether a parameter is a running mean or variance."""
    return name.endswith((".running_mean", ".running_var"))


def outputs_of(group: Group, number: int) -> list[Unit]:
    """Return the outputs of layers that make a unit, in the order of the layers."""
    parts = [part for part in group.producers if is_weight(part.array) and part.axis == 0]
    return [
        Unit(part.array.removesuffix(".weight"), place)
        for part in parts
        for place, own in enumerate(part.units)
        if own == number
    ]
