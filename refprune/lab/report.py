"""`refprune report`: the figures of a run as one page that needs nothing but itself.

In: the folder of a run. Out: its report.html. What the charts look like: pictures.py; how figures are written and
what is said of them: wording.py; the frame and the look of the page: report.template.html.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from refprune.arrays import Array, is_weight, weights
from refprune.lab import store
from refprune.lab.extras import installed
from refprune.lab.figures import check_figures
from refprune.lab.finished import Finished, read_finished
from refprune.lab.folder import REPORT, RESULTS, open_run
from refprune.lab.markup import Markup, joined, tag
from refprune.lab.results import check_writable, write_text_atomically
from refprune.lab.timing import BATCH, REPEATS
from refprune.lab.wording import (
    cost_sentence,
    counted,
    difference_sentence,
    kind,
    milliseconds,
    number,
    percent,
    ratios,
    size,
    time_sentence,
)
from refprune.network import Input, layers

if TYPE_CHECKING:
    from refprune.lab.pictures import Picture, Spread

TEMPLATE = Path(__file__).with_name("report.template.html")
STATES = {
    "dense": ("dense", "trained, not yet pruned"),
    "masked": ("pruned", "pruned and retrained; a removed weight is a zero in an array of the old size"),
    "compacted": ("compact", "the masked network after physical removal of units: smaller arrays"),
}
"""What a state is called on the page -> its name in the folder and in results.json, and what it is."""
ROWS = {
    "dense": "dense",
    "pruned_before_retraining": "masked, before retraining",
    "pruned": "masked, after retraining",
    "compact": "compacted",
}
"""Key in results.json -> what the page calls it."""


class Subject(NamedTuple):
    """One network of a run.

    Attributes:
        name: of the network.
        figures: its part of results.json.
        seeds: every seed that was run.
        shown: its first seed, for the pictures.
    """

    name: str
    figures: Mapping[str, Any]
    seeds: Sequence[int]
    shown: Finished


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune report`."""
    parser = commands.add_parser(
        "report",
        help="write report.html of a run again",
        description="Write FOLDER/report.html from results.json and the networks of a finished run.",
    )
    parser.set_defaults(work=work)
    parser.add_argument("folder", type=Path, help="the folder of a finished run")


def work(options: argparse.Namespace) -> int:
    """Write the page of a run; without matplotlib say what to install, a failure and no wrong usage."""
    open_run(options.folder)  # a wrong folder is told first
    if not installed("matplotlib"):
        print('refprune: report.html needs matplotlib: python -m pip install "refprune[lab]"', file=sys.stderr)
        return 1
    check_writable(options.folder / REPORT)  # before the charts are drawn
    write_report(options.folder)
    print(f"to look at: {options.folder / REPORT}")
    return 0


def write_report(folder: Path) -> None:
    """Write report.html into the folder of a run: all of it, or what stood there stays.

    Raises:
        InvalidInput: no folder of a run, or one whose files are damaged.
        OSError: the page cannot be written.
    """
    document = open_run(folder)
    check_figures(document)
    write_text_atomically(folder / REPORT, _page(folder, document))


def _page(folder: Path, document: Mapping[str, Any]) -> str:
    subjects = [_subject(folder, document, name) for name in document["networks"]]
    names = " and ".join(subject.name for subject in subjects)
    main = tag("main", *map(_network, subjects), _all_figures(subjects), _about(document))
    parts = (_header(document, subjects), main, _footer(document))
    title = joined(["refprune: ", names])
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(title=title, body="\n".join(parts))


def _subject(folder: Path, document: Mapping[str, Any], name: str) -> Subject:
    seeds = document["seeds"]
    return Subject(name, document["networks"][name], seeds, read_finished(folder, name, seeds[0]))


# Above everything


