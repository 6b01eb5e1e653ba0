"""Each color's requests have the preloaded files of its own release, and of no other."""

from __future__ import annotations

import shlex

import pytest

from orchestrator.model import Color
from orchestrator.scripts.fastcgi import body, fastcgi_command
from tests.fleet.running import Fleet, Shape
from tests.fleet.switching import PHP, node_layout
from tests.fleet.traffic import ask

ASK = "<?php echo class_exists('App\\Version', false) ? App\\Version::NUMBER : 'nothing';"


@pytest.fixture
def shape() -> Shape:
    return PHP


def preloaded(fleet: Fleet, host: str, color: Color) -> str:
    done = fleet.ssh(host, fastcgi_command(node_layout(fleet).socket(color), "/tmp/preloaded.php"), "deploy")
    return body(done.stdout.splitlines())


@pytest.mark.slow
def test_each_color_has_what_its_release_preloads(fleet: Fleet) -> None:
    for node in fleet.nodes:
        assert fleet.ssh(node["name"], f"echo {shlex.quote(ASK)} >/tmp/preloaded.php").returncode == 0
    for ref in ("v1", "v2"):
        done = fleet.pyinfra("deploys/release.py", "-y", "--data", f"ref={ref}", environment=PHP)
        assert done.returncode == 0, done.stderr
    before = {node["name"]: {color: ask(node[f"{color}_url"]).body for color in Color} for node in fleet.nodes}
    for name, colors in before.items():
        assert {colors[color]["version"] for color in Color} == {"v1", "v2"}
        assert all(preloaded(fleet, name, color) == colors[color]["version"] for color in Color)
    done = fleet.pyinfra("deploys/release.py", "-y", "--data", "ref=unloadable", environment=PHP)
    assert done.returncode == 1
    assert "-fpm.service: PHP Fatal error:  Uncaught RuntimeException: no preloading today in" in done.stderr
    assert "release failed and was undone" in done.stderr
    # each color as it was
    for node in fleet.nodes:
        for color in Color:
            assert ask(node[f"{color}_url"]).body == before[node["name"]][color]
            assert preloaded(fleet, node["name"], color) == before[node["name"]][color]["version"]
