"""What became of an entry or a unit when whole units were removed physically.

In: a finished run and a target. Out: one line of an answer, with the requirements behind it.
"""

from dataclasses import dataclass

import numpy as np

from refprune.granularity import Group, unit_labels
from refprune.lab.explain.targets import Entry, Owner, Unit, made, owners, statistic_of
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
    known = statistic_of(run.groups, target)
    if known and not run.unit_masks[known.group.name][known.number]:
        return Fact("compact", f"gone with {_gone_unit(run, known, 'is of')}", _removal_ids(run))
    taken = [owner for owner in owners(run.groups, target) if not run.unit_masks[owner.group.name][owner.number]]
    if not taken:
        stays = "its unit stays" if known else "no unit that it makes or reads is gone"
        return Fact("compact", f"still in its array: {stays}", ("SUR-01",))
    units = " and with ".join(_gone_unit(run, owner, "reads" if owner.reads else "makes") for owner in taken)
    return Fact("compact", f"gone with {units}", _removal_ids(run))


def _removal_ids(run: Finished) -> tuple[str, ...]:
    return ("SUR-01",) if run.by_unit else ("SUR-01", "SUR-06")


def _gone_unit(run: Finished, owner: Owner, does: str) -> str:
    """Return a unit with why physical removal took it."""
    gone = run.removed_in(owner.group.name, (owner.number,)) if run.by_unit else None
    why = f"removed in round {gone}" if run.by_unit else "read by nothing any more"
    return f"{owner}, which it {does} ({why})"


def in_the_compacted(fact: Fact) -> str:
    """Return the fact as a sentence."""
    return f"In the compacted network it is {fact.value} [{', '.join(fact.requirements)}]."


def taken_all_the_same(run: Finished, target: Entry) -> list[str]:
    """Return the sentence on an entry that the masks keep and physical removal does not."""
    fact = about_removal(run, target)
    return [in_the_compacted(fact)] * fact.value.startswith("gone")


def about_own_removal(gone: int | None) -> Fact:
    """Return what became of a unit that was selected by itself, and went in this round; None: it was kept."""
    if gone is None:
        return Fact("compact", "kept, since no round removed it", ("SUR-01",))
    return Fact("compact", f"gone, since round {gone} removed it: what makes it, and what reads it", ("SUR-01",))


def about_unit_removal(run: Finished, target: Unit) -> tuple[list[Fact], Fact]:
    """Return what reads the unit at the end, and whether physical removal kept it."""
    owner = made(run.groups, target)
    if owner is None:
        return [], Fact("compact", "kept, as every output of the last layer", ("CPL-03", "SUR-11"))
    group = owner.group
    reading, left = _readers(run, group, owner.number)
    arrays = ", ".join(part.array for part in group.consumers)
    readers = Fact(
        "read by", f"{left:,} of {counted(reading, 'entry', 'entries')} of {arrays} after the last round", ("CPL-01",)
    )
    if run.unit_masks[group.name][owner.number]:
        why = "it is still read" if left else "the first unit of a group that nothing reads stays"
        return [readers], Fact("compact", f"kept, since {why}", ("SUR-06",))
    why = "nothing reads it any more" if not left else "what reads it is unread itself"
    return [readers], Fact("compact", f"gone, since {why}", ("SUR-06",))


def _readers(run: Finished, group: Group, number: int) -> tuple[int, int]:
    """Return how many entries read a unit, and how many of them are kept."""
    whole = kept = 0
    for part in group.consumers:
        shape = run.dense.params[part.array].shape
        mine = (unit_labels(part, shape) == number).reshape(shape)
        whole += int(np.count_nonzero(mine))
        kept += int(np.count_nonzero(mine & run.pruned.masks[part.array]))
    return whole, kept
