"""A pruned network on disk: network.json, and parameters and masks as .safetensors, or as .npz without that package.

In: network, parameters, masks. Out: the same from the same folder; nothing is ever unpickled.
Specification: docs/spec/store.md.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refprune.arrays import Array, Masks, Params, check_float_arrays, check_masks
from refprune.errors import InvalidInput
from refprune.lab.extras import installed
from refprune.lab.files import writing
from refprune.network import Network, from_json, to_json
from refprune.shapes import infer_shapes

NETWORK, PARAMS, MASKS = "network.json", "params", "masks"
"""Files of a stored network; the last two with the suffix of their form."""
SAFETENSORS, NPZ = ".safetensors", ".npz"


def save(folder: Path, network: Network, params: Params, masks: Masks) -> None:
    """Write the network, its parameters and its masks into `folder`, which is made when missing.

    Raises:
        InvalidInput: parameters or masks that do not fit, or of a dtype the form does not know; nothing has
            been written.
        OSError: the folder cannot be made or written to.
    """
    check_fit(network, params, masks)  # STO-05
    packed = {PARAMS: pack(params), MASKS: pack(masks)}  # STO-01, STO-02
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)  # STO-07
        (folder / NETWORK).write_text(to_json(network), encoding="utf-8")  # STO-01
    for name, file in packed.items():
        _write(folder / name, file)


def load(folder: Path) -> tuple[Network, dict[str, Array], dict[str, Array]]:
    """Return what `save` wrote.

    Raises:
        InvalidInput: a file is missing, damaged, or not of this form, or the three do not fit together.
    """
    network = _read_network(folder / NETWORK)
    params, masks = read_arrays(folder / PARAMS), read_arrays(folder / MASKS)
    try:
        check_fit(network, params, masks)
    except InvalidInput as error:
        raise _in_file(folder, error) from error  # STO-05
    except Exception as error:  # names that are no text, in a file that was made by hand
        got = f"files that do not fit together ({error})"
        raise InvalidInput(str(folder), got, f"{NETWORK}, {PARAMS} and {MASKS} as saved") from error  # STO-04
    return network, params, masks


def _read_network(path: Path) -> Network:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except InvalidInput as error:
        raise _in_file(path, error) from error
    except OSError as error:
        raise InvalidInput(str(path), error.strerror, "a file as saved") from error  # STO-04
    except Exception as error:  # what the parsers raise on damaged bytes is no closed list
        raise InvalidInput(str(path), f"bytes that cannot be read ({error})", "a file as saved") from error  # STO-04


def _in_file(path: Path, error: InvalidInput) -> InvalidInput:
    """Return the error with the name of the file, or of the folder, in which it was found."""
    what, got, expected = error.args
    return InvalidInput(f"{path}, {what}", got, expected)


def check_fit(network: Network, params: Params, masks: Masks) -> None:
    """Refuse parameters that are not the network's, and masks that are not the parameters'."""
    check_float_arrays("parameter", params)
    infer_shapes(network, params)
    check_masks(masks, params)


def write_arrays(stem: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays into one file, `stem` with the suffix of the form, and remove the other form's."""
    _write(stem, pack(arrays))


class Packed(NamedTuple):
    """A file before it has a place."""

    suffix: str
    content: bytes


def pack(arrays: Mapping[str, Array]) -> Packed:
    """Return a file of named arrays: .safetensors where the package is installed, otherwise .npz.

    Raises:
        InvalidInput: a name that is no Unicode text, a dtype that the form does not know.
    """
    for name in arrays:
        if not name.isascii() and name != name.encode(errors="replace").decode():
            raise InvalidInput("arrays", f"the name {name!r}", "text that UTF-8 can write")  # STO-03
    if installed("safetensors"):
        return Packed(SAFETENSORS, _to_safetensors(arrays))
    return Packed(NPZ, _to_npz(arrays))


def _write(stem: Path, file: Packed) -> None:
    other = NPZ if file.suffix == SAFETENSORS else SAFETENSORS
    path = stem.with_name(stem.name + file.suffix)
    with writing(path):
        path.write_bytes(file.content)
        stem.with_name(stem.name + other).unlink(missing_ok=True)


def read_arrays(stem: Path) -> dict[str, Array]:
    """Return named arrays, in the order in which they were written.

    Raises:
        InvalidInput: no file of either form, both, damaged bytes, or no safetensors to read one with.
    """
    path = _found(stem)
    try:
        content = path.read_bytes()  # when the archive is damaged, np.load leaves a file that it was given open
        return _from_npz(content) if path.suffix == NPZ else _from_safetensors(content)
    except ModuleNotFoundError as error:
        raise InvalidInput(str(path), str(error), 'python -m pip install "refprune[lab]"') from error
    except Exception as error:  # what the parsers raise on damaged bytes is no closed list
        raise InvalidInput(str(path), f"bytes that cannot be read ({error})", "a file as saved") from error


def size_of(stem: Path) -> int:
    """Return how many bytes the file of these arrays has on disk."""
    return _found(stem).stat().st_size


def _found(stem: Path) -> Path:
    """Return the one file of these arrays."""
    paths = [path for path in (stem.with_name(stem.name + suffix) for suffix in (SAFETENSORS, NPZ)) if path.is_file()]
    if len(paths) != 1:
        got = f"the files {[path.name for path in paths]}"
        raise InvalidInput(str(stem), got, f"one of {stem.name}{SAFETENSORS} and {stem.name}{NPZ}")
    return paths[0]


def _to_npz(arrays: Mapping[str, Array]) -> bytes:
    """Return `arr_0`, a JSON list of the names, then the arrays: names are data and no file names."""
    file = io.BytesIO()
    np.savez(file, np.array(json.dumps(list(arrays))), *arrays.values())  # STO-03
    return file.getvalue()


def _from_npz(content: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:  # STO-06
        names = json.loads(str(file["arr_0"]))
        return {name: file[f"arr_{number}"] for number, name in enumerate(names, 1)}


def _to_safetensors(arrays: Mapping[str, Array]) -> bytes:
    """Return the arrays by name, with what the form itself does not keep: their order, and a checksum."""
    from safetensors.numpy import save as to_bytes

    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    known = {np.dtype(kind) for kind in (np.float16, np.float32, np.float64, np.bool_)}
    for name, array in ordered.items():
        if array.dtype not in known:
            raise InvalidInput(f"array {name!r}", array.dtype, f"one of {sorted(map(str, known))}")
    about = {"names": json.dumps(list(arrays)), "sha256": _digest(ordered)}
    return bytes(to_bytes(ordered, metadata=about))


def _from_safetensors(content: bytes) -> dict[str, Array]:
    from safetensors.numpy import load as from_bytes

    about = _header(content).get("__metadata__", {})
    arrays, names = from_bytes(content), json.loads(about["names"])
    ordered = {name: arrays[name].copy() for name in names}  # STO-01
    if len(arrays) != len(ordered) or _digest(ordered) != about["sha256"]:  # STO-04
        raise ValueError("their checksum is another one than the header's")
    return ordered


def _header(content: bytes) -> dict[str, Any]:
    """Return the header: 8 bytes of its length, little-endian, then JSON."""
    return dict(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]))


def _digest(arrays: Mapping[str, Array]) -> str:
    """Return the sha256 of names, dtypes, shapes and bytes, one array after another."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(json.dumps([name, array.dtype.name, array.shape], ensure_ascii=False).encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()
