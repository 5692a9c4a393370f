"""What the suite itself is worth, as far as the page that says so is at hand."""

from refprune.data import shared_file
from refprune.errors import InvalidInput

COMMAND = "python -m spec_tests.kit.scores"


def worth() -> str:
    """Return the mutation score and the false alarms; without the page, the command that counts them."""
    try:
        text = shared_file("docs", "results", "suite.md").read_text(encoding="utf-8")
    except (OSError, InvalidInput):
        return f"Its mutation score and its false alarms are counted by `{COMMAND}`."
    return " ".join(line.removeprefix("- ") for line in text.splitlines() if line.startswith("- "))
