"""The charts of report.html.

In: plain arrays, numbers and names. Out: one `Picture` each: an SVG for light pages and one for dark ones, as data
URIs, with a text for those who do not see it. Nothing is shown, and nothing of matplotlib's is changed for others.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, NamedTuple

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from refprune.arrays import Array

COLOURS = {"dense": "#0072b2", "masked": "#e69f00", "compacted": "#009e73"}
"""The three states, in colours that the colour-blind tell apart (Okabe and Ito)."""
INK, QUIET, LINE, GONE = "#1f2429", "#59636e", "#d3d9df", "#a8b0b8"
"""Text; what explains; grid and frames; what has been removed."""
DARK = {INK: "#e8ecf0", QUIET: "#a5b0bb", LINE: "#414a54", GONE: "#68727d"}
"""The same on a dark page; the colours of the states stay."""
STYLE = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "refprune",  # the same figures give the same bytes
    "text.color": INK,
    "text.parse_math": False,  # names are names, also with a dollar in them
    "xtick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.color": LINE,
    "ytick.labelcolor": QUIET,
}
WIDTH = 4.6
"""Inches: on a telephone the text is still read, on a wide screen two charts stand side by side."""
BINS = 61
"""Bins of a histogram; an odd number, so that zero has one of its own."""
COLUMNS = 8
"""Kernels in a row."""
FEW = 5
"""Layers that are drawn large."""
LONGEST = 20
"""Letters of a layer's name in a chart."""


class Picture(NamedTuple):
    """One chart as two data URIs, and what it shows in words."""

    light: str
    dark: str
    text: str


class Curve(NamedTuple):
    """Accuracy of every seed: both (seeds, points)."""

    sparsity: Array
    accuracy: Array


class Spread(NamedTuple):
    """One bar: its height, and where the seeds are."""

    mean: float
    seeds: Sequence[float]


@contextmanager
def canvas(height: float) -> Iterator[Figure]:
    """Give a figure of the page's style, whatever the user's own settings of matplotlib are."""
    with matplotlib.style.context(["default", STYLE]):
        yield Figure(figsize=(WIDTH, height))


