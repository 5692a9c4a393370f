"""The definition of removal on chains, in plain Python: which rows and columns go, what is cut or masked instead.

Who owns a column is written down by counting through channels, rows and columns; NumPy only carries the data.
"""

from collections.abc import Mapping, Sequence

from refprune.arrays import Array, Masks, Params
from refprune.network import Network, layers

Units = Mapping[str, Sequence[int]]
"""Layer -> the units that go."""


def readers(network: Network) -> dict[str, str]:
    """Return layer -> the next layer, of every layer but the last."""
    names = [node.name for node in layers(network)]
    return {name: names[place + 1] for place, name in enumerate(names[:-1])}


def owners(params: Params, maker: str, reader: str) -> list[int]:
    """Return the unit each column of the reader's weight reads: behind a flatten, channel by channel."""
    units, columns = len(params[f"{maker}.bias"]), params[f"{reader}.weight"].shape[1]
    return [unit for unit in range(units) for _ in range(columns // units)]


def compacted(network: Network, params: Params, units: Units) -> dict[str, Array]:
    """Return the parameters without these units, list by list."""
    small = {name: array.copy() for name, array in params.items()}
    for maker, gone in units.items():
        rows = [row for row in range(len(params[f"{maker}.bias"])) if row not in gone]
        reader = readers(network)[maker]
        columns = [place for place, unit in enumerate(owners(params, maker, reader)) if unit not in gone]
        small[f"{maker}.weight"] = small[f"{maker}.weight"][rows]
        small[f"{maker}.bias"] = small[f"{maker}.bias"][rows]
        small[f"{reader}.weight"] = small[f"{reader}.weight"][:, columns]
    return small


def cut(network: Network, params: Params, units: Units) -> dict[str, Array]:
    """Return parameters of full size in which nothing reads these units."""
    full = {name: array.copy() for name, array in params.items()}
    for maker, gone in units.items():
        reader = readers(network)[maker]
        for place, unit in enumerate(owners(params, maker, reader)):
            if unit in gone:
                full[f"{reader}.weight"][:, place] = 0
    return full


def masked(params: Params, units: Units) -> dict[str, Array]:
    """Return parameters of full size in which these units have no weight and no bias."""
    full = {name: array.copy() for name, array in params.items()}
    for maker, gone in units.items():
        for unit in gone:
            full[f"{maker}.weight"][unit] = 0
            full[f"{maker}.bias"][unit] = 0
    return full


def unread(network: Network, params: Params, masks: Masks) -> dict[str, list[int]]:
    """Return the units that only removed entries read, from the last layer back; one unit of each layer stays."""
    gone: dict[str, list[int]] = {}
    for maker, reader in reversed(readers(network).items()):
        weight = f"{reader}.weight"
        owner = owners(params, maker, reader)
        read = {
            owner[index[1]]
            for index in _indices(params[weight].shape)
            if index[0] not in gone.get(reader, []) and (weight not in masks or masks[weight][index])
        }
        everybody = range(len(params[f"{maker}.bias"]))
        gone[maker] = [unit for unit in everybody if unit not in (read or {0})]
    return gone


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return every index of an array of this shape."""
    found: list[tuple[int, ...]] = [()]
    for length in shape:
        found = [(*index, place) for index in found for place in range(length)]
    return found
