"""A pruned network on disk: network.json, params.npz and masks.npz, none of them pickled.

Specification: docs/spec/store.md.
"""

import io
import json
from pathlib import Path

import numpy as np

from refprune.arrays import Array, Masks, Params, check_float_arrays, check_masks
from refprune.errors import InvalidInput
from refprune.network import Network, from_json, infer_shapes, to_json

NETWORK, PARAMS, MASKS = "network.json", "params.npz", "masks.npz"


def save(folder: Path, network: Network, params: Params, masks: Masks) -> None:
    """Write the network, its parameters and its masks into `folder`, which is made when missing.

    Raises:
        InvalidInput: parameters or masks that do not fit; nothing has been written.
        OSError: the folder cannot be made or written to.
    """
    check_fit(network, params, masks)  # STO-05
    folder.mkdir(parents=True, exist_ok=True)  # STO-07
    (folder / NETWORK).write_text(to_json(network), encoding="utf-8")  # STO-01
    _write(folder / PARAMS, params)  # STO-01
    _write(folder / MASKS, masks)  # STO-02


def load(folder: Path) -> tuple[Network, dict[str, Array], dict[str, Array]]:
    """Return what `save` wrote.

    Raises:
        InvalidInput: a file is missing, damaged, or not of this form, or the three do not fit together.
    """
    try:
        network = from_json((folder / NETWORK).read_text(encoding="utf-8"))
        params, masks = _read(folder / PARAMS), _read(folder / MASKS)
        check_fit(network, params, masks)
    except Exception as error:  # what the parsers raise on damaged bytes is no closed list
        expected = f"{NETWORK}, {PARAMS} and {MASKS} as saved"
        raise InvalidInput(str(folder), f"{type(error).__name__}: {error}", expected) from error  # STO-04
    return network, params, masks


def check_fit(network: Network, params: Params, masks: Masks) -> None:
    """Refuse parameters that are not the network's, and masks that are not the parameters'."""
    check_float_arrays("parameter", params)
    infer_shapes(network, params)
    check_masks(masks, params)


def _write(path: Path, arrays: Params) -> None:
    """Write `arr_0`, a JSON list of the names, then the arrays: names are data and no file names."""
    np.savez(path, np.array(json.dumps(list(arrays))), *arrays.values())  # STO-03


def _read(path: Path) -> dict[str, Array]:
    # From memory: when the archive is damaged, np.load leaves a file that it was given open.
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:  # STO-06
        names = json.loads(str(file["arr_0"]))
        return {name: file[f"arr_{number}"] for number, name in enumerate(names, 1)}
