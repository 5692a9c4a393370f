"""Correct schedules, training, scores and counts by other declared rules, those of real libraries among them."""

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Any

import numpy as np

from refprune.arrays import Array, Masks, Params, Scores
from refprune.network import Network
from spec_tests.adapter import Blocks, Declaration, Elements, Profile, ScheduleCase, ScoreCase, TrainCase
from spec_tests.alternatives.batch_first.backend import BatchFirst, ShadowWeights
from spec_tests.backends.reference import Reference

TRAIN: frozenset[Profile] = frozenset({"TRAIN"})

# Schedules


def check_schedule(case: ScheduleCase) -> None:
    """Refuse what is no schedule in any library."""
    for value in (case.initial, case.final):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError("sparsity")
    if any(type(value) is not int for value in (case.begin, case.end, case.every)):
        raise TypeError("steps")
    if not 0 <= case.begin <= case.end or case.every < 1 or case.initial > case.final:
        raise ValueError("schedule")


POWERS = {"linear": 1, "cubic": 3}


class CountsFromOne:
    """As TFMOT: the first batch is step 1, firing from begin each `every`, nothing special about end; in singles."""

    declaration = Declaration(
        "counts-from-one",
        frozenset({"SCHEDULE"}),
        arithmetic="float32",
        forms=frozenset({"trace"}),
        curves=frozenset(POWERS),
        full="refused",
        first_step=1,
        reaches_end=False,
        never="allowed",
    )

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """Ask steps 1, 2, ..."""
        check_schedule(case)
        if case.final == 1:
            raise ValueError("sparsity must be in [0, 1)")
        return [(self._fires(case, step), self._sparsity(case, step)) for step in range(1, steps + 2)]

    def _fires(self, case: ScheduleCase, step: int) -> bool:
        return case.begin <= step <= case.end and (step - case.begin) % case.every == 0

    def _sparsity(self, case: ScheduleCase, step: int) -> float:
        first, last = np.float32(case.initial), np.float32(case.final)
        if case.begin == case.end:
            return float(last if step >= case.end else first)
        way = np.float32(step - case.begin) / np.float32(case.end - case.begin)
        left = np.float32(1) - np.clip(way, np.float32(0), np.float32(1))
        value = last + (first - last) * left ** np.float32(POWERS[case.curve])
        return float(first if left == 1 else np.clip(value, first, last))


class OneStepAhead:
    """As JaxPruner: progress is a step ahead, firing at multiples of `every`, always from 0; in singles."""

    declaration = Declaration(
        "one-step-ahead",
        frozenset({"SCHEDULE"}),
        arithmetic="float32",
        forms=frozenset({"trace"}),
        curves=frozenset(POWERS),
        initial=False,
        progress="next",
        anchor="zero",
        reaches_end=False,
        never="allowed",
    )

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """Ask counts 0, 1, ..."""
        check_schedule(case)
        return [(self._fires(case, count), self._sparsity(case, count)) for count in range(steps + 1)]

    def _fires(self, case: ScheduleCase, count: int) -> bool:
        return count % case.every == 0 and case.begin <= count <= case.end

    def _sparsity(self, case: ScheduleCase, count: int) -> float:
        target = np.float32(case.final)
        if case.begin == case.end:
            return float(target) if count >= case.end else 0.0
        way = np.float32((count + 1 - case.begin) / (case.end - case.begin))
        multiplier = np.float32(1) - (np.float32(1) - min(max(way, np.float32(0)), np.float32(1))) ** POWERS[case.curve]
        return float(target * multiplier)


