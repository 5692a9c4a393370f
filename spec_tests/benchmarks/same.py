"""What makes a comparison one: both sides compute the same thing.

In: what each side computed. Out: nothing, or Different with what differs.
"""

import numpy as np

from refprune.arrays import Array, Masks, Params, Scores

STEPS = 3
"""Training steps after which parameters are compared: from the second on, momentum counts."""
PART_OF_MOVE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 0.02}
"""By how much of an array's move two correct trainings may differ, both in Euclidean length.

float64: rounding is 1e-14 of the move or less in every case; nothing else is excused.
float32: rounding is 1e-5 of the move or less. But a value within rounding of 0 in front of a ReLU, or two in one
pooling window, sends its gradient elsewhere; Conv-4 has eight million of them in a batch, and a few that turn over
move 0.005. Another momentum or learning rate, a sum for a mean, a forgotten mask: a tenth or more.
"""


class Different(Exception):
    """The two sides do not compute the same thing, so that comparing their time says nothing."""


def check_training(ours: Params, theirs: Params, start: Params, masks: Masks) -> None:
    """Refuse parameters after STEPS steps from `start` that differ by more than their dtype explains."""
    expected = {name: (w.shape, w.dtype) for name, w in start.items()}
    for side, params in (("ours", ours), ("theirs", theirs)):
        got = {name: (w.shape, w.dtype) for name, w in params.items()}
        if got != expected:
            raise Different(f"{side}: arrays {got}, not {expected}")
    for name, w in start.items():
        mask = masks.get(name, np.ones(w.shape, np.bool_))
        if ours[name][~mask].any() or theirs[name][~mask].any():
            raise Different(f"{name}: removed entries are not 0 after {STEPS} steps")
        move, apart = _length((ours[name] - w)[mask]), _length(ours[name] - theirs[name])
        bound = PART_OF_MOVE[w.dtype] * move
        if not 0 < move < np.inf or not apart <= bound:  # NaN is not <= anything
            raise Different(
                f"{name}: {apart:.3g} apart after {STEPS} steps that moved it {move:.3g}, more than {bound:.3g}"
            )


def check_outputs(ours: Array, theirs: Array) -> None:
    """Refuse outputs of one function that differ by more than the order of float32 sums explains."""
    apart, bound = _length(ours - theirs), 1e-5 * _length(ours)  # float32 sums of 784 terms: measured 4e-7
    if not 0 < bound < np.inf or not apart <= bound:
        raise Different(f"outputs {apart:.3g} apart, more than {bound:.3g}")


def check_selection(ours: Masks, theirs: Masks, scores: Scores, ties: int = 1) -> None:
    """Refuse masks that differ in more than which entries tied at the threshold are kept.

    Scores that are distinct around the threshold leave no choice: masks are then equal, entry by entry.

    Args:
        ours: name -> what is kept.
        theirs: the same, by the other side.
        scores: name -> what decided.
        ties: how many entries must have the score of the threshold.
    """
    flat = np.concatenate([np.ravel(scores[name]) for name in scores])
    mine, other = (np.concatenate([np.ravel(masks[name]) for name in scores]) for masks in (ours, theirs))
    if np.count_nonzero(mine) != np.count_nonzero(other):
        raise Different(f"{np.count_nonzero(other)} kept, ours {np.count_nonzero(mine)}")
    threshold = flat[mine].min()
    unexplained = np.count_nonzero((mine != other) & (flat != threshold))
    if unexplained:
        raise Different(f"{unexplained} entries kept by one side only, and not tied at the threshold {threshold:.6g}")
    tied = np.count_nonzero(flat == threshold)
    if tied < ties:
        raise Different(f"{tied} entries at the threshold {threshold:.6g}, not the {ties} this case is about")


def check_runs(ours: Masks, theirs: Masks, scores: Scores, of: int) -> None:
    """Refuse masks of runs of `of` entries that do not keep equal scores in every run."""
    for name, score in scores.items():
        mine, other = (np.sort(np.where(masks[name], score, -1).reshape(-1, of)) for masks in (ours, theirs))
        if not np.array_equal(mine, other):
            raise Different(f"{name}: runs of {of} that keep other scores")


def _length(array: Array) -> float:
    return float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))
