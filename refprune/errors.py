"""The one error of the public border, and the checks of single numbers that raise it."""

from numbers import Integral, Real


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


def check_integer(what: str, value: object, least: int) -> None:
    """Refuse anything but an integer >= least."""
    if not (isinstance(value, Integral) and is_integer(value) and int(value) >= least):
        raise InvalidInput(what, repr(value), f"an integer >= {least}")


def check_fraction(what: str, value: object) -> None:
    """Refuse anything but a real number in [0, 1]; a bool and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise InvalidInput(what, repr(value), "a number in [0, 1]")
