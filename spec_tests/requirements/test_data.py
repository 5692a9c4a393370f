"""docs/spec/data.md, requirement by requirement: a literal example, then a property."""

import gzip
import hashlib
import json
import shutil
import struct
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.data import batches, digits, mnist, read_idx, shared_file
from refprune.errors import InvalidInput
from spec_tests.verdicts import expect_equal, fail, refuses, requirement


@contextmanager
def folder_of(**files: bytes) -> Iterator[Path]:
    """Give a folder with these files, gone afterwards."""
    with TemporaryDirectory() as name:
        for file, raw in files.items():
            (Path(name) / file).write_bytes(raw)
        yield Path(name)


def refused(said: str, names: tuple[str, ...], what: Callable[..., object], *asked: Any, **named: Any) -> None:
    """Require InvalidInput that says these words."""
    error = refuses(lambda: what(*asked, **named), said)
    missing = [name for name in names if name not in str(error)]
    if not isinstance(error, InvalidInput) or missing:
        fail(repr(error), f"InvalidInput with {missing or names} in it", said)


def idx(sizes: list[int], entries: bytes) -> bytes:
    """Write an IDX file of bytes, as its format says."""
    return bytes([0, 0, 8, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes) + entries


# DAT-01 IDX files

TINY = bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9])


def reads(raw: bytes) -> Any:
    """Return what an IDX file of these bytes holds."""
    with folder_of(file=raw) as folder:
        return read_idx(folder / "file")


@requirement("DAT-01", "example")
def test_idx_example() -> None:
    for raw in (TINY, gzip.compress(TINY)):
        got = reads(raw)
        expect_equal(got, np.array([[7, 9]]), f"read_idx({raw.hex(' ')})")
        expect_equal(got.dtype.name, "uint8", f"the dtype of read_idx({raw.hex(' ')})")
    cube = idx([2, 1, 3], bytes([1, 2, 3, 4, 5, 255]))
    expect_equal(reads(cube), np.array([[[1, 2, 3]], [[4, 5, 255]]]), "read_idx(2 by 1 by 3)")
    wide = idx([258], bytes(258))
    expect_equal(reads(wide), np.zeros(258), "read_idx(258 zeros): the sizes are big-endian")


@requirement("DAT-01", "example")
def test_idx_refused_example() -> None:
    refused("read_idx(13 of 14 bytes)", ("13 bytes", "14 bytes"), reads, TINY[:-1])
    refused("read_idx(15 for 14 bytes)", ("15 bytes", "14 bytes"), reads, TINY + b"\x00")
    for wrong, said in (
        (b"", "an empty file"),
        (TINY[:3], "3 bytes"),
        (TINY[:11], "part of a header"),
        (b"\x01" + TINY[1:], "a first byte of 1"),
        (b"\x00\x00\x0d" + TINY[3:], "floats"),
        (idx([], b"\x00"), "no size"),
        (idx([2, 0], b""), "a size of 0"),
        (idx([1] * 65, b"\x00"), "65 sizes"),
        (idx([2**32 - 1, 2**32 - 1], b"\x00"), "sizes whose product does not fit into 64 bits"),
        (idx([2**31, 2**31, 4], b""), "sizes whose product is 0 in 64 bits"),
        (gzip.compress(TINY)[:-1], "gzip without its last byte"),
        (gzip.compress(TINY)[:-8], "gzip without its checksum"),
        (gzip.compress(TINY[:-1]), "13 of 14 bytes in gzip"),
        (b"\x1f\x8b", "nothing but the magic number of gzip"),
    ):
        refused(f"read_idx({said})", ("file: got ",), reads, wrong)
    refused("read_idx(a file that is not there)", ("not there",), read_idx, Path("not there"))