class Demanding:
    """Numbers from 1, a step ahead, at multiples of `every` and at end; what never fires or ends late is refused."""

    declaration = Declaration(
        "demanding",
        frozenset({"SCHEDULE"}),
        forms=frozenset({"trace"}),
        curves=frozenset({"linear"}),
        first_step=1,
        progress="next",
        anchor="zero",
    )

    def trace(self, case: ScheduleCase, steps: int) -> Sequence[tuple[bool, float]]:
        """Collect what fires, and refuse a run that does not get there."""
        check_schedule(case)
        if not 1 <= case.end <= steps + 1:
            raise ValueError("the run does not get there")
        upward = range(-(-case.begin // case.every) * case.every, case.end + 1, case.every)
        chosen = {*upward, case.end}
        return [(step in chosen, self._sparsity(case, step)) for step in range(1, steps + 2)]

    def _sparsity(self, case: ScheduleCase, step: int) -> float:
        left, length = case.end - step - (case.begin < case.end), case.end - case.begin
        if left <= 0:
            return float(case.final)
        return float(case.initial if left >= length else case.final - (case.final - case.initial) * (left / length))


class RoundByRound:
    """Geometric rounds alone, one factor after the other, through logarithms."""

    declaration = Declaration(
        "round-by-round",
        frozenset({"SCHEDULE"}),
        forms=frozenset({"rounds"}),
        curves=frozenset({"geometric"}),
        full="refused",
    )

    def rounds(self, curve: str, final: Any, count: Any) -> Sequence[float]:  # noqa: ARG002  one curve is declared
        """Return 1 - (1 - final)^(r / count), the last as given."""
        if type(count) is not int or count < 1 or type(final) is bool or not 0 <= final < 1:
            raise ValueError("rounds")
        return [*(float(-np.expm1(log1p(-final) * number / count)) for number in range(1, count)), float(final)]


# Training


class DenseShadow(ShadowWeights):
    """As TFMOT between a step and the next forward: what is read is dense, and the network uses it masked."""

    def _read(self, case: TrainCase, shadow: Mapping[str, Array], number: int) -> dict[str, Array]:  # noqa: ARG002
        """Hand out the shadow itself."""
        return {name: array.copy() for name, array in shadow.items()}


class MaskedGradients(BatchFirst):
    """As a parametrisation by a product: the gradient passes the mask a second time."""

    def loss_and_grads(
        self, network: Network, params: Params, masks: Masks, x: Array, labels: Array
    ) -> tuple[float, Params]:
        """Clear what is removed."""
        loss, grads = super().loss_and_grads(network, params, masks, x, labels)
        return loss, {name: np.where(masks.get(name, True), grad, 0 * grad) for name, grad in grads.items()}


# Scores and counts: the reference's numbers, told otherwise


class SquaredNorms(Reference):
    """As Torch-Pruning: sums of squares without a root."""

    declaration = Declaration(
        "squared-norms",
        frozenset({"SCORE"}),
        criteria=frozenset({"magnitude", "taylor"}),
        reducers=frozenset({"l1", "l2"}),
        unit_norm="square",
    )

    def score(self, case: ScoreCase) -> Scores:
        """Square what has a root."""
        scores, rule = super().score(case), case.granularity
        reducer = rule.reducer if isinstance(rule, Blocks) else case.reducer
        rooted = reducer == "l2" and not isinstance(rule, Elements)
        return {name: np.square(array) if rooted else array for name, array in scores.items()}


class CountsOperations(Reference):
    """Two operations for a multiply-add."""

    declaration = Declaration("two-operations", frozenset({"ACCOUNT"}), mac=2)

    def count(self, network: Network, params: Params, masks: Masks) -> Mapping[str, Any]:
        """Double what is multiplied and added."""
        told = dict(super().count(network, params, masks))
        return told | {name: 2 * told[name] for name in ("macs", "macs_nonzero")}


class CountsAdditions(Reference):
    """One operation for a multiply-add, and one for each bias that is added."""

    declaration = Declaration("with-additions", frozenset({"ACCOUNT"}), bias_counted=True)

    def count(self, network: Network, params: Params, masks: Masks) -> Mapping[str, Any]:
        """Add every bias, as often as one entry of the weight beside it is multiplied."""
        told = dict(super().count(network, params, masks))
        for name, bias in params.items():
            weight = name.removesuffix("bias") + "weight"
            if name.endswith(".bias") and weight in params:
                times = self._times(network, params, weight)
                told["macs"] += bias.size * times
                told["macs_nonzero"] += int(np.count_nonzero(masks.get(name, np.ones(bias.shape)))) * times
        return told

    def _times(self, network: Network, params: Params, weight: str) -> int:
        """Return how often an entry is used: what is left to do where it is the only one."""
        none = {name: np.zeros(array.shape, bool) for name, array in params.items() if ".running_" not in name}
        none[weight].flat[0] = True
        return int(super().count(network, params, none)["macs_nonzero"])


ALTERNATIVES: tuple[Any, ...] = (
    CountsFromOne(),
    OneStepAhead(),
    Demanding(),
    RoundByRound(),
    DenseShadow(Declaration("dense-shadow", TRAIN, removed_zero="either", enforced="forward")),
    MaskedGradients(
        Declaration("masked-gradients", TRAIN, removed_zero="either", gradients="masked", optimisers=frozenset({"sgd"}))
    ),
    BatchFirst(
        Declaration(
            "dense-gradients",
            TRAIN,
            removed_zero="either",
            gradients="dense",
            optimisers=frozenset({"nesterov", "adam", "adamw"}),
            dropouts=False,
        )
    ),
    SquaredNorms(),
    CountsOperations(),
    CountsAdditions(),
)
