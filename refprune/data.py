"""The data: digits, IDX files, MNIST, and batches.

In: files that ship with the project, or that the caller names. Out: arrays, batch first, and batches as
tuples of indices. A file is either read whole and understood, or refused with what was found in it.
Specification: docs/spec/data.md
"""

import gzip
import hashlib
import io
import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from refprune.errors import InvalidInput, check_generator, check_integer

DIGITS = 1797
"""Examples in the digits, over the three parts [DAT-02]."""

DIGITS_TEST = 360
"""Examples in the test part of the digits: the first of the shuffled order [DAT-02]."""

DIGITS_VALIDATION = 237
"""Examples in the validation part of the digits: the next of the shuffled order [DAT-02]."""

MNIST_VALIDATION = 5000
"""Examples in the validation part of MNIST: the last of the training files [DAT-04]."""

_DIGITS_ARRAYS = {
    "images.npy": ("uint8", (DIGITS, 8, 8)),
    "labels.npy": ("uint8", (DIGITS,)),
    "split.npy": ("int16", (DIGITS,)),
}


class Dataset(NamedTuple):
    """Examples with their labels.

    Attributes:
        images: (N, C, H, W) float, in [0, 1].
        labels: (N,) int64, one class number for each image.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]


class Split(NamedTuple):
    """The three disjoint parts of one source of data.

    Attributes:
        train: what the parameters are fitted to.
        validation: what choices are made by.
        test: what is reported.
    """

    train: Dataset
    validation: Dataset
    test: Dataset


def shared_file(*parts: str) -> Path:
    """Find a file or folder that the project ships.

    An installed wheel keeps them in ``refprune/_shared``; a checkout or an editable install has no such
    folder, and keeps them in the repository's root.

    Args:
        parts: the path below the repository's root, such as ``"data", "digits", "images.npy"``.

    Returns:
        The path, which exists.

    Raises:
        InvalidInput: in neither place.
    """
    package = Path(__file__).resolve().parent
    installed, checkout = package / "_shared", package.parent
    # Beside an installed package lie other people's files: with a _shared folder, look nowhere else.
    found = (installed if installed.is_dir() else checkout).joinpath(*parts)
    if not found.exists():
        places = f"{installed.joinpath(*parts)} (wheel) or {checkout.joinpath(*parts)} (checkout)"
        raise InvalidInput(f"shared file {'/'.join(parts)}", "nothing at that path", places)
    return found


def digits(dtype: DTypeLike = np.float32, folder: Path | None = None) -> Split:
    """Read the 1797 handwritten digits, 1200 to train, 237 to validate and 360 to test.

    Args:
        dtype: of the images; a float.
        folder: where the arrays and their manifest.json are; by default those the project ships.

    Returns:
        Images (N, 1, 8, 8) of dtype in [0, 1], pixel = level / 16; labels (N,) int64 in 0..9.

    Raises:
        InvalidInput: a missing file, one whose sha256 is not the manifest's, a dtype that is no float.
    """
    folder = shared_file("data", "digits") if folder is None else folder
    sha256 = _manifest(folder)
    levels, labels, order = (_verified(folder / name, sha256[name]) for name in _DIGITS_ARRAYS)
    if not np.array_equal(np.sort(order), np.arange(DIGITS)):  # DAT-02
        raise InvalidInput(str(folder / "split.npy"), "indices repeated or left out", f"each of 0..{DIGITS - 1} once")
    whole = Dataset(_scaled(levels, 16, dtype), labels.astype(np.int64))  # DAT-02
    test, validation, train = np.split(order, [DIGITS_TEST, DIGITS_TEST + DIGITS_VALIDATION])  # DAT-02
    return Split(train=_take(whole, train), validation=_take(whole, validation), test=_take(whole, test))


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes, plain or compressed with gzip, whatever its name.

    The format: 0x00 0x00 0x08 d, then d sizes as big-endian 32-bit integers, then one byte an entry in
    C order.

    Args:
        path: the file.

    Returns:
        A new array of d dimensions, uint8.

    Raises:
        InvalidInput: missing, not IDX of bytes, corrupt gzip, or a length other than the header's.
    """
    stored = _bytes(path)
    raw = _gunzipped(path, stored, 4 + 4 * 64)  # the longest header there is: it says how much more to unpack
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or not 1 <= raw[3] <= 64:  # DAT-01, NumPy's 64 dimensions
        raise InvalidInput(str(path), raw[:4].hex(" ") or "0 bytes", "an IDX header: 00 00 08, and 1..64 dimensions")
    if len(raw) < (header := 4 + 4 * raw[3]):
        raise InvalidInput(str(path), f"{len(raw)} bytes", f"at least the {header} bytes of the header")
    shape = [int(size) for size in np.frombuffer(raw[4:header], ">u4")]  # DAT-01
    sizes = " x ".join(map(str, shape))
    if 0 in shape:  # DAT-01
        raise InvalidInput(str(path), f"sizes {sizes}", "sizes of at least 1")
    expected = header + math.prod(shape)
    raw = _gunzipped(path, stored, expected + 1)
    if len(raw) != expected:  # DAT-01
        found = f"{'at least ' if len(raw) > expected else ''}{len(raw)} bytes"
        raise InvalidInput(str(path), found, f"{expected} bytes: {header} of header and {sizes}")
    return np.frombuffer(raw, np.uint8)[header:].reshape(shape).copy()


