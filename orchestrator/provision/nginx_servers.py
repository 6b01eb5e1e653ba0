"""Parse an nginx configuration: its directives, and its servers in the text that ``nginx -T`` prints.

All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from orchestrator.provision.bind import Bind, of_nginx

FILE = re.compile(r"^# configuration file (.+):$")
"""Matches the line that ``nginx -T`` prints before the text of each configuration file."""

# The parser reads the braces of a variable such as ${uri} as a block. This does no harm, because this block contains no
# directive, and is not a block `server`.
TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
    | "(?P<double> (?:\\.|[^"\\])* )"
    | '(?P<single> (?:\\.|[^'\\])* )'
    | (?P<sign> [{};] )
    | (?P<word> (?: \\. | [^\s{};\\] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)

OTHER_PROTOCOLS = {"stream", "mail"}
"""The blocks of an nginx configuration in which a block ``server`` is not an HTTP server."""

DEFAULT = {"default_server", "default"}
"""The arguments of a directive ``listen`` that make a server the default server of its port."""

NAMELESS = {"", "_"}
"""The values of ``server_name`` that are not names of hosts.

A server with such a value may be meant for all requests to its port.
"""


@dataclass
class Server:
    """A block ``server`` of an nginx configuration.

    + path: path of the configuration file that contains the block
    + listens: for each directive ``listen``, the list of its arguments
    + names: the arguments of all directives ``server_name``
    + complete: whether all directives of the block are known; False if the block includes another file
    + http: whether the block may be an HTTP server; False inside a block ``stream`` or ``mail``
    """

    path: str
    listens: list[list[str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    complete: bool = True
    http: bool = True

    def binds(self) -> Iterator[tuple[Bind, bool]]:
        """Yield each address and port on which the server listens, and whether the server shares this port.

        A server that shares its port gets only the requests for its own server names. The default server of the port
        gets all other requests.
        """
        named = self.http and bool(self.names) and not NAMELESS & set(self.names)
        # without a directive `listen`, an HTTP server listens on port 80
        for words in self.listens or ([["80"]] if self.http and self.complete else []):
            if bind := of_nginx(words):
                yield bind, named and not DEFAULT & set(words)


def directives(text: str) -> list[str]:
    """Return the words and the signs ``{``, ``}`` and ``;`` of an nginx configuration in their order, without comments.

    + text: content of a configuration file
    """
    return [token[0] for token in TOKEN.finditer(text) if token["comment"] is None]


def servers(dump: Iterable[str]) -> list[Server]:
    """Return the servers of an nginx configuration.

    A file may have a directive ``listen`` outside of any block ``server``, if a block ``server`` of another file
    includes that file. For each such directive, the result has an additional server.

    + dump: lines that ``nginx -T`` printed
    """
    files: dict[str, list[str]] = {}
    path = ""
    for line in dump:
        if begin := FILE.match(line):
            path = begin[1]
        else:
            files.setdefault(path, []).append(line)
    return [server for path, lines in files.items() for server in _in_file(path, "\n".join(lines))]


def _in_file(path: str, text: str) -> list[Server]:
    found: list[Server] = []
    blocks: list[str] = []
    words: list[str] = []
    for token in TOKEN.finditer(text):
        sign = token["sign"]
        if token["comment"] is not None:
            continue
        if sign is None:
            words.append(next(part for part in token.group("double", "single", "word") if part is not None))
            continue
        if sign == "{":
            blocks.append(words[0] if words else "")
            if words == ["server"]:
                found.append(Server(path, http=not OTHER_PROTOCOLS & set(blocks)))
        elif sign == "}":
            del blocks[-1:]
        elif words:
            _directive(found, path, blocks, words)
        words = []
    return found


def _directive(found: list[Server], path: str, blocks: list[str], words: list[str]) -> None:
    """Add a directive to the server whose block contains the directive.

    Only the directives ``listen``, ``server_name`` and ``include`` count. All others are ignored.

    + found: the servers that were found in the file so far. This function changes the list.
    + path: path of the configuration file
    + blocks: names of the blocks around the directive, the outermost block first
    + words: name and arguments of the directive
    """
    name, arguments = words[0], words[1:]
    inside = blocks[-1:] == ["server"]
    if name == "listen":
        if inside:
            found[-1].listens.append(arguments)
        else:
            # a block `server` of another file includes this file
            found.append(Server(path, [arguments]))
    elif inside and name == "server_name":
        found[-1].names += arguments
    elif inside and name == "include":
        found[-1].complete = False
