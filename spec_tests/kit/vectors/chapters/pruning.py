"""docs/spec/pruning.md: rewinding, which is the part that binds everybody."""

from spec_tests.kit.vectors.chapters.building import masks, tensors
from spec_tests.kit.vectors.vector import Draft

TRAINED = tensors({"out.weight": [[5, 6]], "out.bias": [7]})
SNAPSHOT = tensors({"out.weight": [[1, 2]], "out.bias": [3]})
NORM = {"n.gamma": [2], "n.beta": [1], "n.running_mean": [8], "n.running_var": [9]}

DRAFTS = [
    Draft(
        "PRU-05",
        "rewind",
        "1, 0 and the bias 3",
        {"params": TRAINED, "snapshot": SNAPSHOT, "masks": masks(out_weight=[[1, 0]])},
        ("REWIND",),
    ),
    Draft(
        "PRU-05",
        "rewind",
        "running statistics go back, too",
        {"params": tensors(NORM), "snapshot": tensors({**NORM, "n.gamma": [4], "n.running_mean": [0.5]}), "masks": {}},
        ("REWIND", "BATCH_NORM"),
    ),
    Draft(
        "PRU-05",
        "rewind",
        "masks of biases hold",
        {"params": TRAINED, "snapshot": SNAPSHOT, "masks": masks(out_bias=[0])},
        ("REWIND", "BIAS"),
    ),
    Draft(
        "PRU-05",
        "rewind",
        "a weight that was 0 in training comes back where it is kept",
        {
            "params": tensors({"out.weight": [[0, 0]], "out.bias": [0]}),
            "snapshot": SNAPSHOT,
            "masks": masks(out_weight=[[1, 0]]),
        },
        ("REWIND", "ALIVE_FROM_ZEROS"),
    ),
]
"""What rewinding can be got wrong by."""
