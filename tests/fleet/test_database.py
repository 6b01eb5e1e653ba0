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


def written(site: Site, name: str) -> list[str]:
    """The lines of a shared file on all nodes."""
    return [
        line for text in site.node(f"cat /srv/shop/shared/storage/{name} 2>/dev/null") for line in text.splitlines()
    ]


def test_the_schema_changes_in_a_release_and_in_a_contract(site: Site) -> None:
    site.node("rm -f /srv/shop/shared/storage/*")
    first, second = release(site, "v1"), release(site, "v2")
    assert written(site, "expanded") == [f"{first} shop-web", f"{second} shop-web"]

    # the operator dies while the command runs; the next command waits for the command
    run = site.start("release", "ref=v1", web="", database=database(SLOW))
    eventually(lambda: any(site.node("ls /srv/shop/shared/storage/waiting")))
    run.kill()
    run.wait()
    site.node("touch /srv/shop/shared/storage/go")
    assert site.run("abort", database=database(SLOW)) == 0, site.said
    assert len(written(site, "expanded")) == 3
    assert site.node("readlink -f /srv/shop/live/release") == [f"/srv/shop/releases/{second}"] * 3

    # a worker of the older release still runs on one node
    sleep = "exec runuser -u shop-web -- sleep 4324"
    begin = f"(cd /srv/shop/releases/{first} && {sleep}) </dev/null >/dev/null 2>&1 &"
    started = site.fleet.ssh("node3", f"{begin} sleep 1; pgrep -x -u shop-web sleep")
    worker = started.stdout.split()[0]
    site.said = ""
    assert site.run("contract", database=database()) == 1
    assert f"process {worker} of shop-web belongs to {first}: sleep 4324" in site.said
    assert written(site, "contracted") == []
    assert site.run("rollback", database=database()) == 0, site.said
    assert site.run("rollback", database=database()) == 0, site.said
    site.fleet.ssh("node3", f"kill {worker}")

    assert site.run("contract", database=database()) == 0, site.said
    assert written(site, "contracted") == [f"{second} shop-web"]
    site.said = ""
    assert site.run("rollback", database=database()) == 3
    assert f"the contract of {second} has removed from the schema what older releases use" in site.said
    assert site.run("rollback", f"to={first}", database=database()) == 3
    third = release(site, "v1")
    assert site.run("rollback", database=database()) == 0, site.said
    assert site.node("readlink -f /srv/shop/live/release") == [f"/srv/shop/releases/{second}"] * 3
    assert len(written(site, "expanded")) == 4
    assert written(site, "expanded")[-1] == f"{third} shop-web"
