"""Where the command `refprune` begins: Ctrl-C while NumPy is still being imported ends it like any other."""

import sys


def main() -> int:
    """Import the command line and run it; return its exit code."""
    try:
        from refprune.lab.cli import main as command

        return command()
    except KeyboardInterrupt:
        print("refprune: interrupted", file=sys.stderr)
        return 130
