"""From weights to masks, as comparisons.

In: how many weights. Out: Comparisons; every one says what our side needs in extra bytes a weight.
"""

import numpy as np

from refprune.arrays import Array, Params, apply_masks
from refprune.criteria import Evidence, magnitude
from refprune.granularity import element, n_of_m
from refprune.pruning import Method, Pruned, prune
from refprune.selection import Scope, global_, local, removal_count, select
from spec_tests.benchmarks.clock import Side
from spec_tests.benchmarks.comparison import Comparison, Memory
from spec_tests.benchmarks.problem import SPARSITY
from spec_tests.benchmarks.same import Different, check_runs, check_selection

FURTHER = 0.95
"""Sparsity of the second pruning step, within the masks of one to SPARSITY."""
COLUMNS = 1000
PARTS = {"large.weight": 0.8, "middle.weight": 0.19, "small.weight": 0.01}
"""Tensor -> its part of the weights."""
TIED = 1 / 20
"""Part of the weights that is tied at the threshold, at least, in the case of ties: half a million of 1e7."""


def normal_weights(size: int) -> dict[str, Array]:
    """Draw three matrices of uneven size from N(0, 1), float32."""
    rng = np.random.default_rng(1)
    return {
        name: rng.standard_normal((round(part * size) // COLUMNS, COLUMNS), np.float32) for name, part in PARTS.items()
    }


def rounded_weights(size: int) -> dict[str, Array]:
    """Draw the same matrices, rounded to halves: an eighth of the weights share the magnitude 1.5."""
    return {name: np.round(w * 2) / 2 for name, w in normal_weights(size).items()}


def global_mask(size: int) -> Comparison:
    """Compare pruning in one pool to torch.nn.utils.prune.global_unstructured."""
    return _compare_global(normal_weights(size), ties=1)


def global_mask_ties(size: int) -> Comparison:
    """Compare the same where the threshold falls among many equal weights."""
    return _compare_global(rounded_weights(size), ties=round(size * TIED))


def global_mask_pruned(size: int) -> Comparison:
    """Compare the second step, 90 % being removed already, to the same second step by PyTorch."""
    from spec_tests.benchmarks import torch_peer

    params, first = _pruned_once(size)
    more = removal_count(FURTHER, size) - removal_count(SPARSITY, size)
    theirs = torch_peer.global_unstructured(params, more, first.masks)

    def ours() -> Pruned:
        return _prune(params, global_, FURTHER, first)

    def check() -> None:
        check_selection(ours().masks, torch_peer.masks_of(theirs.prepare()()), _magnitudes(params))

    return Comparison(Side(lambda: ours), theirs, check, Memory(ours, size))


def pruned_against_dense(size: int) -> Comparison:
    """Compare our second step to our first: most of the weights are out of the competition by then."""
    dense = normal_weights(size)
    params, first = _pruned_once(size)

    def second() -> Pruned:
        return _prune(params, global_, FURTHER, first)

    def check() -> None:
        check_selection(first.masks, _prune(dense, global_, SPARSITY).masks, _magnitudes(dense))
        masks = second().masks
        kept = sum(int(np.count_nonzero(mask)) for mask in masks.values())
        if kept != size - removal_count(FURTHER, size) or any(
            (masks[name] & ~first.masks[name]).any() for name in masks
        ):
            raise Different(f"the second step keeps {kept}, or what the first had removed")

    return Comparison(
        Side(lambda: second), Side(lambda: lambda: _prune(dense, global_, SPARSITY)), check, Memory(second, size)
    )


def local_mask(size: int) -> Comparison:
    """Compare pruning tensor by tensor to torch.nn.utils.prune.l1_unstructured."""
    from spec_tests.benchmarks import torch_peer

    params = normal_weights(size)
    theirs = torch_peer.l1_unstructured(params, SPARSITY)

    def ours() -> Pruned:
        return _prune(params, local, SPARSITY)

    def check() -> None:
        mine, other, scores = ours().masks, torch_peer.masks_of(theirs.prepare()()), _magnitudes(params)
        for name in params:
            check_selection({name: mine[name]}, {name: other[name]}, {name: scores[name]})

    return Comparison(Side(lambda: ours), theirs, check, Memory(ours, size))


def two_of_four_mask(size: int) -> Comparison:
    """Compare 2:4 masks to the plain form by torch.topk."""
    from spec_tests.benchmarks import torch_peer

    params = normal_weights(size)
    theirs = torch_peer.best_of_runs(params, keep=2, of=4)

    def ours() -> object:
        return n_of_m(element().reduce(params), keep=2, of=4)

    def check() -> None:
        kept = n_of_m(element().reduce(params), keep=2, of=4)
        check_runs(kept, torch_peer.arrays(theirs.prepare()()), _magnitudes(params), of=4)

    return Comparison(Side(lambda: ours), theirs, check, Memory(ours, size))


def selection_alone(size: int) -> Comparison:
    """Compare `select` on given scores to a threshold by torch.kthvalue, the fastest of PyTorch's ways."""
    from spec_tests.benchmarks import torch_peer

    scores = _magnitudes(normal_weights(size))
    theirs = torch_peer.above_kth(scores, removal_count(SPARSITY, size))

    def ours() -> object:
        return select(scores, SPARSITY, global_)

    def check() -> None:
        masks = select(scores, SPARSITY, global_).masks
        check_selection(masks, torch_peer.arrays(theirs.prepare()()), scores)

    return Comparison(Side(lambda: ours), theirs, check, Memory(ours, size))


def _compare_global(params: Params, ties: int) -> Comparison:
    from spec_tests.benchmarks import torch_peer

    size = sum(w.size for w in params.values())
    theirs = torch_peer.global_unstructured(params, removal_count(SPARSITY, size))

    def ours() -> Pruned:
        return _prune(params, global_, SPARSITY)

    def check() -> None:
        check_selection(ours().masks, torch_peer.masks_of(theirs.prepare()()), _magnitudes(params), ties)

    return Comparison(Side(lambda: ours), theirs, check, Memory(ours, size))


def _prune(params: Params, scope: Scope, sparsity: float, within: Pruned | None = None) -> Pruned:
    """From weights to masks by magnitude, with the public verb."""
    return prune(Method(magnitude, element(), scope), Evidence(params), sparsity, within)


def _pruned_once(size: int) -> tuple[dict[str, Array], Pruned]:
    """Return weights after a first step to SPARSITY, and that step."""
    params = normal_weights(size)
    first = _prune(params, global_, SPARSITY)
    return apply_masks(params, first.masks), first


def _magnitudes(params: Params) -> dict[str, Array]:
    return {name: np.asarray(np.abs(w)) for name, w in params.items()}
