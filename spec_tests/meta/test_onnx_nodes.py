"""The node tests of ONNX: none fails, and the page says what there is to say."""

import importlib.util
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from spec_tests.kit import onnx_nodes
from spec_tests.kit.onnx_nodes import FAILED, NOT_APPLICABLE, PAGE, PASSED


@pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="not installed: onnx")
def test_node_tests(record_property: Callable[[str, object], None]) -> None:
    """One check of all: the package takes ten seconds to make its tests, and no process should do it twice."""
    examples = {example.name: example for example in onnx_nodes.examples()}
    found = onnx_nodes.verdicts(examples.values())
    counts = Counter(one.verdict for one in found)
    record_property("summary", f"node tests of ONNX: {counts[PASSED]} passed, {counts[NOT_APPLICABLE]} not applicable")
    assert [one for one in found if one.verdict == FAILED] == []
    assert all(one.reason for one in found if one.verdict == NOT_APPLICABLE)
    if PAGE.parent.is_dir():  # in a checkout
        text = PAGE.read_text(encoding="utf-8")
        assert text == onnx_nodes.page(found), "python -m spec_tests.kit.onnx_nodes --write"
    example = examples["test_gemm_transposeB"]
    for wrong in (example.outputs[0] * np.float32(1.001), example.outputs[0] * np.nan, example.outputs[0][:1]):
        assert onnx_nodes.verdict(example._replace(outputs=[wrong])).verdict == FAILED, "nothing is compared"
