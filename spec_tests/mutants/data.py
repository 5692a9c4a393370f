"""Wrong ways to read data and to draw batches."""

import gzip
import hashlib
import io
from typing import Any

import numpy as np

from spec_tests.mutants.mutant import Mutant, original

DATA = "refprune.data"
IDX, VERIFIED, SCALED, DIGITS, MNIST, BATCHES = (
    f"{DATA}.{name}" for name in ("read_idx", "_verified", "_scaled", "digits", "mnist", "batches")
)
LABELLED, GUNZIPPED = f"{DATA}._labelled", f"{DATA}._gunzipped"
_idx, _verified, _scaled, _digits, _mnist = (original(path) for path in (IDX, VERIFIED, SCALED, DIGITS, MNIST))
_batches, _labelled, _gunzipped = original(BATCHES), original(LABELLED), original(GUNZIPPED)
_bytes = original(f"{DATA}._bytes")


def _whole(path: Any, stored: bytes, most: int) -> bytes:
    """Unpack all there is."""
    raw: bytes = _gunzipped(path, stored, 2**62)
    return raw


def _header(path: Any) -> tuple[bytes, int, list[int]]:
    """Return a file's bytes, the length of its header and its sizes."""
    raw = _whole(path, _bytes(path), 0)
    header = 4 + 4 * raw[3]
    return raw, header, np.frombuffer(raw[4:header], ">u4").tolist()


def _trailing_accepted(path: Any) -> Any:
    """Read as many entries as the header says and leave the rest."""
    raw, header, sizes = _header(path)
    if len(raw) < header + int(np.prod(sizes)):
        return _idx(path)
    return np.frombuffer(raw, np.uint8, int(np.prod(sizes)), header).reshape(sizes)


def _what_there_is(path: Any) -> Any:
    """Read a file that broke off as far as it goes."""
    raw, header, sizes = _header(path)
    rows = (len(raw) - header) // int(np.prod(sizes[1:]))
    return np.frombuffer(raw, np.uint8, rows * int(np.prod(sizes[1:])), header).reshape(rows, *sizes[1:])


def _little_endian(path: Any) -> Any:
    """Read the sizes in the processor's byte order."""
    raw, header, _ = _header(path)
    return np.frombuffer(raw, np.uint8, offset=header).reshape(np.frombuffer(raw[4:header], "<u4"))


def _by_name(path: Any, stored: bytes, most: int) -> bytes:
    """Let the name decide whether a file is compressed."""
    return gzip.decompress(stored)[:most] if path.name.endswith(".gz") else stored


