"""report.html: it needs nothing but itself, says what results.json says, and is seen whole by a browser."""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from refprune.architectures import ARCHITECTURES
from refprune.coupling import find_groups
from refprune.errors import InvalidInput
from refprune.lab.folder import load_state
from refprune.lab.report import command as report
from refprune.lab.report import one_network, pictures, wording
from refprune.lab.report.drawing import GAP, WIDEST, _kernel, drawing
from refprune.lab.report.markup import Markup, joined, tag
from refprune.lab.report.pictures import WIDTH, Spread, _bars, canvas
from refprune.lab.report.wiring import boxes, place
from refprune.lab.timing import ONNXRUNTIME
from refprune.network import (
    Add,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    Input,
    Network,
    Relu,
    Sigmoid,
    Split,
    build,
)
from refprune.shapes import infer_shapes
from refprune.surgery import unread_units
from spec_tests.meta.quick import quick_run
from spec_tests.meta.test_run import refprune

EMPTY = {"meta", "img", "source", "br", "col"}
ROWS = ("dense", "pruned_before_retraining", "pruned", "compact")
LOWEST = {"accuracy", "accuracy_before_retraining", "sparsity", "sparsity_all_parameters", "sparsity_of_weights"}
"""Figures of which the lowest is the worst; of all others it is the highest."""
COLOURS = {"dense": 0x0072B2, "masked": 0xE69F00, "compacted": 0x009E73}
WIDTHS = (400, 1280)
MEASURED = all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime"))
"""Whether a run here measures onnxruntime too."""


class Element:
    """One element of a page: its name, attributes, text, and the elements inside."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.inside: list[Element | str] = []

    def all(self, *names: str) -> list["Element"]:
        """Return every element below of one of these names, in order; of any, when none is named."""
        below = [one for one in self.inside if isinstance(one, Element)]
        return [found for one in below for found in ([one] if not names or one.name in names else []) + one.all(*names)]

    def text(self) -> str:
        """Return all text inside, in order."""
        return "".join(one if isinstance(one, str) else one.text() for one in self.inside)


class Page(HTMLParser):
    """Reads a page, and refuses one whose tags are not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.root = Element("page", {})
        self.open = [self.root]
        self.feed(source)
        self.close()
        assert self.open == [self.root], f"not closed: {[one.name for one in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        assert len({name for name, _ in attrs}) == len(attrs)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in EMPTY:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that is open."""
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.open[-1].inside.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small run of both networks, by element and by unit."""
    folder = tmp_path_factory.mktemp("report") / "run"
    quick_run(folder, "--seeds", 2, "--rounds", 2)
    return folder


@pytest.fixture(scope="module")
def figures(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "results.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def page(run: Path) -> Element:
    return Page((run / "report.html").read_text(encoding="utf-8")).root


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that may be damaged, with an older page."""
    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    (folder / "report.html").write_text("an older page")
    return folder


def section(page: Element, name: str) -> Element:
    return next(one for one in page.all("section") if one.attributes["id"] == name)


# What it is made of


def test_self_contained(page: Element) -> None:
    """Nothing is loaded from anywhere: every address is a data URI or leads to a place in the page."""
    targets = {element.attributes["id"] for element in page.all() if "id" in element.attributes}
    for element in page.all():
        assert element.name not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in {"src", "srcset"}:
                assert value.startswith("data:image/"), f"{element.name} {name}: {value[:80]}"
            if name == "href":
                assert value.removeprefix("#") in targets
    (style,) = page.all("style")
    assert not re.search(r"@import|url\(|@font-face", style.text())


