"""Write the pages of a report into files."""

from pathlib import Path

from spec_tests.kit.reports import badge
from spec_tests.kit.reports.markdown import markdown
from spec_tests.kit.reports.page import page
from spec_tests.kit.reports.reading import Report


def write_pages(report: Report, html: Path | None, markdown_file: Path | None, badge_file: Path | None) -> list[Path]:
    """Write those pages that have a file, and return the files; a badge in a .json is for shields.io."""
    drawn = badge.endpoint if badge_file and badge_file.suffix == ".json" else badge.svg
    pages = [(html, page), (markdown_file, markdown), (badge_file, drawn)]
    written = [(path, made(report)) for path, made in pages if path]
    for path, text in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return [path for path, _ in written]
