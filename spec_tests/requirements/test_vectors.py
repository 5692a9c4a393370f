"""The golden vectors of data/vectors, as examples of their requirements: a check for each requirement and profile."""

from collections.abc import Callable

from spec_tests.adapter import Backend
from spec_tests.kit.vectors import asking
from spec_tests.kit.vectors.vector import Vector, by_check, load
from spec_tests.verdicts import requirement


def check_of(name: str, vectors: list[Vector]) -> Callable[[Backend], None]:
    """Return the check that asks a backend these vectors."""

    def check(backend: Backend) -> None:
        asking.run(backend, vectors)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"{vectors[0].id} to {vectors[-1].id}."
    return check


for (identity, profile), own in by_check(load()).items():
    function = check_of(f"test_{identity.lower().replace('-', '_')}_{profile.lower()}", own)
    globals()[function.__name__] = requirement(identity, "example", profile)(function)
