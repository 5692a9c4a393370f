"""The wire protocol: every question and every answer of a backend as a line of JSON, and back.

A form has two halves: `write` makes JSON of a value, `read` makes the value of JSON, or raises Malformed.
The pages to implement a testee from: docs/wire.md and wire.schema.json.

python -m spec_tests.kit.wire        write the words of a declaration into wire.schema.json
"""

import json
import sys
from binascii import Error as NoBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from math import inf, isfinite, nan, prod
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args, get_type_hints

import numpy as np

from refprune.arrays import Array
from refprune.network import Network, from_json, to_json
from spec_tests.adapter import (
    SETS,
    Blocks,
    Declaration,
    Elements,
    NofM,
    OptimiserSpec,
    ScheduleCase,
    ScoreCase,
    SelectCase,
    TrainCase,
    TrainStep,
    Units,
)
from spec_tests.faults import Malformed

SCHEMA = Path(__file__).parent / "wire.schema.json"
PROTOCOL = 1
"""The version of all this; a testee answers `start` with the version it speaks."""
DTYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip
"""Name on the wire -> how entries lie in the bytes: little-endian, a bool in one byte that is 0 or 1."""
NAMES = {order: name for name, dtype in DTYPES.items() for order in (dtype, dtype.newbyteorder(">"))}
"""dtype -> its name, whatever the order of its bytes."""
LARGEST = 2**53
"""Integers beyond this are written as text: a reader that knows doubles only would round them."""
NOT_FINITE = {"nan": nan, "inf": inf, "-inf": -inf}
"""Floats that JSON has no number for."""

Json = Any


class Form(NamedTuple):
    """How a kind of value goes over the wire."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


def malformed(what: str, got: object) -> NoReturn:
    """Say what is not as the protocol has it, and show the beginning of it."""
    shown = got if isinstance(got, str) else repr(got)
    raise Malformed(f"{what}: got {shown if len(shown) <= 200 else shown[:200] + '...'}")


def members(value: Json, names: Iterable[str], what: str) -> dict[str, Json]:
    """Return a JSON object if it has exactly these members."""
    if not isinstance(value, dict) or value.keys() != set(names):
        malformed(f"{what} is not an object of {', '.join(names)}", value)
    return value


def read_text(value: Json) -> str:
    """Read a string."""
    return value if isinstance(value, str) else malformed("no text", value)


# Scalars


def write_scalar(value: Any) -> Json:
    """Write a scalar with its type: a count of 1 and a fraction of 1.0 are different questions."""
    if value is None:
        return None
    if isinstance(value, np.generic):
        return {"numpy": write_array(value)}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": value if abs(value) <= LARGEST else str(value)}
    if isinstance(value, float):
        return {"float": _write_float(value)}
    if isinstance(value, complex):
        return {"complex": [_write_float(value.real), _write_float(value.imag)]}
    if isinstance(value, str):
        return {"text": value}
    malformed("no scalar that goes over the wire", value)


def _write_float(value: float) -> float | str:
    return value if isfinite(value) else str(value)


def _read_float(value: Json) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if type(value) not in (float, int):
        malformed("no float", value)
    return float(value)  # a whole number may be written as 1, for 1.0


def _read_int(value: Json) -> int:
    text = isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii()
    if type(value) is not int and not text:
        malformed("no int", value)
    return int(value)


def _read_complex(value: Json) -> complex:
    if not isinstance(value, list) or len(value) != 2:
        malformed("no complex number", value)
    return complex(_read_float(value[0]), _read_float(value[1]))


def _read_numpy(value: Json) -> Any:
    array = read_array(value)
    return array[()] if array.ndim == 0 else malformed("a scalar of NumPy's with a shape", value)


SCALARS: Mapping[str, Callable[[Json], Any]] = {
    "bool": lambda value: value if isinstance(value, bool) else malformed("no bool", value),
    "int": _read_int,
    "float": _read_float,
    "complex": _read_complex,
    "text": read_text,
    "numpy": _read_numpy,
}
"""Tag of a scalar -> how it is read."""


def read_scalar(value: Json) -> Any:
    """Read null, or an object of one member whose name is the type."""
    if value is None:
        return None
    tag = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    if tag not in SCALARS:
        malformed(f"a scalar is null or an object of one of {', '.join(SCALARS)}", value)
    return SCALARS[tag](value[tag])


def _read_number(value: Json) -> int:
    return value if type(value) is int else malformed("no number of a session", value)


SCALAR = Form(write_scalar, read_scalar)
TEXT = Form(read_text, read_text)
NUMBER = Form(lambda value: value, _read_number)
PATH = Form(str, lambda value: Path(read_text(value)))
NOTHING = Form(lambda _: None, lambda value: None if value is None else malformed("not null", value))


# Arrays


def write_array(value: Any) -> Json:
    """Write the entries in C order; what has no shape of one dtype that is known is malformed."""
    array = np.asarray(value)
    dtype = NAMES.get(array.dtype)
    if dtype is None:
        malformed("no array that goes over the wire", f"dtype {array.dtype}")
    entries = array.astype(DTYPES[dtype], copy=False).tobytes()
    return {"dtype": dtype, "shape": list(array.shape), "data": b2a_base64(entries, newline=False).decode("ascii")}


def read_array(value: Json) -> Array:
    """Read an array of the caller's own; its length must be what dtype and shape say."""
    return _read_entries(**members(value, ("dtype", "shape", "data"), "an array"))


