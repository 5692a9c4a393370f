"""A finished run, read back whole: one seed of one network, checked before anything is said about it.

In: the folder of a run. Out: its settings, networks, scores and masks; a folder that is damaged, or whose parts do not
belong together, is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refprune.arrays import Array, Masks, Params, check_float_arrays, check_masks, weights
from refprune.coupling import find_groups
from refprune.errors import InvalidInput, is_integer
from refprune.granularity import Group
from refprune.lab import folder as run_folder
from refprune.lab.experiment import Settings, method
from refprune.lab.folder import Stored, StoredRound
from refprune.pruning import Method
from refprune.schedules import CURVES
from refprune.surgery import compact, compact_network, unread_units


@dataclass(frozen=True)
class Finished:
    """One seed of one network of a finished run."""

    settings: Settings
    seed: int
    place: Path
    """Where it lies."""
    sparsities: tuple[float, ...]
    """What was asked for in each round."""
    rounds: tuple[StoredRound, ...]
    dense: Stored
    pruned: Stored
    groups: tuple[Group, ...]
    how: Method
    unit_masks: Masks
    """What physical removal kept: group name -> (size,)."""

    def removed_in(self, name: str, index: tuple[int, ...]) -> int | None:
        """Return the round in which one of the things that competed went, from 1; None: it was kept."""
        gone = (number for number, one in enumerate(self.rounds, 1) if not one.kept[name][index])
        return next(gone, None)

    @property
    def by_unit(self) -> bool:
        """Say whether units were selected, and not entries or tiles."""
        return self.settings.granularity == "unit"


def read_finished(folder: Path, network: str | None, seed: int | None) -> Finished:
    """Return one seed of one network; the only network, and the first seed, when none is named.

    Raises:
        InvalidInput: no folder of a run, no such network or seed, files that are damaged or do not fit.
    """
    document = run_folder.open_run(folder)
    try:
        name, number = _named(document, network, seed)
        settings, sparsities = _settings(document, name, number)
    except InvalidInput:
        raise
    except Exception as error:  # what a damaged document raises is no closed list
        got = f"{type(error).__name__}: {error}"
        raise InvalidInput(str(folder / run_folder.RESULTS), got, "what refprune run writes") from error
    rounds = tuple(run_folder.load_round(folder, name, number, turn) for turn in range(1, len(sparsities) + 1))
    states = [run_folder.load_state(folder, name, number, state) for state in run_folder.STATES]
    return _checked(settings, number, run_folder.seed_folder(folder, name, number), sparsities, rounds, states)


def _named(document: dict[str, Any], network: str | None, seed: int | None) -> tuple[str, int]:
    """Return the network and the seed that are meant."""
    networks, seeds = list(document["networks"]), list(document["seeds"])
    if not networks or not seeds:
        raise ValueError(f"networks {networks} and seeds {seeds}")
    if network is None and len(networks) != 1:
        raise InvalidInput("--network", "none", f"one of this run's: {', '.join(networks)}")
    if network is not None and network not in networks:
        raise InvalidInput("--network", network, f"one of this run's: {', '.join(networks)}")
    if seed is not None and seed not in seeds:
        raise InvalidInput("--seed", seed, f"one of this run's: {', '.join(map(str, seeds))}")
    return network or networks[0], seeds[0] if seed is None else seed


def _settings(document: dict[str, Any], network: str, seed: int) -> tuple[Settings, tuple[float, ...]]:
    """Return the settings, and the sparsity of each round as it was asked for."""
    settings = Settings(**document["settings"][network])
    method(settings, ())  # a criterion, a granularity and a scope that there are
    if not is_integer(seed) or settings.schedule not in CURVES or settings.network != network:
        raise ValueError(f"seed {seed!r} and settings {settings}")
    place, figures = document["seeds"].index(seed), document["networks"][network]["rounds"]
    sparsities = tuple(float(figure["sparsity"]["seeds"][place]) for figure in figures)
    if len(sparsities) != settings.rounds or not sparsities:
        raise ValueError(f"{len(sparsities)} rounds, and settings of {settings.rounds}")
    return settings, sparsities


def _checked(
    settings: Settings,
    seed: int,
    place: Path,
    sparsities: tuple[float, ...],
    rounds: tuple[StoredRound, ...],
    states: list[Stored],
) -> Finished:
    """Return the run, if its networks and its rounds are of the same run."""
    dense, pruned, compacted = states
    groups = find_groups(dense.network, dense.params)
    how = method(settings, groups)
    if _shapes(dense.params) != _shapes(pruned.params):
        raise InvalidInput(f"{place}, pruned", _shapes(pruned.params), f"the shapes of dense, {_shapes(dense.params)}")
    shapes = _shapes(how.granularity.reduce(weights(dense.params)))
    for number, one in enumerate(rounds, 1):
        _check_round(f"{place / 'rounds' / str(number)}", one, shapes)
    last = rounds[-1].kept
    if not _equal(how.granularity.expand(last, dense.params), pruned.masks):
        raise InvalidInput(f"{place}, pruned", "masks other than those of the last round", "the same")
    unit_masks = last if settings.granularity == "unit" else unread_units(pruned.params, groups, pruned.masks)
    same_network = compact_network(pruned.network, groups, unit_masks) == compacted.network
    if not same_network or not _equal(compact(pruned.params, groups, unit_masks).arrays, compacted.params):
        raise InvalidInput(f"{place}, compact", "another network", "that of pruned after physical removal")
    return Finished(settings, seed, place, sparsities, rounds, dense, pruned, groups, how, unit_masks)


def _shapes(arrays: Params) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes in order: the order is part of every tie."""
    return [(name, array.shape) for name, array in arrays.items()]


def _check_round(what: str, one: StoredRound, shapes: list[tuple[str, tuple[int, ...]]]) -> None:
    """Refuse scores or masks that are not of the things that competed."""
    if _shapes(one.scores) != shapes or set(one.kept) != set(one.scores):
        got = f"scores of {_shapes(one.scores)} and masks of {sorted(one.kept)}"
        raise InvalidInput(what, got, f"both of {shapes}")
    check_float_arrays(f"{what}, scores", one.scores)
    check_masks(one.kept, one.scores)


def _equal(ours: dict[str, Array], theirs: dict[str, Array]) -> bool:
    """Say whether these are the same arrays."""
    return set(ours) == set(theirs) and all(np.array_equal(ours[name], theirs[name]) for name in ours)
