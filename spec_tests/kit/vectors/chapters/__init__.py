"""What is asked, chosen by hand, chapter by chapter; new vectors come at the end of their requirement's."""

import importlib
import pkgutil

from spec_tests.kit.vectors.vector import Draft


def drafts() -> dict[str, list[Draft]]:
    """Return chapter -> its drafts, in the order of the file."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "building")
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: list(module.DRAFTS) for name, module in modules.items()}
