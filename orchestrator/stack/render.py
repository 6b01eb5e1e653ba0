"""Render the templates of the files that configure a color for a release."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

NOTICE = "Written by a release; each release writes its own."
TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """Return the text that a template gives with these values.

    + template: file name of the template in ``stack/templates``
    + values: name of a variable of the template -> value
    """
    return templates(TEMPLATES).get_template(template).render(notice=NOTICE, **values)


@cache
def templates(folder: Path, trim: bool = True) -> Environment:
    """Return the jinja2 environment that renders the templates of a folder.

    + trim: whether the output leaves out the lines of block tags, such as ``{% if %}``. If False, each of these lines
      becomes an empty line.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=trim,
        lstrip_blocks=trim,
        autoescape=False,  # noqa: S701 (configuration files and scripts, not HTML)
    )
    made.filters["q"] = shlex.quote
    return made
