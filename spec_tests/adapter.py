"""What a backend fills in: arrays and records in, arrays out.

A backend is any object with a `declaration` and the operations of the profiles it claims; no base class.
An adapter hands its library's answer on as it is: it does not sort, cast, mask again or catch errors. The suite
checks keys, shapes and values, then compares. What a library cannot do at all raises `Unsupported`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, get_args, get_origin, get_type_hints

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


OPERATIONS = frozenset(OPS) - {"input"} | {"grouped_conv2d", "shared", "no_bias", "unused"}
"""What a network can be made of: the ops of its JSON form, convolutions with several groups, layers that share
parameters, layers without a bias, nodes that no logit depends on."""


class Unsupported(Exception):
    """Raised before the library is touched, for a case outside what the declaration claims.

    The suite asks for no such case; inside the declared domain this exception fails the check.
    """


@dataclass(frozen=True)
class Declaration:
    """What a backend claims, and its value of every declared variation; the defaults are the reference's.

    A declared value is tested as strictly as the default. The vocabulary is closed.
    """

    name: str
    profiles: frozenset[Profile]
    library: str = ""
    """What is under test and in which version, for reports: "torch 2.13.0"."""

    # SELECT: which cases may be asked
    granularities: frozenset[str] = frozenset({"element", "unit", "block", "n_of_m"})
    """Which granularities `select` knows."""
    pools: frozenset[str] = frozenset({"local", "global"})
    """Which pools `select` knows."""
    within: bool = True
    """Whether `select` takes masks of what is still alive."""
    multiples: bool = True
    """Whether `select` rounds what a group of units keeps to a multiple."""
    run_axes: frozenset[int] = frozenset({0, 1, 2, 3})
    """Along which axes runs of n of m may lie."""

    # SELECT: how many go
    count: Literal["half_even", "trunc", "ceil", "keep_half_even", "keep_trunc"] = "half_even"
    """How many of n go: round(s n), floor(s n), ceil(s n), n - round((1 - s) n), or n - floor((1 - s) n).

    round goes half to even, and `base` says what n is.
    """
    arithmetic: Literal["float64", "float32", "exact"] = "float64"
    """In what 1 - s and the product of `count` are formed: IEEE doubles, IEEE singles, or exactly, of the double s.
    Schedules too are computed in singles or doubles."""
    base: Literal["all", "alive"] = "all"
    """Of what s is a fraction: of all entries of a pool, removed ones included, or of those alive.

    Of all, the count is a total; of those alive, so many more go, and no fraction is a falling target.
    """
    integers: Literal["total", "more", "refused"] = "total"
    """What an int is: how many are removed afterwards, how many more go, or no sparsity, and an error.

    More than there are is an error; for `more`, more than are alive.
    """
    outside: Literal["refused", "clamped"] = "refused"
    """What happens to a fraction below 0 or above 1: an error, or it becomes 0 or 1. NaN is always an error."""
    emptied: Literal["allowed", "keeps_one", "skipped", "refused"] = "allowed"
    """What happens where nothing that is alive in a pool would stay, be it by the count or by `ties`.

    All of it goes, the best one stays (with its equals where `ties` says so), all of it stays, or an error. A reserve
    of units comes first.
    """

    # SELECT: who goes
    transform: Literal["none", "abs"] = "none"
    """What is ranked, in runs too: the scores as given, or their absolute values."""
    ties: Literal["first", "last", "unspecified", "keep_all", "remove_all"] = "first"
    """Which of equal scores at the boundary stay: the first by position, the last, any, all, or none.

    In the first three the count is exact. Where nothing goes, or everything does, nothing is at the boundary.
    """
    nan: Literal["refused", "highest", "lowest", "unspecified"] = "refused"
    """What NaN scores of alive entries are: an error, all equal and above +inf or below -inf, or not asked."""
    falling: Literal["refused", "kept"] = "refused"
    """What happens to a pool whose target is below what it has lost: an error, or its masks stay as they are."""

    # SELECT: runs of n of m
    names: Literal["kept", "removed"] = "kept"
    """What the n of n of m counts: the entries that stay, or those that go."""
    tail: Literal["proportional", "padded", "dense", "refused"] = "proportional"
    """What a tail of r keeps where whole runs keep n of m: ceil(n r / m), min(n, r), all of it, or an error."""
    run_ties: Literal["first", "last", "unspecified"] = "first"
    """Which of equal scores stay in a run: the first, the last, or any; the count is always exact."""

    # SCORE
    criteria: frozenset[str] = frozenset({"magnitude", "gradient", "taylor", "taylor_gate", "random", "random_unit"})
    """Which criteria `score` knows."""
    reducers: frozenset[str] = frozenset({"l1", "l2", "mean", "max", "sum_then_square"})
    """Which reducers `score` knows."""
    unit_norm: Literal["root", "square"] = "root"
    """Whether the reducer l2 takes the root of the sum of squares."""

    # APPLY, TRAIN, REMOVE
    ops: frozenset[str] = OPERATIONS
    """Of what networks are made that the backend runs, trains or removes units from."""
    exact: bool = True
    """Whether forward adds products only, so that small integers come out exactly (no transformed convolution)."""
    removed_zero: Literal["positive", "either"] = "positive"
    """The sign of a removed entry's zero."""
    gradients: Literal["unspecified", "masked", "dense"] = "unspecified"
    """Gradients of removed entries: anything, 0, or those of the network whose removed entries are 0 but there."""
    enforced: Literal["after_step", "forward"] = "after_step"
    """Where removed entries are 0 after every step: in what is read and used, or only in what the next forward uses."""
    optimisers: frozenset[str] = frozenset({"sgd", "nesterov", "adam", "adamw"})
    """Which optimisers `train` knows."""
    dropouts: bool = True
    """Whether `train` takes the masks of dropouts; without, dropout is asked for in `forward` alone."""

    # SCHEDULE
    forms: frozenset[str] = frozenset({"trace", "rounds"})
    """Which of the two operations there are: sparsity by step, sparsity by round."""
    curves: frozenset[str] = frozenset({"linear", "cubic", "geometric"})
    """Which curves `trace` and `rounds` know."""
    initial: bool = True
    """Whether a schedule may start from a sparsity other than 0."""
    full: Literal["reached", "refused"] = "reached"
    """What happens to a schedule to the sparsity 1: it gets there, or an error."""
    first_step: Literal[0, 1] = 0
    """The number n of the state before the first update; after t updates n = t + first_step, and begin and end are
    such numbers."""
    progress: Literal["step", "next"] = "step"
    """How far n is from begin to end: (n - begin) / (end - begin), or (n + 1 - begin) / (end - begin), cut to [0, 1].
    Where begin = end it is 0 before and 1 from there on, with either."""
    anchor: Literal["begin", "zero"] = "begin"
    """From where firing steps are counted: begin, begin + every, ..., or the multiples of every from begin on."""
    reaches_end: bool = True
    """Whether end fires although `every` does not lead to it."""
    never: Literal["refused", "allowed"] = "refused"
    """What happens to a schedule that never fires, or whose end comes after the run: an error, or as much of it as
    the run has."""

    # ACCOUNT
    mac: Literal[1, 2] = 1
    """How many operations one multiply-add counts for."""
    bias_counted: bool = False
    """Whether adding a bias is counted among the operations: one for each output, in `macs_nonzero` of kept biases."""

    def __post_init__(self) -> None:
        """Refuse a misspelt value: nothing of it would be tested."""
        for name, hint in get_type_hints(type(self)).items():
            value, kind = getattr(self, name), get_origin(hint) or hint
            if kind is Literal:
                if value not in get_args(hint):
                    raise ValueError(f"{name}: got {value!r}, expected one of {list(get_args(hint))}")
            elif not isinstance(value, kind):
                raise ValueError(f"{name}: got {value!r}, expected a {kind.__name__}")
            elif kind is frozenset and (strange := sorted(value - SETS[name], key=str)):
                raise ValueError(f"{name}: got {strange}, expected some of {sorted(SETS[name], key=str)}")


SETS: Mapping[str, frozenset[Any]] = {"profiles": frozenset(PROFILES)} | {
    name: default for name, default in vars(Declaration).items() if isinstance(default, frozenset)
}
"""What the sets of a declaration may hold: what the reference knows."""


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
    kept: tuple[Masks, ...] = ()
    """For each batch, and in it for every dropout node, what it leaves of the batch, (m, ...) bool."""


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
