"""What the page says of one network: its figures in words and in pictures, and what it costs.

In: a Subject. Out: markup.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from refprune.arrays import Array, is_weight, weights
from refprune.lab import store
from refprune.lab.explain.targets import outputs_of
from refprune.lab.finished import Finished
from refprune.lab.report.markup import Markup, tag
from refprune.lab.report.wording import (
    cost_sentence,
    counted,
    difference_sentence,
    milliseconds,
    number,
    percent,
    ratios,
    size,
    time_sentences,
)
from refprune.lab.timing import BATCH, REPEATS
from refprune.network import Input, layers
from refprune.shapes import infer_shapes
from refprune.surgery import compact, compact_network

if TYPE_CHECKING:
    from refprune.lab.report.pictures import Picture, Spread

STATES = {
    "dense": ("dense", "trained, not yet pruned"),
    "masked": ("pruned", "pruned and retrained; a removed weight is a zero in an array of the old size"),
    "compacted": ("compact", "the masked network after physical removal of units: smaller arrays"),
}
"""What a state is called on the page -> its name in the folder and in results.json, and what it is."""


EVEN = 4
"""Channels that the fast convolutions of onnxruntime take at a time: with 19 or 59 it takes four times as long."""


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


def anchor(subject: Subject) -> str:
    """Return the name of the network's place on the page."""
    return f"network-{subject.name}"


def one_network(subject: Subject) -> Markup:
    """Return all that is said of one network."""
    return tag(
        "section",
        tag("h2", subject.name),
        tag("p", _how(subject), class_="lead"),
        _tiles(subject),
        *_about_units(subject),
        tag("h3", "Every width before and after"),
        tag("div", *_widths(subject), class_="charts"),
        tag("h3", "Accuracy, and where the weights went"),
        tag("div", _accuracy(subject), _kept(subject), class_="charts"),
        tag("h3", "Weights before and after"),
        tag("div", _histograms(subject), _first_layer(subject), class_="charts"),
        tag("h3", "What a mask saves, and what removal saves"),
        *(tag("p", sentence) for sentence in _cost_sentences(subject)),
        tag("div", _costs(subject), _sizes(subject), class_="charts"),
        tag("h3", "Ask about one weight"),
        *_explain(subject),
        id=anchor(subject),
    )


def _how(subject: Subject) -> str:
    settings = subject.shown.settings
    rounds = f"in {counted(settings.rounds, 'round')} ({settings.schedule} schedule)"
    competing = {"local": "each layer by itself", "global": "all layers in one pool"}[settings.scope]
    return (
        f"Pruned by {settings.granularity} to a sparsity of {settings.sparsity} {rounds}; criterion "
        f"{settings.criterion}, {competing} (scope {settings.scope})."
    )


def _tiles(subject: Subject) -> Markup:
    """Return the headline: big figures of the network after pruning, each with what it was before."""
    dense, masked, compacted = (subject.figures[where] for where, _ in STATES.values())
    accuracy = f"dense {percent(dense['accuracy']['mean'], 2)}{_worst(compacted['accuracy'])}"
    layers = subject.figures["layers"].values()
    entries, all_entries = (sum(layer[key]["mean"] for layer in layers) for key in ("entries_kept", "entries"))
    kept = f"{number(entries)} of {number(all_entries)} weights kept"
    return tag(
        "dl",
        _tile("accuracy", percent(compacted["accuracy"]["mean"], 2), accuracy),
        _tile("weights removed by the mask", percent(masked["sparsity"]["mean"]), kept),
        _tile("parameters after removal", *_shrunk(compacted["parameters"], dense["parameters"])),
        _tile("MACs after removal", *_shrunk(compacted["macs"], dense["macs"])),
        class_="tiles",
    )


def _about_units(subject: Subject) -> tuple[Markup, ...]:
    """Say, of a network that was pruned by unit, why none of its fractions is the sparsity that was asked for."""
    if not subject.shown.by_unit:
        return ()
    said = (
        f"A sparsity of {subject.shown.settings.sparsity} is of the units, not of the weights. The mask covers the "
        "weights that make a removed unit; removal also takes those that read it, and the last layer keeps all units."
    )
    return (tag("p", said, class_="lead"),)


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


