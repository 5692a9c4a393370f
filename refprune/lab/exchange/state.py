"""Parameters under the names that PyTorch gives them.

In: parameters. Out: a mapping for `load_state_dict` of a module whose submodules are called as the nodes. The layouts
are the same on both sides.
"""

from refprune.arrays import Array, Params

NAMES = {".gamma": ".weight", ".beta": ".bias"}
"""How a name ends here -> and there; all others are the same."""


def state_dict(params: Params) -> dict[str, Array]:
    """Return the same arrays under the names of PyTorch; each still has to become a tensor.

    >>> import numpy as np
    >>> list(state_dict({"norm.gamma": np.ones(1), "norm.running_var": np.ones(1), "fc.bias": np.ones(1)}))
    ['norm.weight', 'norm.running_var', 'fc.bias']
    """
    return {_renamed(name): array for name, array in params.items()}


def _renamed(name: str) -> str:
    stem, dot, part = name.rpartition(".")
    return stem + NAMES.get(dot + part, dot + part)