@requirement("DAT-01", "example")
def test_oversized_gzip_example() -> None:
    """16 KiB that unpack to 16 MiB: refused at the byte after the last, without the memory for the rest."""
    packed = gzip.compress(TINY + bytes(2**24))
    tracemalloc.start()
    try:
        # The shape alone: nobody wants to read 2^24 entries in a message.
        refused(
            "read_idx(2^24 bytes too many, in gzip)", ("at least 15 bytes", "14 bytes"), lambda: reads(packed).shape
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > 2**20:
        fail(f"{peak} bytes of memory", "less than 2^20", "read_idx(2^24 bytes too many, in gzip)")
    expect_equal(reads(gzip.compress(TINY[:12]) + gzip.compress(TINY[12:])), np.array([[7, 9]]), "gzip in two parts")


@requirement("DAT-01", "example")
def test_wrong_sizes_in_gzip_example() -> None:
    """Sizes that state terabytes are refused with what is there: 2 entries."""
    for sizes in ([2**31, 2**31], [2**32 - 1] * 4):
        raw = idx(sizes, b"\x01\x02")
        refused(f"read_idx({raw!r}, in gzip)", (f"{len(raw)} bytes",), reads, gzip.compress(raw))


@requirement("DAT-01", "property")
@given(
    st.data(),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(("file", "file.gz")),
)
def test_idx(data: st.DataObject, sizes: list[int], packed: bool, name: str) -> None:  # noqa: FBT001  drawn
    """What was written is read, gzip or not, whatever the name; one byte fewer or more is refused."""
    size = int(np.prod(sizes))
    entries = data.draw(st.binary(min_size=size, max_size=size))
    raw = idx(sizes, entries)
    change = data.draw(st.integers(-len(raw), 3))
    pack = gzip.compress if packed else bytes
    with folder_of(**{name: pack(raw)}) as folder:
        expect_equal(
            read_idx(folder / name).tolist(), np.array(list(entries)).reshape(sizes).tolist(), f"read_idx({raw!r})"
        )
        other = raw[:change] if change < 0 else raw + bytes(change)
        (folder / name).write_bytes(pack(other))
        if change:
            refused(f"read_idx({other!r})", (name,), read_idx, folder / name)


# DAT-02 The digits


def stored(name: str) -> Any:
    """Return an array of the digits as it is stored."""
    return np.load(shared_file("data", "digits", name))


@requirement("DAT-02", "example")
def test_digits_example() -> None:
    """The first stored digit is a 0; the levels of its second row of 8 are 0 0 13 15 10 15 5 0."""
    split = digits()
    expect_equal([part.images.shape for part in split], [(1200, 1, 8, 8), (237, 1, 8, 8), (360, 1, 8, 8)], "digits()")
    expect_equal([part.labels.shape for part in split], [(1200,), (237,), (360,)], "the labels of digits()")
    expect_equal({part.images.dtype.name for part in split}, {"float32"}, "the dtype of digits()")
    expect_equal({part.labels.dtype.name for part in split}, {"int64"}, "the dtype of the labels of digits()")
    zero = np.flatnonzero([int(place) == 0 for place in stored("split.npy")])[0]
    part, place = (
        (split.test, zero)
        if zero < 360
        else (split.validation, zero - 360)
        if zero < 597
        else (split.train, zero - 597)
    )
    expect_equal(
        part.images[place, 0, 1].tolist(), [0, 0, 0.8125, 0.9375, 0.625, 0.9375, 0.3125, 0], "row 1 of digit 0"
    )
    expect_equal(int(part.labels[place]), 0, "the label of digit 0")
    expect_equal(max(float(part.images.max()) for part in split), 1.0, "the largest pixel")


@requirement("DAT-02", "example")
def test_parts_example() -> None:
    """Every example once, in the stored order: 360 to test, 237 to validate, 1200 to train."""
    split, order = digits(np.float64), stored("split.npy").tolist()
    levels, labels = stored("images.npy"), stored("labels.npy")
    expect_equal(sorted(order), list(range(1797)), "the stored order")
    for part, begin, end in ((split.test, 0, 360), (split.validation, 360, 597), (split.train, 597, 1797)):
        expect_equal(
            part.images[:, 0] * 16, np.array([levels[i] for i in order[begin:end]], np.float64), f"{begin}:{end}"
        )
        expect_equal(part.labels, np.array([labels[i] for i in order[begin:end]]), f"the labels {begin}:{end}")


@requirement("DAT-02", "example")
def test_no_permutation_example() -> None:
    """A split with one index twice is refused, also when the manifest vouches for it."""
    order = stored("split.npy")
    order[0] = order[1]
    with copied_digits() as folder:
        np.save(folder / "split.npy", order)
        vouch(folder, "split.npy")
        refused("digits() with an index twice", ("split.npy",), digits, folder=folder)


@requirement("DAT-02", "property")
@given(st.sampled_from(("float16", "float32", "float64", "longdouble")), st.integers(0, 1796))
def test_digits(dtype: str, place: int) -> None:
    """Each pixel is exactly level / 16 in every float type, and the example is in one part only."""
    split, order = digits(np.dtype(dtype)), stored("split.npy").tolist()
    part, start = next(
        (part, start)
        for part, start, end in ((split.test, 0, 360), (split.validation, 360, 597), (split.train, 597, 1797))
        if place < end
    )
    got = part.images[place - start, 0]
    should = [[level / 16 for level in row] for row in stored("images.npy")[order[place]].tolist()]
    expect_equal(got.dtype.name, np.dtype(dtype).name, f"the dtype of digits({dtype})")
    expect_equal(got.tolist(), should, f"digit {place} of the order, digits({dtype})")
    expect_equal(int(part.labels[place - start]), int(stored("labels.npy")[order[place]]), f"label of digit {place}")


@requirement("DAT-02", "property")
@given(st.sampled_from(("int64", "uint8", "bool", "complex64", "object", "U4")))
def test_no_float(dtype: str) -> None:
    refused(f"digits({dtype})", ("dtype",), digits, np.dtype(dtype))


# DAT-03 Integrity

ARRAYS = ("images.npy", "labels.npy", "split.npy")


@contextmanager
def copied_digits() -> Iterator[Path]:
    """Give a copy of the digits that may be tampered with."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "digits"
        shutil.copytree(shared_file("data", "digits"), folder)
        yield folder


def vouch(folder: Path, name: str) -> None:
    """Write the hash of the file as it is now into the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@requirement("DAT-03", "example")
def test_integrity_example() -> None:
    with copied_digits() as folder:
        path = folder / "labels.npy"
        raw = path.read_bytes()
        expect_equal(raw[-1], 8, "the last label")
        path.write_bytes(raw[:-1] + b"\x09")
        got, expected = (hashlib.sha256(some).hexdigest() for some in (raw[:-1] + b"\x09", raw))
        refused("digits() with a label changed", ("labels.npy", got, expected), digits, folder=folder)
        path.write_bytes(raw)
        expect_equal(len(digits(folder=folder).test.labels), 360, "digits() with the label back")


@requirement("DAT-03", "example")
def test_other_arrays_example() -> None:
    """What the manifest vouches for must still be the array that it should be, and no pickle."""
    for name, other in (
        ("labels.npy", np.zeros(1797, np.int64)),
        ("labels.npy", np.zeros(1796, np.uint8)),
        ("images.npy", np.zeros((1797, 64), np.uint8)),
        ("split.npy", np.array([None] * 1797)),
    ):
        with copied_digits() as folder:
            np.save(folder / name, other)
            vouch(folder, name)
            refused(f"digits() with {other.dtype} {other.shape}", (name,), digits, folder=folder)


@requirement("DAT-03", "example")
def test_manifest_example() -> None:
    for raw in (b"", b"{", b"[]", b"{}", b'{"files": {"images.npy": {}}}', b'{"files": 3}', b"\xff"):
        with copied_digits() as folder:
            (folder / "manifest.json").write_bytes(raw)
            refused(f"digits() with the manifest {raw!r}", ("manifest.json",), digits, folder=folder)
    for name in (*ARRAYS, "manifest.json"):
        with copied_digits() as folder:
            (folder / name).unlink()
            refused(f"digits() without {name}", (name,), digits, folder=folder)


@requirement("DAT-03", "property")
@given(st.data(), st.sampled_from(ARRAYS))
def test_integrity(data: st.DataObject, name: str) -> None:
    """One byte changed, anywhere, or the file cut off or longer: refused, naming the file."""
    with copied_digits() as folder:
        raw = (folder / name).read_bytes()
        place = data.draw(st.integers(0, len(raw) - 1))
        byte = bytes([raw[place] ^ data.draw(st.integers(1, 255))])
        tampered = data.draw(st.sampled_from((raw[:place] + byte + raw[place + 1 :], raw[:place], raw + byte)))
        (folder / name).write_bytes(tampered)
        refused(f"digits() with {name} changed at byte {place}", (name, "sha256"), digits, folder=folder)


# DAT-04 MNIST

IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"


def images(count: int, first: list[int], last: list[int]) -> bytes:
    """Write `count` images of 28 by 28: the first pixels of the first and of the last one, the rest 0."""
    entries = bytearray(count * 784)
    entries[: len(first)] = bytes(first)
    entries[(count - 1) * 784 : (count - 1) * 784 + len(last)] = bytes(last)
    return idx([count, 28, 28], bytes(entries))


@contextmanager
def mnist_of(count: int, suffix: str = "", other: Mapping[str, bytes] | None = None) -> Iterator[Path]:
    """Give a folder with `count` training images, labels 0, 1, ... 9, 0, ..., and 2 test images."""
    files = {
        IMAGES.format("train"): images(count, [51, 255, 1], [102]),
        LABELS.format("train"): idx([count], bytes(place % 10 for place in range(count))),
        IMAGES.format("t10k"): images(2, [255], [204]),
        LABELS.format("t10k"): idx([2], bytes([9, 0])),
    }
    files |= other or {}
    pack = (lambda raw: gzip.compress(raw, 1)) if suffix else bytes
    with folder_of(**{f"{name}{suffix}": pack(raw) for name, raw in files.items()}) as folder:
        yield folder


@requirement("DAT-04", "example")
def test_mnist_example() -> None:
    for suffix in ("", ".gz"):
        with mnist_of(5003, suffix) as folder:
            split = mnist(folder, np.float64)
        said = f"mnist() of 5003 training examples{suffix}"
        expect_equal([len(part.labels) for part in split], [3, 5000, 2], said)
        expect_equal([part.images.shape[1:] for part in split], [(1, 28, 28)] * 3, said)
        expect_equal(split.train.images[0, 0, 0, :4].tolist(), [0.2, 1.0, 1 / 255, 0.0], f"the first pixels of {said}")
        expect_equal(float(split.validation.images[-1, 0, 0, 0]), 0.4, f"the last training image of {said}")
        expect_equal(split.test.images[:, 0, 0, 0].tolist(), [1.0, 0.8], f"the test images of {said}")
        expect_equal(split.train.labels.tolist(), [0, 1, 2], f"the training labels of {said}")
        expect_equal(split.validation.labels[:3].tolist(), [3, 4, 5], f"the validation labels of {said}")
        expect_equal(split.test.labels.tolist(), [9, 0], f"the test labels of {said}")


@requirement("DAT-04", "example")
def test_mnist_refused_example() -> None:
    labels, pixels = LABELS.format("train"), IMAGES.format("train")
    with mnist_of(5000) as folder:
        refused("mnist() of 5000 training examples", ("5000",), mnist, folder)
    broken = (
        (labels, idx([5000], bytes(5000)), "a label too few"),
        (labels, idx([5002], bytes(5002)), "a label too many"),
        (labels, idx([5001, 1], bytes(5001)), "labels in a column"),
        (labels, idx([5001], bytes(5000) + b"\x0a"), "a label 10"),
        (pixels, idx([5001, 784], bytes(5001 * 784)), "images in rows"),
        (pixels, idx([5001, 27, 28], bytes(5001 * 27 * 28)), "images of 27 by 28"),
        (labels, idx([5001], bytes(5000)), "a file that was cut off"),
    )
    with mnist_of(5001) as folder:
        for name, raw, said in broken:
            right = (folder / name).read_bytes()
            (folder / name).write_bytes(raw)
            refused(f"mnist() with {said}", (name,), mnist, folder)
            (folder / name).write_bytes(right)
        for name in (labels, pixels, LABELS.format("t10k"), IMAGES.format("t10k")):
            right = (folder / name).read_bytes()
            (folder / name).unlink()
            refused(f"mnist() without {name}", (name, f"{name}.gz"), mnist, folder)
            (folder / name).write_bytes(right)
        expect_equal(len(mnist(folder).train.labels), 1, "mnist() with everything back")
        refused("mnist(int32)", ("dtype",), mnist, folder, np.int32)


@requirement("DAT-04", "property")
@given(
    st.integers(1, 8),
    st.lists(st.integers(0, 255), min_size=1, max_size=12),
    st.sampled_from(("float32", "float64")),
)
def test_mnist(extra: int, pixels: list[int], dtype: str) -> None:
    """Any bytes, any number of training examples: rounded once, and the last 5000 validate."""
    with mnist_of(5000 + extra, other={IMAGES.format("train"): images(5000 + extra, pixels, pixels)}) as folder:
        split = mnist(folder, np.dtype(dtype))
    # byte / 255 in float64 is correctly rounded; rounding that to float32 is too, since 53 >= 2 * 24 + 2 bits.
    should = np.array([pixel / 255 for pixel in pixels]).astype(dtype)
    said = f"mnist({dtype}) of 5000 + {extra} examples"
    expect_equal(split.train.images[0, 0, 0, : len(pixels)], should, f"the first image of {said}")
    expect_equal(split.validation.images[-1, 0, 0, : len(pixels)], should, f"the last image of {said}")
    expect_equal(split.train.images.dtype.name, dtype, said)
    expect_equal(split.train.labels.tolist(), list(range(extra)), f"the training labels of {said}")
    expect_equal(split.validation.labels[0].item(), extra % 10, f"the first validation label of {said}")


# DAT-05 Batches


def drawn_batches(examples: int, size: int, epochs: int, seed: int = 0) -> list[list[int]]:
    """Return batches as lists."""
    return [batch.tolist() for batch in batches(np.random.default_rng(seed), examples, size, epochs)]


@requirement("DAT-05", "example")
def test_batches_example() -> None:
    got = drawn_batches(5, 2, 2)
    expect_equal([len(batch) for batch in got], [2, 2, 1, 2, 2, 1], "the lengths of batches(rng, 5, 2, 2)")
    for epoch in (got[:3], got[3:]):
        expect_equal(sorted(chain(*epoch)), [0, 1, 2, 3, 4], "an epoch of batches(rng, 5, 2, 2)")
    expect_equal(drawn_batches(5, 2, 0), [], "batches(rng, 5, 2, 0)")
    expect_equal([len(batch) for batch in drawn_batches(4, 2, 1)], [2, 2], "the lengths of batches(rng, 4, 2, 1)")
    expect_equal([len(batch) for batch in drawn_batches(3, 8, 1)], [3], "the lengths of batches(rng, 3, 8, 1)")
    orders = {tuple(chain(*drawn_batches(100, 7, 1, seed))) for seed in range(10)}
    expect_equal(len(orders), 10, "how many different orders 10 seeds give")
    epochs = {tuple(epoch) for epoch in drawn_batches(100, 100, 3)}
    expect_equal(len(epochs), 3, "how many different orders three epochs have")


@requirement("DAT-05", "example")
def test_no_batches_example() -> None:
    for examples, size, epochs in (
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, -1),
        (True, 1, 1),
        (1, 2.0, 1),
        (1, 1, None),
        (-1, 1, 1),
    ):
        asked: Any = (examples, size, epochs)
        refused(f"batches(rng, {asked})", ("integer >= ",), batches, np.random.default_rng(0), *asked)