def _widths(subject: Subject) -> list[Markup]:
    from refprune.lab.report.drawing import drawing

    shown = subject.shown
    small = compact(shown.pruned.params, shown.groups, shown.unit_masks).arrays
    after = infer_shapes(compact_network(shown.pruned.network, shown.groups, shown.unit_masks), small)
    pictures = drawing(shown.dense.network, infer_shapes(shown.dense.network, shown.dense.params), after)
    caption = (
        "Channels or features that come out of each box, dense and after physical removal; the bar is the part that is "
        f"left. Seed\u00a0{subject.seeds[0]}.{_tied(subject)}"
    )
    parts = [
        f", part {number} of {len(pictures)}" if len(pictures) > 1 else "" for number in range(1, len(pictures) + 1)
    ]
    return [_figure(f"The network{part}", picture, caption) for part, picture in zip(parts, pictures, strict=True)]


def _tied(subject: Subject) -> str:
    """Say which layers have units in common, which go together or not at all."""
    tied = dict.fromkeys(
        tuple(dict.fromkeys(unit.layer for unit in outputs_of(group, number)))
        for group in subject.shown.groups
        for number in range(group.size)
    )
    sets = [" + ".join(layers) for layers in tied if len(layers) > 1]
    return f" Units of these go together: {'; '.join(sets)}." if sets else ""


def _accuracy(subject: Subject) -> Markup:
    from refprune.lab.report.pictures import Curve, Spread, accuracy_by_sparsity

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
    caption = (
        f"The dense network, then one point for each of {counted(len(rounds), 'round')}, at the sparsity that the "
        f"weights have reached. The compacted network stands at the sparsity of the mask it was made from.{spread}"
    )
    return _figure("Accuracy against sparsity", picture, caption)


def _kept(subject: Subject) -> Markup:
    from refprune.lab.report.pictures import kept_by_layer

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
        "A unit is one output of a fully connected layer or one channel of a convolution. The last layer keeps all of "
        f"its own.{_constant(subject)}"
    )
    return _figure("Kept in every layer", picture, caption)


def _constant(subject: Subject) -> str:
    """Say how many units are left without a weight of their own: their output is always the same, and still read."""
    shown = subject.shown
    masks = compact(shown.pruned.masks, shown.groups, shown.unit_masks).arrays
    own = [mask.reshape(len(mask), -1).any(axis=1) for name, mask in masks.items() if is_weight(name)]
    alone = sum(int(np.count_nonzero(~any_kept)) for any_kept in own)
    have = "has" if alone == 1 else "have"
    said = (
        f" Of the units left in seed\u00a0{subject.seeds[0]}, {number(alone)} {have} no weights: what comes out is "
        "always the same, but something reads it."
    )
    return said if alone else ""


def _histograms(subject: Subject) -> Markup:
    from refprune.lab.report.pictures import weights_before_and_after

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
    from refprune.lab.report.pictures import kernels

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
    from refprune.lab.report.pictures import connections

    mask = _mask(subject, name)
    height, width = next(node.shape[-2:] for node in subject.shown.dense.network if isinstance(node, Input))
    before, after = (kept.sum(axis=0).reshape(-1, height, width).sum(axis=0) for kept in (np.ones_like(mask), mask))
    text = (
        f"Two pictures of the image's pixels: {number(before.sum())} connections before pruning, {number(after.sum())} "
        f"after it, from {after.min()} to {after.max()} at one pixel."
    )
    picture = connections(before, after, text)
    caption = (
        f"How many of the {counted(len(mask), 'unit')} of {name.removesuffix('.weight')} still read each pixel of the "
        f"image, in a scale of its own before and after. Seed\u00a0{subject.seeds[0]}."
    )
    return _figure("Input connections", picture, caption)


