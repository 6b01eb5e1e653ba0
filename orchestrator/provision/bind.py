"""Parse the addresses and TCP ports on which programs listen, as HAProxy, nginx and ``ss`` write them.

All functions are pure.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

ALL = "*"
"""The text that stands for all IPv4 and all IPv6 addresses."""

ALL_IPV4 = "0.0.0.0"  # noqa: S104 (text that is compared; nothing is bound)
"""The text that stands for all IPv4 addresses."""

ALL_IPV6 = "::"
"""The text that stands for all IPv6 addresses, and for no IPv4 address."""

TCP = {"": 4, "ipv4": 4, "ipv6": 6, "tcp": 4, "tcp4": 4, "tcp6": 6, "mptcp": 4, "mptcp4": 4, "mptcp6": 6}
"""Text before ``@`` in a TCP address of HAProxy -> IP version (4 or 6).

The IP version matters if an address is ``*``: then ``ipv4@*`` is all IPv4 addresses, and ``ipv6@*`` is all IPv6
addresses. An address with another text before ``@``, such as ``unix`` or ``quic4``, has no TCP port.
"""


@dataclass(frozen=True)
class Bind:
    """An IP address or host name, and a range of TCP ports on which a program listens at this address.

    + address: an IP address, a host name, or one of `ALL`, `ALL_IPV4` and `ALL_IPV6`, which stand for all addresses
    + first, last: first and last port of the range. For a single port, both are this port.
    """

    address: str
    first: int
    last: int

    def overlaps(self, other: Bind) -> bool:
        """Return whether both binds have a port and an address in common.

        A bind for all addresses, such as `ALL_IPV4`, has every address of its IP version. A host name may stand for an
        address of any IP version.
        """
        return self.first <= other.last and other.first <= self.last and _meet(self.address, other.address)


def _meet(one: str, other: str) -> bool:
    common = _versions(one) & _versions(other)
    wildcards = {ALL, ALL_IPV4, ALL_IPV6}
    return bool(common) and (one == other or one in wildcards or other in wildcards)


def _versions(address: str) -> set[int]:
    """Return the IP versions of an address: 4, 6 or both. For `ALL` and for a host name, return both."""
    try:
        return {ipaddress.ip_address(address).version}
    except ValueError:
        return {4, 6}


def address(text: str) -> str:
    """Return an address without brackets and without an interface, such as ``fe80::1`` for ``[fe80::1%eth0]``.

    An IP address is returned in its usual notation. If an IPv6 address stands for an IPv4 address, such as
    ``::ffff:10.0.0.1``, the IPv4 address is returned.
    """
    bare = re.sub(r"%[^\]:]*", "", text).strip("[]")
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def of_socket(text: str) -> Bind | None:
    """Return the address and port of a listening socket; None if the text has no port number.

    + text: local address and port of the socket, as ``ss -ltn`` prints them
    """
    where, _, port = text.rpartition(":")
    return Bind(address(where), int(port), int(port)) if port.isdigit() else None


def of_haproxy(line: str) -> list[Bind]:
    """Return the addresses and ports on which HAProxy listens because of a line ``bind``.

    Addresses without a TCP port are left out. Addresses whose port is an environment variable are also left out.

    + line: the arguments of the line ``bind``
    """
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # HAProxy and a shell read this quote differently
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
        # on Linux, a listener on :: also accepts IPv4 connections, if it does not have the option v6only
        if where == ALL_IPV6 and "v6only" not in words:
            where = ALL
        found.append(Bind(where, int(match[1]), int(match[2] or match[1])))
    return found


def of_nginx(words: Sequence[str]) -> Bind | None:
    """Return the address and port on which nginx listens because of a directive ``listen``; None for other sockets.

    Other sockets are sockets without a TCP port: Unix sockets and UDP ports.

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