def as_picture(figure: Figure, text: str) -> Picture:
    """Return the figure as SVG, text as outlines: no font is needed to show it."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, dpi=200, metadata={"Date": None})
    light = file.getvalue()
    dark = light
    for colour, instead in DARK.items():
        dark = dark.replace(colour, instead)
    return Picture(_uri(light), _uri(dark), text)


def _uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def accuracy_by_sparsity(dense: float, before: Curve, after: Curve, compacted: Spread, text: str) -> Picture:
    """Draw accuracy against the sparsity of the weights, before and after retraining.

    Args:
        dense: accuracy before pruning, the line to compare with.
        before: of every round.
        after: of every round, and of the dense network at sparsity 0.
        compacted: accuracy after physical removal, drawn where the last round is.
        text: what it shows.
    """
    with canvas(3.6) as figure:
        axes = figure.add_subplot(xlabel="sparsity of the weights", ylabel="accuracy on the test part")
        axes.axhline(dense, color=COLOURS["dense"], linestyle=":", linewidth=1.8, label="dense")
        _spread(axes, before, label="masked, before retraining", linestyle="--", marker="o", markerfacecolor="none")
        _spread(axes, after, label="masked, after retraining", linestyle="-", marker="o")
        place = after.sparsity[:, -1].mean()
        axes.plot(place, compacted.mean, "D", color=COLOURS["compacted"], markersize=8, zorder=1.9, label="compacted")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
        axes.set_xlim(-0.01, max(0.1, float(after.sparsity.max())) * 1.03)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        return as_picture(figure, text)


def _spread(axes: Axes, curve: Curve, **look: Any) -> None:
    """Draw the mean as a line, and from the lowest to the highest seed as a band."""
    place, lowest, highest = curve.sparsity.mean(axis=0), curve.accuracy.min(axis=0), curve.accuracy.max(axis=0)
    axes.fill_between(place, lowest, highest, color=COLOURS["masked"], alpha=0.16, linewidth=0)
    axes.plot(place, curve.accuracy.mean(axis=0), color=COLOURS["masked"], linewidth=1.8, markersize=5, **look)


def weights_before_and_after(dense: Mapping[str, Array], kept: Mapping[str, Array], text: str) -> Picture:
    """Draw the weights of every layer, before pruning, and those that are kept after it.

    Each histogram is in percent of its own weights: a tenth of them would else be a line at the bottom. What the
    mask has removed is zero, and stands in words above the histogram.
    """
    columns = 1 if len(dense) <= FEW else 2
    rows = ceil(len(dense) / columns)
    with canvas(0.6 + 1.55 * rows) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, before) in zip(panels, dense.items(), strict=False):
            _histograms(axes, before, kept[name], 6 // columns)
            end, size = (": ", 10) if columns == 1 else ("\n", 8.5)
            removed = before.size - kept[name].size
            layer = short(name.removesuffix(".weight"))
            axes.set_title(f"{layer}{end}{kept[name].size:,} kept, {removed:,} removed", fontsize=size)
        for axes in panels[len(dense) :]:
            axes.axis("off")
        for axes in panels[max(0, len(dense) - columns) : len(dense)]:
            axes.set_xlabel("value of a weight")  # one for the whole figure would stand where the legend does
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
        figure.supylabel("percent of its weights", fontsize=10, color=QUIET)
        return as_picture(figure, text)


def _histograms(axes: Axes, before: Array, after: Array, ticks: int) -> None:
    reach = max(float(np.abs(array).max(initial=0)) for array in (before, after)) or 1.0
    edges = np.linspace(-reach, reach, BINS + 1)
    dense, kept = (100 * np.histogram(array, edges)[0] / max(1, array.size) for array in (before, after))
    axes.stairs(dense, edges, color=COLOURS["dense"], label="dense", fill=True, alpha=0.55)
    axes.stairs(kept, edges, color=COLOURS["masked"], label="masked, kept weights", linewidth=1.8)
    axes.xaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_locator(MaxNLocator(3))


def kept_by_layer(
    entries: Mapping[str, tuple[float, float]], units: Mapping[str, tuple[float, float]], text: str
) -> Picture:
    """Draw what is kept of every layer: entries under the mask, and units after physical removal; (left, of)."""
    with canvas(0.75 + (0.75 if len(entries) <= FEW else 0.5) * len(entries)) as figure:
        axes = figure.add_subplot(xlim=(0, 1))
        for state, offset, counts in (("masked", -0.2, entries), ("compacted", 0.2, units)):
            places = [place + offset for place in range(len(counts))]
            axes.barh(places, 1, 0.34, color=GONE, alpha=0.3)
            shares = [left / of for left, of in counts.values()]
            axes.barh(places, shares, 0.34, color=COLOURS[state], label=_LAYER_LABELS[state])
            for place, (left, of) in zip(places, counts.values(), strict=True):
                axes.text(1.02, place, f"{_number(left)} of {_number(of)}", va="center", fontsize=8.5)
        axes.set_yticks(range(len(entries)), [short(name.removesuffix(".weight")) for name in entries], color=INK)
        axes.tick_params(axis="y", length=0, pad=7)
        axes.grid(visible=False, axis="y")
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        return as_picture(figure, text)


_LAYER_LABELS = {"masked": "entries kept by the mask", "compacted": "units left by removal"}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def short(name: str) -> str:
    """Return a name that leaves room for the chart."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\u2026"


def kernels(dense: Array, masked: Array, kept: Array, text: str) -> Picture:
    """Draw the kernels of a convolution before and after.

    Args:
        dense: (out, in, kh, kw) weights before pruning.
        masked: the same after pruning and retraining.
        kept: bool, the same shape; a kernel with no entry kept is crossed out.
        text: what it shows.
    """
    before, after, mask = (array.reshape(-1, *array.shape[2:]) for array in (dense, masked, kept))
    rows, (height, width) = ceil(len(before) / COLUMNS), before.shape[1:]
    reach = float(max(np.abs(before).max(), np.abs(after).max())) or 1.0
    scale = ScalarMappable(Normalize(-reach, reach), "RdBu_r")
    side = WIDTH / COLUMNS * 0.95 * height / width
    with canvas(1.3 + 2 * side * rows) as figure:
        panels = figure.subplots(2)
        gone = np.asarray(~mask.any(axis=(1, 2)))
        removed = (
            f"{mask.size - int(mask.sum())} of {mask.size} entries, {int(gone.sum())} of {len(gone)} kernels removed"
        )
        titles = ("dense", f"masked: {removed}")
        for axes, title, array, own in zip(panels, titles, (before, after), (np.ones_like(mask), mask), strict=True):
            axes.imshow(_mosaic(np.asarray(scale.cmap(scale.norm(array))), own), interpolation="nearest")
            axes.set_title(title)
            axes.axis("off")
        for place in np.flatnonzero(gone):
            _cross(panels[1], *divmod(int(place), COLUMNS), (height, width))
        figure.colorbar(scale, ax=panels, location="bottom", label="weight", shrink=0.6, aspect=30)
        return as_picture(figure, text)


