"""CIFAR-10 in both its forms: what is read of small files, and what is refused of damaged and evil ones."""

import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refprune.errors import InvalidInput
from refprune.lab.cifar import BINARY, PIXELS, PYTHON, TEST, TRAIN, cifar10, is_there, read
from refprune.lab.experiment import Settings, load
from spec_tests.meta.test_run import refprune

PER_FILE = 4
Files = dict[str, tuple[np.ndarray[Any, Any], list[int]]]


@pytest.fixture(scope="module")
def files() -> Files:
    """Return images and labels of every file, drawn; every label is among them."""
    rng = np.random.default_rng(0)
    names = (*TRAIN, TEST)
    return {
        name: (
            rng.integers(0, 256, (PER_FILE, PIXELS)).astype(np.uint8),
            [(PER_FILE * place + one) % 10 for one in range(PER_FILE)],
        )
        for place, name in enumerate(names)
    }


def write_binary(folder: Path, files: Files) -> None:
    """Write a byte of label and 3072 of image for each example."""
    (folder / BINARY).mkdir(exist_ok=True, parents=True)
    for name, (images, labels) in files.items():
        examples = [bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)]
        (folder / BINARY / f"{name}.bin").write_bytes(b"".join(examples))


def write_python(folder: Path, files: Files, dumps: Callable[[Any], bytes]) -> None:
    """Write a pickled dict of each file, with what else the published ones hold."""
    (folder / PYTHON).mkdir(exist_ok=True, parents=True)
    for name, (images, labels) in files.items():
        names = [b"a.png"] * len(labels)
        held = {b"batch_label": b"testing", b"labels": labels, b"data": images, b"filenames": names}
        (folder / PYTHON / name).write_bytes(dumps(held))


