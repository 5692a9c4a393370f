"""The other side: PyTorch on one thread, written as its documentation shows.

In: the same arrays as ours. Out: trainings, and the masks that PyTorch makes.
Imported only where PyTorch is installed.
"""

import importlib
from collections import OrderedDict
from typing import Any

from refprune.arrays import Array, Masks, Params, Scores
from refprune.network import Network
from spec_tests.backends.torch_model import Model, torch
from spec_tests.benchmarks.clock import Side, Work
from spec_tests.benchmarks.problem import MOMENTUM, RATE, Problem

pruning: Any = importlib.import_module("torch.nn.utils.prune")

torch.set_num_threads(1)


class TorchRun:
    """Eager training with torch.optim.SGD.

    Args:
        given: the problem; its arrays are copied.
        channels_last: keep images and kernels in PyTorch's other layout, from before the first step.
        reparametrised: mask by torch.nn.utils.prune, which multiplies weight and mask in every forward pass;
            otherwise the weights are masked once and their gradients in every step, which costs less.
        fused: use the optimiser's fused kernel, which is not the default on a CPU.
    """

    def __init__(self, given: Problem, *, channels_last: bool, reparametrised: bool, fused: bool) -> None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.module = module_of(given.network, given.params).to(memory_format=layout)
        self.x, self.labels = _tensor(given.x).to(memory_format=layout), _tensor(given.labels)
        self.masked: list[tuple[Any, Any]] = []
        for name, mask in given.masks.items():
            layer = self.module.get_submodule(name.removesuffix(".weight"))
            factor = _tensor(mask).to(layer.weight.dtype)
            if reparametrised:
                pruning.custom_from_mask(layer, "weight", factor)
            else:
                layer.weight.data.mul_(factor)
                self.masked.append((layer.weight, factor))
        self.optimiser = torch.optim.SGD(self.module.parameters(), lr=RATE, momentum=MOMENTUM, fused=fused or None)

    def step(self) -> object:
        """Do one update."""
        self.optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.module(self.x), self.labels)
        loss.backward()
        for weight, factor in self.masked:
            weight.grad.mul_(factor)
        self.optimiser.step()
        return loss

    def params(self) -> Params:
        """Return the parameters as they are now, the masks of a reparametrisation applied."""
        found = {name: value.detach() for name, value in self.module.named_parameters()}
        for name, factor in self.module.named_buffers():
            found[name.removesuffix("_mask")] = found.pop(name.replace("_mask", "_orig")) * factor
        return {name: value.numpy() for name, value in found.items()}


def module_of(network: Network, params: Params) -> Any:
    """Return a chain as a torch.nn.Sequential of PyTorch's own layers, parameters copied, names as ours."""
    return torch.nn.Sequential(OrderedDict(Model(network, params).named_children()))


def global_unstructured(weights: Params, removed: int, within: Masks | None = None) -> Side:
    """Return the removal of `removed` more entries, all tensors in one pool; the work returns the modules."""

    def prepare() -> Work:
        modules = _modules(weights, within or {})
        parameters = [(module, "weight") for module in modules.values()]

        def work() -> object:
            pruning.global_unstructured(parameters, pruning_method=pruning.L1Unstructured, amount=removed)
            return modules

        return work

    return Side(prepare, once=True)


def l1_unstructured(weights: Params, sparsity: float) -> Side:
    """Return the removal of a part of every tensor by itself; the work returns the modules."""

    def prepare() -> Work:
        modules = _modules(weights, {})

        def work() -> object:
            for module in modules.values():
                pruning.l1_unstructured(module, "weight", amount=sparsity)
            return modules

        return work

    return Side(prepare, once=True)


def _modules(weights: Params, masks: Masks) -> dict[str, Any]:
    """Return a fresh module for each weight, pruned already where there is a mask."""
    modules = {}
    for name, w in weights.items():
        modules[name] = torch.nn.Linear(1, 1, bias=False)
        modules[name].weight = torch.nn.Parameter(_tensor(w))
        if name in masks:
            pruning.custom_from_mask(modules[name], "weight", _tensor(masks[name]).float())
    return modules


def masks_of(modules: Any) -> dict[str, Array]:
    """Return what modules that were pruned keep."""
    return {name: module.weight_mask.numpy() > 0 for name, module in modules.items()}


def above_kth(scores: Scores, removed: int) -> Side:
    """Return the masks of what is above the `removed`-th lowest score: exact only where none ties with it."""
    tensors = {name: _tensor(array) for name, array in scores.items()}

    def work() -> dict[str, Any]:
        pool = torch.cat([tensor.reshape(-1) for tensor in tensors.values()])
        threshold = torch.kthvalue(pool, removed).values
        return {name: tensor > threshold for name, tensor in tensors.items()}

    return Side(lambda: work)


def best_of_runs(weights: Params, keep: int, of: int) -> Side:
    """Return the masks of the `keep` largest of every `of` consecutive entries."""
    tensors = {name: _tensor(w) for name, w in weights.items()}

    def best(tensor: Any) -> Any:
        runs = tensor.abs().reshape(-1, of)
        kept = torch.zeros_like(runs, dtype=torch.bool)
        return kept.scatter_(1, runs.topk(keep, dim=1).indices, True).reshape(tensor.shape)  # noqa: FBT003  PyTorch's signature

    def work() -> dict[str, Any]:
        return {name: best(tensor) for name, tensor in tensors.items()}

    return Side(lambda: work)


def arrays(tensors: Any) -> dict[str, Array]:
    """Return tensors as NumPy arrays."""
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _tensor(array: Array) -> Any:
    return torch.from_numpy(array.copy())
