"""How a case stands in a vector file, and back: the wire's forms, but readable, and without what has its default.

An array is an object of dtype, shape and data: its entries in C order as numbers, a bool as 0 or 1. An integer is a
number, every other scalar an object that says its type. How to read all this without Python: data/vectors/README.md.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import copysign, isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from refprune.arrays import Array
from refprune.network import from_json, to_json
from spec_tests.adapter import (
    Blocks,
    Elements,
    NofM,
    OptimiserSpec,
    Profile,
    ScheduleCase,
    ScoreCase,
    SelectCase,
    TrainCase,
    Units,
)
from spec_tests.applicability import KINDS
from spec_tests.kit.wire import DTYPES, LARGEST, NAMES, NOT_FINITE, TEXT, Form, list_of, malformed, maybe, named, parts
from spec_tests.kit.wire import read_scalar as read_tagged
from spec_tests.kit.wire import write_scalar as write_tagged

Json = Any


# Numbers and arrays


def write_number(value: float | bool) -> Json:  # noqa: FBT001  an entry of an array of bools
    """Write a whole number without its point, -0.0 with it, and what JSON has no number for as text."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    small = abs(value) < LARGEST and value == int(value) and copysign(1, value) == (1 if value >= 0 else -1)
    return int(value) if small else value


def read_number(value: Json) -> float:
    """Read a number, or the text of one that JSON has none for."""
    if isinstance(value, str):
        return NOT_FINITE[value] if value in NOT_FINITE else malformed("no number", value)
    return value if isinstance(value, int | float) and type(value) is not bool else malformed("no number", value)


def write_entries(value: Any) -> dict[str, Json]:
    """Write an array, wherever it lies."""
    array = np.asarray(value)
    entries = [write_number(entry) for entry in array.ravel().tolist()]
    return {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data": entries}


def write_array(value: Any) -> Json:
    """Write an array; one that lies in memory column by column says so."""
    column_major = value.flags.f_contiguous and not value.flags.c_contiguous
    return write_entries(value) | ({"order": "F"} if column_major else {})


def read_array(value: Json) -> Array:
    """Read an array of the caller's own."""
    keys = value.keys() if isinstance(value, dict) else set()
    if not {"dtype", "shape", "data"} <= keys <= {"dtype", "shape", "data", "order", "name"}:
        malformed("no array", value)
    entries, shape = [read_number(entry) for entry in value["data"]], tuple(value["shape"])
    if len(entries) != prod(shape):
        malformed(f"{len(entries)} entries", f"shape {shape}")
    return np.array(entries, DTYPES[value["dtype"]].newbyteorder("=")).reshape(shape).copy(value.get("order", "C"))


def write_scalar(value: Any) -> Json:
    """Write an int as a number; a fraction of 1.0 is no count of 1, so everything else says what it is."""
    return value if type(value) is int and abs(value) <= LARGEST else write_tagged(value)


def read_scalar(value: Json) -> Any:
    """Read a scalar."""
    return value if type(value) is int else read_tagged(value)


def _write_tensors(value: Mapping[str, Any]) -> Json:
    return [{"name": name, **write_array(array)} for name, array in value.items()]


def _read_tensors(value: Json) -> dict[str, Array]:
    return {one["name"]: read_array(one) for one in value}


SCALAR = Form(write_scalar, read_scalar)
ARRAY = Form(write_array, read_array)
TENSORS = Form(_write_tensors, _read_tensors)
NETWORK = Form(lambda network: json.loads(to_json(network)), lambda value: from_json(json.dumps(value)))


# Records


def sparse(kind: Any, **forms: Form) -> Form:
    """Return the form of a record: an object with a member for each field that has not its default."""
    defaults = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(kind)
    }

    def write(value: Any) -> Json:
        given = {name: getattr(value, name) for name in forms}
        return {name: forms[name].write(one) for name, one in given.items() if not _same(one, defaults[name])}

    def read(value: Json) -> Any:
        strange = value.keys() - forms.keys() if isinstance(value, dict) else {"no object"}
        if strange:
            malformed(f"{kind.__name__} has no such fields", sorted(strange))
        return kind(**{name: forms[name].read(one) for name, one in value.items()})

    return Form(write, read)


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


