"""What a backend fills in: arrays and records in, arrays out.

A backend is any object with a `declaration` and the operations of the profiles it claims; no base class.
An adapter hands its library's answer on as it is: it does not sort, cast, mask again or catch errors. The suite
checks keys, shapes and values, then compares. What a library cannot do at all raises `Unsupported`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from refprune.arrays import Array, Masks, Params, Scores
from refprune.network import (
    OPS,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    MaxPool2d,
    Network,
    Relu,
    Sigmoid,
    Split,
)

# A call in a message of the suite can be pasted after `from spec_tests.adapter import *`.
__all__ = [
    "PROFILES",
    "Add",
    "AvgPool2d",
    "Backend",
    "BatchNorm",
    "Blocks",
    "Concat",
    "Conv2d",
    "Declaration",
    "Dense",
    "DepthwiseConv2d",
    "Dropout",
    "Elements",
    "Flatten",
    "GlobalAvgPool2d",
    "Input",
    "MaxPool2d",
    "NofM",
    "OptimiserSpec",
    "Profile",
    "Relu",
    "ScheduleCase",
    "ScoreCase",
    "SelectCase",
    "Session",
    "Sigmoid",
    "Split",
    "TrainCase",
    "TrainStep",
    "Units",
    "Unsupported",
]  # fmt: skip

Profile = Literal["SELECT", "STATEFUL", "SCORE", "APPLY", "TRAIN", "SCHEDULE", "REMOVE", "RANDOM", "ACCOUNT", "STORE"]
PROFILES: tuple[Profile, ...] = (
    "SELECT", "STATEFUL", "SCORE", "APPLY", "TRAIN", "SCHEDULE", "REMOVE", "RANDOM", "ACCOUNT", "STORE"
)  # fmt: skip


OPERATIONS = frozenset(OPS) - {"input"} | {"grouped_conv2d", "shared", "no_bias"}
"""What a network can be made of: the ops of its JSON form, convolutions with several groups, layers that share
parameters, layers without a bias."""


class Unsupported(Exception):
    """Raised before the library is touched, for a case outside what the declaration claims.

    The suite asks for no such case; inside the declared domain this exception fails the check.
    """


@dataclass(frozen=True)
class Declaration:
    """What a backend claims, and its value of every declared variation; the defaults are the reference's."""

    name: str
    profiles: frozenset[Profile]
    count: Literal["half_even", "trunc", "ceil", "keep_half_even"] = "half_even"
    """How many of n go: round(s n), floor(s n), ceil(s n), or n - round((1 - s) n); IEEE double products."""
    ties: Literal["first", "last", "unspecified", "keep_all", "remove_all"] = "first"
    """Which of equal scores stay: the first by position, the last, any (the count is exact), all, or none."""
    within: bool = True
    """Whether `select` takes masks of what is still alive."""
    granularities: frozenset[str] = frozenset({"element", "unit", "block", "n_of_m"})
    """Which granularities `select` knows."""
    pools: frozenset[str] = frozenset({"local", "global"})
    """Which pools `select` knows."""
    integer_counts: bool = True
    """Whether a sparsity may be an int: a count."""
    multiples: bool = True
    """Whether `select` rounds what a group of units keeps to a multiple."""
    ops: frozenset[str] = OPERATIONS
    """Of what networks are made that the backend runs, trains or removes units from."""
    removed_zero: Literal["positive", "either"] = "positive"
    """The sign of a removed entry's zero."""
    exact: bool = True
    """Whether forward adds products only, so that small integers come out exactly (no transformed convolution)."""

    def __post_init__(self) -> None:
        """Refuse a misspelt profile or operation: nothing of it would be tested."""
        unknown = set(self.profiles) - set(PROFILES)
        if unknown:
            raise ValueError(f"profiles: got {sorted(unknown)}, expected some of {PROFILES}")
        strange = set(self.ops) - OPERATIONS
        if strange:
            raise ValueError(f"ops: got {sorted(strange)}, expected some of {sorted(OPERATIONS)}")


# SELECT


@dataclass(frozen=True)
class Elements:
    """Every entry by itself."""


@dataclass(frozen=True)
class Units:
    """Scores are 1-d, one for each unit of a group; each group keeps at least `min_kept` of its alive units.

    How many it keeps is rounded up to a `multiple`, as far as that many are alive.
    """

    min_kept: int = 1
    multiple: int = 1


@dataclass(frozen=True)
class Blocks:
    """Tiles of the matrix (shape[0], product of the rest), from index 0, cropped; None = all of that side.

    Scores and masks have the shape of the array; a tile's score is the reduction over its entries.
    """

    rows: int | None
    columns: int | None
    reducer: str = "l1"


@dataclass(frozen=True)
class NofM:
    """The `keep` best of every `of` consecutive entries along `axis` stay; the sparsity is None."""

    keep: int
    of: int
    axis: int = 1


