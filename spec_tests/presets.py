"""What known libraries declare of themselves: a start for an adapter, `replace(PRESETS["jaxpruner"], profiles=...)`.

Values come from reading and running the version that is named, without this suite, and not every one was run: an
adapter that fails may have found a wrong line here. Where nothing is known a field has its default. What the vocabulary
cannot say stands below each: there a run of the suite fails, and the failure is the finding.
"""

from collections.abc import Mapping
from dataclasses import replace

from spec_tests.adapter import Declaration, Profile

SELECT: frozenset[Profile] = frozenset({"SELECT"})
ELEMENT, LOCAL, GLOBAL = frozenset({"element"}), frozenset({"local"}), frozenset({"global"})
WITH_RUNS = ELEMENT | {"n_of_m"}
INPUTS = frozenset({1})
"""Runs of n of m along the input channels only."""
TRACE, ROUNDS = frozenset({"trace"}), frozenset({"rounds"})
LINEAR, CUBIC, GEOMETRIC = frozenset({"linear"}), frozenset({"cubic"}), frozenset({"geometric"})

# Only torch.nn.utils.prune takes counts. `integers="refused"` elsewhere means that there are none; what an int does
# there was not run, and one that is quietly read as a fraction fails SEL-02.

TORCH_PRUNE = Declaration(
    "torch_prune",
    SELECT,
    library="torch 2.13.0",
    granularities=ELEMENT,
    base="alive",
    integers="more",
    transform="abs",
    ties="unspecified",
    nan="highest",
    removed_zero="either",
    gradients="masked",
    enforced="forward",
    dropouts=False,
)
"""Cannot say: `compute_mask` with a mask of one's own ranks removed entries again, and spends the count on them. The
weight that is read is stale from one update to the next forward pass (TRN-18)."""

TORCH_AO = Declaration(
    "torch_ao",
    SELECT,
    library="torch 2.13.0",
    granularities=WITH_RUNS,
    pools=LOCAL,
    within=False,
    run_axes=INPUTS,
    integers="refused",
    outside="clamped",
    transform="abs",
    ties="unspecified",
    nan="highest",
    names="removed",
    tail="refused",
    run_ties="unspecified",
    removed_zero="either",
    gradients="masked",
    forms=TRACE,
    curves=CUBIC,
)
"""WeightNormSparsifier. Cannot say: one entry stays below 1.0, and none at 1.0; arrays of four axes are errors; a
target that falls brings entries back. The
frequency of CubicSL stretches its curve, and it fires at every step."""

TORCH_PRUNING = Declaration(
    "torch_pruning",
    SELECT,
    library="torch-pruning 1.6.1",
    granularities=frozenset({"unit"}),
    pools=LOCAL,
    within=False,
    multiples=False,
    count="keep_trunc",
    integers="refused",
    emptied="skipped",
    ties="unspecified",
    nan="highest",
    unit_norm="square",
    forms=ROUNDS,
    curves=LINEAR,
)
"""Cannot say: a group that would lose everything is left alone where SEL-10 sets the best unit aside; `round_to` rounds
what is kept down, where SEL-21 rounds it up; with the global pool scores are divided by their mean in each group."""

TFMOT = Declaration(
    "tfmot",
    SELECT,
    library="tensorflow-model-optimization 0.8.0",
    granularities=WITH_RUNS,
    pools=LOCAL,
    within=False,
    run_axes=INPUTS,
    count="keep_half_even",
    arithmetic="float32",
    integers="refused",
    emptied="keeps_one",
    transform="abs",
    ties="keep_all",
    nan="unspecified",
    names="removed",
    tail="padded",
    removed_zero="either",
    gradients="dense",
    enforced="forward",
    forms=TRACE,
    curves=LINEAR | CUBIC,
    full="refused",
    first_step=1,
    reaches_end=False,
    never="allowed",
)
"""Cannot say: 1.0 is refused, although 0.99 of ten keeps one; masks are computed anew, so that entries come back."""

JAXPRUNER = Declaration(
    "jaxpruner",
    SELECT,
    library="jaxpruner f133ee5",
    granularities=WITH_RUNS,
    within=False,
    count="keep_half_even",
    arithmetic="float32",
    integers="refused",
    outside="clamped",
    emptied="keeps_one",
    nan="lowest",
    tail="refused",
    run_ties="last",
    removed_zero="either",
    gradients="dense",
    forms=TRACE,
    curves=LINEAR | CUBIC,
    initial=False,
    progress="next",
    anchor="zero",
    reaches_end=False,
    never="allowed",
)
"""With the global pool, its normalisation switched off. Cannot say: tiles that do not divide the matrix give masks of
another shape. No schedule is checked."""

