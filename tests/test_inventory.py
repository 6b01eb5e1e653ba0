"""What inventory files take from `orchestrator.inventory`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory import PATIENCE


class Proxy:
    """A command that reaches a server, in place of a socket."""

    def settimeout(self, timeout: float) -> None:
        """Do nothing, because nothing is read."""


def test_a_login_sends_each_packet_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        assert not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert PATIENCE["transport_factory"](connection, gss_kex=False).sock is connection
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("proxy", [Proxy(), socket.socketpair()[0]])
def test_a_login_through_a_proxy_needs_no_tcp(proxy: Any) -> None:
    assert PATIENCE["transport_factory"](proxy, gss_kex=False).sock is proxy


@pytest.mark.parametrize(("deploy", "ahead"), [("from orchestrator.deploy import run", True), ("run = 1", False)])
def test_a_verb_is_imported_while_pyinfra_connects(deploy: str, ahead: bool, tmp_path: Path) -> None:
    (tmp_path / "verb.py").write_text(deploy)
    code = f"""
import json, sys
import click, gevent
from orchestrator.inventory import handle_signals
context = click.Context(click.Command("pyinfra"))
context.params["operations"] = [{str(tmp_path / "verb.py")!r}]
with context:
    handle_signals()
before = "orchestrator.config" in sys.modules
gevent.get_hub().join()  # until no greenlet has anything to do
made = "orchestrator.deploy" in sys.modules and sys.modules["orchestrator.config"].Settings.__pydantic_complete__
print(json.dumps([before, made]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [False, ahead]
