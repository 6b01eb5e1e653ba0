"""The hooks that docs/hooks.md shows for git and for monitoring, as they stand: with a real git and a real webhook."""

from __future__ import annotations

import ast
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.journal.session import who
from orchestrator.options import Options
from tests.fakes.git import git
from tests.fakes.world import World
from tests.run.conftest import _twice, released
from tests.test_docs import ROOT, blocks

__all__ = ["_twice", "released"]

PART = (ROOT / "docs/hooks.md").read_text().split("## Mark each release in git and in your monitoring")[1]


class Webhook:
    """A webhook on this machine.

    + status: status of its answers
    """

    def __init__(self) -> None:
        self.status = 200
        self.heard: list[dict[str, Any]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/json"
                webhook.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(webhook.status)
                self.end_headers()

            @override
            def log_message(self, *arguments: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/a-secret-part"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


@pytest.fixture
def documented(released: World, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings with these hooks. The present directory has the script and the clone that the page asks for."""
    (shown,) = (block for block in blocks(PART) if block.startswith('"hooks"'))
    (script,) = re.findall(r"^  ```python\n(.*?)^  ```$", PART, re.MULTILINE | re.DOTALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/deployment-marker.py").write_text(re.sub("^  ", "", script, flags=re.MULTILINE))
    git(tmp_path, "clone", "-q", str(released.origin), "shop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPLOYMENT_URL", webhook.url)
    hooks: dict[str, Any] = ast.literal_eval(f"{{{shown}}}")
    return released.settings | hooks


def tags(world: World) -> dict[str, str]:
    """Name of each tag of a release in the origin -> its commit."""
    said = git(world.origin, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags/deployed/")
    return {name.removeprefix("refs/tags/deployed/"): commit for name, commit in map(str.split, said.splitlines())}


@pytest.mark.exhaustive
def test_the_hooks_of_the_page_mark_each_release(
    released: World, documented: dict[str, Any], webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = load(documented)
    assert verbs.release(released.fleet(settings), Options(ref="v2")) == 0
    release, commit = released.live_release("node1"), git(released.origin, "rev-parse", "v2").strip()
    assert tags(released) == {release: commit}
    marker = {"verb": "release", "release": release, "color": released.live("node1"), "ref": "v2", "revision": commit}
    assert webhook.heard == [marker | {"nodes": "node1 node2 node3", "user": who()}]
    assert verbs.rollback(released.fleet(settings), Options()) == 0
    assert tags(released) == {release: commit}
    assert (webhook.heard[1]["verb"], webhook.heard[1]["release"]) == ("rollback", released.live_release("node1"))
    said = "".join(capfd.readouterr())
    assert "warning" not in said
    assert webhook.url not in said


@pytest.mark.exhaustive
def test_a_webhook_that_fails_does_not_fail_the_release(
    released: World, documented: dict[str, Any], webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook.status = 500
    Path("shop").rename("elsewhere")
    assert verbs.release(released.fleet(load(documented)), Options(ref="v2")) == 0
    said = "".join(capfd.readouterr())
    assert "warning: operator: `python3 bin/deployment-marker.py` ended with status 1: urllib.error.HTTPError" in said
    assert "ended with status 128: fatal: cannot change to 'shop'" in said
    assert webhook.url not in said
