"""The sentences of refusals, word by word: what, got, expected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refprune import network as records
from refprune.arrays import Params, apply_masks
from refprune.backprop import check_labels
from refprune.criteria import CRITERIA, Evidence, contribute
from refprune.errors import InvalidInput
from refprune.evidence import collect
from refprune.granularity import Group, Slice, check_parts
from refprune.network import Add, Conv2d, Dense, Flatten, Input, MaxPool2d, Node, Relu, Split, build, from_json
from refprune.selection import select
from refprune.shapes import infer_shapes
from refprune.surgery import masks_without, masks_without_rows
from refprune.training import adam, sgd, start, update

IMAGE, VECTOR = Input("x", (4, 2, 3)), Input("x", (4,))
PAIR: Any = (0, 0)
TWO_OF_FOUR = Group("a", 2, (Slice("a.weight", 0, (0, -1, -1, 1)),), ())


def shapes(*nodes: Node, **sizes: tuple[int, ...]) -> Callable[[], Any]:
    """Return the call that infers shapes, with weights of these shapes and no biases."""
    params: Params = {f"{name}.weight": np.zeros(size) for name, size in sizes.items()}
    return lambda: infer_shapes(build(*nodes), params)


def criterion(**grads: Any) -> Callable[[], Any]:
    """Return the call that asks gradients for contributions to one weight of shape (1, 2)."""
    evidence = Evidence({"a.weight": np.ones((1, 2))}, {f"{name}.weight": array for name, array in grads.items()})
    return lambda: contribute(CRITERIA["gradient"], evidence)


SENTENCES: tuple[tuple[Callable[[], Any], str], ...] = (
    (build, "network: got () as the first node, expected an Input"),
    (
        lambda: build(Relu("r"), Relu("s")),
        "network: got (Relu(name='r', inputs=()),) as the first node, expected an Input",
    ),
    (
        lambda: build(VECTOR, Relu("r"), Split("s", (2, 2))),
        "node 's': got a split as the last node, expected a node with one value",
    ),
    (lambda: build(VECTOR, Add("a", ("x",))), "node 'a': got inputs ('x',), expected two inputs or more"),
    (lambda: build(VECTOR, Relu("r", ("x", "x"))), "node 'r': got inputs ('x', 'x'), expected one input"),
    (lambda: build(Input("x", ())), "node 'x': got shape (), expected a tuple of some integers >= 1"),
    (
        lambda: build(IMAGE, Conv2d("c", padding=PAIR)),
        "node 'c': got padding (0, 0), expected a tuple of 4 integers >= 0",
    ),
    (
        lambda: from_json('{"format": "refprune-network", "version": 0, "nodes": [{"op": "relu", "size": 1}]}'),
        "node None: got fields ['op', 'size'], expected op, ['name'] and maybe ['inputs']",
    ),
    (
        lambda: collect(build(VECTOR), {}, np.zeros((1, 4)), np.zeros(1, int), {"draws", "hessian"}),
        "needs: got ['hessian'], expected some of ['draws', 'gates', 'grads', 'unit_draws']",
    ),
    (
        shapes(VECTOR, Dense("fc", bias=False), fc=(2, 3)),
        "fc.weight: got shape (2, 3), expected (out, 4), its input being (4,)",
    ),
    (
        shapes(IMAGE, Conv2d("c", bias=False), c=(2, 3, 1, 1)),
        "c.weight: got shape (2, 3, 1, 1), expected (out, 4, kh, kw), its input (4, 2, 3)",
    ),
    (
        shapes(IMAGE, Conv2d("c", bias=False, groups=2), c=(2, 3, 1, 1)),
        "c.weight: got shape (2, 3, 1, 1), expected (2 * n, 2, kh, kw), its input (4, 2, 3)",
    ),
    (
        shapes(VECTOR, Dense("fc", bias=False), fc=(3,)),
        "fc.weight: got shape (3,), expected (out, 4), its input being (4,)",
    ),
    (
        shapes(IMAGE, Conv2d("c", bias=False), c=(2, 4, 1, 1, 1)),
        "c.weight: got shape (2, 4, 1, 1, 1), expected (out, 4, kh, kw), its input (4, 2, 3)",
    ),
    (
        shapes(IMAGE, Conv2d("c", bias=False), c=(2, 4, 0, 1)),
        "node 'c': got a window of (0, 1), expected at least one row and one column",
    ),
    (
        shapes(IMAGE, MaxPool2d("p", padding=(3, 0, 0, 0))),
        "node 'p': got padding (3, 0, 0, 0), expected less than the window (2, 2) on every side",
    ),
    (
        shapes(IMAGE, Split("s", (2, 1)), Flatten("f", ("s[0]",))),
        "node 's': got sizes (2, 1), expected sizes of the sum 4, its channels",
    ),
    (
        shapes(IMAGE, Dense("fc", bias=False), fc=(2, 4)),
        "node 'fc': got an input of shape (4, 2, 3), expected an input of shape (features,)",
    ),
    (
        shapes(VECTOR, Conv2d("c", bias=False), c=(2, 4, 1, 1)),
        "node 'c': got an input of shape (4,), expected an input of shape (C, H, W)",
    ),
    (
        lambda: check_labels(np.array([0, 5]), 2, (5,)),
        "labels: got values 0..5, expected classes 0..4",
    ),
    (
        lambda: check_parts(Group("g", 4, (), ()), [Slice("a", 0, (0, 4))], {"a": np.ones(2)}),
        "group 'g': got units 0 to 4 in 'a', expected units 0 to 3, and -1 for none",
    ),
    (
        lambda: check_parts(Group("g", 4, (), ()), [Slice("a", 0, (0, 6))], {"a": np.ones(2)}),
        "group 'g': got units 0 to 6 in 'a', expected units 0 to 3, and -1 for none",
    ),
    (
        lambda: check_parts(Group("g", 4, (), ()), [Slice("a", 2, (0, 1))], {"a": np.ones(2)}),
        "group 'g': got array 'a' of shape (2,), expected length 2 along axis 2",
    ),
    (
        lambda: check_parts(Group("g", 4, (), ()), [Slice("a", -1, (0, 1))], {"a": np.ones(2)}),
        "group 'g': got array 'a' of shape (2,), expected length 2 along axis -1",
    ),
    *(
        (
            lambda index=index: masks_without([Group("g", 3, (), ())], {"g": [index]}),
            f"units of 'g': got [{index}], expected distinct indices below 3",
        )
        for index in (3, 4)
    ),
    *(
        (
            lambda index=index: masks_without_rows([TWO_OF_FOUR], {"a": [index]}),
            f"units of 'a': got [{index}], expected distinct indices among [0, 3]",
        )
        for index in (1, 4, 5)
    ),
    (
        lambda: select({"a": np.ones(2)}, 0.5, lambda _: {"p": ("a",), "q": ()}),
        "pools: got {'p': ('a',), 'q': ()}, expected at least one, each of at least one tensor",
    ),
    (
        lambda: masks_without([Group("g", 3, (), ())], {"g": [-1]}),
        "unit of 'g': got -1, expected an integer >= 0",
    ),
    (
        lambda: update(start({"a": np.ones(2)}, adam()), {"a": np.ones(2)}, sgd(), 0.1, {}),
        "state of 'a': got 2 slots, expected the optimiser's 1",
    ),
    (
        lambda: apply_masks({"a": np.ones(2)}, {"a": np.zeros(2, "datetime64[s]")}),
        "mask of 'a': got datetime64[s], expected a NumPy array of bool, True = kept",
    ),
    (criterion(b=np.ones((1, 2))), "grads of 'a.weight': got nothing, expected an array of shape (1, 2)"),
    (criterion(a=np.ones((2, 1))), "grads of 'a.weight': got shape (2, 1), expected an array of shape (1, 2)"),
)


@pytest.mark.parametrize(("refused", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_what_got_expected(refused: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        refused()
    assert str(caught.value) == sentence


def test_every_operation_has_a_name() -> None:
    """The sentence about an unknown operation lists them all."""
    with pytest.raises(InvalidInput) as caught:
        from_json('{"format": "refprune-network", "version": 0, "nodes": [{"op": "lstm"}]}')
    assert str(sorted(records.OPS)) in str(caught.value)
