"""What known libraries do otherwise than the specification, and no declaration can say: shown beside the verdicts."""

from collections.abc import Mapping
from typing import NamedTuple


class Deviation(NamedTuple):
    """One requirement that a library does not meet."""

    requirement: str
    what: str
    """The smallest case, and what the library does with it."""
    where: str
    """File and line of the installed package, and what stands there, in other words."""
    drawn: bool = False
    """Whether no literal example shows it."""


PRUNE, INDICES, GRAPH = "torch/nn/utils/prune.py", "dependency/index_mapping.py", "dependency/graph.py"
PRUNER, IMPORTANCE = "pruner/algorithms/base_pruner.py", "pruner/importance.py"

MULTIPLIED = f"{PRUNE}:73: the mask, as a float, times the dense weight"
UNCHECKED_MASK = f"{PRUNE}:817: any mask of the right shape is a factor, whatever its values"
BOOL = f"{PRUNE}:1277 and 1351: a bool is an Integral, so False is the count 0"

SPLIT = f"{INDICES}:299: parts of a split get their offsets in the order in which the walk from the output meets them"
NO_NODE = f"{GRAPH}:588: what needs no gradient has no node, so the network's input has no width in a concat"
FLATTENED = f"{INDICES}:179: how wide a flattened value is, is asked of its reader's reader: that is the whole concat"
ENDLESS = f"{GRAPH}:241: the walk ends where the very same indices have been met, and shifted ones never are"
DEPTHWISE = "ops.py:261: depthwise is a layer with as many groups as outputs, so two outputs a channel are none"
BALANCED = f"{PRUNER}:645: only a pruner adds the equal positions of the other groups; whole units by hand are right"
UNASKED = f"{GRAPH}:153: check_pruning_group says False to whoever asks, and a pruner then leaves the group out"
UNCHECKED_INDEX = "dependency/dependency.py:57: the handler is called as it is, past the check of indices in __call__"
ANY_LAYER = "ops.py:123: the pruner of an output only counts its channels; ignored_layers are for the user to list"

DRAWN = "Only drawn cases show it."
NO_END = (
    "a (3) is split into 2 and 1, and part 1, a and part 1 are joined: the walk from unit 0 goes on after 5000 steps."
)
TWO_IMAGES = "a, two channels of 1 by 2, flattened and joined with itself, without channel 0: columns 0 to 3 go."

ENDS = (
    Deviation("SUR-04", "All units of a layer: nothing is removed, and nothing is said.", UNASKED),
    Deviation("SUR-07", "Unit -1: nothing goes, and the layer's width is one less than its array's.", UNCHECKED_INDEX),
    Deviation("SUR-11", "Unit 0 of the output layer: a logit goes.", ANY_LAYER),
    Deviation("CPL-03", "Unit 0 of the output layer: a logit goes.", ANY_LAYER),
)
"""Also where networks have no branches."""

