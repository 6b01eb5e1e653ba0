"""Built files on either side of a switch: a page of one release finds them on the other one, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.model import Color
from tests.fleet.running import Fleet
from tests.fleet.switching import Runs, node_layout
from tests.fleet.traffic import ask


@pytest.fixture
def built(fleet: Fleet, warm: Runs) -> Iterator[None]:
    """Each color's release has files that the other one has not."""
    layout = node_layout(fleet)
    for color in Color:
        public = f"{layout.link(color)}/public"
        names = [f"build/app-{color}.js", f"build/{color}.php", f"build/.{color}", f"{color}.txt", f"builds-{color}"]
        write = " && ".join(f"echo {color} >{public}/{name}" for name in (*names, "build/same.js"))
        for node in fleet.nodes:
            done = fleet.ssh(node["name"], f"mkdir {public}/build && {write}", "deploy")
            assert done.returncode == 0, done.stderr
    yield
    for color in Color:
        public = f"{layout.link(color)}/public"
        for node in fleet.nodes:
            done = fleet.ssh(node["name"], f"cd {public} && rm -r build builds-* *.txt", "deploy")
            assert done.returncode == 0, done.stderr


def test_a_page_finds_its_built_files_on_the_other_color(fleet: Fleet, built: None, tmp_path: Path) -> None:
    urls = [node[f"{color}_url"] for node in fleet.nodes for color in Color]
    urls += [node["live_url"] for node in fleet.nodes] + [fleet.haproxy_url, fleet.nginx_url]
    for url in urls:
        for color in Color:
            answer = ask(url, f"/build/app-{color}.js")
            assert (answer.status, answer.text) == (200, f"{color}\n"), url
            assert answer.headers["content-type"] == "application/javascript"
            assert answer.headers["x-release"] == ask(url).body["release"]
    for node in fleet.nodes:
        for color in Color:
            own, other = node[f"{color}_url"], color.other
            # its own goes first
            assert ask(own, "/build/same.js").text == f"{color}\n"
            for path in (f"/build/{other}.php", f"/{other}.txt", f"/builds-{other}", "/build/"):
                answer = ask(own, path)
                assert answer.status == 404, path
                # the front controller's, of its own release
                assert answer.body["release"] == answer.headers["x-release"]
            assert ask(own, f"/build/../{other}.txt").status == ask(own, f"/build/.{other}").status == 404
