"""Releases that change the schema of a database, on the fleet: the web user's commands, a dead operator, a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import Shape
from tests.fleet.site import Site, settings

EXPAND = 'test -f .env && echo "$RELEASE $(id -un)" >>storage/expanded'
SLOW = "touch storage/waiting; until [ -e storage/go ]; do sleep 0.1; done; " + EXPAND
CONTRACT = 'echo "$RELEASE $(id -un)" >>storage/contracted'


def database(expand: str = EXPAND) -> dict[str, Any]:
    return {"migrate": {"expand": expand, "contract": CONTRACT}, "deadline": 120}


@pytest.fixture
def shape(site_directory: Path) -> Shape:
    return {"SETTINGS": json.dumps(settings(site_directory) | {"database": database()})}


def release(site: Site, ref: str, expand: str = EXPAND) -> str:
    """Release a version, and return the id of the release."""
    assert site.run("release", f"ref={ref}", database=database(expand)) == 0, site.said
    return site.node("readlink -f /srv/shop/live/release")[0].rpartition("/")[2]


def owner(site: Site) -> str:
    """The web user, to whom the environment file belongs."""
    found = site.node("stat -c %U /srv/shop/live/release/.env")[0]
    assert found not in ("", "root", "deploy")
    return found


def written(site: Site, name: str) -> list[str]:
    """The lines of a shared file on all nodes."""
    return [
        line for text in site.node(f"cat /srv/shop/shared/storage/{name} 2>/dev/null") for line in text.splitlines()
    ]


def test_the_schema_changes_in_a_release_and_in_a_contract(site: Site) -> None:
    site.node("rm -f /srv/shop/shared/storage/*")
    first, second = release(site, "v1"), release(site, "v2")
    web = owner(site)
    assert written(site, "expanded") == [f"{first} {web}", f"{second} {web}"]

    # a worker of the older release still runs on one node
    sleep = f"exec runuser -u {web} -- sleep 4324"
    begin = f"(cd /srv/shop/releases/{first} && {sleep}) </dev/null >/dev/null 2>&1 &"
    started = site.fleet.ssh("node3", f"{begin} sleep 1; pgrep -x -u {web} sleep")
    worker = started.stdout.split()[0]
    site.said = ""
    assert site.run("contract", database=database()) == 1
    assert f"process {worker} of {web} belongs to {first}: sleep 4324" in site.said
    assert written(site, "contracted") == []
    assert site.run("rollback", database=database()) == 0, site.said
    assert site.run("rollback", database=database()) == 0, site.said
    site.fleet.ssh("node3", f"kill {worker}")

    assert site.run("contract", database=database()) == 0, site.said
    assert written(site, "contracted") == [f"{second} {web}"]
    site.said = ""
    assert site.run("rollback", database=database()) == 3
    assert f"the contract of {second} has removed parts of the schema that older releases use" in site.said
    assert site.run("rollback", f"to={first}", database=database()) == 3
    third = release(site, "v1")
    assert site.run("rollback", database=database()) == 0, site.said
    assert site.node("readlink -f /srv/shop/live/release") == [f"/srv/shop/releases/{second}"] * 3
    assert len(written(site, "expanded")) == 3
    assert written(site, "expanded")[-1] == f"{third} {web}"


@pytest.mark.slow
def test_the_command_of_a_dead_operator_is_waited_for(site: Site) -> None:
    site.node("rm -f /srv/shop/shared/storage/*")
    live = release(site, "v2")
    run = site.start("release", "ref=v1", web="", database=database(SLOW))
    eventually(lambda: any(site.node("ls /srv/shop/shared/storage/waiting")))
    run.kill()
    run.wait()
    site.node("touch /srv/shop/shared/storage/go")
    assert site.run("abort", database=database(SLOW)) == 0, site.said
    assert len(written(site, "expanded")) == 2
    assert site.node("readlink -f /srv/shop/live/release") == [f"/srv/shop/releases/{live}"] * 3


@pytest.mark.slow
def test_a_node_that_dies_during_the_command_is_not_trusted(site: Site) -> None:
    site.node("rm -f /srv/shop/shared/storage/*")
    live = release(site, "v1")
    site.said = ""
    run = site.start("release", "ref=v2", web="", database=database(SLOW))
    eventually(lambda: any(site.node("ls /srv/shop/shared/storage/waiting")))
    site.fleet.docker("kill", site.fleet.container("node1"))
    assert run.wait(timeout=400) == 1
    site.fleet.start("node1")
    assert site.node("readlink -f /srv/shop/live/release") == [f"/srv/shop/releases/{live}"] * 3
    assert written(site, "expanded") == [f"{live} {owner(site)}"]
    # the undo did not reach the node
    assert site.run("release", "ref=v2", database=database()) == 3, site.said
    assert "node1: is barred until it has joined" in site.said
    assert site.run("join", "node=node1", database=database()) == 0, site.said
    # the next release changes nothing before the operator has looked at the schema
    assert site.run("release", "ref=v2", database=database()) == 1, site.said
    assert "it is unknown how the command expand-" in site.said
    assert len(written(site, "expanded")) == 1
    assert site.run("release", "ref=v2", "database=retry", database=database()) == 0, site.said
    assert len(written(site, "expanded")) == 2
