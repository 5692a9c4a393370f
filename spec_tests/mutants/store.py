"""Wrong ways to save and load."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from refprune.errors import InvalidInput
from refprune.lab.store import write_arrays
from refprune.network import from_json, to_json
from spec_tests.backends.reference import Reference
from spec_tests.mutants.mutant import Mutant, original

STORE = "refprune.lab.store"
SAVE, LOAD, PACK, READ, FIT, DIGEST = (
    f"{STORE}.{name}" for name in ("save", "load", "pack", "read_arrays", "check_fit", "_digest")
)
_save, _load, _pack, _read = (original(path) for path in (SAVE, LOAD, PACK, READ))


def _sorted_names(arrays: Any) -> Any:
    """Write the arrays in the order of their names."""
    return _pack({name: arrays[name] for name in sorted(arrays)})


def _text(arrays: Any) -> Any:
    """Write numbers with six decimals."""
    return _pack(
        {name: np.array(np.char.mod("%.6f", a), a.dtype) if a.dtype != bool else a for name, a in arrays.items()},
    )


def _half(arrays: Any) -> Any:
    """Store in half precision, to save space."""
    return _pack({name: a.astype(np.float16) if a.dtype != bool else a for name, a in arrays.items()})


def _no_signs(arrays: Any) -> Any:
    """Lose -0.0."""
    return _pack({name: a + 0.0 if a.dtype != bool else a for name, a in arrays.items()})


def _masks_dropped(folder: Path) -> Any:
    network, params, _ = _load(folder)
    return network, params, {}


def _masks_from_zeros(folder: Path) -> Any:
    network, params, masks = _load(folder)
    return network, params, {name: params[name] != 0 for name in masks}


def _masks_completed(folder: Path) -> Any:
    network, params, masks = _load(folder)
    return network, params, {name: masks.get(name, np.ones(a.shape, bool)) for name, a in params.items()}


def _masks_as_bytes(folder: Path) -> Any:
    network, params, masks = _load(folder)
    return network, params, {name: mask.astype(np.uint8) for name, mask in masks.items()}


def _named_entries(arrays: Any) -> Any:
    """Store every array under its own name in lower case, as on a disk that has no other."""
    return _pack({name: {n.lower(): a for n, a in arrays.items()}[name.lower()] for name in arrays})


def _files_by_name(folder: Path, network: Any, params: Any, masks: Any) -> None:
    """Store every array beside the file as well, under its own name."""
    _save(folder, network, params, masks)
    for name, array in params.items():
        target = folder / f"{name}.npy"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, array)


def _what_there_is(path: Path) -> Any:
    """Take a file that cannot be read for one that holds nothing."""
    try:
        return _read(path)
    except Exception:  # noqa: BLE001  that is the mistake
        return {}


def _no_checksum(arrays: Any) -> str:
    """Compare nothing."""
    return ""


def _written_first(folder: Path, network: Any, params: Any, masks: Any) -> None:
    """Find out too late that the masks do not fit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.json").write_text(to_json(network), encoding="utf-8")
    write_arrays(folder / "params", {name: a for name, a in params.items() if a.dtype != object})
    original(FIT)(network, params, masks)
    write_arrays(folder / "masks", masks)


def _pickled(stem: Path) -> Any:
    """Let pickles in, whatever the file is called."""
    path = next(stem.parent.glob(f"{stem.name}.*"))
    try:
        return _read(stem)
    except InvalidInput:
        if not zipfile.is_zipfile(path):
            return pickle.loads(path.read_bytes())  # noqa: S301  that is the mistake
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=True) as file:
        return {name: file[f"arr_{place}"] for place, name in enumerate(json.loads(str(file["arr_0"])), 1)}


