"""`refprune explain`: what it says of hand-made runs, of drawn ones and of real ones, and what it refuses."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refprune.architectures import lenet_5
from refprune.arrays import Array, Params, apply_masks, weights
from refprune.coupling import find_groups
from refprune.criteria import CRITERIA
from refprune.data import Dataset, Split, digits, shared_file
from refprune.errors import InvalidInput
from refprune.lab import experiment, finished, folder, store
from refprune.lab.cli import main
from refprune.lab.experiment import SCOPES, Settings, method, run_seed
from refprune.lab.explain import command as explain
from refprune.lab.explain import reasons, removal, standing, targets
from refprune.lab.results import over_seeds
from refprune.network import Dense, Input, Network, Relu, build
from refprune.schedules import CURVES
from refprune.surgery import compact, unread_units
from spec_tests.adapter import Elements, SelectCase, Units
from spec_tests.meta.quick import quick_run
from spec_tests.oracle.selection import check_selection, pool_entries, pools, positions, removal_count
from spec_tests.specification import HEADING, ID
from spec_tests.strategies.selection import EVERYTHING, POOLS

NETWORK = build(Input("x", (2,)), Dense("fc1"), Relu("relu1"), Dense("fc2"))
PARAMS = {
    "fc1.weight": np.array([[5.0, -1.0], [3.0, -3.0], [3.0, 9.0]]),
    "fc1.bias": np.array([1.0, 2.0, -4.0]),
    "fc2.weight": np.array([[3.0, -2.0, 3.0], [8.0, 3.0, -7.0]]),
    "fc2.bias": np.array([0.0, 0.5]),
}
OWN = "networks/tiny/seed-0"
Turn = tuple[float, Mapping[str, Any], Mapping[str, Any]]
"""One round: its sparsity, its scores, and what it keeps."""


def write_run(
    place: Path,
    settings: Settings,
    rounds: Sequence[Turn],
    *,
    network: Network = NETWORK,
    params: Params = PARAMS,
    seed: int = 0,
) -> Path:
    """Write a run as `refprune run` does, beside what is there; nothing is trained, so that values stay as they are."""
    groups = find_groups(network, params)
    last = masks_of(rounds[-1])
    masks = method(settings, groups).granularity.expand(last, params)
    pruned = apply_masks(params, masks)
    gone = last if settings.granularity == "unit" else unread_units(pruned, groups, masks)
    small, small_masks = (compact(arrays, groups, gone).arrays for arrays in (pruned, masks))
    own = folder.seed_folder(place, settings.network, seed)
    for number, (_, scores, kept) in enumerate(rounds, 1):
        folder.save_round(own, number, as_arrays(scores), masks_of((0, scores, kept)))
    store.save(own / "dense", network, params, {})
    store.save(own / "pruned", network, pruned, masks)
    store.save(own / "compact", network, small, small_masks)
    path = place / "results.json"
    document = json.loads(path.read_text()) if path.exists() else {"networks": {}, "settings": {}, "seeds": []}
    document |= {"format": "refprune-results", "version": 0, "seeds": [*document["seeds"], seed][: seed + 1]}
    figures = [{"sparsity": {"seeds": [sparsity] * (seed + 1)}} for sparsity, *_ in rounds]
    document["networks"][settings.network] = {"rounds": figures}
    document["settings"][settings.network] = asdict(settings)
    path.write_text(json.dumps(document))
    return place


def masks_of(turn: Turn) -> dict[str, Array]:
    return {name: np.array(mask, bool) for name, mask in turn[2].items()}


def as_arrays(scores: Mapping[str, Any]) -> dict[str, Array]:
    """Return scores as arrays, of float64 where they are lists."""
    return {name: np.asarray(array, getattr(array, "dtype", np.float64)) for name, array in scores.items()}


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return what the command prints."""
    assert main(["explain", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def document_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """Return what the command prints with --json."""
    return dict(json.loads(said(capsys, *arguments, "--json")))


# By hand: single entries. 12 entries, 6 and then 9 of them go; what is removed before scores 99.

ENTRIES = Settings("tiny", "element", 0.75, scope="global", schedule="linear", rounds=2)
ENTRY_ROUNDS: list[Turn] = [
    (
        0.5,
        {"fc1.weight": [[5, 1], [3, 3], [3, 9]], "fc2.weight": [[3, 2, 3], [8, 3, 7]]},
        {"fc1.weight": [[1, 0], [1, 1], [0, 1]], "fc2.weight": [[0, 0, 0], [1, 0, 1]]},
    ),
    (
        0.75,
        {"fc1.weight": [[1, 99], [4, 4], [99, 9]], "fc2.weight": [[99, 99, 99], [2, 99, 4]]},
        {"fc1.weight": [[0, 0], [1, 1], [0, 1]], "fc2.weight": [[0, 0, 0], [0, 0, 0]]},
    ),
]


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    return write_run(tmp_path / "entries", ENTRIES, ENTRY_ROUNDS)


def test_removed_entry(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Six entries score 3, and two of them fit among the six that stay: the third by position goes."""
    assert said(capsys, entries, "fc1.weight[2, 0]") == (
        "fc1.weight[2,0] was removed in round 1 of 2: its score 3.0 ranked 7 of 12 where 6 stay.\n"
        "5 others have exactly this score; 2 of them stayed: of equal scores the first by position stay [SEL-04].\n"
        "\n"
        "run         tiny on digits by element, seed 0\n"
        "value       3.0 before pruning, 0.0 after the last round                 [ARR-01]\n"
        "criterion   magnitude: c = w                                             [CRI-03]\n"
        "score       |c|                                                          [GRA-01]\n"
        "schedule    linear to 0.75 in 2 rounds                                   [SCH-03, SCH-08]\n"
        "pool        global: 12 entries of fc1.weight, fc2.weight                 [SEL-09, ARR-05]\n"
        "position    4 in the pool, from 0\n"
        "count       round(sparsity x 12) removed, earlier rounds included        [SEL-01]\n"
        "each round  scores what the round before left, within its masks          [PRU-02]\n"
        "order       alive first, then score descending, then position ascending  [SEL-04]\n"
        "after that  what is removed stays removed, whatever its score            [SEL-05, SEL-06]\n"
        "compact     gone with fc1[2], which it makes (read by nothing any more)  [SUR-01, SUR-06]\n"
        "\n"
        "round  sparsity  removed  stay  lowest by score  highest gone  score  rank            ties          then\n"
        "    1       0.5        6     6              3.0           3.0    3.0     7  2 kept, 3 gone       removed\n"
        "    2      0.75        9     3              4.0           4.0      -     -               -  gone since 1\n"
    )


def test_kept_entry(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In round 2 three entries score 4; the two first by position stay. Nothing reads fc1 in the end."""
    out = said(capsys, entries, "fc1.weight[1,0]").splitlines()
    assert out[:3] == [
        "fc1.weight[1,0] was kept in all 2 rounds: in the last, its score 4.0 ranked 2 of 12 where 3 stay.",
        "2 others have exactly this score; 1 of them went: of equal scores the first by position stay [SEL-04].",
        "In the compacted network it is gone with fc1[1], which it makes (read by nothing any more) [SUR-01, SUR-06].",
    ]
    assert out[-2:] == [
        "    1       0.5        6     6              3.0           3.0    3.0     5  1 kept, 4 gone  kept",
        "    2      0.75        9     3              4.0           4.0    4.0     2  1 kept, 1 gone  kept",
    ]
    assert not any(line.startswith("after that") for line in out)


def test_threshold_without_ties(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, entries, "fc2.weight[0,1]").splitlines()[:2] == [
        "fc2.weight[0,1] was removed in round 1 of 2: its score 2.0 ranked 11 of 12 where 6 stay.",
        "The lowest score that stays is 3.0 [SEL-04].",
    ]
    assert said(capsys, entries, "fc1.weight[2,1]").splitlines()[:2] == [
        "fc1.weight[2,1] was kept in all 2 rounds: in the last, its score 9.0 ranked 1 of 12 where 3 stay.",
        "The highest score that went is 4.0 [SEL-04].",
    ]


def test_json(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, entries, "fc2.weight[1,2]")
    facts = document.pop("facts")
    assert document == {
        "format": "refprune-explanation",
        "version": 0,
        "target": "fc2.weight[1,2]",
        "network": "tiny",
        "seed": 0,
        "kind": "entry",
        "removed_in_round": 2,
        "answer": [
            "fc2.weight[1,2] was removed in round 2 of 2: its score 4.0 ranked 4 of 12 where 3 stay.",
            "2 others have exactly this score; 2 of them stayed: of equal scores the first by position stay [SEL-04].",
        ],
        "rounds": [
            {
                "number": 1, "sparsity": 0.5, "entries": 12, "removed": 6, "short": 0, "stay": 6, "alive": True,
                "score": 7.0, "rank": 3, "rank_by_score": 3, "set_aside": False, "reserve": 0, "ties_kept": 0,
                "ties_removed": 0, "kept": True, "lowest_kept": 3.0, "highest_removed": 3.0,
            },
            {
                "number": 2, "sparsity": 0.75, "entries": 12, "removed": 9, "short": 0, "stay": 3, "alive": True,
                "score": 4.0, "rank": 4, "rank_by_score": 4, "set_aside": False, "reserve": 0, "ties_kept": 2,
                "ties_removed": 0, "kept": False, "lowest_kept": 4.0, "highest_removed": 4.0,
            },
        ],
        "requirements": [
            "ARR-01", "ARR-05", "CRI-03", "GRA-01", "PRU-02", "SCH-03", "SCH-08", "SEL-01", "SEL-04", "SEL-09",
            "SUR-01", "SUR-06",
        ],
    }  # fmt: skip
    assert {"what": "score", "value": "|c|", "requirements": ["GRA-01"]} in facts
    after = document_of(capsys, entries, "fc1.weight[2,0]")["rounds"][1]
    assert {name for name, value in after.items() if value is None} == {
        "score", "rank", "rank_by_score", "set_aside", "ties_kept", "ties_removed",
    }  # fmt: skip


def test_unit_of_entries(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of fc2 goes: nothing reads fc1, whose first unit stays; the outputs stay."""
    assert said(capsys, entries, "fc1[2]") == (
        "fc1[2] lost 1 of its 2 weights in 2 rounds: this run selects entries, and a unit has no score.\n"
        "In the compacted network it is gone, since nothing reads it any more [SUR-06].\n"
        "\n"
        "run       tiny on digits by element, seed 0\n"
        "weights   fc1.weight[2], 2; its bias is never ranked         [ARR-05]\n"
        "schedule  linear to 0.75 in 2 rounds                         [SCH-03, SCH-08]\n"
        "read by   0 of 2 entries of fc2.weight after the last round  [CPL-01]\n"
        "compact   gone, since nothing reads it any more              [SUR-06]\n"
        "\n"
        "round  sparsity of the run  its weights removed  in this round\n"
        "    1                  0.5                    1              1\n"
        "    2                 0.75                    1              0\n"
    )
    assert said(capsys, entries, "fc1[0]").splitlines()[:2] == [
        "fc1[0] lost 2 of its 2 weights in 2 rounds: this run selects entries, and a unit has no score.",
        "In the compacted network it is kept, since the first unit of a group that nothing reads stays [SUR-06].",
    ]
    assert said(capsys, entries, "fc2[1]").splitlines()[:2] == [
        "fc2[1] lost 3 of its 3 weights in 2 rounds: this run selects entries, and a unit has no score.",
        "In the compacted network it is kept, as every output of the last layer [CPL-03, SUR-11].",
    ]
    document = document_of(capsys, entries, "fc2[1]")
    assert (document["kind"], document["removed_in_round"]) == ("unit of entries", None)
    assert document["rounds"] == [
        {"number": 1, "sparsity": 0.5, "removed": 1, "removed_now": 1},
        {"number": 2, "sparsity": 0.75, "removed": 3, "removed_now": 2},
    ]


def test_bias_of_entries(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, entries, "fc1.bias[1]") == (
        "fc1.bias[1] was never ranked: biases have no score and no mask [ARR-05].\n"
        "In the compacted network it is gone with fc1[1], which it makes (read by nothing any more) [SUR-01, SUR-06].\n"
        "\n"
        "run      tiny on digits by element, seed 0\n"
        "ranked   no: biases have no score and no mask                         [ARR-05]\n"
        "value    2.0 before pruning, 2.0 after the last round\n"
        "compact  gone with fc1[1], which it makes (read by nothing any more)  [SUR-01, SUR-06]\n"
    )
    assert len(said(capsys, entries, "fc2.bias[1]").split("\n\n")[0].splitlines()) == 1


def test_local_pools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each tensor loses half of its six: fc2's third by score goes, although no score of fc1's that went is lower."""
    kept = {"fc1.weight": [[1, 0], [1, 0], [0, 1]], "fc2.weight": [[1, 0, 0], [1, 0, 1]]}
    settings = Settings("tiny", "element", 0.5, scope="local", rounds=1)
    write_run(tmp_path, settings, [(0.5, ENTRY_ROUNDS[0][1], kept)])
    out = said(capsys, tmp_path, "fc2.weight[0,2]").splitlines()
    assert out[:2] == [
        "fc2.weight[0,2] was removed in round 1 of 1: its score 3.0 ranked 4 of 6 where 3 stay.",
        "2 others have exactly this score; 1 of them stayed: of equal scores the first by position stay [SEL-04].",
    ]
    assert any(re.fullmatch(r"pool +local: 6 entries of fc2.weight +\[SEL-08, ARR-05\]", line) for line in out)
    assert any(re.fullmatch(r"schedule +to 0.5 in the only round +\[SCH-08\]", line) for line in out)
    assert any(re.fullmatch(r"position +2 in the pool, from 0", line) for line in out)
    assert "PRU-02" not in "".join(out)
    assert said(capsys, tmp_path, "fc1.weight[1,0]").startswith(
        "fc1.weight[1,0] was kept in the only round: its score 3.0 ranked 3 of 6 where 3 stay.\n"
        "2 others have exactly this score; 2 of them went: "
    )
    left = [re.findall(r"read by +(\d of \d) ", said(capsys, tmp_path, f"fc1[{unit}]")) for unit in range(3)]
    assert left == [["2 of 2"], ["0 of 2"], ["1 of 2"]]
    assert said(capsys, tmp_path, "fc1[2]").splitlines()[1].endswith("is kept, since it is still read [SUR-06].")


# By hand: units. Two groups, a of 2 and b of 3, whose best are set aside.

UNIT_NETWORK = build(Input("x", (1,)), Dense("a"), Relu("r"), Dense("b"), Relu("s"), Dense("c"))
UNIT_PARAMS = {
    "a.weight": np.array([[1.0], [2.0]]),
    "a.bias": np.zeros(2),
    "b.weight": np.array([[5.0, 5.0], [-10.0, 10.0], [15.0, 15.0]]),
    "b.bias": np.array([1.0, 2.0, 3.0]),
    "c.weight": np.ones((2, 3)),
    "c.bias": np.zeros(2),
}
UNITS = Settings("tiny", "unit", 0.6, scope="global", rounds=1)


def unit_run(place: Path, sparsity: float, a: list[int], b: list[int]) -> Path:
    turn: Turn = (sparsity, {"a": [1, 2], "b": [10, 20, 30]}, {"a": a, "b": b})
    return write_run(place, UNITS, [turn], network=UNIT_NETWORK, params=UNIT_PARAMS)


def test_units_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of SEL-10: at 0.6 the 1, 10 and 20 go; without the reserve 1, 2 and 10 would."""
    unit_run(tmp_path, 0.6, [0, 1], [0, 0, 1])
    assert said(capsys, tmp_path, "a[1]") == (
        "a[1] was kept in the only round: its score 2.0 ranked 2 of 5 where 2 stay.\n"
        "By its score alone, at rank 4, it would have gone: it is set aside as the best of its group [SEL-10].\n"
        "\n"
        "run        tiny on digits by unit, seed 0\n"
        "criterion  magnitude: c = w                                                [CRI-03]\n"
        "score      sum of |c| over the unit's 1 weight                             [GRA-02, GRA-08]\n"
        "schedule   to 0.6 in the only round                                        [SCH-08]\n"
        "pool       global: 5 units of a, b                                         [SEL-09, CPL-01, CPL-03]\n"
        "position   1 in the pool, from 0\n"
        "count      round(sparsity x 5) removed, earlier rounds included            [SEL-01]\n"
        "reserve    the 1 best alive of each group, set aside before anything goes  [SEL-10, GRA-19]\n"
        "order      alive first, then score descending, then position ascending     [SEL-04]\n"
        "compact    kept, since no round removed it                                 [SUR-01]\n"
        "\n"
        "round  sparsity  removed  stay  lowest by score  highest gone  score  rank  ties       then\n"
        "    1       0.6        3     2                -          20.0    2.0     2  none  set aside\n"
    )
    gone = r"^compact +gone, since round 1 removed it: what makes it, and what reads it +\[SUR-01\]$"
    assert re.search(gone, said(capsys, tmp_path, "b[1]"), re.MULTILINE)
    assert said(capsys, tmp_path, "b[1]").splitlines()[:2] == [
        "b[1] was removed in round 1 of 1: its score 20.0 ranked 3 of 5 where 2 stay.",
        "By its score alone, at rank 2, it would have stayed: "
        "others are set aside as the best of their groups [SEL-10].",
    ]
    assert said(capsys, tmp_path, "a[0]").splitlines()[1] == "Only what is set aside stays [SEL-10]."


def test_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At 1.0 two of five are set aside, so that two are short."""
    unit_run(tmp_path, 1.0, [0, 1], [0, 0, 1])
    out = said(capsys, tmp_path, "b[0]")
    assert out.startswith("b[0] was removed in round 1 of 1: its score 10.0 ranked 4 of 5 where 2 stay.\n")
    assert re.search(r"^short +2 in round 1: only what is set aside was left +\[SEL-11\]$", out, re.MULTILINE)
    assert document_of(capsys, tmp_path, "b[0]")["rounds"][0]["short"] == 2
    assert said(capsys, tmp_path, "b[2]").splitlines()[:2] == [
        "b[2] was kept in the only round: its score 30.0 ranked 1 of 5 where 2 stay.",
        "By its score alone, at rank 1, it would have gone: it is set aside as the best of its group [SEL-10].",
    ]


def test_entry_of_a_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """b.weight[2,0] is kept with unit 2, and reads unit 0 of a, which went; b.weight[1,1] goes with unit 1."""
    unit_run(tmp_path, 0.6, [0, 1], [0, 0, 1])
    out = said(capsys, tmp_path, "b.weight[2,0]").splitlines()
    assert out[:3] == [
        "b.weight[2,0] was kept in the only round with unit 2 of group b: "
        "the unit's score 30.0 ranked 1 of 5 where 2 stay.",
        "The highest score that went is 20.0 [SEL-04].",
        "In the compacted network it is gone with a[0], which it reads (removed in round 1) [SUR-01].",
    ]
    assert any(re.fullmatch(r"part of +unit 2 of group b +\[CPL-01, GRA-08, GRA-09\]", line) for line in out)
    out = said(capsys, tmp_path, "b.weight[1,1]").splitlines()
    assert out[0] == (
        "b.weight[1,1] was removed in round 1 of 1 with unit 1 of group b: "
        "the unit's score 20.0 ranked 3 of 5 where 2 stay."
    )
    assert any(line.startswith("compact    gone with b[1], which it makes (removed in round 1) ") for line in out)
    out = said(capsys, tmp_path, "b.bias[1]").splitlines()
    assert out[0] == out[0].replace("weight", "bias")
    assert out[0].startswith("b.bias[1] was removed in round 1 of 1 with unit 1 of group b: ")
    assert any(re.fullmatch(r"part of +unit 1 of group b +\[CPL-01, ARR-05, GRA-09\]", line) for line in out)


def test_last_layer_of_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit_run(tmp_path, 0.6, [0, 1], [0, 0, 1])
    assert said(capsys, tmp_path, "c.weight[1,0]").splitlines()[:2] == [
        "c.weight[1,0] was never ranked: c makes the network's output and forms no group [CPL-03].",
        "In the compacted network it is gone with b[0], which it reads (removed in round 1) [SUR-01].",
    ]
    assert said(capsys, tmp_path, "c[1]") == (
        "c[1] was never ranked: c makes the network's output and forms no group [CPL-03].\n"
        "\n"
        "run      tiny on digits by unit, seed 0\n"
        "ranked   no: c makes the network's output and forms no group  [CPL-03]\n"
        "compact  kept, as every output of the last layer              [CPL-03, SUR-11]\n"
    )
    assert said(capsys, tmp_path, "c.bias[0]").startswith(
        "c.bias[0] was never ranked: biases have no score and no mask [ARR-05].\n\n"
    )


# By hand: tiles of 2 x 2. fc1 (3, 2) has the tiles (0, 0) and (1, 0), fc2 (2, 3) the tiles (0, 0) and (0, 1).


def test_tiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"fc1.weight": [[12], [12]], "fc2.weight": [[16, 10]]}
    kept = {"fc1.weight": [[1], [0]], "fc2.weight": [[1, 0]]}
    write_run(tmp_path, Settings("tiny", "2x2", 0.5, scope="global", rounds=1), [(0.5, scores, kept)])
    out = said(capsys, tmp_path, "fc1.weight[2,1]").splitlines()
    assert out[:2] == [
        "fc1.weight[2,1] was removed in round 1 of 1 with tile (1, 0) of fc1.weight, rows 2..2, columns 0..1: "
        "the tile's score 12.0 ranked 3 of 4 where 2 stay.",
        "1 other has exactly this score; 1 of them stayed: of equal scores the first by position stay [SEL-04].",
    ]
    for line in (
        r"part of +tile \(1, 0\) of fc1.weight, rows 2..2, columns 0..1 +\[GRA-07, GRA-12\]",
        r"score +sum of \|c\| over the tile's 2 weights +\[GRA-02\]",
        r"pool +global: 4 tiles of fc1.weight, fc2.weight +\[SEL-09, ARR-05\]",
        r"count +round\(sparsity x 4\) removed, earlier rounds included +\[SEL-01, GRA-12\]",
    ):
        assert any(re.fullmatch(line, printed) for printed in out), line
    assert said(capsys, tmp_path, "fc1[2]").startswith(
        "fc1[2] lost 2 of its 2 weights in 1 round: this run selects tiles of 2x2, and a unit has no score.\n"
    )
    assert said(capsys, tmp_path, "fc2.weight[1,1]").startswith(
        "fc2.weight[1,1] was kept in the only round with tile (0, 0) of fc2.weight, rows 0..1, columns 0..1: "
        "the tile's score 16.0 ranked 1 of 4 where 2 stay.\n"
    )


# Extremes


def one_layer(place: Path, scores: Array, kept: list[int], sparsity: float) -> Path:
    """Write a run of one layer with two inputs and two outputs."""
    network, params = build(Input("x", (2,)), Dense("fc")), {"fc.weight": np.ones((2, 2)), "fc.bias": np.zeros(2)}
    settings = Settings("tiny", "element", sparsity, rounds=1)
    turn: Turn = (sparsity, {"fc.weight": scores.reshape(2, 2)}, {"fc.weight": np.reshape(kept, (2, 2))})
    return write_run(place, settings, [turn], network=network, params=params)


def test_zeros_are_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-0.0 equals 0.0; 5e-324 does not."""
    one_layer(tmp_path, np.array([5e-324, -0.0, 0.0, 0.0]), [1, 1, 0, 0], 0.5)
    assert [
        document_of(capsys, tmp_path, f"fc.weight[{place // 2},{place % 2}]")["rounds"][0]["rank"] for place in range(4)
    ] == [1, 2, 3, 4]
    of_minus = document_of(capsys, tmp_path, "fc.weight[0,1]")["rounds"][0]
    assert (of_minus["ties_kept"], of_minus["ties_removed"]) == (0, 2)


def test_infinite_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Infinities are ordinary, and JSON has no number for them."""
    one_layer(tmp_path, np.array([np.inf, 1, -np.inf, np.inf]), [1, 0, 0, 1], 0.5)
    first = document_of(capsys, tmp_path, "fc.weight[0,0]")["rounds"][0]
    assert (first["score"], first["rank"], first["lowest_kept"], first["ties_kept"]) == ("inf", 1, "inf", 1)
    assert "its score -inf ranked 4 of 4 where 2 stay." in said(capsys, tmp_path, "fc.weight[1,0]")


@pytest.mark.parametrize(("sparsity", "kept", "sentence"), [
    (0.0, [1, 1, 1, 1], "Nothing went in that round [SEL-01]."),
    (1.0, [0, 0, 0, 0], "Nothing stays [SEL-01]."),
])  # fmt: skip
def test_all_or_nothing(
    sparsity: float, kept: list[int], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_layer(tmp_path, np.array([1.0, 1.0, 2.0, 3.0]), kept, sparsity)
    out = said(capsys, tmp_path, "fc.weight[0,1]").splitlines()
    assert out[0].endswith(f"its score 1.0 ranked 4 of 4 where {sum(kept)} stay.")
    assert out[1] == sentence
    assert not any(line.startswith("reserve") for line in out)


def test_single_precision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores are compared and shown in their own precision."""
    one_layer(tmp_path, np.array([0.1, 0.1, 0.2, 0.3], np.float32), [0, 0, 1, 1], 0.5)
    assert "its score 0.1 ranked 3 of 4" in said(capsys, tmp_path, "fc.weight[0,0]")
    assert document_of(capsys, tmp_path, "fc.weight[0,0]")["rounds"][0]["score"] == float(np.float32(0.1))


def test_criteria_of_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reducer that is named is the one that the settings give: 1 and -2 score 3 by l1, and one 2 its square."""
    for criterion in CRITERIA.values():
        settings = Settings("tiny", "unit", 0.5, criterion=criterion.name, rounds=1)
        of_units = criterion.level == "unit"
        contributions = {"fc1.weight": np.array([2.0, 2.0, 2.0] if of_units else [[1.0, -2.0]] * 3)}
        score = method(settings, find_groups(NETWORK, PARAMS)).granularity.reduce(contributions)["fc1"][0]
        write_run(tmp_path / criterion.name, settings, [(0.5, {"fc1": [1, 2, 3]}, {"fc1": [0, 0, 1]})])
        ids = document_of(capsys, tmp_path / criterion.name, "fc1[0]")["requirements"]
        named = {"GRA-02": 2.0 if of_units else 3.0, "GRA-06": 4.0 if of_units else 1.0}
        assert [value for name, value in named.items() if name in ids] == [score]
        assert "GRA-08" in ids


# Drawn


@st.composite
def drawn_runs(draw: st.DrawFn) -> tuple[Settings, list[SelectCase]]:
    """Draw two rounds of few different scores, with masks by the definition: each round is a case of selection."""
    granularity = draw(st.sampled_from(("element", "unit", "2x1")))
    pool = draw(POOLS)
    all_shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "element": {"a.weight": (2, 1), "b.weight": (3, 2), "c.weight": (2, 3)},
        "unit": {"a": (2,), "b": (3,)},
        "2x1": {"a.weight": (1, 1), "b.weight": (2, 2), "c.weight": (1, 3)},
    }
    cases: list[SelectCase] = []
    within: dict[str, Array] = {name: np.ones(shape, bool) for name, shape in all_shapes[granularity].items()}
    fractions = st.sampled_from((0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0))
    for sparsity in sorted(draw(st.lists(fractions, min_size=2, max_size=2))):
        few = st.sampled_from((0.0, -0.0, 1.0, 1.0, 2.0, 3.0))
        scores = {
            name: np.array(draw(st.lists(few, min_size=mask.size, max_size=mask.size))).reshape(mask.shape)
            for name, mask in within.items()
        }
        units = Units(1) if granularity == "unit" else Elements()
        cases.append(SelectCase(scores, sparsity, pool, units, within))
        within = masks_by_definition(cases[-1])
    return Settings("tiny", granularity, 1.0, scope=pool, rounds=2), cases


def order_of(case: SelectCase, names: list[str]) -> list[int]:
    """Return the places of a pool, best first: reserved, alive, score descending, position ascending."""
    entries = pool_entries(case, names)
    return sorted(range(len(entries)), key=lambda i: (not entries[i][2], not entries[i][1], -entries[i][0], i))


def stay_of(case: SelectCase, names: list[str]) -> int:
    """Return how many of a pool stay."""
    entries = pool_entries(case, names)
    assert case.sparsity is not None
    return max(
        len(entries) - removal_count("half_even", case.sparsity, len(entries)), sum(aside for *_, aside in entries)
    )


def masks_by_definition(case: SelectCase) -> dict[str, Array]:
    """Return what stays, by a sort of Python's; the oracle agrees."""
    kept = {name: np.zeros(np.shape(scores), bool) for name, scores in case.scores.items()}
    for names in pools(case):
        places = positions(case, names)
        for place in order_of(case, names)[: stay_of(case, names)]:
            name, index = places[place]
            kept[name][index] = True
    check_selection(kept, case, EVERYTHING)
    return kept


@given(drawn_runs())
def test_drawn_runs(drawn: tuple[Settings, list[SelectCase]]) -> None:
    """Rank, places and ties are those of a sort, and the verdict is that of the masks, for everything that competed."""
    settings, cases = drawn
    turns: list[Turn] = [(case.sparsity or 0.0, case.scores, masks_by_definition(case)) for case in cases]
    with tempfile.TemporaryDirectory() as made:
        write_run(Path(made), settings, turns, network=UNIT_NETWORK, params=UNIT_PARAMS)
        run = finished.read_finished(Path(made), None, None)
    for names in pools(cases[0]):
        for place, (name, index) in enumerate(positions(cases[0], names)):
            thing = targets.Competitor("unit" if run.by_unit else "entry", name, index, "", 1)
            for case, turn, one in zip(cases, turns, standing.standings(run, thing), strict=True):
                check_standing(one, case, names, place, masks_of(turn))


def check_standing(
    one: standing.Standing, case: SelectCase, names: list[str], place: int, kept: Mapping[str, Array]
) -> None:
    """Require the numbers of one place of a pool in one round, by loops over lists."""
    entries = pool_entries(case, names)
    stays = [bool(kept[name][index]) for name, index in positions(case, names)]
    score, alive, aside = entries[place]
    assert (one.stay, one.alive, one.kept) == (stay_of(case, names), alive, stays[place])
    rest = [(entry[0], keep) for entry, keep in zip(entries, stays, strict=True) if entry[1] and not entry[2]]
    assert one.lowest_kept == min((value for value, keep in rest if keep), default=None)
    assert one.highest_removed == max((value for value, keep in rest if not keep), default=None)
    if alive:
        rank = order_of(case, names).index(place) + 1
        assert (one.rank, one.set_aside, one.score) == (rank, aside, score)
        tied = [i for i, entry in enumerate(entries) if i != place and entry[1] and entry[0] == score]
        assert one.ties_kept == sum(stays[i] for i in tied)
        assert one.ties_removed == sum(not stays[i] for i in tied)


# Real runs


ALLOWED = [
    (criterion.name, granularity)
    for criterion in CRITERIA.values()
    for granularity in ("element", "3x5", "unit")
    if criterion.level == "element" or granularity == "unit"
]


def few_digits(dtype: Any) -> Split:
    """Return 64 digits of each part."""
    return Split(*(Dataset(part.images[:64], part.labels[:64]) for part in digits(dtype)))


def short_run(place: Path, settings: Settings) -> Path:
    """Train for one epoch, prune in rounds without retraining, and write what `refprune run` writes."""
    place.mkdir(parents=True)
    figures = run_seed(settings, 0, lambda _: None, place, place)
    document = {
        "format": "refprune-results",
        "version": 0,
        "seeds": [0],
        "settings": {settings.network: asdict(settings)},
    }
    (place / "results.json").write_text(json.dumps(document | {"networks": {settings.network: over_seeds([figures])}}))
    return place


@pytest.mark.parametrize(("criterion", "granularity"), ALLOWED)
def test_real_runs(criterion: str, granularity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked about: rank and mask agree in every round, and so do the stored networks."""
    monkeypatch.setattr(experiment, "digits", few_digits)
    scope = "global" if len(criterion) % 2 else "local"
    settings = Settings("cnn-8x8", granularity, 0.8, criterion=criterion, scope=scope, rounds=3)
    little = replace(settings, epochs=1, retrain_epochs=0, evidence=32)
    run = finished.read_finished(short_run(tmp_path / "run", little), None, None)
    rng = np.random.default_rng(len(criterion))
    for name, array in run.pruned.params.items():
        for _ in range(3):
            index = tuple(int(rng.integers(length)) for length in array.shape)
            check_entry(run, targets.Entry(name, index))
        check_unit(run, targets.Unit(name.rpartition(".")[0], index[0]))
    lines = removal_lines(run, "conv1.weight")
    assert sum(line.startswith("gone") for line in lines) == 16 * 9 - run_compact(run)["conv1.weight"].size


def run_compact(run: finished.Finished) -> dict[str, Array]:
    return store.load(run.place / "compact")[1]


def removal_lines(run: finished.Finished, name: str) -> list[str]:
    """Return what is said of every entry of an array about physical removal."""
    return [
        removal.about_removal(run, targets.Entry(name, index)).value
        for index in np.ndindex(run.dense.params[name].shape)
    ]


def check_entry(run: finished.Finished, target: targets.Entry) -> None:
    """Require that an entry's explanation agrees with the stored masks."""
    found = reasons.explain(run, target)
    mask = run.pruned.masks.get(target.array)
    assert (found.removed_in_round is None) == (mask is None or bool(mask[target.index]))
    for one in found.rounds:
        assert one["alive"] == (found.removed_in_round is None or one["number"] <= found.removed_in_round)
        if one["alive"]:
            assert one["kept"] == (one["rank"] <= one["stay"])
    assert (found.kind == "unranked") == (
        target.array.endswith(".bias") if not run.by_unit else target.array.startswith("fc2")
    )


def check_unit(run: finished.Finished, target: targets.Unit) -> None:
    """Require that a unit's explanation agrees with the stored masks, or counts them."""
    found = reasons.explain(run, target)
    mask = run.pruned.masks.get(f"{target.layer}.weight", np.ones(1, bool))
    if found.kind == "unit of entries":
        assert found.rounds[-1]["removed"] == np.count_nonzero(~mask[target.number])
        assert found.rounds[-1]["removed"] == sum(one["removed_now"] for one in found.rounds)
    elif found.kind == "unit":
        assert (found.removed_in_round is None) == bool(mask[target.number].all())
    else:
        assert target.layer == "fc2"


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole run by the command line, explained by the command line: the score of round 1 is the dense weight."""
    quick_run(tmp_path, "--network", "lenet-300-100", "--seeds", "1", "--rounds", "1")
    capsys.readouterr()
    params = folder.load_state(tmp_path, "lenet-300-100", 0, "dense").params
    masks = folder.load_state(tmp_path, "lenet-300-100", 0, "pruned").masks
    for index in ((7, 29), (0, 0), (299, 63)):
        found = document_of(capsys, tmp_path, f"fc1.weight[{index[0]},{index[1]}]")
        assert found["rounds"][0]["score"] == abs(float(params["fc1.weight"][index]))
        assert found["rounds"][0]["kept"] == bool(masks["fc1.weight"][index])


def test_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LeNet-5 on 28 x 28: 430,500 weights in 4 rounds within 2 s of processor time."""
    network, shapes = lenet_5()
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    scores = {name: np.abs(array) for name, array in weights(params).items()}
    turns: list[Turn] = []
    for removed in (215_250, 322_875, 376_688, 403_594):
        threshold = np.sort(np.concatenate([array.ravel() for array in scores.values()]))[removed - 1]
        turns.append((removed / 430_500, scores, {name: array > threshold for name, array in scores.items()}))
    sizes = {int(sum((~mask).sum() for mask in kept.values())) for _, _, kept in turns}
    assert sizes == {215_250, 322_875, 376_688, 403_594}
    settings = Settings("lenet-5", "element", 0.9, scope="global", rounds=4)
    write_run(tmp_path, settings, turns, network=network, params=params)
    began = time.process_time()
    assert "of 430,500 where 107,625 stay" in said(capsys, tmp_path, "conv2.weight[3,1,2,0]")
    assert time.process_time() - began < 2


# The numbers of the requirements


def titles() -> dict[str, str]:
    """Return the title of every requirement of the specification."""
    pages = shared_file("docs", "spec").glob("*.md")
    return {name: title for page in pages for name, _, title in HEADING.findall(page.read_text(encoding="utf-8"))}


def test_every_requirement_exists() -> None:
    """Every number that stands in the code that explains, in its sentences too, is one of the specification's."""
    modules = (explain, finished, reasons, removal, standing, targets)
    named = {name for module in modules for name in ID.findall(Path(str(module.__file__)).read_text(encoding="utf-8"))}
    assert len(named) > 25
    assert named <= set(titles())


def test_tables_are_complete() -> None:
    """Every criterion, curve and scope of the command line has the requirement of its name."""
    found = titles()
    assert set(reasons.FORMULAS) == set(CRITERIA)
    assert set(reasons.CURVES) == set(CURVES)
    assert set(reasons.SCOPES) == set(SCOPES)
    assert {found[name].lower() for _, name in reasons.FORMULAS.values()} <= {
        name.replace("_", " ") for name in CRITERIA
    }
    for word, name in (*reasons.CURVES.items(), *reasons.SCOPES.items()):
        assert found[name].lower().split()[0] == word


def test_sentences_name_what_the_facts_name(entries: Path, tmp_path: Path) -> None:
    unit_run(tmp_path / "units", 0.6, [0, 1], [0, 0, 1])
    for place in (entries, tmp_path / "units"):
        run = finished.read_finished(place, None, None)
        for name, array in run.dense.params.items():
            for index in np.ndindex(array.shape):
                for target in (targets.Entry(name, index), targets.Unit(name.rpartition(".")[0], index[0])):
                    found = reasons.explain(run, target)
                    assert set(ID.findall(" ".join(found.answer))) <= set(
                        explain.as_document(run, target, found)["requirements"]
                    )


# What it refuses


def refused(capsys: pytest.CaptureFixture[str], place: Path, *arguments: object) -> str:
    """Return the one sentence of a refusal, which writes nothing and prints nothing else."""
    before = sorted((path, path.stat().st_mtime_ns) for path in place.rglob("*"))
    assert main(["explain", str(place), *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("refprune: ")
    assert captured.err.count("\n") == 1
    assert sorted((path, path.stat().st_mtime_ns) for path in place.rglob("*")) == before
    return captured.err.removeprefix("refprune: ").rstrip()


FORMS = "got text of another form, expected a weight such as fc1.weight[3,17] or a unit such as fc1[3]"
BAD_TARGETS = (
    ("fc1.weight", FORMS), ("fc1.weight[]", FORMS), ("[1]", FORMS), ("", FORMS), ("fc1[1", FORMS), ("fc1[one]", FORMS),
    ("fc1[1.0]", FORMS), ("fc1[+1]", FORMS), (f"fc1[{'9' * 5000}]", FORMS), ("fc1[\u0661]", FORMS),
    ("fc1[1,]", FORMS), ("fc1[1 2]", FORMS),
    ("fc1[1][2]", "got the name 'fc1[1]', expected one of"),
    ("fc3[0]", "got the name 'fc3', expected one of the parameters fc1.weight, fc1.bias, fc2.weight, fc2.bias "
     "or of the layers fc1, fc2"),
    ("relu1[0]", "got the name 'relu1', expected one of the parameters fc1.weight, "),
    ("fc1.weight[3,0]", "got the index 3, expected indices from 0 and below the shape (3, 2) of fc1.weight"),
    ("fc1.weight[0,-1]", "got the index -1, expected indices from 0 and below the shape (3, 2) of fc1.weight"),
    ("fc1.weight[0]", "got 1 index, expected 2, as fc1.weight has the shape (3, 2)"),
    ("fc1.weight[0,0,0]", "got 3 indices, expected 2, as fc1.weight has the shape (3, 2)"),
    ("fc1[3]", "got the index 3, expected indices from 0 and below the shape (3,) of the units of fc1"),
    ("fc1[0,0]", "got 2 indices, expected 1, as the units of fc1 has the shape (3,)"),
    ("fc1.bias[3]", "got the index 3, expected indices from 0 and below the shape (3,) of fc1.bias"),
)  # fmt: skip


@pytest.mark.parametrize(("target", "sentence"), BAD_TARGETS, ids=[target[:20] for target, _ in BAD_TARGETS])
def test_bad_targets(target: str, sentence: str, entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, entries, target).startswith(f"target {target!r}: {sentence}")


def test_networks_and_seeds(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(entries, Settings("other", "element", 0.75, scope="global", rounds=2), ENTRY_ROUNDS)
    assert refused(capsys, entries, "fc1[0]") == "--network: got none, expected one of this run's: tiny, other"
    refusal = refused(capsys, entries, "fc1[0]", "--network", "x")
    assert refusal == "--network: got x, expected one of this run's: tiny, other"
    refusal = refused(capsys, entries, "fc1[0]", "--network", "tiny", "--seed", 7)
    assert refusal == "--seed: got 7, expected one of this run's: 0"
    assert document_of(capsys, entries, "fc1[0]", "--network", "other")["network"] == "other"
    with pytest.raises(SystemExit, match="2"):
        main(["explain", str(entries), "fc1[0]", "--seed", "-1"])
    assert "argument --seed: got '-1', expected an integer >= 0" in capsys.readouterr().err


def test_seeds_differ(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first seed is meant unless another is named."""
    kept = {"fc1.weight": [[0, 0], [1, 1], [0, 1]], "fc2.weight": [[0, 0, 0], [0, 0, 0]]}
    write_run(entries, ENTRIES, [ENTRY_ROUNDS[0], (0.75, ENTRY_ROUNDS[1][1], kept)], seed=1)
    scores = {"fc1.weight": [[5, 1], [3, 3], [3, 9]], "fc2.weight": [[3, 2, 3], [8, 3, 6]]}
    folder.save_round(entries / "networks/tiny/seed-1", 1, as_arrays(scores), masks_of(ENTRY_ROUNDS[0]))
    found = [document_of(capsys, entries, "fc2.weight[1,2]", *more) for more in ((), ("--seed", 0), ("--seed", 1))]
    assert [(one["seed"], one["rounds"][0]["score"]) for one in found] == [(0, 7.0), (0, 7.0), (1, 6.0)]


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path, tmp_path / "nothing", tmp_path / "file"):
        sentence = refused(capsys, place, "fc1[0]")
        assert sentence.startswith(f"{place}: got results.json: ")
        assert sentence.endswith("expected the folder of a finished run")


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Return what edits results.json."""

    def edit(place: Path) -> None:
        document = json.loads((place / "results.json").read_text())
        change(document)
        (place / "results.json").write_text(json.dumps(document))

    return edit


def overwritten(number: int, scores: Mapping[str, Any], kept: Mapping[str, Any]) -> Callable[[Path], object]:
    """Return what writes other scores and masks of a round."""
    return lambda place: folder.save_round(place / OWN, number, as_arrays(scores), masks_of((0, {}, kept)))


def damaged(name: str) -> Callable[[Path], object]:
    """Return what cuts off the end of a file."""

    def damage(place: Path) -> None:
        path = next((place / OWN).glob(name))
        path.write_bytes(path.read_bytes()[:-3])

    return damage


SCORES, KEPT = ENTRY_ROUNDS[0][1:]
OTHER = {"fc1.weight": [[1, 0], [1, 0], [1, 1]], "fc2.weight": KEPT["fc2.weight"]}
"""The third of equal scores in place of the second."""
LOWER = {"fc1.weight": [[0, 1], [1, 1], [0, 1]], "fc2.weight": KEPT["fc2.weight"]}
"""The lowest in place of the fourth."""
MORE = {"fc1.weight": [[1, 1], [1, 1], [0, 1]], "fc2.weight": KEPT["fc2.weight"]}
TWICE = {"fc1.weight": [[1, 1], [0, 1], [0, 1]], "fc2.weight": KEPT["fc2.weight"]}
"""What these scores give; round 2 keeps one that goes here."""
TWICE_SCORES = {**SCORES, "fc1.weight": [[5, 4], [1, 3], [3, 9]]}
NAN_SCORES = {**SCORES, "fc1.weight": [[5, 1], [3, np.nan], [3, 9]]}
FLAT = {"fc1.weight": [1], "fc2.weight": [1]}


def settings(**changes: object) -> Callable[[Path], object]:
    """Return what changes the settings in results.json."""
    return edited(lambda document: document["settings"]["tiny"].update(changes))


def asked(sparsity: object) -> Callable[[Path], object]:
    """Return what changes the sparsity of round 1 in results.json."""
    return edited(lambda document: document["networks"]["tiny"]["rounds"][0].update(sparsity={"seeds": [sparsity]}))


def written(content: bytes) -> Callable[[Path], object]:
    """Return what writes results.json."""
    return lambda place: (place / "results.json").write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no JSON": (written(b"{"), "results.json: got text that is not JSON"),
    "no text": (written(b"\xff\xfe{}"), "results.json: got text that is not JSON"),
    "a list": (written(b"[]"), "results.json: got [], expected format"),
    "another version": (edited(lambda all_: all_.update(version=1)), "expected format refprune-results, version 0"),
    "no settings": (edited(lambda all_: all_.pop("settings")), "results.json: got KeyError: 'settings'"),
    "no networks": (edited(lambda all_: all_.update(networks={})), "results.json: got ValueError: networks [] and"),
    "no seeds": (
        edited(lambda all_: all_.update(seeds=[])),
        "results.json: got ValueError: networks ['tiny'] and seeds []",
    ),
    "networks of another kind": (edited(lambda all_: all_.update(networks=3)), "results.json: got TypeError"),
    "another criterion": (settings(criterion="x"), "results.json: got KeyError: 'x'"),
    "another granularity": (settings(granularity="4by4"), "results.json: got ValueError"),
    "another schedule": (settings(schedule="x"), "results.json: got ValueError"),
    "a setting too many": (settings(more=1), "results.json: got TypeError"),
    "other rounds": (settings(rounds=3), "got ValueError: 2 rounds, and settings of 3"),
    "a word for a sparsity": (asked("x"), "results.json: got ValueError"),
    "a sparsity above 1": (asked(1.5), "sparsity: got 1.5, expected a number in [0, 1]"),
    "another sparsity": (asked(0.4), "rounds/1, pool 'global': got 6 removed, expected 5 at 0.4 (SEL-01, SEL-11)"),
    "no networks folder": (lambda place: shutil.rmtree(place / "networks"), "rounds/1: got the files []"),
    "no round": (lambda place: next(place.glob(f"{OWN}/rounds/2.*")).unlink(), "rounds/2: got the files []"),
    "half a round": (damaged("rounds/1.*"), "rounds/1."),
    "half a network": (damaged("pruned/params.*"), "seed-0/pruned/params."),
    "half a record": (damaged("dense/network.json"), "seed-0/dense/network.json, network: got "),
    "other names": (overwritten(1, {"x": [1]}, {"x": [1]}), "rounds/1: got scores of [('x', (1,))] and masks of ['x']"),
    "no masks": (overwritten(1, SCORES, {}), "and masks of []"),
    "masks of another shape": (overwritten(1, SCORES, FLAT), "mask of 'fc1.weight': got shape (1,)"),
    "NaN": (overwritten(1, NAN_SCORES, KEPT), "rounds/1, pool 'global': got NaN as the score of an alive entry"),
    "other masks": (overwritten(2, ENTRY_ROUNDS[1][1], KEPT), "pruned: got masks other than those of the last round"),
    "what comes back": (
        overwritten(1, TWICE_SCORES, TWICE),
        "rounds/2, pool 'global': got entries kept that an earlier",
    ),
    "one more kept": (overwritten(1, SCORES, MORE), "got 5 removed, expected 6 at 0.5 (SEL-01, SEL-11)"),
    "a lower one kept": (
        overwritten(1, SCORES, LOWER),
        "got the score 5.0 removed and 1.0 kept, so the stored masks do not follow from the stored scores",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_folders(damage: str, entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, sentence = DAMAGE[damage]
    change(entries)
    assert sentence in refused(capsys, entries, "fc1.weight[2,1]")


def test_masks_that_break_ties_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The third of equal scores is kept in place of the second: both are found out, in one sentence."""
    turn = (0.5, SCORES, OTHER)
    write_run(tmp_path, Settings("tiny", "element", 0.5, scope="global", rounds=1), [turn])
    does_not = "so the stored masks do not follow from the stored scores, expected the ranks up to 6 kept and no other"
    for target, rank in (("fc1.weight[2,0]", "7 kept"), ("fc1.weight[1,1]", "6 removed")):
        assert f"rounds/1, pool 'global': got rank {rank}, {does_not} (SEL-04)" in refused(capsys, tmp_path, target)


def test_networks_of_two_runs(entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters of another run beside these scores are refused."""
    unit_run(tmp_path / "units", 0.6, [0, 1], [0, 0, 1])
    own, other = (place / OWN for place in (entries, tmp_path / "units"))
    shutil.rmtree(own / "pruned")
    shutil.copytree(other / "pruned", own / "pruned")
    assert "pruned: got [('a.weight', (2, 1))" in refused(capsys, entries, "fc1[0]")
    shutil.rmtree(own / "pruned")
    shutil.copytree(own / "dense", own / "pruned")
    assert "pruned: got masks other than" in refused(capsys, entries, "fc1[0]")


def test_compact_of_another_run(entries: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = entries / OWN
    shutil.rmtree(own / "compact")
    shutil.copytree(own / "dense", own / "compact")
    assert "compact: got another network, expected that of pruned after physical removal" in refused(
        capsys, entries, "fc1[0]"
    )


@pytest.fixture(scope="module")
def with_shortcuts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of a network whose units are outputs of several layers."""
    folder = tmp_path_factory.mktemp("shortcuts") / "run"
    quick_run(folder, "--network", "resnet-8", "--granularity", "unit", "--sparsity", 0.5, "--seeds", 1, "--rounds", 1)
    return folder


def test_unit_of_several_layers(with_shortcuts: Path) -> None:
    """Whichever of its outputs is asked about: the same score and rank, and all of them are named."""
    run = finished.read_finished(with_shortcuts, None, None)
    gone = int(np.flatnonzero(~run.unit_masks["block2_conv2"])[0])
    both = f"block2_conv2[{gone}], block2_shortcut[{gone}]"
    said = [reasons.explain(run, targets.Unit(layer, gone)) for layer in ("block2_conv2", "block2_shortcut")]
    for one in said:
        assert one.removed_in_round == 1
        together = f"{both}, unit {gone} of group block2_conv2"
        assert [fact.value for fact in one.facts if fact.what == "together"] == [together]
    assert said[0].rounds == said[1].rounds
    for parameter in ("gamma", "beta"):
        one = reasons.explain(run, targets.Entry(f"block2_shortcut_bn.{parameter}", (gone,)))
        assert f"with unit {gone} of group block2_conv2" in one.answer[0]
        assert both in [fact.value for fact in one.facts if fact.what == "together"]
    alone = reasons.explain(run, targets.Unit("block2_conv1", 0))
    assert all(fact.what != "together" for fact in alone.facts)


def test_running_statistics(with_shortcuts: Path) -> None:
    """They have no score and no mask, and go with their unit all the same."""
    run = finished.read_finished(with_shortcuts, None, None)
    for number, kept in enumerate(run.unit_masks["block2_conv2"]):
        one = reasons.explain(run, targets.Entry("block2_shortcut_bn.running_var", (number,)))
        assert "was never ranked: running statistics have no score and no mask [ARR-05]." in one.answer[0]
        gone = f"gone with unit {number} of group block2_conv2, which it is of (removed in round 1)"
        assert one.facts[-1].value == ("still in its array: its unit stays" if kept else gone)
        assert (len(one.answer) == 2) is not kept


def test_name_of_no_parameter(with_shortcuts: Path) -> None:
    """Of a large network only what is near is named: the arrays of a normalisation, the layers."""
    params = finished.read_finished(with_shortcuts, None, None).dense.params
    with pytest.raises(InvalidInput, match=r"expected one of the parameters conv1_bn\.gamma, .*running_var or of the"):
        targets.read_target("conv1_bn[3]", params)
    names = "conv1.weight, conv1_bn.gamma, conv1_bn.beta, conv1_bn.running_mean, conv1_bn.running_var, fc.bias"
    with pytest.raises(InvalidInput, match=rf"expected a parameter such as {names} or one of the layers conv1, "):
        targets.read_target("block1_add[3]", params)
