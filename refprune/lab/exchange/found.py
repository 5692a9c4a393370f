"""What has been read of an ONNX file: its operators, and the records and parameters made of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from refprune.arrays import Array
from refprune.errors import InvalidInput
from refprune.network import Node, Relu, Shape, build, parameters, values_of
from refprune.shapes import infer_shapes


class Operator(NamedTuple):
    """A node of the file."""

    name: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    """Without the empty ones at the end."""
    outputs: tuple[str, ...]
    """Without the empty ones at the end."""
    attributes: Mapping[str, Any]

    @property
    def what(self) -> str:
        """Return the node and its operator, as errors name them."""
        return f"node {self.name!r} ({self.kind})"


@dataclass
class Found:
    """What has been read."""

    constants: Mapping[str, Array]
    """Initializers and constants by their names in the file."""
    values: dict[str, str]
    """Value in the file -> ours."""
    readers: Counter[str]
    """Value in the file -> how many read it, the output of the graph included."""
    operators: Sequence[Operator]
    """All that lead to the output, in order."""
    batch: int
    """The batch that the file is for; 0: any."""
    dtype: "np.dtype[Any]"
    """That of the input, and of all parameters."""
    nodes: list[Node] = field(default_factory=list)
    params: dict[str, Array] = field(default_factory=dict)
    owners: dict[tuple[object, ...], str] = field(default_factory=dict)
    """Kind and names of the initializers -> the layer that owns them."""

    def put(self, operator: Operator, node: Node, *arrays: Array | None) -> None:
        """Add a record and its parameters; its values are the outputs of the operator."""
        self.nodes.append(node)
        own = () if getattr(node, "shares", "") else parameters(node)
        self.params |= dict(zip(own, (array for array in arrays if array is not None), strict=False))
        if len(operator.outputs) != len(values_of(node)):
            expected = f"{len(values_of(node))} outputs"
            raise InvalidInput(operator.what, f"outputs {list(operator.outputs)}", expected)
        self.values |= {name: own for name, own in zip(operator.outputs, values_of(node), strict=True) if name}

    def shape(self, value: str) -> Shape:
        """Return the shape of one example of a value of ours."""
        end = Relu(f"{value}, read", (value,))  # a split cannot be the last
        return infer_shapes(build(*self.nodes, end), self.params)[value]

    def value(self, operator: Operator, place: int) -> str:
        """Return our name of the value that an operator reads there."""
        name = operator.inputs[place] if place < len(operator.inputs) else ""
        if name in self.constants:
            raise InvalidInput(operator.what, f"the constant {name!r} at input {place}", "a value of another node")
        if name not in self.values:
            raise InvalidInput(operator.what, f"{name!r} at input {place}", "a value that an earlier node computes")
        return self.values[name]

    def all_values(self, operator: Operator) -> tuple[str, ...]:
        """Return our names of all that an operator reads."""
        return tuple(self.value(operator, place) for place in range(len(operator.inputs)))

    def constant(self, operator: Operator, place: int) -> Array | None:
        """Return the constant that an operator reads there; None where it reads nothing."""
        name = operator.inputs[place] if place < len(operator.inputs) else ""
        if name and name not in self.constants:
            raise InvalidInput(operator.what, f"{name!r} at input {place}", "an initializer of the file")
        return self.constants[name] if name else None

    def parameter(self, operator: Operator, place: int, rank: int) -> Array:
        """Return a copy of a constant of so many axes, finite and in the dtype of the input."""
        array = self.constant(operator, place)
        if array is None or array.dtype != self.dtype or array.ndim != rank:
            got = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise InvalidInput(operator.what, f"{got} at input {place}", f"{self.dtype} of {rank} axes")
        if not np.isfinite(array).all():
            raise InvalidInput(operator.what, f"NaN or infinity in {operator.inputs[place]!r}", "finite numbers")
        return np.array(array, order="C")