def _unchecked_load(folder: Path) -> Any:
    """Believe that the three files belong together."""
    try:
        network = from_json((folder / "network.json").read_text(encoding="utf-8"))
        return network, _read(folder / "params"), _read(folder / "masks")
    except (OSError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        raise InvalidInput(str(folder), error, "three files") from error


def _masked_on_the_way(folder: Path, network: Any, params: Any, masks: Any) -> None:
    """Apply the masks in place."""
    _save(folder, network, params, masks)
    for name, mask in masks.items():
        params[name][~mask] = 0


class _MisfitsDropped(Reference):
    """Saves what fits and says nothing about the rest."""

    def save(self, folder: Path, network: Any, params: Any, masks: Any) -> None:
        super().save(folder, network, params, {name: mask for name, mask in masks.items() if name in params})


class _OnePickle(Reference):
    """Writes one pickle."""

    def save(self, folder: Path, network: Any, params: Any, masks: Any) -> None:
        original(FIT)(network, params, masks)
        (folder / "all.pkl").write_bytes(pickle.dumps((to_json(network), params, masks)))

    def load(self, folder: Path) -> Any:
        text, params, masks = pickle.loads((folder / "all.pkl").read_bytes())  # noqa: S301  that is the mistake
        return from_json(text), params, masks


class _PlainFiles(Reference):
    """Writes one .npy for each array, and reads those that are there."""

    def save(self, folder: Path, network: Any, params: Any, masks: Any) -> None:
        original(FIT)(network, params, masks)
        (folder / "network.json").write_text(to_json(network), encoding="utf-8")
        for kind, arrays in (("param", params), ("mask", masks)):
            for number, (name, array) in enumerate(arrays.items()):
                np.save(folder / f"{number}.{kind}.{name.encode().hex()}.npy", array)

    def load(self, folder: Path) -> Any:
        found: dict[str, Any] = {"param": {}, "mask": {}}
        for path in sorted(folder.glob("*.npy")):
            _, kind, name, _ = path.name.split(".")
            found[kind][bytes.fromhex(name).decode()] = np.load(path)
        return from_json((folder / "network.json").read_text(encoding="utf-8")), found["param"], found["mask"]


MUTANTS = (
    Mutant("names sorted", "STO-01", "M93: dictionary order", {PACK: _sorted_names}),
    Mutant("six decimals", "STO-01", "numbers as text", {PACK: _text}),
    Mutant("half precision", "STO-01", "dtype not preserved", {PACK: _half}),
    Mutant("-0.0 lost", "STO-01", "M82: the sign of zero", {PACK: _no_signs}),
    Mutant("masks dropped", "STO-02", "M83: save drops the masks", {LOAD: _masks_dropped}),
    Mutant("masks from zeros", "STO-02", "M58: masks derived from zeros", {LOAD: _masks_from_zeros}),
    Mutant("masks completed", "STO-02", "a missing mask is dense, and missing", {LOAD: _masks_completed}),
    Mutant("masks as bytes", "STO-02", "M88: 0 and 1 that scale", {LOAD: _masks_as_bytes}),
    Mutant("names in lower case", "STO-03", "a and A are one file", {PACK: _named_entries}),
    Mutant("names as files", "STO-03", "../a is written elsewhere", {SAVE: _files_by_name}),
    Mutant("half a network", "STO-04", "half a network loads", {READ: _what_there_is}),
    Mutant("no checksum", "STO-04", "changed bytes load", {DIGEST: _no_checksum}),
    Mutant("files nobody misses", "STO-04", "what is gone is taken as never saved", backend=_PlainFiles()),
    Mutant("written, then checked", "STO-05", "M23: half-applied failure", {SAVE: _written_first}),
    Mutant("misfits dropped", "STO-05", "a name that matches nothing", backend=_MisfitsDropped()),
    Mutant("unchecked files", "STO-05", "three files of two networks", {LOAD: _unchecked_load}),
    Mutant("pickles let in", "STO-06", "loading runs code", {READ: _pickled}),
    Mutant("one pickle", "STO-06", "loading runs code", backend=_OnePickle()),
    Mutant("masked on the way", "STO-07", "U17: what is given is changed", {SAVE: _masked_on_the_way}),
)
