"""The command line: its commands, and what its exit codes mean."""

import argparse
import os
import signal
import sys

import refprune
from refprune.errors import InvalidInput
from refprune.lab import download, run
from refprune.lab.explain import command as explain
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
        return int(options.work(options))
    except BrokenPipeError:  # whoever read what is printed has left, as in `refprune explain ... | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except InvalidInput as error:
        print(f"refprune: {error}", file=sys.stderr)
        return USAGE
    except (OSError, WorkerFailed) as error:
        print(f"refprune: {error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("refprune: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="refprune", description="The reference implementation of pruning.")
    parser.add_argument("--version", action="version", version=f"refprune {refprune.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in (run, explain, report, download):
        command.register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
