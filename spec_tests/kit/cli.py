"""The command line of the conformance kit: `refprune-spec`.

Exit codes: 0 conformant (or done), 1 not (or nothing was asked), 2 wrong usage, 3 the adapter is broken or the run did
not come to its end, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spec_tests.faults import Fault, TimedOut
from spec_tests.kit import record, running
from spec_tests.kit.backends import REGISTERED, BrokenAdapterError, UsageError, find_backend
from spec_tests.kit.profiles import load_profile
from spec_tests.kit.record import Line
from spec_tests.kit.reports.reading import standing
from spec_tests.kit.text import verdict_lines
from spec_tests.kit.vectors.command import add_vectors
from spec_tests.specification import requirements

CONFORMANT, NOT_CONFORMANT, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        print("refprune-spec: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (BrokenAdapterError, running.BrokenRunError, Fault, TimedOut) as error:
        print(f"refprune-spec: {error}", file=sys.stderr)
        return BROKEN
    except (UsageError, running.MisusedError, ValueError, OSError) as error:
        print(f"refprune-spec: {error}", file=sys.stderr)
        return USAGE


def _run(options: argparse.Namespace) -> int:
    from spec_tests.kit.smoke import broken

    _ids("run", options.only)
    if options.fix and (options.only or not options.known_failures):
        raise UsageError("run: --fix needs --known-failures FILE, and a full run: no --only")
    faults = broken(find_backend(options.backend, options.timeout / 2))
    if faults:
        print(f"refprune-spec: the adapter {options.backend} is broken: {faults[0]}", file=sys.stderr)
        return BROKEN
    names = ("backend", "profile", "only", "known_failures", "fix", "junit", "report", "timeout", "workers", "quiet")
    report = running.run(running.Options(*(getattr(options, name) for name in names)))
    print("\n".join(verdict_lines(report, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    for path in (options.known_failures if options.fix else None, options.report, options.junit):
        if path:
            print(f"written to {path}")
    _write_pages(report, options)
    if options.cases:
        from spec_tests.kit import cases

        print(f"{len(cases.write_all(record.select(report, 'check'), options.cases))} cases in {options.cases}")
    return CONFORMANT if standing(report).key not in ("broken", "nothing") else NOT_CONFORMANT


def _report(options: argparse.Namespace) -> int:
    if not (options.html or options.markdown or options.badge):
        raise UsageError("report: got no page to write, expected --html, --markdown or --badge with a file")
    _write_pages(record.read(options.file), options)
    return CONFORMANT


def _write_pages(report: Sequence[Line], options: argparse.Namespace) -> None:
    from spec_tests.kit.reports.writing import write_pages

    for path in write_pages(report, options.html, options.markdown, options.badge):
        print(f"written to {path}")


def _ids(command: str, names: Sequence[str]) -> None:
    """Refuse what is no id: nothing would be asked, and nothing said against it."""
    for name in names:
        if name not in requirements():
            raise UsageError(f"{command}: got {name!r}, expected an id such as SEL-03; `refprune-spec list` has them")


def _smoke(options: argparse.Namespace) -> int:
    from spec_tests.kit.smoke import smoke

    return smoke(options.backend)


def _list(options: argparse.Namespace) -> int:
    from spec_tests.kit.showing import listed

    print("\n".join(listed(options.chapter)))
    return CONFORMANT


def _show(options: argparse.Namespace) -> int:
    from spec_tests.kit.showing import shown

    print(shown(options.id))
    return CONFORMANT


def _replay(options: argparse.Namespace) -> int:
    from spec_tests.kit import cases

    said = cases.replay(cases.read(options.case), find_backend(options.backend))
    print(said or "passes")
    return NOT_CONFORMANT if said and not said.startswith("not applicable") else CONFORMANT


def _promote(options: argparse.Namespace) -> int:
    from spec_tests.kit import cases
    from spec_tests.kit.vectors.promoting import promote
    from spec_tests.kit.vectors.vector import needs_checkout

    needs_checkout("promote")
    print(promote(cases.read(options.case), options.comment))
    return CONFORMANT


def _compare(options: argparse.Namespace) -> int:
    from spec_tests.kit import comparing

    _ids("compare", options.only)
    load_profile()
    chorus = comparing.compare([find_backend(spelled) for spelled in options.backends], options.only)
    print("\n".join(comparing.lines(chorus)))
    return NOT_CONFORMANT if chorus.found else CONFORMANT


def _init(options: argparse.Namespace) -> int:
    from spec_tests.kit.scaffolding import init

    print(init(options.language, options.folder))
    return CONFORMANT


def _known_failures(options: argparse.Namespace) -> int:
    from spec_tests.kit import known

    for check, entry in known.read(options.file).items():
        print(f"{check}: {entry['message']}" + (f"\n    {entry['why']}" if entry.get("why") else ""))
    return CONFORMANT


def _mutants(options: argparse.Namespace) -> int:
    from spec_tests.kit.scores import killing

    _ids("mutants", options.only)
    load_profile()
    lines, survivors = killing(options.only)
    print("\n".join(lines))
    return NOT_CONFORMANT if survivors else CONFORMANT


def _serve(options: argparse.Namespace) -> int:
    from spec_tests.kit.serve import serve

    serve(lambda: find_backend(options.backend))
    return CONFORMANT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="refprune-spec", description="Hold a pruning library to the specification.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(_add(commands, "run", _run, "run the suite against a backend and say the verdict"))
    _add_report(_add(commands, "report", _report, "the pages of a report, from its file alone"))
    _add_backend(_add(commands, "smoke", _smoke, "is the ADAPTER broken? a few seconds"))
    listing = _add(commands, "list", _list, "the requirements, a line each")
    listing.add_argument("chapter", nargs="?", default="", help="one chapter only, such as selection")
    show = _add(commands, "show", _show, "one requirement: text, the reference's lines, checks, mutants")
    show.add_argument("id", help="such as SEL-03")
    replay = _add(commands, "replay", _replay, "ask a backend for one failing case again")
    replay.add_argument("case", type=Path, metavar="CASE.json", help="a case, or the line of a report that has it")
    _add_backend(replay)
    promote = _add(commands, "promote", _promote, "make a failing case a golden vector, in a checkout of refprune")
    promote.add_argument("case", type=Path, metavar="CASE.json", help="as for replay")
    promote.add_argument("--comment", required=True, help="what the vector is about, for whoever meets it")
    compare = _add(commands, "compare", _compare, "several backends on the same cases: who is alone?")
    compare.add_argument("backends", nargs="+", metavar="NAME", help="the first one's declared rules are drawn for")
    compare.add_argument("--only", action="append", default=[], metavar="ID", help="cases of this requirement alone")
    init = _add(commands, "init", _init, "the files to begin with")
    init.add_argument("language", choices=("python", "c++"), help="an adapter in Python, or a program on a pipe")
    init.add_argument("folder", type=Path, nargs="?", default=Path(), help="default: this one")
    listed = _add(commands, "known-failures", _known_failures, "the entries of a list; `run --fix` writes one")
    listed.add_argument("file", type=Path)
    mutants = _add(commands, "mutants", _mutants, "which wrong implementations the literal examples catch")
    mutants.add_argument("--only", action="append", default=[], metavar="ID", help="of this requirement; repeatable")
    add_vectors(commands.add_parser("vectors", help="the golden vectors: fill, lint, copy"))
    serve = _add(commands, "serve", _serve, "be a testee on standard input and output, as exec: expects one")
    _add_backend(serve, default="refprune")
    return parser


def _add(commands: Any, name: str, command: Callable[[argparse.Namespace], int], said: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=said, description=said)
    parser.set_defaults(command=command)
    return parser


def _add_backend(parser: argparse.ArgumentParser, default: str = "") -> None:
    said = f"{', '.join(sorted(REGISTERED))}, package.module:object, or 'exec:./program arguments'"
    parser.add_argument("--backend", required=not default, default=default, metavar="NAME", help=said)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="REPORT.jsonl", help="what `run --report` wrote")
    _add_pages(parser)


def _add_pages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report as one page that needs nothing else")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the report as Markdown")
    parser.add_argument("--badge", type=Path, metavar="FILE", help="a badge as SVG; .json: for shields.io")


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_backend(parser)
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this requirement alone; repeatable")
    parser.add_argument("--profile", choices=("smoke", "ci", "dev", "deep"), default="ci", help="how much is drawn")
    parser.add_argument("--known-failures", type=Path, metavar="FILE", help="failures that are known, messages pinned")
    parser.add_argument("--fix", action="store_true", help="write that file anew; a full run only")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the report as JSON lines")
    _add_pages(parser)
    parser.add_argument("--cases", type=Path, metavar="DIR", help="the case of every failing check, for replay")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the checks as JUnit XML")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for one check (default 120)")
    parser.add_argument("--workers", default="auto", metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--quiet", action="store_true", help="the verdict only")


if __name__ == "__main__":
    sys.exit(main())