def dumps_old(held: Any) -> bytes:
    """Return what Python 2 writes: text of one byte a letter, and the module's name of its time."""
    content = pickle.dumps(held, protocol=2)
    return content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def as_python_2(images: np.ndarray[Any, Any], labels: list[int]) -> bytes:
    """Return the bytes that Python 2 writes of one file, opcode by opcode."""
    raw = images.tobytes()

    def text(value: bytes) -> bytes:
        return (
            b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + len(value).to_bytes(4, "little") + value
        )

    def number(value: int) -> bytes:
        return b"K" + bytes([value])

    shape = number(len(images)) + b"M" + PIXELS.to_bytes(2, "little") + b"\x86"
    kind = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R("
    kind += number(3) + text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"\x87R"
    array += b"(" + number(1) + shape + kind + b"\x89" + text(raw) + b"tb"
    numbers = b"](" + b"".join(map(number, labels)) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


FORMS: dict[str, Callable[[Any], bytes]] = {
    "python 2": lambda held: as_python_2(held[b"data"], held[b"labels"]),
    "protocol 2": dumps_old,
    "protocol 3": lambda held: pickle.dumps(held, protocol=3),
    "protocol 4": lambda held: pickle.dumps(held, protocol=4),
    "text as keys": lambda held: pickle.dumps({key.decode(): value for key, value in held.items()}, protocol=4),
}


@pytest.mark.parametrize("form", ["binary", *FORMS])
def test_read(form: str, files: Files, tmp_path: Path) -> None:
    """20 examples, 18 to train; a pixel is byte / 255 less the mean of its channel over those 18, in every form."""
    if form == "binary":
        write_binary(tmp_path, files)
    else:
        write_python(tmp_path, files, FORMS[form])
    split = read(tmp_path, np.float64, PER_FILE)
    everything = np.concatenate([images for images, _ in files.values()]).reshape(-1, 3, 32, 32)
    means = [Fraction(int(everything[:18, channel].sum(dtype=np.int64)), 255 * 18 * 1024) for channel in range(3)]
    expected = everything / 255 - np.array([float(mean) for mean in means])[:, np.newaxis, np.newaxis]
    for part, (first, last) in zip(split, ((0, 18), (18, 20), (20, 24)), strict=True):
        np.testing.assert_allclose(part.images, expected[first:last], rtol=0, atol=1e-15)
    labels = [label for _, own in files.values() for label in own]
    assert [part.labels.tolist() for part in split] == [labels[:18], labels[18:20], labels[20:]]
    assert {part.labels.dtype for part in split} == {np.dtype(np.int64)}
    assert read(tmp_path, np.float32, PER_FILE).train.images.dtype == np.float32
    assert np.abs(split.train.images.mean(axis=(0, 2, 3))).max() < 1e-15


def test_planes(tmp_path: Path) -> None:
    """The first 1024 bytes are red, and the first 32 of them the top row."""
    images = np.zeros((PER_FILE, PIXELS), np.uint8)
    images[:, 1024 + 32 + 5] = 255
    write_binary(tmp_path, {name: (images, [0] * PER_FILE) for name in (*TRAIN, TEST)})
    split = read(tmp_path, np.float64, PER_FILE)
    assert np.argwhere(split.test.images[0] > 0.5).tolist() == [[1, 1, 5]]


def test_published_size(files: Files, tmp_path: Path) -> None:
    """Whoever reads CIFAR-10 gets 10,000 examples a file, or a refusal."""
    write_binary(tmp_path, files)
    with pytest.raises(InvalidInput, match=r"data_batch_1\.bin: got 12292 bytes, expected 30730000 bytes"):
        cifar10(tmp_path)
    with pytest.raises(InvalidInput, match="a float dtype"):
        cifar10(tmp_path, np.uint8)


def test_nothing_there(tmp_path: Path) -> None:
    assert not is_there(tmp_path)
    with pytest.raises(InvalidInput, match=f"neither {BINARY} nor {PYTHON}"):
        cifar10(tmp_path)
    (tmp_path / PYTHON).mkdir()
    assert is_there(tmp_path)
    with pytest.raises(InvalidInput, match="data_batch_1: got No such file"):
        cifar10(tmp_path)


@pytest.mark.parametrize("name", [*TRAIN, TEST])
@pytest.mark.parametrize("version", [BINARY, PYTHON])
def test_damaged_file(version: str, name: str, files: Files, tmp_path: Path) -> None:
    """Missing, empty, cut short, too long, a label above 9: refused, naming the file."""
    write_binary(tmp_path, files) if version == BINARY else write_python(tmp_path, files, dumps_old)
    path = tmp_path / version / (f"{name}.bin" if version == BINARY else name)
    content = path.read_bytes()
    images, labels = files[name]
    nine_and_one = {name: (images, [*labels[:-1], 10])}
    if version == BINARY:
        write_binary(tmp_path, nine_and_one)
    else:
        write_python(tmp_path, nine_and_one, dumps_old)
    for harmed in (path.read_bytes(), b"", content[:1], content[:-1], content[: len(content) // 2], content + b"x"):
        path.write_bytes(harmed)
        with pytest.raises(InvalidInput) as refused:
            read(tmp_path, np.float32, PER_FILE)
        assert str(refused.value).startswith(f"{path}: got ")
    path.unlink()
    with pytest.raises(InvalidInput, match="No such file"):
        read(tmp_path, np.float32, PER_FILE)


class Calls:
    """Pickled as the call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def pickled(data: Any, labels: Any) -> bytes:
    return pickle.dumps({b"data": data, b"labels": labels}, protocol=2)


IMAGES = np.zeros((PER_FILE, PIXELS), np.uint8)
HUGE = (2**31 - 1).to_bytes(4, "little")
EVIL: dict[str, bytes] = {
    "system": pickled(Calls(os.system, "touch evil"), [0] * PER_FILE),
    "eval": pickled(IMAGES, Calls(eval, "open('evil', 'w')")),
    "getattr": pickled(IMAGES, Calls(getattr, "", "join")),
    "attribute of what is admitted": b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.",
    "another codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
    "function with a state": b"\x80\x02c_codecs\nencode\n}X\x08\x00\x00\x00__name__K\x01sb.",
    "instance": b"(ios\nsystem\n.",
    "persistent": b"Pevil\n.",
    "extension": b"\x80\x02\x82\x01.",
    "set": pickled(IMAGES, {0, 1}),
    "huge text": b"\x80\x02T" + HUGE + b"short.",
    "huge memo": b"\x80\x02]r" + b"\xff" * 4 + b".",
    "huge bytearray": b"\x80\x05\x96" + (2**29).to_bytes(8, "little") + b".",
    "huge frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x00].",
    "objects": pickled(np.array([[0] * 2] * 2, object), [0]),
    "floats": pickled(IMAGES.astype(np.float64), [0] * PER_FILE),
    "column by column": pickled(np.asfortranarray(IMAGES), [0] * PER_FILE),
    "another shape": pickled(IMAGES.T.copy(), [0] * PER_FILE),
    "no array": pickled([0] * PER_FILE, [0] * PER_FILE),
    "no labels": pickle.dumps({b"data": IMAGES}, protocol=2),
    "labels as text": pickled(IMAGES, ["0"] * PER_FILE),
    "labels as truth": pickled(IMAGES, [True] * PER_FILE),
    "labels below 0": pickled(IMAGES, [-1] * PER_FILE),
    "labels without end": pickled(IMAGES, [2**70] * PER_FILE),
    "too few labels": pickled(IMAGES, [0] * (PER_FILE - 1)),
    "a list": pickle.dumps([IMAGES], protocol=2),
    "nothing": pickle.dumps(None),
    "deep": b"\x80\x02" + b"(" * 10_000 + b"t" * 10_000 + b".",
    "two pickles": pickled(IMAGES, [0] * PER_FILE) * 2,
    "much": pickled(IMAGES, [0] * PER_FILE) + b"0" * 5 * PER_FILE * PIXELS,
}


@pytest.mark.parametrize("name", EVIL)
def test_evil_pickle(name: str, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the name of the file, and nothing that the pickle names has been run."""
    monkeypatch.chdir(tmp_path)
    write_python(tmp_path, files, dumps_old)
    path = tmp_path / PYTHON / TRAIN[0]
    path.write_bytes(EVIL[name])
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path, np.float32, PER_FILE)
    assert str(refused.value).startswith(f"{path}: got ")
    assert [one.name for one in tmp_path.iterdir()] == [PYTHON]


def test_huge_bytearray(files: Files, tmp_path: Path) -> None:
    """Refused before anything of the size that is written there has been made."""
    write_python(tmp_path, files, dumps_old)
    (tmp_path / PYTHON / TRAIN[0]).write_bytes(EVIL["huge bytearray"])
    with pytest.raises(InvalidInput, match="UnpicklingError: a bytearray"):
        read(tmp_path, np.float32, PER_FILE)


@given(data=st.data())
def test_harmed_pickle(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever byte is changed: the file is read, or refused by its name; never another exception."""
    folder = tmp_path_factory.getbasetemp() / "harmed"
    content = bytearray(as_python_2(IMAGES, [0] * PER_FILE))
    near_opcodes = [place for _, _, place in pickletools.genops(bytes(content)) if place is not None]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(near_opcodes)) + data.draw(st.integers(0, 2))
        content[min(place, len(content) - 1)] = data.draw(st.integers(0, 255))
    write_python(folder, dict.fromkeys((*TRAIN, TEST), (IMAGES, [0] * PER_FILE)), lambda _: bytes(content))
    said = ""
    try:
        assert read(folder, np.float32, PER_FILE).train.images.shape == (18, 3, 32, 32)
    except InvalidInput as refused:
        said = str(refused)
    assert not said or said.startswith(str(folder / PYTHON / TRAIN[0]))


def test_settings(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"--data cifar10: got no such folder in .*, expected {BINARY} or {PYTHON} "):
        load(Settings(network="resnet-20", granularity="unit", sparsity=0.5, data="cifar10"), tmp_path)


def test_command_refuses(files: Files, tmp_path: Path) -> None:
    """Exit code 2 and one sentence, before any work."""
    asked = ("run", "--data", "cifar10", "--network", "resnet-20", "--out", tmp_path / "new")
    for said in (f"--data cifar10: got no such folder in {tmp_path / 'data'}", f"{tmp_path / 'data' / BINARY}"):
        done = refprune(*asked, REFPRUNE_DATA=str(tmp_path / "data"))
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert done.stderr.startswith(f"refprune: {said}")
        assert not (tmp_path / "new").exists()
        write_binary(tmp_path / "data", files)  # too small


RUN = """
import sys
from refprune.lab import cifar, cli, run
run.CIFAR10 = {{"epochs": 1, "retrain_epochs": 1}}
cifar.PER_FILE = {per_file}
if __name__ == "__main__":
    raise SystemExit(cli.main(sys.argv[1:]))
"""


def test_run(files: Files, tmp_path: Path) -> None:
    """The command runs a network with short-cuts on such files; the processes it starts read the same program."""
    write_binary(tmp_path / "data", files)
    (tmp_path / "program.py").write_text(RUN.format(per_file=PER_FILE))
    asked = ("--data", "cifar10", "--network", "resnet-8", "--granularity", "unit", "--sparsity", "0.5")
    command = [sys.executable, str(tmp_path / "program.py"), "run", *asked, "--rounds", "1", "--seeds", "1"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env=os.environ | {"REFPRUNE_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Files in the format of CIFAR-10" in (tmp_path / "out/report.html").read_text()
