"""The figures of results.json, checked, so that whoever prints them need not.

In: the document as it was read. Out: nothing, or one sentence on the first thing that is missing or of another kind.
What the document is in full: results.schema.json.
"""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from refprune.errors import InvalidInput, is_integer
from refprune.lab.folder import STATES

COUNTED = (
    "accuracy", "sparsity", "parameters", "parameters_kept", "macs", "macs_nonzero", "bytes_dense", "bytes_bitmask",
    "bytes_csr",
)  # fmt: skip
STORED = (*COUNTED, "bytes_file", "seconds_per_batch")
NEEDED = {
    "dense": STORED,
    "pruned_before_retraining": COUNTED,
    "pruned": STORED,
    "compact": (*STORED, "max_abs_difference"),
}
"""State of a network -> the figures that others rely on."""
OF_LAYER = ("entries", "entries_kept", "units", "units_compact")
OF_ROUND = ("sparsity", "sparsity_of_weights", "accuracy_before_retraining", "accuracy")
MEASURED = ("seconds_per_batch", "seconds_per_batch_onnxruntime")
OPTIONAL = (MEASURED[1], *(f"{figure}_spread" for figure in MEASURED))
"""Figures that all networks on disk have, or none."""
DIVIDED_BY = {"entries", "units", "macs", "bytes_file", *MEASURED}
"""Others are stated in times these: they are never 0."""
LARGEST = 2.0**63
EXPECTED = "what refprune run writes"


def check_figures(document: Mapping[str, Any]) -> None:
    """Refuse a document whose figures are not all there, each with a mean and a number for every seed.

    Raises:
        InvalidInput: naming the place in the document.
    """
    seeds = document.get("seeds")
    if not isinstance(seeds, list) or not seeds or not all(map(is_integer, seeds)):
        raise InvalidInput("results.json, seeds", seeds, "a list of one seed or more")
    networks = _mapping("networks", document.get("networks"))
    for name, figures in networks.items():
        _check_network(f"networks.{name}", _mapping(f"networks.{name}", figures), len(seeds))
    _check_surroundings(document)


def _check_surroundings(document: Mapping[str, Any]) -> None:
    """Refuse a document that lacks what stands beside the networks."""
    version = _mapping("environment", document.get("environment")).get("refprune")
    if not isinstance(version, str):
        raise InvalidInput("results.json, environment.refprune", version, "a version")
    published = document.get("published_data")
    if not isinstance(published, Mapping) or not all(isinstance(one, bool) for one in published.values()):
        raise InvalidInput("results.json, published_data", published, "true or false for each file")
    if set(_mapping("settings", document.get("settings"))) != set(document["networks"]):
        raise InvalidInput("results.json, settings", list(document["settings"]), f"those of {[*document['networks']]}")
    _check_number("seconds", document.get("seconds"))


def _check_network(what: str, figures: Mapping[str, Any], seeds: int) -> None:
    there = [name for name in OPTIONAL for state in STATES if name in _mapping(f"{what}.{state}", figures.get(state))]
    for state, needed in NEEDED.items():
        _check_all(f"{what}.{state}", figures.get(state), [*needed, *(there if state in STATES else ())], seeds)
    for name, layer in _mapping(f"{what}.layers", figures.get("layers")).items():
        _check_all(f"{what}.layers.{name}", layer, OF_LAYER, seeds)
    rounds = figures.get("rounds")
    if not isinstance(rounds, list) or not rounds:
        raise InvalidInput(f"results.json, {what}.rounds", rounds, EXPECTED)
    for place, turn in enumerate(rounds):
        _check_all(f"{what}.rounds[{place}]", turn, OF_ROUND, seeds)


def _check_all(what: str, figures: object, needed: Iterable[str], seeds: int) -> None:
    """Refuse what lacks a needed figure, and any figure that is none."""
    found = _mapping(what, figures)
    for name in dict.fromkeys([*needed, *found]):
        _check_figure(f"{what}.{name}", _mapping(f"{what}.{name}", found.get(name)), seeds)


def _check_figure(what: str, figure: Mapping[str, Any], seeds: int) -> None:
    own = figure.get("seeds")
    if not isinstance(own, list) or len(own) != seeds:
        raise InvalidInput(f"results.json, {what}.seeds", own, f"a list of {seeds}, one for each seed")
    for value in (figure.get("mean"), *own):
        _check_number(what, value, may_be_zero=what.rpartition(".")[2] not in DIVIDED_BY)
    if figure["mean"] != fmean(own):
        raise InvalidInput(f"results.json, {what}.mean", figure["mean"], f"the mean of its seeds, {fmean(own)}")


def _check_number(what: str, value: object, *, may_be_zero: bool = True) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
        raise InvalidInput(f"results.json, {what}", value, "a number in [0, 2**63]")
    if not value and not may_be_zero:
        raise InvalidInput(f"results.json, {what}", value, "a number > 0")


def _mapping(what: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise InvalidInput(f"results.json, {what}", value, EXPECTED)
    return value
