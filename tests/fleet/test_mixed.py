"""Servers of several Debian releases in one fleet: every verb under traffic, and no request fails.

docs/supported.md has the table of what these tests run. A test fails if the table says something else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fleet as tool
import pytest

from tests.fleet.running import ROOT, Alone, Fleet
from tests.fleet.safety import words
from tests.fleet.switching import BALANCERS, Runs, until
from tests.fleet.test_owners import served_by
from tests.fleet.test_shares import Shares
from tests.fleet.traffic import Traffic, ask, flawless, measured

ORDERS = ("bookworm trixie bullseye", "trixie bullseye bookworm", "bullseye bookworm trixie")
"""In three fleets, each Debian release has each role: node, HAProxy and nginx."""

LAST = "node3"
"""The node that leaves and comes back as an empty server."""

PROGRAMS = {
    "nginx": "nginx -v 2>&1",
    "HAProxy": "haproxy -v",
    "PHP": "php-fpm8.2 -v",
    "systemd": "systemctl --version",
    "OpenSSH": "ssh -V 2>&1",
    "coreutils": "stat --version",
    "Perl": "perl -e 'print $^V'",
}
"""Column of the table -> command that prints the version."""

CANARY: dict[str, Any] = {
    "cutover": [{"weight": 50, "bake": "20s"}, {"weight": 100}],
    "comparison": {"window": "5s", "min_requests": 100},
}


@dataclass(frozen=True)
class Mixed:
    """A fleet and the files with which its servers can be replaced.

    + suites: name of a node or balancer -> its Debian release
    """

    fleet: Fleet
    prepared: tool.Fleet
    suites: dict[str, str]

    def done(self, verb: str, **data: str) -> str:
        """Run a deploy file, assert that it succeeds, and return its output."""
        ended = self.fleet.pyinfra(*words(verb, **data), timeout=600)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture(params=ORDERS)
def mixed(request: pytest.FixtureRequest, alone: Alone, docker_compose_command: str, tmp_path: Path) -> Iterator[Mixed]:
    """A fleet of the test's own, as it is before provisioning."""
    directory, project, order = tmp_path / "fleet", f"orchmixed-{os.getpid()}", request.param.split()
    alone.acquire()
    try:
        tool.sweep()
        prepared = tool.prepare(directory, 3, project, tool.process(os.getpid()), suites=order)
        tool.start(prepared)
    finally:
        alone.release()
    try:
        tool.finish(prepared)
        known = json.loads((directory / "fleet.json").read_text())
        names = [*(node["name"] for node in known["nodes"]), *BALANCERS]
        suites = {name: order[number % len(order)] for number, name in enumerate(names)}
        yield Mixed(Fleet(project, directory, known, tool.variables(prepared)), prepared, suites)
    finally:
        tool.down(directory, project)


def table(mixed: Mixed) -> dict[str, str]:
    """The row of each Debian release in the table: suite -> row."""
    rows: dict[str, str] = {}
    for server, suite in mixed.suites.items():
        number = mixed.fleet.exec(server, ". /etc/os-release; echo $VERSION_ID $VERSION_CODENAME").stdout.split()
        assert number[1] == suite
        found = []
        for program, command in PROGRAMS.items():
            said = mixed.fleet.exec(server, command).stdout
            match = re.search(r"\d+" if program == "systemd" else r"\d+\.\d+", said)
            assert match, (server, command, said)
            found.append(match[0])
        rows.setdefault(suite, f"| {number[0]} ({suite}) | {' | '.join(found)} |")
    return rows


def the_page_has(mixed: Mixed) -> None:
    lines = (ROOT / "docs/supported.md").read_text().splitlines()
    assert f"| Debian | {' | '.join(PROGRAMS)} |" in lines
    assert f"| {' | '.join(mixed.suites)} |" in lines
    for row in (f"| {' | '.join(mixed.suites.values())} |", *table(mixed).values()):
        assert row in lines, f"docs/supported.md lacks this row:\n{row}"


@pytest.mark.slow
def test_servers_of_three_debian_releases(mixed: Mixed, tmp_path: Path) -> None:
    fleet, urls = mixed.fleet, [mixed.fleet.haproxy_url, mixed.fleet.nginx_url]
    the_page_has(mixed)
    said = mixed.done("provision")
    assert "warning" not in said
    assert "done: provisioned" in mixed.done("provision")
    runs, shares = Runs(fleet, tmp_path), Shares(fleet, tmp_path)
    first = runs.release("v1").release
    nodes = {node["name"] for node in fleet.nodes}
    assert served_by(urls[0]) == served_by(urls[1]) == nodes

    with Traffic(urls, tmp_path / "samples", connections=16, rate=60.0) as traffic:
        second = str(shares.run("release", "ref=v2", **CANARY)["inputs"]["release"])
        assert {ask(url).headers["x-release"] for url in urls} == {second}
        assert runs.rollback().release == first
        mixed.done("provision")

        # a node leaves, and comes back as an empty server of its Debian release
        gone = fleet.pyinfra(*words("provision", remove=LAST), environment={"WITHOUT": LAST})
        assert gone.returncode == 0, gone.stdout + gone.stderr
        tool.renew(mixed.prepared, [LAST])
        tool.wait(mixed.prepared, LAST)
        assert f"{LAST} is barred, because it was not provisioned before" in mixed.done("provision")
        mixed.done("join", node=LAST)
        until(lambda: all(served_by(url) == nodes for url in urls))

        third = runs.release("v2").release
        report = traffic.stop()
    print(f"{mixed.suites}: {measured(report)}")
    flawless(report)
    assert set(report.totals.releases) == {first, second, third}