@requirement("DAT-05", "example")
def test_numpy_integers_example() -> None:
    """In 8 bits 224 + 32 is 0: the last batch would be empty."""
    got = batches(np.random.default_rng(0), np.uint8(255), np.uint8(32), np.int8(1))  # type: ignore[arg-type]  # that is the question
    said = "batches(default_rng(0), uint8(255), uint8(32), int8(1))"
    expect_equal([len(batch) for batch in got], [32] * 7 + [31], f"the lengths of {said}")
    expect_equal(sorted(chain(*(batch.tolist() for batch in got))), list(range(255)), said)


@requirement("DAT-05", "example")
def test_no_generator_example() -> None:
    """A seed, nothing, a generator of the old kind and the global one are refused."""
    state: Any
    for state in (0, None, np.random.RandomState(0), np.random):
        refused(f"batches({state!r}, 5, 2, 1)", ("rng", "numpy.random.Generator"), batches, state, 5, 2, 1)


@requirement("DAT-05", "property")
@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_batches(examples: int, size: int, epochs: int, seed: int) -> None:
    said = f"batches(default_rng({seed}), {examples}, {size}, {epochs})"
    got = drawn_batches(examples, size, epochs, seed)
    whole, rest = divmod(examples, size)
    lengths = [size] * whole + [rest] * (rest > 0)
    expect_equal([len(batch) for batch in got], lengths * epochs, f"the lengths of {said}")
    flat = list(chain(*got))
    for epoch in range(epochs):
        expect_equal(
            sorted(flat[epoch * examples : (epoch + 1) * examples]),
            list(range(examples)),
            f"epoch {epoch} of {said}",
        )
    expect_equal(drawn_batches(examples, size, epochs, seed), got, f"{said} once more")


@requirement("DAT-05", "property")
@given(st.sampled_from((0, 1, 2)), st.sampled_from((-1, -7, True, False, 1.0, float("nan"), "2", None)))
def test_no_batches(place: int, wrong: Any) -> None:
    asked: list[Any] = [5, 2, 1]
    asked[place] = wrong
    refused(f"batches(rng, {asked})", (repr(wrong),), batches, np.random.default_rng(0), *asked)