def test_semantics(page: Element) -> None:
    """Headings in order, a caption for every table and figure, words for every picture, a scope for every heading."""
    levels = [int(element.name[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {image.attributes["alt"][:5] for image in page.all("img")} == {
        "Drawi",
        "Line ",
        "Bar c",
        "Histo",
        "Two p",
        "Pictu",
    }
    assert len(page.all("figure")) == len(page.all("img")) == len(page.all("figcaption")) == 14
    assert all(table.all("caption")[0].text() for table in page.all("table"))
    assert {head.attributes["scope"] for head in page.all("th")} == {"col", "row", "rowgroup"}
    assert max(Counter(one.attributes["id"] for one in page.all() if "id" in one.attributes).values()) == 1


def test_page_is_reproducible(run: Path, copied: Path) -> None:
    """`refprune report` writes the very page again."""
    done = refprune("report", copied)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"to look at: {copied / 'report.html'}\n"
    assert (copied / "report.html").read_bytes() == (run / "report.html").read_bytes()


# What it says


def pairs(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every figure of a network with its name, in the order of the tables."""
    groups = [*(figures[row] for row in ROWS), *figures["rounds"], *figures["layers"].values()]
    for group in groups:
        yield from group.items()


def test_tables_hold_every_figure(page: Element, figures: dict[str, Any]) -> None:
    """Mean, worst and each seed of every figure, exact in `value`, and rounded as far as they are written."""
    cells = iter(section(page, "figures").all("data"))
    for network in figures["networks"].values():
        for name, figure in pairs(network):
            worst = (min if name in LOWEST else max)(figure["seeds"])
            for expected in (figure["mean"], worst, *figure["seeds"]):
                cell = next(cells)
                assert float(cell.attributes["value"]) == expected
                assert_rounded(cell.text(), expected)
    assert list(cells) == []


def test_markdown(figures: dict[str, Any], copied: Path) -> None:
    """The tables of `--markdown` hold the mean of every figure, and the worst seed where it is written otherwise."""
    done = refprune("report", copied, "--markdown", copied / "page.md")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"written to {copied / 'page.md'}\n")
    assert (copied / "report.html").read_text() == "an older page"
    text = (copied / "page.md").read_text()
    for name, network in figures["networks"].items():
        own = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        tables = [part.splitlines() for part in own.split("\n\n") if part.startswith("|")]
        columns = ({row: network[row] for row in ROWS}, dict(enumerate(network["rounds"])), network["layers"])
        for lines, figures_of in zip(tables, columns, strict=True):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
            names = dict.fromkeys(figure for one in figures_of.values() for figure in one)
            assert len(rows) == 2 + len(names)
            for row, figure in zip(rows[2:], names, strict=True):
                for cell, one in zip(row[1:], figures_of.values(), strict=True):
                    check_cell(cell, one.get(figure), (min if figure in LOWEST else max))


def check_cell(cell: str, figure: dict[str, Any] | None, worst: Callable[[list[float]], float]) -> None:
    """Require the mean, or the mean and the worst seed in brackets; nothing, where there is no figure."""
    if figure is None:
        assert cell == ""
        return
    mean, _, bracket = cell.replace(" ms", "\u00a0ms").partition(" (")
    assert_rounded(mean, figure["mean"])
    assert_rounded(bracket.removesuffix(")") or mean, worst(figure["seeds"]))


def assert_rounded(text: str, value: float) -> None:
    """A number as written is the value, to within half a unit in its last place."""
    written, _, unit = text.replace(",", "").partition("\u00a0")
    if unit == "ms":
        value *= 1000
    digits, _, exponent = written.partition("e")
    place = int(exponent or 0) - len(digits.partition(".")[2])
    assert abs(float(written) - value) <= 0.500001 * 10.0**place, f"{text} for {value}"


def test_headline(page: Element, figures: dict[str, Any]) -> None:
    for name, network in figures["networks"].items():
        tiles = [tile.text() for tile in section(page, f"network-{name}").all("dd")]
        dense, masked, compacted = (network[row] for row in ("dense", "pruned", "compact"))
        accuracy, worst = compacted["accuracy"]["mean"], min(compacted["accuracy"]["seeds"])
        dense_accuracy = dense["accuracy"]["mean"]
        assert tiles[0].replace("\u00a0", " ") == (
            f"{100 * accuracy:.2f} %dense {100 * dense_accuracy:.2f} %; worst seed {100 * worst:.2f} %"
        )
        assert tiles[1].startswith(f"{100 * masked['sparsity']['mean']:.1f}")
        for tile, figure in zip(tiles[2:], ("parameters", "macs"), strict=True):
            after, before = compacted[figure]["mean"], dense[figure]["mean"]
            assert tile.startswith(f"{round(after):,}dense {before:,.0f}; {100 * after / before:.1f}")


def test_words_of_the_charts(page: Element, figures: dict[str, Any]) -> None:
    """Those who do not see a chart are told its figures."""
    for name, network in figures["networks"].items():
        own = section(page, f"network-{name}")
        told = " ".join(image.attributes["alt"] for image in own.all("img"))
        last = network["rounds"][-1]
        for figure in (network["dense"]["accuracy"], last["accuracy_before_retraining"], last["accuracy"]):
            assert f"{100 * figure['mean']:.2f}\u00a0%" in told
        for layer, one in network["layers"].items():
            mean = {key: wording.number(value["mean"]) for key, value in one.items()}
            assert f"{layer}: {mean['entries_kept']} of {mean['entries']} entries" in told
        for words, figure in (("MACs", "macs"), ("bytes of the file", "bytes_file")):
            times = [network[row][figure]["mean"] / network["dense"][figure]["mean"] for row in ("pruned", "compact")]
            assert f"{words}: masked {times[0]:.2f}, compacted {times[1]:.2f}" in told


def test_every_width_is_told(page: Element, figures: dict[str, Any]) -> None:
    """The drawing says of every layer how wide it was and is, in the seed that is shown."""
    for name, network in figures["networks"].items():
        told = " ".join(image.attributes["alt"] for image in section(page, f"network-{name}").all("img"))
        for layer, one in network["layers"].items():
            units = [one[key]["seeds"][0] for key in ("units", "units_compact")]
            assert f"{layer.removesuffix('.weight')}: {units[0]} to {units[1]}, " in told


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_drawing_of_every_network(name: str) -> None:
    """Every layer, sum, concatenation and split has a box in one part or two; no two things in a row overlap."""
    example = (1, 28, 28) if name == "lenet-5" else (3, 32, 32)
    network, shapes = ARCHITECTURES[name](example, 10)
    values = infer_shapes(network, {parameter: np.zeros(shape) for parameter, shape in shapes.items()})
    parts = drawing(network, values, {value: (1, *shape[1:]) for value, shape in values.items()})
    told = Counter(re.findall(r"(?:\. |; )([^ :]+): (\d+)", " ".join(part.text for part in parts)))
    drawn = {node.name for node in network if isinstance(node, Conv2d | DepthwiseConv2d | Dense | Add | Concat | Split)}
    assert {box for box, _ in told} == drawn | {"image"}
    assert sum(told.values()) == len(told) + len(parts) - 1
    for row in place(boxes(network), WIDEST, WIDTH - 0.1, GAP):
        for left, right in pairwise(sorted(row.values(), key=lambda one: one.x)):
            assert left.x + left.width / 2 + GAP <= right.x - right.width / 2 + 1e-9


def test_drawing_of_small_nodes() -> None:
    """A small node goes to the box it follows; behind a fork, to the one it leads to, or it has a box of its own."""
    network = build(
        Input("image", (4,)),
        Relu("before"),
        Dense("one", inputs=("before",)),
        Sigmoid("two", inputs=("before",)),
        Relu("three", inputs=("one",)),
        Add("sum", inputs=("three", "two")),
        Dense("last"),
    )
    found = {name: (box.sources, box.steps, box.depth) for name, box in boxes(network).items()}
    assert found == {
        "image": ((), ["input", "relu"], 0),
        "one": (("image",), ["fully connected", "relu"], 1),
        "sum": (("one", "image"), ["sigmoid", "add"], 2),
        "last": (("sum",), ["fully connected"], 3),
    }


def test_sizes_of_a_split() -> None:
    """The parts that a split has before and after removal."""
    network, shapes = ARCHITECTURES["split-swap"]((1, 8, 8), 10)
    before = infer_shapes(network, {parameter: np.zeros(shape) for parameter, shape in shapes.items()})
    (split,) = (box for box in boxes(network).values() if isinstance(box.node, Split))
    after = before | {"parts[0]": (8, 8, 8), "parts[1]": (4, 8, 8)}
    assert _kernel(split, before, after) == "16 + 8 \u2192 8 + 4"
    assert _kernel(split, before, before) == "16 + 8"


def test_units_are_told_from_weights(page: Element) -> None:
    """By unit, the page says what the sparsity that was asked for counts; by element there is nothing to say."""
    said = {name: section(page, f"network-{name}").text() for name in ("cnn-8x8", "lenet-300-100")}
    assert "A sparsity of 0.5 is of the units, not of the weights." in said["cnn-8x8"]
    assert "of the units, not" not in said["lenet-300-100"]


def test_tied_layers_are_told(tmp_path: Path) -> None:
    """Of resnet-8 the two sides of every sum; of one seed there is one column."""
    quick_run(tmp_path, "--network", "resnet-8", "--granularity", "unit", "--seeds", 1, "--rounds", 1)
    page = Page((tmp_path / "report.html").read_text()).root
    tied = ("conv1 + block1_conv2", "block2_conv2 + block2_shortcut", "block3_conv2 + block3_shortcut")
    assert f"Units of these go together: {'; '.join(tied)}." in section(page, "network-resnet-8").text()
    figures = section(page, "figures")
    assert {head.text() for head in figures.all("th") if head.attributes.get("scope") == "col"} == {"figure", "seed 0"}
    rows = [row for row in figures.all("tr") if row.all("td")]
    assert rows
    assert all(len(row.all("td")) == 1 for row in rows)
    assert "worst seed" not in figures.text()


@pytest.mark.parametrize(
    ("alone", "said"), [(0, ""), (1, "1 has no weights:"), (2, "2 have no weights: what comes out is always the same")]
)
def test_units_without_weights(alone: int, said: str) -> None:
    """Three units, of which some are left by removal, since something reads them, with no weight of their own."""
    network = build(Input("x", (2,)), Dense("a"), Dense("b"))
    params = {"a.weight": np.ones((3, 2)), "a.bias": np.ones(3), "b.weight": np.ones((1, 3)), "b.bias": np.ones(1)}
    masks = {name: np.ones(array.shape, bool) for name, array in params.items() if name.endswith(".weight")}
    masks["a.weight"][:alone] = False
    told = one_network._constant(_shown(network, params, masks))
    assert said in told if said else told == ""
    masks["b.weight"][0, :alone] = False  # nothing reads them: removal takes them
    assert one_network._constant(_shown(network, params, masks)) == ""


def _shown(network: Network, params: dict[str, Any], masks: dict[str, Any]) -> one_network.Subject:
    """Return what the page shows of a network with these masks."""
    groups = find_groups(network, params)
    pruned = SimpleNamespace(network=network, params=params, masks=masks)
    shown: Any = SimpleNamespace(groups=groups, pruned=pruned, unit_masks=unread_units(params, groups, masks))
    return one_network.Subject("tiny", {}, [0], shown)


@pytest.mark.parametrize(("times", "width", "said"), [(1.5, 3, True), (1.0, 3, False), (1.5, 4, False)])
def test_uneven_channels_are_told(times: float, width: int, said: bool) -> None:  # noqa: FBT001  a column of the table
    """Where onnxruntime took longer after removal, and removal has left widths that it does not like."""
    network = build(Input("x", (1, 2, 2)), Conv2d("c", bias=False), Flatten("f"), Dense("d", bias=False))
    params = {"c.weight": np.ones((width, 1, 2, 2)), "d.weight": np.ones((1, width))}
    masks = {name: np.ones(array.shape, bool) for name, array in params.items()}
    seconds = {"dense": 1.0, "compact": times}
    measured = {state: {ONNXRUNTIME: {"mean": one, "seeds": [one]}} for state, one in seconds.items()}
    subject = _shown(network, params, masks)._replace(figures=measured)
    sentences = one_network._uneven_sentences(subject)
    assert len(sentences) == said
    assert all(sentence.endswith("removal has left c 3.") for sentence in sentences)
    assert one_network._uneven_sentences(subject._replace(figures={"dense": {}, "compact": {}})) == []


def test_spread_of_the_times_is_told(page: Element, figures: dict[str, Any]) -> None:
    """The largest of all networks on disk and of all seeds; of an older run, which did not keep it, nothing is said."""
    for name, network in figures["networks"].items():
        shares = [
            spread / seconds
            for row in ("dense", "pruned", "compact")
            for figure in ("seconds_per_batch", *([ONNXRUNTIME] if MEASURED else []))
            for spread, seconds in zip(
                network[row][f"{figure}_spread"]["seeds"], network[row][figure]["seeds"], strict=True
            )
        ]
        assert f"differ by up to {100 * max(shares):.0f}\u00a0% of their" in section(page, f"network-{name}").text()
    old: Any = SimpleNamespace(figures={row: {} for row in ROWS})
    assert one_network._unrest(old) == ""


def test_labels_of_the_bars_are_not_struck_through() -> None:
    """A mean just below the line stands above that, like those on it; one far below stands on its bar."""
    with canvas(3.5) as figure:
        axes = figure.add_subplot()
        bars = {"dense": Spread(1, [1]), "masked": Spread(0.97, [0.97]), "compacted": Spread(0.5, [0.5])}
        _bars(axes, {"cost": bars}, str, line=1)
        assert [text.xy[1] for text in axes.texts if isinstance(text, Annotation)] == [1, 1, 0.5]


def test_legend_stands_below_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the histograms, in one column and in two, the last rows of different length."""
    drawn: list[Figure] = []
    monkeypatch.setattr(pictures, "as_picture", lambda figure, *words: drawn.append(figure))  # noqa: ARG005
    for layers in (1, 5, 6, 7):
        arrays = {f"layer{number}.weight": np.arange(9.0) for number in range(layers)}
        pictures.weights_before_and_after(arrays, arrays, "")
        figure = drawn.pop()
        figure.draw_without_rendering()
        legend = figure.legends[0].get_window_extent()
        labels = [axes.xaxis.label.get_window_extent() for axes in figure.axes if axes.get_xlabel()]
        assert len(labels) == (1 if layers < 6 else 2)
        assert all(legend.y1 <= label.y0 for label in labels)


def test_mask_saves_nothing_and_the_page_says_so(page: Element, figures: dict[str, Any]) -> None:
    for name, network in figures["networks"].items():
        said = section(page, f"network-{name}").text()
        assert "The masked network has exactly the MACs and exactly the bytes on disk of the dense one." in said
        for row in ("pruned", "compact"):
            for suffix, lead in (("", "For one batch"), ("_onnxruntime", "In onnxruntime")):
                figure = f"seconds_per_batch{suffix}"
                assert (figure in network[row]) is (figure == "seconds_per_batch" or MEASURED)
                if figure in network[row]:
                    times = network[row][figure]["mean"] / network["dense"][figure]["mean"]
                    assert f"{lead} it took {times:.2f} times as long (" in said
        parameters = network["compact"]["macs"]["mean"] / network["dense"]["macs"]["mean"]
        assert f"The compacted network has {parameters:.2f} times the MACs" in said


def test_explained_weight_was_removed(run: Path, page: Element, figures: dict[str, Any]) -> None:
    """The command on the page works as it stands, and the weight it names is removed."""
    for name in figures["networks"]:
        (block,) = section(page, f"network-{name}").all("pre")
        words = re.fullmatch(r"refprune explain \. '(.+)\[([\d,]+)\]' --network (\S+) --seed 0", block.text())
        assert words is not None
        assert words[3] == name
        stored = load_state(run, name, 0, "pruned")
        place = tuple(map(int, words[2].split(",")))
        assert not stored.masks[words[1]][place]
        assert stored.params[words[1]][place] == 0
        done = refprune("explain", run, f"{words[1]}[{words[2]}]", "--network", name, "--seed", 0)
        assert (done.returncode, done.stderr) == (0, "")


def test_settings_and_environment(page: Element, figures: dict[str, Any]) -> None:
    said = {
        row.all("th")[0].text(): [cell.text() for cell in row.all("td")] for row in section(page, "about").all("tr")
    }
    for key in figures["settings"]["cnn-8x8"]:
        assert said[key] == [str(own[key]) for own in figures["settings"].values()]
    for key in ("refprune", "python", "numpy", "blas", "system", "machine", "processors"):
        assert said[key] == [str(figures["environment"][key])]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([1.02, 1.1], "1.06 times as long (1.02 to 1.10 in the single seeds): slower in every seed."),
        ([0.5, 0.9], "0.70 times as long (0.50 to 0.90 in the single seeds): faster in every seed."),
        ([0.9, 1.2], "1.05 times as long (0.90 to 1.20 in the single seeds): some seeds were faster and some slower"),
        ([1.0, 1.0], "1.00 times as long (1.00 to 1.00 in the single seeds): as fast in every seed."),
        ([1.3], "1.30 times as long, in a single seed."),
    ],
)
def test_sentence_on_time_follows_the_figures(seeds: list[float], said: str) -> None:
    ours = {"mean": sum(seeds) / len(seeds), "seeds": seeds}
    dense = {"mean": 1.0, "seeds": [1.0] * len(seeds)}
    assert said in wording.time_sentence(ours, dense)


def test_sentence_on_cost_follows_the_figures() -> None:
    def figures(macs: float, file: float) -> dict[str, Any]:
        return {name: {"mean": one, "seeds": [one]} for name, one in (("macs", macs), ("bytes_file", file))}

    dense = figures(1000, 1000)
    said = wording.cost_sentence("masked", figures(1000, 500), dense)
    assert said == "The masked network has exactly the MACs and 0.50 times the bytes on disk of the dense one."
    said = wording.cost_sentence("masked", figures(999, 2500), dense)
    assert said == "The masked network has 0.9990 times the MACs and 2.50 times the bytes on disk of the dense one."


def test_sentence_on_difference_follows_the_figures() -> None:
    assert "at most 2.5e-07 of the largest logit" in wording.difference_sentence({"mean": 1e-7, "seeds": [0.0, 2.5e-7]})
    assert "logits equal those" in wording.difference_sentence({"mean": 0.0, "seeds": [0.0, 0.0]})


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (50_610, "50.6 kB"), (2.5e9, "2,500 MB")]
)
def test_sizes_in_words(count: float, said: str) -> None:
    assert wording.size(count) == said.replace(" ", "\u00a0")


