"""docs/spec/measure.md."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from refprune.network import AvgPool2d, BatchNorm, Conv2d, Dense, Flatten, Input, Network, build
from spec_tests.kit.vectors.chapters.building import masks, only
from spec_tests.kit.vectors.vector import Draft

OPERATIONS = {"mac": 1, "bias_counted": False}
"""What counts of operations assume."""


def count(
    requirement: str,
    comment: str,
    network: Network,
    shapes: Mapping[str, Any],
    kept: Any,
    names: str,
    *flags: str,
    dtype: DTypeLike = np.float32,
    **more: Any,
) -> Draft:
    """Return a draft about these counts; an array of these values, or of zeros where a tuple is its shape."""
    params = {
        name: np.zeros(one, dtype) if isinstance(one, tuple) else np.array(one, dtype) for name, one in shapes.items()
    }
    told = names.split()
    assumes = OPERATIONS if {"macs", "macs_nonzero"} & set(told) else {}
    asked = {"network": network, "params": params, "masks": kept}
    given: dict[str, Any] = {"hide": only(*told), "assumes": assumes, **more}
    return Draft(requirement, "count", comment, asked, flags, **given)


def wrong(comment: str, kept: Any) -> Draft:
    """Return a draft about masks that do not fit."""
    return count("MEA-09", comment, FC, SHAPES, kept, "", "MASK_MISFIT", hide=None, refused=True)


def conv(stride: tuple[int, int], padding: tuple[int, int, int, int]) -> Network:
    """Return a convolution of 3 by 3 on three channels of 5 by 5."""
    return build(Input("x", (3, 5, 5)), Conv2d("conv", stride, padding))


FC = build(Input("x", (3,)), Dense("fc"))
SHAPES = {"fc.weight": (2, 3), "fc.bias": (2,)}
KERNEL = {"conv.weight": (2, 3, 3, 3), "conv.bias": (2,)}
TEN = {"conv.weight": np.arange(54).reshape(2, 3, 3, 3) < 10}
SHARED = build(Input("x", (2, 4, 4)), Conv2d("a"), AvgPool2d("p"), Conv2d("b", shares="a"), Flatten("out"))
GROUPED = build(Input("x", (4, 2, 3)), Conv2d("g", groups=2, bias=False))
NORMED = build(Input("x", (2,)), BatchNorm("n"), Dense("out"))
NORM = {
    "n.gamma": (2,),
    "n.beta": (2,),
    "n.running_mean": (2,),
    "n.running_var": (2,),
    "out.weight": (1, 2),
    "out.bias": (1,),
}
NINE = build(Input("x", (3,)), Dense("fc", bias=False))

DRAFTS = [
    count(
        "MEA-03",
        "3 of 6 weights, 3 of 8 parameters",
        FC,
        SHAPES,
        masks(fc_weight=[[1, 0, 1], [0, 1, 0]]),
        "sparsity_prunable sparsity_all",
        "COUNTED_ZEROS",
    ),
    count(
        "MEA-04",
        "2 of 8 weights: 4",
        build(Input("x", (4,)), Dense("fc")),
        {"fc.weight": (2, 4), "fc.bias": (2,)},
        masks(fc_weight=[[1, 0, 0, 0], [0, 0, 0, 1]]),
        "compression_ratio",
        "COUNTED_ZEROS",
    ),
    count(
        "MEA-04",
        "none kept: infinite",
        FC,
        SHAPES,
        masks(fc_weight=[[0, 0, 0], [0, 0, 0]]),
        "compression_ratio",
        "COUNTED_ZEROS",
    ),
    count("MEA-04", "all kept: 1", FC, SHAPES, {}, "compression_ratio", "COUNTED_ZEROS"),
    count("MEA-05", "9 positions", conv((1, 1), (0, 0, 0, 0)), KERNEL, {}, "macs", "MACS"),
    count("MEA-05", "25 positions with padding", conv((1, 1), (1, 1, 1, 1)), KERNEL, {}, "macs", "MACS", "PADDING"),
    count(
        "MEA-05", "9 positions with a stride as well", conv((2, 2), (1, 1, 1, 1)), KERNEL, {}, "macs", "MACS", "PADDING"
    ),
    count("MEA-05", "masks change nothing", conv((1, 1), (1, 1, 1, 1)), KERNEL, TEN, "macs", "MACS"),
    count(
        "MEA-05",
        "8 entries in two groups, 6 positions",
        GROUPED,
        {"g.weight": (4, 2, 1, 1)},
        {},
        "macs",
        "MACS",
        "GROUPED_CONV",
    ),
    count("MEA-06", "10 kept entries at 25 positions", conv((1, 1), (1, 1, 1, 1)), KERNEL, TEN, "macs_nonzero", "MACS"),
    count(
        "MEA-06",
        "a mask of the bias changes nothing",
        conv((1, 1), (1, 1, 1, 1)),
        KERNEL,
        TEN | masks(conv_bias=[0, 0]),
        "macs_nonzero",
        "MACS",
        "BIAS",
    ),
    count(
        "MEA-07",
        "9 entries need 2 bytes of bits",
        NINE,
        {"fc.weight": (3, 3)},
        masks(fc_weight=[[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        "bytes_dense bytes_bitmask",
        "BYTES",
    ),
    count(
        "MEA-07",
        "each array is rounded by itself, doubles have 8 bytes",
        FC,
        SHAPES,
        {},
        "bytes_dense bytes_bitmask",
        "BYTES",
        dtype=np.float64,
    ),
    count(
        "MEA-08",
        "three values with their columns, four starts of rows",
        NINE,
        {"fc.weight": (3, 3)},
        masks(fc_weight=[[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        "bytes_csr",
        "BYTES",
    ),
    count("MEA-08", "a bias has rows, too", FC, SHAPES, masks(fc_bias=[1, 0]), "bytes_csr", "BYTES", "BIAS"),
    wrong("a mask of another shape", masks(fc_weight=[[1, 0, 1]])),
    wrong("a mask of nobody", {"fc": np.ones((2, 3), bool)}),
    count(
        "MEA-10",
        "16,785,409 positions",
        build(Input("x", (1, 4097, 4097)), Conv2d("c", bias=False)),
        {"c.weight": (1, 1, 1, 1)},
        {},
        "macs macs_nonzero",
        "MACS",
        right={"macs": 4097**2, "macs_nonzero": 4097**2},
    ),
    count(
        "MEA-11",
        "a kept 0 is kept",
        build(Input("x", (4,)), Dense("fc", bias=False)),
        {"fc.weight": [[0, 0, 5, 6]]},
        masks(fc_weight=[[1, 1, 1, 0]]),
        "prunable_kept parameters_kept sparsity_prunable",
        "COUNTED_ZEROS",
    ),
    count(
        "MEA-11",
        "without a mask all is kept",
        build(Input("x", (4,)), Dense("fc", bias=False)),
        {"fc.weight": [[0, -0.0, 5, 1e-9]]},
        {},
        "prunable_kept parameters_kept",
        "COUNTED_ZEROS",
        "NEG_ZERO",
    ),
    count("MEA-13", "7 parameters and 44 bytes", NORMED, NORM, {}, "parameters bytes_dense", "BATCH_NORM", "BYTES"),
    count(
        "MEA-13",
        "one gamma and one beta removed: 2 of 7",
        NORMED,
        NORM,
        masks(n_gamma=[0, 1], n_beta=[0, 1]),
        "parameters_kept sparsity_all",
        "BATCH_NORM",
    ),
    count(
        "MEA-14",
        "16 + 4 positions of 4 entries",
        SHARED,
        {"a.weight": (2, 2, 1, 1), "a.bias": (2,)},
        {},
        "macs macs_nonzero prunable parameters bytes_dense",
        "SHARED_PARAMETERS",
        "MACS",
    ),
    count(
        "MEA-14",
        "three of them kept: 60",
        SHARED,
        {"a.weight": (2, 2, 1, 1), "a.bias": (2,)},
        masks(a_weight=[[[[1]], [[1]]], [[[1]], [[0]]]]),
        "macs macs_nonzero prunable_kept",
        "SHARED_PARAMETERS",
        "MACS",
    ),
    count(
        "MEA-03",
        "a quarter of the weights, and one bias",
        build(Input("x", (4,)), Dense("fc")),
        {"fc.weight": (1, 4), "fc.bias": (1,)},
        masks(fc_weight=[[1, 0, 1, 1]], fc_bias=[0]),
        "sparsity_prunable sparsity_all",
        "COUNTED_ZEROS",
        "BIAS",
    ),
]
"""What a count can be got wrong by."""
