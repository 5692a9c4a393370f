"""The wire: whatever the suite asks comes over as it was, the schema says what is said, and nothing else is read."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st
from jsonschema import Draft202012Validator

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
from spec_tests.alternatives.catalogue import alternatives
from spec_tests.backends.reference import REFERENCE
from spec_tests.faults import Malformed
from spec_tests.kit import wire
from spec_tests.kit.checks import all_checks
from spec_tests.kit.coverage import ROOT
from spec_tests.kit.pipe import PipeBackend
from spec_tests.kit.serve import Server
from spec_tests.strategies.everything import EVERYTHING
from spec_tests.verdicts import Check

SCHEMA = json.loads(wire.SCHEMA.read_text(encoding="utf-8"))
PAGE = ROOT / "docs" / "wire.md"
Place = tuple[str | int, ...]


class Loopback(PipeBackend):
    """A backend behind the wire, without a process, that remembers what was said."""

    def __init__(self, backend: Any) -> None:
        super().__init__([])
        self.server, self.traffic = Server(backend), list[tuple[dict[str, Any], dict[str, Any]]]()

    def _start(self) -> None:
        self._declaration = self.server.backend.declaration

    def exchange(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Ask without a pipe."""
        answer = wire.from_line(self.server.answer(wire.to_line(question)) or b"")
        self.traffic.append((dict(question), answer))
        return answer


