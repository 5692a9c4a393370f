"""Whether an answer is what a vector says, and where it is not."""

from collections.abc import Mapping
from math import copysign, isnan
from typing import Any

from spec_tests.kit.vectors.forms import Json, read_number
from spec_tests.kit.vectors.vector import Compare

PARTIAL = frozenset({"count"})
"""Operations of whose names only those that the vector lists are compared."""
TEXTS = ("nan", "inf", "-inf")
"""Numbers that JSON writes as text."""


def difference(got: Json, should: Json, compare: Compare, *, partial: bool = False, place: str = "the answer") -> str:
    """Return the first place where an answer is not as it should be, and how; empty where there is none."""
    if isinstance(should, Mapping):
        names = not partial and "data" not in should  # of an array, only what is said of it
        return _of_objects(got, should, compare, place, names=names)
    if isinstance(should, list):
        return _of_lists(got, should, compare, place)
    return "" if same(got, should, compare) else _said(got, should, place)


def _of_objects(got: Json, should: Mapping[str, Json], compare: Compare, place: str, *, names: bool) -> str:
    if not isinstance(got, Mapping) or (names and set(got) != set(should)) or not set(should) <= set(got):
        shown = f"the names {sorted(got)}" if isinstance(got, Mapping) else got
        return _said(shown, f"the names {sorted(should)}", place)
    found = (difference(got[name], value, compare, place=f"{name} of {place}") for name, value in should.items())
    return next(filter(None, found), "")


def _of_lists(got: Json, should: list[Json], compare: Compare, place: str) -> str:
    if not isinstance(got, list) or len(got) != len(should):
        return _said(got, should, place)
    pairs = enumerate(zip(got, should, strict=True))
    found = [difference(one, other, compare, place=f"entry {i} of {place}") for i, (one, other) in pairs]
    flat = not any(isinstance(one, list | Mapping) for one in should)
    return _said(got, should, place) if flat and any(found) else next(filter(None, found), "")


def same(got: Any, should: Any, compare: Compare) -> bool:
    """Say whether an answer is this number or text; null is anything."""
    if should is None:
        return True
    if isinstance(should, str) and should not in TEXTS:
        return bool(got == should)
    if not isinstance(got, int | float) and got not in TEXTS:
        return False
    one, other = float(read_number(_number(got))), float(read_number(_number(should)))
    if isnan(one) or isnan(other):
        return isnan(one) and isnan(other)
    if isinstance(compare, Mapping):
        return one == other or abs(one - other) <= compare["within"]
    return one == other and (compare == "equal" or copysign(1, one) == copysign(1, other))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _said(got: object, should: object, place: str) -> str:
    return f"got {got}, but should be {should}: {place}"
