"""Make values for the template ``nginx.conf.j2``, which configures a color's nginx.

The values say which requests nginx denies, which files nginx sends, and which headers nginx adds. All functions are
pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.config import Settings, published

Rules = list[tuple[str, bool]]
"""Rules for URL paths. A rule is a regular expression and a decision: if True, nginx refuses a path that matches.

If several expressions match a path, the first of these rules decides.
"""

COMPRESSED = (
    "text/plain text/css text/javascript text/xml application/javascript application/json application/ld+json "
    "application/manifest+json application/xml application/xhtml+xml application/rss+xml application/atom+xml "
    "image/svg+xml"
)
"""The media types that nginx compresses if ``web.gzip`` is on, in addition to text/html."""

HIDDEN = r"~/\.(?!well-known/)"
"""Pattern of URL paths with a file or directory whose name begins with a dot, except ``.well-known``."""


@dataclass(frozen=True)
class Header:
    """A header that nginx adds to an answer, if the application has not sent a header of the same name.

    + answered: nginx's variable that holds the application's header of this name, such as ``$upstream_http_x_a``
    """

    name: str
    value: str
    answered: str


def values(settings: Settings) -> dict[str, object]:
    """Return values for the template ``nginx.conf.j2``: name of a variable of the template -> value.

    The values come from the section ``web`` of the settings, and from the settings about paths in the document root.
    """
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
        "redirects": [
            (path, address if "?" in address else _with_query(address)) for path, address in web.redirects.items()
        ],
        "cache": round(web.cache),
        "compressed": COMPRESSED if web.gzip else "",
    }


def _with_query(address: str) -> str:
    """Return an address with nginx's variables for the query of a request, inserted before the address's fragment."""
    before, mark, fragment = address.partition("#")
    return f"{before}$is_args$args{mark}{fragment}"


def denied(settings: Settings) -> Rules:
    """Return the rules for requests that nginx answers with 404; an empty list if nginx denies no request.

    With the runtimes ``php`` and ``static``, the rules deny the environment file, private files, hidden files, shared
    paths, and the paths that ``web.deny`` matches. With the runtime ``service``, the service may answer requests for
    all these paths. Therefore nginx denies nothing if ``web.deny`` is empty. Otherwise nginx denies the paths that
    ``web.deny`` matches, the environment file, and private files.

    The paths in ``web.serve`` are exceptions, which nginx does not deny. But the environment file, private files and
    hidden files are never exceptions, even if they lie below a path in ``web.serve``.
    """
    patterns = [f"~*^/{glob(pattern)}(/|$)" for pattern in settings.web.deny]
    unsent = [*_unsent(settings), *patterns] if settings.runtime != "service" else patterns
    return _with_exceptions(settings, unsent) if unsent else []


def unsent(settings: Settings) -> Rules:
    """Return the rules for files that nginx does not send.

    nginx applies these rules after the rules of `denied`. If these rules refuse a path, nginx passes the request to the
    application; with the runtime ``static``, nginx answers with 404.
    """
    return _with_exceptions(settings, _unsent(settings))


def _unsent(settings: Settings) -> list[str]:
    return [HIDDEN, *(f"~^/{literal(path)}(/|$)" for path in published.shared(settings))]


def _with_exceptions(settings: Settings, unsent: list[str]) -> Rules:
    never = [(f"~^/{literal(path)}(/|$)", True) for path in published.private(settings)]
    # these expressions match no hidden files, so nginx does not send the hidden files in the directories of `web.serve`
    served = [(rf"~(?s)^/{literal(path)}(?!.*/\.)(/|$)", False) for path in settings.web.serve]
    return [*never, *served, *((pattern, True) for pattern in unsent), ("~^/", False)]


def literal(path: str) -> str:
    """Return a regular expression that matches exactly this path.

    The expression contains no double quote, so nginx's configuration may have the expression in double quotes.
    """
    return re.escape(path).replace('"', r"\x22").replace("\\\\", r"\x5c")


def glob(pattern: str) -> str:
    """Return the regular expression of a pattern in which ``*`` stands for any characters, also for slashes."""
    return r"[\s\S]*".join(literal(part) for part in pattern.split("*"))
