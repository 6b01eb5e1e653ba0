"""The settings of the web server: which are refused."""

from __future__ import annotations

import pytest

from orchestrator.config import load
from orchestrator.errors import UsageError

from .test_settings import raw


@pytest.mark.parametrize("size", ["0", "512k", "64m", "2g", "1048576"])
def test_sizes_of_a_body(size: str) -> None:
    assert load(raw(web={"max_body": size})).web.max_body == size


@pytest.mark.parametrize("size", ["", "64 m", "64M;", "-1", "1t", "m", "01m", "1m\n}", "$x"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(UsageError, match=r"web\.max_body"):
        load(raw(web={"max_body": f"{size}"}))


CSP = "default-src 'self'; img-src * data:; report-uri https://example.com/{a}"


@pytest.mark.parametrize(
    ("name", "value"), [("X-Frame-Options", "DENY"), ("Content-Security-Policy", CSP), ("X-A1", "a #b")]
)
def test_headers_of_ones_own(name: str, value: str) -> None:
    assert load(raw(web={"headers": {name: value}})).web.headers == {name: value}


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        *(
            ({name: "x"}, f"{name!r} cannot be the name of a header")
            for name in ("", "X A", "X_A", "1X", "X-A:", 'X"', "X;", "X$a", "Ä")
        ),
        *(
            ({"X-A": value}, "X-A: the value is empty, or has a character that")
            for value in ("", 'a"b', "a$b", "a\\b", "a\tb", "ä")
        ),
        *(({"X-A": value}, "web.headers: X-A: the text must not contain") for value in ("a\nb", "a\rb", "a\0b")),
        ({"X-Node": "x"}, "X-Node is the marker's: remove the header"),
        ({"Cache-Control": "x"}, "Cache-Control belongs to the application and to web.cache: remove the header"),
        ({"content-length": "1"}, "content-length belongs to nginx: remove the header"),
        ({"Set-Cookie": "a=b"}, "Set-Cookie is never the same for all clients: remove the header"),
        (
            {"X-A": "1", "x-a": "2"},
            "the header x-a is listed twice (capital and small letters are the same): remove one of the two",
        ),
    ],
)
def test_headers_that_could_break_answers_are_refused(headers: dict[str, str], line: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(raw(web={"headers": headers}))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ([], []),
        (["balancers", "10.0.0.5"], ["balancers", "10.0.0.5"]),
        (["10.0.0.5/32", "10.1.0.0/16"], ["10.0.0.5", "10.1.0.0/16"]),
        (["FD00::1", "fd00::/8"], ["fd00::1", "fd00::/8"]),
    ],
)
def test_proxies_are_addresses_and_networks(given: list[str], made: list[str]) -> None:
    assert load(raw(web={"trusted_proxies": given})).web.trusted_proxies == made


@pytest.mark.parametrize("proxy", ["", "lb.example", "10.0.0.5/8", "10.0.0", "all", "10.0.0.5;"])
def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(UsageError, match=r"web\.trusted_proxies\.0: .* is neither balancers nor an IP address"):
        load(raw(web={"trusted_proxies": [proxy]}))


@pytest.mark.parametrize(
    ("path", "address", "line"),
    [
        ("old", "/new", "'old' is not a URL path"),
        ("/o ld", "/new", "'/o ld' is not a URL path"),
        ('/a"', "/new", "is not a URL path"),
        ("/$uri", "/new", "is not a URL path"),
        (
            "/.orchestrator/health",
            "/new",
            "/.orchestrator/health is the health page, which balancers and gates request",
        ),
        ("/old", "new", "/old: 'new' is neither a path"),
        ("/old", "//evil.test/", "/old: '//evil.test/' is neither a path"),
        ("/old", "javascript:alert(1)", "is neither a path"),
        ("/old", '/new"; return 200 "', "is neither a path"),
        ("/old", "/new$uri", "is neither a path"),
        ("/old", "/old?a=1", "/old is redirected to itself"),
    ],
)
def test_redirects_that_could_break_answers_are_refused(path: str, address: str, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(raw(web={"redirects": {path: address}}))
    assert line in str(refused.value)


def test_redirects_lead_to_paths_and_urls() -> None:
    redirects = {"/old": "/new", "/a/b.html": "https://example.com/c?d=e#f", "/": "/start"}
    assert load(raw(web={"redirects": redirects})).web.redirects == redirects
