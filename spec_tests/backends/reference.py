"""The reference behind the adapter: the one to copy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refprune import backprop, measure, pruning, schedules, surgery, training
from refprune.arrays import Array, Masks, Params, Scores, apply_masks
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA, Evidence, contribute
from refprune.granularity import REDUCERS, Granularity, Group, Slice, block, element, n_of_m, unit
from refprune.lab import store
from refprune.network import Network
from refprune.selection import Selection, global_, local, random_masks, select
from spec_tests.adapter import (
    PROFILES,
    Blocks,
    Declaration,
    NofM,
    OptimiserSpec,
    ScheduleCase,
    ScoreCase,
    SelectCase,
    TrainCase,
    TrainStep,
    Units,
)

SCOPES = {"local": local, "global": global_}


class Reference:
    """refprune itself, claiming everything."""

    declaration = Declaration("refprune", frozenset(PROFILES))

    def select(self, case: SelectCase) -> Masks:
        """Reduce, select, expand."""
        granularity = case.granularity
        if isinstance(granularity, NofM):
            return n_of_m(case.scores, granularity.keep, granularity.of, case.within, granularity.axis)
        masks = self._selection(case).masks
        return _tiles(granularity).expand(masks, case.scores) if isinstance(granularity, Blocks) else masks

    def shortfall(self, case: SelectCase) -> Mapping[str, int]:
        """Return what the selection says is short."""
        return self._selection(case).short

    def _selection(self, case: SelectCase) -> Selection:
        scores, within = case.scores, case.within
        if isinstance(case.granularity, Blocks):
            tiles = _tiles(case.granularity)
            scores, within = tiles.reduce(scores), tiles.collapse(within, scores) if within else None
        widths = case.granularity if isinstance(case.granularity, Units) else Units(min_kept=0)
        sparsity: Any = case.sparsity
        return select(scores, sparsity, SCOPES[case.pools], within, widths.min_kept, widths.multiple)

    def begin(self, case: SelectCase) -> "_Session":
        """Start with everything alive."""
        return _Session(self, case)

    def score(self, case: ScoreCase) -> Scores:
        """Contribute, then reduce."""
        evidence = Evidence(case.params, case.grads, case.gates, case.draws, case.unit_draws)
        contributions = contribute(CRITERIA[case.criterion], evidence, case.within)
        return _reduction(case, contributions).reduce(contributions)

    def apply(self, params: Params, masks: Masks) -> Params:
        """Apply the masks."""
        return apply_masks(params, masks)

    def forward(self, network: Network, params: Params, masks: Masks, x: Array) -> Array:
        """Apply the masks, then run."""
        return backprop.forward(network, apply_masks(params, masks), x)

    def loss_and_grads(
        self, network: Network, params: Params, masks: Masks, x: Array, labels: Array
    ) -> tuple[float, Params]:
        """Apply the masks, then run forward and back."""
        return backprop.loss_and_grads(network, apply_masks(params, masks), x, labels)

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Update, and bring the masks into force after `prune_at` updates."""
        optimiser, rate = _optimiser(case.optimiser), training.constant(case.optimiser.rate)
        kept = case.kept.__getitem__ if case.kept else None
        run = partial(
            training.steps, case.network, x=case.x, labels=case.labels, optimiser=optimiser, rate=rate, kept=kept
        )
        dense = training.start(case.params, optimiser)
        before = [step.state for step in run(dense, batches=case.batches[: case.prune_at])]
        pruned = training.mask_state([dense, *before][-1], case.masks)
        after = run(pruned, batches=case.batches, masks=case.masks, first=case.prune_at)
        states = [dense, *before][:-1] + [pruned] + [step.state for step in after]
        return [TrainStep(read=state.params, used=state.params) for state in states[1:]]

    def rewind(self, params: Params, snapshot: Params, masks: Masks) -> Params:
        """Restore, then mask."""
        return pruning.rewound(params, pruning.take_snapshot(snapshot, 0), masks)

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """Ask the schedule at every step."""
        schedule = schedules.Schedule(**asdict(case) | {"curve": schedules.CURVES[case.curve]})
        fires = schedules.firing_steps(schedule, steps)
        return [(step in fires, schedules.sparsity_at(schedule, step)) for step in range(steps + 1)]

    def rounds(self, curve: str, final: float, count: int) -> Sequence[float]:
        """Ask the schedule."""
        return schedules.rounds(schedules.CURVES[curve], final, count)

    def remove(
        self, network: Network, params: Params, units: Mapping[str, Sequence[int]]
    ) -> tuple[Params, Mapping[str, Sequence[int]]]:
        """Turn indices into unit masks, then compact."""
        groups = find_groups(network, params)
        unit_masks = surgery.masks_without_rows(groups, units)
        kept = surgery.rows_kept(groups, unit_masks)
        return surgery.compact(params, groups, unit_masks).arrays, {name: rows.tolist() for name, rows in kept.items()}

    def random_mask(self, shapes: Mapping[str, tuple[int, ...]], sparsity: float | int, pools: str, seed: int) -> Masks:
        """Draw from a generator of this seed."""
        return random_masks(shapes, sparsity, np.random.default_rng(seed), SCOPES[pools])

    def count(self, network: Network, params: Params, masks: Masks) -> Mapping[str, Any]:
        """Return counts and ratios by name."""
        counts = measure.count(network, params, masks)
        ratios = ("sparsity_prunable", "sparsity_all", "compression_ratio")
        return counts._asdict() | {name: getattr(counts, name) for name in ratios}

    def save(self, folder: Path, network: Network, params: Params, masks: Masks) -> None:
        """Write the files."""
        store.save(folder, network, params, masks)

    def load(self, folder: Path) -> tuple[Network, Params, Masks]:
        """Read the files."""
        return store.load(folder)


class _Session:
    """The reference keeps no state: the session passes the last masks back in."""

    def __init__(self, backend: Reference, case: SelectCase) -> None:
        self.backend, self.case, self.within = backend, case, case.within

    def select(self, scores: Scores, sparsity: float | int) -> Masks:
        case = SelectCase(scores, sparsity, self.case.pools, self.case.granularity, self.within)
        self.within = self.backend.select(case)
        return self.within


def _tiles(granularity: Blocks) -> Granularity:
    return block(granularity.rows, granularity.columns, REDUCERS[granularity.reducer])


def _reduction(case: ScoreCase, contributions: Params) -> Granularity:
    """Return the granularity whose reduction the case asks for; units are the indices of axis 0."""
    if isinstance(case.granularity, Blocks):
        return _tiles(case.granularity)
    if isinstance(case.granularity, Units):
        groups = [
            Group(name, len(array), (Slice(name, 0, tuple(range(len(array)))),), ())
            for name, array in contributions.items()
        ]
        return unit(groups, REDUCERS[case.reducer])
    return element()


def _optimiser(spec: OptimiserSpec) -> training.Optimiser:
    if spec.name in ("sgd", "nesterov"):
        nesterov = spec.name == "nesterov"
        return training.sgd(spec.momentum, nesterov=nesterov, weight_decay=spec.weight_decay)
    make = training.adam if spec.name == "adam" else training.adamw
    return make(spec.beta1, spec.beta2, spec.eps, spec.weight_decay)


REFERENCE = Reference()


def is_reference(declaration: Declaration) -> bool:
    """Say whether this is the reference's own declaration: its house is nobody else's, whatever name he bears."""
    return declaration is Reference.declaration
