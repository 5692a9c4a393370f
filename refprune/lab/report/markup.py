"""HTML that cannot forget to escape.

In: names, texts and attributes, from anywhere. Out: HTML in which every text that is not `Markup` is escaped.
"""

import html
from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY_ELEMENTS = ("img", "source", "col")
"""Elements that have no content and no end tag."""


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Return one element; `class_` is written class, and aria_label aria-label.

    >>> tag("p", "1 < 2 ", tag("b", "&"), class_='"')
    '<p class="&quot;">1 &lt; 2 <b>&amp;</b></p>'
    """
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    written = "".join(f' {names[key]}="{html.escape(str(value))}"' for key, value in attributes.items())
    end = "" if name in EMPTY_ELEMENTS else f"</{name}>"
    return Markup(f"<{name}{written}>{joined(children)}{end}")


def joined(parts: Iterable[str]) -> Markup:
    """Return the parts one after another, each escaped unless it is `Markup`."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))
