"""docs/spec/store.md, requirement by requirement: a literal example, then a property."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array, Masks, Params
from refprune.errors import InvalidInput
from refprune.lab import store
from refprune.network import Dense, Input, Network, Node, Relu, build
from spec_tests.adapter import Backend
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.networks import Drawn, masks_of
from spec_tests.verdicts import expect_equal, fail, refuses, requirement

FILES = ("network.json", "params.npz", "masks.npz")


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards; a fixture of pytest's would be shared by all examples."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def bits(arrays: Params) -> list[Any]:
    """Return names, dtypes, shapes and bytes, in order."""
    return [(name, array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()]


def survives(backend: Backend, network: Network, params: Params, masks: Masks) -> None:
    """Require that everything comes back as it was saved."""
    said = f"save and load of {network}, {params}, {masks}"
    with empty_folder() as folder:
        backend.save(folder, network, params, masks)
        got_network, got_params, got_masks = backend.load(folder)
    expect_equal(got_network, network, f"the network after {said}")
    expect_equal(bits(got_params), bits(params), f"the parameters after {said}")
    expect_equal(
        dict(zip(got_masks, bits(got_masks), strict=True)),
        dict(zip(masks, bits(masks), strict=True)),
        f"the masks after {said}",
    )


def refused(action: Callable[[], object], said: str) -> None:
    """Require InvalidInput."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file of a folder holds."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def line(first: str, second: str) -> Network:
    """Return two dense layers on one feature, by these names."""
    return build(Input("x", (1,)), Dense(first), Relu("relu"), Dense(second))


def ones(first: str, second: str) -> dict[str, Array]:
    """Return their parameters: two units in the middle, one logit."""
    shapes = {f"{first}.weight": (2, 1), f"{first}.bias": (2,), f"{second}.weight": (1, 2), f"{second}.bias": (1,)}
    return {name: np.ones(shape) for name, shape in shapes.items()}


# STO-01 Round trip


@requirement("STO-01", "example", "STORE")
def test_round_trip_example(backend: Backend) -> None:
    params = {
        "z.weight": np.array([[1.5], [np.nan]], np.float32),
        "z.bias": np.array([0, -1], np.float32),
        "a.weight": np.array([[-0.0, np.inf]], np.float32),
        "a.bias": np.array([1e-45], np.float32),
    }
    with empty_folder() as folder:
        backend.save(folder, line("z", "a"), params, {})
        network, got, masks = backend.load(folder)
    said = "load() after save() of z, a"
    expect_equal(network, line("z", "a"), said)
    expect_equal(list(got), ["z.weight", "z.bias", "a.weight", "a.bias"], f"the names of {said}")
    expect_equal({name: array.dtype.name for name, array in got.items()}, dict.fromkeys(params, "float32"), said)
    expect_equal(got["z.bias"], np.array([0, -1]), said)
    expect_equal(got["a.weight"].tobytes(), b"\x00\x00\x00\x80\x00\x00\x80\x7f", f"the bytes of a.weight, {said}")
    expect_equal(got["z.weight"].tobytes(), b"\x00\x00\xc0\x3f\x00\x00\xc0\x7f", f"the bytes of z.weight, {said}")
    expect_equal(got["a.bias"].tobytes(), b"\x01\x00\x00\x00", f"the bytes of a.bias, {said}")
    expect_equal(dict(masks), {}, said)