def _cost_sentences(subject: Subject) -> list[str]:
    """Return what the figures say about cost; nothing here is known beforehand."""
    dense, masked, compacted = (subject.figures[where] for where, _ in STATES.values())
    could = ratios(masked["macs_nonzero"], dense["macs"])[0]
    mask_file = size(store.size_of(subject.shown.place / STATES["masked"][0] / store.MASKS))
    return [
        f"{cost_sentence('masked', masked, dense)} {time_sentences(masked, dense)} "
        f"The mask itself is another {mask_file} on disk.",
        f"{cost_sentence('compacted', compacted, dense)} {time_sentences(compacted, dense)} "
        f"{difference_sentence(compacted['max_abs_difference'])}",
        *_uneven_sentences(subject),
        f"Code that skips every removed weight would need {could:.2f} times the MACs of the dense network; the dense "
        "kernels that were timed here multiply the zeros too.",
    ]


def _uneven_sentences(subject: Subject) -> list[str]:
    """Say, where onnxruntime took longer for the compacted network, which of its convolutions may be why."""
    figure = "seconds_per_batch_onnxruntime"
    dense, compacted = subject.figures["dense"], subject.figures["compact"]
    if figure not in compacted or ratios(compacted[figure], dense[figure])[0] <= 1:
        return []
    small = compact(subject.shown.pruned.params, subject.shown.groups, subject.shown.unit_masks).arrays
    widths = {name: len(array) for name, array in weights(small).items() if array.ndim == 4}
    uneven = [f"{name.removesuffix('.weight')} {width}" for name, width in widths.items() if width % EVEN]
    if not uneven:
        return []
    return [
        f"Onnxruntime computes convolutions of other than a multiple of {EVEN} channels in a slower way, and removal "
        f"has left {', '.join(uneven)}."
    ]


def _spreads(subject: Subject, figure: str, *, relative: bool) -> dict[str, "Spread"]:
    """Return a figure of every state, where asked for in times the dense network's."""
    from refprune.lab.report.pictures import Spread

    states = {state: subject.figures[where][figure] for state, (where, _) in STATES.items()}
    if relative:
        return {state: Spread(*ratios(value, states["dense"])) for state, value in states.items()}
    return {state: Spread(value["mean"], value["seeds"]) for state, value in states.items()}


def _costs(subject: Subject) -> Markup:
    from refprune.lab.report.pictures import costs

    names = {
        "MACs": "macs",
        "bytes of\nthe file": "bytes_file",
        "seconds\nper batch": "seconds_per_batch",
        "the same in\nonnxruntime": "seconds_per_batch_onnxruntime",
    }
    there = {words: name for words, name in names.items() if name in subject.figures["dense"]}
    groups = {words: _spreads(subject, name, relative=True) for words, name in there.items()}
    said = (
        f"{' '.join(words.split())}: masked {states['masked'].mean:.2f}, compacted {states['compacted'].mean:.2f}"
        for words, states in groups.items()
    )
    picture = costs(groups, f"Bar chart, dense = 1. {'; '.join(said)}.")
    figures = subject.figures["dense"]
    dense = milliseconds(figures["seconds_per_batch"]["mean"])
    if "seconds_per_batch_onnxruntime" in figures:
        dense += f", in onnxruntime {milliseconds(figures['seconds_per_batch_onnxruntime']['mean'])}"
    caption = (
        f"Seconds are measured: the median of {REPEATS} forward passes of {BATCH} examples on one thread, the three "
        f"networks in turn; dense took {dense}.{_unrest(subject)}{' Dots are seeds.' if len(subject.seeds) > 1 else ''}"
    )
    return _figure("Cost, in times the dense network", picture, caption)


def _unrest(subject: Subject) -> str:
    """Say how far apart the measurements behind a median lie; nothing of a run that did not keep that."""
    shares = [
        spread / seconds
        for state in (subject.figures[where] for where, _ in STATES.values())
        for name in ("seconds_per_batch", "seconds_per_batch_onnxruntime")
        if {name, f"{name}_spread"} <= set(state)
        for spread, seconds in zip(state[f"{name}_spread"]["seeds"], state[name]["seeds"], strict=True)
    ]
    if not shares:
        return ""
    return (
        f" From quartile to quartile the passes of a network differ by up to {percent(max(shares), 0)} of their median."
    )


def _sizes(subject: Subject) -> Markup:
    from refprune.lab.report.pictures import sizes

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
