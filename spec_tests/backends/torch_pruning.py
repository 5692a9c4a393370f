"""Torch-Pruning behind the adapter: its dependency graph removes, its magnitude scores, its pruner selects.

SELECT asks its pruner with importances that are given; it has no way to be told a least number of units, nor to tell
what could not be removed. Not claimed: STATEFUL, since the pruner knows the steps of one plan and no second request;
RANDOM, which has no count of its own. The rest is not there. Layers that share parameters are left out: the second use
is no module that the library could find. So is what no logit depends on: the library walks from the output back, and
refuses layers that it has not met.

BACKEND claims chains and sums of them: residual networks. GRAPHS claims all that the library has handlers for. There
its walk does not always end, and its list of indices fills the memory: it is asked over a pipe, with a limit for both.

    refprune-spec run --backend
        "exec:sh -c 'ulimit -v 4000000; exec python -m spec_tests.kit.serve spec_tests.backends.torch_pruning:GRAPHS'"
        --markdown docs/results/torch_pruning-graphs.md
"""

import importlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refprune.arrays import Array, Masks, Params, Scores, weights
from refprune.network import Input, Network, layers
from spec_tests.adapter import OPERATIONS, Declaration, ScoreCase, SelectCase, Units, Unsupported
from spec_tests.backends.torch_model import Model, arrays, read, tensor, torch

pruning: Any = importlib.import_module("torch_pruning")


DECLARATION = Declaration(
    "torch_pruning",
    frozenset({"SELECT", "SCORE", "REMOVE"}),
    library=f"torch-pruning {importlib.metadata.version('torch-pruning')}, torch {torch.__version__}",
    granularities=frozenset({"unit"}),
    within=False,
    count="keep_trunc",
    integers="refused",
    emptied="skipped",
    ties="unspecified",
    nan="highest",
    criteria=frozenset({"magnitude"}),
    reducers=frozenset({"l1", "l2"}),
    unit_norm="square",
    ops=frozenset(
        {
            "dense", "conv2d", "no_bias", "batch_norm", "max_pool2d", "avg_pool2d", "global_avg_pool2d", "relu",
            "sigmoid", "dropout", "flatten", "add",
        }
    ),
)  # fmt: skip


@dataclass(frozen=True)
class TorchPruning:
    """Units of layers, ranked layer by layer or all together."""

    declaration: Declaration

    def select(self, case: SelectCase) -> Masks:
        """Prune layers that are read by one output, and see which rows are left of their numbers."""
        if not isinstance(case.granularity, Units) or case.within:
            raise Unsupported("Torch-Pruning ranks units, and takes no masks")
        model = _Parallel({name: _numbered(scores.shape) for name, scores in case.scores.items()})
        pruner = pruning.pruner.BasePruner(
            model,
            torch.zeros(1, 1),
            _Given({model.makers[name]: scores for name, scores in case.scores.items()}),
            global_pruning=case.pools == "global",
            pruning_ratio=case.sparsity,
            round_to=case.granularity.multiple,
            ignored_layers=list(model.readers.values()),
        )
        pruner.step()
        left = {name: arrays({"rows": maker.weight})["rows"] for name, maker in model.makers.items()}
        return {name: np.isin(_numbered(scores.shape), left[name])[:, 0] for name, scores in case.scores.items()}

    def score(self, case: ScoreCase) -> Scores:
        """Ask the magnitude of each layer alone."""
        if not isinstance(case.granularity, Units) or case.within:
            raise Unsupported("Torch-Pruning scores units, and takes no masks")
        power = {"l1": 1, "l2": 2}[case.reducer]
        magnitude = pruning.importance.GroupMagnitudeImportance(power, group_reduction="first", normalizer=None)
        return arrays({name: magnitude(_alone(weight)) for name, weight in weights(case.params).items()})

    def remove(
        self, network: Network, params: Params, units: Mapping[str, Sequence[int]]
    ) -> tuple[Params, Mapping[str, Sequence[int]]]:
        """Prune one layer after the other as the library's page shows, in the indices that are left by then."""
        model = Model(network, params)
        graph = _graph(model, network, params)
        modules = {model.get_submodule(node.name): node.name for node in layers(network)}
        kept = {name: [*range(len(params[f"{name}.weight"]))] for name in modules.values()}
        for layer, rows in units.items():
            module = model.get_submodule(layer)
            whole = len(kept.get(layer, ())) == len(params.get(f"{layer}.weight", ()))
            now = rows if whole else [kept[layer].index(row) for row in rows if row in kept[layer]]
            group = graph.get_pruning_group(module, graph.get_pruner_of_module(module).prune_out_channels, list(now))
            if graph.check_pruning_group(group):
                group.prune()
                for dependency, gone in group:
                    name = modules.get(dependency.layer, "")
                    if name and graph.is_out_channel_pruning_fn(dependency.pruning_fn):
                        kept[name] = [row for place, row in enumerate(kept[name]) if place not in gone]
        lost = {name: rows for name, rows in kept.items() if len(rows) < len(params[f"{name}.weight"])}
        return read(model, params), lost


class _Parallel(torch.nn.Module):  # type: ignore[misc]
    """Layers side by side with these weights, each read by a layer of its own; the outputs are added."""

    def __init__(self, given: Mapping[str, Array]) -> None:
        super().__init__()
        self.makers = torch.nn.ModuleDict({name: torch.nn.Linear(1, len(rows)) for name, rows in given.items()})
        self.readers = torch.nn.ModuleDict({name: torch.nn.Linear(len(rows), 1) for name, rows in given.items()})
        for name, rows in given.items():
            self.makers[name].weight = torch.nn.Parameter(tensor(rows))

    def forward(self, x: Any) -> Any:
        return sum(self.readers[name](maker(x)) for name, maker in self.makers.items())


class _Given(pruning.importance.Importance):  # type: ignore[misc]
    """Importances that are given, by the layer at the root of a group."""

    def __init__(self, scores: Mapping[Any, Array]) -> None:
        self.scores = scores

    def __call__(self, group: Any) -> Any:
        return tensor(self.scores[group[0].dep.layer])


def _numbered(shape: tuple[int, ...]) -> Array:
    """Return a weight whose row i is i, for so many units."""
    return np.arange(shape[0], dtype=np.float32)[:, None]


def _alone(weight: Array) -> Any:
    """Return the group of all outputs of a layer with this weight and nothing behind it."""
    out, width, *kernel = weight.shape
    kinds = {0: torch.nn.Linear, 1: torch.nn.Conv1d, 2: torch.nn.Conv2d}
    layer = kinds[len(kernel)](width, out, *([kernel] if kernel else []))
    layer.weight = torch.nn.Parameter(tensor(weight))
    layer.bias = None
    graph = pruning.DependencyGraph().build_dependency(
        torch.nn.Sequential(layer), torch.zeros(1, width, *kernel, dtype=layer.weight.dtype)
    )
    return graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, list(range(out)))


def _graph(model: Any, network: Network, params: Params) -> Any:
    """Return the dependencies of a network, found on one example of zeros."""
    first = network[0]
    assert isinstance(first, Input)
    dtype = next(iter(params.values())).dtype
    return pruning.DependencyGraph().build_dependency(model, tensor(np.zeros((1, *first.shape), dtype)))


BACKEND = TorchPruning(DECLARATION)
GRAPHS = TorchPruning(
    replace(
        DECLARATION,
        name="torch_pruning of graphs",
        profiles=frozenset({"REMOVE"}),
        ops=OPERATIONS - {"shared", "unused"},
    )
)
