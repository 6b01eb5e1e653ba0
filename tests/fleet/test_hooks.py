"""Hooks on the fleet: as the deploy user, as the web user, on balancers, and when the undo has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.running import Shape
from tests.fleet.site import Site, settings

pytestmark = pytest.mark.slow

LOG = "/srv/shop/shared/storage/hooks"
TELL = f"echo $(id -un) $PWD $ORCHESTRATOR_VERB $ORCHESTRATOR_REF $ORCHESTRATOR_NODES >>{LOG}"


def as_web(**where: Any) -> dict[str, Any]:
    return {"user": "web", **where}


@pytest.fixture
def shape(site_directory: Path) -> Shape:
    # provisioning must know that a hook runs as the web user
    hooks = [as_web(after="gate", run="true")]
    return {"SETTINGS": json.dumps(settings(site_directory, web="true") | {"hooks": hooks})}


def test_hooks_run_as_the_user_and_where_they_should(site: Site, tmp_path: Path) -> None:
    site.node(f"rm -f {LOG}")
    hooks = [
        as_web(before="fetch", run=TELL),
        as_web(after="gate", run=TELL),
        {"after": "warm", "run": "test $(id -un) = deploy && test $RELEASE_PATH = $PWD"},
        {"after": "cutover", "on": "balancers", "run": "test $(id -un) = deploy && test -n $ORCHESTRATOR_REVISION"},
        {
            "after": "promote",
            "on": "operator",
            "run": f"echo $ORCHESTRATOR_RELEASE $ORCHESTRATOR_REPORT >{tmp_path}/done",
        },
    ]
    assert site.run("release", "ref=v1", f"report={tmp_path}/report", web="true", hooks=hooks) == 0, site.said
    releases = site.node("readlink -f /srv/shop/live/release")
    nodes = " ".join(node["name"] for node in site.fleet.nodes)
    facts = f"release v1 {nodes}"
    assert site.node(f"cat {LOG}") == [f"shop-web /srv/shop {facts}\nshop-web {made} {facts}" for made in releases]
    assert (tmp_path / "done").read_text() == f"{Path(releases[0]).name} {tmp_path}/report\n"


def test_a_late_hook_is_undone_and_told_of(site: Site, tmp_path: Path) -> None:
    site.node(f"rm -f {LOG}")
    site.said = ""
    hooks = [
        as_web(after="gate", run="setsid sleep 4325 & sleep 4325", undo=f"echo back >>{LOG}", deadline=4),
        as_web(after="failed", run=f"echo failed >>{LOG}"),
        {"after": "undone", "on": "operator", "run": f"touch {tmp_path}/undone"},
    ]
    assert site.run("release", "ref=v2", web="true", hooks=hooks) == 1
    assert "the hook `setsid sleep 4325 & sleep 4325` took longer than 4 s" in site.said
    assert site.node(f"cat {LOG}") == ["back\nfailed"] * 3
    assert site.node("pgrep -x -a sleep | grep 4325") == [""] * 3
    assert (tmp_path / "undone").exists()
