"""A badge for a README: a small SVG, or the JSON from which shields.io draws one."""

import html
import json
from string import Template

from spec_tests.kit.reports.reading import Report, standing, tally

COLOURS = {"conformant": "#237a4b", "known": "#94650a", "broken": "#b3382c", "part": "#5c6670", "nothing": "#5c6670"}
"""Standing -> colour, dark enough for white text; green is only for a full run in which nothing differs."""
NOTES = {"part": "part of the checks", "nothing": "nothing applies"}
PER_LETTER, MARGIN = 6.6, 10.0
"""Of 11 px text, in px; the text is drawn exactly as wide as is reckoned here."""
SVG = Template("""\
<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="20" role="img" aria-label="$label: $message">
<title>$label: $message</title>
<clipPath id="round"><rect width="$width" height="20" rx="4"/></clipPath>
<g clip-path="url(#round)"><rect width="$left" height="20" fill="#3b434b"/>\
<rect x="$left" width="$right" height="20" fill="$colour"/></g>
<g fill="#ffffff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="$label_x" y="14" textLength="$label_width">$label</text>
<text x="$message_x" y="14" textLength="$message_width">$message</text>
</g></svg>
""")


def texts(report: Report) -> tuple[str, str]:
    """Return what stands on the left of a badge, and on the right."""
    passed, applies = tally(report, "MUST")
    key = standing(report).key
    message = NOTES.get(key, f"MUST {passed}/{applies}")
    return f"refprune spec {report[-1]['versions']['specification']}", message


def svg(report: Report) -> str:
    """Return the badge as SVG."""
    label, message = texts(report)
    widths = [round(PER_LETTER * len(text), 1) for text in (label, message)]
    left, right = (round(width + 2 * MARGIN, 1) for width in widths)
    places = {"label_x": MARGIN, "message_x": left + MARGIN, "label_width": widths[0], "message_width": widths[1]}
    words = {"label": html.escape(label), "message": html.escape(message), "colour": COLOURS[standing(report).key]}
    return SVG.substitute(width=round(left + right, 1), left=left, right=right, **places, **words)


def endpoint(report: Report) -> str:
    """Return the badge as shields.io's endpoint reads it."""
    label, message = texts(report)
    shown = {"label": label, "message": message, "color": COLOURS[standing(report).key]}
    return json.dumps({"schemaVersion": 1} | shown) + "\n"
