"""Correct files of other forms."""

from pathlib import Path
from unittest.mock import patch

from refprune.arrays import Masks, Params
from refprune.lab import store
from refprune.network import Network
from spec_tests.adapter import Declaration
from spec_tests.backends.reference import Reference


class NumpyFiles(Reference):
    """Stores as without the package safetensors: .npz files."""

    declaration = Declaration(name="numpy files", profiles=frozenset({"STORE"}))

    def save(self, folder: Path, network: Network, params: Params, masks: Masks) -> None:
        """Write .npz, whatever is installed."""
        with patch.object(store, "installed", lambda package: False):  # noqa: ARG005  whichever it is
            super().save(folder, network, params, masks)


ALTERNATIVES = (NumpyFiles(),)
