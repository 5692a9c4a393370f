"""docs/spec/store.md, requirement by requirement: a literal example, then a property."""

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array, Masks, Params
from refprune.errors import InvalidInput
from refprune.lab import store
from refprune.lab.extras import installed
from refprune.network import Dense, Input, Network, Node, Relu, build
from spec_tests.adapter import Backend, Unsupported
from spec_tests.faults import Fault
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.networks import Drawn, masks_of
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement, show

FORMS = (".safetensors", ".npz") if installed("safetensors") else (".npz",)
"""The suffixes of the forms that can be written here."""


def file_names(form: str) -> tuple[str, str, str]:
    """Return the three files of a stored network."""
    return "network.json", f"params{form}", f"masks{form}"


def save_as(form: str, folder: Path, network: Network, params: Params, masks: Masks) -> None:
    """Save in one of the forms, whatever is installed."""
    with patch.object(store, "installed", lambda package: form == f".{package}"):
        store.save(folder, network, params, masks)


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards; a fixture of pytest's would be shared by all examples."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def bits(arrays: Params) -> list[Any]:
    """Return names, dtypes, shapes and bytes, in order."""
    return [(name, array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()]


FOLDER = "__import__('pathlib').Path('saved')"
"""A folder that can be pasted; make it, empty, before."""


def saving(network: Network, params: Params, masks: Masks) -> str:
    """Return the call that saves."""
    return call("save", network, params, masks).replace("(", f"({FOLDER}, ", 1)


def loading(network: Network, params: Params, masks: Masks) -> str:
    """Return the call that saves and loads."""
    return f"{saving(network, params, masks)} or backend.load({FOLDER})"


def expect(what: str, got: Any, should: Any, said: str) -> None:
    """Require equal values of something that the call leads to; the words stand in front of both."""
    expect_equal({what: got}, {what: should}, said)


def survives(backend: Backend, network: Network, params: Params, masks: Masks) -> None:
    """Require that everything comes back as it was saved."""
    before, before_masks = copies(params), copies(masks)
    with empty_folder() as folder:
        backend.save(folder, network, params, masks)
        same(backend.load(folder), network, before, before_masks)


def copies(arrays: Params) -> dict[str, Array]:
    """Return copies in the same memory order."""
    return {name: array.copy("K") for name, array in arrays.items()}


def same(got: tuple[Network, Params, Masks], network: Network, params: Params, masks: Masks) -> None:
    """Require what was saved, to the last bit; the order of masks is nobody's."""
    told = (got[0], bits(got[1]), dict(zip(got[2], bits(got[2]), strict=True)))
    should = (network, bits(params), dict(zip(masks, bits(masks), strict=True)))
    if told != should:  # the call is long
        said = loading(network, params, masks)
        for what, mine, right in zip(("network", "parameters", "masks"), told, should, strict=True):
            expect(what, mine, right, said)


def damaged(backend: Backend, folder: Path, params: Params, what: str) -> None:
    """Require a refusal, or that nothing of a - b was lost: a backend may keep a file that does not matter."""
    said = loading(line("a", "b"), params, TRUE_FALSE)
    try:
        got = backend.load(folder)
    except (Unsupported, Fault):
        raise
    except Exception:  # noqa: BLE001  any exception is a refusal
        return
    if (got[0], bits(got[1]), bits(got[2])) != (line("a", "b"), bits(params), bits(TRUE_FALSE)):
        fail(f"{show(got[1])} from {what}", "an error", said)


def files(folder: Path) -> list[Path]:
    """Return every file that a backend wrote."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refused(action: Callable[[], object], said: str) -> None:
    """Require InvalidInput."""
    error = refuses(action, said)
    if not isinstance(error, InvalidInput):
        fail(repr(error), "InvalidInput", said)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file of a folder holds."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def line(first: str, second: str) -> Network:
    """Return two dense layers on one feature, by these names."""
    return build(Input("x", (1,)), Dense(first), Relu("relu"), Dense(second))


def ones(first: str, second: str) -> dict[str, Array]:
    """Return their parameters: two units in the middle, one logit."""
    shapes = {f"{first}.weight": (2, 1), f"{first}.bias": (2,), f"{second}.weight": (1, 2), f"{second}.bias": (1,)}
    return {name: np.ones(shape) for name, shape in shapes.items()}


TRUE_FALSE = {"a.bias": np.array([True, False])}
"""Masks of a - b."""


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
    said = loading(line("z", "a"), params, {})
    expect("network", network, line("z", "a"), said)
    expect("names", list(got), ["z.weight", "z.bias", "a.weight", "a.bias"], said)
    expect("dtypes", {name: array.dtype.name for name, array in got.items()}, dict.fromkeys(params, "float32"), said)
    expect("z.bias", got["z.bias"], np.array([0, -1]), said)
    expect("bytes of a.weight", got["a.weight"].tobytes(), b"\x00\x00\x00\x80\x00\x00\x80\x7f", said)
    expect("bytes of z.weight", got["z.weight"].tobytes(), b"\x00\x00\xc0\x3f\x00\x00\xc0\x7f", said)
    expect("bytes of a.bias", got["a.bias"].tobytes(), b"\x01\x00\x00\x00", said)
    expect("masks", dict(masks), {}, said)


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


@requirement("STO-01", "example")
def test_forms_example() -> None:
    """What is read does not depend on the form: names in order, dtypes, bytes; arrays of shape () and (0,) too."""
    arrays: dict[str, Array] = {
        "z": np.array(-0.0, np.float16),
        "a": np.zeros(0),
        "b": np.array([[np.nan, 1.5]], np.float32).T,
        "c": np.array([True]),
    }
    for form in FORMS:
        with empty_folder() as folder:
            with patch.object(store, "installed", lambda package, form=form: form == f".{package}"):
                store.write_arrays(folder / "some", arrays)
            expect_equal(list(contents(folder)), [f"some{form}"], f"the file of the form {form}")
            expect_equal(bits(store.read_arrays(folder / "some")), bits(arrays), f"read_arrays() of some{form}")


@requirement("STO-05", "example")
def test_unknown_dtype_example() -> None:
    """Safetensors has no extended float: refused before anything is written."""
    wide = {name: array.astype(np.longdouble) for name, array in ones("a", "b").items()}
    if np.dtype(np.longdouble).itemsize > 8 and ".safetensors" in FORMS:
        with empty_folder() as folder:
            refused(lambda: save_as(".safetensors", folder, line("a", "b"), wide, {}), "save() of extended floats")
            expect_equal(list(contents(folder)), [], "the folder afterwards")


# STO-02 Masks are saved


@requirement("STO-02", "example", "STORE")
def test_masks_example(backend: Backend) -> None:
    params = ones("a", "b") | {"b.weight": np.array([[0.0, 5.0]])}
    masks = {"b.weight": np.array([[True, False]])}
    with empty_folder() as folder:
        backend.save(folder, line("a", "b"), params, masks)
        got = backend.load(folder)[2]
    said = loading(line("a", "b"), params, masks)
    expect("masks", dict(got), {"b.weight": np.array([[True, False]])}, said)
    expect("dtype", got["b.weight"].dtype.name, "bool", said)


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
        asked = (line(first, second), params, {f"{second}.bias": np.array([False])})
        mine = (asked[0], copies(params), copies(asked[2]))
        with empty_folder() as folder:
            (folder / "here").mkdir()
            backend.save(folder / "here", *mine)
            beside = [path.name for path in folder.iterdir()]
            expect("what stands beside the folder", beside, ["here"], saving(*asked))
            same(backend.load(folder / "here"), *asked)


@requirement("STO-03", "example")
def test_no_text_example() -> None:
    """Half a surrogate pair is no text: refused in every form, before anything is written."""
    for form in FORMS:
        with empty_folder() as folder:
            said = f"save() of a node of half a surrogate pair, form {form}"
            network, params = line("a", "\ud800"), ones("a", "\ud800")
            refused(lambda: save_as(form, folder, network, params, {}), said)  # noqa: B023  called at once
            expect_equal(list(contents(folder)), [], f"the folder after {said}")


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
    for form, place, keep in product(FORMS, range(3), (None, 0, 10, -10)):
        name = file_names(form)[place]
        with empty_folder() as folder:
            save_as(form, folder, line("a", "b"), ones("a", "b"), TRUE_FALSE)
            raw = (folder / name).read_bytes()
            (folder / name).unlink()
            if keep is not None:
                (folder / name).write_bytes(raw[:keep])
            refused(lambda folder=folder: store.load(folder), f"load(), {name} cut to [:{keep}]")  # type: ignore[misc]
    refused(lambda: store.load(Path("no such folder")), "load() of a folder that is not there")


@requirement("STO-04", "example")
def test_changed_byte_example() -> None:
    """The last byte of a float64 1.0: the file is whole, the number is not."""
    for form in FORMS:
        with empty_folder() as folder:
            save_as(form, folder, line("a", "b"), ones("a", "b"), {})
            path = folder / f"params{form}"
            raw = path.read_bytes()
            place = raw.rindex(np.float64(1.0).tobytes())
            path.write_bytes(raw[: place + 7] + b"\x40" + raw[place + 8 :])
            refused(lambda folder=folder: store.load(folder), f"load() with a byte of {path.name} changed")  # type: ignore[misc]


@requirement("STO-04", "example")
def test_checksum_example() -> None:
    """The checksum that the page describes: of the bytes below, with a name beyond ASCII."""
    if ".safetensors" in FORMS:
        arrays = {"\u00e9": np.array([[1.0]], np.float32), "a": np.array([True, False])}
        expected = hashlib.sha256(
            '["\u00e9", "float32", [1, 1]]'.encode() + b"\x00\x00\x80\x3f" + b'["a", "bool", [2]]' + b"\x01\x00"
        ).hexdigest()
        with empty_folder() as folder:
            with patch.object(store, "installed", lambda package: package == "safetensors"):
                store.write_arrays(folder / "some", arrays)
            content = (folder / "some.safetensors").read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        expect_equal(header["__metadata__"]["sha256"], expected, "sha256 in the header")
        expect_equal(json.loads(header["__metadata__"]["names"]), ["\u00e9", "a"], "names in the header")


@requirement("STO-04", "example")
def test_foreign_safetensors_example() -> None:
    """A file without names or checksum in its header, or with an array more than it names, is no saved network."""
    if ".safetensors" not in FORMS:
        return
    from safetensors.numpy import save

    with empty_folder() as folder:
        save_as(".safetensors", folder, line("a", "b"), ones("a", "b"), {})
        content = (folder / "params.safetensors").read_bytes()
        about = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        more = {**ones("a", "b"), "c": np.ones(1)}
        wrong: tuple[tuple[str, bytes], ...] = (
            ("no metadata", save(ones("a", "b"))),
            ("no names", save(ones("a", "b"), {"sha256": about["sha256"]})),
            ("no checksum", save(ones("a", "b"), {"names": about["names"]})),
            ("an array more", save(more, about)),
        )
        for said, foreign in wrong:
            (folder / "params.safetensors").write_bytes(foreign)
            refused(lambda: store.load(folder), f"load() of a file with {said}")
        (folder / "params.safetensors").write_bytes(save(ones("a", "b"), about))
        expect_equal(bits(store.load(folder)[1]), bits(ones("a", "b")), "load() of the same arrays written again")


@requirement("STO-04", "example")
def test_two_forms_example() -> None:
    """The same arrays in both forms: which of them was saved last is anybody's guess. Saving again leaves one."""
    for form, other in permutations(FORMS, 2):
        with empty_folder() as folder:
            save_as(form, folder, line("a", "b"), ones("a", "b"), {})
            old = (folder / f"params{form}").read_bytes()
            save_as(other, folder, line("a", "b"), PI, {})
            expect_equal(sorted(contents(folder)), sorted(file_names(other)), "the files of the form saved last")
            (folder / f"params{form}").write_bytes(old)
            refused(lambda folder=folder: store.load(folder), "load() of params in both forms")  # type: ignore[misc]


PI = ones("a", "b") | {"b.bias": np.array([3.141592653589793])}
"""Parameters of a - b with eight bytes that are found in a file that is not compressed."""


@requirement("STO-04", "example", "STORE")
def test_damaged_files_example(backend: Backend) -> None:
    """Each file that the backend wrote: gone, empty, cut in half, without its end, with a byte of b.bias changed."""
    for number in range(count_files(backend)):
        for keep in (None, 0, 0.5, 0.9):
            with empty_folder() as folder:
                backend.save(folder, line("a", "b"), PI, TRUE_FALSE)
                path = files(folder)[number]
                raw = path.read_bytes()
                path.unlink()
                if keep is not None:
                    path.write_bytes(raw[: int(len(raw) * keep)])
                damaged(backend, folder, PI, f"{path.name} {'deleted' if keep is None else f'cut to {keep:.0%}'}")
        with empty_folder() as folder:
            backend.save(folder, line("a", "b"), PI, TRUE_FALSE)
            path = files(folder)[number]
            raw = path.read_bytes()
            path.write_bytes(raw.replace(PI["b.bias"].tobytes(), np.float64(3.0).tobytes()))
            damaged(backend, folder, PI, f"{path.name} with the bytes of b.bias changed")


def count_files(backend: Backend) -> int:
    """Return how many files the backend writes for a - b."""
    with empty_folder() as folder:
        backend.save(folder, line("a", "b"), PI, TRUE_FALSE)
        return len(files(folder))


@requirement("STO-04", "property")
@given(st.data(), draw.networks())
def test_damaged(data: st.DataObject, drawn: Drawn) -> None:
    """Cut off anywhere or one byte changed in an archive: refused, or nothing that matters was lost."""
    masks = data.draw(masks_of(drawn.params))
    with empty_folder() as folder:
        form = data.draw(st.sampled_from(FORMS))
        save_as(form, folder, drawn.network, drawn.params, masks)
        name = data.draw(st.sampled_from(file_names(form)))
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


@requirement("STO-05", "example", "STORE")
def test_unfitting_is_not_saved_example(backend: Backend) -> None:
    """Refused, and the folder is still empty."""
    good = ones("a", "b")
    unfitting: tuple[tuple[Params, Masks], ...] = (
        (good, {"a.bias": np.ones(3, bool)}),
        (good, {"c.bias": np.ones(2, bool)}),
        (good, {"b.weight": np.ones((2, 1), bool)}),
        ({name: array for name, array in good.items() if name != "b.bias"}, {}),
        (good | {"c.bias": np.ones(1)}, {}),
        (good | {"b.weight": np.ones((1, 3))}, {}),
    )
    for params, masks in unfitting:
        with empty_folder() as folder:
            said = saving(line("a", "b"), params, masks)
            refuses(lambda: backend.save(folder, line("a", "b"), params, masks), said)  # noqa: B023  called at once
            expect("files", list(contents(folder)), [], said)


@requirement("STO-05", "example")
def test_other_files_example() -> None:
    for form in FORMS:
        with empty_folder() as folder:
            save_as(form, folder / "one", line("a", "b"), ones("a", "b"), TRUE_FALSE)
            save_as(form, folder / "other", line("a", "c"), ones("a", "c"), {"c.bias": np.array([False])})
            for name in file_names(form):
                mixed = folder / f"with {name}"
                shutil.copytree(folder / "one", mixed)
                shutil.copy(folder / "other" / name, mixed)
                refused(lambda mixed=mixed: store.load(mixed), f"load() with the {name} of another network")  # type: ignore[misc]


@requirement("STO-05", "property", "STORE")
@given(st.data(), draw.networks())
def test_unfitting(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """A parameter missing, one more, or a mask of another shape: refused, and nothing is written."""
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
        said = saving(drawn.network, params, masks)
        refuses(lambda: backend.save(folder, drawn.network, params, masks), said)
        expect("files", list(contents(folder)), [], said)


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


@requirement("STO-06", "example", "STORE")
def test_nothing_is_executed_example(backend: Backend) -> None:
    """Each file that the backend wrote is replaced by a pickle, or by an archive with pickles for its members."""
    for number in range(count_files(backend)):
        for poison in (pickled, pickled_array, pickled_members, pickled_later_members):
            with empty_folder() as folder:
                backend.save(folder, line("a", "b"), PI, TRUE_FALSE)
                path, made = files(folder)[number], folder / "made by a pickle"
                path.write_bytes(poison(path, Malicious(made)))
                with suppress(Exception):
                    backend.load(folder)
                what = f"files that loading makes with {path.name} replaced by a {poison.__name__}"
                expect(what, [made.name] * made.exists(), [], loading(line("a", "b"), PI, TRUE_FALSE))


def pickled(path: Path, content: object) -> bytes:  # noqa: ARG001  the file's form does not matter
    """Return a pickle."""
    return pickle.dumps(content)


def pickled_array(path: Path, content: object) -> bytes:  # noqa: ARG001  the file's form does not matter
    """Return an .npy file of one object."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([content], object), allow_pickle=True)
    return buffer.getvalue()


def pickled_members(path: Path, content: object) -> bytes:
    """Return an archive with the same names; an .npy becomes an array of one object, anything else a pickle."""
    return _members(path, content, first=0)


def pickled_later_members(path: Path, content: object) -> bytes:
    """Return the same with the first member as it was: it may say what the others are."""
    return _members(path, content, first=1)


def _members(path: Path, content: object, first: int) -> bytes:
    if not zipfile.is_zipfile(path):
        return pickled(path, content)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for place, name in enumerate(old.namelist()):
            write = pickled_array if name.endswith(".npy") else pickled
            new.writestr(name, old.read(name) if place < first else write(path, content))
    return buffer.getvalue()


@requirement("STO-06", "example")
def test_pickle_example() -> None:
    for victim in ("params.npz", "masks.npz"):
        with empty_folder() as folder:
            save_as(".npz", folder, line("a", "b"), ones("a", "b"), {})
            made = smuggled(folder, victim, 1)
            refused(lambda folder=folder: store.load(folder), f"load() with a pickle in {victim}")  # type: ignore[misc]
            expect_equal(list(folder.glob(made.name)), [], f"what the pickle in {victim} made")


@requirement("STO-06", "property")
@given(st.data(), draw.networks())
def test_pickle(data: st.DataObject, drawn: Drawn) -> None:
    with empty_folder() as folder:
        save_as(".npz", folder, drawn.network, drawn.params, {})
        number = data.draw(st.integers(1, len(drawn.params)))
        made = smuggled(folder, "params.npz", number)
        refused(lambda: store.load(folder), f"load() with a pickle as array {number}")
        expect_equal(list(folder.glob(made.name)), [], "what it made")


# STO-07 Given things stay as they are


def leaves_alone(backend: Backend, network: Network, params: Params, masks: Masks) -> None:
    """Require that saving and loading write into nothing that was given."""
    before, before_masks = copies(params), copies(masks)
    with empty_folder() as folder:
        backend.save(folder, network, params, masks)
        backend.load(folder)
    same((network, params, masks), network, before, before_masks)


@requirement("STO-07", "example", "STORE")
def test_given_example(backend: Backend) -> None:
    """What is stored under a mask stays, -0.0 too."""
    params = ones("a", "b") | {"b.weight": np.array([[-0.0, 5.0]])}
    leaves_alone(backend, line("a", "b"), params, {"b.weight": np.array([[True, False]]), **TRUE_FALSE})


@requirement("STO-07", "property", "STORE")
@given(st.data(), draw.networks())
def test_given(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    leaves_alone(backend, drawn.network, drawn.params, data.draw(masks_of(drawn.params)))
