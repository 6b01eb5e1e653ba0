"""URLs of databases."""

from __future__ import annotations

import traceback
from dataclasses import replace

import pytest

from orchestrator.database.model import Engine
from orchestrator.engines.url import has_password, read
from orchestrator.errors import UsageError

SECRET = "s3cr3t/p@ss%"
QUOTED = "s3cr3t%2Fp%40ss%25"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("postgres://app@db1/shop", (Engine.POSTGRES, "db1", 5432, "", "app", "", "shop")),
        ("postgresql://app:x@[::1]:6432/shop", (Engine.POSTGRES, "::1", 6432, "", "app", "x", "shop")),
        ("postgresql+psycopg://a:b%3Ac@DB/Shop", (Engine.POSTGRES, "DB", 5432, "", "a", "b:c", "Shop")),
        ("postgres:///shop?host=/run/pg", (Engine.POSTGRES, "localhost", 5432, "/run/pg", "", "", "shop")),
        ("postgres://app@%2Frun%2FPg/shop", (Engine.POSTGRES, "localhost", 5432, "/run/Pg", "app", "", "shop")),
        ("postgres://app@/shop?host=db2", (Engine.POSTGRES, "db2", 5432, "", "app", "", "shop")),
        ("mariadb://app:x@db1:3307/shop", (Engine.MARIADB, "db1", 3307, "", "app", "x", "shop")),
        ("mysql://u%C3%A9@db1/sh%20op", (Engine.MYSQL, "db1", 3306, "", "ué", "", "sh op")),
        ("mysql://app@h/shop?unix_socket=/s.sock", (Engine.MYSQL, "h", 3306, "/s.sock", "app", "", "shop")),
    ],
)
def test_the_parts_of_a_url(text: str, parts: tuple[object, ...]) -> None:
    url = read(text, {})
    assert (url.engine, url.host, url.port, url.socket, url.user, url.password, url.database) == parts


def test_a_url_comes_from_the_environment() -> None:
    url = read("env:SHOP", {"SHOP": f"postgres://app:{QUOTED}@db1/shop?serverVersion=15&charset=utf8&sslmode=Require"})
    assert (url.password, url.source, url.sslmode) == (SECRET, "SHOP", "require")


@pytest.mark.parametrize("environ", [{}, {"SHOP": ""}])
def test_an_environment_variable_that_is_missing_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="environment variable SHOP is not set or empty"):
        read("env:SHOP", environ)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("db1/shop", "is not the URL of a database"),
        ("sqlite:///shop", "is not the URL of a database"),
        ("postgres://app:SECRET@db1", "names no database"),
        ("postgres://app:SECRET@db1/", "names no database"),
        ("postgres://app:SECRET@db1/a/b", "names no database"),
        ("postgres://app:SECRET/x@db1/shop", "an @ or # at a wrong place"),
        ("postgres://app:SECRET?x@db1/shop", "an @ or # at a wrong place"),
        ("postgres://app:SECRET#x@db1/shop", "an @ or # at a wrong place"),
        ("postgres://app:1/SECRET@x@db1/shop", "an @ or # at a wrong place"),
        ("postgres://app:SECRET%zz@db1/shop", "hexadecimal"),
        ("postgres://app:SECRET%ff@db1/shop", "cannot be read"),
        ("postgres://app:SECRET@db1:port/shop", "cannot be read"),
        ("postgres://app:SECRET@db1,db2/shop", "one host"),
        ("postgres://app:SECRET%0a@db1/shop", "control characters"),
        ("postgres://app:SECRET@db1/shop?foo=SECRET", "unknown option foo: known options are host, ssl"),
        ("mysql://app:SECRET@db1/shop?ssl_mode=on", "the value of ssl_mode must be one of disabled, "),
    ],
)
def test_a_bad_url_is_refused_without_its_password(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        read("env:SHOP", {"SHOP": text})
    assert "SECRET" not in "".join(traceback.format_exception(refused.value))
    assert str(refused.value).startswith("SHOP")


def test_no_text_of_a_url_shows_the_password() -> None:
    url = read(f"mysql://app:{QUOTED}@db1/shop", {})
    assert SECRET not in f"{url!r} {url} {url.server} {url.hide(f'no {SECRET} here')}"
    assert str(url) == "shop at db1:3306"
    assert url.hide(f"no {SECRET} here") == "no *** here"


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("env:SHOP", False),
        ("postgres://app@db1/shop", False),
        ("postgres://db1:5432/shop", False),
        ("postgres://app:x@db1/shop", True),
        ("postgres://app:x/y@db1/shop", True),
        ("postgres://app:x@y@db1/shop", True),
    ],
)
def test_a_url_with_a_password_is_recognized(text: str, has: bool) -> None:
    assert has_password(text) is has


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("pgsql://app:a%3Fb@db1:6432/shop?serverVersion=15", "pgsql://app:a%3Fb@db1:6432/copy%20of?serverVersion=15"),
        ("mysql2://app@[::1]/shop", "mysql2://app@[::1]/copy%20of"),
    ],
)
def test_the_url_of_another_database_keeps_its_options(text: str, url: str) -> None:
    other = replace(read(f"  {text}\n", {}), database="copy of")
    assert other.parts["url"] == url
    assert (other.parts["database"], other.parts["user"]) == ("copy of", "app")
    assert read(other.parts["url"], {}) == replace(other, text=other.parts["url"])
    assert text not in repr(other)
