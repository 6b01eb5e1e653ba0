"""A release brings its own document root, health page, service and nginx directives; a rollback the former ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Calm, Run, Snapshot, snapshot, words
from tests.fleet.safety import copy_of_inventory as inventory_with
from tests.fleet.streams import WebSocket
from tests.fleet.traffic import ask

Tag = Callable[[str, Callable[[Path], None]], str]

OTHER = {
    "php": {"workers": 16, "public": "web", "ini": {"user_agent": "other"}},
    "gate": {"path": "/ready", "deadline": 20},
    "web": {
        "headers": {"X-Kind": "other"},
        "deny": ["secret.txt"],
        "include": "nginx.conf",
        "redirects": {"/old": "/new"},
    },
    "assets": ["dist"],
    "services": [{"name": "ws", "command": "bin/other", "path": "/ws"}],
}


def other(folder: Path) -> None:
    """Move the document root to ``web``, the health page to ``/ready``, and the service to ``bin/other``."""
    shutil.move(folder / "public", folder / "web")
    service = (folder / "bin/ws").rename(folder / "bin/other")
    service.write_text(service.read_text().replace("$who = [", "$who = ['service' => 'other',"))
    kernel = folder / "app/Kernel.php"
    text = kernel.read_text().replace("'/health'", "'/ready'")
    agent = "case $path === '/agent': return $this->answer($server, ['agent' => ini_get('user_agent')]);"
    kernel.write_text(text.replace("case $path === '/me'", f"{agent}\n            case $path === '/me'"))
    (folder / "nginx.conf").write_text('location = /included {\n    return 200 "included";\n}\n')
    for name in ("note.txt", "secret.txt"):
        (folder / "web" / name).write_text(f"{name}\n")


def has_the_other(fleet: Fleet) -> bool:
    """Whether all answers come from a release with the other settings. Asserts that no answer mixes both settings."""
    found = set()
    for url in (fleet.haproxy_url, fleet.nginx_url):
        for _ in range(2 * len(fleet.nodes)):
            is_other = ask(url).headers.get("x-kind") == "other"
            expected = {
                "/note.txt": 200,
                "/secret.txt": 404,
                "/ready": 200,
                "/health": 404,
                "/included": 200,
                "/old": 301,
            }
            if not is_other:
                expected = {
                    "/note.txt": 404,
                    "/secret.txt": 404,
                    "/ready": 404,
                    "/health": 200,
                    "/included": 404,
                    "/old": 404,
                }
            assert {path: ask(url, path).status for path in expected} == expected, url
            assert ask(url, "/old?a=1").headers.get("location") == ("/new?a=1" if is_other else None)
            assert ask(url, "/.orchestrator/health").status == 200
            assert ask(url, "/agent").body.get("agent") == ("other" if is_other else None), url
            with WebSocket(url) as stream:
                assert stream.words[0].body.get("service") == ("other" if is_other else None), url
            found.add(is_other)
    assert len(found) == 1
    return found.pop()


def done(fleet: Fleet, verb: str, inventory: Path, **data: str) -> str:
    run = Run(fleet, *words(verb, **data), inventory=inventory)
    assert run.end(200) == 0, run.text
    return run.text


def test_a_release_brings_its_own_pages_and_service(calm: Calm, tag: Tag, tmp_path: Path) -> None:
    tag("other-root", other)
    later = inventory_with(tmp_path, **OTHER)
    assert not has_the_other(calm.fleet)
    done(calm.fleet, "release", later, ref="other-root")
    assert has_the_other(calm.fleet)
    done(calm.fleet, "rollback", later)
    assert not has_the_other(calm.fleet)
    calm.no_request_failed()


@pytest.mark.slow
def test_each_release_has_its_own_pages_and_service(calm: Calm, tag: Tag, tmp_path: Path) -> None:
    fleet = calm.fleet
    tag("other-root", other)
    for name in ("former", "later"):
        (tmp_path / name).mkdir()
    former, later = inventory_with(tmp_path / "former"), inventory_with(tmp_path / "later", **OTHER)
    first = calm.before.release(calm.before.live)

    assert not has_the_other(fleet)
    done(fleet, "release", later, ref="other-root")
    second = snapshot(fleet).release(snapshot(fleet).live)
    assert has_the_other(fleet)
    done(fleet, "rollback", later)
    assert not has_the_other(fleet)
    done(fleet, "rollback", former)
    assert has_the_other(fleet)

    # the color with the other release gets a former version, and then starts the other release again
    done(fleet, "release", former, ref="v1")
    assert not has_the_other(fleet)
    done(fleet, "release", former, ref="v2")
    done(fleet, "rollback", former, to=str(second))
    assert has_the_other(fleet)
    done(fleet, "rollback", later, to=str(first))
    assert not has_the_other(fleet)
    calm.no_request_failed()


STAND_IN = """
set -e
made=$(mktemp -d)
for part in fpm cli opcache; do
    # dpkg forgets a package if a later one has all of its files
    mkdir -p "$made/$part/DEBIAN" "$made/$part/usr/sbin" "$made/$part/usr/share/doc/php8.9-$part"
    echo stand-in >"$made/$part/usr/share/doc/php8.9-$part/copyright"
    printf '%s\\n' "Package: php8.9-$part" 'Version: 8.9' 'Architecture: all' 'Maintainer: t <t@example.com>' \
        'Description: stand-in' >"$made/$part/DEBIAN/control"