def _read_entries(dtype: Json, shape: Json, data: Json) -> Array:
    if not isinstance(dtype, str) or dtype not in DTYPES:
        malformed(f"a dtype is one of {', '.join(DTYPES)}", dtype)
    sides = _read_shape(shape)
    try:
        entries = a2b_base64(read_text(data), strict_mode=True)
    except (NoBase64, ValueError):
        malformed("no base64", data)
    kind = DTYPES[dtype]
    if len(entries) != prod(sides) * kind.itemsize:
        malformed(f"an array of {dtype} and shape {list(sides)}", f"{len(entries)} bytes")
    if dtype == "bool" and entries.translate(None, b"\0\1"):
        malformed("bytes of bools are 0 or 1", entries)
    return np.frombuffer(entries, kind).reshape(sides).astype(dtype)  # a copy in the machine's order, to be written to


def _read_shape(value: Json) -> tuple[int, ...]:
    sides = value if isinstance(value, list) and len(value) <= 32 else malformed("no shape", value)
    if not all(type(side) is int and 0 <= side < LARGEST for side in sides):
        malformed("no shape", value)
    return tuple(sides)


def _write_tensors(named: Mapping[str, Any]) -> Json:
    return [{"name": read_text(name), **write_array(array)} for name, array in named.items()]


def _read_tensors(value: Json) -> dict[str, Array]:
    found = {}
    for one in _read_list(value):
        inner = members(one, ("name", "dtype", "shape", "data"), "a named array")
        found[read_text(inner["name"])] = _read_entries(inner["dtype"], inner["shape"], inner["data"])
    return found if len(found) == len(value) else malformed("a name twice", [one["name"] for one in value])


def _read_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else malformed("no list", value)


ARRAY = Form(write_array, read_array)
TENSORS = Form(_write_tensors, _read_tensors)
SHAPE = Form(list, _read_shape)


# Forms of forms


def maybe(form: Form) -> Form:
    """Return the form of a value or None."""
    return Form(
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
    )


def list_of(form: Form, kind: Callable[[Iterable[Any]], Any] = list) -> Form:
    """Return the form of a sequence, read as a list or as a tuple."""
    return Form(
        lambda value: [form.write(one) for one in value],
        lambda value: kind(form.read(one) for one in _read_list(value)),
    )


def named(form: Form) -> Form:
    """Return the form of a mapping: a list, since the order counts."""

    def read(value: Json) -> dict[str, Any]:
        pairs = [members(one, ("name", "value"), "a named value") for one in _read_list(value)]
        found = {read_text(one["name"]): form.read(one["value"]) for one in pairs}
        return found if len(found) == len(pairs) else malformed("a name twice", value)

    return Form(
        lambda value: [{"name": read_text(name), "value": form.write(one)} for name, one in value.items()], read
    )


