"""Why one thing was removed, or kept: the answer in sentences, and what decided it with the requirements' numbers.

In: a finished run and a target. Out: an Explanation, plain data; how it is printed is not decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from refprune.arrays import is_weight
from refprune.criteria import CRITERIA
from refprune.lab.explain.removal import (
    Fact,
    about_own_removal,
    about_removal,
    about_unit_removal,
    counted,
    in_the_compacted,
    taken_all_the_same,
)
from refprune.lab.explain.standing import Standing, pool_of, standings
from refprune.lab.explain.targets import Competitor, Entry, Unit, competitor, is_statistic, outputs_of
from refprune.lab.finished import Finished

FORMULAS = {
    "magnitude": ("c = w", "CRI-03"),
    "gradient": ("c = g, the gradient", "CRI-04"),
    "taylor": ("c = g w, gradient times weight", "CRI-05"),
    "taylor_gate": ("c = sum of z dL/dz", "CRI-06"),
    "random": ("c = u, drawn from U[0, 1)", "CRI-07"),
    "random_unit": ("c = u, drawn from U[0, 1)", "CRI-07"),
}
"""Criterion -> its formula, and the requirement that states it."""
CURVES = {"linear": "SCH-03", "cubic": "SCH-04", "geometric": "SCH-05"}
SCOPES = {"local": "SEL-08", "global": "SEL-09"}
"""Curves and scopes of the command line -> the requirement that states them."""
PLURALS = {"entry": "entries", "tile": "tiles", "unit": "units"}
"""What competes, in the plural."""


@dataclass(frozen=True)
class Explanation:
    """The answer: sentences, facts, and one record for each round."""

    kind: str
    """What had a score (entry, tile, unit), or "unit of entries", or "unranked"."""
    answer: list[str]
    removed_in_round: int | None
    facts: list[Fact]
    rounds: list[dict[str, Any]] = field(default_factory=list)
    """Keys of JSON -> numbers, strings for those that are not finite."""
    table: list[tuple[str, ...]] = field(default_factory=list)
    """The rounds as text, headings first."""


def explain(run: Finished, target: Entry | Unit) -> Explanation:
    """Return the answer for one target.

    Raises:
        InvalidInput: masks that do not follow from the scores.
    """
    thing = competitor(run, target)
    if thing is not None:
        return _of_competitor(run, target, thing)
    if isinstance(target, Unit) and not run.by_unit:
        return _of_unit_of_entries(run, target)
    return _of_unranked(run, target)


def _of_competitor(run: Finished, target: Entry | Unit, thing: Competitor) -> Explanation:
    """Return the answer for what had a score, or was part of what had one."""
    stood = standings(run, thing)
    gone = run.removed_in(thing.name, thing.index)
    decisive = stood[-1 if gone is None else gone - 1]
    answer = [_verdict(run, target, thing, decisive), _reason(decisive)]
    facts = [
        *_about_part(target, thing),
        *_about_together(run, target, thing),
        *_about_value(run, target, removed=gone is not None),
        *_about_score(run, thing),
        _about_schedule(run),
        *_about_pool(run, thing),
        *_about_rules(run, stood, gone),
    ]
    if isinstance(target, Entry):
        facts.append(about_removal(run, target))
        answer += [] if gone else taken_all_the_same(run, target)
    else:
        facts.append(about_own_removal(gone))
    return Explanation(thing.kind, answer, gone, facts, [_record(one) for one in stood], _table(stood, gone))


def _verdict(run: Finished, target: Entry | Unit, thing: Competitor, one: Standing) -> str:
    """Return what happened, in one sentence."""
    part = isinstance(target, Entry) and thing.kind != "entry"
    whole, its = (f" with {thing.words}", f"the {thing.kind}'s") if part else ("", "its")
    stay = counted(one.stay, "stays", "stay")
    ranked = f"{its} score {one.score!s} ranked {one.rank:,} of {one.entries:,} where {stay}"
    turns = len(run.rounds)
    if not one.kept:
        return f"{target} was removed in round {one.number} of {turns}{whole}: {ranked}."
    kept = f"all {turns} rounds{whole}: in the last, {ranked}" if turns > 1 else f"the only round{whole}: {ranked}"
    return f"{target} was kept in {kept}."


def _reason(one: Standing) -> str:
    """Return what made the difference in that round: position, what is set aside, or the score."""
    if one.decided_by_position:
        others = counted(one.ties_kept + one.ties_removed, "other has", "others have")
        went, stayed = f"{one.ties_removed:,} of them went", f"{one.ties_kept:,} of them stayed"
        said = went if one.kept else stayed
        return f"{others} exactly this score; {said}: of equal scores the first by position stay [SEL-04]."
    if one.decided_by_reserve:
        alone, who = ("gone: it is", "its group") if one.kept else ("stayed: others are", "their groups")
        by_score = f"By its score alone, at rank {one.rank_by_score:,}, it would have {alone} set aside"
        return f"{by_score} as the best of {who} [SEL-10]."
    if one.kept:
        found = f"The highest score that went is {one.highest_removed!s} [SEL-04]."
        return "Nothing went in that round [SEL-01]." if one.highest_removed is None else found
    found = f"The lowest score that stays is {one.lowest_kept!s} [SEL-04]."
    nothing = "Only what is set aside stays [SEL-10]." if one.stay else "Nothing stays [SEL-01]."
    return nothing if one.lowest_kept is None else found


def _about_part(target: Entry | Unit, thing: Competitor) -> list[Fact]:
    """Return what the target is only a part of."""
    if thing.kind == "tile":
        return [Fact("part of", thing.words, ("GRA-07", "GRA-12"))]
    if thing.kind == "entry" or isinstance(target, Unit):
        return []
    ranked = "GRA-08" if is_weight(target.array) else "ARR-05"
    return [Fact("part of", thing.words, ("CPL-01", ranked, "GRA-09"))]


def _about_together(run: Finished, target: Entry | Unit, thing: Competitor) -> list[Fact]:
    """Return which outputs of which layers make the unit, where there are several: they go together or not at all."""
    group = next((group for group in run.groups if thing.kind == "unit" and group.name == thing.name), None)
    outputs = outputs_of(group, thing.index[0]) if group else []
    if len(outputs) < 2:
        return []
    of = f", unit {thing.index[0]} of group {thing.name}" if isinstance(target, Unit) else ""
    return [Fact("together", f"{', '.join(map(str, outputs))}{of}", ("CPL-05", "GRA-09"))]


def _about_value(run: Finished, target: Entry | Unit, *, removed: bool) -> list[Fact]:
    """Return what stands at the entry before pruning and at the end."""
    if isinstance(target, Unit):
        return []
    first, last = (state.params[target.array][target.index] for state in (run.dense, run.pruned))
    value = f"{first!s} before pruning, {last!s} after the last round"
    return [Fact("value", value, ("ARR-01",) if removed else ())]


def _about_score(run: Finished, thing: Competitor) -> list[Fact]:
    """Return how the score came about: the criterion's contributions c, and what makes one number of them."""
    criterion = CRITERIA[run.settings.criterion]
    formula, requirement = FORMULAS[criterion.name]
    weights = counted(thing.entries, "weight")
    if thing.kind == "entry":
        score = Fact("score", "|c|", ("GRA-01",))
    elif thing.kind == "tile":
        score = Fact("score", f"sum of |c| over the tile's {weights}", ("GRA-02",))
    elif criterion.level == "element":
        score = Fact("score", f"sum of |c| over the unit's {weights}", ("GRA-02", "GRA-08"))
    else:
        score = Fact("score", "c^2, with one c for the unit", ("GRA-06", "GRA-08"))
    return [Fact("criterion", f"{criterion.name}: {formula}", (requirement,)), score]


