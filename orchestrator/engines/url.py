"""Read the URL of a database. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.errors import UsageError

_SCHEMES = {
    "postgres": Engine.POSTGRES,
    "postgresql": Engine.POSTGRES,
    "pgsql": Engine.POSTGRES,
    "mariadb": Engine.MARIADB,
    "mysql": Engine.MYSQL,
    "mysql2": Engine.MYSQL,
}
_PORTS = {Engine.POSTGRES: 5432, Engine.MARIADB: 3306, Engine.MYSQL: 3306}
_IGNORED = {"serverversion", "charset", "encoding"}
"""Options that only applications need. This tool ignores them."""
_OPTIONS = {
    Engine.POSTGRES: {"host": "socket", "sslmode": "sslmode", "sslrootcert": "ca", "sslcert": "cert", "sslkey": "key"},
    Engine.MARIADB: {
        "socket": "socket",
        "unix_socket": "socket",
        "ssl-mode": "sslmode",
        "sslmode": "sslmode",
        "ssl-ca": "ca",
        "ssl-cert": "cert",
        "ssl-key": "key",
    },
}
_OPTIONS[Engine.MYSQL] = _OPTIONS[Engine.MARIADB]
_MODES = {
    Engine.POSTGRES: ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    Engine.MARIADB: ("disabled", "preferred", "required", "verify_ca", "verify_identity"),
}
_MODES[Engine.MYSQL] = _MODES[Engine.MARIADB]
_STARS = "***"


@dataclass(frozen=True)
class DatabaseUrl:
    """The parts of the URL of a database. Neither ``str`` nor ``repr`` shows the password.

    + engine: the server that the URL names. A URL ``mysql://`` may lead to MariaDB: `Connection.engine` has the real
      kind
    + host: name or address of the server
    + socket: path of a Unix socket (for PostgreSQL, of its directory), used instead of host and port; empty if none
    + user: name of the user; empty for the user of this process
    + database: name of the database
    + sslmode, ca, cert, key: options for TLS, in the words of the server's own programs; empty if not given
    + source: where the URL comes from, for messages, such as ``DATABASE_URL``
    + text: the text from which the URL was read. It may contain the password
    """

    engine: Engine
    host: str
    port: int
    socket: str
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    source: str = "the database URL"
    text: str = field(default="", repr=False)

    @property
    def parts(self) -> dict[str, str]:
        """The values of the URL for the templates of ``database.migrate.redirect``, with the password.

        ``url`` is the text from which the URL was read, with all options, but with the name in ``database``.
        """
        address, mark, options = self.text.partition("?")
        return {
            "url": f"{address.rpartition('/')[0]}/{quote(self.database, safe='')}{mark}{options}",
            "host": self.host,
            "port": str(self.port),
            "database": self.database,
            "user": self.user,
            "password": self.password,
        }

    @property
    def server(self) -> str:
        """The server in messages: host and port, or the socket."""
        return self.socket or f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @override
    def __str__(self) -> str:
        return f"{self.database} at {self.server}"

    def hide(self, text: str) -> str:
        """Return the text with ``***`` in place of the password."""
        return text.replace(self.password, _STARS) if self.password else text


def read(text: str, environ: Mapping[str, str]) -> DatabaseUrl:
    """Parse the URL of a database, such as ``postgres://app:secret@db1/shop`` or ``env:DATABASE_URL``.

    Raises UsageError if the text is not such a URL. No message shows a part of the URL that may be the password.

    + text: the URL, or ``env:NAME`` for the value of the environment variable NAME
    + environ: the environment variables
    """
    name = text.removeprefix("env:")
    if name == text:
        return _parse(text, "the database URL")
    if not environ.get(name):
        raise UsageError(f"the environment variable {name} is not set or empty: put the URL of the database into it")
    return _parse(environ[name], name)


def has_password(text: str) -> bool:
    """Return whether a text looks like a URL with a password.

    If such a text is an argument of a command, other users see the password in the list of processes.
    """
    return not text.startswith("env:") and bool(re.search(r"//.*:.*@", text))


def _parse(text: str, source: str) -> DatabaseUrl:
    scheme, separator, rest = text.strip().partition("://")
    engine = _SCHEMES.get(scheme.partition("+")[0].lower())
    if not separator or engine is None:
        raise UsageError(f"{source} is not the URL of a database: write postgres://... , mariadb://... or mysql://...")
    if "@" in rest.partition("/")[2] or "@" in rest.partition("?")[2] or "#" in rest:
        raise UsageError(
            f"{source}: the URL has an @ or # at a wrong place: in user and password, write %40 for @,"
            " %23 for #, %2F for / and %3F for ?"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", rest):
        raise UsageError(f"{source}: the URL has a % that is not followed by two hexadecimal digits: write %25 for %")
    try:
        parts = urlsplit(f"{scheme.partition('+')[0]}://{rest}")
        port = parts.port or _PORTS[engine]
        user, password, host = (
            unquote(one or "", errors="strict") for one in (_user(parts), parts.password, _host(parts))
        )
        database = unquote(parts.path.removeprefix("/"), errors="strict")
    except ValueError:  # its text may show a part of the password
        raise UsageError(
            f"{source}: host and port cannot be read: write scheme://user:password@host:port/database, and in user and"
            " password %3A for : and %2F for /"
        ) from None
    if not database or "/" in database:
        raise UsageError(f"{source} names no database: write its name after the host, such as {scheme}://{{host}}/shop")
    if "," in host or any(not character.isprintable() for character in f"{user}{password}{host}{database}"):
        raise UsageError(f"{source}: name one host, and use no control characters")
    options = _options(parts.query, engine, source)
    socket = options.pop("socket", "")
    if socket and not socket.startswith("/"):
        # libpq also reads the option host as the name of a server
        host, socket = host or socket, ""
    if host.startswith("/"):
        host, socket = "", host
    return DatabaseUrl(
        engine=engine,
        host=host or "localhost",
        port=port,
        socket=socket,
        user=user,
        password=password,
        database=database,
        source=source,
        text=text.strip(),
        **options,
    )


def _user(parts: SplitResult) -> str | None:
    return parts.username


def _host(parts: SplitResult) -> str | None:
    """The host as the URL has it: ``hostname`` would make capital letters small, also in the path of a socket."""
    address = parts.netloc.rpartition("@")[2]
    return parts.hostname if address.startswith("[") else address.partition(":")[0]


def _options(query: str, engine: Engine, source: str) -> dict[str, str]:
    known, found = _OPTIONS[engine], {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        name = known.get(key.lower().replace("ssl_", "ssl-"))
        if name is None and key.lower() not in _IGNORED:
            raise UsageError(f"{source} has the unknown option {key}: known options are {', '.join(sorted(known))}")
        if name == "sslmode" and value.lower() not in _MODES[engine]:
            raise UsageError(f"{source}: the value of {key} must be one of {', '.join(_MODES[engine])}")
        if name:
            found[name] = value.lower() if name == "sslmode" else value
    return found
