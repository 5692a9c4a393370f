"""The network as a drawing: a box for every layer, sum, concatenation and split, with its width before and after.

In: the network, and the shapes of its values before and after removal. Out: one `Picture` for each part of it: a long
network is cut where a single value passes from one part to the next, so that its boxes can be read.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from refprune.lab.report.pictures import COLOURS, GONE, INK, QUIET, WIDTH, Picture, as_picture, canvas, short
from refprune.lab.report.wiring import Box, Placed, boxes, place
from refprune.network import Conv2d, DepthwiseConv2d, Input, Network, Shape, Split, values_of

Shapes = Mapping[str, Shape]
Row = Mapping[tuple[str, str], Placed]
WIDEST, GAP = 2.05, 0.14
"""Inches: a box where there is room, and what lies between two."""
NARROW = 1.6
"""Inches: a box that has no room for its name and its widths in one line."""
HEIGHT, BETWEEN = 0.46, 0.24
"""Inches: a box, and from one row to the next."""
LONGEST = 14
"""Rows of one part, about."""


def drawing(network: Network, before: Shapes, after: Shapes) -> list[Picture]:
    """Return the drawing of a network, the input at the top, in as many parts as it takes."""
    made = boxes(network)
    rows = place(made, WIDEST, WIDTH - 0.1, GAP)
    widths = {name: (_width(box, before), _width(box, after)) for name, box in made.items()}
    kernels = {name: _kernel(box, before, after) for name, box in made.items()}
    parts = _parts(rows)
    pictures = []
    for number, part in enumerate(parts):
        names = [one.edge[0] for row in part for one in row.values() if one.is_box]
        which = f", part {number + 1} of {len(parts)}" if len(parts) > 1 else ""
        text = f"Drawing of the network{which}. {'; '.join(_words(name, made[name], widths[name]) for name in names)}."
        looks = {name: (made[name], widths[name], kernels[name]) for name in made}
        pictures.append(_one_part(part, looks, text))
    return pictures


def _width(box: Box, shapes: Shapes) -> int:
    """Return how many channels or features a box puts out."""
    return sum(shapes[value][0] for value in values_of(box.node))


def _kernel(box: Box, before: Shapes, after: Shapes) -> str:
    """Return what else is to be said of a layer: its stride, the groups of its channels, the parts of a split."""
    node = box.node
    if isinstance(node, Input):
        return "\u00d7".join(map(str, before[node.name]))
    if isinstance(node, Split):
        sizes = (" + ".join(str(shapes[value][0]) for value in values_of(node)) for shapes in (before, after))
        return " \u2192 ".join(dict.fromkeys(sizes))
    said = []
    if isinstance(node, Conv2d | DepthwiseConv2d) and node.stride != (1, 1):
        said.append(f"stride {node.stride[0]}" if node.stride[0] == node.stride[1] else f"stride {node.stride}")
    if isinstance(node, Conv2d) and node.groups > 1:
        said.append(f"{node.groups} groups")
    return ", ".join(said)


def _words(name: str, box: Box, widths: tuple[int, int]) -> str:
    """Say what a box says, and what it reads."""
    if not box.sources:
        return f"{name}: {widths[0]}"
    return f"{name}: {widths[0]} to {widths[1]}, {', '.join(box.steps)}, reads {' and '.join(box.sources)}"


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """Cut the rows into parts of about the same length; each begins with the box that the one before ends with."""
    wanted = ceil(len(rows) / LONGEST)
    cuts = [number for number, row in enumerate(rows) if len(row) == 1 and 0 < number < len(rows) - 1]
    ends = [0]
    for part in range(1, wanted):
        near = [cut for cut in cuts if cut > ends[-1]]
        if near:
            ends.append(min(near, key=lambda cut: abs(cut - part * len(rows) / wanted)))
    ends.append(len(rows) - 1)
    return [list(rows[first : last + 1]) for first, last in pairwise(ends)]


def _one_part(rows: Sequence[Row], looks: Mapping[str, tuple[Box, tuple[int, int], str]], text: str) -> Picture:
    """Draw some rows."""
    narrow = any(0 < one.width < NARROW for row in rows for one in row.values())
    height = HEIGHT + 0.16 * narrow  # a third line
    step = height + BETWEEN
    total = step * len(rows) - BETWEEN + 0.12
    reach = max(abs(one.x) + one.width / 2 for row in rows for one in row.values()) + 0.08
    with canvas(total) as figure:
        axes = figure.add_subplot(xlim=(-max(reach, WIDTH / 2), max(reach, WIDTH / 2)), ylim=(total - 0.06, -0.06))
        axes.axis("off")
        for number, row in enumerate(rows):
            for one in row.values():
                if one.is_box:
                    _box(axes, one, number * step, height, looks[one.edge[0]])
            if number:
                _edges(axes, rows, number, {name: look[0] for name, look in looks.items()}, step, height)
        return as_picture(figure, text)


def _box(axes: Axes, one: Placed, top: float, height: float, look: tuple[Box, tuple[int, int], str]) -> None:
    """Draw a box: name, widths, what it does, and a bar of what is left of its width."""
    (box, (before, after), more), width = look, one.width
    left, narrow = one.x - width / 2, width < NARROW
    outline = FancyBboxPatch(
        (left, top), width, height, boxstyle="round,pad=0,rounding_size=0.06", facecolor="none", edgecolor=GONE
    )
    axes.add_patch(outline)
    if box.sources:
        for share, colour, alpha in ((1.0, GONE, 0.3), (after / before, COLOURS["compacted"], 1.0)):
            bar = Rectangle((left + 0.08, top + height - 0.085), (width - 0.16) * share, 0.04, alpha=alpha)
            bar.set(facecolor=colour, linewidth=0)
            axes.add_patch(bar)
    steps = ", ".join([*box.steps, *([more] if more and box.sources else [])])
    said = f"{before} \u2192 {after}" if box.sources else more
    top += 0 if narrow else (height - HEIGHT) / 2
    axes.text(left + 0.08, top + 0.13, short(one.edge[0]), fontsize=7.5, va="center", color=INK)
    place = (left + 0.08, top + 0.29, "left") if narrow else (left + width - 0.08, top + 0.13, "right")
    axes.text(*place[:2], said, fontsize=8, va="center", ha=place[2], color=INK, fontweight="bold")
    below, size = (0.44, 5.4) if narrow else (0.28, 6.8)
    axes.text(left + 0.08, top + below, steps, fontsize=size, va="center", color=QUIET)


def _edges(axes: Axes, rows: Sequence[Row], number: int, made: Mapping[str, Box], step: float, height: float) -> None:
    """Draw the edges that come into a row: to its boxes with an arrow, past them without."""
    above, top = rows[number - 1], number * step
    for one in rows[number].values():
        for source in made[one.edge[0]].sources if one.is_box else one.edge[:1]:
            start = above.get((source, one.edge[1])) or above[source, source]
            leaving = top - step + height
            bend = [(start.x, leaving), (start.x, leaving + BETWEEN * 0.6), (one.x, top - BETWEEN * 0.6), (one.x, top)]
            path = Path(bend, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
            style = "-|>,head_length=3,head_width=1.6" if one.is_box else "-"
            axes.add_patch(FancyArrowPatch(path=path, arrowstyle=style, color=QUIET, linewidth=1.0))
            if not one.is_box:
                axes.plot((one.x, one.x), (top, top + height), color=QUIET, linewidth=1.0)
