"""One experiment: train, prune, retrain and compact one network from one seed.

In: settings and a seed. Out: the figures of each row, as plain numbers ready for JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refprune import selection
from refprune.architectures import ARCHITECTURES
from refprune.arrays import Array, Masks, Params
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA
from refprune.data import Dataset, Split, batches, digits, mnist
from refprune.errors import InvalidInput
from refprune.evidence import collect
from refprune.granularity import Granularity, Group, block, element, l1, sum_then_square, unit
from refprune.initialisation import initialise
from refprune.lab.workers import Report
from refprune.measure import accuracy, count, loss
from refprune.network import Network, Shape
from refprune.pruning import Method, Round, check_levels, iterate
from refprune.schedules import CURVES, rounds
from refprune.selection import Scope
from refprune.surgery import compact, unread_units
from refprune.training import constant, sgd, step_decay, train

SCOPES: dict[str, Scope] = {"local": selection.local, "global": selection.global_}
"""What the command line calls each scope."""


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


@dataclass(frozen=True)
class Experiment:
    """What the steps of one run share."""

    settings: Settings
    network: Network
    data: Split
    rng: np.random.Generator
    report: Report


def prepare(settings: Settings, folder: Path | None = None) -> Setup:
    """Return what the settings name; `folder` holds mnist/ where that is the data.

    Raises:
        InvalidInput: data that is not there, images too small for the network, a criterion that does not
            go with the granularity.
    """
    data = load(settings, folder)
    example, classes = data.train.images.shape[1:], int(data.train.labels.max()) + 1
    network, shapes = ARCHITECTURES[settings.network](example, classes)
    params = {name: np.zeros(shape, settings.dtype) for name, shape in shapes.items()}
    groups = find_groups(network, params)
    how = method(settings, groups)
    check_levels(how, params)
    return Setup(data, network, shapes, groups, how)


def run_seed(settings: Settings, seed: int, report: Report, folder: Path | None = None) -> dict[str, Any]:
    """Return the figures of one run; `folder` holds mnist/ where that is the data."""
    setup, rng = prepare(settings, folder), np.random.default_rng(seed)
    experiment = Experiment(settings, setup.network, setup.data, rng, report)
    params = _train_dense(experiment, initialise(setup.shapes, rng, dtype=settings.dtype))
    turns = _prune(experiment, params, setup.method)
    return _figures(experiment, params, turns, setup.groups)


def load(settings: Settings, folder: Path | None) -> Split:
    """Return the data the settings name."""
    if settings.data == "digits":
        return digits(np.dtype(settings.dtype))
    if folder is None:
        raise InvalidInput("--data mnist", "no REFPRUNE_DATA", "REFPRUNE_DATA to name a folder with mnist/ in it")
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
    settings, part = experiment.settings, experiment.data.train
    order = batches(experiment.rng, len(part.labels), settings.batch, settings.epochs)
    rate = step_decay(settings.rate, [len(order) * 3 // 4])
    params = train(experiment.network, params, *part, order, sgd(settings.momentum), rate)
    experiment.report(f"trained to validation accuracy {_seen(experiment, params)}")
    return params


def _prune(experiment: Experiment, params: Params, how: Method) -> list[Round]:
    """Run all rounds, reporting each."""
    settings, part = experiment.settings, experiment.data.train
    some = slice(min(settings.evidence, len(part.labels)))
    turns = []
    for turn in iterate(
        params,
        how,
        rounds(CURVES[settings.schedule], settings.sparsity, settings.rounds),
        lambda now: collect(
            experiment.network, now, part.images[some], part.labels[some], how.criterion.needs, experiment.rng
        ),
        lambda now, masks: _retrain(experiment, now, masks),
    ):
        turns.append(turn)
        short = sum(turn.pruned.short.values())
        experiment.report(
            f"round {len(turns)} of {settings.rounds}, sparsity {turn.sparsity:.3f}"
            f"{f' less {short} that must stay' if short else ''}: "
            f"pruned {_seen(experiment, turn.params)}, "
            f"retrained {_seen(experiment, turn.retrained)} (validation accuracy)"
        )
    return turns


def _retrain(experiment: Experiment, params: Params, masks: Masks) -> Params:
    settings, part = experiment.settings, experiment.data.train
    order = batches(experiment.rng, len(part.labels), settings.batch, settings.retrain_epochs)
    rate = constant(settings.retrain_rate)
    return train(experiment.network, params, *part, order, sgd(settings.momentum), rate, masks)


def _seen(experiment: Experiment, params: Params) -> str:
    """Say how the parameters do on the validation part: choices are never made by the test part."""
    if not all(np.isfinite(array).all() for array in params.values()):
        expected = "finite ones: a smaller learning rate in the settings"
        raise InvalidInput(f"training of {experiment.settings.network}", "parameters that are not finite", expected)
    return f"{accuracy(experiment.network, params, *experiment.data.validation):.4f}"


def _figures(experiment: Experiment, dense: Params, turns: list[Round], groups: tuple[Group, ...]) -> dict[str, Any]:
    """Return the figures of every row, measured on the test part."""
    network, test = experiment.network, experiment.data.test
    last = turns[-1]
    masks = last.pruned.masks
    by_unit = experiment.settings.granularity == "unit"
    unit_masks = last.pruned.unit_masks if by_unit else unread_units(last.retrained, groups, masks)
    small = compact(last.retrained, groups, unit_masks).arrays
    small_masks = compact(masks, groups, unit_masks).arrays
    return {
        "dense": _row(network, dense, {}, test),
        "pruned_before_retraining": _row(network, last.params, masks, test),
        "pruned": _row(network, last.retrained, masks, test),
        "compact": _row(network, small, small_masks, test)
        | {"max_abs_difference": largest_difference(network, small, last.retrained, test.images)},
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


def _round(network: Network, turn: Round, part: Dataset) -> dict[str, float]:
    return {
        "sparsity": float(turn.sparsity),
        "accuracy_before_retraining": accuracy(network, turn.params, *part),
        "accuracy": accuracy(network, turn.retrained, *part),
        "short": sum(turn.pruned.short.values()),
    }


def largest_difference(network: Network, first: Params, second: Params, images: Array) -> float:
    """Return max |logits - logits'| / max(1, max |logits'|)."""
    ours, theirs = forward(network, first, images), forward(network, second, images)
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))
