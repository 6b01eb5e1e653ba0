"""What a node's nginx sends and denies, by its rendered configuration."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.provision import render
from tests.provision.test_render import settings

V = "$bg_shop_x"
WHOLE = {"public": "."}
WEB = {"name": "web", "command": "bin/web", "path": "/"}


def mapped(text: str, name: str, uri: str) -> str:
    """The value that a map of the configuration has for a path, as nginx finds it."""
    block = re.search(rf"^map \$uri {re.escape(V + name)} \{{\n(.*?)\n\}}", text, re.DOTALL | re.MULTILINE)
    assert block, f"there is no map {name}"
    values = dict(re.findall(r'^ +(?:"([^"]+)"|default) +(\S+);', block[1], re.MULTILINE))
    default = values.pop("")
    for pattern, value in values.items():
        flags = re.IGNORECASE if pattern.startswith("~*") else 0
        if found := re.search(re.sub(r"^~\*?", "", pattern), uri, flags):
            return found.expand(value.replace("$1", r"\1")).strip('"').replace("$uri", uri)
    return str(default).strip('"')


def denied(uri: str, **changes: Any) -> bool:
    return mapped(render.node_nginx(settings(**changes), "node1"), "_denied", uri) == "1"


def sent(uri: str, **changes: Any) -> bool:
    """Whether nginx sends the file at this path, if there is one."""
    text = render.node_nginx(settings(**changes), "node1")
    return not ("_denied" in text and mapped(text, "_denied", uri)) and mapped(text, "_file", uri) == uri


SHARED = {"directories": ["data", "wp-content/uploads"], "files": ["config.ini"]}


@pytest.mark.parametrize(
    ("uri", "is_denied"),
    [
        ("/", False),
        ("/index.php", False),
        ("/data", True),
        ("/data/", True),
        ("/data/db.sqlite", True),
        ("/data/admin.php", True),
        ("/data/admin.php/info", True),
        ("/database", False),
        ("/a/data/x", False),
        ("/config.ini", True),
        ("/config.ini.txt", False),
        ("/.env", True),
        ("/.git/HEAD", True),
        ("/lib/.git/config", True),
        ("/.release/tree", True),
        ("/.well-known/security.txt", False),
        ("/wp-content", False),
        ("/wp-content/uploads", False),
        ("/wp-content/uploads/2026/a.png", False),
        ("/wp-content/uploads/.htaccess", True),
        ("/wp-content/uploads/\n/.env", True),
        ("/secret/env", True),
        ("/secret/key.pem", True),
        ("/secret/other", False),
        ("/backup.sql", True),
        ("/old/BACKUP.SQL", True),
        ("/backup.sqlite", False),
        ("/vendor/phpunit/eval-stdin.php", True),
        ("/vendors", False),
        ("/a/tests/b/run.php", True),
        ("/aXtests/b", False),
    ],
)
@pytest.mark.parametrize("runtime", ["php", "static"])
def test_what_is_never_sent_is_answered_with_404(uri: str, is_denied: bool, runtime: str) -> None:
    changes = {
        "runtime": runtime,
        "php": WHOLE,
        "shared": SHARED,
        "environment": {"path": "secret/env"},
        "permissions": {"private": ["secret/key.pem"]},
        "web": {"serve": ["wp-content/uploads/"], "deny": ["*.sql", "vendor", "*/tests/*"]},
    }
    assert denied(uri, **changes) == is_denied


@pytest.mark.parametrize(
    ("public", "directory", "uri", "is_sent"),
    [
        ("public", "storage", "/storage/a", True),
        ("public", "public/uploads", "/uploads/a", False),
        ("public", "public/uploads", "/public/uploads/a", True),
        ("web/pub", "web/pub/up.d", "/up.d/a", False),
        ("web/pub", "web/pub/up.d", "/upxd/a", True),
        (".", 'a"b${c};d{}', '/a"b${c};d{}/x', False),
        (".", "a\\b c", "/a\\b c/x", False),
    ],
)
def test_shared_paths_are_hidden_where_the_root_has_them(public: str, directory: str, uri: str, is_sent: bool) -> None:
    assert sent(uri, php={"public": public}, shared={"directories": [directory]}) == is_sent


def test_a_service_decides_about_all_that_is_not_denied_by_name() -> None:
    changes: dict[str, Any] = {"runtime": "service", "services": [WEB], "shared": {"directories": ["public/up"]}}
    text = render.node_nginx(settings(**changes), "node1")
    assert "_denied" not in text
    assert not sent("/up/a", **changes)
    assert not sent("/.env", **changes)
    assert sent("/a.css", **changes)
    changes["web"] = {"deny": ["*.sql"], "serve": ["up"]}
    assert denied("/a.sql", **changes)
    assert not denied("/.env", **changes)
    assert sent("/up/a", **changes)
    # with files = false nginx does not look for files, and denies all the same
    changes["services"] = [WEB | {"files": False}]
    text = render.node_nginx(settings(**changes), "node1")
    assert text.count(f"location @service {{\n        if ({V}_denied) {{\n            return 404;") == 3


def test_a_denied_request_is_answered_before_files_are_sought() -> None:
    text = render.node_nginx(settings(), "node1")
    # only this map decides which files are sent
    assert {line.split()[1] for line in text.splitlines() if "try_files" in line} == {"/.never", f"{V}_file"}
    release = text.split("location @release {")[1].split("try_files")[0]
    assert f"if ({V}_denied) {{\n            return 404;" in release
    # if a regular expression fails, nginx takes the default
    assert mapped(text, "_denied", "not a path") == "1"
    assert mapped(text, "_file", "not a path") == "/.never"


@pytest.mark.parametrize("key", ["serve", "deny"])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a//b",
        "../a",
        "a/./b",
        ".",
        'a"b',
        "a'b",
        "a;b",
        "a{b",
        "a}b",
        "a$b",
        "a\\b",
        "a b",
        "a\nb",
        "(a",
    ],
)
def test_paths_that_could_break_the_configuration_are_refused(key: str, path: str) -> None:
    with pytest.raises(UsageError, match=rf"web\.{key}\.0: .* is not a pa"):
        settings(web={key: [path]})


def test_served_paths_are_no_patterns() -> None:
    with pytest.raises(UsageError, match=r"web\.serve\.0: '\*\.png' is not a path"):
        settings(web={"serve": ["*.png"]})
