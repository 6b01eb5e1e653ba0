"""Render the templates of a release's files. Pure."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

NOTICE = "Written by a release; each release writes its own."
TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """Return the text of a template with values.

    + template: name of the template's file
    """
    return templates(TEMPLATES).get_template(template).render(notice=NOTICE, **values)


@cache
def templates(folder: Path, trim: bool = True) -> Environment:
    """Return the environment that renders the jinja2 templates of a folder.

    + trim: whether the line of a block tag, such as ``{% if %}``, is left out; if False, it becomes an empty line
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
