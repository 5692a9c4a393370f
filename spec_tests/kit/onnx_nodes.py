"""The node tests of the package onnx, run against the reference: every test of an operator that is read.

python -m spec_tests.kit.onnx_nodes            print the counts, and what failed
python -m spec_tests.kit.onnx_nodes --write    write docs/results/onnx-nodes.md too

A test is a model with one node, with inputs and outputs. It is read by `from_onnx`, for which it is put into a form
that a network has: inputs that a layer keeps as parameters become initializers; where a node reads several values, they
are parts of one input; a part of a split is passed on by a dropout, which does nothing in use; and numbers without a
batch get one of a single example. What is refused is not applicable, with the reason that the refusal gives.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from refprune.arrays import Array
from refprune.backprop import forward
from refprune.errors import InvalidInput
from refprune.lab.exchange.from_onnx import from_onnx
from refprune.lab.exchange.operators import READERS
from spec_tests.kit.coverage import ROOT
from spec_tests.oracle.rounding import rounding_bound

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto
    from onnx.backend.test.case.test_case import TestCase

PAGE = ROOT / "docs" / "results" / "onnx-nodes.md"
PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
JOINING = ("Add", "Concat", "Sum")
"""Operators that read several values."""
ELEMENTWISE = ("Add", "Dropout", "Identity", "Relu", "Sigmoid", "Sum")
"""Operators for which a batch in front changes nothing."""


class Verdict(NamedTuple):
    """What became of one test."""

    operator: str
    test: str
    verdict: str
    reason: str = ""


class Example(NamedTuple):
    """One test: a node, and what it makes of what. Tests of other values than arrays are not applicable."""

    name: str
    node: "NodeProto"
    inputs: list[Array]
    outputs: list[Array]
    versions: list[Any]


def examples() -> list[Example]:
    """Return the tests with one node, of an operator that is read, in the order of their names."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests of other operators overflow, which they are about
        cases = {case.name: case for case in collect_testcases(None)}
    return [_example(case) for _, case in sorted(cases.items()) if _is_read(case)]


def _is_read(case: "TestCase") -> bool:
    nodes = case.model.graph.node if case.model else []
    return len(nodes) == 1 and nodes[0].op_type in READERS


def _example(case: "TestCase") -> Example:
    assert case.model is not None
    assert case.data_sets is not None
    inputs, outputs = ([_array(value) for value in values] for values in case.data_sets[0])
    return Example(case.name, case.model.graph.node[0], inputs, outputs, list(case.model.opset_import))


def _array(value: Any) -> Any:
    """Return numbers as an array; a sequence or nothing as it is."""
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic) else value


def verdict(example: Example) -> Verdict:
    """Return what becomes of a test."""
    head = (example.node.op_type, example.name)
    try:
        fitting = batched(example)
        problem = unfit(fitting)
        if problem:
            return Verdict(*head, NOT_APPLICABLE, problem)
        read = [(from_onnx(model), x, output) for model, x, output in models(fitting)]
    except InvalidInput as error:
        what, got, expected = error.args
        return Verdict(*head, NOT_APPLICABLE, f"{what}: got {got}, expected {expected}")
    except Exception as error:  # noqa: BLE001  a crash is a failure, and not the end of the run
        return Verdict(*head, FAILED, f"{type(error).__name__}: {error}")
    for (network, params), x, output in read:
        wrong = difference(forward(network, params, x), output, rounding_bound(network, params, x))
        if wrong:
            return Verdict(*head, FAILED, wrong)
    return Verdict(*head, PASSED)


def difference(got: Array, expected: Array, bound: Array) -> str:
    """Return in words how two results differ by more than the bound; nothing where they do not."""
    if got.shape != expected.shape:
        return f"got shape {got.shape}, expected {expected.shape}"
    apart = np.count_nonzero(~(np.abs(got - expected) <= bound))  # NaN is never close
    return f"{apart} numbers differ" if apart else ""


def unfit(example: Example) -> str:
    """Return why a test cannot be put into the form of a network; nothing where it can."""
    if not all(isinstance(array, np.ndarray) for array in (*example.inputs, *example.outputs)):
        return "a sequence or an optional value"
    joined = example.inputs if example.node.op_type in JOINING else example.inputs[:1]
    alike = len({array.shape[:1] + array.shape[2:] for array in joined}) == 1
    if len(joined) > 1 and (not alike or joined[0].ndim < 2):
        return f"inputs of shapes {', '.join(str(array.shape) for array in joined)}"
    return ""


