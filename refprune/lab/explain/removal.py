"""What became of an entry or a unit when whole units were removed physically.

In: a finished run and a target. Out: one line of an answer, with the requirements behind it.
"""

from dataclasses import dataclass

import numpy as np

from refprune.granularity import Group, spread
from refprune.lab.explain.targets import Entry, Owner, Unit, owners
from refprune.lab.finished import Finished


@dataclass(frozen=True)
class Fact:
    """One line of the answer, with the requirements behind it."""

    what: str
    value: str
    requirements: tuple[str, ...] = ()


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def about_removal(run: Finished, target: Entry) -> Fact:
    """Return what became of an entry when whole units were removed physically."""
    taken = [owner for owner in owners(run.groups, target) if not run.unit_masks[owner.group.name][owner.number]]
    if not taken:
        return Fact("compact", "still in its array: no unit that it makes or reads is gone", ("SUR-01",))
    units = " and with ".join(_gone_unit(run, owner) for owner in taken)
    return Fact("compact", f"gone with {units}", ("SUR-01",) if run.by_unit else ("SUR-01", "SUR-06"))


def _gone_unit(run: Finished, owner: Owner) -> str:
    """Return a unit with why physical removal took it."""
    unit = Unit(owner.group.name, owner.number)
    why = (
        f"removed in round {run.removed_in(unit.layer, (unit.number,))}" if run.by_unit else "read by nothing any more"
    )
    return f"{unit}, which it {'reads' if owner.reads else 'makes'} ({why})"


def in_the_compacted(fact: Fact) -> str:
    """Return the fact as a sentence."""
    return f"In the compacted network it is {fact.value} [{', '.join(fact.requirements)}]."


def taken_all_the_same(run: Finished, target: Entry) -> list[str]:
    """Return the sentence on an entry that the masks keep and physical removal does not."""
    fact = about_removal(run, target)
    return [in_the_compacted(fact)] * fact.value.startswith("gone")


def about_unit_removal(run: Finished, target: Unit) -> tuple[list[Fact], Fact]:
    """Return what reads the unit at the end, and whether physical removal kept it."""
    group = next((group for group in run.groups if group.name == target.layer), None)
    if group is None:
        return [], Fact("compact", "kept, as every output of the last layer", ("CPL-03", "SUR-11"))
    reading, left = _readers(run, group, target.number)
    arrays = ", ".join(part.array for part in group.consumers)
    readers = Fact(
        "read by", f"{left:,} of {counted(reading, 'entry', 'entries')} of {arrays} after the last round", ("CPL-01",)
    )
    if run.unit_masks[group.name][target.number]:
        why = "it is still read" if left else "the first unit of a group that nothing reads stays"
        return [readers], Fact("compact", f"kept, since {why}", ("SUR-06",))
    why = "nothing reads it any more" if not left else "what reads it is unread itself"
    return [readers], Fact("compact", f"gone, since {why}", ("SUR-06",))


def _readers(run: Finished, group: Group, number: int) -> tuple[int, int]:
    """Return how many entries read a unit, and how many of them are kept."""
    whole = kept = 0
    for part in group.consumers:
        shape = run.dense.params[part.array].shape
        mine = spread(np.arange(group.size) == number, part, shape)
        whole += int(np.count_nonzero(mine))
        kept += int(np.count_nonzero(mine & run.pruned.masks[part.array]))
    return whole, kept