@given(st.floats(1e-3, 1e7), st.sampled_from([wording.milliseconds, wording.fraction, wording.number]))
def test_numbers_as_written(value: float, write: Any) -> None:
    if write is wording.number:
        value = round(value, 3)
    assert_rounded(write(value), value)


# Whatever stands in the files


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&$1"


def test_strings_are_escaped(copied: Path) -> None:
    """A string from results.json is text on the page, and never a part of it."""
    document = json.loads((copied / "results.json").read_text())
    document["environment"] |= {"blas": HOSTILE, "refprune": HOSTILE, "threads": {HOSTILE: HOSTILE}, HOSTILE: 1}
    document["published_data"] = {HOSTILE: True, f"other {HOSTILE}": False}
    document["settings"]["cnn-8x8"]["data"] = "mnist"
    layers = document["networks"]["cnn-8x8"]["layers"]
    layers[HOSTILE] = layers.pop("fc1.weight")
    document["networks"]["cnn-8x8"]["dense"][HOSTILE] = document["networks"]["cnn-8x8"]["dense"]["loss"]
    (copied / "results.json").write_text(json.dumps(document))
    report.write_report(copied)
    page = Page((copied / "report.html").read_text()).root
    test_self_contained(page)
    assert all("onerror" not in element.attributes for element in page.all())
    environment, footer, published, tables = 5, 1, 2 * 2, 2  # the published files under the title too
    assert page.text().count(HOSTILE) == environment + footer + published + tables
    assert sum(HOSTILE in image.attributes["alt"] for image in page.all("img")) == 1