def mnist(folder: Path, dtype: DTypeLike = np.float32) -> Split:
    """Read MNIST, or data in its format, from its four files.

    They are {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, each with or without .gz.

    Args:
        folder: where the files are.
        dtype: of the images; a float.

    Returns:
        Images (N, 1, 28, 28) of dtype in [0, 1], pixel = byte / 255; labels (N,) int64 in 0..9. The last
        5000 training examples are the validation part.

    Raises:
        InvalidInput: a missing or unreadable file, shapes or counts that do not agree, a label above 9, 5000
            training examples or fewer, a dtype that is no float.
    """
    both, test = _labelled(folder, "train", dtype), _labelled(folder, "t10k", dtype)
    kept = len(both.labels) - MNIST_VALIDATION
    if kept < 1:
        expected = f"more than the {MNIST_VALIDATION} of the validation part"
        raise InvalidInput(f"{folder}, training examples", len(both.labels), expected)
    train = Dataset(both.images[:kept], both.labels[:kept])
    validation = Dataset(both.images[kept:], both.labels[kept:])  # DAT-04
    return Split(train, validation, test)


def batches(rng: np.random.Generator, examples: int, size: int, epochs: int) -> tuple[NDArray[np.int64], ...]:
    """Draw the batches of a run, each an array of example numbers.

    Each epoch is one permutation of 0..examples - 1, cut into consecutive runs of size; the last is shorter
    when size does not divide examples.

    Args:
        rng: draws one permutation for each epoch.
        examples: how many there are to draw from, at least 1.
        size: examples in a batch, at least 1.
        epochs: passes over the examples, at least 0.

    Returns:
        epochs * ceil(examples / size) arrays (size,) int64, in the order of training.

    Raises:
        InvalidInput: a number that is too small or is not an integer.

    >>> [len(batch) for batch in batches(np.random.default_rng(0), examples=5, size=2, epochs=2)]
    [2, 2, 1, 2, 2, 1]
    """
    check_generator(rng)
    examples, size = check_integer("examples", examples, least=1), check_integer("size", size, least=1)
    epochs = check_integer("epochs", epochs, least=0)  # DAT-05
    orders = [rng.permutation(examples).astype(np.int64) for _ in range(epochs)]  # DAT-05
    starts = range(0, examples, size)
    return tuple(order[start : start + size] for order in orders for start in starts)  # DAT-05


