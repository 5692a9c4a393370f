"""Digests of what must be the same everywhere, bit by bit: selections, masks, schedules, counts, removals, exact sums.

python -m spec_tests.kit.portability            print the digests of this machine, this NumPy, these variables
python -m spec_tests.kit.portability --check    compare with the published ones, data/portability.json
python -m spec_tests.kit.portability --write    publish them

Every input is made by integer arithmetic, in C and in Fortran order; nothing is drawn. What needs `exp` or a power is
not here: it may differ in the last bit.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from refprune import architectures, measure, schedules
from refprune.arrays import Array
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.data import shared_file
from refprune.granularity import block, l1, n_of_m
from refprune.network import Network
from refprune.selection import global_, local, select
from refprune.surgery import compact

SPARSITIES = (0.0, 0.1, 0.29, 0.5, 1 / 3, 0.7, 0.9, 0.99, 1.0)
SHAPES = ((7,), (64, 3), (5, 4, 3, 3), (40, 50), (3001,))


def digests() -> dict[str, str]:
    """Return name -> sha256 of everything that must be the same everywhere."""
    return {name: _digest(things()) for name, things in THINGS.items()}


def _digest(things: Iterator[Any]) -> str:
    found = hashlib.sha256()
    for thing in things:
        if isinstance(thing, np.ndarray):
            found.update(f"{thing.dtype.str}{thing.shape}".encode())
            found.update(np.ascontiguousarray(thing).tobytes())
        else:
            found.update(repr(thing).encode())
    return found.hexdigest()


def numbers(shape: tuple[int, ...], different: int, seed: int = 0, dtype: type = np.float64) -> Array:
    """Return integers in [-different, different], in an order without a pattern that a sort would like."""
    index = np.arange(int(np.prod(shape)), dtype=np.int64)
    mixed = (index * index + 7919 * index + 104729 * seed) % (2 * different + 1)
    return (mixed - different).astype(dtype).reshape(shape)


def _both_orders(array: Array) -> Iterator[Array]:
    yield array
    yield np.asfortranarray(array)


def _selections() -> Iterator[Any]:
    dtypes = (np.float32, np.float64)
    for scope, different, sparsity, dtype in product((local, global_), (0, 2, 10**6), SPARSITIES, dtypes):
        scores = {str(shape): numbers(shape, different, dtype=dtype) for shape in SHAPES}
        for order in (np.ascontiguousarray, np.asfortranarray):
            first = select({name: order(array) for name, array in scores.items()}, sparsity, scope).masks
            yield from first.values()
            yield from select(scores, 1.0, scope, first).masks.values()


def _granularities() -> Iterator[Any]:
    for shape, different in product(((6, 10), (5, 7, 3, 3)), (1, 50)):
        for scores in _both_orders(numbers(shape, different)):
            yield from n_of_m({"a": scores}, 2, 4).values()
            tiles = block(2, 4, l1)
            reduced = tiles.reduce({"a": scores})
            yield reduced["a"]
            yield from tiles.expand(select(reduced, 0.5).masks, {"a": scores}).values()


def _schedules() -> Iterator[Any]:
    for curve, end, every in product((schedules.linear, schedules.cubic), (4, 10, 64), (1, 3)):
        schedule = schedules.Schedule(curve=curve, final=0.875, end=end, every=every)
        yield schedules.firing_steps(schedule, end + 2)
        yield [schedules.sparsity_at(schedule, step) for step in range(0, end + 1, max(end // 4, 1))]


def _networks() -> Iterator[tuple[Network, dict[str, Array]]]:
    for build in (architectures.cnn_8x8, architectures.resnet_8, architectures.split_swap):
        network, shapes = build()
        yield network, {name: numbers(shape, 1, seed) for seed, (name, shape) in enumerate(shapes.items())}


def _counts() -> Iterator[Any]:
    for network, params in _networks():
        yield measure.count(network, params)


def _removals() -> Iterator[Any]:
    for network, params in _networks():
        groups = find_groups(network, params)
        masks = {group.name: np.arange(group.size) % 3 > 0 for group in groups}
        yield from compact(params, groups, masks).arrays.values()


def _exact_sums() -> Iterator[Any]:
    network, shapes = architectures.cnn_8x8()
    for dtype in (np.float32, np.float64):
        params = {name: numbers(shape, 1, seed, dtype) for seed, (name, shape) in enumerate(shapes.items())}
        for x in _both_orders(numbers((5, 1, 8, 8), 2, dtype=dtype)):
            yield forward(network, {name: np.asfortranarray(array) for name, array in params.items()}, x)


THINGS: Mapping[str, Callable[[], Iterator[Any]]] = {
    "selections": _selections,
    "granularities": _granularities,
    "schedules": _schedules,
    "counts": _counts,
    "removals": _removals,
    "exact sums": _exact_sums,
}


def main(arguments: list[str]) -> int:
    """Print, compare or publish."""
    found = digests()
    path = shared_file("data", "portability.json")
    if "--write" in arguments:
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    published = json.loads(path.read_text(encoding="utf-8"))
    for name, digest in found.items():
        print(f"{digest[:16]}  {name}" + ("" if digest == published.get(name) else "  DIFFERS from the published one"))
    print(f"NumPy {np.__version__}")
    return int("--check" in arguments and found != published)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
