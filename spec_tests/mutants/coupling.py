"""Wrong groups."""

from typing import Any

import numpy as np

from refprune.granularity import Slice
from refprune.network import (
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Relu,
    layers,
)
from spec_tests.mutants.mutant import Mutant, original

COUPLING = "refprune.coupling"
FIND, WALK, GROUP, NAME = (f"{COUPLING}.{name}" for name in ("find_groups", "_walk", "_group", "_name"))
LAYER, VECTORS, PASSED = (f"{COUPLING}.{name}" for name in ("_mark_layer", "_mark_vectors", "_passed_on"))
NAMES = f"{COUPLING}._check_names"
MERGED, OCCURRENCES = (f"{COUPLING}.{name}" for name in ("_merged", "_occurrences"))
_find, _walk, _group, _mark_layer, _mark_vectors, _passed_on, _merged, _occurrences, _name = (
    original(path) for path in (FIND, WALK, GROUP, LAYER, VECTORS, PASSED, MERGED, OCCURRENCES, NAME)
)

TABLE, INDICES = f"{COUPLING}.as_table", f"{COUPLING}._indices"
_table, _indices = original(TABLE), original(INDICES)


def _changed(**parts: Any) -> Any:
    """Return `_group` with slices that other functions make out of the right ones."""

    def group(*asked: Any) -> Any:
        right = _group(*asked)
        return right._replace(**{name: tuple(make(getattr(right, name), right)) for name, make in parts.items()})

    return group


def _unsliced(ending: str) -> Any:
    """Leave the arrays of this name out of the unit."""
    return lambda own, group: [part for part in own if not part.array.endswith(ending)]


def _rows_of_readers(own: Any, group: Any) -> Any:
    """Slice rows in place of columns."""
    return [part._replace(axis=0) for part in own]


def _columns_of_makers(own: Any, group: Any) -> Any:
    """Slice columns in place of rows."""
    return [part._replace(axis=1) if part.array.endswith("weight") else part for part in own]


