"""The script that starts a color's PHP-FPM, run for real with stand-ins for two versions of PHP-FPM."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.provision import render

RAW = {
    "app": "shop",
    "source": {"origin": "git@origin:shop.git"},
    "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
    "marker": {"answers": "all"},
}
FPM = '#!/bin/sh\necho "${0##*/} $* ${PHP_INI_SCAN_DIR-none}"\n'
STACK = "release/.release/stack"


class Host:
    """A node with PHP-FPM 8.2 and 8.4, whose blue color has a release for 8.4."""

    def __init__(self, path: Path) -> None:
        self.path, self.blue, self.etc = path, path / "srv/blue", path / "etc"
        release = path / "srv/releases/20260101T120000Z-5d0f0c1/.release/stack"
        for directory in (release, self.blue, path / "srv/green", self.etc, path / "sbin"):
            directory.mkdir(parents=True)
        (self.blue / "release").symlink_to("../releases/20260101T120000Z-5d0f0c1")
        self.version = release / "php-version"
        self.version.write_text("8.4\n")
        for name in ("fpm-blue.conf", "fpm-blue-idle.conf"):
            (release / name).touch()
        for version in ("8.2", "8.4"):
            (path / f"sbin/php-fpm{version}").write_text(FPM)
            (path / f"sbin/php-fpm{version}").chmod(0o755)
        text = render.fpm(load(RAW))
        for old, new in {
            "/srv/shop": path / "srv",
            "/etc/orchestrator/shop": self.etc,
            "/usr/sbin": path / "sbin",
        }.items():
            text = text.replace(old, str(new))
        (path / "fpm").write_text(text)

    def start(self, color: str = "blue") -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", str(self.path / "fpm"), color], capture_output=True, text=True, timeout=20)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_release_has_its_own_version_and_configuration(host: Host) -> None:
    stack = f"{host.blue}/{STACK}"
    wanted = f"php-fpm8.4 --nodaemonize --fpm-config {stack}/fpm-blue.conf :{stack}/php-blue\n"
    assert host.start().stdout == wanted


@pytest.mark.parametrize(("shrunk", "name"), [(False, "fpm-blue.conf"), (True, "fpm-blue-idle.conf")])
def test_a_color_that_shrank_has_fewer_workers(host: Host, shrunk: bool, name: str) -> None:
    if shrunk:
        (host.blue / "shrunk").touch()
    assert f"/{name} " in host.start().stdout


def test_a_release_without_idle_workers_keeps_its_workers(host: Host) -> None:
    (host.blue / "shrunk").touch()
    (host.blue / STACK / "fpm-blue-idle.conf").unlink()
    assert "/fpm-blue.conf " in host.start().stdout


def test_a_color_without_a_release_runs_the_server_s_version(host: Host) -> None:
    wanted = f"php-fpm8.2 --nodaemonize --fpm-config {host.etc}/green/php-fpm.conf none\n"
    assert host.start("green").stdout == wanted


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("8.9", "this server has no PHP-FPM 8.9: run deploys/provision.py with this php.version first"),
        ("8.2/../sh", "blue's release has no PHP version, but: 8.2/../sh"),
        ("", "blue's release has no PHP version, but: "),
    ],
)
def test_another_version_is_a_clear_line(host: Host, version: str, line: str) -> None:
    host.version.write_text(f"{version}\n")
    done = host.start()
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{line}\n")


def test_a_release_without_a_configuration_is_a_clear_line(host: Host) -> None:
    host.version.unlink()
    done = host.start()
    assert done.returncode == 1
    assert done.stderr.endswith("run deploys/provision.py\n")