def _about_schedule(run: Finished) -> Fact:
    settings = run.settings
    if settings.rounds == 1:
        return Fact("schedule", f"to {settings.sparsity} in the only round", ("SCH-08",))
    value = f"{settings.schedule} to {settings.sparsity} in {settings.rounds} rounds"
    return Fact("schedule", value, (CURVES[settings.schedule], "SCH-08"))


def _about_pool(run: Finished, thing: Competitor) -> list[Fact]:
    """Return who competed, and where in their order the thing is."""
    pool, scope = pool_of(run, thing), run.settings.scope
    size = counted(pool.entries, thing.kind, PLURALS[thing.kind])
    members = ("ARR-05",) if thing.kind != "unit" else ("CPL-01",) if scope == "local" else ("CPL-01", "CPL-03")
    return [
        Fact("pool", f"{scope}: {size} of {', '.join(pool.tensors)}", (SCOPES[scope], *members)),
        Fact("position", f"{pool.position:,} in the pool, from 0"),
    ]


def _about_rules(run: Finished, stood: Sequence[Standing], gone: int | None) -> list[Fact]:
    """Return how many went, in which order, and what else had a say."""
    ids = ("SEL-01",) if run.by_unit or run.settings.granularity == "element" else ("SEL-01", "GRA-12")
    facts = [Fact("count", f"round(sparsity x {stood[0].entries:,}) removed, earlier rounds included", ids)]
    if len(stood) > 1:
        facts.append(Fact("each round", "scores what the round before left, within its masks", ("PRU-02",)))
    if any(_reserve_had_a_say(one) for one in stood):
        best = f"the {run.how.granularity.min_kept} best alive of each group, set aside before anything goes"
        facts.append(Fact("reserve", best, ("SEL-10", "GRA-19")))
    short = ", ".join(f"{one.short:,} in round {one.number}" for one in stood if one.short)
    if short:
        facts.append(Fact("short", f"{short}: only what is set aside was left", ("SEL-11",)))
    facts.append(Fact("order", "alive first, then score descending, then position ascending", ("SEL-04",)))
    if gone is not None and gone < len(stood):
        facts.append(Fact("after that", "what is removed stays removed, whatever its score", ("SEL-05", "SEL-06")))
    return facts