def batched(example: Example) -> Example:
    """Return a test whose numbers have no batch with a batch of one, where that changes nothing."""
    if example.node.op_type not in ELEMENTWISE or np.ndim(example.inputs[0]) != 1:
        return example
    data = len(example.inputs) if example.node.op_type in JOINING else 1
    inputs = [array[None] for array in example.inputs[:data]] + example.inputs[data:]
    return example._replace(inputs=inputs, outputs=[array[None] for array in example.outputs])


def models(example: Example) -> list[tuple["ModelProto", Array, Array]]:
    """Return for each output that is looked at a model, its input, and what should come out."""
    from onnx import helper

    node = example.node
    if node.op_type == "Split":
        passed = [helper.make_node("Dropout", [name], ["passed"]) for name in node.output]
        pairs = zip(passed, example.outputs, strict=True)
        return [(_model(example, [node, behind], "passed"), example.inputs[0], output) for behind, output in pairs]
    if node.op_type not in JOINING or len(example.inputs) == 1:
        return [(_model(example, [node], node.output[0]), example.inputs[0], example.outputs[0])]
    x = np.concatenate(example.inputs, axis=1)
    parts = helper.make_node("Split", ["all", "sizes"], list(node.input), axis=1)
    return [(_model(example, [parts, node], node.output[0], x), x, example.outputs[0])]


def _model(example: Example, nodes: list["NodeProto"], output: str, joined: Array | None = None) -> "ModelProto":
    """Return a model that reads the first input of the test, or all of them joined; the others are initializers."""
    from onnx import helper, numpy_helper

    names = [name for name in example.node.input if name]
    arrays = dict(zip(names[1:], example.inputs[1:], strict=True))
    source, x = names[0], example.inputs[0]
    if joined is not None:
        arrays = {"sizes": np.array([array.shape[1] for array in example.inputs])}
        source, x = "all", joined
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    first = helper.make_tensor_value_info(source, kind, x.shape)
    last = helper.make_tensor_value_info(output, kind, (None,) * example.outputs[0].ndim)
    made = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, example.name, [first], [last], made)
    return helper.make_model(graph, opset_imports=example.versions, ir_version=10)


def verdicts(given: Iterable[Example]) -> list[Verdict]:
    """Return what becomes of these tests, by operator."""
    return sorted(map(verdict, given))


def page(found: Iterable[Verdict]) -> str:
    """Return docs/results/onnx-nodes.md."""
    import onnx

    found = list(found)
    counts = Counter((one.operator, one.verdict) for one in found)
    kinds = (PASSED, FAILED, NOT_APPLICABLE)
    lines = [
        "# The node tests of ONNX",
        "",
        "Written by `python -m spec_tests.kit.onnx_nodes --write`: of the tests of the package "
        f"onnx {onnx.__version__} those with one node,",
        "of an operator that `from_onnx` reads. Passed: all numbers are within a bound on rounding derived from it.",
        "",
        f"| operator | {' | '.join(kinds)} |",
        "|---|---|---|---|",
        *(
            f"| {operator} | {' | '.join(str(counts[operator, kind]) for kind in kinds)} |"
            for operator in dict.fromkeys(one.operator for one in found)
        ),
        f"| together | {' | '.join(str(sum(one.verdict == kind for one in found)) for kind in kinds)} |",
    ]
    for kind in kinds:
        rows = [one for one in found if one.verdict == kind]
        lines += ["", f"## {kind.capitalize()}", "", "| operator | test | why |", "|---|---|---|"] if rows else []
        lines += [f"| {one.operator} | {one.test} | {one.reason.replace('|', '/')} |" for one in rows]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run the tests, and write the page if asked; return 1 when one failed."""
    found = verdicts(examples())
    if "--write" in arguments:
        PAGE.write_text(page(found), encoding="utf-8")
    counts = Counter(one.verdict for one in found)
    failed = [one for one in found if one.verdict == FAILED]
    print(", ".join(f"{counts[kind]} {kind}" for kind in (PASSED, FAILED, NOT_APPLICABLE)))
    print("\n".join(f"{one.test}: {one.reason}" for one in failed), end="\n" if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
