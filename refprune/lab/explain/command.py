"""`refprune explain`: why one weight or one unit was removed, or kept.

In: the folder of a finished run, and a target. Out: the answer in a sentence or two, then what decided it with the
numbers of the requirements, then round by round; or the same as one JSON object.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from refprune.lab.explain.reasons import Explanation, explain
from refprune.lab.explain.targets import FORMS, Entry, Unit, read_target
from refprune.lab.files import place
from refprune.lab.finished import Finished, read_finished


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune explain`."""
    parser = commands.add_parser(
        "explain",
        help="say why a weight or a unit was removed, or kept",
        description="Say of one weight or one unit of a finished run: score, rank, pool, threshold, ties, the round in "
        "which it went, and the numbers of the requirements that decided it (docs/spec).",
    )
    parser.set_defaults(work=work)
    parser.add_argument("folder", type=place, help="what `refprune run --out` wrote")
    parser.add_argument("target", help=f"{FORMS}; indices count from 0")
    parser.add_argument("--network", help="which network, where the run has several")
    parser.add_argument("--seed", type=seed, help="which seed (default: the run's first)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def seed(text: str) -> int:
    """Return the seed that is written there."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer >= 0")
    return int(text)


def work(options: argparse.Namespace) -> int:
    """Explain what the options name."""
    run = read_finished(options.folder, options.network, options.seed)
    target = read_target(options.target, run.dense.params)
    found = explain(run, target)
    print(
        json.dumps(as_document(run, target, found), indent=2, allow_nan=False) if options.json else as_text(run, found)
    )
    return 0


def as_document(run: Finished, target: Entry | Unit, found: Explanation) -> dict[str, Any]:
    """Return the explanation ready for JSON, under the same keys whatever the target is."""
    return {
        "format": "refprune-explanation",
        "version": 0,
        "target": str(target),
        "network": run.settings.network,
        "seed": run.seed,
        "kind": found.kind,
        "removed_in_round": found.removed_in_round,
        "answer": found.answer,
        "facts": [asdict(fact) for fact in found.facts],
        "rounds": found.rounds,
        "requirements": sorted({name for fact in found.facts for name in fact.requirements}),
    }


def as_text(run: Finished, found: Explanation) -> str:
    """Return the explanation as lines: the answer, what decided it, and the rounds."""
    settings = run.settings
    cells = [(fact.what, fact.value, f"[{', '.join(fact.requirements)}]") for fact in found.facts]
    cells.insert(0, ("run", f"{settings.network} on {settings.data} by {settings.granularity}, seed {run.seed}", "[]"))
    facts = _aligned(cells, left=True).replace("[]", "").splitlines()
    parts = ["\n".join(found.answer), "\n".join(line.rstrip() for line in facts)]
    return "\n\n".join([*parts, _aligned(found.table, left=False)] if found.table else parts)


def _aligned(rows: Sequence[tuple[str, ...]], *, left: bool) -> str:
    """Return rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = str.ljust if left else str.rjust
    return "\n".join("  ".join(map(pad, row, widths)) for row in rows)
