"""A step of LeNet-300-100 as NumPy does it at its best: written out, in place, without names, checks or states.

What it takes is what NumPy's own functions take; the rest of the reference's step is the price of being readable.
"""

import numpy as np

from refprune import ops
from refprune.arrays import Array, Params
from spec_tests.benchmarks.problem import MOMENTUM, RATE, Problem


class HandRun:
    """Training of dense layers with ReLU between them; weights and velocities change in place."""

    def __init__(self, given: Problem) -> None:
        self.problem = given
        self.weights = {name: w.copy() for name, w in given.params.items()}
        self.velocities = {name: np.zeros_like(w) for name, w in given.params.items()}

    def step(self) -> None:
        """Do one update."""
        for name, gradient in self._gradients().items():
            velocity, w = self.velocities[name], self.weights[name]
            velocity *= MOMENTUM
            velocity += gradient
            np.multiply(velocity, RATE, out=gradient)
            w -= gradient

    def _gradients(self) -> dict[str, Array]:
        (w1, b1, w2, b2, w3, b3), x = self.weights.values(), self.problem.x.reshape(len(self.problem.x), -1).T
        z1 = w1 @ x  # (300, N)
        z1 += b1[:, None]
        a1 = np.maximum(z1, 0)
        z2 = w2 @ a1  # (100, N)
        z2 += b2[:, None]
        a2 = np.maximum(z2, 0)
        z3 = w3 @ a2  # (10, N)
        z3 += b3[:, None]
        d3 = ops.softmax_cross_entropy_backward(ops.softmax_cross_entropy(z3, self.problem.labels)[1])
        d2 = (w3.T @ d3) * (z2 > 0)
        d1 = (w2.T @ d2) * (z1 > 0)
        layers = ((d1, x), (d2, a1), (d3, a2))
        return dict(zip(self.weights, (part for d, a in layers for part in (d @ a.T, d.sum(axis=1))), strict=True))

    def params(self) -> Params:
        """Return the parameters as they are now."""
        return self.weights