def _mosaic(tiles: Array, kept: Array) -> Array:
    """Return tiles (N, h, w, 4) as one picture with gaps that nothing is drawn in; removed entries are grey."""
    count, height, width, _ = tiles.shape
    rows, columns = ceil(count / COLUMNS), min(count, COLUMNS)
    whole = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4))
    for place, tile in enumerate(np.where(kept[..., np.newaxis], tiles, to_rgba(GONE))):
        top, left = place // COLUMNS * (height + 1), place % COLUMNS * (width + 1)
        whole[top : top + height, left : left + width] = tile
    return whole


def _cross(axes: Axes, row: int, column: int, size: tuple[int, ...]) -> None:
    """Cross out a tile."""
    (height, width), top, left = size, row * (size[0] + 1) - 0.5, column * (size[1] + 1) - 0.5
    for ends in ((top, top + height), (top + height, top)):
        axes.plot((left, left + width), ends, color=INK, linewidth=1.2)


def connections(before: Array, after: Array, text: str) -> Picture:
    """Draw how many units of the first layer read each pixel: before and after, both (H, W).

    Each has a scale of its own: before pruning all pixels are alike, and after it a tenth may be left.
    """
    height, width = before.shape
    with canvas(1.1 + WIDTH / 2 * 0.95 * height / width) as figure:
        panels = figure.subplots(1, 2)
        for axes, name, counts in zip(panels, ("dense", "masked"), (before, after), strict=True):
            scale = Normalize(0, max(1, int(counts.max())))
            drawn = axes.imshow(counts, norm=scale, cmap="cividis", interpolation="nearest")
            axes.set_title(f"{name}: {int(counts.sum()):,} connections", fontsize=9.5)
            axes.axis("off")
            if counts.size <= 100:
                _write_counts(axes, counts, 0.55 * float(scale.vmax or 1))
            bar = figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.8, label="units that read a pixel")
            bar.locator = MaxNLocator(4, integer=True)
        return as_picture(figure, text)


def _write_counts(axes: Axes, counts: Array, bright: float) -> None:
    for (row, column), value in np.ndenumerate(counts):
        colour = "black" if value > bright else "white"
        written = axes.text(column, row, str(int(value)), ha="center", va="center", fontsize=7, color=colour)
        written.set_in_layout(False)  # it lies inside; measuring 64 of them takes longer than drawing them


def costs(groups: Mapping[str, Mapping[str, Spread]], text: str) -> Picture:
    """Draw bars of every state, in times what the dense network costs; group -> state -> cost."""
    with canvas(3.5) as figure:
        axes = figure.add_subplot(ylabel="times the dense network")
        axes.axhline(1, color=QUIET, linewidth=1)
        _bars(axes, groups, lambda value: f"{value:.2f}", line=1)
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        return as_picture(figure, text)


def sizes(groups: Mapping[str, Mapping[str, Spread]], text: str) -> Picture:
    """Draw bars of every state, in bytes; group -> state -> bytes."""
    largest = max(bar.mean for states in groups.values() for bar in states.values())
    unit, name = next(pair for pair in ((1e6, "MB"), (1e3, "kB"), (1, "bytes")) if largest >= pair[0])
    scaled = {
        group: {state: Spread(mean / unit, [each / unit for each in seeds]) for state, (mean, seeds) in states.items()}
        for group, states in groups.items()
    }
    with canvas(3.5) as figure:
        axes = figure.add_subplot(ylabel=f"size of the parameters, {name}")
        _bars(axes, scaled, lambda value: f"{value:.2f}" if value < 10 else f"{value:,.0f}")
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        return as_picture(figure, text)


def _bars(axes: Axes, groups: Mapping[str, Mapping[str, Spread]], write: Any, *, line: float = 0.0) -> None:
    """Draw the groups side by side, every bar with its mean above it and a dot for each seed that differs.

    A mean that `line` would strike through stands above that.
    """
    largest = max(max(bar.seeds) for states in groups.values() for bar in states.values())
    for number, (state, colour) in enumerate(COLOURS.items()):
        bars = [states[state] for states in groups.values()]
        places = [group + (number - 1) * 0.29 for group in range(len(bars))]
        axes.bar(places, [bar.mean for bar in bars], 0.26, color=colour, label=state)
        for place, bar in zip(places, bars, strict=True):
            apart = bar.seeds if min(bar.seeds) < max(bar.seeds) else []
            axes.plot([place] * len(apart), apart, "o", color=INK, markersize=2.6, alpha=0.7)
            top = max([bar.mean, *(each for each in apart if each - bar.mean < largest / 10)])  # not above outliers
            top = line if line - largest / 12 < top < line else top
            axes.annotate(write(bar.mean), (place, top), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xticks(range(len(groups)), [*groups], color=INK)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.1)
