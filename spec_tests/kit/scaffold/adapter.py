"""My library behind the adapter of refprune: `refprune-spec run --backend adapter:BACKEND`."""

import math

import numpy as np

from spec_tests.adapter import Declaration


def my_library(scores: list[float], sparsity: float) -> list[bool]:
    """Stand in for the library: put a call of yours here."""
    if type(sparsity) is not float or not 0 <= sparsity <= 1 or not scores:
        raise ValueError("no sparsity, or no scores")
    if any(type(score) is not float or math.isnan(score) for score in scores):
        raise ValueError("scores that are no numbers")
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    return [i in order[: len(scores) - round(sparsity * len(scores))] for i in range(len(scores))]


class Adapter:
    """Translates, and repairs nothing."""

    declaration = Declaration(
        "my-library", frozenset({"SELECT"}), granularities=frozenset({"element"}), pools=frozenset({"local"}),
        within=False, integers="refused",
    )  # fmt: skip

    def select(self, case):
        """Ask the library tensor by tensor; 1 = kept."""
        return {n: np.reshape(my_library(s.ravel().tolist(), case.sparsity), s.shape) for n, s in case.scores.items()}


BACKEND = Adapter()
