"""docs/spec/store.md: what is loaded is what was saved."""

from typing import Any

import numpy as np

from refprune.network import Concat, Conv2d, Dense, Flatten, Input, Network, Split, build
from spec_tests.kit.vectors.chapters.building import INF, NAN, floats, masks, tensors
from spec_tests.kit.vectors.vector import Draft


def store(
    requirement: str, comment: str, network: Network, params: Any, kept: Any = None, *, refused: bool = False
) -> Draft:
    """Return a draft about a round trip, bit by bit."""
    asked = {"network": network, "params": params, "masks": kept or {}}
    return Draft(requirement, "store", comment, asked, ("ROUND_TRIP",), refused=refused, compare="bits")


ZA = build(Input("x", (2,)), Dense("z", bias=False), Dense("a", bias=False))
GIVEN = {"z.weight": floats([[-0.0, INF]], np.float32), "a.weight": floats([[1.5], [NAN]], np.float32)}
FC = build(Input("x", (2,)), Dense("fc"))
WEIGHTS = tensors({"fc.weight": [[0, 5]], "fc.bias": [0]})
PARTS = build(
    Input("x", (3, 4, 4)),
    Conv2d("c", (2, 1), (0, 0, 1, 0)),
    Split("s", (1, 3)),
    Concat("j", ("s[1]", "s[0]")),
    Flatten("f"),
)


def names(*layers: str) -> Draft:
    """Return a draft about layers of these names."""
    network = build(Input("x", (1,)), *(Dense(name, bias=False) for name in layers))
    params = {f"{name}.weight": floats([[number]]) for number, name in enumerate(layers, 1)}
    return store("STO-03", f"layers {', '.join(layers)}", network, params)


DRAFTS = [
    store("STO-01", "-0.0, infinity and NaN, in the order given", ZA, GIVEN),
    store("STO-01", "doubles and small numbers", FC, {"fc.weight": floats([[0.1, 5e-324]]), "fc.bias": floats([-0.0])}),
    store(
        "STO-01",
        "a network of many fields",
        PARTS,
        {"c.weight": floats(np.arange(24).reshape(4, 3, 2, 1)), "c.bias": floats([1, 2, 3, 4])},
    ),
    store("STO-02", "the mask is not read off zeros; the bias has none", FC, WEIGHTS, masks(fc_weight=[[1, 0]])),
    store("STO-02", "masks of all arrays", FC, WEIGHTS, masks(fc_weight=[[0, 1]], fc_bias=[0])),
    names("../a", "A", "a", "a/b"),
    names("arr_0", "arr_1", "x.y", "CON"),
    store("STO-05", "a mask of three for a bias of one", FC, WEIGHTS, masks(fc_bias=[1, 0, 1]), refused=True),
    store("STO-05", "a mask of nobody", FC, WEIGHTS, masks(c_bias=[1]), refused=True),
    store("STO-05", "a parameter that is missing", FC, {"fc.weight": WEIGHTS["fc.weight"]}, refused=True),
]
"""What a file can be got wrong by."""
