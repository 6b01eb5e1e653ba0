"""Make what node.nginx.j2 says about the requests that nginx answers itself, from the settings. Pure."""

from __future__ import annotations

import re

from orchestrator.config import Settings, published

Rules = list[tuple[str, bool]]
"""Regular expressions of paths, each with whether a matching path is denied. The first expression that matches decides.
"""

HIDDEN = r"~/\.(?!well-known/)"
"""Files and directories whose names begin with a dot, except ``.well-known``."""


def denied(settings: Settings) -> Rules:
    """Return the rules for requests that nginx answers with 404; an empty list if there are none.

    With the runtime ``service``, the service decides about all paths that ``web.deny`` does not match.
    """
    patterns = [f"~*^/{glob(pattern)}(/|$)" for pattern in settings.web.deny]
    unsent = [*_unsent(settings), *patterns] if settings.runtime != "service" else patterns
    return _with_exceptions(settings, unsent) if unsent else []


def unsent(settings: Settings) -> Rules:
    """Return the rules for files that nginx does not send. They matter only if the request was not denied before."""
    return _with_exceptions(settings, _unsent(settings))


def _unsent(settings: Settings) -> list[str]:
    return [HIDDEN, *(f"~^/{literal(path)}(/|$)" for path in published.shared(settings))]


def _with_exceptions(settings: Settings, unsent: list[str]) -> Rules:
    never = [(f"~^/{literal(path)}(/|$)", True) for path in published.private(settings)]
    # hidden files in these directories are not sent
    served = [(rf"~(?s)^/{literal(path)}(?!.*/\.)(/|$)", False) for path in settings.web.serve]
    return [*never, *served, *((pattern, True) for pattern in unsent), ("~^/", False)]


def literal(path: str) -> str:
    """Return a regular expression that matches a path, for a text in double quotes in nginx's configuration."""
    return re.escape(path).replace('"', r"\x22").replace("\\\\", r"\x5c")


def glob(pattern: str) -> str:
    """Return a regular expression that matches a pattern in which ``*`` stands for any characters."""
    return r"[\s\S]*".join(literal(part) for part in pattern.split("*"))
