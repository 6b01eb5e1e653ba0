"""A node is taken out at HAProxy's socket for root, or at the only socket of an earlier version. The real script."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.switches.haproxy import HAProxy

pytestmark = pytest.mark.exhaustive

SOCAT = """#!/bin/sh
for socket; do :; done
read -r command
case $socket in unix-connect:$ADMIN) ;; *) [ -n "$EARLIER" ] || operator=yes ;; esac
[ "$socket" != unix-connect:/run/haproxy/shop.admin.sock ] || [ -z "$EARLIER" ] || exit 1
case $command in
"show info") echo "Name: HAProxy" ;;
"show servers state"*) echo "1 shop_blue 1 n1 10.0.0.1 2 0" ;;
*) echo "$command" >>"$SAID"; [ -z "$operator" ] || echo "Permission denied" ;;
esac
"""


@pytest.mark.parametrize("earlier", ["", "yes"])
def test_a_node_is_taken_out_at_the_socket_that_permits_it(tmp_path: Path, earlier: str) -> None:
    socat = tmp_path / "socat"
    socat.write_text(SOCAT)
    socat.chmod(0o755)
    layout = BalancerLayout("shop")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ADMIN": layout.haproxy_admin,
        "EARLIER": earlier,
        "SAID": f"{tmp_path}/said",
    }
    done = subprocess.run(
        ["sh", "-c", HAProxy(layout).bar, "bar", "n1", "10.0.0.1", "on"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "said").read_text().splitlines() == [
        f"set server shop_{color}/n1 state maint" for color in ("blue", "green")
    ]
