"""The testee in C++: it does what it claims over the pipe, and a wrong one fails by the requirement it breaks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spec_tests.backends.cpp import build, compiler
from spec_tests.kit.checks import all_checks
from spec_tests.kit.pipe import PipeBackend, round_trip
from spec_tests.verdicts import Check, Kind, Violation

pytestmark = pytest.mark.skipif(compiler() is None, reason="no g++ here: the testee in C++ is not built")
CLAIMED = {"SELECT", "SCHEDULE"}


@pytest.fixture
def testee(tmp_path: Path) -> Iterator[Callable[..., PipeBackend]]:
    """Return what builds a testee, with mistakes by their macros, and starts it."""
    started: list[PipeBackend] = []

    def start(*mistakes: str) -> PipeBackend:
        started.append(PipeBackend([str(build(tmp_path / "testee", *mistakes))]))
        return started[-1]

    yield start
    for backend in started:
        backend.stop()


def claimed(kind: Kind) -> list[Check]:
    """Return the checks of what is claimed."""
    return [check for check in all_checks() if check.profile in CLAIMED and check.kind == kind]


def said(backend: PipeBackend, kind: Kind) -> dict[str, list[str]]:
    """Return requirement -> what its checks say, for those that fail; and that some passed."""
    found: dict[str, list[str]] = {}
    passed = 0
    for check in claimed(kind):
        try:
            check.run(backend)
            passed += 1
        except pytest.skip.Exception:
            continue
        except Violation as violation:
            found.setdefault(check.requirement, []).append(str(violation))
    assert passed >= 20
    return found


@pytest.mark.parametrize("kind", ["example", "property"])
def test_it_passes(
    testee: Callable[..., PipeBackend], kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    backend = testee()
    assert backend.declaration.profiles == CLAIMED
    assert said(backend, kind) == {}
    record_property("summary", f"a round trip to the testee in C++: {round_trip(backend) * 1000:.3f} ms")


@pytest.mark.parametrize(
    ("mistake", "broken", "untouched"),
    [
        ("WRONG_COUNT", {"SEL-01"}, "SCH"),
        ("WRONG_TIES", {"SEL-04", "SEL-09", "SEL-14"}, "SCH"),
        ("WRONG_PROGRESS", {"SCH-03", "SCH-04", "SCH-05", "SCH-08"}, "SEL"),
    ],
)
def test_a_wrong_one_fails_by_id(
    testee: Callable[..., PipeBackend], mistake: str, broken: set[str], untouched: str
) -> None:
    """The examples of what the mistake breaks fail, by answers; those of the other half pass."""
    found = said(testee(mistake), "example")
    assert broken <= found.keys()
    assert not [name for name in found if name.startswith(untouched)]
    assert all(text.startswith(f"{name}: got ") for name in broken for text in found[name])
