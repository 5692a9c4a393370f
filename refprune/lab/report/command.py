"""`refprune report`: the page of a run, written again.

In: the folder of a run. Out: its report.html. What stands on it: page.py, and one_network.py of each network; what
the charts look like: pictures.py; how figures are written and what is said of them: wording.py; its look:
page.template.html.
"""

import argparse
import sys
from pathlib import Path

from refprune.errors import InvalidInput
from refprune.lab.extras import installed
from refprune.lab.files import check_writable, place, write_text_atomically
from refprune.lab.folder import REPORT, open_run
from refprune.lab.report.figures import check_figures
from refprune.lab.report.markdown import markdown
from refprune.lab.report.page import page


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune report`."""
    parser = commands.add_parser(
        "report",
        help="write report.html of a run again, or its tables in Markdown",
        description="Write FOLDER/report.html from results.json and the networks of a finished run.",
    )
    parser.set_defaults(work=work)
    parser.add_argument("folder", type=place, help="the folder of a finished run")
    parser.add_argument("--markdown", type=place, metavar="FILE", help="write the tables into FILE, and no page")


def work(options: argparse.Namespace) -> int:
    """Write the page of a run; without matplotlib say what to install, a failure and no wrong usage."""
    document = open_run(options.folder)  # a wrong folder is told first
    if options.markdown is not None:
        if options.markdown.suffix != ".md":
            raise InvalidInput("--markdown", str(options.markdown), "a file whose name ends in .md")
        check_figures(document)
        check_writable(options.markdown)
        write_text_atomically(options.markdown, markdown(document))
        print(f"written to {options.markdown}")
        return 0
    if not installed("matplotlib"):
        print('refprune: report.html needs matplotlib: python -m pip install "refprune[lab]"', file=sys.stderr)
        return 1
    check_writable(options.folder / REPORT)  # before the charts are drawn
    write_report(options.folder)
    print(f"to look at: {options.folder / REPORT}")
    return 0


def write_report(folder: Path) -> None:
    """Write report.html into the folder of a run: all of it, or what stood there stays.

    Raises:
        InvalidInput: no folder of a run, or one whose files are damaged.
        OSError: the page cannot be written.
    """
    document = open_run(folder)
    check_figures(document)
    write_text_atomically(folder / REPORT, page(folder, document))
