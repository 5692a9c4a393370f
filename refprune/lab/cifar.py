"""CIFAR-10, from its files as they are published: the binary version or the Python version.

In: the folder that holds cifar-10-batches-bin or cifar-10-batches-py. Out: a `Split` of 45,000, 5,000 and 10,000
examples. A pickle is data here: nothing that one names is ever run.
"""

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from refprune.data import Dataset, Split
from refprune.errors import InvalidInput

BINARY, PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"
"""Folders of the two versions; where both are there, the binary one is read."""
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
PER_FILE = 10_000
"""Examples in a file."""
CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE
"""Bytes of an image: red, green, blue, each row by row."""
LARGEST_PICKLE = 4
"""Bytes that a file of the Python version may have, in times those of its images; the published ones have 1.01."""


class Examples(NamedTuple):
    """What one file holds: images (N, 3072) and labels (N,), both uint8."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def is_there(folder: Path) -> bool:
    """Say whether one of the two versions is in a folder."""
    return any((folder / name).is_dir() for name in (BINARY, PYTHON))


def cifar10(folder: Path, dtype: DTypeLike = np.float32) -> Split:
    """Read CIFAR-10.

    Args:
        folder: that of the two folders.
        dtype: of the images; a float.

    Returns:
        Images (N, 3, 32, 32) of dtype: byte / 255, less the mean of its channel over the training part; labels (N,)
        int64 in 0..9. The last 5,000 training examples are the validation part.

    Raises:
        InvalidInput: a missing or unreadable file, another number of examples than 10,000, a label above 9, a pickle
            that names anything but arrays of bytes, a dtype that is no float.
    """
    return read(folder, dtype, PER_FILE)


def read(folder: Path, dtype: DTypeLike, per_file: int) -> Split:
    """Read files of `per_file` examples each; half as many are the validation part."""
    if np.dtype(dtype).kind != "f":
        raise InvalidInput("dtype", np.dtype(dtype), "a float dtype: images are fractions")
    binary = (folder / BINARY).is_dir()
    if not binary and not (folder / PYTHON).is_dir():
        raise InvalidInput(str(folder), f"neither {BINARY} nor {PYTHON}", "one of these folders")
    files = [_file(folder, name, per_file, binary=binary) for name in (*TRAIN, TEST)]
    images = np.concatenate([file.images for file in files[:-1]])
    labels = np.concatenate([file.labels for file in files[:-1]])
    kept = len(labels) - per_file // 2
    mean = _mean(images[:kept])
    train = _dataset(images, labels, mean, dtype)
    return Split(
        train=Dataset(train.images[:kept], train.labels[:kept]),
        validation=Dataset(train.images[kept:], train.labels[kept:]),
        test=_dataset(*files[-1], mean, dtype),
    )


def _mean(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of each channel in [0, 1], (3, 1, 1): a whole sum, divided once."""
    totals = images.reshape(len(images), CHANNELS, -1).sum(axis=(0, 2), dtype=np.int64)
    return np.asarray(totals / (255 * len(images) * SIDE * SIDE))[:, np.newaxis, np.newaxis]


def _dataset(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], mean: NDArray[np.float64], dtype: DTypeLike
) -> Dataset:
    """Return images (N, 3, 32, 32) and their labels."""
    kind = np.dtype(dtype).type
    scaled = np.divide(images.reshape(-1, CHANNELS, SIDE, SIDE), 255, dtype=kind)
    return Dataset(np.subtract(scaled, mean.astype(kind), out=scaled), labels.astype(np.int64))


def _file(folder: Path, name: str, per_file: int, *, binary: bool) -> Examples:
    """Read one file of either version."""
    path = folder / BINARY / f"{name}.bin" if binary else folder / PYTHON / name
    examples = _from_binary(path, per_file) if binary else _from_pickle(path, per_file)
    if examples.labels.max() > 9:
        raise InvalidInput(str(path), f"a label {examples.labels.max()}", "labels in 0..9")
    return examples