def _flattened(ids_of: Any) -> Any:
    """Return `_passed_on` with another flatten."""

    def passed_on(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
        right = _passed_on(node, inputs, shape, marks)
        return ids_of(inputs[0], shape, len(right)) if isinstance(node, Flatten) else right

    return passed_on


def _a_column_a_channel(ids: Any, shape: Any, length: int) -> Any:
    """Take column c for channel c; what is behind the channels belongs to the last one."""
    return np.append(ids, np.repeat(ids[-1:], length - len(ids)))


def _square(ids: Any, shape: Any, length: int) -> Any:
    """Take H * H for H * W."""
    side = shape[1] if len(shape) > 1 else 1
    return np.resize(np.repeat(ids, side * side), length)


def _unpooled(network: Any, shapes: Any, params: Any) -> Any:
    """Take the span from the rows and columns of the network's input."""
    first = network[0].shape
    wide = {name: (shape[0], *first[1:]) if len(shape) > 1 else shape for name, shape in shapes.items()}
    marks = _walk(network, wide, params)
    return marks._replace(
        values={name: np.resize(ids, shapes[name][0]) for name, ids in marks.values.items()},
        consumers={place: np.resize(ids, params[place[0]].shape[1]) for place, ids in marks.consumers.items()},
    )


def _last_flatten(ids: Any, shape: Any, length: int) -> Any:
    """Number the entries anew at a flatten of what is flat."""
    return np.repeat(ids, length // len(ids)) if len(shape) > 1 else ids[np.arange(length) % len(np.unique(ids))]


def _output_too(network: Any, params: Any) -> Any:
    """Make a group of the last layer as well."""
    last = layers(network)[-1].name
    rows = tuple(range(len(params[f"{last}.weight"])))
    parts = tuple(Slice(name, 0, rows) for name in (f"{last}.weight", f"{last}.bias") if name in params)
    kind = original("refprune.granularity.Group")
    return (*_find(network, params), kind(last, len(rows), parts, ()))


def _input_too(network: Any, shapes: Any, params: Any) -> Any:
    """Forget that the input's channels are fixed: its first value is said to be another's."""
    marks = _walk(network, shapes, params)
    fresh = 1 + max(int(ids.max()) for ids in marks.values.values())
    return marks._replace(values=marks.values | {network[0].name: np.array([fresh])})


def _output_free(network: Any, shapes: Any, params: Any) -> Any:
    """Rely on nobody reading the output: what it is tied to may be read all the same."""
    marks = _walk(network, shapes, params)
    return marks._replace(values=marks.values | {network[-1].name: marks.values[network[0].name]})


def _by_maker(marks: Any, unit_of: Any) -> Any:
    """Put all units of a maker into one group, whatever part of a split they are in."""
    counts = [np.bincount(unit_of[ids], minlength=len(unit_of)) for (_, axis), ids in marks.producers.items()]
    return np.minimum(np.stack(counts, axis=1), 1)


def _columns(ids_of: Any) -> Any:
    """Return what to replace for another flatten: units of one maker stay together, however many columns each has."""
    return {PASSED: _flattened(ids_of), OCCURRENCES: _by_maker}


def _present(marks: Any, unit_of: Any) -> Any:
    """Ask where a unit is, not how often."""
    return np.minimum(_occurrences(marks, unit_of), 1)


def _each_alone(marks: Any, unit_of: Any) -> Any:
    """Make a group of every unit."""
    return np.arange(len(unit_of))[:, None]


def _once_for_each_maker(network: Any, params: Any) -> Any:
    """Give a group again for each of its makers."""
    groups = _find(network, params)
    weights = [[part.array for part in group.producers if part.array.endswith("weight")] for group in groups]
    again = [
        group._replace(name=array.removesuffix(".weight"))
        for group, own in zip(groups, weights, strict=True)
        for array in own[1:]
    ]
    return (*groups, *again)


def _unnormalised(node: Any, rows: Any, marks: Any) -> Any:
    """Slice no array of a normalisation."""
    return rows if isinstance(node, BatchNorm) else _mark_vectors(node, rows, marks)


def _masked_statistics(own: Any, group: Any) -> Any:
    return [*own, *group.statistics]


def _own_branches(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
    """Take a sum for its first value; the other branches have units of their own."""
    return inputs[0] if isinstance(node, Add) else _passed_on(node, inputs, shape, marks)


def _two_branches(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
    """Tie the first two values of a sum, and no third."""
    return _passed_on(node, inputs[:2] if isinstance(node, Add) else inputs, shape, marks)


def _as_depthwise(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Take a convolution of one output, or from one channel, for depthwise."""
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and (len(rows) == 1 or len(x) == 1):
        marks.coupled.append((np.resize(x, max(len(x), len(rows))), np.resize(rows, max(len(x), len(rows)))))
    return rows


def _depthwise(order: Any) -> Any:
    """Return `_walk` in which the rows of a depthwise convolution are dealt out otherwise."""

    def vectors(node: Any, rows: Any, marks: Any) -> Any:
        return _mark_vectors(node, order(rows) if isinstance(node, DepthwiseConv2d) else rows, marks)

    return vectors


def _every_nth(rows: Any) -> Any:
    """Row r reads channel r % C."""
    channels = len(dict.fromkeys(rows.tolist()))
    return rows.reshape(channels, -1).T.ravel()


def _as_given(network: Any, params: Any) -> Any:
    """Remember the widths of the first time a network is seen, and take offsets from them."""
    groups = _find(network, params)
    first = _SEEN.setdefault(network, groups)
    names = {name for node in network if isinstance(node, Concat) for name in _behind(network, node.name)}
    before = {(group.name, part.array): part.units for group in first for part in group.consumers}

    def stale(group: Any, part: Any) -> Any:
        old = before.get((group.name, part.array), part.units)
        same = part.array.removesuffix(".weight") in names and len(old) > len(part.units)
        return part._replace(units=_packed(old, part.units)) if same else part

    return tuple(group._replace(consumers=tuple(stale(group, part) for part in group.consumers)) for group in groups)


_SEEN: dict[Any, Any] = {}


def _packed(old: Any, now: Any) -> Any:
    """Return the units from where they began on, as far as there are columns."""
    start = next(place for place, unit in enumerate(old) if unit >= 0)
    own = [unit for unit in now if unit >= 0]
    return tuple(own[place - start] if 0 <= place - start < len(own) else -1 for place in range(len(now)))


def _behind(network: Any, value: str) -> list[str]:
    """Return the layers that read a value, through a flatten or a ReLU too."""
    readers = [node for node in network if value in node.inputs]
    passed = [name for node in readers if isinstance(node, Flatten | Relu) for name in _behind(network, node.name)]
    return passed + [node.name for node in readers if isinstance(node, Dense | Conv2d)]


def _last_place(own: Any, group: Any) -> Any:
    """Take only the last column of each unit."""
    last = [{unit: place for place, unit in enumerate(part.units)} for part in own]
    return [
        part._replace(units=tuple(unit if places[unit] == place else -1 for place, unit in enumerate(part.units)))
        for part, places in zip(own, last, strict=True)
    ]


def _sorted_inputs(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
    """Take the values of a concatenation in the order in which they were made."""
    ordered = sorted(inputs, key=lambda ids: ids.tolist()) if isinstance(node, Concat) else inputs
    return _passed_on(node, ordered, shape, marks)


def _by_first_use(network: Any, shapes: Any, params: Any) -> Any:
    """Deal the ranges of a split out in the order in which its parts are read."""
    marks = _walk(network, shapes, params)
    used = [name for node in network for name in node.inputs]
    swapped = dict(marks.consumers)
    for node in network:
        sizes = getattr(node, "sizes", ())
        parts = [f"{node.name}[{place}]" for place in range(len(sizes))]
        start = 0
        for part in sorted(parts, key=used.index):
            width = len(marks.values[part])
            mine = marks.values[node.inputs[0]][start : start + width]
            swapped |= {
                place: mine for place, ids in marks.consumers.items() if np.array_equal(ids, marks.values[part])
            }
            start += width
    return marks._replace(consumers=swapped)


def _ungrouped(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Let any channel of a grouped convolution go by itself."""
    before = len(marks.coupled)
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and node.groups > 1:
        del marks.coupled[before:]
    return rows


def _unbalanced(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Tie the channels a grouped convolution reads, not its outputs."""
    before = len(marks.coupled)
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and node.groups > 1:
        del marks.coupled[before + 1]
    return rows


def _runs(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Tie neighbours, one of each group, in place of equal positions."""
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and node.groups > 1:
        marks.coupled.append((rows, np.repeat(rows[:: node.groups], node.groups)))
    return rows


def _only_the_owner(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Leave what another layer reads with the same parameters alone."""
    before = len(marks.coupled)
    rows = _mark_layer(node, x, used, params, marks)
    if node.shares:
        del marks.coupled[before:]
    return rows


def _owners_groups(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Tie the outputs by the groups of the owner alone."""
    before = len(marks.coupled)
    rows = _mark_layer(node, x, used, params, marks)
    if node.shares:
        del marks.coupled[before + 1]
    return rows


def _first_reader(network: Any, shapes: Any, params: Any) -> Any:
    """Slice only the first reader of a value that several layers read."""
    marks = _walk(network, shapes, params)
    seen: list[Any] = []
    left = {}
    for place, ids in marks.consumers.items():
        if not any(np.array_equal(ids, other) for other in seen):
            left[place] = ids
            seen.append(ids)
    return marks._replace(consumers=left)


def _one_step(coupled: Any, count: int) -> Any:
    """Tie pairs, and not what is tied through a third."""
    left, right = (np.concatenate(ids) for ids in zip(*coupled, strict=True))
    lowest = np.arange(count)
    lowest[right] = np.minimum(left, right)
    return lowest


def _one_past(part: Any, unit: int) -> str:
    """Write runs as first-past."""
    runs = [run.split("-") for run in _indices(part, unit).split(",")]
    return ",".join("-".join([run[0], *(str(int(last) + 1) for last in run[1:])]) for run in runs)


def _averaged_away(kind: Any) -> Any:
    """Return `_walk` that leaves this kind of pool out of the span behind a flatten."""

    def walk(network: Any, shapes: Any, params: Any) -> Any:
        wide = dict(shapes)
        for node in (node for node in network if isinstance(node, kind)):
            wide[node.name] = shapes[node.inputs[0]]
        marks = _walk(network, wide, params)
        return marks._replace(
            values={name: np.resize(ids, shapes[name][0]) for name, ids in marks.values.items()},
            consumers={place: np.resize(ids, params[place[0]].shape[1]) for place, ids in marks.consumers.items()},
        )

    return {WALK: walk, OCCURRENCES: _by_maker}


def _last_layer_fixed(network: Any, shapes: Any, params: Any) -> Any:
    """Take the last layer for the output."""
    marks = _walk(network, shapes, params)
    return marks._replace(values=marks.values | {network[-1].name: marks.values[layers(network)[-1].name]})


def _in_order(order: Any, kind: Any) -> Any:
    """Return `_mark_vectors` for which the channels of a node of this kind come in another order."""

    def vectors(node: Any, rows: Any, marks: Any) -> Any:
        _mark_vectors(node, order(rows) if isinstance(node, kind) else rows, marks)
        return rows

    return {VECTORS: vectors}


def _first_seen(rows: Any) -> Any:
    """Deal the channels out in turn: entry i is channel i % C."""
    return np.resize(list(dict.fromkeys(rows.tolist())), len(rows))


def _one_variance(network: Any, shapes: Any, params: Any) -> Any:
    """Slice every running variance that is as long as the first by the indices of the first."""
    marks = _walk(network, shapes, params)
    variances = [place for place in marks.statistics if place[0].endswith("running_var")]
    first = marks.statistics[variances[0]] if variances else ()
    wrong = {place: first for place in variances if len(marks.statistics[place]) == len(first)}
    return marks._replace(statistics=marks.statistics | wrong)


def _without_norms(network: Any, shapes: Any, params: Any, norms: Any) -> Any:
    """Leave the arrays of these normalisations as they are."""
    marks = _walk(network, shapes, params)
    left = [
        {place: ids for place, ids in places.items() if place[0].rsplit(".", 1)[0] not in norms}
        for places in (marks.producers, marks.statistics)
    ]
    return marks._replace(producers=left[0], statistics=left[1])


def _first_norm(network: Any, shapes: Any, params: Any) -> Any:
    """Slice the first normalisation alone."""
    norms = [node.name for node in network if isinstance(node, BatchNorm)]
    return _without_norms(network, shapes, params, norms[1:])


def _norm_of_owner(network: Any, shapes: Any, params: Any) -> Any:
    """Slice no normalisation that reads a second use of parameters."""
    uses = {node.name for node in network if getattr(node, "shares", "")}
    norms = [node.name for node in network if isinstance(node, BatchNorm) and node.inputs[0] in uses]
    return _without_norms(network, shapes, params, norms)


def _by_name(network: Any, params: Any) -> Any:
    """Sort the groups by their names."""
    return tuple(sorted(_find(network, params), key=lambda group: group.name))


def _unit_by_unit(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
    """Tie the first unit of one summand to the first of another, however many entries each has."""
    if not isinstance(node, Add):
        return _passed_on(node, inputs, shape, marks)
    units = [np.array(list(dict.fromkeys(ids.tolist()))) for ids in inputs]
    count = min(map(len, units))
    marks.coupled.extend((units[0][:count], other[:count]) for other in units[1:])
    return inputs[0]


def _one_multiplier(node: Any, rows: Any, marks: Any) -> Any:
    """Deal rows out in turn behind a depthwise convolution with two rows a channel."""
    if isinstance(node, DepthwiseConv2d) and any(name.startswith(f"{node.inputs[0]}.") for name, _ in marks.producers):
        channels = rows[:: len(rows) // len(np.unique(rows))]
        rows = np.tile(np.repeat(channels, max(len(rows) // len(channels) // 2, 1)), 2)[: len(rows)]
    return _mark_vectors(node, rows, marks)


def _joined_is_fixed(network: Any, params: Any) -> Any:
    """Take what is joined with the network's input for fixed."""
    first = network[0].name
    fixed = {name for node in network if isinstance(node, Concat) and first in node.inputs for name in node.inputs}
    return tuple(group for group in _find(network, params) if not fixed & {part.array for part in group.values})


def _input_last(node: Any, inputs: Any, shape: Any, marks: Any) -> Any:
    """Count the channels of the network's input behind all others."""
    if isinstance(node, Concat) and node.inputs[0] not in {name.rsplit(".", 1)[0] for name, _ in marks.producers}:
        inputs = [*inputs[1:], inputs[0]]
    return _passed_on(node, inputs, shape, marks)


def _as_wide_as_inputs(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Take the groups of outputs to be as wide as the groups of channels."""
    before = len(marks.coupled)
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and node.groups > 1:
        marks.coupled[before + 1] = (rows, np.resize(rows[: len(x) // node.groups], len(rows)))
    return rows


def _groups_are_depthwise(node: Any, x: Any, used: int, params: Any, marks: Any) -> Any:
    """Take a convolution of as many groups as channels for depthwise: a row goes with its channel."""
    rows = _mark_layer(node, x, used, params, marks)
    if isinstance(node, Conv2d) and node.groups == len(x) > 1:
        marks.coupled.append((np.repeat(x, len(rows) // len(x)), rows))
    return rows


MUTANTS = (
    Mutant("two groups of one name", "CPL-05", "a mask removes units of both", {NAMES: lambda groups: None}),
    Mutant("bias stays", "CPL-01", "M40: the bias is not sliced", {GROUP: _changed(producers=_unsliced("bias"))}),
    Mutant("reader stays", "CPL-01", "M40: in-channels not sliced", {GROUP: _changed(consumers=_unsliced("weight"))}),
    Mutant("first reader only", "CPL-01", "M40: only the first reader of a fork; FPGM", {WALK: _first_reader}),
    Mutant("columns of the maker", "CPL-01", "M36: in for out", {GROUP: _changed(producers=_columns_of_makers)}),
    Mutant("rows of the reader", "CPL-01", "M36: out for in", {GROUP: _changed(consumers=_rows_of_readers)}),
    Mutant("a column a channel", "CPL-02", "M41: column c for channel c", _columns(_a_column_a_channel)),
    Mutant(
        "channel last",
        "CPL-02",
        "M41: every C-th column; Torch-Pruning behind a permutation",
        _columns(lambda ids, shape, length: np.resize(ids, length)),
    ),
    Mutant("square images", "CPL-02", "M41: H * H for H * W", _columns(_square)),
    Mutant(
        "span of the input", "CPL-02", "M41: pooling left out of the span", {WALK: _unpooled, OCCURRENCES: _by_maker}
    ),
    Mutant("last flatten decides", "CPL-02", "M41: a second flatten numbers anew", _columns(_last_flatten)),
    Mutant("output is a group", "CPL-03", "M33: classifier pruned; Torch-Pruning", {FIND: _output_too}),
    Mutant("input is free", "CPL-03", "M42: a skip from the data", {WALK: _input_too}),
    Mutant("output is free", "CPL-03", "M42: a sum at the end", {WALK: _output_free}),
    Mutant("groups by maker", "CPL-05", "M44: parts of a split in one group", {OCCURRENCES: _by_maker}),
    Mutant("present, not how often", "CPL-05", "a part of a split can be emptied", {OCCURRENCES: _present}),
    Mutant("a group a unit", "CPL-05", "everything is reserved", {OCCURRENCES: _each_alone}),
    Mutant("a group for each maker", "CPL-05", "Torch-Pruning: the same units again", {FIND: _once_for_each_maker}),
    Mutant(
        "maker's name alone",
        "CPL-05",
        "two groups of one name",
        {NAME: lambda producers: _name(producers).split("[")[0]},
    ),
    Mutant("normalisation stays", "CPL-06", "M38: no array of it sliced", {VECTORS: _unnormalised}),
    Mutant("beta stays", "CPL-06", "M38: beta not sliced", {GROUP: _changed(producers=_unsliced("beta"))}),
    Mutant(
        "running mean stays",
        "CPL-06",
        "M38: running statistics not sliced; Torch-Pruning's instance normalisation",
        {GROUP: _changed(statistics=_unsliced("running_mean"))},
    ),
    Mutant(
        "running variance stays",
        "CPL-06",
        "M38: only the mean is copied; DNN-Pruning",
        {GROUP: _changed(statistics=_unsliced("running_var"))},
    ),
    Mutant("statistics masked", "CPL-06", "M39: a variance of 0", {GROUP: _changed(producers=_masked_statistics)}),
    Mutant("branches by themselves", "CPL-07", "M42: NNI; torch.ao on residual networks", {PASSED: _own_branches}),
    Mutant("two of three", "CPL-07", "M42: a third branch forgotten", {PASSED: _two_branches}),
    Mutant("one channel is depthwise", "CPL-08", "M46: Torch-Pruning, NNI, NNCF", {LAYER: _as_depthwise}),
    Mutant("row r reads r % C", "CPL-08", "M46: the multiplier in the other order", {VECTORS: _depthwise(_every_nth)}),
    Mutant("original offsets", "CPL-09", "M43: Torch-Pruning, distiller in a second round", {FIND: _as_given}),
    Mutant(
        "one place of two",
        "CPL-09",
        "M43: Torch-Pruning, the same value twice",
        {GROUP: _changed(consumers=_last_place)},
    ),
    Mutant("inputs in the order made", "CPL-09", "M43: another order than the record's", {PASSED: _sorted_inputs}),
    Mutant("parts in order of use", "CPL-10", "M44: Torch-Pruning", {WALK: _by_first_use}),
    Mutant("groups unbalanced", "CPL-11", "M45: torch.ao, NNI: rows change group", {LAYER: _ungrouped}),
    Mutant("outputs unbalanced", "CPL-11", "M45: Torch-Pruning by hand", {LAYER: _unbalanced}),
    Mutant("neighbours together", "CPL-11", "M45: runs in place of positions", {LAYER: _runs}),
    Mutant("owner alone", "CPL-12", "M40: the other use of the parameters", {LAYER: _only_the_owner}),
    Mutant("groups of the owner", "CPL-12", "M45: the other number of groups", {LAYER: _owners_groups}),
    Mutant("ties of pairs", "CPL-07", "M42: a tie through a third", {MERGED: _one_step}),
    Mutant("run one too long", "CPL-13", "M41: first-last read as first to last - 1", {INDICES: _one_past}),
    Mutant(
        "statistics not told",
        "CPL-13",
        "M38: what goes with a unit is told in part",
        {TABLE: lambda group: _table(group._replace(statistics=()))},
    ),
    Mutant("span before the average", "CPL-02", "M41: average-pools left out of the span", _averaged_away(AvgPool2d)),
    Mutant("span before the mean", "CPL-02", "M41: H * W behind a global average", _averaged_away(GlobalAvgPool2d)),
    Mutant("last layer is the output", "CPL-03", "M33: one of two that are joined", {WALK: _last_layer_fixed}),
    Mutant("groups by name", "CPL-05", "not in the order of their units", {FIND: _by_name}),
    Mutant("normalised in the order made", "CPL-06", "M43: behind a concatenation", _in_order(np.sort, BatchNorm)),
    Mutant("normalised channel last", "CPL-06", "M41: behind a flatten", _in_order(_first_seen, BatchNorm)),
    Mutant("first variance for all", "CPL-06", "M38: indices of another normalisation", {WALK: _one_variance}),
    Mutant("first normalisation alone", "CPL-06", "M38: a second one stays", {WALK: _first_norm}),
    Mutant("sum tied unit by unit", "CPL-07", "M42: a channel of two pixels and one row", {PASSED: _unit_by_unit}),
    Mutant("multipliers not multiplied", "CPL-08", "M46: depthwise behind depthwise", {VECTORS: _one_multiplier}),
    Mutant("depthwise in the order made", "CPL-08", "M43: behind a concatenation", _in_order(np.sort, DepthwiseConv2d)),
    Mutant("joined with the input is fixed", "CPL-09", "M43: a skip from the data", {FIND: _joined_is_fixed}),
    Mutant("input's channels not counted", "CPL-09", "M43: offsets from the first layer on", {PASSED: _input_last}),
    Mutant("outputs as wide as channels", "CPL-11", "M45: one width for both", {LAYER: _as_wide_as_inputs}),
    Mutant("as many groups as channels", "CPL-11", "M46: taken for depthwise", {LAYER: _groups_are_depthwise}),
    Mutant("normalisation of the owner", "CPL-12", "M38: behind the second use", {WALK: _norm_of_owner}),
)
