"""The requests of verification to every address of a switch, by the switch's name, as real servers receive them."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from orchestrator.run.data_plane import NO_ADDRESS, Answer, addresses, ask, judge

from .certificates import NAME, Authority
from .server import Server, nobody, serving


def resolve(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Make every name resolve to these addresses."""

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_has_all_its_addresses_once_each_and_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, "127.0.0.9", "127.0.0.10", "127.0.0.9", "2001:db8::1")
    assert addresses("https://shop.example/") == ("127.0.0.10", "127.0.0.9", "2001:db8::1")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:8080/x", ("127.0.0.1",)),
        ("https://[2001:db8::7]:443", ("2001:db8::7",)),
        ("http://no-such-host.invalid/", ()),
        ("http://a..b/", ()),
        ("http://a:port/", ()),
        ("nonsense", ()),
    ],
)
def test_literal_addresses_unknown_names_and_nonsense(url: str, found: tuple[str, ...]) -> None:
    assert addresses(url) == found


def test_a_name_without_an_address_is_cannot_tell() -> None:
    assert (
        judge([NO_ADDRESS], "new", tolerant=True)
        == "it is unknown which release answers: the host name has no IP address"
    )
    assert "gaierror" in str(ask("http://no-such-host.invalid/", "").problem)
    assert "not a valid host name" in str(ask("http://a..b/", "").problem)


def test_each_address_of_a_name_is_asked_by_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(release="old") as one, serving(address="127.0.0.2", port=one.port, release="new") as two:
        url = f"http://{NAME}:{one.port}/health?deep=1"
        resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
        found = addresses(url)
        monkeypatch.undo()  # from here on the name does not resolve: only the address works
        assert [ask(url, "s3cret", address=address) for address in found] == [Answer("old", None), Answer("new", None)]
        for server in (one, two):
            (head,) = server.seen
            assert head.startswith(b"GET /health?deep=1 HTTP/1.1\r\n")
            assert f"\r\nHost: {NAME}:{one.port}\r\n".encode() in head
            assert b"\r\nX-Probe-Token: s3cret\r\n" in head
            assert b"\r\nConnection: close\r\n" in head


def test_another_name_than_the_urls(server: Server) -> None:
    assert ask(server.url, "", host="other.example") == Answer("v1", None)
    assert server.seen[0].count(b"Host: ") == 1
    assert b"\r\nHost: other.example\r\n" in server.seen[0]
    assert b"X-Probe-Token" not in server.seen[0]


def test_tls_by_name_at_an_address(authority: Authority) -> None:
    names: list[str | None] = []
    context = authority.context()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    ca = str(authority.ca)
    with serving(context) as server:
        url = f"https://{NAME}:{server.port}/"
        assert ask(url, "", ca=ca, address="127.0.0.1") == Answer("v1", None)
        assert ask(server.url, "", host=NAME, ca=ca) == Answer("v1", None)
        assert names == [NAME, NAME]
        assert f"\r\nHost: {NAME}:{server.port}\r\n".encode() in server.seen[0]
        for problem in (
            ask(url, "", address="127.0.0.1").problem,
            ask(server.url, "", ca=ca).problem,
            ask(url, "", ca=ca, host="other.example", address="127.0.0.1").problem,
        ):
            assert "CERTIFICATE_VERIFY_FAILED" in str(problem)
        assert len(server.seen) == 2


def test_the_ca_file_may_be_in_the_home_directory(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(authority.ca.parent))
    with serving(authority.context()) as server:
        assert ask(server.url, "", host=NAME, ca=f"~/{authority.ca.name}") == Answer("v1", None)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/503", "status 503"),
        ("/unmarked", "status 200 without a release marker"),
        ("/close", "RemoteDisconnected"),
        ("/truncate", "IncompleteRead"),
        ("/reset", "ConnectionResetError"),
        ("/garbage", "BadStatusLine"),
        ("/hang", "TimeoutError"),
    ],
)
def test_a_network_error_is_a_problem_and_never_raised(server: Server, path: str, problem: str) -> None:
    told = ask(server.url + path, "", timeout=0.5 if path == "/hang" else 30)
    assert problem in str(told.problem)


def test_a_refusal_and_a_ca_file_that_is_none(server: Server) -> None:
    with nobody() as url:
        assert "ConnectionRefusedError" in str(ask(url, "").problem)
    assert "CA file /no/such/file" in str(ask("https://127.0.0.1/", "", ca="/no/such/file").problem)
