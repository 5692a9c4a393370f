"""Write the handwritten digits beside this script: images, labels, split and manifest.

In: scikit-learn's ``load_digits`` (the extra ``export``). Out: four files, the same bytes on every run.
Run ``python data/digits/export.py``; a folder as its argument writes there instead, to compare.
Provenance: README.md in this folder. Specification: docs/spec/data.md
"""

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

SEED = 1998
"""Of the split; the year of the data, chosen before any result was seen."""

SIZES = {"test": 360, "validation": 237, "train": 1200}
"""Examples in each part, in the order in which they are taken from the shuffled indices."""

SOURCE = {
    "title": "Optical Recognition of Handwritten Digits",
    "authors": "E. Alpaydin and C. Kaynak",
    "publisher": "UCI Machine Learning Repository",
    "year": 1998,
    "doi": "10.24432/C50P49",
    "exported_from": "sklearn.datasets.load_digits",
}


def shuffled(examples: int) -> NDArray[np.int16]:
    """Order 0..examples - 1 by the sha256 of "seed:index", (examples,) int16.

    A hash, not a random generator: generators may change their stream from one version to the next.
    """
    order = sorted(range(examples), key=lambda index: hashlib.sha256(f"{SEED}:{index}".encode()).digest())
    return np.array(order, dtype="<i2")


def arrays() -> dict[str, NDArray[Any]]:
    """Load the digits and check that uint8 holds them exactly."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    if not (np.array_equal(images, digits.images) and np.array_equal(labels, digits.target)):
        raise ValueError("load_digits: got values that uint8 does not hold, expected integers 0..255")
    if images.shape != (sum(SIZES.values()), 8, 8):
        raise ValueError(f"load_digits: got {images.shape}, expected ({sum(SIZES.values())}, 8, 8)")
    return {"images.npy": images, "labels.npy": labels, "split.npy": shuffled(len(images))}


def npy(array: NDArray[Any]) -> bytes:
    """Return the bytes of an .npy file in C order."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def main(folder: Path) -> None:
    """Write the four files into folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, array in arrays().items():
        raw = npy(array)
        (folder / name).write_bytes(raw)
        digest = hashlib.sha256(raw).hexdigest()
        files[name] = {"sha256": digest, "shape": array.shape, "dtype": array.dtype.name}
    manifest = {"files": files, "split": SIZES, "source": SOURCE, "licence": "CC BY 4.0"}
    (folder / "manifest.json").write_bytes((json.dumps(manifest, indent=2) + "\n").encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
