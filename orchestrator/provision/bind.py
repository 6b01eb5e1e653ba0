"""The addresses and TCP ports on which programs listen, as HAProxy, nginx and ``ss`` write them. Pure."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

ALL = "*"
"""All addresses of both IP versions."""

ALL_IPV4 = "0.0.0.0"  # noqa: S104 (text that is compared; nothing is bound)
"""All IPv4 addresses."""

ALL_IPV6 = "::"
"""All IPv6 addresses, and no IPv4 address."""

TCP = {"": 4, "ipv4": 4, "ipv6": 6, "tcp": 4, "tcp4": 4, "tcp6": 6, "mptcp": 4, "mptcp4": 4, "mptcp6": 6}
"""HAProxy: prefix of a TCP address, such as ``ipv4@`` -> IP version of ``*``. Addresses with another prefix, such as
``unix@`` or ``quic4@``, have no TCP port."""


@dataclass(frozen=True)
class Bind:
    """An address and the TCP ports at this address on which a program listens.

    + address: an IP address, `ALL`, `ALL_IPV4`, `ALL_IPV6`, or a host name
    + first, last: first and last port of the range; the same number for one port
    """

    address: str
    first: int
    last: int

    def overlaps(self, other: Bind) -> bool:
        """Return whether a connection could be for both: they have a port in common, and an address in common."""
        return self.first <= other.last and other.first <= self.last and _meet(self.address, other.address)


def _meet(one: str, other: str) -> bool:
    common = _versions(one) & _versions(other)
    wildcards = {ALL, ALL_IPV4, ALL_IPV6}
    return bool(common) and (one == other or one in wildcards or other in wildcards)


def _versions(address: str) -> set[int]:
    """Return the IP versions of an address. A host name may have addresses of both versions."""
    try:
        return {ipaddress.ip_address(address).version}
    except ValueError:
        return {4, 6}


def address(text: str) -> str:
    """Return an IP address in its usual form, without brackets and without an interface. Other texts stay unchanged."""
    bare = re.sub(r"%[^\]:]*", "", text).strip("[]")
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def of_socket(text: str) -> Bind | None:
    """Return the local address of a listening socket as ``ss -ltn`` prints it; None for any other text."""
    where, _, port = text.rpartition(":")
    return Bind(address(where), int(port), int(port)) if port.isdigit() else None


def of_haproxy(line: str) -> list[Bind]:
    """Return what HAProxy listens on because of a line ``bind``, from the arguments of this line.

    An address that depends on a variable of HAProxy's environment is left out.
    """
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quote that HAProxy reads in another way than a shell
        words = line.split()
    found = []
    for part in words[0].split(",") if words else ():
        kind, at, rest = part.rpartition("@")
        where, _, ports = rest.rpartition(":")
        if kind not in TCP or not (match := re.fullmatch(r"(\d+)(?:-(\d+))?", ports)):
            continue
        if where in ("", "*"):
            where = ALL_IPV6 if at and TCP[kind] == 6 else ALL_IPV4
        where = address(where)
        # Linux lets a listener on :: also accept IPv4, unless the listener asks for IPv6 alone
        if where == ALL_IPV6 and "v6only" not in words:
            where = ALL
        found.append(Bind(where, int(match[1]), int(match[2] or match[1])))
    return found


def of_nginx(words: Sequence[str]) -> Bind | None:
    """Return what nginx listens on because of a directive ``listen``; None if the directive names no TCP port.

    + words: arguments of the directive
    """
    if not words or words[0].startswith("unix:") or {"udp", "quic"} & set(words):
        return None
    match = re.fullmatch(r"(?:(\[.*\]|[^:]*?):)?(\d+)(?:-(\d+))?", words[0])
    where, first, last = (match[1], match[2], match[3]) if match else (words[0], "80", None)
    where = ALL_IPV4 if where in (None, "", "*") else address(where)
    if where == ALL_IPV6 and "ipv6only=off" in words:
        where = ALL
    return Bind(where, int(first), int(last or first))