@given(st.text(), st.text())
def test_markup_is_escaped(inside: str, value: str) -> None:
    """A text comes back from a parser as it was; only Markup is handed on as it is."""
    readable = str.maketrans("", "", "\r\x00")  # HTML replaces these two
    inside, value = inside.translate(readable), value.translate(readable)
    (element,) = Page(tag("b", inside, title=value)).root.all("b")
    assert (element.text(), element.attributes["title"]) == (inside, value)
    assert joined([Markup("<i>"), "<i>"]) == "<i>&lt;i&gt;"


DAMAGES: tuple[tuple[tuple[str, ...], Any], ...] = (
    (("seeds",), []),
    (("seeds",), [0, 1, 2]),
    (("seeds",), [7, 8]),
    (("networks",), None),
    (("networks", "cnn-8x8", "dense", "accuracy"), {"mean": 1}),
    (("networks", "cnn-8x8", "dense", "seconds_per_batch"), {"mean": 0, "seeds": [0, 0]}),
    (("networks", "cnn-8x8", "rounds"), []),
    (("networks", "cnn-8x8", "layers"), {"fc1.weight": {}}),
    (("settings",), {}),
    (("settings", "cnn-8x8", "criterion"), HOSTILE),
    (("environment",), []),
    (("published_data",), {"t10k-images-idx3-ubyte": "yes"}),
    (("version",), 1),
)


