"""What stands on the page, from the title to the machine.

In: results.json and the networks of a finished run. Out: the text of the page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from refprune.lab.finished import read_finished
from refprune.lab.folder import RESULTS
from refprune.lab.report.markup import Markup, joined, tag
from refprune.lab.report.one_network import STATES, Subject, anchor, one_network
from refprune.lab.report.wording import counted, kind

TEMPLATE = Path(__file__).with_name("page.template.html")
ROWS = {
    "dense": "dense",
    "pruned_before_retraining": "masked, before retraining",
    "pruned": "masked, after retraining",
    "compact": "compacted",
}
"""Key in results.json -> what the page calls it."""


def page(folder: Path, document: Mapping[str, Any]) -> str:
    """Return the page of a run, given its folder and what results.json holds."""
    subjects = [_subject(folder, document, name) for name in document["networks"]]
    names = " and ".join(subject.name for subject in subjects)
    main = tag("main", *map(one_network, subjects), _all_figures(subjects), _about(document))
    parts = (_header(document, subjects), main, _footer(document))
    title = joined(["refprune: ", names])
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(title=title, body="\n".join(parts))


def _subject(folder: Path, document: Mapping[str, Any], name: str) -> Subject:
    seeds = document["seeds"]
    return Subject(name, document["networks"][name], seeds, read_finished(folder, name, seeds[0]))


def _header(document: Mapping[str, Any], subjects: Sequence[Subject]) -> Markup:
    seeds, data = document["seeds"], sorted({subject.shown.settings.data for subject in subjects})
    which = "figures are means of the seeds, pictures of weights are" if len(seeds) > 1 else "everything here is"
    lead = (
        f"{counted(len(subjects), 'network')} on {' and '.join(data)}, {counted(len(seeds), 'seed')}: {which} of "
        f"seed\u00a0{seeds[0]}. Accuracy is that on the test part, by which no choice was made."
    )
    if not all(document["published_data"].values()):
        lead += f" {published(document)}"
    links = [(f"#{anchor(subject)}", subject.name) for subject in subjects]
    links += [("#figures", "All figures"), ("#about", "Settings, data, machine")]
    return tag(
        "header",
        tag("h1", "What pruning left"),
        tag("p", lead, class_="lead"),
        tag("dl", *(_state(name, words) for name, (_, words) in STATES.items()), class_="states"),
        tag("nav", tag("ul", *(tag("li", tag("a", words, href=where)) for where, words in links))),
    )


def _state(name: str, words: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", words), class_=name)


def _all_figures(subjects: Sequence[Subject]) -> Markup:
    parts = [part for subject in subjects for part in (tag("h3", subject.name), *_tables(subject))]
    lead = "The worst seed is the one of lowest accuracy or sparsity; of any other figure, the one where it is largest."
    leads = [tag("p", lead, class_="lead")] if len(subjects[0].seeds) > 1 else []
    return tag("section", tag("h2", "All figures"), *leads, *parts, id="figures")


def _tables(subject: Subject) -> list[Markup]:
    figures, seeds = subject.figures, subject.seeds
    rounds = {f"round {place}": turn for place, turn in enumerate(figures["rounds"], 1)}
    return [
        _figure_table("Networks", {words: figures[key] for key, words in ROWS.items()}, seeds),
        _figure_table("Rounds", rounds, seeds, sparsity="sparsity asked for"),
        _figure_table("Layers", figures["layers"], seeds),
    ]


def _figure_table(
    caption: str, groups: Mapping[str, Mapping[str, Any]], seeds: Sequence[int], **renamed: str
) -> Markup:
    """Return a table with a group of rows for each of `groups`; columns are mean, worst and every seed, or the one."""
    heads = ["figure", *(["mean", "worst"] if len(seeds) > 1 else []), *(f"seed {seed}" for seed in seeds)]
    head = tag("thead", tag("tr", *(tag("th", words, scope="col") for words in heads)))
    bodies = []
    for words, figures in groups.items():
        title = tag("tr", tag("th", words, scope="rowgroup", colspan=len(heads)))
        rows = (_figure_row(renamed.get(name, kind(name).words), name, value) for name, value in figures.items())
        bodies.append(tag("tbody", title, *rows))
    return _scrolling(caption, tag("table", tag("caption", caption), head, *bodies))


def _figure_row(words: str, name: str, value: Mapping[str, Any]) -> Markup:
    figure = kind(name)
    several = [value["mean"], figure.worst(value["seeds"])] if len(value["seeds"]) > 1 else []
    numbers = [*several, *value["seeds"]]
    cells = (tag("td", tag("data", figure.write(one), value=repr(one))) for one in numbers)
    return tag("tr", tag("th", words, scope="row"), *cells)


def _scrolling(name: str, table: Markup) -> Markup:
    """Return a table in a box of its own, which scrolls where the screen is narrow, also by keyboard."""
    return tag("div", table, class_="table", role="region", aria_label=name, tabindex=0)


def _about(document: Mapping[str, Any]) -> Markup:
    settings = document["settings"]
    keys = list(dict.fromkeys(key for own in settings.values() for key in own))
    rows = {key: [own.get(key) for own in settings.values()] for key in keys}
    machine = {key: [plain(value)] for key, value in document["environment"].items()}
    machine["seconds for the whole run"] = [f"{document['seconds']:.1f}"]
    parts = (
        tag("h2", "Settings, data, machine"),
        _text_table("Settings", ["setting", *settings], rows),
        tag("h3", "Data"),
        tag("p", published(document)),
        _text_table("Environment", ["what", "value"], machine),
    )
    return tag("section", *parts, id="about")


def plain(value: object) -> str:
    """Return one entry of the environment as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {'not set' if one is None else one}" for key, one in value.items())
    return str(value)


def published(document: Mapping[str, Any]) -> str:
    """Say which of the files that were read are the published ones."""
    files = document["published_data"]
    sources = {own["data"] for own in document["settings"].values()}
    if sources == {"digits"}:
        return "The digits that refprune ships; their sha256 was checked when they were read."
    if sources == {"cifar10"}:
        return "Files in the format of CIFAR-10; whether they are the published ones was not checked."
    same, other = ([name for name, is_so in files.items() if is_so is wanted] for wanted in (True, False))
    said = f"Published files of MNIST, by their sha256: {', '.join(same) or 'none'}."
    return f"{said} Other files in the same format: {', '.join(other)}." if other else said


def _text_table(caption: str, heads: Sequence[str], rows: Mapping[str, Sequence[object]]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", words, scope="col") for words in heads)))
    body = tag("tbody", *(_text_row(name, values) for name, values in rows.items()))
    return _scrolling(caption, tag("table", tag("caption", caption), head, body, class_="text"))


def _text_row(name: str, values: Sequence[object]) -> Markup:
    return tag("tr", tag("th", name, scope="row"), *(tag("td", str(value)) for value in values))


def _footer(document: Mapping[str, Any]) -> Markup:
    said = (
        "From ",
        tag("code", RESULTS),
        f" of refprune {document['environment']['refprune']} and the networks beside it; ",
        tag("code", "refprune report ."),
        " in this folder writes this page again.",
    )
    return tag("footer", tag("p", *said))
