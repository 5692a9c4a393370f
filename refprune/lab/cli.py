"""The command line: its commands, and what its exit codes mean."""

import argparse
import os
import signal
import sys
from typing import NoReturn

import refprune
from refprune.errors import InvalidInput
from refprune.lab import download, run
from refprune.lab.exchange import command as exchange
from refprune.lab.explain import command as explain
from refprune.lab.extras import MissingExtra
from refprune.lab.report import command as report
from refprune.lab.workers import WorkerFailed

FAILURE, USAGE, INTERRUPTED = 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 usage, 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: the workers too
    try:
        status = int(options.work(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read what is printed has left, as in `refprune explain ... | head -1`
        return FAILURE
    except InvalidInput as error:
        print(f"refprune: {error}", file=sys.stderr)
        return USAGE
    except (OSError, WorkerFailed, MissingExtra) as error:
        print(f"refprune: {error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("refprune: interrupted", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
        _drop_what_cannot_be_printed()


def _drop_what_cannot_be_printed() -> None:
    """Leave nothing for the end of the program to print where printing fails: it would say so in its own way."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and where the rest is said."""

    def error(self, message: str) -> NoReturn:
        """End with that sentence, in place of all options and the sentence."""
        self.exit(USAGE, f"{self.prog}: {message} ({self.prog} --help says what there is)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="refprune", description="The reference implementation of pruning.")
    parser.add_argument("--version", action="version", version=f"refprune {refprune.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in (run, explain, report, exchange, download):
        command.register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
