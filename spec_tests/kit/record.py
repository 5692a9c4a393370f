"""The report of a run as JSON lines: a header, every check, every requirement, a footer.

Without its footer a report is worth nothing: whoever reads it must refuse it.
"""

import functools
import hashlib
import inspect
import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from spec_tests.adapter import Declaration
from spec_tests.corners import expected
from spec_tests.kit.outcomes import Judgement, Outcome, asked, conformant, counts, headline, judge
from spec_tests.specification import requirements, version

FORMAT = "refprune-report/1"
Line = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What was run, of whom, and what every check said."""

    backend: Any
    spelled: str
    """The backend as the user wrote it."""
    profile: str
    """The Hypothesis profile."""
    outcomes: Sequence[Outcome]
    seconds: float

    @property
    def declaration(self) -> Declaration:
        """Return what the backend declares."""
        found: Declaration = self.backend.declaration
        return found

    @property
    def complete(self) -> bool:
        """Say whether every check that says something about the backend was run."""
        return {check.name for check in asked(self.declaration)} <= {outcome.check for outcome in self.outcomes}

    @property
    def judgements(self) -> list[Judgement]:
        """Return one judgement for each requirement."""
        return judge(self.outcomes, self.declaration)

    @property
    def unmet(self) -> list[str]:
        """Return the corners that a complete run should have met and did not; a smoke run is not held to it."""
        if not self.complete or self.profile == "smoke":
            return []
        met = self.met
        return [corner for corner in expected(self.declaration) if not met[corner]]

    @property
    def met(self) -> Counter[str]:
        """Return corner -> how many cases had it."""
        return sum((Counter(outcome.met) for outcome in self.outcomes), Counter())


def lines(run: Run) -> Iterator[Line]:
    """Yield the lines of the report."""
    judgements = run.judgements
    yield {
        "kind": "header",
        "format": FORMAT,
        "backend": run.spelled,
        "name": run.declaration.name,
        "declaration": declared(run.declaration),
        "profile": run.profile,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for outcome in run.outcomes:
        own = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        yield {"kind": "check", "form": own.pop("kind")} | own
    for judgement in judgements:
        yield {
            "kind": "requirement",
            "id": judgement.requirement.id,
            "strength": judgement.requirement.strength,
            "title": judgement.requirement.title,
            "chapter": judgement.requirement.chapter,
            "verdict": judgement.verdict,
        }
    yield footer(run, judgements)


def footer(run: Run, judgements: Sequence[Judgement]) -> Line:
    """Return the last line: what was found, of what, by what."""
    return {
        "kind": "footer",
        "complete": run.complete,
        "conformant": conformant(judgements) and not run.unmet,
        "headline": headline(judgements, run.declaration),
        "counts": counts(judgements),
        "untested": [judgement.requirement.id for judgement in judgements if judgement.verdict == "untested"],
        "corners": dict(sorted(run.met.items())),
        "corners_unmet": run.unmet,
        "versions": {
            "specification": version(),
            "suite": installed("refprune"),
            "numpy": installed("numpy"),
            "hypothesis": installed("hypothesis"),
            "library": run.declaration.library,
        },
        "adapter_sha256": adapter_hash(run.backend),
        "requirements": len(requirements()),
        "seconds": round(run.seconds, 3),
    }


def declared(declaration: Declaration) -> Line:
    """Return a declaration as JSON has it; sets are sorted."""
    values = {field.name: getattr(declaration, field.name) for field in fields(declaration)}
    return {name: sorted(value, key=str) if isinstance(value, frozenset) else value for name, value in values.items()}


def adapter_hash(backend: Any) -> str:
    """Return the sha256 of the file the adapter is in, or of the program; empty where there is no file."""
    program = getattr(backend, "program", None)
    try:
        path = Path(program) if program else Path(inspect.getfile(type(backend)))
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def installed(package: str) -> str:
    """Return the version of a package; empty where it is not installed."""
    try:
        return version_of(package)
    except PackageNotFoundError:
        return ""


def write(path: Path, run: Run) -> None:
    """Write the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines(run))
    path.write_text(text, encoding="utf-8")


def read(path: Path) -> list[Line]:
    """Return the lines of a report; one without a footer, or of another format, is a ValueError."""
    found = [_line(path, number, text) for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    if not found or found[0].get("format") != FORMAT:
        raise ValueError(f"{path}: got no header of {FORMAT}, expected a report of refprune-spec")
    if found[-1]["kind"] != "footer":
        raise ValueError(f"{path}: got no footer, expected one: the run did not come to its end")
    return found


def _line(path: Path, number: int, text: str) -> Line:
    """Return one line that has what the schema requires of its kind."""
    try:
        line = json.loads(text)
        missing = sorted(set(_required(line["kind"])) - set(line))
    except (ValueError, KeyError, TypeError) as error:
        said = f"line {number} is none of a report ({type(error).__name__}: {error})"
        raise ValueError(f"{path}: {said}; was the run interrupted?") from error
    if missing:
        raise ValueError(f"{path}: line {number} is a {line['kind']} without {missing[0]!r}")
    return dict(line)


@functools.cache
def _required(kind: str) -> Sequence[str]:
    schema = json.loads(Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8"))
    return tuple(schema["$defs"][kind]["required"])


def select(report: Iterable[Line], kind: str) -> list[Line]:
    """Return the lines of one kind."""
    return [line for line in report if line["kind"] == kind]
