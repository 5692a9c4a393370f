"""Parameters in PyTorch: a module built from the network's record loads them by name, and does the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array
from refprune.backprop import forward, trace
from refprune.lab.exchange.state import state_dict
from refprune.network import BatchNorm, Dropout, Network, values_of
from refprune.shapes import infer_shapes
from spec_tests.oracle.rounding import rounding_bound
from spec_tests.strategies.everything import everything
from spec_tests.strategies.graphs import ALL_OPS, graphs
from spec_tests.strategies.networks import Drawn

torch = pytest.importorskip("torch", reason="torch is not installed: no module can be built")


def build_module(drawn: Drawn) -> Any:
    """Return the network as a module of PyTorch with these parameters, in evaluation."""
    from spec_tests.backends.torch_model import Model

    return Model(drawn.network, drawn.params).eval()


def run_there(peer: Any, x: Array) -> Array:
    with torch.no_grad():
        return np.asarray(peer(torch.from_numpy(x)).numpy())


DTYPES = st.sampled_from((np.float32, np.float64))


@given(DTYPES.flatmap(lambda dtype: graphs(dtype=dtype)))
def test_exact_in_evaluation(drawn: Drawn) -> None:
    assert (run_there(build_module(drawn), drawn.x) == forward(drawn.network, drawn.params, drawn.x)).all()


@given(DTYPES.flatmap(lambda dtype: graphs(ALL_OPS, dtype, exact=False)))
def test_same_in_evaluation(drawn: Drawn) -> None:
    apart = run_there(build_module(drawn), drawn.x) - forward(drawn.network, drawn.params, drawn.x)
    assert (np.abs(apart) <= rounding_bound(drawn.network, drawn.params, drawn.x)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_record_in_evaluation(dtype: type) -> None:
    drawn = everything(1, dtype)
    apart = run_there(build_module(drawn), drawn.x) - forward(drawn.network, drawn.params, drawn.x)
    assert (np.abs(apart) <= rounding_bound(drawn.network, drawn.params, drawn.x)).all()


# In training


def statistics_there(drawn: Drawn) -> dict[str, Array]:
    """Return the running statistics after a batch."""
    peer = build_module(drawn).train()
    run_there(peer, drawn.x)
    after = peer.state_dict()
    return {name: after[name].numpy() for name in state_dict(drawn.params) if ".running_" in name}


def without_dropout(drawn: Drawn) -> Drawn:
    """Return the network with dropouts that keep everything: PyTorch draws its masks itself."""
    network = tuple(replace(node, rate=0.0) if isinstance(node, Dropout) else node for node in drawn.network)
    return replace(drawn, network=network)


def statistics_here(drawn: Drawn) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the running statistics after a batch, and the values that the nodes had, the batch last."""
    shapes = infer_shapes(drawn.network, drawn.params)
    kept = {
        node.name: np.ones((len(drawn.x), *shapes[node.name]), np.bool_)
        for node in drawn.network
        if isinstance(node, Dropout)
    }
    found = trace(drawn.network, drawn.params, drawn.x, drawn.labels, kept)
    return found.statistics, found.values


def test_every_statistic() -> None:
    """In float64, where all roundings together are far below the least wrong factor, which is 1 - 1 / n."""
    drawn = without_dropout(everything(1, np.float64))
    here, there = statistics_here(drawn)[0], statistics_there(drawn)
    assert here.keys() == there.keys()
    assert len(here) == 4
    for name, values in here.items():
        assert np.allclose(there[name], values, rtol=1e-10, atol=1e-12)
        assert not np.allclose(drawn.params[name], values, rtol=1e-4)


@given(DTYPES.flatmap(lambda dtype: graphs(dtype=dtype)))
def test_statistics_of_exact_values(drawn: Drawn) -> None:
    """Where a normalisation reads numbers without an error, two ways to its statistics are close.

    Each is off by gamma_(n + 8) times the same with |x| and |x| + |mean| in place of x and x - mean: n for a sum over
    the batch, 8 for the rest.
    """
    drawn = without_dropout(drawn)
    here, values = statistics_here(drawn)
    there = statistics_there(drawn)
    for node in first_normalisations(drawn.network):
        x = values[node.inputs[0]].astype(np.float64).reshape(len(values[node.inputs[0]]), -1)
        n, mean = x.shape[1], np.abs(x).mean(axis=1)
        squares = np.square(np.abs(x) + mean[:, None]).sum(axis=1) / (n - 1)
        roundings = (n + 8) * float(np.finfo(drawn.x.dtype).eps) / 2
        gamma = roundings / (1 - roundings)
        for part, size in {"running_mean": mean, "running_var": squares}.items():
            name = f"{node.name}.{part}"
            old = np.abs(drawn.params[name])
            bound = 2 * gamma * ((1 - node.momentum) * old + node.momentum * size)
            assert (np.abs(there[name] - here[name]) <= bound).all(), name


def first_normalisations(network: Network) -> list[BatchNorm]:
    """Return those that read nothing another one has computed."""
    behind: set[str] = set()
    found = []
    for node in network:
        normalised = bool(behind.intersection(node.inputs))
        if isinstance(node, BatchNorm) and not normalised:
            found.append(node)
        if isinstance(node, BatchNorm) or normalised:
            behind.update(values_of(node))
    return found