def _bytes(path: Path, most: int) -> bytes:
    """Return at most so many bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise InvalidInput(str(path), error.strerror, "a file that can be read") from error


def _from_binary(path: Path, per_file: int) -> Examples:
    """Read examples of a label and an image each."""
    expected = per_file * (1 + PIXELS)
    raw = _bytes(path, expected + 1)
    if len(raw) != expected:
        found = f"{'at least ' if len(raw) > expected else ''}{len(raw)} bytes"
        raise InvalidInput(str(path), found, f"{expected} bytes: {per_file} examples of {1 + PIXELS}")
    examples = np.frombuffer(raw, np.uint8).reshape(per_file, 1 + PIXELS)
    return Examples(examples[:, 1:], examples[:, 0])


def _from_pickle(path: Path, per_file: int) -> Examples:
    """Read a dict of `data`, an array (N, 3072) of bytes, and `labels`, a list of N integers."""
    most = LARGEST_PICKLE * per_file * PIXELS
    raw = _bytes(path, most + 1)
    if len(raw) > most:
        raise InvalidInput(str(path), f"more than {most} bytes", f"those of {per_file} examples")
    file = io.BytesIO(raw)
    try:
        found = _named(_Reader(file, encoding="bytes").load())
        images, labels = _array(found["data"]), found["labels"]
    except Exception as error:  # what a damaged pickle raises is no closed list
        expected = (
            "a pickle of a dict with data and labels, and of nothing but arrays of bytes, lists, text and numbers"
        )
        raise InvalidInput(str(path), f"{type(error).__name__}: {error}", expected) from error
    if left := len(file.read()):
        raise InvalidInput(str(path), f"{left} bytes after the pickle", "none")
    if images.shape != (per_file, PIXELS):
        raise InvalidInput(str(path), f"data of shape {images.shape}", f"({per_file}, {PIXELS})")
    if type(labels) is not list or len(labels) != per_file:
        raise InvalidInput(str(path), f"labels that are no list of {per_file}", f"a list of {per_file}")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        wrong = next(label for label in labels if type(label) is not int or not 0 <= label <= 9)
        raise InvalidInput(str(path), f"a label {str(wrong)[:40]}", "labels in 0..9")
    return Examples(images, np.array(labels, np.uint8))


def _named(found: object) -> dict[str, Any]:
    """Return a dict by text: in the published files the keys are bytes."""
    if type(found) is not dict:
        raise pickle.UnpicklingError(f"a {type(found).__name__} in place of a dict")
    return {key.decode() if isinstance(key, bytes) else str(key): value for key, value in found.items()}


class _Made:
    """What a pickle makes of a name that it may use: which, of what, and with what state; nothing is run."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None


def _array(made: object) -> NDArray[np.uint8]:
    """Return the array that a pickle describes: (version, shape, dtype, column by column, bytes)."""
    if not isinstance(made, _Made) or made.name != "array":
        raise pickle.UnpicklingError(f"data that is a {type(made).__name__} and no array")
    _, shape, dtype, by_column, raw = made.state
    kind = dtype.arguments[0]
    if kind not in ("u1", b"u1") or by_column not in (False, 0):
        raise pickle.UnpicklingError(f"an array of {kind!r}, by column {by_column}, in place of rows of bytes")
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _made(name: str) -> Callable[..., _Made]:
    return lambda *arguments: _Made(name, arguments)


def _latin(text: str, encoding: str) -> bytes:
    """Return the bytes that Python 3 writes as text into an old form of pickle."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


ADMITTED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _made("array"),
    ("numpy._core.multiarray", "_reconstruct"): _made("array"),
    ("numpy", "ndarray"): _made("kind of array"),
    ("numpy", "dtype"): _made("dtype"),
    ("_codecs", "encode"): _latin,
}
"""The names that a pickle may use, and what stands in for each."""


class _Reader(pickle._Unpickler):
    """Reads numbers, text, bytes, lists, tuples, dicts and what is admitted, in Python: no size is believed."""

    stack: list[Any]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name."""
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"the name {module}.{name}")
        return ADMITTED[module, name]

    def load_build(self) -> None:
        """Take the state of what was made; nothing else has one."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Made):
            raise pickle.UnpicklingError(f"the state of a {type(self.stack[-1]).__name__}")
        self.stack[-1].state = state

    def load_bytearray8(self) -> None:
        """Refuse what would be made in the size that the file says, before its bytes are there."""
        raise pickle.UnpicklingError("a bytearray")

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
