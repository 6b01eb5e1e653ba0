"""The files of a release that configure its color, and the archive in which they come."""

from __future__ import annotations

import base64
import io
import tarfile

import pytest

from orchestrator.stack.files import files, packed
from tests.provision.test_render import settings


def test_a_release_has_the_files_of_both_colors() -> None:
    made = files(settings(runtime="static"))
    assert list(made) == ["nginx-blue.conf", "nginx-green.conf"]
    for name, text in made.items():
        assert f"shop-x-{name[6:-5]}-nginx.listen*;" in text


def test_a_release_has_php_and_the_commands_of_its_services() -> None:
    made = files(settings(services=[{"name": "ws", "command": "bin/ws --port", "path": "/ws"}]))
    assert made["service-ws"] == "bin/ws --port\n"
    assert made["php-version"] == "8.2\n"


def test_a_release_says_where_its_nginx_asks_its_services() -> None:
    services = [
        {"name": name, "command": "bin/x", "path": f"/{name}", "ports": {"blue": port, "green": port + 1}}
        for name, port in (("x", 9001), ("x-blue", 9011))
    ]
    made = files(settings(services=[*services, {"name": "ws", "command": "bin/ws", "path": "/ws"}]))
    for color, port in (("blue", 9001), ("green", 9002)):
        said = {name: made[f"listen-{color}-{name}"] for name in ("x", "x-blue", "ws")}
        assert said == {"x": f"{port}\n", "x-blue": f"{port + 10}\n", "ws": f"/srv/shop-x/{color}/run/ws.sock\n"}
        for name, where in said.items():
            server = f"127.0.0.1:{where.strip()}" if where[0] != "/" else f"unix:{where.strip()}"
            assert f"upstream service_{name} {{\n    server {server} max_fails=0;\n" in made[f"nginx-{color}.conf"]
    assert len([name for name in made if name.startswith("listen-")]) == 6


def test_the_same_files_give_the_same_archive() -> None:
    made = files(settings())
    assert packed(made, "public") == packed(dict(reversed(made.items())), "public")
    assert packed(made, "public") != packed(made | {"nginx-blue.conf": "x"}, "public")
    assert packed(made, "public") != packed(made, "web")


@pytest.mark.parametrize(("public", "link"), [("public", "../../public"), ("web/pub", "../../web/pub"), (".", "../..")])
def test_the_archive_links_to_the_document_root(public: str, link: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed({"b": "ä\n", "a": ""}, public)))) as tar:
        entries = [(entry.name, entry.mode, entry.uid, entry.mtime, entry.linkname) for entry in tar]
        text = tar.extractfile("b")
        assert text
        assert text.read() == "ä\n".encode()
    assert entries == [("a", 0o644, 0, 0, ""), ("b", 0o644, 0, 0, ""), ("public", 0o644, 0, 0, link)]
