"""What can go wrong, flag by flag: the kind of bug that a vector is made to show, and where it was seen.

M01 to M94 are the classes of the catalogue of wrong implementations that the suite was built from.
"""

from typing import NamedTuple


class Note(NamedTuple):
    """What a flag says."""

    bug: str
    """The kind of bug, in a few words."""
    description: str
    seen: str
    """Classes of the catalogue and who has done it; empty: a classic."""


FLAGS = {
    "ALIVE_FROM_ZEROS": Note(
        "a mask read off zeros", "What is alive is read off weights or scores that are not 0.", "M58"
    ),
    "AXIS": Note(
        "the wrong axis", "Inputs are taken for outputs, or a unit along another axis.", "M36; llm-compressor"
    ),
    "BAD_INDEX": Note("an index is not checked", "-1, an index beyond the end, one twice or a bool is taken.", "M49"),
    "BAD_NUMBER": Note("a number is not checked", "What is no sparsity, step or rate is taken.", "M22; JaxPruner"),
    "BATCH_NORM": Note("moments", "Moments over the wrong axes, of the wrong phase, or over n - 1.", "M38, M91"),
    "BIAS": Note("the bias", "It is left out, added twice, or stays where its row goes.", "M39"),
    "BN_STATS": Note(
        "statistics left behind",
        "Gamma, beta or running statistics are not sliced with their channel.",
        "M38; Torch-Pruning, DNN-Pruning",
    ),
    "BUDGET": Note(
        "what is counted already", "Entries removed before are counted twice, or not.", "M15, M16, M17; torch"
    ),
    "BYTES": Note("sizes", "Bits are not rounded up to bytes of each array, or indices are left out.", ""),
    "CHANNEL_COUPLING": Note(
        "half a unit goes",
        "A reader, a bias, a second maker or a second reader keeps its slice.",
        "M40, M42; NNI, torch.ao",
    ),
    "CONCAT_OFFSET": Note("offsets in a concatenation", "Columns of a neighbour go.", "M43; Torch-Pruning, distiller"),
    "COUNT_ROUNDING": Note(
        "the count",
        "Truncated, rounded up or half up, or rounded the number that is kept.",
        "M05, M06, M07, M08; NNI, neural-compressor, TFMOT",
    ),
    "COUNT_TYPE": Note("1 and 1.0", "A count is read as a fraction, or the reverse.", "M21"),
    "COUNTED_ZEROS": Note(
        "zeros are counted", "What is 0 is counted as removed, whatever the mask says.", "M79, M82; NNI"
    ),
    "DEPTHWISE": Note(
        "taken for depthwise", "The shape is asked what only the record says.", "M46; Torch-Pruning, NNI"
    ),
    "DTYPE": Note("another dtype", "A double among singles widens them, or doubles are rounded to singles.", ""),
    "EMPTY_POOL": Note(
        "nothing to select from", "A pool without entries is passed over, or an empty tensor refused.", ""
    ),
    "EMPTIED": Note("a layer of nothing", "A group loses all its units.", "M26, M48; torch.ao"),
    "ENDS": Note("inputs and outputs", "A unit of the network's input or output goes.", "M33; Torch-Pruning"),
    "EVIDENCE": Note(
        "the wrong evidence", "Another criterion, or one that is normalised, made absolute or drawn.", "M13, M94"
    ),
    "FAN_OUT": Note("several readers", "Gradients overwrite each other in place of adding up.", ""),
    "FLATTEN_STRIDE": Note(
        "columns behind a flatten", "Column c for c * H * W, or channels last.", "M41; Torch-Pruning"
    ),
    "GROUPED_CONV": Note(
        "groups of a convolution", "Rows change group, or are dealt out in turn.", "M45; torch.ao, NNI"
    ),
    "HIDDEN_VALUE": Note("what stands under a mask", "It decides something after all.", "M19, M20"),
    "INFINITE_SCORE": Note("an infinite score", "It is refused, clipped, or no extreme.", "M20"),
    "KEPT_ORDER": Note("survivors", "Their order or their indices are not those of before.", "M49"),
    "KINK": Note("kinks and ties", "The derivative at 0, or of equal maxima, is another.", ""),
    "MACS": Note("multiply-adds", "Stride, padding, groups or masks are left out of the count.", "M81; ShrinkBench"),
    "MASKED_INFINITY": Note("0 times infinity", "A mask is multiplied, and infinity becomes NaN.", "M20; torch"),
    "MASK_FORM": Note("the form of masks", "Other keys, shapes or values than 0 and 1.", "M76, M88"),
    "MASK_MISFIT": Note("a mask that does not fit", "It is broadcast, ignored, or taken as a factor.", "M88; torch"),
    "MASK_RESURRECTED": Note(
        "removed weights come back", "A mask is applied once, and never again.", "M57; jacobgil, sparsegpt"
    ),
    "MEMORY_ORDER": Note("memory for position", "Entries are taken as they lie in memory.", "M24; torch"),
    "MOMENTUM_LEAK": Note("momentum under the mask", "It moves a removed weight.", "M54; FPGM, distiller"),
    "MULTIPLE": Note("widths", "Rounded down, to 0, or skipped.", "M47; Torch-Pruning"),
    "NAN_SCORE": Note(
        "a NaN score", "It is the largest, or the smallest, or shifts the threshold.", "M20; torch, TFMOT"
    ),
    "NEG_ZERO": Note("-0.0", "It is another number than 0.0 in a ranking, or loses its sign where it is kept.", "M82"),
    "NESTING": Note("what is removed comes back", "Earlier masks are ignored.", "M18, M19; torch.ao, NNI"),
    "N_OF_M_READING": Note("n of m", "n is taken for what is removed.", "M72; half of the codes"),
    "NEVER_FIRES": Note("it never fires", "A schedule that ends after the run, or between two firings.", "M63; TFMOT"),
    "OFF_BY_ONE": Note("one too many, or too few", "sort[k] with <= or <.", "M01, M02, M03; open_lth"),
    "OVERFLOW": Note("overflow", "exp of a large number.", ""),
    "PADDING": Note("padding", "It is counted, of the wrong value, or in another order.", ""),
    "POOL_OFFSET": Note("who competes", "Masks of one tensor land on another, or pools are mixed.", "M25, M34, M93"),
    "PRECISION": Note("scores are rounded", "They tie where the weights do not.", ""),
    "PROMOTED": Note("a case that failed once", "The smallest case on which some backend failed a drawn check.", ""),
    "PRODUCTS": Note("which products", "A transpose, a flipped kernel, another window.", ""),
    "RAGGED_TAIL": Note("a tail", "It is emptied, skipped or padded.", "M74, M78; wanda, torch.ao"),
    "RANDOM_COUNT": Note("a random count", "Each entry is drawn by itself.", "ShrinkBench"),
    "REDUCER": Note("many numbers to one", "A signed sum, a missing root, a mean over padding.", "M13, M37, M77"),
    "RESERVE": Note(
        "the reserve", "It is none, the first units, or checked before the step only.", "M26, M35; Torch-Pruning"
    ),
    "REWIND": Note(
        "rewinding", "Not all of it, the masks too, or nothing at all.", "M69, M70; BERT-Tickets, Lightning"
    ),
    "ROUND_TRIP": Note("a file", "A name, a mask, a sign or an order is lost.", "M83; TFMOT"),
    "RUN_AXIS": Note("where runs lie", "Along another axis, or straddling rows.", "M73; torchao"),
    "SCHEDULE_END": Note("the end", "The final sparsity is not reached, or not exactly.", "M62, M64; TFMOT, JaxPruner"),
    "SCHEDULE_SHAPE": Note("the curve", "Convex for concave, an initial sparsity that is ignored.", "M65, M66, M68"),
    "SCHEDULE_START": Note("the beginning", "One step early, or counted from 0.", "M61, M67; JaxPruner"),
    "SHARED_PARAMETERS": Note("shared parameters", "Cut, counted or moved for one layer only.", "M89; torch, TFMOT"),
    "SHORTFALL": Note("short", "What could not be removed is not said.", "M47, M78"),
    "SPLIT_OFFSET": Note("parts of a split", "Dealt out in the order of their readers.", "M44; Torch-Pruning"),
    "STALE_READ": Note("a stale weight", "What is read is that of the update before.", "M85; torch"),
    "STATE_RESET": Note("the optimiser starts again", "Pruning resets memory or count of what is kept.", "M51, M71"),
    "SUBNORMAL": Note("small numbers", "They are flushed to 0.", "M82"),
    "TIE_BREAK": Note(
        "ties", "All go, all stay, or whichever the sort leaves there.", "M09, M10, M11; open_lth, TFMOT, torch"
    ),
    "TILE_EDGE": Note("the edge of tiles", "Padded, skipped, or counted by entries.", "M76, M77, M78; JaxPruner"),
    "UPDATE_FORMULA": Note("the update", "Damping, a look ahead, a correction or eps in another place.", ""),
    "WEIGHT_DECAY_LEAK": Note("weight decay", "It moves what it must not, or in another place.", "M55; slimming"),
    "WHAT_IS_RANKED": Note("what is ranked", "Biases or normalisations are.", "M32; ShrinkBench"),
    "WRONG_SIGN": Note("signs and directions", "The largest go, or |score| is ranked for the score.", "M13, M14"),
}