@pytest.mark.parametrize(("place", "value"), DAMAGES, ids=lambda value: str(value)[:60])
def test_damaged_results(copied: Path, place: tuple[str, ...], value: Any) -> None:
    """One sentence that names the place; the page that was there is there still."""
    document = json.loads((copied / "results.json").read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (copied / "results.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInput):
        report.write_report(copied)
    assert_untouched(copied)


def assert_untouched(folder: Path) -> None:
    assert (folder / "report.html").read_text() == "an older page"
    assert sorted(path.name for path in folder.iterdir()) == ["networks", "report.html", "results.json"]


def test_damaged_network(copied: Path) -> None:
    """Every file of the first seed, cut short or taken away."""
    for path in sorted((copied / "networks").glob("*/seed-0/**/*")):
        if path.is_file():
            content = path.read_bytes()
            for harmed in (content[: len(content) // 2], content[:-2], b""):
                path.write_bytes(harmed)
                with pytest.raises(InvalidInput):
                    report.write_report(copied)
            path.unlink()
            with pytest.raises(InvalidInput):
                report.write_report(copied)
            path.write_bytes(content)
    assert_untouched(copied)


def test_command_refuses(tmp_path: Path, copied: Path) -> None:
    """No run, and a place that cannot be written to: exit code 2, one sentence."""
    done = refprune("report", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("expected the folder of a finished run\n")
    assert not (tmp_path / "nowhere").exists()
    (copied / "report.html").unlink()
    (copied / "report.html").mkdir()
    done = refprune("report", copied)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"refprune: {copied / 'report.html'}: got a folder, expected a file, or a name that is free\n"
    assert sorted(path.name for path in copied.iterdir()) == ["networks", "report.html", "results.json"]


def test_without_matplotlib(copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(report, "installed", lambda package: package != "matplotlib")
    assert report.work(argparse.Namespace(folder=copied, markdown=None)) == 1
    expected = 'refprune: report.html needs matplotlib: python -m pip install "refprune[lab]"\n'
    assert capsys.readouterr().err == expected
    assert_untouched(copied)


@pytest.mark.parametrize(
    "options",
    [
        ("cnn-8x8", "--granularity", "element", "--sparsity", 0),
        ("cnn-8x8", "--granularity", "element", "--sparsity", 1),
        ("cnn-8x8", "--granularity", "2x2"),
        ("lenet-300-100", "--granularity", "unit", "--dtype", "float64"),
    ],
    ids=lambda options: " ".join(map(str, options)),
)
def test_edges(options: tuple[object, ...], tmp_path: Path) -> None:
    """Nothing removed, everything removed, blocks, units: the page is written and says which."""
    quick_run(tmp_path, "--seeds", 1, "--rounds", 1, "--network", *options)
    page = Page((tmp_path / "report.html").read_text()).root
    assert len(page.all("img")) == 7
    assert ("kept like every other" in page.text()) is (options[-2:] == ("--sparsity", 0))
    assert "weights removed by the mask100.0" in page.text() or options[-2:] != ("--sparsity", 1)
    assert "nan" not in page.text()


# In a browser


@pytest.fixture(scope="module")
def browser() -> str:
    """Return a browser's path; where a gate runs there must be one."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium, chromium-browser or google-chrome")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def browse(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a function that opens a file and returns what the browser prints."""
    profile = tmp_path_factory.mktemp("profile")
    own = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]

    def opened(address: Path, scheme: str, *options: str) -> str:
        asked = [*own, f"--blink-settings=preferredColorScheme={int(scheme == 'light')}", *options, address.as_uri()]
        return subprocess.run([browser, *asked], capture_output=True, text=True, timeout=240, check=True).stdout

    return opened


PROBE = """
<script>
addEventListener("load", async () => {
  const images = [...document.images];
  await Promise.all(images.map(image => image.decode()));
  const wide = [...document.body.querySelectorAll("*")].filter(one => !one.closest(".table, pre, source"));
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    pictures: images.map(image => image.naturalWidth),
    darkPictures: images.filter(image => image.currentSrc !== image.src).length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    outside: wide.filter(one => one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML),
    resources: performance.getEntriesByType("resource").map(one => one.name).filter(name => !name.startsWith("data:")),
    paper: getComputedStyle(document.documentElement).backgroundColor,
  }), "*");
});
</script>
"""
"""Says of the page it is part of what a reader would see; to whoever holds the page in a frame."""
FRAMES = """
<!DOCTYPE html><pre id="verdicts"></pre>
<script>
addEventListener("message", event => { document.getElementById("verdicts").append(event.data + "\\n"); });
</script>
"""


@pytest.fixture(scope="module")
def framed(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page that holds the page with the probe at every width: a window has a least width of its own."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "page.html").write_text((run / "report.html").read_text().replace("</body>", f"{PROBE}</body>"))
    frames = (f'<iframe src="page.html" width="{width}" height="900" frameborder="0"></iframe>' for width in WIDTHS)
    (folder / "frames.html").write_text(FRAMES + "".join(frames))
    return folder / "frames.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_seen_whole(browse: Callable[..., str], framed: Path, scheme: str) -> None:
    """Every picture is there, nothing sticks out, and nothing is asked for from anywhere, in both colour schemes."""
    dumped = Page(browse(framed, scheme, "--virtual-time-budget=20000", "--dump-dom")).root
    verdicts = [json.loads(line) for line in dumped.all("pre")[0].text().splitlines()]
    assert {verdict["width"] for verdict in verdicts} == set(WIDTHS)
    for verdict in verdicts:
        assert verdict["dark"] is (scheme == "dark")
        assert len(verdict["pictures"]) == 14
        assert min(verdict["pictures"]) > 100
        assert verdict["darkPictures"] == (14 if scheme == "dark" else 0)
        assert verdict["overflow"] <= 0
        assert verdict["outside"] == []
        assert verdict["resources"] == []
        brightness = sum(map(int, re.findall(r"\d+", verdict["paper"])[:3]))
        assert (brightness < 150) is (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshot(browse: Callable[..., str], run: Path, tmp_path: Path, scheme: str) -> None:
    """What is drawn has the three states in their own colours, on paper of the scheme's colour."""
    from matplotlib.image import imread

    browse(run / "report.html", scheme, "--window-size=1280,3900", f"--screenshot={tmp_path / 'page.png'}")
    pixels = (imread(tmp_path / "page.png")[..., :3] * 255).round().astype(int) @ [0x10000, 0x100, 1]
    colours, counts = np.unique(pixels, return_counts=True)
    assert len(colours) > 100
    for state, colour in COLOURS.items():
        assert counts[colours == colour].sum() > 2000, state
    paper = int(colours[counts.argmax()])
    assert paper == {"light": 0xFFFFFF, "dark": 0x1E2429}[scheme], f"{paper:06x}"