def validator(name: str) -> Draft202012Validator:
    """Return what checks messages against one definition of the schema."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def over(form: wire.Form, value: Any) -> Any:
    """Return a value as it arrives, through a line of text."""
    return form.read(wire.from_line(wire.to_line({"value": form.write(value)}))["value"])


def same(got: Any, value: Any) -> bool:
    """Say whether two values are the same: types, orders, shapes and bits."""
    if isinstance(value, np.ndarray):
        alike = (got.dtype, got.shape) == (value.dtype.newbyteorder("="), value.shape)
        return alike and got.tobytes() == value.astype(got.dtype).tobytes()
    if isinstance(value, Mapping):
        return list(got) == list(value) and all(same(got[name], one) for name, one in value.items())
    if isinstance(value, tuple | list):
        pairs = zip(got, value, strict=True)
        return type(got) is type(value) and len(got) == len(value) and all(same(*pair) for pair in pairs)
    if hasattr(value, "__dataclass_fields__"):
        alike = all(same(getattr(got, one.name), getattr(value, one.name)) for one in fields(value))
        return type(got) is type(value) and alike
    return type(got) is type(value) and (repr(got) == repr(value))


# Round trips

ARRAYS = st.sampled_from(sorted(wire.DTYPES)).flatmap(
    lambda name: numpy_st.arrays(np.dtype(name), numpy_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**53) - 2, -(2**53) + 2),
    st.integers(2**53 - 2, 2**53 + 2),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.sampled_from((np.True_, np.int64(1), np.float32(0.1), np.float64("nan"), np.uint64(2**64 - 1))),
)


@given(SCALARS)
def test_scalars_arrive_with_their_type(value: Any) -> None:
    assert same(over(wire.SCALAR, value), value)


@given(ARRAYS, st.sampled_from(("as it is", "Fortran", "strides", "other bytes")))
def test_arrays_arrive_with_their_bits(array: Any, memory: str) -> None:
    changes: Mapping[str, Any] = {
        "as it is": lambda: array,
        "Fortran": lambda: np.asarray(array, order="F"),
        "strides": lambda: np.repeat(array, 2, 0)[::2] if array.ndim else array,
        "other bytes": lambda: array.astype(array.dtype.newbyteorder()),
    }
    got = over(wire.ARRAY, changes[memory]())
    assert same(got, array)
    assert got.flags.c_contiguous
    assert got.flags.writeable


@given(st.dictionaries(st.text(), ARRAYS, max_size=3))
def test_names_arrive_in_their_order(named: dict[str, Any]) -> None:
    assert same(over(wire.TENSORS, named), named)


A, B, C = {"a": np.array([1.0, 2.0])}, {"b": np.array([[3.0]], np.float32)}, {"c": np.array([True, False])}
CASES: tuple[tuple[wire.Form, Any], ...] = (
    (wire.SELECT_CASE, SelectCase(A | B, 1, "global", Units(2, 3), C)),
    (wire.SELECT_CASE, SelectCase(B | A, None, "local", NofM(2, 4, 0))),
    (wire.SELECT_CASE, SelectCase(A, float("nan"), "local", Blocks(None, 2, "max"), {})),
    (wire.SELECT_CASE, SelectCase({}, np.float32(0.1), "local", Elements())),  # type: ignore[arg-type]  # NumPy's
    (wire.SCORE_CASE, ScoreCase("taylor", A, B, C, A | B, B | A, Units(), "max", C)),
    (wire.SCHEDULE_CASE, ScheduleCase("cubic", 0.5, 9, 0.25, 2, 3)),
    (wire.OPTIMISER, OptimiserSpec("adam", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)),
    (
        wire.TRAIN_CASE,
        TrainCase(
            EVERYTHING, A, A["a"], C["c"], (np.array([1]), np.array([0])), OptimiserSpec("sgd", 0.5), C, 7, (C, A)
        ),
    ),
)


@pytest.mark.parametrize(("form", "case"), CASES)
def test_every_field_of_a_case_arrives(form: wire.Form, case: Any) -> None:
    assert same(over(form, case), case)


def test_every_record_has_all_fields() -> None:
    """A field that the adapter has and the wire forgets would come over as its default."""
    step = over(wire.OPERATIONS["train"].result, [TrainStep(A, B)])
    assert same(step[0].read, A)
    assert same(step[0].used, B)
    forgetting = []
    for form, case in CASES:
        names = {one.name for one in fields(case)}
        forgetting += [(type(case).__name__, names ^ form.write(case).keys())] * (names != form.write(case).keys())
    assert not forgetting


def unlike(name: str, hint: Any) -> Any:
    """Return a value of a field of a declaration that is not its default."""
    if name in SETS:
        return frozenset(sorted(SETS[name], key=str)[:1])
    if hint is str:
        return f"{name} 1.0"
    if hint is bool:
        return not getattr(Declaration, name)
    return next(word for word in get_args(hint) if word != getattr(Declaration, name))


UNLIKE = Declaration(**{name: unlike(name, hint) for name, hint in get_type_hints(Declaration).items()})
"""A declaration that says something else than the default of every field."""


@pytest.mark.parametrize("backend", [REFERENCE, *alternatives()], ids=lambda backend: backend.declaration.name)
def test_declarations_arrive(backend: Any) -> None:
    form = wire.Form(wire.write_declaration, wire.read_declaration)
    assert over(form, backend.declaration) == backend.declaration


def test_every_field_of_a_declaration_arrives() -> None:
    form = wire.Form(wire.write_declaration, wire.read_declaration)
    assert over(form, UNLIKE) == UNLIKE
    assert wire.write_declaration(UNLIKE).keys() == {one.name for one in fields(Declaration)}


# The suite over the wire, and the schema

ASKED = [check for check in all_checks() if check.profile is not None and check.kind == "example"]


@pytest.mark.parametrize("check", ASKED, ids=lambda check: f"{check.requirement} {check.name}")
def test_the_reference_passes_over_the_wire(check: Check) -> None:
    """Whatever the examples ask has a form, and all that is said is as the schema says."""
    backend = Loopback(REFERENCE)
    check.run(backend)
    for question, answer in backend.traffic:
        op = question["op"]
        assert not [*validator(f"ask_{op}").iter_errors(question)], question
        assert not [*validator("answer").iter_errors(answer | {"result": None} if "result" in answer else answer)]
        assert "result" not in answer or not [*validator(f"result_{op}").iter_errors(answer["result"])], answer


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_schema_has_the_words_of_the_wire() -> None:
    """What the code and the schema both list is listed alike."""
    definitions = SCHEMA["$defs"]
    assert definitions["dtype"]["enum"] == list(wire.DTYPES)
    for kind in ("ask", "result"):
        named = {name.removeprefix(f"{kind}_") for name in definitions if name.startswith(f"{kind}_")}
        assert named == set(wire.OPERATIONS)
    assert definitions["start"]["properties"]["protocol"] == {"const": wire.PROTOCOL}
    told = definitions["declaration"]["properties"]
    assert told == wire.declaration_schema(), "python -m spec_tests.kit.wire brings it up to date"


def test_declarations_are_valid() -> None:
    for declaration in (UNLIKE, *(backend.declaration for backend in alternatives())):
        assert not [*validator("declaration").iter_errors(wire.write_declaration(declaration))]
    assert [*validator("declaration").iter_errors({"name": "a", "profiles": [], "ties": "sometimes"})]


# Damage

SMALL: Mapping[str, dict[str, Any]] = {
    "select": {"case": SelectCase(A, 0.5, within={"a": C["c"]})},
    "begin": {"case": SelectCase(A, 1, granularity=Units())},
    "session_select": {"session": 0, "scores": A, "sparsity": 0.5},
    "score": {"case": ScoreCase("magnitude", {"a.weight": np.ones((1, 2))})},
    "apply": {"params": A, "masks": {}},
    "trace": {"case": ScheduleCase("linear", 0.5, 1), "steps": 1},
    "rounds": {"curve": "linear", "final": 0.5, "count": 2},
    "random_mask": {"shapes": {"a": (2,)}, "sparsity": 0.5, "pools": "local", "seed": 0},
}
"""A question of each kind of form."""


def objects(value: Any, where: Place = ()) -> Iterator[Place]:
    """Yield the place of every object in a message."""
    if isinstance(value, dict):
        yield where
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from objects(one, (*where, key))


def at(message: Any, place: Place) -> Any:
    for key in place:
        message = message[key]
    return message


def damaged(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield copies: one member of one object missing, one too many, one of another kind."""
    for place in objects(message):
        other = copy.deepcopy(message)
        at(other, place)["more"] = 1
        yield other
        for key in at(message, place):
            other = copy.deepcopy(message)
            del at(other, place)[key]
            yield other
            other = copy.deepcopy(message)
            at(other, place)[key] = {"strange": 1}
            yield other


