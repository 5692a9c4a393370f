"""Training steps and forward passes as comparisons.

In: an architecture and what is special about the case. Out: functions from a batch size to a Comparison.
"""

from collections.abc import Callable
from typing import Protocol

from refprune.architectures import Architecture, lenet_300_100
from refprune.arrays import Params, apply_masks
from refprune.backprop import forward
from refprune.coupling import find_groups
from refprune.criteria import Evidence, magnitude
from refprune.granularity import unit
from refprune.pruning import Method, prune
from refprune.selection import local
from refprune.surgery import compact
from refprune.training import one_step, sgd, start
from spec_tests.benchmarks.clock import Side
from spec_tests.benchmarks.comparison import Build, Comparison
from spec_tests.benchmarks.problem import MOMENTUM, RATE, SPARSITY, Problem, draw, in_float64
from spec_tests.benchmarks.same import STEPS, check_outputs, check_training

FEW = 8
"""Examples that are trained on in float64: enough to show that the two sides compute the same."""


class Run(Protocol):
    """A training under way."""

    def step(self) -> object:
        """Do one update on the batch of the problem."""

    def params(self) -> Params:
        """Return the parameters as they are now."""


class OurRun:
    """Training by what `training.steps` repeats for every batch."""

    def __init__(self, given: Problem) -> None:
        self.problem, self.optimiser = given, sgd(MOMENTUM)
        self.state = start(given.params, self.optimiser, given.masks)

    def step(self) -> None:
        """Do one update."""
        network, _, x, labels, masks = self.problem
        self.state = one_step(network, self.state, x, labels, self.optimiser, RATE, masks).state

    def params(self) -> Params:
        """Return the parameters as they are now."""
        return self.state.params


def step(
    architecture: Callable[[], Architecture],
    *,
    masked: bool = False,
    channels_last: bool = False,
    reparametrised: bool = False,
    fused: bool = False,
    ours: Callable[[Problem], Run] = OurRun,
) -> Build:
    """Return what compares one step of SGD with momentum by refprune and by PyTorch; other options are TorchRun's."""

    def built(batch: int) -> Comparison:
        from spec_tests.benchmarks.torch_peer import TorchRun

        def theirs(given: Problem) -> Run:
            return TorchRun(given, channels_last=channels_last, reparametrised=reparametrised, fused=fused)

        return compare_runs(draw(architecture(), batch, masked=masked), theirs, ours)

    return built


def compare_runs(
    given: Problem, theirs: Callable[[Problem], Run], ours: Callable[[Problem], Run] = OurRun
) -> Comparison:
    """Return the comparison of one step; each measurement starts from the weights of the problem."""

    def check() -> None:
        for same in (in_float64(given, FEW), given):
            ours_after, theirs_after = (_params_after(STEPS, make(same)) for make in (ours, theirs))
            check_training(ours_after, theirs_after, same.params, same.masks)

    return Comparison(Side(lambda: ours(given).step), Side(lambda: theirs(given).step), check)


def _params_after(steps: int, run: Run) -> Params:
    for _ in range(steps):
        run.step()
    return run.params()


def forward_masked(batch: int) -> Comparison:
    """Compare the forward pass with 90 % of the hidden units masked to the dense one."""
    return _compare_forward(batch, compacted=False)


def forward_compacted(batch: int) -> Comparison:
    """Compare the forward pass with 90 % of the hidden units physically removed to the dense one."""
    return _compare_forward(batch, compacted=True)


def _compare_forward(batch: int, *, compacted: bool) -> Comparison:
    network, dense, x, _, _ = draw(lenet_300_100(), batch)
    groups = find_groups(network, dense)
    pruned = prune(Method(magnitude, unit(groups), local), Evidence(dense), SPARSITY)
    masked = apply_masks(dense, pruned.masks)
    small = compact(masked, groups, pruned.unit_masks).arrays

    def passing(params: Params) -> Side:
        return Side(lambda: lambda: forward(network, params, x))

    def check() -> None:  # the dense network is another function: what must agree is masked and compacted
        check_outputs(forward(network, masked, x), forward(network, small, x))

    return Comparison(passing(small if compacted else masked), passing(dense), check)
