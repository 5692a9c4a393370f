"""The figures of a run as tables in Markdown, for a page that is kept under version control.

In: results.json. Out: text: means over the seeds, with the worst seed where it differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refprune.lab.report.page import ROWS, plain, published
from refprune.lab.report.wording import cost_sentence, counted, kind, time_sentences

Figures = Mapping[str, Any]


def markdown(document: Mapping[str, Any]) -> str:
    """Return the page."""
    networks, seeds = document["networks"], document["seeds"]
    lines = [
        f"# {' and '.join(networks)} on {' and '.join(_data(document))}",
        "",
        "Written by `refprune report FOLDER --markdown FILE` from the folder of a `refprune run` with the settings "
        f"below. {counted(len(seeds), 'seed')}; means, and in brackets the worst seed where it differs.",
        "",
        published(document),
    ]
    for name, figures in networks.items():
        lines += ["", f"## {name}", "", *_network(figures, document["settings"][name])]
    machine = ", ".join(f"{key} {plain(value)}" for key, value in document["environment"].items())
    return "\n".join([*lines, "", f"Measured with {machine}; {document['seconds']:.0f} s for the whole run.", ""])


def _data(document: Mapping[str, Any]) -> list[str]:
    return sorted({settings["data"] for settings in document["settings"].values()})


def _network(figures: Figures, settings: Mapping[str, Any]) -> list[str]:
    """Return what is said of one network."""
    dense = figures["dense"]
    states = {"masked": figures["pruned"], "compacted": figures["compact"]}
    sentences = [f"{cost_sentence(state, own, dense)} {time_sentences(own, dense)}" for state, own in states.items()]
    rounds = {f"round {place}": turn for place, turn in enumerate(figures["rounds"], 1)}
    return [
        ", ".join(f"{key} {value}" for key, value in settings.items() if key != "network") + ".",
        "",
        *_table({words: figures[key] for key, words in ROWS.items()}),
        "",
        *sentences,
        "",
        *_table(rounds, sparsity="sparsity asked for"),
        "",
        *_table(figures["layers"]),
    ]


def _table(columns: Mapping[str, Figures], **renamed: str) -> list[str]:
    """Return a table with a column for each of `columns`, and a row for each figure that any of them has."""
    names = dict.fromkeys(name for figures in columns.values() for name in figures)
    rows = [
        _row([renamed.get(name, kind(name).words), *(_cell(name, own.get(name)) for own in columns.values())])
        for name in names
    ]
    return [_row(["", *columns]), _row(["---", *("---:" for _ in columns)]), *rows]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _cell(name: str, value: Mapping[str, Any] | None) -> str:
    """Return the mean, and the worst seed where it is written otherwise."""
    if value is None:
        return ""
    mean, worst = kind(name).write(value["mean"]), kind(name).write(_worst(name, value["seeds"]))
    return (mean if worst == mean else f"{mean} ({worst})").replace("\u00a0", " ")


def _worst(name: str, seeds: Sequence[float]) -> float:
    return kind(name).worst(seeds)
