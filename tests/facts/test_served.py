"""Which nodes answer through a balancer: the script with a stand-in for curl, which answers as nginx does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from orchestrator.facts.served import SCRIPT, Served

CURL = """#!/bin/sh
read -r token
echo "$token $*" >>"$ASKED"
[ "$(wc -l <"$ASKED")" = 2 ] || node='X-Node: node2'
printf 'HTTP/1.1 200 OK\\r\\nServer: nginx\\r\\n%s\\r\\n\\r\\n' "$node"
"""


def test_each_answer_names_its_node(tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", SCRIPT, "served", "/health", "shop.test", "https", "8000", "3"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked")},
        input="the-token\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["node2", "node2"]
    first, *_ = asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 3
    assert first.startswith("X-Probe-Token: the-token ")
    assert "the-token" not in first.partition(" -gs ")[2]
    assert first.endswith("-H Host: shop.test -H X-Forwarded-Proto: https http://127.0.0.1:8000/health")


def test_answers_without_a_marker_are_left_out() -> None:
    assert Served().process(["node2", "node1", "node2"]) == {"node1", "node2"}
    assert Served().process([]) == frozenset()
