"""What the lab can do with and does without: the optional packages, and the sentence that says what to install."""

import importlib.util

WANTED = {
    "rich": "live progress",
    "matplotlib": "report.html",
    "safetensors": "parameters as .safetensors in place of .npz",
}
"""Package -> what it gives."""


def installed(package: str) -> bool:
    """Say whether a package can be imported; importing it is left to whoever uses it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # somebody has switched it off: a finder that refuses, None in sys.modules
        return False


def missing_sentence() -> str:
    """Return one sentence on what would be nicer with what is not installed; empty when all of it is."""
    missing = [package for package in WANTED if not installed(package)]
    if not missing:
        return ""
    gains = ", ".join(f"{WANTED[package]} ({package})" for package in missing)
    return f'python -m pip install "refprune[lab]" adds {gains}'


class MissingExtra(Exception):
    """A command that cannot do without a package: a failure, and no wrong usage."""


def needs_onnx() -> None:
    """Refuse to go on without the package onnx.

    Raises:
        MissingExtra: with one sentence that says what to install.
    """
    if not installed("onnx"):
        raise MissingExtra('networks as ONNX need the package onnx: python -m pip install "refprune[onnx]"')