NNI = Declaration(
    "nni",
    SELECT,
    library="nni 3.0",
    granularities=ELEMENT,
    pools=LOCAL,
    within=False,
    count="trunc",
    integers="refused",
    ties="unspecified",
    nan="highest",
    removed_zero="either",
    gradients="masked",
    forms=TRACE,
    curves=LINEAR | CUBIC,
    initial=False,
)
"""Cannot say: masks are computed anew, so that entries come back."""

WANDA = Declaration(
    "wanda",
    SELECT,
    library="wanda",
    granularities=frozenset({"n_of_m"}),
    pools=LOCAL,
    within=False,
    run_axes=INPUTS,
    nan="unspecified",
    names="removed",
    tail="refused",
    run_ties="unspecified",
)
"""Cannot say: by magnitude one more goes than int(s n), ties go with it, and 1.0 is an IndexError; by its own metric
every row is a pool; a tail of two loses both, and only a tail of one is an error."""

OPEN_LTH = Declaration(
    "open_lth",
    SELECT,
    library="open_lth",
    granularities=ELEMENT,
    pools=GLOBAL,
    count="ceil",
    base="alive",
    integers="refused",
    emptied="refused",
    transform="abs",
    ties="remove_all",
    nan="unspecified",
    removed_zero="either",
    gradients="dense",
    enforced="forward",
    forms=ROUNDS,
    curves=GEOMETRIC,
)
"""Cannot say: one more goes than ceil(s n), at s = 0 too."""

LLM_COMPRESSOR = Declaration(
    "llm_compressor",
    SELECT,
    library="llm-compressor",
    granularities=WITH_RUNS,
    pools=LOCAL,
    within=False,
    run_axes=INPUTS,
    count="trunc",
    integers="refused",
    transform="abs",
    ties="remove_all",
    nan="unspecified",
    names="removed",
    tail="refused",
    run_ties="unspecified",
    removed_zero="either",
)
"""Cannot say: the mask of before is taken and ignored; some tails lose too much where others are errors. Its
polynomial schedule starts at twice the target and falls."""

NEURAL_COMPRESSOR = Declaration(
    "neural_compressor",
    SELECT,
    library="neural-compressor 3.0",
    granularities=WITH_RUNS,
    within=False,
    run_axes=INPUTS,
    count="trunc",
    integers="refused",
    ties="remove_all",
    nan="unspecified",
    names="removed",
    tail="dense",
    run_ties="unspecified",
    removed_zero="either",
    forms=TRACE,
    curves=LINEAR | GEOMETRIC,
    initial=False,
)
"""Cannot say: a tie in a run takes all of the run away; a layer with a tail is left out as a whole; no tensor loses
more than 0.98 of it. The last firing before end has the final
sparsity."""

SHRINKBENCH = Declaration(
    "shrinkbench",
    SELECT,
    library="shrinkbench",
    granularities=ELEMENT,
    pools=GLOBAL,
    within=False,
    integers="refused",
    emptied="refused",
    transform="abs",
    ties="keep_all",
    nan="unspecified",
    removed_zero="either",
    gradients="masked",
    enforced="forward",
)
"""Cannot say: the threshold is an interpolated quantile, so that the count follows none of the rules."""

PRESETS: Mapping[str, Declaration] = {
    declaration.name: declaration
    for declaration in (
        TORCH_PRUNE,
        TORCH_AO,
        TORCH_PRUNING,
        replace(TORCH_PRUNING, name="torch_pruning_global", pools=GLOBAL, ties="remove_all"),
        TFMOT,
        JAXPRUNER,
        NNI,
        replace(NNI, name="nni_global", pools=GLOBAL, ties="keep_all"),
        WANDA,
        replace(WANDA, name="sparsegpt", library="sparsegpt"),
        OPEN_LTH,
        LLM_COMPRESSOR,
        NEURAL_COMPRESSOR,
        SHRINKBENCH,
    )
}
"""Name -> declaration. Two for a library whose rule for ties depends on the pool."""
