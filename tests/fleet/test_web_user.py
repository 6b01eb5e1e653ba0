"""Build steps as the web user on the fleet: their rights, their environment, and that they leave no process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.processes import eventually
from tests.fleet.running import Shape
from tests.fleet.site import SECRETS, Site, settings

pytestmark = pytest.mark.slow


@pytest.fixture
def shape(site_directory: Path) -> Shape:
    return {"SETTINGS": json.dumps(settings(site_directory, web="cat .env"))}


def test_the_web_user_migrates_a_file_that_deploy_cannot_write(site: Site) -> None:
    database = "/srv/shop/shared/storage/db"
    site.node(f"rm -f {database}; runuser -u shop-web -- install -m 644 /dev/null {database}")
    assert site.node(f"echo x 2>/dev/null >>{database} || echo refused", "deploy") == ["refused"] * 3
    migrate = "id -un >>storage/db; pwd >>storage/db; env >cache/variables; cp .env cache/seen"
    assert site.run("release", "ref=v1", web=migrate) == 0, site.said
    releases = site.node("readlink -f /srv/shop/live/release")
    assert site.node(f"cat {database}") == [f"shop-web\n{release}" for release in releases]
    for release, variables in zip(releases, site.node("cat /srv/shop/live/release/cache/variables"), strict=True):
        found = dict(line.split("=", 1) for line in variables.splitlines())
        assert found.keys() - {"LANG", "PWD", "SHLVL", "_", "OLDPWD"} == {
            *("HOME", "USER", "LOGNAME", "SHELL", "PATH"),
            *("RELEASE", "COLOR", "RELEASE_PATH"),
        }
        assert (found["USER"], found["RELEASE_PATH"]) == ("shop-web", release)
    assert site.node("stat -c '%U' /srv/shop/live/release/cache/seen") == ["shop-web"] * 3


def left(site: Site) -> list[str]:
    """The processes of the web user's commands that run on each node."""
    return site.node("pgrep -u shop-web -x -f 'sleep 43[0-9]*'")


def test_a_failed_step_of_the_web_user_leaves_no_process(site: Site) -> None:
    site.said = ""
    assert site.run("release", "ref=v2", web="setsid sleep 4321 & cat .env; exit 3") == 1
    assert "build web failed on node1" in site.said
    shown = [line.strip() for line in site.said.splitlines() if " | " in line]
    assert any(line.endswith("| APP_KEY=***") for line in shown)
    assert not any(secret in site.said for secret in SECRETS.values())
    assert left(site) == [""] * 3


def test_a_late_step_of_the_web_user_leaves_no_process(site: Site) -> None:
    site.said = ""
    assert site.run("release", "ref=v2", web="setsid sleep 4322 & sleep 4322", deadline=4) == 1
    assert "build web failed on node1" in site.said
    assert left(site) == [""] * 3


def test_a_killed_run_leaves_no_process_of_the_web_user(site: Site) -> None:
    with site.start("release", "ref=v2", web="setsid sleep 4323 & sleep 4323") as run:
        eventually(lambda: all(len(found.splitlines()) == 2 for found in left(site)))
        run.kill()
    assert site.run("abort") == 0, site.said
    assert left(site) == [""] * 3
    assert site.node("ls /srv/shop/guard/web 2>&1 | grep -c 'No such'") == ["1"] * 3
