"""One experiment: train, prune, retrain and compact one network from one seed.

In: settings and a seed. Out: the figures of each row, as plain numbers ready for JSON, and the networks on disk.
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refprune import selection
from refprune.architectures import ARCHITECTURES, Architecture
from refprune.arrays import Array, Masks, Params, weights
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA, Evidence
from refprune.data import Dataset, Split, batches, digits, mnist
from refprune.errors import InvalidInput
from refprune.evidence import collect
from refprune.granularity import Granularity, Group, block, element, l1, sum_then_square, unit
from refprune.initialisation import initialise
from refprune.lab import folder as run_folder
from refprune.lab import store
from refprune.lab.cifar import BINARY, PYTHON, cifar10
from refprune.lab.cifar import is_there as cifar_is_there
from refprune.lab.progress import Progress, Show
from refprune.measure import accuracy, count, loss
from refprune.network import Network, Shape
from refprune.pruning import Method, Round, check_levels, iterate
from refprune.schedules import CURVES, rounds
from refprune.selection import Scope
from refprune.surgery import compact, compact_network, unread_units
from refprune.training import Rate, constant, sgd, start, step_decay, steps

SCOPES: dict[str, Scope] = {"local": selection.local, "global": selection.global_}
"""What the command line calls each scope."""


LARGER = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
"""Data of larger images than the digits -> the shape of one."""


@dataclass(frozen=True)
class Settings:
    """What is run: the options of the command line, and the hyper-parameters behind them."""

    network: str
    granularity: str
    sparsity: float
    data: str = "digits"
    criterion: str = "magnitude"
    scope: str = "local"
    schedule: str = "geometric"
    rounds: int = 4
    dtype: str = "float32"
    epochs: int = 40
    """Passes over the training part before pruning."""
    retrain_epochs: int = 12
    """Passes over the training part after each round."""
    batch: int = 32
    """Examples in a batch."""
    rate: float = 0.05
    """Learning rate; a tenth of it in the last quarter of the dense training."""
    retrain_rate: float = 0.02
    """Learning rate of retraining."""
    momentum: float = 0.9
    """SGD's momentum."""
    evidence: int = 1000
    """Training examples a criterion may look at in each round."""


@dataclass(frozen=True)
class Setup:
    """What follows from the settings alone, the same for every seed."""

    data: Split
    network: Network
    shapes: dict[str, Shape]
    groups: tuple[Group, ...]
    method: Method


NEWS = 0.2
"""Seconds between two reports of a run's progress."""


@dataclass(frozen=True)
class Experiment:
    """What the steps of one run share."""

    settings: Settings
    network: Network
    data: Split
    rng: np.random.Generator
    report: "Reporter"


class Reporter:
    """Says where a run stands: every update is counted, and some are told."""

    def __init__(self, show: Show, first: Progress) -> None:
        self._show, self._now, self._told = show, first, time.monotonic()

    def update(self, loss: float) -> None:
        """Count one update of the parameters."""
        self._now = replace(self._now, updates=self._now.updates + 1, loss=loss, reached="")
        if time.monotonic() - self._told > NEWS:
            self._tell()

    def enter(self, phase: str, sparsity: float) -> None:
        """Say that another phase begins."""
        self._now = replace(self._now, phase=phase, sparsity=sparsity, reached="")
        self._tell()

    def reach(self, accuracy: float, words: str) -> None:
        """Say what has been reached."""
        self._now = replace(self._now, accuracy=accuracy, reached=words)
        self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._show(self._now)


def prepare(settings: Settings, folder: Path) -> Setup:
    """Return what the settings name; `folder` holds the data, but for the digits.

    Raises:
        InvalidInput: data that is not there, images too small for the network, a criterion that does not
            go with the granularity.
    """
    data = load(settings, folder)
    network, shapes = _architecture(settings, data.train)
    params = {name: np.zeros(shape, settings.dtype) for name, shape in shapes.items()}
    groups = find_groups(network, params)
    how = method(settings, groups)
    check_levels(how, params)
    return Setup(data, network, shapes, groups, how)


def _architecture(settings: Settings, part: Dataset) -> Architecture:
    """Return the network for these examples; where they are too small, say which data are not."""
    example, classes = part.images.shape[1:], int(part.labels.max()) + 1
    try:
        return ARCHITECTURES[settings.network](example, classes)
    except InvalidInput as error:
        fitting = [f"--data {name}" for name, shape in LARGER.items() if _takes(settings.network, shape)]
        expected = f"{error.args[2]}, as with {' or '.join(fitting)}" if fitting else error.args[2]
        raise InvalidInput(f"--network {settings.network}", error.args[1], expected) from error


