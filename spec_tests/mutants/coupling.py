"""Wrong groups."""

from typing import Any

from refprune.granularity import Group, Slice
from refprune.network import layers
from spec_tests.mutants.mutant import Mutant, original

COUPLING, SURGERY = "refprune.coupling", "refprune.surgery"
FIND, GROUP, PIXELS, TAKE = (
    f"{COUPLING}.find_groups",
    f"{COUPLING}._group",
    f"{COUPLING}._pixels",
    f"{SURGERY}._take",
)
_find, _group, _pixels, _take = original(FIND), original(GROUP), original(PIXELS), original(TAKE)


def _no_bias(maker: str, reader: str, span: int, params: Any) -> Group:
    """Leave the bias out of the unit."""
    right: Group = _group(maker, reader, span, params)
    return right._replace(producers=right.producers[:1])


def _no_reader(maker: str, reader: str, span: int, params: Any) -> Group:
    """Slice the maker and forget who reads it."""
    right: Group = _group(maker, reader, span, params)
    return right._replace(consumers=())


def _own_columns(maker: str, reader: str, span: int, params: Any) -> Group:
    """Take units as inputs: columns of the maker itself."""
    right: Group = _group(maker, reader, span, params)
    return right._replace(producers=(Slice(f"{maker}.weight", 1), *right.producers[1:]))


def _reader_rows(maker: str, reader: str, span: int, params: Any) -> Group:
    """Slice the reader's rows in place of its columns."""
    right: Group = _group(maker, reader, span, params)
    return right._replace(consumers=(Slice(f"{reader}.weight", 0, span),))


def _one_column(array: Any, part: Slice, kept: Any) -> Any:
    """Take column c for channel c, whatever the span."""
    return array.take(kept, axis=part.axis)


def _channel_last(array: Any, part: Slice, kept: Any) -> Any:
    """Take every C-th column."""
    size = array.shape[part.axis] // part.span
    columns = [pixel * size + unit for pixel in range(part.span) for unit in kept]
    return array.take(columns, axis=part.axis)


def _unpooled(network: Any, params: Any) -> Any:
    """Take the span from the rows and columns of the network's input."""
    first = network[0].shape

    def wide(part: Slice) -> Slice:
        return part._replace(span=first[1] * first[2]) if part.span > 1 else part

    return tuple(group._replace(consumers=tuple(map(wide, group.consumers))) for group in _find(network, params))


def _last_flatten(network: Any, params: Any) -> Any:
    """Let the last flatten decide the span, also when there was one before."""
    kinds = [type(node).__name__ for node in network]
    flat = kinds.count("Flatten") > 1
    groups = _find(network, params)
    return tuple(
        group._replace(consumers=tuple(part._replace(span=1) for part in group.consumers)) if flat else group
        for group in groups
    )


def _output_too(network: Any, params: Any) -> Any:
    """Make a group of the last layer as well."""
    last = layers(network)[-1].name
    parts = (Slice(f"{last}.weight", 0), Slice(f"{last}.bias", 0))
    return (*_find(network, params), Group(last, len(params[f"{last}.bias"]), parts, ()))


MUTANTS = (
    Mutant("bias stays", "CPL-01", "M40: the bias is not sliced", {GROUP: _no_bias}),
    Mutant("reader stays", "CPL-01", "M40: consumer in-channels not sliced", {GROUP: _no_reader}),
    Mutant("columns of the maker", "CPL-01", "M36: wrong axis, in for out", {GROUP: _own_columns}),
    Mutant("rows of the reader", "CPL-01", "M36: wrong axis, out for in", {GROUP: _reader_rows}),
    Mutant("a column a channel", "CPL-02", "M41: column c for channel c behind a flatten", {TAKE: _one_column}),
    Mutant(
        "channel last",
        "CPL-02",
        "M41: every C-th column; Torch-Pruning behind a permutation",
        {TAKE: _channel_last},
    ),
    Mutant(
        "square images",
        "CPL-02",
        "M41: H * H for H * W",
        {PIXELS: lambda shape: shape[1] ** 2 if len(shape) == 3 else 1},
    ),
    Mutant("span of the input", "CPL-02", "M41: pooling left out of the span", {FIND: _unpooled}),
    Mutant("last flatten decides", "CPL-02", "M41: a second flatten makes the span 1", {FIND: _last_flatten}),
    Mutant("output is a group", "CPL-03", "M33: classifier pruned; Torch-Pruning", {FIND: _output_too}),
    Mutant(
        "forks accepted",
        "CPL-04",
        "M40: only one reader of a fan-out",
        {f"{COUPLING}.check_chain": lambda network: None},
    ),
)