@dataclass(frozen=True)
class SelectCase:
    """Given scores and what is asked. The order of `scores` is the order of the pool."""

    scores: Scores
    sparsity: float | int | None
    pools: Literal["local", "global"] = "local"
    granularity: Elements | Units | Blocks | NofM = field(default_factory=Elements)
    within: Masks | None = None


class Session(Protocol):
    """A selection that remembers: every call is in the coordinates of the first."""

    def select(self, scores: Scores, sparsity: float | int) -> Masks:
        """Return the masks after this call."""
        ...


# SCORE


@dataclass(frozen=True)
class ScoreCase:
    """What is known, and what a score is for: entries, tiles, or the indices of axis 0 of each weight.

    `criterion` is one of magnitude, gradient, taylor, taylor_gate, random, random_unit; `reducer` one of
    l1, l2, mean, max, sum_then_square (for entries it is ignored). Scores are keyed by the weight.
    """

    criterion: str
    params: Params
    grads: Params | None = None
    gates: Params | None = None
    draws: Params | None = None
    unit_draws: Params | None = None
    granularity: Elements | Units | Blocks = field(default_factory=Elements)
    reducer: str = "l1"
    within: Masks | None = None


# TRAIN


@dataclass(frozen=True)
class OptimiserSpec:
    """An optimiser by name (sgd, nesterov, adam, adamw) and its numbers; what it does not use is ignored."""

    name: Literal["sgd", "nesterov", "adam", "adamw"]
    rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8


@dataclass(frozen=True)
class TrainCase:
    """Train on these batches; after `prune_at` updates (0: before the first) the masks come into force."""

    network: Network
    params: Params
    x: Array
    labels: Array
    batches: tuple[Array, ...]
    optimiser: OptimiserSpec
    masks: Masks
    prune_at: int = 0


class TrainStep(NamedTuple):
    """The parameters after one update (and the pruning that follows it)."""

    read: Params
    """What a user sees: what would be saved."""
    used: Params
    """What the next forward pass computes with."""


# SCHEDULE


@dataclass(frozen=True)
class ScheduleCase:
    """A curve (linear, cubic, geometric) from `initial` at `begin` to `final` at `end`, firing each `every`."""

    curve: str
    final: float
    end: int
    initial: float = 0.0
    begin: int = 0
    every: int = 1


# The backend


class Backend(Protocol):
    """All operations; a backend has those of the profiles it claims."""

    declaration: Declaration

    def select(self, case: SelectCase) -> Masks:
        """SELECT. Return masks keyed and shaped as the scores, 1 = kept."""
        ...

    def shortfall(self, case: SelectCase) -> Mapping[str, int]:
        """SELECT. Return pool ("global" or the tensor) -> how many units could not be removed as asked."""
        ...

    def begin(self, case: SelectCase) -> Session:
        """STATEFUL. Return a session over tensors like the case's; its scores and sparsity are not used."""
        ...

    def score(self, case: ScoreCase) -> Scores:
        """SCORE. Return scores keyed by the weight."""
        ...

    def apply(self, params: Params, masks: Masks) -> Params:
        """APPLY. Return the parameters as the masked network has them."""
        ...

    def forward(self, network: Network, params: Params, masks: Masks, x: Array) -> Array:
        """APPLY. Return the logits (N, classes) of the masked network in use: running statistics, no dropout."""
        ...

    def loss_and_grads(
        self, network: Network, params: Params, masks: Masks, x: Array, labels: Array
    ) -> tuple[float, Params]:
        """TRAIN. Return the batch-mean loss of the masked network in training, and its gradients.

        They may be anything where masked; running statistics have none.
        """
        ...

    def train(self, case: TrainCase) -> Sequence[TrainStep]:
        """TRAIN. Return one step for each batch."""
        ...

    def rewind(self, params: Params, snapshot: Params, masks: Masks) -> Params:
        """TRAIN. Return the parameters that retraining starts from after rewinding to the snapshot."""
        ...

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """SCHEDULE. Return (fires, sparsity) for t = 0 ... steps of a run of `steps` updates."""
        ...

    def rounds(self, curve: str, final: float, count: int) -> Sequence[float]:
        """SCHEDULE. Return the sparsity of each round."""
        ...

    def remove(
        self, network: Network, params: Params, units: Mapping[str, Sequence[int]]
    ) -> tuple[Params, Mapping[str, Sequence[int]]]:
        """REMOVE. Return the parameters without these units (layer -> indices) and the original indices kept."""
        ...

    def random_mask(self, shapes: Mapping[str, tuple[int, ...]], sparsity: float | int, pools: str, seed: int) -> Masks:
        """RANDOM. Return masks of a uniformly drawn selection of entries."""
        ...

    def count(self, network: Network, params: Params, masks: Masks) -> Mapping[str, Any]:
        """ACCOUNT. Return the counts of refprune.measure.Counts and its three ratios, by name."""
        ...

    def save(self, folder: Path, network: Network, params: Params, masks: Masks) -> None:
        """STORE. Write everything into an empty folder."""
        ...

    def load(self, folder: Path) -> tuple[Network, Params, Masks]:
        """STORE. Return what `save` wrote."""
        ...