@requirement("STO-01", "property", "STORE")
@given(st.data(), draw.networks())
def test_round_trip(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Any order of the names, both memory orders, numbers that no text keeps."""
    names = data.draw(st.permutations(sorted(drawn.params)))
    odd = data.draw(st.sampled_from((-0.0, np.inf, np.nan, 1 / 3)))
    params = {name: np.where(drawn.params[name] == 1, odd, drawn.params[name]).astype(drawn.x.dtype) for name in names}
    if data.draw(st.booleans()):
        params = {name: np.asfortranarray(array) for name, array in params.items()}
    survives(backend, drawn.network, params, {})


# STO-02 Masks are saved


@requirement("STO-02", "example", "STORE")
def test_masks_example(backend: Backend) -> None:
    params = ones("a", "b") | {"b.weight": np.array([[0.0, 5.0]])}
    masks = {"b.weight": np.array([[True, False]])}
    with empty_folder() as folder:
        backend.save(folder, line("a", "b"), params, masks)
        got = backend.load(folder)[2]
    said = "the masks after save() and load()"
    expect_equal(dict(got), {"b.weight": np.array([[True, False]])}, said)
    expect_equal(got["b.weight"].dtype.name, "bool", said)


@requirement("STO-02", "property", "STORE")
@given(st.data(), draw.networks())
def test_masks(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    survives(backend, drawn.network, drawn.params, data.draw(masks_of(drawn.params)))


# STO-03 Names are data

ODD_NAMES = ("../a", "A", "a", "arr_0", "arr_1", "a/b", "file", "\u00e9", "a b", "nul", ".", "x.npy", '"', "\n")


@requirement("STO-03", "example", "STORE")
def test_names_example(backend: Backend) -> None:
    pairs = (("../a", "A"), ("a", "A"), ("arr_0", "a/b"), ("arr_2", "arr_1"), ("file", "allow_pickle"))
    for first, second in pairs:
        params = {name: array * number for number, (name, array) in enumerate(ones(first, second).items())}
        with empty_folder() as folder:
            backend.save(folder / "here", line(first, second), params, {f"{second}.bias": np.array([False])})
            expect_equal([path.name for path in folder.iterdir()], ["here"], f"the folder after save() of {first!r}")
            network, got, masks = backend.load(folder / "here")
        expect_equal(network, line(first, second), f"the network of {first!r} and {second!r}")
        expect_equal(got, params, f"the parameters of {first!r} and {second!r}")
        expect_equal(masks, {f"{second}.bias": np.array([False])}, f"the masks of {first!r} and {second!r}")


@requirement("STO-03", "property", "STORE")
@given(st.data(), draw.networks(), st.permutations(ODD_NAMES))
def test_names(backend: Backend, data: st.DataObject, drawn: Drawn, names: list[str]) -> None:
    new = dict(zip((node.name for node in drawn.network), names, strict=False))
    nodes: list[Node] = [replace(node, name=new[node.name], inputs=()) for node in drawn.network]

    def renamed(arrays: Params) -> dict[str, Array]:
        split = {name: name.rsplit(".", 1) for name in arrays}
        return {f"{new[split[name][0]]}.{split[name][1]}": array for name, array in arrays.items()}

    masks = data.draw(masks_of(drawn.params))
    survives(backend, build(*nodes), renamed(drawn.params), renamed(masks))


# STO-04 Damaged files


@requirement("STO-04", "example")
def test_damaged_example() -> None:
    for name in FILES:
        for keep in (None, 0, 10, -10):
            with empty_folder() as folder:
                store.save(folder, line("a", "b"), ones("a", "b"), {"a.bias": np.array([True, False])})
                raw = (folder / name).read_bytes()
                (folder / name).unlink()
                if keep is not None:
                    (folder / name).write_bytes(raw[:keep])
                refused(lambda folder=folder: store.load(folder), f"load(), {name} cut to [:{keep}]")  # type: ignore[misc]
    refused(lambda: store.load(Path("no such folder")), "load() of a folder that is not there")


@requirement("STO-04", "example")
def test_changed_byte_example() -> None:
    """The last byte of the float64 1.0 of b.bias: the archive is whole, the number is not."""
    with empty_folder() as folder:
        store.save(folder, line("a", "b"), ones("a", "b"), {})
        raw = (folder / "params.npz").read_bytes()
        place = raw.rindex(np.float64(1.0).tobytes())
        (folder / "params.npz").write_bytes(raw[: place + 7] + b"\x40" + raw[place + 8 :])
        refused(lambda: store.load(folder), "load() with a byte of b.bias changed")


@requirement("STO-04", "property")
@given(st.data(), draw.networks())
def test_damaged(data: st.DataObject, drawn: Drawn) -> None:
    """Cut off anywhere or one byte changed in an archive: refused, or nothing that matters was lost."""
    masks = data.draw(masks_of(drawn.params))
    with empty_folder() as folder:
        store.save(folder, drawn.network, drawn.params, masks)
        name = data.draw(st.sampled_from(FILES))
        raw = (folder / name).read_bytes()
        place = data.draw(st.integers(0, len(raw) - 1))
        flipped = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
        cut = name.endswith(".json") or data.draw(st.booleans())
        (folder / name).write_bytes(raw[:place] if cut else flipped)
        said = f"load(), {name} {'cut off at' if cut else 'changed at'} byte {place}"
        try:
            network, got, got_masks = store.load(folder)
        except InvalidInput:
            return
    expect_equal(network, drawn.network, said)
    expect_equal((bits(got), bits(got_masks)), (bits(drawn.params), bits(masks)), said)


# STO-05 What does not fit is not saved


@requirement("STO-05", "example")
def test_unfitting_example() -> None:
    good = ones("a", "b")
    unfitting: tuple[tuple[Params, Any], ...] = (
        (good, {"a.bias": np.ones(3, bool)}),
        (good, {"c.bias": np.ones(2, bool)}),
        (good, {"a.bias": np.ones(2)}),
        ({"a.weight": good["a.weight"]}, {}),
        (good | {"b.weight": np.ones((1, 3))}, {}),
        (good | {"b.bias": np.array([None])}, {}),
        (good | {"b.bias": np.array([1])}, {}),
    )
    for params, masks in unfitting:
        with empty_folder() as folder:
            store.save(folder, line("a", "b"), good, {})
            before = contents(folder)
            said = f"save() of {params}, {masks}"
            refused(lambda p=params, m=masks, f=folder: store.save(f, line("a", "b"), p, m), said)  # type: ignore[misc]
            expect_equal(contents(folder), before, f"the folder after {said}")


@requirement("STO-05", "example")
def test_other_files_example() -> None:
    with empty_folder() as folder:
        store.save(folder / "one", line("a", "b"), ones("a", "b"), {"a.bias": np.array([True, False])})
        store.save(folder / "other", line("a", "c"), ones("a", "c"), {"c.bias": np.array([False])})
        for name in FILES:
            mixed = folder / f"with {name}"
            shutil.copytree(folder / "one", mixed)
            shutil.copy(folder / "other" / name, mixed)
            refused(lambda mixed=mixed: store.load(mixed), f"load() with the {name} of another network")  # type: ignore[misc]


@requirement("STO-05", "property")
@given(st.data(), draw.networks())
def test_unfitting(data: st.DataObject, drawn: Drawn) -> None:
    """A parameter missing, one more, or a mask of another shape: refused, and the folder is not even made."""
    name = data.draw(st.sampled_from(sorted(drawn.params)))
    fewer = {other: array for other, array in drawn.params.items() if other != name}
    wrong: tuple[tuple[Params, Masks], ...] = (
        (fewer, {}),
        (drawn.params | {f"{name}x": drawn.params[name]}, {}),
        (drawn.params, {name: np.ones((*drawn.params[name].shape, 1), bool)}),
        (drawn.params, {f"{name}x": np.ones(drawn.params[name].shape, bool)}),
    )
    params, masks = data.draw(st.sampled_from(wrong))
    with empty_folder() as folder:
        refused(lambda: store.save(folder / "new", drawn.network, params, masks), f"save() of {params}, {masks}")
        expect_equal(list(folder.iterdir()), [], "the folder afterwards")


# STO-06 Nothing is executed


class Malicious:
    """An object whose pickle makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how to rebuild it: by touching the file."""
        return Path.touch, (self.path,)


def smuggled(folder: Path, victim: str, number: int) -> Path:
    """Put an object array in the place of one array of a saved network; return the file it would make."""
    made = folder / "made by a pickle"
    with np.load(folder / victim) as file:
        arrays: list[Any] = [file[name] for name in file.files]
    names = [*json.loads(str(arrays[0])), "b.bias"][: max(len(arrays) - 1, number)]
    arrays[number:] = [np.array([Malicious(made)], object), *arrays[number + 1 :]]
    np.savez(folder / victim, np.array(json.dumps(names)), *arrays[1:])
    return made


@requirement("STO-06", "example")
def test_pickle_example() -> None:
    for victim in ("params.npz", "masks.npz"):
        with empty_folder() as folder:
            store.save(folder, line("a", "b"), ones("a", "b"), {})
            made = smuggled(folder, victim, 1)
            refused(lambda folder=folder: store.load(folder), f"load() with a pickle in {victim}")  # type: ignore[misc]
            expect_equal(list(folder.glob(made.name)), [], f"what the pickle in {victim} made")


@requirement("STO-06", "property")
@given(st.data(), draw.networks())
def test_pickle(data: st.DataObject, drawn: Drawn) -> None:
    with empty_folder() as folder:
        store.save(folder, drawn.network, drawn.params, {})
        number = data.draw(st.integers(1, len(drawn.params)))
        made = smuggled(folder, "params.npz", number)
        refused(lambda: store.load(folder), f"load() with a pickle as array {number}")
        expect_equal(list(folder.glob(made.name)), [], "what it made")