def _bytes(path: Path) -> bytes:
    """Read a whole file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(str(path), error.strerror, "a file that can be read") from error


def _manifest(folder: Path) -> dict[str, str]:
    """Read the sha256 of each array of the digits, in hexadecimal."""
    path = folder / "manifest.json"
    raw = _bytes(path)
    try:
        files = json.loads(raw)["files"]
        return {name: files[name]["sha256"] for name in _DIGITS_ARRAYS}
    except (ValueError, KeyError, TypeError) as error:
        expected = f"JSON with a sha256 for each of {', '.join(_DIGITS_ARRAYS)}"
        raise InvalidInput(str(path), f"{len(raw)} bytes, {error!r}", expected) from error


def _verified(path: Path, sha256: str) -> NDArray[Any]:
    """Parse an array of the digits from the very bytes whose sha256 was compared."""
    raw = _bytes(path)
    got = hashlib.sha256(raw).hexdigest()
    if got != sha256:  # DAT-03
        raise InvalidInput(str(path), f"{len(raw)} bytes of sha256 {got}", f"sha256 {sha256}, as in manifest.json")
    dtype, shape = _DIGITS_ARRAYS[path.name]
    try:
        array = np.asarray(np.load(io.BytesIO(raw), allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInput(str(path), error, f"an .npy file of {dtype} {shape}") from error
    if (array.dtype.name, array.shape) != (dtype, shape):
        raise InvalidInput(str(path), f"{array.dtype} {array.shape}", f"{dtype} {shape}")
    return array


def _gunzipped(path: Path, stored: bytes, most: int) -> bytes:
    """Return the bytes stored at path; where they say gzip, at most so many bytes of what is in it."""
    if stored[:2] != b"\x1f\x8b":  # DAT-01, the content decides and not the name
        return stored
    try:
        with gzip.open(io.BytesIO(stored)) as file:
            # DAT-01. No byte of gzip unpacks to more than 1032: a wrong size in a header asks for no more memory.
            return file.read(min(most, 1032 * len(stored)))
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        raise InvalidInput(str(path), f"{len(stored)} bytes, {error!r}", "a whole gzip file") from error


def _scaled(levels: NDArray[Any], white: int, dtype: DTypeLike) -> NDArray[Any]:
    """Turn levels (N, H, W) in 0..white into images (N, 1, H, W) in [0, 1], rounded once."""
    if np.dtype(dtype).kind != "f":
        raise InvalidInput("dtype", np.dtype(dtype), "a float dtype: images are in [0, 1]")
    return np.asarray(np.divide(levels[:, np.newaxis], white, dtype=np.dtype(dtype).type))


def _take(whole: Dataset, indices: NDArray[Any]) -> Dataset:
    """Copy the examples at indices (M,), in that order."""
    return Dataset(whole.images[indices], whole.labels[indices])


def _labelled(folder: Path, prefix: str, dtype: DTypeLike) -> Dataset:
    """Read the two files of MNIST that begin with prefix, and check that they belong together."""
    images_path = _either(folder / f"{prefix}-images-idx3-ubyte")
    labels_path = _either(folder / f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.shape[1:] != (28, 28):  # DAT-04
        raise InvalidInput(str(images_path), f"shape {images.shape}", "shape (N, 28, 28)")
    if labels.shape != images.shape[:1]:  # DAT-04
        raise InvalidInput(str(labels_path), f"shape {labels.shape}", f"{images.shape[:1]}, a label for each image")
    if labels.max() > 9:  # DAT-04
        raise InvalidInput(str(labels_path), f"a label {labels.max()}", "labels in 0..9")
    return Dataset(_scaled(images, 255, dtype), labels.astype(np.int64))  # DAT-04


def _either(path: Path) -> Path:
    """Find the file at path, or else the one with .gz after its name."""
    compressed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not compressed.is_file():
        raise InvalidInput(str(path), "no such file", f"it or {compressed.name}")
    return path if path.is_file() else compressed