def _reserve_had_a_say(one: Standing) -> bool:
    """Say whether what is set aside is needed to understand this round."""
    about_this_one = one.alive and (one.set_aside or one.decided_by_reserve)
    return one.reserve > 0 and (about_this_one or one.short > 0 or one.lowest_kept is None)


def _record(one: Standing) -> dict[str, Any]:
    """Return one round as data; of what was removed before, only what is true of its pool."""
    said = one._asdict()
    of_this_one = ("score", "rank", "rank_by_score", "set_aside", "ties_kept", "ties_removed")
    said |= {} if one.alive else dict.fromkeys(of_this_one)
    return {name: _number(value) for name, value in said.items()}


def _number(value: Any) -> Any:
    """Return a value as JSON has it: text for a score that is not finite."""
    if isinstance(value, np.floating):
        return float(value) if np.isfinite(value) else str(value)
    return value


def _table(stood: Sequence[Standing], gone: int | None) -> list[tuple[str, ...]]:
    """Return the rounds as text."""
    rows: list[tuple[str, ...]] = [
        (
            "round",
            "sparsity",
            "removed",
            "stay",
            "lowest by score",
            "highest gone",
            "score",
            "rank",
            "ties",
            "then",
        )
    ]
    for one in stood:
        of_pool = (
            f"{one.sparsity:.6g}",
            f"{one.removed:,}",
            f"{one.stay:,}",
            *map(_or_dash, (one.lowest_kept, one.highest_removed)),
        )
        if one.alive:
            ties = f"{one.ties_kept:,} kept, {one.ties_removed:,} gone" if one.ties_kept + one.ties_removed else "none"
            then = "removed" if not one.kept else "set aside" if one.set_aside else "kept"
            own = (str(one.score), f"{one.rank:,}", ties, then)
        else:
            own = ("-", "-", "-", f"gone since {gone}")
        rows.append((str(one.number), *of_pool, *own))
    return rows


def _or_dash(score: float | None) -> str:
    return "-" if score is None else str(score)


def _of_unit_of_entries(run: Finished, target: Unit) -> Explanation:
    """Return what became of a unit where entries or tiles were selected: of its weights, and of what reads it."""
    name = f"{target.layer}.weight"
    masks = [run.how.granularity.expand(one.kept, run.dense.params)[name][target.number] for one in run.rounds]
    left = [masks[0].size, *(int(np.count_nonzero(mask)) for mask in masks)]
    what = "entries" if run.settings.granularity == "element" else f"tiles of {run.settings.granularity}"
    lost = f"{target} lost {left[0] - left[-1]:,} of its {counted(left[0], 'weight')} in {counted(len(masks), 'round')}"
    answer = [f"{lost}: this run selects {what}, and a unit has no score."]
    readers, fate = about_unit_removal(run, target)
    answer.append(in_the_compacted(fate))
    rounds = [
        {
            "number": number,
            "sparsity": run.sparsities[number - 1],
            "removed": left[0] - after,
            "removed_now": before - after,
        }
        for number, (before, after) in enumerate(pairwise(left), 1)
    ]
    facts = [
        Fact("weights", f"{target.layer}.weight[{target.number}], {left[0]:,}; its bias is never ranked", ("ARR-05",)),
        _about_schedule(run),
        *readers,
        fate,
    ]
    rows: list[tuple[str, ...]] = [("round", "sparsity of the run", "its weights removed", "in this round")]
    rows += [
        (str(one["number"]), f"{one['sparsity']:.6g}", f"{one['removed']:,}", f"{one['removed_now']:,}")
        for one in rounds
    ]
    return Explanation("unit of entries", answer, None, facts, rounds, rows)


def _why_unranked(target: Entry | Unit) -> tuple[str, str]:
    """Return why something never competed, and the requirement that says so."""
    if isinstance(target, Unit) or is_weight(target.array):
        layer = target.layer if isinstance(target, Unit) else target.array.rpartition(".")[0]
        return f"{layer} makes the network's output and forms no group", "CPL-03"
    if is_statistic(target.array):
        return "running statistics have no score and no mask", "ARR-05"
    kind = "biases" if target.array.endswith(".bias") else "scales and shifts of a normalisation"
    return f"{kind} have no score and no mask", "ARR-05"


def _of_unranked(run: Finished, target: Entry | Unit) -> Explanation:
    """Return the answer for what never competed: a bias, a normalisation, or the last layer where units did."""
    why, requirement = _why_unranked(target)
    answer = [f"{target} was never ranked: {why} [{requirement}]."]
    facts = [Fact("ranked", f"no: {why}", (requirement,)), *_about_value(run, target, removed=False)]
    if isinstance(target, Unit):
        return Explanation("unranked", answer, None, [*facts, about_unit_removal(run, target)[1]])
    facts.append(about_removal(run, target))
    return Explanation("unranked", answer + taken_all_the_same(run, target), None, facts)