DEVIATIONS: Mapping[str, tuple[Deviation, ...]] = {
    "torch_prune": (
        Deviation("ARR-02", "A mask full of 2.0 doubles the weights.", UNCHECKED_MASK),
        Deviation("ARR-03", "Scores 1, 1 as integers are ranked.", f"{PRUNE}:536: topk of whatever it is given"),
        Deviation("ARR-06", "A removed infinity or NaN is NaN.", MULTIPLIED),
        Deviation("ARR-10", "A removed infinity or NaN makes the logits NaN.", MULTIPLIED),
        Deviation("BAC-06", "An empty batch has the loss NaN; one example without its batch axis has logits.",
                  "torch/nn/functional.py: linear and cross_entropy take an input of any rank and of no rows"),
        Deviation("SEL-02", "np.float32(0.1) of 45 removes 4, not 5.",
                  f"{PRUNE}:1354: the product is formed in the type of the fraction"),
        Deviation("SEL-03", "False removes nothing, and is no error.", BOOL),
        Deviation("SEL-12", "A pool without entries is pruned to a mask without entries.",
                  f"{PRUNE}:533: where nothing is to be removed nothing is looked at"),
        Deviation("SEL-14", "A 2 by 2 array in Fortran order is a RuntimeError.",
                  f"{PRUNE}:536 and torch/nn/utils/convert_parameters.py:24: view(-1) needs C order"),
        Deviation("SEL-16", "False draws nothing, and is no error.", BOOL),
        Deviation("SEL-19", "After a count that is too large the session is broken: the next call is a TypeError.",
                  f"{PRUNE}:120 and 200: the hook is taken off before the mask is computed, and after an error no hook "
                  "comes back; the parameter does, where the mask was the first"),
        Deviation("TRN-13", "Training with a mask of 2.0 begins.", UNCHECKED_MASK),
        Deviation("TRN-14", "An infinity or NaN under the mask spreads to every weight.", MULTIPLIED),
        Deviation("TRN-18", "After update t the weight that is read is that of update t - 1.",
                  f"{PRUNE}:31: the attribute is written before a forward pass and at no other time"),
    ),
    "torch_pruning": (
        Deviation("ARR-03", "Importances 1, 1 as integers are ranked.", f"{PRUNER}:613: topk of whatever it is given"),
        Deviation("CRI-01", "Weights 1, NaN have the importance NaN.", f"{IMPORTANCE}:203: no value is looked at"),
        Deviation("GRA-17", "Weights 2^24 and 1 in float32 have the norm 2^24.",
                  f"{IMPORTANCE}:203: the sum is in the precision of the weights"),
        Deviation("GRA-20", "The importance of a float64 weight 0.001 is float32(0.001).",
                  f"{IMPORTANCE}:146: importances are gathered in float32, whatever the weights are"),
        Deviation("SEL-02", "The count 0 is the fraction 0.", f"{PRUNER}:609: 1 minus whatever it is given"),
        Deviation("SEL-03", "The fraction -1.0 removes nothing, and is no error.",
                  f"{PRUNER}:612: what comes out negative is as good as 0"),
        Deviation("SEL-04", "Groups 0 and 0 in one pool at 0.5: all equals are to go, and then none does.",
                  f"{PRUNER}:630 and 750: in one pool all up to the threshold go; an emptied group is left out"),
        Deviation("SEL-07", "Units NaN, 0, 0, 0, 0 in one pool at 0.5: all four zeros go.",
                  f"{PRUNER}:630: in one pool all up to the threshold go"),
        Deviation("SEL-12", "A group without units, at 0.0, has a mask without units.",
                  f"{PRUNER}:612: where nothing is to be removed nothing is looked at"),
        Deviation("SEL-10", "Groups 1, 2 and 10, 20, 30 in one pool at 0.6: the first group keeps both.",
                  f"{PRUNER}:750: a group that would lose everything is left out, and nothing goes in its place"),
        Deviation("SEL-11", "Groups 1, 2 and 3 in one pool at 1.0: all stay, and nobody is told.",
                  f"{PRUNER}:750: the group is not yielded, and nothing else is"),
        Deviation("SEL-21", "Units 1 to 5 at 0.4 with the multiple 4: all five stay.",
                  f"{PRUNER}:430: what is kept is rounded down, and a group of which nothing is left is left out"),
        *ENDS,
    ),
    "torch_pruning of graphs": (
        Deviation("SUR-01", "A unit with two rows of a depthwise layer keeps both rows there.", DEPTHWISE),
        Deviation("SUR-02", "The layer of these rows is not told.", DEPTHWISE),
        Deviation("SUR-03", f"{TWO_IMAGES} {DRAWN}", FLATTENED, drawn=True),
        Deviation("SUR-05", "Behind a split, swapped, and a depthwise layer: other logits.", f"{SPLIT}; {DEPTHWISE}"),
        Deviation("SUR-09", "a (5) split into 2 and 3 and swapped, without unit 0: two rows go.", SPLIT),
        Deviation("SUR-13", f"{NO_END} {DRAWN}", ENDLESS, drawn=True),
        Deviation("SUR-15", "Of a (5), split into 2 and 3 and swapped, without rows 1 and 3, one column goes.", SPLIT),
        Deviation("CPL-01", f"{NO_END} {DRAWN}", ENDLESS, drawn=True),
        Deviation("CPL-06", f"{NO_END} {TWO_IMAGES} {DRAWN}", f"{ENDLESS}; {FLATTENED}", drawn=True),
        Deviation("CPL-07", f"Sums alone are right. {NO_END} {DRAWN}", ENDLESS, drawn=True),
        Deviation("CPL-08", "Two outputs a channel: the weight that is left has no column. One a channel is right.",
                  DEPTHWISE),
        Deviation("CPL-09", f"Joined behind the network's input: another column goes. {TWO_IMAGES}",
                  f"{NO_NODE}; {FLATTENED}"),
        Deviation("CPL-10", "Of a (4), split and swapped, without unit 0: another column goes.", SPLIT),
        Deviation("CPL-11", "Unit 0 in front of two groups: the other group's unit stays, and the widths do not fit.",
                  BALANCED),
        *ENDS,
    ),
}  # fmt: skip
"""Name of a declaration -> what fails there."""