def _header(document: Mapping[str, Any], subjects: Sequence[Subject]) -> Markup:
    seeds, data = document["seeds"], sorted({subject.shown.settings.data for subject in subjects})
    which = "figures are means of the seeds, pictures of weights are" if len(seeds) > 1 else "everything here is"
    lead = (
        f"{counted(len(subjects), 'network')} on {' and '.join(data)}, {counted(len(seeds), 'seed')}: {which} of "
        f"seed\u00a0{seeds[0]}. Accuracy is that on the test part, by which no choice was made."
    )
    links = [(f"#{_anchor(subject)}", subject.name) for subject in subjects]
    links += [("#figures", "All figures"), ("#about", "Settings, data, machine")]
    return tag(
        "header",
        tag("h1", "What pruning left"),
        tag("p", lead, class_="lead"),
        tag("dl", *(_state(name, words) for name, (_, words) in STATES.items()), class_="states"),
        tag("nav", tag("ul", *(tag("li", tag("a", words, href=where)) for where, words in links))),
    )


def _anchor(subject: Subject) -> str:
    return f"network-{subject.name}"


def _state(name: str, words: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", words), class_=name)


# One network


def _network(subject: Subject) -> Markup:
    """Return all that is said of one network."""
    return tag(
        "section",
        tag("h2", subject.name),
        tag("p", _how(subject), class_="lead"),
        _tiles(subject),
        tag("h3", "Accuracy, and where the weights went"),
        tag("div", _accuracy(subject), _kept(subject), class_="charts"),
        tag("h3", "Weights before and after"),
        tag("div", _histograms(subject), _first_layer(subject), class_="charts"),
        tag("h3", "What a mask saves, and what removal saves"),
        *(tag("p", sentence) for sentence in _cost_sentences(subject)),
        tag("div", _costs(subject), _sizes(subject), class_="charts"),
        tag("h3", "Ask about one weight"),
        *_explain(subject),
        id=_anchor(subject),
    )


def _how(subject: Subject) -> str:
    settings = subject.shown.settings
    rounds = f"in {counted(settings.rounds, 'round')} of the schedule {settings.schedule}"
    return (
        f"Pruned by {settings.granularity} to a sparsity of {settings.sparsity}, {rounds}, by the criterion "
        f"{settings.criterion} in the scope {settings.scope}."
    )


def _tiles(subject: Subject) -> Markup:
    """Return the headline: big figures of the network after pruning, each with what it was before."""
    dense, masked, compacted = (subject.figures[where] for where, _ in STATES.values())
    accuracy = f"dense {percent(dense['accuracy']['mean'], 2)}{_worst(compacted['accuracy'])}"
    kept = f"{number(masked['parameters_kept']['mean'])} of {number(masked['parameters']['mean'])} parameters kept"
    return tag(
        "dl",
        _tile("accuracy", percent(compacted["accuracy"]["mean"], 2), accuracy),
        _tile("weights removed by the mask", percent(masked["sparsity"]["mean"]), kept),
        _tile("parameters after removal", *_shrunk(compacted["parameters"], dense["parameters"])),
        _tile("MACs after removal", *_shrunk(compacted["macs"], dense["macs"])),
        class_="tiles",
    )


def _worst(accuracy: Mapping[str, Any]) -> str:
    return f"; worst seed {percent(min(accuracy['seeds']), 2)}" if len(accuracy["seeds"]) > 1 else ""


def _tile(what: str, after: str, note: str) -> Markup:
    return tag("div", tag("dt", what), tag("dd", tag("span", after, class_="after"), tag("span", note, class_="note")))


def _shrunk(after: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[str, str]:
    times = ratios(after, before)[0]
    return number(round(after["mean"])), f"dense {number(before['mean'])}; {percent(times)} are left"


def _figure(title: str, picture: "Picture", caption: str) -> Markup:
    dark = tag("source", media="screen and (prefers-color-scheme: dark)", srcset=picture.dark)
    image = tag("img", src=picture.light, alt=picture.text)
    return tag("figure", tag("h4", title), tag("picture", dark, image), tag("figcaption", caption))


def _accuracy(subject: Subject) -> Markup:
    from refprune.lab.pictures import Curve, Spread, accuracy_by_sparsity

    dense, compacted, rounds = (subject.figures[key] for key in ("dense", "compact", "rounds"))
    sparsity, before, after = (
        np.array([turn[key]["seeds"] for turn in rounds]).T
        for key in ("sparsity_of_weights", "accuracy_before_retraining", "accuracy")
    )
    started = np.array(dense["accuracy"]["seeds"])[:, np.newaxis]
    whole = Curve(np.hstack([np.zeros_like(started), sparsity]), np.hstack([started, after]))
    text = (
        f"Line chart. Mean accuracy: {percent(dense['accuracy']['mean'], 2)} dense; after the last round, at sparsity "
        f"{percent(sparsity[:, -1].mean())}, {percent(before[:, -1].mean(), 2)} before retraining and "
        f"{percent(after[:, -1].mean(), 2)} after it."
    )
    last = Spread(compacted["accuracy"]["mean"], compacted["accuracy"]["seeds"])
    picture = accuracy_by_sparsity(dense["accuracy"]["mean"], Curve(sparsity, before), whole, last, text)
    spread = "" if len(subject.seeds) == 1 else " Lines are means; bands reach from the worst seed to the best."
    caption = f"One point for each of {counted(len(rounds), 'round')}, where the weights really removed are.{spread}"
    return _figure("Accuracy against sparsity", picture, caption)


def _kept(subject: Subject) -> Markup:
    from refprune.lab.pictures import kept_by_layer

    parts = {
        name: {key: value["mean"] for key, value in one.items()} for name, one in subject.figures["layers"].items()
    }
    entries = {name: (part["entries_kept"], part["entries"]) for name, part in parts.items()}
    units = {name: (part["units_compact"], part["units"]) for name, part in parts.items()}
    said = (
        f"{name}: {number(entries[name][0])} of {number(entries[name][1])} entries, "
        f"{number(units[name][0])} of {number(units[name][1])} units"
        for name in parts
    )
    picture = kept_by_layer(entries, units, f"Bar chart. Kept {'; '.join(said)}.")
    caption = (
        "A unit is one output of a dense layer or one channel of a convolution. The last layer keeps all of its own."
    )
    return _figure("Kept in every layer", picture, caption)


def _histograms(subject: Subject) -> Markup:
    from refprune.lab.pictures import weights_before_and_after

    dense, masked = (weights(stored.params) for stored in (subject.shown.dense, subject.shown.pruned))
    kept = {name: array[_mask(subject, name)] for name, array in masked.items()}
    said = (f"{name}: {number(kept[name].size)} of {number(dense[name].size)} weights kept" for name in dense)
    picture = weights_before_and_after(dense, kept, f"Histograms. {'; '.join(said)}.")
    caption = (
        "Each histogram is in percent of its own weights. The removed weights are zeros: they are counted above their "
        f"layer and not drawn. Seed\u00a0{subject.seeds[0]}."
    )
    return _figure("How the weights are distributed", picture, caption)


def _mask(subject: Subject, name: str) -> Array:
    """Return what is kept of a parameter after pruning."""
    stored = subject.shown.pruned
    return stored.masks.get(name, np.ones(stored.params[name].shape, bool))


def _first_layer(subject: Subject) -> Markup:
    """Show the layer that reads the images: its kernels, or which pixels it is connected to."""
    stored = subject.shown.pruned
    name = f"{layers(stored.network)[0].name}.weight"
    return _kernels(subject, name) if stored.params[name].ndim == 4 else _connections(subject, name)


def _kernels(subject: Subject, name: str) -> Markup:
    from refprune.lab.pictures import kernels

    mask = _mask(subject, name)
    gone = int((~mask.any(axis=(2, 3))).sum())
    text = f"Pictures of the {mask.shape[0] * mask.shape[1]} kernels of {name}; {gone} are crossed out as removed."
    before, after = (stored.params[name] for stored in (subject.shown.dense, subject.shown.pruned))
    picture = kernels(before, after, mask, text)
    caption = (
        f"The kernels of {name}, dense and after pruning and retraining, in the same scale. Grey entries are removed; "
        f"a kernel with none left is crossed out. Seed\u00a0{subject.seeds[0]}."
    )
    return _figure("First-layer filters", picture, caption)


def _connections(subject: Subject, name: str) -> Markup:
    from refprune.lab.pictures import connections

    mask = _mask(subject, name)
    height, width = next(node.shape[-2:] for node in subject.shown.dense.network if isinstance(node, Input))
    before, after = (kept.sum(axis=0).reshape(-1, height, width).sum(axis=0) for kept in (np.ones_like(mask), mask))
    text = (
        f"Two pictures of the image's pixels: {number(before.sum())} connections before pruning, {number(after.sum())} "
        f"after it, from {after.min()} to {after.max()} at one pixel."
    )
    picture = connections(before, after, int(before.max()), text)
    caption = (
        f"How many of the {counted(len(mask), 'unit')} of {name.removesuffix('.weight')} still read each pixel of the "
        f"image. Seed\u00a0{subject.seeds[0]}."
    )
    return _figure("Input connections", picture, caption)


# What it costs


def _cost_sentences(subject: Subject) -> list[str]:
    """Return what the figures say about cost; nothing here is known beforehand."""
    dense, masked, compacted = (subject.figures[where] for where, _ in STATES.values())
    could = ratios(masked["macs_nonzero"], dense["macs"])[0]
    mask_file = size(store.size_of(subject.shown.place / STATES["masked"][0] / store.MASKS))
    return [
        f"{cost_sentence('masked', masked, dense)} "
        f"{time_sentence(masked['seconds_per_batch'], dense['seconds_per_batch'])} "
        f"The mask itself is another {mask_file} on disk.",
        f"{cost_sentence('compacted', compacted, dense)} "
        f"{time_sentence(compacted['seconds_per_batch'], dense['seconds_per_batch'])} "
        f"{difference_sentence(compacted['max_abs_difference'])}",
        f"Code that skips every removed weight would need {could:.2f} times the MACs of the dense network; the dense "
        "kernels that were timed here multiply the zeros too.",
    ]


def _spreads(subject: Subject, figure: str, *, relative: bool) -> dict[str, "Spread"]:
    """Return a figure of every state, where asked for in times the dense network's."""
    from refprune.lab.pictures import Spread

    states = {state: subject.figures[where][figure] for state, (where, _) in STATES.items()}
    if relative:
        return {state: Spread(*ratios(value, states["dense"])) for state, value in states.items()}
    return {state: Spread(value["mean"], value["seeds"]) for state, value in states.items()}


def _costs(subject: Subject) -> Markup:
    from refprune.lab.pictures import costs

    names = {"MACs": "macs", "bytes of\nthe file": "bytes_file", "seconds\nper batch": "seconds_per_batch"}
    groups = {words: _spreads(subject, name, relative=True) for words, name in names.items()}
    said = (
        f"{' '.join(words.split())}: masked {states['masked'].mean:.2f}, compacted {states['compacted'].mean:.2f}"
        for words, states in groups.items()
    )
    picture = costs(groups, f"Bar chart, dense = 1. {'; '.join(said)}.")
    dense = milliseconds(subject.figures["dense"]["seconds_per_batch"]["mean"])
    caption = (
        f"Seconds are measured: the median of {REPEATS} forward passes of {BATCH} examples on one thread, the three "
        f"networks in turn; dense took {dense}.{' Dots are seeds.' if len(subject.seeds) > 1 else ''}"
    )
    return _figure("Cost, in times the dense network", picture, caption)


def _sizes(subject: Subject) -> Markup:
    from refprune.lab.pictures import sizes

    names = {
        "plain arrays\n(formula)": "bytes_dense",
        "bitmask\n(formula)": "bytes_bitmask",
        "sparse rows\n(formula)": "bytes_csr",
        "file\non disk": "bytes_file",
    }
    groups = {words: _spreads(subject, name, relative=False) for words, name in names.items()}
    said = (
        f"{' '.join(words.split())}: {', '.join(f'{state} {size(bar.mean)}' for state, bar in states.items())}"
        for words, states in groups.items()
    )
    picture = sizes(groups, f"Bar chart. {'; '.join(said)}.")
    caption = (
        "Plain arrays hold every entry; a bitmask one bit for each entry and the kept values; compressed sparse rows "
        "(CSR) the kept values, their columns, and where rows begin. The file holds plain arrays and a header."
    )
    return _figure("Bytes by form", picture, caption)


# What more there is


def _explain(subject: Subject) -> tuple[Markup, ...]:
    """Return the command that explains one weight of this run, one that was removed if any was."""
    masks = {name: mask for name, mask in subject.shown.pruned.masks.items() if is_weight(name)}
    removed = [(name, np.argwhere(~mask)[0]) for name, mask in masks.items() if not mask.all()]
    first, array = next(iter(weights(subject.shown.pruned.params).items()))
    name, index = removed[0] if removed else (first, np.zeros(array.ndim, int))
    target = f"{name}[{','.join(map(str, index))}]"
    command = f"refprune explain . '{target}' --network {subject.name} --seed {subject.seeds[0]}"
    fate = f"removed in seed {subject.seeds[0]}" if removed else "kept like every other"
    return (
        tag("p", "The weight ", tag("code", target), f" was {fate}. In the folder of this page, this says why:"),
        tag("pre", tag("code", command)),
    )


def _all_figures(subjects: Sequence[Subject]) -> Markup:
    parts = [part for subject in subjects for part in (tag("h3", subject.name), *_tables(subject))]
    lead = "The worst seed is the one of lowest accuracy or sparsity; of any other figure, the one where it is largest."
    return tag("section", tag("h2", "All figures"), tag("p", lead, class_="lead"), *parts, id="figures")


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
    """Return a table with a group of rows for each of `groups`; columns are mean, worst and every seed."""
    heads = ["figure", "mean", "worst", *(f"seed {seed}" for seed in seeds)]
    head = tag("thead", tag("tr", *(tag("th", words, scope="col") for words in heads)))
    bodies = []
    for words, figures in groups.items():
        title = tag("tr", tag("th", words, scope="rowgroup", colspan=len(heads)))
        rows = (_figure_row(renamed.get(name, kind(name).words), name, value) for name, value in figures.items())
        bodies.append(tag("tbody", title, *rows))
    return _scrolling(caption, tag("table", tag("caption", caption), head, *bodies))


def _figure_row(words: str, name: str, value: Mapping[str, Any]) -> Markup:
    kept = kind(name)
    numbers = [value["mean"], kept.worst(value["seeds"]), *value["seeds"]]
    cells = (tag("td", tag("data", kept.write(one), value=repr(one))) for one in numbers)
    return tag("tr", tag("th", words, scope="row"), *cells)


def _scrolling(name: str, table: Markup) -> Markup:
    """Return a table in a box of its own, which scrolls where the screen is narrow, also by keyboard."""
    return tag("div", table, class_="table", role="region", aria_label=name, tabindex=0)


def _about(document: Mapping[str, Any]) -> Markup:
    settings = document["settings"]
    keys = list(dict.fromkeys(key for own in settings.values() for key in own))
    rows = {key: [own.get(key) for own in settings.values()] for key in keys}
    machine = {key: [_plain(value)] for key, value in document["environment"].items()}
    machine["seconds for the whole run"] = [f"{document['seconds']:.1f}"]
    parts = (
        tag("h2", "Settings, data, machine"),
        _text_table("Settings", ["setting", *settings], rows),
        tag("h3", "Data"),
        tag("p", _published(document)),
        _text_table("Environment", ["what", "value"], machine),
    )
    return tag("section", *parts, id="about")


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {'not set' if one is None else one}" for key, one in value.items())
    return str(value)


def _published(document: Mapping[str, Any]) -> str:
    """Say which of the files that were read are the published ones."""
    files = document["published_data"]
    if all(own["data"] == "digits" for own in document["settings"].values()):
        return "The digits that refprune ships; their sha256 was checked when they were read."
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
