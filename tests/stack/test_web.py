"""What nginx of a color sends and denies, by its rendered configuration."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.stack.nginx import nginx_conf
from tests.provision.test_render import both_kinds, settings

V = "$bg"
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
            return found.expand(value.replace("$1", r"\1")).strip('"').replace("${uri}", uri).replace("$uri", uri)
    return str(default).strip('"')


def denied(uri: str, **changes: Any) -> bool:
    return mapped(nginx_conf(settings(**changes), Color.blue), "_denied", uri) == "1"


def sent(uri: str, **changes: Any) -> bool:
    """Whether nginx sends the file at this path, if there is one."""
    text = nginx_conf(settings(**changes), Color.blue)
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
    text = nginx_conf(settings(**changes), Color.blue)
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
    text = nginx_conf(settings(**changes), Color.blue)
    assert text.count(f"location @service {{\n        if ({V}_denied) {{\n            return 404;") == 1


def test_a_denied_request_is_answered_before_files_are_sought() -> None:
    text = nginx_conf(settings(), Color.blue)
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
    with pytest.raises(UsageError, match=rf"web\.{key}(\.0: .* is not a pa|: the text must not contain a line break)"):
        settings(web={key: [path]})


def test_served_paths_are_no_patterns() -> None:
    with pytest.raises(UsageError, match=r"web\.serve\.0: '\*\.png' is not a path"):
        settings(web={"serve": ["*.png"]})


def test_the_largest_body_is_the_same_on_nodes_and_balancers() -> None:
    made = settings(web={"max_body": "77m"})
    assert nginx_conf(made, Color.blue).count("    client_max_body_size 77m;\n") == 1
    haproxy, nginx = both_kinds(made, made.switches[0])
    assert nginx.count("    client_max_body_size 77m;\n") == 1
    assert "77m" not in haproxy


def test_the_applications_own_header_wins() -> None:
    headers = {"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'; img-src *"}
    text = nginx_conf(settings(web={"headers": headers}), Color.blue)
    assert f'map $upstream_http_x_frame_options {V}_header_1 {{ "" "DENY"; default ""; }}\n' in text
    policy = headers["Content-Security-Policy"]
    assert f'map $upstream_http_content_security_policy {V}_header_2 {{ "" "{policy}"; default ""; }}\n' in text
    assert text.count(f"    add_header X-Frame-Options {V}_header_1 always;\n") == 1
    assert text.count(f"    add_header Content-Security-Policy {V}_header_2 always;\n") == 1
    # an add_header of a location would hide those of the server
    assert "add_header" not in text[text.index("\n    location ") :]


def test_only_assets_that_nginx_sends_are_cached_for_ever() -> None:
    text = nginx_conf(settings(assets=["build"], web={"cache": "24h"}), Color.blue)
    block = re.search(rf'^map "\$upstream_status\{V}_asset" \{V}_cache \{{\n(.*?)\n\}}', text, re.DOTALL | re.MULTILINE)
    assert block
    rules = re.findall(r'"~(\S+)" +"(.*)";', block[1])
    answers = {
        subject: next((value for pattern, value in rules if re.search(pattern, subject)), "")
        for subject in ("/build/app.3f9a.js", "/.never", "/build/", "200/build/app.js", "404/.never")
    }
    assert answers.pop("/build/app.3f9a.js") == "public, max-age=86400, immutable"
    assert set(answers.values()) == {""}
    assert text.count(f"    add_header Cache-Control {V}_cache;\n") == 1
    assert "Cache-Control" not in nginx_conf(settings(assets=["build"]), Color.blue)


def test_gzip_is_left_to_the_distribution_by_default() -> None:
    text = nginx_conf(settings(), Color.blue)
    assert re.findall(r".*gzip.*", text) == ["gzip on;"]  # as in the distribution's nginx.conf
    text = nginx_conf(settings(web={"gzip": True}), Color.blue)
    assert text.count("    gzip on;\n") == text.count("    gzip_proxied any;\n") == 1
    # nginx compresses text/html always, and warns if it is listed; events of a stream must not be kept back
    assert not re.search(r"gzip_types .*(text/html|event-stream)", text)


@pytest.mark.parametrize(
    ("uri", "script", "path_info"),
    [
        ("/", "/index.php", ""),
        ("/index.php", "/index.php", ""),
        ("/admin/", "/admin/index.php", ""),
        ("/admin", "/.never", ""),
        ("/api/greader.php", "/api/greader.php", ""),
        ("/api/greader.php/", "/api/greader.php", "/"),
        ("/api/greader.php/accounts/ClientLogin", "/api/greader.php", "/accounts/ClientLogin"),
        ("/a.php/b.php/c", "/a.php", "/b.php/c"),
        ("/a.php\n/b", "/.never", ""),
        ("/a.phpx/b", "/.never", ""),
        ("/.php/x", "/.never", ""),
        ("/app.css", "/.never", ""),
        ("/up/x.php", "/.never", ""),
        ("/up/x.php/y", "/.never", "/y"),
        ("/up/", "/.never", ""),
        ("/cache/x.php", "/.never", ""),
    ],
)
def test_the_script_and_the_rest_of_a_path(uri: str, script: str, path_info: str) -> None:
    text = nginx_conf(
        settings(
            php={"public": ".", "scripts": True},
            shared={"directories": ["up"]},
            permissions={"writable": ["cache"]},
            web={"serve": ["up"]},
        ),
        Color.blue,
    )
    assert mapped(text, "_script", uri) == script
    assert mapped(text, "_path_info", uri) == path_info


def test_a_front_controller_gets_the_rest_of_its_own_path_alone() -> None:
    text = nginx_conf(settings(php={"front": "app.php"}), Color.blue)
    found = {
        uri: mapped(text, "_path_info", uri) for uri in ("/app.php/a/b", "/app.php", "/a/b", "/x.php/a", "/appXphp/a")
    }
    assert found == dict.fromkeys(found, "") | {"/app.php/a/b": "/a/b"}
    text = nginx_conf(settings(php={"scripts": True}), Color.blue)
    assert (
        text.count(
            f'location @front {{\n        root /srv/shop-x/releases/{V}_release/public;\n        set {V}_info "";'
        )
        == 1
    )


@pytest.mark.parametrize(
    ("uri", "redirected"),
    [
        ("/admin", True),
        ("/a/b-c_d~1.x", True),
        ("/admin/", False),
        ("/", False),
        ("//evil.example", False),
        ("/a//b", False),
        ("/x.php", False),
        ("/x.php/y", False),
        ("/a b", False),
        ("/admin\n", False),
        ("/a\r\nX: y", False),
        ("/../a", False),
        ("/ä", False),
        ("/a?b", False),
    ],
)
def test_a_directory_without_a_slash_is_redirected_on_the_site(uri: str, redirected: bool) -> None:
    text = nginx_conf(settings(php={"scripts": True}), Color.blue).replace(r"\z", r"\Z")
    assert mapped(text, "_directory", uri) == (uri if redirected else "/.never")
    assert text.count(f"return 301 {V}_directory/$is_args$args;") == 2
    assert text.count("absolute_redirect off;") == 1


def test_without_a_fallback_nginx_answers_404() -> None:
    text = nginx_conf(settings(php={"scripts": True, "fallback": False}), Color.blue)
    assert text.count(f"try_files {V}_page =404;") == 1
    assert "@front" not in text
    with pytest.raises(
        UsageError, match="fallback is False, but without scripts the front controller answers all requests"
    ):
        settings(php={"fallback": False})


def test_a_path_is_redirected_with_its_query() -> None:
    redirects = {"/old": "/new", "/docs": "https://docs.test/a#b", "/q": "/new?a=1"}
    text = nginx_conf(settings(web={"redirects": redirects}), Color.blue)
    assert mapped(text, "_redirect", "/old") == "/new$is_args$args"
    assert mapped(text, "_redirect", "/docs") == "https://docs.test/a$is_args$args#b"
    assert mapped(text, "_redirect", "/q") == "/new?a=1"
    assert mapped(text, "_redirect", "/other") == ""
    # nginx redirects before it looks for files, and while the node is drained
    assert text.count("if ($bg_redirect) {") == 2
    assert "absolute_redirect off;" in text
    assert "redirect" not in nginx_conf(settings(), Color.blue)
