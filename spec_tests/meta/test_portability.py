"""The reference gives the same digests whatever the BLAS threads and the processor's vector instructions are."""

import importlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from spec_tests.kit import portability

BUILT: Any = importlib.import_module("numpy._core._multiarray_umath")
ON = [name for name in BUILT.__cpu_dispatch__ if BUILT.__cpu_features__.get(name)]
"""What this NumPy would switch on at run time on this processor."""


@pytest.mark.parametrize(
    "variables",
    [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"NPY_DISABLE_CPU_FEATURES": " ".join(ON)}],
    ids=["one thread", "two threads", "no dispatch"],
)
def test_the_published_digests(variables: dict[str, str]) -> None:
    if "" in variables.values():
        pytest.skip("this NumPy dispatches nothing on this processor")
    command = [sys.executable, "-m", "spec_tests.kit.portability", "--check"]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_memory_order_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, numbers = portability.digests(), portability.numbers
    monkeypatch.setattr(
        portability,
        "numbers",
        lambda shape, different, seed=0, dtype=np.float64: np.asfortranarray(numbers(shape, different, seed, dtype)),
    )
    assert portability.digests() == plain


def test_a_digest_sees_one_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong count changes the digest of the selections, and no other."""
    from refprune import selection

    before = portability.digests()
    monkeypatch.setattr(selection, "removal_count", lambda sparsity, size: int(sparsity * size))
    after = portability.digests()
    assert [name for name in before if before[name] != after[name]] == ["selections"]
