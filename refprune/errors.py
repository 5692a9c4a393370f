"""The one error of the public border, and the checks of single numbers that raise it."""

from numbers import Integral, Real

import numpy as np


class InvalidInput(ValueError):
    """Input refused before anything has changed.

    Args:
        what: the argument or file, named as the caller knows it.
        got: what arrived.
        expected: what would have been accepted.
    """

    def __init__(self, what: str, got: object, expected: str) -> None:
        # Three strings, so that the error can be pickled: it comes back from worker processes.
        super().__init__(what, str(got), expected)

    def __str__(self) -> str:
        """Return one sentence."""
        what, got, expected = self.args
        return f"{what}: got {got}, expected {expected}"


def is_integer(value: object) -> bool:
    """Say whether this is an integer of Python or NumPy, and not a bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_integer(what: str, value: object, least: int) -> int:
    """Return an integer >= least as a Python int, which does not wrap around; refuse anything else."""
    if not (isinstance(value, Integral) and is_integer(value) and int(value) >= least):
        raise InvalidInput(what, repr(value), f"an integer >= {least}")
    return int(value)


def check_fraction(what: str, value: object) -> None:
    """Refuse anything but a real number in [0, 1]; a bool and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:  # type: ignore[operator]  # every Real compares
        raise InvalidInput(what, repr(value), "a number in [0, 1]")


def check_generator(rng: object) -> np.random.Generator:
    """Return a NumPy Generator; refuse anything else: a seed or a global state hides what is drawn."""
    if not isinstance(rng, np.random.Generator):
        raise InvalidInput("rng", repr(rng), "a numpy.random.Generator")
    return rng
