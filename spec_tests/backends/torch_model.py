"""Networks as modules of PyTorch: a record and its parameters in, a torch.nn.Module out, and its parameters back.

Submodules are called as the nodes. Imported only where PyTorch is installed.
"""

import importlib
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np

from refprune.arrays import Array, Params
from refprune.lab.exchange.state import state_dict
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Node,
    Relu,
    Sigmoid,
    Split,
    owner,
    values_of,
)

torch: Any = importlib.import_module("torch")
"""Any: its types are known only where it is installed, and the project is checked without it."""

Value = tuple[int, bool]
"""How many channels a value has, and whether it is an image; behind a flatten the number is of no use."""


class Model(torch.nn.Module):  # type: ignore[misc]
    """The network with copies of these parameters, in the dtypes they have, ready to train."""

    def __init__(self, network: Network, params: Params) -> None:
        super().__init__()
        self.network = network
        values: dict[str, Value] = {}
        for node in network:
            read = [values[name] for name in node.inputs]
            values |= dict(zip(values_of(node), _outputs(node, read, params), strict=True))
            if owner(node) == node.name and not isinstance(node, Input | Add | Concat | Split):
                self.add_module(node.name, layer(node, read[0], params))
        tensors = {name: tensor(array) for name, array in state_dict(params).items()}
        self.load_state_dict(tensors, assign=True)  # not copied into the modules' own float32

    def forward(self, x: Any) -> Any:
        """Return the logits; x is a batch."""
        values = {self.network[0].name: x}
        for node in self.network[1:]:
            found = self._run(node, [values[name] for name in node.inputs])
            values |= dict(zip(values_of(node), found, strict=True))
        return values[self.network[-1].name]

    def _run(self, node: Node, inputs: list[Any]) -> Iterable[Any]:
        match node:
            case Add():
                return [sum(inputs[1:], start=inputs[0])]
            case Concat():
                return [torch.cat(inputs, dim=1)]
            case Split():
                return torch.split(inputs[0], node.sizes, dim=1)  # type: ignore[no-any-return]
        own, x = getattr(self, owner(node)), inputs[0]
        sides = _sides_in_front(node)
        padded = torch.nn.functional.pad(x, sides, value=-inf if isinstance(node, MaxPool2d) else 0.0) if sides else x
        if isinstance(node, Conv2d) and node.shares:
            return [torch.nn.functional.conv2d(padded, own.weight, own.bias, node.stride, groups=node.groups)]
        if isinstance(node, AvgPool2d) and sides:
            entries = torch.nn.functional.pad(torch.ones_like(x), sides)
            return [own(padded) / own(entries)]
        return [own(padded)]


def tensor(array: Array) -> Any:
    """Return a copy, in the same memory order."""
    return torch.from_numpy(array).clone()


def layer(node: Node, read: Value, params: Params) -> Any:
    """Return PyTorch's own module of a node that reads this value, its parameters not yet set."""
    match node:
        case Dense():
            out, width = params[f"{node.name}.weight"].shape[:2]
            return torch.nn.Linear(width, out, node.bias)
        case Conv2d() | DepthwiseConv2d():
            out, width, *kernel = params[f"{node.name}.weight"].shape
            groups = node.groups if isinstance(node, Conv2d) else read[0]
            padding = 0 if _sides_in_front(node) else node.padding[:2]
            return torch.nn.Conv2d(width * groups, out, kernel, node.stride, padding, groups=groups, bias=node.bias)
        case BatchNorm():
            kind = torch.nn.BatchNorm2d if read[1] else torch.nn.BatchNorm1d
            return kind(len(params[f"{node.name}.gamma"]), node.eps, node.momentum)
        case MaxPool2d():
            return torch.nn.MaxPool2d(node.size, node.stride, 0 if _sides_in_front(node) else node.padding[:2])
        case AvgPool2d():
            if _sides_in_front(node):  # sums: the entries that are no padding are counted by a second one
                return torch.nn.AvgPool2d(node.size, node.stride, divisor_override=1)
            return torch.nn.AvgPool2d(node.size, node.stride, node.padding[:2], count_include_pad=False)
        case GlobalAvgPool2d():
            return torch.nn.AdaptiveAvgPool2d(1)
        case Relu():
            return torch.nn.ReLU()
        case Sigmoid():
            return torch.nn.Sigmoid()
        case Dropout():
            return torch.nn.Dropout(node.rate)
        case Flatten():
            return torch.nn.Flatten()
    raise ValueError(f"no module of PyTorch for {node}")


def _sides_in_front(node: Node) -> tuple[int, ...]:
    """Return (left, right, top, bottom) where PyTorch's own padding cannot be that; empty where it can.

    Its layers pad opposite sides alike, and its pools by no more than half a window. The layer that shares another's
    parameters pads by itself.
    """
    top, left, bottom, right = getattr(node, "padding", (0, 0, 0, 0))
    rows, columns = node.size if isinstance(node, MaxPool2d | AvgPool2d) else (2 * top, 2 * left)
    own = (top, left) == (bottom, right) and 2 * top <= rows and 2 * left <= columns and not getattr(node, "shares", "")
    return () if own else (left, right, top, bottom)


def _outputs(node: Node, read: list[Value], params: Params) -> list[Value]:
    """Return what a node computes."""
    match node:
        case Input():
            return [(node.shape[0], len(node.shape) == 3)]
        case Dense() | Conv2d() | DepthwiseConv2d():
            return [(len(params[f"{owner(node)}.weight"]), not isinstance(node, Dense))]
        case Concat():
            return [(sum(channels for channels, _ in read), read[0][1])]
        case Split():
            return [(size, read[0][1]) for size in node.sizes]
        case Flatten():
            return [(0, False)]
    return read[:1]


def place(model: Any, name: str) -> tuple[Any, str]:
    """Return the submodule and the attribute that a parameter of this name is there, as both call it."""
    stem, _, part = next(iter(state_dict({name: np.empty(0)}))).rpartition(".")
    return model.get_submodule(stem), part


def arrays(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Return copies of tensors, as NumPy arrays."""
    return {name: np.array(one.detach()) for name, one in tensors.items()}


def read(model: Any, names: Iterable[str]) -> dict[str, Array]:
    """Return the parameters of these names as the attributes of the submodules show them."""
    return arrays({name: getattr(*place(model, name)) for name in names})
