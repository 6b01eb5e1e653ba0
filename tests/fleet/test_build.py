"""A release on the fleet: environment, build, permissions, and secrets that are never shown."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleet.running import Fleet, Shape
from tests.fleet.site import SECRETS, TOKENS, Site
from tests.fleet.traffic import Traffic, flawless

# records the list of processes until the file is removed
WATCH = """
touch /run/watching
while [ -e /run/watching ]; do
    cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '
    sleep 0.2
done >/run/seen
"""


@pytest.fixture
def shape(site_shape: Shape) -> Shape:
    return site_shape


@contextmanager
def watched(fleet: Fleet) -> Iterator[None]:
    """Record the list of processes of each node in /run/seen."""
    watchers = [
        subprocess.Popen(["docker", "exec", fleet.container(node["name"]), "sh", "-c", WATCH]) for node in fleet.nodes
    ]
    yield
    for node, watcher in zip(fleet.nodes, watchers, strict=True):
        fleet.exec(node["name"], "rm /run/watching")
        watcher.wait(30)


@pytest.mark.slow
def test_a_rollback_restores_the_environment_and_shows_no_secret(site: Site, tmp_path: Path) -> None:
    fleet = site.fleet
    reports = [tmp_path / "one.json", tmp_path / "two.json"]
    with watched(fleet):
        assert site.run("release", "ref=v1", f"report={reports[0]}") == 0, site.said
        first = site.node("readlink -f /srv/shop/live/release")
        assert site.run("release", "ref=v2", f"report={reports[1]}", url="two") == 0, site.said
        assert site.node("grep APP_URL /srv/shop/live/release/.env") == ["APP_URL=https://two.example.com"] * 3
        assert site.run("rollback", url="three") == 0, site.said

    wanted = [
        *(f"{key}={value!r}" if " " in value else f"{key}={value}" for key, value in SECRETS.items()),
        "APP_URL=https://one.example.com",
    ]
    for text in site.node("cat /srv/shop/live/release/.env"):
        assert sorted(text.splitlines()) == sorted(wanted)
    assert site.node("stat -c '%a %U' /srv/shop/live/release/.env") == ["600 shop-web"] * 3
    assert site.node("readlink -f /srv/shop/live/release") == first

    journal = fleet.exec("haproxy", "cat /var/lib/orchestrator/shop/journal/*/* /var/lib/orchestrator/shop/journal/*")
    assert '"environment"' in journal.stdout
    assert site.run("status") == 0
    places = {
        "output": site.said,
        "journal": journal.stdout,
        "report": "".join(report.read_text() for report in reports),
        "list of processes": "".join(site.node("tr -d '\\0' </run/seen")),
        "log of a node": "".join(site.node("journalctl --no-pager -o cat | grep -v 'X-Probe-Token'")),
    }
    assert "cgi-fcgi" in places["list of processes"]
    for secret in (*SECRETS.values(), *TOKENS.values(), "operators-own-7"):
        assert [place for place, text in places.items() if secret in text] == []


@pytest.mark.slow
def test_a_pruned_release_takes_the_web_user_s_files_with_it(site: Site) -> None:
    write = "runuser -u shop-web -- sh -c 'mkdir -m 700 cache/own && echo x >cache/own/file'"
    # the directory cache/ belongs to a release with these settings
    assert site.run("release", "ref=v1") == 0, site.said
    kept = site.node("ls /srv/shop/releases | sort")
    done = site.node(f"cd /srv/shop/live/release && {write} && ls -d $PWD/cache/own")
    assert all(path.endswith("/cache/own") for path in done)
    assert site.run("release", "ref=v2", keep=2) == 0, site.said
    assert site.run("release", "ref=v1", keep=2) == 0, site.said
    for before, after in zip(kept, site.node("ls -A /srv/shop/releases | sort"), strict=True):
        assert len(after.split()) == 2
        assert not set(before.split()) & set(after.split())


@pytest.mark.slow
def test_a_build_that_fails_on_one_node_moves_nothing(site: Site, tmp_path: Path) -> None:
    fleet = site.fleet
    before = site.node("ls -A /srv/shop/releases; readlink /srv/shop/*/release /srv/shop/live")
    site.said = ""
    failing = "[ $(hostname) != node2 ] || { echo the lock file is broken; exit 7; }"
    with Traffic([fleet.haproxy_url, fleet.nginx_url], tmp_path / "samples") as traffic:
        assert site.run("release", "ref=v2", then=failing) == 1
        flawless(traffic.stop())
    assert "build tell failed on node2: tell: `" in site.said
    shown = [line.strip() for line in site.said.splitlines() if " | " in line]
    assert "node2 | the lock file is broken" in shown
    assert "node2 | APP_KEY=***" in shown
    assert not any(line.startswith(("node1 | ", "node3 | ")) for line in shown)
    assert site.node("ls -A /srv/shop/releases; readlink /srv/shop/*/release /srv/shop/live") == before


@pytest.mark.slow
def test_a_joining_node_gets_the_releases_of_the_others(site: Site) -> None:
    """The operator copies both releases, because their environments have changed since they were made."""
    fleet = site.fleet
    assert site.run("release", "ref=v1", url="one") == 0, site.said
    fleet.docker("kill", fleet.container("node3"))
    try:
        assert site.run("release", "ref=v2", "allow_missing=node3", url="two") == 0, site.said
    finally:
        fleet.start("node3")
    assert site.run("join", "node=node3", url="three") == 0, site.said
    tell = (
        "cd /srv/shop && readlink blue/release green/release live && "
        "find -L blue/release green/release -type f ! -path '*/.git' ! -path '*/.release/checked' ! -path '*/storage/*'"
        " | sort | xargs sha256sum && "
        "stat -c '%a %U' blue/release/.env green/release/.env"
    )
    first, second, third = site.node(tell)
    assert first == second == third
    assert first.count("600 shop-web") == 2
    assert {line.split("=")[1] for line in site.node("grep -h APP_URL /srv/shop/*/release/.env")[2].splitlines()} == {
        "https://one.example.com",
        "https://two.example.com",
    }
    assert site.node("ls -A /srv/shop/releases | grep -c tar") == ["0"] * 3
    assert site.run("rollback") == 0, site.said
    assert site.node("cd /srv/shop/live/release && git status --porcelain") == [""] * 3