GRANULARITIES: Mapping[str, Form] = {
    "element": sparse(Elements),
    "unit": sparse(Units, min_kept=SCALAR, multiple=SCALAR),
    "block": sparse(Blocks, rows=SCALAR, columns=SCALAR, reducer=TEXT),
    "n_of_m": sparse(NofM, keep=SCALAR, of=SCALAR, axis=SCALAR),
}
"""Kind -> the form of its record."""


def _write_granularity(value: Any) -> Json:
    kind = KINDS[type(value)]
    return {"kind": kind, **GRANULARITIES[kind].write(value)}


def _read_granularity(value: Json) -> Any:
    return GRANULARITIES[value["kind"]].read({name: one for name, one in value.items() if name != "kind"})


GRANULARITY = Form(_write_granularity, _read_granularity)
SELECT_CASE = sparse(
    SelectCase, scores=TENSORS, sparsity=SCALAR, pools=TEXT, granularity=GRANULARITY, within=maybe(TENSORS)
)
EVIDENCE = dict.fromkeys(("grads", "gates", "draws", "unit_draws", "within"), maybe(TENSORS))
SCORE_CASE = sparse(ScoreCase, criterion=TEXT, params=TENSORS, granularity=GRANULARITY, reducer=TEXT, **EVIDENCE)
NUMBERS = ("rate", "momentum", "weight_decay", "beta1", "beta2", "eps")
OPTIMISER = sparse(OptimiserSpec, name=TEXT, **dict.fromkeys(NUMBERS, SCALAR))
TRAIN_CASE = sparse(
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
STEPS = ("final", "end", "initial", "begin", "every")
SCHEDULE_CASE = sparse(ScheduleCase, curve=TEXT, **dict.fromkeys(STEPS, SCALAR))
MASKED: Mapping[str, Form] = {"network": NETWORK, "params": TENSORS, "masks": TENSORS}


# Operations


class Operation(NamedTuple):
    """Who is asked, and with what."""

    profile: Profile
    arguments: Mapping[str, Form]


OPERATIONS: Mapping[str, Operation] = {
    "select": Operation("SELECT", {"case": SELECT_CASE}),
    "shortfall": Operation("SELECT", {"case": SELECT_CASE}),
    "session": Operation(
        "STATEFUL", {"case": SELECT_CASE, "calls": list_of(parts(scores=TENSORS, sparsity=SCALAR), tuple)}
    ),
    "score": Operation("SCORE", {"case": SCORE_CASE}),
    "apply": Operation("APPLY", {"params": TENSORS, "masks": TENSORS}),
    "forward": Operation("APPLY", {**MASKED, "x": ARRAY}),
    "loss_and_grads": Operation("TRAIN", {**MASKED, "x": ARRAY, "labels": ARRAY}),
    "train": Operation("TRAIN", {"case": TRAIN_CASE}),
    "rewind": Operation("TRAIN", {"params": TENSORS, "snapshot": TENSORS, "masks": TENSORS}),
    "trace": Operation("SCHEDULE", {"case": SCHEDULE_CASE, "steps": SCALAR}),
    "rounds": Operation("SCHEDULE", {"curve": TEXT, "final": SCALAR, "count": SCALAR}),
    "remove": Operation("REMOVE", {"network": NETWORK, "params": TENSORS, "units": named(list_of(SCALAR))}),
    "random_count": Operation(
        "RANDOM",
        {"shapes": named(Form(list, tuple)), "sparsity": SCALAR, "pools": TEXT, "seed": SCALAR},
    ),
    "count": Operation("ACCOUNT", dict(MASKED)),
    "store": Operation("STORE", dict(MASKED)),
}
"""What a vector may ask. Most are operations of the adapter; `session` is begin and then each call, `random_count` says
how many entries a random mask removes of each pool, and `store` saves and loads."""


def write_arguments(operation: str, arguments: Mapping[str, Any]) -> Json:
    """Write what is asked."""
    return {name: form.write(arguments[name]) for name, form in OPERATIONS[operation].arguments.items()}


def read_arguments(operation: str, value: Json) -> dict[str, Any]:
    """Read what is asked."""
    return {name: form.read(value[name]) for name, form in OPERATIONS[operation].arguments.items()}


# Answers


def plain(value: Any) -> Json:
    """Write an answer: mappings and records as objects, arrays with dtype, shape and data, numbers as they are."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bool | str | None):
        return value
    array = np.asarray(value)
    return write_number(array.item()) if array.ndim == 0 and not isinstance(value, np.ndarray) else write_entries(array)