done
cp /usr/sbin/php-fpm8.2 "$made/fpm/usr/sbin/php-fpm8.9"
for part in fpm cli opcache; do
    dpkg-deb --build "$made/$part" >/dev/null
    dpkg --install "$made/$part.deb" >/dev/null
done
rm -r "$made"
"""
"""Install packages of a PHP 8.9: its PHP-FPM is a copy of PHP-FPM 8.2."""


@pytest.fixture
def php89(fleet: Fleet, provisioning: Provisioning) -> Iterator[None]:
    for node in fleet.nodes:
        done = fleet.exec(node["name"], STAND_IN)
        assert done.returncode == 0, done.stderr
    yield
    # no color keeps a release of this PHP, which a later test could start
    provisioning.became(None)
    provisioning.ensure({})
    for ref in ("v1", "v2"):
        released = fleet.pyinfra(*words("release", ref=ref))
        assert released.returncode == 0, released.stderr
    for node in fleet.nodes:
        assert fleet.exec(node["name"], "dpkg --remove php8.9-fpm php8.9-cli php8.9-opcache").returncode == 0


def versions(fleet: Fleet, color: str) -> set[str]:
    """The PHP versions of a color on all nodes."""
    program = f"readlink /proc/$(systemctl show -p MainPID --value shop-{color}-fpm)/exe"
    found = {fleet.exec(node["name"], program).stdout.strip() for node in fleet.nodes}
    return {path.removeprefix("/usr/sbin/php-fpm") for path in found}


@pytest.mark.slow
def test_a_release_brings_its_php_and_a_rollback_the_former(
    fleet: Fleet, php89: None, before: Snapshot, calm: Calm, tmp_path: Path
) -> None:
    later = inventory_with(tmp_path, php={"workers": 16, "version": "8.9"})
    refused = Run(fleet, *words("release", ref="v1"), inventory=later)
    assert refused.end() == 3, refused.text
    assert "php.version has changed since the last provisioning" in refused.text
    done(fleet, "provision", later)
    assert {version for color in ("blue", "green") for version in versions(fleet, color)} == {"8.2"}
    done(fleet, "release", later, ref="v1")
    now = snapshot(fleet)
    assert (versions(fleet, now.live), versions(fleet, now.idle)) == ({"8.9"}, {"8.2"})
    done(fleet, "rollback", later)
    assert snapshot(fleet).live == now.idle
    assert versions(fleet, now.idle) == {"8.2"}
    done(fleet, "rollback", later)
    assert versions(fleet, snapshot(fleet).live) == {"8.9"}
    calm.no_request_failed()