def _takes(network: str, example: Shape) -> bool:
    """Say whether a network is one for examples of this shape."""
    try:
        ARCHITECTURES[network](example, 10)
    except InvalidInput:
        return False
    return True


def run_seed(settings: Settings, seed: int, show: Show, data: Path, made: Path) -> dict[str, Any]:
    """Return the figures of one run; `data` holds the data, but for the digits; networks go into `made`."""
    setup, rng = prepare(settings, data), np.random.default_rng(seed)
    place = run_folder.seed_folder(made, settings.network, seed)
    first = Progress(settings.network, seed, 0, _updates(settings, setup.data), "training")
    experiment = Experiment(settings, setup.network, setup.data, rng, Reporter(show, first))
    dense = _train_dense(experiment, initialise(setup.shapes, rng, dtype=settings.dtype))
    turns = _prune(experiment, dense, setup.method)
    for number, turn in enumerate(turns, 1):
        run_folder.save_round(place, number, turn.pruned.scores, turn.pruned.unit_masks)
    states = _states(experiment, dense, turns[-1], setup.groups)
    for name in run_folder.STATES:
        store.save(place / name, *states[name])
    figures = _figures(experiment, states, turns, place)
    try:
        json.dumps(figures, allow_nan=False)
    except ValueError as error:
        expected = "finite ones: a smaller learning rate in the settings"
        raise InvalidInput(f"figures of {settings.network}, seed {seed}", "NaN or infinity", expected) from error
    return figures