def record(kind: Callable[..., Any], **forms: Form) -> Form:
    """Return the form of a record: an object with a member for each field."""

    def read(value: Json) -> Any:
        found = members(value, forms, getattr(kind, "__name__", "a record"))
        return kind(**{name: form.read(found[name]) for name, form in forms.items()})

    return Form(lambda value: {name: form.write(getattr(value, name)) for name, form in forms.items()}, read)


def parts(**forms: Form) -> Form:
    """Return the form of a tuple: an object with a member for each part."""

    def write(value: Any) -> Json:
        return {name: form.write(one) for (name, form), one in zip(forms.items(), value, strict=True)}

    def read(value: Json) -> tuple[Any, ...]:
        found = members(value, forms, "an answer")
        return tuple(form.read(found[name]) for name, form in forms.items())

    return Form(write, read)


# Cases


GRANULARITIES: Mapping[str, tuple[type, Form]] = {
    "element": (Elements, record(Elements)),
    "unit": (Units, record(Units, min_kept=SCALAR, multiple=SCALAR)),
    "block": (Blocks, record(Blocks, rows=SCALAR, columns=SCALAR, reducer=TEXT)),
    "n_of_m": (NofM, record(NofM, keep=SCALAR, of=SCALAR, axis=SCALAR)),
}
"""Kind -> the record, and its form."""


def _write_granularity(value: Any) -> Json:
    kind, form = next((kind, form) for kind, (record, form) in GRANULARITIES.items() if type(value) is record)
    return {"kind": kind, **form.write(value)}


def _read_granularity(value: Json) -> Any:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in GRANULARITIES:
        malformed("no granularity", value)
    return GRANULARITIES[kind][1].read({key: one for key, one in value.items() if key != "kind"})


def _read_network(value: Json) -> Network:
    return from_json(json.dumps(value))


GRANULARITY = Form(_write_granularity, _read_granularity)
NETWORK = Form(lambda network: json.loads(to_json(network)), _read_network)
SELECT_CASE = record(
    SelectCase, scores=TENSORS, sparsity=SCALAR, pools=TEXT, granularity=GRANULARITY, within=maybe(TENSORS)
)
SCORE_CASE = record(
    ScoreCase,
    criterion=TEXT,
    params=TENSORS,
    grads=maybe(TENSORS),
    gates=maybe(TENSORS),
    draws=maybe(TENSORS),
    unit_draws=maybe(TENSORS),
    granularity=GRANULARITY,
    reducer=TEXT,
    within=maybe(TENSORS),
)
OPTIMISER = record(
    OptimiserSpec,
    name=TEXT,
    rate=SCALAR,
    momentum=SCALAR,
    weight_decay=SCALAR,
    beta1=SCALAR,
    beta2=SCALAR,
    eps=SCALAR,
)
TRAIN_CASE = record(
    TrainCase,
    network=NETWORK,
    params=TENSORS,
    x=ARRAY,
    labels=ARRAY,
    batches=list_of(ARRAY, tuple),
    optimiser=OPTIMISER,
    masks=TENSORS,
    prune_at=SCALAR,
    kept=list_of(TENSORS, tuple),
)
SCHEDULE_CASE = record(ScheduleCase, curve=TEXT, final=SCALAR, end=SCALAR, initial=SCALAR, begin=SCALAR, every=SCALAR)
MASKED = {"network": NETWORK, "params": TENSORS, "masks": TENSORS}


# Operations


class Operation(NamedTuple):
    """What is asked, member by member, and what is answered."""

    arguments: Mapping[str, Form]
    result: Form


