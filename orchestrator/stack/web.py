"""Make values for the template nginx.conf.j2: which requests a color's nginx answers itself, and how. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.config import Settings, published

Rules = list[tuple[str, bool]]
"""Pairs of a regular expression and a decision: True if nginx refuses a path that matches the expression.

The first expression that matches a path decides."""

COMPRESSED = (
    "text/plain text/css text/javascript text/xml application/javascript application/json application/ld+json "
    "application/manifest+json application/xml application/xhtml+xml application/rss+xml application/atom+xml "
    "image/svg+xml"
)
"""The media types that nginx compresses with ``web.gzip``, in addition to text/html."""

HIDDEN = r"~/\.(?!well-known/)"
"""Regular expression of the files and directories whose names begin with a dot, except ``.well-known``."""


@dataclass(frozen=True)
class Header:
    """A header that nginx adds to all answers.

    + answered: nginx's variable that has the value of the same header in the application's answer
    """

    name: str
    value: str
    answered: str


def values(settings: Settings) -> dict[str, object]:
    """Return values for nginx.conf.j2, made from the section ``web`` and from the paths in the document root."""
    web = settings.web
    return {
        "denied": denied(settings),
        "unsent": unsent(settings),
        "written": [literal(path) for path in published.written(settings)],
        "max_body": web.max_body,
        "headers": [
            Header(name, value, f"$upstream_http_{name.lower().replace('-', '_')}")
            for name, value in web.headers.items()
        ],
        "cache": round(web.cache),
        "compressed": COMPRESSED if web.gzip else "",
    }


def denied(settings: Settings) -> Rules:
    """Return the rules for requests that nginx answers with 404; an empty list if there are no such requests.

    With the runtime ``service``, the list is empty if ``web.deny`` is empty. Otherwise the rules deny the environment
    file, the private files, and the paths that ``web.deny`` matches and ``web.serve`` does not name. The service gets
    the requests for all other paths.
    """
    patterns = [f"~*^/{glob(pattern)}(/|$)" for pattern in settings.web.deny]
    unsent = [*_unsent(settings), *patterns] if settings.runtime != "service" else patterns
    return _with_exceptions(settings, unsent) if unsent else []


def unsent(settings: Settings) -> Rules:
    """Return the rules for files that nginx does not send. nginx applies the rules of `denied` before these rules."""
    return _with_exceptions(settings, _unsent(settings))


def _unsent(settings: Settings) -> list[str]:
    return [HIDDEN, *(f"~^/{literal(path)}(/|$)" for path in published.shared(settings))]


def _with_exceptions(settings: Settings, unsent: list[str]) -> Rules:
    never = [(f"~^/{literal(path)}(/|$)", True) for path in published.private(settings)]
    # these expressions do not match hidden files, so hidden files in the directories are not sent
    served = [(rf"~(?s)^/{literal(path)}(?!.*/\.)(/|$)", False) for path in settings.web.serve]
    return [*never, *served, *((pattern, True) for pattern in unsent), ("~^/", False)]


def literal(path: str) -> str:
    """Return a regular expression that matches exactly this path.

    The expression can stand in double quotes in nginx's configuration.
    """
    return re.escape(path).replace('"', r"\x22").replace("\\\\", r"\x5c")


def glob(pattern: str) -> str:
    """Return the regular expression of a pattern in which ``*`` stands for any characters, also for slashes."""
    return r"[\s\S]*".join(literal(part) for part in pattern.split("*"))