def _joined(first: Any, second: Any) -> Any:
    """Return the examples of two parts as one."""
    return type(first)(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


def _overlapping(*asked: Any, **named: Any) -> Any:
    """Train on the test part as well."""
    split = _digits(*asked, **named)
    return split._replace(train=_joined(split.train, split.test))


def _swapped(*asked: Any, **named: Any) -> Any:
    """Report on what choices are made by."""
    split = _digits(*asked, **named)
    return split._replace(validation=split.test, test=split.validation)


def _stored_order(*asked: Any, **named: Any) -> Any:
    """Cut the examples as they are stored, without the shuffled order."""
    split = _digits(*asked, **named)
    whole = _joined(_joined(split.test, split.validation), split.train)
    back = np.argsort(np.load(original(f"{DATA}.shared_file")("data", "digits", "split.npy")))
    parts = {"test": back[:360], "validation": back[360:597], "train": back[597:]}
    return split._replace(**{name: _some(whole, places) for name, places in parts.items()})


def _some(whole: Any, places: Any) -> Any:
    """Return the examples at these places."""
    return type(whole)(*(array[places] for array in whole))


def _unverified(path: Any, sha256: str) -> Any:
    """Read without comparing the hash."""
    return np.load(io.BytesIO(_bytes(path)), allow_pickle=False)


def _only_verified(path: Any, sha256: str) -> Any:
    """Believe whatever the manifest vouches for."""
    raw = _bytes(path)
    same = hashlib.sha256(raw).hexdigest() == sha256
    return np.load(io.BytesIO(raw), allow_pickle=True) if same else _verified(path, sha256)


def _first_validate(folder: Any, dtype: Any = np.float32) -> Any:
    """Take the validation part from the beginning of the training files."""
    split = _mnist(folder, dtype)
    both = _joined(split.train, split.validation)
    return split._replace(validation=_some(both, slice(5000)), train=_some(both, slice(5000, None)))


def _test_validates(folder: Any, dtype: Any = np.float32) -> Any:
    """Make choices by the test part."""
    split = _mnist(folder, dtype)
    return split._replace(train=_joined(split.train, split.validation), validation=split.test)


def _by_256(levels: Any, white: int, dtype: Any) -> Any:
    return _scaled(levels, 256 if white == 255 else white, dtype)


def _by_15(levels: Any, white: int, dtype: Any) -> Any:
    return _scaled(levels, 15 if white == 16 else white, dtype)


def _unscaled(levels: Any, white: int, dtype: Any) -> Any:
    return _scaled(levels, 1, dtype)


def _shorter_of_two(folder: Any, prefix: str, dtype: Any) -> Any:
    """Pair images and labels as far as both go."""
    images = _idx(original(f"{DATA}._either")(folder / f"{prefix}-images-idx3-ubyte"))
    labels = _idx(original(f"{DATA}._either")(folder / f"{prefix}-labels-idx1-ubyte")).ravel()
    count = min(len(images), len(labels))
    kind = original(f"{DATA}.Dataset")
    return kind(_scaled(images[:count], 255, dtype), labels[:count].astype(np.int64))


def _last_dropped(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Drop the batch that is not full."""
    return tuple(batch for batch in _batches(rng, examples, size, epochs) if len(batch) == size)


def _across_epochs(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Fill the last batch of an epoch from the next one."""
    drawn = _batches(rng, examples, size, epochs)
    flat = np.concatenate(drawn) if drawn else np.zeros(0, np.int64)
    return tuple(flat[start : start + size] for start in range(0, len(flat), size))


def _unshuffled(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Take the examples in their order."""
    starts = range(0, examples, size)
    return tuple(np.arange(start, min(start + size, examples)) for _ in range(epochs) for start in starts)


def _shuffled_once(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Use the same permutation for every epoch."""
    return _batches(rng, examples, size, min(epochs, 1)) * epochs


def _with_replacement(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Draw every example by itself."""
    return tuple(rng.integers(0, examples, len(batch)) for batch in _batches(rng, examples, size, epochs))


def _unchecked(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Take what range() takes, and true for 1."""
    return _batches(rng, max(int(examples), 1), max(int(size or 0), 1), max(int(epochs or 0), 0))


def _wrapping(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Add in the integer type that was given."""
    drawn = _batches(rng, examples, size, epochs)
    orders = np.concatenate(drawn).reshape(epochs, examples) if epochs else ()
    ends = [
        (start, type(size)(int(start + size) % 256) if isinstance(size, np.uint8) else start + size)
        for start in range(0, examples, size)
    ]
    return tuple(order[start:end] for order in orders for start, end in ends)


def _any_generator(rng: Any, examples: Any, size: Any, epochs: Any) -> Any:
    """Take a seed, or whatever is there."""
    return _batches(rng if isinstance(rng, np.random.Generator) else np.random.default_rng(0), examples, size, epochs)


MUTANTS = (
    Mutant("trailing bytes accepted", "DAT-01", "a longer file is read in part", {IDX: _trailing_accepted}),
    Mutant("what there is", "DAT-01", "a download that broke off", {IDX: _what_there_is}),
    Mutant("little-endian sizes", "DAT-01", "sizes in the processor's byte order", {IDX: _little_endian}),
    Mutant("gzip by name", "DAT-01", "the name decides", {GUNZIPPED: _by_name}),
    Mutant("gzip unpacked whole", "DAT-01", "16 kilobytes that need 16 megabytes", {GUNZIPPED: _whole}),
    Mutant("test part in training", "DAT-02", "one example in two parts", {DIGITS: _overlapping}),
    Mutant("test and validation swapped", "DAT-02", "parts in another order", {DIGITS: _swapped}),
    Mutant("stored order", "DAT-02", "parts cut without shuffling", {DIGITS: _stored_order}),
    Mutant("levels by 15", "DAT-02", "0..15 for 0..16", {SCALED: _by_15}),
    Mutant("levels unscaled", "DAT-02", "pixels up to 16", {SCALED: _unscaled}),
    Mutant("hash not checked", "DAT-03", "a changed label", {VERIFIED: _unverified}),
    Mutant("hash and nothing else", "DAT-03", "an array of another shape, or a pickle", {VERIFIED: _only_verified}),
    Mutant("bytes by 256", "DAT-04", "255 becomes 0.996", {SCALED: _by_256}),
    Mutant("first 5000 validate", "DAT-04", "the other end of the training files", {MNIST: _first_validate}),
    Mutant("test part validates", "DAT-04", "choices made by the test part", {MNIST: _test_validates}),
    Mutant("shorter of two", "DAT-04", "images and labels that do not belong together", {LABELLED: _shorter_of_two}),
    Mutant("last batch dropped", "DAT-05", "examples left out of every epoch", {BATCHES: _last_dropped}),
    Mutant("batches across epochs", "DAT-05", "an epoch that is no permutation", {BATCHES: _across_epochs}),
    Mutant("not shuffled", "DAT-05", "the order of the file", {BATCHES: _unshuffled}),
    Mutant("shuffled once", "DAT-05", "every epoch the same", {BATCHES: _shuffled_once}),
    Mutant("with replacement", "DAT-05", "examples twice in an epoch", {BATCHES: _with_replacement}),
    Mutant("sizes wrap around", "DAT-05", "224 + 32 = 0 in 8 bits", {BATCHES: _wrapping}),
    Mutant("any generator", "DAT-05", "a seed in place of a generator", {BATCHES: _any_generator}),
    Mutant("numbers unchecked", "DAT-05", "a size of 0, True, 2.0", {BATCHES: _unchecked}),
)
