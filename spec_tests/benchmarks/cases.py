"""The cases: what is measured against what, at which size, and what is wanted of it.

Out: CASES, a table to read and to extend.
"""

from typing import NamedTuple

from refprune.architectures import lenet_5, lenet_300_100
from spec_tests.benchmarks import masks
from spec_tests.benchmarks.by_hand import HandRun
from spec_tests.benchmarks.comparison import Build
from spec_tests.benchmarks.problem import conv_4
from spec_tests.benchmarks.removal import half_of_vgg_16
from spec_tests.benchmarks.steps import forward_compacted, forward_masked, step

WEIGHTS = 10_000_000


class Case(NamedTuple):
    """One line of the table."""

    name: str
    size: int
    """Examples in a batch, weights, or channels of an image."""
    build: Build
    peer: str
    """What the other side is, after `torch VERSION` where it is PyTorch's."""
    torch: bool = True
    """The other side is PyTorch's."""
    memory_kept: bool = True
    """The C library keeps freed memory for the next array, for both sides, as in the processes of `refprune run`."""
    most_ratio: float | None = None
    """Wanted: ours / theirs, at most."""
    most_bytes: float | None = None
    """Wanted: extra bytes for each weight, at most."""


ABOUT_EQUAL = 1.1
"""Wanted where `about 1.0` is: medians of two runs on one machine differ by up to a tenth."""

NCHW, LAST, PRUNE = "eager, NCHW", "eager, channels_last", "nn.utils.prune"
MLP, MASKED = lenet_300_100, "eager, masked gradients"
GLOBAL, FRESH = f"{PRUNE}.global_unstructured", "refprune, nothing removed yet"

CASES = (
    Case("lenet-300-100 step", 60, step(MLP), NCHW, most_ratio=0.65),
    Case("lenet-300-100 step 128", 128, step(MLP), NCHW),
    Case("lenet-300-100 step fused", 60, step(MLP, fused=True), "eager, NCHW, SGD(fused=True)"),
    Case("lenet-300-100 step by hand", 60, step(MLP, ours=HandRun), NCHW),
    Case("lenet-300-100 masked step", 60, step(MLP, masked=True), MASKED, most_ratio=0.65),
    Case("lenet-300-100 masked step prune", 60, step(MLP, masked=True, reparametrised=True), f"eager, {PRUNE}"),
    Case("lenet-5 step", 64, step(lenet_5), NCHW, most_ratio=0.65),
    Case("lenet-5 step channels_last", 64, step(lenet_5, channels_last=True), LAST, most_ratio=ABOUT_EQUAL),
    Case("conv-4 step", 60, step(conv_4), NCHW, most_ratio=1.4),
    Case("conv-4 step channels_last", 60, step(conv_4, channels_last=True), LAST),
    Case("lenet-5 step memory returned", 64, step(lenet_5), NCHW, memory_kept=False),
    Case("conv-4 step memory returned", 60, step(conv_4), NCHW, memory_kept=False),
    Case("lenet-300-100 forward masked", 64, forward_masked, "refprune, dense", torch=False),
    Case("lenet-300-100 forward compacted", 64, forward_compacted, "refprune, dense", torch=False),
    Case("global mask 1e7", WEIGHTS, masks.global_mask, GLOBAL, most_ratio=1 / 40, most_bytes=9.5),
    Case("global mask 1e7 ties", WEIGHTS, masks.global_mask_ties, GLOBAL, most_ratio=1 / 5),
    Case("global mask 1e7 pruned", WEIGHTS, masks.global_mask_pruned, GLOBAL),
    Case(
        "global mask 1e7 pruned against dense", WEIGHTS, masks.pruned_against_dense, FRESH, torch=False, most_ratio=1.0
    ),
    Case("local mask 1e7", WEIGHTS, masks.local_mask, f"{PRUNE}.l1_unstructured"),
    Case("select 1e7", WEIGHTS, masks.selection_alone, "kthvalue and a comparison"),
    Case("vgg-16 coupling and compact", 3, half_of_vgg_16, "the same slices by hand", torch=False, most_ratio=3.0),
    Case("2:4 mask 1e7", WEIGHTS, masks.two_of_four_mask, "topk and scatter"),
)
