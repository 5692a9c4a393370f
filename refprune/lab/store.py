"""A pruned network on disk: network.json, params.npz and masks.npz, none of them pickled."""

import json
import zipfile
from pathlib import Path

import numpy as np

from refprune.arrays import Array, Masks, Params
from refprune.errors import InvalidInput
from refprune.network import Network, from_json, to_json

ARRAYS = ("params", "masks")


def save(folder: Path, network: Network, params: Params, masks: Masks) -> None:
    """Write the network, its parameters and its masks into `folder`, which is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.json").write_text(to_json(network), encoding="utf-8")
    for kind, arrays in zip(ARRAYS, (params, masks), strict=True):
        # Names are data, not file names: they go into an index, so that any name survives.
        named = {f"array_{index}": array for index, array in enumerate(arrays.values())}
        np.savez(folder / f"{kind}.npz", allow_pickle=False, names=np.array(json.dumps(list(arrays))), **named)


def load(folder: Path) -> tuple[Network, dict[str, Array], dict[str, Array]]:
    """Return what `save` wrote.

    Raises:
        InvalidInput: a file is missing, truncated or not of this form.
    """
    try:
        network = from_json((folder / "network.json").read_text(encoding="utf-8"))
        params, masks = (_read(folder / f"{kind}.npz") for kind in ARRAYS)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidInput(str(folder), error, "network.json, params.npz and masks.npz as saved") from error
    return network, params, masks


def _read(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as file:
        names = json.loads(str(file["names"]))
        return {name: file[f"array_{index}"] for index, name in enumerate(names)}