@pytest.mark.parametrize("op", SMALL)
def test_damaged_questions_are_errors(op: str) -> None:
    """The schema refuses what the code refuses, and no damage is taken for a refusal of the library."""
    forms = wire.OPERATIONS[op].arguments
    arguments = {name: form.write(SMALL[op][name]) for name, form in forms.items()}
    server = Server(REFERENCE)
    server.sessions.append(REFERENCE.begin(SelectCase(A, 0)))
    assert "result" in wire.from_line(server.answer(wire.to_line({"seq": 1, "op": op, **arguments})) or b"")
    for wrong in damaged(arguments):
        assert [*validator(f"ask_{op}").iter_errors({"seq": 1, "op": op, **wrong})], wrong
        answer = wire.from_line(server.answer(wire.to_line({"seq": 1, "op": op, **wrong})) or b"")
        assert answer.keys() == {"seq", "error"}, (wrong, answer)


@pytest.mark.parametrize("op", SMALL)
def test_damaged_answers_are_malformed(op: str) -> None:
    backend = Loopback(REFERENCE)
    backend.begin(SelectCase(A, 0))
    backend.ask(op, **SMALL[op])
    result = backend.traffic[-1][1]["result"]
    for wrong in damaged({"result": result}):
        if wrong.keys() == {"result"}:
            assert [*validator(f"result_{op}").iter_errors(wrong["result"])], wrong
            with pytest.raises(Malformed):
                wire.OPERATIONS[op].result.read(wrong["result"])


MASK = {"name": "a", "dtype": "bool", "shape": [2], "data": "AQA="}
NO_TENSORS: Mapping[str, Any] = {
    "a name twice": [MASK, MASK],
    "a name that is none": [MASK | {"name": 1}],
    "another length": [MASK | {"shape": [3]}],
    "a side below 0": [MASK | {"shape": [-2]}],
    "a side that is true": [MASK | {"shape": [True, 2]}],
    "too many sides": [MASK | {"shape": [1] * 40 + [2]}],
    "a long side": [MASK | {"shape": [0, 2**60]}],
    "no list of sides": [MASK | {"shape": 2}],
    "an unknown dtype": [MASK | {"dtype": "bool_"}],
    "a dtype that is none": [MASK | {"dtype": ["bool"]}],
    "objects": [MASK | {"dtype": "object"}],
    "a bool of 2": [MASK | {"data": "AQI="}],
    "no base64": [MASK | {"data": "AQ!="}],
    "base64 with a line break": [MASK | {"data": "AQA=\n"}],
    "base64 without padding": [MASK | {"data": "AQA"}],
    "letters beyond ASCII": [MASK | {"data": "ÄQA="}],
    "an object for a list": {"a": MASK},
    "nothing": None,
}


@pytest.mark.parametrize("wrong", NO_TENSORS.values(), ids=NO_TENSORS)
def test_no_tensors(wrong: Any) -> None:
    assert same(wire.TENSORS.read([MASK]), {"a": np.array([True, False])})
    with pytest.raises(Malformed):
        wire.TENSORS.read(wrong)