OPERATIONS: Mapping[str, Operation] = {
    "select": Operation({"case": SELECT_CASE}, TENSORS),
    "shortfall": Operation({"case": SELECT_CASE}, named(SCALAR)),
    "begin": Operation({"case": SELECT_CASE}, NUMBER),
    "session_select": Operation({"session": NUMBER, "scores": TENSORS, "sparsity": SCALAR}, TENSORS),
    "score": Operation({"case": SCORE_CASE}, TENSORS),
    "apply": Operation({"params": TENSORS, "masks": TENSORS}, TENSORS),
    "forward": Operation(MASKED | {"x": ARRAY}, ARRAY),
    "loss_and_grads": Operation(MASKED | {"x": ARRAY, "labels": ARRAY}, parts(loss=SCALAR, grads=TENSORS)),
    "train": Operation({"case": TRAIN_CASE}, list_of(record(TrainStep, read=TENSORS, used=TENSORS))),
    "rewind": Operation({"params": TENSORS, "snapshot": TENSORS, "masks": TENSORS}, TENSORS),
    "trace": Operation({"case": SCHEDULE_CASE, "steps": SCALAR}, list_of(parts(fires=SCALAR, sparsity=SCALAR))),
    "rounds": Operation({"curve": TEXT, "final": SCALAR, "count": SCALAR}, list_of(SCALAR)),
    "remove": Operation(
        {"network": NETWORK, "params": TENSORS, "units": named(list_of(SCALAR))},
        parts(params=TENSORS, kept=named(list_of(SCALAR))),
    ),
    "random_mask": Operation({"shapes": named(SHAPE), "sparsity": SCALAR, "pools": TEXT, "seed": SCALAR}, TENSORS),
    "count": Operation(MASKED, named(SCALAR)),
    "save": Operation({"folder": PATH} | MASKED, NOTHING),
    "load": Operation({"folder": PATH}, parts(**MASKED)),
}
"""Every operation of the adapter by its name; `begin` answers with the number of a session, for `session_select`."""


# Declarations


def write_declaration(declaration: Declaration) -> Json:
    """Write name, profiles, and every field that differs from its default; sets as sorted lists."""
    found = {field.name: getattr(declaration, field.name) for field in fields(declaration)}
    said = {field.name for field in fields(declaration) if found[field.name] != field.default}
    return {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in found.items() if name in said
    }


def read_declaration(value: Json) -> Declaration:
    """Read a declaration; what it does not say is the default. Unknown fields and words are malformed."""
    if not isinstance(value, dict) or not {"name", "profiles"} <= value.keys():
        malformed("a declaration is an object with name and profiles", value)
    strange = value.keys() - {field.name for field in fields(Declaration)}
    if strange:
        malformed("a declaration has no such fields", sorted(strange))
    try:
        said: dict[str, Any] = {name: frozenset(one) if isinstance(one, list) else one for name, one in value.items()}
        return Declaration(**said)
    except (TypeError, ValueError) as error:
        malformed("no declaration", str(error))


def declaration_schema() -> Json:
    """Return what wire.schema.json says of the fields of a declaration, from the declaration itself."""
    found: dict[str, Json] = {}
    for name, hint in get_type_hints(Declaration).items():
        if name in SETS:
            words = sorted(SETS[name], key=str)
            found[name] = {"type": "array", "uniqueItems": True, "items": {"enum": words}}
        else:
            named = {str: {"type": "string"}, bool: {"type": "boolean"}}
            found[name] = named.get(hint) or {"enum": list(get_args(hint))}
    return found


# Lines


ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
DECODER = json.JSONDecoder(parse_constant=lambda name: malformed("no number of JSON", name))
"""JSON has no NaN and no Infinity, although Python reads them."""


def to_line(message: Mapping[str, Json]) -> bytes:
    """Write a message as a line of ASCII."""
    return ENCODER.encode(message).encode("ascii") + b"\n"


def from_line(line: bytes) -> dict[str, Json]:
    """Read a message: a JSON object, without the NaN and Infinity that Python would let pass."""
    try:
        message = DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError):
        malformed("no line of JSON", line.decode("utf-8", "replace").rstrip("\n"))
    return message if isinstance(message, dict) else malformed("no message", message)


def main() -> int:
    """Bring the schema up to date with the vocabulary of declarations."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"]["declaration"]["properties"] = declaration_schema()
    SCHEMA.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
