"""results.schema.json: what a run writes is valid, and what is damaged is not."""

import copy
import json
from dataclasses import fields
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import refprune.lab
from refprune.errors import InvalidInput
from refprune.lab.experiment import Settings
from refprune.lab.folder import STATES
from refprune.lab.report.figures import NEEDED, check_figures
from refprune.lab.results import over_seeds
from spec_tests.meta.quick import quick_run

SCHEMA = json.loads((Path(refprune.lab.__file__).parent / "results.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
Place = tuple[str | int, ...]
TIMES = ("seconds_per_batch", "seconds_per_batch_onnxruntime")
AMOUNTS = (*TIMES, *(f"{name}_spread" for name in TIMES))
"""Measured of every network on disk; those of onnxruntime only where that is installed."""
NOT_REQUIRED = {"published_data", "threads", "networks", "settings", "layers"}
"""Objects whose keys are names: to take one of them away is no damage that a schema sees."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a real run wrote."""
    out = tmp_path_factory.mktemp("schema") / "results.json"
    quick_run(out, "--network", "cnn-8x8", "--seeds", 2, "--rounds", 1)
    return dict(json.loads(out.read_text(encoding="utf-8")))


def places(value: Any, where: Place = ()) -> list[Place]:
    """Return the place of every value in a document, each a path of keys."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [where] * bool(where) + [place for key, one in inner for place in places(one, (*where, key))]


def at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def figures_in(value: Any) -> list[dict[str, Any]]:
    """Return every pair of a mean and values."""
    if not isinstance(value, dict | list):
        return []
    if isinstance(value, dict) and set(value) == {"mean", "seeds"}:
        return [value]
    return [pair for one in (value.values() if isinstance(value, dict) else value) for pair in figures_in(one)]


def accepted(document: Any) -> bool:
    """Say whether a document is valid, what a schema cannot say included."""
    if not VALIDATOR.is_valid(document):
        return False
    pairs, seeds = figures_in(document["networks"]), len(document["seeds"])
    same_names = set(document["networks"]) == set(document["settings"])
    return same_names and all(len(pair["seeds"]) == seeds and pair["mean"] == fmean(pair["seeds"]) for pair in pairs)


def damaged(document: Any, place: Place, value: Any) -> Any:
    """Return a copy with another value at a place."""
    other = copy.deepcopy(document)
    at(other, place[:-1])[place[-1]] = value
    return other


def without(document: Any, place: Place) -> Any:
    """Return a copy without what is at a place."""
    other = copy.deepcopy(document)
    del at(other, place[:-1])[place[-1]]
    return other


def required(place: Place) -> bool:
    """Say whether the place is a key that every document has."""
    return (
        isinstance(place[-1], str)
        and place[-1] not in {"onnxruntime", *AMOUNTS[1:]}
        and (len(place) == 1 or place[-2] not in NOT_REQUIRED)
    )


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_value_is_described() -> None:
    """Each property says what it is, by itself or by the definition that it refers to."""

    def properties(value: Any) -> list[tuple[str, Any]]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        own = list(value.get("properties", {}).items()) if isinstance(value, dict) else []
        return own + [pair for one in inner for pair in properties(one)]

    told = {"format", "version", "data", "mean", "seeds"}  # by their values, or where the pair is described
    silent = [name for name, one in properties(SCHEMA) if "description" not in one and name not in told]
    assert [name for name in silent if "description" not in SCHEMA["$defs"].get(name, {})] == []


def test_run_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    assert accepted(document)
    check_figures(document)


def test_settings_are_those_of_the_command(document: dict[str, Any]) -> None:
    names = {field.name for field in fields(Settings)}
    assert set(SCHEMA["$defs"]["settings"]["properties"]) == set(document["settings"]["cnn-8x8"]) == names


@given(data=st.data())
def test_key_that_is_missing(document: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([place for place in places(document) if required(place)]))
    assert not VALIDATOR.is_valid(without(document, place)), place


@given(data=st.data())
def test_key_that_is_unknown(document: dict[str, Any], data: st.DataObject) -> None:
    closed = [place for place in [(), *places(document)] if isinstance(at(document, place), dict)]
    place = data.draw(st.sampled_from([place for place in closed if not {"published_data", "threads"} & {*place}]))
    assert not VALIDATOR.is_valid(damaged(document, (*place, "unknown"), {})), place


@given(data=st.data())
def test_figure_of_another_type(document: dict[str, Any], data: st.DataObject) -> None:
    numbers = [
        place for place in places(document) if isinstance(at(document, place), int | float) and place != ("version",)
    ]
    place = data.draw(st.sampled_from(numbers))
    value: Any = data.draw(st.sampled_from([None, True, "0.5", [0.5], {}, -1, -0.5]))
    assert not VALIDATOR.is_valid(damaged(document, place, value)), (place, value)


@given(data=st.data())
def test_fraction_above_one_and_half_a_parameter(document: dict[str, Any], data: st.DataObject) -> None:
    fractions = ("accuracy", "sparsity", "sparsity_of_weights", "sparsity_all_parameters", "accuracy_before_retraining")
    found = [place for place in places(document) if place[-2:-1] == ("seeds",) and len(place) > 2]
    place = data.draw(st.sampled_from(found))
    name = place[-3]
    value: float = 1.5 if name not in (*AMOUNTS, "loss", "max_abs_difference") else -1e-9
    assert VALIDATOR.is_valid(damaged(document, place, 1 if name in fractions else 0)), place
    assert not VALIDATOR.is_valid(damaged(document, place, value)), place


@given(data=st.data())
def test_one_seed_too_many_or_too_few(document: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([place for place in places(document) if place[-1] == "seeds"]))
    seeds = at(document, place)
    changed = data.draw(st.sampled_from([seeds[:1], [], [*seeds, 7], [*seeds, *seeds]]))
    assert not accepted(damaged(document, place, changed)), place


def refusal(document: Any) -> str:
    """Return what `check_figures` says against a document; nothing when it is content."""
    try:
        check_figures(document)
    except InvalidInput as error:
        return str(error)
    return ""


@given(data=st.data())
def test_check_figures_refuses_or_is_content(document: dict[str, Any], data: st.DataObject) -> None:
    """Whatever is damaged: one sentence, or what is left is enough; never another exception."""
    place = data.draw(st.sampled_from(places(document)))
    values = st.sampled_from([None, True, "text", [], {}, [1], {"mean": 1}, -1, 0, 0.5, 10**400, float("nan")])
    said = refusal(damaged(document, place, data.draw(values)))
    assert not said or said.startswith("results.json, ")


@given(data=st.data())
def test_check_figures_misses_nothing_that_is_needed(document: dict[str, Any], data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(sorted(NEEDED)))
    place = ("networks", "cnn-8x8", state, data.draw(st.sampled_from(NEEDED[state])))
    for harmed in (without(document, place), without(document, (*place, "mean")), damaged(document, place, [1, 1])):
        assert refusal(harmed).startswith(f"results.json, {'.'.join(place)}")


def test_onnxruntime_for_all_or_none(document: dict[str, Any]) -> None:
    """A figure that is optional is there for all three networks on disk, or for none."""
    figures = document["networks"]["cnn-8x8"]
    measured = copy.deepcopy(document)
    for state in STATES:
        measured["networks"]["cnn-8x8"][state][AMOUNTS[1]] = figures[state][AMOUNTS[0]]
    assert (accepted(measured), refusal(measured)) == (True, "")
    for state in STATES:
        harmed = without(measured, ("networks", "cnn-8x8", state, AMOUNTS[1]))
        assert refusal(harmed).startswith(f"results.json, networks.cnn-8x8.{state}.{AMOUNTS[1]}: ")
        measured_less = harmed
        for other in {*STATES} - {state}:
            measured_less = without(measured_less, ("networks", "cnn-8x8", other, AMOUNTS[1]))
        assert refusal(measured_less) == ""


def test_figure_that_some_seeds_lack() -> None:
    """It is left out: a mean of the others would be of other seeds than every mean beside it."""
    runs = [{"dense": {"loss": 1.0, AMOUNTS[1]: 2.0}}, {"dense": {"loss": 2.0}}]
    assert over_seeds(runs) == {"dense": {"loss": {"mean": 1.5, "seeds": [1.0, 2.0]}}}
