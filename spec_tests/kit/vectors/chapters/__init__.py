"""What is asked, chosen by hand, chapter by chapter, and what was a failing case once (promoted.json).

New vectors come at the end of their requirement's.
"""

import importlib
import pkgutil

from spec_tests.kit.vectors.promoting import promoted
from spec_tests.kit.vectors.vector import Draft


def drafts() -> dict[str, list[Draft]]:
    """Return chapter -> its drafts, in the order of the file."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "building")
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    later = promoted()
    return {name: [*module.DRAFTS, *later.get(name, [])] for name, module in modules.items()}
