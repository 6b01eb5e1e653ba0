"""Each release carries the configuration of its color, and a release that nginx refuses gets no traffic."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.stack.files import files
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive


def of(world: World, **changes: Any) -> Settings:
    return load(world.settings | changes)


def stack(world: World, node: str, color: Color) -> dict[str, str]:
    """The files of the release of a color: name -> text, or where the link leads."""
    found: Path = world.root(node) / f"{color}/release/.release/stack"
    return {
        str(path.relative_to(found)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in found.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_each_release_keeps_the_settings_that_it_was_made_with(released: World) -> None:
    before = files(of(released))
    new = of(released, web={"max_body": "77m"})
    assert verbs.release(released.fleet(new), Options(ref="v1")) == 0
    for node in released.nodes:
        assert stack(released, node, Color.green) == {**files(new), "public": "../../public"}
        assert stack(released, node, Color.blue) == {**before, "public": "../../public"}
    assert verbs.rollback(released.fleet(new), Options()) == 0
    assert stack(released, "node1", Color.blue) == {**before, "public": "../../public"}


def test_a_release_that_nginx_refuses_gets_no_traffic(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    released.break_("node2", "check-stack")
    assert verbs.release(released.fleet(), Options(ref="v1")) == 1
    said = capsys.readouterr().err
    assert "configure failed on node2" in said
    assert "is refused" in said
    assert released.snapshot() == before


def test_a_code_only_release_needs_the_same_settings(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    before, live = released.snapshot(), released.live_release("node1")
    other = of(released, web={"cache": 60}, assets=["build"])
    assert verbs.code(released.fleet(other), Options(ref="v1")) == 1
    assert (
        f"the configuration of nginx, PHP-FPM or a service differs from the configuration of {live}: "
        "use deploys/release.py" in capsys.readouterr().err
    )
    assert released.snapshot() == before
    assert verbs.code(released.fleet(), Options(ref="v1")) == 0


def test_a_node_that_joins_gets_the_settings_of_the_releases(released: World) -> None:
    released.down.add("node3")
    (released.path / "node3/unreachable").touch()
    new = of(released, web={"max_body": "77m"})
    assert verbs.release(released.fleet(new), Options(ref="v1", allow_missing=frozenset({"node3"}))) == 0
    released.down.clear()
    (released.path / "node3/unreachable").unlink()
    assert verbs.join(released.fleet(of(released, web={"max_body": "1m"})), Options(node="node3")) == 0
    for color in Color:
        assert stack(released, "node3", color) == stack(released, "node1", color)
    assert stack(released, "node3", Color.green)["nginx-green.conf"] == files(new)["nginx-green.conf"]
