"""docs/spec/training.md: straight cases, whose gradients are known in advance, with dyadic numbers.

The one dense layer has a last feature of 1 with so large a weight that the softmax is exactly (1, 0): with the label 1
the gradient of row 0 is the example, of row 1 its negative, of the bias (1, -1), whatever the other weights are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refprune.network import BatchNorm, Dense, Dropout, Input, build
from spec_tests.adapter import OptimiserSpec, TrainCase
from spec_tests.kit.vectors.chapters.building import INF, NAN, floats, masks, tensors
from spec_tests.kit.vectors.forms import Json
from spec_tests.kit.vectors.vector import Draft
from spec_tests.strategies.training import straight

PLAIN = OptimiserSpec("sgd", 0.25)
HALF = OptimiserSpec("sgd", 0.25, momentum=0.5)
NESTEROV = OptimiserSpec("nesterov", 0.25, momentum=0.5)
ADAM = OptimiserSpec("adam", 1.0, beta1=0.5, beta2=0.75, eps=1.0)
ADAMW = replace(ADAM, name="adamw", rate=0.5, weight_decay=0.25)
CLOSE = {"within": 2.0**-34}
"""Adam on numbers up to 2^14, the anchor: up to three roundings of 2^-39 an update, up to three updates, two
computations: below 2^-34. What is below 4 comes of at most 12 roundings an update: less."""
EXACT = {"sgd": "equal", "nesterov": "equal", "adam": CLOSE, "adamw": CLOSE}


def goes(requirement: str, comment: str, case: TrainCase, *flags: str, **more: Any) -> Draft:
    """Return a draft about every step of a run; without `hide`, of what is used alone."""
    given: dict[str, Any] = {"hide": used, "compare": EXACT[case.optimiser.name], **more}
    return Draft(requirement, "train", comment, {"case": case}, flags, **given)


def used(steps: Json) -> Json:
    """Leave out what is read."""
    return [step | {"read": None} for step in steps]


def read(steps: Json) -> Json:
    """Leave out what is used."""
    return [step | {"used": None} for step in steps]


def removed_of(case: TrainCase) -> Any:
    """Return what leaves out everything but removed entries: 0 in what is read and in what is used."""

    def hide(steps: Json) -> Json:
        return [
            {side: _cleared(case, number, step["used"]) for side in ("read", "used")}
            for number, step in enumerate(steps, 1)
        ]

    return hide


def _cleared(case: TrainCase, number: int, arrays: Json) -> Json:
    """Write null for every entry that is kept."""
    if number < case.prune_at:
        return None
    flags = {name: mask.ravel().tolist() for name, mask in case.masks.items()}
    return {
        name: one | {"data": [None if keep else 0 for keep in flags.get(name, [True] * len(one["data"]))]}
        for name, one in arrays.items()
    }


def both(requirement: str, comment: str, case: TrainCase, *flags: str) -> list[Draft]:
    """Return drafts about the removed entries: of what is used, and of what is read where that is declared."""
    kept = removed_of(case)
    return [
        goes(requirement, f"{comment}: used", case, *flags, hide=lambda steps: used(kept(steps))),
        goes(requirement, f"{comment}: read", case, *flags, hide=kept, assumes={"enforced": "after_step"}),
    ]


def dtypes(steps: Json) -> Json:
    """Leave out every number: shape and dtype are compared."""
    return [
        {"read": None, "used": {name: one | {"data": [None] * len(one["data"])} for name, one in step["used"].items()}}
        for step in steps
    ]


def refused(comment: str, kept: Any) -> Draft:
    """Return a draft about masks that do not fit; what else is refused (TRN-13), an adapter does not hand on."""
    case = replace(straight([1], [[1]], PLAIN), masks=kept)
    return Draft("TRN-13", "train", comment, {"case": case}, ("MASK_MISFIT",), refused=True)


def biased(prune_at: int) -> TrainCase:
    """Return a case of which a bias 3 is removed."""
    case = straight([1], [[4]] * 3, PLAIN, prune_at=prune_at)
    return replace(case, params={**case.params, "out.bias": floats([3, 0])}, masks=masks(out_bias=[0, 1]))


def hidden(value: float) -> TrainCase:
    """Return a case with this value under a mask from the start."""
    case = straight([0], [[1]], OptimiserSpec("sgd", 0.5), [1])
    weight, mask = floats([[0, value], [0, 0]]), np.array([[True, False], [True, True]])
    return replace(case, params={**case.params, "out.weight": weight}, masks={"out.weight": mask})


def normed(case: Sequence[int]) -> TrainCase:
    """Return two updates on the batch 0, 0, 0, 4 with weight decay."""
    network = build(Input("x", (1,)), BatchNorm("norm", eps=1.0, momentum=0.5), Dense("out"))
    params = {
        "norm.gamma": [2],
        "norm.beta": [1],
        "norm.running_mean": [0],
        "norm.running_var": [0],
        "out.weight": [[0], [0]],
        "out.bias": [0, 0],
    }
    rows, decay = np.array(case), OptimiserSpec("sgd", 0.25, weight_decay=0.5)
    return TrainCase(
        network, tensors(params), floats([[0], [0], [0], [4]]), np.zeros(4, np.int64), (rows, rows), decay, {}
    )


def statistics(steps: Json) -> Json:
    """Leave out all but the running statistics."""
    return [
        {"read": None, "used": {name: one if "running" in name else None for name, one in step["used"].items()}}
        for step in steps
    ]


def only_of(*names: str) -> Any:
    """Return what leaves out all but these arrays of what is used."""
    return lambda steps: [
        {"read": None, "used": {name: one if name in names else None for name, one in step["used"].items()}}
        for step in steps
    ]


def dropped() -> TrainCase:
    """Return two updates: x = 4 is kept, x = 2 dropped."""
    network = build(Input("x", (1,)), Dropout("drop"), Dense("out"))
    kept = tuple({"drop": np.array([[keep]])} for keep in (True, False))
    batches = (np.array([0]), np.array([1]))
    params = tensors({"out.weight": [[0], [0]], "out.bias": [0, 0]})
    return TrainCase(network, params, floats([[4], [2]]), np.zeros(2, np.int64), batches, PLAIN, {}, kept=kept)


def weights(steps: Json) -> Json:
    """Leave out the biases."""
    return [
        {"read": None, "used": {name: one if name.endswith("weight") else None for name, one in step["used"].items()}}
        for step in steps
    ]


LEAK = straight([1, 1], [[4, 4]] * 3, HALF, [1, 0], 1)
DECAYED = straight([1, 1], [[3, 4]] * 3, replace(NESTEROV, weight_decay=0.25), [1, 0], 1)
MOMENTS = straight([1, 1], [[3, 4]] * 3, replace(ADAM, weight_decay=0.25), [1, 0], 1)
DECOUPLED = straight([1, 1], [[3, 4]] * 3, ADAMW, [1, 0], 1)
START = straight([1, -3], [[0, 0]], PLAIN, [1, 0])
SINGLE = [straight([1, 2], [[1, 2]] * 2, spec, [1, 0], 1, np.float32) for spec in (HALF, NESTEROV, ADAM, ADAMW)]

BIASED = replace(biased(1), masks={})

DRAFTS = [
    goes("TRN-01", "0, then -1", straight([1], [[4], [2]], HALF), "UPDATE_FORMULA"),
    goes("TRN-01", "without momentum 0, then -0.5", straight([1], [[4], [2]], PLAIN), "UPDATE_FORMULA"),
    goes("TRN-02", "-0.5, then -1.5", straight([1], [[4], [2]], NESTEROV), "UPDATE_FORMULA"),
    goes(
        "TRN-03",
        "0.25, then 0.5: corrected moments, eps outside the root",
        straight([1], [[3], [-3]], ADAM),
        "UPDATE_FORMULA",
    ),
    goes(
        "TRN-04",
        "2.5, then 2.1875: decay in the gradient",
        straight([4], [[2], [0]], OptimiserSpec("sgd", 0.5, weight_decay=0.25)),
        "UPDATE_FORMULA",
        "WEIGHT_DECAY_LEAK",
    ),
    goes(
        "TRN-04",
        "1.75 with Nesterov momentum",
        straight([4], [[2]], OptimiserSpec("nesterov", 0.5, momentum=0.5, weight_decay=0.25)),
        "UPDATE_FORMULA",
        "WEIGHT_DECAY_LEAK",
    ),
    goes(
        "TRN-04",
        "3.25 with Adam: decay is divided by the root",
        straight([4], [[2]], replace(ADAM, weight_decay=0.25)),
        "UPDATE_FORMULA",
        "WEIGHT_DECAY_LEAK",
    ),
    goes(
        "TRN-05",
        "3.125 with a gradient, 3.5 without",
        straight([4, 4], [[3, 0]], ADAMW),
        "UPDATE_FORMULA",
        "WEIGHT_DECAY_LEAK",
    ),
    *both("TRN-06", "momentum does not move a removed weight", LEAK, "MOMENTUM_LEAK", "MASK_RESURRECTED"),
    *both("TRN-06", "nor does weight decay, nor a look ahead", DECAYED, "MOMENTUM_LEAK", "WEIGHT_DECAY_LEAK"),
    *both("TRN-06", "nor do the moments of Adam", MOMENTS, "MOMENTUM_LEAK", "WEIGHT_DECAY_LEAK"),
    *both("TRN-06", "nor those of AdamW", DECOUPLED, "MOMENTUM_LEAK", "WEIGHT_DECAY_LEAK"),
    *both(
        "TRN-06",
        "removed from the start",
        straight([5, 2], [[1, 1]], OptimiserSpec("sgd", 0.5), [0, 0]),
        "MASK_RESURRECTED",
    ),
    *both("TRN-06", "a bias that is removed", biased(2), "MASK_RESURRECTED"),
    goes(
        "TRN-06",
        "until it is pruned an entry moves: 2, 0.5, 0",
        straight([1, 3], [[4, 4]] * 3, HALF, [1, 0], 3),
        "MASK_RESURRECTED",
    ),
    goes(
        "TRN-06",
        "pruned after the second update: 2, 0, 0",
        straight([1, 3], [[4, 4]] * 3, HALF, [1, 0], 2),
        "MASK_RESURRECTED",
    ),
    goes("TRN-06", "a bias moves until then: 2.75, 0, 0", biased(2), "MASK_RESURRECTED"),
    goes("TRN-08", "0, -1.5, -3.25 whether the neighbour is pruned or not", LEAK, "STATE_RESET"),
    goes(
        "TRN-08",
        "Adam: 0.25, 0.5 with a neighbour pruned in between",
        straight([1, 1], [[3, 4], [-3, 4]], ADAM, [1, 0], 1),
        "STATE_RESET",
    ),
    goes(
        "TRN-08", "a kept 0 moves on", straight([0, 1], [[2, 2]], OptimiserSpec("sgd", 0.5), [1, 0]), "ALIVE_FROM_ZEROS"
    ),
    goes(
        "TRN-08", "a weight that crosses 0 moves on", straight([1, 1], [[4, 4]] * 2, PLAIN, [1, 0]), "ALIVE_FROM_ZEROS"
    ),
    goes(
        "TRN-09",
        "each batch once, in the order given: -1, -3, -7",
        straight([0], [[1], [2], [4]], OptimiserSpec("sgd", 1.0)),
        "UPDATE_FORMULA",
    ),
    goes("TRN-10", "a mask of ones: 0, then -1", straight([1], [[4], [2]], HALF, [1], 1), "STATE_RESET"),
    *(goes("TRN-11", f"single precision stays: {case.optimiser.name}", case, "DTYPE", hide=dtypes) for case in SINGLE),
    refused("a mask of another shape", masks(out_weight=[[1, 0]])),
    refused("a mask of a bias that is too long", masks(out_bias=[1, 0, 1])),
    refused("a mask of nobody", masks(elsewhere=[1, 1])),
    refused("a mask of 2.0", {"out.bias": floats([1, 2])}),
    goes("TRN-14", "100 under a mask: the logits are equal, -0.25", hidden(100.0), "HIDDEN_VALUE"),
    goes("TRN-14", "NaN under a mask", hidden(NAN), "HIDDEN_VALUE"),
    goes("TRN-14", "infinity under a mask", hidden(INF), "HIDDEN_VALUE", "MASKED_INFINITY"),
    goes(
        "TRN-15",
        "a removed -3 is +0.0",
        START,
        "NEG_ZERO",
        compare="bits",
        hide=lambda steps: used(removed_of(START)(steps)),
        assumes={"removed_zero": "positive"},
    ),
    goes(
        "TRN-17",
        "1/2, then 3/4 for the mean, 2, then 3 for the variance",
        normed([0, 1, 2, 3]),
        "BATCH_NORM",
        "WEIGHT_DECAY_LEAK",
        hide=statistics,
    ),
    goes(
        "TRN-17",
        "4 is kept and moves the weights to 1, -1; 2 is dropped and does not",
        dropped(),
        "STATE_RESET",
        hide=weights,
    ),
    goes("TRN-18", "what is read is what is used", straight([1], [[4], [2]], HALF), "STALE_READ", hide=read),
    goes("TRN-18", "so it is at kept entries when others are pruned", LEAK, "STALE_READ", hide=read),
    goes("TRN-05", "biases decay, too", replace(BIASED, optimiser=ADAMW), "WEIGHT_DECAY_LEAK"),
    goes(
        "TRN-04", "biases decay, too", replace(BIASED, optimiser=replace(PLAIN, weight_decay=0.25)), "WEIGHT_DECAY_LEAK"
    ),
    goes(
        "TRN-06",
        "gamma and beta that are removed",
        replace(normed([0, 1, 2, 3]), masks=masks(norm_gamma=[0], norm_beta=[0])),
        "MASK_RESURRECTED",
        "BATCH_NORM",
        hide=only_of("norm.gamma", "norm.beta"),
    ),
    goes(
        "TRN-09",
        "an example that a batch names twice counts twice",
        replace(straight([0], [[4], [2]], PLAIN), batches=(np.array([0, 0, 0, 1]),)),
        "UPDATE_FORMULA",
    ),
    goes("TRN-18", "biases are read as they are used", BIASED, "STALE_READ", hide=read),
    goes(
        "TRN-17",
        "the other one is dropped first",
        replace(dropped(), kept=tuple(reversed(dropped().kept))),
        "STATE_RESET",
        hide=weights,
    ),
]
"""What an update under a mask can be got wrong by."""