def _updates(settings: Settings, data: Split) -> int:
    """Return how many updates a run makes."""
    epochs = settings.epochs + settings.rounds * settings.retrain_epochs
    return epochs * -(-len(data.train.labels) // settings.batch)


def load(settings: Settings, folder: Path) -> Split:
    """Return the data the settings name; `folder` holds mnist/, cifar-10-batches-bin/ or cifar-10-batches-py/."""
    if settings.data == "digits":
        return digits(np.dtype(settings.dtype))
    if settings.data == "cifar10":
        if not cifar_is_there(folder):
            expected = f"{BINARY} or {PYTHON} there, or where $REFPRUNE_DATA says; they are not fetched"
            raise InvalidInput("--data cifar10", f"no such folder in {folder}", expected)
        return cifar10(folder, np.dtype(settings.dtype))
    if not (folder / "mnist").is_dir():
        expected = "its four files there; `refprune data mnist` fetches them"
        raise InvalidInput("--data mnist", f"no folder {folder / 'mnist'}", expected)
    return mnist(folder / "mnist", np.dtype(settings.dtype))


def method(settings: Settings, groups: tuple[Group, ...]) -> Method:
    """Return the method the settings name."""
    criterion = CRITERIA[settings.criterion]
    reducer = sum_then_square if criterion.level == "unit" else l1
    if settings.granularity == "element":
        granularity: Granularity = element()
    elif settings.granularity == "unit":
        granularity = unit(groups, reducer)
    else:
        rows, columns = (int(side) for side in settings.granularity.split("x"))
        granularity = block(rows, columns, reducer)
    return Method(criterion, granularity, SCOPES[settings.scope])


def _train_dense(experiment: Experiment, params: Params) -> Params:
    settings = experiment.settings
    order = _batches(experiment, settings.epochs)
    params = _train(experiment, params, {}, order, step_decay(settings.rate, [len(order) * 3 // 4]))
    seen = _seen(experiment, params)
    experiment.report.reach(seen, f"trained to validation accuracy {seen:.4f}")
    return params


def _batches(experiment: Experiment, epochs: int) -> tuple[Array, ...]:
    return batches(experiment.rng, len(experiment.data.train.labels), experiment.settings.batch, epochs)


def _train(experiment: Experiment, params: Params, masks: Masks, order: tuple[Array, ...], rate: Rate) -> Params:
    """Return what `training.train` returns, and report every update."""
    optimiser = sgd(experiment.settings.momentum)
    state = start(params, optimiser, masks)
    for step in steps(experiment.network, state, *experiment.data.train, order, optimiser, rate, masks):
        state = step.state
        experiment.report.update(step.loss)
    return state.params


def _prune(experiment: Experiment, params: Params, how: Method) -> list[Round]:
    """Run all rounds, reporting each."""
    settings, part = experiment.settings, experiment.data.train
    some = slice(min(settings.evidence, len(part.labels)))
    asked = rounds(CURVES[settings.schedule], settings.sparsity, settings.rounds)
    turns: list[Round] = []

    def retrain(params: Params, masks: Masks) -> Params:
        experiment.report.enter(f"round {len(turns) + 1} of {settings.rounds}", asked[len(turns)])
        order = _batches(experiment, settings.retrain_epochs)
        return _train(experiment, params, masks, order, constant(settings.retrain_rate))

    def evidence(params: Params) -> Evidence:
        needs = how.criterion.needs
        return collect(experiment.network, params, part.images[some], part.labels[some], needs, experiment.rng)

    for turn in iterate(params, how, asked, evidence, retrain):
        turns.append(turn)
        _report_round(experiment, turn, len(turns))
    return turns


def _report_round(experiment: Experiment, turn: Round, number: int) -> None:
    short, seen = sum(turn.pruned.short.values()), _seen(experiment, turn.retrained)
    experiment.report.reach(
        seen,
        f"round {number} of {experiment.settings.rounds}, sparsity {turn.sparsity:.3f}"
        f"{f' less {short} that must stay' if short else ''}: "
        f"pruned {_seen(experiment, turn.params):.4f}, retrained {seen:.4f} (validation accuracy)",
    )


def _seen(experiment: Experiment, params: Params) -> float:
    """Return how the parameters do on the validation part: choices are never made by the test part."""
    if not all(np.isfinite(array).all() for array in params.values()):
        expected = "finite ones: a smaller learning rate in the settings"
        raise InvalidInput(f"training of {experiment.settings.network}", "parameters that are not finite", expected)
    return accuracy(experiment.network, params, *experiment.data.validation)


def _states(
    experiment: Experiment, dense: Params, last: Round, groups: tuple[Group, ...]
) -> dict[str, tuple[Network, Params, Masks]]:
    """Return network, parameters and masks of every row of the table; compacted is what nothing needs any more."""
    network, masks = experiment.network, last.pruned.masks
    by_unit = experiment.settings.granularity == "unit"
    unit_masks = last.pruned.unit_masks if by_unit else unread_units(last.retrained, groups, masks)
    small, small_masks = (compact(arrays, groups, unit_masks).arrays for arrays in (last.retrained, masks))
    return {
        "dense": (network, dense, {}),
        "pruned_before_retraining": (network, last.params, masks),
        "pruned": (network, last.retrained, masks),
        "compact": (compact_network(network, groups, unit_masks), small, small_masks),
    }


def _figures(
    experiment: Experiment, states: dict[str, tuple[Network, Params, Masks]], turns: list[Round], place: Path
) -> dict[str, Any]:
    """Return the figures of every row, measured on the test part."""
    network, test = experiment.network, experiment.data.test
    rows: dict[str, Any] = {name: _row(*state, test) for name, state in states.items()}
    for name in run_folder.STATES:
        rows[name]["bytes_file"] = store.size_of(place / name / store.PARAMS)
    (_, masked, masks), (smaller, small, _) = states["pruned"], states["compact"]
    ours, theirs = forward(smaller, small, test.images), forward(network, masked, test.images)
    rows["compact"]["max_abs_difference"] = largest_difference(ours, theirs)
    return rows | {
        "layers": {name: _layer(name, masked, masks, small) for name in weights(masked)},
        "rounds": [_round(network, turn, test) for turn in turns],
    }


def _row(network: Network, params: Params, masks: Masks, part: Dataset) -> dict[str, float]:
    counts = count(network, params, masks)
    return {
        "accuracy": accuracy(network, params, *part),
        "loss": loss(network, params, *part),
        "sparsity": counts.sparsity_prunable,
        "sparsity_all_parameters": counts.sparsity_all,
        "parameters": counts.parameters,
        "parameters_kept": counts.parameters_kept,
        "macs": counts.macs,
        "macs_nonzero": counts.macs_nonzero,
        "bytes_dense": counts.bytes_dense,
        "bytes_bitmask": counts.bytes_bitmask,
        "bytes_csr": counts.bytes_csr,
    }


def _layer(name: str, masked: Params, masks: Masks, small: Params) -> dict[str, int]:
    """Return what is left of one weight: entries under the mask, and units after physical removal."""
    array = masked[name]
    kept = int(np.count_nonzero(masks[name])) if name in masks else array.size
    return {"entries": array.size, "entries_kept": kept, "units": len(array), "units_compact": len(small[name])}


def _round(network: Network, turn: Round, part: Dataset) -> dict[str, float]:
    return {
        "sparsity": float(turn.sparsity),
        "sparsity_of_weights": count(network, turn.retrained, turn.pruned.masks).sparsity_prunable,
        "accuracy_before_retraining": accuracy(network, turn.params, *part),
        "accuracy": accuracy(network, turn.retrained, *part),
        "short": sum(turn.pruned.short.values()),
    }


def largest_difference(ours: Array, theirs: Array) -> float:
    """Return max |logits - logits'| / max(1, max |logits'|)."""
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))
