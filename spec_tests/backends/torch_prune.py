"""torch.nn.utils.prune behind the adapter: masks as its users set them, training by torch.optim.

SELECT is by given scores, `importance_scores` there, and what is alive is told by `custom_from_mask` before. Not
claimed: SCORE, since the library has no criteria beside the absolute value; units, which it masks and never removes;
schedules and files, which it has none of. Dropouts draw their masks themselves.
"""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refprune.arrays import Array, Masks, Params, Scores, learned
from refprune.lab.exchange.state import state_dict
from refprune.network import Network
from spec_tests.adapter import (
    Declaration,
    Elements,
    OptimiserSpec,
    SelectCase,
    TrainCase,
    TrainStep,
    Unsupported,
)
from spec_tests.backends.torch_model import Model, arrays, place, read, tensor, torch

prune: Any = importlib.import_module("torch.nn.utils.prune")


class TorchPrune:
    """Element masks by absolute score; a mask is multiplied in before every forward pass."""

    declaration = Declaration(
        "torch_prune",
        frozenset({"SELECT", "STATEFUL", "APPLY", "TRAIN", "RANDOM"}),
        library=f"torch {torch.__version__}",
        granularities=frozenset({"element"}),
        base="alive",
        integers="more",
        transform="abs",
        ties="unspecified",
        nan="highest",
        removed_zero="either",
        gradients="masked",
        enforced="forward",
        dropouts=False,
    )

    def select(self, case: SelectCase) -> Masks:
        """Select once."""
        return self.begin(case).select(case.scores, case.sparsity)

    def begin(self, case: SelectCase) -> "_Session":
        """Prune modules that are pruned already where there is a mask."""
        if not isinstance(case.granularity, Elements):
            raise Unsupported("torch.nn.utils.prune ranks single entries")
        return _Session(case)

    def apply(self, params: Params, masks: Masks) -> Params:
        """Mask, and read the attributes."""
        holder = _holder(params)
        _prune(holder, masks)
        return read(holder, params)

    def forward(self, network: Network, params: Params, masks: Masks, x: Array) -> Array:
        """Mask, and run in evaluation."""
        model = Model(network, params).eval()
        _prune(model, masks)
        with torch.no_grad():
            return arrays({"logits": model(torch.from_numpy(x))})["logits"]

    def loss_and_grads(
        self, network: Network, params: Params, masks: Masks, x: Array, labels: Array
    ) -> tuple[float, Params]:
        """Mask, and differentiate by the dense weights that are kept beside the mask."""
        model = Model(network, params)
        _prune(model, masks)
        loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(labels))
        leaves = {name: _leaf(model, name) for name in learned(params)}
        grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        return float(loss), arrays(dict(zip(leaves, grads, strict=True)))

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """Train by torch.optim; read the attributes, and ask the masks what they will put there next."""
        model = Model(case.network, case.params)
        optimiser = _optimiser(case.optimiser, model.parameters())
        pruned = _prune(model, case.masks) if case.prune_at == 0 else {}
        seen = []
        for number, rows in enumerate(case.batches, 1):
            optimiser.zero_grad()
            logits, labels = model(torch.from_numpy(case.x[rows])), torch.from_numpy(case.labels[rows])
            torch.nn.functional.cross_entropy(logits, labels).backward()
            optimiser.step()
            if number == case.prune_at:
                pruned = _prune(model, case.masks)
            shown = read(model, case.params)
            next_used = {name: method.apply_mask(place(model, name)[0]) for name, method in pruned.items()}
            seen.append(TrainStep(read=shown, used=shown | arrays(next_used)))
        return seen

    def rewind(self, params: Params, snapshot: Params, masks: Masks) -> Params:
        """Load the snapshot, and mask."""
        holder = _holder(params)
        holder.load_state_dict(_holder(snapshot).state_dict())
        _prune(holder, masks)
        return read(holder, params)

    def random_mask(self, shapes: Mapping[str, tuple[int, ...]], sparsity: float | int, pools: str, seed: int) -> Masks:
        """Draw after torch.manual_seed."""
        modules = _modules(shapes)
        torch.manual_seed(seed)
        if pools == "global":
            everything = [(module, "weight") for module in modules.values()]
            prune.global_unstructured(everything, prune.RandomUnstructured, amount=sparsity)
        else:
            for module in modules.values():
                prune.random_unstructured(module, "weight", sparsity)
        return _masks(modules)


class _Session:
    """Modules that are pruned again and again: the library remembers its masks there."""

    def __init__(self, case: SelectCase) -> None:
        self.pools = case.pools
        self.modules = _modules({name: array.shape for name, array in case.scores.items()})
        for name, mask in (case.within or {}).items():
            prune.custom_from_mask(self.modules[name], "weight", torch.from_numpy(mask))

    def select(self, scores: Scores, sparsity: float | int | None) -> Masks:
        given = {(self.modules[name], "weight"): torch.from_numpy(array) for name, array in scores.items()}
        if self.pools == "global":
            prune.global_unstructured(list(given), prune.L1Unstructured, importance_scores=given, amount=sparsity)
        else:
            for (module, name), one in given.items():
                prune.l1_unstructured(module, name, sparsity, importance_scores=one)
        return _masks(self.modules)


def _modules(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return a module with a weight of ones for each tensor."""
    modules = {name: torch.nn.Module() for name in shapes}
    for name, module in modules.items():
        module.weight = torch.nn.Parameter(torch.ones(shapes[name]))
    return modules


def _masks(modules: Mapping[str, Any]) -> Masks:
    return arrays({name: module.weight_mask for name, module in modules.items()})


def _holder(params: Params) -> Any:
    """Return modules within modules that hold these arrays, as their names say."""
    holder = torch.nn.Module()
    for name, array in state_dict(params).items():
        *steps, part = name.split(".")
        module = holder
        for step in steps:
            if not hasattr(module, step):
                module.add_module(step, torch.nn.Module())
            module = getattr(module, step)
        module.register_parameter(part, torch.nn.Parameter(tensor(array)))
    return holder


def _prune(model: Any, masks: Masks) -> dict[str, Any]:
    """Mask parameters by name, and return the library's own object of each."""
    return {
        name: prune.CustomFromMask.apply(*place(model, name), torch.from_numpy(mask)) for name, mask in masks.items()
    }


def _leaf(model: Any, name: str) -> Any:
    """Return the parameter that is trained: the dense one where there is a mask."""
    module, part = place(model, name)
    return getattr(module, f"{part}_orig", getattr(module, part))


def _optimiser(spec: OptimiserSpec, parameters: Iterable[Any]) -> Any:
    if spec.name in ("sgd", "nesterov"):
        momentum, nesterov = spec.momentum, spec.name == "nesterov"
        return torch.optim.SGD(parameters, spec.rate, momentum, weight_decay=spec.weight_decay, nesterov=nesterov)
    kind = torch.optim.Adam if spec.name == "adam" else torch.optim.AdamW
    return kind(parameters, spec.rate, (spec.beta1, spec.beta2), spec.eps, spec.weight_decay)


BACKEND = TorchPrune()
