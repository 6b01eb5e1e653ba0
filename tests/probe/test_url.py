"""URLs of the probe: where to connect, which name to ask for, and the URLs that are refused."""

from __future__ import annotations

import pytest

from orchestrator.errors import UsageError
from orchestrator.probe.url import Url, is_address, read


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("http://a.test", None, Url("http://a.test", False, "a.test", 80, "a.test", "a.test", "")),
        ("https://a.test/x?y=1", None, Url("https://a.test", True, "a.test", 443, "a.test", "a.test", "/x?y=1")),
        ("http://10.0.0.1:81/", None, Url("http://10.0.0.1:81", False, "10.0.0.1", 81, "10.0.0.1:81", "10.0.0.1", "/")),
        ("https://[::1]:81", None, Url("https://[::1]:81", True, "::1", 81, "[::1]:81", "::1", "")),
        ("https://10.0.0.1", "b.test:9", Url("https://10.0.0.1", True, "10.0.0.1", 443, "b.test:9", "b.test", "")),
    ],
)
def test_a_url_is_split_into_its_parts(url: str, host: str | None, expected: Url) -> None:
    assert read(url, host) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://a.test", "not a URL of the form"),
        ("a.test", "not a URL of the form"),
        ("http://", "not a URL of the form"),
        ("http://a.test:x/", "is not a URL"),
        ("http://me:word@a.test/", "user and a password"),
        ("http://a.test/ä", "not allowed in a URL"),
        ("http://a.test/a b", "not allowed in a URL"),
        ("http://a..b/", "not a valid host name"),
        (f"http://{64 * 'a'}.test/", "not a valid host name"),
    ],
)
def test_a_wrong_url_is_refused_with_a_reason(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(url)


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(UsageError, match="not a host name with an optional port"):
        read("http://a.test/", "[b.test")
    with pytest.raises(UsageError, match="not a valid host name"):
        read("http://a.test/", "b..test")


def test_http2_needs_https() -> None:
    assert read("https://a.test/", http2=True).secure
    with pytest.raises(UsageError, match="HTTP/2 is for https only"):
        read("http://a.test/", http2=True)


@pytest.mark.parametrize(("host", "address"), [("10.0.0.1", True), ("::1", True), ("a.test", False), ("1.2.3", False)])
def test_an_address_is_told_from_a_name(host: str, address: bool) -> None:
    assert is_address(host) is address