NO_SCALARS: tuple[Any, ...] = (
    1, 0.5, True, "1", [], {}, {"int": 1, "float": 1}, {"int": 1.0}, {"int": True}, {"int": "1.0"}, {"int": "--1"},
    {"int": ""}, {"int": "²"}, {"float": "NaN"}, {"float": True}, {"float": None}, {"bool": 1}, {"text": 1},
    {"complex": [0]}, {"complex": 1}, {"numpy": 1}, {"numpy": {"dtype": "bool", "shape": [2], "data": "AQA="}},
    {"number": 1},
)  # fmt: skip


@pytest.mark.parametrize("wrong", NO_SCALARS, ids=repr)
def test_no_scalar(wrong: Any) -> None:
    with pytest.raises(Malformed):
        wire.SCALAR.read(wrong)


NO_DECLARATIONS: Mapping[str, Any] = {
    "nothing": None,
    "no profiles": {"name": "a"},
    "a field too many": {"name": "a", "profiles": [], "more": 1},
    "a word that is none": {"name": "a", "profiles": [], "ties": "sometimes"},
    "a profile that is none": {"name": "a", "profiles": ["DREAM"]},
    "a list of lists": {"name": "a", "profiles": [["SELECT"]]},
    "a text for a list": {"name": "a", "profiles": "SELECT"},
    "a list for a text": {"name": ["a"], "profiles": []},
    "a number for a text": {"name": 1, "profiles": []},
    "a text for a bool": {"name": "a", "profiles": [], "within": "yes"},
}


@pytest.mark.parametrize("wrong", NO_DECLARATIONS.values(), ids=NO_DECLARATIONS)
def test_no_declaration(wrong: Any) -> None:
    assert wire.read_declaration({"name": "a", "profiles": []}) == Declaration("a", frozenset())
    with pytest.raises(Malformed):
        wire.read_declaration(wrong)


@pytest.mark.parametrize(
    "line", [b"", b"hello", b'{"a": NaN}', b'{"a": -Infinity}', b"[]", b"1", b'{"a"', b"\xff", b'{"a":' * 100_000]
)
def test_no_line(line: bytes) -> None:
    with pytest.raises(Malformed):
        wire.from_line(line)


def test_nan_is_never_bare() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.to_line({"a": float("nan")})
    assert wire.to_line({"a": wire.write_scalar(float("nan"))}) == b'{"a":{"float":"nan"}}\n'


@pytest.mark.parametrize("answer", [None, [1], {"a": None}, {1: np.ones(2)}, {"a": [[1.0], [1.0, 2.0]]}])
def test_an_answer_without_a_form_is_an_error(answer: Any) -> None:
    """What a library gives back and the wire cannot say is no refusal."""

    class Odd:
        declaration = replace(REFERENCE.declaration, name="odd")

        def select(self, case: SelectCase) -> Any:
            return answer if case.sparsity == 0.5 else REFERENCE.select(case)

    backend = Loopback(Odd())
    with pytest.raises(Malformed, match="the answer cannot be written"):
        backend.select(SelectCase(A, 0.5))
    assert same(backend.select(SelectCase(A, 0)), {"a": np.array([True, True])})


# The page


def test_transcript_of_the_page() -> None:
    """What docs/wire.md shows is what the reference says, line by line."""
    if not PAGE.is_file():
        pytest.skip("docs/wire.md is not here: this suite runs from an installed wheel")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    spoken = [line.strip() for line in lines if line.startswith(("    > ", "    < "))]
    assert len(spoken) >= 10
    server, expected = Server(REFERENCE), list[str]()
    for line in spoken:
        if line.startswith("> "):
            assert not expected, f"{expected[0]} is not shown"
            question = wire.from_line(line[2:].encode())
            assert wire.to_line(question).decode().strip() == line[2:], "the question as the suite writes it"
            said = server.answer(line[2:].encode())
            expected = [said.decode().strip()] if said else []
        else:
            assert [line[2:]] == expected
            expected = []


def test_the_page_has_every_operation() -> None:
    """And every profile's word is said."""
    if not PAGE.is_file():
        pytest.skip("docs/wire.md is not here: this suite runs from an installed wheel")
    page = PAGE.read_text(encoding="utf-8")
    members = {name for operation in wire.OPERATIONS.values() for name in operation.arguments}
    missing = [name for name in [*wire.OPERATIONS, *members, *wire.SCALARS, *wire.DTYPES] if f"`{name}`" not in page]
    assert not missing
